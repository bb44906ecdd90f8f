"""CAP over HTTP, from real servers that do what real feeds do (feed-quirks.md A, B, F)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from msgspec.structs import replace

from tests.contracts.feeds.conftest import Server, until
from tocsin.clock import TurnedClock, spell
from tocsin.errors import SourceError
from tocsin.sense.feeds import Wire, opener
from tocsin.sense.feeds.cap_feed import CapFeed, Options
from tocsin.sense.intake import REPORT_REFUSED, SOURCE_STRANGE, Intake
from tocsin.sense.report import REPORT_RECEIVED, Report
from tocsin.sense.source import SOURCE_HEARD, SOURCE_LOST

Facts = Callable[..., list[Any]]


def alert(name: str, sent: datetime, headline: str = "Storm") -> str:
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>{name}</identifier><sender>met.invalid</sender>
<sent>{spell(sent)}</sent><status>Actual</status><msgType>Alert</msgType><scope>Public</scope>
<info><category>Met</category><event>Storm</event><urgency>Immediate</urgency><severity>Severe</severity>
<certainty>Observed</certainty><headline>{headline}</headline>
<area><areaDesc>Kyiv</areaDesc><geocode><valueName>ISO3166-2</valueName><value>UA-30</value></geocode></area></info></alert>"""


def atom(updated: datetime, *entries: str) -> str:
    return f"""<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><id>x</id><title>Alerts</title>
<updated>{spell(updated)}</updated><link rel="self" href="/feed"/>{"".join(entries)}</feed>"""


def entry(href: str, updated: datetime | None = None) -> str:
    stamp = f"<updated>{spell(updated)}</updated>" if updated else ""
    return f"""<entry><id>{href}</id>{stamp}<link rel="alternate" type="text/html" href="{href}.html"/>
<link type="application/cap+xml" href="{href}"/></entry>"""


@pytest.fixture
async def feed(wire: Wire, clock: TurnedClock) -> Any:
    made = CapFeed(wire, clock, Options())
    yield made
    await made.fetcher.close()


def received(facts: Facts) -> list[str]:
    return [report.content.decode() for report in facts(REPORT_RECEIVED, Report)]


async def test_an_atom_index(server: Server, feed: CapFeed, intake: Intake, clock: TurnedClock, facts: Facts) -> None:
    """Each linked alert becomes a report, word for word, once, with its address and the time it was sent."""
    now = clock.now()
    first, second = alert("a", now), alert("b", now - timedelta(minutes=5))
    server.set("/a.cap", first)
    server.set("/b.cap", second)
    server.set("/feed", atom(now, entry("/a.cap", now), entry(server.address + "/b.cap", now)))
    for _ in range(3):
        await feed.once(intake)
    assert sorted(received(facts)) == sorted([first, second])
    reports = {report.address.rpartition("/")[2]: report for report in facts(REPORT_RECEIVED, Report)}
    assert reports["b.cap"].spoken == now - timedelta(minutes=5)
    assert server.paths().count("/a.cap") == 1
    assert intake.last_heard("met") == now
    assert [strange["codes"] for strange in facts(SOURCE_STRANGE)] == [["geocode:ISO3166-2"]]


@pytest.mark.parametrize("count", [0, 1])
async def test_none_or_one(
    server: Server, feed: CapFeed, intake: Intake, clock: TurnedClock, facts: Facts, count: int
) -> None:
    """A feed with one entry or none is a feed, and its own time says that it was heard (quirk 15)."""
    server.set("/a.cap", alert("a", clock.now()))
    server.set("/feed", atom(clock.now(), *[entry("/a.cap", clock.now())] * count))
    await feed.once(intake)
    assert len(received(facts)) == count
    assert intake.fresh("met")
    assert facts(REPORT_REFUSED) == []


async def test_an_rss_index(server: Server, feed: CapFeed, intake: Intake, clock: TurnedClock, facts: Facts) -> None:
    """RSS with links, enclosures and relative addresses, dates as in e-mail."""
    for name in "abc":
        server.set(f"/{name}.xml", alert(name, clock.now()))
    server.set(
        "/feed",
        f"""<rss version="2.0"><channel><lastBuildDate>Wed, 20 Nov 2024 00:59:00 GMT</lastBuildDate>
        <item><title>a</title><link>{server.address}/a.xml</link><guid>a</guid></item>
        <item><link>{server.address}/page</link>
        <enclosure url="{server.address}/b.xml" type="application/cap+xml"/></item>
        <item><link>/c.xml</link><pubDate>Wed, 20 Nov 2024 00:58:00 GMT</pubDate></item></channel></rss>""",
    )
    await feed.once(intake)
    assert len(received(facts)) == 3
    assert "/page" not in server.paths()


async def test_other_shapes(server: Server, feed: CapFeed, intake: Intake, clock: TurnedClock, facts: Facts) -> None:
    """A single file, a wrapper, alerts inside Atom, alerts escaped in RSS and a directory of files are feeds too."""
    bare = [alert(name, clock.now()).partition("?>")[2].strip() for name in "abcdef"]
    escaped = bare[4].replace("&", "&amp;").replace("<", "&lt;")
    server.set("/f.xml", bare[5])
    for body in (
        bare[0],
        f"<alerts>{bare[1]}{bare[0]}</alerts>",
        atom(clock.now(), f"<entry><id>c</id><content type='text/xml'>{bare[2]}</content></entry>"),
        f"<rss><channel><item><description>{escaped}</description></item></channel></rss>",
        "<html><body><a href='..'>..</a> <a href='f.xml'>f.xml</a> 20-Nov-2024 01:00 2K</body></html>",
    ):
        server.set("/feed", body)
        await feed.once(intake)
    named = {text.partition("<identifier>")[2][0] for text in received(facts)}
    assert named == {"a", "b", "c", "e", "f"}
    assert len(received(facts)) <= 6


async def test_validators(server: Server, feed: CapFeed, intake: Intake, clock: TurnedClock, facts: Facts) -> None:
    """What has not changed is not sent again: our validators are in the question, and a 304 is taken as it is meant."""

    async def conditional(request: web.Request) -> web.StreamResponse:
        if request.headers.get("If-None-Match") == '"1"':
            return web.Response(status=304)
        return web.Response(text=atom(clock.now(), entry("/a.cap", clock.now())), headers={"ETag": '"1"'})

    server.set("/feed", conditional)
    server.set("/a.cap", alert("a", clock.now()))
    await feed.once(intake)
    await feed.once(intake)
    assert server.asked[-1].headers["If-None-Match"] == '"1"'
    assert len(received(facts)) == 1


async def test_a_server_that_ignores_validators(
    server: Server, feed: CapFeed, intake: Intake, clock: TurnedClock, facts: Facts
) -> None:
    """The same 200 again and again is the same report (quirk 72)."""
    server.set("/a.cap", alert("a", clock.now()), ETag='"1"')
    server.set("/feed", atom(clock.now(), entry("/a.cap")), ETag='"1"')
    for _ in range(25):
        clock.turn(30)
        await feed.once(intake)
    assert len(received(facts)) == 1
    assert server.paths().count("/a.cap") == 3, "asked again every ten intervals, in case its content changed"


async def test_content_that_changes_under_its_address(
    server: Server, feed: CapFeed, intake: Intake, clock: TurnedClock, facts: Facts
) -> None:
    """A new version under the same address is taken at once if the index says so, and within ten intervals if it does
    not; the same alert under a new address is no new report (quirk 37)."""
    server.set("/a.cap", alert("a", clock.now(), "one"))
    server.set("/feed", atom(clock.now(), entry("/a.cap", clock.now())))
    await feed.once(intake)
    clock.turn(30)
    server.set("/a.cap", alert("a", clock.now(), "two"))
    server.set("/feed", atom(clock.now(), entry("/a.cap", clock.now())))
    await feed.once(intake)
    server.set("/a.cap", alert("a", clock.now(), "three"))
    for _ in range(10):
        clock.turn(30)
        await feed.once(intake)
    server.set("/elsewhere.cap", alert("a", clock.now() - timedelta(seconds=300), "three"))
    server.set("/feed", atom(clock.now(), entry("/elsewhere.cap", clock.now())))
    await feed.once(intake)
    assert [text.partition("<headline>")[2].partition("<")[0] for text in received(facts)] == ["one", "two", "three"]


async def test_one_bad_alert_costs_no_other(
    server: Server, feed: CapFeed, intake: Intake, clock: TurnedClock, facts: Facts
) -> None:
    """Among a hostile, a broken, an absent, a hanging and an error page, the good ones arrive; what came and could not
    be taken is refused with a code."""

    async def hang(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(60)
        return web.Response()

    feed.total_s = 0.5
    server.set("/bomb.cap", '<!DOCTYPE a [<!ENTITY b "c">]><alert>&b;</alert>')
    server.set("/text.cap", "the alert system is being maintained")
    server.set("/page.cap", "<!doctype html><html>Sorry</html>")
    server.set("/hang.cap", hang)
    server.set("/outside.cap", "never asked")
    names = ["bomb", "text", "page", "hang", "none", "good", "fine"]
    links = [entry(f"/{name}.cap", clock.now()) for name in names]
    server.set("/good.cap", alert("good", clock.now()))
    server.set("/fine.cap", alert("fine", clock.now()))
    server.set("/feed", atom(clock.now(), *links, entry("http://169.254.169.254/x.cap"), entry("file:///etc/passwd")))
    await feed.once(intake)
    assert len(received(facts)) == 2
    codes = sorted(refused["code"] for refused in facts(REPORT_REFUSED))
    assert codes == ["xml.doctype", "xml.not-xml"]
    assert intake.fresh("met")


async def test_an_alert_that_is_no_longer_listed_has_not_ended(
    server: Server, feed: CapFeed, intake: Intake, clock: TurnedClock, facts: Facts
) -> None:
    """A feed cut to its newest entries, or flickering, ends nothing (quirks 26, 29, 30)."""
    server.set("/a.cap", alert("a", clock.now()))
    server.set("/feed", atom(clock.now(), entry("/a.cap", clock.now())))
    await feed.once(intake)
    clock.turn(30)
    server.set("/feed", atom(clock.now()))
    await feed.once(intake)
    assert len(received(facts)) == 1


async def test_a_frozen_feed_is_lost(
    server: Server, feed: CapFeed, intake: Intake, clock: TurnedClock, facts: Facts
) -> None:
    """A feed that answers 200 with what it said an hour ago is as silent as one that does not answer (F20)."""
    server.set("/feed", atom(clock.now()))
    for _ in range(5):
        await feed.once(intake)
        clock.turn(30)
        intake.check()
    assert (len(facts(SOURCE_HEARD)), len(facts(SOURCE_LOST))) == (1, 1)


async def test_a_stale_copy_is_not_heard(
    server: Server, wire: Wire, intake: Intake, clock: TurnedClock, facts: Facts
) -> None:
    """With "answer" as the rule, a steady feed stays heard, 304 or 200; one whose time goes backwards does not count,
    and what only it lists is taken all the same."""
    feed = CapFeed(replace(wire, heard="answer"), clock, Options())
    built = clock.now()
    server.set("/feed", atom(built))
    for _ in range(4):
        await feed.once(intake)
        clock.turn(30)
    server.set("/feed", "", 304)
    await feed.once(intake)
    assert intake.last_heard("met") == clock.now()
    before = clock.now()
    clock.turn(30)
    server.set("/old.cap", alert("old", built - timedelta(hours=1)))
    server.set("/feed", atom(built - timedelta(hours=1), entry("/old.cap")))
    await feed.once(intake)
    assert intake.last_heard("met") == before
    assert len(received(facts)) == 1
    await feed.fetcher.close()


@pytest.mark.parametrize(
    "body",
    ["", "\0\0\0", "<!DOCTYPE html><html><body>We are working on it</body></html>", "Service unavailable", "<weather/>",
     "<?xml version='1.0'?><!DOCTYPE feed [<!ENTITY x 'y'>]><feed>&x;</feed>"],
)  # fmt: skip
async def test_what_is_no_feed_is_a_fault(
    server: Server, feed: CapFeed, intake: Intake, clock: TurnedClock, facts: Facts, body: str
) -> None:
    """An empty answer, an error page with a 200 (quirk 4), other XML: a fault of the source, and nothing is heard."""
    server.set("/feed", body)
    with pytest.raises(SourceError):
        await feed.once(intake)
    assert facts(SOURCE_HEARD) == []


async def test_a_304_clears_the_error(
    server: Server, feed: CapFeed, intake: Intake, clock: TurnedClock, facts: Facts
) -> None:
    """A fault is kept with its beginning until an answer comes, and a 304 is one (quirk 73); polls go on meanwhile,
    later each time, and a source that is lost says what was wrong."""
    server.set("/feed", "", 500)
    running = asyncio.create_task(feed.run(intake))
    try:
        await until(lambda: feed.state.failures == 1)
        assert "HTTP 500" in feed.state.error
        assert feed.state.since == clock.now()
        clock.turn(61)
        await until(lambda: feed.state.failures == 2)
        intake.check()
        assert "HTTP 500" in facts(SOURCE_LOST)[0]["reason"]
        clock.turn(31)
        await asyncio.sleep(0)
        assert feed.state.failures == 2, "the second wait is longer than the first"
        server.set("/feed", "", 304)
        clock.turn(60)
        await until(lambda: feed.state.failures == 0)
        assert (feed.state.error, feed.state.since) == ("", None)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_retry_after_is_kept(server: Server, feed: CapFeed, intake: Intake, clock: TurnedClock) -> None:
    """Told to come back in an hour, we do not ask before (quirk 74)."""
    server.set("/feed", "", 429, Retry_After="3600")
    running = asyncio.create_task(feed.run(intake))
    try:
        await until(lambda: feed.state.failures == 1)
        for _ in range(11):
            clock.turn(300)
            for _ in range(10):
                await asyncio.sleep(0)
        assert len(server.asked) == 1
        clock.turn(400)
        await until(lambda: len(server.asked) == 2)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_hanging_host_blocks_no_other(
    server: Server, other_server: Server, wire: Wire, clock: TurnedClock, store: Any, facts: Facts
) -> None:
    """Ten sources on a host that never answers, and one that works: it is heard at once (quirk 71)."""

    async def hang(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(60)
        return web.Response()

    other_server.set("/hang", hang)
    server.set("/feed", atom(clock.now()))
    wires = [replace(wire, id=f"h{n}", url=other_server.address + "/hang") for n in range(10)] + [wire]
    intake = Intake(store, clock, [each.source() for each in wires])
    feeds = [CapFeed(each, clock, Options(total_s=5)) for each in wires]
    running = [asyncio.create_task(feed.run(intake)) for feed in feeds]
    try:
        await until(lambda: intake.last_heard("met") is not None)
        assert all(feed.state.last_answer is None for feed in feeds[:10])
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def test_encodings(server: Server, feed: CapFeed, intake: Intake, clock: TurnedClock, facts: Facts) -> None:
    """An index and alerts in UTF-16 or with byte order marks are read, and the alerts' bytes kept (quirk 2)."""
    body = alert("a", clock.now()).replace("UTF-8", "UTF-16").encode("utf-16")
    server.set("/a.cap", body, Content_Type="text/xml; charset=us-ascii")
    server.set("/feed", b"\xef\xbb\xbf" + atom(clock.now(), entry("/a.cap")).encode())
    await feed.once(intake)
    assert [report.content for report in facts(REPORT_RECEIVED, Report)] == [body]


def test_the_kind_is_found_by_its_file() -> None:
    """The registry opens this feed by its file's name, as it does any other."""
    wire = Wire(id="met", name="Met", kind="cap_feed", url="http://127.0.0.1/feed")
    assert isinstance(opener("cap_feed")(wire, TurnedClock()), CapFeed)

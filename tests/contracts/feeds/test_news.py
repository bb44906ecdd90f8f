"""News over HTTP: feeds of three kinds, pages that change, and pages that show no article."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.contracts.feeds.conftest import Server
from tocsin.clock import TurnedClock
from tocsin.errors import SettingsError, SourceError
from tocsin.journal import follow
from tocsin.sense.feeds import Wire, opener
from tocsin.sense.feeds.entries import read_feed
from tocsin.sense.feeds.news import NewsFeed, Options
from tocsin.sense.intake import REPORT_REFUSED, Intake
from tocsin.sense.news import News, spans
from tocsin.sense.report import NEWS_JSON, REPORT_RECEIVED, Report
from tocsin.store.sqlite import SqliteStore

Facts = Callable[..., list[Any]]


def page(*sentences: str) -> str:
    inside = "".join(f"<p>{sentence}</p>" for sentence in sentences)
    return f"<!doctype html><html><head><title>Fire</title></head><body><article><h1>Fire</h1>{inside}</article></body></html>"


FEARED = "The fire in the block of flats was probably caused by debris, the city emergency service said in the night."
RIGHT = "A household appliance was the cause of the fire in the block of flats, the city emergency service said today."


def rss(*entries: tuple[str, str, str]) -> str:
    items = "".join(
        f"<item><title>{title}</title><link>{link}</link><pubDate>Wed, 20 Nov 2024 07:00:00 GMT</pubDate>"
        f"<description>{text}</description></item>"
        for link, title, text in entries
    )
    return f'<?xml version="1.0"?><rss version="2.0"><channel><title>The Courier</title>{items}</channel></rss>'


@pytest.fixture
async def feed(wire: Wire, clock: TurnedClock) -> Any:
    made = NewsFeed(replace(wire, kind="news"), clock, Options())
    yield made
    await made.fetcher.close()


def told(facts: Facts) -> list[tuple[Report, News]]:
    reports = facts(REPORT_RECEIVED, Report)
    return [(report, msgspec.json.decode(report.content, type=News)) for report in reports]


async def test_an_article_is_fetched_and_reported_once(
    server: Server, feed: NewsFeed, intake: Intake, facts: Facts
) -> None:
    """Each linked article becomes one report with headline, words, time, outlet and address."""
    server.set("/feed", rss(("/a", "Fire in a block of flats", "Short.")))
    server.set("/a", page(FEARED))
    await feed.once(intake)
    await feed.once(intake)
    ((report, news),) = told(facts)
    assert report.media_type == NEWS_JSON
    assert (news.headline, news.outlet, news.url) == ("Fire in a block of flats", "The Courier", server.address + "/a")
    assert FEARED in news.text
    assert news.published is not None
    assert news.published.isoformat() == "2024-11-20T07:00:00+00:00"
    assert server.paths().count("/a") == 1


async def test_new_words_at_the_same_address_name_the_version_before(
    server: Server, feed: NewsFeed, intake: Intake, clock: TurnedClock, facts: Facts
) -> None:
    """A corrected article is a new report that names the older one; the same words again are none."""
    server.set("/feed", rss(("/a", "Fire", "Short.")))
    server.set("/a", page(FEARED))
    await feed.once(intake)
    for text in (RIGHT, RIGHT):
        server.set("/a", page(text))
        clock.set(clock.now() + timedelta(seconds=feed.wire.interval_s * 10))
        await feed.once(intake)
    (first, _), (second, news) = told(facts)
    assert news.before == first.id
    assert RIGHT in news.text
    assert second.id != first.id


async def test_an_article_known_before_a_restart_is_not_new(
    server: Server, feed: NewsFeed, intake: Intake, clock: TurnedClock, facts: Facts
) -> None:
    """A feed that starts again with no memory records nothing twice."""
    server.set("/feed", rss(("/a", "Fire", "Short.")))
    server.set("/a", page(FEARED))
    await feed.once(intake)
    again = NewsFeed(feed.wire, clock, Options())
    await again.once(intake)
    await again.fetcher.close()
    assert len(told(facts)) == 1


async def test_a_consent_page_is_refused_and_the_summary_stands_in(
    server: Server, feed: NewsFeed, intake: Intake, facts: Facts
) -> None:
    """What is no article is refused with its code, once; the feed's own words are reported as an excerpt."""
    server.set("/feed", rss(("/a", "Fire in a block of flats", FEARED), ("/b", "Bridge", "Short.")))
    wall = "<!doctype html><html><body><div>Before you continue</div><button>Accept all cookies</button></body></html>"
    server.set("/a", wall)
    server.set("/b", wall + " ")
    await feed.once(intake)
    assert {one["code"] for one in facts(REPORT_REFUSED)} == {"page.consent"}
    ((_, news),) = told(facts)
    assert news.excerpt
    assert news.text == f"Fire in a block of flats\n{FEARED}"


async def test_one_article_that_fails_costs_no_other(
    server: Server, feed: NewsFeed, intake: Intake, facts: Facts
) -> None:
    """A missing page, an address into a private network, and a script are passed by; the rest is read."""
    server.set(
        "/feed",
        rss(
            ("/gone", "Gone", "-"),
            ("http://10.0.0.1/x", "In", "-"),
            ("javascript:alert(1)", "No", "-"),
            ("/a", "A", "-"),
        ),
    )
    server.set("/a", page(FEARED))
    await feed.once(intake)
    assert [news.headline for _, news in told(facts)] == ["A"]


async def test_a_single_page_is_watched(server: Server, feed: NewsFeed, intake: Intake, facts: Facts) -> None:
    """A page instead of a feed is its own only article."""
    server.set("/feed", page(FEARED))
    await feed.once(intake)
    server.set("/feed", page(RIGHT))
    await feed.once(intake)
    (first, _), (_, news) = told(facts)
    assert news.before == first.id


@pytest.mark.parametrize(
    "content",
    [
        rss(("https://x.example/a", "T", "S")),
        '<feed xmlns="http://www.w3.org/2005/Atom"><title>The Courier</title><entry><id>1</id><title>T</title>'
        '<link href="https://x.example/a"/><updated>2024-11-20T07:00:00Z</updated><summary>S</summary></entry></feed>',
        json.dumps(
            {
                "version": "https://jsonfeed.org/version/1.1",
                "title": "The Courier",
                "items": [
                    {
                        "id": "1",
                        "url": "https://x.example/a",
                        "title": "T",
                        "content_text": "S",
                        "date_published": "2024-11-20T07:00:00Z",
                    }
                ],
            }
        ),
    ],
    ids=["rss", "atom", "json"],
)
def test_three_kinds_of_feed_say_the_same(content: str) -> None:
    """RSS, Atom and JSON Feed with one entry are read alike."""
    title, (item,) = read_feed(content.encode(), "https://x.example/feed")
    assert (title, item.address, item.headline, item.summary) == ("The Courier", "https://x.example/a", "T", "S")
    assert item.published is not None
    assert item.published.isoformat() == "2024-11-20T07:00:00+00:00"


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]", b"\0\xff", b"<rss></rss>", b"<!DOCTYPE x [<!ENTITY a 'b'>]><rss/>"]
)
def test_what_is_no_feed_is_a_fault_of_the_source(content: bytes) -> None:
    """Rubbish, and XML that declares entities, raise what every feed raises."""
    with pytest.raises(SourceError):
        read_feed(content, "https://x.example/feed")


def test_news_is_never_official(wire: Wire, clock: TurnedClock) -> None:
    """A news feed that calls itself official, or whose silence should make places unknown, is refused at the start."""
    for wrong in (replace(wire, kind="news", official=True), replace(wire, kind="news", covers=("UA",))):
        with pytest.raises(SettingsError):
            opener("news")(wrong, clock)


# --- sitemaps and licences -------------------------------------------------------------------------------------------


def listed(*urls: tuple[str, str, str]) -> str:
    """A news sitemap of (address, title, published)."""
    items = "".join(
        f"<url><loc>{address}</loc><news:news><news:publication><news:name>The Courier</news:name>"
        f"<news:language>en</news:language></news:publication><news:publication_date>{published}</news:publication_date>"
        f"<news:title>{title}</news:title></news:news></url>"
        for address, title, published in urls
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" '
        f'xmlns:news="http://www.google.com/schemas/sitemap-news/0.9">{items}</urlset>'
    )


async def test_a_news_sitemap_is_read_like_a_feed(server: Server, feed: NewsFeed, intake: Intake, facts: Facts) -> None:
    """Its articles are fetched with their titles, times, language and outlet; what is no news in it is passed over."""
    body = listed((server.address + "/a", "Fire in a block of flats", "2024-11-20T07:00:00Z")).replace(
        "</urlset>", f"<url><loc>{server.address}/about</loc></url></urlset>"
    )
    server.set("/feed", body)
    server.set("/a", page(FEARED))
    await feed.once(intake)
    await feed.once(intake)
    ((_, news),) = told(facts)
    assert (news.headline, news.outlet, news.language) == ("Fire in a block of flats", "The Courier", "en")
    assert news.published is not None
    assert news.published.isoformat() == "2024-11-20T07:00:00+00:00"
    assert server.paths().count("/a") == 1
    assert "/about" not in server.paths()


async def test_a_sitemap_of_sitemaps_is_followed_on_its_own_host_only(
    server: Server, other_server: Server, feed: NewsFeed, intake: Intake, facts: Facts
) -> None:
    """The newest sitemaps of the same host are read, three at most; one that points elsewhere is not asked."""
    names = [
        f"<sitemap><loc>{server.address}/s{n}.xml</loc><lastmod>2024-11-1{n}</lastmod></sitemap>" for n in range(6)
    ]
    away = f"<sitemap><loc>{other_server.address}/s.xml</loc><lastmod>2024-11-20</lastmod></sitemap>"
    server.set(
        "/feed",
        f'<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{away}{"".join(names)}</sitemapindex>',
    )
    for n in range(6):
        server.set(f"/s{n}.xml", listed((f"{server.address}/a{n}", f"Fire {n}", f"2024-11-1{n}")))
        server.set(f"/a{n}", page(FEARED.replace("night", f"night of the {n}th")))
    await feed.once(intake)
    assert sorted(news.headline for _, news in told(facts)) == ["Fire 3", "Fire 4", "Fire 5"]
    assert other_server.asked == []


@pytest.mark.parametrize(
    "content",
    [
        '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"><url><loc>https://x.example/a</loc></url></urlset>',
        '<!DOCTYPE urlset [<!ENTITY a "b">]><urlset><url><loc>&a;</loc></url></urlset>',
        "<urlset>" + "<url>" * 5000,
    ],
    ids=["no news", "entities", "broken"],
)
async def test_what_is_no_news_sitemap_is_refused(
    server: Server, feed: NewsFeed, intake: Intake, facts: Facts, content: str
) -> None:
    """A sitemap of a whole site, one with entities and one that is broken are refused and report nothing."""
    server.set("/feed", content)
    with pytest.raises(SourceError):
        await feed.once(intake)
    assert told(facts) == []


async def test_where_text_may_not_be_kept_only_a_few_sentences_are(
    server: Server, wire: Wire, intake: Intake, clock: TurnedClock, store: SqliteStore, facts: Facts
) -> None:
    """The report holds whole sentences up to the licence's limit, says so, and the rest is nowhere in the journal."""
    made = NewsFeed(replace(wire, kind="news"), clock, Options(licence="spans", quote_characters=260))
    secret = "This paragraph may be read at the outlet and must not be kept by anybody else, whatever it says."
    try:
        server.set("/feed", rss(("/a", "Fire in a block of flats", f"{FEARED} {secret}")))
        server.set("/a", page(FEARED, RIGHT, secret))
        await made.once(intake)
    finally:
        await made.fetcher.close()
    ((_, news),) = told(facts)
    assert news.licence == "spans"
    assert news.excerpt
    assert FEARED in news.text
    assert secret not in news.text
    assert len(news.text) <= 260 + len(news.headline) + 1
    kept = [entry.body for entry in follow(store, 0)]
    kept += [entry.read(Report).content for entry in follow(store, 0, (REPORT_RECEIVED,))]
    assert any(FEARED.encode() in body for body in kept)
    assert not any(secret.encode() in body for body in kept)


@given(text=st.text(max_size=600), headline=st.text(max_size=40), most=st.integers(80, 400))
def test_what_is_quoted_never_exceeds_the_licence(text: str, headline: str, most: int) -> None:
    """Whatever a text looks like, no more of it than the limit is kept besides its headline, and only its own words."""
    kept = spans(text, headline, most)
    head = headline if headline and text.startswith(headline) else ""
    assert len(kept.removeprefix(head)) <= most + 1
    assert set("".join(kept.split())) <= set("".join(text.split()))

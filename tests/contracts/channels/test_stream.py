"""The stream over real sockets, on both event loops."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uvloop

from tests.contracts.channels.listener import Listener, serving
from tests.rules.reach.stage import NIGHT, Map, Pen, parse, published, until
from tocsin.clock import TurnedClock
from tocsin.journal import fact
from tocsin.reach.bulletin import Bulletin
from tocsin.reach.channels.stream import Limits, StreamHub
from tocsin.reach.heartbeat import SourceContact, verify
from tocsin.sense.source import SOURCE_LOST, Heard
from tocsin.store.sqlite import SqliteStore


@pytest.fixture
def journal(tmp_path: Path, clock: TurnedClock) -> Iterator[SqliteStore]:
    with SqliteStore(tmp_path, clock) as store:
        yield store


@pytest.fixture
def pen() -> Pen:
    return Pen()


@pytest.fixture
def hub(journal: SqliteStore, clock: TurnedClock, pen: Pen) -> StreamHub:
    return StreamHub(
        journal,
        Map(),
        "actual",
        pen,
        clock,
        parse=parse,
        public_url="https://warn.example",
        sources=lambda at: [SourceContact("ua-alerts", "Alerts", NIGHT, True)],
        limits=Limits(ring=5, buffer=65_536),
        pace=TurnedClock(),
    )


async def test_alert_reaches_its_listener(hub: StreamHub, journal: SqliteStore) -> None:
    """An alert comes as one event whose id is its journal number and whose data is the whole bulletin."""
    async with serving(hub) as (port, _):
        listener = await Listener.open(port, "?area=UA-30")
        assert listener.status == 200
        assert listener.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert listener.headers["cache-control"] == "no-store"
        assert listener.headers["x-accel-buffering"] == "no"
        assert listener.headers["access-control-allow-origin"] == "*"
        assert (await listener.next()).fields == {"retry": "3000"}
        entry = (await asyncio.to_thread(journal.append, [published()]))[0]
        told = (await listener.alerts(1))[0]
        assert told.id == entry.seq
        bulletin = msgspec.json.decode(told.data, type=Bulletin)
        assert (bulletin.identifier, bulletin.event_id, bulletin.version) == ("tocsin.test-night-1", "night", 1)
        assert (bulletin.phase, bulletin.realm, bulletin.areas) == ("act", "actual", ("UA-30",))
        assert bulletin.headline["uk"] == "Повітряна тривога"
        assert bulletin.url == "https://warn.example/alerts/tocsin.test-night-1.xml"
        await listener.close()


@pytest.mark.parametrize(
    ("asked", "alert", "concerned"),
    [
        ("UA-30", "UA-30", True),
        ("UA-32", "pack:bucha", True),
        ("pack:bucha", "UA-32", True),
        ("UA", "pack:bucha", True),
        ("pack:bucha", "UA", True),
        ("UA-30", "UA-32", False),
        ("DE", "UA", False),
    ],
)
async def test_areas_both_ways(hub: StreamHub, journal: SqliteStore, asked: str, alert: str, concerned: bool) -> None:
    """An area hears what concerns what it is part of and what is part of it, and nothing else (F21)."""
    async with serving(hub) as (port, _):
        listener = await Listener.open(port, f"?area={asked}")
        await asyncio.to_thread(journal.append, [published("one", areas=[alert])])
        await asyncio.to_thread(journal.append, [published("two", areas=[asked])])
        events = await listener.alerts(2 if concerned else 1)
        names = [msgspec.json.decode(told.data)["event_id"] for told in events]
        assert names == (["one", "two"] if concerned else ["two"])
        await listener.close()


async def test_only_what_is_public_and_of_this_realm(hub: StreamHub, journal: SqliteStore) -> None:
    """Restricted alerts, alerts of the other realm and other facts are never on the public stream."""
    async with serving(hub) as (port, _):
        listener = await Listener.open(port)
        facts = [
            published("staff", scope="Restricted"),
            published("drill", realm="exercise"),
            fact("report:received", "x", {"a": 1}),
            published("real"),
        ]
        await asyncio.to_thread(journal.append, facts)
        assert msgspec.json.decode((await listener.alerts(1))[0].data)["event_id"] == "real"
        await listener.close()


async def test_lost_source_is_told(hub: StreamHub, journal: SqliteStore) -> None:
    """That a source is lost goes to whoever listens for its areas, so that they can show unknown."""
    async with serving(hub) as (port, _):
        listener = await Listener.open(port, "?area=UA-63")
        lost = Heard(NIGHT, 30.0, ("UA",), "Alerts", "timeout")
        await asyncio.to_thread(journal.append, [fact(SOURCE_LOST, "ua-alerts", lost)])
        while (told := await listener.next()).event != "source":
            pass
        data = msgspec.json.decode(told.data)
        assert (data["source"], data["state"], data["areas"], data["reason"]) == (
            "ua-alerts",
            "lost",
            ["UA"],
            "timeout",
        )
        await listener.close()


async def test_heartbeat_is_signed_and_ahead_of_nothing(hub: StreamHub, journal: SqliteStore, pen: Pen) -> None:
    """A heartbeat verifies, names the journal's head and comes after everything up to it has been told."""
    async with serving(hub) as (port, _):
        await until(lambda: hub._beat is not None)
        listener = await Listener.open(port, "?area=UA-30")
        assert (await listener.next()).fields == {"retry": "3000"}
        first = await listener.next()
        assert first.event == "heartbeat"
        entry = (await asyncio.to_thread(journal.append, [published()]))[0]
        await hub.heartbeat()
        events = [await listener.next(), await listener.next()]
        assert [told.event for told in events] == ["alert", "heartbeat"]
        beat = verify(events[1].data, pen.public_pem)
        assert beat is not None
        assert (beat.journal.seq, beat.journal.hash, beat.realm) == (entry.seq, entry.hash.hex(), "actual")
        assert beat.sources[0].id == "ua-alerts"
        assert events[1].id == entry.seq
        await listener.close()


async def test_resume_without_gap_or_double(hub: StreamHub, journal: SqliteStore) -> None:
    """Who comes back with a number gets every later event once, from the journal and from the ring."""
    for version in range(1, 31):
        await asyncio.to_thread(journal.append, [published(version=version)])
    async with serving(hub) as (port, _):
        for version in range(31, 41):
            await asyncio.to_thread(journal.append, [published(version=version)])
        await until(lambda: hub.seq == 40)
        for after in (0, 1, 17, 29, 30, 33, 36, 39):
            listener = await Listener.open(port, "?area=UA-30", f"Last-Event-ID: {after}")
            assert [told.id for told in await listener.alerts(40 - after)] == list(range(after + 1, 41))
            await listener.close()
        by_query = await Listener.open(port, "?area=UA-30&after=38")
        assert [told.id for told in await by_query.alerts(2)] == [39, 40]
        await by_query.close()


async def test_resume_races_with_new_alerts(hub: StreamHub, journal: SqliteStore) -> None:
    """However often a listener breaks off and comes back while alerts pour in, it has each of them once, in order."""
    total, chance = 300, random.Random(20)

    async def write() -> None:
        version = 0
        while version < total:
            count = min(chance.randint(1, 4), total - version)
            await asyncio.to_thread(journal.append, [published(version=version + n + 1) for n in range(count)])
            version += count

    async def listen(port: int, seed: int) -> list[int]:
        own, heard, last = random.Random(seed), list[int](), 0
        while len(heard) < total:
            listener = await Listener.open(port, "?area=UA-30", f"Last-Event-ID: {last}")
            for told in await listener.alerts(min(own.randint(1, 25), total - len(heard))):
                assert told.id is not None
                heard.append(told.id)
                last = told.id
            await listener.close()
        return heard

    async with serving(hub) as (port, _):
        writing = asyncio.create_task(write())
        found = await asyncio.gather(*(listen(port, seed) for seed in range(8)))
        await writing
    assert all(heard == list(range(1, total + 1)) for heard in found)


async def test_number_from_another_journal(hub: StreamHub, journal: SqliteStore) -> None:
    """A number beyond the journal's end is answered with a reset: what the listener knows may not hold."""
    async with serving(hub) as (port, _):
        listener = await Listener.open(port, "", "Last-Event-ID: 999")
        await listener.next()
        assert (await listener.next()).event == "reset"
        await asyncio.to_thread(journal.append, [published()])
        assert (await listener.alerts(1))[0].id == 1
        await listener.close()


async def test_a_listener_may_be_ahead_of_the_stream(hub: StreamHub, journal: SqliteStore) -> None:
    """A number that the journal has and the stream has not come to is no reset, and nothing up to it is told again."""
    await asyncio.to_thread(journal.append, [published(f"e{n}") for n in range(3)])
    async with serving(hub, run=False) as (port, _):
        listener = await Listener.open(port, "", "Last-Event-ID: 3")
        blocks = [await listener.next(), await listener.next()]
        assert "reset" not in [one.event for one in blocks]
        await asyncio.to_thread(journal.append, [published("f")])
        await hub.catch_up()
        assert (await listener.alerts(1))[0].id == 4
        await listener.close()


async def test_slow_reader_is_cut_off_and_others_are_not(hub: StreamHub, journal: SqliteStore) -> None:
    """A reader that takes nothing is cut off by its buffer; the others get everything meanwhile."""
    async with serving(hub) as (port, _):
        with socket.socket() as stuck:
            stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stuck.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(stuck, ("127.0.0.1", port))
            await loop.sock_sendall(stuck, b"GET /v1/stream HTTP/1.1\r\nHost: here\r\n\r\n")
            await until(lambda: hub.count == 1)
            listener = await Listener.open(port)
            heard, version = 0, 0
            while hub.cut_off == 0:
                assert version < 20_000, "a reader that takes nothing is never cut off"
                facts = [published(version=version + n) for n in range(1, 201)]
                version += 200
                await asyncio.to_thread(journal.append, facts)
                heard += len(await listener.alerts(200))
            assert heard == version
            await until(lambda: hub.count == 1)
            await listener.close()


async def test_limits(hub: StreamHub) -> None:
    """Too many connections, in all or from one address, are told so and when to come again."""
    hub.limits = Limits(connections=3, per_address=2)
    async with serving(hub) as (port, _):
        one = [await Listener.open(port, "", "X-Forwarded-For: 203.0.113.9") for _ in range(2)]
        refused = await Listener.open(port, "", "X-Forwarded-For: 203.0.113.9")
        assert (refused.status, refused.headers["retry-after"]) == (429, "5")
        other = await Listener.open(port, "", "X-Forwarded-For: 203.0.113.10")
        assert other.status == 200
        full = await Listener.open(port, "", "X-Forwarded-For: 203.0.113.11")
        assert (full.status, full.headers["content-type"]) == (503, "application/problem+json")
        await one[0].close()
        await until(lambda: hub.count == 2)
        again = await Listener.open(port, "", "X-Forwarded-For: 203.0.113.9")
        assert again.status == 200
        for listener in (*one, refused, other, full, again):
            await listener.close()


async def test_answers_that_are_not_streams(hub: StreamHub) -> None:
    """Each wrong request has its proper answer, and the application behind has the rest."""
    async with serving(hub) as (port, _):
        head = await Listener.open(port, method="HEAD")
        assert (head.status, head.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        assert await head.reader.read() == b""
        post = await Listener.open(port, "", "Content-Length: 3", method="POST")
        assert (post.status, post.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
        options = await Listener.open(port, method="OPTIONS")
        assert options.status == 204
        unknown = await Listener.open(port, "?area=UA-99")
        assert (unknown.status, msgspec.json.decode(await unknown.reader.read())["code"]) == (
            404,
            "input.place-unknown",
        )
        junk = await Listener.open(port, "?after=soon")
        assert junk.status == 400
        many = await Listener.open(port, "?" + "&".join(f"area=X{n}" for n in range(501)))
        assert many.status == 400
        old = await Listener.open(port, version="1.0")
        assert old.status == 200
        assert (await old.next()).fields == {"retry": "3000"}
        for listener in (head, post, options, unknown, junk, many, old):
            await listener.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /v1/streams HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).endswith(b"GET /v1/streams")
        writer.close()
        await writer.wait_closed()


async def test_pipelined(hub: StreamHub, journal: SqliteStore) -> None:
    """A stream asked for behind other requests comes after their answers; junk behind it changes nothing."""
    async with serving(hub) as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        ask = b"GET /%b HTTP/1.1\r\nHost: here\r\n\r\n"
        writer.write(ask % b"slow" + ask % b"one" + ask % b"v1/stream" + ask % b"never" + b"\x00\x01 junk\r\n\r\n")
        listener = Listener(reader, writer)
        for path in (b"GET /slow", b"GET /one"):
            await listener.head()
            assert await reader.readexactly(len(path)) == path
        await listener.head()
        assert listener.headers["content-type"].startswith("text/event-stream")
        await asyncio.to_thread(journal.append, [published()])
        assert (await listener.alerts(1))[0].id == 1
        await listener.close()


async def test_huge_head_and_flood(hub: StreamHub) -> None:
    """A head without end is refused at 64 KB, and a listener that floods is cut off."""
    async with serving(hub) as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /v1/stream HTTP/1.1\r\nHost: here\r\nX: ")
        for _ in range(40):
            writer.write(b"x" * 4096)
            await asyncio.sleep(0)
        listener = Listener(reader, writer)
        await listener.head()
        assert listener.status == 431
        await listener.close()
        flood = await Listener.open(port)
        flood.writer.write(b"x" * 100_000)
        await until(lambda: hub.count == 0)
        await flood.close()


async def test_shutdown_sends_listeners_away(hub: StreamHub) -> None:
    """When the server stops, each listener is told when to come back, and the server does not wait for it."""
    async with serving(hub) as (port, server):
        listeners = [await Listener.open(port) for _ in range(5)]
        server.should_exit = True
        for listener in listeners:
            rest = (await listener.reader.read()).decode()
            assert ": closing\nretry: " in rest
            await listener.close()
    assert hub.count == 0


@pytest.mark.parametrize(
    "scenario",
    [
        test_resume_without_gap_or_double,
        test_resume_races_with_new_alerts,
        test_slow_reader_is_cut_off_and_others_are_not,
        test_pipelined,
    ],
)
def test_on_uvloop(
    scenario: Callable[[StreamHub, SqliteStore], Coroutine[Any, Any, None]], hub: StreamHub, journal: SqliteStore
) -> None:
    """What depends on how transports behave holds on the server's own event loop as well."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario(hub, journal))


@pytest.mark.parametrize("scenario", [test_huge_head_and_flood, test_shutdown_sends_listeners_away, test_limits])
def test_gate_on_uvloop(scenario: Callable[[StreamHub], Coroutine[Any, Any, None]], hub: StreamHub) -> None:
    """The gate holds on the server's own event loop as well."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario(hub))

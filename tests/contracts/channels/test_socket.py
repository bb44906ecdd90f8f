"""The WebSocket beside the stream, read by somebody else's client over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import os
import struct
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.contracts.channels.listener import Listener, serving
from tests.rules.reach.stage import NIGHT, Map, Pen, parse, published, until
from tocsin.clock import TurnedClock
from tocsin.reach.channels.frame import MOST, FrameError, frames
from tocsin.reach.channels.stream import Limits, StreamHub
from tocsin.reach.heartbeat import SourceContact
from tocsin.store.sqlite import SqliteStore
from tocsin.web.socket import SocketGate


@pytest.fixture
def journal(tmp_path: Path, clock: TurnedClock) -> Iterator[SqliteStore]:
    with SqliteStore(tmp_path, clock) as store:
        yield store


@pytest.fixture
def hub(journal: SqliteStore, clock: TurnedClock) -> StreamHub:
    return StreamHub(
        journal,
        Map(),
        "actual",
        Pen(),
        clock,
        parse=parse,
        public_url="https://warn.example",
        sources=lambda at: [SourceContact("ua-alerts", "Alerts", NIGHT, True)],
        limits=Limits(ring=5, buffer=65_536, per_address=20),
        trusted_proxies=frozenset(),
        pace=TurnedClock(),
    )


def gate(hub: StreamHub) -> Any:
    return type("Gate", (SocketGate,), {"hub": hub})


@contextlib.asynccontextmanager
async def opened(port: int, query: str = "", **given: Any) -> AsyncIterator[ClientConnection]:
    settings: dict[str, Any] = {"compression": None, "proxy": None, "ping_interval": None, "close_timeout": 1, **given}
    async with connect(f"ws://127.0.0.1:{port}/v1/socket{query}", **settings) as client:
        yield client


async def told(client: ClientConnection, count: int, name: str = "alert") -> list[dict[str, Any]]:
    """The next ``count`` events of this name."""
    found: list[dict[str, Any]] = []
    while len(found) < count:
        one = msgspec.json.decode(await asyncio.wait_for(client.recv(), 5))
        if one["event"] == name:
            found.append(one)
    return found


async def test_it_says_what_the_stream_says(hub: StreamHub, journal: SqliteStore) -> None:
    """The same number and the very same data as the stream, for the same areas, and nothing for others."""
    async with serving(hub, http=gate(hub)) as (port, _), opened(port, "?area=UA-30") as client:
        listener = await Listener.open(port, "?area=UA-30")
        await asyncio.to_thread(journal.append, [published("other", areas=["DE-BE"]), published()])
        (event,), (block,) = await told(client, 1), await listener.alerts(1)
        assert event["id"] == block.id
        assert event["data"] == msgspec.json.decode(block.data)
        assert event["data"]["event_id"] == "night"
        await listener.close()


async def test_resume_without_gap_or_double(hub: StreamHub, journal: SqliteStore) -> None:
    """Who comes back with a number gets each later event once, from the journal, from memory and live."""
    await asyncio.to_thread(journal.append, [published(f"e{n}") for n in range(12)])
    async with serving(hub, http=gate(hub)) as (port, _):
        async with opened(port, "?after=3") as client:
            early = await told(client, 9)
            await asyncio.to_thread(journal.append, [published(f"f{n}") for n in range(5)])
            later = await told(client, 5)
        numbers = [one["id"] for one in early + later]
        assert numbers == list(range(4, 18))
        async with opened(port, f"?after={numbers[-1] + 50}") as client:
            (reset,) = await told(client, 1, "reset")
            assert reset["data"] == {"seq": numbers[-1]}


async def test_heartbeat(hub: StreamHub, journal: SqliteStore) -> None:
    """A signed heartbeat comes at joining or soon after, and says up to which number all was told."""
    async with serving(hub, http=gate(hub)) as (port, _), opened(port) as client:
        await hub.heartbeat()
        (beat,) = await told(client, 1, "heartbeat")
        assert beat["data"]["signature"]
        assert set(beat) == {"event", "id", "data"}


async def test_pings_and_the_close_are_answered(hub: StreamHub) -> None:
    """A ping gets its pong, text is passed over, a close is answered and the connection is forgotten."""
    async with serving(hub, http=gate(hub)) as (port, _):
        async with opened(port) as client:
            await client.send("hello")
            await asyncio.wait_for(await client.ping(b"here"), 5)
            assert hub.count == 1
        await until(lambda: hub.count == 0)


async def test_slow_reader_is_cut_off(hub: StreamHub, journal: SqliteStore) -> None:
    """Who does not read is cut off by the size of its buffer, and others go on."""
    async with serving(hub, http=gate(hub)) as (port, _), opened(port) as client:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2)
        writer.write(request())
        await until(lambda: hub.count == 2)
        for n in range(400):
            await asyncio.to_thread(journal.append, [published(f"n{n}", areas=[f"X-{n}-{m}" for m in range(2000)])])
            assert (await told(client, 1))[0]["data"]["event_id"] == f"n{n}"
            if hub.cut_off:
                break
        assert hub.cut_off == 1
        assert hub.count == 1
        writer.close()
        assert reader is not None


def request(path: str = "/v1/socket", **heads: str) -> bytes:
    key = "dGhlIHNhbXBsZSBub25jZQ=="
    named = {"Host": "x", "Connection": "keep-alive, Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    named |= {"Sec-WebSocket-Key": key} | {name.replace("_", "-"): value for name, value in heads.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in named.items() if value)
    return f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode()


@pytest.mark.parametrize(
    ("heads", "status"),
    [
        ({"Upgrade": ""}, 426),
        ({"Connection": "close"}, 426),
        ({"Sec_WebSocket_Version": "8"}, 426),
        ({"Sec_WebSocket_Key": "short"}, 426),
    ],
)
async def test_handshakes_that_are_none(hub: StreamHub, heads: dict[str, str], status: int) -> None:
    """Without a right handshake nobody becomes a listener, and a problem document says what to do."""
    async with serving(hub, http=gate(hub)) as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request(**heads))
        answer = await asyncio.wait_for(reader.read(), 5)
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 %d " % status)
        assert b"upgrade: websocket" in head
        assert msgspec.json.decode(body)["code"] == "input.upgrade"
        assert hub.count == 0
        writer.close()


async def test_limits_and_unknown_areas(hub: StreamHub) -> None:
    """The stream's limits hold here too, together with it; an unknown area and a wrong number are refused."""
    async with serving(hub, http=gate(hub)) as (port, _):
        for query, status in (("?area=XX-99", 404), ("?after=soon", 400)):
            with pytest.raises(InvalidStatus) as refused:
                async with opened(port, query):
                    raise AssertionError
            assert refused.value.response.status_code == status
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(20):
                await stack.enter_async_context(opened(port))
            with pytest.raises(InvalidStatus) as refused:
                async with opened(port):
                    raise AssertionError
            assert refused.value.response.status_code == 429
            await stack.aclose()
        await until(lambda: hub.count == 0)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"\x81\x05hello", 1002),
        (b"\xc1\x80aaaa", 1002),
        (b"\x81\xff" + b"\0" * 12, 1009),
        (b"\x81\xfe" + struct.pack("!H", MOST + 1) + b"\0" * 4, 1009),
        (b"\x89\xfe\0\x90" + b"\0" * 4, 1002),
        (b"\x81\x80aaaa" * 201, 1013),
    ],
)
async def test_bytes_that_are_no_frames(hub: StreamHub, sent: bytes, code: int) -> None:
    """Unmasked, compressed, too long or too many frames end the connection with the status that says why."""
    async with serving(hub, http=gate(hub)) as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request())
        await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        await until(lambda: hub.count == 1)
        writer.write(sent)
        rest = await asyncio.wait_for(reader.read(), 5)
        assert rest.endswith(b"\x88\x02" + struct.pack("!H", code))
        await until(lambda: hub.count == 0)
        writer.close()


async def test_shutdown_says_when_to_come_back(hub: StreamHub) -> None:
    """A server that stops tells its listeners when to come back, and closes with a status."""
    async with serving(hub, http=gate(hub)) as (port, server), opened(port) as client:
        await until(lambda: hub.count == 1)
        server.should_exit = True
        (closing,) = await told(client, 1, "closing")
        assert 1000 <= closing["data"]["retry_ms"] <= 5000
        with pytest.raises(ConnectionClosed) as ended:
            await client.recv()
        assert ended.value.rcvd is not None
        assert ended.value.rcvd.code == 1013


def test_on_uvloop(hub: StreamHub, journal: SqliteStore) -> None:
    """The same on the loop that the server runs on."""
    uvloop.run(test_resume_without_gap_or_double(hub, journal))


@given(st.lists(st.tuples(st.sampled_from([1, 2, 9, 10]), st.binary(max_size=125)), max_size=8), st.data())
def test_frames_survive_any_cutting(sent: list[tuple[int, bytes]], data: st.DataObject) -> None:
    """However a client's bytes are cut into packets, the same frames come out of them."""
    wire = b""
    for kind, payload in sent:
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))
        wire += bytes([0x80 | kind, 0x80 | len(payload)]) + mask + masked
    buffer, found = bytearray(), []
    while wire:
        cut = data.draw(st.integers(1, len(wire)))
        buffer += wire[:cut]
        wire = wire[cut:]
        found.extend(frames(buffer))
    assert found == sent
    assert not buffer


@given(st.binary(max_size=300))
def test_junk_is_no_frame_and_ends(junk: bytes) -> None:
    """Any bytes are frames, the beginning of one, or refused; never anything else."""
    buffer = bytearray(junk)
    with contextlib.suppress(FrameError):
        for kind, payload in frames(buffer):
            assert kind in (0, 1, 2, 8, 9, 10)
            assert len(payload) <= MOST

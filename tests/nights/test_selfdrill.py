"""The self-drill in the whole program: its alert goes the way of every alert, and nobody but the canary ever knows."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.nights.loop import alarm, entries, open_program, receiving, running, subscribe, until
from tocsin.app import Program
from tocsin.cap.alert import Scope, Status
from tocsin.cap.realm import realm
from tocsin.cap.xml import read
from tocsin.journal import EXERCISE
from tocsin.reach.delivery import DELIVERY_SEALED
from tocsin.selfdrill import CHANNEL_PROVED, SELFDRILL_DONE
from tocsin.warn.canary import SELFDRILL_PUBLISHED
from tocsin.warn.publish import ALERT_PUBLISHED, Published

PUBLIC = ("/", "/at/UA-30", "/at/UA-30.json", "/at/UA-30.txt", "/alerts.atom", "/v1/alerts", "/v1/incidents")
CLOCK = re.compile(r'data-seq="\d+"|Journal entry \d+, [0-9a-f]+|\d{4}-\d\d-\d\dT[\d:.]+|\d\d:\d\d(:\d\d)?')
"""What tells the time or how long the record is."""


def keep_canary(data: Path, hook: str) -> None:
    data.mkdir(parents=True, exist_ok=True)
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    (data / "channels.toml").write_text(f'[canary.webhook]\naddress = "{hook}"\nsecrets = ["{secret}"]\n')


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    opened = open_program(tmp_path / "data")
    yield opened
    opened.close()


async def test_the_whole_way_and_nobody_else(program: Program) -> None:
    """Act and all-clear come to the canary by a real webhook; who subscribed to everything hears nothing, every page says
    the same while it stands, and a real alert afterwards goes to the subscriber and not to the canary."""
    async with receiving() as (canary, proved), receiving() as (hook, came), running(program) as address:
        keep_canary(program.data, canary)
        subscribe(program, hook, "UA", "UA-30")
        before, during = await pages(address), dict[str, str]()
        end = program.selfdrill._end

        async def look_and_end(alert: Published) -> Published:
            during.update(await pages(address))
            return await end(alert)

        program.selfdrill._end = look_and_end  # type: ignore[method-assign]
        done = await program.selfdrill.drill()
        assert during == before
        assert [(one.channel, one.outcome) for one in done.channels] == [("webhook", "accepted")]
        assert [(one["phase"], one["realm"], one["areas"]) for one in proved] == [
            ("act", EXERCISE, []),
            ("all-clear", EXERCISE, []),
        ]
        assert "EXERCISE" in proved[0]["headline"]["en"]
        assert await pages(address) == before
        assert came == []
        assert program.situation.live(program.clock.now()) == []
        assert entries(program, ALERT_PUBLISHED) == []
        alarm(program, "UA-30")
        await until(lambda: came)
        assert len(proved) == 2
    said = [entry.read(Published) for entry in entries(program, SELFDRILL_PUBLISHED)]
    for one in said:
        (alert,) = read(one.cap.encode()).alerts
        assert (alert.status, alert.scope, realm(alert), alert.signed) == (Status.TEST, Scope.PRIVATE, EXERCISE, True)
        assert alert.addresses == ("canary-webhook",)
    sealed = [entry for entry in entries(program, DELIVERY_SEALED) if entry.subject.startswith(said[0].event_id)]
    assert [one.realm for one in sealed] == [EXERCISE, EXERCISE]
    assert len(entries(program, CHANNEL_PROVED)) == len(entries(program, SELFDRILL_DONE)) == 1


async def pages(address: str) -> dict[str, str]:
    """What every public address says now, without what only tells the time."""
    found = {}
    async with aiohttp.ClientSession() as session:
        for path in PUBLIC:
            async with session.get(address + path) as reply:
                assert reply.status == 200, path
                found[path] = CLOCK.sub("", await reply.text())
    return found


async def test_one_that_is_cut_off_is_ended_at_the_next_start(tmp_path: Path) -> None:
    """kill -9 while the canary is being told: the next start ends the alert, the same way, and nothing stands."""
    data, told = tmp_path / "data", asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        told.set()
        await reader.read()
        writer.close()

    holding = await asyncio.start_server(hang, "127.0.0.1", 0)
    port = holding.sockets[0].getsockname()[1]
    keep_canary(data, f"http://127.0.0.1:{port}/hook")
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.nights.loop", str(data), "", "drill", env={**os.environ}
    )
    try:
        async with asyncio.timeout(60):
            await told.wait()
    finally:
        child.kill()
        await child.wait()
        holding.close()
        await holding.wait_closed()
    came: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.split("content-length: ")[1].split("\r\n")[0])
        came.append((await reader.readexactly(length)).decode())
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    answering = await asyncio.start_server(answer, "127.0.0.1", port)
    program = open_program(data)
    try:
        assert len(program.selfdrill.stands) == 1
        async with running(program):
            await until(lambda: any('"phase":"all-clear"' in body for body in came), 60)
            assert program.selfdrill.stands == {}
            assert [one.read(Published).phase for one in entries(program, SELFDRILL_PUBLISHED)] == ["act", "all-clear"]
            assert program.selfdrill.last == {}
    finally:
        program.close()
        answering.close()
        await answering.wait_closed()

"""The power goes while a crowd is being told: kill -9 at random moments, again and again."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tests.nights.deliver import Wire
from tests.rules.reach.conftest import Room
from tests.rules.reach.stage import NIGHT, published, until
from tocsin.clock import TurnedClock
from tocsin.journal import Fact, verify
from tocsin.reach.delivery import DELIVERY_SETTLED, Settled
from tocsin.store.sqlite import SqliteStore

CROWD = 6_000


class Receiver:
    """The other side: counts what comes, by version and recipient."""

    def __init__(self) -> None:
        self.heard: Counter[tuple[int, int]] = Counter()
        self.order: dict[int, list[int]] = {}
        self.port = 0
        self.slow = 0.004

    async def __aenter__(self) -> Receiver:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0, limit=2**20)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def reach(self, most: int, running: asyncio.subprocess.Process) -> None:
        """Return when ``most`` deliveries were heard, or the program ended by itself."""
        await until(lambda: self.heard.total() >= most or running.returncode is not None, 120)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readline()
        if line.endswith(b"\n"):
            for version, number in msgspec.json.decode(line):
                self.heard[version, number] += 1
                self.order.setdefault(number, []).append(version)
            await asyncio.sleep(self.slow)
            writer.write(b"ok\n")
        writer.close()


async def start(folder: Path, port: int, phases: str, stride: int = Wire.stride) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.nights.deliver", str(folder), str(port), phases, str(stride), env={**os.environ}
    )


async def kill_until_done(
    receiver: Receiver, folder: Path, phases: str, kills: int, after: list[int], stride: int = Wire.stride
) -> int:
    """Run the program, kill it once each time ``after`` more deliveries were heard; how often it was killed."""
    for count in range(kills + 1):
        running = await start(folder, receiver.port, phases, stride)
        if count == kills:
            assert await asyncio.wait_for(running.wait(), 120) == 0
            return count
        before = receiver.heard.total()
        await receiver.reach(before + after[count], running)
        if running.returncode is not None:
            assert running.returncode == 0
            return count
        running.kill()
        await running.wait()
    raise AssertionError


def prepare(folder: Path, *facts: Fact, crowd: int = CROWD) -> list[int]:
    """A store with a crowd and what was published."""
    room = Room(folder, TurnedClock(NIGHT))
    numbers = [one.number for one in room.crowd(crowd, "UA-30")]
    # As a program does in calm: each start after a kill then knows at once who is subscribed.
    room.subscribers.keep()
    room.store.append(facts)
    room.close()
    return numbers


async def test_none_lost_and_few_doubled(tmp_path: Path) -> None:
    """Killed ten times while it tells a crowd, it loses nobody and tells twice only who was in flight."""
    numbers = await asyncio.to_thread(prepare, tmp_path, published())
    chance = random.Random()
    after = [chance.randint(1, CROWD // 11) for _ in range(10)]
    async with Receiver() as receiver:
        kills = await kill_until_done(receiver, tmp_path, "act", 10, after)
        assert {number for _, number in receiver.heard} == set(numbers)
        doubled = receiver.heard.total() - CROWD
        assert doubled <= kills * Wire.stride * Wire.lanes, f"{doubled} doubled after {kills} kills at {after}"
    with SqliteStore(tmp_path, TurnedClock(NIGHT)) as store:
        assert verify(store.read(0, 10**6), store.head()) == store.head().seq
        settled = store.read(0, kinds=[DELIVERY_SETTLED])
        assert [entry.read(Settled).outcomes for entry in settled] == [{"accepted": CROWD}]


async def test_a_hundred_thousand_and_ten_kills(
    tmp_path: Path, record_testsuite_property: Callable[[str, object], None]
) -> None:
    """Killed at ten random moments of a send to 100,000, nobody is lost; who is told twice is counted and was in flight."""
    crowd, stride = 100_000, 250
    numbers = await asyncio.to_thread(lambda: prepare(tmp_path, published(), crowd=crowd))
    chance = random.Random()
    after = [chance.randint(1, crowd // 11) for _ in range(10)]
    async with Receiver() as receiver:
        receiver.slow = 0.002
        kills = await kill_until_done(receiver, tmp_path, "act", 10, after, stride)
        assert {number for _, number in receiver.heard} == set(numbers)
        doubled = receiver.heard.total() - crowd
        record_testsuite_property("doubled of 100,000 after ten kills", doubled)
        assert kills == 10
        assert doubled <= kills * stride * Wire.lanes, f"{doubled} doubled after {kills} kills at {after}"
        assert max(receiver.heard.values()) <= 1 + kills
    with SqliteStore(tmp_path, TurnedClock(NIGHT)) as store:
        settled = store.read(0, kinds=[DELIVERY_SETTLED])
        assert [entry.read(Settled).outcomes for entry in settled] == [{"accepted": crowd}]


@pytest.mark.parametrize("phase", ["retracted", "all-clear"])
async def test_end_reaches_everybody_who_was_told(tmp_path: Path, phase: str) -> None:
    """Killed while it sends an alert that then ends, it still gets the end to everybody who had the alert."""
    await asyncio.to_thread(prepare, tmp_path, published())
    chance = random.Random()
    async with Receiver() as receiver:
        for _ in range(2):
            running = await start(tmp_path, receiver.port, f"act,{phase}")
            before = receiver.heard.total()
            most = before + chance.randint(1, CROWD // 4)
            await receiver.reach(most, running)
            running.kill()
            await running.wait()
        with SqliteStore(tmp_path, TurnedClock(NIGHT)) as store:
            store.append([published(version=2, phase=phase)])
        told = {number for version, number in receiver.heard if version == 1}
        await kill_until_done(receiver, tmp_path, f"act,{phase}", 2, [200, 200])
        assert {number for version, number in receiver.heard if version == 1} == told
        assert told <= {number for version, number in receiver.heard if version == 2}
        for versions in receiver.order.values():
            assert versions == sorted(versions), "nobody gets an alert after its end"

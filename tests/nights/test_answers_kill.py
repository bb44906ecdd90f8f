"""The power goes while people answer: kill -9 again and again, and no answer that was thanked for is lost."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from tocsin.account.answer import Answer, Says
from tocsin.account.rollcall import RollCalls, State, missing
from tocsin.bench._answering import Open
from tocsin.bench.answers import ask
from tocsin.journal import follow, verify
from tocsin.store.sqlite import SqliteStore

PEOPLE, CUTS = 400, 3
JSON = b"content-type: application/json\r\n"


def start(folder: Path) -> tuple[subprocess.Popen[str], Open]:
    """A whole Tocsin on ``folder``, in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tocsin.bench._answering", str(folder), str(PEOPLE)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, msgspec.json.decode(process.stdout.readline(), type=Open)


async def crowd(
    there: Open, waiting: list[str], thanked: set[str], until: float, process: subprocess.Popen[str]
) -> bool:
    """People tap until the process is killed at a random moment; who was not thanked taps again later. Whether it was."""
    address = urlsplit(there.address)

    async def tap() -> None:
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        try:
            while waiting:
                link = waiting.pop()
                try:
                    body = b'{"token":"%b","says":"safe"}' % link.encode()
                    status = await ask(reader, writer, b"POST", b"/v1/answers", body, JSON)
                except (OSError, asyncio.IncompleteReadError):
                    waiting.append(link)
                    return
                assert status in (200, 201)
                thanked.add(link)
        finally:
            writer.close()

    async def power() -> None:
        await asyncio.sleep(until)
        process.kill()

    cut = asyncio.create_task(power())
    await asyncio.gather(*(tap() for _ in range(16)))
    if not waiting:
        cut.cancel()
    await asyncio.gather(cut, return_exceptions=True)
    return not cut.cancelled()


def test_no_thanked_answer_is_lost(tmp_path: Path) -> None:
    """Through several power cuts everybody is counted once, everybody thanked is safe, and the journal's chain holds."""
    chance = random.Random(20)
    waiting: list[str] = []
    thanked: set[str] = set()
    cuts = 0
    everybody: tuple[str, ...] = ()
    ends = time.monotonic() + 120
    while len(thanked) < PEOPLE:
        assert time.monotonic() < ends
        process, there = start(tmp_path)
        try:
            if not everybody:
                everybody = there.links
                waiting.extend(everybody)
            assert there.links == everybody, "links outlive the process"
            until = chance.uniform(0.02, 0.12) if cuts < CUTS else 60.0
            cuts += asyncio.run(crowd(there, waiting, thanked, until, process))
        finally:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
    assert cuts >= 1
    with SqliteStore(tmp_path, reading=True) as store:
        verify(follow(store, 0), store.head())
        calls = RollCalls("exercise")
        for entry in follow(store, 0):
            calls.apply(entry)
        given = list(follow(store, 0, ("answer:given",)))
    (call,) = calls.by_id.values()
    assert call.counts()[State.SAFE] == PEOPLE
    assert missing(call.counts()) == 0
    assert {entry.subject for entry in given} == set(call.zones)
    assert {entry.read(Answer).says for entry in given} == {Says.SAFE}
    # Who was cut off tapped again: at most those few have two entries, and they count once.
    assert len(given) - PEOPLE <= 16 * cuts

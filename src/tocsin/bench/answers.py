"""``answers``: people answering a roll call all at once, each by their own link, over HTTP, with full durability.

- The goal: 10,000 within 10 s, none lost, and the console stays live; the limit shown is that pace.
- A whole Tocsin runs in a process of its own; this one plays the people, over 64 connections, and asks the console for its
  counts the while. Both share the machine, so what is measured is less than what a server alone does.
- Every answer that was thanked for is then looked for in the counts.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from tocsin.bench import Case, case
from tocsin.bench._answering import Open
from tocsin.journal import follow
from tocsin.store.sqlite import SqliteStore

CONNECTIONS = 64
GOAL, SECONDS = 10_000, 10


def cases(quick: bool) -> Iterator[Case]:
    """All at once, and in the ten seconds of the goal."""
    n, runs = (1000, 1) if quick else (10_000, 3)
    for name, spread in (("at once", 0.0), ("in 10 s", 0.0 if quick else float(SECONDS))):
        took, slow, console, spent = [], [], [], []
        for _ in range(runs if spread == 0.0 else 1):
            seconds, waits, looks, cpu = _run(n, spread)
            spent.append(cpu)
            took.append(seconds)
            slow.append(_at(waits, 0.99))
            console.append(max(looks))
        note = (
            f"{CONNECTIONS} connections; none lost; an answer's 99th percentile {statistics.median(slow) * 1e3:.0f} ms, the "
            f"slowest console page {max(console) * 1e3:.0f} ms; the server's own processor time "
            f"{statistics.median(spent) / n * 1e6:.0f} us an answer"
        )
        made = case(
            "answers", name, n, statistics.median(took), runs=len(took), limit=("the goal", GOAL / SECONDS), note=note
        )
        yield made


def _run(n: int, spread: float) -> tuple[float, list[float], list[float], float]:
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder:
        process = subprocess.Popen(
            [sys.executable, "-m", "tocsin.bench._answering", folder, str(n)], stdout=subprocess.PIPE, text=True
        )
        try:
            assert process.stdout is not None
            there = msgspec.json.decode(process.stdout.readline(), type=Open)
            before = _cpu(there.pid)
            measured = asyncio.run(_people(there, spread))
            cpu = _cpu(there.pid) - before
        finally:
            process.kill()
            process.wait()
        with SqliteStore(folder, reading=True) as store:
            kept = {entry.subject for entry in follow(store, 0, ("answer:given",))}
        if len(kept) != n:
            raise RuntimeError(f"{n - len(kept)} answers were thanked for and are lost")
    return (*measured, cpu)


async def _people(there: Open, spread: float) -> tuple[float, list[float], list[float]]:
    address = urlsplit(there.address)
    host, port = str(address.hostname), int(address.port or 80)
    waiting = list(enumerate(there.links))
    waiting.reverse()
    waits: list[float] = []
    looks: list[float] = []
    began = time.perf_counter()

    async def tap() -> None:
        reader, writer = await asyncio.open_connection(host, port)
        while waiting:
            number, link = waiting.pop()
            due = began + spread * number / len(there.links)
            if (pause := due - time.perf_counter()) > 0:
                await asyncio.sleep(pause)
            body = b'{"token":"%b","says":"safe"}' % link.encode()
            sent = time.perf_counter()
            status = await ask(reader, writer, b"POST", b"/v1/answers", body, b"content-type: application/json\r\n")
            waits.append(time.perf_counter() - sent)
            if status != 201:
                raise RuntimeError(f"an answer was refused with {status}")
        writer.close()

    async def look() -> None:
        reader, writer = await asyncio.open_connection(host, port)
        path, cookie = f"/console/rollcalls/{there.rollcall}/counts", f"cookie: {there.cookie}\r\nhost: localhost:1\r\n"
        while True:
            sent = time.perf_counter()
            status = await ask(reader, writer, b"GET", path.encode(), b"", cookie.encode())
            looks.append(time.perf_counter() - sent)
            if status != 200:
                raise RuntimeError(f"the console answered {status}")
            await asyncio.sleep(0.5)

    looking = asyncio.create_task(look())
    tapping = [asyncio.create_task(tap()) for _ in range(CONNECTIONS)]
    await asyncio.gather(*tapping)
    took = time.perf_counter() - began
    if looking.done():
        looking.result()
    looking.cancel()
    return took, waits, looks


async def ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, method: bytes, path: bytes, body: bytes, headers: bytes
) -> int:
    """One request on an open connection; the answer's status, its body read and let go."""
    if b"host:" not in headers:
        headers += b"host: 127.0.0.1\r\n"
    length = b"content-length: %d\r\n" % len(body) if method == b"POST" else b""
    writer.write(b"%b %b HTTP/1.1\r\n%b%b\r\n%b" % (method, path, headers, length, body))
    head = await reader.readuntil(b"\r\n\r\n")
    size = next(
        (int(line.partition(b":")[2]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
    )
    await reader.readexactly(size)
    return int(head.split(b" ", 2)[1])


def _cpu(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _at(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]

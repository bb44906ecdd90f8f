"""The dispatch bench: one alert handed over durably to very many, beside a queue of one row a delivery on SQLite.

- Ours is the whole of it: the alert from the journal, its audience, sealed batches, addresses unsealed, a channel that
  takes everything at once, marks, and the facts at the end; ``synchronous=FULL``.
- The peer is a table with a row for each delivery, claimed and acknowledged 500 at a time, ``synchronous=FULL``; it
  opens the sealed addresses of those it has claimed, from the same book as ours does.
- The note says how many were lost and doubled when the sender was killed (kill -9) while it sent.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import apsw
import numpy as np

from tocsin.bench import Case, alternate, case
from tocsin.bench._alert import Everywhere, alert
from tocsin.clock import SystemClock
from tocsin.reach.audience import Audience
from tocsin.reach.channel import ACCEPTED, Outcome
from tocsin.reach.delivery import Delivery
from tocsin.reach.dispatch import Dispatch
from tocsin.reach.subscriber import Subscribers
from tocsin.reach.subscription import Wish
from tocsin.store.batches import SqlBatches
from tocsin.store.sqlite import SqliteStore
from tocsin.store.subscriptions import SqlBook

REALM = "actual"
SLICE = 20_000


class Sink:
    """A channel that takes everything; with a file, it notes the numbers of those it took there."""

    name, stride = "sink", 1000

    def __init__(self, heard: Path | None = None, lanes: int = 4, wait_s: float = 0.0) -> None:
        self.lanes, self.wait_s = lanes, wait_s
        self._file = os.open(heard, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) if heard is not None else -1

    async def send(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        if self._file >= 0:
            os.write(self._file, np.array([one.to.number for one in batch], dtype=np.int64).tobytes())
        await asyncio.sleep(self.wait_s)
        return [ACCEPTED] * len(batch)

    async def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)


class Station:
    """A dispatch with a crowd, in a folder."""

    def __init__(self, folder: Path, sink: Sink) -> None:
        self.clock = SystemClock()
        self.store = SqliteStore(folder, self.clock)
        self.batches, self.book = SqlBatches(self.store, REALM), SqlBook(self.store, folder, REALM)
        self.audience = Audience(Everywhere())
        self.subscribers = Subscribers(self.store, self.book, self.audience, self.clock, REALM)
        self.subscribers.load()
        self.sink, self.versions = sink, 0

    def crowd(self, n: int) -> None:
        """Subscribe ``n`` to the area."""
        for start in range(0, n, SLICE):
            self.subscribers.make_all(
                [
                    Wish("sink", f"https://systems.example/hook/{start + place}", ("whsec_c2VjcmV0",), ("UA-30",))
                    for place in range(min(SLICE, n - start))
                ]
            )

    def publish(self) -> None:
        """Publish the next version of the alert."""
        self.versions += 1
        self.store.append([alert(self.versions, self.clock.now())])

    def dispatch(self) -> Dispatch:
        """A dispatch; it is for one event loop."""
        channels = {"sink": self.sink}
        return Dispatch(self.store, self.batches, self.book, self.audience, channels, self.clock, REALM)

    def run(self, publish: bool = True) -> None:
        """Publish, and return when everybody is settled."""

        async def until_quiet() -> None:
            dispatch = self.dispatch()
            following = asyncio.create_task(dispatch.follow())
            if publish:
                await asyncio.to_thread(self.publish)
            await dispatch.quiet()
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

        asyncio.run(until_quiet())

    def close(self) -> None:
        """Close the store."""
        self.batches.close()
        self.store.close()


class Rows:
    """The peer: a row for each delivery, to those in ``book``."""

    def __init__(self, folder: Path, n: int, book: SqlBook, batch: int = 500) -> None:
        self.n, self.book, self.batch = n, book, batch
        self.db = apsw.Connection(str(folder / "rows.db"))
        self.db.execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL")
        self.db.execute("CREATE TABLE queue (id INTEGER PRIMARY KEY, recipient INTEGER, state INTEGER) STRICT")
        self.db.execute("CREATE INDEX waiting ON queue (id) WHERE state = 0")

    def run(self) -> None:
        """Queue everybody, then claim, send and acknowledge until nobody is left."""
        with self.db:
            self.db.execute("DELETE FROM queue")
            self.db.executemany("INSERT INTO queue VALUES (?, ?, 0)", ((n, n) for n in range(1, self.n + 1)))
        while True:
            with self.db:
                claimed = self.db.execute(
                    "UPDATE queue SET state = 1 WHERE id IN (SELECT id FROM queue WHERE state = 0 LIMIT ?) "
                    "RETURNING id",
                    (self.batch,),
                ).fetchall()
            if not claimed:
                return
            found = self.book.addresses([int(str(row[0])) for row in claimed])
            assert len(found) == len(claimed), "everybody who was queued has an address"
            with self.db:
                self.db.executemany("UPDATE queue SET state = 2 WHERE id = ?", claimed)


def cases(quick: bool) -> Iterator[Case]:
    """``durable``: from the alert in the journal to everybody settled on disk."""
    n, runs = (20_000, 1) if quick else (200_000, 3)
    with tempfile.TemporaryDirectory() as folder:
        station = Station(Path(folder), Sink())
        rows = Rows(Path(folder), n, station.book)
        try:
            station.crowd(n)
            ours, theirs = alternate(runs, station.run, rows.run, timer=time.perf_counter)
        finally:
            station.close()
            rows.db.close()
    kills, lost, doubled, most = kill(5_000 if quick else 100_000, 2 if quick else 10)
    note = f"kill -9 {kills} times while sending: {lost} lost, {doubled} doubled (in flight: at most {most} each)"
    yield case(
        "dispatch",
        "durable",
        n,
        ours,
        peer=("a row a delivery, 500 at a time, addresses opened", theirs),
        runs=runs,
        note=note,
    )


def kill(n: int, kills: int) -> tuple[int, int, int, int]:
    """How often a sender to ``n`` was killed, and how many were lost and doubled, and how many were in flight."""
    chance = random.Random()
    with tempfile.TemporaryDirectory() as name:
        folder, heard = Path(name), Path(name) / "heard"
        station = Station(folder, Sink())
        station.crowd(n)
        station.publish()
        station.close()
        heard.touch()
        done = 0
        for _ in range(kills):
            sending = subprocess.Popen([sys.executable, "-m", "tocsin.bench.dispatch", name])
            most = heard.stat().st_size + chance.randint(1, 8 * n // kills)
            while heard.stat().st_size < most and sending.poll() is None:
                time.sleep(0.001)
            if sending.poll() is None:
                done += 1
            sending.kill()
            sending.wait()
        subprocess.run([sys.executable, "-m", "tocsin.bench.dispatch", name], check=True)
        numbers = np.frombuffer(heard.read_bytes(), dtype=np.int64)
        return done, n - len(np.unique(numbers)), len(numbers) - len(np.unique(numbers)), 4 * 100


def resume(folder: Path) -> None:
    """Send what is left, a hundred at a time, at the pace of a provider."""
    sink = Sink(folder / "heard", wait_s=0.002)
    sink.stride = 100
    station = Station(folder, sink)
    station.run(publish=False)
    station.close()


if __name__ == "__main__":
    resume(Path(sys.argv[1]))

"""``journal``: entries per second with full durability, beside a bare append and fsync and a plain SQLite of one's own.

- The limit is what the disk gives: the same bytes appended to a file, one fsync each.
- The peer is what one would write first: the standard library's sqlite3, WAL and ``synchronous=FULL``, a hash chain, a
  commit per entry (or per group), in the same run and folder.
- Wall time, because waiting for the disk is the work.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tocsin.bench import Case, alternate, case
from tocsin.journal import Fact, follow, verify
from tocsin.store.sqlite import SqliteStore

BODY = b'{"report":"' + b"x" * 280 + b'"}'
GROUP = 100


def cases(quick: bool) -> Iterator[Case]:
    """Single appends, grouped ones, many threads at once, and reading back."""
    runs = 3 if quick else 7
    single, grouped, read = (100, 2_000, 20_000) if quick else (1_000, 20_000, 100_000)
    # Not in a temporary file system that lives in memory: there an fsync costs nothing.
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder:
        place = Path(folder)
        with SqliteStore(place / "ours.db") as store, _Naive(place / "naive.db") as naive:
            raw = _Raw(place / "raw")
            facts = [Fact("report:received", f"{n:032x}", BODY) for n in range(GROUP)]

            def ours() -> None:
                for n in range(single):
                    store.append(facts[n % GROUP : n % GROUP + 1])

            def theirs() -> None:
                for n in range(single):
                    naive.append(facts[n % GROUP : n % GROUP + 1])

            def bare() -> None:
                for _ in range(single):
                    raw.append(BODY)

            mine, peer, limit = alternate(runs, ours, theirs, bare, timer=time.perf_counter)
            yield case(
                "journal", "single", single, mine, runs=runs,
                peer=("sqlite3, a commit each", peer), limit=("append+fsync", single / limit),
            )  # fmt: skip

            def ours_grouped() -> None:
                for _ in range(grouped // GROUP):
                    store.append(facts)

            def theirs_grouped() -> None:
                for _ in range(grouped // GROUP):
                    naive.append(facts)

            mine, peer = alternate(runs, ours_grouped, theirs_grouped, timer=time.perf_counter)
            note = f"groups of {GROUP}; peer: a commit a group"
            yield case("journal", "grouped", grouped, mine, runs=runs, peer=("sqlite3", peer), note=note)
            yield case(
                "journal", "threads", single, _threads(store, single, runs), runs=runs,
                limit=("append+fsync", single / limit), note="16 threads append one at a time; commits are shared",
            )  # fmt: skip
            while store.head().seq < read:
                store.append(facts)
            total = store.head().seq
            took = [_timed(lambda: _drain(store)) for _ in range(runs)]
            yield case("journal", "read", total, statistics.median(took), runs=runs)
            took = [_timed(lambda: verify(follow(store, 0, batch=5000))) for _ in range(runs)]
            yield case("journal", "verify", total, statistics.median(took), runs=runs)


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _drain(store: SqliteStore) -> int:
    return sum(1 for _ in follow(store, 0, batch=5000))


def _threads(store: SqliteStore, n: int, runs: int, threads: int = 16) -> float:
    fact = [Fact("report:received", "x", BODY)]

    def appends() -> None:
        for _ in range(n // threads):
            store.append(fact)

    took = []
    for _ in range(runs):
        workers = [threading.Thread(target=appends) for _ in range(threads)]
        start = time.perf_counter()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        took.append((time.perf_counter() - start) * n / (n // threads * threads))
    return statistics.median(took)


class _Raw:
    """A file that is appended to and synced: what the disk can do."""

    def __init__(self, path: Path) -> None:
        self.handle = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)

    def append(self, data: bytes) -> None:
        os.write(self.handle, data)
        os.fsync(self.handle)


class _Naive:
    """The journal one would write first."""

    def __init__(self, path: Path) -> None:
        self.db = sqlite3.connect(path)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = FULL")
        self.db.execute(
            "CREATE TABLE journal (seq INTEGER PRIMARY KEY, at TEXT, kind TEXT, subject TEXT, body BLOB, hash BLOB)"
        )
        self.db.execute("CREATE INDEX by_subject ON journal (kind, subject)")
        self.hash = b""

    def append(self, facts: list[Fact]) -> None:
        with self.db:
            for fact in facts:
                self.hash = hashlib.sha256(self.hash + fact.kind.encode() + fact.subject.encode() + fact.body).digest()
                self.db.execute(
                    "INSERT INTO journal (at, kind, subject, body, hash) VALUES (datetime(), ?, ?, ?, ?)",
                    (fact.kind, fact.subject, fact.body, self.hash),
                )

    def __enter__(self) -> _Naive:
        return self

    def __exit__(self, *_: object) -> None:
        self.db.close()

"""The embedded store: the journal, the cursors and other rooms' tables in one SQLite file, with one writer at a time.

- A write returns when it is on disk: write-ahead log, ``synchronous=FULL``, and one fsync for everything that was
  waiting (group commit). A reader never waits for the writer.
- One process at a time writes to a data folder; a second one is told so, and by whom it is held.
- A journal whose end does not hold is not written on; ``tocsin journal verify`` names the entry.
- A failed commit leaves nothing behind, neither in the file nor in memory, and the next one starts clean.
- Everybody who needs a table of their own has it made with :meth:`SqliteStore.ensure`, and writes it in the same
  commits as the journal (:meth:`SqliteStore.commit`, ``also`` of :meth:`SqliteStore.step`) or by itself
  (:meth:`SqliteStore.write`).

SQLite measured at 59 % of the bare fsync rate singly and 24,600 entries/s in groups of ten (stack.md).
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from importlib.resources import files
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import apsw

from tocsin.clock import Clock, SystemClock
from tocsin.errors import JournalBrokenError, StoreError
from tocsin.journal import GENESIS, Entry, Fact, Head, link
from tocsin.store import file, queries
from tocsin.store.file import plainly
from tocsin.store.reading import Reading

T = TypeVar("T")

GROUP = 2000  # the most writes that share one commit
TAIL = 1000  # how many of the newest entries are checked when a store is opened

_log = logging.getLogger(__name__)
_STOP = object()


class SqliteStore(Reading):
    """The store of one installation in the file ``path`` (a folder means its ``tocsin.db``).

    ``reading=True`` opens it beside a running Tocsin, to look and to copy: no lock, no thread, nothing changes.
    """

    def __init__(self, path: Path | str, clock: Clock | None = None, *, reading: bool = False) -> None:
        super().__init__(file.locate(path))
        self.clock: Clock = clock or SystemClock()
        self.reading = reading
        self._calls: list[Callable[[int], None]] = []
        self._queue: SimpleQueue[Any] = SimpleQueue()
        self._door = threading.Lock()  # held for a moment, to come in
        self._turn = threading.Lock()  # held by who writes
        self._pending = 0  # how many writes are queued or in a group
        self._lock: int | None = None
        if reading:
            if not self.path.is_file():
                raise StoreError(f"there is no store at {self.path}")
            with plainly(self.path):
                if not file.recognise(self._reader(), self.path):
                    raise StoreError(f"there is nothing in {self.path}")
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = file.hold(self.path)
        try:
            with plainly(self.path):
                # What is in it may one day be somebody's address, so nobody else reads the file (F27).
                os.close(os.open(self.path, os.O_CREAT | os.O_WRONLY, 0o600))
                self._writer = file.connect(self.path, apsw.SQLITE_OPEN_READWRITE)
                self._prepare(fresh=not file.recognise(self._writer, self.path))
                self._head = self._last = file.head_of(self._writer)
                self._check_tail(self._writer)
        except BaseException:
            self._release()
            raise
        self._thread = threading.Thread(target=self._write_on, name="tocsin-store", daemon=True)
        self._thread.start()

    # --- the journal -----------------------------------------------------------------------------------------------

    def append(self, facts: Sequence[Fact]) -> list[Entry]:
        """Record ``facts`` in order, all or none; they are on disk when this returns."""
        kept = tuple(facts)
        return self._do(lambda _: self._add(kept), guarded=False)

    def post(self, facts: Sequence[Fact]) -> Future[list[Entry]]:
        """:meth:`append` without waiting: the future is done when they are on disk (for the event loop)."""
        kept = tuple(facts)
        return self._submit(lambda _: self._add(kept), guarded=False)

    def commit(self, facts: Sequence[Fact], also: Callable[[apsw.Connection], object]) -> list[Entry]:
        """Record ``facts`` (or none) and do what ``also`` writes in a room's tables, in one commit; what raises undoes both."""
        kept = tuple(facts)

        def work(connection: apsw.Connection) -> list[Entry]:
            entries = self._add(kept)
            also(connection)
            return entries

        return self._do(work, guarded=True)

    def append_new(self, facts: Sequence[Fact]) -> list[Entry]:
        """Record those of ``facts`` whose kind and subject no entry has yet, in one commit; the others are repeats.

        Looking and recording happen in the writer, so two threads with the same report cannot both record it.
        """
        return self._do(self._adding_new(tuple(facts)), guarded=False)

    def post_new(self, facts: Sequence[Fact]) -> Future[list[Entry]]:
        """:meth:`append_new` without waiting."""
        return self._submit(self._adding_new(tuple(facts)), guarded=False)

    def _adding_new(self, kept: Sequence[Fact]) -> Callable[[apsw.Connection], list[Entry]]:
        def work(connection: apsw.Connection) -> list[Entry]:
            new, wanted = [], set[tuple[str, str]]()
            by_kind: dict[str, list[str]] = {}
            for item in kept:
                by_kind.setdefault(item.kind, []).append(item.subject)
            there = {kind: queries.seen(connection, kind, subjects) for kind, subjects in by_kind.items()}
            for item in kept:
                name = (item.kind, item.subject)
                if item.subject not in there[item.kind] and name not in wanted:
                    wanted.add(name)
                    new.append(item)
            return self._add(new)

        return work

    def step(
        self,
        follower: str,
        upto: int,
        facts: Sequence[Fact],
        also: Callable[[apsw.Connection], object] | None = None,
    ) -> list[Entry]:
        """Record ``facts`` and put ``follower``'s cursor on ``upto``, in one commit, with what ``also`` writes.

        A cursor that is already at or beyond ``upto`` means that this step was done before: nothing is recorded.
        """
        return self._do(self._stepping(follower, upto, tuple(facts), also), guarded=also is not None)

    def post_step(
        self,
        follower: str,
        upto: int,
        facts: Sequence[Fact],
        also: Callable[[apsw.Connection], object] | None = None,
    ) -> Future[list[Entry]]:
        """:meth:`step` without waiting."""
        return self._submit(self._stepping(follower, upto, tuple(facts), also), guarded=also is not None)

    def _stepping(
        self, follower: str, upto: int, kept: Sequence[Fact], also: Callable[[apsw.Connection], object] | None
    ) -> Callable[[apsw.Connection], list[Entry]]:

        def work(connection: apsw.Connection) -> list[Entry]:
            if queries.cursor(connection, follower) >= upto:
                return []
            entries = self._add(kept)
            connection.execute(queries.MOVE, (follower, upto))
            if also is not None:
                also(connection)
            return entries

        return work

    def head(self) -> Head:
        """The newest entry's number and hash."""
        if self.reading:
            with plainly(self.path):
                return file.head_of(self._reader())
        return self._head

    def on_append(self, call: Callable[[int], None]) -> Callable[[], None]:
        """Have ``call`` told the newest number after each commit, from the thread that wrote; returns how to stop it.

        ``call`` must not write itself: the next commit waits for it. It wakes somebody and returns.
        """
        self._calls.append(call)

        def stop() -> None:
            with contextlib.suppress(ValueError):
                self._calls.remove(call)

        return stop

    # --- other rooms' tables ---------------------------------------------------------------------------------------

    def ensure(self, schema_name: str, sql: str) -> None:
        """Make a room's tables. ``sql`` says ``IF NOT EXISTS`` throughout: it runs again when its text changes."""

        def work(connection: apsw.Connection) -> None:
            row = connection.execute(queries.ROOM, (schema_name,)).fetchone()
            if row is None or row[0] != sql:
                connection.execute(sql)
                connection.execute(queries.ROOM_MADE, (schema_name, sql))

        self.write(work).result()

    def write(self, fn: Callable[[apsw.Connection], T]) -> Future[T]:
        """Run ``fn`` in the writer's thread, inside the next group commit; the future is done when that is on disk.

        What ``fn`` wrote is undone if it raises; what shares the commit with it is not.
        """
        return self._submit(fn, guarded=True)

    # --- the file --------------------------------------------------------------------------------------------------

    def backup(self, path: Path | str) -> Head:
        """Copy everything to the new file ``path`` while work goes on, and return the copy's head.

        The copy is one moment of the store: complete, on disk and in one file when this returns.
        """
        return file.copy(self.path, Path(path))

    def close(self) -> None:
        """Finish what waits, close the file and let others have it. Closing twice does nothing."""
        with self._door:
            if self._closed:
                return
            self._closed = True
            if not self.reading:
                self._queue.put(_STOP)
        if not self.reading:
            self._thread.join()
            self._turn.acquire()  # whoever writes by itself finishes first; nobody comes in any more
        self._release()

    def __enter__(self) -> SqliteStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- the writer's thread ---------------------------------------------------------------------------------------

    def _submit(self, fn: Callable[[apsw.Connection], T], *, guarded: bool) -> Future[T]:
        """Have ``fn`` done by the writer's thread, in the next group."""
        future: Future[T] = Future()
        with self._door:
            self._refuse_if_shut()
            self._pending += 1
            self._queue.put((fn, future, guarded))
        return future

    def _do(self, fn: Callable[[apsw.Connection], T], *, guarded: bool) -> T:
        """Have ``fn`` done and wait for it: here and now if nobody else writes, else in the next group.

        Handing work to another thread and back costs as much as the disk when the machine is busy.
        """
        with self._door:
            self._refuse_if_shut()
            alone = self._pending == 0 and self._turn.acquire(blocking=False)
        if not alone:
            return self._submit(fn, guarded=guarded).result()
        future: Future[T] = Future()
        try:
            self._commit([(fn, future, guarded)])
        finally:
            self._turn.release()
        return future.result()

    def _refuse_if_shut(self) -> None:
        if self.reading:
            raise StoreError(f"{self.path} was opened for reading only")
        if self._closed:
            raise StoreError(f"{self.path} is closed")

    def _write_on(self) -> None:
        """Take what waits, write it in one commit, tell those who wait; until the store closes."""
        go_on = True
        while go_on:
            jobs = [self._queue.get()]
            with self._turn:
                # What came in while somebody else wrote goes into this group too.
                with contextlib.suppress(Empty):
                    while len(jobs) < GROUP and jobs[-1] is not _STOP:
                        jobs.append(self._queue.get_nowait())
                if jobs[-1] is _STOP:
                    jobs.pop()
                    go_on = False
                # From here on nobody can withdraw: whoever did so before is left out.
                if taken := [job for job in jobs if job[1].set_running_or_notify_cancel()]:
                    self._commit(taken)
            with self._door:
                self._pending -= len(jobs)

    def _commit(self, jobs: list[Any]) -> None:
        before = self._last
        done: list[tuple[Future[Any], Any, BaseException | None]] = []
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            for fn, future, guarded in jobs:
                done.append((future, *self._run(fn, guarded)))
            self._writer.execute("COMMIT")
            self._head = self._last  # what nobody could lose any more is what others may see
        except BaseException as wrong:
            # Nobody of this group may believe that it is on disk; what truly is there, only the file can say.
            self._last = before
            with contextlib.suppress(apsw.Error):
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                self._head = self._last = file.head_of(self._writer)
            told = StoreError(f"{self.path} was not written: {wrong}")
            told.__cause__ = wrong
            for _, future, _ in jobs:
                future.set_exception(told)
            if not isinstance(wrong, Exception):
                raise
            return
        for future, result, fault in done:
            if fault is None:
                future.set_result(result)
            else:
                future.set_exception(fault)
        if self._head.seq != before.seq:
            for call in tuple(self._calls):
                try:
                    call(self._head.seq)
                except Exception:
                    _log.exception("a listener of the journal failed")

    def _run(self, fn: Callable[[apsw.Connection], Any], guarded: bool) -> tuple[Any, BaseException | None]:
        """The result of one write, or why it failed; only a fault of the disk goes on to the whole group."""
        before = self._last
        if guarded:
            self._writer.execute("SAVEPOINT work")
        try:
            result = fn(self._writer)
        except Exception as wrong:
            # Unguarded work changes nothing before it can fail by itself, so an error of SQLite there is the disk's.
            faulty = (apsw.FullError, apsw.IOError, apsw.CorruptError, apsw.NotADBError) if guarded else apsw.Error
            if isinstance(wrong, faulty):
                raise
            self._last = before
            if guarded:
                self._writer.execute("ROLLBACK TO work; RELEASE work")
            return None, wrong
        if guarded:
            self._writer.execute("RELEASE work")
        return result, None

    def _add(self, facts: Sequence[Fact]) -> list[Entry]:
        if not facts:
            return []
        at = self.clock.now()
        micros = queries.micros(at)
        seq, prev = self._last.seq, self._last.hash
        entries = []
        for item in facts:
            seq += 1
            entry = link(item, seq, at, prev)
            prev = entry.hash
            entries.append(entry)
        self._writer.executemany(
            queries.ADD, [(e.seq, micros, e.realm, e.kind, e.subject, e.prev, e.hash, e.body) for e in entries]
        )
        self._last = Head(seq, prev)
        return entries

    # --- opening ---------------------------------------------------------------------------------------------------

    def _prepare(self, fresh: bool) -> None:
        if self._writer.pragma("journal_mode", "wal") != "wal":
            raise StoreError(f"{self.path}: this file system does not support a write-ahead log")
        self._writer.pragma("synchronous", "FULL")
        self._writer.pragma("wal_autocheckpoint", 4000)
        self._writer.pragma("journal_size_limit", 64 * 1024 * 1024)
        self._writer.pragma("cache_size", -16_000)
        with self._writer:
            self._writer.execute(files("tocsin.store").joinpath("schema.sql").read_text("utf-8"))
            if fresh:
                self._writer.execute(f"PRAGMA application_id = {file.APPLICATION}; PRAGMA user_version = {file.SCHEMA}")
        if fresh:
            file.sync(self.path.parent)

    def _check_tail(self, connection: apsw.Connection) -> None:
        """The newest entries must hold before anything is written after them."""
        prev: bytes | None = None
        after = max(0, self._head.seq - TAIL)
        for count, row in enumerate(connection.execute(queries.READ, (after, TAIL)), after + 1):
            entry = queries.entry(row)
            fits = entry.prev == (prev if prev is not None else entry.prev if after else GENESIS)
            if entry.seq != count or not fits or not queries.holds(entry):
                raise JournalBrokenError(
                    f"entry {count} does not hold; restore a backup, or look with `tocsin journal verify`", seq=count
                )
            prev = entry.hash

    def _release(self) -> None:
        self._release_readers()
        writer: apsw.Connection | None = getattr(self, "_writer", None)
        if writer is not None:
            writer.close(True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

"""Reading the store: entries, cursors and what was seen, each thread over a connection of its own.

- A reader never waits for the writer, and sees whole commits only.
- Nothing here can write, and nothing waits for a lock.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import apsw

from tocsin.errors import StoreError
from tocsin.journal import Entry
from tocsin.store import file, queries
from tocsin.store.file import plainly


class Reading:
    """Everything that can be asked of the store in the file ``path``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        self._readers: list[apsw.Connection] = []
        self._readers_lock = threading.Lock()
        self._closed = False

    def read(self, after: int, limit: int = 1000, kinds: Iterable[str] | None = None) -> list[Entry]:
        """Entries with numbers above ``after``, oldest first, at most ``limit``; only ``kinds`` when given."""
        with plainly(self.path):
            if kinds is None:
                rows = self._reader().execute(queries.READ, (after, limit))
            else:
                wanted = dict.fromkeys(kinds)
                if not wanted:
                    return []
                asked = [value for kind in wanted for value in (kind, after, limit)]
                rows = self._reader().execute(queries.read_kinds(len(wanted)), (*asked, limit))
            return [queries.entry(row) for row in rows]

    def cursor(self, follower: str) -> int:
        """The number of the last entry that ``follower`` is done with; 0 if it never was here."""
        with plainly(self.path):
            return queries.cursor(self._reader(), follower)

    def cursors(self) -> dict[str, int]:
        """Every follower's cursor."""
        with plainly(self.path):
            return dict(self._reader().execute(queries.CURSORS))

    def seen(self, kind: str, subjects: Iterable[str]) -> set[str]:
        """Which of ``subjects`` already have an entry of this ``kind``."""
        with plainly(self.path):
            return queries.seen(self._reader(), kind, subjects)

    def about(self, kind: str, subject: str, limit: int = 100) -> list[Entry]:
        """The newest entries of one ``kind`` about one ``subject``, newest first."""
        with plainly(self.path):
            return [queries.entry(row) for row in self._reader().execute(queries.ABOUT, (kind, subject, limit))]

    def newest(self, kind: str) -> list[Entry]:
        """The newest entry of this ``kind`` about each subject, in the order of their numbers."""
        with plainly(self.path):
            return [queries.entry(row) for row in self._reader().execute(queries.NEWEST, (kind,))]

    def kinds(self) -> tuple[str, ...]:
        """Every kind of which there is an entry, sorted."""
        with plainly(self.path):
            return tuple(row[0] for row in self._reader().execute(queries.KINDS))

    @contextlib.contextmanager
    def reader(self) -> Iterator[apsw.Connection]:
        """This thread's connection for reading; it cannot write."""
        with plainly(self.path):
            yield self._reader()

    def faults(self) -> list[str]:
        """What SQLite itself finds wrong with the file's structure, in its words; empty when it is sound."""
        try:
            found = [str(row[0]) for row in self._reader().execute("PRAGMA integrity_check(100)")]
        except apsw.Error as wrong:
            return [str(wrong)]
        return [] if found == ["ok"] else found

    def _reader(self) -> apsw.Connection:
        connection: apsw.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            if self._closed:
                raise StoreError(f"{self.path} is closed")
            connection = file.connect(self.path)
            self._local.connection = connection
            with self._readers_lock:
                self._readers.append(connection)
        return connection

    def _release_readers(self) -> None:
        with self._readers_lock:
            for connection in self._readers:
                with contextlib.suppress(apsw.Error):  # a thread that still reads closes its own when it ends
                    connection.close(True)
            self._readers.clear()

"""Together: facts of the journal and the rows that go with them, in one commit.

- The store commits what a follower makes with its cursor; a room that is written to from outside has such a cursor as
  well, which counts its commits. There is a fact in each, so it is never beyond the journal's end.
- What raises undoes both.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import apsw

from tocsin.journal import Entry, Fact
from tocsin.store.sqlite import SqliteStore


class Together:
    """The commits of one room, by the name of its cursor."""

    def __init__(self, store: SqliteStore, follower: str) -> None:
        self.store, self.follower = store, follower
        self._lock = threading.Lock()

    def change(self, facts: Sequence[Fact], work: Callable[[apsw.Connection], object]) -> list[Entry]:
        """Record ``facts`` (or none) and do ``work``, in one commit; on disk when this returns."""
        if not facts:
            self.store.write(work).result()
            return []
        with self._lock:
            return self.store.step(self.follower, self.store.cursor(self.follower) + 1, facts, work)

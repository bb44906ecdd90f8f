"""Promises: "next update by 14:00" is a promise to people, and it is watched whether it is kept.

- A promise is made with the alert that says it, and kept by any later word on the same event before its time: also
  "no change" is a word (F30: two computer messages in a week).
- A promise that runs out is missed once, and said; the next one counts anew. An ending keeps every promise.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from tocsin.cap.phase import ENDED
from tocsin.journal import ACTUAL, Entry, Fact, fact
from tocsin.warn.publish import ALERT_PUBLISHED, Published

PROMISE_MADE = "promise:made"
PROMISE_MISSED = "promise:missed"


class Promised(Struct, frozen=True):
    """The body of ``promise:made`` and ``promise:missed``; the subject is the alert that says it."""

    event_id: str
    by: datetime
    owner: str = ""
    deputy: str = ""


class Promises:
    """Every promise, open, kept or missed, as the journal tells it."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._open: dict[str, tuple[str, Promised]] = {}  # by event: the alert that made it, and the promise
        self._ended: set[str] = set()
        self.kept: list[tuple[str, datetime]] = []
        self.missed: list[tuple[str, datetime]] = []
        for entry in entries:
            self.apply(entry)

    def apply(self, entry: Entry) -> None:
        """Take in one entry."""
        if entry.kind == PROMISE_MADE:
            said = entry.read(Promised)
            if said.event_id not in self._ended:
                self._open[said.event_id] = (entry.subject, said)
        elif entry.kind == PROMISE_MISSED:
            said = entry.read(Promised)
            found = self._open.get(said.event_id)
            if found is not None and found[1].by == said.by:
                del self._open[said.event_id]
                self.missed.append((said.event_id, said.by))
        elif entry.kind == ALERT_PUBLISHED:
            done = entry.read(Published)
            found = self._open.get(done.event_id)
            if found is not None and done.identifier != found[0]:
                del self._open[done.event_id]
                # A word that comes late does not keep what was promised, also where nobody has noticed yet.
                kept = done.sent <= found[1].by
                (self.kept if kept else self.missed).append((done.event_id, found[1].by))
            if done.phase in ENDED:
                self._ended.add(done.event_id)
            else:
                self._ended.discard(done.event_id)

    def open(self) -> list[tuple[str, Promised]]:
        """Every promise that is not kept yet, with the alert that made it; the one due first comes first."""
        return sorted(self._open.values(), key=lambda one: one[1].by)

    def overdue(self, at: datetime) -> list[tuple[str, Promised]]:
        """The open promises whose time is over."""
        return [one for one in self.open() if one[1].by < at]

    def due(self, at: datetime, realm: str = ACTUAL) -> list[Fact]:
        """What to record now: each promise that has run out, once."""
        return [fact(PROMISE_MISSED, alert, promised, realm) for alert, promised in self.overdue(at)]

"""What the console shows by itself from the journal: loopbacks, calls, reviews that are due, receipts, waiting reports.

- Each keeps the newest :data:`REMEMBERED`, and one kind never pushes out another: a night of mirrored alerts brings
  thousands of loopbacks, and must not push out what asks for somebody.
- Nothing stands here that the journal does not say.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime
from typing import Any

from msgspec import Struct

from tocsin.journal import Entry
from tocsin.reach.delivery import DELIVERY_SEALED, DELIVERY_SETTLED
from tocsin.recent import Recent
from tocsin.warn.loopback import LOOPBACK_DARK, LOOPBACK_MATCHED, LOOPBACK_MISMATCHED
from tocsin.warn.mirror import REPORT_WAITING
from tocsin.warn.owner import REPORT_DECIDED
from tocsin.warn.publish import ALERT_PUBLISHED, Published
from tocsin.warn.widening import ALERT_WIDENED

KEPT = (
    "loopback:",
    "review:",
    "promise:",
    "page:",
    "handover:",
    "report:waiting",
    "report:decided",
    "stopwatch:",
    "policy:",
    ALERT_WIDENED,
)
LOOPS = (LOOPBACK_MATCHED, LOOPBACK_MISMATCHED, LOOPBACK_DARK, ALERT_WIDENED)
DELIVERIES = (DELIVERY_SEALED, DELIVERY_SETTLED)
REMEMBERED = 500


class Note(Struct, frozen=True):
    """One entry that the console shows by itself: a loopback's result, a review that is due, a page that rang."""

    kind: str
    subject: str
    at: datetime
    body: dict[str, Any]


class Noted:
    """The notes of one realm by what they are about."""

    def __init__(self) -> None:
        self.waiting: Recent[str, Note] = Recent(REMEMBERED)
        self.notes: deque[Note] = deque(maxlen=REMEMBERED)
        self.versions: Recent[str, list[Published]] = Recent(REMEMBERED)
        self.loops: Recent[str, list[Note]] = Recent(REMEMBERED)
        self.receipts: Recent[str, list[Note]] = Recent(REMEMBERED)

    def apply(self, entry: Entry) -> None:
        """Keep what ``entry`` says, where the console shows it."""
        if entry.kind == ALERT_PUBLISHED:
            done = entry.read(Published)
            self.versions.setdefault(done.event_id, []).append(done)
        if entry.kind.startswith(KEPT):
            self._keep(entry)
        elif entry.kind in DELIVERIES:
            alert = entry.subject.rpartition("@")[0]
            self.receipts.setdefault(alert, []).append(Note(entry.kind, alert, entry.at, entry.read(dict)))

    def _keep(self, entry: Entry) -> None:
        note = Note(entry.kind, entry.subject, entry.at, entry.read(dict))
        if entry.kind == REPORT_WAITING:
            # The end of an alert that never began asks nobody to do anything.
            if not note.body.get("ended"):
                self.waiting[entry.subject] = note
        elif entry.kind == REPORT_DECIDED:
            self.waiting.pop(entry.subject, None)
        elif entry.kind in LOOPS:
            self.loops.setdefault(entry.subject, []).append(note)
            if entry.kind == LOOPBACK_MISMATCHED:
                self.notes.append(note)
        else:
            self.notes.append(note)

    def about(self, prefix: str, subject: str = "", since: datetime | None = None) -> list[Note]:
        """What was noted of this kind (about ``subject``, not before ``since``), newest first."""
        return [
            note
            for note in reversed(self.notes)
            if note.kind.startswith(prefix) and subject in ("", note.subject) and (since is None or note.at >= since)
        ]

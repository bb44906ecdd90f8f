"""The register: which alerts were published for everybody, in the order of their numbers, each word for word.

- Only alerts of this realm with scope Public are in it: a restricted alert, its existence included, is for those it is
  addressed to, and goes to them by other ways (practice.md section 2, the two alerts of 20 November 2024).
- The bytes come from the journal each time and are never rendered again; the register itself keeps numbers and names.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from datetime import datetime

from msgspec import Struct

from tocsin.cap.alert import Alert, Scope
from tocsin.cap.xml import read
from tocsin.errors import NotFoundError
from tocsin.journal import Entry, Journal
from tocsin.recent import Recent
from tocsin.warn.publish import ALERT_PUBLISHED, Published

KEEP = 1000


class Card(Struct, frozen=True):
    """What is read of a published alert when it comes: the rest stays in the journal until somebody asks."""

    identifier: str
    scope: str
    areas: tuple[str, ...]
    report: str = ""
    report_of: str = ""


class Row(Struct, frozen=True):
    """One line of the register: the journal's number, the identifier, and the area codes it names."""

    seq: int
    identifier: str
    areas: tuple[str, ...]


class Shown(Struct, frozen=True):
    """A published alert with its number, its parsed message, and when it was recorded."""

    seq: int
    at: datetime
    published: Published
    alert: Alert


class Register:
    """The published, public alerts of one realm."""

    def __init__(self, journal: Journal, realm: str) -> None:
        self._journal, self.realm = journal, realm
        self.rows: list[Row] = []
        self._at: dict[str, int] = {}
        self._by_report: dict[str, str] = {}
        self._areas: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._shown: Recent[int, Shown] = Recent(KEEP)

    def apply(self, entry: Entry) -> None:
        """Enter a published alert; entries of other kinds, realms and scopes are passed over."""
        if entry.kind != ALERT_PUBLISHED or entry.realm != self.realm:
            return
        card = entry.read(Card)
        if card.scope != Scope.PUBLIC or card.identifier in self._at:
            return
        self._at[card.identifier] = len(self.rows)
        # A country has a few dozen different area lists and a war has a hundred thousand alerts: each list is kept once.
        areas = self._areas.setdefault(card.areas, card.areas)
        self.rows.append(Row(entry.seq, card.identifier, areas))
        if card.report_of:
            self._by_report[card.report] = card.identifier

    def __len__(self) -> int:
        return len(self.rows)

    def __contains__(self, identifier: str) -> bool:
        return identifier in self._at

    def newest(self, before: int | None = None) -> Iterator[Row]:
        """Rows from the newest to the oldest, those below the number ``before`` when it is given."""
        start = len(self.rows) if before is None else bisect.bisect_left(self.rows, before, key=lambda row: row.seq)
        return (self.rows[index] for index in range(start - 1, -1, -1))

    def since(self, after: int) -> Iterator[Row]:
        """Rows with numbers above ``after``, oldest first."""
        start = bisect.bisect_right(self.rows, after, key=lambda row: row.seq)
        return (self.rows[index] for index in range(start, len(self.rows)))

    def of_report(self, report: str) -> str | None:
        """The identifier under which a report was published, if it was."""
        return self._by_report.get(report)

    def find(self, identifier: str) -> Shown:
        """The alert with this identifier; :class:`NotFoundError` when none was published for everybody."""
        index = self._at.get(identifier)
        if index is None:
            raise NotFoundError
        return self.show(self.rows[index])

    def show(self, row: Row) -> Shown:
        """The alert of a row, from the journal."""
        known = self._shown.get(row.seq)
        if known is not None:
            self._shown.move_to_end(row.seq)
            return known
        entry = self._journal.read(row.seq - 1, 1)[0]
        published = entry.read(Published)
        alert = read(published.cap.encode()).alerts[0]
        shown = Shown(row.seq, entry.at, published, alert)
        self._shown[row.seq] = shown
        return shown

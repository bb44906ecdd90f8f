"""The opened journal: how the dispatch sees the record, where an alert is published once it was widened.

- While it is ``open`` it is the journal itself: where nobody serves, nothing can be read back.
- An ``alert:widened`` is shown as the alert that it opens, under its own number, so that the dispatch's cursor and its
  queues hold for both, and what was sealed before a change of mode is still found after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from tocsin.journal import Entry, Fact, Head, Journal
from tocsin.warn.publish import ALERT_PUBLISHED
from tocsin.warn.widening import ALERT_WIDENED, Widened


class OpenedJournal:
    """The journal as the dispatch sees it: an alert is published there once it was widened.

    While ``open`` it is the journal itself. An ``alert:widened`` is shown as the alert that it opens, under its own
    number, so that cursors and queues hold for both.
    """

    def __init__(self, journal: Journal) -> None:
        self.journal, self.open = journal, True

    def append(self, facts: Sequence[Fact]) -> list[Entry]:
        return self.journal.append(facts)

    def step(self, follower: str, upto: int, facts: Sequence[Fact]) -> list[Entry]:
        return self.journal.step(follower, upto, facts)

    def read(self, after: int, limit: int = 1000, kinds: Iterable[str] | None = None) -> list[Entry]:
        wanted = tuple(kinds) if kinds is not None else None
        if wanted is not None and not self.open:
            wanted = tuple(ALERT_WIDENED if kind == ALERT_PUBLISHED else kind for kind in wanted)
        return [self._opened(entry) for entry in self.journal.read(after, limit, wanted)]

    def cursor(self, follower: str) -> int:
        return self.journal.cursor(follower)

    def head(self) -> Head:
        return self.journal.head()

    def on_append(self, call: Callable[[int], None]) -> Callable[[], None]:
        return self.journal.on_append(call)

    def _opened(self, entry: Entry) -> Entry:
        if entry.kind != ALERT_WIDENED:
            return entry
        (was,) = self.journal.read(entry.read(Widened).entry - 1, 1)
        return Entry(entry.seq, entry.at, was.realm, was.kind, was.subject, was.body, entry.prev, entry.hash)

"""Old receipts on SQLite: who got which alert goes after some days, and how many got it stays.

- What is summed up is an event as a whole, and only one whose every version has run out and been settled so many days ago: a
  retraction must still find everybody who may have seen what is still live (F2).
- The counts are recorded for each alert and channel as they stand at the end, with every receipt that came late, and in the
  same commit recipients and marks are overwritten. The review of an old event has its figures from these.
- Done twice it does nothing the second time; stopped in between, an event is whole or summed up, and never half of it.

Practice: delivery receipts aggregated after 30 days (data minimisation, GDPR article 5).
"""

from __future__ import annotations

from datetime import datetime, timedelta

import apsw
import numpy as np

from tocsin.clock import EPOCH
from tocsin.journal import Fact, fact
from tocsin.reach.delivery import DELIVERY_SUMMED, Mark, Summed, count
from tocsin.store.sqlite import SqliteStore

OLD = """
SELECT event_id FROM batches WHERE realm = ? GROUP BY event_id
HAVING min(settled) = 1 AND max(deadline) < ? AND max(last) > 0 ORDER BY min(id)
"""
OF_EVENT = "SELECT alert, channel, version, phase, marks FROM batches WHERE event_id = ? AND realm = ? ORDER BY id"
EMPTY = """
UPDATE batches SET recipients = x'', marks = x'', first = 1, last = 0 WHERE event_id = ? AND realm = ?
"""


class SqlReceipts:
    """The receipts of one ``realm`` in ``store``, where :class:`tocsin.store.batches.SqlBatches` has made them."""

    def __init__(self, store: SqliteStore, realm: str) -> None:
        self.store, self.realm = store, realm

    def sum_up(self, before: datetime) -> int:
        """Sum up every event that was over before this moment; how many there were. Blocks."""
        with self.store.reader() as connection:
            micros = (before - EPOCH) // timedelta(microseconds=1)
            events = [row[0] for row in connection.execute(OLD, (self.realm, micros))]
        for event in events:
            self._sum(event)
        return len(events)

    def _sum(self, event: str) -> None:
        def change(connection: apsw.Connection) -> None:
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute(EMPTY, (event, self.realm))

        self.store.commit(self._counts(event), change)

    def _counts(self, event: str) -> list[Fact]:
        marks: dict[tuple[str, str, int, str], list[bytes]] = {}
        with self.store.reader() as connection:
            for alert, channel, version, phase, kept in connection.execute(OF_EVENT, (event, self.realm)):
                marks.setdefault((alert, channel, version, phase), []).append(kept)
        facts = []
        for (alert, channel, version, phase), parts in marks.items():
            counts = count(np.frombuffer(b"".join(parts), dtype=np.uint8))
            # Who was told by another channel was never a recipient of this one.
            counts.pop(Mark.SPARED.name.lower(), None)
            told = Summed(alert, event, version, phase, channel, counts)
            facts.append(fact(DELIVERY_SUMMED, f"{alert}@{channel}", told, self.realm))
        return facts

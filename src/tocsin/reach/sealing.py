"""Sealing: what was published since last time becomes sealed batches, in one commit with its facts and the cursor.

- One (event, version) is told once, however often it is published (F22); an older version that comes late is not told.
- Only what is of this realm is sealed, and what the self-drill publishes for its canaries.
- After kill -9 either all of it is there or nothing, and then it is sealed at the next start.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tocsin.journal import ACTUAL, Entry, Fact, Journal, fact
from tocsin.reach.audience import Audience
from tocsin.reach.delivery import DELIVERY_SEALED, Batch, Batches, Plan, Sealed
from tocsin.reach.recipients import Recipients
from tocsin.warn.canary import SELFDRILL_PUBLISHED
from tocsin.warn.publish import ALERT_PUBLISHED, Published

PHASES = ("prepare", "act", "hold", "all-clear", "retracted")
KINDS = (ALERT_PUBLISHED, SELFDRILL_PUBLISHED)
"""What is sent."""
AT_ONCE = 500

Read = tuple[Entry, "Published | None"]
"""An entry, and what it published if that is to be sent from here."""


class Sealing:
    """Seals the batches of one realm; ``follower`` is the name of its cursor."""

    def __init__(
        self, journal: Journal, batches: Batches, recipients: Recipients, audience: Audience, realm: str
    ) -> None:
        self.journal, self.batches, self.recipients, self.audience = journal, batches, recipients, audience
        self.realm, self.follower = realm, "dispatch" if realm == ACTUAL else f"dispatch-{realm}"

    def waits(self) -> bool:
        """Whether something was published that is not sealed."""
        return bool(self.journal.read(self.journal.cursor(self.follower), 1, KINDS))

    def read(self) -> list[Read]:
        """The next that were published. Blocks."""
        entries = self.journal.read(self.journal.cursor(self.follower), AT_ONCE, KINDS)
        return [(entry, self._ours(entry)) for entry in entries]

    def seal(self, read: Sequence[Read]) -> list[Batch]:
        """Seal what these entries ask for and move the cursor behind them. Blocks."""
        latest = newest(read)
        known = self.batches.newest(list(latest))
        plans: list[Plan] = []
        facts: list[Fact] = []
        versions: dict[str, int] = {}
        for entry, published in read:
            if published is None or latest[published.event_id] is not published:
                continue
            if published.version <= known.get(published.event_id, -1):
                continue
            versions[published.event_id] = published.version
            for plan in self.recipients.plans(entry, published):
                plans.append(plan)
                facts += self._facts(plan, published)
        return self.batches.seal(self.follower, read[-1][0].seq, facts, plans, versions)

    def _ours(self, entry: Entry) -> Published | None:
        published = entry.read(Published)
        ours = entry.realm == self.realm or entry.kind == SELFDRILL_PUBLISHED
        return published if ours and published.phase in PHASES else None

    def _facts(self, plan: Plan, published: Published) -> Iterable[Fact]:
        for channel, numbers in plan.recipients.items():
            areas, languages = self.audience.spread(numbers, published.areas)
            sealed = Sealed(
                plan.alert,
                plan.event_id,
                plan.version,
                plan.phase,
                channel,
                len(numbers),
                areas,
                languages,
            )
            yield fact(DELIVERY_SEALED, f"{plan.alert}@{channel}", sealed, plan.realm)


def newest(read: Iterable[Read]) -> dict[str, Published]:
    """By event, the newest version of what was read."""
    found: dict[str, Published] = {}
    for _, published in read:
        if published is not None:
            held = found.get(published.event_id)
            if held is None or published.version > held.version:
                found[published.event_id] = published
    return found

"""Recipients: whom a published alert goes to, and by which of a person's channels first.

- A retraction goes to exactly those who may have seen the alert, by the channels by which they may have; an all-clear
  to them and to everybody who is there now; both whatever phases a subscriber asked for. Everything else goes to the
  audience of the moment.
- Subscriptions that share a ``person`` are that person's ways to be told, in their ``order``. The first of them that is
  concerned is a recipient; the others are held in reserve, and are tried by :mod:`tocsin.reach.ladder`.
- Whom a newer version of a warning leaves out gets an all-clear in its place (:mod:`.leaving`).
- Whoever may have seen an alert by some channel gets its end by that channel, and none of these is held in reserve.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from tocsin.cap.alert import Alert
from tocsin.clock import Clock
from tocsin.journal import Entry, Journal
from tocsin.reach.audience import Audience, Outline
from tocsin.reach.bulletin import Parse, bulletin
from tocsin.reach.delivery import WARNINGS, Batches, Numbers, Plan, rank
from tocsin.reach.leaving import ALL_CLEAR, LEFT
from tocsin.reach.subscriber import Subscription
from tocsin.warn.publish import Published


class Recipients:
    """Finds whom alerts of one realm go to."""

    def __init__(
        self,
        journal: Journal,
        batches: Batches,
        audience: Audience,
        clock: Clock,
        realm: str,
        parse: Parse,
        public_url: str,
        outline: Callable[[Alert], Outline | None],
    ) -> None:
        self.journal, self.batches, self.audience, self.clock, self.realm = journal, batches, audience, clock, realm
        self.parse, self.public_url, self.outline = parse, public_url, outline
        self._alone = np.zeros(0, dtype=np.bool_)

    def plans(self, entry: Entry, published: Published) -> list[Plan]:
        """Whom an alert goes to, and whom it leaves out; nothing if it concerns nobody or has ended."""
        if not len(self.audience):
            return []
        alert = self.parse(published.cap.encode())
        told = bulletin(published, alert, self.realm, self.public_url)
        if told.deadline <= self.clock.now():
            return []
        recipients, reserve = self._found(published, alert)
        gone = self._left(published, alert) if published.phase in WARNINGS else {}
        return [
            Plan(
                name,
                published.event_id,
                published.version,
                phase,
                self.realm,
                rank(phase, self.realm),
                entry.seq,
                told.deadline,
                whom,
                behind,
            )
            for name, phase, whom, behind in (
                (published.identifier, published.phase, recipients, reserve),
                (published.identifier + LEFT, ALL_CLEAR, gone, {}),
            )
            if whom
        ]

    def before(self, published: Published) -> tuple[str, ...]:
        """The areas that the version before this one covered and this one does not."""
        earlier = self.batches.told(published.supersedes) if published.supersedes else []
        if not earlier:
            return ()
        areas = self.journal.read(earlier[0].seq - 1, 1)[0].read(Published).areas
        return tuple(area for area in areas if area not in published.areas)

    def _left(self, published: Published, alert: Alert) -> dict[str, Numbers]:
        """Who may have seen an earlier version of a warning and is not concerned by this one, by channel."""
        seen = self.batches.warned(published.event_id)
        if not seen.size:
            return {}
        shape = self.outline(alert)
        exact = getattr(self.audience, "left", None)
        if exact is not None:
            found: dict[str, Numbers] = exact(seen, published.areas, shape)
            return found
        gone = [number for number in seen.tolist() if not self.audience.why(number, published.areas, shape)]
        return self.audience.by_channel(gone)

    def _found(self, published: Published, alert: Alert) -> tuple[dict[str, Numbers], dict[str, Numbers]]:
        over = published.phase in ("retracted", "all-clear")
        seen = self.batches.reached(published.event_id) if over else np.empty(0, dtype=np.int64)
        reached = self.audience.by_channel(seen.tolist()) if over else {}
        if published.phase == "retracted":
            return reached, {}
        present = self.audience.match(
            published.areas,
            published.phase,
            published.scope,
            self.outline(alert),
            severity=worst(alert),
            at=self.clock.now(),
        )
        for channel, numbers in reached.items():
            present[channel] = np.union1d(present[channel], numbers) if channel in present else numbers
        return split(present, self._owned(present), frozenset(seen.tolist()))

    def _owned(self, found: Mapping[str, Numbers]) -> dict[int, tuple[str, int]]:
        """Those of ``found`` who belong to a person with other channels, by number: whose, and in which order.

        Most stand alone, and a number that does goes on doing so; a million are not looked at one by one each time.
        """
        most = max((int(numbers[-1]) for numbers in found.values() if numbers.size), default=-1)
        if most >= len(self._alone):
            self._alone = np.pad(self._alone, (0, most + 1 - len(self._alone) + most // 2))
        owned: dict[int, tuple[str, int]] = {}
        for numbers in found.values():
            for number in numbers[~self._alone[numbers]].tolist():
                person, order = whose(self.audience.subscription(number))
                if person:
                    owned[number] = person, order
                else:
                    self._alone[number] = True
        return owned


def split(
    found: dict[str, Numbers], owned: Mapping[int, tuple[str, int]], seen: frozenset[int] = frozenset()
) -> tuple[dict[str, Numbers], dict[str, Numbers]]:
    """Those of ``found`` who are told first, and those held in reserve behind another channel of the same person.

    ``owned`` says whose they are and in which order; ``seen`` are never held in reserve, and nor is anybody who stands
    alone.
    """
    if not owned:
        return found, {}
    first: dict[str, tuple[int, int]] = {}
    held: dict[str, list[int]] = {}
    persons: list[tuple[str, int, int, str]] = []
    for channel, numbers in found.items():
        for number in numbers[np.isin(numbers, list(owned))].tolist():
            person, order = owned[number]
            persons.append((person, -1 if number in seen else order, number, channel))
    for person, order, number, _ in persons:
        best = first.get(person)
        if best is None or (order, number) < best:
            first[person] = order, number
    for person, order, number, channel in persons:
        if order >= 0 and first[person] != (order, number):
            held.setdefault(channel, []).append(number)
    if not held:
        return found, {}
    reserve = {channel: np.array(sorted(numbers), dtype=np.int64) for channel, numbers in held.items()}
    told = {
        channel: np.setdiff1d(numbers, reserve[channel], assume_unique=True) if channel in reserve else numbers
        for channel, numbers in found.items()
    }
    return {channel: numbers for channel, numbers in told.items() if numbers.size}, reserve


def whose(one: Subscription | None) -> tuple[str, int]:
    """Whose a subscription is, by an opaque name (empty where it stands alone), and its place among that person's."""
    return getattr(one, "person", ""), getattr(one, "order", 0)


def worst(alert: Alert) -> str:
    """The gravest severity that any info of ``alert`` names; empty when none does."""
    grave: Sequence[str] = ("Extreme", "Severe", "Moderate", "Minor")
    return next((severity for severity in grave if any(info.severity == severity for info in alert.infos)), "")

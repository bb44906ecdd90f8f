"""Recipients: whom a published alert goes to, and by which of a person's channels first.

- A retraction goes to exactly those who may have seen the alert, by the channels by which they may have; an all-clear
  to them and to everybody who is there now; both whatever phases a subscriber asked for. Everything else goes to the
  audience of the moment.
- Subscriptions that share a ``person`` are that person's ways to be told, in their ``order``. The first of them that is
  concerned is a recipient; the others are held in reserve, and are tried by :mod:`tocsin.reach.ladder`.
- Whom a newer version of a warning leaves out gets an all-clear in its place (:mod:`.leaving`). Those who stay in the
  smaller area and surely have the earlier version get nothing new, unless the phase or what to do has changed (practice.md
  requirement 43). Systems are told of every version: they keep the state of an area (requirement 79).
- Whoever may have seen an alert by some channel gets its end by that channel, and none of these is held in reserve.
- What the self-drill publishes goes to its canaries, as an exercise, after everything else; nothing else ever does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from tocsin.cap.alert import Alert
from tocsin.clock import Clock
from tocsin.journal import Entry, Journal
from tocsin.reach.audience import Audience, Outline
from tocsin.reach.bulletin import Parse, bulletin_of
from tocsin.reach.delivery import AFTER_ALL, MACHINES, WARNINGS, Batch, Batches, Numbers, Plan, rank, realm_of
from tocsin.reach.leaving import ALL_CLEAR, LEFT
from tocsin.warn.canary import SELFDRILL_PUBLISHED
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

    def plans(self, entry: Entry, published: Published) -> list[Plan]:
        """Whom an alert goes to, and whom it leaves out; nothing if it concerns nobody or has ended."""
        if not len(self.audience):
            return []
        alert = self.parse(published.cap.encode())
        told = bulletin_of(entry, published, alert, self.realm, self.public_url)
        if told.deadline <= self.clock.now():
            return []
        proves = entry.kind == SELFDRILL_PUBLISHED
        shape = self.outline(alert)
        gone = self._left(published, shape) if published.phase in WARNINGS else {}
        recipients, reserve = self._found(published, alert, shape, bool(gone), proves)
        after = AFTER_ALL if proves else 0
        return [
            Plan(
                name,
                published.event_id,
                published.version,
                phase,
                realm_of(after, self.realm),
                rank(phase, self.realm) + after,
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
        earlier = self._earlier(published)
        return tuple(area for area in earlier.areas if area not in published.areas) if earlier is not None else ()

    def quieter(self, published: Published, alert: Alert, batch: Batch) -> Callable[[Sequence[int]], dict[int, str]]:
        """What says how loud a batch's alert is for those of some numbers who do not want it aloud."""
        left = batch.alert.endswith(LEFT)
        areas = self.before(published) if left else published.areas
        shape = None if left else self.outline(alert)
        return lambda numbers: self.audience.loudness(numbers, areas, batch.phase, shape)

    def _earlier(self, published: Published) -> Published | None:
        """The newest version before this one of which anybody was told."""
        seq = self.batches.latest(published.event_id, published.version)
        return None if seq is None else self.journal.read(seq - 1, 1)[0].read(Published)

    def _left(self, published: Published, shape: Outline | None) -> dict[str, Numbers]:
        """Who may have seen an earlier version of a warning and is not concerned by this one, by channel."""
        seen = self.batches.warned(published.event_id)
        return self.audience.left(seen, published.areas, shape) if seen.size else {}

    def _found(
        self, published: Published, alert: Alert, shape: Outline | None, gone: bool, proves: bool
    ) -> tuple[dict[str, Numbers], dict[str, Numbers]]:
        over = published.phase in ("retracted", "all-clear")
        seen = self.batches.reached(published.event_id) if over else np.empty(0, dtype=np.int64)
        reached = self.audience.by_channel(seen) if over else {}
        if published.phase == "retracted":
            return reached, {}
        present = self.audience.match(
            published.areas,
            published.phase,
            published.scope,
            shape,
            severity=worst(alert),
            at=self.clock.now(),
            canaries=proves,
        )
        for channel, numbers in reached.items():
            present[channel] = np.union1d(present[channel], numbers) if channel in present else numbers
        owned: dict[int, tuple[str, int]] = {}
        for numbers in present.values():
            owned.update(self.audience.whose(numbers.tolist()))
        if published.phase in WARNINGS:
            present = without(present, owned, self._knowing(published, alert, gone))
        return split(present, owned, frozenset(seen.tolist()))

    def _knowing(self, published: Published, alert: Alert, gone: bool) -> Numbers:
        """Who knows already all that a version with a smaller area has to say to them; nobody where it says more."""
        nobody = np.empty(0, dtype=np.int64)
        earlier = self._earlier(published)
        if earlier is None or earlier.phase != published.phase:
            return nobody
        if not gone and set(earlier.areas) <= set(published.areas):
            return nobody
        if _says(self.parse(earlier.cap.encode())) != _says(alert):
            return nobody
        return self.batches.knowing(published.event_id, published.phase)


def without(found: dict[str, Numbers], owned: Mapping[int, tuple[str, int]], knowing: Numbers) -> dict[str, Numbers]:
    """``found`` without the persons who know already, by whichever channel of theirs; systems stay."""
    if not knowing.size:
        return found
    persons = {owned[number][0] for number in knowing.tolist() if number in owned}
    theirs = [number for number, (person, _) in owned.items() if person and person in persons]
    spared = np.union1d(knowing, np.array(theirs, dtype=np.int64))
    left = {
        channel: numbers if channel in MACHINES else np.setdiff1d(numbers, spared) for channel, numbers in found.items()
    }
    return {channel: numbers for channel, numbers in left.items() if numbers.size}


def _says(alert: Alert) -> dict[str, str]:
    """What an alert tells people to do, by language."""
    return {info.language: info.instruction for info in alert.infos}


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
            if person:
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


def worst(alert: Alert) -> str:
    """The gravest severity that any info of ``alert`` names; empty when none does."""
    grave: Sequence[str] = ("Extreme", "Severe", "Moderate", "Minor")
    return next((severity for severity in grave if any(info.severity == severity for info in alert.infos)), "")

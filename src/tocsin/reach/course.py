"""A course: one alert on its way: all its batches, the ladder of those with several channels, and how receipts came in.

- It is kept for as long as something of it is under way, and then as long as there is room, so that a receipt that
  comes an hour later finds its delivery at once.
- Once a minute, while something changes, how far it got is put on record; a review is made from that.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from tocsin.clock import Clock
from tocsin.journal import EXERCISE, Fact, Journal, fact
from tocsin.reach.audience import Audience
from tocsin.reach.carrier import Carrier
from tocsin.reach.channel import Channel
from tocsin.reach.delivery import Batch, Batches, Mark, Numbers, Receipt, proving
from tocsin.reach.ladder import Ladder, Places
from tocsin.reach.lane import Work
from tocsin.reach.pace import Pace
from tocsin.reach.standing import DELIVERY_COUNTED, Counted, Curve, Levels, Standing, levels, standing
from tocsin.warn.publish import Published

MINUTE = timedelta(minutes=1)
COURSES = 64
"""Alerts that are kept in memory after all is settled, for receipts that come late."""
AREAS = 60
"""Areas of one alert that are counted each by itself."""


class Course:
    """One alert on its way; ``began`` is when it was sealed, ``published`` when the journal was told of it."""

    def __init__(
        self, alert: str, seq: int, phase: str, began: datetime, published: datetime, proves: bool = False
    ) -> None:
        """``proves``: it is the self-drill's."""
        self.proves = proves
        self.alert, self.seq, self.phase, self.began, self.published = alert, seq, phase, began, published
        self.works: list[Work] = []
        self.ladder: Ladder | None = None
        self.curves: dict[str, Curve] = {}
        self.paces: dict[str, Pace] = {}
        self.changed = False
        self._counted: dict[str, Levels] = {}
        self._counted_at = began

    @property
    def open(self) -> bool:
        """Whether something of it is under way."""
        return any(not work.closed for work in self.works)

    def climb(
        self,
        whose: Callable[[Sequence[int]], dict[int, tuple[str, int]]],
        proves: Callable[[str], Receipt],
        patience_s: float,
        at: datetime,
    ) -> None:
        """Have a ladder for those who are held in reserve, if there are any."""
        if any((work.marks == Mark.RESERVED).any() for work in self.works if work.batch.rung):
            self.ladder = Ladder(self.works, whose, proves, patience_s, at.timestamp())

    def step(self, at: datetime) -> tuple[Places, Places]:
        """Whom to try by the next channel now, and who is spared; see :meth:`.ladder.Ladder.step`."""
        return self.ladder.step(at.timestamp()) if self.ladder is not None and self.open else ({}, {})

    def receive(self, number: int, level: Mark) -> tuple[Work, Mark] | None:
        """Raise a recipient's mark; the batch and the mark before, or None where nothing was raised.

        Where one person's number stands in it twice, the newest batch has it.
        """
        for work in reversed(self.works):
            place = work.place(number)
            if place is not None and (before := work.receive(place, level)) is not None:
                return work, before
        return None

    def accepted(self, channel: str, at: datetime, number: int = 1) -> None:
        """So many more have a first receipt by a channel."""
        self.paces.setdefault(channel, Pace()).add((at - self.published).total_seconds(), number)

    def note(self, at: datetime) -> None:
        """Add how it stands to its curves."""
        by_channel: dict[str, list[Work]] = {}
        for work in self.works:
            by_channel.setdefault(work.batch.channel, []).append(work)
        for channel, works in by_channel.items():
            self.curves.setdefault(channel, Curve()).add((at - self.began).total_seconds(), levels(works))
        self.changed = True

    def count(self, at: datetime, realm: str) -> list[Fact]:
        """The facts that say how far it got, if a minute has passed and something has changed."""
        if not self.changed or at - self._counted_at < MINUTE:
            return []
        self.changed, self._counted_at = False, at
        found = []
        for channel in sorted({work.batch.channel for work in self.works}):
            now = levels([work for work in self.works if work.batch.channel == channel])
            if now != self._counted.get(channel):
                self._counted[channel] = now
                told = Counted(self.alert, channel, round((at - self.began).total_seconds(), 3), now)
                found.append(fact(DELIVERY_COUNTED, f"{self.alert}@{channel}", told, realm))
        return found


class Courses:
    """The alerts on their way, and those that arrived lately; iterates in the order in which they came."""

    def __init__(self, journal: Journal, batches: Batches, audience: Audience, clock: Clock) -> None:
        self.journal, self.batches, self.audience, self.clock = journal, batches, audience, clock
        self._known: OrderedDict[str, Course] = OrderedDict()

    def __iter__(self) -> Iterator[Course]:
        return iter(list(self._known.values()))

    def get(self, alert: str) -> Course | None:
        """The course of an alert that is kept in memory."""
        return self._known.get(alert)

    def of(self, batch: Batch, published: datetime) -> Course:
        """The course that a batch of an alert ``published`` then belongs to, begun now if there is none."""
        course = self._known.get(batch.alert)
        if course is None:
            course = self._known[batch.alert] = Course(
                batch.alert, batch.seq, batch.phase, self.clock.now(), published, proving(batch.rank)
            )
        return course

    def trim(self) -> None:
        """Forget the oldest of those that have arrived, when there are too many."""
        while len(self._known) > COURSES and (over := next((one for one in self if not one.open), None)):
            del self._known[over.alert]

    def paces(self, alerts: Iterable[str]) -> dict[tuple[str, str], Pace]:
        """How fast these alerts were accepted, by alert and channel, as far as that was seen."""
        known = [course for alert in alerts if (course := self._known.get(alert)) is not None]
        return {(course.alert, channel): pace for course in known for channel, pace in course.paces.items()}

    def count(self, changed: Iterable[str], realm: str) -> list[Fact]:
        """Note how the alerts that ``changed`` stand; the facts of those that are due to be put on record."""
        at = self.clock.now()
        for alert in changed:
            if (course := self._known.get(alert)) is not None:
                course.note(at)
        return [told for course in self for told in course.count(at, EXERCISE if course.proves else realm)]

    def standing(self, alert: str, areas: bool, silent: Sequence[Carrier], stopped: frozenset[str]) -> Standing | None:
        """Where an alert stands, kept in memory or not; None if nobody was sent it."""
        course, at = self._known.get(alert), self.clock.now()
        works = list(course.works) if course is not None else [Work(b, b.marks) for b in self.batches.told(alert)]
        if not works:
            return None
        entry = self.journal.read(works[0].batch.seq - 1, 1)[0]
        there: dict[str, dict[str, Numbers]] = {}
        if areas:
            published = entry.read(Published)
            for code in published.areas[:AREAS]:
                there[code] = self.audience.match([code], published.phase, published.scope, at=at)
        return standing(
            alert,
            works,
            at,
            (at - (course.began if course is not None else entry.at)).total_seconds(),
            ladder=course.ladder if course is not None else None,
            areas=there,
            curves=course.curves if course is not None else None,
            silent=silent,
            stopped=stopped,
        )


def proves(channel: Channel | None) -> Receipt:
    """The most that a channel can prove by itself; one that says nothing can prove that the other side took it."""
    return Receipt(getattr(channel, "proves", Receipt.ACCEPTED))

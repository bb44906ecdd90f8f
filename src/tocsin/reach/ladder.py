"""The ladder: the channels of each person, one after the other, until one of them has a receipt.

- The next channel is tried when the one before has failed, or has no receipt by its time (:class:`.patience.Patience`);
  a channel that can prove more than that the other side took a message is waited for until it does.
- A person who is proven to be reached is not told again by another channel: what is held in reserve is spared.
- It remembers nothing that the marks do not say, so that after kill -9 it goes on from them; only its time begins again.
- All persons of an alert are looked at together, as columns: a look at a million takes tens of milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tocsin.reach.delivery import FAILED_CODES, PROVEN_CODES, Mark, Marks, Numbers, Receipt
from tocsin.reach.lane import Work

Places = dict[int, list[int]]
"""Places in batches, by the batch's id."""

_SHOWN = np.array([Mark.SHOWN, Mark.ANSWERED], dtype=np.uint8)


class Ladder:
    """The persons of one alert who can be told by more than one channel.

    ``whose`` says of numbers that share a person whose they are and in which order, ``proves`` which receipt a channel can
    bring. ``now`` and ``patience_s`` are in seconds of one steady clock.
    """

    def __init__(
        self,
        works: Sequence[Work],
        whose: Callable[[Sequence[int]], dict[int, tuple[str, int]]],
        proves: Callable[[str], Receipt],
        patience_s: float,
        now: float,
    ) -> None:
        self.patience_s = patience_s
        self._works = list(works)
        rows: list[tuple[str, int, int, int, int]] = []
        listed = [work.batch.recipients.tolist() for work in works]
        # Whose subscription has ended meanwhile stands alone, and what is held back of it has no one above it.
        owned = [whose(numbers) for numbers in listed]
        held = {
            person
            for work, theirs in zip(works, owned, strict=True)
            if work.batch.rung
            for person, _ in theirs.values()
            if person
        }
        for which, (work, numbers, theirs) in enumerate(zip(works, listed, owned, strict=True)):
            if not theirs and not work.batch.rung:
                continue
            for place, number in enumerate(numbers):
                person, order = theirs.get(number, ("", 0))
                person = person or (f" {number}" if work.batch.rung else "")
                if person in held or (work.batch.rung and person):
                    rows.append((person, work.batch.rung, order, which, place))
        rows.sort()
        names = [row[0] for row in rows]
        self._which = np.array([row[3] for row in rows], dtype=np.int64)
        self._place = np.array([row[4] for row in rows], dtype=np.int64)
        by_work = np.argsort(self._which, kind="stable")
        cuts = np.searchsorted(self._which[by_work], np.arange(1, len(works)))
        self._mine = np.split(by_work, cuts)
        # Where each person's first rung stands; a rung in the same column below it is theirs as well.
        starts = [place for place, name in enumerate(names) if place == 0 or names[place - 1] != name]
        self._starts = np.array(starts, dtype=np.int64)
        self._person = np.zeros(len(rows), dtype=np.int64)
        self._person[self._starts[1:]] = 1
        self._person = np.cumsum(self._person)
        self._needs_shown = np.array(
            [proves(works[row[3]].batch.channel) is not Receipt.ACCEPTED for row in rows], dtype=np.bool_
        )
        self._due = np.full(len(starts), now + patience_s)

    def __len__(self) -> int:
        """How many persons stand on it."""
        return len(self._starts)

    def step(self, now: float) -> tuple[Places, Places]:
        """Which places are to be tried now, and which are spared. Each is to be marked before the next step."""
        marks = self._marks()
        reserved = marks == Mark.RESERVED
        if not reserved.any():
            return {}, {}
        proven = np.isin(marks, PROVEN_CODES) & (~self._needs_shown | np.isin(marks, _SHOWN))
        done = np.zeros(len(self._starts), dtype=np.bool_)
        done[self._person[proven]] = True
        spared = reserved & done[self._person]
        # The next rung of each person is the first that is still held back; everything above it was tried.
        waiting = reserved & ~done[self._person]
        places = np.flatnonzero(waiting)
        people, first = np.unique(self._person[places], return_index=True)
        following = places[first]
        above = np.where(following > self._starts[people], following - 1, following)
        failed = np.isin(marks[above], FAILED_CODES) | (above == following)
        tried = failed | (now >= self._due[people])
        self._due[people[tried]] = now + self.patience_s
        return self._by_work(following[tried]), self._by_work(np.flatnonzero(spared))

    def soonest(self) -> float | None:
        """When somebody's patience ends next, or None where nobody is held back."""
        held = self._marks() == Mark.RESERVED
        if not held.any():
            return None
        return float(self._due[np.unique(self._person[held])].min())

    def by_other(self) -> int:
        """How many persons have a receipt, but none by the channel that was tried first."""
        proven = np.isin(self._marks(), PROVEN_CODES)
        first = np.array([work.batch.rung == 0 for work in self._works], dtype=np.bool_)[self._which]
        by_first = np.unique(self._person[proven & first])
        return len(np.setdiff1d(self._person[proven & ~first], by_first))

    def _marks(self) -> Marks:
        marks: Marks = np.empty(len(self._which), dtype=np.uint8)
        for work, mine in zip(self._works, self._mine, strict=True):
            marks[mine] = work.marks[self._place[mine]]
        return marks

    def _by_work(self, rows: np.ndarray[Any, np.dtype[np.intp]]) -> Places:
        found: Places = {}
        for which, place in zip(self._which[rows].tolist(), self._place[rows].tolist(), strict=True):
            found.setdefault(self._works[which].batch.id, []).append(place)
        return found


def reached(works: Sequence[Work]) -> tuple[int, int]:
    """How many recipients of the first rung there are, and how many of them have a receipt of any level."""
    first: list[Numbers] = [work.batch.recipients for work in works if work.batch.rung == 0]
    proven = sum(int(np.isin(work.marks, PROVEN_CODES).sum()) for work in works if work.batch.rung == 0)
    return sum(len(numbers) for numbers in first), proven

"""A lane: one channel's queue of sealed batches, the soonest needed first, and its retries.

- The order is by rank, then by the number of the alert, then by batch; what is superseded or has expired is never
  picked.
- Batches that wait for a retry are out of the queue and come back when it is due.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from datetime import datetime
from heapq import heappop, heappush
from itertools import count

import numpy as np

from tocsin.reach.channel import Channel
from tocsin.reach.delivery import OPEN_CODES, Batch, Mark, Marks


class Work:
    """A sealed batch while it is being sent."""

    __slots__ = ("attempts", "batch", "closed", "marks", "open", "queued", "ready", "tasks")

    def __init__(self, batch: Batch, marks: Marks) -> None:
        self.batch, self.marks = batch, marks
        self.open = int(np.isin(marks, OPEN_CODES).sum())
        self.ready: deque[int] | None = None
        self.attempts: dict[int, int] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self.closed = self.queued = False

    def take(self, most: int) -> list[int]:
        """The next places to send to, at most ``most``."""
        if self.ready is None:
            # Made when the batch comes first and not before: a million recipients wait as bytes, not as objects.
            self.ready = deque(np.flatnonzero(np.isin(self.marks, OPEN_CODES)).tolist())
        return [self.ready.popleft() for _ in range(min(most, len(self.ready)))]

    def settle(self, place: int, mark: Mark) -> None:
        """One recipient's delivery has ended."""
        self.marks[place] = mark
        self.open -= 1

    def accept(self, places: list[int]) -> None:
        """All of these were accepted, which is what nearly always happens."""
        self.marks[places] = Mark.ACCEPTED
        self.open -= len(places)

    def close(self, untried: Mark, tried: Mark) -> dict[Mark, int]:
        """End everything that is open; how many got which mark."""
        never = self.marks == Mark.PENDING
        unsure = (self.marks == Mark.SENDING) | (self.marks == Mark.WAITING)
        self.marks[never], self.marks[unsure] = untried, tried
        self.open, self.closed = 0, True
        return {untried: int(never.sum()), tried: int(unsure.sum())}


class Lane:
    """What waits for one channel."""

    def __init__(self, name: str, channel: Channel) -> None:
        self.name, self.channel = name, channel
        self.paused = False
        self.running = 0
        self.wake = asyncio.Event()
        self.sooner = asyncio.Event()
        self.retries: list[tuple[datetime, int, Work, int]] = []
        self.ended: Counter[str] = Counter()
        self._heap: list[tuple[int, int, int, Work]] = []
        self._order = count()

    def put(self, work: Work) -> None:
        """Queue a batch, unless it is queued."""
        if not work.queued and not work.closed:
            work.queued = True
            heappush(self._heap, (work.batch.rank, work.batch.seq, work.batch.id, work))
            self.wake.set()

    def pick(self, now: datetime) -> tuple[Work, list[int]] | None:
        """The batch and the places in it that are to be sent to next, at most as many as the channel likes."""
        while self._heap:
            work = self._heap[0][3]
            if not work.closed and now < work.batch.deadline and (places := work.take(self.channel.stride)):
                return work, places
            heappop(self._heap)
            work.queued = False
        return None

    def wait_for(self, due: datetime, work: Work, place: int) -> None:
        """Have a place sent to again at ``due``."""
        heappush(self.retries, (due, next(self._order), work, place))
        if self.retries[0][0] == due:
            self.sooner.set()

    def return_due(self, now: datetime) -> None:
        """Put back in the queue what is due."""
        while self.retries and self.retries[0][0] <= now:
            _, _, work, place = heappop(self.retries)
            if not work.closed:
                if work.ready is None:
                    work.ready = deque()
                work.ready.append(place)
                self.put(work)

    def freed(self, _: object) -> None:
        """A send has ended."""
        self.running -= 1
        self.wake.set()

    def count(self, mark: Mark, number: int = 1) -> None:
        """Count deliveries that ended."""
        if number:
            self.ended[mark.name.lower()] += number

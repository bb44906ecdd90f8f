"""A lane: one channel's queue of sealed batches, the soonest needed first and fair between sources, and its retries.

- The order is by rank; within a rank every source has its turn, so that one that publishes a thousand alerts does not
  hold up the one alert of another; within a source by the number of the alert, then by batch. What is superseded or
  has expired is never picked.
- Batches that wait for a retry are out of the queue and come back when it is due.
- A receipt that comes before the channel's own answer, or while a retry waits, is the end of that delivery.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Coroutine
from datetime import datetime
from heapq import heappop, heappush
from itertools import count
from typing import Any

import numpy as np

from tocsin.clock import Clock
from tocsin.reach.channel import Channel
from tocsin.reach.delivery import DUE_CODES, OPEN_CODES, Batch, Mark, Marks, raised
from tocsin.recent import Recent

PREPARED = 64
"""Alerts of which a lane remembers that their channel has prepared them."""


class Work:
    """A sealed batch while it is being sent, and its marks for as long as somebody asks about its alert."""

    __slots__ = ("attempts", "batch", "closed", "marks", "open", "queued", "ready", "saved", "source", "tasks")

    def __init__(self, batch: Batch, marks: Marks, source: str = "") -> None:
        self.batch, self.marks, self.source = batch, marks, source
        self.open = int(np.isin(marks, OPEN_CODES).sum())
        self.ready: deque[int] | None = None
        self.attempts: dict[int, int] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self.closed = self.queued = self.saved = False

    @property
    def due(self) -> bool:
        """Whether there is somebody to send to, rather than only people who are held in reserve."""
        return bool(np.isin(self.marks, DUE_CODES).any())

    def take(self, most: int) -> list[int]:
        """The next places to send to, at most ``most``."""
        if self.ready is None:
            # Made when the batch comes first and not before: a million recipients wait as bytes, not as objects.
            self.ready = deque(np.flatnonzero(np.isin(self.marks, DUE_CODES)).tolist())
        while self.ready:
            places = [self.ready.popleft() for _ in range(min(most, len(self.ready)))]
            due = np.isin(self.marks[places], DUE_CODES)
            if due.all():
                return places
            if due.any():
                return [place for place, here in zip(places, due.tolist(), strict=True) if here]
        return []

    def settle(self, place: int, mark: Mark) -> None:
        """One recipient's delivery has ended."""
        self.marks[place] = mark
        self.open -= 1

    def accept(self, places: list[int]) -> None:
        """All of these were accepted, which is what nearly always happens."""
        self.marks[places] = Mark.ACCEPTED
        self.open -= len(places)

    def promote(self, places: list[int]) -> None:
        """These were held in reserve, and are to be sent to now."""
        self.marks[places] = Mark.PENDING
        if self.ready is not None:
            self.ready.extend(places)

    def place(self, number: int) -> int | None:
        """Where a subscription stands in this batch."""
        numbers = self.batch.recipients
        place = int(np.searchsorted(numbers, number))
        return place if place < len(numbers) and numbers[place] == number else None

    def receive(self, place: int, level: Mark) -> Mark | None:
        """Raise a mark to what was received; the mark before, or None where it says no more than was known."""
        before = Mark(int(self.marks[place]))
        if not raised(before, level):
            return None
        self.marks[place] = level
        if before in (Mark.SENDING, Mark.WAITING):
            self.open -= 1
        return before

    def close(self, untried: Mark, tried: Mark) -> dict[Mark, int]:
        """End everything that is open; how many got which mark. Who was held in reserve was never tried."""
        never = (self.marks == Mark.PENDING) | (self.marks == Mark.RESERVED)
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
        self.prepared: Recent[str, None] = Recent(PREPARED)
        # By rank, then by source in the order of their turns, the batches of each as a heap.
        self._queue: dict[int, OrderedDict[str, list[tuple[int, int, Work]]]] = {}
        self._order = count()

    def put(self, work: Work) -> None:
        """Queue a batch, unless it is queued."""
        if not work.queued and not work.closed:
            work.queued = True
            sources = self._queue.setdefault(work.batch.rank, OrderedDict())
            heappush(sources.setdefault(work.source, []), (work.batch.seq, work.batch.id, work))
            self.wake.set()

    def pick(self, now: datetime) -> tuple[Work, list[int]] | None:
        """The batch and the places in it that are to be sent to next, at most as many as the channel likes."""
        while self._queue:
            rank = min(self._queue)
            sources = self._queue[rank]
            while sources:
                source, heap = next(iter(sources.items()))
                work = heap[0][2]
                if not work.closed and now < work.batch.deadline and (places := work.take(self.channel.stride)):
                    sources.move_to_end(source)
                    return work, places
                heappop(heap)
                work.queued = False
                if not heap:
                    del sources[source]
            del self._queue[rank]
        return None

    def keep(self, clock: Clock, send: Send) -> tuple[Coroutine[Any, Any, None], Coroutine[Any, Any, None]]:
        """What keeps this lane going until it is cancelled: sending what is next, and bringing back what is due."""
        return self._keep_sending(clock, send), self._keep_retrying(clock)

    async def _keep_sending(self, clock: Clock, send: Send) -> None:
        while True:
            self.wake.clear()
            while not self.paused and self.running < self.channel.lanes:
                picked = self.pick(clock.now())
                if picked is None:
                    break
                work, places = picked
                self.running += 1
                task = asyncio.create_task(send(self, work, places))
                work.tasks.add(task)
                task.add_done_callback(work.tasks.discard)
                task.add_done_callback(self.freed)
            await self.wake.wait()

    async def _keep_retrying(self, clock: Clock) -> None:
        while True:
            self.sooner.clear()
            self.return_due(clock.now())
            await first(clock, self.sooner, self.retries[0][0].timestamp() if self.retries else None)

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


Send = Callable[[Lane, Work, list[int]], Coroutine[Any, Any, None]]
"""Sends to some places of a batch and puts down how it went."""


async def first(clock: Clock, event: asyncio.Event, moment: float | None) -> None:
    """Return when ``event`` is set, or ``clock`` has come to ``moment`` (seconds since the epoch), if there is one."""
    waits: list[asyncio.Task[Any]] = [asyncio.create_task(event.wait())]
    if moment is not None:
        waits.append(asyncio.create_task(_until(clock, moment)))
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for waiting in waits:
            waiting.cancel()


async def _until(clock: Clock, moment: float) -> None:
    # What is left is worked out when the wait begins: a clock may have been turned since somebody decided to wait.
    await clock.sleep(max(moment - clock.now().timestamp(), 0.0))

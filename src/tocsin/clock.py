"""Time as a value: the real clock, one that tests turn by hand, and one that runs faster.

- Every moment inside Tocsin is an aware ``datetime`` in UTC; a time without an offset is refused (F26).
- Nothing else in the package asks the system what time it is.
- A stored moment is spelt in RFC 3339 with microseconds only where there are any.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

from tocsin.errors import NaiveTimeError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """What time it is, and waiting."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after ``seconds`` of this clock's time."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class ScaledClock:
    """A clock that starts at a chosen moment and runs ``speed`` times as fast as the machine's.

    ``speed`` is in seconds of this clock per second of the machine's.
    """

    def __init__(self, start: datetime, speed: float) -> None:
        self.start, self.speed = utc(start), speed
        self._zero = time.monotonic()

    def now(self) -> datetime:
        return self.start + timedelta(seconds=(time.monotonic() - self._zero) * self.speed)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.speed)


class TurnedClock:
    """A clock that stands until it is turned; sleepers wake in the order of their moments."""

    def __init__(self, start: datetime = EPOCH) -> None:
        self._now = utc(start)
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def now(self) -> datetime:
        return self._now

    def set(self, moment: datetime) -> None:
        """Put the clock on ``moment``, also backwards, waking nobody who is not due."""
        self._now = utc(moment)
        self._wake()

    def turn(self, seconds: float) -> None:
        """Go forward by ``seconds``."""
        self.set(self._now + timedelta(seconds=seconds))

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + timedelta(seconds=seconds), next(self._order), waiting))
        await waiting

    def _wake(self) -> None:
        while self._sleepers and self._sleepers[0][0] <= self._now:
            waiting = heapq.heappop(self._sleepers)[2]
            if not waiting.done():
                waiting.set_result(None)


def utc(moment: datetime) -> datetime:
    """``moment`` in UTC; a naive one raises :class:`NaiveTimeError`."""
    if moment.tzinfo is None:
        raise NaiveTimeError(moment.isoformat())
    return moment.astimezone(UTC)


def parse(text: str) -> datetime:
    """Read an RFC 3339 time with an offset (``Z`` or ``+02:00``) into UTC.

    >>> parse("2024-11-20T03:05:00+02:00").isoformat()
    '2024-11-20T01:05:00+00:00'
    """
    try:
        return utc(datetime.fromisoformat(text))
    except ValueError as wrong:
        raise NaiveTimeError(f"{text!r}: {wrong}") from None


def spell(moment: datetime) -> str:
    """``moment`` in RFC 3339, in UTC with ``+00:00``, as it is stored and sent.

    >>> spell(parse("2024-11-20T03:05:00+02:00"))
    '2024-11-20T01:05:00+00:00'
    """
    return utc(moment).isoformat()

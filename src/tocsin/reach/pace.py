"""The pace: how long after publication one channel's deliveries of one alert were accepted, in a few hundred numbers.

- Steps grow with the time, so what is read from it is at most two hundredths too long, however many there were.
- It is kept in memory only: what was accepted before a restart is not in it, and the settled fact says so.
"""

from __future__ import annotations

import math

import numpy as np

_LEAST_S = 0.001
_STEP = math.log(1.02)
_BINS = 1024
"""Enough to reach from a millisecond to a week."""
PARTS = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


class Pace:
    """How fast deliveries were accepted, in seconds.

    >>> pace = Pace()
    >>> pace.add(0.5, 60), pace.add(2.0, 40)
    (None, None)
    >>> pace.curve()
    {'first': 0.5, 'p50': 0.505, 'p95': 2.0, 'p99': 2.0}
    """

    __slots__ = ("_bins", "_first", "_last", "count")

    def __init__(self) -> None:
        self.count = 0
        self._bins = np.zeros(_BINS, dtype=np.int64)
        self._first, self._last = math.inf, 0.0

    def add(self, seconds: float, number: int = 1) -> None:
        """Note that so many were accepted so long after publication; a clock that went back counts as no time."""
        seconds = max(seconds, 0.0)
        place = 0 if seconds <= _LEAST_S else math.ceil(math.log(seconds / _LEAST_S) / _STEP)
        self._bins[min(place, _BINS - 1)] += number
        self._first, self._last = min(self._first, seconds), max(self._last, seconds)
        self.count += number

    def curve(self) -> dict[str, float]:
        """Seconds until the first, and until 50, 95 and 99 of 100 were accepted; nothing where nobody was."""
        if not self.count:
            return {}
        upto = np.cumsum(self._bins)
        found = {"first": round(self._first, 3)}
        for name, part in PARTS.items():
            place = int(np.searchsorted(upto, math.ceil(part * self.count)))
            # No more is said than was seen: the upper end of a step may lie beyond the last.
            ends = min(max(_LEAST_S * math.exp(_STEP * place), self._first), self._last)
            found[name] = round(ends, 3)
        return found

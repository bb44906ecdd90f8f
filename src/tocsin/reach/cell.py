"""Cells: the globe as a quadtree, with every point of it a whole number whose leading bits name the cells it lies in.

- A point's code interleaves the bits of its longitude and latitude in micro-degrees (Morton order), so it is exact and
  can be turned back; all points of a cell are one stretch of a sorted list.
- A cell at ``level`` is 2**level micro-degrees wide and high; level 29 is the whole globe.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tocsin.place.ring import FULL, HALF, POLE

Codes = np.ndarray[Any, np.dtype[np.uint64]]
Whole = np.ndarray[Any, np.dtype[np.int64]]

GLOBE = 29
_STEPS = (
    (16, 0x0000FFFF0000FFFF),
    (8, 0x00FF00FF00FF00FF),
    (4, 0x0F0F0F0F0F0F0F0F),
    (2, 0x3333333333333333),
    (1, 0x5555555555555555),
)
# What fits the processor's cache: encoding ten million at once would go to memory for every one of these steps.
_BLOCK = 1 << 16


def code(latitude: int, longitude: int) -> int:
    """The code of one point in micro-degrees."""
    return int(_spread((longitude + HALF) % FULL) | _spread(latitude + POLE) << 1)


def codes(latitudes: Whole, longitudes: Whole) -> Codes:
    """The codes of many points in micro-degrees."""
    found = np.empty(len(latitudes), dtype=np.uint64)
    for start in range(0, len(found), _BLOCK):
        part = slice(start, start + _BLOCK)
        x = (longitudes[part].astype(np.int64) + HALF) % FULL
        y = latitudes[part].astype(np.int64) + POLE
        found[part] = _spread(x.view(np.uint64)) | (_spread(y.view(np.uint64)) << np.uint64(1))
    return found


def corner(found: Codes) -> tuple[Whole, Whole]:
    """The points of these codes as x east of -180 and y north of -90 degrees, in micro-degrees."""
    return _gather(found).view(np.int64), _gather(found >> np.uint64(1)).view(np.int64)


def degrees(found: Codes) -> Whole:
    """The points of these codes as (n, 2) latitude, longitude in micro-degrees."""
    x, y = corner(found)
    return np.column_stack([y - POLE, x - HALF])


def _spread(bits: Any) -> Any:
    kind = np.uint64 if isinstance(bits, np.ndarray) else int
    for step, mask in _STEPS:
        bits = (bits | bits << kind(step)) & kind(mask)
    return bits


def _gather(bits: Codes) -> Codes:
    bits = bits & np.uint64(_STEPS[-1][1])
    for step, mask in ((1, _STEPS[3][1]), (2, _STEPS[2][1]), (4, _STEPS[1][1]), (8, _STEPS[0][1]), (16, 0xFFFFFFFF)):
        bits = (bits | bits >> np.uint64(step)) & np.uint64(mask)
    return bits


def split(sorted_codes: Codes, first: Codes, low: Whole, high: Whole, level: int) -> tuple[Whole, Whole, Whole]:
    """The four quarters of each cell that hold a point, in order.

    ``first`` is each cell's first code and ``low``, ``high`` its stretch of ``sorted_codes``. Gives for each quarter
    4 * its cell + which quarter (1 the eastern, 2 the northern), and its stretch.
    """
    quarter = 1 << 2 * (level - 1)
    inner = (first[:, None] + np.arange(1, 4, dtype=np.uint64) * np.uint64(quarter)).ravel()
    bounds = np.searchsorted(sorted_codes, inner).reshape(-1, 3)
    starts = np.column_stack([low, bounds]).ravel()
    ends = np.column_stack([bounds, high]).ravel()
    kept = np.flatnonzero(starts < ends)
    return kept, starts[kept], ends[kept]


def stretches(low: Whole, high: Whole) -> Whole:
    """All places from each ``low`` to below its ``high``, one after the other."""
    sizes = high - low
    if not len(sizes):
        return np.empty(0, dtype=np.int64)
    ends = np.cumsum(sizes)
    found: Whole = np.arange(ends[-1]) + np.repeat(low - (ends - sizes), sizes)
    return found

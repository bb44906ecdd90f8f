"""The matching engine: which of very many points an alert's shape concerns, exact at the boundary.

- Points lie in rising order of their codes (:mod:`tocsin.reach.cell`), 12 bytes each with the number of whose they are.
  A question costs by the length of the shape's boundary and by the answer (:mod:`tocsin.reach.fence`).
- A point may watch a circle around it: it is concerned when the shape comes within its radius. Points of like radius
  stand together in a belt (:mod:`tocsin.reach.rim`).
- Whoever has several points is named once.
- What comes and goes is kept beside the sorted points, which are merged with it when it has grown; the answer is always
  that of an index built anew.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Any

import numpy as np

from tocsin.place.area import Shape
from tocsin.place.ring import POLE
from tocsin.reach.cell import Codes, Whole, code, codes, degrees
from tocsin.reach.delivery import Numbers
from tocsin.reach.fence import Fence, Truth, edges
from tocsin.reach.rim import Rim

# Upper ends of the belts in metres: within one, radii differ by little enough that cells can be judged as a whole.
BELTS_M = (0, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 20_100_000)
# A delta of this many is asked one by one in a few milliseconds; merging copies the belt.
_DELTA = 8192
_SHARE = 512

Owners = np.ndarray[Any, np.dtype[np.uint32]]
Radii = np.ndarray[Any, np.dtype[np.int32]]
Found = tuple[Whole, Whole, Whole]

_NO_RADIUS: Radii = np.zeros(1, dtype=np.int32)


class Asked:
    """A shape made ready to be asked of every belt; what one needs is made once and kept."""

    def __init__(self, shape: Shape) -> None:
        self._circles = shape.circles
        # The geometries themselves, because pieces cut at the antimeridian have lost exactness there.
        self._parts, self._lines = list(shape._parts), list(shape._lines)
        self._fence = Fence(self._parts, self._lines) if self._parts else None
        self._round: Rim | None = None
        self._whole: Rim | None = None

    def stretches(self, points: Codes) -> Iterator[Found]:
        """Where in sorted codes the points are that lie inside."""
        if self._fence is not None:
            yield self._fence.stretches(points)
        if self._circles:
            yield self.round.stretches(points, _NO_RADIUS, 0.0, 0.0, None)

    def near(self, points: Codes, radii: Radii, least: int, most: int) -> Found:
        """Where in sorted codes those are who have it within their ``radii`` (metres, from ``least`` to ``most``)."""
        inside = None if self._fence is None else self._fence.on_plane
        return self.whole.stretches(points, radii, float(least), float(most), inside)

    def concerns(self, points: Codes, radii: Radii) -> Truth:
        """Whether it concerns each of these points that watch so many metres around them."""
        found = np.zeros(len(points), dtype=np.bool_)
        if self._fence is not None:
            found |= self._fence.inside(points)
        watch = bool(radii.any())
        if watch or self._circles:
            rest = np.flatnonzero(~found)
            found[rest] = (self.whole if watch else self.round).reached(points[rest], radii[rest])
        return found

    @property
    def round(self) -> Rim:
        """Its circles."""
        if self._round is None:
            none = np.empty((0, 2))
            self._round = Rim(none, none, self._circles)
        return self._round

    @property
    def whole(self) -> Rim:
        """Its circles and the edges of its polygons."""
        if self._whole is None:
            geometries = [*self._parts, *self._lines]
            self._whole = Rim(*edges(geometries, np.zeros(len(geometries))), self._circles)
        return self._whole


class Belt:
    """Points of like watch radius: sorted, with a delta of what came and marks on what went.

    ``watch`` is whether they watch a circle at all; where they do not, no radii are kept.
    """

    def __init__(self, watch: bool) -> None:
        self.codes: Codes = np.empty(0, dtype=np.uint64)
        self.owners: Owners = np.empty(0, dtype=np.uint32)
        self.radii: Radii | None = np.empty(0, dtype=np.int32) if watch else None
        self.least = self.most = 0
        self._gone: Truth | None = None
        self._gone_count = 0
        self._new = _delta()

    def __len__(self) -> int:
        return len(self.codes) - self._gone_count + len(self._new[0])

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the sorted points and the delta take."""
        arrays = (self.codes, self.owners, self.radii, self._gone)
        delta = sum(len(column) * column.itemsize for column in self._new)
        return sum(one.nbytes for one in arrays if one is not None) + delta

    def add(self, at: int, number: int, radius_m: int) -> None:
        """Take in one point."""
        for column, value in zip(self._new, (at, number, radius_m), strict=True):
            column.append(value)
        if len(self._new[0]) > max(_DELTA, len(self.codes) // _SHARE):
            self.merge()

    def remove(self, at: int, number: int, radius_m: int) -> bool:
        """Take out one point; false if it is not there."""
        low, high = np.searchsorted(self.codes, np.array([at, at + 1], dtype=np.uint64)).tolist()
        held = self.owners[low:high] == number
        if self.radii is not None:
            held &= self.radii[low:high] == radius_m
        if self._gone is not None:
            held &= ~self._gone[low:high]
        if not held.any():
            return self._remove_new(at, number, radius_m)
        if self._gone is None:
            self._gone = np.zeros(len(self.codes), dtype=np.bool_)
        self._gone[low + int(held.argmax())] = True
        self._gone_count += 1
        if self._gone_count > max(_DELTA, len(self.codes) // 8):
            self.merge()
        return True

    def _remove_new(self, at: int, number: int, radius_m: int) -> bool:
        codes_, owners, radii = self._new
        place = -1
        while True:
            try:
                place = codes_.index(at, place + 1)
            except ValueError:
                return False
            if owners[place] == number and radii[place] == radius_m:
                for column in self._new:
                    column[place] = column[-1]
                    column.pop()
                return True

    def merge(self, more: tuple[Codes, Owners, Radii] | None = None) -> None:
        """Bring the delta, and ``more`` points with their numbers and radii, into the sorted points."""
        kept = slice(None) if self._gone is None else ~self._gone
        new = [np.array(column) for column in self._new]
        runs = [(self.codes[kept], self.owners[kept], None if self.radii is None else self.radii[kept])]
        runs.append((new[0].astype(np.uint64), new[1].astype(np.uint32), new[2].astype(np.int32)))
        if more is not None:
            runs.append(more)
        at = np.concatenate([run[0] for run in runs])
        # A stable sort takes what is sorted already as one run, so a small delta costs little more than the copy.
        order = np.argsort(at, kind="stable" if len(runs[0][0]) * 2 > len(at) else None)
        self.codes, self.owners = at[order], np.concatenate([run[1] for run in runs])[order]
        if self.radii is not None:
            self.radii = np.concatenate([run[2] for run in runs if run[2] is not None])[order]
            self.least, self.most = int(self.radii.min(initial=2**31 - 1)), int(self.radii.max(initial=0))
        self._gone, self._gone_count, self._new = None, 0, _delta()

    def ask(self, asked: Asked) -> Iterator[Owners]:
        """Whose points ``asked`` concerns, in pieces, with repeats."""
        if len(self.codes):
            found = (
                asked.stretches(self.codes)
                if self.radii is None
                else [asked.near(self.codes, self.radii, self.least, self.most)]
            )
            for low, high, single in found:
                for start, end in zip(low.tolist(), high.tolist(), strict=True):
                    yield (
                        self.owners[start:end] if self._gone is None else self.owners[start:end][~self._gone[start:end]]
                    )
                yield self.owners[single if self._gone is None else single[~self._gone[single]]]
        if len(self._new[0]):
            # These arrays grow, so nothing may keep a view of them.
            at, owner, radii = (np.array(column) for column in self._new)
            yield owner[asked.concerns(at.astype(np.uint64), radii)].astype(np.uint32)


def _delta() -> tuple[array[int], array[int], array[int]]:
    return array("Q"), array("I"), array("i")


class PointIndex:
    """Points of very many subscribers, by number; a number may have several, and each may watch a circle around it."""

    def __init__(self) -> None:
        self._belts = [Belt(upper > 0) for upper in BELTS_M]
        self.top = -1

    def __len__(self) -> int:
        return sum(len(belt) for belt in self._belts)

    @property
    def watched(self) -> bool:
        """Whether any point here watches a circle."""
        return any(len(belt) for belt in self._belts[1:])

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the points take."""
        return sum(belt.nbytes for belt in self._belts)

    def add(self, number: int, latitude: int, longitude: int, radius_m: int = 0) -> None:
        """Take in a point in micro-degrees that watches ``radius_m`` metres around it."""
        self._belts[_belt(radius_m)].add(code(_latitude(latitude), longitude), _number(number), radius_m)
        self.top = max(self.top, number)

    def remove(self, number: int, latitude: int, longitude: int, radius_m: int = 0) -> bool:
        """Take out what was added with just these; false if it is not there."""
        return self._belts[_belt(radius_m)].remove(code(latitude, longitude), number, radius_m)

    def load(self, numbers: Numbers, points: Whole, radii_m: Whole | None = None) -> None:
        """Take in many points at once: (n,) numbers, (n, 2) latitude and longitude, (n,) metres."""
        if not len(numbers):
            return
        _latitude(int(np.abs(points[:, 0]).max()))
        _number(int(numbers.min())), _number(int(numbers.max()))
        found = codes(points[:, 0], points[:, 1])
        owners = numbers.astype(np.uint32)
        radii = np.zeros(len(numbers), dtype=np.int32) if radii_m is None else radii_m.astype(np.int32)
        if radii.min() < 0:
            raise ValueError("a watch radius is not negative")
        belts = np.searchsorted(BELTS_M, radii)
        for place, belt in enumerate(self._belts):
            held = belts == place
            if held.all():
                belt.merge((found, owners, radii))
            elif held.any():
                belt.merge((found[held], owners[held], radii[held]))
        self.top = max(self.top, int(numbers.max()))

    def match(self, shape: Shape) -> Numbers:
        """The numbers of everybody whom the shape concerns, in rising order."""
        found = list(self._ask(Asked(shape)))
        hits = sum(len(one) for one in found)
        if hits > self.top // 64:
            marks = np.zeros(self.top + 1, dtype=np.bool_)
            for one in found:
                marks[one] = True
            return np.flatnonzero(marks)
        every = np.sort(np.concatenate(found)) if hits else np.empty(0, dtype=np.uint32)
        new = np.ones(len(every), dtype=np.bool_)
        new[1:] = every[1:] != every[:-1]
        return every[new].astype(np.int64)

    def mark(self, asked: Asked, marks: Truth, *, only_circles: bool = False) -> None:
        """Set ``marks`` (longer than ``top``) at the number of everybody whom it concerns; of all points, or of circles."""
        for one in self._ask(asked, 1 if only_circles else 0):
            marks[one] = True

    def count(self, shape: Shape) -> int:
        """How many different numbers the shape concerns."""
        marks = np.zeros(self.top + 1, dtype=np.bool_)
        self.mark(Asked(shape), marks)
        return int(np.count_nonzero(marks))

    def every(self) -> tuple[Owners, Whole]:
        """Every point: (n,) numbers and (n, 2) latitude and longitude in micro-degrees."""
        for belt in self._belts:
            belt.merge()
        owners = np.concatenate([belt.owners for belt in self._belts])
        return owners, np.concatenate([degrees(belt.codes) for belt in self._belts])

    def _ask(self, asked: Asked, start: int = 0) -> Iterator[Owners]:
        return (one for belt in self._belts[start:] if len(belt) for one in belt.ask(asked))


def _belt(radius_m: int) -> int:
    if radius_m < 0:
        raise ValueError("a watch radius is not negative")
    return int(np.searchsorted(BELTS_M, radius_m))


def _latitude(latitude: int) -> int:
    if not -POLE <= latitude <= POLE:
        raise ValueError("a latitude is beyond a pole")
    return latitude


def _number(number: int) -> int:
    if not 0 <= number < 2**32:
        raise ValueError("a number takes four bytes")
    return number

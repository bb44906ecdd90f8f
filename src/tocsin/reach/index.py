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
from typing import Any

import numpy as np

from tocsin.place.area import Shape
from tocsin.place.ring import HALF, POLE
from tocsin.reach.cell import Codes, Whole, code, codes, corner
from tocsin.reach.delivery import Numbers
from tocsin.reach.fence import Fence, Truth, edges
from tocsin.reach.rim import Rim

# Upper ends of the belts in metres: within one, radii differ by little enough that cells can be judged as a whole.
BELTS_M = (0, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 20_100_000)
# A delta of this many is asked one by one in a few milliseconds; merging copies the belt.
_DELTA = 8192
_SHARE = 512

Owners = np.ndarray[Any, np.dtype[np.uint32]]


class Asked:
    """A shape made ready to be asked of every belt; what one needs is made once and kept."""

    def __init__(self, shape: Shape) -> None:
        self.circles = shape.circles
        self._parts, self._lines = list(shape._parts), list(shape._lines)
        self.fence = Fence(self._parts, self._lines) if self._parts else None
        self._round: Rim | None = None
        self._whole: Rim | None = None

    def stretches(self, points: Codes, radii: Any) -> list[tuple[Whole, Whole, Whole]]:
        """Where in sorted codes those are whom it concerns; ``radii`` in metres (one, or one for each), or None."""
        if radii is not None:
            return [self.whole.stretches(points, radii, self.fence and self.fence.on_plane), *self._at_poles(points)]
        found = [] if self.fence is None else [self.fence.stretches(points)]
        if self.circles:
            found.append(self.round.stretches(points, np.zeros(1), None))
        return found

    def concerns(self, longitude: Whole, latitude: Whole, radii: Any) -> Truth:
        """Whether it concerns each of these points, in micro-degrees."""
        found = np.zeros(len(longitude), dtype=np.bool_)
        if self.fence is not None:
            found |= self.fence.inside(longitude, latitude)
        if radii is not None or self.circles:
            rest = np.flatnonzero(~found)
            rim = self.round if radii is None else self.whole
            reach = np.zeros(len(rest)) if radii is None else radii[rest]
            found[rest] = rim.reached(longitude[rest], latitude[rest], reach)
        return found

    def _at_poles(self, points: Codes) -> list[tuple[Whole, Whole, Whole]]:
        # A pole that an area touches is within reach of whoever stands on it: the rim's nodes have seen to that.
        return []

    @property
    def round(self) -> Rim:
        """Its circles."""
        if self._round is None:
            none = np.empty((0, 2))
            self._round = Rim(none, none, self.circles)
        return self._round

    @property
    def whole(self) -> Rim:
        """Its circles and the edges of its polygons."""
        if self._whole is None:
            geometries = [*self._parts, *self._lines]
            self._whole = Rim(*edges(geometries, np.zeros(len(geometries))), self.circles)
        return self._whole


class Belt:
    """Points of like watch radius: sorted, with a delta of what came and marks on what went."""

    def __init__(self) -> None:
        self.codes: Codes = np.empty(0, dtype=np.uint64)
        self.owners: Owners = np.empty(0, dtype=np.uint32)
        self.radii: np.ndarray[Any, np.dtype[np.int32]] | None = None
        self.gone: Truth | None = None
        self.gone_count = 0
        self._new: tuple[array[int], array[int], array[int]] = (array("Q"), array("I"), array("i"))

    def __len__(self) -> int:
        return len(self.codes) - self.gone_count + len(self._new[0])

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the sorted points and the delta take."""
        arrays = (self.codes, self.owners, self.radii, self.gone)
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
        if self.gone is not None:
            held &= ~self.gone[low:high]
        if held.any():
            if self.gone is None:
                self.gone = np.zeros(len(self.codes), dtype=np.bool_)
            self.gone[low + int(held.argmax())] = True
            self.gone_count += 1
            if self.gone_count > max(_DELTA, len(self.codes) // 8):
                self.merge()
            return True
        new = self._new
        place = -1
        while True:
            try:
                place = new[0].index(at, place + 1)
            except ValueError:
                return False
            if new[1][place] == number and new[2][place] == radius_m:
                for column in new:
                    column[place] = column[-1]
                    column.pop()
                return True

    def merge(self, more: tuple[Codes, Owners, Any] | None = None) -> None:
        """Bring the delta, and ``more`` points with their numbers and radii, into the sorted points."""
        delta = tuple(np.frombuffer(column, dtype=column.typecode) for column in self._new) if self._new[0] else None
        new = [one for one in (delta, more) if one is not None]
        radii = self.radii
        if new and (radii is not None or any((one[2] != self.radius(one[2])).any() for one in new)):
            radii = np.full(len(self.codes), self.radius(new[0][2]), dtype=np.int32) if radii is None else radii
        kept = slice(None) if self.gone is None else ~self.gone
        at = [self.codes[kept], *(one[0] for one in new)]
        owners = [self.owners[kept], *(one[1] for one in new)]
        widths = None if radii is None else [radii[kept], *(one[2] for one in new)]
        if widths is None and new and not len(self.codes):
            self._one = int(new[0][2][0])
        self.codes, self.owners = np.concatenate(at), np.concatenate(owners).astype(np.uint32)
        if new:
            # Two runs that are sorted already are merged by the stable sort in one pass.
            order = np.argsort(self.codes, kind="stable" if len(at[0]) > len(self.codes) // 2 else None)
            self.codes, self.owners = self.codes[order], self.owners[order]
            self.radii = None if widths is None else np.concatenate(widths).astype(np.int32)[order]
        elif widths is not None:
            self.radii = widths[0]
        self.gone, self.gone_count = None, 0
        self._new = (array("Q"), array("I"), array("i"))

    _one = 0

    def radius(self, given: Any) -> int:
        """The radius that all sorted points have, or that the first of ``given`` has where there are none."""
        return self._one if len(self.codes) else int(given[0])

    def ask(self, asked: Asked, round: bool) -> list[Owners]:
        """Whose points ``asked`` concerns, in pieces, with repeats; ``round`` when points here watch a circle."""
        found: list[Owners] = []
        if len(self.codes):
            radii: Any = None
            if round:
                radii = np.array([self._one], dtype=float) if self.radii is None else self.radii.astype(float)
            for low, high, single in asked.stretches(self.codes, radii):
                for start, end in zip(low.tolist(), high.tolist(), strict=True):
                    owners = self.owners[start:end]
                    found.append(owners if self.gone is None else owners[~self.gone[start:end]])
                single = single if self.gone is None else single[~self.gone[single]]
                found.append(self.owners[single])
        if len(self._new[0]):
            # These arrays grow, so nothing may keep a view of them.
            at, owner, width = (np.array(column) for column in self._new)
            x, y = corner(at.astype(np.uint64))
            found.append(owner[asked.concerns(x - HALF, y - POLE, width.astype(float) if round else None)])
        return found


class PointIndex:
    """Points of very many subscribers, by number; a number may have several, and each may watch a circle around it."""

    def __init__(self) -> None:
        self._belts = [Belt() for _ in BELTS_M]
        self.top = -1

    def __len__(self) -> int:
        return sum(len(belt) for belt in self._belts)

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
        found = self._ask(shape)
        hits = sum(len(one) for one in found)
        if hits > self.top // 32:
            marks = np.zeros(self.top + 1, dtype=np.bool_)
            for one in found:
                marks[one] = True
            return np.flatnonzero(marks)
        return np.unique(np.concatenate(found) if found else np.empty(0, dtype=np.uint32)).astype(np.int64)

    def mark(self, shape: Shape, marks: Truth) -> None:
        """Set ``marks`` at the number of everybody whom the shape concerns; it is at least ``top`` + 1 long."""
        for one in self._ask(shape):
            marks[one] = True

    def count(self, shape: Shape) -> int:
        """How many different numbers the shape concerns."""
        marks = np.zeros(self.top + 1, dtype=np.bool_)
        self.mark(shape, marks)
        return int(np.count_nonzero(marks))

    def _ask(self, shape: Shape) -> list[Owners]:
        asked = Asked(shape)
        return [one for place, belt in enumerate(self._belts) if len(belt) for one in belt.ask(asked, place > 0)]


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

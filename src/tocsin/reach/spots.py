"""Spots: in which innermost area each point lies, for alerts that name areas and draw none.

- Asking the map for one point takes a fraction of a millisecond, so many are settled together: the area of one is
  found, and all that lie in its outline are settled with it.
- That work belongs into calm: :meth:`Spots.settle` does it; a question does it only for what has come since.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Any

import numpy as np

from tocsin.place.area import Shape
from tocsin.place.ring import HALF, POLE
from tocsin.reach.cell import Codes, code, codes, corner, stretches
from tocsin.reach.fence import Fence, Truth

_FEW = 64


class Members:
    """Numbers in no order; the same one may stand there more than once."""

    def __init__(self) -> None:
        self._numbers: array[int] = array("I")

    def __len__(self) -> int:
        return len(self._numbers)

    def add(self, number: int) -> None:
        """Take in a number."""
        self._numbers.append(number)

    def extend(self, numbers: Any) -> None:
        """Take in many numbers."""
        self._numbers.frombytes(np.asarray(numbers, dtype=np.uint32).tobytes())

    def remove(self, number: int) -> bool:
        """Take one occurrence of a number out; false if it is not there."""
        try:
            place = self._numbers.index(number)
        except ValueError:
            return False
        self._numbers[place] = self._numbers[-1]
        self._numbers.pop()
        return True

    def numbers(self) -> np.ndarray[Any, np.dtype[np.uint32]]:
        """These numbers, as they are now."""
        return np.array(self._numbers, dtype=np.uint32)

    def mark(self, marks: Truth) -> None:
        """Set ``marks`` at these numbers."""
        marks[np.frombuffer(self._numbers, dtype=np.uint32)] = True


class Roster:
    """Numbers by area code."""

    def __init__(self) -> None:
        self._by_code: dict[str, Members] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_code)

    def add(self, area: str, number: int) -> None:
        """Take a number in under an area."""
        self.of(area).add(number)

    def of(self, area: str) -> Members:
        """The numbers under an area, which is entered if it is not there."""
        return self._by_code.setdefault(area, Members())

    def remove(self, area: str, number: int) -> bool:
        """Take a number out from under an area; false if it is not there."""
        members = self._by_code.get(area)
        if members is None or not members.remove(number):
            return False
        if not members:
            del self._by_code[area]
        return True

    def mark(self, areas: frozenset[str], marks: Truth) -> None:
        """Set ``marks`` at the numbers under any of ``areas``."""
        # The smaller side is walked: a country with an area pack has thousands of codes, most without subscribers.
        few, many = (areas, self._by_code) if len(areas) < len(self._by_code) else (self._by_code, areas)
        for area in few:
            if area in many:
                self._by_code[area].mark(marks)


class Spots:
    """Points under the innermost area that each lies in. ``places`` is a gazetteer."""

    def __init__(self, places: Any) -> None:
        self.places = places
        self._settled = Roster()
        self._codes: array[int] = array("Q")
        self._numbers: array[int] = array("I")

    def add(self, number: int, latitude: int, longitude: int) -> None:
        """Take in a point of ``number``; it is settled later."""
        self._codes.append(code(latitude, longitude))
        self._numbers.append(number)

    def extend(self, numbers: Any, latitudes: Any, longitudes: Any) -> None:
        """Take in many points at once; they are settled later."""
        self._codes.frombytes(codes(latitudes, longitudes).tobytes())
        self._numbers.frombytes(numbers.astype(np.uint32).tobytes())

    def remove(self, number: int, latitude: int, longitude: int) -> None:
        """Take out a point of ``number``."""
        self.settle()
        area = self._innermost(latitude, longitude)
        if area is not None and self._settled.remove(area, number):
            return
        # On a border between two outlines it may have been settled with its neighbours, on the other side.
        for other in list(self._settled):
            if self._settled.remove(other, number):
                return

    def mark(self, areas: frozenset[str], marks: Truth) -> None:
        """Set ``marks`` at whoever has a point with one of ``areas`` as its innermost."""
        self.settle()
        self._settled.mark(areas, marks)

    @property
    def settled(self) -> Roster:
        """Who has a point in which innermost area."""
        self.settle()
        return self._settled

    def settle(self) -> None:
        """Find the area of every point that has come."""
        if not self._codes:
            return
        every, numbers = np.array(self._codes, dtype=np.uint64), np.array(self._numbers, dtype=np.uint32)
        self._codes, self._numbers = array("Q"), array("I")
        order = np.argsort(every)
        # Many have the same point, because what the public keeps is coarse: each point is settled once.
        spots, counts = np.unique(every[order], return_counts=True)
        which = np.full(len(spots), -1)
        areas: dict[str, int] = {}
        left = np.arange(len(spots))
        while len(left):
            x, y = corner(spots[left[:1]])
            area = self._innermost(int(y[0]) - POLE, int(x[0]) - HALF)
            inside = np.zeros(len(left), dtype=np.bool_)
            inside[0] = True
            if area is not None:
                if len(left) > _FEW:
                    inside |= self._inside(area, spots[left])
                which[left[inside]] = areas.setdefault(area, len(areas))
            left = left[~inside]
        each = np.repeat(which, counts)
        ordered = np.argsort(each, kind="stable")
        bounds = np.searchsorted(each[ordered], np.arange(len(areas) + 1))
        for area, place in areas.items():
            self._settled.of(area).extend(numbers[order[ordered[bounds[place] : bounds[place + 1]]]])

    def _innermost(self, latitude: int, longitude: int) -> str | None:
        found = self.places.at(latitude, longitude)
        return str(found[0].code) if found else None

    def _inside(self, area: str, points: Codes) -> Truth:
        """Which of sorted points surely have this area as their innermost."""
        inside = np.zeros(len(points), dtype=np.bool_)
        shape = self.places.shape(area) if area in self.places else None
        if not isinstance(shape, Shape) or not shape._parts or self.places.descendants(area):
            return inside
        low, high, single = Fence(list(shape._parts), list(shape._lines)).stretches(points)
        inside[stretches(low, high)] = True
        inside[single] = True
        return inside

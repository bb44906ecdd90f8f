"""The audience: everybody one alert concerns, and why.

- An area code concerns itself, everything it is part of and everything that is part of it: an alert for a raion
  concerns a subscriber of its oblast, and the reverse (F21).
- For a point the issuer's own polygon decides where there is one; otherwise the point stands for the innermost area
  that it lies in.
- A restricted alert concerns staff only; a subscriber who wants certain phases is told of these and of the end of what
  it was told of (:mod:`tocsin.reach.dispatch`).
- It is in memory, follows each subscription as it is made and ended, and is built again from the journal at start.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np
from msgspec import Struct

from tocsin.reach.delivery import Numbers
from tocsin.reach.subscriber import Subscription

NOBODY: Numbers = np.empty(0, dtype=np.int64)


class Outline(Protocol):
    """A shape on the Earth, as :class:`tocsin.place.area.Shape` is one."""

    def covers(self, latitude: int, longitude: int, /) -> bool: ...

    def covers_many(self, points: np.ndarray[Any, np.dtype[np.int64]], /) -> np.ndarray[Any, np.dtype[np.bool_]]: ...

    def overlaps(self, other: Any, /) -> bool: ...


class Spot(Protocol):
    """A place that a point lies in."""

    @property
    def code(self) -> str: ...


class Places(Protocol):
    """What is asked of a gazetteer here."""

    def __contains__(self, code: object, /) -> bool: ...

    def ancestors(self, code: str, /) -> tuple[str, ...]: ...

    def descendants(self, code: str, /) -> frozenset[str]: ...

    def at(self, latitude: int, longitude: int, /) -> Sequence[Spot]: ...

    def shape(self, code: str, /) -> Any: ...


class Why(Struct, frozen=True):
    """Why an alert concerns a subscription.

    ``relation`` is ``same``, ``contains`` (the alert's area contains the subscriber's), ``part`` (it is part of it),
    ``inside`` (the point lies in the issuer's shape), ``overlaps`` (the issuer's shape touches the area) or ``told``
    (an earlier version of it was sent here). ``alert_area`` and ``place`` are codes where there are any.
    """

    relation: str
    alert_area: str = ""
    place: str = ""


def related(places: Places, codes: Iterable[str]) -> frozenset[str]:
    """``codes`` with everything they are part of and everything that is part of them; unknown ones stay alone."""
    found: set[str] = set()
    for code in codes:
        found.add(code)
        if code in places:
            found.update(places.ancestors(code))
            found.update(places.descendants(code))
    return frozenset(found)


class Audience:
    """Who is to be told, kept ready to be asked."""

    def __init__(self, places: Places) -> None:
        self.places = places
        # Subscriptions are made in the threads that write them, while the dispatch asks in its own.
        self._lock = threading.RLock()
        self._all: dict[int, Subscription] = {}
        self._numbers: dict[str, int] = {}
        self._by_code: dict[str, set[int]] = {}
        self._by_spot: dict[str, set[int]] = {}
        self._points = np.empty((0, 2), dtype=np.int64)
        self._owners = NOBODY
        self._used = 0

    def __len__(self) -> int:
        return len(self._all)

    def __contains__(self, subscription: object) -> bool:
        return subscription in self._numbers

    def subscription(self, number: int) -> Subscription | None:
        """The live subscription with this number."""
        return self._all.get(number)

    def number(self, subscription: str) -> int | None:
        """The number of the live subscription with this id."""
        return self._numbers.get(subscription)

    def add(self, number: int, one: Subscription) -> None:
        """Take in a subscription under its number, in place of what stood there."""
        with self._lock:
            self.remove(number)
            self._all[number] = one
            self._numbers[one.id] = number
            for code in one.areas:
                self._by_code.setdefault(code, set()).add(number)
            for latitude, longitude in one.points:
                self._point(number, latitude, longitude)

    def remove(self, number: int) -> None:
        """Forget a subscription."""
        with self._lock:
            one = self._all.pop(number, None)
            if one is None:
                return
            del self._numbers[one.id]
            for code in one.areas:
                _discard(self._by_code, code, number)
            if one.points:
                for code in [code for code, numbers in self._by_spot.items() if number in numbers]:
                    _discard(self._by_spot, code, number)
                kept = self._owners[: self._used] != number
                count = int(kept.sum())
                self._points[:count] = self._points[: self._used][kept]
                self._owners[:count] = self._owners[: self._used][kept]
                self._used = count

    def match(
        self, areas: Sequence[str], phase: str, scope: str = "Public", shape: Outline | None = None
    ) -> dict[str, Numbers]:
        """Whom an alert concerns: by channel, subscription numbers in rising order."""
        with self._lock:
            reach = related(self.places, areas)
            numbers = _union(self._by_code, reach)
            if shape is None:
                numbers |= _union(self._by_spot, reach)
            else:
                if self._used:
                    inside = shape.covers_many(self._points[: self._used])
                    numbers.update(self._owners[: self._used][inside].tolist())
                if not areas:
                    for code, subscribed in self._by_code.items():
                        outline = self.places.shape(code) if code in self.places else None
                        if outline is not None and shape.overlaps(outline):
                            numbers |= subscribed
            return self.by_channel(number for number in numbers if self._wants(number, phase, scope))

    def by_channel(self, numbers: Iterable[int]) -> dict[str, Numbers]:
        """``numbers`` of live subscriptions by their channel, in rising order."""
        with self._lock:
            split: dict[str, list[int]] = {}
            for number in numbers:
                if (one := self._all.get(number)) is not None:
                    split.setdefault(one.channel, []).append(number)
            return {name: np.unique(np.array(found, dtype=np.int64)) for name, found in sorted(split.items())}

    def why(self, number: int, areas: Sequence[str], shape: Outline | None = None) -> tuple[Why, ...]:
        """Why an alert for ``areas`` and ``shape`` concerns a subscription; empty if it does not."""
        with self._lock:
            one = self._all.get(number)
            if one is None:
                return ()
            found = [why for code in one.areas if (why := self._relation(areas, code)) is not None]
            if shape is not None and not areas:
                for code in one.areas:
                    outline = self.places.shape(code) if code in self.places else None
                    if outline is not None and shape.overlaps(outline):
                        found.append(Why("overlaps", place=code))
            for latitude, longitude in one.points:
                if shape is not None:
                    if shape.covers(latitude, longitude):
                        found.append(Why("inside"))
                elif (spots := self.places.at(latitude, longitude)) and (why := self._relation(areas, spots[0].code)):
                    found.append(why)
            return tuple(found)

    def _relation(self, areas: Sequence[str], place: str) -> Why | None:
        if place in areas:
            return Why("same", place, place)
        if place not in self.places:
            return None
        above, below = self.places.ancestors(place), self.places.descendants(place)
        for area in areas:
            if area in above:
                return Why("contains", area, place)
            if area in below:
                return Why("part", area, place)
        return None

    def _wants(self, number: int, phase: str, scope: str) -> bool:
        one = self._all[number]
        if scope != "Public" and not (scope == "Restricted" and one.audience == "staff"):
            return False
        return not one.phases or phase in one.phases

    def _point(self, number: int, latitude: int, longitude: int) -> None:
        if self._used == len(self._owners):
            room = max(1024, 2 * self._used)
            points, owners = np.empty((room, 2), dtype=np.int64), np.empty(room, dtype=np.int64)
            points[: self._used], owners[: self._used] = self._points[: self._used], self._owners[: self._used]
            self._points, self._owners = points, owners
        self._points[self._used] = latitude, longitude
        self._owners[self._used] = number
        self._used += 1
        if spots := self.places.at(latitude, longitude):
            self._by_spot.setdefault(spots[0].code, set()).add(number)


def _union(index: dict[str, set[int]], codes: frozenset[str]) -> set[int]:
    found: set[int] = set()
    # The smaller side is walked: a country with an area pack has thousands of codes, most of them without subscribers.
    if len(codes) < len(index):
        for code in codes:
            if (numbers := index.get(code)) is not None:
                found |= numbers
    else:
        for code, numbers in index.items():
            if code in codes:
                found |= numbers
    return found


def _discard(index: dict[str, set[int]], code: str, number: int) -> None:
    if (numbers := index.get(code)) is not None:
        numbers.discard(number)
        if not numbers:
            del index[code]

"""The audience: everybody one alert concerns, and why.

- An area code concerns itself, everything it is part of and everything that is part of it: an alert for a raion
  concerns a subscriber of its oblast, and the reverse (F21).
- For a point the issuer's own polygon decides where there is one; otherwise the point stands for the innermost area
  that it lies in. A circle that is watched is concerned by what comes within its radius, of the issuer's shape or of
  the outlines of the areas that the alert names; an area of one's own, by what touches it.
- Who wants and may be told of what stands in :mod:`tocsin.reach.register`. A subscriber who wants certain phases is told
  of these and of the end of what it was told of (:mod:`tocsin.reach.dispatch`).
- Everybody is named once, however many places they have. A preview counts in the same way and makes no list.
- It is in memory, follows each subscription as it is made and ended, and is built again from the journal at start.
"""

from __future__ import annotations

import gc
import threading
from array import array
from collections.abc import Iterable, Sequence
from datetime import datetime

import numpy as np

from tocsin.place.area import Shape
from tocsin.reach.block import Block
from tocsin.reach.delivery import Numbers
from tocsin.reach.fence import Truth
from tocsin.reach.index import Asked, PointIndex
from tocsin.reach.ledger import Ledger
from tocsin.reach.live import NOWHERE, LiveAreas, spot
from tocsin.reach.region import Regions
from tocsin.reach.register import Register, Tally
from tocsin.reach.spots import Roster, Spots
from tocsin.reach.subscriber import BLOCK
from tocsin.reach.subscription import Subscription
from tocsin.reach.wanted import LOUD, Point, loudest
from tocsin.reach.why import Outline as Outline
from tocsin.reach.why import Places as Places
from tocsin.reach.why import Reasons, outline_of, own_area
from tocsin.reach.why import Why as Why
from tocsin.warn.canary import CODE


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
        self._reasons = Reasons(places)
        self._ledger = Ledger()
        # Those who want some warnings less than aloud.
        self._tuned: set[int] = set()
        self._register = Register()
        self._codes = Roster()
        self._spots = Spots(places)
        self._points = PointIndex()
        self._polygons: LiveAreas[int] = LiveAreas()
        # The outlines of the areas that somebody subscribed to, for shapes without codes; an unknown one has none.
        self._outlines: LiveAreas[str] = LiveAreas()
        self._outlined: set[str] = set()

    def __len__(self) -> int:
        return len(self._ledger)

    def __contains__(self, subscription: object) -> bool:
        return subscription in self._ledger

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the points, the register and the ledger take."""
        return self._points.nbytes + self._register.nbytes + self._ledger.nbytes

    def subscription(self, number: int) -> Subscription | None:
        """The live subscription with this number."""
        return self._ledger.get(number)

    def number(self, subscription: str) -> int | None:
        """The number of the live subscription with this id."""
        with self._lock:
            return self._ledger.number(subscription)

    def of_person(self, person: str) -> tuple[int, ...]:
        """The numbers of one person's live subscriptions."""
        with self._lock:
            return self._ledger.of_person(person)

    def whose(self, numbers: Sequence[int]) -> dict[int, tuple[str, int]]:
        """Of ``numbers`` those that share a person with others, or could: the person, and their order there."""
        with self._lock:
            return self._ledger.whose(numbers)

    def persons(self, prefix: str) -> list[str]:
        """Everybody with several channels, or of a list, whose opaque name begins so."""
        with self._lock:
            return self._ledger.persons(prefix)

    def numbers(self) -> list[int]:
        """The numbers of all live subscriptions but the canaries."""
        with self._lock:
            found: list[int] = np.flatnonzero(self._register.every()).tolist()
            return found

    def add(self, number: int, one: Subscription) -> None:
        """Take in a subscription under its number, in place of what stood there."""
        with self._lock:
            self.remove(number)
            self._enter(number, one)
            for latitude, longitude in one.points:
                self._points.add(number, latitude, longitude)
                self._spots.add(number, latitude, longitude)
            for watch in one.watches:
                self._points.add(number, watch.latitude, watch.longitude, watch.radius_m)
                self._spots.add(number, watch.latitude, watch.longitude)

    def load(self, ones: Iterable[tuple[int, Subscription]]) -> None:
        """Take in many new subscriptions under their numbers at once, and have everything ready."""
        with self._lock:
            columns = array("q"), array("q"), array("q"), array("q")
            fresh = not len(self._ledger)
            for number, one in ones:
                if not fresh:
                    self.remove(number)
                self._enter(number, one)
                for latitude, longitude in one.points:
                    _append(columns, number, latitude, longitude, 0)
                for watch in one.watches:
                    _append(columns, number, watch.latitude, watch.longitude, watch.radius_m)
            numbers, latitudes, longitudes, radii = (np.frombuffer(column, dtype=np.int64) for column in columns)
            self._points.load(numbers, np.column_stack([latitudes, longitudes]), radii)
            self._spots.extend(numbers, latitudes, longitudes)
            self._ledger.settle()
            self.ready()

    def block(self, number: int) -> Block:
        """The live subscriptions of a block, to be kept for the next start."""
        with self._lock:
            return self._ledger.block(number * BLOCK, (number + 1) * BLOCK)

    def fill(self, blocks: Iterable[Block], ones: Iterable[tuple[int, Subscription]] = ()) -> None:
        """Hold what these blocks and further subscriptions say, in place of all that was here.

        It is made beside what is here, so that nobody who asks meanwhile has to wait for it.
        """
        fresh = Audience(self.places)
        fresh._fill(blocks)
        fresh.load(ones)
        with self._lock:
            for name in _PARTS:
                setattr(self, name, getattr(fresh, name))

    def _fill(self, blocks: Iterable[Block]) -> None:
        # What is made here stays; to look through it for waste again and again took a third of the time.
        collecting = gc.isenabled()
        gc.disable()
        try:
            self._hold(blocks)
        finally:
            if collecting:
                gc.enable()

    def _hold(self, blocks: Iterable[Block]) -> None:
        for block in blocks:
            self._ledger.load(block)
        if not len(self._ledger):
            return
        self._ledger.settle_all()
        wishes, groups = self._ledger.groups()
        owned = self._ledger.owned()
        self._register.put_groups(wishes, groups, {number: person for number, (person, _) in owned.items() if person})
        spots: list[tuple[int, int, int, Numbers]] = []
        drawn: list[tuple[int, Shape]] = []
        for one, group in zip(wishes, groups, strict=True):
            if one.loudness:
                self._tuned.update(group.tolist())
            for area in one.areas:
                self._codes.of(area).extend(group)
            spots.extend((latitude, longitude, 0, group) for latitude, longitude in one.points)
            spots.extend((watch.latitude, watch.longitude, watch.radius_m, group) for watch in one.watches)
            if one.polygons and (shape := own_area(one.polygons)) is not None:
                drawn.extend((number, shape) for number in group.tolist())
                if (corner := spot(shape)) != NOWHERE:
                    self._spots.extend(group, np.full(len(group), corner[0]), np.full(len(group), corner[1]))
        self._polygons.put_all(drawn)
        if spots:
            counts = np.array([len(row[3]) for row in spots])
            latitudes, longitudes, radii = (
                np.repeat(np.array([row[column] for row in spots], dtype=np.int64), counts) for column in range(3)
            )
            numbers = np.concatenate([row[3] for row in spots])
            self._points.load(numbers, np.column_stack([latitudes, longitudes]), radii)
            self._spots.extend(numbers, latitudes, longitudes)

    def ready(self) -> None:
        """Do in calm what the next question would have to do first."""
        with self._lock:
            self._spots.settle()
            self._draw()

    def _enter(self, number: int, one: Subscription) -> None:
        self._ledger.put(number, one)
        if one.loudness:
            self._tuned.add(number)
        self._register.put(number, one)
        for area in one.areas:
            self._codes.add(area, number)
        if one.polygons and (shape := own_area(one.polygons)) is not None:
            self._polygons.put(number, shape)
            if (corner := spot(shape)) != NOWHERE:
                self._spots.add(number, *corner)

    def remove(self, number: int) -> None:
        """Forget a subscription."""
        with self._lock:
            one = self._ledger.drop(number)
            if one is None:
                return
            self._tuned.discard(number)
            self._register.drop(number)
            for area in one.areas:
                self._codes.remove(area, number)
            for latitude, longitude in _spots(one):
                self._spots.remove(number, latitude, longitude)
            for latitude, longitude in one.points:
                self._points.remove(number, latitude, longitude)
            for watch in one.watches:
                self._points.remove(number, watch.latitude, watch.longitude, watch.radius_m)
            self._polygons.drop(number)

    def match(
        self,
        areas: Sequence[str],
        phase: str,
        scope: str = "Public",
        shape: Outline | None = None,
        *,
        severity: str = "",
        role: str = "",
        at: datetime | None = None,
        canaries: bool = False,
    ) -> dict[str, Numbers]:
        """Whom an alert concerns: by channel, subscription numbers in rising order.

        Never a canary; for what the self-drill publishes ``canaries``, and nobody else.

        ``severity`` as in CAP, empty when nobody said it; ``role`` the one a restricted alert is for, if it names one;
        ``at`` the moment, for stays that have ended.
        """
        with self._lock:
            return self._register.split(self._marks(areas, phase, scope, shape, severity, role, at, canaries))

    def preview(
        self,
        areas: Sequence[str],
        phase: str,
        scope: str = "Public",
        shape: Outline | None = None,
        *,
        severity: str = "",
        role: str = "",
        at: datetime | None = None,
    ) -> Tally:
        """How many :meth:`match` would find, by channel, first language and audience."""
        with self._lock:
            return self._register.tally(self._marks(areas, phase, scope, shape, severity, role, at))

    def census(self) -> tuple[Tally, dict[str, int]]:
        """How many there are, and how many named which area code, the most wanted first; without the canaries."""
        with self._lock:
            marks = self._register.every()
            named = [code for code in self._codes if not code.startswith(CODE)]
            areas = sorted(((code, len(self._codes.of(code))) for code in named), key=lambda one: -one[1])
            return self._register.tally(marks), dict(areas)

    def spread(self, numbers: Numbers, areas: Sequence[str] = ()) -> tuple[dict[str, int], dict[str, int]]:
        """How many of ``numbers`` are where and read what: by the first-level region of a place, by first language.

        Of several places one is counted, and one that ``areas`` concern before any other.
        """
        with self._lock:
            regions = Regions(self.places, self._register.rows)
            rosters, reach = (self._spots.settled, self._codes), related(self.places, areas)
            # What is entered later stands, so whatever the alert concerns comes last.
            for concerned in (False, True):
                for roster in rosters:
                    for code in roster:
                        if (code in reach) is concerned:
                            regions.enter(code, roster.of(code))
            return regions.count(numbers), self._register.languages(numbers)

    def over(self, at: datetime) -> list[str]:
        """The subscriptions whose last moment has come by ``at``, for their end to be put on record."""
        with self._lock:
            return [self._ledger.id(number) for number in self._register.over(at).tolist()]

    def by_channel(self, numbers: Iterable[int]) -> dict[str, Numbers]:
        """``numbers`` of live subscriptions by their channel, in rising order."""
        with self._lock:
            listed = numbers if isinstance(numbers, np.ndarray) else np.array(list(numbers), dtype=np.int64)
            return self._register.by_channel(self._register.live(listed))

    def left(self, numbers: Iterable[int], areas: Sequence[str], shape: Outline | None = None) -> dict[str, Numbers]:
        """Who of ``numbers`` is not concerned by an alert any more whose area is now this one: by channel.

        Whatever they asked for, because whoever was told of a danger is told of its end.
        """
        with self._lock:
            listed = numbers if isinstance(numbers, np.ndarray) else np.array(list(numbers), dtype=np.int64)
            live = self._register.live(listed)
            return self._register.by_channel(live[~self._touched(areas, shape)[live]])

    def why(self, number: int, areas: Sequence[str], shape: Outline | None = None) -> tuple[Why, ...]:
        """Why an alert for ``areas`` and ``shape`` concerns a subscription; empty if it does not."""
        with self._lock:
            one = self._ledger.get(number)
            return tuple(why for _, why in self._reasons.of(one, areas, shape)) if one is not None else ()

    def loudness(
        self, numbers: Iterable[int], areas: Sequence[str], phase: str, shape: Outline | None = None
    ) -> dict[int, str]:
        """How loud an alert is for those of ``numbers`` who do not want it aloud (:mod:`tocsin.reach.wanted`)."""
        with self._lock:
            found = {}
            for number in self._tuned.intersection(numbers):
                one = self._ledger.get(number)
                assert one is not None
                if not any(w.level != LOUD and (not w.phases or phase in w.phases) for w in one.loudness):
                    continue
                # Where a place is not asked about, why it is concerned need not be found out.
                named = any(w.place for w in one.loudness)
                places = [place for place, _ in self._reasons.of(one, areas, shape)] if named else []
                level = loudest(one.loudness, places, phase)
                if level != LOUD:
                    found[number] = level
            return found

    def _marks(
        self,
        areas: Sequence[str],
        phase: str,
        scope: str,
        shape: Outline | None,
        severity: str,
        role: str,
        at: datetime | None,
        canaries: bool = False,
    ) -> Truth:
        """Everybody who is to be told, as one mark a number."""
        marks = self._touched(areas, shape)
        self._register.choose(marks, phase, scope, severity, role, at, canaries)
        return marks

    def _touched(self, areas: Sequence[str], shape: Outline | None) -> Truth:
        """Everybody concerned, as one mark a number."""
        marks: Truth = np.zeros(self._register.rows, dtype=np.bool_)
        reach = related(self.places, areas)
        self._codes.mark(reach, marks)
        if shape is None:
            self._spots.mark(reach, marks)
            # A circle may reach over the border into an area that its middle does not lie in.
            if (drawn := self._drawn(areas)) is not None:
                self._points.mark(Asked(drawn), marks, only_circles=True)
                marks[self._polygons.touching(drawn)] = True
        elif isinstance(shape, Shape):
            self._points.mark(Asked(shape), marks)
            marks[self._polygons.touching(shape)] = True
            if not areas:
                self._draw()
                self._codes.mark(frozenset(self._outlines.touching(shape)), marks)
        else:
            self._ask_each(shape, marks, not areas)
        return marks

    def _ask_each(self, shape: Outline, marks: Truth, by_outline: bool) -> None:
        """Mark whom a shape of some other make concerns, which can only be asked about each point."""
        numbers, points = self._points.every()
        marks[numbers[shape.covers_many(points)]] = True
        if by_outline:
            hit = [
                code for code in self._codes if (o := outline_of(self.places, code)) is not None and shape.overlaps(o)
            ]
            self._codes.mark(frozenset(hit), marks)

    def _drawn(self, areas: Sequence[str]) -> Shape | None:
        """The outlines of areas as one shape; None where nobody needs them, or the map has none."""
        if not self._points.watched and not len(self._polygons):
            return None
        shapes = [outline for code in areas if isinstance(outline := outline_of(self.places, code), Shape)]
        return Shape.union(shapes) if shapes else None

    def _draw(self) -> None:
        """Have the outlines of all areas that somebody subscribed to."""
        for code in self._codes:
            if code not in self._outlined:
                self._outlined.add(code)
                if isinstance(outline := outline_of(self.places, code), Shape):
                    self._outlines.put(code, outline)


_PARTS = (
    "_ledger", "_tuned", "_register", "_codes", "_spots", "_points", "_polygons", "_outlines", "_outlined",
)  # fmt: skip
"""What an audience knows of its subscriptions."""


def _append(columns: Sequence[array[int]], *values: int) -> None:
    for column, value in zip(columns, values, strict=True):
        column.append(value)


def _spots(one: Subscription) -> list[Point]:
    """The points by which a subscription lies in areas: its own, the middles of circles, a corner of its polygons."""
    found = [*one.points, *((watch.latitude, watch.longitude) for watch in one.watches)]
    if (shape := own_area(one.polygons)) is not None and (corner := spot(shape)) != NOWHERE:
        found.append(corner)
    return found

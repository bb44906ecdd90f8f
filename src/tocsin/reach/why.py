"""Why: the reasons for which an alert concerns one subscription, place by place.

- An area code concerns itself, everything it is part of and everything that is part of it (F21).
- It asks about one subscription what :mod:`tocsin.reach.audience` asks about all at once, with the same shapes and the same
  circles, so that a reason is there exactly for whoever is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from msgspec import Struct

from tocsin.place.area import Shape
from tocsin.reach import cell
from tocsin.reach.index import Asked
from tocsin.reach.live import spot
from tocsin.reach.subscription import Subscription
from tocsin.reach.wanted import Point, Watch


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
    ``inside`` (the point lies in the issuer's shape), ``near`` (the shape comes within the radius that is watched),
    ``overlaps`` (the shape touches the area) or ``told`` (an earlier version of it was sent here). ``alert_area`` and
    ``place`` are codes where there are any.
    """

    relation: str
    alert_area: str = ""
    place: str = ""


class Reasons:
    """Finds reasons on one map."""

    def __init__(self, places: Places) -> None:
        self.places = places

    def of(self, one: Subscription, areas: Sequence[str], shape: Outline | None) -> list[tuple[str, Why]]:
        """Why an alert concerns somebody, each with the name of the place that it concerns."""
        found = [(f"area:{code}", why) for code in one.areas if (why := self._relation(areas, code)) is not None]
        if shape is not None and not areas:
            for code in one.areas:
                outline = outline_of(self.places, code)
                if outline is not None and shape.overlaps(outline):
                    found.append((f"area:{code}", Why("overlaps", place=code)))
        for turn, (latitude, longitude) in enumerate(one.points):
            if shape is not None:
                if shape.covers(latitude, longitude):
                    found.append((f"point:{turn}", Why("inside")))
            elif (why := self._at(areas, latitude, longitude)) is not None:
                found.append((f"point:{turn}", why))
        return [*found, *self._near(one, areas, shape)]

    def _near(self, one: Subscription, areas: Sequence[str], shape: Outline | None) -> list[tuple[str, Why]]:
        """Why by the circles it watches and the areas of its own."""
        found: list[tuple[str, Why]] = []
        drawn = self._drawn(areas) if shape is None else shape
        asked = Asked(drawn) if isinstance(drawn, Shape) and one.watches else None
        for turn, watch in enumerate(one.watches):
            name = f"watch:{turn}"
            if shape is not None and shape.covers(watch.latitude, watch.longitude):
                found.append((name, Why("inside")))
            elif shape is None and (why := self._at(areas, watch.latitude, watch.longitude)) is not None:
                found.append((name, why))
            elif asked is not None and _concerned(asked, watch):
                found.append((name, Why("near")))
        for turn in range(len(one.polygons)):
            own = own_area(one.polygons[turn : turn + 1])
            if own is None:
                continue
            if drawn is not None and drawn.overlaps(own):
                found.append((f"polygon:{turn}", Why("overlaps")))
            elif shape is None and (why := self._at(areas, *spot(own))) is not None:
                found.append((f"polygon:{turn}", why))
        return found

    def _at(self, areas: Sequence[str], latitude: int, longitude: int) -> Why | None:
        spots = self.places.at(latitude, longitude)
        return self._relation(areas, spots[0].code) if spots else None

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

    def _drawn(self, areas: Sequence[str]) -> Shape | None:
        """The outlines of areas as one shape; None where the map has none."""
        shapes = [outline for code in areas if isinstance(outline := outline_of(self.places, code), Shape)]
        return Shape.union(shapes) if shapes else None


def outline_of(places: Places, code: str) -> Any:
    """The outline of an area, where the map has one."""
    return places.shape(code) if code in places else None


def own_area(polygons: Sequence[Sequence[Point]]) -> Shape | None:
    """The areas of its own that a subscription has, as one shape."""
    if not polygons:
        return None
    shape = Shape.of([np.array(ring, dtype=np.int64).reshape(-1, 2) for ring in polygons])
    return None if shape.empty else shape


def _concerned(asked: Asked, watch: Watch) -> bool:
    at = np.array([cell.code(watch.latitude, watch.longitude)], dtype=np.uint64)
    return bool(asked.concerns(at, np.array([watch.radius_m], dtype=np.int32))[0])

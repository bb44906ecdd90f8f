"""Which places an alert's areas concern: the whole of a place, a part of it, or nobody can tell.

- Both ways: an alert for a country concerns its regions ("contains"), an alert for a raion concerns its oblast
  ("part"). When alerts in Ukraine went from oblast to raion in 2025, subscribers of an oblast heard nothing (F21).
- For a point the issuer's own polygon or circle decides and codes do not. For a place with a code, the area's codes
  decide; where there are none that we know, its polygon is laid over our coarse 1:10m shapes.
- There an overlap counts from 10 % of the smaller of the two on, or when it is wider than 3 km anywhere: thinner ones
  are made by the coarse lines. From 95 % of the place on, the alert is for the whole of it.
- An end for a part ends only that part: each part that any alert of a thread names is followed by itself.
- An area in a code we cannot read may still tell its country (an EMMA_ID begins with it). A place there, and for an
  area that tells nothing every place, may be meant: that is ``unclear``, and unclear is never calm (F4).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

import shapely
from msgspec import Struct

from tocsin.cap.alert import Area, Named
from tocsin.place.area import Shape
from tocsin.place.gazetteer import Gazetteer

WHOLE_SHARE = 0.95
PART_SHARE = 0.10
SLIVER_M = 3_000.0
REDRAWN_SHARE = 0.80
"""A polygon that covers this much of an earlier one speaks of the same part of a place. Points are told exactly."""
CODE = "tocsin:area"
"""The geocode name under which an area code of ours stands in an :class:`~tocsin.cap.alert.Area` as it is."""

_M_PER_MICRODEGREE = 0.111_195
_KEEP = 20_000


class Point(Struct, frozen=True):
    """A point in micro-degrees."""

    latitude: int
    longitude: int


Where = str | Point
"""An area code, or a point."""


class Touch(Struct, frozen=True):
    """How areas concern a place: ``whole``, or in the ``parts`` named; ``relation`` is same, contains, part or empty.

    ``unclear``: the areas may concern the place, and nobody can tell.
    """

    whole: bool = False
    parts: frozenset[str] = frozenset()
    relation: str = ""
    unclear: bool = False


class _Ground(Struct, frozen=True):
    """Where one area is: codes of ours, a shape, or only codes it lies somewhere within; ``key`` names its shape."""

    codes: frozenset[str] = frozenset()
    shape: Shape | None = None
    within: frozenset[str] = frozenset()
    key: str = ""


_NOWHERE = Touch()
# Codes whose first letters or whose registry tell the country. The European registries say UK and EL.
_BY_LETTERS = re.compile(rf"EMMA_?ID|NUTS[0-3]?|ISO.?3166.*|{CODE}", re.IGNORECASE)
_BY_REGISTRY = (
    (re.compile(r"WARNCELLID|AMTLICHER.*|SHN|ARS", re.IGNORECASE), "DE"),
    (re.compile(r"SAME|FIPS6?|UGC", re.IGNORECASE), "US"),
    (re.compile(r".*CAP-CP.*|CLC|.*MSC-SMC.*", re.IGNORECASE), "CA"),
    (re.compile(r"TAIWAN.*", re.IGNORECASE), "TW"),
)
_LETTERS = {"UK": "GB", "EL": "GR"}


class Coverage:
    """Answers which places areas concern; remembers what it found, for the same areas come again and again."""

    def __init__(self, gazetteer: Gazetteer) -> None:
        self.gazetteer = gazetteer
        self._grounds: dict[Area, _Ground] = {}
        self._touches: dict[tuple[tuple[Area, ...], Where], Touch] = {}
        self._drawn: dict[str, Shape] = {}
        self._covers: dict[tuple[str, str], bool] = {}

    def touch(self, areas: tuple[Area, ...], where: Where) -> Touch:
        """How ``areas`` concern ``where``."""
        key = (areas, where)
        found = self._touches.get(key)
        if found is None:
            if len(self._touches) >= _KEEP:
                self._touches.clear()
            found = self._touches[key] = self._touch(areas, where)
        return found

    def codes(self, areas: Iterable[Area]) -> frozenset[str]:
        """The area codes that ``areas`` name."""
        return frozenset(code for area in areas for code in self._ground(area).codes)

    def ground(self, area: Area) -> tuple[Shape | None, frozenset[str]]:
        """The shape that ``area`` draws, and the codes of ours that it names; neither means that nobody can tell."""
        found = self._ground(area)
        return found.shape, found.codes

    def _touch(self, areas: tuple[Area, ...], where: Where) -> Touch:
        each = [
            self._at_point(area, where) if isinstance(where, Point) else self._at_code(area, where) for area in areas
        ]
        whole = next((touch for touch in each if touch.whole and touch.relation == "same"), None)
        whole = whole or next((touch for touch in each if touch.whole), None)
        parts = frozenset(part for touch in each for part in touch.parts)
        unclear = not areas or any(touch.unclear for touch in each)
        if whole is not None:
            return Touch(True, parts, whole.relation)
        return Touch(False, parts, "part" if parts else "", unclear and not parts)

    def complete(self, parts: Iterable[str], where: Where) -> bool:
        """Whether ``parts`` are all the parts that ``where`` has: together they are the whole of it."""
        if isinstance(where, Point) or not parts:
            return False
        below = self.gazetteer.children(where)
        return bool(below) and set(parts).issuperset(below)

    def within(self, part: str, of: str) -> bool:
        """Whether the part ``part`` lies in the part ``of``; both as :class:`Touch` names them."""
        if part == of:
            return True
        if part.startswith("~") or of.startswith("~"):
            return self._redrawn(part, of)
        return self.gazetteer.relation(of, part) in ("same", "contains")

    def _redrawn(self, part: str, of: str) -> bool:
        """Whether ``of`` is ``part`` drawn again: issuers move a corner from one update to the next."""
        known = self._covers.get((part, of))
        if known is None:
            one, other = self._drawn.get(part), self._drawn.get(of)
            known = one is not None and other is not None and _share(one, other) >= REDRAWN_SHARE
            if len(self._covers) >= _KEEP:
                self._covers.clear()
            self._covers[part, of] = known
        return known

    def _ground(self, area: Area) -> _Ground:
        found = self._grounds.get(area)
        if found is None:
            if len(self._grounds) >= _KEEP:
                self._grounds.clear()
                self._drawn.clear()
                self._touches.clear()
            found = self._grounds[area] = self._find(area)
        return found

    def _find(self, area: Area) -> _Ground:
        codes: set[str] = set()
        within: set[str] = set()
        for named in area.geocodes:
            code = self._code(named)
            if code is not None:
                codes.add(code)
            else:
                within.update(self._around(named))
        shape: Shape | None = None
        key = ""
        if area.polygons or area.circles:
            polygons = [polygon.points for polygon in area.polygons if len(polygon.points)]
            shape = Shape.of(polygons, [(c.latitude, c.longitude, c.radius_km) for c in area.circles])
            if shape.empty:
                shape = None
            else:
                key = f"~{hash((area.polygons, area.circles)) & 0xFFFFFFFFFFFFFFFF:016x}"
                self._drawn[key] = shape
        if not codes and shape is None and area.description.strip():
            codes.update(self._by_name(area.description, within))
        return _Ground(frozenset(codes), shape, frozenset(within), key)

    def _code(self, named: Named) -> str | None:
        value = named.value.strip()
        if named.name == CODE:
            return self.gazetteer.canonical(value) if value in self.gazetteer else None
        # Some profiles put the list's name at the end of a URN, or give the address of ISO's own page for it.
        name = named.name.strip()
        short = "ISO3166-1" if "iso.org" in name and "country_codes" in name else name.rpartition(":")[2]
        return self.gazetteer.geocode(name, value) or self.gazetteer.geocode(short, value)

    def _around(self, named: Named) -> Iterable[str]:
        """Codes of ours that an area in a foreign code must lie within."""
        name, value = named.name.strip(), named.value.strip().upper()
        country = next((code for pattern, code in _BY_REGISTRY if pattern.fullmatch(name)), "")
        if _BY_LETTERS.fullmatch(name) and value[:2].isalpha() and ":" not in value:
            country = _LETTERS.get(value[:2], value[:2])
        state = f"US-{value[:2]}"
        if name.upper() == "UGC" and state in self.gazetteer:
            return (state,)
        return (country,) if country in self.gazetteer else ()

    def _by_name(self, description: str, within: set[str]) -> Iterable[str]:
        """Places that an areaDesc alone names (quirk 50): whole, or each in a list of names."""
        region = next(iter(within)) if len(within) == 1 else None
        if found := self.gazetteer.find(description.strip(), within=region, limit=3):
            return [place.code for place in found]
        listed = [name.strip() for name in re.split(r"[;,\n]", description) if name.strip()]
        named = [self.gazetteer.find(name, within=region, limit=3) for name in listed] if len(listed) > 1 else []
        # Only where every name is known: one that is not would be left out silently.
        return [place.code for found in named for place in found] if named and all(named) else []

    def _at_point(self, area: Area, point: Point) -> Touch:
        ground = self._ground(area)
        if ground.shape is not None:
            inside = ground.shape.covers(point.latitude, point.longitude)
            return Touch(True, relation="contains") if inside else _NOWHERE
        around = [place.code for place in self.gazetteer.at(point.latitude, point.longitude)]
        touches = [self._of_code(code, around[0], point) for code in ground.codes] if around else []
        if any(touch.whole for touch in touches):
            return Touch(True, relation="contains")
        parts = frozenset(part for touch in touches for part in touch.parts)
        unclear = not ground.codes and (not ground.within or any(code in ground.within for code in around))
        return Touch(False, parts, "part" if parts else "", unclear)

    def _of_code(self, code: str, finest: str, point: Point) -> Touch:
        relation = self.gazetteer.relation(code, finest)
        if relation in ("same", "contains"):
            return Touch(True, relation=str(relation))
        # An area within the smallest one that we know around the point: its own shape decides, and without one it may
        # be here, so the point is told as the whole region would be.
        if relation == "part" and self.gazetteer.shape(code) is None:
            return Touch(False, frozenset({code}), "part")
        return _NOWHERE

    def _at_code(self, area: Area, place: str) -> Touch:
        ground = self._ground(area)
        if ground.codes:
            touches = [(self.gazetteer.relation(code, place), code) for code in ground.codes]
            for wanted in ("same", "contains"):
                if any(relation == wanted for relation, _ in touches):
                    return Touch(True, relation=wanted)
            parts = frozenset(code for relation, code in touches if relation == "part")
            return Touch(False, parts, "part") if parts else _NOWHERE
        if ground.shape is not None:
            return self._laid_over(ground.shape, ground.key, place)
        for code in ground.within:
            relation = self.gazetteer.relation(code, place)
            if relation in ("same", "part"):
                return Touch(False, frozenset({f"~{area.description}"}), "part")
        unclear = not ground.within or any(self.gazetteer.relation(code, place) == "contains" for code in ground.within)
        return Touch(unclear=unclear)

    def _laid_over(self, shape: Shape, key: str, place: str) -> Touch:
        """How a polygon concerns a place with a code, by coarse shapes."""
        theirs = self.gazetteer.shape(place)
        if theirs is None:
            # A pack's unit without a shape: what concerns the region around it may be for it.
            around = next((code for code in self.gazetteer.ancestors(place) if self.gazetteer.shape(code)), None)
            if around is None:
                return Touch(unclear=True)
            touch = self._laid_over(shape, key, around)
            return Touch(True, relation="contains") if touch.whole else Touch(unclear=bool(touch.parts))
        if not shape.overlaps(theirs):
            return _NOWHERE
        ours, place_land = shapely.union_all(shape.pieces()), shapely.union_all(theirs.pieces())
        common = shapely.intersection(shapely.make_valid(ours), shapely.make_valid(place_land))
        if not shapely.area(ours):
            # A circle of radius 0 is a point, and it is in the place.
            return Touch(False, frozenset({key}), "part")
        if shapely.area(common) >= WHOLE_SHARE * shapely.area(place_land):
            return Touch(True, relation="contains")
        least = PART_SHARE * min(shapely.area(ours), shapely.area(place_land))
        if shapely.area(common) >= least or _wider(common, SLIVER_M):
            return Touch(False, frozenset({key}), "part")
        return _NOWHERE


def _share(one: Shape, other: Shape) -> float:
    """How much of ``one`` is covered by ``other``, from 0 to 1."""
    if not one.overlaps(other):
        return 0.0
    ours, theirs = (shapely.make_valid(shapely.union_all(shape.pieces())) for shape in (one, other))
    whole = float(shapely.area(ours))
    return float(shapely.area(shapely.intersection(ours, theirs))) / whole if whole else 0.0


def _wider(geometry: Any, metres: float) -> bool:
    """Whether a circle of this diameter fits into ``geometry`` (micro-degrees) somewhere."""
    _, south, _, north = shapely.bounds(geometry)
    narrow = max(0.05, math.cos(math.radians((south + north) / 2e6)))
    flat = shapely.transform(geometry, lambda xy: xy * [narrow * _M_PER_MICRODEGREE, _M_PER_MICRODEGREE])
    return not shapely.is_empty(shapely.buffer(flat, -metres / 2))


def area_of(codes: Iterable[str]) -> tuple[Area, ...]:
    """Area codes as the areas of a saying."""
    return (Area(geocodes=tuple(Named(CODE, code) for code in codes)),)

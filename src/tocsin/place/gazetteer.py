"""The gazetteer: areas of the world by code and by name, what contains what, and what lies at a point.

- ISO 3166 decides what an area is and to which country it belongs; packs add the levels below it (``place/pack.py``).
- An alert for an area concerns what lies within it and, in part, what it lies within: a raion's alert is never lost on
  somebody who chose the oblast (quirk 78).
- A name found means exactly this name in some spelling; guessing is for people who type (:meth:`Gazetteer.suggest`).
- Lines here are coarse: an issuer's own polygon always wins over them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from typing import Any

import numpy as np

from tocsin.errors import InputError, UnknownPlaceError
from tocsin.place import world
from tocsin.place.area import Shape
from tocsin.place.language import chain, language
from tocsin.place.place import AreaPack, Place, Relation, Unit
from tocsin.place.spelling import fold, latin

__all__ = ["AreaPack", "Gazetteer", "Place", "Relation", "Unit"]

# A point that no line encloses, such as one on a pier, belongs to the nearest region within this distance.
SHORE_M = 6_000.0

# How CAP geocodes name the two lists of ISO 3166.
_ISO1 = frozenset({"iso31661", "iso3166", "iso31661alpha2", "iso31661alpha3", "country", "countrycode"})
_ISO2 = frozenset({"iso31662", "iso31662code", "subdivision"})


class Gazetteer:
    """Names to areas and areas to names, for the world and any packs on top of it."""

    def __init__(self, places: dict[str, Place], aliases: dict[str, str], packs: dict[str, AreaPack]) -> None:
        self._places = places
        self._aliases = aliases
        self._packs = packs
        self._children: dict[str, tuple[str, ...]] | None = None
        self._ancestors: dict[str, tuple[str, ...]] = {}
        self._descendants: dict[str, frozenset[str]] = {}
        self._named: dict[str, list[tuple[str, int, str]]] | None = None
        self._pack_boxes: np.ndarray[Any, np.dtype[np.int64]] | None = None
        self._pack_shapes = {
            f"{pack.name}:{unit.code}": unit.shape for pack in packs.values() for unit in pack.units if unit.shape
        }

    @staticmethod
    def world() -> Gazetteer:
        """The countries and regions of ISO 3166; read once, without their lines."""
        return _world()

    def with_pack(self, pack: AreaPack) -> Gazetteer:
        """This gazetteer and the areas of a pack. A parent that is not there is an error that names it."""
        if pack.name in self._packs or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", pack.name):
            raise InputError(f"An area pack cannot be called {pack.name!r} here.")
        places, aliases = dict(self._places), dict(self._aliases)
        for value, code in pack.same.items():
            if code not in places:
                raise UnknownPlaceError(f"{pack.name}:{value} says it is {code}")
            aliases[f"{pack.name}:{value}"] = code
        own = {unit.code: unit for unit in pack.units}
        for unit in pack.units:
            code = f"{pack.name}:{unit.code}"
            parent = self._parent(pack, own, unit, aliases)
            above = places.get(parent) if parent else None
            if parent is not None and above is None:
                raise InputError(f"Area pack {pack.name}: the parent of {unit.code} must stand before it.")
            middle = _middle(unit.shape) or ((above.latitude, above.longitude) if above else (0, 0))
            places[code] = Place(
                code=code,
                level=max(2, above.level + 1 if above else 2),
                parent=parent,
                names=unit.names,
                zone=above.zone if above else "Etc/UTC",
                latitude=middle[0],
                longitude=middle[1],
                pack=pack.name,
                aliases=unit.aliases,
            )
        return Gazetteer(places, aliases, {**self._packs, pack.name: pack})

    def _parent(self, pack: AreaPack, own: dict[str, Unit], unit: Unit, aliases: dict[str, str]) -> str | None:
        if unit.parent is None:
            return None
        if unit.parent in own:
            return f"{pack.name}:{unit.parent}"
        for code in (f"{pack.name}:{unit.parent}", unit.parent):
            if code in aliases:
                return aliases[code]
            if code in self._places:
                return code
        raise UnknownPlaceError(f"{pack.name}:{unit.code} has the parent {unit.parent}")

    def __contains__(self, code: object) -> bool:
        return code in self._places or code in self._aliases

    def __iter__(self) -> Iterator[Place]:
        return iter(self._places.values())

    def __len__(self) -> int:
        return len(self._places)

    def canonical(self, code: str) -> str:
        """The code this area goes by here: ``PL-02`` for ``PL-DS``, ``UA`` for ``UKR``. Unknown codes are an error."""
        if code in self._places:
            return code
        if code in self._aliases:
            return self._aliases[code]
        upper = code.upper()
        if ":" not in code and upper != code:
            return self.canonical(upper)
        raise UnknownPlaceError(code)

    def get(self, code: str) -> Place:
        """The place with this code, or with a code that means the same."""
        return self._places[self.canonical(code)]

    def name(self, code: str, wanted: str) -> str:
        """The name in a language, or the nearest to it: never empty."""
        place = self.get(code)
        return _in(place.names, wanted) or place.code

    def short_name(self, code: str, wanted: str) -> str:
        """The name for where there is little room and no doubt: "Kyiv" for Kyiv City."""
        place = self.get(code)
        for step in chain(wanted, language(wanted)):
            if step in place.short:
                return place.short[step]
        return self.name(code, wanted)

    def ancestors(self, code: str) -> tuple[str, ...]:
        """The areas this one lies in, nearest first."""
        code = self.canonical(code)
        known = self._ancestors.get(code)
        if known is None:
            above: list[str] = []
            parent = self._places[code].parent
            while parent is not None and parent not in above:
                above.append(parent)
                parent = self._places[parent].parent
            known = self._ancestors[code] = tuple(above)
        return known

    def children(self, code: str) -> tuple[str, ...]:
        """The areas directly below this one, in the order of their codes or their pack."""
        if self._children is None:
            below: dict[str, list[str]] = {}
            for place in self._places.values():
                if place.parent is not None:
                    below.setdefault(place.parent, []).append(place.code)
            self._children = {above: tuple(codes) for above, codes in below.items()}
        return self._children.get(self.canonical(code), ())

    def descendants(self, code: str) -> frozenset[str]:
        """All areas below this one, at any depth."""
        code = self.canonical(code)
        known = self._descendants.get(code)
        if known is None:
            found: set[str] = set()
            waiting = list(self.children(code))
            while waiting:
                one = waiting.pop()
                if one not in found:
                    found.add(one)
                    waiting.extend(self.children(one))
            known = self._descendants[code] = frozenset(found)
        return known

    def relation(self, alert_code: str, place_code: str) -> Relation | None:
        """How the area of an alert concerns a place: None when it does not."""
        alert, place = self.canonical(alert_code), self.canonical(place_code)
        if alert == place:
            return Relation.SAME
        if alert in self.ancestors(place):
            return Relation.CONTAINS
        if place in self.ancestors(alert):
            return Relation.PART
        return None

    def find(self, name: str, language: str | None = None, within: str | None = None, limit: int = 10) -> list[Place]:
        """Places of this name in any language or spelling, larger kinds of area first; ``within`` an area if given.

        Display names go before aliases, the named language before others, countries before regions before packs.
        """
        if within is not None:
            within = self.canonical(within)
        wanted = None if language is None else chain(language, language)
        found = []
        for code, kind, tongue in self._index().get(fold(name), ()):
            if within is None or code == within or within in self.ancestors(code):
                place = self._places[code]
                foreign = wanted is not None and bool(tongue) and tongue not in wanted
                found.append((foreign, place.level, kind, code))
        return [self._places[code] for code in dict.fromkeys(code for *_, code in sorted(found))][:limit]

    def suggest(
        self, typed: str, language: str | None = None, within: str | None = None, limit: int = 10
    ) -> list[Place]:
        """Places that somebody still typing, or mistyping, may mean: exact names, then beginnings, then near."""
        from rapidfuzz import fuzz, process

        exact = self.find(typed, language, within, limit)
        key = fold(typed)
        if len(exact) >= limit or not key:
            return exact
        index = self._index()
        begun = sorted((name for name in index if name.startswith(key)), key=len)[: limit * 3]
        near = [
            name for name, *_ in process.extract(key, index.keys(), scorer=fuzz.ratio, limit=limit, score_cutoff=80)
        ]
        places = {place.code: place for place in exact}
        for name in [*begun, *near]:
            for code, _, _ in index[name]:
                if within is None or within == code or self.canonical(within) in self.ancestors(code):
                    places.setdefault(code, self._places[code])
        return list(places.values())[:limit]

    def _index(self) -> dict[str, list[tuple[str, int, str]]]:
        """Folded names to (code, kind, language): kind 0 a name, 1 a short name, 2 an alias or a transliteration."""
        if self._named is None:
            named: dict[str, list[tuple[str, int, str]]] = {}
            for place in self._places.values():
                for name, kind, tongue in _spellings(place):
                    key = fold(name)
                    if key:
                        named.setdefault(key, []).append((place.code, kind, tongue))
            self._named = named
        return self._named

    def at(self, latitude: int, longitude: int) -> tuple[Place, ...]:
        """The places at a point (micro-degrees), innermost first; just off a shore, those of the nearest region."""
        longitude = (longitude + 180_000_000) % 360_000_000 - 180_000_000
        codes = self._in_packs(latitude, longitude)
        # A pack's lines are finer than the world's: they decide in which region a point lies, if they say it.
        if not any(self._places[code].pack == "world" for code in codes):
            codes += self._in_world(latitude, longitude)
        return tuple(self._places[code] for code in codes)

    def _in_packs(self, latitude: int, longitude: int) -> tuple[str, ...]:
        if not self._pack_shapes:
            return ()
        if self._pack_boxes is None:
            self._pack_boxes = np.array([shape.bounds or (1, 1, 0, 0) for shape in self._pack_shapes.values()])
        south, west, north, east = self._pack_boxes.T
        across = west > east
        within = np.where(across, (longitude >= west) | (longitude <= east), (longitude >= west) & (longitude <= east))
        codes = list(self._pack_shapes)
        near = (codes[at] for at in np.flatnonzero(within & (south <= latitude) & (latitude <= north)))
        found = [code for code in near if self._pack_shapes[code].covers(latitude, longitude)]
        if not found:
            return ()
        inner = max(found, key=lambda code: self._places[code].level)
        return (inner, *self.ancestors(inner))

    def _in_world(self, latitude: int, longitude: int) -> tuple[str, ...]:
        codes, boxes = world.boxes()
        margin = 70_000
        wide = margin / max(0.05, float(np.cos(np.deg2rad(latitude / 1e6))))
        south, west, north, east = boxes.T
        near = np.flatnonzero(
            (south - margin <= latitude) & (north + margin >= latitude)
            & (west - wide <= longitude) & (east + wide >= longitude)
        )  # fmt: skip
        shapes = {codes[at]: shape for at in near if (shape := self._world_shape(codes[at])) is not None}
        # Regions first: a country's own lines are the ground that is in no region.
        for code in sorted(shapes, key=lambda code: -len(code)):
            if shapes[code].covers(latitude, longitude):
                return (code, *self.ancestors(code))
        away = {code: shape.distance_m(latitude, longitude) for code, shape in shapes.items()}
        nearest = min(away, key=lambda code: (away[code], code), default=None)
        if nearest is None or away[nearest] > SHORE_M:
            return ()
        return (nearest, *self.ancestors(nearest))

    def shape(self, code: str) -> Shape | None:
        """The area's lines: a pack's own, or the coarse 1:10m ones of the world; of a country, all its regions."""
        code = self.canonical(code)
        if code in self._pack_shapes:
            return self._pack_shapes[code]
        place = self._places[code]
        if place.pack != "world":
            parts = [shape for below in self.children(code) if (shape := self.shape(below)) is not None]
            return Shape.union(parts) if parts else None
        if place.level == 0:
            shapes = [shape for one in world.drawn(code) if (shape := self._world_shape(one)) is not None]
            return Shape.union(shapes) if shapes else None
        below = (code, *sorted(self.descendants(code)))
        drawn = [part for one in below if (part := self._world_shape(one)) is not None]
        return drawn[0] if len(drawn) == 1 else Shape.union(drawn) if drawn else None

    def _world_shape(self, code: str) -> Shape | None:
        """The lines the map has under just this code: for a country, the ground that is in no region."""
        return _country_shapes(code[:2]).get(code)

    def geocode(self, name: str, value: str) -> str | None:
        """The area code that a CAP geocode means; None when its list or its value is not known here."""
        value = value.strip()
        plain = re.sub(r"[^a-z0-9]", "", name.casefold())
        for pack in self._packs:
            if re.sub(r"[^a-z0-9]", "", pack.casefold()) == plain:
                code = f"{pack}:{value}"
                return self.canonical(code) if code in self else None
        if plain in _ISO1 or plain in _ISO2:
            code = re.sub(r"[\s_–]+", "-", value.upper()).strip("-")
            if code in self:
                return self.canonical(code)
        return None


def _in(names: dict[str, str], wanted: str) -> str | None:
    for step in chain(wanted):
        if step in names:
            return names[step]
    return next(iter(names.values()), None)


def _spellings(place: Place) -> Iterable[tuple[str, int, str]]:
    for tongue, name in place.names.items():
        yield name, 0, tongue
    for tongue, name in place.short.items():
        yield name, 1, tongue
    for name in place.aliases:
        yield name, 2, ""
    ukrainian = place.names.get("uk")
    if ukrainian and (place.code.startswith("UA") or place.pack != "world"):
        yield latin(ukrainian), 2, ""
        if "uk" in place.short:
            yield latin(place.short["uk"]), 2, ""


def _middle(shape: Shape | None) -> tuple[int, int] | None:
    if shape is None or shape.empty:
        return None
    import shapely

    largest = max(shape.pieces(), key=lambda piece: float(piece.area))
    point = shapely.point_on_surface(largest)
    return round(point.y), round(point.x)


@lru_cache(maxsize=64)
def _country_shapes(country: str) -> dict[str, Shape]:
    return {code: Shape.of(polygons) for code, polygons in world.polygons(country).items()}


@cache
def _world() -> Gazetteer:
    part = world.names()
    codes = part.codes.split(" ")
    columns = [part.names[tongue].split("\n") for tongue in part.languages]
    others = part.others.split("\n")
    places = {}
    for at, (code, *names) in enumerate(zip(codes, *columns, strict=True)):
        places[code] = Place(
            code=code,
            level=1 if "-" in code else 0,
            parent=part.groups.get(code, code[:2]) if "-" in code else None,
            names={tongue: name for tongue, name in zip(part.languages, names, strict=True) if name},
            zone=part.zones[part.zone[at]],
            latitude=part.latitude[at] * 1000,
            longitude=part.longitude[at] * 1000,
            short=part.short.get(code, {}),
            aliases=tuple(others[at].split("|")) if others[at] else (),
        )
    return Gazetteer(places, part.aliases, {})

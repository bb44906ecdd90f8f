"""Places: areas that people know by name, the units of an area pack, and how two areas stand to each other.

- A place's code is ISO 3166's, or ``<pack>:<value>`` for what an area pack adds below it.
- Names are by BCP 47 tag; which one a reader gets is :meth:`tocsin.place.gazetteer.Gazetteer.name`'s to say.

Standard: ISO 3166-1 and 3166-2.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from tocsin.place.area import Shape


class Relation(StrEnum):
    """How an alert's area stands to a place: the same, containing it, or a part of it."""

    SAME = "same"
    CONTAINS = "contains"
    PART = "part"


class Place(Struct, frozen=True):
    """An area that people know by name.

    ``level``: 0 country, 1 ISO 3166-2 region, 2 and more from a pack. ``zone``: IANA time zone. ``latitude`` and
    ``longitude``: the label point, micro-degrees. ``short``: names for where the kind of area goes without saying.
    """

    code: str
    level: int
    parent: str | None
    names: dict[str, str]
    zone: str
    latitude: int
    longitude: int
    pack: str = "world"
    short: dict[str, str] = {}
    aliases: tuple[str, ...] = ()


class Unit(Struct, frozen=True, eq=False):
    """One area of a pack. ``code`` is the pack's own value; ``parent`` another's value, or an ISO code, or None."""

    code: str
    parent: str | None
    names: dict[str, str]
    shape: Shape | None = None
    aliases: tuple[str, ...] = ()


class AreaPack(Struct, frozen=True, eq=False):
    """Areas below ISO 3166-2, under a name that CAP geocodes use. ``same``: its values that are ISO areas already."""

    name: str
    units: tuple[Unit, ...]
    same: dict[str, str] = {}

"""The wish: what somebody asks to be told of, as a request says it, and what is kept of it.

- Area codes, points with a radius and areas of one's own may stand together, each with how loud a warning there is.
- By this door nobody is staff, and of a point or an area of one's own only coarse cells are kept
  (:mod:`tocsin.reach.coarse`); nothing exact is written down anywhere, here or in a log.
- A stay has a first and a last moment; without them a subscription lasts until it is ended.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from msgspec import Meta, Struct

from tocsin.clock import utc
from tocsin.errors import GeometryError, ParameterError, UnknownPlaceError
from tocsin.reach import wanted
from tocsin.reach.coarse import cells, coarse
from tocsin.reach.wanted import Watch
from tocsin.web.listing import Code, LatLon, point_of
from tocsin.web.state import PhaseName

if TYPE_CHECKING:
    from tocsin.web.house import House

Level = Literal["loud", "ordinary", "silent"]
Severity = Literal["Extreme", "Severe", "Moderate", "Minor"]
MOST_PLACES = 200
MOST_RADIUS_M = 100_000
Moment = Annotated[datetime, Meta(tz=True)]


class Loudness(Struct, frozen=True, forbid_unknown_fields=True):
    """How loud warnings are, in some phases or in all."""

    level: Annotated[Level, Meta(description="loud: an alarm; ordinary: as other messages; silent: without a sound.")]
    phases: Annotated[tuple[PhaseName, ...], Meta(max_length=7, description="None means all.")] = ()


Loud = Annotated[tuple[Loudness, ...], Meta(max_length=14, description="How loud; nothing means an alarm.")]


class Place(Struct, frozen=True, forbid_unknown_fields=True):
    """One place: an area code, a point with what is watched around it, or an area of one's own; one of the three."""

    area: Code | None = None
    point: LatLon | None = None
    radius_m: Annotated[
        int, Meta(ge=0, le=MOST_RADIUS_M, description="How many metres around the point are watched as well.")
    ] = 0
    polygon: (
        Annotated[
            tuple[tuple[float, float], ...],
            Meta(min_length=3, max_length=200, description="Corners as [latitude, longitude] in degrees."),
        ]
        | None
    ) = None
    loudness: Loud = ()


class Wanted(Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be told of. Of points and polygons only cells of some kilometres are kept."""

    areas: Annotated[tuple[Code, ...], Meta(max_length=500, description="Area codes; F21 holds both ways.")] = ()
    places: Annotated[
        tuple[Place, ...], Meta(max_length=MOST_PLACES, description="Places, each with its own loudness.")
    ] = ()
    phases: Annotated[tuple[PhaseName, ...], Meta(max_length=7, description="Only these phases; none means all.")] = ()
    severities: Annotated[
        tuple[Severity, ...], Meta(max_length=4, description="Only alerts as grave as these; none means all.")
    ] = ()
    languages: Annotated[
        tuple[Annotated[str, Meta(min_length=2, max_length=35, pattern="^[A-Za-z0-9-]+$")], ...],
        Meta(max_length=20, description="Languages wanted, first the preferred one; none means all."),
    ] = ()
    loudness: Loud = ()
    start: Annotated[Moment, Meta(description="From when on, such as a journey's first day.")] | None = None
    until: Annotated[Moment, Meta(description="Until when; it then ends by itself, and says so.")] | None = None


class Cell(Struct, frozen=True):
    """A circle that is kept of a point: its middle in degrees, and its radius."""

    latitude: float
    longitude: float
    radius_m: int


class Kept(Struct, frozen=True):
    """What is kept of a wish: nothing finer than this is written down."""

    areas: tuple[str, ...]
    cells: tuple[Cell, ...] = ()
    polygons: Annotated[int, Meta(description="Areas of one's own, each as the cells that it touches.")] = 0


def kept(fields: dict[str, Any]) -> Kept:
    """What is kept of these fields of a wish, as it is told to whoever made it."""
    watches: tuple[Watch, ...] = fields["watches"]
    found = tuple(Cell(one.latitude / 1e6, one.longitude / 1e6, one.radius_m) for one in watches)
    return Kept(fields["areas"], found, len(fields["polygons"]))


def fields_of(house: House, asked: Wanted) -> dict[str, Any]:
    """The fields of a :class:`tocsin.reach.subscription.Wish` that ``asked`` comes to; a code nobody knows raises."""
    if not asked.areas and not asked.places:
        raise ParameterError("areas, places: at least one is needed")
    # A code that nobody knows would be a subscriber who waits for ever.
    areas = [house.place(code).code for code in asked.areas]
    watches: list[Watch] = []
    polygons: list[tuple[wanted.Point, ...]] = []
    loudness = list(_levels("", asked.loudness))
    for number, place in enumerate(asked.places):
        if sum(one is not None for one in (place.area, place.point, place.polygon)) != 1:
            raise ParameterError(f"places[{number}]: area, point or polygon, one of them")
        try:
            if place.area is not None:
                areas.append(house.place(place.area).code)
                names = [f"area:{areas[-1]}"]
            elif place.point is not None:
                at = point_of(place.point)
                watches.append(coarse(at.latitude, at.longitude, place.radius_m))
                names = [f"watch:{len(watches) - 1}"]
            else:
                assert place.polygon is not None
                found = cells(
                    [(round(latitude * 1e6), round(longitude * 1e6)) for latitude, longitude in place.polygon]
                )
                names = [f"polygon:{len(polygons) + turn}" for turn in range(len(found))]
                polygons.extend(found)
        except (GeometryError, ValueError, OverflowError) as wrong:
            raise ParameterError(f"places[{number}]: {wrong}") from None
        for name in names:
            loudness.extend(_levels(name, place.loudness))
    start, until = utc(asked.start) if asked.start else None, utc(asked.until) if asked.until else None
    if until is not None and (until <= house.now() or (start is not None and until <= start)):
        raise ParameterError("until: after now and after the start")
    return {
        "areas": tuple(dict.fromkeys(areas)),
        "points": (),
        "watches": tuple(watches),
        "polygons": tuple(polygons),
        "loudness": tuple(loudness),
        "phases": asked.phases,
        "severities": asked.severities,
        "languages": asked.languages,
        "start": start,
        "until": until,
    }


def named(house: House, fields: dict[str, Any], language: str, most: int = 5) -> str:
    """The places of a wish in words, for whoever is asked whether they want it."""
    codes = list(fields["areas"])
    for watch in fields["watches"]:
        codes.extend(_around(house, watch.latitude, watch.longitude))
    for ring in fields["polygons"]:
        codes.extend(_around(house, *ring[0]))
    names = []
    for code in list(dict.fromkeys(codes))[:most]:
        try:
            names.append(house.gazetteer.name(code, language))
        except UnknownPlaceError:
            names.append(code)
    return ", ".join(names) + ("…" if len(set(codes)) > most else "")


def _around(house: House, latitude: int, longitude: int) -> Iterable[str]:
    return [place.code for place in house.gazetteer.at(latitude, longitude)[:1]]


def _levels(place: str, asked: Iterable[Loudness]) -> Iterable[wanted.Loudness]:
    return (wanted.Loudness(one.level, place, one.phases) for one in asked)

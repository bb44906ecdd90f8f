"""Where a draft warns, as a CAP area: codes with their names, and what was drawn, read as it stands or not at all.

- An area is never the whole country by default, and a drawn one has a name that people know.
- What would have to be repaired is not what somebody meant to draw, and is refused with the reason.
"""

from __future__ import annotations

import numpy as np

from tocsin.cap.alert import Area, Circle, Named, Polygon
from tocsin.errors import GeometryError
from tocsin.place.area import Shape
from tocsin.place.gazetteer import Gazetteer
from tocsin.remark import Remark, remark
from tocsin.warn.draft import Where


def area(where: Where, gazetteer: Gazetteer, language: str) -> Area:
    """``where`` as a CAP area; raises :class:`GeometryError` where it names nothing or cannot be read."""
    if not where:
        raise GeometryError(remark("compile.area", "an alert needs an area; it is never the whole country by default"))
    geocodes = []
    for code in where.codes:
        place = gazetteer.get(code)
        pack, _, value = code.partition(":")
        level = "ISO3166-1" if place.level == 0 else "ISO3166-2"
        geocodes.append(Named(pack, value) if value else Named(level, code))
    named = where.name.get(language) or ", ".join(gazetteer.name(code, language) for code in where.codes)
    # A name in another language is better than no warning; that one is missing is a finding for the writer.
    named = named or next((name for name in where.name.values() if name.strip()), "")
    if not named:
        raise GeometryError(remark("compile.name", "an area that is drawn needs a name that people know"))
    return Area(
        named,
        tuple(_polygon(text) for text in where.polygons),
        tuple(_circle(text) for text in where.circles),
        tuple(geocodes),
    )


def zone_of(where: Where, gazetteer: Gazetteer) -> str:
    """The time zone of a drawn area: that of the place at its first point."""
    text = (where.polygons or where.circles)[0].split()[0]
    latitude, longitude = _pair(text)
    found = gazetteer.at(latitude, longitude)
    return found[0].zone if found else "UTC"


def _pair(text: str) -> tuple[int, int]:
    try:
        latitude, longitude = (round(float(part) * 1_000_000) for part in text.split(","))
    except ValueError:
        raise GeometryError(remark("shape.point", "{text} is not latitude,longitude", text=repr(text))) from None
    if abs(latitude) > 90_000_000 or abs(longitude) > 180_000_000:
        raise GeometryError(remark("shape.earth", "{text} is not on the Earth", text=repr(text)))
    return latitude, longitude


def _polygon(text: str) -> Polygon:
    points = [_pair(part) for part in text.split()]
    if len(points) < 4 or points[0] != points[-1]:
        raise GeometryError(
            remark("shape.polygon", "a polygon needs four points at least, the last the same as the first")
        )
    ring = np.array(points, dtype=np.int64)
    shape = Shape.of([ring])
    if shape.empty or shape.problems:
        # Whatever would have to be repaired is not what somebody meant to draw.
        raise GeometryError(
            remark("shape.problem", "{problem}", problem=Remark(shape.problems[0].code, shape.problems[0].message))
            if shape.problems
            else remark("shape.empty", "the polygon encloses nothing")
        )
    return Polygon(text, ring)


def _circle(text: str) -> Circle:
    centre, _, radius = text.partition(" ")
    latitude, longitude = _pair(centre)
    try:
        kilometres = float(radius)
    except ValueError:
        raise GeometryError(
            remark("shape.circle", "{text} is not latitude,longitude kilometres", text=repr(text))
        ) from None
    if not 0 < kilometres <= 1000:
        raise GeometryError(remark("shape.radius", "a circle of {radius} km is not an area to warn", radius=radius))
    return Circle(text, latitude, longitude, kilometres)

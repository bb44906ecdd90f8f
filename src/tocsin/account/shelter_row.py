"""Rows of a shelter file whatever its form: cells by name, a point where the form has one, and what was odd about it.

- A shape is brought to one point that lies on it: an area to a point inside, a line to its middle, several points to the
  first. What is done is said.
- Coordinates are degrees of WGS 84 from here on, longitude and latitude by name and not by order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import shapely
from msgspec import Struct

from tocsin.account import projection
from tocsin.account.importing import Fault
from tocsin.remark import Remark, remark


class Found(Struct, frozen=True):
    """One row: its number, its cells, and its point in degrees (None where the form gives none).

    ``id`` is the form's own identity of it; ``loose`` tells that this is a mere running number that may move on.
    """

    number: int
    cells: Mapping[str, str]
    latitude: float | None = None
    longitude: float | None = None
    id: str = ""
    loose: bool = False
    faults: tuple[Fault, ...] = ()


class Rows(Struct, frozen=True):
    """A file in rows. ``partial``: the file itself says that it is not all there is, so what is missing is not gone."""

    form: str
    rows: tuple[Found, ...]
    lines: tuple[Remark | str, ...] = ()
    faults: tuple[Fault, ...] = ()
    dataset: str = ""
    partial: bool = False


Point = tuple[float, float]
"""East and north: longitude and latitude where the grid is in degrees."""


def placed(number: int, at: Point | None, said: str, grid: int) -> tuple[float | None, float | None, list[Fault]]:
    """Latitude and longitude of a point in ``grid``, with what was odd: ``said`` is how it came about."""
    faults = [Fault(number, "place.shape", said)] if said else []
    if at is None:
        return None, None, faults
    try:
        latitude, longitude = projection.degrees(at[0], at[1], grid)
    except ValueError as wrong:
        faults.append(
            Fault(
                number,
                "place.grid",
                remark("import.grid", "Coordinates in {grid} are not understood here.", grid=str(wrong)),
                True,
            )
        )
        return None, None, faults
    return latitude, longitude, faults


def point_of(kind: str, coordinates: Any) -> tuple[Point | None, str]:
    """One point on a shape of GeoJSON's kinds, and what was done; None and why where there is none."""
    try:
        if kind == "Point":
            return _pair(coordinates), ""
        if kind == "MultiPoint":
            return _pair(coordinates[0]), "" if len(coordinates) == 1 else "The first of several points is taken."
        if kind == "LineString":
            line = shapely.LineString([_pair(one) for one in coordinates])
            return _xy(shapely.line_interpolate_point(line, 0.5, normalized=True)), "The middle of a line is taken."
        if kind == "MultiLineString":
            return point_of("LineString", max(coordinates, key=len))
        if kind == "Polygon":
            return _inside([coordinates]), "A point inside an area is taken."
        if kind == "MultiPolygon":
            return _inside(coordinates), "A point inside the largest area is taken."
    except (TypeError, ValueError, IndexError, KeyError, shapely.errors.GEOSException):
        return None, "Its geometry cannot be read."
    return None, f"A geometry of the kind {kind[:40]!r} is not understood." if kind else ""


def _inside(polygons: Sequence[Any]) -> Point:
    areas = []
    for rings in polygons:
        shell = shapely.Polygon([_pair(one) for one in rings[0]])
        # Only where people go matters: a ring that crosses itself still has an inside.
        areas.append(shell if shell.is_valid else shell.buffer(0))
    largest = max(areas, key=lambda area: area.area)
    if largest.is_empty:
        return _pair(polygons[0][0][0])
    return _xy(shapely.point_on_surface(largest))


def _pair(one: Any) -> Point:
    x, y = float(one[0]), float(one[1])
    if x != x or y != y or abs(x) == float("inf") or abs(y) == float("inf"):
        raise ValueError("not a number")
    return x, y


def _xy(point: Any) -> Point:
    return float(point.x), float(point.y)


def plain(value: Any) -> str:
    """A property's value as a cell's text; lists joined, objects as nothing."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, list):
        return ", ".join(filter(None, (plain(one) for one in value[:20] if not isinstance(one, list | dict))))
    return "" if isinstance(value, dict) else str(value).strip()[:2000]

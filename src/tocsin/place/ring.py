"""Rings: closed lines on the globe, brought into a form that the plane understands without changing an edge.

- Longitudes are unwrapped: each step goes the shorter way, so a ring across the antimeridian runs on beyond 180.
- A ring that arrives a whole turn away from where it began goes around a pole; the pole's line closes it.
- A ring that winds around nothing, or has fewer than three different corners, encloses no area and is left out with a
  problem that says so.

Used by :mod:`tocsin.place.area`. Standard: RFC 7946 sections 3.1.6 and 3.1.9.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import shapely
from msgspec import Struct

POLE = 90_000_000
HALF = 180_000_000
FULL = 360_000_000
_AUTHALIC_M = 6_371_007.2
_EARTH_M = 6_371_008.8

Points = np.ndarray[Any, np.dtype[np.int64]]


class Problem(Struct, frozen=True):
    """What was wrong with a geometry and what was done about it: a stable code and a plain sentence."""

    code: str
    message: str


class Unwrapped(Struct, frozen=True, eq=False):
    """A valid shapely polygon (or several) in unwrapped micro-degrees, x longitude from -180 to below 540 degrees.

    ``lines`` is set when the polygon had to be repaired: the rings as they came.
    """

    area: Any
    lines: Any = None


def distinct(polygons: Iterable[list[Points]]) -> tuple[list[list[Points]], int]:
    """The different ones among these polygons, and how many were left out: translations repeat them (quirk 61)."""
    seen: dict[bytes, list[Points]] = {}
    count = 0
    for polygon in polygons:
        whole = [np.asarray(ring, dtype=np.int64).reshape(-1, 2) for ring in polygon]
        count += 1
        seen.setdefault(b"|".join(ring.tobytes() for ring in whole), whole)
    return list(seen.values()), count - len(seen)


def unwrap(polygon: Sequence[Points], problems: list[Problem]) -> list[Unwrapped]:
    """The polygon (shell, then holes) in a valid form; nothing when it encloses no area."""
    if not polygon:
        return []
    shell = _closed(polygon[0], problems)
    if shell is None:
        return []
    holes = [hole for ring in polygon[1:] if (hole := _closed(ring, [], like=shell)) is not None]
    area = shapely.Polygon(shell, holes)
    if shapely.is_valid(area):
        if area.area == 0:
            problems.append(Problem("geometry.no-area", "a polygon encloses no area"))
            return []
        return _placed(area, None)
    lines = shapely.MultiLineString([shell, *holes])
    repaired = _polygons(shapely.make_valid(area, method="structure", keep_collapsed=False))
    if repaired is None:
        problems.append(Problem("geometry.no-area", "a polygon encloses no area"))
        return []
    problems.append(Problem("geometry.repaired", "a polygon crosses or touches itself"))
    return _placed(repaired, lines)


def _polygons(geometry: Any) -> Any | None:
    """Only the polygons of what a repair returned; it may hand back lines and points beside them."""
    parts = [
        part for part in shapely.get_parts(geometry, return_index=False) for part in shapely.get_parts(part)
        if part.geom_type == "Polygon" and part.area > 0
    ]  # fmt: skip
    return shapely.MultiPolygon(parts) if parts else None


def _placed(area: Any, lines: Any) -> list[Unwrapped]:
    """The geometry moved by whole turns so that its west end is from -180 to below 180."""
    west = shapely.bounds(area if lines is None else lines)[0]
    turn = -FULL * np.floor((west + HALF) / FULL)
    if turn == 0:
        return [Unwrapped(area, lines)]

    step = moved(turn)
    return [Unwrapped(shapely.transform(area, step), None if lines is None else shapely.transform(lines, step))]


def _closed(ring: Points, problems: list[Problem], like: Points | None = None) -> Any | None:
    """A ring as (n, 2) unwrapped x, y, closed; None with a problem when it cannot enclose anything."""
    points = np.asarray(ring, dtype=np.int64).reshape(-1, 2)
    if len(points) and np.abs(points[:, 0]).max() > POLE:
        problems.append(Problem("geometry.latitude", "a latitude is beyond a pole"))
        return None
    if len(points) and np.abs(points[:, 1]).max() > 2 * FULL:
        problems.append(Problem("geometry.longitude", "a longitude is more than two turns away"))
        return None
    if len(points) > 1:
        keep = np.ones(len(points), dtype=np.bool_)
        keep[1:] = (np.diff(points, axis=0) != 0).any(axis=1)
        points = points[keep]
    if len(points) > 1 and (points[0] == points[-1]).all():
        points = points[:-1]
    if len(np.unique(points, axis=0) if len(points) < 8 else points) < 3:
        problems.append(Problem("geometry.too-few-points", f"a polygon has {len(points)} corners"))
        return None
    loop = np.concatenate([points, points[:1]])
    plain = np.column_stack([loop[:, 1], loop[:, 0]])
    steps = np.diff(loop[:, 1])
    # A step of more than half a turn is the shorter way across the antimeridian. Exactly half a turn stays as given.
    turns = np.where(steps > HALF, -FULL, np.where(steps < -HALF, FULL, 0))
    if turns.any() and like is None and _whole_band(plain):
        return plain
    x = loop[:, 1].copy()
    x[1:] += np.cumsum(turns)
    unwrapped = np.column_stack([x, loop[:, 0]])
    around = x[-1] - x[0]
    if around:
        if abs(around) != FULL:
            # Longitudes beyond 180 mixed with others: the ring goes around more than once and means nothing.
            problems.append(Problem("geometry.winding", "a ring goes around the Earth more than once"))
            return None
        pole = POLE if loop[:, 0].mean() >= 0 else -POLE
        unwrapped = np.concatenate([unwrapped, [[x[-1], pole], [x[0], pole]], unwrapped[:1]])
        problems.append(Problem("geometry.pole", f"a ring goes around the {'north' if pole > 0 else 'south'} pole"))
    if like is not None:
        # A hole is where its shell is: it is moved by the whole turns that the shell was moved by.
        middle = (like[:, 0].min() + like[:, 0].max()) / 2 - (unwrapped[:, 0].min() + unwrapped[:, 0].max()) / 2
        unwrapped = unwrapped + np.array([FULL * round(middle / FULL), 0])
    return unwrapped


def _whole_band(plain: Any) -> bool:
    """Whether this is a box from -180 to 180: all the Earth between two latitudes, not the line at the antimeridian."""
    corners = np.unique(plain, axis=0)
    return bool(
        len(corners) >= 4
        and corners[:, 0].min() == -HALF
        and corners[:, 0].max() == HALF
        and set(np.unique(corners[:, 0])) == {-HALF, HALF}
        and corners[:, 1].max() > corners[:, 1].min()
    )


def area_m2(area: Any) -> float:
    """The area on the sphere of equal area, with edges straight in latitude and longitude."""
    total = 0.0
    for part in shapely.get_parts(area):
        for sign, ring in [(1, part.exterior), *((-1, hole) for hole in part.interiors)]:
            x, y = np.deg2rad(shapely.get_coordinates(ring) / 1e6).T
            turn, rise = np.diff(x), np.diff(y)
            # The mean of the sine along an edge: cosines' difference by the rise, or the sine where it is level.
            with np.errstate(divide="ignore", invalid="ignore"):
                mean = np.where(
                    np.abs(rise) > 1e-9, (np.cos(y[:-1]) - np.cos(y[1:])) / rise, np.sin((y[:-1] + y[1:]) / 2)
                )
            total += sign * abs(float((turn * mean).sum())) * _AUTHALIC_M**2
    return total


def bulge_m(area: Any) -> float:
    """The most by which an edge lies off the great circle between its ends: its middle against the circle's middle."""
    worst = 0.0
    for part in shapely.get_parts(area):
        for ring in (part.exterior, *part.interiors):
            x, y = np.deg2rad(shapely.get_coordinates(ring) / 1e6).T
            turn = np.diff(x)
            middle = (y[:-1] + y[1:]) / 2
            east = np.cos(y[1:]) * np.cos(turn)
            north = np.cos(y[1:]) * np.sin(turn)
            lat = np.arctan2(np.sin(y[:-1]) + np.sin(y[1:]), np.hypot(np.cos(y[:-1]) + east, north))
            lon = np.arctan2(north, np.cos(y[:-1]) + east)
            away = np.hypot(lat - middle, (lon - turn / 2) * np.cos(middle))
            # Edges along a pole's line have no length on the globe.
            away[np.abs(middle) > np.deg2rad(89.999999)] = 0
            worst = max(worst, float(away.max(initial=0.0)) * _EARTH_M)
    return worst


def span(ranges: Sequence[tuple[float, float]]) -> tuple[int, int]:
    """The shortest stretch of longitudes that holds all these; west is greater than east across the antimeridian."""
    if any(east - west >= FULL for west, east in ranges):
        return -HALF, HALF
    starts = sorted(((west + HALF) % FULL, east - west) for west, east in ranges)
    # What runs on past the antimeridian covers the beginning of the globe too.
    covered = max(start + width for start, width in starts) - FULL
    best, west = starts[0][0] - covered if covered < starts[0][0] else 0.0, starts[0][0]
    end = max(covered, starts[0][0] + starts[0][1])
    for start, width in starts[1:]:
        if start - end > best:
            best, west = start - end, start
        end = max(end, start + width)
    if best <= 0:
        return -HALF, HALF
    west = np.floor(west) - HALF
    east = np.ceil(west + FULL - best)
    return int(west), int(east if east <= HALF else east - FULL)


def moved(turn: float) -> Callable[[Any], Any]:
    """A step along the longitudes, for shapely's transform."""
    step = np.array([turn, 0.0])
    return lambda xy: xy + step


def ring_of_circle(latitude: int, longitude: int, reach_m: float) -> Any:
    """A circle as a polygon of 64 corners that lie on it or a little outside, unwrapped; over a pole, its whole cap."""
    far = reach_m / _EARTH_M / np.cos(np.pi / 64)
    here = np.deg2rad(latitude / 1e6)
    bearing = np.linspace(0, 2 * np.pi, 65)[:-1]
    lat = np.arcsin(np.clip(np.sin(here) * np.cos(far) + np.cos(here) * np.sin(far) * np.cos(bearing), -1, 1))
    turn = np.arctan2(np.sin(bearing) * np.sin(far) * np.cos(here), np.cos(far) - np.sin(here) * np.sin(lat))
    points = np.column_stack([np.rint(np.rad2deg(lat) * 1e6), np.rint(longitude + np.rad2deg(turn) * 1e6)])
    found = unwrap([points.astype(np.int64)], [])
    return found[0].area if found else shapely.Polygon()

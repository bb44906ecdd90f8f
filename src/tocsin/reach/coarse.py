"""Coarse places: what is kept of where somebody is who has no account here: cells of some kilometres, never the point.

- A cell is 65,536 micro-degrees wide and high, 7.3 km from south to north and 4.7 km across at Kyiv: no finer than a
  geohash of five letters. What is kept is its middle and a round radius that reaches over all of the cell and all that
  was asked for, so nobody is missed, wherever in the cell they are; the device that knows its place judges exactly.
- An area of one's own becomes the cells that it touches.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import shapely

from tocsin.errors import GeometryError
from tocsin.place.ring import FULL, HALF, POLE
from tocsin.reach.wanted import Point, Watch

CELL = 1 << 16
"""Width and height of a cell in micro-degrees."""
MOST_CELLS = 400
"""The most cells an area of one's own may touch: about 14,000 km² at Kyiv. What is bigger is asked for by its code."""
RADII_M = tuple(1000 * km for km in (5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100, 150))
_M_PER_MICRODEGREE = 0.111_320


def coarse(latitude: int, longitude: int, radius_m: int = 0) -> Watch:
    """The circle that stands for a point (micro-degrees) with ``radius_m`` metres around it.

    >>> coarse(50_450_100, 30_523_300) == coarse(50_449_000, 30_520_000)
    True
    """
    if not -POLE <= latitude <= POLE or radius_m < 0:
        raise GeometryError("a place has a latitude from -90 to 90 degrees and a radius that is not negative")
    south, west = _corner(latitude), _corner((longitude + HALF) % FULL - HALF)
    middle = min(south + CELL // 2, POLE), west + CELL // 2
    least = min(abs(south), abs(south + CELL))
    across = CELL / 2 * math.cos(math.radians(min(least, POLE) / 1e6))
    reach = radius_m + math.hypot(CELL / 2, across) * _M_PER_MICRODEGREE
    found = next((one for one in RADII_M if one >= reach), None)
    if found is None:
        raise GeometryError(f"a radius is {(RADII_M[-1] - 5_000) // 1000} km at most; ask for the area by its code")
    return Watch(middle[0], (middle[1] + HALF) % FULL - HALF, found)


def cells(ring: Sequence[Point]) -> tuple[tuple[Point, ...], ...]:
    """The cells that an area of one's own (a ring in micro-degrees) touches, as rings that leave no gap."""
    corners = np.array(ring, dtype=np.int64).reshape(-1, 2)[:, ::-1]
    west, south = corners.min(axis=0).tolist()
    east, north = corners.max(axis=0).tolist()
    if not (south >= -POLE and north <= POLE and west >= -HALF and east <= HALF):
        raise GeometryError("a corner has a latitude from -90 to 90 and a longitude from -180 to 180 degrees")
    if east - west > HALF:
        raise GeometryError("a polygon over the 180th meridian is asked for by its parts")
    inside = shapely.make_valid(shapely.Polygon(corners))
    if not inside.area:
        raise GeometryError("this polygon encloses nothing")
    rows = range(_corner(south), north + 1, CELL)
    columns = range(_corner(west), east + 1, CELL)
    if len(rows) * len(columns) > 8 * MOST_CELLS:
        raise GeometryError(f"a polygon touches {MOST_CELLS} cells of {CELL / 1e6} degrees at most")
    # Its edge is part of it also where it encloses nothing.
    pieces = [*shapely.get_parts(inside), shapely.LinearRing(corners)]
    boxes = [_box(row, column) for row in rows for column in columns]
    touched = [box for box in boxes if shapely.intersects(pieces, shapely.Polygon(box[:, ::-1])).any()]
    if len(touched) > MOST_CELLS:
        raise GeometryError(f"a polygon touches {MOST_CELLS} cells of {CELL / 1e6} degrees at most")
    merged = shapely.union_all([shapely.Polygon(box[:, ::-1]) for box in touched])
    # A hole is filled: whoever lives in one is told too much rather than too little.
    return tuple(
        tuple((round(y), round(x)) for x, y in shapely.get_coordinates(part.exterior)[:-1].tolist())
        for part in shapely.get_parts(merged)
    )


def _corner(value: int) -> int:
    return value // CELL * CELL


def _box(south: int, west: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    south, north = max(south, -POLE), min(south + CELL, POLE)
    west, east = max(west, -HALF), min(west + CELL, HALF)
    return np.array([(south, west), (south, east), (north, east), (north, west)], dtype=np.int64)

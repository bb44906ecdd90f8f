"""Geometry as text: CAP's polygons and circles into whole micro-degrees, with what was wrong about them.

- The standard's own form (``lat,lon lat,lon``) is read by a JSON parser in one call; every other form by a slow reader
  that takes the points it can find and says what it left out.
- A ring is closed when it is not; axes are put in order only when no other reading is possible, and that is said.
- Coordinates are integers: as floats, half of the points on an edge fall outside it (measured).

Standard: CAP 1.2, 3.2.4 and 3.3.3; RFC 7946, 3.1.9 on the date line.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import orjson
import shapely

from tocsin.cap.alert import Circle, Polygon
from tocsin.cap.problem import Findings

Points = np.ndarray[Any, np.dtype[np.int64]]

MICRO = 1_000_000
HUGE = 10_000
EARTH_KM = 20_038
SMALL = 16
_NUMERIC = b"0123456789.-eE"
# A number begins where no number is, and is of bounded length: a search for one is linear whatever is sent.
_NUMBER = r"(?<![\d.])[-+]?(?:\d{1,18}(?:\.\d{0,25})?|\.\d{1,25})(?:[eE][-+]?\d{1,3})?(?![\d.])"
_PAIR = re.compile(rf"({_NUMBER})\s*,\s*({_NUMBER})")
_LONE = re.compile(_NUMBER)
_CIRCLE = re.compile(rf"\s*\(?\s*({_NUMBER})\s*[,\s]\s*({_NUMBER})\s*\)?(?:[\s,]+({_NUMBER})\s*(\w*)\s*)?")


# The readings of :mod:`tocsin.cap.element` that end here.
POLYGON_READING, CIRCLE_READING = 11, 12


class Budget:
    """What may still be spent on this document: points tested for crossings, characters of unknown elements kept."""

    __slots__ = ("blocks", "odd", "points", "shapes", "text")

    def __init__(self, points: int, text: int = 1_000_000, shapes: int = 20_000, blocks: int = 40_000) -> None:
        # Infos, areas and resources that may still be read.
        self.blocks = blocks
        self.points = points
        self.shapes = shapes
        # Characters of polygons in no known form that may still be searched for points.
        self.odd = 250_000
        self.text = text


def polygon(text: str | None, found: Findings, path: str, line: int | None, budget: Budget) -> Polygon | None:
    """The polygon that ``text`` spells, or None when no point can be read; what was wrong goes to ``found``."""
    if not text or text.isspace():
        found.add("geometry.empty", path, "", line)
        return None
    budget.shapes -= 1
    if budget.shapes < 0:
        found.add("geometry.many", path, "", line)
        return None
    points = _fast(text)
    if points is None:
        points = _slow(text, found, path, line, budget)
        if points is None:
            return None
    return ring(text, points, found, path, line, budget)


def faultless(text: str) -> Polygon | None:
    """The polygon that ``text`` spells when there is nothing at all to say about it; None otherwise."""
    flat = _fast(text)
    if flat is None:
        return None
    if len(flat) > 2 * SMALL:
        found = Findings()
        large = ring(text, flat, found, "", None, Budget(1_000_000))
        return None if found.found else large
    # A few points are judged sooner without arrays.
    if flat[:2] != flat[-2:] or len(flat) < 8:
        return None
    latitudes, longitudes = flat[::2], flat[1::2]
    south, north, west, east = min(latitudes), max(latitudes), min(longitudes), max(longitudes)
    if not (-90 <= south < north <= 90 and -180 <= west < east <= 180 and east - west < 180):
        return None
    micro = [round(degrees * MICRO) for degrees in flat]
    shape = np.fromiter(micro, np.int64, len(micro)).reshape(-1, 2)
    if _convex(micro):
        return Polygon(text, shape)
    if not _on_one_line(shape) and (len(shape) == 4 or shapely.is_valid(shapely.polygons(shape))):
        return Polygon(text, shape)
    return None


def box(text: str) -> tuple[int, int, int, int] | None:
    """South, west, north, east in micro-degrees of a plain closed polygon; None unless it surely encloses something.

    A ring that may go over the date line or touches a pole has none.
    """
    flat = _fast(text)
    if flat is None or flat[:2] != flat[-2:] or len(flat) < 8:
        return None
    points = np.array(flat, dtype=np.float64).reshape(-1, 2)
    (south, west), (north, east) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    if not (-90 < south < north < 90 and -180 <= west < east <= 180 and east - west < 180):
        return None
    points = np.rint(points * MICRO)
    up, right = (points - points[0]).T
    turns = right[:-1] * up[1:] - up[:-1] * right[1:]
    # What it winds around is more than these sums are rounded by.
    if not abs(turns.sum()) > 1e-9 * np.abs(turns).sum():
        return None
    return round(south * MICRO), round(west * MICRO), round(north * MICRO), round(east * MICRO)


def ring(
    text: str, points: list[float], found: Findings, path: str, line: int | None, budget: Budget
) -> Polygon | None:
    """A polygon of flat ``points`` (latitude, longitude, latitude ...) in degrees, judged."""
    flat = np.fromiter(points, np.float64, len(points)).reshape(-1, 2)
    # Each column by itself: across the pairs numpy takes ten times as long.
    columns = flat[:, 0], flat[:, 1]
    low, high = [float(column.min()) for column in columns], [float(column.max()) for column in columns]
    if not (min(low) > -1e6 and max(high) < 1e6):  # Also when there is a NaN among them.
        found.add("geometry.unreadable", path, text, line)
        return None
    flat *= MICRO
    shape: Points = np.rint(flat, out=flat).astype(np.int64)
    if (points[0] != points[-2] or points[1] != points[-1]) and (shape[0] != shape[-1]).any():
        found.add("geometry.not-closed", path, "", line)
        shape = np.concatenate((shape, shape[:1]))
    bounds = (round(low[0] * MICRO), round(low[1] * MICRO), round(high[0] * MICRO), round(high[1] * MICRO))
    return Polygon(text, _judged(shape, bounds, found, path, line, budget))


def _judged(
    shape: Points, bounds: tuple[int, int, int, int], found: Findings, path: str, line: int | None, budget: Budget
) -> Points:
    """``shape`` with its axes in order; what is wrong with it as a ring goes to ``found``."""
    south, west, north, east = bounds
    if south < -90 * MICRO or north > 90 * MICRO:
        if west >= -90 * MICRO and east <= 90 * MICRO and south >= -180 * MICRO and north <= 180 * MICRO:
            found.add("geometry.swapped-axes", path, f"latitude {south / MICRO:g} to {north / MICRO:g}", line)
            shape = np.ascontiguousarray(shape[:, ::-1])
            south, west, north, east = west, south, east, north
        else:
            found.add("geometry.range", path, f"latitude {south / MICRO:g} to {north / MICRO:g}", line)
            return shape
    if west < -180 * MICRO or east > 180 * MICRO:
        wild = west < -360 * MICRO or east > 360 * MICRO
        code = "geometry.range" if wild else "geometry.longitude-beyond-180"
        found.add(code, path, f"longitude {west / MICRO:g} to {east / MICRO:g}", line)
    elif east - west > 180 * MICRO and _leaps(shape):
        found.add("geometry.antimeridian", path, f"longitude {west / MICRO:g} to {east / MICRO:g}", line)
        return shape
    count = len(shape)
    if count > HUGE:
        found.add("geometry.huge", path, f"{count:,} points", line)
    if south == north == west == east == 0:
        found.add("geometry.null-island", path, "", line)
    if count < 4:
        found.add("geometry.few-points", path, f"{count - 1} of them", line)
    elif south == north or west == east:
        found.add("geometry.zero-area", path, "", line)
    elif not (_convex(shape.ravel().tolist()) if count <= SMALL else _starlike(shape, (south, west, north, east))):
        # What is convex or starlike encloses an area and cannot cross itself; all else is searched.
        if _on_one_line(shape):
            found.add("geometry.zero-area", path, "", line)
        elif count > 4:
            budget.points -= count
            if budget.points <= 0:
                found.add("geometry.unjudged", path, f"{count:,} points", line)
            elif not shapely.is_valid(shapely.polygons(shape)):
                found.add("geometry.self-intersection", path, "", line)
    return shape


def _leaps(shape: Points) -> bool:
    """Whether an edge goes more than half round the Earth: the ring then means the short way, over the date line."""
    return bool(np.abs(np.diff(shape[:, 1])).max() > 180 * MICRO)


def _starlike(shape: Points, bounds: tuple[int, int, int, int]) -> bool:
    """Whether all of a ring is seen from the middle of its bounds, once round: then it cannot cross itself.

    This is proved in a tenth of the time that a search for crossings takes; what is not starlike is searched.
    """
    # The columns by themselves: each step then is one pass over numbers that lie side by side.
    up, right = shape[:, 0] - (bounds[0] + bounds[2]) // 2, shape[:, 1] - (bounds[1] + bounds[3]) // 2
    turns = right[:-1] * up[1:] - up[:-1] * right[1:]
    if not (turns.min() > 0 or turns.max() < 0):
        return False
    # Once round means that the line through the middle is crossed twice.
    above = up >= 0
    return int(np.count_nonzero(above[1:] != above[:-1])) == 2


def _on_one_line(shape: Points) -> bool:
    """Whether all points lie on one line. A ring whose area comes to nothing may also be one that crosses itself."""
    before, after = shape[1:-1] - shape[0], shape[2:] - shape[0]
    return not (before[:, 1] * after[:, 0] - before[:, 0] * after[:, 1]).any()


def _convex(flat: list[int]) -> bool:
    """Whether a small closed ring (latitude, longitude, latitude ...) turns one way only, and once.

    Then it cannot cross itself and encloses an area.
    """
    by, bx = flat[2], flat[3]
    uy, ux = by - flat[0], bx - flat[1]
    numbers = iter((*flat[4:], by, bx))
    side = going = changes = 0
    for cy, cx in zip(numbers, numbers, strict=True):
        vy, vx = cy - by, cx - bx
        cross = ux * vy - uy * vx
        if not cross or (cross < 0 < side) or (side < 0 < cross):
            return False
        side = cross
        if vx:
            towards = 1 if vx > 0 else -1
            if towards != going:
                changes += 1
                going = towards
        uy, ux, by, bx = vy, vx, cy, cx
    # One turn has two changes of direction along an axis, and one more for the direction it began with.
    return changes <= 3


def _fast(text: str) -> list[float] | None:
    """Flat numbers of a polygon in exactly the standard's form; None for any other."""
    try:
        raw = text.encode("ascii")
    except UnicodeEncodeError:
        return None
    between = raw.translate(None, _NUMERIC)
    # Only separators are left, and they must alternate: "," " " "," " " ... ",".
    if not between or between != (b", " * ((len(between) + 1) >> 1))[:-1]:
        return None
    try:
        points: list[float] = orjson.loads(b"[" + raw.replace(b" ", b",") + b"]")
    except orjson.JSONDecodeError:
        return None
    return points


def _slow(text: str, found: Findings, path: str, line: int | None, budget: Budget) -> list[float] | None:
    """Flat numbers of a polygon in any form; None when there is no point in it."""
    tidy = " ".join(text.split())
    if tidy != text:
        found.add("geometry.blank", path, "", line)
        points = _fast(tidy)
        if points is not None:
            return points
    budget.odd -= len(tidy)
    if budget.odd < 0:
        found.add("geometry.unreadable", path, tidy, line)
        return None
    pairs = _PAIR.findall(tidy)
    left = _PAIR.sub("", tidy)
    if pairs and not (len(pairs) == 1 and _LONE.search(left)):
        if left.strip():
            spaced = not left.strip(" ,;")
            found.add("geometry.separator" if spaced else "geometry.garbage", path, left, line)
        elif "+" in tidy or ", " in tidy or " ," in tidy:
            found.add("geometry.separator", path, "", line)
        return [float(number) for pair in pairs for number in pair]
    # No commas, or commas between the pairs and blanks within them, as in WKT and GeoRSS.
    numbers = _LONE.findall(tidy)
    if len(numbers) < 6:
        found.add("geometry.unreadable", path, tidy, line)
        return None
    rest = _LONE.sub("", tidy)
    found.add("geometry.garbage" if rest.strip(" ,;") else "geometry.separator", path, rest.strip(" ,;"), line)
    return [float(number) for number in numbers[: len(numbers) & ~1]]


def circle(text: str | None, found: Findings, path: str, line: int | None) -> Circle | None:
    """The circle that ``text`` spells (``lat,lon radius`` in kilometres), or None when it cannot be read."""
    if not text or text.isspace():
        found.add("geometry.empty", path, "", line)
        return None
    match = _CIRCLE.fullmatch(text) if len(text) < 400 else None
    if match is None:
        found.add("geometry.unreadable", path, text, line)
        return None
    first, second = float(match[1]), float(match[2])
    if abs(first) > 360 or abs(second) > 360:
        found.add("geometry.range", path, text, line)
        return None
    if text != text.strip():
        found.add("value.blank", path, "", line)
    if abs(first) > 90:
        if abs(second) > 90 or abs(first) > 180:
            found.add("geometry.range", path, text, line)
        else:
            found.add("geometry.swapped-axes", path, text, line)
            first, second = second, first
    if abs(second) > 180:
        found.add("geometry.longitude-beyond-180", path, text, line)
    if first == 0 and second == 0:
        found.add("geometry.null-island", path, "", line)
    radius = float(match[3]) if match[3] else 0.0
    unit = (match[4] or "").lower()
    if unit:
        found.add("circle.unit", path, text, line)
        radius *= {"m": 0.001, "meters": 0.001, "metres": 0.001, "mi": 1.609344, "miles": 1.609344}.get(unit, 1.0)
    if match[3] is None or radius < 0 or radius > EARTH_KM:
        found.add("circle.radius", path, text, line)
        radius = min(max(radius, 0.0), float(EARTH_KM))
    elif radius == 0:
        found.add("circle.radius-zero", path, text, line)
    elif radius > 1000:
        found.add("circle.radius-large", path, text, line)
    return Circle(text, round(first * MICRO), round(second * MICRO), radius)

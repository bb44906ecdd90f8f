"""Areas: polygons and circles as shapes that say exactly what is inside them.

- Coordinates are whole micro-degrees. GEOS is exact on whole numbers: a point on an edge or a vertex is inside, always.
  With floats, half of such points fall outside (measured: 9,777 of 20,000).
- Edges are straight in latitude and longitude (RFC 7946, 3.1.1), not great circles; :attr:`Shape.tolerance_m` says how
  far the two can be apart in this shape, and the ``outward_m`` of the questions takes it in where that is wanted.
- A ring that jumps more than 180 degrees crosses the antimeridian; one that goes around the Earth encloses the nearer
  pole. Shapes are kept unwrapped and never cut, because a cut would round its edges.
- A ring that crosses itself covers whatever it winds around; what it runs around twice is inside, never a hole.
- Circles are circles: a point within the radius on the WGS 84 ellipsoid is always inside, none beyond 1.2 % more.
- What had to be repaired or left out is said in :attr:`Shape.problems`; an empty shape says why it is empty.

Standard: CAP 1.2 section 3.2.4 (polygon, circle), RFC 7946.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import shapely
from msgspec import Struct

from tocsin.place import ring as rings
from tocsin.place.ring import FULL, HALF, POLE, Points, Problem, Unwrapped

EARTH_M = 6_371_008.8
# A sphere's distance differs from the ellipsoid's by up to 0.56 %: this margin keeps everybody inside who is inside.
CIRCLE_MARGIN = 1.006
_LARGE_CIRCLE_KM = 1_000.0
# Longer edges than this are cut for distances, where a straight line on the plane would be a different curve.
_STEP = 500_000


class Circle(Struct, frozen=True):
    """A centre in micro-degrees and a radius in kilometres."""

    latitude: int
    longitude: int
    radius_km: float


class Shape:
    """What an alert or a place covers: normalised polygons and circles."""

    __slots__ = ("_boxes", "_lines", "_parts", "circles", "problems")

    def __init__(self, parts: Sequence[Unwrapped], circles: Sequence[Circle], problems: Sequence[Problem]) -> None:
        self._parts: list[Any] = [part.area for part in parts]
        # The rings of repaired polygons as they came: their crossings are not whole numbers, but their edges are.
        self._lines: list[Any] = [part.lines for part in parts if part.lines is not None]
        self._boxes = shapely.bounds(np.array(self._parts, dtype=object)).reshape(-1, 4)
        self.circles = tuple(circles)
        self.problems = tuple(problems)
        for geometry in (*self._parts, *self._lines):
            shapely.prepare(geometry)

    @classmethod
    def of(
        cls,
        polygons: Iterable[Points | Sequence[Points]] = (),
        circles: Iterable[tuple[int, int, float]] = (),
        near: Shape | None = None,
    ) -> Shape:
        """The shape of these polygons and circles.

        ``polygons``: int64 arrays (n, 2) of latitude, longitude in micro-degrees, closed or not; or a sequence of such
        rings, a shell and its holes. ``circles``: latitude, longitude, radius in kilometres. ``near``: where the
        area must lie (the sender's country), to tell swapped axes; without it only the impossible is swapped.
        """
        problems: list[Problem] = []
        given, dropped = rings.distinct(
            [polygon] if isinstance(polygon, np.ndarray) else list(polygon) for polygon in polygons
        )
        if dropped:
            problems.append(Problem("geometry.repeated", f"{dropped} polygons repeat another one"))
        swap = swapped(given, near)
        if swap is not None:
            problems.append(Problem("geometry.axes-swapped", swap))
            given = [[ring[:, ::-1] for ring in polygon] for polygon in given]
        parts = [part for polygon in given for part in rings.unwrap(polygon, problems)]
        return cls(parts, _circles(circles, problems), problems)

    @classmethod
    def union(cls, shapes: Iterable[Shape]) -> Shape:
        """One shape that covers what any of these covers."""
        whole = cls((), (), ())
        listed = list(shapes)
        whole._parts = [part for shape in listed for part in shape._parts]
        whole._lines = [line for shape in listed for line in shape._lines]
        if whole._parts:
            whole._boxes = np.concatenate([shape._boxes for shape in listed])
        whole.circles = tuple(circle for shape in listed for circle in shape.circles)
        whole.problems = tuple(problem for shape in listed for problem in shape.problems)
        return whole

    @property
    def empty(self) -> bool:
        """Whether this covers nothing at all; :attr:`problems` says why."""
        return not self._parts and not self.circles

    def covers(self, latitude: int, longitude: int, outward_m: float = 0.0) -> bool:
        """Whether the point is inside or on the edge; with ``outward_m``, or at most so far outside."""
        longitude = (longitude + HALF) % FULL - HALF
        if abs(latitude) > POLE:
            return False
        if self._on_polygon(latitude, longitude):
            return True
        if any(_inside_circle(circle, latitude, longitude, outward_m) for circle in self.circles):
            return True
        return outward_m > 0 and self.distance_m(latitude, longitude) <= outward_m

    def _on_polygon(self, latitude: int, longitude: int) -> bool:
        boxes = self._boxes
        for turn in (0, FULL) if abs(latitude) < POLE else (0,):
            x = longitude + turn
            if abs(latitude) == POLE:
                # All longitudes meet at a pole: touching its line anywhere is being there.
                hits = np.flatnonzero((boxes[:, 1] <= latitude) & (boxes[:, 3] >= latitude))
            else:
                hits = np.flatnonzero(
                    (boxes[:, 0] <= x) & (boxes[:, 2] >= x) & (boxes[:, 1] <= latitude) & (boxes[:, 3] >= latitude)
                )
            if abs(latitude) == POLE and hits.size:
                return True
            if any(shapely.intersects_xy(self._parts[hit], x, latitude) for hit in hits):
                return True
            if any(shapely.intersects_xy(line, x, latitude) for line in self._lines):
                return True
        return False

    def covers_many(self, points: Points) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """For each point of (n, 2) latitude, longitude in micro-degrees, whether it is inside or on the edge."""
        latitude = points[:, 0].astype(np.int64)
        longitude = (points[:, 1].astype(np.int64) + HALF) % FULL - HALF
        inside = np.zeros(len(points), dtype=np.bool_)
        for geometry, box in [(part, self._boxes[place]) for place, part in enumerate(self._parts)] + [
            (line, shapely.bounds(line)) for line in self._lines
        ]:
            west, south, east, north = box
            for turn in (0, FULL):
                x = longitude + turn
                near = (latitude >= south) & (latitude <= north) & (x >= west) & (x <= east) & ~inside
                asked = np.flatnonzero(near)
                if asked.size:
                    found = shapely.intersects_xy(geometry, x[asked].astype(float), latitude[asked].astype(float))
                    inside[asked[found]] = True
            for pole in (POLE, -POLE):
                if south <= pole <= north:
                    inside |= latitude == pole
        for circle in self.circles:
            inside |= _distances(circle.latitude, circle.longitude, latitude, longitude) <= _reach(circle)
        inside &= np.abs(latitude) <= POLE
        return inside

    def overlaps(self, other: Shape) -> bool:
        """Whether the two have a point in common, an edge included."""
        for place, part in enumerate(self._parts):
            for turn in (-FULL, 0, FULL):
                box = self._boxes[place] + [turn, 0, turn, 0]
                boxes = other._boxes
                hits = np.flatnonzero(
                    (boxes[:, 0] <= box[2])
                    & (boxes[:, 2] >= box[0])
                    & (boxes[:, 1] <= box[3])
                    & (boxes[:, 3] >= box[1])
                )
                if hits.size:
                    moved = part if turn == 0 else shapely.transform(part, rings.moved(turn))
                    if any(shapely.intersects(other._parts[hit], moved) for hit in hits):
                        return True
        return (
            any(other.distance_m(c.latitude, c.longitude) <= _reach(c) for c in self.circles)
            or any(self.distance_m(c.latitude, c.longitude) <= _reach(c) for c in other.circles if self._parts)
        )  # fmt: skip

    @property
    def bounds(self) -> tuple[int, int, int, int] | None:
        """South, west, north, east in micro-degrees; west is greater than east across the antimeridian."""
        boxes = [tuple(box) for box in self._boxes.tolist()]
        for circle in self.circles:
            high = min(_reach(circle) / EARTH_M * 180e6 / np.pi, 360e6)
            south, north = circle.latitude - high, circle.latitude + high
            wide = 180e6
            if south > -POLE and north < POLE:
                ratio = np.sin(np.deg2rad(high / 1e6)) / np.cos(np.deg2rad(circle.latitude / 1e6))
                wide = float(np.rad2deg(np.arcsin(min(1.0, ratio)))) * 1e6
            boxes.append((circle.longitude - wide, max(south, -POLE), circle.longitude + wide, min(north, POLE)))
        if not boxes:
            return None
        south, north = min(box[1] for box in boxes), max(box[3] for box in boxes)
        west, east = rings.span([(box[0], box[2]) for box in boxes])
        return int(np.floor(south)), west, int(np.ceil(north)), east

    @property
    def area_km2(self) -> float:
        """The area in square kilometres, overlaps counted once among polygons of one ring, twice otherwise."""
        polygons = sum(rings.area_m2(part) for part in self._parts) / 1e6
        caps = sum(2 * np.pi * EARTH_M**2 * (1 - np.cos(c.radius_km * 1000 / EARTH_M)) for c in self.circles) / 1e6
        return float(polygons + caps)

    @property
    def tolerance_m(self) -> float:
        """The most by which an edge here lies off the great circle between its ends, in metres."""
        return max((rings.bulge_m(part) for part in self._parts), default=0.0)

    def distance_m(self, latitude: int, longitude: int) -> float:
        """How far the point is from the nearest edge, in metres; 0 inside. Infinite when this covers nothing."""
        longitude = (longitude + HALF) % FULL - HALF
        if self._on_polygon(latitude, longitude):
            return 0.0
        nearest = np.inf
        for circle in self.circles:
            away = float(_distances(circle.latitude, circle.longitude, latitude, longitude)) - _reach(circle)
            nearest = min(nearest, max(0.0, away))
        for part in self._parts:
            dense = shapely.segmentize(part, _STEP)
            flat = shapely.transform(dense, lambda xy: _azimuthal(xy, latitude, longitude))
            lines = shapely.boundary(flat) if shapely.area(dense) else flat
            nearest = min(nearest, float(shapely.distance(lines, shapely.Point(0, 0))))
        return float(nearest)

    def pieces(self) -> list[Any]:
        """Shapely polygons in micro-degrees within -180 to 180 degrees, cut at the antimeridian; circles as 64-gons.

        For drawing, GeoJSON and coarse indexes: a cut rounds, so what is exactly inside is asked of :meth:`covers`.
        """
        found: list[Any] = []
        for part in [*self._parts, *(rings.ring_of_circle(c.latitude, c.longitude, _reach(c)) for c in self.circles)]:
            for turn in (-1, 0, 1):
                box = shapely.box(-HALF + turn * FULL, -POLE, HALF + turn * FULL, POLE)
                west, _, east, _ = shapely.bounds(part)
                if west >= -HALF + turn * FULL and east <= HALF + turn * FULL:
                    cut = part
                elif east <= -HALF + turn * FULL or west >= HALF + turn * FULL:
                    continue
                else:
                    cut = shapely.intersection(part, box)
                moved = cut if turn == 0 else shapely.transform(cut, rings.moved(-turn * FULL))
                found.extend(piece for piece in shapely.get_parts(moved) if piece.geom_type == "Polygon")
                if cut is part:
                    break
        return found

    def geojson(self) -> dict[str, Any]:
        """A GeoJSON MultiPolygon in degrees, cut at the antimeridian as RFC 7946 section 3.1.9 asks."""
        coordinates = []
        for piece in self.pieces():
            shell, *holes = [np.asarray(ring.coords) / 1e6 for ring in (piece.exterior, *piece.interiors)]
            coordinates.append([np.round(ring, 6).tolist() for ring in (shell, *holes)])
        return {"type": "MultiPolygon", "coordinates": coordinates}


def swapped(polygons: Sequence[Sequence[Points]], near: Shape | None = None) -> str | None:
    """Why these polygons must have longitude and latitude exchanged; None when they need not.

    The evidence is a latitude beyond a pole, or that all points lie far from ``near`` as given and in it when swapped.
    """
    points = [ring for polygon in polygons for ring in polygon if len(ring)]
    if not points:
        return None
    every = np.concatenate(points)
    if np.abs(every[:, 0]).max() > POLE:
        if np.abs(every[:, 1]).max() <= POLE and np.abs(every[:, 0]).max() <= FULL:
            return "a latitude beyond 90 degrees is a longitude"
        return None
    if near is None or near.empty:
        return None
    sample = every[:: max(1, len(every) // 16)]
    if np.abs(sample[:, 1]).max() > POLE:
        return None
    far = 300_000.0
    if all(near.distance_m(int(lat), int(lon)) > far for lat, lon in sample) and all(
        near.distance_m(int(lon), int(lat)) <= far for lat, lon in sample
    ):
        return "the area is far from where it must be, and there when latitude and longitude are exchanged"
    return None


def _circles(given: Iterable[tuple[int, int, float]], problems: list[Problem]) -> list[Circle]:
    found: list[Circle] = []
    for latitude, longitude, radius in dict.fromkeys(given):
        if not (np.isfinite(radius) and radius >= 0 and abs(latitude) <= POLE):
            problems.append(Problem("geometry.circle", f"no circle: {latitude},{longitude} radius {radius} km"))
            continue
        if radius == 0:
            problems.append(Problem("geometry.circle-zero", "a circle of radius 0 covers its centre only"))
        elif radius > _LARGE_CIRCLE_KM:
            problems.append(Problem("geometry.circle-large", f"a circle of {radius:g} km: a unit may be wrong"))
        found.append(Circle(latitude, (longitude + HALF) % FULL - HALF, radius))
    return found


def _reach(circle: Circle) -> float:
    return circle.radius_km * 1000 * CIRCLE_MARGIN


def _inside_circle(circle: Circle, latitude: int, longitude: int, outward_m: float) -> bool:
    if (circle.latitude, circle.longitude) == (latitude, longitude):
        return True
    return bool(_distances(circle.latitude, circle.longitude, latitude, longitude) <= _reach(circle) + outward_m)


def _distances(latitude: Any, longitude: Any, to_latitude: Any, to_longitude: Any) -> Any:
    """Great-circle distances on the sphere, in metres (haversine: exact for small distances too)."""
    a, b = np.deg2rad(np.asarray(latitude) / 1e6), np.deg2rad(np.asarray(to_latitude) / 1e6)
    turn = np.deg2rad((np.asarray(to_longitude) - longitude) / 1e6)
    half = np.sin((b - a) / 2) ** 2 + np.cos(a) * np.cos(b) * np.sin(turn / 2) ** 2
    return 2 * EARTH_M * np.arcsin(np.sqrt(np.clip(half, 0, 1)))


def distance_m(latitude: int, longitude: int, to_latitude: int, to_longitude: int) -> float:
    """The great-circle distance between two points in micro-degrees, in metres; within 0.6 % of the ellipsoid's."""
    return float(_distances(latitude, longitude, to_latitude, to_longitude))


def _azimuthal(xy: Any, latitude: int, longitude: int) -> Any:
    """Points as seen from one point: metres east and north along great circles from it."""
    at, turn = np.deg2rad(xy[:, 1] / 1e6), np.deg2rad((xy[:, 0] - longitude) / 1e6)
    here = np.deg2rad(latitude / 1e6)
    away = _distances(latitude, longitude, xy[:, 1], xy[:, 0])
    east = np.cos(at) * np.sin(turn)
    north = np.cos(here) * np.sin(at) - np.sin(here) * np.cos(at) * np.cos(turn)
    length = np.hypot(east, north)
    scale = np.divide(away, length, out=np.zeros_like(away), where=length > 0)
    return np.column_stack([east * scale, north * scale])

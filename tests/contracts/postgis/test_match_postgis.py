"""The matching engine beside PostGIS: on 10,000 pairs they agree, but where PostGIS computes an edge in floats."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import shapely

from tests.rules.place.test_area import DIAMOND, E6, PAN, SQUARE, winding_oracle
from tests.rules.reach.test_match import blob
from tocsin.bench._postgis import copy_points, postgis
from tocsin.place.area import Shape
from tocsin.reach.index import PointIndex

# In degrees PostGIS's own numbers are this far off where it decides, in micro-degrees.
FLOAT = Fraction(1, 1000)


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    """A PostgreSQL with PostGIS that lives as long as these tests."""
    with postgis() as connection:
        yield connection


def edge_distance_squared(corners: list[tuple[int, int]], latitude: int, longitude: int) -> Fraction:
    """Exactly, on the plane, in micro-degrees: the square of the distance to the nearest edge."""
    best = None
    for (ay, ax), (by, bx) in zip(corners, corners[1:] + corners[:1], strict=True):
        dx, dy, px, py = bx - ax, by - ay, longitude - ax, latitude - ay
        length = dx * dx + dy * dy
        along = Fraction(0) if not length else min(Fraction(1), max(Fraction(0), Fraction(px * dx + py * dy, length)))
        away = (px - along * dx) ** 2 + (py - along * dy) ** 2
        best = away if best is None else min(best, away)
    assert best is not None
    return best


def nasty(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A valid ring and 100 points: corners, points on edges and beside them, and others."""
    rng = np.random.default_rng(seed)
    known = [SQUARE[:-1], DIAMOND, PAN[:-1]]
    if seed < 9:
        corners = known[seed % 3]
    else:
        while True:
            corners = blob(int(rng.choice([3, 5, 12, 60, 500])), rng.uniform(-80, 80), rng.uniform(-170, 170),
                           float(rng.choice([2e-5, 1e-3, 0.05, 2.0])), int(rng.integers(10**6)))  # fmt: skip
            if shapely.Polygon(corners[:, ::-1]).is_valid and not Shape.of([corners]).empty:
                break
    edge = rng.integers(0, len(corners), 60)
    start, step = corners[edge], np.roll(corners, -1, axis=0)[edge] - corners[edge]
    # Whole steps along an edge lie exactly on it; the divisor is what both differences share.
    parts = np.maximum(np.gcd(np.abs(step[:, 0]), np.abs(step[:, 1])), 1)
    on = start + step // parts[:, None] * rng.integers(0, parts + 1)[:, None]
    beside = on[:20] + rng.integers(-1, 2, (20, 2))
    low, high = corners.min(axis=0), corners.max(axis=0)
    return corners, np.concatenate([on[20:], beside, corners[edge[:10]], rng.integers(low, high + 1, (30, 2))])


def test_ten_thousand_pairs(server: Any) -> None:
    """On each pair we say what exact whole numbers say; PostGIS too, but for points that its floats move off an edge."""
    asked, on_edge, moved = 0, 0, 0
    for seed in range(100):
        corners, points = nasty(seed)
        shape = Shape.of([corners])
        listed = [(int(lat), int(lon)) for lat, lon in corners]
        exact = np.array([winding_oracle(listed, *point) for point in points.tolist()])
        index = PointIndex()
        index.load(np.arange(len(points)), points)
        ours = np.zeros(len(points), dtype=np.bool_)
        ours[index.match(shape)] = True
        assert (ours == exact).all()
        rows = server.execute(
            "SELECT ST_Covers(ST_GeomFromWKB(%b, 4326), ST_SetSRID(ST_MakePoint(x, y), 4326))"
            " FROM unnest(%b::float8[], %b::float8[]) WITH ORDINALITY AS p(x, y, n) ORDER BY n",
            (
                shapely.to_wkb(shapely.Polygon(corners[:, ::-1] / 1e6)),
                (points[:, 1] / 1e6).tolist(),
                (points[:, 0] / 1e6).tolist(),
            ),
        ).fetchall()
        theirs = np.array([row[0] for row in rows])
        for place in range(len(points)):
            away = edge_distance_squared(listed, *points[place].tolist())
            on_edge += away == 0
            if theirs[place] != ours[place]:
                # A micro-degree is 11 cm: nobody is judged differently who is not on the line itself.
                assert away <= FLOAT**2, f"seed {seed}: PostGIS says {theirs[place]} of {points[place]}"
                moved += 1
        asked += len(points)
    assert asked == 10_000
    # Were there none, the pairs would not be nasty enough to show what whole numbers are for.
    assert 0 < moved < on_edge, f"of {asked} pairs {on_edge} on an edge, of which PostGIS puts {moved} elsewhere"


def test_the_same_crowd(server: Any) -> None:
    """Of 50,000 points, an area of 2,000 corners with a hole and ten more parts holds the same for both."""
    rng = np.random.default_rng(5)
    points = rng.integers([46 * E6, 24 * E6], [54 * E6, 36 * E6], (50_000, 2))
    copy_points(server, "crowd", points)
    polygons = [
        [blob(2_000, 50, 30, 2, 1), blob(300, 50, 30, 0.3, 2)],
        *([blob(40, 47, 25 + k, 0.3, k)] for k in range(10)),
    ]
    index = PointIndex()
    index.load(np.arange(len(points)), points)
    area = shapely.MultiPolygon([(p[0][:, ::-1] / 1e6, [hole[:, ::-1] / 1e6 for hole in p[1:]]) for p in polygons])
    assert area.is_valid
    rows = server.execute(
        "SELECT id FROM crowd WHERE ST_Covers(ST_GeomFromWKB(%b, 4326), geom) ORDER BY id", (shapely.to_wkb(area),)
    ).fetchall()
    assert index.match(Shape.of(polygons)).tolist() == [row[0] for row in rows]


def test_watching_against_the_ellipsoid(server: Any) -> None:
    """Whoever has the area within the radius by the ellipsoid of PostGIS is named; nobody 1.3 % farther away is."""
    rng = np.random.default_rng(6)
    corners = blob(400, 50, 30, 0.4, 7)
    points = rng.integers([48_700_000, 28 * E6], [51_300_000, 32 * E6], (1_500, 2))
    radii = rng.choice([1_000, 5_000, 10_000, 20_000, 50_000], len(points))
    copy_points(server, "watchers", points, radii)
    index = PointIndex()
    index.load(np.arange(len(points)), points, radii)
    named = set(index.match(Shape.of([corners])).tolist())
    # The ellipsoid's edges are geodesics; between corners so near to each other that is centimetres.
    dense = shapely.segmentize(shapely.Polygon(corners[:, ::-1] / 1e6), 0.005)
    rows = server.execute(
        "SELECT id, ST_Distance(ST_GeomFromWKB(%b, 4326)::geography, geom::geography) / r FROM watchers",
        (shapely.to_wkb(dense),),
    ).fetchall()
    assert len(rows) == len(points)
    assert [number for number, share in rows if share <= 1 and number not in named] == []
    assert [number for number, share in rows if share > 1.013 and number in named] == []

"""Which points a shape concerns: the engine against exact oracles, on nasty shapes, as points come and go."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from math import cos, pi, radians, sin
from unittest.mock import patch

import numpy as np
import pytest
import shapely
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.rules.place.test_area import (
    ANTARCTIC,
    ARCTIC,
    BOW_TIE,
    DIAMOND,
    E6,
    FIJI,
    FIJI_182,
    FROM_180,
    PAN,
    SQUARE,
    TO_180,
    TWICE,
    ellipsoid_m,
    ring,
    winding_oracle,
)
from tocsin.place.area import Shape
from tocsin.reach import fence, index, rim
from tocsin.reach.index import PointIndex


@contextmanager
def divided() -> Iterator[None]:
    """Have cells divided down to their points, as happens among millions."""
    with ExitStack() as stack:
        stack.enter_context(patch.object(fence, "_FEW", 1))
        stack.enter_context(patch.object(fence, "_FEW_IN_ALL", 0))
        stack.enter_context(patch.object(rim, "_FEW", 1))
        yield


def matched(shape: Shape, points: np.ndarray, radii: np.ndarray | None = None) -> np.ndarray:
    """For each point whether it is concerned: the same in one piece, divided, and from the delta."""
    found = np.zeros((3, len(points)), dtype=np.bool_)
    numbers = np.arange(len(points))
    whole = PointIndex()
    whole.load(numbers, points, radii)
    found[0, whole.match(shape)] = True
    with divided():
        found[1, whole.match(shape)] = True
        assert whole.count(shape) == found[1].sum()
    grown = PointIndex()
    for number, (latitude, longitude) in enumerate(points.tolist()):
        grown.add(number, latitude, longitude, 0 if radii is None else int(radii[number]))
    found[2, grown.match(shape)] = True
    assert (found[0] == found[1]).all()
    assert (found[0] == found[2]).all()
    return found[0]


EDGE_CASES = [
    pytest.param(SQUARE, 50, 30, True, id="on a vertex"),
    pytest.param(SQUARE, 50, 30.5, True, id="on a level edge"),
    pytest.param(SQUARE, 50.123457, 31, True, id="on an upright edge"),
    pytest.param(SQUARE, 49.999999, 30.5, False, id="a micro-degree outside"),
    pytest.param(DIAMOND, 0.25, 0.5, True, id="on a diagonal, decimals"),
    pytest.param(DIAMOND, 0.249999, 0.5, False, id="beside the diagonal"),
    pytest.param(SQUARE[::-1], 50.5, 30.5, True, id="clockwise"),
    pytest.param(BOW_TIE, 0.2, 1.0, True, id="in the wing of a bow-tie"),
    pytest.param(BOW_TIE, 1, 1, True, id="on the knot of a bow-tie"),
    pytest.param(TWICE, 2, 2, True, id="run around twice"),
    pytest.param(PAN, 5, 4, False, id="in the hole that a ring leaves"),
    pytest.param(FIJI, -17, 180, True, id="on the antimeridian"),
    pytest.param(FIJI, -17, -179, True, id="across the antimeridian"),
    pytest.param(FIJI_182, -17, -179, True, id="written beyond 180"),
    pytest.param(TO_180, 65, -180, True, id="on 180 from the east"),
    pytest.param(FROM_180, 65, 180, True, id="on -180 from the west"),
    pytest.param(ARCTIC, 90, 77, True, id="at a pole"),
    pytest.param(ARCTIC, 71, -179.5, True, id="around a pole"),
    pytest.param(ANTARCTIC, -89.999999, 12, True, id="around the other pole"),
    pytest.param(ANTARCTIC, -50, 12, False, id="not so far from the other pole"),
]


@pytest.mark.parametrize(("corners", "latitude", "longitude", "inside"), EDGE_CASES)
def test_boundary(corners: np.ndarray, latitude: float, longitude: float, inside: bool) -> None:
    """Whoever stands on an edge is inside, on every shape that feeds send, also where the globe ends."""
    point = ring((latitude, longitude))
    # Company all around has the cells divided, whole ones accepted and others left.
    rng = np.random.default_rng(1)
    near = np.clip(point + rng.integers(-5 * E6, 5 * E6, (300, 2)), [-90 * E6, -180 * E6], [90 * E6, 180 * E6])
    shape = Shape.of([corners])
    found = matched(shape, np.concatenate([point, near]))
    assert bool(found[0]) is inside
    assert (found[1:] == shape.covers_many(near)).all()


small = st.integers(-6, 6)
wide = st.integers(-80 * E6, 80 * E6)


@settings(max_examples=300, deadline=None)
@given(
    corners=st.one_of(
        st.lists(st.tuples(small, small), min_size=3, max_size=7),
        st.lists(st.tuples(wide, wide), min_size=3, max_size=6),
    ),
    asked=st.lists(st.tuples(small, small), min_size=1, max_size=40),
)
@example(corners=[(0, 0), (2, 2), (2, 0), (0, 2)], asked=[(1, 1)])
@example(corners=[(0, 0), (0, 4), (4, 4), (4, 0), (0, 0), (1, 1), (1, 5)], asked=[(2, 2)])
def test_exact_against_whole_numbers(corners: list[tuple[int, int]], asked: list[tuple[int, int]]) -> None:
    """For any ring, crossing itself or not, the answer is that of a slow oracle that knows whole numbers only."""
    shape = Shape.of([np.array(corners, dtype=np.int64)])
    if shape.empty:
        return
    following = corners[1:] + corners[:1]
    middles = [((a[0] + b[0]) // 2, (a[1] + b[1]) // 2) for a, b in zip(corners, following, strict=True)]
    points = asked + corners + middles
    expected = [winding_oracle(corners, *point) for point in points]
    assert matched(shape, np.array(points, dtype=np.int64)).tolist() == expected


def blob(n: int, latitude: float, longitude: float, size: float, seed: int) -> np.ndarray:
    """A rugged ring of n corners."""
    rng = np.random.default_rng(seed)
    turn = np.linspace(0, 2 * pi, n, endpoint=False)
    far = np.ones(n)
    for wave in range(2, min(n // 2, 300)):
        far += 0.25 * rng.normal() / wave**1.5 * np.cos(wave * turn + rng.uniform(0, 6))
    far = size * np.clip(far, 0.2, 3)
    return np.rint(np.column_stack([latitude + far * np.sin(turn), longitude + far * np.cos(turn)]) * E6).astype(int)


SHAPES = {
    "20,000 corners": lambda: Shape.of([blob(20_000, 50, 30, 2, 1)]),
    "100,000 corners": lambda: Shape.of([blob(100_000, 50, 30, 2, 2)]),
    "holes": lambda: Shape.of([[blob(500, 50, 30, 3, 3), blob(300, 50, 30, 1, 4)], blob(50, 50, 30, 0.3, 5)]),
    "many parts": lambda: Shape.of([blob(40, 46 + k % 9, 25 + k // 9, 0.4, k) for k in range(90)]),
    "antimeridian": lambda: Shape.of([blob(800, 50, 180, 3, 6)]),
    "antimeridian, from the west": lambda: Shape.of([blob(800, 50, -180, 3, 6)]),
    "circles": lambda: Shape.of(circles=[(50 * E6, 30 * E6, 200.0), (51 * E6, 32 * E6, 90.5), (50 * E6, 30 * E6, 0)]),
    "circle over a pole": lambda: Shape.of(circles=[(89 * E6, 30 * E6, 400.0)]),
    "circle over the antimeridian": lambda: Shape.of(circles=[(50 * E6, 180 * E6, 250.0)]),
    "circle and polygon": lambda: Shape.of([blob(200, 50, 30, 1, 7)], [(51 * E6, 31 * E6, 120.0)]),
    "crossing itself": lambda: Shape.of([ring((48, 28), (52, 32), (52, 28), (48, 32), (50, 26), (51, 34))]),
    "whole Earth": lambda: Shape.of([ring((-90, -180), (-90, 180), (90, 180), (90, -180))]),
    "nothing": lambda: Shape.of([]),
}


@pytest.mark.parametrize("name", SHAPES)
def test_same_as_asking_each_point(name: str) -> None:
    """Among 30,000 points the engine names exactly those that the shape says it covers, one by one."""
    shape = SHAPES[name]()
    rng = np.random.default_rng(8)
    centre = (89 if "pole" in name else 50) * E6, (180 if "antimeridian" in name else 30) * E6
    points = np.rint(rng.normal(centre, [2 * E6, 3 * E6], (30_000, 2))).astype(np.int64)
    points = points[np.abs(points[:, 0]) <= 90 * E6]
    points = np.concatenate([points, ring((90, 5), (-90, 5), (50, 180), (50, -180), (0, 0))])
    numbers = rng.permutation(len(points))
    one = PointIndex()
    one.load(numbers, points)
    expected = np.sort(numbers[shape.covers_many(points)])
    assert one.match(shape).tolist() == expected.tolist()
    with divided():
        assert one.match(shape).tolist() == expected.tolist()


def test_ten_thousand_pairs_against_shapely() -> None:
    """On 10,000 random and nasty pairs of an area and a point, shapely on whole numbers says the same each time."""
    rng = np.random.default_rng(9)
    asked = 0
    for seed in range(100):
        corners = blob(int(rng.choice([3, 4, 7, 30, 400])), 50, 30, float(rng.choice([1e-5, 0.001, 1.0])), seed)
        shape = Shape.of([corners])
        polygon = shapely.Polygon(corners[:, ::-1])
        if shape.empty or not polygon.is_valid:
            corners = blob(30, 50, 30, 1.0, seed)
            shape, polygon = Shape.of([corners]), shapely.Polygon(corners[:, ::-1])
        low, high = corners.min(axis=0), corners.max(axis=0)
        middles = (corners + np.roll(corners, 1, axis=0)) // 2
        points = np.concatenate([corners, middles, rng.integers(low - 2, high + 3, (100, 2))])
        points = rng.permutation(points)[:100]
        expected = shapely.intersects_xy(polygon, points[:, 1], points[:, 0])
        assert (matched(shape, points) == expected).all()
        asked += len(points)
    assert asked == 10_000


def nearest_m(corners: np.ndarray, latitude: float, longitude: float) -> float:
    """The distance on WGS 84 to the nearest of many points along a ring's edges."""
    dense = shapely.segmentize(shapely.LinearRing(corners[:, ::-1]), 2_000)
    return min(ellipsoid_m(latitude, longitude, y / E6, x / E6) for x, y in shapely.get_coordinates(dense))


@settings(max_examples=60, deadline=None)
@given(
    latitude=st.floats(-84, 84),
    longitude=st.sampled_from([0.0, 30.5, 179.9, -179.99]),
    radius=st.sampled_from([1_000, 3_333, 5_000, 10_000, 20_000, 50_000, 150_000]),
    bearing=st.floats(0, 6.28),
    share=st.floats(0.9, 1.1),
    size=st.floats(0.005, 0.3),
    seed=st.integers(0, 99),
)
def test_nobody_watching_is_missed(
    latitude: float, longitude: float, radius: int, bearing: float, share: float, size: float, seed: int
) -> None:
    """Whoever has the area within the radius on the ellipsoid is named; nobody 1.3 % and 20 m farther away is."""
    corners = blob(12, latitude, longitude, size, seed)
    shape = Shape.of([corners])
    start = corners[seed % len(corners)] / E6
    far = radius * share / 6_371_008.8
    here = radians(start[0])
    lat = np.arcsin(sin(here) * cos(far) + cos(here) * sin(far) * cos(bearing))
    lon = radians(start[1]) + np.arctan2(sin(bearing) * sin(far) * cos(here), cos(far) - sin(here) * float(np.sin(lat)))
    point = np.array([[round(np.rad2deg(lat) * E6), round(np.rad2deg(lon) * E6)]], dtype=np.int64)
    found = bool(matched(shape, point, np.array([radius]))[0])
    true = 0.0 if shape.covers(*point[0].tolist()) else nearest_m(corners, point[0, 0] / E6, point[0, 1] / E6)
    # The oracle's own points along an edge are up to 110 m apart on both sides of the nearest.
    if true <= radius - 1:
        assert found
    if true > radius * 1.013 + 20:
        assert not found


@pytest.mark.parametrize("name", ["20,000 corners", "holes", "many parts", "antimeridian", "circle and polygon"])
def test_watching_is_the_same_for_all_radii_at_once(name: str) -> None:
    """Among 20,000 points with radii of all classes, those are named whom the shape's own distance says."""
    shape = SHAPES[name]()
    rng = np.random.default_rng(10)
    centre = 50 * E6, (180 if "antimeridian" in name else 30) * E6
    points = np.rint(rng.normal(centre, [2 * E6, 3 * E6], (20_000, 2))).astype(np.int64)
    radii = rng.choice([0, 1_000, 1_234, 5_000, 10_000, 20_000, 50_000], len(points))
    one = PointIndex()
    one.load(np.arange(len(points)), points, radii)
    found = np.zeros(len(points), dtype=np.bool_)
    found[one.match(shape)] = True
    with divided():
        assert one.match(shape).tolist() == np.flatnonzero(found).tolist()
    assert found[shape.covers_many(points)].all()
    for place in rng.permutation(len(points))[:120].tolist():
        away = shape.distance_m(*points[place].tolist()) - radii[place] * 1.006
        if abs(away) > 5:
            assert bool(found[place]) == bool(away < 0)


def test_many_places_of_one_are_one_match() -> None:
    """A subscriber with 200 places inside is named once, and still named when one place alone is left inside."""
    one = PointIndex()
    spots = [(50_000_000 + 1000 * k, 30_000_000) for k in range(200)]
    for spot in spots:
        one.add(7, *spot)
        one.add(8, *spot, 5_000)
    one.add(9, 10, 10)
    area = Shape.of([ring((49, 29), (49, 31), (51, 31), (51, 29))])
    assert one.match(area).tolist() == [7, 8]
    assert one.count(area) == 2
    for spot in spots[1:]:
        assert one.remove(7, *spot)
        assert one.remove(8, *spot, 5_000)
    assert one.match(area).tolist() == [7, 8]
    assert one.remove(7, *spots[0])
    assert not one.remove(7, *spots[0])
    assert one.match(area).tolist() == [8]


def test_many_at_one_spot() -> None:
    """Fifty thousand who gave the same coarse cell are decided together, inside or on the edge."""
    one = PointIndex()
    points = np.repeat(ring((50, 30), (50.5, 30.5), (50.5, 40)), 50_000, axis=0)
    one.load(np.arange(150_000), points, np.repeat([0, 5_000], 75_000))
    assert one.match(Shape.of([SQUARE])).tolist() == list(range(100_000))


def test_memory() -> None:
    """A point takes at most 28 bytes, with a watch radius or without."""
    one = PointIndex()
    rng = np.random.default_rng(0)
    points = rng.integers([-90 * E6, -180 * E6], [90 * E6, 180 * E6], (50_000, 2))
    one.load(np.arange(50_000), points, rng.choice([0, 0, 1_000, 50_000], 50_000))
    for k in range(500):
        one.remove(k, *points[k].tolist())
        one.add(k + 50_000, *points[k].tolist())
    assert one.nbytes / len(one) <= 28


def test_what_cannot_be_a_place_is_refused() -> None:
    """A latitude beyond a pole, a negative radius and a number of more than four bytes are refused at once."""
    one = PointIndex()
    for number, latitude, radius in [(1, 91 * E6, 0), (1, 0, -1), (2**32, 0, 0), (-1, 0, 0)]:
        with pytest.raises(ValueError, match=r"latitude|radius|number"):
            one.add(number, latitude, 0, radius)
        with pytest.raises(ValueError, match=r"latitude|radius|number"):
            one.load(np.array([number]), np.array([[latitude, 0]]), np.array([radius]))
    assert len(one) == 0


POINTS = st.tuples(st.integers(48, 52), st.integers(28, 32), st.sampled_from([0, 1])).map(
    lambda p: (p[0] * E6 + p[2], p[1] * E6)
)
RADII = st.sampled_from([0, 0, 1_000, 1_500, 50_000, 60_000])


class ComingAndGoing(RuleBasedStateMachine):
    """Points that come and go, one by one and many at once, beside a plain list of them."""

    def __init__(self) -> None:
        super().__init__()
        self.index = PointIndex()
        self.held: list[tuple[int, int, int, int]] = []
        self.patched = patch.object(index, "_DELTA", 4)
        self.patched.start()

    def teardown(self) -> None:
        self.patched.stop()

    @rule(number=st.integers(0, 9), point=POINTS, radius=RADII)
    def add(self, number: int, point: tuple[int, int], radius: int) -> None:
        self.index.add(number, *point, radius)
        self.held.append((number, *point, radius))

    @rule(number=st.integers(0, 9), point=POINTS, radius=RADII)
    def remove(self, number: int, point: tuple[int, int], radius: int) -> None:
        one = (number, *point, radius)
        assert self.index.remove(number, *point, radius) is (one in self.held)
        if one in self.held:
            self.held.remove(one)

    @rule(data=st.data())
    def remove_one_that_is_there(self, data: st.DataObject) -> None:
        if self.held:
            one = data.draw(st.sampled_from(self.held))
            self.held.remove(one)
            assert self.index.remove(*one)

    @rule(many=st.lists(st.tuples(st.integers(0, 9), POINTS, RADII), max_size=12))
    def load(self, many: list[tuple[int, tuple[int, int], int]]) -> None:
        self.held.extend((number, *point, radius) for number, point, radius in many)
        self.index.load(
            np.array([number for number, _, _ in many], dtype=np.int64),
            np.array([point for _, point, _ in many], dtype=np.int64).reshape(-1, 2),
            np.array([radius for _, _, radius in many], dtype=np.int64),
        )

    @rule(
        south=st.integers(47, 52), west=st.integers(27, 32), size=st.integers(1, 3),
        circle=st.booleans(), deep=st.booleans(),
    )  # fmt: skip
    def match(self, south: int, west: int, size: int, circle: bool, deep: bool) -> None:
        if circle:
            shape = Shape.of(circles=[(south * E6, west * E6, 100.0 * size)])
        else:
            shape = Shape.of(
                [ring((south, west), (south, west + size), (south + size, west + size), (south + size, west))]
            )
        rebuilt = PointIndex()
        rows = np.array(self.held, dtype=np.int64).reshape(-1, 4)
        rebuilt.load(rows[:, 0], rows[:, 1:3], rows[:, 3])
        with divided() if deep else ExitStack():
            found = self.index.match(shape).tolist()
            assert found == rebuilt.match(shape).tolist()
        inside = rows[shape.covers_many(rows[:, 1:3])][:, 0] if len(rows) else rows[:, 0]
        assert set(inside.tolist()) <= set(found)
        if not rows[:, 3].any():
            assert sorted(set(inside.tolist())) == found

    @invariant()
    def counts(self) -> None:
        assert len(self.index) == len(self.held)


TestComingAndGoing = ComingAndGoing.TestCase
TestComingAndGoing.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)

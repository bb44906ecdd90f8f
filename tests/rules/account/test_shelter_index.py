"""The index finds exactly what looking at all of them finds."""

from __future__ import annotations

import math
from itertools import islice

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.account.shelter import Shelter
from tocsin.account.shelter_index import EARTH_M, Index

POINTS = st.tuples(st.integers(-90_000_000, 90_000_000), st.integers(-180_000_000, 180_000_000))
NEAR = st.tuples(st.integers(50_400_000, 50_500_000), st.integers(30_400_000, 30_600_000))


def made(points: list[tuple[int, int]]) -> Index:
    """An index of shelters at these points; a shelter's id is its place in the list."""
    rows = []
    for number, (latitude, longitude) in enumerate(points):
        shelter = Shelter(str(number), "test", latitude, longitude)
        rows.append((shelter.id, latitude, longitude, msgspec.json.encode(shelter)))
    return Index(rows)


def away(one: tuple[int, int], other: tuple[int, int]) -> float:
    """Metres on the sphere, by the haversine."""
    a, b, c, d = (math.radians(value / 1e6) for value in (*one, *other))
    half = math.sin((c - a) / 2) ** 2 + math.cos(a) * math.cos(c) * math.sin((d - b) / 2) ** 2
    return 2 * EARTH_M * math.asin(math.sqrt(min(1.0, half)))


@settings(max_examples=150)
@given(st.lists(POINTS | NEAR, max_size=300), POINTS | NEAR)
def test_nearest_is_what_looking_at_all_finds(points: list[tuple[int, int]], here: tuple[int, int]) -> None:
    """Every shelter comes once, with its distance, nearest first, wherever on the Earth one asks."""
    found = list(made(points).nearest(*here))
    assert sorted(int(shelter.id) for _, shelter in found) == list(range(len(points)))
    distances = [distance for distance, _ in found]
    assert distances == sorted(distances)
    for distance, shelter in found:
        assert abs(distance - away(points[int(shelter.id)], here)) < 0.5


def test_across_the_antimeridian_and_at_a_pole() -> None:
    """Ten metres over the date line, and over a pole, are ten metres."""
    index = made([(0, 179_999_950), (0, 170_000_000), (89_999_950, 0)])
    assert [shelter.id for _, shelter in islice(index.nearest(0, -179_999_950), 2)] == ["0", "1"]
    distance, shelter = next(index.nearest(89_999_950, 180_000_000))
    assert shelter.id == "2"
    assert distance < 15


def test_a_bound_is_kept() -> None:
    """Nothing farther than asked for is told, and nothing nearer is left out."""
    index = made([(50_450_000 + step * 1000, 30_500_000) for step in range(100)])
    found = [distance for distance, _ in index.nearest(50_450_000, 30_500_000, 3000.0)]
    assert len(found) == 27
    assert max(found) <= 3000


def test_an_empty_index_has_nothing() -> None:
    """No shelters, no answer, no fault."""
    assert list(made([]).nearest(0, 0)) == []

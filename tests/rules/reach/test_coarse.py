"""What is kept of where somebody is: cells, never the point, and nobody is missed for it."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from tocsin.errors import GeometryError
from tocsin.place.area import Shape
from tocsin.reach.coarse import CELL, MOST_CELLS, RADII_M, cells, coarse
from tocsin.reach.wanted import Loudness, loudest

LATITUDES = st.integers(-90_000_000, 90_000_000)
LONGITUDES = st.integers(-180_000_000, 180_000_000)


def metres(one: tuple[int, int], other: tuple[int, int]) -> float:
    """Between two points on a sphere that is a little larger than the Earth, so that no error is on our side."""
    a, b, c, d = (np.deg2rad(value / 1e6) for value in (*one, *other))
    half = np.sin((c - a) / 2) ** 2 + np.cos(a) * np.cos(c) * np.sin((d - b) / 2) ** 2
    return float(2 * 6_378_137 * np.arcsin(np.sqrt(min(1.0, half))))


@given(LATITUDES, LONGITUDES, st.integers(0, 100_000))
def test_the_circle_reaches_all_that_was_asked_for(latitude: int, longitude: int, radius_m: int) -> None:
    """Wherever in its cell the point is, what is watched around it lies within the circle that is kept."""
    kept = coarse(latitude, longitude, radius_m)
    assert metres((latitude, longitude), (kept.latitude, kept.longitude)) + radius_m <= kept.radius_m
    assert kept.radius_m in RADII_M


@given(LATITUDES, LONGITUDES, st.integers(0, CELL - 1), st.integers(0, CELL - 1))
def test_the_point_cannot_be_told_from_what_is_kept(latitude: int, longitude: int, north: int, east: int) -> None:
    """Any two points of one cell are kept as just the same."""
    south, west = latitude // CELL * CELL, longitude // CELL * CELL
    one = max(south, -90_000_000), max(west, -180_000_000)
    other = min(max(south + north, -90_000_000), 90_000_000), min(max(west + east, -180_000_000), 179_999_999)
    if -180_000_000 <= west <= 179_999_999 - CELL:
        assert coarse(*one) == coarse(*other)


def test_a_cell_is_some_kilometres() -> None:
    """At Kyiv a cell is seven kilometres from south to north and nearly five across."""
    assert metres((50_400_000, 30_500_000), (50_400_000 + CELL, 30_500_000)) == pytest.approx(7_290, rel=0.01)
    assert metres((50_400_000, 30_500_000), (50_400_000, 30_500_000 + CELL)) == pytest.approx(4_650, rel=0.01)
    with pytest.raises(GeometryError):
        coarse(50_400_000, 30_500_000, 150_000)
    with pytest.raises(GeometryError):
        coarse(91_000_000, 0)


@given(
    st.lists(
        st.tuples(st.integers(50_000_000, 50_400_000), st.integers(30_000_000, 30_400_000)), min_size=3, max_size=6
    )
)
def test_an_area_of_ones_own_becomes_the_cells_that_it_touches(ring: list[tuple[int, int]]) -> None:
    """The cells hold every corner of the area and show none of them that is not a corner of the grid."""
    if not shapely.make_valid(shapely.Polygon(ring)).area:
        with pytest.raises(GeometryError):
            cells(ring)
        return
    found = cells(ring)
    kept = Shape.of([np.array(one, dtype=np.int64) for one in found])
    assert all(kept.covers(*corner) for corner in ring)
    for one in found:
        assert all(latitude % CELL == 0 and longitude % CELL == 0 for latitude, longitude in one)


def test_a_country_is_asked_for_by_its_code() -> None:
    """An area of one's own that touches too many cells is refused, and nothing is counted for long."""
    side = int(CELL * (MOST_CELLS**0.5 + 3))
    with pytest.raises(GeometryError):
        cells([(50_000_000, 30_000_000), (50_000_000, 30_000_000 + side), (50_000_000 + side, 30_000_000 + side), (50_000_000 + side, 30_000_000)])  # fmt: skip # noqa: E501
    with pytest.raises(GeometryError):
        cells([(-80_000_000, -170_000_000), (80_000_000, 0), (-80_000_000, 170_000_000)])


def test_the_loudest_place_counts() -> None:
    """Of several places that an alert concerns the loudest counts; what was said of the place and phase is nearest."""
    wishes = (
        Loudness("silent"),
        Loudness("ordinary", phases=("act",)),
        Loudness("silent", "watch:0"),
        Loudness("loud", "watch:0", ("act",)),
    )
    assert loudest(wishes, ["area:UA-30"], "prepare") == "silent"
    assert loudest(wishes, ["area:UA-30"], "act") == "ordinary"
    assert loudest(wishes, ["watch:0"], "prepare") == "silent"
    assert loudest(wishes, ["area:UA-30", "watch:0"], "act") == "loud"
    assert loudest((), ["area:UA-30"], "act") == "loud"
    assert loudest(wishes, [], "act") == "ordinary"

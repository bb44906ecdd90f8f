"""Maps: small, whole, with borders that neighbours share."""

from __future__ import annotations

import functools
import gzip
import re

import pytest
import shapely

from tocsin.errors import UnknownPlaceError
from tocsin.place import world
from tocsin.place.gazetteer import Gazetteer
from tocsin.place.map import Map, country_map


def markup(drawn: Map) -> bytes:
    """The paths as a page holds them."""
    return "".join(f'<path id="{region.code}" d="{region.path_d}"/>' for region in drawn.regions).encode()


def polygons(path: str) -> list[shapely.Polygon]:
    """A path read back, by the letter of SVG's grammar for the commands that we use."""
    found = []
    for ring in re.findall(r"M(-?\d+) (-?\d+)l([-\d ]+)z", path):
        x, y = int(ring[0]), int(ring[1])
        points = [(x, y)]
        numbers = [int(number) for number in re.findall(r"-?\d+", ring[2])]
        assert len(numbers) % 2 == 0
        for dx, dy in zip(numbers[::2], numbers[1::2], strict=True):
            x, y = x + dx, y + dy
            points.append((x, y))
        found.append(shapely.Polygon(points))
    assert "".join(f"M{a} {b}l{c}z" for a, b, c in re.findall(r"M(-?\d+) (-?\d+)l([-\d ]+)z", path)) == path
    return found


def test_ukraine_fits() -> None:
    """27 regions of Ukraine take at most 4.2 KB compressed, in a frame that holds them all."""
    drawn = country_map("UA")
    assert len(drawn.regions) == 27
    assert len(gzip.compress(markup(drawn), 9)) <= 4_200
    for region in drawn.regions:
        for polygon in polygons(region.path_d):
            west, north, east, south = polygon.bounds
            assert 0 <= west <= east <= drawn.width
            assert 0 <= north <= south <= drawn.height
        assert 0 < region.label_x < drawn.width
        assert 0 < region.label_y < drawn.height


def test_neighbours_share_their_border() -> None:
    """Between two regions of Ukraine there is neither a gap nor an overlap worth a pixel."""
    drawn = country_map("UA")
    # A ring inside another one is a hole, so rings cancel where they lie over each other.
    shapes = [
        functools.reduce(shapely.symmetric_difference, map(shapely.make_valid, polygons(region.path_d)))
        for region in drawn.regions
    ]
    overlap = sum(shape.area for shape in shapes) - shapely.union_all(shapes).area
    assert overlap < 0.002 * sum(shape.area for shape in shapes)
    whole = shapely.union_all(shapes)
    holes = sum(shapely.Polygon(hole).area for part in shapely.get_parts(whole) for hole in part.interiors)
    assert holes < 0.002 * whole.area


def test_city_is_drawn_over_its_oblast() -> None:
    """Small regions come after large ones, so that Kyiv is not hidden; points fall into the region they are in."""
    drawn = country_map("UA-30")
    order = [region.code for region in drawn.regions]
    assert order.index("UA-30") > order.index("UA-32")
    kyiv = next(region for region in drawn.regions if region.code == "UA-30")
    x, y = drawn.project(50_450_000, 30_523_000)
    assert any(polygon.intersects(shapely.Point(x, y)) for polygon in polygons(kyiv.path_d))
    lviv, kharkiv = drawn.project(49_840_000, 24_030_000), drawn.project(49_990_000, 36_230_000)
    assert lviv[0] < x < kharkiv[0]
    assert drawn.project(46_480_000, 30_730_000)[1] > y


@pytest.mark.parametrize("code", ["RU", "US", "FJ", "NZ", "KI", "AQ"])
def test_across_the_antimeridian(code: str) -> None:
    """A country on both sides of 180 degrees is drawn in one piece: its two halves are not at opposite edges."""
    drawn = country_map(code)
    size = sum(polygon.area for region in drawn.regions for polygon in polygons(region.path_d))
    # Two halves with an ocean around the globe between them would fill hardly any of the frame.
    assert size > (0.15 if code in ("RU", "US", "AQ") else 0.0005) * drawn.width * drawn.height
    if code == "RU":
        west, east = drawn.project(67_000_000, 179_900_000), drawn.project(67_000_000, -179_900_000)
        assert abs(west[0] - east[0]) < 5
        kaliningrad = drawn.project(54_700_000, 20_500_000)
        assert kaliningrad[0] < west[0]


@pytest.mark.parametrize("code", ["MC", "VA", "PR", "HK", "XK", "GF"])
def test_without_regions(code: str) -> None:
    """A country without regions is drawn whole."""
    drawn = country_map(code)
    assert [region.code for region in drawn.regions][-1].startswith(code)
    assert all(polygons(region.path_d) for region in drawn.regions)


def test_every_country() -> None:
    """Every country with lines has a map, no map takes more than 6 KB, and no region in its frame is without a path."""
    for place in Gazetteer.world():
        if place.level == 0 and world.drawn(place.code):
            drawn = country_map(place.code)
            assert len(gzip.compress(markup(drawn), 9)) < 6_000, place.code
            assert drawn.height <= 1.5 * drawn.width
            assert all(region.path_d for region in drawn.regions)
            assert len(drawn.regions) >= len(world.drawn(place.code)) - 3, place.code


def test_cached() -> None:
    """The same map is drawn once."""
    assert country_map("DE") is country_map("DE-BY")


def test_no_lines_no_map() -> None:
    """A place that nobody knows has no map, and says so."""
    with pytest.raises(UnknownPlaceError):
        country_map("ZZ")

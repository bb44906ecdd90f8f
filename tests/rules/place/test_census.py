"""The census: many or few live there, and where nobody knows, it says so instead of guessing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.errors import ImportFileError
from tocsin.place.area import Shape
from tocsin.place.census import Census, read
from tocsin.place.gazetteer import Gazetteer

WORLD = Gazetteer.world()
REGIONS = sorted(WORLD.children("UA"))


def box(south: float, west: float, north: float, east: float) -> Shape:
    """A rectangle in degrees."""
    import numpy as np

    ring = [(south, west), (south, east), (north, east), (north, west), (south, west)]
    return Shape.of([np.array([[round(a * 1e6), round(b * 1e6)] for a, b in ring], dtype=np.int64)], [])


@given(st.dictionaries(st.sampled_from(REGIONS), st.integers(0, 10_000_000)))
def test_a_country_is_known_when_all_of_its_regions_are(people: dict[str, int]) -> None:
    """The sum of all parts, and nothing where one of them is missing."""
    census = Census(WORLD, people)
    assert census.of(["UA"]) == (sum(people.values()) if set(people) == set(REGIONS) else None)
    for code, count in people.items():
        assert census.of([code]) == count


def test_what_lies_in_another_counted_area_counts_once() -> None:
    """A country and its capital are the country's people; two regions are both."""
    census = Census(WORLD, {"UA": 37_000_000, "UA-30": 2_950_000, "UA-32": 1_800_000})
    assert census.of(["UA", "UA-30"]) == 37_000_000
    assert census.of(["UA-30", "UA-32"]) == 4_750_000
    assert census.of(["UA-30", "PL"]) is None
    assert census.of(["nowhere"]) is None
    assert census.of([]) is None


def test_what_is_drawn_counts_every_known_area_it_touches() -> None:
    """Inside the city the city; over its border the region too; over an unknown region nobody can tell."""
    census = Census(WORLD, {"UA-30": 2_950_000, "UA-32": 1_800_000})
    assert census.of([], box(50.42, 30.48, 50.46, 30.54)) == 2_950_000
    assert census.of([], box(50.3, 30.2, 50.5, 30.6)) == 4_750_000
    assert census.of([], box(50.3, 27.0, 50.5, 30.6)) is None
    assert census.of([], box(47.0, 30.0, 47.2, 30.2)) is None


@pytest.mark.parametrize(
    "text",
    [b"", b"a,b\n1,2\n", b"code,people\nXX-99,5\n", b"code,people\nUA-30,many\n", b"code,people\nUA-30,-5\n",
     b"code,people\nUA-30,5\nUA-30,6\n", b"code,people\nUA-30,\xff\n", b"code,people\nUA-30\n"],
)  # fmt: skip
def test_a_file_with_a_fault_is_refused_whole(text: bytes) -> None:
    """Whatever is wrong in it is said, and nothing is taken."""
    with pytest.raises(ImportFileError):
        read(text, WORLD)


def test_a_file_is_read_with_other_columns_beside() -> None:
    """Codes as people spell them, thousands apart, and columns that nobody asked for."""
    census = read("\ufeffname,code,people\nKyiv,UA-30,2 950 000\nPodlaskie,PL-PD,1_100_000\n".encode(), WORLD)
    assert census.of(["UA-30"]) == 2_950_000
    assert len(census) == 2

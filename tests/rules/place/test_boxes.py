"""Boxes find whatever is around a point, and nothing that is not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tocsin.place.boxes import Box, Boxes
from tocsin.place.ring import HALF, POLE

sides = st.integers(-POLE, POLE), st.integers(-HALF, HALF)


@st.composite
def box(draw: st.DrawFn) -> Box:
    """Any box, also one of a single point."""
    south, north = sorted((draw(sides[0]), draw(sides[0])))
    west, east = sorted((draw(sides[1]), draw(sides[1])))
    return south, west, north, east


@given(st.lists(st.tuples(st.integers(0, 40), box()), max_size=150), sides[0], sides[1], st.sets(st.integers(0, 40)))
def test_the_same_as_asking_each(held: list[tuple[int, Box]], latitude: int, longitude: int, kept: set[int]) -> None:
    """What is found is what comparing one by one finds, in the order of coming, and after others were forgotten."""
    boxes: Boxes[int] = Boxes()
    for key, one in held:
        boxes.add(key, [one])
    # Points on the corners of boxes are asked as well: an edge is inside.
    asked = [
        (latitude, longitude),
        *((one[0], one[1]) for _, one in held[:5]),
        *((one[2], one[3]) for _, one in held[:5]),
    ]
    for only in (set(range(41)), kept):
        for lat, lon in asked:
            meridians = {lon, -HALF, HALF} if abs(lon) == HALF else {lon}
            wanted = dict.fromkeys(
                key for key, (south, west, north, east) in held
                if key in only and south <= lat <= north and any(west <= x <= east for x in meridians)
            )  # fmt: skip
            assert boxes.at(lat, lon) == list(wanted)
        boxes.keep(kept)

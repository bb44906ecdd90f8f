"""Which live areas a point lies in, and which of them a shape touches."""

from __future__ import annotations

import numpy as np
import pytest

from tests.rules.place.test_area import ARCTIC, E6, FIJI, SQUARE, TO_180, ring
from tests.rules.reach.test_match import EDGE_CASES, SHAPES, blob
from tocsin.place.area import Shape
from tocsin.reach.live import LiveAreas


def mixed(count: int) -> dict[int, Shape]:
    """Many areas of every kind around one place."""
    rng = np.random.default_rng(count)
    found = {}
    for k in range(count):
        latitude, longitude = rng.uniform(45, 55), rng.uniform(25, 35)
        if k % 5 == 0:
            found[k] = Shape.of(circles=[(round(latitude * E6), round(longitude * E6), float(rng.uniform(5, 90)))])
        else:
            found[k] = Shape.of([blob(int(rng.integers(3, 60)), latitude, longitude, float(rng.uniform(0.05, 1)), k)])
    return found


@pytest.mark.parametrize(("corners", "latitude", "longitude", "inside"), EDGE_CASES)
@pytest.mark.parametrize("recent", [True, False])
def test_boundary(corners: np.ndarray, latitude: float, longitude: float, inside: bool, recent: bool) -> None:
    """A point on an edge lies in the area, also where the globe ends, whether the area came just now or long ago."""
    live: LiveAreas[str] = LiveAreas()
    live.put("it", Shape.of([corners]))
    if not recent:
        for k in range(100):
            live.put(f"far {k}", Shape.of([ring((-1, k), (-1, k + 0.5), (-2, k))]))
    found = live.at(round(latitude * E6), round(longitude * E6))
    assert ("it" in found) is inside


def test_same_as_asking_each_area() -> None:
    """As areas come, change and go, the answers are those of asking each live one."""
    rng = np.random.default_rng(4)
    shapes = mixed(400)
    live: LiveAreas[int] = LiveAreas()
    held: dict[int, Shape] = {}
    for step, (key, shape) in enumerate(shapes.items()):
        live.put(key, shape)
        held[key] = shape
        if step % 7 == 3:
            gone = int(rng.integers(0, step))
            live.drop(gone)
            held.pop(gone, None)
        if step % 11 == 5:
            other = int(rng.choice(list(held)))
            held[other] = shapes[(other + 13) % 400]
            live.put(other, held[other])
        if step % 40 == 7:
            for latitude, longitude in rng.integers([45 * E6, 25 * E6], [55 * E6, 35 * E6], (20, 2)).tolist():
                expected = {key for key, shape in held.items() if shape.covers(latitude, longitude)}
                assert set(live.at(latitude, longitude)) == expected
    assert len(live) == len(held)
    asked = Shape.of([blob(80, 50, 30, 1.5, 3)])
    assert set(live.touching(asked)) == {key for key, shape in held.items() if asked.overlaps(shape)}


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_touching(name: str) -> None:
    """What a shape touches is what overlaps it when each is asked, also across the antimeridian and around poles."""
    shapes = mixed(60) | {
        100: Shape.of([FIJI]), 101: Shape.of([TO_180]), 102: Shape.of([ARCTIC]), 103: Shape.of([SQUARE]),
        104: Shape.of(circles=[(50 * E6, 179 * E6, 300.0)]), 105: Shape.of([blob(30, 50, -179.5, 1, 3)]),
    }  # fmt: skip
    live: LiveAreas[int] = LiveAreas()
    for key, shape in shapes.items():
        live.put(key, shape)
    asked = SHAPES[name]()
    assert set(live.touching(asked)) == {key for key, shape in shapes.items() if asked.overlaps(shape)}


def test_nothing_is_live() -> None:
    """Where nothing is live, nothing is found, and forgetting what is not there does nothing."""
    live: LiveAreas[int] = LiveAreas()
    live.drop(1)
    assert live.at(0, 0) == []
    assert live.touching(Shape.of([SQUARE])) == []
    live.put(1, Shape.of([SQUARE]))
    live.drop(1)
    assert live.at(50_500_000, 30_500_000) == []
    assert len(live) == 0
    assert 1 not in live

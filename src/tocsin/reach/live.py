"""Areas at a point: which of many live areas a point lies in, and which of them a shape touches.

- The opposite question to :mod:`tocsin.reach.index`: few points, many areas. A tree of their boxes finds the candidates,
  and GEOS decides on whole micro-degrees, so the edge is inside here too.
- What comes and goes is kept beside the tree, which is built again when that has grown.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Generic, TypeVar

import numpy as np
import shapely

from tocsin.place.area import Shape
from tocsin.place.ring import FULL, HALF, POLE
from tocsin.reach.cell import codes
from tocsin.reach.fence import Fence, Floats

Key = TypeVar("Key")

_RECENT = 32
NOWHERE = (2 * POLE, 0)


class LiveAreas(Generic[Key]):
    """Shapes by key, in the order in which they came."""

    def __init__(self) -> None:
        self._shapes: dict[Key, Shape] = {}
        self._recent: dict[Key, Shape] = {}
        # The keys and boxes of what came since the tree was built.
        self._near: tuple[list[Key], Floats] | None = None
        self._tree: Any = shapely.STRtree([])
        # What stands in the tree: whose it is, whether that area is still live, and where each area's parts stand.
        self._owners = np.empty(0, dtype=object)
        self._alive = np.empty(0, dtype=np.bool_)
        self._stands: dict[Key, slice] = {}
        self._geometries = np.empty(0, dtype=object)
        self._turns = np.empty(0)
        self._round = np.empty(0, dtype=np.bool_)

    def __len__(self) -> int:
        return len(self._shapes)

    def __contains__(self, key: object) -> bool:
        return key in self._shapes

    def put(self, key: Key, shape: Shape) -> None:
        """Take in an area, in place of what stood under this key."""
        self._leave(key)
        self._shapes[key] = self._recent[key] = shape
        self._near = None
        if len(self._recent) > max(_RECENT, len(self._shapes) // 64):
            self._build()

    def put_all(self, areas: Iterable[tuple[Key, Shape]]) -> None:
        """Take in many areas, and build the tree for them once."""
        for key, shape in areas:
            self._leave(key)
            self._shapes[key] = self._recent[key] = shape
        self._near = None
        if len(self._recent) > _RECENT:
            self._build()

    def drop(self, key: Key) -> None:
        """Forget an area."""
        self._leave(key)
        self._shapes.pop(key, None)
        self._recent.pop(key, None)
        self._near = None

    def ready(self) -> None:
        """Do in calm what the next questions would be slower without."""
        if self._recent:
            self._build()

    def _leave(self, key: Key) -> None:
        if (stands := self._stands.pop(key, None)) is not None:
            self._alive[stands] = False

    def at(self, latitude: int, longitude: int) -> list[Key]:
        """The areas that the point (micro-degrees) lies in, on an edge included."""
        x = (longitude + HALF) % FULL - HALF
        if abs(latitude) >= POLE:
            # All longitudes meet at a pole, so a box says nothing there.
            return [key for key, shape in self._shapes.items() if shape.covers(latitude, longitude)]
        found: list[Key] = []
        if len(self._owners):
            near = self._tree.query(shapely.Point(x, latitude))
            near = near[self._alive[near]]
            hit = shapely.intersects_xy(self._geometries[near], x + self._turns[near], float(latitude))
            found = self._owners[near[hit]].tolist()
            if self._round.size and self._round[near].any():
                circles = self._owners[near[self._round[near]]].tolist()
                found.extend(key for key in circles if self._shapes[key].covers(latitude, x))
        if self._recent:
            found.extend(self._at_recent(latitude, x))
        return list(dict.fromkeys(found))

    def _at_recent(self, latitude: int, longitude: int) -> list[Key]:
        if self._near is None:
            listed = [(key, _boxes(shape)) for key, shape in self._recent.items()]
            self._near = [key for key, boxes in listed for _ in boxes], np.concatenate([boxes for _, boxes in listed]).T
        keys, (west, south, east, north) = self._near
        near = np.flatnonzero((west <= longitude) & (east >= longitude) & (south <= latitude) & (north >= latitude))
        asked = dict.fromkeys(keys[place] for place in near.tolist())
        return [key for key in asked if self._recent[key].covers(latitude, longitude)]

    def touching(self, shape: Shape) -> list[Key]:
        """The areas that have a point in common with ``shape``."""
        self.ready()
        if not len(self._owners) or shape.empty:
            return []
        boxes = shapely.box(*_boxes(shape).T)
        near = np.unique(self._tree.query(boxes)[1])
        candidates: list[Key] = list(dict.fromkeys(self._owners[near[self._alive[near]]].tolist()))
        if not candidates:
            return []
        inside = np.zeros(len(candidates), dtype=np.bool_)
        if shape._parts:
            # Where one corner of an area lies inside, nothing more need be asked; that is most of them.
            spots = np.array([spot(self._shapes[key]) for key in candidates], dtype=np.int64)
            known = np.flatnonzero(spots[:, 0] != NOWHERE[0])
            fence = Fence(list(shape._parts), list(shape._lines))
            inside[known] = fence.inside(codes(spots[known, 0], spots[known, 1]))
        return [
            key for key, sure in zip(candidates, inside.tolist(), strict=True)
            if sure or shape.overlaps(self._shapes[key])
        ]  # fmt: skip

    def _build(self) -> None:
        boxes: list[Floats] = []
        geometries: list[Any] = []
        turns: list[float] = []
        rounds: list[bool] = []
        self._recent, self._near, self._stands = {}, None, {}
        owners: list[Key] = []
        nothing = shapely.Point()
        for key, shape in self._shapes.items():
            start = len(owners)
            for geometry in (*shape._parts, *shape._lines):
                west, south, east, north = shapely.bounds(geometry)
                for turn in (0, FULL) if east >= HALF else (0,):
                    owners.append(key)
                    boxes.append(np.array([west - turn, south, east - turn, north]))
                    geometries.append(geometry)
                    turns.append(turn)
                    rounds.append(False)
            if shape.circles:
                for box in _circle_boxes(shape):
                    owners.append(key)
                    boxes.append(box)
                    geometries.append(nothing)
                    turns.append(0)
                    rounds.append(True)
            self._stands[key] = slice(start, len(owners))
        self._owners = np.fromiter(owners, dtype=object, count=len(owners))
        self._alive = np.ones(len(owners), dtype=np.bool_)
        self._geometries = np.empty(len(geometries), dtype=object)
        self._geometries[:] = geometries
        self._turns, self._round = np.array(turns, dtype=float), np.array(rounds, dtype=np.bool_)
        if not self._round.any():
            self._round = self._round[:0]
        self._tree = shapely.STRtree(shapely.box(*np.array(boxes).reshape(-1, 4).T))


def _boxes(shape: Shape) -> Floats:
    """West, south, east, north of every part from -180 to 180 degrees, with copies for what runs on."""
    boxes: list[Floats] = []
    step = np.array([FULL, 0, FULL, 0])
    for geometry in (*shape._parts, *shape._lines):
        box = np.array(shapely.bounds(geometry))
        boxes.append(box)
        if box[2] >= HALF:
            boxes.append(box - step)
        if box[0] <= -HALF:
            boxes.append(box + step)
    if shape.circles:
        boxes.extend(_circle_boxes(shape))
    return np.array(boxes, dtype=float).reshape(-1, 4)


def _circle_boxes(shape: Shape) -> list[Floats]:
    boxes = []
    for circle in shape.circles:
        bounds = Shape((), (circle,), ()).bounds
        assert bounds is not None
        south, west, north, east = bounds
        # The bounds are rounded and their formula is a float's: one micro-degree more loses nobody.
        for left, right in [(west, east)] if west <= east else [(west, HALF), (-HALF, east)]:
            boxes.append(np.array([left - 1, south - 1, right + 1, north + 1], dtype=float))
    return boxes


def spot(shape: Shape) -> tuple[int, int]:
    """Some point of a shape, in micro-degrees; :data:`NOWHERE` when it has none that is easily found."""
    if shape._parts:
        x, y = shapely.get_coordinates(shape._parts[0])[0]
        # Only a corner on whole numbers is a point of the shape: others are where a repair cut an edge.
        if x == np.rint(x) and y == np.rint(y):
            return int(y), int((x + HALF) % FULL - HALF)
    elif shape.circles:
        return shape.circles[0].latitude, shape.circles[0].longitude
    return NOWHERE

"""A fence: the edges of polygons as a tree of boxes on the plane, and which stretches of sorted points lie inside.

- A cell of the quadtree that no edge touches is wholly inside or wholly outside: one point of it is asked, and the cell
  is taken or left as a whole. Only the points of cells on the edge are asked one by one. So the cost follows the
  boundary and the answer, not the number of points.
- The last word has GEOS on whole micro-degrees, which is exact; the boxes err on the side of asking.
- Shapes run on beyond 180 degrees (:mod:`tocsin.place.area`); a second copy, a turn further west, meets the points there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely

from tocsin.place.ring import FULL, HALF, POLE
from tocsin.reach.cell import GLOBE, Codes, Whole, codes, corner, split, stretches

FAN = 4
# So many points are asked of GEOS in about the time that one more division of their cell would take.
_FEW = 32
_FEW_IN_ALL = 3000

Floats = np.ndarray[Any, np.dtype[np.float64]]
Truth = np.ndarray[Any, np.dtype[np.bool_]]


class Fence:
    """Polygons in unwrapped micro-degrees, ready to be asked about many points.

    ``parts`` are their areas, ``lines`` the rings of repaired ones as they came, which count as inside.
    """

    def __init__(self, parts: list[Any], lines: list[Any]) -> None:
        placed: list[Any] = []
        turns: list[float] = []
        for geometry in (*parts, *lines):
            east = shapely.bounds(geometry)[2]
            for turn in (0, FULL) if east >= HALF else (0,):
                placed.append(geometry)
                turns.append(turn)
        self._parts = np.empty(len(placed), dtype=object)
        self._parts[:] = placed
        self._turns = np.array(turns)
        boxes = shapely.bounds(self._parts).reshape(-1, 4) - np.outer(self._turns, [1, 0, 1, 0])
        self._poles = [pole for pole in (POLE, -POLE) if ((boxes[:, 1] <= pole) & (boxes[:, 3] >= pole)).any()]
        self._boxes = boxes + np.array([HALF, POLE, HALF, POLE])
        # In sorted codes all points of a box lie between those of its corners.
        first = np.clip(np.floor(boxes[:, :2]), [-HALF, -POLE], [HALF - 1, POLE]).astype(np.int64)
        last = np.clip(np.ceil(boxes[:, 2:]), [-HALF, -POLE], [HALF - 1, POLE]).astype(np.int64)
        self._first, self._last = codes(first[:, 1], first[:, 0]), codes(last[:, 1], last[:, 0])
        self._edges: Edges | None = None

    def inside(self, points: Codes) -> Truth:
        """Whether each point is inside or on an edge."""
        order = np.argsort(points)
        ranked = points[order]
        found = np.empty(len(points), dtype=np.bool_)
        found[order] = self.on_plane(ranked)
        for pole in self._poles:
            found |= corner(points)[1] == pole + POLE
        return found

    def on_plane(self, points: Codes) -> Truth:
        """The same for sorted codes, with a pole taken as a line of which only a part may be inside."""
        east_of, north_of = corner(points)
        x, y = east_of.astype(np.float64), north_of.astype(np.float64)
        found = np.zeros(len(points), dtype=np.bool_)
        lows, highs = np.searchsorted(points, self._first), np.searchsorted(points, self._last, side="right")
        for place, (low, high) in enumerate(zip(lows.tolist(), highs.tolist(), strict=True)):
            if low == high:
                continue
            west, south, east, north = self._boxes[place]
            x_, y_ = x[low:high], y[low:high]
            near = np.flatnonzero((x_ >= west) & (x_ <= east) & (y_ >= south) & (y_ <= north)) + low
            if near.size:
                turn = self._turns[place] - HALF
                hit = shapely.intersects_xy(self._parts[place], x[near] + turn, y[near] - POLE)
                found[near[hit]] = True
        return found

    def stretches(self, points: Codes) -> tuple[Whole, Whole, Whole]:
        """Where in sorted codes the points inside are: stretches (their starts and ends), and single places."""
        first, low, high, level = self._begin(points)
        if (high - low).sum() <= _FEW_IN_ALL:
            # Few live around here: asking each costs less than looking at the edges.
            none = np.empty(0, dtype=np.int64)
            alike_low, alike_high, few_low, few_high = none, none, low, high
        else:
            if self._edges is None:
                self._edges = Edges(self._parts, self._turns)
            alike_low, alike_high, few_low, few_high = self._edges.divide(points, first, low, high, level)
        order = np.argsort(alike_low)
        alike_low, alike_high = alike_low[order], alike_high[order]
        taken = self.on_plane(points[alike_low])
        low, high = alike_low[taken], alike_high[taken]
        order = np.argsort(few_low)
        single = stretches(few_low[order], few_high[order])
        single = single[self.on_plane(points[single])]
        # At a pole all longitudes meet, so no cell there can be judged by its edges.
        for pole in self._poles:
            single = np.concatenate([single, _at_latitude(points, pole)])
        return low, high, single

    def _begin(self, points: Codes) -> tuple[Codes, Whole, Whole, int]:
        """A few cells that together cover the shape, and their stretches of sorted points."""
        none = np.empty(0, dtype=np.int64)
        boxes = self._boxes
        west, south = max(boxes[:, 0].min() - 1, 0), max(boxes[:, 1].min() - 1, 0)
        east, north = min(boxes[:, 2].max() + 1, FULL - 1), min(boxes[:, 3].max() + 1, 2 * POLE)
        if west > east or south > north:
            return np.empty(0, dtype=np.uint64), none, none, 0
        # A cell about an eighth as wide as all of it: to begin larger only adds steps.
        level = min(GLOBE, max(0, int(max(east - west, north - south)).bit_length() - 3))
        x = np.arange(int(west) >> level, (int(east) >> level) + 1) << level
        y = np.arange(int(south) >> level, (int(north) >> level) + 1) << level
        across, up = (side.ravel() for side in np.meshgrid(x, y))
        first = np.sort(codes(up - POLE, across - HALF))
        low = np.searchsorted(points, first)
        high = np.searchsorted(points, first + np.uint64((1 << 2 * level) - 1), side="right")
        held = np.flatnonzero(low < high)
        return first[held], low[held], high[held], level


def _at_latitude(points: Codes, latitude: int) -> Whole:
    """The places of all points on a parallel, found cell by cell."""
    top = latitude + POLE
    low, high = np.zeros(1, dtype=np.int64), np.array([len(points)])
    first = np.zeros(1, dtype=np.uint64)
    for level in range(GLOBE, 0, -1):
        child, low, high = split(points, first, low, high, level)
        first = first[child >> 2] + ((child & 3) << 2 * (level - 1)).astype(np.uint64)
        _, y = corner(first)
        kept = (y <= top) & (y + (1 << (level - 1)) > top)
        first, low, high = first[kept], low[kept], high[kept]
    return stretches(low, high)


class Edges:
    """Edges on the plane under a tree of boxes, in micro-degrees east of -180 and north of -90 degrees.

    Nodes are numbered from the edges up: ``first`` and ``count`` say which are below, ``box`` is west, south, east,
    north, ``bend`` the edges themselves.
    """

    def __init__(self, parts: Any, turns: Floats) -> None:
        start, end = edges(parts, turns)
        self.start, self.step = start, end - start
        # One more on each side: repaired polygons have corners between whole numbers, and comparing takes roundings.
        boxes = [np.column_stack([np.minimum(start, end) - 1, np.maximum(start, end) + 1])]
        first, count = [np.full(len(start), -1)], [np.zeros(len(start), dtype=np.int64)]
        below = 0
        while (size := len(boxes[-1])) > FAN:
            at = np.arange(0, size, FAN)
            box = boxes[-1]
            boxes.append(np.column_stack([np.minimum.reduceat(box[:, :2], at), np.maximum.reduceat(box[:, 2:], at)]))
            first.append(below + at)
            count.append(np.minimum(FAN, size - at))
            below += size
        self.roots = np.arange(below, below + len(boxes[-1]))
        self.west, self.south, self.east, self.north = np.ascontiguousarray(np.concatenate(boxes).T)
        self.first, self.count = np.concatenate(first), np.concatenate(count)
        self.size = np.maximum(self.east - self.west, self.north - self.south)

    def divide(
        self, points: Codes, first: Codes, low: Whole, high: Whole, level: int
    ) -> tuple[Whole, Whole, Whole, Whole]:
        """Stretches of points that no edge divides (starts, ends), and short ones that an edge may (starts, ends).

        ``first``, ``low`` and ``high`` are the cells at ``level`` to begin with: together they hold all edges.
        """
        cell, node = np.repeat(np.arange(len(first)), len(self.roots)), np.tile(self.roots, len(first))
        alike: list[tuple[Whole, Whole]] = []
        few: list[tuple[Whole, Whole]] = []
        while len(first):
            same = points[low] == points[high - 1]
            left = high - low
            small = ~same & ((left <= _FEW) | (left.sum() <= _FEW_IN_ALL))
            alike.append((low[same], high[same]))
            few.append((low[small], high[small]))
            cell, node, first, low, high = _keep(~(same | small), cell, node, first, low, high)
            x, y = corner(first)
            cell, node = self._meet(cell, node, x, y, 1 << level)
            met = np.zeros(len(first), dtype=np.bool_)
            met[cell] = True
            alike.append((low[~met], high[~met]))
            cell, node, first, low, high = _keep(met, cell, node, first, low, high)
            if not len(first):
                break
            cell, node, first, low, high = self._split(points, cell, node, first, low, high, level)
            level -= 1
        none = (np.empty(0, dtype=np.int64),) * 2
        (a, b), (c, d) = (
            tuple(np.concatenate(side) for side in zip(*(found or [none]), strict=True)) for found in (alike, few)
        )
        return a, b, c, d

    def _meet(self, cell: Whole, node: Whole, x: Whole, y: Whole, width: int) -> tuple[Whole, Whole]:
        """The pairs of a cell and a node that may touch, with nodes no larger than half of the cells."""
        done: list[tuple[Whole, Whole]] = []
        while len(cell):
            cx, cy = x[cell], y[cell]
            touch = (
                (self.west[node] < cx + width) & (self.east[node] >= cx)
                & (self.south[node] < cy + width) & (self.north[node] >= cy)
            )  # fmt: skip
            cell, node = cell[touch], node[touch]
            large = (self.size[node] > width // 2) & (self.count[node] > 0)
            done.append((cell[~large], node[~large]))
            cell, node = cell[large], node[large]
            counts = self.count[node]
            cell, node = np.repeat(cell, counts), stretches(self.first[node], self.first[node] + counts)
        cell, node = (np.concatenate(side) for side in zip(*done, strict=True)) if done else (cell, node)
        # An edge that is long beside the cell may pass its corner by: all of the cell then lies on one side of it.
        long = np.flatnonzero((self.count[node] == 0) & (self.size[node] > width // 2))
        if long.size:
            half = width / 2 + 1
            edge, at = node[long], cell[long]
            dx, dy = self.step[edge].T
            off = (x[at] + half - 1 - self.start[edge, 0]) * dy - (y[at] + half - 1 - self.start[edge, 1]) * dx
            missed = np.abs(off) > half * (np.abs(dx) + np.abs(dy))
            kept = np.ones(len(cell), dtype=np.bool_)
            kept[long[missed]] = False
            cell, node = cell[kept], node[kept]
        return cell, node

    def _split(
        self, points: Codes, cell: Whole, node: Whole, first: Codes, low: Whole, high: Whole, level: int
    ) -> tuple[Whole, Whole, Codes, Whole, Whole]:
        child, low, high = split(points, first, low, high, level)
        place = np.full(4 * len(first), -1)
        place[child] = np.arange(len(child))
        x, y = corner(first)
        middle_x, middle_y = (x + (1 << (level - 1)))[cell], (y + (1 << (level - 1)))[cell]
        west, east = self.west[node] < middle_x, self.east[node] >= middle_x
        south, north = self.south[node] < middle_y, self.north[node] >= middle_y
        sides = (west & south, east & south, west & north, east & north)
        pairs = [(place[4 * cell[side] + quarter], node[side]) for quarter, side in enumerate(sides)]
        cells, nodes = (np.concatenate(side) for side in zip(*pairs, strict=True))
        held = cells >= 0
        deeper = first[child >> 2] + ((child & 3) << 2 * (level - 1)).astype(np.uint64)
        return cells[held], nodes[held], deeper, low, high


def edges(parts: Any, turns: Floats) -> tuple[Floats, Floats]:
    """The edges of geometries, each moved west by its turn: starts and ends (n, 2), east of -180 and north of -90."""
    starts, ends = [np.empty((0, 2))], [np.empty((0, 2))]
    for part, turn in zip(parts, turns, strict=True):
        kind = part.geom_type
        rings = shapely.get_parts(part) if "Line" in kind else shapely.get_rings(part)
        xy, ring = shapely.get_coordinates(rings, return_index=True)
        xy = xy + np.array([HALF - turn, POLE])
        joined = ring[1:] == ring[:-1]
        starts.append(xy[:-1][joined])
        ends.append(xy[1:][joined])
    return np.concatenate(starts), np.concatenate(ends)


def _keep(
    kept: Truth, cell: Whole, node: Whole, first: Codes, low: Whole, high: Whole
) -> tuple[Whole, Whole, Codes, Whole, Whole]:
    """Only these cells, and the pairs that are theirs."""
    place = np.cumsum(kept) - 1
    held = kept[cell]
    return place[cell[held]], node[held], first[kept], low[kept], high[kept]

"""A rim: edges and circles as a tree of balls on the globe, and which points have it within their reach.

- Distances are on the sphere between points in space, so neither the antimeridian nor a pole is special; every reach is
  taken 0.6 % further (:data:`tocsin.place.area.CIRCLE_MARGIN`), which keeps everybody in who is in on the ellipsoid.
- Edges are straight in latitude and longitude: they are cut until a chord lies at most two metres off, and these metres
  are added.
- A cell of which even the farthest point is near enough is taken as a whole; one that no node can reach lies wholly
  inside or outside, which one point of it decides. Only the others are divided, down to their points.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tocsin.place.area import CIRCLE_MARGIN, EARTH_M, Circle
from tocsin.place.ring import HALF, POLE
from tocsin.reach.cell import GLOBE, Codes, Whole, corner, split, stretches
from tocsin.reach.fence import FAN, Floats, Truth

_FEW = 24
_OFF_M = 2.0


class Rim:
    """What has to be near: edges (starts and ends, n x 2, micro-degrees east of -180, north of -90) and circles."""

    def __init__(self, starts: Floats, ends: Floats, circles: Sequence[Circle]) -> None:
        starts, ends = _cut(starts, ends)
        spots = np.array([(one.longitude + HALF, one.latitude + POLE) for one in circles], dtype=np.float64)
        start = np.concatenate([vectors(*starts.T), vectors(*spots.reshape(-1, 2).T)])
        end = np.concatenate([vectors(*ends.T), start[len(starts) :]])
        middle = vectors(*((starts + ends) / 2).T)
        off = _arc(_length(middle - (start[: len(starts)] + end[: len(starts)]) / 2))
        # A circle is reached at its own radius already, an edge at as much as its chord may lie off it.
        self.grace = np.concatenate([off, [one.radius_km * 1000 * CIRCLE_MARGIN for one in circles]])
        self.start, self.step = start, end - start
        self.square = np.maximum((self.step**2).sum(axis=1), 1e-300)
        self._build(start, end)

    def _build(self, start: Floats, end: Floats) -> None:
        size = len(start)
        centre, radius, most, own = [start], [_arc(_length(end - start))], [self.grace], [self.grace]
        first, count = [np.full(size, -1)], [np.zeros(size, dtype=np.int64)]
        below, span = 0, 1
        while (size := len(centre[-1])) > FAN:
            at = np.arange(0, size, FAN)
            span *= FAN
            # The ball stands on the start of an edge in the middle of its stretch: that point itself is on the rim.
            middle = np.minimum(np.arange(0, len(start), span) + span // 2, len(start) - 1)
            owner = np.arange(len(start)) // span
            away = np.maximum(_length(start - start[middle][owner]), _length(end - start[middle][owner]))
            centre.append(start[middle])
            radius.append(_arc(np.maximum.reduceat(away, np.arange(0, len(start), span))))
            most.append(np.maximum.reduceat(most[-1], at))
            own.append(self.grace[middle])
            first.append(below + at)
            count.append(np.minimum(FAN, size - at))
            below += size
        self.roots = np.arange(below, below + len(centre[-1]))
        self.centre = tuple(np.ascontiguousarray(np.concatenate(centre).T))
        # A thousandth of a metre covers what these sums are rounded by.
        self.radius, self.most, self.own = np.concatenate(radius) + 1e-3, np.concatenate(most), np.concatenate(own)
        self.first, self.count = np.concatenate(first), np.concatenate(count)

    def stretches(
        self, points: Codes, radii: Any, least_m: float, most_m: float,
        inside: Callable[[Codes], Truth] | None,
    ) -> tuple[Whole, Whole, Whole]:  # fmt: skip
        """Where in sorted codes those are who have the rim within their reach, or lie inside it.

        ``radii`` in metres, one for all or one for each, none below ``least_m`` or above ``most_m``. ``inside`` says
        for sorted codes whether they lie in the area itself. Gives stretches (starts, ends) and single
        places.
        """
        least, most = least_m * CIRCLE_MARGIN, most_m * CIRCLE_MARGIN
        first, low, high = np.zeros(1, dtype=np.uint64), np.zeros(1, dtype=np.int64), np.array([len(points)])
        cell, node = np.zeros(len(self.roots), dtype=np.int64), self.roots
        taken: list[tuple[Whole, Whole]] = []
        apart: list[tuple[Whole, Whole]] = []
        few: list[tuple[Whole, Whole]] = []
        pairs: list[tuple[Whole, Whole]] = []
        held = 0
        for level in range(GLOBE, -1, -1):
            x, y = corner(first)
            width = (1 << level) - 1
            centre, around = vectors(x + width / 2, y + width / 2), _around(y, width)
            cell, node, near = self._near(centre, around, cell, node, most)
            done = near + around <= least
            taken.append((low[done], high[done]))
            met = np.zeros(len(first), dtype=np.bool_)
            met[cell] = True
            alone = ~met & ~done
            apart.append((low[alone], high[alone]))
            small = met & ~done & ((high - low <= _FEW) | (points[low] == points[high - 1]))
            few.append((low[small], high[small]))
            place = np.cumsum(small) - 1 + held
            own = small[cell]
            pairs.append((place[cell[own]], node[own]))
            held += int(small.sum())
            going = met & ~done & ~small
            if not going.any():
                break
            child, low, high = split(points, first[going], low[going], high[going], level)
            place, own = np.cumsum(going) - 1, going[cell]
            cell, node = _four(place[cell[own]], node[own], child, int(going.sum()))
            first = first[going][child >> 2] + ((child & 3) << 2 * (level - 1)).astype(np.uint64)
        few_low, few_high = _joined(few)
        single = self._points(points, radii, least, most, few_low, few_high, *_joined(pairs), inside)
        low, high = _joined(taken)
        if inside is not None:
            apart_low, apart_high = _joined(apart)
            order = np.argsort(apart_low)
            within = np.empty(len(order), dtype=np.bool_)
            within[order] = inside(points[apart_low[order]])
            low, high = np.concatenate([low, apart_low[within]]), np.concatenate([high, apart_high[within]])
        return low, high, single

    def reached(self, points: Codes, radii: Any) -> Truth:
        """For each point, whether the rim is within its reach; ``radii`` in metres, one for each."""
        at = vectors(*corner(points))
        count = len(at)
        target, node = np.repeat(np.arange(count), len(self.roots)), np.tile(self.roots, count)
        reach = radii * CIRCLE_MARGIN
        found: Truth = self._distances(at, target, node, float(reach.max(initial=0.0)), None) <= reach
        return found

    def _points(
        self, points: Codes, radii: Any, least: float, most: float, low: Whole, high: Whole,
        cell: Whole, node: Whole, inside: Callable[[Codes], Truth] | None,
    ) -> Whole:  # fmt: skip
        """Of the points of small cells (stretches, with their nodes), those who are reached or inside."""
        order = np.argsort(low)
        place = np.empty(len(low), dtype=np.int64)
        place[order] = np.arange(len(low))
        low, high, cell = low[order], high[order], place[cell]
        place = stretches(low, high)
        if not place.size:
            return place
        found = points[place]
        # Many may share one spot: what is only asked for a coarse place is asked once.
        new = np.concatenate([[True], found[1:] != found[:-1]])
        owner = np.repeat(np.arange(len(low)), high - low)
        spot, target = np.flatnonzero(new), np.cumsum(new) - 1
        x, y = corner(found[spot])
        at = vectors(x.astype(float), y.astype(float))
        order = np.argsort(cell, kind="stable")
        counts = np.bincount(cell, minlength=len(low))
        begins = np.cumsum(counts) - counts
        each = counts[owner[spot]]
        asked = np.repeat(np.arange(len(spot)), each)
        nodes = node[order][stretches(begins[owner[spot]], begins[owner[spot]] + each)]
        away = self._distances(at, asked, nodes, most, least if radii.size == 1 or least == most else None)
        reach = (radii if radii.size == 1 else radii[place]) * CIRCLE_MARGIN
        near = away[target] <= reach
        if inside is not None:
            rest = np.flatnonzero(away > least)
            within = np.zeros(len(spot), dtype=np.bool_)
            within[rest] = inside(found[spot[rest]])
            near |= within[target]
        found_at: Whole = place[near]
        return found_at

    def _near(
        self, centre: Floats, around: Floats, cell: Whole, node: Whole, most: float
    ) -> tuple[Whole, Whole, Floats]:
        """The pairs that matter, with nodes about as large as the cells, and how far at most the rim is from each."""
        near = np.full(len(centre), np.inf)
        done: list[tuple[Whole, Whole, Floats]] = []
        while len(cell):
            away = self._away(centre, cell, node)
            np.minimum.at(near, cell, away - self.own[node])
            low = away - self.radius[node] - self.most[node]
            # The nearest edge of any point in the cell is at most twice the cell's own size further than its centre's.
            kept = low <= np.minimum(near[cell] + 2 * around[cell], most + around[cell])
            cell, node, low = cell[kept], node[kept], low[kept]
            large = (self.count[node] > 0) & (self.radius[node] > around[cell] / 2)
            done.append((cell[~large], node[~large], low[~large]))
            cell, node = self._open(cell[large], node[large])
        if not done:
            return cell, node, near
        cell, node, low = (np.concatenate(side) for side in zip(*done, strict=True))
        kept = low <= near[cell] + 2 * around[cell]
        return cell[kept], node[kept], near

    def _distances(self, at: Floats, target: Whole, node: Whole, most: float, enough: float | None) -> Floats:
        """How far the rim is from each point, where it is no farther than ``most``; not lower than ``enough``."""
        nearest = np.full(len(at), np.inf)
        while len(target):
            away = self._away(at, target, node)
            np.minimum.at(nearest, target, away - self.own[node])
            low = away - self.radius[node] - self.most[node]
            kept = (low <= nearest[target]) & (low <= most)
            if enough is not None:
                kept &= nearest[target] > enough
            target, node = target[kept], node[kept]
            edge = self.count[node] == 0
            self._to_edges(at, target[edge], node[edge], nearest)
            target, node = self._open(target[~edge], node[~edge])
        return nearest

    def _away(self, centre: Floats, cell: Whole, node: Whole) -> Floats:
        x, y, z = centre.T
        a, b, c = self.centre
        square = (x[cell] - a[node]) ** 2 + (y[cell] - b[node]) ** 2 + (z[cell] - c[node]) ** 2
        return _arc(np.sqrt(square))

    def _to_edges(self, at: Floats, target: Whole, edge: Whole, nearest: Floats) -> None:
        """Lower ``nearest`` to the distances of these edges."""
        step, off = self.step[edge], at[target] - self.start[edge]
        along = np.clip((off * step).sum(axis=1) / self.square[edge], 0.0, 1.0)
        away = _arc(_length(off - step * along[:, None]))
        np.minimum.at(nearest, target, away - self.grace[edge])

    def _open(self, cell: Whole, node: Whole) -> tuple[Whole, Whole]:
        counts = self.count[node]
        return np.repeat(cell, counts), stretches(self.first[node], self.first[node] + counts)


def vectors(x: Any, y: Any) -> Floats:
    """Points east of -180 and north of -90 degrees, in micro-degrees, as (n, 3) places on a globe of radius 1."""
    lon, lat = np.deg2rad(np.asarray(x) / 1e6), np.deg2rad(np.asarray(y) / 1e6 - 90)
    flat = np.cos(lat)
    found: Floats = np.column_stack([flat * np.cos(lon), flat * np.sin(lon), np.sin(lat)])
    return found


def _around(y: Whole, width: int) -> Floats:
    """How far a point of a cell can be from its middle, in metres: half its height and half its longest parallel."""
    half = np.deg2rad(width / 2e6) * EARTH_M
    low, high = y - POLE, y + width - POLE
    nearest = np.where((low <= 0) & (high >= 0), 0, np.minimum(np.abs(low), np.abs(high)))
    wide = np.cos(np.deg2rad(np.minimum(nearest, POLE) / 1e6))
    found: Floats = np.minimum(half * (1 + wide), np.pi * EARTH_M) + 1e-3
    return found


def _cut(starts: Floats, ends: Floats) -> tuple[Floats, Floats]:
    """Edges cut so that chords lie about two metres off them at most."""
    if not len(starts):
        return starts, ends
    step = np.abs(np.deg2rad((ends - starts) / 1e6))
    high = np.deg2rad(np.minimum(np.maximum(np.abs(starts[:, 1] - POLE), np.abs(ends[:, 1] - POLE)) / 1e6, 89.99))
    low = np.deg2rad(np.minimum(np.abs(starts[:, 1] - POLE), np.abs(ends[:, 1] - POLE)) / 1e6)
    length = EARTH_M * np.hypot(step[:, 0] * np.cos(low), step[:, 1])
    # The chord sinks by L^2 / 8R below the ground and lies as much times the tangent of the latitude beside the edge.
    parts = np.ceil(length / np.sqrt(8 * EARTH_M * _OFF_M / (1 + np.tan(high)))).astype(np.int64)
    parts = np.clip(parts, 1, 20_000)
    edge = np.repeat(np.arange(len(starts)), parts)
    nth = stretches(np.zeros(len(parts), dtype=np.int64), parts)
    step = (ends - starts)[edge] / parts[edge][:, None]
    begin = starts[edge] + step * nth[:, None]
    return begin, np.where((nth + 1 == parts[edge])[:, None], ends[edge], begin + step)


def _four(cell: Whole, node: Whole, child: Whole, cells: int) -> tuple[Whole, Whole]:
    """Each pair of a cell and a node, for those of the cell's quarters that there are."""
    place = np.full(4 * cells, -1)
    place[child] = np.arange(len(child))
    quarters = place[(4 * cell[:, None] + np.arange(4)).ravel()]
    held = quarters >= 0
    return quarters[held], np.repeat(node, 4)[held]


def _joined(found: list[tuple[Whole, Whole]]) -> tuple[Whole, Whole]:
    if not found:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    left, right = zip(*found, strict=True)
    return np.concatenate(left), np.concatenate(right)


def _length(vector: Floats) -> Floats:
    found: Floats = np.sqrt((vector**2).sum(axis=-1))
    return found


def _arc(chord: Floats) -> Floats:
    """Metres along the ground for lengths straight through a globe of radius 1."""
    found: Floats = 2 * EARTH_M * np.arcsin(np.minimum(chord / 2, 1.0))
    return found

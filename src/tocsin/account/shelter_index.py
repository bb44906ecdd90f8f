"""The index of shelters: the nearest ones to a point, exactly, in well under a millisecond among a hundred thousand.

- Points lie sorted by latitude; a band around the question is looked at, and widened until nobody outside of it can be
  nearer. Distances are on the sphere, so the antimeridian and the poles are places like any other.
- Rows are kept as the bytes they came in and read when they are asked for: a hundred thousand are some 20 MB.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
import shapely

from tocsin.account.shelter import Shelter

EARTH_M = 6_371_008.8
_FIRST_BAND_M = 400.0
_FEW = 200
_DECODER = msgspec.json.Decoder(Shelter)


class Index:
    """Shelters that are there, by place and by id. """

    def __init__(self, rows: Sequence[tuple[str, int, int, bytes]] = ()) -> None:
        """``rows``: id, latitude and longitude in micro-degrees, and the shelter as JSON."""
        latitude = np.array([row[1] for row in rows], dtype=np.int64)
        order = np.argsort(latitude, kind="stable")
        self._latitude = np.deg2rad(latitude[order] / 1e6)
        longitude = np.deg2rad(np.array([row[2] for row in rows], dtype=np.float64)[order] / 1e6)
        flat = np.cos(self._latitude)
        self._points = np.column_stack([flat * np.cos(longitude), flat * np.sin(longitude), np.sin(self._latitude)])
        self._bodies = [rows[place][3] for place in order.tolist()]
        self._at = {rows[place][0]: at for at, place in enumerate(order.tolist())}

    def __len__(self) -> int:
        return len(self._bodies)

    def __contains__(self, identity: object) -> bool:
        return identity in self._at

    def get(self, identity: str) -> Shelter | None:
        """The shelter with this id; None if there is none."""
        at = self._at.get(identity)
        return _DECODER.decode(self._bodies[at]) if at is not None else None

    def __iter__(self) -> Iterator[Shelter]:
        return (_DECODER.decode(body) for body in self._bodies)

    def nearest(self, latitude: int, longitude: int, most_m: float = float("inf")) -> Iterator[tuple[float, Shelter]]:
        """Shelters with their distance in metres from a point in micro-degrees, nearest first, to ``most_m``; lazily."""
        north, east = np.deg2rad(latitude / 1e6), np.deg2rad(longitude / 1e6)
        here = np.array([np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north)])
        band, told = _FIRST_BAND_M, -1.0
        while len(self):
            low, high = np.searchsorted(self._latitude, [north - band / EARTH_M, north + band / EARTH_M]).tolist()
            apart = self._points[low:high] - here
            chord = np.einsum("ij,ij->i", apart, apart)
            whole = low == 0 and high == len(self)
            # What lies nearer than the band is wide cannot be beaten by anybody outside of it.
            sure = most_m if whole else min(band, most_m)
            chosen = np.flatnonzero((chord <= _squared(sure)) & (chord > told))
            for at in _in_order(chord, chosen):
                yield 2 * EARTH_M * math.asin(min(1.0, math.sqrt(chord[at]) / 2)), _DECODER.decode(self._bodies[low + at])
            if whole or band >= most_m:
                return
            told, band = _squared(sure), band * 4

    def within(self, areas: Sequence[Any]) -> Iterator[Shelter]:
        """Shelters whose point one of the shapely polygons in micro-degrees covers."""
        latitude = np.rint(np.rad2deg(self._latitude) * 1e6)
        longitude = np.rint(np.rad2deg(np.arctan2(self._points[:, 1], self._points[:, 0])) * 1e6)
        inside = np.zeros(len(self), dtype=np.bool_)
        for area in areas:
            shapely.prepare(area)
            inside |= shapely.intersects_xy(area, longitude, latitude)
        for at in np.flatnonzero(inside).tolist():
            yield _DECODER.decode(self._bodies[at])


def _squared(away_m: float) -> float:
    """The squared chord, on a sphere of radius 1, of a distance on the Earth."""
    return float((2 * math.sin(min(away_m / EARTH_M, math.pi) / 2)) ** 2)


def _in_order(chord: Any, chosen: Any) -> Iterator[int]:
    """``chosen`` by their distance; of many only the first are put in order unless more are asked for."""
    if len(chosen) > _FEW:
        # Who asks for five of a hundred thousand must not wait until all of them are sorted.
        parted = chosen[np.argpartition(chord[chosen], _FEW)]
        first = parted[:_FEW]
        yield from first[np.argsort(chord[first], kind="stable")].tolist()
        chosen = parted[_FEW:]
    yield from chosen[np.argsort(chord[chosen], kind="stable")].tolist()

"""Boxes: which of very many a point may lie in, told by their bounds alone.

- What is found is more rather than less than what covers the point: whoever asks judges each of the few.
- A box takes sixteen bytes, and all are compared at once: a hundred thousand in a fraction of a millisecond, so nothing
  has to be built before the first question.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Generic, TypeVar

import numpy as np

from tocsin.place.ring import FULL, HALF

Key = TypeVar("Key")

Box = tuple[int, int, int, int]
"""South, west, north, east in micro-degrees; west is never greater than east."""

_LEAST = 64


class Boxes(Generic[Key]):
    """Boxes by key; a key may have several."""

    def __init__(self) -> None:
        self._sides = np.empty((4, _LEAST), dtype=np.int32)
        self._keys: list[Key] = []

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, key: Key, boxes: Iterable[Box]) -> None:
        """Take in boxes under ``key``, beside those that it has."""
        for box in boxes:
            place = len(self._keys)
            if place == self._sides.shape[1]:
                self._sides = np.concatenate([self._sides, np.empty_like(self._sides)], axis=1)
            self._sides[:, place] = box
            self._keys.append(key)

    def keep(self, keys: Container[Key]) -> None:
        """Forget the boxes of all others than ``keys``."""
        kept = [place for place, key in enumerate(self._keys) if key in keys]
        self._keys = [self._keys[place] for place in kept]
        sides = np.empty((4, max(_LEAST, 2 * len(kept))), dtype=np.int32)
        sides[:, : len(kept)] = self._sides[:, kept]
        self._sides = sides

    def at(self, latitude: int, longitude: int) -> list[Key]:
        """The keys that have a box around the point (micro-degrees), an edge included, each once and in their order."""
        south, west, north, east = self._sides[:, : len(self._keys)]
        x = (longitude + HALF) % FULL - HALF
        across = (west <= x) & (east >= x)
        if x == -HALF:
            # The 180th meridian is the west end of some and the east end of others.
            across |= east >= HALF
        found = np.flatnonzero(across & (south <= latitude) & (north >= latitude))
        return list(dict.fromkeys(self._keys[place] for place in found.tolist()))

"""The shipped map of the world: what :mod:`tocsin.place.gazetteer` reads names and lines from.

- Names are read without any geometry, and geometry one country at a time: a page for Ukraine never unpacks Canada.
- The lines are Natural Earth's, 1:10m and simplified: for display and for coarse matching only.

``tools/build_world.py`` writes the file and says how it is laid out.
"""

from __future__ import annotations

import struct
import zlib
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from tocsin.errors import StoreError

_FILE: Traversable = resources.files("tocsin.place") / "data" / "world.bin"
_HEAD = 16
# Three decimals of a degree in the file, micro-degrees here.
_GRID = 1000

Ring = np.ndarray[Any, np.dtype[np.int64]]


class Names(Struct, frozen=True):
    """The names part of the file: columns, one entry an area."""

    languages: tuple[str, ...]
    source: str
    zones: tuple[str, ...]
    codes: str
    zone: tuple[int, ...]
    latitude: tuple[int, ...]
    longitude: tuple[int, ...]
    names: dict[str, str]
    others: str
    short: dict[str, dict[str, str]]
    groups: dict[str, str]
    aliases: dict[str, str]


def _read(start: int, length: int) -> bytes:
    with _FILE.open("rb") as file:
        file.seek(start)
        return file.read(length)


@cache
def _lengths() -> tuple[int, int]:
    head = _read(0, _HEAD)
    if head[:8] != b"TOCSINW2":
        raise StoreError("The map of the world that came with this program is damaged: install it again.")
    first, second = struct.unpack("<II", head[8:])
    return first, second


def names() -> Names:
    """The names part, unpacked. Not kept: the gazetteer keeps what it makes of it."""
    first, _ = _lengths()
    return msgspec.json.decode(zlib.decompress(_read(_HEAD, first)), type=Names)


class _Chunk(Struct, frozen=True):
    start: int
    length: int
    shapes: dict[str, tuple[tuple[int, int, int, int], list[list[int]]]]


@cache
def _index() -> dict[str, _Chunk]:
    first, second = _lengths()
    rows: dict[str, Any] = msgspec.json.decode(zlib.decompress(_read(_HEAD + first, second)))
    start = _HEAD + first + second
    index = {}
    for country, (length, shapes) in rows.items():
        index[country] = _Chunk(start, length, shapes)
        start += length
    return index


@cache
def boxes() -> tuple[tuple[str, ...], np.ndarray[Any, np.dtype[np.int64]]]:
    """The codes that have lines, and their boxes (n, 4) in micro-degrees: south, west, north, east."""
    codes: list[str] = []
    rows: list[tuple[int, int, int, int]] = []
    for chunk in _index().values():
        for code, (box, _) in chunk.shapes.items():
            codes.append(code)
            rows.append(box)
    return tuple(codes), np.array(rows, dtype=np.int64) * _GRID


def drawn(country: str) -> tuple[str, ...]:
    """The codes of this country that have lines of their own: its regions, and itself for ground outside any region."""
    chunk = _index().get(country)
    return tuple(chunk.shapes) if chunk else ()


def polygons(country: str) -> dict[str, list[list[Ring]]]:
    """The lines of a country by area code: polygons as rings (shell, then holes) of int64 latitude, longitude."""
    chunk = _index().get(country)
    if chunk is None:
        return {}
    raw = np.frombuffer(zlib.decompress(_read(chunk.start, chunk.length)), dtype=np.uint8)
    steps = raw.reshape(2, -1).T.copy().view("<i2").reshape(2, -1).astype(np.int64)  # Longitudes, then latitudes.
    result: dict[str, list[list[Ring]]] = {}
    at = 0
    for code, (_, lengths) in chunk.shapes.items():
        last = np.zeros((2, 1), dtype=np.int64)
        rows: list[list[Ring]] = []
        for counts in lengths:
            rings: list[Ring] = []
            for count in counts:
                # Two entries hold where a ring starts (quotient and remainder by 4,096), the others its steps.
                first = last + steps[:, at : at + 1] * 4096 + steps[:, at + 1 : at + 2]
                points = np.concatenate([first, first + np.cumsum(steps[:, at + 2 : at + 1 + count], axis=1)], axis=1)
                at += count + 1
                last = points[:, -1:]
                rings.append(np.ascontiguousarray(points[::-1].T) * _GRID)
            rows.append(rings)
        result[code] = rows
    return result

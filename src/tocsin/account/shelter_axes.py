"""Latitude and longitude that changed places: found out by evidence and put right, and said; never guessed.

- A row lies far from all others as it is written, and among them when exchanged.
- A whole file lies in its country only when exchanged: the one that a mapping names, or one where people write in the
  letters of the file, when the file as it is written lies where nobody does.

The producers of lists mix up the order of GeoJSON (longitude first) and of people (latitude first); RFC 7946, 3.1.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from tocsin.account.importing import Fault
from tocsin.errors import ImportFileError
from tocsin.place.area import EARTH_M, swapped
from tocsin.place.gazetteer import Gazetteer
from tocsin.remark import remark

NEAR_M, FAR_M = 100_000.0, 500_000.0
FEW = 5
"""Among fewer rows than this nobody can say which of them is the odd one."""
_CYRILLIC = frozenset(["UA", "BY", "RU", "BG", "RS", "MK", "MD", "KZ", "KG", "TJ", "MN", "ME", "BA", "UZ"])


def put_right(points: Any, numbers: Sequence[int], said: Sequence[str], country: str) -> tuple[Any, list[Fault]]:
    """The points, (n, 2) latitude and longitude in degrees, with those exchanged that must be, and what was found.

    ``numbers`` are their rows', ``said`` their names and addresses, ``country`` an ISO code or nothing.
    """
    where = country or _written_in(said, points)
    if where and (why := file_swapped(points, where)):
        return points[:, ::-1], [
            Fault(
                0,
                "place.axes-swapped",
                remark("import.axes-all", "Latitude and longitude of all rows are exchanged: {why}.", why=why),
            )
        ]
    if len(points) < FEW:
        return points, []
    points, faults = points.copy(), []
    middle = np.median(points, axis=0)
    away, turned = distances(points, middle), distances(points[:, ::-1], middle)
    for index in np.flatnonzero((away > FAR_M) & (turned < NEAR_M)).tolist():
        points[index] = points[index, ::-1].copy()
        text = remark("import.axes", "Latitude and longitude stand in each other's place; put right.")
        faults.append(Fault(numbers[index], "place.axes-swapped", text))
    # Most lie in one city: what lies in another country is a slip of the pen, but nobody can say which.
    if float(np.quantile(away, 0.9)) < NEAR_M:
        for index in np.flatnonzero((away > FAR_M) & (turned >= NEAR_M)).tolist():
            faults.append(
                Fault(
                    numbers[index],
                    "place.far",
                    remark("import.far", "This lies far from all others; look at its coordinates."),
                )
            )
    return points, faults


def file_swapped(points: Any, country: str) -> str | None:
    """Why all points must be exchanged for this country; None when they need not."""
    world = Gazetteer.world()
    if country.upper() not in world:
        raise ImportFileError(
            remark("import.file.country", "the mapping file: no country has the code {country}", country=country)
        )
    return swapped([[np.rint(points * 1e6).astype(np.int64)]], world.shape(country.upper()))


def distances(points: Any, middle: Any) -> Any:
    """Metres from each of (n, 2) latitude, longitude in degrees to one of them; beyond a pole as if it were the pole."""
    lat, lon = np.deg2rad(np.clip(points[:, 0], -90, 90)), np.deg2rad(points[:, 1])
    here, there = np.deg2rad(middle[0]), np.deg2rad(middle[1])
    half = np.sin((lat - here) / 2) ** 2 + np.cos(lat) * np.cos(here) * np.sin((lon - there) / 2) ** 2
    return 2 * EARTH_M * np.arcsin(np.sqrt(np.clip(half, 0, 1)))


def _written_in(said: Sequence[str], points: Any) -> str:
    """The country that text in Cyrillic points to, when these points lie where nobody writes so but not exchanged."""
    letters = [letter for text in said[:50] for letter in text if letter.isalpha()]
    if sum("\u0400" <= letter <= "\u04ff" for letter in letters) <= len(letters) / 2:
        return ""
    latitude, longitude = np.median(points, axis=0).tolist()
    if _country(latitude, longitude) in _CYRILLIC:
        return ""
    turned = _country(longitude, latitude) if abs(longitude) <= 90 else ""
    return turned if turned in _CYRILLIC else ""


def _country(latitude: float, longitude: float) -> str:
    found = Gazetteer.world().at(round(latitude * 1e6), round(longitude * 1e6))
    return found[0].code[:2] if found else ""


@lru_cache(maxsize=10_000)
def zone(latitude: int, longitude: int) -> str:
    """The time zone at a point, given in fifths of a degree: zones are larger than that nearly everywhere."""
    found = Gazetteer.world().at(latitude * 200_000, longitude * 200_000)
    return found[0].zone if found else "Etc/UTC"

"""Writes src/tocsin/cap/data/bounds.json: the bounds of each country in whole degrees, outward, from the gazetteer.

Run it again after the gazetteer's data change: ``python tools/country_bounds.py``. A test compares the two.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

from tocsin.place.gazetteer import Gazetteer

TARGET = Path(__file__).parents[1] / "src" / "tocsin" / "cap" / "data" / "bounds.json"


def bounds() -> dict[str, list[int]]:
    """South, west, north, east of each country; west is greater than east across the date line."""
    world = Gazetteer.world()
    found: dict[str, list[int]] = {}
    for code in sorted(place.code for place in world if place.level == 0):
        shape = world.shape(code)
        if shape is not None and shape.bounds is not None:
            south, west, north, east = (edge / 1_000_000 for edge in shape.bounds)
            found[code] = [math.floor(south), math.floor(west), math.ceil(north), math.ceil(east)]
    return found


if __name__ == "__main__":
    TARGET.write_text(json.dumps(bounds(), separators=(",", ":")) + "\n")

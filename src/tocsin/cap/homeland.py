"""Homeland: in which countries an alert's sender warns, and whether its shapes lie there only with their axes swapped.

- A country is told by the region of a language tag, an ISO 3166 geocode, or the end of the sender's domain.
- Swapped axes are only reported here and never put in order: a shape in the wrong sea may also be true.
- Bounds are whole degrees, outward (``tools/country_bounds.py`` writes them from the gazetteer).

Incident: one national service's composer published swapped axes for months (quirk 56).
"""

from __future__ import annotations

import json
from functools import cache, lru_cache
from importlib.resources import files

from tocsin.cap.alert import Alert, Info
from tocsin.cap.problem import Findings

MICRO = 1_000_000
Box = tuple[int, int, int, int]


@cache
def bounds() -> dict[str, Box]:
    """South, west, north, east of each country in degrees; west is greater than east across the date line."""
    raw = json.loads(files("tocsin.cap").joinpath("data", "bounds.json").read_text("utf-8"))
    return {code: (box[0], box[1], box[2], box[3]) for code, box in raw.items()}


@lru_cache(maxsize=1024)
def told(sender: str, language: str) -> tuple[Box, ...]:
    """The bounds of the countries that a sender's domain and a language tag point at."""
    end = sender.rpartition("@")[2].rpartition(".")[2].upper()
    region = language[-2:].upper() if language[-3:-2] == "-" else ""
    known = bounds()
    return tuple(known[code] for code in dict.fromkeys(("GB" if end == "UK" else end, region)) if code in known)


def _boxes(alert: Alert, info: Info) -> tuple[Box, ...]:
    """The bounds of all countries that ``info`` points at."""
    boxes = told(alert.sender, info.language)
    if boxes:
        return boxes
    for area in info.areas:
        for code in area.geocodes:
            if code.name[:3] in ("ISO", "iso"):
                box = bounds().get(code.value[:2].upper())
                if box is not None:
                    boxes = (*boxes, box) if box not in boxes else boxes
    return boxes


def _inside(box: Box, shape: Box) -> bool:
    """Whether ``shape`` (micro-degrees) lies wholly within ``box`` (degrees)."""
    south, west, north, east = box
    if shape[0] < south * MICRO or shape[2] > north * MICRO:
        return False
    if west <= east:
        return west * MICRO <= shape[1] and shape[3] <= east * MICRO
    return shape[1] >= west * MICRO or shape[3] <= east * MICRO


def swapped(alert: Alert, found: Findings) -> None:
    """Note each area whose shapes lie in the sender's country only when latitude and longitude change places."""
    for at, info in enumerate(alert.infos, 1):
        boxes: tuple[Box, ...] | None = None
        for number, area in enumerate(info.areas, 1):
            if not area.polygons and not area.circles:
                continue
            if boxes is None:
                boxes = _boxes(alert, info)
            if not boxes:
                break
            # One point within the country is enough to see that nothing is swapped: that is nearly always so.
            if area.polygons:
                points = area.polygons[0].points
                latitude, longitude = points.item(0), points.item(1)
            else:
                latitude, longitude = area.circles[0].latitude, area.circles[0].longitude
            point = (latitude, longitude, latitude, longitude)
            if _touches(boxes[0], point) or any(_touches(box, point) for box in boxes[1:]):
                continue
            shapes: list[Box] = []
            for polygon in area.polygons:
                up, right = polygon.points[:, 0], polygon.points[:, 1]
                shapes.append((int(up.min()), int(right.min()), int(up.max()), int(right.max())))
            shapes += [(c.latitude, c.longitude, c.latitude, c.longitude) for c in area.circles]
            south, west = min(shape[0] for shape in shapes), min(shape[1] for shape in shapes)
            north, east = max(shape[2] for shape in shapes), max(shape[3] for shape in shapes)
            whole, turned = (south, west, north, east), (west, south, east, north)
            if any(_inside(box, turned) for box in boxes) and not any(_touches(box, whole) for box in boxes):
                path = f"alert/info[{at}]/area[{number}]"
                found.add("geometry.swapped-likely", path, f"{south / MICRO:g},{west / MICRO:g}")


def _touches(box: Box, shape: Box) -> bool:
    """Whether ``shape`` has a part within ``box``."""
    south, west, north, east = box
    if shape[2] < south * MICRO or shape[0] > north * MICRO:
        return False
    if west <= east:
        return shape[3] >= west * MICRO and shape[1] <= east * MICRO
    return shape[3] >= west * MICRO or shape[1] <= east * MICRO

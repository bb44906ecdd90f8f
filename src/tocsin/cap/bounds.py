"""Bounds: the boxes within which a message draws all that it is for, told from its text before anybody reads it.

- Only where there is no doubt: each area has a shape of its own in the standard's plain form that surely encloses
  something, and nothing stands in the text that may hide or make an element. Else nothing is said, and whoever asks has
  to read the message.
- For a point the issuer's own shape decides (:mod:`tocsin.cap.coverage`), so a point outside of these boxes is not
  concerned. It takes a tenth of the time of reading and judging the message.
"""

from __future__ import annotations

import re
from functools import lru_cache

from tocsin.cap import geometry
from tocsin.cap.problem import Findings
from tocsin.place.area import Shape
from tocsin.place.boxes import Box
from tocsin.place.ring import HALF

MOST_SHAPES = 200
"""A message with more areas or shapes than this is read: readers have bounds of their own for such ones."""

_ROOT = re.compile(r"<((?:[A-Za-z][\w.-]*:)?)alert[\s>]")
_ORDER = re.compile(r"(?:i(?:aA)*I)+")


# The situation and the register of a house are told of the same message one after the other.
@lru_cache(4)
def bounds(message: str) -> tuple[Box, ...] | None:
    """The boxes around all that the CAP ``message`` draws; None where it may hold elsewhere too, or nobody can tell."""
    if "polygon>" not in message and "circle>" not in message:
        return None
    root = _ROOT.search(message)
    if root is None or message.count(f"<{root[1]}alert") != 1 or "<!" in message or message.find("<?", 5) >= 0:
        return None
    areas = _areas(message, root[1])
    if areas is None:
        return None
    boxes: dict[Box, None] = {}
    known: dict[str, tuple[Box, ...] | None] = {}
    for area in areas:
        # An alert in four languages repeats its areas four times.
        if area not in known:
            known[area] = _area(area, root[1])
        found = known[area]
        if found is None or len(boxes) > MOST_SHAPES:
            return None
        boxes.update(dict.fromkeys(found))
    return tuple(boxes)


def _areas(message: str, prefix: str) -> list[str] | None:
    """The insides of all areas; None when they stand anywhere but one after the other in infos."""
    order: list[str] = []
    areas: list[str] = []
    start = 0
    for tag in re.finditer(rf"<(/?){re.escape(prefix)}(info|area)>", message):
        order.append(tag[2][0].upper() if tag[1] else tag[2][0])
        if order[-1] == "a":
            start = tag.end()
        elif order[-1] == "A":
            areas.append(message[start : tag.start()])
    plain = len(order) == message.count("info>") + message.count("area>")
    if not plain or not 0 < len(areas) <= MOST_SHAPES or not _ORDER.fullmatch("".join(order)):
        return None
    return areas


def _area(inside: str, prefix: str) -> tuple[Box, ...] | None:
    """The boxes of one area."""
    shapes = re.findall(rf"<{re.escape(prefix)}(polygon|circle)>([^<]*)</", inside)
    if not 0 < len(shapes) <= MOST_SHAPES or 2 * len(shapes) != inside.count("polygon") + inside.count("circle"):
        return None
    boxes: list[Box] = []
    for kind, text in shapes:
        found = _polygon(text) if kind == "polygon" else _circle(text)
        if found is None:
            return None
        boxes += found
    return tuple(boxes)


def _polygon(text: str) -> list[Box] | None:
    box = geometry.box(text)
    return [box] if box is not None else None


def _circle(text: str) -> list[Box] | None:
    wrong = Findings()
    circle = geometry.circle(text, wrong, "", None)
    if circle is None or wrong.found:
        return None
    bounds = Shape.of((), [(circle.latitude, circle.longitude, circle.radius_km)]).bounds
    if bounds is None:
        return None
    south, west, north, east = bounds
    # Bounds are rounded, and a float's formula makes them: some micro-degrees more lose nobody.
    south, west, north, east = south - 9, max(west - 9, -HALF), north + 9, min(east + 9, HALF)
    return [(south, west, north, east)] if west <= east else [(south, west, north, HALF), (south, -HALF, north, east)]

"""The bounds of a message hold all that it draws, and are told only where that decides."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime

import msgspec
import numpy as np
import pytest

from tocsin.cap.alert import Alert, Area, Circle, Info, Named, Polygon
from tocsin.cap.bounds import bounds
from tocsin.cap.coverage import Coverage, Point
from tocsin.cap.xml import read, write
from tocsin.place.gazetteer import Gazetteer

CODE = Named("ISO3166-2", "UA-63")


def message(*areas: Area, more: tuple[Area, ...] = ()) -> str:
    """An alert for these areas in two languages."""
    info = Info(
        language="en", categories=("Safety",), event="Fire", urgency="Immediate", severity="Severe",
        certainty="Observed", headline="Leave now", areas=areas,
    )  # fmt: skip
    infos = (info, msgspec.structs.replace(info, language="uk", areas=more or areas))
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return write(Alert("a", "s@example.org", at, "Actual", "Alert", "Public", infos=infos)).decode()


def polygon(text: str) -> Polygon:
    """A polygon as somebody spelt it."""
    pairs = [pair.split(",") for pair in text.split()]
    return Polygon(text, np.array([[round(float(a) * 1e6), round(float(b) * 1e6)] for a, b in pairs], dtype=np.int64))


def ring(rng: random.Random) -> str:
    """A ring of any kind: round, star, crossing itself, thin, tiny, near the date line."""
    latitude, longitude = rng.uniform(-85, 85), rng.uniform(-179.9, 179.9)
    size = rng.choice([1e-6, 1e-3, 0.2, 4.0])
    corners = rng.randint(3, 40)
    kind = rng.choice(["star", "wild", "thin"])
    points = []
    for number in range(corners):
        turn = 2 * math.pi * number / corners
        far = size * rng.uniform(0.1, 1.0)
        up, right = (far * math.sin(turn), far * math.cos(turn)) if kind == "star" else (rng.uniform(-size, size),) * 2
        right = rng.uniform(-size, size) if kind == "wild" else right
        points.append((max(-90.0, min(90.0, latitude + up)), max(-180.0, min(180.0, longitude + right))))
    digits = rng.choice([2, 4, 6])
    return " ".join(f"{a:.{digits}f},{b:.{digits}f}" for a, b in [*points, points[0]])


def test_whatever_is_drawn_lies_within() -> None:
    """No point outside of the bounds is covered, and each area draws something, over six hundred rings of any kind."""
    rng, coverage, told = random.Random(3), Coverage(Gazetteer.world()), 0
    for _ in range(600):
        text = ring(rng)
        made = message(Area("somewhere", polygons=(polygon(text),), geocodes=(CODE,)))
        boxes = bounds(made)
        areas = read(made.encode()).alerts[0].infos[0].areas
        shape, _ = coverage.ground(areas[0])
        if boxes is None:
            continue
        told += 1
        assert shape is not None
        found = shape.bounds
        assert found is not None
        assert any(
            box[0] <= found[0] and box[1] <= found[1] and box[2] >= found[2] and box[3] >= found[3] for box in boxes
        )
        for _ in range(20):
            south, west, north, east = boxes[0]
            wide, high = (east - west) // 2 + 2, (north - south) // 2 + 2
            point = Point(
                max(-90_000_000, min(90_000_000, rng.randint(south - high, north + high))),
                max(-180_000_000, min(180_000_000, rng.randint(west - wide, east + wide))),
            )
            inside = any(a <= point.latitude <= c and b <= point.longitude <= d for a, b, c, d in boxes)
            touch = coverage.touch(areas, point)
            assert inside or not (touch.whole or touch.parts or touch.unclear)
    assert told > 300


def test_a_circle_over_the_date_line_has_two_boxes() -> None:
    """Both sides of the 180th meridian are within the bounds of a circle that crosses it."""
    made = message(Area("sea", circles=(Circle("10.0,179.9 50.0", 10_000_000, 179_900_000, 50.0),)))
    boxes = bounds(made)
    assert boxes is not None
    assert len(boxes) == 2
    assert {box[1] for box in boxes} | {box[3] for box in boxes} >= {-180_000_000, 180_000_000}


SQUARE = "50.0,30.0 50.0,31.0 51.0,31.0 51.0,30.0 50.0,30.0"


@pytest.mark.parametrize(
    "made",
    [
        message(Area("code", geocodes=(CODE,))),
        message(Area("drawn", polygons=(polygon(SQUARE),)), Area("code", geocodes=(CODE,))),
        message(Area("drawn", polygons=(polygon(SQUARE),)), more=(Area("code", geocodes=(CODE,)),)),
        message(Area("line", polygons=(polygon("50.0,30.0 51.0,31.0 52.0,32.0 50.0,30.0"),))),
        message(Area("there and back", polygons=(polygon("50.0,30.0 51.0,30.0 51.0,31.0 51.0,30.0 50.0,30.0"),))),
        message(Area("leap", polygons=(polygon("1.0,-170.0 1.0,170.0 2.0,170.0 2.0,-170.0 1.0,-170.0"),))),
        message(Area("pole", polygons=(polygon("80.0,0.0 90.0,10.0 80.0,20.0 80.0,0.0"),))),
        message(Area("drawn", polygons=(polygon(SQUARE),))).replace("<polygon>50.0,", "<polygon>150.0,"),
        message(Area("drawn", polygons=(polygon(SQUARE),))).replace(SQUARE, SQUARE.replace(",", ", ")),
        message(Area("drawn", polygons=(polygon(SQUARE),))).replace("<polygon>", "<!-- --><polygon>"),
        message(Area("drawn", polygons=(polygon(SQUARE),))).replace("<area>", '<area id="1">'),
        message(Area("drawn", polygons=(polygon(SQUARE),))).replace("<polygon>", '<polygon id="1">'),
        message(Area("drawn", polygons=(polygon(SQUARE),))).replace("polygon>", "other:polygon>"),
        message(Area("drawn", polygons=(polygon(SQUARE),))).replace("</info>", "", 1),
        "",
        "not a message",
    ],
)
def test_where_there_is_a_doubt_nothing_is_said(made: str) -> None:
    """Codes, lines, leaps, swapped axes and anything odd in the text: then the message has to be read."""
    assert bounds(made) is None
    assert bounds(message(Area("drawn", polygons=(polygon(SQUARE),)))) == (
        (50_000_000, 30_000_000, 51_000_000, 31_000_000),
    )

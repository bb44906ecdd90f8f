"""Where a warning is for, as the console takes it in: names, codes, drawn lines and files, to one checked area.

- Nothing is guessed and nothing defaults: what cannot be read is refused with the line it stands in, and an area that
  comes from a file replaces nothing before all of it was understood (F4).
- A whole country is only warned when its name was typed in full.
- What was drawn and would have to be repaired is refused instead: a repaired area is another area.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from tocsin.cap.alert import Alert
from tocsin.cap.limits import TRUSTED
from tocsin.cap.xml import read
from tocsin.errors import GeometryError, ImportFileError, UnknownPlaceError
from tocsin.place.area import Shape
from tocsin.place.gazetteer import Gazetteer
from tocsin.place.map import Map, country_map
from tocsin.remark import Remark, remark
from tocsin.warn.draft import Where

MOST_POINTS = 5000


class Found(Struct, frozen=True):
    """A place that was searched for: its code, its name, and what it is a part of."""

    code: str
    name: str
    part_of: str
    whole_country: bool


def find(gazetteer: Gazetteer, typed: str, language: str, home: str) -> tuple[Found, ...]:
    """Places that ``typed`` may mean, in any language or by code; those at home first."""
    typed = typed.strip()[:80]
    if not typed:
        return ()
    codes = []
    if typed.upper() in gazetteer or typed in gazetteer:
        codes.append(gazetteer.get(typed if typed in gazetteer else typed.upper()).code)
    # A city's name often is the beginning of its region's in another form: Одеса, Одеська область.
    stem = typed
    while not (places := gazetteer.suggest(stem, language, None, 24)) and len(stem) > 3:
        stem = stem[:-1]
    codes += [place.code for place in places]
    country = home[:2]
    order = sorted(dict.fromkeys(codes), key=lambda code: code[:2] != country)
    return tuple(
        Found(
            code,
            gazetteer.name(code, language),
            ", ".join(gazetteer.name(one, language) for one in gazetteer.ancestors(code)[:2]),
            gazetteer.get(code).level == 0,
        )
        for code in order[:8]
    )


def is_typed(gazetteer: Gazetteer, code: str, typed: str) -> bool:
    """Whether ``typed`` is the name of the place ``code``, in any language and however its letters are cased."""
    return bool(typed.strip()) and any(place.code == code for place in gazetteer.find(typed.strip()))


def lines(where: Where) -> str:
    """The drawn part of ``where`` as the text field shows it: one polygon or circle a line."""
    return "\n".join((*where.polygons, *where.circles))


def drawn(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Polygons and circles from the text field; GeometryError says which line cannot be read."""
    polygons, circles = [], []
    for number, line in enumerate(text.splitlines(), 1):
        parts = line.replace(";", " ").split()
        if not parts:
            continue
        if len(parts) == 2 and "," in parts[0] and "," not in parts[1]:
            circles.append(" ".join(parts))
            continue
        if any(part.count(",") != 1 for part in parts):
            raise GeometryError(
                remark(
                    "outline.points",
                    "line {number}: write latitude,longitude and a space between two points",
                    number=number,
                )
            )
        if parts[0] != parts[-1]:
            parts.append(parts[0])
        if len(parts) < 4:
            raise GeometryError(
                remark("outline.three", "line {number}: an area needs three points at least", number=number)
            )
        polygons.append(" ".join(parts))
    _check(polygons, circles)
    return tuple(polygons), tuple(circles)


def _check(polygons: list[str], circles: list[str]) -> None:
    if sum(text.count(",") for text in polygons) > MOST_POINTS:
        raise GeometryError(remark("outline.many", "more than {count} points", count=MOST_POINTS))
    shape = shape_of(Where(polygons=tuple(polygons), circles=tuple(circles)))
    if shape is not None and shape.problems:
        raise GeometryError(
            remark(
                "outline.again",
                "{problem}; draw it again",
                problem=Remark(shape.problems[0].code, shape.problems[0].message),
            )
        )


def shape_of(where: Where) -> Shape | None:
    """What is drawn in ``where`` as one shape; None when nothing is drawn."""
    if not (where.polygons or where.circles):
        return None
    try:
        rings = [
            np.array(
                [[round(float(n) * 1_000_000) for n in point.split(",")] for point in text.split()], dtype=np.int64
            )
            for text in where.polygons
        ]
        rounds = []
        for text in where.circles:
            centre, _, radius = text.partition(" ")
            latitude, longitude = (round(float(n) * 1_000_000) for n in centre.split(","))
            rounds.append((latitude, longitude, float(radius)))
    except (ValueError, OverflowError):
        raise GeometryError(remark("outline.number", "a number in it cannot be read")) from None
    if any((np.abs(ring[:, 0]) > 90_000_000).any() or (np.abs(ring[:, 1]) > 180_000_000).any() for ring in rings):
        raise GeometryError(remark("outline.earth", "a point is not on the Earth; latitude comes first"))
    return Shape.of(rings, rounds)


def from_file(content: bytes, gazetteer: Gazetteer) -> Where:
    """The area in a GeoJSON or CAP file. Raises :class:`ImportFileError` or :class:`GeometryError`, never half of it."""
    if content.lstrip()[:1] == b"{":
        return _from_geojson(content)
    reading = read(content, limits=TRUSTED)
    if reading.refused is not None or not reading.alerts:
        raise ImportFileError(remark("outline.neither", "it is neither GeoJSON nor a CAP message"))
    return from_alert(reading.alerts[0], gazetteer)


def from_alert(alert: Alert, gazetteer: Gazetteer) -> Where:
    """The area that a CAP message names, in codes we know and lines as they came; its names by language."""
    codes: dict[str, None] = {}
    polygons: dict[str, None] = {}
    circles: dict[str, None] = {}
    names: dict[str, str] = {}
    for info in alert.infos:
        named = ", ".join(area.description for area in info.areas if area.description)
        names.setdefault(info.language[:2].lower() or "en", named)
        for area in info.areas:
            codes |= {
                code: None for one in area.geocodes if (code := gazetteer.geocode(one.name, one.value)) is not None
            }
            polygons |= {polygon.text: None for polygon in area.polygons}
            circles |= {circle.text: None for circle in area.circles}
    where = Where(tuple(codes), tuple(polygons), tuple(circles), names if polygons or circles else {})
    if not where:
        raise GeometryError(remark("outline.no-area", "the message names no area that is known here"))
    _check(list(where.polygons), list(where.circles))
    return where


def _from_geojson(content: bytes) -> Where:
    try:
        whole = json.loads(content)
    except (ValueError, RecursionError):
        raise ImportFileError(remark("outline.json", "it is not JSON")) from None
    names: list[str] = []
    polygons = [_ring(part) for part in _parts(whole, names)]
    if not polygons:
        raise ImportFileError(remark("outline.no-polygon", "there is no polygon in it"))
    _check(polygons, [])
    named = ", ".join(dict.fromkeys(names))[:120]
    return Where(polygons=tuple(polygons), name={"en": named} if named else {})


def _parts(value: Any, names: list[str]) -> list[Any]:
    kind = value.get("type") if isinstance(value, dict) else None
    if kind == "FeatureCollection":
        return [part for one in value.get("features") or () for part in _parts(one, names)]
    if kind == "Feature":
        name = (value.get("properties") or {}).get("name")
        if isinstance(name, str):
            names.append(name)
        return _parts(value.get("geometry"), names)
    if kind == "GeometryCollection":
        return [part for one in value.get("geometries") or () for part in _parts(one, names)]
    if kind == "Polygon":
        return [value.get("coordinates")]
    if kind == "MultiPolygon":
        return list(value.get("coordinates") or ())
    raise ImportFileError(remark("outline.kind", "it holds something that is no area ({kind})", kind=str(kind)[:40]))


def _ring(rings: Any) -> str:
    if not isinstance(rings, list) or not rings:
        raise ImportFileError(remark("outline.no-points", "a polygon in it has no points"))
    if len(rings) > 1:
        raise GeometryError(
            remark("outline.hole", "a polygon in it has a hole, which a CAP message cannot say; draw it without")
        )
    try:
        points = [f"{float(point[1]):.6f},{float(point[0]):.6f}" for point in rings[0]]
    except (TypeError, ValueError, IndexError):
        raise ImportFileError(remark("outline.point", "a point in it cannot be read")) from None
    return " ".join(points if points and points[0] == points[-1] else [*points, *points[:1]])


# --- the map -----------------------------------------------------------------------------------------------------------


class Drawing(Struct, frozen=True):
    """A country's map with what is chosen on it: regions (code, name, path, chosen) and drawn lines."""

    code: str
    name: str
    view_box: str
    regions: tuple[tuple[str, str, str, bool], ...]
    shapes: tuple[str, ...]
    rounds: tuple[tuple[float, float, float], ...]


def drawing(where: Where, gazetteer: Gazetteer, language: str, home: str) -> Drawing | None:
    """The map of the country that ``where`` lies in, or of the one that ``home`` is in."""
    code = _country(where, gazetteer) or home[:2]
    outline = _map(code)
    if outline is None:
        return None
    chosen = {one for wanted in where.codes for one in (wanted, *gazetteer.descendants(wanted))}
    regions = tuple(
        (region.code, gazetteer.name(region.code, language), region.path_d, region.code in chosen)
        for region in outline.regions
    )
    shapes = tuple(
        "M" + "L".join("{:.1f} {:.1f}".format(*outline.project(*_micro(point))) for point in text.split()) + "Z"
        for text in where.polygons
    )
    return Drawing(code, gazetteer.name(code, language), outline.view_box, regions, shapes, _rounds(where, outline))


def _rounds(where: Where, outline: Map) -> tuple[tuple[float, float, float], ...]:
    found = []
    for text in where.circles:
        centre, _, radius = text.partition(" ")
        latitude, longitude = _micro(centre)
        x, y = outline.project(latitude, longitude)
        # One degree of latitude is 111.32 km anywhere.
        _, edge = outline.project(latitude + round(float(radius) / 111.32 * 1_000_000), longitude)
        found.append((round(x, 1), round(y, 1), round(abs(y - edge), 1)))
    return tuple(found)


def _country(where: Where, gazetteer: Gazetteer) -> str:
    if where.codes:
        code = where.codes[0]
        return next((one for one in (code, *gazetteer.ancestors(code)) if gazetteer.get(one).level == 0), "")
    for text in (*where.polygons, *where.circles):
        found = gazetteer.at(*_micro(text.split()[0]))
        if found:
            return found[-1].code
    return ""


@lru_cache(maxsize=8)
def _map(country: str) -> Map | None:
    try:
        return country_map(country)
    except UnknownPlaceError:
        return None


def unproject(country: str, x: float, y: float) -> tuple[int, int] | None:
    """The point (micro-degrees) at ``x``, ``y`` of a country's map, found by Newton's way; None when there is none."""
    outline = _map(country)
    if outline is None:
        return None
    place = Gazetteer.world().get(country)
    at = np.array([place.latitude, place.longitude], dtype=float)
    for _ in range(25):
        here = np.array(outline.project(*at.round().astype(int).tolist()))
        miss = np.array([x, y]) - here
        if np.abs(miss).max() < 0.02:
            break
        step = 20_000
        to_north = np.array(outline.project(int(at[0]) + step, int(at[1]))) - here
        to_east = np.array(outline.project(int(at[0]), int(at[1]) + step)) - here
        matrix = np.column_stack([to_north, to_east]) / step
        if abs(np.linalg.det(matrix)) < 1e-16:
            return None
        at = np.clip(at + np.linalg.solve(matrix, miss), (-89_000_000, -179_900_000), (89_000_000, 179_900_000))
    return int(at[0]), int(at[1])


def _micro(point: str) -> tuple[int, int]:
    latitude, longitude = (round(float(n) * 1_000_000) for n in point.split(","))
    return latitude, longitude


def without(where: Where, code: str) -> Where:
    """``where`` without one code."""
    return replace(where, codes=tuple(one for one in where.codes if one != code))


__all__ = [
    "Drawing",
    "Found",
    "drawing",
    "drawn",
    "find",
    "from_alert",
    "from_file",
    "is_typed",
    "lines",
    "shape_of",
    "unproject",
    "without",
]

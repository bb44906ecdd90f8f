"""The fields of CAP in JSON: each read by its name, leniently, with what was wrong noted.

- What a field does not say stays empty and is never guessed. Shapes count against the budget of their document.
"""

from __future__ import annotations

from typing import Any

from tocsin.cap import element, geometry, sequence
from tocsin.cap.alert import Named, Polygon, Reference
from tocsin.cap.geometry import Budget
from tocsin.cap.problem import Findings
from tocsin.cap.time import moment

Object = dict[str, Any]


def read_polygon(value: Any, found: Findings, path: str, budget: Budget) -> Polygon | None:
    """A polygon of CAP's text, or of a list of pairs with the latitude first."""
    if isinstance(value, list):
        return read_ring(value, found, path, budget, longitude_first=False)
    return geometry.polygon(str(value), found, path, None, budget)


def read_circle(value: Any, found: Findings, path: str, _budget: Budget) -> Any:
    """A circle of CAP's text."""
    return geometry.circle(str(value), found, path, None)


def read_fields(node: Object, rows: Any, path: str, found: Findings) -> Object:
    """The scalar fields of a CAP object by the standard's table."""
    fields: Object = {}
    for name, ours, reading, must, codes in rows:
        value = node.get(name)
        where = f"{path}/{name}"
        if value is None or value == "" or value == []:
            if must and reading < sequence.POLYGON:
                found.add("element.missing", path, name)
            continue
        if reading == sequence.TIME:
            fields[ours] = read_time(value, where, found)
        elif reading == sequence.CODE:
            fields[ours] = read_code(value, codes, where, found)
        elif reading == sequence.CODES:
            fields[ours] = tuple(read_code(each, codes, where, found) for each in read_values(value))
        elif reading in (sequence.TOKENS, sequence.LIST):
            fields[ours] = tuple(str(each) for each in read_values(value))
        elif reading == sequence.NAMED:
            fields[ours] = read_named(value)
        elif reading == sequence.REFERENCES:
            fields[ours] = read_references(value, where, found)
        elif reading == sequence.NUMBER:
            fields[ours] = int(value) if str(value).isdigit() and len(str(value)) < 19 else None
        elif reading < sequence.SINGLE:
            text = value if isinstance(value, str) else str(value) if not isinstance(value, dict | list) else ""
            if reading == sequence.FREE and element._MARKUP.search(text):
                found.add("text.markup", where)
            fields[ours] = text
    return fields


def read_time(value: Any, path: str, found: Findings) -> Any:
    """A moment, or None; what is wrong with it is noted."""
    read, wrong = moment(str(value))
    for code in wrong:
        found.add(code, path, str(value))
    return read


def read_code(value: Any, codes: dict[str, str], path: str, found: Findings) -> str:
    """One of CAP's codes in its own spelling; what is none stays as it is, and is noted."""
    text = str(value).strip()
    if text in codes:
        return text
    for code in codes:
        if code.lower() == text.lower():
            found.add("value.case", path, text)
            return code
    found.add("value.unknown", path, text)
    return text


def read_objects(value: Any) -> list[Object]:
    """The objects of a list, or the one that stands alone."""
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, dict)]


def read_values(value: Any) -> list[Any]:
    """The scalars of a list, or the one that stands alone."""
    return [each for each in (value if isinstance(value, list) else [value]) if not isinstance(each, dict | list)]


def read_named(value: Any) -> tuple[Named, ...]:
    """``[{"valueName": n, "value": v}]`` or ``{n: [v, ...]}``."""
    named: list[Named] = []
    if isinstance(value, dict) and "valueName" not in value:
        for name, values in value.items():
            named.extend(Named(str(name), str(each)) for each in read_values(values) if each not in (None, ""))
        return tuple(named)
    for each in read_objects(value):
        if each.get("valueName"):
            named.append(Named(str(each["valueName"]), "" if each.get("value") is None else str(each["value"])))
    return tuple(named)


def read_references(value: Any, path: str, found: Findings) -> tuple[Reference, ...]:
    """References as a list of objects, or in CAP's own text."""
    if isinstance(value, list):
        return tuple(
            Reference(str(each.get("sender", "")), str(each["identifier"]), str(each.get("sent", "")))
            for each in read_objects(value)
            if each.get("identifier")
        )
    kept: list[Reference] = []
    for part in str(value).split():
        parts = part.split(",")
        if len(parts) == 3:
            kept.append(Reference(*parts))
        else:
            found.add("references.form", path, str(value))
            kept.extend(element._guessed(parts))
    return tuple(kept)


def read_geometry(node: Any, found: Findings, path: str, budget: Budget) -> tuple[Polygon, ...]:
    """The outer rings of a GeoJSON geometry; CAP has no holes, so each is noted."""
    if not isinstance(node, dict):
        return ()
    kind, coordinates = node.get("type"), node.get("coordinates")
    if kind == "GeometryCollection":
        return tuple(
            polygon
            for each in read_objects(node.get("geometries"))[:1000]
            for polygon in read_geometry(each, found, path, budget)
        )
    if not isinstance(coordinates, list):
        return ()
    groups = [coordinates] if kind == "Polygon" else coordinates if kind == "MultiPolygon" else []
    kept: list[Polygon] = []
    for rings in groups:
        if not isinstance(rings, list) or not rings:
            continue
        if len(rings) > 1:
            found.add("geometry.hole", path, f"{len(rings) - 1} holes")
        made = read_ring(rings[0], found, f"{path}/polygon[{len(kept) + 1}]", budget, longitude_first=True)
        if made is not None:
            kept.append(made)
    return tuple(kept)


def read_ring(points: Any, found: Findings, path: str, budget: Budget, *, longitude_first: bool) -> Polygon | None:
    """A polygon of a list of pairs; its text is what CAP would have."""
    flat: list[float] = []
    try:
        for point in points:
            first, second = float(point[0]), float(point[1])
            flat += (second, first) if longitude_first else (first, second)
    except (TypeError, ValueError, IndexError, KeyError):
        found.add("geometry.unreadable", path)
        return None
    if not flat:
        found.add("geometry.empty", path)
        return None
    text = " ".join(f"{flat[at]},{flat[at + 1]}" for at in range(0, len(flat), 2))
    return geometry.ring(text, flat, found, path, None, budget)

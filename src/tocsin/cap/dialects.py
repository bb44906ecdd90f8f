"""Dialects: JSON that is like CAP, read into alerts by the shapes that warning services really use.

- CAP's own names in JSON (BBK's NINA and MoWaS, MeteoAlarm, CAP converted by anyone), the weather.gov GeoJSON,
  AlertSwiss, alerts.in.ua and the Home Front Command's lists, by themselves or in lists and wrappers of them.
- A field is read by its name and never guessed; what a service leaves unsaid stays empty and is said to be missing.
- The bytes of one alert are its own object, serialised again: they are kept as JSON and never written as XML.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from typing import Any

import orjson

from tocsin.cap import foreign, sequence
from tocsin.cap.alert import Alert, Area, Info
from tocsin.cap.geometry import Budget
from tocsin.cap.json_field import (
    Object,
    read_circle,
    read_fields,
    read_geometry,
    read_named,
    read_objects,
    read_polygon,
)
from tocsin.cap.limits import Limits
from tocsin.cap.problem import Findings

Found = tuple[Alert, Findings]
DEEPEST = 6

_TRAILING = re.compile(r"(\{.*\}|\[.*\])", re.S)


def alerts(data: bytes, limits: Limits) -> list[Found] | None:
    """The alerts in a JSON document; None when it is no JSON or has no shape that is known here."""
    decoded = _loads(data)
    if decoded is None:
        return None
    budget = Budget(limits.points, shapes=limits.shapes, blocks=limits.blocks)
    found: list[Found] = []
    for reader, each in _shapes(decoded, 0):
        if len(found) >= limits.alerts:
            break
        noted = Findings()
        noted.add("json.dialect", "alert")
        try:
            alert = reader(each, noted, budget)
        except (RecursionError, OverflowError):
            continue
        found.append((alert, noted))
    return found or None


def _loads(data: bytes) -> Any:
    """Decode JSON in whatever Unicode, with zero bytes or other letters strewn in."""
    if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        data = data.decode("utf-16", "replace").encode("utf-8", "replace")
    elif data[:2] in (b"{\0", b"[\0"):
        data = data.decode("utf-16-le", "replace").encode("utf-8", "replace")
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        text = data.decode("utf-8", "replace").replace("\0", "").replace("\u0a7b", "").replace("\ufeff", "")
        inner = _TRAILING.search(text)
        try:
            return orjson.loads(inner[0]) if inner else None
        except orjson.JSONDecodeError:
            return None


def _shapes(node: Any, depth: int) -> Iterator[tuple[Callable[[Any, Findings, Budget], Alert], Any]]:
    """Each alert-like object below ``node`` with the reader of its shape."""
    if depth > DEEPEST:
        return
    if isinstance(node, list):
        for each in node:
            if isinstance(each, dict | list):
                yield from _shapes(each, depth + 1)
        return
    if not isinstance(node, dict):
        return
    if "publisherName" in node or ("technicalTestAlert" in node and "areas" in node):
        yield foreign.alertswiss, node
    elif isinstance(node.get("info"), list | dict) and "identifier" in node:
        yield _cap, node
    elif isinstance(node.get("properties"), dict) and "messageType" in node["properties"]:
        yield _weather_gov, node
    elif "messageType" in node and "event" in node:
        yield _weather_gov, {"properties": node, "geometry": node.get("geometry")}
    elif "location_title" in node and "alert_type" in node:
        yield foreign.alerts_in_ua, node
    elif "data" in node and ("alertDate" in node or (isinstance(node["data"], list) and {"cat", "title"} <= set(node))):
        yield foreign.home_front, node
    elif node.get("type") == "ALERT" and isinstance(node.get("data"), dict) and "cities" in node["data"]:
        yield foreign.siren_list, node["data"]
    elif node.get("type") == "FeatureCollection" and foreign.warn_ids(node):
        yield from ((foreign.shapes_only, part) for part in foreign.warn_ids(node).items())
    else:
        for value in node.values():
            if isinstance(value, dict | list):
                yield from _shapes(value, depth + 1)


# --- CAP's own names ------------------------------------------------------------------------------------------------


def _cap(node: Object, found: Findings, budget: Budget) -> Alert:
    fields = read_fields(node, sequence.ALERT_ROWS, "alert", found)
    fields["infos"] = tuple(
        _cap_info(each, f"alert/info[{at}]", found, budget) for at, each in enumerate(read_objects(node.get("info")), 1)
    )
    return Alert(**fields, original=orjson.dumps(node))


def _cap_info(node: Object, path: str, found: Findings, budget: Budget) -> Info:
    fields = read_fields(node, sequence.INFO_ROWS, path, found)
    areas = []
    for at, each in enumerate(read_objects(node.get("area")), 1):
        area = read_fields(each, sequence.AREA_ROWS, f"{path}/area[{at}]", found)
        for key, reader in (("polygon", read_polygon), ("circle", read_circle)):
            values = each.get(key)
            kept = [
                shape
                for number, value in enumerate(values if isinstance(values, list) else [values], 1)
                if value and (shape := reader(value, found, f"{path}/area[{at}]/{key}[{number}]", budget)) is not None
            ]
            area[f"{key}s"] = tuple(kept)
        areas.append(Area(**area))
    fields["areas"] = tuple(areas)
    return Info(**fields)


# --- weather.gov ----------------------------------------------------------------------------------------------------


def _weather_gov(node: Object, found: Findings, budget: Budget) -> Alert:
    said = node["properties"]
    renamed = {"identifier": said.get("id"), "msgType": said.get("messageType"), "responseType": said.get("response")}
    flat = {**said, **renamed}
    fields = read_fields({**flat, "info": None}, sequence.ALERT_ROWS, "alert", found)
    info = read_fields(flat, sequence.INFO_ROWS, "alert/info[1]", found)
    # A parameter whose value is a list is a parameter that stands several times.
    described, geocodes = str(said.get("areaDesc") or ""), read_named(said.get("geocode") or [])
    polygons = read_geometry(node.get("geometry"), found, "alert/info[1]/area[1]", budget)
    info["areas"] = (Area(described, polygons, (), geocodes),) if described or geocodes or polygons else ()
    fields.pop("infos", None)
    return Alert(**fields, infos=(Info(**info),), original=orjson.dumps(node))

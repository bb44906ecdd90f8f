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

from tocsin.cap import element, geometry, sequence
from tocsin.cap.alert import Alert, Area, Info, MsgType, Named, Polygon, Reference, ResponseType, Scope, Status
from tocsin.cap.geometry import Budget
from tocsin.cap.limits import Limits
from tocsin.cap.problem import Findings
from tocsin.cap.time import moment

Object = dict[str, Any]
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
        yield _alertswiss, node
    elif isinstance(node.get("info"), list | dict) and "identifier" in node:
        yield _cap, node
    elif isinstance(node.get("properties"), dict) and "messageType" in node["properties"]:
        yield _weather_gov, node
    elif "messageType" in node and "event" in node:
        yield _weather_gov, {"properties": node, "geometry": node.get("geometry")}
    elif "location_title" in node and "alert_type" in node:
        yield _alerts_in_ua, node
    elif "data" in node and ("alertDate" in node or (isinstance(node["data"], list) and {"cat", "title"} <= set(node))):
        yield _home_front, node
    elif node.get("type") == "ALERT" and isinstance(node.get("data"), dict) and "cities" in node["data"]:
        yield _siren_list, node["data"]
    elif node.get("type") == "FeatureCollection" and _warn_ids(node):
        yield from ((_shapes_only, part) for part in _warn_ids(node).items())
    else:
        for value in node.values():
            if isinstance(value, dict | list):
                yield from _shapes(value, depth + 1)


# --- CAP's own names ------------------------------------------------------------------------------------------------


def _cap(node: Object, found: Findings, budget: Budget) -> Alert:
    fields = _fields(node, sequence.ALERT_ROWS, "alert", found)
    fields["infos"] = tuple(
        _cap_info(each, f"alert/info[{at}]", found, budget) for at, each in enumerate(_many(node.get("info")), 1)
    )
    return Alert(**fields, original=orjson.dumps(node))


def _cap_info(node: Object, path: str, found: Findings, budget: Budget) -> Info:
    fields = _fields(node, sequence.INFO_ROWS, path, found)
    areas = []
    for at, each in enumerate(_many(node.get("area")), 1):
        area = _fields(each, sequence.AREA_ROWS, f"{path}/area[{at}]", found)
        for key, reader in (("polygon", _polygon), ("circle", _circle)):
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


def _polygon(value: Any, found: Findings, path: str, budget: Budget) -> Polygon | None:
    if isinstance(value, list):
        return _ring(value, found, path, budget, longitude_first=False)
    return geometry.polygon(str(value), found, path, None, budget)


def _circle(value: Any, found: Findings, path: str, _budget: Budget) -> Any:
    return geometry.circle(str(value), found, path, None)


def _fields(node: Object, rows: Any, path: str, found: Findings) -> Object:
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
            fields[ours] = _time(value, where, found)
        elif reading == sequence.CODE:
            fields[ours] = _code(value, codes, where, found)
        elif reading == sequence.CODES:
            fields[ours] = tuple(_code(each, codes, where, found) for each in _values(value))
        elif reading in (sequence.TOKENS, sequence.LIST):
            fields[ours] = tuple(str(each) for each in _values(value))
        elif reading == sequence.NAMED:
            fields[ours] = _named(value)
        elif reading == sequence.REFERENCES:
            fields[ours] = _references(value, where, found)
        elif reading == sequence.NUMBER:
            fields[ours] = int(value) if str(value).isdigit() and len(str(value)) < 19 else None
        elif reading < sequence.SINGLE:
            text = value if isinstance(value, str) else str(value) if not isinstance(value, dict | list) else ""
            if reading == sequence.FREE and element._MARKUP.search(text):
                found.add("text.markup", where)
            fields[ours] = text
    return fields


def _time(value: Any, path: str, found: Findings) -> Any:
    read, wrong = moment(str(value))
    for code in wrong:
        found.add(code, path, str(value))
    return read


def _code(value: Any, codes: dict[str, str], path: str, found: Findings) -> str:
    text = str(value).strip()
    if text in codes:
        return text
    for code in codes:
        if code.lower() == text.lower():
            found.add("value.case", path, text)
            return code
    found.add("value.unknown", path, text)
    return text


def _many(value: Any) -> list[Object]:
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, dict)]


def _values(value: Any) -> list[Any]:
    return [each for each in (value if isinstance(value, list) else [value]) if not isinstance(each, dict | list)]


def _named(value: Any) -> tuple[Named, ...]:
    """``[{"valueName": n, "value": v}]`` or ``{n: [v, ...]}``."""
    named: list[Named] = []
    if isinstance(value, dict) and "valueName" not in value:
        for name, values in value.items():
            named.extend(Named(str(name), str(each)) for each in _values(values) if each not in (None, ""))
        return tuple(named)
    for each in _many(value):
        if each.get("valueName"):
            named.append(Named(str(each["valueName"]), "" if each.get("value") is None else str(each["value"])))
    return tuple(named)


def _references(value: Any, path: str, found: Findings) -> tuple[Reference, ...]:
    if isinstance(value, list):
        return tuple(
            Reference(str(each.get("sender", "")), str(each["identifier"]), str(each.get("sent", "")))
            for each in _many(value)
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


# --- weather.gov ----------------------------------------------------------------------------------------------------


def _weather_gov(node: Object, found: Findings, budget: Budget) -> Alert:
    said = node["properties"]
    renamed = {"identifier": said.get("id"), "msgType": said.get("messageType"), "responseType": said.get("response")}
    flat = {**said, **renamed}
    fields = _fields({**flat, "info": None}, sequence.ALERT_ROWS, "alert", found)
    info = _fields(flat, sequence.INFO_ROWS, "alert/info[1]", found)
    # A parameter whose value is a list is a parameter that stands several times.
    described, geocodes = str(said.get("areaDesc") or ""), _named(said.get("geocode") or [])
    polygons = _geojson(node.get("geometry"), found, "alert/info[1]/area[1]", budget)
    info["areas"] = (Area(described, polygons, (), geocodes),) if described or geocodes or polygons else ()
    fields.pop("infos", None)
    return Alert(**fields, infos=(Info(**info),), original=orjson.dumps(node))


def _geojson(node: Any, found: Findings, path: str, budget: Budget) -> tuple[Polygon, ...]:
    if not isinstance(node, dict):
        return ()
    kind, coordinates = node.get("type"), node.get("coordinates")
    if kind == "GeometryCollection":
        return tuple(
            polygon for each in _many(node.get("geometries"))[:1000] for polygon in _geojson(each, found, path, budget)
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
        made = _ring(rings[0], found, f"{path}/polygon[{len(kept) + 1}]", budget, longitude_first=True)
        if made is not None:
            kept.append(made)
    return tuple(kept)


def _ring(points: Any, found: Findings, path: str, budget: Budget, *, longitude_first: bool) -> Polygon | None:
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


# --- shapes without words: the GeoJSON beside a MoWaS warning -------------------------------------------------------


def _warn_ids(node: Object) -> dict[str, list[Object]]:
    groups: dict[str, list[Object]] = {}
    for feature in _many(node.get("features")):
        properties = feature.get("properties")
        if isinstance(properties, dict) and properties.get("warnId"):
            groups.setdefault(str(properties["warnId"]), []).append(feature)
    return groups


def _shapes_only(part: tuple[str, list[Object]], found: Findings, budget: Budget) -> Alert:
    identifier, features = part
    found.add("element.missing", "alert", "all but the identifier and the shapes")
    polygons = tuple(
        polygon
        for feature in features
        for polygon in _geojson(feature.get("geometry"), found, "alert/info[1]/area[1]", budget)
    )
    info = Info(areas=(Area(polygons=polygons),))
    return Alert(identifier=identifier, infos=(info,), original=orjson.dumps(features))


# --- AlertSwiss -----------------------------------------------------------------------------------------------------


def _alertswiss(node: Object, found: Findings, budget: Budget) -> Alert:
    identifier, sender = str(node.get("identifier") or ""), str(node.get("sender") or "")
    sent = None
    for reference in _references(node.get("reference") or "", "alert/references", found):
        # The service's reference names the message itself, with the offset that ``sent`` lacks.
        if reference.identifier == identifier:
            sent = _time(reference.sent, "alert/sent", found)
    if sent is None:
        sent = _time(node.get("sent") or "", "alert/sent", found)
    test = bool(node.get("testAlert") or node.get("technicalTestAlert"))
    clear = bool(node.get("allClear"))
    found.add("json.assumed", "alert", "msgType, scope, category, urgency, certainty")
    areas = []
    for at, each in enumerate(_many(node.get("areas")), 1):
        path = f"alert/info[1]/area[{at}]"
        polygons = [
            made
            for number, shape in enumerate(_many(each.get("polygons")), 1)
            if (
                made := _ring(
                    shape.get("coordinates") or (), found, f"{path}/polygon[{number}]", budget, longitude_first=False
                )
            )
        ]
        codes = tuple(
            Named("ISO3166-2", f"CH-{region['region']}")
            for region in _many(each.get("regions"))
            if re.fullmatch("[A-Z]{2}", str(region.get("region")))
        )
        areas.append(Area(description=_inner(each, "description"), polygons=tuple(polygons), geocodes=codes))
    severity = str(node.get("severity") or "unknown").capitalize()
    tag = str(node.get("gtransOrigin") or node.get("language") or "")
    info = Info(
        language=tag.split("-x-")[0],
        categories=("Other",),
        event=str(node.get("event") or ""),
        response_types=(ResponseType.ALL_CLEAR,) if clear else (),
        urgency="Past" if clear else "Unknown",
        severity=severity if severity in ("Minor", "Moderate", "Severe", "Extreme") else "Unknown",
        certainty="Unknown",
        sender_name=str(node.get("publisherName") or ""),
        headline=_inner(node, "title"),
        description=_inner(node, "description"),
        instruction="\n".join(str(each.get("text") or "") for each in _many(node.get("instructions"))),
        web=str(node.get("link") or ""),
        contact=_inner(node, "contact"),
        areas=tuple(areas),
    )
    if any(element._MARKUP.search(text) for text in (info.headline, info.description, info.instruction, info.contact)):
        found.add("text.markup", "alert/info[1]")
    return Alert(
        identifier=identifier,
        sender=sender,
        sent=sent,
        status=Status.TEST if test else Status.ACTUAL,
        msg_type=MsgType.UPDATE if clear else MsgType.ALERT,
        scope=Scope.PUBLIC,
        infos=(info,),
        original=orjson.dumps(node),
    )


def _inner(node: Object, name: str) -> str:
    """``{"title": {"title": text}}`` and ``{"title": text}`` both give the text."""
    value = node.get(name)
    return str((value.get(name) if isinstance(value, dict) else value) or "")


# --- air alert lists ------------------------------------------------------------------------------------------------


def _signal(
    found: Findings, identifier: str, sender: str, sent: Any, info: Info, original: bytes, status: str = "Actual"
) -> Alert:
    """An alert of a service that says who, where and since when, and nothing else."""
    found.add("json.assumed", "alert", "status, msgType, scope, category, urgency, severity, certainty")
    ended = ResponseType.ALL_CLEAR in info.response_types
    return Alert(
        identifier=identifier,
        sender=sender,
        sent=sent,
        status=status,
        msg_type=MsgType.UPDATE if ended else MsgType.ALERT,
        scope=Scope.PUBLIC,
        infos=(info,),
        original=original,
    )


def _alerts_in_ua(node: Object, found: Findings, _budget: Budget) -> Alert:
    started = _time(node.get("started_at") or "", "alert/info[1]/onset", found)
    ended = _time(node["finished_at"], "alert/sent", found) if node.get("finished_at") else None
    kind = str(node["alert_type"])
    geocodes = (Named("alerts.in.ua", str(node["location_uid"])),) if node.get("location_uid") is not None else ()
    sheltered = (ResponseType.SHELTER,) if kind in ("air_raid", "artillery_shelling", "urban_fights") else ()
    info = Info(
        language="uk",
        categories=("Safety",),
        event=kind,
        response_types=(ResponseType.ALL_CLEAR,) if ended else sheltered,
        urgency="Past" if ended else "Immediate",
        severity="Unknown",
        certainty="Observed",
        onset=started,
        areas=(Area(description=str(node["location_title"]), geocodes=geocodes),),
    )
    return _signal(found, str(node.get("id") or ""), "alerts.in.ua", ended or started, info, orjson.dumps(node))


def _home_front(node: Object, found: Findings, _budget: Budget) -> Alert:
    """One entry of the Home Front Command's live or history list.

    The category is kept as it is and not read: 13 has meant both "be ready" and "you may leave" (F, finding 2).
    """
    sent = _time(node["alertDate"], "alert/sent", found) if node.get("alertDate") else None
    if sent is None and not node.get("alertDate"):
        found.add("element.missing", "alert", "sent")
    places = [str(place) for place in _values(node.get("data"))]
    info = Info(
        language="he",
        event=str(node.get("title") or ""),
        headline=str(node.get("title") or ""),
        instruction=str(node.get("desc") or ""),
        categories=("Safety",),
        urgency="Unknown",
        severity="Unknown",
        certainty="Unknown",
        event_codes=(Named("category", str(node.get("category", node.get("cat", "")))),),
        areas=tuple(Area(description=place) for place in places),
    )
    return _signal(found, str(node.get("id") or ""), "oref.org.il", sent, info, orjson.dumps(node))


def _siren_list(node: Object, found: Findings, _budget: Budget) -> Alert:
    info = Info(
        language="he",
        categories=("Safety",),
        urgency="Unknown",
        severity="Unknown",
        certainty="Unknown",
        event_codes=(Named("threat", str(node.get("threat", ""))),),
        areas=tuple(Area(description=str(place)) for place in _values(node["cities"])),
    )
    sent = _time(node.get("time") or "", "alert/sent", found)
    status = Status.EXERCISE if node.get("isDrill") else Status.ACTUAL
    return _signal(found, str(node.get("notificationId") or ""), "tzevaadom", sent, info, orjson.dumps(node), status)

"""Foreign shapes: services with a JSON of their own (MoWaS shapes, AlertSwiss, alerts.in.ua, Home Front Command), read.

- What a service always means and never says is filled in and noted as assumed; all else stays empty.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from tocsin.cap import element
from tocsin.cap.alert import Alert, Area, Info, MsgType, Named, ResponseType, Scope, Status
from tocsin.cap.geometry import Budget
from tocsin.cap.json_field import (
    Object,
    read_geometry,
    read_objects,
    read_references,
    read_ring,
    read_time,
    read_values,
)
from tocsin.cap.problem import Findings

# --- shapes without words: the GeoJSON beside a MoWaS warning -------------------------------------------------------


def warn_ids(node: Object) -> dict[str, list[Object]]:
    """The shapes of a MoWaS warning by its identifier."""
    groups: dict[str, list[Object]] = {}
    for feature in read_objects(node.get("features")):
        properties = feature.get("properties")
        if isinstance(properties, dict) and properties.get("warnId"):
            groups.setdefault(str(properties["warnId"]), []).append(feature)
    return groups


def shapes_only(part: tuple[str, list[Object]], found: Findings, budget: Budget) -> Alert:
    """An alert of which only the identifier and the shapes are there."""
    identifier, features = part
    found.add("element.missing", "alert", "all but the identifier and the shapes")
    polygons = tuple(
        polygon
        for feature in features
        for polygon in read_geometry(feature.get("geometry"), found, "alert/info[1]/area[1]", budget)
    )
    info = Info(areas=(Area(polygons=polygons),))
    return Alert(identifier=identifier, infos=(info,), original=orjson.dumps(features))


# --- AlertSwiss -----------------------------------------------------------------------------------------------------


def alertswiss(node: Object, found: Findings, budget: Budget) -> Alert:
    """A message of AlertSwiss."""
    identifier, sender = str(node.get("identifier") or ""), str(node.get("sender") or "")
    sent = None
    for reference in read_references(node.get("reference") or "", "alert/references", found):
        # The service's reference names the message itself, with the offset that ``sent`` lacks.
        if reference.identifier == identifier:
            sent = read_time(reference.sent, "alert/sent", found)
    if sent is None:
        sent = read_time(node.get("sent") or "", "alert/sent", found)
    test = bool(node.get("testAlert") or node.get("technicalTestAlert"))
    clear = bool(node.get("allClear"))
    found.add("json.assumed", "alert", "msgType, scope, category, urgency, certainty")
    areas = []
    for at, each in enumerate(read_objects(node.get("areas")), 1):
        path = f"alert/info[1]/area[{at}]"
        polygons = [
            made
            for number, shape in enumerate(read_objects(each.get("polygons")), 1)
            if (
                made := read_ring(
                    shape.get("coordinates") or (), found, f"{path}/polygon[{number}]", budget, longitude_first=False
                )
            )
        ]
        codes = tuple(
            Named("ISO3166-2", f"CH-{region['region']}")
            for region in read_objects(each.get("regions"))
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
        instruction="\n".join(str(each.get("text") or "") for each in read_objects(node.get("instructions"))),
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


def alerts_in_ua(node: Object, found: Findings, _budget: Budget) -> Alert:
    """One alert of alerts.in.ua, running or ended."""
    started = read_time(node.get("started_at") or "", "alert/info[1]/onset", found)
    ended = read_time(node["finished_at"], "alert/sent", found) if node.get("finished_at") else None
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


def home_front(node: Object, found: Findings, _budget: Budget) -> Alert:
    """One entry of the Home Front Command's live or history list.

    The category is kept as it is and not read: 13 has meant both "be ready" and "you may leave" (F, finding 2).
    """
    sent = read_time(node["alertDate"], "alert/sent", found) if node.get("alertDate") else None
    if sent is None and not node.get("alertDate"):
        found.add("element.missing", "alert", "sent")
    places = [str(place) for place in read_values(node.get("data"))]
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


def siren_list(node: Object, found: Findings, _budget: Budget) -> Alert:
    """One siren alert of a list of places."""
    info = Info(
        language="he",
        categories=("Safety",),
        urgency="Unknown",
        severity="Unknown",
        certainty="Unknown",
        event_codes=(Named("threat", str(node.get("threat", ""))),),
        areas=tuple(Area(description=str(place)) for place in read_values(node["cities"])),
    )
    sent = read_time(node.get("time") or "", "alert/sent", found)
    status = Status.EXERCISE if node.get("isDrill") else Status.ACTUAL
    return _signal(found, str(node.get("notificationId") or ""), "tzevaadom", sent, info, orjson.dumps(node), status)

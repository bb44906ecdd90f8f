"""Telling: an alert as one JSON value, for scripts and apps that read no XML.

- The names are those of the interface ("tocsin read --json", ``/alerts/{identifier}.json``): CAP's own in snake case.
- Shapes are counted and not repeated: who needs the coordinates reads the CAP message or GeoJSON.
- Times are RFC 3339 with an offset, null where there is none.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from tocsin.cap.alert import Alert, Area, Info, Reference
from tocsin.cap.phase import says
from tocsin.cap.problem import Problem
from tocsin.clock import spell


class ToldArea(Struct, frozen=True):
    """Where, in words and codes; ``polygons`` and ``circles`` are how many there are."""

    area_desc: str
    polygons: int
    circles: int
    geocodes: dict[str, list[str]]


class ToldInfo(Struct, frozen=True):
    """One info of the message."""

    language: str
    event: str
    category: tuple[str, ...]
    response_type: tuple[str, ...]
    urgency: str
    severity: str
    certainty: str
    effective: str | None
    onset: str | None
    expires: str | None
    headline: str
    description: str
    instruction: str
    audience: str
    areas: tuple[ToldArea, ...]


class ToldProblem(Struct, frozen=True):
    """One departure from the standard that was met while reading."""

    code: str
    message: str
    path: str
    line: int | None


class Told(Struct, frozen=True):
    """One alert. ``phase`` is what it alone says to a person, null when it says nothing; ``file`` where it is from."""

    file: str
    identifier: str
    sender: str
    sent: str | None
    status: str
    msg_type: str
    scope: str
    references: tuple[Reference, ...]
    infos: tuple[ToldInfo, ...]
    phase: str | None
    version: str
    signed: bool
    problems: tuple[ToldProblem, ...]


def told(alert: Alert, problems: Iterable[Problem] = (), file: str = "") -> Told:
    """An alert as it is told; ``problems`` are the departures that were met while it was read."""
    phase = says(alert)
    return Told(
        file,
        alert.identifier,
        alert.sender,
        spell(alert.sent) if alert.sent is not None else None,
        alert.status,
        alert.msg_type,
        alert.scope,
        alert.references,
        tuple(_info(info) for info in alert.infos),
        None if phase is None else str(phase),
        alert.version,
        alert.signed,
        tuple(told_problem(one) for one in problems),
    )


def told_problem(problem: Problem) -> ToldProblem:
    """A departure from the standard as it is told."""
    return ToldProblem(problem.code, problem.message, problem.path, problem.line)


def _info(info: Info) -> ToldInfo:
    effective, onset, expires = (
        spell(at) if at is not None else None for at in (info.effective, info.onset, info.expires)
    )
    return ToldInfo(
        info.language,
        info.event,
        info.categories,
        info.response_types,
        info.urgency,
        info.severity,
        info.certainty,
        effective,
        onset,
        expires,
        info.headline,
        info.description,
        info.instruction,
        info.audience,
        tuple(_area(area) for area in info.areas),
    )


def _area(area: Area) -> ToldArea:
    geocodes: dict[str, list[str]] = {}
    for one in area.geocodes:
        geocodes.setdefault(one.name, []).append(one.value)
    return ToldArea(area.description, len(area.polygons), len(area.circles), geocodes)

"""The sequences of CAP: which elements stand in an alert, in which order, and how the text of each is read.

- One row an element: its name, its field, how it is read, whether it may repeat or must stand, and the codes it may hold.
- The tables of a namespace are made once from these rows.

Standard: CAP 1.2, 3.2.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

from tocsin.cap.alert import (
    Category,
    Certainty,
    MsgType,
    ResponseType,
    Scope,
    Severity,
    Status,
    Urgency,
)

NAMESPACES = {
    "urn:oasis:names:tc:emergency:cap:1.2": "1.2",
    "urn:oasis:names:tc:emergency:cap:1.1": "1.1",
    "http://www.incident.com/cap/1.0": "1.0",
    "urn:oasis:names:tc:emergency:cap:1.0": "1.0",
}
SIGNATURE = "{http://www.w3.org/2000/09/xmldsig#}Signature"

# How a text is read. Below SINGLE an element stands once, from there on it may be repeated.
FREE, CODE, TOKEN, LANGUAGE, TIME, NUMBER, LIST, REFERENCES = range(8)
SINGLE = 8
TOKENS, CODES, NAMED, POLYGON, CIRCLE, INFO, AREA, RESOURCE = range(8, 16)

Spec = tuple[int, int, int, str, dict[str, str]]


def _codes(*members: Any) -> dict[str, str]:
    return {str(member): str(member) for code_list in members for member in code_list}


_NONE: dict[str, str] = {}
# CAP name, our name, reading, mandatory, code list: in the standard's order.
Row = tuple[str, str, int, bool, dict[str, str]]
ALERT_ROWS: tuple[Row, ...] = (
    ("identifier", "identifier", TOKEN, True, _NONE),
    ("sender", "sender", TOKEN, True, _NONE),
    ("sent", "sent", TIME, True, _NONE),
    ("status", "status", CODE, True, _codes(Status)),
    ("msgType", "msg_type", CODE, True, _codes(MsgType)),
    ("source", "source", FREE, False, _NONE),
    ("scope", "scope", CODE, True, _codes(Scope)),
    ("restriction", "restriction", FREE, False, _NONE),
    ("addresses", "addresses", LIST, False, _NONE),
    ("code", "codes", TOKENS, False, _NONE),
    ("note", "note", FREE, False, _NONE),
    ("references", "references", REFERENCES, False, _NONE),
    ("incidents", "incidents", LIST, False, _NONE),
    ("info", "infos", INFO, False, _NONE),
)
INFO_ROWS: tuple[Row, ...] = (
    ("language", "language", LANGUAGE, False, _NONE),
    ("category", "categories", CODES, True, _codes(Category)),
    ("event", "event", FREE, True, _NONE),
    ("responseType", "response_types", CODES, False, _codes(ResponseType)),
    ("urgency", "urgency", CODE, True, _codes(Urgency)),
    ("severity", "severity", CODE, True, _codes(Severity)),
    ("certainty", "certainty", CODE, True, _codes(Certainty)),
    ("audience", "audience", FREE, False, _NONE),
    ("eventCode", "event_codes", NAMED, False, _NONE),
    ("effective", "effective", TIME, False, _NONE),
    ("onset", "onset", TIME, False, _NONE),
    ("expires", "expires", TIME, False, _NONE),
    ("senderName", "sender_name", FREE, False, _NONE),
    ("headline", "headline", FREE, False, _NONE),
    ("description", "description", FREE, False, _NONE),
    ("instruction", "instruction", FREE, False, _NONE),
    ("web", "web", TOKEN, False, _NONE),
    ("contact", "contact", FREE, False, _NONE),
    ("parameter", "parameters", NAMED, False, _NONE),
    ("resource", "resources", RESOURCE, False, _NONE),
    ("area", "areas", AREA, False, _NONE),
)
AREA_ROWS: tuple[Row, ...] = (
    ("areaDesc", "description", FREE, True, _NONE),
    ("polygon", "polygons", POLYGON, False, _NONE),
    ("circle", "circles", CIRCLE, False, _NONE),
    ("geocode", "geocodes", NAMED, False, _NONE),
    ("altitude", "altitude", TOKEN, False, _NONE),
    ("ceiling", "ceiling", TOKEN, False, _NONE),
)
RESOURCE_ROWS: tuple[Row, ...] = (
    ("resourceDesc", "description", FREE, True, _NONE),
    ("mimeType", "mime_type", TOKEN, True, _NONE),
    ("size", "size", NUMBER, False, _NONE),
    ("uri", "uri", TOKEN, False, _NONE),
    ("derefUri", "deref_uri", TOKEN, False, _NONE),
    ("digest", "digest", TOKEN, False, _NONE),
)
# Of a list of names no more letters than this are read.
LOCAL_NAMES = frozenset(row[0] for rows in (ALERT_ROWS, INFO_ROWS, AREA_ROWS, RESOURCE_ROWS) for row in rows)


class Tables(msgspec.Struct, frozen=True):
    """The four tables for the elements of one namespace, keyed by the element's full name."""

    alert: dict[str, Spec]
    info: dict[str, Spec]
    area: dict[str, Spec]
    resource: dict[str, Spec]
    value_name: str
    value: str


@lru_cache(maxsize=64)
def tables(namespace: str) -> Tables:
    """The tables for ``namespace``; any other namespace gets tables of its own, so all are read at one speed."""
    start = f"{{{namespace}}}" if namespace else ""

    def table(rows: tuple[Row, ...]) -> dict[str, Spec]:
        return {
            start + name: (rank, 1 << rank, reading, ours, codes)
            for rank, (name, ours, reading, _, codes) in enumerate(rows)
        }

    return Tables(
        table(ALERT_ROWS),
        table(INFO_ROWS),
        table(AREA_ROWS),
        table(RESOURCE_ROWS),
        start + "valueName",
        start + "value",
    )


def _mandatory(rows: tuple[Row, ...]) -> tuple[int, tuple[tuple[int, str], ...]]:
    each = tuple((1 << rank, row[0]) for rank, row in enumerate(rows) if row[3])
    return sum(bit for bit, _ in each), each


ALERT_MUST, INFO_MUST = _mandatory(ALERT_ROWS), _mandatory(INFO_ROWS)
AREA_MUST, RESOURCE_MUST = _mandatory(AREA_ROWS), _mandatory(RESOURCE_ROWS)

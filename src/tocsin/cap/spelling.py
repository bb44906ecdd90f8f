"""Spelling: an alert written as strict CAP 1.2, or refused; never something in between.

- What was read and not changed is given back byte for byte.
- Everything else is built as text in the standard's order and then held against the OASIS schema before it leaves.
- Times carry a numeric offset and whole seconds, never ``Z``; polygons are closed; references are triples.
- Elements that are not CAP's, and a signature, cannot be carried into a changed message: the schema has no place for
  the first, and the second would be wrong.

Standard: CAP 1.2, 3.2 and 3.3.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from lxml import etree

from tocsin.cap.alert import Alert, Area, Circle, Info, Named, Polygon, Reference, Resource
from tocsin.cap.schema import OASIS_1_2, valid
from tocsin.cap.sequence import ALERT_ROWS, INFO_ROWS
from tocsin.errors import UnfitAlertError

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">'
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_SPECIAL = re.compile("[<>&\r]")
_ESCAPES = {"<": "&lt;", ">": "&gt;", "&": "&amp;", "\r": "&#13;"}
_BLANK = re.compile(r"\s")
_CODES = {row[1]: row[4] for row in (*ALERT_ROWS, *INFO_ROWS) if row[4]}
_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)


def write(alert: Alert) -> bytes:
    """``alert`` as CAP 1.2; one that was read from XML and not changed comes back as the bytes it was read from.

    Raises :class:`UnfitAlertError`, naming the field, when it cannot be written as valid CAP 1.2.
    """
    if alert.original is not None and _untouched(alert):
        return alert.original
    made = _spelt(alert)
    wrong = valid(etree.fromstring(made, _PARSER), OASIS_1_2)
    if wrong:
        raise UnfitAlertError(f"{wrong[0].message} (line {wrong[0].line})")
    return made


def _untouched(alert: Alert) -> bool:
    """Whether reading the original again gives this very alert."""
    from tocsin.cap import xml  # Reading and writing know each other: this is the one place where they meet.

    original = alert.original or b""
    if original[:1] in (b"{", b"["):
        return False
    again = xml.read(original, limits=xml.Limits(size=len(original) + 1, elements=1_000_000, attributes=100_000))
    return len(again.alerts) == 1 and again.alerts[0] == alert


def _spelt(alert: Alert) -> bytes:
    out = [_HEAD]
    _token(out, "identifier", alert.identifier, must=True)
    _token(out, "sender", alert.sender, must=True)
    _time(out, "sent", alert.sent, must=True)
    _code(out, "status", "status", alert.status)
    _code(out, "msgType", "msg_type", alert.msg_type)
    _text(out, "source", alert.source)
    _code(out, "scope", "scope", alert.scope)
    _text(out, "restriction", alert.restriction)
    _list(out, "addresses", alert.addresses)
    for code in alert.codes:
        _line(out, "code", code)
    _text(out, "note", alert.note)
    if alert.references:
        out.append(f"<references>{' '.join(_reference(each) for each in alert.references)}</references>")
    _list(out, "incidents", alert.incidents)
    for info in alert.infos:
        _info(out, info)
    out.append("</alert>\n")
    return "".join(out).encode("utf-8")


def _info(out: list[str], info: Info) -> None:
    out.append("<info>")
    if info.language:
        _line(out, "language", info.language)
    if not info.categories:
        raise UnfitAlertError("info.category is missing.")
    for category in info.categories:
        _code(out, "category", "categories", category)
    _text(out, "event", info.event, must=True)
    for response in info.response_types:
        _code(out, "responseType", "response_types", response)
    _code(out, "urgency", "urgency", info.urgency)
    _code(out, "severity", "severity", info.severity)
    _code(out, "certainty", "certainty", info.certainty)
    _text(out, "audience", info.audience)
    _named(out, "eventCode", info.event_codes)
    _time(out, "effective", info.effective)
    _time(out, "onset", info.onset)
    _time(out, "expires", info.expires)
    _text(out, "senderName", info.sender_name)
    _text(out, "headline", info.headline)
    _text(out, "description", info.description)
    _text(out, "instruction", info.instruction)
    if info.web:
        _line(out, "web", info.web)
    _text(out, "contact", info.contact)
    _named(out, "parameter", info.parameters)
    for resource in info.resources:
        _resource(out, resource)
    for area in info.areas:
        _area(out, area)
    out.append("</info>")


def _resource(out: list[str], resource: Resource) -> None:
    out.append("<resource>")
    _text(out, "resourceDesc", resource.description, must=True)
    _token(out, "mimeType", resource.mime_type, must=True, loose=True)
    if resource.size is not None:
        out.append(f"<size>{resource.size}</size>")
    for name, value in (("uri", resource.uri), ("derefUri", resource.deref_uri), ("digest", resource.digest)):
        if value:
            _line(out, name, value)
    out.append("</resource>")


def _area(out: list[str], area: Area) -> None:
    out.append("<area>")
    _text(out, "areaDesc", area.description, must=True)
    out.extend(f"<polygon>{_points(polygon)}</polygon>" for polygon in area.polygons)
    out.extend(f"<circle>{_circle(circle)}</circle>" for circle in area.circles)
    _named(out, "geocode", area.geocodes, filled=True)
    for name, value in (("altitude", area.altitude), ("ceiling", area.ceiling)):
        if value:
            _line(out, name, value)
    out.append("</area>")


# --- one value ------------------------------------------------------------------------------------------------------


def _escaped(name: str, text: str) -> str:
    if _ILLEGAL.search(text):
        raise UnfitAlertError(f"{name} has a control character in it.")
    return _SPECIAL.sub(lambda found: _ESCAPES[found[0]], text)


def _text(out: list[str], name: str, text: str, *, must: bool = False) -> None:
    if text:
        out.append(f"<{name}>{_escaped(name, text)}</{name}>")
    elif must:
        raise UnfitAlertError(f"{name} is missing.")


def _line(out: list[str], name: str, text: str) -> None:
    """A value that readers take the blank space off: it may have none at its ends."""
    if not text or text != " ".join(text.split()):
        raise UnfitAlertError(f"{name} is empty or has blank space around it: {text!r}.")
    out.append(f"<{name}>{_escaped(name, text)}</{name}>")


def _token(out: list[str], name: str, text: str, *, must: bool = False, loose: bool = False) -> None:
    if not text and must:
        raise UnfitAlertError(f"{name} is missing.")
    if not loose and (_BLANK.search(text) or "," in text or "<" in text or "&" in text):
        raise UnfitAlertError(f"{name} may not have blanks, commas, < or & in it: {text!r}.")
    _line(out, name, text)


def _code(out: list[str], name: str, field: str, value: str) -> None:
    if value not in _CODES[field]:
        raise UnfitAlertError(f"{name} must be one of {', '.join(_CODES[field])}, not {str(value)!r}.")
    out.append(f"<{name}>{value}</{name}>")


def _time(out: list[str], name: str, at: datetime | None, *, must: bool = False) -> None:
    if at is None:
        if must:
            raise UnfitAlertError(f"{name} is missing.")
        return
    if at.tzinfo is None:
        raise UnfitAlertError(f"{name} has no offset from UTC.")
    if at.microsecond:
        raise UnfitAlertError(f"{name} has fractions of a second; CAP knows whole seconds only.")
    at = at.astimezone(UTC)
    if not 1990 <= at.year <= 2100:
        raise UnfitAlertError(f"{name} is not of our time: {at}.")
    out.append(f"<{name}>{at.isoformat()}</{name}>")


def _list(out: list[str], name: str, values: tuple[str, ...]) -> None:
    if not values:
        return
    spelt = []
    for value in values:
        if not value or '"' in value:
            raise UnfitAlertError(f"{name} has an entry that is empty or has a quotation mark in it.")
        spelt.append(f'"{value}"' if _BLANK.search(value) else value)
    _text(out, name, " ".join(spelt))


def _reference(reference: Reference) -> str:
    parts = (reference.sender, reference.identifier, reference.sent)
    if any(not part or _BLANK.search(part) or "," in part or '"' in part for part in parts):
        raise UnfitAlertError(f"references must be sender,identifier,sent without blanks: {','.join(parts)!r}.")
    return _escaped("references", ",".join(parts))


def _named(out: list[str], element: str, named: tuple[Named, ...], *, filled: bool = False) -> None:
    for each in named:
        value = "" if not each.value and not filled else _inner(element, each.value)
        out.append(f"<{element}><valueName>{_inner(element, each.name)}</valueName><value>{value}</value></{element}>")


def _inner(name: str, text: str) -> str:
    if not text or text[0].isspace() or text[-1].isspace():
        raise UnfitAlertError(f"{name} has a name or value that is empty or has blank space around it: {text!r}.")
    return _escaped(name, text)


def _points(polygon: Polygon) -> str:
    """The ring as the standard spells it, closed, from the micro-degrees and not from whatever text there was."""
    rows = polygon.points.tolist()
    if not rows:
        raise UnfitAlertError("polygon has no points.")
    if rows[0] != rows[-1]:
        rows.append(rows[0])
    return " ".join([f"{_degrees(latitude)},{_degrees(longitude)}" for latitude, longitude in rows])


def _degrees(micro: int) -> str:
    """Micro-degrees as decimal degrees, exactly.

    >>> _degrees(50450000), _degrees(-1), _degrees(30000000)
    ('50.45', '-0.000001', '30.0')
    """
    # A quotient this small would be spelt with an exponent.
    return str(micro / 1_000_000) if abs(micro) >= 100 or micro == 0 else f"{micro / 1_000_000:.6f}"


def _circle(circle: Circle) -> str:
    radius = circle.radius_km
    if not 0 <= radius <= 20_038:
        raise UnfitAlertError(f"circle has an impossible radius: {radius}.")
    spelt = repr(float(radius))
    if "e" in spelt:
        spelt = f"{radius:.12f}".rstrip("0")
    return f"{_degrees(circle.latitude)},{_degrees(circle.longitude)} {spelt.removesuffix('.0')}"

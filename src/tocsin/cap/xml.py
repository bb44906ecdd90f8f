"""Reading and writing CAP: from any bytes to alerts with what was wrong about them, and from an alert to strict XML.

- Reading raises nothing for what a feed may send; a document is either refused (one problem says why) or read as far
  as it goes, each departure from the standard a coded problem beside its alert.
- One bad message never costs another: every alert of an envelope is read by itself.
- Each alert keeps its bytes as received; of an alert inside an envelope, its own element serialised.
- Writing what was read and not changed gives back its bytes (:func:`tocsin.cap.spelling.write`).
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from tocsin.cap import dialects, envelope
from tocsin.cap.alert import Alert
from tocsin.cap.element import Walk
from tocsin.cap.envelope import Link
from tocsin.cap.geometry import Budget
from tocsin.cap.homeland import swapped
from tocsin.cap.limits import PUBLIC, TRUSTED, Limits
from tocsin.cap.plain import plain
from tocsin.cap.problem import CODES, Findings, Problem
from tocsin.cap.rules import sanity
from tocsin.cap.schema import schema
from tocsin.cap.spelling import write
from tocsin.cap.tree import Element, Grown, grow

__all__ = ["PUBLIC", "TRUSTED", "Limits", "Link", "Problem", "Reading", "read", "write"]

_TODAY = "{urn:oasis:names:tc:emergency:cap:1.2}alert"
# How the messages end that we sign: every alert of our own is read so, by the stream, the readback and the pages.
_SIGNATURE, _CLOSE = b"<ds:Signature ", b"</alert>"
_SIGNED = b"</ds:Signature>" + _CLOSE


class Reading(Struct, frozen=True):
    """What was read from one document.

    ``alerts`` in the document's order; ``problems`` all departures, the document's first; ``refused`` why nothing was
    read; ``found`` the departures of each alert, in step with ``alerts``; ``links`` of an index, to be fetched.
    """

    alerts: tuple[Alert, ...] = ()
    problems: tuple[Problem, ...] = ()
    refused: Problem | None = None
    found: tuple[tuple[Problem, ...], ...] = ()
    links: tuple[Link, ...] = ()


def read(data: bytes, *, limits: Limits = PUBLIC) -> Reading:
    """Read a document that holds CAP alerts in any version, namespace or envelope, or JSON like CAP.

    Never raises for what was sent. The time and memory it takes are bounded by ``limits``.
    """
    if type(data) is not bytes:
        data = bytes(data)
    if data[:5] == b"<?xml" or data[:6] == b"<alert":
        return _document(data, limits)
    head = data[:64].lstrip(b" \t\r\n\xef\xbb\xbf\0")
    if head[:1] in (b"{", b"[") or (head[:1] in (b"\xff", b"\xfe") and data[2:4].strip(b"\0") in (b"{", b"[")):
        return _json(data, limits)
    if data[:4] == b"PK\x03\x04":
        return _archive(data, limits)
    if not data.strip(b" \t\r\n\0\xef\xbb\xbf"):
        return _refused("xml.empty")
    return _document(data, limits)


def _refused(code: str, detail: str = "", problems: tuple[Problem, ...] = (), links: tuple[Link, ...] = ()) -> Reading:
    found = Findings()
    found.add(code, detail=detail)
    return Reading(problems=(*found.found, *problems), refused=found.found[0], links=links)


def _document(data: bytes, limits: Limits) -> Reading:
    grown = grow(data, limits)
    root = grown.root
    if root is None:
        return _refused(grown.refused, grown.detail, _told(grown))
    if root.tag == _TODAY and not grown.problems and schema()(root):
        quick = _unsigned(grown.plain, data) if grown.plain.endswith(_SIGNED) else plain(grown.plain, data)
        if quick is not None:
            seen = Findings()
            sanity(quick, seen)
            swapped(quick, seen)
            noted = seen.close() if seen.found else ()
            return Reading((quick,), noted, None, (noted,))
    told = _told(grown) if grown.problems else ()
    budget = Budget(limits.points, shapes=limits.shapes, blocks=limits.blocks)
    if envelope.is_alert(root):
        alert, problems = _alert(root, data, budget)
        return Reading((alert,), told + problems, None, (told + problems,))
    alerts: list[Alert] = []
    found: list[tuple[Problem, ...]] = []
    more: tuple[Problem, ...] = ()
    room = 4 * limits.size
    for element in envelope.elements(root):
        original = envelope.serialised(element)
        room -= len(original)
        if len(alerts) >= limits.alerts or room < 0:
            more = (Problem("envelope.many", CODES["envelope.many"][1]),)
            break
        alert, problems = _alert(element, original, budget)
        alerts.append(alert)
        found.append(problems)
    if not alerts:
        for text in envelope.texts(root):
            if len(alerts) >= limits.alerts:
                more = (Problem("envelope.many", CODES["envelope.many"][1]),)
                break
            original = text.encode("utf-8", "replace")
            inner = grow(original, limits)
            if inner.root is None or not envelope.is_alert(inner.root):
                # One alert of the envelope that cannot be read is said and costs the others nothing.
                more = (*more, Problem(inner.refused or "xml.no-alert", CODES[inner.refused or "xml.no-alert"][1]))
                continue
            alert, problems = _alert(inner.root, original, budget)
            alerts.append(alert)
            found.append(_told(inner) + problems)
    links = envelope.links(root, limits.alerts)
    if not alerts:
        if envelope.local(root).lower() == "html":
            return _refused("xml.html", problems=told)
        if links:
            return _refused("xml.index-only", f"{len(links)} links", told, links)
        return _refused("xml.no-alert", f"the first element is {envelope.local(root)}", told + more)
    everything = (*told, *more, *(problem for each in found for problem in each))
    return Reading(tuple(alerts), everything, None, tuple(found), links)


def _unsigned(text: bytes, original: bytes) -> Alert | None:
    """The signed alert in ``text`` read the quick way: what stands before its one signature, which ends it.

    None when anything is odd. Nothing but a signature can be cut away: what else has its name leaves a mark behind
    that :func:`tocsin.cap.plain.plain` does not take.
    """
    start = text.find(_SIGNATURE)
    if start < 0 or text.find(_SIGNATURE, start + 1) >= 0:
        return None
    quick = plain(text[:start] + text[-len(_CLOSE) :], original)
    return replace(quick, signed=True) if quick is not None else None


def _alert(element: Element, original: bytes, budget: Budget) -> tuple[Alert, tuple[Problem, ...]]:
    found = Findings()
    alert = Walk(envelope.namespace(element), found, budget).alert(element, original)
    sanity(alert, found)
    swapped(alert, found)
    return alert, found.close() if found.found else ()


def _told(grown: Grown) -> tuple[Problem, ...]:
    found = Findings()
    for code, detail, line in grown.problems:
        found.add(code, detail=detail, line=line)
    return found.close()


def _json(data: bytes, limits: Limits) -> Reading:
    if len(data) > limits.size:
        return _refused("xml.too-large", f"{len(data):,} bytes")
    if data.count(b"[") + data.count(b"{") > 10 * limits.elements:
        return _refused("xml.elements")
    read_all = dialects.alerts(data, limits)
    if read_all is None:
        return _refused("json.no-alert")
    alerts: list[Alert] = []
    problems: list[tuple[Problem, ...]] = []
    for alert, found in read_all[: limits.alerts]:
        sanity(alert, found)
        swapped(alert, found)
        alerts.append(alert)
        problems.append(found.close())
    return Reading(tuple(alerts), tuple(p for each in problems for p in each), None, tuple(problems))


def _archive(data: bytes, limits: Limits) -> Reading:
    files = envelope.unzipped(data, limits) if len(data) <= limits.size else None
    if files is None:
        return _refused("zip.refused")
    # An archive inside an archive is not opened.
    readings = [read(file, limits=limits) for file in files if file[:4] != b"PK\x03\x04"]
    alerts = tuple(alert for each in readings for alert in each.alerts)[: limits.alerts]
    if not alerts:
        return _refused("xml.no-alert")
    return Reading(
        alerts,
        tuple(problem for each in readings for problem in each.problems),
        None,
        tuple(found for each in readings for found in each.found)[: limits.alerts],
        tuple(link for each in readings for link in each.links),
    )

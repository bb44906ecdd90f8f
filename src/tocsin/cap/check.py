"""Check: is this CAP message fit to publish, and if not, what is wrong where.

- Fit is what the OASIS CAP 1.2 schema takes and our own rules take as well; nothing the schema rejects is ever fit.
- Each fault has a code, the element's path, its line and a sentence that says what to do.
- A message of an older version or inside an envelope is read and judged all the same; it is not fit as it stands.
"""

from __future__ import annotations

import re

from msgspec import Struct

from tocsin.cap import envelope, lint, xml
from tocsin.cap.alert import Alert
from tocsin.cap.element import NAMESPACES, Walk
from tocsin.cap.geometry import Budget
from tocsin.cap.homeland import swapped
from tocsin.cap.limits import TRUSTED, Limits
from tocsin.cap.problem import CODES, Findings, Problem, Weight
from tocsin.cap.profiles import PROFILES
from tocsin.cap.rules import faults, sanity
from tocsin.cap.schema import valid
from tocsin.cap.tree import Element, grow, line

_LISTED = 60
_NAMED = re.compile(r"Element '([^']+)'")


class Fault(Struct, frozen=True):
    """One thing that is wrong, where, and what to do."""

    code: str
    path: str
    line: int | None
    message: str


class Verdict(Struct, frozen=True):
    """Whether a message is fit to publish. ``version`` is the CAP version it is written in, empty when unknown.

    ``readable`` is false when there was no message to judge.
    """

    fit: bool
    version: str
    errors: tuple[Fault, ...] = ()
    warnings: tuple[Fault, ...] = ()
    readable: bool = True


def check(data: bytes, profile: str | None = None, *, linted: bool = False, limits: Limits = TRUSTED) -> Verdict:
    """Judge the message in ``data`` for publishing, under ``profile`` as well when one is named.

    ``linted`` adds what :mod:`tocsin.cap.lint` says about its wording. Nothing is raised, also not for an unknown
    profile: that is an error with the code ``profile.unknown``.
    """
    head = bytes(data[:64]).lstrip(b" \t\r\n\xef\xbb\xbf")
    if head[:1] in (b"{", b"["):
        return _unreadable("json.not-cap")
    if not head:
        return _unreadable("xml.empty")
    grown = grow(bytes(data), limits)
    root = grown.root
    if root is None:
        return _unreadable(grown.refused, grown.detail)
    found = Findings(_LISTED)
    for code, detail, at in grown.problems:
        found.add(code, detail=detail, line=at)
    if profile is not None and profile not in PROFILES:
        found.add("profile.unknown", detail=f"{profile}; there are {', '.join(PROFILES)}")
    if envelope.is_alert(root):
        alert = _judged(root, found, profile, limits)
        return _verdict(found.close(), alert, linted)
    # An envelope is not fit, and the alerts in it are judged as if they stood alone.
    reading = xml.read(data, limits=limits)
    if not reading.alerts:
        return _unreadable(reading.refused.code if reading.refused else "xml.no-alert", envelope.local(root))
    found.add("envelope", envelope.local(root), f"{len(reading.alerts)} alerts", line(root))
    inside = list(envelope.elements(root))
    for element in inside[:_LISTED]:
        _judged(element, found, profile, limits)
    return _verdict(found.close(), reading.alerts[0], linted)


def _judged(element: Element, found: Findings, profile: str | None, limits: Limits) -> Alert:
    namespace = envelope.namespace(element)
    alert = Walk(namespace, found, Budget(limits.points, shapes=limits.shapes, blocks=limits.blocks)).alert(
        element, None
    )
    sanity(alert, found)
    swapped(alert, found)
    faults(alert, found)
    PROFILES.get(profile or "cap-1.2", PROFILES["cap-1.2"])(alert, found)
    if NAMESPACES.get(namespace) == "1.2":
        said = {problem.line for problem in found.found if CODES[problem.code][0] is Weight.ERROR}
        for departure in valid(element):
            # What our own rules have said about this line in plain words need not be said again in the schema's.
            if departure.line not in said or departure.line is None:
                named = _NAMED.search(departure.message)
                found.add("schema", named[1] if named else "alert", departure.message, departure.line)
    elif namespace in NAMESPACES:
        found.add("xml.version", "alert", alert.version, line(element))
    return alert


def _verdict(problems: tuple[Problem, ...], alert: Alert, linted: bool) -> Verdict:
    errors = [_fault(each) for each in problems if CODES[each.code][0] is Weight.ERROR]
    warnings = [_fault(each) for each in problems if CODES[each.code][0] is Weight.WARNING]
    if linted:
        for finding in lint.lint(alert):
            fault = Fault(finding.code, finding.path, None, finding.message)
            (errors if finding.code in lint.BLOCKING else warnings).append(fault)
    return Verdict(not errors, alert.version, tuple(errors), tuple(warnings))


def _fault(problem: Problem) -> Fault:
    return Fault(problem.code, problem.path, problem.line, problem.message)


def _unreadable(code: str, detail: str = "") -> Verdict:
    sentence = CODES[code][1]
    return Verdict(False, "", (Fault(code, "", None, f"{sentence} ({detail})" if detail else sentence),), (), False)

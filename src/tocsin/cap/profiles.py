"""Profiles: what a community asks of a CAP message beyond the standard, by name.

- ``cap-1.2`` asks for the standard alone; it is what is judged when no profile is named.
- ``ipaws`` is the OASIS CAP 1.2 profile for the United States' system, version 1.0.
- ``tocsin`` asks for the machine parameters that no reader may have to guess from text (practice.md section 2).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from tocsin.cap import alert as words
from tocsin.cap.alert import Alert, Info
from tocsin.cap.problem import Findings
from tocsin.cap.time import moment

PHASES = ("prepare", "act", "hold", "all-clear", "retracted")
_MACHINE = (words.EVENT_ID, words.VERSION, words.PHASE, words.AS_OF, words.NEXT_UPDATE_BY, words.CANCEL_REASON)


def _standard(_alert: Alert, _found: Findings) -> None:
    """Nothing more."""


def _ipaws(alert: Alert, found: Findings) -> None:
    if "IPAWSv1.0" not in alert.codes:
        found.add("ipaws.code", "alert/code", " ".join(alert.codes))
    if not alert.infos:
        found.add("ipaws.info", "alert")
    same_codes: set[str] = set()
    for at, info in enumerate(alert.infos, 1):
        path = f"alert/info[{at}]"
        same = [code.value for code in info.event_codes if code.name == "SAME"]
        if not same or not all(re.fullmatch("[A-Z]{3}", code) for code in same):
            found.add("ipaws.event-code", path, " ".join(same))
        same_codes.update(same)
        if info.expires is None:
            found.add("ipaws.expires", path)
        if info.parameter("EAS-ORG") is None:
            found.add("ipaws.eas-org", path)
        if not info.areas:
            found.add("ipaws.area", path)
        for number, area in enumerate(info.areas, 1):
            codes = [code.value for code in area.geocodes if code.name == "SAME"]
            if not codes or not all(re.fullmatch(r"\d{6}", code) for code in codes):
                found.add("ipaws.geocode", f"{path}/area[{number}]", " ".join(codes))
    if len(same_codes) > 1:
        found.add("ipaws.event-code-mixed", "alert", " ".join(sorted(same_codes)))


def _tocsin(alert: Alert, found: Findings) -> None:
    machine: set[tuple[str | None, ...]] = set()
    for at, info in enumerate(alert.infos, 1):
        path = f"alert/info[{at}]"
        machine.add(tuple(info.parameter(name) for name in _MACHINE))
        if not info.language:
            found.add("tocsin.language", path)
        if not info.headline.strip() or not info.instruction.strip():
            found.add("tocsin.instruction", path)
        for number, area in enumerate(info.areas, 1):
            if not area.geocodes:
                found.add("tocsin.geocode", f"{path}/area[{number}]", area.description)
        _machine(alert, info, path, found)
    if len(machine) > 1:
        found.add("tocsin.mixed", "alert")
    if alert.msg_type in ("Cancel", "Error") and alert.parameter(words.CANCEL_REASON) not in ("error", "ended"):
        found.add("tocsin.cancel-reason", "alert")


def _machine(alert: Alert, info: Info, path: str, found: Findings) -> None:
    if not (info.parameter(words.EVENT_ID) or "").strip():
        found.add("tocsin.event-id", path)
    version = info.parameter(words.VERSION) or ""
    if not re.fullmatch(r"[1-9]\d{0,8}", version):
        found.add("tocsin.version", path, version)
    phase = info.parameter(words.PHASE) or ""
    if phase not in PHASES:
        found.add("tocsin.phase", path, phase)
        return
    clear = "AllClear" in info.response_types
    fits = {
        "prepare": not clear,
        "act": not clear and bool(info.response_types),
        "hold": not clear and alert.msg_type == "Update",
        "all-clear": clear and alert.msg_type == "Update",
        "retracted": alert.msg_type in ("Cancel", "Error"),
    }
    if not fits[phase]:
        found.add("tocsin.phase-response", path, f"{phase}, {alert.msg_type}, {' '.join(info.response_types)}")
    as_of = info.parameter(words.AS_OF) or ""
    if moment(as_of)[0] is None:
        found.add("tocsin.as-of", path, as_of)
    if phase in ("prepare", "act", "hold") and moment(info.parameter(words.NEXT_UPDATE_BY) or "")[0] is None:
        found.add("tocsin.next-update-by", path, info.parameter(words.NEXT_UPDATE_BY) or "")


PROFILES: dict[str, Callable[[Alert, Findings], None]] = {"cap-1.2": _standard, "ipaws": _ipaws, "tocsin": _tocsin}

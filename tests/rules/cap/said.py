"""Alerts for the tests of the phase rules, built in one line each."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from tocsin.cap.alert import Alert, Area, Info, Named, Reference

T0 = datetime(2024, 11, 20, 1, 0, tzinfo=UTC)
SENDER = "warn@example.org"


def t(minutes: float) -> datetime:
    """The moment so many minutes after 01:00 UTC."""
    return T0 + timedelta(minutes=minutes)


def area(*codes: str) -> Area:
    return Area("", geocodes=tuple(Named("ISO3166-2" if "-" in code else "ISO3166-1", code) for code in codes))


KYIV = area("UA-30")


def info(
    does: Iterable[str] = ("Shelter",),
    urgency: str = "Immediate",
    severity: str = "Extreme",
    certainty: str = "Observed",
    areas: tuple[Area, ...] = (KYIV,),
    parameters: dict[str, str] | None = None,
    **more: Any,
) -> Info:
    named = tuple(Named(name, value) for name, value in (parameters or {}).items())
    return Info(
        language="en",
        event="Air alert",
        response_types=tuple(does),
        urgency=urgency,
        severity=severity,
        certainty=certainty,
        areas=areas,
        parameters=named,
        **more,
    )


def alert(
    identifier: str,
    minutes: float,
    *infos: Info,
    kind: str = "Alert",
    refers: Iterable[str] = (),
    sender: str = SENDER,
    status: str = "Actual",
    **more: Any,
) -> Alert:
    references = tuple(Reference(sender, name, "2024-11-20T01:00:00+00:00") for name in refers)
    return Alert(
        identifier=identifier,
        sender=sender,
        sent=t(minutes),
        status=status,
        msg_type=kind,
        scope="Public",
        references=references,
        infos=infos,
        **more,
    )


def act(identifier: str = "a", minutes: float = 0, expires: float | None = None, **more: Any) -> Alert:
    """A foreign alert that asks people to shelter at once."""
    ends = None if expires is None else t(expires)
    own = {name: more.pop(name) for name in ("areas", "severity", "does", "effective", "onset") if name in more}
    return alert(identifier, minutes, info(expires=ends, **own), **more)


def prepare(identifier: str = "p", minutes: float = 0, expires: float | None = None, **more: Any) -> Alert:
    """A foreign alert that asks people to be ready."""
    ends = None if expires is None else t(expires)
    own = {name: more.pop(name) for name in ("areas", "severity", "does", "effective", "onset") if name in more}
    own.setdefault("does", ("Prepare", "Monitor"))
    return alert(identifier, minutes, info(**own, urgency="Expected", expires=ends), **more)


def clear(identifier: str = "c", minutes: float = 30, refers: Iterable[str] = ("a",), **more: Any) -> Alert:
    """A foreign update that says that it is over."""
    own = {name: more.pop(name) for name in ("areas", "effective") if name in more}
    return alert(identifier, minutes, info(("AllClear",), "Past", "Minor", **own), kind="Update", refers=refers, **more)


def ours(identifier: str, minutes: float, phase: str, version: int, event: str = "e", **more: Any) -> Alert:
    """An alert with our own machine fields."""
    fields = {"tocsin:phase": phase, "tocsin:version": str(version), "tocsin:event_id": event}
    own = {name: more.pop(name) for name in ("areas", "expires", "effective") if name in more}
    return alert(identifier, minutes, info((), "Unknown", "Unknown", parameters=fields, **own), **more)

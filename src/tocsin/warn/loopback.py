"""Loopback: what every channel shows of an alert, against what was signed, before the alert goes further.

- Area, phase and words are compared, each by itself, so that a mismatch says what is wrong: a polygon that was lost on
  the way to a gateway alerted ten million people (F4: Los Angeles 2025).
- A mismatch stops and shouts. A channel that shows nothing yet is waited for; if it stays dark while another matches,
  the alert goes on and the dark one is said: silence of a page must not hold back a warning.
- Words may be cut by a channel that says so with an ellipsis; what is left must be the beginning of what was signed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec
from msgspec import Struct

from tocsin.cap.alert import EVENT_ID, PHASE, VERSION, Alert
from tocsin.cap.limits import TRUSTED
from tocsin.cap.xml import read
from tocsin.journal import ACTUAL, Fact, fact
from tocsin.place.gazetteer import Gazetteer
from tocsin.warn.publish import Published

LOOPBACK_MATCHED = "loopback:matched"
LOOPBACK_MISMATCHED = "loopback:mismatched"

PATIENCE = timedelta(seconds=5)
ELLIPSIS = "…"


class Expected(Struct, frozen=True):
    """What was signed: ``texts`` is headline and instruction by language, ``drawn`` the geometry as CAP has it."""

    identifier: str
    event_id: str
    version: int
    phase: str
    areas: frozenset[str]
    drawn: frozenset[str]
    texts: dict[str, tuple[str, str]]
    sha256: str


class Seen(Struct, frozen=True):
    """What a channel shows; None for what it does not tell."""

    identifiers: frozenset[str]
    version: int | None = None
    phase: str | None = None
    areas: frozenset[str] | None = None
    drawn: frozenset[str] | None = None
    texts: dict[str, tuple[str, str]] = {}
    place: str = ""


class Outcome(Struct, frozen=True):
    """One channel's comparison; ``wrong`` names what differs and is empty for a match. ``shown`` is false for nothing."""

    channel: str
    shown: bool
    wrong: tuple[str, ...] = ()

    @property
    def matched(self) -> bool:
        """Whether the channel shows what was signed."""
        return self.shown and not self.wrong


class Compared(Struct, frozen=True):
    """The body of ``loopback:matched`` and ``loopback:mismatched``; the subject is the alert."""

    channel: str
    wrong: tuple[str, ...] = ()


class Verdict(StrEnum):
    """What follows for the alert."""

    WIDEN = "widen"
    WAIT = "wait"
    STOP = "stop"


class Decision(Struct, frozen=True):
    """Whether to go on, and one sentence for whoever watches."""

    verdict: Verdict
    sentence: str


def expected(published: Published) -> Expected:
    """What every channel must show of ``published``."""
    alert = read(published.cap.encode(), limits=TRUSTED).alerts[0]
    return Expected(
        published.identifier,
        published.event_id,
        published.version,
        published.phase,
        frozenset(published.areas),
        _drawn(alert),
        _texts(alert),
        hashlib.sha256(published.cap.encode()).hexdigest(),
    )


def _drawn(alert: Alert) -> frozenset[str]:
    areas = [area for info in alert.infos for area in info.areas]
    rings = {ring.points.tobytes().hex() for area in areas for ring in area.polygons}
    return frozenset(rings | {f"{c.latitude},{c.longitude},{c.radius_km:g}" for area in areas for c in area.circles})


def _texts(alert: Alert) -> dict[str, tuple[str, str]]:
    return {info.language: (info.headline, info.instruction) for info in alert.infos}


def seen_in_cap(data: bytes) -> Seen:
    """What a feed's CAP XML shows; nothing for what cannot be read."""
    reading = read(data, limits=TRUSTED)
    if reading.refused is not None or not reading.alerts:
        return Seen(frozenset())
    alert = reading.alerts[0]
    codes = {
        code.value if code.name.startswith("ISO3166") else f"{code.name}:{code.value}"
        for info in alert.infos
        for area in info.areas
        for code in area.geocodes
    }
    version = alert.parameter(VERSION) or ""
    return Seen(
        frozenset({alert.identifier}) if alert.parameter(EVENT_ID) else frozenset(),
        int(version) if version.isascii() and version.isdecimal() else None,
        alert.parameter(PHASE),
        frozenset(codes),
        _drawn(alert),
        _texts(alert),
    )


class _Bulletin(Struct):
    """What is read of the JSON on the stream and to webhooks."""

    identifier: str
    version: int
    phase: str
    areas: tuple[str, ...]
    headline: dict[str, str] = {}
    instruction: dict[str, str] = {}


def seen_in_bulletin(data: bytes) -> Seen:
    """What the stream's event, or a webhook's body, shows."""
    try:
        told = msgspec.json.decode(data, type=_Bulletin)
    except (msgspec.ValidationError, msgspec.DecodeError):
        return Seen(frozenset())
    texts = {tag: (headline, told.instruction.get(tag, "")) for tag, headline in told.headline.items()}
    return Seen(frozenset({told.identifier}), told.version, told.phase, frozenset(told.areas), None, texts)


class _AlertRef(Struct):
    """An alert as the page's state names it."""

    identifier: str
    version: int = 0


class _State(Struct):
    """What is read of ``/at/{code}.json``."""

    place: str
    phase: str
    alerts: tuple[_AlertRef, ...]
    headline: str = ""
    instruction: str = ""


def seen_on_page(data: bytes, language: str) -> Seen:
    """What the state of a place shows in ``language``."""
    try:
        told = msgspec.json.decode(data, type=_State)
    except (msgspec.ValidationError, msgspec.DecodeError):
        return Seen(frozenset())
    return Seen(
        frozenset(one.identifier for one in told.alerts),
        told.alerts[0].version if told.alerts else None,
        told.phase,
        None,
        None,
        {language: (told.headline, told.instruction)},
        told.place,
    )


def compare(channel: str, wanted: Expected, seen: Seen, gazetteer: Gazetteer | None = None) -> Outcome:
    """Whether ``channel`` shows what was signed. A channel that does not name the alert at all shows nothing yet."""
    if wanted.identifier not in seen.identifiers:
        return Outcome(channel, False)
    wrong = []
    if seen.phase != wanted.phase:
        wrong.append("phase")
    if seen.version is not None and seen.version != wanted.version and not seen.place:
        wrong.append("version")
    if seen.areas is not None and seen.areas != wanted.areas:
        wrong.append("area")
    if seen.drawn is not None and seen.drawn != wanted.drawn:
        wrong.append("geometry")
    if (
        seen.place
        and gazetteer is not None
        and wanted.areas
        and not any(gazetteer.relation(area, seen.place) for area in wanted.areas)
    ):
        wrong.append("area")
    if not seen.texts or any(not _same(wanted.texts.get(tag), text) for tag, text in seen.texts.items()):
        wrong.append("text")
    if seen.areas is not None and {*seen.texts} != {*wanted.texts} and "text" not in wrong:
        wrong.append("languages")
    return Outcome(channel, True, tuple(wrong))


def _same(wanted: tuple[str, str] | None, shown: tuple[str, str]) -> bool:
    return wanted is not None and all(
        said == text or (text.endswith(ELLIPSIS) and said.startswith(text.removesuffix(ELLIPSIS).rstrip()))
        for said, text in zip(wanted, shown, strict=True)
    )


def decide(outcomes: Sequence[Outcome], channels: Iterable[str], sent: datetime, at: datetime) -> Decision:
    """Whether the alert may go further: ``channels`` are those that must show it."""
    by_name: Mapping[str, Outcome] = {one.channel: one for one in outcomes}
    if wrong := [one for one in outcomes if one.shown and one.wrong]:
        told = "; ".join(f"{one.channel}: {', '.join(one.wrong)}" for one in wrong)
        return Decision(Verdict.STOP, f"A channel does not show what was signed ({told}). Nothing more is sent.")
    dark = [name for name in channels if name not in by_name or not by_name[name].shown]
    if not dark:
        return Decision(Verdict.WIDEN, "Every channel shows what was signed.")
    if at - sent < PATIENCE:
        return Decision(Verdict.WAIT, f"Waiting for {', '.join(dark)}.")
    if any(one.matched for one in outcomes):
        return Decision(Verdict.WIDEN, f"Nothing is seen on {', '.join(dark)}; the others match.")
    return Decision(Verdict.STOP, f"Nothing is seen anywhere ({', '.join(dark)}). Nothing more is sent.")


def facts(wanted: Expected, outcomes: Iterable[Outcome], realm: str = ACTUAL) -> list[Fact]:
    """What to record of the comparison."""
    return [
        fact(
            LOOPBACK_MATCHED if one.matched else LOOPBACK_MISMATCHED,
            wanted.identifier,
            Compared(one.channel, one.wrong),
            realm,
        )
        for one in outcomes
        if one.shown
    ]

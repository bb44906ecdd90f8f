"""Loopback: what every channel shows of an alert, against what was signed, before the alert goes further.

- Area, phase and words are compared, each by itself, so that a mismatch says what is wrong: a polygon that was lost on
  the way to a gateway alerted ten million people (F4: Los Angeles 2025).
- The message byte for byte is the best proof; only where the bytes differ, or a channel tells it in other words, are
  its parts compared.
- A mismatch stops and shouts. A channel that shows nothing yet is waited for, and then the alert goes on and the dark one
  is said: silence of a page, or of all of them, must not hold back a warning (Kerr County 2025, F13).
- What ends a warning waits as well, but never longer than :data:`PATIENCE`, whatever is read: who was told to shelter is
  owed the word that it is over or was false (F2).
- A place can stand under more than one alert. Its page must ask for no less than ours does, and where ours decides, say
  what ours says.
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
from tocsin.cap.phase import DANGER, HOLD, PREPARE, RANK, UNKNOWN, Phase
from tocsin.cap.xml import read
from tocsin.journal import ACTUAL, Fact, fact
from tocsin.place.gazetteer import Gazetteer
from tocsin.warn.publish import Published

LOOPBACK_MATCHED = "loopback:matched"
LOOPBACK_MISMATCHED = "loopback:mismatched"
LOOPBACK_DARK = "loopback:dark"

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
    """What a channel shows; None for what it does not tell.

    A page names its ``place``, the alert that ``decides`` there, and whether it counts ``more`` than it lists.
    """

    identifiers: frozenset[str]
    version: int | None = None
    phase: str | None = None
    areas: frozenset[str] | None = None
    drawn: frozenset[str] | None = None
    texts: dict[str, tuple[str, str]] = {}
    place: str = ""
    decides: str = ""
    more: int = 0
    sha256: str = ""


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
    """The body of ``loopback:matched``, ``loopback:mismatched`` and ``loopback:dark``; the subject is the alert."""

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
    # The first info of a language is the one that every channel shows.
    return {info.language or "en-US": (info.headline, info.instruction) for info in reversed(alert.infos)}


def seen_in_cap(data: bytes) -> Seen:
    """What a feed's CAP XML shows; nothing for what cannot be read."""
    mark = hashlib.sha256(data).hexdigest()
    reading = read(data, limits=TRUSTED)
    if reading.refused is not None or not reading.alerts:
        return Seen(frozenset(), sha256=mark)
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
        sha256=mark,
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
    more: int = 0


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
        told.alerts[0].identifier if told.alerts else "",
        told.more,
    )


def compare(channel: str, wanted: Expected, seen: Seen, gazetteer: Gazetteer | None = None) -> Outcome:
    """Whether ``channel`` shows what was signed. A channel that does not name the alert at all shows nothing yet."""
    if seen.sha256 and seen.sha256 == wanted.sha256:
        return Outcome(channel, True)
    if wanted.identifier not in seen.identifiers:
        return Outcome(channel, False)
    if seen.place:
        return Outcome(channel, True, _wrong_on_page(wanted, seen, gazetteer))
    wrong = []
    if seen.phase != wanted.phase:
        wrong.append("phase")
    if seen.version is not None and seen.version != wanted.version:
        wrong.append("version")
    if seen.areas is not None and seen.areas != wanted.areas:
        wrong.append("area")
    if seen.drawn is not None and seen.drawn != wanted.drawn:
        wrong.append("geometry")
    # A bulletin has no entry for a language without a headline.
    said = {tag for tag, text in wanted.texts.items() if text[0]} if not seen.sha256 else {*wanted.texts}
    if any(not _same(wanted.texts.get(tag), text) for tag, text in seen.texts.items()) or (said and not seen.texts):
        wrong.append("text")
    elif {*seen.texts} != said:
        wrong.append("languages")
    if not wrong and seen.sha256:
        wrong.append("bytes")
    return Outcome(channel, True, tuple(wrong))


def _wrong_on_page(wanted: Expected, seen: Seen, gazetteer: Gazetteer | None) -> tuple[str, ...]:
    wrong = []
    shown = Phase(seen.phase) if seen.phase in set(Phase) else None
    signed = Phase(wanted.phase)
    ours = seen.decides in ("", wanted.identifier)
    # With its source lost a place is unknown before it is anything less than danger; a lesser word after an act is hold.
    silent, held = shown is UNKNOWN and signed not in DANGER, shown is HOLD and signed is PREPARE
    if shown is None or not (silent or held or (shown is signed if ours else RANK[shown] >= RANK[signed])):
        wrong.append("phase")
    if (
        gazetteer is not None
        and wanted.areas
        and not any(gazetteer.relation(area, seen.place) for area in wanted.areas)
    ):
        wrong.append("area")
    if ours and not silent and any(not _same(wanted.texts.get(tag), text, True) for tag, text in seen.texts.items()):
        wrong.append("text")
    return tuple(wrong)


def _same(wanted: tuple[str, str] | None, shown: tuple[str, str], may_fill: bool = False) -> bool:
    """Whether the words are those that were signed, or their beginning; a page ``may_fill`` what an alert leaves empty."""
    return wanted is not None and all(
        said == text
        or (may_fill and not said)
        or (text.endswith(ELLIPSIS) and said.startswith(text.removesuffix(ELLIPSIS).rstrip(" ,;.:")))
        for said, text in zip(wanted, shown, strict=True)
    )


def decide(
    outcomes: Sequence[Outcome], channels: Iterable[str], sent: datetime, at: datetime, *, ends: bool = False
) -> Decision:
    """Whether the alert may go further: ``channels`` are those that must show it; ``ends`` says that it ends a warning."""
    by_name: Mapping[str, Outcome] = {one.channel: one for one in outcomes}
    late = at - sent >= PATIENCE
    if wrong := [one for one in outcomes if one.shown and one.wrong]:
        told = "; ".join(f"{one.channel}: {', '.join(one.wrong)}" for one in wrong)
        sentence = f"A channel does not show what was signed ({told})."
        if not ends:
            return Decision(Verdict.STOP, f"{sentence} Nothing more is sent.")
        if not late:
            return Decision(Verdict.WAIT, sentence)
        return Decision(Verdict.WIDEN, f"{sentence} It ends a warning and is sent all the same.")
    dark = [name for name in channels if name not in by_name or not by_name[name].shown]
    if not dark:
        return Decision(Verdict.WIDEN, "Every channel shows what was signed.")
    if not late:
        return Decision(Verdict.WAIT, f"Waiting for {', '.join(dark)}.")
    if any(one.matched for one in outcomes):
        return Decision(Verdict.WIDEN, f"Nothing is seen on {', '.join(dark)}; the others match.")
    return Decision(Verdict.WIDEN, f"Nothing is seen anywhere ({', '.join(dark)}). It is sent all the same.")


def facts(wanted: Expected, outcomes: Iterable[Outcome], realm: str = ACTUAL) -> list[Fact]:
    """What to record of the comparison."""
    kinds = {True: LOOPBACK_MATCHED, False: LOOPBACK_MISMATCHED}
    return [
        fact(
            kinds[one.matched] if one.shown else LOOPBACK_DARK,
            wanted.identifier,
            Compared(one.channel, one.wrong),
            realm,
        )
        for one in outcomes
    ]

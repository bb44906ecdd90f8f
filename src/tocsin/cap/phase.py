"""What an alert means to a person (calm, prepare, act, hold, all-clear, retracted, unknown), and what may follow what.

- Our own machine field (``tocsin:phase``) wins; a foreign message is read from msgType, responseType, urgency, severity
  and certainty by the table of :func:`foreign`. Text is never read for it: Israel's feed reused one category for "early
  warning" and for "you may leave the shelter" (practice.md finding 2).
- No message says calm or unknown: calm is what a proven-fresh source says by having nothing to say, unknown is what a
  clock or a lost source makes. A machine field that claims one of them is not believed, and the table decides.
- What is unclear is never calm. A missing urgency or severity beside "Shelter" counts as the worst (66: a whole country
  sends Unknown for everything); any alert at all is at least prepare.
- Ack, Draft and System say nothing. Which realm a message belongs to is :mod:`tocsin.cap.realm`'s question.
- Act and hold end by all-clear or retraction only. Whatever else is said after an act is hold, or is refused.

Where practice.md section 2 is silent, the reason for the choice stands at the row of the table.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from tocsin.cap.alert import (
    CANCEL_REASON,
    NEXT_UPDATE_BY,
    PHASE,
    VERSION,
    Alert,
    Area,
    Info,
    MsgType,
    ResponseType,
    Severity,
    Status,
    Urgency,
)
from tocsin.clock import parse
from tocsin.errors import NaiveTimeError


class Phase(StrEnum):
    """What an alert means to a person now; exercise is a realm and never a phase."""

    CALM = "calm"
    PREPARE = "prepare"
    ACT = "act"
    HOLD = "hold"
    ALL_CLEAR = "all-clear"
    RETRACTED = "retracted"
    UNKNOWN = "unknown"


CALM, PREPARE, ACT, HOLD = Phase.CALM, Phase.PREPARE, Phase.ACT, Phase.HOLD
ALL_CLEAR, RETRACTED, UNKNOWN = Phase.ALL_CLEAR, Phase.RETRACTED, Phase.UNKNOWN

DANGER = frozenset({ACT, HOLD})
ENDED = frozenset({ALL_CLEAR, RETRACTED})

LEGAL: dict[Phase, frozenset[Phase]] = {
    # Hold may follow calm, because an act that was lost on the way must not make its hold unheard. All-clear may not:
    # there is nothing that it could end. A retraction may: people are owed it however late it comes.
    CALM: frozenset({CALM, PREPARE, ACT, HOLD, RETRACTED, UNKNOWN}),
    # Prepare reaches calm only at its planned end, with a proven-fresh source; all-clear is its stand-down.
    PREPARE: frozenset({CALM, PREPARE, ACT, HOLD, ALL_CLEAR, RETRACTED, UNKNOWN}),
    ACT: frozenset({ACT, HOLD, ALL_CLEAR, RETRACTED, UNKNOWN}),
    HOLD: frozenset({ACT, HOLD, ALL_CLEAR, RETRACTED, UNKNOWN}),
    ALL_CLEAR: frozenset({CALM, PREPARE, ACT, HOLD, ALL_CLEAR, RETRACTED, UNKNOWN}),
    # What was retracted never was, so it cannot be over; a later all-clear of the same event changes nothing.
    RETRACTED: frozenset({CALM, PREPARE, ACT, HOLD, RETRACTED, UNKNOWN}),
    # Contact is back: whatever the source says. That an act stood before is kept beside unknown (``last_phase``), and
    # from there calm needs an all-clear, a retraction or the source's own word (:mod:`tocsin.cap.standing`).
    UNKNOWN: frozenset(Phase),
}
"""Which phase may follow which, for one place; everything else is rejected by the server and by clients."""

RANK: dict[Phase, int] = {CALM: 0, RETRACTED: 1, ALL_CLEAR: 2, PREPARE: 3, UNKNOWN: 4, HOLD: 5, ACT: 6}
"""How much it asks of a person: where one message says two things at once, the higher one counts."""

_SEVERITY = {Severity.MINOR: 1, Severity.MODERATE: 2, Severity.SEVERE: 3, Severity.EXTREME: 4}
_PROTECT = frozenset({ResponseType.SHELTER, ResponseType.EVACUATE})
_DO = _PROTECT | {ResponseType.EXECUTE, ResponseType.AVOID}
_SAID = {Phase(text) for text in ("prepare", "act", "hold", "all-clear", "retracted")}
_SILENT = frozenset({Status.DRAFT, Status.SYSTEM})


class Saying(Struct, frozen=True):
    """What one alert says for some areas.

    ``phase`` is what it says alone; :func:`follow` finds what it means after what stood before. ``machine`` tells that
    our own field said so. ``severity`` (0 unknown to 4 extreme) and ``actions`` (the response types to be done at once)
    show an escalation. ``begins``, ``onset`` and ``ends`` are effective, onset and expires. ``areas`` is empty where
    the alert names none: an ending without areas ends the whole of what it refers to. ``reasoned`` is false for a
    Cancel that does not say whether the event is over or never was.
    """

    phase: Phase
    machine: bool = False
    severity: int = 0
    actions: frozenset[str] = frozenset()
    begins: datetime | None = None
    onset: datetime | None = None
    ends: datetime | None = None
    areas: tuple[Area, ...] = ()
    next_update_by: datetime | None = None
    reasoned: bool = True


def says(alert: Alert) -> Phase | None:
    """The phase that this alert alone says, or None when it says nothing (Ack, Draft, System, "no danger" entries).

    Where its infos say different things, the one that asks most of a person counts.
    """
    return max((saying.phase for saying in sayings(alert)), key=RANK.__getitem__, default=None)


def sayings(alert: Alert) -> tuple[Saying, ...]:
    """What ``alert`` says, once for each info that says something of its own; the order has no meaning.

    An info without areas speaks for the areas of all infos (quirk 60: only one language carries the geometry).
    """
    kind = alert.msg_type
    if kind == MsgType.ACK or alert.status in _SILENT:
        return ()
    if not alert.infos:
        phase = RETRACTED if kind == MsgType.ERROR else ALL_CLEAR if kind == MsgType.CANCEL else PREPARE
        # A Cancel without an info is valid CAP, and the usual one; whether it was an error, nobody said.
        return (Saying(phase, reasoned=kind != MsgType.CANCEL),)
    everywhere = tuple(dict.fromkeys(area for info in alert.infos for area in info.areas))
    found: dict[Saying, None] = {}
    for info in alert.infos:
        own = _machine(info, alert)
        means = own or foreign(info, kind, alert.parameter(CANCEL_REASON))
        if means is None:
            continue
        saying = Saying(
            means,
            own is not None,
            _SEVERITY.get(info.severity, 0),  # type: ignore[call-overload]
            frozenset(_DO.intersection(info.response_types)),
            info.effective,
            info.onset,
            _end(info, means),
            info.areas or everywhere,
            _moment(info.parameter(NEXT_UPDATE_BY)),
            own is not None or kind != MsgType.CANCEL or alert.parameter(CANCEL_REASON) is not None,
        )
        found[saying] = None
    return tuple(found)


def _machine(info: Info, alert: Alert) -> Phase | None:
    """Our own field, from this info or else from any other: it is the same in each language."""
    text = (info.parameter(PHASE) or alert.parameter(PHASE) or "").strip().lower()
    return Phase(text) if text in _SAID else None


def foreign(info: Info, msg_type: str = MsgType.ALERT, reason: str | None = None) -> Phase | None:
    """The phase that ``info`` of a message without our machine field says; None when it says that there is nothing.

    ``reason`` is the parameter ``cancelReason``. The rows are tried in this order:

    ================================================================  ===============================================
    msgType Error, or Cancel with cancelReason "error"                retracted
    msgType Cancel                                                    all-clear
    AllClear, with nothing beside it that is to be done at once       all-clear
    awareness_level 1 (MeteoAlarm's green, quirk 31)                  nothing
    Shelter or Evacuate, Immediate (or unclear), not Minor            act
    Execute or Avoid, Immediate, Extreme or Severe                    act: these words are on road works too, so the
                                                                      codes beside them must say that it is grave
    no responseType we know, Immediate, Extreme or Severe             act: CAP's Immediate means "act immediately"
    any of these, but certainty Unlikely                              prepare
    Update, Shelter or Evacuate, not Immediate, not Future            hold: "stay" to those who are there already
    everything else (Prepare, Monitor, Assess, None, Minor, Past)     prepare
    ================================================================  ===============================================
    """
    if msg_type == MsgType.ERROR or (msg_type == MsgType.CANCEL and _word(reason) == "error"):
        return RETRACTED
    if msg_type == MsgType.CANCEL:
        return ALL_CLEAR
    asked = frozenset(info.response_types)
    # AllClear beside Shelter contradicts itself: whoever is told both stays. Beside Avoid it means the debris.
    if ResponseType.ALL_CLEAR in asked and not asked & (_PROTECT | {ResponseType.EXECUTE, ResponseType.PREPARE}):
        return ALL_CLEAR
    if (info.parameter("awareness_level") or "").strip().startswith("1;"):
        return None
    if info.certainty != "Unlikely" and _at_once(info, asked):
        return ACT
    now = info.urgency not in (Urgency.FUTURE, Urgency.PAST)
    if msg_type == MsgType.UPDATE and asked & _PROTECT and now and info.severity != Severity.MINOR:
        return HOLD
    return PREPARE


def _at_once(info: Info, asked: frozenset[str]) -> bool:
    """Whether ``info`` asks people to protect themselves at once; what is unclear counts as the worst."""
    unclear = info.urgency not in (Urgency.EXPECTED, Urgency.FUTURE, Urgency.PAST)
    grave = info.severity not in (Severity.MODERATE, Severity.MINOR)
    if asked & _PROTECT:
        # Whoever says "shelter, at once" means it; a Moderate beside it does not make it wait. Where the urgency is
        # unclear too, only a grave or unclear severity does.
        return (info.urgency == Urgency.IMMEDIATE or (unclear and grave)) and info.severity != Severity.MINOR
    if asked & frozenset(ResponseType) and not asked & _DO:
        # Prepare, Monitor, Assess, None: the sender named the action, and it is not to protect oneself at once.
        return False
    return info.urgency == Urgency.IMMEDIATE and info.severity in (Severity.EXTREME, Severity.SEVERE)


def follow(before: Phase | None, saying: Saying, last: Saying | None = None) -> Phase | None:
    """The phase after ``saying`` where ``before`` stood, or None when the step is illegal and nothing changes.

    ``before`` is None where nothing of this event was seen; ``last`` is the saying that made ``before``. A repeated
    act is a hold, except when it escalates: it is graver, or it asks for another action (then people must move). Our
    own messages name act and hold themselves. After an act, whatever a foreign update says short of an all-clear is
    hold: act and hold never end by a lesser word.
    """
    phase = saying.phase
    if before in DANGER and not saying.machine:
        if phase == ACT:
            graver = last is not None and (saying.severity > last.severity or bool(saying.actions - last.actions))
            phase = ACT if graver else HOLD
        elif phase == PREPARE:
            phase = HOLD
    if before is not None and phase not in LEGAL[before]:
        return None
    return phase


def version(alert: Alert) -> int | None:
    """Our own version number, or None for a foreign message or one that is not a number."""
    text = (alert.parameter(VERSION) or "").strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None


def _end(info: Info, phase: Phase) -> datetime | None:
    """expires, or a later end of the event itself: expires may only mean that the text is old (quirk 45)."""
    event_ends = _moment(info.parameter("eventEndingTime")) if phase == PREPARE else None
    if info.expires is None or event_ends is None:
        return info.expires
    return max(info.expires, event_ends)


def _word(text: str | None) -> str:
    return (text or "").strip().lower()


def _moment(text: str | None) -> datetime | None:
    try:
        return parse(text.strip()) if text else None
    except NaiveTimeError:
        return None

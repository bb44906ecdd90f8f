"""The last 24 hours of a place: which phases it went through, how many alerts there were and how long they lasted.

- The last seven days are told in one line, with how many of the alerts were for the place itself and not for a wider area:
  who is warned for others stops listening (practice.md finding 4).
- It is read from what was published for the place and from the silences of its sources, by the order of
  :mod:`tocsin.cap.standing`: danger first, then silence, then the latest of the rest.
- An alert during which contact was lost is one alert and not two, and silence does not end it.
- What was not recorded is not shown: a silence counts only where its loss is in the record.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from msgspec import Struct

from tocsin.cap.phase import ACT, ALL_CLEAR, CALM, DANGER, HOLD, RETRACTED, UNKNOWN, Phase

DAY, WEEK = timedelta(hours=24), timedelta(days=7)


class Turn(Struct, frozen=True):
    """A place entered ``phase`` at ``at``."""

    at: datetime
    phase: Phase


class Span(Struct, frozen=True):
    """A stretch of time."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.end - self.start


class Week(Struct, frozen=True):
    """Seven days: how many ``alerts``, how long they were ``total``, how many of them ``concerned`` no wider area."""

    alerts: int
    total: timedelta
    concerned: int


class Said(Protocol):
    """What the situation's history tells: an event entered a phase, or a source fell silent or came back."""

    @property
    def at(self) -> datetime: ...
    @property
    def phase(self) -> Phase: ...
    @property
    def event_id(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def relation(self) -> str: ...


def turns(history: Iterable[Said], since: datetime, at: datetime, all_clear_for: timedelta) -> tuple[Turn, ...]:
    """The phases of a place from ``since`` to ``at``, the first one being what it was in at ``since``.

    ``history`` is oldest first and should reach further back than ``since``: what began before counts.
    """
    events: dict[str, tuple[Phase, datetime, str]] = {}
    silent: set[str] = set()
    made: list[Turn] = []

    def note(moment: datetime) -> None:
        phase = _phase(events, silent, moment, all_clear_for)
        if not made or made[-1].phase != phase:
            made.append(Turn(moment, phase))

    def run_out(upto: datetime) -> None:
        # An all-clear and a retraction become calm by the clock, without another word.
        for end in sorted(
            when + all_clear_for for phase, when, _ in events.values() if phase in (ALL_CLEAR, RETRACTED)
        ):
            if made and made[-1].at < end <= upto:
                note(end)

    for change in history:
        if change.at > at:
            break
        run_out(change.at)
        if change.event_id:
            events[change.event_id] = (Phase(change.phase), change.at, change.source)
        elif change.phase == UNKNOWN:
            silent.add(change.source)
        else:
            silent.discard(change.source)
        note(change.at)
    run_out(at)
    before = [turn for turn in made if turn.at <= since]
    first = (Turn(since, before[-1].phase),) if before else ()
    return (*first, *(turn for turn in made if turn.at > since))


def _phase(
    events: dict[str, tuple[Phase, datetime, str]], silent: set[str], at: datetime, all_clear_for: timedelta
) -> Phase:
    standing = [
        (phase, when, source)
        for phase, when, source in events.values()
        if phase not in (ALL_CLEAR, RETRACTED) or at < when + all_clear_for
    ]
    danger = {phase for phase, _, source in standing if phase in DANGER and source not in silent}
    if danger:
        return ACT if ACT in danger else HOLD
    if silent:
        return UNKNOWN
    rest = [(when, phase) for phase, when, _ in standing if phase not in DANGER]
    return max(rest)[1] if rest else CALM


def alerts_of(turns: Sequence[Turn], at: datetime) -> list[Span]:
    """The alerts among ``turns``, up to ``at``: from act to what ended it, silence in between included."""
    spans: list[Span] = []
    start: datetime | None = None
    for turn in turns:
        if start is None and turn.phase in DANGER:
            start = turn.at
        elif start is not None and turn.phase not in DANGER and turn.phase != UNKNOWN:
            spans.append(Span(start, turn.at))
            start = None
    if start is not None:
        spans.append(Span(start, at))
    return spans


def dark(turns: Sequence[Turn], at: datetime) -> timedelta:
    """How long nothing was known."""
    ends = [*(turn.at for turn in turns[1:]), at]
    lengths = (end - turn.at for turn, end in zip(turns, ends, strict=True) if turn.phase == UNKNOWN) if turns else ()
    return sum(lengths, timedelta())


def week(history: Iterable[Said], since: datetime, at: datetime, all_clear_for: timedelta) -> Week:
    """The seven days from ``since`` to ``at``.

    An event counts once; it concerned the place unless every word of it was for a wider area.
    """
    told = list(history)
    spans = alerts_of(turns(told, since, at, all_clear_for), at)
    warned = {one.event_id for one in told if one.event_id and one.phase in DANGER and since <= one.at <= at}
    own = {one.event_id for one in told if one.event_id in warned and one.relation != "contains"}
    total = sum((span.length for span in spans), timedelta())
    share = len(own) / len(warned) if warned else 0.0
    return Week(len(spans), total, round(share * len(spans)))

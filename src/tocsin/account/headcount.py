"""A headcount: how one roll call went, from the question to the last answer, counted from the journal alone.

- People are seats; nobody is named. Who has not answered is unaccounted for: receipts of the question are not in the
  journal, so nobody is made "reached" here.
- The curve runs by the answers' own times, the moment of the tap; how many came late is said beside it.
- Of several answers of one seat the one with the latest own time counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil

from msgspec import Struct
from msgspec.structs import replace

from tocsin.account.answer import ANSWER_GIVEN, Answer
from tocsin.account.chronicle import Chronicle
from tocsin.account.rollcall import KINDS, RollCall, RollCalls, State, missing
from tocsin.account.rounding import Rounding

LATE = timedelta(minutes=1)
"""An answer that came so long after its own time had waited on the way."""
UNACCOUNTED = "unaccounted"
QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


class Step(Struct, frozen=True):
    """Whom the roll call told, and how many were unaccounted for then; ``to`` is help, warden or deputy."""

    at: datetime
    to: str
    zones: tuple[str, ...]
    unaccounted: int


class Point(Struct, frozen=True):
    """From this moment on so many were accounted for."""

    at: datetime
    accounted: int


class Headcount(Struct, frozen=True):
    """One roll call. ``counts`` are people by state, ``unaccounted`` among them; ``zones`` the same for each zone.

    ``waited_s`` is how long the question was held back; ``curve`` the seconds from the question after which half, 95 and 99
    of a hundred of all people were accounted for, where so many ever were. ``answers`` are all that were given, ``means``
    by which way, ``late`` those that came over a minute after their own time. ``joined`` are those of all people who were
    added while it ran.
    """

    id: str
    event_id: str
    title: str
    started: datetime
    asked: datetime | None
    closed: datetime | None
    waited_s: float | None
    people: int
    asked_by: dict[str, int]
    not_asked: int
    counts: dict[str, int]
    zones: dict[str, dict[str, int]]
    answers: int
    means: dict[str, int]
    late: int
    curve: dict[str, float]
    points: tuple[Point, ...]
    escalations: tuple[Step, ...]
    help_s: float | None = None
    joined: int = 0

    def public(self, told: Rounding) -> Headcount:
        """Without zones, title, single moments and small numbers."""
        return replace(
            self,
            id="",
            title="",
            people=told(self.people),
            asked_by={name: told(number) for name, number in self.asked_by.items()},
            not_asked=told(self.not_asked),
            counts={name: told(number) for name, number in self.counts.items()},
            zones={},
            answers=told(self.answers),
            means={name: told(number) for name, number in self.means.items()},
            late=told(self.late),
            joined=told(self.joined),
            curve={name: value for name, value in self.curve.items() if name != "p99"} if told(self.people) else {},
            points=(),
            escalations=(),
            help_s=None,
        )


def headcounts(found: Chronicle) -> tuple[Headcount, ...]:
    """Every roll call of the event, in the order of their starts."""
    if not found.entries:
        return ()
    calls = RollCalls(found.entries[0].realm)
    entries = [entry for entry in found.entries if entry.kind in KINDS]
    for entry in entries:
        calls.apply(entry)
    answers: dict[str, dict[str, tuple[datetime, Answer]]] = {}
    for entry in entries:
        if entry.kind == ANSWER_GIVEN:
            given = entry.read(Answer)
            call = calls.by_id.get(given.rollcall)
            if call is not None and entry.subject in call.zones:
                # The same answer that was recorded twice is one answer.
                answers.setdefault(given.rollcall, {}).setdefault(given.id(entry.subject), (entry.at, given))
    return tuple(_headcount(call, tuple(answers.get(call.id, {}).values())) for call in calls.by_id.values())


def _headcount(call: RollCall, answers: Sequence[tuple[datetime, Answer]]) -> Headcount:
    asked_by: Counter[str] = Counter()
    for _, round_ in call.asked:
        asked_by.update(round_.channels)
    points = tuple(Point(one.at, one.accounted) for one in call.curve())
    since = call.asked_at or call.at
    helped = next((at for at, step in call.escalations if step.to == "help"), None)
    cried = min((came for came, one in answers if one.says.value == State.HELP.value), default=None)
    return Headcount(
        id=call.id,
        event_id=call.started.event_id,
        title=call.started.title,
        started=call.at,
        asked=call.asked_at,
        closed=call.closed,
        waited_s=None if call.asked_at is None else round((call.asked_at - call.at).total_seconds(), 3),
        people=len(call),
        asked_by=dict(asked_by),
        not_asked=call.asked[0][1].failed if call.asked else 0,
        counts=_told(call.counts()),
        zones={zone: _told(counts) for zone, counts in call.by_zone().items()},
        answers=len(answers),
        means=dict(Counter(one.means.value for _, one in answers)),
        late=sum(came - one.at > LATE for came, one in answers),
        curve=_curve(points, len(call), since),
        points=points,
        escalations=tuple(Step(at, told.to, told.zones, told.unaccounted) for at, told in call.escalations),
        help_s=None if helped is None or cried is None else round((helped - cried).total_seconds(), 3),
        joined=len(call.joined),
    )


def _told(counts: dict[State, int]) -> dict[str, int]:
    said = {state.value: counts[state] for state in (State.SAFE, State.PROXY, State.AWAY, State.HELP)}
    return {**said, UNACCOUNTED: missing(counts)}


def _curve(points: Sequence[Point], people: int, since: datetime) -> dict[str, float]:
    found = {}
    for name, share in QUANTILES.items():
        needed = ceil(share * people)
        at = next((point.at for point in points if point.accounted >= needed), None)
        if at is not None and people:
            found[name] = round((at - since).total_seconds(), 3)
    return found

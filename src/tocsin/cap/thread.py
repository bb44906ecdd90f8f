"""A thread: all the alerts of one event, in the order that their versions and references give, and where it has got to.

- Alerts are one thread when they bear one ``tocsin:event_id``, or when one refers to the other, over any number of
  steps. ``incidents`` make no thread: they link the staff's alert to the public's, which say different things.
- A reference counts by the identifier it names, wherever in a broken triple that stands (quirk 27: senders, then ids,
  then one date), and only within one sender: another sender's "it is over" does not end an alert.
- Version decides and not arrival (F6): our own versions first; else no alert stands before one that it refers to, and
  among equals ``sent`` decides. The same identifier with a new ``sent`` is a new version (quirk 17). Of two that claim
  one version, the one that asks more of people counts.
- The same alert twice counts once. A late one that was superseded changes nothing. One that was sent after the moment
  that is asked about (a time bomb) is not there yet.
- Act and hold never end by a clock: at ``expires`` they become unknown, and act stays the last thing known. A prepare
  ends as planned only where its source is proven fresh.
"""

from __future__ import annotations

import heapq
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
from msgspec import Struct

from tocsin.cap.alert import EVENT_ID, Alert, MsgType
from tocsin.cap.phase import (
    ACT,
    ALL_CLEAR,
    CALM,
    DANGER,
    ENDED,
    PREPARE,
    RANK,
    UNKNOWN,
    Phase,
    Saying,
    follow,
    sayings,
    version,
)

ALL_CLEAR_FOR = timedelta(minutes=30)
SOON = timedelta(hours=1)
"""How near an onset must be for "Immediate": CAP's "Expected" is what begins within the next hour."""
STALE_START = timedelta(hours=24)
"""An effective time that lies longer than this before ``sent`` is a slip (quirk 42) and not when the alert began."""
_DAWN = datetime(1, 1, 1, tzinfo=UTC)


class Step(Struct, frozen=True):
    """One alert in its thread. ``version`` is our own, or None; ``refers`` the words of its references; ``alert`` is
    None where only what it says was read."""

    identifier: str
    sender: str
    sent: datetime | None
    version: int | None
    event_id: str
    says: tuple[Saying, ...]
    refers: frozenset[str] = frozenset()
    source: str = ""
    update: bool = False
    alert: Alert | None = None

    @property
    def moment(self) -> datetime:
        """``sent``, or the dawn of time where it is missing: then the alert was always there."""
        return self.sent or _DAWN


class Thread(Struct, frozen=True):
    """The steps of one event, in the order that counts; ``key`` is the event's id, or the first identifier's."""

    key: str
    steps: tuple[Step, ...]


class Course(Struct, frozen=True):
    """Where a thread has got to at a moment.

    ``last`` is the phase before a clock or a lost source made it unknown or calm, and else the phase itself. ``since``
    is when the phase began, ``ends`` when a clock will change it. ``why`` are plain reasons, each led by its code.
    """

    phase: Phase
    last: Phase
    since: datetime | None
    ends: datetime | None
    step: Step
    saying: Saying
    why: tuple[str, ...] = ()


def step(alert: Alert, source: str = "") -> Step:
    """``alert`` as a step of its thread."""
    words: set[str] = set()
    for named in alert.references:
        for text in (named.sender, named.identifier, named.sent):
            # A broken triple may hold several identifiers in any of its parts, so each word counts, and the whole.
            words.add(text.strip())
            words.update(text.replace(",", " ").split())
    words.discard("")
    return Step(
        alert.identifier.strip(),
        alert.sender.strip().lower(),
        alert.sent,
        version(alert),
        (alert.parameter(EVENT_ID) or "").strip(),
        sayings(alert),
        frozenset(words),
        source,
        alert.msg_type in (MsgType.UPDATE, MsgType.CANCEL, MsgType.ERROR),
        alert,
    )


def threads(alerts: Iterable[Alert], at: datetime | None = None) -> tuple[Thread, ...]:
    """``alerts`` of one realm as threads, the same whatever order they came in; with ``at``, of those sent by then."""
    there = (alert for alert in alerts if at is None or alert.sent is None or alert.sent <= at)
    return tuple(thread(steps) for steps in grouped([step(alert) for alert in there]))


def grouped(steps: Sequence[Step]) -> list[list[Step]]:
    """``steps`` that speak of one event, together."""
    leader = list(range(len(steps)))

    def find(member: int) -> int:
        while leader[member] != member:
            leader[member] = leader[leader[member]]
            member = leader[member]
        return member

    by_event: dict[str, int] = {}
    by_identifier: dict[str, list[int]] = defaultdict(list)
    for index, one in enumerate(steps):
        if one.event_id:
            leader[find(index)] = find(by_event.setdefault(one.event_id, index))
        by_identifier[one.identifier].append(index)
    for index, one in enumerate(steps):
        for word in one.refers | {one.identifier}:
            for other in by_identifier.get(word, ()) if word else ():
                # Two events of our own stay two, whatever they refer to: their ids say so.
                apart = one.event_id and steps[other].event_id and one.event_id != steps[other].event_id
                if _one_voice(one, steps[other]) and not apart:
                    leader[find(index)] = find(other)
    found: dict[int, list[Step]] = defaultdict(list)
    for index, one in enumerate(steps):
        found[find(index)].append(one)
    return list(found.values())


def _one_voice(one: Step, other: Step) -> bool:
    """Whether two steps are of one sender, as far as they say (quirk 9: some give none), and of one source."""
    return (one.sender == other.sender or not one.sender or not other.sender) and one.source == other.source


def thread(steps: Iterable[Step]) -> Thread:
    """``steps`` of one event as a thread: each once, in the order that counts."""
    found: list[Step] = []
    seen: dict[tuple[str, str, datetime | None], list[tuple[Saying, ...]]] = defaultdict(list)
    for one in sorted(steps, key=_order):
        # The same alert with the same words, whatever its bytes: heard twice, said once.
        heard = seen[one.identifier, one.sender, one.sent]
        if one.says not in heard:
            heard.append(one.says)
            found.append(one)
    if any(one.version is None for one in found) and len(found) > 1:
        found = _by_reference(found)
    key = next((one.event_id for one in found if one.event_id), found[0].identifier)
    return Thread(key, tuple(found))


def _rank(one: Step) -> int:
    return max((RANK[saying.phase] for saying in one.says), default=-1)


class _Words:
    """The words of a step as the last thing that decides an order, spelled out only where nothing before them did."""

    __slots__ = ("_says",)

    def __init__(self, one: Step) -> None:
        self._says = one.says

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Words) and self._spelled() == other._spelled()

    def __lt__(self, other: _Words) -> bool:
        return self._spelled() < other._spelled()

    __hash__ = None  # type: ignore[assignment]

    def _spelled(self) -> str:
        return repr([(said.phase, said.ends, said.begins) for said in self._says])


def _order(one: Step) -> tuple[bool, int, int, datetime, int, str, _Words]:
    """Version, then what asks more of people; without a version, ``sent`` first; the words decide between the rest."""
    rank = _rank(one)
    versioned = one.version is not None
    return (
        versioned,
        one.version or 0,
        rank if versioned else 0,
        one.moment,
        rank,
        one.identifier,
        _Words(one),
    )


def _by_reference(steps: list[Step]) -> list[Step]:
    """``steps`` so that none stands before one it refers to; among those that may come next, ``sent`` decides.

    Versioned steps follow each other by version. A circle of references is cut where ``sent`` is earliest.
    """
    number: dict[str, list[int]] = defaultdict(list)
    for index, one in enumerate(steps):
        number[one.identifier].append(index)
    after: dict[int, set[int]] = defaultdict(set)
    for index, one in enumerate(steps):
        for word in one.refers:
            for other in number.get(word, ()):
                both = one.version is not None and steps[other].version is not None
                if other != index and not both and one.identifier != steps[other].identifier:
                    after[other].add(index)
    versioned = [index for index, one in enumerate(steps) if one.version is not None]
    for earlier, later in itertools.pairwise(versioned):
        after[earlier].add(later)
    waits = [0] * len(steps)
    for followers in after.values():
        for index in followers:
            waits[index] += 1
    keys = [(one.moment, _rank(one), index) for index, one in enumerate(steps)]
    ready = [keys[index] for index in range(len(steps)) if not waits[index]]
    heapq.heapify(ready)
    left = set(range(len(steps)))
    found: list[Step] = []
    while left:
        index = heapq.heappop(ready)[2] if ready else min(keys[one] for one in left)[2]
        if index not in left:
            continue
        left.discard(index)
        found.append(steps[index])
        for later in after[index]:
            waits[later] -= 1
            if not waits[later] and later in left:
                heapq.heappush(ready, keys[later])
    return found


def thread_standing(
    of: Thread,
    at: datetime,
    *,
    fresh: bool = True,
    all_clear_for: timedelta = ALL_CLEAR_FOR,
    applies: Callable[[Step], Sequence[Saying]] | None = None,
    ahead: timedelta = timedelta(0),
) -> Course | None:
    """Where ``of`` has got to ``at`` a moment; None where it says nothing (yet).

    ``fresh``: whether its source is proven to be alive. ``applies`` gives those sayings of a step that concern the
    place that is asked about (all of them by default). ``ahead``: how far a sender's clock may be before ours.
    """
    stood = reached(of, at, all_clear_for=all_clear_for, applies=applies, ahead=ahead)
    return settled(stood, at, fresh=fresh, all_clear_for=all_clear_for) if stood is not None else None


def reached(
    of: Thread,
    at: datetime,
    *,
    all_clear_for: timedelta = ALL_CLEAR_FOR,
    applies: Callable[[Step], Sequence[Saying]] | None = None,
    ahead: timedelta = timedelta(0),
) -> Course | None:
    """What the words of ``of`` come to, before a clock or a lost source has its say (:func:`settled`)."""
    now: Course | None = None
    for one in of.steps:
        if one.sent is not None and one.sent > at + ahead:
            continue
        said = one.says if applies is None else applies(one)
        if said:
            now = _taken(now, one, said, at + ahead, all_clear_for)
    return now


def _taken(before: Course | None, one: Step, said: Sequence[Saying], at: datetime, lasts: timedelta) -> Course | None:
    """Where the thread is after ``one``, which says ``said`` for the place."""
    saying, planned = _in_force(said, at)
    if saying is None:
        return before
    since = one.sent if planned else _since(one, saying)
    stands: Phase | None = None
    if before is not None:
        stands = before.phase
        moment = since or at
        if stands not in DANGER and before.ends is not None and before.ends <= moment:
            # What ended by its own clock was over when this was said; act and hold never are.
            stands = CALM
        if planned and before.phase in DANGER:
            # A planned change leaves what stands in force until it comes.
            return before
    elif saying.phase in ENDED and not _known_before(one):
        # It is the first word of its event and says that it is over: from calm to all-clear is no legal step.
        return None
    phase = follow(stands, saying, before.saying if before is not None else None)
    if phase is None:
        if before is None:
            return None
        why = f"illegal-step: {one.identifier} says {saying.phase} after {stands}, which changes nothing"
        return msgspec.structs.replace(before, why=(*before.why, why))
    why_now = tuple(_reasons(one, saying, phase, planned, before))
    if before is not None and before.phase == phase and stands == phase:
        # A repetition: the phase began when it was first said, even if an older version arrives after it; what ends it
        # and what decides is the newer word's.
        since = min((moment for moment in (before.since, since) if moment is not None), default=None)
    ends = saying.ends
    if phase in ENDED:
        ends = since + lasts if since is not None else None
    return Course(phase, phase, since, ends, one, saying, why_now)


def _known_before(one: Step) -> bool:
    """Whether ``one`` shows that something stood before it, although it was not seen here."""
    return bool(one.refers) or (one.version or 0) > 1 or (one.update and one.version is None)


def _in_force(said: Sequence[Saying], at: datetime) -> tuple[Saying | None, bool]:
    """The saying that counts at a moment, and whether it is only planned.

    What is effective later is shown as something to be ready for and not to be done yet; a planned end ends nothing
    yet. An onset more than an hour away makes a foreign act the same: its Immediate contradicts CAP's own meaning.
    Our own machine field is not doubted for its onset.
    """
    best: Saying | None = None
    best_planned = False
    for saying in said:
        later = saying.begins is not None and saying.begins > at
        distant = saying.onset is not None and saying.onset - at > SOON and not saying.machine and saying.phase == ACT
        planned = later or distant
        if planned:
            if saying.phase in ENDED:
                continue
            starts = saying.begins if later else saying.onset
            # It ends before it begins: a slip of the pen that must not count as a planned end.
            ends = None if saying.ends is None or starts is None or saying.ends <= starts else saying.ends
            saying = msgspec.structs.replace(saying, phase=PREPARE, ends=ends)
        if best is None or _weight(saying) > _weight(best):
            best, best_planned = saying, planned
    return best, best_planned


def _weight(saying: Saying) -> tuple[int, int, datetime]:
    """What asks most counts; among equals the graver, then the one that lasts longer."""
    return RANK[saying.phase], saying.severity, saying.ends or datetime.max.replace(tzinfo=UTC)


def _since(one: Step, saying: Saying) -> datetime | None:
    """When what ``one`` says began: its effective time, unless that is a slip (quirk 42)."""
    if saying.begins is None:
        return one.sent
    if one.sent is not None and one.sent - saying.begins > STALE_START:
        return one.sent
    return saying.begins


def _reasons(one: Step, saying: Saying, phase: Phase, planned: bool, before: Course | None) -> Iterable[str]:
    how = "as its own phase field says" if saying.machine else "by its msgType, responseType, urgency and severity"
    if planned:
        yield f"planned: {one.identifier} is for later, so it is to be ready for and not yet to be done"
    elif phase == saying.phase:
        yield f"{phase}: {one.identifier} says so, {how}"
    else:
        yield f"{phase}: {one.identifier} came after {before.phase if before else phase} and is no all-clear"
    if not saying.reasoned and phase == ALL_CLEAR:
        yield f"reason-not-given: {one.identifier} cancels without saying whether it is over or was an error"
    if before is None and saying.phase in ENDED:
        yield f"unseen: what {one.identifier} ends was not seen here"


def settled(stood: Course, at: datetime, *, fresh: bool, all_clear_for: timedelta = ALL_CLEAR_FOR) -> Course:
    """``stood`` after the clock and the loss of its source have had their say."""
    phase, ends = stood.phase, stood.ends
    name = stood.step.identifier
    over = ends is not None and at >= ends
    if phase in DANGER and over:
        why = f"expired: the time of {name} ran out, and expired is not all-clear; last known: {phase}"
    elif phase == PREPARE and over and fresh:
        why = f"ended-as-planned: {name} ended at its planned time, and its source is fresh"
        return _changed(stood, CALM, ends, why)
    elif phase in ENDED and over and fresh:
        why = f"{phase}-over: {int(all_clear_for.total_seconds() // 60)} minutes after {name}, and its source is fresh"
        return _changed(stood, CALM, ends, why)
    elif not fresh:
        why = f"source-lost: nothing was heard from the source of {name} for too long; last known: {phase}"
        return _changed(stood, UNKNOWN, ends if over else None, why)
    else:
        return stood
    return _changed(stood, UNKNOWN, ends, why)


def _changed(stood: Course, phase: Phase, since: datetime | None, why: str) -> Course:
    return msgspec.structs.replace(stood, phase=phase, since=since, ends=None, why=(*stood.why, why))

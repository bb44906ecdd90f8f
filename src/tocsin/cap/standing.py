"""The phase of a place under all the threads that concern it.

- Act comes before hold; then unknown, where an act or hold ran out or its source was lost, or where a source that
  covers the place is silent; then of prepare, all-clear and retracted the latest; calm comes last of all.
  An all-clear is a person's permission to leave the shelter, so it is seen even while an older "be ready" stands; when
  it is over, the prepare shows again.
- Nothing but word of its own source ends an act: an all-clear in another thread leaves it standing. Once it has run
  out (unknown), a later all-clear or retraction by the same sender for the same place does end it.
- Calm needs a source that covers the place and was just heard, every one of those that cover it, and no alert whose
  area nobody could tell.
- What concerns only a part of a place makes the phase of the place, with the relation "part".
- The result has a reason for each step, and the moment up to which it holds if nothing more is heard.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from tocsin.cap.coverage import Coverage, Touch, Where
from tocsin.cap.phase import ACT, CALM, DANGER, ENDED, HOLD, PREPARE, RANK, UNKNOWN, Phase, Saying
from tocsin.cap.thread import ALL_CLEAR_FOR, SOON, Course, Step, Thread, reached, settled

_DAWN = datetime(1, 1, 1, tzinfo=UTC)
_FAR = timedelta(days=100 * 365)


class Contact(Struct, frozen=True):
    """What is known of the sources of a place: whether any covers it, and which of those are lost, since when."""

    covered: bool = True
    lost: tuple[str, ...] = ()
    lost_since: datetime | None = None


IN_CONTACT = Contact()


class Strand(Struct, frozen=True):
    """A thread as it concerns one place, or one part of it: its course, and same, contains or part."""

    thread: Thread
    course: Course
    relation: str


class Judgement(Struct, frozen=True):
    """The phase of a place.

    ``last`` is the last known phase where the phase is unknown, and else the phase itself. ``strands`` are all that
    still say something, those that decide first. ``until`` is when a clock may change this next; None for never.
    """

    phase: Phase
    last: Phase
    since: datetime | None
    ends: datetime | None
    strands: tuple[Strand, ...]
    why: tuple[str, ...]
    until: datetime | None = None


def strands_of(
    of: Thread,
    where: Where,
    at: datetime,
    coverage: Coverage,
    *,
    fresh: bool,
    all_clear_for: timedelta = ALL_CLEAR_FOR,
    ahead: timedelta = timedelta(0),
) -> tuple[list[Strand], Course | None]:
    """``of`` as it concerns ``where``: one strand for the whole and one for each part that any of its alerts names.

    The second value is a course that may concern the place, where nobody can tell (``unclear``). Only what was sent by
    then counts, also for what the areas are.
    """
    there = tuple(one for one in of.steps if one.sent is None or one.sent <= at + ahead)
    if not there:
        return [], None
    if len(there) < len(of.steps):
        of = replace(of, steps=there)
    touches: dict[int, list[tuple[Saying, Touch | None]]] = {}
    parts: set[str] = set()
    whole = ""
    unclear = False
    for index, one in enumerate(of.steps):
        # What was sent without areas speaks of those that its thread has: a Cancel often has none.
        touches[index] = [(said, coverage.touch(said.areas, where) if said.areas else None) for said in one.says]
        for _, touch in touches[index]:
            if touch is not None:
                parts |= touch.parts
                unclear = unclear or touch.unclear
                if touch.whole and whole != "same":
                    whole = touch.relation
    named = any(said.areas for one in of.steps for said in one.says)
    doubt: Course | None = None
    if unclear or not named:
        doubt = _course(of, at, all_clear_for, ahead, fresh, lambda one: one.says)
    if not parts and all(touch is None or touch.whole for each in touches.values() for _, touch in each):
        # Nearly always: whatever was said was said for the whole place.
        course = _course(of, at, all_clear_for, ahead, fresh, lambda one: one.says) if whole else None
        return [Strand(of, course, whole)] if course is not None else [], doubt
    index_of = {id(one): index for index, one in enumerate(of.steps)}
    found: list[Strand] = []
    # Where every part is followed by itself nothing of the whole is left beside them.
    for part in [*sorted(parts), *([""] if whole and not coverage.complete(parts, where) else [])]:

        def applies(one: Step, part: str = part) -> list[Saying]:
            return [
                said
                for said, touch in touches[index_of[id(one)]]
                if touch is None
                or touch.whole
                or (part and any(coverage.within(part, named_part) for named_part in touch.parts))
            ]

        course = _course(of, at, all_clear_for, ahead, fresh, applies)
        if course is not None:
            found.append(Strand(of, course, "part" if part and not _whole(of, course, touches) else whole))
    return found, doubt


def _whole(of: Thread, course: Course, touches: dict[int, list[tuple[Saying, Touch | None]]]) -> bool:
    """Whether what decides here was said for the whole place."""
    index = next(index for index, one in enumerate(of.steps) if one is course.step)
    return any(touch is not None and touch.whole for _, touch in touches[index])


def _course(
    of: Thread,
    at: datetime,
    all_clear_for: timedelta,
    ahead: timedelta,
    fresh: bool,
    applies: Callable[[Step], Sequence[Saying]],
) -> Course | None:
    stood = reached(of, at, all_clear_for=all_clear_for, applies=applies, ahead=ahead)
    return settled(stood, at, fresh=fresh, all_clear_for=all_clear_for) if stood is not None else None


def place_standing(
    threads: Iterable[Thread],
    where: Where,
    at: datetime,
    coverage: Coverage,
    contact: Contact = IN_CONTACT,
    *,
    fresh: Callable[[Thread], bool] | None = None,
    all_clear_for: timedelta = ALL_CLEAR_FOR,
    ahead: timedelta = timedelta(0),
) -> Judgement:
    """The phase of ``where`` at ``at`` under ``threads`` of one realm.

    ``fresh`` tells whether a thread's own source is proven to be alive; without it, it is where nothing is lost.
    ``ahead`` is how far a sender's clock may be before ours.
    """
    strands: list[Strand] = []
    doubts: list[Course] = []
    until: datetime | None = None
    for of in threads:
        alive = fresh(of) if fresh is not None else not contact.lost
        found, doubt = strands_of(of, where, at, coverage, fresh=alive, all_clear_for=all_clear_for, ahead=ahead)
        strands += _distinct(found)
        if doubt is not None and doubt.phase not in (CALM, *ENDED):
            doubts.append(doubt)
        until = _sooner(until, _turn(of, at, all_clear_for, ahead))
    return replace(_judged(_resolved(strands), doubts, contact), until=until)


def _distinct(found: list[Strand]) -> list[Strand]:
    """``found`` with each alert and phase once, for the whole rather than for a part."""
    once: dict[tuple[int, Phase], Strand] = {}
    for strand in found:
        key = (id(strand.course.step), strand.course.phase)
        if key not in once or once[key].relation == "part":
            once[key] = strand
    return list(once.values())


def _resolved(strands: list[Strand]) -> list[Strand]:
    """``strands`` without the expired ones that their own sender ended later, for the same place, in another thread."""
    if len(strands) < 2 or not any(_ran_out(strand) for strand in strands):
        return strands
    ends = _Ends(strands)
    return [strand for strand in strands if not (_ran_out(strand) and ends.answer(strand))]


def _ran_out(of: Strand) -> bool:
    """Whether ``of`` is over by a clock or for want of a source, and by nobody's word."""
    course = of.course
    if course.phase != UNKNOWN or course.last not in (*DANGER, PREPARE):
        return False
    return course.ends is not None or course.since is not None


class _Ends:
    """Each sender's last word that something is over at a place, found at once however many threads there are.

    Two are enough of each sender, its latest and its latest in another thread: a thread's own end answers nothing for
    it. An end for a part answers for nothing else, of which nobody knows that it is the same part.
    """

    def __init__(self, strands: list[Strand]) -> None:
        found: dict[tuple[str, str], dict[int, datetime]] = {}
        for strand in strands:
            step = strand.course.step
            if strand.course.last in ENDED and strand.relation != "part":
                of = found.setdefault((step.sender, step.source), {})
                of[id(strand.thread)] = max(step.moment, of.get(id(strand.thread), step.moment))
        self._latest = {
            voice: heapq.nlargest(2, ((moment, of) for of, moment in ends.items())) for voice, ends in found.items()
        }

    def answer(self, of: Strand) -> bool:
        """Whether the sender of ``of`` said later, in another thread, that it is over."""
        step = of.course.step
        ends = self._latest.get((step.sender, step.source), ())
        return any(moment > step.moment and thread != id(of.thread) for moment, thread in ends)


def _judged(strands: list[Strand], doubts: list[Course], contact: Contact) -> Judgement:
    live = [strand for strand in strands if strand.course.phase in DANGER]
    if live:
        return _decided(live, strands)
    out = [strand for strand in strands if strand.course.phase == UNKNOWN and strand.course.last in DANGER]
    if out:
        judged = _decided(out, strands)
        if judged.since is None and contact.lost:
            return replace(judged, since=contact.lost_since)
        return judged
    if contact.lost:
        return _lost(strands, contact)
    changes = [strand for strand in strands if strand.course.phase in (PREPARE, *ENDED)]
    if changes:
        return _decided(changes, strands)
    rest = [strand for strand in strands if strand.course.phase == UNKNOWN]
    if rest:
        return _decided(rest, strands)
    after = [strand for strand in strands if strand.course.phase == CALM]
    since = max((strand.course.since for strand in after if strand.course.since), default=None)
    told = tuple(line for strand in after for line in strand.course.why)
    if doubts:
        names = ", ".join(sorted({course.step.identifier for course in doubts}))
        why = f"area-unclear: nobody can tell whether {names} is for this place, and unclear is never calm"
        return Judgement(UNKNOWN, UNKNOWN, None, None, (), (why, *told))
    if not contact.covered:
        why = "not-covered: no source that is listened to here speaks for this place, so its silence means nothing"
        return Judgement(UNKNOWN, UNKNOWN, None, None, (), (why, *told))
    why = "calm: no alert is in force here, and the sources for this place are fresh"
    return Judgement(CALM, CALM, since, None, (), (why, *told))


def _key(strand: Strand) -> tuple[int, datetime, int, int, str]:
    """What decides first: the phase; the latest change; then what asks more; the whole before a part; the name."""
    course = strand.course
    group = {ACT: 4, HOLD: 3, UNKNOWN: 2 if course.last in DANGER else 0}.get(course.phase, 1)
    nearer = {"same": 2, "contains": 1}.get(strand.relation, 0)
    return group, course.since or _DAWN, RANK[course.last], nearer, course.step.identifier


def _decided(among: list[Strand], strands: list[Strand]) -> Judgement:
    first = max(among, key=_key)
    standing = sorted((one for one in strands if one.course.phase != CALM), key=_key, reverse=True)
    ordered = [first, *(one for one in standing if one is not first)]
    course = first.course
    why = list(course.why)
    if first.relation == "part":
        why.append(f"part: {course.step.identifier} concerns a part of this place")
    why += [f"also: {one.course.step.identifier} stands at {one.course.phase}" for one in ordered[1:]]
    return Judgement(course.phase, course.last, course.since, course.ends, tuple(ordered), tuple(dict.fromkeys(why)))


def _lost(strands: list[Strand], contact: Contact) -> Judgement:
    """Contact is lost and no act stands: unknown, with the last phase that was known."""
    standing = sorted((one for one in strands if one.course.phase != CALM), key=_key, reverse=True)
    last = standing[0].course.last if standing else UNKNOWN
    since = contact.lost_since
    if standing and standing[0].course.phase == UNKNOWN:
        since = standing[0].course.since or since
    names = ", ".join(contact.lost)
    why = [f"source-lost: nothing was heard from {names} for too long, and silence is never calm; last known: {last}"]
    why += [line for one in standing for line in one.course.why]
    return Judgement(UNKNOWN, last, since, None, tuple(standing), tuple(dict.fromkeys(why)))


def _turn(of: Thread, at: datetime, all_clear_for: timedelta, ahead: timedelta) -> datetime | None:
    """The next moment after ``at`` at which a clock changes something in ``of``."""
    found: datetime | None = None
    for one in of.steps:
        # How long after each moment something may change: a message may count before its time by ``ahead``.
        waits = [(one.sent, -ahead)]
        for said in one.says:
            waits += [(said.ends, timedelta(0)), (said.begins, -ahead), (said.onset, -SOON - ahead)]
            if said.phase in ENDED:
                waits += [(said.begins, all_clear_for), (one.sent, all_clear_for)]
        for moment, after in waits:
            # As differences, because a feed's year may be 1 or 9999, from where nothing can be added or taken off.
            if moment is not None and moment - at > -after and moment - at < _FAR:
                turn = moment + after
                if found is None or turn < found:
                    found = turn
    return found


def _sooner(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((moment for moment in (one, other) if moment is not None), default=None)

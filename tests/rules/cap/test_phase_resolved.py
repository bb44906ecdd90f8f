"""What ran out without an end, and the later end that answers for it: by an index, as the plain rule says."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as some

from tests.rules.cap.said import T0
from tocsin.cap.phase import DANGER, ENDED, PREPARE, UNKNOWN, Phase, Saying
from tocsin.cap.standing import Strand, _resolved
from tocsin.cap.thread import Course, Step, Thread

MOMENTS = some.one_of(some.none(), some.integers(0, 6).map(lambda minutes: T0 + timedelta(minutes=minutes)))


@some.composite
def places(draw: some.DrawFn) -> list[Strand]:
    """Strands of a few threads, several of one thread among them, by a few senders over a few sources."""
    threads = [Thread(f"event {number}", ()) for number in range(draw(some.integers(1, 4)))]
    return draw(some.lists(strands(threads), max_size=12))


@some.composite
def strands(draw: some.DrawFn, threads: Iterable[Thread]) -> Strand:
    step = Step(
        "a",
        draw(some.sampled_from(["", "one@example.org", "two@example.org"])),
        draw(MOMENTS),
        None,
        "",
        (),
        source=draw(some.sampled_from(["", "sirens"])),
    )
    course = Course(
        draw(some.sampled_from(Phase)),
        draw(some.sampled_from([Phase.PREPARE, Phase.ACT, Phase.HOLD, Phase.ALL_CLEAR, Phase.RETRACTED])),
        draw(MOMENTS),
        draw(MOMENTS),
        step,
        Saying(Phase.ACT),
    )
    course = draw(some.sampled_from([course, _with(course, UNKNOWN)]))
    return Strand(draw(some.sampled_from(list(threads))), course, draw(some.sampled_from(["same", "contains", "part"])))


def _with(course: Course, phase: Phase) -> Course:
    return Course(phase, course.last, course.since, course.ends, course.step, course.saying)


def answers(end: Strand, of: Strand) -> bool:
    """The rule as it is said: the same voice ended something here, later and in another thread."""
    ran_out = of.course.phase == UNKNOWN and of.course.last in (*DANGER, PREPARE)
    timed = of.course.ends is not None or of.course.since is not None
    one, other = end.course.step, of.course.step
    voice = one.sender == other.sender and one.source == other.source
    later: tuple[datetime, datetime] = one.moment, other.moment
    ended = end.course.last in ENDED and end.relation != "part" and end.thread is not of.thread
    return ran_out and timed and voice and ended and later[0] > later[1]


@given(places())
@settings(max_examples=500, deadline=None)
def test_the_index_says_what_the_rule_says(here: list[Strand]) -> None:
    """Of any strands the same ones are left, in the same order, as by holding each against every other."""
    expect = [of for of in here if not any(answers(end, of) for end in here)]
    found = _resolved(here)
    assert [id(one) for one in found] == [id(one) for one in expect]

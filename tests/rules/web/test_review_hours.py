"""The review's steps by the hour: nothing is lost in a fold, and the beginning and the end are in sight."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tocsin.account.course import Step
from tocsin.web.review import hours

START = datetime(2024, 11, 19, 22, 50, tzinfo=UTC)


def steps(*minutes: int) -> tuple[Step, ...]:
    """A step at each of these minutes after the start, in order."""
    return tuple(Step(START + timedelta(minutes=one), n, "a:b", "x") for n, one in enumerate(minutes, 1))


def test_the_first_and_the_last_hour_are_open() -> None:
    """What began it and what ended it is in sight; what is between is one touch away."""
    found = hours(steps(0, 5, 12, 80, 200), "Europe/Kyiv")
    assert [(f"{one.begins:%H:%M}", len(one.steps), one.shown) for one in found] == [
        ("00:00", 2, True),
        ("01:00", 1, False),
        ("02:00", 1, False),
        ("04:00", 1, True),
    ]


def test_an_hour_is_one_of_the_clock_on_the_wall() -> None:
    """In a zone that is half an hour off, an hour begins when its own clock says so."""
    first, *_ = hours(steps(0), "Asia/Kolkata")
    assert first.begins.isoformat() == "2024-11-20T04:00:00+05:30"
    assert first.ends - first.begins == timedelta(hours=1)


@given(st.lists(st.integers(0, 5000), max_size=40).map(sorted))
def test_nothing_is_lost_in_a_fold(minutes: list[int]) -> None:
    """Every step is in exactly one hour, in its order, within it."""
    told = steps(*minutes)
    found = hours(told, "Europe/Kyiv")
    assert tuple(step for one in found for step in one.steps) == told
    assert all(one.begins <= step.at < one.ends for one in found for step in one.steps)

"""A shelter's status and the minutes to it: silence is never open, and nobody is promised more than they can walk."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tocsin.account.shelter import (
    NOTHING,
    REPORT_HOLDS,
    WORD_HOLDS,
    Shelter,
    Standing,
    Status,
    minutes_on_foot,
    status,
    verified_open_at,
    within_m,
)

AT = datetime(2024, 11, 20, 12, tzinfo=UTC)
PLAIN = Shelter("a", "city", 50_450_000, 30_520_000)
ALWAYS = msgspec.structs.replace(PLAIN, hours="24/7")


def test_hours_that_nobody_knows_are_not_open() -> None:
    """A shelter without hours is unknown, also when its source once found it open."""
    assert status(PLAIN, NOTHING, AT) is Status.UNKNOWN
    seen = msgspec.structs.replace(PLAIN, seen=AT - timedelta(hours=1))
    assert status(seen, Standing(verified=AT), AT) is Status.UNKNOWN
    assert verified_open_at(seen, Standing(verified=AT)) == AT


def test_two_reports_make_it_doubtful_and_one_does_not() -> None:
    """Two reports of a locked door outweigh hours and an older word; after a month nobody looked they count no more."""
    one, two = Standing(reports=(AT,)), Standing("open", AT, reports=(AT, AT))
    assert status(ALWAYS, one, AT) is Status.OPEN
    assert status(ALWAYS, two, AT) is Status.DOUBTFUL
    assert status(ALWAYS, two, AT + REPORT_HOLDS) is Status.OPEN


def test_a_word_that_it_is_open_grows_old() -> None:
    """After a day the word "open" is worth nothing; the word "closed" holds until it is taken back."""
    said = Standing("open", AT)
    assert status(PLAIN, said, AT + WORD_HOLDS - timedelta(seconds=1)) is Status.OPEN
    assert status(PLAIN, said, AT + WORD_HOLDS) is Status.UNKNOWN
    assert status(ALWAYS, Standing("closed", AT), AT + timedelta(days=400)) is Status.CLOSED


def test_what_its_source_closed_is_closed() -> None:
    """A source's "not ready" wins over hours, and a person who stands before the open door over the source."""
    shut = msgspec.structs.replace(ALWAYS, closed=True)
    assert status(shut, NOTHING, AT) is Status.CLOSED
    assert status(shut, Standing("open", AT), AT) is Status.OPEN


@given(
    st.builds(
        Standing,
        st.sampled_from(["", "closed"]),
        st.none() | st.just(AT),
        st.none() | st.just(AT),
        st.lists(st.just(AT), max_size=4).map(tuple),
    )
)
def test_no_knowledge_without_a_word_opens_what_has_no_hours(known: Standing) -> None:
    """Nothing but hours or a person's fresh word ever makes a shelter open."""
    assert status(PLAIN, known, AT) is not Status.OPEN


@given(st.floats(0, 100_000), st.floats(0.1, 600))
def test_what_is_called_reachable_is_reached(away: float, minutes: float) -> None:
    """Minutes never round down, and the distance of so many minutes takes no longer than that."""
    assert minutes_on_foot(away) * 60 * 1.07 >= away * 1.4 - 1e-6
    assert within_m(minutes) * 1.4 / 1.07 / 60 <= minutes + 1e-9

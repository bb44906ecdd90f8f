"""The state of a place fits into 1 KB whatever its texts are, and loses nothing that matters."""

from __future__ import annotations

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from tocsin.reach.heartbeat import Position
from tocsin.web.state import LARGEST, AlertRef, Freshness, State, cut, encode, fit

PHASES = ("calm", "prepare", "act", "hold", "all-clear", "retracted", "unknown")
TEXT = st.one_of(
    st.text(max_size=3000),
    st.text('\x00\x1f"\\\u2028\U0001f6a8', max_size=800),
    st.text("Увага повітряна тривога ", min_size=500, max_size=2000),
)
NAME = st.text("abcdefghijklmnopqrstuvwxyz0123456789.-", min_size=1, max_size=400)
MOMENT = st.none() | st.just("2024-11-20T12:00:00+00:00")


@st.composite
def states(draw: st.DrawFn) -> State:
    """States with any texts."""
    return State(
        place=draw(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ-:0123456789", min_size=1, max_size=80)),
        name=draw(TEXT),
        phase=draw(st.sampled_from(PHASES)),  # type: ignore[arg-type]
        last_phase=draw(st.none() | st.sampled_from(PHASES)),  # type: ignore[arg-type]
        realm="exercise",
        since=draw(MOMENT),
        as_of="2024-11-20T12:00:00+00:00",
        next_update_by=draw(MOMENT),
        source=draw(TEXT),
        headline=draw(TEXT),
        instruction=draw(TEXT),
        alerts=tuple(
            AlertRef(draw(NAME), draw(NAME), draw(st.integers(1, 2**31))) for _ in range(draw(st.integers(0, 3)))
        ),
        freshness=Freshness(draw(st.text(max_size=300)), draw(MOMENT)),
        journal=Position(draw(st.integers(0, 2**53)), "f" * 64),
        more=draw(st.integers(0, 10_000)),
    )


@given(states())
def test_a_state_is_at_most_1_kb(made: State) -> None:
    """Any texts: at most 1,000 bytes, valid JSON of the same form, what a machine decides by untouched."""
    small = fit(made)
    data = encode(small)
    assert len(data) <= LARGEST
    assert msgspec.json.decode(data, type=State) == small
    for field in ("place", "phase", "last_phase", "realm", "since", "as_of", "next_update_by", "journal"):
        assert getattr(small, field) == getattr(made, field)
    assert small.freshness.last_heard == made.freshness.last_heard
    # An alert is listed whole or counted.
    assert small.alerts == made.alerts[: len(small.alerts)]
    assert small.more - made.more == len(made.alerts) - len(small.alerts)


@given(states())
def test_what_fits_stays_as_it_is(made: State) -> None:
    """Nothing is cut that need not be, and cutting twice changes nothing."""
    small = fit(made)
    if len(encode(made)) <= LARGEST:
        assert small == made
    assert fit(small) == small


@given(states())
def test_what_is_cut_says_so(made: State) -> None:
    """A text that was cut is a beginning of the text and an ellipsis, and never nothing."""
    small = fit(made)
    for field in ("name", "source", "headline", "instruction"):
        before, after = getattr(made, field), getattr(small, field)
        if after != before:
            assert after.endswith("…")
            assert before.startswith(after[:-1])


@given(st.text(min_size=1, max_size=500), st.integers(1, 400))
@example("a" * 100, 50)
def test_cutting_makes_shorter(text: str, over: int) -> None:
    """A cut text is a beginning and an ellipsis."""
    short = cut(text, over, 8)
    assert short.endswith("…")
    assert text.startswith(short[:-1])

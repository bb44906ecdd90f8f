"""Facility status: what is overdue is never open, and history is what was set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rules.account.test_rollcall import entry
from tocsin.account.facility import FACILITY_SET, Facilities, FacilityState, Status, checked
from tocsin.errors import ParameterError

T0 = datetime(2024, 11, 20, 8, tzinfo=UTC)
STATE = FacilityState("Embassy", "UA-30", Status.OPEN, T0, T0 + timedelta(hours=4))


@given(st.sampled_from(list(Status)), st.integers(0, 48))
def test_overdue_is_shown_as_overdue_and_never_as_open(status: Status, hours: int) -> None:
    """From the moment of a review that did not come, no status is shown but overdue."""
    state = msgspec.structs.replace(STATE, status=status)
    shown = state.shown(T0 + timedelta(hours=hours))
    assert shown == (status.value if hours < 4 else "overdue")


@pytest.mark.parametrize(
    "change",
    [{"name": " "}, {"place": ""}, {"review_by": T0}, {"since": T0 + timedelta(minutes=2)}],
)
def test_a_state_without_its_review_is_refused(change: dict[str, object]) -> None:
    """There is no state without a name, a place, a beginning and a review that is to come."""
    with pytest.raises(ParameterError):
        checked(msgspec.structs.replace(STATE, **change), T0 + timedelta(minutes=1))


def test_history_is_kept_and_taken_in_once() -> None:
    """What was set before stays in the history; the same entry twice is one state."""
    rooms = Facilities("actual")
    one = entry(FACILITY_SET, "embassy", STATE)
    two = entry(FACILITY_SET, "embassy", msgspec.structs.replace(STATE, status=Status.CLOSED))
    for each in (one, two, one, two):
        rooms.apply(each)
    assert [state.status for _, state in rooms.history["embassy"]] == [Status.OPEN, Status.CLOSED]
    assert rooms.current()["embassy"].status is Status.CLOSED
    assert set(rooms.at(frozenset({"UA-30"}))) == {"embassy"}
    assert rooms.at(frozenset({"UA-46"})) == {}

"""Opening hours: what is not understood is never open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.account.hours import ALWAYS, normal, open_at, week

KYIV = "Europe/Kyiv"
MONDAY = datetime(2024, 11, 18, 10, tzinfo=UTC)  # noon in Kyiv


@pytest.mark.parametrize(
    "said", ["24/7", "цілодобово", "Цілодобовий", "rund um die Uhr", "24h/24", "00:00-24:00", "круглосуточно"]
)
def test_round_the_clock_in_several_languages(said: str) -> None:
    """The words for "day and night" all come to 24/7, which is open at any moment."""
    assert normal(said) == ALWAYS
    assert open_at(ALWAYS, MONDAY, KYIV) is True


@pytest.mark.parametrize(
    "said",
    ["за потреби", "sunrise-sunset", "Apr-Oct 08:00-20:00", "20:00+", "week 1-10 Mo", "PH off", "call first", "12", ""],
)
def test_what_is_not_understood_is_unknown(said: str) -> None:
    """Hours that nobody can read are None, never True."""
    assert normal(said) == ""
    assert open_at(said, MONDAY, KYIV) is None


@pytest.mark.parametrize(
    ("hours", "at", "is_open"),
    [
        ("Mo-Fr 08:00-20:00; Sa,Su 10:00-16:00", MONDAY, True),
        ("Mo-Fr 08:00-20:00; Sa,Su 10:00-16:00", MONDAY + timedelta(days=5, hours=5), False),
        ("22:00-06:00", datetime(2024, 11, 18, 21, tzinfo=UTC), True),
        ("22:00-06:00", datetime(2024, 11, 19, 3, 59, tzinfo=UTC), True),
        ("22:00-06:00", datetime(2024, 11, 19, 4, 0, tzinfo=UTC), False),
        ("Su 22:00-06:00", datetime(2024, 11, 18, 1, tzinfo=UTC), True),
        ("Mo-Su 08:00-20:00; Mo off", MONDAY, False),
        ("Fr-Mo 08:00-20:00", MONDAY, True),
        ("Mo 09:00-11:00,13:00-17:00", MONDAY, False),
        ("off", MONDAY, False),
        ("Mo-Fr 08:00-20:00; PH off", MONDAY, True),
    ],
)
def test_open_by_the_clocks_of_the_place(hours: str, at: datetime, is_open: bool) -> None:
    """Days, nights that end in the next day, later rules and other zones are read as people mean them."""
    assert open_at(hours, at, KYIV) is is_open


@given(st.text(max_size=60))
def test_no_text_breaks_the_reading(said: str) -> None:
    """Whatever a cell holds, it is either hours or not."""
    found = week(said)
    assert found is None or len(found) == 7
    assert normal(said) == "" or week(normal(said)) is not None

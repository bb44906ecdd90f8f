"""feed-quirks.md, section C: time. The number in a test's name is the quirk's."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rules.cap.making import SENT, alert, codes, one
from tocsin.cap.time import moment
from tocsin.cap.xml import read

EXPIRES = "2024-11-20T05:05:00+02:00"


def test_38_a_mail_date() -> None:
    """A date as in mail or RSS names its moment and is said to be misspelt."""
    assert moment("Thu, 01 Jan 2026 06:40:13 +0200") == (datetime(2026, 1, 1, 4, 40, 13, tzinfo=UTC), ("time.form",))
    assert moment("Thu, 01 Jan 2026 06:40:13 GMT")[0] == datetime(2026, 1, 1, 6, 40, 13, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2026/1/6 上午 04:00:00", "Tue, 20.05.2025, 12:41", "20.11.2024 03:05"])
def test_38_a_localised_date_has_no_offset(text: str) -> None:
    """A localised date names no moment: nobody knows in which zone it was written."""
    assert moment(text) == (None, ("time.no-offset",))


def test_39_no_offset_is_no_moment() -> None:
    """A sent time without an offset stays empty and is said, and costs the message nothing else."""
    data = alert((SENT, "2024-11-20T03:05:00"))
    assert one(data).alerts[0].sent is None
    assert one(data).alerts[0].identifier == "kyiv-1"
    assert "time.no-offset" in codes(data)


@pytest.mark.parametrize("text", ["2024-11-20T01:05:00Z", "2024-11-20T01:05:00.000Z", "2024-11-20T01:05:00z"])
def test_40_the_z_suffix(text: str) -> None:
    """Z, also after milliseconds, is read and said."""
    assert moment(text)[0] == datetime(2024, 11, 20, 1, 5, tzinfo=UTC)
    assert "time.z-suffix" in moment(text)[1]


@pytest.mark.parametrize(
    "text",
    [
        "2024-11-20 03:05:00 +0200",
        "2024-11-20T03:05+02:00",
        "2024-11-20T03:05:00+02",
        "2024-11-20T03:05:00.5+02:00",
        "1732064700",
    ],
)
def test_40_other_misspellings_with_an_offset(text: str) -> None:
    """A blank for T, a missing colon, missing seconds, a fraction, or seconds since 1970 still name the moment."""
    read_as, wrong = moment(text)
    assert read_as is not None
    assert read_as.replace(microsecond=0) == datetime(2024, 11, 20, 1, 5, tzinfo=UTC)
    assert "time.form" in wrong


def test_41_the_buddhist_year() -> None:
    """A year 543 too large is brought back, and that is said; the 29th of February of such a year as well."""
    assert moment("2568-02-25T05:13:00+07:00") == (datetime(2025, 2, 24, 22, 13, tzinfo=UTC), ("time.buddhist-year",))
    assert moment("2567-02-29T00:00:00+00:00")[0] == datetime(2024, 2, 29, tzinfo=UTC)


def test_41_a_real_message_with_buddhist_years(shared: Path) -> None:
    """The Thai service's message, which the schema takes, is of 2025."""
    path = "cap/KDE+foss-public-alert-server/foss_public_alert_server/lib/testdata/TMD25680225051318_2.xml"
    reading = read((shared / path).read_bytes())
    assert reading.alerts[0].sent is not None
    assert reading.alerts[0].sent.year == 2025
    assert {"time.buddhist-year", "geometry.swapped-axes"} <= {problem.code for problem in reading.problems}


@pytest.mark.parametrize("year", ["0113", "1446", "1970", "2299"])
def test_41_years_of_other_times_are_kept_and_said(year: str) -> None:
    """A year that is not of our time is said, and not guessed at."""
    assert moment(f"{year}-01-01T00:00:00+00:00")[1] == ("time.year",)


def test_42_expiry_before_sent() -> None:
    """A message that expires before it was sent is read, and that is said."""
    data = alert((EXPIRES, "2024-11-01T05:05:00+02:00"))
    assert one(data).alerts[0].infos[0].expires is not None
    assert "time.expires-before-sent" in codes(data)


def test_42_onset_is_expiry_and_onset_weeks_before() -> None:
    """An onset at the expiry, and one weeks before the message was sent, are said."""
    same = alert(("<expires>", f"<onset>{EXPIRES}</onset><expires>"))
    before = alert(("<expires>", "<onset>2024-10-20T05:05:00+02:00</onset><expires>"))
    assert "time.onset-is-expires" in codes(same)
    assert "time.long-before-sent" in codes(before)


def test_43_months_of_validity() -> None:
    """A validity of months is said."""
    assert "time.long" in codes(alert((EXPIRES, "2025-03-20T05:05:00+02:00")))


def test_44_each_info_keeps_its_own_times() -> None:
    """Two texts with different expiries keep them."""
    from tests.rules.cap.making import INFO

    second = INFO.replace("en-GB", "uk").replace(EXPIRES, "2024-11-20T06:05:00+02:00")
    found = one(alert(("</alert>", second + "</alert>"))).alerts[0]
    assert [info.expires.hour for info in found.infos if info.expires] == [3, 4]


def test_45_the_end_of_the_event_in_a_parameter_is_kept() -> None:
    """A second end, given as a parameter, is kept as a parameter and changes no expiry."""
    parameter = "<parameter><valueName>eventEndingTime</valueName><value>2024-11-20T09:05:00+02:00</value></parameter>"
    info = one(alert(("<area>", parameter + "<area>"))).alerts[0].infos[0]
    assert info.parameter("eventEndingTime") == "2024-11-20T09:05:00+02:00"
    assert info.expires == datetime(2024, 11, 20, 3, 5, tzinfo=UTC)


def test_46_no_expiry() -> None:
    """No expiry is said, and none is made up."""
    data = alert((f"<expires>{EXPIRES}</expires>", ""))
    assert one(data).alerts[0].infos[0].expires is None
    assert "time.no-expires" in codes(data)


def test_an_impossible_time_is_no_moment() -> None:
    """The 13th month, the 61st minute and the end of the calendar are unreadable and raise nothing."""
    for text in ("2024-13-01T00:00:00+00:00", "2024-01-01T00:61:00+00:00", "9999-12-31T23:59:59-14:00", "", "x" * 5000):
        assert moment(text)[0] is None


def test_the_end_of_a_day_and_a_leap_second() -> None:
    """24:00:00 is the next day's beginning, and a leap second is the second after it."""
    assert moment("2024-11-20T24:00:00+00:00")[0] == datetime(2024, 11, 21, tzinfo=UTC)
    assert moment("2016-12-31T23:59:60+00:00")[0] == datetime(2017, 1, 1, tzinfo=UTC)


@given(st.text(max_size=60))
def test_no_text_raises(text: str) -> None:
    """Whatever stands where a time should, a moment or codes come back."""
    read_as, wrong = moment(text)
    assert read_as is not None or wrong


@given(st.datetimes(datetime(1990, 1, 2), datetime(2100, 12, 30), timezones=st.timezones()))  # noqa: DTZ001
def test_the_standards_spelling_is_read_exactly(at: datetime) -> None:
    """Every whole second in the standard's spelling is read as that moment, without a problem."""
    whole = at.replace(microsecond=0)
    text = whole.isoformat()
    if len(text) == 25:
        assert moment(text) == (whole.astimezone(UTC), ())

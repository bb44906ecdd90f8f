"""Signing certificates by a turned clock: two that overlap, and who is told when one ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tocsin.cap.signature import Outcome, verify
from tocsin.clock import TurnedClock
from tocsin.errors import KeyEndsError, KeyMissingError
from tocsin.store.certificate import LIFE, OVERLAP, TOLD_AT, Certificates
from tocsin.web.console.desk_room import speech
from tocsin.web.console.tell import tell
from tocsin.web.health import holds

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
FIRST_ENDS = BEGAN - timedelta(days=1) + LIFE
LAST_ENDS = FIRST_ENDS + LIFE - OVERLAP
DAY = timedelta(days=1)


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    """The pair that the first start makes."""
    return Certificates(tmp_path, "actual", "warn@example.org", BEGAN)


@pytest.mark.parametrize("days", TOLD_AT)
def test_readiness_says_that_the_last_one_ends(certificates: Certificates, days: int) -> None:
    """60, 30, 7 and 1 days before the last certificate ends readiness has a fault with the days in it; before, none."""
    clock = TurnedClock(LAST_ENDS - 61 * DAY - timedelta(hours=1))
    check = holds("certificate", lambda: certificates.require(clock.now()))
    assert not list(check(clock.now()))
    clock.turn((LAST_ENDS - days * DAY - clock.now()).total_seconds())
    (fault,) = check(clock.now())
    assert fault.code == KeyEndsError.code
    assert f"ends in {days} days" in fault.sentence
    (said,) = certificates.faults(clock.now())
    assert str(days) in tell(said, speech("uk"))


def test_readiness_says_that_none_is_in_force(certificates: Certificates) -> None:
    """After the last end nothing can be signed, readiness says so, and it cannot be had by another name."""
    at = LAST_ENDS + DAY
    (fault,) = holds("certificate", lambda: certificates.require(at))(at)
    assert fault.code == KeyMissingError.code
    with pytest.raises(KeyMissingError, match="nothing can be published"):
        certificates.sign(b"<alert/>", at)
    assert len(certificates.faults(at)) == 1


def test_the_end_of_the_first_is_told_and_stops_nothing(certificates: Certificates) -> None:
    """Where the next one is in force already, people are told whose signature comes, and readiness has no fault."""
    at = FIRST_ENDS - 30 * DAY
    certificates.require(at)
    (said,) = certificates.faults(at)
    first, second = certificates
    assert first.key_id in str(said)
    assert second.key_id in str(said)
    assert "30 days" in str(said)
    assert not certificates.faults(FIRST_ENDS - 62 * DAY)
    assert certificates.current(FIRST_ENDS + DAY) == second


def test_a_gap_between_two_is_an_end(tmp_path: Path) -> None:
    """A certificate that begins only after the other has ended keeps nobody ready."""
    certificates = Certificates(tmp_path, "actual", "warn@example.org", BEGAN)
    certificates.make(LAST_ENDS + DAY)
    assert certificates.until(BEGAN) == LAST_ENDS
    with pytest.raises(KeyEndsError):
        certificates.require(LAST_ENDS - 7 * DAY)


def test_the_next_is_made_in_time_and_kept(certificates: Certificates, tmp_path: Path) -> None:
    """Within the overlap the next one is made once; it is on disk, and a restart signs with it when its time comes."""
    assert certificates.renew(LAST_ENDS - OVERLAP - DAY) is None
    at = LAST_ENDS - 90 * DAY
    made = certificates.renew(at)
    assert made is not None
    assert certificates.renew(at) is None
    certificates.require(LAST_ENDS - DAY)
    again = Certificates(tmp_path, "actual", "warn@example.org", at)
    assert [one.key_id for one in again] == [one.key_id for one in certificates]
    later = LAST_ENDS + DAY
    assert again.current(later).key_id == made.key_id


def test_what_was_signed_stays_signed(certificates: Certificates) -> None:
    """A message signed by the first one is valid by the pins after that one has ended."""
    sent = FIRST_ENDS - DAY
    message = (
        '<?xml version="1.0" encoding="UTF-8"?><alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">'
        "<identifier>a.1</identifier><sender>warn@example.org</sender>"
        f"<sent>{sent:%Y-%m-%dT%H:%M:%S}-00:00</sent><status>Actual</status><msgType>Alert</msgType>"
        "<scope>Public</scope></alert>"
    ).encode()
    signed = certificates.sign(message, sent)
    assert verify(signed, certificates.pinned()).outcome is Outcome.VALID

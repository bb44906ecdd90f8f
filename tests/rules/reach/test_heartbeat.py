"""Heartbeats: signed, verifiable, and the way to tell silence from calm."""

from __future__ import annotations

import base64
from datetime import timedelta

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tests.rules.reach.stage import NIGHT, Pen
from tocsin.journal import Head
from tocsin.reach.heartbeat import Contact, Heartbeat, SignedHeartbeat, SourceContact, heartbeat, verify

SOURCES = [SourceContact("ua", "Alerts", NIGHT, True), SourceContact("x", "Other", None, False)]


def test_verifies_and_says_the_same_twice() -> None:
    """A heartbeat verifies with the realm's key; what stands beside the payload for reading is what was signed."""
    pen = Pen()
    data = heartbeat(NIGHT, "exercise", Head(7, bytes(32)), SOURCES, pen, 15.0)
    beat = verify(data, pen.public_pem)
    assert beat is not None
    signed = msgspec.json.decode(data, type=SignedHeartbeat)
    assert (signed.as_of, signed.realm, signed.journal, signed.sources, signed.key_id) == (
        beat.as_of,
        beat.realm,
        beat.journal,
        beat.sources,
        beat.key_id,
    )
    assert (beat.journal.seq, beat.sources, beat.interval_s) == (7, tuple(SOURCES), 15.0)
    # By hand, as a client in another language does it.
    raw = msgspec.json.decode(data)
    pad = [value + "=" * (-len(value) % 4) for value in (raw["payload"], raw["signature"])]
    payload, signature = (base64.urlsafe_b64decode(value) for value in pad)
    load_pem_public_key(pen.public_pem.encode()).verify(signature, payload)  # type: ignore[call-arg,union-attr]


@pytest.mark.parametrize("field", ["payload", "signature"])
def test_forged_is_refused(field: str) -> None:
    """One changed character, another key or junk: none of it is a heartbeat."""
    pen = Pen()
    data = heartbeat(NIGHT, "actual", Head(7, bytes(32)), [], pen, 15.0)
    raw = msgspec.json.decode(data)
    changed = {**raw, field: ("B" if raw[field][5] == "A" else "A").join((raw[field][:5], raw[field][6:]))}
    assert verify(msgspec.json.encode(changed), pen.public_pem) is None
    assert verify(data, Pen().public_pem) is None
    assert verify(b"{}", pen.public_pem) is None
    assert verify(b"\xff", pen.public_pem) is None


def beat(seconds: int, seq: int = 1) -> Heartbeat:
    from tocsin.reach.heartbeat import Position

    return Heartbeat(NIGHT + timedelta(seconds=seconds), "actual", Position(seq, ""), (), "key", 15.0)


def test_contact_is_lost_after_two_missed_beats() -> None:
    """After two missed heartbeats a listener has lost contact, and a new one restores it."""
    contact = Contact(NIGHT, 15.0)
    assert contact.hear(beat(0), NIGHT)
    assert not contact.lost(NIGHT + timedelta(seconds=30))
    assert contact.lost(NIGHT + timedelta(seconds=31))
    assert contact.hear(beat(40, 2), NIGHT + timedelta(seconds=40))
    assert not contact.lost(NIGHT + timedelta(seconds=60))


def test_a_recording_is_no_contact() -> None:
    """Heartbeats that are played back do not keep contact alive."""
    contact = Contact(NIGHT, 15.0)
    assert contact.hear(beat(15, 5), NIGHT + timedelta(seconds=15))
    assert not contact.hear(beat(15, 5), NIGHT + timedelta(seconds=30))
    assert not contact.hear(beat(30, 4), NIGHT + timedelta(seconds=45))
    assert contact.lost(NIGHT + timedelta(seconds=46))

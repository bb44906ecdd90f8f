"""What a device obeys, and what it does not (F9)."""

from __future__ import annotations

from base64 import b64decode, b64encode
from datetime import timedelta

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from tests.rules.reach.stage import NIGHT
from tocsin.reach.command import Command, Guard, Sealed, answer, answered, by_secret, by_signature, seal

SECRET, OTHER = b"k" * 32, b"o" * 32
ONE = Command(
    device="roof",
    realm="actual",
    action="sound",
    phase="act",
    alert="a",
    event_id="e",
    version=2,
    issued=NIGHT,
    expires=NIGHT + timedelta(seconds=30),
    nonce="00ff",
    text={"en": "Go to a shelter."},
)


def guard(**more: bytes) -> Guard:
    return Guard("roof", "actual", NIGHT - timedelta(hours=1), **(more or {"secret": SECRET}))


def test_obeyed_once() -> None:
    """A command is obeyed when it comes, and never again: not one second later, and not one hour later."""
    device, sent = guard(), seal(ONE, by_secret(SECRET))
    assert device.take(sent, NIGHT + timedelta(seconds=1)) == ONE
    assert device.take(sent, NIGHT + timedelta(seconds=2)) is None
    assert device.take(sent, NIGHT + timedelta(hours=1)) is None
    assert [reason for _, reason in device.refused] == ["replay", "expired"]


def test_a_device_that_starts_anew_refuses_what_was_before() -> None:
    """After a restart the nonces are forgotten, so what was issued before it is refused."""
    device = Guard("roof", "actual", NIGHT + timedelta(seconds=5), secret=SECRET)
    assert device.take(seal(ONE, by_secret(SECRET)), NIGHT + timedelta(seconds=6)) is None
    assert device.refused[0][1] == "not of my time"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"device": "cellar"}, "not for me"),
        ({"realm": "exercise"}, "not for me"),
        ({"issued": NIGHT + timedelta(minutes=1)}, "not of my time"),
        ({"version": 1, "nonce": "01"}, "superseded"),
    ],
)
def test_what_is_refused(changed: dict[str, object], reason: str) -> None:
    """A command for another, of another realm, of the future, or older than one that was obeyed, is refused."""
    device = guard()
    assert device.take(seal(ONE, by_secret(SECRET)), NIGHT) == ONE
    other = msgspec.structs.replace(ONE, **{"nonce": "02", **changed})
    assert device.take(seal(other, by_secret(SECRET)), NIGHT) is None
    assert device.refused == [(NIGHT, reason)]


@given(st.integers(0, 10_000), st.integers(0, 7))
def test_any_flipped_bit_is_refused(place: int, bit: int) -> None:
    """One changed bit anywhere in the command or its mark, and it is refused."""
    sealed = msgspec.json.decode(seal(ONE, by_secret(SECRET)), type=Sealed)
    parts = [bytearray(b64decode(sealed.command)), bytearray(b64decode(sealed.mark))]
    place %= len(parts[0]) + len(parts[1])
    which, at = (0, place) if place < len(parts[0]) else (1, place - len(parts[0]))
    parts[which][at] ^= 1 << bit
    sent = msgspec.json.encode(Sealed(*(b64encode(part).decode() for part in parts)))
    device = guard()
    assert device.take(sent, NIGHT) is None
    assert device.refused == [(NIGHT, "mark")]


def test_keys() -> None:
    """Another secret does not command, nor a signature where a secret is due; a signature does where it is due."""
    assert guard().take(seal(ONE, by_secret(OTHER)), NIGHT) is None
    private = Ed25519PrivateKey.generate()
    signs = by_signature(private.private_bytes_raw())
    signed = seal(ONE, signs, "ed25519")
    assert guard().take(signed, NIGHT) is None
    public = private.public_key().public_bytes_raw()
    assert guard(public=public).take(signed, NIGHT) == ONE
    assert guard(public=Ed25519PrivateKey.generate().public_key().public_bytes_raw()).take(signed, NIGHT) is None
    assert guard(public=public).take(seal(ONE, by_secret(public)), NIGHT) is None
    with pytest.raises(ValueError, match="16 bytes"):
        by_secret(b"short")


@given(st.binary(max_size=300))
def test_junk_is_refused(junk: bytes) -> None:
    """Whatever comes, nothing is raised and nothing is obeyed."""
    device = guard()
    assert device.take(junk, NIGHT) is None
    assert answered(SECRET, junk) is None
    assert len(device.refused) == 1


def test_answers() -> None:
    """An answer counts with the device's own secret only."""
    assert answered(SECRET, answer(SECRET, "00ff")) == "00ff"
    assert answered(OTHER, answer(SECRET, "00ff")) is None

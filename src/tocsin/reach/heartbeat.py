"""The heartbeat: a signed sign of life that lets whoever listens tell silence from calm.

- It says as of when, how far the journal goes, and which sources are still heard. A stream without alerts is calm only
  while heartbeats come and the sources of the area are fresh; otherwise it is unknown.
- The Ed25519 signature is over the exact bytes in ``payload``; the fields beside it are for reading, and whoever
  verifies uses only what is in the payload. Its ``kind`` keeps it from passing for anything else signed with the key.
- After two missed heartbeats a listener has lost contact (:class:`Contact`).

Form: ``{"payload": base64url, "signature": base64url, "key_id": text, "as_of", "realm", "journal", "sources"}``;
base64url without padding (RFC 4648, section 5), Ed25519 by RFC 8032. The public key is served at ``/v1/keys``.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal, Protocol

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from msgspec import Struct

from tocsin.journal import Head


class Signer(Protocol):
    """The realm's key."""

    @property
    def key_id(self) -> str:
        """The public key's name."""
        ...

    def sign(self, data: bytes) -> bytes:
        """The Ed25519 signature over ``data``."""
        ...


class SourceContact(Struct, frozen=True):
    """How a source stands: when it was last heard and whether that still counts."""

    id: str
    name: str
    last_heard: datetime | None
    fresh: bool


class Position(Struct, frozen=True):
    """How far the journal goes: the newest entry's number and its hash in hexadecimal."""

    seq: int
    hash: str


class Heartbeat(Struct, frozen=True):
    """What a heartbeat says. ``interval_s`` is when to expect the next one."""

    as_of: datetime
    realm: str
    journal: Position
    sources: tuple[SourceContact, ...]
    key_id: str
    interval_s: float = 30.0
    kind: Literal["tocsin-heartbeat"] = "tocsin-heartbeat"


class SignedHeartbeat(Struct, frozen=True):
    """A heartbeat as sent: the exact bytes that were signed, and the same again for reading."""

    payload: str
    signature: str
    key_id: str
    as_of: datetime
    realm: str
    journal: Position
    sources: tuple[SourceContact, ...]


def heartbeat(
    at: datetime, realm: str, head: Head, sources: Sequence[SourceContact], signer: Signer, interval_s: float
) -> bytes:
    """A signed heartbeat as JSON in one line."""
    beat = Heartbeat(at, realm, Position(head.seq, head.hash.hex()), tuple(sources), signer.key_id, interval_s)
    payload = msgspec.json.encode(beat)
    return msgspec.json.encode(
        SignedHeartbeat(
            _spell(payload), _spell(signer.sign(payload)), beat.key_id, at, realm, beat.journal, beat.sources
        )
    )


def verify(data: bytes | str, public_pem: str) -> Heartbeat | None:
    """The heartbeat in ``data`` if the key in ``public_pem`` signed it, otherwise None."""
    key = load_pem_public_key(public_pem.encode())
    if not isinstance(key, Ed25519PublicKey):
        return None
    try:
        signed = msgspec.json.decode(data, type=SignedHeartbeat)
        payload = _read(signed.payload)
        key.verify(_read(signed.signature), payload)
        return msgspec.json.decode(payload, type=Heartbeat)
    except (msgspec.MsgspecError, binascii.Error, ValueError, InvalidSignature):
        return None


class Contact:
    """Whether a listener still has contact: heartbeats come, and they go forward.

    A heartbeat that repeats an old one (recorded and played back) does not count.
    """

    missed = 2

    def __init__(self, at: datetime, interval_s: float = 30.0) -> None:
        self.last = at
        self.interval_s = interval_s
        self._as_of: datetime | None = None
        self._seq = 0

    def hear(self, beat: Heartbeat, at: datetime) -> bool:
        """Take a verified heartbeat that came at ``at``; false if it is no newer than the last one."""
        if self._as_of is not None and (beat.as_of <= self._as_of or beat.journal.seq < self._seq):
            return False
        self._as_of, self._seq, self.last, self.interval_s = beat.as_of, beat.journal.seq, at, beat.interval_s
        return True

    def lost(self, at: datetime) -> bool:
        """Whether two heartbeats were missed at ``at``: what was calm is unknown now."""
        return at - self.last > timedelta(seconds=self.interval_s * self.missed)


def _spell(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _read(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))

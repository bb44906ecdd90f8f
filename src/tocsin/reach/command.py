"""A command to a siren or a sign, and what the device must check before it obeys: who, for whom, when, and only once.

- A command bears a nonce that is used once, the moments from and until which it holds, its device and its realm, and a
  key's mark over all of that. A recording of it played again is refused: soon by the nonce, later by the time (F9).
- A device that starts anew refuses what was issued before its start, since it no longer knows which nonces were used.
- Two kinds of key: one secret a device (HMAC-SHA-256), or our own signature that every device can check (Ed25519).
- The mark is over the bytes that were sent; nothing is put together again before it is checked.
"""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

AHEAD = timedelta(seconds=5)
"""How far our clock may be ahead of the device's."""

Action = Literal["sound", "show", "clear"]
ACTIONS: dict[str, Action] = {
    "act": "sound",
    "retracted": "sound",
    "hold": "show",
    "prepare": "show",
    "all-clear": "clear",
}
"""What a device does in each phase: who was sounded at is sounded at again when it was a mistake (F2)."""


class Command(Struct, frozen=True, kw_only=True):
    """One command to one device. ``text`` is by language; ``nonce`` is hexadecimal."""

    device: str
    realm: str
    action: Action
    phase: str
    alert: str
    event_id: str
    version: int
    issued: datetime
    expires: datetime
    nonce: str
    text: dict[str, str]


class Sealed(Struct, frozen=True):
    """A command as it travels: its JSON, and the mark over these very bytes, both in base64."""

    command: str
    mark: str
    key: str = "hmac"


Marker = Callable[[bytes], bytes]


def by_secret(secret: bytes) -> Marker:
    """Marks by HMAC-SHA-256; a secret of less than 16 bytes is a ``ValueError``."""
    if len(secret) < 16:
        raise ValueError("a device's secret has at least 16 bytes")
    return lambda data: hmac.digest(secret, b"tocsin command\0" + data, "sha256")


def by_signature(private: bytes) -> Marker:
    """Marks by Ed25519 with the 32 bytes of a private key."""
    key = Ed25519PrivateKey.from_private_bytes(private)
    return lambda data: key.sign(b"tocsin command\0" + data)


def seal(command: Command, mark: Marker, key: str = "hmac") -> bytes:
    """``command`` as it travels."""
    data = msgspec.json.encode(command)
    return msgspec.json.encode(Sealed(b64encode(data).decode(), b64encode(mark(data)).decode(), key))


class Guard:
    """What a device checks: the reference for receivers. ``refused`` is its audit trail: (moment, reason)."""

    def __init__(self, device: str, realm: str, started: datetime, *, secret: bytes = b"", public: bytes = b"") -> None:
        self.device, self.realm, self.started = device, realm, started
        self._secret = by_secret(secret) if secret else None
        self._public = Ed25519PublicKey.from_public_bytes(public) if public else None
        self._used: dict[str, datetime] = {}
        self._versions: dict[str, int] = {}
        self.refused: list[tuple[datetime, str]] = []

    def take(self, data: bytes, at: datetime) -> Command | None:
        """The command in ``data`` if the device must obey it now; None, with the reason noted, if it must not."""
        try:
            sealed = msgspec.json.decode(data, type=Sealed)
            content, mark = b64decode(sealed.command, validate=True), b64decode(sealed.mark, validate=True)
        except (msgspec.DecodeError, ValueError):
            return self._refuse(at, "malformed")
        if not self._holds(content, mark, sealed.key):
            return self._refuse(at, "mark")
        try:
            command = msgspec.json.decode(content, type=Command)
        except msgspec.DecodeError:
            return self._refuse(at, "malformed")
        self._used = {nonce: until for nonce, until in self._used.items() if until > at}
        reason = self._wrong(command, at)
        if reason:
            return self._refuse(at, reason)
        self._used[command.nonce] = command.expires
        self._versions[command.event_id] = command.version
        return command

    def _wrong(self, command: Command, at: datetime) -> str:
        if (command.device, command.realm) != (self.device, self.realm):
            return "not for me"
        if at >= command.expires:
            return "expired"
        if command.issued > at + AHEAD or command.issued < self.started:
            return "not of my time"
        if command.nonce in self._used:
            return "replay"
        if command.version < self._versions.get(command.event_id, -1):
            return "superseded"
        return ""

    def _holds(self, content: bytes, mark: bytes, key: str) -> bool:
        if key == "hmac" and self._secret is not None:
            return hmac.compare_digest(self._secret(content), mark)
        if key == "ed25519" and self._public is not None:
            try:
                self._public.verify(mark, b"tocsin command\0" + content)
            except InvalidSignature:
                return False
            return True
        return False

    def _refuse(self, at: datetime, reason: str) -> Command | None:
        self.refused.append((at, reason))
        return None


def answer(secret: bytes, nonce: str) -> bytes:
    """What a device says once it has obeyed, marked with its secret."""
    mark = hmac.digest(secret, b"tocsin done\0" + nonce.encode(), "sha256")
    return msgspec.json.encode({"nonce": nonce, "mark": b64encode(mark).decode()})


def answered(secret: bytes, data: bytes) -> str | None:
    """The nonce of the command that a device says it has obeyed; None if its mark does not hold."""
    try:
        said = msgspec.json.decode(data, type=dict[str, str])
        nonce, mark = said["nonce"], b64decode(said["mark"], validate=True)
    except (msgspec.DecodeError, KeyError, ValueError):
        return None
    wanted = hmac.digest(secret, b"tocsin done\0" + nonce.encode("utf-8", "replace"), "sha256")
    return nonce if hmac.compare_digest(wanted, mark) else None

"""VAPID: who we are to a push service, as one signed token for each origin that is used again for hours.

- A token names the origin it is for, so it serves every subscription there (RFC 8292, section 2) and costs nothing at
  the alarm; it lasts half a day, of the day that is allowed, and is replaced at half of that.
- A browser binds a subscription to the public key that it was made with. So the key is kept for good
  (:mod:`tocsin.store.vapid`), and each realm has its own: nobody who listens for exercises hears the real thing.

RFC 8292; the token is a JWT signed with ES256 (RFC 7515, RFC 7518).
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

LASTS = timedelta(hours=12)
MOST_ORIGINS = 10_000


class Signer(Protocol):
    """The P-256 key of one realm."""

    public_point: bytes
    """65 bytes, uncompressed."""

    def sign(self, data: bytes) -> bytes:
        """The 64 bytes of an ES256 signature (r, then s) under ``data``."""
        ...


def base64url(data: bytes) -> str:
    """Base64url without padding, as JWT and the Push API want it."""
    return urlsafe_b64encode(data).decode().rstrip("=")


def application_server_key(signer: Signer) -> str:
    """What a page gives to ``pushManager.subscribe`` as ``applicationServerKey``."""
    return base64url(signer.public_point)


_HEADER = base64url(b'{"typ":"JWT","alg":"ES256"}')


class Vapid:
    """The tokens of one key. ``contact`` is a ``mailto:`` or ``https:`` address by which an operator is reached."""

    def __init__(self, signer: Signer, contact: str = "") -> None:
        self.signer, self.contact = signer, contact
        self._key = application_server_key(signer)
        self._kept: dict[str, tuple[datetime, str]] = {}

    def authorization(self, origin: str, at: datetime) -> str:
        """The ``Authorization`` header for ``origin`` (scheme, host, and port where it is not the usual one)."""
        kept = self._kept.get(origin)
        # A clock that was set back would make a token that lasts longer than a day.
        if kept is not None and LASTS / 2 < kept[0] - at <= LASTS:
            return kept[1]
        ends = at + LASTS
        claims: dict[str, str | int] = {"aud": origin, "exp": int(ends.timestamp())}
        if self.contact:
            claims["sub"] = self.contact
        signed = f"{_HEADER}.{base64url(msgspec.json.encode(claims))}"
        text = f"vapid t={signed}.{base64url(self.signer.sign(signed.encode()))}, k={self._key}"
        if len(self._kept) >= MOST_ORIGINS:
            self._kept.clear()
        self._kept[origin] = (ends, text)
        return text

    def forget(self, origin: str) -> None:
        """Make a new token for ``origin`` next time: it did not like this one."""
        self._kept.pop(origin, None)

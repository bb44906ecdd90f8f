"""The seal on a Web Push message: what only the subscriber's own device can open, in two halves.

- ``prepare`` is everything that does not depend on the message: a new key pair for the one message to come, the key
  agreement with the device, a random salt, and the content key and nonce that follow. It can be done in calm.
- ``seal`` is what is left at the alarm: one AES-128-GCM. A prepared key seals one text and no other, ever, because a
  nonce of AES-GCM must not repeat under its key; :mod:`tocsin.reach.prekey` sees to that.
- Every text is padded to a size that is known before there is an alert, so that length tells nothing about it.

RFC 8291 (Web Push encryption), RFC 8188 (``aes128gcm``, one record), P-256 by FIPS 186.
"""

from __future__ import annotations

import os
import re
from base64 import urlsafe_b64decode
from hmac import digest
from struct import Struct as Layout

from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDH,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from msgspec import Struct

from tocsin.errors import ParameterError

HEAD = 86
"""Bytes of the header of RFC 8188: salt 16, record size 4, length of the key 1, our public point 65."""
PREPARED = HEAD + 16 + 12
"""Bytes of a prepared key: the header as it will be sent, the content key, the nonce."""
TAG = 16

Prepared = tuple[bytes, bytes, bytes]
"""A prepared key ready to seal with: the header, the content key, the nonce."""
MOST = 4096 - HEAD - TAG - 1
"""Bytes of text that fit into what every push service takes (RFC 8030, section 7.2)."""

_PARTS = Layout("86s16s12s")
_RECORD = (4096).to_bytes(4, "big") + b"\x41"
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+={0,2}")


class Target(Struct, frozen=True):
    """The keys of a subscriber's device: its public ``point`` on P-256 (65 bytes) and its ``auth`` secret (16)."""

    point: bytes
    auth: bytes


def target(p256dh: str, auth: str) -> Target:
    """The keys as browsers give them, in base64url; :class:`ParameterError` for those that nothing can be sealed to."""
    found = Target(_bytes(p256dh, 65, "p256dh"), _bytes(auth, 16, "auth"))
    _public(found.point)
    return found


def _bytes(text: str, size: int, name: str) -> bytes:
    if not _BASE64URL.fullmatch(text):
        raise ParameterError(f"keys.{name}: not base64url")
    try:
        found = urlsafe_b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))
    except ValueError:
        raise ParameterError(f"keys.{name}: not base64url") from None
    if len(found) != size:
        raise ParameterError(f"keys.{name}: {len(found)} bytes instead of {size}")
    return found


def _public(point: bytes) -> EllipticCurvePublicKey:
    # Only the uncompressed form is allowed (RFC 8291, section 3.1), and a point off the curve would leak our key.
    if point[:1] != b"\x04":
        raise ParameterError("keys.p256dh: not an uncompressed point")
    try:
        return EllipticCurvePublicKey.from_encoded_point(SECP256R1(), point)
    except ValueError:
        raise ParameterError("keys.p256dh: not a point of P-256") from None


def prepare(point: bytes, auth: bytes, key: EllipticCurvePrivateKey | None = None, salt: bytes | None = None) -> bytes:
    """A prepared key (114 bytes) for one message to a device. ``key`` and ``salt`` are new unless a test gives them.

    The private half of the new key is forgotten here; what is returned opens one message and no other.
    """
    key = key if key is not None else generate_private_key(SECP256R1())
    salt = salt if salt is not None else os.urandom(16)
    own = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    shared = key.exchange(ECDH(), _public(point))
    keying = digest(digest(auth, shared, "sha256"), b"WebPush: info\0" + point + own + b"\x01", "sha256")
    pseudo = digest(salt, keying, "sha256")
    content = digest(pseudo, b"Content-Encoding: aes128gcm\0\x01", "sha256")[:16]
    nonce = digest(pseudo, b"Content-Encoding: nonce\0\x01", "sha256")[:12]
    return salt + _RECORD + own + content + nonce


def pad(content: bytes, size: int) -> bytes:
    """``content`` as the last record of RFC 8188, padded so that every text of this ``size`` is equally long."""
    if len(content) > size or size > MOST:
        raise ValueError(f"{len(content)} bytes do not fit into {size}, or {size} not into a push message")
    return (content + b"\x02").ljust(size + 1, b"\0")


def split(data: bytes, place: int = 0) -> Prepared:
    """The prepared key that begins at byte ``place`` of ``data``."""
    head, content, nonce = _PARTS.unpack_from(data, place)
    return head, content, nonce


def seal(prepared: Prepared, padded: bytes) -> bytes:
    """The body of the POST: ``padded`` for whoever ``prepared`` was made for."""
    head, content, nonce = prepared
    return head + AESGCM(content).encrypt(nonce, padded, None)

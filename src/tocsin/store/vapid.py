"""The VAPID key of a realm: made at the first start, kept for good, another one for each realm.

- Subscriptions are bound to it: with another key not one of them could be reached. So it is never made over one that is
  there, and a key that others can read, or that cannot be read, stops the program with what to do.
- It appears whole or not at all: written aside, synced and linked into place.

ES256: ECDSA on P-256 with SHA-256 (RFC 7518), which RFC 8292 asks for.
"""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from tocsin.errors import KeyMissingError
from tocsin.journal import REALMS
from tocsin.store.key import load, make


class VapidKey:
    """The P-256 key of one ``realm`` in ``folder``; a :class:`tocsin.reach.vapid.Signer`."""

    def __init__(self, folder: Path, realm: str) -> None:
        if realm not in REALMS:
            raise KeyMissingError(f"there is no realm {realm!r}")
        self.path = folder / f"{realm}.vapid.pem"
        if not self.path.exists():
            _make(self.path)
        self._key = _load(self.path)
        self.public_point = _point(self._key)
        for other in REALMS:
            path = folder / f"{other}.vapid.pem"
            if other != realm and path.exists() and _point(_load(path)) == self.public_point:
                raise KeyMissingError(f"{self.path} and {path} are the same key; remove the one that was copied")

    def sign(self, data: bytes) -> bytes:
        """The 64 bytes of an ES256 signature under ``data``."""
        r, s = decode_dss_signature(self._key.sign(data, ECDSA(SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def _point(key: EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def _make(path: Path) -> None:
    make(path, generate_private_key(SECP256R1()))


def _load(path: Path) -> EllipticCurvePrivateKey:
    key = load(path)
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise KeyMissingError(f"{path} is not a P-256 key; restore it from the backup")
    return key

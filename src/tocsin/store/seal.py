"""Sealing: personal data in the database is readable only with a key that lies outside of it.

- One AES-256-GCM box a field, bound by its associated data to realm, table, column and row: a box moved elsewhere does not
  open, and a copy of the database shows nothing (F27, CodeRED 2025).
- What must be found again is found by a keyed hash (HMAC-SHA-256), which nobody without the key can try names against.
- The key is made at the first start, for its owner only, whole or not at all; it is never made over one that is missing.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import stat
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tocsin.errors import KeyMissingError
from tocsin.store.file import sync


class Seal:
    """The key in ``folder / name`` and what it seals, for one ``realm``.

    ``wanted`` tells that there are boxes already, so that a missing key is a fault and not a first start.
    """

    def __init__(self, folder: Path, name: str, realm: str, *, wanted: bool = False) -> None:
        path = folder / f"{realm}.{name}.key"
        if wanted and not path.exists():
            raise KeyMissingError(f"{path} is missing, but there is data sealed with it; restore the backup")
        self.path, self.realm = path, realm
        key = _key(path)
        self._cipher = AESGCM(hmac.digest(key, b"tocsin seal", hashlib.sha256))
        self._key = key

    def secret(self, label: str) -> bytes:
        """32 bytes for another use, which tell nothing about the key."""
        return hmac.digest(self._key, f"tocsin secret {label}".encode(), hashlib.sha256)

    def close(self, field: str, row: str, clear: bytes) -> bytes:
        """``clear`` sealed for this field of this row."""
        nonce = os.urandom(12)
        return nonce + self._cipher.encrypt(nonce, clear, self._place(field, row))

    def open(self, field: str, row: str, box: bytes) -> bytes:
        """What :meth:`close` sealed; :class:`KeyMissingError` for a box from elsewhere or of another key."""
        try:
            return self._cipher.decrypt(box[:12], box[12:], self._place(field, row))
        except (InvalidTag, ValueError):
            raise KeyMissingError(f"{field} was not sealed with {self.path}; restore the one of the backup") from None

    def mark(self, field: str, value: bytes) -> bytes:
        """The keyed hash that ``value`` is found by."""
        return hmac.digest(self._key, b"tocsin mark " + self._place(field, "") + value, hashlib.sha256)

    def _place(self, field: str, row: str) -> bytes:
        return f"{self.realm}\x1f{field}\x1f{row}\x1f".encode()


def _key(path: Path) -> bytes:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
        handle = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            os.write(handle, os.urandom(32))
            os.fsync(handle)
        finally:
            os.close(handle)
        with contextlib.suppress(FileExistsError):
            os.link(part, path)
        part.unlink()
        sync(path.parent)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise KeyMissingError(f"{path} can be read by others; if nobody has: chmod 600 {path}")
    key = path.read_bytes()
    if len(key) != 32:
        raise KeyMissingError(f"{path} is not a key of 32 bytes; restore it from the backup")
    return key

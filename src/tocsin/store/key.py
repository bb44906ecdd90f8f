"""The realm's key: made at the first start, kept for its owner only, another one for each realm.

- An exercise can never be signed with the key of the real thing: each realm has its own file, and the same key in two
  realms is refused.
- A key appears whole or not at all: it is written aside, synced and linked into place, and whoever comes second takes
  what is there.
- A key that others can read, or that cannot be read, stops the program with what to do; none is ever made over one.

Ed25519 (RFC 8032): deterministic, so that no weak random number can give the key away.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from tocsin.errors import KeyMissingError
from tocsin.journal import REALMS
from tocsin.store.file import sync

_PEM = serialization.Encoding.PEM
_SPKI = serialization.PublicFormat.SubjectPublicKeyInfo


class Keys:
    """The Ed25519 key of one ``realm`` in ``folder``, which signs heartbeats and journal heads."""

    def __init__(self, folder: Path | str, realm: str) -> None:
        if realm not in REALMS:
            raise KeyMissingError(f"there is no realm {realm!r}")
        self.realm = realm
        self.path = _path(Path(folder), realm)
        if not self.path.exists():
            _make(self.path)
        self._key = _load(self.path)
        public = self._key.public_key()
        self.public_pem: str = public.public_bytes(_PEM, _SPKI).decode("ascii")
        self.public_bytes: bytes = public.public_bytes_raw()
        self.key_id: str = f"{realm}-{hashlib.sha256(self.public_bytes).hexdigest()[:16]}"
        for other in REALMS:
            path = _path(Path(folder), other)
            if other != realm and path.exists() and _load(path).public_key().public_bytes_raw() == self.public_bytes:
                raise KeyMissingError(f"{self.path} and {path} are the same key; remove the one that was copied")

    def sign(self, data: bytes) -> bytes:
        """The 64 bytes of this realm's signature under ``data``."""
        return self._key.sign(data)


def signed_by(public_pem: str, data: bytes, signature: bytes) -> bool:
    """Whether ``signature`` under ``data`` was made with the key of ``public_pem``."""
    key = serialization.load_pem_public_key(public_pem.encode("ascii"))
    if not isinstance(key, Ed25519PublicKey):
        return False
    try:
        key.verify(signature, data)
    except InvalidSignature:
        return False
    return True


def _path(folder: Path, realm: str) -> Path:
    return folder / f"{realm}.ed25519.pem"


def _make(path: Path) -> None:
    make(path, Ed25519PrivateKey.generate())


def make(path: Path, key: Ed25519PrivateKey | EllipticCurvePrivateKey) -> None:
    """Put ``key`` into the new file ``path``, whole or not at all, for its owner only; a key that is there stays."""
    text = key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    part = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            os.write(handle, text)
            os.fsync(handle)
        finally:
            os.close(handle)
        with contextlib.suppress(FileExistsError):
            os.link(part, path)
        sync(path.parent)
    except OSError as wrong:
        raise KeyMissingError(f"{path} cannot be made: {wrong.strerror}") from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _load(path: Path) -> Ed25519PrivateKey:
    key = load(path)
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyMissingError(f"{path} is not an Ed25519 key; restore it from the backup")
    return key


def load(path: Path) -> object:
    """The private key in ``path``; raises :class:`KeyMissingError` with what to do where there is none to trust."""
    try:
        mode = path.stat().st_mode
        text = path.read_bytes()
    except OSError as wrong:
        raise KeyMissingError(f"{path} cannot be read: {wrong.strerror}") from None
    if stat.S_IMODE(mode) & 0o077:
        raise KeyMissingError(f"{path} can be read by others; if nobody has: chmod 600 {path}")
    try:
        return serialization.load_pem_private_key(text, None)
    except (ValueError, TypeError) as wrong:
        raise KeyMissingError(f"{path} is not a key ({wrong}); restore it from the backup") from None

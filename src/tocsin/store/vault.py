"""The vault: what is personal about one human, under a key that is theirs alone, itself sealed by a key outside the store.

- Every person has 32 random bytes of their own; their fields are sealed with it, one AES-256-GCM box a field, bound to
  realm, field and person. Whoever destroys these bytes has erased the person, also in copies of the fields.
- What must be found again is found by the seal's keyed hash.
- An erasure is written down beside the key, outside the store, by an id that means nobody: a backup from before it,
  restored later, is erased again when it is opened (practice.md section 8).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tocsin.errors import KeyMissingError
from tocsin.store.file import sync
from tocsin.store.seal import Seal


class Vault:
    """Boxes of persons for one realm. ``name`` is the key's name in ``folder``; ``wanted`` as for :class:`Seal`."""

    def __init__(self, folder: Path, name: str, realm: str, *, wanted: bool = False) -> None:
        self.seal = Seal(folder, name, realm, wanted=wanted)
        self.realm = realm
        self._tombs = folder / f"{realm}.{name}.erased"

    def new_key(self, person: str) -> bytes:
        """A key for a person, sealed, as it is stored."""
        return self.seal.close("person.key", person, os.urandom(32))

    def close(self, key: bytes, field: str, person: str, clear: str) -> bytes:
        """``clear`` sealed under a person's own ``key`` (as stored)."""
        nonce = os.urandom(12)
        return nonce + self._own(key, person).encrypt(nonce, clear.encode(), self._place(field, person))

    def open(self, key: bytes, field: str, person: str, box: bytes) -> str:
        """What :meth:`close` sealed; :class:`KeyMissingError` for a box from elsewhere."""
        return self.open_all(key, person, {field: box})[field]

    def open_all(self, key: bytes, person: str, boxes: dict[str, bytes]) -> dict[str, str]:
        """Several boxes of one person, by field."""
        cipher = self._own(key, person)
        try:
            return {
                field: cipher.decrypt(box[:12], box[12:], self._place(field, person)).decode()
                for field, box in boxes.items()
            }
        except (InvalidTag, ValueError):
            raise KeyMissingError(
                f"a field was not sealed with {self.seal.path}; restore the one of the backup"
            ) from None

    def bury(self, persons: Iterable[str]) -> None:
        """Write down, outside the store and on disk, that these are erased. Comes before the erasing itself."""
        lines = "".join(f"{person}\n" for person in persons)
        if not lines:
            return
        handle = os.open(self._tombs, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        try:
            os.write(handle, lines.encode())
            os.fsync(handle)
        finally:
            os.close(handle)
        sync(self._tombs.parent)

    def buried(self) -> set[str]:
        """Everybody who was ever erased here."""
        if not self._tombs.exists():
            return set()
        return set(self._tombs.read_text("utf-8").split())

    def _own(self, key: bytes, person: str) -> AESGCM:
        return AESGCM(self.seal.open("person.key", person, key))

    def _place(self, field: str, person: str) -> bytes:
        return f"{self.realm}\x1f{field}\x1f{person}\x1f".encode()

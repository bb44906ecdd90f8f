"""Prepared Web Push keys on SQLite: blocks of a thousand subscribers, sealed with a key that is not in the database.

- A block has layers, and a layer one key for each subscriber: 114 kB in one AES-256-GCM box, so that a thousand are
  claimed and opened at the cost of one row. What is claimed is one byte a subscriber, as marks are in sealed batches.
- A claim is on disk before a key leaves this module. A key that was claimed is never ready again: its place is filled
  with a new one, or erased, once no alert needs it for a resend.
- A database that is older than the last claim (a restored backup) has its keys thrown away, since some of them were
  used: a counter in a file beside the key says so. A lost key file costs the prepared keys and nothing else.
"""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import apsw
import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tocsin.clock import EPOCH
from tocsin.reach.delivery import Marks, Numbers
from tocsin.reach.prekey import Claim, Lack
from tocsin.reach.seal import HEAD, PREPARED, Prepared, split
from tocsin.store.sqlite import SqliteStore
from tocsin.store.subscriptions import _key as box_key

BLOCK = 1000
EMPTY, READY, CLAIMED = 0, 1, 2
NONE = 255
POINT = HEAD - 65
AFTER = timedelta(hours=1)
"""How long after its alert has ended a claimed key is kept: longer than any send takes."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS prekeys (
  realm TEXT NOT NULL, block INTEGER NOT NULL, layer INTEGER NOT NULL, states BLOB NOT NULL, made BLOB NOT NULL,
  PRIMARY KEY (realm, block, layer)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS prekey_boxes (
  id INTEGER PRIMARY KEY, realm TEXT NOT NULL, block INTEGER NOT NULL, layer INTEGER NOT NULL, box BLOB NOT NULL,
  UNIQUE (realm, block, layer)
) STRICT;
CREATE TABLE IF NOT EXISTS prekey_claims (
  realm TEXT NOT NULL, block INTEGER NOT NULL, binding BLOB NOT NULL, layers BLOB NOT NULL, until INTEGER NOT NULL,
  PRIMARY KEY (realm, block, binding)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS prekey_count (realm TEXT PRIMARY KEY, claims INTEGER NOT NULL) STRICT, WITHOUT ROWID;
"""
_LAYER = "SELECT states, made FROM prekeys WHERE realm = ? AND block = ? AND layer = ?"
_SET_LAYER = (
    "INSERT INTO prekeys VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT DO UPDATE SET states = excluded.states, made = excluded.made"
)
_BOX = "SELECT box FROM prekey_boxes WHERE realm = ? AND block = ? AND layer = ?"
_SET_BOX = (
    "INSERT INTO prekey_boxes (realm, block, layer, box) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (realm, block, layer) DO UPDATE SET box = excluded.box"
)
_CLAIM = "SELECT layers FROM prekey_claims WHERE realm = ? AND block = ? AND binding = ?"
_SET_CLAIM = (
    "INSERT INTO prekey_claims VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT DO UPDATE SET layers = excluded.layers, until = max(until, excluded.until)"
)
_HELD = "SELECT layers FROM prekey_claims WHERE realm = ? AND block = ? AND until > ?"
_COUNT = "INSERT INTO prekey_count VALUES (?, 1) ON CONFLICT DO UPDATE SET claims = claims + 1 RETURNING claims"
_HERE = "SELECT number FROM addresses WHERE number >= ? AND number < ? AND realm = ? AND channel = ?"

_Found = list[tuple[int, Numbers, Numbers, Marks]]


class SqlPreKeys:
    """The prepared keys of one ``realm`` in ``store``; implements :class:`tocsin.reach.prekey.PreKeys`.

    ``layers`` keys are kept for each subscriber and none older than ``age`` is used. The table of addresses must be
    there (:class:`tocsin.store.subscriptions.SqlBook`).
    """

    def __init__(
        self,
        store: SqliteStore,
        folder: Path,
        realm: str,
        *,
        layers: int = 2,
        age: timedelta = timedelta(days=7),
        channel: str = "webpush",
    ) -> None:
        self.store, self.realm, self.layers, self.age, self.channel = store, realm, layers, age, channel
        store.ensure("prekeys", SCHEMA)
        self._cipher = AESGCM(box_key(folder / f"{realm}.prekeys.key"))
        self._lock = threading.Lock()
        self._counter = os.open(folder / f"{realm}.prekeys.count", os.O_RDWR | os.O_CREAT, 0o600)
        if self._told() > self._claims():
            self.forget()

    def close(self) -> None:
        """Close the file of the counter."""
        if self._counter >= 0:
            os.close(self._counter)
            self._counter = -1

    def forget(self) -> None:
        """Throw away every prepared key: some of them may have been used where this store does not know of it."""
        told = max(self._told(), self._claims())

        def rows(connection: apsw.Connection) -> None:
            for table in ("prekeys", "prekey_boxes", "prekey_claims", "prekey_count"):
                connection.execute(f"DELETE FROM {table} WHERE realm = ?", (self.realm,))  # noqa: S608 - names of ours
            connection.execute("INSERT INTO prekey_count VALUES (?, ?)", (self.realm, told))

        self.store.write(rows).result()

    def ready(self, at: datetime) -> int:
        """How many prepared keys could be claimed now."""
        oldest, found = _minutes(at - self.age), 0
        with self.store.reader() as connection:
            for states, made in connection.execute("SELECT states, made FROM prekeys WHERE realm = ?", (self.realm,)):
                young = np.frombuffer(made, dtype=np.uint32) >= oldest
                found += int((young & (np.frombuffer(states, dtype=np.uint8) == READY)).sum())
        return found

    # --- at the alarm -----------------------------------------------------------------------------------------------

    def claim(self, claims: Sequence[Claim], at: datetime) -> list[list[Prepared | None]]:
        """A prepared key for each number of each claim, None where there is none; on disk on return."""
        asked = [np.asarray(one.numbers, dtype=np.int64) for one in claims]
        oldest = _minutes(at - self.age)

        def rows(connection: apsw.Connection) -> tuple[int, list[_Found]]:
            found = [self._claim(connection, one, numbers, oldest) for one, numbers in zip(claims, asked, strict=True)]
            row = connection.execute(_COUNT, (self.realm,)).fetchone()
            assert row is not None
            return int(row[0]), found

        count, found = self.store.write(rows).result()
        # After the commit and before the first key leaves: a store that knows less than this file is an old one.
        self._tell(count)
        opened: dict[tuple[int, int], bytes | None] = {}
        with self.store.reader() as connection:
            return [
                self._open(connection, len(numbers), one, opened) for numbers, one in zip(asked, found, strict=True)
            ]

    def _claim(self, connection: apsw.Connection, claim: Claim, numbers: Numbers, oldest: int) -> _Found:
        found: _Found = []
        blocks = numbers // BLOCK
        for block in np.unique(blocks).tolist():
            places = np.flatnonzero(blocks == block)
            positions = numbers[places] % BLOCK
            row = connection.execute(_CLAIM, (self.realm, block, claim.binding)).fetchone()
            held = np.frombuffer(row[0], dtype=np.uint8).copy() if row else np.full(BLOCK, NONE, dtype=np.uint8)
            before = held.copy()
            for layer in range(self.layers):
                missing = positions[held[positions] == NONE]
                row = connection.execute(_LAYER, (self.realm, block, layer)).fetchone() if len(missing) else None
                if row is None:
                    continue
                states = np.frombuffer(row[0], dtype=np.uint8).copy()
                young = np.frombuffer(row[1], dtype=np.uint32)[missing] >= oldest
                taken = missing[(states[missing] == READY) & young]
                if len(taken):
                    states[taken], held[taken] = CLAIMED, layer
                    connection.execute(_SET_LAYER, (self.realm, block, layer, states.tobytes(), row[1]))
            if (held != before).any():
                until = _minutes(claim.until + AFTER) + 1
                connection.execute(_SET_CLAIM, (self.realm, block, claim.binding, held.tobytes(), until))
            found.append((block, places, positions, held[positions]))
        return found

    def _open(
        self, connection: apsw.Connection, size: int, found: _Found, opened: dict[tuple[int, int], bytes | None]
    ) -> list[Prepared | None]:
        keys: list[Prepared | None] = [None] * size
        for block, places, positions, layers in found:
            for place, position, layer in zip(places.tolist(), positions.tolist(), layers.tolist(), strict=True):
                if layer == NONE:
                    continue
                if (block, layer) not in opened:
                    opened[block, layer] = self._unseal(connection, block, layer)
                box = opened[block, layer]
                # The point in every prepared key begins with 4; a place that was erased is no key.
                if box is not None and box[position * PREPARED + POINT] == 4:
                    keys[place] = split(box, position * PREPARED)
        return keys

    # --- in calm ----------------------------------------------------------------------------------------------------

    def blocks(self) -> list[int]:
        """The blocks in which somebody is subscribed, and those that still hold keys."""
        with self.store.reader() as connection:
            return [
                int(row[0])
                for row in connection.execute(
                    "SELECT DISTINCT number / ? FROM addresses WHERE realm = ? AND channel = ? "
                    "UNION SELECT DISTINCT block FROM prekeys WHERE realm = ? ORDER BY 1",
                    (BLOCK, self.realm, self.channel, self.realm),
                )
            ]

    def lacking(self, block: int, at: datetime) -> list[Lack]:
        """What is missing, beyond half its age, or used up in a block."""
        found = []
        with self.store.reader() as connection:
            here = np.zeros(BLOCK, dtype=bool)
            span = (block * BLOCK, (block + 1) * BLOCK, self.realm, self.channel)
            here[[row[0] % BLOCK for row in connection.execute(_HERE, span)]] = True
            for layer in range(self.layers):
                states, made = self._layer(connection, block, layer)
                free = ~self._held(connection, block, layer, at)
                stale = (states != READY) | (made < _minutes(at - self.age / 2))
                wanted = np.flatnonzero(here & free & stale)
                erase = np.flatnonzero(~here & free & (states != EMPTY))
                if len(wanted) or len(erase):
                    found.append(Lack(block, layer, wanted + block * BLOCK, erase + block * BLOCK))
        return found

    def put(self, lack: Lack, keys: Sequence[bytes | None], at: datetime) -> int:
        """Keep ``keys``; those whose place was claimed meanwhile are dropped. How many were taken."""

        def rows(connection: apsw.Connection) -> int:
            states, made = self._layer(connection, lack.block, lack.layer)
            held = self._held(connection, lack.block, lack.layer, at)
            kept = self._unseal(connection, lack.block, lack.layer)
            if kept is None:
                # What cannot be opened any more must not count as ready.
                states[:] = EMPTY
            box = bytearray(kept or bytes(BLOCK * PREPARED))
            taken = 0
            for position in (lack.erase % BLOCK).tolist():
                if not held[position]:
                    box[position * PREPARED : (position + 1) * PREPARED] = bytes(PREPARED)
                    states[position] = EMPTY
            for position, key in zip((lack.numbers % BLOCK).tolist(), keys, strict=True):
                if held[position]:
                    continue
                box[position * PREPARED : (position + 1) * PREPARED] = key or bytes(PREPARED)
                states[position], made[position] = (READY if key else EMPTY), _minutes(at)
                taken += key is not None
            nonce = os.urandom(12)
            sealed = nonce + self._cipher.encrypt(nonce, bytes(box), self._name(lack.block, lack.layer))
            connection.execute(_SET_BOX, (self.realm, lack.block, lack.layer, sealed))
            connection.execute(_SET_LAYER, (self.realm, lack.block, lack.layer, states.tobytes(), made.tobytes()))
            connection.execute("DELETE FROM prekey_claims WHERE realm = ? AND until <= ?", (self.realm, _minutes(at)))
            return taken

        return self.store.write(rows).result()

    def _layer(
        self, connection: apsw.Connection, block: int, layer: int
    ) -> tuple[Marks, np.ndarray[tuple[int], np.dtype[np.uint32]]]:
        row = connection.execute(_LAYER, (self.realm, block, layer)).fetchone()
        if row is None:
            return np.zeros(BLOCK, dtype=np.uint8), np.zeros(BLOCK, dtype=np.uint32)
        return np.frombuffer(row[0], dtype=np.uint8).copy(), np.frombuffer(row[1], dtype=np.uint32).copy()

    def _held(
        self, connection: apsw.Connection, block: int, layer: int, at: datetime
    ) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Which places of a layer an alert still needs for a resend."""
        held = np.zeros(BLOCK, dtype=bool)
        for (layers,) in connection.execute(_HELD, (self.realm, block, _minutes(at))):
            held |= np.frombuffer(layers, dtype=np.uint8) == layer
        return held

    def _unseal(self, connection: apsw.Connection, block: int, layer: int) -> bytes | None:
        row = connection.execute(_BOX, (self.realm, block, layer)).fetchone()
        if row is None:
            return None
        try:
            return self._cipher.decrypt(row[0][:12], row[0][12:], self._name(block, layer))
        except InvalidTag:
            # Another key file: these can never be used, new ones take their place.
            return None

    def _name(self, block: int, layer: int) -> bytes:
        return f"{self.realm}/prekeys/{block}/{layer}".encode()

    def _claims(self) -> int:
        with self.store.reader() as connection:
            row = connection.execute("SELECT claims FROM prekey_count WHERE realm = ?", (self.realm,)).fetchone()
        return int(row[0]) if row else 0

    def _told(self) -> int:
        data = os.pread(self._counter, 8, 0)
        return int(struct.unpack("<q", data)[0]) if len(data) == 8 else 0

    def _tell(self, count: int) -> None:
        with self._lock:
            if count > self._told():
                os.pwrite(self._counter, struct.pack("<q", count), 0)


def forget_restored(store: SqliteStore) -> None:
    """Throw away every prepared key of every realm in a store that was made from a backup.

    The installation that the backup is of may still be there and use them; no key may seal two texts.
    """

    def rows(connection: apsw.Connection) -> None:
        here = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        for table in ("prekeys", "prekey_boxes", "prekey_claims"):
            if table in here:
                connection.execute(f"DELETE FROM {table}")  # noqa: S608 - names of ours

    store.write(rows).result()


def _minutes(moment: datetime) -> int:
    return max(0, (moment - EPOCH) // timedelta(minutes=1))

"""Addresses of subscribers on SQLite: sealed with a key that is not in the database, and erased when they end.

- An address with its secrets is one AES-256-GCM box and the places with whose they are another, each bound to its row
  and column by the associated data; a copy of the database shows none of them (F27, CodeRED 2025).
- Whether an address is known can be asked by a keyed hash only, and only from inside.
- An address and the fact that there is one are one commit, and so are their ends.
- What somebody is asked before they are subscribed is sealed as well, until their yes or for a day.
- For a quick start the audience is kept as sealed blocks (:mod:`tocsin.reach.block`). A block is deleted in the commit
  that changes or erases anybody in it, so that it never says what was, and keeps nobody's places longer than they are.
- The key is made at the first start, readable by its owner only. Numbers are never used again, so an old receipt can
  not point at a new person.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import threading
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from weakref import WeakKeyDictionary

import apsw
import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

from tocsin.clock import EPOCH
from tocsin.errors import KeyMissingError
from tocsin.journal import Entry, Fact
from tocsin.reach.block import Block, Unpacking, block_of
from tocsin.reach.delivery import Address
from tocsin.reach.subscription import Places, Wish
from tocsin.reach.subscription import places as places_of
from tocsin.reach.wanted import Point
from tocsin.store.file import sync
from tocsin.store.sqlite import SqliteStore

SCHEMA = """
CREATE TABLE IF NOT EXISTS addresses (
  number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, realm TEXT NOT NULL, channel TEXT NOT NULL,
  lookup BLOB NOT NULL, box BLOB NOT NULL, points BLOB
) STRICT;
CREATE INDEX IF NOT EXISTS addresses_by_lookup ON addresses (lookup);
CREATE INDEX IF NOT EXISTS addresses_by_realm ON addresses (realm, number);
CREATE TABLE IF NOT EXISTS audience_blocks (
  realm TEXT NOT NULL, block INTEGER NOT NULL, box BLOB NOT NULL, PRIMARY KEY (realm, block)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS confirmations (
  realm TEXT NOT NULL, name TEXT NOT NULL, at INTEGER NOT NULL, box BLOB, PRIMARY KEY (realm, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS confirmations_by_age ON confirmations (at);
"""


class Box(Struct, frozen=True, array_like=True):
    """What is sealed of an address."""

    address: str
    secrets: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()


_BOX = msgspec.json.Decoder(Box)
# A list of points is what the first version kept in this column.
_ASK = "INSERT OR REPLACE INTO confirmations VALUES (?, ?, ?, ?)"
_ASKED = "SELECT name, at, box FROM confirmations WHERE realm = ? AND at >= ? ORDER BY at, name"
# Whoever said yes stands in the subscription now, and nowhere else.
_ANSWERED = "UPDATE confirmations SET box = NULL WHERE realm = ? AND name = ?"
_BLOCKS = "SELECT block FROM audience_blocks WHERE realm = ? ORDER BY block"
_ONE_BLOCK = "SELECT box FROM audience_blocks WHERE realm = ? AND block = ?"
_PLACES: msgspec.json.Decoder[Places | tuple[Point, ...]] = msgspec.json.Decoder(Places | tuple[Point, ...])
_NO_PLACES = Places()
# The public keeps coarse cells, so many have just the same places: what was read once is kept for the others.
_SAME = 50_000


class SqlBook:
    """The addresses of one ``realm`` in ``store``; its key is in ``folder``.

    Implements :class:`tocsin.reach.subscriber.Book` and :class:`tocsin.reach.delivery.AddressBook`.
    """

    def __init__(self, store: SqliteStore, folder: Path, realm: str) -> None:
        self.store, self.realm = store, realm
        store.ensure("addresses", SCHEMA)
        path = folder / f"{realm}.addresses.key"
        if not path.exists() and self.numbers():
            # A new key would open none of them, and everybody would be lost without a word.
            raise KeyMissingError(f"{path} is missing, but there are addresses sealed with it; restore the backup")
        secret = _key(path)
        self._cipher = AESGCM(secret)
        self._same: dict[bytes, Places] = {}
        # Which blocks are to be made again, and how often anything in each has changed.
        self.lacking: set[int] = set()
        self._changes: Counter[int] = Counter()
        self._lookup = hmac.new(secret, b"tocsin address lookup", hashlib.sha256).digest()

    def enter(self, wishes: Sequence[tuple[str, Wish]]) -> list[int]:
        """Keep the addresses, secrets and places of subscriptions (id, wish) in one commit; their numbers."""
        return self.make(wishes, lambda numbers: ())[0]

    def make(
        self,
        wishes: Sequence[tuple[str, Wish]],
        tell: Callable[[Sequence[int]], Sequence[Fact]],
        confirmed: str = "",
    ) -> tuple[list[int], list[Entry]]:
        """Keep the addresses, secrets and places of subscriptions (id, wish), with the facts that ``tell`` makes.

        ``confirmed`` is the name of the confirmation that they come of: it is answered in the same commit.
        """
        numbers = _numbers(self.store, len(wishes))
        values = [
            (
                number,
                name,
                self.realm,
                wish.channel,
                self._hash(wish.channel, wish.address),
                self._seal("box", name, msgspec.json.encode(Box(wish.address, wish.kept, wish.languages))),
                self._places(name, places_of(wish)),
            )
            for number, (name, wish) in zip(numbers, wishes, strict=True)
        ]

        def rows(connection: apsw.Connection) -> None:
            connection.executemany(
                "INSERT INTO addresses (number, id, realm, channel, lookup, box, points) VALUES (?, ?, ?, ?, ?, ?, ?)",
                values,
            )
            self._forget(connection, numbers)
            if confirmed:
                connection.execute(_ANSWERED, (self.realm, confirmed))

        return numbers, self._commit(tell(numbers), rows)

    def places(self, numbers: Sequence[int]) -> dict[int, Places]:
        """What is sealed beside the address of each of ``numbers`` that has one."""
        wanted = msgspec.json.encode(numbers).decode()
        with self.store.reader() as connection:
            rows = list(
                connection.execute(
                    "SELECT number, id, points FROM addresses WHERE realm = ? "
                    "AND number IN (SELECT value FROM json_each(?))",
                    (self.realm, wanted),
                )
            )
        return {number: self._read(name, sealed) if sealed else _NO_PLACES for number, name, sealed in rows}

    def replace(self, number: int, places: Places, languages: tuple[str, ...], facts: Sequence[Fact] = ()) -> None:
        """Put other places and languages in place of a subscription's, with the ``facts`` that say so."""

        def row(connection: apsw.Connection) -> None:
            found = connection.execute(
                "SELECT id, box FROM addresses WHERE number = ? AND realm = ?", (number, self.realm)
            ).fetchone()
            if found is not None:
                box = msgspec.structs.replace(self._box(*found), languages=languages)
                connection.execute(
                    "UPDATE addresses SET box = ?, points = ? WHERE number = ?",
                    (self._seal("box", found[0], msgspec.json.encode(box)), self._places(found[0], places), number),
                )
            self._forget(connection, [number])

        self._commit(facts, row)

    def numbers(self) -> set[int]:
        """Every number that has an address."""
        with self.store.reader() as connection:
            return {row[0] for row in connection.execute("SELECT number FROM addresses WHERE realm = ?", (self.realm,))}

    def erase(self, numbers: Sequence[int], facts: Sequence[Fact] = ()) -> None:
        """Erase these addresses, secrets and places, with the ``facts`` that say why."""

        def rows(connection: apsw.Connection) -> None:
            connection.executemany(
                "DELETE FROM addresses WHERE number = ? AND realm = ?", [(number, self.realm) for number in numbers]
            )
            self._forget(connection, numbers)

        self._commit(facts, rows)

    def ids(self, numbers: Sequence[int]) -> dict[int, str]:
        """The ids of the subscriptions with these numbers."""
        wanted = msgspec.json.encode(numbers).decode()
        sql = "SELECT number, id FROM addresses WHERE realm = ? AND number IN (SELECT value FROM json_each(?))"
        with self.store.reader() as connection:
            return dict(connection.execute(sql, (self.realm, wanted)))

    # --- what is asked and not answered ------------------------------------------------------------------------------

    def ask(self, name: str, wish: Wish, at: datetime, since: datetime) -> None:
        """Keep what somebody is asked under ``name``, sealed, and forget what was asked before ``since``."""
        sealed = self._seal("confirmation", name, msgspec.msgpack.encode(wish))

        def rows(connection: apsw.Connection) -> None:
            connection.execute("DELETE FROM confirmations WHERE at < ?", (_micros(since),))
            connection.execute(_ASK, (self.realm, name, _micros(at), sealed))

        self.store.write(rows).result()

    def asked(self, since: datetime) -> list[tuple[str, datetime, Wish | None]]:
        """What was asked from ``since`` on, oldest first: its name, when, and the wish; None where it was answered."""
        with self.store.reader() as connection:
            rows = list(connection.execute(_ASKED, (self.realm, _micros(since))))
        return [
            (name, EPOCH + timedelta(microseconds=at), self._wish(name, box) if box is not None else None)
            for name, at, box in rows
        ]

    def _wish(self, name: str, box: bytes) -> Wish:
        return msgspec.msgpack.decode(self._open("confirmation", name, box), type=Wish)

    # --- the audience for the next start -----------------------------------------------------------------------------

    def blocks(self) -> Iterator[Block]:
        """Every block that is kept; one that another key has sealed is passed over, and is made again."""
        with self.store.reader() as connection:
            names = [row[0] for row in connection.execute(_BLOCKS, (self.realm,))]
        unpacking = Unpacking()
        for number in names:
            with self.store.reader() as connection:
                row = connection.execute(_ONE_BLOCK, (self.realm, number)).fetchone()
            with suppress(InvalidTag, msgspec.DecodeError, msgspec.ValidationError):
                if row is not None:
                    bound = f"{self.realm}/block/{number}".encode()
                    yield unpacking.block(self._cipher.decrypt(row[0][:12], row[0][12:], bound))

    def changes(self, block: int) -> int:
        """How often anything in a block has changed since the start."""
        return self._changes[block]

    def keep(self, number: int, block: Block, changes: int) -> bool:
        """Keep a block, unless something in it has changed since there were so many ``changes``."""
        sealed = self._seal("block", str(number), msgspec.msgpack.encode(block))

        def rows(connection: apsw.Connection) -> bool:
            if self._changes[number] != changes:
                return False
            self.lacking.discard(number)
            connection.execute("INSERT OR REPLACE INTO audience_blocks VALUES (?, ?, ?)", (self.realm, number, sealed))
            return True

        return self.store.write(rows).result()

    def _forget(self, connection: apsw.Connection, numbers: Sequence[int]) -> None:
        """Throw away the blocks of these numbers: they say something else now."""
        gone = {block_of(number) for number in numbers}
        self.lacking |= gone
        self._changes.update(gone)
        connection.executemany(
            "DELETE FROM audience_blocks WHERE realm = ? AND block = ?", [(self.realm, number) for number in gone]
        )

    def _commit(self, facts: Sequence[Fact], rows: Callable[[apsw.Connection], object]) -> list[Entry]:
        """Write ``rows`` and record ``facts`` (or none) in one commit, which others may share."""
        if not facts:
            self.store.write(rows).result()
            return []
        return self.store.commit(facts, rows)

    def rekey(self, number: int, kept: Sequence[str]) -> None:
        """Put other secrets in place of a subscription's."""

        def row(connection: apsw.Connection) -> None:
            found = connection.execute(
                "SELECT id, box FROM addresses WHERE number = ? AND realm = ?", (number, self.realm)
            ).fetchone()
            if found is not None:
                box = msgspec.structs.replace(self._box(*found), secrets=tuple(kept))
                sealed = self._seal("box", found[0], msgspec.json.encode(box))
                connection.execute("UPDATE addresses SET box = ? WHERE number = ?", (sealed, number))

        self.store.write(row).result()

    def find(self, channel: str, address: str) -> list[int]:
        """The numbers under which this address is kept."""
        with self.store.reader() as connection:
            return [
                row[0]
                for row in connection.execute(
                    "SELECT number FROM addresses WHERE lookup = ? ORDER BY number", (self._hash(channel, address),)
                )
            ]

    def mark(self, what: str, value: str) -> str:
        """A name for ``value`` that is always the same here and from which nobody without the key learns it."""
        marked = hmac.digest(self._lookup, f"{self.realm}/{what}\0{value}".encode(), hashlib.sha256)
        return urlsafe_b64encode(marked[:15]).decode()

    def addresses(self, numbers: Sequence[int]) -> dict[int, Address]:
        """The addresses of those of ``numbers`` that have not ended."""
        wanted = msgspec.json.encode(numbers).decode()
        with self.store.reader() as connection:
            rows = list(
                connection.execute(
                    "SELECT number, id, box FROM addresses WHERE realm = ? "
                    "AND number IN (SELECT value FROM json_each(?))",
                    (self.realm, wanted),
                )
            )
        found = {}
        # Everybody who is told passes here at the alarm, so this loop is kept short: 14 µs an address became 10.
        decrypt, decode, bound = self._cipher.decrypt, _BOX.decode, f"{self.realm}/box/".encode()
        try:
            for number, name, sealed in rows:
                box = decode(decrypt(sealed[:12], sealed[12:], bound + name.encode()))
                found[number] = Address(number, name, box.address, box.secrets, box.languages)
        except InvalidTag:
            raise _other_key() from None
        return found

    def _places(self, name: str, places: Places) -> bytes | None:
        return self._seal("points", name, msgspec.json.encode(places)) if places != _NO_PLACES else None

    def _read(self, name: str, sealed: bytes) -> Places:
        clear = self._open("points", name, sealed)
        known = self._same.get(clear)
        if known is None:
            read = _PLACES.decode(clear)
            known = read if isinstance(read, Places) else Places(read)
            if len(self._same) < _SAME:
                self._same[clear] = known
        return known

    def _box(self, name: str, sealed: bytes) -> Box:
        return _BOX.decode(self._open("box", name, sealed))

    def _seal(self, column: str, name: str, clear: bytes) -> bytes:
        nonce = os.urandom(12)
        return nonce + self._cipher.encrypt(nonce, clear, f"{self.realm}/{column}/{name}".encode())

    def _open(self, column: str, name: str, sealed: bytes) -> bytes:
        try:
            return self._cipher.decrypt(sealed[:12], sealed[12:], f"{self.realm}/{column}/{name}".encode())
        except InvalidTag:
            raise _other_key() from None

    def _hash(self, channel: str, address: str) -> bytes:
        return hmac.new(self._lookup, f"{self.realm}/{channel}/{address}".encode(), hashlib.sha256).digest()[:16]


_NEXT: WeakKeyDictionary[SqliteStore, int] = WeakKeyDictionary()
_NEXT_LOCK = threading.Lock()


def _numbers(store: SqliteStore, many: int) -> list[int]:
    """So many numbers that nobody ever had; the journal is told of them in the commit that uses them."""
    with _NEXT_LOCK:
        first = _NEXT.get(store)
        if first is None:
            with store.reader() as connection:
                row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'addresses'").fetchone()
            first = (int(row[0]) if row else 0) + 1
        _NEXT[store] = first + many
        return list(range(first, first + many))


def _micros(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def _other_key() -> KeyMissingError:
    return KeyMissingError("the addresses were sealed with another key; restore the one of the backup")


def _key(path: Path) -> bytes:
    """The 32 bytes in ``path``, made at the first start."""
    if not path.exists():
        part = path.with_name(f".{path.name}.{os.getpid()}")
        handle = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            os.write(handle, os.urandom(32))
            os.fsync(handle)
        finally:
            os.close(handle)
        with suppress(FileExistsError):
            os.link(part, path)
        part.unlink()
        sync(path.parent)
    key = path.read_bytes()
    if len(key) != 32:
        raise KeyMissingError(f"{path} is not a key of 32 bytes; restore it from the backup")
    return key

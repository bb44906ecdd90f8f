"""Who sits where: which member is which seat of which roll call, how far the question came, and links for families.

- This table alone leads from a seat in the journal to a member of the roster. When it is emptied, some days after a roll
  call was closed, the record says how many and no longer who.
- Links hold what cannot be guessed: they are made from a key outside the store, kept nowhere, and end with the seat.
- A family's link is kept by its keyed hash, and is gone at once when it is withdrawn.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from datetime import datetime
from typing import Any

import apsw
from msgspec import Struct

from tocsin.account.rollcall import Contact
from tocsin.clock import parse, spell
from tocsin.journal import Entry, Fact
from tocsin.store.seal import Seal
from tocsin.store.sqlite import SqliteStore

SCHEMA = """
CREATE TABLE IF NOT EXISTS seat (
  realm TEXT NOT NULL, rollcall TEXT NOT NULL, seat TEXT NOT NULL, member TEXT NOT NULL,
  contact INTEGER NOT NULL DEFAULT 0, tries INTEGER NOT NULL DEFAULT 0, tried TEXT, reason TEXT NOT NULL DEFAULT '',
  phone BLOB, PRIMARY KEY (realm, rollcall, seat)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS seat_of ON seat (realm, member);
CREATE TABLE IF NOT EXISTS family (
  realm TEXT NOT NULL, mark BLOB NOT NULL, rollcall TEXT NOT NULL, seat TEXT NOT NULL, member TEXT NOT NULL,
  PRIMARY KEY (realm, mark)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS family_of ON family (realm, rollcall, seat);
"""
SEATS = (
    "SELECT seat, member, contact, tries, tried, reason, phone FROM seat WHERE realm = ? AND rollcall = ? ORDER BY seat"
)
NOTE = """UPDATE seat SET contact = max(contact, ?), tries = ?, tried = ?, reason = ?
  WHERE realm = ? AND rollcall = ? AND seat = ?"""
CONTACT = "UPDATE seat SET contact = max(contact, ?) WHERE realm = ? AND rollcall = ? AND seat = ?"
BIND = "UPDATE seat SET phone = ? WHERE realm = ? AND rollcall = ? AND seat = ? AND (phone IS NULL OR phone = ?)"
ERASE = ("DELETE FROM family WHERE realm = ? AND member = ?", "DELETE FROM seat WHERE realm = ? AND member = ?")
"""What erases a member here (parameters: realm, member)."""


class Seat(Struct):
    """One person's place in one roll call. ``tries``: how many of their ways were tried; ``phone``: a warden's, bound."""

    id: str
    member: str
    contact: Contact = Contact.NONE
    tries: int = 0
    tried: datetime | None = None
    reason: str = ""
    phone: bytes | None = None


class SqlSeats:
    """The seats of one ``realm`` in ``store``. Links are made with ``seal``."""

    def __init__(self, store: SqliteStore, seal: Seal, realm: str) -> None:
        self.store, self.realm = store, realm
        if not store.reading:
            store.ensure("seats", SCHEMA)
        self._seal, self._links = seal, seal.secret("roll call links")

    # --- links -----------------------------------------------------------------------------------------------------

    def link(self, use: str, rollcall: str, seat: str) -> str:
        """What stands in the link of one seat for one ``use`` (answer, warden): 96 bits that nobody can guess."""
        made = hmac.digest(self._links, f"{self.realm}\x1f{use}\x1f{rollcall}\x1f{seat}".encode(), hashlib.sha256)
        return urlsafe_b64encode(made[:12]).decode()

    # --- seats -----------------------------------------------------------------------------------------------------

    def start(self, rollcall: str, seats: Sequence[tuple[str, str]], facts: Sequence[Fact]) -> list[Entry]:
        """Keep who sits where (seat, member) and record ``facts``, in one commit."""
        rows = [(self.realm, rollcall, seat, member) for seat, member in seats]

        def change(connection: apsw.Connection) -> None:
            connection.executemany("INSERT INTO seat (realm, rollcall, seat, member) VALUES (?, ?, ?, ?)", rows)

        return self.store.commit(facts, change)

    def seats(self, rollcall: str) -> list[Seat]:
        """Every seat of a roll call; none when it was forgotten."""
        with self.store.reader() as connection:
            rows = list(connection.execute(SEATS, (self.realm, rollcall)))
        return [_seat(row) for row in rows]

    def of(self, member: str) -> list[tuple[str, Seat]]:
        """Where a member sits: roll call and seat."""
        with self.store.reader() as connection:
            rows = list(
                connection.execute(
                    "SELECT rollcall, seat, member, contact, tries, tried, reason, phone FROM seat "
                    "WHERE realm = ? AND member = ? ORDER BY rollcall",
                    (self.realm, member),
                )
            )
        return [(row[0], _seat(row[1:])) for row in rows]

    def note(self, rollcall: str, seats: Sequence[Seat], facts: Sequence[Fact] = ()) -> list[Entry]:
        """Keep how asking these seats went, with ``facts``, in one commit."""
        rows = [
            (
                int(one.contact),
                one.tries,
                spell(one.tried) if one.tried else None,
                one.reason,
                self.realm,
                rollcall,
                one.id,
            )
            for one in seats
        ]
        return self.store.commit(facts, lambda connection: connection.executemany(NOTE, rows))

    def seen(self, rollcall: str, seat: str) -> Future[None]:
        """Keep that a link was opened, without waiting."""
        row = (int(Contact.SEEN), self.realm, rollcall, seat)

        def change(connection: apsw.Connection) -> None:
            connection.execute(CONTACT, row)

        return self.store.write(change)

    def bind(self, rollcall: str, seat: str, phone: bytes) -> bool:
        """Bind a warden's link to the first device that asks; False when another one was first."""

        def change(connection: apsw.Connection) -> bool:
            connection.execute(BIND, (phone, self.realm, rollcall, seat, phone))
            return bool(connection.changes())

        return self.store.write(change).result()

    def forget(self, rollcalls: Sequence[str], facts: Sequence[Fact]) -> list[Entry]:
        """Erase who sat where, and every link, of these roll calls."""

        def change(connection: apsw.Connection) -> None:
            connection.execute("PRAGMA secure_delete = ON")
            for table in ("family", "seat"):
                connection.executemany(
                    f"DELETE FROM {table} WHERE realm = ? AND rollcall = ?",  # noqa: S608 - names from the line above
                    [(self.realm, name) for name in rollcalls],
                )

        return self.store.commit(facts, change)

    # --- families --------------------------------------------------------------------------------------------------

    def make_family(self, rollcall: str, seat: str, member: str) -> str:
        """A new link for a family, on disk when this returns; it is shown once and kept by its hash."""
        token = secrets.token_urlsafe(18)
        row = (self.realm, self._family_mark(token), rollcall, seat, member)

        def change(connection: apsw.Connection) -> None:
            connection.execute("INSERT INTO family VALUES (?, ?, ?, ?, ?)", row)

        self.store.write(change).result()
        return token

    def family(self, token: str) -> tuple[str, str] | None:
        """The roll call and seat that a family's link is about; None where there is none, or none any more."""
        with self.store.reader() as connection:
            row = connection.execute(
                "SELECT rollcall, seat FROM family WHERE realm = ? AND mark = ?", (self.realm, self._family_mark(token))
            ).fetchone()
        return (row[0], row[1]) if row else None

    def families(self, rollcall: str, seat: str) -> int:
        """How many links a person has given to their family."""
        with self.store.reader() as connection:
            found: Any = connection.execute(
                "SELECT count(*) FROM family WHERE realm = ? AND rollcall = ? AND seat = ?",
                (self.realm, rollcall, seat),
            ).get
        return int(found)

    def end_families(self, rollcall: str, seat: str) -> None:
        """Withdraw every family link of a seat."""
        row = (self.realm, rollcall, seat)

        def change(connection: apsw.Connection) -> None:
            connection.execute("DELETE FROM family WHERE realm = ? AND rollcall = ? AND seat = ?", row)

        self.store.write(change).result()

    def _family_mark(self, token: str) -> bytes:
        return self._seal.mark("family", token.encode("utf-8", "replace"))


def new_seats(members: Iterable[str]) -> list[tuple[str, str]]:
    """A seat for each member: random, so that no two roll calls can be laid over each other."""
    return [(secrets.token_hex(8), member) for member in members]


def _seat(row: Any) -> Seat:
    seat, member, contact, tries, tried, reason, phone = row
    when = parse(tried) if tried else None
    return Seat(seat, member, Contact(contact), tries, when, reason, bytes(phone) if phone is not None else None)

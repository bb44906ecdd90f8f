"""Sessions on SQLite: who is signed in, by the hash of a secret that only their browser has.

- A copy of the database opens no session: it holds SHA-256 of 256 random bits.
- A secret is replaced at sign-in and at every proof of presence; the one before it reads for a few seconds more, so that
  a page that was loading meanwhile is not thrown out.
- What is over is deleted when somebody asks for it or something new is kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

import apsw

from tocsin.clock import parse, spell
from tocsin.store.sqlite import SqliteStore
from tocsin.warn.enrolment import Session, Way

SCHEMA = """
CREATE TABLE IF NOT EXISTS session (
  hash BLOB PRIMARY KEY, before BLOB, replaced TEXT, realm TEXT NOT NULL, id TEXT NOT NULL UNIQUE, person TEXT NOT NULL,
  way TEXT NOT NULL, begun TEXT NOT NULL, seen TEXT NOT NULL, proved TEXT NOT NULL, ends TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS session_before ON session (before) WHERE before IS NOT NULL;
CREATE INDEX IF NOT EXISTS session_by_person ON session (realm, person);
"""
FIELDS = "SELECT id, person, way, begun, seen, proved, ends, hash = ?, replaced FROM session WHERE realm = ? AND "


class SqlSessions:
    """The sessions of one ``realm`` in ``store``."""

    def __init__(self, store: SqliteStore, realm: str) -> None:
        self.store, self.realm = store, realm
        if not store.reading:
            store.ensure("sessions", SCHEMA)

    def begin(self, secret: str, made: Session) -> None:
        """Keep a new session; on disk when this returns."""
        row = (
            _hash(secret),
            None,
            None,
            self.realm,
            made.id,
            made.person,
            made.way.value,
            spell(made.begun),
            spell(made.seen),
            spell(made.proved),
            spell(made.ends),
        )
        self._write("INSERT INTO session VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    def find(self, secret: str) -> tuple[Session, datetime | None] | None:
        """The session with this secret; the moment its secret was replaced where ``secret`` is the one before."""
        digest = _hash(secret)
        with self.store.reader() as connection:
            row = connection.execute(
                FIELDS + "(hash = ? OR before = ?)", (digest, self.realm, digest, digest)
            ).fetchone()
        if row is None:
            return None
        *_, now, replaced = row
        return _session(row), None if now else parse(replaced)

    def of(self, person: str) -> list[Session]:
        """Every session of a person, oldest first."""
        with self.store.reader() as connection:
            rows = list(connection.execute(FIELDS + "person = ? ORDER BY begun, id", (b"", self.realm, person)))
        return [_session(row) for row in rows]

    def all(self) -> list[Session]:
        """Every session of the realm."""
        with self.store.reader() as connection:
            return [_session(row) for row in connection.execute(FIELDS + "TRUE", (b"", self.realm))]

    def touch(self, number: str, at: datetime) -> None:
        """The person did something at ``at``."""
        self._write("UPDATE session SET seen = ? WHERE realm = ? AND id = ?", (spell(at), self.realm, number))

    def replace(self, number: str, before: str, secret: str, at: datetime, proved: datetime) -> bool:
        """Put another secret in place of ``before``; False when somebody else has done so meanwhile."""
        values = (_hash(secret), _hash(before), spell(at), spell(at), spell(proved), self.realm, number, _hash(before))

        def change(connection: apsw.Connection) -> bool:
            connection.execute(
                "UPDATE session SET hash = ?, before = ?, replaced = ?, seen = ?, proved = ? "
                "WHERE realm = ? AND id = ? AND hash = ?",
                values,
            )
            return bool(connection.changes())

        return self.store.write(change).result()

    def end(self, numbers: Sequence[str]) -> None:
        """Forget these sessions."""

        def change(connection: apsw.Connection) -> None:
            connection.executemany(
                "DELETE FROM session WHERE realm = ? AND id = ?", [(self.realm, number) for number in numbers]
            )

        self.store.write(change).result()

    def _write(self, sql: str, values: tuple[object, ...]) -> None:
        def change(connection: apsw.Connection) -> None:
            connection.execute(sql, values)

        self.store.write(change).result()


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


def _session(row: tuple[str, ...]) -> Session:
    number, person, way, begun, seen, proved, ends, *_ = row
    return Session(number, person, Way(way), parse(begun), parse(seen), parse(proved), parse(ends))

"""Kept answers: what was said to a request with an Idempotency-Key, durably, for a day.

- The first answer under a name stays; a second one is not written, and its writer is given the first.
- The store knows neither the keys nor the answers: names are hashes and answers are sealed (:mod:`tocsin.web.repeat`).
- What is older than a day goes when something new is kept.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import apsw

from tocsin.clock import EPOCH, utc
from tocsin.store.sqlite import SqliteStore

LIFE = timedelta(hours=24)

SCHEMA = """
CREATE TABLE IF NOT EXISTS answer (
  name TEXT PRIMARY KEY, digest BLOB NOT NULL, answer BLOB NOT NULL, at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS answer_at ON answer (at);
CREATE TABLE IF NOT EXISTS touched (one INTEGER PRIMARY KEY CHECK (one = 1), at INTEGER NOT NULL) STRICT;
"""
GET = "SELECT digest, answer FROM answer WHERE name = ? AND at >= ?"
FIRST = "SELECT digest, answer FROM answer WHERE name = ?"
KEEP = "INSERT INTO answer (name, digest, answer, at) VALUES (?, ?, ?, ?) ON CONFLICT (name) DO NOTHING"
FORGET = "DELETE FROM answer WHERE at < ?"
TOUCH = "INSERT INTO touched (one, at) VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET at = excluded.at"


class StoredAnswers:
    """The kept answers of one store."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        store.ensure("answers", SCHEMA)

    def get(self, name: str, at: datetime) -> tuple[bytes, bytes] | None:
        """The digest of the request and the answer kept under ``name`` within the last day, or None."""
        with self._store.reader() as connection:
            row = connection.execute(GET, (name, _seconds(at - LIFE))).fetchone()
        return (bytes(row[0]), bytes(row[1])) if row is not None else None

    def keep(self, name: str, digest: bytes, answer: bytes, at: datetime) -> tuple[bytes, bytes]:
        """Keep an answer, on disk when this returns; what was kept before under ``name`` stays and is returned."""

        def work(connection: apsw.Connection) -> tuple[bytes, bytes]:
            connection.execute(FORGET, (_seconds(at - LIFE),))
            connection.execute(KEEP, (name, digest, answer, _seconds(at)))
            row = connection.execute(FIRST, (name,)).fetchone()
            assert row is not None
            return bytes(row[0]), bytes(row[1])

        return self._store.write(work).result()

    def touch(self, at: datetime) -> None:
        """Write something and wait until it is on disk: the proof that the store can be written."""
        self._store.write(lambda connection: connection.execute(TOUCH, (_seconds(at),)) and None).result()


def _seconds(at: datetime) -> int:
    return int((utc(at) - EPOCH).total_seconds())

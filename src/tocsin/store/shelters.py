"""Shelters on SQLite: their rows, what this house knows of them, and the marks under which reports are kept.

- An import of a hundred thousand rows must not hold up a warning: rows go in by small commits under a new edition that
  nobody reads yet; the commit that records the import makes it the one that holds. kill -9 before it leaves nothing.
- What an older edition said of a row is taken away afterwards, by small commits too.
- A mark is a keyed hash of shelter and reporter, with a key outside the database: marks of one person at two shelters
  have nothing in common, and nobody with a copy of the database can try addresses against them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

import apsw
import msgspec

from tocsin.account.shelter import NOTHING, Standing
from tocsin.account.shelters import Row
from tocsin.journal import Entry, Fact
from tocsin.store.seal import Seal
from tocsin.store.sqlite import SqliteStore

CHUNK = 2000

SCHEMA = """
CREATE TABLE IF NOT EXISTS shelter (
  realm TEXT NOT NULL, id TEXT NOT NULL, edition INTEGER NOT NULL, dataset TEXT NOT NULL,
  latitude INTEGER NOT NULL, longitude INTEGER NOT NULL, gone INTEGER NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY (realm, id, edition)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS shelter_edition ON shelter (realm, edition);
CREATE TABLE IF NOT EXISTS shelter_edition_held (realm TEXT PRIMARY KEY, edition INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS shelter_standing (
  realm TEXT NOT NULL, id TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (realm, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS shelter_report (
  realm TEXT NOT NULL, id TEXT NOT NULL, mark BLOB NOT NULL, PRIMARY KEY (realm, id, mark)
) STRICT, WITHOUT ROWID;
"""
HELD = "SELECT edition FROM shelter_edition_held WHERE realm = ?"
HOLD = "INSERT INTO shelter_edition_held VALUES (?, ?) ON CONFLICT (realm) DO UPDATE SET edition = excluded.edition"
# SQLite gives the other columns of the row that has the maximum.
ROWS = """SELECT id, dataset, latitude, longitude, body, gone, max(edition) FROM shelter
    WHERE realm = ? AND edition <= ? GROUP BY id"""
PUT = "INSERT OR REPLACE INTO shelter VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
UNFINISHED = """DELETE FROM shelter WHERE realm = ?1 AND (id, edition) IN
    (SELECT id, edition FROM shelter WHERE realm = ?1 AND edition > ?2 LIMIT ?3)"""
OLD = """DELETE FROM shelter WHERE realm = ?1 AND (id, edition) IN
    (SELECT older.id, older.edition FROM shelter AS newer JOIN shelter AS older
     ON older.realm = newer.realm AND older.id = newer.id AND older.edition < newer.edition
     WHERE newer.realm = ?1 AND newer.edition = ?2 LIMIT ?3)"""
STANDINGS = "SELECT id, body FROM shelter_standing WHERE realm = ?"
STANDING = "SELECT body FROM shelter_standing WHERE realm = ? AND id = ?"
STAND = "INSERT INTO shelter_standing VALUES (?, ?, ?) ON CONFLICT (realm, id) DO UPDATE SET body = excluded.body"
REPORT = "INSERT INTO shelter_report VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
FORGET = "DELETE FROM shelter_report WHERE realm = ? AND id = ?"


class SqlShelters:
    """The shelters of one ``realm`` in ``store``; the key of its marks is in ``folder``.

    Implements :class:`tocsin.account.shelters.ShelterBook`.
    """

    def __init__(self, store: SqliteStore, folder: Path, realm: str) -> None:
        self.store, self.realm = store, realm
        store.ensure("shelters", SCHEMA)
        self._seal = Seal(folder, "shelters", realm)
        self._sweep(UNFINISHED, self._held())

    def rows(self, dataset: str | None = None) -> Sequence[Row]:
        """Every row of the edition that holds, or those of one dataset, also those that are gone."""
        with self.store.reader() as connection:
            found = [
                Row(row[0], row[1], row[2], row[3], row[4], bool(row[5]))
                for row in connection.execute(ROWS, (self.realm, self._held()))
            ]
        return found if dataset is None else [row for row in found if row.dataset == dataset]

    def standings(self) -> dict[str, Standing]:
        """What this house knows of each shelter."""
        with self.store.reader() as connection:
            return {row[0]: _standing(row[1]) for row in connection.execute(STANDINGS, (self.realm,))}

    def take(self, changed: Sequence[Row], facts: Sequence[Fact]) -> None:
        """Put these rows in place of what is there under their ids, and record ``facts``: all or nothing."""
        held = self._held()
        edition = held + 1
        # A take that failed before left rows under this edition; they must not come to hold with ours.
        self._sweep(UNFINISHED, held)
        for start in range(0, len(changed), CHUNK):
            values = [
                (self.realm, row.id, edition, row.dataset, row.latitude, row.longitude, int(row.gone), row.body)
                for row in changed[start : start + CHUNK]
            ]
            self.store.write(partial(_put, values)).result()
        self._record(facts, lambda connection: connection.execute(HOLD, (self.realm, edition)))
        self._sweep(OLD, edition)

    def report(self, shelter: str, mark: bytes, at: datetime, facts: Callable[[int], Sequence[Fact]]) -> Standing:
        """Keep a report under its mark, and record ``facts(number of reports)`` where the mark is a new one."""
        with self.store.reader() as connection:
            row = connection.execute(STANDING, (self.realm, shelter)).fetchone()
            known = connection.execute(
                "SELECT 1 FROM shelter_report WHERE realm = ? AND id = ? AND mark = ?", (self.realm, shelter, mark)
            ).fetchone()
        before = _standing(row[0]) if row is not None else NOTHING
        if known is not None:
            return before
        # The newest are what doubt follows from; a flood of reports must not make the row grow for ever.
        after = msgspec.structs.replace(before, reports=(*before.reports[-49:], at))

        def change(connection: apsw.Connection) -> None:
            connection.execute(REPORT, (self.realm, shelter, mark))
            connection.execute(STAND, (self.realm, shelter, msgspec.json.encode(after)))

        self._record(facts(len(after.reports)), change)
        return after

    def stand(self, shelter: str, known: Standing, facts: Sequence[Fact]) -> None:
        """Put a standing in place, with its reports forgotten, and record ``facts``."""

        def change(connection: apsw.Connection) -> None:
            connection.execute(FORGET, (self.realm, shelter))
            connection.execute(STAND, (self.realm, shelter, msgspec.json.encode(known)))

        self._record(facts, change)

    def mark(self, shelter: str, reporter: str) -> bytes:
        """What tells reporters of one shelter apart, and tells nothing else."""
        return self._seal.mark(f"shelter.report.{shelter}", reporter.encode())[:16]

    def _held(self) -> int:
        with self.store.reader() as connection:
            row = connection.execute(HELD, (self.realm,)).fetchone()
        return int(row[0]) if row is not None else 0

    def _record(self, facts: Sequence[Fact], change: Callable[[apsw.Connection], object]) -> list[Entry]:
        """Record ``facts`` and make ``change`` in one commit."""
        return self.store.commit(facts, change)

    def _sweep(self, query: str, edition: int) -> None:
        """Delete by small commits until there is nothing more."""
        more = True
        while more:

            def delete(connection: apsw.Connection) -> bool:
                connection.execute(query, (self.realm, edition, CHUNK))
                return connection.changes() > 0

            more = self.store.write(delete).result()


def _put(values: Sequence[tuple[str, str, int, str, int, int, int, bytes]], connection: apsw.Connection) -> None:
    connection.executemany(PUT, values)


def _standing(body: bytes) -> Standing:
    return msgspec.json.decode(body, type=Standing)

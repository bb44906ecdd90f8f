"""Every query of the embedded store, named, and how a row becomes an entry.

- Texts come in as parameters; lists come in as one JSON text, so that a statement is prepared once whatever its length.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import apsw
import msgspec

from tocsin.clock import EPOCH
from tocsin.journal import Entry, Fact, chain

ADD = "INSERT INTO journal (seq, at, realm, kind, subject, prev, hash, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
READ = "SELECT seq, at, realm, kind, subject, body, prev, hash FROM journal WHERE seq > ? ORDER BY seq LIMIT ?"
# The first of each kind, of which the first of all are among them. It is one statement, because of two each would see
# another journal, and what was recorded between them would be passed over.
_OF_KIND = """SELECT seq FROM (SELECT seq FROM journal INDEXED BY journal_by_kind
    WHERE kind = ? AND seq > ? ORDER BY seq LIMIT ?)"""
_READ_KINDS = """SELECT seq, at, realm, kind, subject, body, prev, hash FROM journal
    WHERE seq IN ({}) ORDER BY seq LIMIT ?"""
ABOUT = """SELECT seq, at, realm, kind, subject, body, prev, hash FROM journal
    WHERE kind = ? AND subject = ? ORDER BY seq DESC LIMIT ?"""
NEWEST = """SELECT seq, at, realm, kind, subject, body, prev, hash FROM journal
    WHERE seq IN (SELECT max(seq) FROM journal WHERE kind = ? GROUP BY subject) ORDER BY seq"""
# One look-up a kind in the index, however many entries there are.
KINDS = """WITH RECURSIVE one(kind) AS (
    SELECT min(kind) FROM journal UNION ALL
    SELECT (SELECT min(kind) FROM journal WHERE kind > one.kind) FROM one WHERE one.kind IS NOT NULL)
    SELECT kind FROM one WHERE kind IS NOT NULL"""
HEAD = "SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1"
SEEN = "SELECT DISTINCT subject FROM journal WHERE kind = ? AND subject IN (SELECT value FROM json_each(?))"
CURSOR = "SELECT upto FROM cursor WHERE follower = ?"
CURSORS = "SELECT follower, upto FROM cursor"
MOVE = "INSERT INTO cursor (follower, upto) VALUES (?, ?) ON CONFLICT (follower) DO UPDATE SET upto = excluded.upto"
ROOM = "SELECT made_by FROM room WHERE name = ?"
ROOM_MADE = "INSERT INTO room VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET made_by = excluded.made_by"


@cache
def read_kinds(count: int) -> str:
    """Entries of so many kinds; each with its kind, the number to be above and the limit, and at last the limit."""
    return _READ_KINDS.format("\n    UNION ALL ".join([_OF_KIND] * count))


def micros(at: datetime) -> int:
    """A moment as it is stored: whole microseconds since 1970."""
    since = at - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def entry(row: Any) -> Entry:
    """The entry in a row of the journal."""
    seq, at, realm, kind, subject, body, prev, digest = row
    return Entry(seq, EPOCH + timedelta(microseconds=at), realm, kind, subject, body, prev, digest)


def holds(found: Entry) -> bool:
    """Whether an entry's hash is the hash of what it says."""
    item = Fact(found.kind, found.subject, found.body, found.realm)
    return chain(found.prev, found.seq, found.at, item) == found.hash


def cursor(connection: apsw.Connection, follower: str) -> int:
    """A follower's cursor; 0 if it never was here."""
    row = connection.execute(CURSOR, (follower,)).fetchone()
    return int(row[0]) if row is not None else 0


def seen(connection: apsw.Connection, kind: str, subjects: Iterable[str]) -> set[str]:
    """Which of ``subjects`` have an entry of this ``kind``."""
    return {row[0] for row in connection.execute(SEEN, (kind, words(subjects)))}


def words(texts: Iterable[str]) -> str:
    """A list of texts as one parameter."""
    return msgspec.json.encode(list(texts)).decode()

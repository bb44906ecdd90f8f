"""The roster on SQLite: members in clear as far as they mean nobody, everything personal in the vault.

- Name, key and ways are sealed field by field under the member's own key; a telephone or address is found by its keyed
  hash only.
- Taking in a sheet is one commit with its fact. Who is not on the sheet any more is erased, as is a visitor some days after
  their end.
- Erasing overwrites the pages (``secure_delete``), empties the write-ahead log, and is remembered outside the store; what
  comes back with a backup is erased again on opening.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import apsw
import msgspec

from tocsin.account.roster import Details, Kind, Member, Way
from tocsin.clock import parse, spell
from tocsin.errors import NotFoundError
from tocsin.journal import Entry, Fact
from tocsin.store.file import connect, plainly
from tocsin.store.sqlite import SqliteStore
from tocsin.store.vault import Vault

SCHEMA = """
CREATE TABLE IF NOT EXISTS member (
  realm TEXT NOT NULL, id TEXT NOT NULL, key BLOB NOT NULL, mark BLOB NOT NULL, kind TEXT NOT NULL, zone TEXT NOT NULL,
  wards TEXT NOT NULL, languages TEXT NOT NULL, channels TEXT NOT NULL, starts TEXT, ends TEXT, verified TEXT,
  name BLOB NOT NULL, own_key BLOB NOT NULL, ways BLOB NOT NULL, PRIMARY KEY (realm, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS member_by_mark ON member (realm, mark);
CREATE TABLE IF NOT EXISTS member_way (
  realm TEXT NOT NULL, mark BLOB NOT NULL, member TEXT NOT NULL, PRIMARY KEY (realm, mark, member)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS member_way_of ON member_way (realm, member);
CREATE TABLE IF NOT EXISTS member_device (
  realm TEXT NOT NULL, member TEXT NOT NULL, mark BLOB NOT NULL, made TEXT NOT NULL, subscription BLOB NOT NULL,
  PRIMARY KEY (realm, member, mark)
) STRICT, WITHOUT ROWID;
"""
MEMBERS = """SELECT id, kind, zone, wards, languages, channels, starts, ends, verified FROM member
  WHERE realm = ? ORDER BY zone, id"""
SOME = """SELECT id, kind, zone, wards, languages, channels, starts, ends, verified FROM member
  WHERE realm = ? AND id IN (SELECT value FROM json_each(?)) ORDER BY zone, id"""
DETAILS = "SELECT id, key, name, own_key, ways FROM member WHERE realm = ? AND id IN (SELECT value FROM json_each(?))"
BY_MARK = "SELECT mark, id, key FROM member WHERE realm = ?"
BY_WAY = "SELECT member FROM member_way WHERE realm = ? AND mark = ? ORDER BY member"
WRITE = """INSERT INTO member VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (realm, id) DO UPDATE SET
  kind = excluded.kind, zone = excluded.zone, wards = excluded.wards, languages = excluded.languages,
  channels = excluded.channels, starts = excluded.starts, ends = excluded.ends, verified = excluded.verified,
  name = excluded.name, own_key = excluded.own_key, ways = excluded.ways"""
DEVICES = """SELECT d.member, m.key, d.subscription FROM member_device d JOIN member m ON m.realm = d.realm AND m.id = d.member
  WHERE d.realm = ? AND d.member IN (SELECT value FROM json_each(?)) ORDER BY d.member, d.made, d.mark"""
BY_DEVICE = """SELECT d.member, m.key FROM member_device d JOIN member m ON m.realm = d.realm AND m.id = d.member
  WHERE d.realm = ? AND d.mark = ?"""
# Who was erased a moment ago gets nothing written any more.
JOIN = """INSERT INTO member_device SELECT ?1, ?2, ?3, ?4, ?5
  WHERE EXISTS (SELECT 1 FROM member WHERE realm = ?1 AND id = ?2)
  ON CONFLICT (realm, member, mark) DO UPDATE SET made = excluded.made"""
OLDEST = """DELETE FROM member_device WHERE realm = ? AND member = ? AND mark NOT IN
  (SELECT mark FROM member_device WHERE realm = ? AND member = ? ORDER BY made DESC LIMIT ?)"""
MOST_DEVICES = 5
VERIFY = "UPDATE member SET verified = ? WHERE realm = ? AND id = ?"
# Everything that leads from a person to what they did is in these tables; where one is added, it is named here.
ERASE = (
    "DELETE FROM member_device WHERE realm = ? AND member = ?",
    "DELETE FROM member_way WHERE realm = ? AND member = ?",
    "DELETE FROM member WHERE realm = ? AND id = ?",
)

Plan = tuple[str, Member, Details]
"""A member to be written: their id, and everything."""


class SqlRoster:
    """The roster of one ``realm`` in ``store``; the key is in ``folder``.

    ``also`` are statements of other rooms that erase what they keep of a person (parameters: realm, id).
    """

    def __init__(self, store: SqliteStore, folder: Path, realm: str, also: Sequence[str] = ()) -> None:
        self.store, self.realm, self.also = store, realm, tuple(also)
        if not store.reading:
            store.ensure("roster", SCHEMA)
        kept: Any = 0
        with store.reader() as connection, contextlib.suppress(apsw.SQLError):
            kept = connection.execute("SELECT EXISTS (SELECT 1 FROM member WHERE realm = ?)", (realm,)).get
        self.vault = Vault(folder, "roster", realm, wanted=bool(kept))

    # --- looking ---------------------------------------------------------------------------------------------------

    def members(self, ids: Iterable[str] | None = None) -> list[Member]:
        """Everybody, or those of ``ids`` who are here, by zone."""
        with self.store.reader() as connection:
            if ids is None:
                rows = list(connection.execute(MEMBERS, (self.realm,)))
            else:
                rows = list(connection.execute(SOME, (self.realm, _json(ids))))
        return [_member(row) for row in rows]

    def details(self, ids: Iterable[str]) -> dict[str, Details]:
        """What is personal about ``ids``. Whoever shows it records that it was viewed."""
        with self.store.reader() as connection:
            rows = list(connection.execute(DETAILS, (self.realm, _json(ids))))
        found = {}
        for member, key, name, own_key, ways in rows:
            told = self.vault.open_all(key, member, {"name": name, "own_key": own_key, "ways": ways})
            kept = msgspec.json.decode(told["ways"], type=tuple[Way, ...])
            found[member] = Details(told["name"], told["own_key"], kept)
        return found

    def find(self, text: str) -> list[str]:
        """The ids of those whose own key, or one of whose addresses in the form it is kept, is exactly ``text``."""
        with self.store.reader() as connection:
            by_key = [
                row[0]
                for row in connection.execute(
                    "SELECT id FROM member WHERE realm = ? AND mark = ?", (self.realm, self._key_mark(text))
                )
            ]
            by_way = [row[0] for row in connection.execute(BY_WAY, (self.realm, self._way_mark(text)))]
        return list(dict.fromkeys((*by_key, *by_way)))

    # --- taking in -------------------------------------------------------------------------------------------------

    def plan(self, rows: Sequence[tuple[Member, Details]]) -> tuple[list[Plan], list[Plan], int, list[str]]:
        """What taking in ``rows`` would do: who is new, who changes, how many stay the same, and who is gone."""
        with self.store.reader() as connection:
            known = {bytes(mark): member for mark, member, _ in connection.execute(BY_MARK, (self.realm,))}
        members = {one.id: one for one in self.members()}
        details = self.details(members)
        new: list[Plan] = []
        changed: list[Plan] = []
        same, seen = 0, set[str]()
        for member, told in rows:
            name = known.get(self._key_mark(told.key))
            if name is None:
                new.append((secrets.token_hex(8), member, told))
                continue
            seen.add(name)
            before = members[name]
            # A sheet that says nothing of when somebody was verified does not unsay it.
            verified = member.verified or (before.verified if told.ways == details[name].ways else None)
            now = msgspec.structs.replace(member, id=name, verified=verified)
            if now == before and told == details[name]:
                same += 1
            else:
                changed.append((name, now, told))
        return new, changed, same, sorted(set(members) - seen)

    def take_in(self, plans: Sequence[Plan], gone: Sequence[str], facts: Sequence[Fact]) -> list[Entry]:
        """Write ``plans``, erase ``gone`` and record ``facts``, in one commit."""
        with self.store.reader() as connection:
            keys = {member: bytes(key) for _, member, key in connection.execute(BY_MARK, (self.realm,))}
        rows = []
        marks: list[tuple[str, list[bytes]]] = []
        for name, member, told in plans:
            key = keys.get(name) or self.vault.new_key(name)
            ways = msgspec.json.encode(told.ways).decode()
            rows.append(
                (
                    self.realm, name, key, self._key_mark(told.key), member.kind.value, member.zone, _json(member.wards),
                    _json(member.languages), _json(member.channels), _spell(member.starts), _spell(member.ends),
                    _spell(member.verified), self.vault.close(key, "name", name, told.name),
                    self.vault.close(key, "own_key", name, told.key), self.vault.close(key, "ways", name, ways),
                )
            )  # fmt: skip
            marks.append((name, [self._way_mark(way.address) for way in told.ways]))

        def change(connection: apsw.Connection) -> None:
            connection.executemany(WRITE, rows)
            for name, found in marks:
                connection.execute("DELETE FROM member_way WHERE realm = ? AND member = ?", (self.realm, name))
                connection.executemany(
                    "INSERT OR IGNORE INTO member_way VALUES (?, ?, ?)", [(self.realm, mark, name) for mark in found]
                )

        return self._change(facts, change, gone)

    def verify(self, ids: Sequence[str], at: datetime, facts: Sequence[Fact]) -> list[Entry]:
        """Note that the ways of ``ids`` were found to be right at ``at``."""

        def change(connection: apsw.Connection) -> None:
            connection.executemany(VERIFY, [(spell(at), self.realm, name) for name in ids])

        return self._change(facts, change, ())

    # --- devices ---------------------------------------------------------------------------------------------------

    def devices(self, ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """The subscriptions of the apps by which ``ids`` want to be asked as well; who has none is not in it."""
        with self.store.reader() as connection:
            rows = list(connection.execute(DEVICES, (self.realm, _json(ids))))
        found: dict[str, tuple[str, ...]] = {}
        for member, key, box in rows:
            found[member] = (*found.get(member, ()), self.vault.open(key, "device", member, box))
        return found

    def join_device(self, member: str, subscription: str, at: datetime, facts: Sequence[Fact]) -> list[Entry]:
        """Ask ``member`` by this subscription of theirs as well, from now on; the newest few are kept."""
        with self.store.reader() as connection:
            row = connection.execute(
                "SELECT key FROM member WHERE realm = ? AND id = ?", (self.realm, member)
            ).fetchone()
        if row is None:
            raise NotFoundError
        box = self.vault.close(bytes(row[0]), "device", member, subscription)
        mark = self._device_mark(subscription)

        def change(connection: apsw.Connection) -> None:
            connection.execute(JOIN, (self.realm, member, mark, spell(at), box))
            connection.execute(OLDEST, (self.realm, member, self.realm, member, MOST_DEVICES))

        return self._change(facts, change, ())

    def leave_device(self, member: str, subscription: str, facts: Sequence[Fact]) -> list[Entry]:
        """Ask ``member`` by this subscription no more."""
        row = (self.realm, member, self._device_mark(subscription))

        def change(connection: apsw.Connection) -> None:
            connection.execute("DELETE FROM member_device WHERE realm = ? AND member = ? AND mark = ?", row)

        return self._change(facts, change, ())

    def move_device(self, before: str, after: str, at: datetime) -> None:
        """Ask whoever let themselves be asked by ``before`` by ``after`` from now on: the same device, at another address."""
        gone, mark = self._device_mark(before), self._device_mark(after)
        with self.store.reader() as connection:
            found = list(connection.execute(BY_DEVICE, (self.realm, gone)))
        rows = [
            (self.realm, member, mark, spell(at), self.vault.close(bytes(key), "device", member, after))
            for member, key in found
        ]

        def change(connection: apsw.Connection) -> None:
            connection.executemany(JOIN, rows)
            connection.execute("DELETE FROM member_device WHERE realm = ? AND mark = ?", (self.realm, gone))

        if rows:
            self._change((), change, ())

    # --- erasing ---------------------------------------------------------------------------------------------------

    def erase(self, ids: Sequence[str], facts: Sequence[Fact]) -> list[Entry]:
        """Erase everything about ``ids``, for good: here, and in whatever backup is restored later."""
        return self._change(facts, lambda _: None, ids)

    def erase_again(self) -> int:
        """Erase those who came back with a backup; how many there were."""
        back = sorted(self.vault.buried() & {one.id for one in self.members()})
        if back:
            self._change((), lambda _: None, back, write_down=False)
        return len(back)

    def ended(self, before: datetime) -> list[str]:
        """Whose stay ended before this moment."""
        return [one.id for one in self.members() if one.ends is not None and one.ends < before]

    def _change(
        self,
        facts: Sequence[Fact],
        change: Callable[[apsw.Connection], object],
        gone: Sequence[str],
        *,
        write_down: bool = True,
    ) -> list[Entry]:
        if gone and write_down:
            # First outside: if the machine stops in between, the erasing is done at the next start.
            self.vault.bury(gone)

        def work(connection: apsw.Connection) -> None:
            if gone:
                connection.execute("PRAGMA secure_delete = ON")
            change(connection)
            for statement in (*self.also, *ERASE):
                connection.executemany(statement, [(self.realm, name) for name in gone])

        entries = self.store.commit(facts, work)
        if gone:
            self._empty_log()
        return entries

    def _empty_log(self) -> None:
        """Have the write-ahead log hold nothing of what was erased."""
        with plainly(self.store.path), contextlib.closing(connect(self.store.path, apsw.SQLITE_OPEN_READWRITE)) as own:
            own.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    # --- marks -----------------------------------------------------------------------------------------------------

    def _key_mark(self, key: str) -> bytes:
        return self.vault.seal.mark("member.key", key.strip().casefold().encode())

    def _device_mark(self, subscription: str) -> bytes:
        return self.vault.seal.mark("member.device", subscription.encode())

    def _way_mark(self, address: str) -> bytes:
        return self.vault.seal.mark("member.way", address.strip().casefold().encode())


def _member(row: Any) -> Member:
    name, kind, zone, wards, languages, channels, starts, ends, verified = row
    return Member(
        name,
        Kind(kind),
        zone,
        _texts(wards),
        _texts(languages),
        _texts(channels),
        *(parse(one) if one else None for one in (starts, ends, verified)),
    )


def _texts(text: str) -> tuple[str, ...]:
    return msgspec.json.decode(text, type=tuple[str, ...])


def _json(values: Iterable[str]) -> str:
    return msgspec.json.encode(list(values)).decode()


def _spell(moment: datetime | None) -> str | None:
    return spell(moment) if moment is not None else None

"""Sealed batches on SQLite: one row for up to a thousand recipients, one byte for each; and the marks while it is sent.

- Batches, the newest version of each event, the facts and the cursor of the dispatch are one commit, so after kill -9
  no alert is sealed twice or not at all.
- While a batch is sent, its marks live in a memory-mapped file: they survive kill -9 at no cost. The rows follow a few
  times a second and bound what a power cut can take back. Measured (stack.md): none lost, doubled only what was in
  flight.
- One recipient's receipts are found through the span of numbers that each row names.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import apsw
import numpy as np

from tocsin.clock import EPOCH
from tocsin.journal import Fact, fact
from tocsin.reach.delivery import (
    BATCH,
    DELIVERY_SETTLED,
    PROVEN,
    PROVEN_CODES,
    REACHED_CODES,
    WARNINGS,
    Batch,
    Mark,
    Marks,
    Numbers,
    Plan,
    Proof,
    Settled,
    count,
    raised,
    realm_of,
    receipt,
)
from tocsin.reach.pace import Pace
from tocsin.store.sqlite import SqliteStore

SCHEMA = """
CREATE TABLE IF NOT EXISTS batches (
  id INTEGER PRIMARY KEY, alert TEXT NOT NULL, event_id TEXT NOT NULL, version INTEGER NOT NULL, phase TEXT NOT NULL,
  channel TEXT NOT NULL, realm TEXT NOT NULL, rank INTEGER NOT NULL, seq INTEGER NOT NULL, deadline INTEGER NOT NULL,
  first INTEGER NOT NULL, last INTEGER NOT NULL, recipients BLOB NOT NULL, marks BLOB NOT NULL,
  settled INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX IF NOT EXISTS batches_by_event ON batches (event_id);
CREATE INDEX IF NOT EXISTS batches_by_alert ON batches (alert);
CREATE INDEX IF NOT EXISTS batches_open ON batches (id) WHERE settled = 0;
CREATE TABLE IF NOT EXISTS batch_rungs (batch INTEGER PRIMARY KEY, rung INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS told (
  event_id TEXT NOT NULL, realm TEXT NOT NULL, version INTEGER NOT NULL, PRIMARY KEY (event_id, realm)
) STRICT, WITHOUT ROWID;
"""
_ADD = """
INSERT INTO batches (alert, event_id, version, phase, channel, realm, rank, seq, deadline, first, last,
  recipients, marks)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id
"""
_TOLD = """
INSERT INTO told VALUES (?, ?, ?)
ON CONFLICT (event_id, realm) DO UPDATE SET version = max(version, excluded.version)
"""
_BATCH = """
SELECT id, alert, event_id, version, phase, channel, realm, rank, seq, deadline, recipients, marks,
  coalesce((SELECT rung FROM batch_rungs WHERE batch = id), 0)
FROM batches WHERE realm = ?
"""
_OPEN = _BATCH + " AND settled = 0 ORDER BY rank, seq, id"
# Whose receipts were summed up (tocsin.store.receipts) has a row that names nobody: its last number is 0.
_OF_ALERT = _BATCH + " AND alert = ? AND last > 0 ORDER BY id"
_OF_EVENT = """
SELECT phase, recipients, marks FROM batches WHERE event_id = ? AND realm = ? ORDER BY seq, id
"""
_HOLDING = """
SELECT id, recipients, marks FROM batches WHERE alert = ? AND realm = ? AND first <= ? AND last >= ?
"""
_PROOFS = """
SELECT alert, event_id, version, phase, channel, recipients, marks, id
FROM batches WHERE first <= ? AND last >= ? ORDER BY id DESC
"""
_TALLY = """
SELECT channel, event_id, version, phase, realm, settled, marks, rank FROM batches WHERE alert = ? AND last > 0
"""
_LATEST = """
SELECT seq FROM batches WHERE event_id = ? AND realm = ? AND version < ? ORDER BY version DESC, id DESC LIMIT 1
"""
_UNSEEN: Mapping[tuple[str, str], Pace] = {}
Flags = np.ndarray[Any, np.dtype[np.bool_]]
_PROVEN = tuple(mark.name.lower() for mark in PROVEN)
_SUBJECTS = "SELECT DISTINCT alert, channel FROM batches WHERE realm = ? AND id > ? AND last > 0"


class SqlBatches:
    """The sealed batches of one ``realm`` in ``store``; implements :class:`tocsin.reach.delivery.Batches`."""

    def __init__(self, store: SqliteStore, realm: str) -> None:
        self.store, self.realm = store, realm
        store.ensure("batches", SCHEMA)
        self._file = MarkFile(store.path.with_suffix(f".{realm}.marks"))

    def seal(
        self, follower: str, upto: int, facts: Sequence[Fact], plans: Sequence[Plan], versions: Mapping[str, int]
    ) -> list[Batch]:
        """See :meth:`tocsin.reach.delivery.Batches.seal`."""
        sealed: list[Batch] = []

        def rows(connection: apsw.Connection) -> None:
            connection.executemany(_TOLD, [(event_id, self.realm, version) for event_id, version in versions.items()])
            for plan in plans:
                for rung, recipients in enumerate((plan.recipients, plan.reserve)):
                    for channel, numbers in recipients.items():
                        for start in range(0, len(numbers), BATCH):
                            sealed.append(self._row(connection, plan, channel, numbers[start : start + BATCH], rung))

        self.store.step(follower, upto, facts, rows)
        return sealed

    def _row(self, connection: apsw.Connection, plan: Plan, channel: str, numbers: Numbers, rung: int) -> Batch:
        marks = np.full(len(numbers), Mark.RESERVED if rung else Mark.PENDING, dtype=np.uint8)
        row = connection.execute(
            _ADD,
            (
                plan.alert,
                plan.event_id,
                plan.version,
                plan.phase,
                channel,
                # Whose dispatch sends it; what realm it is of, its rank says.
                self.realm,
                plan.rank,
                plan.seq,
                _micros(plan.deadline),
                int(numbers[0]),
                int(numbers[-1]),
                numbers.tobytes(),
                marks.tobytes(),
            ),
        ).fetchone()
        assert row is not None
        if rung:
            connection.execute("INSERT INTO batch_rungs VALUES (?, ?)", (row[0], rung))
        return Batch(
            row[0],
            plan.alert,
            plan.event_id,
            plan.version,
            plan.phase,
            channel,
            plan.realm,
            plan.rank,
            plan.seq,
            plan.deadline,
            numbers,
            marks,
            rung,
        )

    def newest(self, event_ids: Sequence[str]) -> dict[str, int]:
        """The newest version known of each of these events."""
        found = {}
        with self.store.reader() as connection:
            for event_id in event_ids:
                row = connection.execute(
                    "SELECT version FROM told WHERE event_id = ? AND realm = ?", (event_id, self.realm)
                ).fetchone()
                if row is not None:
                    found[event_id] = row[0]
        return found

    def open(self) -> list[Batch]:
        """Every batch that is not settled; where the mapped marks know more than the row, they win."""
        with self.store.reader() as connection:
            rows = list(connection.execute(_OPEN, (self.realm,)))
        self._file.keep_only({row[0] for row in rows})
        found = []
        for row in rows:
            kept, mapped = np.frombuffer(row[11], dtype=np.uint8).copy(), self._file.found(row[0])
            if mapped is not None:
                kept = np.where(mapped[: len(kept)] != Mark.PENDING, mapped[: len(kept)], kept)
            found.append(_batch(row, kept))
        return found

    def told(self, alert: str) -> list[Batch]:
        """Every batch of one alert, settled or not, with its marks as they are known now."""
        with self.store.reader() as connection:
            rows = list(connection.execute(_OF_ALERT, (self.realm, alert)))
        found = []
        for row in rows:
            taken = self._file.taken(row[0])
            found.append(_batch(row, np.frombuffer(row[11], dtype=np.uint8).copy() if taken is None else taken.copy()))
        return found

    def marks(self, batch: Batch) -> Marks:
        """Mapped marks for a batch, as they stand in it."""
        marks = self._file.take(batch.id, len(batch.recipients))
        marks[:] = batch.marks
        return marks

    def save(self, kept: Sequence[tuple[int, bytes, bool]]) -> Future[None]:
        """Put marks on disk in one commit."""

        def rows(connection: apsw.Connection) -> None:
            connection.executemany(
                "UPDATE batches SET marks = ?, settled = ? WHERE id = ? AND last > 0",
                [(marks, int(settled), number) for number, marks, settled in kept],
            )

        return self.store.write(rows)

    def receive(self, receipts: Sequence[tuple[str, int, Mark]]) -> Future[int]:
        """Raise marks to what was received, in one commit; how many were raised."""

        def rows(connection: apsw.Connection) -> int:
            changed: dict[int, bytearray] = {}
            found = 0
            for alert, number, level in receipts:
                for batch, recipients, marks in connection.execute(_HOLDING, (alert, self.realm, number, number)):
                    numbers = np.frombuffer(recipients, dtype=np.int64)
                    place = int(np.searchsorted(numbers, number))
                    if place < len(numbers) and numbers[place] == number:
                        kept = changed.get(batch) or bytearray(marks)
                        if raised(kept[place], level):
                            kept[place] = level
                            changed[batch] = kept
                            found += 1
            connection.executemany(
                "UPDATE batches SET marks = ? WHERE id = ?", [(bytes(kept), batch) for batch, kept in changed.items()]
            )
            return found

        return self.store.write(rows)

    def release(self, ids: Sequence[int]) -> None:
        """Give the mapped marks of these batches to others."""
        self._file.release(ids)

    def reached(self, event_id: str) -> Numbers:
        """Everybody who may have seen any version of this event."""
        parts = []
        with self.store.reader() as connection:
            for recipients, marks in connection.execute(
                "SELECT recipients, marks FROM batches WHERE event_id = ? AND realm = ?", (event_id, self.realm)
            ):
                told = np.isin(np.frombuffer(marks, dtype=np.uint8), REACHED_CODES)
                parts.append(np.frombuffer(recipients, dtype=np.int64)[told])
        return np.unique(np.concatenate(parts)) if parts else np.empty(0, dtype=np.int64)

    def warned(self, event_id: str) -> Numbers:
        """Those for whom the last that they may have seen of this event is a warning."""
        told, warns = list[Numbers](), list[Flags]()
        with self.store.reader() as connection:
            for phase, recipients, marks in connection.execute(_OF_EVENT, (event_id, self.realm)):
                seen = np.isin(np.frombuffer(marks, dtype=np.uint8), REACHED_CODES)
                told.append(np.frombuffer(recipients, dtype=np.int64)[seen])
                warns.append(np.full(len(told[-1]), phase in WARNINGS))
        return _last(told, warns)

    def knowing(self, event_id: str, phase: str) -> Numbers:
        """Those who surely have the newest that this event had for them, and for whom that was of ``phase``."""
        told, know = list[Numbers](), list[Flags]()
        with self.store.reader() as connection:
            for said, recipients, kept in connection.execute(_OF_EVENT, (event_id, self.realm)):
                numbers, marks = np.frombuffer(recipients, dtype=np.int64), np.frombuffer(kept, dtype=np.uint8)
                # Who was spared has it by another channel, which stands in another batch.
                meant = marks != Mark.SPARED
                told.append(numbers[meant])
                know.append(np.isin(marks[meant], PROVEN_CODES) & (said == phase))
        return _last(told, know)

    def latest(self, event_id: str, below: int) -> int | None:
        """The number of the entry that published the newest version ``below`` this one that went to anybody."""
        with self.store.reader() as connection:
            row = connection.execute(_LATEST, (event_id, self.realm, below)).fetchone()
        return int(row[0]) if row else None

    def announce(self, alerts: Sequence[str], paces: Mapping[tuple[str, str], Pace] = _UNSEEN) -> None:
        """Record ``delivery:settled`` where all is settled, once for each alert and channel."""
        facts = []
        for alert in alerts:
            waiting, ended = set(), dict[str, list[tuple[str, int, str, bytes, int]]]()
            with self.store.reader() as connection:
                for channel, event_id, version, phase, realm, settled, marks, rank in connection.execute(
                    _TALLY, (alert,)
                ):
                    if realm != self.realm or not settled:
                        waiting.add(channel)
                    ended.setdefault(channel, []).append((event_id, version, phase, marks, rank))
            for channel, rows in ended.items():
                if channel not in waiting:
                    event_id, version, phase, _, rank = rows[0]
                    counts = count(np.frombuffer(b"".join(row[3] for row in rows), dtype=np.uint8))
                    # Who was told by another channel was never a recipient of this one.
                    counts.pop(Mark.SPARED.name.lower(), None)
                    pace = paces.get((alert, channel))
                    partial = sum(counts.get(name, 0) for name in _PROVEN) > (pace.count if pace is not None else 0)
                    curve = pace.curve() if pace is not None else {}
                    told = Settled(alert, event_id, version, phase, channel, counts, curve, partial)
                    facts.append(fact(DELIVERY_SETTLED, f"{alert}@{channel}", told, realm_of(rank, self.realm)))
        if facts:
            self.store.append_new(facts)

    def unannounced(self) -> list[str]:
        """Alerts with a channel on which the journal does not say how it ended."""
        with self.store.reader() as connection:
            pairs = list(connection.execute(_SUBJECTS, (self.realm, 0)))
        said = self.store.seen(DELIVERY_SETTLED, [f"{alert}@{channel}" for alert, channel in pairs])
        return list(dict.fromkeys(alert for alert, channel in pairs if f"{alert}@{channel}" not in said))

    def proofs(self, number: int) -> list[Proof]:
        """Everything that is known about deliveries to one subscription, newest first."""
        found = []
        with self.store.reader() as connection:
            for alert, event_id, version, phase, channel, recipients, marks, batch in connection.execute(
                _PROOFS, (number, number)
            ):
                numbers = np.frombuffer(recipients, dtype=np.int64)
                place = int(np.searchsorted(numbers, number))
                if place < len(numbers) and numbers[place] == number:
                    mapped = self._file.taken(batch)
                    mark = Mark(int(mapped[place] if mapped is not None else marks[place]))
                    found.append(Proof(alert, event_id, version, phase, channel, mark.name.lower(), receipt(mark)))
        return found

    def close(self) -> None:
        """Let go of the mapped file."""
        self._file.close()


class MarkFile:
    """Marks of the batches under way, in a memory-mapped file of slots: a batch's id, then a byte a recipient."""

    SLOT = 1024
    SEGMENT = 256  # slots that are mapped at once; a mapping in use cannot be resized, so the file grows by another one

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        size = os.fstat(self._handle).st_size
        self._maps: list[mmap.mmap] = []
        self._free: list[int] = []
        self._slots: dict[int, int] = {}
        self._sizes: dict[int, int] = {}
        self._old: dict[int, int] = {}
        for _ in range(size // (self.SLOT * self.SEGMENT)):
            self._grow(size)
        for slot in range(len(self._maps) * self.SEGMENT):
            batch = self._owner(slot)
            if batch:
                self._old[batch] = slot
                self._free.remove(slot)

    def keep_only(self, batches: set[int]) -> None:
        """Free what belongs to none of these batches."""
        for batch in [batch for batch in self._old if batch not in batches]:
            self._let_go(self._old.pop(batch))

    def found(self, batch: int) -> Marks | None:
        """A copy of what was left of a batch's marks by the process before this one."""
        slot = self._old.get(batch)
        return None if slot is None else self._bytes(slot, BATCH).copy()

    def take(self, batch: int, size: int) -> Marks:
        """Marks for a batch, zeroed; ``size`` at most 1,000."""
        slot = self._old.pop(batch, None)
        if slot is None:
            if not self._free:
                self._grow(0)
            slot = self._free.pop()
        marks = self._bytes(slot, size)
        self._slots[batch], self._sizes[batch] = slot, size
        self._own(slot, batch)
        return marks

    def taken(self, batch: int) -> Marks | None:
        """The marks of a batch that is under way."""
        slot = self._slots.get(batch)
        return None if slot is None else self._bytes(slot, self._sizes[batch])

    def release(self, batches: Sequence[int]) -> None:
        """Free the slots of these batches."""
        for batch in batches:
            slot = self._slots.pop(batch, None)
            if slot is not None:
                del self._sizes[batch]
                self._let_go(slot)

    def close(self) -> None:
        """Close the file; marks still in somebody's hands keep their mapping."""
        self._maps.clear()
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def _grow(self, size: int) -> None:
        length, start = self.SLOT * self.SEGMENT, len(self._maps) * self.SLOT * self.SEGMENT
        if size < start + length:
            os.ftruncate(self._handle, start + length)
        self._maps.append(mmap.mmap(self._handle, length, offset=start))
        first = (len(self._maps) - 1) * self.SEGMENT
        self._free.extend(range(first + self.SEGMENT - 1, first - 1, -1))

    def _place(self, slot: int) -> tuple[mmap.mmap, int]:
        return self._maps[slot // self.SEGMENT], slot % self.SEGMENT * self.SLOT

    def _owner(self, slot: int) -> int:
        mapped, start = self._place(slot)
        return int(struct.unpack_from("<q", mapped, start)[0])

    def _own(self, slot: int, batch: int) -> None:
        mapped, start = self._place(slot)
        struct.pack_into("<q", mapped, start, batch)

    def _bytes(self, slot: int, size: int) -> Marks:
        mapped, start = self._place(slot)
        return np.frombuffer(mapped, dtype=np.uint8, count=size, offset=start + 8)

    def _let_go(self, slot: int) -> None:
        # The owner goes first: a slot with an owner always holds that owner's marks.
        self._own(slot, 0)
        self._bytes(slot, BATCH)[:] = 0
        self._free.append(slot)


def _batch(row: tuple[Any, ...], marks: Marks) -> Batch:
    number, alert, event_id, version, phase, channel, realm, rank, seq, deadline, recipients, _, rung = row
    numbers, ends = np.frombuffer(recipients, dtype=np.int64), _moment(deadline)
    return Batch(
        number, alert, event_id, version, phase, channel, realm_of(rank, realm), rank, seq, ends, numbers, marks, rung
    )  # fmt: skip


def _micros(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def _moment(micros: int) -> datetime:
    return EPOCH + timedelta(microseconds=micros)


def _last(told: Sequence[Numbers], said: Sequence[Flags]) -> Numbers:
    """Those for whom the last of what was ``said`` to them is true, in one pass: an event can have many batches."""
    if not told:
        return np.empty(0, dtype=np.int64)
    numbers, newest = np.unique(np.concatenate(told)[::-1], return_index=True)
    found: Numbers = numbers[np.concatenate(said)[::-1][newest]]
    return found

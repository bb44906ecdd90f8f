"""The journal: an append-only, hash-chained record that every step writes and follows.

- A fact is ``subject:action`` with a small JSON body; once it has its number and its hash it is an entry, and it stays.
- ``hash = SHA-256(previous hash, seq, at, realm, kind, subject, body)``, so one flipped byte breaks the chain at its
  entry, and anyone can verify it offline.
- A follower has a durable cursor. What it makes of an entry and the move of its cursor are one commit
  (:meth:`Journal.step`): after kill -9 nothing it made is missing and nothing is doubled.
- The journal bears no personal data in clear.

The record of Maui 2023 that had to be pieced together by hand (practice.md F11) is why this is the only way to act.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

import msgspec
from msgspec import Struct

from tocsin.clock import EPOCH, utc
from tocsin.errors import JournalBrokenError
from tocsin.remark import remark

ACTUAL, EXERCISE = "actual", "exercise"
REALMS = (ACTUAL, EXERCISE)
GENESIS = bytes(32)

T = TypeVar("T")


class Fact(Struct, frozen=True):
    """What a step wants recorded. ``kind`` is ``subject:action``; ``subject`` the id it is about; ``body`` JSON."""

    kind: str
    subject: str
    body: bytes = b"{}"
    realm: str = ACTUAL


class Entry(Struct, frozen=True):
    """A recorded fact: its number (from 1), its moment in UTC and its place in the chain."""

    seq: int
    at: datetime
    realm: str
    kind: str
    subject: str
    body: bytes
    prev: bytes
    hash: bytes

    def read(self, shape: type[T]) -> T:
        """The body as a value of ``shape``."""
        return msgspec.json.decode(self.body, type=shape)


class Head(Struct, frozen=True):
    """The newest entry's number and hash; 0 and zeros for an empty journal."""

    seq: int
    hash: bytes


class Journal(Protocol):
    """What every store offers; one contract suite holds for all of them.

    Calls return when what they wrote is on disk. They may be made from any thread.
    """

    def append(self, facts: Sequence[Fact]) -> list[Entry]:
        """Record ``facts`` in order, all or none."""
        ...

    def step(self, follower: str, upto: int, facts: Sequence[Fact]) -> list[Entry]:
        """Record ``facts`` and put ``follower``'s cursor on ``upto``, in one commit.

        A cursor that is already at or beyond ``upto`` means that this step was done before: nothing is recorded.
        """
        ...

    def read(self, after: int, limit: int = 1000, kinds: Iterable[str] | None = None) -> list[Entry]:
        """Entries with numbers above ``after``, oldest first, at most ``limit``; only ``kinds`` when given."""
        ...

    def cursor(self, follower: str) -> int:
        """The number of the last entry that ``follower`` is done with; 0 if it never was here."""
        ...

    def head(self) -> Head:
        """The newest entry."""
        ...

    def on_append(self, call: Callable[[int], None]) -> Callable[[], None]:
        """Have ``call`` told the newest number after each commit, from the writer's thread; returns how to stop it."""
        ...


def fact(kind: str, subject: str, body: Any, realm: str = ACTUAL) -> Fact:
    """A fact whose body is ``body`` as JSON."""
    return Fact(kind, subject, msgspec.json.encode(body), realm)


_WHEN = struct.Struct(">QqI")


def chain(prev: bytes, seq: int, at: datetime, item: Fact) -> bytes:
    """The hash of the entry that ``item`` becomes after the one with hash ``prev``."""
    since = utc(at) - EPOCH
    micros = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    kind, subject, realm = item.kind.encode(), item.subject.encode(), item.realm.encode()
    # Lengths go in before the texts, so that no two different entries have the same bytes under the hash.
    lengths = struct.pack(">IIII", len(realm), len(kind), len(subject), len(item.body))
    return hashlib.sha256(
        b"".join((prev, _WHEN.pack(seq, micros, 1), lengths, realm, kind, subject, item.body))
    ).digest()


def link(item: Fact, seq: int, at: datetime, prev: bytes) -> Entry:
    """The entry that ``item`` becomes as number ``seq`` at ``at``."""
    return Entry(seq, utc(at), item.realm, item.kind, item.subject, item.body, prev, chain(prev, seq, at, item))


def verify(entries: Iterable[Entry], head: Head | None = None) -> int:
    """Check the chain from the first entry on and return how many there are.

    Raises :class:`JournalBrokenError` with the number of the first entry that does not hold. With ``head``, a
    journal whose end was cut off is found as well.
    """
    prev, count = GENESIS, 0
    for count, entry in enumerate(entries, 1):
        if entry.seq != count:
            raise JournalBrokenError(
                remark(
                    "journal.missing",
                    "entry {number} is missing (found {found})",
                    number=str(count),
                    found=str(entry.seq),
                ),
                seq=count,
            )
        again = chain(prev, entry.seq, entry.at, Fact(entry.kind, entry.subject, entry.body, entry.realm))
        if entry.prev != prev or entry.hash != again:
            raise JournalBrokenError(
                remark("journal.changed", "entry {number} was changed after it was recorded", number=str(count)),
                seq=count,
            )
        prev = entry.hash
    if head is not None and (head.seq != count or head.hash != prev):
        raise JournalBrokenError(
            remark(
                "journal.cut",
                "the journal ends at entry {number}, but entry {recorded} was recorded",
                number=str(count),
                recorded=str(head.seq),
            ),
            seq=count + 1,
        )
    return count


def follow(journal: Journal, after: int, kinds: Iterable[str] | None = None, batch: int = 1000) -> Iterator[Entry]:
    """Every entry above ``after`` that is there now, read in batches."""
    wanted = tuple(kinds) if kinds is not None else None
    while entries := journal.read(after, batch, wanted):
        yield from entries
        after = entries[-1].seq

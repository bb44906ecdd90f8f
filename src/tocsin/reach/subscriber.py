"""Subscribers: the people and systems that have subscribed; their subscriptions are made, changed and ended here.

- A subscription is made, changed and ended by facts in the journal, which hold its id, areas and channel and nothing by
  which a person could be found; the address, the secrets, the places and whose it is are kept sealed beside it.
- It ends by its owner, by its own date, or by a channel that says it is gone; never silently. Its address is erased at
  once, and so are its secrets and places.
- Channels of one person share an opaque ``person`` and are tried in their ``order``.
- Each of these is one commit with its fact. Whoever is in no block is read from the journal (:mod:`.block`).
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import numpy as np

from tocsin.clock import Clock
from tocsin.errors import NotReadyError
from tocsin.journal import Entry, Fact, Journal, fact, follow
from tocsin.reach.subscription import (
    SUBSCRIPTION_CHANGED,
    SUBSCRIPTION_ENDED,
    SUBSCRIPTION_MADE,
    Ended,
    Made,
    Places,
    Subscription,
    Wish,
    body,
    known,
    places,
    wanted,
)

if TYPE_CHECKING:
    from tocsin.reach.block import Block

BLOCK = 4096
"""How many neighbouring numbers are kept in one block."""
FEW = 20_000
"""So many are read one by one at the start; where more are in no block, the whole journal is read."""
AT_ONCE = 2000
"""So many subscriptions are read together at the start: few enough that their opened boxes take no room."""


class Book(Protocol):
    """Where one realm's addresses, secrets and places are kept, sealed.

    Calls block; what they wrote is on disk on return.
    """

    @property
    def lacking(self) -> set[int]:
        """The blocks that are to be made again (:mod:`tocsin.reach.block`)."""
        ...

    def make(
        self,
        wishes: Sequence[tuple[str, Wish]],
        tell: Callable[[Sequence[int]], Sequence[Fact]],
        confirmed: str = "",
    ) -> tuple[list[int], list[Entry]]:
        """Keep the addresses, secrets and places of subscriptions (id, wish) and what ``tell`` says of them: one commit.

        Their numbers, never used again, and the entries. The confirmation of the name ``confirmed`` is answered with it.
        """
        ...

    def ask(self, name: str, wish: Wish, at: datetime, since: datetime) -> None:
        """Keep what somebody is asked under ``name``, and forget what was asked before ``since``."""
        ...

    def asked(self, since: datetime) -> list[tuple[str, datetime, Wish | None]]:
        """What was asked from ``since`` on, oldest first: its name, when, and the wish; None where it was answered."""
        ...

    def ids(self, numbers: Sequence[int]) -> dict[int, str]:
        """The ids of the subscriptions with these numbers."""
        ...

    def blocks(self) -> Iterator[Block]:
        """Every block that is kept."""
        ...

    def changes(self, block: int) -> int:
        """How often anything in a block has changed since the start."""
        ...

    def keep(self, number: int, block: Block, changes: int) -> bool:
        """Keep a block, unless something in it has changed since there were so many ``changes``."""
        ...

    def places(self, numbers: Sequence[int]) -> dict[int, Places]:
        """What is sealed beside the address of each of ``numbers`` that has one."""
        ...

    def replace(self, number: int, places: Places, languages: tuple[str, ...], facts: Sequence[Fact] = ()) -> None:
        """Put other places and languages in place of a subscription's, with the ``facts`` that say so."""
        ...

    def numbers(self) -> set[int]:
        """Every number that has an address."""
        ...

    def erase(self, numbers: Sequence[int], facts: Sequence[Fact] = ()) -> None:
        """Erase these addresses, secrets and places, with the ``facts`` that say why."""
        ...

    def rekey(self, number: int, kept: Sequence[str]) -> None:
        """Put other secrets in place of a subscription's."""
        ...

    def find(self, channel: str, address: str) -> list[int]:
        """The numbers under which this address is kept."""
        ...

    def mark(self, what: str, value: str) -> str:
        """A name for ``value`` that is always the same here and from which nobody without the key learns it."""
        ...


class Record(Journal, Protocol):
    """A journal that can be asked for what is newest of one subject."""

    def about(self, kind: str, subject: str, limit: int = 100) -> list[Entry]: ...


class Roll(Protocol):
    """Who is told when subscriptions come and go: the audience."""

    def fill(self, blocks: Iterable[Block], ones: Iterable[tuple[int, Subscription]], /) -> None: ...

    def block(self, number: int, /) -> Block: ...

    def add(self, number: int, one: Subscription, /) -> None: ...

    def remove(self, number: int, /) -> None: ...

    def subscription(self, number: int, /) -> Subscription | None: ...

    def number(self, subscription: str, /) -> int | None: ...

    def of_person(self, person: str, /) -> tuple[int, ...]: ...

    def persons(self, prefix: str, /) -> list[str]: ...


class Subscribers:
    """Every subscription of one realm: makes, changes and ends them, and keeps the audience told."""

    def __init__(self, journal: Record, book: Book, roll: Roll, clock: Clock, realm: str) -> None:
        self.journal, self.book, self.roll, self.clock, self.realm = journal, book, roll, clock, realm
        # Unset while :meth:`load` runs beside a server: who is here is not known then.
        self.loaded = threading.Event()
        self.loaded.set()
        self._lock = threading.Lock()
        self._under_way = 0

    def require(self) -> None:
        """Raise :class:`NotReadyError` while it is not known who is subscribed."""
        if not self.loaded.is_set():
            raise NotReadyError("the subscriptions are being read: try again in a moment")

    def load(self) -> int:
        """Fill the audience, erase addresses nobody uses; how many subscriptions are live.

        From the blocks that are kept, and for whoever is in none of them from the journal.
        """
        numbers = np.array(sorted(self.book.numbers()), dtype=np.int64)
        covered = np.zeros(len(numbers), dtype=np.bool_)
        blocks: list[Block] = []
        for block in self.book.blocks():
            listed = block.listed()
            if not listed.size:
                continue
            number = int(listed[0]) // BLOCK
            low, high = np.searchsorted(numbers, (number * BLOCK, (number + 1) * BLOCK)).tolist()
            if np.array_equal(numbers[low:high], listed):
                blocks.append(block)
                covered[low:high] = True
        rest = numbers[~covered]
        if len(rest) > FEW:
            blocks, rest = [], numbers
        used: list[int] = []
        self.roll.fill(blocks, self._read(rest.tolist(), used))
        if unused := sorted(set(rest.tolist()).difference(used)):
            self.book.erase(unused)
        self.book.lacking.update((rest // BLOCK).tolist())
        self.loaded.set()
        return sum(len(block.listed()) for block in blocks) + len(used)

    def keep(self) -> int:
        """Have blocks of what changed kept for the next start; how many. It blocks, and is for calm."""
        found = 0
        for number in sorted(self.book.lacking):
            with self._lock:
                # What is on disk before the audience is told of it would be kept as it was.
                if self._under_way or not self.loaded.is_set():
                    return found
                changes = self.book.changes(number)
            found += self.book.keep(number, self.roll.block(number), changes)
        return found

    @contextmanager
    def _changing(self) -> Iterator[None]:
        self.require()
        with self._lock:
            self._under_way += 1
        try:
            yield
        finally:
            with self._lock:
                self._under_way -= 1

    def _read(self, numbers: list[int], used: list[int]) -> Iterator[tuple[int, Subscription]]:
        """The live subscriptions among ``numbers``, from the journal; ``used`` is told of each."""
        # What most have in common is kept once.
        same: dict[Any, Any] = {}
        some = self._by_name(numbers) if len(numbers) <= FEW else self._all()
        while found := list(islice(some, AT_ONCE)):
            kept = self.book.places([made.number for _, made in found])
            for entry, made in found:
                # Without an address nobody can be told.
                if made.number in kept:
                    used.append(made.number)
                    yield made.number, known(entry, made, kept[made.number], same)

    def _by_name(self, numbers: list[int]) -> Iterator[tuple[Entry, Made]]:
        """What made each of a few subscriptions, and what it wants now."""
        for name in self.book.ids(numbers).values():
            made = [one for one in self.journal.about(SUBSCRIPTION_MADE, name, 1) if one.realm == self.realm]
            if made and not self.journal.about(SUBSCRIPTION_ENDED, name, 1):
                changed = self.journal.about(SUBSCRIPTION_CHANGED, name, 1)
                yield made[0], (changed or made)[0].read(Made)

    def _all(self) -> Iterator[tuple[Entry, Made]]:
        """What made each subscription that has not ended, and what it wants now."""
        over: set[str] = set()
        changed: dict[str, Made] = {}
        for entry in follow(self.journal, 0, (SUBSCRIPTION_CHANGED, SUBSCRIPTION_ENDED)):
            if entry.realm != self.realm:
                continue
            if entry.kind == SUBSCRIPTION_ENDED:
                over.add(entry.subject)
            else:
                changed[entry.subject] = entry.read(Made)
        for entry in follow(self.journal, 0, (SUBSCRIPTION_MADE,)):
            if entry.realm == self.realm and entry.subject not in over:
                yield entry, changed.get(entry.subject) or entry.read(Made)

    def make(self, wish: Wish, confirmed: str = "") -> Subscription:
        """Make a subscription; it is on disk on return, and with it the yes to what was ``confirmed``."""
        return self.make_all([wish], confirmed)[0]

    def make_all(self, wishes: Sequence[Wish], confirmed: str = "") -> list[Subscription]:
        """Make many subscriptions in one commit; all or none of them are there."""
        named = [(secrets.token_urlsafe(18), wish) for wish in wishes]

        def tell(numbers: Sequence[int]) -> list[Fact]:
            return [
                fact(SUBSCRIPTION_MADE, name, body(number, wish), self.realm)
                for (name, wish), number in zip(named, numbers, strict=True)
            ]

        with self._changing():
            numbers, entries = self.book.make(named, tell, confirmed)
            made = [
                Subscription(entry.subject, number=number, made=entry.at, **wanted(wish))
                for entry, number, wish in zip(entries, numbers, wishes, strict=True)
            ]
            for one in made:
                self.roll.add(one.number, one)
        return made

    def change(self, subscription: str, wanted_now: Mapping[str, Any]) -> Subscription | None:
        """Have a subscription want something else (fields of :class:`Subscription`); None if there is none.

        Neither its address nor its channel changes: that is another subscription.
        """
        one = self.get(subscription)
        if one is None:
            return None
        new = msgspec.structs.replace(one, **wanted_now)
        if new == one:
            return one
        assert (new.id, new.number, new.channel) == (one.id, one.number, one.channel)
        told = [fact(SUBSCRIPTION_CHANGED, new.id, body(new.number, new), self.realm)]
        with self._changing():
            self.book.replace(new.number, places(new), new.languages, told)
            self.roll.add(new.number, new)
        return new

    def get(self, subscription: str) -> Subscription | None:
        """The live subscription with this id."""
        number = self.roll.number(subscription)
        return self.roll.subscription(number) if number is not None else None

    def others(self, one: Subscription) -> list[Subscription]:
        """The other subscriptions of the same person, in the order in which they are tried."""
        if not one.person:
            return []
        found = [self.roll.subscription(number) for number in self.roll.of_person(one.person) if number != one.number]
        return sorted((other for other in found if other is not None), key=lambda other: (other.order, other.number))

    def end(self, subscription: str, reason: str = "owner") -> bool:
        """End a subscription and erase its address; false if there is none, which nobody outside is to be told."""
        return bool(self.end_all([subscription], reason))

    def end_all(self, subscriptions: Iterable[str], reason: str) -> int:
        """End many subscriptions in one commit; how many of them there were."""
        self.require()
        found = {one.number: one for name in subscriptions if (one := self.get(name)) is not None}
        if not found:
            return 0
        facts: list[Fact] = [
            fact(SUBSCRIPTION_ENDED, one.id, Ended(one.number, one.channel, reason, one.person), self.realm)
            for one in found.values()
        ]
        with self._changing():
            self.book.erase(list(found), facts)
            for number in found:
                self.roll.remove(number)
        return len(found)

    def rotate(self, subscription: str, new: str, old: str | None = None) -> bool:
        """Give a subscription a new secret; ``old`` still signs beside it until the next rotation."""
        number = self.roll.number(subscription)
        if number is None:
            return False
        self.book.rekey(number, (new, old) if old else (new,))
        return True

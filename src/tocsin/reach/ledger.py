"""The ledger: every live subscription, a million of them in little room.

- Most subscriptions want what others want as well, so what is wanted is kept once for all who want the same; by number
  there stand only which wish it is, its id and when it was made.
- An id is found by its hash, and what has the same hash is told apart by the id itself.
- The subscriptions of one person are found by the person.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np

from tocsin.reach.block import ID as _ID
from tocsin.reach.block import Block
from tocsin.reach.delivery import Numbers
from tocsin.reach.subscription import Subscription

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NEVER = -(2**63)
_TICK = timedelta(microseconds=1)
_DELTA = 4096


class Ledger:
    """Subscriptions by number and by id."""

    def __init__(self) -> None:
        self._wish = np.zeros(0, dtype=np.int32)
        self._id = np.zeros(0, dtype=f"S{_ID}")
        self._made = np.zeros(0, dtype=np.int64)
        self._long: dict[int, str] = {}
        self._owned: dict[int, tuple[str, int]] = {}
        self._persons: dict[str, tuple[int, ...]] = {}
        # Wishes from 1 on, how many want each, and which places are free.
        self._wishes: list[Subscription | None] = [None]
        self._wanting = array("I", [0])
        self._places: dict[Subscription, int] = {}
        self._free: list[int] = []
        # While blocks are taken in: places by the identity of the wishes.
        self._same: dict[int, int] = {}
        self._count = 0
        # Hashes of ids in rising order with their numbers, and what came since.
        self._hashes = np.zeros(0, dtype=np.int64)
        self._numbers = np.zeros(0, dtype=np.uint32)
        self._recent: dict[str, int] = {}

    def __len__(self) -> int:
        return self._count

    def __contains__(self, subscription: object) -> bool:
        return isinstance(subscription, str) and self.number(subscription) is not None

    def __iter__(self) -> Iterator[int]:
        return iter(np.flatnonzero(self._wish).tolist())

    @property
    def nbytes(self) -> int:
        """Bytes that the columns take, without what few have of their own."""
        return sum(one.nbytes for one in (self._wish, self._id, self._made, self._hashes, self._numbers))

    @property
    def wishes(self) -> int:
        """How many different things are wanted."""
        return len(self._places)

    def get(self, number: int) -> Subscription | None:
        """The live subscription with this number."""
        if not 0 <= number < len(self._wish) or not self._wish[number]:
            return None
        wish = self._wishes[self._wish[number]]
        assert wish is not None
        ticks = int(self._made[number])
        person, order = self._owned.get(number, ("", 0))
        found: Subscription = msgspec.structs.replace(
            wish,
            id=self.id(number),
            number=number,
            made=None if ticks == _NEVER else _EPOCH + ticks * _TICK,
            person=person,
            order=order,
        )
        return found

    def id(self, number: int) -> str:
        """The id of a live subscription."""
        return self._long.get(number) or bytes(self._id[number]).decode()

    def number(self, subscription: str) -> int | None:
        """The number of the live subscription with this id."""
        found = self._recent.get(subscription)
        if found is not None:
            return found
        asked = hash(subscription)
        low = int(np.searchsorted(self._hashes, asked))
        while low < len(self._hashes) and self._hashes[low] == asked:
            number = int(self._numbers[low])
            if self._wish[number] and self.id(number) == subscription:
                return number
            low += 1
        return None

    def of_person(self, person: str) -> tuple[int, ...]:
        """The numbers of one person's live subscriptions."""
        return self._persons.get(person, ())

    def whose(self, numbers: Sequence[int]) -> dict[int, tuple[str, int]]:
        """Of ``numbers`` those that are somebody's who has a name here: the person, and which of theirs it is."""
        owned = self._owned
        if not owned:
            return {}
        if len(owned) * 8 < len(numbers):
            # Few have several channels: they are looked for among all, and not all among them.
            few = np.fromiter(owned, dtype=np.int64, count=len(owned))
            here = few[np.isin(few, np.asarray(numbers, dtype=np.int64))]
            return {number: owned[number] for number in here.tolist()}
        return {number: owned[number] for number in numbers if number in owned}

    def persons(self, prefix: str) -> list[str]:
        """Everybody whose name begins so."""
        return [person for person in self._persons if person.startswith(prefix)]

    def put(self, number: int, one: Subscription) -> None:
        """Enter a subscription under a number that nothing stands under."""
        if number >= len(self._wish):
            self._grow(number + 1)
        self._wish[number] = self._place(one)
        name = one.id.encode()
        if len(name) > _ID or b"\0" in name:
            self._long[number] = one.id
        else:
            self._id[number] = name
        self._made[number] = _NEVER if one.made is None else (one.made - _EPOCH) // _TICK
        if one.person or one.order:
            self._owned[number] = one.person, one.order
            if one.person:
                self._persons[one.person] = (*self._persons.get(one.person, ()), number)
        self._recent[one.id] = number
        self._count += 1
        if len(self._recent) > max(_DELTA, len(self._numbers) // 8):
            self.settle()

    def drop(self, number: int) -> Subscription | None:
        """Strike out a subscription; what stood there."""
        one = self.get(number)
        if one is None:
            return None
        place = int(self._wish[number])
        self._wanting[place] -= 1
        if not self._wanting[place]:
            wish = self._wishes[place]
            assert wish is not None
            del self._places[wish]
            self._wishes[place] = None
            self._free.append(place)
        self._wish[number] = 0
        self._long.pop(number, None)
        self._owned.pop(number, None)
        self._recent.pop(one.id, None)
        if one.person:
            left = tuple(other for other in self._persons[one.person] if other != number)
            if left:
                self._persons[one.person] = left
            else:
                del self._persons[one.person]
        self._count -= 1
        return one

    def block(self, low: int, high: int) -> Block:
        """The subscriptions with numbers from ``low`` to below ``high``."""
        numbers = low + np.flatnonzero(self._wish[low:high])
        places, which = np.unique(self._wish[numbers], return_inverse=True)
        wishes = [wish for place in places.tolist() if (wish := self._wishes[place]) is not None]
        listed = numbers.tolist()
        return Block(
            numbers.astype(np.int64).tobytes(),
            self._id[numbers].tobytes(),
            self._made[numbers].tobytes(),
            which.astype(np.int32).tobytes(),
            tuple(wishes),
            {number: self._long[number] for number in listed if number in self._long},
            {number: self._owned[number] for number in listed if number in self._owned},
        )

    def load(self, block: Block) -> None:
        """Take in a block; none of its numbers stands here, and :meth:`settle_all` follows."""
        numbers = block.listed()
        if not numbers.size:
            return
        if int(numbers[-1]) >= len(self._wish):
            self._grow(int(numbers[-1]) + 1)
        which = np.frombuffer(block.which, dtype=np.int32)
        counts = np.bincount(which, minlength=len(block.wishes)).tolist()
        places = [self._held(one, n) for one, n in zip(block.wishes, counts, strict=True)]
        self._wish[numbers] = np.array(places, dtype=np.int32)[which]
        self._id[numbers] = np.frombuffer(block.ids, dtype=f"S{_ID}")
        self._made[numbers] = np.frombuffer(block.made, dtype=np.int64)
        self._long.update(block.long)
        self._owned.update(block.owned)
        for number, (person, _) in block.owned.items():
            if person:
                self._persons[person] = (*self._persons.get(person, ()), number)
        self._count += len(numbers)

    def settle_all(self) -> None:
        """Find every id again by its hash: these differ from one process to the next."""
        numbers = np.flatnonzero(self._wish)
        short: list[bytes] = self._id[numbers].tolist()
        hashes = np.fromiter(map(hash, map(bytes.decode, short)), dtype=np.int64, count=len(numbers))
        for number, name in self._long.items():
            hashes[np.searchsorted(numbers, number)] = hash(name)
        order = np.argsort(hashes, kind="stable")
        self._hashes, self._numbers, self._recent = hashes[order], numbers[order].astype(np.uint32), {}
        self._same = {}

    def groups(self) -> tuple[list[Subscription], list[Numbers]]:
        """Every wish, without whose it is, with the numbers of all who have it."""
        numbers = np.flatnonzero(self._wish)
        order = np.argsort(self._wish[numbers], kind="stable")
        numbers = numbers[order]
        places, starts = np.unique(self._wish[numbers], return_index=True)
        wishes = [wish for place in places.tolist() if (wish := self._wishes[place]) is not None]
        return wishes, np.split(numbers, starts[1:])

    def owned(self) -> dict[int, tuple[str, int]]:
        """Whose and in which order each number is that shares a person."""
        return dict(self._owned)

    def settle(self) -> None:
        """Bring what came since into the sorted hashes."""
        if not self._recent:
            return
        live = self._wish[self._numbers] != 0
        hashes = np.fromiter(map(hash, self._recent), dtype=np.int64, count=len(self._recent))
        new = np.fromiter(self._recent.values(), dtype=np.uint32, count=len(self._recent))
        # A number that was changed stands here already, under the same hash.
        live &= ~np.isin(self._numbers, new)
        every = np.concatenate([self._hashes[live], hashes])
        order = np.argsort(every, kind="stable")
        self._hashes, self._numbers = every[order], np.concatenate([self._numbers[live], new])[order]
        self._recent = {}

    def _place(self, one: Subscription) -> int:
        return self._hold(msgspec.structs.replace(one, id="", number=0, made=None, person="", order=0), 1)

    def _hold(self, wish: Subscription, number: int) -> int:
        """The place of a wish that so many more have."""
        place = self._places.get(wish)
        if place is None:
            if self._free:
                place = self._free.pop()
                self._wishes[place] = wish
            else:
                place = len(self._wishes)
                self._wishes.append(wish)
                self._wanting.append(0)
            self._places[wish] = place
        self._wanting[place] += number
        return place

    def _held(self, wish: Subscription, number: int) -> int:
        """As :meth:`_hold`, sooner for one that is the very object that stands there, as it is in the blocks of a start."""
        place = self._same.get(id(wish))
        if place is None or self._wishes[place] is not wish:
            place = self._same[id(wish)] = self._hold(wish, 0)
        self._wanting[place] += number
        return place

    def _grow(self, least: int) -> None:
        size = max(1024, least + least // 4)

        def grown(column: Any) -> Any:
            new = np.zeros(size, dtype=column.dtype)
            new[: len(column)] = column
            return new

        self._wish, self._id, self._made = grown(self._wish), grown(self._id), grown(self._made)

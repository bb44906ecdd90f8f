"""A block: what is wanted by the subscriptions of neighbouring numbers, in columns, to fill an audience at once.

- A start reads blocks instead of a million entries of the journal. A block is never the record: it is made from the
  audience in calm, it is thrown away in the commit that changes anybody in it, and whoever is in none is read anew.
- What many want is there once, as in the ledger; persons stand beside it.
"""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec
import numpy as np
from msgspec import Raw, Struct

from tocsin.reach.delivery import Numbers
from tocsin.reach.subscriber import BLOCK
from tocsin.reach.subscription import Subscription

ID = 24
"""Bytes of an id as subscriptions are given; a longer one is kept by itself."""


W = TypeVar("W")


class Columns(Struct, Generic[W], frozen=True, array_like=True):
    """Columns as bytes: ``numbers`` and ``made`` (microseconds since 1970) of 8 bytes, ``which`` of the ``wishes`` of 4.

    ``ids`` are of :data:`ID` bytes each; ``long`` holds longer ones and ``owned`` the person and the order, by number.
    """

    numbers: bytes
    ids: bytes
    made: bytes
    which: bytes
    wishes: tuple[W, ...]
    long: dict[int, str] = {}
    owned: dict[int, tuple[str, int]] = {}


class Block(Columns[Subscription], frozen=True, array_like=True):
    """The subscriptions of neighbouring numbers."""

    def listed(self) -> Numbers:
        """The numbers in it, in rising order."""
        return np.frombuffer(self.numbers, dtype=np.int64)


class Unpacking:
    """Unpacks the blocks of one start: a wish that many of them hold is unpacked once, and is one object in all."""

    def __init__(self) -> None:
        self._blocks = msgspec.msgpack.Decoder(Columns[Raw])
        self._wish = msgspec.msgpack.Decoder(Subscription)
        self._known: dict[bytes, Subscription] = {}

    def block(self, data: bytes) -> Block:
        """The block in ``data``; :class:`msgspec.DecodeError` where there is none."""
        one, known = self._blocks.decode(data), self._known
        wishes = []
        for raw in map(bytes, one.wishes):
            wish = known.get(raw)
            if wish is None:
                wish = known[raw] = self._wish.decode(raw)
            wishes.append(wish)
        return Block(one.numbers, one.ids, one.made, one.which, tuple(wishes), one.long, one.owned)


def block_of(number: int) -> int:
    """The block in which a number stands."""
    return number // BLOCK

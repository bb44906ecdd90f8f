"""A block: what is wanted by the subscriptions of neighbouring numbers, in columns, to fill an audience at once.

- A start reads blocks instead of a million entries of the journal. A block is never the record: it is made from the
  audience in calm, it is thrown away in the commit that changes anybody in it, and whoever is in none is read anew.
- What many want is there once, as in the ledger; persons stand beside it.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from tocsin.reach.delivery import Numbers
from tocsin.reach.subscriber import BLOCK, Subscription

ID = 24
"""Bytes of an id as subscriptions are given; a longer one is kept by itself."""


class Block(Struct, frozen=True, array_like=True):
    """Columns as bytes: ``numbers`` and ``made`` (microseconds since 1970) of 8 bytes, ``which`` of the ``wishes`` of 4.

    ``ids`` are of :data:`ID` bytes each; ``long`` holds longer ones and ``owned`` the person and the order, by number.
    """

    numbers: bytes
    ids: bytes
    made: bytes
    which: bytes
    wishes: tuple[Subscription, ...]
    long: dict[int, str] = {}
    owned: dict[int, tuple[str, int]] = {}

    def listed(self) -> Numbers:
        """The numbers in it, in rising order."""
        return np.frombuffer(self.numbers, dtype=np.int64)


def block_of(number: int) -> int:
    """The block in which a number stands."""
    return number // BLOCK

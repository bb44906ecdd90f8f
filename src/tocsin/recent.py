"""A dictionary that never grows beyond a bound, so that nothing that comes from outside can fill the memory.

- What was written longest ago is forgotten first. Reading changes nothing.
- It is for what can be had again or is no longer asked for. What must not be forgotten stands in the journal.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(OrderedDict[K, V]):
    """The ``most`` keys that were last written.

    >>> kept = Recent(2)
    >>> kept["a"], kept["b"], kept["a"], kept["c"] = 1, 2, 3, 4
    >>> dict(kept)
    {'a': 3, 'c': 4}
    """

    __slots__ = ("most",)

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def __setitem__(self, key: K, value: V) -> None:
        super().__setitem__(key, value)
        self.move_to_end(key)
        if len(self) > self.most:
            self.popitem(last=False)

    def made(self, key: K, make: Callable[[], V]) -> V:
        """The value of ``key``, made and kept if there is none."""
        if key not in self:
            self[key] = make()
        return self[key]

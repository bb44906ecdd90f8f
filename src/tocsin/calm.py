"""Calm: libraries that neither a page for the public nor an alert needs at the start, loaded once the server listens.

- A module that needs one of them names it here instead of importing it, and uses it as if it were imported.
- All of them are loaded together in the calm after the start (:func:`load`), so that none is loaded at the alarm;
  whoever needs one sooner, or serves nobody, loads it by using it.
- Nothing is kept here that could be stale: each use asks the library itself.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any


class Named(ModuleType):
    """The library of this name, loaded when something of it is used."""

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self.__name__), name)


_NAMED: dict[str, Named] = {}


def in_calm(name: str) -> Any:
    """The library ``name``, to be loaded in calm."""
    return _NAMED.setdefault(name, Named(name))


def load() -> None:
    """Load all that was named, one after another; to do it again costs nothing."""
    for name in tuple(_NAMED):
        importlib.import_module(name)

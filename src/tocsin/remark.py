"""Remarks: a sentence for a person as a key, its English, and the values in it, so that the edge can say it in any language.

- The English stands where it is made and reads as a sentence there; API, command line and journal say it as it is.
- Where people read, the key chooses the sentence of their language and the values are put into it
  (:mod:`tocsin.web.console.tell`); a test holds every key in the program to all languages.
- A value can be a remark itself, such as the name of a phase; several values are a tuple, several sentences a list.
"""

from __future__ import annotations

from datetime import datetime
from typing import Union

from msgspec import Struct

Value = Union[str, int, datetime, "Remark", tuple["str | Remark", ...], "list[Remark]"]


class Remark(Struct, frozen=True):
    """One sentence: ``key`` by which it is known, ``english`` with its places, ``values`` for them. Its text is English."""

    key: str
    english: str
    values: dict[str, Value] = {}

    def __str__(self) -> str:
        return self.english.format(**{name: _plain(value) for name, value in self.values.items()})


def remark(key: str, english: str, /, **values: Value) -> Remark:
    """The remark ``key``, which says ``english`` with ``values`` in its places."""
    return Remark(key, english, values)


def word(kind: str, name: str) -> Remark:
    """One word of ours, such as that of a phase: ``kind`` is ``phase``, ``name`` is ``act``."""
    return Remark(f"{kind}.{name}", name)


def _plain(value: Value) -> object:
    if isinstance(value, tuple):
        return ", ".join(str(one) for one in value)
    if isinstance(value, list):
        return " ".join(str(one) for one in value)
    return f"{value:,}" if isinstance(value, int) else value if isinstance(value, datetime) else str(value)

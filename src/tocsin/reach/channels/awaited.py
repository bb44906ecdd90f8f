"""Awaited: which message of a provider belongs to which delivery, until its receipt has come; also over a restart.

- A name is on disk before its message counts as accepted: a receipt that comes an hour and a restart later finds what
  it proves. For a message in parts all of its parts must have arrived.
- A receipt may overtake the answer that names its message; it waits a minute for it. One that comes twice counts once.
- The file holds the provider's names, alerts and subscriptions, never an address. A line that was cut by a power loss is
  passed over; what is older than three days, or beyond the most that are kept, is forgotten from the oldest on.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from secrets import token_hex

import msgspec
from msgspec import Struct

from tocsin.clock import Clock
from tocsin.recent import Recent

LASTS = timedelta(days=3)
"""So long networks try to bring a message, and bring receipts."""
MOST = 200_000
EARLY = timedelta(seconds=60)
"""So long a receipt waits for the answer that it has overtaken; longer, and a provider may use the name anew."""
MOST_EARLY = 10_000


class Line(Struct, frozen=True, array_like=True):
    """One line of the file: a message's name at the provider, and the delivery that it is a part of.

    ``arrived`` says that this part has come, and nothing else then.
    """

    name: str
    arrived: bool = False
    at: float = 0.0
    group: str = ""
    alert: str = ""
    subscription: str = ""
    parts: int = 1


_LINE = msgspec.json.Decoder(Line)


class Parts:
    """One delivery by a provider: how many of its messages have not arrived."""

    __slots__ = ("alert", "group", "left", "subscription")

    def __init__(self, alert: str, subscription: str, parts: int, group: str = "") -> None:
        self.alert, self.subscription, self.left, self.group = alert, subscription, parts, group or token_hex(6)


class Awaited:
    """What is awaited by one channel; without a ``path`` it is forgotten at a restart."""

    def __init__(self, path: Path | None, clock: Clock) -> None:
        self.path, self.clock = path, clock
        self._parts: Recent[str, Parts] = Recent(MOST)
        self._early: Recent[str, tuple[datetime, bool]] = Recent(MOST_EARLY)
        self._file = -1
        self._written = 0
        if path is not None:
            self._begin(path)

    def __len__(self) -> int:
        return len(self._parts)

    def put(self, name: str, parts: Parts) -> Parts | None:
        """Await the receipt of a message; :meth:`sync` has it on disk. The delivery if all of it has arrived already."""
        self._parts[name] = parts
        at = self.clock.now().timestamp()
        self._write(Line(name, False, at, parts.group, parts.alert, parts.subscription, parts.left))
        at_once, delivered = self._early.pop(name, (None, False))
        soon = at_once is not None and self.clock.now() - at_once <= EARLY
        return self.take(name, delivered) if soon else None

    def take(self, name: str, delivered: bool) -> Parts | None:
        """A receipt has come: the delivery if all of it has arrived now, else None."""
        parts = self._parts.pop(name, None)
        if parts is None:
            self._early[name] = self.clock.now(), delivered
            return None
        # Of a message of which a part was lost nothing more is awaited: it never has arrived as a whole.
        parts.left = parts.left - 1 if delivered else 0
        self._write(Line(name, True, group=parts.group, parts=int(delivered)))
        return parts if delivered and parts.left == 0 else None

    def sync(self) -> None:
        """Return when everything awaited is on disk; it blocks."""
        if self._file >= 0:
            os.fdatasync(self._file)

    def close(self) -> None:
        """Let go of the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _write(self, line: Line) -> None:
        if self._file >= 0:
            os.write(self._file, msgspec.json.encode(line) + b"\n")
            self._written += 1
            if self._written > 4 * MOST and self.path is not None:
                self.close()
                self._begin(self.path)

    def _begin(self, path: Path) -> None:
        """Read what is awaited, and write the file anew without what has come."""
        since = (self.clock.now() - LASTS).timestamp()
        groups: dict[str, Parts] = {}
        kept: dict[str, Line] = {}
        lost: set[str] = set()
        for line in _lines(path):
            if not line.arrived:
                kept[line.name] = line
                groups.setdefault(line.group, Parts(line.alert, line.subscription, line.parts, line.group))
                continue
            kept.pop(line.name, None)
            if line.group in groups:
                groups[line.group].left -= 1
            if not line.parts:
                lost.add(line.group)
        live = [line for line in kept.values() if line.at >= since and line.group not in lost][-MOST:]
        self._parts.clear()
        self._parts.update((line.name, groups[line.group]) for line in live)
        part = path.with_name(f".{path.name}.new")
        file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        for line in live:
            here = msgspec.structs.replace(line, parts=groups[line.group].left)
            os.write(file, msgspec.json.encode(here) + b"\n")
        os.fsync(file)
        part.replace(path)
        self._file, self._written = file, len(live)


def _lines(path: Path) -> Iterator[Line]:
    if not path.is_file():
        return
    with path.open("rb") as file:
        for text in file:
            try:
                yield _LINE.decode(text)
            except msgspec.DecodeError:
                continue

"""Ways out: what an installation says of its relay, broker and gateways, read from one file that only it can read.

- ``channels.toml`` in the data folder has one table a channel; keys and passwords stand there and not in the settings,
  so that settings can be shown. A name nobody knows is refused: a misspelt limit must not silently mean none.
- A channel without its table is there and says so: what waits for it is not lost, it is later (``tried`` is false).
- Whatever has expired, or is older than what was sent of its event, leaves by no way (F6).
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from tocsin.clock import Clock
from tocsin.errors import SettingsError
from tocsin.reach.channel import Kit, Outcome, later, refused
from tocsin.reach.delivery import Delivery
from tocsin.reach.wording import Told, Wordings
from tocsin.recent import Recent

ASK_AGAIN_S = 60.0
EVENTS = 20_000

T = TypeVar("T")


def way(kit: Kit, name: str, kind: type[T]) -> T | None:
    """The table ``name`` of ``channels.toml`` as ``kind``; None where there is none.

    Raises :class:`SettingsError` for a file that cannot be understood.
    """
    file = (kit.data or Path()) / kit.settings.channels
    if kit.data is None or not kit.settings.channels or not file.is_file():
        return None
    try:
        table: Any = tomllib.loads(file.read_text("utf-8")).get(name)
        return None if table is None else msgspec.convert(table, kind, strict=False)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        raise SettingsError(f"{file}: {wrong}") from None
    except msgspec.ValidationError as wrong:
        raise SettingsError(f"{file}, {name}: {wrong}") from None


class Unset:
    """A channel that nobody has said how to reach: everything for it waits until somebody does, or until it ends."""

    stride = 1000
    lanes = 1

    def __init__(self, name: str) -> None:
        self.name = name

    async def send(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        """Nothing leaves; see :class:`tocsin.reach.channel.Channel`."""
        return [later(ASK_AGAIN_S, "not set up", tried=False)] * len(batch)

    async def close(self) -> None:
        """There is nothing to let go of."""


class Order:
    """Which version of each event has left by this way, so that an older one does not leave after it."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._newest: Recent[str, int] = Recent(EVENTS)

    def stops(self, delivery: Delivery) -> Outcome | None:
        """Why this one must not leave now, or None; one that may leave is the newest of its event from here on."""
        if self.clock.now() >= delivery.deadline:
            # The dispatch sees that its deadline is over and notes it as expired.
            return later(0.0, "expired", tried=False)
        newest = self._newest.get(delivery.event_id, -1)
        if delivery.version < newest:
            return Outcome("refused", "superseded", None, False)
        self._newest[delivery.event_id] = delivery.version
        return None


class Saying:
    """What a channel has to say for each delivery, or why it says nothing."""

    def __init__(self, kit: Kit) -> None:
        self.words, self.order = Wordings(kit.cap), Order(kit.clock)

    def of(self, delivery: Delivery) -> Told | Outcome:
        """The words of a delivery that may leave now, or what it comes to: expired, superseded, or no bulletin."""
        if (stopped := self.order.stops(delivery)) is not None:
            return stopped
        try:
            return self.words.of(delivery)
        except msgspec.DecodeError:
            return refused("bulletin", tried=False)

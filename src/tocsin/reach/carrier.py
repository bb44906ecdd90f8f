"""A carrier: who takes what we send by a channel (a push service, a gateway, a relay, a broker), and whether it answers.

- One that was given something and has answered nothing for a minute is silent (F7), whether it refuses connections,
  takes them and says nothing, or its circuit is open; it is silent until it answers again.
- Being asked to come later is an answer. That nothing is set up is none, and is no silence either.
- A name is what a channel says of an address; addresses of persons are never one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from tocsin.reach.channel import Channel, Outcome
from tocsin.reach.delivery import Delivery

SILENT = timedelta(seconds=60)
UNSET = "not set up"
MOST = 1000
"""Carriers remembered; the one longest unused is forgotten first."""


class Carrier(Struct):
    """What is known about one carrier of a channel.

    ``waits_since`` is when it was first given something after its last answer, None when it has answered.
    ``asked``, ``accepted``, ``failed`` and ``later`` count deliveries since the start.
    """

    channel: str
    name: str
    asked: int = 0
    accepted: int = 0
    failed: int = 0
    later: int = 0
    reason: str = ""
    last_answer: datetime | None = None
    last_accepted: datetime | None = None
    waits_since: datetime | None = None
    unset: bool = False

    def silent_for(self, at: datetime) -> timedelta:
        """How long it has answered nothing to what it was given; zero when it has answered."""
        return at - self.waits_since if self.waits_since is not None and not self.unset else timedelta(0)

    def silent(self, at: datetime) -> bool:
        """Whether it has answered nothing for a minute."""
        return self.silent_for(at) >= SILENT


class Carriers:
    """Every carrier that was given something since the start."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str], Carrier] = OrderedDict()

    def __iter__(self) -> Iterator[Carrier]:
        return iter(list(self._known.values()))

    def of(self, channel: str) -> list[Carrier]:
        """The carriers of one channel, by name."""
        return sorted((one for one in self._known.values() if one.channel == channel), key=lambda one: one.name)

    def silent(self, at: datetime) -> list[Carrier]:
        """Those that answer nothing, the longest silent first."""
        found = [one for one in self._known.values() if one.silent(at)]
        return sorted(found, key=lambda one: -one.silent_for(at).total_seconds())

    def given(self, channel: Channel, batch: Sequence[Delivery], at: datetime) -> list[Carrier]:
        """A batch is handed to ``channel``; the carrier of each delivery, in the same order."""
        name = getattr(channel, "carrier", None)
        if name is None:
            one = self._one(channel.name, channel.name)
            one.asked += len(batch)
            one.waits_since = one.waits_since or at
            return [one] * len(batch)
        found = [self._one(channel.name, name(delivery.to.address)) for delivery in batch]
        for one in found:
            one.asked += 1
            one.waits_since = one.waits_since or at
        return found

    def answered(self, carriers: Sequence[Carrier], outcomes: Sequence[Outcome], at: datetime) -> None:
        """How it went with each delivery."""
        for one, outcome in zip(carriers, outcomes, strict=True):
            if outcome.kind == "accepted":
                one.accepted += 1
                one.last_accepted = one.last_answer = at
                one.waits_since, one.unset, one.reason = None, False, ""
            elif outcome.kind == "later":
                one.later += 1
                one.reason = outcome.reason
                one.unset = outcome.reason == UNSET
                if outcome.after_s is not None and outcome.tried:
                    one.last_answer, one.waits_since = at, None
            elif outcome.tried:
                one.failed += 1
                one.last_answer, one.waits_since, one.reason = at, None, outcome.reason or outcome.kind
            else:
                # It was refused here and nothing has left: that says nothing about the carrier.
                one.asked -= 1
                if one.asked == one.accepted + one.failed + one.later:
                    one.waits_since = None

    def _one(self, channel: str, name: str) -> Carrier:
        one = self._known.get((channel, name))
        if one is None:
            one = self._known[channel, name] = Carrier(channel, name)
            if len(self._known) > MOST:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end((channel, name))
        return one

"""A channel: a way of sending, behind one small interface that every channel implements.

- What is normal is a value: a delivery is accepted, refused, gone or to be tried later; ``send`` raises nothing.
- A channel does not retry, order or remember: that is done once, for all of them, in :mod:`tocsin.reach.dispatch`.
- A new channel is one file in ``tocsin.reach.channels`` that holds ``make(kit) -> Channel``, or one entry point of the
  group ``tocsin.channels`` that leads to such a function. Nothing else has to be edited.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Literal, Protocol

from msgspec import Struct

import tocsin.reach.channels
from tocsin.clock import Clock
from tocsin.reach.delivery import Delivery, Receipt
from tocsin.reach.prekey import PreKeys
from tocsin.reach.vapid import Signer
from tocsin.settings import Settings


class Outcome(Struct, frozen=True):
    """How one attempt went.

    ``after_s`` is how long the other side asks us to wait, None if it does not say. ``tried`` is false when nothing
    left us, so that nobody can have seen the alert.
    """

    kind: Literal["accepted", "refused", "gone", "later"]
    reason: str = ""
    after_s: float | None = None
    tried: bool = True


ACCEPTED = Outcome("accepted")
GONE = Outcome("gone")


def refused(reason: str, tried: bool = True) -> Outcome:
    """The other side will never take this one; ``reason`` is a code for the operator."""
    return Outcome("refused", reason, None, tried)


def later(after_s: float | None = None, reason: str = "", tried: bool = True) -> Outcome:
    """Try again, not before ``after_s`` seconds where the other side said so."""
    return Outcome("later", reason, after_s, tried)


class Channel(Protocol):
    """A way of sending.

    Beyond what every channel has, one may have ``arm()`` (do in calm what would otherwise be done at the alarm),
    ``prepare(delivery)`` (make in advance what all deliveries of an alert need), ``carrier(address)`` (the name of who
    takes it there, never anything of the address that is a person's), ``resting()`` (the carriers that are left alone
    now, with why) and ``proves`` (the most that it can prove by itself, accepted where it does not say).
    """

    name: str
    """What subscriptions call it."""
    stride: int
    """How many deliveries it likes to be given at once."""
    lanes: int
    """How many sends it likes to have under way at once."""

    async def send(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        """Send each of ``batch`` and say how it went, in the same order. Raises nothing but cancellation."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


def _nothing(identifier: str) -> bytes | None:
    return None


def _nobody(alert: str, subscription: str, level: Receipt) -> object:
    return None


class Kit(Struct, frozen=True):
    """What a channel is made with.

    ``data`` is the installation's folder. ``cap`` gives the CAP XML of a published alert by its identifier, or None;
    ``receipt`` is told what the other side says later of a delivery (alert, subscription, level). ``signer`` and
    ``prekeys`` are for Web Push.
    """

    settings: Settings
    clock: Clock
    signer: Signer | None = None
    prekeys: PreKeys | None = None
    data: Path | None = None
    cap: Callable[[str], bytes | None] = _nothing
    receipt: Callable[[str, str, Receipt], object] = _nobody


Make = Callable[[Kit], Channel]


def makers() -> dict[str, Make]:
    """How to make each channel that there is, by name: ours, and those that others have installed."""
    found: dict[str, Make] = {}
    for point in entry_points(group="tocsin.channels"):
        found[point.name] = point.load()
    for module in pkgutil.iter_modules(tocsin.reach.channels.__path__):
        make = getattr(importlib.import_module(f"tocsin.reach.channels.{module.name}"), "make", None)
        if make is not None:
            # A file named for a package it drives ends in an underscore; the channel's name does not.
            found[module.name.rstrip("_")] = make
    return found


def all_channels(kit: Kit) -> dict[str, Channel]:
    """Every channel there is, ready to send."""
    return {name: make(kit) for name, make in makers().items()}

"""A delivery: one alert to one subscriber by one channel, and the proof of how it went.

- A sealed batch is one row for up to a thousand recipients with one byte for each: its mark. So durability costs one
  commit a batch, and every recipient's receipt can still be looked up.
- A mark never says less than what may have happened: who may have been reached counts as sent, because a retraction
  must go to everybody who may have seen the alert (F2).
- A receipt has a level: accepted by the other side, shown to the person, answered by the person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any, Protocol

import numpy as np
from msgspec import Struct

from tocsin.journal import EXERCISE, Fact
from tocsin.reach.pace import Pace
from tocsin.reach.wanted import LOUD

DELIVERY_SEALED = "delivery:sealed"
DELIVERY_SETTLED = "delivery:settled"
DELIVERY_SUMMED = "delivery:summed"

MACHINES = frozenset({"webhook", "mqtt", "siren"})
"""Channels by which systems are told, and not persons."""

BATCH = 1000
"""The most recipients in one sealed batch."""

Numbers = np.ndarray[Any, np.dtype[np.int64]]
Marks = np.ndarray[Any, np.dtype[np.uint8]]


class Mark(IntEnum):
    """How one delivery stands; one byte in its batch."""

    PENDING = 0
    """Its turn has not come."""
    SENDING = 1
    """Handed to the channel; after a crash nobody knows whether it arrived."""
    ACCEPTED = 2
    REFUSED = 3
    GONE = 4
    WAITING = 5
    """Tried without success; to be tried again."""
    EXPIRED = 6
    """Never tried: the alert ended first."""
    SUPERSEDED = 7
    """Never tried: a newer version came first."""
    EXHAUSTED = 8
    """Tried as often as is reasonable, or until the alert ended: a dead letter."""
    OVERTAKEN = 9
    """Tried without a certain answer when a newer version came."""
    ENDED = 10
    """The subscription ended before its turn."""
    SHOWN = 11
    ANSWERED = 12
    RESERVED = 13
    """Held back: another channel of the same person comes first, and may be enough."""
    SPARED = 14
    """Never tried: another channel of the same person was enough."""


DUE = frozenset({Mark.PENDING, Mark.SENDING, Mark.WAITING})
OPEN = DUE | {Mark.RESERVED}
REACHED = frozenset(
    {Mark.SENDING, Mark.ACCEPTED, Mark.WAITING, Mark.EXHAUSTED, Mark.OVERTAKEN, Mark.SHOWN, Mark.ANSWERED}
)
"""Marks of those who may have seen the alert, and so must see its retraction."""
REACHED_CODES = np.array(sorted(REACHED), dtype=np.uint8)
OPEN_CODES = np.array(sorted(OPEN), dtype=np.uint8)
DUE_CODES = np.array(sorted(DUE), dtype=np.uint8)
PROVEN = frozenset({Mark.ACCEPTED, Mark.SHOWN, Mark.ANSWERED})
PROVEN_CODES = np.array(sorted(PROVEN), dtype=np.uint8)
FAILED = frozenset({Mark.REFUSED, Mark.GONE, Mark.EXPIRED, Mark.EXHAUSTED, Mark.ENDED})
FAILED_CODES = np.array(sorted(FAILED), dtype=np.uint8)
"""Marks after which another channel is the only way left."""


class Receipt(StrEnum):
    """The level of a proof of delivery."""

    ACCEPTED = "accepted"
    SHOWN = "shown"
    ANSWERED = "answered"


class Address(Struct, frozen=True):
    """Where one subscription is reached: unsealed, in memory only while it is being used."""

    number: int
    subscription: str
    address: str
    secrets: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()


class Delivery(Struct, frozen=True):
    """One alert for one subscriber; ``body`` is the bulletin's JSON, ``deadline`` its last moment.

    ``loudness`` is how loud the subscriber wants it there (:mod:`tocsin.reach.wanted`).
    """

    alert: str
    event_id: str
    version: int
    phase: str
    realm: str
    deadline: datetime
    body: bytes
    to: Address
    loudness: str = LOUD


class Batch(Struct, frozen=True):
    """A sealed batch. ``recipients`` are subscription numbers in rising order, ``marks`` one byte for each of them.

    ``seq`` is the number of the journal entry that published the alert; ``rank`` its place in the queue, lower first.
    ``rung`` is 0 for the channel by which a person is told first, 1 for those that are held back behind it.
    """

    id: int
    alert: str
    event_id: str
    version: int
    phase: str
    channel: str
    realm: str
    rank: int
    seq: int
    deadline: datetime
    recipients: Numbers
    marks: Marks
    rung: int = 0


class Plan(Struct, frozen=True):
    """An alert and whom it goes to, by channel; what is sealed.

    ``reserve`` are further channels of people who are among ``recipients`` by another one.
    """

    alert: str
    event_id: str
    version: int
    phase: str
    realm: str
    rank: int
    seq: int
    deadline: datetime
    recipients: dict[str, Numbers]
    reserve: dict[str, Numbers] = {}


class Sealed(Struct, frozen=True):
    """The body of ``delivery:sealed``; the entry's subject is ``<identifier>@<channel>``.

    ``areas`` counts the recipients by the first-level region of their place, ``languages`` by their first language;
    the empty name stands for a place that nobody knows and for no language named.
    """

    alert: str
    event_id: str
    version: int
    phase: str
    channel: str
    recipients: int
    areas: dict[str, int] = {}
    languages: dict[str, int] = {}


class Settled(Struct, frozen=True):
    """The body of ``delivery:settled``: how many ended with which mark, and how fast they were reached.

    ``curve`` holds the seconds from publication until the ``first``, and until 50, 95 and 99 of 100 of those reached, were
    accepted (``p50``, ``p95``, ``p99``); it is empty where nobody was. ``curve_partial``: some were accepted before a
    restart, and are not in it.
    """

    alert: str
    event_id: str
    version: int
    phase: str
    channel: str
    outcomes: dict[str, int]
    curve: dict[str, float] = {}
    curve_partial: bool = False


class Summed(Struct, frozen=True):
    """The body of ``delivery:summed``: how many ended with which mark, late receipts among them, when who it was is erased.

    The entry's subject is ``<identifier>@<channel>``.
    """

    alert: str
    event_id: str
    version: int
    phase: str
    channel: str
    outcomes: dict[str, int]


class Proof(Struct, frozen=True):
    """What is known about one alert to one subscriber."""

    alert: str
    event_id: str
    version: int
    phase: str
    channel: str
    mark: str
    receipt: Receipt | None


class Batches(Protocol):
    """Where sealed batches are kept; calls block, and what they wrote is on disk when they return or resolve."""

    def seal(
        self, follower: str, upto: int, facts: Sequence[Fact], plans: Sequence[Plan], versions: Mapping[str, int]
    ) -> list[Batch]:
        """Seal ``plans``, remember the newest ``versions`` of events, record ``facts`` and move the cursor: one commit.

        A cursor that is at or beyond ``upto`` means that this was done before: nothing happens.
        """
        ...

    def newest(self, event_ids: Sequence[str]) -> dict[str, int]:
        """The newest version known of each of these events; events never met are not in it."""
        ...

    def open(self) -> list[Batch]:
        """Every batch that is not settled, with the marks that survived."""
        ...

    def marks(self, batch: Batch) -> Marks:
        """Marks to write on while the batch is sent; they survive the death of the process, not that of the machine."""
        ...

    def save(self, kept: Sequence[tuple[int, bytes, bool]]) -> Future[None]:
        """Put (batch, its marks, whether it is settled) on disk in one commit."""
        ...

    def release(self, ids: Sequence[int]) -> None:
        """These batches are settled and saved: nobody writes on their marks any more."""
        ...

    def reached(self, event_id: str) -> Numbers:
        """Everybody who may have seen any version of this event, in rising order."""
        ...

    def warned(self, event_id: str) -> Numbers:
        """Those of :meth:`reached` for whom the last that they may have seen of this event is a warning."""
        ...

    def knowing(self, event_id: str, phase: str) -> Numbers:
        """Those who surely have the newest that this event had for them, and for whom that was of ``phase``."""
        ...

    def latest(self, event_id: str, below: int) -> int | None:
        """The number of the entry that published the newest version ``below`` this one that went to anybody."""
        ...

    def announce(self, alerts: Sequence[str], paces: Mapping[tuple[str, str], Pace] = {}) -> None:
        """Record ``delivery:settled`` for each of these alerts on each channel where all is settled; once each.

        ``paces`` says, by alert and channel, how fast they were accepted as far as that was seen.
        """
        ...

    def unannounced(self) -> list[str]:
        """Alerts that are settled on some channel, but the journal does not say so."""
        ...

    def proofs(self, number: int) -> list[Proof]:
        """Everything that is known about deliveries to one subscription, newest first."""
        ...

    def told(self, alert: str) -> list[Batch]:
        """Every batch of one alert, settled or not, with its marks as they are known now."""
        ...

    def receive(self, receipts: Sequence[tuple[str, int, Mark]]) -> Future[int]:
        """Raise the marks of (alert, number) to what was received, in one commit; how many of them it raised."""
        ...


class AddressBook(Protocol):
    """Where addresses and secrets are kept, sealed."""

    def addresses(self, numbers: Sequence[int]) -> dict[int, Address]:
        """The addresses of those of ``numbers`` whose subscription has not ended."""
        ...


_RECEIPTS = {Mark.ACCEPTED: Receipt.ACCEPTED, Mark.SHOWN: Receipt.SHOWN, Mark.ANSWERED: Receipt.ANSWERED}


def receipt(mark: int) -> Receipt | None:
    """The level of the proof that a mark is, or None where there is none."""
    return _RECEIPTS.get(Mark(mark))


def count(marks: Marks) -> dict[str, int]:
    """How many have which mark, by its name in lower case."""
    values, numbers = np.unique(marks, return_counts=True)
    return {Mark(int(value)).name.lower(): int(n) for value, n in zip(values, numbers, strict=True)}


def raised(mark: int, level: int) -> bool:
    """Whether a receipt of ``level`` says more than ``mark`` does. Who was never sent to has seen nothing."""
    return mark in REACHED and mark != Mark.ANSWERED and (mark != Mark.SHOWN or level == Mark.ANSWERED)


def mark_of(level: Receipt) -> Mark:
    """The mark that a receipt of this level leaves."""
    return {Receipt.ACCEPTED: Mark.ACCEPTED, Receipt.SHOWN: Mark.SHOWN, Receipt.ANSWERED: Mark.ANSWERED}[level]


WARNINGS = frozenset({"prepare", "act", "hold"})
"""Phases in which a danger stands."""
_RANKS = {"retracted": 0, "act": 0, "hold": 1, "all-clear": 1, "prepare": 2}


AFTER_ALL = 20
"""Added to the rank of what the self-drill sends: it leaves after everything that somebody published."""


def rank(phase: str, realm: str) -> int:
    """The place of an alert in every queue, lower first: what saves lives, and anything actual before any exercise."""
    return _RANKS.get(phase, 3) + (10 if realm != "actual" else 0)


def proving(rank: int) -> bool:
    """Whether what has this rank is the self-drill's, and is for nobody but its canaries."""
    return rank >= AFTER_ALL


def realm_of(rank: int, realm: str) -> str:
    """The realm of what has this rank in an installation of ``realm``: the self-drill's is always exercise."""
    return EXERCISE if proving(rank) else realm

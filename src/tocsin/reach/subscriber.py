"""A subscriber: a person or system, and the subscription that says where, in which phases and by which channel.

- A subscription is made and ended by facts in the journal, which hold its id, areas and channel and nothing by which a
  person could be found; the address, the secrets and the points are kept sealed beside it.
- It ends by its owner, or by a channel that says it is gone; never silently. Its address is erased at once.
- A crash between the address and the fact leaves an address nobody uses, which is erased at the next start.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec
from msgspec import Struct

from tocsin.clock import Clock
from tocsin.journal import Fact, Journal, fact, follow

SUBSCRIPTION_MADE = "subscription:made"
SUBSCRIPTION_ENDED = "subscription:ended"

Point = tuple[int, int]
"""Latitude and longitude in micro-degrees."""


class Subscription(Struct, frozen=True):
    """What one subscriber wants by one channel.

    ``areas`` are area codes, ``points`` places in micro-degrees; ``phases`` empty for all; ``audience`` is ``public``
    or ``staff``, who are told of restricted alerts as well. ``number`` is its short name in sealed batches.
    """

    id: str
    channel: str
    areas: tuple[str, ...] = ()
    points: tuple[Point, ...] = ()
    phases: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    audience: str = "public"
    number: int = 0
    made: datetime | None = None


class Made(Struct, frozen=True):
    """The body of ``subscription:made``; the entry's subject is the subscription's id."""

    number: int
    channel: str
    areas: tuple[str, ...]
    points: int
    phases: tuple[str, ...]
    languages: tuple[str, ...]
    audience: str


class Ended(Struct, frozen=True):
    """The body of ``subscription:ended``; ``reason`` is ``owner``, ``gone`` or ``date``."""

    number: int
    channel: str
    reason: str


class Book(Protocol):
    """Where one realm's addresses, secrets and points are kept, sealed.

    Calls block; what they wrote is on disk on return.
    """

    def enter(self, subscription: str, channel: str, address: str, kept: Sequence[str], points: Sequence[Point]) -> int:
        """Keep an address with its secrets and points, and give it a number that is never used again."""
        ...

    def points(self) -> dict[int, tuple[Point, ...]]:
        """The points of every subscription that has some, by number."""
        ...

    def numbers(self) -> set[int]:
        """Every number that has an address."""
        ...

    def erase(self, numbers: Sequence[int]) -> None:
        """Erase these addresses, secrets and points."""
        ...

    def rekey(self, number: int, kept: Sequence[str]) -> None:
        """Put other secrets in place of a subscription's."""
        ...

    def find(self, channel: str, address: str) -> list[int]:
        """The numbers under which this address is kept."""
        ...


class Roll(Protocol):
    """Who is told when subscriptions come and go: the audience."""

    def add(self, number: int, one: Subscription, /) -> None: ...

    def remove(self, number: int, /) -> None: ...

    def subscription(self, number: int, /) -> Subscription | None: ...

    def number(self, subscription: str, /) -> int | None: ...


class Subscribers:
    """Every subscription of one realm: makes and ends them, and keeps the audience told."""

    def __init__(self, journal: Journal, book: Book, roll: Roll, clock: Clock, realm: str) -> None:
        self.journal, self.book, self.roll, self.clock, self.realm = journal, book, roll, clock, realm

    def load(self) -> int:
        """Read the journal, fill the audience, erase addresses nobody uses; how many subscriptions are live."""
        live: dict[str, Subscription] = {}
        for entry in follow(self.journal, 0, (SUBSCRIPTION_MADE, SUBSCRIPTION_ENDED)):
            if entry.realm != self.realm:
                continue
            if entry.kind == SUBSCRIPTION_ENDED:
                live.pop(entry.subject, None)
                continue
            made = entry.read(Made)
            live[entry.subject] = Subscription(
                entry.subject,
                made.channel,
                made.areas,
                (),
                made.phases,
                made.languages,
                made.audience,
                made.number,
                entry.at,
            )
        points, known = self.book.points(), self.book.numbers()
        for one in live.values():
            if one.number in known:
                self.roll.add(one.number, msgspec.structs.replace(one, points=points.get(one.number, ())))
        if unused := known - {one.number for one in live.values()}:
            self.book.erase(sorted(unused))
        return len(live)

    def make(
        self,
        channel: str,
        address: str,
        *,
        kept: Sequence[str] = (),
        areas: Sequence[str] = (),
        points: Sequence[Point] = (),
        phases: Sequence[str] = (),
        languages: Sequence[str] = (),
        audience: str = "public",
    ) -> Subscription:
        """Make a subscription; ``kept`` are its secrets (newest first). It is on disk on return."""
        name = secrets.token_urlsafe(18)
        number = self.book.enter(name, channel, address, kept, points)
        made = Made(number, channel, tuple(areas), len(points), tuple(phases), tuple(languages), audience)
        entry = self.journal.append([fact(SUBSCRIPTION_MADE, name, made, self.realm)])[0]
        one = Subscription(
            name, channel, made.areas, tuple(points), made.phases, made.languages, audience, number, entry.at
        )
        self.roll.add(number, one)
        return one

    def end(self, subscription: str, reason: str = "owner") -> bool:
        """End a subscription and erase its address; false if there is none, which nobody outside is to be told."""
        number = self.roll.number(subscription)
        one = self.roll.subscription(number) if number is not None else None
        if one is None:
            return False
        ended: Fact = fact(SUBSCRIPTION_ENDED, one.id, Ended(one.number, one.channel, reason), self.realm)
        self.journal.append([ended])
        self.roll.remove(one.number)
        self.book.erase([one.number])
        return True

    def rotate(self, subscription: str, new: str, old: str | None = None) -> bool:
        """Give a subscription a new secret; ``old`` still signs beside it until the next rotation."""
        number = self.roll.number(subscription)
        if number is None:
            return False
        self.book.rekey(number, (new, old) if old else (new,))
        return True

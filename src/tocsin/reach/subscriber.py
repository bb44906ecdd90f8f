"""A subscriber: a person or system, and the subscription that says where, in which phases and by which channel.

- A subscription is made and ended by facts in the journal, which hold its id, areas and channel and nothing by which a
  person could be found; the address, the secrets and the points are kept sealed beside it.
- It ends by its owner, or by a channel that says it is gone; never silently. Its address is erased at once.
- A crash between the address and the fact leaves an address nobody uses, which is erased at the next start.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
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


class Wish(Struct, frozen=True):
    """A subscription to be made: what it wants, and ``address`` and ``kept`` (its secrets, newest first)."""

    channel: str
    address: str
    kept: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    points: tuple[Point, ...] = ()
    phases: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    audience: str = "public"


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

    def enter(self, wishes: Sequence[tuple[str, Wish]]) -> list[int]:
        """Keep the addresses, secrets and points of subscriptions (id, wish); their numbers, never used again."""
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

    def load(self, ones: Iterable[tuple[int, Subscription]], /) -> None: ...

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
        self.roll.load(
            (one.number, msgspec.structs.replace(one, points=points.get(one.number, ())))
            for one in live.values()
            if one.number in known
        )
        if unused := known - {one.number for one in live.values()}:
            self.book.erase(sorted(unused))
        return len(live)

    def make(self, wish: Wish) -> Subscription:
        """Make a subscription; it is on disk on return."""
        return self.make_all([wish])[0]

    def make_all(self, wishes: Sequence[Wish]) -> list[Subscription]:
        """Make many subscriptions in two commits; all or none of them are there."""
        names = [secrets.token_urlsafe(18) for _ in wishes]
        numbers = self.book.enter(list(zip(names, wishes, strict=True)))
        facts = [
            fact(
                SUBSCRIPTION_MADE,
                name,
                Made(number, wish.channel, wish.areas, len(wish.points), wish.phases, wish.languages, wish.audience),
                self.realm,
            )
            for name, number, wish in zip(names, numbers, wishes, strict=True)
        ]
        made = [
            Subscription(
                entry.subject,
                wish.channel,
                wish.areas,
                wish.points,
                wish.phases,
                wish.languages,
                wish.audience,
                number,
                entry.at,
            )
            for entry, number, wish in zip(self.journal.append(facts), numbers, wishes, strict=True)
        ]
        for one in made:
            self.roll.add(one.number, one)
        return made

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

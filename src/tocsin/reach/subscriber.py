"""A subscriber: a person or system, and the subscription that says where, when, how grave, and by which channel.

- A subscription is made, changed and ended by facts in the journal, which hold its id, areas and channel and nothing by
  which a person could be found; the address, the secrets, the places and whose it is are kept sealed beside it.
- It ends by its owner, by its own date, or by a channel that says it is gone; never silently. Its address is erased at
  once, and so are its secrets and places.
- Channels of one person share an opaque ``person`` and are tried in their ``order``.
- A crash between the address and the fact leaves an address nobody uses, which is erased at the next start.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from tocsin.clock import Clock
from tocsin.journal import Entry, Fact, Journal, fact, follow
from tocsin.reach.wanted import Loudness, Point, Watch

SUBSCRIPTION_MADE = "subscription:made"
SUBSCRIPTION_CHANGED = "subscription:changed"
SUBSCRIPTION_ENDED = "subscription:ended"

AT_ONCE = 2000
"""So many subscriptions are read together at the start: few enough that their opened boxes take no room."""


class Subscription(Struct, frozen=True):
    """What one subscriber wants by one channel.

    ``areas`` are area codes, ``points`` places in micro-degrees, ``watches`` circles, ``polygons`` areas of its own
    (rings of latitude, longitude in micro-degrees); ``phases`` and CAP ``severities`` empty for all. ``audience`` is
    ``public``, ``citizen`` or ``staff``, who are told of restricted alerts as well, with the ``roles`` they answer for.
    It holds from ``start`` to ``until``, its last moment. ``person`` is shared by one person's subscriptions, which are
    tried by rising ``order``. ``number`` is its short name in sealed batches.
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
    watches: tuple[Watch, ...] = ()
    polygons: tuple[tuple[Point, ...], ...] = ()
    loudness: tuple[Loudness, ...] = ()
    severities: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    start: datetime | None = None
    until: datetime | None = None
    person: str = ""
    order: int = 0


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
    watches: tuple[Watch, ...] = ()
    polygons: tuple[tuple[Point, ...], ...] = ()
    loudness: tuple[Loudness, ...] = ()
    severities: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    start: datetime | None = None
    until: datetime | None = None
    person: str = ""
    order: int = 0


class Places(Struct, frozen=True, omit_defaults=True):
    """What is sealed of a subscription beside its address: where it is exactly, how loud there, and whose it is."""

    points: tuple[Point, ...] = ()
    watches: tuple[Watch, ...] = ()
    polygons: tuple[tuple[Point, ...], ...] = ()
    loudness: tuple[Loudness, ...] = ()
    person: str = ""


class Made(Struct, frozen=True):
    """The body of ``subscription:made`` and ``subscription:changed``; the entry's subject is the subscription's id.

    ``points``, ``watches`` and ``polygons`` say how many there are.
    """

    number: int
    channel: str
    areas: tuple[str, ...]
    points: int
    phases: tuple[str, ...]
    languages: tuple[str, ...]
    audience: str
    watches: int = 0
    polygons: int = 0
    severities: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    start: datetime | None = None
    until: datetime | None = None
    order: int = 0


class Ended(Struct, frozen=True):
    """The body of ``subscription:ended``; ``reason`` is ``owner``, ``gone``, ``date`` or ``operator``.

    ``person`` is whose it was where they have other channels, by one of which they are told.
    """

    number: int
    channel: str
    reason: str
    person: str = ""


class Book(Protocol):
    """Where one realm's addresses, secrets and places are kept, sealed.

    Calls block; what they wrote is on disk on return.
    """

    def enter(self, wishes: Sequence[tuple[str, Wish]]) -> list[int]:
        """Keep the addresses, secrets and places of subscriptions (id, wish); their numbers, never used again."""
        ...

    def places(self, numbers: Sequence[int]) -> dict[int, Places]:
        """What is sealed beside the address of each of ``numbers`` that has one."""
        ...

    def replace(self, number: int, places: Places, languages: tuple[str, ...]) -> None:
        """Put other places and languages in place of a subscription's."""
        ...

    def numbers(self) -> set[int]:
        """Every number that has an address."""
        ...

    def erase(self, numbers: Sequence[int]) -> None:
        """Erase these addresses, secrets and places."""
        ...

    def rekey(self, number: int, kept: Sequence[str]) -> None:
        """Put other secrets in place of a subscription's."""
        ...

    def find(self, channel: str, address: str) -> list[int]:
        """The numbers under which this address is kept."""
        ...

    def mark(self, what: str, value: str) -> str:
        """A name for ``value`` that is always the same here and from which nobody without the key learns it."""
        ...


class Roll(Protocol):
    """Who is told when subscriptions come and go: the audience."""

    def load(self, ones: Iterable[tuple[int, Subscription]], /) -> None: ...

    def add(self, number: int, one: Subscription, /) -> None: ...

    def remove(self, number: int, /) -> None: ...

    def subscription(self, number: int, /) -> Subscription | None: ...

    def number(self, subscription: str, /) -> int | None: ...

    def of_person(self, person: str, /) -> tuple[int, ...]: ...

    def persons(self, prefix: str, /) -> list[str]: ...


class Subscribers:
    """Every subscription of one realm: makes, changes and ends them, and keeps the audience told."""

    def __init__(self, journal: Journal, book: Book, roll: Roll, clock: Clock, realm: str) -> None:
        self.journal, self.book, self.roll, self.clock, self.realm = journal, book, roll, clock, realm

    def load(self) -> int:
        """Read the journal, fill the audience, erase addresses nobody uses; how many subscriptions are live."""
        over: set[str] = set()
        changed: dict[str, Made] = {}
        for entry in follow(self.journal, 0, (SUBSCRIPTION_CHANGED, SUBSCRIPTION_ENDED)):
            if entry.realm != self.realm:
                continue
            if entry.kind == SUBSCRIPTION_ENDED:
                over.add(entry.subject)
            else:
                changed[entry.subject] = entry.read(Made)
        unused, live = self.book.numbers(), 0

        def ones() -> Iterator[tuple[int, Subscription]]:
            nonlocal live
            # What most have in common is kept once.
            same: dict[Any, Any] = {}
            entries = self._made(over)
            while some := list(islice(entries, AT_ONCE)):
                read = [(entry, changed.get(entry.subject) or entry.read(Made)) for entry in some]
                kept = self.book.places([made.number for _, made in read])
                live += len(read)
                for entry, made in read:
                    # Without an address nobody can be told.
                    if made.number in kept:
                        unused.discard(made.number)
                        yield made.number, _known(entry, made, kept[made.number], same)

        self.roll.load(ones())
        if unused:
            self.book.erase(sorted(unused))
        return live

    def _made(self, over: set[str]) -> Iterator[Entry]:
        """The entries that made what has not ended."""
        for entry in follow(self.journal, 0, (SUBSCRIPTION_MADE,)):
            if entry.realm == self.realm and entry.subject not in over:
                yield entry

    def make(self, wish: Wish) -> Subscription:
        """Make a subscription; it is on disk on return."""
        return self.make_all([wish])[0]

    def make_all(self, wishes: Sequence[Wish]) -> list[Subscription]:
        """Make many subscriptions in two commits; all or none of them are there."""
        names = [secrets.token_urlsafe(18) for _ in wishes]
        numbers = self.book.enter(list(zip(names, wishes, strict=True)))
        facts = [
            fact(SUBSCRIPTION_MADE, name, body(number, wish), self.realm)
            for name, number, wish in zip(names, numbers, wishes, strict=True)
        ]
        made = [
            Subscription(entry.subject, number=number, made=entry.at, **wanted(wish))
            for entry, number, wish in zip(self.journal.append(facts), numbers, wishes, strict=True)
        ]
        for one in made:
            self.roll.add(one.number, one)
        return made

    def change(self, subscription: str, wanted_now: Mapping[str, Any]) -> Subscription | None:
        """Have a subscription want something else (fields of :class:`Subscription`); None if there is none.

        Neither its address nor its channel changes: that is another subscription.
        """
        one = self.get(subscription)
        if one is None:
            return None
        new = msgspec.structs.replace(one, **wanted_now)
        if new == one:
            return one
        assert (new.id, new.number, new.channel) == (one.id, one.number, one.channel)
        self.book.replace(new.number, places(new), new.languages)
        self.journal.append([fact(SUBSCRIPTION_CHANGED, new.id, body(new.number, new), self.realm)])
        self.roll.add(new.number, new)
        return new

    def get(self, subscription: str) -> Subscription | None:
        """The live subscription with this id."""
        number = self.roll.number(subscription)
        return self.roll.subscription(number) if number is not None else None

    def others(self, one: Subscription) -> list[Subscription]:
        """The other subscriptions of the same person, in the order in which they are tried."""
        if not one.person:
            return []
        found = [self.roll.subscription(number) for number in self.roll.of_person(one.person) if number != one.number]
        return sorted((other for other in found if other is not None), key=lambda other: (other.order, other.number))

    def end(self, subscription: str, reason: str = "owner") -> bool:
        """End a subscription and erase its address; false if there is none, which nobody outside is to be told."""
        return bool(self.end_all([subscription], reason))

    def end_all(self, subscriptions: Iterable[str], reason: str) -> int:
        """End many subscriptions in two commits; how many of them there were."""
        found = {one.number: one for name in subscriptions if (one := self.get(name)) is not None}
        if not found:
            return 0
        facts: list[Fact] = [
            fact(SUBSCRIPTION_ENDED, one.id, Ended(one.number, one.channel, reason, one.person), self.realm)
            for one in found.values()
        ]
        self.journal.append(facts)
        for number in found:
            self.roll.remove(number)
        self.book.erase(list(found))
        return len(found)

    def rotate(self, subscription: str, new: str, old: str | None = None) -> bool:
        """Give a subscription a new secret; ``old`` still signs beside it until the next rotation."""
        number = self.roll.number(subscription)
        if number is None:
            return False
        self.book.rekey(number, (new, old) if old else (new,))
        return True


WANTED = tuple(name for name in Wish.__struct_fields__ if name in Subscription.__struct_fields__)
"""The fields that a wish and what is made of it have in common."""


def wanted(one: Wish | Subscription) -> dict[str, Any]:
    """What is wanted, by the name of its field."""
    return {name: getattr(one, name) for name in WANTED}


def places(one: Wish | Subscription) -> Places:
    """What is sealed of it beside its address."""
    return Places(one.points, one.watches, one.polygons, one.loudness, one.person)


def body(number: int, one: Wish | Subscription) -> Made:
    """What the journal is told of it."""
    return Made(
        number,
        one.channel,
        one.areas,
        len(one.points),
        one.phases,
        one.languages,
        one.audience,
        len(one.watches),
        len(one.polygons),
        one.severities,
        one.roles,
        one.start,
        one.until,
        one.order,
    )


def _known(entry: Entry, made: Made, kept: Places, same: dict[Any, Any]) -> Subscription:
    """The subscription that an entry made, with what is sealed of it."""
    return Subscription(
        entry.subject,
        made.channel,
        same.setdefault(made.areas, made.areas),
        kept.points,
        made.phases,
        made.languages,
        made.audience,
        made.number,
        entry.at,
        same.setdefault(kept.watches, kept.watches),
        kept.polygons,
        kept.loudness,
        made.severities,
        made.roles,
        made.start,
        made.until,
        kept.person,
        made.order,
    )

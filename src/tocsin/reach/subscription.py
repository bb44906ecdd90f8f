"""A subscription: where, when, how grave and by which channel somebody wants to be told, and what is recorded of it.

- The journal is told its id, areas and channel, and how many places it has: nothing by which a person could be found.
- Points, circles, polygons, loudness and whose it is are sealed beside its address (:class:`Places`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct

from tocsin.journal import Entry
from tocsin.reach.wanted import Loudness, Point, Watch

SUBSCRIPTION_MADE = "subscription:made"
SUBSCRIPTION_CHANGED = "subscription:changed"
SUBSCRIPTION_ENDED = "subscription:ended"


class Subscription(Struct, frozen=True, omit_defaults=True, gc=False):
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


def known(entry: Entry, made: Made, kept: Places, same: dict[Any, Any]) -> Subscription:
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

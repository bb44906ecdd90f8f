"""What a subscription may say beyond areas and points: circles watched, areas of its own, how grave, until when.

- A stay that has a last moment is over by itself: from then on nothing concerns it.
- Staff may bear roles; an alert for a role concerns those who bear it.

To be merged into :class:`tocsin.reach.subscriber.Subscription` where subscriptions are stored.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from tocsin.reach.subscriber import Point, Subscription


class Watch(Struct, frozen=True):
    """A point in micro-degrees and how many metres around it are watched."""

    latitude: int
    longitude: int
    radius_m: int


class Wanted(Subscription, frozen=True):
    """A subscription with all that it may say.

    ``watches`` are circles it watches, ``polygons`` areas of its own (rings of latitude, longitude in micro-degrees),
    ``severities`` those of CAP it wants (empty for all), ``roles`` what staff answer for, ``until`` its last moment.
    """

    watches: tuple[Watch, ...] = ()
    polygons: tuple[tuple[Point, ...], ...] = ()
    severities: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    until: datetime | None = None

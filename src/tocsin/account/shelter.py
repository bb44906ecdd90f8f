"""A shelter: where people go, whether it is open at a moment, and how long it takes to walk there.

- Silence is never open: hours that nobody knows are unknown, and so is a person's word that has grown old.
- Two independent reports of a locked door make it doubtful until somebody of this house has looked (practice.md F11).
- Minutes on foot are rounded up and count a way around houses, at a pace that slow people keep: a shelter that is called
  reachable must be reached.
- What a source says (:class:`Shelter`) and what this house knows (:class:`Standing`) are kept apart: importing again
  changes the first and never the second.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from tocsin.account.hours import open_at
from tocsin.place.language import chain

PACE_M_S = 1.07
"""Metres a second on foot: 3.5 ft/s, the pace for which crossings are timed (MUTCD 2009, section 4E.06)."""
DETOUR = 1.4
"""The way through streets over the straight line: 1.2 to 1.4 on networks measured (Ballou et al. 2002, circuity factors)."""
WORD_HOLDS = timedelta(hours=24)
"""How long a person's word that a shelter is open counts; after that its hours do, or nobody knows."""
REPORTS_FOR_DOUBT = 2
REPORT_HOLDS = timedelta(days=30)
"""How long a report of a locked door counts where nobody of this house has looked."""


class Status(StrEnum):
    """Whether people can get in."""

    OPEN = "open"
    CLOSED = "closed"
    DOUBTFUL = "doubtful"
    UNKNOWN = "unknown"


class Kind(StrEnum):
    """What a shelter is."""

    SHELTER = "shelter"
    BASEMENT = "basement"
    METRO = "metro"
    UNDERPASS = "underpass"
    PARKING = "parking"
    MODULAR = "modular"
    BUILDING = "building"
    OTHER = "other"


class Shelter(Struct, frozen=True, omit_defaults=True):
    """A shelter as its source describes it. ``latitude`` and ``longitude`` in micro-degrees.

    ``dataset`` is the source it came from and ``source_id`` its id there (empty: none). ``names`` are by language, ``""``
    for one of unknown language. ``hours`` are in OSM's form; ``hours_said`` the source's words where they are not
    understood. ``step_free``, ``pets``: None where the source says nothing. ``closed``: the source says that it is.
    ``seen``: when the source says it was verified. ``zone``: the IANA time zone its hours are in.
    """

    id: str
    dataset: str
    latitude: int
    longitude: int
    source_id: str = ""
    names: Mapping[str, str] = {}
    address: str = ""
    kind: Kind = Kind.SHELTER
    capacity: int | None = None
    step_free: bool | None = None
    pets: bool | None = None
    hours: str = ""
    hours_said: str = ""
    closed: bool = False
    phone: str = ""
    note: str = ""
    seen: datetime | None = None
    zone: str = ""

    def name(self, wanted: str) -> str:
        """Its name in a language or the nearest to it; its address where it has no name."""
        for tag in (*chain(wanted), ""):
            if found := self.names.get(tag):
                return found
        return next(iter(self.names.values()), "") or self.address


class Standing(Struct, frozen=True, omit_defaults=True):
    """What this house knows of a shelter beyond its source.

    ``word``: what a person of this house said last, ``open`` or ``closed`` or nothing, and ``since`` when.
    ``verified``: when somebody of this house last found it open. ``reports``: when a locked door was reported, each by
    somebody else, since somebody looked.
    """

    word: str = ""
    since: datetime | None = None
    verified: datetime | None = None
    reports: tuple[datetime, ...] = ()

    def doubtful(self, at: datetime) -> bool:
        """Whether so many independent people found the door locked that nobody should count on it."""
        return sum(at - one < REPORT_HOLDS for one in self.reports) >= REPORTS_FOR_DOUBT


NOTHING = Standing()


def status(shelter: Shelter, known: Standing, at: datetime) -> Status:
    """Whether people can get into ``shelter`` at ``at``."""
    if known.word == Status.CLOSED:
        return Status.CLOSED
    if known.doubtful(at):
        return Status.DOUBTFUL
    if known.word == Status.OPEN and known.since is not None and at - known.since < WORD_HOLDS:
        return Status.OPEN
    if shelter.closed:
        return Status.CLOSED
    if not shelter.hours:
        return Status.UNKNOWN
    found = open_at(shelter.hours, at, shelter.zone or "Etc/UTC")
    return Status.UNKNOWN if found is None else Status.OPEN if found else Status.CLOSED


def verified_open_at(shelter: Shelter, known: Standing) -> datetime | None:
    """When it was last found open, by this house or by its source; None where nobody says so."""
    told = [one for one in (known.verified, shelter.seen) if one is not None]
    return max(told) if told else None


def minutes_on_foot(distance_m: float) -> int:
    """Whole minutes to walk somewhere that is ``distance_m`` away in a straight line, rounded up.

    >>> minutes_on_foot(0), minutes_on_foot(100), minutes_on_foot(1000)
    (0, 3, 22)
    """
    return math.ceil(distance_m * DETOUR / PACE_M_S / 60)


def within_m(minutes: float) -> float:
    """The straight-line distance that is walked in so many minutes: what :func:`minutes_on_foot` undoes."""
    return minutes * 60 * PACE_M_S / DETOUR

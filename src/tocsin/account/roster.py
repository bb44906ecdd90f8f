"""The roster: who belongs here, where, in whose care, and how fresh that knowledge is.

- A member is an id with a zone, dates and languages; name, key and ways to reach them are :class:`Details`, personal data
  that is kept sealed and never enters the journal.
- A visitor has an end and is nobody's any more after it, by the clock and without anybody's doing.
- A warden has zones and sees these and no others; an alternate is another warden of the same zone.
- A list that nobody has looked at for half a year is not known to be true: the score says how much of it is (req. 68).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

ROSTER_IMPORTED = "roster:imported"
MEMBER_ADDED = "member:added"
MEMBER_ERASED = "member:erased"
MEMBER_VERIFIED = "member:verified"
DEVICE_JOINED = "device:joined"
DEVICE_LEFT = "device:left"
FRESH = timedelta(days=182)
"""How long a way to reach somebody counts as known after it was last verified."""


class Kind(StrEnum):
    """As what somebody is here."""

    STAFF = "staff"
    CITIZEN = "citizen"
    VISITOR = "visitor"


class Way(Struct, frozen=True):
    """One way to reach somebody: a channel and their address there."""

    channel: str
    address: str


class Details(Struct, frozen=True):
    """What is personal about a member. ``key`` is what their own list calls them; ``ways`` stand in order."""

    name: str
    key: str
    ways: tuple[Way, ...] = ()


class Member(Struct, frozen=True):
    """Somebody on the roster, without anything by which they could be found outside of it.

    ``wards`` are the zones they are warden of; ``channels`` those of their ways, in order; ``verified`` when their ways
    were last known to be right.
    """

    id: str
    kind: Kind = Kind.STAFF
    zone: str = ""
    wards: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    starts: datetime | None = None
    ends: datetime | None = None
    verified: datetime | None = None

    def here(self, at: datetime) -> bool:
        """Whether the roster counts them at ``at``."""
        return (self.starts is None or self.starts <= at) and (self.ends is None or at < self.ends)


class Imported(Struct, frozen=True):
    """The body of ``roster:imported``; the subject is the digest of the file."""

    by: str
    new: int
    changed: int
    same: int
    gone: int


class Added(Struct, frozen=True):
    """The body of ``member:added``: by whom somebody was put on the roster by themself, without a sheet."""

    by: str


class Device(Struct, frozen=True):
    """The body of ``device:joined`` and ``device:left``; the subject is the member. ``devices`` are those they then have."""

    devices: int


class Erased(Struct, frozen=True):
    """The body of ``member:erased``: by whom and why (``asked``, ``gone``, ``ended``). The subject means nobody any more."""

    by: str
    why: str


class Stale(StrEnum):
    """What is not fresh about a member."""

    NO_WAY = "no-way"
    UNVERIFIED = "unverified"
    ONE_WAY = "one-way"
    NO_ZONE = "no-zone"


class Freshness(Struct, frozen=True):
    """How much of a roster is known to be true: ``score`` from 0 to 1, and who is stale in which way."""

    members: int
    score: float
    stale: dict[Stale, tuple[str, ...]]
    unwatched: tuple[str, ...] = ()


def stale(member: Member, at: datetime) -> tuple[Stale, ...]:
    """What is not fresh about one member."""
    found = []
    if not member.channels:
        found.append(Stale.NO_WAY)
    elif member.verified is None or at - member.verified > FRESH:
        found.append(Stale.UNVERIFIED)
    if len(member.channels) == 1:
        found.append(Stale.ONE_WAY)
    if not member.zone:
        found.append(Stale.NO_ZONE)
    return tuple(found)


def freshness(members: Iterable[Member], at: datetime) -> Freshness:
    """How fresh those are who are here at ``at``; ``unwatched`` are the zones without a warden."""
    here = [member for member in members if member.here(at)]
    found: dict[Stale, list[str]] = {kind: [] for kind in Stale}
    fresh = 0
    for member in here:
        kinds = stale(member, at)
        fresh += not {Stale.NO_WAY, Stale.UNVERIFIED} & set(kinds)
        for kind in kinds:
            found[kind].append(member.id)
    watched = {zone for member in here for zone in member.wards}
    unwatched = tuple(sorted({member.zone for member in here if member.zone} - watched))
    score = fresh / len(here) if here else 1.0
    return Freshness(len(here), score, {kind: tuple(ids) for kind, ids in found.items() if ids}, unwatched)

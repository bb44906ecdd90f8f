"""Standing: where one alert stands now: by channel, carrier and area, by level of receipt, and how it came there.

- A receipt that says more counts as those that say less: who has answered has been shown it, and it was accepted.
- A person is counted once, by however many channels they are told.
- An area in which somebody is told and nobody has a receipt is named, with the next channel to try there (F11).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np
from msgspec import Struct

from tocsin.reach.carrier import Carrier
from tocsin.reach.delivery import DUE_CODES, PROVEN_CODES, Mark, Numbers
from tocsin.reach.ladder import Ladder, reached
from tocsin.reach.lane import Work

DELIVERY_COUNTED = "delivery:counted"
NO_RECEIPT_S = 60.0
"""Seconds after which an area or a channel without any receipt is worth a word."""
LAST_RESORT = ("broadcast", "siren", "voice")
"""Channels that need no subscriber, in the order in which they are tried where no other is left."""


class Levels(Struct, frozen=True):
    """How many recipients there are, and how many of their deliveries stand where; each level counts those above it."""

    of: int = 0
    accepted: int = 0
    shown: int = 0
    answered: int = 0
    failed: int = 0
    waiting: int = 0
    held: int = 0
    """Held in reserve behind another channel of the same person."""


class ChannelStanding(Struct, frozen=True):
    """One channel for one alert. ``silent``: it has been given something and no receipt has come for a minute."""

    channel: str
    levels: Levels
    silent: bool


class AreaStanding(Struct, frozen=True):
    """One area of an alert. ``next_channel`` is what to try where no receipt has come; empty where some have."""

    area: str
    levels: Levels
    next_channel: str = ""


class Point(Struct, frozen=True):
    """One point of the curve of a channel: seconds since the alert was sealed, and the levels then."""

    seconds: float
    accepted: int
    shown: int
    answered: int


class Standing(Struct, frozen=True):
    """Where an alert stands. ``people`` it goes to and how many of them were ``reached`` by any channel."""

    alert: str
    at: datetime
    people: int
    reached: int
    settled: bool
    channels: tuple[ChannelStanding, ...]
    areas: tuple[AreaStanding, ...] = ()
    curves: dict[str, tuple[Point, ...]] = {}
    silent: tuple[str, ...] = ()
    """The silent carriers that this alert waits for, as ``channel/name``."""


class Counted(Struct, frozen=True):
    """The body of ``delivery:counted``; the subject is ``<identifier>@<channel>``. One a minute while something changes."""

    alert: str
    channel: str
    seconds: float
    levels: Levels


def levels(works: Sequence[Work], among: Numbers | None = None) -> Levels:
    """The levels of these batches together, of all in them or of those ``among`` these numbers (rising)."""
    counts = np.zeros(len(Mark), dtype=np.int64)
    total = 0
    for work in works:
        marks = work.marks
        if among is not None:
            marks = marks[np.isin(work.batch.recipients, among, assume_unique=True)]
        counts += np.bincount(marks, minlength=len(Mark))
    spared, held = int(counts[Mark.SPARED]), int(counts[Mark.RESERVED])
    total = int(counts.sum()) - spared - held
    shown = int(counts[Mark.SHOWN] + counts[Mark.ANSWERED])
    accepted = int(counts[PROVEN_CODES].sum())
    waiting = int(counts[DUE_CODES].sum())
    return Levels(total, accepted, shown, int(counts[Mark.ANSWERED]), total - accepted - waiting, waiting, held)


class Curve:
    """How the receipts of one alert came in by one channel: dense at first, then sparser, at most ``MOST`` points."""

    MOST = 240

    def __init__(self) -> None:
        self.points: list[Point] = []
        self._step = 0.25

    def add(self, seconds: float, now: Levels) -> None:
        """Note how it stands; what follows too closely on the last point takes its place."""
        point = Point(round(seconds, 3), now.accepted, now.shown, now.answered)
        if self.points and (self.points[-1].accepted, self.points[-1].shown, self.points[-1].answered) == (
            point.accepted,
            point.shown,
            point.answered,
        ):
            return
        if len(self.points) > 1 and seconds - self.points[-2].seconds < self._step:
            self.points[-1] = point
        else:
            self.points.append(point)
        if len(self.points) >= self.MOST:
            self._step *= 2
            self.points = [*self.points[:-1:2], self.points[-1]]


def standing(
    alert: str,
    works: Sequence[Work],
    at: datetime,
    seconds: float,
    *,
    ladder: Ladder | None = None,
    areas: Mapping[str, Mapping[str, Numbers]] | None = None,
    curves: Mapping[str, Curve] | None = None,
    silent: Sequence[Carrier] = (),
    stopped: frozenset[str] = frozenset(),
) -> Standing:
    """Where an alert stands, ``seconds`` after it was sealed.

    ``areas`` says who of each area is concerned, by channel; ``stopped`` are channels that cannot be tried now.
    """
    by_channel: dict[str, list[Work]] = {}
    for work in works:
        by_channel.setdefault(work.batch.channel, []).append(work)
    mute = {one.channel for one in silent}
    channels = []
    for channel, mine in sorted(by_channel.items()):
        found = levels(mine)
        quiet = found.of > 0 and not found.accepted and seconds >= NO_RECEIPT_S
        channels.append(ChannelStanding(channel, found, quiet or channel in mute))
    people, proven = _people(works, ladder)
    good = {one.channel: one.levels.accepted / one.levels.of for one in channels if one.levels.accepted}
    found_areas = []
    for area, there in sorted((areas or {}).items()):
        everybody = np.unique(np.concatenate(list(there.values()))) if there else np.empty(0, dtype=np.int64)
        mine = [work for work in works if work.batch.channel in there]
        level = levels(mine, everybody)
        missing = level.of > 0 and not level.accepted and seconds >= NO_RECEIPT_S
        following = _next(there, mine, everybody, good, mute | stopped) if missing else ""
        found_areas.append(AreaStanding(area, level, following))
    return Standing(
        alert,
        at,
        people,
        proven,
        all(work.open == 0 for work in works),
        tuple(channels),
        tuple(found_areas),
        {channel: tuple(curve.points) for channel, curve in (curves or {}).items()},
        tuple(f"{one.channel}/{one.name}" for one in silent if one.channel in by_channel),
    )


def _people(works: Sequence[Work], ladder: Ladder | None) -> tuple[int, int]:
    people, proven = reached(works)
    if ladder is not None and len(ladder):
        # Who has several channels stands in the first rung once; a receipt by any of them counts.
        proven += ladder.by_other()
    return people, proven


def _next(
    there: Mapping[str, Numbers],
    works: Sequence[Work],
    among: Numbers,
    good: Mapping[str, float],
    without: frozenset[str] | set[str],
) -> str:
    """The channel to try next in an area: one that people there have and was not tried, else one that works elsewhere."""
    tried = {work.batch.channel for work in works if levels([work], among).of}
    untried = [channel for channel in there if channel not in tried and channel not in without]
    if untried:
        return max(untried, key=lambda channel: (good.get(channel, 0.0), len(there[channel])))
    elsewhere = [channel for channel in good if channel not in tried and channel not in without]
    if elsewhere:
        return max(elsewhere, key=lambda channel: good[channel])
    return next((channel for channel in LAST_RESORT if channel not in tried), LAST_RESORT[-1])

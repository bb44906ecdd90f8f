"""Receipts as the live page shows them: by channel and by area, and how they came in, while they come.

- What the dispatch knows of one alert is drawn as it is, long before all is settled; a channel or an area that nobody is
  heard from for a minute says so, with what to try next there (F7, F11).
- The curve is drawn here, so that it is there without a script and after the page was opened late; the script only asks
  for it again.
- Where there is no dispatch in this house, the journal says what was sealed and settled.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

from tocsin.reach.delivery import DELIVERY_SEALED
from tocsin.web.console.desk_room import DeskRoom

SILENT = timedelta(seconds=60)
PROVEN = ("accepted", "shown", "answered")
WIDTH, HEIGHT, LEAST_S = 600, 140, 60.0
"""The drawing: its size, and the least span of time in it, in seconds."""
MOST_AREAS = 40


class Row(Struct, frozen=True):
    """One channel or area: whom it is for (``of``) and how many receipts of which level there are; ``open`` still wait.

    ``next`` is the channel to try next where nobody is heard from.
    """

    name: str
    of: int
    accepted: int
    shown: int
    answered: int
    failed: int
    open: int
    silent: bool = False
    next: str = ""

    @property
    def share(self) -> int:
        """How many of a hundred are proven to have it."""
        return round(100 * self.accepted / self.of) if self.of else 0


class Line(Struct, frozen=True):
    """The curve of one channel: the path in the drawing, and where its name stands."""

    channel: str
    path: str
    x: float
    y: float
    share: int


class Receipts(Struct, frozen=True):
    """Everything about one alert; ``people`` are those it goes to, each once, None where nobody can tell."""

    channels: tuple[Row, ...] = ()
    areas: tuple[Row, ...] = ()
    lines: tuple[Line, ...] = ()
    people: int | None = None
    reached: int = 0
    settled: bool = False
    silent: tuple[str, ...] = ()
    seconds: int = 0

    @property
    def gaps(self) -> tuple[Row, ...]:
        """The areas nobody is heard from."""
        return tuple(row for row in self.areas if row.silent)


async def receipts(room: DeskRoom, identifier: str, language: str, at: datetime) -> Receipts:
    """Where the deliveries of one alert stand at ``at``; its areas are called as in ``language``."""
    dispatch = room.house.dispatch
    if dispatch is None:
        return told(room, identifier, at)
    standing = await asyncio.to_thread(dispatch.standing, identifier, areas=True)
    # Of an alert whose receipts were summed up the journal says how many; who it was nobody knows any more.
    return shown(standing, room, language) if standing is not None else told(room, identifier, at)


def shown(standing: Any, room: DeskRoom, language: str) -> Receipts:
    """What the dispatch says of an alert (:class:`tocsin.reach.standing.Standing`), as the page shows it."""
    gazetteer = room.house.gazetteer
    areas = [
        _row(gazetteer.name(one.area, language) if one.area in gazetteer else one.area, one.levels, one.next_channel)
        for one in standing.areas
    ]
    areas.sort(key=lambda row: (not row.silent, row.share, row.name))
    channels = tuple(_row(one.channel, one.levels, silent=one.silent) for one in standing.channels)
    ends = max((points[-1].seconds for points in standing.curves.values() if points), default=0.0)
    of = {row.name: row.of for row in channels}
    return Receipts(
        channels,
        tuple(areas[:MOST_AREAS]),
        curve(
            {channel: [(one.seconds, one.accepted) for one in points] for channel, points in standing.curves.items()},
            of,
        ),
        standing.people,
        standing.reached,
        standing.settled,
        tuple(standing.silent),
        round(max(LEAST_S, ends)),
    )


def _row(name: str, levels: Any, following: str = "", silent: bool = False) -> Row:
    return Row(
        name,
        levels.of,
        levels.accepted,
        levels.shown,
        levels.answered,
        levels.failed,
        levels.waiting,
        silent or bool(following),
        following,
    )


def curve(points: dict[str, list[tuple[float, int]]], of: dict[str, int]) -> tuple[Line, ...]:
    """The curves of channels from (seconds, receipts), each as a share of its recipients, on one axis of time."""
    long = max([LEAST_S, *(run[-1][0] for run in points.values() if run)])
    lines: list[Line] = []
    for channel, run in sorted(points.items()):
        total = of.get(channel, 0)
        if not run or not total:
            continue
        steps = [(0.0, 0), *run, (long, run[-1][1])]
        spots = [(seconds / long * WIDTH, HEIGHT - 2 - count / total * (HEIGHT - 24)) for seconds, count in steps]
        # A receipt is there at once and not little by little: the line goes in steps.
        path = f"M{spots[0][0]:.1f} {spots[0][1]:.1f}" + "".join(f"H{x:.1f}V{y:.1f}" for x, y in spots[1:])
        y = spots[-1][1] - 6
        while any(abs(y - other.y) < 14 for other in lines):
            y += 14
        lines.append(Line(channel, path, WIDTH - 4, round(min(y, HEIGHT - 6), 1), round(100 * run[-1][1] / total)))
    return tuple(lines)


def told(room: DeskRoom, identifier: str, at: datetime) -> Receipts:
    """What the journal says of an alert's deliveries: sealed, and settled."""
    of: dict[str, int] = {}
    marks: dict[str, dict[str, int]] = {}
    began: dict[str, datetime] = {}
    for note in room.receipts.get(identifier, ()):
        body: dict[str, Any] = note.body
        channel = str(body["channel"])
        if note.kind == DELIVERY_SEALED:
            of[channel] = of.get(channel, 0) + int(body["recipients"])
            began.setdefault(channel, note.at)
        elif "outcomes" in body:
            for mark, number in body["outcomes"].items():
                kept = marks.setdefault(channel, {})
                kept[mark] = kept.get(mark, 0) + int(number)
    rows = []
    for channel, total in of.items():
        found = marks.get(channel, {})
        proven = sum(found.get(mark, 0) for mark in PROVEN)
        lost = sum(number for mark, number in found.items() if mark not in PROVEN)
        rows.append(
            Row(
                channel,
                total,
                proven,
                found.get("shown", 0) + found.get("answered", 0),
                found.get("answered", 0),
                lost,
                max(0, total - proven - lost),
                proven == 0 and at - began[channel] >= SILENT,
            )
        )
    return Receipts(tuple(rows), settled=bool(rows) and all(not row.open for row in rows))

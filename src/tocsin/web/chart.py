"""Charts: the pictures of a review as SVG values (numbers and places), which a template draws.

- A picture never says more than the table beside it; each has a text alternative.
- The time of deliveries is drawn on a logarithmic scale, because a second and an hour both matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from math import log10

from msgspec import Struct

from tocsin.account.delivered import Delivered
from tocsin.account.headcount import Headcount, Point
from tocsin.account.issue import Issue

WIDTH, LEFT, ROW = 720.0, 110.0, 34.0
LEAST_S, MOST_S = 0.01, 86_400.0
TICKS = (
    (0.1, "0.1 s"),
    (1.0, "1 s"),
    (10.0, "10 s"),
    (60.0, "1 min"),
    (600.0, "10 min"),
    (3600.0, "1 h"),
    (86_400.0, "24 h"),
)


class Span(Struct, frozen=True):
    """One piece of a band, in the picture's units."""

    x: float
    width: float
    phase: str
    version: int
    at: datetime


class Band(Struct, frozen=True):
    """One event's phases over time."""

    event_id: str
    audience: str
    y: float
    spans: tuple[Span, ...]


class Mark(Struct, frozen=True):
    """A tick of an axis."""

    x: float
    text: str
    at: datetime | None = None


class Course(Struct, frozen=True):
    """The phases of every event over the same time."""

    width: float
    height: float
    bands: tuple[Band, ...]
    marks: tuple[Mark, ...]


class Whisker(Struct, frozen=True):
    """One channel's times of delivery: from the first to 99 of a hundred, half and 95 marked."""

    name: str
    y: float
    first: float
    half: float
    most: float
    last: float


class Curves(Struct, frozen=True):
    """The times of delivery of every channel."""

    width: float
    height: float
    whiskers: tuple[Whisker, ...]
    marks: tuple[Mark, ...]


class Slope(Struct, frozen=True):
    """How many people were accounted for over time: a stepped ``path``, with when somebody was told who is missing."""

    width: float
    height: float
    left: float
    path: str
    levels: tuple[Mark, ...]
    marks: tuple[Mark, ...]
    told: tuple[Mark, ...]


def slope(roll: Headcount) -> Slope:
    """The roll call's curve from its start to its last point or escalation; the whole height is everybody."""
    height, left = 190.0, 48.0
    if not roll.points or not roll.people:
        return Slope(WIDTH, 0.0, left, "", (), (), ())
    began = roll.started
    ended = max([roll.points[-1].at, *(step.at for step in roll.escalations), *([roll.closed] if roll.closed else [])])
    whole = max(1.0, (ended - began).total_seconds())
    top, bottom = 10.0, height - 26

    def across(at: datetime) -> float:
        return round(left + (WIDTH - left - 14) * (at - began).total_seconds() / whole, 1)

    def up(number: int) -> float:
        return round(bottom - (bottom - top) * number / roll.people, 1)

    path = [f"M{across(began)},{up(0)}"]
    for point in _thinned(roll.points):
        path.append(f"H{across(point.at)}V{up(point.accounted)}")
    path.append(f"H{across(ended)}")
    levels = tuple(Mark(up(number), str(number)) for number in sorted({0, roll.people // 2, roll.people}))
    marks = tuple(Mark(across(at), "", at) for at in (began, began + (ended - began) / 2, ended))
    told = tuple(Mark(across(step.at), step.to, step.at) for step in roll.escalations)
    return Slope(WIDTH, height, left, "".join(path), levels, marks, told)


def _thinned(points: Sequence[Point]) -> Sequence[Point]:
    """At most some hundred points, the first and the last among them: a picture has no room for more."""
    every = max(1, len(points) // 300)
    kept = list(points[::every])
    return kept if kept[-1] is points[-1] else [*kept, points[-1]]


def course(issues: Sequence[Issue], ended: datetime) -> Course:
    """The phases of the events of ``issues`` until ``ended``; a version lasts until the next one of its event."""
    if not issues:
        return Course(WIDTH, 0.0, (), ())
    began = min(issue.sent for issue in issues)
    last = max(ended, max(issue.sent for issue in issues))
    whole = max(1.0, (last - began).total_seconds())
    room = WIDTH - LEFT - 14

    def place(at: datetime) -> float:
        return round(LEFT + room * (at - began).total_seconds() / whole, 1)

    bands = []
    for number, event in enumerate(dict.fromkeys(issue.event_id for issue in issues)):
        own = [issue for issue in issues if issue.event_id == event]
        spans = []
        for this, after in zip(own, [*own[1:], None], strict=True):
            x = place(this.sent)
            until = place(after.sent if after is not None else last)
            spans.append(Span(x, max(4.0, round(until - x, 1)), this.phase, this.version, this.sent))
        bands.append(Band(event, own[-1].audience, 6 + number * (ROW + 8), tuple(spans)))
    height = len(bands) * (ROW + 8) + 28
    marks = [Mark(place(at), "", at) for at in (began, began + (last - began) / 2, last)]
    return Course(WIDTH, height, tuple(bands), tuple(marks))


def curves(delivery: Sequence[Delivered]) -> Curves:
    """The times of delivery of those channels whose times are known, worst value of each channel over all versions."""
    known: dict[str, dict[str, float]] = {}
    for one in delivery:
        if one.curve:
            worst = known.setdefault(one.channel, {})
            for name, seconds in one.curve.items():
                worst[name] = max(worst.get(name, 0.0), seconds)
    if not known:
        return Curves(WIDTH, 0.0, (), ())
    least = min(LEAST_S * 10, *(max(LEAST_S, curve["first"]) for curve in known.values()))
    most = max(1.0, *(curve["p99"] for curve in known.values())) * 1.15
    span = log10(min(most, MOST_S)) - log10(least)

    def place(seconds: float) -> float:
        share = (log10(min(max(seconds, least), most)) - log10(least)) / span
        return round(LEFT + (WIDTH - LEFT - 30) * share, 1)

    whiskers = [
        Whisker(name, 8 + n * ROW, place(curve["first"]), place(curve["p50"]), place(curve["p95"]), place(curve["p99"]))
        for n, (name, curve) in enumerate(sorted(known.items()))
    ]
    marks = tuple(Mark(place(seconds), text) for seconds, text in TICKS if least <= seconds <= most)
    return Curves(WIDTH, len(whiskers) * ROW + 30, tuple(whiskers), marks)

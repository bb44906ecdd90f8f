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

"""A claim: one statement in a report, who makes it, how firmly, and the exact characters that say so.

- ``text`` is always ``report[span.start:span.end]``; a claim whose words are not in the report does not exist.
- The words shown are the source's own with "says X"; nothing here asserts that a claim is true.
- A speaker who is not certain is None, with the candidates beside it; ``reporter`` is the one who wrote the report.
- A correction never deletes: the corrected claim keeps its words and only its standing changes.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal

from msgspec import Struct, field

SpeakerKind = Literal["named", "office", "anonymous", "reporter", "unclear"]
ClaimKind = Literal["quote", "indirect", "according-to", "narration", "no-comment"]
Stance = Literal["asserts", "confirms", "denies", "declines", "corrects"]
Standing = Literal["claimed", "confirmed", "disputed", "corrected", "withdrawn"]
Modality = Literal["certain", "probable", "possible"]
Tier = Literal["high", "medium", "low"]
Action = Literal[
    "shelter", "evacuate", "stay_away", "be_ready", "monitor_media", "boil_water", "closed", "all_clear", "open"
]


class Span(Struct, frozen=True, order=True):
    """Characters ``start`` up to and without ``end`` of the report's decoded text."""

    start: int
    end: int

    def overlaps(self, other: Span) -> bool:
        return self.start < other.end and other.start < self.end

    def covers(self, other: Span) -> bool:
        return self.start <= other.start and other.end <= self.end


class When(Struct, frozen=True):
    """A time as a report gives it: ISO date, month or year, or an interval ``start/end``, and how it was resolved.

    ``precision`` is ``time``, ``part`` (of a day), ``day``, ``night``, ``week``, ``month``, ``year``, ``span``.
    """

    value: str
    precision: str
    span: Span
    how: str

    @property
    def first(self) -> str:
        """The first day that it names."""
        return self.value.split("/")[0][:10]

    @property
    def last(self) -> str:
        """The last day that it names."""
        return self.value.split("/")[-1][:10]


class Speaker(Struct, frozen=True):
    """Who makes a claim. ``actor`` is the key under which mentions of the same one meet; ``span`` where it is named."""

    name: str | None
    kind: SpeakerKind
    actor: str = ""
    country: str = ""
    function: str = ""
    span: Span | None = None
    candidates: tuple[str, ...] = ()
    condition: str = ""
    via: tuple[str, ...] = ()


class Quantity(Struct, frozen=True):
    """A number and what it counts (``dead``, ``injured`` ...); ``bound`` is ``least``, ``most`` or ``exact``."""

    value: int
    referent: str
    span: Span
    bound: str = "exact"


class Protective(Struct, frozen=True):
    """What people are told to do or what is closed, to whom, on which condition, where and when, and the words."""

    action: Action
    span: Span
    audience: str = ""
    condition: str = ""
    area: str = ""
    facility: str = ""
    date: str = ""


class Claim(Struct, frozen=True):
    """One statement. ``topics`` are language-neutral words of what it is about; ``occasion`` the days it speaks of."""

    report: str
    span: Span
    text: str
    kind: ClaimKind
    speaker: Speaker
    stance: Stance = "asserts"
    standing: Standing = "claimed"
    modality: Modality = "certain"
    negated: bool = False
    quote: str = ""
    when: When | None = None
    occasion: tuple[str, str] | None = None
    topics: frozenset[str] = frozenset()
    places: tuple[str, ...] = ()
    actors: tuple[str, ...] = ()
    quantities: tuple[Quantity, ...] = ()
    tier: Tier = "medium"
    corrects: Span | None = None
    cue: tuple[Span, ...] = ()
    made_by: str = "rule"
    noise: tuple[str, ...] = ()
    protective: tuple[Protective, ...] = field(default=())


def nights(value: str) -> tuple[str, str]:
    """First and last day of an ISO value; a month or a year is its whole length."""
    first, _, last = value.partition("/")
    if not last:
        last = first
    if len(first) == 4:
        first += "-01-01"
    if len(first) == 7:
        first += "-01"
    if len(last) == 4:
        last += "-12-31"
    if len(last) == 7:
        year, month = int(last[:4]), int(last[5:7])
        last = (date(year + month // 12, month % 12 + 1, 1) - timedelta(1)).isoformat()
    return first[:10], last[:10]

"""The setting of an incident: its titles, the days that most claims speak of, and the places that lead its reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date

from tocsin.assess.claim import Claim
from tocsin.assess.placename import places
from tocsin.assess.reading import Reading


def titles(readings: Sequence[Reading]) -> dict[str, str]:
    """A headline in each language that there is one in, the first report's."""
    titles: dict[str, str] = {}
    for reading in readings:
        if reading.source.title:
            titles.setdefault(reading.language, reading.source.title)
    return titles


def when(claims: Sequence[Claim], readings: Sequence[Reading], days: list[str]) -> str:
    """The days that most claims speak of, near the first report's publication."""
    published = sorted(r.source.published.isoformat() for r in readings if r.source.published is not None)
    counted: Counter[str] = Counter()
    for claim in claims:
        if claim.when is not None and claim.when.precision in ("day", "part", "night", "time"):
            counted[claim.when.last] += 1
    if published:
        near = {day: n for day, n in counted.items() if abs(_gap(day, published[0])) <= 7}
        if near:
            first = min(near)
            last = max(max(near), published[-1])
            return first if first == last else f"{first}/{last}"
        return published[0] if published[0] == published[-1] else f"{published[0]}/{published[-1]}"
    return days[0] if days else ""


def _gap(one: str, other: str) -> int:
    return (date.fromisoformat(one) - date.fromisoformat(other)).days


def places_named(readings: Sequence[Reading]) -> tuple[tuple[str, str], ...]:
    """The places that the reports name most, as (code, name), at most twelve; what stands first in a report counts more."""
    _, about = places()
    counted: Counter[str] = Counter()
    for reading in readings:
        for rank, place in enumerate(reading.places):
            counted[place] += 3 if rank < 3 else 1
    return tuple((code, about[code][1]) for code, _ in counted.most_common(12) if code in about)

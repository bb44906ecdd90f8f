"""The vigil: how fresh each source was at the moment of each warning.

- A source counts for a warning when it covers any of its areas, or when the warning repeats it; silence at that moment is said,
  because a warning made blind is another thing than one made with all feeds live (practice.md F20).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from tocsin.account.chronicle import Chronicle, Contact
from tocsin.account.issue import Issue

INTERVALS = 2.0
CONFIRMED_EVERY = timedelta(minutes=1)
"""``source:heard`` is recorded at most once a minute while all is well."""


class Vigil(Struct, frozen=True):
    """One source at the moment of one version: ``age_s`` since it was last heard, as the journal tells it."""

    identifier: str
    at: datetime
    source: str
    name: str
    fresh: bool
    lost: bool
    last_heard: datetime | None
    age_s: float | None


def vigil(found: Chronicle, made: Sequence[Issue]) -> tuple[Vigil, ...]:
    """Every source that mattered to each version, in the order of the versions."""
    seen = []
    for issue in made:
        at = issue.recorded
        standing: dict[str, Contact] = {}
        for contact in found.contacts:
            if contact.at <= at:
                standing[contact.source] = contact
        for contact in standing.values():
            if contact.source == issue.source or _covers(contact.covers, issue.areas):
                seen.append(_at(issue, contact, at))
    return tuple(seen)


def _covers(covers: Sequence[str], areas: Sequence[str]) -> bool:
    return any(
        area == code or area.startswith(f"{code}-") or code.startswith(f"{area}-") for code in covers for area in areas
    )


def _at(issue: Issue, contact: Contact, at: datetime) -> Vigil:
    age = None if contact.last_heard is None else round((at - contact.last_heard).total_seconds(), 1)
    # The journal confirms a source once a minute at most, so that much is not yet silence.
    allowed = contact.interval_s * INTERVALS + CONFIRMED_EVERY.total_seconds()
    fresh = not contact.lost and age is not None and age <= allowed
    return Vigil(issue.identifier, at, contact.source, contact.name, fresh, contact.lost, contact.last_heard, age)

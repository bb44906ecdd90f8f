"""Indicators: what an incident points to (an embassy closed, people told to shelter), each with a date on which it ends.

- An indicator never outlives its time: it ends by the date that was said, else after the hours that its kind is worth,
  and from then on it is shown as ended and not as true.
- A correction lowers it: an indicator whose claims were all corrected or withdrawn is ended from that moment.
- It is a pointer and not a warning: it names its claims, how many origins there are, and what speaks against it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from tocsin.assess.claim import Claim, Tier
from tocsin.assess.incident import Pointer, pointer
from tocsin.assess.origin import Groups, count_origins
from tocsin.assess.story import Story

LASTS: dict[str, timedelta] = {
    "closed": timedelta(hours=24),
    "open": timedelta(hours=24),
    "shelter": timedelta(hours=12),
    "be_ready": timedelta(hours=24),
    "evacuate": timedelta(hours=72),
    "stay_away": timedelta(hours=24),
    "boil_water": timedelta(hours=72),
    "all_clear": timedelta(hours=2),
    "flights": timedelta(days=7),
    "alert": timedelta(hours=3),
    "denied": timedelta(hours=24),
}
"""How long an indicator lasts where nobody said until when."""
_RANK: dict[str, int] = {"high": 0, "medium": 1, "low": 2}


class Indicator(Struct, frozen=True):
    """One dated value. ``of`` is the facility or audience; ``over`` that it has ended at the moment that was asked for.

    ``why`` it ended: ``date`` (said until when), ``time`` (its kind lasts no longer) or ``corrected``.
    """

    kind: str
    of: str
    since: datetime
    expires: datetime
    over: bool
    why: str
    origins: int
    tier: Tier
    claims: tuple[Pointer, ...]
    against: tuple[Pointer, ...] = ()


def indicators(story: Story, joined: Groups, at: datetime, zone: str) -> tuple[Indicator, ...]:
    """Every indicator of ``story`` as it stands at ``at``; days end at midnight in ``zone``. Those that hold come first."""
    found: dict[tuple[str, str], list[tuple[Claim, str]]] = {}
    for claim in story.incident.claims:
        for kind, of, date in _kinds(claim):
            found.setdefault((kind, of), []).append((claim, date))
    made = [_made(story, joined, kind, of, told, at, zone) for (kind, of), told in found.items()]
    return tuple(sorted(made, key=lambda one: (one.over, one.since)))


def _kinds(claim: Claim) -> list[tuple[str, str, str]]:
    """What a claim points to: the kind, whom or what it is about, and the day that it names."""
    if claim.tier == "low" or claim.stance == "declines":
        return []
    day = claim.when.last if claim.when is not None and claim.when.precision in ("day", "part", "night", "time") else ""
    if claim.stance == "denies":
        return [("denied", claim.speaker.name or "", day)]
    found: list[tuple[str, str, str]] = [
        (one.action, one.facility or one.audience, one.date or day) for one in claim.protective
    ]
    if {"plane", "close"} <= claim.topics and not claim.negated:
        found.append(("flights", "", day))
    if "alert" in claim.topics and "airattack" in claim.topics and not claim.protective and claim.modality == "certain":
        found.append(("alert", "", day))
    return [one for one in found if one[0] in LASTS]


def _made(
    story: Story, joined: Groups, kind: str, of: str, told: Sequence[tuple[Claim, str]], at: datetime, zone: str
) -> Indicator:
    standing = [(claim, day) for claim, day in told if claim.standing not in ("corrected", "withdrawn")]
    times = [(story.telling(claim.report).published, day) for claim, day in standing or told]
    since = min(when for when, _ in times)
    ends = [(_midnight(day, zone), "date") if day else (when + LASTS[kind], "time") for when, day in times]
    # What was said for a day that was over already says nothing of today; its own time counts then.
    expires, why = max(ends, key=lambda one: (one[1] == "date", one[0]))
    if not standing:
        expires, why = min(expires, max(one.received for one in story.tellings)), "corrected"
    claims = [claim for claim, _ in told]
    numbers = {index for index, claim in enumerate(story.incident.claims) if any(claim is one for one in claims)}
    against = {
        (one.other if one.one in numbers else one.one)
        for one in story.incident.evidence
        if one.relation == "contradicts" and (one.one in numbers) != (one.other in numbers)
    }
    tier = min((claim.tier for claim in claims), key=_RANK.__getitem__)
    return Indicator(
        kind,
        of,
        since,
        expires,
        expires <= at,
        why,
        count_origins(claims, joined),
        tier,
        tuple(dict.fromkeys(pointer(claim) for claim in claims)),
        tuple(pointer(story.incident.claims[number]) for number in sorted(against)),
    )


def _midnight(day: str, zone: str) -> datetime:
    """The end of an ISO day in ``zone``."""
    here = ZoneInfo(zone)
    after = datetime.fromisoformat(day[:10]) + timedelta(days=1)
    return datetime.combine(after.date(), time(), here).astimezone(ZoneInfo("UTC"))

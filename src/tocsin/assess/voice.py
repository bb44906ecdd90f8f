"""Voices: who says what in an incident, side by side, each mouth once however many outlets repeat it.

- A voice is an origin: an institution with its spokesman, all unnamed officials of one country, or one outlet.
- Copies, credits and translations of one text are one voice; who told it is named beside each statement.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from tocsin.assess.claim import Claim, SpeakerKind
from tocsin.assess.origin import Groups, claim_origin, report_origins
from tocsin.assess.story import Story

PEOPLE = ("named", "office", "anonymous")


class Voice(Struct, frozen=True):
    """One origin with all that it says. ``name`` is empty where nobody is named: then it is the outlets' own word."""

    origin: str
    name: str
    kind: SpeakerKind
    claims: tuple[Claim, ...]
    outlets: tuple[str, ...]


def groups(story: Story) -> Groups:
    """Which of its reports are one origin as a whole."""
    return report_origins(story.readings)[0]


def voices(story: Story, joined: Groups) -> tuple[Voice, ...]:
    """Every voice of the story, those that are named first, and of these the one with the most to say."""
    found: dict[str, list[Claim]] = {}
    for claim in story.incident.claims:
        found.setdefault(claim_origin(claim, joined), []).append(claim)
    made = [
        Voice(origin, _name(claims), claims[0].speaker.kind, tuple(claims), _outlets(story, claims))
        for origin, claims in found.items()
    ]
    return tuple(sorted(made, key=lambda one: (not one.name, -len(one.claims))))


def _name(claims: Iterable[Claim]) -> str:
    """What a voice is called: as most fully named."""
    names = [claim.speaker.name for claim in claims if claim.speaker.name and claim.speaker.kind in PEOPLE]
    return max(names, key=len, default="")


def _outlets(story: Story, claims: Iterable[Claim]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(story.telling(claim.report).outlet for claim in claims))

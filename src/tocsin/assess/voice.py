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
    """One origin with all that it says. ``names`` are by language; without one it is the outlets' own word."""

    origin: str
    names: dict[str, str]
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
        Voice(origin, _names(story, claims), claims[0].speaker.kind, tuple(claims), _outlets(story, claims))
        for origin, claims in found.items()
    ]
    return tuple(sorted(made, key=lambda one: (not one.names, -len(one.claims))))


def _names(story: Story, claims: Iterable[Claim]) -> dict[str, str]:
    """What a voice is called in each language: as most fully named."""
    found: dict[str, str] = {}
    for claim in claims:
        if claim.speaker.name and claim.speaker.kind in PEOPLE:
            language = story.telling(claim.report).language
            found[language] = max(found.get(language, ""), claim.speaker.name, key=len)
    return found


def _outlets(story: Story, claims: Iterable[Claim]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(story.telling(claim.report).outlet for claim in claims))

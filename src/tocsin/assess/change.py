"""Changes: what is new in an incident since a person last looked, or since any earlier moment.

- Claims are compared by their words and speaker, not by their place in a text: a revised article says most of it again.
- What a revised article does not say any more is a change like what it says anew; nothing is lost without a line.
"""

from __future__ import annotations

from msgspec import Struct

from tocsin.assess.claim import Claim, Standing
from tocsin.assess.incident import Contradiction, Correction
from tocsin.assess.ruling import Ruling
from tocsin.assess.story import Official, Story, Telling


class Turned(Struct, frozen=True):
    """A claim whose standing is another than before."""

    claim: Claim
    before: Standing


class Changes(Struct, frozen=True):
    """What came, what turned and what went. ``dropped`` is said no more by the report that said it."""

    reports: tuple[Telling, ...] = ()
    revised: tuple[Telling, ...] = ()
    claims: tuple[Claim, ...] = ()
    turned: tuple[Turned, ...] = ()
    dropped: tuple[Claim, ...] = ()
    corrections: tuple[Correction, ...] = ()
    conflicts: tuple[Contradiction, ...] = ()
    officials: tuple[Official, ...] = ()
    rulings: tuple[Ruling, ...] = ()

    def __bool__(self) -> bool:
        return any(getattr(self, name) for name in self.__struct_fields__)

    def __len__(self) -> int:
        return sum(len(getattr(self, name)) for name in self.__struct_fields__)


Key = tuple[str, str]


def _key(claim: Claim) -> Key:
    return " ".join(claim.text.split()), claim.speaker.actor or claim.speaker.name or ""


def changes(before: Story | None, after: Story) -> Changes:
    """What is in ``after`` that was not in ``before``, and the other way round; all of it where nothing was."""
    if before is None:
        one = after.incident
        return Changes(
            after.tellings, (), one.claims, (), (), one.corrections, one.contradictions, after.officials, after.rulings
        )
    known = {_key(claim): claim for claim in before.incident.claims}
    now = {_key(claim): claim for claim in after.incident.claims}
    heard = {one.report for one in before.tellings}
    revised = tuple(one for one in after.tellings if one.report not in heard and heard & set(one.versions))
    gone = {version for one in revised for version in one.versions}
    wrong = {(one.wrong, one.right) for one in before.incident.corrections}
    sides = {tuple(side.text for side in one.sides) for one in before.incident.contradictions}
    voices = {one.identifier for one in before.officials}
    last = max((one.seq for one in before.rulings), default=0)
    return Changes(
        tuple(one for one in after.tellings if one.report not in heard and one not in revised),
        revised,
        tuple(claim for key, claim in now.items() if key not in known),
        tuple(
            Turned(claim, known[key].standing)
            for key, claim in now.items()
            if key in known and known[key].standing != claim.standing
        ),
        tuple(claim for key, claim in known.items() if key not in now and claim.report in gone),
        tuple(one for one in after.incident.corrections if (one.wrong, one.right) not in wrong),
        tuple(one for one in after.incident.contradictions if tuple(s.text for s in one.sides) not in sides),
        tuple(one for one in after.officials if one.identifier not in voices),
        tuple(one for one in after.rulings if one.seq > last),
    )

"""A ruling: what an editor decides about incidents, with the reason; it is final against everything automatic.

- Two incidents are one, reports are about something else, a claim has another speaker or another place.
- Nothing is deleted: a ruling is a fact of the journal, and the opposite ruling undoes it.
- The words of a claim stay as they were reported; only who is meant by them, and where, can be corrected.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from tocsin.assess.claim import Claim
from tocsin.assess.extract import Reading
from tocsin.assess.incident import Pointer, pointer

INCIDENT_MERGED = "incident:merged"
INCIDENT_SPLIT = "incident:split"
INCIDENT_CORRECTED = "incident:corrected"

RULINGS = (INCIDENT_MERGED, INCIDENT_SPLIT, INCIDENT_CORRECTED)


class Merged(Struct, frozen=True, omit_defaults=True):
    """The body of ``incident:merged``: a person says that two incidents are one. Both are named by their ids."""

    one: str
    other: str
    by: str = ""
    reason: str = ""


class Split(Struct, frozen=True, omit_defaults=True):
    """The body of ``incident:split``: a person says that a report is about something else than its incident.

    ``more`` are reports that go with it, so that they are one incident together.
    """

    report: str
    by: str = ""
    reason: str = ""
    more: tuple[str, ...] = ()

    @property
    def reports(self) -> tuple[str, ...]:
        """Every report that is taken out."""
        return tuple(dict.fromkeys((self.report, *self.more)))


class Corrected(Struct, frozen=True, omit_defaults=True):
    """The body of ``incident:corrected``: a person says who is meant by a claim's speaker, or where it speaks of.

    ``claim`` are the claim's characters; None leaves the speaker or the places as they were read. An empty ``speaker``
    says that it is unclear. ``places`` are area codes.
    """

    claim: Pointer
    by: str = ""
    reason: str = ""
    speaker: str | None = None
    places: tuple[str, ...] | None = None


class Ruling(Struct, frozen=True):
    """One ruling as it stands in the journal. ``before`` and ``after`` are a corrected claim's speaker or places."""

    seq: int
    at: datetime
    kind: str
    by: str
    reason: str
    reports: tuple[str, ...] = ()
    claim: Pointer | None = None
    before: str = ""
    after: str = ""


def corrected(reading: Reading, said: Sequence[Corrected]) -> Reading:
    """``reading`` with what editors said of its claims, the later word over the earlier."""
    mine = [one for one in said if one.claim.report == reading.source.report]
    if not mine:
        return reading
    claims, gone = [], set[str]()
    for claim in reading.claims:
        ruled = claim
        for one in mine:
            if (claim.span.start, claim.span.end) == (one.claim.start, one.claim.end):
                ruled = _ruled(ruled, one)
        gone.update(set(claim.places) - set(ruled.places))
        claims.append(ruled)
    # A place that another claim still speaks of stays with the report.
    gone -= {place for claim in claims for place in claim.places}
    return replace(reading, claims=tuple(claims), places=tuple(one for one in reading.places if one not in gone))


def moved(said: Corrected, old: Reading, new: Reading) -> Corrected | None:
    """``said`` for a newer version of its report; None where the new one does not have these words any more."""
    words = next((c.text for c in old.claims if (c.span.start, c.span.end) == (said.claim.start, said.claim.end)), None)
    again = next((claim for claim in new.claims if claim.text == words), None)
    return replace(said, claim=pointer(again)) if again is not None else None


def _ruled(claim: Claim, said: Corrected) -> Claim:
    if said.speaker is not None:
        # A person's word settles who speaks; the old key would go on tying it to the wrong one.
        named = claim.speaker
        if said.speaker:
            key = f"person:{said.speaker.casefold()}"
            speaker = replace(named, name=said.speaker, kind="named", actor=key, candidates=(), function="")
        else:
            speaker = replace(named, name=None, kind="unclear", actor="", candidates=(), function="")
        claim = replace(claim, speaker=speaker, made_by="person")
    if said.places is not None:
        countries = (code.partition("-")[0] for code in said.places if "-" in code)
        claim = replace(claim, places=tuple(dict.fromkeys((*said.places, *countries))), made_by="person")
    return claim

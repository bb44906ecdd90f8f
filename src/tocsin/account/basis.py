"""A basis: which claims a draft rested on, which of them were corrected later, and what was done about that.

- A claim is characters of a report. Its words are shown from the report itself, and only where they are still the words
  that the person took: the digest in the record must be theirs.
- A correction flags a draft or its alert; it is open until somebody weighed it, or until the event had another word.
"""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tocsin.account.chronicle import Chronicle
from tocsin.assess.ruling import RULINGS
from tocsin.journal import Entry
from tocsin.sense.news import News
from tocsin.sense.report import NEWS_JSON, Report
from tocsin.warn.backing import (
    CORRECTION_FLAGGED,
    CORRECTION_WEIGHED,
    DRAFT_BACKED,
    Backed,
    Flagged,
    Weighed,
    words_of,
)


class Cited(Struct, frozen=True):
    """One claim: its report, the characters, who told it, when we had it, and its words where they can be proved."""

    report: str
    start: int
    end: int
    source: str
    outlet: str
    received: datetime | None
    words: str = ""


class Basis(Struct, frozen=True):
    """A value that a person took from an incident into a draft for ``field``, with the claims it stood on."""

    at: datetime
    draft: str
    field: str
    incident: str
    person: str
    claims: tuple[Cited, ...]

    def public(self) -> Basis:
        """Without the person, the draft and the words that others wrote."""
        return replace(self, person="", draft="", claims=tuple(replace(one, words="") for one in self.claims))


class Turn(Struct, frozen=True):
    """A correction of a claim that something rested on: ``now`` is corrected, withdrawn, gone or ruled.

    ``weighed`` is when a person said that it holds all the same, ``word`` when the event had its next version after it.
    """

    at: datetime
    draft: str
    alert: str
    field: str
    claim: Cited
    now: str
    owner: str
    weighed: datetime | None = None
    weighed_by: str = ""
    reason: str = ""
    word: datetime | None = None

    def public(self) -> Turn:
        """Without persons, reasons and words."""
        return replace(self, draft="", owner="", weighed_by="", reason="", claim=replace(self.claim, words=""))


class Ruled(Struct, frozen=True):
    """A ruling of an editor about an incident or a report that was used."""

    at: datetime
    kind: str
    by: str
    reason: str


def bases(found: Chronicle) -> tuple[Basis, ...]:
    """Every value that was taken from an incident, in the order of the journal."""
    made = []
    for entry in found.entries:
        if entry.kind == DRAFT_BACKED:
            taken = entry.read(Backed)
            words = (*taken.words, *("" for _ in taken.claims[len(taken.words) :]))
            claims = tuple(
                _cited(found, one.report, one.start, one.end, digest)
                for one, digest in zip(taken.claims, words, strict=False)
            )
            made.append(Basis(entry.at, entry.subject, taken.field, taken.incident, taken.person, claims))
    return tuple(made)


def turns(found: Chronicle) -> tuple[Turn, ...]:
    """Every correction that flagged a draft or an alert of the event."""
    made: dict[str, Turn] = {}
    for entry in found.entries:
        if entry.kind == CORRECTION_FLAGGED and entry.subject not in made:
            flag = entry.read(Flagged)
            made[entry.subject] = Turn(
                entry.at,
                flag.draft,
                flag.alert,
                flag.field,
                _cited(found, flag.claim.report, flag.claim.start, flag.claim.end, _digest(found, flag)),
                flag.now,
                flag.owner,
                word=_next_word(found, flag, entry.at),
            )
        elif entry.kind == CORRECTION_WEIGHED and entry.subject in made:
            said = entry.read(Weighed)
            known = made[entry.subject]
            if known.weighed is None:
                made[entry.subject] = replace(known, weighed=entry.at, weighed_by=said.person, reason=said.reason)
    return tuple(made.values())


def rulings(found: Chronicle) -> tuple[Ruled, ...]:
    """What editors decided about the incidents that were used."""
    made = []
    for entry in found.entries:
        if entry.kind in RULINGS:
            said = msgspec.json.decode(entry.body)
            made.append(Ruled(entry.at, entry.kind, str(said.get("by", "")), str(said.get("reason", ""))))
    return tuple(made)


def _digest(found: Chronicle, flag: Flagged) -> str:
    for entry in found.entries:
        if entry.kind == DRAFT_BACKED:
            taken = entry.read(Backed)
            for claim, digest in zip(taken.claims, taken.words, strict=False):
                if claim == flag.claim:
                    return digest
    return ""


def _next_word(found: Chronicle, flag: Flagged, at: datetime) -> datetime | None:
    content = found.drafts.get(flag.draft)
    event = content.event_id if content is not None else ""
    return next((moment for moment, alert in found.alerts if alert.event_id == event and moment > at), None)


def _cited(found: Chronicle, report: str, start: int, end: int, digest: str) -> Cited:
    entry = found.reports.get(report)
    if entry is None:
        return Cited(report, start, end, "", "", None)
    said = entry.read(Report)
    news = _news(entry, said)
    words = news.text[start:end] if news is not None else ""
    proved = words if words and digest and words_of(words) == digest else ""
    return Cited(report, start, end, said.source, news.outlet if news is not None else "", entry.at, proved)


def _news(entry: Entry, said: Report) -> News | None:
    if said.media_type != NEWS_JSON:
        return None
    try:
        return msgspec.json.decode(said.content, type=News)
    except msgspec.MsgspecError:
        return None

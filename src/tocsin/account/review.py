"""A review: what happened in one event, from the first signal to the last receipt, made from the journal alone.

- Whatever it says can be counted again from the journal by anybody; it holds the journal's number and hash that it was made from.
- It says what is not known ("no receipts are recorded") instead of leaving it out (practice.md section 6, after-action).
- The public edition has no persons, no restricted versions, no reasons that were written for colleagues, and no small
  numbers from which one person could be told.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tocsin.account.alone import Alone, Unsent, alone, unsent
from tocsin.account.basis import Basis, Ruled, Turn, bases, rulings, turns
from tocsin.account.chronicle import Chronicle, Record, chronicle
from tocsin.account.course import Calling, Promise, Step, calls, promises, steps
from tocsin.account.delivered import Coverage, Delivered, Reach, coverage, delivered, reach
from tocsin.account.headcount import UNACCOUNTED, Headcount, headcounts
from tocsin.account.issue import Issue, issues
from tocsin.account.posture import Posture, postures
from tocsin.account.rounding import Rounding
from tocsin.account.verdict import Opening, Verdict, openings, verdicts
from tocsin.account.vigil import Vigil, vigil
from tocsin.cap.phase import ENDED
from tocsin.clock import spell
from tocsin.place.gazetteer import Gazetteer
from tocsin.warn.publish import WARNS

SMALL = 10
"""Numbers below this are not told to the public: few people could be known by them."""


class Source(Struct, frozen=True):
    """What the review was made from: the journal's head, and how many of its entries belong to the event."""

    seq: int
    hash: str
    entries: int


class Review(Struct, frozen=True):
    """The after-action report of one event. Times are UTC, spans in seconds; persons are their ids.

    ``events`` are all that belong to it (staff and public); ``phase`` what it ended with. ``gaps`` name what the journal
    does not tell, by a stable word.
    """

    event: str
    events: tuple[str, ...]
    realm: str
    made: datetime
    edition: str
    title: dict[str, str]
    areas: tuple[str, ...]
    phase: str
    began: datetime
    ended: datetime
    journal: Source
    issues: tuple[Issue, ...]
    delivery: tuple[Delivered, ...]
    coverage: tuple[Coverage, ...]
    vigil: tuple[Vigil, ...]
    promises: tuple[Promise, ...]
    calls: tuple[Calling, ...]
    steps: tuple[Step, ...]
    gaps: tuple[str, ...]
    reach: tuple[Reach, ...] = ()
    headcounts: tuple[Headcount, ...] = ()
    postures: tuple[Posture, ...] = ()
    bases: tuple[Basis, ...] = ()
    turns: tuple[Turn, ...] = ()
    rulings: tuple[Ruled, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    openings: tuple[Opening, ...] = ()
    alone: tuple[Alone, ...] = ()
    unsent: tuple[Unsent, ...] = ()
    left_out: dict[str, int] = {}


def review(journal: Record, event: str, at: datetime, gazetteer: Gazetteer | None = None) -> Review:
    """The review of ``event`` as of ``at``; NotFoundError where the journal says nothing of it.

    ``gazetteer`` gives the shapes by which areas are measured; without one it is that of the world.
    """
    head = journal.head()
    found = chronicle(journal, event)
    made = issues(found, gazetteer or Gazetteer.world())
    last = made[-1] if made else None
    sent = delivered(found)
    result = Review(
        event=found.events[0],
        events=found.events,
        realm=found.entries[0].realm,
        made=at,
        edition="full",
        title=last.headline if last is not None else {},
        areas=tuple(sorted({code for issue in made for code in issue.areas})),
        phase=last.phase if last is not None else "",
        began=found.began,
        ended=found.ended,
        journal=Source(head.seq, head.hash.hex(), len(found.entries)),
        issues=made,
        delivery=sent,
        coverage=coverage(made, sent),
        vigil=vigil(found, made),
        promises=promises(found, at),
        calls=calls(found),
        steps=steps(found),
        gaps=(),
        reach=reach(sent),
        headcounts=headcounts(found),
        postures=postures(found, at),
        bases=bases(found),
        turns=turns(found),
        rulings=rulings(found),
        verdicts=verdicts(found),
        openings=openings(found),
        alone=alone(found),
        unsent=unsent(found),
        left_out=found.left_out,
    )
    return replace(result, gaps=tuple(_gaps(result, found)))


def _gaps(made: Review, found: Chronicle) -> list[str]:
    gaps = []
    if not made.issues:
        gaps.append("never-published")
    elif made.phase not in ENDED:
        gaps.append("not-ended")
    if made.issues and not made.delivery:
        gaps.append("no-deliveries")
    if any(one.settled is None for one in made.delivery):
        gaps.append("deliveries-open")
    if made.delivery and not any(one.curve for one in made.delivery):
        gaps.append("no-delivery-times")
    if not found.contacts:
        gaps.append("no-contacts")
    if made.issues and not found.reports and not found.drafts:
        gaps.append("no-origin")
    if any(issue.phase in WARNS and not issue.retractable for issue in made.issues):
        gaps.append("no-retraction")
    if any(one.told < one.alerted for one in made.coverage):
        gaps.append("end-not-told")
    if any(one.kept is False for one in made.promises):
        gaps.append("promise-broken")
    if any(one.shown == "mismatched" for one in made.verdicts):
        gaps.append("shown-wrong")
    if any(one.overdue_s > 0 for one in made.postures):
        gaps.append("facility-overdue")
    if any(one.counts[UNACCOUNTED] for one in made.headcounts if one.closed):
        gaps.append("closed-unaccounted")
    if any(one.closed is None for one in made.headcounts):
        gaps.append("rollcall-open")
    if any(one.weighed is None and one.word is None for one in made.turns):
        gaps.append("correction-open")
    if any(one.reviewed is None for one in made.alone):
        gaps.append("alone-unreviewed")
    if any(not one.sent and one.tries for one in made.calls):
        gaps.append("call-failed")
    return gaps


def public(full: Review) -> Review:
    """The edition for everybody: restricted versions, persons, reasons and small numbers are left out."""
    told = Rounding(SMALL)
    shown = tuple(issue.public() for issue in full.issues if issue.scope == "Public")
    known = {issue.identifier for issue in shown}
    events = tuple(event for event in full.events if any(issue.event_id == event for issue in shown))
    drafts = {issue.draft for issue in full.issues if issue.scope == "Public" and issue.draft}
    return replace(
        full,
        event=events[0] if events else "",
        events=events,
        edition="public",
        title=shown[-1].headline if shown else {},
        areas=tuple(sorted({code for issue in shown for code in issue.areas})),
        phase=shown[-1].phase if shown else "",
        issues=shown,
        delivery=tuple(one.public(told) for one in full.delivery if one.identifier in known),
        coverage=tuple(one.public(told) for one in full.coverage if one.event_id in events),
        vigil=tuple(one for one in full.vigil if one.identifier in known),
        promises=tuple(one for one in full.promises if one.event_id in events),
        calls=(),
        steps=tuple(step.public() for step in full.steps if step.about in known and step.kind in PUBLIC_STEPS),
        gaps=tuple(gap for gap in full.gaps if gap not in INNER_GAPS),
        reach=tuple(one.public(told) for one in full.reach if one.identifier in known),
        headcounts=tuple(one.public(told) for one in full.headcounts if one.event_id in events),
        postures=tuple(one.public() for one in full.postures if one.alert in known),
        bases=tuple(one.public() for one in full.bases if one.draft in drafts),
        turns=tuple(one.public() for one in full.turns if one.draft in drafts),
        rulings=(),
        verdicts=tuple(one for one in full.verdicts if one.identifier in known),
        openings=tuple(one.public() for one in full.openings if one.identifier in known),
        alone=(),
        unsent=(),
    )


INNER_GAPS = frozenset({"closed-unaccounted", "call-failed", "alone-unreviewed", "rollcall-open"})
"""What is said to the house alone: it would tell of few people, or of persons of the house."""
PUBLIC_STEPS = frozenset(
    {"alert:published", "loopback:matched", "loopback:mismatched", "promise:made", "promise:missed"}
)
"""What of the course of things is told to everybody."""


def encode(made: Review) -> bytes:
    """The review as JSON, the same bytes for the same review: what is signed."""
    return msgspec.json.encode(msgspec.to_builtins(made, enc_hook=_hook), order="sorted")


def decode(data: bytes) -> Review:
    """A review from its JSON; ValidationError for what is none."""
    return msgspec.json.decode(data, type=Review)


def _hook(value: Any) -> Any:
    if isinstance(value, datetime):
        return spell(value)
    raise NotImplementedError(type(value).__name__)

"""Backing: which claims a draft rests on, and what happens when one of them is corrected later.

- A person takes each value from an incident into a draft; with it the journal keeps the claims that it stood on.
- A correction voids nothing by itself: it flags the draft, or the alert that was made of it, to its owner, once for each
  claim, and calls the owner (``page:due``). What to do about it is theirs to decide.
- A next version rests on what the version before it rested on, until the event is over.
- Claims are named by report and characters; what they say, and who says it, stays in the report.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from tocsin.assess.claim import Claim
from tocsin.assess.incident import Pointer
from tocsin.assess.ruling import INCIDENT_CORRECTED
from tocsin.assess.story import Story
from tocsin.errors import IllegalStepError
from tocsin.journal import Entry, Fact, Journal, fact, follow
from tocsin.warn.draft import DRAFT_BEGUN, DRAFT_CHANGED, DRAFT_PUBLISHED, DRAFT_WITHDRAWN, Begun, Ended
from tocsin.warn.owner import PAGE_DUE, Page
from tocsin.warn.publish import ALERT_PUBLISHED, WARNS, Published

DRAFT_BACKED = "draft:backed"
CORRECTION_FLAGGED = "correction:flagged"
CORRECTION_WEIGHED = "correction:weighed"


class Backed(Struct, frozen=True):
    """The body of ``draft:backed``; the subject is the draft. A person took a value for ``field`` from an incident.

    ``words`` are digests of the claims' words, so that they are known again in a newer version of their report.
    """

    person: str
    field: str
    incident: str
    claims: tuple[Pointer, ...]
    words: tuple[str, ...] = ()


def backed(person: str, field: str, story: Story, claims: Iterable[Pointer]) -> Backed:
    """That ``person`` took a value for ``field`` which these claims of ``story`` support."""
    there = tuple(claims)
    found = [_claim(story, at) for at in there]
    return Backed(person, field, story.id, there, tuple(words_of(one.text) if one else "" for one in found))


def words_of(text: str) -> str:
    """A digest by which the same words are known again."""
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()[:16]


class Flagged(Struct, frozen=True):
    """The body of ``correction:flagged``; the subject is :attr:`id`. ``now`` is corrected, withdrawn, gone or ruled.

    ``alert`` is what was published of the draft, empty while it is a draft.
    """

    draft: str
    alert: str
    owner: str
    deputy: str
    incident: str
    field: str
    claim: Pointer
    now: str

    @property
    def id(self) -> str:
        """The same correction of the same claim flags a draft once."""
        return f"{self.draft}/{self.claim.report}:{self.claim.start}-{self.claim.end}/{self.now}"


class Weighed(Struct, frozen=True):
    """The body of ``correction:weighed``; the subject is the flag's id. A person says that it holds all the same."""

    person: str
    reason: str


class Resting(Struct, frozen=True):
    """A draft with what it rests on: each taking with the number of its entry."""

    draft: str
    event_id: str
    owner: str
    deputy: str
    supersedes: str
    alert: str = ""
    ended: bool = False
    backed: tuple[tuple[int, Backed], ...] = ()


Stories = Callable[[str], Story | None]
"""The incident in which a report stands, or a newer version of it."""


class Backings:
    """Every draft that rests on claims, and the flags that were raised, as the journal tells it."""

    KINDS = (
        DRAFT_BACKED,
        DRAFT_BEGUN,
        DRAFT_CHANGED,
        DRAFT_PUBLISHED,
        DRAFT_WITHDRAWN,
        ALERT_PUBLISHED,
        CORRECTION_FLAGGED,
        CORRECTION_WEIGHED,
    )

    def __init__(self, realm: str) -> None:
        self.realm, self.seq = realm, 0
        self._drafts: dict[str, Resting] = {}
        self._by_alert: dict[str, str] = {}
        self._by_event: dict[str, str] = {}
        self._flags: dict[str, tuple[Flagged, datetime]] = {}
        self._weighed: set[str] = set()
        self._lock = threading.Lock()

    def take_in(self, journal: Journal) -> Backings:
        """Read what was recorded since the last time."""
        with self._lock:
            # What lies before the head and is not of these kinds is not looked at again.
            head = journal.head().seq
            for entry in follow(journal, self.seq, self.KINDS):
                self.apply(entry)
            self.seq = max(self.seq, head)
        return self

    def apply(self, entry: Entry) -> None:
        """Take in one entry."""
        self.seq = max(self.seq, entry.seq)
        if entry.realm != self.realm:
            return
        match entry.kind:
            case "draft:begun" | "draft:changed":
                self._said(entry.subject, entry.read(Begun))
            case "draft:backed":
                self._change(entry.subject, backed=(*self._of(entry.subject).backed, (entry.seq, entry.read(Backed))))
            case "draft:published":
                identifier = entry.read(Ended).detail
                self._change(entry.subject, alert=identifier)
                self._by_alert[identifier] = entry.subject
            case "draft:withdrawn":
                self._change(entry.subject, ended=True)
            case "alert:published":
                self._published(entry.read(Published))
            case "correction:flagged":
                self._flags[entry.subject] = (entry.read(Flagged), entry.at)
            case "correction:weighed":
                self._weighed.add(entry.subject)

    def _of(self, draft: str) -> Resting:
        return self._drafts.get(draft) or Resting(draft, "", "", "", "")

    def _change(self, draft: str, **values: object) -> None:
        self._drafts[draft] = replace(self._of(draft), **values)

    def _said(self, draft: str, said: Begun) -> None:
        content = said.content
        first = draft not in self._drafts
        self._change(
            draft,
            event_id=content.event_id,
            owner=content.owner or said.person,
            deputy=content.deputy,
            supersedes=content.supersedes,
        )
        before = self._by_alert.get(content.supersedes, "")
        if first and before:
            # What the version before was made from is what this one goes on from.
            self._change(draft, backed=self._of(before).backed)

    def _published(self, done: Published) -> None:
        old = self._by_event.get(done.event_id, "")
        if old and old != done.draft:
            self._change(old, ended=True)
        if done.draft:
            self._by_event[done.event_id] = done.draft
            if done.draft in self._drafts:
                self._change(done.draft, ended=done.phase not in WARNS)

    # --- asking ----------------------------------------------------------------------------------------------------

    def of(self, draft: str) -> tuple[Backed, ...]:
        """What a draft rests on, in the order in which it was taken."""
        return tuple(one for _, one in self._of(draft).backed)

    def resting(self) -> list[Resting]:
        """Every draft and live alert that rests on claims and is not over."""
        return [one for one in tuple(self._drafts.values()) if one.backed and not one.ended]

    def flags(self, draft: str = "") -> list[tuple[Flagged, datetime]]:
        """The flags that wait for a person, of one draft or of all that are not over; newest first."""
        found = [
            (flag, at)
            for name, (flag, at) in tuple(self._flags.items())
            if name not in self._weighed and (flag.draft == draft if draft else not self._of(flag.draft).ended)
        ]
        return sorted(found, key=lambda one: one[1], reverse=True)

    # --- what to record --------------------------------------------------------------------------------------------

    def due(self, stories: Stories, at: datetime) -> list[Fact]:
        """What to record now: each correction of a claim that something rests on, once, and a call to its owner."""
        facts: list[Fact] = []
        for one in self.resting():
            made = [flag for flag in self._corrected(one, stories) if flag.id not in self._flags]
            for step, flag in enumerate({flag.id: flag for flag in made}.values(), self._count(one.draft) + 1):
                facts.append(fact(CORRECTION_FLAGGED, flag.id, flag, self.realm))
                about, what = one.alert or one.draft, flag.now
                sentence = f"{about} rests on words that are {what} now ({flag.field}): look at it again."
                for person in dict.fromkeys((one.owner, one.deputy)):
                    if person:
                        page = Page(f"correction/{one.draft}", person, at, sentence, step)
                        facts.append(fact(PAGE_DUE, page.id, page, self.realm))
        return facts

    def _count(self, draft: str) -> int:
        return sum(flag.draft == draft for flag, _ in self._flags.values())

    def weigh(self, flag: str, person: str, reason: str) -> list[Fact]:
        """Record that a person looked at a flag and lets the draft or alert stand as it is."""
        if flag not in self._flags or flag in self._weighed:
            raise IllegalStepError("this correction does not wait any more")
        if not reason.strip():
            raise IllegalStepError("say why it holds all the same")
        return [fact(CORRECTION_WEIGHED, flag, Weighed(person, reason.strip()[:300]), self.realm)]

    def _corrected(self, one: Resting, stories: Stories) -> Iterable[Flagged]:
        for seq, taken in one.backed:
            for claim, words in zip(taken.claims, taken.words, strict=False):
                story = stories(claim.report)
                # What the newsroom has let go of, nobody can say anything of.
                now = turned(story, claim, words, seq) if story is not None else ""
                if now:
                    yield Flagged(one.draft, one.alert, one.owner, one.deputy, taken.incident, taken.field, claim, now)


def turned(story: Story, at: Pointer, words: str, since: int) -> str:
    """What became of a claim that was taken with entry ``since``; empty while it stands.

    ``corrected``, ``withdrawn``, ``gone`` from the newer version of its report, or ``ruled``: an editor said that
    somebody else is meant, or another place.
    """
    if any(one.kind == INCIDENT_CORRECTED and one.claim == at and one.seq > since for one in story.rulings):
        return "ruled"
    report = next((one.report for one in story.tellings if at.report in (one.report, *one.versions)), None)
    if report is None:
        return ""
    same = [claim for claim in story.incident.claims if claim.report == report and words_of(claim.text) == words]
    found = _claim(story, at) or next(iter(same), None)
    if found is None:
        return "gone"
    return found.standing if found.standing in ("corrected", "withdrawn") else ""


def _claim(story: Story, at: Pointer) -> Claim | None:
    return next(
        (
            claim
            for claim in story.incident.claims
            if claim.report == at.report and (claim.span.start, claim.span.end) == (at.start, at.end)
        ),
        None,
    )

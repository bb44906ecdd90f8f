"""The board: everything that is being written or stands published in one realm, and what each draft comes to now.

- It is a projection of the journal and changes nothing: what a draft compiles to, which rule it falls under, where its
  approval stands, what the guards say.
- Only what may follow the phase that stands compiles: no all-clear of a calm event, no end of an act by a lesser word
  (practice.md section 2).
- An update is measured against the area that holds: who leaves, who joins, and whether it sounds again (F22, req. 43).
- What happened in the other realm never happened here (F1).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from tocsin.cap.alert import Reference
from tocsin.cap.limits import TRUSTED
from tocsin.cap.phase import CALM, LEGAL, RANK, Phase
from tocsin.cap.xml import read
from tocsin.clock import spell
from tocsin.errors import GeometryError, IllegalStepError, NotFoundError
from tocsin.journal import EXERCISE, Entry
from tocsin.remark import remark, word
from tocsin.warn.adoption import PolicyBook
from tocsin.warn.approval import Case, Policy, Progress, Purpose, Rule, progress, rule_for
from tocsin.warn.compile import Change, Compiled, Kit, compile_content, digest
from tocsin.warn.draft import DRAFT_PUBLISHED, Content, Draft, Drafts, Ended, Where
from tocsin.warn.extent import grew, left_over
from tocsin.warn.fatigue import Tally
from tocsin.warn.finding import Finding, Guard
from tocsin.warn.person import People
from tocsin.warn.publish import ALERT_PUBLISHED, WARNS, Published

REVIEW_DUE, REVIEW_DONE = "review:due", "review:done"
PERSONS = ("person:", "delegation:")


class ReviewDue(Struct, frozen=True):
    """The body of ``review:due``; the subject is the draft. Somebody acted alone, and others look at it afterwards."""

    person: str
    reason: str
    what: str


class ReviewDone(Struct, frozen=True):
    """The body of ``review:done``; the subject is the draft. What another person ``found`` who looked at it."""

    person: str
    found: str


Census = Callable[[Where], int | None]
"""How many people live in an area; None when nobody can tell, which counts as many."""


class Board:
    """Everything that is being written or stands published in one realm."""

    def __init__(
        self,
        kit: Kit,
        policy: Policy,
        people: People,
        drafts: Drafts,
        *,
        census: Census = lambda where: None,
        guards: tuple[Guard, ...] = (),
        still_warns: Callable[[Published], bool] = lambda alert: False,
        tally: Tally | None = None,
    ) -> None:
        """``tally`` is what the guards compare with; whoever tells the board of entries tells it too."""
        self.kit, self.policy, self.people, self.drafts = kit, policy, people, drafts
        self.census, self.guards, self.still_warns = census, guards, still_warns
        self.tally = tally
        self.bylaws = PolicyBook(policy, people)
        self._newest: dict[str, Published] = {}  # by event
        self._event_of: dict[str, str] = {}  # by identifier
        self._reviews: dict[str, str] = {}  # a draft that is to be reviewed -> who acted alone
        self._publisher: dict[str, tuple[str, datetime]] = {}  # identifier -> who published it, and when

    def apply(self, entry: Entry) -> None:
        """Take in one entry of the journal."""
        own = self.kit.issuer.realm
        if entry.realm != own and (own != EXERCISE or not entry.kind.startswith(PERSONS)):
            # Who works here in earnest may practise; nothing else crosses from one realm into the other.
            return
        self.people.apply(entry)
        self.drafts.apply(entry)
        if self.bylaws.apply(entry):
            self.policy = self.bylaws.current
        if entry.kind == ALERT_PUBLISHED:
            done = entry.read(Published)
            self._event_of[done.identifier] = done.event_id
            known = self._newest.get(done.event_id)
            if known is None or known.version < done.version:
                self._newest[done.event_id] = done
        elif entry.kind == REVIEW_DUE:
            self._reviews[entry.subject] = entry.read(ReviewDue).person
        elif entry.kind == REVIEW_DONE:
            self._reviews.pop(entry.subject, None)
        elif entry.kind == DRAFT_PUBLISHED:
            ended = entry.read(Ended)
            self._publisher[ended.detail] = (ended.person, entry.at)

    # --- looking ---------------------------------------------------------------------------------------------------

    def draft(self, name: str) -> Draft:
        """The draft ``name``; raises :class:`NotFoundError` where there is none."""
        found = self.drafts.get(name)
        if found is None:
            raise NotFoundError(remark("board.no-draft", "there is no draft {draft}", draft=name))
        return found

    def standing(self, identifier: str) -> Published:
        """The newest alert of the event that ``identifier`` belongs to."""
        event = self._event_of.get(identifier)
        if event is None:
            raise NotFoundError(remark("board.no-alert", "there is no alert {alert}", alert=identifier))
        return self._newest[event]

    def compiled(self, content: Content) -> Compiled:
        """The alert and retraction that ``content`` comes to now, with what leaves beside them."""
        before = self._newest.get(content.event_id) if content.version > 1 else None
        if content.version > 1:
            if before is None or before.version != content.version - 1:
                raise IllegalStepError(
                    remark("board.not-newest", "the alert that this updates is not the newest of its event any more")
                )
            if content.phase == Phase.RETRACTED:
                return self._retraction(before)
        elif content.event_id in self._newest:
            raise IllegalStepError(remark("board.update", "this event has an alert already; write an update"))
        stands = Phase(before.phase) if before is not None else CALM
        if content.phase in {phase.value for phase in Phase} and Phase(content.phase) not in LEGAL[stands]:
            raise IllegalStepError(
                remark(
                    "board.cannot-follow",
                    "{phase} cannot follow {stands}",
                    phase=word("phase", content.phase),
                    stands=word("phase", stands.value),
                )
            )
        change = self.change_of(content, before)
        return compile_content(content, self.kit, self._reference(before) if before else None, change)

    def change_of(self, content: Content, before: Published | None) -> Change:
        """What this update changes for people; raises GeometryError where those who leave cannot be named cleanly."""
        phase = content.phase
        if before is None or before.phase not in WARNS or phase not in WARNS or not content.where:
            return Change()
        earlier, gazetteer = self.where_of(before), self.kit.gazetteer
        louder = RANK[Phase(phase)] > RANK[Phase(before.phase)]
        if earlier.digest == content.where.digest:
            return Change(sounds=louder)
        leaving = left_over(earlier, content.where, gazetteer)
        more = grew(earlier, content.where, gazetteer)
        if more and phase == Phase.HOLD:
            # "Stay in the shelter" is no advice for somebody who was not told to go there.
            joining = left_over(content.where, earlier, gazetteer)
            staying = left_over(content.where, joining, gazetteer)
            return Change(leaving, joining, staying, louder)
        return Change(leaving, sounds=louder or more)

    def reviews(self) -> dict[str, str]:
        """The drafts that somebody sent alone and nobody has looked at yet, with who that was."""
        return dict(self._reviews)

    def where_of(self, alert: Published) -> Where:
        """The area that holds for the event of ``alert``: of the draft it came from, or the codes it names."""
        draft = self.drafts.get(alert.draft) if alert.draft else None
        return draft.content.where if draft is not None else Where(codes=alert.areas)

    def case(self, content: Content, person: str, at: datetime) -> Case:
        """What decides how many persons must agree on ``content``."""
        before = self._newest.get(content.event_id) if content.version > 1 else None
        purpose = Purpose.ISSUE if before is None else Purpose.UPDATE
        own, age = False, timedelta(0)
        if content.phase == Phase.RETRACTED:
            purpose = Purpose.RETRACT
        elif content.phase == Phase.ALL_CLEAR or (before is not None and self._calms(content, before)):
            purpose = Purpose.ALL_CLEAR
        if before is not None:
            who, when = self._publisher.get(before.identifier, ("", before.sent))
            own, age = who == person, at - when
        return Case(
            purpose,
            content.phase,
            self.kit.issuer.realm == EXERCISE,
            content.scope == "Public",
            content.template,
            self.census(content.where),
            any(self.kit.gazetteer.get(code).level == 0 for code in content.where.codes),
            own,
            age,
            before is not None and self.still_warns(before),
        )

    def _calms(self, content: Content, before: Published) -> bool:
        """Whether an update tells somebody that it is over: then it needs as many persons as an all-clear."""
        try:
            return bool(self.change_of(content, before).leaving)
        except GeometryError:
            return True

    def rule(self, draft: Draft, at: datetime) -> Rule:
        """The rule that holds for ``draft``: the one it was proposed under, once it was."""
        name = draft.rule
        return self.policy.named(name) if name else rule_for(self.case(draft.content, draft.author, at), self.policy)

    def progress(self, draft: Draft, at: datetime) -> Progress:
        """Where the approval of ``draft`` stands."""
        proposed = draft.proposed or at
        return progress(
            self.rule(draft, at), self.policy, self.people, draft.author, draft.digest, proposed, draft.votes, at
        )

    def findings(self, draft: Draft, compiled: Compiled) -> tuple[Finding, ...]:
        """What the guards say; one whose reason was given no longer stops anything."""
        return tuple(
            replace(found, reason=False)
            if found.reason and draft.content.reasons.get(found.code, "").strip()
            else found
            for guard in self.guards
            for found in guard(draft, compiled)
        )

    def _retraction(self, newest: Published) -> Compiled:
        """The retraction that has been ready since ``newest`` was published."""
        if not newest.retraction:
            raise IllegalStepError(
                remark(
                    "desk.nothing-to-retract",
                    "there is nothing to take back: this event stands at {phase}",
                    phase=word("phase", newest.phase),
                )
            )
        alert = replace(read(newest.retraction.encode(), limits=TRUSTED).alerts[0], sent=None, original=None)
        return Compiled(alert, None, digest(alert, None))

    def _reference(self, before: Published) -> Reference:
        return Reference(self.kit.issuer.sender, before.identifier, spell(before.sent))

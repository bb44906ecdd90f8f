"""The desk: where warnings are written, agreed on, published and taken back, each step as facts for the journal.

- A step checks the person, the state and the policy, and returns facts; whoever calls records them in one commit. Nothing
  is remembered that the journal does not say.
- What is approved is a digest of the alert and its retraction; publishing compiles them again and refuses unless the
  digest is the same (F7, req. 53 and 56). ``sent`` and the identifier are frozen then.
- An update keeps its event. Who is no longer in its area gets an all-clear, who is new in it the alert, in the same
  commit; it sounds again only for an escalation or a bigger area (F22, req. 43).
- Taking back one's own fresh alert is one step of one person; anything else that calms needs two (practice.md section 6).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from tocsin.cap.alert import PHASE, VERSION, Alert, Reference
from tocsin.cap.limits import TRUSTED
from tocsin.cap.phase import Phase
from tocsin.cap.xml import read
from tocsin.clock import spell
from tocsin.errors import IllegalStepError, NotAllowedError
from tocsin.journal import Fact, fact
from tocsin.remark import remark, word
from tocsin.warn.approval import (
    BreakGlass,
    State,
    Vote,
    check_break_glass,
    rule_for,
)
from tocsin.warn.board import REVIEW_DONE, REVIEW_DUE, Board, ReviewDone, ReviewDue
from tocsin.warn.compile import HAZARD, Compiled, digest
from tocsin.warn.draft import (
    DRAFT_APPROVED,
    DRAFT_BEGUN,
    DRAFT_CHANGED,
    DRAFT_GLASS_BROKEN,
    DRAFT_PROPOSED,
    DRAFT_PUBLISHED,
    DRAFT_REJECTED,
    DRAFT_WITHDRAWN,
    NEEDS,
    Begun,
    Content,
    Draft,
    DraftState,
    Ended,
    Proposed,
    Step,
    Where,
    after,
)
from tocsin.warn.person import Act
from tocsin.warn.promise import PROMISE_MADE, Promised
from tocsin.warn.publish import ALERT_PUBLISHED, WARNS, Published, Sign, published

TRANSLATE_IN = timedelta(minutes=10)

GUARD_OVERRIDDEN = "guard:overridden"
TRANSLATION_DUE = "translation:due"


class Overridden(Struct, frozen=True):
    """The body of ``guard:overridden``; the subject is the draft. Who went past which guard, and with what reason."""

    person: str
    code: str
    sentence: str
    reason: str


class TranslationDue(Struct, frozen=True):
    """The body of ``translation:due``; the subject is the alert. It left without these; ``by`` is when they are owed."""

    draft: str
    missing: tuple[str, ...]
    by: datetime


class Desk(Board):
    """The board, and what persons do at it."""

    # --- writing ---------------------------------------------------------------------------------------------------

    def begin(self, name: str, person: str, content: Content, at: datetime) -> list[Fact]:
        """Begin a draft; a first alert's event gets its id here."""
        self.people.require(person, Act.COMPOSE, at)
        if self.drafts.get(name) is not None:
            raise IllegalStepError(remark("desk.draft-exists", "there is a draft {draft} already", draft=name))
        if not content.event_id:
            content = replace(content, event_id=f"evt.{name}")
        return [self._fact(DRAFT_BEGUN, name, Begun(person, content))]

    def begin_twin(self, name: str, person: str, of: str, audience: str, at: datetime) -> list[Fact]:
        """Begin the other version of draft ``of``, for another audience, and link both by their incident."""
        first = self.draft(of)
        other_version = self.drafts.get(first.content.twin)
        if other_version is not None and not self._is_before(first, other_version):
            raise IllegalStepError(
                remark("desk.twin-exists", "{draft} has a twin already: {twin}", draft=of, twin=first.content.twin)
            )
        incidents = first.content.incidents or (f"inc.{of}",)
        event: dict[str, str | int] = {"event_id": "", "version": 1, "supersedes": ""}
        newest = self.standing(other_version.published) if other_version is not None else None
        if newest is not None and newest.phase in WARNS:
            # What was told to the others is updated, and not told anew beside it.
            event = {
                "event_id": newest.event_id,
                "version": newest.version + 1,
                "supersedes": newest.identifier,
            }
        other = replace(first.content, audience=audience, twin=of, incidents=incidents, **event)
        if other.scope == first.content.scope:
            raise IllegalStepError(remark("desk.twins", "twins are one version for staff and one for the public"))
        linked = replace(first.content, twin=name, incidents=incidents)
        return [*self.begin(name, person, other, at), *self.change(of, person, linked, at)]

    def _is_before(self, draft: Draft, twin: Draft) -> bool:
        """Whether ``twin`` belongs to what ``draft`` updates: it is out, and goes with another draft than this."""
        return draft.content.version > 1 and bool(twin.published) and twin.content.twin != draft.id

    def begin_update(
        self, name: str, person: str, identifier: str, at: datetime, phase: str = "", where: Where | None = None
    ) -> list[Fact]:
        """Begin an update of the alert's event with everything as it stands, but for ``phase`` and ``where``."""
        newest = self.standing(identifier)
        draft = self.drafts.get(newest.draft) if newest.draft else None
        base = draft.content if draft is not None else self._mirrored(newest, person)
        content = replace(
            base,
            phase=phase or newest.phase,
            where=self.where_of(newest) if where is None else where,
            event_id=newest.event_id,
            version=newest.version + 1,
            supersedes=newest.identifier,
            starts=at.replace(microsecond=0) if phase == Phase.ALL_CLEAR else base.starts,
            ends=max(base.ends or at, at + timedelta(hours=1)).replace(microsecond=0),
            next_update_by=None,
            reasons={},
        )
        return self.begin(name, person, content, at)

    def _mirrored(self, alert: Published, person: str) -> Content:
        """What a mirrored alert comes to as content of our own."""
        message = read(alert.cap.encode(), limits=TRUSTED).alerts[0]
        hazard = message.parameter(HAZARD) or (
            alert.event_id.split(".")[2] if alert.event_id[:4] == "sig." else "other"
        )
        return Content(hazard=hazard, owner=person, starts=alert.as_of or alert.sent)

    def change(self, name: str, person: str, content: Content, at: datetime) -> list[Fact]:
        """Replace what the draft says; a change after the proposal voids it with all its votes."""
        draft = self._step(name, Step.CHANGE, person, at)
        content = replace(
            content,
            event_id=draft.content.event_id,
            version=draft.content.version,
            supersedes=draft.content.supersedes,
        )
        return [] if content == draft.content else [self._fact(DRAFT_CHANGED, name, Begun(person, content))]

    def withdraw(self, name: str, person: str, at: datetime) -> list[Fact]:
        """Give the draft up."""
        self._step(name, Step.WITHDRAW, person, at)
        return [self._fact(DRAFT_WITHDRAWN, name, Ended(person))]

    def propose(self, name: str, person: str, at: datetime) -> list[Fact]:
        """Ask for approval of exactly what the draft says now."""
        draft = self._step(name, Step.PROPOSE, person, at)
        compiled = self.compiled(draft.content)
        for minder in filter(None, (draft.content.owner, draft.content.deputy)):
            if not self.people.roles(minder, at):
                raise IllegalStepError(
                    remark("desk.minder", "{person} does not work here and cannot mind the alert", person=minder)
                )
        findings = self.findings(draft, compiled)
        stops = [found.said for found in findings if found.blocking or found.reason]
        if stops:
            raise IllegalStepError(remark("desk.stops", "{found}", found=stops))
        reasons = {code: text.strip() for code, text in draft.content.reasons.items() if text.strip()}
        overridden = [
            self._fact(GUARD_OVERRIDDEN, name, Overridden(person, found.code, found.sentence, reasons[found.code]))
            for found in findings
            if found.code in reasons
        ]
        case = self.case(draft.content, draft.author, at)
        if case.exercise and case.public and self._quiet(draft.content.where, at):
            raise IllegalStepError(remark("desk.night", "no exercise goes to the public at night in its place"))
        rule = rule_for(case, self.policy).name
        return [*overridden, self._fact(DRAFT_PROPOSED, name, Proposed(person, compiled.digest, rule))]

    # --- agreeing --------------------------------------------------------------------------------------------------

    def vote(self, name: str, vote: Vote) -> list[Fact]:
        """Approve or reject exactly what was shown: ``vote.digest`` must be what stands there."""
        draft = self._step(name, Step.APPROVE if vote.approve else Step.REJECT, vote.person, vote.at)
        if vote.person == draft.author:
            raise NotAllowedError(remark("vote.own", "nobody approves their own draft"))
        if vote.digest != draft.digest:
            raise IllegalStepError(remark("desk.changed", "it has changed since you looked at it; look again"))
        if vote.approve and not self._is_fresh(vote.fresh, vote.at):
            raise NotAllowedError(remark("prove-first", "prove first that you are present"))
        if not vote.approve and not vote.reason.strip():
            raise IllegalStepError(remark("desk.reject-why", "say why you reject it"))
        return [self._fact(DRAFT_APPROVED if vote.approve else DRAFT_REJECTED, name, vote)]

    def break_glass(self, name: str, glass: BreakGlass) -> list[Fact]:
        """Go on alone because nobody answered; others review it afterwards."""
        draft = self._step(name, Step.BREAK_GLASS, glass.person, glass.at)
        case = self.case(draft.content, draft.author, glass.at)
        check_break_glass(
            glass,
            self.progress(draft, glass.at),
            self.policy,
            self.people,
            template=case.template,
            whole_country=case.whole_country,
            proposed_areas=draft.content.where.codes,
        )
        review = ReviewDue(glass.person, glass.reason, f"published {name} without a second person")
        return [
            self._fact(DRAFT_GLASS_BROKEN, name, Ended(glass.person, glass.reason)),
            self._fact(REVIEW_DUE, name, review),
        ]

    def review(self, name: str, person: str, found: str, at: datetime) -> list[Fact]:
        """Say what somebody else found who looked at what was done alone."""
        self.people.require(person, Act.APPROVE, at)
        alone = self.reviews().get(name)
        if alone is None:
            raise IllegalStepError(remark("review.none", "there is nothing to review here"))
        if person == alone:
            raise NotAllowedError(remark("review.own", "somebody else reviews what you did alone"))
        if not found.strip():
            raise IllegalStepError(remark("review.found", "say what you found"))
        return [self._fact(REVIEW_DONE, name, ReviewDone(person, found.strip()[:1000]))]

    # --- publishing ------------------------------------------------------------------------------------------------

    def publish(self, name: str, person: str, fresh: datetime | None, sign: Sign, at: datetime) -> list[Fact]:
        """Publish what was agreed on, and nothing else; the retraction goes into the same entry."""
        draft = self._step(name, Step.PUBLISH, person, at)
        if not self._is_fresh(fresh, at):
            raise NotAllowedError(remark("prove-first", "prove first that you are present"))
        standing = self.progress(draft, at)
        if draft.state is not DraftState.APPROVED and standing.state is not State.READY:
            raise IllegalStepError(remark("desk.missing", "{count} more must approve it", count=standing.missing))
        at = at.replace(microsecond=0)
        compiled = self.compiled(draft.content)
        if compiled.digest != draft.digest:
            raise IllegalStepError(
                remark("desk.not-approved", "what would be published is not what was approved; propose it again")
            )
        before = self._newest.get(draft.content.event_id)
        if before is not None and before.sent >= at:
            at = before.sent + timedelta(seconds=1)
        return self._publish(draft, compiled, before, person, sign, at)

    def retract(
        self, name: str, identifier: str, person: str, fresh: datetime | None, sign: Sign, at: datetime
    ) -> list[Fact]:
        """Take back the alert ``identifier``: at once where one person may, otherwise as draft ``name`` to be approved."""
        self.people.require(person, Act.RETRACT, at)
        if not self._is_fresh(fresh, at):
            raise NotAllowedError(remark("prove-first", "prove first that you are present"))
        newest = self.standing(identifier)
        if newest.phase not in WARNS:
            raise IllegalStepError(
                remark(
                    "desk.nothing-to-retract",
                    "there is nothing to take back: this event stands at {phase}",
                    phase=word("phase", newest.phase),
                )
            )
        content = Content(
            phase=Phase.RETRACTED.value,
            hazard=read(newest.cap.encode(), limits=TRUSTED).alerts[0].parameter(HAZARD) or "other",
            where=self.where_of(newest),
            owner=person,
            event_id=newest.event_id,
            version=newest.version + 1,
            supersedes=newest.identifier,
            audience="everyone" if newest.scope == "Public" else "staff",
        )
        rule = rule_for(self.case(content, person, at), self.policy)
        compiled = self._retraction(newest)
        begun = self._fact(DRAFT_BEGUN, name, Begun(person, content))
        proposed = self._fact(DRAFT_PROPOSED, name, Proposed(person, compiled.digest, rule.name))
        if rule.persons > 1:
            return [begun, proposed]
        at = max(at.replace(microsecond=0), newest.sent + timedelta(seconds=1))
        draft = Draft(name, person, at, content, DraftState.PROPOSED, compiled.digest, rule.name, at)
        return [begun, proposed, *self._publish(draft, compiled, newest, person, sign, at)]

    def _publish(
        self, draft: Draft, compiled: Compiled, before: Published | None, person: str, sign: Sign, at: datetime
    ) -> list[Fact]:
        content = draft.content
        alert, *beside = (replace(one, sent=at, original=None) for one in (compiled.alert, *compiled.beside))
        own = Reference(alert.sender, alert.identifier, spell(at))
        taken_back = compiled.retraction
        retraction = replace(taken_back, sent=at, references=(own,), original=None) if taken_back else None
        if digest(alert, retraction, tuple(beside)) != draft.digest:
            raise IllegalStepError(remark("desk.not-signed", "what would be signed is not what was approved"))
        made = []
        for message in (*beside, alert):
            phase = Phase(message.parameter(PHASE) or content.phase)
            made.append(
                published(
                    message,
                    retraction,
                    event_id=content.event_id,
                    version=int(message.parameter(VERSION) or content.version),
                    phase=phase,
                    areas=tuple(_codes(message)),
                    as_of=content.starts or at,
                    sign=sign,
                    supersedes=before.identifier if before else "",
                    draft=draft.id,
                )
            )
        done = made[-1]
        facts = [self._fact(ALERT_PUBLISHED, one.identifier, one) for one in made]
        facts.append(self._fact(DRAFT_PUBLISHED, draft.id, Ended(person, done.identifier)))
        if content.next_update_by is not None and done.phase in WARNS:
            promised = Promised(content.event_id, content.next_update_by, content.owner, content.deputy)
            facts.append(self._fact(PROMISE_MADE, done.identifier, promised))
        if done.phase not in WARNS:
            return facts
        missing = [found.sentence for found in self.findings(draft, compiled) if found.follow_up]
        if missing:
            facts.append(
                self._fact(
                    TRANSLATION_DUE, done.identifier, TranslationDue(draft.id, tuple(missing), at + TRANSLATE_IN)
                )
            )
        return facts

    def _step(self, name: str, step: Step, person: str, at: datetime) -> Draft:
        self.people.require(person, NEEDS[step], at)
        draft = self.draft(name)
        after(draft, step)
        return draft

    def _is_fresh(self, fresh: datetime | None, at: datetime) -> bool:
        return fresh is not None and timedelta(0) <= at - fresh <= timedelta(minutes=self.policy.fresh_minutes)

    def _quiet(self, where: Where, at: datetime) -> bool:
        zones = {self.kit.gazetteer.get(code).zone for code in where.codes}
        return any(self.policy.is_quiet(at, zone) for zone in zones)

    def _fact(self, kind: str, subject: str, body: object) -> Fact:
        return fact(kind, subject, body, self.kit.issuer.realm)


def _codes(alert: Alert) -> list[str]:
    """The area codes that ``alert`` names, as ours."""
    found = []
    for named in (code for area in alert.infos[0].areas for code in area.geocodes):
        found.append(named.value if named.name.startswith("ISO3166") else f"{named.name}:{named.value}")
    return found

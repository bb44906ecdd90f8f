"""Approval: which rule an act falls under, and whether the persons it asks for have agreed to exactly this.

- The policy is a table (``data/approval.toml``): persons, clock, break-glass. It is versioned, and two administrators
  change it.
- A vote counts only for the digest that was shown, from somebody else than the author, who may approve, and who has
  just proved to be present. Any change voids it (F7).
- The clock runs: after a while the next in line is called; then, where the rule has it, break-glass is offered to a named
  duty officer, for a bounded area and template text only, and leaves a review to be done (F13: Kerr County).
- Calming is harder than warning: all-clear and retraction of somebody else's alert have no break-glass.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from enum import StrEnum
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from tocsin.errors import IllegalStepError, SettingsError
from tocsin.remark import Remark, remark, word
from tocsin.warn.person import Act, People


class Rule(Struct, frozen=True, forbid_unknown_fields=True):
    """One row: ``persons`` who must agree, the author among them; ``escalate``/``break_glass`` in seconds, 0 for never."""

    name: str
    persons: int
    says: str
    escalate: int = 0
    break_glass: int = 0

    @property
    def said(self) -> Remark:
        """What it says, as a remark; words of this house's own policy are known by no key."""
        own = self.name not in RULES or default().named(self.name).says != self.says
        return Remark("" if own else f"rule.{self.name}", self.says)


class Policy(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole table with its limits."""

    version: int
    wide_people: int
    retract_alone_minutes: int
    fresh_minutes: int
    quiet: tuple[str, str]
    rule: tuple[Rule, ...]

    def named(self, name: str) -> Rule:
        """The row of this name."""
        return next(row for row in self.rule if row.name == name)

    def is_quiet(self, at: datetime, zone: str) -> bool:
        """Whether ``at`` lies in the quiet hours of ``zone`` (F26: a test at 04:45 local time)."""
        start, end = (time.fromisoformat(text) for text in self.quiet)
        local = at.astimezone(ZoneInfo(zone)).time()
        return local >= start or local < end if start > end else start <= local < end


RULES = (
    "mirror",
    "act-by-template",
    "act-wide",
    "hold",
    "prepare",
    "retract-own",
    "retract-other",
    "all-clear",
    "exercise-public",
)


@cache
def default() -> Policy:
    """The table that comes with Tocsin."""
    return read((resources.files("tocsin.warn") / "data" / "approval.toml").read_bytes())


def read(content: bytes) -> Policy:
    """A table from TOML; raises :class:`SettingsError` for one that lacks a rule or lets one person do everything."""
    try:
        policy = msgspec.convert(tomllib.loads(content.decode("utf-8")), Policy)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as wrong:
        raise SettingsError(remark("policy.unreadable", "approval policy: {wrong}", wrong=str(wrong))) from None
    names = [row.name for row in policy.rule]
    if sorted(names) != sorted(RULES):
        raise SettingsError(
            remark("policy.rules", "approval policy: it must have exactly the rules {rules}", rules=RULES)
        )
    for name in ("act-wide", "retract-other", "all-clear", "exercise-public"):
        if policy.named(name).persons < 2:
            raise SettingsError(remark("policy.two", "approval policy: {rule} needs two persons at least", rule=name))
    for name in ("retract-other", "all-clear"):
        if policy.named(name).break_glass:
            raise SettingsError(
                remark(
                    "policy.no-glass",
                    "approval policy: {rule} has no break-glass, because calming wrongly kills",
                    rule=name,
                )
            )
    if any(row.persons < 1 for row in policy.rule if row.name != "mirror"):
        raise SettingsError(remark("policy.nobody", "approval policy: only the mirror goes without a person"))
    return policy


class Purpose(StrEnum):
    """What is to be done."""

    ISSUE = "issue"
    UPDATE = "update"
    RETRACT = "retract"
    ALL_CLEAR = "all-clear"


class Case(Struct, frozen=True):
    """What decides which rule holds.

    ``people`` is how many live in the area (None when unknown, which counts as many). ``own`` says that whoever acts
    published the alert, ``age`` how long ago; ``source_still_warns`` that the official source has not ended it.
    """

    purpose: Purpose
    phase: str
    exercise: bool = False
    public: bool = True
    template: bool = True
    people: int | None = None
    whole_country: bool = False
    own: bool = False
    age: timedelta = timedelta(0)
    source_still_warns: bool = False


def rule_for(case: Case, policy: Policy) -> Rule:
    """The row that ``case`` falls under; where two would do, the stricter one."""
    if case.purpose is Purpose.RETRACT:
        alone = case.own and case.age <= timedelta(minutes=policy.retract_alone_minutes) and not case.source_still_warns
        return policy.named("retract-own" if alone else "retract-other")
    if case.purpose is Purpose.ALL_CLEAR or case.phase == "all-clear":
        return policy.named("all-clear")
    if case.exercise and case.public:
        return policy.named("exercise-public")
    if case.phase == "hold" and case.template:
        return policy.named("hold")
    if case.phase in ("act", "hold"):
        wide = case.whole_country or case.people is None or case.people > policy.wide_people
        return policy.named("act-wide" if wide or not case.template else "act-by-template")
    return policy.named("prepare")


class Vote(Struct, frozen=True):
    """One person's word on one digest. ``fresh`` is when they last proved to be present."""

    person: str
    approve: bool
    digest: str
    at: datetime
    fresh: datetime | None = None
    reason: str = ""


class State(StrEnum):
    """Where an approval stands."""

    WAITING = "waiting"
    READY = "ready"
    REJECTED = "rejected"


class Progress(Struct, frozen=True):
    """Where an approval stands at a moment, and what its clock says."""

    state: State
    missing: int
    counted: tuple[str, ...]
    passed_over: tuple[str, ...]
    escalate_at: datetime | None
    break_glass_at: datetime | None
    escalate_now: bool
    break_glass_now: bool
    can_approve: tuple[str, ...]


def progress(
    rule: Rule,
    policy: Policy,
    people: People,
    author: str,
    digest: str,
    proposed: datetime,
    votes: Sequence[Vote],
    at: datetime,
) -> Progress:
    """Where the approval of ``digest``, proposed by ``author``, stands at ``at``.

    ``passed_over`` says why a vote did not count, one sentence each.
    """
    agreed: dict[str, Vote] = {}
    rejected = False
    passed: list[str] = []
    for vote in sorted(votes, key=lambda v: v.at):
        reason = _why_not(vote, policy, people, author, digest)
        if reason:
            passed.append(f"{vote.person}: {reason}")
        elif vote.approve:
            agreed[vote.person] = vote
        else:
            rejected = True
    missing = max(0, rule.persons - 1 - len(agreed))
    state = State.REJECTED if rejected else State.WAITING if missing else State.READY
    escalate_at = proposed + timedelta(seconds=rule.escalate) if rule.escalate and rule.persons > 1 else None
    break_at = proposed + timedelta(seconds=rule.break_glass) if rule.break_glass and rule.persons > 1 else None
    waiting = state is State.WAITING
    return Progress(
        state,
        missing,
        tuple(agreed),
        tuple(passed),
        escalate_at,
        break_at,
        waiting and escalate_at is not None and at >= escalate_at,
        waiting and break_at is not None and at >= break_at,
        people.approvers(at, author),
    )


def _why_not(vote: Vote, policy: Policy, people: People, author: str, digest: str) -> str:
    """Why ``vote`` does not count, or nothing when it does."""
    if vote.person == author:
        return "nobody approves their own draft"
    if vote.digest != digest:
        return "what was approved is not what stands there now"
    if not people.can(vote.person, Act.APPROVE, vote.at):
        return "may not approve"
    if vote.approve and (vote.fresh is None or vote.at - vote.fresh > timedelta(minutes=policy.fresh_minutes)):
        return "had not just proved to be present"
    return ""


class BreakGlass(Struct, frozen=True):
    """One named person acting alone because nobody answered; ``areas`` bounds where, ``reason`` says why."""

    person: str
    reason: str
    areas: tuple[str, ...]
    at: datetime
    fresh: datetime | None


def check_break_glass(
    glass: BreakGlass,
    standing: Progress,
    policy: Policy,
    people: People,
    *,
    template: bool,
    whole_country: bool,
    proposed_areas: tuple[str, ...],
) -> None:
    """Raise :class:`IllegalStepError` unless the glass may be broken; what is allowed must then be reviewed."""
    people.require(glass.person, Act.BREAK_GLASS, glass.at)
    if standing.break_glass_at is None:
        raise IllegalStepError(remark("glass.never", "this has no break-glass: two persons, always"))
    if glass.at < standing.break_glass_at:
        raise IllegalStepError(
            remark("glass.early", "not before {at:%H:%M:%S} UTC: others may still answer", at=standing.break_glass_at)
        )
    if standing.state is not State.WAITING:
        raise IllegalStepError(
            remark("glass.state", "the approval is {state}", state=word("approval", standing.state.value))
        )
    if glass.fresh is None or glass.at - glass.fresh > timedelta(minutes=policy.fresh_minutes):
        raise IllegalStepError(remark("prove-first", "prove first that you are present"))
    if not template:
        raise IllegalStepError(remark("glass.template", "alone you can send reviewed wordings only, no free text"))
    if whole_country or not glass.areas or set(proposed_areas) - set(glass.areas):
        raise IllegalStepError(
            remark("glass.area", "alone you can warn only the area you name, and never a whole country")
        )
    if not glass.reason.strip():
        raise IllegalStepError(remark("glass.why", "say why"))

"""Persons and their roles: who may compose, approve, publish, retract, administer and look, and who is there to do it.

- A person is an id here; names and ways to reach them are personal data and stay out of the journal.
- A role is a row of a table; what a role may do is nowhere else. Who only audits can change nothing.
- Acts that can frighten or silence a country need a fresh proof of presence, not merely an open session (F3, F8).
- "Who can approve now" is never silently empty: :meth:`People.approvers` says so before anybody has to find out (req. 59).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from tocsin.errors import NotAllowedError
from tocsin.journal import Entry
from tocsin.remark import remark, word

PERSON_ENROLLED = "person:enrolled"
PERSON_CHANGED = "person:changed"
PERSON_REMOVED = "person:removed"
PERSON_ON_CALL = "person:on-call"
DELEGATION_MADE = "delegation:made"


class Role(StrEnum):
    """What a person is here for. One person may have several, but never approves their own draft."""

    AUTHOR = "author"
    APPROVER = "approver"
    DUTY_OFFICER = "duty-officer"
    ADMINISTRATOR = "administrator"
    AUDITOR = "auditor"


class Act(StrEnum):
    """What a person can do in the console."""

    LOOK = "look"
    COMPOSE = "compose"
    APPROVE = "approve"
    PUBLISH = "publish"
    RETRACT = "retract"
    BREAK_GLASS = "break-glass"
    ANSWER_PAGE = "answer-page"
    HAND_OVER = "hand-over"
    ADMINISTER = "administer"
    READ_JOURNAL = "read-journal"
    SEE_PERSONAL = "see-personal"


GRANTS: dict[Role, frozenset[Act]] = {
    Role.AUTHOR: frozenset({Act.LOOK, Act.COMPOSE, Act.PUBLISH}),
    Role.APPROVER: frozenset({Act.LOOK, Act.APPROVE, Act.RETRACT, Act.ANSWER_PAGE}),
    Role.DUTY_OFFICER: frozenset(
        {
            Act.LOOK,
            Act.COMPOSE,
            Act.PUBLISH,
            Act.RETRACT,
            Act.BREAK_GLASS,
            Act.ANSWER_PAGE,
            Act.HAND_OVER,
            Act.SEE_PERSONAL,
        }
    ),
    # Who gives out roles does not warn by virtue of it: otherwise one stolen administrator could do everything.
    Role.ADMINISTRATOR: frozenset({Act.LOOK, Act.ADMINISTER, Act.SEE_PERSONAL}),
    Role.AUDITOR: frozenset({Act.LOOK, Act.READ_JOURNAL}),
}
"""What each role may do; everything else it may not."""

FRESH = frozenset({Act.APPROVE, Act.PUBLISH, Act.RETRACT, Act.BREAK_GLASS, Act.ADMINISTER})
"""Acts that need a proof of presence made for this act, minutes ago at most."""


class Person(Struct, frozen=True):
    """Somebody who works here, without their name. ``on_call`` are the times they have promised to be reachable."""

    id: str
    roles: frozenset[Role]
    since: datetime
    removed: datetime | None = None
    on_call: tuple[tuple[datetime, datetime], ...] = ()

    def may(self, act: Act) -> bool:
        """Whether one of the person's own roles grants ``act``."""
        return any(act in GRANTS[role] for role in self.roles)

    def reachable(self, at: datetime) -> bool:
        """Whether the person is on call at ``at``."""
        return any(start <= at < end for start, end in self.on_call)


class Enrolled(Struct, frozen=True):
    """The body of ``person:enrolled`` and ``person:changed``; the subject is the person's id."""

    roles: tuple[Role, ...]
    by: str = ""


class OnCall(Struct, frozen=True):
    """The body of ``person:on-call``: the person promises to be reachable from ``start`` to ``end``."""

    start: datetime
    end: datetime
    by: str = ""


class Delegation(Struct, frozen=True):
    """The body of ``delegation:made``: ``to`` may do what ``role`` grants from ``start`` to ``end``; subject: the giver."""

    to: str
    role: Role
    start: datetime
    end: datetime


class People:
    """Everybody, as the journal tells it."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._by_id: dict[str, Person] = {}
        self._delegations: list[tuple[str, Delegation]] = []
        for entry in entries:
            self.apply(entry)

    def apply(self, entry: Entry) -> None:
        """Take in one entry; what is not about persons is passed over."""
        known = self._by_id.get(entry.subject)
        if entry.kind == PERSON_ENROLLED and known is None:
            roles = frozenset(entry.read(Enrolled).roles)
            self._by_id[entry.subject] = Person(entry.subject, roles, entry.at)
        elif known is None:
            return
        elif entry.kind == PERSON_CHANGED:
            self._by_id[known.id] = replace(known, roles=frozenset(entry.read(Enrolled).roles))
        elif entry.kind == PERSON_REMOVED:
            self._by_id[known.id] = replace(known, removed=entry.at)
        elif entry.kind == PERSON_ON_CALL:
            call = entry.read(OnCall)
            self._by_id[known.id] = replace(known, on_call=(*known.on_call, (call.start, call.end)))
        elif entry.kind == DELEGATION_MADE:
            self._delegations.append((known.id, entry.read(Delegation)))

    def __iter__(self) -> Iterator[Person]:
        return iter(self._by_id.values())

    def get(self, person: str) -> Person | None:
        """The person with this id, also one who has left; None if there never was one."""
        return self._by_id.get(person)

    def roles(self, person: str, at: datetime) -> frozenset[Role]:
        """The roles that count at ``at``: the person's own and those delegated to them. None for who has left."""
        known = self._by_id.get(person)
        if known is None or at < known.since or (known.removed is not None and at >= known.removed):
            return frozenset()
        lent = {
            given.role
            for giver, given in self._delegations
            if given.to == person
            and given.start <= at < given.end
            and (owner := self._by_id[giver]).removed is None
            and given.role in owner.roles
        }
        return known.roles | lent

    def can(self, person: str, act: Act, at: datetime) -> bool:
        """Whether ``person`` may do ``act`` at ``at``."""
        return any(act in GRANTS[role] for role in self.roles(person, at))

    def require(self, person: str, act: Act, at: datetime) -> None:
        """Raise :class:`NotAllowedError` unless ``person`` may do ``act`` at ``at``."""
        if not self.can(person, act, at):
            raise NotAllowedError(
                remark(
                    "person.roles",
                    "{act} needs one of the roles {roles}",
                    act=word("may", act.value),
                    roles=tuple(word("role", role) for role in sorted(granting(act))),
                )
            )

    def approvers(self, at: datetime, not_by: str = "") -> tuple[str, ...]:
        """Who can approve now, those on call first; empty is a fault that health and console must show."""
        found = [p for p in self._by_id.values() if p.id != not_by and self.can(p.id, Act.APPROVE, at)]
        return tuple(p.id for p in sorted(found, key=lambda p: (not p.reachable(at), p.id)))

    def administrators(self, at: datetime) -> tuple[str, ...]:
        """Who can administer now."""
        return tuple(sorted(p for p in self._by_id if self.can(p, Act.ADMINISTER, at)))


def granting(act: Act) -> frozenset[Role]:
    """The roles that grant ``act``."""
    return frozenset(role for role, acts in GRANTS.items() if act in acts)

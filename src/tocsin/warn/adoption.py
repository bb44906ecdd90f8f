"""Adoption: the approval policy changes when two administrators agree on exactly the same text, and not otherwise.

- Every policy has the version after the one before; a proposal that somebody else overtook is void.
- A text that is no policy, or one that lets one person do everything, is refused before it is proposed.
- What changes is shown as a difference, row by row, before anybody adopts it (req. 57).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct
from msgspec.structs import asdict

from tocsin.errors import NotAllowedError, NotFoundError, SettingsError
from tocsin.journal import ACTUAL, Entry, Fact, fact
from tocsin.remark import remark
from tocsin.warn.approval import Policy, read
from tocsin.warn.person import Act, People

POLICY_PROPOSED = "policy:proposed"
POLICY_ADOPTED = "policy:adopted"


class PolicyProposed(Struct, frozen=True):
    """The body of ``policy:proposed``; the subject is the text's name. ``text`` is the whole TOML file."""

    person: str
    text: str


class PolicyAdopted(Struct, frozen=True):
    """The body of ``policy:adopted``; the subject is the name of the text that was proposed."""

    person: str


class PolicyBook:
    """The policy that holds, those before it, and what is proposed, as the journal tells it."""

    def __init__(self, first: Policy, people: People, entries: Iterable[Entry] = ()) -> None:
        self._people = people
        self.adopted: list[tuple[Policy, tuple[str, str], datetime | None]] = [(first, ("", ""), None)]
        self.proposed: dict[str, tuple[str, Policy]] = {}
        for entry in entries:
            self.apply(entry)

    @property
    def current(self) -> Policy:
        """The policy that holds now."""
        return self.adopted[-1][0]

    def apply(self, entry: Entry) -> bool:
        """Take in one entry; whether another policy holds from it on. What breaks a rule changes nothing."""
        try:
            if entry.kind == POLICY_PROPOSED:
                said = entry.read(PolicyProposed)
                policy = self._fit(said.text)
                if name(said.text) == entry.subject and self._people.can(said.person, Act.ADMINISTER, entry.at):
                    self.proposed[entry.subject] = (said.person, policy)
            elif entry.kind == POLICY_ADOPTED and entry.subject in self.proposed:
                second = entry.read(PolicyAdopted).person
                first, policy = self.proposed[entry.subject]
                if second == first or not self._people.can(second, Act.ADMINISTER, entry.at):
                    return False
                self.adopted.append((policy, (first, second), entry.at))
                self.proposed.clear()
                return True
        except SettingsError:
            pass
        return False

    def propose(self, person: str, text: str, at: datetime, realm: str = ACTUAL) -> list[Fact]:
        """Propose ``text`` as the next policy; raises SettingsError for one that cannot be."""
        self._people.require(person, Act.ADMINISTER, at)
        self._fit(text)
        return [fact(POLICY_PROPOSED, name(text), PolicyProposed(person, text), realm)]

    def adopt(
        self, person: str, proposal: str, fresh: datetime | None, at: datetime, realm: str = ACTUAL
    ) -> list[Fact]:
        """Agree to a proposal of somebody else, being present."""
        self._people.require(person, Act.ADMINISTER, at)
        if proposal not in self.proposed:
            raise NotFoundError(remark("policy.no-proposal", "there is no such proposal"))
        if person == self.proposed[proposal][0]:
            raise NotAllowedError(remark("policy.other", "another administrator must adopt it"))
        if fresh is None or not 0 <= (at - fresh).total_seconds() <= 60 * self.current.fresh_minutes:
            raise NotAllowedError(remark("prove-first", "prove first that you are present"))
        return [fact(POLICY_ADOPTED, proposal, PolicyAdopted(person), realm)]

    def _fit(self, text: str) -> Policy:
        policy = read(text.encode())
        if policy.version != self.current.version + 1:
            raise SettingsError(
                remark(
                    "policy.version",
                    "approval policy: it must have the version {version}",
                    version=self.current.version + 1,
                )
            )
        return policy


def name(text: str) -> str:
    """What a text is called: 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def difference(old: Policy, new: Policy) -> tuple[str, ...]:
    """What changes from ``old`` to ``new``, a line each: ``act-wide.escalate: 60 → 90``."""
    lines = [
        f"{field}: {getattr(old, field)} → {getattr(new, field)}"
        for field in ("wide_people", "retract_alone_minutes", "fresh_minutes", "quiet")
        if getattr(old, field) != getattr(new, field)
    ]
    for row in new.rule:
        before, after = asdict(old.named(row.name)), asdict(row)
        lines += [f"{row.name}.{key}: {before[key]} → {after[key]}" for key in after if before[key] != after[key]]
    return tuple(lines)

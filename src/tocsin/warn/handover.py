"""Handover: what a shift leaves to the next, listed by the machine, signed off by one person and taken over by another.

- The list is made from what the journal and the keys say; nobody has to remember what is open.
- Signing off means acknowledging every open promise by name: a promise that nobody took over is broken unseen (req. 47).
- Who takes over owns what the other owned, and is called about it from then on.
- The list's digest is in the journal, so that what was handed over can be told later.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec
from msgspec import Struct

from tocsin.errors import IllegalStepError, NotAllowedError
from tocsin.journal import ACTUAL, Fact, fact
from tocsin.remark import Remark
from tocsin.warn.draft import Drafts
from tocsin.warn.owner import ALERT_HANDED_OVER, HandedOver, Owned, Undecided, Watch
from tocsin.warn.person import Act, People
from tocsin.warn.promise import Promised, Promises

HANDOVER_SIGNED = "handover:signed"
HANDOVER_ACCEPTED = "handover:accepted"

KEY_NOTICE = timedelta(days=60)


class KeyEnd(Struct, frozen=True):
    """A key, and when it ends."""

    name: str
    ends: datetime


class Handover(Struct, frozen=True):
    """Everything that is open at a moment; ``promises`` pairs the alert with what it promises."""

    at: datetime
    alerts: tuple[Owned, ...]
    promises: tuple[tuple[str, Promised], ...]
    undecided: tuple[Undecided, ...]
    drafts: tuple[str, ...]
    pages: tuple[str, ...]
    keys: tuple[KeyEnd, ...]
    stale: tuple[str, ...]
    approvers: tuple[str, ...]

    @property
    def digest(self) -> str:
        """SHA-256 over the whole list, in hexadecimal."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()

    @property
    def nothing(self) -> bool:
        """Whether nothing at all is open."""
        return not any((self.alerts, self.promises, self.undecided, self.drafts, self.pages, self.keys, self.stale))


class Signed(Struct, frozen=True):
    """The body of ``handover:signed``; the subject is the list's digest.

    ``alerts`` are those that the person owns (identifier and event): whoever accepts owns them.
    """

    person: str
    to: str
    acknowledged: tuple[str, ...]
    remark: str = ""
    alerts: tuple[tuple[str, str], ...] = ()


class Accepted(Struct, frozen=True):
    """The body of ``handover:accepted``; the subject is the list's digest."""

    person: str


def listed(
    watch: Watch,
    promises: Promises,
    drafts: Drafts,
    people: People,
    at: datetime,
    *,
    keys: Iterable[KeyEnd] = (),
    stale: Iterable[str] = (),
) -> Handover:
    """What is open at ``at``: alerts, promises, warnings to decide on, drafts, calls, keys that end soon, silent sources."""
    ending = tuple(key for key in keys if key.ends - at <= KEY_NOTICE)
    return Handover(
        at,
        tuple(watch.owned()),
        tuple(promises.open()),
        tuple(watch.undecided()),
        tuple(draft.id for draft in drafts.open()),
        tuple(watch.unanswered()),
        ending,
        tuple(sorted(stale)),
        people.approvers(at),
    )


def sign_off(
    handover: Handover,
    person: str,
    to: str,
    acknowledged: Iterable[str],
    people: People,
    at: datetime,
    *,
    remark: str = "",
    realm: str = ACTUAL,
) -> list[Fact]:
    """Hand over to ``to``; every open promise must be acknowledged by the alert that makes it."""
    people.require(person, Act.HAND_OVER, at)
    if person == to or not people.can(to, Act.HAND_OVER, at):
        raise NotAllowedError(Remark("handover.other", "hand over to another duty officer"))
    named = set(acknowledged)
    if left := [alert for alert, _ in handover.promises if alert not in named]:
        raise IllegalStepError(
            Remark("handover.promises", "acknowledge these open promises first: {alerts}", {"alerts": tuple(left)})
        )
    if at - handover.at > timedelta(minutes=15):
        raise IllegalStepError(Remark("handover.old", "this list is old; look again"))
    own = tuple((one.identifier, one.event_id) for one in handover.alerts if one.owner == person)
    return [fact(HANDOVER_SIGNED, handover.digest, Signed(person, to, tuple(sorted(named)), remark, own), realm)]


def accept(digest: str, signed: Signed, person: str, people: People, at: datetime, realm: str = ACTUAL) -> list[Fact]:
    """Take over what was signed off to ``person``: from now on they own the alerts, and are called about them."""
    people.require(person, Act.HAND_OVER, at)
    if person != signed.to:
        raise NotAllowedError(Remark("handover.to", "it was handed over to {person}", {"person": signed.to}))
    return [
        fact(HANDOVER_ACCEPTED, digest, Accepted(person), realm),
        *(
            fact(ALERT_HANDED_OVER, identifier, HandedOver(event_id, person, signed.person), realm)
            for identifier, event_id in signed.alerts
        ),
    ]

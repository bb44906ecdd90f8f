"""The preview: everything an author and an approver see of a draft before it leaves, as one value.

- Author and approver see the same value; what it shows of the messages is exactly what :attr:`Preview.digest` covers,
  and that digest is what is approved and signed (req. 36, 53).
- Numbers of people and subscribers are those of the moment; nobody knowing a number is shown as such, never as zero.
- The clock is part of it: which rule holds, who can approve now, when it escalates and when the glass may be broken.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from msgspec import Struct

from tocsin.cap.alert import PHASE, Alert, Info
from tocsin.cap.phase import Phase
from tocsin.errors import InputError, OperatorError, PersonError
from tocsin.remark import Remark
from tocsin.warn.approval import Rule
from tocsin.warn.compile import SHORT, Compiled
from tocsin.warn.desk import Desk
from tocsin.warn.draft import Content, DraftState, Where
from tocsin.warn.extent import Difference, difference, shape_of
from tocsin.warn.fatigue import Fatigue, Tally
from tocsin.warn.finding import Finding
from tocsin.warn.tier import Tier, tiers


class Counts(Struct, frozen=True):
    """Who would be told: ``subscribers`` in all, and of them by channel, by language and by audience.

    ``people`` counts whoever has several channels once, and no system; None when nobody can tell. ``systems`` are told by
    the channels in ``machines``.
    """

    subscribers: int
    by_channel: dict[str, int] = {}
    by_language: dict[str, int] = {}
    by_audience: dict[str, int] = {}
    people: int | None = None
    systems: int = 0
    machines: tuple[str, ...] = ()

    @property
    def ways(self) -> dict[str, int]:
        """By how many channels people are told, the most used first."""
        return self._of(False)

    @property
    def told(self) -> dict[str, int]:
        """The systems by channel, the most used first."""
        return self._of(True)

    def _of(self, machines: bool) -> dict[str, int]:
        found = [(name, n) for name, n in self.by_channel.items() if (name in self.machines) is machines]
        return dict(sorted(found, key=lambda one: (-one[1], one[0])))


Counter = Callable[[Where, str, str], "Counts | None"]
"""Counts whom an alert for an area and an audience, of a phase, reaches; None when nobody can tell."""


class Words(Struct, frozen=True):
    """One message in one language, as people will read it, with its length tiers."""

    language: str
    event: str
    headline: str
    description: str
    instruction: str
    short: str
    area: str
    tiers: tuple[Tier, ...]


class Message(Struct, frozen=True):
    """One CAP message that would leave: the alert, its retraction, or what goes beside it."""

    kind: str
    phase: str
    status: str
    scope: str
    words: tuple[Words, ...]


class Approval(Struct, frozen=True):
    """The rule with its clock. ``can_approve`` empty is a fault, and says so in ``fault``."""

    rule: Rule
    state: str
    missing: int
    counted: tuple[str, ...]
    passed_over: tuple[str, ...]
    proposed: datetime | None
    escalate_at: datetime | None
    break_glass_at: datetime | None
    can_approve: tuple[str, ...]
    fault: str


class Preview(Struct, frozen=True):
    """What is seen of a draft at a moment. ``fault`` says why nothing can be compiled, with everything else empty.

    ``why`` is the fault as a remark, for a reader of any language.
    """

    draft: str
    state: str
    realm: str
    content: Content
    digest: str = ""
    fault: str = ""
    why: Remark | None = None
    messages: tuple[Message, ...] = ()
    people: int | None = None
    counts: Counts | None = None
    sms_parts: int | None = None
    area_km2: float | None = None
    against_source: Difference | None = None
    fatigue: Fatigue | None = None
    findings: tuple[Finding, ...] = ()
    approval: Approval | None = None
    changed: bool = False

    @property
    def stops(self) -> tuple[Finding, ...]:
        """What must be put right, or given a reason, before it can be proposed."""
        return tuple(found for found in self.findings if found.blocking or found.reason)

    @property
    def question(self) -> str:
        """The sentence to confirm: realm, phase, area and people (F1: one prompt for drill and live)."""
        told = next((one for one in self.messages if one.kind == "alert"), None)
        if told is None or not told.words:
            return ""
        people = "an unknown number of people" if self.people is None else f"{self.people:,} people"
        return f"{self.realm.upper()}: {told.phase} for {told.words[0].area}, {people}, {told.scope.lower()}?"


def preview(
    desk: Desk,
    name: str,
    at: datetime,
    *,
    counter: Counter = lambda where, audience, phase: None,
    tally: Tally | None = None,
) -> Preview:
    """What is seen of draft ``name`` at ``at``; raises NotFoundError where there is none."""
    draft = desk.draft(name)
    content, realm = draft.content, desk.kit.issuer.realm
    try:
        compiled = desk.compiled(content)
    except (InputError, PersonError, OperatorError) as wrong:
        return Preview(name, draft.state.value, realm, content, fault=str(wrong), why=wrong.remark)
    gazetteer = desk.kit.gazetteer
    shape = shape_of(content.where, gazetteer)
    counts = counter(content.where, content.audience, content.phase)
    messages = _messages(compiled)
    waits = draft.state in (DraftState.PROPOSED, DraftState.APPROVED)
    standing = desk.progress(draft, at)
    return Preview(
        draft=name,
        state=draft.state.value,
        realm=realm,
        content=content,
        digest=compiled.digest,
        messages=messages,
        people=desk.census(content.where),
        counts=counts,
        sms_parts=_parts(messages[-1], counts),
        area_km2=shape.area_km2 if shape is not None else None,
        against_source=difference(content.where, content.source_where, gazetteer) if content.source_where else None,
        fatigue=tally.fatigue(content.where, at) if tally is not None else None,
        findings=desk.findings(draft, compiled),
        approval=Approval(
            desk.rule(draft, at),
            standing.state.value,
            standing.missing,
            standing.counted,
            standing.passed_over,
            draft.proposed,
            standing.escalate_at if waits else None,
            standing.break_glass_at if waits else None,
            standing.can_approve,
            "" if standing.can_approve or not standing.missing else "Nobody else can approve now: call somebody.",
        ),
        changed=waits and compiled.digest != draft.digest,
    )


def _messages(compiled: Compiled) -> tuple[Message, ...]:
    """What leaves in the order in which it leaves, with the retraction first: it is ready before the alert."""
    found = [_message("retraction", compiled.retraction)] if compiled.retraction is not None else []
    found += [_message("beside", one) for one in compiled.beside]
    return (*found, _message("alert", compiled.alert))


def _message(kind: str, alert: Alert) -> Message:
    phase = alert.parameter(PHASE) or Phase.UNKNOWN.value
    return Message(kind, phase, alert.status, alert.scope, tuple(_words(info) for info in alert.infos))


def _words(info: Info) -> Words:
    return Words(
        info.language,
        info.event,
        info.headline,
        info.description,
        info.instruction,
        info.parameter(SHORT) or "",
        info.areas[0].description if info.areas else "",
        tiers(info),
    )


def _parts(message: Message, counts: Counts | None) -> int | None:
    """How many SMS parts the short text comes to for all who get it by SMS; None when nobody can tell."""
    if counts is None or not message.words:
        return None
    by_sms, everybody = counts.by_channel.get("sms", 0), max(1, counts.subscribers)
    shares = {words.language: counts.by_language.get(words.language, 0) / everybody for words in message.words}
    left = 1 - sum(shares.values())
    shares[message.words[0].language] += max(0.0, left)
    return round(sum(shares[words.language] * by_sms * words.tiers[0].sms_parts for words in message.words))

"""A draft: from the first words to what may be published, as a table of states and steps.

- The phase comes first, then where, then whom it concerns, then the words; nothing defaults to the whole country.
- A draft is what the journal says of it; nobody holds it in a browser alone (a session that ends loses nothing).
- Whatever changes after the proposal voids every vote, because votes count for one digest only.
- Steps that the table does not have are refused by name, and leave the draft as it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tocsin.errors import IllegalStepError
from tocsin.journal import Entry
from tocsin.remark import remark, word
from tocsin.warn.approval import Vote
from tocsin.warn.person import Act

DRAFT_BEGUN = "draft:begun"
DRAFT_CHANGED = "draft:changed"
DRAFT_PROPOSED = "draft:proposed"
DRAFT_APPROVED = "draft:approved"
DRAFT_REJECTED = "draft:rejected"
DRAFT_WITHDRAWN = "draft:withdrawn"
DRAFT_GLASS_BROKEN = "draft:glass-broken"
DRAFT_PUBLISHED = "draft:published"

EVERYONE, CITIZENS, STAFF = "everyone", "citizens", "staff"


class Where(Struct, frozen=True):
    """The area: codes, CAP polygons (``lat,lon lat,lon ...``) and circles (``lat,lon km``). ``name`` is by language."""

    codes: tuple[str, ...] = ()
    polygons: tuple[str, ...] = ()
    circles: tuple[str, ...] = ()
    name: dict[str, str] = {}

    @property
    def digest(self) -> str:
        """What the geometry was when it was chosen; a changed one is another area (F4)."""
        return hashlib.sha256(msgspec.json.encode((self.codes, self.polygons, self.circles))).hexdigest()

    def __bool__(self) -> bool:
        return bool(self.codes or self.polygons or self.circles)


class Extra(Struct, frozen=True):
    """Free text in one language. ``confirmed_by`` is who read it in this language; empty means nobody has (req. 50)."""

    text: str
    confirmed_by: str = ""


class Content(Struct, frozen=True):
    """What a draft says. Its phrase-book wordings come from ``hazard`` and ``phase``; ``extra`` is added, marked.

    ``audience`` is everyone, citizens, staff or ``role:NAME``; the last two are Restricted. ``twin`` is the other of a
    pair of drafts for staff and public; ``incidents`` links what is published of both. ``source_where`` is the area that
    the source of the news gave, to compare with. ``reasons`` holds a sentence for each guard that was overridden.
    """

    phase: str = ""
    hazard: str = ""
    where: Where = Where()
    audience: str = EVERYONE
    extra: dict[str, Extra] = {}
    facility: str = ""
    owner: str = ""
    deputy: str = ""
    starts: datetime | None = None
    ends: datetime | None = None
    next_update_by: datetime | None = None
    event_id: str = ""
    version: int = 1
    supersedes: str = ""
    incidents: tuple[str, ...] = ()
    twin: str = ""
    source_where: Where = Where()
    reasons: dict[str, str] = {}

    @property
    def scope(self) -> str:
        """alert.scope of this audience."""
        return "Public" if self.audience in (EVERYONE, CITIZENS) else "Restricted"

    @property
    def template(self) -> bool:
        """Whether it says only what stands in the phrase book."""
        return not any(extra.text.strip() for extra in self.extra.values())


class DraftState(StrEnum):
    """Where a draft stands."""

    WRITING = "writing"
    PROPOSED = "proposed"
    APPROVED = "approved"
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"


class Step(StrEnum):
    """What can be done with a draft."""

    CHANGE = "change"
    PROPOSE = "propose"
    APPROVE = "approve"
    REJECT = "reject"
    BREAK_GLASS = "break-glass"
    PUBLISH = "publish"
    WITHDRAW = "withdraw"


WRITING, PROPOSED, APPROVED = DraftState.WRITING, DraftState.PROPOSED, DraftState.APPROVED

STEPS: dict[tuple[DraftState, Step], DraftState] = {
    (WRITING, Step.CHANGE): WRITING,
    (WRITING, Step.PROPOSE): PROPOSED,
    (WRITING, Step.WITHDRAW): DraftState.WITHDRAWN,
    (PROPOSED, Step.CHANGE): WRITING,
    # Whether one approval is enough is the approval policy's question; the draft only moves when it says "ready".
    (PROPOSED, Step.APPROVE): PROPOSED,
    (PROPOSED, Step.REJECT): WRITING,
    (PROPOSED, Step.BREAK_GLASS): APPROVED,
    (PROPOSED, Step.PUBLISH): DraftState.PUBLISHED,
    (PROPOSED, Step.WITHDRAW): DraftState.WITHDRAWN,
    (APPROVED, Step.CHANGE): WRITING,
    (APPROVED, Step.PUBLISH): DraftState.PUBLISHED,
    (APPROVED, Step.WITHDRAW): DraftState.WITHDRAWN,
}
"""What may be done where, and where that leads; everything else is refused."""

NEEDS: dict[Step, Act] = {
    Step.CHANGE: Act.COMPOSE,
    Step.PROPOSE: Act.COMPOSE,
    Step.APPROVE: Act.APPROVE,
    Step.REJECT: Act.APPROVE,
    Step.BREAK_GLASS: Act.BREAK_GLASS,
    Step.PUBLISH: Act.PUBLISH,
    Step.WITHDRAW: Act.COMPOSE,
}
"""What a person must be allowed to do to take a step."""


class Draft(Struct, frozen=True):
    """One draft as it stands. ``digest`` is what was proposed, ``rule`` the approval rule it fell under then."""

    id: str
    author: str
    begun: datetime
    content: Content
    state: DraftState = WRITING
    digest: str = ""
    rule: str = ""
    proposed: datetime | None = None
    votes: tuple[Vote, ...] = ()
    changes: int = 0
    published: str = ""
    broken_by: str = ""
    rejected_because: str = ""


class Begun(Struct, frozen=True):
    """The body of ``draft:begun`` and ``draft:changed``; the subject is the draft's id."""

    person: str
    content: Content


class Proposed(Struct, frozen=True):
    """The body of ``draft:proposed``: the digest of everything an approver is shown, and the rule that holds."""

    person: str
    digest: str
    rule: str


class Ended(Struct, frozen=True):
    """The body of ``draft:withdrawn``, ``draft:published`` (``detail`` is the identifier) and ``draft:glass-broken``."""

    person: str
    detail: str = ""


def after(draft: Draft, step: Step) -> DraftState:
    """The state that ``step`` leads to, or :class:`IllegalStepError`."""
    try:
        return STEPS[draft.state, step]
    except KeyError:
        raise IllegalStepError(
            remark(
                "draft.step",
                "{step} is not possible for a draft that is {state}",
                step=word("step", step.value),
                state=word("state", draft.state.value),
            )
        ) from None


class Drafts:
    """All drafts, as the journal tells them."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._by_id: dict[str, Draft] = {}
        for entry in entries:
            self.apply(entry)

    def get(self, draft: str) -> Draft | None:
        """The draft of this id, or None."""
        return self._by_id.get(draft)

    def open(self) -> list[Draft]:
        """Every draft that can still go somewhere, the oldest first."""
        ended = (DraftState.PUBLISHED, DraftState.WITHDRAWN)
        return sorted((d for d in self._by_id.values() if d.state not in ended), key=lambda d: d.begun)

    def apply(self, entry: Entry) -> None:
        """Take in one entry. A step that the table does not have changes nothing, whoever recorded it."""
        if not entry.kind.startswith("draft:"):
            return
        if entry.kind == DRAFT_BEGUN:
            said = entry.read(Begun)
            self._by_id.setdefault(entry.subject, Draft(entry.subject, said.person, entry.at, said.content))
            return
        draft = self._by_id.get(entry.subject)
        step = _STEP_OF.get(entry.kind)
        if draft is None or step is None or (draft.state, step) not in STEPS:
            return
        self._by_id[draft.id] = self._moved(draft, STEPS[draft.state, step], entry)

    def _moved(self, draft: Draft, state: DraftState, entry: Entry) -> Draft:
        match entry.kind:
            case "draft:changed":
                said = entry.read(Begun)
                # A change voids the proposal with all its votes; whoever changed it last is its author now, so that
                # nobody can approve words of their own.
                return Draft(draft.id, said.person, draft.begun, said.content, state, changes=draft.changes + 1)
            case "draft:proposed":
                proposal = entry.read(Proposed)
                return replace(
                    draft, state=state, digest=proposal.digest, rule=proposal.rule, proposed=entry.at, votes=()
                )
            case "draft:approved":
                return replace(draft, state=state, votes=(*draft.votes, entry.read(Vote)))
            case "draft:rejected":
                vote = entry.read(Vote)
                return replace(draft, state=state, votes=(), digest="", rejected_because=vote.reason)
            case "draft:glass-broken":
                return replace(draft, state=state, broken_by=entry.read(Ended).person)
            case "draft:published":
                return replace(draft, state=state, published=entry.read(Ended).detail)
            case _:
                return replace(draft, state=state)


_STEP_OF = {
    DRAFT_CHANGED: Step.CHANGE,
    DRAFT_PROPOSED: Step.PROPOSE,
    DRAFT_APPROVED: Step.APPROVE,
    DRAFT_REJECTED: Step.REJECT,
    DRAFT_GLASS_BROKEN: Step.BREAK_GLASS,
    DRAFT_PUBLISHED: Step.PUBLISH,
    DRAFT_WITHDRAWN: Step.WITHDRAW,
}

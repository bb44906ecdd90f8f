"""Alone: what one person did without a second one, and who looked at it afterwards; and what was stopped before it left.

- Breaking the glass always leaves a review to be made by somebody else; one that was never made is said.
- A draft that was never published shows which guard or which colleague stopped it.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from tocsin.account.chronicle import Chronicle
from tocsin.warn.board import REVIEW_DONE, REVIEW_DUE, ReviewDone, ReviewDue
from tocsin.warn.draft import DRAFT_REJECTED, DRAFT_WITHDRAWN, Drafts, DraftState

_ENDS = frozenset({DraftState.PUBLISHED})


class Alone(Struct, frozen=True):
    """One act of one person, and the second look at it; ``reviewed`` is None while nobody has looked."""

    draft: str
    person: str
    at: datetime
    reason: str
    reviewed: datetime | None = None
    reviewed_by: str = ""
    found: str = ""


class Unsent(Struct, frozen=True):
    """A draft of the event that was never published: how it stands, who wrote it, how often it was rejected, and why."""

    draft: str
    author: str
    begun: datetime
    state: str
    rejected: int
    withdrawn: datetime | None
    because: str


def alone(found: Chronicle) -> tuple[Alone, ...]:
    """Every act of one person alone, in the order of the journal."""
    done: dict[str, tuple[datetime, ReviewDone]] = {}
    for entry in found.entries:
        if entry.kind == REVIEW_DONE:
            done.setdefault(entry.subject, (entry.at, entry.read(ReviewDone)))
    made = []
    for entry in found.entries:
        if entry.kind == REVIEW_DUE:
            due, looked = entry.read(ReviewDue), done.get(entry.subject)
            if looked is None:
                made.append(Alone(entry.subject, due.person, entry.at, due.reason))
            else:
                at, said = looked
                made.append(Alone(entry.subject, due.person, entry.at, due.reason, at, said.person, said.found))
    return tuple(made)


def unsent(found: Chronicle) -> tuple[Unsent, ...]:
    """Every draft of the event that never became an alert."""
    drafts = Drafts(entry for entry in found.entries if entry.kind.startswith("draft:"))
    made = []
    for name in found.drafts:
        draft = drafts.get(name)
        if draft is None or draft.state in _ENDS:
            continue
        about = [entry for entry in found.entries if entry.subject == name]
        rejected = sum(entry.kind == DRAFT_REJECTED for entry in about)
        gone = next((entry.at for entry in about if entry.kind == DRAFT_WITHDRAWN), None)
        made.append(Unsent(name, draft.author, draft.begun, draft.state.value, rejected, gone, draft.rejected_because))
    return tuple(made)

"""A draft goes only where the table leads, and a change voids what was agreed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.errors import IllegalStepError
from tocsin.journal import Entry, fact, link
from tocsin.warn.approval import Vote
from tocsin.warn.draft import (
    DRAFT_APPROVED,
    DRAFT_BEGUN,
    DRAFT_CHANGED,
    DRAFT_GLASS_BROKEN,
    DRAFT_PROPOSED,
    DRAFT_PUBLISHED,
    DRAFT_REJECTED,
    DRAFT_WITHDRAWN,
    STEPS,
    Begun,
    Content,
    Drafts,
    DraftState,
    Ended,
    Extra,
    Proposed,
    Step,
    Where,
    after,
)

AT = datetime(2024, 11, 20, 6, tzinfo=UTC)
CONTENT = Content(phase="prepare", hazard="air", where=Where(codes=("UA",)))
BODIES = {
    DRAFT_BEGUN: Begun("ann", CONTENT),
    DRAFT_CHANGED: Begun("ann", CONTENT),
    DRAFT_PROPOSED: Proposed("ann", "digest", "prepare"),
    DRAFT_APPROVED: Vote("ben", True, "digest", AT, AT),
    DRAFT_REJECTED: Vote("ben", False, "digest", AT, AT, "wrong area"),
    DRAFT_GLASS_BROKEN: Ended("dan"),
    DRAFT_PUBLISHED: Ended("ann", "e.1"),
    DRAFT_WITHDRAWN: Ended("ann"),
}


def entries(*kinds: str) -> list[Entry]:
    """Journal entries of these kinds about one draft, a second apart."""
    return [
        link(fact(kind, "d1", BODIES[kind]), n, AT + timedelta(seconds=n), bytes(32)) for n, kind in enumerate(kinds, 1)
    ]


def test_a_draft_goes_from_words_to_published() -> None:
    """Begun, proposed, approved, published: each step is kept with who took it and when."""
    draft = Drafts(entries(DRAFT_BEGUN, DRAFT_PROPOSED, DRAFT_APPROVED, DRAFT_PUBLISHED)).get("d1")
    assert draft is not None
    assert (draft.state, draft.published, draft.digest, len(draft.votes)) == (DraftState.PUBLISHED, "e.1", "digest", 1)


def test_a_change_after_the_proposal_voids_every_vote() -> None:
    """One changed letter brings a draft back to writing, without votes and without a digest."""
    draft = Drafts(entries(DRAFT_BEGUN, DRAFT_PROPOSED, DRAFT_APPROVED, DRAFT_CHANGED)).get("d1")
    assert draft is not None
    assert (draft.state, draft.votes, draft.digest) == (DraftState.WRITING, (), "")


def test_a_rejected_draft_says_why() -> None:
    """A rejection brings the draft back to its author with the reason."""
    draft = Drafts(entries(DRAFT_BEGUN, DRAFT_PROPOSED, DRAFT_REJECTED)).get("d1")
    assert draft is not None
    assert (draft.state, draft.rejected_because) == (DraftState.WRITING, "wrong area")


@given(st.lists(st.sampled_from(list(BODIES)), max_size=12))
def test_no_sequence_of_entries_publishes_without_a_proposal(kinds: list[str]) -> None:
    """However facts are ordered, doubled or forged, a published draft was proposed and never changed since."""
    drafts = Drafts()
    seen: list[DraftState] = []
    for entry in entries(*kinds):
        before = drafts.get("d1")
        drafts.apply(entry)
        now = drafts.get("d1")
        if before is not None and now is not None and now is not before:
            assert now.state in {to for (state, _), to in STEPS.items() if state is before.state}
        if now is not None:
            seen.append(now.state)
    final = drafts.get("d1")
    if final is not None and final.state is DraftState.PUBLISHED:
        assert final.digest == "digest"
        assert DraftState.PROPOSED in seen


@pytest.mark.parametrize("state", [DraftState.PUBLISHED, DraftState.WITHDRAWN])
def test_what_has_ended_stays_ended(state: DraftState) -> None:
    """Nothing can be done with a draft that was published or withdrawn."""
    draft = Drafts(
        entries(DRAFT_BEGUN, DRAFT_PROPOSED, DRAFT_PUBLISHED if state == "published" else DRAFT_WITHDRAWN)
    ).get("d1")
    assert draft is not None
    assert draft.state is state
    for step in Step:
        with pytest.raises(IllegalStepError):
            after(draft, step)


def test_staff_and_roles_are_restricted() -> None:
    """What concerns staff never goes out as Public; free text is told apart from a template."""
    assert [Content(audience=a).scope for a in ("everyone", "citizens", "staff", "role:warden")] == [
        "Public",
        "Public",
        "Restricted",
        "Restricted",
    ]
    assert CONTENT.template
    assert not Content(extra={"en": Extra("Bring water.")}).template
    assert Content(extra={"en": Extra("  ")}).template


def test_a_changed_polygon_is_another_area() -> None:
    """One moved corner changes the area's digest."""
    one = Where(polygons=("50.4,30.5 50.5,30.5 50.5,30.6 50.4,30.5",))
    two = Where(polygons=("50.4,30.5 50.5,30.5 50.5,30.7 50.4,30.5",))
    assert one.digest != two.digest
    assert not Where()

"""Who may do what, and until when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tocsin.errors import NotAllowedError
from tocsin.journal import fact, link
from tocsin.warn.person import (
    DELEGATION_MADE,
    GRANTS,
    PERSON_CHANGED,
    PERSON_ENROLLED,
    PERSON_ON_CALL,
    PERSON_REMOVED,
    Act,
    Delegation,
    Enrolled,
    OnCall,
    People,
    Role,
)

AT = datetime(2024, 11, 20, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)


def told(*facts: tuple[str, str, Any, datetime]) -> People:
    """People after these facts."""
    return People(link(fact(kind, who, body), n, at, bytes(32)) for n, (kind, who, body, at) in enumerate(facts, 1))


def test_a_role_may_what_its_row_says_and_nothing_else() -> None:
    """Each role may do exactly the acts of its row."""
    for role in Role:
        people = told((PERSON_ENROLLED, "p", Enrolled((role,)), AT))
        assert {act for act in Act if people.can("p", act, AT)} == set(GRANTS[role])


def test_no_role_alone_can_both_write_and_approve_for_itself() -> None:
    """Nobody gets composing and approving by one role, and an administrator or auditor gets neither."""
    assert not any({Act.COMPOSE, Act.APPROVE} <= acts for acts in GRANTS.values())
    assert not GRANTS[Role.ADMINISTRATOR] & {Act.COMPOSE, Act.APPROVE, Act.PUBLISH, Act.RETRACT}
    assert GRANTS[Role.AUDITOR] == {Act.LOOK, Act.READ_JOURNAL}


def test_whoever_has_left_may_nothing() -> None:
    """From removal on nothing is possible; before it, what was done then still counts."""
    people = told((PERSON_ENROLLED, "p", Enrolled((Role.APPROVER,)), AT), (PERSON_REMOVED, "p", {}, AT + HOUR))
    assert people.can("p", Act.APPROVE, AT)
    assert not people.can("p", Act.APPROVE, AT + HOUR)
    assert not people.can("p", Act.APPROVE, AT - HOUR)
    with pytest.raises(NotAllowedError):
        people.require("p", Act.APPROVE, AT + HOUR)


def test_enrolling_twice_gives_no_new_roles() -> None:
    """A second enrolment of the same id is no way to become administrator."""
    people = told(
        (PERSON_ENROLLED, "p", Enrolled((Role.AUTHOR,)), AT),
        (PERSON_ENROLLED, "p", Enrolled((Role.ADMINISTRATOR,)), AT),
    )
    assert people.roles("p", AT) == {Role.AUTHOR}
    changed = told(
        (PERSON_ENROLLED, "p", Enrolled((Role.AUTHOR,)), AT), (PERSON_CHANGED, "p", Enrolled((Role.AUDITOR,)), AT)
    )
    assert changed.roles("p", AT) == {Role.AUDITOR}


def test_a_delegation_ends_and_needs_a_giver_who_has_the_role() -> None:
    """What is lent counts between its dates, while the giver is there and has it."""
    lend = Delegation("q", Role.APPROVER, AT + HOUR, AT + 2 * HOUR)
    facts = [
        (PERSON_ENROLLED, "p", Enrolled((Role.APPROVER,)), AT),
        (PERSON_ENROLLED, "q", Enrolled((Role.AUTHOR,)), AT),
        (DELEGATION_MADE, "p", lend, AT),
    ]
    people = told(*facts)
    assert [people.can("q", Act.APPROVE, AT + n * HOUR / 2) for n in range(5)] == [False, False, True, True, False]
    assert not told(*facts, (PERSON_REMOVED, "p", {}, AT)).can("q", Act.APPROVE, AT + HOUR)
    stolen = Delegation("q", Role.ADMINISTRATOR, AT, AT + HOUR)
    assert not told(*facts[:2], (DELEGATION_MADE, "p", stolen, AT)).can("q", Act.ADMINISTER, AT)


def test_those_on_call_are_asked_first() -> None:
    """Who promised to be reachable comes before who did not; the author never."""
    people = told(
        (PERSON_ENROLLED, "a", Enrolled((Role.APPROVER,)), AT),
        (PERSON_ENROLLED, "b", Enrolled((Role.APPROVER,)), AT),
        (PERSON_ON_CALL, "b", OnCall(AT, AT + HOUR), AT),
    )
    assert people.approvers(AT) == ("b", "a")
    assert people.approvers(AT + HOUR) == ("a", "b")
    assert people.approvers(AT, not_by="b") == ("a",)

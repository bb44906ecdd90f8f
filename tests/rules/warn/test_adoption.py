"""The approval policy: another one holds only when two administrators have agreed to the same text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.errors import NotAllowedError, NotFoundError, SettingsError
from tocsin.journal import Entry, Fact, fact, link
from tocsin.warn.adoption import (
    POLICY_ADOPTED,
    POLICY_PROPOSED,
    PolicyAdopted,
    PolicyBook,
    PolicyProposed,
    difference,
    name,
)
from tocsin.warn.approval import default
from tocsin.warn.person import PERSON_ENROLLED, Enrolled, People, Role

AT = datetime(2024, 11, 20, 6, tzinfo=UTC)
FIRST = (resources.files("tocsin.warn") / "data" / "approval.toml").read_text("utf-8")
SECOND = FIRST.replace("version = 1\n", "version = 2\n").replace("wide_people = 500000", "wide_people = 100000")
ROLES = {"fay": Role.ADMINISTRATOR, "gil": Role.ADMINISTRATOR, "ann": Role.AUTHOR}


def entry(item: Fact, at: datetime = AT) -> Entry:
    return link(item, 1, at, bytes(32))


@pytest.fixture
def book() -> PolicyBook:
    """A book with two administrators."""
    return fresh_book()


def fresh_book() -> PolicyBook:
    people = People(
        entry(fact(PERSON_ENROLLED, person, Enrolled((role,))), AT - timedelta(days=1))
        for person, role in ROLES.items()
    )
    return PolicyBook(default(), people)


def test_two_administrators_change_the_policy(book: PolicyBook) -> None:
    """Proposed by one, adopted by another who is present; what changes is shown line by line."""
    for item in book.propose("fay", SECOND, AT):
        assert not book.apply(entry(item))
    (_, (_, policy)) = next(iter(book.proposed.items()))
    assert difference(book.current, policy) == ("wide_people: 500000 → 100000",)
    for person, fresh, wrong in (
        ("fay", AT, NotAllowedError),
        ("ann", AT, NotAllowedError),
        ("gil", None, NotAllowedError),
    ):
        with pytest.raises(wrong):
            book.adopt(person, name(SECOND), fresh, AT)
    with pytest.raises(NotFoundError):
        book.adopt("gil", "nothing", AT, AT)
    for item in book.adopt("gil", name(SECOND), AT, AT):
        assert book.apply(entry(item))
    assert (book.current.version, book.current.wide_people) == (2, 100_000)
    assert book.adopted[-1][1] == ("fay", "gil")
    assert book.proposed == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        FIRST,
        SECOND.replace("version = 2", "version = 3"),
        SECOND.replace('name = "all-clear"\npersons = 2', 'name = "all-clear"\npersons = 1'),
        SECOND.replace('name = "hold"', 'name = "other"'),
    ],
)
def test_what_cannot_hold_is_not_proposed(book: PolicyBook, text: str) -> None:
    """No policy, the same version, one that skips one, one that lets one person clear, one without a row."""
    with pytest.raises(SettingsError):
        book.propose("fay", text, AT)


MOVES = [
    (kind, person, text)
    for kind in (POLICY_PROPOSED, POLICY_ADOPTED)
    for person in ("fay", "gil", "ann", "nobody")
    for text in (SECOND, SECOND.replace("100000", "200000"))
]


@given(st.lists(st.sampled_from(MOVES), max_size=12))
def test_no_order_of_facts_lets_one_person_change_it(moves: list[tuple[str, str, str]]) -> None:
    """However facts are ordered, doubled or forged, what holds was proposed and adopted by two administrators."""
    book = fresh_book()
    for kind, person, text in moves:
        body = PolicyProposed(person, text) if kind == POLICY_PROPOSED else PolicyAdopted(person)
        book.apply(entry(fact(kind, name(text), body)))
    for policy, by, _ in book.adopted[1:]:
        assert set(by) == {"fay", "gil"}
        assert policy.version == 2
    assert len(book.adopted) <= 2


def test_the_desk_works_by_the_adopted_policy() -> None:
    """Once adopted, the next alert for 200,000 people needs two."""
    from tests.rules.warn.test_desk import Office

    office = Office(people=200_000)
    office.record([fact(PERSON_ENROLLED, "gil", Enrolled((Role.ADMINISTRATOR,)))])
    case = office.desk.case(office.content("act", event_id="e"), "dan", AT)
    from tocsin.warn.approval import rule_for

    assert rule_for(case, office.desk.policy).persons == 1
    office.record(office.desk.bylaws.propose("fay", SECOND, office.at))
    office.record(office.desk.bylaws.adopt("gil", name(SECOND), office.at, office.at))
    assert rule_for(case, office.desk.policy).persons == 2

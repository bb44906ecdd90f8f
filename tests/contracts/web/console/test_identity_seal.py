"""What is sealed opens only where it was sealed, and what is found is found by a keyed hash."""

from __future__ import annotations

from pathlib import Path

import pytest

from tocsin.clock import TurnedClock
from tocsin.errors import InvitationSpentError, KeyMissingError, ParameterError
from tocsin.store.people import SqlPeople
from tocsin.store.seal import Seal
from tocsin.store.session import SqlSessions
from tocsin.store.sqlite import SqliteStore
from tocsin.warn.enrolment import Credential, Invitation, Personal, Session, Way
from tocsin.warn.person import Role


def test_a_box_opens_in_its_own_place_only(tmp_path: Path) -> None:
    """A box moved to another row, field or realm does not open, nor one with a byte changed."""
    seal, other = Seal(tmp_path, "people", "actual"), Seal(tmp_path, "people", "exercise")
    box = seal.close("person.name", "a", b"Olena")
    assert seal.open("person.name", "a", box) == b"Olena"
    assert seal.close("person.name", "a", b"Olena") != box
    for opener, field, row, what in (
        (seal, "person.name", "b", box),
        (seal, "person.email", "a", box),
        (other, "person.name", "a", box),
        (seal, "person.name", "a", box[:-1] + bytes([box[-1] ^ 1])),
        (seal, "person.name", "a", b""),
    ):
        with pytest.raises(KeyMissingError):
            opener.open(field, row, what)
    assert seal.mark("x", b"a") != seal.mark("y", b"a") != other.mark("y", b"a")
    assert seal.secret("one") != seal.secret("two")


def test_what_fails_leaves_nothing(tmp_path: Path, clock: TurnedClock) -> None:
    """A spent link or a taken address undoes the person, the credential and the facts of the same commit."""
    with SqliteStore(tmp_path, clock) as store:
        people, at = SqlPeople(store, tmp_path / "keys", "actual"), clock.now()

        def invitation(text: str) -> None:
            people.invite(text, Invitation(text, (Role.AUTHOR,), "operator", at, at), [_fact("invitation:made", text)])

        def join(link: str, person: str, email: str) -> None:
            held = Credential(f"c-{person}", person, Way.PASSKEY, at, b"x")
            people.enrol(link, person, Personal("N", email), held, person.encode(), [_fact("person:enrolled", person)])

        invitation("one")
        invitation("two")
        join("one", "p1", "a@example.org")
        head = store.head()
        with pytest.raises(InvitationSpentError):
            join("one", "p2", "b@example.org")
        with pytest.raises(ParameterError, match="email"):
            join("two", "p2", "A@Example.org ")
        with pytest.raises(ParameterError, match="credential"):
            people.add([(Credential("c2", "p1", Way.PASSKEY, at, b"x"), b"p1")], [_fact("credential:added", "p1")])
        assert store.head() == head
        assert people.everybody() == ["p1"]
        assert people.credentials("p2") == []
        assert [one.id for one in people.invitations()] == ["two"]
        assert store.cursor("people") <= head.seq
        join("two", "p2", "b@example.org")
        assert people.by_email("B@example.org") == "p2"


def test_a_counter_only_grows(tmp_path: Path, clock: TurnedClock) -> None:
    """Of two uses with the same count one is taken; a key that does not count may stay at zero."""
    with SqliteStore(tmp_path, clock) as store:
        people, at = SqlPeople(store, tmp_path / "keys", "actual"), clock.now()
        held = Credential("c", "p", Way.PASSKEY, at, b"x")
        people.add([(held, b"k")], [_fact("credential:added", "p")])
        assert people.use(held, 0, at, grows=False)
        assert [people.use(held, 5, at), people.use(held, 5, at), people.use(held, 4, at), people.use(held, 6, at)] == [
            True,
            False,
            False,
            True,
        ]
        assert people.spend(held)
        assert not people.spend(held)


def test_sessions_of_one_realm(tmp_path: Path, clock: TurnedClock) -> None:
    """A secret of one realm is nothing in the other, and of two who replace it one does."""
    with SqliteStore(tmp_path, clock) as store:
        actual, exercise, at = SqlSessions(store, "actual"), SqlSessions(store, "exercise"), clock.now()
        actual.begin("secret", Session("s", "p", Way.PASSKEY, at, at, at, at))
        assert exercise.find("secret") is None
        assert exercise.all() == exercise.of("p") == []
        assert actual.replace("s", "secret", "next", at, at)
        assert not actual.replace("s", "secret", "other", at, at)
        found = actual.find("secret")
        assert found is not None
        assert found[1] == at
        exercise.end(["s"])
        assert actual.find("next") is not None
        actual.end(["s"])
        assert actual.find("next") is None


def _fact(kind: str, subject: str):  # type: ignore[no-untyped-def]
    from tocsin.journal import fact

    return fact(kind, subject, {})

"""Subscriptions are facts; addresses are sealed and go when the subscription ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rules.reach.conftest import Room
from tocsin.clock import TurnedClock
from tocsin.errors import KeyMissingError
from tocsin.journal import fact
from tocsin.reach.subscriber import SUBSCRIPTION_ENDED, SUBSCRIPTION_MADE, Ended, Wish
from tocsin.store.batches import MarkFile
from tocsin.store.subscriptions import SqlBook

ADDRESS, SECRET = "https://systems.example/hook-of-olena", "whsec_c2VjcmV0LW9mLW9sZW5h"
WISH = Wish("notes", ADDRESS, (SECRET,), ("UA-30",), ((50_450_100, 30_523_300),), languages=("uk",))


def test_survives_a_restart(room: Room) -> None:
    """After a restart the same subscriptions are live, with their points, secrets and languages."""
    one = room.subscribers.make(WISH)
    two = room.subscribers.make(Wish("notes", "b", areas=("UA-63",)))
    assert room.subscribers.end(two.id)
    later = room.again()
    try:
        assert len(later.audience) == 1
        assert later.audience.subscription(one.number) == one
        address = later.book.addresses([one.number, two.number])
        assert list(address) == [one.number]
        assert (address[one.number].address, address[one.number].secrets) == (ADDRESS, (SECRET,))
        assert address[one.number].languages == ("uk",)
        assert later.subscribers.make(WISH).number > two.number
    finally:
        later.close()


def test_nothing_personal_is_in_clear(room: Room) -> None:
    """Neither the journal nor any file of the store shows an address, a secret or a point."""
    room.subscribers.make(WISH)
    for entry in room.store.read(0):
        assert b"olena" not in entry.body
        assert b"50450100" not in entry.body
    room.close()
    for path in room.folder.iterdir():
        data = path.read_bytes()
        for text in (b"olena", b"systems.example", b"c2VjcmV0", b"50450100"):
            assert text not in data, path


def test_half_made_and_half_ended(room: Room) -> None:
    """An address without its fact is erased at the next start, and so is one whose end is a fact."""
    orphan = room.book.enter([("orphan", WISH)])[0]
    one = room.subscribers.make(WISH)
    room.store.append([fact(SUBSCRIPTION_ENDED, one.id, Ended(one.number, "notes", "owner"))])
    later = room.again()
    try:
        assert len(later.audience) == 0
        assert later.book.numbers().isdisjoint({orphan, one.number})
    finally:
        later.close()


def test_other_realm_is_left_alone(room: Room) -> None:
    """Starting an exercise on the same folder erases nobody's address and knows nobody."""
    one = room.subscribers.make(WISH)
    other = SqlBook(room.store, room.folder, "exercise")
    assert other.numbers() == set()
    other.erase([one.number])
    assert other.addresses([one.number]) == {}
    assert room.book.numbers() == {one.number}


def test_lost_key_is_said(room: Room) -> None:
    """A key that is missing or another one stops the program: a new one would open no address."""
    room.subscribers.make(WISH)
    key = room.folder / "actual.addresses.key"
    kept = key.read_bytes()
    assert key.stat().st_mode & 0o777 == 0o600
    key.unlink()
    with pytest.raises(KeyMissingError):
        SqlBook(room.store, room.folder, "actual")
    key.write_bytes(kept[::-1])
    with pytest.raises(KeyMissingError):
        SqlBook(room.store, room.folder, "actual").points()


def test_secrets_rotate(room: Room) -> None:
    """A new secret signs beside the old one until the old one is let go."""
    one = room.subscribers.make(WISH)
    assert room.subscribers.rotate(one.id, "new", SECRET)
    assert room.book.addresses([one.number])[one.number].secrets == ("new", SECRET)
    assert room.subscribers.rotate(one.id, "new")
    assert room.book.addresses([one.number])[one.number].secrets == ("new",)
    assert not room.subscribers.rotate("nobody", "new")
    assert room.book.find("notes", ADDRESS) == [one.number]
    assert room.book.find("notes", "other") == []


def test_the_fact_says_what_is_public(room: Room) -> None:
    """The fact holds the id, areas and channel, and how many points there are."""
    one = room.subscribers.make(WISH)
    entry = room.store.read(0, kinds=[SUBSCRIPTION_MADE])[0]
    assert entry.subject == one.id
    assert b'"areas":["UA-30"]' in entry.body
    assert b'"points":1' in entry.body


def test_marks_survive_and_are_reused(tmp_path: Path, clock: TurnedClock) -> None:
    """Marks are found again by the next process, freed when their batch is settled, and clean when taken again."""
    file = MarkFile(tmp_path / "marks")
    for batch in range(1, 601):
        marks = file.take(batch, 1000)
        assert not marks.any()
        marks[batch % 1000] = 7
    file.release(range(1, 500))
    file.close()
    again = MarkFile(tmp_path / "marks")
    again.keep_only(set(range(550, 601)))
    assert again.found(1) is None
    assert again.found(520) is None
    left = again.found(600)
    assert left is not None
    assert left.nonzero()[0].tolist() == [600]
    size = (tmp_path / "marks").stat().st_size
    for batch in range(1000, 1500):
        assert not again.take(batch, 1000).any()
    assert (tmp_path / "marks").stat().st_size == size
    again.close()

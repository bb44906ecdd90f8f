"""The audience from sealed blocks: the same as from the journal, never older than the store, and quickly there."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import apsw
import pytest

from tests.rules.reach.conftest import Room
from tests.rules.reach.stage import NIGHT
from tocsin.clock import TurnedClock
from tocsin.errors import NotReadyError
from tocsin.reach.subscriber import BLOCK
from tocsin.reach.subscription import Subscription, Wish
from tocsin.reach.wanted import Loudness, Watch

SQUARE = ((50_100_000, 30_100_000), (50_100_000, 30_200_000), (50_200_000, 30_200_000), (50_200_000, 30_100_000))


def everybody(room: Room) -> list[Subscription]:
    return [one for number in room.audience.numbers() if (one := room.audience.subscription(number)) is not None]


def settled(room: Room) -> None:
    """Somebody of every kind."""
    room.crowd(50, "UA-30")
    room.subscribe("UA-63", "DE", phases=("act", "hold"), languages=("uk", "en"), severities=("Extreme",))
    room.subscribe(points=((50_500_000, 29_500_000), (52_500_000, 13_400_000)))
    room.subscribe(watches=(Watch(50_400_000, 30_400_000, 5_000),), loudness=(Loudness("silent", "watch:0"),))
    room.subscribe(polygons=(SQUARE,))
    room.subscribe("UA-30", audience="staff", roles=("duty",), person="ann")
    room.subscribe("UA-30", person="ann", order=1, channel="spare")
    room.subscribe("UA-30", start=NIGHT + timedelta(hours=1), until=NIGHT + timedelta(days=2))


def answers(room: Room) -> object:
    later = NIGHT + timedelta(days=1)
    asked = [
        room.audience.match(areas, phase, scope, severity=severity, at=at)
        for areas in (["UA-30"], ["UA-32"], ["UA"], ["DE-BE"], ["UA-63"])
        for phase, scope, severity, at in (("act", "Public", "", None), ("prepare", "Restricted", "Minor", later))
    ]
    tally = room.audience.preview(["UA"], "act")
    told = [{channel: numbers.tolist() for channel, numbers in one.items()} for one in asked]
    one = everybody(room)[-3]
    return told, tally, room.audience.census(), room.audience.of_person(one.person), room.audience.over(later)


def test_the_same_as_from_the_journal(room: Room) -> None:
    """Whoever is read from a block wants, and is found for, exactly what the journal says; ids find them too."""
    settled(room)
    before, asked = everybody(room), answers(room)
    assert room.subscribers.keep() == 1
    there = room.again()
    with there.store.reader() as connection:
        assert connection.execute("SELECT count(*) FROM audience_blocks").fetchone() == (1,)
    assert everybody(there) == before
    assert answers(there) == asked
    assert [there.audience.number(one.id) for one in before] == [one.number for one in before]
    quiet = next(one for one in before if one.loudness)
    assert there.audience.loudness([quiet.number], ["UA-30"], "act") == {quiet.number: "silent"}
    there.close()


def test_a_change_throws_its_block_away(room: Room) -> None:
    """Made, changed or ended after its block was kept: a start knows it, and what was erased is in no block any more."""
    ones = room.crowd(5, "UA-30")
    rows = "SELECT count(*) FROM audience_blocks"
    for work in (
        lambda: room.subscribers.change(ones[1].id, {"areas": ("UA-63",)}),
        lambda: room.subscribers.end(ones[2].id),
        lambda: room.subscribe("UA-32"),
    ):
        assert room.subscribers.keep() == 1
        work()
        with room.store.reader() as connection:
            assert connection.execute(rows).fetchone() == (0,)
    expected = everybody(room)
    there = room.again()
    assert everybody(there) == expected
    assert there.audience.number(ones[2].id) is None
    there.close()


def test_a_block_that_was_made_too_early_is_not_kept(room: Room) -> None:
    """What changes while a block is being made is never hidden by it."""
    ones = room.crowd(3, "UA-30")
    changes, block = room.book.changes(0), room.audience.block(0)
    room.subscribers.end(ones[0].id)
    assert not room.book.keep(0, block, changes)
    with room.subscribers._changing():
        assert room.subscribers.keep() == 0
    assert room.subscribers.keep() == 1


def test_whatever_is_wrong_with_a_block_costs_only_time(room: Room) -> None:
    """A block that was changed on disk, or that is of another number, is not believed."""
    room.crowd(BLOCK + 10, "UA-30")
    assert room.subscribers.keep() == 2
    expected = everybody(room)

    def spoil(connection: apsw.Connection) -> None:
        (other,) = connection.execute("SELECT box FROM audience_blocks WHERE block = 1").fetchone() or ()
        connection.execute("UPDATE audience_blocks SET box = ? WHERE block = 0", (other,))
        connection.execute("UPDATE audience_blocks SET box = CAST(x'00' || box AS BLOB) WHERE block = 1")

    room.store.write(spoil).result()
    there = room.again()
    assert everybody(there) == expected
    assert there.book.lacking == {0, 1}
    there.close()


def test_nothing_of_a_block_is_in_clear(room: Room, tmp_path: Path) -> None:
    """A copy of the store shows no place and no person of a block."""
    room.subscribe(points=((50_123_457, 30_765_433),), person="a-person-of-ours")
    assert room.subscribers.keep() == 1
    room.store.write(lambda connection: None).result()
    data = b"".join(file.read_bytes() for file in tmp_path.iterdir() if file.name.startswith("tocsin.db"))
    assert b"a-person-of-ours" not in data
    assert b"50123457" not in data


def test_who_is_subscribed_is_not_guessed_while_it_is_read(room: Room, clock: TurnedClock) -> None:
    """Until the subscriptions are read nobody is made, changed or ended, rather than wrongly told that there is none."""
    one = room.subscribe("UA-30")
    room.subscribers.loaded.clear()
    for work in (
        lambda: room.subscribers.make(Wish("notes", "late", areas=("UA-30",))),
        lambda: room.subscribers.end(one.id),
        room.subscribers.require,
    ):
        with pytest.raises(NotReadyError):
            work()
    reading = threading.Thread(target=room.subscribers.load)
    reading.start()
    reading.join()
    assert room.subscribers.end(one.id)


def test_a_subscription_and_its_fact_are_one_commit(room: Room) -> None:
    """What fails in the store leaves neither an address nor a fact, and the number is not used again."""
    first = room.subscribe("UA-30")
    head = room.store.head().seq
    with pytest.raises(Exception, match="UNIQUE"):
        room.book.make([(first.id, Wish("notes", "twice"))], lambda numbers: [])
    assert room.store.head().seq == head
    assert room.book.numbers() == {first.number}
    assert room.subscribe("UA-30").number > first.number

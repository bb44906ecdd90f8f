"""Subscriptions are facts; addresses are sealed and go when the subscription ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from tests.rules.reach.conftest import Room
from tocsin.clock import TurnedClock
from tocsin.errors import KeyMissingError
from tocsin.journal import Fact, fact
from tocsin.reach.subscription import SUBSCRIPTION_CHANGED, SUBSCRIPTION_ENDED, SUBSCRIPTION_MADE, WANTED, Ended, Wish
from tocsin.reach.wanted import Loudness, Watch
from tocsin.store.batches import MarkFile
from tocsin.store.subscriptions import SqlBook

ADDRESS, SECRET = "https://systems.example/hook-of-olena", "whsec_c2VjcmV0LW9mLW9sZW5h"
WISH = Wish("notes", ADDRESS, (SECRET,), ("UA-30",), ((50_450_100, 30_523_300),), languages=("uk",))

NIGHT = datetime(2024, 11, 20, 1, tzinfo=UTC)
WHOLE = Wish(
    "notes",
    ADDRESS,
    (SECRET,),
    ("UA-30", "UA-63"),
    ((50_450_100, 30_523_300),),
    ("act", "all-clear"),
    ("uk", "en"),
    "staff",
    (Watch(50_412_345, 30_567_890, 5_000),),
    (((50_100_007, 30_100_007), (50_100_007, 30_200_007), (50_200_007, 30_100_007)),),
    (Loudness("silent", "area:UA-63", ("prepare",)),),
    ("Extreme", "Severe"),
    ("warden",),
    NIGHT - timedelta(days=1),
    NIGHT + timedelta(days=7),
    "person-of-olena",
    2,
)


def test_everything_wanted_survives_a_restart(room: Room) -> None:
    """Circles, areas of one's own, loudness, severities, roles, dates, person and order are there after a restart."""
    one = room.subscribers.make(WHOLE)
    later = room.again()
    try:
        assert later.audience.subscription(one.number) == one
        assert {name: getattr(one, name) for name in WANTED} == {name: getattr(WHOLE, name) for name in WANTED}
        assert later.audience.of_person("person-of-olena") == (one.number,)
    finally:
        later.close()


def test_a_change_survives_a_restart(room: Room) -> None:
    """What is wanted can be changed under the same number; address and secrets stay; the last word holds."""
    one = room.subscribers.make(WHOLE)
    moved = {
        "areas": ("DE-BE",),
        "points": (),
        "polygons": (),
        "watches": (Watch(52_500_000, 13_400_000, 3_000),),
        "until": None,
        "languages": ("de",),
    }
    assert room.subscribers.change(one.id, {"areas": ("UA-30",)}) is not None
    changed = room.subscribers.change(one.id, moved)
    assert changed == msgspec.structs.replace(one, **moved)
    assert room.subscribers.change(one.id, moved) == changed
    assert room.subscribers.change("nobody", moved) is None
    assert len(room.store.read(0, kinds=[SUBSCRIPTION_CHANGED])) == 2
    later = room.again()
    try:
        assert later.audience.subscription(one.number) == changed
        address = later.book.addresses([one.number])[one.number]
        assert (address.address, address.secrets, address.languages) == (ADDRESS, (SECRET,), ("de",))
        assert list(later.audience.match(("DE-BE",), "act")["notes"]) == [one.number]
        assert later.audience.match(("UA-30",), "act") == {}
    finally:
        later.close()


def test_facts_and_boxes_of_the_first_version_are_read(room: Room) -> None:
    """A fact without the newer fields, and points sealed as a plain list, are a subscription as before."""
    number = room.book.enter([("old", Wish("notes", ADDRESS))])[0]
    box = room.book._seal("points", "old", b"[[50450100,30523300]]")
    room.store.write(
        lambda connection: connection.execute("UPDATE addresses SET points = ? WHERE number = ?", (box, number))
    ).result()
    body = {
        "number": number, "channel": "notes", "areas": ["UA-63"], "points": 1, "phases": [], "languages": ["uk"],
        "audience": "public",
    }  # fmt: skip
    room.store.append([Fact(SUBSCRIPTION_MADE, "old", msgspec.json.encode(body), "actual")])
    later = room.again()
    try:
        one = later.audience.subscription(number)
        assert one is not None
        assert (one.points, one.areas, one.watches, one.until) == (((50_450_100, 30_523_300),), ("UA-63",), (), None)
    finally:
        later.close()


def test_one_person_with_several_channels(room: Room) -> None:
    """The other channels of a person are found in their order, and go one by one as they end."""
    push, sms, mail = (
        room.subscribers.make(Wish("notes", f"{order}", areas=("UA-30",), person="p", order=order))
        for order in (1, 2, 0)
    )
    alone = room.subscribers.make(Wish("notes", "alone", areas=("UA-30",)))
    assert room.subscribers.others(push) == [mail, sms]
    assert room.subscribers.others(alone) == []
    assert room.audience.preview(("UA-30",), "act").total == 4
    assert room.audience.preview(("UA-30",), "act").people == 2
    assert room.subscribers.end(mail.id, "gone")
    (entry,) = room.store.read(0, kinds=[SUBSCRIPTION_ENDED])
    assert entry.read(Ended) == Ended(mail.number, "notes", "gone", "p")
    assert room.subscribers.others(push) == [sms]
    assert room.subscribers.end_all([push.id, sms.id, alone.id, "nobody"], "operator") == 3
    assert len(room.audience) == 0
    assert room.book.numbers() == set()


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
    one = room.subscribers.make(WHOLE)
    room.subscribers.change(one.id, {"watches": (Watch(50_499_999, 30_567_890, 5_000),)})
    hidden = (b"olena", b"systems.example", b"c2VjcmV0", b"50450100", b"50412345", b"50100007", b"50499999")
    for entry in room.store.read(0):
        for text in hidden:
            assert text not in entry.body
    room.close()
    for path in room.folder.iterdir():
        data = path.read_bytes()
        for text in hidden:
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
    one = room.subscribers.make(WISH)
    key = room.folder / "actual.addresses.key"
    kept = key.read_bytes()
    assert key.stat().st_mode & 0o777 == 0o600
    key.unlink()
    with pytest.raises(KeyMissingError):
        SqlBook(room.store, room.folder, "actual")
    key.write_bytes(kept[::-1])
    with pytest.raises(KeyMissingError):
        SqlBook(room.store, room.folder, "actual").places([one.number])


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

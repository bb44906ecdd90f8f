"""A list of subscribers is taken into a real store, again and again, and given out as it came in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.contracts.web.conftest import Building
from tocsin.account.importing import Change
from tocsin.enlisting import IMPORTER, SUBSCRIBERS_IMPORTED
from tocsin.reach.subscription import SUBSCRIPTION_ENDED, SUBSCRIPTION_MADE, Ended
from tocsin.web.handout import given_out

HEAD = "key,mail,phone,areas,language,audience,roles,until\n"
ROWS = [
    "1,olena@example.org,+380441234567,UA-30,uk,staff,warden,",
    "2,petro@example.org,,UA-63,uk,,,",
    "3,,+380501112233,UA-32;UA-30,en,,,2024-12-24",
]


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Any]:
    building = Building(tmp_path)
    found = SimpleNamespace(
        settings=building.settings, data=tmp_path, clock=building.clock, gazetteer=building.house.gazetteer,
        store=building.store, house=building.house, building=building,
    )  # fmt: skip
    yield found
    building.store.close()


def take(there: Any, rows: list[str], force: bool = False, **mapping: Any) -> Change:
    return IMPORTER.apply(there, IMPORTER.read((HEAD + "\n".join(rows) + "\n").encode(), mapping), force=force)


def counts(change: Change) -> tuple[int, int, int, int]:
    return change.new, change.changed, change.same, change.gone


def people(there: Any) -> dict[str, list[tuple[str, str]]]:
    """Everybody by their first area and language, with their ways."""
    subscribers = there.house.subscriptions
    found: dict[str, list[tuple[str, str]]] = {}
    for person in subscribers.roll.persons(""):
        numbers = subscribers.roll.of_person(person)
        held = sorted((subscribers.roll.subscription(number) for number in numbers), key=lambda one: one.order)
        addresses = subscribers.book.addresses(list(numbers))
        found["/".join(held[0].areas)] = [(one.channel, addresses[one.number].address) for one in held if one.number]
    return found


def test_again_changes_nothing_and_a_new_file_updates(there: Any) -> None:
    """The same list twice is the same people; a changed one moves, adds and ends just what it says, by its key."""
    understood = IMPORTER.read((HEAD + "\n".join(ROWS)).encode(), {})
    assert counts(IMPORTER.change(there, understood)) == (3, 0, 0, 0)
    assert there.building.entries(SUBSCRIPTION_MADE) == []
    assert counts(take(there, ROWS)) == (3, 0, 0, 0)
    assert people(there) == {
        "UA-30": [("sms", "+380441234567"), ("mail", "olena@example.org")],
        "UA-63": [("mail", "petro@example.org")],
        "UA-32/UA-30": [("sms", "+380501112233")],
    }
    made = len(there.building.entries(SUBSCRIPTION_MADE))
    assert counts(take(there, ROWS)) == (0, 0, 3, 0)
    assert len(there.building.entries(SUBSCRIPTION_MADE)) == made
    moved = ["1,olena@example.org,+380449999999,UA-30,uk,staff,warden,", "2,petro@example.org,,UA-46,uk,,,"]
    assert counts(take(there, moved)) == (0, 2, 0, 1)
    assert people(there) == {
        "UA-30": [("sms", "+380449999999"), ("mail", "olena@example.org")], "UA-46": [("mail", "petro@example.org")],
    }  # fmt: skip
    assert {entry.read(Ended).reason for entry in there.building.entries(SUBSCRIPTION_ENDED)} == {"operator"}
    assert len(there.building.entries(SUBSCRIBERS_IMPORTED)) == 3
    there.house.subscriptions.load()
    assert len(people(there)) == 2


def test_staff_are_told_of_what_is_restricted(there: Any) -> None:
    """Who is staff by a list is told of a restricted alert, for their role; who is a citizen is not; stays end."""
    take(there, ROWS)
    audience = there.house.subscriptions.roll
    assert sum(map(len, audience.match(("UA-30",), "act", "Restricted").values())) == 2
    assert audience.match(("UA-30",), "act", "Restricted", role="medic") == {}
    assert audience.preview(("UA",), "act").people == 3
    assert audience.preview(("UA",), "act").total == 4
    there.building.clock.turn(40 * 86_400)
    assert audience.preview(("UA",), "act", at=there.clock.now()).people == 2


def test_half_a_file_ends_nobody_without_force(there: Any) -> None:
    """When more than a part of the list would go, nothing is changed and it is said; with force it is done."""
    many = [f"{number},p{number}@example.org,,UA-30,uk,,," for number in range(40)]
    take(there, many)
    refused = take(there, many[:20])
    assert refused.refused
    assert refused.gone == 20
    assert len(people_of(there)) == 40
    assert counts(take(there, many[:20], force=True)) == (0, 0, 20, 20)
    assert len(people_of(there)) == 20
    # Another list is other people, whatever their keys are, and so are those who subscribed themselves.
    take(there, many[:3], dataset="other")
    assert len(people_of(there)) == 23


def people_of(there: Any) -> list[str]:
    found: list[str] = there.house.subscriptions.roll.persons("")
    return found


def test_nothing_of_a_list_is_in_clear(there: Any) -> None:
    """Neither keys nor addresses stand in any file of the data folder, journal included, nor in what is said of faults."""
    understood = IMPORTER.read((HEAD + "\n".join([*ROWS, "KEY-9,not-an-address,,UA-30,,,,"])).encode(), {})
    assert "not-an-address" not in str(understood.faults)
    IMPORTER.apply(there, understood)
    take(there, ["SECRETKEY,hidden@example.org,,UA-30,uk,,,"], dataset="quiet")
    there.store.backup(there.data / "copy.sqlite")
    for path in there.data.rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        for text in (b"olena@", b"hidden@", b"380441234567", b"SECRETKEY"):
            assert text not in data, path


def test_what_is_given_out_can_be_taken_in(there: Any) -> None:
    """A list that is given out is one that is understood whole: the same ways, places, wishes and dates, nobody twice."""
    take(there, ROWS)
    audience = there.house.subscriptions.roll
    numbers = [int(n) for found in audience.match(("UA",), "act").values() for n in found]
    content = b"".join(given_out(there.house.subscriptions, numbers, "copy-1"))
    assert content.count(b"copy-1") == 3
    again = IMPORTER.read(content, {})
    assert again.faults == ()
    before, after = (IMPORTER.read((HEAD + "\n".join(ROWS)).encode(), {}).found.listed, again.found.listed)
    for one, other in zip(before, sorted(after, key=lambda one: before_row(before, one)), strict=True):
        for name in ("ways", "areas", "languages", "audience", "roles", "until"):
            assert getattr(one, name) == getattr(other, name)


def before_row(before: Any, one: Any) -> int:
    return next(place for place, other in enumerate(before) if other.ways == one.ways)

"""The roster in a real file: nobody can be read from it without the key, and who is erased stays erased."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.contracts.roll.conftest import SECRETS, SHEET, Mission, furnish
from tests.contracts.web.conftest import Building
from tocsin.account.roster import MEMBER_ERASED, Erased, Kind, Way
from tocsin.errors import KeyMissingError
from tocsin.journal import fact
from tocsin.store.rollcall import ERASE
from tocsin.store.roster import SqlRoster
from tocsin.store.sqlite import SqliteStore


def everything(folder: Path) -> bytes:
    """Every byte of every file of the data folder but the keys: database, write-ahead log, shared memory."""
    files = [file for file in folder.rglob("*") if file.is_file() and "keys" not in file.parts]
    assert any(file.name.endswith("-wal") for file in files), "the log is looked at as well"
    return b"\n".join(file.read_bytes() for file in files)


def test_a_dump_of_the_store_shows_nobody(mission: Mission, tmp_path: Path) -> None:
    """After an import, a roll call, answers and a family's link no file holds a name, a telephone or an address."""
    import asyncio

    from tocsin.account.answer import How, Means, Says

    rolls = mission.rolls
    call = rolls.start("Night", "p1")
    asyncio.run(mission.asking.once())
    asyncio.run(rolls.answer(call, mission.seat(call, "1"), Says.SAFE, means=Means.LINK))
    asyncio.run(
        rolls.answer(
            call, mission.seat(call, "3"), Says.HELP, means=Means.PROXY, by=mission.seat(call, "4"), how=How.SEEN
        )
    )
    family = rolls.book.make_family(call.id, mission.seat(call, "1"), mission.member("1"))
    rolls.reveal("p1", "rollcall", [mission.member("1"), mission.member("2")])
    link = mission.link(call, "1")
    dumped = everything(tmp_path)
    for secret in (*SECRETS, link, family):
        for spelt in (secret.encode(), secret.lower().encode(), secret.encode("utf-16-le")):
            assert spelt not in dumped, secret
    assert rolls.roster.details([mission.member("1")])[mission.member("1")].name == "Olena Kovalenko"


def test_importing_again_keeps_identity(mission: Mission) -> None:
    """The same sheet changes nothing; another telephone changes one; who is missing is named as gone."""
    rolls, before = mission.rolls, {key: mission.member(key) for key in "12345"}

    def plan(sheet: str) -> tuple[int, int, int, int]:
        from tocsin.account.roster_file import read_sheet
        from tocsin.web.confirm import ADDRESSES

        found = read_sheet(sheet.encode(), {}, ADDRESSES, "Europe/Kyiv").found
        new, changed, same, gone = rolls.roster.plan([(row.member, row.details) for row in found])
        return len(new), len(changed), same, len(gone)

    assert plan(SHEET) == (0, 0, 5, 0)
    other = SHEET.replace("+380441110003", "+380441119993").replace("5,Gina", "6,Gina")
    assert plan(other) == (1, 1, 3, 1)
    mission.take_in(other)
    assert {key: mission.member(key) for key in "1234"} == {key: before[key] for key in "1234"}
    assert rolls.roster.find("5") == []
    assert rolls.roster.find("+380441119993") == [before["3"]]
    assert rolls.roster.find("+380441110003") == []
    assert rolls.roster.details([before["3"]])[before["3"]].ways == (Way("sms", "+380441119993"),)


def test_a_visitor_ends_by_the_clock(mission: Mission) -> None:
    """A visitor counts until the end of their last day and is in no roll call after it."""
    (guest,) = mission.rolls.roster.members([mission.member("5")])
    assert guest.kind is Kind.VISITOR
    assert len(mission.rolls.start("While", "p1")) == 5
    mission.building.clock.turn(3 * 86_400)
    assert len(mission.rolls.start("After", "p1")) == 4


def test_erasing_destroys_the_key_and_leaves_no_trace_in_the_log(mission: Mission, tmp_path: Path) -> None:
    """Who is erased is found by nothing, their sealed key and fields are in no file, and their answers mean nobody."""
    rolls = mission.rolls
    call = rolls.start("Night", "p1")
    member, seat = mission.member("1"), mission.seat(call, "1")
    with mission.building.store.reader() as connection:
        key, name = connection.execute("SELECT key, name FROM member WHERE id = ?", (member,)).fetchone()
    assert bytes(key) in everything(tmp_path)
    rolls.roster.erase([member], [fact(MEMBER_ERASED, member, Erased("p1", "asked"))])
    rolls.vacate([member])
    dumped = everything(tmp_path)
    assert bytes(key) not in dumped
    assert bytes(name) not in dumped
    assert rolls.roster.members([member]) == []
    assert rolls.roster.find("1") == rolls.roster.find("+380441110001") == []
    assert rolls.book.of(member) == []
    assert seat in call.zones


def test_a_backup_from_before_is_erased_again(mission: Mission, tmp_path: Path) -> None:
    """A person who was erased and comes back with an older copy of the store is erased when it is opened."""
    member = mission.member("1")
    store = mission.building.store
    store.backup(tmp_path / "before.db")
    mission.rolls.roster.erase([member], [])
    other = tmp_path / "restored"
    other.mkdir()
    (tmp_path / "before.db").rename(other / "tocsin.db")
    with SqliteStore(other, mission.building.clock) as again:
        roster = SqlRoster(again, tmp_path / "keys", "actual", ERASE)
        assert member not in {one.id for one in roster.members()} or roster.erase_again() == 1
        assert roster.erase_again() == 0
        assert roster.members([member]) == []
        assert len(roster.members()) == 4


def test_a_missing_key_is_a_fault_and_not_a_first_start(tmp_path: Path) -> None:
    """Where sealed people are and their key is not, nothing starts as if there were nobody."""
    building = Building(tmp_path)
    made = furnish(building, tmp_path)
    made.take_in()
    (tmp_path / "keys" / "actual.roster.key").unlink()
    with pytest.raises(KeyMissingError):
        SqlRoster(building.store, tmp_path / "keys", "actual")
    building.store.close()


def test_boxes_of_one_person_do_not_open_for_another(mission: Mission) -> None:
    """A field moved to another person's row is not readable there."""
    one, two = mission.member("1"), mission.member("2")

    def swap(connection: object) -> None:
        connection.execute("UPDATE member SET name = (SELECT name FROM member WHERE id = ?) WHERE id = ?", (one, two))  # type: ignore[attr-defined]

    mission.building.store.write(swap).result()
    with pytest.raises(KeyMissingError):
        mission.rolls.roster.details([two])
    assert msgspec.json.encode(mission.rolls.roster.details([one])[one].name) == b'"Olena Kovalenko"'

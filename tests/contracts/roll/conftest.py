"""A house with a roster of an embassy, on a real store, with channels that note what they are told to send."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.web.conftest import Building, Server, building
from tocsin.account.roster_file import read_sheet
from tocsin.asking import Asking
from tocsin.reach.channel import ACCEPTED, Outcome
from tocsin.store.rollcall import ERASE, SqlSeats, new_seats
from tocsin.store.roster import SqlRoster
from tocsin.web.confirm import ADDRESSES
from tocsin.web.rolls import Rolls

__all__ = ["building"]
SHEET = """id,name,zone,warden of,language,phone,email,from,until,type
1,Olena Kovalenko,Floor 2,,uk,+380441110001,olena@example.org,,,staff
2,Jean Petit,Floor 2,Floor 2,fr,+380441110002,jean@example.org,,,staff
3,Ann Field,Floor 3,,en,+380441110003,,,,staff
4,Bernd Graf,Floor 3,Floor 3,de,,bernd@example.org,,,staff
5,Gina Guest,Floor 3,,en,+380441110005,,2024-11-18,2024-11-22,visitor
"""
SECRETS = ("Kovalenko", "Petit", "Gina", "380441110001", "44111000", "jean@example.org", "olena@")


class Wire:
    """A channel that notes what it is told, and answers as it was set to."""

    def __init__(self, name: str) -> None:
        self.name, self.told, self.outcome = name, list[tuple[str, str, str]](), ACCEPTED

    async def tell(self, address: str, subject: str, text: str) -> Outcome:
        """Note one message."""
        self.told.append((address, subject, text))
        return self.outcome


@dataclass
class Lane:
    """A lane of the dispatch, as far as asking looks at it."""

    channel: Wire
    paused: bool = False


@dataclass
class Lanes:
    """A dispatch that has nothing but lanes."""

    lanes: dict[str, Lane] = field(default_factory=dict)
    audience: Any = None

    def standing(self) -> dict[str, dict[str, int]]:
        """Nothing is under way."""
        return {}


@dataclass
class Mission:
    """An embassy: its building, its rolls and its wires."""

    building: Building
    rolls: Rolls
    asking: Asking
    sms: Wire
    mail: Wire

    def take_in(self, sheet: str = SHEET) -> None:
        """Take in a sheet."""
        found = read_sheet(sheet.encode(), {}, ADDRESSES, "Europe/Kyiv").found
        new, changed, _, gone = self.rolls.roster.plan([(row.member, row.details) for row in found])
        self.rolls.roster.take_in([*new, *changed], gone, [])

    def member(self, key: str) -> str:
        """The id of the member whom the sheet calls ``key``."""
        (found,) = self.rolls.roster.find(key)
        return found

    def seat(self, call: Any, key: str) -> str:
        """The seat of a member in a roll call."""
        member = self.member(key)
        return next(name for name, seat in self.rolls.seats[call.id].items() if seat.member == member)

    def link(self, call: Any, key: str, use: str = "answer") -> str:
        """What stands in a member's link."""
        return self.rolls.book.link(use, call.id, self.seat(call, key))


def furnish(building: Building, folder: Path) -> Mission:
    """Put a roster, rolls and wires into a house."""
    realm, house = building.settings.realm, building.house
    roster = SqlRoster(building.store, folder / "keys", realm, ERASE)
    seats = SqlSeats(building.store, roster.vault.seal, realm)
    rolls = house.rolls = Rolls(house, roster, seats, new_seats)
    sms, mail = Wire("sms"), Wire("mail")
    house.dispatch = Lanes({"sms": Lane(sms), "mail": Lane(mail)})
    return Mission(building, rolls, Asking(house, rolls), sms, mail)


@pytest.fixture
def mission(building: Building, tmp_path: Path) -> Mission:
    """An embassy of five."""
    made = furnish(building, tmp_path)
    made.take_in()
    return made


@pytest.fixture
def desk(mission: Mission) -> Iterator[Server]:
    """That embassy, served."""
    made = Server(mission.building)
    yield made
    made.stop()

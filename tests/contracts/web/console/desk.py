"""A desk for the house of the tests: the embassy's, with every guard, the phrase book and its certificates."""

from __future__ import annotations

from tests.contracts.web.console.conftest import Office
from tocsin.store.certificate import Certificates
from tocsin.warn.approval import default
from tocsin.warn.compile import Issuer, Kit
from tocsin.warn.desk import Desk
from tocsin.warn.draft import Drafts, Where
from tocsin.warn.guard import standard
from tocsin.warn.person import People
from tocsin.warn.phrase import book

SENDER, SENDER_NAME = "kyiv@embassy.example", "Embassy in Kyiv"
PEOPLE = {"UA": 37_000_000, "UA-30": 2_950_000}


def census(where: Where) -> int | None:
    """How many people live there, of the few places that tests know."""
    return sum(PEOPLE.get(code, 250_000) for code in where.codes) or None


def furnish(office: Office) -> Desk:
    """Put a desk and certificates into the house."""
    building = office.building
    settings, gazetteer = building.settings, building.house.gazetteer
    kit = Kit(gazetteer, book(), Issuer(SENDER, SENDER_NAME, settings.realm, settings.languages))
    drafts = Drafts()
    guards = standard(kit, find=drafts.get, census=census, policy=default())
    desk = Desk(kit, default(), People(), drafts, census=census, guards=guards)
    house = building.house
    house.desk = desk  # type: ignore[attr-defined,unused-ignore]
    house.certificates = Certificates(  # type: ignore[attr-defined,unused-ignore]
        office.identity.data / "keys",  # type: ignore[operator]
        settings.realm,
        SENDER,
        building.clock.now(),
    )
    return desk

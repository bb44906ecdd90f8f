"""The page of subscribers: numbers for all who may look, one by their exact address, and every look on record."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import pytest_asyncio

from tests.contracts.web.console.conftest import Browser, Office, Page, opened
from tocsin.account.subscriber_file import read_list
from tocsin.place.gazetteer import Gazetteer
from tocsin.reach.channel import ACCEPTED, Outcome
from tocsin.reach.delivery import Delivery, Mark
from tocsin.reach.letter import Letters
from tocsin.reach.subscription import Subscription, Wish
from tocsin.reach.wanted import Watch
from tocsin.warn.enrolment import Viewed
from tocsin.warn.person import Role
from tocsin.web.console.subscribers import SUBSCRIBERS_EXPORTED, Exported
from tocsin.web.console.text import words

ADDRESS = "olena@example.org"


class Wire:
    """A channel that takes what it is given."""

    name, stride, lanes = "mail", 10, 1

    def __init__(self) -> None:
        self.sent: list[Delivery] = []

    async def send(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        self.sent.extend(batch)
        return [ACCEPTED] * len(batch)

    async def close(self) -> None:
        pass


class Desk:
    """An office with three subscribers, a duty officer, an administrator and an auditor."""

    def __init__(self, office: Office) -> None:
        self.office, self.wire = office, Wire()
        house = office.building.house
        self.subscriptions = house.subscriptions
        house.letters = Letters(
            self.subscriptions, self.subscriptions.book, {"mail": self.wire}, house.store, house.clock, sender="Office"
        )
        circle = (Watch(50_400_000, 30_500_000, 5_000),)
        wishes = [
            Wish("mail", ADDRESS, areas=("UA-30",), languages=("uk",), person="p", watches=circle),
            Wish("sms", "+380441234567", areas=("UA-30",), languages=("uk",), person="p", order=1),
            Wish("mail", "petro@example.org", areas=("UA-63",), languages=("en",)),
        ]
        self.olena, self.phone, self.other = self.subscriptions.make_all(wishes)

    async def hire(self) -> None:
        await self.office.hire(Role.ADMINISTRATOR)
        _, self.officer = await self.office.hire(Role.DUTY_OFFICER)
        _, self.admin = await self.office.hire(Role.ADMINISTRATOR)
        _, self.auditor = await self.office.hire(Role.AUDITOR)

    def looks(self) -> list[Viewed]:
        return [entry.read(Viewed) for entry in self.office.building.entries("view:personal")]


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    made = Desk(opened(tmp_path))
    await made.hire()
    yield made
    made.office.building.store.close()


async def find(browser: Browser, address: str) -> Page:
    return await browser.submit("/console/subscribers/find", [("channel", "mail"), ("address", address)])


async def test_everybody_sees_numbers_and_nobody_an_address(desk: Desk) -> None:
    """An auditor sees how many people, ways, channels, languages and areas there are, and no form to find anybody."""
    shown = await desk.auditor.get("/console/subscribers")
    assert shown.status == 200
    for text in ("Kyiv", "E-mail", "SMS", ">2</dd>", ">3</dd>"):
        assert text in shown.text
    assert ADDRESS not in shown.text
    assert "/console/subscribers/find" not in shown.text
    assert desk.looks() == []


async def test_one_is_found_by_the_exact_address_and_that_is_on_record(desk: Desk) -> None:
    """The exact address finds the subscription, a part of it nothing; both looks stand in the journal, without the address."""
    found = await find(desk.officer, "olena@EXAMPLE.org ")
    assert f"/console/subscribers/{desk.olena.id}" in found.text
    for near in ("olena@example.or", "lena@example.org"):
        assert "Nobody is warned at this address" in (await find(desk.officer, near)).text
    assert (await find(desk.officer, "nothing")).status == 400
    assert [look.whose for look in desk.looks()] == [(desk.olena.id,), (), ()]
    for entry in desk.office.building.store.read(0):
        assert b"olena@" not in entry.body


async def test_one_is_shown_with_why_and_tested(desk: Desk) -> None:
    """What is wanted, the other channel, the alert that concerns them with its reason, and a test that goes the real way."""
    desk.office.building.hear()
    desk.office.building.publish("act", areas=("UA-30",))
    path = f"/console/subscribers/{desk.olena.id}"
    shown = await desk.officer.get(path)
    assert ADDRESS in shown.text
    assert f"/console/subscribers/{desk.phone.id}" in shown.text
    assert "the alert is for Kyiv City, which they want" in shown.text
    assert desk.looks()[-1].whose == (desk.olena.id,)
    tested = await desk.officer.submit(path + "/test")
    assert tested.status == 200
    assert "taken" in tested.text
    assert desk.wire.sent[0].to.address == ADDRESS
    # Who is not an administrator finds no way to end or to raise anybody.
    assert path + "/end" not in shown.text
    other = await desk.officer.get(f"/console/subscribers/{desk.other.id}")
    assert "No alert that stands concerns them" in other.text


async def test_an_administrator_makes_staff_ends_and_takes_the_list(desk: Desk) -> None:
    """With a proof of presence for exactly that: staff with roles; the end, which erases the address; the stamped list."""
    path = f"/console/subscribers/{desk.olena.id}"
    done = await desk.admin.prove("administer", path + "/audience", [("audience", "staff"), ("roles", "warden, medic")])
    assert done.status == 303, done.text
    held: Subscription = desk.subscriptions.get(desk.olena.id)
    assert (held.audience, held.roles) == ("staff", ("warden", "medic"))
    taken = await desk.admin.prove("administer", "/console/subscribers/export")
    assert taken.status == 200
    (entry,) = desk.office.building.entries(SUBSCRIBERS_EXPORTED)
    assert taken.text.count(entry.subject) == 2
    assert entry.read(Exported).subscriptions == 3
    listed = read_list(taken.body, {}, Gazetteer.world()).listed
    assert {way for one in listed for way in one.ways} == {
        ("mail", ADDRESS), ("sms", "+380441234567"), ("mail", "petro@example.org"),
    }  # fmt: skip
    ended = await desk.admin.prove("administer", path + "/end")
    assert ended.status == 303
    assert desk.subscriptions.get(desk.olena.id) is None
    assert (await desk.officer.get(path)).status == 404
    assert desk.subscriptions.book.find("mail", ADDRESS) == []


@pytest.mark.parametrize("language", ["en", "uk", "de", "fr"])
def test_every_mark_of_a_delivery_has_its_word(language: str) -> None:
    """However a delivery stands, the page says it in words of the reader's language."""
    t = words(language)
    assert [mark.name for mark in Mark if f"subscriber.mark.{mark.name.lower()}" not in t] == []


async def test_a_canary_is_no_subscriber(desk: Desk) -> None:
    """No page finds it, shows it, ends it or makes it somebody's; no number counts it, and no list names it; and nobody else
    can be made one."""
    (own,) = desk.subscriptions.make_all(
        [Wish("mail", "canary@example.org", areas=("x-selfdrill-mail",), audience="canary", person="canary:mail")]
    )
    tally, areas = desk.subscriptions.roll.census()
    assert (tally.total, "canary" in tally.audiences, "x-selfdrill-mail" in areas) == (3, False, False)
    assert "Nobody is warned at this address" in (await find(desk.officer, "canary@example.org")).text
    path = f"/console/subscribers/{own.id}"
    assert (await desk.officer.get(path)).status == 404
    assert (await desk.admin.prove("administer", path + "/end")).status == 404
    assert (await desk.admin.prove("administer", path + "/audience", [("audience", "public")])).status == 404
    assert "canary" not in (await desk.admin.prove("administer", "/console/subscribers/export")).text
    other = f"/console/subscribers/{desk.olena.id}/audience"
    assert (await desk.admin.prove("administer", other, [("audience", "canary")])).status == 400
    assert desk.subscriptions.get(own.id) == own

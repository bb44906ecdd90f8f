"""The pages of subscribers: accessible in four languages, light and dark, on a phone; found, proved and ended by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.contracts.web.console.conftest import Office
from tests.pages.conftest import Album
from tests.pages.test_signin import enrol_by_passkey, look, person, serve
from tocsin.journal import fact
from tocsin.reach.letter import SUBSCRIPTION_PROVED, Proved
from tocsin.reach.subscription import Wish
from tocsin.reach.wanted import Watch
from tocsin.warn.person import Role
from tocsin.web.console import enrol


class Room:
    """An administrator at an installation with a few hundred subscribers."""

    def __init__(self, browser: Browser, office: Office, url: str) -> None:
        self.office, self.url = office, url
        building = office.building
        subscriptions = building.house.subscriptions
        areas, tongues = ("UA-30", "UA-32", "UA-46", "UA-63", "DE-BE"), ("uk", "en", "de", "")
        subscriptions.make_all(
            [
                Wish(
                    "sms" if n % 5 == 0 else "mail", f"person{n}@example.org", areas=(areas[n * n % 5],),
                    languages=(tongues[n % 4],) if tongues[n % 4] else (), audience="staff" if n % 40 == 0 else "public",
                )
                for n in range(240)
            ]
        )  # fmt: skip
        self.olena, _ = subscriptions.make_all(
            [
                Wish(
                    "mail", "olena@example.org", areas=("UA-30",), languages=("uk", "en"), phases=("act", "all-clear"),
                    watches=(Watch(50_400_000, 30_500_000, 5_000),), person="p", audience="staff", roles=("warden",),
                    start=building.clock.now(), until=building.clock.now() + timedelta(days=7),
                ),
                Wish("sms", "+380441234567", areas=("UA-30",), person="p", order=1),
            ]
        )  # fmt: skip
        proved = Proved(self.olena.number, "mail", "accepted")
        building.store.append([fact(SUBSCRIPTION_PROVED, self.olena.id, proved)])
        building.hear()
        building.publish("act", areas=("UA-30",))
        address = enrol.invite(office.identity, (Role.ADMINISTRATOR, Role.DUTY_OFFICER), enrol.OPERATOR).address
        self.page: Page = person(browser)
        enrol_by_passkey(self.page, address, "Anna Koval", "anna@example.org")


@pytest.fixture
def room(browser: Browser, tmp_path: Path) -> Iterator[Room]:
    """A room in the actual realm."""
    for office, server in serve(tmp_path, "actual"):
        yield Room(browser, office, server.url)


@pytest.mark.parametrize("language", ["en", "uk", "de", "fr"])
def test_both_pages_in_every_language(room: Room, language: str, pictures: Album) -> None:
    """Neither page has a fault that axe finds, scrolls sideways, or has a target that is too small."""
    for name, path in (("list", "/console/subscribers"), ("one", f"/console/subscribers/{room.olena.id}")):
        room.page.goto(f"{room.url}{path}?lang={language}")
        expect(room.page.locator("html")).to_have_attribute("lang", language)
        look(room.page, pictures, f"subscribers-{name}-{language}")


def test_found_by_keyboard_and_ended_with_a_finger(room: Room) -> None:
    """The exact address leads to the subscriber; the end asks for a proof of presence, and then nobody is found."""
    page = room.page
    page.goto(f"{room.url}/console/subscribers")
    page.get_by_label("Exact address").fill("olena@example.org")
    page.get_by_label("Exact address").press("Enter")
    page.get_by_role("link", name=room.olena.id[:10]).click()
    expect(page.get_by_text("olena@example.org")).to_be_visible()
    expect(page.get_by_text("the alert is for Kyiv City, which they want")).to_be_visible()
    page.get_by_role("button", name="End this subscription").click()
    page.wait_for_url("**/console/subscribers")
    page.get_by_label("Exact address").fill("olena@example.org")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_text("Nobody is warned at this address.")).to_be_visible()
    assert "olena" not in page.url

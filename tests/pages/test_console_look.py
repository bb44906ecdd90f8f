"""How the desk looks and can be used: accessible in four languages, light and dark, on a phone, by keyboard, on paper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.contracts.web.console.conftest import Office
from tests.contracts.web.console.desk import furnish
from tests.pages.conftest import Album, Server
from tests.pages.test_signin import enrol_by_passkey, look, person, serve
from tocsin.reach.subscription import Wish
from tocsin.warn.draft import Content, Where
from tocsin.warn.person import Role
from tocsin.web.console import enrol


class Room:
    """Somebody with every right at a desk that has something of everything on it."""

    def __init__(self, browser: Browser, office: Office, server: Server) -> None:
        self.office, self.url = office, server.url
        self.desk = furnish(office)
        office.building.hear()
        everybody = (Role.AUTHOR, Role.APPROVER, Role.DUTY_OFFICER, Role.ADMINISTRATOR, Role.AUDITOR)
        address = enrol.invite(office.identity, everybody, enrol.OPERATOR).address
        self.page = person(browser)
        enrol_by_passkey(self.page, address, "Anna Koval", "anna@example.org")
        self.page.goto(self.url + "/console/")
        self.page.get_by_role("button", name="Be ready").click()
        self.page.wait_for_url("**/console/drafts/*")
        self.draft = self.page.url.rpartition("/")[2]

    def write(self) -> None:
        """Fill the draft in."""
        store, clock = self.office.building.store, self.office.building.clock
        before = self.desk.draft(self.draft)
        content = Content(
            **{name: getattr(before.content, name) for name in ("phase", "owner", "starts", "ends", "next_update_by")},
            hazard="air",
            where=Where(codes=("UA-30", "UA-32")),
            facility="closed",
            event_id=before.content.event_id,
        )
        store.append(self.desk.change(self.draft, before.author, content, clock.now()))


@pytest.fixture
def room(browser: Browser, tmp_path: Path) -> Iterator[Room]:
    """A desk in the exercise realm, which has one thing more on each page."""
    for office, server in serve(tmp_path, "exercise"):
        yield Room(browser, office, server)


PAGES = ("/console/", "/console/write", "/console/team", "/console/handover", "/console/record")


@pytest.mark.parametrize("language", ["en", "uk", "de", "fr"])
def test_every_page_is_accessible_in_every_language(room: Room, language: str, pictures: Album) -> None:
    """No page has a fault that axe finds, scrolls sideways at 360 pixels, or has a target under 44, in light and dark."""
    room.write()
    for path in (*PAGES, f"/console/drafts/{room.draft}", f"/console/drafts/{room.draft}/agree"):
        room.page.goto(f"{room.url}{path}?lang={language}")
        expect(room.page.locator("html")).to_have_attribute("lang", language)
        look(
            room.page,
            pictures,
            f"desk-{path.rpartition('/')[2] or 'situation'}-{language}".replace(room.draft, "draft"),
        )


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "Would be told: 3 people by 5 channels. E-mail 3 · SMS 2 And 1 system: Webhook 1"),
        ("uk", "Отримають: 3 людини через 5 каналів. Ел. пошта 3 · SMS 2 І 1 система: Вебхук 1"),
        ("de", "Es erfahren davon: 3 Menschen auf 5 Wegen. E-Mail 3 · SMS 2 Und 1 System: Webhook 1"),
        ("fr", "Seraient prévenus : 3 personnes par 5 canaux. Courriel 3 · SMS 2 Et 1 système : Webhook 1"),
    ],
)
def test_who_would_be_told(room: Room, language: str, said: str, pictures: Album) -> None:
    """The author sees persons, the channels by which they are told, and systems apart, as the engine counts them."""
    room.write()
    house = room.office.building.house
    assert house.subscriptions is not None
    house.dispatch = SimpleNamespace(audience=house.subscriptions.roll)
    for name, way in (("ann", "mail"), ("ann", "sms"), ("ben", "mail"), ("ben", "sms"), ("", "mail"), ("", "webhook")):
        house.subscriptions.make(Wish(way, f"{way}-{name}", areas=("UA-30",), person=name, order=way == "sms"))
    room.page.goto(f"{room.url}/console/drafts/{room.draft}?lang={language}")
    assert " ".join(room.page.locator("#preview .counted").inner_text().split()) == said
    if language == "en":
        look(room.page, pictures, "desk-told")


def test_a_region_is_chosen_on_the_map_and_by_keyboard(room: Room) -> None:
    """A click on the map and a check box are the same choice; both are saved without a button."""
    page: Page = room.page
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.locator('path[data-code="UA-46"]').click(force=True)
    expect(page.locator("#chosen")).to_contain_text("Lviv Oblast")
    page.get_by_text("Regions of Ukraine").press("Enter")
    box = page.get_by_role("checkbox", name="Kharkiv Oblast")
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        box.press("Space")
    expect(page.locator("#chosen")).to_contain_text("Kharkiv Oblast")
    page.reload()
    expect(page.locator("#chosen")).to_contain_text("Lviv Oblast")


def test_an_area_is_drawn_with_clicks(room: Room) -> None:
    """Corners clicked on the map become points that can be read, and the area is in the draft."""
    page = room.page
    page.get_by_role("button", name="Draw on the map").click()
    box = page.locator("svg.pick").bounding_box()
    assert box is not None
    for x, y in ((0.4, 0.3), (0.5, 0.3), (0.5, 0.45)):
        page.mouse.click(box["x"] + box["width"] * x, box["y"] + box["height"] * y)
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.get_by_role("button", name="Close the area").click()
    text = page.get_by_label("One area a line").input_value()
    points = [tuple(float(part) for part in point.split(",")) for point in text.split()]
    assert len(points) == 4
    assert points[0] == points[-1]
    assert all(44 < latitude < 53 and 22 < longitude < 41 for latitude, longitude in points)
    page.reload()
    assert page.locator("svg.pick path.line").count() == 1


def test_a_save_that_fails_is_said_and_tried_again(room: Room) -> None:
    """Without a connection the page says that nothing is saved; when it is back, what was written is saved."""
    page = room.page
    page.context.set_offline(True)
    page.get_by_role("radio", name="Air alert", exact=True).check()
    expect(page.locator("#saved")).to_contain_text("Not saved!")
    page.context.set_offline(False)
    expect(page.locator("#saved")).to_contain_text("Saved in the journal", timeout=8000)
    page.reload()
    expect(page.get_by_role("radio", name="Air alert", exact=True)).to_be_checked()


def test_what_is_approved_can_be_printed(room: Room) -> None:
    """On paper are the realm, the words of every language and the digest, and no button."""
    room.write()
    page = room.page
    page.goto(f"{room.url}/console/drafts/{room.draft}/agree")
    page.emulate_media(media="print")
    assert page.locator(".realm").is_visible()
    assert page.get_by_text("EXERCISE").first.is_visible()
    assert page.locator("code").first.is_visible()
    assert not page.locator(".actions, .verdict, .send").filter(visible=True).count()
    assert page.pdf().startswith(b"%PDF")


def test_a_page_works_without_a_script(room: Room, browser: Browser) -> None:
    """Searching, choosing and saving go by buttons alone."""
    context = browser.new_context(java_script_enabled=False, storage_state=room.page.context.storage_state())
    page = context.new_page()
    page.goto(f"{room.url}/console/drafts/{room.draft}")
    page.get_by_label("Name in any language, or code").fill("Одеса")
    page.get_by_role("button", name="Find").click()
    page.locator("ul.found button").first.click()
    expect(page.locator(".tags")).to_contain_text("Odesa")
    page.get_by_role("radio", name="Air alert", exact=True).check()
    page.get_by_role("button", name="Save").last.click()
    expect(page.locator("#preview")).to_contain_text("be ready for an air attack")
    expect(page.get_by_role("button", name="Ask for approval")).to_be_enabled()
    context.close()

"""How the incident desk and the card look and can be used: accessible in four languages, by keyboard, without a script."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.contracts.web.console.conftest import Office
from tests.contracts.web.console.desk import furnish
from tests.contracts.web.console.newsdesk import NewsDesk
from tests.pages.conftest import Album, Server
from tests.pages.test_signin import enrol_by_passkey, look, person, serve, violations
from tocsin.demo import ITEMS
from tocsin.warn.person import Role
from tocsin.web.console import enrol
from tocsin.web.incident import story_of

HERE = "/console/incidents"


class Desk:
    """An editor at a desk after a night of news."""

    def __init__(self, browser: Browser, office: Office, server: Server) -> None:
        self.office, self.url = office, server.url
        furnish(office)
        self.news = NewsDesk(office)
        self.news.night()
        office.building.hear()
        everybody = (Role.AUTHOR, Role.APPROVER, Role.DUTY_OFFICER)
        address = enrol.invite(office.identity, everybody, enrol.OPERATOR).address
        self.page = person(browser)
        enrol_by_passkey(self.page, address, "Anna Koval", "anna@example.org")
        found = {any("mbassy" in t.headline for t in one.tellings): one for one in self.news.room.incidents()}
        self.embassy, self.fire = found[True], found[False]

    def go(self, path: str) -> Page:
        """Open a page of the desk."""
        self.page.goto(f"{self.url}{path}")
        return self.page


@pytest.fixture
def desk(browser: Browser, tmp_path: Path) -> Iterator[Desk]:
    """The desk in the exercise realm, which has one thing more on each page."""
    for office, server in serve(tmp_path, "exercise"):
        yield Desk(browser, office, server)


@pytest.mark.parametrize("language", ["en", "uk", "de", "fr"])
def test_the_incident_desk_is_accessible_in_every_language(desk: Desk, language: str, pictures: Album) -> None:
    """No page has a fault that axe finds, scrolls sideways at 360 pixels, or has a target too small, light and dark."""
    fire = f"{HERE}/{desk.fire.id}"
    desk.go(fire)
    fix = desk.page.locator(".say .to a").nth(1).get_attribute("href")
    report = desk.page.locator(".say .to a").first.get_attribute("href")
    assert fix is not None
    assert report is not None
    desk.go(f"{HERE}/{desk.embassy.id}")
    desk.page.locator("button.big.prepare").click()
    desk.page.wait_for_url("**/console/drafts/*")
    draft = desk.page.url.removeprefix(desk.url)
    pages = {"list": HERE, "fire": fire, "embassy": f"{HERE}/{desk.embassy.id}", "draft": draft,
             "then": f"{fire}?at=2024-11-20T02:00", "fix": fix, "report": report.partition("#")[0]}  # fmt: skip
    for name, path in pages.items():
        desk.go(
            f"{path}{'&' if '?' in path else '?'}lang={language}".replace("#fix", "")
            + ("#fix" if "#fix" in path else "")
        )
        expect(desk.page.locator("html")).to_have_attribute("lang", language)
        look(desk.page, pictures, f"incident-{name}-{language}")


def test_an_editor_merges_and_undoes_it_without_a_script(desk: Desk, browser: Browser) -> None:
    """With forms alone: merged with a reason, seen at once on the page, and undone there."""
    context = browser.new_context(java_script_enabled=False, storage_state=desk.page.context.storage_state())
    page = context.new_page()
    page.goto(f"{desk.url}{HERE}/{desk.fire.id}")
    page.get_by_label("The other incident").select_option(desk.embassy.id)
    page.locator("#merge-why").fill("the same night")
    page.get_by_role("button", name="Make them one").click()
    expect(page.get_by_text("8 reports")).to_be_visible()
    page.locator("summary", has_text="Undo").click()
    page.locator("#undo-1").fill("two things")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".lead")).not_to_contain_text("8 reports")
    assert len(desk.news.room.incidents()) == 2
    context.close()


def test_what_a_report_proposes_is_taken_by_keyboard(desk: Desk) -> None:
    """From the incident to a hazard and a place in a draft with the keyboard alone; each value says whose it is."""
    page = desk.go(f"{HERE}/{desk.embassy.id}")
    page.get_by_role("button", name="Be ready").press("Enter")
    page.wait_for_url("**/console/drafts/*")
    page.get_by_role("button", name=re.compile("Take ?: Air alert")).press("Enter")
    expect(page.get_by_role("radio", name="Air alert", exact=True)).to_be_checked()
    page.get_by_role("button", name=re.compile("Take ?: Kyiv City")).press("Enter")
    expect(page.locator("#chosen")).to_contain_text("Kyiv City")
    expect(page.locator(".offers .tag.good").first).to_have_text("taken")
    page.get_by_role("link", name="Read it there").first.press("Enter")
    expect(page.locator("mark:target")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [300, 480])
def test_the_card_can_be_read_in_a_small_frame(
    browser: Browser, desk: Desk, pictures: Album, width: int, scheme: str
) -> None:
    """In a frame of 300 pixels nothing is cut off sideways, axe finds nothing, and the correction can be seen."""
    from tocsin.web.card import card

    made = card(desk.office.building.house, desk.fire.id, "en", desk.office.building.clock.now())
    context = browser.new_context(
        viewport={"width": width, "height": 420},
        java_script_enabled=True,
        color_scheme=scheme,  # type: ignore[arg-type]
    )
    page = context.new_page()
    page.set_content(made.body.decode())
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    expect(page.locator("s").first).to_be_visible()
    assert violations(page) == []
    pictures.take(page, f"card-{width}-{scheme}")
    context.close()


@pytest.mark.parametrize("language", ["en", "uk"])
def test_what_an_outlet_changed_later_can_be_seen_and_heard(
    browser: Browser, desk: Desk, pictures: Album, language: str
) -> None:
    """Before and after stand in one sentence, struck through and underlined, named for who hears it; axe finds nothing."""
    from tocsin.web.public import Pages

    first = ITEMS[0].report()
    news = json.loads(first.content)
    text = (
        news["text"].replace("shortly after one", "shortly after two").replace("The city administration", "The mayor")
    )
    desk.news.say(
        text, headline=news["headline"], url=news["url"], source=first.source, outlet=news["outlet"], before=first.id
    )
    house = desk.office.building.house
    html = Pages(house).told(story_of(house, desk.fire.id), language)
    context = browser.new_context(viewport={"width": 360, "height": 740})
    page = context.new_page()
    for scheme, width in (("light", 360), ("dark", 1280)):
        page.set_viewport_size({"width": width, "height": 740})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.set_content(html)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert violations(page) == []
        pictures.take(page, f"reworded-{language}-{scheme}")
    gone = page.locator(".reworded del")
    assert [one.split()[-1] for one in gone.all_inner_texts()] == ["one", "administration"]
    assert gone.first.evaluate("e => getComputedStyle(e).textDecorationLine") == "line-through"
    expect(page.locator(".reworded ins").first).to_contain_text("two")
    context.close()

"""Composing on a slow line: whatever comes late, what the officer typed and chose is what the draft says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, FilePayload, Page, Request, Route, expect

from tests.contracts.web.console.conftest import Office
from tests.contracts.web.console.desk import furnish
from tests.pages.conftest import Server
from tests.pages.test_signin import enrol_by_passkey, person, serve
from tocsin.warn.draft import Content
from tocsin.warn.person import Role
from tocsin.web.console import enrol

SAVES = "**/console/drafts/*"
TRIANGLE: FilePayload = {
    "name": "area.geojson",
    "mimeType": "application/geo+json",
    "buffer": b'{"type":"Polygon","coordinates":[[[30.4,50.4],[30.6,50.4],[30.6,50.5],[30.4,50.4]]]}',
}


class Line:
    """An officer's page, and a line on which saves can be held up."""

    def __init__(self, browser: Browser, office: Office, server: Server) -> None:
        self.desk, self.url = furnish(office), server.url
        office.building.hear()
        self.page = person(browser)
        roles = (Role.AUTHOR, Role.DUTY_OFFICER)
        address = enrol.invite(office.identity, roles, enrol.OPERATOR).address
        enrol_by_passkey(self.page, address, "Dan Melnyk", "dan@example.org")
        self.page.goto(self.url + "/console/")
        self.page.get_by_role("button", name="Act now").click()
        self.page.wait_for_url(SAVES)
        self.page.wait_for_load_state("load")
        self.name = self.page.url.partition("#")[0].rpartition("/")[2]
        self.held: list[Route] = []
        self.holding = False

    @property
    def content(self) -> Content:
        """What the draft says."""
        return self.desk.draft(self.name).content

    def hold(self) -> None:
        """From now on what the script saves waits on the line."""
        self.held, self.holding = [], True
        self.page.route(SAVES, self.take)

    def take(self, route: Route) -> None:
        """One request comes to the line."""
        if self.holding and by_script(route.request):
            self.held.append(route)
        else:
            route.continue_()

    def let(self) -> None:
        """What waits goes on, and so does all that comes after."""
        self.holding = False
        for route in self.held:
            route.continue_()

    def early(self) -> list[Route]:
        """Open the draft, whose script stays on the way until it is let :meth:`arrive`."""
        scripts: list[Route] = []
        self.page.route("**/compose.js", lambda route: scripts.append(route))
        self.page.goto(f"{self.url}/console/drafts/{self.name}", wait_until="commit")
        return scripts

    def arrive(self, scripts: list[Route]) -> None:
        """The script of the page comes."""
        self.until(lambda _: bool(scripts))
        for script in scripts:
            script.continue_()

    def saved(self, do: Callable[[], object]) -> None:
        """Do something, and wait until the page has saved itself."""
        with self.page.expect_response(lambda answer: by_script(answer.request) and answer.ok):
            do()

    def find(self, what: str) -> None:
        """Search for a place."""
        self.page.get_by_label("Name in any language, or code").fill(what)
        expect(self.page.locator("#found button").first).to_be_visible()

    def until(self, met: Callable[[Page], bool], seconds: float = 10) -> None:
        """Wait until something is so."""
        for _ in range(round(seconds * 20)):
            if met(self.page):
                return
            self.page.wait_for_timeout(50)
        raise AssertionError("it did not come about")


def by_script(request: Request) -> bool:
    """Whether the script saves, not a button."""
    return request.method == "POST" and "x-requested-with" in request.headers


@pytest.fixture
def line(browser: Browser, tmp_path: Path) -> Iterator[Line]:
    """A draft of an act, open on a desk of the actual realm."""
    for office, server in serve(tmp_path, "actual"):
        yield Line(browser, office, server)


def test_no_form_of_before_follows_a_button(line: Line) -> None:
    """An area that a button adds stays, and one that it removes stays away, however much was saved before."""
    page, told = line.page, []
    page.on("request", lambda request: told.append(request) if request.method == "POST" else None)
    line.saved(lambda: page.get_by_role("radio", name="Air alert", exact=True).check())
    line.find("UA-30")
    page.locator("#found button").first.click()
    expect(page.locator(".tags")).to_contain_text("Kyiv City")
    page.wait_for_load_state("networkidle")
    assert line.content.where.codes == ("UA-30",)
    page.get_by_text("Add free text").click()
    line.saved(lambda: page.get_by_label("Text (en)").fill("The metro is open."))
    page.get_by_role("button", name="Kyiv City").click()
    expect(page.locator(".tags")).to_have_count(0)
    page.wait_for_load_state("networkidle")
    assert line.content.where.codes == ()
    assert line.content.extra["en"].text == "The metro is open."
    assert [by_script(request) for request in told] == [True, False, True, False]


def test_enter_takes_no_place_that_was_found_for_older_letters(line: Line) -> None:
    """Another name is typed over the one that was found, and Enter pressed at once: nothing of the old one is added."""
    page = line.page
    line.find("Львівська")
    expect(page.locator("#found")).to_contain_text("Lviv Oblast")
    search = page.get_by_label("Name in any language, or code")
    search.fill("UA-30")
    search.press("Enter")
    expect(page.locator("#found")).to_contain_text("Kyiv City")
    assert line.content.where.codes == ()
    page.wait_for_load_state("load")
    page.get_by_label("Name in any language, or code").press("Enter")
    expect(page.locator(".tags")).to_contain_text("Kyiv City")
    assert line.content.where.codes == ("UA-30",)


def test_a_button_waits_for_the_save_that_is_under_way(line: Line) -> None:
    """The save without the area is held up on the line, the button that adds the area goes after it."""
    page = line.page
    line.hold()
    page.get_by_role("radio", name="Air alert", exact=True).check()
    line.until(lambda _: len(line.held) == 1)
    line.find("UA-30")
    page.locator("#found button").first.click()
    page.wait_for_timeout(300)
    assert line.content.where.codes == ()
    line.let()
    expect(page.locator(".tags")).to_contain_text("Kyiv City")
    assert (line.content.hazard, line.content.where.codes) == ("air", ("UA-30",))


def test_an_answer_takes_back_no_letter_of_the_preview(line: Line) -> None:
    """A reason is typed while a save is under way: its answer makes the preview anew, and every letter stays, and is saved."""
    page = line.page
    line.saved(lambda: page.get_by_role("radio", name="Air alert", exact=True).check())
    line.find("UA-30")
    page.locator("#found button").first.click()
    reason = page.get_by_label("Type: Kyiv City")
    expect(reason).to_be_visible()
    page.wait_for_load_state("load")
    page.get_by_text("Add free text").click()
    line.hold()
    page.get_by_label("Text (en)").fill("The metro is open.")
    line.until(lambda _: len(line.held) == 1)
    reason.press_sequentially("Kyiv C")
    line.let()
    line.until(lambda _: line.content.reasons.get("wide") == "Kyiv C")
    expect(reason).to_have_value("Kyiv C")
    expect(reason).to_be_focused()
    reason.press_sequentially("ity")
    line.until(lambda _: line.content.reasons.get("wide") == "Kyiv City")
    assert line.content.extra["en"].text == "The metro is open."


@pytest.mark.eager
def test_what_is_typed_before_the_script_has_come_is_saved_by_it(line: Line) -> None:
    """The page is there and its script is not yet: what is typed and chosen in that moment is in the draft once it comes."""
    page, scripts = line.page, line.early()
    page.get_by_text("Add free text").click()
    page.get_by_label("Text (en)").fill("The metro is open.")
    page.get_by_role("radio", name="Air alert", exact=True).check()
    assert line.content.extra == {}
    before = line.desk.draft(line.name).changes
    line.arrive(scripts)
    line.until(lambda _: bool(line.content.extra))
    assert (line.content.extra["en"].text, line.content.hazard) == ("The metro is open.", "air")
    assert line.desk.draft(line.name).changes == before + 1


def test_a_page_that_nobody_touched_saves_nothing(line: Line) -> None:
    """To open a draft changes nothing in it, so no approval falls by looking."""
    page, told = line.page, []
    page.on("request", lambda request: told.append(request) if request.method == "POST" else None)
    page.reload()
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(600)
    page.goto(line.url + "/console/")
    assert told == []


def test_a_file_does_not_lose_to_what_is_typed_beside_it(line: Line) -> None:
    """Free text is typed and at once a file is chosen: the draft has both, and the area is the file's."""
    page = line.page
    page.get_by_text("Add free text").click()
    page.get_by_text("Draw, or take from a file").click()
    page.get_by_label("Text (en)").fill("The metro is open.")
    page.locator("[data-file]").set_input_files(TRIANGLE)
    line.until(lambda _: bool(line.content.where.polygons))
    page.wait_for_load_state("networkidle")
    assert line.content.where.polygons
    assert line.content.extra["en"].text == "The metro is open."


@pytest.mark.eager
def test_a_file_that_was_chosen_before_the_script_had_come_is_taken(line: Line) -> None:
    """The page is there and its script is not yet: the file that is chosen in that moment becomes the draft's area."""
    page, scripts = line.page, line.early()
    page.get_by_text("Draw, or take from a file").click()
    page.locator("[data-file]").set_input_files(TRIANGLE)
    line.arrive(scripts)
    line.until(lambda _: bool(line.content.where.polygons))


def test_what_the_map_does_not_show_stays_in_the_list(line: Line) -> None:
    """An area of another country is chosen by name; a region that is clicked beside it does not hide it."""
    page = line.page
    for code in ("UA-30", "MD-CU"):
        line.find(code)
        page.locator("#found button").first.click()
        line.until(lambda _, code=code: code in line.content.where.codes)
        page.wait_for_load_state("load")
    before = page.locator(".tags li").count()
    assert before == 2
    page.locator("details", has=page.locator(".regions")).locator("summary").click()
    line.saved(lambda: page.locator(".regions input[value='UA-46']").check())
    expect(page.locator(".tags li")).to_have_count(3)
    assert set(line.content.where.codes) == {"UA-30", "UA-46", "MD-CU"}

"""The 20th of November as two people with passkeys live it: the warning for citizens and for staff, its update, its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.contracts.web.console.conftest import Office
from tests.contracts.web.console.desk import furnish
from tests.pages.conftest import Server
from tests.pages.test_signin import enrol_by_passkey, person, serve
from tocsin.cap.check import check
from tocsin.cap.signature import verify
from tocsin.cap.xml import read
from tocsin.warn.person import Role
from tocsin.warn.publish import ALERT_PUBLISHED, Published
from tocsin.web.console import enrol
from tocsin.web.console.desk_room import STOPWATCH_STOPPED, Stopped


class Story:
    """Anna at her desk writes and sends; Ben approves on his phone."""

    def __init__(self, browser: Browser, office: Office, server: Server) -> None:
        self.office, self.server = office, server
        furnish(office)
        office.building.hear()
        self.anna = self._hire(person(browser), "Anna Koval", "anna@example.org", Role.AUTHOR, Role.DUTY_OFFICER)
        self.ben = self._hire(person(browser, "phone"), "Ben Adler", "ben@example.org", Role.APPROVER)

    def _hire(self, page: Page, name: str, email: str, *roles: Role) -> Page:
        enrol_by_passkey(page, enrol.invite(self.office.identity, roles, enrol.OPERATOR).address, name, email)
        return page

    def published(self) -> list[Published]:
        """What has left, in order."""
        return [entry.read(Published) for entry in self.office.building.entries(ALERT_PUBLISHED)]

    def at(self, page: Page) -> str:
        """The address a person is at, without the host."""
        return page.url.removeprefix(self.server.url)

    def saved(self, do: Callable[[], object]) -> None:
        """Do something in the form, and wait until it has saved itself."""
        with self.anna.expect_response(lambda answer: answer.request.method == "POST" and answer.status == 200):
            do()

    def approve(self, draft: str) -> None:
        """Ben opens his first page on the phone, looks, and approves with a touch."""
        self.ben.goto(self.server.url + "/console/")
        self.ben.locator(f'a[href="{draft}"]').first.click()
        expect(self.ben.get_by_role("heading", name="Its retraction")).to_be_visible()
        assert self.ben.evaluate("document.documentElement.scrollWidth <= innerWidth")
        button = self.ben.get_by_role("button", name="Approve exactly this")
        expect(button).to_be_in_viewport()
        button.click()
        expect(self.ben.get_by_text("Approved by")).to_be_visible()

    def hold(self) -> None:
        """Anna holds the button down for two seconds."""
        button = self.anna.locator("[data-holds]")
        box = button.bounding_box()
        assert box is not None
        self.anna.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        self.anna.mouse.down()
        self.anna.wait_for_timeout(2300)
        self.anna.mouse.up()

    def wait_published(self, count: int) -> None:
        """Wait until so many alerts have left."""
        ends = time.monotonic() + 10
        while len(self.published()) < count and time.monotonic() < ends:
            self.anna.wait_for_timeout(50)
        assert len(self.published()) == count


@pytest.fixture
def story(browser: Browser, tmp_path: Path) -> Iterator[Story]:
    """A desk on a real server, and two people in front of it."""
    for office, server in serve(tmp_path, "actual"):
        yield Story(browser, office, server)


def test_the_twentieth_of_november(story: Story) -> None:
    """Citizens are told to be ready, staff to stay where they are; both go out signed, are updated, and end."""
    anna, office = story.anna, story.office
    anna.goto(story.server.url + "/console/")
    anna.get_by_role("button", name="Be ready").click()
    anna.wait_for_url("**/console/drafts/*")
    story.saved(lambda: anna.get_by_role("radio", name="Air alert", exact=True).check())
    expect(anna.get_by_text("No area yet.")).to_be_visible()

    # The whole country takes its name, typed: in the form, and once more as the guard asks.
    anna.get_by_text("The whole country", exact=True).click()
    anna.get_by_label("Type its name to warn all of it").fill("Ukraine")
    anna.get_by_role("button", name="Warn the whole country").click()
    expect(anna.locator(".tags")).to_contain_text("Ukraine · whole country")
    story.saved(lambda: anna.get_by_role("radio", name="Citizens").check())
    story.saved(lambda: anna.get_by_role("radio", name="closed").check())
    expect(anna.locator("#preview").get_by_role("button", name="Ask for approval")).to_be_disabled()
    story.saved(lambda: anna.get_by_label("Type: Ukraine").fill("Ukraine"))
    expect(anna.locator("#preview").get_by_role("button", name="Ask for approval")).to_be_enabled()
    expect(anna.locator("#preview")).to_contain_text("Embassy in Kyiv is closed.")
    public = story.at(anna)

    # The staff's version is another message, linked to it.
    anna.get_by_role("button", name="Make the staff version too").click()
    anna.wait_for_url(lambda url: url.removeprefix(story.server.url) != public)
    staff = story.at(anna)
    expect(anna.get_by_role("radio", name="Staff")).to_be_checked()
    expect(anna.locator("#preview")).to_contain_text("closed")
    typed = anna.get_by_label("Type: Ukraine")
    if typed.count() and not typed.input_value():
        story.saved(lambda: typed.fill("Ukraine"))
    for draft in (public, staff):
        anna.goto(story.server.url + draft)
        for field in anna.locator("#preview input[name^='reason.']").all():
            if not field.input_value():
                story.saved(lambda field=field: field.fill("Staff are told where to stay; the public cannot."))
        anna.get_by_role("button", name="Ask for approval").click()
        expect(anna.get_by_text("You wrote this, so somebody else approves it.")).to_be_visible()
    for count, draft in enumerate((public, staff), 1):
        story.approve(draft)
        anna.goto(story.server.url + draft)
        story.hold()
        expect(anna.get_by_role("button", name="Stop it")).to_be_visible()
        assert len(story.published()) == count - 1
        office.building.clock.turn(15)
        story.wait_published(count)
    for_citizens, for_staff = (read(one.cap.encode()).alerts[0] for one in story.published())
    assert (for_citizens.scope, for_staff.scope) == ("Public", "Restricted")
    assert for_citizens.incidents == for_staff.incidents
    assert for_citizens.incidents
    assert "helter" in for_staff.infos[0].instruction
    assert for_citizens.infos[0].instruction != for_staff.infos[0].instruction

    # No change is a word too; then the end, which needs two again.
    office.building.clock.turn(1200)
    anna.goto(f"{story.server.url}/console/alerts/{for_citizens.identifier}")
    anna.get_by_role("button", name="Update or extend").click()
    anna.wait_for_url("**/console/drafts/*")
    for count, phase in ((3, "prepare"), (4, "all-clear")):
        if phase == "all-clear":
            office.building.clock.turn(60)
            anna.goto(f"{story.server.url}/console/alerts/{story.published()[-1].identifier}")
            anna.get_by_role("button", name="All-clear").click()
            anna.wait_for_url("**/console/drafts/*")
        for field in anna.locator("#preview input[name^='reason.']").all():
            story.saved(lambda field=field: field.fill("Ukraine"))
        draft = story.at(anna)
        anna.get_by_role("button", name="Ask for approval").click()
        expect(anna.get_by_text("You wrote this")).to_be_visible()
        story.approve(draft)
        anna.goto(story.server.url + draft)
        story.hold()
        if phase == "prepare":
            expect(anna.get_by_role("button", name="Stop it")).to_be_visible()
            office.building.clock.turn(15)
        story.wait_published(count)
    assert [one.phase for one in story.published()] == ["prepare", "prepare", "prepare", "all-clear"]
    assert [one.version for one in story.published()] == [1, 1, 2, 3]

    pinned = office.building.house.certificates.pinned()  # type: ignore[attr-defined,unused-ignore]
    for one in story.published():
        assert check(one.cap.encode()).fit
        assert verify(one.cap.encode(), pinned).trusted
    stopped = [entry.read(Stopped) for entry in office.building.entries(STOPWATCH_STOPPED)]
    assert len(stopped) == 4
    assert max(one.machine_ms for one in stopped) <= 2000, stopped


def test_a_false_alarm_is_taken_back(story: Story) -> None:
    """An act that was a mistake: two actions later everybody is told that they are safe, over the one who sent it."""
    anna = story.anna
    anna.goto(story.server.url + "/console/")
    anna.get_by_role("button", name="Act now").click()
    anna.wait_for_url("**/console/drafts/*")
    story.saved(lambda: anna.get_by_role("radio", name="Air alert", exact=True).check())
    anna.get_by_label("Name in any language, or code").fill("Львівська")
    anna.locator("#found button").first.click()
    expect(anna.locator(".tags")).to_contain_text("Lviv Oblast")
    anna.get_by_role("button", name="Go on to sending").click()

    # The two steps of the keyboard, without a mouse.
    anna.get_by_role("link", name="Send in two steps").press("Enter")
    anna.get_by_role("button", name="Yes, send it now").press("Enter")
    anna.wait_for_url("**/console/alerts/*")
    expect(anna.get_by_role("heading", name="Its retraction")).to_be_visible()
    assert [one.phase for one in story.published()] == ["act"]

    anna.get_by_role("link", name="Take it back").press("Enter")
    anna.get_by_role("button", name="Yes, false alarm: take it back").press("Enter")
    anna.wait_for_url("**.2")
    first, second = story.published()
    assert (second.phase, second.event_id, second.supersedes) == ("retracted", first.event_id, first.identifier)
    (alert,) = read(second.cap.encode()).alerts
    assert alert.msg_type == "Cancel"
    assert alert.infos[0].description.startswith("You are safe.")

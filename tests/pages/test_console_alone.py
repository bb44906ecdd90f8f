"""Alone at night, and without a mouse: break-glass with its review, the keyboard's whole way, and how an alert looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.contracts.web.console.conftest import Office
from tests.contracts.web.console.desk import furnish
from tests.pages.conftest import Album, Server
from tests.pages.test_signin import enrol_by_passkey, look, person, serve
from tocsin.cap.check import check
from tocsin.cap.xml import read
from tocsin.warn.board import REVIEW_DONE, REVIEW_DUE
from tocsin.warn.draft import DRAFT_GLASS_BROKEN
from tocsin.warn.person import Role
from tocsin.warn.publish import ALERT_PUBLISHED, Published
from tocsin.web.console import enrol


class Night:
    """Dan is on duty; Ben approves, and is asleep."""

    def __init__(self, browser: Browser, office: Office, server: Server) -> None:
        self.office, self.server, self.url = office, server, server.url
        furnish(office)
        office.building.hear()
        self.dan = self.hire(person(browser), "Dan Melnyk", "dan@example.org", Role.AUTHOR, Role.DUTY_OFFICER)
        self.ben = self.hire(person(browser, "phone"), "Ben Adler", "ben@example.org", Role.APPROVER)

    def hire(self, page: Page, name: str, email: str, *roles: Role) -> Page:
        """Enrol somebody by passkey."""
        enrol_by_passkey(page, enrol.invite(self.office.identity, roles, enrol.OPERATOR).address, name, email)
        return page

    def saved(self, do: Callable[[], object]) -> None:
        """Do something in Dan's form, and wait until it has saved itself."""
        with self.dan.expect_response(lambda answer: answer.request.method == "POST" and answer.status == 200):
            do()

    def published(self) -> list[Published]:
        """What has left, in order."""
        return [entry.read(Published) for entry in self.office.building.entries(ALERT_PUBLISHED)]

    def act_for_kyiv(self) -> None:
        """Dan writes an act for the capital: so many people that two must agree."""
        dan = self.dan
        dan.goto(self.url + "/console/")
        dan.get_by_role("button", name="Act now").click()
        dan.wait_for_url("**/console/drafts/*")
        self.saved(lambda: dan.get_by_role("radio", name="Air alert", exact=True).check())
        dan.get_by_label("Name in any language, or code").fill("UA-30")
        dan.locator("#found button").first.click()
        expect(dan.locator(".tags")).to_contain_text("Kyiv City")
        # The page was made anew; what saves it as one types is there once it has loaded.
        dan.wait_for_load_state("load")
        self.saved(lambda: dan.get_by_label("Type: Kyiv City").fill("Kyiv City"))


@pytest.fixture
def night(browser: Browser, tmp_path: Path) -> Iterator[Night]:
    """A desk of the actual realm on a real server, and the two of them."""
    for office, server in serve(tmp_path, "actual"):
        yield Night(browser, office, server)


def alone(page: Page, area: str) -> None:
    """Fill in what going on alone asks for, and do it."""
    page.get_by_label("Type: Kyiv City").fill(area)
    page.get_by_label("Why alone?").fill("Nobody answers, and it is in the air.")
    page.get_by_role("button", name="Go on alone").click()


def test_nobody_answers(night: Night, pictures: Album) -> None:
    """The clock runs out, one named officer goes on alone for the area typed and by template; another reviews it after."""
    dan, clock = night.dan, night.office.building.clock
    night.act_for_kyiv()
    draft = dan.url.partition("#")[0]
    dan.get_by_text("Add free text").click()
    night.saved(lambda: dan.get_by_label("Text (en)").fill("The metro is open all night."))
    night.saved(lambda: dan.locator(".extra", has=dan.get_by_label("Text (en)")).get_by_role("checkbox").check())
    dan.get_by_role("button", name="Ask for approval").click()
    expect(dan.get_by_text("1 person is missing.")).to_be_visible()
    expect(dan.get_by_text("Alone possible")).to_be_visible()
    expect(dan.get_by_role("heading", name="Nobody answered")).to_be_hidden()
    clock.turn(61)
    dan.reload()
    expect(dan.get_by_role("heading", name="Nobody answered")).to_be_hidden()

    # After two minutes it is offered, and refuses words that nobody has reviewed.
    clock.turn(60)
    dan.reload()
    expect(dan.get_by_role("heading", name="Nobody answered")).to_be_visible()
    alone(dan, "Kyiv City")
    expect(dan.get_by_text("alone you can send reviewed wordings only, no free text")).to_be_visible()
    dan.goto(draft)
    dan.get_by_role("link", name="Change it").click()
    expect(dan.get_by_text("Any change here voids every approval.")).to_be_visible()
    night.saved(lambda: dan.get_by_label("Text (en)").fill(""))
    dan.get_by_role("button", name="Ask for approval").click()
    expect(dan.get_by_text("1 person is missing.")).to_be_visible()
    expect(dan.get_by_role("heading", name="Nobody answered")).to_be_hidden()
    clock.turn(121)
    dan.reload()

    # Another area than the one that is warned cannot be meant; then the right one.
    alone(dan, "Lviv")
    expect(dan.get_by_text("alone you can warn only the area you name")).to_be_visible()
    dan.goto(draft)
    look(dan, pictures, "alone-offered")
    dan.set_viewport_size({"width": 1280, "height": 900})
    alone(dan, "Kyiv")
    expect(dan.get_by_text("Alone, to be reviewed:")).to_be_visible()
    assert [entry.subject for entry in night.office.building.entries(DRAFT_GLASS_BROKEN)] == [draft.rpartition("/")[2]]
    dan.get_by_role("link", name="Send in two steps").click()
    dan.get_by_role("button", name="Yes, send it now").click()
    dan.wait_for_url("**/console/alerts/*")
    (sent,) = night.published()
    assert (sent.phase, sent.areas) == ("act", ("UA-30",))
    assert check(sent.cap.encode()).fit
    assert "metro" not in sent.cap

    # Ben wakes up: it is open on his first page, and closed by what he says.
    (due,) = night.office.building.entries(REVIEW_DUE)
    assert b"Nobody answers" in due.body
    ben = night.ben
    ben.goto(night.url + "/console/")
    expect(ben.get_by_role("heading", name="Done alone, to be reviewed")).to_be_visible()
    ben.get_by_role("link", name=f"Open {draft.rpartition('/')[2]}").click()
    expect(ben.get_by_role("heading", name="Review", exact=True)).to_be_visible()
    expect(ben.locator(".words .said").first).to_contain_text("Kyiv City")
    expect(ben.get_by_text("It cannot be sent as it stands")).to_be_hidden()
    dan.goto(draft)
    expect(dan.get_by_text("Somebody else with the right to approve reviews it.")).to_be_visible()
    look(ben, pictures, "review-open")
    ben.get_by_label("What did you find?").fill("It was right, and I should have had my phone on.")
    ben.get_by_role("button", name="It is reviewed").click()
    expect(ben.get_by_text("Reviewed by Ben Adler:")).to_be_visible()
    (done,) = night.office.building.entries(REVIEW_DONE)
    assert done.subject == due.subject
    ben.goto(night.url + "/console/")
    expect(ben.get_by_role("heading", name="Done alone, to be reviewed")).to_be_hidden()


class Keys:
    """Hands that have a keyboard and nothing else; whatever has the focus can be seen to have it."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def to(self, selector: str, most: int = 140) -> None:
        """Tab on until what ``selector`` names has the focus."""
        for _ in range(most):
            self.page.keyboard.press("Tab")
            if self.page.evaluate("name => document.activeElement.matches(name)", selector):
                outline = self.page.evaluate(
                    "() => { const e = document.activeElement, s = getComputedStyle(e),"
                    " n = e.nextElementSibling && e.matches('input') ? getComputedStyle(e.nextElementSibling) : s;"
                    " return [s.outlineStyle, n.outlineStyle] }"
                )
                assert set(outline) != {"none"}, f"nobody sees that {selector} has the focus"
                return
        raise AssertionError(f"the keyboard does not come to {selector}")

    def press(self, selector: str, key: str = "Enter") -> None:
        """Go to it and press ``key``."""
        self.to(selector)
        self.page.keyboard.press(key)

    def wait(self, glob: str) -> None:
        """Wait until a page is there."""
        self.page.wait_for_url(glob)


def test_the_whole_way_by_keyboard(night: Night) -> None:
    """Compose, propose, approve, send and take back with Tab, Enter, Space and letters; no mouse, no touch."""
    dan, ben = Keys(night.dan), Keys(night.ben)
    night.dan.goto(night.url + "/console/")
    dan.press('button[name="phase"][value="act"]')
    dan.wait("**/console/drafts/*")
    draft = night.dan.url.partition("#")[0]
    # A group of choices has one place in the order of tabs; the arrows choose in it.
    dan.to('input[name="hazard"]')
    night.saved(lambda: night.dan.keyboard.press("Space"))
    expect(night.dan.get_by_role("radio", name="Air alert", exact=True)).to_be_checked()
    dan.to('input[name="q"]')
    night.dan.keyboard.type("UA-30")
    expect(night.dan.locator("#found button").first).to_be_visible()
    dan.press("#found button")
    expect(night.dan.locator(".tags")).to_contain_text("Kyiv City")
    dan.to('input[name="reason.wide"]')
    night.saved(lambda: night.dan.keyboard.type("Kyiv City"))
    expect(night.dan.locator('button[value="propose"]')).to_be_enabled()
    dan.press('button[value="propose"]')
    expect(night.dan.get_by_text("You wrote this")).to_be_visible()

    night.ben.goto(night.url + "/console/")
    ben.press(f'a.main[href="{draft.removeprefix(night.url)}"]')
    ben.wait("**/console/drafts/*")
    ben.press('form[data-proof="approve"].yes button')
    expect(night.ben.get_by_text("Approved by")).to_be_visible()

    night.dan.goto(draft)
    dan.press("a.two")
    dan.wait("**send=1")
    dan.press("button[data-second]")
    dan.wait("**/console/alerts/*")
    dan.press("a.retract")
    dan.wait("**retract=1")
    dan.press('form[data-proof="retract"] button')
    # An alert that somebody else approved is still one's own: it is taken back at once.
    dan.wait("**.2")
    first, second = night.published()
    assert (first.phase, second.phase) == ("act", "retracted")
    assert read(second.cap.encode()).alerts[0].infos[0].description.startswith("You are safe.")


@pytest.mark.parametrize("language", ["en", "uk", "de", "fr"])
def test_an_alert_and_its_retraction_are_accessible(night: Night, language: str, pictures: Album) -> None:
    """The live page with receipts coming in, the question before taking back, and what stands after it: no fault in axe."""
    dan = night.dan
    night.act_for_kyiv()
    dan.get_by_role("button", name="Ask for approval").click()
    expect(dan.get_by_text("You wrote this")).to_be_visible()
    night.office.building.clock.turn(121)
    dan.reload()
    alone(dan, "Kyiv")
    dan.get_by_role("link", name="Send in two steps").click()
    dan.get_by_role("button", name="Yes, send it now").click()
    dan.wait_for_url("**/console/alerts/*")
    night.office.building.house.dispatch = courier()
    address = dan.url.partition("?")[0]
    dan.goto(f"{address}?lang={language}")
    expect(dan.locator("html")).to_have_attribute("lang", language)
    expect(dan.locator("svg.curve")).to_be_visible()
    look(dan, pictures, f"alert-{language}")
    dan.goto(f"{address}?retract=1&lang={language}")
    expect(dan.locator(".ask.retracted")).to_be_visible()
    look(dan, pictures, f"alert-retract-{language}")
    dan.locator('form[data-proof="retract"] button').click()
    dan.wait_for_url("**.2")
    look(dan, pictures, f"alert-retracted-{language}")


def courier() -> SimpleNamespace:
    """Stands for the dispatch, in the middle of sending."""
    spot = SimpleNamespace

    def levels(of: int, accepted: int, shown: int = 0, failed: int = 0) -> SimpleNamespace:
        waiting = of - accepted - failed
        return spot(of=of, accepted=accepted, shown=shown, answered=shown // 9, failed=failed, waiting=waiting, held=0)

    def run(*points: tuple[float, int]) -> tuple[SimpleNamespace, ...]:
        return tuple(spot(seconds=seconds, accepted=count, shown=0, answered=0) for seconds, count in points)

    standing = spot(
        people=61_400,
        reached=52_100,
        settled=False,
        silent=("sms/North",),
        channels=(
            spot(channel="mail", levels=levels(9_000, 6_100, 900, 40), silent=False),
            spot(channel="sms", levels=levels(4_000, 0), silent=True),
            spot(channel="webpush", levels=levels(48_000, 46_000, 31_000, 700), silent=False),
        ),
        areas=(
            spot(area="UA-30", levels=levels(57_000, 52_100), next_channel=""),
            spot(area="UA-32", levels=levels(4_400, 0), next_channel="voice"),
        ),
        curves={
            "webpush": run((0.3, 4_000), (0.8, 22_000), (1.5, 38_000), (3.0, 44_000), (20.0, 46_000)),
            "mail": run((2.0, 400), (10.0, 2_900), (40.0, 6_100)),
        },
    )
    return spot(standing=lambda alert="", *, areas=False: standing)

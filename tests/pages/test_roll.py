"""Roll calls in a real browser: one tap on a phone with and without a connection, and every page looked at."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.contracts.channels.pushservice import Device
from tests.contracts.roll.conftest import Mission
from tests.contracts.roll.conftest import furnish as furnish_rolls
from tests.contracts.web.console.conftest import Office
from tests.contracts.web.console.desk import furnish
from tests.pages.conftest import Album, Server
from tests.pages.test_signin import enrol_by_passkey, look, person, serve
from tocsin.account.answer import How, Means, Says
from tocsin.account.facility import FacilityState, Offer, Reason, Status
from tocsin.account.rollcall import RollCall, State
from tocsin.reach.subscription import Subscription, Wish
from tocsin.store.vapid import VapidKey
from tocsin.warn import enrolment
from tocsin.warn.person import Role
from tocsin.web.arrival import Arriving, arrive
from tocsin.web.console import enrol
from tocsin.web.site import create


def apart(work: Coroutine[Any, Any, Any]) -> None:
    """Run ``work`` in a thread of its own: the browser's driver has this one's event loop."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result()


class Night:
    """An embassy's roll call under way, somebody at the desk, and a phone."""

    def __init__(self, browser: Browser, office: Office, server: Server, folder: Path) -> None:
        self.office, self.url, self.browser = office, server.url, browser
        self.mission: Mission = furnish_rolls(office.building, folder)
        self.mission.take_in()
        furnish(office)
        # The pages in the hand have a script and stand beside the console, so the whole site is served.
        server.stop()
        server.app = create(office.building.house)
        server.start()
        office.building.hear()
        clock = office.building.clock
        self.call: RollCall = self.mission.rolls.start("Night of 20 November", "p1")
        apart(self.mission.asking.once())
        clock.turn(120)
        self.say("3", Says.HELP)
        self.say("5", Says.SAFE, Means.PROXY)
        now = clock.now()
        state = FacilityState(
            "Embassy in Kyiv", "UA-30", Status.CLOSED, now, now + timedelta(hours=4), (Offer.EMERGENCY,),
            "+380 44 123 45 67", Reason.THREAT, "", "p1",
        )  # fmt: skip
        self.mission.rolls.set_facility("kyiv", state)
        late = FacilityState("Consulate in Lviv", "UA-46", Status.OPEN, now, now + timedelta(minutes=1), by="p1")
        self.mission.rolls.set_facility("lviv", late)
        clock.turn(120)

    def say(self, key: str, says: Says, means: Means = Means.LINK) -> None:
        """Have somebody answer."""
        proxy = {"by": self.mission.seat(self.call, "4"), "how": How.SEEN} if means is Means.PROXY else {}
        rolls, seat = self.mission.rolls, self.mission.seat(self.call, key)
        apart(rolls.answer(self.call, seat, says, means=means, **proxy))  # type: ignore[arg-type]

    def set_up_the_app(self, page: Page) -> Subscription:
        """As if the app on this phone were set up for warnings."""
        wish = Wish("webpush", "https://push.example/x", areas=("UA-30",), kept=("a secret", Device().secret))
        one: Subscription = self.office.building.house.subscriptions.make(wish)
        page.evaluate(
            "async (one) => (await import('/static/app/keep.js')).keep('subscription', one)",
            {"id": one.id, "secret": "a secret"},
        )
        page.reload()
        return one

    def name_a_device(self) -> None:
        """As if the person at the desk were called on a telephone of theirs."""
        office, identity = self.office, self.office.identity
        office.building.house.vapid = VapidKey(identity.data / "keys", "exercise")  # type: ignore[operator]
        (who,) = [one.id for one in identity.people if Role.ADMINISTRATOR in one.roles]
        made = enrolment.Device("d1", who, "Night phone", "https://push.example/y", Device().secret, identity.now())
        identity.book.add_device(made, [])

    def desk(self) -> Page:
        """Somebody with every right, signed in."""
        address = enrol.invite(self.office.identity, tuple(Role), enrol.OPERATOR).address
        page = person(self.browser)
        enrol_by_passkey(page, address, "Anna Koval", "anna@example.org")
        return page


@pytest.fixture
def night(browser: Browser, tmp_path: Path) -> Iterator[Night]:
    """The night, in the exercise realm, which has one thing more on each page."""
    for office, server in serve(tmp_path, "exercise"):
        yield Night(browser, office, server, tmp_path)


@pytest.mark.parametrize("language", ["en", "uk", "de", "fr"])
def test_every_page_of_the_desk_is_accessible(night: Night, language: str, pictures: Album) -> None:
    """No page has a fault that axe finds, scrolls sideways, or has a target too small, in light and dark."""
    page = night.desk()
    night.name_a_device()
    apart(arrive(night.mission.rolls, night.call.id, Arriving(name="Late Larry", zone="Gate"), "p1"))
    for name, path in {
        "rollcalls": "/console/rollcalls",
        "rollcall": f"/console/rollcalls/{night.call.id}",
        "account": "/console/account",
        "rollsheet": f"/console/rollcalls/{night.call.id}/sheet",
        "roster": "/console/roster?zone=Floor+2",
        "facilities": "/console/facilities",
    }.items():
        joint = "&" if "?" in path else "?"
        reached = page.goto(f"{night.url}{path}{joint}lang={language}")
        assert reached is not None
        assert reached.status == 200, name
        expect(page.locator("html")).to_have_attribute("lang", language)
        if name == "rollcall":
            page.locator("section[aria-labelledby=late-h] summary").click()
        look(page, pictures, f"{name}-{language}")


def test_the_desk_answers_for_somebody_and_closes(night: Night) -> None:
    """From the list a proxy answer takes two choices and a button; the big number falls; closing is one button."""
    page = night.desk()
    page.goto(f"{night.url}/console/rollcalls/{night.call.id}")
    expect(page.locator(".bignum.missing b")).to_have_text("3")
    row = page.locator(".persons li", has_text="Olena Kovalenko")
    row.locator("summary").click()
    row.get_by_label("How do you know?").select_option("radio")
    row.get_by_role("button", name="Note it").click()
    expect(page.locator(".bignum.missing b")).to_have_text("2")
    assert night.call.state(night.mission.seat(night.call, "1")) is State.PROXY
    night.say("2", Says.SAFE)
    expect(page.locator(".bignum.missing b")).to_have_text("1", timeout=8000)
    page.get_by_role("button", name="Close the roll call").click()
    expect(page.get_by_text("closed", exact=True)).to_be_visible()
    assert not night.call.open


def test_who_comes_late_is_added_at_the_desk(night: Night) -> None:
    """Four fields and a button: they stand in the list, the number says that one came later, and the next look asks them."""
    page = night.desk()
    page.goto(f"{night.url}/console/rollcalls/{night.call.id}")
    page.get_by_text("Not on the roster").click()
    page.get_by_label("Name").fill("Late Larry")
    page.locator("#late-zone").fill("Gate")
    page.locator("#late-sms").fill("+380 44 111 00 09")
    page.get_by_role("button", name="Add and ask").click()
    expect(page.locator(".persons li", has_text="Late Larry")).to_contain_text("Gate")
    expect(page.locator(".bignum.missing")).to_contain_text("of 6 · 1 added later")
    apart(night.mission.asking.once())
    assert "+380441110009" in [to for to, _, _ in night.mission.sms.told]
    page.get_by_label("Their own key").fill("nobody")
    page.get_by_role("button", name="Add from the roster").click()
    expect(page.get_by_text("nobody on the roster has exactly this key")).to_be_visible()


def test_an_app_is_joined_by_one_press_and_left_by_another(night: Night) -> None:
    """Where the app is set up its person may be asked there as well, by their own press; elsewhere nothing is offered."""
    page, member = person(night.browser, "phone"), night.mission.member("1")
    page.goto(f"{night.url}/a/{night.mission.link(night.call, '1')}")
    expect(page.locator("h1")).to_be_visible()
    expect(page.locator("#device")).to_be_hidden()
    one = night.set_up_the_app(page)
    page.get_by_role("button", name="Ask me here as well").click()
    expect(page.locator("#device-told")).to_contain_text("From the next question on")
    expect(page.get_by_role("button", name="Do not ask me here any more")).to_be_focused()
    assert night.mission.rolls.roster.devices([member]) == {member: (one.id,)}
    page.reload()
    page.get_by_role("button", name="Do not ask me here any more").click()
    expect(page.locator("#device-told")).to_contain_text("not asked here any more")
    assert not night.mission.rolls.roster.devices([member])


def test_a_sheet_is_shown_before_it_is_taken_in(night: Night) -> None:
    """What is pasted is first read and told, with its faults, and nothing is changed until it is taken in."""
    page = night.desk()
    page.goto(night.url + "/console/roster")
    page.get_by_label("The table as CSV").fill(
        "id,name,zone,phone,type,until\n9,Vera Visitor,Floor 2,+380441110009,visitor,2024-11-30\n8,,Floor 2,,visitor,\n"
    )
    page.get_by_role("button", name="Read and show").click()
    expect(page.get_by_text("roster.no-name")).to_be_visible()
    expect(page.get_by_text("1 new, 0 changed")).to_be_visible()
    assert night.mission.rolls.roster.find("9") == []
    page.get_by_role("button", name="Take it in").click()
    page.wait_for_url("**/console/roster")
    assert len(night.mission.rolls.roster.find("9")) == 1
    assert len(night.mission.rolls.roster.find("1")) == 1, "a sheet of visitors says nothing of the staff"


def test_a_facility_is_set_and_overdue_is_said(night: Night) -> None:
    """The overdue one stands first and is not called open; setting it anew makes it what it is."""
    page = night.desk()
    page.goto(night.url + "/console/facilities")
    first = page.locator("section.facility").first
    expect(first).to_contain_text("Consulate in Lviv")
    expect(first).to_contain_text("the review is overdue")
    first.get_by_label("Status").select_option("limited")
    first.get_by_role("button", name="Set").click()
    expect(page.locator("section.facility", has_text="Lviv").locator(".figure")).to_have_text("Limited")


@pytest.mark.parametrize("language", ["en", "uk", "de", "fr"])
def test_pages_in_the_hand_are_accessible(night: Night, language: str, pictures: Album) -> None:
    """The answer's page, a family's, a warden's and the facilities' are as accessible as any, in every language."""
    rolls, call = night.mission.rolls, night.call
    page = person(night.browser, "phone")
    night.say("1", Says.SAFE)
    token = night.mission.link(call, "1")
    family = rolls.book.make_family(call.id, night.mission.seat(call, "1"), night.mission.member("1"))
    warden = f"{night.url}/w/{night.mission.link(call, '4', 'warden')}?lang={language}"
    for name, path in {
        "answer-open": f"/a/{night.mission.link(call, '2')}",
        "answer-given": f"/a/{token}",
        "family": f"/f/{family}",
        "facilities-public": "/facilities",
    }.items():
        page.goto(f"{night.url}{path}?lang={language}")
        expect(page.locator("html")).to_have_attribute("lang", language)
        if name == "answer-open":
            night.set_up_the_app(page)
            expect(page.locator("#device-join")).to_be_visible()
        look(page, pictures, f"{name}-{language}")
    page.goto(warden)
    look(page, pictures, f"warden-closed-{language}")
    page.locator("button[name=open]").click()
    page.wait_for_load_state()
    expect(page.get_by_text("Ann Field").first).to_be_visible()
    look(page, pictures, f"warden-{language}")


def test_a_tap_without_a_connection_is_kept_and_sent(night: Night) -> None:
    """A tap without a network is said to be kept, is sent by itself when it is back, and has the time of the tap."""
    page = person(night.browser, "phone")
    page.goto(f"{night.url}/a/{night.mission.link(night.call, '1')}")
    page.context.set_offline(True)
    page.get_by_role("button", name="I am safe").click()
    expect(page.locator("#told")).to_contain_text("kept on this phone")
    seat = night.mission.seat(night.call, "1")
    assert night.call.state(seat) is not State.SAFE
    night.office.building.clock.turn(3)
    page.context.set_offline(False)
    expect(page.get_by_role("status").filter(has_text="Your answer: I am safe")).to_be_visible(timeout=15000)
    assert night.call.state(seat) is State.SAFE
    assert page.evaluate("localStorage.length") == 0


def test_one_tap_without_a_script(night: Night) -> None:
    """Without JavaScript the button is a form, and one tap is enough."""
    context = night.browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{night.url}/a/{night.mission.link(night.call, '2')}")
    page.get_by_role("button", name="I need help").click()
    expect(page.get_by_text("Your answer: I need help")).to_be_visible()
    assert night.call.state(night.mission.seat(night.call, "2")) is State.HELP
    context.close()

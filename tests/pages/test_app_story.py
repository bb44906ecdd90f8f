"""A night with a phone in the hand: warned, without a network, in a shelter, answered, and told that it is over."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.contracts.roll.conftest import Mission, furnish
from tests.contracts.web.conftest import Building
from tests.pages.conftest import Album
from tests.pages.conftest import chromium as browser
from tests.pages.test_app import PHONE, Waker, notice, ready
from tests.pages.test_house import Streaming
from tests.pages.test_look import AXE, violations
from tests.pages.test_shelters import LISTED
from tocsin.account.rollcall import State
from tocsin.account.shelter_import import ShelterFile
from tocsin.account.shelters import Shelters
from tocsin.reach.bulletin import Bulletin
from tocsin.reach.channel import ACCEPTED, Outcome
from tocsin.reach.delivery import Delivery
from tocsin.reach.letter import Letters
from tocsin.reach.notice import notice as noticed
from tocsin.store.shelters import SqlShelters
from tocsin.store.vapid import VapidKey

__all__ = ["browser"]

PUSH = """
  const keys = { p256dh: "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
    auth: "BTBZMqHH6r4Tts7J_aSIgg" };
  const address = () => localStorage.getItem("push-address") || "https://push.example.org/first";
  const given = () => localStorage.getItem("push-given");
  const made = { toJSON: () => ({ endpoint: address(), keys }), unsubscribe: async () => !localStorage.removeItem("push-given") };
  if (self.PushManager) {
    PushManager.prototype.subscribe = async () => (localStorage.setItem("push-given", "1"), made);
    PushManager.prototype.getSubscription = async () => (given() ? made : null);
  }"""
"""A push service for a browser that has none: what it gives outlives the page, as a real one's does."""


@dataclass
class Wire:
    """A channel that notes what it is to send."""

    sent: list[Delivery] = field(default_factory=list)
    name: str = "webpush"

    async def send(self, batch: Any) -> list[Outcome]:
        """Note it."""
        self.sent.extend(batch)
        return [ACCEPTED for _ in batch]


@dataclass
class Ledger:
    """Where receipts arrive."""

    lanes: dict[str, Any]
    audience: Any = None
    brought: list[tuple[str, str, str]] = field(default_factory=list)

    async def receive(self, alert: str, subscription: str, level: Any) -> bool:
        """Note one."""
        self.brought.append((alert, subscription, str(level.value)))
        return True

    def standing(self) -> dict[str, dict[str, int]]:
        """Nothing is under way."""
        return {}


class Town:
    """A house with shelters, a roll, a subscription's letters, and a phone."""

    def __init__(self, browser: Browser, folder: Path, **context: Any) -> None:
        self.building = Building(folder, writes_per_second=1e6)
        house = self.building.house
        shelters = Shelters(SqlShelters(self.building.store, folder / "keys", "actual"), self.building.clock, "actual")
        shelters.take(ShelterFile("city", LISTED, False, "d"), {})
        house.shelters = shelters
        house.vapid = VapidKey(house.data, "actual")
        self.mission: Mission = furnish(self.building, folder)
        self.mission.take_in()
        self.ledger = house.dispatch = Ledger(house.dispatch.lanes)
        self.wire, subscribers = Wire(), house.subscriptions
        house.letters = Letters(
            subscribers, subscribers.book, {"webpush": self.wire}, self.building.store, house.clock, sender="Office"
        )
        self.building.hear()
        self.server = Streaming(self.building)
        self.context: BrowserContext = browser.new_context(
            viewport=PHONE,
            base_url=self.server.base,
            permissions=["notifications", "geolocation"],
            geolocation={"latitude": 50.4471, "longitude": 30.5301},
            locale="en-GB",
            has_touch=True,
            **context,
        )
        self.context.add_init_script(PUSH)

    def close(self) -> None:
        """End it all."""
        self.context.close()
        self.server.stop()
        self.building.store.close()

    def subscribed(self, path: str = "/app?place=UA-30") -> Page:
        """The app, on a phone that is warned."""
        page = ready(self.context, path)
        page.get_by_role("button", name="Warn me about my places").click()
        expect(page.locator("#since")).to_contain_text("This phone is warned since")
        return page

    @property
    def only(self) -> Any:
        """The one subscription there is."""
        roll = self.building.house.subscriptions.roll
        assert len(roll) == 1
        (entry,) = [e.subject for e in self.building.entries("subscription:made") if roll.number(e.subject) is not None]
        return self.building.house.subscriptions.get(entry)

    def wait(self, until: Any, page: Page) -> None:
        """Wait until the server has seen something."""
        for _ in range(400):
            if until():
                return
            page.wait_for_timeout(25)
        raise AssertionError("it never came")


@pytest.fixture
def town(browser: Browser, tmp_path: Path) -> Iterator[Town]:
    """The town."""
    made = Town(browser, tmp_path)
    yield made
    made.close()


def test_the_whole_night(town: Town, pictures: Album) -> None:
    """Subscribed, woken, unknown without a network, the shelter found, "I am safe" kept and sent once, the end seen."""
    building, context = town.building, town.context
    page = town.subscribed()
    page.goto("/shelters?place=UA-30&lang=en")
    page.get_by_role("button", name="Show the nearest to me").click()
    expect(page.locator(".near .away").first).to_contain_text("min on foot")
    chosen = page.locator(".near .name").first.inner_text()
    page.get_by_role("button", name="My shelter").first.click()
    page.goto("/app?lang=en")
    expect(page.locator("#mine-says")).to_contain_text(chosen)
    waker = Waker(context, page)

    first = building.publish("act", event_id="night")
    waker.push(**notice(identifier=first.identifier))
    assert waker.shown(lambda all: len(all) == 1)[0]["title"] == "Go to a shelter now."
    expect(page.locator(".place")).to_have_attribute("data-phase", "act")
    expect(page.locator("#now .mine")).to_contain_text(chosen)
    town.wait(lambda: (first.identifier, town.only.id, "shown") in town.ledger.brought, page)
    page.goto("/at/UA-30?lang=en")
    expect(page.locator("#main .mine")).to_contain_text(chosen)
    pictures.take(page, "app-story-act")

    call = town.mission.rolls.start("Night of 20 November", "p1")
    building.take_in()
    seat = town.mission.seat(call, "1")
    context.set_offline(True)
    page.goto("/at/UA-30?lang=en", wait_until="load")
    expect(page.locator("body")).to_have_attribute("data-phase", "unknown")
    expect(page.locator("#main .mine")).to_contain_text(chosen)
    pictures.take(page, "app-story-unknown")
    page.goto("/shelters?place=UA-30&lang=en", wait_until="load")
    expect(page.locator("#age")).to_contain_text("No network. This list is what the phone kept on 20 Nov 2024")
    page.get_by_role("button", name="Show the nearest to me").click()
    expect(page.locator(".near .name").first).to_have_text(chosen)
    pictures.take(page, "app-story-shelters")
    page.goto(f"/a/{town.mission.link(call, '1')}", wait_until="load")
    page.get_by_role("button", name="I am safe").click()
    expect(page.locator("#told")).to_contain_text("kept on this phone")
    pictures.take(page, "app-story-waiting")
    page.goto("/app?lang=en", wait_until="load")
    expect(page.locator("#answers")).to_contain_text("I am safe")
    expect(page.locator("#answers")).to_contain_text("waits for a network")
    expect(page.locator(".place")).to_have_attribute("data-phase", "unknown")
    pictures.take(page, "app-story-waits")
    assert call.state(seat) is not State.SAFE

    building.clock.turn(1)
    context.set_offline(False)
    expect(page.locator("#answers li")).to_have_attribute("data-fate", "sent", timeout=15000)
    assert call.state(seat) is State.SAFE
    assert len(building.entries("answer:given")) == 1

    building.publish("all-clear", event_id="night", version=2, headline="It is over.")
    waker.push(**notice("all-clear", 2))
    waker.shown(lambda all: [one["title"] for one in all] == ["It is over."])
    expect(page.locator(".place")).to_have_attribute("data-phase", "all-clear")
    expect(page.locator("#now .mine")).to_have_count(0)
    pictures.take(page, "app-story-over")


def test_a_change_is_put_and_a_new_push_address_replaces_the_old(town: Town) -> None:
    """Loudness by place reaches the server under the same subscription; another address ends the one before."""
    page = town.subscribed()
    before = town.only
    assert [(one.level, one.place, one.phases) for one in before.loudness] == [
        ("loud", "area:UA-30", ("act", "hold", "retracted")),
        ("ordinary", "area:UA-30", ("prepare",)),
        ("ordinary", "area:UA-30", ("all-clear",)),
    ]
    page.locator(".place summary").click()
    page.locator(".place select[name=prepare]").select_option("silent")
    town.wait(lambda: [one.level for one in town.only.loudness] == ["loud", "silent", "ordinary"], page)
    assert town.only.id == before.id
    page.evaluate("localStorage.setItem('push-address', 'https://push.example.org/second')")
    page.evaluate(f"import('/static/app/keep.js').then(({{ keep }}) => keep('joined', '{before.id}'))")
    page.reload()
    town.wait(lambda: len(town.building.entries("subscription:ended")) == 1, page)
    assert town.only.id != before.id
    assert page.evaluate("import('/static/app/keep.js').then(({ one }) => one('joined'))") == town.only.id
    assert town.building.house.subscriptions.book.find("webpush", "https://push.example.org/second")


def test_waking_is_proved_with_a_date_and_asked_for_again(town: Town) -> None:
    """The test that the server sends proves it, in the form in which it comes; after 30 days it is old, and said to be."""
    page = town.subscribed()
    town.wait(lambda: len(town.wire.sent) == 1, page)
    town.building.clock.turn(60)
    waker = Waker(town.context, page)
    expect(page.locator("#proved")).to_contain_text("Not yet proved")
    page.get_by_role("button", name="Prove that it works").click()
    town.wait(lambda: len(town.wire.sent) == 2, page)
    told = msgspec.json.decode(town.wire.sent[-1].body, type=Bulletin)
    waker.push(**json.loads(noticed(told, ["en"])))
    expect(page.locator("#proved")).to_contain_text("Woken by a test on")
    expect(page.locator("#proved")).to_contain_text("It took")
    shown = waker.shown(lambda all: len(all) == 1)
    assert (shown[0]["tag"], shown[0]["title"]) == ("test", "Test: this phone can be woken")
    page.evaluate(
        """async () => { const { keep } = await import("/static/app/keep.js");
        await keep("proof", { at: Date.now() - 31 * 86400000, took: 900 }); }"""
    )
    page.reload()
    expect(page.locator("#proved")).to_contain_text("is over 30 days old")


def test_stream_poll_and_push_are_one_gate(town: Town) -> None:
    """What the open page heard on the stream does not sound again by push, and the step is shown at once."""
    town.context.add_init_script(
        """let held = 0;
        const release = async () => { held -= 1; };
        WakeLock.prototype.request = async () => (held += 1, { released: false, release });
        Object.defineProperty(navigator, "held", { get: () => held });"""
    )
    page = ready(town.context)
    expect(page.locator(".place")).to_have_attribute("data-phase", "calm")
    made = town.building.publish("act", event_id="night")
    expect(page.locator(".place")).to_have_attribute("data-phase", "act", timeout=8000)
    waker = Waker(town.context, page)
    waker.push(**notice(identifier=made.identifier))
    (shown,) = waker.shown(lambda all: len(all) == 1 and all[0]["silent"])
    assert shown["tag"] == "night"
    keep = page.get_by_role("button", name="Keep the screen on")
    keep.click()
    expect(keep).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("navigator.held") == 1
    town.building.publish("all-clear", event_id="night", version=2, headline="It is over.")
    expect(keep).to_be_hidden(timeout=8000)
    assert page.evaluate("navigator.held") == 0, "nobody's screen stays on when it is over"


def test_whose_word_it_is(town: Town) -> None:
    """A right signature is said with its key; a changed byte is found; a wrong sign of life leaves nothing but unknown."""
    page = ready(town.context)
    expect(page.locator("#signature")).to_contain_text("Signed with the sender’s key")
    found = page.evaluate(
        """async () => {
          const { heartbeat } = await import("/static/app/signed.js");
          const { Places } = await import("/static/app/places.js");
          const head = await (await fetch("/v1/journal/head")).json();
          const plain = atob(head.payload.replace(/-/g, "+").replace(/_/g, "/"));
          const bad = { ...head, payload: btoa(plain.replace("2024", "2025")) };
          const places = new Places({ language: "en", beat: 30000, realm: "actual", words: {}, say: { changed() {} } });
          places.states.set("UA-30", { phase: "calm", alerts: [] });
          places.contact.set("UA-30", Date.now());
          const before = places.standing({ code: "UA-30" }).phase;
          await places.beatOf(bad);
          return [(await heartbeat(head, "actual")).good, (await heartbeat(bad, "actual")).good,
            (await heartbeat(head, "exercise")).good, before, places.standing({ code: "UA-30" }).phase];
        }"""
    )
    assert found == [True, False, False, "calm", "unknown"]


def test_is_this_real(town: Town) -> None:
    """Our words, an alert's code, foreign words, a foreign link beside our words, and no network: each has its answer."""
    made = town.building.publish("act", event_id="night", headline="Air alert in Kyiv. Go to a shelter now.")
    page = ready(town.context)
    base = town.server.base
    for text, answer in (
        ("FWD: Air alert in Kyiv. Go to a shelter NOW!!", "ours"),
        (f"see {base}/alerts/{made.identifier}.xml", "ours"),
        (f"{base}/alerts/tocsin.other-1.xml Air alert in Kyiv. Go to a shelter now.", "none"),
        ("The dam has broken, everybody run to the hills", "none"),
        ("Air alert in Kyiv. Go to a shelter now. https://tocsin.example.net/map", "elsewhere"),
        ("Air alert in Kyiv. Go to a shelter now. bit.ly/x1", "elsewhere"),
    ):
        page.get_by_label("Message, link or code").fill(text)
        page.get_by_role("button", name="Check").click()
        expect(page.locator("#real-says"), text).to_have_attribute("data-answer", answer)
        page.evaluate("document.getElementById('real-says').dataset.answer = ''")
    town.context.set_offline(True)
    page.get_by_label("Message, link or code").fill("Air alert in Kyiv. Go to a shelter now.")
    page.get_by_role("button", name="Check").click()
    expect(page.locator("#real-says")).to_have_attribute("data-answer", "cannot")


def test_a_link_that_is_opened_without_a_network_can_be_answered(town: Town) -> None:
    """The question stands there without a network, by the link alone; two taps come in order and each once."""
    page = ready(town.context)
    call = town.mission.rolls.start("Night of 20 November", "p1")
    seat = town.mission.seat(call, "1")
    town.context.set_offline(True)
    page.goto(f"/a/{town.mission.link(call, '1')}", wait_until="load")
    page.evaluate(AXE)
    assert violations(page) == []
    page.get_by_role("button", name="I need help").click()
    expect(page.locator("#told")).to_contain_text("kept on this phone")
    page.wait_for_timeout(50)
    page.get_by_role("button", name="I am safe").click()
    page.wait_for_timeout(400)
    town.building.clock.turn(5)
    town.context.set_offline(False)
    expect(page.get_by_text("Your answer: I am safe")).to_be_visible(timeout=15000)
    assert call.state(seat) is State.SAFE
    assert len(town.building.entries("answer:given")) == 2
    left = page.evaluate(
        """async () => { const { all } = await import("/static/app/keep.js");
        return (await all("answers")).map((one) => [one.token, one.body, Boolean(one.sent)]); }"""
    )
    assert left == [["", "", True], ["", "", True]]


def test_a_package_that_is_signed_wrongly_is_not_shown(town: Town) -> None:
    """A list of shelters in which one byte was changed on the way is not used, and the page says why."""
    page = ready(town.context)

    def changed(route: Any) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text().replace("School 15", "School 99"))

    page.goto("/shelters?place=UA-30&lang=en")
    page.evaluate("navigator.serviceWorker.getRegistration().then((one) => one.unregister())")
    town.context.route("**/v1/shelters/offline/**", changed)
    page.goto("/shelters?place=UA-30&lang=en")
    page.get_by_role("button", name="Show the nearest to me").click()
    expect(page.locator("#said")).to_have_text("The signature of this list is wrong, so it is not used.")
    assert "School 99" not in page.inner_text("main")


def test_receipts_wait_for_a_network(town: Town) -> None:
    """That a message was shown is told once; without a network it waits on the phone and goes with the next occasion."""
    page = town.subscribed()
    waker = Waker(town.context, page)
    town.context.set_offline(True)
    for _ in range(3):
        waker.push(**notice())
    waker.shown(lambda all: len(all) == 1)
    kept = "async () => { const { all } = await import('/static/app/keep.js'); return (await all('receipts')).length; }"
    town.wait(lambda: page.evaluate(kept) == 1, page)
    assert town.ledger.brought == []
    town.context.set_offline(False)
    town.wait(lambda: page.evaluate(kept) == 0, page)
    assert town.ledger.brought == [("tocsin.night-1", town.only.id, "shown")]


def test_no_position_and_nothing_too_large_is_kept(town: Town) -> None:
    """A page of shelters asked for around a point is not kept; a place's own is, and never stands for another place."""
    page = ready(town.context)
    page.goto("/shelters?place=UA-30&point=50.4471,30.5301&lang=en")
    page.goto("/shelters?place=UA-30&lang=en")
    expect(page.locator("h1")).to_be_visible()
    names = page.evaluate(
        "async () => (await (await caches.open('pages')).keys()).map((one) => one.url).filter((one) => one.includes('shelters'))"
    )
    assert names == [f"{town.server.base}/shelters?place=UA-30&lang=en"]
    town.context.set_offline(True)
    page.goto("/shelters?place=UA-63", wait_until="load")
    expect(page.locator("h1")).to_have_text("No contact, and nothing kept of this page.")

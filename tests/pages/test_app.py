"""The page as an app, on a phone: kept, woken, honest without a network, and never louder than it may be."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, expect

from tests.contracts.web.conftest import Server, building, drill, server
from tests.pages.conftest import chromium as browser
from tests.pages.test_look import AXE, BROKEN, violations
from tocsin.store.vapid import VapidKey

__all__ = ["browser", "building", "drill", "server"]

PHONE = {"width": 390, "height": 844}


@pytest.fixture
def phone(browser: Browser, server: Server) -> Iterator[BrowserContext]:
    """A phone that allows notifications."""
    server.house.vapid = VapidKey(server.building.house.data, "actual")
    context = browser.new_context(
        viewport=PHONE, base_url=server.base, permissions=["notifications"], locale="en-GB", has_touch=True
    )
    yield context
    context.close()


def ready(context: BrowserContext, path: str = "/app?place=UA-30") -> Page:
    """A page whose worker is active and in charge."""
    page = context.new_page()
    page.goto(path)
    in_charge(page)
    # What comes before the place is watched is for nobody here.
    expect(page.locator(".place").first).to_be_visible(timeout=15000)
    return page


def in_charge(page: Page) -> None:
    """Wait until the worker is in charge of a page.

    A page that was on its way while the worker took charge of all there were may be missed; it is in charge of the next.
    """
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    for _ in range(100):
        if page.evaluate("Boolean(navigator.serviceWorker.controller)"):
            return
        page.wait_for_timeout(20)
    page.reload()
    assert page.evaluate("Boolean(navigator.serviceWorker.controller)")


WATCHED = """
  self.shownSoFar = self.showing = 0;
  self.reading = null;
  const show = ServiceWorkerRegistration.prototype.showNotification;
  ServiceWorkerRegistration.prototype.showNotification = async function (...told) {
    await self.reading;
    self.showing += 1;
    await show.apply(this, told).finally(() => (self.showing -= 1));
    self.shownSoFar += 1;
  };
"""
LIST = """async () => {
  if (self.showing) return [];
  self.reading = navigator.serviceWorker.ready.then((one) => one.getNotifications());
  return (await self.reading).map(({ title, body, tag, silent, renotify }) => ({ title, body, tag, silent, renotify }));
}"""


class Waker:
    """Delivers push messages through the browser's own debugging protocol.

    Chromium forgets a notification that it is about to show when somebody asks for the list of them in that moment. So the list
    is asked for only when the worker has shown something for every message and the page is showing nothing.
    """

    def __init__(self, context: BrowserContext, page: Page) -> None:
        self.pushed, self.worker = 0, context.service_workers[-1]
        self.worker.evaluate(f"() => {{{WATCHED}}}")
        page.evaluate(f"() => {{{WATCHED}}}")
        context.add_init_script(f"(() => {{{WATCHED}}})();")
        self.session: CDPSession = context.new_cdp_session(page)
        self.origin = page.evaluate("location.origin")
        found: list[str] = []
        self.session.on(
            "ServiceWorker.workerRegistrationUpdated",
            lambda told: found.extend(one["registrationId"] for one in told["registrations"]),
        )
        self.session.send("ServiceWorker.enable")
        page.wait_for_timeout(50)
        while not found:
            page.wait_for_timeout(20)
        self.registration, self.page = found[-1], page

    def push(self, **notice: Any) -> None:
        """One message, as the push service would bring it."""
        self.pushed += 1
        self.session.send(
            "ServiceWorker.deliverPushMessage",
            {"origin": self.origin, "registrationId": self.registration, "data": json.dumps(notice)},
        )

    def shown(self, until: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        """What stands in the phone's list of notifications, once it is as ``until`` says."""
        found: list[dict[str, Any]] = []
        for _ in range(1000):
            if self.worker.evaluate("self.shownSoFar") < self.pushed:
                self.page.wait_for_timeout(20)
                continue
            found = self.page.evaluate(LIST)
            if until(found):
                return found
            self.page.wait_for_timeout(20)
        raise AssertionError(found)


def notice(phase: str = "act", version: int = 1, **more: Any) -> dict[str, Any]:
    """A message for Kyiv."""
    words = {"act": "Go to a shelter now.", "all-clear": "It is over.", "prepare": "Be ready."}
    return {
        "identifier": f"tocsin.night-{version}",
        "event_id": "night",
        "version": version,
        "phase": phase,
        "realm": "actual",
        "texts": {"en": {"headline": words.get(phase, phase), "instruction": "Do it."}},
        "url": "/at/UA-30",
        "areas": ["UA"],
        **more,
    }


def test_it_can_be_installed(phone: BrowserContext, server: Server) -> None:
    """The browser finds nothing that speaks against installing it, and the manifest is in the reader's language."""
    server.building.hear()
    page = ready(phone)
    faults = phone.new_cdp_session(page).send("Page.getInstallabilityErrors")["installabilityErrors"]
    # A private window can install nothing; that is the only thing that may be said.
    assert [one["errorId"] for one in faults if one["errorId"] != "in-incognito"] == []
    assert json.loads(server.get("/app.webmanifest", Accept_Language="uk").body)["lang"] == "uk"


def test_without_a_network_it_is_unknown_and_says_what_was_last_known(phone: BrowserContext, server: Server) -> None:
    """A page that was seen opens without the server as not known, with what was last known beside it; never as it was."""
    building = server.building
    building.hear()
    building.publish("act", event_id="night")
    page = ready(phone)
    page.goto("/at/UA-30")
    expect(page.locator("body")).to_have_attribute("data-phase", "act")
    server.stop()
    page.goto("/at/UA-30", wait_until="load")
    expect(page.locator("body")).to_have_attribute("data-phase", "unknown")
    expect(page.locator("#said")).to_contain_text("Act now")
    expect(page.locator("#said")).to_be_visible()
    page.goto("/at/UA-63", wait_until="load")
    expect(page.locator("body")).to_have_attribute("data-phase", "unknown")


def test_calm_is_never_taken_from_what_was_kept(phone: BrowserContext, server: Server) -> None:
    """A calm page that is opened without the server is not calm; neither is the list of places."""
    server.building.hear()
    page = ready(phone)
    page.goto("/at/UA-30")
    expect(page.locator("body")).to_have_attribute("data-phase", "calm")
    page.goto("/app?place=UA-30")
    expect(page.locator(".place")).to_have_attribute("data-phase", "calm")
    server.stop()
    page.goto("/at/UA-30", wait_until="load")
    expect(page.locator("body")).to_have_attribute("data-phase", "unknown")
    page.goto("/app?place=UA-30", wait_until="load")
    expect(page.locator(".place")).to_have_attribute("data-phase", "unknown")
    expect(page.locator(".place .known")).to_contain_text("Last known")


def test_three_taps_to_be_warned_and_one_to_stop(phone: BrowserContext, server: Server) -> None:
    """From a place's page: the link, the button, the browser's question. One tap ends it, here and on the server."""
    server.building.hear()
    phone.add_init_script(
        """const keys = { p256dh: "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        auth: "BTBZMqHH6r4Tts7J_aSIgg" };
        let given = null;
        const unsubscribe = async () => ((given = null), true);
        const made = { toJSON: () => ({ endpoint: "https://push.example.org/abc", keys }), unsubscribe };
        if (self.PushManager) {
          PushManager.prototype.subscribe = async () => (given = made);
          PushManager.prototype.getSubscription = async () => given;
        }"""
    )
    page = phone.new_page()
    page.goto("/at/UA-30")
    page.get_by_role("link", name="Warn me on this phone").click()
    page.wait_for_url("**/app?**")
    in_charge(page)
    page.get_by_role("button", name="Warn me about my places").click()
    expect(page.locator("#since")).to_contain_text("This phone is warned since")
    subscribers = server.building.house.subscriptions
    assert len(subscribers.roll) == 1
    page.get_by_role("button", name="Stop all warnings here").click()
    expect(page.get_by_role("button", name="Warn me about my places")).to_be_visible()
    assert len(subscribers.roll) == 0


def test_a_message_is_shown_once_and_an_old_one_never_sounds(phone: BrowserContext, server: Server) -> None:
    """Act sounds, its duplicate does not, the all-clear takes its place, and an act that comes late changes nothing."""
    server.building.hear()
    page = ready(phone)
    waker = Waker(phone, page)
    waker.push(**notice())
    (first,) = waker.shown(lambda all: len(all) == 1)
    assert (first["title"], first["tag"], first["silent"]) == ("Go to a shelter now.", "night", False)
    assert "Kyiv" in first["body"]
    waker.push(**notice())
    waker.shown(lambda all: len(all) == 1 and all[0]["silent"])
    waker.push(**notice("all-clear", 2))
    waker.shown(lambda all: [one["title"] for one in all] == ["It is over."])
    waker.push(**notice("act", 1))
    (last,) = waker.shown(lambda all: len(all) == 1 and all[0]["silent"])
    assert last["title"] == "It is over."


def test_whoever_comes_second_has_something_to_show(phone: BrowserContext, server: Server) -> None:
    """What a phone has seen, it has kept: a push that comes in the same moment as the stream is never shown as nothing."""
    server.building.hear()
    page = ready(phone)
    empty = page.evaluate(
        """async (first) => {
          const { arrive } = await import("/static/app/arrive.js");
          const { all } = await import("/static/app/keep.js");
          await all("seen");
          const base = await new Promise((done) => {
            const asked = indexedDB.open("tocsin");
            asked.onsuccess = () => done(asked.result);
          });
          const look = (name) => new Promise((done) => {
            const moment = base.transaction(["seen", "notices"]);
            const [seen, notice] = ["seen", "notices"].map((store) => moment.objectStore(store).get(name));
            moment.oncomplete = () => done([Boolean(seen.result), Boolean(notice.result)]);
          });
          let empty = 0;
          for (let at = 0; at < 20; at++) {
            const notice = { ...first, event_id: `event-${at}` };
            let here = false;
            const coming = arrive(notice, "stream", Date.now(), {}).then(() => { here = true; });
            while (!here) {
              const [seen, kept] = await look(notice.event_id);
              if (seen && !kept) empty += 1;
            }
            await coming;
            if (!(await look(notice.event_id)).every(Boolean)) throw new Error("not kept");
          }
          return empty;
        }""",
        notice(),
    )
    assert empty == 0


def test_discreet_shows_nothing(phone: BrowserContext, server: Server) -> None:
    """In discreet mode neither what nor where stands in the notification, and it makes no sound."""
    server.building.hear()
    page = ready(phone)
    page.get_by_label("Discreet.").check()
    waker = Waker(phone, page)
    waker.push(**notice())
    (shown,) = waker.shown(lambda all: len(all) == 1)
    assert (shown["title"], shown["body"], shown["silent"]) == ("New message", "", True)


def test_why_did_i_get_this(phone: BrowserContext, server: Server) -> None:
    """The page says for which of my places and which area a message came."""
    server.building.hear()
    page = ready(phone)
    waker = Waker(phone, page)
    waker.push(**notice())
    waker.shown(lambda all: len(all) == 1)
    page.goto("/app#why=night")
    expect(page.locator("#why")).to_contain_text("You watch Kyiv")
    expect(page.locator("#why")).to_contain_text("for UA")


def test_a_thousand_shuffled_duplicates_sound_once_for_each_step(phone: BrowserContext, server: Server) -> None:
    """However often and in whatever order messages come by whatever way: one alarm a step at most, none after the end."""
    server.building.hear()
    page = ready(phone)
    steps = [notice("prepare", 1), notice("act", 2), notice("hold", 3), notice("all-clear", 4)]
    chance = random.Random(20241120)
    for _ in range(5):
        many = [dict(step) for step in steps for _ in range(250)]
        chance.shuffle(many)
        sounds: list[list[Any]] = page.evaluate(
            """async (many) => {
              const { judge } = await import("/static/app/message.js");
              const seen = new Map(), places = [{ code: "UA-30", name: "Kyiv", up: ["UA"], down: [], loud: "sound" }];
              return many.map((one) => [one.version, judge(one, places, seen, { languages: ["en"], words: {} }, 0).sound]);
            }""",
            many,
        )
        loud = [version for version, sound in sounds if sound]
        assert loud == sorted(set(loud))
        assert sum(version == 2 for version in loud) <= 1
        after_end = [
            sound for index, (version, sound) in enumerate(sounds) if 4 in [v for v, _ in sounds[:index]] and sound
        ]
        assert after_end == []


def test_how_loud_is_the_person_s_word_but_the_end_is_always_shown(phone: BrowserContext, server: Server) -> None:
    """Act is made silent only by who says twice that it shall be; what is over is shown there as well."""
    server.building.hear()
    page = ready(phone)
    kept = """async () => (await import("/static/app/keep.js")).get("places", "UA-30").then((one) => one.loud)"""
    page.locator(".place summary").press("Enter")
    expect(page.locator(".place .sum")).to_have_text(
        "Act now: Loud, as an alarm · Be ready: As other messages · All-clear: As other messages"
    )
    act = page.get_by_label("How loud: Kyiv City, Act now")
    act.select_option("silent")
    expect(page.locator(".place .sure")).to_contain_text("this phone will make no sound")
    expect(page.get_by_role("button", name="Leave it loud")).to_be_focused()
    assert act.input_value() == "loud"
    page.keyboard.press("Enter")
    expect(page.locator(".place .sure")).to_be_hidden()
    expect(act).to_be_focused()
    assert page.evaluate(kept) == {}
    act.select_option("silent")
    page.get_by_role("button", name="Make it silent").press("Enter")
    expect(page.locator("#soft")).to_have_text("Kyiv City, Act now: Without a sound")
    assert page.evaluate(kept) == {"act": "silent", "prepare": "sound", "all-clear": "sound"}
    page.reload()
    in_charge(page)
    assert act.input_value() == "silent"
    waker = Waker(phone, page)
    waker.push(**notice())
    assert waker.shown(lambda all: len(all) == 1)[0]["silent"]
    waker.push(**notice("all-clear", 2))
    waker.shown(lambda all: [one["title"] for one in all] == ["It is over."])


def test_each_step_is_as_loud_as_was_chosen(phone: BrowserContext, server: Server) -> None:
    """Alarm for act alone, unless chosen otherwise; the loudest of the places counts; what was chosen before steps holds."""
    server.building.hear()
    page = ready(phone)
    judged = """async ([loud, phase, realm, other]) => {
      const { judge } = await import("/static/app/message.js");
      const about = { name: "Kyiv", up: ["UA"], down: [] };
      const places = [{ ...about, code: "UA-30", loud }, ...(other ? [{ ...about, code: "UA-32", loud: other }] : [])];
      const seen = new Map(phase === "retracted" ? [["night", { version: 0, phase: "act" }]] : []);
      const notice = { event_id: "night", version: 1, phase, realm, areas: ["UA"], texts: {} };
      const { sound, silent, stay } = judge(notice, places, seen, { languages: ["en"], words: {} }, 0);
      return [sound, silent, stay];
    }"""
    alarm, sounds, quiet = ["alarm", False, True], ["notice", False, False], ["", True, False]
    for loud, phase, expected in [
        ({}, "act", alarm), ({}, "hold", alarm), ({}, "prepare", sounds), ({}, "all-clear", sounds), ({}, "retracted", alarm),
        ("sound", "act", alarm), ("notify", "act", quiet), ("silent", "prepare", quiet), (None, "act", alarm),
        ({"act": "sound"}, "act", sounds), ({"act": "silent"}, "act", quiet), ({"act": "silent"}, "prepare", sounds),
        ({"prepare": "silent"}, "act", alarm), ({"prepare": "silent"}, "prepare", quiet),
        ({"prepare": "loud"}, "prepare", sounds),
        ({"all-clear": "silent"}, "all-clear", quiet), ({"all-clear": "silent"}, "retracted", alarm),
        ({"act": "silent"}, "retracted", quiet), ({"act": "?"}, "act", alarm),
    ]:  # fmt: skip
        assert page.evaluate(judged, [loud, phase, "actual", None]) == expected, (loud, phase)
    assert page.evaluate(judged, [{"act": "silent"}, "act", "actual", {"act": "sound"}]) == sounds
    assert page.evaluate(judged, [{}, "act", "exercise", None]) == ["test", False, False]


@pytest.mark.parametrize("language", ["en", "uk", "de", "fr"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible(browser: Browser, server: Server, language: str, scheme: Any, pictures: Any) -> None:
    """No fault in any language, light and dark; nothing is wider than a phone of 360 points."""
    server.building.hear()
    context = browser.new_context(viewport={"width": 360, "height": 800}, base_url=server.base, color_scheme=scheme)
    page = context.new_page()
    for name, path in (("app", f"/app?place=UA-30&lang={language}"), ("offline", f"/app/offline?lang={language}")):
        page.goto(path)
        if name == "app":
            expect(page.locator(".place")).to_be_visible()
            page.locator(".place summary").click()
            page.locator(".place select[name=act]").select_option("silent")
            expect(page.locator(".place .sure")).to_be_visible()
            small = [
                box for one in page.locator(".place :is(select, button, summary)").all() if (box := one.bounding_box())
            ]
            assert min(box["height"] for box in small) >= 47.5
        page.evaluate(AXE)
        assert violations(page) == []
        assert page.evaluate(BROKEN) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        pictures.take(page, f"{name}-{language}-{scheme}")
    context.close()

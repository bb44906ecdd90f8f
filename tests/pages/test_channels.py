"""The channels' page as people see and use it: what needs them first, stopping with a reason, testing, live figures."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.pages.conftest import Album
from tests.pages.test_console_look import Room
from tests.pages.test_signin import look, serve
from tests.rules.reach.stage import Notes, parse, published, until
from tocsin.reach.channel import ACCEPTED, later
from tocsin.reach.channels.way import Unset
from tocsin.reach.dispatch import Dispatch
from tocsin.reach.subscription import Wish
from tocsin.reach.switch import CHANNEL_STOPPED, Switched
from tocsin.selfdrill import Publishing, SelfDrill
from tocsin.store.batches import SqlBatches
from tocsin.store.certificate import Certificates
from tocsin.warn.compile import Issuer, Kit
from tocsin.warn.phrase import book

CANARIES = """
[canary.mail]
address = "canary@warn.example"
[canary.sms]
address = "+380440000000"
"""


class Sending(Room):
    """A desk in whose house three channels have carried an alert: one answers, one is silent, one was stopped."""

    def __init__(self, browser: Browser, office: object, server: object, folder: Path) -> None:
        super().__init__(browser, office, server)  # type: ignore[arg-type]
        building = self.office.building
        (folder / "channels.toml").write_text(CANARIES)
        house, realm = building.house, building.settings.realm
        assert house.subscriptions is not None
        self.ways = {name: Notes(name) for name in ("mail", "sms", "webpush")}
        self.ways["sms"].answer = lambda delivery: later(reason="centre: timeout")
        self.batches = SqlBatches(building.store, realm)
        self.dispatch = Dispatch(
            building.store,
            self.batches,
            house.subscriptions.book,
            house.subscriptions.roll,
            {**self.ways, "voice": Unset("voice")},
            building.clock,
            realm,
            parse=parse,
        )
        for name in self.ways:
            for number in range(3):
                area = "UA-63" if name == "sms" else "UA-30"
                house.subscriptions.make(Wish(name, f"{name}-{number}", areas=(area,)))
        kit = Kit(house.gazetteer, book(), Issuer("warn@warn.example", "Warn", realm, ("en", "uk")))
        certificates = Certificates(folder / "certificates", realm, "warn@warn.example", building.clock.now())
        certificates.renew(building.clock.now())
        house.dispatch, house.selfdrill = (
            self.dispatch,
            SelfDrill(
                building.store,
                self.dispatch,
                house.subscriptions,
                Publishing(kit, certificates.sign, ("mail",)),
                building.settings,
                building.clock,
                folder,
            ),
        )
        # The browser's driver has a loop of its own in this thread, and the server another: this one is the dispatch's.
        self.sent, self.loop = threading.Event(), asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_until_complete, args=(self._send(realm),), daemon=True)
        self.thread.start()
        assert self.sent.wait(30)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.following.cancel)
        self.thread.join(30)
        self.loop.close()
        self.batches.close()

    async def _send(self, realm: str) -> None:
        building = self.office.building
        await self.dispatch.switch("webpush", False, "p-1", "sends everything twice")
        self.following = following = asyncio.create_task(self.dispatch.follow())
        now = building.clock.now()
        await asyncio.to_thread(building.store.append, [published(areas=("UA-30", "UA-63"), realm=realm, sent=now)])
        await until(lambda: len(self.ways["mail"].sent) == 3 and self.ways["sms"].sent)
        building.clock.turn(90)
        await asyncio.sleep(0.2)
        self.sent.set()
        await asyncio.gather(following, return_exceptions=True)


@pytest.fixture
def room(browser: Browser, tmp_path: Path) -> Iterator[Sending]:
    """A desk in the exercise realm with channels."""
    for office, server in serve(tmp_path, "exercise"):
        found = Sending(browser, office, server, tmp_path)
        yield found
        found.close()


@pytest.mark.parametrize("language", ["en", "uk", "de", "fr"])
def test_the_page_is_accessible_in_every_language(room: Sending, language: str, pictures: Album) -> None:
    """No fault that axe finds, nothing that scrolls sideways at 360 pixels or is too small to touch, light and dark."""
    room.page.goto(f"{room.url}/console/channels?lang={language}")
    expect(room.page.locator("html")).to_have_attribute("lang", language)
    look(room.page, pictures, f"channels-{language}")


def test_what_needs_somebody_stands_first(room: Sending) -> None:
    """The stopped and the silent channel are named in the first sentence, and the area without receipts with what to try."""
    page = room.page
    page.goto(f"{room.url}/console/channels")
    expect(page.locator("#channels .lead")).to_contain_text("Needs you now: Web push, SMS")
    names = page.locator(".way .head b").all_inner_texts()
    assert names == ["Web push", "SMS", "E-mail", "Phone calls"]
    expect(page.locator(".way.silent .carriers")).to_contain_text("centre: timeout")
    expect(page.locator(".arrival .note")).to_contain_text("Kharkiv")
    expect(page.locator(".arrival .note")).to_contain_text("Try next: E-mail")


def test_what_changes_comes_by_itself(room: Sending) -> None:
    """A carrier that answers again is seen within seconds without loading the page anew."""
    page = room.page
    page.goto(f"{room.url}/console/channels")
    expect(page.locator(".way.silent")).to_have_count(1)
    for one in room.dispatch.carriers:
        room.dispatch.carriers.answered([one], [ACCEPTED], room.office.building.clock.now())
    expect(page.locator(".way.silent")).to_have_count(0, timeout=8000)


def test_a_test_proves_the_way(room: Sending) -> None:
    """The button sends the canary an exercise and its end, the page says what came of it and when, and what is not signed
    says so instead of having a button."""
    page = room.page
    page.goto(f"{room.url}/console/channels")
    room.ways["mail"].sent.clear()
    page.get_by_role("button", name="Test E-mail").click()
    expect(page.locator(".way.open", has_text="E-mail")).to_contain_text("proven")
    act, clear = room.ways["mail"].sent
    assert [one.phase for one in (act, clear)] == ["act", "all-clear"]
    assert {(one.realm, one.to.address) for one in (act, clear)} == {("exercise", "canary@warn.example")}
    assert "EXERCISE" in act.body.decode().upper()
    expect(page.get_by_role("button", name="Test SMS")).to_have_count(0)
    expect(page.locator("#switches li", has_text="SMS")).to_contain_text("signed policy")


def test_stopping_needs_a_reason_and_a_proof(room: Sending) -> None:
    """A channel is stopped by somebody who has proven to be there, with a reason, and the record says who and why."""
    page = room.page
    page.goto(f"{room.url}/console/channels")
    row = page.locator("#switches li", has_text="E-mail")
    row.locator("summary").click()
    row.get_by_label("Why").fill("The relay is hijacked")
    row.get_by_role("button", name="Stop E-mail now").click()
    expect(page.locator(".way.stopped", has_text="E-mail")).to_have_count(1)
    entries = room.office.building.store.read(0, kinds=[CHANNEL_STOPPED])
    assert entries[-1].read(Switched).reason == "The relay is hijacked"
    assert entries[-1].read(Switched).by
    assert room.dispatch.lanes["mail"].paused

"""How calls and a stopped alert look and can be used: accessible in four languages, light and dark, on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Browser, expect

from tests.pages.conftest import Album
from tests.pages.test_console_look import Room
from tests.pages.test_signin import look, serve
from tocsin.journal import EXERCISE, fact
from tocsin.warn.approval import Vote
from tocsin.warn.draft import Where
from tocsin.warn.owner import PAGE_ANSWERED, PAGE_DUE, PAGE_FAILED, PAGE_SENT, Tried
from tocsin.warn.person import PERSON_ENROLLED, Enrolled, Role
from tocsin.warn.publish import ALERT_PUBLISHED, Published
from tocsin.warn.widening import stopped
from tocsin.web.console.calls import link
from tocsin.web.console.desk_room import DeskRoom


class Called(Room):
    """The desk with an alert that was stopped, and calls about it."""

    def publish(self) -> str:
        """Publish the draft, stop it and call; the alert's identifier."""
        self.write()
        house = self.office.building.house
        room, at, store = DeskRoom.of(house), self.office.building.clock.now(), house.store
        room.take_in()
        author = self.desk.draft(self.draft).author
        content = self.desk.draft(self.draft).content
        one = type(content)(
            phase="prepare", hazard="air", where=Where(codes=("UA-46",)), owner=author, event_id=content.event_id,
            starts=content.starts, ends=content.ends or at + timedelta(hours=2), next_update_by=content.next_update_by,
            reasons={"wide": "Lviv Oblast"},
        )  # fmt: skip

        def record(step: object) -> None:
            assert callable(step)
            store.append(step())
            room.take_in()

        record(lambda: [fact(PERSON_ENROLLED, "zoe", Enrolled((Role.APPROVER,)), EXERCISE)])
        record(lambda: self.desk.change(self.draft, author, one, at))
        record(lambda: self.desk.propose(self.draft, author, at))
        digest = self.desk.draft(self.draft).digest
        record(lambda: self.desk.vote(self.draft, Vote("zoe", True, digest, at, at)))
        record(lambda: self.desk.publish(self.draft, author, at, room.sign, at))
        (entry,) = store.read(0, 1000, (ALERT_PUBLISHED,))
        why = "A channel does not show what was signed (page: text). Nothing more is sent."
        record(lambda: [stopped(entry, entry.read(Published), why)])
        record(lambda: room.watch.due(room.desk.people, house.now()))
        pages = [item.subject for item in store.read(0, 10_000, (PAGE_DUE,))]
        record(
            lambda: [
                fact(PAGE_SENT, pages[0], Tried(author, "mail"), EXERCISE),
                fact(PAGE_FAILED, pages[0], Tried(author, "sms", "not set up"), EXERCISE),
            ]
        )
        return entry.subject


@pytest.fixture
def called(browser: Browser, tmp_path: Path) -> Iterator[Called]:
    for office, server in serve(tmp_path, "exercise"):
        yield Called(browser, office, server)


@pytest.mark.parametrize("language", ["en", "uk", "de", "fr"])
def test_calls_and_a_stopped_alert_are_accessible_in_every_language(
    called: Called, language: str, pictures: Album
) -> None:
    """No fault that axe finds, nothing sideways at 360 pixels, no small target, light and dark."""
    identifier = called.publish()
    room = DeskRoom.of(called.office.building.house)
    page = called.page
    for path, name in (
        ("/console/calls", "calls"),
        (f"/console/alerts/{quote(identifier)}", "stopped"),
        (urlsplit(link(room, room.watch.pages()[0])).path, "answer"),
    ):
        page.goto(f"{called.url}{path}?lang={language}")
        expect(page.locator("html")).to_have_attribute("lang", language)
        look(page, pictures, f"desk-{name}-{language}")


def test_a_call_is_answered_by_one_button(called: Called) -> None:
    """From the link to the answer it is one press; then the page says so and leads to the alert."""
    called.publish()
    room = DeskRoom.of(called.office.building.house)
    page = called.page
    page.goto(called.url + urlsplit(link(room, room.watch.pages()[0])).path)
    page.get_by_role("button", name="I answer").press("Enter")
    expect(page.get_by_role("heading", name="You have answered")).to_be_visible()
    assert called.office.building.store.read(0, 10_000, (PAGE_ANSWERED,))
    page.get_by_role("link", name="Open in the console").click()
    expect(page.get_by_role("heading", name="Stopped. It was sent to nobody.")).to_be_visible()

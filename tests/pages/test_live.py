"""The page while it is open: it follows the server, and it says so by itself when it cannot."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.pages.conftest import Album, Server
from tests.pages.night import BEAT, Night


@pytest.fixture
def night() -> Night:
    """A calm night."""
    return Night()


@pytest.fixture
def server(night: Night) -> Iterator[Server]:
    """The night on a real server."""
    running = Server(night.app)
    running.start()
    yield running
    if running.thread.is_alive():
        running.stop()


@pytest.fixture
def tab(browser: Browser) -> Iterator[Page]:
    """A tab in which no script may fail."""
    context = browser.new_context(viewport={"width": 390, "height": 800}, reduced_motion="reduce")
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    yield page
    context.close()
    assert wrong == []


def shown(page: Page, phase: str, seconds: float = 8) -> None:
    """Wait until the page is in this phase."""
    expect(page.locator(f"body[data-phase='{phase}']")).to_be_attached(timeout=seconds * 1000)


def test_it_follows_the_stream(night: Night, server: Server, tab: Page) -> None:
    """A warning is on the page as soon as the stream tells it, is announced, and the all-clear likewise."""
    tab.goto(f"{server.url}/at/UA-30?lang=en")
    expect(tab.locator("#link.on")).to_have_text("Live, checked", timeout=5000)
    night.turn("act")
    shown(tab, "act")
    expect(tab.locator("h1")).to_have_text("Go to a shelter now.")
    expect(tab.locator("#loud")).to_have_text("Act now. Go to a shelter now.")
    assert tab.title().startswith("Go to a shelter now.")
    assert tab.get_attribute("link[rel=icon]", "href") == "/static/icon/actual-act.svg"
    night.turn("all-clear")
    shown(tab, "all-clear")
    expect(tab.locator("#soft")).to_contain_text("It is over.")
    expect(tab.locator("#loud")).to_be_empty()


@pytest.mark.parametrize(("language", "headline", "last"), [
    ("en", "We do not know the state in Kyiv right now.", "Act now"),
    ("uk", "Ми не знаємо, яка ситуація зараз у Києві.", "Дійте негайно"),
])  # fmt: skip
def test_unknown_appears_after_the_server_stops_and_goes_when_it_returns(
    night: Night, server: Server, tab: Page, pictures: Album, language: str, headline: str, last: str
) -> None:
    """Without contact the page turns to unknown by itself, names the last phase, and comes back by itself."""
    night.phase = "act"
    tab.goto(f"{server.url}/at/UA-30?lang={language}")
    expect(tab.locator("#link.on")).to_be_attached(timeout=5000)
    server.stop()
    shown(tab, "unknown", 3 * BEAT + 8)
    expect(tab.locator("h1")).to_have_text(headline)
    text = tab.inner_text("#said")
    assert last in text
    digits = night.now().astimezone(tz=None)
    assert str(digits.minute).zfill(2) in text or str((digits.minute - 1) % 60).zfill(2) in text
    assert tab.locator(".legend").is_hidden()
    assert tab.locator("[data-state]").count() == 2
    assert tab.locator("[data-state]:visible").count() == 0
    assert tab.locator(".facts dd:visible").count() == 1
    assert tab.evaluate("getComputedStyle(document.querySelector('.map .r')).fill") == "none"
    assert "on" not in (tab.get_attribute("#link", "class") or "")
    assert tab.evaluate("getComputedStyle(document.querySelector('.hero')).backgroundColor") == "rgb(244, 243, 239)"
    pictures.take(tab, f"lost-{language}")
    server.start()
    shown(tab, "act", 12)
    expect(tab.locator("body[data-lost]")).to_have_count(0)
    expect(tab.locator("#link.on")).to_be_attached(timeout=5000)


def test_calm_does_not_outlive_contact(night: Night, server: Server, tab: Page) -> None:
    """A page that says "no warning" never goes on saying so without contact."""
    tab.goto(f"{server.url}/at/UA-30?lang=en")
    expect(tab.locator("#link.on")).to_be_attached(timeout=5000)
    server.stop()
    shown(tab, "unknown", 3 * BEAT + 8)
    assert "No warning is in force" not in tab.inner_text("#said")
    assert tab.title().startswith("We do not know")


def test_polling_when_the_stream_is_silent(night: Night, server: Server, tab: Page) -> None:
    """A stream without heartbeats is not contact: the page asks for the state instead and follows that."""
    night.beating = False
    tab.goto(f"{server.url}/at/UA-30?lang=en")
    expect(tab.locator("#link.on")).to_be_attached(timeout=5000)
    night.phase, night.version, night.seq = "act", 2, 101
    shown(tab, "act", 4 * BEAT + 6)
    expect(tab.locator("body[data-lost]")).to_have_count(0)


def test_polling_where_the_stream_is_blocked(night: Night, server: Server, tab: Page) -> None:
    """Where a network lets no stream through, the state is asked for at every heartbeat."""
    tab.route("**/v1/stream*", lambda route: route.abort())
    tab.goto(f"{server.url}/at/UA-30?lang=en")
    expect(tab.locator("#link.on")).to_be_attached(timeout=5000)
    night.turn("prepare")
    shown(tab, "prepare", 4 * BEAT + 6)
    server.stop()
    shown(tab, "unknown", 3 * BEAT + 8)


def test_an_older_version_never_replaces_a_newer_one(night: Night, server: Server, tab: Page) -> None:
    """An act that comes after its all-clear, with the older version, changes nothing (Warntag 2020)."""
    night.turn("all-clear", version=5)
    tab.add_init_script(
        "addEventListener('DOMContentLoaded', () => { window.shown = []; new MutationObserver(() => "
        "shown.push(document.body.dataset.phase + document.getElementById('main').dataset.version))"
        ".observe(document.body, {childList: true}) })"
    )
    tab.goto(f"{server.url}/at/UA-30?lang=en")
    expect(tab.locator("#link.on")).to_be_attached(timeout=5000)
    pages = night.pages
    with tab.expect_response("**/at/UA-30?lang=en"):
        night.turn("act", version=4)
    assert night.pages > pages
    night.turn("act", version=6)
    shown(tab, "act")
    assert set(tab.evaluate("shown")) == {"act6"}
    assert tab.get_attribute("#main", "data-version") == "6"


def test_what_may_not_follow_is_asked_for_twice(night: Night, server: Server, tab: Page) -> None:
    """One answer that jumps from act to calm is not believed; only when the server says it again is it shown."""
    night.turn("act")
    tab.goto(f"{server.url}/at/UA-30?lang=en")
    expect(tab.locator("#link.on")).to_be_attached(timeout=5000)
    pages = night.pages
    night.turn("calm")
    shown(tab, "calm")
    assert night.pages >= pages + 2


def test_an_answer_whose_time_stands_still_is_no_contact(night: Night, server: Server, tab: Page) -> None:
    """A proxy that repeats an old copy for ever does not keep the page green (F20)."""
    night.frozen = night.now()
    tab.add_init_script("{ const now = performance.now.bind(performance); performance.now = () => now() * 12; }")
    tab.goto(f"{server.url}/at/UA-30?lang=en")
    shown(tab, "unknown", 15)


def test_a_passed_end_is_asked_for_and_unknown_without_an_answer(night: Night, server: Server, tab: Page) -> None:
    """When the planned end has come and the server does not say what holds now, the page says that it does not know."""
    night.turn("prepare")
    night.ends = datetime.now(UTC) + timedelta(seconds=3)
    tab.goto(f"{server.url}/at/UA-30?lang=en")
    expect(tab.locator("#link.on")).to_be_attached(timeout=5000)
    tab.route("**/at/UA-30?lang=en", lambda route: route.abort())
    shown(tab, "unknown", 10)


def test_focus_and_place_stay(night: Night, server: Server, tab: Page) -> None:
    """A refresh of the same phase neither takes the keyboard's place nor scrolls; a new phase leads to the top once."""
    tab.goto(f"{server.url}/at/UA-30?lang=en")
    expect(tab.locator("#link.on")).to_be_attached(timeout=5000)
    tab.focus("a[href='/at/UA-63']")
    before = tab.evaluate("scrollY")
    assert before > 0
    pages = night.pages
    night.turn("calm")
    expect(tab.locator("#main[data-seq='101']")).to_be_attached(timeout=5000)
    assert night.pages > pages
    assert tab.evaluate("document.activeElement.getAttribute('href')") == "/at/UA-63"
    assert abs(tab.evaluate("scrollY") - before) < 5
    night.turn("act")
    shown(tab, "act")
    assert tab.evaluate("document.activeElement.getAttribute('href')") == "/at/UA-63"
    tab.wait_for_function("() => scrollY === 0")


def test_time_goes_on(night: Night, server: Server, tab: Page) -> None:
    """How long a warning has lasted is counted by the page itself."""
    night.phase = "act"
    tab.clock.install(time=datetime.now(UTC))
    tab.goto(f"{server.url}/at/UA-30?lang=en")
    expect(tab.locator("#elapsed")).to_have_text("(0 min)")
    tab.evaluate("document.getElementById('main').dataset.since = new Date(Date.now() - 3900e3).toISOString()")
    tab.clock.run_for(1500)
    expect(tab.locator("#elapsed")).to_have_text("(1 h 5 min)")

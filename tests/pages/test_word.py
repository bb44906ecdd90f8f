"""The small pages that one comes to from a link: confirming, unsubscribing, what is wrong, and the interface described."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.contracts.web.conftest import Building
from tests.contracts.web.conftest import Server as House
from tests.pages.conftest import Album
from tests.pages.test_signin import look
from tocsin.reach.channels.mail import unsubscribe_key
from tocsin.reach.subscription import SUBSCRIPTION_ENDED, Wish

SECRET = "whsec_c2VjcmV0IG9mIHRoZSB0ZXN0cyBvZiB3b3Jkcy4u"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house of the exercise realm, which has one thing more on each page, served."""
    building = Building(tmp_path_factory.mktemp("words"), "exercise")
    server = House(building)
    yield server
    server.stop()
    building.store.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A phone."""
    context = browser.new_context(viewport={"width": 360, "height": 740}, locale="en-GB")
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("language", ["en", "uk", "de", "fr"])
def test_every_word_is_accessible(house: House, page: Page, pictures: Album, language: str) -> None:
    """No fault of axe, nothing cut off, nothing too small: asking to stop, a link that is over, no such place, no such page."""
    for name, path in (
        ("stop", "/v1/unsubscribe/one/key"),
        ("over", "/v1/confirm/" + "a" * 22),
        ("no-place", "/at/XX-99"),
        ("no-page", "/nothing-here"),
    ):
        page.goto(f"{house.base}{path}?lang={language}")
        expect(page.locator("html")).to_have_attribute("lang", language)
        look(page, pictures, f"word-{name}-{language}")


def test_the_interface_is_described_readably(house: House, page: Page, pictures: Album) -> None:
    """The page of operations and codes is accessible, closed and opened; a problem's type leads to its code."""
    page.goto(f"{house.base}/docs")
    page.locator("summary").first.click()
    expect(page.get_by_text("Area code, however its letters are cased.").first).to_be_visible()
    look(page, pictures, "manual")
    page.goto(f"{house.base}/docs#input.place-unknown")
    expect(page.locator(":target")).to_be_in_viewport()


def test_unsubscribing_is_one_press_and_says_how_to_come_back(house: House, page: Page) -> None:
    """The link of a mail asks, one press ends it, and the page then leads to where warnings can be had again."""
    one = house.house.subscriptions.make(Wish("mail", "a@example.org", (SECRET,), areas=("UA-30",)))
    page.goto(f"{house.base}/v1/unsubscribe/{one.id}/{unsubscribe_key(SECRET)}")
    assert house.building.entries(SUBSCRIPTION_ENDED) == []
    page.get_by_role("button", name="Stop these warnings").click()
    expect(page.get_by_role("heading", name="Nothing more is sent by this subscription.")).to_be_visible()
    assert [entry.subject for entry in house.building.entries(SUBSCRIPTION_ENDED)] == [one.id]
    expect(page.get_by_role("link", name="Ask for warnings again")).to_have_attribute("href", "/app")

"""The page of shelters in a real browser: on a phone and a desk, light and dark, with a script and without."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.contracts.web.conftest import Building
from tests.contracts.web.conftest import Server as HouseServer
from tests.pages.conftest import Album
from tests.pages.test_look import AXE, BROKEN, SIZES, judged, violations
from tocsin.account.shelter import Kind, Shelter
from tocsin.account.shelter_import import ShelterFile
from tocsin.account.shelters import Shelters
from tocsin.store.shelters import SqlShelters

KINDS = tuple(Kind)
LISTED = tuple(
    Shelter(
        f"s{n}",
        "city",
        50_450_000 + (n % 5 - 2) * 1500 + n * 90,
        30_523_400 + (n // 5 - 2) * 2600 + n * 70,
        str(n),
        {"uk": f"Укриття школи №{n}", "en": f"School {n} shelter"},
        f"вул. Велика Васильківська, {n}",
        KINDS[n % len(KINDS)],
        capacity=n * 40 or None,
        step_free=(None, True, False)[n % 3],
        pets=(True, None, False)[n % 3],
        hours=("24/7", "", "Mo-Fr 08:00-20:00")[n % 3],
        hours_said="за потреби" if n % 3 == 1 else "",
        zone="Europe/Kyiv",
    )
    for n in range(25)
)
HERE = "50.4500,30.5234"


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HouseServer]:
    """A house with 25 shelters, one of them in doubt, served."""
    folder = tmp_path_factory.mktemp("city")
    building = Building(folder)
    shelters = Shelters(SqlShelters(building.store, folder / "keys", "actual"), building.clock, "actual")
    shelters.take(ShelterFile("city", LISTED, False, "d"), {})
    for who in ("address:1", "address:2"):
        shelters.report("s12", who)
    shelters.turn("s13", "verified", "p1")
    building.house.shelters = shelters
    server = HouseServer(building)
    yield server
    server.stop()
    building.store.close()


def opened(browser: Browser, server: HouseServer, path: str, **context: object) -> Page:
    """A tab on a page of the house."""
    made = browser.new_context(viewport={"width": 360, "height": 740}, **context)  # type: ignore[arg-type]
    made.add_init_script(AXE)
    page = made.new_page()
    page.goto(server.base + path)
    return page


@pytest.mark.parametrize("language", ["en", "uk", "de", "fr"])
def test_no_accessibility_fault(browser: Browser, city: HouseServer, pictures: Album, language: str) -> None:
    """axe finds nothing and nothing scrolls sideways: near, far and empty, light and dark, at 360 px and on a desk."""
    for name, asked in (("near", f"point={HERE}"), ("far", "point=50.7,30.6"), ("empty", "q=xyz")):
        page = opened(browser, city, f"/shelters?{asked}&lang={language}")
        for size, (width, height) in SIZES.items():
            page.set_viewport_size({"width": width, "height": height})
            assert page.evaluate(BROKEN) == [], f"{name} {language} {size}"
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
                if judged(size, scheme, language):
                    assert violations(page) == [], f"{name} {language} {scheme} {size}"
                assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{language} {size} scrolls"
                if language in ("en", "uk"):
                    pictures.take(page, f"shelters-{name}-{language}-{scheme}-{size}", whole=False)
        page.context.close()


def test_the_nearest_are_found_on_the_device(browser: Browser, city: HouseServer) -> None:
    """One press shows the nearest to the reader, and no request says where the reader is."""
    told: list[str] = []
    at = {"latitude": 50.4471, "longitude": 30.5301}
    page = opened(browser, city, "/shelters?lang=en", geolocation=at, permissions=["geolocation"])
    page.on("request", lambda request: told.append(request.url + (request.post_data or "")))
    page.get_by_role("button", name="Show the nearest to me").click()
    expect(page.get_by_text("Your position was not sent to anybody.")).to_be_visible()
    # The package and the key that it is signed with are the same for everybody.
    assert told == [f"{city.base}/v1/shelters/offline/UA-30.json?lang=en", f"{city.base}/v1/keys"]
    asked = city.get("/v1/shelters?point=50.4471,30.5301&limit=12&lang=en").json()["shelters"]
    names = page.locator(".near .name").all_inner_texts()
    # The device's clock is today's and the house's is not, so only what depends on no clock is compared.
    steady = [one["name"] for one in asked if one["hours"] in ("24/7", "за потреби")]
    assert [name for name in names if name in steady] == [name for name in steady if name in names]
    first = page.locator(".near .card").first
    expect(first).to_contain_text("min on foot")
    assert violations(page) == []
    page.context.close()


def test_a_device_that_says_nothing(browser: Browser, city: HouseServer) -> None:
    """Without a position the page says so and stays as it was."""
    page = opened(browser, city, "/shelters?lang=en")
    before = page.locator(".near").inner_text()
    page.get_by_role("button", name="Show the nearest to me").click()
    expect(page.get_by_text("Your device did not say where you are.")).to_be_visible()
    assert page.locator(".near").inner_text() == before
    page.context.close()


def test_without_a_script(browser: Browser, city: HouseServer) -> None:
    """Search and report work without JavaScript, by keyboard alone."""
    page = opened(browser, city, "/shelters?lang=en", java_script_enabled=False)
    expect(page.get_by_role("button", name="Show the nearest to me")).to_be_hidden()
    page.get_by_label("Street or name").press_sequentially("School 7")
    page.keyboard.press("Enter")
    expect(page.locator(".near .card").first).to_contain_text("School 7 shelter")
    page.get_by_role("button", name="The door is locked").first.press("Enter")
    expect(page.get_by_text("Your report was taken.")).to_be_visible()
    assert city.house.shelters is not None
    assert len(city.house.shelters.standing("s7").reports) == 1
    page.context.close()


def test_the_way_from_the_page_of_the_place(browser: Browser, city: HouseServer) -> None:
    """The page of a place leads to its shelters in the language that is read."""
    page = opened(browser, city, "/at/UA-30?lang=de")
    page.get_by_role("link", name="Nächste Schutzräume").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Wohin gehen")
    page.context.close()

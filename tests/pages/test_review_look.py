"""The review as a file on a phone and on paper: folded by the hour on the one, whole on the other, without a script."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.contracts.web.conftest import Building
from tests.pages.conftest import Album
from tests.pages.test_signin import violations
from tocsin.account.review import review
from tocsin.web.console.desk_room import speech
from tocsin.web.review import page, signed

ZONE = "Europe/Kyiv"


@pytest.fixture
def told(tmp_path: Path) -> dict[str, str]:
    """The review of an event of five versions, each an hour and a half after the other, in two languages."""
    building = Building(tmp_path, "exercise")
    for version in range(1, 6):
        phase = "all-clear" if version == 5 else "act"
        made = building.publish(phase, version=version, event_id="event.1", headline="Go to a shelter now.")
        building.clock.turn(5400)
    found = review(building.store, made.event_id, building.clock.now(), building.house.gazetteer)
    name = building.house.gazetteer.name
    pages = {
        language: page(signed(found, building.house.keys), speech(language), ZONE, name) for language in ("en", "uk")
    }
    building.store.close()
    return pages


@pytest.mark.parametrize("language", ["en", "uk"])
def test_a_night_is_folded_on_a_phone_and_whole_on_paper(
    browser: Browser, told: dict[str, str], pictures: Album, language: str
) -> None:
    """The first and the last hour are open; a tap opens another; printed, every step stands there; axe finds nothing."""
    # axe is a script that the checker brings; the page itself has none.
    assert told[language].count("<script") == 1, "the signed record, which is no program"
    context = browser.new_context(viewport={"width": 360, "height": 740})
    shown = context.new_page()
    shown.set_content(told[language])
    hours = shown.locator("details.hour")
    assert [one.get_attribute("open") is not None for one in hours.all()] == [True, False, False, False, True]
    steps = shown.locator(".steps li")
    seen = "all => all.filter(one => one.checkVisibility() && one.getBoundingClientRect().height > 0).length"
    assert 0 < steps.evaluate_all(seen) < steps.count()
    assert shown.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for scheme in ("light", "dark"):
        shown.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert violations(shown) == []
        pictures.take(shown, f"review-{language}-{scheme}")
    hours.nth(1).locator("summary").click()
    expect(hours.nth(1).locator("li").first).to_be_visible()
    hours.nth(1).locator("summary").click()
    shown.emulate_media(media="print")
    assert steps.evaluate_all(seen) == steps.count()
    context.close()

"""How the page of what models propose looks: accessible in four languages, and nothing on it can be taken anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.pages.conftest import Album, Server
from tests.pages.test_incident_look import HERE, Desk
from tests.pages.test_signin import look, serve
from tocsin.assess.model import CLAIMS_PROPOSED, ClaimsProposed, Place
from tocsin.journal import fact


@pytest.fixture
def desk(browser: Browser, tmp_path: Path) -> Iterator[Desk]:
    """An editor at a desk to which a model has proposed something."""
    server: Server
    for office, server in serve(tmp_path, "exercise"):
        made = Desk(browser, office, server)
        for reading in made.fire.readings:
            words = reading.text.split(".")[-2].strip()
            at = reading.text.index(words)
            body = ClaimsProposed("tiny (0f3a9c11d2e4)", (Place(at, at + len(words), at, at + 6),), {"words": 2})
            office.building.store.append([fact(CLAIMS_PROPOSED, reading.source.report, body, "exercise")])
        yield made


def test_the_page_of_proposals_is_accessible_in_every_language(desk: Desk, pictures: Album) -> None:
    """No fault that axe finds, nothing to scroll sideways, each line called a proposal; no button on a line."""
    for language in ("en", "uk", "de", "fr"):
        page = desk.go(f"{HERE}/{desk.fire.id}/proposed?lang={language}")
        expect(page.locator("html")).to_have_attribute("lang", language)
        lines = page.locator(".proposal")
        assert lines.count() > 0
        assert lines.get_by_text("tiny (0f3a9c11d2e4)").count() == lines.count()
        assert lines.locator("button, input, form").count() == 0
        look(page, pictures, f"guesses-{language}")

"""The page of what models propose: called so, apart from everything else, and used nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contracts.web.console.conftest import opened
from tests.contracts.web.console.desk import furnish
from tests.contracts.web.console.newsdesk import NewsDesk
from tests.contracts.web.console.test_work import Desk
from tocsin.assess.model import CLAIMS_PROPOSED, ClaimsProposed, Place
from tocsin.assess.story import Story
from tocsin.journal import fact
from tocsin.warn.person import Role

REPORT = (
    'The mayor of Kyiv said that a bridge was closed. Bakers swept "glass" <b>since five</b>. All clear, they sang.'
)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """An office with a desk and a newsroom that has heard one report."""
    office = opened(tmp_path)
    furnish(office)
    news = NewsDesk(office)
    news.say(REPORT)
    office.building.hear()
    made = Desk(office.building, office.identity, office.app)
    made.news = news  # type: ignore[attr-defined]
    yield made
    office.building.store.close()


def story(desk: Desk) -> Story:
    """The one incident."""
    (found,) = desk.news.room.incidents()  # type: ignore[attr-defined]
    assert isinstance(found, Story)
    return found


def propose(desk: Desk, *words: str, model: str = "tiny (1)") -> None:
    """A model proposed these words of the report, which the mayor is said to have said."""
    reading = story(desk).readings[0]
    who, text = reading.text.index("mayor of Kyiv"), reading.text
    places = tuple(Place(text.index(one), text.index(one) + len(one), who, who + 13) for one in words)
    body = ClaimsProposed(model, places, {"words": 2})
    realm = desk.building.settings.realm
    desk.building.store.append([fact(CLAIMS_PROPOSED, reading.source.report, body, realm)])


async def test_a_proposal_is_shown_as_one_with_the_model_and_the_report(desk: Desk) -> None:
    """In the reader's language, escaped, with who was given the report and what was dropped."""
    _, ann = await desk.hire(Role.AUTHOR)
    propose(desk, "<b>since five</b>")
    address = f"/console/incidents/{story(desk).id}/proposed"
    page = await ann.get(address)
    assert page.status == 200
    assert "Proposed by a model:" in page.text
    assert "tiny (1)" in page.text
    assert "&lt;b&gt;since five&lt;/b&gt;" in page.text
    assert "2 dropped" in page.text
    assert f"/console/incidents/{story(desk).id}/reports/" in page.text
    assert "Von einem Modell vorgeschlagen:" in (await ann.get(f"{address}?lang=de")).text


async def test_a_proposal_is_on_no_other_page(desk: Desk) -> None:
    """The incident's page and the public one are the same to the letter with it and without it."""
    _, ann = await desk.hire(Role.AUTHOR)
    here = f"/console/incidents/{story(desk).id}"
    before = story(desk)
    # The first look at a page is noted, and so are the second's words.
    plain = [(await ann.get(here)).text.count(word) for word in ("since five", "model", "All clear")]
    propose(desk, "since five", "All clear", model="model-x")
    again = [(await ann.get(here)).text.count(word) for word in ("since five", "model", "All clear")]
    assert plain == again
    assert story(desk).incident == before.incident


async def test_without_models_the_page_says_so(desk: Desk) -> None:
    """Nobody was given anything."""
    _, ann = await desk.hire(Role.AUDITOR)
    page = await ann.get(f"/console/incidents/{story(desk).id}/proposed")
    assert "No model proposes anything here." in page.text
    assert "Who was given the reports" not in page.text

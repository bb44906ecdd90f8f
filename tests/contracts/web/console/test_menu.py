"""The menu and the banner: what an alarm needs is in sight, every page has its place, who needs help stands everywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contracts.roll.conftest import furnish as furnish_rolls
from tests.contracts.web.console.conftest import opened
from tests.contracts.web.console.desk import furnish
from tests.contracts.web.console.test_work import Desk
from tocsin.account.answer import Means, Says
from tocsin.warn.person import Role
from tocsin.web.console import doors
from tocsin.web.console.menu import GROUPS, menu


def test_every_page_of_the_menu_has_one_place() -> None:
    """Each door with a word stands in exactly one group, and no group names a page that is not there."""
    placed = [path for paths in GROUPS.values() for path in paths]
    assert sorted(placed) == sorted(door.path for door in doors() if door.menu)


@pytest.mark.parametrize(
    ("path", "entry"),
    [
        ("/console/", "/console/"),
        ("/console/drafts/20241120.ab", "/console/write"),
        ("/console/alerts/urn:x", "/console/"),
        ("/console/rollcalls/r1/sheet", "/console/rollcalls"),
        ("/console/record", "/console/record"),
        ("/console/signout", ""),
    ],
)
def test_where_somebody_is_stands_in_the_menu(path: str, entry: str) -> None:
    """A page marks its entry, a page within another marks that one, and at most one is marked."""
    made = menu([(one, one) for paths in GROUPS.values() for one in paths], path)
    entries = [*made.now, *(one for group in made.more for one in group.entries)]
    assert [one.path for one in entries if one.here] == ([entry] if entry else [])
    assert (made.inside is not None) == bool(entry and entry not in GROUPS["now"])


def test_nobody_is_offered_what_they_may_not_open() -> None:
    """Only what was found for a person stands in their menu; a group without any is left out."""
    made = menu([("/console/", "Situation"), ("/console/account", "My account")], "/console/")
    assert [one.word for one in made.now] == ["Situation"]
    assert [(group.name, len(group.entries)) for group in made.more] == [("own", 1)]


async def test_who_needs_help_stands_in_the_banner_of_every_page(tmp_path: Path) -> None:
    """From the answer until the roll call is closed, first in the banner, also where the page has no desk."""
    office = opened(tmp_path)
    mission = furnish_rolls(office.building, tmp_path)
    mission.take_in()
    furnish(office)
    office.building.hear()
    desk = Desk(office.building, office.identity, office.app)
    _, ann = await desk.hire(Role.AUTHOR, Role.DUTY_OFFICER)
    call = mission.rolls.start("Night", "p1")
    pages = ("/console/", "/console/account", "/console/subscribers", "/console/incidents")
    for page in pages:
        assert "help: Night" not in (await ann.get(page)).text, page
    await mission.rolls.answer(call, mission.seat(call, "3"), Says.HELP, means=Means.LINK)
    for page in pages:
        banner = (await ann.get(page)).text.partition('class="alarms')[2].partition("</ul>")[0]
        assert banner.partition("<li>")[2].startswith(f'<a href="/console/rollcalls/{call.id}">'), page
        assert "One person needs help: Night" in banner, page
    await mission.rolls.answer(call, mission.seat(call, "5"), Says.HELP, means=Means.LINK)
    assert "2 особи потребують допомоги" in (await ann.get("/console/account?lang=uk")).text
    office.building.store.close()

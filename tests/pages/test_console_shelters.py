"""The console's page of shelters in a real browser: a list is chosen, shown, taken in; a doubtful shelter is settled."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.pages.conftest import Album
from tests.pages.test_console_look import Room
from tests.pages.test_signin import look, serve
from tocsin.account.shelters import Shelters
from tocsin.store.shelters import SqlShelters

LIST = "id;Назва;Адреса;Широта;Довгота;Режим роботи\n" + "".join(
    f"{n};Школа №{n};вул. Садова, {n};50,4{n};30,5;{'цілодобово' if n % 2 else 'за потреби'}\n" for n in range(10)
)


@pytest.fixture
def room(browser: Browser, tmp_path: Path) -> Iterator[Room]:
    """A desk with shelters, in the exercise realm."""
    for office, server in serve(tmp_path, "exercise"):
        building = office.building
        book = SqlShelters(building.store, tmp_path / "keys", "exercise")
        building.house.shelters = Shelters(book, building.clock, "exercise")
        yield Room(browser, office, server)


def test_a_list_from_a_file_to_a_shelter_that_is_settled(room: Room, pictures: Album, tmp_path: Path) -> None:
    """A file in older letters is read by the page's script, shown, and taken in; doubt is settled by a press."""
    file = tmp_path / "list.csv"
    file.write_bytes(LIST.encode("cp1251"))
    page, house = room.page, room.office.building.house
    page.goto(f"{room.url}/console/shelters?lang=en")
    look(page, pictures, "shelters-empty")
    # The button is pressed while the file is still being read.
    page.evaluate(
        "() => { const read = FileReader.prototype.readAsDataURL;"
        " FileReader.prototype.readAsDataURL = function (one) { setTimeout(() => read.call(this, one), 700); }; }"
    )
    page.get_by_label("File", exact=True).set_input_files(file)
    page.get_by_role("button", name="See what would change").click()
    expect(page.get_by_text("10 new, 0 changed, 0 as before, 0 gone")).to_be_visible()
    page.get_by_text("What was not understood").click()
    expect(page.get_by_text("Hours not understood, so unknown: за потреби").first).to_be_visible()
    look(page, pictures, "shelters-preview")
    page.get_by_role("button", name="Take it in").click()
    expect(page.get_by_text("10 shelters, 0 in doubt")).to_be_visible()
    shelters = house.shelters
    assert shelters is not None
    one = next(shelter for shelter in shelters if shelter.source_id == "3")
    for who in ("address:1", "address:2"):
        shelters.report(one.id, who)
    for language in ("uk", "de", "fr", "en"):
        page.goto(f"{room.url}/console/shelters?lang={language}&q=8")
        look(page, pictures, f"shelters-{language}")
    page.get_by_role("button", name=re.compile("I found it open.*№3")).click()
    expect(page.get_by_text("Nobody has reported a locked door.")).to_be_visible()
    assert shelters.standing(one.id).verified is not None

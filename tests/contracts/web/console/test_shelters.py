"""The console's page of shelters: what is in doubt first, what a person says, and lists taken in after a preview."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.contracts.web.console.conftest import Office, opened
from tests.contracts.web.console.desk import furnish
from tocsin.account.shelter import Status
from tocsin.account.shelters import SHELTER_CLOSED, SHELTERS_IMPORTED, Imported, Shelters
from tocsin.store.shelters import SqlShelters
from tocsin.warn.person import Role

LIST = "id;name;lat;lon;hours\n" + "".join(f"{n};Школа <{n}>;50.4{n};30.5;24/7\n" for n in range(10))
HALF = "\n".join(LIST.split("\n")[:4])


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """An office with a desk and shelters."""
    made = opened(tmp_path)
    furnish(made)
    building = made.building
    building.house.shelters = Shelters(
        SqlShelters(building.store, tmp_path / "keys", "actual"), building.clock, "actual"
    )
    yield made
    building.store.close()


def packed(text: str) -> list[tuple[str, str]]:
    """A file as the page's script sends it."""
    return [("packed", base64.b64encode(text.encode("cp1251")).decode()), ("text", ""), ("mapping", "")]


def token(html: str) -> str:
    """The preview that a page shows."""
    found = re.search(r'name="token" value="([^"]+)"', html)
    assert found is not None, html
    return found[1]


async def test_a_list_is_shown_before_it_is_taken_in(office: Office) -> None:
    """Nothing changes by looking; what is taken in is what was shown, once, and the record says by whom."""
    person, browser = await office.hire(Role.DUTY_OFFICER)
    shown = await browser.submit("/console/shelters/preview", packed(LIST))
    assert shown.status == 200, shown.text
    assert "10 new, 0 changed" in shown.text
    shelters = office.building.house.shelters
    assert shelters is not None
    assert len(shelters) == 0
    taken = await browser.submit("/console/shelters/take", [("token", token(shown.text))])
    assert (taken.status, taken.header("location")) == (303, "/console/shelters?done=1")
    assert len(shelters) == 10
    (entry,) = office.building.entries(SHELTERS_IMPORTED)
    assert (entry.read(Imported).by, entry.read(Imported).new) == (person, 10)
    again = await browser.submit("/console/shelters/take", [("token", token(shown.text))])
    assert again.status == 409


async def test_half_a_list_asks_twice(office: Office) -> None:
    """Where too much would be gone the page says so, and only its own button takes it in."""
    _, browser = await office.hire(Role.DUTY_OFFICER)
    for text in (LIST, HALF):
        shown = await browser.submit("/console/shelters/preview", packed(text))
        fields = [("token", token(shown.text))]
        if text is HALF:
            assert "7 of 10 shelters" in shown.text
            assert 'name="force"' in shown.text
            assert (await browser.submit("/console/shelters/take", fields)).status == 409
            fields.append(("force", "1"))
        assert (await browser.submit("/console/shelters/take", fields)).status == 303
    assert office.building.house.shelters is not None
    assert len(office.building.house.shelters) == 3


async def test_a_preview_is_its_makers_and_grows_old(office: Office) -> None:
    """Nobody takes in what somebody else looked at, nor what was looked at an hour ago."""
    _, maker = await office.hire(Role.DUTY_OFFICER)
    _, other = await office.hire(Role.AUTHOR)
    shown = await maker.submit("/console/shelters/preview", packed(LIST))
    assert (await other.submit("/console/shelters/take", [("token", token(shown.text))])).status == 409
    office.building.clock.set(office.building.clock.now() + timedelta(minutes=29))
    await maker.get("/console/shelters")
    office.building.clock.set(office.building.clock.now() + timedelta(minutes=29))
    await maker.get("/console/shelters")
    office.building.clock.set(office.building.clock.now() + timedelta(minutes=5))
    await maker.get("/console/shelters")
    answer = await maker.submit("/console/shelters/take", [("token", token(shown.text))])
    assert answer.status in (403, 409)
    assert office.building.entries(SHELTERS_IMPORTED) == []


async def test_what_is_in_doubt_stands_first_and_is_settled(office: Office) -> None:
    """Two reports put a shelter on top with its name escaped; a person who looked, closes or opens it, and it is recorded."""
    person, browser = await office.hire(Role.AUTHOR)
    shown = await browser.submit("/console/shelters/preview", packed(LIST))
    await browser.submit("/console/shelters/take", [("token", token(shown.text))])
    shelters = office.building.house.shelters
    assert shelters is not None
    one = next(shelter for shelter in shelters if shelter.source_id == "3")
    for who in ("address:1", "address:2"):
        shelters.report(one.id, who)
    page = (await browser.get("/console/shelters")).text
    assert "Школа &lt;3&gt;" in page
    assert "2 reports of a locked door" in page
    path = f"/console/shelters/{one.id}/word"
    for word, status in (
        ("closed", Status.CLOSED),
        ("", Status.OPEN),
        ("open", Status.OPEN),
        ("verified", Status.OPEN),
    ):
        assert (await browser.submit(path, [("word", word)])).status == 303
        assert shelters.status(one, office.building.clock.now()) is status
    assert "Школа &lt;3&gt;" not in (await browser.get("/console/shelters")).text
    assert "Школа &lt;3&gt;" in (await browser.get("/console/shelters?q=%D1%88%D0%BA%D0%BE%D0%BB%D0%B0+3")).text
    (entry,) = office.building.entries(SHELTER_CLOSED)
    assert (entry.subject, entry.body) == (one.id, f'{{"by":"{person}"}}'.encode())
    assert (await browser.submit(path, [("word", "maybe")])).status == 404


async def test_what_is_no_list_is_a_sentence(office: Office) -> None:
    """A wrong file and a wrong mapping come back on the page, and an auditor finds no form."""
    _, browser = await office.hire(Role.AUTHOR)
    wrong = await browser.submit("/console/shelters/preview", packed("<!doctype html><html>"))
    assert wrong.status == 400
    assert "This is a web page" in wrong.text
    fields = [("packed", ""), ("text", "lat,lon\n1,2\n"), ("mapping", "[x")]
    assert (await browser.submit("/console/shelters/preview", fields)).status == 400
    _, auditor = await office.hire(Role.AUDITOR)
    assert 'id="import"' not in (await auditor.get("/console/shelters")).text


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", ("Hours not understood, so unknown: maybe", "Understood: id = &#39;id&#39;")),
        ("uk", ("Години не зрозуміло, тож невідомо: maybe", "Зрозуміло: id = &#39;id&#39;")),
        ("de", ("Zeiten nicht verstanden, also unbekannt: maybe", "Verstanden: id = &#39;id&#39;")),
        ("fr", ("Horaires non compris, donc inconnus : maybe", "Compris : id = &#39;id&#39;")),
    ],
)
async def test_what_was_understood_is_said_in_the_readers_language(
    office: Office, language: str, said: tuple[str, str]
) -> None:
    """Lines, faults and why a list is refused are in the operator's language, with the file's own words in them."""
    _, browser = await office.hire(Role.DUTY_OFFICER)
    await browser.get(f"/console/shelters?lang={language}")
    shown = await browser.submit("/console/shelters/preview", packed(LIST.replace("24/7", "maybe")))
    assert f'lang="{language}"' in shown.text
    for sentence in said:
        assert sentence in shown.text, sentence
    assert '<span lang="en">' not in shown.text


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "This is a web page, not a file of shelters."),
        ("uk", "Це вебсторінка, а не файл з укриттями."),
        ("de", "Das ist eine Webseite, keine Datei mit Schutzräumen."),
        ("fr", "C’est une page web, pas un fichier d’abris."),
    ],
)
async def test_why_a_file_is_not_read_is_said_in_the_readers_language(office: Office, language: str, said: str) -> None:
    """A file of which nothing can be understood is refused with a whole sentence in the operator's language."""
    _, browser = await office.hire(Role.AUTHOR)
    await browser.get(f"/console/shelters?lang={language}")
    wrong = await browser.submit("/console/shelters/preview", packed("<!doctype html><html>"))
    assert f'<p class="trouble" role="alert">{said}</p>' in wrong.text

"""Shelters over HTTP: the nearest, the page, a report, and the package for a device without a network."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tests.contracts.web.conftest import Building, Server
from tocsin.account.shelter import Shelter
from tocsin.account.shelter_import import ShelterFile
from tocsin.account.shelters import SHELTER_REPORTED, Shelters
from tocsin.store.shelters import SqlShelters

NAMES = {"uk": "Школа <b>", "en": "School <b>"}
LISTED = (
    Shelter(
        "near",
        "city",
        50_450_100,
        30_523_400,
        "1",
        NAMES,
        "вул. Хрещатик, 1",
        capacity=120,
        step_free=True,
        hours="24/7",
    ),
    Shelter("next", "city", 50_451_000, 30_523_400, "2", {"": "Lyceum"}, "вул. Садова, 2", pets=False),
    Shelter("shut", "city", 50_450_200, 30_523_400, "3", {"": "Shut"}, closed=True, hours="24/7"),
    Shelter("day", "city", 50_452_000, 30_523_400, "4", {"": "Day"}, hours="Mo-Fr 08:00-13:00", zone="Europe/Kyiv"),
    Shelter("far", "city", 50_480_000, 30_523_400, "5", {"": "Far"}, hours="24/7"),
)
HERE = "50.4500,30.5234"


@pytest.fixture
def city(building: Building, tmp_path: Path) -> Iterator[Server]:
    """A house with five shelters, served."""
    shelters = Shelters(SqlShelters(building.store, tmp_path / "keys", "actual"), building.clock, "actual")
    shelters.take(ShelterFile("city", LISTED, False, "d"), {"rows": 5})
    building.house.shelters = shelters
    server = Server(building)
    yield server
    server.stop()


def test_the_nearest_that_are_not_closed(city: Server) -> None:
    """Nearest first, with minutes and what is known; what is closed now is not in it, and unknown is not open."""
    reply = city.get(f"/v1/shelters?point={HERE}&limit=4")
    told = reply.json()
    assert [one["id"] for one in told["shelters"]] == ["near", "next", "far"]
    first = told["shelters"][0]
    assert first == {
        "id": "near",
        "name": "School <b>",
        "lat": 50.4501,
        "lon": 30.5234,
        "distance_m": 11,
        "minutes_on_foot": 1,
        "status": "open",
        "capacity": 120,
        "step_free": True,
        "verified_open_at": None,
        "address": "вул. Хрещатик, 1",
        "kind": "shelter",
        "pets": None,
        "hours": "24/7",
    }
    assert [one["status"] for one in told["shelters"]] == ["open", "unknown", "open"]
    assert told["advice"] is None
    # Where somebody stands is kept by no cache on the way.
    assert reply.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("limit=1", ["near"]),
        ("status=closed", ["shut", "day"]),
        ("status=open", ["near", "far"]),
        ("reachable_within=5", ["near", "next"]),
        ("step_free=true", ["near"]),
        ("reachable_within=0.1", []),
    ],
)
def test_what_is_asked_for(city: Server, asked: str, found: list[str]) -> None:
    """Bounds, statuses and step-free ways narrow the list."""
    assert [one["id"] for one in city.get(f"/v1/shelters?point={HERE}&{asked}").json()["shelters"]] == found


def test_what_to_do_where_none_can_be_reached(city: Server) -> None:
    """Without a shelter in reach the answer says what to do instead, in the reader's language."""
    told = city.get("/v1/shelters?point=48,2&reachable_within=10&language=de").json()
    assert told["shelters"] == []
    assert told["advice"]["title"] == "In 10 Minuten ist kein Schutzraum erreichbar"
    assert "Fenster" in told["advice"]["text"]
    assert city.get(f"/v1/shelters?point={HERE}&language=uk").json()["shelters"][0]["name"] == "Школа <b>"


@pytest.mark.parametrize(
    "asked",
    [
        "",
        "point=91,0",
        "point=1,2&limit=51",
        "point=1,2&limit=0",
        "point=1,2&statuss=open",
        "point=1,2&status=green",
        "point=a,b",
    ],
)
def test_what_is_not_understood_is_refused(city: Server, asked: str) -> None:
    """A misspelt or missing parameter is a problem document, never another answer."""
    reply = city.get(f"/v1/shelters?{asked}")
    assert (reply.status, reply.json()["code"]) == (400, "input.parameter")


def test_a_report_of_a_locked_door(city: Server) -> None:
    """It is on disk when it is answered, counts once a person, and tells nothing about them."""
    body = b'{"found": "locked"}'
    for _ in range(2):
        reply = city.ask("POST", "/v1/shelters/near/report", body, content_type="application/json")
        assert (reply.status, reply.json()) == (202, {"id": "near", "status": "open"})
    (entry,) = city.building.entries(SHELTER_REPORTED)
    assert entry.body == b'{"reports":1}'
    other = city.ask(
        "POST", "/v1/shelters/near/report", body, content_type="application/json", x_forwarded_for="203.0.113.9"
    )
    assert other.json()["status"] == "doubtful"
    assert city.get(f"/v1/shelters?point={HERE}&limit=1").json()["shelters"][0]["status"] == "doubtful"
    assert city.ask("POST", "/v1/shelters/none/report", body, content_type="application/json").status == 404
    assert (
        city.ask("POST", "/v1/shelters/near/report", b"x=1", content_type="application/x-www-form-urlencoded").status
        == 415
    )


def test_few_reports_are_taken_from_one_address(city: Server) -> None:
    """Nobody makes a city's shelters doubtful: after five the sixth has to wait."""
    body = b'{"found": "locked"}'
    found = [city.ask("POST", "/v1/shelters/far/report", body, content_type="application/json") for _ in range(6)]
    assert [reply.status for reply in found] == [202] * 5 + [429]
    assert int(found[-1].headers["retry-after"]) >= 1


def test_another_sites_page_reports_nothing(city: Server) -> None:
    """The button works from this page only: with a script or without, another site's visitors report nothing."""
    for headers in ({}, {"origin": "https://evil.example"}, {"origin": city.base, "sec_fetch_site": "cross-site"}):
        assert city.ask("POST", "/shelters/near/report", b"", **headers).status == 403
    assert city.building.entries(SHELTER_REPORTED) == []
    done = city.ask("POST", "/shelters/near/report?place=UA-30&lang=de", b"", origin=city.base)
    assert (done.status, done.headers["location"]) == (303, "/shelters?place=UA-30&lang=de&reported=1#reported")
    assert len(city.building.entries(SHELTER_REPORTED)) == 1


def test_the_package_of_a_place(city: Server) -> None:
    """It is signed with the realm's key, has every shelter of the place, and does not change until one of them does."""
    reply = city.get("/v1/shelters/offline/UA-30.json?lang=en")
    signed = reply.json()
    key = load_pem_public_key(city.house.keys.public_pem.encode())
    assert isinstance(key, Ed25519PublicKey)
    key.verify(base64.urlsafe_b64decode(signed["signature"] + "=="), signed["payload"].encode())
    told = json.loads(signed["payload"])
    rows = [dict(zip(told["columns"], row, strict=True)) for row in told["rows"]]
    by_id = {row["id"]: row for row in rows}
    assert set(by_id) == {"near", "next", "shut", "day", "far"}
    near = by_id["near"]
    assert (near["lat"] + told["base"][0], near["lon"] + told["base"][1]) == (5_045_010, 3_052_340)
    assert (near["name"], told["streets"][near["street"]], near["house"]) == ("School <b>", "вул. Хрещатик", "1")
    assert told["hours"][near["hours"]][0] == "24/7"
    assert told["hours"][by_id["next"]["hours"]] == ["", None]
    assert [by_id[one]["flags"] for one in ("near", "next", "shut")] == [1, 8, 16]
    assert (told["realm"], told["zone"], told["left_out"]) == ("actual", "Europe/Kyiv", 0)
    again = city.get("/v1/shelters/offline/UA-30.json?lang=en", if_none_match=reply.headers["etag"])
    assert again.status == 304
    assert city.house.shelters is not None
    city.house.shelters.turn("next", "closed", "p1")
    assert city.get("/v1/shelters/offline/UA-30.json?lang=en", if_none_match=reply.headers["etag"]).status == 200
    assert city.get("/v1/shelters/offline/XX-99.json").status == 404


def test_a_large_city_fits_into_its_package(building: Building, tmp_path: Path) -> None:
    """4,000 shelters with long names fit into 300 KB whole; of 30,000 the farthest are left out, and it is said."""
    from tocsin.web.shelter import Desk
    from tocsin.web.shelter_package import PACKAGE_BYTES

    shelters = Shelters(SqlShelters(building.store, tmp_path / "keys", "actual"), building.clock, "actual")
    building.house.shelters = shelters
    for count in (4_000, 30_000):
        listed = tuple(
            Shelter(
                f"{n:012x}",
                "city",
                50_450_000 + (n % 173) * 500,
                30_450_000 + (n // 173) * 700,
                str(n),
                {"": f"Середня загальноосвітня школа №{n}"},
                f"вулиця Велика Васильківська, {n % 90}",
                capacity=n % 900 + 1,
                hours="24/7",
            )
            for n in range(count)
        )
        shelters.take(ShelterFile("city", listed, False, "d"), {})
        ready = Desk(building.house)._pack("UA-30", "uk")
        assert len(ready.body) <= PACKAGE_BYTES
        told = json.loads(json.loads(ready.body)["payload"])
        assert len(told["rows"]) + told["left_out"] == count
        if count == 4_000:
            assert told["left_out"] == 0
            assert told["streets"] == ["вулиця Велика Васильківська"]
        else:
            assert len(told["rows"]) > 5_000


@pytest.mark.parametrize("language", ["en", "uk", "de", "fr"])
def test_the_page_in_every_language(city: Server, language: str) -> None:
    """The page is whole without a script, escapes what a file said, and is small."""
    reply = city.get(f"/shelters?place=UA-30&point={HERE}&lang={language}", accept_encoding="gzip")
    assert reply.status == 200
    assert len(reply.body) <= 14 * 1024
    html = gzip.decompress(reply.body).decode()
    assert f'<html lang="{language}"' in html
    assert ("Школа &lt;b&gt;" if language == "uk" else "School &lt;b&gt;") in html
    assert "<b>Школа" not in html
    assert "form-action 'self'" in reply.headers["content-security-policy"]
    assert html.index("near") < html.index("next")


def test_the_page_says_first_what_to_do_when_nothing_is_in_reach(city: Server) -> None:
    """Where no shelter can be reached in the time there is, the advice stands before the list (req. 11)."""
    html = city.get("/shelters?point=50.60,30.5234&lang=en").body.decode()
    assert html.index("No shelter can be reached in 10 minutes") < html.index('class="near"')
    near = city.get(f"/shelters?point={HERE}&lang=en").body.decode()
    assert near.index('class="near"') < near.index("You cannot reach one in time?")


def test_nobody_is_sent_first_to_a_locked_door(city: Server) -> None:
    """A shelter in doubt is listed and said to be, but it is neither the nearest nor the second choice."""
    assert city.house.shelters is not None
    for who in ("address:1", "address:2"):
        city.house.shelters.report("near", who)
    html = city.get(f"/shelters?point={HERE}&lang=en").body.decode()
    cards = html.split('<li class="card"')[1:]
    assert ["Nearest" in card for card in cards[:3]] == [False, True, False]
    assert "Second choice" in cards[2]
    assert "People found the door locked" in cards[0]


def test_the_page_finds_a_street(city: Server) -> None:
    """Words of an address or a name, however they are spelt, find their shelter; foreign ones find none."""
    assert (
        'id="s-near"'
        in city.get("/shelters?q=%D1%85%D1%80%D0%B5%D1%89%D0%B0%D1%82%D0%B8%D0%BA+1&lang=en").body.decode()
    )
    empty = city.get("/shelters?q=nowhere&lang=en").body.decode()
    assert "No shelter with these words" in empty


@pytest.mark.parametrize("asked", ["place=XX-99", "point=95,10", "point=x", "minutes=abc", "minutes=0", "minutes=nan"])
def test_the_page_refuses_nonsense(city: Server, asked: str) -> None:
    """An unknown place and a point off the Earth are refused, not shown as if they were somewhere."""
    assert city.get(f"/shelters?{asked}").status in (400, 404)


def test_a_house_without_shelters_says_so(server: Server) -> None:
    """Before anything was imported nothing breaks, and the page says what to do."""
    assert server.get(f"/v1/shelters?point={HERE}").json()["shelters"] == []
    assert "No shelter is in our list" in server.get("/shelters?lang=en").body.decode()
    assert json.loads(server.get("/v1/shelters/offline/UA-30.json").json()["payload"])["rows"] == []

"""The areas of the world: which there are, what they are called, what contains what."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib import resources
from zoneinfo import ZoneInfo

import pytest

from tocsin.errors import UnknownPlaceError
from tocsin.place import world
from tocsin.place.gazetteer import Gazetteer, Relation
from tocsin.place.spelling import fold

UKRAINE = [
    "05", "07", "09", "12", "14", "18", "21", "23", "26", "30", "32", "35", "40", "43", "46", "48", "51", "53", "56",
    "59", "61", "63", "65", "68", "71", "74", "77",
]  # fmt: skip


@pytest.fixture(scope="module")
def gazetteer() -> Gazetteer:
    """The world."""
    return Gazetteer.world()


def test_ukraine_is_complete(gazetteer: Gazetteer) -> None:
    """Ukraine has its 27 units, Crimea and Sevastopol among them, each with lines, four names and Kyiv time."""
    assert sorted(gazetteer.children("UA")) == [f"UA-{number}" for number in UKRAINE]
    for code in gazetteer.children("UA"):
        place = gazetteer.get(code)
        assert {"en", "uk", "de", "fr", "ru", "pl", "ar", "he", "es"} <= set(place.names)
        assert place.zone == "Europe/Kyiv"
        assert (place.parent, place.level) == ("UA", 1)
        shape = gazetteer.shape(code)
        assert shape is not None
        assert shape.area_km2 > 500
        assert shape.covers(place.latitude, place.longitude)
    assert not [code for code in gazetteer.children("RU") if code in ("UA-43", "UA-40")]


def test_kyiv_city_and_oblast(gazetteer: Gazetteer) -> None:
    """The map gives the oblast the city's names; here each has its own, in every language."""
    names = {
        "UA-30": ("Kyiv City", "м. Київ", "Kiew Stadt", "Ville de Kiev"),
        "UA-32": ("Kyiv Oblast", "Київська область", "Oblast Kiew", "Oblast de Kiev"),
    }
    for code, expected in names.items():
        assert tuple(gazetteer.name(code, language) for language in ("en", "uk", "de", "fr")) == expected
    city, oblast = gazetteer.get("UA-30"), gazetteer.get("UA-32")
    assert not set(city.names.values()) & set(oblast.names.values())
    assert gazetteer.short_name("UA-30", "en") == "Kyiv"
    city_shape, oblast_shape = gazetteer.shape("UA-30"), gazetteer.shape("UA-32")
    assert city_shape is not None
    assert oblast_shape is not None
    assert city_shape.area_km2 < 2_000 < 20_000 < oblast_shape.area_km2
    assert not oblast_shape.covers(50_450_000, 30_523_000)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Vinnytska oblast", "UA-05"), ("Kyiv City", "UA-30"), ("м. Київ", "UA-30"), ("Kyiv", "UA-30"),
        ("Київ", "UA-30"), ("Kiew", "UA-30"), ("Kiev", "UA-30"), ("Київська область", "UA-32"),
        ("Kyivska oblast", "UA-32"), ("Київщина", "UA-32"), ("Kyiv Oblast", "UA-32"), ("Oblast Kiew", "UA-32"),
        ("Ivano-Frankivska oblast", "UA-26"), ("ivano frankivska  OBLAST", "UA-26"),
        ("Dnipropetrovska oblast", "UA-12"),
        ("Odeska oblast", "UA-51"), ("Odessa", "UA-51"), ("Чернівецька область", "UA-77"), ("Ukraine", "UA"),
        ("Україна", "UA"), ("أوكرانيا", "UA"), ("אוקראינה", "UA"), ("Autonomous Republic of Crimea", "UA-43"),
        ("Avtonomna Respublika Krym", "UA-43"), ("m. Sevastopol", "UA-40"), ("Bayern", "DE-BY"), ("Sao Paulo", "BR-SP"),
        ("Georgia", "GE"), ("Luxembourg", "LU"), ("Moscow", "RU-MOW"), ("Atlantis", None),
        ("", None),
    ],
)  # fmt: skip
def test_find(gazetteer: Gazetteer, name: str, code: str | None) -> None:
    """A name in any language or spelling finds its place first; a country goes before a region of that name."""
    found = gazetteer.find(name)
    assert (found[0].code if found else None) == code


def test_every_oblast_by_its_recorded_name(gazetteer: Gazetteer) -> None:
    """The spellings of the recordings lead to 25 different units."""
    recorded = "Vinnytska Volynska Dnipropetrovska Donetska Zhytomyrska Zakarpatska Zaporizka Ivano-Frankivska Kyivska"
    recorded += " Kirovohradska Luhanska Lvivska Mykolaivska Odeska Poltavska Rivnenska Sumska Ternopilska Kharkivska"
    recorded += " Khersonska Khmelnytska Cherkaska Chernivetska Chernihivska"
    codes = [gazetteer.find(f"{name} oblast", within="UA")[0].code for name in recorded.split()]
    assert len(set(codes)) == 24
    assert [place.code for place in gazetteer.find("Kyiv City")] == ["UA-30"]


def test_find_within_and_language(gazetteer: Gazetteer) -> None:
    """Within an area, only what lies there is found; a language puts its own names first."""
    assert [place.code for place in gazetteer.find("Georgia", within="US")] == ["US-GA"]
    assert gazetteer.find("Kyiv", within="PL") == []
    assert len(gazetteer.find("Central", limit=2)) == 2


def test_suggest(gazetteer: Gazetteer) -> None:
    """Somebody typing is offered beginnings, and near names for a typing mistake."""
    assert "UA-63" in {place.code for place in gazetteer.suggest("khark", within="UA")}
    assert "UA-05" in {place.code for place in gazetteer.suggest("Vinitsia", within="UA")}
    assert gazetteer.find("Vinitsia") == []


def test_relation(gazetteer: Gazetteer) -> None:
    """An alert for the country contains the oblast; one for the oblast is a part of the country; neighbours: none."""
    assert gazetteer.relation("UA-32", "UA-32") is Relation.SAME
    assert gazetteer.relation("UA", "UA-32") is Relation.CONTAINS
    assert gazetteer.relation("UA-32", "UA") is Relation.PART
    assert gazetteer.relation("UA-32", "UA-30") is None
    assert gazetteer.relation("PL-MA", "PL-12") is Relation.SAME
    assert gazetteer.ancestors("UA-30") == ("UA",)
    assert len(gazetteer.descendants("UA")) == 27
    assert gazetteer.children("UA-30") == ()


def test_no_code_that_is_not_iso(gazetteer: Gazetteer) -> None:
    """No code has ~ or -99: such parts of the map are mapped with a reason or count for the country around them."""
    codes = [place.code for place in gazetteer]
    assert not [code for code in codes if "~" in code or "99" in code[:3]]
    assert len(codes) == len(set(codes))
    assert sum(place.level == 0 for place in gazetteer) == 250  # ISO 3166-1's 249, and XK.
    for place in gazetteer:
        assert place.level == (1 if "-" in place.code else 0)
        assert place.parent is None or place.parent in gazetteer
        assert place.names["en"].strip()


def test_every_override_has_its_reason() -> None:
    """Nothing is changed in the data without saying why."""
    text = (resources.files("tocsin.place") / "data" / "overrides.toml").read_text("utf-8")
    for kind, entries in tomllib.loads(text).items():
        for entry in entries:
            assert len(entry["reason"]) > 20, (kind, entry)


@pytest.mark.parametrize(
    ("latitude", "longitude", "codes"),
    [
        (50.45, 30.523, ("UA-30", "UA")),
        (50.45, 31.2, ("UA-32", "UA")),
        (44.95, 34.1, ("UA-43", "UA")),
        (44.6, 33.52, ("UA-40", "UA")),
        (46.48, 30.75, ("UA-51", "UA")),
        (55.755, 37.617, ("RU-MOW", "RU")),
        (35.70, 51.40, ("IR-23", "IR")),
        (29.60, 52.53, ("IR-07", "IR")),
        (35.2, 33.4, ("CY",)),
        (42.66, 21.16, ("XK",)),
        (18.4, -66.1, ("PR",)),
        (22.32, 114.17, ("HK",)),
        (-17.8, 177.9, ("FJ-W", "FJ")),
        (67.0, -179.0, ("RU-CHU", "RU")),
        (-90, 0, ("AQ",)),
        (0, 0, ()),
        (43.0, 35.0, ()),
    ],
)
def test_at(gazetteer: Gazetteer, latitude: float, longitude: float, codes: tuple[str, ...]) -> None:
    """A point lies where ISO 3166 says it does, innermost first; at sea it lies nowhere."""
    places = gazetteer.at(round(latitude * 1e6), round(longitude * 1e6))
    assert tuple(place.code for place in places) == codes


def test_off_the_shore(gazetteer: Gazetteer) -> None:
    """A pier that the coarse coast leaves in the water belongs to the nearest region (quirk 63)."""
    place = gazetteer.at(46_487_000, 30_775_000)
    assert [one.code for one in place] == ["UA-51", "UA"]


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("ISO3166-2", "UA-30", "UA-30"), ("ISO 3166-2", "ua-30", "UA-30"), ("iso_3166_2", "UA_30", "UA-30"),
        ("ISO3166-1", "UA", "UA"), ("ISO 3166-1 alpha-3", "UKR", "UA"), ("ISO3166-2", "PL-MA", "PL-12"),
        ("ISO3166-2", "US-PR", "PR"), ("ISO3166-2", "RS-KM", "XK"), ("ISO3166-2", "UA-99", None),
        ("EMMA_ID", "UA-30", None), ("SAME", "006109", None), ("ISO3166-2", "", None),
    ],
)  # fmt: skip
def test_geocode(gazetteer: Gazetteer, name: str, value: str, code: str | None) -> None:
    """A CAP geocode of ISO 3166 in its usual spellings is an area; other registries are not guessed at."""
    assert gazetteer.geocode(name, value) == code


def test_codes_that_changed_their_meaning(gazetteer: Gazetteer) -> None:
    """IR-07 is Fars, not Tehran as in the map's edition; UG-316 is Amuru; RU-MOW is the city."""
    assert gazetteer.name("IR-07", "en") == "Fars"
    assert gazetteer.name("IR-23", "en") == "Tehran"
    assert gazetteer.name("UG-316", "en") == "Amuru"
    moscow = gazetteer.shape("RU-MOW")
    assert moscow is not None
    assert moscow.area_km2 < 5_000
    assert "MA-08" not in gazetteer


@pytest.mark.parametrize(
    ("code", "name"),
    [("IE-D", "County Dublin"), ("BA-BIH", "Federation of Bosnia and Herzegovina"), ("PH-00", "Metro Manila"),
     ("NO-46", "Vestland"), ("AU-NSW", "New South Wales"), ("KZ-75", "Almaty City"), ("LV-JEL", None)],
)  # fmt: skip
def test_duplicates_merge(gazetteer: Gazetteer, code: str, name: str | None) -> None:
    """Units that share a code are one area under the name of the whole, with all their ground."""
    if name is not None:
        assert gazetteer.name(code, "en") == name
    assert gazetteer.shape(code) is not None


def test_zones(gazetteer: Gazetteer) -> None:
    """Every place has a zone that exists, and wide countries have the legal one."""
    for zone in {place.zone for place in gazetteer}:
        ZoneInfo(zone)
    expected = {
        "US-TX": "America/Chicago", "US-CA": "America/Los_Angeles", "RU-KGD": "Europe/Kaliningrad",
        "RU": "Europe/Moscow",
        "AU-WA": "Australia/Perth", "BR-SP": "America/Sao_Paulo", "DE": "Europe/Berlin", "DE-BY": "Europe/Berlin",
        "CN-XJ": "Asia/Shanghai", "UA-43": "Europe/Kyiv", "XK": "Europe/Belgrade", "ES-TF": "Atlantic/Canary",
        "MX-CMX": "America/Mexico_City", "GB": "Europe/London", "PL-14": "Europe/Warsaw", "IL": "Asia/Jerusalem",
    }  # fmt: skip
    assert {code: gazetteer.get(code).zone for code in expected} == expected


def test_unknown_places(gazetteer: Gazetteer) -> None:
    """An unknown code is an error with a code; asking whether it is there is not."""
    assert "UA-99" not in gazetteer
    assert "UKR" in gazetteer
    with pytest.raises(UnknownPlaceError, match="UA-99"):
        gazetteer.get("UA-99")
    assert gazetteer.get("ua-30").code == "UA-30"


def test_names_are_never_empty(gazetteer: Gazetteer) -> None:
    """Any place has a name in any language, at worst another one's."""
    for place in gazetteer:
        for language in ("en", "uk", "ar", "ja", "nonsense"):
            assert gazetteer.name(place.code, language)
    assert gazetteer.name("UA-30", "uk-UA") == "м. Київ"
    assert gazetteer.name("UA-30", "de-AT") == "Kiew Stadt"
    assert gazetteer.name("UA-30", "ja") == "Kyiv City"


def test_country_shape_is_all_its_regions(gazetteer: Gazetteer) -> None:
    """A country covers what its regions cover, by ISO code: Crimea for Ukraine."""
    ukraine = gazetteer.shape("UA")
    assert ukraine is not None
    assert ukraine.covers(44_950_000, 34_100_000)
    assert ukraine.area_km2 == pytest.approx(603_600, rel=0.02)


def test_names_load_without_lines() -> None:
    """Names come without reading any geometry, in far less than the time a page takes; the file is small."""
    script = (
        "import time; from tocsin.place.gazetteer import Gazetteer; from tocsin.place import world;"
        "start = time.process_time(); g = Gazetteer.world(); g.name('UA-30', 'uk'); "
        "spent = time.process_time() - start;"
        "assert world.boxes.cache_info().currsize == 0 and world._index.cache_info().currsize == 0; print(spent)"
    )
    done = [
        float(subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout)
        for _ in range(3)
    ]
    assert min(done) < 0.1
    assert len((resources.files("tocsin.place") / "data" / "world.bin").read_bytes()) < 2_000_000


def test_lines_of_one_country_only() -> None:
    """A country's lines come alone, as whole micro-degrees, with a box that holds them."""
    polygons = world.polygons("UA")
    codes, boxes = world.boxes()
    for code, rows in polygons.items():
        south, west, north, east = boxes[codes.index(code)]
        for rings in rows:
            for ring in rings:
                assert ring.dtype == "int64"
                assert ((ring[:, 0] >= south) & (ring[:, 0] <= north)).all()
                assert ((ring[:, 1] >= west) & (ring[:, 1] <= east)).all()
    assert world.polygons("ZZ") == {}


def test_regions_of_regions(gazetteer: Gazetteer) -> None:
    """An alert for Scotland, Lombardy or Alsace concerns what ISO 3166-2 has within it, and covers its ground."""
    assert gazetteer.relation("GB-SCT", "GB-EDH") is Relation.CONTAINS
    assert gazetteer.relation("GB-EDH", "GB-SCT") is Relation.PART
    assert gazetteer.relation("GB-ENG", "GB-EDH") is None
    assert gazetteer.ancestors("FR-67") == ("FR-6AE", "FR-GES", "FR")
    assert gazetteer.ancestors("IT-MI") == ("IT-25", "IT")
    assert gazetteer.find("Lombardei")[0].code == "IT-25"
    assert [place.code for place in gazetteer.at(55_950_000, -3_200_000)] == ["GB-EDH", "GB-SCT", "GB"]
    scotland = gazetteer.shape("GB-SCT")
    assert scotland is not None
    assert scotland.covers(57_150_000, -2_110_000)
    assert scotland.area_km2 == pytest.approx(78_000, rel=0.05)


def test_no_two_regions_of_a_country_share_a_name(gazetteer: Gazetteer) -> None:
    """The trap of Kyiv, everywhere: no two regions of one country have the same name in en, uk, de or fr."""
    seen: dict[tuple[str, str, str], str] = {}
    same = []
    for place in gazetteer:
        if place.level != 1:
            continue
        for language in ("en", "uk", "de", "fr"):
            key = (place.code[:2], language, fold(gazetteer.name(place.code, language)))
            other = seen.setdefault(key, place.code)
            # A region that holds the other, and little else, may bear its name (ISO 3166-2 has Madrid twice).
            if other != place.code and gazetteer.relation(other, place.code) is None:
                same.append((other, place.code, key))
    assert same == []


@pytest.mark.parametrize(
    ("name", "country", "code"),
    [
        ("Buenos Aires", "AR", "AR-C"), ("Minsk", "BY", "BY-HM"), ("Zagreb", "HR", "HR-21"), ("Sofia", "BG", "BG-22"),
        ("Tashkent", "UZ", "UZ-TK"), ("Almaty", "KZ", "KZ-75"), ("Washington", "US", "US-WA"), ("Sanaa", "YE", "YE-SA"),
        ("Tehran", "IR", "IR-23"), ("Damascus", "SY", "SY-DI"),
    ],
)  # fmt: skip
def test_a_city_before_the_region_around_it(gazetteer: Gazetteer, name: str, country: str, code: str) -> None:
    """A bare name means the city, not the region that is named after it."""
    assert gazetteer.find(name, within=country)[0].code == code


def test_the_shipped_file_is_built_from_the_overrides(gazetteer: Gazetteer) -> None:
    """Every name, code and group of the overrides is in the file: nobody forgot to build it again."""
    given = tomllib.loads((resources.files("tocsin.place") / "data" / "overrides.toml").read_text("utf-8"))
    for entry in given["places"]:
        place = gazetteer.get(entry["code"])
        assert entry["names"].items() <= place.names.items()
        assert place.short == entry.get("short", {})
    for entry in given["codes"]:
        for old, new in entry.get("to", {}).items():
            assert new in gazetteer
            assert old not in gazetteer or not entry.get("alias", True) or gazetteer.canonical(old) == new
    for part in given["groups"]:
        for code, group in part["area"].items():
            assert set(gazetteer.children(code)) == set(group["of"])
    for entry in given["zones"]:
        for zone, codes in entry.get("of", {}).items():
            assert {gazetteer.get(code).zone for code in codes if code in gazetteer} <= {zone}

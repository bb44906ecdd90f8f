"""Area packs: the levels below ISO 3166-2, from GeoJSON, from code trees and from recorded names."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from tocsin.errors import ImportFileError, InputError, UnknownPlaceError
from tocsin.place.gazetteer import AreaPack, Gazetteer, Relation, Unit
from tocsin.place.pack import from_rows, load, row_place

TREE = {
    "states": [
        {
            "stateName": "Черкаська область",
            "stateId": 24,
            "districts": [
                {
                    "districtName": "Уманський район",
                    "districtId": 151,
                    "communities": [
                        {"communityName": "Уманська територіальна громада", "communityId": 1447},
                        {"communityName": "Жашківська територіальна громада", "communityId": 1448},
                    ],
                }
            ],
        },
        {
            "stateName": "Миколаївська область",
            "stateId": 17,
            "districts": [
                {
                    "districtName": "Первомайський район",
                    "districtId": 100,
                    "communities": [
                        {
                            "communityName": "м. Первомайськ та Первомайська територіальна громада",
                            "communityId": 905,
                        }
                    ],
                }
            ],
        },
        {"stateName": "м. Київ", "stateId": 31, "districts": []},
    ]
}


def as_bytes(value: Any) -> bytes:
    """JSON, as a file holds it."""
    return json.dumps(value, ensure_ascii=False).encode()


def feature(code: Any, parent: Any, name: Any, west: float = 30.0, **more: Any) -> dict[str, Any]:
    """A square degree with the usual properties."""
    corners = [[west, 50.0], [west + 1, 50.0], [west + 1, 51.0], [west, 51.0], [west, 50.0]]
    return {
        "type": "Feature",
        "properties": {"code": code, "parent": parent, "name": name},
        "geometry": {"type": "Polygon", "coordinates": [corners]},
        **more,
    }


def collection(*features: dict[str, Any]) -> bytes:
    """A FeatureCollection of these."""
    return as_bytes({"type": "FeatureCollection", "features": list(features)})


@pytest.fixture(scope="module")
def gazetteer() -> Gazetteer:
    """The world with the tree's levels below it."""
    return Gazetteer.world().with_pack(load(as_bytes(TREE), "ua"))


def test_states_are_linked_by_name(gazetteer: Gazetteer) -> None:
    """An oblast of the tree is the ISO area of that name, not a second one."""
    assert gazetteer.get("ua:24").code == "UA-71"
    assert gazetteer.get("ua:31").code == "UA-30"
    assert gazetteer.relation("ua:24", "UA-71") is Relation.SAME
    assert len(gazetteer) == len(Gazetteer.world()) + 5


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Umanskyi raion", "ua:151"), ("Уманський район", "ua:151"), ("Umanska terytorialna hromada", "ua:1447"),
        ("m. Pervomaisk ta Pervomaiska terytorialna hromada", "ua:905"), ("Pervomaiska terytorialna hromada", "ua:905"),
        ("Первомайськ", "ua:905"), ("Zhashkivska terytorialna hromada", "ua:1448"), ("UMANSKYI  RAION", "ua:151"),
    ],
)  # fmt: skip
def test_latin_names_are_found(gazetteer: Gazetteer, name: str, code: str) -> None:
    """The official Latin spelling finds what the tree names in Ukrainian."""
    assert [place.code for place in gazetteer.find(name)] == [code]


def test_a_district_concerns_its_region_in_part(gazetteer: Gazetteer) -> None:
    """Whoever chose the oblast hears of its raion, and whoever chose the raion hears of the oblast (quirk 78)."""
    assert gazetteer.relation("ua:151", "UA-71") is Relation.PART
    assert gazetteer.relation("ua:1447", "UA-71") is Relation.PART
    assert gazetteer.relation("ua:1447", "UA") is Relation.PART
    assert gazetteer.relation("UA-71", "ua:1447") is Relation.CONTAINS
    assert gazetteer.relation("ua:151", "UA-48") is None
    assert gazetteer.ancestors("ua:1447") == ("ua:151", "UA-71", "UA")
    assert gazetteer.get("ua:1447").level == 3
    assert gazetteer.get("ua:1447").zone == "Europe/Kyiv"
    assert gazetteer.children("ua:151") == ("ua:1447", "ua:1448")
    assert "ua:1447" in gazetteer.descendants("UA")


def test_pack_geocodes(gazetteer: Gazetteer) -> None:
    """A CAP geocode named after the pack is its value; another value is nothing."""
    assert gazetteer.geocode("UA", "151") == "ua:151"
    assert gazetteer.geocode("ua", "24") == "UA-71"
    assert gazetteer.geocode("ua", "999999") is None


def test_the_world_is_left_alone(gazetteer: Gazetteer) -> None:
    """A pack makes a new gazetteer; the world has no area of it."""
    assert "ua:151" not in Gazetteer.world()
    with pytest.raises(InputError):
        gazetteer.with_pack(AreaPack("ua", ()))
    with pytest.raises(InputError):
        gazetteer.with_pack(AreaPack("a b:c", ()))


def test_geojson() -> None:
    """Features become areas with their shape, parents in any order, ISO parents and names in several languages."""
    inner = feature("b", "a", "Innen", west=30.0)
    inner["properties"]["name:uk"] = "Внутрішній"
    outer = feature("a", "UA-32", "Außen", west=30.0)
    pack = load(collection(inner, outer), "mine")
    assert [unit.code for unit in pack.units] == ["a", "b"]
    gazetteer = Gazetteer.world().with_pack(pack)
    assert gazetteer.ancestors("mine:b") == ("mine:a", "UA-32", "UA")
    assert gazetteer.name("mine:b", "uk") == "Внутрішній"
    assert gazetteer.name("mine:b", "en") == "Vnutrishnii"
    assert [place.code for place in gazetteer.at(50_500_000, 30_500_000)] == ["mine:b", "mine:a", "UA-32", "UA"]
    shape = gazetteer.shape("mine:a")
    assert shape is not None
    assert shape.covers(50_000_000, 30_000_000)


def test_geojson_mapping() -> None:
    """The properties can be named: code, parent and name."""
    given = feature("x", None, "unused")
    given["properties"] = {"KOD": 7, "OBER": "DE-BY", "GEN": "Landkreis", "GEN_fr": "Arrondissement"}
    pack = load(collection(given), "lk", {"code": "KOD", "parent": "OBER", "name": "GEN"})
    unit = pack.units[0]
    assert (unit.code, unit.parent, unit.names) == ("7", "DE-BY", {"und": "Landkreis", "fr": "Arrondissement"})


BROKEN = [
    (b"{", "not JSON"),
    (b"[" * 100_000, "."),
    (b"7", "neither"),
    (b"[]", "no object"),
    (as_bytes({"states": [{"stateName": "X"}]}), r"\$\.states\[0\] has a name and no id"),
    (as_bytes({"states": [{"stateId": 1}]}), r"\$\.states\[0\] has an id and no name"),
    (as_bytes([{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]), r"\$\[1\] has the id 1, which \$\[0\]"),
    (as_bytes([{"id": 1, "name": " "}]), r"\$\[0\] has an empty name"),
    (as_bytes([[[{"id": 1, "name": "a"}, 5]]]), "should be an object"),
    (collection(), "no features"),
    (collection(feature(None, None, "a")), r"features\[0\] has no code"),
    (collection(feature("a", None, None)), r"features\[0\] \(a\) has no name"),
    (collection(feature("a", None, "a"), feature("a", None, "b")), r"features\[1\] has the code a"),
    (collection(feature("a", "zzz", "a")), r"features\[0\] \(a\) has the parent zzz"),
    (collection(feature("a", "b", "a"), feature("b", "a", "b")), "its own ancestor"),
    (collection(feature("a", None, "a", geometry={"type": "Point", "coordinates": [1, 2]})), "must be a Polygon"),
    (collection(feature("a", None, "a", geometry={"type": "Polygon", "coordinates": [[[1, 2], ["x"]]]})),
     r"features\[0\].geometry.coordinates\[0\] is not a list of positions"),
    (collection(feature("a", None, "a", geometry={"type": "Polygon", "coordinates": [[[1, 2], [2, 3]]]})),
     "encloses no area"),
    (collection(feature("a", None, "a", geometry={"type": "Polygon", "coordinates": []})), "encloses no area"),
    (as_bytes({"type": "FeatureCollection", "features": [7]}), r"features\[0\] is not a Feature"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "message"), BROKEN)
def test_a_bad_pack_names_the_fault(data: bytes, message: str) -> None:
    """A bad pack is an error with a code that says where the fault is, and nothing is taken."""
    with pytest.raises(ImportFileError, match=message) as caught:
        load(data, "bad")
    assert caught.value.code == "input.file"


def test_unknown_parent_in_a_made_pack() -> None:
    """A pack made by hand with an unknown parent or an unknown ISO area is an error too."""
    with pytest.raises(UnknownPlaceError, match="p:1"):
        Gazetteer.world().with_pack(AreaPack("p", (Unit("1", "nowhere", {"en": "One"}),)))
    with pytest.raises(UnknownPlaceError, match="p:2"):
        Gazetteer.world().with_pack(AreaPack("p", (), {"2": "UA-99"}))


ROWS = [
    ("Vinnytska oblast", "", ""),
    ("Cherkaska oblast", "Umanskyi raion", "Umanska terytorialna hromada"),
    ("Mykolaivska oblast", "Pervomaiskyi raion", "m. Pervomaisk ta Pervomaiska terytorialna hromada"),
    ("Dnipropetrovska oblast", "", "Pokrovska terytorialna hromada"),
    ("Dnipropetrovska oblast", "Nikopolskyi raion", "Pokrovska terytorialna hromada"),
    ("Dnipropetrovska oblast", "Synelnykivskyi raion", "Pokrovska terytorialna hromada"),
    ("Lubenskyi raion", "Poltavska oblast", "Hrebinkivska terytorialna hromada"),
]


def test_rows() -> None:
    """Recorded names make a pack; two communities of one name in two districts are two; a dirty row makes nothing."""
    gazetteer = Gazetteer.world().with_pack(from_rows(ROWS, "recording"))
    found = [row_place(gazetteer, *row) for row in ROWS]
    assert [None if place is None else place.code for place in found] == [
        "UA-05",
        "recording:71.umanska-terytorialna-hromada",
        "recording:48.m-pervomaisk-ta-pervomaiska-terytorialna-hromada",
        "recording:12.pokrovska-terytorialna-hromada",
        "recording:12.pokrovska-terytorialna-hromada",
        "recording:12.synelnykivskyi-raion.pokrovska-terytorialna-hromada",
        None,
    ]
    assert gazetteer.ancestors("recording:12.pokrovska-terytorialna-hromada")[0] == "recording:12.nikopolskyi-raion"
    assert gazetteer.relation("recording:71.umanska-terytorialna-hromada", "UA-71") is Relation.PART


def test_the_real_tree_and_recording(shared: Path) -> None:
    """All 25 states of the real tree are linked, and every clean row of the recording finds its place in it."""
    pack = load((shared / "airraid" / "regions_uk.json").read_bytes(), "airraid")
    assert len(pack.same) == 25
    assert len(pack.units) == 1580
    gazetteer = Gazetteer.world().with_pack(pack)
    with (shared / "airraid" / "official_2022-03_2024-04.csv").open(newline="") as file:
        rows = {(row["oblast"], row["raion"], row["hromada"]) for row in csv.DictReader(file)}
    assert [row for row in rows if row_place(gazetteer, *row) is None] == [
        ("Lubenskyi raion", "Poltavska oblast", "Hrebinkivska terytorialna hromada")
    ]
    for region, district, community in rows:
        place = row_place(gazetteer, region, district, community)
        if place is not None:
            assert place.level == (3 if community else 2 if district else 1)
            assert gazetteer.find(region)[0].code in (place.code, *gazetteer.ancestors(place.code))

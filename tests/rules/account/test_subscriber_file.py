"""Lists of subscribers as organisations write them, and what cannot be understood of them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.account.subscriber_file import Listed, Roster, read_list
from tocsin.errors import ImportFileError
from tocsin.place.gazetteer import Gazetteer
from tocsin.reach.wanted import Watch

WORLD = Gazetteer.world()


def read(text: str, encoding: str = "utf-8", **mapping: object) -> Roster:
    return read_list(text.encode(encoding), mapping, WORLD)


def codes(found: Roster) -> list[tuple[int, str, bool]]:
    return [(fault.row, fault.code, fault.left_out) for fault in found.faults]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Key,E-mail,Phone,Area,Language\n7,olena@example.org,+380441234567,UA-30,uk\n", "utf-8"),
        ("\ufeffkey;email;mobile;region;lang\r\n7;olena@example.org;'+380441234567;ua-30;uk\r\n", "utf-8"),
        ("Embassy list\n\nномер\tпошта\tтелефон\tобласть\tмова\n7\tolena@example.org\t+380441234567\tм. Київ\tuk\n", "cp1251"),
        ("Personalnummer|E-Mail-Adresse|Handy|Gebiet|Sprache\n7|olena@example.org|+380441234567|UA-30|uk\n", "utf-16"),
        ('[{"key": 7, "mail": "olena@example.org", "sms": "+380441234567", "areas": ["UA-30"], "languages": ["uk"]}]', "utf-8"),
        ('{"subscribers": [{"id":"7","email":"olena@example.org","phone":"+380441234567","area":"UA-30","lang":"uk"}]}', "utf-8"),
    ],
)  # fmt: skip
def test_the_same_person_however_it_is_written(text: str, encoding: str) -> None:
    """Separators, encodings, languages of the header, lines above it, byte order marks and JSON make no difference."""
    found = read(text, encoding)
    (one,) = found.listed
    assert (one.key, one.languages, one.areas) == ("7", ("uk",), ("UA-30",))
    assert one.ways == (("sms", "+380441234567"), ("mail", "olena@example.org"))
    assert codes(found) == []


def test_everything_that_a_row_can_say() -> None:
    """Several areas and addresses, a point with a radius, phases, severities, roles, dates by the place's own clock."""
    found = read(
        "key,mail,areas,lat,lon,radius,phases,severities,audience,roles,start,until\n"
        'a,"x@example.org; y@example.org",UA-30;Lviv Oblast,"50,45",30.52,2.5 km,act;all-clear,extreme,Staff,warden/medic,'
        "2024-11-20,30.11.2024\n",
        order=["mail", "sms"],
    )
    (one,) = found.listed
    assert one.ways == (("mail", "x@example.org"), ("mail", "y@example.org"))
    assert one.areas == ("UA-30", "UA-46")
    assert one.watches == (Watch(50_450_000, 30_520_000, 2500),)
    assert (one.phases, one.severities, one.audience, one.roles) == (
        ("act", "all-clear"), ("Extreme",), "staff", ("warden", "medic"),
    )  # fmt: skip
    # In Kyiv the day begins two hours before it does in UTC, and the last day is there to its end.
    assert one.start == datetime(2024, 11, 19, 22, tzinfo=UTC)
    assert one.until == datetime(2024, 11, 30, 22, tzinfo=UTC)


def test_what_is_not_understood_is_said_and_nothing_guessed() -> None:
    """Each fault has its row and code; who has no way, no place or no clear end is left out; the others are taken."""
    found = read(
        "key,mail,areas,lat,lon,radius,language,audience,until\n"
        "1,,UA-30,,,,,,\n"
        "2,b@example.org,Atlantis,,,,,,\n"
        "3,c@example.org,UA-30,95,200,,,,\n"
        "4,d@example.org,UA-30,50.45,30.52,far,,,\n"
        "5,e@example.org,UA-30,,,,ukrainian!,,\n"
        "6,f@example.org,UA-30,,,,,boss,\n"
        "7,g@example.org,UA-30,,,,,,03/04/2025\n"
        "8,h@example.org,UA-30,,,,,,soon\n"
        "3,i@example.org,UA-30,,,,,,\n"
    )
    assert codes(found) == [
        (2, "row.no-way", True), (3, "row.area", False), (3, "row.no-place", True), (4, "row.point", False),
        (5, "row.radius", False), (6, "row.language", False), (7, "row.audience", False), (8, "row.date", False),
        (8, "row.until", True), (9, "row.date", False), (9, "row.until", True), (10, "row.repeated", True),
    ]  # fmt: skip
    assert [one.key for one in found.listed] == ["3", "4", "5", "6"]
    # Nobody becomes staff by a word that is not known.
    assert [one.audience for one in found.listed] == ["citizen", "citizen", "citizen", "public"]
    assert found.rows == 9


def test_a_mapping_wins_and_its_mistakes_are_said() -> None:
    """Columns, defaults and words come from the mapping; one that names what is not there is refused."""
    text = "Nr;Kontakt;Wer\n1;a@example.org;Botschaft\n"
    found = read(
        text, fields={"key": "Nr", "mail": "Kontakt", "audience": "Wer"}, areas=["DE-BE"], staff=["botschaft"],
        languages=["de"], radius_m=0, dataset="Botschaft",
    )  # fmt: skip
    assert found.dataset == "Botschaft"
    assert found.listed == (
        Listed(2, "1", (("mail", "a@example.org"),), ("DE-BE",), languages=("de",), audience="staff"),
    )
    for wrong in ({"fields": {"mail": "Nirgends"}}, {"fields": {"pigeon": "Nr"}}, {"more": 1}, {"order": ["pigeon"]}):
        with pytest.raises(ImportFileError):
            read(text, **wrong)


@pytest.mark.parametrize("text", ["", "   \n", "name,colour\nx,red\n", "{", '{"a": 1}', '["a"]', "\x00\x01\x02binary"])
def test_what_is_no_list_is_refused(text: str) -> None:
    """An empty file, one without addresses, broken JSON and no text at all are refused in a sentence."""
    with pytest.raises(ImportFileError):
        read(text)


@given(st.binary(max_size=400))
def test_nothing_breaks_the_reading(content: bytes) -> None:
    """Whatever the bytes are, they are a list or are refused."""
    try:
        found = read_list(b"key,mail,areas,until,lat,lon\n" + content, {}, WORLD)
    except ImportFileError:
        return
    assert all(one.ways and (one.areas or one.points or one.watches) for one in found.listed)

"""Sheets as organisations keep them: read by kind, every fault named, nothing guessed, nobody doubled."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.account.importing import Understood
from tocsin.account.roster import Kind, Member, Stale, Way, freshness
from tocsin.account.roster_file import Row, read_sheet
from tocsin.errors import ImportFileError
from tocsin.reach.channels import mail, sms, telegram

ADDRESSES = {"mail": mail.address, "sms": sms.address, "telegram": telegram.address}
PLAIN = """Staff ID,Full name,Floor,Warden of,Languages,Mobile,E-mail,From,Until,Type
7,Olena Koval,Floor 2,,uk;en,+380 44 123 45 67,olena@example.org,,,staff
8,Jean Petit,Floor 3,"Floor 2, Floor 3",fr,,jean@example.org,,,staff
9,Ann Guest,Floor 2,,,0049 30 1234567,,2024-11-18,2024-11-22,visitor
"""


def read(text: str | bytes, **mapping: object) -> Understood:
    """What a sheet says."""
    return read_sheet(text.encode() if isinstance(text, str) else text, mapping, ADDRESSES, "Europe/Kyiv")


def rows(found: Understood) -> list[Row]:
    """The people of it."""
    return list(found.found)


def test_a_plain_sheet() -> None:
    """Names, zones, wards, languages, ways and a visitor's days are understood; a last day lasts until its end."""
    found = read(PLAIN)
    assert found.counts == {"rows": 3, "taken": 3, "left_out": 0}
    assert found.faults == ()
    olena, jean, ann = rows(found)
    assert (olena.details.name, olena.details.key, olena.member.zone) == ("Olena Koval", "7", "Floor 2")
    assert olena.details.ways == (Way("sms", "+380441234567"), Way("mail", "olena@example.org"))
    assert olena.member.languages == ("uk", "en")
    assert jean.member.wards == ("Floor 2", "Floor 3")
    assert ann.member.kind is Kind.VISITOR
    assert ann.member.ends == datetime(2024, 11, 22, 22, tzinfo=UTC)
    assert not ann.member.here(datetime(2024, 11, 22, 22, tzinfo=UTC))
    assert ann.member.here(datetime(2024, 11, 22, 21, 59, tzinfo=UTC))


UKRAINIAN = "Номер;ПІБ;Поверх;Телефон;Мова\n1;Олена Коваль;2;+380441234567;українська\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1251"])
def test_encodings_and_ukrainian_headers(encoding: str) -> None:
    """A sheet from Kyiv is read in every encoding that programs there write."""
    (row,) = rows(read(UKRAINIAN.encode(encoding)))
    assert (row.details.name, row.member.zone) == ("Олена Коваль", "2")


def test_german_in_an_old_encoding() -> None:
    """Umlauts from an old program are letters and not Cyrillic."""
    text = "Personalnummer;Nachname;Vorname;Gebäude;Handy\n5;Müller;Jürgen;Süd;0049 170 1234567\n"
    (row,) = rows(read(text.encode("cp1252")))
    assert (row.details.name, row.member.zone) == ("Jürgen Müller", "Süd")


def test_a_mapping_names_columns_and_what_is_always_so() -> None:
    """Columns that are called otherwise are found by the mapping, and what is the same for all is said once."""
    text = "Ref|Who|Tel\nx1|Ada|+441632960001\n"
    found = read(
        text, columns={"key": "Ref", "name": "Who", "sms": "Tel"}, always={"zone": "London", "languages": "en"}
    )
    (row,) = rows(found)
    assert (row.details.key, row.details.name, row.member.zone) == ("x1", "Ada", "London")
    with pytest.raises(ImportFileError, match="what there is not"):
        read(text, columns={"nme": "Who"})
    with pytest.raises(ImportFileError, match="no column 'Wer'"):
        read(text, columns={"name": "Wer"})


def test_faults_are_named_by_row_and_code() -> None:
    """A row that is not understood is left out with its number; a bad number costs only the number."""
    text = (
        "id,name,phone,email,type,until\n"
        "1,Ada,12345,ada@example.org,staff,\n"
        ",Nobody,+380441234567,,staff,\n"
        "2,,+380441234567,,staff,\n"
        "1,Ada again,+380441234567,,staff,\n"
        "3,Guest,+380441234567,,visitor,\n"
        "4,Late,+380441234567,,visitor,tomorrow\n"
        "5,Odd,+380441234567,,robot,\n"
        "6,Lone,,,staff,\n"
        "7,=cmd|' /C calc'!A0,'+380441234567,,staff,\n"
    )
    found = read(text)
    assert [(fault.row, fault.code, fault.left_out) for fault in found.faults] == [
        (2, "roster.sms", False),
        (3, "roster.no-key", True),
        (4, "roster.no-name", True),
        (5, "roster.key-doubled", True),
        (6, "roster.visitor-end", True),
        (7, "roster.date", True),
        (8, "roster.kind", True),
        (9, "roster.no-way", False),
    ]
    assert [row.details.key for row in rows(found)] == ["1", "6", "7"]
    assert rows(found)[2].details.name == "=cmd|' /C calc'!A0"
    assert found.counts == {"rows": 9, "taken": 3, "left_out": 6}


@pytest.mark.parametrize(
    "text", ["", "\n\n", "a,b\n1,2\n", "name,phone\nAda,+441632960001\n", b"PK\x03\x04\x00\x00\x00"]
)
def test_what_is_no_sheet_is_refused(text: str | bytes) -> None:
    """A file in which nobody can be told from anybody is refused as a whole."""
    with pytest.raises(ImportFileError):
        read(text)


@given(st.binary(max_size=400))
def test_no_bytes_break_the_reader(content: bytes) -> None:
    """Whatever bytes come, they are a sheet or a plain refusal."""
    with contextlib.suppress(ImportFileError):
        read(b"id,name,phone\n" + content)


def test_freshness_says_how_much_is_known() -> None:
    """A way verified within half a year is fresh; who has none, or an old one, is named; who has left does not count."""
    at = datetime(2024, 11, 20, tzinfo=UTC)
    near, old = at - timedelta(days=30), at - timedelta(days=300)
    members = [
        Member("1", zone="A", channels=("sms", "mail"), verified=near, wards=("A",)),
        Member("2", zone="A", channels=("sms",), verified=old),
        Member("3", zone="B", channels=()),
        Member("4", zone="", channels=("sms", "mail"), verified=near),
        Member("5", zone="B", channels=("sms",), verified=near, ends=at),
    ]
    found = freshness(members, at)
    assert (found.members, found.score) == (4, 0.5)
    assert found.stale == {
        Stale.NO_WAY: ("3",),
        Stale.UNVERIFIED: ("2",),
        Stale.ONE_WAY: ("2",),
        Stale.NO_ZONE: ("4",),
    }
    assert found.unwatched == ("B",)

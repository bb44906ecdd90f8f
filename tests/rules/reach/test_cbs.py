"""Cell-broadcast pages by 3GPP TS 23.041 and TS 23.038."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.cap.length import _BASIC, _EXTENDED, cb_pages, gsm7_septets
from tocsin.reach.cbs import (
    GSM7_TAGGED,
    LEVEL_3,
    UCS2,
    UCS2_TAGGED,
    Broadcast,
    code,
    fits,
    identifier,
    pages,
    scheme,
    serial,
    text_of,
)
from tocsin.warn.phrase import LANGUAGES, book

LETTERS = st.text(alphabet=st.characters(blacklist_categories=("Cs",), blacklist_characters="\r"), max_size=700)
GSM = st.text(alphabet=sorted((_BASIC | _EXTENDED) - {"\r"}), max_size=1500)


@pytest.mark.parametrize("language", ["de", "en", "uk", "fr", "ka", "he"])
@pytest.mark.parametrize("additional", [False, True])
@given(text=LETTERS | GSM)
def test_pages_there_and_back(language: str, additional: bool, text: str) -> None:
    """What is on the pages is what the text was, in every script, with and without its language in front."""
    coding = scheme(text, language, additional)
    found = pages(text, coding, language)
    assert text_of(found, coding) == text
    assert {len(page.content) for page in found} == {82}
    assert all(page.length <= 82 for page in found)
    if coding not in (GSM7_TAGGED, UCS2_TAGGED):
        assert len(found) == cb_pages(text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_phrase_there_and_back(language: str) -> None:
    """Each wording of the phrase book goes over the air unchanged, and within fifteen pages."""
    slots = {"place": "Kyiv", "time": "03:05", "until": "04:00", "sender": "Tocsin"}
    checked = 0
    for phase in ("prepare", "act", "hold", "all-clear", "retracted"):
        for hazard in book().hazards(phase):
            words = book().phrase(hazard, phase, language, **slots)
            for text in (words.headline, words.description, words.instruction, words.short):
                for additional in (False, True):
                    coding = scheme(text, language, additional)
                    assert text_of(pages(text, coding, language), coding) == text
                    assert fits(language, additional)(text)
                    checked += 1
    assert checked > 50


def test_a_page_octet_by_octet() -> None:
    """A page is serial number, identifier, scheme, page parameter and 82 octets; padding is carriage returns."""
    coding = scheme("hellohello", "en", False)
    one = Broadcast("en", 4370, serial(0x2A, 1), coding, pages("hellohello", coding, "en"))
    (block,) = one.blocks
    assert len(block) == 88
    assert block[:6].hex() == "42a011120111"
    assert block[6:14].hex() == "e8329bfd4697d9ec"
    assert block[14] == 0x37 | (0x0D << 6 & 0xFF)
    assert one.cb_data[0] == 1
    assert one.cb_data[-1] == 9
    assert len(one.cb_data) == 1 + 83


def test_known_coding_schemes() -> None:
    """The schemes are those of TS 23.038 clause 5."""
    assert [scheme("a", tag, False) for tag in ("de", "en", "fr", "en-GB", "pl", "cs", "et")] == [
        0x00, 0x01, 0x03, 0x01, 0x0E, 0x20, 0x0F,
    ]  # fmt: skip
    assert scheme("a", "et", True) == 0x10
    assert (scheme("я", "uk", False), scheme("я", "uk", True)) == (UCS2, UCS2_TAGGED) == (0x48, 0x11)


def test_language_in_front() -> None:
    """A tagged page begins with its language in two septets: three letters or two octets less for the text."""
    (page,) = pages("я", UCS2_TAGGED, "uk")
    assert page.content[:4] == bytes.fromhex("f535") + "я".encode("utf-16-be")
    assert [len(pages("я" * n, UCS2_TAGGED, "uk")) for n in (40, 41)] == [1, 2]
    assert [len(pages("я" * n, UCS2, "uk")) for n in (41, 42)] == [1, 2]
    assert [len(pages("a" * n, GSM7_TAGGED, "et")) for n in (90, 91)] == [1, 2]


def test_identifiers_by_level() -> None:
    """Each phase has its EU-Alert level, each level its second identifier thirteen or one higher."""
    assert identifier("act", "actual") == (4370, 4383)
    assert identifier("hold", "actual") == (4371, 4384)
    assert identifier("hold", "actual", triple=("Severe", "Immediate", "Likely")) == (4372, 4385)
    assert identifier("prepare", "actual", triple=("Severe", "Expected", "Possible")) == (4378, 4391)
    assert identifier("prepare", "actual", triple=("Extreme", "Immediate", "Observed")) == (4373, 4386)
    assert identifier("all-clear", "actual") == (4396, 4397)
    assert identifier("act", "actual", "Test") == (4380, 4393)
    for phase in ("act", "hold", "prepare", "all-clear", "retracted"):
        assert identifier(phase, "exercise") == (4381, 4394)
    assert sorted(first for first, _ in LEVEL_3.values()) == list(range(4373, 4379))
    assert {second - first for first, second in LEVEL_3.values()} == {13}


@given(st.text(max_size=40), st.integers(1, 10_000))
def test_serial_numbers(event: str, version: int) -> None:
    """A copy has the serial number of the first; the next version differs in the update number alone."""
    own = code(event)
    assert 0 <= own < 1024
    assert serial(own, version) == serial(code(event), version) < 2**16
    assert serial(own, version) & 0xFFF0 == serial(own, version + 1) & 0xFFF0
    assert serial(own, version) != serial(own, version + 1)
    assert code(event, {own}) == (own + 1) & 0x3FF
    assert gsm7_septets("") == 0

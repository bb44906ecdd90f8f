"""Letters as mobile networks carry them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tocsin.cap.length import _BASIC, _EXTENDED, gsm7_septets, sms_parts, ucs2_units
from tocsin.reach.alphabet import BASIC, EXTENDED, cut, letters, pack, septets, units, unpack

GSM = st.text(alphabet=sorted(_BASIC | _EXTENDED), max_size=500)


def test_one_alphabet() -> None:
    """What is counted and what is sent are the same letters."""
    assert set(BASIC) - {"\x1b"} == _BASIC
    assert set(EXTENDED) == _EXTENDED
    assert len(BASIC) == 128


@given(GSM)
def test_gsm7_there_and_back(text: str) -> None:
    """Every text in the alphabet is read back as it was, and takes as many septets as were counted."""
    coded = septets(text)
    assert coded is not None
    assert len(coded) == gsm7_septets(text)
    assert letters(unpack(pack(coded), len(coded))) == text


@given(st.text(max_size=400))
def test_parts_are_those_that_were_counted(text: str) -> None:
    """A text is cut where its parts were counted, nothing is lost, and no part is too long."""
    text = text.encode("utf-8", "ignore").decode()
    wide = gsm7_septets(text) is None
    room = 67 if wide else 153
    pieces = list(cut(text, room, wide))
    assert "".join(pieces) == text
    for piece in pieces:
        assert ((ucs2_units(piece) if wide else gsm7_septets(piece)) or 0) <= room
        assert len(units(piece)) == 2 * ucs2_units(piece)
    if sms_parts(text) > 1:
        assert len(pieces) == sms_parts(text)

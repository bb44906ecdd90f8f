"""Lengths in septets, SMS parts and cell-broadcast pages, held against the measured table of practice."""

from __future__ import annotations

import pytest

from tocsin.cap.length import cb_pages, gsm7_septets, sms_parts, ucs2_units


@pytest.mark.parametrize(
    ("text", "parts", "pages"),
    [
        ("a" * 85, 1, 1),
        ("a" * 337, 3, 4),
        ("ä" * 329, 3, 4),
        ("я" * 65, 1, 2),
        ("я" * 290, 5, 8),
        ("я" * 360, 6, 9),
        ("a" * 1395, 10, 15),
        ("я" * 615, 10, 15),
        ("", 1, 1),
    ],
)
def test_parts_and_pages(text: str, parts: int, pages: int) -> None:
    """The figures of practice.md section 5 come out."""
    assert (sms_parts(text), cb_pages(text)) == (parts, pages)


def test_extension_letters_take_two_and_are_not_cut() -> None:
    """€ takes two septets and is never split between two parts."""
    assert gsm7_septets("€") == 2
    assert sms_parts("a" * 152 + "€" + "a" * 10) == 2
    assert sms_parts("€" * 153) == 3


def test_letters_beyond_the_basic_plane_take_two_units() -> None:
    """A pictogram takes two units."""
    assert ucs2_units("🚨") == 2
    assert gsm7_septets("🚨") is None

"""Length: what a text costs in the channels that count in septets: GSM-7 and UCS-2, SMS parts, cell-broadcast pages.

- A text goes out in GSM-7 when every letter of it is in that alphabet, and in UCS-2 otherwise; one letter decides.
- Extension letters (``€ [ ] { } \\ ^ ~ |``) take two septets, and letters beyond U+FFFF two UCS-2 units; neither is cut
  in half between two parts.

Standard: 3GPP TS 23.038 (the alphabets), 23.040 (concatenation: 153 septets or 67 units a part), 23.041 (a page of 93
septets or 41 units, 15 pages at most).
"""

from __future__ import annotations

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("^{}\\[~]|€\f")

CB_PAGES = 15


def gsm7_septets(text: str) -> int | None:
    """How many septets ``text`` takes in GSM-7; None when a letter is not in its alphabet.

    >>> gsm7_septets("10 €"), gsm7_septets("Київ")
    (5, None)
    """
    septets = 0
    for letter in text:
        if letter in _BASIC:
            septets += 1
        elif letter in _EXTENDED:
            septets += 2
        else:
            return None
    return septets


def ucs2_units(text: str) -> int:
    """How many 16-bit units ``text`` takes in UCS-2."""
    return sum(2 if ord(letter) > 0xFFFF else 1 for letter in text)


def sms_parts(text: str) -> int:
    """How many SMS parts ``text`` is sent in.

    >>> sms_parts("a" * 160), sms_parts("a" * 161), sms_parts("я" * 70), sms_parts("я" * 71)
    (1, 2, 1, 2)
    """
    return _parts(text, 160, 153, 70, 67)


def cb_pages(text: str) -> int:
    """How many cell-broadcast pages ``text`` takes; more than 15 cannot be sent.

    >>> cb_pages("a" * 1395), cb_pages("я" * 615), cb_pages("я" * 616)
    (15, 15, 16)
    """
    return _parts(text, 93, 93, 41, 41)


def _parts(text: str, alone7: int, part7: int, alone16: int, part16: int) -> int:
    septets = gsm7_septets(text)
    wide = septets is None
    total = ucs2_units(text) if septets is None else septets
    if total <= (alone16 if wide else alone7):
        return 1
    room = part16 if wide else part7
    parts, filled = 1, 0
    for letter in text:
        size = 2 if (ord(letter) > 0xFFFF if wide else letter in _EXTENDED) else 1
        if filled + size > room:
            parts += 1
            filled = 0
        filled += size
    return parts

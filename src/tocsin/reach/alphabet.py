"""The alphabets of mobile networks: GSM-7 and UCS-2 as bytes, packed and in parts, and back again.

- :mod:`tocsin.cap.length` counts what a text costs; this makes the bytes, and both cut at the same places.
- Seven bits a letter, the first letter in the lowest bits (TS 23.038 6.1.2.1); an extension letter is an escape and one
  more septet, and never parted from it; nor is a letter beyond U+FFFF parted from its other half.

Standard: 3GPP TS 23.038, sections 6.1.2 (packing) and 6.2.1 (default alphabet and its extension).
"""

from __future__ import annotations

from collections.abc import Iterator

ESCAPE = 0x1B
BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED = {
    "\f": 0x0A,
    "^": 0x14,
    "{": 0x28,
    "}": 0x29,
    "\\": 0x2F,
    "[": 0x3C,
    "~": 0x3D,
    "]": 0x3E,
    "|": 0x40,
    "€": 0x65,
}
_CODES = {letter: bytes((code,)) for code, letter in enumerate(BASIC) if code != ESCAPE} | {
    letter: bytes((ESCAPE, code)) for letter, code in EXTENDED.items()
}
_BACK = {code: letter for letter, code in EXTENDED.items()}


def septets(text: str) -> bytes | None:
    """``text`` in GSM-7, one septet an octet; None when a letter is not in the alphabet."""
    try:
        return b"".join([_CODES[letter] for letter in text])
    except KeyError:
        return None


def letters(found: bytes) -> str:
    """The text of septets, one an octet; an unknown extension is shown as the letter of the default alphabet."""
    text, steps = [], iter(found)
    for code in steps:
        if code != ESCAPE:
            text.append(BASIC[code & 0x7F])
            continue
        code = next(steps, 0x20) & 0x7F
        text.append(_BACK.get(code, BASIC[code]))
    return "".join(text)


def pack(found: bytes) -> bytes:
    """Septets packed into octets.

    >>> pack(b"hellohello").hex()
    'e8329bfd4697d9ec37'
    """
    bits = 0
    for place, code in enumerate(found):
        bits |= (code & 0x7F) << (7 * place)
    return bits.to_bytes((7 * len(found) + 7) // 8, "little")


def unpack(packed: bytes, count: int | None = None) -> bytes:
    """The septets of packed octets: ``count`` of them, or as many as there are whole ones.

    >>> unpack(bytes.fromhex("e8329bfd4697d9ec37"), 10)
    b'hellohello'
    """
    bits = int.from_bytes(packed, "little")
    return bytes((bits >> (7 * place)) & 0x7F for place in range(len(packed) * 8 // 7 if count is None else count))


def units(text: str) -> bytes:
    """``text`` in UCS-2, big end first; a letter beyond U+FFFF takes two units."""
    return text.encode("utf-16-be", "replace")


def cut(text: str, room: int, wide: bool) -> Iterator[str]:
    """``text`` in pieces of at most ``room`` septets, or units where it is ``wide``; no letter is cut in half."""
    start, filled = 0, 0
    for place, letter in enumerate(text):
        size = (2 if ord(letter) > 0xFFFF else 1) if wide else (2 if letter in EXTENDED else 1)
        if filled + size > room:
            yield text[start:place]
            start, filled = place, 0
        filled += size
    if start < len(text) or not text:
        yield text[start:]

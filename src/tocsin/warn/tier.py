"""Tiers: what a warning says where there is room for little, for more and for all, and what it costs there.

- Limits are per script: 90, 360 and 1395 letters in Latin, 70, 280 and 615 where a letter takes two bytes (practice.md
  section 5, measured). A text over its limit is said to be, and never cut.
- The middle text is whole lines of the warning: the headline, the first action and the sentence of the phase always.
- Counters are those of the real encoding: SMS parts, cell-broadcast pages, bytes in UTF-8.
"""

from __future__ import annotations

import unicodedata

from msgspec import Struct

from tocsin.cap.alert import Info
from tocsin.cap.length import CB_PAGES, cb_pages, gsm7_septets, sms_parts
from tocsin.warn.compile import SHORT

LIMITS = {"latin": (90, 360, 1395), "wide": (70, 280, 615)}


class Tier(Struct, frozen=True):
    """One text of one length; ``limit`` is the letters it may have, ``fits`` whether it keeps to that and to 15 pages."""

    name: str
    language: str
    text: str
    letters: int
    limit: int
    fits: bool
    encoding: str
    sms_parts: int
    cb_pages: int
    utf8_bytes: int


def tiers(info: Info) -> tuple[Tier, Tier, Tier]:
    """The short, the middle and the full text of ``info``."""
    lines = [line for line in info.instruction.split("\n") if line.strip()]
    short = info.parameter(SHORT) or info.headline
    full = "\n".join([info.headline, info.description, *lines])
    limits = LIMITS["latin" if _latin(full) else "wide"]
    return (
        _tier("short", info.language, short, limits[0]),
        _tier("middle", info.language, _middle(info, lines, limits[1]), limits[1]),
        _tier("full", info.language, full, limits[2]),
    )


def _middle(info: Info, lines: list[str], limit: int) -> str:
    """As many whole lines as fit: first the description goes, then the actions between the first and the last line."""
    kept = list(lines)
    for description in (info.description.split("\n")[0], ""):
        kept = list(lines)
        while True:
            text = " ".join(part for part in (info.headline, description, *kept) if part)
            if len(text) <= limit:
                return text
            if len(kept) <= 2:
                break
            kept.pop(-2)
        if not description:
            break
    return " ".join([info.headline, *kept[:1]]) if len(text) > limit else text


def _tier(name: str, language: str, text: str, limit: int) -> Tier:
    pages = cb_pages(text)
    return Tier(
        name,
        language,
        text,
        len(text),
        limit,
        len(text) <= limit and pages <= CB_PAGES,
        "GSM-7" if gsm7_septets(text) is not None else "UCS-2",
        sms_parts(text),
        pages,
        len(text.encode()),
    )


def _latin(text: str) -> bool:
    """Whether most letters are Latin ones."""
    letters = [letter for letter in text if letter.isalpha()]
    return sum(unicodedata.name(letter, "").startswith("LATIN") for letter in letters) * 2 >= len(letters)

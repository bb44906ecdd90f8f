"""Spelling: one spelling for a name in every script, so that Sybiha and Сибіга meet.

- What is kept are the consonants that all transliterations share; vowels and doubled letters are dropped.
- Two names may share a spelling; it links, and never identifies by itself.
"""

from __future__ import annotations

import re

from tocsin.assess.sentence import small

_CYRILLIC = {
    "а": "a", "б": "b", "в": "v", "г": "g", "ґ": "g", "д": "d", "е": "e", "є": "e", "ж": "zh",
    "з": "z", "и": "i", "і": "i", "ї": "i", "й": "i", "к": "k", "л": "l", "м": "m", "н": "n",
    "о": "o", "п": "p", "р": "r", "с": "s", "т": "t", "у": "u", "ф": "f", "х": "h", "ц": "ts",
    "ч": "ch", "ш": "sh", "щ": "sh", "ь": "_", "ъ": "_", "ы": "i", "э": "e", "ю": "u", "я": "a",
}  # fmt: skip


def spelt(name: str) -> str:
    """A name as every script spells it alike: Latin letters, without vowels' differences ("Sybiha", "Сибіга": sbg)."""
    latin = "".join(_CYRILLIC.get(letter, letter) for letter in small(name)).replace("_", "")
    for old, new in (
        ("sch", "sh"), ("tsch", "ch"), ("ż", "zh"), ("sz", "sh"), ("cz", "ch"), ("kh", "h"), ("ch", "h"), ("sh", "s"),
        ("zh", "z"), ("j", "i"), ("y", "i"), ("w", "v"), ("ph", "f"), ("ck", "k"), ("x", "ks"), ("c", "k"), ("q", "k"),
        ("ts", "s"), ("z", "s"), ("h", "g"), ("ł", "l"), ("ń", "n"), ("ś", "s"), ("ć", "s"),
    ):  # fmt: skip
        latin = latin.replace(old, new)
    bones = re.sub(r"[^bdfgklmnprstv]", "", latin)
    return re.sub(r"(.)\1+", r"\1", bones)

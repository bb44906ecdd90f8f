"""Spellings: the form of a name that all its spellings share, and Ukrainian names in Latin letters.

- Two names are the same when they differ only in case, accents, apostrophes, dashes or spaces: registries and feeds
  differ in just these (quirk 84).
- Ukrainian is written in Latin letters as resolution 55 of the Cabinet of Ministers of 27 January 2010 says, which is
  what "Vinnytska oblast", "Umanskyi raion" and "m. Kryvyi Rih" in the recordings of air alerts are.
- Nothing here guesses: a misspelt name is another name. :meth:`Gazetteer.suggest` is for people who type.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_BETWEEN = re.compile(r"[\W_]+")

_LATIN = dict(
    zip(
        "абвгґдежзиіклмнопрстуфхцчшщ",
        "a b v h g d e zh z y i k l m n o p r s t u f kh ts ch sh shch".split(),
        strict=True,
    )
)
_LATIN |= {"ь": "", "'": "", "’": "", "ʼ": ""}  # The soft sign and the apostrophe are not written.
_AT_START = {"є": "ye", "ї": "yi", "й": "y", "ю": "yu", "я": "ya"}
_INSIDE = {"є": "ie", "ї": "i", "й": "i", "ю": "iu", "я": "ia"}
# Letters that only look like others, or that Unicode does not take apart: both spellings are one name.
_SAME = str.maketrans({"ł": "l", "đ": "d", "ø": "o", "ı": "i", "ß": "ss", "æ": "ae", "œ": "oe", "ё": "е", "ð": "d", "þ": "th"})


@lru_cache(maxsize=65536)
def fold(name: str) -> str:
    """The form that all spellings of a name share.

    >>> fold("Ivano-Frankivs’k") == fold("ivano frankivsk")
    True
    """
    text = name.casefold()
    if not text.isascii():
        # Й and ї are letters of their own; only the accents of Latin, Greek, Hebrew and Arabic letters are dropped.
        text = text.translate(_SAME)
        text = "".join(
            letter if "а" <= letter <= "ӿ" else _bare(letter) for letter in unicodedata.normalize("NFC", text)
        )
    return _BETWEEN.sub("", text)


@lru_cache(maxsize=4096)
def _bare(letter: str) -> str:
    return "".join(part for part in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(part))


def latin(ukrainian: str) -> str:
    """A Ukrainian name in Latin letters, by the resolution of 2010.

    >>> latin("м. Кривий Ріг та Згорівська територіальна громада")
    'm. Kryvyi Rih ta Zghorivska terytorialna hromada'
    """
    written: list[str] = []
    before = ""
    for place, letter in enumerate(ukrainian):
        low = letter.lower()
        start = not (before.isalpha() or before in ("'", "’", "ʼ"))
        if low == "г" and before.lower() == "з":
            sound = "gh"  # "зг" is "zgh", because "zh" is "ж".
        elif low in _INSIDE:
            sound = (_AT_START if start else _INSIDE)[low]
        elif low in _LATIN:
            sound = _LATIN[low]
        else:
            sound = letter
        if low != letter and sound:
            # A capital stays one letter tall inside a name and whole inside a word of capitals.
            after = ukrainian[place + 1 : place + 2]
            sound = sound.upper() if after.isupper() else sound[0].upper() + sound[1:]
        written.append(sound)
        before = letter
    return "".join(written)

"""Spellings: the form of a name that all its spellings share, and Ukrainian names in Latin letters.

- Two names are the same when they differ only in case, accents, apostrophes, dashes or spaces: registries and feeds
  differ in just these (quirk 84).
- Ukrainian is written in Latin letters as resolution 55 of the Cabinet of Ministers of 27 January 2010 says, which is
  what "Vinnytska oblast", "Umanskyi raion" and "m. Kryvyi Rih" in the recordings of air alerts are.
- Nothing here guesses: a misspelt name is another name. :meth:`Gazetteer.suggest` is for people who type.
"""

from __future__ import annotations

import unicodedata

_LATIN = {
    "а": "a", "б": "b", "в": "v", "г": "h", "ґ": "g", "д": "d", "е": "e", "ж": "zh", "з": "z", "и": "y", "і": "i",
    "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t", "у": "u", "ф": "f",
    "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch",
}  # fmt: skip
_LATIN |= {"ь": "", "'": "", "’": "", "ʼ": ""}  # The soft sign and the apostrophe are not written.
_AT_START = {"є": "ye", "ї": "yi", "й": "y", "ю": "yu", "я": "ya"}
_INSIDE = {"є": "ie", "ї": "i", "й": "i", "ю": "iu", "я": "ia"}
# Letters that Unicode does not take apart, and Russian ё, which is mostly written е.
_SAME = {"ł": "l", "đ": "d", "ø": "o", "ı": "i", "ß": "ss", "æ": "ae", "œ": "oe", "ё": "е", "ð": "d", "þ": "th"}


class _Plain(dict[int, str]):
    """For each letter the plain ones it counts as, worked out when it is first met; nothing for what is no letter."""

    def __missing__(self, code: int) -> str:
        letter = chr(code)
        plain = _SAME.get(letter, letter)
        # Й and ї are letters of their own; only the accents of other scripts' letters are dropped.
        if not "а" <= letter <= "ӿ":
            plain = unicodedata.normalize("NFKD", plain).casefold()
        kept = (part for part in plain if part.isalnum() and not unicodedata.combining(part))
        # Taken apart, a letter such as a raised æ may leave one that Unicode does not take apart itself.
        self[code] = "".join(_SAME.get(part, part) for part in kept)
        return self[code]


_PLAIN = _Plain()


def fold(name: str) -> str:
    """The form that all spellings of a name share.

    >>> fold("Ivano-Frankivs’k") == fold("ivano frankivsk")
    True
    """
    return unicodedata.normalize("NFC", name.casefold()).translate(_PLAIN)


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

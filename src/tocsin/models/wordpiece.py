"""WordPiece: a text as the numbers that a network was taught with, each with the characters it stands for.

- Every piece knows its characters in the text, so that what a network marks is always words of the report itself.
- As BERT and its multilingual kin do it: words at spaces, signs and Chinese characters; the longest piece first.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from msgspec import Struct

from tocsin.errors import ModelError

LONGEST_WORD = 100
_WORD = re.compile(r"[^\W_]+|[^\s\w]|_")
_CHINESE = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")


class Piece(Struct, frozen=True):
    """One piece: its number in the vocabulary and its characters; ``begins`` a word, or goes on with one."""

    number: int
    start: int
    end: int
    begins: bool


class Pieces:
    """Cuts texts by one ``vocabulary``; ``lower`` where it holds small letters without accents only."""

    def __init__(self, vocabulary: Sequence[str], lower: bool = False) -> None:
        self.lower = lower
        self._numbers = {word: number for number, word in enumerate(vocabulary)}
        try:
            self.first, self.last, self.unknown = (self._numbers[word] for word in ("[CLS]", "[SEP]", "[UNK]"))
        except KeyError as wrong:
            raise ModelError(f"the vocabulary has no {wrong.args[0]}") from None

    def cut(self, text: str, most: int) -> list[Piece]:
        """The first pieces of a text, ``most`` at the most."""
        made: list[Piece] = []
        for found in _WORD.finditer(text):
            for start, end in _single(text, found.start(), found.end()):
                made += self._word(text, start, end)
                if len(made) >= most:
                    return made[:most]
        return made

    def _word(self, text: str, start: int, end: int) -> list[Piece]:
        word, origin = self._plain(text[start:end])
        whole = [Piece(self.unknown, start, end, True)]
        if len(word) > LONGEST_WORD:
            return whole
        made: list[Piece] = []
        at = 0
        while at < len(word):
            to = len(word)
            while to > at and (number := self._numbers.get(("##" if at else "") + word[at:to])) is None:
                to -= 1
            if to == at or number is None:
                return whole
            # A letter and its accent can be two signs of the text and one of the piece: the piece takes both.
            ends = origin[to] if to < len(word) else end - start
            made.append(Piece(number, start + origin[at], start + ends, not at))
            at = to
        return made

    def _plain(self, word: str) -> tuple[str, list[int]]:
        """A word in the letters of the vocabulary, and for each letter the place in the word that it comes from."""
        if not self.lower:
            return word, list(range(len(word)))
        letters: list[str] = []
        origin: list[int] = []
        for place, sign in enumerate(word):
            for letter in unicodedata.normalize("NFD", sign.lower()):
                if unicodedata.category(letter) != "Mn":
                    letters.append(letter)
                    origin.append(place)
        return "".join(letters), origin


def _single(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """A word's borders; each Chinese character is a word of its own."""
    made: list[tuple[int, int]] = []
    at = start
    for found in _CHINESE.finditer(text, start, end):
        if at < found.start():
            made.append((at, found.start()))
        made.append((found.start(), found.end()))
        at = found.end()
    return [*made, (at, end)] if at < end else made

"""Sentences: a report's text as words, quotations, sentences and paragraphs, each with its place in the text.

- Positions are characters of the decoded text as given; nothing is cleaned, so every span can be checked by eye.
- A quotation that is opened again without having been closed goes on (the usual way of quoting two paragraphs).
- Invisible and direction-changing characters are no words; they neither join nor hide anything.
- Work is bounded: a text is read up to ``MAX_CHARACTERS`` and says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from msgspec import Struct

MAX_CHARACTERS = 60_000
"""A report longer than this is a page that was not cut down to its article; its rest is not read."""

MAX_WORDS = 240
"""A sentence longer than this is none: it is parted, so that no text can cost more than its length."""

_WORD = re.compile(
    r"(?:[^\W\d_]\.){2,}(?![^\W_])|\d+(?:[.,:]\d+)*(?:st|nd|rd|th)?(?![^\W\d_])|[^\W_]+(?:['’ʼ`.&‑-][^\W_]+)*|[^\s\w\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u00ad]"
)
_ELISION = re.compile(r"(?i)^((?:l|d|s|n|j|m|t|c|qu|lorsqu|puisqu|jusqu|quoiqu)['’])(?=\w)")
OPENING = {"„": '“”"', "“": "”", "«": "»", "»": "«", "‚": "‘", "‹": "›", "‟": "”", "”": "”"}
_STRONG = "„“«"
_CLOSING_AFTER = re.compile(r"[\s(\[—–-]")


class Word(Struct, frozen=True):
    """One word or mark: where it is, as written, and in small letters with ё as е and one kind of apostrophe."""

    start: int
    end: int
    raw: str
    low: str


class Quotation(Struct, frozen=True):
    """Words between quotation marks; ``start`` and ``end`` are the marks' own outer characters."""

    start: int
    end: int
    first: int
    last: int
    """Index of the first word inside and one past the last word inside."""
    continued: bool = False
    """Whether it goes on from the quotation before it, which was not closed."""


class Sentence(Struct, frozen=True):
    """Words ``first`` up to ``last`` (not included), characters ``start`` to ``end``, and its paragraph's number."""

    start: int
    end: int
    first: int
    last: int
    paragraph: int


class Text(Struct, frozen=True):
    """A report's text, taken apart."""

    text: str
    words: list[Word]
    sentences: list[Sentence]
    quotations: list[Quotation]
    cut: bool = False

    def slice(self, first: int, last: int) -> str:
        return self.text[self.words[first].start : self.words[last - 1].end]


@lru_cache(maxsize=65536)
def small(raw: str) -> str:
    """A word as it is compared: small letters, one apostrophe, one hyphen, ё as е."""
    return raw.lower().replace("’", "'").replace("ʼ", "'").replace("`", "'").replace("ё", "е").replace("‑", "-")


def _words(text: str, elision: bool) -> list[Word]:
    found: list[Word] = []
    for match in _WORD.finditer(text):
        start, end = match.span()
        raw = match.group()
        if raw[-1] == "." and len(raw) > 1:
            # "U.S." is one word, written without its last point like any other.
            found.append(Word(start, end, raw[:-1], small(raw[:-1])))
            continue
        if elision and len(raw) > 2:
            while head := _ELISION.match(raw):
                found.append(Word(start, start + head.end(), head.group(), small(head.group())))
                start, raw = start + head.end(), raw[head.end() :]
        found.append(Word(start, end, raw, small(raw)))
    return found


def _quotations(text: str, words: list[Word]) -> list[Quotation]:
    """Pairs of quotation marks. Straight marks pair in turn and never across a paragraph."""
    found: list[Quotation] = []
    opened: tuple[int, str, bool] | None = None
    straight: int | None = None
    for index, word in enumerate(words):
        mark = word.raw
        if len(mark) != 1 or mark.isalnum():
            continue
        if opened is not None:
            at, closers, went_on = opened
            if mark in closers and not (mark in _STRONG and mark == text[words[at].start]):
                if index > at + 1:
                    found.append(Quotation(words[at].start, word.end, at + 1, index, went_on))
                opened = None
                continue
            between = text.rfind("\n", words[at].start, word.start)
            if mark in _STRONG and mark == text[words[at].start] and between >= 0:
                # Opened again in the next paragraph: the first part ends where its paragraph ends.
                last = index
                while last > at + 1 and words[last - 1].start > between:
                    last -= 1
                found.append(Quotation(words[at].start, words[last - 1].end, at + 1, last, went_on))
                opened = (index, closers, True)
                continue
            if between >= 0 and words[at].start < text.rfind("\n", 0, between):
                # Two paragraphs without a close: the mark was a stray one.
                opened = None
        if opened is None:
            if mark == '"' or (mark == "”" and straight is not None):
                if straight is None:
                    straight = index
                else:
                    if "\n" in text[words[straight].start : word.start]:
                        straight = index
                        continue
                    if index > straight + 1:
                        found.append(Quotation(words[straight].start, word.end, straight + 1, index))
                    straight = None
            elif mark in OPENING and straight is None:
                if mark == "»" and (word.start > 0 and not _CLOSING_AFTER.match(text[word.start - 1])):
                    continue
                if mark == "”" and (word.start > 0 and not _CLOSING_AFTER.match(text[word.start - 1])):
                    continue
                opened = (index, OPENING[mark], False)
    return found


_ENDS = frozenset(".!?…")
_CLOSERS = frozenset("\"”“»’')]")


def _starts_sentence(text: str, at: int) -> bool:
    while at < len(text) and (text[at].isspace() or text[at] in "\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e"):
        at += 1
    if at >= len(text):
        return True
    letter = text[at]
    return not letter.isalpha() or letter.isupper() or letter.lower() == letter.upper()


def _goes_on(before: Word, after: Word | None, abbreviations: frozenset[str], ordinal_dot: bool) -> bool:
    """Whether a full stop behind this word is an abbreviation's, an initial's or an ordinal number's."""
    raw = before.raw
    if before.low in abbreviations or (len(raw) == 1 and raw.isalpha()):
        return True
    if ordinal_dot:
        return raw.replace(".", "").isdigit() and len(raw) < 7 and (len(raw) < 4 or "." in raw)
    return raw.isdigit() and len(raw) < 3 and after is not None and after.raw[:1].islower()


def _sentences(text: str, words: list[Word], abbreviations: frozenset[str], ordinal_dot: bool) -> Iterator[Sentence]:
    first, paragraph, count = 0, 0, len(words)
    index = 0
    while index < count:
        word = words[index]
        after = words[index + 1] if index + 1 < count else None
        gap = text[word.end : after.start] if after else "\n"
        ends = False
        last = index + 1
        if "\n" in gap:
            ends = True
        elif word.raw in _ENDS:
            before = words[index - 1] if index > first else None
            while (
                last < count
                and words[last].start == words[last - 1].end
                and (words[last].raw in _ENDS or words[last].raw in _CLOSERS)
            ):
                last += 1
            after = words[last] if last < count else None
            gap = text[words[last - 1].end : after.start] if after else "\n"
            ends = bool(gap) and _starts_sentence(text, words[last - 1].end)
            dotted = ends and "\n" not in gap and word.raw == "." and before is not None and before.end == word.start
            if dotted and before is not None and last == index + 1:
                ends = not _goes_on(before, after, abbreviations, ordinal_dot)
            if not ends and "\n" in gap:
                ends = True
        if not ends and index - first >= MAX_WORDS:
            ends = True
        if ends:
            yield Sentence(words[first].start, words[last - 1].end, first, last, paragraph)
            first = last
            if after is None or "\n" in gap:
                paragraph += 1
            index = last
            continue
        index += 1
    if first < count:
        yield Sentence(words[first].start, words[-1].end, first, count, paragraph)


def read(
    text: str, abbreviations: frozenset[str] = frozenset(), *, elision: bool = False, ordinal_dot: bool = False
) -> Text:
    """Take a text apart. ``elision`` splits l'ambassade, ``ordinal_dot`` reads "20." before a word as a number."""
    cut = len(text) > MAX_CHARACTERS
    # Nothing of the rest is looked at or kept: a page of 50 MB costs what one of 60,000 characters does.
    text = text[:MAX_CHARACTERS]
    words = _words(text, elision)
    return Text(text, words, list(_sentences(text, words, abbreviations, ordinal_dot)), _quotations(text, words), cut)

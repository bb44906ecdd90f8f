"""A language pack: the words by which a language says who said what, what is closed, and when; data, not code.

- One file a language in ``packs/``; every list in it is reviewed as words and tested as words.
- A cue is words in order: ``abc*`` begins with, ``*abc`` ends with, ``(a|b)`` either, ``?`` any one word, ``...`` up to
  eight words in the same sentence, ``..`` up to two, ``,`` itself. A word with a capital letter is compared as written (US, not us).
- All cues of a language are found in one pass over the words, so a longer list costs no more time.
- A language without a pack is "linking only": its reports are linked to incidents, but no claims are made from them.
"""

from __future__ import annotations

import importlib.resources
import itertools
import re
import tomllib
from functools import lru_cache
from typing import Any

from msgspec import Struct

from tocsin.assess.sentence import Sentence, Text, Word

LANGUAGES = ("de", "en", "uk", "ru", "fr", "es", "pl")
_GAP = 8
_ONE = frozenset({"institution", "person", "people", "official", "media", "speech", "facility"})
_ELIDED = re.compile(r"\b((?:l|d|s|n|j|m|t|c|qu|lorsqu|puisqu|jusqu)')(?=\w)")
_ALTERNATIVES = re.compile(r"\(([^()]*)\)")


class Hit(Struct, frozen=True):
    """A cue found: words ``first`` up to ``last``, its kind (``speech``) and its name (``say``)."""

    first: int
    last: int
    kind: str
    name: str
    head: int
    """One past the first unbroken run of words: the verb of a verb with a particle further on."""


def _variants(cue: str) -> list[str]:
    pieces = _ALTERNATIVES.split(cue)
    if " " not in cue and len(cue) > 2 and cue[0] == cue[-1] == "*":
        return [cue[1:], cue[:-1]]
    choices = [piece.split("|") if index % 2 else [piece] for index, piece in enumerate(pieces)]
    return [" ".join("".join(choice).split()) for choice in itertools.product(*choices)]


def _fits(pattern: str, word: Word) -> bool:
    if pattern == "?":
        return True
    if pattern[0] == "*":
        tail = pattern[1:]
        return word.low.endswith(tail) if tail.islower() else word.raw.endswith(tail)
    if pattern[-1] == "*":
        head = pattern[:-1]
        return word.low.startswith(head) if head == head.lower() else word.raw.startswith(head)
    return word.low == pattern if pattern == pattern.lower() else word.raw == pattern


class Entry(Struct, frozen=True):
    """A cue as it is looked for. ``second`` is its second word where that is plain, to give up early."""

    pattern: tuple[str, ...]
    kind: str
    name: str
    plain: bool
    second: str


class Cues:
    """Many cues, found together."""

    def __init__(self, elision: bool = False) -> None:
        self.elision = elision
        self._exact: dict[str, list[Entry]] = {}
        self._begins: dict[str, list[Entry]] = {}
        self._ends: dict[str, list[Entry]] = {}
        self._known: dict[str, tuple[Entry, ...]] = {}

    def add(self, cue: str, kind: str, name: str) -> None:
        for variant in _variants(cue):
            if self.elision:
                variant = _ELIDED.sub(r"\1 ", variant)
            pattern = tuple(variant.removesuffix(" ...").split())
            if not pattern:
                continue
            plain = pattern[0] == pattern[0].lower()
            second = pattern[1] if len(pattern) > 1 and pattern[1].strip("*") == pattern[1] == pattern[1].lower() else ""
            entry = Entry(pattern, kind, name, plain, "" if second in ("?", "...", "..") else second)
            head = pattern[0]
            if head[0] == "*":
                self._ends.setdefault(head[1:].lower(), []).append(entry)
            elif head[-1] == "*":
                self._begins.setdefault(head[:-1].lower(), []).append(entry)
            else:
                self._exact.setdefault(head.lower(), []).append(entry)

    def _candidates(self, low: str) -> tuple[Entry, ...]:
        known = self._known.get(low)
        if known is None:
            found = list(self._exact.get(low, ()))
            for size in range(1, len(low) + 1):
                found += self._begins.get(low[:size], ())
                found += self._ends.get(low[-size:], ())
            known = tuple(found)
            if len(self._known) < 200_000:
                self._known[low] = known
        return known

    def find(self, text: Text) -> list[Hit]:
        """Every cue in the text in order; of one kind and start only the longest, the first in the pack among equals."""
        words = text.words
        hits: list[Hit] = []
        for sentence in text.sentences:
            for index in range(sentence.first, sentence.last):
                candidates = self._candidates(words[index].low)
                if not candidates:
                    continue
                best: dict[tuple[str, str], Hit] = {}
                sizes: dict[str, tuple[int, int]] = {}
                for entry in candidates:
                    pattern, kind, name = entry.pattern, entry.kind, entry.name
                    ends: tuple[int, int] | None
                    if entry.plain and len(pattern) == 1:
                        ends = (index + 1, index + 1)
                    else:
                        if entry.second and (index + 1 >= sentence.last or words[index + 1].low != entry.second):
                            continue
                        ends = self._match(pattern, words, index, sentence)
                        if ends is None:
                            continue
                    if kind in _ONE:
                        # Of several offices in one word the most exact: a "Verteidigungsministerium" is no mere ministry.
                        size = (ends[0], sum(map(len, pattern)))
                        if kind in sizes and size <= sizes[kind]:
                            continue
                        sizes[kind] = size
                        best[(kind, "")] = Hit(index, ends[0], kind, name, ends[1])
                        continue
                    kept = best.get((kind, name))
                    if kept is None or ends[0] > kept.last:
                        best[(kind, name)] = Hit(index, ends[0], kind, name, ends[1])
                hits += best.values()
        return hits

    @staticmethod
    def _match(pattern: tuple[str, ...], words: list[Word], at: int, sentence: Sentence) -> tuple[int, int] | None:
        if not _fits(pattern[0], words[at]):
            return None
        at += 1
        head = 0
        place = 1
        while place < len(pattern):
            wanted = pattern[place]
            if wanted in ("...", ".."):
                head = head or at
                place += 1
                for skipped in range(at, min(at + (_GAP if wanted == "..." else 2) + 1, sentence.last)):
                    if _fits(pattern[place], words[skipped]):
                        at = skipped + 1
                        place += 1
                        break
                else:
                    return None
                continue
            if at >= sentence.last or not _fits(wanted, words[at]):
                return None
            at += 1
            place += 1
        return at, head or at


class Pack(Struct, frozen=True):
    """A language, ready to read with."""

    language: str
    cues: Cues
    words: dict[str, frozenset[str]]
    """Closed classes: ``articles``, ``prepositions``, ``that``, ``abbreviations``, ``stop`` ..."""
    dates: dict[str, Any]
    flags: frozenset[str]
    months: dict[str, int] = {}
    """Names of months, for words made with one ("mid-September")."""

    def read(self, text: str) -> Text:
        """Take a text in this language apart."""
        from tocsin.assess import sentence

        return sentence.read(
            text,
            self.words["abbreviations"],
            elision="elision" in self.flags,
            ordinal_dot="ordinal_dot" in self.flags,
        )


def listed(value: str | list[str]) -> list[str]:
    """A list of cues as a pack writes it: separated by commas or lines; ``\\,`` is a comma that is part of a cue."""
    if isinstance(value, list):
        return value
    parts = re.split(r"(?<!\\),|\n", value)
    return [part.strip().replace("\\,", " , ") for part in parts if part.strip()]


@lru_cache(maxsize=16)
def pack(language: str) -> Pack | None:
    """The pack of a language (its primary subtag), or None where there is none."""
    code = language.lower().split("-")[0]
    if code not in LANGUAGES:
        return None
    folder = importlib.resources.files("tocsin.assess") / "packs"
    data = tomllib.loads((folder / f"{code}.toml").read_text(encoding="utf-8"))
    cues = Cues("elision" in data.get("flags", ()))
    for kind, entries in data["cues"].items():
        for name, value in entries.items():
            for cue in listed(value):
                cues.add(cue, kind, name)
    from tocsin.assess.actor import actor_cues
    from tocsin.assess.date import date_cues

    actor_cues(cues, code)
    date_cues(cues, data.get("dates", {}))
    words = {name: frozenset(listed(value)) for name, value in data["words"].items()}
    months = {
        name.lower(): number
        for number, value in enumerate(data.get("dates", {}).get("month", ()), 1)
        for name in listed(value)
    }
    return Pack(code, cues, words, data.get("dates", {}), frozenset(data.get("flags", ())), months)


@lru_cache(maxsize=1)
def _stop_words() -> dict[str, frozenset[str]]:
    return {code: found.words["stop"] for code in LANGUAGES if (found := pack(code)) is not None}


def guess(text: str) -> tuple[str, float]:
    """The pack language of a text and how sure that is (0 to 1), from its most frequent small words.

    A share below about 0.5 means that no pack's language was recognised, and another detector should be asked.
    """
    from tocsin.assess.sentence import small

    seen = [small(word) for word in re.findall(r"[^\W\d_]+(?:['’][^\W\d_]+)?", text[:4000])][:400]
    if not seen:
        return "und", 0.0
    shares = {code: sum(word in stop for word in seen) / len(seen) for code, stop in _stop_words().items()}
    ranked = sorted(shares.items(), key=lambda item: -item[1])
    (first, share), (_, second) = ranked[0], ranked[1]
    if share < 0.08:
        return "und", 0.0
    return first, min(1.0, share / 0.2) * min(1.0, (share - second) / max(share, 1e-9) * 3)

"""A language pack: the words by which a language says who said what, what is closed, and when; data, not code.

- One file a language in ``packs/``; every list in it is reviewed as words and tested as words.
- A cue is words in order: ``abc*`` begins with, ``*abc`` ends with, ``(a|b)`` either, ``?`` any one word, ``...`` up
  to eight words in the same sentence, ``..`` up to two, ``\\,`` a comma itself. A word with a capital letter is
  compared as written (US, not us).
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

from tocsin.assess.sentence import Text, Word, small

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


class Entry(Struct, frozen=True):
    """A cue as it is looked for: each word of it as a way to compare and a text.

    ``second`` (the word that must follow) and ``needs`` (one that must be in the sentence) let it give up early.
    """

    steps: tuple[tuple[int, str], ...]
    kind: str
    name: str
    size: int
    second: str
    needs: str


_EXACT, _BEGINS, _ENDS, _RAW, _RAW_BEGINS, _ANY, _FAR, _NEAR = range(8)


def _step(word: str) -> tuple[int, str]:
    """How a word of a cue is compared."""
    if word in ("?", "...", ".."):
        return {"?": _ANY, "...": _FAR, "..": _NEAR}[word], ""
    if word[0] == "*":
        return _ENDS, word[1:].lower()
    if word[-1] == "*":
        return (_BEGINS, word[:-1]) if word == word.lower() else (_RAW_BEGINS, word[:-1])
    return (_EXACT, word) if word == word.lower() else (_RAW, word)


def _fits(how: int, text: str, word: Word) -> bool:
    if how == _EXACT:
        return word.low == text
    if how == _BEGINS:
        return word.low.startswith(text)
    if how == _ENDS:
        return word.low.endswith(text)
    if how == _RAW:
        return word.raw == text
    if how == _RAW_BEGINS:
        return word.raw.startswith(text)
    return how == _ANY


class Cues:
    """Many cues, found together."""

    def __init__(self, elision: bool = False) -> None:
        self.elision = elision
        self._exact: dict[str, list[Entry]] = {}
        self._begins: dict[str, list[Entry]] = {}
        self._ends: dict[str, list[Entry]] = {}
        self._known: dict[str, tuple[tuple[tuple[str, str], ...], tuple[Entry, ...], tuple[Entry, ...]]] = {}

    def add(self, cue: str, kind: str, name: str) -> None:
        for variant in _variants(cue):
            if self.elision:
                variant = _ELIDED.sub(r"\1 ", variant)
            pattern = variant.removesuffix(" ...").split()
            if not pattern:
                continue
            steps = tuple(_step(word) for word in pattern)
            second = steps[1][1] if len(steps) > 1 and steps[1][0] == _EXACT else ""
            needs = next((small(text) for how, text in reversed(steps[1:]) if how in (_EXACT, _RAW)), "")
            entry = Entry(steps, kind, name, sum(map(len, pattern)), second, needs)
            how, head = steps[0]
            table = self._ends if how == _ENDS else self._begins if how in (_BEGINS, _RAW_BEGINS) else self._exact
            table.setdefault(head.lower(), []).append(entry)

    def _candidates(self, low: str) -> tuple[tuple[tuple[str, str], ...], tuple[Entry, ...], tuple[Entry, ...]]:
        """For a word: the kinds and names of its one-word cues already settled, those cues, and all others."""
        known = self._known.get(low)
        if known is None:
            found = list(self._exact.get(low, ()))
            for size in range(1, len(low) + 1):
                found += self._begins.get(low[:size], ())
                found += self._ends.get(low[-size:], ())
            single = tuple(e for e in found if len(e.steps) == 1 and e.steps[0][0] in (_EXACT, _BEGINS, _ENDS))
            settled: dict[tuple[str, str], int] = {}
            for entry in single:
                key = (entry.kind, "") if entry.kind in _ONE else (entry.kind, entry.name)
                if key not in settled or entry.size > settled[key]:
                    settled[key] = entry.size
            names = tuple(
                dict.fromkeys(
                    (entry.kind, entry.name)
                    for entry in single
                    if settled[(entry.kind, "") if entry.kind in _ONE else (entry.kind, entry.name)] == entry.size
                )
            )
            once: dict[str, str] = {}
            names = tuple(
                (kind, name) for kind, name in names if kind not in _ONE or once.setdefault(kind, name) == name
            )
            known = names, single, tuple(e for e in found if e not in single)
            if len(self._known) < 200_000:
                self._known[low] = known
        return known

    def find(self, text: Text) -> list[Hit]:
        """Every cue in the text in order; of one kind and start only the longest, the most exact among equals."""
        words = text.words
        hits: list[Hit] = []
        for sentence in text.sentences:
            last = sentence.last
            present = {word.low for word in words[sentence.first : last]}
            for index in range(sentence.first, last):
                word = words[index]
                names, single, longer = self._candidates(word.low)
                matched: list[tuple[Entry, int, int]] = []
                for entry in longer:
                    if entry.second and (index + 1 >= last or words[index + 1].low != entry.second):
                        continue
                    if entry.needs and entry.needs not in present:
                        continue
                    ends = self._match(entry.steps, words, index, last)
                    if ends is not None:
                        matched.append((entry, ends[0], ends[1]))
                if not matched:
                    for kind, name in names:
                        hits.append(Hit(index, index + 1, kind, name, index + 1))
                    continue
                best: dict[tuple[str, str], tuple[int, int, Hit]] = {}
                for entry, end, head in [*((one, index + 1, index + 1) for one in single), *matched]:
                    # Of several offices in one word the most exact: a "Verteidigungsministerium" is no mere ministry.
                    key = (entry.kind, "" if entry.kind in _ONE else entry.name)
                    kept = best.get(key)
                    if kept is None or (end, entry.size) > kept[:2]:
                        best[key] = (end, entry.size, Hit(index, end, entry.kind, entry.name, head))
                hits += [found[2] for found in best.values()]
        return hits

    @staticmethod
    def _match(steps: tuple[tuple[int, str], ...], words: list[Word], at: int, last: int) -> tuple[int, int] | None:
        how, text = steps[0]
        if not _fits(how, text, words[at]):
            return None
        at += 1
        head = 0
        place = 1
        count = len(steps)
        while place < count:
            how, text = steps[place]
            if how >= _FAR:
                head = head or at
                reach = at + (_GAP if how == _FAR else 2) + 1
                place += 1
                how, text = steps[place]
                for skipped in range(at, reach if reach < last else last):
                    if _fits(how, text, words[skipped]):
                        at = skipped + 1
                        place += 1
                        break
                else:
                    return None
                continue
            if at >= last or not _fits(how, text, words[at]):
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
    # Only this list is needed to tell languages apart; the packs of those that do not come up are not made ready.
    folder = importlib.resources.files("tocsin.assess") / "packs"
    found = {}
    for code in LANGUAGES:
        line = re.search(r'^stop = "(.*)"$', (folder / f"{code}.toml").read_text(encoding="utf-8"), re.MULTILINE)
        assert line is not None
        found[code] = frozenset(listed(line.group(1)))
    return found


def guess(text: str) -> tuple[str, float]:
    """The pack language of a text and how sure that is (0 to 1), from its most frequent small words.

    A share below about 0.5 means that no pack's language was recognised, and another detector should be asked.
    """
    seen = [small(word) for word in re.findall(r"[^\W\d_]+(?:['’][^\W\d_]+)?", text[:4000])][:400]
    if not seen:
        return "und", 0.0
    shares = {code: sum(word in stop for word in seen) / len(seen) for code, stop in _stop_words().items()}
    letters = text[:4000].lower()
    ukrainian, russian = (sum(letters.count(letter) for letter in some) for some in ("іїєґ", "ыэъё"))
    if ukrainian + russian:
        # Letters that only one of the two has say more than small words that both have.
        shares["ru" if ukrainian > russian else "uk"] *= 0.2
        own = "uk" if ukrainian > russian else "ru"
        shares[own] = max(shares[own], 0.12)
    ranked = sorted(shares.items(), key=lambda item: -item[1])
    (first, share), (_, second) = ranked[0], ranked[1]
    if share < 0.08:
        return "und", 0.0
    return first, min(1.0, share / 0.2) * min(1.0, (share - second) / max(share, 1e-9) * 3)

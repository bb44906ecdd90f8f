"""The phrase book: wordings for each hazard and phase in every language, with slots and nothing else to fill in.

- A warning's text is compiled from these wordings, so that all languages say the same and nobody translates at 3 a.m.
  (F7, F14; practice.md section 5).
- A slot that is missing is an error and never an empty place in a warning (linter rule L7).
- A time in a text is local to the place and says so ("03:05 Kyiv time", F26).
- A hazard nobody has words for is worded as "other"; it is never dropped.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib import resources
from string import Formatter
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct

from tocsin.errors import SettingsError

LANGUAGES = ("en", "uk", "de", "fr")
SLOTS = frozenset({"place", "time", "until", "sender"})


class Phrase(Struct, frozen=True):
    """The words for one hazard in one phase and language; ``instruction`` has one protective action a line."""

    event: str
    headline: str
    description: str
    instruction: str
    short: str


class PhraseBook:
    """All wordings of one language each, read once and checked when they are read."""

    def __init__(self, books: Mapping[str, Mapping[str, Any]]) -> None:
        self._books = books
        for language, book in books.items():
            _check(language, book)

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(self._books)

    def hazards(self, phase: str) -> tuple[str, ...]:
        """The hazards that have words for this phase."""
        first = next(iter(self._books.values()))
        return tuple(name for name, entry in first.items() if name != "_" and phase in entry)

    def phrase(self, hazard: str, phase: str, language: str, **slots: str) -> Phrase:
        """The words for ``hazard`` in ``phase``; a slot the wording needs and does not get raises SettingsError."""
        book = self._books[language]
        entry = book.get(hazard, {})
        if phase not in entry:
            hazard, entry = "other", book["other"]
        words = entry[phase]
        try:
            return Phrase(
                entry["event"],
                words["headline"].format_map(slots),
                words["description"].format_map(slots),
                "\n".join(words["instruction"]).format_map(slots),
                words["short"].format_map(slots),
            )
        except KeyError as missing:
            raise SettingsError(f"phrase {hazard}.{phase} in {language} needs {missing}") from None

    def time(self, moment: datetime, zone: str, language: str) -> str:
        """``moment`` as a clock time of ``zone`` with the zone's name: ``03:05 Kyiv time``."""
        words = self._books[language]["_"]
        city = words["cities"].get(zone) or zone.rsplit("/", 1)[-1].replace("_", " ")
        text: str = words["at"].format(clock=f"{moment.astimezone(ZoneInfo(zone)):%H:%M}", city=city)
        return text

    def exercise(self, language: str) -> str:
        """The word for exercise."""
        word: str = self._books[language]["_"]["exercise"]
        return word


@cache
def book() -> PhraseBook:
    """The phrase book that comes with Tocsin."""
    folder = resources.files("tocsin.warn") / "data"
    return PhraseBook({tag: tomllib.loads((folder / f"phrases.{tag}.toml").read_text("utf-8")) for tag in LANGUAGES})


def _check(language: str, words: Mapping[str, Any]) -> None:
    """Refuse a book with a slot that nobody fills, before any warning is made from it."""
    for hazard, entry in words.items():
        if hazard == "_":
            continue
        for phase, texts in entry.items():
            if phase == "event":
                continue
            for text in (texts["headline"], texts["description"], texts["short"], *texts["instruction"]):
                for _, slot, _, _ in Formatter().parse(text):
                    if slot is not None and slot not in SLOTS:
                        raise SettingsError(f"phrase {hazard}.{phase} in {language} has the unknown slot {slot!r}")

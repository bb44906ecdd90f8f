"""Vocabulary: the word lists by which the linter knows hazards, actions and promises in a language.

- The lists are data (``data/words/<language>.json``): each entry is a word or a phrase, ``\\w`` and alternatives
  allowed, matched as whole words and without regard to capitals.
- A language that has no list is judged only by what needs none: placeholders, links, lengths, numbers.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from importlib.resources import files

from msgspec import Struct

LANGUAGES = ("en", "uk", "de", "fr", "ru", "pl", "es")


class Vocabulary(Struct, frozen=True):
    """The compiled lists of one language; ``hazards`` and ``actions`` by their own names."""

    language: str
    lists: dict[str, re.Pattern[str]]
    hazards: dict[str, re.Pattern[str]]
    actions: dict[str, re.Pattern[str]]

    def says(self, name: str, text: str) -> re.Match[str] | None:
        """The first place where ``text`` says something of the list ``name``."""
        pattern = self.lists.get(name)
        return pattern.search(text) if pattern is not None else None


def vocabulary(tag: str) -> Vocabulary | None:
    """The vocabulary for a language tag; CAP's default, English, for none; None where there is no list."""
    language = (tag or "en").split("-")[0].lower()
    return _loaded(language) if language in LANGUAGES else None


@lru_cache(maxsize=len(LANGUAGES))
def _loaded(language: str) -> Vocabulary:
    raw = json.loads(files("tocsin.cap").joinpath("data", "words", f"{language}.json").read_text("utf-8"))
    hazards, actions = raw.pop("hazards"), raw.pop("actions")
    return Vocabulary(
        language,
        {name: _pattern(words) for name, words in raw.items()},
        {name: _pattern(words) for name, words in hazards.items()},
        {name: _pattern(words) for name, words in actions.items()},
    )


def _pattern(words: list[str]) -> re.Pattern[str]:
    # A word boundary by hand: \b is of no use beside an apostrophe or at a phrase that ends in punctuation.
    return re.compile(rf"(?<![\w])(?:{'|'.join(words)})(?![\w])", re.IGNORECASE)

"""The console's own words, in each language, by the same means as the public page's (:mod:`tocsin.web.text`).

- They stand in ``texts/{part}.{language}.json``, one part for the pages of one kind; the parts of a language are one table.
- A key stands in one part only, and every part has the same keys in every language; a test holds them to that.
"""

from __future__ import annotations

from functools import cache

from tocsin.place.language import negotiate
from tocsin.web.text import FALLBACK, Texts, gathered, texts

LANGUAGES = ("en", "uk", "de", "fr")
SHARED = ("name", "locale", "time", "zone", "unit.h", "unit.min", "skip", "languages")
"""What is said as on the public page."""


@cache
def words(language: str) -> Texts:
    """The console's words in ``language``; KeyError when it does not speak it."""
    if language not in LANGUAGES:
        raise KeyError(language)
    public = texts(language).table
    return Texts(language, gathered(__package__, language, {key: public[key] for key in SHARED}))


def chosen(wanted: tuple[str, ...], asked: str, kept: str, accepted: str) -> str:
    """The language for a person: asked for now, chosen before, or what their browser accepts; of those ``wanted`` here."""
    offered = tuple(language for language in wanted if language in LANGUAGES) or (FALLBACK,)
    for language in (asked, kept):
        if language in offered:
            return language
    return negotiate(accepted, offered)


def offered(wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the installation's languages that the console speaks; English when there is none."""
    return tuple(language for language in wanted if language in LANGUAGES) or (FALLBACK,)

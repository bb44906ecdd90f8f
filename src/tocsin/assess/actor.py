"""Actors: who is named in a report, under one key for all spellings and languages, and which "he" is whom.

- Order of belief: organisation, person, office, country, city (a country's name is a place until it speaks).
- The key of an office is its country and its function ("RU:president"); the Kremlin, the Russian president's office and
  a president whose country is known share it, so that one origin is counted once.
- "The official", "the embassy", "he" are resolved only where one candidate is left; otherwise the speaker is unclear.
- Cities come from ``places.json`` and are looked up for capitalised words alone.
"""

from __future__ import annotations

import importlib.resources
import json
import tomllib
from functools import lru_cache
from typing import TYPE_CHECKING

from msgspec import Struct

from tocsin.assess.placename import places
from tocsin.assess.sentence import Text, small

if TYPE_CHECKING:
    from tocsin.assess.pack import Cues, Pack


class Mention(Struct, frozen=True):
    """Words ``first`` up to ``last`` that name someone. ``name`` is the person's name where there is one.

    ``kind`` is person, office, institution, organisation, official, people, media, country, pronoun; ``function`` what
    the office does; ``key`` its actor.
    """

    first: int
    last: int
    kind: str
    key: str
    country: str
    function: str
    name: str
    subject: bool = True
    """False after a preposition: "against Moscow" names a country that does not speak."""


@lru_cache(maxsize=1)
def _data() -> tuple[dict[str, dict[str, str]], dict[str, dict[str, str]]]:
    folder = importlib.resources.files("tocsin.assess") / "packs"
    countries = tomllib.loads((folder / "countries.toml").read_text(encoding="utf-8"))
    actors = tomllib.loads((folder / "actors.toml").read_text(encoding="utf-8"))
    return countries, actors


_NO_COUNTRY = frozenset({"Того", "Мали", "Чад", "Кот-д'Ивуар", "Chad", "Man", "Jersey", "Guernsey"})
"""Countries whose name is a small word, a first name or a garment more often than a country."""


@lru_cache(maxsize=1)
def _country_names() -> dict[str, list[str]]:
    folder = importlib.resources.files("tocsin.assess") / "packs"
    names: dict[str, list[str]] = json.loads((folder / "places.json").read_text(encoding="utf-8"))["countries"]
    return names


def actor_cues(cues: Cues, language: str) -> None:
    """Add to a pack's cues the countries, organisations, agencies and persons that every language shares."""
    countries, actors = _data()
    from tocsin.assess.pack import listed

    for code, by_language in countries.items():
        for cue in listed(by_language.get(language, "")):
            cues.add(cue, "country", code if cue != cue.lower() else f"{code}~")
    _, about = places()
    for code, called in _country_names().items():
        for name in called:
            if name not in _NO_COUNTRY and code in about:
                cues.add(name, "country", code)
    for kind in ("organisation", "agency"):
        for key, value in actors[kind].items():
            for cue in listed(value):
                cues.add(cue, kind, key)
    for key, value in actors["person"].items():
        country, _, names = value.partition(":")
        for cue in listed(names):
            cues.add(cue, "known", f"{country}:{key}")


_UNIQUE = frozenset({"president", "premier", "foreign", "defence", "interior", "embassy", "consulate", "parliament"})


class Known:
    """Who has been named so far in a report: full names for surnames, the last of each office, one key each."""

    def __init__(self, text: Text, mentions: list[Mention], pack: Pack) -> None:
        self.text = text
        self.mentions = mentions
        self.pack = pack
        self.quoted = {i for q in text.quotations if q.last - q.first > 3 for i in range(q.first, q.last)}
        """Words in quotations: who is named there has not got the word."""
        self.full: dict[str, str] = {}
        self.country: dict[str, str] = {}
        self.function: dict[str, str] = {}
        parts: dict[str, str] = {}
        for mention in mentions:
            if mention.kind != "person":
                continue
            pieces = [small(piece) for piece in mention.name.split()]
            key = mention.key
            if len(pieces) > 1:
                for piece in pieces:
                    if len(piece) > 2:
                        parts.setdefault(piece, key)
            if len(mention.name) > len(self.full.get(key, "")) and len(pieces) <= 5:
                self.full[key] = mention.name
            if mention.country and key not in self.country:
                self.country[key] = mention.country
            if mention.function and key not in self.function:
                self.function[key] = mention.function
        self.parts = parts
        self.offices: dict[str, tuple[str, int]] = {}
        for mention in mentions:
            if mention.kind in ("institution", "official", "office", "organisation") and mention.key:
                surface = text.slice(mention.first, mention.last)
                if 3 < len(surface) <= 60 and len(surface) > len(self.offices.get(mention.key, ("", 0))[0]):
                    self.offices[mention.key] = surface, mention.first

    def resolve(self, mention: Mention, at: int) -> tuple[Mention, tuple[str, ...]]:
        """The mention with its key made full by what came before; the candidates where more than one is possible."""
        if mention.kind == "person":
            pieces = small(mention.name).split()
            key = mention.key
            if len(pieces) == 1:
                piece = pieces[0]
                if piece not in self.parts and piece.endswith("s"):
                    piece = piece[:-1]
                key = self.parts.get(piece, key)
            return self._person(mention, key), ()
        if (
            mention.kind in ("office", "institution", "official")
            and not mention.country
            and mention.key.startswith(":")
        ):
            definite = not self.pack.words["articles"] & {"the", "der", "le", "el"} or (
                mention.first > 0 and self.text.words[mention.first - 1].low in self.pack.words["articles"]
            )
            earlier = [
                m
                for m in self.mentions
                if m.first < mention.first
                and m.function == mention.function
                and m.country
                and m.kind != "country"
                and (definite or mention.kind != "official")
            ]
            if mention.kind == "office":
                people = [
                    m
                    for m in self.mentions
                    if m.first < mention.first and m.kind == "person" and m.function == mention.function
                ]
                if people:
                    return self._person(mention, people[-1].key), ()
            if earlier:
                found = earlier[-1]
                if found.kind == "person":
                    return self._person(mention, found.key), ()
                return self._with(mention, found.key, found.country), ()
            if mention.function in ("embassy", "consulate"):
                owners = {m.country for m in self.mentions if m.function == mention.function and m.country}
                if len(owners) == 1:
                    country = owners.pop()
                    return self._with(mention, f"{country}:{mention.function}", country), ()
        if (
            mention.kind == "office"
            and mention.country
            and mention.function in ("president", "premier", "foreign", "defence", "chief", "governor", "mayor")
        ):
            people = [
                m
                for m in self.mentions
                if m.kind == "person" and self.country.get(m.key) == mention.country and m.first < mention.first
            ]
            same = [m for m in people if self.function.get(m.key, mention.function) == mention.function]
            if same and len({m.key for m in same[-2:]}) == 1:
                return self._person(mention, same[-1].key), ()
        return mention, ()

    def _person(self, mention: Mention, key: str) -> Mention:
        return Mention(
            mention.first,
            mention.last,
            "person",
            key,
            mention.country or self.country.get(key, ""),
            mention.function or self.function.get(key, ""),
            self.full.get(key, mention.name),
            mention.subject,
        )

    def _with(self, mention: Mention, key: str, country: str) -> Mention:
        return Mention(
            mention.first, mention.last, mention.kind, key, country, mention.function, mention.name, mention.subject
        )

    def shown(self, mention: Mention) -> str:
        """The name that is shown: a person's fullest name, an office as it is called most fully."""
        if mention.kind == "person":
            return self.full.get(mention.key, mention.name)
        here = self.text.slice(mention.first, mention.last)
        fullest, named_at = self.offices.get(mention.key, (None, 0))
        if mention.kind == "official" and named_at > mention.first:
            # "Diplomats said" is not the one diplomat who is quoted further down.
            return here
        if fullest is None or mention.function in _UNIQUE:
            return fullest or here
        # There is one foreign ministry and many authorities: these are the same only by the same word.
        heads = [small(word)[:5] for word in here.split() if len(word) > 3]
        return fullest if heads and all(head in small(fullest) for head in heads) else here

    def _sure(self, mention: Mention) -> bool:
        """Whether a person is surely one: a lone word with a capital may be a river."""
        return mention.kind != "person" or " " in self.full.get(mention.key, "") or bool(mention.function)

    def pronoun(
        self,
        mention: Mention,
        paragraph_first: int,
        spoken: Mention | None = None,
        spoken_at: int = 0,
        quoted: frozenset[str] = frozenset(),
    ) -> tuple[Mention | None, tuple[str, ...]]:
        """Whom a "he", "she" or "it" means: the only one in its paragraph before it, else who spoke last."""
        kinds: tuple[str, ...] = ("institution", "organisation", "country", "media")
        if mention.function in ("he", "she"):
            kinds = ("person", "office", "official")
        if mention.function == "they":
            kinds = ("people", "institution", "organisation", "official", "country", "person")
        if mention.function == "one":
            return None, ()
        before = [
            self.resolve(m, m.first)[0]
            for m in self.mentions
            if paragraph_first <= m.first < mention.first
            and m.subject
            and m.kind != "pronoun"
            and m.first not in self.quoted
        ]
        # Who says "the Americans" and "we" in one breath is not one of them.
        right = [m for m in before if m.kind in kinds and m.country not in quoted and self._sure(m)]
        keys = list(dict.fromkeys(m.key for m in right))
        if len(keys) == 1:
            return right[-1], ()
        if spoken is not None and spoken.kind in kinds and spoken.country not in quoted:
            # Whoever spoke last goes on, unless somebody else has been named since.
            since = [m for m in right if m.first >= spoken_at and m.key != spoken.key]
            if not since:
                return spoken, tuple(dict.fromkeys(self.shown(m) for m in right))
        if not keys:
            earlier = [self.resolve(m, m.first)[0] for m in self.mentions if m.first < paragraph_first][-6:]
            right = [m for m in earlier if m.kind in kinds and m.subject and self._sure(m)]
            keys = list(dict.fromkeys(m.key for m in right))
            if len(keys) == 1:
                return right[-1], ()
        names = tuple(dict.fromkeys(self.shown(m) for m in right))
        return None, names

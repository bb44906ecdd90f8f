"""Names of places: the countries, regions and cities that a report names, in whatever case its language puts them.

- Countries come from the cues of ``countries.toml``; regions and cities from ``places.json``, for capitalised words.
- "The Kharkiv region", «Харківська область», "Region Neapel" is the region in which the city lies.
- A small town's name is a place behind a preposition or at the head of a headline: many a town is called like a man.
- A word of a person's name, an organisation or an agency is no place.
"""

from __future__ import annotations

import importlib.resources
import json
from functools import lru_cache
from typing import TYPE_CHECKING

from msgspec import Struct

from tocsin.assess.sentence import Text, Word, small

if TYPE_CHECKING:
    from tocsin.assess.pack import Hit

_ENDINGS = {
    "uk": ("ою", "ами", "ові", "ом", "ах", "ів", "а", "у", "і", "ю", "я", "ем", "и", "ії", "ї", "ої"),
    "ru": ("ою", "ами", "ом", "ой", "ах", "ем", "ей", "а", "у", "е", "ы", "и", "я", "ю", "ии"),
    "pl": ("owie", "iem", "ami", "em", "ą", "ie", "a", "u", "y", "i", "ę", "o", "owi", "ach"),
    "de": ("s",),
    "en": ("'s",),
}


_REGION_BEHIND = {
    "en": ("region", "oblast", "province", "governorate", "voivodeship", "prefecture", "county"),
    "de": ("oblast",),
}
_REGION_BEFORE = {
    "de": ("region", "gebiet", "oblast", "provinz", "bezirk", "raum"),
    "fr": ("région", "oblast", "province"),
    "es": ("región", "provincia", "óblast"),
}
_BETWEEN = frozenset({"de", "d'", "d’", "du", "des", "of"})
_ADJECTIVE = {
    "uk": ("ська", "ській", "ської", "ську", "ською", "цька", "цькій", "цької", "цьку", "цькою"),
    "ru": ("ская", "ской", "скую", "скою", "цкая", "цкой", "цкую"),
    "pl": ("skie", "skim", "skiego", "skiemu", "ckie", "ckim", "ckiego"),
}
_ACUTE = str.maketrans("áéíóúàèâêîôû", "aeiouaeaeiou")
_SMALL = 80
"""A town of fewer thousands of people is a place only where the sentence says so."""


class PlaceName(Struct, frozen=True):
    """A place named at words ``first`` up to ``last``.

    ``code`` is a country (``UA``), a region of ISO 3166-2 (``UA-63``) or a city (``UA/703448``).
    """

    first: int
    last: int
    code: str
    name: str


@lru_cache(maxsize=1)
def places() -> tuple[dict[str, str], dict[str, tuple[str, str, int]]]:
    """Names in small letters to a code, and a code to its country, its first name and its thousands of people."""
    folder = importlib.resources.files("tocsin.assess") / "packs"
    data = json.loads((folder / "places.json").read_text(encoding="utf-8"))
    names: dict[str, str] = {}
    about: dict[str, tuple[str, str, int]] = {}
    for key, city in data["cities"].items():
        code = f"{city['c']}/{key}"
        about[code] = (city["c"], city["n"][0], city["p"])
        for name in city["n"]:
            names[small(name)] = code
    for code, called in data["regions"].items():
        about[code] = (code[:2], called[0], 10**5)
        for name in called:
            names.setdefault(small(name), code)
    for country, called in data["countries"].items():
        about[country] = (country, called[0], 10**6)
        for name in called:
            names[small(name)] = country
    return names, about


@lru_cache(maxsize=1)
def regions() -> dict[str, str]:
    """The region (ISO 3166-2) in which each city lies, where it is known."""
    folder = importlib.resources.files("tocsin.assess") / "packs"
    data = json.loads((folder / "places.json").read_text(encoding="utf-8"))
    return {f"{city['c']}/{key}": city["r"] for key, city in data["cities"].items() if city["r"]}


@lru_cache(maxsize=1)
def _adjectives() -> dict[str, str]:
    """The first letters of regions' adjectives («харків» of «Харківська область») by code, longest names first."""
    found: dict[str, str] = {}
    for name, code in places()[0].items():
        if "/" in code or "-" not in code:
            continue
        for word in name.split():
            for language, endings in _ADJECTIVE.items():
                end = next((one for one in endings if word.endswith(one)), "")
                if end and len(word) - len(end) >= 3:
                    found.setdefault(f"{language}:{word[: -len(end)]}", code)
    return found


def _region(words: list[Word], index: int, language: str) -> tuple[int, str] | None:
    """A region told by its adjective and its noun, at ``index``: «Харківській області», «województwie mazowieckim»."""
    nouns = {"uk": ("област", "обл"), "ru": ("област", "обл"), "pl": ("województ", "obwod", "obwód")}.get(language)
    if nouns is None or index + 1 >= len(words):
        return None
    pair = (words[index], words[index + 1]) if language != "pl" else (words[index + 1], words[index])
    if not pair[1].low.startswith(nouns):
        return None
    for end in _ADJECTIVE[language]:
        if pair[0].low.endswith(end):
            code = _adjectives().get(f"{language}:{pair[0].low[: -len(end)]}")
            return (2, code) if code is not None else None
    return None


def _wider(words: list[Word], index: int, size: int, code: str, language: str) -> str:
    """A city's region where the words say that it is meant ("the Kharkiv region", "région de Kharkiv")."""
    region = regions().get(code)
    if region is None:
        return code
    after = words[index + size].low if index + size < len(words) else ""
    if after in _REGION_BEHIND.get(language, ()):
        return region
    at = index - 1
    while at > 0 and words[at].low in _BETWEEN:
        at -= 1
    return region if at >= 0 and words[at].low in _REGION_BEFORE.get(language, ()) else code


def find_places(
    text: Text,
    language: str,
    hits: list[Hit],
    taken: frozenset[int] = frozenset(),
    prepositions: frozenset[str] | None = None,
) -> list[PlaceName]:
    """Countries (from the cues), regions and cities (from the gazetteer), in order, without words of persons' names.

    With the language's ``prepositions`` a small town is one only behind one of them.
    """
    endings = _ENDINGS.get(language, ())
    words = text.words
    found = [
        PlaceName(hit.first, hit.last, hit.name.rstrip("~"), text.slice(hit.first, hit.last))
        for hit in hits
        if hit.kind == "country"
    ]
    names, about = places()
    for index, place in enumerate(found):
        # "Kiew" speaks for its country, and is a city.
        code = _called(text.words[place.first].low, endings)
        if code is not None and "/" in code and code.startswith(place.code) and place.last == place.first + 1:
            found[index] = PlaceName(place.first, place.last, code, place.name)
    used = {index for place in found for index in range(place.first, place.last)} | taken
    for hit in hits:
        if hit.kind in ("organisation", "agency", "known"):
            used.update(range(hit.first - (hit.kind == "known"), hit.last))
    heads = {sentence.first for sentence in text.sentences[:1]}
    told: set[str] = set()
    index = 0
    while index < len(words):
        word = words[index]
        if language in _ADJECTIVE and (wide := _region(words, index, language)) is not None:
            span = range(index, index + wide[0])
            found = [place for place in found if place.first not in span]
            found.append(PlaceName(index, span.stop, wide[1], text.slice(index, span.stop)))
            index = span.stop
            continue
        # "Region Neapel" looks like a man's two names.
        wide_name = index > 0 and words[index - 1].low in _REGION_BEFORE.get(language, ()) and language == "de"
        if (index in used and not wide_name) or len(word.raw) < 3 or not word.raw[0].isupper():
            index += 1
            continue
        for size in (4, 3, 2, 1):
            if index + size > len(words):
                continue
            low = word.low if size == 1 else " ".join(one.low for one in words[index : index + size])
            code = _called(low, endings) if size == 1 else names.get(low)
            if code is not None and size == 1 and code not in told and about[code][2] < _SMALL:
                behind = prepositions is None or (index > 0 and words[index - 1].low in prepositions)
                if not behind and index not in heads:
                    code = None
            if code is not None:
                told.add(code)
                code = _wider(words, index, size, code, language)
                found.append(PlaceName(index, index + size, code, text.slice(index, index + size)))
                index += size
                break
        else:
            index += 1
    return sorted(found, key=lambda place: place.first)


@lru_cache(maxsize=20000)
def _stem(low: str, endings: tuple[str, ...]) -> tuple[str, ...]:
    stems = []
    for ending in endings:
        if low.endswith(ending) and len(low) - len(ending) >= 3:
            stem = low[: -len(ending)]
            stems += [stem, stem + "а", stem + "ь", stem + "a", stem + "я", stem + "о", stem + "и"]
    if low.endswith(("кова", "кові", "кову", "ковом")):
        stems.append(low[: low.rindex("ков")] + "ків")
    if low.endswith(("ова", "ові", "ову", "овом")):
        stems.append(low[: low.rindex("ов")] + "ів")
    if low.endswith(("єва", "єві", "єву")):
        stems.append(low[: low.rindex("єв")] + "їв")
    return tuple(stems)


@lru_cache(maxsize=20000)
def _called(low: str, endings: tuple[str, ...]) -> str | None:
    """The place of a single word: as it stands, without accents, or as its language bends a better known name."""
    names, about = places()
    code = names.get(low)
    if code is None and not low.isascii():
        # "Járkov" stands in no list where "Jarkov" does; an umlaut is another letter.
        code = names.get(low.translate(_ACUTE))
    if (code is None or about[code][2] < _SMALL) and len(low) > 4:
        bent = _inflected(low, endings, names)
        if bent is not None and (code is None or about[bent][2] > about[code][2]):
            return bent
    return code


def _inflected(low: str, endings: tuple[str, ...], names: dict[str, str]) -> str | None:
    # The longest name first: «Валенсії» bends «Валенсія» and not «Валенс».
    return next((names[stem] for stem in sorted(_stem(low, endings), key=len, reverse=True) if stem in names), None)


@lru_cache(maxsize=20000)
def is_place(low: str, language: str) -> bool:
    """Whether a lone name is a city's, as this language bends it."""
    return _called(low, _ENDINGS.get(language, ())) is not None


def place_called(low: str, language: str) -> str | None:
    """The code of the place that a lone name is, as this language bends it."""
    return _called(low, _ENDINGS.get(language, ()))


def is_known_name(low: str) -> bool:
    """Whether a lone name stands so in the gazetteer, unbent."""
    return low in places()[0]

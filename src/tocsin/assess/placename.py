"""Names of places: the countries and cities that a report names, in whatever case its language puts them.

- Countries come from the cues of ``countries.toml``; cities from ``places.json``, for capitalised words alone.
- A word of a person's name, an organisation or an agency is no place.
"""

from __future__ import annotations

import importlib.resources
import json
from functools import lru_cache
from typing import TYPE_CHECKING

from msgspec import Struct

from tocsin.assess.sentence import Text, small

if TYPE_CHECKING:
    from tocsin.assess.pack import Hit

_ENDINGS = {
    "uk": ("ою", "ами", "ові", "ом", "ах", "ів", "а", "у", "і", "ю", "я", "ем", "и", "ії", "ї", "ої"),
    "ru": ("ою", "ами", "ом", "ой", "ах", "ем", "ей", "а", "у", "е", "ы", "и", "я", "ю", "ии"),
    "pl": ("owie", "iem", "ami", "em", "ą", "ie", "a", "u", "y", "i", "ę", "o", "owi", "ach"),
    "de": ("s",),
    "en": ("'s",),
}


class PlaceName(Struct, frozen=True):
    """A place named at words ``first`` up to ``last``: ``code`` is a country (``UA``) or a city (``UA/703448``)."""

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
    for country, called in data["countries"].items():
        about[country] = (country, called[0], 10**6)
        for name in called:
            names[small(name)] = country
    return names, about


def find_places(text: Text, language: str, hits: list[Hit], taken: frozenset[int] = frozenset()) -> list[PlaceName]:
    """Countries (from the cues) and cities (from the gazetteer), in order; words of persons' names are left out."""
    endings = _ENDINGS.get(language, ())
    words = text.words
    found = [
        PlaceName(hit.first, hit.last, hit.name.rstrip("~"), text.slice(hit.first, hit.last))
        for hit in hits
        if hit.kind == "country"
    ]
    names, _about = places()
    for index, place in enumerate(found):
        # "Kiew" speaks for its country, and is a city.
        code = names.get(text.words[place.first].low)
        if code is not None and "/" in code and code.startswith(place.code) and place.last == place.first + 1:
            found[index] = PlaceName(place.first, place.last, code, place.name)
    used = {index for place in found for index in range(place.first, place.last)} | taken
    for hit in hits:
        if hit.kind in ("organisation", "agency", "known"):
            used.update(range(hit.first - (hit.kind == "known"), hit.last))
    index = 0
    while index < len(words):
        word = words[index]
        if index in used or len(word.raw) < 3 or not word.raw[0].isupper():
            index += 1
            continue
        for size in (3, 2, 1):
            if index + size > len(words):
                continue
            low = word.low if size == 1 else " ".join(one.low for one in words[index : index + size])
            code = names.get(low)
            if code is None and size == 1 and len(low) > 4:
                code = _inflected(low, endings, names)
            if code is not None:
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


def _inflected(low: str, endings: tuple[str, ...], names: dict[str, str]) -> str | None:
    for stem in _stem(low, endings):
        if (code := names.get(stem)) is not None:
            return code
    return None


@lru_cache(maxsize=20000)
def is_place(low: str, language: str) -> bool:
    """Whether a lone name is a city's, as this language bends it."""
    names, _ = places()
    return low in names or _inflected(low, _ENDINGS.get(language, ()), names) is not None

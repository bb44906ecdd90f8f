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

from tocsin.assess.sentence import Text, small

if TYPE_CHECKING:
    from tocsin.assess.pack import Cues, Hit, Pack

_ORDER = ("organisation", "known", "agency", "institution", "person", "official", "people", "media", "country")
_RANK = {kind: rank for rank, kind in enumerate(_ORDER)}
_ACTORS = frozenset(_ORDER)
_ENDINGS = {
    "uk": ("ою", "ами", "ові", "ом", "ах", "ів", "а", "у", "і", "ю", "я", "ем", "и", "ії", "ї", "ої"),
    "ru": ("ою", "ами", "ом", "ой", "ах", "ем", "ей", "а", "у", "е", "ы", "и", "я", "ю", "ии"),
    "pl": ("owie", "iem", "ami", "em", "ą", "ie", "a", "u", "y", "i", "ę", "o", "owi", "ach"),
    "de": ("s",),
    "en": ("'s",),
}


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


class PlaceName(Struct, frozen=True):
    """A place named at words ``first`` up to ``last``: ``code`` is a country (``UA``) or a city (``UA/703448``)."""

    first: int
    last: int
    code: str
    name: str


@lru_cache(maxsize=1)
def _data() -> tuple[dict[str, dict[str, str]], dict[str, dict[str, str]]]:
    folder = importlib.resources.files("tocsin.assess") / "packs"
    countries = tomllib.loads((folder / "countries.toml").read_text(encoding="utf-8"))
    actors = tomllib.loads((folder / "actors.toml").read_text(encoding="utf-8"))
    return countries, actors


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


def _is_name(text: Text, index: int, pack: Pack, starts: frozenset[int]) -> bool:
    """Whether a word could be part of a person's name: a capital letter, and no word of the language's own."""
    word = text.words[index]
    raw = word.raw
    if not raw[0].isupper() or not raw[0].isalpha() or word.low in pack.words["notnames"] or len(raw) < 2:
        return False
    if raw.isupper() and len(raw) > 3:
        return False
    if index in starts and word.low in pack.words["stop"]:
        return False
    return not any(letter.isdigit() for letter in raw)


def find_actors(text: Text, pack: Pack, hits: list[Hit]) -> list[Mention]:
    """Everyone who is named, in order. Neighbouring parts are one mention: "Pentagon-Sprecherin Sabrina Singh"."""
    words = text.words
    capital = "capital_nouns" in pack.flags
    label: dict[int, Hit] = {}
    for hit in hits:
        if hit.kind not in _ACTORS:
            continue
        if capital and hit.kind != "country" and not any(words[i].raw[0].isupper() for i in range(hit.first, hit.last)):
            continue
        for index in range(hit.first, hit.last):
            kept = label.get(index)
            size = hit.last - hit.first
            if (
                kept is None
                or size > kept.last - kept.first
                or (size == kept.last - kept.first and _RANK[hit.kind] < _RANK[kept.kind])
            ):
                label[index] = hit
    countries = {hit.first: hit.name.rstrip("~") for hit in hits if hit.kind == "country"}
    starts = frozenset(sentence.first for sentence in text.sentences) | {q.first for q in text.quotations}
    links, articles = pack.words["links"], pack.words["articles"]
    mentions: list[Mention] = []
    pronouns = {hit.first: hit for hit in hits if hit.kind == "pronoun"}
    named = [_is_name(text, index, pack, starts) and index not in label for index in range(len(words))]
    surnames: set[str] = set()
    if capital:
        # In German every noun has a capital: two in a row without an article are a name, one alone only once known.
        for index in range(len(words) - 1):
            titled = index in label and label[index].kind == "person"
            if named[index] and named[index + 1] and words[index].end + 1 == words[index + 1].start:
                surnames.update((words[index].low, words[index + 1].low))
            elif titled and named[index + 1]:
                surnames.add(words[index + 1].low)
        named = [
            is_name
            and (
                words[i].low in surnames
                or (words[i].low.endswith("s") and words[i].low[:-1] in surnames)
                or (i + 1 in label and label[i + 1].kind == "known" and i not in starts)
            )
            for i, is_name in enumerate(named)
        ]
    else:
        for index, is_name in enumerate(named):
            if is_name and index not in starts:
                surnames.add(words[index].low)
        named = [
            is_name
            and (
                i not in starts
                or words[i].low in surnames
                or (i + 1 < len(named) and named[i + 1])
                or (i + 1 in label and label[i + 1].kind == "known")
            )
            for i, is_name in enumerate(named)
        ]
    named = _whole_names(text, named, label, pack)
    verbs = {hit.first for hit in hits if hit.kind in ("speech", "decline", "according")}
    for sentence in text.sentences:
        index = sentence.first
        while index < sentence.last:
            if index in pronouns and index not in label:
                mentions.append(Mention(index, index + 1, "pronoun", "", "", pronouns[index].name, ""))
                index += 1
                continue
            if index not in label and not named[index]:
                index += 1
                continue
            first = _head(text, pack, sentence.first, index, label, verbs)
            index += 1
            while index < sentence.last:
                if index in label or named[index]:
                    index += 1
                    continue
                ahead = index
                while (
                    ahead < sentence.last
                    and ahead - index < 3
                    and (words[ahead].low in links or words[ahead].low in articles)
                ):
                    ahead += 1
                office = any(
                    i in label and label[i].kind in ("person", "institution", "official") for i in range(first, index)
                )
                if (
                    ahead > index
                    and ahead < sentence.last
                    and office
                    and words[index].low in links
                    and words[index].low not in pack.words["conjunctions"]
                    and (ahead in label or named[ahead])
                    and (
                        ahead not in label
                        or label[ahead].kind in ("country", "institution", "organisation", "person", "known")
                    )
                ):
                    index = ahead + 1
                    continue
                body = next((i for i in range(index + 1, min(index + 4, sentence.last)) if i in label), index)
                if body > index and _head(text, pack, sentence.first, body, label, verbs) == index:
                    # "Iran's health ministry": the words between belong to the name.
                    index = body
                    continue
                tail = _tail(text, pack, first, index, sentence.last, label, named, verbs)
                if tail > index:
                    index = tail
                    continue
                break
            mention = _mention(text, pack, first, index, label, named, countries)
            if mention is not None:
                mentions.append(mention)
    return _appositions(text, mentions, pack)


_PARTICLES = frozenset(
    "von van der den bin ibn al el ben da di dos ter ten zu af аль эль ель аш ібн ибн".split()
)
_VERBAL = {
    "uk": ("в", "ла", "ло", "ли", "ть", "ться", "ся"),
    "ru": ("л", "ла", "ло", "ли", "ет", "ит", "ют", "ся", "сь"),
    "pl": ("ł", "ła", "ło", "li", "ły", "uje", "się", "ją"),
}


def _whole_names(text: Text, named: list[bool], label: dict[int, Hit], pack: Pack) -> list[bool]:
    """Names with their particles ("von der", "аш-Шаммари") and their all-capital parts ("operator DTEK")."""
    words = text.words
    whole = list(named)
    for index in range(1, len(words)):
        word = words[index]
        if whole[index]:
            continue
        before, after = whole[index - 1], index + 1 < len(words) and named[index + 1]
        if not before:
            office = label.get(index - 1)
            whole[index] = (
                office is not None
                and office.kind in ("institution", "person")
                and word.raw.isalpha()
                and word.raw.isupper()
                and 3 < len(word.raw) < 9
            )
        elif word.low in _PARTICLES:
            whole[index] = after or (
                index + 2 < len(words) and words[index + 1].low in _PARTICLES and named[index + 2]
            )
        elif "-" in word.raw and word.raw[0].islower():
            head, _, rest = word.raw.partition("-")
            whole[index] = len(head) < 5 and rest[:1].isupper()
    for index, is_name in enumerate(whole):
        # "Consejera de Interior", "Ministry of Finance": one word behind "of" is what the office is for.
        alone = is_name and not whole[index - 1] and not (index + 1 < len(whole) and whole[index + 1])
        if alone and index > 1 and words[index - 1].low in ("de", "del", "du", "d'", "l'", "la", "of", "for"):
            back = index - 1
            while back and words[back].low in pack.words["links"] | pack.words["articles"]:
                back -= 1
            office = label.get(back) or (label.get(back - 1) if words[back].raw[0].islower() else None)
            if office is not None and office.kind in ("institution", "person"):
                whole[index] = False
    return whole


_GENERAL = frozenset({"government", "company", "rescue", "ministry", "airport", "court", "intelligence", "hospital"})


def _head(text: Text, pack: Pack, begin: int, at: int, label: dict[int, Hit], verbs: set[int]) -> int:
    """Where an English name of a body begins: "port authority", "regional civil protection agency"."""
    hit = label.get(at)
    if pack.language != "en" or hit is None or hit.kind != "institution" or hit.name not in _GENERAL:
        return at
    closed = pack.words["stop"] | pack.words["finite"] | pack.words["prepositions"] | pack.words["auxiliaries"]
    closed = closed | pack.words["articles"] | pack.words["that"] | pack.words["conjunctions"]
    first = at
    while first > begin and at - first < 3:
        word = text.words[first - 1]
        plain = word.raw.isalpha() and word.raw.islower() and word.low not in closed and first - 1 not in verbs
        if not plain or first - 1 in label or word.low.endswith(("ed", "ing", "ly")):
            break
        first -= 1
    return first


def _tail(
    text: Text,
    pack: Pack,
    first: int,
    at: int,
    limit: int,
    label: dict[int, Hit],
    named: list[bool],
    verbs: set[int],
) -> int:
    """Where an office's longer title ends: "director de la planta, Jordi Mas", "начальник області Олег Кіпер".

    ``at`` where nothing of the kind follows.
    """
    words, slavic = text.words, pack.language in _VERBAL
    offices = {label[i].kind for i in range(first, at) if i in label}
    if not offices & {"person", "official", "institution"} or any(named[i] for i in range(first, at)):
        return at
    links, articles = pack.words["links"], pack.words["articles"]
    closed = pack.words["finite"] | pack.words["conjunctions"] | pack.words["that"] | pack.words["relative"]
    end = index = at
    linked = False
    while index < min(at + 7, limit):
        word = words[index]
        if word.raw == "," and index > at and linked:
            # The title is told; behind its comma stands who has it.
            two = index + 2 < limit and named[index + 1] and named[index + 2]
            return index + 3 if two and "person" in offices else end
        if named[index]:
            known = index + 1 < limit and named[index + 1]
            return index if known and index > at and offices & {"person"} and (slavic or linked) else end
        if not word.raw[0].isalpha() or index in verbs or word.low in closed:
            return end
        if word.low in ("de", "del", "du", "d'", "des", "of", "der", "для", "do", "ds", "з", "із", "по"):
            linked = True
        elif word.low in articles:
            pass
        elif word.low in pack.words["prepositions"]:
            return end
        elif slavic:
            if word.low.endswith(_VERBAL[pack.language]) or index in label and label[index].kind == "people":
                return end
        elif linked:
            # What stands behind "of" belongs to the title, up to its first noun.
            if index + 1 < limit and words[index + 1].low not in links and words[index + 1].raw != ",":
                if pack.language in ("fr", "es"):
                    return index + 1
            end = index + 1 if pack.language in ("fr", "es") else end
        elif index + 1 >= limit or words[index + 1].low not in ("de", "del", "du", "d'", "of"):
            return end
        index += 1
    return end


def _mention(
    text: Text, pack: Pack, first: int, last: int, label: dict[int, Hit], named: list[bool], countries: dict[int, str]
) -> Mention | None:
    words = text.words
    country, function, known, organisation, media = "", "", "", "", ""
    if words[first].raw.startswith("US-"):
        country = "US"
    kinds: list[tuple[str, str]] = []
    names: list[int] = []
    index = first
    noun = False
    while index < last:
        hit = label.get(index)
        if hit is None:
            if named[index]:
                names.append(index)
            index += 1
            continue
        if hit.kind == "country":
            # "The embassy in Kyiv" stands there and is somebody else's.
            hosted = words[hit.first - 1].low in pack.words["hosts"] and any(
                name in ("embassy", "consulate", "ambassador") for _, name in kinds
            )
            country = country or ("" if hosted else hit.name.rstrip("~"))
            raw = words[hit.first].raw
            lower = "capital_nouns" in pack.flags or pack.language == "en"
            noun = noun or (not hit.name.endswith("~") if lower else raw[0].isupper())
            if "-" in raw and pack.language == "de" and raw.startswith("US-"):
                noun = False
        elif hit.kind == "known":
            known = hit.name
            names += list(range(index, hit.last))
            country = country or hit.name.split(":")[0]
        elif hit.kind == "organisation":
            organisation = organisation or hit.name
            country = country or (hit.name.split(":")[0] if not hit.name.startswith("INT") else "")
            kinds.append(("organisation", hit.name.split(":")[1]))
        elif hit.kind == "agency":
            media = media or hit.name
            kinds.append(("media", hit.name))
        else:
            kinds.append((hit.kind, hit.name))
        index = max(index + 1, hit.last)
    if len(names) == 1 and kinds and kinds[-1][0] == "official" and not known:
        # "A Western diplomat": one word before "diplomat" says whose, and names nobody.
        names = []
    before = words[first - 1].low if first else ""
    cased = _cased(text, pack, first)
    if before in pack.words["articles"] and first > 1:
        before = words[first - 2].low
    subject = not cased and before not in pack.words["prepositions"]
    if words[first].raw.startswith("US-"):
        country = country or "US"
    if not country and not any(name in ("embassy", "consulate", "ambassador") for _, name in kinds):
        country = next((countries[i] for i in range(first, last) if i in countries), "")
    who = [kind for kind, _ in kinds]
    person_office = [name for kind, name in kinds if kind == "person"]
    bodies = [name for kind, name in kinds if kind in ("institution", "organisation")]
    office_of = (
        bool(names)
        and bool(bodies)
        and kinds[0][0] in ("institution", "organisation")
        and any(words[i].low in pack.words["links"] for i in range(first, names[0]))
    )
    if names and not office_of and not (bodies and not person_office and not known and len(names) < 2):
        # The name is the run of name words; offices and countries around it say who that is.
        run = _run(names)
        if len(names) == 1 and not known and not person_office and _is_place(words[run[0]].low, pack.language):
            return None
        name = text.slice(run[0], run[-1] + 1)
        family = words[run[-1]].low
        if pack.language == "de" and family.endswith("s") and len(family) > 4 and not known:
            family = family[:-1]
        function = bodies[0] if person_office[:1] == ["spokesman"] and bodies else (person_office or bodies or [""])[0]
        key = f"person:{known.split(':')[1] if known else family}"
        return Mention(first, last, "person", key, country, function, name, subject)
    if person_office and not (office_of and bodies):
        function = bodies[0] if person_office[0] in ("spokesman", "chief", "expert") and bodies else person_office[0]
        key = organisation if organisation and person_office[0] == "spokesman" else f"{country}:{function}"
        return Mention(first, last, "office", key, country, function, "", subject)
    if "official" in who:
        return Mention(first, last, "official", f"{country}:official", country, "official", "", subject)
    if bodies:
        return Mention(
            first, last, "institution", organisation or f"{country}:{bodies[0]}", country, bodies[0], "", subject
        )
    if "people" in who:
        return Mention(first, last, "people", f"{country}:people", country, "people", "", subject)
    if media or "media" in who:
        return Mention(first, last, "media", f"media:{media or country}", country, "media", media, subject)
    if country and noun:
        return Mention(first, last, "country", f"{country}:government", country, "government", "", subject)
    return None


@lru_cache(maxsize=20000)
def _is_place(low: str, language: str) -> bool:
    """Whether a lone name is a city's, as this language bends it."""
    names, _ = places()
    return low in names or _inflected(low, _ENDINGS.get(language, ()), names) is not None


_OBLIQUE = frozenset({"des", "dem", "den", "einem", "einen", "eines"})


def _cased(text: Text, pack: Pack, first: int) -> bool:
    """Whether a German article says that a mention is no subject: "des", "dem", or "der" behind a noun."""
    if "capital_nouns" not in pack.flags:
        return False
    words, at = text.words, first - 1
    while (
        at > 0
        and first - at < 4
        and (words[at].raw[0].islower() or words[at].raw.endswith("en"))
        and words[at].low not in pack.words["articles"]
    ):
        at -= 1
    if at < 0 or words[at].low not in pack.words["articles"]:
        return False
    if words[at].low in _OBLIQUE:
        return True
    return (
        words[at].low in ("der", "einer")
        and at > 1
        and words[at - 1].raw[0].isupper()
        and words[at - 2].raw not in ".!?:"
    )


def _run(names: list[int]) -> list[int]:
    """The longest run of neighbouring words among ``names``; the first of equals."""
    best: list[int] = []
    current: list[int] = []
    for index in names:
        current = [*current, index] if current and index == current[-1] + 1 else [index]
        if len(current) > len(best):
            best = current
    return best


def _appositions(text: Text, mentions: list[Mention], pack: Pack) -> list[Mention]:
    """Join "a lawmaker, Park Sun-won," and "Li Fei, the chairman," to one mention each."""
    words = text.words
    joined: list[Mention] = []
    for mention in mentions:
        last = joined[-1] if joined else None
        if last is not None and last.last < mention.first and words[last.last].raw == ",":
            between = [words[i].low for i in range(last.last + 1, mention.first)]
            plain = all(
                word in pack.words["articles"] or word in pack.words["links"] or len(between) < 3 for word in between
            )
            kinds = {last.kind, mention.kind}
            if plain and len(between) <= 2 and kinds == {"person", "office"} and last.first >= 0:
                person, office = (last, mention) if last.kind == "person" else (mention, last)
                if not person.function and not (between and between[0] in pack.words["prepositions"]):
                    joined[-1] = Mention(
                        last.first,
                        mention.last,
                        "person",
                        person.key,
                        person.country or office.country,
                        office.function,
                        person.name,
                        last.subject,
                    )
                    continue
        joined.append(mention)
    return joined


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
        kinds: tuple[str, ...] = (
            ("person", "office", "official") if mention.function in ("he", "she") else ("institution", "organisation", "country", "media")
        )
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

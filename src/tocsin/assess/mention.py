"""Mentions: where a report names somebody: a person with his office, a body, an unnamed official, "he".

- Order of belief: organisation, person, office, country (a country's name is a place until it speaks).
- Neighbouring parts are one mention ("Pentagon-Sprecherin Sabrina Singh"), with a longer title and its apposition.
- A mention behind a preposition or in an oblique case is no subject.
"""

from __future__ import annotations

from tocsin.assess.actor import Mention
from tocsin.assess.pack import Hit, Pack
from tocsin.assess.placename import is_known_name, is_place, place_called
from tocsin.assess.sentence import Text
from tocsin.assess.title import head, tail, whole_names

_ORDER = ("organisation", "known", "agency", "institution", "person", "official", "people", "media", "country")


_RANK = {kind: rank for rank, kind in enumerate(_ORDER)}


_ACTORS = frozenset(_ORDER)


_OF = frozenset({"of", "von", "de", "d'"})
_OBLIQUE = frozenset({"des", "dem", "den", "einem", "einen", "eines"})


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
    named = whole_names(text, named, label, pack)
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
            first = head(text, pack, sentence.first, index, label, verbs)
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
                if body > index and head(text, pack, sentence.first, body, label, verbs) == index:
                    # "Iran's health ministry": the words between belong to the name.
                    index = body
                    continue
                ends = tail(text, pack, first, index, sentence.last, label, named, verbs)
                if ends > index:
                    index = ends
                    continue
                break
            mention = _mention(text, pack, first, index, label, named, countries)
            if mention is not None:
                mentions.append(mention)
    return _appositions(text, mentions, pack)


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
    seat = _seat(text, pack, names, person_office) if not known else ""
    if seat:
        # "The mayor of Lviv", «мер Львова»: the city says of where somebody is mayor, and not how he is called.
        names = []
    if names and not office_of and not (bodies and not person_office and not known and len(names) < 2):
        # The name is the run of name words; offices and countries around it say who that is.
        run = _run(names)
        if len(names) == 1 and not known and not person_office and is_place(words[run[0]].low, pack.language):
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
        if not seat and not bodies and not organisation:
            seat, last = _seat_behind(text, pack, last)
        if seat and not bodies:
            # The mayors of two cities are two mouths.
            key = f"{seat[:2]}:{function}@{seat[3:]}"
            country = country or seat[:2]
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


def _seat(text: Text, pack: Pack, names: list[int], offices: list[str]) -> str:
    """The city whose office somebody holds: its name stands alone behind the office, or behind "of" and the like."""
    if len(names) != 1 or not offices:
        return ""
    at = names[0]
    code = place_called(text.words[at].low, pack.language)
    if code is None or "/" not in code:
        return ""
    before = text.words[at - 1].low if at else ""
    linked = before in pack.words["links"] or before in pack.words["prepositions"]
    # A genitive without a link shows by its ending: «мер Львова», "mer Lwowa".
    bent = pack.language in ("uk", "ru", "pl") and not is_known_name(text.words[at].low)
    return code if linked or bent else ""


def _seat_behind(text: Text, pack: Pack, last: int) -> tuple[str, int]:
    """The city straight behind an office ("the mayor | of Lviv"), and where the office ends with it."""
    words = text.words
    if last + 1 < len(words) and words[last].low in _OF and words[last + 1].raw[0].isupper():
        code = place_called(words[last + 1].low, pack.language)
        if code is not None and "/" in code:
            return code, last + 2
    return "", last


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

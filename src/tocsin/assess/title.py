"""Titles: where the name of a body or an office begins and ends, and which words are a person's name.

- "Director de la planta, Jordi Mas" and «начальник обласної адміністрації Олег Кіпер» are one title with its holder.
- One word behind "of" is what an office is for and no name.
"""

from __future__ import annotations

from tocsin.assess.pack import Hit, Pack
from tocsin.assess.sentence import Text

_PARTICLES = frozenset(
    {"von", "van", "der", "den", "bin", "ibn", "al", "el", "ben", "da", "di", "dos", "ter", "ten", "zu", "af",
     "аль", "эль", "ель", "аш", "ібн", "ибн"}
)  # fmt: skip


_VERBAL = {
    "uk": ("в", "ла", "ло", "ли", "ть", "ться", "ся"),
    "ru": ("л", "ла", "ло", "ли", "ет", "ит", "ют", "ся", "сь"),
    "pl": ("ł", "ła", "ło", "li", "ły", "uje", "się", "ją"),
}


_GENERAL = frozenset({"government", "company", "rescue", "ministry", "airport", "court", "intelligence", "hospital"})


def whole_names(text: Text, named: list[bool], label: dict[int, Hit], pack: Pack) -> list[bool]:
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
            whole[index] = after or (index + 2 < len(words) and words[index + 1].low in _PARTICLES and named[index + 2])
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


def head(text: Text, pack: Pack, begin: int, at: int, label: dict[int, Hit], verbs: set[int]) -> int:
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


def tail(
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
            if word.low.endswith(_VERBAL[pack.language]) or (index in label and label[index].kind == "people"):
                return end
        elif linked:
            # What stands behind "of" belongs to the title, up to its first noun.
            if pack.language in ("fr", "es"):
                end = index + 1
                if index + 1 < limit and words[index + 1].low not in links and words[index + 1].raw != ",":
                    return end
        elif index + 1 >= limit or words[index + 1].low not in ("de", "del", "du", "d'", "of"):
            return end
        index += 1
    return end

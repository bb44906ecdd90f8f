"""Extraction: out of one report come its claims, each with its words, speaker, time, places, topics and standing.

- Every claim's text is a piece of the report; nothing is put into words here.
- What a report says to its reader ("ignore your instructions", "all clear for everyone") is text like any other text.
- A feared cause and the real one in one sentence are two claims, of which the second corrects the first.
- Signs of machine translation are flagged and never repaired.
"""

from __future__ import annotations

import importlib.resources
import re
import tomllib
from collections import defaultdict
from datetime import date, timedelta
from functools import lru_cache

from msgspec.structs import replace

from tocsin.assess.actor import Mention
from tocsin.assess.attribution import Attribution
from tocsin.assess.claim import Claim, Protective, Span, nights
from tocsin.assess.clause import Statement
from tocsin.assess.correction import Corrections
from tocsin.assess.pack import guess, pack
from tocsin.assess.placename import PlaceName, find_places
from tocsin.assess.reading import Reading, Source
from tocsin.assess.sentence import Sentence

_THREATS = frozenset({"airattack", "attack", "alert", "storm", "flood", "bomb", "protest", "wildfire", "volcano"})
_HIDDEN = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u00ad]")


def extract(text: str, source: Source) -> Reading:
    """Read one report. A language without a pack gives a reading for linking only, with no claims."""
    language, confidence = (source.language, 1.0) if source.language else guess(text)
    read_with = pack(language)
    if read_with is None:
        return _linking(text, source, language, confidence)
    return _Extraction(text, source, read_with, confidence).reading()


def _linking(text: str, source: Source, language: str, confidence: float) -> Reading:
    english = pack("en")
    assert english is not None
    taken = english.read(text)
    places = tuple(dict.fromkeys(place.code for place in find_places(taken, "en", [])))
    names = tuple(dict.fromkeys(word.low for word in taken.words if word.raw[:1].isupper() and len(word.raw) > 3))[:80]
    numbers = tuple(dict.fromkeys(word.low for word in taken.words if word.raw[0].isdigit() and len(word.raw) > 1))[:40]
    return Reading(
        source,
        language,
        confidence,
        (),
        places,
        (),
        {},
        (),
        names,
        numbers,
        (),
        (),
        len(text),
        taken.cut,
        taken.text,
        True,
    )


@lru_cache(maxsize=1)
def page_words() -> dict[str, list[str]]:
    """Phrases by which a page shows that it is a consent wall or a paywall and no article."""
    file = importlib.resources.files("tocsin.assess") / "packs" / "pages.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))


class _Extraction(Corrections):
    def reading(self) -> Reading:
        statements = Attribution(self.text, self.pack, self.hits, self.mentions, self.known).statements()
        sentence_of: dict[int, Sentence] = {}
        for sentence in self.text.sentences:
            for index in range(sentence.first, sentence.last):
                sentence_of[index] = sentence
        claims: list[Claim] = []
        for statement in statements:
            if statement.first >= statement.last or statement.first in self.credited:
                continue
            claims.append(self._claim(statement, sentence_of[statement.first]))
        claims = self._protect(claims)
        claims = self._corrections(claims)
        claims = sorted(_distinct(claims), key=lambda claim: (claim.span.start, claim.span.end))
        topics: dict[str, int] = defaultdict(int)
        for hit in self.by_kind["concept"]:
            topics[hit.name] += 1
        resolved = [mention for mention in self.resolved if mention.kind != "pronoun"]
        names = [
            word.low
            for mention in resolved
            if mention.kind == "person"
            for word in self.words[mention.first : mention.last]
            if len(word.low) > 3
        ]
        numbers = [word.low for word in self.words if word.raw[0].isdigit()]
        head = self.text.sentences[:2][-1].last if self.text.sentences else 0
        lead = [hit.name for hit in self.by_kind["concept"] if hit.first < head]
        leading = [m.key.removeprefix("person:") for m in resolved if m.kind == "person" and m.first < head]
        noise = self._noise()
        return Reading(
            self.source,
            self.pack.language,
            self.confidence,
            tuple(claims),
            tuple(dict.fromkeys(place.code for place in self.places)),
            tuple(dict.fromkeys(mention.key for mention in resolved if mention.key)),
            dict(topics),
            self.credits,
            tuple(dict.fromkeys(names)),
            tuple(dict.fromkeys(numbers)),
            tuple(dict.fromkeys(when.value for when in self.dates)),
            noise,
            self.length,
            self.text.cut,
            self.text.text,
            lead=tuple(dict.fromkeys(lead)),
            leading=tuple(dict.fromkeys(leading)),
        )

    # --- one claim -------------------------------------------------------------------------------------------------

    # --- protection and corrections --------------------------------------------------------------------------------

    def _protect(self, claims: list[Claim]) -> list[Claim]:
        """Protective actions, each on the claim that holds it; area and date from its speaker's other words."""
        actions: list[tuple[Protective, Sentence]] = [
            (action, sentence) for sentence in self.text.sentences for action in self.protection.find(sentence)
        ]
        if not actions:
            return claims
        for action, sentence in actions:
            holders = [c for c in claims if c.span.overlaps(action.span)]
            best = None
            if holders:
                best = min(holders, key=lambda c: (not c.span.covers(action.span), c.span.end - c.span.start))
            if best is None:
                best = self._claim(Statement(*self._gap(claims, sentence, action.span), "narration", None), sentence)
                claims.append(best)
            when = best.when
            action = replace(action, date=when.value if when else "")
            index = claims.index(best)
            claims[index] = replace(best, protective=(*best.protective, action))
        area_by: dict[str, str] = {}
        date_by: dict[str, str] = {}
        for claim in claims:
            for hit in self.by_kind["area"]:
                at = self.words[hit.first].start
                if claim.span.start <= at < claim.span.end:
                    for place in self.places:
                        if hit.last <= place.first <= hit.last + 2:
                            area_by.setdefault(claim.speaker.actor, self.text.slice(hit.first, place.last))
            if claim.when is not None and claim.modality != "certain" and claim.topics & _THREATS:
                date_by.setdefault(claim.speaker.actor, claim.when.value)
        everywhere = next(iter(area_by.values()), "")
        day = next(iter(date_by.values()), "")
        near = _near(self.source.published)
        date_by = {actor: value for actor, value in date_by.items() if value in near}
        for index, claim in enumerate(claims):
            if claim.protective:
                fallback = day if day in near else ""
                filled = tuple(
                    replace(
                        one,
                        area=one.area if one.facility else area_by.get(claim.speaker.actor) or everywhere or one.area,
                        date=one.date or date_by.get(claim.speaker.actor, fallback),
                    )
                    for one in claim.protective
                )
                when = claim.when
                if when is None:
                    # What is told now is for the day of the threat that the same speaker names.
                    day_of = date_by.get(claim.speaker.actor, fallback)
                    source = next((c.when for c in claims if c.when is not None and c.when.value == day_of), None)
                    when = replace(source, how="the threat it is told for") if source is not None else None
                claims[index] = replace(claim, protective=filled, when=when)
        return claims

    def _gap(self, claims: list[Claim], sentence: Sentence, span: Span) -> tuple[int, int]:
        """The words around a span that belong to no claim yet."""
        begin = max((c.span.end for c in claims if sentence.start <= c.span.end <= span.start), default=sentence.start)
        end = min((c.span.start for c in claims if span.end <= c.span.start < sentence.end), default=sentence.end)
        inside = [i for i in range(sentence.first, sentence.last) if begin <= self.words[i].start < end]
        while len(inside) > 1 and not self.words[inside[-1]].raw[-1].isalnum():
            inside.pop()
        return (inside[0], inside[-1] + 1) if inside else (sentence.first, sentence.last)

    # --- the report ------------------------------------------------------------------------------------------------

    def _noise(self) -> tuple[str, ...]:
        """Signs that a machine translated or that characters were meant to mislead."""
        flags: list[str] = []
        text = self.text.text
        if _HIDDEN.search(text):
            flags.append("hidden-characters")
        if re.search(
            r"[a-zа-яäöüßéèіїє],? [A-ZА-ЯІЇЄ][a-zа-яії]+ [a-zа-яії]+ [a-z]+ [A-Z]\w+ [a-z]+ (?:um|zu)\b", text
        ) or re.search(r"[a-zäöü][A-ZÄÖÜ][a-zäöü]|\b\w+führungein\b", text):
            flags.append("translation")
        if re.search(r"\b\d[\d.,]* \w+ (?:des|of|de|der) \w+ \.\.\. |\. (?:Tag|Day|Jour)\.(?:\s|$)", text):
            flags.append("translation")
        if self.text.cut:
            flags.append("cut")
        if len(text.strip()) < 40:
            flags.append("empty")
        low = text[:3000].lower()
        for kind, phrases in page_words().items():
            if len(text) < 2500 and any(phrase in low for phrase in phrases):
                flags.append(kind)
        return tuple(dict.fromkeys(flags))


def _near(published: date | None) -> frozenset[str]:
    """The days for which a threat told of now counts as the day of what people are told now."""
    if published is None:
        return frozenset()
    return frozenset((published + timedelta(days)).isoformat() for days in (-1, 0, 1))


def _distinct(claims: list[Claim]) -> list[Claim]:
    """Without claims that another claim of the same speaker says in the same words."""
    kept: list[Claim] = []
    seen: set[tuple[int, int, str | None, str]] = set()
    for claim in claims:
        key = (claim.span.start, claim.span.end, claim.speaker.name, claim.stance)
        if key in seen:
            continue
        seen.add(key)
        kept.append(claim)
    return kept


__all__ = ["Mention", "PlaceName", "Reading", "Source", "extract", "nights"]

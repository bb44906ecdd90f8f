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
from bisect import bisect_left
from collections import defaultdict
from datetime import date, timedelta
from functools import lru_cache

from msgspec import Struct
from msgspec.structs import replace

from tocsin.assess.actor import Known, Mention, PlaceName, find_actors, find_places
from tocsin.assess.attribution import Attribution
from tocsin.assess.claim import Claim, Modality, Protective, Quantity, Span, Speaker, Stance, Tier, When
from tocsin.assess.date import find_dates
from tocsin.assess.pack import Hit, Pack, guess, pack
from tocsin.assess.protective import Protection
from tocsin.assess.sentence import Sentence, Text
from tocsin.assess.speaker import Statement

_KINDS = {
    "person": "named",
    "office": "office",
    "institution": "office",
    "organisation": "office",
    "country": "office",
    "media": "office",
    "official": "anonymous",
    "people": "anonymous",
}
_THREATS = frozenset({"airattack", "attack", "alert", "storm", "flood", "bomb", "protest", "wildfire", "volcano"})
_COUNTED = ("dead", "injured", "missing", "evacuate", "arrest")
_HIDDEN = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u00ad]")


class Source(Struct, frozen=True):
    """What is known of a report besides its words. ``outlet`` is who published it."""

    report: str
    published: date | None = None
    language: str = ""
    outlet: str = ""
    url: str = ""
    title: str = ""
    order: int = 0


class Reading(Struct, frozen=True):
    """A report as read: its claims and what matches it with others."""

    source: Source
    language: str
    confidence: float
    claims: tuple[Claim, ...]
    places: tuple[str, ...]
    actors: tuple[str, ...]
    topics: dict[str, int]
    credits: tuple[str, ...]
    names: tuple[str, ...]
    numbers: tuple[str, ...]
    dates: tuple[str, ...]
    noise: tuple[str, ...] = ()
    length: int = 0
    cut: bool = False
    text: str = ""
    linking_only: bool = False


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
        source, language, confidence, (), places, (), {}, (), names, numbers, (), (), len(text), taken.cut, text, True
    )


@lru_cache(maxsize=1)
def page_words() -> dict[str, list[str]]:
    """Phrases by which a page shows that it is a consent wall or a paywall and no article."""
    file = importlib.resources.files("tocsin.assess") / "packs" / "pages.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))


class _Extraction:
    def __init__(self, text: str, source: Source, read_with: Pack, confidence: float) -> None:
        self.source, self.pack, self.confidence = source, read_with, confidence
        self.text: Text = read_with.read(text)
        self.words = self.text.words
        self.hits = read_with.cues.find(self.text)
        self.by_kind: dict[str, list[Hit]] = defaultdict(list)
        for hit in self.hits:
            self.by_kind[hit.kind].append(hit)
        self.firsts = {kind: [hit.first for hit in hits] for kind, hits in self.by_kind.items()}
        self.mentions = find_actors(self.text, read_with, self.hits)
        self.known = Known(self.text, self.mentions, read_with)
        persons = frozenset(
            index for mention in self.mentions if mention.name for index in range(mention.first, mention.last)
        )
        self.places = find_places(self.text, read_with.language, self.hits, persons)
        self.dates = find_dates(self.text, read_with, self.hits, source.published)
        self.place_at = [place.first for place in self.places]
        self.mention_at = [mention.first for mention in self.mentions]
        self.resolved = [
            mention if mention.kind == "pronoun" else self.known.resolve(mention, mention.first)[0]
            for mention in self.mentions
        ]
        self.keys = ["" if mention.kind == "pronoun" else mention.key for mention in self.resolved]
        self.protection = Protection(self.text, read_with, self.hits, self.places)
        self.credits, self.credited = self._credits()

    def _span(self, first: int, last: int) -> Span:
        return Span(self.words[first].start, self.words[last - 1].end)

    def _in(self, kind: str, first: int, last: int) -> list[Hit]:
        firsts = self.firsts.get(kind)
        if not firsts:
            return []
        return self.by_kind[kind][bisect_left(firsts, first) : bisect_left(firsts, last)]

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
            len(self.text.text),
            self.text.cut,
            self.text.text,
        )

    # --- one claim -------------------------------------------------------------------------------------------------

    def _claim(self, statement: Statement, sentence: Sentence) -> Claim:
        first, last = statement.first, statement.last
        span = self._span(first, last)
        speaker = self._speaker(statement, sentence)
        negated = bool(self._in("negation", first, last))
        when = self._when(span, sentence, [self._span(*cue) for cue in statement.cue if cue[0] < cue[1]])
        topics = frozenset(hit.name for hit in self._in("concept", first, last))
        here = slice(bisect_left(self.place_at, first), bisect_left(self.place_at, last))
        places = tuple(dict.fromkeys(place.code for place in self.places[here]))
        named = slice(bisect_left(self.mention_at, first), bisect_left(self.mention_at, last))
        actors = tuple(dict.fromkeys(key for key in self.keys[named] if key))
        quote = ""
        if statement.kind == "quote":
            quote = self.text.text[span.start : span.end]
        else:
            inside = [q for q in self.text.quotations if first <= q.first and q.last <= last]
            if inside:
                quote = self.text.slice(inside[0].first, inside[0].last)
        kind = {
            "quote": "quote",
            "indirect": "indirect",
            "according-to": "according-to",
            "no-comment": "no-comment",
        }.get(statement.kind, "narration")
        return Claim(
            report=self.source.report,
            span=span,
            text=self.text.text[span.start : span.end],
            kind=kind,  # type: ignore[arg-type]
            speaker=speaker,
            stance="asserts" if statement.verb == "correct" and negated else self._stance(statement),
            modality=self._modality(first, last, sentence, statement),
            negated=negated,
            quote=quote,
            when=when,
            occasion=(when.first, when.last) if when is not None else None,
            topics=topics,
            places=places,
            actors=actors,
            quantities=self._quantities(first, last),
            tier=self._tier(statement, speaker),
            cue=tuple(self._span(*cue) for cue in statement.cue if cue[0] < cue[1]),
        )

    def _speaker(self, statement: Statement, sentence: Sentence) -> Speaker:
        if statement.kind == "narration":
            return Speaker("reporter", "reporter", "reporter", via=self._via(sentence))
        condition = self._condition(sentence)
        if statement.named is None:
            return Speaker(None, "unclear", candidates=statement.candidates)
        mention = statement.named
        kind = _KINDS.get(mention.kind, "office")
        if condition:
            kind = "anonymous" if mention.kind != "person" else kind
        name = self.known.shown(mention)
        return Speaker(
            name,
            kind,  # type: ignore[arg-type]
            mention.key,
            mention.country,
            mention.function,
            self._named_at(statement.here or mention),
            statement.candidates,
            condition if kind == "anonymous" else "",
            self._via(sentence),
        )

    def _named_at(self, mention: Mention) -> Span:
        """Where a speaker is named, with its article and adjectives."""
        first = mention.first
        while first and self.words[first - 1].low in self.pack.words["articles"] | {
            "stellvertretende",
            "ehemalige",
            "frühere",
        }:
            first -= 1
        return self._span(first, mention.last)

    def _condition(self, sentence: Sentence) -> str:
        for hit in self._in("anonymous", sentence.first, sentence.last):
            return self.text.slice(hit.first, hit.last)
        return ""

    def _via(self, sentence: Sentence) -> tuple[str, ...]:
        return tuple(dict.fromkeys(hit.name for hit in self._in("agency", sentence.first, sentence.last)))

    @staticmethod
    def _stance(statement: Statement) -> Stance:
        stances: dict[str, Stance] = {
            "deny": "denies",
            "confirm": "confirms",
            "decline": "declines",
            "correct": "corrects",
        }
        return stances.get(statement.verb, "asserts")

    def _modality(self, first: int, last: int, sentence: Sentence, statement: Statement) -> Modality:
        if statement.verb == "unconfirmed":
            # "Could not confirm" is sure of itself.
            return "certain"
        hedges = {hit.name for hit in self._in("hedge", first, last)}
        if "probable" in hedges:
            return "probable"
        if "possible" in hedges or statement.verb == "think":
            return "possible"
        return "certain"

    @staticmethod
    def _tier(statement: Statement, speaker: Speaker) -> Tier:
        if speaker.kind == "unclear":
            return "low"
        if statement.verb == "free" or not statement.sure:
            return "medium" if statement.verb == "free" and statement.sure else "low"
        if statement.candidates or (statement.named is not None and statement.named.kind == "phrase"):
            return "medium"
        if statement.kind in ("no-comment", "according-to") or statement.cue:
            return "high"
        return "medium"

    def _when(self, span: Span, sentence: Sentence, cues: list[Span]) -> When | None:
        """The date in the claim's own words, else one in its sentence before it."""
        inside = [when for when in self.dates if span.covers(when.span)]
        if inside:
            order = {"time": 0, "part": 0, "night": 0, "day": 1, "span": 2, "week": 3, "month": 4, "year": 5}
            return min(inside, key=lambda when: (order.get(when.precision, 9), when.span.start))
        around = [when for when in self.dates if sentence.start <= when.span.start < span.end]
        around += [
            when
            for when in self.dates
            if when.span.start < sentence.end and any(cue.start - 30 <= when.span.start <= cue.end + 40 for cue in cues)
        ]
        around = [when for when in around if when.how != "day_after_that"]
        return around[0] if around else None

    def _quantities(self, first: int, last: int) -> tuple[Quantity, ...]:
        """Numbers that stand within six words of what they count."""
        found: list[Quantity] = []
        counted = [hit for hit in self._in("concept", first, last) if hit.name in _COUNTED]
        if not counted:
            return ()
        for index in range(first, last):
            value = self._number(index)
            if value is None or any(when.span.start <= self.words[index].start < when.span.end for when in self.dates):
                continue
            near = [hit for hit in counted if -4 <= hit.first - index <= 6]
            if not near:
                continue
            best = min(near, key=lambda hit: (abs(hit.first - index), hit.first < index))
            bound = "exact"
            for hit in self._in("bound", max(first, index - 3), index):
                bound = hit.name
            found.append(Quantity(value, best.name, self._span(index, index + 1), bound))
        return tuple(found)

    def _number(self, index: int) -> int | None:
        word = self.words[index]
        if word.raw[0].isdigit():
            digits = re.sub(r"[.,](?=\d{3}(?!\d))", "", word.low)
            return int(digits) if digits.isdigit() and len(digits) < 8 else None
        for hit in self._in("date", index, index + 1):
            if (
                hit.name.startswith("n:")
                and hit.last == index + 1
                and word.low not in self.pack.words["articles"] | self.pack.words.get("ordinals", frozenset())
            ):
                return int(hit.name[2:])
        return None

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
        for index, claim in enumerate(claims):
            if claim.protective:
                fallback = day if day in near else ""
                filled = tuple(
                    replace(
                        one,
                        area=one.area if one.facility else area_by.get(claim.speaker.actor) or everywhere or one.area,
                        date=one.date or (date_by.get(claim.speaker.actor, "") if date_by.get(claim.speaker.actor) in near else fallback),
                    )
                    for one in claim.protective
                )
                when = claim.when
                if when is None:
                    # What is told now is for the day of the threat that the same speaker names.
                    day_of = date_by.get(claim.speaker.actor, "")
                    day_of = day_of if day_of in near else fallback
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

    def _corrections(self, claims: list[Claim]) -> list[Claim]:
        for sentence in self.text.sentences:
            actual = self._in("correction", sentence.first, sentence.last)
            if not actual:
                actual = self._confirmed_otherwise(sentence)
            if not actual:
                continue
            if all(hit.name == "weak" for hit in actual):
                # "In fact" corrects only what was feared or first reported, here or in the sentence before.
                if not self._in("feared", sentence.first, sentence.last):
                    claims = self._correct_before(claims, sentence)
                    continue
                actual = [replace(hit, name="actually") for hit in actual]
            else:
                actual = [replace(hit, name="actually") if hit.name == "weak" else hit for hit in actual]
            if all(self._refused(hit, sentence) for hit in actual):
                continue
            claims = self._correct(claims, sentence, actual)
        return claims

    def _confirmed_otherwise(self, sentence: Sentence) -> list[Hit]:
        """ "At first a gas leak was feared, but the police confirmed later ...": the confirmation corrects."""
        feared = self._in("feared", sentence.first, sentence.last)
        if not feared:
            return []
        later = self.pack.words["later"]
        for hit in self._in("speech", feared[0].last, sentence.last):
            joint = next(
                (
                    index
                    for index in range(feared[0].last, hit.first)
                    if self.words[index].low in self.pack.words["adversative"]
                ),
                None,
            )
            if joint is None:
                continue
            now = any(self.words[index].low in later for index in range(joint, min(hit.last + 3, sentence.last)))
            if hit.name in ("confirm", "correct") or (hit.name == "say" and now):
                return [replace(hit, kind="correction", name="actually")]
        return []

    def _refused(self, hit: Hit, sentence: Sentence) -> bool:
        """Whether a verb of correcting is itself negated ("does not correct its forecast")."""
        return (
            hit.last == hit.first + 1
            and hit.name == "actually"
            and any(
                negation.first > hit.first or negation.first >= hit.first - 2
                for negation in self._in("negation", sentence.first, sentence.last)
                if self.words[hit.first].low.startswith(
                    ("korrig", "correct", "corrig", "berichtig", "rectif", "sprost", "исправ", "виправ")
                )
            )
        )

    def _correct_before(self, claims: list[Claim], sentence: Sentence) -> list[Claim]:
        """A sentence with "in fact" after one with "at first" corrects it."""
        place = self.text.sentences.index(sentence)
        if place == 0:
            return claims
        before = self.text.sentences[place - 1]
        feared = self._in("feared", before.first, before.last)
        earlier = [c for c in claims if before.start <= c.span.start < before.end and c.kind != "no-comment"]
        here = [c for c in claims if sentence.start <= c.span.start < sentence.end and c.kind != "no-comment"]
        if not feared or not earlier or not here or before.paragraph < sentence.paragraph - 1:
            return claims
        wrong = replace(earlier[-1], standing="corrected", modality="possible")
        right = replace(here[0], stance="corrects", corrects=wrong.span)
        return [wrong if c is earlier[-1] else right if c is here[0] else c for c in claims]

    def _correct(self, claims: list[Claim], sentence: Sentence, actual: list[Hit]) -> list[Claim]:
        feared = self._in("feared", sentence.first, sentence.last)
        inside = [c for c in claims if sentence.start <= c.span.start < sentence.end]
        hit = actual[0]
        wrong: tuple[int, int] | None = None
        right: tuple[int, int] | None = None
        if hit.name == "actually" and feared and not (len(feared) == 1 and feared[0].first == hit.first):
            cut = self._cut(sentence, feared[0], hit)
            # "Contrary to what was reported" is no wording of its own that could be struck out.
            if hit.first <= feared[0].first and feared[0].last <= hit.last and "contr" in self.words[hit.first].low:
                cut = None
            if cut is not None and min(cut - sentence.first, sentence.last - cut) < 4:
                cut = None
            contrary = cut is not None and cut <= hit.first <= cut + 1 and feared[0].first > hit.first
            if cut is not None and not contrary:
                if feared[0].first < hit.first:
                    wrong, right = (sentence.first, cut), (cut, sentence.last)
                else:
                    wrong, right = (cut, sentence.last), (sentence.first, cut)
        elif hit.name == "notbut" and (feared or len(actual) > 1):
            commas = [i for i in range(hit.first, hit.last) if self.words[i].raw == ","] or [hit.last - 1]
            wrong, right = (hit.first, commas[0]), (commas[0], sentence.last)
        if wrong is None or right is None:
            if hit.name != "actually":
                return claims
            meant = [c for c in inside if self._holds(c, hit)] or inside
            return [replace(c, stance="corrects") if c in meant and c.stance == "asserts" else c for c in claims]
        base = inside[0] if inside else None
        if base is None:
            return claims
        if base.kind in ("according-to", "indirect") and wrong[0] == sentence.first:
            begin = next(
                (i for i in range(sentence.first, sentence.last) if self.words[i].start >= base.span.start), wrong[0]
            )
            wrong = (begin if begin < wrong[1] else wrong[0], wrong[1])
        ends = bisect_left([word.start for word in self.words[right[0] : right[1]]], base.span.end) + right[0]
        if base.kind == "indirect" and right[0] + 2 < ends < right[1] and right[1] == sentence.last:
            # The words of saying behind what is said are not part of it.
            right = (right[0], ends)
        wrong_claim = self._piece(self._owner(inside, base, sentence, *wrong), sentence, *wrong)
        right_claim = self._piece(self._owner(inside, base, sentence, *right), sentence, *right)
        if wrong_claim is None or right_claim is None:
            return claims
        # What somebody is already known to say in one of the halves keeps its own words.
        said = [c for c in inside if c.cue and c.kind != "no-comment"]
        wrong_claim = next((c for c in reversed(said) if wrong_claim.span.covers(c.span)), wrong_claim)
        right_claim = next((c for c in said if right_claim.span.covers(c.span)), right_claim)
        both = (wrong_claim.span, right_claim.span)
        dropped = [c for c in inside if c.kind == "narration" or all(c.span.overlaps(span) for span in both)]
        dropped += [wrong_claim, right_claim]
        wrong_claim = replace(wrong_claim, standing="corrected", modality="possible", stance="asserts")
        right_claim = replace(right_claim, stance="corrects", corrects=wrong_claim.span, modality="certain")
        kept = [c for c in claims if c not in dropped]
        place = next((i for i, c in enumerate(kept) if c.span.start > sentence.start), len(kept))
        return [*kept[:place], wrong_claim, right_claim, *kept[place:]]

    def _owner(self, inside: list[Claim], base: Claim, sentence: Sentence, first: int, last: int) -> Claim:
        """Whose words one half of a correction are: of the cue in it, of a cue before it or at the very end, else none."""
        begin, end = self.words[first].start, self.words[last - 1].end
        for claim in inside:
            if any(begin <= cue.start < end for cue in claim.cue):
                return claim
        if base.cue and base.cue[0].start >= end and base.span.covers(Span(begin, end)):
            return base
        if not base.cue or base.cue[0].start < begin or base.cue[0].end > sentence.end - 25:
            return base
        return replace(
            base, speaker=Speaker("reporter", "reporter", "reporter"), kind="narration", cue=(), tier="medium"
        )

    def _holds(self, claim: Claim, hit: Hit) -> bool:
        return claim.span.start <= self.words[hit.first].start < claim.span.end or any(
            cue.start <= self.words[hit.first].start < cue.end for cue in claim.cue
        )

    def _cut(self, sentence: Sentence, feared: Hit, actual: Hit) -> int | None:
        """The joint between what was feared and what was found: the last comma before the later of the two."""
        later = max(feared.first, actual.first)
        earlier = min(feared.last, actual.last)
        for index in range(later, earlier - 1, -1):
            if self.words[index].raw in ",;:–—":
                # The verb of the main clause stands between the comma and the word for "really".
                return index + 1
        for index in range(later, earlier - 1, -1):
            if self.words[index].low in self.pack.words["conjunctions"]:
                return index + 1
        return later if later > sentence.first else None

    def _piece(self, base: Claim, sentence: Sentence, first: int, last: int) -> Claim | None:
        while first < last and self.words[first].raw in ',;:–—„“”"':
            first += 1
        while last > first and self.words[last - 1].raw in ".,;:!?–—":
            last -= 1
        if last - first < 1:
            return None
        statement = Statement(first, last, "narration" if base.kind == "narration" else "indirect", None)
        fresh = self._claim(statement, sentence)
        return replace(fresh, speaker=base.speaker, kind=base.kind, tier=base.tier, cue=base.cue)

    # --- the report ------------------------------------------------------------------------------------------------

    def _credits(self) -> tuple[tuple[str, ...], set[int]]:
        """Agencies credited at the end, in a dateline or in brackets, and the words of a pure credit line."""
        found: list[str] = []
        lines: set[int] = set()
        count = len(self.words)
        for hit in self.by_kind["agency"]:
            sentence = next((s for s in self.text.sentences if s.first <= hit.first < s.last), None)
            if sentence is None:
                continue
            size = sum(word.raw[0].isalnum() for word in self.words[sentence.first : sentence.last])
            before = self.words[hit.first - 1].raw if hit.first else ""
            after = self.words[hit.last].raw if hit.last < count else ""
            if size <= 6 and (
                sentence is self.text.sentences[-1] or sentence is self.text.sentences[0] or hit.last > count - 12
            ):
                found.append(hit.name)
                lines.update(range(sentence.first, sentence.last))
            elif (before in "(/[" and bool(before) and (after in ")/]-" or not after)) or (
                hit.first < 14 and after in "–—-" and bool(after)
            ):
                found.append(hit.name)
        return tuple(dict.fromkeys(found)), lines

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


def nights(value: str) -> tuple[str, str]:
    """First and last day of an ISO value; a month or a year is its whole length."""
    first, _, last = value.partition("/")
    if not last:
        last = first
    if len(first) == 4:
        first += "-01-01"
    if len(first) == 7:
        first += "-01"
    if len(last) == 4:
        last += "-12-31"
    if len(last) == 7:
        year, month = int(last[:4]), int(last[5:7])
        last = (date(year + month // 12, month % 12 + 1, 1) - timedelta(1)).isoformat()
    return first[:10], last[:10]


__all__ = ["Mention", "PlaceName", "Reading", "Source", "extract", "nights"]

"""Telling: one statement becomes one claim, with its speaker, time, places, numbers and how firmly it is said.

- A claim's text is a piece of the report; nothing is put into words here.
- The date is one in the claim's own words, else one of its sentence before it.
- A speaker who is not certain lowers the tier; one who is unclear is None.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict

from tocsin.assess.actor import Known, Mention
from tocsin.assess.claim import Claim, Modality, Quantity, Span, Speaker, Stance, Tier, When
from tocsin.assess.clause import Statement
from tocsin.assess.date import find_dates
from tocsin.assess.mention import find_actors
from tocsin.assess.pack import Hit, Pack
from tocsin.assess.placename import find_places
from tocsin.assess.protective import Protection
from tocsin.assess.reading import Source
from tocsin.assess.sentence import Sentence, Text

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
_COUNTED = ("dead", "injured", "missing", "evacuate", "arrest")


class Telling:
    """One report taken apart, and claims made of its statements."""

    def __init__(self, text: str, source: Source, read_with: Pack, confidence: float) -> None:
        self.source, self.pack, self.confidence = source, read_with, confidence
        self.length = len(text)
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
        self.places = find_places(self.text, read_with.language, self.hits, persons, read_with.words["prepositions"])
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

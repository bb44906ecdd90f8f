"""Corrections: what was feared or first reported, and what is said instead.

- A feared cause and the real one in one sentence are two claims, of which the second corrects the first.
- What somebody is already known to say keeps its own words and its speaker.
- "Contrary to what was reported" corrects, and has no wording of its own that could be struck out.
"""

from __future__ import annotations

from bisect import bisect_left

from msgspec.structs import replace

from tocsin.assess.claim import Claim, Span, Speaker
from tocsin.assess.clause import Statement
from tocsin.assess.pack import Hit
from tocsin.assess.sentence import Sentence
from tocsin.assess.telling import Telling


class Corrections(Telling):
    """The corrections in one report."""

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
        if hit.last != hit.first + 1 or hit.name != "actually":
            return False
        if not self.words[hit.first].low.startswith(
            ("korrig", "correct", "corrig", "berichtig", "rectif", "sprost", "исправ", "виправ")
        ):
            return False
        last = hit.last
        while last < sentence.last and self.words[last].raw not in ",;:":
            last += 1
        behind = "capital_nouns" in self.pack.flags
        return any(
            hit.first - 2 <= negation.first < (last if behind else hit.first)
            for negation in self._in("negation", sentence.first, sentence.last)
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

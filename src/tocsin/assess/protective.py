"""Protective actions: what people are told to do, to whom, on which condition and where; and what is closed.

- An action is a cue of the pack in words that tell (advise, must, an imperative) or that quote the one who tells.
- A facility is closed where its noun and the word for closing stand in one clause and nothing negates them.
- A negated or past all-clear is none; a report of an all-clear stays a report and is never acted on here.
- Only what protects is read: nothing of targets, weapons or defence becomes an action.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict

from tocsin.assess.claim import Protective, Span
from tocsin.assess.pack import Hit, Pack
from tocsin.assess.placename import PlaceName
from tocsin.assess.sentence import Sentence, Text

_NEEDS_ADVICE = frozenset({"shelter", "stay_away", "be_ready", "monitor_media"})


class Protection:
    """The protective actions of one report, sentence by sentence."""

    def __init__(self, text: Text, pack: Pack, hits: list[Hit], places: list[PlaceName]) -> None:
        self.text, self.pack, self.places = text, pack, places
        self.by_kind: dict[str, list[Hit]] = defaultdict(list)
        for hit in hits:
            self.by_kind[hit.kind].append(hit)
        self.firsts = {kind: [hit.first for hit in found] for kind, found in self.by_kind.items()}

    def _in(self, kind: str, first: int, last: int) -> list[Hit]:
        firsts = self.firsts.get(kind)
        if not firsts:
            return []
        return self.by_kind[kind][bisect_left(firsts, first) : bisect_left(firsts, last)]

    def find(self, sentence: Sentence) -> list[Protective]:
        found = self._actions(sentence)
        found += self._status(sentence)
        return found

    def _clause(self, sentence: Sentence, hit: Hit) -> tuple[int, int]:
        """Words around a cue up to the next strong mark; a condition's comma is kept."""
        first, last = hit.first, hit.last
        while first > sentence.first and self.text.words[first - 1].raw not in ";:":
            first -= 1
        while last < sentence.last and self.text.words[last].raw not in ";:":
            last += 1
        return first, last

    def _negated(self, sentence: Sentence, hit: Hit, reach: int = 3) -> bool:
        words = self.text.words
        for negation in self._in("negation", max(sentence.first, hit.first - reach), hit.first):
            if not any(words[i].raw in ",;:" for i in range(negation.last, hit.first)):
                return True
        return False

    def _denied(self, sentence: Sentence, hit: Hit) -> bool:
        """Whether an all-clear is said not to be: a negation anywhere in its sentence and not in the cue itself."""
        return any(
            not hit.first <= negation.first < hit.last
            for negation in self._in("negation", sentence.first, sentence.last)
        )

    def _actions(self, sentence: Sentence) -> list[Protective]:
        words = self.text.words
        found: list[Protective] = []
        best: dict[str, Hit] = {}
        for hit in self._in("protect", sentence.first, sentence.last):
            kept = best.get(hit.name)
            if kept is None or hit.last - hit.first > kept.last - kept.first:
                best[hit.name] = hit
        advised = self._in("advice", sentence.first, sentence.last)
        if advised and "evacuate" not in best and (leave := self._leave(sentence)) is not None:
            best["evacuate"] = leave
        condition = self._condition(sentence)
        for action, hit in best.items():
            if action == "closed":
                continue
            if action not in ("stay_away", "boil_water") and self._negated(sentence, hit):
                continue
            imperative = (
                hit.first == sentence.first
                or words[hit.first - 1].raw in ':,;„“”"«»'
                or words[hit.first - 1].raw in ".!"
            )
            told = bool(
                [one for one in advised if not (one.first >= hit.first and one.last <= hit.last and one.name != "must")]
            )
            if action in _NEEDS_ADVICE and not (told or imperative or condition):
                continue
            if action == "all_clear" and self._denied(sentence, hit):
                continue
            if action == "evacuate" and self._in("negation", hit.first, hit.last):
                # "Not to leave their homes" is the opposite.
                continue
            begin = min([hit.first])
            span = Span(words[begin].start, words[hit.last - 1].end)
            found.append(
                Protective(
                    action,  # type: ignore[arg-type]
                    span,
                    self._audience(sentence, hit),
                    condition if action != "all_clear" else "",
                    self._area(sentence, hit),
                )
            )
        actions = {one.action for one in found}
        if {"be_ready", "evacuate"} <= actions:
            # "Prepare for an evacuation", "be ready to leave": nobody is told to go yet.
            prepared, leaving = best["be_ready"], best["evacuate"]
            if prepared.first <= leaving.first < prepared.last + 3:
                found = [one for one in found if one.action != "evacuate"]
        if {"be_ready", "shelter"} <= actions:
            # "Be prepared to take shelter": what is told now is to be ready.
            ready = next(one for one in found if one.action == "be_ready")
            shelter = best["shelter"]
            if (
                (best["be_ready"].first <= shelter.first or best["be_ready"].first < shelter.last)
                and not any(
                    words[i].raw in ".;" or words[i].low in self.pack.words["conjunctions"]
                    for i in range(best["be_ready"].last, shelter.first)
                )
            ) or (condition and shelter.first - best["be_ready"].last < 8):
                found = [one for one in found if one.action != "shelter"]
                found = [one for one in found if one is not ready]
                span = Span(
                    min(ready.span.start, words[shelter.first].start), max(ready.span.end, words[shelter.last - 1].end)
                )
                found.append(Protective("be_ready", span, ready.audience, ready.condition, ready.area))
        return found

    def _leave(self, sentence: Sentence) -> Hit | None:
        """ "Leave Iran", "quitter le Liban": a verb of leaving and a country or "the country" straight behind it."""
        words = self.text.words
        leaving, country = self.pack.words.get("leave", frozenset()), self.pack.words.get("country", frozenset())
        reach = 4 if "capital_nouns" in self.pack.flags else 0
        for index in range(sentence.first, sentence.last):
            if words[index].low not in leaving:
                continue
            # In German the country stands before the verb.
            near = range(max(sentence.first, index - reach), index) if reach else range(index + 1, index + 4)
            for at in near:
                if at >= sentence.last:
                    break
                if words[at].low in country or any(place.first == at for place in self.places):
                    first, last = min(index, at), max(index, at) + 1
                    return Hit(first, last, "protect", "evacuate", last)
        return None

    def _status(self, sentence: Sentence) -> list[Protective]:
        words = self.text.words
        facilities = [
            hit
            for hit in self._in("facility", sentence.first, sentence.last)
            if "capital_nouns" not in self.pack.flags
            or any(words[i].raw[0].isupper() for i in range(hit.first, hit.last))
            or hit.name == "doors"
        ]
        if not facilities:
            return []
        found: list[Protective] = []
        for hit in self._in("status", sentence.first, sentence.last):
            if hit.name == "limited":
                continue
            if hit.name == "market" or any(
                one.name == "market" and one.first < hit.last and hit.first < one.last
                for one in self._in("status", sentence.first, sentence.last)
            ):
                continue
            if any(one.first <= hit.first < one.last for one in self._in("protect", sentence.first, sentence.last)):
                # "Keep windows shut" closes no house.
                continue
            near = [f for f in facilities if self._same_clause(f, hit) and not self._housed(f, sentence)]
            near = [f for f in near if not self._comma(f, hit)] or near
            if not near or self._maybe(sentence, hit):
                continue
            # "The office closes its embassy": what stands behind the verb is what closes.
            near = [f for f in near if hit.last <= f.first <= hit.last + 3 and self._object(hit, f)] or near
            facility = min(near, key=lambda f: (abs(f.first - hit.first), f.first))
            if self._negated(sentence, hit, 4) or self._in("negation", hit.last, min(hit.last + 1, sentence.last)):
                continue
            if hit.name == "closed" and any(
                one.name == "open" and self._same_clause(one, hit)
                for one in self._in("status", sentence.first, sentence.last)
            ):
                continue
            called = facility.name
            if called == "doors":
                called = self._whose(sentence)
                if not called:
                    continue
            first, last = min(facility.first, hit.first), max(facility.last, hit.last)
            span = Span(words[first].start, words[last - 1].end)
            one = Protective(
                "closed" if hit.name == "closed" else "open",
                span,
                "",
                "",
                self._area(sentence, hit),
                called,
            )
            if not any(other.action == one.action and other.facility == one.facility for other in found):
                found.append(one)
        return found

    def _whose(self, sentence: Sentence) -> str:
        """The facility whose doors close: the last one named before."""
        before = [f for f in self.by_kind["facility"] if f.first < sentence.last and f.name != "doors"]
        return before[-1].name if before else ""

    def _housed(self, facility: Hit, sentence: Sentence) -> bool:
        """Whether something else is in the facility ("the party ended its congress in the school")."""
        words, at = self.text.words, facility.first
        while at > sentence.first and words[at - 1].low in self.pack.words["articles"]:
            at -= 1
        return at > sentence.first and words[at - 1].low in self.pack.words["hosts"]

    def _same_clause(self, one: Hit, other: Hit) -> bool:
        first, last = min(one.last, other.last), max(one.first, other.first)
        if last - first > 14:
            return False
        words = self.text.words
        return not any(
            words[i].raw in ";:"
            or (
                words[i].raw == ","
                and words[i + 1].low in self.pack.words["conjunctions"]
                and words[i + 1].low not in ("und", "and")
            )
            for i in range(first, last)
        )

    def _maybe(self, sentence: Sentence, hit: Hit) -> bool:
        """Whether it is only possible: "could close", «podría cerrar»."""
        hedges = self._in("hedge", max(sentence.first, hit.first - 4), hit.first)
        return any(one.name == "possible" for one in hedges)

    def _object(self, hit: Hit, facility: Hit) -> bool:
        """Whether only articles and adjectives stand between a verb and what follows it."""
        closed = self.pack.words["prepositions"] | self.pack.words["conjunctions"]
        articles = self.pack.words["articles"]
        between = self.text.words[hit.last : facility.first]
        return all(word.raw[0].isalpha() and (word.low in articles or word.low not in closed) for word in between)

    def _comma(self, one: Hit, other: Hit) -> bool:
        """Whether a comma stands between: "schools stay closed, as the office said" closes no office."""
        return any(self.text.words[i].raw == "," for i in range(min(one.last, other.last), max(one.first, other.first)))

    def _audience(self, sentence: Sentence, hit: Hit) -> str:
        audience = self._in("audience", sentence.first, sentence.last)
        words = self.text.words
        if "capital_nouns" in self.pack.flags:
            audience = [one for one in audience if words[one.first].raw[0].isupper() or one.name == "public"]
        if not audience:
            return "public"
        before = [one for one in audience if one.first <= hit.first]
        chosen = before[-1] if before else audience[0]
        if chosen.name == "citizens":
            # "US citizens", «громадянам США»: whose they are stands before or behind.
            for country in self._in("country", max(sentence.first, chosen.first - 2), chosen.last + 1):
                return f"{country.name.rstrip('~')} citizens"
        return chosen.name

    def _condition(self, sentence: Sentence) -> str:
        """The words of the condition, from "if" to the end of its clause."""
        words = self.text.words
        for hit in self._in("condition", sentence.first, sentence.last):
            last = hit.last
            while last < sentence.last and words[last].raw not in ',;:.!”“"»':
                last += 1
                if hit.name == "case" and last - hit.last >= 1:
                    # "In case of an alarm": the noun ends it; in German the first word with a capital.
                    if "capital_nouns" in self.pack.flags:
                        if words[last - 1].raw[0].isupper():
                            break
                    elif last - hit.last >= 5:
                        break
            if last - hit.first >= 3:
                end = last
                # The condition ends where the action begins.
                for protect in self._in("protect", hit.last, last):
                    if protect.first - hit.last >= 2:
                        end = min(end, protect.first)
                return self.text.slice(hit.first, end)
        return ""

    def _area(self, sentence: Sentence, action: Hit) -> str:
        """Where: "all of Ukraine", else the place nearest to the action that a preposition governs."""
        for hit in self._in("area", sentence.first, sentence.last):
            for place in self.places:
                if hit.last <= place.first <= hit.last + 2:
                    return self.text.slice(hit.first, place.last)
        inside = [
            place
            for place in self.places
            if sentence.first <= place.first < sentence.last
            and place.first
            and self.text.words[place.first - 1].low in self.pack.words["prepositions"]
        ]
        return min(inside, key=lambda place: abs(place.first - action.first)).name if inside else ""

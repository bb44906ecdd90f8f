"""Speakers: who the subject of a word of saying is: before it, straight behind it, or carried on from before.

- A mention behind a preposition or in an oblique case is no subject; an addressee is no speaker.
- "... and accused" goes on with the subject of the clause before; a passive has another subject than its speaker.
- Where several could be meant, the others are kept as candidates, and the claim does not count as certain.
"""

from __future__ import annotations

from tocsin.assess.actor import Mention
from tocsin.assess.clause import MARKS, Clauses
from tocsin.assess.pack import Hit
from tocsin.assess.sentence import Quotation, Sentence

_OF_WHOM = frozenset({"der", "des", "dem", "den", "einer", "eines", "seiner", "ihrer", "von", "vom"})
_JUDGING = ("confirm", "deny", "unconfirmed")


class Speakers(Clauses):
    """One report's mentions and cues, and who speaks by them."""

    def _right(self, at: int, limit: int) -> Mention | None:
        reach = 2 if self.pack.language == "en" else 6
        for index in range(at, min(at + reach, limit)):
            mention = self.by_first.get(index)
            if mention is not None and index not in self.inside:
                follows = mention.last < limit and self.words[mention.last].low in self.pack.words["finite"]
                if follows and self.pack.language != "de":
                    # "said the US was considering": what stands behind the verb begins what is said.
                    return None
                if self.pack.language == "de" and not mention.subject:
                    # "Werfen den Behörden vor": whom it is said to.
                    return None
                return mention if self._clear(at, index) else None
        return None

    def _left(self, cue: Hit, sentence: Sentence) -> Mention | None:
        """The subject before a cue: the first mention of its clause that no preposition governs."""
        words, pack = self.words, self.pack
        aside = self._aside_before(cue, sentence)
        start = end = cue.first if aside is None else aside
        best: Mention | None = None
        while start > sentence.first:
            start -= 1
            word = words[start]
            boundary = (
                word.raw in ",;:()–—"
                or word.raw in MARKS
                or word.low in pack.words["subordinators"]
                or word.low in pack.words["that"]
            )
            joint = word.low in pack.words["conjunctions"]
            if not boundary and not joint and start > sentence.first:
                continue
            low = start + 1 if boundary or joint else start
            inside = [m for m in self.mentions if low < m.last <= end and m.first not in self.inside]
            plain = [m for m in inside if m.subject and not (cue.name == "advise" and m.first in self.addressed)]
            if plain:
                best = plain[0]
                self.rivals = tuple(m for m in plain[1:] if m.key != best.key)
                if joint and self._pair(start, best):
                    continue
                if word.raw == "," and not joint:
                    # "a lawmaker, Park Sun-won, said": a subject between commas may only be a part of it.
                    pass
                return best
            if self._relates(start):
                # "An official who asked not to be named said": the clause between is the subject's own.
                end = start
                continue
            if joint or word.raw in ";:" or word.raw in MARKS:
                if joint and not self._verb(low, end):
                    end = start
                    continue
                return best
            if word.low in pack.words["subordinators"] or word.low in pack.words["that"]:
                return best
            if word.raw == ",":
                # Skip an aside between commas ("X, the oldest of them, said").
                end = start
        return best

    def _agent(self, cue: Hit, sentence: Sentence) -> Mention | None:
        """By whom something was said: "was denied by the army", "wurde von der Armee dementiert"."""
        words = self.words
        by = self.pack.words.get("by", frozenset())
        if self.pack.language == "de":
            reach = range(self._clause_start(cue.first, sentence), cue.first)
        else:
            reach = range(cue.head, min(cue.head + 6, sentence.last))
        for index in reach:
            if words[index].raw in ",;:":
                break
            if words[index].low in by:
                for place in range(index + 1, min(index + 5, sentence.last)):
                    if (mention := self.by_first.get(place)) is not None:
                        return mention
        return None

    def _hosted(self, mention: Mention) -> bool:
        """Whether a mention stands as a house in which somebody speaks: «у Кремлі», «в администрации порта»."""
        at = mention.first - 1
        while at >= 0 and mention.first - at < 4:
            if self.words[at].low in self.pack.words["hosts"]:
                return True
            if not self.words[at].raw[0].islower() and self.words[at].raw not in MARKS:
                break
            at -= 1
        return False

    def _house(self, cue: Hit, sentence: Sentence) -> Mention | None:
        """The house that speaks where nobody is named: «в посольстве сообщили», «уточнили в полиции»."""
        if self.pack.language not in ("uk", "ru", "pl"):
            return None
        kinds = ("institution", "organisation", "media")
        start = self._clause_start(cue.first, sentence)
        near = [
            m
            for m in self.mentions
            if (start <= m.first < cue.first or cue.head <= m.first < min(cue.head + 4, sentence.last))
            and m.kind in kinds
        ]
        return next((m for m in near if self._hosted(m)), None)

    def _in_text(self, cue: Hit, sentence: Sentence) -> Mention | None:
        """Whose text it is in which "it says": named behind the verb, else before it."""
        kinds = ("institution", "organisation", "office", "person", "official", "media", "country")
        named = [m for m in self.mentions if m.kind in kinds and m.first not in self.inside]
        behind = [m for m in named if cue.head <= m.first < min(cue.head + 10, sentence.last)]
        before = [m for m in named if max(sentence.first, cue.first - 10) <= m.first and m.last <= cue.first]
        chosen = [m for m in behind if m.kind != "media"] or [m for m in reversed(before) if m.kind != "media"]
        return next(iter(chosen or behind or before), None)

    def _who(
        self, mention: Mention | None, sentence: Sentence, quotation: Quotation | None = None
    ) -> tuple[Mention | None, tuple[str, ...]]:
        if mention is None:
            return None, ()
        if mention.kind == "phrase":
            return mention, ()
        if mention.kind == "pronoun":
            start = next(s.first for s in self.text.sentences if s.paragraph == sentence.paragraph)
            spoken = self.spoken.named if self.spoken is not None else None
            at = self.spoken.last if self.spoken is not None else 0
            return self.known.pronoun(mention, start, spoken, at, self._others(quotation))
        return self.known.resolve(mention, sentence.first)

    def _others(self, quotation: Quotation | None) -> frozenset[str]:
        """Countries whose people a quotation speaks of in the third person while its speaker says "we"."""
        if quotation is None:
            return frozenset()
        inside = range(quotation.first, quotation.last)
        if not any(hit.first in inside for hit in self.hits["pronoun_self"]):
            return frozenset()
        return frozenset(hit.name.rstrip("~") for hit in self.hits["country"] if hit.first in inside)

    def _subject(self, cue: Hit, sentence: Sentence) -> Mention | None:
        """The subject of a cue, wherever it stands; words that no list knows where nothing else can be it."""
        if cue.first in self.stated:
            return self._in_text(cue, sentence)
        found = self._mentioned(cue, sentence)
        if found is None:
            found = self._house(cue, sentence)
        if found is None:
            found = self._phrase(cue, sentence)
        return found

    def _phrase(self, cue: Hit, sentence: Sentence) -> Mention | None:
        """A plain noun phrase straight before or behind the verb: "Die Veranstalter sagten", "sagte ein Zuschauer"."""
        words, pack = self.words, self.pack
        capital = "capital_nouns" in pack.flags
        at = cue.head
        if capital and at + 1 < sentence.last and words[at].low in pack.words["articles"]:
            index = at + 1
            while (
                index < sentence.last
                and index - at < 5
                and words[index].raw[0].islower()
                and words[index].raw.isalpha()
            ):
                index += 1
            if (
                index < sentence.last
                and words[index].raw[0].isupper()
                and words[index].low not in pack.words["notnames"]
            ):
                ends = self._genitive(index + 1, sentence.last)
                if (
                    cue.first == sentence.first
                    or words[cue.first - 1].raw in ","
                    or not self._articled(sentence.first, cue.first)
                ):
                    return Mention(at + 1, ends, "phrase", f"phrase:{words[index].low}", "", "", "")
        start = self._clause_start(cue.first, sentence)
        if words[start].low in pack.words["conjunctions"]:
            start += 1
        size = cue.first - start
        while size > 1 and words[start + size - 1].low in pack.words["auxiliaries"]:
            size -= 1
        inside = words[start : start + size]
        if not 1 <= size <= 7 or any(word.raw in MARKS or word.raw in ".,:;()" for word in inside):
            return None
        first = inside[0].low
        if first in pack.words["prepositions"] or first in pack.words["subordinators"] or first in pack.words["that"]:
            return None
        skip = 1 if first in pack.words["articles"] and size > 1 else 0
        if not skip and not (
            inside[0].raw[0].isupper() and (size == 1 or capital or pack.language in ("uk", "ru", "pl"))
        ):
            return None
        if any(self._verb(start + skip, start + size) for _ in (0,)):
            return None
        head = inside[-1] if not capital else next((word for word in inside[skip:] if word.raw[0].isupper()), None)
        if head is None or head.low in pack.words["notnames"] or not head.raw[0].isalpha() or len(head.raw) < 3:
            return None
        return Mention(start + skip, start + size, "phrase", f"phrase:{head.low}", "", "", "")

    def _genitive(self, at: int, limit: int) -> int:
        """Past "des Flughafens" behind a noun."""
        words, pack = self.words, self.pack
        if at + 1 < limit and words[at].low in ("des", "der") and words[at + 1].raw[0].isupper():
            return at + 2
        while at < limit and words[at].raw[0].isupper() and words[at].low not in pack.words["notnames"]:
            at += 1
        return at

    def _mentioned(self, cue: Hit, sentence: Sentence) -> Mention | None:
        self.rivals = ()
        words = self.words
        front = self._front(cue, sentence)
        before = words[front - 1].raw if front > sentence.first else ""
        inverted = front == sentence.first or (before in "," and bool(before)) or (before in MARKS and bool(before))
        right = self._right(cue.head, sentence.last)
        if before == "," and self._aside_before(cue, sentence) is not None:
            return self._left(cue, sentence)
        if inverted and right is not None:
            told = before == "," and (right.kind == "media" or self._that_after(cue, right, sentence))
            # "The envoy, who hid his name, told Reuters that": whom it is told to stands behind the verb.
            named = self._left(cue, sentence) if told else None
            return named or right
        left = self._left(cue, sentence)
        if left is not None and right is not None and left.kind == "media" and cue.name in _JUDGING:
            # "Berichte über einen Dammbruch bestätigte die Feuerwehr nicht": reports confirm nothing.
            return right
        if left is not None and right is not None and left.kind == "media" and right.kind == "person":
            # "Der Zeitung sagte Filep Karma": whom it is told to may come first.
            return right if right.first - cue.head < 2 else left
        if left is not None and self.pack.language == "de" and right is not None:
            # A verb in second place with an adverbial before it has its subject behind it.
            gap = words[left.last : cue.first] if left.last <= cue.first else []
            if not left.subject or (any(word.raw == "," for word in gap) and not self._aside(left.last, cue.first)):
                return right
        return left or right

    def _behind(self, hit: Hit, last: int) -> Mention | None:
        """Who stands behind "according to": a mention after articles and adjectives, else the plain words there."""
        words, pack = self.words, self.pack
        at = hit.last
        for index in range(at, min(at + 5, last)):
            if (mention := self.by_first.get(index)) is not None:
                return mention
            word = words[index]
            if index == at and pack.language == "de" and word.raw[0].islower() and word.low not in _OF_WHOM:
                # "Nach ersten Angaben neun Beamte": without an article or "von" nobody is named.
                return None
            if word.low in pack.words["articles"] or word.low in pack.words["links"]:
                continue
            if not word.raw[0].isalpha():
                return None
            if word.raw[0].islower() and not ("capital_nouns" not in pack.flags and index > at):
                continue
            end = index + 1
            while end < last and words[end].raw[0].isupper() and end - index < 4:
                end += 1
            if "capital_nouns" in pack.flags and index == at:
                # "Nach Angaben neun Menschen": without an article nobody is named.
                return (
                    Mention(index, end, "phrase", f"phrase:{word.low}", "", "", "") if words[at].raw.isupper() else None
                )
            return Mention(index, end, "phrase", f"phrase:{word.low}", "", "", "")
        return None

    def _begins(self, mention: Mention, sentence: Sentence) -> int:
        """Where the noun phrase of a mention begins, with its article and adjectives."""
        words, pack = self.words, self.pack
        at = mention.first
        while at > sentence.first and mention.first - at < 4:
            word = words[at - 1]
            if word.low in pack.words["articles"]:
                return at - 1
            plain = word.raw[0].islower() or (at - 2 >= sentence.first and word.raw[0].isalpha())
            if not plain or word.low in pack.words["prepositions"] | pack.words["finite"] | pack.words["conjunctions"]:
                break
            at -= 1
        return at if words[at - 1].raw == "," else mention.first

    def _ends_with(self, sentence: Sentence, cue: Hit) -> Mention | None:
        """The subject in a closing ", the official said": a comma, a mention, the cue, and little more."""
        words = self.words
        if sentence.last - cue.last > 6:
            return None
        for mention in reversed(self.mentions):
            if mention.last <= cue.first and mention.first > sentence.first + 3:
                if mention.kind == "country" and not mention.subject:
                    # "Officials in Berlin and Bern said": where they are is no speaker.
                    continue
                at = self._begins(mention, sentence)
                places = self.pack.words["prepositions"] | self.pack.words["conjunctions"]
                plain = all(
                    words[i].low in self.pack.words["auxiliaries"]
                    or words[i].low in places
                    or (i > mention.last and words[i].raw[0].isupper())
                    for i in range(mention.last, cue.first)
                )
                if words[at - 1].raw == "," and plain and mention.subject:
                    after = words[cue.last].raw if cue.last < sentence.last else "."
                    if after in ",:" or (cue.last < sentence.last and words[cue.last].low in self.pack.words["that"]):
                        return None
                    return mention
                return None
        return None

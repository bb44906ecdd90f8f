"""Attribution: which words of a report are whose: quotations, indirect speech, according-to, refusals, and the rest.

- A statement is found by its cue (said, according to, no comment) and never by what it says.
- The speaker is the subject of the cue: before it, or straight after it where the words stand first.
- Several institutions that decline in one clause are several statements; a quotation of several sentences likewise.
- What has no cue is the reporter's own narration, except German subjunctive speech, which goes on from the one before.
"""

from __future__ import annotations

from collections import defaultdict

from msgspec import Struct
from msgspec.structs import replace

from tocsin.assess.actor import Known, Mention
from tocsin.assess.pack import Hit, Pack
from tocsin.assess.sentence import Quotation, Sentence, Text

_SPEAKING = ("say", "think", "confirm", "deny", "correct", "advise", "act")
_MARKS = frozenset('„“”"«»‚‘‹›')


class Statement(Struct, frozen=True):
    """Words ``first`` up to ``last`` and whose they are. ``cue`` are word ranges; ``named`` the mention that speaks."""

    first: int
    last: int
    kind: str
    named: Mention | None
    verb: str = ""
    candidates: tuple[str, ...] = ()
    cue: tuple[tuple[int, int], ...] = ()
    sure: bool = True
    quotation: Quotation | None = None
    via: tuple[str, ...] = ()
    here: Mention | None = None
    """The mention in the sentence itself, which may be a pronoun or only "the official"."""


class Attribution:
    """One report's statements."""

    def __init__(self, text: Text, pack: Pack, hits: list[Hit], mentions: list[Mention], known: Known) -> None:
        self.text, self.pack, self.known = text, pack, known
        self.words = text.words
        self.hits: dict[str, list[Hit]] = defaultdict(list)
        capital = "capital_nouns" in pack.flags
        for hit in hits:
            if hit.kind in ("speech", "according", "decline", "split", "pronoun_self", "country"):
                if (
                    capital
                    and hit.kind == "speech"
                    and self.words[hit.first].raw[0].isupper()
                    and not self._starts(hit.first)
                ):
                    continue
                self.hits[hit.kind].append(hit)
        self.mentions = mentions
        self.spoken: Statement | None = None
        self.rivals: tuple[Mention, ...] = ()
        """Who else could be the subject that was found last."""
        # Whom advice is for does not give it: "US citizens were told", «громадян США закликали».
        told = {index for hit in hits if hit.kind == "audience" for index in range(hit.first, hit.last)}
        self.addressed = {
            m.first for m in mentions if m.kind in ("country", "people") and ({m.first - 1, m.first, m.last} & told)
        }
        self.by_first = {mention.first: mention for mention in mentions}
        self.quote_at: dict[int, Quotation] = {}
        self.full: set[Quotation] = set()
        for quotation in text.quotations:
            full = self._is_full(quotation)
            if full:
                self.full.add(quotation)
                for index in range(quotation.first, quotation.last):
                    self.quote_at[index] = quotation
        self.inside = {i for q in text.quotations for i in range(q.first, q.last)}

    def _starts(self, index: int) -> bool:
        return (
            index == 0
            or self.words[index - 1].raw in _MARKS
            or self.words[index - 1].raw in ".!?:"
            or any(sentence.first == index for sentence in self.text.sentences)
        )

    def _is_full(self, quotation: Quotation) -> bool:
        """Whether a quotation is a statement and not a few words in quotation marks."""
        size = quotation.last - quotation.first
        if size >= 7 or quotation.continued:
            return True
        words = self.words
        before = words[quotation.first - 2].raw if quotation.first >= 2 else ""
        inner = words[quotation.last - 1].raw
        if size >= 2 and (before == ":" or inner in ".!?,"):
            return True
        # A comma or a dash and then "said": short as it is, it is a statement.
        at = quotation.last + 1
        marks = 0
        while at < len(words) and marks < 2 and words[at].raw in ",–—-":
            at += 1
            marks += 1
        return size >= 2 and marks > 0 and any(hit.first in (at, at + 1) for hit in self.hits["speech"])

    # --- the statements of a report ---------------------------------------------------------------------------------

    def statements(self) -> list[Statement]:
        by_sentence: list[list[Statement]] = []
        spoken: Statement | None = None
        quoted: dict[Quotation, Statement] = {}
        paragraph = -1
        for sentence in self.text.sentences:
            if sentence.paragraph != paragraph:
                if spoken is not None and spoken.kind != "quote":
                    spoken = replace(spoken, sure=False)
                paragraph = sentence.paragraph
            self.spoken = spoken if spoken is not None and spoken.sure else None
            here = self._sentence(sentence, spoken, quoted)
            by_sentence.append(here)
            voices = [one for one in here if one.kind not in ("narration", "no-comment") and one.named is not None]
            if voices:
                spoken = voices[-1]
            elif not any(one.kind == "quote" for one in here):
                spoken = None
        return [one for here in by_sentence for one in here]

    def _sentence(
        self, sentence: Sentence, spoken: Statement | None, quoted: dict[Quotation, Statement]
    ) -> list[Statement]:
        first, last = sentence.first, sentence.last
        declined = [hit for hit in self.hits["decline"] if first <= hit.first < last and hit.first not in self.quote_at]
        if declined:
            return self._declined(sentence, declined[0])
        quotations = list(dict.fromkeys(self.quote_at[index] for index in range(first, last) if index in self.quote_at))
        cues = [
            hit
            for hit in self.hits["speech"]
            if first <= hit.first < last and hit.name in _SPEAKING and hit.first not in self.inside
        ]
        cues = self._distinct(cues)
        found: list[Statement] = []
        for quotation in quotations:
            found += self._quotation(sentence, quotation, cues, spoken, quoted)
        covered = {index for one in found for index in range(one.first - 1, one.last + 1)}
        if found and found[0].cue and found[0].cue[0][0] >= found[-1].last and found[0].first - first > 6:
            # "It decided to close, having “received ...”, it says on its page": the rest is the same speaker's.
            begin, end = self._trim(first, found[0].first - 1)
            if self._verb(begin, end) or end - begin > 8:
                found.insert(0, replace(found[0], first=begin, last=end, kind="indirect", quotation=None))
        according = [
            hit for hit in self.hits["according"] if first <= hit.first < last and hit.first not in self.inside
        ]
        found_by_source = self._according(sentence, according, covered) if according else []
        found += found_by_source
        if not found_by_source:
            found += self._indirect(sentence, cues, covered, bool(quotations))
        if not found:
            if (
                "subjunctive_speech" in self.pack.flags
                and spoken is not None
                and spoken.named is not None
                and self._subjunctive(sentence)
            ):
                start, end = self._trim(first, last)
                return [
                    Statement(
                        start,
                        end,
                        "indirect",
                        spoken.named,
                        "free",
                        spoken.candidates,
                        (),
                        spoken.sure,
                        None,
                        spoken.via,
                    )
                ]
            found = self._narration(first, last)
        elif not quotations:
            found += self._tail(sentence, found)
        return found

    def _distinct(self, cues: list[Hit]) -> list[Hit]:
        """One cue a place: the longest, and of equals the one the pack names first."""
        kept: list[Hit] = []
        for hit in sorted(cues, key=lambda h: (h.first, -(h.last - h.first))):
            if kept and hit.first < kept[-1].head:
                continue
            kept.append(hit)
        return kept

    def _trim(self, first: int, last: int) -> tuple[int, int]:
        """Without the marks around a clause."""
        while first < last and (self.words[first].raw in ",;:–—-" or (self.words[first].raw in _MARKS and False)):
            first += 1
        while last > first and self.words[last - 1].raw in ".,;:!?…–—":
            last -= 1
        return first, last

    # --- who -------------------------------------------------------------------------------------------------------

    def _clear(self, first: int, last: int) -> bool:
        """Only articles, adverbs and adjectives in small letters between a verb and its subject."""
        words, pack = self.words, self.pack
        for index in range(first, last):
            word = words[index]
            if word.raw in ",:;" or word.raw in _MARKS or word.low in pack.words["that"]:
                return False
            if word.low in pack.words["prepositions"] and word.low not in pack.words["articles"]:
                return False
        return True

    def _right(self, at: int, limit: int) -> Mention | None:
        reach = 2 if self.pack.language == "en" else 6
        for index in range(at, min(at + reach, limit)):
            mention = self.by_first.get(index)
            if mention is not None and index not in self.inside:
                return mention if self._clear(at, index) else None
        return None

    def _left(self, cue: Hit, sentence: Sentence) -> Mention | None:
        """The subject before a cue: the first mention of its clause that no preposition governs."""
        words, pack = self.words, self.pack
        start = cue.first
        end = cue.first
        best: Mention | None = None
        while start > sentence.first:
            start -= 1
            word = words[start]
            boundary = (
                word.raw in ",;:()–—"
                or word.raw in _MARKS
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
            if joint or word.raw in ";:" or word.raw in _MARKS:
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

    def _pair(self, joint: int, mention: Mention) -> bool:
        """Whether a conjunction joins two subjects ("Sonia und Willy Bogner teilten mit")."""
        return any(m.last == joint and m.kind == mention.kind for m in self.mentions)

    def _verb(self, first: int, last: int) -> bool:
        return any(self.words[i].low in self.pack.words["finite"] for i in range(first, last))

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

    # --- quotations ------------------------------------------------------------------------------------------------

    def _quotation(
        self,
        sentence: Sentence,
        quotation: Quotation,
        cues: list[Hit],
        spoken: Statement | None,
        quoted: dict[Quotation, Statement],
    ) -> list[Statement]:
        words = self.words
        start, end = max(sentence.first, quotation.first), min(sentence.last, quotation.last)
        while end > start and words[end - 1].raw in _MARKS:
            end -= 1
        if end <= start:
            return []
        known = quoted.get(quotation)
        if known is None:
            known = self._quoted_by(sentence, quotation, cues, spoken, quoted)
            quoted[quotation] = known
        return [replace(known, first=start, last=end, quotation=quotation)]

    def _quoted_by(
        self,
        sentence: Sentence,
        quotation: Quotation,
        cues: list[Hit],
        spoken: Statement | None,
        quoted: dict[Quotation, Statement],
    ) -> Statement:
        """Who says a quotation: after it, before it, or as the quotation before it."""
        blank = Statement(quotation.first, quotation.last, "quote", None, "say", (), (), False)
        closing = next((s for s in self.text.sentences if s.first <= quotation.last - 1 < s.last), sentence)
        after = list(
            self._distinct(
                [
                    h
                    for h in self.hits["speech"]
                    if quotation.last <= h.first < closing.last and h.first not in self.inside
                ]
            )
        )
        so = [h for h in self.hits["according"] if h.name == "so" and quotation.last <= h.first <= quotation.last + 3]
        if so:
            mention = self._right(so[0].last, closing.last)
            if mention is not None:
                who, candidates = self._who(mention, closing)
                return replace(
                    blank, named=who, candidates=candidates, cue=((so[0].first, so[0].last),), sure=True, here=mention
                )
        if after and after[0].first - quotation.last <= 10:
            cue = after[0]
            mention = self._right(cue.head, closing.last) if cue.first - quotation.last <= 3 else None
            if mention is None:
                between = [m for m in self.mentions if quotation.last <= m.first and m.last <= cue.first and m.subject]
                mention = between[0] if between else self._right(cue.head, closing.last) or self._phrase(cue, closing)
            if mention is not None:
                who, candidates = self._who(mention, closing, quotation)
                return replace(
                    blank,
                    named=who,
                    candidates=candidates,
                    cue=((cue.first, cue.last),),
                    verb=cue.name,
                    sure=True,
                    here=mention,
                )
        opening = sentence if sentence.first <= quotation.first < sentence.last else closing
        before = [hit for hit in cues if hit.first < quotation.first and opening.first <= hit.first]
        if before:
            cue = before[-1]
            mention = self._subject(cue, opening)
            who, candidates = self._who(mention, opening)
            if who is not None or candidates:
                return replace(
                    blank,
                    named=who,
                    candidates=candidates,
                    cue=((cue.first, cue.last),),
                    verb=cue.name,
                    sure=True,
                    here=mention,
                )
        if quotation.continued:
            earlier = [q for q in quoted if q.last <= quotation.first]
            if earlier:
                return replace(quoted[earlier[-1]], cue=())
        if spoken is not None and spoken.named is not None:
            return replace(blank, named=spoken.named, sure=True, via=spoken.via)
        # A colon after the sentence before: "The embassy wrote on its page:" and then the words.
        previous = [s for s in self.text.sentences if s.last <= quotation.first and s.last >= quotation.first - 2]
        if previous:
            cues_before = [h for h in self.hits["speech"] if previous[-1].first <= h.first < previous[-1].last]
            if cues_before:
                who, candidates = self._who(self._subject(cues_before[-1], previous[-1]), previous[-1])
                return replace(blank, named=who, candidates=candidates, sure=who is not None)
        near = [
            m
            for m in self.mentions
            if quotation.first - 40 <= m.first < quotation.first and m.kind in ("person", "institution", "office")
        ]
        names = tuple(dict.fromkeys(self.known.shown(self.known.resolve(m, m.first)[0]) for m in near[-4:]))
        return replace(blank, candidates=names)

    def _subject(self, cue: Hit, sentence: Sentence) -> Mention | None:
        """The subject of a cue, wherever it stands; words that no list knows where nothing else can be it."""
        found = self._mentioned(cue, sentence)
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
        if not 1 <= size <= 7 or any(word.raw in _MARKS or word.raw in ".,:;()" for word in inside):
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

    def _articled(self, first: int, last: int) -> bool:
        """Whether a noun phrase with an article, which could be the subject, stands before the verb."""
        words, pack = self.words, self.pack
        return any(
            words[i].low in pack.words["articles"]
            and (i == first or words[i - 1].low not in pack.words["prepositions"])
            for i in range(first, last)
        )

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
        before = words[cue.first - 1].raw if cue.first > sentence.first else ""
        inverted = (
            cue.first == sentence.first or (before in "," and bool(before)) or (before in _MARKS and bool(before))
        )
        right = self._right(cue.head, sentence.last)
        if inverted and right is not None:
            return right
        left = self._left(cue, sentence)
        if left is not None and self.pack.language == "de" and right is not None:
            # A verb in second place with an adverbial before it has its subject behind it.
            gap = words[left.last : cue.first] if left.last <= cue.first else []
            if not left.subject or (any(word.raw == "," for word in gap) and not self._aside(left.last, cue.first)):
                return right
        return left or right

    def _aside(self, first: int, last: int) -> bool:
        """Whether the words are asides between commas only."""
        return self.words[last - 1].raw == "," or sum(self.words[i].raw == "," for i in range(first, last)) != 1

    # --- indirect speech -------------------------------------------------------------------------------------------

    def _indirect(self, sentence: Sentence, cues: list[Hit], covered: set[int], has_quotes: bool) -> list[Statement]:
        words, pack = self.words, self.pack
        found: list[Statement] = []
        previous: Statement | None = None
        if not has_quotes and (whole := self._closing(sentence, cues)) is not None:
            return [whole]
        for place, cue in enumerate(cues):
            if any(
                one.first <= cue.first < one.last and one.verb in ("say", "think", "confirm") for one in found
            ) and not self._joined(cue):
                continue
            following = next((c.first for c in cues[place + 1 :] if self._joined(c)), sentence.last)
            if following < sentence.last:
                back = following
                while back > cue.head and words[back].low not in pack.words["conjunctions"]:
                    back -= 1
                following = back if back > cue.head else following
            before = words[cue.first - 1].raw if cue.first > sentence.first else ""
            comes_first = before == "," or (before in _MARKS and bool(before))
            right = self._right(cue.head, sentence.last)
            relating = (
                any(
                    words[i].low in self.pack.words["relative"] or words[i].low in self._as
                    for i in range(max(sentence.first, cue.first - 8), cue.first)
                )
                and self._clause_start(cue.first, sentence) > sentence.first
            )
            as_clause = self._as_clause(cue, sentence)
            if as_clause is not None:
                start, end = (
                    (sentence.first, as_clause) if as_clause > sentence.first + 2 else (cue.last + 1, sentence.last)
                )
                who, candidates = self._who(self._subject(cue, sentence), sentence)
                if start < end and (who is not None or candidates):
                    start, end = self._trim(start, end)
                    found.append(
                        Statement(
                            start, end, "indirect", who, cue.name, candidates, ((cue.first, cue.last),), who is not None
                        )
                    )
                continue
            if (
                comes_first
                and right is not None
                and right.first - cue.head <= 4
                and cue.name in ("say", "confirm", "think", "advise", "deny")
                and not self._that_after(cue, right, sentence)
            ):
                if words[cue.first - 1].raw in _MARKS or any(
                    index in covered for index in range(cue.first - 3, cue.first)
                ):
                    continue
                who, candidates = self._who(right, sentence)
                start, end = self._trim(self._message_start(sentence, cue), cue.first)
                if end - start >= 2:
                    previous = Statement(
                        start,
                        end,
                        "indirect",
                        who,
                        cue.name,
                        candidates,
                        ((cue.first, cue.last),),
                        who is not None,
                        here=right,
                    )
                    found.append(previous)
                continue
            if has_quotes and any(index in covered for index in range(cue.head, min(cue.head + 14, sentence.last))):
                # The cue introduces the quotation, which has its statement already.
                continue
            if has_quotes and any(index in covered for index in range(max(sentence.first, cue.first - 6), cue.first)):
                continue
            if self._passive(cue):
                continue
            mention = self._subject(cue, sentence)
            joint = self._joint(cue)
            if joint is not None and not any(joint < m.last <= cue.first for m in self.mentions):
                # "... and accused ...": it goes on with the subject of the clause before.
                if previous is not None:
                    mention = None
                else:
                    mention = next(
                        (m for m in self.mentions if sentence.first <= m.first < joint and m.subject), mention
                    )
            who, candidates = self._who(mention, sentence)
            if mention is None and joint is not None and previous is not None:
                who, candidates = previous.named, previous.candidates
            if who is None and not candidates and (relating or mention is None):
                continue
            after = cue.head
            if mention is not None and cue.head <= mention.first < cue.head + 8:
                after = mention.last
            statement = self._message(sentence, cue, after, following, who, candidates, joint)
            if statement is not None:
                if who is not None and self.rivals and mention is not None and not statement.candidates:
                    rivals = tuple(self.known.shown(m) for m in self.rivals if m.kind != "pronoun")
                    statement = replace(statement, candidates=(self.known.shown(who), *rivals) if rivals else ())
                statement = replace(statement, here=mention)
                found.append(statement)
                previous = statement
        return found

    def _closing(self, sentence: Sentence, cues: list[Hit]) -> Statement | None:
        """A whole sentence that ends with, or is broken by, ", said the official"."""
        words = self.words
        for cue in reversed(cues):
            if cue.name not in ("say", "confirm", "advise") or cue.first - sentence.first < 4:
                continue
            if words[cue.first - 1].raw not in ",–—" or words[cue.first].low.endswith(
                tuple(self.pack.words.get("participle", ("\0",)))
            ):
                mention = self._ends_with(sentence, cue)
                if mention is None:
                    continue
            else:
                mention = self._right(cue.head, sentence.last)
                if mention is None and 1 < sentence.last - cue.head <= 5 and self.pack.language != "en":
                    # Somebody is named whom no list knows ("informó la legación"): unclear, with the words as candidate.
                    begin, end = self._trim(cue.head, sentence.last)
                    if self._clear(begin, end) and begin < end:
                        start, stop = self._trim(sentence.first, cue.first)
                        return Statement(
                            start,
                            stop,
                            "indirect",
                            None,
                            cue.name,
                            (self.text.slice(begin, end),),
                            ((cue.first, cue.last),),
                            False,
                        )
                if mention is None or self._that_after(cue, mention, sentence):
                    continue
            who, candidates = self._who(mention, sentence)
            rest = sentence.last - max(cue.last, mention.last)
            start = sentence.first
            end = min(cue.first, mention.first)
            if rest > 12 and words[max(cue.last, mention.last)].raw == ",":
                end = sentence.last
            start, end = self._trim(start, end)
            return Statement(
                start,
                end,
                "indirect",
                who,
                cue.name,
                candidates,
                ((cue.first, cue.last),),
                who is not None,
                here=mention,
            )
        return None

    def _ends_with(self, sentence: Sentence, cue: Hit) -> Mention | None:
        """The subject in a closing ", the official said": a comma, a mention, the cue, and little more."""
        words = self.words
        if sentence.last - cue.last > 6:
            return None
        for mention in reversed(self.mentions):
            if mention.last <= cue.first and mention.first > sentence.first + 3:
                at = mention.first
                while at > sentence.first and (words[at - 1].low in self.pack.words["articles"]):
                    at -= 1
                plain = all(words[i].low in self.pack.words["auxiliaries"] for i in range(mention.last, cue.first))
                if words[at - 1].raw == "," and plain and mention.subject:
                    after = words[cue.last].raw if cue.last < sentence.last else "."
                    if after in ",:" or (cue.last < sentence.last and words[cue.last].low in self.pack.words["that"]):
                        return None
                    return mention
                return None
        return None

    @property
    def _as(self) -> frozenset[str]:
        return self.pack.words.get("as", frozenset())

    def _as_clause(self, cue: Hit, sentence: Sentence) -> int | None:
        """Where a clause like ", wie die Polizei mitteilte" begins, when the cue stands in one."""
        words = self.words
        for index in range(cue.first - 1, max(sentence.first - 1, cue.first - 12), -1):
            if words[index].low in self._as and (
                index == sentence.first or words[index - 1].raw in ",(" or words[index - 1].raw in "–—"
            ):
                return index
            if words[index].raw in ",;:":
                return None
        return None

    def _clause_start(self, index: int, sentence: Sentence) -> int:
        while index > sentence.first and self.words[index - 1].raw not in ",;:":
            index -= 1
        return index

    def _that_after(self, cue: Hit, right: Mention, sentence: Sentence) -> bool:
        """Whether words follow a subject that stands behind its verb: then they are what is said, not those before."""
        at = right.last
        for index in range(at, min(at + 3, sentence.last - 1)):
            if self.words[index].raw in ",:" and self.words[index + 1].low in self.pack.words["that"]:
                return True
            if self.words[index].raw == ":":
                return True
        return False

    def _message_start(self, sentence: Sentence, cue: Hit) -> int:
        return sentence.first

    def _joint(self, cue: Hit) -> int | None:
        """The conjunction by which a cue goes on with the subject of the one before ("and accused", ", believing")."""
        for index in range(cue.first - 1, max(-1, cue.first - 4), -1):
            word = self.words[index]
            if word.low in self.pack.words["conjunctions"]:
                return index
            if word.raw in ",;:." or word.raw in _MARKS:
                break
        low = self.words[cue.first].low
        if (
            cue.first
            and self.words[cue.first - 1].raw == ","
            and low.endswith(tuple(self.pack.words.get("participle", ("\0",))))
        ):
            return cue.first - 1
        return None

    def _joined(self, cue: Hit) -> bool:
        return self._joint(cue) is not None

    def _passive(self, cue: Hit) -> bool:
        """Whether a cue is a passive ("is feared", "was criticised by") and so has another subject than its speaker."""
        passive = self.pack.words.get("passive", frozenset())
        if self.pack.language == "de":
            first = next((s.first for s in self.text.sentences if s.first <= cue.first < s.last), cue.first)
            if self.words[cue.first].low.endswith(("te", "ten", "tet")):
                return False
            end = cue.last >= len(self.words) or not self.words[cue.last].raw[0].isalpha()
            return end and any(
                self.words[i].low in ("wird", "wurde", "werden", "wurden") for i in range(max(first, cue.first - 14), cue.first)
            )
        return any(self.words[i].low in passive for i in range(max(0, cue.first - 2), cue.first))

    def _message(
        self,
        sentence: Sentence,
        cue: Hit,
        after: int,
        limit: int,
        who: Mention | None,
        candidates: tuple[str, ...],
        joint: int | None = None,
    ) -> Statement | None:
        words, pack = self.words, self.pack
        start: int | None = None
        comma_first = "comma_complement" in pack.flags
        for index in range(after, min(after + 16, limit)):
            word = words[index]
            if word.raw == ":":
                start = index + 1
                break
            if word.low in pack.words["that"] and (index == after or words[index - 1].raw == "," or not comma_first):
                start = index if "subjunctive_speech" in pack.flags else index + 1
                break
            if comma_first and word.raw == "," and index + 3 < limit and index - after < 12:
                if any(hit.first == index and hit.name == "after" for hit in self.hits["split"]):
                    break
                start = index + 1
                break
        end = limit
        kind_whole = cue.name in ("act", "deny", "correct") or (
            comma_first and cue.name in ("advise", "think", "say") and start is None
        )
        if start is None and not kind_whole and not comma_first:
            start = after
            for hit in self.hits["split"]:
                if hit.name == "after" and after + 3 <= hit.first < end:
                    end = hit.first
                    break
        if start is None or (cue.name == "act" and start - after > 0):
            start = self._clause_start(cue.first, sentence) if kind_whole or start is None else after
            if joint is not None and kind_whole:
                start = cue.first
            elif who is not None and who.first < start and who.first >= sentence.first:
                start = min(start, who.first)
        # "..., a day after Ukraine had fired": the day count is the reporter's and not the speaker's.
        cuts = [hit.first for hit in self.hits["split"] if hit.name == "day" and start + 3 <= hit.first < end]
        end = min([end, *cuts])
        start, end = self._trim(start, end)
        if end - start < 2:
            return None
        return Statement(start, end, "indirect", who, cue.name, candidates, ((cue.first, cue.last),), who is not None)

    def _subjunctive(self, sentence: Sentence) -> bool:
        """Whether a German main clause reports speech: its verb is in the first subjunctive."""
        hearsay = False
        for i in range(sentence.first, sentence.last):
            low = self.words[i].low
            if i in self.inside:
                continue
            if low in self.pack.words["subjunctive"]:
                return True
            if low in ("soll", "sollen"):
                hearsay = True
            if hearsay and low in ("haben", "sein", "worden") and i > sentence.last - 4:
                return True
        return False

    # --- according to ----------------------------------------------------------------------------------------------

    def _according(self, sentence: Sentence, hits: list[Hit], covered: set[int]) -> list[Statement]:
        words = self.words
        for hit in hits:
            if hit.name == "wie":
                continue
            first, last = sentence.first, sentence.last
            if hit.name == "pre":
                mention = self._behind(hit, last)
                if mention is None:
                    continue
                begins, ends = hit.first, mention.last
            elif hit.name == "post":
                mention = next(
                    (
                        m
                        for m in reversed(self.mentions)
                        if m.last <= hit.first and m.last >= hit.first - 3 and m.first >= first
                    ),
                    None,
                )
                if mention is None:
                    continue
                begins, ends = mention.first, hit.last
                while begins > first and words[begins - 1].low in self.pack.words["articles"]:
                    begins -= 1
            elif hit.name == "so":
                if hit.first == first or words[hit.first - 1].raw != ",":
                    continue
                mention = self._right(hit.last, last)
                if mention is None or any(i in covered for i in range(hit.first - 3, hit.first)):
                    continue
                begins, ends = hit.first, mention.last
            elif (
                hit.name == "anaphoric"
                and hit.first - first <= 1
                and self.spoken is not None
                and self.spoken.named is not None
            ):
                start, end = self._trim(hit.last, last)
                return [
                    Statement(start, end, "according-to", self.spoken.named, "say", (), ((hit.first, hit.last),), True)
                ]
            elif hit.name == "via":
                if any(
                    first <= cue.first < last and cue.name in ("say", "confirm", "deny") for cue in self.hits["speech"]
                ):
                    continue
                mention = next((m for m in self.mentions if hit.last <= m.first <= hit.last + 5), None)
                if mention is None:
                    continue
                begins, ends = hit.first, mention.last
            else:
                continue
            who, candidates = self._who(mention, sentence)
            start, end = first, last
            if begins - first <= 1:
                start = ends
                # "According to police and county officials, ...": the comma ends who is meant.
                for index in range(ends, min(ends + 12, last - 3)):
                    if words[index].raw == "," and not self._verb(ends, index):
                        start = index + 1
                        break
            elif last - ends <= 2 or hit.name == "so":
                end = begins
            start, end = self._trim(start, end)
            if end - start < 2:
                continue
            return [
                Statement(
                    start,
                    end,
                    "according-to",
                    who,
                    "say",
                    candidates,
                    ((hit.first, hit.last),),
                    who is not None,
                    here=mention,
                )
            ]
        return []

    def _behind(self, hit: Hit, last: int) -> Mention | None:
        """Who stands behind "according to": a mention after articles and adjectives alone, else the plain words there."""
        words, pack = self.words, self.pack
        at = hit.last
        for index in range(at, min(at + 5, last)):
            if (mention := self.by_first.get(index)) is not None:
                return mention
            word = words[index]
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
                return Mention(index, end, "phrase", f"phrase:{word.low}", "", "", "") if words[at].raw.isupper() else None
            return Mention(index, end, "phrase", f"phrase:{word.low}", "", "", "")
        return None

    # --- no comment ------------------------------------------------------------------------------------------------

    def _declined(self, sentence: Sentence, hit: Hit) -> list[Statement]:
        """One statement for each institution or person that declines."""
        first, last = self._trim(sentence.first, sentence.last)
        before = [m for m in self.mentions if sentence.first <= m.first and m.last <= hit.first]
        subjects = [m for m in before if m.subject] or [
            m for m in self.mentions if hit.head <= m.first < sentence.last and m.subject
        ]
        if not subjects:
            return [Statement(first, last, "no-comment", None, "decline", (), ((hit.first, hit.last),), False)]
        chosen = [subjects[-1]]
        for earlier in reversed(subjects[:-1]):
            between = [self.words[i] for i in range(earlier.last, chosen[0].first)]
            listed = any(word.raw == "," or word.low in self.pack.words["conjunctions"] for word in between)
            if listed and len(between) <= 4:
                chosen.insert(0, earlier)
            else:
                break
        found = []
        for mention in chosen:
            who, candidates = self._who(mention, sentence)
            found.append(
                Statement(
                    first, last, "no-comment", who, "decline", candidates, ((hit.first, hit.last),), who is not None
                )
            )
        return found

    # --- narration -------------------------------------------------------------------------------------------------

    def _narration(self, first: int, last: int) -> list[Statement]:
        """The reporter's own sentence, at its main joints."""
        pieces: list[tuple[int, int]] = []
        start = first
        for hit in self.hits["split"]:
            if start + 3 <= hit.first and hit.first + 3 < last and hit.first not in self.inside:
                pieces.append((start, hit.first))
                start = hit.first + 1 if self.words[hit.first].raw in ",;" else hit.first
        pieces.append((start, last))
        found = []
        for begin, end in pieces:
            begin, end = self._trim(begin, end)
            if end - begin >= 2:
                found.append(Statement(begin, end, "narration", None, ""))
        return found

    def _tail(self, sentence: Sentence, found: list[Statement]) -> list[Statement]:
        """Words of a sentence outside what is attributed, and a closing "after ..." clause, which the reporter adds."""
        if any(one.kind == "quote" for one in found):
            return []
        first = min(one.first for one in found)
        last = max(max(one.last for one in found), max((cue[1] + 4 for one in found for cue in one.cue), default=0))
        added: list[Statement] = []
        cue_first = min((cue[0] for one in found for cue in one.cue), default=sentence.first)
        if first > cue_first:
            head = [h for h in self.hits["split"] if sentence.first + 4 <= h.first < cue_first]
            if head:
                added += self._narration(sentence.first, head[-1].first)
        for hit in self.hits["split"]:
            if first + 3 <= hit.first < sentence.last - 4 and hit.name in ("after", "day"):
                begin, end = self._trim(hit.first + 1, sentence.last)
                added.append(Statement(begin, end, "narration", None, ""))
                break
        elsewhere = [h for h in self.hits["split"] if h.name in ("after", "day") and first + 3 <= h.first]
        if sentence.last - last > 6 and not elsewhere:
            added += self._narration(last + 1, sentence.last)
        return added

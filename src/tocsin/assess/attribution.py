"""Attribution: which words of a report are whose: quotations, indirect speech, according-to, refusals, and the rest.

- A statement is found by its cue (said, according to, no comment) and never by what it says.
- A quotation of several sentences is several statements of one speaker; one that goes on keeps its speaker.
- What has no cue is the reporter's own narration, except German subjunctive speech, which goes on from the one before.
"""

from __future__ import annotations

from msgspec.structs import replace

from tocsin.assess.clause import MARKS, Statement
from tocsin.assess.indirect import IndirectSpeech
from tocsin.assess.pack import Hit
from tocsin.assess.sentence import Quotation, Sentence

_SPEAKING = ("say", "think", "confirm", "deny", "correct", "advise", "act", "confirm_to", "deny_to")


class Attribution(IndirectSpeech):
    """One report's statements."""

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
            here = []
            for part in self._parts(sentence):
                here += self._sentence(part, spoken, quoted)
            by_sentence.append(here)
            voices = [one for one in here if one.kind not in ("narration", "no-comment") and one.named is not None]
            if voices:
                spoken = voices[-1]
            elif not any(one.kind == "quote" for one in here):
                spoken = None
        return [one for here in by_sentence for one in here]

    def _parts(self, sentence: Sentence) -> list[Sentence]:
        """A sentence in which, after "but" or "while", somebody else has the word, in two."""
        words, pack = self.words, self.pack
        cues = [
            hit.first
            for kind in ("speech", "decline")
            for hit in self.hits[kind]
            if sentence.first <= hit.first < sentence.last and hit.first not in self.inside and hit.name != "nominal"
        ]
        if len(cues) < 2:
            return [sentence]
        for index in range(sentence.first + 3, sentence.last - 3):
            if words[index].raw not in ",;" or index in self.inside:
                continue
            joint = words[index + 1].low
            if words[index].raw == "," and joint not in pack.words["adversative"] | pack.words["contrast"]:
                continue
            behind = [at for at in cues if at > index]
            own = [m for m in self.mentions if index < m.first and behind and m.last <= min(behind) and m.subject]
            spoken_of = any(words[i].low in pack.words.get("subjunctive", ()) for i in range(index, sentence.last))
            if not own or not any(at < index for at in cues) or spoken_of:
                continue
            first = Sentence(sentence.start, words[index].start, sentence.first, index, sentence.paragraph)
            rest = Sentence(words[index + 1].start, sentence.end, index + 1, sentence.last, sentence.paragraph)
            return [first, *self._parts(rest)]
        return [sentence]

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
            small = self.pack.words["auxiliaries"] | self.pack.words["prepositions"] | {"having", "ayant"}
            while end > begin and self.words[end - 1].low in small:
                end -= 1
            begin, end = self._trim(begin, end)
            if self._verb(begin, end) or end - begin > 3:
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
            found += self._before(sentence, found)
        return found

    def _before(self, sentence: Sentence, found: list[Statement]) -> list[Statement]:
        """The clause before "and urged", which the reporter tells: "Germany closed its consulate and urged ..."."""
        first = min((one.first for one in found), default=sentence.first)
        cue = min((one.cue[0][0] for one in found if one.cue), default=sentence.first)
        first = min(first, cue)
        joint = next((h for h in self.hits["speech"] if h.first == cue), None)
        at = self._joint(joint) if joint is not None else None
        if at is None:
            contrast = self.pack.words["adversative"] | self.pack.words["contrast"]
            at = next(
                (
                    i
                    for i in range(sentence.first + 4, min(first + 1, sentence.last - 1))
                    if self.words[i].raw == "," and self.words[i + 1].low in contrast
                ),
                None,
            )
            if at is None:
                return []
            begin, end = self._trim(sentence.first, at)
            return [Statement(begin, end, "narration", None, "")] if at <= first else []
        if at - sentence.first < 5 or first < at:
            return []
        if any(at < m.last <= cue for m in self.mentions):
            return []
        begin, end = self._trim(sentence.first, at)
        return [Statement(begin, end, "narration", None, "")]

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
        while end > start and words[end - 1].raw in MARKS:
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
            if cue.first in self.stated:
                mention = self._in_text(cue, closing)
                if mention is None:
                    return blank
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

    def _declined(self, sentence: Sentence, hit: Hit) -> list[Statement]:
        """One statement for each institution or person that declines."""
        first, last = self._trim(sentence.first, sentence.last)
        before = [m for m in self.mentions if sentence.first <= m.first and m.last <= hit.first]
        subjects = (
            [m for m in before if m.subject]
            or [m for m in self.mentions if hit.head <= m.first < sentence.last and m.subject]
            or [m for m in before if self._hosted(m)]
        )
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

"""Indirect speech: "said that", "according to", ", the official said", and refusals to comment.

- What is said begins at the complement of the word of saying and ends with its sentence or at the next speaker.
- A sentence that ends with, or is broken by, ", said the official" is the official's as a whole.
- Each institution that declines to comment makes a statement of its own.
"""

from __future__ import annotations

from msgspec.structs import replace

from tocsin.assess.actor import Mention
from tocsin.assess.clause import MARKS, Statement
from tocsin.assess.pack import Hit
from tocsin.assess.sentence import Sentence
from tocsin.assess.speaker import Speakers


class IndirectSpeech(Speakers):
    """Statements without quotation marks."""

    def _indirect(self, sentence: Sentence, cues: list[Hit], covered: set[int], has_quotes: bool) -> list[Statement]:
        words, pack = self.words, self.pack
        found: list[Statement] = []
        previous: Statement | None = None
        # A verb of wanting that closes a clause ("who did not want to be named, said") says nothing itself.
        cues = [
            cue
            for cue in cues
            if cue.name != "think"
            or cue.head >= sentence.last
            or words[cue.head].raw != ","
            or not words[cue.first].low.startswith("woll")
        ]
        if not has_quotes and (whole := self._closing(sentence, cues)) is not None:
            return [whole]
        for place, cue in enumerate(cues):
            if cue.name.startswith(("confirm", "deny")) and self._refuted(cue, sentence):
                cue = replace(cue, name="unconfirmed")
            elif cue.name.endswith("_to"):
                continue
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
            front = self._front(cue, sentence)
            before = words[front - 1].raw if front > sentence.first else ""
            comes_first = before == "," or (before in MARKS and bool(before))
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
                if words[cue.first - 1].raw in MARKS or any(
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
            if (
                has_quotes
                and any(index in covered for index in range(max(sentence.first, cue.first - 6), cue.first))
                and not self._complemented(cue, sentence)
            ):
                continue
            if self._passive(cue):
                agent = self._agent(cue, sentence)
                if agent is not None:
                    who, candidates = self._who(agent, sentence)
                    start, end = self._trim(sentence.first, sentence.last)
                    found.append(
                        Statement(
                            start,
                            end,
                            "indirect",
                            who,
                            cue.name,
                            candidates,
                            ((cue.first, cue.last),),
                            who is not None,
                            here=agent,
                        )
                    )
                    return found
                continue
            mention = self._subject(cue, sentence)
            joint = self._joint(cue)
            if joint is not None and not any(joint < m.last <= cue.first for m in self.mentions):
                # "... and accused ...": it goes on with the subject of the clause before.
                if previous is not None:
                    mention = None
                else:
                    mention = next(
                        (
                            m
                            for m in self.mentions
                            if sentence.first <= m.first < joint and m.subject and m.first not in self.inside
                        ),
                        mention,
                    )
            who, candidates = self._who(mention, sentence)
            if mention is None and joint is not None and previous is not None:
                who, candidates = previous.named, previous.candidates
            if mention is None and who is None and self._complemented(cue, sentence):
                # "... de «ataque híbrido», aunque admitió que": a verb without a subject keeps the one before.
                who = self._kept(cue, sentence, found)
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

    def _complemented(self, cue: Hit, sentence: Sentence) -> bool:
        """Whether "that" follows a verb at once."""
        at = cue.head
        if at < sentence.last and self.words[at].raw == ",":
            at += 1
        return at < sentence.last and self.words[at].low in self.pack.words["that"]

    def _kept(self, cue: Hit, sentence: Sentence, found: list[Statement]) -> Mention | None:
        """Who goes on speaking where a language needs no pronoun for it."""
        if self.pack.language not in ("es", "pl", "uk", "ru"):
            return None
        start = self._clause_start(cue.first, sentence)
        if start > sentence.first:
            before = [m for m in self.mentions if sentence.first <= m.first < start and m.subject]
            plain = [m for m in before if m.first not in self.inside and m.kind in ("person", "office", "institution")]
            return plain[0] if plain and cue.first - start <= 2 else None
        spoken = self.spoken.named if self.spoken is not None else None
        return spoken if cue.first - sentence.first <= 1 else None

    def _closing(self, sentence: Sentence, cues: list[Hit]) -> Statement | None:
        """A whole sentence that ends with, or is broken by, ", said the official"."""
        words = self.words
        for cue in reversed(cues):
            if cue.name not in ("say", "confirm", "advise") or cue.first - sentence.first < 4:
                continue
            front = self._front(cue, sentence)
            if words[front - 1].raw not in ",–—" or words[cue.first].low.endswith(
                tuple(self.pack.words.get("participle", ("\0",)))
            ):
                mention = self._ends_with(sentence, cue)
                if mention is None:
                    continue
            else:
                stated = cue.first in self.stated
                mention = self._in_text(cue, sentence) if stated else self._right(cue.head, sentence.last)
                mention = mention or self._house(cue, sentence)
                if mention is None and front - 1 in self.mention_ends:
                    # "X, the minister, said he feared": the comma closes what is told of the subject.
                    continue
                if mention is None and 1 < sentence.last - cue.head <= 5 and self.pack.language != "en":
                    # Somebody is named whom no list knows ("informó la legación"): unclear, with a candidate.
                    begin, end = self._trim(cue.head, sentence.last)
                    if self._clear(begin, end) and begin < end:
                        start, stop = self._trim(sentence.first, front)
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
            end = min(front, self._begins(mention, sentence) if mention.first < cue.first else mention.first)
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
            if word.raw == "," and not comma_first and cue.name in ("deny", "act", "correct", "unconfirmed"):
                break
            if word.low in pack.words["that"] and (index == after or words[index - 1].raw == "," or not comma_first):
                start = index if "subjunctive_speech" in pack.flags else index + 1
                break
            if comma_first and word.raw == "," and index + 3 < limit and index - after < 12:
                if cue.name in ("deny", "unconfirmed", "act") and any(
                    hit.first == index + 1 for hit in self.hits["speech"]
                ):
                    # "... опровергло удары, заявив, что": another verb of saying begins a statement of its own.
                    limit = index
                    break
                if any(hit.first == index and hit.name == "after" for hit in self.hits["split"]):
                    break
                start = index + 1
                break
        end = limit
        kind_whole = cue.name in ("act", "deny", "correct", "unconfirmed") or (
            comma_first and cue.name in ("advise", "think", "say") and start is None
        )
        if start is None and not kind_whole and not comma_first:
            for hit in self.hits["split"]:
                if hit.name == "after" and after + 3 <= hit.first < end:
                    end = hit.first
                    break
            if cue.name in ("say", "confirm", "think") and self._verb(after, end):
                start = after
            else:
                # "Russia promised an appropriate response": without a clause of its own the whole is what is claimed.
                kind_whole = True
        if start is None or (cue.name in ("act", "unconfirmed") and start - after >= 0):
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

    def _message_start(self, sentence: Sentence, cue: Hit) -> int:
        return sentence.first

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
                    (m for m in reversed(self.mentions) if m.last == hit.first and m.first >= first),
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
                if (
                    mention is None
                    or mention.kind == "pronoun"
                    or any(i in covered for i in range(hit.first - 3, hit.first))
                ):
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

"""Clauses: where in a sentence a clause begins, which verb goes on with the subject before, and what is negated.

- A closing comma, a relative clause and "that" part clauses; "... and accused" joins them.
- A passive has another subject than its speaker.
- A confirmation that is negated confirms nothing.
"""

from __future__ import annotations

from collections import defaultdict

from msgspec import Struct
from msgspec.structs import replace

from tocsin.assess.actor import Known, Mention
from tocsin.assess.pack import Hit, Pack
from tocsin.assess.sentence import Quotation, Sentence, Text

_BECOMES = frozenset({"wird", "wurde", "werden", "wurden", "würde", "würden", "werde", "worden"})
_KEPT = ("speech", "according", "decline", "split", "pronoun_self", "country", "negation", "anonymous", "correction")
MARKS = frozenset('„“”"«»‚‘‹›')


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


class Clauses:
    """One report's words, cues and mentions, and how its clauses hang together."""

    def __init__(self, text: Text, pack: Pack, hits: list[Hit], mentions: list[Mention], known: Known) -> None:
        self.text, self.pack, self.known = text, pack, known
        self.words = text.words
        self.by_first = {mention.first: mention for mention in mentions}
        self.mention_ends = {mention.last for mention in mentions}
        self.sentence_starts = {sentence.first for sentence in text.sentences}
        self.hits: dict[str, list[Hit]] = defaultdict(list)
        capital = "capital_nouns" in pack.flags
        for hit in hits:
            if hit.kind in _KEPT:
                if (
                    capital
                    and hit.kind == "speech"
                    and self.words[hit.first].raw[0].isupper()
                    and not self._starts(hit.first)
                ):
                    continue
                self.hits[hit.kind].append(hit)
        # "Who asked not to be named" says nothing but that.
        hidden = {i for hit in self.hits["anonymous"] for i in range(hit.first, hit.last)}
        # "Contrary to what was announced": who announced it is part of what is corrected.
        hidden |= {i for hit in self.hits["correction"] for i in range(hit.first + 1, hit.last)}
        self.hits["speech"] = [hit for hit in self.hits["speech"] if hit.first not in hidden]
        stated = {hit.first for hit in self.hits["speech"] if hit.name == "stated"}
        self.hits["speech"] = [
            replace(hit, name="say") if hit.name == "stated" else hit
            for hit in self.hits["speech"]
            if hit.first not in stated or hit.name == "stated"
        ]
        self.stated = stated
        """Verbs without a person ("it says in the statement of"), whose speaker stands in what follows."""
        self.mentions = mentions
        self.spoken: Statement | None = None
        self.rivals: tuple[Mention, ...] = ()
        """Who else could be the subject that was found last."""
        # Whom advice is for does not give it: "US citizens were told", «громадян США закликали».
        told = {index for hit in hits if hit.kind == "audience" for index in range(hit.first, hit.last)}
        self.addressed = {
            m.first for m in mentions if m.kind in ("country", "people") and ({m.first - 1, m.first, m.last} & told)
        }
        self.quote_at: dict[int, Quotation] = {}
        self.full: set[Quotation] = set()
        for quotation in text.quotations:
            full = self._is_full(quotation)
            if full:
                self.full.add(quotation)
                for index in range(quotation.first, quotation.last):
                    self.quote_at[index] = quotation
        # A name in quotation marks («Укренерго») speaks like any other.
        self.inside = {
            i
            for q in text.quotations
            if q in self.full or q.last - q.first > 3 or not self.words[q.first].raw[0].isupper()
            for i in range(q.first, q.last)
        }

    def _starts(self, index: int) -> bool:
        return (
            index == 0
            or self.words[index - 1].raw in MARKS
            or self.words[index - 1].raw in ".!?:"
            or index in self.sentence_starts
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
        while first < last and (self.words[first].raw in ",;:–—-" or (self.words[first].raw in MARKS and False)):
            first += 1
        while last > first and self.words[last - 1].raw in ".,;:!?…–—":
            last -= 1
        return first, last

    def _clear(self, first: int, last: int) -> bool:
        """Only articles, adverbs and adjectives in small letters between a verb and its subject."""
        words, pack = self.words, self.pack
        for index in range(first, last):
            word = words[index]
            if word.raw in ",:;" or word.raw in MARKS or word.low in pack.words["that"]:
                return False
            if word.low in pack.words["prepositions"] and word.low not in pack.words["articles"]:
                return False
            if "capital_nouns" in pack.flags and word.raw[0].isupper() and not word.raw.endswith(("er", "en", "e")):
                # "Bestätigte die Aussage der Gewerkschaft": another noun stands between.
                return False
        return True

    def _verb(self, first: int, last: int) -> bool:
        return any(self.words[i].low in self.pack.words["finite"] for i in range(first, last))

    def _clause_start(self, index: int, sentence: Sentence) -> int:
        while index > sentence.first and self.words[index - 1].raw not in ",;:":
            index -= 1
        return index

    def _aside(self, first: int, last: int) -> bool:
        """Whether the words are asides between commas only."""
        return self.words[last - 1].raw == "," or sum(self.words[i].raw == "," for i in range(first, last)) != 1

    def _aside_before(self, cue: Hit, sentence: Sentence) -> int | None:
        """Where a relative clause begins whose closing comma stands before the verb: ", der Sprecher ist, sagte"."""
        words, pack = self.words, self.pack
        if cue.first - 1 <= sentence.first or words[cue.first - 1].raw != ",":
            return None
        for index in range(cue.first - 2, sentence.first, -1):
            if words[index].raw in ";:" or words[index].raw in MARKS:
                return None
            if words[index].raw == ",":
                at = index + 1 + (words[index + 1].low in pack.words["prepositions"])
                return index if words[at].low in pack.words["relative"] and cue.first - index > 3 else None
        return None

    def _relates(self, index: int) -> bool:
        """Whether a word begins a relative clause behind a mention or behind its comma."""
        words, pack = self.words, self.pack
        if words[index].low not in pack.words["relative"] or not index:
            return False
        return words[index - 1].raw == "," or index in self.mention_ends

    def _refuted(self, cue: Hit, sentence: Sentence) -> bool:
        """Whether a verb of confirming or denying is negated: "has yet to confirm", "bestätigte das nicht"."""
        words, pack = self.words, self.pack
        negations = self.hits["negation"]
        first = cue.first
        while first > sentence.first and not (
            words[first - 1].raw in ",;:" or words[first - 1].raw in MARKS or words[first - 1].low in pack.words["that"]
        ):
            first -= 1
        if any(first <= hit.first < cue.first for hit in negations):
            return True
        if "capital_nouns" not in pack.flags:
            return False
        last = cue.head
        while last < sentence.last and words[last].raw not in ",;:":
            last += 1
        return any(cue.head <= hit.first < last for hit in negations)

    def _joint(self, cue: Hit) -> int | None:
        """The conjunction by which a cue goes on with the subject of the one before ("and accused", ", believing")."""
        for index in range(cue.first - 1, max(-1, cue.first - 4), -1):
            word = self.words[index]
            if word.low in self.pack.words["conjunctions"]:
                return index
            if index + 1 in self.mention_ends:
                # "But the authorities denied it": this verb has a subject of its own.
                break
            if word.raw in ",;:." or word.raw in MARKS:
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

    def _front(self, cue: Hit, sentence: Sentence) -> int:
        """Where a verb begins with its auxiliaries ("a annoncé", "ha dicho")."""
        at = cue.first
        if self.pack.language in ("fr", "es"):
            while at > sentence.first and self.words[at - 1].low in self.pack.words["auxiliaries"]:
                at -= 1
        return at

    def _passive(self, cue: Hit) -> bool:
        """Whether a cue is a passive ("is feared", "was criticised by") and so has another subject than its speaker."""
        passive = self.pack.words.get("passive", frozenset())
        if self.pack.language == "pl" and self.words[cue.first].low.endswith(("ono", "ano", "eto", "ęto")):
            # "Polecono", "nakazano": somebody did, and nobody is named.
            return True
        if self.pack.language == "de":
            first = next((s.first for s in self.text.sentences if s.first <= cue.first < s.last), cue.first)
            if self.words[cue.first].low.endswith(("te", "ten", "tet")):
                return False
            behind = self.words[cue.last] if cue.last < len(self.words) else None
            if behind is not None and behind.low in _BECOMES:
                return True
            end = behind is None or not behind.raw[0].isalpha()
            return end and any(self.words[i].low in _BECOMES for i in range(max(first, cue.first - 14), cue.first))
        at = cue.first - 1
        between = self.words[at].low
        if at > 0 and (between in self.pack.words["auxiliaries"] or between.endswith(("ly", "ment", "mente"))):
            # "Was widely criticised": but who "was wounded said so" speaks for himself.
            return between in passive or self.words[at - 1].low in passive
        return at >= 0 and between in passive

    def _that_after(self, cue: Hit, right: Mention, sentence: Sentence) -> bool:
        """Whether words follow a subject that stands behind its verb: then they are what is said, not those before."""
        at = right.last
        for index in range(at, min(at + 3, sentence.last - 1)):
            if self.words[index].raw in ",:" and self.words[index + 1].low in self.pack.words["that"]:
                return True
            if self.words[index].raw == ":":
                return True
        return False

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

    def _pair(self, joint: int, mention: Mention) -> bool:
        """Whether a conjunction joins two subjects ("Sonia und Willy Bogner teilten mit")."""
        return any(m.last == joint and m.kind == mention.kind for m in self.mentions)

    def _articled(self, first: int, last: int) -> bool:
        """Whether a noun phrase with an article, which could be the subject, stands before the verb."""
        words, pack = self.words, self.pack
        return any(
            words[i].low in pack.words["articles"]
            and (i == first or words[i - 1].low not in pack.words["prepositions"])
            for i in range(first, last)
        )

"""A model: an optional helper that may propose statements and put candidates in order, and that decides nothing.

- What a model proposes is a :class:`Proposed` and no claim among claims: nothing that weighs evidence, settles a standing
  or fills a draft ever sees it, because none of it is handed one.
- Words that do not stand in the report at the very characters that are named are dropped and counted; so is a speaker.
- Candidates are put in order only where a person is asked anyway; no score of a model joins or parts two incidents.
- What a report tells its reader to do is text to a model's answer as well: an answer has no field that could act.
- A model that fails costs its own help only.

A language model asked about a report of the night answers with sentences nobody said (assess.md, stage 6): hence the rule.
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct

from tocsin.assess.claim import Claim, Span, Speaker
from tocsin.assess.reading import Reading
from tocsin.journal import Journal, follow
from tocsin.recent import Recent

CLAIMS_PROPOSED = "claims:proposed"
LONGEST, MOST, NAME = 1_000, 60, 120
"""Characters of one statement, statements of one report, characters of a speaker's name: more is no help to anybody."""
KEPT = 4_000
COMPARED, OFFERED, READ = 4, 5, 2_000
_PEOPLE = ("named", "office", "anonymous")


class Guess(Struct, frozen=True):
    """What a model says that a report says: ``text`` at characters ``start`` up to ``end``, and who, where it is named."""

    start: int
    end: int
    text: str
    speaker: str = ""
    speaker_start: int = -1
    speaker_end: int = -1


class Model(Protocol):
    """What every model offers, wherever it runs. Any call may raise; whoever calls goes on without it."""

    @property
    def name(self) -> str:
        """What it is called, with what tells its version: as shown to people and recorded."""
        ...

    def vectors(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """One vector for each text, near each other where they mean the same; none at all if this model makes none."""
        ...

    def guesses(self, text: str, language: str) -> Sequence[Guess]:
        """Statements that it finds in a report's text; none if this model finds none."""
        ...


class Proposed(Struct, frozen=True):
    """A statement that the model ``by`` proposes, of the lowest tier; whoever shows it says so."""

    claim: Claim
    by: str


class Checked(Struct, frozen=True):
    """What is left of a model's guesses, and how many were dropped for which reason."""

    kept: tuple[Proposed, ...] = ()
    dropped: Mapping[str, int] = {}


class Place(Struct, frozen=True):
    """Where a proposed statement stands in its report, and where its speaker is named (-1 where nowhere)."""

    start: int
    end: int
    speaker_start: int = -1
    speaker_end: int = -1


class ClaimsProposed(Struct, frozen=True):
    """The body of ``claims:proposed``: which model, where in the report, and what was dropped. It bears no words."""

    model: str
    places: tuple[Place, ...] = ()
    dropped: Mapping[str, int] = {}


def checked(reading: Reading, guesses: Iterable[object], by: str) -> Checked:
    """The guesses that hold against the report's own characters, without those that the rules have found already.

    Words that the rules found without a speaker are proposed where a model names one. Reasons for dropping: ``form``,
    ``bounds``, ``words`` (not verbatim), ``length``, ``known``, ``many``; for a speaker's name alone ``speaker``.
    """
    text, dropped = reading.text, Counter[str]()
    kept: dict[Span, Proposed] = {}
    for guess in guesses:
        wrong = _wrong(guess, text)
        if wrong or not isinstance(guess, Guess):
            dropped[wrong or "form"] += 1
            continue
        span, who = Span(guess.start, guess.end), _speaker(guess, text)
        if span in kept or _known(reading, span, bool(who and who.end)):
            dropped["known"] += 1
        elif len(kept) >= MOST:
            dropped["many"] += 1
        else:
            dropped["speaker"] += who is None
            kept[span] = _proposed(reading, span, who, by)
    return Checked(tuple(kept[span] for span in sorted(kept)), {why: n for why, n in sorted(dropped.items()) if n})


def _known(reading: Reading, span: Span, named: bool) -> bool:
    """Whether the rules have found these words already, with a speaker or without one being ``named`` now."""
    return any(claim.span.covers(span) and (claim.speaker.kind in _PEOPLE or not named) for claim in reading.claims)


def _wrong(guess: object, text: str) -> str:
    """Why a guess is dropped; empty where nothing is wrong with it."""
    if not isinstance(guess, Guess) or type(guess.start) is not int or type(guess.end) is not int:
        return "form"
    if not 0 <= guess.start < guess.end <= len(text):
        return "bounds"
    if guess.end - guess.start > LONGEST:
        return "length"
    words = text[guess.start : guess.end]
    # Without a letter or a digit there are no words, whatever else is there.
    return "" if words == guess.text and any(sign.isalnum() for sign in words) else "words"


def _speaker(guess: Guess, text: str) -> Span | None:
    """Where the speaker is named; an empty span where no one is said to be, None where the name is not there."""
    start, end = guess.speaker_start, guess.speaker_end
    if guess.speaker == "":
        return Span(0, 0)
    if type(start) is not int or type(end) is not int or not 0 <= start < end <= min(len(text), start + NAME):
        return None
    named = text[start:end]
    return Span(start, end) if named == guess.speaker and any(sign.isalnum() for sign in named) else None


def _proposed(reading: Reading, span: Span, who: Span | None, by: str) -> Proposed:
    text = reading.text
    named = who is not None and who.start < who.end
    speaker = Speaker(text[who.start : who.end], "named", span=who) if who and named else Speaker(None, "unclear")
    words = text[span.start : span.end]
    claim = Claim(reading.source.report, span, words, "indirect", speaker, tier="low", made_by="model")
    return Proposed(claim, by)


def ask(model: Model, reading: Reading) -> Checked:
    """What a model proposes for a report; a model that fails proposes nothing, which is counted as ``failed``."""
    try:
        return checked(reading, model.guesses(reading.text, reading.language), model.name)
    except Exception:
        # A model is somebody else's program: whatever it raises costs its own proposals and nothing else.
        return Checked((), {"failed": 1})


def recorded(found: Checked, by: str) -> ClaimsProposed:
    """What the journal keeps of it: places in a report that the journal has already."""
    places = []
    for one in found.kept:
        who = one.claim.speaker.span
        place = Place(one.claim.span.start, one.claim.span.end)
        places.append(Place(place.start, place.end, who.start, who.end) if who is not None else place)
    return ClaimsProposed(by, tuple(places), found.dropped)


def recalled(body: ClaimsProposed, reading: Reading) -> tuple[Proposed, ...]:
    """The proposals that stand at the recorded places of a report; checked again, as the report is read now."""
    text = reading.text
    guesses = [
        Guess(
            at.start,
            at.end,
            text[max(0, at.start) : max(0, at.end)],
            text[max(0, at.speaker_start) : max(0, at.speaker_end)],
            at.speaker_start,
            at.speaker_end,
        )
        for at in body.places
    ]
    return checked(reading, guesses, body.model).kept


# --- order ------------------------------------------------------------------------------------------------------------


class Likeness:
    """How alike reports are to a model. ``find`` brings a report as read; the newest vectors are remembered."""

    def __init__(self, model: Model, find: Callable[[str], Reading | None]) -> None:
        self.model, self.find = model, find
        self.failed = 0
        self._vectors: Recent[str, tuple[float, ...]] = Recent(KEPT)

    def to(self, reading: Reading, reports: Sequence[str]) -> float | None:
        """The greatest likeness of ``reading`` to some reports, -1 to 1; None where the model cannot tell."""
        others = [one for report in reports[-COMPARED:] if (one := self.find(report)) is not None]
        try:
            mine, *theirs = self._of([reading, *others])
        except Exception:
            # As above: without the model's word the incident is judged by what is there anyway.
            self.failed += 1
            return None
        return max((sum(a * b for a, b in zip(mine, one, strict=True)) for one in theirs), default=None)

    def _of(self, readings: Sequence[Reading]) -> list[tuple[float, ...]]:
        """The vectors of some reports, each of length one."""
        found = {one.source.report: self._vectors.get(one.source.report) for one in readings}
        asked = [one for one in readings if found[one.source.report] is None]
        if asked:
            made = self.model.vectors([_beginning(one) for one in asked])
            for one, vector in zip(asked, made, strict=True):
                found[one.source.report] = self._vectors[one.source.report] = _unit(vector)
        return [known for one in readings if (known := found[one.source.report]) is not None]


def _beginning(reading: Reading) -> str:
    """What a report is about is said at its beginning."""
    return f"{reading.source.title}\n{reading.text}"[:READ].strip()


def _unit(vector: Sequence[float]) -> tuple[float, ...]:
    numbers = tuple(float(one) for one in vector)
    size = math.sqrt(sum(one * one for one in numbers))
    if not numbers or not math.isfinite(size) or size == 0.0:
        raise ValueError("a model's vector must be numbers, and not all of them 0")
    return tuple(one / size for one in numbers)


def ranked(
    liken: Likeness | None, reading: Reading, near: Sequence[tuple[int, float]], incidents: Mapping[int, Sequence[str]]
) -> list[tuple[int, float]]:
    """Which incidents a person is asked about for a report, first the likeliest; ``near`` are those within the band.

    Without a model, or with one that cannot tell, it is the one with the best score alone. No score is changed.
    """
    best = max(near, key=lambda one: one[1], default=None)
    if best is None:
        return []
    if liken is None:
        return [best]
    told: list[tuple[float, float, int]] = []
    for number, score in near:
        alike = liken.to(reading, incidents[number])
        if alike is None:
            return [best]
        told.append((-alike, -score, number))
    return [(number, -score) for _, score, number in sorted(told)[:OFFERED]]


# --- what is shown ----------------------------------------------------------------------------------------------------


class Proposals:
    """What models proposed, by report, out of the journal; at most for the newest reports."""

    def __init__(self, realm: str) -> None:
        self.realm, self.seq = realm, 0
        self._by_report: Recent[str, dict[str, ClaimsProposed]] = Recent(KEPT)
        self._lock = threading.Lock()

    def take_in(self, journal: Journal) -> Proposals:
        """Read what was recorded since the last time."""
        with self._lock:
            head = journal.head().seq
            for entry in follow(journal, self.seq, (CLAIMS_PROPOSED,)):
                self.seq = entry.seq
                if entry.realm != self.realm:
                    continue
                body = entry.read(ClaimsProposed)
                self._by_report.setdefault(entry.subject, {})[body.model] = body
                self._by_report.move_to_end(entry.subject)
            self.seq = max(self.seq, head)
        return self

    def of(self, readings: Iterable[Reading]) -> tuple[Proposed, ...]:
        """What was proposed for these reports, in their order."""
        return tuple(
            one
            for reading in readings
            for body in self._by_report.get(reading.source.report, {}).values()
            for one in recalled(body, reading)
        )

    def asked(self, readings: Iterable[Reading]) -> tuple[tuple[str, int, int, int], ...]:
        """Each model that was given some of these reports: how many, and how many proposals were kept and dropped."""
        found: dict[str, list[int]] = {}
        for reading in readings:
            for body in self._by_report.get(reading.source.report, {}).values():
                sums = found.setdefault(body.model, [0, 0, 0])
                sums[0] += 1
                sums[1] += len(body.places)
                sums[2] += sum(body.dropped.values())
        return tuple((model, one, two, three) for model, (one, two, three) in found.items())


def as_json(proposed: Proposed) -> dict[str, Any]:
    """A proposal as the briefing shows it: ``made_by`` is ``model``, and ``proposed_by`` says which."""
    claim = proposed.claim
    who = claim.speaker.span
    return {
        "report": claim.report,
        "text": claim.text,
        "span": {"start": claim.span.start, "end": claim.span.end},
        "speaker": claim.speaker.name,
        "speaker_span": {"start": who.start, "end": who.end} if who is not None else None,
        "made_by": claim.made_by,
        "proposed_by": proposed.by,
    }

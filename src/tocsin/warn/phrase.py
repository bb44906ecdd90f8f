"""The phrase book: wordings for each hazard and phase in every language, with slots and nothing else to fill in.

- A warning's text is compiled from these wordings, so that all languages say the same and nobody translates at 3 a.m.
  (F7, F14; practice.md section 5).
- A slot that is missing is an error and never an empty place in a warning (linter rule L7).
- A time in a text is local to the place and says so ("03:05 Kyiv time", F26).
- A hazard nobody has words for is worded as "other"; it is never dropped.
- Each wording is frozen by its hash (``data/reviewed.toml``): one changed letter makes it unreviewed again ("yn Vogel"
  for "ddiogel", F7), and what is unreviewed is for nobody (:meth:`PhraseBook.usable`).
- Where staff are to do something else than citizens, the wording has a part ``staff``; the threat is worded once.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import cache
from importlib import resources
from string import Formatter
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from tocsin.errors import SettingsError

LANGUAGES = ("en", "uk", "de", "fr")
"""The languages whose wordings are reviewed and enter warnings."""
DRAFTED = ("ar", "he")
"""The languages whose wordings wait for a reader; they enter nothing until then."""
SLOTS = frozenset({"place", "time", "until", "sender"})
PHASES = ("prepare", "act", "hold", "all-clear", "retracted")

REVIEWED, DRAFT, CHANGED = "reviewed", "draft", "changed"


class Phrase(Struct, frozen=True):
    """The words for one hazard in one phase and language; ``instruction`` has one protective action a line."""

    event: str
    headline: str
    description: str
    instruction: str
    short: str


class Review(Struct, frozen=True):
    """What somebody who reads the language has said of a wording: its hash then, ``state``, by whom and on which day."""

    hash: str
    state: str = DRAFT
    by: str = ""
    on: str = ""


Reviews = Mapping[str, Mapping[str, Review]]
"""By language, then by ``hazard.phase``; ``_`` holds the words that stand outside of hazards."""


class PhraseBook:
    """All wordings of one language each, read once and checked when they are read.

    Without ``reviews`` everything counts as reviewed: that is for who makes a book of their own and vouches for it.
    """

    def __init__(self, books: Mapping[str, Mapping[str, Any]], reviews: Reviews | None = None) -> None:
        self._books = books
        for language, words in books.items():
            _check(language, words)
        self._states: dict[tuple[str, str], str] = {}
        for language, wording in self._wordings():
            review = (reviews or {}).get(language, {}).get(wording)
            if reviews is None:
                state = REVIEWED
            elif review is None:
                state = DRAFT
            elif review.hash != self.fingerprint(wording, language):
                state = CHANGED
            else:
                state = review.state
            self._states[language, wording] = state

    def _wordings(self) -> Iterator[tuple[str, str]]:
        for language, words in self._books.items():
            yield language, "_"
            for hazard, entry in words.items():
                if hazard != "_":
                    yield from ((language, f"{hazard}.{phase}") for phase in entry if phase != "event")

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(self._books)

    def hazards(self, phase: str) -> tuple[str, ...]:
        """The hazards that have words for this phase."""
        first = next(iter(self._books.values()))
        return tuple(name for name, entry in first.items() if name != "_" and phase in entry)

    def phases(self, hazard: str) -> tuple[str, ...]:
        """The phases that ``hazard`` has words of its own for, in the order of an event."""
        first = next(iter(self._books.values()))
        return tuple(phase for phase in PHASES if phase in first.get(hazard, {}))

    def worded_as(self, hazard: str, phase: str, language: str) -> str:
        """The hazard whose words are taken: itself, or ``other`` where it has none in this phase and language."""
        return hazard if phase in self._books.get(language, {}).get(hazard, {}) else "other"

    # --- review ----------------------------------------------------------------------------------------------------

    def fingerprint(self, wording: str, language: str) -> str:
        """SHA-256 (16 hexadecimal digits) over every letter of ``wording`` (``hazard.phase`` or ``_``)."""
        words = self._books[language]
        hazard, _, phase = wording.partition(".")
        said = words["_"] if wording == "_" else [words[hazard]["event"], words[hazard][phase]]
        return hashlib.sha256(msgspec.json.encode(said, order="sorted")).hexdigest()[:16]

    def state(self, hazard: str, phase: str, language: str) -> str:
        """``reviewed``, ``draft`` or ``changed`` (since its review): of the words that would be taken."""
        wording = f"{self.worded_as(hazard, phase, language)}.{phase}"
        states = {self._states.get((language, wording), DRAFT), self._states.get((language, "_"), DRAFT)}
        return next((state for state in (CHANGED, DRAFT) if state in states), REVIEWED)

    def usable(self, hazard: str, phase: str, language: str) -> bool:
        """Whether these words, and those that take them back, may leave: somebody has read every letter of them."""
        return all(self.state(hazard, said, language) == REVIEWED for said in {phase, "retracted"})

    def reviewing(self, language: str, by: str, on: str, wordings: Iterable[str] = ()) -> dict[str, Review]:
        """The reviews to record when ``by`` has read ``wordings`` (all, by default) of ``language`` on the day ``on``."""
        wanted = set(wordings)
        return {
            wording: Review(self.fingerprint(wording, language), REVIEWED, by, on)
            for tag, wording in self._wordings()
            if tag == language and (not wanted or wording in wanted)
        }

    # --- words -----------------------------------------------------------------------------------------------------

    def phrase(self, hazard: str, phase: str, language: str, audience: str = "", **slots: str) -> Phrase:
        """The words for ``hazard`` in ``phase``; a slot the wording needs and does not get raises SettingsError.

        ``clock`` is the time without the name of its zone, for the short text.
        """
        hazard = self.worded_as(hazard, phase, language)
        entry = self._books[language].get(hazard)
        if entry is None or phase not in entry:
            raise SettingsError(f"the phrase book has no words for {hazard}.{phase} in {language}")
        words = entry[phase]
        if audience:
            words = {**words, **words.get(audience, {})}
        try:
            return Phrase(
                entry["event"],
                words["headline"].format_map(slots),
                words["description"].format_map(slots),
                "\n".join(words["instruction"]).format_map(slots),
                # The place's name stands before it, so the bare clock time says enough where every letter counts.
                words["short"].format_map({**slots, "time": slots.get("clock", slots.get("time", "{time}"))}),
            )
        except KeyError as missing:
            raise SettingsError(f"phrase {hazard}.{phase} in {language} needs {missing}") from None

    def facility(self, status: str, sender: str, language: str) -> str:
        """That the sender's house is ``open``, ``limited`` or ``closed``."""
        words = self._books[language]["_"]
        if status not in ("open", "limited", "closed"):
            raise SettingsError(f"a facility is open, limited or closed, and not {status}")
        line: str = words[status]
        return line.format(sender=sender)

    def promise(self, by: str, language: str) -> str:
        """That the next word comes until ``by``, a time as :meth:`time` spells it."""
        line: str = self._books[language]["_"]["next"]
        return line.format(until=by)

    def time(self, moment: datetime, zone: str, language: str) -> str:
        """``moment`` as a clock time of ``zone`` with the zone's name: ``03:05 Kyiv time``."""
        words = self._books[language]["_"]
        city = words["cities"].get(zone) or zone.rsplit("/", 1)[-1].replace("_", " ")
        text: str = words["at"].format(clock=f"{moment.astimezone(ZoneInfo(zone)):%H:%M}", city=city)
        return text

    def exercise(self, language: str) -> str:
        """The word for exercise."""
        word: str = self._books[language]["_"]["exercise"]
        return word


@cache
def book() -> PhraseBook:
    """The phrase book that comes with Tocsin."""
    folder = resources.files("tocsin.warn") / "data"
    books = {tag: tomllib.loads((folder / f"phrases.{tag}.toml").read_text("utf-8")) for tag in (*LANGUAGES, *DRAFTED)}
    return PhraseBook(books, read_reviews((folder / "reviewed.toml").read_bytes()))


def read_reviews(content: bytes) -> Reviews:
    """The reviews in a file such as ``data/reviewed.toml``; raises :class:`SettingsError` for any other file."""
    try:
        return msgspec.convert(tomllib.loads(content.decode("utf-8")), dict[str, dict[str, Review]])
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as wrong:
        raise SettingsError(f"reviews: {wrong}") from None


def write_reviews(reviews: Reviews) -> str:
    """``reviews`` as such a file, a line each."""
    lines = []
    for language, found in reviews.items():
        lines.append(f"[{language}]")
        for wording, one in found.items():
            lines.append(
                f'"{wording}" = {{ hash = "{one.hash}", state = "{one.state}", by = "{one.by}", on = "{one.on}" }}'
            )
        lines.append("")
    return "\n".join(lines)


def _check(language: str, words: Mapping[str, Any]) -> None:
    """Refuse a book with a slot that nobody fills, before any warning is made from it."""
    for hazard, entry in words.items():
        if hazard == "_":
            continue
        for phase, texts in entry.items():
            if phase == "event":
                continue
            for part in (texts, *(value for value in texts.values() if isinstance(value, dict))):
                said = [value for value in part.values() if isinstance(value, str)] + list(part.get("instruction", ()))
                for text in said:
                    for _, slot, _, _ in Formatter().parse(text):
                        if slot is not None and slot not in SLOTS:
                            raise SettingsError(f"phrase {hazard}.{phase} in {language} has the unknown slot {slot!r}")

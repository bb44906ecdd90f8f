"""Statements as the incident desk shows them: a source's own words with who says them, how firmly, and where to read them.

- Every statement leads to its sentence in its report; what was corrected stands struck through beside what replaced it.
- The name of the original language is in the reader's, the words are in their own.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from tocsin.assess.claim import Claim
from tocsin.assess.incident import Pointer, pointer
from tocsin.assess.known import sentence
from tocsin.assess.origin import Groups
from tocsin.assess.story import Story
from tocsin.assess.voice import PEOPLE, voices
from tocsin.web.text import Spoken, Texts

HERE = "/console/incidents"
STATEMENTS, VOICES, LINES = 10, 24, 40


class Said(Struct, frozen=True):
    """A statement with everything that a reader needs to judge it; ``href`` leads to its sentence."""

    key: str
    text: Spoken
    language: str
    who: str
    outlet: str
    stance: str
    standing: str
    href: str
    when: datetime
    wrong: Spoken | None = None
    by_person: bool = False
    doubt: str = ""

    @property
    def struck(self) -> bool:
        """Whether it holds no more."""
        return self.standing in ("corrected", "withdrawn") and self.wrong is None


class Column(Struct, frozen=True):
    """One voice: its name, and what it says."""

    name: Spoken | None
    outlets: str
    said: tuple[Said, ...]
    more: int


class Tell:
    """Puts claims of one story into the words of the page."""

    def __init__(self, story: Story, t: Texts) -> None:
        self.story, self.t = story, t
        self.claims = {pointer(claim): claim for claim in story.incident.claims}

    def language(self, tag: str) -> str:
        """The name of a language in the reader's own."""
        return str(self.t.locale.languages.get(tag, tag))

    def said(self, claim: Claim, wrong: Claim | None = None, whole: bool = True) -> Said:
        """One statement."""
        telling = self.story.telling(claim.report)
        at = pointer(claim)
        who = claim.speaker.name if claim.speaker.name and claim.speaker.kind in PEOPLE else ""
        if claim.speaker.kind == "unclear" and claim.speaker.candidates:
            who = self.t.say("inc.perhaps", names=", ".join(claim.speaker.candidates[:3]))
        text = sentence(self.story, claim) if whole and wrong is None else claim.text
        return Said(
            f"{at.report}:{at.start}-{at.end}",
            Spoken(text, telling.language),
            self.language(telling.language),
            who or "",
            telling.outlet,
            claim.stance,
            claim.standing,
            address(self.story.id, at),
            telling.published,
            Spoken(wrong.text, self.story.telling(wrong.report).language) if wrong is not None else None,
            claim.made_by == "person",
            "" if claim.modality == "certain" else claim.modality,
        )

    def at(self, pointers: Iterable[Pointer], whole: bool = True) -> tuple[Said, ...]:
        """The statements that stand at these places, each sentence once."""
        found: dict[str, Said] = {}
        for one in pointers:
            if (claim := self.claims.get(one)) is not None:
                made = self.said(claim, whole=whole)
                found.setdefault(made.text.text, made)
        return tuple(found.values())


def address(story: str, at: Pointer) -> str:
    """Where the sentence of a claim can be read."""
    return f"{HERE}/{story}/reports/{at.report}#c{at.start}"


def titled(story: Story, language: str) -> Spoken:
    """What an incident is called: in the reader's language, else in English, else as its first report has it."""
    titles = story.incident.title
    for tag in (language, "en", *titles):
        if titles.get(tag):
            return Spoken(titles[tag], tag)
    return Spoken(story.id, "und")


def corrected(tell: Tell) -> tuple[Said, ...]:
    """Every correction: what is said now, with the old wording to be struck through."""
    found = []
    for one in tell.story.incident.corrections[:LINES]:
        claims = [tell.claims[at] for at in one.evidence if at in tell.claims]
        right = next((claim for claim in claims if claim.text == one.right), None)
        wrong = next((claim for claim in claims if claim.text == one.wrong and claim is not right), None)
        if right is not None:
            found.append(tell.said(right, wrong))
    return tuple(found)


def columns(tell: Tell, joined: Groups) -> tuple[Column, ...]:
    """The voices, side by side by origin."""
    made = []
    language = tell.t.language
    for voice in voices(tell.story, joined)[:VOICES]:
        said: dict[str, Said] = {}
        for claim in voice.claims:
            if holds_both(claim, tell.story):
                continue
            one = tell.said(claim, whole=claim.standing == "claimed" and claim.stance != "corrects")
            said.setdefault(one.text.text, one)
        tag = next((one for one in (language, "en", *voice.names) if one in voice.names), "")
        name = Spoken(voice.names[tag], tag) if tag else None
        if not said:
            continue
        shown = tuple(said.values())
        made.append(Column(name, ", ".join(voice.outlets), shown[:STATEMENTS], max(0, len(shown) - STATEMENTS)))
    return tuple(made)


def holds_both(claim: Claim, story: Story) -> bool:
    """Whether a corrected claim holds its correction too: then only one half of it is wrong, and both are shown."""
    return claim.standing == "corrected" and any(
        other.stance == "corrects" and other.report == claim.report and claim.span.overlaps(other.span)
        for other in story.incident.claims
    )

"""What is known: the few lines of an incident that a reader should see first, each in its source's own words.

- A line never asserts: it has the words, who says them, which outlet told it, when, and how firmly it stands.
- A correction comes first and keeps the old wording beside the new; what one origin says is a claim and nothing more.
- What several reports say is one line, in the reader's language where one of them has it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal

from msgspec import Struct

from tocsin.assess.claim import Claim
from tocsin.assess.evidence import alike
from tocsin.assess.incident import Pointer
from tocsin.assess.story import Story

CHARACTERS = 260
Standing = Literal["claimed", "confirmed", "disputed", "corrected", "withdrawn", "denied"]
RANK: dict[str, int] = {"corrected": 0, "disputed": 1, "denied": 2, "withdrawn": 2, "confirmed": 3, "claimed": 4}


class Known(Struct, frozen=True):
    """One line. ``wrong`` is the wording that ``text`` replaces; ``says`` who says so, empty where that is unclear."""

    incident: str
    at: datetime
    standing: Standing
    text: str
    says: str
    outlet: str
    language: str
    wrong: str = ""
    wrong_language: str = ""
    origins: int = 1


def known(story: Story, language: str, most: int = 4) -> tuple[Known, ...]:
    """At most ``most`` lines of a story for a reader of ``language``, what was corrected or is in conflict first."""
    claims = {(c.report, c.span.start, c.span.end): c for c in story.incident.claims}

    def at(pointer: Pointer) -> Claim | None:
        return claims.get((pointer.report, pointer.start, pointer.end))

    used: list[Claim] = []
    lines: list[Known] = []
    for pairs in _corrections(story, at):
        wrong, right, all_of_it = _best(story, pairs, language)
        used += all_of_it
        lines.append(_line(story, right, "corrected", wrong=wrong))
    for conflict in story.incident.contradictions:
        for side in conflict.sides:
            told = [claim for pointer in side.evidence if (claim := at(pointer)) is not None]
            if told and not any(claim in used for claim in told):
                used += told
                lines.append(_line(story, _in_language(story, told, language), "disputed"))
    agreed = [[claim for p in one.evidence if (claim := at(p)) is not None] for one in story.incident.agreements]
    acting = [[claim for p in one.evidence if (claim := at(p)) is not None] for one in story.incident.actions]
    for group in (*acting, *_others(story, agreed)):
        # One sentence may say several things; a line shows the sentence, once.
        if not group:
            continue
        chosen = _in_language(story, group, language)
        shown = any(_same(story, chosen, other) for other in used)
        used += group
        if shown:
            continue
        standing: Standing = "denied" if chosen.stance == "denies" else chosen.standing
        lines.append(_line(story, chosen, standing))
    lines.sort(key=lambda line: (RANK[line.standing], not line.says, -line.at.timestamp()))
    return tuple(sorted(lines[:most], key=lambda line: line.at, reverse=True))


def _corrections(story: Story, find: Callable[[Pointer], Claim | None]) -> list[list[tuple[Claim | None, Claim]]]:
    """Corrections of the same thing, in whatever language, as one group of (wrong, right)."""
    groups: list[list[tuple[Claim | None, Claim]]] = []
    for one in story.incident.corrections:
        told = [claim for pointer in one.evidence if (claim := find(pointer)) is not None]
        right = next((claim for claim in told if claim.text == one.right), None)
        wrong = next((claim for claim in told if claim.text == one.wrong), None)
        if right is None:
            continue
        home = next((group for group in groups if any(alike(right, other) >= 0.3 for _, other in group)), None)
        if home is None:
            groups.append([(wrong, right)])
        else:
            home.append((wrong, right))
    return groups


def _best(
    story: Story, group: Sequence[tuple[Claim | None, Claim]], language: str
) -> tuple[Claim | None, Claim, list[Claim]]:
    whole = [pair for pair in group if pair[0] is not None] or list(group)
    chosen = next((pair for pair in whole if story.reading(pair[1].report).language == language), whole[0])
    # What repeats the corrected or the right wording elsewhere needs no line of its own.
    near = [
        claim
        for claim in story.incident.claims
        if claim.standing == "corrected" or any(alike(claim, right) >= 0.3 for _, right in group)
    ]
    return chosen[0], chosen[1], [claim for pair in group for claim in pair if claim is not None] + near


def _others(story: Story, agreed: Sequence[Sequence[Claim]]) -> list[list[Claim]]:
    """The claims that say something of their own, those that agree together, a named speaker's first."""
    groups = [list(group) for group in agreed if group]
    grouped = {id(claim) for group in groups for claim in group}
    for claim in story.incident.claims:
        if id(claim) in grouped or claim.tier == "low" or claim.stance == "declines" or not claim.topics:
            continue
        if claim.speaker.kind in ("named", "office", "anonymous") and len(claim.text) >= 25:
            groups.append([claim])
    return groups


def _same(story: Story, one: Claim, other: Claim) -> bool:
    return one is other or (one.report == other.report and sentence(story, one) == sentence(story, other))


def _in_language(story: Story, claims: Sequence[Claim], language: str) -> Claim:
    """The one to show: in the reader's language, with a speaker, the fullest, not a headline."""

    def rank(claim: Claim) -> tuple[bool, bool, bool, bool, int]:
        reading = story.reading(claim.report)
        return (
            reading.language != language,
            reading.language != "en",
            claim.span.start < len(reading.source.title),
            claim.speaker.kind not in ("named", "office", "anonymous"),
            -len(claim.text),
        )

    return min(claims, key=rank)


def sentence(story: Story, claim: Claim) -> str:
    """The whole sentence that a claim stands in, word for word, so that no half of it is shown."""
    text = story.reading(claim.report).text
    start, end = claim.span.start, claim.span.end
    if not text or text[start:end] != claim.text:
        return claim.text
    while start > 0 and text[start - 1] != "\n" and not (text[start - 1].isspace() and text[start - 2] in ".!?…"):
        start -= 1
    while end < len(text) and text[end] != "\n" and not (text[end - 1] in ".!?…" and text[end].isspace()):
        end += 1
    found = text[start:end].strip()
    return found if len(found) <= CHARACTERS else claim.text


def _line(story: Story, claim: Claim, standing: Standing, wrong: Claim | None = None) -> Known:
    telling = story.telling(claim.report)
    text = claim.text if standing == "corrected" and wrong is not None else sentence(story, claim)
    speaker = claim.speaker.name if claim.speaker.kind in ("named", "office", "anonymous") else None
    return Known(
        story.id,
        telling.published,
        standing,
        _cut(text),
        speaker or "",
        telling.outlet,
        telling.language,
        _cut(wrong.text) if wrong is not None else "",
        story.telling(wrong.report).language if wrong is not None else "",
    )


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= CHARACTERS else text[:CHARACTERS].rsplit(" ", 1)[0] + " …"

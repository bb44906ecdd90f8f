"""Twins: one warning in a version for staff and one for the public, and what the one tells that the other does not.

- No double standard: whatever staff are told of the threat must stand in the public version too, or somebody says why
  not, and that stays in the journal (req. 25).
- What staff alone are told to do is no fact of the threat and may differ.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from tocsin.cap.phase import Phase
from tocsin.cap.vocabulary import vocabulary
from tocsin.remark import Remark, remark, word
from tocsin.warn.compile import Compiled
from tocsin.warn.draft import Content, Draft, DraftState
from tocsin.warn.finding import Finding
from tocsin.warn.publish import WARNS

_FACT = re.compile(r"\d+(?:[.,:]\d+)*|(?<![.!?\n]\s)(?<!^)\b[A-ZА-ЯҐЄІЇ][\w’'-]+")
_SENTENCE = re.compile(r"(?<=[.!?…])\s+|\n+")


def twins(draft: Draft, compiled: Compiled, *, find: Callable[[str], Draft | None]) -> tuple[Finding, ...]:
    """No double standard: whatever staff are told of the threat must stand in the public version too (req. 25)."""
    content = draft.content
    other = find(content.twin) if content.twin else None
    if other is not None and other.state is DraftState.WITHDRAWN:
        other = None
    if content.scope != "Public" and content.audience == "staff" and Phase(content.phase) in WARNS and other is None:
        alone = remark(
            "guard.twin-none",
            "Staff are warned and the public is not. Write the public version, or say why there is none.",
        )
        return (Finding("twin", alone, reason=True),)
    if other is None or Phase(content.phase) not in WARNS:
        return ()
    if (content.scope == "Public") == (other.content.scope == "Public"):
        return ()
    staff, public = (other.content, content) if content.scope == "Public" else (content, other.content)
    lacking = untold(staff, public)
    if not lacking:
        return ()
    said = remark("guard.twin", "Staff are told what the public is not: {facts}.", facts=lacking)
    return (Finding("twin", said, reason=True),)


def untold(staff: Content, public: Content) -> tuple[Remark, ...]:
    """The facts of the staff version that the public one lacks, each as a few words."""
    found: list[Remark] = []
    if staff.hazard != public.hazard:
        found.append(remark("untold.hazard", "the hazard {hazard}", hazard=word("hazard", staff.hazard)))
    if staff.facility and staff.facility != public.facility:
        found.append(remark("untold.facility", "the house is {status}", status=word("facility", staff.facility)))
    if lost := sorted({*staff.where.codes} - {*public.where.codes}):
        found.append(remark("untold.places", "the places {codes}", codes=tuple(lost)))
    if (staff.where.polygons, staff.where.circles) != (public.where.polygons, public.where.circles):
        found.append(remark("untold.drawn", "the area that is drawn"))
    if staff.starts is not None and staff.starts != public.starts:
        found.append(remark("untold.begins", "begins {at:%d.%m. %H:%M} UTC", at=staff.starts))
    if staff.ends is not None and staff.ends != public.ends:
        found.append(remark("untold.ends", "ends {at:%d.%m. %H:%M} UTC", at=staff.ends))
    if staff.next_update_by is not None and staff.next_update_by != public.next_update_by:
        found.append(remark("untold.next", "next word {at:%d.%m. %H:%M} UTC", at=staff.next_update_by))
    for tag, extra in staff.extra.items():
        open_text = public.extra[tag].text if tag in public.extra else ""
        found.extend(_untold_words(extra.text, open_text, tag))
    return tuple({str(one): one for one in found}.values())


def _untold_words(staff: str, public: str, tag: str) -> list[Remark]:
    """Sentences of the staff's free text that the public's lacks, but for advice that states no fact of its own."""
    words = vocabulary(tag)
    told = {_plain(sentence) for sentence in _SENTENCE.split(public)}
    facts = {*_FACT.findall(public)}
    found = []
    for sentence in _SENTENCE.split(staff.strip()):
        if not sentence.strip() or _plain(sentence) in told:
            continue
        more = [fact for fact in _FACT.findall(sentence) if fact not in facts]
        advice = words is not None and words.lists["verb"].match(sentence.strip()) is not None
        if more or not advice:
            found.append(remark("untold.sentence", "“{text}”", text=sentence.strip()[:80]))
    return found


def _plain(sentence: str) -> str:
    return " ".join(re.findall(r"\w+", sentence.casefold()))

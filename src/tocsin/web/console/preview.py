"""What a draft comes to, as pages show it: language by language, with its lengths and what ails it beside the words.

- The values are those of :mod:`tocsin.warn.preview`, which the author and the approver see alike and the digest covers.
- Findings stand with the language they are about; what blocks says so first.
- The retraction is part of it: nobody agrees to a warning without having its retraction before them (F2).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from babel import Locale
from msgspec import Struct

from tocsin.remark import Remark
from tocsin.warn import preview as previews
from tocsin.warn.draft import Draft
from tocsin.warn.finding import Finding
from tocsin.warn.preview import Message, Words
from tocsin.warn.tier import Tier

if TYPE_CHECKING:
    from tocsin.web.console.desk_room import DeskRoom


KEEP = timedelta(seconds=10)
"""So long may the numbers of people and subscribers be those of a moment ago."""


class Hint(Struct, frozen=True):
    """What a guard says. ``asks`` is the code of one that wants a reason, ``type_this`` the name that has to be typed."""

    code: str
    said: Remark
    blocking: bool
    asks: str = ""
    type_this: str = ""


class Said(Struct, frozen=True):
    """One message in one language."""

    language: str
    name: str
    headline: str
    description: str
    steps: tuple[str, ...]
    tiers: tuple[Tier, ...]
    remarks: tuple[Hint, ...] = ()
    confirmed: str = ""
    unconfirmed: bool = False


class Shown(Struct, frozen=True):
    """A preview as a page has it. ``wrong`` is why there is nothing to show yet; ``beside`` what leaves with the alert."""

    seen: previews.Preview
    said: tuple[Said, ...] = ()
    retraction: tuple[Said, ...] = ()
    beside: tuple[tuple[str, tuple[Said, ...]], ...] = ()
    guards: tuple[Hint, ...] = ()

    @property
    def wrong(self) -> Remark | None:
        """Why it comes to nothing yet."""
        return self.seen.why

    @property
    def blocked(self) -> bool:
        """Whether something stands in the way of proposing it."""
        return bool(self.seen.fault or self.seen.stops)


def preview(room: DeskRoom, draft: Draft, at: datetime) -> Shown:
    """What ``draft`` comes to at ``at``; what was found a moment ago holds while neither it nor its twin has changed."""
    twin = room.desk.drafts.get(draft.content.twin) if draft.content.twin else None
    kept = room.shown.get(draft.id)
    if kept is not None and kept[0] is draft and kept[1] is twin and at - kept[2] < KEEP:
        return kept[3]
    shown = _preview(room, draft, at)
    room.shown[draft.id] = (draft, twin, at, shown)
    return shown


def _preview(room: DeskRoom, draft: Draft, at: datetime) -> Shown:
    seen = previews.preview(room.desk, draft.id, at, counter=room.counter, tally=room.tally)
    of = {message.kind: message for message in seen.messages}
    return Shown(
        seen,
        _alert(of["alert"], seen) if "alert" in of else (),
        tuple(_said(words) for words in of["retraction"].words) if "retraction" in of else (),
        tuple(
            (message.phase, tuple(_said(words) for words in message.words))
            for message in seen.messages
            if message.kind == "beside"
        ),
        tuple(_hint(one) for one in seen.findings if not one.path),
    )


def _alert(message: Message, seen: previews.Preview) -> tuple[Said, ...]:
    shown = []
    for number, words in enumerate(message.words, 1):
        extra = seen.content.extra.get(words.language)
        written = extra is not None and bool(extra.text.strip())
        remarks = tuple(_hint(one) for one in seen.findings if one.path == f"alert/info[{number}]")
        by = extra.confirmed_by if extra is not None and written else ""
        shown.append(_said(words, remarks, by, written and not by))
    return tuple(shown)


def _said(words: Words, remarks: tuple[Hint, ...] = (), confirmed: str = "", unconfirmed: bool = False) -> Said:
    return Said(
        words.language,
        language_name(words.language),
        words.headline,
        words.description,
        tuple(line for line in words.instruction.splitlines() if line.strip()),
        words.tiers,
        remarks,
        confirmed,
        unconfirmed,
    )


def _hint(one: Finding) -> Hint:
    asks = one.code if one.reason or one.type_this else ""
    return Hint(one.code, one.said, one.blocking, asks, one.type_this)


def language_name(language: str) -> str:
    """What a language calls itself."""
    return (Locale.parse(language[:2]).get_display_name(language[:2]) or language).capitalize()

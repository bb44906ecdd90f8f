"""The notice: what one alert says to a person's own device, short, in the languages that the person reads.

- It is made from the bulletin once for each set of languages and each loudness, and its bytes are the same for all who
  share these, so that nothing is worded at the alarm; and it says nothing about the moment of sending, so that a resend
  is identical.
- It is padded to a size that follows from how many languages the person asked for and from nothing else. Text that
  does not fit is cut at a sentence, never the phase, the event or the version; ``url`` leads to the whole.
- In the exercise realm every title begins with the word for exercise (F16).

A device that knows its places finds in ``areas`` which of them is concerned, so that nobody else needs to (F27).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec import Struct

from tocsin.errors import TooLargeError
from tocsin.journal import EXERCISE
from tocsin.place.language import best, language
from tocsin.reach.bulletin import Bulletin
from tocsin.reach.wanted import LOUD
from tocsin.warn.phrase import LANGUAGES, book

ALL = 4
"""For how many languages there is room when a subscriber names none."""
SIZES = (1152, 1792, 2432, 3072, 3584)
"""Bytes for one language, for two, and so on; the last for five and more."""
TITLE, TEXT, AREAS = 120, 400, 12


class Text(Struct, frozen=True, omit_defaults=True):
    """The alert in one language: the title, and what to do first."""

    headline: str
    instruction: str = ""


class Notice(Struct, frozen=True, omit_defaults=True):
    """One alert for a device. ``texts`` is by language tag, the subscriber's first language first.

    ``loudness`` is the subscriber's own wish for the places that are concerned; what is wanted aloud does not say so.
    """

    identifier: str
    event_id: str
    version: int
    phase: str
    realm: str
    texts: dict[str, Text]
    url: str
    ends: datetime | None = None
    next_update_by: datetime | None = None
    areas: tuple[str, ...] = ()
    more_areas: int = 0
    loudness: str = LOUD


def size(languages: Sequence[str]) -> int:
    """How many bytes a notice for somebody with these ``languages`` is padded to."""
    return SIZES[min(len(languages) or ALL, len(SIZES)) - 1]


def notice(told: Bulletin, languages: Sequence[str], loudness: str = LOUD) -> bytes:
    """The JSON of the notice, at most :func:`size` bytes; :class:`TooLargeError` if not even the bare facts fit."""
    most, texts = size(languages), _texts(told, languages)
    title, text, areas = TITLE, TEXT, AREAS
    while True:
        made = Notice(
            told.identifier,
            told.event_id,
            told.version,
            told.phase,
            told.realm,
            {tag: Text(cut(one.headline, title), cut(one.instruction, text)) for tag, one in texts.items()},
            told.url,
            told.expires,
            told.next_update_by,
            told.areas[:areas],
            max(0, len(told.areas) - areas),
            loudness,
        )
        content = msgspec.json.encode(made)
        if len(content) <= most:
            return content
        # The instruction gives way first, then the areas, then other languages than the first, then the title.
        if text > 80:
            text = text * 4 // 5
        elif areas:
            areas //= 2
        elif len(texts) > 1:
            texts.popitem()
        elif title > 40:
            title, text = title * 4 // 5, text // 2
        else:
            raise TooLargeError(f"{told.identifier}: the notice takes {len(content)} bytes, there is room for {most}")


def _texts(told: Bulletin, languages: Sequence[str]) -> dict[str, Text]:
    """The texts in the languages asked for, as far as there are any; else in English, or whatever there is."""
    offered = tuple(told.headline)
    chosen = list(dict.fromkeys(found for one in languages if (found := best((one,), offered)) is not None))
    if not chosen:
        chosen = list(offered) if not languages else [best(("en",), offered) or offered[0]] if offered else []
    return {tag: Text(_title(told, tag), told.instruction.get(tag, "")) for tag in chosen}


def _title(told: Bulletin, tag: str) -> str:
    headline = told.headline[tag]
    if told.realm != EXERCISE:
        return headline
    # Ours already begin with it; those that others sent in may not.
    word = book().exercise(language(tag) if language(tag) in LANGUAGES else "en")
    return headline if headline.casefold().startswith(word.casefold()) else f"{word}. {headline}"


def cut(text: str, most: int) -> str:
    """``text`` in at most ``most`` letters: whole sentences where one fits, else whole words.

    >>> cut("Go to a shelter. Stay there.", 20), cut("Go to a shelter", 9)
    ('Go to a shelter.', 'Go to a…')
    """
    text = " ".join(text.split())
    if len(text) <= most:
        return text
    for end in range(most, most // 3, -1):
        if text[end - 1] in ".!?。" and (end == len(text) or text[end] == " "):
            return text[:end]
    return (text[: most - 1].rpartition(" ")[0] or text[: most - 1]) + "…"


# A hold takes the place of the act under the same topic, and may be the first that a phone gets which was off.
# A calm one is a letter about the subscription itself: a test that may wait would not prove that an alarm wakes the phone.
URGENCY = {
    "act": "high",
    "retracted": "high",
    "hold": "high",
    "prepare": "normal",
    "all-clear": "normal",
    "calm": "high",
}
"""How urgent a notice of a phase is (RFC 8030, section 5.3); low for any other."""

"""What an alert itself tells a person, as lines of bounded length, marked with the language they are in.

- An instruction keeps its own lines; one paragraph becomes sentences, so that each can be one step.
- Alerts of the wild have texts of any length: the page shows the beginning, and the whole is one link away.
- No language means the standard's default, en-US (CAP 1.2, section 3.2.2).
"""

from __future__ import annotations

import re

from tocsin.cap.alert import Info
from tocsin.web.text import Spoken

HEADLINE_LENGTH, LINE_LENGTH, LEAD_LENGTH = 160, 240, 600


def instructions(info: Info | None) -> tuple[Spoken, ...]:
    """The instruction as lines: its own lines where it has them, else its sentences."""
    if info is None or not info.instruction.strip():
        return ()
    lines = [line.strip(" \t-•*·") for line in info.instruction.splitlines()]
    lines = [line for line in lines if line]
    if len(lines) == 1:
        lines = [part for part in _SENTENCE.split(lines[0]) if part]
    return tuple(Spoken(shorten(_NUMBER.sub("", line), LINE_LENGTH), info.language or "en-US") for line in lines)


# A full stop ends a sentence when what follows does not go on in small letters or digits ("20 Nov. 14:00").
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[^\W\d_a-zа-яіїєґ])")
_NUMBER = re.compile(r"^\d{1,2}[.)]\s+")


def spoken(info: Info | None, field: str) -> Spoken | None:
    """One text of an alert in one line (``headline``, ``event``, ``description``), or None where it is empty."""
    text = " ".join(getattr(info, field).split()) if info is not None else ""
    text = shorten(text, LEAD_LENGTH if field == "description" else HEADLINE_LENGTH)
    return Spoken(text, info.language or "en-US") if text and info is not None else None


def shorten(text: str, length: int) -> str:
    """``text`` in at most ``length`` characters, ended at a word and with an ellipsis where it was cut."""
    if len(text) <= length:
        return text
    kept = text[: length - 1]
    space = kept.rfind(" ")
    return kept[: space if space > length // 2 else None].rstrip(" ,;:.") + "…"

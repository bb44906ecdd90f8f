"""Rewording: what an outlet changed in its own words without saying so, sentence by sentence, the old beside the new.

- A sentence that became another one is shown once, with the words that went and those that came; a sentence that is gone is
  shown as gone. What was only added is no change of what was said, and is left out.
- Of an outlet that lets only some sentences be kept, what is missing may merely not have been kept: only a sentence that
  became another one counts there.
- The words are the outlet's own; nothing is put into them. Work is bounded: so many changes, and none longer than a screen.
"""

from __future__ import annotations

import re
from collections import Counter
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Literal

from msgspec import Struct

from tocsin.assess.sentence import read

MOST_CHANGES, MOST_CHARACTERS = 8, 600
ALIKE, NEAR = 0.55, 4
"""How much of its words a sentence shares with the one it became, and how many places off that one is looked for."""
_TOKENS = re.compile(r"\w+|\s+|[^\w\s]")


class Piece(Struct, frozen=True):
    """A run of words of a sentence: kept, gone or come."""

    kind: Literal["same", "gone", "come"]
    text: str


Change = tuple[Piece, ...]
"""One sentence before and after, in pieces; one that is gone is a single piece."""


@lru_cache(maxsize=128)
def changes(before: str, after: str, whole: bool = True) -> tuple[Change, ...]:
    """What was said in ``before`` and is said otherwise, or no more, in ``after``. ``whole``: both are all there was."""
    old, new = _sentences(before), _sentences(after)
    made: list[Change] = []
    for what, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if what in ("equal", "insert"):
            continue
        taken: set[int] = set()
        for offset, sentence in enumerate(old[i1:i2]):
            near = [at for at in range(max(j1, j1 + offset - NEAR), min(j2, j1 + offset + NEAR + 1)) if at not in taken]
            alike, became = max(((_alike(sentence, new[at]), -at) for at in near), default=(0.0, 0))
            if alike >= ALIKE:
                taken.add(-became)
                if change := _pieces(sentence, new[-became]):
                    made.append(change)
            elif whole and sentence not in new:
                made.append((Piece("gone", sentence),))
    return tuple(made[:MOST_CHANGES])


def _sentences(text: str) -> tuple[str, ...]:
    cut = (" ".join(text[one.start : one.end].split()) for one in read(text).sentences)
    return tuple(dict.fromkeys(one for one in cut if one and len(one) <= MOST_CHARACTERS))


def _alike(one: str, other: str) -> float:
    """The share of their words that two sentences have in common, from 0 to 1."""
    left, right = Counter(_words(one)), Counter(_words(other))
    return 2 * (left & right).total() / max(1, left.total() + right.total())


def _words(sentence: str) -> list[str]:
    return re.findall(r"\w+", sentence.lower())


def _pieces(before: str, after: str) -> Change:
    """The words of a sentence, in runs; empty where only its case, its marks or its spaces are others."""
    if _words(before) == _words(after):
        return ()
    old, new = _TOKENS.findall(before), _TOKENS.findall(after)
    made: list[Piece] = []
    for what, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if what == "equal":
            same = "".join(old[i1:i2])
            if same.isspace() and made:
                # A space between two changes parts nothing: the words that went, and those that came, stay together.
                _add(made, "gone", same)
                _add(made, "come", same)
            else:
                made.append(Piece("same", same))
            continue
        _add(made, "gone", "".join(old[i1:i2]))
        _add(made, "come", "".join(new[j1:j2]))
    return tuple(made)


def _add(made: list[Piece], kind: Literal["gone", "come"], text: str) -> None:
    """Put ``text`` to the run of its kind that is under way since the last words that stayed."""
    if not text:
        return
    for at in range(len(made) - 1, -1, -1):
        if made[at].kind == "same":
            break
        if made[at].kind == kind:
            made[at] = Piece(kind, made[at].text + text)
            return
    made.append(Piece(kind, text))

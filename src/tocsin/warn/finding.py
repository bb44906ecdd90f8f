"""A finding: what a guard says of a draft before it is proposed, in one sentence a tired person understands.

- ``blocking`` stops the proposal, whoever proposes; ``reason`` stops it until a sentence of reason is given, which stays
  in the journal; everything else is advice.
- ``type_this`` asks for the area's name to be typed: a click confirms anything, a name has to be known (Hawaii 2018).
- The sentence is a remark: API and journal have its English, the console says it in the reader's language.
- ``follow_up`` never stops anything: it is done after the alert is out (a missing language, F14).
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from tocsin.remark import Remark
from tocsin.warn.compile import Compiled
from tocsin.warn.draft import Draft


class Finding(Struct, frozen=True):
    """What a guard says. A ``blocking`` one stops the proposal; one with ``reason`` does until a reason is given."""

    code: str
    said: Remark
    blocking: bool = False
    reason: bool = False
    follow_up: bool = False
    type_this: str = ""
    path: str = ""

    @property
    def sentence(self) -> str:
        """The sentence in English."""
        return str(self.said)


Guard = Callable[[Draft, Compiled], "tuple[Finding, ...]"]
"""Looks at a compiled draft before it is proposed."""

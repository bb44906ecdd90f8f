"""A finding: what a guard says of a draft before it is proposed, in one sentence a tired person understands.

- ``blocking`` stops the proposal, whoever proposes; ``reason`` stops it until a sentence of reason is given, which stays
  in the journal; everything else is advice.
- ``type_this`` asks for the area's name to be typed: a click confirms anything, a name has to be known (Hawaii 2018).
- ``follow_up`` never stops anything: it is done after the alert is out (a missing language, F14).
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from tocsin.warn.compile import Compiled
from tocsin.warn.draft import Draft


class Finding(Struct, frozen=True):
    """What a guard says. A ``blocking`` one stops the proposal; one with ``reason`` does until a reason is given."""

    code: str
    sentence: str
    blocking: bool = False
    reason: bool = False
    follow_up: bool = False
    type_this: str = ""
    path: str = ""


Guard = Callable[[Draft, Compiled], "tuple[Finding, ...]"]
"""Looks at a compiled draft before it is proposed."""

"""Telling: a remark of the program in the language of whoever reads the console.

- The English of a remark stands where it is made; the other languages stand here by its key, in ``remarks/{language}.json``.
  A test finds every key in the program and holds each language to it, place by place.
- Names that pages have words for already (a phase, a role, the state of a draft) are called as on the pages, a hazard as
  the phrase book calls it, a fault by its title.
- What nobody has translated, such as the reason of a library, is said in English and marked as English.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib.resources import files

from babel.numbers import format_decimal
from markupsafe import Markup

from tocsin.remark import Remark, Value
from tocsin.warn.phrase import SLOTS, book
from tocsin.web.console.text import words
from tocsin.web.text import FALLBACK, Texts, texts
from tocsin.web.titles import TITLES

OF_PAGES = ("phase", "state", "role", "facility")
"""Kinds of words that the pages have already."""


@cache
def remarks(language: str) -> Mapping[str, str]:
    """Every remark in ``language`` by its key; in English they stand in the program."""
    if language == FALLBACK:
        return {}
    found: dict[str, str] = json.loads((files(__package__) / "remarks" / f"{language}.json").read_text("utf-8"))
    return found


def tell(said: Remark | str, t: Texts) -> Markup:
    """``said`` in the language of ``t``, escaped; what has no words in it is English and marked so."""
    if isinstance(said, str):
        return (
            Markup('<span lang="{}">{}</span>').format(FALLBACK, said)
            if t.language != FALLBACK
            else Markup.escape(said)
        )
    pattern = _pattern(said, t.language)
    if pattern is None:
        return tell(str(said), t)
    values = {name: _told(value, t) for name, value in said.values.items()}
    if said.key == "error" and isinstance(detail := said.values["detail"], Remark):
        values["detail"] = whole(detail, t)
    return Markup.escape(pattern).format(**values)


def number(value: int) -> str:
    """``3 200 000``. The space keeps the groups in their order also in a line that is read from the right."""
    return f"{value:,}".replace(",", "\u00a0")


def decimal(value: float, t: Texts) -> str:
    """``2.5`` or ``2,5``: one place, with the sign of the language of ``t``."""
    return format_decimal(value, "0.0", locale=t.locale)


def whole(said: Remark | str, t: Texts) -> Markup:
    """``said`` as a sentence that stands by itself: with a capital and a stop, however it was begun."""
    text = tell(said, t)
    if isinstance(said, str) or (_pattern(said, t.language) or "{")[0] == "{":
        return text
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?", "!", "…")) else ".")


def _told(value: Value, t: Texts) -> object:
    if isinstance(value, Remark):
        return tell(value, t)
    if isinstance(value, (tuple, list)):
        parts = [tell(one, t) if isinstance(one, Remark) else one for one in value]
        return Markup(" ").join(parts) if isinstance(value, list) else Markup(", ").join(parts)
    if isinstance(value, datetime):
        return value
    return number(value) if isinstance(value, int) else value


def _pattern(said: Remark, language: str) -> str | None:
    """The sentence with its places, in ``language``; None where nobody has written it."""
    kind, _, name = said.key.partition(".")
    if kind == "error":
        if not name:
            return said.english
        return said.english if language == FALLBACK else TITLES.get(name, {}).get(language)
    if kind in OF_PAGES:
        found = words(language).table.get(said.key) or texts(language).table.get(said.key)
        return str(found) if found is not None else None
    if kind == "hazard" and (phases := book().phases(name)):
        return book().phrase(name, phases[0], language, **dict.fromkeys(SLOTS, "")).event
    return said.english if language == FALLBACK else remarks(language).get(said.key)

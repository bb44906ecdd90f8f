"""Kept states: ``/at/{code}.json`` and ``.txt`` as ready bytes, made again as soon as anything in them changed.

- Within a second of the house's clock, and while no entry came, the same bytes go out without a look.
- After that the state is looked at again. If it says the same, its bytes (and so its ETag) stay for ten seconds of the
  house's clock, so that whoever polls is told 304; then ``as_of`` moves on. Nothing that matters to a person waits.
- Times are the house's, so a night replayed 1,800 times as fast loses no phase.
"""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import msgspec

from tocsin.place.language import negotiate
from tocsin.recent import Recent
from tocsin.web.ready import Headers, Ready
from tocsin.web.state import State, encode, plain, state

if TYPE_CHECKING:
    from tocsin.web.house import House

AT = "/at/"
FORMS = {".json": "application/json", ".txt": "text/plain; charset=utf-8"}
GLANCE = timedelta(seconds=1)
STAY = timedelta(seconds=10)
MOST = 4000


class _Kept:
    __slots__ = ("looked", "made", "ready", "seq", "state")

    def __init__(self, ready: Ready, made: State, at: datetime, seq: int) -> None:
        self.ready, self.state, self.made, self.looked, self.seq = ready, made, at, at, seq


class States:
    """The states of all places as ready answers."""

    def __init__(self, house: House) -> None:
        self.house = house
        self._kept: Recent[tuple[str, str, str], _Kept] = Recent(MOST)
        self._languages: Recent[bytes, str] = Recent(MOST)

    def answer(self, path: str, language: str) -> Ready | None:
        """The answer for ``path``, or None where it is not ours; an unknown place raises UnknownPlaceError."""
        if not path.startswith(AT) or not path.endswith((".json", ".txt")):
            return None
        name, dot, form = path[len(AT) :].rpartition(".")
        if "/" in name:
            return None
        return self.ready(name, language, dot + form)

    def language(self, query: bytes, headers: Headers) -> str:
        """The language asked for: ``?lang=`` where it is offered, else by Accept-Language."""
        offered = self.house.languages
        if query:
            with contextlib.suppress(ValueError):  # more parameters than anybody means
                asked: str = parse_qs(query.decode("latin-1"), max_num_fields=20).get("lang", [""])[0]
                if asked in offered:
                    return asked
        header = next((value for name, value in headers if name == b"accept-language"), b"")
        known = self._languages.get(header)
        if known is None:
            known = self._languages[header] = negotiate(header.decode("latin-1"), offered)
        return known

    def ready(self, name: str, language: str, form: str) -> Ready:
        """The bytes for one place, language and form, as they hold now."""
        house = self.house
        key, at, seq = (name, language, form), house.now(), house.situation.seq
        kept = self._kept.get(key)
        if kept is not None and kept.seq == seq and timedelta(0) <= at - kept.looked < GLANCE:
            return kept.ready
        made = state(house, name, language, at)
        if kept is not None and timedelta(0) <= at - kept.made < STAY and _same(kept.state, made):
            kept.looked, kept.seq = at, seq
            return kept.ready
        body = encode(made) if form == ".json" else plain(house, name, language, at).encode()
        ready = Ready(
            body,
            FORMS[form],
            f"{AT}{name}{form}",
            cache="public, max-age=2",
            vary="Accept-Encoding, Accept-Language",
            extra=((b"content-language", language.encode()),),
        )
        self._kept[key] = _Kept(ready, made, at, seq)
        return ready


def _same(one: State, other: State) -> bool:
    """Whether two states say the same to a person: all but the moment, the last word of the source, and the entry."""
    blank = {"as_of": "", "journal": None, "freshness": None}
    return (
        msgspec.structs.replace(one, **blank) == msgspec.structs.replace(other, **blank)
        and one.freshness.source == other.freshness.source
    )

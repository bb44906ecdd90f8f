"""Opening hours: whether a place is open at a moment, by the simple forms in which they are published.

- What is understood is OSM's ``opening_hours`` of days and times (``24/7``, ``Mo-Fr 08:00-20:00; Sa,Su 10:00-16:00``,
  ``22:00-06:00``, ``off``) and the words for "round the clock" in several languages. A later rule wins over an earlier.
- What is not understood, seasons and the sun included, is None: nobody knows, which is never "open". On what days the
  rules say nothing, it is closed.
- Public holidays are in no calendar here: rules for them alone are passed over, and the weekday's rule holds.

Standard: the OSM wiki's "Key:opening_hours", a part of it.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from tocsin.place.spelling import fold

ALWAYS = "24/7"

Span = tuple[int, int]
Week = tuple[tuple[Span, ...], ...]
"""For each day from Monday, its spans in minutes of that day; a span may end in the next one (up to 2880)."""

_DAYS = {name: day for day, name in enumerate(("mo", "tu", "we", "th", "fr", "sa", "su"))}
_ALWAYS = frozenset(
    fold(words)
    for words in (
        "24/7", "24-7", "24x7", "00:00-24:00", "0:00-24:00", "00:00-23:59", "Mo-Su 00:00-24:00", "always", "always open",
        "24 hours", "24h", "24 h", "round the clock", "around the clock", "open", "цілодобово", "цілодобовий",
        "круглосуточно", "24 години", "24 год", "24 години на добу", "24 часа", "постійно", "rund um die Uhr", "24 Stunden",
        "durchgehend", "immer geöffnet", "24 heures", "24h/24", "24h/24 7j/7", "jour et nuit", "en permanence",
        "całodobowo", "24 godziny", "24 horas", "siempre", "permanente",
    )
)  # fmt: skip
_NEVER = frozenset(fold(words) for words in ("off", "closed", "зачинено", "закрито", "geschlossen", "fermé", "закрыто"))
_TIMES = re.compile(r"^(\d{1,2})[:.](\d{2})\s*-\s*(\d{1,2})[:.](\d{2})(\+?)$")
_RULE = re.compile(r"^(?P<days>[A-Za-z][A-Za-z,\-\s]*?)??\s*(?P<times>(?:\d.*)|off|closed|open|24/7)?$", re.IGNORECASE)
_COMMENT = re.compile(r'"[^"]*"')


def normal(said: str) -> str:
    """Hours as they are kept: OSM's form where it is understood, else an empty text."""
    text = " ".join(said.replace("–", "-").replace("—", "-").replace("−", "-").split())
    if not text:
        return ""
    if fold(text) in _ALWAYS or "24/7" in text:
        return ALWAYS if week(text) is not None or fold(text) in _ALWAYS else ""
    if fold(text) in _NEVER:
        return "off"
    return text if week(text) is not None else ""


def open_at(hours: str, at: datetime, zone: str) -> bool | None:
    """Whether it is open at ``at`` by the clocks of ``zone``; None where nobody can tell."""
    found = week(hours)
    if found is None:
        return None
    local = at.astimezone(ZoneInfo(zone))
    minute, today = local.hour * 60 + local.minute, local.weekday()
    yesterday = (local - timedelta(days=1)).weekday()
    return any(start <= minute < end for start, end in found[today]) or any(
        start <= minute + 1440 < end for start, end in found[yesterday]
    )


@lru_cache(maxsize=4096)
def week(hours: str) -> Week | None:
    """The spans of each day of the week; None where the text is not understood.

    >>> week("Mo-Fr 08:00-20:00; Sa off")[0]
    ((480, 1200),)
    >>> week("Apr-Oct sunrise-sunset") is None
    True
    """
    text = _COMMENT.sub("", hours).replace("–", "-").strip().rstrip(";").strip()
    if not text:
        return None
    if fold(text) in _ALWAYS:
        return (((0, 1440),),) * 7
    days: list[tuple[Span, ...]] = [()] * 7
    said = False
    for rule in re.split(r"\s*(?:;|\|\|)\s*", text):
        shape = _RULE.match(rule.strip())
        if shape is None:
            return None
        named, times = (shape["days"] or "").strip(), (shape["times"] or "").strip()
        which = _days(named)
        if which is None:
            return None
        if not which:
            continue
        spans = _spans(times, bool(named))
        if spans is None:
            return None
        said = True
        for day in which:
            days[day] = spans
    # Rules for holidays alone say nothing about any other day.
    return tuple(days) if said else None


def _days(named: str) -> tuple[int, ...] | None:
    """The days a rule is for; all where it names none, an empty tuple where it names holidays only."""
    if not named:
        return tuple(range(7))
    found: list[int] = []
    for part in re.split(r"\s*,\s*", named.lower().strip().rstrip(",")):
        if part in ("ph", "sh"):
            continue
        first, _, last = (one.strip() for one in part.partition("-"))
        if first not in _DAYS or (last and last not in _DAYS):
            return None
        start, end = _DAYS[first], _DAYS[last or first]
        found.extend((start + step) % 7 for step in range((end - start) % 7 + 1))
    return tuple(found)


def _spans(times: str, named: bool) -> tuple[Span, ...] | None:
    if times.lower() in ("off", "closed"):
        return ()
    if times in ("24/7",) or (not times and named) or times.lower() == "open":
        return ((0, 1440),)
    found: list[Span] = []
    for part in re.split(r"\s*,\s*", times):
        shape = _TIMES.match(part)
        # "20:00+" has no end, so nobody knows when it closes.
        if shape is None or shape[5]:
            return None
        start, end = int(shape[1]) * 60 + int(shape[2]), int(shape[3]) * 60 + int(shape[4])
        if start > 1440 or end > 2880:
            return None
        found.append((start, end if end > start else end + 1440))
    return tuple(found) if found else None

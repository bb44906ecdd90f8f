"""Times as feeds spell them, read into UTC: the standard's own form fast, all others with what was wrong about them.

- A time without an offset is nobody's moment: it is not read (F26), and the reader says so.
- A year between 2400 and 2700 is of the Buddhist era; 543 is taken off, since a message kept for 543 years is the
  worse mistake (the Thai service's messages are valid by the schema).
- Nothing here asks what time it is.

Standard: CAP 1.2, 3.3.2: ``YYYY-MM-DDThh:mm:ss[+-]hh:mm``, never ``Z``.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_LOOSE = re.compile(
    r"(?P<date>-?\d{3,5}-\d\d?-\d\d?)[T\s_]+(?P<hour>\d\d?):(?P<minute>\d\d)"
    r"(?::(?P<second>\d\d)(?:[.,](?P<part>\d+))?)?"
    r"\s*(?P<zone>Z|UTC|GMT|[+-]\d\d?(?::?\d\d)?)?",
    re.IGNORECASE,
)
_MAIL = re.compile(
    r"(?:\w{2,9}\.?,?\s+)?(?P<day>\d\d?)[\s-](?P<month>[A-Za-z]{3})[a-z]*[\s-](?P<year>\d{2,4}),?\s+"
    r"(?P<hour>\d\d?):(?P<minute>\d\d)(?::(?P<second>\d\d))?\s*(?P<zone>[+-]\d{4}|[A-Za-z]{1,4})?"
)
# "2026/1/6 上午 04:00:00" and "Tue, 20.05.2025, 12:41": somewhere a date, somewhere a clock, never an offset.
_LOCAL = re.compile(r"\d{1,4}[/.年-]\s?\d\d?[/.月-]\s?\d{1,4}.{0,16}?\d\d?:\d\d")
_NAMES = "jan feb mar apr may jun jul aug sep oct nov dec"
_MONTHS = {name: at for at, name in enumerate(_NAMES.split(), 1)}
_ZONES = {"Z": 0, "UT": 0, "UTC": 0, "GMT": 0, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6}
_ZONES |= {"PST": -8, "PDT": -7}  # These are RFC 822's own; no other abbreviation has one meaning.

BUDDHIST = range(2400, 2701)
OURS = range(1990, 2101)


@lru_cache(maxsize=8192)
def moment(text: str) -> tuple[datetime | None, tuple[str, ...]]:
    """The moment that ``text`` means, in UTC, and the codes of what was wrong with its spelling.

    >>> moment("2024-11-20T03:05:00+02:00")
    (datetime.datetime(2024, 11, 20, 1, 5, tzinfo=datetime.timezone.utc), ())
    >>> moment("2024-11-20T03:05:00")
    (None, ('time.no-offset',))
    """
    if len(text) == 25 and text[10] == "T" and text[19] in "+-" and text[22] == ":" and text.isascii():
        try:
            read = datetime.fromisoformat(text).astimezone(UTC)
        except (ValueError, OverflowError):
            return _loose(text)
        if read.year in OURS:
            return read, ()
    return _loose(text)


def _loose(text: str) -> tuple[datetime | None, tuple[str, ...]]:
    problems: list[str] = []
    bare = text.strip()
    if bare != text:
        problems.append("value.blank")
    if len(bare) > 100:
        return None, (*problems, "time.unreadable")
    try:
        read = _iso(bare, problems) or _mail(bare, problems) or _epoch(bare, problems)
    except (ValueError, OverflowError):
        read = None
    if read is None:
        if "time.no-offset" not in problems:
            problems.append("time.no-offset" if _LOCAL.search(bare) else "time.unreadable")
    elif read.year not in OURS:
        problems.append("time.year")
    return read, tuple(problems)


def _iso(text: str, problems: list[str]) -> datetime | None:
    found = _LOOSE.fullmatch(text)
    if found is None:
        return None
    year, month, day = (int(part) for part in found["date"].split("-")) if found["date"][0] != "-" else (0, 0, 0)
    buddhist = year in BUDDHIST
    if buddhist:
        problems.append("time.buddhist-year")
    zone = found["zone"]
    if zone is None:
        problems.append("time.no-offset")
        return None
    hour, minute, second = int(found["hour"]), int(found["minute"]), int(found["second"] or 0)
    if second > 60:
        return None
    # The schema allows 24:00:00 as the end of a day; a leap second is read as the second after it.
    extra = timedelta(days=hour // 24)
    year -= 543 if buddhist else 0
    local = datetime(year, month, day, 0 if hour == 24 else hour, minute)  # noqa: DTZ001
    local += extra + timedelta(seconds=second, microseconds=int((found["part"] or "0")[:6].ljust(6, "0")))
    offset = _offset(zone)
    if zone.upper() == "Z":
        problems.append("time.z-suffix")
    elif abs(offset) > timedelta(hours=14):
        problems.append("time.offset")
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d([+-]\d\d:\d\d|Z)", text):
        problems.append("time.form")
    return (local - offset).replace(tzinfo=UTC)


def _mail(text: str, problems: list[str]) -> datetime | None:
    found = _MAIL.fullmatch(text)
    if found is None or found["month"].lower() not in _MONTHS:
        return None
    zone = found["zone"] or ""
    if zone[:1] not in ("+", "-") and zone.upper() not in _ZONES:
        problems.append("time.no-offset")
        return None
    year = int(found["year"])
    year += 2000 if year < 100 else 0
    if year in BUDDHIST:
        problems.append("time.buddhist-year")
        year -= 543
    parts = (int(found["day"]), int(found["hour"]), int(found["minute"]), int(found["second"] or 0))
    local = datetime(year, _MONTHS[found["month"].lower()], *parts)  # noqa: DTZ001
    problems.append("time.form")
    return (local - _offset(zone)).replace(tzinfo=UTC)


def _epoch(text: str, problems: list[str]) -> datetime | None:
    """Seconds or milliseconds since 1970, which name a moment without any offset."""
    if not re.fullmatch(r"[12]\d{9}(\d{3})?", text):
        return None
    problems.append("time.form")
    return datetime.fromtimestamp(int(text[:10]), UTC)


def _offset(zone: str) -> timedelta:
    if zone[0] not in "+-":
        return timedelta(hours=_ZONES[zone.upper()])
    digits = zone[1:].replace(":", "").rjust(2, "0")
    digits = digits.zfill(4) if len(digits) == 3 else digits.ljust(4, "0")
    size = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return -size if zone[0] == "-" else size

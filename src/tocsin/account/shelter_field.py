"""The fields of a shelter as cities write them: which column is what, and what a cell means, in several languages.

- A header is known by its folded spelling, in the languages of those who publish such lists; a mapping file wins.
- A value that is not understood is said with a code and left out; the row is taken without it.
- A number may have a decimal comma, spaces or an apostrophe between thousands, and a unit behind it.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from importlib.resources import files

from tocsin.account.shelter import Kind
from tocsin.place.spelling import fold

FIELDS = (
    "id", "number", "name", "address", "lat", "lon", "point", "x", "y", "kind", "capacity", "step_free", "pets", "hours", "phone",
    "status", "verified", "note",
)  # fmt: skip
"""What a column can be. ``number`` is a running number, which may move on when a list is exported anew. ``point`` holds
both coordinates; ``x`` and ``y`` are east and north in any grid."""

_WORDS = tomllib.loads((files("tocsin.account") / "data" / "shelter.toml").read_text("utf-8"))


def _parted(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split("|"))


KNOWN: dict[str, str] = {
    fold(name): field for field in reversed(FIELDS) for name in _parted(_WORDS["columns"][field]) if fold(name)
}
"""Folded header names and the field each means."""
_NUMBER_SIGNS = frozenset({"№", "#", "n°", "nº"})
_YES = frozenset(map(fold, _parted(_WORDS["cells"]["yes"])))
_NO = frozenset(map(fold, _parted(_WORDS["cells"]["no"])))
_YES_SIGNS, _NO_SIGNS = frozenset("+✓✔"), frozenset("-–—")
_CLOSED = _parted(_WORDS["cells"]["closed"])
_CLOSED_WHOLE = frozenset(map(fold, _parted(_WORDS["cells"]["closed_whole"])))
_KINDS = tuple((Kind(kind), _parted(words)) for kind, words in _WORDS["kinds"].items())


def field_of(header: str) -> str:
    """The field a column's name means; empty where it means none."""
    if header.strip().casefold() in _NUMBER_SIGNS:
        return "number"
    return KNOWN.get(fold(header), "") or KNOWN.get(fold(re.sub(r"[\(\[].*?[\)\]]|,.*$", "", header)), "")


def fields_of(headers: Iterable[str], mapped: Mapping[str, str]) -> dict[str, str]:
    """The column of each field: as ``mapped`` says, else the first column whose name is known for it."""
    found = {field: column for field, column in mapped.items() if field in FIELDS}
    taken = set(found.values())
    for header in headers:
        field = field_of(header)
        if field and field not in found and header not in taken:
            found[field] = header
    return found


def number(text: str) -> float | None:
    """A number however it is written; None where there is none.

    >>> number("50,4501"), number("1 200 осіб"), number("1'200"), number("1.200,5"), number("~")
    (50.4501, 1200.0, 1200.0, 1200.5, None)
    """
    shape = re.search(r"[-+]?\d[\d\s.,'\u00a0\u202f’]*", text.replace("−", "-"))
    if shape is None:
        return None
    digits = re.sub(r"[\s'\u00a0\u202f’]", "", shape[0]).rstrip(".,")
    if "," in digits and "." in digits:
        mark = max(digits.rfind(","), digits.rfind("."))
        digits = re.sub(r"[.,]", "", digits[:mark]) + "." + digits[mark + 1 :]
    elif digits.count(",") + digits.count(".") > 1:
        digits = re.sub(r"[.,]", "", digits)
    try:
        value = float(digits.replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def whole(text: str) -> int | None:
    """A count of people: a whole number from 1 to a million; None where there is none."""
    thousands = re.sub(r"(?<=\d)[.,\s](?=\d{3}(?!\d))", "", text)
    found = number(thousands)
    return int(found) if found is not None and 1 <= found <= 1_000_000 else None


_DEGREES = re.compile(
    r"""^\s*(?P<before>[NSEWСПЗ])?\s*(?P<sign>[-+−]?)\s*(?P<d>\d{1,3}(?:[.,]\d+)?)\s*(?:°|º|d|\s)?\s*
    (?:(?P<m>\d{1,2}(?:[.,]\d+)?)\s*(?:'|′|’|m|\s)\s*)?(?:(?P<s>\d{1,2}(?:[.,]\d+)?)\s*(?:"|″|”|''|s)?\s*)?
    (?P<after>[NSEWСПЗ])?\s*$""",
    re.VERBOSE | re.IGNORECASE,
)  # fmt: skip


def coordinate(text: str) -> float | None:
    """Degrees, decimal or with minutes and seconds, with a decimal comma or a letter of the compass; or metres.

    >>> round(coordinate("50°27'0\\"N"), 4), coordinate("30,5234"), coordinate("W 0.12"), coordinate("3398000.5")
    (50.45, 30.5234, -0.12, 3398000.5)
    """
    shape = _DEGREES.match(text)
    if shape is None:
        plain = text.strip().replace(" ", "").replace("\u00a0", "")
        return number(plain) if re.fullmatch(r"[-+−]?[\d.,]+", plain) else None
    value = float(shape["d"].replace(",", "."))
    value += float((shape["m"] or "0").replace(",", ".")) / 60 + float((shape["s"] or "0").replace(",", ".")) / 3600
    side = (shape["before"] or shape["after"] or "").upper()
    return -value if shape["sign"] in ("-", "−") or side in ("S", "W", "З") else value


_WKT = re.compile(r"POINT\s*(?:Z|M|ZM)?\s*\(\s*([-+\d.eE]+)[\s,]+([-+\d.eE]+)", re.IGNORECASE)


def both(text: str) -> tuple[float, float, str] | None:
    """Two coordinates in one cell as (first, second, order): ``xy`` where the form says so, else ``latlon``.

    >>> both("POINT (30.52 50.45)"), both("50.45, 30.52"), both("50,45; 30,52")
    ((30.52, 50.45, 'xy'), (50.45, 30.52, 'latlon'), (50.45, 30.52, 'latlon'))
    """
    if shape := _WKT.search(text):
        try:
            return float(shape[1]), float(shape[2]), "xy"
        except ValueError:
            return None
    if inside := re.search(r'"coordinates"\s*:\s*\[\s*([-\d.eE]+)\s*,\s*([-\d.eE]+)', text):
        return float(inside[1]), float(inside[2]), "xy"
    plain = text.strip().strip("()[]{}")
    for separator in (";", "|", ", ", "\t", " ", ","):
        parts = [part for part in plain.split(separator) if part.strip()]
        if len(parts) == 2:
            first, second = coordinate(parts[0]), coordinate(parts[1])
            if first is not None and second is not None:
                return first, second, "latlon"
    return None


def yes(text: str) -> bool | None:
    """Yes or no in the languages cities write; None where it is neither.

    >>> yes("так"), yes("нема"), yes("-")
    (True, None, False)
    """
    plain = text.strip()
    folded = fold(plain)
    if plain in _YES_SIGNS or (folded and folded in _YES):
        return True
    if plain in _NO_SIGNS or (folded and folded in _NO):
        return False
    first = fold(re.split(r"[\s,;(]", plain, maxsplit=1)[0])
    return True if first in _YES and first else False if first in _NO and first else None


def kind(text: str) -> Kind | None:
    """What a shelter is, out of the words for it; None where they are not known."""
    low = " ".join(text.casefold().split())
    return next((one for one, words in _KINDS if any(word in low for word in words)), None)


def closed(text: str) -> bool:
    """Whether the words of a status say that people cannot get in. What they do not say is no "open"."""
    low = " ".join(text.casefold().split())
    return any(word in low for word in _CLOSED) or fold(low) in _CLOSED_WHOLE


_DATES = (
    (re.compile(r"^(\d{4})-(\d{1,2})-(\d{1,2})"), (1, 2, 3)),
    (re.compile(r"^(\d{1,2})[./](\d{1,2})[./](\d{4})"), (3, 2, 1)),
    (re.compile(r"^(\d{4})[./](\d{1,2})[./](\d{1,2})"), (1, 2, 3)),
)


def moment(text: str) -> datetime | None:
    """A day or a moment: ISO, day first with points or strokes, or seconds or milliseconds since 1970."""
    plain = text.strip()
    if re.fullmatch(r"\d{10}|\d{13}", plain):
        seconds = int(plain) / (1000 if len(plain) == 13 else 1)
        return datetime.fromtimestamp(seconds, UTC)
    try:
        found = datetime.fromisoformat(plain)
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    except ValueError:
        pass
    for form, (year, month, day) in _DATES:
        if shape := form.match(plain):
            try:
                told = date(int(shape[year]), int(shape[month]), int(shape[day]))
            except ValueError:
                return None
            return datetime(told.year, told.month, told.day, tzinfo=UTC)
    return None

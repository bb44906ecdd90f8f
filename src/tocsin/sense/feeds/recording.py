"""A recording: a history of air alerts in a CSV file, as signals in the order in which they were spoken.

- Columns are known by their names, in any order: ``region`` or ``oblast`` (``raion``, ``hromada``), ``started_at``,
  ``finished_at``; comma, semicolon or tab; UTF-8, UTF-16 or Windows-1251, with or without a byte order mark.
- Times bear their offset; one without is nobody's moment, and its row is not used (F26).
- Rows that cannot be true are counted by reason and never silently corrected. What is merely odd is counted and kept.
- Alerts of one area and hazard that overlap are one alert from the first start to the last end: an end inside an alert
  that still runs ends nothing. Back to back they stay two.
- An alert without an end still runs; if the same area is recorded again later, it ran until that one's end.
- Areas below the region that the gazetteer does not know come as an area pack, made of their names in the file.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from msgspec import Struct

from tocsin.errors import ImportFileError
from tocsin.place.gazetteer import AreaPack, Gazetteer
from tocsin.place.pack import from_rows, row_place
from tocsin.sense.signal import Signal, hazard, order

PACK = "ua"
LONG = timedelta(days=3)

# Why a row was not used, or what was odd about one that was.
DROPPED = (
    "repeated header", "missing columns", "no area", "unknown area", "no start", "unreadable time", "naive time",
    "ends before it starts", "zero length", "duplicate row",
)  # fmt: skip
ODD = (
    "still open", "overlaps another", "very long", "end was assumed", "level differs", "columns swapped",
    "area in another column",
)  # fmt: skip

_NAMES = {
    "region": ("region", "oblast", "state", "area", "location_title", "область", "регіон"),
    "raion": ("raion", "district", "район"),
    "hromada": ("hromada", "community", "громада"),
    "level": ("level", "location_type", "рівень"),
    "started": ("started_at", "start", "started", "start_time", "begin", "початок"),
    "finished": ("finished_at", "end", "finished", "ended_at", "finish", "end_time", "кінець"),
    "hazard": ("alert_type", "hazard", "type", "тип"),
    "assumed": ("naive",),
}
_NOTHING = frozenset({"", "none", "null", "nan", "nat", "-", "n/a"})
_Span = tuple[datetime, datetime | None]


class Recording(Struct, frozen=True):
    """What a recording holds. ``dirty`` counts rows by reason (:data:`DROPPED` and :data:`ODD`).

    ``rows`` is how many there were below the header, ``used`` how many of them became signals; ``pack`` the areas below
    the regions, if the file names any.
    """

    signals: tuple[Signal, ...]
    pack: AreaPack | None
    dirty: dict[str, int]
    rows: int
    used: int
    areas: tuple[str, ...] = ()

    @property
    def countries(self) -> tuple[str, ...]:
        """The ISO 3166-1 codes of the countries that the record is about."""
        above = {unit.parent for unit in self.pack.units if unit.parent} if self.pack is not None else set()
        codes = {code.partition("-")[0] for code in above | set(self.areas)}
        return tuple(sorted(code for code in codes if len(code) == 2 and code.isalpha() and code.isupper()))

    @property
    def first(self) -> datetime | None:
        """When the first alert started."""
        return self.signals[0].spoken if self.signals else None

    @property
    def last(self) -> datetime | None:
        """When the last thing was said."""
        return self.signals[-1].spoken if self.signals else None


def read_recording(
    source: Path | str | bytes, gazetteer: Gazetteer | None = None, *, pack: str = PACK, long: timedelta = LONG
) -> Recording:
    """Read a recording from a file, or from the text or bytes of one.

    A text with a line break in it is content, any other is a path. Raises :class:`ImportFileError` for a file in which
    there is no recording at all.
    """
    lines = csv.reader(io.StringIO(text := _text(source), newline=""), delimiter=_delimiter(text))
    header: list[str] = []
    try:
        header = next(lines, [])
    except csv.Error as wrong:
        raise ImportFileError(f"the first line cannot be read: {wrong}") from None
    where = _columns(header)
    reading = _Reading(where, header)
    rows = 0
    while True:
        try:
            cells = next(lines)
        except StopIteration:
            break
        except csv.Error:
            rows += 1
            reading.dirty["missing columns"] += 1
            continue
        if not cells or not any(cells):
            continue
        rows += 1
        reading.take(cells)
    placed, made = reading.place(gazetteer or Gazetteer.world(), pack)
    signals = sorted(reading.signals(placed, long), key=order)
    dirty = {reason: reading.dirty[reason] for reason in (*DROPPED, *ODD) if reading.dirty[reason]}
    areas = tuple(sorted({area for area, _ in placed}))
    return Recording(tuple(signals), made, dirty, rows, reading.used, areas)


_Names = tuple[str, str, str]  # region, raion, hromada


class _Reading:
    """The state of reading one file."""

    def __init__(self, where: dict[str, int], header: list[str]) -> None:
        self.where = where
        self.header = [cell.strip().lower() for cell in header]
        self.width = max(where[name] for name in ("region", "started", "finished")) + 1
        self.dirty: Counter[str] = Counter()
        self.used = 0
        self.spans: dict[tuple[_Names, str], list[_Span]] = {}
        self._seen: set[tuple[str, ...]] = set()

    def take(self, cells: list[str]) -> None:
        """One row: kept, or counted for why not."""
        if len(cells) < self.width:
            self.dirty["missing columns"] += 1
            return
        row = tuple(cells)
        if row in self._seen:
            self.dirty["duplicate row"] += 1
            return
        self._seen.add(row)
        where = self.where
        start, end = cells[where["started"]].strip(), cells[where["finished"]].strip()
        if start.lower() == self.header[where["started"]]:
            self.dirty["repeated header"] += 1
            return
        region, raion, hromada = (
            "" if (word := self._optional(cells, level)).lower() in _NOTHING else word for level in _LEVELS
        )
        if not (region or raion or hromada):
            self.dirty["no area"] += 1
            return
        span = self._span(start, end)
        if span is None:
            return
        threat = self._optional(cells, "hazard")
        kind = hazard(threat) if threat else "air"
        if self._optional(cells, "assumed").lower() in ("true", "1", "yes"):
            self.dirty["end was assumed"] += 1
        level = self._optional(cells, "level").lower()
        if level in _LEVEL_NAMES and level != _LEVEL_NAMES[2 if hromada else 1 if raion else 0]:
            self.dirty["level differs"] += 1
        self.spans.setdefault(((region, raion, hromada), kind), []).append(span)

    def _span(self, start: str, end: str) -> _Span | None:
        if start.lower() in _NOTHING:
            self.dirty["no start"] += 1
            return None
        began = self._moment(start)
        if began is None:
            return None
        if end.lower() in _NOTHING:
            return began, None
        ended = self._moment(end)
        if ended is None:
            return None
        if ended <= began:
            self.dirty["zero length" if ended == began else "ends before it starts"] += 1
            return None
        return began, ended

    def _moment(self, text: str) -> datetime | None:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            self.dirty["unreadable time"] += 1
            return None
        if moment.tzinfo is None:
            self.dirty["naive time"] += 1
            return None
        return moment if moment.tzinfo is UTC else moment.astimezone(UTC)

    def _optional(self, cells: list[str], key: str) -> str:
        at = self.where.get(key, -1)
        return cells[at].strip() if 0 <= at < len(cells) else ""

    def place(self, gazetteer: Gazetteer, name: str) -> tuple[dict[tuple[str, str], list[_Span]], AreaPack | None]:
        """Find every named area, once: those that ``gazetteer`` knows, and for the others a pack of their own."""
        regions = {word: _region(gazetteer, word) for names, _ in self.spans for word in names}
        raions: dict[str, set[str]] = {}
        for (around, inside, _), _ in self.spans:
            if regions[around] and inside:
                raions.setdefault(inside, set()).add(around)
        meant = {names: _meant(names, regions, raions) for names, _ in self.spans}
        # A pack is made from names; where the file has a region's code, its name stands in for it.
        spoken = {
            word: word if gazetteer.find(word) else gazetteer.name(code, "uk") for word, code in regions.items() if code
        }
        rows = [
            (spoken[one[0]], *one[1:])
            for one, _ in meant.values()
            if one[1:] != ("", "") and one[0] in spoken and row_place(gazetteer, spoken[one[0]], *one[1:]) is None
        ]
        country = next((code.partition("-")[0] for code in regions.values() if code), "UA")
        pack = from_rows(rows, name, country, gazetteer) if rows else None
        whole = gazetteer.with_pack(pack) if pack is not None else gazetteer
        placed: dict[tuple[str, str], list[_Span]] = {}
        for (names, kind), spans in self.spans.items():
            one, oddity = meant[names]
            code = regions[one[0]]
            if code is not None and one[1:] != ("", ""):
                found = row_place(whole, spoken[one[0]], *one[1:])
                code = found.code if found is not None else None
            if code is None:
                self.dirty["unknown area"] += len(spans)
                continue
            if oddity:
                self.dirty[oddity] += len(spans)
            self.used += len(spans)
            placed.setdefault((code, kind), []).extend(spans)
        return placed, pack

    def signals(self, placed: dict[tuple[str, str], list[_Span]], long: timedelta) -> Iterator[Signal]:
        """Starts and ends of the merged alerts, in no order."""
        for (area, kind), spans in placed.items():
            for began, ended in self._merged(spans):
                if ended is None:
                    self.dirty["still open"] += 1
                elif ended - began > long:
                    self.dirty["very long"] += 1
                yield Signal(area, began, None, kind)
                if ended is not None:
                    yield Signal(area, began, ended, kind)

    def _merged(self, spans: list[_Span]) -> Iterable[_Span]:
        spans.sort(key=lambda span: span[0])
        merged: list[_Span] = []
        for began, ended in spans:
            if merged:
                before, until = merged[-1]
                if until is None:
                    self.dirty["still open"] += 1
                    merged[-1] = (before, ended)
                    continue
                if began < until:
                    self.dirty["overlaps another"] += 1
                    merged[-1] = (before, None if ended is None else max(until, ended))
                    continue
            merged.append((began, ended))
        return merged


def _region(gazetteer: Gazetteer, name: str) -> str | None:
    """The code of a country's region by its name, or by its code."""
    if name in gazetteer:
        return gazetteer.get(name).code
    return next((place.code for place in gazetteer.find(name) if place.level <= 1), None) if name else None


def _meant(names: _Names, regions: dict[str, str | None], raions: dict[str, set[str]]) -> tuple[_Names, str]:
    """The areas that a row means, and what was odd about how it names them."""
    region, raion, hromada = names
    if regions[region]:
        return names, ""
    if regions.get(raion):
        # The official record of 15 March 2022 has a raion in the oblast's column and the oblast in the raion's.
        return (raion, region, hromada), "columns swapped"
    if not raion and len(within := raions.get(region, set())) == 1:
        return (next(iter(within)), region, hromada), "area in another column"
    return names, ""


_LEVELS = ("region", "raion", "hromada")
_LEVEL_NAMES = ("oblast", "raion", "hromada")


def _text(source: Path | str | bytes) -> str:
    if isinstance(source, str) and "\n" in source:
        return source.removeprefix("\ufeff")
    if isinstance(source, bytes):
        data = source
    else:
        try:
            data = Path(source).read_bytes()
        except (OSError, ValueError) as wrong:
            raise ImportFileError(f"{source} cannot be read: {wrong}") from None
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        # What a Ukrainian spreadsheet writes when nobody chose an encoding.
        return data.decode("cp1251", "replace")


def _delimiter(text: str) -> str:
    line = text.partition("\n")[0]
    return max(",;\t", key=line.count)


def _columns(header: list[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    names = [cell.strip().strip("\ufeff").lower() for cell in header]
    for key, known in _NAMES.items():
        for name in known:
            if name in names:
                found[key] = names.index(name)
                break
    missing = [_NAMES[key][0] for key in ("region", "started", "finished") if key not in found]
    if missing:
        raise ImportFileError(f"no column {' and no column '.join(missing)} in: {', '.join(header)[:200] or 'nothing'}")
    return found

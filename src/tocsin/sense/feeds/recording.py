"""A recording: a history of air alerts in a CSV file, as signals in the order in which they were spoken.

- Columns are known by their names, in any order: ``region`` or ``oblast`` (``raion``, ``hromada``), ``started_at``,
  ``finished_at``; comma, semicolon or tab; UTF-8, UTF-16 or Windows-1251, with or without a byte order mark.
- Times bear their offset; one without is nobody's moment, and its row is not used (F26).
- Rows that cannot be true are counted by reason and never silently corrected. What is merely odd is counted and kept.
- Alerts of one area and hazard that overlap are one alert from the first start to the last end: an end inside an alert
  that still runs ends nothing. Back to back they stay two.
- An alert without an end still runs; if the same area is recorded again later, it ran until that one's end.
- Areas below the region come as an area pack of their own, because the file knows them by name only.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from msgspec import Struct

from tocsin.errors import ImportFileError
from tocsin.place.gazetteer import AreaPack, Gazetteer, Unit
from tocsin.sense.signal import Signal, hazard, order

PACK = "recording"
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
    reading = _Reading(gazetteer or Gazetteer.world(), pack, where, header)
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
    signals = sorted(reading.signals(long), key=order)
    dirty = {reason: reading.dirty[reason] for reason in (*DROPPED, *ODD) if reading.dirty[reason]}
    return Recording(tuple(signals), reading.pack(), dirty, rows, reading.used, tuple(sorted(reading.areas())))


class _Reading:
    """The state of reading one file."""

    def __init__(self, gazetteer: Gazetteer, pack: str, where: dict[str, int], header: list[str]) -> None:
        self.gazetteer, self.name, self.where = gazetteer, pack, where
        self.header = [cell.strip().lower() for cell in header]
        self.width = max(where[name] for name in ("region", "started", "finished")) + 1
        self.dirty: Counter[str] = Counter()
        self.used = 0
        self.spans: dict[tuple[str, str], list[_Span]] = {}
        self.units: dict[str, Unit] = {}
        self._area: dict[tuple[str, ...], str | None] = {}
        self._misplaced: list[tuple[str, str, _Span]] = []
        self._raions: dict[str, set[str]] = {}
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
        names = [cells[at].strip() if (at := where.get(key, -1)) >= 0 and at < len(cells) else "" for key in _LEVELS]
        region, raion, hromada = (name if name.lower() not in _NOTHING else "" for name in names)
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
        area = self._known(region, raion, hromada)
        if area is None and raion and (area := self._known(raion, region, hromada)) is not None:
            # The official record of 15 March 2022 has a raion in the oblast's column and the oblast in the raion's.
            self.dirty["columns swapped"] += 1
        if area is None:
            # It may be a raion that slipped into the region's column; that shows once the whole file is read.
            self._misplaced.append((region, kind, span))
            return
        self._keep(area, kind, span)

    def _keep(self, area: str, kind: str, span: _Span) -> None:
        self.used += 1
        self.spans.setdefault((area, kind), []).append(span)

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

    def _known(self, *names: str) -> str | None:
        if names not in self._area:
            self._area[names] = self._find(*names)
        return self._area[names]

    def _find(self, region: str, raion: str, hromada: str) -> str | None:
        """The code of an area, made on the way if it lies below a region."""
        found = region if region in self.gazetteer else None
        if found is None and region:
            found = next((place.code for place in self.gazetteer.find(region) if place.level <= 1), None)
        if found is None:
            return None
        code = found
        if raion:
            code = self._unit(found, found, raion)
            self._raions.setdefault(_slug(raion), set()).add(code)
        return self._unit(found, code, hromada) if hromada else code

    def _unit(self, region: str, parent: str, name: str) -> str:
        own = parent.removeprefix(f"{self.name}:")
        value = f"{own}.{_slug(name)}"
        if value not in self.units:
            language = "uk" if re.search("[а-яіїєґ]", name.lower()) else "en"
            self.units[value] = Unit(value, own, {language: name})
        return f"{self.name}:{value}"

    def signals(self, long: timedelta) -> Iterator[Signal]:
        """Starts and ends of the merged alerts, in no order."""
        for region, kind, span in self._misplaced:
            candidates = self._raions.get(_slug(region), set())
            if len(candidates) == 1:
                self.dirty["area in another column"] += 1
                self._keep(next(iter(candidates)), kind, span)
            else:
                self.dirty["unknown area"] += 1
        for (area, kind), spans in self.spans.items():
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

    def areas(self) -> set[str]:
        return {area for area, _ in self.spans}

    def pack(self) -> AreaPack | None:
        return AreaPack(self.name, tuple(self.units.values())) if self.units else None


_LEVELS = ("region", "raion", "hromada")
_LEVEL_NAMES = ("oblast", "raion", "hromada")


def _slug(name: str) -> str:
    return "-".join(re.findall(r"\w+", name.lower()))


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

"""Shelters made of rows: what was understood of each row, and what was not.

- A row without a place is left out; a row whose hours or capacity are not understood is taken without them.
- What a mapping file says wins over everything that is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec
import numpy as np
from msgspec import Struct

from tocsin.account import hours as opening
from tocsin.account import shelter_field as fields
from tocsin.account.importing import Fault
from tocsin.account.projection import degrees
from tocsin.account.shelter import Kind, Shelter
from tocsin.account.shelter_axes import put_right, zone
from tocsin.account.shelter_row import Found
from tocsin.place.spelling import fold
from tocsin.remark import Remark, remark

_METRES = 400.0
"""Numbers above this are no degrees, however wrong: they are metres of some grid."""
_FORMULA = re.compile(r"^[=@]|^[+\-].*[|!]")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class Mapping_(Struct, frozen=True, forbid_unknown_fields=True, rename={"fields_": "fields"}):  # noqa: N801 - Mapping is taken.
    """The mapping file of ``tocsin import shelters``; everything in it may be left out.

    ``dataset``: what this source is called here; files of one dataset update each other and no other one. ``country``: the
    ISO code of where all of it lies. ``grid``: the EPSG code of ``x`` and ``y``. ``language``: of the plain name column.
    ``fields``: the column of each field. ``kinds``, ``yes``, ``no``, ``closed``: words of this file for these. ``untyped``:
    take OSM's shelters of which nothing says that they protect.
    """

    dataset: str = ""
    country: str = ""
    grid: int = 0
    language: str = ""
    encoding: str = ""
    separator: str = ""
    untyped: bool = False
    fields_: dict[str, str] = {}
    kinds: dict[str, Kind] = {}
    yes: tuple[str, ...] = ()
    no: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()


class Made(Struct):
    """A shelter in the making: its row's number, its place in degrees, and the rest."""

    number: int
    latitude: float
    longitude: float
    shelter: Shelter


class Maker:
    """Makes shelters of rows; one fault a row and code."""

    def __init__(self, columns: Mapping[str, str], names: Mapping[str, str], mapped: Mapping_) -> None:
        self.columns, self.names, self.mapped = columns, names, mapped
        self.kinds = {fold(word): kind for word, kind in mapped.kinds.items()}
        self.words = {fold(word): said for words, said in ((mapped.yes, True), (mapped.no, False)) for word in words}
        self.closed = frozenset(map(fold, mapped.closed))
        self.faults: list[Fault] = []

    def make(self, rows: Sequence[Found]) -> tuple[list[Made], list[Fault]]:
        """The shelters of the rows, and what was not understood."""
        ids = [row.id for row in rows if row.id]
        unique = len(set(ids)) == len(ids)
        made = []
        for row in rows:
            untyped = self.mapped.untyped and any(fault.code == "osm.untyped" for fault in row.faults)
            kept = [fault for fault in row.faults if not (untyped and fault.code == "osm.untyped")]
            self.faults += kept
            if any(fault.left_out for fault in kept):
                continue
            place = self._place(row)
            if place is not None:
                made.append(Made(row.number, *place, self._shelter(row, unique)))
        if made:
            said = [" ".join((*one.shelter.names.values(), one.shelter.address)) for one in made]
            points = np.array([(one.latitude, one.longitude) for one in made])
            points, faults = put_right(points, [one.number for one in made], said, self.mapped.country)
            self.faults += faults
            for one, (latitude, longitude) in zip(made, points.tolist(), strict=True):
                one.latitude, one.longitude = latitude, longitude
        for one in made:
            one.shelter = msgspec.structs.replace(
                one.shelter,
                latitude=round(one.latitude * 1e6),
                longitude=round(one.longitude * 1e6),
                # Only hours that depend on the clock need one, and asking the map for each of 100,000 points takes long.
                zone=zone(round(one.latitude * 5), round(one.longitude * 5))
                if one.shelter.hours not in ("", opening.ALWAYS)
                else "",
            )
        return made, self.faults

    def _cell(self, row: Found, field: str) -> str:
        column = self.columns.get(field)
        text = _CONTROL.sub(" ", row.cells.get(column, "")).strip() if column else ""
        if text and _FORMULA.match(text) and field not in ("lat", "lon", "x", "y"):
            self._fault(
                row, "value.formula", remark("import.formula", "{field}: a formula is not taken as text.", field=field)
            )
            return ""
        return text

    def _fault(self, row: Found, code: str, message: Remark, left_out: bool = False) -> None:
        self.faults.append(Fault(row.number, code, message, left_out))

    def _place(self, row: Found) -> tuple[float, float] | None:
        latitude, longitude = row.latitude, row.longitude
        if latitude is None or longitude is None:
            latitude, longitude = self._said_place(row)
        if latitude is None or longitude is None:
            if not any(fault.row == row.number and fault.left_out for fault in self.faults[-3:]):
                self._fault(
                    row,
                    "place.missing",
                    remark("import.no-place", "There are no coordinates, and addresses are not looked up here."),
                    True,
                )
            return None
        if abs(latitude) > 90 and abs(longitude) <= 90 and abs(latitude) <= 180:
            self._fault(
                row,
                "place.axes-swapped",
                remark("import.axes", "Latitude and longitude stand in each other's place; put right."),
            )
            latitude, longitude = longitude, latitude
        if abs(latitude) > 90 or abs(longitude) > 180:
            self._fault(
                row,
                "place.impossible",
                remark(
                    "import.impossible",
                    "{latitude}, {longitude} is no place on the Earth.",
                    latitude=f"{latitude:g}",
                    longitude=f"{longitude:g}",
                ),
                True,
            )
            return None
        if abs(latitude) < 0.01 and abs(longitude) < 0.01:
            self._fault(
                row, "place.null", remark("import.null", "0, 0 is what is written where nothing is known."), True
            )
            return None
        return latitude, longitude

    def _said_place(self, row: Found) -> tuple[float | None, float | None]:
        """The coordinates in a row's cells."""
        latitude, longitude = (fields.coordinate(self._cell(row, field)) for field in ("lat", "lon"))
        if latitude is not None and longitude is not None:
            if max(abs(latitude), abs(longitude)) > _METRES:
                return self._from_grid(row, longitude, latitude)
            return latitude, longitude
        if (pair := fields.both(self._cell(row, "point"))) is not None:
            x, y = (pair[0], pair[1]) if pair[2] == "xy" else (pair[1], pair[0])
            return self._from_grid(row, x, y) if max(abs(x), abs(y)) > _METRES else (y, x)
        east, north = (fields.coordinate(self._cell(row, field)) for field in ("x", "y"))
        if east is None or north is None:
            return None, None
        if self.mapped.grid or max(abs(east), abs(north)) > _METRES:
            return self._from_grid(row, east, north)
        return north, east

    def _from_grid(self, row: Found, x: float, y: float) -> tuple[float | None, float | None]:
        if not self.mapped.grid:
            # Metres of one grid are a place in another; a guess would send people to a wrong one.
            self._fault(
                row,
                "place.grid",
                remark("import.metres", "Coordinates are in metres; say the EPSG code as grid in the mapping."),
                True,
            )
            return None, None
        return degrees(x, y, self.mapped.grid)

    def _shelter(self, row: Found, unique: bool) -> Shelter:
        running = row.id if unique else self._cell(row, "number")
        source_id = self._cell(row, "id") or (row.id if not row.loose else f"~{running}" if running else "")
        names = {tag: text[:200] for tag, column in self.names.items() if (text := row.cells.get(column, "").strip())}
        if name := self._cell(row, "name"):
            names.setdefault(self.mapped.language, name[:200])
        hours, said = self._hours(row)
        status = self._cell(row, "status")
        return Shelter(
            "",
            "",
            0,
            0,
            source_id[:200],
            {tag: text for tag, text in names.items() if not _FORMULA.match(text)},
            self._cell(row, "address")[:300],
            self._kind(row),
            self._capacity(row),
            self._yes(row, "step_free"),
            self._yes(row, "pets"),
            hours,
            said,
            bool(status) and (fields.closed(status) or fold(status) in self.closed),
            self._cell(row, "phone")[:100],
            self._cell(row, "note")[:500],
            self._seen(row),
        )

    def _hours(self, row: Found) -> tuple[str, str]:
        text = self._cell(row, "hours")[:300]
        hours = opening.normal(text)
        if text and not hours:
            self._fault(
                row, "value.hours", remark("import.hours", "Hours not understood, so unknown: {text}", text=text[:60])
            )
            return "", text
        return hours, ""

    def _kind(self, row: Found) -> Kind:
        text = self._cell(row, "kind")
        if not text:
            return Kind.SHELTER
        found = self.kinds.get(fold(text)) or fields.kind(text)
        if found is None:
            self._fault(row, "value.kind", remark("import.kind", "A kind not known here: {text}", text=text[:60]))
        return found or Kind.OTHER

    def _capacity(self, row: Found) -> int | None:
        text = self._cell(row, "capacity")
        found = fields.whole(text)
        if text and found is None:
            self._fault(row, "value.capacity", remark("import.capacity", "No number of people: {text}", text=text[:40]))
        return found

    def _yes(self, row: Found, field: str) -> bool | None:
        text = self._cell(row, field)
        if not text:
            return None
        found = self.words[fold(text)] if fold(text) in self.words else fields.yes(text)
        if found is None:
            self._fault(
                row,
                f"value.{field.replace('_', '-')}",
                remark("import.yes-no", "Neither yes nor no: {text}", text=text[:40]),
            )
        return found

    def _seen(self, row: Found) -> datetime | None:
        text = self._cell(row, "verified")
        found = fields.moment(text) if text else None
        if text and found is None:
            self._fault(row, "value.verified", remark("import.verified", "No date: {text}", text=text[:40]))
        return found.astimezone(UTC) if found is not None else None

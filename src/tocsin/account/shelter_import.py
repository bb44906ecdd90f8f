"""Importing shelters: rows become shelters, with what was understood of each and what was not.

- A row without a place is left out; a row whose hours or capacity are not understood is taken without them. Addresses are
  not turned into places here: a guessed place is where somebody would run to.
- Latitude and longitude that changed places are put right where there is evidence: an impossible latitude, or a point far
  from all others that lies among them the other way round; of a whole file by the country it is for.
- The same row twice is taken once. A mapping file (TOML or JSON) wins over everything that is guessed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import msgspec
import numpy as np
from msgspec import Struct

from tocsin.account import hours as opening
from tocsin.account import shelter_field as fields
from tocsin.account.importing import Change, Fault, Importer, Installation, Mapped, Understood
from tocsin.account.projection import degrees
from tocsin.account.projection import known as grid_known
from tocsin.account.shelter import Kind, Shelter
from tocsin.account.shelter_axes import file_swapped, put_right, zone
from tocsin.account.shelter_file import read_rows
from tocsin.account.shelter_row import Found
from tocsin.errors import ImportFileError
from tocsin.place.gazetteer import Gazetteer
from tocsin.place.spelling import fold
from tocsin.remark import Remark, remark

_METRES = 400.0
"""Numbers above this are no degrees, however wrong: they are metres of some grid."""
_NAMED = re.compile(r"^(?P<base>.+?)[\s_:.\-(]+(?P<tag>[a-z]{2}|ukr|eng|deu|fra)\)?$", re.IGNORECASE)
_TAGS = {"ua": "uk", "ukr": "uk", "eng": "en", "deu": "de", "fra": "fr"}
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


class ShelterFile(Struct, frozen=True):
    """What a file was understood to hold. ``partial``: it says itself that more is missing; ``digest``: SHA-256 of it."""

    dataset: str
    shelters: tuple[Shelter, ...]
    partial: bool
    digest: str


class ShelterImporter:
    """Takes in shelters."""

    name = "shelters"

    def read(self, content: bytes, mapping: Mapped) -> Understood:
        """What ``content`` says about shelters."""
        mapped = self._mapped(mapping)
        named = frozenset(fold(column) for column in mapped.fields_.values())
        rows = read_rows(content, encoding=mapped.encoding, separator=mapped.separator, named=named)
        headers = list(dict.fromkeys(name for row in rows.rows for name in row.cells))
        names = _name_columns(headers, mapped.fields_.get("name", ""))
        columns = fields.fields_of([header for header in headers if header not in names.values()], mapped.fields_)
        missing = [column for column in mapped.fields_.values() if rows.rows and column not in headers]
        if missing:
            raise ImportFileError(
                remark(
                    "import.file.mapping-columns",
                    "the mapping names columns that are not there: {columns}",
                    columns=tuple(missing),
                )
            )
        maker = _Maker(columns, names, mapped)
        made, faults = maker.make(rows.rows)
        dataset = mapped.dataset or rows.dataset or "shelters"
        shelters, doubled = _distinct(made, dataset)
        faults = [*rows.faults, *faults, *doubled]
        digest = hashlib.sha256(content + msgspec.json.encode(dict(mapping))).hexdigest()
        counts = {
            "rows": len(rows.rows),
            "taken": len(shelters),
            "left_out": len(rows.rows) - len(shelters),
            "with_capacity": sum(one.capacity is not None for one in shelters),
            "with_hours": sum(bool(one.hours) for one in shelters),
            "closed": sum(one.closed for one in shelters),
        }
        lines = (
            remark(
                "import.counted",
                "{form}: {rows} rows, {taken} shelters understood, {left} left out.",
                form=rows.form,
                rows=len(rows.rows),
                taken=len(shelters),
                left=counts["left_out"],
            ),
            *rows.lines,
            *_columns_said(headers, columns | {f"name:{tag}": column for tag, column in names.items()}, rows.form),
        )
        found = ShelterFile(dataset, tuple(shelters), rows.partial, digest)
        return Understood(rows.form, lines, counts, tuple(sorted(faults, key=lambda fault: fault.row)), found)

    def change(self, there: Installation, understood: Understood) -> Change:
        """What taking it in would change."""
        found, line = at_home(there.gazetteer, there.settings.home, understood.found)
        change: Change = there.house.shelters.change(found)
        return msgspec.structs.replace(change, lines=(*line, *change.lines))

    def apply(self, there: Installation, understood: Understood, *, force: bool = False) -> Change:
        """Take it in."""
        found, line = at_home(there.gazetteer, there.settings.home, understood.found)
        change: Change = there.house.shelters.take(found, dict(understood.counts), force=force)
        return msgspec.structs.replace(change, lines=(*line, *change.lines))

    @staticmethod
    def _mapped(mapping: Mapped) -> Mapping_:
        try:
            mapped = msgspec.convert(dict(mapping), Mapping_)
        except msgspec.ValidationError as wrong:
            raise ImportFileError(
                remark("import.file.mapping", "the mapping file: {wrong}", wrong=str(wrong))
            ) from None
        unknown = [field for field in mapped.fields_ if field not in fields.FIELDS]
        if unknown:
            raise ImportFileError(
                remark(
                    "import.file.mapping-field",
                    "the mapping file: no field is called {unknown}; there are {known}",
                    unknown=tuple(unknown),
                    known=tuple(fields.FIELDS),
                )
            )
        if mapped.grid and not grid_known(mapped.grid):
            raise ImportFileError(
                remark(
                    "import.file.mapping-grid",
                    "the mapping file: the grid EPSG:{grid} is not understood here",
                    grid=str(mapped.grid),
                )
            )
        return mapped


IMPORTER: Importer = ShelterImporter()


class _Made(Struct):
    """A shelter in the making: its row's number, its place in degrees, and the rest."""

    number: int
    latitude: float
    longitude: float
    shelter: Shelter


class _Maker:
    """Makes shelters of rows; one fault a row and code."""

    def __init__(self, columns: Mapping[str, str], names: Mapping[str, str], mapped: Mapping_) -> None:
        self.columns, self.names, self.mapped = columns, names, mapped
        self.kinds = {fold(word): kind for word, kind in mapped.kinds.items()}
        self.words = {fold(word): said for words, said in ((mapped.yes, True), (mapped.no, False)) for word in words}
        self.closed = frozenset(map(fold, mapped.closed))
        self.faults: list[Fault] = []

    def make(self, rows: Sequence[Found]) -> tuple[list[_Made], list[Fault]]:
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
                made.append(_Made(row.number, *place, self._shelter(row, unique)))
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


def at_home(gazetteer: Gazetteer, home: str, found: ShelterFile) -> tuple[ShelterFile, tuple[str, ...]]:
    """The file with latitude and longitude exchanged, where only that way all of it lies in the installation's country."""
    country = next((code for code in (home, *gazetteer.ancestors(home)) if gazetteer.get(code).level == 0), "")
    if not found.shelters or not country:
        return found, ()
    points = np.array([(one.latitude, one.longitude) for one in found.shelters]) / 1e6
    why = file_swapped(points, country)
    if not why:
        return found, ()
    turned = tuple(
        msgspec.structs.replace(
            one,
            latitude=one.longitude,
            longitude=one.latitude,
            zone=zone(round(one.longitude / 2e5), round(one.latitude / 2e5)) if one.zone else "",
        )
        for one in found.shelters
    )
    line = f"Latitude and longitude of all rows are exchanged: {why}."
    return msgspec.structs.replace(found, shelters=turned), (line,)


def _name_columns(headers: Iterable[str], plain: str) -> dict[str, str]:
    """The columns of names by language: ``name:uk``, ``Name (EN)``, ``nazva_en``."""
    found: dict[str, str] = {}
    for header in headers:
        shape = _NAMED.match(header)
        if shape and header != plain and fields.field_of(shape["base"]) == "name":
            tag = shape["tag"].lower()
            found.setdefault(_TAGS.get(tag, tag), header)
    return found


def _columns_said(headers: Sequence[str], columns: Mapping[str, str], form: str) -> tuple[Remark, ...]:
    if form.startswith(("OSM", "Overpass")):
        return ()
    said = tuple(f"{field} = {column!r}" for field, column in columns.items() if column in headers)
    unused = [header for header in headers if header not in columns.values()]
    lines = [
        remark("import.understood", "Understood: {columns}.", columns=said)
        if said
        else remark("import.no-column", "No column is understood by its name.")
    ]
    if unused:
        lines.append(
            remark(
                "import.unused", "Not used: {columns}.", columns=(*unused[:20], *(["…"] if len(unused) > 20 else []))
            )
        )
    return tuple(lines)


def _distinct(made: Sequence[_Made], dataset: str) -> tuple[list[Shelter], list[Fault]]:
    """Each shelter once, with the identity it gets when nobody knows it yet."""
    faults: list[Fault] = []
    by_id: dict[str, Shelter] = {}
    by_place: dict[tuple[object, ...], int] = {}
    for one in made:
        shelter = msgspec.structs.replace(one.shelter, dataset=dataset)
        place = place_key(shelter)
        key = shelter.source_id if shelter.source_id and not shelter.source_id.startswith("~") else ""
        identity = new_id(dataset, key, place)
        if identity in by_id:
            same = msgspec.structs.replace(by_id[identity], id="") == shelter
            code, said = (
                ("row.repeated", remark("import.row-twice", "This row is there twice."))
                if same
                else ("row.id-repeated", remark("import.id-twice", "Another row has this id; the first is taken."))
            )
            faults.append(
                Fault(
                    one.number,
                    code if key else "row.repeated",
                    said if key else remark("import.shelter-twice", "This shelter is there twice."),
                    True,
                )
            )
            continue
        if place in by_place and not key:
            faults.append(
                Fault(
                    one.number,
                    "row.repeated",
                    remark("import.place-twice", "The same place and name as row {row}.", row=by_place[place]),
                    True,
                )
            )
            continue
        by_place.setdefault(place, one.number)
        by_id[identity] = msgspec.structs.replace(shelter, id=identity)
    return list(by_id.values()), faults


def place_key(shelter: Shelter) -> tuple[str, str, int, int]:
    """What tells shelters without an id apart: name, address, and the place to about ten metres."""
    name = next(iter(sorted(shelter.names.values())), "")
    return fold(name), fold(shelter.address), round(shelter.latitude / 100), round(shelter.longitude / 100)


def new_id(dataset: str, source_id: str, place: tuple[str, str, int, int]) -> str:
    """The id of a shelter that is seen for the first time: it says nothing and stays the same wherever it is made."""
    parts = (dataset, source_id) if source_id else (dataset, "", *map(str, place))
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:12]

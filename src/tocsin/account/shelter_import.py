"""Importing shelters: a file becomes shelters, with what was understood of it and what was not.

- Addresses are not turned into places here: a guessed place is where somebody would run to.
- Latitude and longitude that changed places are put right where there is evidence: an impossible latitude, or a point far
  from all others that lies among them the other way round; of a whole file by the country it is for.
- The same row twice is taken once. A mapping file (TOML or JSON) wins over everything that is guessed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import numpy as np
from msgspec import Struct

from tocsin.account import shelter_field as fields
from tocsin.account.importing import Change, Fault, Importer, Installation, Mapped, Understood
from tocsin.account.projection import known as grid_known
from tocsin.account.shelter import Shelter
from tocsin.account.shelter_axes import file_swapped, zone
from tocsin.account.shelter_file import read_rows
from tocsin.account.shelter_maker import Made, Maker, Mapping_
from tocsin.errors import ImportFileError
from tocsin.place.gazetteer import Gazetteer
from tocsin.place.spelling import fold
from tocsin.remark import Remark, remark

_NAMED = re.compile(r"^(?P<base>.+?)[\s_:.\-(]+(?P<tag>[a-z]{2}|ukr|eng|deu|fra)\)?$", re.IGNORECASE)
_TAGS = {"ua": "uk", "ukr": "uk", "eng": "en", "deu": "de", "fra": "fr"}


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
        maker = Maker(columns, names, mapped)
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


def _distinct(made: Sequence[Made], dataset: str) -> tuple[list[Shelter], list[Fault]]:
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

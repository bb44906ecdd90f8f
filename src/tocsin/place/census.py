"""The census: how many people live in an area, as far as a file of this installation says; unknown is never zero.

- The file is a table with the columns ``code`` and ``people``: one row an area of the gazetteer, of a pack as well.
- An area without a row of its own has the sum of its parts, where each of them is known. Nothing is guessed from its size.
- What is drawn counts the whole of every smallest known area that it touches: too many rather than too few, because the
  number decides how many persons must agree (practice.md section 6).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping

from tocsin.errors import ImportFileError
from tocsin.place.area import Shape
from tocsin.place.gazetteer import Gazetteer

MOST = 2_000_000_000
GRID = 8


class Census:
    """People by area code."""

    def __init__(self, gazetteer: Gazetteer, people: Mapping[str, int]) -> None:
        self._gazetteer, self._people = gazetteer, dict(people)
        self._whole: dict[str, int | None] = {}
        above = {up for code in self._people for up in gazetteer.ancestors(code)}
        self._smallest = [code for code in self._people if code not in above]

    def __len__(self) -> int:
        return len(self._people)

    def of(self, codes: Iterable[str], drawn: Shape | None = None) -> int | None:
        """How many people live in ``codes`` and in what is ``drawn``, each area once; None when nobody can tell."""
        wanted = {code for code in codes if code in self._gazetteer}
        if wanted != {*codes}:
            return None
        if drawn is not None:
            touched = self._touched(drawn)
            if touched is None:
                return None
            wanted |= touched
        # What lies in another area that is counted is counted with it.
        wanted = {code for code in wanted if not wanted.intersection(self._gazetteer.ancestors(code))}
        found = [self._of(code) for code in wanted]
        known = [one for one in found if one is not None]
        return sum(known) if found and len(known) == len(found) else None

    def _of(self, code: str) -> int | None:
        if code in self._people:
            return self._people[code]
        if code not in self._whole:
            parts = [self._of(child) for child in self._gazetteer.children(code)]
            known = [one for one in parts if one is not None]
            self._whole[code] = sum(known) if parts and len(known) == len(parts) else None
        return self._whole[code]

    def _touched(self, drawn: Shape) -> set[str] | None:
        """The smallest known areas that a shape touches; None where it touches a region that is not known."""
        found = {code for code in self._smallest if self._overlaps(drawn, code)}
        countries = {self._country(code) for code in found} | self._countries(drawn)
        regions = {region for country in countries for region in self._gazetteer.children(country)}
        for region in regions - found:
            if not self._overlaps(drawn, region):
                continue
            parts = self._gazetteer.descendants(region)
            if self._of(region) is None and not found & parts and not found.intersection(countries):
                return None
        return found or None

    def _overlaps(self, drawn: Shape, code: str) -> bool:
        outline = self._gazetteer.shape(code)
        return outline is not None and drawn.overlaps(outline)

    def _country(self, code: str) -> str:
        above = self._gazetteer.ancestors(code)
        return above[-1] if above else code

    def _countries(self, drawn: Shape) -> set[str]:
        """The countries that a grid of points over the shape lies in."""
        if drawn.bounds is None:
            return set()
        south, west, north, east = drawn.bounds
        east += 360_000_000 if east < west else 0
        found = set()
        for row in range(GRID + 1):
            for column in range(GRID + 1):
                latitude = south + (north - south) * row // GRID
                longitude = west + (east - west) * column // GRID
                longitude -= 360_000_000 if longitude > 180_000_000 else 0
                found |= {self._country(place.code) for place in self._gazetteer.at(latitude, longitude)[:1]}
        return found


def read(data: bytes, gazetteer: Gazetteer, name: str = "census") -> Census:
    """The census in a CSV file; raises :class:`ImportFileError` that names the line of the fault."""
    try:
        rows = csv.DictReader(io.StringIO(data.decode("utf-8-sig")))
        if not {"code", "people"} <= set(rows.fieldnames or ()):
            raise ImportFileError(f"{name}: its first line must name the columns code and people")
        found: dict[str, int] = {}
        for row in rows:
            where = f"{name}, line {rows.line_num}"
            code, text = (row["code"] or "").strip(), (row["people"] or "").strip().replace(" ", "").replace("_", "")
            if code not in gazetteer:
                raise ImportFileError(f"{where}: there is no area {code!r}")
            code = gazetteer.canonical(code)
            if not text.isascii() or not text.isdecimal() or not int(text) <= MOST:
                raise ImportFileError(f"{where}: {text!r} is not a number of people")
            if code in found:
                raise ImportFileError(f"{where}: {code} stands there twice")
            found[code] = int(text)
    except (UnicodeDecodeError, csv.Error) as wrong:
        raise ImportFileError(f"{name}: {wrong}") from None
    return Census(gazetteer, found)

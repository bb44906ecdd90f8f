"""A file of shelters, whatever its form: unpacked, recognised by what is in it, and read into rows.

- What it is, its first letters say and never its name. A packed file (KMZ, a zipped sheet) is unpacked up to a bound, and
  the largest file in it that is understood is read; the sizes an archive declares are not believed.
- What is no file of shelters is named: a web page, a workbook, an empty file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.account.importing import Fault
from tocsin.account.sheet import letters, read_sheet
from tocsin.account.shelter_field import KNOWN
from tocsin.account.shelter_json import read_json
from tocsin.account.shelter_row import Found, Rows
from tocsin.account.shelter_xml import LIMITS, read_xml
from tocsin.cap.envelope import unzipped
from tocsin.errors import ImportFileError
from tocsin.remark import remark

if TYPE_CHECKING:
    from collections.abc import Collection

_ZIP = b"PK\x03\x04"


def read_rows(content: bytes, *, encoding: str = "", separator: str = "", named: Collection[str] = ()) -> Rows:
    """The rows of a file. ``named`` are folded column names that a mapping gives a meaning to."""
    if content.startswith(_ZIP):
        content = _unpacked(content)
    start = content[:4096].lstrip(b"\xef\xbb\xbf\x00 \t\r\n\xff\xfe\x1e")
    if not start:
        raise ImportFileError(remark("import.file.empty", "the file is empty"))
    if start.startswith(b"<"):
        if start[:200].lower().replace(b"\x00", b"").startswith((b"<!doctype html", b"<html")):
            raise ImportFileError(remark("import.file.web-page", "this is a web page, not a file of shelters"))
        return read_xml(content)
    if start.startswith((b"{", b"[")):
        return read_json(letters(content, encoding)[0].strip())
    if start.startswith((b"%PDF", b"\xd0\xcf\x11\xe0", b"SQLite")):
        raise ImportFileError(remark("import.file.other", "this is a PDF, a workbook or a database; save it as CSV"))
    sheet = read_sheet(content, lambda name: name in KNOWN or name in named, encoding=encoding, separator=separator)
    form = "TAB" if sheet.separator == "\t" else sheet.separator
    line = remark("import.text", "Text in {encoding}, columns parted by: {sign}.", encoding=sheet.encoding, sign=form)
    return Rows(
        "CSV",
        tuple(Found(row.number, row.cells) for row in sheet.rows),
        (line,),
        sheet.faults,
        partial=_cut(sheet.faults),
    )


def _cut(faults: tuple[Fault, ...]) -> bool:
    return any(fault.code == "row.cut-off" for fault in faults)


def _unpacked(content: bytes) -> bytes:
    files = unzipped(content, LIMITS)
    if files is None:
        raise ImportFileError(
            remark("import.file.archive", "this archive is damaged, protected, or unpacks to more than is taken")
        )
    if any(b"<worksheet" in file[:2000] or b"<workbook" in file[:2000] for file in files):
        raise ImportFileError(remark("import.file.workbook", "this is a workbook; save it as CSV"))
    texts = [file for file in files if _text(file)]
    marked = [file for file in texts if b"<kml" in file[:2000] or b"<osm" in file[:2000]]
    found = max(marked or texts, key=len, default=None)
    if found is None:
        raise ImportFileError(remark("import.file.archive-empty", "there is no file of shelters in this archive"))
    return found


def _text(file: bytes) -> bool:
    return b"\x00" not in file[:1000] and not file.startswith((b"\x89PNG", b"\xff\xd8", b"GIF8", _ZIP))

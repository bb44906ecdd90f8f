"""A sheet: rows of named cells out of a text file, whatever its letters, its separator and the lines above its header.

- The encoding is what the file shows (a mark at its start, valid UTF-8, or the one table under which its letters make
  words); the separator is the one under which most rows have equally many cells.
- The header is the first row in which several names are known; lines above it (a title, a date) are passed over.
- A row number is the one a person sees in a table program: the header's line is counted.
- A cell is text. One that begins a formula stays text, and its apostrophe or ``="..."`` dress is taken off.
- A quotation mark that is never closed must not swallow the rest of the file: it is then read as a letter, and said.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from msgspec import Struct

from tocsin.account.importing import Fault
from tocsin.errors import ImportFileError
from tocsin.place.spelling import fold
from tocsin.remark import remark
from tocsin.sense.page import decode

_SEPARATORS = (",", ";", "\t", "|")
_LOOKED_AT = 60
_ABOVE = 12
_LONGEST_CELL = 100_000
_SWALLOWED_LINES = 60
_DRESSED = re.compile(r'^="(.*)"$', re.DOTALL)
# Bytes that no text has: an archive, a picture, a program.
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_TABLES = ("cp1251", "koi8-u", "cp1252", "iso8859-2", "cp1250", "cp866")


class Row(Struct, frozen=True):
    """One row: its number as a table program shows it, and its cells by header name."""

    number: int
    cells: Mapping[str, str]


class Sheet(Struct, frozen=True):
    """A file read as a table. ``header`` are the names as written; ``faults`` what was mended on the way."""

    encoding: str
    separator: str
    header: tuple[str, ...]
    rows: tuple[Row, ...]
    faults: tuple[Fault, ...] = ()


def read_sheet(content: bytes, known: Callable[[str], bool], *, encoding: str = "", separator: str = "") -> Sheet:
    """The table in ``content``. ``known`` tells whether a folded header name means something to who asks.

    ``encoding`` and ``separator`` are those a mapping names. :class:`ImportFileError` where there is no table.
    """
    text, found = letters(content, encoding)
    if text.startswith("sep=") and "\n" in text[:8]:
        separator, _, text = text[4:5], "", text.partition("\n")[2]
        offset = 1
    else:
        offset = 0
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    separator = separator or _separator(text)
    lines, faults = _cells(text, separator)
    at, header = _header(lines, known)
    named = _distinct(header)
    rows = []
    for number, cells in lines[at + 1 :]:
        if not any(cell.strip() for cell in cells):
            continue
        row = number + offset
        if len(cells) > len(named) and any(cell.strip() for cell in cells[len(named) :]):
            faults.append(Fault(row, "row.too-long", f"{len(cells)} cells where the header has {len(named)}."))
        elif len(cells) < len(named) - 1 and number == lines[-1][0] and not text.endswith("\n"):
            faults.append(Fault(row, "row.cut-off", "The file ends in the middle of this row."))
        rows.append(Row(row, {name: undressed(cell) for name, cell in zip(named, cells, strict=False)}))
    return Sheet(found, separator, tuple(named), tuple(rows), tuple(faults))


def letters(content: bytes, encoding: str = "") -> tuple[str, str]:
    """The text of a file and the encoding it was read in; :class:`ImportFileError` where it is no text."""
    if not content.strip():
        raise ImportFileError(remark("import.file.empty", "the file is empty"))
    if encoding:
        try:
            return content.decode(encoding).removeprefix("\ufeff"), encoding
        except (LookupError, UnicodeDecodeError) as wrong:
            raise ImportFileError(
                remark(
                    "import.file.encoding",
                    "this is not text in {encoding}: {wrong}",
                    encoding=encoding,
                    wrong=str(wrong),
                )
            ) from None
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace"), "utf-16"
    try:
        return content.decode("utf-8-sig"), "utf-8"
    except UnicodeDecodeError as wrong:
        # A file that was cut off in the middle of a letter is still UTF-8.
        if len(content) - wrong.start < 4:
            return content[: wrong.start].decode("utf-8-sig"), "utf-8"
    if _BINARY.search(content[:4096]):
        raise ImportFileError(remark("import.file.no-text", "this is not a text file"))
    text = decode(content)
    start = content[:2000]
    name = next((one for one in _TABLES if text.startswith(start.decode(one, "replace")[:1000])), "an older encoding")
    return text, name


def undressed(cell: str) -> str:
    """A cell's text without the space around it and the dress in which table programs keep text from being a number."""
    text = cell.strip().strip("\u00a0").strip()
    if dressed := _DRESSED.match(text):
        return dressed[1].replace('""', '"').strip()
    return text[1:] if text.startswith("'") and text[1:2] in ("=", "+", "-", "@", "0") else text


def _separator(text: str) -> str:
    """The separator under which most rows have equally many cells, more than one."""
    sample = "\n".join(text[:200_000].split("\n")[:_LOOKED_AT])

    def worth(separator: str) -> tuple[int, int]:
        widths = Counter(len(cells) for _, cells in _rows(sample, separator) if any(cells))
        widths.pop(1, None)
        width, count = widths.most_common(1)[0] if widths else (1, 0)
        return count * (width > 1), width

    best = max(_SEPARATORS, key=worth)
    return best if worth(best)[0] else ","


def _cells(text: str, separator: str) -> tuple[list[tuple[int, list[str]]], list[Fault]]:
    rows = list(_rows(text, separator))
    swallowed = next(
        (n for n, cells in rows for cell in cells if cell.count("\n") > _SWALLOWED_LINES or len(cell) > _LONGEST_CELL),
        0,
    )
    if not swallowed:
        return rows, []
    fault = Fault(swallowed, "row.quotation", "A quotation mark is opened and never closed; it is read as a letter.")
    return list(_rows(text, separator, quoted=False)), [fault]


def _rows(text: str, separator: str, quoted: bool = True) -> Iterator[tuple[int, list[str]]]:
    """Rows with the numbers of the lines they begin on."""
    before = csv.field_size_limit(10_000_000)
    try:
        reader = csv.reader(
            io.StringIO(text), delimiter=separator, quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
        )
        line = 1
        try:
            for cells in reader:
                yield line, cells
                line = reader.line_num + 1
        except csv.Error as wrong:
            raise ImportFileError(remark("import.file.row", "row {row}: {wrong}", row=line, wrong=str(wrong))) from None
    finally:
        csv.field_size_limit(before)


def _header(lines: list[tuple[int, list[str]]], known: Callable[[str], bool]) -> tuple[int, list[str]]:
    best, most = 0, 0
    for at, (_, cells) in enumerate(lines[:_ABOVE]):
        count = len({fold(cell) for cell in cells if known(fold(cell))})
        if count > most:
            best, most = at, count
    if not lines or (most == 0 and max((len(cells) for _, cells in lines[:_ABOVE]), default=0) < 2):
        raise ImportFileError(remark("import.file.no-columns", "this is not a table: there are no columns in it"))
    return best, [undressed(cell) for cell in lines[best][1]]


def _distinct(header: list[str]) -> list[str]:
    """Every column has a name of its own: an empty one its number, a doubled one its number behind it."""
    named: list[str] = []
    for place, name in enumerate(header, 1):
        wanted = name or f"column {place}"
        named.append(f"{wanted} ({place})" if wanted in named else wanted)
    return named

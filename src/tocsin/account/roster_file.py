"""The sheet: a table of people as organisations keep it, read into members with their details.

- Any delimiter, any usual encoding, headers in several languages; a mapping names the columns where they are called
  otherwise (``[columns]``), and what is the same for everybody (``[always]``).
- One column is the key by which somebody is the same person the next time; without it nothing is taken.
- A row that is not understood is named with its number and code; what is understood of it is not guessed at.
- A cell is text. One that begins a formula is text as well.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct

from tocsin.account.importing import Fault, Mapped, Understood
from tocsin.account.roster import Details, Kind, Member, Way
from tocsin.errors import ImportFileError, ParameterError
from tocsin.place.language import language
from tocsin.remark import Remark, remark

MOST_ROWS = 200_000
MOST_LETTERS = 200

Read = Callable[[str], str]
"""Brings an address of one channel into the form that it is kept in; ParameterError for what is none."""

HEADERS: dict[str, tuple[str, ...]] = {
    "key": ("key", "id", "staff id", "employee id", "personnel number", "number", "no", "nr", "personalnummer",
            "matricule", "номер", "табельний номер", "код"),
    "name": ("name", "full name", "nom", "nom complet", "vollständiger name", "ім'я", "піб", "прізвище та ім'я"),
    "first": ("first name", "given name", "forename", "vorname", "prénom", "ім'я (власне)"),
    "last": ("last name", "surname", "family name", "nachname", "nom de famille", "прізвище"),
    "zone": ("zone", "area", "floor", "building", "team", "bereich", "gebäude", "etage", "зона", "поверх", "відділ"),
    "wards": ("warden of", "warden", "warden zones", "räumungshelfer", "betreut", "responsable de", "відповідальний за"),
    "kind": ("kind", "type", "category", "art", "catégorie", "категорія", "тип"),
    "languages": ("languages", "language", "sprache", "sprachen", "langue", "langues", "мова", "мови"),
    "sms": ("phone", "mobile", "mobile phone", "cell", "telephone", "sms", "telefon", "handy", "mobil", "téléphone",
            "portable", "телефон", "мобільний"),
    "sms2": ("phone 2", "second phone", "other phone", "telefon 2", "téléphone 2", "телефон 2"),
    "mail": ("mail", "email", "e-mail", "email address", "e-mail address", "courriel", "пошта", "ел. пошта",
             "електронна пошта"),
    "mail2": ("mail 2", "email 2", "e-mail 2", "second email", "private email"),
    "telegram": ("telegram",),
    "order": ("order", "channels", "prefers", "reihenfolge", "ordre", "порядок"),
    "starts": ("starts", "start", "from", "arrival", "arrives", "von", "ankunft", "arrivée", "du", "з", "прибуття"),
    "ends": ("ends", "end", "until", "to", "departure", "leaves", "bis", "abreise", "départ", "au", "до", "від'їзд"),
    "verified": ("verified", "checked", "last verified", "geprüft", "vérifié", "перевірено"),
}  # fmt: skip
"""The columns, and what they are called where no mapping says so."""
CHANNEL_COLUMNS = {"sms": "sms", "sms2": "sms", "mail": "mail", "mail2": "mail", "telegram": "telegram"}
KINDS = {
    "staff": Kind.STAFF, "employee": Kind.STAFF, "mitarbeiter": Kind.STAFF, "personal": Kind.STAFF,
    "personnel": Kind.STAFF, "персонал": Kind.STAFF, "працівник": Kind.STAFF, "співробітник": Kind.STAFF,
    "citizen": Kind.CITIZEN, "bürger": Kind.CITIZEN, "bürgerin": Kind.CITIZEN, "citoyen": Kind.CITIZEN,
    "громадянин": Kind.CITIZEN, "громадянка": Kind.CITIZEN,
    "visitor": Kind.VISITOR, "guest": Kind.VISITOR, "besucher": Kind.VISITOR, "gast": Kind.VISITOR,
    "visiteur": Kind.VISITOR, "відвідувач": Kind.VISITOR, "гість": Kind.VISITOR,
}  # fmt: skip
NAMES = {"phone": "sms", "sms": "sms", "mobile": "sms", "mail": "mail", "email": "mail", "e-mail": "mail"}


class Row(Struct, frozen=True):
    """One person as their list has them: the member without an id, and the details."""

    number: int
    member: Member
    details: Details


def read_sheet(content: bytes, mapping: Mapped, addresses: Mapping[str, Read], zone: str = "UTC") -> Understood:
    """What a sheet says. ``addresses`` read the addresses of each channel; dates without a time are days in ``zone``.

    Raises :class:`ImportFileError` where there is no table in it, or no column that says who is who.
    """
    text, encoding = _text(content)
    columns: Mapping[str, str] = {str(k): str(v) for k, v in dict(mapping.get("columns", {})).items()}
    always: Mapping[str, str] = {str(k): str(v) for k, v in dict(mapping.get("always", {})).items()}
    if unknown := sorted((set(columns) | set(always)) - set(HEADERS)):
        raise ImportFileError(
            remark("import.file.mapping-unknown", "the mapping names what there is not: {names}", names=tuple(unknown))
        )
    try:
        here = ZoneInfo(str(mapping.get("zone", zone)))
    except (ZoneInfoNotFoundError, ValueError):
        raise ImportFileError(
            remark("import.file.zone", "there is no time zone {zone}", zone=repr(mapping.get("zone")))
        ) from None
    delimiter = str(mapping.get("delimiter", "")) or _delimiter(text)
    rows = _rows(text, delimiter)
    if not rows:
        raise ImportFileError(remark("import.file.no-table", "there is no table in this file"))
    places = _places(rows[0], columns)
    if "key" not in places:
        raise ImportFileError(
            remark(
                "import.file.no-who",
                "no column says who is who (there are: {columns}); name it in a mapping: [columns] key = ...",
                columns=", ".join(rows[0])[:200],
            )
        )
    if "name" not in places and not {"first", "last"} & set(places):
        raise ImportFileError(
            remark("import.file.no-names", "no column has people's names; name it in a mapping: [columns] name = ...")
        )
    found: list[Row] = []
    faults: list[Fault] = []
    keys: dict[str, int] = {}
    for number, cells in enumerate(rows[1:], 2):
        if not any(cells):
            continue
        said = {name: cells[place] for name, place in places.items() if place < len(cells) and cells[place]}
        row = _row(number, {**always, **said}, addresses, here, faults)
        if row is None:
            continue
        if row.details.key in keys:
            faults.append(
                Fault(
                    number,
                    "roster.key-doubled",
                    remark("import.key-doubled", "Row {row} has the same key.", row=keys[row.details.key]),
                    True,
                )
            )
            continue
        keys[row.details.key] = number
        found.append(row)
    read = sum(1 for cells in rows[1:] if any(cells))
    unread = [rows[0][place] for place in range(len(rows[0])) if place not in places.values() and rows[0][place]]
    lines = [
        remark(
            "import.table",
            "A table in {encoding}, with {cells} between the cells.",
            encoding=encoding,
            cells=_called(delimiter),
        ),
        remark(
            "import.understood",
            "Understood: {columns}.",
            columns=tuple(f"{rows[0][place]} = {name}" for name, place in places.items()),
        ),
    ]
    if unread:
        lines.append(remark("import.unused", "Not used: {columns}.", columns=tuple(unread)))
    counts = {"rows": read, "taken": len(found), "left_out": read - len(found)}
    return Understood("CSV", tuple(lines), counts, tuple(faults), tuple(found))


def _text(content: bytes) -> tuple[str, str]:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return content.decode("utf-16"), "UTF-16"
        except UnicodeDecodeError:
            raise ImportFileError(remark("import.file.utf16", "this begins as UTF-16 and does not go on so")) from None
    try:
        text, name = content.decode("utf-8-sig"), "UTF-8"
    except UnicodeDecodeError:
        text, name = _old(content)
    if "\x00" in text:
        raise ImportFileError(remark("import.file.no-csv", "this is no table of text; save it as CSV"))
    return text, name


def _old(content: bytes) -> tuple[str, str]:
    """Text from before Unicode: Cyrillic where most of its letters would be, else Western."""
    western, cyrillic = content.decode("cp1252", "replace"), content.decode("cp1251", "replace")
    high = [letter for letter in cyrillic if ord(letter) > 127]
    letters = sum("а" <= letter.lower() <= "я" or letter.lower() in "іїєґё" for letter in high)
    # In Western text high letters stand alone between ASCII ones; in Cyrillic they make whole words.
    words = re.findall(r"[А-Яа-яІіЇїЄєҐґЁё]{3,}", cyrillic)
    return (cyrillic, "Windows-1251") if high and letters > 0.8 * len(high) and words else (western, "Windows-1252")


def _delimiter(text: str) -> str:
    first = next((line for line in text.splitlines() if line.strip()), "")
    return max(",;\t|", key=lambda sign: (first.count(sign), sign == ","))


def _called(delimiter: str) -> Remark | str:
    return {
        ",": remark("import.cells.commas", "commas"),
        ";": remark("import.cells.semicolons", "semicolons"),
        "\t": remark("import.cells.tabs", "tabs"),
        "|": remark("import.cells.bars", "bars"),
    }.get(delimiter, repr(delimiter))


def _rows(text: str, delimiter: str) -> list[list[str]]:
    if len(delimiter) != 1:
        raise ImportFileError(remark("import.file.delimiter", "delimiter: one sign"))
    rows: list[list[str]] = []
    try:
        for cells in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            if not rows and not any(cell.strip() for cell in cells):
                continue
            rows.append([_cell(cell) for cell in cells])
            if len(rows) > MOST_ROWS + 1:
                raise ImportFileError(remark("import.file.rows", "more than {rows} rows", rows=MOST_ROWS))
    except csv.Error as wrong:
        raise ImportFileError(
            remark("import.file.row", "row {row}: {wrong}", row=len(rows) + 1, wrong=str(wrong))
        ) from None
    return rows


def _cell(text: str) -> str:
    return " ".join("".join(" " if ord(letter) < 32 or letter == "\xa0" else letter for letter in text).split())


def _plain(header: str) -> str:
    return header.strip().casefold().replace("_", " ").replace("’", "'").rstrip(":").strip()


def _places(header: Sequence[str], columns: Mapping[str, str]) -> dict[str, int]:
    plain = [_plain(cell) for cell in header]
    places: dict[str, int] = {}
    for name, called in columns.items():
        if _plain(called) not in plain:
            raise ImportFileError(
                remark(
                    "import.file.no-column",
                    "there is no column {name} (there are: {columns})",
                    name=repr(called),
                    columns=", ".join(header)[:200],
                )
            )
        places[name] = plain.index(_plain(called))
    for name, words in HEADERS.items():
        for word in words:
            if name not in places and word in plain and plain.index(word) not in places.values():
                places[name] = plain.index(word)
    return places


def _row(
    number: int, said: Mapping[str, str], addresses: Mapping[str, Read], zone: ZoneInfo, faults: list[Fault]
) -> Row | None:
    key = said.get("key", "")
    name = said.get("name") or " ".join(part for part in (said.get("first", ""), said.get("last", "")) if part)
    for what, code, said_so in (
        (key, "roster.no-key", remark("import.no-key", "There is no key here.")),
        (name, "roster.no-name", remark("import.no-name", "There is no name here.")),
    ):
        if not what or len(what) > MOST_LETTERS:
            faults.append(Fault(number, code, said_so, True))
            return None
    kind = KINDS.get(said.get("kind", "staff").casefold())
    if kind is None:
        faults.append(
            Fault(
                number,
                "roster.kind",
                remark("import.no-who", "It is not said whether staff, citizen or visitor."),
                True,
            )
        )
        return None
    try:
        starts, ends = _moment(said.get("starts", ""), zone), _moment(said.get("ends", ""), zone, over=True)
        verified = _moment(said.get("verified", ""), zone)
    except ValueError:
        faults.append(
            Fault(number, "roster.date", remark("import.date", "A date is not one; write it as 2024-11-20."), True)
        )
        return None
    if kind is Kind.VISITOR and ends is None:
        faults.append(
            Fault(number, "roster.visitor-end", remark("import.visitor-end", "A visitor needs a last day."), True)
        )
        return None
    if starts is not None and ends is not None and ends <= starts:
        faults.append(Fault(number, "roster.dates", remark("import.dates", "The last day is before the first."), True))
        return None
    ways = _ways(number, said, addresses, faults)
    if not ways:
        faults.append(
            Fault(
                number,
                "roster.no-way",
                remark("import.no-way", "Nobody can reach this person: no telephone, no address."),
            )
        )
    tags = (language(one) for one in re.split(r"[,;/ ]+", said.get("languages", "")) if one)
    tongues = tuple(dict.fromkeys(tag for tag in tags if re.fullmatch(r"[a-z]{2,3}", tag)))
    member = Member(
        "",
        kind,
        said.get("zone", "")[:MOST_LETTERS],
        tuple(dict.fromkeys(part for one in re.split(r"[,;]", said.get("wards", "")) if (part := one.strip()))),
        tongues,
        tuple(way.channel for way in ways),
        starts,
        ends,
        verified,
    )
    return Row(number, member, Details(name, key, ways))


def _ways(number: int, said: Mapping[str, str], addresses: Mapping[str, Read], faults: list[Fault]) -> tuple[Way, ...]:
    wanted = [NAMES.get(one, one) for one in re.split(r"[,;> ]+", said.get("order", "").casefold()) if one]
    order = [*dict.fromkeys(wanted), "sms", "telegram", "mail"]
    ways: list[Way] = []
    for column, channel in sorted(CHANNEL_COLUMNS.items(), key=lambda item: (order.index(item[1]), item[0])):
        text = said.get(column, "")
        if not text:
            continue
        try:
            # A leading apostrophe is how spreadsheets keep a number as text.
            way = Way(channel, addresses[channel](text.lstrip("'")))
        except (ParameterError, KeyError):
            faults.append(
                Fault(
                    number,
                    f"roster.{channel}",
                    remark("import.way", "This is no address for {channel}; it is left out.", channel=channel),
                )
            )
            continue
        if way not in ways:
            ways.append(way)
    return tuple(ways)


def _moment(text: str, zone: ZoneInfo, *, over: bool = False) -> datetime | None:
    """A day or a moment; ``over``: a day stands for its end."""
    if not text:
        return None
    if found := re.fullmatch(r"(\d{1,2})\.(\d{1,2})\.(\d{4})", text):
        text = f"{found[3]}-{int(found[2]):02}-{int(found[1]):02}"
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        day = date.fromisoformat(text) + timedelta(days=1 if over else 0)
        return datetime.combine(day, time(), zone).astimezone(UTC)
    moment = datetime.fromisoformat(text)
    return (moment.replace(tzinfo=zone) if moment.tzinfo is None else moment).astimezone(UTC)

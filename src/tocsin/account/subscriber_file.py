"""A list of subscribers: rows of somebody else's table read as whom to warn, where, how and until when.

- One row is one person with one or several ways to be told, tried in the order that the mapping gives; a key column keeps
  who is who when the list is imported again, and without one the first address does.
- A row without any way to be told, or without any place that is understood, is left out and said; everything else that is
  not understood is said and the row is taken without it, never with a guess.
- Area codes and names of places in any language are understood; a date alone is a whole day where the person is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from tocsin.account.importing import Fault, Mapped
from tocsin.account.sheet import Row, Sheet, letters, read_sheet
from tocsin.errors import ImportFileError
from tocsin.place.gazetteer import Gazetteer
from tocsin.place.spelling import fold
from tocsin.reach.wanted import Point, Watch

CHANNELS = ("sms", "mail", "telegram")
"""The ways that a list can give, in the order in which they are tried where the mapping says nothing."""
PHASES = ("prepare", "act", "hold", "all-clear", "retracted")
SEVERITIES = ("Extreme", "Severe", "Moderate", "Minor")
AUDIENCES = ("public", "citizen", "staff")
MOST_RADIUS_M = 100_000

_SPELT = {
    "key": "key|id|uid|employee id|personnel number|person|member|number|ключ|номер|табельний номер|персонал номер|"
    "personalnummer|kennung|mitarbeiternummer|nr|matricule|identifiant|numéro|код",
    "mail": "mail|email|e-mail|email address|e-mail address|пошта|електронна пошта|эл. почта|почта|e-mail-adresse|"
    "mailadresse|courriel|adresse e-mail|adresse électronique",
    "sms": "sms|phone|mobile|telephone|phone number|mobile number|cell|cell phone|телефон|мобільний|номер телефону|моб|"
    "мобильный|handy|telefon|mobil|mobilnummer|handynummer|telefonnummer|téléphone|portable|mobile phone|numéro de téléphone",
    "telegram": "telegram|телеграм|telegram id|chat",
    "areas": "areas|area|region|oblast|code|area code|raion|область|район|регіон|громада|територія|область/район|gebiet|"
    "region code|gebiete|ort|bundesland|zone|zones|région|département|lieu|місто|city|place|places|country|країна|land|pays",
    "lat": "lat|latitude|широта|breite|breitengrad|latitud",
    "lon": "lon|lng|long|longitude|довгота|долгота|länge|längengrad",
    "radius": "radius|radius m|radius_m|радіус|umkreis|rayon",
    "languages": "languages|language|lang|мова|мови|язык|sprache|sprachen|langue|langues",
    "phases": "phases|phase|фази|фаза|phasen",
    "severities": "severities|severity|тяжкість|schwere|gravité",
    "audience": "audience|group|аудиторія|група|zielgruppe|gruppe|public|groupe",
    "roles": "roles|role|роль|ролі|rolle|rollen|rôle|rôles|function|функція|funktion|fonction",
    "start": "start|from|since|arrival|arrives|початок|з|приїзд|від|beginn|von|ab|anreise|début|du|arrivée",
    "until": "until|to|end|departure|leaves|expires|до|кінець|виїзд|ende|bis|abreise|fin|au|départ|jusqu'au",
}
_LIST = re.compile(r"[;,|/\n]+")
_DAY = re.compile(r"(\d{1,2})[./](\d{1,2})[./](\d{4})")
_NUMBER = re.compile(r"-?\d+(?:[.,]\d+)?")


class ListMapping(Struct, frozen=True, forbid_unknown_fields=True):
    """The mapping file of ``tocsin import subscribers``; everything in it may be left out.

    ``dataset``: what this list is called; lists of one name update each other and no other one. ``fields``: the column of
    each field: ``key mail sms telegram areas lat lon radius languages phases severities audience roles start until``.
    ``order``: in which channels are tried. ``areas``, ``languages``, ``phases``, ``severities``, ``audience``,
    ``radius_m``: for rows that say nothing themselves. ``staff``, ``citizen``: words of this list for these.
    """

    dataset: str = ""
    fields: dict[str, str] = {}
    order: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    phases: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    audience: Literal["public", "citizen", "staff"] = "citizen"
    radius_m: int = 0
    staff: tuple[str, ...] = ("staff", "персонал", "співробітник", "personal", "mitarbeiter", "personnel", "agent")
    citizen: tuple[str, ...] = ("citizen", "громадянин", "bürger", "citoyen", "ressortissant")
    encoding: str = ""
    separator: str = ""


class Listed(Struct, frozen=True):
    """One row: ``ways`` are (channel, address as written) in the order in which they are tried."""

    row: int
    key: str
    ways: tuple[tuple[str, str], ...]
    areas: tuple[str, ...] = ()
    points: tuple[Point, ...] = ()
    watches: tuple[Watch, ...] = ()
    languages: tuple[str, ...] = ()
    phases: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    audience: str = "citizen"
    roles: tuple[str, ...] = ()
    start: datetime | None = None
    until: datetime | None = None


class Roster(Struct, frozen=True):
    """What a file was understood to hold, with how it is written and which column was taken for what."""

    form: str
    dataset: str
    rows: int
    listed: tuple[Listed, ...]
    faults: tuple[Fault, ...]
    columns: Mapping[str, str]
    passed_over: tuple[str, ...]


def read_list(content: bytes, mapping: Mapped, gazetteer: Gazetteer) -> Roster:
    """The subscribers in a CSV or JSON file; :class:`ImportFileError` where nothing of it can be understood."""
    try:
        mapped = msgspec.convert(dict(mapping), ListMapping)
    except msgspec.ValidationError as wrong:
        raise ImportFileError(f"the mapping: {wrong}") from None
    if unknown := [name for name in (*mapped.fields, *mapped.order) if name not in (*_SPELT, *CHANNELS)]:
        raise ImportFileError(f"the mapping names what is no field: {', '.join(unknown)}")
    sheet, form = _rows(content, mapped)
    columns = _columns(sheet.header, mapped)
    if missing := [name for name in mapped.fields.values() if name not in sheet.header]:
        raise ImportFileError(f"the mapping names columns that are not there: {', '.join(missing)}")
    if not any(name in columns for name in CHANNELS):
        raise ImportFileError("no column holds an e-mail address, a telephone or a chat; name it in a mapping")
    reader = _Reader(columns, mapped, gazetteer)
    faults = list(sheet.faults)
    listed: dict[str, Listed] = {}
    for row in sheet.rows:
        one = reader.read(row, faults)
        if one is None:
            continue
        if one.key in listed:
            faults.append(Fault(row.number, "row.repeated", f"The same key as in row {listed[one.key].row}.", True))
            continue
        listed[one.key] = one
    used = set(columns.values())
    passed_over = tuple(name for name in sheet.header if name not in used)
    return Roster(
        form,
        mapped.dataset or "subscribers",
        len(sheet.rows),
        tuple(listed.values()),
        tuple(faults),
        columns,
        passed_over,
    )


def _rows(content: bytes, mapped: ListMapping) -> tuple[Sheet, str]:
    if content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"[", b"{"):
        text, encoding = letters(content, mapped.encoding)
        try:
            found = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError) as wrong:
            raise ImportFileError(f"this is not JSON: {wrong}") from None
        if isinstance(found, dict):
            found = next((value for value in found.values() if isinstance(value, list)), None)
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise ImportFileError("a JSON file is a list of objects, or an object that holds one")
        rows = tuple(
            Row(number, {str(name): _text(value) for name, value in one.items()}) for number, one in enumerate(found, 1)
        )
        header = tuple(dict.fromkeys(name for row in rows for name in row.cells))
        return Sheet(encoding, "", header, rows), "JSON"
    known = {*_known(), *(fold(name) for name in mapped.fields.values())}
    sheet = read_sheet(content, known.__contains__, encoding=mapped.encoding, separator=mapped.separator)
    return sheet, f"CSV, {sheet.encoding}, separated by {sheet.separator!r}"


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return ";".join(_text(one) for one in value)
    return str(value).strip() if not isinstance(value, dict) else ""


@cache
def _known() -> dict[str, str]:
    """Every folded spelling of a header, and the field that it stands for."""
    found: dict[str, str] = {}
    for field, spelt in _SPELT.items():
        for name in spelt.split("|"):
            found.setdefault(fold(name), field)
    return found


def _columns(header: Iterable[str], mapped: ListMapping) -> dict[str, str]:
    columns = dict(mapped.fields)
    taken = set(columns.values())
    for name in header:
        field = _known().get(fold(name))
        if field is not None and field not in columns and name not in taken:
            columns[field] = name
            taken.add(name)
    return columns


class _Reader:
    """Reads rows, given which column is what."""

    def __init__(self, columns: Mapping[str, str], mapped: ListMapping, gazetteer: Gazetteer) -> None:
        self.columns, self.mapped, self.gazetteer = columns, mapped, gazetteer
        self.order = (*mapped.order, *(one for one in CHANNELS if one not in mapped.order))
        self._places: dict[str, str | None] = {}

    def read(self, row: Row, faults: list[Fault]) -> Listed | None:
        """The person of a row; None where there is nobody to tell or nowhere to watch, which is said."""

        def cell(field: str) -> str:
            return row.cells.get(self.columns.get(field, ""), "").strip()

        def fault(code: str, message: str, left_out: bool = False) -> None:
            faults.append(Fault(row.number, code, message, left_out))

        ways = tuple((channel, part) for channel in self.order for part in _parts(cell(channel)))
        if not ways:
            fault("row.no-way", "There is no way to tell this person.", True)
            return None
        areas = tuple(self._areas(cell("areas"), fault)) or self._default_areas()
        points, watches = self._points(cell("lat"), cell("lon"), cell("radius"), fault)
        if not areas and not points and not watches:
            fault("row.no-place", "No area and no point is understood.", True)
            return None
        zone = ZoneInfo(self.gazetteer.get(areas[0]).zone) if areas and areas[0] in self.gazetteer else UTC
        start, until = self._moment(cell("start"), zone, fault), self._moment(cell("until"), zone, fault, whole=True)
        if start is not None and until is not None and until <= start:
            fault("row.dates", "It ends before it begins.", True)
            return None
        if cell("until") and until is None:
            # Without its end it would go on for ever, and that is not what somebody wrote.
            fault("row.until", "Its last day is not understood.", True)
            return None
        key = cell("key") or f"{ways[0][0]}:{ways[0][1].casefold()}"
        return Listed(
            row.number,
            key,
            ways,
            areas,
            points,
            watches,
            tuple(self._tags(cell("languages"), fault)) or self.mapped.languages,
            tuple(self._of(PHASES, cell("phases"), "phase", fault)) or self.mapped.phases,
            tuple(self._of(SEVERITIES, cell("severities"), "severity", fault)) or self.mapped.severities,
            self._audience(cell("audience"), fault),
            tuple(part for part in _parts(cell("roles"))),
            start,
            until,
        )

    def _default_areas(self) -> tuple[str, ...]:
        return tuple(code for name in self.mapped.areas if (code := self._place(name)) is not None)

    def _areas(self, text: str, fault: Any) -> Iterator[str]:
        whole = self._place(text) if text else None
        if whole is not None:
            yield whole
            return
        for name in _parts(text):
            code = self._place(name)
            if code is None:
                fault("row.area", f"{name[:60]} is no area that is known.")
            else:
                yield code

    def _place(self, name: str) -> str | None:
        if name not in self._places:
            if ":" in name and " " not in name:
                # A code of an area pack: whether this installation has the pack is found out when it is taken in.
                self._places[name] = name
            elif name.upper() in self.gazetteer:
                self._places[name] = name.upper()
            else:
                # One name may be a city and the region around it; which is meant, nobody can tell from a list.
                found = self.gazetteer.find(name, limit=2)
                self._places[name] = found[0].code if len(found) == 1 else None
        return self._places[name]

    def _points(self, lat: str, lon: str, radius: str, fault: Any) -> tuple[tuple[Point, ...], tuple[Watch, ...]]:
        if not lat and not lon:
            return (), ()
        latitude, longitude = _number(lat), _number(lon)
        if latitude is None or longitude is None or abs(latitude) > 90 or abs(longitude) > 180:
            fault("row.point", "Its latitude and longitude are not understood.")
            return (), ()
        at = round(latitude * 1e6), round(longitude * 1e6)
        metres = _number(radius.lower().removesuffix("m").removesuffix("k")) if radius else float(self.mapped.radius_m)
        if metres is not None and radius.lower().rstrip().endswith("km"):
            metres *= 1000
        if metres is None or not 0 <= metres <= MOST_RADIUS_M:
            fault("row.radius", "Its radius is not understood; the point alone is taken.")
            metres = 0
        return ((), (Watch(*at, round(metres)),)) if metres else ((at,), ())

    def _tags(self, text: str, fault: Any) -> Iterator[str]:
        for tag in _parts(text):
            if re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", tag):
                yield tag.lower() if "-" not in tag else tag
            else:
                fault("row.language", f"{tag[:20]} is no language tag.")

    def _of(self, words: tuple[str, ...], text: str, what: str, fault: Any) -> Iterator[str]:
        known = {word.casefold(): word for word in words}
        for part in _parts(text):
            if part.casefold() in known:
                yield known[part.casefold()]
            else:
                fault(f"row.{what}", f"{part[:30]} is no {what}.")

    def _audience(self, text: str, fault: Any) -> str:
        if not text:
            return self.mapped.audience
        folded = fold(text)
        if folded in AUDIENCES:
            return folded
        for name, words in (("staff", self.mapped.staff), ("citizen", self.mapped.citizen)):
            if folded in {fold(word) for word in words}:
                return name
        fault("row.audience", f"{text[:30]} is neither staff nor citizen; taken as public.")
        return "public"

    def _moment(self, text: str, zone: Any, fault: Any, whole: bool = False) -> datetime | None:
        """A moment, or a day where the person is: its beginning, or its end where it is the ``whole`` of it."""
        if not text:
            return None
        try:
            if "T" in text or ":" in text:
                found = datetime.fromisoformat(text)
                return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
            day = _DAY.fullmatch(text)
            if day and "/" in text and int(day[1]) <= 12 and int(day[2]) <= 12 and day[1] != day[2]:
                raise ValueError
            one = date(int(day[3]), int(day[2]), int(day[1])) if day else date.fromisoformat(text)
        except ValueError:
            fault("row.date", f"{text[:30]} is no date that has one meaning; write 2024-11-30.")
            return None
        return datetime.combine(one + timedelta(days=int(whole)), time(), zone).astimezone(UTC)


def _parts(text: str) -> list[str]:
    if text.startswith(("http://", "https://")):
        return [text]
    return [part.strip() for part in _LIST.split(text) if part.strip()]


def _number(text: str) -> float | None:
    text = text.replace("\u00a0", "").strip()
    return float(text.replace(",", ".")) if _NUMBER.fullmatch(text) else None

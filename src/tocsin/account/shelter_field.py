"""The fields of a shelter as cities write them: which column is what, and what a cell means, in several languages.

- A header is known by its folded spelling, in the languages of those who publish such lists; a mapping file wins.
- A value that is not understood is said with a code and left out; the row is taken without it.
- A number may have a decimal comma, spaces or an apostrophe between thousands, and a unit behind it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime

from tocsin.account.shelter import Kind
from tocsin.place.spelling import fold

FIELDS = (
    "id", "number", "name", "address", "lat", "lon", "point", "x", "y", "kind", "capacity", "step_free", "pets", "hours", "phone",
    "status", "verified", "note",
)  # fmt: skip
"""What a column can be. ``number`` is a running number, which may move on when a list is exported anew. ``point`` holds both coordinates; ``x`` and ``y`` are east and north in any grid."""

_SPELT: dict[str, str] = {
    "id": "id|uid|guid|uuid|global id|globalid|identifier|shelter id|ref|reference|code|inventory number|"
    "ідентифікатор|код|обліковий номер|інвентарний номер|номер споруди|номер укриття|обліковий номер укриття|"
    "идентификатор|учетный номер|kennung|objektnummer|schutzraumnummer|identifiant|code abri|identyfikator|identificador|"
    "código|inventarnyi nomer|oblikovyi nomer|ident",
    "number": "objectid|fid|gid|ogc fid|oid|number|no|nr|№|№ з/п|номер|номер з/п|№ п/п|nummer|lfd. nr.|numéro|n°|numer|lp|nomer|"
    "row|#",
    "name": "name|title|label|shelter name|shelter|facility|site|designation|назва|назва укриття|найменування|"
    "назва об'єкта|назва споруди|найменування об'єкта|укриття|название|наименование|bezeichnung|objekt|standort|"
    "nom|nom de l'abri|désignation|intitulé|libellé|nazwa|obiekt|nombre|denominación|nazva|naimenuvannia|official name",
    "address": "address|adress|addr|street address|full address|location address|addr:full|location|адреса|адреса укриття|"
    "місцезнаходження|адреса місцезнаходження|розташування|адрес|местоположение|адреса об'єкта|anschrift|adresse|lage|"
    "adresse complète|localisation|adres|adres obiektu|dirección|direccion|ubicación|adresa|vul|address ua",
    "lat": "lat|latitude|y coord|lat dd|latitud|широта|breite|breitengrad|geographische breite|szerokość|"
    "szerokość geograficzna|shyrota|wgs84 lat|geo lat|point y|gps lat|latitude wgs84|coord lat|y wgs84|shirota|latit",
    "lon": "lon|lng|long|longitude|x coord|lon dd|longitud|довгота|долгота|länge|längengrad|geographische länge|długość|"
    "długość geograficzna|dovhota|wgs84 lon|wgs84 long|geo lon|geo lng|point x|gps lon|longitude wgs84|coord lon|x wgs84|"
    "dolgota|longit",
    "point": "point|coordinates|coords|coordinate|geo point|geo point 2d|geopoint|geom|geometry|wkt|the geom|latlon|"
    "lat lon|latlng|lat long|gps|координати|координаты|koordinaten|geokoordinaten|coordonnées|coordonnées géographiques|"
    "współrzędne|coordenadas|koordynaty|location 1|shape",
    "x": "x|easting|east|ostwert|rechtswert|x web|coord x|coordinate x|est",
    "y": "y|northing|north|nordwert|hochwert|y web|coord y|coordinate y|nord",
    "kind": "type|kind|category|shelter type|type of shelter|facility type|object type|shelter_type|тип|вид|тип укриття|"
    "вид укриття|тип споруди|категорія|тип захисної споруди|вид захисної споруди|тип об'єкта|тип убежища|категория|art|"
    "typ|schutzraumtyp|kategorie|type d'abri|catégorie|nature|rodzaj|kategoria|rodzaj schronu|tipo|categoría|typ ukryttia|"
    "vyd|type building|tip",
    "capacity": "capacity|persons|people|places|number of people|max capacity|capacity persons|seats|spaces|місткість|"
    "вмістимість|місткість осіб|кількість осіб|кількість місць|розрахункова місткість|місткість чол|вместимость|"
    "количество мест|kapazität|plätze|personen|anzahl plätze|schutzplätze|fassungsvermögen|capacité|places|nombre de places|"
    "capacité d'accueil|pojemność|liczba miejsc|liczba osób|capacidad|plazas|aforo|mistkist|kilkist osib|vmistymist|"
    "capacity people|population",
    "step_free": "step free|step-free|stepfree|wheelchair|accessible|accessibility|wheelchair accessible|barrier free|"
    "disabled access|ramp|ada accessible|пандус|доступність|безбар'єрність|безбар'єрний доступ|інклюзивність|доступно для "
    "маломобільних|доступність для маломобільних груп населення|доступ для маломобільних груп|наявність пандуса|"
    "пристосованість для маломобільних|пандус (так/ні)|доступность|barrierefrei|barrierefreiheit|rollstuhl|rollstuhlgerecht|"
    "accessible pmr|pmr|accessibilité|accès pmr|dostępność|dostosowanie dla niepełnosprawnych|winda|accesible|accesibilidad|"
    "dostupnist|bezbarierno|inkliuzyvnist",
    "pets": "pets|pet|pets allowed|pet friendly|animals|dogs|dog|тварини|з тваринами|домашні тварини|можна з тваринами|"
    "животные|с животными|haustiere|tiere|hunde|tiere erlaubt|animaux|animaux admis|animaux acceptés|zwierzęta|mascotas|"
    "animales|tvaryny",
    "hours": "hours|opening hours|opening_hours|open hours|working hours|work hours|schedule|access hours|working time|"
    "години|години роботи|час роботи|графік роботи|режим роботи|режим доступу|доступ|часи роботи|время работы|график работы|"
    "режим работы|öffnungszeiten|zeiten|zugänglichkeit|horaires|heures d'ouverture|horaires d'ouverture|godziny|"
    "godziny otwarcia|dostęp|horario|horas|hrafik roboty|rezhym roboty|hodyny|operating hours|hours of operation|availability",
    "phone": "phone|telephone|tel|contact phone|contact|phone number|contact:phone|телефон|контактний телефон|контакт|"
    "номер телефону|контакты|telefon|rufnummer|téléphone|telefon kontaktowy|teléfono",
    "status": "status|state|condition|open|readiness|статус|стан|стан готовності|готовність|технічний стан|придатність|"
    "состояние|готовность|zustand|bereitschaft|état|statut|stan|gotowość|estado|stan hotovnosti|is open|active|usable",
    "verified": "verified|verified open at|verified at|last verified|checked|last checked|last inspection|inspected|"
    "inspection date|check_date|survey:date|дата перевірки|перевірено|дата огляду|остання перевірка|дата проверки|"
    "проверено|geprüft|geprüft am|letzte prüfung|vérifié|vérifié le|dernière vérification|sprawdzono|data kontroli|"
    "verificado|data perevirky|opening_hours check",
    "note": "note|notes|description|comment|comments|remarks|details|примітка|примітки|опис|коментар|додаткова інформація|"
    "примечание|описание|bemerkung|bemerkungen|beschreibung|hinweis|remarque|commentaire|observations|opis|uwagi|"
    "observaciones|prymitka|opys",
}
KNOWN: dict[str, str] = {fold(name): field for field in reversed(FIELDS) for name in _SPELT[field].split("|")}
"""Folded header names and the field each means."""

_YES = frozenset(map(fold, ["yes", "y", "true", "1", "t", "так", "є", "да", "есть", "наявний", "наявна", "наявне", "ja", "j", "oui", "o", "vrai", "tak", "si", "sí", "limited", "designated", "available", "allowed", "permitted", "доступно", "доступний", "доступне", "дозволено", "обладнано", "vorhanden", "erlaubt", "möglich", "autorisé", "autorisés", "admis", "leashed", "+", "✓", "ramp", "elevator", "lift", "пандус", "ліфт", "частково", "partial", "partially"])) | {"+", "✓", "✔"}  # fmt: skip
_NO = frozenset(map(fold, ["no", "n", "false", "0", "f", "ні", "нет", "немає", "відсутній", "відсутня", "відсутнє", "nein", "non", "faux", "nie", "none", "not allowed", "prohibited", "недоступно", "недоступний", "заборонено", "не обладнано", "nicht", "verboten", "nicht erlaubt", "interdit", "interdits", "not available", "unavailable", "brak"])) | {"-", "–", "—"}  # fmt: skip
_CLOSED = ("closed", "not ready", "unfit", "unusable", "inactive", "disused", "abandoned", "demolished", "зачинен", "закрит", "закрыт", "не готов", "неготов", "непридатн", "не придатн", "geschlossen", "nicht nutzbar", "außer betrieb", "nicht bereit", "fermé", "hors service", "inutilisable", "zamkn", "nieczynn", "cerrado", "out of service", "not in use")  # fmt: skip
_NO_STATUS_NO = frozenset(map(fold, ("no", "ні", "нет", "nein", "non", "false", "0", "nie", "off")))

_KINDS: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    (Kind.METRO, ("metro", "subway", "метро", "u bahn", "u-bahn", "ubahn", "metropolitan", "underground station")),
    (Kind.PARKING, ("parking", "паркінг", "паркинг", "автостоян", "tiefgarage", "parkhaus", "garage", "гараж", "stationnement", "car park", "aparcamiento")),
    (Kind.UNDERPASS, ("underpass", "підземний перехід", "підземн перех", "перехід", "переход", "unterführung", "passage souterrain", "przejście podziemne", "tunnel", "тунель")),
    (Kind.MODULAR, ("modular", "mobile", "мобільн", "модульн", "мобильн", "first aid shelter", "первинн", "mobil", "miguniyot")),
    (Kind.BASEMENT, ("basement", "cellar", "підвал", "подвал", "цоколь", "цокольн", "keller", "sous-sol", "cave", "piwnica", "найпростіш", "простейш", "simple", "sótano", "пристосован", "подвійн", "dual use", "dual-purpose")),
    (Kind.SHELTER, ("сховищ", "протирадіац", "пру", "укритт", "укрыт", "убежищ", "захисна споруда", "бомбосховищ", "bomb_shelter", "bomb shelter", "air raid", "shelter", "bunker", "schutzraum", "bunker", "abri", "schron", "refugio", "fallout", "захисн", "miklat")),
    (Kind.BUILDING, ("building", "school", "church", "hall", "gym", "будівл", "школ", "gebäude", "schule", "bâtiment", "école", "budynek", "edificio", "center", "centre")),
)  # fmt: skip


def field_of(header: str) -> str:
    """The field a column's name means; empty where it means none."""
    return KNOWN.get(fold(header), "") or KNOWN.get(fold(re.sub(r"[\(\[].*?[\)\]]|,.*$", "", header)), "")


def fields_of(headers: Iterable[str], mapped: Mapping[str, str]) -> dict[str, str]:
    """The column of each field: as ``mapped`` says, else the first column whose name is known for it."""
    found = {field: column for field, column in mapped.items() if field in FIELDS}
    taken = set(found.values())
    for header in headers:
        field = field_of(header)
        if field and field not in found and header not in taken:
            found[field] = header
    return found


def number(text: str) -> float | None:
    """A number however it is written; None where there is none.

    >>> number("50,4501"), number("1 200 осіб"), number("1'200"), number("1.200,5"), number("~")
    (50.4501, 1200.0, 1200.0, 1200.5, None)
    """
    shape = re.search(r"[-+]?\d[\d\s.,'\u00a0\u202f’]*", text.replace("−", "-"))
    if shape is None:
        return None
    digits = re.sub(r"[\s'\u00a0\u202f’]", "", shape[0]).rstrip(".,")
    if "," in digits and "." in digits:
        mark = max(digits.rfind(","), digits.rfind("."))
        digits = re.sub(r"[.,]", "", digits[:mark]) + "." + digits[mark + 1 :]
    elif digits.count(",") + digits.count(".") > 1:
        digits = re.sub(r"[.,]", "", digits)
    try:
        value = float(digits.replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def whole(text: str) -> int | None:
    """A count of people: a whole number from 1 to a million; None where there is none."""
    thousands = re.sub(r"(?<=\d)[.,\s](?=\d{3}(?!\d))", "", text)
    found = number(thousands)
    return int(found) if found is not None and 1 <= found <= 1_000_000 else None


_DEGREES = re.compile(
    r"""^\s*(?P<before>[NSEWСПЗ])?\s*(?P<sign>[-+−]?)\s*(?P<d>\d{1,3}(?:[.,]\d+)?)\s*(?:°|º|d|\s)?\s*
    (?:(?P<m>\d{1,2}(?:[.,]\d+)?)\s*(?:'|′|’|m|\s)\s*)?(?:(?P<s>\d{1,2}(?:[.,]\d+)?)\s*(?:"|″|”|''|s)?\s*)?
    (?P<after>[NSEWСПЗ])?\s*$""",
    re.VERBOSE | re.IGNORECASE,
)  # fmt: skip


def coordinate(text: str) -> float | None:
    """Degrees, decimal or with minutes and seconds, with a decimal comma or a letter of the compass; or metres.

    >>> round(coordinate("50°27'0\\"N"), 4), coordinate("30,5234"), coordinate("W 0.12"), coordinate("3398000.5")
    (50.45, 30.5234, -0.12, 3398000.5)
    """
    shape = _DEGREES.match(text)
    if shape is None:
        plain = text.strip().replace(" ", "").replace("\u00a0", "")
        return number(plain) if re.fullmatch(r"[-+−]?[\d.,]+", plain) else None
    value = float(shape["d"].replace(",", "."))
    value += float((shape["m"] or "0").replace(",", ".")) / 60 + float((shape["s"] or "0").replace(",", ".")) / 3600
    side = (shape["before"] or shape["after"] or "").upper()
    return -value if shape["sign"] in ("-", "−") or side in ("S", "W", "З") else value


_WKT = re.compile(r"POINT\s*(?:Z|M|ZM)?\s*\(\s*([-+\d.eE]+)[\s,]+([-+\d.eE]+)", re.IGNORECASE)


def both(text: str) -> tuple[float, float, str] | None:
    """Two coordinates in one cell as (first, second, order): ``xy`` where the form says so, else ``latlon``.

    >>> both("POINT (30.52 50.45)"), both("50.45, 30.52"), both("50,45; 30,52")
    ((30.52, 50.45, 'xy'), (50.45, 30.52, 'latlon'), (50.45, 30.52, 'latlon'))
    """
    if shape := _WKT.search(text):
        try:
            return float(shape[1]), float(shape[2]), "xy"
        except ValueError:
            return None
    if inside := re.search(r'"coordinates"\s*:\s*\[\s*([-\d.eE]+)\s*,\s*([-\d.eE]+)', text):
        return float(inside[1]), float(inside[2]), "xy"
    plain = text.strip().strip("()[]{}")
    for separator in (";", "|", ", ", "\t", " ", ","):
        parts = [part for part in plain.split(separator) if part.strip()]
        if len(parts) == 2:
            first, second = coordinate(parts[0]), coordinate(parts[1])
            if first is not None and second is not None:
                return first, second, "latlon"
    return None


def yes(text: str) -> bool | None:
    """Yes or no in the languages cities write; None where it is neither.

    >>> yes("так"), yes("нема"), yes("-")
    (True, None, False)
    """
    plain = text.strip()
    folded = fold(plain)
    if plain in _YES or (folded and folded in _YES):
        return True
    if plain in _NO or (folded and folded in _NO):
        return False
    first = fold(re.split(r"[\s,;(]", plain, maxsplit=1)[0])
    return True if first in _YES and first else False if first in _NO and first else None


def kind(text: str) -> Kind | None:
    """What a shelter is, out of the words for it; None where they are not known."""
    low = " ".join(text.casefold().split())
    return next((one for one, words in _KINDS if any(word in low for word in words)), None)


def closed(text: str) -> bool:
    """Whether the words of a status say that people cannot get in. What they do not say is no "open"."""
    low = " ".join(text.casefold().split())
    return any(word in low for word in _CLOSED) or fold(low) in _NO_STATUS_NO


_DATES = (
    (re.compile(r"^(\d{4})-(\d{1,2})-(\d{1,2})"), (1, 2, 3)),
    (re.compile(r"^(\d{1,2})[./](\d{1,2})[./](\d{4})"), (3, 2, 1)),
    (re.compile(r"^(\d{4})[./](\d{1,2})[./](\d{1,2})"), (1, 2, 3)),
)


def moment(text: str) -> datetime | None:
    """A day or a moment: ISO, day first with points or strokes, or seconds or milliseconds since 1970."""
    plain = text.strip()
    if re.fullmatch(r"\d{10}|\d{13}", plain):
        seconds = int(plain) / (1000 if len(plain) == 13 else 1)
        return datetime.fromtimestamp(seconds, UTC)
    try:
        found = datetime.fromisoformat(plain)
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    except ValueError:
        pass
    for form, (year, month, day) in _DATES:
        if shape := form.match(plain):
            try:
                told = date(int(shape[year]), int(shape[month]), int(shape[day]))
            except ValueError:
                return None
            return datetime(told.year, told.month, told.day, tzinfo=UTC)
    return None

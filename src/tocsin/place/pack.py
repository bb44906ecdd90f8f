"""Area packs: what an operator adds below ISO 3166-2, read from GeoJSON, from a code tree, or from recorded names.

- A pack is all or nothing: a fault in it is an error that names the place of the fault, and nothing is taken.
- A unit that is an ISO area already (an oblast in a Ukrainian code tree) is linked to it by name, not doubled.
- Ukrainian names also get their official Latin spelling, by which recordings and services name them.

Forms: a FeatureCollection (RFC 7946), or JSON objects with an id, a name and lists of such objects inside.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from tocsin.errors import ImportFileError
from tocsin.place.area import Shape
from tocsin.place.gazetteer import AreaPack, Gazetteer, Place, Unit
from tocsin.place.language import UNKNOWN, tag
from tocsin.place.spelling import fold, latin

# Where GeoJSON files in the wild keep these, tried in this order when no mapping says it.
_CODE = ("code", "id", "ref", "adm_code", "admin_code", "gid", "katotth", "koatuu", "nuts_id", "ags", "rs")
_PARENT = ("parent", "parent_code", "parent_id", "adm1_code", "iso_3166_2", "is_in:code")
_NAME = ("name", "title", "label")
_DEPTH = 12
_TOWN = re.compile(r"^(м\.|смт|с\.|місто|селище)\s*(?P<town>.+?)\s+та\s+(?P<community>.+)$")


def load(
    data: bytes, name: str, mapping: Mapping[str, str] | None = None, gazetteer: Gazetteer | None = None
) -> AreaPack:
    """The area pack in a file. ``mapping`` says which GeoJSON properties are ``code``, ``parent`` and ``name``."""
    try:
        whole = msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
        raise ImportFileError(f"{name}: not JSON: {wrong}") from None
    except RecursionError:
        raise ImportFileError(f"{name}: nested too deeply") from None
    gazetteer = gazetteer or Gazetteer.world()
    if isinstance(whole, dict) and whole.get("type") == "FeatureCollection":
        return _geojson(whole, name, mapping or {}, gazetteer)
    if isinstance(whole, dict | list):
        return _tree(whole, name, gazetteer)
    raise ImportFileError(f"{name}: neither a FeatureCollection nor a tree of areas")


def from_rows(
    rows: Iterable[tuple[str, str, str]], name: str = "ua", country: str = "UA", gazetteer: Gazetteer | None = None
) -> AreaPack:
    """A pack of the districts and communities that recorded rows (region, district, community) name.

    An empty field means the level above it. A row whose region is not known gives nothing: who reads the recording
    counts it as dirty. Codes are made of the region's ISO number and the name: ``ua:71.umanskyi-raion``.
    """
    gazetteer = gazetteer or Gazetteer.world()
    units: dict[str, Unit] = {}
    regions: dict[str, str | None] = {}
    for region, district, community in rows:
        if region not in regions:
            found = [place for place in gazetteer.find(region, within=country) if place.level == 1]
            regions[region] = found[0].code if found else None
        above = regions[region]
        if above is None:
            continue
        stem, parent = above.partition("-")[2], above
        for written in (district, community):
            if not written.strip():
                continue
            code = f"{stem}.{_slug(written)}"
            if code in units and parent != above and units[code].parent not in (parent, above):
                code = f"{parent}.{_slug(written)}"  # Two districts of this region have a community of this name.
            if code not in units:
                units[code] = Unit(code, parent, {"en": written.strip()}, aliases=_aliases(written))
            elif units[code].parent == above != parent:
                # An earlier row named the community without its district; now we know it.
                units[code] = msgspec.structs.replace(units[code], parent=parent)
            parent = code
    return AreaPack(name, tuple(_in_order(units, name, {})))


def row_place(gazetteer: Gazetteer, region: str, district: str = "", community: str = "") -> Place | None:
    """The place that a recorded row means: the community in its district in its region; None when it is not known.

    Each name is looked for within the one above it, because many communities share a name.
    """
    place: Place | None = None
    for written in (region, district, community):
        if not written.strip():
            continue
        found = gazetteer.find(written, within=None if place is None else place.code, limit=2)
        found = [one for one in found if place is None or one.code != place.code] or found
        if not found:
            return None
        place = found[0]
    return place


def _slug(name: str) -> str:
    plain = latin(name).casefold()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-") or fold(name)


# --- code trees ------------------------------------------------------------------------------------------------------


def _tree(whole: Any, name: str, gazetteer: Gazetteer) -> AreaPack:
    rows: list[tuple[str, str | None, str, str]] = []  # code, parent, name, where it stands in the file
    _walk(whole, None, "$", 0, rows, name)
    if not rows:
        raise ImportFileError(f"{name}: no object with an id and a name is in this file")
    roots = [(code, label) for code, parent, label, _ in rows if parent is None]
    found = {code: [place for place in gazetteer.find(label, limit=20) if place.level == 1] for code, label in roots}
    countries = Counter(place.parent for places in found.values() for place in places)
    country = countries.most_common(1)[0][0] if countries else None
    same = {
        code: next(place.code for place in places if place.parent == country)
        for code, places in found.items()
        if any(place.parent == country for place in places)
    }
    language = _language([label for _, _, label, _ in rows])
    units: dict[str, Unit] = {}
    seen: dict[str, str] = {}
    for code, parent, label, where in rows:
        if code in seen:
            raise ImportFileError(f"{name}: {where} has the id {code}, which {seen[code]} has already")
        seen[code] = where
        if code in same:
            continue
        names = {language: label}
        if language == "uk":
            names["en"] = latin(label)
        units[code] = Unit(code, country if parent is None else parent, names, aliases=_aliases(label))
    return AreaPack(name, tuple(units.values()), same)


def _walk(
    node: Any, parent: str | None, where: str, depth: int, rows: list[tuple[str, str | None, str, str]], name: str
) -> None:
    """Collect what has an id and a name, with whatever encloses it as its parent."""
    if depth > _DEPTH:
        raise ImportFileError(f"{name}: {where} is nested too deeply")
    if isinstance(node, list):
        for place, item in enumerate(node):
            _walk(item, parent, f"{where}[{place}]", depth, rows, name)
        return
    if not isinstance(node, dict):
        raise ImportFileError(f"{name}: {where} should be an object with an id and a name")
    ids = [key for key in node if re.search(r"(?i)(^|_)(id|code)$|[a-z](Id|Code)$", key)]
    labels = [key for key in node if re.search(r"(?i)(^|_)name$|[a-z]Name$", key)]
    if labels:
        if not ids or not isinstance(node[ids[0]], str | int) or isinstance(node[ids[0]], bool) or node[ids[0]] == "":
            raise ImportFileError(f"{name}: {where} has a name and no id")
        label = node[labels[0]]
        if not isinstance(label, str) or not label.strip():
            raise ImportFileError(f"{name}: {where} has an empty name")
        code = str(node[ids[0]])
        rows.append((code, parent, " ".join(label.split()), where))
        parent = code
    elif ids:
        raise ImportFileError(f"{name}: {where} has an id and no name")
    for key, value in node.items():
        if (isinstance(value, list) and value and isinstance(value[0], dict | list)) or isinstance(value, dict):
            _walk(value, parent, f"{where}.{key}", depth + 1, rows, name)


def _language(labels: Sequence[str]) -> str:
    """The language of a list of names, as far as its letters prove it: Ukrainian has ї, є, ґ and і."""
    return "uk" if any(letter in "їєґі" for letter in "".join(labels).casefold()) else UNKNOWN


def _aliases(label: str) -> tuple[str, ...]:
    """The parts by which a community with its town is named too: "м. Умань та Уманська територіальна громада"."""
    found: list[str] = []
    town = _TOWN.match(label)
    if town:
        found += [town["community"], town["town"]]
    else:
        recorded = re.match(r"^(m\.|smt|s\.)\s*(?P<town>.+?)\s+ta\s+(?P<community>.+)$", label)
        if recorded:
            found += [recorded["community"], recorded["town"]]
    return tuple(dict.fromkeys([*found, *(latin(name) for name in found)]))


# --- GeoJSON ---------------------------------------------------------------------------------------------------------


def _geojson(whole: dict[str, Any], name: str, mapping: Mapping[str, str], gazetteer: Gazetteer) -> AreaPack:
    features = whole.get("features")
    if not isinstance(features, list) or not features:
        raise ImportFileError(f"{name}: this FeatureCollection has no features")
    units: dict[str, Unit] = {}
    where_of: dict[str, str] = {}
    same: dict[str, str] = {}
    for place, feature in enumerate(features):
        where = f"features[{place}]"
        if not isinstance(feature, dict) or feature.get("type") != "Feature":
            raise ImportFileError(f"{name}: {where} is not a Feature")
        properties = feature.get("properties") or {}
        if not isinstance(properties, dict):
            raise ImportFileError(f"{name}: {where}.properties is not an object")
        code = _value(properties, mapping.get("code"), _CODE, name, where, "code") or _plain(feature.get("id"))
        if code is None:
            raise ImportFileError(f"{name}: {where} has no code (say which property it is)")
        if code in where_of:
            raise ImportFileError(f"{name}: {where} has the code {code}, which {where_of[code]} has already")
        where_of[code] = where
        names = _names(properties, mapping.get("name"))
        if not names:
            raise ImportFileError(f"{name}: {where} ({code}) has no name")
        parent = _value(properties, mapping.get("parent"), _PARENT, name, where, "parent")
        shape = _shape(feature.get("geometry"), f"{name}: {where}.geometry")
        if code in gazetteer:
            same[code] = gazetteer.canonical(code)
        else:
            units[code] = Unit(code, parent, names, shape, _aliases(next(iter(names.values()))))
    for code, unit in units.items():
        if unit.parent is not None and unit.parent not in units and unit.parent not in gazetteer:
            raise ImportFileError(f"{name}: {where_of[code]} ({code}) has the parent {unit.parent}, which is not here")
    return AreaPack(name, tuple(_in_order(units, name, where_of)), same)


def _plain(value: Any) -> str | None:
    return str(value).strip() or None if isinstance(value, str | int) and not isinstance(value, bool) else None


def _value(
    properties: dict[str, Any], said: str | None, usual: Sequence[str], name: str, where: str, what: str
) -> str | None:
    if said is not None:
        if said not in properties and what == "code":
            raise ImportFileError(f"{name}: {where} has no property {said!r} for its {what}")
        return _plain(properties.get(said))
    lower = {key.casefold(): key for key in properties}
    return next(
        (value for key in usual if key in lower and (value := _plain(properties[lower[key]])) is not None), None
    )


def _names(properties: dict[str, Any], said: str | None) -> dict[str, str]:
    """Names by language: ``name:uk`` or ``name_uk`` beside ``name``, whose language is guessed from its letters."""
    found: dict[str, str] = {}
    stem = said or next((key for key in properties if key.casefold() in _NAME), "name")
    for key, value in properties.items():
        if not isinstance(value, str) or not value.strip():
            continue
        if key == stem:
            found.setdefault(_language([value]), value.strip())
        elif key.casefold().startswith((f"{stem.casefold()}:", f"{stem.casefold()}_")):
            tongue = tag(key[len(stem) + 1 :])
            if tongue != UNKNOWN:
                found[tongue] = value.strip()
    if "uk" in found:
        found.setdefault("en", latin(found["uk"]))
    return found


def _shape(geometry: Any, where: str) -> Shape | None:
    if geometry is None:
        return None
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if kind not in ("Polygon", "MultiPolygon"):
        raise ImportFileError(f"{where} must be a Polygon or a MultiPolygon, and is {kind!r}")
    given = geometry.get("coordinates")
    polygons = []
    for at, rings in enumerate([given] if kind == "Polygon" else given or []):
        polygon = []
        for ring_at, ring in enumerate(rings if isinstance(rings, list) else []):
            spot = f"{where}.coordinates{f'[{at}]' if kind == 'MultiPolygon' else ''}[{ring_at}]"
            try:
                # The third number of a position, its height, is left out.
                degrees = np.array([point[:2] for point in ring], dtype=np.float64).reshape(-1, 2)
            except (TypeError, ValueError, IndexError):
                raise ImportFileError(f"{spot} is not a list of positions") from None
            if not np.isfinite(degrees).all() or np.abs(degrees).max(initial=0) > 720:
                raise ImportFileError(f"{spot} has numbers that are no degrees")
            polygon.append(np.rint(degrees[:, ::-1] * 1e6).astype(np.int64))
        if polygon:
            polygons.append(polygon)
    shape = Shape.of(polygons)
    if shape.empty:
        said = "; ".join(problem.message for problem in shape.problems) or "no ring in it"
        raise ImportFileError(f"{where} encloses no area: {said}")
    return shape


def _in_order(units: dict[str, Unit], name: str, where_of: Mapping[str, str]) -> list[Unit]:
    """Parents before their children; a circle among parents is an error."""
    done: dict[str, Unit] = {}
    for start in units:
        path: list[str] = []
        code: str | None = start
        while code is not None and code in units and code not in done:
            if code in path:
                place = f"{where_of[code]} ({code})" if code in where_of else code
                raise ImportFileError(f"{name}: {place} is its own ancestor")
            path.append(code)
            code = units[code].parent
        for one in reversed(path):
            done[one] = units[one]
    return list(done.values())

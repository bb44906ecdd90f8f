"""Shelters out of JSON: GeoJSON, the JSON of an ArcGIS layer, Overpass, and a plain list of objects.

- ArcGIS: coded values are read as the words of their domain, fields go by their alias too, points in Web Mercator become
  degrees, and a layer that says it was cut off (``exceededTransferLimit``) is a part only.
- GeoJSON may lie one object a line; a grid other than degrees (the old ``crs`` member) is converted or named.
- A file that ends in the middle is refused: what is missing would look like shelters that are gone.

Standard: RFC 7946; ArcGIS REST API (Query, Feature Layer); Overpass API (out json).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from tocsin.account import projection
from tocsin.account.importing import Fault
from tocsin.account.shelter_osm import DATASET, osm_row
from tocsin.account.shelter_row import Found, Point, Rows, placed, plain, point_of
from tocsin.errors import ImportFileError
from tocsin.remark import remark

_DEPTH = 4


def read_json(text: str) -> Rows:
    """The rows of a JSON file; :class:`ImportFileError` where it holds none."""
    whole = _parsed(text)
    if isinstance(whole, dict):
        if isinstance(fault := whole.get("error"), dict):
            # A server that refuses answers with 200 and this.
            refused = f"{plain(fault.get('code'))} {plain(fault.get('message'))}".strip()
            raise ImportFileError(remark("import.file.server", "the server said: {said}", said=refused))
        if isinstance(whole.get("elements"), list):
            return _overpass(whole)
        if isinstance(whole.get("features"), list) and whole.get("type") != "FeatureCollection" and _is_arcgis(whole):
            return _arcgis(whole)
        if isinstance(whole.get("layers"), list):
            inner = [one.get("featureSet") or one for one in whole["layers"] if isinstance(one, dict)]
            found = [one for one in inner if isinstance(one, dict) and isinstance(one.get("features"), list)]
            if found:
                return _arcgis(found[0])
        if whole.get("type") in ("FeatureCollection", "Feature") or isinstance(whole.get("features"), list):
            return _geojson(whole)
        lists = [value for value in whole.values() if isinstance(value, list) and value and isinstance(value[0], dict)]
        if lists:
            return _objects(max(lists, key=len))
    if isinstance(whole, list):
        if whole and isinstance(whole[0], dict) and whole[0].get("type") == "Feature":
            return _geojson({"features": whole})
        if any(isinstance(one, dict) for one in whole) or not whole:
            return _objects(whole)
    raise ImportFileError(
        remark("import.file.json-kind", "this JSON is neither GeoJSON nor of ArcGIS, Overpass, or a list of objects")
    )


def _parsed(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except RecursionError:
        raise ImportFileError(remark("import.file.nested", "this JSON is nested too deeply")) from None
    except msgspec.DecodeError as wrong:
        lines = [line.strip("\x1e \t\r,") for line in text.split("\n") if line.strip("\x1e \t\r,")]
        if len(lines) > 1 and all(line.startswith("{") for line in lines[:3]):
            try:
                return [msgspec.json.decode(line) for line in lines]
            except (msgspec.DecodeError, RecursionError):
                pass
        if "truncated" in str(wrong):
            raise ImportFileError(remark("import.file.cut", "the file ends in the middle; fetch it again")) from None
        raise ImportFileError(remark("import.file.no-json", "this is not JSON: {wrong}", wrong=str(wrong))) from None


def grid_of(name: object) -> int | None:
    """The EPSG code in the name of a grid; 4326 for CRS84; None where there is none in it."""
    text = str(name)
    if "CRS84" in text:
        return 4326
    shape = re.search(r"(\d{4,6})\s*$", text)
    return int(shape[1]) if shape else None


# --- GeoJSON ---------------------------------------------------------------------------------------------------------


def _geojson(whole: Mapping[str, Any]) -> Rows:
    features = whole.get("features", [whole])
    crs = whole.get("crs")
    named = crs.get("properties", {}).get("name") if isinstance(crs, dict) else None
    grid = (grid_of(named) if named else 4326) or 4326
    rows = []
    for number, feature in enumerate(features, 1):
        if not isinstance(feature, dict):
            rows.append(
                Found(
                    number,
                    {},
                    faults=(Fault(number, "row.unreadable", remark("import.no-feature", "This is no feature."), True),),
                )
            )
            continue
        properties = feature.get("properties")
        cells = _cells(properties if isinstance(properties, dict) else {})
        at, said = _geometry(feature.get("geometry"))
        latitude, longitude, faults = placed(number, at, said, grid)
        osm = str(feature.get("id") or cells.get("@id", ""))
        if re.fullmatch(r"(node|way|relation)/\d+", osm):
            where = (latitude, longitude) if latitude is not None and longitude is not None else None
            row = osm_row(number, osm, cells, where)
            if row is not None:
                rows.append(msgspec.structs.replace(row, faults=(*row.faults, *faults)))
            continue
        rows.append(Found(number, cells, latitude, longitude, plain(feature.get("id")), True, tuple(faults)))
    if rows and all(re.fullmatch(r"(node|way|relation)/\d+", row.id) for row in rows):
        return Rows("GeoJSON of OpenStreetMap", tuple(rows), dataset=DATASET)
    partial = whole.get("exceededTransferLimit") is True or _exceeded(whole.get("properties"))
    lines = (
        (remark("import.in-grid", "Coordinates are in EPSG:{grid}, converted to degrees.", grid=str(grid)),)
        if grid not in projection.DEGREES
        else ()
    )
    return Rows("GeoJSON", tuple(rows), lines, _cut(partial), partial=partial)


def _exceeded(properties: Any) -> bool:
    return isinstance(properties, dict) and properties.get("exceededTransferLimit") is True


def _geometry(geometry: Any, depth: int = 0) -> tuple[Point | None, str]:
    if not isinstance(geometry, dict):
        return None, ""
    kind = str(geometry.get("type", ""))
    if kind == "GeometryCollection" and depth < _DEPTH:
        inner = geometry.get("geometries")
        for one in inner if isinstance(inner, list) else ():
            at, _ = _geometry(one, depth + 1)
            if at is not None:
                return at, "The first of several geometries is taken."
        return None, "None of its geometries can be read."
    return point_of(kind, geometry.get("coordinates"))


def _cells(properties: Mapping[str, Any], depth: int = 0) -> dict[str, str]:
    """Properties as cells; those of an object inside go by both names (``tags.name`` and ``name``)."""
    cells: dict[str, str] = {}
    for key, value in list(properties.items())[:300]:
        if isinstance(value, dict) and depth < _DEPTH:
            for inner, text in _cells(value, depth + 1).items():
                cells.setdefault(inner, text)
                cells[f"{key}.{inner}"] = text
        else:
            cells[str(key)] = plain(value)
    return cells


def _cut(partial: bool) -> tuple[Fault, ...]:
    if not partial:
        return ()
    return (
        Fault(
            0,
            "file.cut-off",
            remark("import.cut-off", "The server says that there are more rows than it gave; nothing counts as gone."),
        ),
    )


# --- ArcGIS ----------------------------------------------------------------------------------------------------------


def _is_arcgis(whole: Mapping[str, Any]) -> bool:
    first = next((one for one in whole["features"] if isinstance(one, dict)), {})
    return "attributes" in first or any(
        key in whole for key in ("geometryType", "spatialReference", "objectIdFieldName")
    )


def _arcgis(whole: Mapping[str, Any]) -> Rows:
    layer = whole.get("layerDefinition")
    told = whole.get("fields") or (layer.get("fields") if isinstance(layer, dict) else None) or []
    fields = {
        str(one["name"]): one
        for one in (told if isinstance(told, list) else ())
        if isinstance(one, dict) and "name" in one
    }
    own = str(whole.get("globalIdFieldName") or "") or next(
        (n for n, f in fields.items() if "GlobalID" in str(f.get("type"))), ""
    )
    running = str(whole.get("objectIdFieldName") or "") or next(
        (n for n, f in fields.items() if "OID" in str(f.get("type"))), "OBJECTID"
    )
    words = {name: _domain(field) for name, field in fields.items()}
    grid = _reference(whole.get("spatialReference"))
    rows = []
    for number, feature in enumerate(whole["features"], 1):
        attributes = feature.get("attributes") if isinstance(feature, dict) else None
        if not isinstance(attributes, dict):
            rows.append(
                Found(
                    number,
                    {},
                    faults=(Fault(number, "row.unreadable", remark("import.no-feature", "This is no feature."), True),),
                )
            )
            continue
        cells: dict[str, str] = {}
        faults: list[Fault] = []
        for name, value in list(attributes.items())[:300]:
            text = plain(value)
            domain = words.get(name)
            if domain is not None and text:
                if text in domain:
                    text = domain[text]
                else:
                    faults.append(
                        Fault(
                            number,
                            "value.domain",
                            remark(
                                "import.domain",
                                "{name}: {text} is in no list of the layer.",
                                name=name,
                                text=repr(text[:40]),
                            ),
                        )
                    )
            if "Date" in str(fields.get(name, {}).get("type")) and isinstance(value, int | float) and abs(value) < 1e14:
                text = str(int(value)) if len(str(int(value))) in (10, 13) else ""
            cells[name] = text
            alias = fields.get(name, {}).get("alias")
            if isinstance(alias, str) and alias and alias != name:
                cells.setdefault(alias, text)
        geometry = feature.get("geometry")
        at, said = _esri(geometry)
        here = _reference(geometry.get("spatialReference")) if isinstance(geometry, dict) else None
        latitude, longitude, more = placed(number, at, said, here or grid or _guessed(at))
        mine = cells.get(own, "") if own else ""
        rows.append(
            Found(number, cells, latitude, longitude, mine or cells.get(running, ""), not mine, (*faults, *more))
        )
    partial = whole.get("exceededTransferLimit") is True
    lines = (
        (remark("import.in-grid", "Coordinates are in EPSG:{grid}, converted to degrees.", grid=str(grid)),)
        if grid and grid not in projection.DEGREES
        else ()
    )
    return Rows("ArcGIS JSON", tuple(rows), lines, _cut(partial), partial=partial)


def _domain(field: Mapping[str, Any]) -> dict[str, str] | None:
    domain = field.get("domain")
    values = domain.get("codedValues") if isinstance(domain, dict) else None
    if not isinstance(values, list):
        return None
    return {plain(one.get("code")): plain(one.get("name")) for one in values if isinstance(one, dict)}


def _reference(told: Any) -> int | None:
    if not isinstance(told, dict):
        return None
    for key in ("latestWkid", "wkid"):
        if isinstance(code := told.get(key), int) and projection.known(code):
            return code
    return told.get("wkid") if isinstance(told.get("wkid"), int) else None


def _guessed(at: Point | None) -> int:
    """Degrees where numbers can be degrees, Web Mercator where they cannot: a layer without a word about its grid."""
    return 4326 if at is None or (abs(at[0]) <= 180 and abs(at[1]) <= 180) else 3857


def _esri(geometry: Any) -> tuple[Point | None, str]:
    if not isinstance(geometry, dict):
        return None, ""
    if "x" in geometry or "y" in geometry:
        x, y = geometry.get("x"), geometry.get("y")
        # An empty point of ArcGIS is x: "NaN" or null.
        return point_of("Point", [x, y]) if isinstance(x, int | float) and isinstance(y, int | float) else (None, "")
    for key, kind in (("points", "MultiPoint"), ("paths", "MultiLineString")):
        if isinstance(geometry.get(key), list) and geometry[key]:
            return point_of(kind, geometry[key])
    rings = geometry.get("rings")
    return point_of("MultiPolygon", [[ring] for ring in rings]) if isinstance(rings, list) and rings else (None, "")


# --- Overpass and plain lists ----------------------------------------------------------------------------------------


def _overpass(whole: Mapping[str, Any]) -> Rows:
    elements = [one for one in whole["elements"] if isinstance(one, dict)]
    nodes = {one["id"]: one for one in elements if one.get("type") == "node" and "lat" in one and "id" in one}
    rows = []
    for number, one in enumerate(elements, 1):
        tags = one.get("tags")
        if not isinstance(tags, dict):
            continue
        cells = {str(key): plain(value) for key, value in tags.items()}
        row = osm_row(number, f"{plain(one.get('type'))}/{plain(one.get('id'))}", cells, _where(one, nodes))
        if row is not None:
            rows.append(row)
    said = plain(whole.get("remark"))
    # Overpass ends a query that runs too long with 200, what it has, and a remark.
    partial = "error" in said.lower()
    faults = (
        (
            Fault(
                0,
                "file.cut-off",
                remark("import.overpass", "Overpass says: {text}; nothing counts as gone.", text=said[:200]),
            ),
        )
        if partial
        else ()
    )
    return Rows("Overpass JSON", tuple(rows), (), faults, DATASET, partial)


def _where(one: Mapping[str, Any], nodes: Mapping[Any, Mapping[str, Any]]) -> tuple[float, float] | None:
    middle = one.get("center") if isinstance(one.get("center"), dict) else one
    if isinstance(middle, dict) and all(isinstance(middle.get(key), int | float) for key in ("lat", "lon")):
        return float(middle["lat"]), float(middle["lon"])
    line = one.get("geometry")
    if not isinstance(line, list):
        line = (
            [nodes[ref] for ref in one.get("nodes", ()) if ref in nodes] if isinstance(one.get("nodes"), list) else []
        )
    pairs = [
        [point["lon"], point["lat"]] for point in line if isinstance(point, dict) and "lat" in point and "lon" in point
    ]
    if pairs:
        return outlined(pairs)
    bounds = one.get("bounds")
    if isinstance(bounds, dict) and all(f"{end}{axis}" in bounds for end in ("min", "max") for axis in ("lat", "lon")):
        return (bounds["minlat"] + bounds["maxlat"]) / 2, (bounds["minlon"] + bounds["maxlon"]) / 2
    return None


def outlined(pairs: Sequence[Sequence[float]]) -> tuple[float, float] | None:
    """Latitude and longitude of a point on the outline or area that these points (lon, lat) draw."""
    closed = len(pairs) >= 4 and pairs[0] == pairs[-1]
    kind = "Polygon" if closed else "LineString" if len(pairs) > 1 else "Point"
    at, _ = point_of(kind, [pairs] if closed else pairs if len(pairs) > 1 else pairs[0])
    return (at[1], at[0]) if at is not None else None


def _objects(listed: Sequence[Any]) -> Rows:
    return Rows("JSON", tuple(_each(listed)))


def _each(listed: Sequence[Any]) -> Iterator[Found]:
    for number, one in enumerate(listed, 1):
        if isinstance(one, dict):
            at, said = _geometry(next((one[key] for key in ("geometry", "geom", "location") if key in one), None))
            latitude, longitude, faults = placed(number, at, said, 4326)
            yield Found(number, _cells(one), latitude, longitude, faults=tuple(faults))
        else:
            yield Found(
                number,
                {},
                faults=(Fault(number, "row.unreadable", remark("import.no-object", "This is no object."), True),),
            )

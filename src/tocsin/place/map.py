"""Maps: a country's regions as paths for inline SVG, small enough to travel inside the first response.

- Neighbours share one border: all lines of a country are simplified together, so no sliver opens between two regions.
- Coordinates are whole numbers, steps are relative: 27 regions of Ukraine fit into 4 KB compressed.
- A wide country is drawn on a cone, a small one flat at its middle latitude; one that crosses the antimeridian (Russia,
  Fiji) is turned so that it stays in one piece, and far islands too small to see are left out of the frame.
- The lines show the coarse 1:10m map. They decide nothing: who is warned is a matter of codes and polygons.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import shapely
from msgspec import Struct

from tocsin.errors import UnknownPlaceError
from tocsin.place import world
from tocsin.place.gazetteer import Gazetteer

# Finer than the 560 pixels it is shown at: half a pixel still shows on today's screens.
WIDTH = 760
# What all paths of a map may take, compressed: the page around it must fit into 14 KB with it.
BUDGET = 3_900
# Degrees of longitude beyond which a flat map would bend the country's shape to see.
_CONIC_FROM = 8.0
# Ground further out than this share of the country's own size, and smaller than that of its area, stays out of frame.
_ISLE = 0.004
_OUTLIER = 0.35

Array = np.ndarray[Any, np.dtype[np.float64]]


class Region(Struct, frozen=True):
    """One area on the map: ``path_d`` for SVG's ``<path d>``, and where its name goes."""

    code: str
    path_d: str
    label_x: int
    label_y: int


class Map(Struct, frozen=True, eq=False):
    """A country's regions in one frame; ``view_box`` for SVG's ``<svg viewBox>``."""

    code: str
    width: int
    height: int
    regions: tuple[Region, ...]
    placing: Callable[[Array], Array]

    @property
    def view_box(self) -> str:
        """The frame, as SVG writes it."""
        return f"0 0 {self.width} {self.height}"

    def project(self, latitude: int, longitude: int) -> tuple[float, float]:
        """Where a point (micro-degrees) is on this map, in its units; outside the frame when it is elsewhere."""
        x, y = self.placing(np.array([[longitude / 1e6, latitude / 1e6]]))[0]
        return float(x), float(y)


def country_map(code: str, width: int = WIDTH, tolerance: float = 1.7) -> Map:
    """The map of a country (or of the country of a region), ``width`` units wide.

    ``tolerance``: about the size, in units, of what is too small to draw; it grows until the map keeps to ``BUDGET``.
    A country without regions is drawn whole.
    """
    place = Gazetteer.world().get(code)
    return _drawn(place.code[:2], width, round(float(tolerance), 2))


@lru_cache(maxsize=64)
def _drawn(country: str, width: int, tolerance: float) -> Map:
    rows = world.polygons(country)
    if not rows:
        raise UnknownPlaceError(f"{country} has no lines to draw")
    areas = {
        code: shapely.MultiPolygon([shapely.Polygon(rings[0][:, ::-1] / 1e6, [r[:, ::-1] / 1e6 for r in rings[1:]])
                                    for rings in polygons])
        for code, polygons in rows.items()
    }  # fmt: skip
    codes = list(areas)
    geometry = np.array([areas[code] for code in codes], dtype=object)
    geometry = shapely.transform(geometry, _turn(geometry))
    geometry = np.array([_valid(area) for area in geometry], dtype=object)
    flat = shapely.transform(geometry, (plane := _plane(geometry)))
    flat = _framed(flat)
    west, south, east, north = shapely.total_bounds(flat)
    scale = width / max(east - west, (north - south) / 1.4, 1e-9)
    margin = 2.0
    scale *= (width - 2 * margin) / width
    wide, high = (east - west) * scale + 2 * margin, (north - south) * scale + 2 * margin
    shift = margin + (width - wide) / 2

    def placing(degrees: Array) -> Array:
        xy = plane(_turned(degrees, geometry_middle))
        return np.column_stack([(xy[:, 0] - west) * scale + shift, (north - xy[:, 1]) * scale + margin])

    geometry_middle = _middle_longitude(geometry)
    # Y grows downwards in SVG.
    drawn = shapely.transform(
        flat, lambda xy: np.column_stack([(xy[:, 0] - west) * scale + shift, (north - xy[:, 1]) * scale + margin])
    )
    dots = float(shapely.area(drawn).sum()) < 0.02 * wide * high
    paths = _paths(drawn, tolerance, dots)
    while len(zlib.compress("".join(paths).encode())) > BUDGET and tolerance < width / 20:
        tolerance *= 1.2
        paths = _paths(drawn, tolerance, dots)
    regions = []
    for region, path in zip(codes, paths, strict=True):
        label = placing(_label(region))[0]
        if path:
            regions.append(Region(region, path, round(float(label[0])), round(float(label[1]))))
    # Small regions are drawn last, so that a city inside its oblast is never hidden by it.
    size = {code: float(shapely.area(drawn[at])) for at, code in enumerate(codes)}
    regions.sort(key=lambda region: -size[region.code])
    return Map(country, width, math.ceil(high), tuple(regions), placing)


def _valid(area: Any) -> Any:
    """The area as polygons that do not cross themselves: rounding to the file's grid can make them touch."""
    if shapely.is_valid(area):
        return area
    repaired = shapely.make_valid(area, method="structure", keep_collapsed=False)
    parts = [part for part in shapely.get_parts(repaired) if part.geom_type == "Polygon"]
    return shapely.MultiPolygon(parts)


def _label(code: str) -> Array:
    place = Gazetteer.world().get(code)
    return np.array([[place.longitude / 1e6, place.latitude / 1e6]])


def _middle_longitude(geometry: Any) -> float:
    west, _, east, _ = shapely.total_bounds(geometry)
    return float(west + east) / 2


def _turned(degrees: Array, middle: float) -> Array:
    """Longitudes moved by whole turns to within half a turn of the map's middle."""
    turned = degrees.copy()
    turned[:, 0] -= 360 * np.round((degrees[:, 0] - middle) / 360)
    return turned


def _turn(geometry: Any) -> Callable[[Array], Array]:
    """Bring the parts on both sides of the antimeridian together: what is left out is the widest empty stretch."""
    parts = shapely.get_parts(geometry)
    bounds = shapely.bounds(parts)
    stretches = sorted((float(west), float(east)) for west, east in bounds[:, [0, 2]])
    end, gap, cut = stretches[0][1], 0.0, None
    for west, east in stretches:
        if west - end > gap:
            gap, cut = west - end, (west + end) / 2
        end = max(end, east)
    around = stretches[0][0] + 360 - end
    if cut is None or gap <= around:
        return lambda xy: xy
    return lambda xy: np.column_stack([np.where(xy[:, 0] < cut, xy[:, 0] + 360, xy[:, 0]), xy[:, 1]])


def _plane(geometry: Any) -> Callable[[Array], Array]:
    """The projection for this country: a cone through two of its latitudes, or flat at the middle one when small."""
    west, south, east, north = shapely.total_bounds(geometry)
    middle, latitude = math.radians((west + east) / 2), math.radians((south + north) / 2)
    if east - west < _CONIC_FROM or abs(south + north) < 20:
        narrow = math.cos(latitude)
        return lambda xy: np.column_stack([np.deg2rad(xy[:, 0]) * narrow, np.deg2rad(xy[:, 1])])
    low, high = (math.radians(south + share * (north - south)) for share in (1 / 6, 5 / 6))
    # Lambert's conformal conic with two standard parallels (Snyder 1987, section 15).
    tangent = [math.tan(math.pi / 4 + angle / 2) for angle in (low, high)]
    cone = math.log(math.cos(low) / math.cos(high)) / math.log(tangent[1] / tangent[0])
    size = math.cos(low) * tangent[0] ** cone / cone
    start = size / math.tan(math.pi / 4 + latitude / 2) ** cone

    def conic(xy: Array) -> Array:
        # The far pole is infinitely far on this map; a quarter of a degree before it is far enough.
        bounded = np.clip(np.deg2rad(xy[:, 1]), math.radians(-89.75), math.radians(89.75))
        away = size / np.tan(math.pi / 4 + bounded / 2) ** cone
        angle = cone * (np.deg2rad(xy[:, 0]) - middle)
        return np.column_stack([away * np.sin(angle), start - away * np.cos(angle)])

    return conic


def _framed(flat: Any) -> Any:
    """Leave out specks of land far from the country's main body, so that it fills the frame."""
    parts, of = shapely.get_parts(flat, return_index=True)
    if len(parts) < 2:
        return flat
    sizes = shapely.area(parts)
    total = float(sizes.sum())
    order = np.argsort(-sizes)
    box = shapely.box(*shapely.bounds(parts[order[0]]))
    kept = np.zeros(len(parts), dtype=bool)
    for at in order:
        west, south, east, north = shapely.bounds(box)
        reach = _OUTLIER * max(east - west, north - south)
        if sizes[at] >= _ISLE * total or shapely.distance(parts[at], box) <= reach * 0.5:
            kept[at] = True
            if sizes[at] >= _ISLE * total:
                box = shapely.box(*shapely.total_bounds(np.array([box, parts[at]], dtype=object)))
    return np.array(
        [shapely.MultiPolygon(list(parts[(of == at) & kept])) if ((of == at) & kept).any() else shapely.MultiPolygon()
         for at in range(len(flat))], dtype=object,
    )  # fmt: skip


def _paths(drawn: Any, tolerance: float, dots: bool) -> list[str]:
    """One path a region; a region that vanishes at this size is a dot, one outside the frame is empty.

    ``dots``: islands too small to see are dots too, as a country of atolls would be an empty frame without them.
    """
    simple = shapely.coverage_simplify(drawn, tolerance)
    written = []
    for area, whole in zip(simple, drawn, strict=True):
        path = _path(area, tolerance)
        if not path and not shapely.is_empty(whole):
            path = _dot(shapely.point_on_surface(whole))
        if dots:
            small = [part.centroid for part in shapely.get_parts(whole) if part.area < tolerance * tolerance]
            # Islets of one atoll are one dot.
            path += "".join(_dot(point, 6) for point in {(p.x // 12, p.y // 12): p for p in small}.values())
        written.append(path)
    return written


def _path(area: Any, tolerance: float) -> str:
    """Relative steps in whole numbers; rings that vanish at this size are left out."""
    written: list[str] = []
    for part in shapely.get_parts(area):
        if part.geom_type != "Polygon" or shapely.area(part) < tolerance * tolerance:
            continue
        # SVG fills a hole unless it runs against its shell.
        part = shapely.orient_polygons(part)
        for ring in (part.exterior, *part.interiors):
            points = np.rint(shapely.get_coordinates(ring)).astype(int)
            steps = np.diff(points, axis=0)
            steps = steps[(steps != 0).any(axis=1)][:-1]
            if len(steps) >= 2:
                written.append(f"M{points[0][0]} {points[0][1]}l" + _pairs(steps) + "z")
    return "".join(written)


def _pairs(steps: Any) -> str:
    """Numbers as short as SVG allows: a minus sign separates by itself."""
    text = ""
    for number in steps.reshape(-1).tolist():
        text += f"{number}" if not text or number < 0 else f" {number}"
    return text


def _dot(point: Any, size: int = 3) -> str:
    """Land too small for this size, as a diamond where it is."""
    return f"M{round(point.x) - size} {round(point.y)}l{size}-{size} {size} {size}-{size} {size}z"

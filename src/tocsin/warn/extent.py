"""Extents: what an area covers on the ground, how two areas differ, and what is left when one shrinks.

- Codes count with the gazetteer's shapes, drawn areas with their own; an area that has no shape cannot be compared, and
  that is said instead of guessed.
- A difference is given as CAP polygons only when it is clean: whole rings without holes, nothing left over, nothing
  lost. Otherwise somebody must choose codes (F4: geometry fails closed).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from msgspec import Struct

from tocsin.errors import GeometryError
from tocsin.place.area import Shape
from tocsin.place.gazetteer import Gazetteer
from tocsin.remark import remark
from tocsin.warn.compile import area
from tocsin.warn.draft import Where

SLIVER = 0.002
"""Of two areas that should fit together, so much may be left over by rounding, as a share."""


class Difference(Struct, frozen=True):
    """How an area differs from another: the share of the other it ``misses``, and its own share that lies ``beyond``."""

    misses: float
    beyond: float

    @property
    def most(self) -> float:
        """The greater of the two, 0 to 1."""
        return max(self.misses, self.beyond)


def shape_of(where: Where, gazetteer: Gazetteer) -> Shape | None:
    """What ``where`` covers; None where one of its codes has no shape, or it names nothing."""
    if not where:
        return None
    shapes = [gazetteer.shape(code) for code in where.codes]
    if any(shape is None for shape in shapes):
        return None
    if where.polygons or where.circles:
        drawn = area(Where(polygons=where.polygons, circles=where.circles, name={"en": "-"}), gazetteer, "en")
        circles = [(one.latitude, one.longitude, one.radius_km) for one in drawn.circles]
        shapes.append(Shape.of([one.points for one in drawn.polygons], circles))
    return Shape.union(shape for shape in shapes if shape is not None)


def difference(ours: Where, theirs: Where, gazetteer: Gazetteer) -> Difference | None:
    """How ``ours`` differs from ``theirs``; None where one of the two cannot be compared."""
    drawn = ours.polygons or ours.circles or theirs.polygons or theirs.circles
    if ours.codes and set(ours.codes) == set(theirs.codes) and not drawn:
        return Difference(0.0, 0.0)
    one, other = shape_of(ours, gazetteer), shape_of(theirs, gazetteer)
    if one is None or other is None:
        return None
    ours_flat, theirs_flat = _flat(one), _flat(other)
    whole, own = float(theirs_flat.area), float(ours_flat.area)
    if not whole or not own:
        return None
    common = float(shapely.intersection(ours_flat, theirs_flat).area)
    return Difference(max(0.0, 1 - common / whole), max(0.0, 1 - common / own))


def codes_under(where: Where, gazetteer: Gazetteer) -> tuple[str, ...]:
    """The codes of ``where``, and for what is drawn those of the smallest places at its corners and centres."""
    found = set(where.codes)
    corners = [text.split() for text in where.polygons] + [[text.split()[0]] for text in where.circles]
    for ring in corners:
        for corner in ring:
            latitude, longitude = (round(float(part) * 1_000_000) for part in corner.split(","))
            places = gazetteer.at(latitude, longitude)
            if places:
                found.add(places[0].code)
    return tuple(sorted(found))


def left_over(before: Where, after: Where, gazetteer: Gazetteer) -> Where:
    """What of ``before`` is no longer in ``after``; empty where nothing was left out.

    Raises :class:`GeometryError` where the rest cannot be named cleanly: then codes must be chosen by a person.
    """
    if not (before.polygons or before.circles or after.polygons or after.circles):
        return Where(codes=_codes_left(before.codes, after.codes, gazetteer))
    if before.codes or after.codes:
        if set(before.codes) == set(after.codes) and before.digest == after.digest:
            return Where()
        raise GeometryError(
            remark(
                "extent.mixed",
                "an area of codes and one that is drawn cannot be taken from each other; choose codes",
            )
        )
    if before.circles != after.circles:
        raise GeometryError(
            remark("extent.circle", "a circle that changes leaves no clean rest; choose codes for those who leave")
        )
    one, other = shape_of(before, gazetteer), shape_of(after, gazetteer)
    assert one is not None
    assert other is not None
    rest = shapely.difference(_flat(one), _flat(other))
    whole = float(_flat(one).area)
    if float(rest.area) <= SLIVER * whole:
        return Where()
    pieces = [part for part in shapely.get_parts(rest) if part.geom_type == "Polygon"]
    clean = [part for part in pieces if float(part.area) > SLIVER * whole]
    if any(part.interiors for part in clean) or not all(part.is_valid for part in clean):
        raise GeometryError(
            remark("extent.hole", "what is left over has a hole in it; choose codes for those who leave")
        )
    return Where(polygons=tuple(_text(part) for part in clean), name=before.name)


def _codes_left(before: tuple[str, ...], after: tuple[str, ...], gazetteer: Gazetteer) -> tuple[str, ...]:
    """The codes of ``before`` without those of ``after``; a place of which only a part stays is split into its parts."""
    stays = set(after)
    left: list[str] = []

    def leave(code: str) -> None:
        if code in stays or any(parent in stays for parent in gazetteer.ancestors(code)):
            return
        if not stays & set(gazetteer.descendants(code)):
            left.append(code)
            return
        children = gazetteer.children(code)
        if not children:
            raise GeometryError(
                remark("extent.split", "{code} cannot be split; choose codes for those who leave", code=code)
            )
        for child in children:
            leave(child)

    for code in before:
        leave(code)
    return tuple(sorted(left))


def grew(before: Where, after: Where, gazetteer: Gazetteer) -> bool:
    """Whether ``after`` reaches anybody whom ``before`` did not: then it sounds again for them."""
    if not (before.polygons or before.circles or after.polygons or after.circles):
        return any(
            code not in before.codes and not set(gazetteer.ancestors(code)) & set(before.codes) for code in after.codes
        )
    found = difference(after, before, gazetteer)
    return found is None or found.beyond > SLIVER


def _flat(shape: Shape) -> Any:
    """One valid geometry in micro-degrees; shares of areas near each other are as good there as on the ground."""
    return shapely.make_valid(shapely.union_all(shape.pieces()))


def _text(piece: Any) -> str:
    """A ring as CAP writes it: latitude,longitude, closed."""
    ring = np.round(np.asarray(piece.exterior.coords)).astype(np.int64)
    return " ".join(f"{latitude / 1e6:.6f},{longitude / 1e6:.6f}" for longitude, latitude in ring)

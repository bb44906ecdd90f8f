"""The outline of an alert: what its areas draw, as the one shape that matching asks about."""

from __future__ import annotations

from tocsin.cap.alert import Alert
from tocsin.place.area import Shape


def drawn(alert: Alert) -> Shape | None:
    """What ``alert`` draws, as one shape; None when it names codes only."""
    areas = [area for info in alert.infos for area in info.areas]
    rings = [ring.points for area in areas for ring in area.polygons]
    circles = [(c.latitude, c.longitude, c.radius_km) for area in areas for c in area.circles]
    return Shape.of(rings, circles) if rings or circles else None

"""Alerts as GeoJSON: the issuer's own shapes, and nothing that the issuer did not draw.

- An alert that only names areas by code has no geometry here (null is allowed by RFC 7946, section 3.2): its codes are in
  its properties. A coarse outline from a world map beside precise ones would look as precise as they are.
- The shapes are those that matching uses: closed, repaired, cut at the antimeridian; a circle becomes a polygon.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tocsin.cap.alert import Alert
from tocsin.errors import GeometryError
from tocsin.place.area import Shape

MEDIA_TYPE = "application/geo+json"


def geometry(alert: Alert) -> dict[str, Any] | None:
    """All shapes of an alert as one MultiPolygon; None when it has none. The same shape in two languages is one."""
    areas = [area for info in alert.infos for area in info.areas]
    # Keyed by its bytes: the two languages of one message repeat one shape.
    polygons = {polygon.points.tobytes(): polygon.points for area in areas for polygon in area.polygons}
    circles = {(one.latitude, one.longitude, one.radius_km) for area in areas for one in area.circles}
    if not polygons and not circles:
        return None
    try:
        shape = Shape.of([points for points in polygons.values() if len(points)], sorted(circles))
    except GeometryError:
        return None
    return None if shape.empty else shape.geojson()


def feature(identifier: str, properties: Any, alert: Alert) -> dict[str, Any]:
    """One alert as a Feature."""
    return {"type": "Feature", "id": identifier, "geometry": geometry(alert), "properties": properties}


def collection(features: Iterable[dict[str, Any]], **members: Any) -> dict[str, Any]:
    """A FeatureCollection with further members, such as the cursor of the next page."""
    return {"type": "FeatureCollection", "features": list(features), **members}

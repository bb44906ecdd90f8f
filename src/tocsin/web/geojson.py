"""Alerts as GeoJSON: the issuer's own shapes, and nothing that the issuer did not draw.

- An alert that only names areas by code has no geometry here (null is allowed by RFC 7946, section 3.2): its codes are in
  its properties. A coarse outline from a world map beside precise ones would look as precise as they are.
- A circle becomes a polygon that contains it: its corners lie outside by the 0.6 % that a sphere is wrong.
- Rings are counter-clockwise (section 3.1.6); positions are longitude first.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from tocsin.cap.alert import Alert, Circle, Polygon

CORNERS = 48
KM_PER_DEGREE = 111.195
OUTWARD = 1.006 / math.cos(math.pi / CORNERS)

MEDIA_TYPE = "application/geo+json"


def geometry(alert: Alert) -> dict[str, Any] | None:
    """All shapes of an alert as one MultiPolygon; None when it has none. The same shape in two languages is one."""
    rings: dict[tuple[tuple[float, float], ...], None] = {}
    for info in alert.infos:
        for area in info.areas:
            for polygon in area.polygons:
                if len(polygon.points) >= 4:
                    rings[_ring(polygon)] = None
            for circle in area.circles:
                rings[_around(circle)] = None
    if not rings:
        return None
    return {"type": "MultiPolygon", "coordinates": [[[list(point) for point in ring]] for ring in rings]}


def feature(identifier: str, properties: Any, alert: Alert) -> dict[str, Any]:
    """One alert as a Feature."""
    return {"type": "Feature", "id": identifier, "geometry": geometry(alert), "properties": properties}


def collection(features: Iterable[dict[str, Any]], **members: Any) -> dict[str, Any]:
    """A FeatureCollection with further members, such as the cursor of the next page."""
    return {"type": "FeatureCollection", "features": list(features), **members}


def _ring(polygon: Polygon) -> tuple[tuple[float, float], ...]:
    points = polygon.points
    latitude, longitude = points[:, 0].astype(float), points[:, 1].astype(float)
    double_area = float(np.sum(longitude[:-1] * latitude[1:] - longitude[1:] * latitude[:-1]))
    if double_area < 0:
        points = points[::-1]
    return tuple((int(lon) / 1e6, int(lat) / 1e6) for lat, lon in points)


def _around(circle: Circle) -> tuple[tuple[float, float], ...]:
    latitude, longitude = circle.latitude / 1e6, circle.longitude / 1e6
    north = max(circle.radius_km, 0.001) * OUTWARD / KM_PER_DEGREE
    east = north / max(0.01, math.cos(math.radians(min(89.0, abs(latitude) + north))))
    ring = []
    for corner in range(CORNERS):
        angle = 2 * math.pi * corner / CORNERS
        ring.append(
            (
                round(longitude + east * math.cos(angle), 6),
                round(max(-90.0, min(90.0, latitude + north * math.sin(angle))), 6),
            )
        )
    return (*ring, ring[0])

"""Projections: points that a city publishes in metres, as degrees of WGS 84.

- Web Mercator and the UTM zones of WGS 84 and ETRS 89 are what cities publish; any other grid is named, not guessed.
- UTM by the series of Krueger to the third power of the flattening: below a millimetre within a zone.

Standard: EPSG codes; ArcGIS's own 102100 and 102113 are Web Mercator too.
"""

from __future__ import annotations

import math

DEGREES = frozenset({4326, 4258, 4269, 4979, 84})
"""Codes of latitude and longitude in degrees that differ from WGS 84 by less than a metre or two."""
MERCATOR = frozenset({3857, 3785, 102100, 102113, 900913})

_RADIUS = 6_378_137.0
_FLATTENING = 1 / 298.257223563
_SCALE, _EAST, _NORTH = 0.9996, 500_000.0, 10_000_000.0


def known(code: int) -> bool:
    """Whether points in this grid can be brought to degrees."""
    return code in DEGREES or code in MERCATOR or _zone(code) is not None


def degrees(x: float, y: float, code: int) -> tuple[float, float]:
    """Latitude and longitude of the point (east, north) in the grid ``code``; ValueError for a grid not known here.

    >>> [round(v, 4) for v in degrees(3398000, 6526000, 3857)]
    [50.4581, 30.5248]
    """
    if code in DEGREES:
        return y, x
    if code in MERCATOR:
        return math.degrees(2 * math.atan(math.exp(y / _RADIUS)) - math.pi / 2), math.degrees(x / _RADIUS)
    zone = _zone(code)
    if zone is None:
        raise ValueError(f"EPSG:{code}")
    number, south = zone
    return _utm(x, y - (_NORTH if south else 0.0), number)


def _zone(code: int) -> tuple[int, bool] | None:
    """The UTM zone that a code means, and whether it is a southern one."""
    for first, last, south in ((32601, 32660, False), (32701, 32760, True), (25828, 25838, False)):
        if first <= code <= last:
            return code % 100, south
    return None


def _utm(x: float, y: float, zone: int) -> tuple[float, float]:
    n = _FLATTENING / (2 - _FLATTENING)
    mean = _RADIUS / (1 + n) * (1 + n**2 / 4 + n**4 / 64)
    xi, eta = y / (_SCALE * mean), (x - _EAST) / (_SCALE * mean)
    beta = (n / 2 - 2 * n**2 / 3 + 37 * n**3 / 96, n**2 / 48 + n**3 / 15, 17 * n**3 / 480)
    delta = (2 * n - 2 * n**2 / 3 - 2 * n**3, 7 * n**2 / 3 - 8 * n**3 / 5, 56 * n**3 / 15)
    xi1, eta1 = xi, eta
    for power, factor in enumerate(beta, 1):
        xi1 -= factor * math.sin(2 * power * xi) * math.cosh(2 * power * eta)
        eta1 -= factor * math.cos(2 * power * xi) * math.sinh(2 * power * eta)
    chi = math.asin(math.sin(xi1) / math.cosh(eta1))
    latitude = chi + sum(factor * math.sin(2 * power * chi) for power, factor in enumerate(delta, 1))
    longitude = math.radians(zone * 6 - 183) + math.atan2(math.sinh(eta1), math.cos(xi1))
    return math.degrees(latitude), math.degrees(longitude)

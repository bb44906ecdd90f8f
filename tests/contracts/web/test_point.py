"""What stands at a point is found by the areas, and it is what asking every alert would find."""

from __future__ import annotations

import random
from pathlib import Path

from tests.contracts.web.conftest import Building
from tests.contracts.web.test_reading import square
from tocsin.cap.alert import Area, Circle, Named
from tocsin.web.listing import AlertsQuery, Listing, point_of

COUNTRY = Area("all", geocodes=(Named("ISO3166-1", "UA"),))


def some_area(rng: random.Random) -> Area:
    """An area of any kind: codes, a polygon, a circle, both, or a name that nobody knows."""
    latitude, longitude = rng.uniform(44.5, 52.3), rng.uniform(22.2, 40.0)
    size = rng.uniform(0.1, 2.0)
    drawn = (square(latitude, longitude, latitude + size, longitude + size),)
    circle = (Circle(f"{latitude:.6f},{longitude:.6f} 40", round(latitude * 1e6), round(longitude * 1e6), 40.0),)
    code = (Named("ISO3166-2", rng.choice(["UA-30", "UA-32", "UA-63", "UA-46", "UA-18"])),)
    kinds = [
        Area("drawn", polygons=drawn), Area("round", circles=circle), Area("code", geocodes=code),
        COUNTRY, Area("both", polygons=drawn, geocodes=code),
        Area("Nobody knows where", geocodes=(Named("FOREIGN", "77"),)),
    ]  # fmt: skip
    return rng.choice(kinds)


def test_the_same_as_asking_every_alert(tmp_path: Path) -> None:
    """At three hundred points the page of what stands there is that of a scan, also when some have ended."""
    rng = random.Random(20)
    building = Building(tmp_path)
    building.hear()
    for number in range(120):
        building.publish(
            event_id=f"event-{number}", areas_of=tuple(some_area(rng) for _ in range(rng.choice([1, 1, 2])))
        )
    house, listing = building.house, Listing(building.house)
    for ended in (0, 40):
        for number in range(ended):
            building.publish("all-clear", event_id=f"event-{number}", version=2, areas_of=(COUNTRY,))
        building.clock.turn(3600 if ended else 0)
        building.hear()
        at = house.now()
        active = listing._active(at)
        met = 0
        for _ in range(150):
            text = f"{rng.uniform(44.5, 52.3):.4f},{rng.uniform(22.2, 40.0):.4f}"
            wanted = [
                row.identifier
                for row in house.register.newest()
                if row.identifier in active and listing._touches(row, house.register.show(row), point_of(text))
            ]
            found: list[str] = []
            cursor = None
            while True:
                page, cursor, _ = listing.page(AlertsQuery(active=True, point=text, limit=7, after=cursor), at)
                found += [shown.published.identifier for shown in page]
                if cursor is None:
                    break
            assert found == wanted
            met += len(found)
        assert met > 100
    building.store.close()

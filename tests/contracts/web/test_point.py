"""What stands at a point is found by the areas, and it is what asking every alert would find."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from tests.contracts.web.conftest import Building
from tests.contracts.web.test_reading import square
from tocsin.cap.alert import Alert, Area, Circle, Named
from tocsin.cap.coverage import Point
from tocsin.warn.publish import Published
from tocsin.warn.situation import Situation
from tocsin.web.house import House
from tocsin.web.listing import AlertsQuery, Listing, point_of
from tocsin.web.register import Row, Shown

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


async def test_the_same_as_asking_every_alert(tmp_path: Path) -> None:
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
        active = {one.published.identifier for one in house.situation.live(at)}
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
                page, cursor, _ = await listing.page(AlertsQuery(active=True, point=text, limit=7, after=cursor), at)
                found += [shown.published.identifier for shown in page]
                if cursor is None:
                    break
            assert found == wanted
            met += len(found)
        assert met > 100
    building.store.close()


async def everything(listing: Listing, **asked: object) -> list[str]:
    """The identifiers of all pages."""
    found: list[str] = []
    cursor = None
    while True:
        query = AlertsQuery(**asked, after=cursor)  # type: ignore[arg-type]
        page, cursor, _ = await listing.page(query, listing.house.now())
        found += [shown.published.identifier for shown in page]
        if cursor is None:
            return found


async def test_history_at_a_point_is_what_reading_all_finds(building: Building) -> None:
    """Also what has ended is found at a point, and what has not when only the others are asked for."""
    rng = random.Random(5)
    building.hear()
    for number in range(80):
        building.publish(event_id=f"event-{number}", areas_of=(some_area(rng),))
    for number in range(30):
        building.publish("all-clear", event_id=f"event-{number}", version=2, areas_of=(COUNTRY,))
    building.clock.turn(7200)
    building.hear()
    house, listing = building.house, Listing(building.house)
    active = {one.published.identifier for one in house.situation.live(house.now())}
    for _ in range(60):
        text = f"{rng.uniform(44.5, 52.3):.4f},{rng.uniform(22.2, 40.0):.4f}"
        wanted = [
            row.identifier
            for row in house.register.newest()
            if listing._touches(row, house.register.show(row), point_of(text))
        ]
        assert await everything(listing, point=text, limit=9) == wanted
        ended = [identifier for identifier in wanted if identifier not in active]
        assert await everything(listing, point=text, active=False, limit=9) == ended
    assert len(active) < len(house.register)


def drawn(rng: random.Random) -> Area:
    """A square of two degrees somewhere."""
    latitude, longitude = rng.uniform(44.5, 52.3), rng.uniform(22.2, 40.0)
    return Area("drawn", polygons=(square(latitude, longitude, latitude + 2, longitude + 2),))


async def test_the_first_question_after_a_start_prepares_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two hundred drawn alerts a new process opens only those around the point, whether they stand or not."""
    rng = random.Random(6)
    before = Building(tmp_path)
    before.hear()
    for number in range(200):
        before.publish(event_id=f"event-{number}", areas_of=(drawn(rng),))
    before.store.close()
    building = Building(tmp_path)
    building.hear()
    register, situation = building.house.register, building.house.situation
    opened: list[Row] = []
    parsed: list[str] = []
    read, of_situation = register.read, situation._read

    def reading(row: Row) -> Shown:
        opened.append(row)
        return read(row)

    def parsing(published: Published) -> Alert:
        parsed.append(published.identifier)
        return of_situation(published)

    monkeypatch.setattr(register, "read", reading)
    monkeypatch.setattr(situation, "_read", parsing)
    assert building.house.ground.waiting == 0
    point = point_of("48.3,31.2")
    around = register.boxes.at(point.latitude, point.longitude)
    assert 0 < len(around) < 20
    listing = Listing(building.house)
    assert set(await everything(listing, active=True, point="48.3,31.2")) <= {row.identifier for row in around}
    await everything(listing, point="48.3,31.2")
    assert opened == sorted(around, key=lambda row: row.seq, reverse=True)
    situation.at_point(point.latitude, point.longitude, building.house.now())
    assert set(parsed) <= {row.identifier for row in around}
    building.store.close()


async def nothing_waits(house: House) -> None:
    """Come back when everything was read."""
    # Whoever asks at once need not wait for this, so there is no event for it.
    while house.ground.waiting:  # noqa: ASYNC110
        await asyncio.sleep(0.001)


async def test_what_must_be_read_is_read_beside_the_server(building: Building) -> None:
    """Alerts that do not draw all that they are for are read in a thread as they come, and found before that too."""
    rng = random.Random(7)
    building.hear()
    for number in range(40):
        building.publish(event_id=f"event-{number}", areas_of=(some_area(rng),))
    house, listing = building.house, Listing(building.house)
    before = {
        text: await everything(listing, active=True, point=text) for text in ("50.45,30.52", "49.8,24.0", "46.5,30.7")
    }
    assert house.ground.waiting > 10
    following = asyncio.create_task(house.follow())
    await nothing_waits(house)
    for text, found in before.items():
        assert await everything(listing, active=True, point=text) == found
    later = building.publish(event_id="later", areas_of=(COUNTRY,)).identifier
    assert house.ground.waiting == 1
    assert later in await everything(listing, active=True, point="50.45,30.52")
    await nothing_waits(house)
    assert later in await everything(listing, active=True, point="50.45,30.52")
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


class Every(Situation):
    """Judges a point by every event that there is."""

    def _near(self, latitude: int, longitude: int, around: tuple[str, ...]) -> set[str]:
        return set(self._lines)


@pytest.mark.parametrize("seed", range(2))
def test_the_phase_at_a_point_is_that_of_all_events(building: Building, seed: int) -> None:
    """Which events are judged at a point changes nothing of what is said of it, whatever they draw, name or end."""
    rng = random.Random(seed)
    house = building.house
    every = Every(house.gazetteer, "actual", house.sources)
    building.hear()
    for number in range(40):
        event = f"event-{number}"
        areas = tuple(some_area(rng) for _ in range(rng.choice([1, 1, 2])))
        codes = ("UA",) if COUNTRY in areas else rng.choice([(), ("UA-30",), ("UA-32",), ("UA-18", "NOWHERE")])
        building.publish(event_id=event, areas=codes, areas_of=areas)
        if rng.random() < 0.3:
            building.publish(event_id=event, version=2, areas=codes, areas_of=(some_area(rng),))
        if rng.random() < 0.3:
            building.publish("all-clear", event_id=event, version=3, areas=codes, areas_of=areas)
    for entry in building.store.read(0, 1000):
        every.apply(entry)
    phases = set()
    for hours in (0, 1, 5):
        building.clock.turn(3600 * hours)
        building.hear()
        every.heard("office", building.clock.now())
        for _ in range(25):
            point = Point(rng.randint(44_500_000, 52_300_000), rng.randint(22_200_000, 40_000_000))
            at = house.now()
            one = house.situation.at_point(point.latitude, point.longitude, at)
            other = every.at_point(point.latitude, point.longitude, at)
            told = [(live.published, live.phase, live.since, live.ends) for live in one.alerts]
            assert told == [(live.published, live.phase, live.since, live.ends) for live in other.alerts]
            assert (one.phase, one.since, one.why, one.source) == (other.phase, other.since, other.why, other.source)
            phases.add(one.phase)
    assert len(phases) > 1

"""Whom an alert concerns when subscribers have many places, circles, areas of their own, wishes and an end."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rules.place.test_area import E6, ring
from tests.rules.reach.stage import NIGHT, Map
from tocsin.place.area import Shape
from tocsin.place.gazetteer import Gazetteer
from tocsin.reach.audience import Audience, Why
from tocsin.reach.subscription import Subscription
from tocsin.reach.wanted import Loudness, Watch


class DrawnMap(Map):
    """The map of seven places with outlines: a degree square each."""

    def shape(self, code: str) -> Shape | None:
        for (south, west), owner in self.squares.items():
            if owner == code:
                return Shape.of([box(south, west, south + 1, west + 1)])
        return None


def box(south: float, west: float, north: float, east: float) -> np.ndarray:
    """A rectangle in degrees."""
    return ring((south, west), (south, east), (north, east), (north, west))


def audience(*ones: Subscription, at_once: bool = False) -> Audience:
    found = Audience(DrawnMap())
    numbered = list(enumerate(ones, 1))
    if at_once:
        found.load(numbered)
    else:
        for number, one in numbered:
            found.add(number, one)
    return found


def told(room: Audience, *areas: str, shape: Shape | None = None, **how: object) -> list[int]:
    """Everybody whom an act alert concerns, by number."""
    found = room.match(areas, "act", shape=shape, **how)  # type: ignore[arg-type]
    return sorted(number for numbers in found.values() for number in numbers.tolist())


AREA = Shape.of([box(50.2, 30.2, 50.4, 30.4)])


@pytest.mark.parametrize("at_once", [False, True])
def test_two_hundred_places_of_one(at_once: bool) -> None:
    """Someone with 200 points, circles and codes that an alert all touches is told once, and not at all once gone."""
    points = tuple((50_200_000 + 500 * k, 30_300_000) for k in range(200))
    watches = tuple(Watch(latitude, longitude, 5_000) for latitude, longitude in points)
    room = audience(
        Subscription("many", "notes", ("UA", "UA-30"), points, watches=watches),
        Subscription("else", "notes", points=((49_000_000, 36_000_000),)),
        at_once=at_once,
    )
    assert told(room, "UA-30", shape=AREA) == [1]
    assert told(room, shape=AREA) == [1]
    assert told(room, "UA-30") == [1]
    assert room.preview(("UA-30",), "act", shape=AREA).total == 1
    room.remove(1)
    assert told(room, "UA-30", shape=AREA) == []
    assert told(room, "UA") == [2]
    assert room.nbytes < 100_000


@pytest.mark.parametrize("at_once", [False, True])
def test_a_circle_that_the_area_only_touches(at_once: bool) -> None:
    """Who stands outside an area is told when it comes within the circle that they watch, and otherwise not."""
    # 0.1 degrees of latitude are 11.1 km.
    room = audience(
        Subscription("near", "notes", watches=(Watch(50_500_000, 30_300_000, 12_000),)),
        Subscription("far", "notes", watches=(Watch(50_500_000, 30_300_000, 10_000),)),
        Subscription("in", "notes", watches=(Watch(50_300_000, 30_300_000, 10),)),
        Subscription("point", "notes", points=((50_500_000, 30_300_000),)),
        at_once=at_once,
    )
    assert told(room, shape=AREA) == [1, 3]
    assert room.why(1, (), AREA) == (Why("near"),)
    assert room.why(2, (), AREA) == ()
    assert room.why(3, (), AREA) == (Why("inside"),)
    circle = Shape.of(circles=[(50_300_000, 30_300_000, 12.5)])
    assert told(room, shape=circle) == [1, 2, 3]


def test_a_circle_over_the_border_of_a_named_area() -> None:
    """An alert that names an area and draws none concerns the circles that reach over its border."""
    room = audience(
        Subscription("over", "notes", watches=(Watch(50_500_000, 29_990_000, 2_000),)),
        Subscription("short", "notes", watches=(Watch(50_500_000, 29_990_000, 500),)),
    )
    assert told(room, "UA-30") == [1]
    assert room.why(1, ("UA-30",)) == (Why("near"),)
    assert told(room, "UA-32") == [1, 2]


def test_an_area_of_ones_own() -> None:
    """A campus drawn by its owner is concerned by whatever touches it, though no corner of either is in the other."""
    campus = ((50_250_000, 30_000_000), (50_250_000, 30_900_000), (50_260_000, 30_900_000), (50_260_000, 30_000_000))
    room = audience(
        Subscription("campus", "notes", polygons=(campus,)), Subscription("other", "notes", points=((0, 0),))
    )
    assert told(room, shape=AREA) == [1]
    assert room.why(1, (), AREA) == (Why("overlaps"),)
    assert told(room, "UA-30") == [1]
    assert told(room, "UA-63") == []
    assert told(room, shape=Shape.of([box(50.27, 30, 50.3, 31)])) == []
    room.remove(1)
    assert told(room, shape=AREA) == []
    assert told(room, "UA-30") == []


def test_a_stay_ends_by_itself() -> None:
    """A traveller is told until the last moment of the stay and not from then on; the end is named for the record."""
    room = audience(
        Subscription("stay", "notes", ("UA-30",), until=NIGHT + timedelta(hours=1)),
        Subscription("home", "notes", ("UA",)),
    )
    assert told(room, "UA-30", at=NIGHT) == [1, 2]
    assert told(room, "UA-30", at=NIGHT + timedelta(minutes=59, seconds=59.9)) == [1, 2]
    assert told(room, "UA-30", at=NIGHT + timedelta(hours=1)) == [2]
    assert room.over(NIGHT) == []
    assert room.over(NIGHT + timedelta(hours=1)) == ["stay"]
    room.remove(1)
    assert room.over(NIGHT + timedelta(hours=1)) == []


def test_phases_and_severities_wanted() -> None:
    """A subscriber is told of the phases and severities it wants; one that nobody said is never a reason to be silent."""
    room = audience(
        Subscription("all", "notes", ("UA",)),
        Subscription("grave", "notes", ("UA",), severities=("Extreme", "Severe")),
        Subscription("act", "notes", ("UA",), phases=("act",), severities=("Minor",)),
        Subscription("prepare", "notes", ("UA",), phases=("prepare",)),
    )
    assert told(room, "UA") == [1, 2, 3]
    assert told(room, "UA", severity="Severe") == [1, 2]
    assert told(room, "UA", severity="Minor") == [1, 3]
    assert told(room, "UA", severity="Moderate") == [1]
    assert [n.tolist() for n in room.match(("UA",), "prepare").values()] == [[1, 2, 4]]
    assert [n.tolist() for n in room.match(("UA",), "hold").values()] == [[1, 2]]


def test_audience_by_scope() -> None:
    """What is public is for all; restricted for staff, or those who bear the role it names; private for nobody."""
    room = audience(
        Subscription("citizen", "notes", ("UA",), audience="citizen"),
        Subscription("staff", "notes", ("UA",), audience="staff"),
        Subscription("warden", "notes", ("UA",), audience="staff", roles=("warden", "medic")),
        Subscription("pretender", "notes", ("UA",), roles=("warden",)),
    )
    assert told(room, "UA") == [1, 2, 3, 4]
    assert told(room, "UA", scope="Restricted") == [2, 3]
    assert told(room, "UA", scope="Restricted", role="role:warden") == [3]
    assert told(room, "UA", scope="Restricted", role="role:driver") == []
    assert told(room, "UA", scope="Private") == []


def test_preview_counts_whom_the_match_names() -> None:
    """The composer's counts by channel, language and audience are those of the very people who would be told."""
    rng = np.random.default_rng(1)
    ones = [
        Subscription(
            f"s{k}",
            ("notes", "hook")[k % 2],
            points=((int(rng.integers(50 * E6, 51 * E6)), int(rng.integers(30 * E6, 31 * E6))),),
            languages=(("uk",), ("en", "uk"), ())[k % 3],
            audience=("public", "staff")[k % 5 == 0],
        )
        for k in range(400)
    ]
    room = audience(*ones, at_once=True)
    found = room.match((), "act", shape=AREA)
    named = [ones[number - 1] for numbers in found.values() for number in numbers.tolist()]
    tally = room.preview((), "act", shape=AREA)
    assert 0 < tally.total == len(named) < 400
    assert tally.channels == {name: len(numbers) for name, numbers in sorted(found.items())}
    for count, of in [
        (tally.languages, lambda one: one.languages[0] if one.languages else ""),
        (tally.audiences, lambda one: one.audience),
    ]:
        assert count == {name: sum(of(one) == name for one in named) for name in {of(one) for one in named}}
    everybody = {number for numbers in found.values() for number in numbers.tolist()}
    assert {number for number in range(1, 401) if room.why(number, (), AREA)} == everybody


def test_persons_and_systems_are_counted_apart() -> None:
    """Somebody with three channels is one person by three ways, a webhook is a system, and somebody's siren no person."""
    room = audience(
        Subscription("a", "mail", ("UA",), person="anna", order=0),
        Subscription("b", "sms", ("UA",), person="anna", order=1),
        Subscription("c", "webhook", ("UA",), person="anna", order=2),
        Subscription("d", "mail", ("UA",)),
        Subscription("e", "mail", ("UA",), phases=("prepare",)),
        Subscription("f", "siren", ("UA",), person="house"),
        Subscription("g", "mqtt", ("DE",)),
    )
    tally = room.preview(["UA"], "act")
    assert (tally.total, tally.people, tally.systems) == (5, 2, 2)
    assert tally.channels == {"mail": 2, "siren": 1, "sms": 1, "webhook": 1}
    assert room.preview(["UA"], "prepare").people == 3
    assert (room.preview(["DE"], "act").people, room.preview(["DE"], "act").systems) == (0, 1)


def test_shape_without_codes_finds_those_who_gave_codes() -> None:
    """An alert that only draws concerns who subscribed to an area that the drawing touches."""
    room = audience(
        Subscription("a", "notes", ("UA-30",)),
        Subscription("b", "notes", ("UA-63",)),
        Subscription("c", "notes", ("X",)),
    )
    assert told(room, shape=AREA) == [1]
    assert told(room, "UA-63", shape=AREA) == [2]


def test_many_points_are_settled_in_areas_together() -> None:
    """Of 3,000 points, an alert that only names an oblast concerns just those whose innermost area the map puts there."""
    world = Gazetteer.world()
    rng = np.random.default_rng(2)
    points = rng.integers([46 * E6, 23 * E6], [51 * E6, 39 * E6], (3_000, 2)).tolist()
    room = Audience(world)
    room.load((n, Subscription(f"s{n}", "notes", points=((lat, lon),))) for n, (lat, lon) in enumerate(points))
    expected = []
    for n, (lat, lon) in enumerate(points):
        spots = world.at(lat, lon)
        if spots and (spots[0].code == "UA-32" or spots[0].code in world.ancestors("UA-32")):
            expected.append(n)
    assert len(expected) > 20
    assert told(room, "UA-32") == expected
    for n in expected[::2]:
        room.remove(n)
    assert told(room, "UA-32") == expected[1::2]


def test_who_is_left_out_by_a_smaller_area() -> None:
    """Of those who were told exactly those are left out whom the new area does not concern, whatever they asked for."""
    small = Shape.of([box(50.2, 30.2, 50.3, 30.4)])
    room = audience(
        Subscription("out", "notes", points=((50_350_000, 30_300_000),), phases=("act",)),
        Subscription("in", "notes", points=((50_250_000, 30_300_000),)),
        Subscription("edge", "paper", points=((50_300_000, 30_300_000),)),
        Subscription("near", "paper", watches=(Watch(50_350_000, 30_300_000, 6_000),)),
        Subscription("code", "paper", ("UA-30",)),
        Subscription("never told", "notes", points=((50_350_000, 30_300_000),)),
        Subscription("gone", "notes", points=((50_350_000, 30_300_000),)),
    )
    room.remove(7)
    reached = np.array([1, 2, 3, 4, 5, 7])
    assert {name: found.tolist() for name, found in room.left(reached, (), small).items()} == {"notes": [1]}
    assert {name: found.tolist() for name, found in room.left(reached, ("UA-63",)).items()} == {
        "notes": [1, 2],
        "paper": [3, 4, 5],
    }


def test_how_loud_by_the_place_that_is_concerned() -> None:
    """Who wants their cottage quiet and their home loud is warned aloud when both are concerned; others are not named."""
    home, cottage = Watch(50_300_000, 30_300_000, 10), Watch(49_500_000, 36_500_000, 10)
    wishes = (Loudness("silent", "watch:1"), Loudness("ordinary", "watch:0", ("prepare",)))
    room = audience(
        Subscription("olena", "notes", watches=(home, cottage), loudness=wishes),
        Subscription("other", "notes", ("UA",)),
    )
    both = np.array([1, 2])
    assert room.loudness(both, ("UA-63",), "act") == {1: "silent"}
    assert room.loudness(both, ("UA",), "act") == {}
    assert room.loudness(both, (), "prepare", AREA) == {1: "ordinary"}
    room.remove(1)
    assert room.loudness(both, ("UA-63",), "act") == {}


def test_a_stay_begins_at_its_first_moment() -> None:
    """Who comes tomorrow is not told today."""
    room = audience(Subscription("tomorrow", "notes", ("UA-30",), start=NIGHT + timedelta(days=1)))
    assert told(room, "UA-30", at=NIGHT + timedelta(hours=23, minutes=59)) == []
    assert told(room, "UA-30", at=NIGHT + timedelta(days=1)) == [1]
    assert told(room, "UA-30") == [1]
    room.remove(1)
    room.add(2, Subscription("now", "notes", ("UA-30",)))
    assert told(room, "UA-30", at=NIGHT) == [2]


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 12), st.sampled_from(["", "p", "q"])), max_size=60))
def test_the_ledger_is_a_book_of_who_is_there(steps: list[tuple[bool, int, str]]) -> None:
    """Whatever comes and goes, each number, id and person finds what a plain dictionary would."""
    room, plain = audience(), dict[int, Subscription]()
    for comes, number, person in steps:
        if comes:
            wish = ("UA",) if number % 2 else ("DE",)
            one = Subscription(
                f"id-{number}-{person}-{'long' * (number % 3 * 4)}", "notes", wish, number=number, person=person
            )
            room.add(number, one)
            plain[number] = one
        else:
            room.remove(number)
            plain.pop(number, None)
        if number % 5 == 0:
            room._ledger.settle()
    assert len(room) == len(plain)
    assert sorted(room.numbers()) == sorted(plain)
    for number in range(14):
        assert room.subscription(number) == plain.get(number)
    for one in plain.values():
        assert room.number(one.id) == one.number
    for person in ("p", "q"):
        assert sorted(room.of_person(person)) == sorted(n for n, one in plain.items() if one.person == person)
    assert room.whose(range(14)) == {n: (one.person, 0) for n, one in plain.items() if one.person}
    assert room._ledger.wishes <= 2
    assert room.number("nobody") is None

"""Whom an alert concerns, and why."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.rules.reach.stage import PARENTS, Map
from tocsin.reach.audience import Audience, Why, related
from tocsin.reach.subscription import Subscription


class Box:
    """A rectangle in micro-degrees."""

    def __init__(self, south: int, west: int, north: int, east: int) -> None:
        self.low, self.high = np.array([south, west]), np.array([north, east])

    def covers(self, latitude: int, longitude: int) -> bool:
        return bool(self.covers_many(np.array([[latitude, longitude]]))[0])

    def covers_many(self, points: np.ndarray) -> np.ndarray:
        return np.all((points >= self.low) & (points <= self.high), axis=1)

    def overlaps(self, other: object) -> bool:
        return False


codes = st.sampled_from(sorted(PARENTS))
subscriptions = st.lists(st.tuples(st.sets(codes, max_size=3), st.sampled_from(["notes", "hook"])), max_size=12)


def audience(*ones: Subscription) -> Audience:
    found = Audience(Map())
    for number, one in enumerate(ones, 1):
        found.add(number, one)
    return found


@given(subscriptions, st.sets(codes, min_size=1, max_size=3), st.data())
def test_matches_what_the_map_relates(wanted: list[tuple[set[str], str]], areas: set[str], data: st.DataObject) -> None:
    """However subscriptions come and go, an alert concerns exactly those with an area above, below or the same."""
    ones = [Subscription(f"s{n}", channel, tuple(places)) for n, (places, channel) in enumerate(wanted)]
    room = audience(*ones)
    gone = data.draw(st.sets(st.integers(1, len(ones)))) if ones else set()
    for number in gone:
        room.remove(number)
    place = Map()

    def concerns(one: Subscription) -> bool:
        return any(a == b or a in place.ancestors(b) or b in place.ancestors(a) for a in areas for b in one.areas)

    expected = {n for n, one in enumerate(ones, 1) if n not in gone and concerns(one)}
    found = room.match(tuple(areas), "act")
    assert {n for numbers in found.values() for n in numbers.tolist()} == expected
    for channel, numbers in found.items():
        assert numbers.tolist() == sorted(set(numbers.tolist()))
        assert all(ones[n - 1].channel == channel for n in numbers.tolist())
    assert {n for n in range(1, len(ones) + 1) if room.why(n, tuple(areas))} == expected


def test_why() -> None:
    """Each match says how the alert's area and the subscriber's stand to each other."""
    room = audience(
        Subscription("a", "notes", ("UA-32",)),
        Subscription("b", "notes", points=((50_500_000, 29_500_000),)),
    )
    assert room.why(1, ("UA-32",)) == (Why("same", "UA-32", "UA-32"),)
    assert room.why(1, ("UA",)) == (Why("contains", "UA", "UA-32"),)
    assert room.why(1, ("pack:bucha",)) == (Why("part", "pack:bucha", "UA-32"),)
    assert room.why(1, ("DE",)) == ()
    assert room.why(2, ("UA-32",)) == (Why("contains", "UA-32", "pack:bucha"),)
    assert room.why(2, (), Box(50_000_000, 29_000_000, 51_000_000, 30_000_000)) == (Why("inside"),)


def test_the_issuers_polygon_wins_for_points() -> None:
    """A point outside the issuer's polygon is not concerned, though it lies in the area that the alert names."""
    room = audience(
        Subscription("in", "notes", points=((50_400_000, 30_500_000),)),
        Subscription("out", "notes", points=((50_900_000, 30_500_000), (10, 10))),
        Subscription("area", "notes", ("UA-30",)),
    )
    box = Box(50_300_000, 30_400_000, 50_500_000, 30_600_000)
    assert room.match(("UA-30",), "act", shape=box)["notes"].tolist() == [1, 3]
    assert room.match(("UA-30",), "act")["notes"].tolist() == [1, 2, 3]
    room.remove(1)
    assert room.match(("UA-30",), "act", shape=box)["notes"].tolist() == [3]
    assert room.match(("UA-30",), "act")["notes"].tolist() == [2, 3]


def test_phases_and_scope() -> None:
    """A subscriber is told of the phases it wants, and only staff of what is restricted."""
    room = audience(
        Subscription("all", "notes", ("UA",)),
        Subscription("act", "notes", ("UA",), phases=("act",)),
        Subscription("staff", "notes", ("UA",), audience="staff"),
    )
    assert room.match(("UA",), "prepare")["notes"].tolist() == [1, 3]
    assert room.match(("UA",), "act")["notes"].tolist() == [1, 2, 3]
    assert room.match(("UA",), "act", "Restricted")["notes"].tolist() == [3]
    assert room.match(("UA",), "act", "Private") == {}


def test_unknown_codes_stay_alone() -> None:
    """A code that the map does not know concerns whoever subscribed to that very code."""
    room = audience(Subscription("a", "notes", ("XX-1",)), Subscription("b", "notes", ("UA",)))
    assert room.match(("XX-1",), "act")["notes"].tolist() == [1]
    assert related(Map(), ["XX-1"]) == {"XX-1"}

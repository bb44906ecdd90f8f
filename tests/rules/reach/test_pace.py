"""How fast deliveries were accepted, where recipients are and what they read: what the facts of the dispatch say."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.rules.reach.conftest import Room
from tests.rules.reach.stage import published, until
from tocsin.clock import TurnedClock
from tocsin.journal import Entry
from tocsin.reach.channel import ACCEPTED, Outcome, later
from tocsin.reach.delivery import DELIVERY_SEALED, DELIVERY_SETTLED, Delivery, Sealed, Settled
from tocsin.reach.pace import Pace


@given(st.lists(st.floats(0.001, 600_000), min_size=1, max_size=200))
def test_what_is_read_from_a_pace_is_no_sooner_and_little_later(seconds: list[float]) -> None:
    """Of any deliveries, each part is said to within two hundredths of when it was accepted, the first exactly."""
    pace = Pace()
    for one in seconds:
        pace.add(one)
    curve, ordered = pace.curve(), sorted(seconds)
    assert curve["first"] == round(ordered[0], 3)
    for name, part in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        exact = ordered[int(np.ceil(part * len(ordered))) - 1]
        assert round(exact, 3) - 0.001 <= curve[name] <= exact * 1.0201 + 0.001


def test_a_pace_takes_the_same_room_whatever_it_saw() -> None:
    """A million deliveries, one before publication by a wrong clock and one after months, are a few hundred numbers."""
    pace = Pace()
    pace.add(-5.0)
    pace.add(1.0, 1_000_000)
    pace.add(10_000_000.0)
    assert pace.count == 1_000_002
    assert pace._bins.nbytes <= 10_000
    curve = pace.curve()
    assert curve["first"] == 0.0
    assert 1.0 <= curve["p50"] == curve["p95"] == curve["p99"] <= 1.02
    assert Pace().curve() == {}


def facts(room: Room, kind: str) -> list[Entry]:
    return room.store.read(0, kinds=[kind])


async def test_the_sealed_fact_says_where_recipients_are_and_what_they_read(room: Room) -> None:
    """Each recipient counts once, in the first-level region that the alert concerns, and by the first language named."""
    room.subscribe("UA-30", languages=("uk", "en"))
    room.subscribe("UA-63", "pack:bucha", languages=("uk",))
    room.subscribe(points=((50_500_000, 29_500_000),), languages=("en",))
    room.subscribe("UA")
    room.subscribe("DE-BE", languages=("de",))
    async with room.running() as dispatch:
        await room.publish(published(areas=("UA-30", "UA-32")))
        await dispatch.quiet()
    (sealed,) = (entry.read(Sealed) for entry in facts(room, DELIVERY_SEALED))
    assert sealed.areas == {"UA": 1, "UA-30": 1, "UA-32": 2}
    assert sealed.languages == {"": 1, "en": 1, "uk": 2}
    assert sum(sealed.areas.values()) == sum(sealed.languages.values()) == sealed.recipients


async def test_the_settled_fact_says_how_fast(room: Room) -> None:
    """The curve runs from the publication to each acceptance, also of those who were tried again."""
    late = [one.id for one in room.crowd(2, "UA-30")]
    room.crowd(97, "UA-30")
    tries: list[str] = []

    def answer(delivery: Delivery) -> Outcome:
        name = delivery.to.subscription
        tries.append(name)
        return later(30.0) if name in late and tries.count(name) == 1 else ACCEPTED

    room.notes.answer = answer
    async with room.running() as dispatch:
        await room.publish(published())
        await until(lambda: len(tries) >= 99)
        await asyncio.sleep(0.05)
        room.clock.turn(40.0)
        await dispatch.quiet()
    (settled,) = (entry.read(Settled) for entry in facts(room, DELIVERY_SETTLED))
    assert settled.outcomes == {"accepted": 99}
    assert not settled.curve_partial
    assert settled.curve == {"first": 0.0, "p50": 0.001, "p95": 0.001, "p99": 40.0}


async def test_what_was_before_a_restart_is_left_out_and_said(tmp_path: Path, clock: TurnedClock) -> None:
    """Who was accepted before a restart is not in the curve, and the fact says that it is partial."""
    room = Room(tmp_path, clock)
    soon = [one.id for one in room.crowd(4, "UA-30")][:2]
    room.notes.answer = lambda delivery: ACCEPTED if delivery.to.subscription in soon else later(600.0)
    async with room.running():
        await room.publish(published())
        await until(lambda: len(room.notes.sent) == 4)
    room = room.again()
    clock.turn(10.0)
    async with room.running() as dispatch:
        await dispatch.quiet()
    (settled,) = (entry.read(Settled) for entry in facts(room, DELIVERY_SETTLED))
    assert settled.outcomes == {"accepted": 4}
    assert settled.curve_partial
    assert settled.curve["first"] >= 10.0
    room.close()

"""What those who stay in a smaller area are told, how loud, and by whose channels: the dispatch on a real store."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.rules.reach.conftest import Room
from tests.rules.reach.stage import ALERTS, Notes, published
from tocsin.clock import TurnedClock
from tocsin.reach.bulletin import Bulletin
from tocsin.reach.channel import ACCEPTED, refused
from tocsin.reach.delivery import Delivery
from tocsin.reach.lane import Lane
from tocsin.reach.notice import notice
from tocsin.reach.recipients import without
from tocsin.reach.wanted import Loudness

WIDE, NARROW = ("UA-30", "UA-63"), ("UA-30",)


async def tell(room: Room, *versions: tuple[str, tuple[str, ...]], words: dict[int, str] | None = None) -> None:
    async with room.running() as dispatch:
        for number, (phase, areas) in enumerate(versions, 1):
            told = published(version=number, phase=phase, areas=areas)
            if words and number in words:
                alert = ALERTS[told.subject]
                infos = tuple(msgspec.structs.replace(info, instruction=words[number]) for info in alert.infos)
                ALERTS[told.subject] = msgspec.structs.replace(alert, infos=infos)
            await room.publish(told)
            await dispatch.quiet()


async def test_who_stays_hears_nothing_new(room: Room) -> None:
    """An area shrinks twice: who stays is told once, who leaves gets the all-clear, and all get the end (requirement 43)."""
    stays, leaves = room.subscribe("UA-30"), room.subscribe("UA-63")
    steps = ("act", ("UA-30", "UA-63", "DE-BE")), ("act", WIDE), ("act", NARROW), ("retracted", NARROW)
    await tell(room, *steps)
    assert room.notes.told(stays.id) == [(1, "act"), (4, "retracted")]
    assert room.notes.told(leaves.id) == [(1, "act"), (3, "all-clear"), (4, "retracted")]


def test_systems_are_told_of_every_version() -> None:
    """A system that keeps the state of an area gets the smaller one; a person who knows is left in peace (requirement 79)."""
    found = {"webhook": np.array([1, 2]), "webpush": np.array([3, 4, 5])}
    owned = {3: ("", 0), 4: ("anna", 0), 5: ("anna", 1)}
    left = without(found, owned, np.array([1, 4]))
    assert {channel: numbers.tolist() for channel, numbers in left.items()} == {"webhook": [1, 2], "webpush": [3]}


@pytest.mark.parametrize(("before", "after"), [("prepare", "act"), ("act", "hold"), ("hold", "prepare")])
async def test_another_phase_is_told_to_all(room: Room, before: str, after: str) -> None:
    """A smaller area in another phase is news for those who stay."""
    stays = room.subscribe("UA-30")
    await tell(room, (before, WIDE), (after, NARROW))
    assert room.notes.told(stays.id) == [(1, before), (2, after)]


async def test_something_else_to_do_is_told_to_all(room: Room) -> None:
    """A smaller area with another instruction is news for those who stay, and so is an update with the same area."""
    stays = room.subscribe("UA-30")
    await tell(room, ("act", WIDE), ("act", NARROW), ("act", NARROW), words={2: "Close the windows."})
    assert room.notes.told(stays.id) == [(1, "act"), (2, "act"), (3, "act")]


async def test_who_was_not_surely_reached_is_told(room: Room) -> None:
    """Whoever has no receipt of the earlier version, or has come since, gets the smaller one."""
    has, missed = room.subscribe("UA-30"), room.subscribe("UA-30")
    failed = refused("once")
    room.notes.answer = lambda one: failed if one.to.subscription == missed.id and one.version == 1 else ACCEPTED
    await tell(room, ("act", WIDE))
    came = room.subscribe("UA-30")
    room.dispatch = room.new()
    async with room.running() as dispatch:
        await room.publish(published(version=2, areas=NARROW))
        await dispatch.quiet()
    assert [room.notes.told(one.id)[-1][0] for one in (has, missed, came)] == [1, 2, 2]


async def test_a_person_knows_by_any_channel(tmp_path: Path, clock: TurnedClock) -> None:
    """Who has the earlier version by their second channel is not told the smaller one by the first."""
    room, spare = Room(tmp_path, clock), Notes("spare")
    room.dispatch.lanes["spare"] = Lane("spare", spare)
    first = room.subscribe("UA-30", person="ann")
    room.subscribe("UA-30", person="ann", order=1, channel="spare")
    room.notes.answer = lambda one: refused("no")
    await tell(room, ("act", WIDE), ("act", NARROW))
    assert room.notes.told(first.id) == [(1, "act")]
    assert [one.version for one in spare.sent] == [1]
    room.close()


async def test_loudness_reaches_the_notice(room: Room) -> None:
    """How loud somebody wants a place and phase is in what is sent to them, and nothing else of it changes."""
    quiet = room.subscribe("UA-30", loudness=(Loudness("silent", "area:UA-30", ("prepare",)),))
    other = room.subscribe("UA-30", loudness=(Loudness("ordinary"),))
    aloud = room.subscribe("UA-30")
    await tell(room, ("prepare", NARROW), ("act", NARROW))

    def heard(subscription: str) -> list[str]:
        return [one.loudness for one in room.notes.sent if one.to.subscription == subscription]

    assert [heard(one.id) for one in (quiet, other, aloud)] == [["silent", "loud"], ["ordinary"] * 2, ["loud"] * 2]
    said = [said_of(one) for one in room.notes.sent if one.version == 1]
    assert sorted(one.pop("loudness", "") for one in said) == ["", "ordinary", "silent"]
    assert said[0] == said[1] == said[2]


def said_of(delivery: Delivery) -> dict[str, object]:
    told = msgspec.json.decode(delivery.body, type=Bulletin)
    found: dict[str, object] = msgspec.json.decode(notice(told, delivery.to.languages, delivery.loudness))
    return found


async def test_a_subscription_that_joins_a_person_later_is_one_of_theirs(room: Room) -> None:
    """Who stood alone when they were last told is on the ladder as soon as they have a second channel."""
    first = room.subscribe("UA-30")
    await tell(room, ("act", NARROW))
    room.subscribers.change(first.id, {"person": "ann"})
    second = room.subscribe("UA-30", person="ann", order=1, channel="spare")
    room.dispatch = room.new()
    room.dispatch.lanes["spare"] = Lane("spare", Notes("spare"))
    async with room.running() as dispatch:
        await room.publish(published("other"))
        await dispatch.quiet()
    assert room.notes.told(second.id) == []
    assert room.batches.proofs(second.number)[0].mark == "spared"

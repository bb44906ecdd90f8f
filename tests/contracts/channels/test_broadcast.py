"""Cell broadcast against a faithful broadcast centre."""

from __future__ import annotations

from tests.contracts.channels.rigs import broadcast
from tests.contracts.channels.told import PUBLISHED, delivery
from tocsin.clock import TurnedClock
from tocsin.reach.channels.broadcast import CellBroadcast


async def test_one_message_a_language(clock: TurnedClock) -> None:
    """The local language has the level's identifier, the others that of additional languages, in one hand-over."""
    async with broadcast(clock, languages=("uk", "en")) as rig:
        await rig.send(delivery("national"))
        (came,) = rig.came()
    assert [
        (one["language"], one["message_identifier"], one["data_coding_scheme"], one["additional"])
        for one in came.raw["messages"]
    ] == [("uk", 4370, 0x48, False), ("en", 4383, 0x01, True)]
    assert came.text.split("\n") == [one["text"] for one in came.raw["messages"]]
    assert came.raw["areas"] == ["UA-30"]
    assert all(len(one["pages"]) <= 15 for one in came.raw["messages"])
    assert rig.more.taken[0][1]["Authorization"] == "Bearer key"


async def test_an_update_stops_what_it_replaces(clock: TurnedClock) -> None:
    """A newer version has the next update number and names what is to be stopped; an all-clear is at the lowest level."""
    async with broadcast(clock) as rig:
        await rig.send(delivery("national"))
        await rig.send(delivery("national", "all-clear", 2))
        first, second = (came.raw for came in rig.came())
    assert first["stops"] == []
    assert second["stops"] == [
        {name: one[name] for name in ("message_identifier", "serial_number")} for one in first["messages"]
    ]
    assert {one["message_identifier"] for one in second["messages"]} == {4396, 4397}
    assert second["messages"][0]["serial_number"] == first["messages"][0]["serial_number"] + 1


async def test_retraction_has_the_level_of_what_it_takes_back(clock: TurnedClock) -> None:
    """Who was shown a prepare is told at its level that it was wrong; after a restart rather too loud than unheard."""
    async with broadcast(clock) as rig:
        await rig.send(delivery("national", "prepare", event="one"))
        await rig.send(delivery("national", "retracted", 2, event="one"))
        await rig.send(delivery("national", "retracted", 2, event="two"))
        levels = [came.loud for came in rig.came()]
    assert levels == [4378, 4378, 4370]


async def test_two_events_have_two_codes(clock: TurnedClock) -> None:
    """Events that are live together never share a message code, or a telephone would take one for the other."""
    async with broadcast(clock) as rig:
        for n in range(200):
            await rig.send(delivery("national", event=f"e{n}"))
        codes = [came.raw["messages"][0]["serial_number"] >> 4 & 0x3FF for came in rig.came()]
    assert len(set(codes)) == 200


async def test_exercise_has_its_identifier(clock: TurnedClock) -> None:
    """An exercise goes under the identifiers of exercises, whatever its phase."""
    async with broadcast(clock) as rig:
        await rig.send(delivery("national", realm="exercise"))
        assert {one["message_identifier"] for one in rig.came()[0].raw["messages"]} == {4381, 4394}


async def test_once_however_many_subscribed(clock: TurnedClock) -> None:
    """Subscriptions that lead to one centre are one hand-over; an unknown centre is refused."""
    async with broadcast(clock) as rig:
        batch = [delivery("national", subscription=str(n)) for n in range(5)]
        outcomes = await rig.send(*batch, delivery("elsewhere"))
        assert [one.kind for one in outcomes] == ["accepted"] * 5 + ["refused"]
        assert len(rig.came()) == 1


async def test_cap_as_published(clock: TurnedClock) -> None:
    """A centre that makes its own pages gets the CAP message byte for byte."""
    async with broadcast(clock, format="cap") as rig:
        assert isinstance(rig.channel, CellBroadcast)
        one = delivery("national")
        assert [outcome.kind for outcome in await rig.send(one)] == ["accepted"]
        ((_, headers, body),) = rig.more.taken
    assert body == PUBLISHED[one.alert]
    assert headers["Content-Type"] == "application/cap+xml"

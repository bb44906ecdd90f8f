"""MQTT against a real Mosquitto."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from datetime import timedelta
from typing import Any

import pytest

from tests.contracts.channels.rigs import PATIENCE_S, Mosquitto, brokered, kit, mqtt
from tests.contracts.channels.told import delivery
from tests.rules.reach.stage import NIGHT, until
from tocsin.clock import TurnedClock
from tocsin.errors import ParameterError
from tocsin.reach.channels.broker import Broker
from tocsin.reach.channels.mqtt import Mqtt, address


async def state(broker: Mosquitto, area: str = "UA-30") -> Any:
    kept = await broker.kept(f"tocsin/actual/{area}/state")
    return json.loads(kept[0].payload) if kept else None


async def test_who_comes_later_gets_the_state(clock: TurnedClock) -> None:
    """The state of an area is retained with its phase, version and expiry; the event is told once and not kept."""
    async with mqtt(clock) as rig:
        await rig.send(delivery("tocsin"))
        (kept,) = await rig.more.kept("tocsin/actual/UA-30/state")
        assert kept.retain
        properties = dict(kept.properties.UserProperty)
        assert (properties["phase"], properties["version"], properties["event_id"]) == ("act", "1", "night")
        assert 3500 < kept.properties.MessageExpiryInterval <= 3600
        told = json.loads(kept.payload)
        assert (told["phase"], told["place"], told["realm"]) == ("act", "UA-30", "actual")
        assert told["alerts"][0]["headline"]["uk"]
        assert await rig.more.kept("tocsin/actual/UA-30/events") == []

        def events() -> list[Any]:
            return [one.payload for one in rig.more.heard if str(one.topic).endswith("/events")]

        await until(events)
        assert events() == [delivery("tocsin").body]


async def test_an_ending_ends_only_its_own_event(clock: TurnedClock) -> None:
    """When one of two dangers in an area is over, the other still stands."""
    async with mqtt(clock) as rig:
        await rig.send(delivery("tocsin", event="one"), delivery("tocsin", event="two"))
        await rig.send(delivery("tocsin", "all-clear", 2, event="one"))
        told = await state(rig.more)
        assert told["phase"] == "act"
        assert [(one["event_id"], one["phase"]) for one in told["alerts"]] == [("two", "act"), ("one", "all-clear")]
        await rig.send(delivery("tocsin", "retracted", 2, event="two"))
        assert (await state(rig.more))["phase"] == "retracted"


async def test_what_was_kept_is_read_back_after_a_restart(clock: TurnedClock) -> None:
    """A new process knows what stands at the broker before it puts anything over it."""
    async with mqtt(clock) as rig:
        await rig.send(delivery("tocsin", event="one"))
        await rig.channel.close()
        later = Mqtt(kit(clock), Broker(port=rig.more.port, timeout_s=2))
        await later.send([delivery("tocsin", "all-clear", 2, event="two")])
        assert [one["event_id"] for one in (await state(rig.more))["alerts"]] == ["one", "two"]
        await later.close()


async def test_one_publication_whoever_subscribed(clock: TurnedClock) -> None:
    """Ten subscriptions of one prefix are one publication; another prefix has its own."""
    async with mqtt(clock) as rig:
        batch = [delivery("tocsin", subscription=str(n)) for n in range(10)]
        assert {one.kind for one in await rig.send(*batch, delivery("tocsin/lobby"))} == {"accepted"}
        await until(lambda: len(rig.came()) == 2)
        await asyncio.sleep(0.05)
        topics = sorted(str(came.raw.topic) for came in rig.came())
        assert topics == ["tocsin/actual/UA-30/state", "tocsin/lobby/actual/UA-30/state"]


async def test_status_says_whether_we_are_there(clock: TurnedClock) -> None:
    """The status is here from the moment the line is armed, and closed after a goodbye."""
    async with brokered() as broker:
        channel = Mqtt(kit(clock), Broker(port=broker.port))
        channel.arm()

        async def status() -> str:
            kept = await broker.kept("tocsin/actual/status")
            return str(json.loads(kept[0].payload)["state"]) if kept else ""

        async with asyncio.timeout(5):
            while await status() != "here":  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        await channel.close()
        assert await status() == "closed"


SENDER = """
import asyncio, sys
from tests.contracts.channels.rigs import kit
from tests.contracts.channels.told import delivery
from tests.rules.reach.stage import NIGHT
from tocsin.clock import TurnedClock
from tocsin.reach.channels.broker import Broker
from tocsin.reach.channels.mqtt import Mqtt

async def main():
    channel = Mqtt(kit(TurnedClock(NIGHT)), Broker(port=int(sys.argv[1])))
    print((await channel.send([delivery("tocsin")]))[0].kind, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_killed_sender_leaves_its_last_will(clock: TurnedClock) -> None:
    """When the sender is killed the broker says that it is lost, also to whoever comes later; the state stays."""
    async with brokered() as broker:
        sender = await asyncio.create_subprocess_exec(
            sys.executable, "-c", SENDER, str(broker.port), stdout=asyncio.subprocess.PIPE
        )
        assert sender.stdout is not None
        assert (await asyncio.wait_for(sender.stdout.readline(), 20)).strip() == b"accepted"
        sender.send_signal(signal.SIGKILL)
        await sender.wait()
        await until(lambda: any(b"lost" in message.payload for message in broker.heard))
        (kept,) = await broker.kept("tocsin/actual/status")
        assert json.loads(kept.payload)["state"] == "lost"
        assert (await state(broker))["phase"] == "act"


async def test_broker_that_comes_back(clock: TurnedClock) -> None:
    """While the broker is away nothing is tried; when it is back the line is opened again by itself."""
    async with mqtt(clock) as rig:
        await rig.send(delivery("tocsin", event="one"))
        await rig.more.stop()
        (outcome,) = await rig.send(delivery("tocsin", event="two"))
        assert outcome.kind == "later"
        await rig.more.start()
        async with asyncio.timeout(10):
            while (await rig.send(delivery("tocsin", event="two")))[0].kind != "accepted":  # noqa: ASYNC110
                await asyncio.sleep(PATIENCE_S / 10)
        names = {one["event_id"] for one in (await state(rig.more))["alerts"]}
        assert names == {"one", "two"}


async def test_what_has_ended_is_forgotten(clock: TurnedClock) -> None:
    """An alert whose end has passed is not carried on in the state."""
    async with mqtt(clock) as rig:
        await rig.send(delivery("tocsin", event="one", lasts=timedelta(minutes=1)))
        clock.set(NIGHT + timedelta(minutes=2))
        await rig.send(delivery("tocsin", event="two"))
        assert [one["event_id"] for one in (await state(rig.more))["alerts"]] == ["two"]


def test_addresses() -> None:
    """A prefix is plain names with slashes; wildcards and the broker's own topics are refused."""
    assert address(" tocsin/kyiv ") == "tocsin/kyiv"
    for wrong in ("", "#", "a/+", "$SYS/x", "a//b", "/a", "a" * 65):
        with pytest.raises(ParameterError):
            address(wrong)

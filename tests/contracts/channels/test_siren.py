"""Sirens and signs over a real Mosquitto, with the reference receiver as the device."""

from __future__ import annotations

from base64 import b64encode
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.contracts.channels.rigs import DEVICE_KEY, kit, siren
from tests.contracts.channels.told import delivery
from tests.rules.reach.stage import NIGHT, until
from tocsin.clock import TurnedClock
from tocsin.errors import SettingsError
from tocsin.reach.channels.broker import Broker
from tocsin.reach.channels.siren import Siren, SirenTable
from tocsin.reach.command import answer
from tocsin.reach.delivery import Receipt


async def test_captured_and_replayed(clock: TurnedClock) -> None:
    """Whoever records a command and plays it to the broker again, a second or an hour later, moves nothing (F9)."""
    async with siren(clock) as rig:
        broker, (guard, _) = rig.more
        await rig.send(delivery("roof"))
        await until(rig.came)
        captured = bytes(rig.came()[0].raw.payload)
        for later in (timedelta(seconds=1), timedelta(hours=1)):
            clock.set(NIGHT + later)
            known = len(broker.heard)
            async with broker.client() as attacker:
                await attacker.publish("tocsin/actual/devices/roof/command", captured, qos=1)
            await until(lambda known=known: len(broker.heard) > known)
            assert len(rig.came()) == 1
        assert [reason for _, reason in guard.refused] == ["replay", "expired"]


async def test_never_retained(clock: TurnedClock) -> None:
    """A device that comes back finds no command of before."""
    async with siren(clock) as rig:
        broker, _ = rig.more
        await rig.send(delivery("roof"))
        assert await broker.kept("tocsin/actual/devices/#") == []
        await until(rig.came)
        assert rig.came()[0].raw.properties.MessageExpiryInterval <= 30


async def test_what_is_done_in_each_phase(clock: TurnedClock) -> None:
    """Act and retracted sound, hold and prepare show, an all-clear clears."""
    async with siren(clock) as rig:
        for phase in ("act", "hold", "prepare", "all-clear", "retracted"):
            await rig.send(delivery("roof", phase, 2, event=phase))
        await until(lambda: len(rig.came()) == 5)
        assert [came.loud for came in rig.came()] == ["sound", "show", "show", "clear", "sound"]


async def test_signed_with_our_own_key(clock: TurnedClock) -> None:
    """With a private key commands are signed, and a device needs only the public one."""
    private = Ed25519PrivateKey.generate()
    async with siren(clock, private.private_bytes_raw(), private.public_key().public_bytes_raw()) as rig:
        await rig.send(delivery("roof"))
        await until(rig.came)
        assert rig.came()[0].loud == "sound"


async def test_device_that_answers(clock: TurnedClock) -> None:
    """A device that says it has obeyed is a receipt; one that is forged or said twice is not."""
    async with siren(clock) as rig:
        broker, (guard, _) = rig.more
        await rig.send(delivery("roof"))
        await until(rig.came)
        (nonce,) = guard._used
        async with broker.client() as device:
            topic = "tocsin/actual/devices/roof/answer"
            await device.publish(topic, answer(b"x" * 32, nonce), qos=1)
            await device.publish(topic, answer(DEVICE_KEY, "00"), qos=1)
            await device.publish(topic, answer(DEVICE_KEY, nonce), qos=1)
            await device.publish(topic, answer(DEVICE_KEY, nonce), qos=1)
        await until(lambda: rig.receipts)
        assert rig.receipts == [(delivery("roof").alert, "one", Receipt.SHOWN)]


async def test_device_without_a_key(clock: TurnedClock) -> None:
    """A device whose key is not known is not commanded; a key that is too short is refused at the start."""
    channel = Siren(kit(clock), SirenTable(Broker(), {"roof": b64encode(DEVICE_KEY).decode()}))
    (outcome,) = await channel.send([delivery("cellar")])
    assert (outcome.kind, outcome.tried) == ("refused", False)
    for key in ("c2hvcnQ=", "not base64"):
        with pytest.raises(SettingsError):
            Siren(kit(clock), SirenTable(Broker(), {"roof": key}))

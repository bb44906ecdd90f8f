"""What every channel keeps to, tried on each of them against its counterpart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.contracts.channels.rigs import RIGS, Rig, kit
from tests.contracts.channels.told import delivery
from tests.rules.reach.conftest import Room
from tests.rules.reach.stage import published, until
from tocsin.clock import TurnedClock
from tocsin.reach.channel import Channel, all_channels, makers


@pytest.fixture(params=sorted(RIGS))
async def rig(request: pytest.FixtureRequest, clock: TurnedClock) -> AsyncIterator[Rig]:
    async with RIGS[request.param](clock) as found:
        yield found


async def arrived(rig: Rig, count: int) -> None:
    await until(lambda: len(rig.came()) >= count)


async def test_accepted(rig: Rig) -> None:
    """What the other side takes is accepted, and says what the alert says, in the reader's language."""
    assert [one.kind for one in await rig.send(delivery(rig.address))] == ["accepted"]
    await arrived(rig, 1)
    assert len(rig.came()) == 1
    assert "Kyiv" in rig.came()[0].text


async def test_language(rig: Rig) -> None:
    """A reader of Ukrainian is told in Ukrainian."""
    await rig.send(delivery(rig.address, languages=("uk",)))
    await arrived(rig, 1)
    assert "Київ" in rig.came()[0].text


@pytest.mark.parametrize(("mood", "kind"), [("refuse", "refused"), ("gone", "gone"), ("later", "later")])
async def test_each_answer_has_its_outcome(rig: Rig, mood: str, kind: str) -> None:
    """Refused, gone and later are told apart, where the other side can say them; and the channel serves on."""
    await rig.be(mood)
    if mood not in rig.moods:
        assert mood in {"refuse", "gone", "later"} - rig.moods
        return
    (outcome,) = await rig.send(delivery(rig.address))
    assert (outcome.kind, bool(outcome.reason) or kind == "gone") == (kind, True)
    assert rig.came() == []
    await rig.be("good")
    assert [one.kind for one in await rig.send(delivery(rig.address))] == ["accepted"]


async def test_black_hole(rig: Rig) -> None:
    """Who answers nothing is given up in bounded time, the delivery is for later, and a good peer is served again."""
    await rig.be("hole")
    (outcome,) = await rig.send(delivery(rig.address))
    assert outcome.kind == "later"
    assert outcome.reason
    await rig.be("good")
    for _ in range(50):
        outcomes = await rig.send(delivery(rig.address))
        if outcomes[0].kind == "accepted":
            break
        await asyncio.sleep(0.05)
    assert [one.kind for one in outcomes] == ["accepted"]


async def test_slow_peer(rig: Rig) -> None:
    """Who takes its time gets everything all the same, each once."""
    await rig.be("slow")
    batch = [delivery(rig.address, subscription=str(n)) for n in range(3)]
    assert [one.kind for one in await rig.send(*batch)] == ["accepted"] * 3


async def test_exercise_is_marked_first(rig: Rig) -> None:
    """In the exercise realm what arrives begins with the word for exercise."""
    await rig.send(delivery(rig.address, realm="exercise", languages=("de",)))
    await arrived(rig, 1)
    assert rig.came()[0].text.startswith("ÜBUNG")


async def test_retraction_is_as_loud_as_the_alert(rig: Rig) -> None:
    """Who was woken by an alert is told as loudly that it was a mistake (F2)."""
    await rig.send(delivery(rig.address, "act"))
    await arrived(rig, 1)
    assert [one.kind for one in await rig.send(delivery(rig.address, "retracted", 2))] == ["accepted"]
    await arrived(rig, 2)
    act, retracted = rig.came()
    assert act.loud is not None
    assert retracted.loud == act.loud
    assert act.text != retracted.text


async def test_nothing_expired_is_sent(rig: Rig) -> None:
    """What has expired does not leave, and says that it was not tried."""
    (outcome,) = await rig.send(delivery(rig.address, lasts=timedelta(0)))
    assert (outcome.kind, outcome.tried) == ("later", False)
    assert rig.came() == []


async def test_older_version_does_not_leave_after_a_newer_one(rig: Rig) -> None:
    """Order is by version: what is older than what was sent of its event stays here."""
    await rig.send(delivery(rig.address, "act", 2))
    (outcome,) = await rig.send(delivery(rig.address, "act", 1))
    assert (outcome.kind, outcome.reason, outcome.tried) == ("refused", "superseded", False)
    await arrived(rig, 1)
    assert len(rig.came()) == 1


async def test_broken_address_costs_only_itself(rig: Rig) -> None:
    """An address that cannot be one is refused without being tried, and the others of the batch get theirs."""
    outcomes = await rig.send(delivery(rig.address), delivery("\r\nRCPT TO:<x>", subscription="two"))
    assert [one.kind for one in outcomes] == ["accepted", "refused"]
    assert not outcomes[1].tried


async def test_body_that_is_no_bulletin(rig: Rig) -> None:
    """What cannot be read is refused and raises nothing."""
    import msgspec

    (outcome,) = await rig.send(msgspec.structs.replace(delivery(rig.address), body=b"{}", alert="strange"))
    assert outcome.kind == "refused"


async def test_close_is_clean(rig: Rig) -> None:
    """Closing ends everything that the channel started, also twice."""
    before = asyncio.all_tasks()
    await rig.send(delivery(rig.address))
    await rig.channel.close()
    await rig.channel.close()
    await asyncio.sleep(0.05)
    own = [task for task in asyncio.all_tasks() - before if "tocsin.reach" in repr(task.get_stack())]
    assert own == []


async def test_kill_switch(rig: Rig, tmp_path: Path, clock: TurnedClock) -> None:
    """While its switch is thrown nothing leaves by a channel; then it does, if it still holds."""
    room = Room(tmp_path, clock)
    try:
        rig_channel: Channel = rig.channel
        room.notes = rig_channel  # type: ignore[assignment]
        room.dispatch = room.new()
        room.subscribe("UA-30", address=rig.address, languages=("en",))
        room.dispatch.pause("notes")
        async with room.running() as dispatch:
            await room.publish(published())
            await until(lambda: dispatch.standing()["notes"]["open"] == 1)
            await asyncio.sleep(0.05)
            assert rig.came() == []
            dispatch.resume("notes")
            await arrived(rig, 1)
            await dispatch.quiet()
        assert "Air raid alert" in rig.came()[0].text
    finally:
        room.close()


def test_every_channel_can_be_made(clock: TurnedClock) -> None:
    """Each channel there is can be made without a word in ``channels.toml``, by its name, and waits."""
    made = all_channels(kit(clock))
    # SMPP is a way of the channel sms, so it has a rig of its own and no name.
    assert set(made) == set(makers()) >= set(RIGS) - {"smpp"}
    assert {name: one.name for name, one in made.items()} == {name: name for name in made}

"""Receipts that have served their time: who it was is gone, how many stays, and what is still live is left alone."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import numpy as np
import pytest

from tests.rules.reach.conftest import Room
from tests.rules.reach.stage import published
from tocsin.account.chronicle import chronicle
from tocsin.account.delivered import delivered
from tocsin.clock import TurnedClock
from tocsin.keeping import Keeping
from tocsin.reach.delivery import DELIVERY_SETTLED, DELIVERY_SUMMED, Receipt, Summed
from tocsin.store.receipts import SqlReceipts

DAYS = timedelta(days=30)
ALERT = "tocsin.test-a-1"


async def told(room: Room, *names: str) -> None:
    """Alerts of these names are published and reach everybody."""
    async with room.running() as dispatch:
        for name in names:
            await room.publish(published(name, sent=room.clock.now()))
        await dispatch.quiet()


async def test_after_thirty_days_it_is_known_how_many_and_not_who(room: Room) -> None:
    """Recipients and marks are gone from the store; the review's figures are the same, with receipts that came late."""
    crowd = room.crowd(40, "UA-30")
    await told(room, "a")
    async with room.running() as dispatch:
        for one in crowd[:3]:
            assert await dispatch.receive(ALERT, one.id, Receipt.SHOWN)
        await dispatch.saved()
    (before,) = delivered(chronicle(room.store, "a"))
    assert (before.recipients, before.accepted, before.shown) == (40, 40, 0)
    receipts = SqlReceipts(room.store, "actual")
    room.clock.turn(29 * 86_400)
    assert receipts.sum_up(room.clock.now() - DAYS) == 0
    assert room.batches.proofs(crowd[0].number)
    room.clock.turn(2 * 86_400)
    assert receipts.sum_up(room.clock.now() - DAYS) == 1
    assert receipts.sum_up(room.clock.now() - DAYS) == 0
    assert not room.batches.proofs(crowd[0].number)
    assert not room.batches.reached("a").size
    assert not room.batches.told(ALERT)
    with room.store.reader() as connection:
        assert list(connection.execute("SELECT DISTINCT length(recipients), length(marks) FROM batches")) == [(0, 0)]
    found = chronicle(room.store, "a")
    (after,) = delivered(found)
    assert (after.recipients, after.accepted, after.shown, after.failed) == (40, 40, 3, 0)
    assert (after.curve, after.areas, after.settled) == (before.curve, before.areas, before.settled)
    assert room.clock.now() - found.ended > DAYS


async def test_what_is_late_or_comes_again_changes_nothing(room: Room) -> None:
    """A receipt after that is for nobody, also from before a restart; and nothing is announced anew."""
    one = room.subscribe("UA-30")
    await told(room, "a")
    SqlReceipts(room.store, "actual").sum_up(room.clock.now() + timedelta(days=40))
    async with room.running() as dispatch:
        await dispatch.receive(ALERT, one.id, Receipt.ANSWERED)
        await dispatch.saved()
    again = room.again()
    try:
        async with again.running() as dispatch:
            await dispatch.receive(ALERT, one.id, Receipt.ANSWERED)
            await dispatch.quiet()
        with again.store.reader() as connection:
            assert connection.execute("SELECT max(length(marks)) FROM batches").get == 0
        assert len(again.store.about(DELIVERY_SETTLED, f"{ALERT}@notes")) == 1
        assert again.dispatch.standing(ALERT) is None
        assert again.batches.newest(["a"]) == {"a": 1}
    finally:
        room.store, room.batches = again.store, again.batches


@pytest.mark.parametrize("days", [0, 20])
async def test_an_event_that_goes_on_keeps_everybody(room: Room, days: int) -> None:
    """As long as one version of an event is not old, nobody is forgotten: its all-clear must find them all."""
    crowd = room.crowd(5, "UA-30")
    async with room.running() as dispatch:
        await room.publish(published("a", sent=room.clock.now()))
        await dispatch.quiet()
        room.clock.turn(31 * 86_400 - days * 86_400)
        await room.publish(published("a", 2, sent=room.clock.now()))
        await dispatch.quiet()
    room.clock.turn(days * 86_400)
    assert SqlReceipts(room.store, "actual").sum_up(room.clock.now() - DAYS) == 0
    assert np.array_equal(room.batches.reached("a"), sorted(one.number for one in crowd))


async def test_it_is_done_each_hour(room: Room, clock: TurnedClock) -> None:
    """The keeping sums up what has become old while it runs, and goes on after a disk that was full."""
    room.crowd(2, "UA-30")
    await told(room, "a")

    class Full(SqlReceipts):
        times = 0

        def sum_up(self, before: object) -> int:
            self.times += 1
            if self.times == 1:
                raise OSError("disk full")
            return super().sum_up(before)  # type: ignore[arg-type]

    keeping = Keeping(room.store, room.subscribers, room.audience, None, clock)  # type: ignore[arg-type]
    receipts = Full(room.store, "actual")
    clock.turn(40 * 86_400)
    task = asyncio.create_task(keeping.keep_receipts(receipts, 30))
    try:
        for _ in range(400):
            if room.store.about(DELIVERY_SUMMED, f"{ALERT}@notes"):
                break
            if receipts.times == 1:
                clock.turn(3600)
            await asyncio.sleep(0.005)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    (entry,) = room.store.about(DELIVERY_SUMMED, f"{ALERT}@notes")
    assert entry.read(Summed).outcomes == {"accepted": 2}

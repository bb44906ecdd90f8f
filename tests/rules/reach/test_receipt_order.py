"""Receipts in any order: before the channel's own answer, twice, or after a retraction, the right level stays."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import pytest

from tests.rules.reach.conftest import Room
from tests.rules.reach.stage import NIGHT, published, until
from tocsin.clock import TurnedClock
from tocsin.reach.channel import later
from tocsin.reach.delivery import Receipt

ALERT = "tocsin.test-night-1"
ORDERS = sorted(set(itertools.permutations(("answer", "shown", "shown", "retracted"))))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("answered", [False, True])
async def test_the_highest_level_stays(order: tuple[str, ...], answered: bool, tmp_path: Path) -> None:
    """Whatever the order of acceptance, receipts and retraction, what was proven highest is what stands in the end."""
    room = Room(tmp_path, TurnedClock(NIGHT))
    try:
        person = room.subscribe("UA-30")
        room.notes.hold = asyncio.Event()
        levels = iter((Receipt.ANSWERED, Receipt.SHOWN) if answered else (Receipt.SHOWN, Receipt.SHOWN))
        async with room.running() as dispatch:
            await room.publish(published())
            await room.notes.begun.wait()
            for step in order:
                if step == "answer":
                    room.notes.hold.set()
                elif step == "shown":
                    await dispatch.receive(ALERT, person.id, next(levels))
                else:
                    await room.publish(published(version=2, phase="retracted"))
                    await until(lambda: len(dispatch.under_way()) == 2)
            room.notes.hold.set()
            await dispatch.quiet()
            proof = {one.alert: one.mark for one in dispatch.proofs(person.number)}
            counts = dispatch.standing()["notes"]
        assert proof[ALERT] == ("answered" if answered else "shown")
        assert proof["tocsin.test-night-2"] == "accepted", "who was shown it hears that it was withdrawn"
        assert counts["open"] == 0
        assert counts.get("accepted", 0) == 1, "what was shown is no longer counted as accepted only"
        assert counts["answered" if answered else "shown"] == 1
    finally:
        room.close()


async def test_a_receipt_while_a_retry_is_being_prepared_is_not_put_back(room: Room) -> None:
    """Tried without an answer, then shown after all while its address is looked up for the next try: it is not sent again."""
    person = room.subscribe("UA-30")
    room.notes.answer = lambda delivery: later(2.0, "busy")
    looking, go = asyncio.Event(), asyncio.Event()
    async with room.running() as dispatch:
        await room.publish(published())
        await until(lambda: dispatch.lanes["notes"].retries)
        found, loop = room.book.addresses, asyncio.get_running_loop()

        def slow(numbers: list[int]) -> object:
            loop.call_soon_threadsafe(looking.set)
            asyncio.run_coroutine_threadsafe(go.wait(), loop).result()
            return found(numbers)

        dispatch.attempts.book = type("Book", (), {"addresses": staticmethod(slow)})()
        room.clock.turn(5)
        await looking.wait()
        await dispatch.receive(ALERT, person.id, Receipt.SHOWN)
        go.set()
        await dispatch.quiet()
        assert len(room.notes.sent) == 1
        assert [one.mark for one in dispatch.proofs(person.number)] == ["shown"]
        assert dispatch.standing()["notes"]["open"] == 0

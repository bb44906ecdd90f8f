"""The dispatch on a real store with a turned clock."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from typing import Any

import pytest

from tests.rules.reach.conftest import Room
from tests.rules.reach.stage import NIGHT, published, until
from tocsin.errors import StoreError
from tocsin.reach.channel import ACCEPTED, GONE, later, refused
from tocsin.reach.delivery import DELIVERY_SEALED, DELIVERY_SETTLED, Mark, Sealed, Settled, rank
from tocsin.reach.dispatch import Patience
from tocsin.reach.subscription import SUBSCRIPTION_ENDED


async def test_everybody_concerned_is_told_once(room: Room) -> None:
    """An alert goes to its audience and nobody else, and the journal says how many were sealed and how it ended."""
    inside = [room.subscribe("UA-30") for _ in range(5)]
    outside = room.subscribe("UA-63")
    async with room.running() as dispatch:
        await room.publish(published())
        await dispatch.quiet()
    assert sorted(one.to.subscription for one in room.notes.sent) == sorted(one.id for one in inside)
    assert room.notes.told(outside.id) == []
    sealed, settled = room.store.read(0, kinds=[DELIVERY_SEALED]), room.store.read(0, kinds=[DELIVERY_SETTLED])
    assert [entry.read(Sealed).recipients for entry in sealed] == [5]
    assert [entry.read(Settled).outcomes for entry in settled] == [{"accepted": 5}]
    proof = dispatch.proofs(inside[0].number)[0]
    assert (proof.alert, proof.mark, proof.receipt) == ("tocsin.test-night-1", "accepted", "accepted")
    assert dispatch.proofs(outside.number) == []


async def test_repeats_and_late_older_versions_are_not_told(room: Room) -> None:
    """One version of an event is told once, and an older one that comes late is not told at all (F22)."""
    one = room.subscribe("UA-30")
    async with room.running() as dispatch:
        for version in (2, 2, 1, 2, 3):
            await room.publish(published(version=version))
            await dispatch.quiet()
    assert room.notes.told(one.id) == [(2, "act"), (3, "act")]


async def test_cancelled_alert_is_never_delivered_after_its_cancellation(room: Room) -> None:
    """What waits when the retraction comes is not sent any more; who may have seen the alert gets the retraction."""
    people = room.crowd(1000, "UA-30")
    room.notes.stride, room.notes.lanes = 10, 1
    room.notes.hold = asyncio.Event()
    async with room.running() as dispatch:
        await room.publish(published())
        await room.notes.begun.wait()
        room.notes.hold.set()
        await until(lambda: room.notes.sent)
        room.notes.hold.clear()
        await until(lambda: dispatch.lanes["notes"].running == 1)
        await room.publish(published(version=2, phase="retracted"))
        await until(lambda: all(batch.version == 2 for batch in room.batches.open()))
        room.notes.hold.set()
        await dispatch.quiet()
    act = [one.to.subscription for one in room.notes.sent if one.phase == "act"]
    retracted = [one.to.subscription for one in room.notes.sent if one.phase == "retracted"]
    order = [one.version for one in room.notes.sent]
    assert order == sorted(order)
    assert len(act) < len(people)
    assert set(act) <= set(retracted)
    # Ten more were under way: nobody knows whether they saw it, so they are told as well, and nobody else is.
    assert len(retracted) == len(set(retracted)) <= len(act) + 10
    marks = {room.batches.proofs(one.number)[-1].mark for one in people}
    assert marks <= {"accepted", "overtaken", "superseded"}


async def test_all_clear_goes_to_who_was_told_and_to_who_is_there(room: Room) -> None:
    """An all-clear reaches everybody who was alerted, whatever phases they asked for, and everybody in the area now."""
    told = room.subscribe("UA-30", phases=("act",))
    async with room.running() as dispatch:
        await room.publish(published(areas=["UA-30"]))
        await dispatch.quiet()
        late = room.subscribe("UA-30")
        elsewhere = room.subscribe("UA-63")
        await room.publish(published(version=2, phase="all-clear", areas=["UA-30"]))
        await dispatch.quiet()
    assert room.notes.told(told.id) == [(1, "act"), (2, "all-clear")]
    assert room.notes.told(late.id) == [(2, "all-clear")]
    assert room.notes.told(elsewhere.id) == []


async def test_nothing_expired_is_sent(room: Room) -> None:
    """An alert that ended before its turn is sent to nobody, and its marks say so."""
    one = room.subscribe("UA-30")
    async with room.running() as dispatch:
        dispatch.pause("notes")
        await room.publish(published(lasts=timedelta(minutes=5)))
        await until(room.batches.open)
        room.clock.turn(301)
        dispatch.resume("notes")
        await dispatch.quiet()
        await room.publish(published("old", sent=NIGHT - timedelta(hours=3)))
        await dispatch.quiet()
    assert room.notes.sent == []
    assert [proof.mark for proof in room.batches.proofs(one.number)] == ["expired"]


async def test_priority(room: Room) -> None:
    """Act leaves before hold, hold before prepare, whatever came first (F6)."""
    for _ in range(3):
        room.subscribe("UA-30")
    room.notes.stride = room.notes.lanes = 1
    async with room.running() as dispatch:
        dispatch.pause("notes")
        for phase in ("prepare", "hold", "act"):
            await room.publish(published(phase, phase=phase))
        await until(lambda: len(room.batches.open()) == 3)
        await until(lambda: dispatch.standing()["notes"]["open"] == 9)
        dispatch.resume("notes")
        await dispatch.quiet()
    assert [one.phase for one in room.notes.sent] == ["act"] * 3 + ["hold"] * 3 + ["prepare"] * 3


def test_ranks() -> None:
    """Everything actual is before every exercise, and within each realm what saves lives is first."""
    order = ["retracted", "act", "hold", "all-clear", "prepare"]
    ranks = [rank(phase, realm) for realm in ("actual", "exercise") for phase in order]
    assert ranks == sorted(ranks)
    assert rank("prepare", "actual") < rank("act", "exercise")


async def test_retries_wait_and_end(room: Room) -> None:
    """A retry waits longer each time and never less than asked; after the last attempt it is a dead letter."""
    one = room.subscribe("UA-30")
    room.notes.answer = lambda delivery: later(30.0 if len(room.notes.sent) == 2 else None)
    moments = []
    async with room.running() as dispatch:
        await room.publish(published())
        for _ in range(3):
            await until(lambda: dispatch.lanes["notes"].retries)
            count = len(room.notes.sent)
            due = dispatch.lanes["notes"].retries[0][0]
            moments.append((due - room.clock.now()).total_seconds())
            room.clock.set(due - timedelta(microseconds=1))
            await asyncio.sleep(0.01)
            assert len(room.notes.sent) == count
            room.clock.set(due)
            await until(lambda before=count: len(room.notes.sent) > before)
        await dispatch.quiet()
    assert moments == [1.0, 30.0, 4.0]
    assert room.batches.proofs(one.number)[0].mark == "exhausted"


async def test_refused_and_gone(room: Room) -> None:
    """A refusal is not tried again; a channel that says gone ends the subscription, and its address is erased."""
    no, gone = room.subscribe("UA-30"), room.subscribe("UA-30")
    answers = {no.id: refused("403"), gone.id: GONE}
    room.notes.answer = lambda delivery: answers[delivery.to.subscription]
    async with room.running() as dispatch:
        await room.publish(published())
        await dispatch.quiet()
        await until(lambda: gone.id not in room.audience)
        await room.publish(published(version=2, phase="all-clear"))
        await dispatch.quiet()
    assert [room.batches.proofs(one.number)[-1].mark for one in (no, gone)] == ["refused", "gone"]
    assert room.notes.told(gone.id) == [(1, "act")]
    assert [entry.subject for entry in room.store.read(0, kinds=[SUBSCRIPTION_ENDED])] == [gone.id]
    assert room.book.addresses([gone.number]) == {}


async def test_a_channel_that_breaks_costs_only_a_retry(room: Room) -> None:
    """A channel that raises is tried again, and what it was given is not lost."""
    one = room.subscribe("UA-30")

    def answer(delivery: object) -> object:
        if len(room.notes.sent) == 1:
            raise RuntimeError("broken")
        return ACCEPTED

    room.notes.answer = answer  # type: ignore[assignment]
    async with room.running() as dispatch:
        await room.publish(published())
        await until(lambda: dispatch.lanes["notes"].retries)
        room.clock.turn(5)
        await dispatch.quiet()
    assert room.notes.told(one.id) == [(1, "act"), (1, "act")]


async def test_what_cannot_be_prepared_comes_back_together(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the store does not answer, a batch costs one try a second and not one for each recipient; then all are told."""
    people, tries = room.crowd(300, "UA-30"), list[int]()
    room.dispatch.attempts.chance = random.Random(20).random
    addresses = room.book.addresses

    def broken(numbers: list[int]) -> Any:
        tries.append(len(numbers))
        raise StoreError("the disk is full")

    monkeypatch.setattr(room.book, "addresses", broken)
    room.notes.stride = 100
    async with room.running() as dispatch:
        await room.publish(published())
        await until(lambda: len(tries) == 3 and not dispatch.lanes["notes"].running)
        for _ in range(24):
            room.clock.turn(0.25)
            await asyncio.sleep(0.005)
            await until(lambda: not dispatch.lanes["notes"].running)
        assert set(tries) == {100}
        assert len(tries) <= 3 * 7
        monkeypatch.setattr(room.book, "addresses", addresses)
        room.clock.turn(2)
        await dispatch.quiet()
    assert sorted(one.to.subscription for one in room.notes.sent) == sorted(one.id for one in people)


async def test_ended_subscription_is_not_told(room: Room) -> None:
    """Who ended a subscription while the alert waited is not told any more."""
    one, two = room.subscribe("UA-30"), room.subscribe("UA-30")
    async with room.running() as dispatch:
        dispatch.pause("notes")
        await room.publish(published())
        await until(room.batches.open)
        assert room.subscribers.end(one.id)
        assert not room.subscribers.end(one.id)
        dispatch.resume("notes")
        await dispatch.quiet()
    assert (room.notes.told(one.id), room.notes.told(two.id)) == ([], [(1, "act")])
    assert room.batches.proofs(one.number)[0].mark == "ended"


async def test_restart_goes_on_where_it_stopped(room: Room) -> None:
    """After a restart what waited is sent, what was sent is not sent again, and what ended meanwhile is not sent."""
    people = [room.subscribe("UA-30") for _ in range(50)]
    room.notes.stride, room.notes.lanes = 10, 1
    room.notes.answer = lambda delivery: ACCEPTED
    async with room.running() as dispatch:
        await room.publish(published())
        await until(lambda: len(room.notes.sent) >= 20)
        dispatch.pause("notes")
        await until(lambda: dispatch.lanes["notes"].running == 0)
        await until(lambda: not dispatch.filing.dirty)
        first = len(room.notes.sent)
    next_room = room.again()
    try:
        assert len(next_room.audience) == 50
        async with next_room.running() as dispatch:
            await dispatch.quiet()
        assert len(next_room.notes.sent) == 50 - first
        assert {one.to.subscription for one in room.notes.sent + next_room.notes.sent} == {one.id for one in people}
        assert len(next_room.store.read(0, kinds=[DELIVERY_SETTLED])) == 1
    finally:
        next_room.close()


async def test_restricted_alert_is_for_staff(room: Room) -> None:
    """A restricted alert reaches staff and nobody else; a private one reaches no audience."""
    public, staff = room.subscribe("UA-30"), room.subscribe("UA-30", audience="staff")
    async with room.running() as dispatch:
        await room.publish(published("staff", scope="Restricted"), published("one", scope="Private"))
        await dispatch.quiet()
    assert (room.notes.told(public.id), room.notes.told(staff.id)) == ([], [(1, "act")])


async def test_new_version_while_catching_up(room: Room) -> None:
    """Of versions that were published while we were away only the newest is told."""
    one = room.subscribe("UA-30")
    await room.publish(*(published(version=version) for version in range(1, 6)))
    await room.publish(published(version=6, phase="all-clear"))
    async with room.running() as dispatch:
        await dispatch.quiet()
    assert room.notes.told(one.id) == [(6, "all-clear")]


async def test_large_audience_is_sealed_in_batches(room: Room) -> None:
    """No batch has more than a thousand recipients, and every recipient is in exactly one."""
    numbers = [one.number for one in room.crowd(2500, "UA-30")]
    async with room.running() as dispatch:
        dispatch.pause("notes")
        await room.publish(published())
        await until(room.batches.open)
        batches = room.batches.open()
        dispatch.resume("notes")
        room.notes.stride = 500
        await dispatch.quiet()
    assert [len(batch.recipients) for batch in batches] == [1000, 1000, 500]
    assert sorted(number for batch in batches for number in batch.recipients.tolist()) == sorted(numbers)
    assert dispatch.standing() == {"notes": {"accepted": 2500, "open": 0}}


@pytest.mark.parametrize("chance", [0.0, 0.5, 0.999])
def test_patience(chance: float) -> None:
    """Waiting doubles up to a bound, jitter stays within it, and nobody is asked before they said so."""
    patience = Patience()
    waits = [patience.wait(attempt, None, chance) for attempt in range(1, 40)]
    assert waits == sorted(waits)
    assert all(1.0 <= wait <= 300.0 for wait in waits)
    assert patience.wait(1, 600.0, chance) >= 600.0


def test_marks_are_stable() -> None:
    """Marks are on disk: a number never changes its meaning."""
    names = "pending sending accepted refused gone waiting expired superseded exhausted overtaken ended shown answered"
    assert [mark.name.lower() for mark in Mark] == [*names.split(" "), "reserved", "spared"]
    assert list(Mark) == list(range(15))


async def test_it_ends_when_it_is_told_to_however_much_happens_just_then(room: Room) -> None:
    """A delivery that is noted in the very moment of the end does not keep the dispatch from ending."""
    for turns in range(8):
        dispatch = room.new()
        following = asyncio.create_task(dispatch.follow())
        await until(lambda it=dispatch: it._tasks)
        await asyncio.sleep(0.01)
        dispatch.filing.changed.set()
        for _ in range(turns):
            await asyncio.sleep(0)
        following.cancel()
        ended, _ = await asyncio.wait([following], timeout=5)
        assert ended

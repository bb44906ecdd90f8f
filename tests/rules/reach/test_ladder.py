"""A person's channels one after the other, receipts, and fairness, on a real store with a turned clock."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from tests.rules.reach.conftest import Room
from tests.rules.reach.stage import Notes, published, until
from tocsin.clock import TurnedClock
from tocsin.journal import Fact
from tocsin.reach.channel import GONE, Outcome, later, refused
from tocsin.reach.delivery import DELIVERY_SEALED, DELIVERY_SETTLED, Delivery, Receipt, Sealed, Settled
from tocsin.reach.lane import Lane
from tocsin.reach.patience import Patience
from tocsin.reach.standing import DELIVERY_COUNTED, Counted
from tocsin.reach.subscription import Subscription
from tocsin.reach.switch import CHANNEL_STOPPED, Switched

ALERT = "tocsin.test-night-1"


class Owned(Subscription, frozen=True):
    """A subscription that belongs to a person, in an order."""

    person: str = ""
    order: int = 0


class Home(Room):
    """A room with two channels: ``notes`` first, ``spare`` behind it."""

    def __init__(self, folder: Path, clock: TurnedClock) -> None:
        self.owners: dict[int, tuple[str, int]] = {}
        super().__init__(folder, clock)
        self.spare = Notes("spare")
        self.dispatch = self.with_spare()

    def with_spare(self) -> object:
        dispatch = self.new()
        dispatch.lanes["spare"] = Lane("spare", self.spare)
        return dispatch

    def person(self, name: str, *channels: str, **more: object) -> list[Subscription]:
        """Somebody with these channels, in this order of preference."""
        made = []
        for order, channel in enumerate(channels):
            one = self.subscribe("UA-30", channel=channel, **more)
            self.owners[one.number] = name, order
            self.own(one.number)
            made.append(one)
        return made

    def own(self, number: int) -> None:
        one = self.audience.subscription(number)
        person, order = self.owners[number]
        fields = {name: getattr(one, name) for name in one.__struct_fields__ if name not in ("person", "order")}
        self.audience.add(number, Owned(**fields, person=person, order=order))

    def later(self) -> Home:
        """The same folder after a restart."""
        self.close()
        room = Home(self.folder, self.clock)
        room.owners = self.owners
        for number in self.owners:
            room.own(number)
        return room

    def marks(self, *ones: Subscription) -> list[str]:
        return [self.batches.proofs(one.number)[0].mark for one in ones]


@pytest.fixture
def home(tmp_path: Path, clock: TurnedClock) -> Home:
    return Home(tmp_path, clock)


async def test_the_first_channel_is_enough(home: Home) -> None:
    """Who is reached by their first channel is not told by the next, and is one recipient in every count."""
    ones = home.person("ann", "notes", "spare")
    async with home.running() as dispatch:
        await home.publish(published())
        await dispatch.quiet()
        standing = dispatch.standing(ALERT)
    assert [home.spare.sent, len(home.notes.sent)] == [[], 1]
    assert home.marks(*ones) == ["accepted", "spared"]
    assert (standing.people, standing.reached, standing.settled) == (1, 1, True)
    assert [entry.read(Sealed).recipients for entry in home.store.read(0, kinds=[DELIVERY_SEALED])] == [1]
    settled = {entry.subject: entry.read(Settled).outcomes for entry in home.store.read(0, kinds=[DELIVERY_SETTLED])}
    assert settled == {f"{ALERT}@notes": {"accepted": 1}, f"{ALERT}@spare": {}}
    home.close()


@pytest.mark.parametrize("answer", [refused("no"), GONE])
async def test_the_next_is_tried_when_the_first_fails(home: Home, answer: Outcome) -> None:
    """What the first channel refuses goes out by the next at once, and the person is counted once."""
    ones = home.person("ann", "notes", "spare")
    alone = home.subscribe("UA-30")
    home.notes.answer = lambda delivery: answer if delivery.to.subscription == ones[0].id else Outcome("accepted")
    async with home.running() as dispatch:
        await home.publish(published())
        await until(lambda: home.spare.sent)
        await dispatch.quiet()
        standing = dispatch.standing(ALERT)
    assert [one.to.subscription for one in home.spare.sent] == [ones[1].id]
    assert home.marks(ones[1], alone) == ["accepted", "accepted"]
    assert (standing.people, standing.reached) == (2, 2)
    home.close()


async def test_the_next_is_tried_when_no_receipt_comes_in_time(home: Home) -> None:
    """A channel that answers nothing until the phase's patience ends is overtaken by the next, not a moment sooner."""
    ones = home.person("ann", "notes", "spare")
    home.notes.hold = asyncio.Event()
    async with home.running() as dispatch:
        await home.publish(published())
        await home.notes.begun.wait()
        home.clock.turn(Patience().receipt("act") - 0.5)
        await asyncio.sleep(0.05)
        assert home.spare.sent == []
        home.clock.turn(0.6)
        await until(lambda: home.spare.sent)
        home.notes.hold.set()
        await dispatch.quiet()
        standing = dispatch.standing(ALERT)
    assert home.marks(*ones) == ["accepted", "accepted"]
    assert (standing.people, standing.reached) == (1, 1)
    home.close()


async def test_a_channel_that_can_prove_more_must(home: Home) -> None:
    """Where a channel can prove that an alert was shown, accepted is not enough; shown in time is."""
    home.notes.proves = Receipt.SHOWN
    seen, unseen = home.person("ann", "notes", "spare"), home.person("bob", "notes", "spare")
    async with home.running() as dispatch:
        await home.publish(published())
        await until(lambda: len(home.notes.sent) == 2)
        assert await dispatch.receive(ALERT, seen[0].id, Receipt.SHOWN)
        home.clock.turn(Patience().receipt("act") + 1)
        await dispatch.quiet()
    assert [one.to.subscription for one in home.spare.sent] == [unseen[1].id]
    assert home.marks(*seen, *unseen) == ["shown", "spared", "accepted", "accepted"]
    home.close()


async def test_three_channels_in_order(home: Home) -> None:
    """Each channel is tried after the one before it and none twice, however far down the last one is."""
    ones = home.person("ann", "notes", "spare", "notes")
    home.notes.answer = lambda one: refused("no") if one.to.subscription == ones[0].id else Outcome("accepted")
    home.spare.answer = lambda one: refused("no")
    async with home.running() as dispatch:
        await home.publish(published())
        await dispatch.quiet()
    assert home.marks(*ones) == ["refused", "refused", "accepted"]
    assert [one.to.subscription for one in home.notes.sent] == [ones[0].id, ones[2].id]
    home.close()


async def test_no_next_channel_after_a_cancellation(home: Home) -> None:
    """What is held in reserve when the alert is taken back is never sent; the retraction goes where the alert went."""
    ones = home.person("ann", "notes", "spare")
    home.notes.answer = lambda one: later(1000) if one.phase == "act" else Outcome("accepted")
    async with home.running() as dispatch:
        await home.publish(published())
        await until(lambda: home.notes.sent)
        await home.publish(published(version=2, phase="retracted"))
        await dispatch.quiet()
        home.clock.turn(1000)
        await asyncio.sleep(0.05)
        await dispatch.quiet()
    assert home.spare.sent == []
    assert [one.phase for one in home.notes.sent] == ["act", "retracted"]
    assert [proof.mark for proof in home.batches.proofs(ones[1].number)] == ["superseded"]
    home.close()


async def test_the_end_goes_by_every_channel_that_was_used(home: Home) -> None:
    """Whoever was alerted by two channels is told of the end by both."""
    ones = home.person("ann", "notes", "spare")
    home.notes.answer = lambda one: later(10) if one.phase == "act" else Outcome("accepted")
    async with home.running() as dispatch:
        await home.publish(published())
        await until(lambda: home.notes.sent)
        home.clock.turn(Patience().receipt("act") + 1)
        await until(lambda: home.spare.sent)
        await home.publish(published(version=2, phase="all-clear"))
        await dispatch.quiet()
    assert [home.notes.told(ones[0].id)[-1], home.spare.told(ones[1].id)[-1]] == [(2, "all-clear")] * 2
    home.close()


async def test_reserve_survives_a_restart(home: Home) -> None:
    """A person held in reserve when the program dies is still tried by the next channel after it."""
    ones = home.person("ann", "notes", "spare")
    home.notes.hold = asyncio.Event()
    async with home.running():
        await home.publish(published())
        await home.notes.begun.wait()
        await asyncio.sleep(0.02)
    again = home.later()
    again.notes.answer = lambda one: refused("no")
    async with again.running() as dispatch:
        await dispatch.quiet()
        standing = dispatch.standing(ALERT)
    assert [one.to.subscription for one in again.spare.sent] == [ones[1].id]
    assert (standing.people, standing.reached) == (1, 1)
    again.close()


async def test_receipts_only_rise(home: Home) -> None:
    """Accepted becomes shown and then answered, never less; each is on disk when it is taken, settled or not."""
    one, other = home.subscribe("UA-30"), home.subscribe("UA-63")
    async with home.running() as dispatch:
        await home.publish(published())
        await dispatch.quiet()
        assert await dispatch.receive(ALERT, one.id, Receipt.ANSWERED)
        assert home.batches.told(ALERT)[0].marks.tolist() == [12]
        assert not await dispatch.receive(ALERT, one.id, Receipt.SHOWN)
        assert not await dispatch.receive(ALERT, other.id, Receipt.SHOWN)
        assert not await dispatch.receive(ALERT, "nobody", Receipt.SHOWN)
        assert dispatch.standing()["notes"] == {"accepted": 0, "answered": 1, "open": 0}
        (channel,) = dispatch.standing(ALERT).channels
    assert (channel.levels.accepted, channel.levels.shown, channel.levels.answered) == (1, 1, 1)
    again = home.later()
    async with again.running() as dispatch:
        two = again.batches.proofs(one.number)[0]
        assert (two.mark, two.receipt) == ("answered", "answered")
        assert dispatch.standing(ALERT).reached == 1
    again.close()


async def test_receipt_for_an_alert_of_before_the_restart(home: Home) -> None:
    """A receipt that comes after a restart, for what was settled long ago, is kept all the same."""
    one = home.subscribe("UA-30")
    async with home.running() as dispatch:
        await home.publish(published())
        await dispatch.quiet()
    again = home.later()
    async with again.running() as dispatch:
        await dispatch.quiet()
        assert await dispatch.receive(ALERT, one.id, Receipt.SHOWN)
        assert again.marks(one) == ["shown"]
    again.close()


async def test_a_receipt_that_overtakes_the_channels_answer(home: Home) -> None:
    """Shown before the channel has said accepted stays shown, and is not sent again when the channel says later."""
    one = home.subscribe("UA-30")
    home.notes.hold = asyncio.Event()
    home.notes.answer = lambda delivery: later(1)
    async with home.running() as dispatch:
        await home.publish(published())
        await home.notes.begun.wait()
        assert await dispatch.receive(ALERT, one.id, Receipt.SHOWN)
        home.notes.hold.set()
        await dispatch.quiet()
        home.clock.turn(5)
        await asyncio.sleep(0.02)
    assert len(home.notes.sent) == 1
    assert home.marks(one) == ["shown"]
    home.close()


async def test_sources_take_turns(home: Home) -> None:
    """A source that publishes a hundred alerts does not hold up the one alert of another of the same rank."""

    def by(source: str, fact: Fact) -> Fact:
        return Fact(
            fact.kind,
            fact.subject,
            msgspec.json.encode({**msgspec.json.decode(fact.body), "source": source}),
            fact.realm,
        )

    for _ in range(3):
        home.subscribe("UA-30")
    home.notes.stride = home.notes.lanes = 1
    async with home.running() as dispatch:
        dispatch.pause("notes")
        await home.publish(*(by("loud", published(f"loud{n}")) for n in range(30)))
        await home.publish(by("quiet", published("quiet")), by("loud", published("first", phase="prepare")))
        await until(lambda: dispatch.standing()["notes"]["open"] == 32 * 3)
        dispatch.resume("notes")
        await dispatch.quiet()
    events = [one.event_id for one in home.notes.sent]
    assert events.index("quiet") <= 1
    assert [n for n, event in enumerate(events) if event == "quiet"] == [1, 3, 5] or events[0] == "quiet"
    assert events[-3:] == ["first"] * 3
    home.close()


async def test_a_stop_is_a_fact_and_outlives_a_restart(home: Home) -> None:
    """A channel that somebody stopped stays stopped after a restart, and says by whom; what waited leaves afterwards."""
    home.subscribe("UA-30")
    async with home.running() as dispatch:
        await dispatch.switch("notes", False, "p-1", "the gateway sends everything twice")
        await home.publish(published())
        await until(lambda: dispatch.standing()["notes"]["open"] == 1)
    (entry,) = home.store.read(0, kinds=[CHANNEL_STOPPED])
    assert (entry.subject, entry.read(Switched).by) == ("notes", "p-1")
    again = home.later()
    async with again.running() as dispatch:
        await until(lambda: dispatch.stops)
        assert dispatch.stops["notes"].reason == "the gateway sends everything twice"
        await asyncio.sleep(0.02)
        assert again.notes.sent == []
        await dispatch.switch("notes", True, "p-2")
        await dispatch.quiet()
    assert len(again.notes.sent) == 1
    again.close()


async def test_silent_carrier_and_areas_without_receipts_are_named(home: Home) -> None:
    """Within a minute a carrier that answers nothing is silent, and its areas are named with the channel to try next."""
    home.subscribe("UA-30")
    home.subscribe("UA-63", channel="spare")
    home.notes.answer = lambda delivery: later(reason="timeout")
    async with home.running() as dispatch:
        await home.publish(published(areas=["UA-30", "UA-63"]))
        await until(lambda: home.notes.sent and home.spare.sent)
        home.clock.turn(59)
        assert dispatch.carriers.silent(home.clock.now()) == []
        home.clock.turn(1.5)
        await until(lambda: dispatch.carriers.silent(home.clock.now()))
        (silent,) = dispatch.carriers.silent(home.clock.now())
        assert (silent.channel, silent.reason) == ("notes", "timeout")
        standing = await asyncio.to_thread(dispatch.standing, ALERT, areas=True)
        assert [(one.channel, one.silent) for one in standing.channels] == [("notes", True), ("spare", False)]
        assert [(one.area, one.next_channel) for one in standing.areas] == [("UA-30", "spare"), ("UA-63", "")]
        home.notes.answer = lambda delivery: Outcome("accepted")
        for _ in range(100):
            home.clock.turn(10)
            await asyncio.sleep(0.005)
            if dispatch._is_quiet():
                break
        await dispatch.quiet()
        assert dispatch.carriers.silent(home.clock.now()) == []
    home.close()


async def test_the_curve_is_on_record(home: Home) -> None:
    """While receipts come, how far an alert got is put on record once a minute and channel."""
    ones = home.crowd(3, "UA-30")
    async with home.running() as dispatch:
        await home.publish(published())
        await dispatch.quiet()
        for minute, one in enumerate(ones):
            home.clock.turn(61)
            await dispatch.receive(ALERT, one.id, Receipt.SHOWN)
            await until(lambda n=minute: len(home.store.read(0, kinds=[DELIVERY_COUNTED])) > n)
        curve = dispatch.standing(ALERT).curves["notes"]
    counted = [entry.read(Counted).levels.shown for entry in home.store.read(0, kinds=[DELIVERY_COUNTED])]
    assert counted == [1, 2, 3]
    assert [point.shown for point in curve][-1] == 3
    assert curve[0].accepted == 3
    home.close()


def test_every_delivery_is_a_struct_of_bytes() -> None:
    """What a channel is handed has no person's name in it: an opaque id and an address."""
    assert {"person", "order", "name"}.isdisjoint(Delivery.__struct_fields__)

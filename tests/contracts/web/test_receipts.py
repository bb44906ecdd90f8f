"""Receipts by interface, the sentence that readiness says of channels, what Prometheus reads, and the self-drill."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.web.conftest import Building, Server
from tests.rules.reach.stage import Notes, parse, published, until
from tocsin.clock import TurnedClock
from tocsin.errors import NotFoundError, NotReadyError, PolicyError
from tocsin.journal import EXERCISE
from tocsin.reach.channel import ACCEPTED, later, refused
from tocsin.reach.channel import Kit as ChannelKit
from tocsin.reach.channels.awaited import Parts
from tocsin.reach.channels.gateway import Chosen
from tocsin.reach.channels.sms import Sms, SmsTable
from tocsin.reach.delivery import DELIVERY_SEALED, DELIVERY_SETTLED, Receipt, Sealed, Settled
from tocsin.reach.dispatch import Dispatch
from tocsin.reach.subscription import Subscription, Wish
from tocsin.selfdrill import SELFDRILL_DONE, SELFDRILL_FAILED, Drilled, Publishing, SelfDrill
from tocsin.store.batches import SqlBatches
from tocsin.store.certificate import Certificates
from tocsin.warn.canary import SELFDRILL_PUBLISHED
from tocsin.warn.compile import Issuer, Kit
from tocsin.warn.phrase import book
from tocsin.warn.publish import Published
from tocsin.web.carrier import carriers_answer, drill_passed

ALERT = "tocsin.test-night-1"
KEY = "a-secret-of-the-gateway"


class Sending:
    """A house that has sent an alert by a channel that can be told anything, and takes receipts."""

    def __init__(self, folder: Path, realm: str = "actual") -> None:
        self.building = Building(folder, realm, writes_per_second=1e6)
        house, clock = self.building.house, self.building.clock
        assert house.subscriptions is not None
        self.notes = Notes()
        table = SmsTable("Tocsin", http=Chosen("twilio", slots={"base": "http://127.0.0.1:1"}), callback=KEY)
        heard = lambda alert, subscription, level: self.dispatch.received(alert, subscription, level)  # noqa: E731
        self.sms = Sms(ChannelKit(self.building.settings, clock, receipt=heard), table)
        self.batches = SqlBatches(self.building.store, realm)
        self.dispatch = house.dispatch = Dispatch(
            self.building.store,
            self.batches,
            house.subscriptions.book,
            house.subscriptions.roll,
            {"notes": self.notes, "sms": self.sms},
            clock,
            realm,
            parse=parse,
            flush_s=0.001,
        )

    def subscribe(self, secret: str = "whsec_right") -> Subscription:
        assert self.building.house.subscriptions is not None
        one: Subscription = self.building.house.subscriptions.make(Wish("notes", "x", (secret,), ("UA-30",)))
        return one

    @asynccontextmanager
    async def told(self) -> AsyncIterator[Server]:
        """The alert is sent, and the house answers on a port."""
        following = asyncio.create_task(self.dispatch.follow())
        await asyncio.to_thread(self.building.store.append, [published(sent=self.building.clock.now())])
        await until(lambda: self.notes.sent)
        await self.dispatch.quiet()
        server = Server(self.building)
        # The dispatch lives in this loop and the server in a thread of its own: what it is asked is passed across.
        loop, receive, saved = asyncio.get_running_loop(), self.dispatch.receive, self.dispatch.saved

        async def across(alert: str, subscription: str, level: Receipt) -> bool:
            return await asyncio.wrap_future(
                asyncio.run_coroutine_threadsafe(receive(alert, subscription, level), loop)
            )

        async def across_saved() -> None:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(saved(), loop))

        self.dispatch.receive, self.dispatch.saved = across, across_saved  # type: ignore[method-assign]
        self.dispatch.received = lambda *told: asyncio.run_coroutine_threadsafe(receive(*told), loop)  # type: ignore
        try:
            yield server
        finally:
            await asyncio.to_thread(server.stop)
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    def mark(self, one: Subscription) -> str:
        return self.batches.proofs(one.number)[0].mark


@pytest.fixture
def sending(tmp_path: Path) -> Iterator[Sending]:
    found = Sending(tmp_path)
    yield found
    found.batches.close()
    found.building.store.close()


async def test_a_device_brings_a_receipt(sending: Sending) -> None:
    """With its secret a device raises its own delivery, on disk when it is answered; anything else changes nothing."""
    one, other = sending.subscribe(), sending.subscribe("whsec_other")

    def bring(server: Server, secret: str, level: str = "shown", alert: str = ALERT) -> tuple[int, bytes]:
        body = json.dumps({"alert": alert, "subscription": one.id, "level": level}).encode()
        reply = server.ask(
            "POST", "/v1/receipts", body, Content_Type="application/json", Authorization=f"Bearer {secret}"
        )
        return reply.status, reply.body

    async with sending.told() as server:
        for secret, alert in (("whsec_wrong", ALERT), ("whsec_other", ALERT), ("whsec_right", "nothing")):
            assert await asyncio.to_thread(bring, server, secret, "shown", alert) == (204, b"")
        assert sending.mark(one) == "accepted"
        assert await asyncio.to_thread(bring, server, "whsec_right") == (204, b"")
        assert sending.mark(one) == "shown"
        assert await asyncio.to_thread(bring, server, "whsec_right", "answered") == (204, b"")
        assert [sending.mark(one), sending.mark(other)] == ["answered", "accepted"]
        body = json.dumps({"alert": ALERT, "subscription": one.id}).encode()
        bare = await asyncio.to_thread(
            lambda: server.ask("POST", "/v1/receipts", body, Content_Type="application/json")
        )
        assert bare.status == 401


async def test_a_gateway_posts_a_receipt(sending: Sending) -> None:
    """A gateway's form is read by its profile under a secret address; another address does not exist."""
    one = sending.subscribe()
    async with sending.told() as server:
        sending.sms._awaited.put("SM1", Parts(ALERT, one.id, 1))

        def post(secret: str, state: str) -> int:
            form = f"MessageSid=SM1&MessageStatus={state}".encode()
            path = f"/v1/receipts/sms/{secret}"
            return server.ask("POST", path, form, Content_Type="application/x-www-form-urlencoded").status

        assert await asyncio.to_thread(post, "a-wrong-secret-here", "delivered") == 404
        assert sending.mark(one) == "accepted"
        assert await asyncio.to_thread(post, KEY, "delivered") == 204
        await until(lambda: sending.mark(one) == "shown")


async def test_readiness_and_measures_name_what_is_silent_or_stopped(sending: Sending) -> None:
    """A minute without an answer, and a channel that somebody stopped, are one sentence and one measure each."""
    sending.subscribe()
    sending.notes.answer = lambda delivery: later(reason="timeout")
    check, clock = carriers_answer(sending.dispatch), sending.building.clock
    following = asyncio.create_task(sending.dispatch.follow())
    await asyncio.to_thread(sending.building.store.append, [published(sent=clock.now())])
    await until(lambda: sending.notes.sent)
    clock.turn(59)
    assert list(check(clock.now())) == []
    clock.turn(2)
    await sending.dispatch.switch("sms", False, "p-1", "sends twice")
    codes = {one.code: one.sentence for one in check(clock.now())}
    assert set(codes) == {"channel.silent", "channel.stopped"}
    assert codes["channel.silent"].startswith("notes: notes has answered nothing for 61 s (timeout), 1 wait:")
    measures = sending.building.house.measures.render().decode()
    assert 'tocsin_carrier_silent_seconds{carrier="notes",channel="notes"} 61.0' in measures
    assert 'tocsin_channel_stopped{channel="sms"} 1.0' in measures
    assert 'tocsin_deliveries{channel="notes",mark="open"} 1.0' in measures
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


CANARIES = '[canary.notes]\naddress = "canary@warn.example"\nshown = {shown}\n'


def drill_of(
    sending: Sending, folder: Path, shown: bool = False, allowed: tuple[str, ...] = ("notes",), **more: Any
) -> SelfDrill:
    (folder / "channels.toml").write_text(CANARIES.format(shown="true" if shown else "false"))
    building = sending.building
    assert building.house.subscriptions is not None
    realm = building.settings.realm
    kit = Kit(building.house.gazetteer, book(), Issuer("warn@warn.example", "Warn", realm, ("en", "uk")))
    certificates = Certificates(folder / "certificates", realm, "warn@warn.example", building.clock.now())
    certificates.renew(building.clock.now())
    return SelfDrill(
        building.store,
        sending.dispatch,
        building.house.subscriptions,
        Publishing(kit, certificates.sign, allowed),
        building.settings,
        building.clock,
        folder,
        **more,
    )


@pytest.fixture
async def following(sending: Sending) -> AsyncIterator[None]:
    """The dispatch runs."""
    task = asyncio.create_task(sending.dispatch.follow())
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.usefixtures("following")
async def test_the_self_drill_proves_each_channel_with_an_exercise(sending: Sending, tmp_path: Path) -> None:
    """Its alert and the all-clear go to the canary alone, by the audience and sealed; each step is an exercise's fact."""
    sending.subscribe()
    drill = drill_of(sending, tmp_path)
    done = await drill.drill()
    act, clear = sending.notes.sent
    assert {(one.realm, one.to.address) for one in (act, clear)} == {(EXERCISE, "canary@warn.example")}
    assert (act.phase, clear.phase, act.event_id) == ("act", "all-clear", clear.event_id)
    assert b"EXERCISE. Test of this channel." in act.body
    assert [(one.channel, one.outcome, one.level) for one in done.channels] == [("notes", "accepted", "accepted")]
    store = sending.building.store
    first, second = store.read(0, kinds=[SELFDRILL_PUBLISHED])
    assert b"</ds:Signature>" in first.read(Published).cap.encode()
    assert first.read(Published).retraction
    await sending.dispatch.quiet()
    sealed, settled = store.read(0, kinds=[DELIVERY_SEALED]), store.read(0, kinds=[DELIVERY_SETTLED])
    assert {one.realm for one in (first, second, *sealed, *settled)} == {EXERCISE}
    assert [one.read(Sealed).recipients for one in sealed] == [1, 1]
    assert [one.read(Settled).outcomes for one in settled] == [{"accepted": 1}] * 2
    assert "canary@warn" not in "".join(entry.body.decode() for entry in store.read(0))
    (entry,) = sending.building.store.read(0, kinds=[SELFDRILL_DONE])
    assert (entry.realm, entry.read(Drilled)) == (EXERCISE, done)
    assert list(drill_passed(drill)(sending.building.clock.now())) == []
    late = sending.building.clock.now() + timedelta(hours=27)
    assert [one.code for one in drill_passed(drill)(late)] == ["selfdrill.overdue"]
    with pytest.raises(NotFoundError):
        await drill.prove("sms")


async def test_in_an_exercise_installation_it_is_no_alert_either(tmp_path: Path) -> None:
    """Where exercises are sent, a self-drill is still for the canary alone, and an exercise for those who subscribed."""
    sending = Sending(tmp_path, EXERCISE)
    one = sending.subscribe()
    task = asyncio.create_task(sending.dispatch.follow())
    drill = drill_of(sending, tmp_path)
    assert (await drill.prove("notes")).good
    sending.building.take_in()
    assert sending.building.store.head().seq <= sending.building.house.upto
    assert sending.building.house.situation.live(sending.building.clock.now()) == []
    canary = {sent.to.number for sent in sending.notes.sent}
    assert one.number not in canary
    at = sending.building.clock.now()
    await asyncio.to_thread(sending.building.store.append, [published(sent=at, realm=EXERCISE)])
    await until(lambda: sending.notes.told(one.id))
    await sending.dispatch.quiet()
    assert [sent.to.number for sent in sending.notes.sent[2:]] == [one.number]
    assert sending.dispatch.under_way() == [ALERT]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    sending.batches.close()
    sending.building.store.close()


async def test_a_canary_needs_a_signed_line(sending: Sending, tmp_path: Path) -> None:
    """Where the signed policy does not name its channel nothing is published, and readiness says what to do."""
    drill = drill_of(sending, tmp_path, allowed=())
    with pytest.raises(PolicyError):
        await drill.prove("notes")
    assert (await drill.drill()).channels == ()
    assert sending.building.store.read(0, kinds=[SELFDRILL_PUBLISHED]) == []
    assert [one.code for one in drill_passed(drill)(sending.building.clock.now())] == ["selfdrill.unsigned"]


@pytest.mark.usefixtures("following")
async def test_a_canary_is_the_files(sending: Sending, tmp_path: Path) -> None:
    """It is made once; another address ends it and makes another; without its table it ends, and no export names it."""
    drill, held = drill_of(sending, tmp_path), sending.building.house.subscriptions
    assert held is not None
    await drill.mend()
    await drill.mend()
    ((first,),) = [list(held.roll.of_person(name)) for name in held.roll.persons("canary:")]
    assert (held.roll.numbers(), held.roll.census()[0].total) == ([], 0)
    (tmp_path / "channels.toml").write_text('[canary.notes]\naddress = "other@warn.example"\n')
    await drill.mend()
    ((second,),) = [list(held.roll.of_person(name)) for name in held.roll.persons("canary:")]
    assert second != first
    assert held.book.addresses([first, second])[second].address == "other@warn.example"
    assert first not in held.book.numbers()
    (tmp_path / "channels.toml").write_text("")
    await drill.mend()
    assert held.roll.persons("canary:") == []


@pytest.mark.usefixtures("following")
async def test_a_drill_that_fails_is_said_until_it_is_mended(sending: Sending, tmp_path: Path) -> None:
    """A refused canary makes readiness say so, also after a restart, until a proof succeeds."""
    drill = drill_of(sending, tmp_path)
    sending.notes.answer = lambda delivery: refused("550 no such user")
    await drill.drill()
    assert len(sending.building.store.read(0, kinds=[SELFDRILL_FAILED])) == 1
    again = drill_of(sending, tmp_path)
    assert again.failed() == [("notes", "550 no such user")]
    assert "550 no such user" in next(iter(drill_passed(again)(sending.building.clock.now()))).sentence
    sending.notes.answer = lambda delivery: ACCEPTED
    assert (await again.prove("notes", "p-1")).good
    assert again.failed() == []


@pytest.mark.usefixtures("following")
async def test_an_all_clear_that_does_not_arrive_is_a_failure(sending: Sending, tmp_path: Path) -> None:
    """A channel that brings the alert and not its end has not passed."""
    drill = drill_of(sending, tmp_path)
    sending.notes.answer = lambda delivery: ACCEPTED if delivery.phase == "act" else refused("full")
    found = await drill.prove("notes")
    assert (found.outcome, found.reason, found.good) == ("uncleared", "full", False)


@pytest.mark.usefixtures("following")
async def test_an_alert_goes_before_a_drill_that_hangs(sending: Sending, tmp_path: Path) -> None:
    """A canary that holds the only line of a channel makes way at once, and the drill is put off and not failed."""
    sending.subscribe()
    lane = sending.notes
    lane.lanes, lane.hold = 1, asyncio.Event()
    drill = drill_of(sending, tmp_path, within_s=1.0)
    proving = asyncio.create_task(drill.prove("notes"))
    await lane.begun.wait()
    lane.begun.clear()
    at = sending.building.clock.now()
    await asyncio.to_thread(sending.building.store.append, [published(sent=at)])
    await lane.begun.wait()
    lane.hold.set()
    await until(lambda: len(lane.sent) >= 2)
    assert lane.sent[0].alert == ALERT
    with contextlib.suppress(NotReadyError):
        assert (await proving).good
    assert drill.failed() == []
    assert drill.stands == {}


@pytest.mark.usefixtures("following")
async def test_a_drill_waits_while_a_warning_stands(sending: Sending, tmp_path: Path) -> None:
    """At its hour it waits until no warning stands, and hours later only until nothing is being sent."""
    clock, calm, asked = sending.building.clock, False, 0

    def is_calm(at: datetime) -> bool:
        nonlocal asked
        asked += 1
        return calm

    drill = drill_of(sending, tmp_path, calm=is_calm)
    keeping = asyncio.create_task(drill.keep())
    await until(lambda: clock._sleepers)
    clock.turn(24 * 3600)
    for times in range(1, 6):
        await until(lambda times=times: asked == times)
        clock.turn(60)
    await until(lambda: asked == 6)
    assert sending.notes.sent == []
    calm = True
    clock.turn(60)
    await until(lambda: drill.drilled is not None)
    await until(lambda: clock._sleepers)
    calm, drill.drilled, before = False, None, asked
    clock.turn(24 * 3600)
    await until(lambda: asked > before)
    assert drill.drilled is None
    clock.turn(7 * 3600)
    await until(lambda: drill.drilled is not None)
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)


@pytest.mark.usefixtures("following")
async def test_a_canary_that_must_be_shown(sending: Sending, tmp_path: Path) -> None:
    """Where a receipt must come back, accepted alone proves nothing; the receipt is taken in like any other."""
    drill = drill_of(sending, tmp_path, shown=True, receipt_s=0.1)
    assert (await drill.prove("notes")).outcome == "unproven"
    drill.receipt_s, before = 20.0, len(sending.notes.sent)
    proving = asyncio.create_task(drill.prove("notes"))
    await until(lambda: len(sending.notes.sent) > before)
    sent = sending.notes.sent[before]
    assert await sending.dispatch.receive(sent.alert, sent.to.subscription, Receipt.SHOWN)
    assert (await proving).level == "shown"


@pytest.mark.usefixtures("following")
async def test_it_is_made_each_night(sending: Sending, tmp_path: Path, clock: TurnedClock) -> None:
    """At the hour that the settings name, and not before, the drill is made by itself."""
    drill = drill_of(sending, tmp_path)
    keeping = asyncio.create_task(drill.keep())
    await until(lambda: sending.building.clock._sleepers)
    now = sending.building.clock.now()
    at = now.replace(hour=2, minute=30) + timedelta(days=1 if now.hour >= 2 else 0)
    sending.building.clock.set(at - timedelta(seconds=1))
    await asyncio.sleep(0.02)
    assert sending.notes.sent == []
    sending.building.clock.turn(2)
    await until(lambda: drill.drilled is not None)
    assert [one.phase for one in sending.notes.sent] == ["act", "all-clear"]
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)

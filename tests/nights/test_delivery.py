"""From the journal to a listener and to webhooks, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from pathlib import Path

from tests.contracts.channels.listener import Listener, serving
from tests.contracts.channels.test_webhook import Receiver, checks, delivery
from tests.rules.reach.conftest import Room
from tests.rules.reach.stage import NIGHT, Map, Pen, parse, published, until
from tocsin.clock import SystemClock, TurnedClock
from tocsin.reach.channels.host import Manners
from tocsin.reach.channels.stream import StreamHub
from tocsin.reach.channels.webhook import Webhook, new_secret
from tocsin.reach.dispatch import Dispatch, Patience
from tocsin.reach.subscription import Subscription, Wish


class Night:
    """A room whose channel is the real webhook."""

    def __init__(self, folder: Path, manners: Manners | None = None) -> None:
        self.clock = TurnedClock(NIGHT)
        self.room = Room(folder, self.clock)
        self.webhook = Webhook(self.clock, loopback=True, manners=manners)
        self.secret = new_secret()
        self.dispatch = self.room.dispatch = Dispatch(
            self.room.store,
            self.room.batches,
            self.room.book,
            self.room.audience,
            {"webhook": self.webhook},
            self.clock,
            "actual",
            parse=parse,
            public_url="https://warn.example",
            gone=lambda one: self.room.subscribers.end(one, "gone"),
            patience=Patience(first_s=1, most_s=8, busy_s=0.1),
            flush_s=0.001,
        )

    def subscribe(self, url: str) -> Subscription:
        return self.room.subscribers.make(Wish("webhook", url, (self.secret,), ("UA-30",)))

    def mark(self, one: Subscription) -> str:
        return self.room.batches.proofs(one.number)[0].mark

    async def close(self) -> None:
        await self.webhook.close()
        self.room.close()


async def test_stream_and_webhook_say_the_same(tmp_path: Path) -> None:
    """A listener and a webhook get the same bytes, signed for the one, numbered for the other."""
    night, receiver = Night(tmp_path), Receiver()
    hub = StreamHub(
        night.room.store, Map(), "actual", Pen(), night.clock, parse=parse, public_url="https://warn.example"
    )
    try:
        async with serving(hub) as (port, _), receiver.serving() as url, night.room.running() as dispatch:
            night.subscribe(url)
            listener = await Listener.open(port, "?area=UA")
            await night.room.publish(published())
            told = (await listener.alerts(1))[0]
            await dispatch.quiet()
            headers, body = receiver.came[0]
            assert body.decode() == told.data
            assert checks(night.secret, headers, body)
            await listener.close()
    finally:
        await night.close()


async def test_dead_host_costs_the_others_nothing(tmp_path: Path) -> None:
    """While one host never answers, everybody else is told at once; it is told when it is back."""
    night = Night(tmp_path, Manners(total_s=0.2, per_host=4, failures=100))
    hole, good = Receiver(), Receiver()
    hole.hold = asyncio.Event()
    try:
        async with hole.serving() as nowhere, good.serving() as url, night.room.running() as dispatch:
            stuck = [night.subscribe(f"{nowhere}/{n}") for n in range(40)]
            fine = [night.subscribe(f"{url}/{n}") for n in range(40)]
            await night.room.publish(published())
            await until(lambda: len(good.came) == 40, 2)
            await until(lambda: dispatch.standing()["webhook"].get("accepted") == 40)
            assert dispatch.standing()["webhook"]["open"] == 40
            hole.hold.set()
            for _ in range(200):
                if not dispatch.standing()["webhook"]["open"]:
                    break
                night.clock.turn(1)
                await asyncio.sleep(0.02)
            await dispatch.quiet()
        assert {night.mark(one) for one in (*stuck, *fine)} == {"accepted"}
        ids = [headers["webhook-id"] for headers, _ in hole.came]
        assert len(set(ids)) == 40
    finally:
        await night.close()


async def test_many_dead_hosts_leave_the_living_their_lanes(tmp_path: Path) -> None:
    """While more hosts than there are lanes take a connection and never say a word, those that answer are told at once."""
    night, good = Night(tmp_path, Manners(total_s=60, new=8, failing=4)), Receiver()
    night.webhook.lanes = 16
    with contextlib.ExitStack() as dead:
        silent = [dead.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(60)]
        try:
            async with good.serving() as url, night.room.running() as dispatch:
                for one in silent:
                    night.subscribe(f"http://127.0.0.1:{one.getsockname()[1]}/")
                for n in range(40):
                    night.subscribe(f"{url}/{n}")
                assert (await night.webhook.send([delivery(url, "earlier")]))[0].kind == "accepted"
                # The dead ones stand first in this batch, and no time-out comes while the test lasts.
                await night.room.publish(published())
                await until(lambda: dispatch.standing()["webhook"].get("accepted") == 40)
                assert dispatch.standing()["webhook"]["open"] == 60
                # Those in the places, and who waits a moment for one.
                await until(lambda: dispatch.lanes["webhook"].running <= 8 + 2)
        finally:
            await night.close()


async def test_storm_of_429(tmp_path: Path) -> None:
    """A host that asks us to wait is left alone until then, and everybody is told in the end."""
    night, receiver = Night(tmp_path), Receiver()
    receiver.status, receiver.headers = 429, {"Retry-After": "30"}
    try:
        async with receiver.serving() as url, night.room.running() as dispatch:
            people = [night.subscribe(f"{url}/{n}") for n in range(10)]
            await night.room.publish(published())
            await until(lambda: len(dispatch.lanes["webhook"].retries) == 10)
            for _ in range(29):
                night.clock.turn(1)
                await asyncio.sleep(0)
            # After five in a row the host rests as a whole, and whoever had not left by then stays here.
            asked = len(receiver.came)
            assert 5 <= asked <= 10
            receiver.status = 200
            night.clock.turn(40)
            await dispatch.quiet()
        assert {night.mark(one) for one in people} == {"accepted"}
        assert len(receiver.came) == asked + 10
    finally:
        await night.close()


async def test_cancel_overtakes_and_a_stuck_host_does_not_hold_it(tmp_path: Path) -> None:
    """A retraction does not wait for a host that has not answered the alert; it goes there next."""
    night, receiver = Night(tmp_path), Receiver()
    receiver.hold = asyncio.Event()
    try:
        async with receiver.serving() as url, night.room.running() as dispatch:
            night.subscribe(url)
            await night.room.publish(published())
            await until(lambda: len(receiver.came) == 1)
            await night.room.publish(published(version=2, phase="retracted"))
            await until(lambda: len(receiver.came) == 2, 2)
            receiver.hold.set()
            await dispatch.quiet()
        assert [b'"phase":"act"' in body for _, body in receiver.came] == [True, False]
    finally:
        await night.close()


async def test_quick(tmp_path: Path) -> None:
    """From the journal to the stream and the webhook it is a matter of milliseconds, not of seconds."""
    night, receiver, clock = Night(tmp_path), Receiver(), SystemClock()
    hub = StreamHub(night.room.store, Map(), "actual", Pen(), clock, parse=parse)
    took = []
    try:
        async with serving(hub) as (port, _), receiver.serving() as url, night.room.running():
            night.subscribe(url)
            listener = await Listener.open(port)
            for version in range(1, 21):
                start = time.perf_counter()
                await night.room.publish(published(version=version))
                await listener.alerts(1)
                await until(lambda count=version: len(receiver.came) == count)
                took.append(time.perf_counter() - start)
            await listener.close()
        assert sorted(took)[len(took) // 2] < 3.0, took
    finally:
        await night.close()

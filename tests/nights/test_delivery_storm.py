"""A bad night for those who carry what we send: black holes, slowness, storms of 429, and an area that shrinks."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from aiohttp import web

from tests.contracts.channels.pushservice import Certified, Device, PushService
from tests.contracts.channels.test_webhook import Receiver
from tests.rules.reach.stage import NIGHT, parse, published, until
from tests.rules.reach.test_ladder import Home
from tocsin.clock import TurnedClock
from tocsin.reach.channels.courier import Manners
from tocsin.reach.channels.host import Manners as Hosts
from tocsin.reach.channels.webhook import Webhook, new_secret
from tocsin.reach.channels.webpush import Webpush
from tocsin.reach.dispatch import Dispatch
from tocsin.reach.patience import Patience
from tocsin.reach.subscription import Subscription, Wish
from tocsin.reach.vapid import application_server_key
from tocsin.store.vapid import VapidKey

ALERT = "tocsin.test-night-1"


class Storm:
    """A dispatch with real Web Push and real webhooks against servers on this machine."""

    def __init__(self, folder: Path) -> None:
        self.clock = TurnedClock(NIGHT)
        self.room = Home(folder, self.clock)
        self.certified = Certified(folder)
        self.key = VapidKey(folder, "actual")
        self.push = Webpush(
            self.clock,
            self.key,
            loopback=True,
            authorities=self.certified.ca,
            contact="mailto:duty@warn.example",
            manners=Manners(total_s=0.4, slow_s=0.2, rest_s=0.3, most_rest_s=1.0, window=8, most_window=32),
        )
        self.push.stride = 20
        self.hook = Webhook(self.clock, loopback=True, manners=Hosts(total_s=1.0))
        self.secret = new_secret()
        self.dispatch = self.room.dispatch = Dispatch(
            self.room.store,
            self.room.batches,
            self.room.book,
            self.room.audience,
            {"webpush": self.push, "webhook": self.hook},
            self.clock,
            "actual",
            parse=parse,
            public_url="https://warn.example",
            patience=Patience(first_s=1, most_s=8, busy_s=0.1, attempts=1000),
            flush_s=0.001,
        )

    def service(self) -> PushService:
        return PushService(self.certified, application_server_key(self.key), self.clock.now)

    def device(self, url: str, person: str = "", order: int = 0) -> Subscription:
        return self._own(
            Wish("webpush", url, (self.secret, Device().secret), ("UA-30",), languages=("uk",)), person, order
        )

    def system(self, url: str, person: str = "", order: int = 0, area: str = "UA-30") -> Subscription:
        return self._own(Wish("webhook", url, (self.secret,), (area,)), person, order)

    def _own(self, wish: Wish, person: str, order: int) -> Subscription:
        one = self.room.subscribers.make(wish)
        self.room.owners[one.number] = person, order
        self.room.own(one.number)
        return one

    def marks(self, ones: list[Subscription]) -> set[str]:
        return {self.room.batches.proofs(one.number)[0].mark for one in ones}

    async def turn_until(self, holds: Callable[[], object], step: float = 1.0, most: int = 600) -> None:
        """Turn the clock, with real time for the servers in between, until ``holds``."""
        for _ in range(most):
            if holds():
                return
            self.clock.turn(step)
            await asyncio.sleep(0.02)
        raise AssertionError("it did not come to that")

    async def close(self) -> None:
        await self.push.close()
        await self.hook.close()
        self.room.close()


@pytest.fixture
async def storm(tmp_path: Path) -> AsyncIterator[Storm]:
    found = Storm(tmp_path)
    yield found
    await found.close()


@contextlib.asynccontextmanager
async def hole() -> AsyncIterator[str]:
    """A push service that takes connections and never says a word."""
    writers: list[asyncio.StreamWriter] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with contextlib.suppress(OSError):
            await reader.read()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    try:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/push"
    finally:
        server.close()
        for writer in writers:
            writer.close()


async def test_black_hole_is_seen_within_a_minute_and_the_next_channel_is_tried(storm: Storm) -> None:
    """A push service falls silent: everybody else is told at once, it is named in 60 s, its people get it otherwise."""
    receiver = Receiver()
    async with receiver.serving() as url, hole() as nowhere, storm.room.running() as dispatch:
        lost = [storm.device(f"{nowhere}/{n}", f"p{n}") for n in range(30)]
        spare = [storm.system(f"{url}/spare{n}", f"p{n}", 1) for n in range(30)]
        fine = [storm.system(f"{url}/{n}") for n in range(30)]
        await storm.room.publish(published())
        await until(lambda: len(receiver.came) == 30, 5)
        began = storm.clock.now()
        await storm.turn_until(lambda: dispatch.carriers.silent(storm.clock.now()))
        assert (storm.clock.now() - began).total_seconds() <= 61
        (silent,) = dispatch.carriers.silent(storm.clock.now())
        assert silent.name == nowhere.removesuffix("/push")
        await until(lambda: len(receiver.came) == 60, 5)
        standing = dispatch.standing(ALERT)
        assert standing is not None
        assert (standing.people, standing.reached) == (60, 60)
        assert storm.marks(fine) == {"accepted"}
        await until(lambda: storm.marks(spare) == {"accepted"})
        assert storm.marks(lost) <= {"waiting", "sending", "pending"}
        await storm.room.publish(published(version=2, phase="retracted"))
        await until(lambda: len(receiver.came) == 120, 5)


async def test_slow_service_holds_up_nobody_else_and_loses_nobody(storm: Storm) -> None:
    """A push service that takes its time for each costs the others no time, and gets everything in the end, once each."""
    receiver = Receiver()
    async with receiver.serving() as url, storm.service().serving() as service, storm.room.running() as dispatch:
        devices = [storm.device(service.subscribe(f"d{n}", n).address) for n in range(40)]
        systems = [storm.system(f"{url}/{n}") for n in range(40)]
        service.slow_s = 0.15
        await storm.room.publish(published())
        # One after the other the slow ones alone take six seconds.
        await until(lambda: len(receiver.came) == 40, 5)
        await storm.turn_until(lambda: dispatch._is_quiet())
        assert storm.marks(devices) == storm.marks(systems) == {"accepted"}


async def test_storm_of_429_is_obeyed(storm: Storm) -> None:
    """A service that says Retry-After to everybody is left alone until then; when it is over everybody is told, once."""
    async with storm.service().serving() as service, storm.room.running() as dispatch:
        devices = [storm.device(service.subscribe(f"d{n}", n).address) for n in range(60)]
        service.answer = lambda name: web.Response(status=429, headers={"Retry-After": "30"})
        await storm.room.publish(published())
        await until(lambda: service.came and dispatch.lanes["webpush"].running == 0, 5)
        asked = len(service.came)
        assert asked < 60, "after some of these answers nobody else is sent there"
        assert dispatch.carriers.silent(storm.clock.now()) == []
        service.answer = lambda name: None
        await storm.turn_until(lambda: dispatch._is_quiet(), step=5.0)
        assert storm.marks(devices) == {"accepted"}
        accepted = [name for name, _, _ in service.came[asked:]]
        assert sorted(accepted) == sorted(set(accepted))


async def test_area_shrinks(storm: Storm) -> None:
    """Whom a newer version leaves out gets an all-clear for their place, once; who comes in, the warning; systems hear all."""
    receiver = Receiver()
    async with receiver.serving() as url, storm.room.running() as dispatch:
        stays = storm.system(f"{url}/stays")
        leaves = storm.system(f"{url}/leaves", area="UA-63")
        comes = storm.system(f"{url}/comes", area="DE-BE")
        for version, areas in ((1, ("UA-30", "UA-63")), (2, ("UA-30", "DE-BE")), (3, ("UA-30", "DE-BE"))):
            await storm.room.publish(published(version=version, areas=areas))
            await dispatch.quiet()
        told = {
            one.id: [(p.version, p.phase) for p in storm.room.batches.proofs(one.number)]
            for one in (stays, leaves, comes)
        }
        # A person who stays hears nothing of the second version (tests/rules/reach/test_shrink.py); a system keeps the area.
        assert told[stays.id] == [(3, "act"), (2, "act"), (1, "act")]
        assert told[leaves.id] == [(2, "all-clear"), (1, "act")]
        assert told[comes.id] == [(3, "act"), (2, "act")]
        (cleared,) = [body for _, body in receiver.came if b'"phase":"all-clear"' in body]
        assert "Відбій для вашого місця" in cleared.decode()
        await storm.room.publish(published(version=4, phase="retracted", areas=("UA-30", "DE-BE")))
        await dispatch.quiet()
        last = {storm.room.batches.proofs(one.number)[0].phase for one in (stays, leaves, comes)}
        assert last == {"retracted"}

"""The power goes while phones are told: kill -9 at random moments, through the dispatch and the push service."""

from __future__ import annotations

import asyncio
import random
import sys
from collections import Counter, defaultdict
from pathlib import Path

from tests.contracts.channels.pushservice import Certified, PushService
from tests.rules.reach.stage import NIGHT, Map, published, until
from tocsin.clock import TurnedClock
from tocsin.reach.audience import Audience
from tocsin.reach.delivery import DELIVERY_SETTLED, Settled
from tocsin.reach.prekey import Refill
from tocsin.reach.subscriber import Subscribers
from tocsin.reach.subscription import SUBSCRIPTION_ENDED, Wish
from tocsin.reach.vapid import application_server_key
from tocsin.store.prekeys import SqlPreKeys
from tocsin.store.sqlite import SqliteStore
from tocsin.store.subscriptions import SqlBook
from tocsin.store.vapid import VapidKey

CROWD, KILLS = 300, 5
IN_FLIGHT = 20 * 2


def prepare(folder: Path, service: PushService) -> None:
    """A store with a crowd, keys for all of them, and one alert."""
    clock = TurnedClock(NIGHT)
    with SqliteStore(folder, clock) as store:
        book = SqlBook(store, folder, "actual")
        subscribers = Subscribers(store, book, Audience(Map()), clock, "actual")
        wishes = []
        for n in range(CROWD):
            to = service.subscribe(f"d{n}")
            wishes.append(Wish("webpush", to.address, to.secrets, ("UA-30",), languages=("uk",)))
        subscribers.make_all(wishes)
        prekeys = SqlPreKeys(store, folder, "actual")
        assert Refill(prekeys, book, clock).sweep() == 2 * CROWD
        prekeys.close()
        store.append([published()])


async def start(folder: Path, phases: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.contracts.channels.webpush_sender", str(folder), phases
    )


async def test_none_lost_and_a_resend_is_the_same_ciphertext(tmp_path: Path, clock: TurnedClock) -> None:
    """Killed again and again, it reaches everybody; whoever is sent to twice gets the very same bytes.

    The retraction that follows takes other keys for everybody, and who is gone is ended by that and nothing else.
    """
    service = PushService(Certified(tmp_path), application_server_key(VapidKey(tmp_path, "actual")), clock.now)
    async with service.serving():
        await asyncio.to_thread(prepare, tmp_path, service)
        chance, doubled = random.Random(), 0
        for _ in range(KILLS):
            running = await start(tmp_path, "act")
            most = len(service.came) + chance.randint(1, CROWD // (KILLS + 1))
            await until(lambda most=most, one=running: len(service.came) >= most or one.returncode is not None, 30)
            if running.returncode is None:
                running.kill()
            await running.wait()
        running = await start(tmp_path, "act")
        assert await asyncio.wait_for(running.wait(), 60) == 0
        times = Counter(name for name, _, _ in service.came)
        assert set(times) == {f"d{n}" for n in range(CROWD)}
        doubled = times.total() - CROWD
        assert doubled <= KILLS * IN_FLIGHT, f"{doubled} doubled"
        bodies = defaultdict(set)
        for name, _, sealed in service.came:
            bodies[name].add(sealed)
        assert all(len(one) == 1 for one in bodies.values())
        assert service.refusals == []
        assert all(notice["phase"] == "act" for notice in service.opened())

        first = len(service.came)
        del service.devices["d7"]
        with SqliteStore(tmp_path, TurnedClock(NIGHT)) as store:
            store.append([published(version=2, phase="retracted")])
        running = await start(tmp_path, "act,retracted")
        assert await asyncio.wait_for(running.wait(), 60) == 0
        second = service.came[first:]
        assert Counter(name for name, _, _ in second) == Counter(f"d{n}" for n in range(CROWD))
        heads = {sealed[:86] for _, _, sealed in service.came[:first]}
        assert not heads & {sealed[:86] for _, _, sealed in second}
    with SqliteStore(tmp_path, TurnedClock(NIGHT)) as store:
        outcomes = [entry.read(Settled).outcomes for entry in store.read(0, 10_000, kinds=[DELIVERY_SETTLED])]
        assert outcomes == [{"accepted": CROWD}, {"accepted": CROWD - 1, "gone": 1}]
        assert len(store.read(0, 10_000, kinds=[SUBSCRIPTION_ENDED])) == 1

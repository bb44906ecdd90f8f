"""Whose turn it is among the hosts that webhooks go to, and what is remembered of them."""

from __future__ import annotations

import asyncio
import contextlib

from tests.rules.reach.stage import NIGHT, until
from tocsin.clock import TurnedClock
from tocsin.reach.channel import ACCEPTED, Outcome, later, refused
from tocsin.reach.channels.host import SHOWN, Host, Hosts, Manners, Places


async def ask(hosts: Hosts, name: str, outcome: Outcome) -> Outcome:
    """One send to a host that answers so; or why it was not asked."""
    async with hosts.turn(name) as host:
        if isinstance(host, Outcome):
            return host
        hosts.learn(host, outcome)
        return outcome


async def test_what_is_known_is_bounded() -> None:
    """However many hosts fail, only so many are remembered: those that were used last."""
    hosts = Hosts(TurnedClock(NIGHT), Manners(hosts=100, failures=1))
    for n in range(1000):
        await ask(hosts, f"{n}.example:443", later(reason="timeout"))
    assert len(hosts) == 100
    assert (await ask(hosts, "999.example:443", ACCEPTED)).reason == "host rests"
    assert await ask(hosts, "0.example:443", ACCEPTED) is ACCEPTED


async def test_resting_hosts_are_counted_beyond_the_first() -> None:
    """Of very many hosts that rest some are named, and the others are a number."""
    hosts = Hosts(TurnedClock(NIGHT), Manners(failures=1))
    for n in range(500):
        await ask(hosts, f"{n}.example:443", later(reason="timeout"))
    told = hosts.resting()
    assert len(told) == SHOWN + 1
    assert f"+ {500 - SHOWN}" in told


async def test_one_dead_host_stops_no_other() -> None:
    """The breaker of a host is its own."""
    hosts = Hosts(TurnedClock(NIGHT), Manners(failures=3))
    for _ in range(3):
        await ask(hosts, "dead.example:443", later(reason="timeout"))
    assert (await ask(hosts, "dead.example:443", ACCEPTED)).tried is False
    assert await ask(hosts, "living.example:443", ACCEPTED) is ACCEPTED


async def test_storm_of_requests_to_come_later_rests_the_host_as_long_as_it_asked() -> None:
    """One 429 is about one of the systems behind a host; five in a row are about the host, and one goes ahead after it."""
    clock = TurnedClock(NIGHT)
    hosts = Hosts(clock, Manners(storm=5))
    for _ in range(5):
        assert (await ask(hosts, "busy.example:443", later(30.0, "429"))).tried
    assert await ask(hosts, "busy.example:443", ACCEPTED) == later(30.0, "host rests", tried=False)
    clock.turn(30)
    assert (await ask(hosts, "busy.example:443", later(60.0, "429"))).tried
    assert (await ask(hosts, "busy.example:443", ACCEPTED)).after_s == 60.0
    clock.turn(60)
    asked: list[Host | Outcome] = []

    async def one() -> None:
        async with hosts.turn("busy.example:443") as host:
            asked.append(host)
            await go.wait()
            assert isinstance(host, Host)
            hosts.learn(host, ACCEPTED)

    go = asyncio.Event()
    sends = [asyncio.create_task(one()) for _ in range(10)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(asked) == 1, "one goes ahead, and the others wait for what it finds out"
    go.set()
    await asyncio.gather(*sends)
    assert len(asked) == 10


async def test_what_never_left_says_nothing_about_the_host() -> None:
    """A delivery that was refused here neither opens nor closes anything, and leaves nothing behind."""
    clock = TurnedClock(NIGHT)
    hosts = Hosts(clock, Manners(failures=2))
    for _ in range(5):
        await ask(hosts, "one.example:443", refused("secret", tried=False))
    assert len(hosts) == 0
    await ask(hosts, "one.example:443", later(reason="timeout"))
    await ask(hosts, "one.example:443", refused("secret", tried=False))
    await ask(hosts, "one.example:443", later(reason="timeout"))
    assert (await ask(hosts, "one.example:443", ACCEPTED)).reason == "host rests"


async def test_hosts_that_answer_need_no_place() -> None:
    """New and failing hosts take the places, are handed back untried when those are stuck, and the living go on."""
    hosts = Hosts(TurnedClock(NIGHT), Manners(new=4, failing=2))
    await ask(hosts, "living.example:443", ACCEPTED)
    hang = asyncio.Event()
    inside = 0

    async def dead(n: int) -> Outcome:
        nonlocal inside
        async with hosts.turn(f"{n}.example:443") as host:
            if isinstance(host, Outcome):
                return host
            inside += 1
            await hang.wait()
            hosts.learn(host, later(reason="timeout"))
            return later(reason="timeout")

    sends = [asyncio.create_task(dead(n)) for n in range(50)]
    # One waits a moment for a place, since they might be quick; all others are handed back at once.
    await until(lambda: sum(one.done() for one in sends) >= 45)
    assert inside == 4
    held = [one.result() for one in sends if one.done()]
    assert {(one.reason, one.tried) for one in held} == {("hosts in turn", False)}
    assert all(1.0 <= (one.after_s or 0) <= Places.MOST_S for one in held)
    for _ in range(20):
        assert await ask(hosts, "living.example:443", ACCEPTED) is ACCEPTED
    hang.set()
    await asyncio.gather(*sends)


async def test_quick_hosts_wait_for_a_place_and_are_not_handed_back() -> None:
    """Hosts that nobody has heard yet but that answer at once get a place one after the other, as long as few wait."""
    hosts = Hosts(TurnedClock(NIGHT), Manners(new=16))

    async def quick(n: int) -> Outcome:
        async with hosts.turn(f"{n}.example:443") as host:
            if isinstance(host, Outcome):
                return host
            await asyncio.sleep(0)
            hosts.learn(host, ACCEPTED)
            return ACCEPTED

    found = await asyncio.gather(*(quick(n) for n in range(20)))
    assert found == [ACCEPTED] * 20


async def test_a_cancelled_send_gives_its_place_back() -> None:
    """Whatever ends a send, its place is free again and the host is not kept."""
    hosts = Hosts(TurnedClock(NIGHT), Manners(new=1))

    async def hang() -> None:
        async with hosts.turn("one.example:443"):
            await asyncio.Event().wait()

    for _ in range(3):
        send = asyncio.create_task(hang())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        send.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await send
    assert len(hosts) == 0
    assert await ask(hosts, "two.example:443", ACCEPTED) is ACCEPTED

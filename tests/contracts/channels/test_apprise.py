"""The long tail through Apprise, in a worker that may die."""

from __future__ import annotations

import asyncio
import signal

from tests.contracts.channels.rigs import kit, longtail
from tests.contracts.channels.told import delivery
from tests.rules.reach.stage import until
from tocsin.clock import TurnedClock
from tocsin.reach.channels.apprise_ import Apprise, AppriseTable


async def test_worker_that_dies(clock: TurnedClock) -> None:
    """What a killed worker had in hand is for later and never accepted; the next one is sent by a new worker."""
    async with longtail(clock) as rig:
        channel = rig.channel
        assert isinstance(channel, Apprise)
        channel.table = AppriseTable(("json",), timeout_s=10)
        await rig.be("hole")
        sending = asyncio.create_task(rig.send(delivery(rig.address)))
        await until(lambda: channel._waiting)
        assert channel.process is not None
        first = channel.process.pid
        channel.process.send_signal(signal.SIGKILL)
        (outcome,) = await sending
        assert (outcome.kind, outcome.reason, outcome.tried) == ("later", "worker died", True)
        await rig.be("good")
        assert [one.kind for one in await rig.send(delivery(rig.address))] == ["accepted"]
        assert channel.process.pid != first


async def test_no_wait_between_messages(clock: TurnedClock) -> None:
    """Ten messages take no ten times five seconds: the waits of the services are switched off."""
    async with longtail(clock) as rig:
        channel = rig.channel
        assert isinstance(channel, Apprise)
        channel.table = AppriseTable(("json",), timeout_s=10)
        batch = [delivery(rig.address, subscription=str(n)) for n in range(10)]
        async with asyncio.timeout(5):
            assert {one.kind for one in await rig.send(*batch)} == {"accepted"}
        assert len(rig.came()) == 10


async def test_what_is_not_allowed(clock: TurnedClock) -> None:
    """Only what the operator allows is used, and nothing that acts on this machine, even if it were allowed."""
    channel = Apprise(kit(clock), AppriseTable(("json", "syslog", "dbus")))
    for url in ("slack://a/b/c", "syslog://", "dbus://", "SYSLOG://", "no url", "json://x\n"):
        (outcome,) = await channel.send([delivery(url)])
        assert (outcome.kind, outcome.tried) == ("refused", False)
    assert channel.process is None


async def test_address_that_apprise_does_not_understand(clock: TurnedClock) -> None:
    """An address that the worker cannot read is refused."""
    async with longtail(clock) as rig:
        (outcome,) = await rig.send(delivery("json://"))
        assert outcome.kind == "refused"

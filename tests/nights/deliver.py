"""A program that dispatches until it is killed: hands what it sends to the test over a socket and waits for its word.

``python -m tests.nights.deliver FOLDER PORT VERSIONS [STRIDE]`` publishes nothing; it knows the alerts of the versions so
that it can read them. It hands over ``STRIDE`` recipients at a time.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tests.rules.reach.stage import NIGHT, Map, parse, published
from tocsin.clock import TurnedClock
from tocsin.reach.audience import Audience
from tocsin.reach.channel import ACCEPTED, Outcome, later
from tocsin.reach.delivery import Delivery
from tocsin.reach.dispatch import Dispatch
from tocsin.reach.subscriber import Subscribers
from tocsin.store.batches import SqlBatches
from tocsin.store.sqlite import SqliteStore
from tocsin.store.subscriptions import SqlBook


class Wire:
    """A channel to the test: one connection a send, a line of (version, recipients), and a line back."""

    name, stride, lanes = "notes", 40, 4

    def __init__(self, port: int, stride: int = stride) -> None:
        self.port, self.stride = port, stride

    async def send(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**20)
        try:
            told = [[one.version, one.to.number] for one in batch]
            writer.write(msgspec.json.encode(told) + b"\n")
            await writer.drain()
            return [ACCEPTED] * len(batch) if await reader.readline() else [later()] * len(batch)
        finally:
            writer.close()

    async def close(self) -> None:
        pass


async def deliver(folder: Path, port: int, stride: int = Wire.stride) -> None:
    """Dispatch until everything is settled, and say so."""
    clock = TurnedClock(NIGHT)
    with SqliteStore(folder, clock) as store:
        book, audience = SqlBook(store, folder, "actual"), Audience(Map())
        Subscribers(store, book, audience, clock, "actual").load()
        batches = SqlBatches(store, "actual")
        dispatch = Dispatch(store, batches, book, audience, {"notes": Wire(port, stride)}, clock, "actual", parse=parse)
        following = asyncio.create_task(dispatch.follow())
        await dispatch.quiet()
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        batches.close()


if __name__ == "__main__":
    for number, phase in enumerate(sys.argv[3].split(","), 1):
        published(version=number, phase=phase)
    asyncio.run(deliver(Path(sys.argv[1]), int(sys.argv[2]), *(int(text) for text in sys.argv[4:])))

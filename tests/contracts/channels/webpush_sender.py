"""A program that dispatches by Web Push until everything is settled or it is killed.

``python -m tests.contracts.channels.webpush_sender FOLDER PHASES`` knows the alerts of these phases so that it can read
them; addresses and prepared keys are in the folder.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.rules.reach.stage import NIGHT, Map, parse, published
from tocsin.clock import TurnedClock
from tocsin.reach.audience import Audience
from tocsin.reach.channels.courier import Manners
from tocsin.reach.channels.webpush import Webpush
from tocsin.reach.dispatch import Dispatch
from tocsin.reach.subscriber import Subscribers
from tocsin.store.batches import SqlBatches
from tocsin.store.prekeys import SqlPreKeys
from tocsin.store.sqlite import SqliteStore
from tocsin.store.subscriptions import SqlBook
from tocsin.store.vapid import VapidKey


async def send(folder: Path) -> None:
    """Dispatch until everything is settled."""
    clock = TurnedClock(NIGHT)
    with SqliteStore(folder, clock) as store:
        book, audience = SqlBook(store, folder, "actual"), Audience(Map())
        subscribers = Subscribers(store, book, audience, clock, "actual")
        subscribers.load()
        batches, prekeys = SqlBatches(store, "actual"), SqlPreKeys(store, folder, "actual")
        channel = Webpush(
            clock,
            VapidKey(folder, "actual"),
            prekeys,
            contact="mailto:duty@warn.example",
            loopback=True,
            authorities=folder / "ca.pem",
            manners=Manners(per_second=600, window=8, most_window=8),
        )
        channel.stride, channel.lanes = 20, 2
        dispatch = Dispatch(
            store,
            batches,
            book,
            audience,
            {"webpush": channel},
            clock,
            "actual",
            parse=parse,
            gone=lambda one: subscribers.end(one, "gone"),
        )
        following = asyncio.create_task(dispatch.follow())
        await dispatch.quiet()
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await channel.close()
        prekeys.close()
        batches.close()


if __name__ == "__main__":
    for number, phase in enumerate(sys.argv[2].split(","), 1):
        published(version=number, phase=phase)
    asyncio.run(send(Path(sys.argv[1])))

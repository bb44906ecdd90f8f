"""A dispatch on a real store, with a turned clock and a channel that notes what it is given."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest

from tests.rules.reach.stage import Map, Notes, parse
from tocsin.clock import TurnedClock
from tocsin.journal import Fact
from tocsin.reach.audience import Audience
from tocsin.reach.dispatch import Dispatch, Patience
from tocsin.reach.subscriber import Subscribers
from tocsin.reach.subscription import Subscription, Wish
from tocsin.store.batches import SqlBatches
from tocsin.store.sqlite import SqliteStore
from tocsin.store.subscriptions import SqlBook


class Room:
    """Everything a dispatch needs, on one folder; it can be left and entered again."""

    def __init__(self, folder: Path, clock: TurnedClock) -> None:
        self.folder, self.clock = folder, clock
        self.store = SqliteStore(folder, clock)
        self.batches = SqlBatches(self.store, "actual")
        self.book = SqlBook(self.store, folder, "actual")
        self.audience = Audience(Map())
        self.subscribers = Subscribers(self.store, self.book, self.audience, clock, "actual")
        self.subscribers.load()
        self.notes = Notes()
        self.dispatch = self.new()

    def new(self) -> Dispatch:
        return Dispatch(
            self.store,
            self.batches,
            self.book,
            self.audience,
            {"notes": self.notes},
            self.clock,
            "actual",
            parse=parse,
            gone=lambda one: self.subscribers.end(one, "gone"),
            patience=Patience(first_s=2, most_s=60, attempts=4),
            chance=lambda: 0.0,
            flush_s=0.001,
        )

    def subscribe(self, *areas: str, **more: object) -> Subscription:
        wish = Wish("notes", f"to-{len(self.audience)}", areas=areas)
        return self.subscribers.make(msgspec.structs.replace(wish, **more))

    def crowd(self, number: int, *areas: str) -> list[Subscription]:
        return self.subscribers.make_all([Wish("notes", f"crowd-{n}", areas=areas) for n in range(number)])

    async def publish(self, *facts: Fact) -> None:
        await asyncio.to_thread(self.store.append, facts)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Dispatch]:
        task = asyncio.create_task(self.dispatch.follow())
        try:
            yield self.dispatch
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def close(self) -> None:
        self.batches.close()
        self.store.close()

    def again(self) -> Room:
        """The same folder after a restart."""
        self.close()
        return Room(self.folder, self.clock)


@pytest.fixture
def room(tmp_path: Path, clock: TurnedClock) -> Iterator[Room]:
    found = Room(tmp_path, clock)
    yield found
    found.close()

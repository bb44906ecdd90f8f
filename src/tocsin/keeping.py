"""Keeping faith with subscribers beside the server: who ends is told, before, when it happens, and by what is left.

- A stay ends at its last moment; that is said by its own channel a day before and when it ends.
- Who is subscribed is read beside the server: a million must not keep the page from answering. Whoever needs to know
  waits for it, and readiness says so.
- Who received an alert is known for some days and then summed up: how many did stays, and a review keeps its figures.
- When a channel says that somebody is gone there, they are told by the next of their other channels that takes it. It
  follows the journal with a cursor of its own, so a crash makes nobody miss it; at worst it is said twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Protocol

from tocsin.clock import Clock
from tocsin.errors import StoreError
from tocsin.journal import ACTUAL, Entry, Journal, fact, follow
from tocsin.reach.audience import Audience
from tocsin.reach.letter import LOST, OVER, SOON, SUBSCRIPTION_REMINDED, Letters, Reminded
from tocsin.reach.subscriber import Subscribers
from tocsin.reach.subscription import SUBSCRIPTION_ENDED, Ended

log = logging.getLogger("tocsin")

AHEAD = timedelta(days=1)
EVERY_S = 60.0
PATIENCE_S = 1.0
"""So long a start waits for the subscriptions: a small installation knows them before it answers anybody."""
TRIES = 10
SUM_UP_S = 3600.0


class Receipts(Protocol):
    """Where it is kept who received what (:class:`tocsin.store.receipts.SqlReceipts`)."""

    def sum_up(self, before: datetime) -> int: ...


class Keeping:
    """The steps of one realm."""

    def __init__(
        self, journal: Journal, subscribers: Subscribers, audience: Audience, letters: Letters, clock: Clock
    ) -> None:
        self.journal, self.subscribers, self.audience = journal, subscribers, audience
        self.letters, self.clock = letters, clock
        realm = subscribers.realm
        self.follower = "farewell" if realm == ACTUAL else f"farewell-{realm}"
        self._reminded: set[str] | None = None
        self._loading: asyncio.Task[int] | None = None

    async def load(self, patience_s: float = PATIENCE_S) -> None:
        """Begin to read who is subscribed; return when that is known, or after ``patience_s`` while it goes on."""
        self.subscribers.loaded.clear()
        self._loading = asyncio.create_task(asyncio.to_thread(self.subscribers.load), name="subscriptions")
        await asyncio.wait({self._loading}, timeout=patience_s)

    def after(self, work: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[None]]:
        """``work`` as it is begun once it is known who is subscribed."""

        async def begin() -> None:
            if self._loading is not None:
                await asyncio.shield(self._loading)
            await work()

        return begin

    async def keep_blocks(self) -> None:
        """Keep, each minute, what a quick start needs of the subscriptions that have changed."""
        while True:
            await self.clock.sleep(EVERY_S)
            await asyncio.to_thread(self.subscribers.keep)

    async def dates(self) -> int:
        """Remind whoever ends within a day, and end each subscription whose last moment has come; how many ended."""
        at = self.clock.now()
        if self._reminded is None:
            self._reminded = {entry.subject for entry in follow(self.journal, 0, (SUBSCRIPTION_REMINDED,))}
        over = self.audience.over(at)
        for name in self.audience.over(at + AHEAD):
            one = self.subscribers.get(name)
            if one is None or name in over or name in self._reminded:
                continue
            # Who asked for a day or less knows when it ends.
            if one.until is not None and one.made is not None and one.until - one.made > AHEAD:
                await self.letters.write(SOON, one)
                said = fact(SUBSCRIPTION_REMINDED, name, Reminded(one.number, one.channel), self.subscribers.realm)
                await asyncio.to_thread(self.journal.append, [said])
            self._reminded.add(name)
        for name in over:
            one = self.subscribers.get(name)
            if one is not None:
                await self.letters.write(OVER, one)
        if over:
            await asyncio.to_thread(self.subscribers.end_all, over, "date")
            self._reminded.difference_update(over)
        return len(over)

    async def farewells(self) -> bool:
        """Tell the next people who lost a channel; False when there is nobody more."""
        entries = self.journal.read(self.journal.cursor(self.follower), 100, (SUBSCRIPTION_ENDED,))
        for entry in entries:
            if entry.realm == self.subscribers.realm:
                await self._tell(entry)
            await asyncio.to_thread(self.journal.step, self.follower, entry.seq, [])
        return bool(entries)

    async def _tell(self, entry: Entry) -> None:
        ended = entry.read(Ended)
        if ended.reason != "gone" or not ended.person:
            return
        for attempt in range(TRIES):
            again = False
            found = [self.subscribers.roll.subscription(one) for one in self.subscribers.roll.of_person(ended.person)]
            others = sorted((one for one in found if one is not None), key=lambda one: (one.order, one.number))
            for one in others:
                outcome = await self.letters.write(LOST, one, ended.channel)
                if outcome.kind == "accepted":
                    return
                if outcome.kind == "gone":
                    await asyncio.to_thread(self.subscribers.end, one.id, "gone")
                again = again or outcome.kind == "later"
            if not again or attempt == TRIES - 1:
                return
            await self.clock.sleep(EVERY_S)

    async def keep_receipts(self, receipts: Receipts, days: int) -> None:
        """Sum up, each hour, what is older than ``days``."""
        while True:
            try:
                old = await asyncio.to_thread(receipts.sum_up, self.clock.now() - timedelta(days=days))
                if old:
                    log.info("the receipts of %d events were summed up", old)
            except (StoreError, OSError):
                # A disk that is full for a moment must not end it; what was not done is done an hour later.
                log.exception("old receipts could not be summed up")
            await self.clock.sleep(SUM_UP_S)

    async def keep_dates(self) -> None:
        """Look each minute whose last moment has come."""
        while True:
            await self.dates()
            await self.clock.sleep(EVERY_S)

    async def keep_farewells(self) -> None:
        """Follow the journal until cancelled."""
        loop, fresh = asyncio.get_running_loop(), asyncio.Event()

        def told(_: int) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and nobody waits any more
                loop.call_soon_threadsafe(fresh.set)

        stop = self.journal.on_append(told)
        try:
            while True:
                fresh.clear()
                while await self.farewells():
                    pass
                await fresh.wait()
        finally:
            stop()

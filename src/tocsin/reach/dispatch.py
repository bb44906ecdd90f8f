"""The dispatch: follows what is published and gets it to everybody it concerns, in priority order, with proof.

- What saves lives leaves first: retracted and act, then hold and all-clear, then prepare; anything actual before any
  exercise (F6); and within that every source in turn (:mod:`.lane`).
- A newer version takes the older ones of its event out of every queue and stops those under way before it is sealed
  itself, so nobody gets an alert after its cancellation. Nothing that has expired is sent.
- What was published is sealed in :mod:`.sealing`, whom it goes to is decided in :mod:`.recipients`, which of a person's
  channels is next in :mod:`.ladder`, and what an attempt comes to in :mod:`.attempt`.
- What the self-drill publishes goes the same way behind all of this; what of it is under way when an alert comes stands
  aside, and goes on after it.
- After kill -9 who may have been sent to is sent to again while the alert still holds: none is lost, and doubled only
  what was in flight.
- A receipt is on disk before whoever brings it is answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime
from typing import Any, overload

from tocsin.cap.alert import Alert
from tocsin.clock import Clock, SystemClock
from tocsin.journal import Journal, follow
from tocsin.reach.attempt import Attempts
from tocsin.reach.audience import Audience, Outline
from tocsin.reach.bulletin import Parse, read_alert
from tocsin.reach.carrier import Carriers
from tocsin.reach.channel import Channel
from tocsin.reach.course import Course, Courses, proves
from tocsin.reach.delivery import (
    AddressBook,
    Batch,
    Batches,
    Mark,
    Proof,
    Receipt,
    mark_of,
    proving,
)
from tocsin.reach.filing import Filing
from tocsin.reach.lane import Lane, Work, first
from tocsin.reach.patience import Patience
from tocsin.reach.recipients import Recipients
from tocsin.reach.sealing import Sealing, newest
from tocsin.reach.standing import Standing
from tocsin.reach.switch import KINDS as SWITCHES
from tocsin.reach.switch import Stop, stopped, switched
from tocsin.warn.publish import ALERT_PUBLISHED, Published

__all__ = ["Dispatch", "Patience"]

Origin = tuple[str, datetime]
"""The source of an alert, and when the journal was told of it."""

_log = logging.getLogger(__name__)


class Dispatch:
    """Everything under way, for one realm. To be used from one event loop."""

    def __init__(
        self,
        journal: Journal,
        batches: Batches,
        book: AddressBook,
        audience: Audience,
        channels: Mapping[str, Channel],
        clock: Clock,
        realm: str,
        *,
        parse: Parse = read_alert,
        public_url: str = "",
        outline: Callable[[Alert], Outline | None] = lambda alert: None,
        gone: Callable[[str], object] = lambda subscription: None,
        patience: Patience | None = None,
        chance: Callable[[], float] = random.random,
        pace: Clock | None = None,
        flush_s: float = 0.05,
        shown: frozenset[str] = frozenset(),
    ) -> None:
        """``outline`` gives an alert's own shape, ``gone`` ends a subscription; ``pace`` waits in real time.

        ``shown`` are channels by which a person counts as reached only when they were shown the alert.
        """
        self.shown = shown
        self.journal, self.batches, self.book, self.audience = journal, batches, book, audience
        self.clock, self.realm, self.gone, self.patience = clock, realm, gone, patience or Patience()
        self.pace, self.flush_s = pace or SystemClock(), flush_s
        self.lanes = {name: Lane(name, channel) for name, channel in channels.items()}
        self.recipients = Recipients(journal, batches, audience, clock, realm, parse, public_url, outline)
        self.sealing = Sealing(journal, batches, self.recipients, audience, realm)
        self.attempts = Attempts(
            journal,
            book,
            clock,
            realm,
            parse=parse,
            public_url=public_url,
            patience=self.patience,
            chance=chance,
            before=self.recipients.before,
            noted=self._noted,
            gone=self._end_subscription,
            taken=self._taken,
            quieter=self.recipients.quieter,
        )
        self.stops: dict[str, Stop] = {}
        self._works: dict[int, Work] = {}
        self.courses = Courses(journal, batches, audience, clock)
        self.filing = Filing(journal, batches, self.courses, clock, realm)
        self._climbing = asyncio.Event()
        self._turned = asyncio.Event()
        self._sealing = True
        self._tasks: set[asyncio.Task[Any]] = set()

    # --- from outside -----------------------------------------------------------------------------------------------

    @property
    def carriers(self) -> Carriers:
        """Who takes what we send, and whether they answer."""
        return self.attempts.carriers

    async def follow(self) -> None:
        """Follow the journal and send until cancelled; then what is under way gets two seconds to end."""
        loop, wake = asyncio.get_running_loop(), asyncio.Event()

        def woken(seq: int) -> None:
            loop.call_soon_threadsafe(wake.set)

        stop = self.journal.on_append(woken)
        try:
            await self._recover()
            self.stops = stopped(await asyncio.to_thread(lambda: list(follow(self.journal, 0, SWITCHES))), self.realm)
            for name in self.stops.keys() & self.lanes.keys():
                self.pause(name)
            # What was published while we were away decides what is still worth sending, so it is read first.
            while await self._catch_up():
                pass
            self._start(
                self._keep_flushing(),
                self._keep_climbing(),
                *(keep for lane in self.lanes.values() for keep in lane.keep(self.clock, self.attempts.send)),
            )
            while True:
                wake.clear()
                try:
                    while await self._catch_up():
                        pass
                except Exception:
                    # A disk that is full for a moment must not end all sending; every step here can be done again.
                    _log.exception("what was published could not be taken up")
                    await self.pace.sleep(1.0)
                    continue
                self._turned.set()
                await wake.wait()
        finally:
            stop()
            await self._stop()

    async def switch(self, channel: str, on: bool, by: str, reason: str = "") -> None:
        """Throw a channel's kill switch, or let it send again: a fact first, so that it holds over a restart."""
        entries = await asyncio.to_thread(self.journal.append, [switched(channel, on, by, reason, self.realm)])
        if on:
            self.stops.pop(channel, None)
            self.resume(channel)
        else:
            self.stops[channel] = Stop(entries[0].at, by, reason)
            self.pause(channel)

    def pause(self, channel: str) -> None:
        """Nothing new leaves by a channel."""
        self.lanes[channel].paused = True

    def resume(self, channel: str) -> None:
        """Let a channel send again."""
        self.lanes[channel].paused = False
        self.lanes[channel].wake.set()

    def proofs(self, number: int) -> list[Proof]:
        """What is known about every alert to one subscription, newest first."""
        return self.batches.proofs(number)

    @overload
    def standing(self) -> dict[str, dict[str, int]]: ...

    @overload
    def standing(self, alert: str, *, areas: bool = False) -> Standing | None: ...

    def standing(self, alert: str | None = None, *, areas: bool = False) -> dict[str, dict[str, int]] | Standing | None:
        """By channel: how many deliveries ended how since the start, and how many wait.

        With an ``alert``, where that stands now; None if nobody was sent it. ``areas`` counts each area of it too, which
        takes some milliseconds for each: to be called in a thread.
        """
        if alert is not None:
            stopped_now = frozenset(name for name, lane in self.lanes.items() if lane.paused)
            return self.courses.standing(alert, areas, self.carriers.silent(self.clock.now()), stopped_now)
        found = {name: {**lane.ended, "open": 0} for name, lane in self.lanes.items()}
        for work in list(self._works.values()):
            if work.batch.channel in found:
                found[work.batch.channel]["open"] += work.open
        return found

    def open_alerts(self) -> int:
        """How many alerts have a delivery that is open; a self-drill is none."""
        return sum(course.open and not course.proves for course in self.courses)

    def under_way(self) -> list[str]:
        """The alerts that are kept in memory, the newest last, without self-drills."""
        return [course.alert for course in self.courses if not course.proves]

    async def receive(self, alert: str, subscription: str, level: Receipt) -> bool:
        """Take in a receipt; on disk on return. False where nobody of this name was sent this alert."""
        number = self.audience.number(subscription)
        if number is None:
            return False
        course, mark = self.courses.get(alert), mark_of(level)
        if course is None:
            await self.filing.kept((alert, number, mark))
            return True
        found = course.receive(number, mark)
        if found is None:
            return False
        work, before = found
        if (lane := self.lanes.get(work.batch.channel)) is not None:
            if before in (Mark.ACCEPTED, Mark.SHOWN):
                lane.ended[before.name.lower()] -= 1
            lane.count(mark)
        if before not in (Mark.ACCEPTED, Mark.SHOWN):
            self._taken(work, 1)
        self._noted(work)
        await self.filing.kept()
        return True

    async def saved(self) -> None:
        """Return when every receipt that was heard before is on disk."""
        await asyncio.sleep(0)
        await self.filing.flush()

    def received(self, alert: str, subscription: str, level: Receipt) -> None:
        """Take in a receipt that a channel heard, without waiting for the disk."""
        self._start(self.receive(alert, subscription, level))

    async def quiet(self) -> None:
        """Return when everything that was published so far is settled and saved."""
        while not self._is_quiet():
            self._turned.clear()
            await self._turned.wait()

    def _is_quiet(self) -> bool:
        if self._sealing or self._works or self.filing.busy:
            return False
        return not self.sealing.waits()

    # --- from alert to batches --------------------------------------------------------------------------------------

    async def _catch_up(self) -> bool:
        """Seal the next alerts of the journal; false if there are none."""
        self._sealing = True
        try:
            read = await asyncio.to_thread(self.sealing.read)
            if not read:
                return False
            await self._supersede({event_id: published.version for event_id, published in newest(read).items()})
            origins = {entry.seq: (published.source, entry.at) for entry, published in read if published is not None}
            aside = await self._stand_aside() if any(e.kind == ALERT_PUBLISHED and p for e, p in read) else []
            try:
                self._enter(await asyncio.to_thread(self.sealing.seal, read), origins)
            finally:
                self._go_on(aside)
            return True
        finally:
            self._sealing = False

    async def _supersede(self, versions: Mapping[str, int]) -> None:
        """Take what is older than these versions out of every queue, and end what of it is under way."""
        old = [work for work in self._works.values() if work.batch.version < versions.get(work.batch.event_id, -1)]
        for work in old:
            # From here on no lane picks it, also while those under way are ended.
            work.closed = True
        await _recall(old)
        for work in old:
            self._close(work, Mark.SUPERSEDED, Mark.OVERTAKEN)
        # Who may have been reached is read from the store next, so the marks must be there.
        await self.filing.flush()

    async def _stand_aside(self) -> list[Work]:
        """Take what the self-drill has under way off the channels: a slow canary must not hold up an alert."""
        aside = [work for work in self._works.values() if proving(work.batch.rank) and work.tasks]
        await _recall(aside)
        return aside

    def _go_on(self, aside: Sequence[Work]) -> None:
        """Put back in their queues, behind the alert, what stood aside for it."""
        for work in aside:
            if not work.closed and (lane := self.lanes.get(work.batch.channel)) is not None:
                work.marks[work.marks == Mark.SENDING] = Mark.WAITING
                work.ready = None
                lane.put(work)
                lane.wake.set()

    # --- from batches to channels -----------------------------------------------------------------------------------

    async def _recover(self) -> None:
        """Take up what was under way when this program last ended."""
        found = await asyncio.to_thread(self.batches.open)
        for batch in found:
            # Nobody knows whether those in flight arrived, so they count as tried: they are sent to again.
            batch.marks[batch.marks == Mark.SENDING] = Mark.WAITING
        ended, origins = await asyncio.to_thread(self._about, found)
        self._enter(found, origins, ended)
        if missed := await asyncio.to_thread(self.batches.unannounced):
            await asyncio.to_thread(self.batches.announce, missed)

    def _about(self, found: Sequence[Batch]) -> tuple[list[Batch], dict[int, Origin]]:
        """What else is known of the alerts of these batches: their batches that are settled, and their origins."""
        here = {batch.id for batch in found}
        alerts = dict.fromkeys(batch.alert for batch in found)
        ended = [batch for alert in alerts for batch in self.batches.told(alert) if batch.id not in here]
        entries = {seq: self.journal.read(seq - 1, 1)[0] for seq in {batch.seq for batch in found}}
        return ended, {seq: (entry.read(Published).source, entry.at) for seq, entry in entries.items()}

    def _enter(self, found: Sequence[Batch], origins: Mapping[int, Origin], ended: Sequence[Batch] = ()) -> None:
        """Take up these batches, with what is already settled of their alerts."""
        at = self.clock.now()
        courses = {batch.alert: self.courses.of(batch, origins[batch.seq][1]) for batch in (*ended, *found)}
        for batch in ended:
            work = Work(batch, batch.marks)
            work.closed = work.saved = True
            courses[batch.alert].works.append(work)
        for batch in found:
            work = Work(batch, self.batches.marks(batch), origins[batch.seq][0])
            courses[batch.alert].works.append(work)
            self._works[batch.id] = work
            if work.open == 0:
                self._end(work)
            elif (lane := self.lanes.get(batch.channel)) is not None:
                if work.due:
                    lane.put(work)
                self._prepare(lane, batch)
            # Otherwise its channel is not installed now; it waits for the channel or for its end, and doctor shows it.
        for course in courses.values():
            course.climb(
                self.audience.whose,
                self._proves,
                self.patience.receipt(course.phase),
                at,
            )
        self.courses.trim()
        self._climbing.set()

    def _proves(self, channel: str) -> Receipt:
        lane = self.lanes.get(channel)
        return Receipt.SHOWN if channel in self.shown else proves(lane.channel if lane is not None else None)

    def _prepare(self, lane: Lane, batch: Batch) -> None:
        """Let a channel that has something to make of each alert (speech) begin before its turn comes."""
        make = getattr(lane.channel, "prepare", None)
        if make is not None and batch.alert not in lane.prepared:
            lane.prepared[batch.alert] = None
            self._start(self.attempts.prepare(make, batch))

    def _taken(self, work: Work, number: int) -> None:
        if (course := self.courses.get(work.batch.alert)) is not None:
            course.accepted(work.batch.channel, self.clock.now(), number)

    def _end_subscription(self, number: int) -> None:
        one = self.audience.subscription(number)
        if one is not None:
            # The channel says that nobody is there any more; the subscription's end is a fact of its own.
            self._start(asyncio.to_thread(self.gone, one.id))

    async def _keep_climbing(self) -> None:
        """Try people by their next channel when one has failed or its time is over."""
        while True:
            self._climbing.clear()
            at, soonest = self.clock.now(), None
            for course in [course for course in self.courses if course.ladder is not None and course.open]:
                self._climb(course, at)
                due = course.ladder.soonest() if course.ladder is not None else None
                soonest = due if soonest is None or (due is not None and due < soonest) else soonest
            # What changes from now on is looked at together: a look at a million people is not free.
            await self.pace.sleep(self.flush_s)
            await first(self.clock, self._climbing, soonest)

    def _climb(self, course: Course, at: datetime) -> None:
        tried, spared = course.step(at)
        for number, places in spared.items():
            if (work := self._works.get(number)) is not None and not work.closed:
                for place in places:
                    work.settle(place, Mark.SPARED)
                self._noted(work)
        for number, places in tried.items():
            if (work := self._works.get(number)) is not None and not work.closed:
                work.promote(places)
                self._noted(work)
                if (lane := self.lanes.get(work.batch.channel)) is not None:
                    lane.put(work)

    # --- the end of a batch -----------------------------------------------------------------------------------------

    def _close(self, work: Work, untried: Mark, tried: Mark) -> None:
        """End a batch: those never tried get one mark, those tried without an answer the other."""
        lane = self.lanes.get(work.batch.channel)
        for mark, number in work.close(untried, tried).items():
            if lane is not None:
                lane.count(mark, number)
        self._end(work)

    def _end(self, work: Work) -> None:
        work.closed = True
        self._works.pop(work.batch.id, None)
        self.filing.put(work)

    def _noted(self, work: Work) -> None:
        """A batch's marks have changed."""
        self.filing.put(work)
        self._climbing.set()
        if work.open == 0 and not work.closed:
            self._end(work)

    async def _keep_flushing(self) -> None:
        while True:
            # Not wait_for: on Python 3.11 it swallows a cancellation that comes together with the event.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self.filing.changed.wait()
            self.filing.changed.clear()
            now = self.clock.now()
            for work in [work for work in self._works.values() if now >= work.batch.deadline and not work.tasks]:
                self._close(work, Mark.EXPIRED, Mark.EXHAUSTED)
            try:
                await self.filing.flush()
            except Exception:
                # The marks are still in memory and in the mapped file; the next turn tries again.
                _log.exception("marks could not be saved")
                self.filing.changed.set()
            self._turned.set()
            await self.pace.sleep(self.flush_s)

    def _start(self, *works: Coroutine[Any, Any, Any]) -> None:
        for work in works:
            task = asyncio.create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (wrong := task.exception()) is not None:
            _log.error("the dispatch lost a task", exc_info=wrong)

    async def _stop(self) -> None:
        for lane in self.lanes.values():
            lane.paused = True
        under_way = [task for work in self._works.values() for task in work.tasks]
        if under_way:
            await asyncio.wait(under_way, timeout=2.0)
        ending = [task for task in (*under_way, *self._tasks) if not task.done()]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        await self.filing.flush()


async def _recall(works: Sequence[Work]) -> None:
    """End what is under way of these batches, and wait until it has ended."""
    under_way = [task for work in works for task in work.tasks]
    for task in under_way:
        task.cancel()
    await asyncio.gather(*under_way, return_exceptions=True)

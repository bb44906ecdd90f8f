"""The dispatch: follows what is published and gets it to everybody it concerns, in priority order, with proof.

- What saves lives leaves first: retracted and act, then hold and all-clear, then prepare; anything actual before any
  exercise (F6).
- A newer version takes the older ones of its event out of every queue and stops those under way before it is sealed
  itself, so nobody gets an alert after its cancellation. Nothing that has expired is sent.
- One (event, version) is told once, however often it is published (F22); an older version that comes late is not told.
- A retraction goes to exactly those who may have seen the alert; an all-clear to them and to everybody who is there
  now; both whatever phases a subscriber asked for. Everything else goes to the audience of the moment.
- Sealed batches, the facts and the cursor are one commit. After kill -9 who may have been sent to is sent to again
  while the alert still holds: none is lost, and doubled only what was in flight.
- Retries wait twice as long each time, with jitter, never shorter than the other side asks, and never beyond the end
  of the alert; what then is left is a dead letter with its mark.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from msgspec import Struct

from tocsin.cap.alert import Alert
from tocsin.clock import Clock, SystemClock
from tocsin.journal import ACTUAL, Entry, Fact, Journal, fact
from tocsin.reach.audience import Audience, Outline
from tocsin.reach.bulletin import Parse, body, bulletin, read_alert
from tocsin.reach.channel import ACCEPTED, Channel, Outcome, later
from tocsin.reach.delivery import (
    DELIVERY_SEALED,
    AddressBook,
    Batch,
    Batches,
    Delivery,
    Mark,
    Numbers,
    Plan,
    Proof,
    Sealed,
    rank,
)
from tocsin.reach.lane import Lane, Work
from tocsin.warn.publish import ALERT_PUBLISHED, Published

PHASES = ("prepare", "act", "hold", "all-clear", "retracted")

_log = logging.getLogger(__name__)


class Patience(Struct, frozen=True):
    """How retries are spaced: ``first_s`` doubles up to ``most_s``, at most ``attempts`` in all.

    A channel that could not even try (its circuit is open) is asked again after ``busy_s`` and nothing is counted.
    """

    first_s: float = 2.0
    most_s: float = 300.0
    attempts: int = 20
    busy_s: float = 1.0

    def wait(self, attempt: int, asked_s: float | None, chance: float) -> float:
        """Seconds after failed attempt number ``attempt`` (from 1); ``chance`` in [0, 1) is the jitter."""
        own = min(self.most_s, self.first_s * 2.0 ** min(attempt - 1, 30)) * (0.5 + chance / 2)
        # Jitter only adds to what the other side asked for: before that it does not want to see us.
        return max(own, (asked_s or 0.0) * (1 + chance / 10))


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
    ) -> None:
        """``outline`` gives an alert's own shape, ``gone`` ends a subscription; ``pace`` waits in real time."""
        self.journal, self.batches, self.book, self.audience = journal, batches, book, audience
        self.clock, self.realm, self.parse, self.public_url = clock, realm, parse, public_url
        self.outline, self.gone, self.patience, self.chance = outline, gone, patience or Patience(), chance
        self.pace, self.flush_s = pace or SystemClock(), flush_s
        self.follower = "dispatch" if realm == ACTUAL else f"dispatch-{realm}"
        self.lanes = {name: Lane(name, channel) for name, channel in channels.items()}
        self._works: dict[int, Work] = {}
        self._dirty: dict[int, Work] = {}
        self._bodies: dict[int, bytes] = {}
        self._changed = asyncio.Event()
        self._turned = asyncio.Event()
        self._flushing = asyncio.Lock()
        self._sealing = True
        self._tasks: set[asyncio.Task[Any]] = set()

    # --- from outside -----------------------------------------------------------------------------------------------

    async def follow(self) -> None:
        """Follow the journal and send until cancelled; then what is under way gets two seconds to end."""
        loop, wake = asyncio.get_running_loop(), asyncio.Event()

        def woken(seq: int) -> None:
            loop.call_soon_threadsafe(wake.set)

        stop = self.journal.on_append(woken)
        try:
            await self._recover()
            # What was published while we were away decides what is still worth sending, so it is read first.
            while await self._catch_up():
                pass
            self._start(self._keep_flushing(), *(work for lane in self.lanes.values() for work in self._keep(lane)))
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

    def pause(self, channel: str) -> None:
        """Throw a channel's kill switch: nothing new leaves by it."""
        self.lanes[channel].paused = True

    def resume(self, channel: str) -> None:
        """Let a channel send again."""
        self.lanes[channel].paused = False
        self.lanes[channel].wake.set()

    def proofs(self, number: int) -> list[Proof]:
        """What is known about every alert to one subscription, newest first."""
        return self.batches.proofs(number)

    def standing(self) -> dict[str, dict[str, int]]:
        """By channel: how many deliveries ended how since the start, and how many wait."""
        found = {name: {**lane.ended, "open": 0} for name, lane in self.lanes.items()}
        for work in self._works.values():
            if work.batch.channel in found:
                found[work.batch.channel]["open"] += work.open
        return found

    async def quiet(self) -> None:
        """Return when everything that was published so far is settled and saved."""
        while not self._is_quiet():
            self._turned.clear()
            await self._turned.wait()

    def _is_quiet(self) -> bool:
        if self._sealing or self._works or self._dirty or self._flushing.locked():
            return False
        return not self.journal.read(self.journal.cursor(self.follower), 1, (ALERT_PUBLISHED,))

    # --- from alert to batches --------------------------------------------------------------------------------------

    async def _catch_up(self) -> bool:
        """Seal the next alerts of the journal; false if there are none."""
        self._sealing = True
        try:
            read = await asyncio.to_thread(self._read)
            if not read:
                return False
            newest: dict[str, Published] = {}
            for _, published in read:
                if published is not None:
                    held = newest.get(published.event_id)
                    if held is None or published.version > held.version:
                        newest[published.event_id] = published
            await self._supersede({event_id: published.version for event_id, published in newest.items()})
            for batch in await asyncio.to_thread(self._seal, read, newest):
                self._take(batch)
            return True
        finally:
            self._sealing = False

    def _read(self) -> list[tuple[Entry, Published | None]]:
        entries = self.journal.read(self.journal.cursor(self.follower), 500, (ALERT_PUBLISHED,))
        return [
            (entry, published if entry.realm == self.realm and published.phase in PHASES else None)
            for entry in entries
            for published in (entry.read(Published),)
        ]

    def _seal(self, read: Sequence[tuple[Entry, Published | None]], newest: Mapping[str, Published]) -> list[Batch]:
        """Seal what these entries ask for and move the cursor behind them."""
        known = self.batches.newest(list(newest))
        plans: list[Plan] = []
        facts: list[Fact] = []
        versions: dict[str, int] = {}
        for entry, published in read:
            if published is None or newest[published.event_id] is not published:
                continue
            if published.version <= known.get(published.event_id, -1):
                continue
            versions[published.event_id] = published.version
            plan = self._plan(entry, published)
            if plan is not None:
                plans.append(plan)
                for channel, numbers in plan.recipients.items():
                    sealed = Sealed(plan.alert, plan.event_id, plan.version, plan.phase, channel, len(numbers))
                    facts.append(fact(DELIVERY_SEALED, f"{plan.alert}@{channel}", sealed, self.realm))
        return self.batches.seal(self.follower, read[-1][0].seq, facts, plans, versions)

    def _plan(self, entry: Entry, published: Published) -> Plan | None:
        """Whom an alert goes to; None if it concerns nobody or has ended."""
        if not len(self.audience):
            return None
        alert = self.parse(published.cap.encode())
        told = bulletin(published, alert, self.realm, self.public_url)
        if told.deadline <= self.clock.now():
            return None
        recipients = self._recipients(published, alert)
        if not recipients:
            return None
        return Plan(
            published.identifier,
            published.event_id,
            published.version,
            published.phase,
            self.realm,
            rank(published.phase, self.realm),
            entry.seq,
            told.deadline,
            recipients,
        )

    def _recipients(self, published: Published, alert: Alert) -> dict[str, Numbers]:
        over = published.phase in ("retracted", "all-clear")
        reached = self.audience.by_channel(self.batches.reached(published.event_id).tolist()) if over else {}
        if published.phase == "retracted":
            return reached
        present = self.audience.match(
            published.areas,
            published.phase,
            published.scope,
            self.outline(alert),
            severity=_worst(alert),
            at=self.clock.now(),
        )
        for channel, numbers in reached.items():
            present[channel] = np.union1d(present[channel], numbers) if channel in present else numbers
        return present

    async def _supersede(self, versions: Mapping[str, int]) -> None:
        """Take what is older than these versions out of every queue, and end what of it is under way."""
        old = [work for work in self._works.values() if work.batch.version < versions.get(work.batch.event_id, -1)]
        for work in old:
            # From here on no lane picks it, also while those under way are ended.
            work.closed = True
        under_way = [task for work in old for task in work.tasks]
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        for work in old:
            self._close(work, Mark.SUPERSEDED, Mark.OVERTAKEN)
        # Who may have been reached is read from the store next, so the marks must be there.
        await self._flush()

    # --- from batches to channels -----------------------------------------------------------------------------------

    async def _recover(self) -> None:
        """Take up what was under way when this program last ended."""
        for batch in await asyncio.to_thread(self.batches.open):
            # Nobody knows whether those in flight arrived, so they count as tried: they are sent to again.
            batch.marks[batch.marks == Mark.SENDING] = Mark.WAITING
            self._take(batch)
        if missed := await asyncio.to_thread(self.batches.unannounced):
            await asyncio.to_thread(self.batches.announce, missed)

    def _take(self, batch: Batch) -> None:
        work = Work(batch, self.batches.marks(batch))
        self._works[batch.id] = work
        if work.open == 0:
            self._end(work)
        elif (lane := self.lanes.get(batch.channel)) is not None:
            lane.put(work)
        # Otherwise its channel is not installed now; it waits for the channel or for its end, and doctor shows it.

    def _keep(self, lane: Lane) -> Iterable[Coroutine[Any, Any, None]]:
        return (self._keep_sending(lane), self._keep_retrying(lane))

    async def _keep_sending(self, lane: Lane) -> None:
        while True:
            lane.wake.clear()
            while not lane.paused and lane.running < lane.channel.lanes:
                picked = lane.pick(self.clock.now())
                if picked is None:
                    break
                work, places = picked
                lane.running += 1
                task = asyncio.create_task(self._send(lane, work, places))
                work.tasks.add(task)
                task.add_done_callback(work.tasks.discard)
                task.add_done_callback(lane.freed)
            await lane.wake.wait()

    async def _send(self, lane: Lane, work: Work, places: list[int]) -> None:
        batch = work.batch
        try:
            content = self._bodies.get(batch.seq)
            if content is None:
                content = await asyncio.to_thread(self._body, batch)
                if len(self._bodies) >= 100:
                    self._bodies.pop(next(iter(self._bodies)))
                self._bodies[batch.seq] = content
            found = await asyncio.to_thread(self.book.addresses, batch.recipients[places].tolist())
        except Exception:
            _log.exception("a batch of %s could not be prepared", batch.alert)
            self._note(lane, work, places, [later(tried=False, reason="store")] * len(places))
            return
        ended = self.clock.now() >= batch.deadline
        deliveries: list[Delivery] = []
        here: list[int] = []
        for place, number in zip(places, batch.recipients[places].tolist(), strict=True):
            to = found.get(number)
            if to is None or ended:
                tried = Mark.EXPIRED if work.marks[place] == Mark.PENDING else Mark.EXHAUSTED
                mark = Mark.ENDED if to is None else tried
                work.settle(place, mark)
                lane.count(mark)
                continue
            here.append(place)
            deliveries.append(
                Delivery(
                    batch.alert, batch.event_id, batch.version, batch.phase, batch.realm, batch.deadline, content, to
                )
            )
        if here:
            before = work.marks[here]
            work.marks[here] = Mark.SENDING
            try:
                outcomes = list(await lane.channel.send(deliveries))
                assert len(outcomes) == len(deliveries), "a channel says how each delivery went"
            except Exception:
                _log.exception("channel %s broke", lane.name)
                outcomes = [later(reason="channel broke")] * len(deliveries)
            for place, mark, outcome in zip(here, before.tolist(), outcomes, strict=True):
                if not outcome.tried:
                    work.marks[place] = mark
            self._note(lane, work, here, outcomes)
        else:
            self._note(lane, work, [], [])

    def _body(self, batch: Batch) -> bytes:
        """The bulletin of a batch's alert, from the journal."""
        entry = self.journal.read(batch.seq - 1, 1)[0]
        published = entry.read(Published)
        return body(bulletin(published, self.parse(published.cap.encode()), self.realm, self.public_url))

    def _note(self, lane: Lane, work: Work, places: list[int], outcomes: Sequence[Outcome]) -> None:
        """Put down how an attempt went."""
        if work.closed:
            return
        now = self.clock.now()
        if places and all(outcome is ACCEPTED for outcome in outcomes):
            work.accept(places)
            lane.count(Mark.ACCEPTED, len(places))
            places, outcomes = [], []
        for place, outcome in zip(places, outcomes, strict=True):
            if outcome.kind == "accepted":
                work.settle(place, Mark.ACCEPTED)
                lane.count(Mark.ACCEPTED)
            elif outcome.kind == "later":
                self._again(lane, work, place, outcome, now)
            else:
                mark = Mark.REFUSED if outcome.kind == "refused" else Mark.GONE
                work.settle(place, mark)
                lane.count(mark)
                if mark is Mark.GONE:
                    self._end_subscription(int(work.batch.recipients[place]))
        self._dirty[work.batch.id] = work
        self._changed.set()
        if work.open == 0:
            self._end(work)

    def _again(self, lane: Lane, work: Work, place: int, outcome: Outcome, now: datetime) -> None:
        if outcome.tried:
            attempt = work.attempts[place] = work.attempts.get(place, 0) + 1
            work.marks[place] = Mark.WAITING
            wait = self.patience.wait(attempt, outcome.after_s, self.chance())
        else:
            attempt = 0
            wait = (self.patience.busy_s if outcome.after_s is None else outcome.after_s) * (1 + self.chance())
        due = now + timedelta(seconds=wait)
        if attempt >= self.patience.attempts or due >= work.batch.deadline:
            mark = Mark.EXPIRED if work.marks[place] == Mark.PENDING else Mark.EXHAUSTED
            work.settle(place, mark)
            lane.count(mark)
        else:
            lane.wait_for(due, work, place)

    def _end_subscription(self, number: int) -> None:
        one = self.audience.subscription(number)
        if one is not None:
            # The channel says that nobody is there any more; the subscription's end is a fact of its own.
            self._start(asyncio.to_thread(self.gone, one.id))

    async def _keep_retrying(self, lane: Lane) -> None:
        while True:
            lane.sooner.clear()
            lane.return_due(self.clock.now())
            waits: list[asyncio.Task[Any]] = [asyncio.create_task(lane.sooner.wait())]
            if lane.retries:
                seconds = (lane.retries[0][0] - self.clock.now()).total_seconds()
                waits.append(asyncio.create_task(_sleep(self.clock, max(seconds, 0.0))))
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for waiting in waits:
                    waiting.cancel()

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
        self._dirty[work.batch.id] = work
        self._changed.set()

    async def _flush(self) -> None:
        """Put the marks that changed on disk, in one commit; then say what is settled."""
        # One at a time: whoever waits here may rely on what an earlier turn is still writing.
        async with self._flushing:
            await self._save()

    async def _save(self) -> None:
        if not self._dirty:
            return
        changed, self._dirty = self._dirty, {}
        kept = [(number, work.marks.tobytes(), work.closed) for number, work in changed.items()]
        try:
            await asyncio.wrap_future(self.batches.save(kept))
        except BaseException:
            self._dirty = {**changed, **self._dirty}
            raise
        done = [number for number, _, closed in kept if closed]
        self.batches.release([number for number in done if number not in self._dirty])
        alerts = list(dict.fromkeys(changed[number].batch.alert for number in done))
        if alerts:
            await asyncio.to_thread(self.batches.announce, alerts)

    async def _keep_flushing(self) -> None:
        while True:
            # Not wait_for: on Python 3.11 it swallows a cancellation that comes together with the event.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._changed.wait()
            self._changed.clear()
            now = self.clock.now()
            for work in [work for work in self._works.values() if now >= work.batch.deadline and not work.tasks]:
                self._close(work, Mark.EXPIRED, Mark.EXHAUSTED)
            try:
                await self._flush()
            except Exception:
                # The marks are still in memory and in the mapped file; the next turn tries again.
                _log.exception("marks could not be saved")
                self._changed.set()
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
        await self._flush()


def _worst(alert: Alert) -> str:
    """The gravest severity that any info of ``alert`` names; empty when none does."""
    grave = ("Extreme", "Severe", "Moderate", "Minor")
    return next((severity for severity in grave if any(info.severity == severity for info in alert.infos)), "")


async def _sleep(clock: Clock, seconds: float) -> None:
    await clock.sleep(seconds)

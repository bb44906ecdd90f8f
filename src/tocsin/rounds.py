"""The rounds: what a program does beside its server, again and again, each round a step that can be done again.

- The mirror goes on from its durable cursor; the newsroom, which keeps nothing on disk, from the days it needs.
- A step that reads much runs in a thread and rests between, so that it delays no warning.
- A round that waits, waits for the journal or by the clock, and never polls for either.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import resource
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

from tocsin.assess.newsroom import Newsroom
from tocsin.assess.story import Official
from tocsin.cap.alert import Alert, Scope
from tocsin.cap.limits import TRUSTED
from tocsin.cap.xml import read as read_cap
from tocsin.clock import Clock
from tocsin.errors import ChannelError
from tocsin.reach.audience import Audience
from tocsin.reach.channel import Channel
from tocsin.reach.dispatch import Dispatch
from tocsin.reach.subscriber import Subscribers
from tocsin.sense.intake import Intake
from tocsin.sense.report import REPORT_RECEIVED
from tocsin.sense.source import Source
from tocsin.store.sqlite import SqliteStore
from tocsin.warn.backing import DRAFT_BACKED
from tocsin.warn.mirror import Mirror
from tocsin.warn.publish import ALERT_PUBLISHED, Published
from tocsin.web.console.incident_room import IncidentRoom
from tocsin.web.house import House

log = logging.getLogger("tocsin")

MIRROR = "mirror"
BATCH = 500
NEWS_BATCH = 50


class Rounds:
    """The steps of one program; whoever is composed of them brings the parts they work on."""

    clock: Clock
    store: SqliteStore
    intake: Intake
    mirror: Mirror
    newsroom: Newsroom
    incidents: IncidentRoom
    house: House
    sources: dict[str, Source]
    channels: Mapping[str, Channel]
    dispatch: Dispatch
    audience: Audience
    subscribers: Subscribers

    # --- the mirror's step -----------------------------------------------------------------------------------------

    def mirror_once(self) -> bool:
        """Mirror the next batch of reports in one commit; False when there is none."""
        entries = self.store.read(self.store.cursor(MIRROR), BATCH, (REPORT_RECEIVED,))
        if not entries:
            return False
        self.store.step(MIRROR, entries[-1].seq, self.mirror.facts(entries, self.clock.now()))
        return True

    def settle(self) -> None:
        """Bring everything that follows the journal to its end, without serving anybody (replays and tests)."""
        while self.mirror_once():
            pass
        self.house.catch_up()

    async def _keep_mirroring(self) -> None:
        await self._keep(self.mirror_once)

    # --- the newsroom's step ---------------------------------------------------------------------------------------

    def read_news(self) -> bool:
        """Read what came since for the newsroom, a few entries at a time; False when there is nothing more."""
        if self.newsroom.seq == 0:
            self.newsroom.seq = self._days_ago(self.newsroom.days)
        entries = self.store.read(self.newsroom.seq, NEWS_BATCH, (*Newsroom.KINDS, ALERT_PUBLISHED, DRAFT_BACKED))
        for entry in entries:
            try:
                if entry.kind == ALERT_PUBLISHED and (voice := official(entry.read(Published))) is not None:
                    self.newsroom.hear(voice, entry)
                self.newsroom.apply(entry)
            except Exception:
                # One report that cannot be read costs no other, and never the program that warns.
                log.exception("the newsroom passes over entry %d", entry.seq)
                self.newsroom.seq = entry.seq
        if len(entries) < NEWS_BATCH:
            changed = self.newsroom.refresh()
            # What was just taken into a draft may have been corrected a moment before.
            if (changed or entries) and (facts := self.incidents.corrections()):
                self.store.append(facts)
        return len(entries) == NEWS_BATCH

    def _days_ago(self, days: int) -> int:
        """The journal's number from which on its entries are at most ``days`` old."""
        floor = self.clock.now() - timedelta(days=days)
        low, high = 0, self.store.head().seq
        while low < high:
            middle = (low + high) // 2
            found = self.store.read(middle, 1)
            if found and found[0].at < floor:
                low = middle + 1
            else:
                high = middle
        return low

    async def _keep_reading(self) -> None:
        """In a thread, and for a fifth of the time at most: a report that takes long to read delays no warning."""
        loop = asyncio.get_running_loop()

        async def rest(began: float) -> None:
            await asyncio.sleep(min(5.0, 4 * (loop.time() - began)))

        await self._keep(self.read_news, rest)

    async def _keep(self, step: Callable[[], bool], rest: Callable[[float], Awaitable[None]] | None = None) -> None:
        """Take ``step`` until it has nothing more to do, again whenever something was recorded.

        ``rest`` waits after each step; it is told when the step began.
        """
        loop, fresh = asyncio.get_running_loop(), asyncio.Event()

        def told(_: int) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and nobody waits any more
                loop.call_soon_threadsafe(fresh.set)

        stop = self.store.on_append(told)
        try:
            while True:
                fresh.clear()
                more = True
                while more:
                    began = loop.time()
                    more = await asyncio.to_thread(step)
                    if rest is not None:
                        await rest(began)
                await fresh.wait()
        finally:
            stop()

    # --- channels and dates ---------------------------------------------------------------------------------------

    async def _arm(self) -> None:
        """Do in calm what a channel would otherwise do at the alarm: connections, workers, last wills."""
        for name, channel in self.channels.items():
            arm = getattr(channel, "arm", None)
            try:
                done = arm() if arm is not None else None
                if inspect.isawaitable(done):
                    await done
            except (ChannelError, OSError) as wrong:
                # A channel that cannot be armed must not keep the others from warning; readiness says so.
                log.warning("channel %s is not armed: %s", name, wrong)

    async def _keep_watching(self) -> None:
        """Look regularly whether a source has fallen silent."""
        pause = min((source.interval_s for source in self.sources.values()), default=30.0) / 2
        while True:
            await asyncio.to_thread(self.intake.check)
            await self.clock.sleep(pause)

    def _is_idle(self) -> bool:
        """Whether nothing is being sent: keys are prepared in calm only."""
        return not any(counts["open"] for counts in self.dispatch.standing().values())


def raise_open_files() -> None:
    """Let this process hold as many connections as the system allows: each stream is one open file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def parse(published: bytes) -> Alert:
    """The alert in the XML of a published one."""
    return read_cap(published, limits=TRUSTED).alerts[0]


def official(done: Published) -> Official | None:
    """A published alert as a voice beside the news; None where it is not for everybody."""
    if done.scope != Scope.PUBLIC:
        return None
    infos = parse(done.cap.encode()).infos
    said = {info.language.split("-")[0].lower(): info.headline or info.event for info in infos}
    at = done.as_of or done.sent
    return Official(done.identifier, done.event_id, at, done.source, done.phase, done.areas, said)

"""The whole program, put together from its settings: what listens, what follows the journal, what answers.

- One process, one data folder, one realm. The journal is the only thing the parts have in common.
- The mirror goes on from its durable cursor; what lives in memory alone (the situation, what the mirror knows of events)
  is read again from the journal at the start.
- Nothing here decides anything: it wires, starts and stops.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import inspect
import logging
import resource
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvicorn

from tocsin.assess.newsroom import Newsroom
from tocsin.assess.story import Official
from tocsin.cap.alert import Alert, Scope
from tocsin.cap.limits import TRUSTED
from tocsin.cap.xml import read as read_cap
from tocsin.clock import Clock
from tocsin.errors import ChannelError, PolicyError
from tocsin.journal import follow
from tocsin.place.area import Shape
from tocsin.place.gazetteer import Gazetteer
from tocsin.place.place import AreaPack
from tocsin.reach.audience import Audience
from tocsin.reach.channel import Kit as ChannelKit
from tocsin.reach.channel import all_channels
from tocsin.reach.channels.stream import Limits as StreamLimits
from tocsin.reach.channels.stream import StreamHub
from tocsin.reach.dispatch import Dispatch
from tocsin.reach.heartbeat import SourceContact
from tocsin.reach.prekey import Refill
from tocsin.reach.subscriber import Subscribers
from tocsin.sense.feeds import Feed
from tocsin.sense.intake import Intake
from tocsin.sense.report import REPORT_RECEIVED
from tocsin.sense.source import Source
from tocsin.settings import Settings
from tocsin.store.answers import StoredAnswers
from tocsin.store.batches import SqlBatches
from tocsin.store.certificate import Certificates
from tocsin.store.key import Keys, signed_by
from tocsin.store.people import SqlPeople
from tocsin.store.prekeys import SqlPreKeys
from tocsin.store.session import SqlSessions
from tocsin.store.sqlite import SqliteStore
from tocsin.store.subscriptions import SqlBook
from tocsin.store.vapid import VapidKey
from tocsin.warn import policy as policies
from tocsin.warn.approval import default as approval
from tocsin.warn.backing import DRAFT_BACKED
from tocsin.warn.compile import Issuer, Kit
from tocsin.warn.desk import Desk
from tocsin.warn.draft import Drafts
from tocsin.warn.guard import standard
from tocsin.warn.mirror import REPORT_WAITING, Mirror
from tocsin.warn.person import People
from tocsin.warn.phrase import book
from tocsin.warn.policy import Policy
from tocsin.warn.publish import ALERT_PUBLISHED, Published
from tocsin.warn.situation import Situation
from tocsin.web.console.desk_room import DeskRoom
from tocsin.web.console.identity import Identity
from tocsin.web.console.incident_room import IncidentRoom
from tocsin.web.health import holds
from tocsin.web.house import House
from tocsin.web.site import config

log = logging.getLogger("tocsin")

MIRROR = "mirror"
BATCH = 500
NEWS_BATCH = 50


class Program:
    """One installation, opened: every part, wired, and nothing running yet."""

    def __init__(
        self,
        settings: Settings,
        data: Path,
        clock: Clock,
        sources: Iterable[Source] = (),
        *,
        policy: Policy | None = None,
        packs: Sequence[AreaPack] = (),
    ) -> None:
        self.settings, self.data, self.clock = settings, data, clock
        realm = settings.realm
        self.gazetteer = Gazetteer.world()
        for pack in packs:
            self.gazetteer = self.gazetteer.with_pack(pack)
        self.keys = Keys(data / "keys", realm)
        self.sources = {source.id: source for source in sources}
        self.policy = policy or load_policy(data, settings, self.sources, self.keys)
        self.store = SqliteStore(data, clock)
        try:
            self._wire(realm)
        except BaseException:
            self.store.close()
            raise

    def _wire(self, realm: str) -> None:
        settings = self.settings
        self.intake = Intake(
            self.store,
            self.clock,
            self.sources.values(),
            realm=realm,
            intervals=settings.stale_after_intervals,
            max_bytes=settings.max_trusted_message_bytes,
        )
        self.situation = Situation(
            self.gazetteer,
            realm,
            self.sources,
            timedelta(minutes=settings.all_clear_minutes),
            settings.stale_after_intervals,
        )
        self.intake.on_heard(self.situation.heard)
        self.newsroom = Newsroom(self.gazetteer)
        issuer = Issuer(settings.sender, settings.sender_name, realm, settings.languages)
        self.certificates = Certificates(self.data / "keys", realm, settings.sender, self.clock.now())
        kit = Kit(self.gazetteer, book(), issuer)
        self.mirror = Mirror(kit, self.policy, self.sources, self.certificates.sign)
        drafts, host = Drafts(), urlsplit(settings.public_url).hostname or ""
        self.desk = Desk(
            kit,
            approval(),
            People(),
            drafts,
            guards=standard(kit, find=drafts.get, policy=approval(), domains=(host,)),
            still_warns=self._still_warns,
        )
        self._remember()
        self.hub = StreamHub(
            self.store,
            self.gazetteer,
            realm,
            self.keys,
            self.clock,
            parse=parse,
            public_url=settings.public_url,
            sources=self.contacts,
            interval_s=settings.heartbeat_seconds,
            limits=StreamLimits(settings.stream_connections, settings.stream_connections_per_address),
            trusted_proxies=frozenset(settings.trusted_proxies),
        )
        self.book = SqlBook(self.store, self.data / "keys", realm)
        self.audience = Audience(self.gazetteer)
        self.subscribers = Subscribers(self.store, self.book, self.audience, self.clock, realm)
        self.batches = SqlBatches(self.store, realm)
        self.prekeys = SqlPreKeys(
            self.store,
            self.data / "keys",
            realm,
            layers=settings.webpush_prepared,
            age=timedelta(days=settings.webpush_prepared_days),
        )
        self.vapid = VapidKey(self.data / "keys", realm)
        self.channels = all_channels(
            ChannelKit(settings, self.clock, self.vapid, self.prekeys, self.data, self._cap_of)
        )
        self.dispatch = Dispatch(
            self.store,
            self.batches,
            self.book,
            self.audience,
            self.channels,
            self.clock,
            realm,
            parse=parse,
            public_url=settings.public_url,
            outline=outline,
            gone=lambda subscription: self.subscribers.end(subscription, "gone"),
        )
        self.identity = Identity(
            settings,
            self.clock,
            self.store,
            SqlPeople(self.store, self.data / "keys", realm),
            SqlSessions(self.store, realm),
            data=self.data,
        )
        self.house = House(
            settings=settings,
            clock=self.clock,
            gazetteer=self.gazetteer,
            store=self.store,
            situation=self.situation,
            intake=self.intake,
            keys=self.keys,
            answers=StoredAnswers(self.store),
            sources=self.sources,
            hub=self.hub,
            dispatch=self.dispatch,
            subscriptions=self.subscribers,
            identity=self.identity,
            desk=self.desk,
            certificates=self.certificates,
            data=self.data,
            newsroom=self.newsroom,
        )
        self.incidents = IncidentRoom.of(self.house)

        self.house.checks += [
            holds("policy", lambda: load_policy(self.data, self.settings, self.sources, self.keys)),
            holds("certificate", lambda: self.certificates.current(self.clock.now())),
        ]

    def _remember(self) -> None:
        """Tell the mirror what was published before."""
        for entry in follow(self.store, 0, (ALERT_PUBLISHED, REPORT_WAITING)):
            self.mirror.apply(entry)

    def contacts(self, at: datetime) -> list[SourceContact]:
        """Every source with when it was last heard: what the heartbeat says."""
        return [
            SourceContact(source.id, source.name, self.intake.last_heard(source.id), self.intake.fresh(source.id, at))
            for source in self.sources.values()
        ]

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

    # --- running ---------------------------------------------------------------------------------------------------

    async def run(
        self,
        feeds: Iterable[Feed] = (),
        *,
        serve: bool = True,
        beside: Sequence[Callable[[], Any]] = (),
        started: Callable[[str], object] = lambda address: None,
    ) -> None:
        """Listen, mirror, dispatch and serve until cancelled, or until one of ``beside`` returns.

        ``started`` is told the address once the page can be opened.
        """
        raise_open_files()
        await self._arm()
        self.subscribers.load()
        self.settle()
        works: dict[str, Callable[[], Any]] = {
            "mirror": self._keep_mirroring,
            "newsroom": self._keep_reading,
            "house": self.house.follow,
            "watch": self._keep_watching,
            "stream": self.hub.run,
            "dispatch": self.dispatch.follow,
            "refill": Refill(self.prekeys, self.book, self.clock, idle=self._is_idle).run,
            "dates": self._keep_dates,
            "desk": DeskRoom.of(self.house).keep_watch,
        }
        for feed in feeds:
            works[f"feed {feed.wire.id}"] = partial(feed.run, self.intake)
        tasks = {asyncio.create_task(work(), name=name) for name, work in works.items()}
        ending = {asyncio.create_task(work()) for work in beside}
        server = self._server() if serve else None
        if server is not None:
            ending.add(asyncio.create_task(server.serve(), name="server"))
            # uvicorn has no event for "I listen now"; it is a moment, once.
            while not server.started and not any(task.done() for task in ending):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            if server.started:
                host, port = server.servers[0].sockets[0].getsockname()[:2]
                started(f"http://{host}:{port}")
        try:
            done, _ = await asyncio.wait(tasks | ending, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            self.hub.close()
            if server is not None:
                server.should_exit = True
                await asyncio.wait({task for task in ending if task.get_name() == "server"}, timeout=5)
            for task in tasks | ending:
                task.cancel()
            await asyncio.gather(*tasks, *ending, return_exceptions=True)
            await asyncio.gather(*(channel.close() for channel in self.channels.values()))

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

    def _server(self) -> uvicorn.Server:
        host, _, port = self.settings.bind.rpartition(":")
        return uvicorn.Server(config(self.house, host=host.strip("[]"), port=int(port)))

    def _still_warns(self, alert: Published) -> bool:
        """Whether the official source of a mirrored alert has not ended it: taking it back then needs two persons."""
        if not alert.source or not alert.areas:
            return False
        at = self.clock.now()
        return any(
            live.published.source == alert.source and live.published.event_id == alert.event_id
            for live in self.situation.live(at)
        )

    def _cap_of(self, identifier: str) -> bytes | None:
        """The CAP XML of a published alert: broadcast centres take the message itself."""
        known = self.situation.alert(identifier)
        if known is None:
            entries = self.store.about(ALERT_PUBLISHED, identifier, 1)
            known = entries[0].read(Published) if entries else None
        return known.cap.encode() if known is not None else None

    def _is_idle(self) -> bool:
        """Whether nothing is being sent: keys are prepared in calm only."""
        return not any(counts["open"] for counts in self.dispatch.standing().values())

    async def _keep_dates(self) -> None:
        """End each subscription when its own date has come (a traveller's stay)."""
        while True:
            for subscription in self.audience.over(self.clock.now()):
                await asyncio.to_thread(self.subscribers.end, subscription, "date")
            await self.clock.sleep(60)

    def close(self) -> None:
        """Finish what waits and close the store."""
        self.prekeys.close()
        self.batches.close()
        self.store.close()


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


def outline(alert: Alert) -> Shape | None:
    """What ``alert`` draws, as one shape; None when it names codes only."""
    areas = [area for info in alert.infos for area in info.areas]
    rings = [ring.points for area in areas for ring in area.polygons]
    circles = [(c.latitude, c.longitude, c.radius_km) for area in areas for c in area.circles]
    return Shape.of(rings, circles) if rings or circles else None


def load_policy(data: Path, settings: Settings, sources: dict[str, Source], keys: Keys) -> Policy:
    """The signed mirror policy of this installation; without a file nothing is mirrored."""
    file = data / settings.policy
    if not file.is_file():
        return Policy(settings.realm)
    signature = file.with_suffix(file.suffix + ".sig")
    try:
        signed = base64.b64decode(signature.read_bytes(), validate=True) if signature.is_file() else None
    except ValueError:
        raise PolicyError(f"{signature} is not a signature") from None
    return policies.load(
        file.read_bytes(),
        signed,
        lambda content, made: signed_by(keys.public_pem, content, made),
        realm=settings.realm,
        sources=sources,
        key_id=keys.key_id,
    )

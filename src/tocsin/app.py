"""The whole program, put together from its settings: what listens, what follows the journal, what answers.

- One process, one data folder, one realm. The journal is the only thing the parts have in common.
- The mirror goes on from its durable cursor; what lives in memory alone (the situation, what the mirror knows of events)
  is read again from the journal at the start.
- Nothing here decides anything: it wires, starts and stops.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvicorn

from tocsin import calm
from tocsin.account.shelters import Shelters
from tocsin.advising import Advising
from tocsin.asking import Asking
from tocsin.assess.newsroom import Newsroom
from tocsin.clock import Clock
from tocsin.errors import PolicyError
from tocsin.imports import keep_answering
from tocsin.journal import follow
from tocsin.keeping import Keeping
from tocsin.opened import OpenedJournal
from tocsin.pager import Pager
from tocsin.place.census import Census
from tocsin.place.census import read as read_census
from tocsin.place.gazetteer import Gazetteer
from tocsin.place.place import AreaPack
from tocsin.reach.audience import Audience
from tocsin.reach.channel import Kit as ChannelKit
from tocsin.reach.channel import all_channels
from tocsin.reach.channels.stream import Limits as StreamLimits
from tocsin.reach.channels.stream import StreamHub
from tocsin.reach.delivery import Receipt
from tocsin.reach.dispatch import Dispatch
from tocsin.reach.heartbeat import SourceContact
from tocsin.reach.letter import Letters
from tocsin.reach.outline import drawn
from tocsin.reach.prekey import Refill
from tocsin.reach.subscriber import Subscribers
from tocsin.reach.subscription import wanted
from tocsin.readback import Readback
from tocsin.rounds import Rounds, raise_open_files
from tocsin.rounds import parse as parse
from tocsin.selfdrill import Publishing, SelfDrill
from tocsin.sense.feeds import Feed
from tocsin.sense.intake import Intake
from tocsin.sense.source import Source
from tocsin.settings import Settings
from tocsin.store.answers import StoredAnswers
from tocsin.store.batches import SqlBatches
from tocsin.store.certificate import Certificates
from tocsin.store.key import Keys, signed_by
from tocsin.store.people import SqlPeople
from tocsin.store.prekeys import SqlPreKeys
from tocsin.store.receipts import SqlReceipts
from tocsin.store.rollcall import ERASE as SEATS_OF
from tocsin.store.rollcall import SqlSeats, new_seats
from tocsin.store.roster import SqlRoster
from tocsin.store.session import SqlSessions
from tocsin.store.shelters import SqlShelters
from tocsin.store.sqlite import SqliteStore
from tocsin.store.subscriptions import SqlBook
from tocsin.store.vapid import VapidKey
from tocsin.warn import policy as policies
from tocsin.warn.approval import default as approval
from tocsin.warn.canary import SELFDRILL_PUBLISHED
from tocsin.warn.compile import Issuer, Kit
from tocsin.warn.desk import Desk
from tocsin.warn.draft import Drafts, Where
from tocsin.warn.extent import shape_of
from tocsin.warn.fatigue import Tally
from tocsin.warn.guard import standard
from tocsin.warn.mirror import REPORT_WAITING, Mirror
from tocsin.warn.person import People
from tocsin.warn.phrase import book
from tocsin.warn.policy import Policy
from tocsin.warn.publish import ALERT_PUBLISHED, WARNS, Published
from tocsin.warn.situation import Situation
from tocsin.web.carrier import carriers_answer, drill_passed, subscriptions_read
from tocsin.web.console.desk_room import DeskRoom
from tocsin.web.console.identity import Identity
from tocsin.web.console.incident_room import IncidentRoom
from tocsin.web.health import Ailment, holds
from tocsin.web.house import House
from tocsin.web.rolls import Rolls
from tocsin.web.site import config
from tocsin.web.wish import named

log = logging.getLogger("tocsin")

MIRROR = "mirror"
BATCH = 500
NEWS_BATCH = 50


class Program(Rounds):
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
        self.advising = Advising(self.store, self.newsroom, settings, self.data, self.clock)
        issuer = Issuer(settings.sender, settings.sender_name, realm, settings.languages)
        self.certificates = Certificates(self.data / "keys", realm, settings.sender, self.clock.now())
        self.certificates.renew(self.clock.now())
        kit = Kit(self.gazetteer, book(), issuer)
        self.mirror = Mirror(kit, self.policy, self.sources, self.certificates.sign)
        self.census = load_census(self.data, settings, self.gazetteer)
        tally = Tally(self.gazetteer, realm)
        drafts, host = Drafts(), urlsplit(settings.public_url).hostname or ""
        self.desk = Desk(
            kit,
            approval(),
            People(),
            drafts,
            census=self._people_in,
            guards=standard(
                kit, find=drafts.get, census=self._people_in, policy=approval(), tally=tally, domains=(host,)
            ),
            still_warns=self._still_warns,
            tally=tally,
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
            ChannelKit(settings, self.clock, self.vapid, self.prekeys, self.data, self._cap_of, self._received)
        )
        self.opened = OpenedJournal(self.store)
        self.dispatch = Dispatch(
            self.opened,
            self.batches,
            self.book,
            self.audience,
            self.channels,
            self.clock,
            realm,
            parse=parse,
            public_url=settings.public_url,
            outline=drawn,
            gone=lambda subscription: self.subscribers.end(subscription, "gone"),
            shown=frozenset(settings.shown_channels),
        )
        self.selfdrill = SelfDrill(
            self.store,
            self.dispatch,
            self.subscribers,
            Publishing(kit, self.certificates.sign, self.policy.selfdrill),
            settings,
            self.clock,
            self.data,
            calm=lambda at: not any(live.phase in WARNS for live in self.situation.live(at)),
        )
        self.identity = Identity(
            settings,
            self.clock,
            self.store,
            SqlPeople(self.store, self.data / "keys", realm),
            SqlSessions(self.store, realm),
            data=self.data,
        )
        self.shelters = Shelters(SqlShelters(self.store, self.data / "keys", realm), self.clock, realm)
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
            vapid=self.vapid,
            shelters=self.shelters,
            selfdrill=self.selfdrill,
        )
        self.incidents = IncidentRoom.of(self.house)

        self.readback = Readback(
            self.store,
            self.clock,
            self.gazetteer,
            realm,
            settings.languages,
            public_url=settings.public_url,
            after=lambda: self.store.cursor(self.dispatch.sealing.follower),
            known=self.batches.newest,
            shout=self._shout,
        )
        self.pager = Pager(self.store, self.clock, lambda: DeskRoom.of(self.house), self.channels, realm)
        self.letters = self.house.letters = Letters(
            self.subscribers,
            self.book,
            self.channels,
            self.store,
            self.clock,
            sender=settings.sender_name,
            public_url=settings.public_url,
            naming=lambda one, language: named(self.house, wanted(one), language),
        )
        self.keeping = Keeping(self.store, self.subscribers, self.audience, self.letters, self.clock)

        roster = SqlRoster(self.store, self.data / "keys", realm, SEATS_OF)
        seats = SqlSeats(self.store, roster.vault.seal, realm)
        self.rolls = self.house.rolls = Rolls(self.house, roster, seats, new_seats)
        self.house.checks += [
            holds("policy", lambda: load_policy(self.data, self.settings, self.sources, self.keys)),
            holds("certificate", lambda: self.certificates.require(self.clock.now())),
            self._loopback,
            self.pager.unreachable,
            carriers_answer(self.dispatch),
            drill_passed(self.selfdrill),
            subscriptions_read(self.subscribers),
        ]

    async def _shout(self) -> None:
        """Have whoever minds a stopped alert called at once."""
        await DeskRoom.of(self.house).look_around()

    def _loopback(self, at: datetime) -> Iterable[Ailment]:
        """For readiness: each alert that goes to nobody because a channel shows something else."""
        room = DeskRoom.of(self.house)
        room.take_in()
        for held in room.widening.held():
            yield Ailment(
                "loopback.stopped",
                f"{held.identifier} was sent to nobody: {held.stopped.sentence} Take it back, or send it anyway.",
            )

    def _people_in(self, where: Where) -> int | None:
        """How many people live in an area, drawn or named; None when nobody can tell, which counts as very many."""
        drawn = Where(polygons=where.polygons, circles=where.circles)
        return self.census.of(where.codes, shape_of(drawn, self.gazetteer) if drawn else None) if where else None

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
        await self.keeping.load()
        self.settle()
        await asyncio.to_thread(self.rolls.roster.erase_again)
        self.rolls.take_in()
        works: dict[str, Callable[[], Any]] = {
            "mirror": self._keep_mirroring,
            "newsroom": self._keep_reading,
            "house": self.house.follow,
            "watch": self._keep_watching,
            "stream": self.hub.run,
            "dispatch": self.keeping.after(self.dispatch.follow),
            "selfdrill": self.keeping.after(self.selfdrill.keep),
            "refill": Refill(self.prekeys, self.book, self.clock, idle=self._is_idle).run,
            "pager": self.pager.run,
            "dates": self.keeping.after(self.keeping.keep_dates),
            "farewells": self.keeping.after(self.keeping.keep_farewells),
            "blocks": self.keeping.after(self.keeping.keep_blocks),
            "receipts": partial(
                self.keeping.keep_receipts, SqlReceipts(self.store, self.settings.realm), self.settings.receipt_days
            ),
            "desk": DeskRoom.of(self.house).keep_watch,
            "imports": self.keeping.after(partial(keep_answering, self)),
            "asking": self.keeping.after(Asking(self.house, self.rolls).run),
        }
        if self.advising.wanted:
            works["models"] = self.advising.run
        if serve:
            self.opened.open = False
            works["readback"] = self.readback.run
        for feed in feeds:
            works[f"feed {feed.wire.id}"] = partial(feed.run, self.intake)
        tasks = {asyncio.create_task(work(), name=name) for name, work in works.items()}
        ending = {asyncio.create_task(work()) for work in beside}
        server, listening = self._server() if serve else None, None
        if server is not None:
            ending.add(asyncio.create_task(server.serve(), name="server"))
            # uvicorn has no event for "I listen now"; it is a moment, once.
            while not server.started and not any(task.done() for task in ending):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            if server.started:
                listening = server.servers[0].sockets[0].getsockname()[:2]
                started("http://{}:{}".format(*listening))
        try:
            if listening is not None:
                await asyncio.to_thread(calm.load)
                self.readback.listening(*listening)
                await asyncio.to_thread(DeskRoom.of(self.house).warm)
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
            about = self.store.about
            entries = about(ALERT_PUBLISHED, identifier, 1) or about(SELFDRILL_PUBLISHED, identifier, 1)
            known = entries[0].read(Published) if entries else None
        return known.cap.encode() if known is not None else None

    def _received(self, alert: str, subscription: str, level: Receipt) -> None:
        """A channel has heard that an alert arrived."""
        self.dispatch.received(alert, subscription, level)

    def close(self) -> None:
        """Finish what waits and close the store."""
        self.prekeys.close()
        self.batches.close()
        self.store.close()


def load_census(data: Path, settings: Settings, gazetteer: Gazetteer) -> Census:
    """How many people live where, as the file of this installation says; without one nobody knows."""
    file = data / settings.census
    if not settings.census or not file.is_file():
        return Census(gazetteer, {})
    return read_census(file.read_bytes(), gazetteer, settings.census)


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

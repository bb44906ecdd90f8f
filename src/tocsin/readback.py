"""The readback: what this installation has published is read from its own channels before it goes to people.

- It asks its own server over HTTP as anybody would (the message, the page of each place), listens to its own stream, and
  gets a canary by the webhook channel; connections are made in calm and kept warm.
- Alerts are judged side by side, what saves lives first, each by :mod:`tocsin.warn.loopback`. The verdict and what it
  rests on are one commit; the dispatch follows the verdicts (:mod:`tocsin.opened`).
- A durable cursor says up to where everything is judged: what was published before a power cut is judged after it.
- A stop is shouted at once: a fact, a call to whoever minds it, a fault in readiness, a line on the console.
- Where nobody serves (a replay), nothing can be read back and the way is open.

Los Angeles 2025: the polygon was lost on its way and ten million people were alerted (practice.md F4).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

from msgspec import Struct

from tocsin.calm import in_calm
from tocsin.cap.alert import Alert, Scope
from tocsin.cap.phase import ENDED
from tocsin.clock import Clock, SystemClock
from tocsin.ear import Ear
from tocsin.journal import Entry, Fact
from tocsin.place.gazetteer import Gazetteer
from tocsin.reach.bulletin import Bulletin, body, bulletin
from tocsin.reach.channel import Channel
from tocsin.reach.channels.webhook import Webhook
from tocsin.reach.delivery import Address, Delivery, rank
from tocsin.recent import Recent
from tocsin.rounds import parse
from tocsin.store.sqlite import SqliteStore
from tocsin.warn.loopback import (
    LOOPBACK_MISMATCHED,
    PATIENCE,
    Decision,
    Expected,
    Outcome,
    Seen,
    Verdict,
    compare,
    decide,
    expected,
    facts,
    seen_in_bulletin,
    seen_in_cap,
    seen_on_page,
)
from tocsin.warn.publish import ALERT_PUBLISHED, Published
from tocsin.warn.widening import ALERT_WIDENED, LOOPBACK_STOPPED, stopped, widened
from tocsin.web.feed import address_of

if TYPE_CHECKING:
    import aiohttp
else:
    aiohttp = in_calm("aiohttp")

log = logging.getLogger("tocsin")

FEED, PAGE, STREAM, WEBHOOK = "feed", "page", "stream", "webhook"
FOLLOWER = "loopback"
BATCH = 200
PLACES = 4
"""Places of one alert whose pages are read; the first of them in every language."""
AT_ONCE = 16
KEPT = 2_000
UNREAD = "It could not be read back."
STAND_BACK_S = 0.05
"""So long nothing is worked out before the stream has told it; one that tells nothing holds nobody up for longer."""
AGAIN = (0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.125, 0.25)
"""Seconds between looks at a channel that shows nothing yet; the last goes on."""

Read = Callable[["Asked"], Awaitable[Outcome]]


class Asked(Struct, frozen=True):
    """One alert that is read back."""

    entry: Entry
    published: Published
    alert: Alert
    wanted: Expected


class Readback:
    """Reads every alert of one realm back. ``shout`` is called once something was stopped."""

    def __init__(
        self,
        store: SqliteStore,
        clock: Clock,
        gazetteer: Gazetteer,
        realm: str,
        languages: Sequence[str],
        *,
        public_url: str,
        after: Callable[[], int],
        known: Callable[[Sequence[str]], Mapping[str, int]],
        shout: Callable[[], Awaitable[object]],
        pace: Clock | None = None,
        patience: timedelta = PATIENCE,
    ) -> None:
        """``after`` is the dispatch's own cursor, ``known`` the newest version of events that it has dealt with."""
        self.store, self.clock, self.gazetteer, self.realm = store, clock, gazetteer, realm
        self.languages, self.public_url, self.after, self.known = tuple(languages), public_url, after, known
        self.shout, self.pace, self.patience = shout, pace or SystemClock(), patience
        self.reads: dict[str, Read] = {FEED: self._feed, PAGE: self._page, STREAM: self._stream, WEBHOOK: self._webhook}
        self.hook: Channel = Webhook(self.pace, loopback=True, agent="Tocsin loopback")
        self._address: asyncio.Future[str] | None = None
        self._session: aiohttp.ClientSession | None = None
        self.ear = Ear()
        self._newest: Recent[str, tuple[int, datetime]] = Recent(KEPT)
        self._under_way: dict[int, asyncio.Task[None]] = {}
        self._room = asyncio.Semaphore(AT_ONCE)
        self._upto = self._before = 0
        self._said = asyncio.Event()
        self._verdicts: dict[int, list[Fact]] = {}

    def listening(self, host: str, port: int) -> None:
        """Our own server listens there."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - what a socket bound to all says
        name = f"[{host}]" if ":" in host else host
        future = self._future()
        if not future.done():
            future.set_result(f"http://{name}:{port}")

    @staticmethod
    def _time() -> float:
        return asyncio.get_running_loop().time()

    def _future(self) -> asyncio.Future[str]:
        if self._address is None:
            self._address = asyncio.get_running_loop().create_future()
        return self._address

    # --- running ---------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Judge what is published until cancelled."""
        while True:
            try:
                await self._run()
            except Exception:
                # Whatever is broken here must not silence warnings: what waits goes on unread, and it begins again.
                log.exception("nothing can be read back")
                with contextlib.suppress(Exception):
                    await asyncio.to_thread(self._pass_over)
                await self.pace.sleep(1.0)

    def _pass_over(self) -> None:
        """Widen what waits although nobody could read it back."""
        after = self.store.cursor(FOLLOWER) or self.after()
        while entries := self.store.read(after, BATCH, (ALERT_PUBLISHED,)):
            after = entries[-1].seq
            names = [entry.subject for entry in entries]
            judged = self.store.seen(ALERT_WIDENED, names) | self.store.seen(LOOPBACK_STOPPED, names)
            found = [
                widened(entry, entry.read(Published), UNREAD, 0.0)
                for entry in entries
                if entry.realm == self.realm and entry.subject not in judged
            ]
            self.store.step(FOLLOWER, after, found)

    async def _run(self) -> None:
        base = await self._future()
        self._under_way, self._verdicts = {}, {}
        loop, fresh = asyncio.get_running_loop(), asyncio.Event()

        def woken(_: int) -> None:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(fresh.set)

        self._upto = self.store.cursor(FOLLOWER) or self.after()
        self._before = self.store.head().seq
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=2.0)
        stop = self.store.on_append(woken)
        async with (
            aiohttp.ClientSession(base, timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as self._session,
            self.ear.receiving(),
        ):
            own = [
                asyncio.create_task(self.ear.listen(self._session, self._upto)),
                asyncio.create_task(self._keep_recording()),
            ]
            try:
                while True:
                    fresh.clear()
                    while entries := await asyncio.to_thread(self.store.read, self._upto, BATCH, (ALERT_PUBLISHED,)):
                        await self._take(entries)
                    await fresh.wait()
            finally:
                stop()
                tasks = [*own, *self._under_way.values()]
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                await self.hook.close()

    async def _take(self, entries: Sequence[Entry]) -> None:
        """Begin to judge ``entries``, what saves lives first, each once."""
        ours = [entry for entry in entries if entry.realm == self.realm]
        names = [entry.subject for entry in ours]
        told = [(entry, entry.read(Published)) for entry in ours]

        def looked_up() -> tuple[set[str], Mapping[str, int]]:
            judged = self.store.seen(ALERT_WIDENED, names) | self.store.seen(LOOPBACK_STOPPED, names)
            return judged, self.known([done.event_id for _, done in told])

        judged: set[str] = set()
        known: Mapping[str, int] = {}
        if entries[0].seq <= self._before:
            # Only what was there when we came can have been judged; nobody else judges what comes now.
            judged, known = await asyncio.to_thread(looked_up)
        for entry, done in sorted(told, key=lambda one: rank(one[1].phase, one[0].realm)):
            version, _ = self._newest.get(done.event_id, (-1, done.sent))
            if done.version > version:
                self._newest[done.event_id] = done.version, done.sent
            if entry.subject not in judged and done.version > known.get(done.event_id, -1):
                self._under_way[entry.seq] = asyncio.create_task(self._judge(entry, done))
        self._upto = entries[-1].seq
        self._said.set()

    async def _judge(self, entry: Entry, done: Published) -> None:
        """Read one alert back and say what follows."""
        began = self._time()
        outcomes: list[Outcome] = []
        found: list[Fact] = []
        try:
            decision, outcomes, wanted = await self._decided(entry, done)
            found = facts(wanted, outcomes, self.realm)
        except Exception:
            # Whatever is broken here must not silence a warning: it goes on, and the log says why nobody read it.
            log.exception("%s could not be read back", done.identifier)
            decision = Decision(Verdict.WIDEN, UNREAD)
        if self._overtaken(done):
            # A newer word is out: this one goes to nobody any more, and its successor is judged by itself.
            found = []
        elif decision.verdict is Verdict.STOP:
            found.append(stopped(entry, done, decision.sentence))
        else:
            found.append(widened(entry, done, decision.sentence, (self._time() - began) * 1000))
        if any(one.wrong for one in outcomes):
            log.critical("%s: %s", done.identifier, decision.sentence)
        self._verdicts[entry.seq] = found
        self._said.set()

    async def _keep_recording(self) -> None:
        """Record the verdicts, all that are there in one commit, with the cursor behind what nobody judges any more."""
        while True:
            await self._said.wait()
            self._said.clear()
            taken, self._verdicts = self._verdicts, {}
            waiting = self._under_way.keys() - taken.keys()
            upto = min(waiting, default=self._upto + 1) - 1
            found = [one for seq in taken for one in taken[seq]]
            try:
                await asyncio.to_thread(self._record, upto, found)
            except Exception:
                # A disk that is full for a moment must not end all judging; nothing is sent before this is on record.
                log.exception("verdicts could not be recorded")
                self._verdicts = {**taken, **self._verdicts}
                self._said.set()
                await self.pace.sleep(1.0)
                continue
            for seq in taken:
                self._under_way.pop(seq, None)
            if any(one.kind in (LOOPBACK_STOPPED, LOOPBACK_MISMATCHED) for one in found):
                try:
                    await self.shout()
                except Exception:
                    # The stop itself is on record, and the watch looks around again in a moment.
                    log.exception("nobody could be called about what was stopped")

    def _record(self, upto: int, found: Sequence[Fact]) -> None:
        if upto > self.store.cursor(FOLLOWER):
            self.store.step(FOLLOWER, upto, found)
        elif found:
            self.store.append(found)

    def _overtaken(self, done: Published) -> bool:
        """Whether a later word on the same event is out; what left in one commit with this one is none."""
        version, sent = self._newest.get(done.event_id, (done.version, done.sent))
        return version > done.version and sent > done.sent

    # --- one alert -------------------------------------------------------------------------------------------------

    async def _decided(self, entry: Entry, done: Published) -> tuple[Decision, list[Outcome], Expected]:
        if done.scope == Scope.PUBLIC:
            await self._stand_back(done.identifier)
        alert, wanted = await asyncio.to_thread(lambda: (parse(done.cap.encode()), expected(done)))
        asked = Asked(entry, done, alert, wanted)
        told = bulletin(done, alert, self.realm, self.public_url)
        if told.deadline <= self.clock.now():
            return Decision(Verdict.WIDEN, "It has ended already."), [], wanted
        names = self._showing(asked)
        outcomes: dict[str, Outcome] = {}
        changed = asyncio.Event()
        began, ends = self.pace.now(), done.phase in ENDED

        async def look(name: str) -> None:
            """Look at one channel until it shows what was signed; what it shows wrongly is looked at twice."""
            wrong, turn = 0, 0
            while True:
                async with self._room:
                    found = await self.reads[name](asked)
                wrong = wrong + 1 if found.wrong else 0
                if found.matched or wrong > 1:
                    outcomes[name] = found
                    changed.set()
                if found.matched or (wrong > 1 and not ends):
                    return
                await asyncio.sleep(AGAIN[min(turn, len(AGAIN) - 1)])
                turn += 1

        looks = [asyncio.create_task(look(name)) for name in names]
        try:
            while True:
                changed.clear()
                broken = [one.exception() for one in looks if one.done()]
                if wrong := next(filter(None, broken), None):
                    log.error("a channel could not be looked at", exc_info=wrong)
                late = self.pace.now() - began >= self.patience
                at = began + (PATIENCE if late else timedelta(0))
                decision = decide(list(outcomes.values()), names, began, at, ends=ends)
                if decision.verdict is not Verdict.WAIT or self._overtaken(done):
                    dark = [Outcome(name, False) for name in names if name not in outcomes] if late else []
                    return decision, [*outcomes.values(), *dark], wanted
                left = (self.patience - (self.pace.now() - began)).total_seconds()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(max(0.001, min(left, 0.25))):
                        await changed.wait()
        finally:
            for one in looks:
                one.cancel()
            await asyncio.gather(*looks, return_exceptions=True)

    async def _stand_back(self, identifier: str) -> None:
        """Let the stream tell it first: whoever listens must not wait for what is worked out here."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STAND_BACK_S):
                while identifier not in self.ear.told:
                    self.ear.heard.clear()
                    await self.ear.heard.wait()

    def _showing(self, asked: Asked) -> tuple[str, ...]:
        """The channels that can show this alert; a restricted one is on none that everybody reads."""
        if asked.published.scope != Scope.PUBLIC:
            return (WEBHOOK,)
        onset = [info.onset for info in asked.alert.infos if info.onset is not None]
        later = bool(onset) and min(onset) > self.clock.now()
        return (FEED, STREAM, WEBHOOK, PAGE) if self._places(asked) and not later else (FEED, STREAM, WEBHOOK)

    def _places(self, asked: Asked) -> list[str]:
        return [code for code in asked.published.areas if code in self.gazetteer][:PLACES]

    async def _get(self, path: str) -> bytes | None:
        assert self._session is not None
        try:
            async with self._session.get(path, timeout=aiohttp.ClientTimeout(total=2.0)) as answer:
                return await answer.read() if answer.status == 200 else None
        except (aiohttp.ClientError, OSError, TimeoutError):
            return None

    async def _feed(self, asked: Asked) -> Outcome:
        """The message, as the feed links to it."""
        data = await self._get(address_of(asked.published.identifier))
        if data is None:
            return Outcome(FEED, False)
        same = compare(FEED, asked.wanted, Seen(frozenset(), sha256=hashlib.sha256(data).hexdigest()))
        if same.matched:
            return same
        return compare(FEED, asked.wanted, await asyncio.to_thread(seen_in_cap, data))

    async def _page(self, asked: Asked) -> Outcome:
        """The state of its places: the first in every language, the others in one."""
        first, *others = self._places(asked)
        tags = self._tags(asked.wanted)
        pairs = [(first, language) for language in tags] + [(place, next(iter(tags), "en")) for place in others]
        pairs = pairs or [(first, self.languages[0])]
        answers = await asyncio.gather(
            *(self._get(f"/at/{quote(place, safe='')}.json?lang={language}") for place, language in pairs)
        )
        wrong: list[str] = []
        for (_, language), data in zip(pairs, answers, strict=True):
            seen = seen_on_page(data, tags.get(language, language)) if data is not None else Seen(frozenset())
            if seen.more and asked.wanted.identifier not in seen.identifiers:
                continue  # so many alerts stand there that the page counts this one and does not name it
            found = compare(PAGE, asked.wanted, seen, self.gazetteer)
            if not found.shown:
                return found
            wrong += found.wrong
        return Outcome(PAGE, True, tuple(dict.fromkeys(wrong)))

    def _tags(self, wanted: Expected) -> dict[str, str]:
        """By each language of ours the tag of the text that a page in it shows, where the alert has one."""
        found = {}
        for language in self.languages:
            same = [tag for tag in wanted.texts if tag.lower() == language.lower()]
            same += [tag for tag in wanted.texts if tag.partition("-")[0].lower() == language.lower()]
            if same and wanted.texts[same[0]][0]:
                found[language] = same[0]
        return found

    async def _stream(self, asked: Asked) -> Outcome:
        """What came on our own stream."""
        return compare(STREAM, asked.wanted, seen_in_bulletin(self.ear.told.get(asked.published.identifier, b"")))

    async def _webhook(self, asked: Asked) -> Outcome:
        """What the webhook channel brings to a receiver of ours."""
        name = asked.published.identifier
        if name not in self.ear.caught:
            told = bulletin(asked.published, asked.alert, self.realm, self.public_url)
            await self.hook.send([self._canary(told)])
        return compare(WEBHOOK, asked.wanted, seen_in_bulletin(self.ear.caught.get(name, b"")))

    def _canary(self, told: Bulletin) -> Delivery:
        to = Address(0, "canary", self.ear.address, (self.ear.secret,), self.languages)
        return Delivery(
            told.identifier, told.event_id, told.version, told.phase, self.realm, told.deadline, body(told), to
        )

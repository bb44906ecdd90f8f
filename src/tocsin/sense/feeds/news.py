"""News over HTTP: RSS, Atom, JSON Feed and single pages, polled; articles become reports that never warn by themselves.

- Each article is fetched and fails by itself. A page that shows no article (consent, paywall, nothing) is refused with
  its code, and the feed's own summary stands in where it says enough.
- New words at the same address are a new report that names the one before; the same words are none (ETag, words).
- Every whole answer counts as heard: a newsroom with no news is no fault, and its silence makes no place unknown.
- An article is asked for again when the feed says that it changed, and every ten intervals for a day, because
  corrections come under the same address.
"""

from __future__ import annotations

import asyncio
import html
import re
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urljoin

import fastfeedparser
from msgspec import Struct

from tocsin.clock import Clock
from tocsin.errors import SettingsError, SourceError
from tocsin.sense.feeds import State, Wire, options, poll
from tocsin.sense.feeds.fetch import PER_HOST, Answer, Fetcher, looks_like_page
from tocsin.sense.feeds.index import moment
from tocsin.sense.intake import Intake
from tocsin.sense.news import News, news_report
from tocsin.sense.page import LEAST, REASONS, article
from tocsin.sense.source import Source

AGAIN = 10
WATCHED = timedelta(days=1)
FORGET = 5_000  # addresses remembered
PER_POLL = 60  # articles fetched in one poll, newest first: an archive that opens is not read in one go
MAX_ENTRIES = 300
_TAG = re.compile(r"<[^<>]{0,4000}>")


class Options(Struct, frozen=True, forbid_unknown_fields=True):
    """What a ``news`` feed can be told. ``articles = false`` takes the feed's own summaries and fetches no page."""

    articles: bool = True
    language: str = ""
    outlet: str = ""
    max_bytes: int = 5_000_000
    total_s: float = 0.0  # 0: 80 % of the interval, between 5 and 60 s


class Item(Struct, frozen=True):
    """One entry of a feed. ``version`` changes when the feed says that the article did."""

    address: str
    headline: str = ""
    summary: str = ""
    published: datetime | None = None
    version: str = ""
    language: str = ""


class _Known:
    __slots__ = ("etag", "fetched", "modified", "report", "since", "version")

    def __init__(self, since: datetime) -> None:
        self.etag = self.modified = self.version = self.report = ""
        self.fetched: datetime | None = None
        self.since = since


def read_feed(content: bytes, address: str) -> tuple[str, list[Item]]:
    """The title and the entries of an RSS, Atom or JSON feed; raises :class:`SourceError` if it is none."""
    if b"<!ENTITY" in content[:200_000].upper():
        raise SourceError(f"{address}: a feed that declares entities is not read")
    try:
        found = fastfeedparser.parse(content, include_tags=False, include_media=False, include_enclosures=False)
        title, entries = str(found.feed.get("title") or ""), list(found.entries)[:MAX_ENTRIES]
    except Exception as wrong:  # the parser raises whatever its input makes it raise
        raise SourceError(f"{address}: not a feed that can be read ({str(wrong)[:120]})") from None
    items: dict[str, Item] = {}
    for entry in entries:
        link = str(entry.get("link") or "").strip()
        target = urljoin(address, link) if link else ""
        if not target.startswith(("http://", "https://")) or target in items:
            continue
        whole = max((str(c.get("value") or "") for c in entry.get("content") or ()), key=len, default="")
        summary = plain(max(whole, str(entry.get("description") or ""), key=len))
        stamps = [str(entry.get(name) or "") for name in ("published", "updated")]
        published = moment(stamps[0]) or moment(stamps[1])
        version = "|".join((*stamps, str(entry.get("title") or "")))
        language = str(entry.get("language") or found.feed.get("language") or "")
        items[target] = Item(target, plain(str(entry.get("title") or "")), summary, published, version, language)
    return plain(title), list(items.values())


def plain(text: str) -> str:
    """A feed's text without its marks, in one piece."""
    return " ".join(html.unescape(_TAG.sub(" ", text[:200_000])).split())


class NewsFeed:
    """One outlet on HTTP."""

    def __init__(self, wire: Wire, clock: Clock, chosen: Options, fetcher: Fetcher | None = None) -> None:
        self.wire, self.clock, self.options = wire, clock, chosen
        self.state = State()
        self.source: Source = wire.source()
        self.fetcher = fetcher or Fetcher([wire.url])
        self.total_s = chosen.total_s or min(60.0, max(5.0, wire.interval_s * 0.8))
        self._index = _Known(clock.now())
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._listed: list[Item] = []
        self._slots = asyncio.Semaphore(PER_HOST)
        self._title = ""

    async def run(self, intake: Intake) -> None:
        """Poll until cancelled."""
        try:
            await poll(self.wire, self.clock, self.state, lambda: self.once(intake), intake)
        finally:
            await self.fetcher.close()

    async def once(self, intake: Intake) -> None:
        """One poll: the feed, then what is new in it. Raises :class:`SourceError` if the feed cannot be had."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self.total_s
        answer = await self._get(self.wire.url, self._index, self.total_s)
        if not answer.unchanged and looks_like_page(answer.content):
            # A single page that is watched: it is its own only entry.
            item = Item(answer.address, version=answer.etag or answer.modified)
            known = self._known.setdefault(item.address, _Known(self.clock.now()))
            await self._page(intake, item, known, answer)
            self._keep(self._index, answer)
        elif not answer.unchanged:
            self._title, self._listed = await asyncio.to_thread(read_feed, answer.content, answer.address)
            self._keep(self._index, answer)
        await asyncio.gather(*(self._one(intake, item, until) for item in self._due()))
        await intake.hear(self.source.id, self.clock.now())

    def _due(self) -> list[Item]:
        """The entries to read now, newest first."""
        now, due = self.clock.now(), []
        for item in self._listed:
            known = self._known.get(item.address)
            if known is None:
                known = self._known[item.address] = _Known(now)
            else:
                self._known.move_to_end(item.address)
            again = known.fetched is not None and now - known.fetched >= timedelta(seconds=self.wire.interval_s * AGAIN)
            if known.fetched is None or known.version != item.version or (again and now - known.since < WATCHED):
                due.append(item)
        while len(self._known) > FORGET:
            self._known.popitem(last=False)
        floor = datetime.min.replace(tzinfo=now.tzinfo)
        return sorted(due, key=lambda item: item.published or floor, reverse=True)[:PER_POLL]

    async def _one(self, intake: Intake, item: Item, until: float) -> None:
        """Read one article; whatever is wrong with it stays with it."""
        known = self._known.setdefault(item.address, _Known(self.clock.now()))
        if not self.options.articles:
            await self._summary(intake, item, known)
            return
        loop = asyncio.get_running_loop()
        async with self._slots:
            left = until - loop.time()
            if left <= 0.05:
                return
            try:
                self.fetcher.vet(item.address)
                answer = await self._get(item.address, known, min(left, 10.0))
            except SourceError as wrong:
                intake.trouble(self.source.id, str(wrong))
                await self._summary(intake, item, known)
                return
        if not answer.unchanged:
            await self._page(intake, item, known, answer)
        known.fetched, known.version = self.clock.now(), item.version

    async def _page(self, intake: Intake, item: Item, known: _Known, answer: Answer) -> None:
        found = await asyncio.to_thread(article, answer.content)
        self._keep(known, answer)
        if found.refused:
            await asyncio.to_thread(
                intake.refuse, self.source.id, found.refused, REASONS[found.refused], answer.content, item.address
            )
            await self._summary(intake, item, known)
            return
        published = item.published or moment(f"{found.published}T00:00:00+00:00" if found.published else "")
        await self._report(
            intake, known, item, item.headline or found.headline, found.text, published, found.outlet, False
        )

    async def _summary(self, intake: Intake, item: Item, known: _Known) -> None:
        """What the feed itself says of an article that cannot be had, where that is more than a headline."""
        if len(item.summary) >= LEAST:
            text = item.summary if item.summary.startswith(item.headline) else f"{item.headline}\n{item.summary}"
            await self._report(intake, known, item, item.headline, text, item.published, "", True)
        known.fetched, known.version = self.clock.now(), item.version

    async def _report(
        self,
        intake: Intake,
        known: _Known,
        item: Item,
        headline: str,
        text: str,
        published: datetime | None,
        outlet: str,
        excerpt: bool,
    ) -> None:
        language = (item.language or self.options.language).split("-")[0].lower()[:8]
        outlet = self.options.outlet or outlet or self._title or self.wire.name
        made = News(headline, text, published, language, outlet, item.address, known.report, excerpt)
        report = news_report(self.source.id, made, self.clock.now())
        if report.id == known.report:
            return
        known.report = report.id
        await intake.take([report])

    async def _get(self, address: str, known: _Known, total_s: float) -> Answer:
        own = address.split("/")[:3] == self.wire.url.split("/")[:3]
        return await self.fetcher.get(
            address,
            etag=known.etag,
            modified=known.modified,
            headers=self.wire.headers if own else {},
            total_s=total_s,
            max_bytes=self.options.max_bytes,
        )

    @staticmethod
    def _keep(known: _Known, answer: Answer) -> None:
        known.etag, known.modified = answer.etag, answer.modified


def open_feed(wire: Wire, clock: Clock, **given: Any) -> NewsFeed:
    """A news feed for one entry of ``feeds.toml``. One that calls itself official is refused: news never warns."""
    if wire.official or wire.covers:
        raise SettingsError(f"source {wire.id!r}: a news feed is never official and its silence makes no place unknown")
    return NewsFeed(wire, clock, options(wire, Options), given.get("fetcher"))

"""News over HTTP: feeds, news sitemaps and single pages, polled; articles become reports that never warn by themselves.

- Each article is fetched and fails by itself. A page that shows no article (consent, paywall, nothing) is refused with
  its code, and the feed's own summary stands in where it says enough.
- New words at the same address are a new report that names the one before; the same words are none (ETag, words).
- Every whole answer counts as heard: a newsroom with no news is no fault, and its silence makes no place unknown.
- Where an outlet's licence lets no text be kept (``licence = "spans"``), a few whole sentences are, and no more: the rest
  is not recorded anywhere.
- An article is asked for again when the feed says that it changed, and every ten intervals for a day, because
  corrections come under the same address.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from tocsin.clock import Clock
from tocsin.errors import SettingsError, SourceError
from tocsin.sense.feeds import Wire, options
from tocsin.sense.feeds.entries import Item, nested, read_feed, read_sitemap, sitemap
from tocsin.sense.feeds.fetch import PER_HOST, Answer, Fetcher, looks_like_page
from tocsin.sense.feeds.index import moment
from tocsin.sense.feeds.polled import Polled, Validators
from tocsin.sense.intake import Intake
from tocsin.sense.news import News, news_report, spans
from tocsin.sense.page import LEAST, REASONS, article

AGAIN = 10
WATCHED = timedelta(days=1)
FORGET = 5_000  # addresses remembered
PER_POLL = 60  # articles fetched in one poll, newest first: an archive that opens is not read in one go


class Options(Struct, frozen=True, forbid_unknown_fields=True):
    """What a ``news`` feed can be told. ``articles = false`` takes the feed's own summaries and fetches no page.

    ``licence = "spans"``: of an article only whole sentences of at most ``quote_characters`` in all are kept.
    """

    articles: bool = True
    language: str = ""
    outlet: str = ""
    max_bytes: int = 5_000_000
    licence: Literal["", "spans"] = ""
    quote_characters: Annotated[int, Meta(ge=80, le=4_000)] = 400
    total_s: float = 0.0  # 0: 80 % of the interval, between 5 and 60 s


class _Known(Validators):
    __slots__ = ("fetched", "report", "since", "version")

    def __init__(self, since: datetime) -> None:
        super().__init__()
        self.version = self.report = ""
        self.fetched: datetime | None = None
        self.since = since


class NewsFeed(Polled[Options]):
    """One outlet on HTTP."""

    def __init__(self, wire: Wire, clock: Clock, chosen: Options, fetcher: Fetcher | None = None) -> None:
        super().__init__(wire, clock, chosen, fetcher)
        self._index = _Known(clock.now())
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._listed: list[Item] = []
        self._slots = asyncio.Semaphore(PER_HOST)
        self._title = ""

    async def once(self, intake: Intake) -> None:
        """One poll: the feed, then what is new in it. Raises :class:`SourceError` if the feed cannot be had."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self.total_s
        answer = await self.get(self.wire.url, self._index, self.total_s)
        if not answer.unchanged and looks_like_page(answer.content):
            # A single page that is watched: it is its own only entry.
            item = Item(answer.address, version=answer.etag or answer.modified)
            known = self._known.setdefault(item.address, _Known(self.clock.now()))
            await self._page(intake, item, known, answer)
            self._index.keep(answer)
        elif not answer.unchanged:
            self._title, self._listed = await self._read(answer, until)
            self._index.keep(answer)
        await asyncio.gather(*(self._one(intake, item, until) for item in self._due()))
        await intake.hear(self.source.id, self.clock.now())

    async def _read(self, answer: Answer, until: float) -> tuple[str, list[Item]]:
        """What the feed lists; of a sitemap of sitemaps, what the newest of them list."""
        kind = sitemap(answer.content)
        if kind != "sitemapindex":
            read = read_sitemap if kind else read_feed
            return await asyncio.to_thread(read, answer.content, answer.address)
        title, found = "", dict[str, Item]()
        loop = asyncio.get_running_loop()
        for address in await asyncio.to_thread(nested, answer.content, answer.address):
            inner = await self.get(address, _Known(self.clock.now()), max(0.1, until - loop.time()))
            name, items = await asyncio.to_thread(read_sitemap, inner.content, inner.address)
            title = title or name
            found |= {item.address: item for item in items}
        if not found:
            raise SourceError(f"{answer.address}: a sitemap of sitemaps that names none of this host")
        return title, list(found.values())

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
                answer = await self.get(item.address, known, min(left, 10.0))
            except SourceError as wrong:
                intake.trouble(self.source.id, str(wrong))
                await self._summary(intake, item, known)
                return
        if not answer.unchanged:
            await self._page(intake, item, known, answer)
        known.fetched, known.version = self.clock.now(), item.version

    async def _page(self, intake: Intake, item: Item, known: _Known, answer: Answer) -> None:
        found = await asyncio.to_thread(article, answer.content)
        known.keep(answer)
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
        licence = self.options.licence
        if licence:
            shorter = spans(text, headline, self.options.quote_characters)
            text, excerpt = shorter, excerpt or shorter != text
        made = News(headline, text, published, language, outlet, item.address, known.report, excerpt, licence)
        report = news_report(self.source.id, made, self.clock.now())
        if report.id == known.report:
            return
        known.report = report.id
        await intake.take([report])


def open_feed(wire: Wire, clock: Clock, **given: Any) -> NewsFeed:
    """A news feed for one entry of ``feeds.toml``. One that calls itself official is refused: news never warns."""
    if wire.official or wire.covers:
        raise SettingsError(f"source {wire.id!r}: a news feed is never official and its silence makes no place unknown")
    return NewsFeed(wire, clock, options(wire, Options), given.get("fetcher"))

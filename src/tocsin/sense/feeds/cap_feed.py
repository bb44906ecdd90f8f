"""CAP over HTTP: Atom, RSS, directories of files, wrappers and single files, polled.

- **What counts as heard** (F20): the newest moment that the payload itself bears (the index's and its entries' times,
  the newest ``sent``), never an HTTP status. A feed that bears a new time with each build even when it is empty is
  fully covered by that. For one that does not, the operator says ``heard = "answer"``: then every whole, well-formed
  200 and every 304 counts too, unless its time went backwards, which is what a stale copy in a cache looks like.
- An alert that is no longer in the index has not ended: feeds are cut to the newest entries, and copies flicker
  (quirks 26, 29, 30). Only a message ends an alert.
- Every alert is fetched by itself and fails by itself. It is fetched again when the index says that it changed, and
  every ten intervals anyway, because content changes under the same address (quirk 37).
- The same bytes are one report, whatever address they come from; each alert of a wrapper is a report by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

from tocsin.cap.alert import Alert, Named
from tocsin.cap.limits import TRUSTED
from tocsin.cap.xml import read
from tocsin.clock import Clock
from tocsin.errors import SourceError
from tocsin.sense.feeds import Wire, options
from tocsin.sense.feeds.fetch import PER_HOST, Fetcher, looks_like_page
from tocsin.sense.feeds.index import Link, read_index
from tocsin.sense.feeds.polled import Polled, Validators
from tocsin.sense.intake import Intake
from tocsin.sense.report import CAP_XML, Report, report_id

AGAIN = 10  # intervals after which an alert is asked for again although the index says nothing of a change
FORGET = 20_000  # addresses remembered; beyond, the ones longest not listed are forgotten
NOTHING = frozenset({"xml.index-only", "xml.no-alert", "json.no-alert", "xml.empty"})  # an index may hold no alert


class Options(Struct, frozen=True, forbid_unknown_fields=True):
    """What a ``cap_feed`` can be told: bounds of one document in bytes and of one whole poll in seconds."""

    max_bytes: int = 10_000_000
    total_s: float = 0.0  # 0: 80 % of the interval, between 5 and 60 s


class _Known(Validators):
    """What is remembered of one address."""

    __slots__ = ("fetched", "version")

    def __init__(self) -> None:
        super().__init__()
        self.version = ""
        self.fetched: datetime | None = None


class CapFeed(Polled[Options]):
    """One CAP source on HTTP."""

    def __init__(self, wire: Wire, clock: Clock, chosen: Options, fetcher: Fetcher | None = None) -> None:
        super().__init__(wire, clock, chosen, fetcher)
        self._index = _Known()
        self._known: dict[str, _Known] = {}
        self._listed: tuple[Link, ...] = ()
        self._updated: datetime | None = None
        self._slots = asyncio.Semaphore(PER_HOST)

    async def once(self, intake: Intake) -> None:
        """One poll: the index, then what is new in it. Raises :class:`SourceError` if the index cannot be had."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self.total_s
        answer = await self.get(self.wire.url, self._index, self.total_s)
        if answer.unchanged:
            heard = [self.clock.now()] if self.wire.heard == "answer" else []
            heard += await self._fetch_links(intake, until)
            await self._hear(intake, heard)
            return
        index = read_index(answer.content, answer.address)
        backwards = index.updated is not None and self._updated is not None and index.updated < self._updated
        times: list[datetime] = [index.updated] if index.updated is not None else []
        if index.shape != "directory":
            # An index of links has no alerts in it, and one of alerts may have links beside them.
            times += await self._report(intake, answer.content, answer.address, index.shape == "alert")
        if not backwards:
            self._updated, self._listed = index.updated or self._updated, index.links
            self._index.keep(answer)
        # A stale copy still may name an alert that we never saw: what it lists is fetched, but it ends nothing, does
        # not count as heard, and its validator is not kept.
        times += await self._fetch_links(intake, until, index.links)
        if self.wire.heard == "answer" and not backwards and not index.cut:
            times.append(self.clock.now())
        await self._hear(intake, times)

    async def _hear(self, intake: Intake, times: Sequence[datetime]) -> None:
        if times:
            await intake.hear(self.source.id, max(times))

    async def _fetch_links(self, intake: Intake, until: float, links: Sequence[Link] | None = None) -> list[datetime]:
        """Fetch what is due of the listed alerts, newest listed first, until this poll's time is up."""
        now = self.clock.now()
        due = []
        for link in links if links is not None else self._listed:
            known = self._known.setdefault(link.address, _Known())
            again = known.fetched is None or now - known.fetched >= timedelta(seconds=self.wire.interval_s * AGAIN)
            if again or known.version != link.version:
                due.append(link)
        while len(self._known) > FORGET:
            self._known.pop(next(iter(self._known)))
        got = await asyncio.gather(*(self._fetch_one(intake, link, until) for link in due))
        return [time for times in got for time in times]

    async def _fetch_one(self, intake: Intake, link: Link, until: float) -> list[datetime]:
        """Fetch and report one alert; whatever is wrong with it stays with it."""
        loop = asyncio.get_running_loop()
        known = self._known.setdefault(link.address, _Known())
        async with self._slots:
            left = until - loop.time()
            if left <= 0.05:
                return []
            try:
                self.fetcher.vet(link.address)
                answer = await self.get(link.address, known, min(left, 10.0))
                if not answer.unchanged and looks_like_page(answer.content):
                    raise SourceError(f"{link.address}: a web page instead of an alert")
            except SourceError as wrong:
                intake.trouble(self.source.id, str(wrong))
                return []
        times = [] if answer.unchanged else await self._report(intake, answer.content, answer.address)
        known.keep(answer)
        known.version, known.fetched = link.version, self.clock.now()
        return times

    async def _report(self, intake: Intake, content: bytes, address: str, must: bool = True) -> list[datetime]:
        """Hand each alert of a document on as a report of its own; returns the times at which they were sent.

        What cannot be read is refused by name if it ``must`` hold an alert.
        """
        # Reading a large document takes milliseconds, which other feeds need not wait for.
        aside = len(content) > 50_000
        reading = await asyncio.to_thread(read, content, limits=TRUSTED) if aside else read(content, limits=TRUSTED)
        if reading.refused is not None and (must or reading.refused.code not in NOTHING):
            fault = reading.refused
            intake.refuse(self.source.id, fault.code, fault.message, content, address)
        now, source = self.clock.now(), self.source.id
        sent = [alert.sent for alert in reading.alerts if alert.sent is not None]
        reports = []
        for alert in reading.alerts:
            original = alert.original or content
            form = CAP_XML if original.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<" else "application/json"
            reports.append(Report(report_id(source, original), source, form, original, now, alert.sent, address))
        # The registries that a source codes its areas by are few; a new one is what leaves people out (F21).
        if names := {f"geocode:{code.name}" for alert in reading.alerts for code in _geocodes(alert)}:
            intake.uses(source, names)
        if reports:
            await intake.take(reports)
        return sent


def _geocodes(alert: Alert) -> Iterator[Named]:
    for info in alert.infos:
        for area in info.areas:
            yield from area.geocodes


def open_feed(wire: Wire, clock: Clock, **given: Any) -> CapFeed:
    """A CAP feed for one entry of ``feeds.toml``."""
    return CapFeed(wire, clock, options(wire, Options), given.get("fetcher"))

"""Intake: takes reports, drops repeats, records them, and watches whether each source is still heard.

- A report is recorded once, ever: its id is looked up in the journal in the same commit that records it, so neither a
  second poll nor a restart makes it new.
- One bad report never costs another: it becomes a ``report:refused`` with a code, and the rest of its batch goes on.
- A source is heard at the moment its own payload speaks of; a moment that is not later than the last one adds nothing,
  so a stale copy from a cache keeps nobody fresh (F20, quirk 29).
- A source that is not heard for ``intervals`` of its intervals becomes one ``source:lost``; its return is recorded at
  once. After a start a source counts as heard only once it has spoken.
- Area codes that a source never used before are a ``source:strange``: in 2025 a service moved from oblasts to raions,
  and everybody who waited for the oblast fell silent (F21).
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from datetime import datetime, timedelta
from typing import Protocol

import msgspec
from msgspec import Struct

from tocsin.clock import Clock, utc
from tocsin.errors import InputError, NotAllowedError, TocsinError, TooLargeError
from tocsin.journal import ACTUAL, Entry, Fact, fact
from tocsin.sense.report import REPORT_RECEIVED, Report, report_id
from tocsin.sense.source import SOURCE_HEARD, SOURCE_LOST, Heard, Source

REPORT_REFUSED = "report:refused"
SOURCE_STRANGE = "source:strange"

EVERY = timedelta(minutes=1)  # how often a source that goes on speaking is recorded as heard
MAX_BYTES = 10_000_000

_log = logging.getLogger(__name__)


class Store(Protocol):
    """What intake needs of the store."""

    def append(self, facts: Sequence[Fact]) -> list[Entry]: ...
    def post(self, facts: Sequence[Fact]) -> Future[list[Entry]]: ...
    def append_new(self, facts: Sequence[Fact]) -> list[Entry]: ...
    def post_new(self, facts: Sequence[Fact]) -> Future[list[Entry]]: ...
    def about(self, kind: str, subject: str, limit: int = 100) -> list[Entry]: ...
    def read(self, after: int, limit: int = 1000, kinds: Iterable[str] | None = None) -> list[Entry]: ...


class Refused(Struct, frozen=True):
    """The body of ``report:refused``: what was not taken, and why. ``sha256`` is that of the bytes, in hexadecimal."""

    source: str
    code: str
    message: str
    sha256: str
    size: int
    received: datetime
    address: str = ""


class Strange(Struct, frozen=True):
    """The body of ``source:strange``, about a source: it never used ``codes`` before, and ``known`` others it did."""

    codes: tuple[str, ...]
    known: int
    message: str = ""


class _Watched:
    """What is known of one source's speaking."""

    def __init__(self, source: Source, since: datetime) -> None:
        self.source = source
        self.since = since
        self.last: datetime | None = None  # since this start
        self.floor: datetime | None = None  # what the journal says of earlier starts
        self.recorded: datetime | None = None
        self.lost = False
        self.areas: set[str] | None = None
        self.trouble = ""


class Intake:
    """Where every report of every source comes in. Its calls may be made from any thread."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        sources: Iterable[Source] = (),
        *,
        realm: str = ACTUAL,
        intervals: float = 2.0,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self.store, self.clock, self.realm = store, clock, realm
        self.intervals, self.max_bytes = intervals, max_bytes
        self._watched: dict[str, _Watched] = {}
        self._lock = threading.RLock()
        self._calls: list[Callable[[str, datetime], None]] = []
        for source in sources:
            self.add(source)

    @property
    def sources(self) -> dict[str, Source]:
        """Every source by its id."""
        return {name: watched.source for name, watched in self._watched.items()}

    def add(self, source: Source) -> None:
        """Take reports of this source from now on. One of another realm is refused."""
        if source.realm != self.realm:
            raise NotAllowedError(f"source {source.id} is of realm {source.realm}, this installation of {self.realm}")
        watched = _Watched(source, self.clock.now())
        heard, lost = self.store.about(SOURCE_HEARD, source.id, 1), self.store.about(SOURCE_LOST, source.id, 1)
        if heard:
            watched.floor = heard[0].read(Heard).last_heard
        watched.lost = bool(lost) and (not heard or lost[0].seq > heard[0].seq)
        self._watched[source.id] = watched

    # --- reports ---------------------------------------------------------------------------------------------------

    def receive(self, reports: Sequence[Report]) -> list[Entry]:
        """Record ``reports`` in one commit; returns the entries of those that are new."""
        return _received(self.store.append_new([self._judge(report) for report in reports]))

    async def take(self, reports: Sequence[Report]) -> list[Entry]:
        """:meth:`receive` for the event loop, which goes on while the disk works."""
        entries = await asyncio.wrap_future(self.store.post_new([self._judge(report) for report in reports]))
        return _received(entries)

    def refuse(self, source: str, code: str, message: str, content: bytes, address: str = "") -> list[Entry]:
        """Record that something was not taken; the same bytes with the same fault are recorded once."""
        return self.store.append_new([self._refusal(source, code, message, content, address)])

    def _judge(self, report: Report) -> Fact:
        """The fact that a report becomes: received, or refused with the reason."""
        try:
            return self._fit(report)
        except TocsinError as wrong:
            return self._refusal(report.source, wrong.code, str(wrong), report.content, report.address)
        except Exception as wrong:
            return self._refusal(report.source, InputError.code, repr(wrong), bytes(report.content), report.address)

    def _fit(self, report: Report) -> Fact:
        if report.source not in self._watched:
            raise NotAllowedError(f"there is no source {report.source!r} here")
        if len(report.content) > self.max_bytes:
            raise TooLargeError(f"{len(report.content):,} bytes, taken are {self.max_bytes:,}")
        for moment in (report.received, report.spoken):
            if moment is not None:
                utc(moment)
        named = report.id or report_id(report.source, report.content)
        named.encode()
        # Texts that are no Unicode would fail later, in the writer: they fail here, alone.
        body = msgspec.json.encode(msgspec.structs.replace(report, id=named))
        return Fact(REPORT_RECEIVED, named, body, self.realm)

    def _refusal(self, source: str, code: str, message: str, content: bytes, address: str) -> Fact:
        digest = hashlib.sha256(content).hexdigest()
        source, message, address = (
            text.encode("utf-8", "replace").decode("utf-8")[:2000] for text in (source, message, address)
        )
        body = Refused(source, code, message, digest, len(content), self.clock.now(), address)
        return fact(REPORT_REFUSED, f"{report_id(source, content)}-{code}", body, self.realm)

    # --- freshness -------------------------------------------------------------------------------------------------

    def heard(self, source_id: str, at: datetime, reason: str = "") -> bool:
        """``source_id`` spoke of the moment ``at``. Returns whether that is news; recorded at most once a minute."""
        with self._lock:
            facts = self._hear(source_id, at, reason)
        if facts:
            self.store.append(facts)
        return facts is not None

    async def hear(self, source_id: str, at: datetime, reason: str = "") -> bool:
        """:meth:`heard` for the event loop."""
        with self._lock:
            facts = self._hear(source_id, at, reason)
        if facts:
            await asyncio.wrap_future(self.store.post(facts))
        return facts is not None

    def on_heard(self, call: Callable[[str, datetime], None]) -> None:
        """Have ``call`` told each time that a source speaks, also when that is not recorded."""
        self._calls.append(call)

    def last_heard(self, source_id: str) -> datetime | None:
        """When a source last spoke, by its own word; None if it has not since the start."""
        return self._watched[source_id].last

    def fresh(self, source_id: str, at: datetime | None = None) -> bool:
        """Whether a source counts as heard at ``at`` (now)."""
        watched = self._watched[source_id]
        return watched.source.fresh(watched.last, at or self.clock.now(), self.intervals)

    def _hear(self, source_id: str, at: datetime, reason: str) -> list[Fact] | None:
        """The facts that follow from hearing a source; None when its moment is not a newer one."""
        watched = self._watched[source_id]
        now = self.clock.now()
        # A source's clock that runs ahead must not keep it fresh for hours once it falls silent, and our own, put back
        # after it ran ahead, must not keep a speaking source unheard.
        at = min(utc(at), now)
        if watched.last is not None and watched.last > now:
            watched.last = None
        if watched.floor is not None and watched.floor > now:
            watched.floor = None
        if at <= (watched.last or at - EVERY) or (watched.floor is not None and at < watched.floor):
            return None
        watched.trouble = ""
        again = watched.lost or watched.last is None
        watched.last = at
        for call in self._calls:
            call(source_id, at)
        if not watched.source.fresh(at, now, self.intervals):
            # It spoke, but of a moment too long ago: a frozen payload does not bring a source back.
            return []
        if not again and watched.recorded is not None and now - watched.recorded < EVERY:
            return []
        watched.recorded, watched.lost = now, False
        return [self._freshness(SOURCE_HEARD, watched, reason)]

    def trouble(self, source_id: str, message: str) -> None:
        """What a feed could not do: said with the source's loss, should it come to that, forgotten when it speaks."""
        if source_id in self._watched:
            self._watched[source_id].trouble = message[:500]

    def check(self, at: datetime | None = None) -> list[Entry]:
        """Record each source that is no longer heard as lost, once; returns what was recorded."""
        with self._lock:
            facts = self._losses(at or self.clock.now())
        try:
            return self.store.append(facts) if facts else []
        except TocsinError:
            self._found_again(facts)
            raise

    async def watch(self) -> None:
        """Look after the sources until cancelled: each loss is recorded within a quarter of the shortest interval."""
        while True:
            with self._lock:
                facts = self._losses(self.clock.now())
            if facts:
                try:
                    await asyncio.wrap_future(self.store.post(facts))
                except TocsinError:
                    # A disk that is full for a while must not end the watch: the loss is tried again.
                    _log.exception("a lost source could not be recorded")
                    self._found_again(facts)
            shortest = min((watched.source.interval_s for watched in self._watched.values()), default=20.0)
            await self.clock.sleep(max(0.25, min(shortest / 4, 5.0)))

    def _losses(self, now: datetime) -> list[Fact]:
        facts = []
        for watched in self._watched.values():
            patience = timedelta(seconds=watched.source.interval_s * self.intervals)
            spoke = watched.last is not None and watched.source.fresh(watched.last, now, self.intervals)
            if watched.lost or spoke or (watched.last is None and now - watched.since <= patience):
                continue
            watched.lost = True
            reason = "not heard since the start" if watched.last is None else "silent for too long"
            if watched.trouble:
                reason = f"{reason}: {watched.trouble}"
            facts.append(self._freshness(SOURCE_LOST, watched, reason))
        return facts

    def _found_again(self, facts: Sequence[Fact]) -> None:
        for item in facts:
            self._watched[item.subject].lost = False

    def _freshness(self, kind: str, watched: _Watched, reason: str) -> Fact:
        source = watched.source
        last = watched.last or watched.floor
        return fact(kind, source.id, Heard(last, source.interval_s, source.covers, source.name, reason), source.realm)

    # --- area codes ------------------------------------------------------------------------------------------------

    def uses(self, source_id: str, codes: Iterable[str]) -> list[Entry]:
        """A source speaks of these area codes; those it never used before are recorded as strange.

        The first codes of a source that declares no areas of its own are what it is known by from then on.
        """
        with self._lock:
            watched = self._watched[source_id]
            if watched.areas is None:
                watched.areas = set(watched.source.covers)
                for entry in self.store.about(SOURCE_STRANGE, source_id, 1_000_000):
                    watched.areas.update(entry.read(Strange).codes)
            new = sorted(set(codes) - watched.areas)
            if not new:
                return []
            known = len(watched.areas)
            watched.areas.update(new)
        message = "first codes of this source" if not known else "this source never used these areas before"
        return self.store.append([fact(SOURCE_STRANGE, source_id, Strange(tuple(new), known, message), self.realm)])


def _received(entries: list[Entry]) -> list[Entry]:
    return [entry for entry in entries if entry.kind == REPORT_RECEIVED]

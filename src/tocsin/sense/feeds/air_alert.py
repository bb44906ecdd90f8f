"""Air alerts from a polled service: what is on, compared with what ran, becomes starts and ends.

- **An end needs somebody to say it**: an end time, a region listed as quiet, or its absence from an answer that names
  everything, is newer than the alert and not empty. An error, an empty or an old answer ends nothing; from a service
  whose answers bear no time, the absence has to be there twice in a row (quirks 29, 77, 85).
- **What counts as heard**: the time that the answer itself bears. ``heard = "answer"`` counts each whole answer too,
  for services that give none or only that of the last change. An empty list counts as nothing while alerts run.
- An area that we cannot place may be one that we knew under another name: what went missing when it appeared runs on
  until it is gone too. In 2025 a service moved from oblasts to raions, and alerts seemed to end (F21).
- An answer whose time goes backwards is an old copy: neither its starts nor its ends are believed (quirk 82).
- A start that was recorded before and comes back after its end is a new alert from now on, and never silently dropped.
- When the source spoke and when we heard it are kept apart, so that its delay can be seen (quirk 79).
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from tocsin.clock import Clock
from tocsin.errors import SettingsError, UnknownPlaceError
from tocsin.place.gazetteer import Gazetteer
from tocsin.sense.feeds import Wire, options
from tocsin.sense.feeds.air_answer import AirAnswer, read_answer
from tocsin.sense.feeds.fetch import Fetcher
from tocsin.sense.feeds.polled import Polled, Validators
from tocsin.sense.intake import Intake
from tocsin.sense.running import Key, Running
from tocsin.sense.signal import Signal


class Options(Struct, frozen=True, forbid_unknown_fields=True):
    """What an ``air_alert`` feed can be told.

    ``pack`` names the area pack whose values are the service's numbers; ``empty_ends`` says that an empty answer of
    this service means that nothing is on.
    """

    pack: str = "ua"
    empty_ends: bool = False
    max_bytes: int = 5_000_000
    total_s: float = 0.0


class AirAlertFeed(Polled[Options]):
    """One polled air-alert service."""

    SHORTEST_S, LONGEST_S = 3.0, 20.0

    def __init__(
        self, wire: Wire, clock: Clock, chosen: Options, gazetteer: Gazetteer, fetcher: Fetcher | None = None
    ) -> None:
        super().__init__(wire, clock, chosen, fetcher)
        self.gazetteer = gazetteer
        self.running: Running | None = None
        self._last = Validators()
        self._updated: datetime | None = None
        self._absent: dict[Key, datetime] = {}
        self._said: AirAnswer | None = None
        self._unplaced: set[str] = set()
        self._veiled: dict[Key, set[str]] = {}

    async def once(self, intake: Intake) -> None:
        """One poll. Raises :class:`SourceError` if there is no answer in a known shape."""
        answer = await self.get(self.wire.url, self._last, self.total_s)
        if answer.unchanged:
            if self._said is not None:
                await self.take(intake, self._said, answer.address)
            return
        said = read_answer(answer.content, self.gazetteer, self.options.pack)
        await self.take(intake, said, answer.address)
        self._said = said
        self._last.keep(answer)

    async def take(self, intake: Intake, said: AirAnswer, address: str = "") -> list[Signal]:
        """Report what an answer changes; returns the signals that are new."""
        now = self.clock.now()
        if self.running is None:
            self.running = await asyncio.to_thread(Running.of, self.source.id, intake.store)
        running = self.running
        updated = min(said.updated, now) if said.updated is not None else None
        if updated is not None and self._updated is not None and updated < self._updated:
            intake.trouble(self.source.id, f"an old copy of {updated.isoformat()}")
            return []
        for name in said.unplaced:
            intake.refuse(
                self.source.id, UnknownPlaceError.code, f"no area is known for {name}", name.encode(), address
            )
        ends = self._ends(said, updated, now)
        starts = self._starts(said, now)
        if codes := {signal.area for signal in starts}:
            intake.uses(self.source.id, codes)
        signals = sorted(ends + starts, key=lambda signal: (signal.ended is None, signal.spoken))
        done = await self._report(intake, signals, now, address)
        self._unplaced = set(said.unplaced)
        suspicious = said.empty and not self.options.empty_ends and bool(running.since or updated is None)
        if not suspicious:
            self._updated = updated or self._updated
            await self._hear(intake, said, updated, now)
        return done

    async def _hear(self, intake: Intake, said: AirAnswer, updated: datetime | None, now: datetime) -> None:
        if self.wire.heard == "answer":
            await intake.hear(self.source.id, now)
        elif (at := updated or said.newest) is not None:
            await intake.hear(self.source.id, at)

    async def _report(self, intake: Intake, signals: list[Signal], now: datetime, address: str) -> list[Signal]:
        assert self.running is not None
        reports = [signal.report(self.source.id, now, address) for signal in signals]
        taken = {entry.subject for entry in await intake.take(reports)} if reports else set()
        again = []
        done = []
        for signal, report in zip(signals, reports, strict=True):
            if report.id in taken:
                done.append(signal)
            elif signal.ended is None:
                # The very same start was recorded before, and ended since. It is on again, so it is on since now.
                again.append(msgspec.structs.replace(signal, started=now))
            self.running.apply(signal)
        if again:
            for signal in again:
                self.running.since[(signal.area, signal.hazard)] = now
            await intake.take([signal.report(self.source.id, now, address) for signal in again])
        return done + again

    def _starts(self, said: AirAnswer, now: datetime) -> list[Signal]:
        assert self.running is not None
        signals = []
        for (area, kind), at in said.running().items():
            if (area, kind) not in self.running.since:
                # A start in the future is a clock that runs ahead; it is on now.
                signals.append(Signal(area, min(at, now) if at is not None else now, None, kind))
        return signals

    def _ends(self, said: AirAnswer, updated: datetime | None, now: datetime) -> list[Signal]:
        """The ends that follow from an answer, each with who says so."""
        assert self.running is not None
        on = said.running()
        stated: dict[Key, datetime] = {}
        for over in said.over:
            key = (over.area, over.hazard)
            began = self.running.since.get(key)
            if over.at is not None and began is not None and over.at >= began:
                stated[key] = max(stated.get(key, over.at), over.at)
        signals = []
        for key, began in self.running.since.items():
            if key in on:
                self._absent.pop(key, None)
                self._veiled.pop(key, None)
                continue
            at = stated.get(key)
            if at is None and key[0] in said.quiet:
                changed = said.quiet[key[0]]
                if changed is None or changed >= began:
                    at = changed or now
            if at is None:
                at = self._by_absence(key, began, said, updated, now)
            if at is not None:
                signals.append(Signal(key[0], began, min(max(at, began), now), key[1]))
        for signal in signals:
            self._absent.pop((signal.area, signal.hazard), None)
            self._veiled.pop((signal.area, signal.hazard), None)
        return signals

    def _by_absence(
        self, key: Key, began: datetime, said: AirAnswer, updated: datetime | None, now: datetime
    ) -> datetime | None:
        """When an alert that an answer does not name ended, if the answer can say so."""
        if not said.whole or (said.empty and not self.options.empty_ends):
            return None
        unplaced = set(said.unplaced)
        if self._veiled.setdefault(key, unplaced - self._unplaced) & unplaced:
            return None
        if updated is not None:
            newer = self._updated is None or updated > self._updated
            return updated if newer and updated >= began else None
        first = self._absent.setdefault(key, now)
        return first if first < now else None


def open_feed(wire: Wire, clock: Clock, **given: Any) -> AirAlertFeed:
    """An air-alert feed for one entry of ``feeds.toml``."""
    chosen = options(wire, Options)
    gazetteer = given.get("gazetteer") or Gazetteer.world()
    if not isinstance(gazetteer, Gazetteer):
        raise SettingsError(f"source {wire.id!r}: no gazetteer")
    return AirAlertFeed(wire, clock, chosen, gazetteer, given.get("fetcher"))

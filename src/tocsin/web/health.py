"""Readiness: can this installation warn right now? One sentence for each thing that stands in the way.

- Alive is not ready. ``/healthz`` says that the process answers; ``/readyz`` and ``tocsin doctor`` look at everything
  that a warning needs: the journal is written, what is shown has caught up with it, its chain holds, the sources are
  heard, the key and the policy are usable, there is room on the disk, the clock is sane, heartbeats go out.
- Each ailment has a stable code and says what to do first; none is hidden because another was found (requirement 98).
- Looking costs a write to the disk, so what was found is kept for a few seconds: a probe can be called by anybody.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct

from tocsin.clock import Clock, SystemClock, spell
from tocsin.errors import TocsinError
from tocsin.journal import Entry, Head
from tocsin.sense.source import Source

if TYPE_CHECKING:
    from tocsin.web.house import House

KEEP_SECONDS = 2.0
LEAST_FREE_BYTES = 200_000_000
LEAST_FREE_SHARE = 0.01
SKEW = timedelta(seconds=2)
WRITE_SECONDS = 5.0
MOST_BEHIND = 1000


class Ailment(Struct, frozen=True):
    """One thing that stands in the way of a warning: a stable code, and a sentence that says what to do first."""

    code: str
    sentence: str


class Readiness(Struct, frozen=True):
    """Whether a warning can go out now, and what stands in the way."""

    ready: bool
    at: Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
    realm: str
    faults: tuple[Ailment, ...]
    checked: Annotated[tuple[str, ...], Meta(description="What was looked at, each by its name.")]


class Unready(Struct, frozen=True):
    """A problem document (RFC 9457) that says what stands in the way of a warning."""

    type: str
    title: str
    status: int
    code: str
    ready: bool
    at: Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
    realm: str
    faults: tuple[Ailment, ...]
    checked: tuple[str, ...]


def journal_written(touch: Callable[[datetime], None], at: datetime) -> Iterable[Ailment]:
    """The store takes a write and has it on disk."""
    try:
        touch(at)
    except (TocsinError, OSError, RuntimeError) as wrong:
        yield Ailment(
            "journal.not-written", f"The journal cannot be written: free the disk or repair it ({_short(wrong)})."
        )


def journal_kept_up(behind: int, broken: int | None) -> Iterable[Ailment]:
    """What is shown follows from the newest entries, and the chain holds."""
    if behind > MOST_BEHIND:
        yield Ailment(
            "journal.behind", f"What is shown is {behind:,} entries behind the journal: give it time, or restart."
        )
    if broken is not None:
        yield Ailment(
            "journal.broken",
            f"The journal's chain breaks at entry {broken}: run tocsin journal verify, restore a backup.",
        )


def sources_heard(
    sources: Mapping[str, Source], last_heard: Callable[[str], datetime | None], at: datetime, intervals: float
) -> Iterable[Ailment]:
    """Every source that covers an area is heard; there is at least one that can say anything."""
    if not sources:
        yield Ailment("sources.none", "No source is configured, so nothing can be heard: name one in feeds.toml.")
    for source in sources.values():
        if not source.covers:
            continue
        heard = last_heard(source.id)
        if heard is None:
            yield Ailment("source.never-heard", f"{source.name} has not been heard yet: its areas are unknown.")
        elif not source.fresh(heard, at, intervals):
            yield Ailment(
                "source.lost",
                f"{source.name} was last heard at {spell(heard)}: its areas are unknown; check its address.",
            )


def key_usable(sign: Callable[[bytes], bytes], ends: datetime | None, at: datetime) -> Iterable[Ailment]:
    """The realm's key signs, and goes on doing so (F10: warn at 60, 30, 7 and 1 days)."""
    try:
        if not sign(b"tocsin readiness"):
            yield Ailment("key.unusable", "The realm's key signs nothing: restore it from the backup.")
    except Exception as wrong:
        yield Ailment("key.unusable", f"The realm's key cannot be used: restore it from the backup ({_short(wrong)}).")
    if ends is not None and ends <= at:
        yield Ailment("key.ended", f"The realm's key ended at {spell(ends)}: put the next one in its place.")
    elif ends is not None and ends - at <= timedelta(days=60):
        yield Ailment("key.ending", f"The realm's key ends in {(ends - at).days} days: prepare the next one.")


def disk_free(
    folder: Path | None, usage: Callable[[Path], tuple[int, int, int]] = shutil.disk_usage
) -> Iterable[Ailment]:
    """There is room to write for days, not for minutes."""
    if folder is None:
        return
    try:
        total, _, free = usage(folder)
    except OSError as wrong:
        yield Ailment("disk.unreadable", f"The data folder cannot be looked at ({_short(wrong)}).")
        return
    if free < LEAST_FREE_BYTES or free < total * LEAST_FREE_SHARE:
        yield Ailment("disk.full", f"Only {free // 1_000_000:,} MB are free beside the data: make room.")


def holds(name: str, call: Callable[[], object]) -> Callable[[datetime], Iterable[Ailment]]:
    """A check for :attr:`House.checks` that ``call`` raises no error of ours, such as reading the policy anew."""

    def check(at: datetime) -> Iterable[Ailment]:
        try:
            call()
        except TocsinError as wrong:
            yield Ailment(wrong.code, str(wrong))

    check.__name__ = name
    return check


class ClockWatch:
    """Whether the machine's clock goes like a clock: it was not put on or back, and is not behind the journal."""

    def __init__(self, clock: Clock, steady: Callable[[], float] = time.monotonic) -> None:
        self.clock, self.steady = clock, steady
        self._began, self._at = steady(), clock.now()

    def look(self, newest: datetime | None) -> Iterable[Ailment]:
        """What is wrong with the clock, given the moment of the newest entry."""
        now = self.clock.now()
        if newest is not None and newest - now > SKEW:
            yield Ailment(
                "clock.behind",
                f"The clock says {spell(now)}, but the journal was already at {spell(newest)}: set it right.",
            )
        if not isinstance(self.clock, SystemClock):
            return
        drift = (now - self._at) - timedelta(seconds=self.steady() - self._began)
        if abs(drift) > SKEW:
            seconds = drift.total_seconds()
            yield Ailment(
                "clock.jumped", f"The clock was moved by {seconds:+.1f} s while running: check time synchronisation."
            )
            # Told until a minute after, and not for ever: a clock that was set right is right.
            if self.steady() - self._began > 60:
                self._began, self._at = self.steady(), now


class Doctor:
    """Looks at one house; what was found is kept for :data:`KEEP_SECONDS`."""

    def __init__(self, house: House, steady: Callable[[], float] = time.monotonic) -> None:
        self.house, self.steady = house, steady
        self.clock = ClockWatch(house.clock, steady)
        self._found: tuple[float, Readiness] | None = None
        self._looking = asyncio.Lock()

    async def ready(self) -> Readiness:
        """Whether the house can warn now."""
        async with self._looking:
            if self._found is not None and self.steady() - self._found[0] < KEEP_SECONDS:
                return self._found[1]
            at = self.house.now()
            try:
                async with asyncio.timeout(WRITE_SECONDS):
                    written = await asyncio.to_thread(lambda: tuple(journal_written(self.house.answers.touch, at)))
            except TimeoutError:
                written = (Ailment("journal.slow", f"The disk took more than {WRITE_SECONDS:.0f} s for one write."),)
            found = self.look(at, written)
            self._found = (self.steady(), found)
            return found

    def look(self, at: datetime, written: Iterable[Ailment]) -> Readiness:
        """Everything but the write, which waits for the disk and is done aside."""
        house = self.house
        faults = list(written)
        checked = ["journal", "chain", "sources", "key", "disk", "clock"]
        faults += journal_kept_up(house.behind(), house.broken)
        faults += sources_heard(house.sources, house.last_heard, at, house.settings.stale_after_intervals)
        faults += key_usable(house.keys.sign, getattr(house.keys, "ends", None), at)
        faults += disk_free(house.data)
        faults += self.clock.look(_newest(house))
        if house.hub is not None:
            checked.append("stream")
            if getattr(house.hub, "closed", False):
                faults.append(Ailment("stream.closed", "The stream takes no listeners: restart."))
        for check in house.checks:
            checked.append(getattr(check, "__name__", "check").strip("_").replace("_", "-"))
            try:
                faults += check(at)
            except Exception as wrong:
                # A check that breaks is not a check that passed.
                faults.append(Ailment("check.broken", f"A check could not be made ({_short(wrong)})."))
        return Readiness(
            not faults, spell(at.replace(microsecond=0)), house.settings.realm, tuple(faults), tuple(checked)
        )


def _newest(house: House) -> datetime | None:
    head: Head = house.store.head()
    if head.seq == 0:
        return None
    entries: list[Entry] = house.store.read(head.seq - 1, 1)
    return entries[0].at if entries else None


def _short(wrong: Exception) -> str:
    return " ".join(str(wrong).split())[:160] or type(wrong).__name__

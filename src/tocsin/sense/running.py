"""Running: which alerts of one source have started and not ended, by what it said so far.

- It is read from the journal at a start, so that a restart makes no alert look new (quirk 87) and an alert that ended
  while we were down is ended as soon as the source says so.
- An area has one running alert per hazard, however many entries of the source speak of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from tocsin.journal import Entry
from tocsin.sense.report import REPORT_RECEIVED, SIGNAL_JSON, Report
from tocsin.sense.signal import Signal

Key = tuple[str, str]  # area, hazard


class Readable(Protocol):
    """The part of a journal that is needed here."""

    def read(self, after: int, limit: int = 1000, kinds: Sequence[str] | None = None) -> list[Entry]: ...


class Running:
    """The running alerts of ``source``: area and hazard to the moment of their start."""

    def __init__(self, source: str, signals: Iterable[Signal] = ()) -> None:
        self.source = source
        self.since: dict[Key, datetime] = {}
        for signal in signals:
            self.apply(signal)

    @classmethod
    def of(cls, source: str, journal: Readable) -> Running:
        """What runs by the reports that are in the journal."""
        running, after = cls(source), 0
        while entries := journal.read(after, 2000, (REPORT_RECEIVED,)):
            after = entries[-1].seq
            for entry in entries:
                report = entry.read(Report)
                if report.source == source and report.media_type == SIGNAL_JSON:
                    running.apply(msgspec.json.decode(report.content, type=Signal))
        return running

    def apply(self, signal: Signal) -> None:
        """What this signal changes. An end of an alert that began after it ends nothing."""
        key = (signal.area, signal.hazard)
        began = self.since.get(key)
        if signal.ended is None:
            if began is None:
                self.since[key] = signal.started
        elif began is not None and began <= signal.ended:
            del self.since[key]

"""Fatigue: how often a place was warned lately, how often that concerned it, and how often it was a false alarm.

- An event counts once, with the widest area it ever had; exercises do not count.
- Kharkiv 2024: of 2113 signals only 455 concerned the city (22 %). Who is warned for others stops listening, so whoever
  warns sees this line before it leaves (practice.md finding 4, req. 46).
- Only what was published counts: it is a reading of the journal and asks nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from statistics import median

from msgspec import Struct

from tocsin.cap.limits import TRUSTED
from tocsin.cap.phase import Phase
from tocsin.cap.xml import read
from tocsin.journal import Entry
from tocsin.place.gazetteer import Gazetteer
from tocsin.recent import Recent
from tocsin.remark import Remark, remark
from tocsin.warn.draft import Where
from tocsin.warn.extent import codes_under
from tocsin.warn.publish import ALERT_PUBLISHED, WARNS, Published

WEEK = timedelta(days=7)
KEPT = 5_000
COMPARED = 200


class Fatigue(Struct, frozen=True):
    """The last seven days of a place: ``alerts`` there, how many ``concerned`` it and no wider area, how many ``false``."""

    alerts: int
    concerned: int
    false: int
    days: int = 7

    @property
    def said(self) -> Remark:
        """One sentence: what this warning adds to."""
        if not self.alerts:
            return remark("fatigue.first", "First alert here in {days} days.", days=self.days)
        share = round(100 * self.concerned / self.alerts)
        line = remark(
            "fatigue.again",
            "Alert {number} here in {days} days; {share} % of those before concerned this place.",
            number=self.alerts + 1,
            days=self.days,
            share=share,
        )
        if not self.false:
            return line
        return remark("fatigue.false", "{line} False alarms among them: {count}.", line=line, count=self.false)

    @property
    def line(self) -> str:
        """The sentence in English."""
        return str(self.said)


class _Event(Struct):
    """What is kept of one event."""

    at: datetime
    areas: tuple[str, ...]
    where: Where
    false: bool = False


class Tally:
    """Every event that warned, as the journal tells it; at most the newest :data:`KEPT`."""

    def __init__(self, gazetteer: Gazetteer, realm: str) -> None:
        self._gazetteer, self._realm = gazetteer, realm
        self._events: Recent[str, _Event] = Recent(KEPT)

    def apply(self, entry: Entry) -> None:
        """Take in one entry of the journal."""
        if entry.kind != ALERT_PUBLISHED or entry.realm != self._realm:
            return
        done = entry.read(Published)
        known = self._events.get(done.event_id)
        phase = Phase(done.phase)
        if phase is Phase.RETRACTED:
            if known is not None:
                known.false = True
            return
        if phase not in WARNS:
            return
        where = Where(codes=done.areas) if done.areas else _drawn(done)
        areas = codes_under(where, self._gazetteer)
        if known is None:
            self._events[done.event_id] = _Event(done.sent, areas, where)
        else:
            known.areas = tuple(sorted({*known.areas, *areas}))

    def fatigue(self, where: Where, at: datetime) -> Fatigue:
        """What the places of ``where`` have been through in the seven days before ``at``."""
        wanted = codes_under(where, self._gazetteer)
        near = self._gazetteer.relation
        alerts = concerned = false = 0
        for event in self._events.values():
            if not at - WEEK <= event.at <= at:
                continue
            relations = {near(code, place) for code in event.areas for place in wanted} - {None}
            if relations:
                alerts += 1
                concerned += bool(relations & {"same", "part"})
                false += event.false
        return Fatigue(alerts, concerned, false)

    def usual(self, people: Callable[[Where], int | None]) -> float | None:
        """The median of how many people an alert before has warned; None before there are three to compare with."""
        newest = list(self._events.values())[-COMPARED:]
        counted = [count for event in newest if (count := people(event.where)) is not None]
        return median(counted) if len(counted) >= 3 else None


def _drawn(done: Published) -> Where:
    """The area of an alert that only draws, from its message."""
    reading = read(done.cap.encode(), limits=TRUSTED)
    areas = [area for alert in reading.alerts for info in alert.infos[:1] for area in info.areas]
    return Where(
        polygons=tuple(ring.text for area in areas for ring in area.polygons),
        circles=tuple(circle.text for area in areas for circle in area.circles),
    )

"""A story: an incident with its reports as read, who told each of them, and the official voices beside them.

- Every report keeps its own words, its outlet, its language and its times; a revised one names those it replaced.
- An official alert is no report: it stands beside them with its own time and its own words.
- Its JSON has the keys of ``tocsin brief --json``, so that a program reads files and the night itself alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct

from tocsin.assess.brief import area_code, as_json
from tocsin.assess.extract import Reading, Source, extract
from tocsin.assess.incident import Incident
from tocsin.assess.ruling import Ruling
from tocsin.sense.news import News
from tocsin.sense.report import Report


class Official(Struct, frozen=True):
    """An official alert as a voice beside the reports: its own words in each language, and when they were said."""

    identifier: str
    event_id: str
    at: datetime
    source: str
    phase: str
    areas: tuple[str, ...]
    headline: Mapping[str, str] = {}


class Telling(Struct, frozen=True):
    """One report of an incident: who told it, where and when. ``versions`` are the ids of those it replaced.

    ``licence`` says what of its text may be kept and shown; empty where there is no bound.
    """

    report: str
    source: str
    outlet: str
    url: str
    headline: str
    language: str
    published: datetime
    received: datetime
    versions: tuple[str, ...] = ()
    excerpt: bool = False
    licence: str = ""


class Story(Struct, frozen=True):
    """An incident with its reports as read, who told them, and the official voices.

    ``seq`` is the entry it rests on; ``places`` are the area codes that it is about, first the one named most.
    """

    id: str
    seq: int
    changed: datetime
    incident: Incident
    readings: tuple[Reading, ...]
    tellings: tuple[Telling, ...]
    places: tuple[str, ...]
    officials: tuple[Official, ...] = ()
    rulings: tuple[Ruling, ...] = ()

    def telling(self, report: str) -> Telling:
        """Who told a report."""
        return next(one for one in self.tellings if one.report == report)

    def reading(self, report: str) -> Reading:
        """A report as read."""
        return next(one for one in self.readings if one.source.report == report)


def places_of(incident: Incident) -> tuple[str, ...]:
    """The area codes that an incident is about, first the one named most.

    A country is what it is about where none of its regions is named, or where people there are told to act.
    """
    codes = tuple(dict.fromkeys(area_code(code, name) for code, name in incident.places))
    if incident.actions:
        return codes
    parted = {code.partition("-")[0] for code in codes if "-" in code}
    return tuple(code for code in codes if code not in parted)


def taken_in(report: Report, seq: int) -> tuple[Reading, Telling] | None:
    """A report of news as read, and who told it; None where it is none."""
    try:
        news = msgspec.json.decode(report.content, type=News)
    except msgspec.DecodeError:
        return None
    published = news.published or report.received
    if published > report.received + timedelta(days=1):
        published = report.received  # an outlet's clock that runs ahead makes no news of tomorrow
    known = Source(report.id, published.date(), news.language, news.outlet, news.url, news.headline, order=seq)
    reading = extract(news.text, known)
    telling = Telling(
        report.id, report.source, news.outlet, news.url, news.headline, reading.language, published,
        report.received, (), news.excerpt, news.licence,
    )  # fmt: skip
    return reading, telling


def name_of(report: str) -> str:
    """What an incident is called after its first report."""
    return f"incident-{report[:16]}"


def told(story: Story) -> dict[str, Any]:
    """A story in the keys of ``tocsin brief --json``, with who told each report and the official voices."""
    made = as_json(story.readings, [story.incident])
    body: dict[str, Any] = made["incidents"][0]
    body["changed"] = story.changed
    body["sources"] = [
        {
            "report": one.report, "source": one.source, "outlet": one.outlet, "url": one.url, "headline": one.headline,
            "language": one.language, "published": one.published, "received": one.received,
            "versions": list(one.versions), "excerpt": one.excerpt, "licence": one.licence,
        }
        for one in story.tellings
    ]  # fmt: skip
    body["official"] = [
        {
            "identifier": one.identifier, "event_id": one.event_id, "at": one.at, "source": one.source,
            "phase": one.phase, "areas": list(one.areas), "headline": dict(one.headline),
        }
        for one in story.officials
    ]  # fmt: skip
    return body

"""The newsroom: follows the reports of the journal and keeps the incidents that they are about.

- Pure: entries go in, stories come out; what is shown is a snapshot that another thread may read at any time.
- An editor's merge or split (``incident:merged``, ``incident:split``) is final and follows the report to its versions.
- A new version of an article takes the place of the one before it, so nobody agrees with himself; the chain is kept.
- An official alert about the same place and time stands beside the reports as a voice of its own, with its time.
- Memory is bounded by days and by number; an incident is called after its first report, so it is called the same
  after a restart and after a merge.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct

from tocsin.assess.brief import area_code, as_json
from tocsin.assess.extract import Reading, Source, extract
from tocsin.assess.incident import Incident, build
from tocsin.assess.match import Matcher
from tocsin.journal import Entry
from tocsin.place.gazetteer import Gazetteer
from tocsin.sense.news import News
from tocsin.sense.report import NEWS_JSON, REPORT_RECEIVED, Report

INCIDENT_MERGED = "incident:merged"
INCIDENT_SPLIT = "incident:split"

NEAR = timedelta(hours=12)
"""An official alert belongs to an incident when it came at most so long before its first or after its last report."""
VOICES = 20
COMPARED = 200
"""So many claims of one incident are compared with each other: a hot one is built anew with each report."""
RECENT = 300
"""So many of the newest incidents are asked where they are: a page is rendered every second on the night itself."""
OFFICIALS = 2_000


class Merged(Struct, frozen=True):
    """The body of ``incident:merged``: a person says that two incidents are one. Both are named by their ids."""

    one: str
    other: str
    by: str = ""


class Split(Struct, frozen=True):
    """The body of ``incident:split``: a person says that a report is about something else than its incident."""

    report: str
    by: str = ""


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
    """One report of an incident: who told it, where and when. ``versions`` are the ids of those it replaced."""

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


class Newsroom:
    """The incidents of the last ``days``, of at most ``most`` reports. One thread applies, any may ask."""

    def __init__(self, gazetteer: Gazetteer, *, days: int = 10, most: int = 4_000) -> None:
        self.gazetteer, self.days, self.most = gazetteer, days, most
        self.matcher = Matcher(days)
        self._readings: OrderedDict[str, Reading] = OrderedDict()
        self._tellings: dict[str, Telling] = {}
        self._seqs: dict[str, tuple[int, datetime]] = {}
        self._now_at: dict[tuple[str, str], str] = {}  # the version that stands at a source's address
        self._named: dict[str, str] = {}  # an incident's id to the report that it is called after, as it is now
        self._officials: OrderedDict[str, Official] = OrderedDict()
        self._built: dict[tuple[str, ...], Incident] = {}
        self._stories: tuple[Story, ...] = ()
        self._dirty = False
        self._added = 0
        self.seq = 0

    KINDS = (REPORT_RECEIVED, INCIDENT_MERGED, INCIDENT_SPLIT)

    # --- what comes in ---------------------------------------------------------------------------------------------

    def apply(self, entry: Entry) -> None:
        """Take in one entry; what is no news and no decision about incidents is passed over."""
        if entry.kind == REPORT_RECEIVED:
            report = entry.read(Report)
            if report.media_type == NEWS_JSON:
                self._report(report, entry)
        elif entry.kind == INCIDENT_MERGED:
            self._merge(entry.read(Merged), entry)
        elif entry.kind == INCIDENT_SPLIT:
            self._split(entry.read(Split), entry)
        self.seq = max(self.seq, entry.seq)

    def hear(self, official: Official) -> None:
        """An official alert was published; its latest version stands for its event."""
        self._officials[official.identifier] = official
        while len(self._officials) > OFFICIALS:
            self._officials.popitem(last=False)

    def _report(self, report: Report, entry: Entry) -> None:
        try:
            news = msgspec.json.decode(report.content, type=News)
        except msgspec.DecodeError:
            return
        published = news.published or report.received
        if published > report.received + timedelta(days=1):
            published = report.received  # an outlet's clock that runs ahead makes no news of tomorrow
        known = Source(
            report.id, published.date(), news.language, news.outlet, news.url, news.headline, order=entry.seq
        )
        if report.id in self._readings:
            return
        reading = extract(news.text, known)
        place = (report.source, news.url)
        before = self._now_at.get(place) if news.url else None
        versions: tuple[str, ...] = ()
        if before is not None and before in self._readings:
            versions = (*self._tellings[before].versions, before)
            number = self.matcher.supersede(before, reading)
            for name, named in self._named.items():
                if named == before:
                    self._named[name] = report.id
            del self._readings[before], self._tellings[before], self._seqs[before]
        else:
            number = self.matcher.add(reading)
            self._named[name_of(report.id)] = report.id
        self._readings[report.id] = reading
        self._tellings[report.id] = Telling(
            report.id, report.source, news.outlet, news.url, news.headline, reading.language, published,
            report.received, versions, news.excerpt,
        )  # fmt: skip
        self._seqs[report.id] = (entry.seq, entry.at)
        if news.url:
            self._now_at[place] = report.id
        # At each report and not at each look, so that the same journal always makes the same incidents.
        self.matcher.settle((number,))
        self._added += 1
        self._forget(report.received)
        self._dirty = True

    def _forget(self, now: datetime) -> None:
        """Let go of what is too old, and of the oldest where there is too much."""
        old: list[str] = []
        if self._added % 64 == 0:
            floor = now - timedelta(days=self.days)
            old = [report for report, telling in self._tellings.items() if telling.received < floor]
        gone = set(old)
        if (over := len(self._readings) - len(gone) - self.most) > 0:
            gone.update([report for report in self._readings if report not in gone][:over])
        if not gone:
            return
        self.matcher.drop(gone)
        for report in gone:
            del self._readings[report], self._tellings[report], self._seqs[report]
        self._now_at = {place: report for place, report in self._now_at.items() if report not in gone}
        self._named = {name: report for name, report in self._named.items() if report not in gone}

    def _merge(self, said: Merged, entry: Entry) -> None:
        one, other = self._number(said.one), self._number(said.other)
        if one is None or other is None or one == other:
            return
        self._touch(one, entry)
        self.matcher.unite(min(one, other), max(one, other))
        self._dirty = True

    def _split(self, said: Split, entry: Entry) -> None:
        if said.report not in self.matcher.incident_of:
            return
        self._touch(self.matcher.incident_of[said.report], entry)
        self.matcher.split(said.report)
        self._seqs[said.report] = (entry.seq, entry.at)
        self._dirty = True

    def _touch(self, number: int, entry: Entry) -> None:
        self._seqs[self.matcher.incidents[number][0]] = (entry.seq, entry.at)

    def _number(self, name: str) -> int | None:
        report = self._named.get(name)
        return self.matcher.incident_of.get(report) if report is not None else None

    # --- what goes out ---------------------------------------------------------------------------------------------

    def refresh(self) -> bool:
        """Make the snapshot anew after entries were applied; False when nothing changed."""
        if not self._dirty:
            return False
        self._dirty = False
        made, built = [], {}
        rank = {name: place for place, name in enumerate(self._named)}
        first = {report: name for name, report in reversed(self._named.items())}
        for reports in self.matcher.incidents.values():
            ordered = tuple(sorted(reports, key=lambda one: (self._tellings[one].received, one)))
            incident = self._built.get(ordered)
            readings = tuple(self._readings[one] for one in ordered)
            if incident is None:
                incident = build(0, readings, COMPARED)
            built[ordered] = incident
            named = min((first[one] for one in ordered), key=rank.__getitem__)
            seq, changed = max(self._seqs[one] for one in ordered)
            tellings = tuple(self._tellings[one] for one in ordered)
            named_so = msgspec.structs.replace(incident, id=named)
            made.append(Story(named, seq, changed, named_so, readings, tellings, places_of(incident)))
        self._built = built
        self._stories = tuple(sorted(made, key=lambda story: -story.seq))
        return True

    def incidents(self) -> tuple[Story, ...]:
        """Every incident, first the one that changed last."""
        return self._stories

    def incident(self, name: str) -> Story | None:
        """The incident that is, or once was, called ``name``."""
        report = self._named.get(name)
        found = next((s for s in self._stories if any(t.report == report for t in s.tellings)), None)
        return msgspec.structs.replace(found, officials=self._voices(found)) if found is not None else None

    def touching(self, code: str) -> tuple[Story, ...]:
        """The newest incidents whose places are this place, contain it or lie in it."""
        return tuple(
            story
            for story in self._stories[:RECENT]
            if self._concerns(story.places, code, ("same", "contains", "part"))
        )

    def _concerns(self, codes: Iterable[str], place: str, how: tuple[str, ...]) -> bool:
        return any(code in self.gazetteer and self.gazetteer.relation(code, place) in how for code in codes)

    def _voices(self, story: Story) -> tuple[Official, ...]:
        """The official alerts for one of the story's places while it was told. A whole country has none of its parts'."""
        first = min(one.received for one in story.tellings) - NEAR
        last = max(one.received for one in story.tellings) + NEAR
        places = [code for code in story.places if code in self.gazetteer]
        found = [
            one
            for one in tuple(self._officials.values())
            if first <= one.at <= last
            and any(self._concerns(one.areas, place, ("same", "contains")) for place in places)
        ]
        return tuple(sorted(found, key=lambda one: one.at)[-VOICES:])


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
            "versions": list(one.versions), "excerpt": one.excerpt,
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

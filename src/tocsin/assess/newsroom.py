"""The newsroom: follows the reports of the journal and keeps the incidents that they are about.

- Pure: entries go in, stories come out; what is shown is a snapshot that another thread may read at any time.
- An editor's ruling (merge, split, correction) is final and follows the report to its versions; the opposite undoes it.
- A new version of an article takes the place of the one before it, so nobody agrees with himself; the chain is kept.
- What was known at any moment is told again from what the journal held then (:meth:`Newsroom.as_of`), never from memory
  of how it looked.
- An official alert about the same place and time stands beside the reports as a voice of its own, with its time.
- Memory is bounded by days and by number; an incident is called after its first report, so it is called the same
  after a restart and after a merge.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from tocsin.assess.extract import Reading
from tocsin.assess.incident import Incident, build
from tocsin.assess.match import Matcher
from tocsin.assess.model import Likeness, Model
from tocsin.assess.ruling import (
    INCIDENT_CORRECTED,
    INCIDENT_MERGED,
    INCIDENT_SPLIT,
    RULINGS,
    Corrected,
    Merged,
    Ruling,
    Split,
    corrected,
    moved,
)
from tocsin.assess.story import Official, Story, Telling, name_of, places_of, taken_in
from tocsin.journal import Entry
from tocsin.place.gazetteer import Gazetteer
from tocsin.recent import Recent
from tocsin.sense.report import NEWS_JSON, REPORT_RECEIVED, Report

NEAR = timedelta(hours=12)
"""An official alert belongs to an incident when it came at most so long before its first or after its last report."""
VOICES = 20
COMPARED = 200
"""So many claims of one incident are compared with each other: a hot one is built anew with each report."""
RECENT = 300
"""So many of the newest incidents are asked where they are: a page is rendered every second on the night itself."""
OFFICIALS = 2_000
STEPS = 20_000
SUGGESTED = 500
RETOLD = 128
"""So many stories of earlier moments are kept: whoever asks for one asks for it again."""

Find = Callable[[str], Report | None]
"""A report by its id, out of the journal."""


class Step(Struct, frozen=True):
    """From the entry ``seq`` on these reports were one incident. ``names`` are what it may be called, by report."""

    seq: int
    at: datetime
    names: tuple[str, ...]
    reports: tuple[str, ...]


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
        self._name: dict[str, str] = {}  # the other way round
        self._born: dict[str, int] = {}  # the entry with which an id began
        self._chains: dict[str, list[tuple[int, datetime, str]]] = {}  # by id: the versions of its report
        self._then: dict[tuple[int, str, int], Story] = {}
        self._officials: Recent[str, tuple[Official, int, datetime]] = Recent(OFFICIALS)
        self._corrections: list[tuple[int, datetime, Corrected]] = []
        self._rulings: list[tuple[Ruling, frozenset[str]]] = []
        self._history: deque[Step] = deque(maxlen=STEPS)
        self._built: dict[tuple[tuple[str, ...], int], Incident] = {}
        self._stories: tuple[Story, ...] = ()
        self._alike: dict[str, tuple[str, ...]] = {}
        self._dirty = False
        self._added = 0
        self.seq = self.shown = 0

    KINDS = (REPORT_RECEIVED, *RULINGS)

    def advised_by(self, model: Model) -> None:
        """Let a model put in order which incidents a person is asked about."""
        self.matcher.liken = Likeness(model, self._readings.get)

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
        elif entry.kind == INCIDENT_CORRECTED:
            self._correct(entry.read(Corrected), entry)
        self.seq = max(self.seq, entry.seq)

    def hear(self, official: Official, entry: Entry | None = None) -> None:
        """An official alert was published with ``entry``; its latest version stands for its event."""
        seq, at = (entry.seq, entry.at) if entry is not None else (0, official.at)
        self._officials[official.identifier] = (official, seq, at)

    def _report(self, report: Report, entry: Entry) -> None:
        if report.id in self._readings:
            return
        taken = taken_in(report, entry.seq)
        if taken is None:
            return
        reading, telling = taken
        place = (report.source, telling.url)
        before = self._now_at.get(place) if telling.url else None
        if before is not None and before in self._readings:
            older = (*self._tellings[before].versions, before)
            telling = replace(telling, versions=tuple(one for one in older if one != report.id))
            number = self.matcher.supersede(before, reading)
            self._named[self._name[before]] = report.id
            self._name[report.id] = self._name.pop(before)
            self._follow(self._readings[before], reading, entry)
            del self._readings[before], self._tellings[before], self._seqs[before]
        else:
            number = self.matcher.add(reading)
            name = name_of(report.id)
            self._named[name], self._name[report.id] = report.id, name
            self._born[name] = entry.seq
        self._chains.setdefault(self._name[report.id], []).append((entry.seq, entry.at, report.id))
        self._readings[report.id] = reading
        self._tellings[report.id] = telling
        self._seqs[report.id] = (entry.seq, entry.at)
        if telling.url:
            self._now_at[place] = report.id
        # At each report and not at each look, so that the same journal always makes the same incidents.
        self.matcher.settle((number,))
        self._added += 1
        self._forget(report.received)
        if report.id in self.matcher.incident_of:
            self._step(report.id, entry)
        self._dirty = True

    def _follow(self, old: Reading, new: Reading, entry: Entry) -> None:
        """What an editor said of the old version's claims holds for the same words in the new one."""
        for _, _, said in tuple(self._corrections):
            if said.claim.report == old.source.report and (again := moved(said, old, new)) is not None:
                self._corrections.append((entry.seq, entry.at, again))

    def _step(self, report: str, entry: Entry) -> None:
        """Note which reports are one incident with ``report`` from now on."""
        reports = tuple(self.matcher.incidents[self.matcher.incident_of[report]])
        self._history.append(Step(entry.seq, entry.at, tuple(self._name[one] for one in reports), reports))

    def _forget(self, now: datetime) -> None:
        """Let go of what is too old, and of the oldest where there is too much."""
        old: list[str] = []
        floor = now - timedelta(days=self.days)
        if self._added % 64 == 0:
            old = [report for report, telling in self._tellings.items() if telling.received < floor]
            while self._history and self._history[0].at < floor:
                self._history.popleft()
            self._corrections = [one for one in self._corrections if one[1] >= floor]
            self._rulings = [one for one in self._rulings if one[0].at >= floor]
        gone = set(old)
        if (over := len(self._readings) - len(gone) - self.most) > 0:
            gone.update([report for report in self._readings if report not in gone][:over])
        if not gone:
            return
        self.matcher.drop(gone)
        for report in gone:
            del self._readings[report], self._tellings[report], self._seqs[report]
            name = self._name.pop(report)
            del self._named[name], self._born[name], self._chains[name]
        self._now_at = {place: report for place, report in self._now_at.items() if report not in gone}

    # --- what an editor decides ------------------------------------------------------------------------------------

    def _merge(self, said: Merged, entry: Entry) -> None:
        one, other = self._number(said.one), self._number(said.other)
        if one is None or other is None or one == other:
            return
        self._touch(one, entry)
        joined = tuple(self.matcher.incidents[other])
        self.matcher.unite(min(one, other), max(one, other))
        self._rule(Ruling(entry.seq, entry.at, entry.kind, said.by, said.reason, joined), joined[0])
        self._step(joined[0], entry)
        self._dirty = True

    def _split(self, said: Split, entry: Entry) -> None:
        out = [report for report in said.reports if report in self.matcher.incident_of]
        if not out:
            return
        stay = [r for r in self.matcher.incidents[self.matcher.incident_of[out[0]]] if r not in out]
        self._touch(self.matcher.incident_of[out[0]], entry)
        self._rule(Ruling(entry.seq, entry.at, entry.kind, said.by, said.reason, tuple(out)), out[0])
        for report in out:
            self.matcher.split(report)
            self._seqs[report] = (entry.seq, entry.at)
        for report in out[1:]:
            # They were taken out one by one, and belong together all the same.
            one, other = self.matcher.incident_of[out[0]], self.matcher.incident_of[report]
            if one != other:
                self.matcher.unite(min(one, other), max(one, other))
        for report in (out[0], *stay[:1]):
            self._step(report, entry)
        self._dirty = True

    def _correct(self, said: Corrected, entry: Entry) -> None:
        report = said.claim.report
        if report not in self._readings:
            return
        at = (said.claim.start, said.claim.end)
        claim = next((c for c in self._reading(report).claims if (c.span.start, c.span.end) == at), None)
        if claim is None:
            return
        self._corrections.append((entry.seq, entry.at, said))
        after = said.speaker if said.speaker is not None else ", ".join(said.places or ())
        before = claim.speaker.name or "" if said.speaker is not None else ", ".join(claim.places)
        ruling = Ruling(entry.seq, entry.at, entry.kind, said.by, said.reason, (report,), said.claim, before, after)
        self._rule(ruling, report)
        self._seqs[report] = (entry.seq, entry.at)
        self._step(report, entry)
        self._dirty = True

    def _rule(self, ruling: Ruling, report: str) -> None:
        reports = self.matcher.incidents[self.matcher.incident_of[report]]
        self._rulings.append((ruling, frozenset(self._name[one] for one in reports)))

    def _touch(self, number: int, entry: Entry) -> None:
        self._seqs[self.matcher.incidents[number][0]] = (entry.seq, entry.at)

    def _number(self, name: str) -> int | None:
        report = self._named.get(name)
        return self.matcher.incident_of.get(report) if report is not None else None

    def _reading(self, report: str) -> Reading:
        return corrected(self._readings[report], [said for _, _, said in self._corrections])

    # --- what goes out ---------------------------------------------------------------------------------------------

    def refresh(self) -> bool:
        """Make the snapshot anew after entries were applied; False when nothing changed."""
        seq = self.seq
        if not self._dirty:
            self.shown = seq
            return False
        self._dirty = False
        made: list[Story] = []
        built: dict[tuple[tuple[str, ...], int], Incident] = {}
        said = [one for _, _, one in self._corrections]
        for reports in self.matcher.incidents.values():
            ordered = tuple(sorted(reports, key=lambda one: (self._tellings[one].received, one)))
            key = (ordered, sum(one.claim.report in reports for one in said))
            readings = tuple(corrected(self._readings[one], said) for one in ordered)
            incident = self._built.get(key) or build(0, readings, COMPARED)
            built[key] = incident
            seq, changed = max(self._seqs[one] for one in ordered)
            tellings = tuple(self._tellings[one] for one in ordered)
            names = frozenset(self._name[one] for one in ordered)
            rulings = tuple(ruling for ruling, about in self._rulings if about & names)
            made.append(self._story(names, seq, changed, incident, readings, tellings, rulings, said))
        self._built = built
        self._stories = tuple(sorted(made, key=lambda story: -story.seq))
        self._alike = self._suggestions()
        self.shown = seq
        return True

    def _story(
        self,
        names: Iterable[str],
        seq: int,
        changed: datetime,
        incident: Incident,
        readings: tuple[Reading, ...],
        tellings: tuple[Telling, ...],
        rulings: tuple[Ruling, ...],
        said: Sequence[Corrected],
    ) -> Story:
        named = min(names, key=lambda name: (self._born.get(name, 0), name))
        reports = {one.report for one in tellings}
        ruled = [code for one in said if one.places and one.claim.report in reports for code in one.places]
        places = tuple(dict.fromkeys((*ruled, *places_of(incident))))
        return Story(named, seq, changed, replace(incident, id=named), readings, tellings, places, (), rulings)

    def _suggestions(self) -> dict[str, tuple[str, ...]]:
        """Incidents that may be one, by report: what the matcher would not decide by itself, and no editor has."""
        found: dict[str, tuple[str, ...]] = {}
        for report, number, _ in self.matcher.suggestions[-SUGGESTED:]:
            mine, theirs = self.matcher.incident_of.get(report), self.matcher.incidents.get(number)
            if mine is None or theirs is None or mine == number:
                continue
            if any(frozenset((a, b)) in self.matcher.parted for a in self.matcher.incidents[mine] for b in theirs):
                continue
            found[report] = (*found.get(report, ()), theirs[0])
            found[theirs[0]] = (*found.get(theirs[0], ()), report)
        return found

    def incidents(self) -> tuple[Story, ...]:
        """Every incident, first the one that changed last."""
        return self._stories

    def incident(self, name: str) -> Story | None:
        """The incident that is, or once was, called ``name``."""
        found = self._with(self._named.get(name))
        return replace(found, officials=self._voices(found)) if found is not None else None

    def _with(self, report: str | None) -> Story | None:
        return next((s for s in self._stories if any(t.report == report for t in s.tellings)), None)

    def holding(self, report: str) -> Story | None:
        """The incident in which a report stands, or a newer version of it."""
        return next((s for s in self._stories if any(report in (t.report, *t.versions) for t in s.tellings)), None)

    def perhaps(self, story: Story) -> tuple[Story, ...]:
        """Other incidents that may be the same one: a person is asked."""
        near = [self._with(other) for one in story.tellings for other in self._alike.get(one.report, ())]
        return tuple({one.id: one for one in near if one is not None and one.id != story.id}.values())

    def as_of(self, name: str, until: datetime | int, find: Find) -> Story | None:
        """The incident called ``name`` as it was known at a moment, or with an entry; None if nothing was known of it.

        ``find`` brings reports out of the journal that have newer versions by now.
        """

        def by(seq: int, at: datetime) -> bool:
            return seq <= until if isinstance(until, int) else at <= until

        steps = [step for step in tuple(self._history) if by(step.seq, step.at)]
        step = next((one for one in reversed(steps) if name in one.names), None)
        if step is None:
            return None
        said = [one for seq, at, one in tuple(self._corrections) if by(seq, at)]
        key = (step.seq, step.reports[0], len(said))
        made = self._then.get(key) or self._retold(step, said, find)
        if made is None:
            return None
        if len(self._then) >= RETOLD:
            self._then.clear()
        self._then[key] = made
        ruled = tuple(self._rulings)
        rulings = tuple(one for one, about in ruled if about & set(step.names) and by(one.seq, one.at))
        return replace(made, rulings=rulings, officials=self._voices(made, by))

    def _retold(self, step: Step, said: Sequence[Corrected], find: Find) -> Story | None:
        """The story of the reports of a step; None where none of them is to be had any more."""
        owner = dict(zip(step.reports, step.names, strict=True))
        pairs = [pair for report in step.reports if (pair := self._recalled(report, find)) is not None]
        if not pairs:
            return None
        pairs.sort(key=lambda pair: (pair[1].received, pair[1].report))
        readings = tuple(corrected(reading, said) for reading, _ in pairs)
        tellings = tuple(
            replace(one, versions=self._before(owner[one.report], one.report, step.seq)) for _, one in pairs
        )
        incident = build(0, readings, COMPARED)
        return self._story(step.names, step.seq, step.at, incident, readings, tellings, (), said)

    def _before(self, name: str, report: str, upto: int) -> tuple[str, ...]:
        """The versions before ``report`` that were known with the entry ``upto``."""
        chain = tuple(self._chains.get(name, ()))
        return tuple(dict.fromkeys(one for seq, _, one in chain if seq <= upto and one != report))

    def _recalled(self, report: str, find: Find) -> tuple[Reading, Telling] | None:
        reading, telling = self._readings.get(report), self._tellings.get(report)
        if reading is not None and telling is not None:
            return reading, telling
        known = find(report)
        return taken_in(known, 0) if known is not None else None

    def touching(self, code: str) -> tuple[Story, ...]:
        """The newest incidents whose places are this place, contain it or lie in it."""
        return tuple(
            story
            for story in self._stories[:RECENT]
            if self._concerns(story.places, code, ("same", "contains", "part"))
        )

    def _concerns(self, codes: Iterable[str], place: str, how: tuple[str, ...]) -> bool:
        return any(code in self.gazetteer and self.gazetteer.relation(code, place) in how for code in codes)

    def _voices(self, story: Story, by: Callable[[int, datetime], bool] = lambda seq, at: True) -> tuple[Official, ...]:
        """The official alerts for one of the story's places while it was told. A whole country has none of its parts'."""
        first = min(one.received for one in story.tellings) - NEAR
        last = max(one.received for one in story.tellings) + NEAR
        places = [code for code in story.places if code in self.gazetteer]
        found = [
            one
            for one, seq, at in tuple(self._officials.values())
            if by(seq, at)
            and first <= one.at <= last
            and any(self._concerns(one.areas, place, ("same", "contains")) for place in places)
        ]
        return tuple(sorted(found, key=lambda one: one.at)[-VOICES:])


__all__ = ["Find", "Newsroom", "Step"]

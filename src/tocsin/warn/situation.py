"""The situation: what the journal comes to for every place, kept up entry by entry; pages, API and stream read it.

- It is a projection: the same entries give the same situation, in whatever order they were published, and what it
  says of a place is what :func:`tocsin.cap.standing.place_standing` says of all alerts at once.
- One realm only: an entry, or a message, of another realm changes nothing, and a test mark inside a message counts.
- Of a published alert it reads what is outside (areas, phase, version) and the times; the XML is parsed only where a
  person looks at it, or where only its polygon says where.
- What ended is forgotten soon after it is calm but for its version, so that a late message cannot wake it, and for a
  line in the history of its areas. What ran out without an end stays until its sender ends it.
"""

from __future__ import annotations

import heapq
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tocsin.cap import xml
from tocsin.cap.alert import Alert
from tocsin.cap.coverage import Coverage, Point, Where
from tocsin.cap.phase import ALL_CLEAR, CALM, DANGER, ENDED, PREPARE, RANK, UNKNOWN, Phase
from tocsin.cap.standing import Judgement, place_standing
from tocsin.cap.thread import ALL_CLEAR_FOR, Course, Step, Thread, thread_standing
from tocsin.journal import GENESIS, Entry
from tocsin.place.gazetteer import Gazetteer
from tocsin.recent import Recent
from tocsin.sense.source import SOURCE_HEARD, SOURCE_LOST, Heard, Source
from tocsin.warn.contact import Contacts
from tocsin.warn.line import SAID, Line, Reader, began, in_realm, over, step_of
from tocsin.warn.publish import ALERT_PUBLISHED, Published
from tocsin.warn.standing import Change as Change
from tocsin.warn.standing import Live as Live
from tocsin.warn.standing import Standing as Standing

AHEAD = timedelta(minutes=2)
"""How far a publisher's clock may be before ours; a message from further ahead waits for its time."""
KEEP_ENDED = timedelta(minutes=10)
HISTORY = 1_024
TOMBSTONES = 200_000
ENDED_ALERTS = 2_000
PARSED = 1_000

_DAWN, _DUSK = datetime(1, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
_NONE: frozenset[str] = frozenset()

_PUBLISHED = msgspec.json.Decoder(Published)
_HEARD = msgspec.json.Decoder(Heard)


class _Kept(Struct, frozen=True):
    """A judgement, and what it holds for."""

    judgement: Judgement
    lost: frozenset[str]
    made: datetime
    until: datetime | None


class Situation:
    """The phase of every place, from the journal. ``read`` turns published XML into an Alert (``cap.xml`` by default).

    ``scopes``: which messages are for the eyes that this situation serves; staff notices are not for the public page.
    """

    def __init__(
        self,
        gazetteer: Gazetteer,
        realm: str,
        sources: Mapping[str, Source],
        all_clear_for: timedelta = ALL_CLEAR_FOR,
        intervals: float = 2.0,
        *,
        scopes: Iterable[str] = ("Public",),
        read: Reader | None = None,
    ) -> None:
        self.gazetteer, self.realm, self.all_clear_for = gazetteer, realm, all_clear_for
        self.contacts = Contacts(gazetteer, sources, intervals)
        self.seq, self.head = 0, GENESIS
        self._scopes = frozenset(scopes)
        self._read = read or _read
        self._coverage = Coverage(gazetteer)
        self._lines: dict[str, Line] = {}
        self._by_code: dict[str, set[str]] = defaultdict(set)
        self._everywhere: set[str] = set()
        self._shaped: set[str] = set()
        self._by_identifier: dict[str, str] = {}
        self._gone: Recent[str, int] = Recent(TOMBSTONES)
        self._ended: Recent[str, Published] = Recent(ENDED_ALERTS)
        self._due: list[tuple[datetime, str]] = []
        self._history: dict[str, deque[Change]] = defaultdict(lambda: deque(maxlen=HISTORY))
        self._silences: dict[str, deque[Change]] = defaultdict(lambda: deque(maxlen=HISTORY))
        self._over: dict[str, datetime] = {}
        self._kept: dict[str, _Kept] = {}
        self._parsed: Recent[str, Alert] = Recent(PARSED)

    # --- what is heard ---------------------------------------------------------------------------------------------

    def apply(self, entry: Entry) -> None:
        """Take an entry of the journal; kinds that say nothing of the situation only move ``seq``."""
        self.seq, self.head = entry.seq, entry.hash
        if entry.realm != self.realm:
            return
        if entry.kind == ALERT_PUBLISHED:
            self._take(_PUBLISHED.decode(entry.body))
            while self._due and self._due[0][0] <= entry.at:
                self._settle(heapq.heappop(self._due)[1], entry.at)
        elif entry.kind in (SOURCE_HEARD, SOURCE_LOST):
            body, known = _HEARD.decode(entry.body), len(self.contacts.sources)
            self.contacts.recorded(entry.subject, body, entry.at, entry.kind == SOURCE_LOST)
            if len(self.contacts.sources) != known:
                self._kept.clear()
            phase, told = UNKNOWN if entry.kind == SOURCE_LOST else CALM, self._silences[entry.subject]
            if not told or told[-1].phase != phase:
                told.append(Change(entry.at, phase, "", "", 0, entry.subject, ""))

    def heard(self, source_id: str, at: datetime) -> None:
        """A source was heard just now; this is too frequent for the journal."""
        self.contacts.heard(source_id, at)

    def _take(self, published: Published) -> None:
        phase = SAID.get(published.phase)
        key = published.event_id or published.identifier
        if phase is None or published.scope not in self._scopes or self._gone.get(key, -1) >= published.version:
            return
        line = self._lines.get(key)
        if line is not None and published.identifier in line.published:
            return
        if key in self._gone and phase == ALL_CLEAR:
            # The event was over and calm when this was said: from there to all-clear is no legal step.
            return
        if not in_realm(published, self.realm, self._alert):
            return
        if line is None:
            line = self._lines[key] = Line()
        step = step_of(published, phase, self._alert)
        line.add(published, step)
        self._by_identifier[published.identifier] = key
        known = {self.gazetteer.canonical(code) for code in published.areas if code in self.gazetteer}
        line.codes |= known
        if len(known) < len(published.areas) or not known:
            # Only its polygon says where, or a code that is not known here: any place may be meant.
            self._everywhere.add(key)
            self._kept.clear()
        elif line.shaped:
            self._shaped.add(key)
        for code in line.codes:
            self._by_code[code].add(key)
            self._forget(code)
            if published.version > line.top:
                since = began(step) or published.sent
                change = Change(since, phase, published.identifier, key, published.version, published.source, "same")
                self._history[code].append(change)
        line.top = max(line.top, published.version)
        due = over(step, self.all_clear_for)
        if due is not None:
            heapq.heappush(self._due, (_later(due, KEEP_ENDED), key))

    def _forget(self, code: str) -> None:
        """Drop what was judged of ``code`` and of all that it concerns."""
        if not self._kept:
            return
        self._kept.pop(code, None)
        for related in (*self.gazetteer.ancestors(code), *self.gazetteer.descendants(code)):
            self._kept.pop(related, None)

    def _settle(self, key: str, now: datetime) -> None:
        """Forget an event that has ended everywhere and long enough ago, and what its end answered for."""
        line = self._lines.get(key)
        if line is None:
            return
        of = line.thread()
        last = of.steps[-1]
        end = over(last, self.all_clear_for)
        if end is None or _later(end, KEEP_ENDED) > now:
            return
        fresh = self.contacts.fresh(last.source, now)
        course = thread_standing(of, now, fresh=fresh, all_clear_for=self.all_clear_for, ahead=AHEAD)
        if course is None:
            return
        ended = course.last in ENDED and line.codes <= self._coverage.codes(a for s in last.says for a in s.areas)
        planned = all(said.phase == PREPARE for step in of.steps for said in step.says)
        if course.phase == CALM and (ended or planned):
            rivals = {other for code in line.codes for other in self._by_code[code]} - {key}
            for other in rivals if ended else ():
                if self._expired(other, now, line.codes, last):
                    self._drop(other, course.since)
            self._drop(key, course.since)
        elif course.phase == UNKNOWN and course.last in DANGER:
            # Of several that ran out in the same areas the newest stands for all: what ends it ends the others too.
            for other in {other for code in line.codes for other in self._by_code[code]} - {key}:
                if self._expired(other, now, line.codes, last):
                    self._drop(other, None)
        else:
            heapq.heappush(self._due, (now + KEEP_ENDED, key))

    def _expired(self, key: str, now: datetime, codes: set[str], by: Step) -> bool:
        """Whether an event ran out without an end, within ``codes``, and before its own source said ``by``."""
        line = self._lines[key]
        last = line.thread().steps[-1]
        if last.source != by.source or not line.codes <= codes or last.moment >= by.moment:
            return False
        course = thread_standing(line.thread(), now, all_clear_for=self.all_clear_for, ahead=AHEAD)
        return course is not None and course.phase == UNKNOWN

    def _drop(self, key: str, over_since: datetime | None) -> None:
        line = self._lines.pop(key)
        self._everywhere.discard(key)
        self._shaped.discard(key)
        for code in line.codes:
            self._by_code[code].discard(key)
            if over_since is not None:
                self._over[code] = max(over_since, self._over.get(code, over_since))
            self._forget(code)
        self._gone[key] = line.top
        for identifier, published in line.published.items():
            self._by_identifier.pop(identifier, None)
            self._parsed.pop(identifier, None)
            self._ended[identifier] = published

    # --- what it comes to ------------------------------------------------------------------------------------------

    def phases(self, codes: Iterable[str], at: datetime) -> dict[str, Phase]:
        """The phase of each of ``codes``: what a map needs."""
        lost = self.contacts.lost(at)
        return {code: self._judge(code, at, lost).phase for code in codes}

    def at_place(self, code: str, at: datetime) -> Standing:
        """How the place with this code stands; one that is not known here raises :class:`UnknownPlaceError`."""
        code = self.gazetteer.canonical(code)
        return self._standing(code, (code,), self._judge(code, at, self.contacts.lost(at)), at)

    def at_point(self, latitude: int, longitude: int, at: datetime) -> Standing:
        """How a point in micro-degrees stands: an issuer's own polygon decides."""
        around = tuple(place.code for place in self.gazetteer.at(latitude, longitude))
        keys = set(self._everywhere) | self._shaped
        if around:
            keys |= self._related(around[0])
        lost = self.contacts.lost(at)
        found = [self._lines[key].full(self._alert) for key in sorted(keys)]
        judged = self._judged(found, Point(latitude, longitude), around[:1], at, lost)
        name = f"{latitude / 1e6:g},{longitude / 1e6:g}"
        return self._standing(name, around[:1], judged, at)

    def live(self, at: datetime) -> list[Live]:
        """All alerts that stand somewhere, those that ask most of people first."""
        found = [live for line in self._lines.values() if (live := self._of_line(line, at)) is not None]
        return sorted(found, key=lambda one: (-RANK[one.phase], one.published.sent, one.published.identifier))

    def stands(self, identifier: str, at: datetime) -> bool:
        """Whether :meth:`live` has this alert, without looking at the others."""
        key = self._by_identifier.get(identifier)
        live = self._of_line(self._lines[key], at) if key is not None else None
        return live is not None and live.published.identifier == identifier

    def _of_line(self, line: Line, at: datetime) -> Live | None:
        of = line.thread()
        fresh = self.contacts.fresh(of.steps[-1].source, at)
        course = thread_standing(of, at, fresh=fresh, all_clear_for=self.all_clear_for, ahead=AHEAD)
        return self._live(course) if course is not None and course.phase != CALM else None

    def alert(self, identifier: str) -> Published | None:
        """A published alert that stands or ended lately; older ones are in the journal."""
        key = self._by_identifier.get(identifier)
        return self._lines[key].published[identifier] if key is not None else self._ended.get(identifier)

    def history(self, code: str, since: datetime, at: datetime) -> list[Change]:
        """What was published for a place, and when its sources fell silent or came back, oldest first."""
        code = self.gazetteer.canonical(code)
        related = (code, *self.gazetteer.ancestors(code), *self.gazetteer.descendants(code))
        found: dict[tuple[str, datetime], Change] = {}
        for other in related:
            for change in self._history.get(other, ()):
                if since <= change.at <= at:
                    relation = self.gazetteer.relation(other, code) or ""
                    found.setdefault((change.identifier, change.at), replace(change, relation=str(relation)))
        silences = [one for name in self.contacts.covering((code,)) for one in self._silences.get(name, ())]
        return sorted(
            [*found.values(), *(one for one in silences if since <= one.at <= at)],
            key=lambda change: (change.at, change.version, change.identifier),
        )

    def _judge(self, code: str, at: datetime, lost: frozenset[str]) -> Judgement:
        kept = self._kept.get(code)
        if (
            kept is not None
            and kept.made <= at
            and (kept.until is None or at < kept.until)
            and (kept.lost is lost or kept.lost == lost)
        ):
            return kept.judgement
        code = self.gazetteer.canonical(code)
        found = [self._lines[key].thread() for key in sorted(self._related(code) | self._everywhere)]
        judged = self._judged(found, code, (code,), at, lost)
        self._kept[code] = _Kept(judged, lost, at, judged.until)
        return judged

    def _judged(
        self, found: list[Thread], where: Where, codes: tuple[str, ...], at: datetime, lost: frozenset[str]
    ) -> Judgement:
        return place_standing(
            found,
            where,
            at,
            self._coverage,
            self.contacts.contact(codes, lost),
            fresh=lambda of: of.steps[-1].source not in lost,
            all_clear_for=self.all_clear_for,
            ahead=AHEAD,
        )

    def _related(self, code: str) -> set[str]:
        """The events that name ``code``, what it lies in or what lies in it."""
        keys = set(self._by_code.get(code, ()))
        for other in (*self.gazetteer.ancestors(code), *self.gazetteer.descendants(code)):
            keys |= self._by_code.get(other, _NONE)
        return keys

    def _standing(self, name: str, codes: tuple[str, ...], judged: Judgement, at: datetime) -> Standing:
        first = judged.strands[0] if judged.strands else None
        covering = self.contacts.covering(codes)
        # Where no alert decides, the source that has been silent the longest is the one to name.
        source = min(covering, key=lambda one: (self.contacts.last_heard(one) or _DAWN, one), default="")
        since = judged.since
        if first is not None:
            source = first.course.step.source or source
        elif judged.phase == CALM:
            moments = [self._over.get(one) for code in codes for one in (code, *self.gazetteer.ancestors(code))]
            moments += [judged.since, *(self.contacts.since(one) for one in covering)]
            since = max((moment for moment in moments if moment is not None and moment <= at), default=None)
        return Standing(
            place=name,
            phase=judged.phase,
            last_phase=judged.last,
            since=since,
            ends=judged.ends,
            next_update_by=first.course.saying.next_update_by if first is not None else None,
            alerts=tuple(self._live(strand.course) for strand in judged.strands),
            why=judged.why,
            source=source,
            last_heard=self.contacts.last_heard(source),
            event_id=first.thread.key if first is not None else "",
            version=(first.course.step.version or 0) if first is not None else 0,
            relation=first.relation if first is not None else "",
        )

    def _live(self, course: Course) -> Live:
        identifier = course.step.identifier
        published = self._lines[self._by_identifier[identifier]].published[identifier]
        return Live(published, self._alert(published), course.phase, course.since, course.ends)

    def _alert(self, published: Published) -> Alert:
        """The published XML as an Alert, read once while it is asked for."""
        return self._parsed.made(published.identifier, lambda: self._read(published))


def _read(published: Published) -> Alert:
    """What was published, read; an empty alert where it cannot be, for the entry itself still says what matters."""
    reading = xml.read(published.cap.encode())
    return reading.alerts[0] if reading.alerts else Alert(identifier=published.identifier)


def _later(moment: datetime, by: timedelta) -> datetime:
    """``moment`` and ``by`` after it, as far as a calendar goes."""
    return moment + by if moment < _DUSK else moment

"""Owners: every alert has somebody who minds it until its end, and a deputy; both are called before it ends by itself.

- Ten, five and one minute before the end the owner is called: extend, all-clear, or take back. From the second call on
  the deputy is called too, unless somebody has answered; the last call goes to both whoever answered.
- An alert that ends with nobody minding it is recorded as unattended, and its place is unknown: never green.
- An official warning that a person must decide on is not left lying: after ten minutes the duty officer is called, after
  fifteen the next one (F12: the forecast of 2021 existed for days).
- An alert that is stopped because a channel shows something else is called out at once, to its owner and the duty
  officers; a promised word that did not come, to its owner first. Who is called second is called because nobody answered.
- Whoever is called may answer, whatever their role; an answer ends the calls about it.
- Everything here is a function of what the journal says and of the moment; who calls records what it returns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tocsin.cap.limits import TRUSTED
from tocsin.cap.phase import ACT, PREPARE, RANK, Phase, says
from tocsin.cap.xml import read
from tocsin.errors import InputError
from tocsin.journal import Entry, Fact, fact
from tocsin.sense.report import CAP_XML, REPORT_RECEIVED, SIGNAL_JSON, Report
from tocsin.sense.signal import Signal
from tocsin.sense.source import Source
from tocsin.warn.draft import Drafts
from tocsin.warn.mirror import REPORT_WAITING, Waiting
from tocsin.warn.person import Act, People
from tocsin.warn.promise import PROMISE_MISSED, Promised
from tocsin.warn.publish import ALERT_PUBLISHED, WARNS, Published
from tocsin.warn.widening import Widening

PAGE_DUE = "page:due"
PAGE_ANSWERED = "page:answered"
PAGE_SENT = "page:sent"
PAGE_FAILED = "page:failed"
ALERT_UNATTENDED = "alert:unattended"
ALERT_HANDED_OVER = "alert:handed-over"
REPORT_DECIDED = "report:decided"

BEFORE = (timedelta(minutes=10), timedelta(minutes=5), timedelta(minutes=1))
UNDECIDED = (timedelta(minutes=10), timedelta(minutes=15))
LATE = (timedelta(0), timedelta(minutes=5), timedelta(minutes=10))
"""After a promise was missed: the owner, the deputy, the duty officers."""
STOPPED = (timedelta(0), timedelta(minutes=2))
"""After an alert was stopped: the owner and who is on duty; then the deputy and every duty officer."""
OPEN_REASONS = frozenset({"no-policy", "no-phase", "unfit"})
"""Why a report of an official source waits for a person's decision; other reasons need none."""


class Owned(Struct, frozen=True):
    """An alert that stands, with who minds it."""

    identifier: str
    event_id: str
    version: int
    phase: str
    owner: str
    deputy: str
    ends: datetime


class Page(Struct, frozen=True):
    """The body of ``page:due``; the subject is :attr:`id`. One call to one person about one thing.

    ``kind`` is ``ends``, ``undecided``, ``late``, ``stopped``, ``key-ends`` or ``last-key-ends``; ``minutes`` to the end,
    or since it waits.
    """

    about: str
    person: str
    due: datetime
    sentence: str
    step: int
    kind: str = ""
    minutes: int = 0

    @property
    def id(self) -> str:
        """The same call has the same name, so it is made once."""
        return f"{self.about}/{self.step}/{self.person}"


class Tried(Struct, frozen=True):
    """The body of ``page:sent`` and ``page:failed``; the subject is the page's id. By which way, and what was wrong."""

    person: str
    way: str
    wrong: str = ""


class Answered(Struct, frozen=True):
    """The body of ``page:answered``; the subject is the page's id."""

    person: str


class Unattended(Struct, frozen=True):
    """The body of ``alert:unattended``; the subject is the alert. From here on its place is unknown."""

    event_id: str
    phase: str
    owner: str
    deputy: str
    ended: datetime


class HandedOver(Struct, frozen=True):
    """The body of ``alert:handed-over``; the subject is the alert. From here on ``owner`` minds it, and is called."""

    event_id: str
    owner: str
    before: str


class Decided(Struct, frozen=True):
    """The body of ``report:decided``; the subject is the report. ``draft`` is what was made of it, if anything."""

    person: str
    reason: str
    draft: str = ""


class Undecided(Struct, frozen=True):
    """An official warning that waits for a person: what it says, and since when."""

    report: str
    source: str
    phase: str
    since: datetime


def due_pages(alerts: Iterable[Owned], answered: frozenset[str], at: datetime) -> list[Page]:
    """Every call that has become due by ``at`` for these alerts; ``answered`` are the alerts somebody has answered for.

    It may have been made already: the same call has the same id.
    """
    found: list[Page] = []
    for alert in alerts:
        for step, before in enumerate(BEFORE, 1):
            due = alert.ends - before
            if due > at or alert.ends <= at:
                continue
            minutes = int(before.total_seconds() // 60)
            sentence = f"{alert.identifier} ends in {minutes} min: extend it, give the all-clear, or take it back."
            called = [alert.owner]
            last = step == len(BEFORE)
            if alert.deputy and (last or (step > 1 and alert.identifier not in answered)):
                called.append(alert.deputy)
            if step > 1 and not last and alert.identifier in answered:
                continue
            found.extend(
                Page(alert.identifier, person, due, sentence, step, "ends", minutes) for person in called if person
            )
    return found


def unattended(alerts: Iterable[Owned], at: datetime) -> list[Owned]:
    """The alerts that have run out although they still stood."""
    return [alert for alert in alerts if alert.ends <= at]


def unactioned_pages(waiting: Iterable[Undecided], people: People, at: datetime) -> list[Page]:
    """Calls about official warnings that nobody has decided on: the duty officer, then the next one, on call first."""
    duty = on_duty(people, at)
    found_pages = []
    for one in waiting:
        for step, after in enumerate(UNDECIDED, 1):
            due = one.since + after
            if due > at or not duty:
                continue
            person = duty[min(step, len(duty)) - 1]
            minutes = int(after.total_seconds() // 60)
            sentence = f"{one.source} says {one.phase} since {minutes} min and nobody has decided: {one.report}."
            found_pages.append(Page(f"report/{one.report}", person, due, sentence, step, "undecided", minutes))
    return found_pages


def on_duty(people: People, at: datetime) -> list[str]:
    """The duty officers, those on call first."""
    duty = [one.id for one in people if people.can(one.id, Act.BREAK_GLASS, at)]
    return sorted(duty, key=lambda name: (not (found := people.get(name)) or not found.reachable(at), name))


class Minded(Struct, frozen=True):
    """Something that somebody must see to: ``about`` names it in calls, ``name`` is the alert."""

    about: str
    name: str
    since: datetime
    owner: str = ""
    deputy: str = ""
    why: str = ""


def late_pages(late: Iterable[Minded], answered: frozenset[str], people: People, at: datetime) -> list[Page]:
    """Calls about promised words that did not come: the owner, then the deputy, then the duty officers."""
    found = []
    for one in late:
        sentence = f"The promised next word on {one.name} did not come: say something, also that nothing changed."
        duty = on_duty(people, at)
        for step, (after, called) in enumerate(zip(LATE, ((one.owner,), (one.deputy,), duty), strict=True), 1):
            due = one.since + after
            if due > at or (step > 1 and one.about in answered):
                continue
            # Where nobody minds it, the first on duty does from the start.
            persons = [name for name in called if name] or (duty[:1] if step == 1 else [])
            minutes = int(after.total_seconds() // 60)
            found += [Page(one.about, name, due, sentence, step, "late", minutes) for name in dict.fromkeys(persons)]
    return found


def stopped_pages(stopped: Iterable[Minded], answered: frozenset[str], people: People, at: datetime) -> list[Page]:
    """Calls about alerts that go no further: the owner and who is on duty, then the deputy and every duty officer."""
    found = []
    for one in stopped:
        sentence = f"{one.name} is stopped and was sent to nobody. {one.why} Take it back, or send it anyway."
        duty = on_duty(people, at)
        ready = [name for name in duty if (known := people.get(name)) and known.reachable(at)] or duty[:1]
        for step, (after, called) in enumerate(
            zip(STOPPED, ((one.owner, *ready), (one.deputy, *duty)), strict=True), 1
        ):
            due = one.since + after
            if due > at or (step > 1 and one.about in answered):
                continue
            minutes = int(after.total_seconds() // 60)
            persons = dict.fromkeys(name for name in called if name)
            found += [Page(one.about, name, due, sentence, step, "stopped", minutes) for name in persons]
    return found


class Watch:
    """What is owned, what waits for a decision, and which calls were made and answered, as the journal tells it."""

    def __init__(self, drafts: Drafts, sources: Mapping[str, Source], realm: str) -> None:
        self._drafts, self._sources, self._realm = drafts, sources, realm
        self._owned: dict[str, Owned] = {}  # by event
        self._reports: dict[str, tuple[Phase, datetime]] = {}
        self._waiting: dict[str, Undecided] = {}
        self._made: dict[str, Page] = {}
        self._late: dict[str, Minded] = {}  # by event
        self._widening = Widening(realm)
        self._answered: set[str] = set()
        self._unattended: set[str] = set()

    def apply(self, entry: Entry) -> None:
        """Take in one entry; the drafts must have it already."""
        if entry.realm != self._realm:
            return
        self._widening.apply(entry)
        if entry.kind == ALERT_PUBLISHED:
            self._published(entry.read(Published))
        elif entry.kind == PAGE_DUE:
            self._made[entry.subject] = entry.read(Page)
        elif entry.kind == PAGE_ANSWERED:
            self._answered.add(entry.subject)
        elif entry.kind == PROMISE_MISSED:
            said = entry.read(Promised)
            about = f"promise/{said.event_id}@{said.by:%Y%m%dT%H%M%SZ}"
            self._late[said.event_id] = Minded(about, entry.subject, entry.at, said.owner, said.deputy)
        elif entry.kind == ALERT_UNATTENDED:
            self._unattended.add(entry.subject)
        elif entry.kind == ALERT_HANDED_OVER:
            handed = entry.read(HandedOver)
            known = self._owned.get(handed.event_id)
            if known is not None and known.identifier == entry.subject:
                self._owned[handed.event_id] = replace(known, owner=handed.owner)
        elif entry.kind == REPORT_RECEIVED:
            self._received(entry.read(Report), entry.at)
        elif entry.kind == REPORT_WAITING:
            self._waits(entry.subject, entry.read(Waiting))
        elif entry.kind == REPORT_DECIDED:
            self._waiting.pop(entry.subject, None)

    def _published(self, done: Published) -> None:
        self._waiting.pop(done.report, None)
        self._reports.pop(done.report, None)
        self._late.pop(done.event_id, None)
        known = self._owned.get(done.event_id)
        if known is not None and known.version >= done.version:
            return
        draft = self._drafts.get(done.draft) if done.draft else None
        if draft is None or draft.content.ends is None or done.phase not in WARNS:
            self._owned.pop(done.event_id, None)
            return
        content = draft.content
        assert content.ends is not None
        self._owned[done.event_id] = Owned(
            done.identifier, done.event_id, done.version, done.phase, content.owner, content.deputy, content.ends
        )

    def _received(self, report: Report, at: datetime) -> None:
        source = self._sources.get(report.source)
        if source is None or not source.official:
            return
        phase = _phase(report)
        if phase is not None and RANK[phase] >= RANK[PREPARE]:
            self._reports[report.id] = (phase, at)

    def _waits(self, report: str, waiting: Waiting) -> None:
        found = self._reports.pop(report, None)
        if found is not None and waiting.reason in OPEN_REASONS:
            self._waiting[report] = Undecided(report, waiting.source, found[0].value, found[1])

    def owned(self) -> list[Owned]:
        """Every alert of ours that stands, the one that ends first before the others."""
        return sorted(self._owned.values(), key=lambda one: one.ends)

    def owner(self, event_id: str) -> str:
        """Who minds the alert of this event now; empty where none of ours stands."""
        known = self._owned.get(event_id)
        return known.owner if known is not None else ""

    def undecided(self) -> list[Undecided]:
        """Every official warning that waits for a person, the oldest first."""
        return sorted(self._waiting.values(), key=lambda one: one.since)

    def unanswered(self) -> list[str]:
        """The ids of calls that nobody has answered."""
        return sorted(self._made.keys() - self._answered)

    def page(self, name: str) -> Page | None:
        """The call of this id, or None."""
        return self._made.get(name)

    def is_answered(self, name: str) -> bool:
        """Whether somebody has answered, this call or another about the same."""
        return name in self._answered or _about(name) in {_about(other) for other in self._answered}

    def pages(self) -> list[Page]:
        """Every call that was made, the newest first."""
        return list(reversed(self._made.values()))

    def stopped(self) -> list[Minded]:
        """Every alert that is stopped, with who minds it."""
        found = []
        for held in self._widening.held():
            draft = self._drafts.get(held.stopped.draft) if held.stopped.draft else None
            owner, deputy = (draft.content.owner, draft.content.deputy) if draft is not None else ("", "")
            found.append(
                Minded(f"stopped/{held.identifier}", held.identifier, held.since, owner, deputy, held.stopped.sentence)
            )
        return found

    def due(self, people: People, at: datetime, more: Iterable[Page] = ()) -> list[Fact]:
        """What to record now: calls that have become due, and alerts that have run out unattended; each once.

        ``more`` are calls about other things than alerts.
        """
        answered = frozenset(map(_about, self._answered))
        pages = due_pages(self.owned(), answered, at) + unactioned_pages(self.undecided(), people, at)
        pages += late_pages(self._late.values(), answered, people, at)
        pages += stopped_pages(self.stopped(), answered, people, at)
        pages += more
        facts = [fact(PAGE_DUE, page.id, page, self._realm) for page in pages if page.id not in self._made]
        facts += [
            fact(
                ALERT_UNATTENDED,
                one.identifier,
                Unattended(one.event_id, one.phase, one.owner, one.deputy, one.ends),
                self._realm,
            )
            for one in unattended(self.owned(), at)
            if one.identifier not in self._unattended
        ]
        return facts

    def answer(self, page: str, person: str, people: People, at: datetime) -> list[Fact]:
        """Record that ``person`` minds what the call is about."""
        called = self._made.get(page)
        if called is None or called.person != person or not people.roles(person, at):
            people.require(person, Act.ANSWER_PAGE, at)
        return [fact(PAGE_ANSWERED, page, Answered(person), self._realm)] if page not in self._answered else []

    def decide(self, report: str, decided: Decided, people: People, at: datetime) -> list[Fact]:
        """Record what a person made of an official warning, or why nothing."""
        people.require(decided.person, Act.COMPOSE, at)
        return [fact(REPORT_DECIDED, report, decided, self._realm)]


def _about(page: str) -> str:
    """What a call is about, from its id."""
    return page.rsplit("/", 2)[0]


def _phase(report: Report) -> Phase | None:
    """The most that a report of a source says; None where it says nothing, or is not for machines."""
    try:
        if report.media_type == SIGNAL_JSON:
            return ACT if msgspec.json.decode(report.content, type=Signal).ended is None else None
        if report.media_type == CAP_XML:
            alerts = read(report.content, limits=TRUSTED).alerts
            return max((said for one in alerts if (said := says(one))), key=RANK.__getitem__, default=None)
    except (InputError, msgspec.ValidationError, msgspec.DecodeError):
        return None
    return None

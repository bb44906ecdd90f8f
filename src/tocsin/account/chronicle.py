"""A chronicle: every entry of the journal that belongs to one event, in order, and what stood around it.

- An event is named by its id, by the identifier of any of its alerts, by a draft, or by the incident that links it to others;
  what is linked (the version for staff beside the one for the public) belongs to it.
- It is read from the journal alone, in passes: first what belongs together, then what happened to it, and then the reports
  whose claims it used.
- A roll call or a facility's state belongs to the event that it names, with every answer and with what ended it; a ruling
  to the incident that a draft used.
- What is not of the event's realm, and what the installation sends itself to prove its channels, is left out and counted.
- What an event never had is simply not there; nothing is filled in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from tocsin.account.answer import ANSWER_GIVEN
from tocsin.account.facility import FACILITY_SET
from tocsin.account.rollcall import ROLLCALL_FORGOTTEN, ROLLCALL_STARTED
from tocsin.errors import NotFoundError
from tocsin.journal import Entry, Journal, follow
from tocsin.reach.delivery import DELIVERY_SUMMED
from tocsin.sense.report import REPORT_RECEIVED
from tocsin.sense.source import SOURCE_HEARD, SOURCE_LOST, Heard
from tocsin.warn.backing import DRAFT_BACKED, Backed
from tocsin.warn.draft import DRAFT_BEGUN, DRAFT_CHANGED, Begun, Content
from tocsin.warn.publish import ALERT_PUBLISHED, Published

BEFORE = timedelta(minutes=30)
"""How long before an event's first entry the contact with its sources is told as well."""

ABOUT = (
    "draft:",
    "alert:",
    "delivery:",
    "promise:",
    "page:",
    "loopback:",
    "incident:",
    "answer:",
    "review:",
    "guard:",
    "translation:",
    "stopwatch:",
    "report:waiting",
    "report:decided",
    "handover:",
    "correction:",
    "rollcall:",
    "facility:",
    "dispatch:",
)
"""Kinds of which an entry may belong to an event."""
RULINGS = "incident:"
AFTERWARDS = (DELIVERY_SUMMED, ROLLCALL_FORGOTTEN)
"""What is recorded days later, when personal data has served its time."""
DRILLS = ("selfdrill:", "channel:proved")


class Record(Journal, Protocol):
    """A journal that can be asked about one subject."""

    def about(self, kind: str, subject: str, limit: int = 100) -> list[Entry]:
        """The newest entries of one kind about one subject, newest first."""
        ...

    def kinds(self) -> tuple[str, ...]:
        """Every kind of which there is an entry."""
        ...


class Contact(Struct, frozen=True):
    """What the journal says of one source from ``at`` on: heard (again) or lost, and when it was last heard."""

    at: datetime
    source: str
    name: str
    lost: bool
    last_heard: datetime | None
    interval_s: float
    covers: tuple[str, ...]


class Chronicle(Struct, frozen=True):
    """What belongs to one event: its ``events`` (its own id first), ``drafts`` with what they last said, ``alerts`` as published
    with the moment of their entry, ``reports`` that alerts repeat or whose claims drafts used, every ``entry`` about any of
    them, and ``contacts``. ``left_out`` counts by kind what went on beside it in exercises and drills.
    """

    events: tuple[str, ...]
    drafts: dict[str, Content]
    alerts: tuple[tuple[datetime, Published], ...]
    reports: dict[str, Entry]
    entries: tuple[Entry, ...]
    contacts: tuple[Contact, ...]
    left_out: dict[str, int] = {}

    @property
    def began(self) -> datetime:
        """The moment of the first entry."""
        return self.entries[0].at

    @property
    def ended(self) -> datetime:
        """The moment of the last entry that is about what happened, and not about what was erased of it later."""
        return _last(self.entries)


def _last(entries: Sequence[Entry]) -> datetime:
    return next((one.at for one in reversed(entries) if one.kind not in AFTERWARDS), entries[-1].at)


class _Web:
    """What belongs together, found by following names from the one that was asked for."""

    def __init__(self, journal: Record, event: str) -> None:
        self.drafts: dict[str, list[Content]] = {}
        self.alerts: list[tuple[datetime, Published]] = []
        self.realms: dict[str, str] = {}
        for entry in follow(journal, 0, (DRAFT_BEGUN, DRAFT_CHANGED, ALERT_PUBLISHED)):
            self.realms.setdefault(entry.subject, entry.realm)
            if entry.kind == ALERT_PUBLISHED:
                self.alerts.append((entry.at, entry.read(Published)))
            else:
                self.drafts.setdefault(entry.subject, []).append(entry.read(Begun).content)
        self.events: dict[str, None] = {}
        self._links = {
            name: {link for content in contents for link in content.incidents} for name, contents in self.drafts.items()
        }
        for name in self._named(event):
            self.events[name] = None
        links = {link for draft in self.of_drafts() for link in self._links[draft]}
        for draft, linked in self._links.items():
            if linked & links:
                self.events.update(
                    dict.fromkeys(content.event_id for content in self.drafts[draft] if content.event_id)
                )

    def _named(self, event: str) -> Iterable[str]:
        for _, alert in self.alerts:
            if event in (alert.event_id, alert.identifier, alert.draft):
                yield alert.event_id
        for draft, contents in self.drafts.items():
            if event == draft or event in self._links[draft] or any(content.event_id == event for content in contents):
                yield contents[-1].event_id

    def of_drafts(self) -> list[str]:
        """The drafts of these events."""
        return [
            name
            for name, contents in self.drafts.items()
            if any(content.event_id in self.events for content in contents)
        ]


def chronicle(journal: Record, event: str) -> Chronicle:
    """Everything that the journal says of ``event``; NotFoundError where it says nothing."""
    web = _Web(journal, event)
    if not web.events:
        raise NotFoundError(f"the journal knows no event, alert or draft {event}")
    drafts = {name: web.drafts[name][-1] for name in web.of_drafts()}
    alerts = tuple((at, alert) for at, alert in web.alerts if alert.event_id in web.events)
    realm = web.realms[next(iter((*drafts, *(alert.identifier for _, alert in alerts))))]
    reports = {
        alert.report: found[-1]
        for _, alert in alerts
        if alert.report and (found := journal.about(REPORT_RECEIVED, alert.report))
    }
    names = {*web.events, *drafts, *reports, *(alert.identifier for _, alert in alerts)}
    wanted = tuple(kind for kind in journal.kinds() if kind.startswith(ABOUT))
    belongs = _Belonging(names, {link for content in drafts.values() for link in content.incidents})
    entries = [one for one in follow(journal, 0, wanted) if one.realm == realm and belongs.takes(one)] if wanted else []
    for name in sorted(belongs.sources - set(reports)):
        if known := journal.about(REPORT_RECEIVED, name):
            reports[name] = known[-1]
    # Rulings may be older than the draft that used their incident, so they are chosen once all drafts are known.
    entries = [one for one in entries if not one.kind.startswith(RULINGS) or belongs.ruled(one)]
    entries = sorted([*entries, *reports.values()], key=lambda entry: entry.seq)
    began, ended = entries[0].at, _last(entries)
    return Chronicle(
        tuple(web.events),
        drafts,
        alerts,
        reports,
        tuple(entries),
        _contacts(journal, began, ended),
        _left_out(journal, realm, began, ended),
    )


class _Belonging:
    """Says of one entry after another, in the journal's order, whether it belongs to the event."""

    def __init__(self, names: set[str], incidents: set[str]) -> None:
        self.names, self.incidents = names, incidents
        self.sources: set[str] = set()
        self._rolls: set[str] = set()
        self._facilities: set[str] = set()

    def takes(self, entry: Entry) -> bool:
        """Whether ``entry`` is about the event, by its subject or by what its body refers to."""
        if entry.kind.startswith(RULINGS):
            return True
        if entry.subject in self._rolls:
            return True
        body = _body(entry)
        if entry.kind == ANSWER_GIVEN:
            return body.get("rollcall") in self._rolls
        named = self._named(entry.subject) or any(
            isinstance(body.get(key), str) and body[key] in self.names
            for key in ("event_id", "event", "alert", "draft")
        )
        if entry.kind == FACILITY_SET:
            # The state that follows one of ours ends it, whatever its own reason is.
            held = entry.subject in self._facilities
            (self._facilities.add if named else self._facilities.discard)(entry.subject)
            return named or held
        if named and entry.kind == ROLLCALL_STARTED:
            self._rolls.add(entry.subject)
        if named and entry.kind == DRAFT_BACKED:
            taken = entry.read(Backed)
            self.incidents.add(taken.incident)
            self.sources.update(claim.report for claim in taken.claims)
        return named

    def _named(self, subject: str) -> bool:
        head, _, rest = subject.partition("/")
        # A call is named by what it is about, and that by its kind: report/…, promise/…@moment, correction/….
        about = rest.partition("/")[0] if head in ("report", "promise", "correction", "stopped") else head
        return subject in self.names or about in self.names or about.partition("@")[0] in self.names

    def ruled(self, entry: Entry) -> bool:
        """Whether a ruling is about an incident or a report that was used."""
        body = _body(entry)
        claim = body.get("claim")
        about = {body.get("one"), body.get("other"), body.get("report"), *body.get("more", ())}
        about.add(claim.get("report") if isinstance(claim, dict) else None)
        return bool(about & (self.incidents | self.sources))


def _body(entry: Entry) -> dict[str, Any]:
    try:
        body = msgspec.json.decode(entry.body)
    except msgspec.DecodeError:
        return {}
    return body if isinstance(body, dict) else {}


def _left_out(journal: Record, realm: str, began: datetime, ended: datetime) -> dict[str, int]:
    """What was recorded meanwhile that is no part of it: drills of channels, and alerts and drafts of another realm."""
    kinds = (*(kind for kind in journal.kinds() if kind.startswith(DRILLS)), ALERT_PUBLISHED, DRAFT_BEGUN)
    counted: Counter[str] = Counter(
        entry.kind
        for entry in follow(journal, 0, kinds)
        if began <= entry.at <= ended and (entry.kind.startswith(DRILLS) or entry.realm != realm)
    )
    return dict(counted)


def _contacts(journal: Record, began: datetime, ended: datetime) -> tuple[Contact, ...]:
    """The contact with every source: as it stood when the event began, and each change until it ended."""
    standing: dict[str, Contact] = {}
    changes: list[Contact] = []
    for entry in follow(journal, 0, (SOURCE_HEARD, SOURCE_LOST)):
        if entry.at > ended:
            break
        said = entry.read(Heard)
        contact = Contact(
            entry.at, entry.subject, said.name, entry.kind == SOURCE_LOST, said.last_heard, said.interval_s, said.covers
        )
        if entry.at <= began - BEFORE:
            standing[entry.subject] = contact
        else:
            changes.append(contact)
    return (*standing.values(), *changes)

"""A chronicle: every entry of the journal that belongs to one event, in order, and what stood around it.

- An event is named by its id, by the identifier of any of its alerts, by a draft, or by the incident that links it to others;
  what is linked (the version for staff beside the one for the public) belongs to it.
- It is read from the journal alone, in two passes: first what belongs together, then what happened to it.
- What an event never had is simply not there; nothing is filled in.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Protocol

import msgspec
from msgspec import Struct

from tocsin.errors import NotFoundError
from tocsin.journal import Entry, Journal, follow
from tocsin.sense.report import REPORT_RECEIVED
from tocsin.sense.source import SOURCE_HEARD, SOURCE_LOST, Heard
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
    with the moment of their entry, ``reports`` that alerts repeat, every ``entry`` about any of them, and ``contacts``.
    """

    events: tuple[str, ...]
    drafts: dict[str, Content]
    alerts: tuple[tuple[datetime, Published], ...]
    reports: dict[str, Entry]
    entries: tuple[Entry, ...]
    contacts: tuple[Contact, ...]

    @property
    def began(self) -> datetime:
        """The moment of the first entry."""
        return self.entries[0].at

    @property
    def ended(self) -> datetime:
        """The moment of the last entry."""
        return self.entries[-1].at


class _Web:
    """What belongs together, found by following names from the one that was asked for."""

    def __init__(self, journal: Record, event: str) -> None:
        self.drafts: dict[str, list[Content]] = {}
        self.alerts: list[tuple[datetime, Published]] = []
        for entry in follow(journal, 0, (DRAFT_BEGUN, DRAFT_CHANGED, ALERT_PUBLISHED)):
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
    reports = {
        alert.report: found[-1]
        for _, alert in alerts
        if alert.report and (found := journal.about(REPORT_RECEIVED, alert.report))
    }
    names = {*web.events, *drafts, *reports, *(alert.identifier for _, alert in alerts)}
    wanted = tuple(kind for kind in journal.kinds() if kind.startswith(ABOUT))
    entries = [entry for entry in follow(journal, 0, wanted) if _concerns(entry, names)] if wanted else []
    entries = sorted([*entries, *reports.values()], key=lambda entry: entry.seq)
    return Chronicle(
        tuple(web.events), drafts, alerts, reports, tuple(entries), _contacts(journal, entries[0].at, entries[-1].at)
    )


def _concerns(entry: Entry, names: set[str]) -> bool:
    """Whether the entry is about one of ``names``, by its subject or by what its body refers to."""
    subject = entry.subject
    if subject in names or subject.partition("@")[0] in names or subject.partition("/")[0] in names:
        return True
    try:
        body = msgspec.json.decode(entry.body)
    except msgspec.DecodeError:
        return False
    if not isinstance(body, dict):
        return False
    return any(isinstance(body.get(key), str) and body[key] in names for key in ("event_id", "event", "alert", "draft"))


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

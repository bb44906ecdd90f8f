"""An issue: one published version of an event, how it came about and how long each step took.

- For a mirrored alert the way is source, receipt, publication; for one of our own draft, proposal, approval, signature. Each time
  comes from the journal.
- Over-alerting and under-alerting are told by the areas: what was warned beyond the area that the source gave, and what of
  that area was not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tocsin.account.chronicle import Chronicle
from tocsin.cap.alert import Alert
from tocsin.cap.limits import TRUSTED
from tocsin.cap.xml import read
from tocsin.journal import Entry
from tocsin.sense.report import Report
from tocsin.warn.approval import Vote
from tocsin.warn.desk import Overridden
from tocsin.warn.draft import Begun, Content, Ended, Proposed
from tocsin.warn.publish import Published


class Guarded(Struct, frozen=True):
    """A guard that somebody went past, and the reason they gave."""

    code: str
    sentence: str
    person: str
    reason: str


class Timing(Struct, frozen=True):
    """How long the way took, in seconds; None for what there was not.

    ``source_s`` from the source's own time to our receipt of it, ``mirror_s`` from there to publication; ``writing_s`` from the
    draft's beginning to its proposal, ``approval_s`` from there to publication, ``machine_s`` our own share of all of that.
    """

    source_s: float | None = None
    mirror_s: float | None = None
    writing_s: float | None = None
    approval_s: float | None = None
    total_s: float | None = None
    machine_s: float | None = None


class Issue(Struct, frozen=True):
    """One published version. ``beyond`` are areas that were warned though the source did not name them, ``missed`` the other
    way round; both are empty where the source gave none.
    """

    identifier: str
    event_id: str
    version: int
    phase: str
    scope: str
    audience: str
    headline: dict[str, str]
    areas: tuple[str, ...]
    sent: datetime
    as_of: datetime | None
    recorded: datetime
    source: str
    retractable: bool
    sha256: str
    draft: str = ""
    author: str = ""
    approvers: tuple[str, ...] = ()
    rejected: int = 0
    rule: str = ""
    glass_broken_by: str = ""
    guards: tuple[Guarded, ...] = ()
    timing: Timing = Timing()
    beyond: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()

    def public(self) -> Issue:
        """Without persons and without what was written for colleagues."""
        guards = tuple(replace(one, person="", reason="") for one in self.guards)
        return replace(self, author="", approvers=(), draft="", glass_broken_by="", guards=guards)


def issues(found: Chronicle) -> tuple[Issue, ...]:
    """Every published version of an event, in the order of the journal."""
    about: dict[str, list[Entry]] = {}
    for entry in found.entries:
        about.setdefault(entry.subject, []).append(entry)
    return tuple(_issue(at, done, found, about) for at, done in found.alerts)


def _issue(at: datetime, done: Published, found: Chronicle, about: Mapping[str, list[Entry]]) -> Issue:
    alert = read(done.cap.encode(), limits=TRUSTED).alerts[0]
    content = found.drafts.get(done.draft)
    report = found.reports.get(done.report)
    said = report.read(Report) if report is not None else None
    entries = about.get(done.draft, []) if done.draft else []
    writing = _writing(entries)
    begun, proposed = writing.begun, writing.proposed
    beyond, missed = _against(done, content)
    return Issue(
        identifier=done.identifier,
        event_id=done.event_id,
        version=done.version,
        phase=done.phase,
        scope=done.scope,
        audience=content.audience if content is not None else "everyone",
        headline={info.language.split("-")[0].lower(): info.headline or info.event for info in alert.infos},
        areas=done.areas or _described(alert),
        sent=done.sent,
        as_of=done.as_of,
        recorded=at,
        source=done.source,
        retractable=bool(done.retraction),
        sha256=hashlib.sha256(done.cap.encode()).hexdigest(),
        draft=done.draft,
        author=writing.author,
        approvers=writing.approvers,
        rejected=writing.rejected,
        rule=writing.rule,
        glass_broken_by=writing.broken_by,
        guards=writing.guards,
        timing=Timing(
            source_s=_span(said.spoken, said.received) if said is not None else None,
            mirror_s=_span(said.received, at) if said is not None else None,
            writing_s=_span(begun, proposed),
            approval_s=_span(proposed, at),
            total_s=_span(begun, at) if begun is not None else _span(said.spoken if said else None, at),
            machine_s=writing.machine_s,
        ),
        beyond=beyond,
        missed=missed,
    )


def _described(alert: Alert) -> tuple[str, ...]:
    """The names of areas that are only drawn."""
    infos = [info for info in alert.infos if info.language.lower().startswith("en")] or list(alert.infos)
    return tuple(dict.fromkeys(area.description for info in infos[:1] for area in info.areas if area.description))


def _against(done: Published, content: Content | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    given = set(content.source_where.codes) if content is not None else set()
    if not given or not done.areas:
        return (), ()
    warned = set(done.areas)
    return tuple(sorted(warned - given)), tuple(sorted(given - warned))


def _span(since: datetime | None, until: datetime | None) -> float | None:
    return None if since is None or until is None else round((until - since).total_seconds(), 3)


class _Writing(Struct):
    """What the entries of one draft come to."""

    author: str = ""
    begun: datetime | None = None
    proposed: datetime | None = None
    rule: str = ""
    approvers: tuple[str, ...] = ()
    rejected: int = 0
    broken_by: str = ""
    machine_s: float | None = None
    guards: tuple[Guarded, ...] = ()


def _writing(entries: Iterable[Entry]) -> _Writing:
    made = _Writing()
    for entry in entries:
        match entry.kind:
            case "draft:begun":
                made.begun, made.author = entry.at, entry.read(Begun).person
            case "draft:changed":
                # A change voids the votes before it, and whoever changed it last is its author.
                made.author, made.approvers = entry.read(Begun).person, ()
            case "draft:proposed":
                made.proposed, made.rule, made.approvers = entry.at, entry.read(Proposed).rule, ()
            case "draft:approved":
                made.approvers = (*made.approvers, entry.read(Vote).person)
            case "draft:rejected":
                made.rejected += 1
            case "draft:glass-broken":
                made.broken_by = entry.read(Ended).person
            case "guard:overridden":
                past = entry.read(Overridden)
                made.guards = (*made.guards, Guarded(past.code, past.sentence, past.person, past.reason))
            case "stopwatch:stopped":
                made.machine_s = round(float(msgspec.json.decode(entry.body).get("machine_ms", 0.0)) / 1000, 4)
            case _:
                pass
    return made

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
from tocsin.place.gazetteer import Gazetteer
from tocsin.sense.report import CAP_XML, SIGNAL_JSON, Report
from tocsin.sense.signal import Signal
from tocsin.warn.approval import Vote
from tocsin.warn.desk import Overridden
from tocsin.warn.draft import Begun, Ended, Proposed, Where
from tocsin.warn.extent import difference, shape_of
from tocsin.warn.publish import Published


class Guarded(Struct, frozen=True):
    """A guard that somebody went past, and the reason they gave."""

    code: str
    sentence: str
    person: str
    reason: str


class Extent(Struct, frozen=True):
    """What a version covered on the ground against what the source gave. ``beyond`` is the share of ours that the source
    did not name, ``missed`` the share of the source's that we did not warn, 0 to 1; None where one of them has no shape.
    """

    km2: float | None = None
    source_km2: float | None = None
    beyond: float | None = None
    missed: float | None = None
    drawn: bool = False


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
    extent: Extent = Extent()

    def public(self) -> Issue:
        """Without persons and without what was written for colleagues."""
        guards = tuple(replace(one, person="", reason="") for one in self.guards)
        return replace(self, author="", approvers=(), draft="", glass_broken_by="", guards=guards)


def issues(found: Chronicle, gazetteer: Gazetteer) -> tuple[Issue, ...]:
    """Every published version of an event, in the order of the journal; areas are measured with the shapes of ``gazetteer``."""
    about: dict[str, list[Entry]] = {}
    for entry in found.entries:
        about.setdefault(entry.subject, []).append(entry)
    return tuple(_issue(at, done, found, about, gazetteer) for at, done in found.alerts)


def _issue(
    at: datetime, done: Published, found: Chronicle, about: Mapping[str, list[Entry]], gazetteer: Gazetteer
) -> Issue:
    alert = read(done.cap.encode(), limits=TRUSTED).alerts[0]
    content = found.drafts.get(done.draft)
    report = found.reports.get(done.report)
    said = report.read(Report) if report is not None else None
    entries = about.get(done.draft, []) if done.draft else []
    writing = _writing(entries)
    begun, proposed = writing.begun, writing.proposed
    given = content.source_where if content is not None else _given(said)
    beyond, missed = _against(done, given)
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
        extent=_extent(
            content.where if content is not None and content.where else _where(done, alert), given, gazetteer
        ),
    )


def _extent(ours: Where, given: Where, gazetteer: Gazetteer) -> Extent:
    shape, source = shape_of(ours, gazetteer), shape_of(given, gazetteer)
    apart = difference(ours, given, gazetteer) if ours and given else None
    return Extent(
        km2=None if shape is None else round(shape.area_km2, 1),
        source_km2=None if source is None else round(source.area_km2, 1),
        beyond=None if apart is None else round(apart.beyond, 4),
        missed=None if apart is None else round(apart.misses, 4),
        drawn=bool(ours.polygons or ours.circles or given.polygons or given.circles),
    )


def _given(said: Report | None) -> Where:
    """The area that the source itself named in its report."""
    if said is None:
        return Where()
    if said.media_type == SIGNAL_JSON:
        return Where(codes=(msgspec.json.decode(said.content, type=Signal).area,))
    found = read(said.content, limits=TRUSTED).alerts if said.media_type == CAP_XML else ()
    return _drawn(found[0]) if found else Where()


def _where(done: Published, alert: Alert) -> Where:
    """The area of an alert that came from no draft: its codes, and what is only drawn."""
    drawn = _drawn(alert)
    return Where(codes=done.areas) if done.areas else Where(polygons=drawn.polygons, circles=drawn.circles)


def _drawn(alert: Alert) -> Where:
    areas = alert.infos[0].areas if alert.infos else ()
    codes = [code.value for area in areas for code in area.geocodes if code.name.startswith("ISO3166")]
    polygons = [
        " ".join(f"{latitude / 1e6:.6f},{longitude / 1e6:.6f}" for latitude, longitude in one.points)
        for area in areas
        for one in area.polygons
    ]
    circles = [
        f"{one.latitude / 1e6:.6f},{one.longitude / 1e6:.6f} {one.radius_km}" for area in areas for one in area.circles
    ]
    return Where(tuple(dict.fromkeys(codes)), () if codes else tuple(polygons), () if codes else tuple(circles))


def _described(alert: Alert) -> tuple[str, ...]:
    """The names of areas that are only drawn."""
    infos = [info for info in alert.infos if info.language.lower().startswith("en")] or list(alert.infos)
    return tuple(dict.fromkeys(area.description for info in infos[:1] for area in info.areas if area.description))


def _against(done: Published, where: Where) -> tuple[tuple[str, ...], tuple[str, ...]]:
    given = set(where.codes)
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

"""Composing: phase first, then where, then for whom, then until when; the words follow by themselves.

- Nothing is sent by composing. Every save is one fact, and only when something changed; a browser that closes, a session
  that ends or a battery that dies loses nothing.
- The page works without a script: each button saves first and then does what it says. The script only saves by itself
  and shows the words while they change.
- Nothing defaults to the whole country; that takes its name, typed. What cannot be understood stays as it was, with the
  sentence beside it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec.structs import replace
from starlette.responses import Response

from tocsin.cap.limits import TRUSTED
from tocsin.cap.phase import Phase
from tocsin.cap.xml import read
from tocsin.errors import GeometryError, IllegalStepError, NotFoundError, TocsinError, UnreadableError
from tocsin.journal import Fact
from tocsin.remark import remark
from tocsin.sense.report import SIGNAL_JSON, Report
from tocsin.sense.signal import Signal
from tocsin.warn.draft import CITIZENS, STAFF, Content, Draft, DraftState, Extra, Where
from tocsin.warn.owner import Decided
from tocsin.warn.person import Act
from tocsin.warn.phrase import SLOTS
from tocsin.warn.publish import WARNS
from tocsin.web.console import outline
from tocsin.web.console.desk_room import Call, DeskRoom, at_desk
from tocsin.web.console.gate import Door
from tocsin.web.console.preview import preview
from tocsin.web.console.sheet import AUDIENCES, FACILITIES, ROLES, Trouble, present, read_content, zone_of

FIRST = (Phase.PREPARE, Phase.ACT)
LATER = (Phase.PREPARE, Phase.ACT, Phase.HOLD, Phase.ALL_CLEAR)
LENGTHS = {Phase.ACT: timedelta(hours=3), Phase.HOLD: timedelta(hours=3), Phase.ALL_CLEAR: timedelta(hours=1)}
NEXT = {Phase.PREPARE: timedelta(hours=4), Phase.ACT: timedelta(minutes=30), Phase.HOLD: timedelta(minutes=30)}


# --- beginning ---------------------------------------------------------------------------------------------------------


async def write(call: Call) -> Response:
    """The first question: which phase? And, where something stands already: is it not about that?"""
    room = call.room
    report = room.report(call.form.get("report")) if call.form.get("report") else None
    return call.page(
        "write.html",
        "write",
        open=[one for one in room.situation.live(call.at) if one.phase in WARNS],
        report=report,
        waiting=room.waiting.get(call.form.get("report")),
        drafts=room.desk.drafts.open(),
    )


async def begin(call: Call) -> Response:
    """Begin a draft in the phase that was chosen, from a report if it came from one."""
    room, form = call.room, call.form
    phase = phase_named(form.get("phase"), FIRST)
    name, report = room.new_name(), None
    content = timed(Content(phase=phase.value, owner=call.person), phase, call.at, room.zone)
    if form.get("report"):
        report = room.report(form.get("report"))
        if report is None:
            raise NotFoundError(remark("compose.no-report", "there is no such report"))
        content = from_report(content, report, room)
    await room.record(
        lambda: [
            *room.desk.begin(name, call.person, content, call.at),
            *(decided(room, report.id, Decided(call.person, "", name), call.at) if report else ()),
        ]
    )
    return call.back(f"/console/drafts/{name}")


async def set_aside(call: Call) -> Response:
    """Say that a waiting report needs no warning, and why."""
    report, reason = call.form.get("report"), call.form.get("reason").strip()
    if report not in call.room.waiting:
        raise NotFoundError(remark("compose.not-waiting", "this report does not wait any more"))
    if not reason:
        raise IllegalStepError(remark("compose.why-none", "say why it needs no warning"))
    await call.room.record(lambda: decided(call.room, report, Decided(call.person, reason[:300]), call.at))
    return call.back("/console/")


def decided(room: DeskRoom, report: str, what: Decided, at: datetime) -> list[Fact]:
    """That a person has decided on a report that waited."""
    return room.watch.decide(report, what, room.desk.people, at)


async def follow_up(call: Call) -> Response:
    """Begin the next version of an alert: update, extension, all-clear."""
    room, desk = call.room, call.room.desk
    identifier = call.request.path_params["identifier"]
    newest = desk.standing(identifier)
    wish = call.form.get("phase")
    phase = Phase(newest.phase) if wish == "extend" else phase_named(wish, LATER)
    name = room.new_name()
    await room.record(lambda: desk.begin_update(name, call.person, identifier, call.at, phase.value))
    begun = desk.draft(name).content
    content = replace(timed(begun, phase, call.at, room.zone), owner=call.person, source_where=begun.where)
    await room.record(lambda: desk.change(name, call.person, content, call.at))
    return call.back(f"/console/drafts/{name}")


def timed(content: Content, phase: Phase, at: datetime, zone: str) -> Content:
    """``content`` with the times that this phase usually has, to be looked at and changed."""
    start = at.replace(second=0, microsecond=0)
    local = start.astimezone(ZoneInfo(zone))
    midnight = (local + timedelta(days=1)).replace(hour=0, minute=0)
    ends = start + LENGTHS[phase] if phase in LENGTHS else midnight.astimezone(start.tzinfo)
    if ends - start < timedelta(minutes=30):
        ends = start + timedelta(hours=6)
    by = start + NEXT[phase] if phase in NEXT else None
    if by is not None and phase is Phase.PREPARE:
        by = min(by.replace(minute=30 if by.minute < 30 else 0) + timedelta(hours=0 if by.minute < 30 else 1), ends)
    return replace(content, starts=start, ends=ends, next_update_by=by)


def from_report(content: Content, report: Report, room: DeskRoom) -> Content:
    """What a report says of where and what; its area is kept beside ours, to compare with."""
    gazetteer, hazard, where = room.house.gazetteer, content.hazard, Where()
    if report.media_type == SIGNAL_JSON:
        import msgspec

        signal = msgspec.json.decode(report.content, type=Signal)
        hazard = signal.hazard
        where = Where(codes=(signal.area,)) if signal.area in gazetteer else where
    else:
        reading = read(report.content, limits=TRUSTED)
        if not reading.alerts:
            raise UnreadableError(remark("compose.unreadable", "the report is no message that can be read"))
        try:
            where = outline.from_alert(reading.alerts[0], gazetteer)
        except GeometryError:
            where = Where()
        if reading.alerts[0].incidents:
            content = replace(content, incidents=reading.alerts[0].incidents)
    # A source that speaks for the whole country is no reason to warn it all: its name has to be typed here too (F4).
    kept = tuple(code for code in where.codes if gazetteer.get(code).level > 0)
    return replace(content, hazard=hazard, where=replace(where, codes=kept), source_where=where)


# --- writing -----------------------------------------------------------------------------------------------------------


async def draft(call: Call) -> Response:
    """The draft's page: its form while it is written, and what was proposed from then on."""
    from tocsin.web.console.approve import agree

    one = call.room.desk.draft(call.request.path_params["draft"])
    writing = one.state is DraftState.WRITING or (
        "edit" in call.form and one.state in (DraftState.PROPOSED, DraftState.APPROVED)
    )
    if not writing or not call.may(Act.COMPOSE) or one.content.phase == Phase.RETRACTED:
        return await agree(call)
    return sheet(call, one)


def sheet(
    call: Call, one: Draft, troubles: tuple[Trouble, ...] = (), found: tuple[outline.Found, ...] = (), asked: str = ""
) -> Response:
    """The form of ``one`` with its preview."""
    return call.page("compose.html", "write", 422 if troubles else 200, **_values(call, one, troubles, found, asked))


def _values(
    call: Call, one: Draft, troubles: tuple[Trouble, ...], found: tuple[outline.Found, ...], asked: str
) -> dict[str, object]:
    room, content, t = call.room, one.content, call.t
    kit, gazetteer = room.desk.kit, room.house.gazetteer
    phases = FIRST if content.version == 1 else LATER
    zone = zone_of(content.where, room)
    hazards = kit.phrases.hazards(content.phase or "act")
    slots = dict.fromkeys(SLOTS, "")
    drawing = outline.drawing(content.where, gazetteer, t.language, room.house.settings.home)
    twin = room.desk.drafts.get(content.twin) if content.twin else None
    return {
        "draft": one,
        "c": content,
        "phases": phases,
        "hazards": [
            (h, kit.phrases.phrase(h, content.phase or "act", _known(kit.phrases.languages, t.language), **slots).event)
            for h in hazards
        ],
        "areas": [
            (code, gazetteer.name(code, t.language), gazetteer.get(code).level == 0) for code in content.where.codes
        ],
        "drawing": drawing,
        "drawn": outline.lines(content.where),
        "found": found,
        "asked": asked,
        "audiences": AUDIENCES,
        "roles": ROLES,
        "facilities": FACILITIES,
        "owners": [(p, room.name(p)) for p in present(room, call.at)],
        "zone": zone,
        "local": lambda moment: moment.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M") if moment else "",
        "extras": [(tag, content.extra.get(tag, Extra(""))) for tag in kit.issuer.languages],
        "troubles": {trouble.field: trouble.told(call.t) for trouble in troubles},
        "twin": twin,
        "pairs": pairs(one, twin),
        "p": preview(room, one, call.at),
        "saved": False,
    }


async def save(call: Call) -> Response:
    """Take the form over and do what its button says."""
    room, form, name = call.room, call.form, call.request.path_params["draft"]
    one = room.desk.draft(name)
    if form.get("seen").isdigit() and int(form.get("seen")) < one.changes and one.author != call.person:
        raise IllegalStepError(
            remark(
                "compose.meanwhile",
                "{person} has changed it meanwhile; load the page again",
                person=room.name(one.author),
            )
        )
    content, troubles = read_content(call, one, FIRST if one.content.version == 1 else LATER)
    if content.phase != one.content.phase and content.phase and "starts" not in form:
        content = timed(content, Phase(content.phase), call.at, room.zone)
    await room.record(lambda: room.desk.change(name, call.person, content, call.at))
    one = room.desk.draft(name)
    do = form.get("do")
    if call.quiet and do in ("", "save"):
        drawing = outline.drawing(one.content.where, room.house.gazetteer, call.t.language, room.house.settings.home)
        return call.part(
            "preview.html",
            draft=one,
            c=one.content,
            drawing=drawing,
            p=preview(room, one, call.at),
            troubles={trouble.field: trouble.told(call.t) for trouble in troubles},
            twin=room.desk.drafts.get(one.content.twin) if one.content.twin else None,
            saved=True,
        )
    if troubles:
        return sheet(call, one, troubles, asked=form.get("q"))
    match do:
        case "search":
            found = outline.find(room.house.gazetteer, form.get("q"), call.t.language, room.house.settings.home)
            return sheet(call, one, found=found, asked=form.get("q"))
        case "propose":
            await room.record(lambda: room.desk.propose(name, call.person, call.at))
            return call.back(f"/console/drafts/{name}")
        case "withdraw":
            await room.record(lambda: room.desk.withdraw(name, call.person, call.at))
            return call.back("/console/")
        case "pair":
            return await pair(call, one)
    return call.back(
        f"/console/drafts/{name}#where" if form.all("add") or form.get("remove") else f"/console/drafts/{name}"
    )


async def pair(call: Call, one: Draft) -> Response:
    """Make the other of a pair: the staff's version of a public warning, or the public's of a staff one, linked."""
    room, content = call.room, one.content
    twin = room.desk.drafts.get(content.twin) if content.twin else None
    if twin is not None and not pairs(one, twin):
        return call.back(f"/console/drafts/{content.twin}")
    name, audience = room.new_name(), STAFF if content.scope == "Public" else CITIZENS
    if twin is not None:
        audience = twin.content.audience
    await room.record(lambda: room.desk.begin_twin(name, call.person, one.id, audience, call.at))
    return call.back(f"/console/drafts/{name}")


def pairs(one: Draft, twin: Draft | None) -> bool:
    """Whether the other version of ``one`` is still to be made: there is none, or only that of what it updates."""
    return twin is None or (one.content.version > 1 and bool(twin.published) and twin.content.twin != one.id)


async def area_file(call: Call) -> Response:
    """Take the area of a draft from a file; nothing changes unless all of it was understood."""
    room, name = call.room, call.form.get("draft")
    one = room.desk.draft(name)
    try:
        where = outline.from_file(call.form.get("file").encode(), room.house.gazetteer)
    except TocsinError as wrong:
        return sheet(call, one, (Trouble("file", wrong.said or wrong.remark),))
    whole = [code for code in where.codes if room.house.gazetteer.get(code).level == 0]
    if whole:
        return sheet(call, one, (Trouble("file", call.t.say("where.whole.file")),))
    changed = replace(one.content, where=where, source_where=where)
    await room.record(lambda: room.desk.change(name, call.person, changed, call.at))
    return call.back(f"/console/drafts/{name}#where")


async def search(call: Call) -> Response:
    """Places that what is typed may mean, for the script."""
    found = outline.find(call.room.house.gazetteer, call.form.get("q"), call.t.language, call.room.house.settings.home)
    return call.part("found.html", found=found)


async def point(call: Call) -> Response:
    """The point on Earth under a point of the map."""
    try:
        x, y = float(call.form.get("x")), float(call.form.get("y"))
    except ValueError:
        raise GeometryError(remark("compose.xy", "x and y are numbers on the map")) from None
    found = outline.unproject(call.form.get("map"), x, y)
    if found is None:
        raise GeometryError(remark("compose.no-point", "there is no such point on the map"))
    return call.visit.answer({"point": f"{found[0] / 1e6:.4f},{found[1] / 1e6:.4f}"})


def phase_named(text: str, allowed: tuple[Phase, ...]) -> Phase:
    """The phase that was chosen, of those ``allowed``."""
    if text not in [phase.value for phase in allowed]:
        raise IllegalStepError(
            remark(
                "compose.choose-phase",
                "choose what people shall do: be ready, act now, stay, or that it is over",
            )
        )
    return Phase(text)


def _known(languages: tuple[str, ...], language: str) -> str:
    return language if language in languages else languages[0]


DOORS = (
    Door("GET", "/console/write", at_desk(write), Act.COMPOSE, menu="menu.write"),
    Door("POST", "/console/drafts", at_desk(begin), Act.COMPOSE),
    Door("POST", "/console/set-aside", at_desk(set_aside), Act.COMPOSE),
    Door("POST", "/console/next/{identifier:path}", at_desk(follow_up), Act.COMPOSE),
    Door("GET", "/console/drafts/{draft}", at_desk(draft), Act.LOOK),
    Door("POST", "/console/drafts/{draft}", at_desk(save), Act.COMPOSE),
    Door("POST", "/console/area-file", at_desk(area_file), Act.COMPOSE),
    Door("GET", "/console/search", at_desk(search), Act.COMPOSE),
    Door("GET", "/console/point", at_desk(point), Act.COMPOSE),
)

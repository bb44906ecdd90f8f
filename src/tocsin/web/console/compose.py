"""Composing: phase first, then where, then for whom, then until when; the words follow by themselves.

- Nothing is sent by composing. Every save is one fact, and only when something changed; a browser that closes, a session
  that ends or a battery that dies loses nothing.
- The page works without a script: each button saves first and then does what it says. The script only saves by itself
  and shows the words while they change.
- Nothing defaults to the whole country; that takes its name, typed. What cannot be understood stays as it was, with the
  sentence beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace
from starlette.responses import Response

from tocsin.cap.limits import TRUSTED
from tocsin.cap.phase import Phase
from tocsin.cap.xml import read
from tocsin.clock import parse
from tocsin.errors import GeometryError, IllegalStepError, NotFoundError, TocsinError, UnreadableError
from tocsin.journal import Fact
from tocsin.sense.report import SIGNAL_JSON, Report
from tocsin.sense.signal import Signal
from tocsin.warn.draft import CITIZENS, EVERYONE, STAFF, Content, Draft, DraftState, Extra, Where
from tocsin.warn.owner import Decided
from tocsin.warn.person import Act, Role
from tocsin.warn.phrase import SLOTS
from tocsin.warn.publish import WARNS
from tocsin.web.console import outline
from tocsin.web.console.desk_room import Call, DeskRoom, at_desk
from tocsin.web.console.gate import Door
from tocsin.web.console.incident_room import IncidentRoom
from tocsin.web.console.preview import preview
from tocsin.web.console.proposed import offered, take

FIRST = (Phase.PREPARE, Phase.ACT)
LATER = (Phase.PREPARE, Phase.ACT, Phase.HOLD, Phase.ALL_CLEAR)
AUDIENCES = (EVERYONE, CITIZENS, STAFF)
FACILITIES = ("", "open", "limited", "closed")
LONGEST = 2000
LENGTHS = {Phase.ACT: timedelta(hours=3), Phase.HOLD: timedelta(hours=3), Phase.ALL_CLEAR: timedelta(hours=1)}
NEXT = {Phase.PREPARE: timedelta(hours=4), Phase.ACT: timedelta(minutes=30), Phase.HOLD: timedelta(minutes=30)}


class Trouble(Struct, frozen=True):
    """What could not be taken over from the form: the field, and why."""

    field: str
    sentence: str


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
            raise NotFoundError("there is no such report")
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
        raise NotFoundError("this report does not wait any more")
    if not reason:
        raise IllegalStepError("say why it needs no warning")
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
            raise UnreadableError("the report is no message that can be read")
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
    language = _known(kit.phrases.languages, t.language)
    named = [(h, kit.phrases.phrase(h, content.phase or "act", language, **slots).event) for h in hazards]
    drawing = outline.drawing(content.where, gazetteer, t.language, room.house.settings.home)
    return {
        "draft": one,
        "c": content,
        "phases": phases,
        "hazards": named,
        "proposed": offered(room, one, t, dict(named)),
        "flags": IncidentRoom.of(room.house).backings.flags(one.id),
        "areas": [
            (code, gazetteer.name(code, t.language), gazetteer.get(code).level == 0) for code in content.where.codes
        ],
        "drawing": drawing,
        "drawn": outline.lines(content.where),
        "found": found,
        "asked": asked,
        "audiences": AUDIENCES,
        "facilities": FACILITIES,
        "owners": [(p, room.name(p)) for p in _present(room, call.at)],
        "zone": zone,
        "local": lambda moment: moment.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M") if moment else "",
        "extras": [(tag, content.extra.get(tag, Extra(""))) for tag in kit.issuer.languages],
        "troubles": {trouble.field: trouble.sentence for trouble in troubles},
        "twin": room.desk.drafts.get(content.twin) if content.twin else None,
        "p": preview(room, one, call.at),
        "saved": False,
    }


async def save(call: Call) -> Response:
    """Take the form over and do what its button says."""
    room, form, name = call.room, call.form, call.request.path_params["draft"]
    one = room.desk.draft(name)
    if form.get("seen").isdigit() and int(form.get("seen")) < one.changes and one.author != call.person:
        raise IllegalStepError(f"{room.name(one.author)} has changed it meanwhile; load the page again")
    content, troubles = read_content(call, one)
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
            troubles={trouble.field: trouble.sentence for trouble in troubles},
            twin=room.desk.drafts.get(one.content.twin) if one.content.twin else None,
            saved=True,
        )
    if troubles:
        return sheet(call, one, troubles, asked=form.get("q"))
    if key := form.get("take"):
        wrong: list[Trouble] = []

        def step() -> list[Fact]:
            facts, field, why = take(call, room.desk.draft(name), key)
            wrong.extend([Trouble(field, why)] if why else [])
            return facts

        await room.record(step)
        if wrong:
            return sheet(call, room.desk.draft(name), tuple(wrong))
        return call.back(f"/console/drafts/{name}")
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
    if content.twin:
        return call.back(f"/console/drafts/{content.twin}")
    name, audience = room.new_name(), STAFF if content.scope == "Public" else CITIZENS
    await room.record(lambda: room.desk.begin_twin(name, call.person, one.id, audience, call.at))
    return call.back(f"/console/drafts/{name}")


async def area_file(call: Call) -> Response:
    """Take the area of a draft from a file; nothing changes unless all of it was understood."""
    room, name = call.room, call.form.get("draft")
    one = room.desk.draft(name)
    try:
        where = outline.from_file(call.form.get("file").encode(), room.house.gazetteer)
    except TocsinError as wrong:
        return sheet(call, one, (Trouble("file", wrong.detail or str(wrong)),))
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
        raise GeometryError("x and y are numbers on the map") from None
    found = outline.unproject(call.form.get("map"), x, y)
    if found is None:
        raise GeometryError("there is no such point on the map")
    return call.visit.answer({"point": f"{found[0] / 1e6:.4f},{found[1] / 1e6:.4f}"})


# --- reading the form --------------------------------------------------------------------------------------------------


def read_content(call: Call, one: Draft) -> tuple[Content, tuple[Trouble, ...]]:
    """What the form says over what the draft said; a field that cannot be read stays as it was, with its trouble."""
    form, content, troubles = call.form, one.content, []
    zone = zone_of(content.where, call.room)

    def text(name: str, old: str, allowed: Mapping[str, object] | tuple[str, ...] | None = None) -> str:
        value = form.get(name, old).strip()[:LONGEST]
        if allowed is not None and value and value not in allowed:
            troubles.append(Trouble(name, call.t.say("trouble.choice")))
            return old
        return value

    def moment(name: str, old: datetime | None) -> datetime | None:
        if name not in form:
            return old
        value = form.get(name).strip()
        if not value:
            return None
        try:
            local = datetime.fromisoformat(value)
            return parse(value) if local.tzinfo else local.replace(tzinfo=ZoneInfo(zone)).astimezone(call.at.tzinfo)
        except (ValueError, TocsinError):
            troubles.append(Trouble(name, call.t.say("trouble.time")))
            return old

    phases = tuple(phase.value for phase in (FIRST if content.version == 1 else LATER))
    phase = text("phase", content.phase, phases)
    hazards = call.room.desk.kit.phrases.hazards(phase or "act")
    audience = text("audience", content.audience, (*AUDIENCES, *(f"role:{role.value}" for role in Role)))
    made = replace(
        content,
        phase=phase,
        hazard=text("hazard", content.hazard, (*hazards, content.hazard)),
        audience=audience,
        facility=text("facility", content.facility, FACILITIES),
        owner=text("owner", content.owner, tuple(_present(call.room, call.at))),
        deputy=text("deputy", content.deputy, tuple(_present(call.room, call.at))),
        starts=moment("starts", content.starts),
        ends=moment("ends", content.ends),
        next_update_by=moment("next", content.next_update_by),
        extra=_extra(call, content),
        reasons={**content.reasons, **{code: reason.strip()[:500] for code, reason in form.under("reason.").items()}},
        where=_where(call, content.where, troubles),
    )
    if phase != content.phase and phase in ("prepare", "act", "hold", "all-clear") and "starts" not in form:
        made = timed(made, Phase(phase), call.at, call.room.zone)
    return made, tuple(troubles)


def _where(call: Call, where: Where, troubles: list[Trouble]) -> Where:
    form, gazetteer = call.form, call.room.house.gazetteer
    codes = [code for code in where.codes if "where" not in form or gazetteer.get(code).level == 0]
    for code in (*(form.all("code") if "where" in form else ()), *form.all("add")):
        if code not in gazetteer:
            troubles.append(Trouble("where", call.t.say("trouble.code", code=code[:40])))
        elif gazetteer.get(code).level > 0:
            codes.append(gazetteer.get(code).code)
        elif code not in where.codes:
            troubles.append(
                Trouble("whole", call.t.say("where.whole.type", name=gazetteer.name(code, call.t.language)))
            )
    typed = form.get("whole").strip()
    country = form.get("country") or call.room.house.settings.home[:2]
    if typed and "where" in form:
        if outline.is_typed(gazetteer, country, typed):
            codes = [country]
        else:
            troubles.append(
                Trouble("whole", call.t.say("where.whole.type", name=gazetteer.name(country, call.t.language)))
            )
    gone = form.get("remove")
    codes = [code for code in dict.fromkeys(codes) if code != gone]
    wide = [code for code in codes if gazetteer.get(code).level == 0]
    if wide:
        # What lies inside a country that is warned as a whole is warned already.
        codes = [code for code in codes if code in wide or not set(gazetteer.ancestors(code)) & set(wide)]
    polygons, circles = where.polygons, where.circles
    if "shape" in form:
        try:
            polygons, circles = outline.drawn(form.get("shape"))
        except GeometryError as wrong:
            troubles.append(Trouble("shape", wrong.detail or str(wrong)))
    names = {tag: name.strip()[:120] for tag, name in form.under("name.").items() if name.strip()} or where.name
    return Where(tuple(codes), polygons, circles, names if polygons or circles else {})


def _extra(call: Call, content: Content) -> dict[str, Extra]:
    """Free text by language. Whoever changes a text takes the confirmation of whoever had read the old one away."""
    given = call.form.under("extra.")
    confirmed = set(call.form.all("confirm"))
    made = {}
    for tag in call.room.desk.kit.issuer.languages:
        old = content.extra.get(tag, Extra(""))
        text = given.get(tag, old.text).replace("\r\n", "\n").strip()[:LONGEST]
        if not text:
            continue
        by = old.confirmed_by if text == old.text.strip() else ""
        if tag in given:
            by = (by or call.person) if tag in confirmed else ""
        made[tag] = Extra(text, by)
    return made


def zone_of(where: Where, room: DeskRoom) -> str:
    """The time zone people of this area live by; the one at home while there is no area."""
    return room.house.gazetteer.get(where.codes[0]).zone if where.codes else room.zone


def _present(room: DeskRoom, at: datetime) -> list[str]:
    people = room.desk.people
    return [
        person.id
        for person in people
        if people.can(person.id, Act.COMPOSE, at) or people.can(person.id, Act.RETRACT, at)
    ]


def phase_named(text: str, allowed: tuple[Phase, ...]) -> Phase:
    """The phase that a form names; :class:`IllegalStepError` where it is none that can be chosen here."""
    if text not in [phase.value for phase in allowed]:
        raise IllegalStepError("choose what people shall do: be ready, act now, stay, or that it is over")
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

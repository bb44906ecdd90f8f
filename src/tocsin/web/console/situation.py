"""The first page: what is live, what has fallen silent, what was promised, what waits for a person, and who can approve.

- It is read from the top under stress: what asks for something now comes first, and an empty list says that it is empty.
- "Who can approve now" always stands here; nobody is a fault and looks like one (req. 59).
- A shift is handed over in writing: what is open is acknowledged line by line, and whoever takes over signs (req. 47).
"""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec import Struct
from starlette.responses import Response

from tocsin.cap.limits import TRUSTED
from tocsin.cap.phase import Phase
from tocsin.cap.xml import read
from tocsin.errors import IllegalStepError, TocsinError
from tocsin.remark import Remark
from tocsin.sense.news import News
from tocsin.sense.report import NEWS_JSON, SIGNAL_JSON
from tocsin.warn.draft import Draft, DraftState
from tocsin.warn.handover import (
    HANDOVER_ACCEPTED,
    HANDOVER_SIGNED,
    Handover,
    KeyEnd,
    Signed,
    accept,
    listed,
    sign_off,
)
from tocsin.warn.owner import UNDECIDED
from tocsin.warn.person import Act
from tocsin.warn.situation import Live
from tocsin.web.console.desk_room import Call, DeskRoom, at_desk, leave_other
from tocsin.web.console.gate import Door
from tocsin.web.console.noted import Note

MOST = 12


class Row(Struct, frozen=True):
    """One live alert as the list shows it."""

    live: Live
    phase: Phase
    title: str
    places: str
    owner: str
    ends: datetime | None
    promised: datetime | None
    mine: bool


class Contact(Struct, frozen=True):
    """One source and whether it is heard."""

    name: str
    heard: datetime | None
    fresh: bool
    official: bool


class Waits(Struct, frozen=True):
    """A report that waits for a person. ``late``: an official one that nobody has acted on for ten minutes (F12)."""

    id: str
    source: str
    title: str
    at: datetime
    late: bool
    reason: str


def rows(room: DeskRoom, language: str, at: datetime) -> tuple[list[Row], list[Row]]:
    """What is live: our own alerts, and those that are mirrored."""
    own: list[Row] = []
    mirrored: list[Row] = []
    gazetteer = room.house.gazetteer
    for live in room.situation.live(at):
        done = live.published
        draft = room.desk.drafts.get(done.draft) if done.draft else None
        names = [gazetteer.name(code, language) for code in done.areas if code in gazetteer]
        drawn = next((area.description for info in live.alert.infos for area in info.areas), "")
        row = Row(
            live,
            live.phase,
            room.title(live, language),
            ", ".join(names[:4]) + (" …" if len(names) > 4 else "") or drawn,
            room.watch.owner(done.event_id) or (draft.content.owner if draft else ""),
            room.ends(live),
            room.promised(live),
            room.is_own(done),
        )
        (own if row.mine else mirrored).append(row)
    return own, mirrored


def contacts(room: DeskRoom, language: str, at: datetime) -> list[Contact]:
    """Every source, those that are silent first."""
    intake = room.house.intake
    found = [
        Contact(
            source.names.get(language) or source.name,
            room.house.last_heard(source.id),
            intake.fresh(source.id, at),
            source.official,
        )
        for source in room.house.sources.values()
    ]
    return sorted(found, key=lambda one: (one.fresh, one.name))


def waits(room: DeskRoom, language: str, at: datetime) -> list[Waits]:
    """Reports that no policy acts on, newest first, those that are overdue before all others."""
    found: list[Waits] = []
    overdue = {one.report for one in room.watch.undecided() if at - one.since >= UNDECIDED[0]}
    for note in reversed(room.waiting.values()):
        late = note.subject in overdue
        name = room.house.source_name(str(note.body.get("source", "")), language)
        title = _title(room, note.subject, language) if len(found) < 4 * MOST else ""
        found.append(Waits(note.subject, name, title, note.at, late, str(note.body.get("detail", ""))))
    return sorted(found, key=lambda one: not one.late)


def _title(room: DeskRoom, report: str, language: str) -> str:
    """What a report is about, in one line."""
    known = room.report(report)
    if known is None:
        return report
    try:
        if known.media_type == SIGNAL_JSON:
            from tocsin.sense.signal import Signal

            signal = msgspec.json.decode(known.content, type=Signal)
            place = (
                room.house.gazetteer.name(signal.area, language) if signal.area in room.house.gazetteer else signal.area
            )
            return f"{place}: {signal.hazard}"
        if known.media_type == NEWS_JSON:
            return msgspec.json.decode(known.content, type=News).headline or report
        alerts = read(known.content, limits=TRUSTED).alerts
        infos = alerts[0].infos if alerts else ()
        info = next((one for one in infos if one.language[:2].lower() == language), infos[0] if infos else None)
        return (info.headline or info.event) if info else report
    except (TocsinError, ValueError):
        return report


async def situation(call: Call) -> Response:
    """The first page."""
    room, t, at = call.room, call.t, call.at
    own, mirrored = rows(room, t.language, at)
    waiting = waits(room, t.language, at)
    drafts = room.desk.drafts.open()
    people = room.desk.people
    return call.page(
        "situation.html",
        "situation",
        own=own,
        mirrored=mirrored[:MOST],
        mirrored_count=len(mirrored),
        contacts=contacts(room, t.language, at),
        waiting=waiting[:MOST],
        waiting_count=len(waiting),
        drafts=drafts,
        for_me=[one for one in drafts if _asks(room, one, call)],
        approvers=[(person, people.get(person)) for person in people.approvers(at)],
        keys=_keys(room, at),
        reviews=room.reviews(),
        offered=_offered(room, call.person),
        last_handover=next(iter(room.notes_about(HANDOVER_ACCEPTED)), None),
        pending=room.sending.waiting,
        may_write=call.may(Act.COMPOSE),
        may_hand_over=call.may(Act.HAND_OVER),
    )


def _asks(room: DeskRoom, one: Draft, call: Call) -> bool:
    """Whether this person can do something for a proposal now."""
    return (
        one.state is DraftState.PROPOSED
        and one.author != call.person
        and call.may(Act.APPROVE)
        and all(vote.person != call.person for vote in one.votes)
    )


def _keys(room: DeskRoom, at: datetime) -> list[Remark]:
    """What is the matter with the signing keys, as sentences; nothing is the matter when it is empty."""
    certificates = getattr(room.house, "certificates", None)
    return list(certificates.faults(at)) if certificates is not None else []


def _offered(room: DeskRoom, person: str) -> Note | None:
    """The handover that waits for this person's signature."""
    notes = room.notes_about("handover:")
    taken = {note.subject for note in notes if note.kind == HANDOVER_ACCEPTED}
    newest = next((note for note in notes if note.kind == HANDOVER_SIGNED), None)
    return newest if newest is not None and newest.body["to"] == person and newest.subject not in taken else None


def open_things(room: DeskRoom, language: str, at: datetime) -> Handover:
    """What the shift leaves, as the machine lists it."""
    certificates = getattr(room.house, "certificates", None)
    keys = (
        [KeyEnd(one.key_id, one.certificate.not_valid_after_utc) for one in certificates]
        if certificates is not None
        else []
    )
    stale = [one.name for one in contacts(room, language, at) if not one.fresh]
    return listed(room.watch, room.promises, room.desk.drafts, room.desk.people, at, keys=keys[-1:], stale=stale)


async def handover(call: Call) -> Response:
    """What the next shift must know."""
    room, t = call.room, call.t
    own, _ = rows(room, t.language, call.at)
    return call.page(
        "handover.html",
        "situation",
        open=open_things(room, t.language, call.at),
        titles={row.live.published.identifier: row for row in own},
        drafts=room.desk.drafts.open(),
        keys=_keys(room, call.at),
        offered=_offered(room, call.person),
        successors=[
            (person.id, room.name(person.id))
            for person in room.desk.people
            if person.id != call.person and room.desk.people.can(person.id, Act.HAND_OVER, call.at)
        ],
        history=[note for note in room.notes_about("handover:") if note.kind == HANDOVER_ACCEPTED][:5],
    )


async def hand_over(call: Call) -> Response:
    """Sign the shift off to somebody, or take it over; each open promise is acknowledged by name."""
    room, form, people = call.room, call.form, call.room.desk.people
    realm = room.house.settings.realm
    if form.get("offered"):
        offered = _offered(room, call.person)
        if offered is None or offered.subject != form.get("offered"):
            raise IllegalStepError(Remark("handover.nothing", "nothing is offered to you any more"))
        signed = msgspec.convert(offered.body, Signed)
        await room.record(lambda: accept(offered.subject, signed, call.person, people, call.at, realm))
        return call.back("/console/")
    left = open_things(room, call.t.language, call.at)
    remark = form.get("note").strip()[:1000]
    await room.record(
        lambda: sign_off(
            left, call.person, form.get("to"), form.all("seen"), people, call.at, remark=remark, realm=realm
        )
    )
    return call.back("/console/")


DOORS = (
    Door("GET", "/console/", at_desk(situation), Act.LOOK, menu="menu.situation"),
    Door("GET", "/console/handover", at_desk(handover), Act.HAND_OVER),
    Door("POST", "/console/handover", at_desk(hand_over), Act.HAND_OVER),
    Door("POST", "/console/realm", at_desk(leave_other), Act.LOOK),
)

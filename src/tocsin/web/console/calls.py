"""Calls: who was called about what, by which ways it got through, and the one button that answers.

- The link in a call opens one page with one button and needs no session: it is sealed, for this call of this person only,
  and ends in an hour. Opening it changes nothing, because programs open links before people do.
- Here everybody at the desk sees every call, what failed, and who has answered.
- An alert that was stopped is sent anyway only by a person who is present now and says why; the journal keeps both.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct
from starlette.responses import Response

from tocsin.cap.alert import Scope
from tocsin.errors import ForgedFormError, IllegalStepError, NotFoundError
from tocsin.warn.owner import PAGE_FAILED, PAGE_SENT, Page
from tocsin.warn.person import Act
from tocsin.web.console.desk_room import Call, DeskRoom, at_desk, speech
from tocsin.web.console.gate import ANYBODY, Door
from tocsin.web.console.visit import Visit

PURPOSE = "answer a call"
LASTS_S = 3600.0
MOST = 50


class Row(Struct, frozen=True):
    """One call as the list shows it: the ways that took it, and those that did not with why."""

    page: Page
    sentence: str
    href: str
    sent: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]
    answered: bool
    mine: bool


def link(room: DeskRoom, page: Page) -> str:
    """The address under which the person who is called answers."""
    identity = room.house.identity
    return f"{identity.origin.address}/console/answer/{identity.sealed(PURPOSE, page.id, LASTS_S)}"


def sentence(room: DeskRoom, page: Page, language: str) -> str:
    """What a call is about, in one sentence of ``language``."""
    if not page.kind:
        return page.sentence
    name = _title(room, page, language)
    return speech(language).say(f"call.{page.kind}", name=name, minutes=page.minutes, days=page.minutes // 1440)


def about(page: Page) -> tuple[str, str]:
    """What kind of thing a call is about, and its name: an alert, a report, an event, a key."""
    head, _, name = page.about.partition("/")
    return (head, name) if head in ("stopped", "promise", "report", "key") and name else ("alert", page.about)


def _title(room: DeskRoom, page: Page, language: str) -> str:
    kind, name = about(page)
    if kind == "report":
        return name
    if kind == "key":
        return name.rpartition("@")[0]
    done = room.versions.get(name.rpartition("@")[0], [None])[-1] if kind == "promise" else room.published(name)
    if done is None or done.scope != Scope.PUBLIC:
        # A telephone lies open: what is for staff only is named and not told.
        return done.identifier if done is not None else name
    from tocsin.cap.limits import TRUSTED
    from tocsin.cap.xml import read

    infos = read(done.cap.encode(), limits=TRUSTED).alerts[0].infos
    info = next((one for one in infos if one.language[:2] == language), infos[0] if infos else None)
    return (info.headline or info.event).rstrip(".") if info else name


def _href(room: DeskRoom, page: Page) -> str:
    kind, name = about(page)
    if kind in ("report", "key"):
        return "/console/"
    if kind == "promise":
        found = room.versions.get(name.rpartition("@")[0])
        return f"/console/alerts/{found[-1].identifier}" if found else "/console/"
    return f"/console/alerts/{name}"


def rows(room: DeskRoom, person: str, language: str) -> list[Row]:
    """The newest calls."""
    tried = [*room.notes_about(PAGE_SENT), *room.notes_about(PAGE_FAILED)]
    found = []
    for page in room.watch.pages()[:MOST]:
        of = [note for note in tried if note.subject == page.id]
        sent = tuple(dict.fromkeys(str(note.body["way"]) for note in of if note.kind == PAGE_SENT))
        failed = {str(n.body["way"]): str(n.body["wrong"]) for n in reversed(of) if n.kind == PAGE_FAILED}
        found.append(
            Row(
                page,
                sentence(room, page, language),
                _href(room, page),
                sent,
                tuple((way, wrong) for way, wrong in failed.items() if way not in sent),
                room.watch.is_answered(page.id),
                page.person == person,
            )
        )
    return found


async def calls(call: Call) -> Response:
    """Every call, newest first."""
    return call.page("calls.html", "situation", rows=rows(call.room, call.person, call.t.language))


async def answer(call: Call) -> Response:
    """The person at the desk answers a call."""
    room, name = call.room, call.form.get("page")
    if room.watch.page(name) is None:
        raise NotFoundError("there is no such call")
    await room.record(lambda: room.watch.answer(name, call.person, room.desk.people, call.at))
    return call.back("/console/calls")


def _opened(visit: Visit) -> tuple[DeskRoom, Page]:
    """The call that a sealed link is for."""
    room = DeskRoom.of(visit.house)
    room.take_in()
    page = room.watch.page(str(visit.house.identity.unsealed(PURPOSE, visit.part("token"))))
    if page is None:
        raise ForgedFormError
    return room, page


async def asked(visit: Visit) -> Response:
    """``GET /console/answer/{token}``: what it is about, and the button."""
    room, page = _opened(visit)
    return _answer_page(visit, room, page, room.watch.is_answered(page.id))


async def answered(visit: Visit) -> Response:
    """``POST /console/answer/{token}``: the person who was called answers."""
    room, page = _opened(visit)
    at: datetime = room.house.now()
    await room.record(lambda: room.watch.answer(page.id, page.person, room.desk.people, at))
    return _answer_page(visit, room, page, True)


def _answer_page(visit: Visit, room: DeskRoom, page: Page, done: bool) -> Response:
    values: dict[str, Any] = {"sentence": sentence(room, page, visit.language), "done": done, "href": _href(room, page)}
    return visit.page("answer.html", **values)


async def send_anyway(call: Call) -> Response:
    """Send a stopped alert on, on one person's word."""
    room, identifier = call.room, call.request.path_params["identifier"]
    reason = call.form.get("reason")
    if not reason.strip():
        raise IllegalStepError("say why")
    # The gate has just checked a proof made for exactly this form.
    await room.record(
        lambda: room.widening.send_anyway(identifier, call.person, reason, True, room.desk.people, call.at)
    )
    return call.back(f"/console/alerts/{identifier}")


DOORS = (
    Door("GET", "/console/calls", at_desk(calls), Act.LOOK, menu="menu.calls"),
    Door("POST", "/console/calls", at_desk(answer), Act.LOOK),
    Door("GET", "/console/answer/{token}", asked, ANYBODY),
    Door("POST", "/console/answer/{token}", answered, ANYBODY),
    Door("POST", "/console/widen/{identifier:path}", at_desk(send_anyway), Act.PUBLISH),
)

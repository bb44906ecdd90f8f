"""Agreeing: what exactly is to be signed, who has agreed, how long we wait, and then sending it.

- The page shows the messages that the digest covers, whole; the proof of presence is made for that digest (req. 53).
- The clock is on the page: when the next in line is called, and when one person may go on alone, if the rule has that.
- Sending takes a deliberate hand: two seconds held down, or two steps by keyboard. Only what asks for no haste (be ready)
  waits fifteen more seconds in which it can be stopped; what tells people to act never waits.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from starlette.responses import Response

from tocsin.cap.alert import Info
from tocsin.cap.limits import TRUSTED
from tocsin.cap.phase import Phase
from tocsin.cap.xml import read
from tocsin.errors import IllegalStepError
from tocsin.journal import Fact
from tocsin.remark import remark
from tocsin.warn.approval import BreakGlass, State, Vote
from tocsin.warn.draft import Draft, DraftState
from tocsin.warn.person import Act
from tocsin.web.console import outline
from tocsin.web.console.desk_room import Call, at_desk
from tocsin.web.console.gate import Door
from tocsin.web.console.preview import language_name, preview
from tocsin.web.console.sending import Sending
from tocsin.web.console.sheet import zone_of

log = logging.getLogger("tocsin.web")

UNDO = timedelta(seconds=15)
REASONS = ("wrong-area", "wrong-words", "wrong-time", "not-true", "other")


async def agree(call: Call) -> Response:
    """What was proposed, whole, with the clock and the buttons that this person may press."""
    room, one = call.room, call.room.desk.draft(call.request.path_params["draft"])
    content = one.content
    standing = room.desk.progress(one, call.at) if one.state is DraftState.PROPOSED else None
    ready = one.state is DraftState.APPROVED or (standing is not None and standing.state is State.READY)
    pending = room.sending.waiting.get(one.id)
    mine = any(vote.person == call.person for vote in one.votes)
    may_vote = (
        one.state is DraftState.PROPOSED
        and standing is not None
        and standing.state is State.WAITING
        and one.author != call.person
        and not mine
        and call.may(Act.APPROVE)
    )
    return call.page(
        "agree.html",
        "write",
        draft=one,
        c=content,
        zone_here=zone_of(content.where, room),
        p=preview(room, one, call.at),
        drawing=outline.drawing(content.where, room.house.gazetteer, call.t.language, room.house.settings.home),
        areas=[room.house.gazetteer.name(code, call.t.language) for code in content.where.codes],
        standing=standing,
        ready=ready,
        mine=mine,
        may_vote=may_vote,
        may_send=ready and pending is None and call.may(Act.PUBLISH),
        may_break=one.state is DraftState.PROPOSED
        and standing is not None
        and standing.break_glass_now
        and call.may(Act.BREAK_GLASS),
        may_change=call.may(Act.COMPOSE)
        and one.state in (DraftState.PROPOSED, DraftState.APPROVED)
        and content.phase != Phase.RETRACTED
        and pending is None,
        own=one.author == call.person,
        pending=pending.due if pending else None,
        failed=room.sending.failed.get(one.id, ""),
        armed="send" in call.form and ready,
        twin=room.desk.drafts.get(content.twin) if content.twin else None,
        sent=_sent(call, one),
        people=room.desk.census(content.where),
        reasons=REASONS,
        reviews=room.notes_about("review:", one.id),
        may_review=one.id in room.desk.reviews()
        and room.desk.reviews()[one.id] != call.person
        and call.may(Act.APPROVE),
        others=standing.can_approve if standing else (),
    )


def _sent(call: Call, one: Draft) -> list[tuple[Info, str]]:
    """What people read of a draft that has left, word for word, with the name of each language; its reader's first."""
    published = call.room.published(one.published) if one.published else None
    if published is None:
        return []
    infos = read(published.cap.encode(), limits=TRUSTED).alerts[0].infos
    own = sorted(infos, key=lambda info: info.language[:2] != call.t.language)
    return [(info, language_name(info.language or "en")) for info in own]


async def vote(call: Call) -> Response:
    """Approve or reject exactly the digest that stood on the page."""
    form, name = call.form, call.request.path_params["draft"]
    approve = form.get("vote") == "approve"
    why = form.get("why")
    reason = " ".join(
        part
        for part in (call.t.say(f"reject.{why}") if why in REASONS[:-1] else "", form.get("reason").strip())
        if part
    )
    said = Vote(call.person, approve, form.get("digest"), call.at, call.at, "" if approve else reason[:500])
    await call.room.record(lambda: call.room.desk.vote(name, said))
    return call.back(f"/console/drafts/{name}")


async def break_glass(call: Call) -> Response:
    """Go on alone, for the area that is typed and no other, and with a review to come."""
    room, name = call.room, call.request.path_params["draft"]
    one = room.desk.draft(name)
    areas = tuple(
        code
        for code in one.content.where.codes
        if outline.is_typed(room.house.gazetteer, code, call.form.get(f"area.{code}"))
    )
    glass = BreakGlass(call.person, call.form.get("reason").strip()[:500], areas, call.at, call.at)
    await room.record(lambda: room.desk.break_glass(name, glass))
    return call.back(f"/console/drafts/{name}")


async def publish(call: Call) -> Response:
    """Send what was agreed on: at once, or where there is no haste, in fifteen seconds."""
    room, form, name = call.room, call.form, call.request.path_params["draft"]
    one = room.desk.draft(name)
    if form.get("digest") != one.digest:
        raise IllegalStepError(remark("desk.changed", "it has changed since you looked at it; look again"))
    if one.content.phase == Phase.PREPARE:
        # What cannot be sent is said now and not in fifteen seconds.
        room.desk.publish(name, call.person, call.at, room.sign, call.at)
        await room.sending.begin(name, Sending(call.person, one.digest, call.at, call.at + UNDO))
        return call.back(f"/console/drafts/{name}")
    await send(call, one, call.at)
    return call.back(f"/console/alerts/{call.room.desk.draft(name).published}")


async def send(call: Call, one: Draft, at: datetime) -> None:
    """Sign and record it, with the stopwatch, in one commit."""
    room = call.room
    began = room.steady()

    def step() -> list[Fact]:
        facts = room.desk.publish(one.id, call.person, call.at, room.sign, at)
        return [*facts, room.stopped(one.id, began, at)]

    await room.record(step)


async def review(call: Call) -> Response:
    """Say what one found in what somebody else had sent alone."""
    name = call.request.path_params["draft"]
    await call.room.record(lambda: call.room.desk.review(name, call.person, call.form.get("found"), call.at))
    return call.back(f"/console/drafts/{name}")


async def stop(call: Call) -> Response:
    """Stop what is about to be sent."""
    room, name = call.room, call.request.path_params["draft"]
    await room.sending.stop(name, call.person)
    return call.back(f"/console/drafts/{name}")


async def withdraw(call: Call) -> Response:
    """Give a proposal up."""
    room, name = call.room, call.request.path_params["draft"]
    if name in room.sending.waiting:
        raise IllegalStepError(remark("approve.stop-first", "stop sending it first"))
    await room.record(lambda: room.desk.withdraw(name, call.person, call.at))
    return call.back("/console/")


DOORS = (
    Door("GET", "/console/drafts/{draft}/agree", at_desk(agree), Act.LOOK),
    Door("POST", "/console/drafts/{draft}/vote", at_desk(vote), Act.APPROVE),
    Door("POST", "/console/drafts/{draft}/break-glass", at_desk(break_glass), Act.BREAK_GLASS),
    Door("POST", "/console/drafts/{draft}/publish", at_desk(publish), Act.PUBLISH),
    Door("POST", "/console/drafts/{draft}/review", at_desk(review), Act.APPROVE),
    Door("POST", "/console/drafts/{draft}/stop", at_desk(stop), Act.COMPOSE),
    Door("POST", "/console/drafts/{draft}/withdraw", at_desk(withdraw), Act.COMPOSE),
)

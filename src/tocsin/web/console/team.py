"""People and policy: who is on call, who stands in for whom, and how many must agree on what.

- Names are personal data: seeing the list is recorded by what reveals them; without that right ids are shown.
- The approval table is changed by two administrators: one proposes it whole, another adopts exactly that (req. 57).
- A delegation lends a role from one moment to another and ends by itself.
"""

from __future__ import annotations

import asyncio
import hashlib
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from starlette.responses import Response

from tocsin.errors import IllegalStepError, NotAllowedError, NotFoundError
from tocsin.warn.approval import read
from tocsin.warn.person import DELEGATION_MADE, PERSON_ON_CALL, Act, Delegation, OnCall, Role
from tocsin.web.console.desk_room import POLICY_ADOPTED, POLICY_PROPOSED, Adopted, Call, DeskRoom, Note, at_desk
from tocsin.web.console.gate import Door

LONGEST = timedelta(days=31)


async def team(call: Call) -> Response:
    """Everybody, their roles, and the policy."""
    room, at = call.room, call.at
    people = [person for person in room.desk.people if person.removed is None]
    reveals = call.may(Act.SEE_PERSONAL)
    if reveals:
        await asyncio.to_thread(room.rooms.identity.reveal, call.person, "team", [person.id for person in people])
    return call.page(
        "team.html",
        "team",
        people=[(person, sorted(room.desk.people.roles(person.id, at)), _calls(person.on_call, at)) for person in people],
        reveals=reveals,
        approvers=room.desk.people.approvers(at),
        policy=room.desk.policy,
        table=table(room),
        proposed=proposal(room),
        roles=sorted(room.desk.people.roles(call.person, at)),
        administers=call.may(Act.ADMINISTER),
        local=lambda moment: moment.astimezone(ZoneInfo(room.zone)).strftime("%Y-%m-%dT%H:%M"),
        later=at + timedelta(hours=12),
    )


def _calls(spans: tuple[tuple[datetime, datetime], ...], at: datetime) -> list[tuple[datetime, datetime]]:
    return sorted(span for span in spans if span[1] > at)[:3]


def table(room: DeskRoom) -> str:
    """The approval table in force, as TOML."""
    for note in room.notes_about(POLICY_ADOPTED):
        return str(note.body["table"])
    from importlib import resources

    return (resources.files("tocsin.warn") / "data" / "approval.toml").read_text("utf-8")


def proposal(room: DeskRoom) -> Note | None:
    """The table that waits for a second administrator, if there is one."""
    for note in room.notes_about("policy:"):
        return note if note.kind == POLICY_PROPOSED else None
    return None


async def on_call(call: Call) -> Response:
    """Promise to be reachable."""
    start, end = _span(call)
    made = call.room.fact(PERSON_ON_CALL, call.person, OnCall(start, end, call.person))
    await call.room.record(lambda: [made])
    return call.back("/console/team")


async def delegate(call: Call) -> Response:
    """Lend one of one's own roles to somebody for a time."""
    room, form = call.room, call.form
    start, end = _span(call)
    person, role = room.desk.people.get(form.get("to")), form.get("role")
    own = room.desk.people.get(call.person)
    if person is None or person.removed is not None or person.id == call.person:
        raise NotFoundError("choose a colleague")
    if own is None or role not in [one.value for one in own.roles]:
        raise NotAllowedError("only a role of one's own can be lent")
    made = room.fact(DELEGATION_MADE, call.person, Delegation(person.id, Role(role), start, end))
    await room.record(lambda: [made])
    return call.back("/console/team")


def _span(call: Call) -> tuple[datetime, datetime]:
    zone = ZoneInfo(call.room.zone)
    try:
        start, end = (
            datetime.fromisoformat(call.form.get(name)).replace(tzinfo=zone).astimezone(call.at.tzinfo)
            for name in ("start", "end")
        )
    except ValueError:
        raise IllegalStepError("say from when to when") from None
    if not start < end or end <= call.at or end - start > LONGEST:
        raise IllegalStepError("it ends after it starts, in the future, and within a month")
    return start, end


async def propose(call: Call) -> Response:
    """Propose a new approval table; it holds when another administrator adopts it."""
    room, text = call.room, call.form.get("table").replace("\r\n", "\n")
    new = read(text.encode())
    if new.version != room.desk.policy.version + 1:
        raise IllegalStepError(f"its version must be {room.desk.policy.version + 1}")
    name = hashlib.sha256(text.encode()).hexdigest()
    await room.record(lambda: [room.fact(POLICY_PROPOSED, name, Adopted(call.person, text))])
    return call.back("/console/team#policy")


async def adopt(call: Call) -> Response:
    """Adopt exactly the table that another administrator proposed."""
    room = call.room
    waiting = proposal(room)
    if waiting is None or waiting.subject != call.form.get("digest"):
        raise IllegalStepError("what was proposed has changed; look again")
    if waiting.body["person"] == call.person:
        raise NotAllowedError("another administrator has to adopt it")
    text = str(waiting.body["table"])
    if read(text.encode()).version != room.desk.policy.version + 1:
        raise IllegalStepError("the table in force has changed meanwhile; propose it again")
    await room.record(lambda: [room.fact(POLICY_ADOPTED, waiting.subject, Adopted(call.person, text))])
    return call.back("/console/team#policy")


DOORS = (
    Door("GET", "/console/team", at_desk(team), Act.LOOK, menu="menu.team"),
    Door("POST", "/console/on-call", at_desk(on_call), Act.ANSWER_PAGE),
    Door("POST", "/console/delegate", at_desk(delegate), Act.LOOK),
    Door("POST", "/console/policy/propose", at_desk(propose), Act.ADMINISTER),
    Door("POST", "/console/policy/adopt", at_desk(adopt), Act.ADMINISTER),
)

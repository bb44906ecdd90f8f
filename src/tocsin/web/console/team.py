"""The team's page: who can do what now, who is on call, and how many must agree on what.

- Names are personal data: seeing the list is recorded by what reveals them; without that right ids are shown.
- The approval table is changed by two administrators: one proposes it whole, another adopts exactly that (req. 57).
- Roles are given, calls promised and roles lent elsewhere (:mod:`~tocsin.web.console.invite`, ``account``).
"""

from __future__ import annotations

import asyncio
import json
from datetime import datetime

from starlette.responses import Response

from tocsin.errors import ParameterError, SettingsError
from tocsin.warn.adoption import difference
from tocsin.warn.person import Act
from tocsin.web.console.desk_room import Call, DeskRoom, at_desk
from tocsin.web.console.gate import Door


async def team(call: Call) -> Response:
    """Everybody, their roles, and the policy."""
    room, at = call.room, call.at
    people = [person for person in room.desk.people if person.removed is None]
    reveals = call.may(Act.SEE_PERSONAL)
    if reveals:
        await asyncio.to_thread(call.visit.rooms.identity.reveal, call.person, "team", [person.id for person in people])
    return call.page(
        "team.html",
        "team",
        people=[
            (person, sorted(room.desk.people.roles(person.id, at)), _calls(person.on_call, at)) for person in people
        ],
        reveals=reveals,
        approvers=room.desk.people.approvers(at),
        policy=room.desk.bylaws.current,
        table=table(room),
        proposed=proposals(room),
        administers=call.may(Act.ADMINISTER),
    )


def _calls(spans: tuple[tuple[datetime, datetime], ...], at: datetime) -> list[tuple[datetime, datetime]]:
    return sorted(span for span in spans if span[1] > at)[:3]


def table(room: DeskRoom) -> str:
    """The approval table in force, as TOML, with the next version's number, to be changed."""
    policy = room.desk.bylaws.current
    lines = [
        f"version = {policy.version + 1}",
        f"wide_people = {policy.wide_people}",
        f"retract_alone_minutes = {policy.retract_alone_minutes}",
        f"fresh_minutes = {policy.fresh_minutes}",
        f'quiet = ["{policy.quiet[0]}", "{policy.quiet[1]}"]',
    ]
    for row in policy.rule:
        lines += ["", "[[rule]]", f'name = "{row.name}"', f"persons = {row.persons}"]
        lines += [f"escalate = {row.escalate}"] if row.escalate else []
        lines += [f"break_glass = {row.break_glass}"] if row.break_glass else []
        lines.append(f"says = {json.dumps(row.says, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"


def proposals(room: DeskRoom) -> list[tuple[str, str, tuple[str, ...]]]:
    """The tables that wait for a second administrator: name, who proposed it, and what it changes."""
    bylaws = room.desk.bylaws
    return [(name, by, difference(bylaws.current, policy)) for name, (by, policy) in bylaws.proposed.items()]


async def propose(call: Call) -> Response:
    """Propose a new approval table; it holds when another administrator adopts it."""
    room, text = call.room, call.form.get("table").replace("\r\n", "\n")
    realm = room.house.settings.realm
    try:
        await room.record(lambda: room.desk.bylaws.propose(call.person, text, call.at, realm))
    except SettingsError as wrong:
        # Whoever writes the table is who can put it right, so they are told what is wrong with it.
        raise ParameterError(wrong.said or wrong.detail) from None
    return call.back("/console/team#policy")


async def adopt(call: Call) -> Response:
    """Adopt exactly the table that another administrator proposed."""
    room, realm = call.room, call.room.house.settings.realm
    await room.record(lambda: room.desk.bylaws.adopt(call.person, call.form.get("digest"), call.at, call.at, realm))
    return call.back("/console/team#policy")


DOORS = (
    Door("GET", "/console/team", at_desk(team), Act.LOOK, menu="menu.team"),
    Door("POST", "/console/policy/propose", at_desk(propose), Act.ADMINISTER),
    Door("POST", "/console/policy/adopt", at_desk(adopt), Act.ADMINISTER),
)

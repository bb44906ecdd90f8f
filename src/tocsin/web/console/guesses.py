"""What models propose of an incident's reports: on a page of its own, each line called so, and none of it used anywhere.

- A line leads to the report itself; nothing here can be taken into a draft, corrected or confirmed.
- The page says to whom the reports were given and how much of the answers was dropped.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from starlette.responses import Response

from tocsin.assess.model import Proposals
from tocsin.warn.person import Act
from tocsin.web.console.desk_room import Call, at_desk
from tocsin.web.console.gate import Door
from tocsin.web.console.incident_room import IncidentRoom
from tocsin.web.console.statement import HERE, Said, Tell, titled


class Asked(Struct, frozen=True):
    """A model that was given reports of the incident: how many, and what came of it."""

    model: str
    reports: int
    kept: int
    dropped: int


def proposals(house: Any) -> Proposals:
    """What models proposed in this house, up to now."""
    found: Proposals | None = getattr(house, "proposals", None)
    if found is None:
        found = house.proposals = Proposals(house.settings.realm)
    return found.take_in(house.store)


async def guesses(call: Call) -> Response:
    """The statements that models propose of one incident."""
    room = IncidentRoom.of(call.room.house)
    story = room.story(call.request.path_params["incident"])
    known, tell = proposals(call.room.house), Tell(story, call.t)
    lines: list[tuple[Said, str]] = [
        (tell.said(one.claim, whole=False), one.by) for one in known.of(story.readings)
    ]  # fmt: skip
    return call.page(
        "guesses.html",
        "incidents",
        story=story,
        here=f"{HERE}/{story.id}",
        title=titled(story, call.t.language),
        lines=lines,
        asked=[Asked(*one) for one in known.asked(story.readings)],
    )


DOORS = (Door("GET", HERE + "/{incident}/proposed", at_desk(guesses), Act.LOOK),)

"""Rulings at the desk: two incidents are one, reports are about something else, a claim means somebody else.

- Each needs a reason in words and a person who may write warnings; it is a fact of the journal before the page answers.
- Nothing is removed: the opposite ruling undoes a merge or a split, and a correction is corrected again.
- Reading is noted here too, and a draft is begun here: blank but for the phase that a person chose.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace
from starlette.responses import Response

from tocsin.assess.incident import Pointer, pointer
from tocsin.assess.ruling import (
    INCIDENT_CORRECTED,
    INCIDENT_MERGED,
    INCIDENT_SPLIT,
    Corrected,
    Merged,
    Split,
)
from tocsin.assess.story import Story
from tocsin.errors import IllegalStepError, NotFoundError
from tocsin.journal import Entry
from tocsin.warn.draft import Content
from tocsin.warn.person import Act
from tocsin.web.console import outline
from tocsin.web.console.compose import FIRST, phase_named, timed
from tocsin.web.console.desk_room import Call, at_desk
from tocsin.web.console.gate import Door
from tocsin.web.console.incident_room import IncidentRoom
from tocsin.web.console.looked import INCIDENT_SEEN, Seen
from tocsin.web.console.statement import HERE

REASON, NAME = 300, 120


def _story(call: Call) -> tuple[IncidentRoom, Story]:
    room = IncidentRoom.of(call.room.house)
    return room, room.story(call.request.path_params["incident"])


def _reason(call: Call) -> str:
    """Why: the reason that is chosen or written; there is always one."""
    reason = call.form.get("reason").strip()[:REASON]
    if not reason:
        raise IllegalStepError("say why, in a few words")
    return reason


async def _record(call: Call, room: IncidentRoom, kind: str, subject: str, body: Any) -> Sequence[Entry]:
    entries = await call.room.record(lambda: [call.room.fact(kind, subject, body)])
    await room.taken_in(entries)
    return entries


async def merge(call: Call) -> Response:
    """Say that this incident and another are one."""
    room, story = _story(call)
    other = room.story(call.form.get("other")) if call.form.get("other") else None
    if other is None or other.id == story.id:
        raise IllegalStepError("choose another incident")
    said = Merged(story.id, other.id, call.person, _reason(call))
    await _record(call, room, INCIDENT_MERGED, story.id, said)
    return call.back(f"{HERE}/{story.id}")


async def split(call: Call) -> Response:
    """Say that some of its reports are about something else; together they are an incident of their own."""
    room, story = _story(call)
    mine = {one.report for one in story.tellings}
    out = [report for report in call.form.all("report") if report in mine]
    if not out:
        raise IllegalStepError("choose the reports that are about something else")
    if len(out) == len(mine):
        raise IllegalStepError("leave at least one report in the incident")
    said = Split(out[0], call.person, _reason(call), tuple(out[1:]))
    await _record(call, room, INCIDENT_SPLIT, out[0], said)
    return call.back(f"{HERE}/{story.id}")


async def correct(call: Call) -> Response:
    """Say who is meant by a claim's speaker, or where it speaks of."""
    room, story = _story(call)
    form, gazetteer = call.form, call.room.house.gazetteer
    at = next(
        (p for c in story.incident.claims if _spell(p := pointer(c)) == form.get("claim")),
        None,
    )
    if at is None:
        raise NotFoundError("the report has changed meanwhile, and this sentence is not in it any more")
    speaker: str | None = None
    if form.get("what") == "speaker":
        speaker = " ".join(form.get("speaker").split())[:NAME]
    places: tuple[str, ...] | None = None
    if form.get("what") == "place":
        found = outline.find(gazetteer, form.get("place"), call.t.language, call.room.house.settings.home)
        if not found:
            raise IllegalStepError("no place is called so")
        places = (found[0].code,)
    if speaker is None and places is None:
        raise IllegalStepError("say whether the speaker or the place is wrong")
    said = Corrected(at, call.person, _reason(call), speaker, places)
    await _record(call, room, INCIDENT_CORRECTED, story.id, said)
    return call.back(f"{HERE}/{story.id}")


def _spell(at: Pointer) -> str:
    return f"{at.report}:{at.start}-{at.end}"


async def seen(call: Call) -> Response:
    """Say that what stood on the page was read."""
    room, story = _story(call)
    upto = call.form.get("upto")
    if not upto.isdigit() or len(upto) > 15:
        raise IllegalStepError("load the page again")
    # Nobody has read what had not come yet.
    read = Seen(call.person, min(int(upto), room.house.store.head().seq))
    if read.upto > room.looked.upto(call.person, story):
        await call.room.record(lambda: [call.room.fact(INCIDENT_SEEN, story.id, read)])
    return call.back(f"{HERE}/{story.id}")


async def begin(call: Call) -> Response:
    """Begin a draft that knows of this incident: with the phase that was chosen here, and everything else blank."""
    _, story = _story(call)
    room = call.room
    phase = phase_named(call.form.get("phase"), FIRST)
    content = timed(Content(phase=phase.value, owner=call.person), phase, call.at, room.zone)
    content = replace(content, incidents=(story.id,))
    name = room.new_name()
    await room.record(lambda: room.desk.begin(name, call.person, content, call.at))
    return call.back(f"/console/drafts/{name}")


async def weigh(call: Call) -> Response:
    """Say that a draft or alert holds although something that it rests on was corrected."""
    backings = IncidentRoom.of(call.room.house).backings
    await call.room.record(lambda: backings.weigh(call.form.get("flag"), call.person, call.form.get("reason")))
    return call.back(HERE)


DOORS = (
    Door("POST", "/console/weigh", at_desk(weigh), Act.COMPOSE),
    Door("POST", HERE + "/{incident}/merge", at_desk(merge), Act.COMPOSE),
    Door("POST", HERE + "/{incident}/split", at_desk(split), Act.COMPOSE),
    Door("POST", HERE + "/{incident}/correct", at_desk(correct), Act.COMPOSE),
    Door("POST", HERE + "/{incident}/seen", at_desk(seen), Act.LOOK),
    Door("POST", HERE + "/{incident}/draft", at_desk(begin), Act.COMPOSE),
)

"""The console's page of shelters: those in doubt first, what a person says of one, and lists taken in after a preview.

- A report of a locked door is settled by somebody who looked, never by time alone.
- A list is read and shown first; what is taken in is exactly what was shown, by the same person, within an hour.
- Names of shelters come from somebody else's file and are text, whatever is in them.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import secrets
from datetime import datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace
from starlette.responses import Response

from tocsin.account.importing import Change, Understood, mapping_of
from tocsin.account.shelter import Shelter, Status
from tocsin.account.shelter_import import IMPORTER, ShelterFile, at_home
from tocsin.errors import IllegalStepError, ImportFileError, NotFoundError
from tocsin.recent import Recent
from tocsin.warn.person import Act
from tocsin.web.console.desk_room import Call, at_desk
from tocsin.web.console.gate import Door, Fresh

if TYPE_CHECKING:
    from tocsin.account.shelters import Shelters

HOME = "/console/shelters"
WORDS = ("open", "closed", "verified", "")
LISTED = 50
FAULTS = 5
PREVIEWS_KEPT = 4
PREVIEW_HOLDS = timedelta(hours=1)


class Preview(Struct, frozen=True):
    """A file that was read and not taken in."""

    by: str
    at: datetime
    understood: Understood
    found: ShelterFile
    change: Change


_PREVIEWS: Recent[str, Preview] = Recent(PREVIEWS_KEPT)


def _room(call: Call) -> Shelters:
    found = call.room.house.shelters
    if found is None:
        raise NotFoundError
    return found


async def listed(call: Call) -> Response:
    """Those in doubt, those that were searched for, and the form for a list."""
    return await _page(call, None, "")


async def _page(call: Call, preview: Preview | None, token: str, fault: str = "", status: int = 200) -> Response:
    house = call.room.house
    room, home = house.shelters, house.gazetteer.get(house.settings.home)
    words = call.form.get("q")[:100]
    found: list[Shelter] = []
    if words and room is not None:
        found = await asyncio.to_thread(room.search, words, (home.latitude, home.longitude), LISTED)
    doubtful = room.doubtful(call.at) if room is not None else []
    return call.page(
        "shelters.html",
        "shelters",
        status,
        count=len(room) if room is not None else 0,
        doubtful=[_row(call, one) for one in doubtful[:LISTED]],
        in_doubt=sum(room.status(one, call.at) is Status.DOUBTFUL for one in doubtful) if room is not None else 0,
        found=[_row(call, one) for one in found],
        words=words,
        may=call.may(Act.COMPOSE),
        preview=preview,
        faults=_faults(preview.understood) if preview is not None else [],
        token=token,
        done=call.form.get("done") == "1",
        fault=fault,
    )


def _row(call: Call, one: Shelter) -> dict[str, Any]:
    room = _room(call)
    known = room.standing(one.id)
    return {
        "id": one.id,
        "name": one.name(call.t.language) or one.id,
        "address": one.address,
        "kind": one.kind.value,
        "status": room.status(one, call.at),
        "word": known.word,
        "reports": len(known.reports),
        "verified": known.verified or one.seen,
        "hours": one.hours or one.hours_said,
    }


def _faults(understood: Understood) -> list[tuple[str, list[Any], int]]:
    """Faults by code: the first few of each, and how many more there are."""
    ordered = sorted(understood.faults, key=lambda fault: fault.code)
    grouped = [(code, list(faults)) for code, faults in groupby(ordered, key=lambda fault: fault.code)]
    return [(code, faults[:FAULTS], max(0, len(faults) - FAULTS)) for code, faults in grouped]


async def turn(call: Call) -> Response:
    """A person says what holds of one shelter."""
    room, word = _room(call), call.form.get("word", "?")
    if word not in WORDS:
        raise NotFoundError
    await asyncio.to_thread(room.turn, call.visit.part("id"), word, call.person)
    return call.back(HOME)


async def preview(call: Call) -> Response:
    """Read a list and show what would change."""
    room = _room(call)
    try:
        content = base64.b64decode(call.form.get("packed"), validate=True) or call.form.get("text").encode()
        mapping = call.form.get("mapping").encode()
        understood = await asyncio.to_thread(IMPORTER.read, content, mapping_of(mapping) if mapping.strip() else {})
    except binascii.Error:
        return await _page(call, None, "", str(ImportFileError()), 400)
    except ImportFileError as wrong:
        return await _page(call, None, "", wrong.detail, 400)
    house = call.room.house
    found, lines = at_home(house.gazetteer, house.settings.home, understood.found)
    change = await asyncio.to_thread(room.change, found)
    change = replace(change, lines=(*lines, *change.lines))
    made = Preview(call.person, call.at, understood, found, change)
    token = secrets.token_urlsafe(12)
    _PREVIEWS[token] = made
    return await _page(call, made, token)


async def take(call: Call) -> Response:
    """Take in exactly what was shown."""
    room, token = _room(call), call.form.get("token")
    shown = _PREVIEWS.get(token)
    if shown is None or shown.by != call.person or call.at - shown.at > PREVIEW_HOLDS:
        return await _page(call, None, "", call.t.say("shelters.spent"), 409)
    force = call.form.get("force") == "1"
    counts = dict(shown.understood.counts)
    change = await asyncio.to_thread(lambda: room.take(shown.found, counts, force=force, by=call.person))
    if change.refused:
        raise IllegalStepError(change.refused)
    _PREVIEWS.pop(token, None)
    return call.back(f"{HOME}?done=1")


DOORS = (
    Door("GET", HOME, at_desk(listed), Act.LOOK, menu="menu.shelters"),
    Door("POST", f"{HOME}/preview", at_desk(preview), Act.COMPOSE),
    Door("POST", f"{HOME}/take", at_desk(take), Act.COMPOSE, fresh=Fresh.RECENT),
    Door("POST", f"{HOME}/{{id}}/word", at_desk(turn), Act.COMPOSE),
)

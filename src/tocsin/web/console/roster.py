"""The roster at the desk: who belongs here, how fresh that is, and taking in, verifying, giving out and erasing.

- Every name that is shown stands in the journal as seen, by whom. Nobody is found by a part of a name: only by the whole of
  their own key or address.
- A sheet is first read and shown, then taken in. There is no way to take the whole roster out of here.
- What is known about one person is given out whole, for them; who is erased is erased for good.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from starlette.responses import Response

from tocsin.account.importing import Change, Understood, mapping_of
from tocsin.account.roster import MEMBER_VERIFIED, freshness, stale
from tocsin.errors import NotFoundError, ParameterError, TocsinError
from tocsin.journal import fact
from tocsin.warn.person import Act
from tocsin.web.console.desk_room import Call, at_desk
from tocsin.web.console.gate import Door, Fresh
from tocsin.web.console.tell import whole
from tocsin.web.dossier import dossier
from tocsin.web.dossier import erase as erased
from tocsin.web.rolls import Rolls, of
from tocsin.web.roster import RosterImporter

HOME = "/console/roster"
PAGE = 100


class Opened:
    """The house as an importer asks it (:class:`tocsin.account.importing.Installation`)."""

    def __init__(self, house: Any) -> None:
        self.settings, self.data, self.clock = house.settings, house.data, house.clock
        self.gazetteer, self.store, self.house = house.gazetteer, house.store, house


async def show(page: Call) -> Response:
    """The people of one zone, or who was looked for."""
    return await _shown(page)


async def _shown(
    page: Call, read: Understood | None = None, change: Change | None = None, fault: str = "", text: str = ""
) -> Response:
    rolls, form, at = of(page.room.house), page.form, page.at
    members = await asyncio.to_thread(rolls.roster.members)
    score = freshness(members, at)
    zones: dict[str, int] = {}
    for one in members:
        zones[one.zone] = zones.get(one.zone, 0) + one.here(at)
    asked, zone = form.get("find").strip(), form.get("zone") if "zone" in form else None
    if asked:
        ids = set(await asyncio.to_thread(rolls.roster.find, asked))
        chosen = [one for one in members if one.id in ids]
    elif form.get("stale"):
        ids = {member for kind, found in score.stale.items() if kind.value == form.get("stale") for member in found}
        chosen = [one for one in members if one.id in ids]
    else:
        chosen = [one for one in members if zone is not None and one.zone == zone]
    listed = chosen[:PAGE]
    known = await asyncio.to_thread(rolls.reveal, page.person, "roster", [one.id for one in listed]) if listed else {}
    return page.page(
        "roster.html",
        "roster",
        score=score,
        zones=sorted(zones.items()),
        zone_chosen=zone,
        asked=asked,
        looked=bool(asked or zone is not None or form.get("stale")),
        people=[(one, known[one.id], stale(one, at)) for one in listed if one.id in known],
        more=len(chosen) - len(listed),
        read=read,
        change=change,
        fault=fault,
        text=text,
    )


async def take(page: Call) -> Response:
    """Read a sheet and say what it would change; with ``take`` also take it in."""
    text, who = page.form.get("sheet"), RosterImporter(page.person)
    there = Opened(page.room.house)
    try:
        mapping = mapping_of(page.form.get("mapping").encode()) if page.form.get("mapping").strip() else {}
        read = await asyncio.to_thread(who.read, text.encode(), mapping)
        if "take" in page.form:
            force = "force" in page.form
            change = await asyncio.to_thread(lambda: who.apply(there, read, force=force))
            if not change.refused:
                return page.back(HOME)
        else:
            change = await asyncio.to_thread(who.change, there, read)
    except TocsinError as wrong:
        return await _shown(page, fault=whole(wrong.said or wrong.detail or wrong.remark, page.t), text=text)
    return await _shown(page, read, change, text=text)


async def verify(page: Call) -> Response:
    """Somebody's ways were found to be right, today."""
    rolls, member = of(page.room.house), page.visit.part("member")
    _there(rolls, member)
    done = fact(MEMBER_VERIFIED, member, {"by": page.person}, rolls.realm)
    await asyncio.to_thread(rolls.roster.verify, [member], page.at, [done])
    return page.back(HOME)


async def erase(page: Call) -> Response:
    """Erase one person for good."""
    rolls, member = of(page.room.house), page.visit.part("member")
    _there(rolls, member)
    if page.form.get("sure") != "yes":
        raise ParameterError("sure: say so")
    await asyncio.to_thread(erased, page.room.house, member, page.person, "asked")
    return page.back(HOME)


async def give(page: Call) -> Response:
    """Everything that is known about one person, for them, as JSON."""
    rolls, member = of(page.room.house), page.visit.part("member")
    _there(rolls, member)
    told = await asyncio.to_thread(dossier, page.room.house, member, page.person)
    name = f"{member}-{page.at:%Y%m%d}.json"
    return Response(
        msgspec.json.format(msgspec.json.encode(told), indent=1),
        media_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


def _there(rolls: Rolls, member: str) -> None:
    if not rolls.roster.members([member]):
        raise NotFoundError


DOORS = (
    Door("GET", HOME, at_desk(show), Act.SEE_PERSONAL, menu="menu.roster"),
    Door("POST", HOME, at_desk(take), Act.SEE_PERSONAL),
    Door("POST", HOME + "/{member}/verify", at_desk(verify), Act.SEE_PERSONAL),
    Door("GET", HOME + "/{member}/data", at_desk(give), Act.SEE_PERSONAL, Fresh.RECENT),
    Door("POST", HOME + "/{member}/erase", at_desk(erase), Act.SEE_PERSONAL, Fresh.RECENT),
)

"""A live alert: what people read now, who has got it, and the two ways on from here: more words, or taking it back.

- Taking back is one button and one confirmation away from the first second on; what will be sent stands beside it (F2).
- Receipts are shown by channel and by area while they come (:mod:`~tocsin.web.console.receipts`); whoever is silent for
  a minute is named (F7).
- What the system read back from its own channels stands first: a mismatch stops everything else (F4).
"""

from __future__ import annotations

from starlette.responses import Response

from tocsin.cap.limits import TRUSTED
from tocsin.cap.phase import Phase
from tocsin.cap.xml import read
from tocsin.errors import NotFoundError
from tocsin.journal import Fact
from tocsin.remark import remark
from tocsin.warn.draft import DRAFT_BEGUN, Where
from tocsin.warn.person import Act
from tocsin.warn.publish import ALERT_PUBLISHED, WARNS
from tocsin.warn.widening import ALERT_WIDENED
from tocsin.web.console import outline
from tocsin.web.console.compose import LATER
from tocsin.web.console.desk_room import STOPWATCH_STOPPED, Call, at_desk
from tocsin.web.console.gate import Door
from tocsin.web.console.preview import language_name
from tocsin.web.console.receipts import receipts
from tocsin.web.console.sheet import zone_of


async def alert(call: Call) -> Response:
    """One alert of ours or of a source, with everything that happened to it."""
    room, t, identifier = call.room, call.t, call.request.path_params["identifier"]
    published = room.published(identifier)
    if published is None:
        raise NotFoundError(remark("live.none", "there is no such alert"))
    message = read(published.cap.encode(), limits=TRUSTED).alerts[0]
    retraction = read(published.retraction.encode(), limits=TRUSTED).alerts[0] if published.retraction else None
    versions = room.versions.get(published.event_id, [published])
    newest = max(versions, key=lambda one: one.version)
    draft = room.desk.drafts.get(published.draft) if published.draft else None
    where = draft.content.where if draft else Where(codes=published.areas)
    current = newest.identifier == published.identifier
    live = next((one for one in room.situation.live(call.at) if one.published.identifier == identifier), None)
    warns = Phase(published.phase) in WARNS
    watches = room.notes_about(STOPWATCH_STOPPED, published.draft) if published.draft else []
    return call.page(
        "alert.html",
        "situation",
        a=published,
        infos=[(info, language_name(info.language or "en")) for info in message.infos],
        taken_back=[(info, language_name(info.language or "en")) for info in retraction.infos] if retraction else [],
        versions=sorted(versions, key=lambda one: -one.version),
        newest=newest,
        current=current,
        live=live,
        stands=live.phase if live else Phase(published.phase),
        draft=draft,
        owner=room.watch.owner(published.event_id) or (draft.content.owner if draft else ""),
        ends=max((info.expires for info in message.infos if info.expires), default=None),
        promised=draft.content.next_update_by if draft else None,
        zone_here=zone_of(where, room),
        drawing=outline.drawing(where, room.house.gazetteer, t.language, room.house.settings.home),
        areas=[room.house.gazetteer.name(code, t.language) for code in published.areas if code in room.house.gazetteer],
        loops=[note for note in room.loops.get(identifier, ()) if note.kind != ALERT_WIDENED],
        widened=[note for note in room.loops.get(identifier, ()) if note.kind == ALERT_WIDENED],
        held=room.widening.get(identifier),
        may_send=call.may(Act.PUBLISH),
        r=await receipts(room, identifier, t.language, call.at),
        watch=watches[0].body if watches else None,
        may_write=call.may(Act.COMPOSE) and current,
        may_retract=call.may(Act.RETRACT) and current and warns,
        confirm="retract" in call.form,
        next_phases=[phase for phase in LATER if warns and not (phase is Phase.HOLD and published.phase == "prepare")],
    )


async def counted(call: Call) -> Response:
    """The receipts alone, for the script that draws them."""
    identifier = call.request.path_params["identifier"]
    return call.part("receipts.html", r=await receipts(call.room, identifier, call.t.language, call.at))


async def retract(call: Call) -> Response:
    """Take an alert back: at once where one person may, otherwise as a proposal that waits for a second."""
    room, identifier, name = call.room, call.request.path_params["identifier"], call.room.new_name()
    began = room.steady()

    def step() -> list[Fact]:
        facts = room.desk.retract(name, identifier, call.person, call.at, room.sign, call.at)
        done = next((one for one in facts if one.kind == ALERT_PUBLISHED), None)
        # The draft of a retraction by one person begins and ends in this one commit.
        return [*facts, room.stopped_at_once(name, began, call.at)] if done is not None else facts

    entries = await room.record(step)
    room.spend(name, room.steady() - began)
    done = next((entry for entry in entries if entry.kind == ALERT_PUBLISHED), None)
    if done is not None:
        return call.back(f"/console/alerts/{done.subject}")
    begun = next(entry for entry in entries if entry.kind == DRAFT_BEGUN)
    return call.back(f"/console/drafts/{begun.subject}")


DOORS = (
    Door("GET", "/console/alerts/{identifier:path}", at_desk(alert), Act.LOOK),
    Door("GET", "/console/receipts/{identifier:path}", at_desk(counted), Act.LOOK, quiet=True),
    Door("POST", "/console/retract/{identifier:path}", at_desk(retract), Act.RETRACT),
)

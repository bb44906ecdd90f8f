"""The bell: what must never be overlooked, as sentences in the banner of every page, each with the way to go.

- The worst stands first: somebody who needs help, then what was stopped on its way, then what runs out or is owed.
- It counts people and never names them: the banner is for everybody who works here.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from tocsin.account.rollcall import State
from tocsin.warn.loopback import LOOPBACK_MISMATCHED
from tocsin.web.console.incident_room import IncidentRoom

if TYPE_CHECKING:
    from tocsin.warn.backing import Flagged
    from tocsin.web.console.desk_room import Call, DeskRoom
    from tocsin.web.text import Texts

SOON = timedelta(minutes=10)
HOUR = timedelta(hours=1)

Line = tuple[str, str]
"""A sentence, and where to go."""


def alarms(room: DeskRoom, call: Call) -> list[Line]:
    """What stands in the banner of every page for who makes ``call``, the worst first."""
    found = [*_help(room, call.t), *_stopped(room, call), *_own(room, call)]
    for flag, _ in IncidentRoom.of(room.house).backings.flags():
        where = f"/console/alerts/{flag.alert}" if flag.alert else f"/console/drafts/{flag.draft}"
        found.append((call.t.say("alarm.correction", name=_flagged(room, flag, call.t)), where))
    found += _unlike(room, call)
    found += _calls(room, call)
    if not room.desk.people.approvers(call.at):
        found.append((call.t.say("alarm.nobody"), "/console/team"))
    return list(dict.fromkeys(found))


def _help(room: DeskRoom, t: Texts) -> list[Line]:
    """The open roll calls in which somebody needs help."""
    if (rolls := room.house.rolls) is None:
        return []
    rolls.take_in()
    counted = [(one, one.counts()[State.HELP]) for one in rolls.calls.open()]
    return [
        (t.count("alarm.help", number, name=one.started.title), f"/console/rollcalls/{one.id}")
        for one, number in counted
        if number
    ]


def _stopped(room: DeskRoom, call: Call) -> list[Line]:
    """What was held back before it went wide."""
    found = []
    for held in reversed(room.widening.held()):
        known = next((one for one in room.situation.live(call.at) if one.published.identifier == held.identifier), None)
        name = room.title(known, call.t.language) if known is not None else held.identifier
        found.append((f"{call.t.say('stop.title')} {name}", f"/console/alerts/{held.identifier}"))
    return found


def _own(room: DeskRoom, call: Call) -> list[Line]:
    """Our own warnings that run out, or whose promised word is late."""
    t, at, found = call.t, call.at, list[Line]()
    for live in room.own(at):
        where, ends = f"/console/alerts/{live.published.identifier}", room.ends(live)
        name = room.title(live, t.language)
        if ends is not None and ends <= at:
            found.append((t.say("alarm.ended", name=name), where))
        elif ends is not None and ends - at <= SOON:
            minutes = int((ends - at).total_seconds() + 59) // 60
            found.append((t.say("alarm.ends", name=name, minutes=minutes), where))
        by = room.promised(live)
        if by is not None and by < at:
            found.append((t.say("alarm.promise", name=name, time=t.time(by, room.zone, at)), where))
    return found


def _unlike(room: DeskRoom, call: Call) -> list[Line]:
    """Alerts of which a channel showed something else than was signed, in the last hour."""
    stopped = {held.identifier for held in room.widening.held()}
    names = dict.fromkeys(note.subject for note in room.notes_about(LOOPBACK_MISMATCHED, since=call.at - HOUR))
    return [
        (call.t.say("alarm.loopback", name=name), f"/console/alerts/{name}") for name in names if name not in stopped
    ]


def _calls(room: DeskRoom, call: Call) -> list[Line]:
    """The calls that wait for this person, and those that reached nobody."""
    from tocsin.web.console.calls import rows

    found = []
    for row in rows(room, call.person, call.t.language):
        if row.answered or call.at - row.page.due > HOUR:
            continue
        if row.mine:
            found.append((call.t.say("call.bell", sentence=row.sentence), "/console/calls"))
        elif row.failed and not row.sent:
            found.append((call.t.say("call.bell.lost", sentence=row.sentence), "/console/calls"))
    return found


def _flagged(room: DeskRoom, flag: Flagged, t: Texts) -> str:
    """What a corrected draft or alert is called: what people shall do and where."""
    draft, gazetteer = room.desk.drafts.get(flag.draft), room.house.gazetteer
    if draft is None:
        return flag.draft
    codes = [code for code in draft.content.where.codes if code in gazetteer]
    places = ", ".join(gazetteer.name(code, t.language) for code in codes[:3])
    return ", ".join(part for part in (t.say(f"phase.{draft.content.phase}"), places) if part)

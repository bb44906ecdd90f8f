"""Roll calls at the desk: the big number is who is unaccounted for; who needs help stands above everything.

- Counts are for everybody here; names only for who may see personal data, and each look stands in the journal.
- Starting and closing is for who writes warnings. An answer for somebody else says who gave it and how they know.
- Whoever comes late is added while it runs, from the roster or as somebody new, and asked at once.
- A sheet for each zone can be printed, for the day on which the phones are empty (req. 69).
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from starlette.responses import Response

from tocsin.account.answer import How, Means, Says
from tocsin.account.rollcall import UNACCOUNTED, RollCall, State, missing
from tocsin.account.roster import Kind
from tocsin.errors import IllegalStepError, NotFoundError, ParameterError
from tocsin.warn.person import Act
from tocsin.web.arrival import Arriving, arrive
from tocsin.web.console.desk_room import Call, at_desk
from tocsin.web.console.gate import Door
from tocsin.web.rolls import Rolls, of
from tocsin.web.text import offered, texts

HOME = "/console/rollcalls"
MOST = 200
WIDTH, HEIGHT = 600, 140


class Line(Struct, frozen=True):
    """One person in the list; the name is empty for who may not see it."""

    seat: str
    state: State
    zone: str
    name: str
    phone: str
    at: datetime | None
    by: str
    how: str
    reason: str


def numbers(call: RollCall) -> list[tuple[State, int]]:
    """How many stand how, without those the big number says."""
    counts = call.counts()
    return [(state, counts[state]) for state in State if state is not State.HELP]


def curve(call: RollCall, at: datetime) -> str:
    """The points of the curve of who was accounted for, as an SVG polyline of the given size."""
    total = len(call) or 1
    end = call.closed or at
    span = max(60.0, (end - call.at).total_seconds())
    points = [(0.0, 0)]
    made = call.curve()
    step = max(1, len(made) // 200)
    for point in [*made[:-1:step], *made[-1:]]:
        # A point is where a step ends: until then it was as before.
        x = min(1.0, max(0.0, (point.at - call.at).total_seconds() / span))
        points += [(x, points[-1][1]), (x, point.accounted)]
    points.append((1.0, points[-1][1]))
    return " ".join(f"{x * WIDTH:.1f},{HEIGHT - 2 - done / total * (HEIGHT - 24):.1f}" for x, done in points)


async def lines(page: Call, rolls: Rolls, call: RollCall, seats: list[str]) -> list[Line]:
    """These seats as lines, with names where the visitor may see them, and then on record."""
    kept = rolls.seats.get(call.id, {})
    known: dict[str, Any] = {}
    if page.may(Act.SEE_PERSONAL):
        members = [kept[seat].member for seat in seats if seat in kept]
        known = await asyncio.to_thread(rolls.reveal, page.person, "rollcall", members)
    found = []
    for seat in seats:
        row, answer = kept.get(seat), call.answer(seat)
        told = known.get(row.member) if row is not None else None
        phone = next((way.address for way in told.ways if way.channel == "sms"), "") if told is not None else ""
        found.append(
            Line(
                seat,
                call.state(seat),
                call.zones[seat],
                told.name if told is not None else "",
                phone,
                answer.at if answer is not None else None,
                answer.by if answer is not None else "",
                answer.how if answer is not None else "",
                row.reason if row is not None else "",
            )
        )
    return found


async def overview(page: Call) -> Response:
    """Every roll call, and the way to start one."""
    rolls = of(page.room.house)
    rolls.take_in()
    members = await asyncio.to_thread(rolls.roster.members)
    here = [one for one in members if one.here(page.at)]
    calls = list(reversed(list(rolls.calls.by_id.values())))[:30]
    own = [(live, page.room.title(live, page.t.language)) for live in page.room.own(page.at)]
    return page.page(
        "rollcalls.html",
        "rollcall",
        calls=[(call, missing(call.counts()), call.counts()[State.HELP]) for call in calls],
        people={kind: sum(one.kind is kind for one in here) for kind in Kind},
        warnings=own,
        may_start=page.may(Act.COMPOSE),
        may_see=page.may(Act.SEE_PERSONAL),
    )


async def start(page: Call) -> Response:
    """Start a roll call."""
    rolls, form = of(page.room.house), page.form
    try:
        kinds = [Kind(kind) for kind in form.all("kind")]
    except ValueError:
        raise ParameterError("kind: staff, citizen or visitor") from None
    if not kinds:
        raise IllegalStepError("choose who is to be asked")
    call = await asyncio.to_thread(
        lambda: rolls.start(form.get("title"), page.person, alert=form.get("alert"), kinds=kinds)
    )
    return page.back(f"{HOME}/{call.id}")


async def show(page: Call) -> Response:
    """One roll call."""
    rolls, form = of(page.room.house), page.form
    call = rolls.call(page.visit.part("call"))
    zone = form.get("zone") if "zone" in form else None
    there = call.seats() if zone is None else call.seats([zone])
    urgent = [seat for seat in there if call.state(seat) in UNACCOUNTED or call.state(seat) is State.HELP]
    rest = [seat for seat in there if seat not in set(urgent)] if "rest" in form else []
    listed = [*urgent, *rest]
    at, wait = page.at, call.started.pace.wait
    phase = rolls.phase(call, at)
    return page.page(
        "rollcall.html",
        "rollcall",
        zone_chosen=zone,
        rows=await lines(page, rolls, call, listed[:MOST]),
        more=max(0, len(listed) - MOST),
        rest="rest" in form,
        waits=call.open and call.asked_at is None,
        phase_now=phase,
        wait=wait,
        hows=list(How),
        names=page.may(Act.SEE_PERSONAL),
        may_add=page.may(Act.SEE_PERSONAL) and call.open,
        tongues=[(tag, texts(tag).say("name")) for tag in offered(page.room.house.settings.languages)],
        may_close=page.may(Act.COMPOSE) and call.open,
        **_numbers(call, at),
    )


def _numbers(call: RollCall, at: datetime) -> dict[str, Any]:
    counts = call.counts()
    return {
        "missing": missing(counts),
        "help": counts[State.HELP],
        "numbers": numbers(call),
        "zones": [
            (zone, missing(found), found[State.HELP], sum(found.values())) for zone, found in call.by_zone().items()
        ],
        "points": curve(call, at),
        "c": call,
    }


async def counted(page: Call) -> Response:
    """The numbers alone, for the script that keeps them true."""
    rolls = of(page.room.house)
    call = rolls.call(page.visit.part("call"))
    return page.part("rollcount.html", **_numbers(call, page.at))


async def answer(page: Call) -> Response:
    """Answer for somebody: who says so, and how they know."""
    rolls, form = of(page.room.house), page.form
    call, seat = rolls.call(page.visit.part("call")), form.get("seat")
    if seat not in call.zones:
        raise NotFoundError
    try:
        says, how = Says(form.get("says")), How(form.get("how"))
    except ValueError:
        raise ParameterError("says, how: one of those on the page") from None
    await rolls.answer(call, seat, says, means=Means.PROXY, by=page.person, how=how)
    return page.back(f"{HOME}/{call.id}")


async def add(page: Call) -> Response:
    """Add somebody who came late: from the roster, or new."""
    rolls, form, call = of(page.room.house), page.form, page.visit.part("call")
    try:
        wanted = msgspec.convert(
            {name: form.get(name).strip() for name in Arriving.__struct_fields__ if name in form}, Arriving
        )
    except msgspec.ValidationError as wrong:
        raise ParameterError(str(wrong)) from None
    await arrive(rolls, call, wanted, page.person)
    return page.back(f"{HOME}/{call}")


async def close(page: Call) -> Response:
    """Close a roll call."""
    rolls = of(page.room.house)
    call = await asyncio.to_thread(rolls.close, page.visit.part("call"), page.person)
    return page.back(f"{HOME}/{call.id}")


async def sheet(page: Call) -> Response:
    """A sheet of one zone, or of all, to be printed and ticked off."""
    rolls = of(page.room.house)
    call = rolls.call(page.visit.part("call"))
    zones = [page.form.get("zone")] if "zone" in page.form else sorted(call.started.zones)
    pages = []
    for zone in zones:
        seats = call.seats([zone])
        pages.append((zone, await lines(page, rolls, call, sorted(seats))))
    return page.page("rollsheet.html", "rollcall", c=call, pages=pages)


DOORS = (
    Door("GET", HOME, at_desk(overview), Act.LOOK, menu="menu.rollcall"),
    Door("POST", HOME, at_desk(start), Act.COMPOSE),
    Door("GET", HOME + "/{call}", at_desk(show), Act.LOOK),
    Door("GET", HOME + "/{call}/counts", at_desk(counted), Act.LOOK, quiet=True),
    Door("GET", HOME + "/{call}/sheet", at_desk(sheet), Act.SEE_PERSONAL),
    Door("POST", HOME + "/{call}/answer", at_desk(answer), Act.SEE_PERSONAL),
    Door("POST", HOME + "/{call}/people", at_desk(add), Act.SEE_PERSONAL),
    Door("POST", HOME + "/{call}/close", at_desk(close), Act.COMPOSE),
)

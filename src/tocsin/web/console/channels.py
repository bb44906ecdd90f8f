"""The channels' page: which ways out are open, who carries what we send, what was last proven, and how alerts arrive.

- A channel that somebody stopped, a carrier that is silent and a proof that failed stand first, each with what to do.
- To stop a channel can silence a warning, so it takes what taking an alert back takes, with a proof of presence; it is a
  fact with who and why. To test one is the self-drill for it alone: the whole way, to the operator's own canary.
- What is shown is asked for again every few seconds; without a script the page says when it was made.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

from msgspec import Struct
from starlette.responses import Response

from tocsin.errors import NotFoundError, NotReadyError, ParameterError
from tocsin.reach.carrier import Carrier
from tocsin.reach.dispatch import Dispatch
from tocsin.reach.standing import Standing
from tocsin.reach.switch import Stop
from tocsin.warn.person import Act
from tocsin.web.console.desk_room import Call, at_desk
from tocsin.web.console.gate import Door

CHANNELS = "/console/channels"
ALERTS = 5
LONGEST_REASON = 300


class ChannelRow(Struct, frozen=True):
    """One channel as the page shows it; ``state`` is ``stopped``, ``silent``, ``unset``, ``resting``, ``failed`` or ``open``."""

    name: str
    state: str
    waiting: int
    retries: int
    accepted: int
    shown: int
    failed: int
    carriers: tuple[Carrier, ...]
    resting: dict[str, str]
    stop: Stop | None
    proved_at: datetime | None
    proved: Any
    canary: bool
    unsigned: bool

    @property
    def needs(self) -> bool:
        """Whether somebody has to do something about it."""
        return self.state in ("stopped", "silent", "failed")


def rows(dispatch: Dispatch, drill: Any, at: datetime) -> list[ChannelRow]:
    """Every channel, those that need somebody first."""
    standing, canaries = dispatch.standing(), drill.canaries() if drill is not None else {}
    unsigned = drill.unsigned() if drill is not None else []
    found = []
    for name, lane in dispatch.lanes.items():
        counts, carriers = standing[name], tuple(dispatch.carriers.of(name)[:20])
        told = getattr(lane.channel, "resting", None)
        resting: dict[str, str] = told() if told is not None else {}
        proved_at, proved = drill.last.get(name, (None, None)) if drill is not None else (None, None)
        stop = dispatch.stops.get(name)
        if stop is not None:
            state = "stopped"
        elif any(one.silent(at) for one in carriers):
            state = "silent"
        elif type(lane.channel).__name__ == "Unset" or any(one.unset for one in carriers):
            state = "unset"
        elif proved is not None and not proved.good:
            state = "failed"
        else:
            state = "resting" if resting else "open"
        ended = sum(counts.get(mark, 0) for mark in ("refused", "gone", "exhausted", "expired"))
        shown = counts.get("shown", 0) + counts.get("answered", 0)
        accepted = counts.get("accepted", 0) + shown
        found.append(
            ChannelRow(
                name,
                state,
                counts["open"],
                len(lane.retries),
                accepted,
                shown,
                ended,
                carriers,
                resting,
                stop,
                proved_at,
                proved,
                name in canaries,
                name in unsigned,
            )
        )
    order = ("stopped", "silent", "failed", "resting", "open", "unset")
    return sorted(found, key=lambda row: (order.index(row.state), -row.waiting, row.name))


async def _values(call: Call) -> dict[str, Any]:
    house = call.room.house
    dispatch: Dispatch | None = house.dispatch
    if dispatch is None:
        raise NotReadyError("nothing is sent from here")
    alerts: list[Standing] = []
    for alert in reversed(dispatch.under_way()[-ALERTS:]):
        found = await asyncio.to_thread(dispatch.standing, alert, areas=True)
        if found is not None:
            alerts.append(found)
    listed = rows(dispatch, house.selfdrill, call.at)
    return {
        "rows": listed,
        "needing": [row for row in listed if row.needs],
        "alerts": alerts,
        "area": lambda code: house.gazetteer.name(code, call.t.language) if code in house.gazetteer else code,
        "drill": house.selfdrill,
        "may_switch": call.may(Act.RETRACT),
        "may_test": call.may(Act.ANSWER_PAGE),
    }


async def channels(call: Call) -> Response:
    """Every channel, the last self-drill, and how the newest alerts arrive."""
    return call.page("channels.html", "channels", **await _values(call))


async def live(call: Call) -> Response:
    """What changes by itself, for the script that asks for it."""
    return call.part("channels_live.html", **await _values(call))


async def switch(call: Call) -> Response:
    """Stop a channel, or start it again."""
    dispatch: Dispatch | None = call.room.house.dispatch
    channel, on = call.request.path_params["channel"], call.form.get("on") == "1"
    if dispatch is None or channel not in dispatch.lanes:
        raise NotFoundError("there is no such channel")
    reason = " ".join(call.form.get("reason").split())[:LONGEST_REASON]
    if not on and not reason:
        raise ParameterError("reason: whoever comes after you needs to know why")
    await dispatch.switch(channel, on, call.person, reason)
    return call.back(CHANNELS)


async def test(call: Call) -> Response:
    """Send an exercise to one channel's canary, and say what came of it."""
    drill = call.room.house.selfdrill
    if drill is None:
        raise NotReadyError("nothing is sent from here")
    await drill.prove(call.request.path_params["channel"], call.person)
    return call.back(f"{CHANNELS}#{call.request.path_params['channel']}")


async def drill(call: Call) -> Response:
    """Make the nightly self-drill now."""
    if call.room.house.selfdrill is None:
        raise NotReadyError("nothing is sent from here")
    await call.room.house.selfdrill.drill()
    return call.back(f"{CHANNELS}#drill")


DOORS = (
    Door("GET", CHANNELS, at_desk(channels), Act.LOOK, menu="menu.channels"),
    Door("GET", "/console/channels/live", at_desk(live), Act.LOOK, quiet=True),
    Door("POST", "/console/channels/drill", at_desk(drill), Act.ANSWER_PAGE),
    Door("POST", "/console/channels/{channel}/switch", at_desk(switch), Act.RETRACT),
    Door("POST", "/console/channels/{channel}/test", at_desk(test), Act.ANSWER_PAGE),
)

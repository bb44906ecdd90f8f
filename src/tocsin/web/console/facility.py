"""Facilities at the desk: set what is open, limited, closed or in shelter, with the next review; see what is overdue.

- Who writes warnings sets them. Each state has a review; one that is overdue stands first, and the public reads it as not
  known.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from datetime import timedelta

from starlette.responses import Response

from tocsin.account.facility import FacilityState, Offer, Reason, Status
from tocsin.errors import NotFoundError, ParameterError
from tocsin.warn.person import Act
from tocsin.warn.publish import ALERT_PUBLISHED
from tocsin.web.console.desk_room import Call, at_desk
from tocsin.web.console.gate import Door
from tocsin.web.rolls import of

HOME = "/console/facilities"
REVIEWS = (1, 2, 4, 8, 12, 24, 48, 72)
"""Hours until the next review that the page offers."""
_PHONE = re.compile(r"\+?[0-9 ()/.-]{3,30}")


async def show(page: Call) -> Response:
    """Every facility, the overdue ones first, and the form for each."""
    rolls, at = of(page.room.house), page.at
    rolls.take_in()
    current = sorted(rolls.facilities.current().items(), key=lambda item: (not item[1].overdue(at), item[1].name))
    return page.page(
        "facilities.html",
        "facility",
        rows=current,
        history={name: list(reversed(states))[1:6] for name, states in rolls.facilities.history.items()},
        statuses=list(Status),
        services=list(Offer),
        reasons=list(Reason),
        reviews=REVIEWS,
        warnings=[(live, page.room.title(live, page.t.language)) for live in page.room.situation.live(at)][:50],
        home=page.room.house.settings.home,
        may_set=page.may(Act.COMPOSE),
    )


async def put(page: Call) -> Response:
    """Set how a facility stands."""
    rolls, form, at = of(page.room.house), page.form, page.at
    rolls.take_in()
    name = form.get("id")
    current = rolls.facilities.current()
    if name and name not in current:
        raise NotFoundError
    before = current.get(name)
    try:
        status, reason = Status(form.get("status")), Reason(form.get("reason"))
        services = tuple(Offer(one) for one in form.all("service"))
        hours = int(form.get("review"))
    except ValueError:
        raise ParameterError("status, reason, service, review: one of those on the page") from None
    if hours not in REVIEWS:
        raise ParameterError("review: one of those on the page")
    phone, alert = form.get("phone").strip(), form.get("alert").strip()
    if phone and not _PHONE.fullmatch(phone):
        raise ParameterError("phone: a telephone number")
    if alert and not page.room.house.store.about(ALERT_PUBLISHED, alert, 1):
        raise NotFoundError("there is no such alert")
    place = form.get("place").strip() or page.room.house.settings.home
    since = before.since if before is not None and before.status is status else at
    state = FacilityState(
        " ".join(form.get("name").split()) or (before.name if before is not None else ""),
        page.room.house.place(place).code,
        status,
        since,
        at + timedelta(hours=hours),
        services,
        phone,
        reason,
        alert,
        page.person,
    )
    await asyncio.to_thread(rolls.set_facility, name or secrets.token_hex(4), state)
    return page.back(HOME)


DOORS = (
    Door("GET", HOME, at_desk(show), Act.LOOK, menu="menu.facility"),
    Door("POST", HOME, at_desk(put), Act.COMPOSE),
)

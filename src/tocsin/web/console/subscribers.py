"""Subscribers: how many there are and by which ways; one of them by their exact address; tests, ends, grants and lists.

- Nobody leafs through subscribers. One is found by an exact address alone, through its keyed hash, and every look at one
  stands in the journal with who looked; the address searched for stands nowhere.
- Who is staff, and for which role, is said here by an administrator with a proof, and by no public door.
- The list is given out to an administrator with a proof made for it; that it was, and under which stamp, is on record
  before the first line leaves.
- Why an alert that stands concerns somebody is said by the engine that chose them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime
from secrets import token_hex
from typing import Any

from babel.numbers import format_decimal
from msgspec import Struct
from starlette.responses import Response, StreamingResponse

from tocsin.cap.alert import Scope
from tocsin.errors import IllegalStepError, NotFoundError, NotReadyError, ParameterError
from tocsin.reach.audience import Why
from tocsin.reach.delivery import Address
from tocsin.reach.outline import drawn
from tocsin.reach.register import CANARY
from tocsin.reach.subscriber import Subscribers
from tocsin.reach.subscription import Subscription
from tocsin.warn.enrolment import VIEW_PERSONAL, Viewed
from tocsin.warn.person import Act
from tocsin.web.confirm import ADDRESSES
from tocsin.web.console.gate import Door
from tocsin.web.console.visit import Visit
from tocsin.web.handout import given_out
from tocsin.web.own import proofs
from tocsin.web.review import tongue
from tocsin.web.text import texts

SUBSCRIBERS = "/console/subscribers"
SUBSCRIBERS_EXPORTED = "subscribers:exported"
AREAS = 20
SHOWN = 50
WAYS = ("mail", "sms", "telegram", "webhook", "webpush")
AUDIENCES = ("public", "citizen", "staff")


class Exported(Struct, frozen=True):
    """The body of ``subscribers:exported``; the subject is the stamp in every row."""

    by: str
    subscriptions: int


class Reason(Struct, frozen=True):
    """An alert that stands and concerns a subscriber, and why."""

    headline: str
    phase: str
    why: tuple[Why, ...]


def _subscribers(visit: Visit) -> Subscribers:
    found: Subscribers | None = visit.house.subscriptions
    if found is None:
        raise NotReadyError("no subscriptions are taken here")
    return found


def _one(visit: Visit) -> Subscription:
    found = _subscribers(visit).get(visit.part("id"))
    if found is None or found.audience == CANARY:
        raise NotFoundError
    return found


def _viewed(visit: Visit, what: str, whose: tuple[str, ...]) -> None:
    identity = visit.rooms.identity
    identity.record(identity.fact(VIEW_PERSONAL, visit.person.person_id, Viewed(what, whose)))


# --- pages -------------------------------------------------------------------------------------------------------------


def show(visit: Visit) -> Response:
    """``GET /console/subscribers``: numbers only."""
    return _page(visit)


def _page(visit: Visit, found: list[Subscription] | None = None, wrong: str = "", status: int = 200) -> Response:
    roll: Any = _subscribers(visit).roll
    tally, areas = roll.census()
    listed = [(_name(visit, code), count) for code, count in list(areas.items())[:AREAS]]
    return visit.page(
        "subscribers.html",
        status,
        tally=tally,
        areas=listed,
        more_areas=max(0, len(areas) - AREAS),
        ways=WAYS,
        chosen=visit.field("channel"),
        tongue=lambda tag: tongue(tag, visit.words),
        found=found,
        wrong=wrong,
        number=lambda count: format_decimal(count, locale=visit.words.locale),
        may_find=visit.can(Act.SEE_PERSONAL),
        may_export=visit.can(Act.ADMINISTER),
    )


def find(visit: Visit) -> Response:
    """``POST /console/subscribers/find``: whoever is warned at exactly this address."""
    channel, text = visit.field("channel"), visit.field("address")[:2000]
    if channel not in WAYS or not text:
        raise ParameterError("channel, address: both are needed")
    try:
        address = ADDRESSES[channel](text) if channel in ADDRESSES else text
    except ParameterError:
        return _page(visit, wrong=visit.words.say("subscribers.malformed"), status=400)
    subscribers = _subscribers(visit)
    numbers = subscribers.book.find(channel, address)[:SHOWN]
    found = [one for number in numbers if (one := subscribers.roll.subscription(number)) is not None]
    # A canary is the file's, and no subscriber.
    found = [one for one in found if one.audience != CANARY]
    _viewed(visit, "subscribers", tuple(one.id for one in found))
    return _page(visit, found)


def one(visit: Visit) -> Response:
    """``GET /console/subscribers/{id}``: what is kept of one subscription, and why alerts concern it."""
    return _detail(visit, _one(visit))


def _detail(visit: Visit, held: Subscription, tested: str = "") -> Response:
    subscribers, house, at = _subscribers(visit), visit.house, visit.house.now()
    _viewed(visit, "subscriber", (held.id,))
    book: Any = subscribers.book
    address: Address | None = book.addresses([held.number]).get(held.number)
    zone = house.gazetteer.get(house.settings.home).zone
    deliveries = house.dispatch.proofs(held.number)[:SHOWN] if house.dispatch is not None else []
    return visit.page(
        "subscriber.html",
        one=held,
        tongue=lambda tag: tongue(tag, visit.words),
        address=address.address if address is not None else "",
        areas=[_name(visit, code) for code in held.areas],
        others=subscribers.others(held),
        proofs=proofs(house, held.id),
        reasons=_reasons(visit, held, at),
        deliveries=deliveries,
        audiences=AUDIENCES,
        tested=tested,
        may_end=visit.can(Act.ADMINISTER),
        when=lambda moment: visit.words.time(moment, zone, at),
        base=f"{SUBSCRIBERS}/{held.id}",
        place_name=lambda code: _name(visit, code),
        phase_name=lambda of: texts(visit.language).say(f"phase.{of}"),
    )


def _name(visit: Visit, code: str) -> str:
    return visit.house.gazetteer.name(code, visit.language) if code in visit.house.gazetteer else code


def _reasons(visit: Visit, held: Subscription, at: datetime) -> list[Reason]:
    """The alerts that stand and concern somebody, with why."""
    roll: Any = _subscribers(visit).roll
    found = []
    for live in visit.house.situation.live(at):
        if live.published.scope != Scope.PUBLIC and held.audience != "staff":
            continue
        why = roll.why(held.number, live.published.areas, drawn(live.alert))
        if why:
            infos = live.alert.infos
            info = next((one for one in infos if one.language.startswith(visit.language)), infos[0] if infos else None)
            found.append(Reason(info.headline if info is not None else "", live.phase.value, why))
    return found[:SHOWN]


# --- what can be done --------------------------------------------------------------------------------------------------


async def prove(visit: Visit) -> Response:
    """``POST /console/subscribers/{id}/test``: send a test by this subscription's channel."""
    held = _one(visit)
    if visit.house.letters is None:
        raise NotReadyError("nothing is sent here")
    outcome = await visit.house.letters.prove(held)
    if outcome.kind == "gone":
        # The channel has ended it, and there is nothing left to look at.
        return visit.redirect(SUBSCRIBERS)
    return await asyncio.to_thread(_detail, visit, held, outcome.kind)


def end(visit: Visit) -> Response:
    """``POST /console/subscribers/{id}/end``: nothing more is sent, and the address is erased."""
    if not _subscribers(visit).end(_one(visit).id, "operator"):
        raise NotFoundError
    return visit.redirect(SUBSCRIBERS)


def grant(visit: Visit) -> Response:
    """``POST /console/subscribers/{id}/audience``: whether somebody is staff, and for which roles."""
    held, audience = _one(visit), visit.field("audience")
    roles = tuple(dict.fromkeys(part.strip()[:40] for part in visit.field("roles").split(",") if part.strip()))[:20]
    if audience not in AUDIENCES:
        raise ParameterError("audience: public, citizen or staff")
    if roles and audience != "staff":
        raise IllegalStepError("roles are for staff")
    _subscribers(visit).change(held.id, {"audience": audience, "roles": roles})
    return visit.redirect(f"{SUBSCRIBERS}/{held.id}")


def export(visit: Visit) -> Response:
    """``POST /console/subscribers/export``: everybody, as a list that can be taken in again."""
    subscribers = _subscribers(visit)
    roll: Any = subscribers.roll
    numbers, stamp = roll.numbers(), token_hex(6)
    identity = visit.rooms.identity
    identity.record(identity.fact(SUBSCRIBERS_EXPORTED, stamp, Exported(visit.person.person_id, len(numbers))))

    def lines() -> Iterator[bytes]:
        yield from given_out(subscribers, numbers, stamp)

    headers = {
        "Content-Disposition": f'attachment; filename="subscribers-{stamp}.csv"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return StreamingResponse(lines(), 200, headers, "text/csv; charset=utf-8")


DOORS: tuple[Door, ...] = (
    Door("GET", SUBSCRIBERS, show, Act.LOOK, menu="menu.subscribers"),
    Door("POST", SUBSCRIBERS + "/find", find, Act.SEE_PERSONAL),
    Door("POST", SUBSCRIBERS + "/export", export, Act.ADMINISTER),
    Door("GET", SUBSCRIBERS + "/{id}", one, Act.SEE_PERSONAL),
    Door("POST", SUBSCRIBERS + "/{id}/test", prove, Act.SEE_PERSONAL),
    Door("POST", SUBSCRIBERS + "/{id}/end", end, Act.ADMINISTER),
    Door("POST", SUBSCRIBERS + "/{id}/audience", grant, Act.ADMINISTER),
)

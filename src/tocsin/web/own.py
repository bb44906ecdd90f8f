"""One's own subscription: to see what is kept, to change what is wanted, and to have a test sent, with its secret.

- The secret is the only name there is. Without it nothing here tells whether there is such a subscription: unknown ids
  and wrong secrets are one answer, in one time.
- A change is on disk when this answers; the address and the channel stay.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct
from starlette.responses import Response

from tocsin.clock import utc
from tocsin.errors import NotFoundError, NotReadyError, NotSignedInError, RateLimitedError
from tocsin.reach.letter import SUBSCRIPTION_PROVED, Proved
from tocsin.web.api import _body, _take
from tocsin.web.openapi import Answer, Operation, decoded
from tocsin.web.problem import Refusal
from tocsin.web.shapes import JSON
from tocsin.web.subscribe import owned
from tocsin.web.wish import Kept, Wanted, fields_of, kept

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp

    from tocsin.reach.subscription import Subscription
    from tocsin.web.api import Interface
    from tocsin.web.house import House

PAUSE_S = 30
"""So long after one test the next one may be asked for."""
_PRIVATE = {"Cache-Control": "no-store"}


class Standing(Struct, frozen=True):
    """What is kept of one's own subscription."""

    id: str
    channel: str
    kept: Kept
    phases: tuple[str, ...]
    severities: tuple[str, ...]
    languages: tuple[str, ...]
    start: datetime | None
    until: datetime | None
    made: datetime | None
    order: Annotated[int, Meta(description="Which of one's channels is tried first: the lowest.")]
    channels: Annotated[int, Meta(description="How many channels the same person has here, this one included.")]
    proved: Annotated[datetime | None, Meta(description="When a test was last taken.")]


class Tested(Struct, frozen=True):
    """How a test went: ``accepted`` means that the other side has taken it, not yet that somebody saw it."""

    outcome: Literal["accepted", "refused", "gone", "later"]
    reason: str


def proofs(house: House, subscription: str, limit: int = 10) -> list[tuple[datetime, Proved]]:
    """The tests of a subscription with their moments, newest first."""
    found = house.store.about(SUBSCRIPTION_PROVED, subscription, limit)
    return [(entry.at, entry.read(Proved)) for entry in found]


def standing(house: House, one: Subscription) -> Standing:
    """What is told of a subscription to whoever has its secret."""
    taken = [at for at, proved in proofs(house, one.id) if proved.outcome == "accepted"]
    return Standing(
        one.id,
        one.channel,
        kept({"areas": one.areas, "watches": one.watches, "polygons": one.polygons}),
        one.phases,
        one.severities,
        one.languages,
        one.start,
        one.until,
        one.made,
        one.order,
        1 + len(house.subscriptions.others(one)),
        utc(taken[0]) if taken else None,
    )


async def _mine(interface: Interface, request: Request) -> Subscription:
    """The subscription that a request names and proves; NotFoundError for whoever cannot."""
    house = interface.house
    authorization = request.headers.get("authorization", "")
    if not authorization.lower().startswith("bearer "):
        raise NotSignedInError
    one = await owned(house, request.path_params["id"], authorization[7:].strip())
    if one is None:
        raise NotFoundError
    return one


async def show(interface: Interface, request: Request) -> ASGIApp:
    """What is kept of one's own subscription."""
    # Guessing is slowed down as changing is.
    interface.house.limits.write(interface.house.limits.visitor(request.client))
    one = await _mine(interface, request)
    told = await asyncio.to_thread(standing, interface.house, one)
    return Response(msgspec.json.encode(told), 200, _PRIVATE, JSON)


async def change(interface: Interface, request: Request) -> ASGIApp:
    """Have one's own subscription want something else."""
    house = interface.house
    house.limits.write(house.limits.visitor(request.client))
    _take(request, (JSON,))
    wanted = decoded(await _body(request), Wanted)
    one = await _mine(interface, request)
    fields: dict[str, Any] = fields_of(house, wanted)
    if one.audience == "public":
        changed = await asyncio.to_thread(house.subscriptions.change, one.id, fields)
    else:
        # What somebody was given by a person with a grant is not theirs to widen: only how and when they are told.
        own = {name: fields[name] for name in ("languages", "loudness")}
        changed = await asyncio.to_thread(house.subscriptions.change, one.id, own)
    if changed is None:
        raise NotFoundError
    told = await asyncio.to_thread(standing, house, changed)
    return Response(msgspec.json.encode(told), 200, _PRIVATE, JSON)


async def test(interface: Interface, request: Request) -> ASGIApp:
    """Send a test to one's own address, and say how it went."""
    house = interface.house
    visitor = house.limits.visitor(request.client)
    house.limits.write(visitor)
    one = await _mine(interface, request)

    async def work() -> Response:
        if house.letters is None:
            raise NotReadyError("nothing is sent here")
        last = await asyncio.to_thread(proofs, house, one.id, 1)
        if last and (house.now() - last[0][0]).total_seconds() < PAUSE_S:
            raise Refusal(RateLimitedError("a test was sent just now"), retry_after=PAUSE_S)
        outcome = await house.letters.prove(one)
        return Response(msgspec.json.encode(Tested(outcome.kind, outcome.reason)), 200, _PRIVATE, JSON)

    return await interface.repeats.once(request, visitor, one.id.encode(), house.now(), work)


_ID = {"id": "The subscription's id."}

OWN: tuple[Operation, ...] = (
    Operation(
        "GET",
        "/v1/subscriptions/{id}",
        show,
        "What is kept of a subscription, for whoever has its secret; unknown and not one's own are one answer.",
        (Answer(200, "What is kept.", JSON, Standing),),
        faults=("person.not-found", "operator.not-ready"),
        bearer=True,
        parameters=_ID,
    ),
    Operation(
        "PUT",
        "/v1/subscriptions/{id}",
        change,
        "Put something else in place of all that a subscription wants. The address, the channel and the secret stay.",
        (Answer(200, "What is kept now.", JSON, Standing),),
        takes={JSON: Wanted},
        faults=("person.not-found", "input.place-unknown", "operator.not-ready"),
        bearer=True,
        parameters=_ID,
    ),
    Operation(
        "POST",
        "/v1/subscriptions/{id}/test",
        test,
        "Send a test message by the subscription's channel and say whether it was taken.",
        (Answer(200, "How it went.", JSON, Tested),),
        faults=("person.not-found", "operator.not-ready"),
        bearer=True,
        idempotent=True,
        parameters=_ID,
    ),
)

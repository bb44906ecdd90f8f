"""Receipts brought back: a device says that it has shown an alert or that it was answered; a gateway, that it arrived.

- A device proves itself with its subscription's secret and nothing else; it is answered the same whether it was known,
  so that nobody learns who is subscribed or what they were sent.
- A gateway posts to an address with a secret in it, in whatever form its profile says.
- A receipt is on disk before it is answered. One that says no more than was known changes nothing.
"""

from __future__ import annotations

import asyncio
import hmac
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import parse_qsl

import msgspec
from msgspec import Meta, Struct
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp

from tocsin.errors import (
    NotFoundError,
    NotSignedInError,
    TooSlowError,
    UnreadableError,
)
from tocsin.reach.delivery import Receipt
from tocsin.web.openapi import Answer, Operation, decoded
from tocsin.web.shapes import JSON

if TYPE_CHECKING:
    from tocsin.web.api import Interface
    from tocsin.web.house import House

FORM = "application/x-www-form-urlencoded"
SHORTEST = 16
_DONE = {"Cache-Control": "no-store"}


class Brought(Struct, frozen=True, forbid_unknown_fields=True):
    """What a device says: that it has shown an alert to its person, or that the person has answered it."""

    alert: Annotated[str, Meta(min_length=1, max_length=500, description="The alert's identifier, as in the notice.")]
    subscription: Annotated[str, Meta(min_length=1, max_length=100, description="The subscription's id.")]
    level: Annotated[Literal["shown", "answered"], Meta(description="What has happened there.")] = "shown"


async def bears(house: House, subscription: str, secret: str) -> bool:
    """Whether ``secret`` is one of a subscription's; takes the same time for whatever there is."""
    house.subscriptions.require()
    number = house.subscriptions.roll.number(subscription)
    known = await asyncio.to_thread(house.subscriptions.book.addresses, [number if number is not None else 0])
    secrets = known[number].secrets if number in known else ()
    given = secret.encode("utf-8", "surrogateescape")
    same = [hmac.compare_digest(given, kept.encode()) for kept in (*secrets, token_urlsafe(32))]
    return any(same[:-1])


async def bring(interface: Interface, request: Request) -> ASGIApp:
    """A device brings a receipt."""
    house = interface.house
    house.limits.write(house.limits.visitor(request.client))
    authorization = request.headers.get("authorization", "")
    if not authorization.lower().startswith("bearer "):
        raise NotSignedInError
    content = await _body(request)
    told = decoded(content, Brought)

    async def work() -> Response:
        # Where nothing is sent from there is nothing that could have been shown, and the answer is the same.
        sends = house.dispatch is not None and house.subscriptions is not None
        if sends and await bears(house, told.subscription, authorization[7:].strip()):
            await house.dispatch.receive(told.alert, told.subscription, Receipt(told.level))
        return Response(status_code=204, headers=_DONE)

    owner = house.limits.visitor(request.client)
    return await interface.repeats.once(request, owner, content, house.now(), work)


async def called_back(interface: Interface, request: Request) -> ASGIApp:
    """An SMS gateway posts what became of a message."""
    house = interface.house
    house.limits.read(request.client)
    lane = house.dispatch.lanes.get("sms") if house.dispatch is not None else None
    channel: Any = lane.channel if lane is not None else None
    secret = getattr(getattr(channel, "table", None), "callback", "")
    given = request.path_params["secret"].encode("utf-8", "surrogateescape")
    if len(secret) < SHORTEST or not hmac.compare_digest(given, secret.encode()):
        house.limits.failure(request.client)
        raise NotFoundError
    content = await _body(request)
    posted: Any
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() == FORM:
        posted = dict(parse_qsl(content.decode("utf-8", "replace")))
    else:
        try:
            posted = msgspec.json.decode(content)
        except msgspec.DecodeError as wrong:
            raise UnreadableError(str(wrong)) from None

    async def work() -> Response:
        # One that says nothing final (sent, queued) is answered all the same: a gateway would only bring it again.
        channel.callback(posted)
        await house.dispatch.saved()
        return Response(status_code=204, headers=_DONE)

    return await interface.repeats.once(request, "gateway:sms", content, house.now(), work)


async def _body(request: Request) -> bytes:
    try:
        return await request.body()
    except ClientDisconnect:
        raise TooSlowError from None


RECEIPTS: tuple[Operation, ...] = (
    Operation(
        "POST",
        "/v1/receipts",
        bring,
        "A device says that it has shown an alert, or that it was answered: the same answer whether it is known.",
        (Answer(204, "Taken, if it is one of ours.", ""),),
        takes={JSON: Brought},
        bearer=True,
        idempotent=True,
    ),
    Operation(
        "POST",
        "/v1/receipts/sms/{secret}",
        called_back,
        "An SMS gateway posts what became of a message, in the form that its profile says.",
        (Answer(204, "Taken.", ""),),
        takes={JSON: None, FORM: None},
        faults=("person.not-found",),
        idempotent=True,
        parameters={"secret": "What `callback` of the table `sms` in channels.toml says."},
    ),
)

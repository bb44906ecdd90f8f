"""A device that lets itself be asked: the app's own subscription is joined to its person's seat, by that person's own act.

- Who does it holds two secrets: that of their link in a roll call, and that of the app's subscription on the same phone.
  Neither alone joins anything, and nobody else can do it for them.
- From then on every roll call asks there as well, beside the person's first way. The question bears no name, and is sealed
  for that device; the push service learns nothing of it.
- Which person a subscription belongs to is sealed with the roster, under that person's key, and goes with them when they are
  erased. The journal says that a member has so many, and not which.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from tocsin.account.roster import DEVICE_JOINED, DEVICE_LEFT, Device
from tocsin.errors import NotFoundError
from tocsin.journal import fact
from tocsin.reach.slip import DEVICE
from tocsin.web.answer import opened
from tocsin.web.api import _body, _take
from tocsin.web.openapi import Answer, Operation, decoded
from tocsin.web.rolls import ANSWER
from tocsin.web.shapes import JSON
from tocsin.web.subscribe import owned

if TYPE_CHECKING:
    from tocsin.web.api import Interface


class JoinDevice(Struct, frozen=True, forbid_unknown_fields=True):
    """A person's wish that the app on their phone is asked as well, or no more."""

    token: Annotated[str, Meta(min_length=8, max_length=64, description="What stands in their link after /a/.")]
    subscription: Annotated[str, Meta(min_length=1, max_length=64, description="The id of the app's subscription.")]
    secret: Annotated[str, Meta(min_length=1, max_length=200, description="The secret of that subscription.")]
    wanted: Annotated[bool, Meta(description="False for: not there any more.")] = True


class DeviceJoined(Struct, frozen=True):
    """Whether the next question goes there as well. It is on disk."""

    asked: bool


async def join(interface: Interface, request: Request) -> ASGIApp:
    """``POST /v1/answers/device``."""
    house = interface.house
    _take(request, (JSON,))
    content = await _body(request)
    wanted = decoded(content, JoinDevice)
    rolls, _, seat = opened(house, request, ANSWER, wanted.token)
    one = await owned(house, wanted.subscription, wanted.secret)
    if one is None or one.channel != DEVICE:
        house.limits.failure(request.client)
        raise NotFoundError

    def keep() -> None:
        roster, realm = rolls.roster, rolls.realm
        before = roster.devices([seat.member]).get(seat.member, ())
        if wanted.wanted:
            number = len({*before, one.id})
            told = fact(DEVICE_JOINED, seat.member, Device(number), realm)
            roster.join_device(seat.member, one.id, house.now(), [told] if one.id not in before else [])
        elif one.id in before:
            told = fact(DEVICE_LEFT, seat.member, Device(len(before) - 1), realm)
            roster.leave_device(seat.member, one.id, [told])

    await asyncio.to_thread(keep)
    told = msgspec.json.encode(DeviceJoined(wanted.wanted))
    return Response(told, 200, {"Cache-Control": "no-store"}, JSON)


DEVICES: tuple[Operation, ...] = (
    Operation(
        "POST",
        "/v1/answers/device",
        join,
        "Have a person's own app asked in roll calls as well, with the secret of their link and that of the app's "
        "subscription; or no more.",
        (Answer(200, "As it is now.", JSON, DeviceJoined),),
        takes={JSON: JoinDevice},
        faults=("person.not-found", "operator.not-ready", "operator.store"),
    ),
)
"""The operations of devices that let themselves be asked."""

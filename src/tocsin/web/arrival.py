"""An arrival: somebody who came late is added to a roll call that runs, at the desk or by a system at the gate.

- Who stands on the roster is found by the whole of their own key or address, never by a part of a name. Somebody new becomes
  a visitor for a day, and is erased as visitors are.
- They are asked at once, as everybody was, and counted from then. Who sits there already is not asked anew.
- The answer to a system is a seat: it learns of no name that it did not bring.
"""

from __future__ import annotations

import asyncio
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from tocsin.account.roster import MEMBER_ADDED, Added, Details, Kind, Member, Way
from tocsin.errors import NotFoundError, ParameterError
from tocsin.journal import fact
from tocsin.place.language import language as known_language
from tocsin.web.api import _body, _take
from tocsin.web.confirm import ADDRESSES
from tocsin.web.openapi import Answer, Operation, decoded
from tocsin.web.rolls import Rolls, of
from tocsin.web.shapes import JSON
from tocsin.web.token import ARRIVE

if TYPE_CHECKING:
    from tocsin.web.api import Interface

STAYS = timedelta(days=1)
"""How long somebody new counts as here."""


class Arriving(Struct, frozen=True, forbid_unknown_fields=True):
    """Who has arrived: ``key`` of somebody on the roster, or the ``name`` of somebody new and how to reach them."""

    key: Annotated[
        str, Meta(max_length=200, description="Their own key, telephone or e-mail address on the roster, in full.")
    ] = ""
    name: Annotated[
        str, Meta(max_length=200, description="Somebody who is not on the roster: what they are called.")
    ] = ""
    zone: Annotated[str, Meta(max_length=80, description="Where they are: a zone of the roster.")] = ""
    sms: Annotated[str, Meta(max_length=40, description="Their telephone number.")] = ""
    mail: Annotated[str, Meta(max_length=320, description="Their e-mail address.")] = ""
    language: Annotated[str, Meta(max_length=35, description="The language to ask them in.")] = ""


class Arrived(Struct, frozen=True):
    """Where they sit in the roll call. It is on disk."""

    seat: str
    known: Annotated[bool, Meta(description="Whether they were in the roll call before.")] = False


async def arrive(rolls: Rolls, call: str, wanted: Arriving, by: str) -> Arrived:
    """Add somebody to a roll call that runs.

    :class:`NotFoundError` where nobody on the roster has exactly this key, :class:`ParameterError` where it says too
    little or what nobody can be.
    """
    sitting = frozenset(rolls.call(call).zones)
    if wanted.key.strip():
        found = await asyncio.to_thread(rolls.roster.find, wanted.key.strip())
        if not found:
            raise NotFoundError("nobody on the roster has exactly this key, telephone or e-mail address")
        if len(found) > 1:
            raise ParameterError("key: several people on the roster have it; give their own key")
        member = found[0]
    else:
        member = await _new(rolls, call, wanted, by)
    (seat,) = await rolls.join(call, [member], by)
    return Arrived(seat, seat in sitting)


async def _new(rolls: Rolls, call: str, wanted: Arriving, by: str) -> str:
    """Somebody who is not on the roster, on it from now on for a day; their id."""
    name = " ".join(wanted.name.split())
    if not name:
        raise ParameterError("name: who it is")
    if not rolls.call(call).open:
        # Said before anything is kept of somebody whom nobody will ask.
        await rolls.join(call, [], by)
    ways = tuple(
        Way(channel, ADDRESSES[channel](text)) for channel, text in (("sms", wanted.sms), ("mail", wanted.mail)) if text
    )
    tag, at = known_language(wanted.language) if wanted.language else "", rolls.house.now()
    key, here = f"late-{secrets.token_hex(6)}", secrets.token_hex(8)
    member = Member(
        here,
        Kind.VISITOR,
        " ".join(wanted.zone.split()),
        (),
        (tag,) if tag else (),
        tuple(way.channel for way in ways),
        at,
        at + STAYS,
        at if ways else None,
    )
    added = fact(MEMBER_ADDED, here, Added(by), rolls.realm)
    await asyncio.to_thread(rolls.roster.take_in, [(here, member, Details(name, key, ways))], [], [added])
    return here


async def add(interface: Interface, request: Request) -> ASGIApp:
    """``POST /v1/rollcalls/{rollcall}/people``."""
    house = interface.house
    token = house.tokens.require(request.headers.get("authorization", ""), ARRIVE, house.now())
    _take(request, (JSON,))
    content = await _body(request)
    wanted = decoded(content, Arriving)

    async def work() -> Response:
        made = await arrive(of(house), request.path_params["rollcall"], wanted, f"token:{token.id}")
        return Response(msgspec.json.encode(made), 200 if made.known else 201, {"Cache-Control": "no-store"}, JSON)

    return await interface.repeats.once(request, f"token:{token.id}", content, house.now(), work)


ARRIVALS: tuple[Operation, ...] = (
    Operation(
        "POST",
        "/v1/rollcalls/{rollcall}/people",
        add,
        "Add somebody who came late to a roll call that runs: they are asked at once, and counted from then.",
        (
            Answer(201, "They are in it now.", JSON, Arrived),
            Answer(200, "They were in it before.", JSON, Arrived),
        ),
        takes={JSON: Arriving},
        faults=("person.not-found", "person.illegal-step", "operator.store"),
        scope=ARRIVE,
        idempotent=True,
        parameters={"rollcall": "The roll call's id, as the console shows it in its address."},
    ),
)
"""The operations of arrivals."""

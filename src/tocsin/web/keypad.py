"""The keypad: a key that was pressed in a telephone call answers a roll call, as a gateway hands it on.

- The call was made with a reference that is a secret of its seat and of nothing else: it opens no page, and a gateway that
  knows it can answer this one question.
- Whatever it was, the answer to the gateway is the same: it learns of nobody.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from tocsin.clock import parse
from tocsin.errors import ParameterError
from tocsin.web.answer import TextTaken
from tocsin.web.api import _body, _take
from tocsin.web.leaf import FORM, form
from tocsin.web.openapi import Answer, Operation, decoded
from tocsin.web.rolls import of
from tocsin.web.shapes import JSON
from tocsin.web.state import moment
from tocsin.web.token import RELAY

if TYPE_CHECKING:
    from tocsin.web.api import Interface

NAMES = {"reference": ("reference", "ref", "custom"), "key": ("key", "digit", "digits", "dtmf")}
"""What gateways call these in a form."""
log = logging.getLogger("tocsin.web")


class Pressed(Struct, frozen=True, forbid_unknown_fields=True):
    """A key that was pressed in a call."""

    reference: Annotated[
        str, Meta(min_length=1, max_length=200, description="The reference that the call was made with.")
    ]
    key: Annotated[str, Meta(max_length=8, description="1 safe, 2 needs help, 3 not there.")]
    at: Annotated[datetime, Meta(tz=True, description="When it was pressed.")] | None = None


async def relay(interface: Interface, request: Request) -> ASGIApp:
    """``POST /v1/answers/voice``."""
    house = interface.house
    token = house.tokens.require(request.headers.get("authorization", ""), RELAY, house.now())
    _take(request, (JSON, FORM))
    content = await _body(request)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    pressed = decoded(content, Pressed) if kind == JSON else _pressed(await form(request))

    async def work() -> Response:
        heard = await of(house).press(pressed.reference, pressed.key, pressed.at)
        log.info("a key in a telephone call: %s", heard.value)
        return Response(
            msgspec.json.encode(TextTaken(moment(house.now()) or "")), 202, {"Cache-Control": "no-store"}, JSON
        )

    return await interface.repeats.once(request, f"token:{token.id}", content, house.now(), work)


def _pressed(fields: dict[str, str]) -> Pressed:
    given = {name.casefold(): value for name, value in fields.items()}
    found = {name: next((given[one] for one in called if one in given), None) for name, called in NAMES.items()}
    reference, key = found["reference"], found["key"]
    if not reference or key is None:
        raise ParameterError("reference, key: both are needed")
    return Pressed(reference[:200], key[:8], parse(given["at"]) if given.get("at") else None)


KEYPAD: tuple[Operation, ...] = (
    Operation(
        "POST",
        "/v1/answers/voice",
        relay,
        "Hand on a key that was pressed in a telephone call of a roll call: 1 safe, 2 needs help, 3 not there.",
        (Answer(202, "Taken, whatever it was.", JSON, TextTaken),),
        takes={JSON: Pressed, FORM: None},
        faults=("input.answer-time", "operator.store"),
        scope=RELAY,
        idempotent=True,
    ),
)
"""The operations of the keypad."""

"""Answering: one tap on a link, a digit by text message, a warden's word, a family's look; over HTTP and on small pages.

- A link is a secret of one person for one roll call; nothing else is asked, and where somebody is never.
- Opening it answers nothing: programs look into links before people do. The button answers.
- Who taps without a connection is not made to wait: the phone keeps the answer with its time and sends it by itself.
- A warden sees the names of their own zones, on one phone, for as long as the roll call runs, and each look is recorded.
- A family sees of one person whether they answered "I am safe", and when; of anything else it sees that there is no such
  answer yet.
- Whoever holds a right link is never refused for how many stand behind the same address: a shelter has one.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct, field
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp

from tocsin.account.answer import How, Means, Says
from tocsin.account.rollcall import UNACCOUNTED, RollCall, State
from tocsin.cap.phase import Phase
from tocsin.clock import parse
from tocsin.errors import MediaTypeError, NotAllowedError, NotFoundError, ParameterError, RateLimitedError, TooSlowError
from tocsin.reach.channels import sms
from tocsin.web.leaf import FORM, form, here, leaf
from tocsin.web.openapi import Answer as Says200
from tocsin.web.openapi import Operation, decoded
from tocsin.web.problem import Refusal
from tocsin.web.rolls import ANSWER, WARDEN, Given, Heard, Rolls, device, of
from tocsin.web.shapes import JSON
from tocsin.web.state import Moment, moment
from tocsin.web.token import RELAY

if TYPE_CHECKING:
    from tocsin.web.api import Interface
    from tocsin.web.house import House

COOKIE = "tocsin-warden"
COOKIE_SECONDS = 7 * 86_400
MOST_NAMES = 300
MOST_FAMILIES = 10
_NO_STORE = {"Cache-Control": "no-store"}

log = logging.getLogger("tocsin.web")

Word = Literal["safe", "needs-help", "out-of-area"]
E = TypeVar("E", bound=StrEnum)


class GiveAnswer(Struct, frozen=True, forbid_unknown_fields=True):
    """One person's answer. ``token`` is what stands in their link."""

    token: Annotated[str, Meta(min_length=8, max_length=64, description="What stands in the link after /a/.")]
    says: Word
    at: (
        Annotated[datetime, Meta(tz=True, description="The moment of the tap, where the answer waited to be sent.")]
        | None
    ) = None
    sent_at: (
        Annotated[
            datetime,
            Meta(tz=True, description="What the same clock shows while sending: with it, a wrong clock does no harm."),
        ]
        | None
    ) = None


class AnswerTaken(Struct, frozen=True):
    """What was taken. It is on disk."""

    says: Word
    at: Moment
    received: Moment
    known: Annotated[bool, Meta(description="Whether exactly this answer was taken before.")] = False


class TextMessage(Struct, frozen=True, forbid_unknown_fields=True):
    """A text message that came in, as a gateway hands it on."""

    sender: Annotated[str, Meta(min_length=3, max_length=40, description="The telephone number it came from.")] = field(
        name="from"
    )
    text: Annotated[
        str, Meta(max_length=1000, description="1 safe, 2 needs help, 3 not there; with the code or alone.")
    ]
    at: Annotated[datetime, Meta(tz=True)] | None = None


class TextTaken(Struct, frozen=True):
    """The same whatever it was: nobody learns from this whether a number is known here."""

    received: Moment


# --- the interface --------------------------------------------------------------------------------------------------


def opened(house: House, request: Request, use: str, token: str) -> tuple[Rolls, RollCall, Any]:
    """What a link opens; guessing at links is slow work."""
    rolls = of(house)
    try:
        call, seat = rolls.opened(use, token)
    except NotFoundError:
        house.limits.failure(request.client)
        raise
    house.limits.write(f"seat:{seat.id}")
    return rolls, call, seat


async def give(interface: Interface, request: Request) -> ASGIApp:
    """``POST /v1/answers``."""
    house = interface.house
    content = await _body(request, (JSON,))
    wanted = decoded(content, GiveAnswer)
    rolls, call, seat = opened(house, request, ANSWER, wanted.token)

    async def work() -> Response:
        given = await rolls.answer(call, seat.id, Says(wanted.says), means=Means.API, at=wanted.at, sent=wanted.sent_at)
        return Response(msgspec.json.encode(_taken(given)), 200 if given.known else 201, _NO_STORE, JSON)

    return await interface.repeats.once(request, f"seat:{seat.id}", content, house.now(), work)


async def relay(interface: Interface, request: Request) -> ASGIApp:
    """``POST /v1/answers/sms``."""
    house = interface.house
    token = house.tokens.require(request.headers.get("authorization", ""), RELAY, house.now())
    content = await _body(request, (JSON, FORM))
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    message = decoded(content, TextMessage) if kind == JSON else _message(await form(request))

    async def work() -> Response:
        try:
            sender = sms.address(message.sender)
        except ParameterError:
            sender = ""
        heard = await of(house).hear(sender, message.text, message.at) if sender else Heard.NOBODY
        log.info("a text message to a roll call: %s", heard.value)
        told = TextTaken(moment(house.now()) or "")
        return Response(msgspec.json.encode(told), 202, _NO_STORE, JSON)

    return await interface.repeats.once(request, f"token:{token.id}", content, house.now(), work)


def _message(fields: dict[str, str]) -> TextMessage:
    """A text message from the fields of a form, as the usual gateways call them."""
    given = {name.casefold(): value for name, value in fields.items()}
    sender = next((given[name] for name in ("from", "msisdn", "sender", "originator") if given.get(name)), "")
    text = next((given[name] for name in ("text", "body", "message", "content") if name in given), None)
    if not sender or text is None:
        raise ParameterError("from, text: both are needed")
    return TextMessage(sender[:40], text[:1000], parse(given["at"]) if given.get("at") else None)


def _taken(given: Given) -> AnswerTaken:
    says: Word = given.says.value
    return AnswerTaken(says, moment(given.at) or "", moment(given.received) or "", given.known)


async def _body(request: Request, kinds: tuple[str, ...]) -> bytes:
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given not in kinds:
        raise Refusal(MediaTypeError(f"send {' or '.join(kinds)}"), headers={"Accept-Post": ", ".join(kinds)})
    try:
        return await request.body()
    except ClientDisconnect:
        raise TooSlowError from None


# --- one person's page -----------------------------------------------------------------------------------------------


async def answer_page(interface: Interface, request: Request) -> ASGIApp:
    """``GET /a/{token}``: the question, three buttons, and what was answered."""
    house, token = interface.house, request.path_params["token"]
    rolls, call, seat = opened(house, request, ANSWER, token)
    # A preview made by a messenger does not say that it navigates; a browser that shows the page to a person does.
    if request.method == "GET" and request.headers.get("sec-fetch-mode") == "navigate":
        rolls.see(call, seat.id)
    return await _answer_page(house, request, rolls, call, seat)


async def _answer_page(
    house: House, request: Request, rolls: Rolls, call: RollCall, seat: Any, family: str = ""
) -> Response:
    links = await asyncio.to_thread(rolls.book.families, call.id, seat.id)
    return leaf(
        house,
        request,
        "answer.html",
        call=call,
        token=request.path_params["token"],
        answer=call.answer(seat.id),
        says=list(Says),
        running=rolls.phase(call, house.now()) is Phase.ACT,
        links=links,
        family=f"{house.settings.public_url.rstrip('/')}/f/{family}" if family else "",
    )


async def answer_form(interface: Interface, request: Request) -> ASGIApp:
    """``POST /a/{token}``: the tap of a phone without a script."""
    token = request.path_params["token"]
    rolls, call, seat = opened(interface.house, request, ANSWER, token)
    says = _one(Says, (await form(request)).get("says", ""), "says")
    await rolls.answer(call, seat.id, says, means=Means.LINK)
    return here(request, f"/a/{token}")


async def family_form(interface: Interface, request: Request) -> ASGIApp:
    """``POST /a/{token}/family``: make a link for one's family, or end them all."""
    house, token = interface.house, request.path_params["token"]
    rolls, call, seat = opened(house, request, ANSWER, token)
    if "end" in await form(request):
        await asyncio.to_thread(rolls.book.end_families, call.id, seat.id)
        return here(request, f"/a/{token}")
    if await asyncio.to_thread(rolls.book.families, call.id, seat.id) >= MOST_FAMILIES:
        raise Refusal(RateLimitedError("end the links there are first"), retry_after=1)
    made = await asyncio.to_thread(rolls.book.make_family, call.id, seat.id, seat.member)
    return await _answer_page(house, request, rolls, call, seat, made)


async def family_page(interface: Interface, request: Request) -> ASGIApp:
    """``GET /f/{token}``: whether one person has answered that they are safe, and when; nothing else."""
    house, rolls = interface.house, of(interface.house)
    known = await asyncio.to_thread(rolls.book.family, request.path_params["token"])
    if known is None:
        house.limits.failure(request.client)
        raise NotFoundError
    call = rolls.call(known[0])
    answer = call.answer(known[1])
    safe = answer.at if answer is not None and answer.says is Says.SAFE else None
    return leaf(house, request, "family.html", safe=safe)


# --- a warden's page -------------------------------------------------------------------------------------------------


async def warden_page(interface: Interface, request: Request) -> ASGIApp:
    """``GET /w/{token}``: who of the warden's own zones is missing."""
    house, token = interface.house, request.path_params["token"]
    rolls, call, seat, zones = await _warden(house, request, token)
    if not call.open:
        return _over(house, request)
    if not _bound(request, seat):
        return leaf(
            house, request, "warden.html", call=call, token=token, zones=zones, names=None, free=seat.phone is None
        )
    return await _warden_page(house, request, rolls, call, seat, zones)


def _over(house: House, request: Request) -> Response:
    return leaf(house, request, "warden.html", call=None, token="", zones=(), names=None, free=False)


async def _warden_page(
    house: House, request: Request, rolls: Rolls, call: RollCall, seat: Any, zones: tuple[str, ...]
) -> Response:
    kept = rolls.seats[call.id]
    there = call.seats(zones)
    first = [one for one in there if call.state(one) in UNACCOUNTED or call.state(one) is State.HELP]
    shown = [*first, *(one for one in there if one not in set(first))][:MOST_NAMES]
    members = [kept[one].member for one in shown]
    details = await asyncio.to_thread(rolls.reveal, seat.member, "warden", members)
    rows = [
        (one, call.state(one).value, details[kept[one].member], call.zones[one], call.answer(one))
        for one in shown
        if one in kept and kept[one].member in details
    ]
    return leaf(
        house,
        request,
        "warden.html",
        call=call,
        token=request.path_params["token"],
        zones=zones,
        names=rows,
        missing=len(call.unaccounted(zones)),
        free=False,
        unaccounted={state.value for state in UNACCOUNTED} | {State.HELP.value},
        ways=list(How),
    )


async def warden_form(interface: Interface, request: Request) -> ASGIApp:
    """``POST /w/{token}``: bind the link to this phone, or answer for somebody of one's own zones."""
    house, token = interface.house, request.path_params["token"]
    rolls, call, seat, zones = await _warden(house, request, token)
    fields = await form(request)
    if not call.open:
        return _over(house, request)
    if "open" in fields:
        secret = secrets.token_urlsafe(24)
        if _bound(request, seat):
            return here(request, f"/w/{token}")
        if not await asyncio.to_thread(rolls.book.bind, call.id, seat.id, device(secret)):
            raise NotAllowedError("this link was opened on another phone")
        seat.phone = device(secret)
        response = here(request, f"/w/{token}")
        safe = urlsplit(house.settings.public_url).scheme == "https"
        response.set_cookie(
            COOKIE, secret, COOKIE_SECONDS, path=f"/w/{token}", secure=safe, httponly=True, samesite="lax"
        )
        return response
    if not _bound(request, seat):
        raise NotAllowedError("this link was opened on another phone")
    other = fields.get("seat", "")
    if call.zones.get(other) not in zones or other not in call.zones:
        raise NotAllowedError("this person is not of your zone")
    says = _one(Says, fields.get("says", ""), "says")
    await rolls.answer(call, other, says, means=Means.PROXY, by=seat.id, how=_one(How, fields.get("how", ""), "how"))
    return here(request, f"/w/{token}")


async def _warden(house: House, request: Request, token: str) -> tuple[Rolls, RollCall, Any, tuple[str, ...]]:
    rolls, call, seat = opened(house, request, WARDEN, token)
    zones = tuple(zone for zone in await asyncio.to_thread(rolls.wards, seat) if zone in call.started.zones)
    if not zones:
        # Who is warden of nothing has such a link by no right way.
        raise NotFoundError
    return rolls, call, seat, zones


def _bound(request: Request, seat: Any) -> bool:
    given = request.cookies.get(COOKIE, "")
    return seat.phone is not None and secrets.compare_digest(device(given), seat.phone)


def _one(kind: type[E], text: str, name: str) -> E:
    try:
        return kind(text)
    except ValueError:
        raise ParameterError(f"{name}: one of {', '.join(kind)}") from None


_LINK = {"token": "What stands in the link."}
_PAGE = (Says200(200, "A page.", "text/html"),)
_BACK = (Says200(303, "Taken; back to the page.", ""),)

ANSWERS: tuple[Operation, ...] = (
    Operation(
        "POST",
        "/v1/answers",
        give,
        "Answer a roll call with the secret of one's own link. On disk when this answers; the same answer again is one "
        "answer, and a later one corrects it. Where somebody is is not asked.",
        (
            Says200(201, "Taken.", JSON, AnswerTaken),
            Says200(200, "Exactly this answer was taken before.", JSON, AnswerTaken),
        ),
        takes={JSON: GiveAnswer},
        faults=("input.answer-time", "person.not-found", "operator.store"),
        idempotent=True,
    ),
    Operation(
        "POST",
        "/v1/answers/sms",
        relay,
        "Hand on a text message that answers a roll call: 1 safe, 2 needs help, 3 not there. For gateways.",
        (Says200(202, "Taken, whatever it was.", JSON, TextTaken),),
        takes={JSON: TextMessage, FORM: None},
        faults=("input.answer-time", "operator.store"),
        scope=RELAY,
        idempotent=True,
    ),
    Operation("GET", "/a/{token}", answer_page, "The page behind a person's link.", _PAGE, parameters=_LINK,
              faults=("person.not-found",)),
    Operation("POST", "/a/{token}", answer_form, "The same answer without a script.", _BACK, parameters=_LINK,
              faults=("person.not-found", "operator.store")),
    Operation("POST", "/a/{token}/family", family_form, "Make a link for one's family, or end them all.", _PAGE,
              parameters=_LINK, faults=("person.not-found",)),
    Operation("GET", "/f/{token}", family_page, "Whether one person has answered that they are safe, and when.", _PAGE,
              parameters=_LINK, faults=("person.not-found",)),
    Operation("GET", "/w/{token}", warden_page, "A warden's page of their own zones.", _PAGE, parameters=_LINK,
              faults=("person.not-found",)),
    Operation("POST", "/w/{token}", warden_form, "A warden's word for somebody of their zones.", _BACK, parameters=_LINK,
              faults=("person.not-found", "person.not-allowed", "operator.store")),
)  # fmt: skip
"""The operations of roll calls."""

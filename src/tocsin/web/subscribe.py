"""Subscribing a system: a webhook is told of every alert that concerns its places, signed, from now on.

- No account and no name: an address to send to, areas, and if wanted phases and languages. A secret is made here, shown
  once, and is what deliveries are signed with and what ends the subscription.
- Only the open Internet can be subscribed, and the address is vetted again at each delivery
  (:mod:`tocsin.reach.channels.destination`).
- Nobody learns what is subscribed: every subscription is a new one with a new secret, and ending one answers the same
  whether it was there, and whether the secret was its own.
- One address can be subscribed a few times only, or a warning would be a flood aimed at somebody.
"""

from __future__ import annotations

import asyncio
import hmac
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta, Struct

from tocsin.errors import NotReadyError, ParameterError, RateLimitedError
from tocsin.reach.channels.destination import ForbiddenError, vet_url
from tocsin.reach.channels.webhook import new_secret
from tocsin.reach.subscriber import Wish
from tocsin.web.listing import Code
from tocsin.web.problem import Refusal
from tocsin.web.state import PhaseName

if TYPE_CHECKING:
    from tocsin.web.confirm import Confirmations
    from tocsin.web.house import House

WEBHOOK = "webhook"
MOST_PER_ADDRESS = 10
HOUR = 3600


class Subscribe(Struct, frozen=True, forbid_unknown_fields=True):
    """What a system wants to be told, and where."""

    channel: Literal["webhook", "mail", "sms", "telegram"]
    areas: Annotated[
        tuple[Code, ...], Meta(min_length=1, max_length=500, description="Area codes; F21 holds both ways.")
    ]
    url: Annotated[
        str, Meta(max_length=2000, pattern="^(https?://.{1,1990})?$", description="For webhook: where to POST alerts.")
    ] = ""
    address: Annotated[
        str, Meta(max_length=320, description="For mail, sms and telegram: where to ask whether warnings are wanted.")
    ] = ""
    phases: Annotated[tuple[PhaseName, ...], Meta(max_length=7, description="Only these phases; none means all.")] = ()
    languages: Annotated[
        tuple[Annotated[str, Meta(min_length=2, max_length=35, pattern="^[A-Za-z0-9-]+$")], ...],
        Meta(max_length=20, description="Languages wanted, first the preferred one; none means all."),
    ] = ()


class Subscribed(Struct, frozen=True):
    """A new subscription. The secret is shown here and never again."""

    id: str
    channel: str
    areas: tuple[str, ...]
    secret: Annotated[str, Meta(description="Verifies deliveries (Standard Webhooks) and ends the subscription.")]


class Asked(Struct, frozen=True):
    """Somebody is asked at the address, and a subscription begins with their yes; the same whether it is known."""

    channel: str
    areas: tuple[str, ...]
    confirm: Annotated[str, Meta(description="How it goes on: by the link that is sent to the address.")] = "link"


async def ask(house: House, confirmations: Confirmations, wanted: Subscribe) -> Asked:
    """Ask at the address whether it is to be warned. An unknown area raises UnknownPlaceError."""
    areas = tuple(dict.fromkeys(house.place(code).code for code in wanted.areas))
    wish = Wish(wanted.channel, "", areas=areas, phases=wanted.phases, languages=wanted.languages)
    await confirmations.ask(wanted.channel, wanted.address, wish, MOST_PER_ADDRESS)
    return Asked(wanted.channel, areas)


async def make(house: House, wanted: Subscribe) -> Subscribed:
    """Make a subscription; it is on disk on return. An unknown area raises UnknownPlaceError."""
    if house.subscriptions is None:
        raise NotReadyError("no subscriptions are taken here")
    if not wanted.url:
        raise ParameterError("url: a webhook needs one")
    # A code that nobody knows would be a subscriber who waits for ever.
    areas = tuple(dict.fromkeys(house.place(code).code for code in wanted.areas))
    try:
        url = str(vet_url(wanted.url, loopback=house.settings.webhook_loopback))
    except ForbiddenError as wrong:
        raise ParameterError(f"url: nothing is sent there ({wrong.reason})") from None
    book = house.subscriptions.book
    if len(await asyncio.to_thread(book.find, WEBHOOK, url)) >= MOST_PER_ADDRESS:
        raise Refusal(RateLimitedError("this address is subscribed often enough"), retry_after=HOUR)
    secret = new_secret()
    wish = Wish(WEBHOOK, url, kept=(secret,), areas=areas, phases=wanted.phases, languages=wanted.languages)
    one = await asyncio.to_thread(house.subscriptions.make, wish)
    return Subscribed(one.id, WEBHOOK, areas, secret)


async def end(house: House, subscription: str, secret: str) -> None:
    """End a subscription if this is its secret. Returns nothing either way, because nobody is to be told."""
    if house.subscriptions is None:
        raise NotReadyError("no subscriptions are taken here")
    number = house.subscriptions.roll.number(subscription)
    known = await asyncio.to_thread(house.subscriptions.book.addresses, [number if number is not None else 0])
    secrets = known[number].secrets if number in known else ()
    given = secret.encode("utf-8", "surrogateescape")
    # Every secret is compared, and one that is none as well, so that time says nothing about which ids there are.
    same = [hmac.compare_digest(given, kept.encode()) for kept in (*secrets, new_secret())]
    if any(same[:-1]):
        await asyncio.to_thread(house.subscriptions.end, subscription, "owner")

"""Subscribing a system or a device: it is told of every alert that concerns its places, from now on.

- No account and no name: an address to send to, and what is wanted (:mod:`tocsin.web.wish`). A secret is made here,
  shown once, and is what webhooks are signed with and what ends the subscription.
- Right after it is made a test message is sent, so that whoever asked knows that warnings arrive there.
- Who shows the secret of another subscription adds a channel to it: one person, tried in order.
- A device whose push service gives it another address shows the secret of the subscription it had: it stays the same person,
  in the same turn, and roll calls go on asking there.
- A browser or app gives what its Push API gave it: ``endpoint`` and ``keys``. Keys that nothing can be sealed to are
  refused here, where somebody can still be told.
- Only the open Internet can be subscribed, and the address is vetted again at each delivery
  (:mod:`tocsin.reach.channels.destination`).
- Nobody learns what is subscribed: every subscription is a new one with a new secret, and ending one answers the same
  whether it was there, and whether the secret was its own.
- One address can be subscribed a few times only, or a warning would be a flood aimed at somebody.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Annotated, Any, Literal

from msgspec import Meta, Struct, field

from tocsin.errors import NotReadyError, ParameterError, RateLimitedError
from tocsin.reach.channels.destination import ForbiddenError, vet_url
from tocsin.reach.channels.webhook import new_secret
from tocsin.reach.prekey import kept as device_keys
from tocsin.reach.subscription import Subscription, Wish
from tocsin.web.problem import Refusal
from tocsin.web.wish import Kept, Wanted, fields_of, kept

if TYPE_CHECKING:
    from tocsin.web.confirm import Confirmations
    from tocsin.web.house import House

WEBHOOK, WEBPUSH = "webhook", "webpush"
MOST_PER_ADDRESS = 10
HOUR = 3600


class DeviceKeys(Struct, frozen=True, forbid_unknown_fields=True):
    """What messages to a device are sealed with, in base64url (RFC 8291)."""

    p256dh: Annotated[str, Meta(min_length=87, max_length=88, description="The device's public key on P-256.")]
    auth: Annotated[str, Meta(min_length=22, max_length=24, description="The device's authentication secret.")]


class Own(Struct, frozen=True, forbid_unknown_fields=True):
    """A subscription of one's own, with the secret that proves it."""

    id: Annotated[str, Meta(max_length=64)]
    secret: Annotated[str, Meta(max_length=200)]


class Subscribe(Wanted, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a system or a device wants to be told, and where.

    A webhook gives ``url``; a device gives ``endpoint`` and ``keys`` as its Push API does; mail, sms and telegram give
    ``address``, where a yes is asked for first.
    """

    channel: Literal["webhook", "webpush", "mail", "sms", "telegram"]
    url: Annotated[
        str, Meta(min_length=8, max_length=2000, pattern="^https?://", description="Webhook: where to POST alerts.")
    ] = ""
    endpoint: Annotated[
        str,
        Meta(min_length=9, max_length=2000, pattern="^https://", description="Web Push: the push service's address."),
    ] = ""
    keys: DeviceKeys | None = None
    address: Annotated[
        str, Meta(max_length=320, description="For mail, sms and telegram: where to ask whether warnings are wanted.")
    ] = ""
    expires: Annotated[
        float | None, Meta(description="Web Push: as browsers give it; a push service says itself when it has ended.")
    ] = field(default=None, name="expirationTime")
    beside: Annotated[
        Own | None,
        Meta(description="Another channel of the same person, which is tried first; this one where that one fails."),
    ] = None
    replaces: Annotated[
        Own | None,
        Meta(
            description="The subscription of the same device under the address that it had before: whose it is, its turn "
            "and the roll calls that ask there go over to the new one. End it when the new one is made."
        ),
    ] = None


class Subscribed(Struct, frozen=True):
    """A new subscription. The secret is shown here and never again. A test message follows."""

    id: str
    channel: str
    areas: tuple[str, ...]
    secret: Annotated[
        str, Meta(description="Ends the subscription; a webhook verifies deliveries with it (Standard Webhooks).")
    ]
    kept: Kept


class Asked(Struct, frozen=True):
    """Somebody is asked at the address, and a subscription begins with their yes; the same whether it is known."""

    channel: str
    areas: tuple[str, ...]
    confirm: Annotated[str, Meta(description="How it goes on: by the link that is sent to the address.")] = "link"


async def ask(house: House, confirmations: Confirmations, wanted: Subscribe) -> Asked:
    """Ask at the address whether it is to be warned. An unknown area raises UnknownPlaceError."""
    fields = fields_of(house, wanted)
    fields |= await _person(house, wanted)
    await confirmations.ask(wanted.channel, wanted.address, Wish(wanted.channel, "", **fields), MOST_PER_ADDRESS)
    return Asked(wanted.channel, fields["areas"])


async def _person(house: House, wanted: Subscribe) -> dict[str, Any]:
    """Whose the new subscription is, and after how many others of theirs it is tried."""
    if wanted.beside is None or house.subscriptions is None:
        return {}
    one = await owned(house, wanted.beside.id, wanted.beside.secret)
    if one is None:
        # Nobody is told whether there is such a subscription, so this one is simply by itself.
        return {}
    person = one.person or token_urlsafe(12)
    if not one.person:
        await asyncio.to_thread(house.subscriptions.change, one.id, {"person": person})
    return {"person": person, "order": max(other.order for other in (one, *house.subscriptions.others(one))) + 1}


async def _before(house: House, wanted: Subscribe) -> Subscription | None:
    """The subscription that the new one stands for from now on, if it is this device's own."""
    if wanted.replaces is None:
        return None
    one = await owned(house, wanted.replaces.id, wanted.replaces.secret)
    return one if one is not None and one.channel == wanted.channel else None


def _where(wanted: Subscribe, secret: str) -> tuple[str, str, tuple[str, ...]]:
    """The field of ``wanted`` that holds the address, the address, and the secrets to keep; ParameterError if wrong."""
    if wanted.channel == WEBHOOK:
        if not wanted.url:
            raise ParameterError("url: a webhook needs one")
        return "url", wanted.url, (secret,)
    if not wanted.endpoint or wanted.keys is None:
        raise ParameterError("endpoint, keys: Web Push needs both, as the Push API gives them")
    return "endpoint", wanted.endpoint, (secret, device_keys(wanted.keys.p256dh, wanted.keys.auth))


async def make(house: House, wanted: Subscribe) -> Subscribed:
    """Make a subscription; it is on disk on return. An unknown area raises UnknownPlaceError."""
    if house.subscriptions is None:
        raise NotReadyError("no subscriptions are taken here")
    fields = fields_of(house, wanted)
    secret, settings = new_secret(), house.settings
    name, address, secrets = _where(wanted, secret)
    loopback = settings.webhook_loopback if wanted.channel == WEBHOOK else settings.webpush_loopback
    try:
        url = str(vet_url(address, loopback=loopback))
    except ForbiddenError as wrong:
        raise ParameterError(f"{name}: nothing is sent there ({wrong.reason})") from None
    book = house.subscriptions.book
    if len(await asyncio.to_thread(book.find, wanted.channel, url)) >= MOST_PER_ADDRESS:
        raise Refusal(RateLimitedError("this address is subscribed often enough"), retry_after=HOUR)
    fields |= await _person(house, wanted)
    before = await _before(house, wanted)
    if before is not None:
        fields |= {"person": before.person, "order": before.order}
    one = await asyncio.to_thread(house.subscriptions.make, Wish(wanted.channel, url, kept=secrets, **fields))
    if before is not None and house.rolls is not None:
        await asyncio.to_thread(house.rolls.roster.move_device, before.id, one.id, house.now())
    if house.letters is not None:
        house.letters.begin(one)
    return Subscribed(one.id, wanted.channel, one.areas, secret, kept(fields))


async def owned(house: House, subscription: str, given: str, spelt: Callable[[str], str] = str) -> Subscription | None:
    """The subscription with this id if what is ``given`` is one of its secrets (as ``spelt``); None otherwise.

    How long it takes says nothing about which ids there are.
    """
    if house.subscriptions is None:
        raise NotReadyError("no subscriptions are taken here")
    house.subscriptions.require()
    number = house.subscriptions.roll.number(subscription)
    known = await asyncio.to_thread(house.subscriptions.book.addresses, [number if number is not None else 0])
    secrets = known[number].secrets if number in known else ()
    offered = given.encode("utf-8", "surrogateescape")
    # Every secret is compared, and one that is none as well, so that time says nothing about which ids there are.
    same = [hmac.compare_digest(offered, spelt(one).encode()) for one in (*secrets, new_secret())]
    found: Subscription | None = house.subscriptions.get(subscription) if any(same[:-1]) else None
    return found


async def end(house: House, subscription: str, secret: str) -> None:
    """End a subscription if this is its secret. Returns nothing either way, because nobody is to be told."""
    if await owned(house, subscription, secret) is not None:
        await asyncio.to_thread(house.subscriptions.end, subscription, "owner")

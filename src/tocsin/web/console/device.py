"""Devices to be called on: a person lets their own browser or phone ring for duty, and takes it back.

- It is the person's own choice for themself, made while they have just proved who they are: where a call goes is as much as
  a key to the house.
- A test is sent at once, so that nobody learns in the night that nothing arrives.
- What the push service gave is sealed where names and telephone numbers are; the journal says that there is one more.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from starlette.responses import Response

from tocsin.errors import NotFoundError, NotReadyError, ParameterError
from tocsin.reach.channels.destination import ForbiddenError, vet_url
from tocsin.reach.channels.way import Unset
from tocsin.reach.delivery import Address
from tocsin.reach.prekey import kept
from tocsin.reach.slip import DEVICE, Slip, hand
from tocsin.reach.wording import exercise_mark
from tocsin.warn.enrolment import DEVICE_ADDED, DEVICE_REMOVED, Called, Device
from tocsin.warn.person import Act
from tocsin.web.console.enrol import ACCOUNT
from tocsin.web.console.gate import Door, Fresh
from tocsin.web.console.identity import number
from tocsin.web.console.visit import Visit

MOST_LABEL, MOST_ADDRESS = 60, 2000
TEST_HOLDS = timedelta(hours=1)


async def add(visit: Visit) -> Response:
    """``POST /console/account/device``: what the browser's Push API gave, and what the device is called."""
    house, identity, person = visit.house, visit.rooms.identity, visit.person.person_id
    if house.vapid is None:
        raise NotReadyError("no notifications are sent here")
    endpoint, keys = visit.told("endpoint"), visit.told("keys", dict)
    label = " ".join(str(visit.json.get("label", "")).split())[:MOST_LABEL] or visit.words.say("device.this")
    if not endpoint.startswith("https://") or len(endpoint) > MOST_ADDRESS:
        raise ParameterError("endpoint: as the Push API gives it")
    try:
        address = str(vet_url(endpoint, loopback=house.settings.webpush_loopback))
    except ForbiddenError as wrong:
        raise ParameterError(f"endpoint: nothing is sent there ({wrong.reason})") from None
    sealed = kept(str(keys.get("p256dh", "")), str(keys.get("auth", "")))
    made = Device(number("d"), person, label, address, sealed, identity.now())
    told = identity.fact(DEVICE_ADDED, person, Called(made.id, person))
    await asyncio.to_thread(identity.book.add_device, made, [told])
    await _test(visit, made)
    return visit.answer({"next": ACCOUNT})


async def _test(visit: Visit, made: Device) -> None:
    """Show on the device that calls arrive there; how that goes stands in nobody's way."""
    house, t = visit.house, visit.words
    lane: Any = getattr(house.dispatch, "lanes", {}).get(DEVICE)
    if lane is None or isinstance(lane.channel, Unset):
        return
    realm, now = house.settings.realm, house.now()
    first = exercise_mark(realm, t.language) + t.say("device.test")
    url = visit.rooms.identity.origin.address + ACCOUNT
    slip = Slip(
        f"call-{made.id}", first, first, first, t.say("device.test.more"), url, t.language, realm, now + TEST_HOLDS
    )
    await hand(lane.channel, Address(0, made.id, made.endpoint, (made.keys,), (t.language,)), slip, now)


def drop(visit: Visit) -> Response:
    """``POST /console/account/device/drop``: a person's own device is called no more."""
    identity, person, gone = visit.rooms.identity, visit.person.person_id, visit.field("device")
    if gone not in {one.id for one in identity.book.devices((person,))}:
        raise NotFoundError
    told = identity.fact(DEVICE_REMOVED, person, Called(gone, person))
    identity.book.drop_device(gone, person, [told])
    return visit.redirect(ACCOUNT)


DOORS: tuple[Door, ...] = (
    Door("POST", ACCOUNT + "/device", add, Act.LOOK, Fresh.RECENT),
    Door("POST", ACCOUNT + "/device/drop", drop, Act.LOOK),
)

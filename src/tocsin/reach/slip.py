"""A slip: a few plain words for one person that are no alert, handed over by whatever channel they have.

- A roll call's question and a call to somebody on duty are slips. They pass by the audience and the batches, which are
  made for alerts, and go to the address they are given and to nobody else.
- A channel for plain words is told them. A telephone is rung, and where a key that is pressed can come back, that is asked
  for. A device is sent a notice that says by its name and phase that it speaks of no danger.
- The name of a slip is what a device keeps it under: the same one again takes the place of the first.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct

from tocsin.reach.bulletin import Bulletin, body
from tocsin.reach.channel import Channel, Outcome
from tocsin.reach.delivery import Address, Delivery

DEVICE = "webpush"


class Slip(Struct, frozen=True):
    """The words, in one language.

    ``text`` is the whole with its link, as mail and SMS have it; ``headline`` and ``more`` are what is spoken or shown on a
    device, where ``url`` is what a tap opens. ``reference`` is what a pressed key comes back under; empty where none is
    waited for. ``ends`` is the last moment at which this is worth handing over.
    """

    name: str
    subject: str
    text: str
    headline: str
    more: str
    url: str
    language: str
    realm: str
    ends: datetime
    reference: str = ""


def hears_keys(channel: Any) -> bool:
    """Whether a key that is pressed in a call by ``channel`` comes back to us."""
    return bool(getattr(channel, "keys", False)) and getattr(channel, "ring", None) is not None


async def hand(channel: Channel, to: Address, slip: Slip, now: datetime) -> Outcome:
    """Hand ``slip`` over to one address by ``channel`` and say how it went. Raises what the channel raises."""
    door: Any = channel
    if getattr(door, "tell", None) is not None:
        told: Outcome = await door.tell(to.address, slip.subject, slip.text)
        return told
    if slip.reference and hears_keys(door):
        rung: Outcome = await door.ring(to.address, f"{slip.headline} {slip.more}", slip.language, slip.reference)
        return rung
    # A gateway puts a call of this phase through first; a device is told that there is no danger in it.
    phase = "calm" if channel.name == DEVICE else "act"
    made = Bulletin(
        slip.name, slip.name, 1, "", phase, slip.realm, now, now, slip.ends, None, None, (), "",
        {slip.language: slip.headline}, {slip.language: slip.more}, slip.url,
    )  # fmt: skip
    (outcome,) = await channel.send([Delivery(slip.name, slip.name, 1, phase, slip.realm, slip.ends, body(made), to)])
    return outcome

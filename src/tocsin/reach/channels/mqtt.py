"""MQTT 5: the state of each area as one retained message and each alert as an event; the broker tells everybody.

- ``<prefix>/<realm>/<area>/state`` holds what stands in the area now, what decides first; whoever comes later gets it
  at once. ``<prefix>/<realm>/<area>/events`` tells each alert once.
- An ending takes only its own event out of an area's state: a second danger there still stands.
- A state expires with the last of its alerts, so that no device that comes back shows a warning of yesterday; that
  nothing is kept means nothing was said, and never all-clear.
- What was retained before a restart is read back before anything is put over it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from msgspec import Struct

from tocsin.clock import utc
from tocsin.errors import ParameterError
from tocsin.reach.bulletin import Bulletin
from tocsin.reach.channel import ACCEPTED, Channel, Kit, Outcome, later, refused
from tocsin.reach.channels.broker import Broker, BrokerRefusalError, Line, UnreachedError
from tocsin.reach.channels.way import Saying, Unset, way
from tocsin.reach.delivery import Delivery
from tocsin.recent import Recent

URGENT = frozenset({"act", "hold", "retracted"})
ENDED = frozenset({"all-clear", "retracted"})
_WEIGHT = {"act": 0, "hold": 1, "prepare": 2, "retracted": 3, "all-clear": 4}
_TOPIC = re.compile(r"[A-Za-z0-9_.:-]{1,64}(/[A-Za-z0-9_.:-]{1,64}){0,5}")
TOLD = 10_000


class Standing(Struct, frozen=True):
    """One alert that stands in an area, or has just ended there. ``until`` is when it is forgotten."""

    identifier: str
    event_id: str
    version: int
    phase: str
    since: datetime
    as_of: datetime
    until: datetime
    next_update_by: datetime | None
    headline: dict[str, str]
    instruction: dict[str, str]
    url: str


class AreaState(Struct, frozen=True):
    """What stands in an area; ``phase`` is that of the first of ``alerts``, which decides."""

    place: str
    realm: str
    phase: str
    as_of: datetime
    alerts: tuple[Standing, ...]


class Mqtt:
    """The channel ``mqtt``. A delivery's address is the prefix of its topics."""

    name = "mqtt"
    stride = 100
    lanes = 1

    def __init__(self, kit: Kit, broker: Broker) -> None:
        self.clock, self.broker, self.realm = kit.clock, broker, kit.settings.realm
        self.ended_for = timedelta(minutes=kit.settings.all_clear_minutes)
        self.saying = Saying(kit)
        self.line = Line(
            broker,
            self.realm,
            kit.clock,
            wanted=f"{broker.prefix}/{self.realm}/+/state",
            heard=self._heard,
        )
        self._areas: dict[str, dict[str, Standing]] = {}
        self._told: Recent[tuple[str, str], None] = Recent(TOLD)

    def arm(self) -> None:
        """Open the line in calm, so that the status says that we are there and nothing is to be opened at the alarm."""
        self.line.open()

    async def send(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        """Publish each of ``batch``; see :class:`tocsin.reach.channel.Channel`."""
        return [await self._one(delivery) for delivery in batch]

    def carrier(self, address: str) -> str:
        """The broker that it all goes to."""
        return f"mqtt {self.broker.host}"

    async def close(self) -> None:
        """Say goodbye to the broker."""
        await self.line.close()

    async def _one(self, delivery: Delivery) -> Outcome:
        prefix = delivery.to.address
        if _TOPIC.fullmatch(prefix) is None:
            return refused("address.malformed", tried=False)
        told = self.saying.of(delivery)
        if isinstance(told, Outcome):
            return told
        key = prefix, delivery.alert
        if key in self._told:
            # Several subscriptions may lead to one prefix; the broker needs to be told once.
            return ACCEPTED
        bulletin = told.bulletin
        try:
            for area in bulletin.areas or ("-",):
                await self._publish(prefix, area.replace("/", "_"), bulletin, delivery)
        except BrokerRefusalError as wrong:
            # Quota (0x97) and busy (0x89) pass; not authorised, a bad topic and the like do not.
            return later(None, str(wrong)) if wrong.code in (0x89, 0x97) else refused(str(wrong))
        except UnreachedError as wrong:
            return later(None, wrong.reason, wrong.tried)
        self._told[key] = None
        return ACCEPTED

    async def _publish(self, prefix: str, area: str, bulletin: Bulletin, delivery: Delivery) -> None:
        now = self.clock.now()
        self.line.open()
        properties = {
            "phase": bulletin.phase,
            "version": str(bulletin.version),
            "event_id": bulletin.event_id,
            "identifier": bulletin.identifier,
            "urgency": "high" if bulletin.phase in URGENT else "normal",
        }
        top = f"{prefix}/{self.realm}/{area}"
        left = max(1, math.ceil((delivery.deadline - now).total_seconds()))
        await self.line.publish(f"{top}/events", delivery.body, retain=False, expiry_s=left, properties=properties)
        # Only now, when the line is up, what the broker kept has been read back.
        state = self._with(top, area, bulletin, delivery.deadline, now)
        lasts = max(one.until for one in state.alerts) - now
        await self.line.publish(
            f"{top}/state",
            msgspec.json.encode(state),
            retain=True,
            expiry_s=math.ceil(lasts.total_seconds()),
            properties=properties,
        )
        self._areas[top] = {one.event_id: one for one in state.alerts}

    def _with(self, top: str, area: str, bulletin: Bulletin, deadline: datetime, now: datetime) -> AreaState:
        """The state of an area with this alert in it."""
        stands = {name: one for name, one in self._areas.get(top, {}).items() if one.until > now}
        known = stands.get(bulletin.event_id)
        if known is None or known.version <= bulletin.version:
            stands[bulletin.event_id] = Standing(
                bulletin.identifier,
                bulletin.event_id,
                bulletin.version,
                bulletin.phase,
                known.since if known is not None and known.phase == bulletin.phase else bulletin.sent,
                bulletin.as_of,
                min(deadline, now + self.ended_for) if bulletin.phase in ENDED else deadline,
                bulletin.next_update_by,
                bulletin.headline,
                bulletin.instruction,
                bulletin.url,
            )
        first = sorted(stands.values(), key=lambda one: (_WEIGHT.get(one.phase, 5), -one.as_of.timestamp()))
        return AreaState(area, self.realm, first[0].phase, max(one.as_of for one in first), tuple(first))

    def _heard(self, topic: str, payload: bytes) -> None:
        """Take in what the broker keeps from before; our own newest word is never put back by it."""
        top = topic.removesuffix("/state")
        if top in self._areas:
            return
        try:
            state = msgspec.json.decode(payload, type=AreaState)
        except msgspec.DecodeError:
            return
        self._areas[top] = {one.event_id: msgspec.structs.replace(one, until=utc(one.until)) for one in state.alerts}


def address(text: str) -> str:
    """A prefix of topics; one with wildcards or of the broker's own raises :class:`ParameterError`."""
    if _TOPIC.fullmatch(text.strip()) is None:
        raise ParameterError("address: this is not a prefix of topics")
    return text.strip()


def make(kit: Kit) -> Channel:
    """The channel for an installation."""
    broker = way(kit, "mqtt", Broker)
    return Unset("mqtt") if broker is None else Mqtt(kit, broker)

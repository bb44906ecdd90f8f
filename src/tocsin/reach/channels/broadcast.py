"""Cell broadcast: hands the pages of an alert to a broadcast centre, which sends them to every telephone in the area.

- The pages are made here, octet by octet (:mod:`tocsin.reach.cbs`), so that what was approved is what telephones show;
  or the CAP message goes as published (``format = "cap"``) to a centre that makes its own.
- A newer version names what it replaces, so that the centre stops sending what no longer holds.
- One hand-over an alert and centre, however many subscriptions lead there; a delivery's address is the centre's name.

The JSON: ``identifier event_id version phase realm areas polygons circles expires repetition_s stops messages``; a
message is ``language message_identifier serial_number data_coding_scheme additional text pages cb_data``, pages and
cb_data as hexadecimal; ``stops`` are message_identifier and serial_number of what was sent before. The reply is any 2xx.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from tocsin.clock import spell
from tocsin.reach.cbs import SCOPES, Broadcast, code, fits, identifier, pages, scheme, serial
from tocsin.reach.channel import ACCEPTED, Channel, Kit, Outcome, later, refused
from tocsin.reach.channels.gateway import Chosen, Gateway, Profile
from tocsin.reach.channels.way import Saying, Unset, way
from tocsin.reach.delivery import Delivery
from tocsin.reach.wording import Told, fit
from tocsin.recent import Recent

EVENTS = 1024


class Centre(Struct, frozen=True, forbid_unknown_fields=True):
    """One centre in the table ``broadcast``: where it takes messages, and how they are to be sent.

    ``languages`` are sent in this order, the first as the local one; empty for all. ``pages`` is the most a text may
    take. ``scope`` is plmn, area, cell or cell-immediate; ``repetition_s`` how often each is sent again.
    """

    url: str
    key: str = ""
    format: str = "json"
    languages: tuple[str, ...] = ()
    pages: int = 15
    scope: str = "plmn"
    repetition_s: int = 60
    timeout_s: float = 10.0
    rest_s: float = 5.0


class Sent(Struct, frozen=True):
    """What was last sent of an event: its code, what to stop, its level, and until when it is live."""

    code: int
    stops: tuple[tuple[int, int], ...]
    level: tuple[int, int]
    until: datetime


class CellBroadcast:
    """The channel ``broadcast``; ``centres`` are by name."""

    name = "broadcast"
    stride = 10
    lanes = 4

    def __init__(self, kit: Kit, centres: dict[str, Centre]) -> None:
        self.clock, self.kit, self.centres = kit.clock, kit, centres
        self.saying = Saying(kit)
        self.gateways = {
            name: Gateway(
                Chosen(slots={"key": one.key}, timeout_s=one.timeout_s, rest_s=one.rest_s),
                Profile(one.url, headers={"authorization": "Bearer {key}"} if one.key else {}),
                kit.clock,
            )
            for name, one in centres.items()
        }
        self._sent: Recent[tuple[str, str], Sent] = Recent(EVENTS)
        self._told: Recent[tuple[str, str], None] = Recent(10 * EVENTS)

    async def send(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        """Hand over each of ``batch``; see :class:`tocsin.reach.channel.Channel`."""
        return [await self._one(delivery) for delivery in batch]

    async def close(self) -> None:
        """Close the connections to the centres."""
        for gateway in self.gateways.values():
            await gateway.close()

    async def _one(self, delivery: Delivery) -> Outcome:
        name = delivery.to.address
        centre = self.centres.get(name)
        if centre is None:
            return refused("no such centre", tried=False)
        told = self.saying.of(delivery)
        if isinstance(told, Outcome):
            return told
        if (name, delivery.alert) in self._told:
            return ACCEPTED
        messages, sent = self.messages(told, delivery, centre)
        if centre.format == "cap":
            content = self.kit.cap(delivery.alert)
            if content is None:
                return later(None, "the CAP message is not at hand", tried=False)
            kind = "application/cap+xml"
        else:
            content, kind = msgspec.json.encode(self.document(told, delivery, centre, messages)), "application/json"
        answer = await self.gateways[name].send({}, content, kind)
        if answer.outcome.kind == "accepted":
            self._sent[name, delivery.event_id] = sent
            self._told[name, delivery.alert] = None
        return answer.outcome

    def messages(self, told: Told, delivery: Delivery, centre: Centre) -> tuple[list[tuple[str, Broadcast]], Sent]:
        """The text and the pages in each language, and what is to be remembered once they are sent."""
        now, key = self.clock.now(), (delivery.to.address, delivery.event_id)
        before = self._sent.get(key)
        live = {one.code for other, one in self._sent.items() if other[0] == key[0] and one.until > now}
        own = before.code if before is not None else code(delivery.event_id, live)
        info = told.alert.infos[0] if told.alert is not None and told.alert.infos else None
        triple = (info.severity, info.urgency, info.certainty) if info is not None else ("", "", "")
        status = told.alert.status if told.alert is not None else "Actual"
        level = identifier(delivery.phase, delivery.realm, status, triple)
        if delivery.phase == "retracted" and before is not None:
            level = before.level
        found = []
        for place, wording in enumerate(told.all_for(centre.languages)):
            additional = place > 0
            text = fit(wording, fits(wording.language, additional, centre.pages))
            coding = scheme(text, wording.language, additional)
            found.append(
                (
                    text,
                    Broadcast(
                        wording.language,
                        level[additional],
                        serial(own, delivery.version, SCOPES[centre.scope]),
                        coding,
                        pages(text, coding, wording.language),
                    ),
                )
            )
        stops = tuple((one.identifier, one.serial) for _, one in found)
        return found, Sent(own, stops, level, delivery.deadline)

    def document(
        self, told: Told, delivery: Delivery, centre: Centre, messages: Sequence[tuple[str, Broadcast]]
    ) -> dict[str, Any]:
        """What is posted to a centre that takes pages."""
        before = self._sent.get((delivery.to.address, delivery.event_id))
        areas = [area for info in told.alert.infos[:1] for area in info.areas] if told.alert is not None else []
        return {
            "identifier": delivery.alert,
            "event_id": delivery.event_id,
            "version": delivery.version,
            "phase": delivery.phase,
            "realm": delivery.realm,
            "areas": told.bulletin.areas,
            "polygons": [ring.text for area in areas for ring in area.polygons],
            "circles": [circle.text for area in areas for circle in area.circles],
            "expires": spell(delivery.deadline),
            "repetition_s": centre.repetition_s,
            "stops": [
                {"message_identifier": message, "serial_number": number}
                for message, number in (before.stops if before is not None else ())
            ],
            "messages": [
                {
                    "language": one.language,
                    "message_identifier": one.identifier,
                    "serial_number": one.serial,
                    "data_coding_scheme": one.scheme,
                    "additional": place > 0,
                    "text": text,
                    "pages": [block.hex() for block in one.blocks],
                    "cb_data": one.cb_data.hex(),
                }
                for place, (text, one) in enumerate(messages)
            ],
        }


def make(kit: Kit) -> Channel:
    """The channel for an installation."""
    centres = way(kit, "broadcast", dict[str, Centre])
    return Unset("broadcast") if not centres else CellBroadcast(kit, centres)

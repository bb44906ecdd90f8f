"""Sirens and signs: sealed commands over MQTT, each for one device, for a moment and for one use.

- ``<prefix>/<realm>/devices/<device>/command``, never retained: a device that comes back must not sound for what is over.
- What a device must check is in :mod:`tocsin.reach.command`; a device without a key of its own is never commanded.
- A device that says it has obeyed, marked with its own secret, is a receipt: shown.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Sequence
from datetime import timedelta
from secrets import token_hex

from msgspec import Struct

from tocsin.errors import SettingsError
from tocsin.reach.channel import ACCEPTED, Channel, Kit, Outcome, later, refused
from tocsin.reach.channels.broker import Broker, BrokerRefusalError, Line, UnreachedError
from tocsin.reach.channels.way import Saying, Unset, way
from tocsin.reach.command import ACTIONS, Command, Marker, answered, by_secret, by_signature, seal
from tocsin.reach.delivery import Delivery, Receipt
from tocsin.recent import Recent

_DEVICE = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
UNDER_WAY = 10_000


class SirenTable(Struct, frozen=True, forbid_unknown_fields=True):
    """The table ``siren``: the ``broker``, and the devices' ``keys`` by name, as base64.

    With ``private`` (an Ed25519 private key as base64) commands are signed with it, and ``keys`` are for answers. A command
    holds for ``valid_s``.
    """

    broker: Broker
    keys: dict[str, str] = {}
    private: str = ""
    valid_s: int = 30


class Siren:
    """The channel ``siren``; a delivery's address is the device."""

    name = "siren"
    stride = 20
    lanes = 1

    def __init__(self, kit: Kit, table: SirenTable) -> None:
        self.clock, self.kit, self.table, self.realm = kit.clock, kit, table, kit.settings.realm
        self.saying = Saying(kit)
        try:
            self._secrets = {device: b64decode(text, validate=True) for device, text in table.keys.items()}
            self._marks: dict[str, Marker] = {device: by_secret(found) for device, found in self._secrets.items()}
            self._signs = by_signature(b64decode(table.private, validate=True)) if table.private else None
        except ValueError as wrong:
            raise SettingsError(f"siren: {wrong}") from None
        self.top = f"{table.broker.prefix}/{self.realm}/devices"
        self.line = Line(table.broker, self.realm, kit.clock, wanted=f"{self.top}/+/answer", heard=self._heard)
        self._under_way: Recent[str, tuple[str, str, str]] = Recent(UNDER_WAY)

    def arm(self) -> None:
        """Open the line in calm."""
        self.line.open()

    async def send(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        """Command each device of ``batch``; see :class:`tocsin.reach.channel.Channel`."""
        return [await self._one(delivery) for delivery in batch]

    def carrier(self, address: str) -> str:
        """The broker that it all goes to."""
        return f"mqtt {self.table.broker.host}"

    async def close(self) -> None:
        """Say goodbye to the broker."""
        await self.line.close()

    async def _one(self, delivery: Delivery) -> Outcome:
        device = delivery.to.address
        mark = self._signs or self._marks.get(device)
        if _DEVICE.fullmatch(device) is None:
            return refused("address.malformed", tried=False)
        if mark is None:
            return refused("no key for this device", tried=False)
        told = self.saying.of(delivery)
        if isinstance(told, Outcome):
            return told
        now = self.clock.now()
        expires = min(now + timedelta(seconds=self.table.valid_s), delivery.deadline)
        command = Command(
            device=device,
            realm=delivery.realm,
            action=ACTIONS.get(delivery.phase, "show"),
            phase=delivery.phase,
            alert=delivery.alert,
            event_id=delivery.event_id,
            version=delivery.version,
            issued=now,
            expires=expires,
            nonce=token_hex(16),
            text={one.language: one.short or one.headline for one in told.all_for(delivery.to.languages)},
        )
        self._under_way[command.nonce] = device, delivery.alert, delivery.to.subscription
        try:
            await self.line.publish(
                f"{self.top}/{device}/command",
                seal(command, mark, "ed25519" if self._signs else "hmac"),
                retain=False,
                expiry_s=max(1, int((expires - now).total_seconds())),
                properties={"phase": delivery.phase, "version": str(delivery.version)},
            )
        except BrokerRefusalError as wrong:
            return later(None, str(wrong)) if wrong.code in (0x89, 0x97) else refused(str(wrong))
        except UnreachedError as wrong:
            return later(None, wrong.reason, wrong.tried)
        return ACCEPTED

    def _heard(self, topic: str, payload: bytes) -> None:
        device = topic.removeprefix(f"{self.top}/").removesuffix("/answer")
        nonce = answered(self._secrets[device], payload) if device in self._secrets else None
        waiting = self._under_way.get(nonce) if nonce is not None else None
        if nonce is not None and waiting is not None and waiting[0] == device:
            del self._under_way[nonce]
            self.kit.receipt(waiting[1], waiting[2], Receipt.SHOWN)


def make(kit: Kit) -> Channel:
    """The channel for an installation."""
    table = way(kit, "siren", SirenTable)
    return Unset("siren") if table is None else Siren(kit, table)

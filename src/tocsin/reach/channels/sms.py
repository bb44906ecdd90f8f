"""SMS: the alert in as many parts as were agreed, by SMPP 3.4 or by a gateway over HTTP, with delivery receipts.

- A text is cut to the channel's real parts in its own script: three parts of Latin letters hold what takes five in
  Cyrillic, so each script has its own limit (practice.md section 5).
- What was sent is counted in parts, because parts are what is paid for.
- A receipt of the network says that it has arrived at the telephone; for a message in parts all of them must have. Which
  message is awaited is on disk (:mod:`.awaited`), so a receipt is known after a restart too.
- 429, throttling and a full queue are for later; a number is gone only by the codes that the profile names.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from msgspec import Struct

from tocsin.cap.length import gsm7_septets, sms_parts
from tocsin.errors import ParameterError
from tocsin.reach.alphabet import cut, septets, units
from tocsin.reach.channel import ACCEPTED, GONE, Channel, Kit, Outcome, later, refused
from tocsin.reach.channels.awaited import Awaited, Parts
from tocsin.reach.channels.gateway import Chosen, Gateway, Profile
from tocsin.reach.channels.smpp import Centre, LineError, Short, Smpp
from tocsin.reach.channels.way import Saying, Unset, way
from tocsin.reach.delivery import Address, Delivery, Receipt
from tocsin.reach.wording import Told, fit
from tocsin.recent import Recent

URGENT = frozenset({"act", "hold", "retracted"})
THROTTLED = {0x58: 1.0, 0x14: 5.0, 0x08: 5.0}  # ESME_RTHROTTLED, ESME_RMSGQFUL, ESME_RSYSERR
PASSING = frozenset({0x04, 0x0D, 0x0E, 0x64, 0x65, 0x66})
TEXTS = 256
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")

PROFILES: Mapping[str, Profile] = {
    "twilio": Profile(
        url="{base}/2010-04-01/Accounts/{account}/Messages.json",
        body="form",
        fields={"To": "{to}", "From": "{sender}", "Body": "{text}"},
        user="{account}",
        password="{key}",  # noqa: S106 - a slot
        id_at="sid",
        code_at="code",
        gone=("21610",),
        refused=("21211", "21614"),
        later=("20429", "14107"),
        receipt_id_at="MessageSid",
        receipt_state_at="MessageStatus",
        shown=("delivered", "read"),
    ),
    "infobip": Profile(
        url="{base}/sms/3/messages",
        fields={
            "messages": [
                {"sender": "{sender}", "destinations": [{"to": "{digits}"}], "content": {"text": "{text}"}},
            ]
        },
        headers={"authorization": "App {key}"},
        id_at="messages.0.messageId",
        code_at="messages.0.status.groupName",
        refused=("REJECTED", "UNDELIVERABLE"),
        receipt_id_at="results.0.messageId",
        receipt_state_at="results.0.status.groupName",
        shown=("DELIVERED",),
    ),
    "sinch": Profile(
        url="{base}/xms/v1/{account}/batches",
        fields={"to": ["{digits}"], "from": "{sender}", "body": "{text}", "delivery_report": "per_recipient"},
        headers={"authorization": "Bearer {key}"},
        id_at="id",
        code_at="code",
        receipt_id_at="batch_id",
        receipt_state_at="status",
        shown=("Delivered",),
    ),
}


class SmsTable(Struct, frozen=True, forbid_unknown_fields=True):
    """The table ``sms``: by ``smpp`` or by ``http``, from ``sender``.

    ``parts`` is the most a text may take in GSM-7 and ``parts_wide`` in UCS-2; ``price`` of one part, in the operator's
    own currency, is only for the account of what was spent. ``callback`` is a secret of 16 letters or more that
    stands in the address to which an HTTP gateway posts its receipts (``/v1/receipts/sms/<secret>``); none are taken
    without it.
    """

    sender: str
    smpp: Centre | None = None
    http: Chosen | None = None
    parts: int = 3
    parts_wide: int = 5
    price: float = 0.0
    callback: str = ""


class Spent(Struct, frozen=True):
    """What was taken by the other side since the start: messages, parts, and what they cost."""

    messages: int
    parts: int
    parts_wide: int
    cost: float


class Sms:
    """The channel ``sms``."""

    name = "sms"
    stride = 50
    lanes = 4

    def __init__(self, kit: Kit, table: SmsTable) -> None:
        self.clock, self.kit, self.table = kit.clock, kit, table
        self.saying = Saying(kit)
        self.gateway = Gateway(table.http, table.http.found(PROFILES), kit.clock) if table.http else None
        self.line = Smpp(table.smpp, self.arrived) if table.smpp else None
        self._texts: Recent[tuple[bytes, tuple[str, ...], bool], str] = Recent(TEXTS)
        self._spent: Counter[str] = Counter()
        realm = kit.settings.realm
        self._awaited = Awaited(kit.data / f"sms.{realm}.awaited" if kit.data is not None else None, kit.clock)

    @property
    def spent(self) -> Spent:
        """What was spent since the start."""
        count = self._spent
        parts = count["parts"] + count["wide"]
        return Spent(count["messages"], count["parts"], count["wide"], round(parts * self.table.price, 4))

    async def send(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        """Send each of ``batch``; see :class:`tocsin.reach.channel.Channel`."""
        outcomes = await asyncio.gather(*(self._one(delivery) for delivery in batch))
        # Nothing is accepted whose receipt would not be known after a restart.
        await asyncio.to_thread(self._awaited.sync)
        return outcomes

    def carrier(self, address: str) -> str:
        """The short message centre or the gateway that it all goes to."""
        if self.table.smpp is not None:
            return f"smpp {self.table.smpp.host}"
        return (self.table.http.profile if self.table.http is not None else "") or "http"

    def resting(self) -> dict[str, str]:
        """The gateway, with why, where it is left alone now."""
        why = self.gateway.resting() if self.gateway is not None else ""
        return {self.carrier(""): why} if why else {}

    async def close(self) -> None:
        """Let go of the line and the connections."""
        if self.line is not None:
            await self.line.close()
        if self.gateway is not None:
            await self.gateway.close()
        self._awaited.close()

    def text(self, told: Told, languages: Sequence[str]) -> str:
        """What is sent to somebody who reads these languages."""
        bulletin = told.bulletin
        more = f"{self.kit.settings.public_url.rstrip('/')}/at/{bulletin.areas[0]}" if bulletin.areas else ""
        return fit(told.wording(languages), self._fits, more)

    def arrived(self, name: str, delivered: bool) -> None:
        """Take in a receipt: the other side's name of a part, and whether it is at the telephone."""
        self._proven(self._awaited.take(name, delivered))

    def _proven(self, parts: Parts | None) -> None:
        if parts is not None:
            self.kit.receipt(parts.alert, parts.subscription, Receipt.SHOWN)

    def callback(self, posted: Any) -> bool:
        """Take in a receipt that an HTTP gateway posted back; false if it is none."""
        found = self.gateway.receipt(posted) if self.gateway is not None else None
        if found is None:
            return False
        self.arrived(*found)
        return True

    def _fits(self, text: str) -> bool:
        wide = gsm7_septets(text) is None
        return sms_parts(text) <= (self.table.parts_wide if wide else self.table.parts)

    async def tell(self, address: str, subject: str, text: str) -> Outcome:
        """Send one message that is no alert: whether warnings are wanted there; its subject is left out."""
        now = self.clock.now()
        to = Address(0, "", address)
        asked = Delivery(f"tell {address}", "", 0, "", "actual", now + timedelta(days=1), b"", to)
        plain = " ".join(text.split())
        return await (self._by_line(asked, plain) if self.line is not None else self._by_gateway(asked, plain))

    async def _one(self, delivery: Delivery) -> Outcome:
        if _NUMBER.fullmatch(delivery.to.address) is None:
            return refused("address.malformed", tried=False)
        told = self.saying.of(delivery)
        if isinstance(told, Outcome):
            return told
        key = delivery.body, delivery.to.languages, told.alert is not None
        # Cutting a text to its parts takes a millisecond, and ten thousand people read the same one.
        text = self._texts.made(key, lambda: self.text(told, delivery.to.languages))
        outcome = await (self._by_line(delivery, text) if self.line is not None else self._by_gateway(delivery, text))
        if outcome.kind == "accepted":
            self._spent["messages"] += 1
            self._spent["parts" if gsm7_septets(text) is not None else "wide"] += sms_parts(text)
        return outcome

    async def _by_gateway(self, delivery: Delivery, text: str) -> Outcome:
        assert self.gateway is not None
        answer = await self.gateway.send(
            {
                "to": delivery.to.address,
                "digits": delivery.to.address[1:],
                "text": text,
                "sender": self.table.sender,
                "priority": "high" if delivery.phase in URGENT else "normal",
                "reference": _reference(delivery).hex(),
            }
        )
        if answer.id:
            self._proven(self._awaited.put(answer.id, Parts(delivery.alert, delivery.to.subscription, 1)))
        return answer.outcome

    async def _by_line(self, delivery: Delivery, text: str) -> Outcome:
        assert self.line is not None
        shorts = self.shorts(delivery, text)
        parts = Parts(delivery.alert, delivery.to.subscription, len(shorts))
        try:
            answers = await asyncio.gather(*(self.line.send(short) for short in shorts))
        except LineError as wrong:
            return later(None, wrong.reason, wrong.tried)
        for status, name in answers:
            if status:
                return self._judge(status)
            if name:
                self._proven(self._awaited.put(name, parts))
        return ACCEPTED

    def shorts(self, delivery: Delivery, text: str) -> list[Short]:
        """The parts of a text as they go to the centre."""
        assert self.table.smpp is not None
        coded = septets(text)
        wide = coded is None
        single = sms_parts(text) == 1
        payload = not single and self.table.smpp.concatenation == "payload"
        pieces = [text] if single or payload else list(cut(text, 67 if wide else 153, wide))
        reference = _reference(delivery)[0]
        priority = 0 if delivery.realm != "actual" else 3 if delivery.phase in URGENT else 1
        return [
            Short(
                to=delivery.to.address[1:],
                source=self.table.sender,
                content=(bytes((5, 0, 3, reference, len(pieces), place)) if len(pieces) > 1 else b"")
                + (units(piece) if wide else septets(piece) or b""),
                coding=8 if wide else 0,
                header=len(pieces) > 1,
                payload=payload,
                priority=priority,
                validity=f"{delivery.deadline:%y%m%d%H%M%S}000+",
            )
            for place, piece in enumerate(pieces, 1)
        ]

    def _judge(self, status: int) -> Outcome:
        assert self.table.smpp is not None
        reason = f"0x{status:08x}"
        if status in THROTTLED:
            return later(THROTTLED[status], reason)
        if status in self.table.smpp.gone:
            return GONE
        return later(None, reason) if status in PASSING else refused(reason)


def address(text: str) -> str:
    """A telephone number in the form of E.164; what is none raises :class:`ParameterError`.

    >>> address("+380 (44) 123-45-67"), address("0049 30 1234567")
    ('+380441234567', '+49301234567')
    """
    plain = re.sub(r"[\s().\-/]", "", text)
    plain = "+" + plain[2:] if plain.startswith("00") else plain
    if _NUMBER.fullmatch(plain) is None:
        raise ParameterError("address: a telephone number begins with + and the country's code")
    return plain


def make(kit: Kit) -> Channel:
    """The channel for an installation."""
    table = way(kit, "sms", SmsTable)
    return Unset("sms") if table is None or (table.smpp is None and table.http is None) else Sms(kit, table)


def _reference(delivery: Delivery) -> bytes:
    # The same at each attempt, so that a telephone can put the parts of two attempts together.
    return hashlib.sha256(f"{delivery.alert}\n{delivery.to.subscription}".encode()).digest()[:8]

"""Rigs: each channel on its counterpart, real or faithful, whose mood a test can set.

A rig's counterpart is ``good``, or it refuses, says that nobody is there (``gone``), asks to try ``later``, answers
nothing at all (``hole``), or takes its time (``slow``).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from typing import Any

from aiosmtpd.smtp import SMTP

from tests.contracts.channels.told import PUBLISHED
from tocsin.clock import Clock
from tocsin.reach.channel import Channel, Kit, Outcome
from tocsin.reach.channels.mail import Mail
from tocsin.reach.channels.smtp import Relay
from tocsin.reach.delivery import Delivery, Receipt
from tocsin.settings import Settings


@dataclass
class Came:
    """What arrived at the other side: the words, and how loudly they were said."""

    text: str
    loud: object = None
    raw: Any = None


@dataclass
class Rig:
    """A channel on its counterpart."""

    channel: Channel
    address: str
    came: Callable[[], list[Came]]
    mood: str = "good"
    moods: frozenset[str] = frozenset({"good", "refuse", "gone", "later", "hole", "slow"})
    receipts: list[tuple[str, str, Receipt]] = field(default_factory=list)
    more: Any = None
    change: Callable[[str], Any] | None = None

    async def be(self, mood: str) -> None:
        """Change the counterpart's mood."""
        self.mood = mood
        if self.change is not None and (waiting := self.change(mood)) is not None:
            await waiting

    async def send(self, *batch: Delivery) -> Sequence[Outcome]:
        return await asyncio.wait_for(self.channel.send(batch), 20)


def kit(clock: Clock, receipts: list[tuple[str, str, Receipt]] | None = None, **settings: Any) -> Kit:
    """What a channel is made with in these tests."""
    noted = receipts if receipts is not None else []
    return Kit(
        Settings(public_url="https://warn.example", sender_name="Tocsin Test", **settings),
        clock,
        cap=PUBLISHED.get,
        receipt=lambda alert, subscription, level: noted.append((alert, subscription, level)),
    )


SLOW_S, PATIENCE_S = 0.15, 0.6


class Postbox:
    """A real SMTP server (aiosmtpd) that keeps what it takes, with and without pipelining."""

    def __init__(self, pipelining: bool = True) -> None:
        self.rig: Rig | None = None
        self.mails: list[tuple[str, str, bytes]] = []
        self.pipelining = pipelining
        self.sessions = 0

    async def handle_EHLO(self, server: Any, session: Any, envelope: Any, hostname: str, offered: list[str]) -> Any:
        session.host_name = hostname
        self.sessions += 1
        return [*offered[:-1], *(["250-PIPELINING"] if self.pipelining else []), offered[-1]]

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        assert self.rig is not None
        if self.rig.mood == "hole":
            await asyncio.sleep(30)
        if self.rig.mood == "slow":
            await asyncio.sleep(SLOW_S)
        if self.rig.mood in ("refuse", "gone", "later") or address.startswith("nobody"):
            return {"later": "451 4.2.1 later", "gone": "550 5.1.1 no such user"}.get(self.rig.mood, "554 5.7.1 no")
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append((envelope.mail_from, envelope.rcpt_tos[0], envelope.content))
        return "250 2.0.0 taken"

    def came(self) -> list[Came]:
        found = []
        for _, _, content in self.mails:
            message = message_from_bytes(content, policy=policy.SMTP)
            plain = message.get_body(("plain",))
            assert plain is not None
            found.append(Came(f"{message['Subject']}\n{plain.get_content()}", message["Priority"], message))
        return found


@contextlib.asynccontextmanager
async def mail(clock: Clock, pipelining: bool = True, **relay: Any) -> AsyncIterator[Rig]:
    """E-mail to aiosmtpd."""
    box = Postbox(pipelining)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(box, loop=loop, hostname="relay.test"), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    values = {"timeout_s": PATIENCE_S, "gone": ("550 5.1.1",), "connections": 2, **relay}
    channel = Mail(kit(clock), Relay("alerts@warn.example", port=port, **values))
    box.rig = Rig(channel, "olena@example.org", box.came, more=box)
    try:
        yield box.rig
    finally:
        box.rig.mood = "good"
        await channel.close()
        server.close()
        await server.wait_closed()


RIGS: dict[str, Callable[[Clock], Any]] = {"mail": mail}

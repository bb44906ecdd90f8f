"""Rigs: each channel on its counterpart, real or faithful, whose mood a test can set.

A rig's counterpart is ``good``, or it refuses, says that nobody is there (``gone``), asks to try ``later``, answers
nothing at all (``hole``), or takes its time (``slow``).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import aiomqtt
from aiosmtpd.smtp import SMTP

from tests.contracts.channels.told import PUBLISHED
from tocsin.clock import Clock
from tocsin.reach.channel import Channel, Kit, Outcome
from tocsin.reach.channels.broker import Broker
from tocsin.reach.channels.mail import Mail
from tocsin.reach.channels.mqtt import Mqtt
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


class Mosquitto:
    """A real Mosquitto on a port of its own, and somebody who listens there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: asyncio.subprocess.Process | None = None
        self.port = free_port()
        self.heard: list[aiomqtt.Message] = []

    async def start(self) -> None:
        (self.folder / "acl").write_text("topic readwrite #\n")
        (self.folder / "mosquitto.conf").write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\nacl_file {self.folder}/acl\nuser root\n"
            f"persistence true\npersistence_location {self.folder}/\nlog_dest none\n"
        )
        self.process = await asyncio.create_subprocess_exec(
            "/usr/sbin/mosquitto", "-c", str(self.folder / "mosquitto.conf"), stderr=asyncio.subprocess.DEVNULL
        )
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.close()
                return
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            await self.process.wait()

    def client(self, **more: Any) -> aiomqtt.Client:
        return aiomqtt.Client("127.0.0.1", self.port, protocol=aiomqtt.ProtocolVersion.V5, timeout=5, **more)

    async def listen(self, ready: asyncio.Event, topics: str = "tocsin/#") -> None:
        async with self.client() as client:
            await client.subscribe(topics, qos=1)
            ready.set()
            async for message in client.messages:
                self.heard.append(message)

    async def kept(self, topics: str) -> list[aiomqtt.Message]:
        """What somebody who comes now is given at once."""
        found = []
        async with self.client() as client:
            await client.subscribe([(topics, 1), ("marker", 1)])
            await client.publish("marker", b"", qos=1)
            async for message in client.messages:
                if str(message.topic) == "marker":
                    return found
                found.append(message)
        return found

    async def be(self, mood: str) -> None:
        assert self.process is not None
        if mood == "hole":
            self.process.send_signal(signal.SIGSTOP)
        else:
            self.process.send_signal(signal.SIGCONT)
        if mood == "slow":
            self.process.send_signal(signal.SIGSTOP)
            asyncio.get_running_loop().call_later(SLOW_S, self.process.send_signal, signal.SIGCONT)
        (self.folder / "acl").write_text(
            "topic read #\ntopic readwrite tocsin/+/caught-up\n" if mood == "refuse" else "topic readwrite #\n"
        )
        if mood in ("refuse", "good"):
            self.process.send_signal(signal.SIGHUP)
            await asyncio.sleep(0.1)

    def came(self) -> list[Came]:
        found = []
        for message in self.heard:
            if str(message.topic).endswith("/state"):
                state = json.loads(message.payload)
                texts = [
                    state["alerts"][0]["headline"][tag]
                    for tag in ("de", "en", "uk")
                    if tag in state["alerts"][0]["headline"]
                ]
                loud = dict(message.properties.UserProperty)["urgency"]
                found.append(Came("\n".join(texts), loud, message))
        return found


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@contextlib.asynccontextmanager
async def brokered() -> AsyncIterator[Mosquitto]:
    """A Mosquitto and its listener."""
    with tempfile.TemporaryDirectory() as folder:
        broker = Mosquitto(Path(folder))
        await broker.start()
        ready = asyncio.Event()
        listening = asyncio.create_task(broker.listen(ready))
        try:
            await asyncio.wait_for(ready.wait(), 5)
            yield broker
        finally:
            broker.process and broker.process.send_signal(signal.SIGCONT)
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
            await broker.stop()


@contextlib.asynccontextmanager
async def mqtt(clock: Clock) -> AsyncIterator[Rig]:
    """MQTT to a real Mosquitto."""
    async with brokered() as broker:
        channel = Mqtt(kit(clock), Broker(port=broker.port, timeout_s=PATIENCE_S))
        moods = frozenset({"good", "refuse", "hole", "slow"})
        yield Rig(channel, "tocsin", broker.came, moods=moods, more=broker, change=broker.be)
        await broker.be("good")
        await channel.close()


RIGS: dict[str, Callable[[Clock], Any]] = {"mail": mail, "mqtt": mqtt}

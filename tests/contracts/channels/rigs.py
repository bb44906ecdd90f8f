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
import struct
import tempfile
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import aiomqtt
import msgspec
from aiohttp import web
from aiosmtpd.smtp import SMTP

from tests.contracts.channels.told import PUBLISHED
from tocsin.clock import Clock
from tocsin.reach import cbs
from tocsin.reach.alphabet import letters
from tocsin.reach.channel import Channel, Kit, Outcome
from tocsin.reach.channels.apprise_ import Apprise, AppriseTable
from tocsin.reach.channels.broadcast import CellBroadcast, Centre
from tocsin.reach.channels.broker import Broker
from tocsin.reach.channels.gateway import Chosen, Profile
from tocsin.reach.channels.mail import Mail
from tocsin.reach.channels.mqtt import Mqtt
from tocsin.reach.channels.siren import Siren, SirenTable
from tocsin.reach.channels.smpp import Centre as Smsc
from tocsin.reach.channels.sms import Sms, SmsTable
from tocsin.reach.channels.smtp import Relay
from tocsin.reach.channels.telegram import Bot, Telegram
from tocsin.reach.channels.voice import PROFILES as VOICES
from tocsin.reach.channels.voice import Voice, VoiceTable
from tocsin.reach.command import Guard
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


SLOW_S, PATIENCE_S = 0.15, 1.5


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
        closed = "topic read #\ntopic readwrite tocsin/+/caught-up\n"
        (self.folder / "acl").write_text(closed if mood == "refuse" else "topic readwrite #\n")
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
        try:
            yield Rig(channel, "tocsin", broker.came, moods=moods, more=broker, change=broker.be)
        finally:
            await broker.be("good")
            await channel.close()


class Centre34:
    """A faithful short message centre: reads PDUs by SMPP 3.4, and answers each as its mood is."""

    def __init__(self) -> None:
        self.rig: Rig | None = None
        self.seen: list[tuple[int, bytes]] = []
        self.submits: list[dict[str, Any]] = []
        self.writers: list[asyncio.StreamWriter] = []
        self.most = self.now = 0
        self.status = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        with contextlib.suppress(EOFError, OSError):
            while True:
                head = await reader.readexactly(16)
                length, command, status, sequence = struct.unpack(">IIII", head)
                assert status == 0
                body = await reader.readexactly(length - 16)
                self.seen.append((command, body))
                asyncio.get_running_loop().create_task(self.answer(writer, command, sequence, body))
        writer.close()

    async def answer(self, writer: asyncio.StreamWriter, command: int, sequence: int, body: bytes) -> None:
        assert self.rig is not None
        mood = self.rig.mood
        if mood == "hole":
            return
        status, said = 0, b""
        if command == 0x09:
            said = b"centre\0"
        elif command == 0x04:
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(SLOW_S if mood == "slow" else 0.001)
            self.now -= 1
            status = {"refuse": 0x0B, "gone": 0x63, "later": 0x58}.get(mood, self.status)
            if status == 0:
                self.submits.append(submitted(body))
                said = b"id%d\0" % len(self.submits)
        writer.write(struct.pack(">IIII", 16 + len(said), command | 0x80000000, status, sequence) + said)

    def came(self) -> list[Came]:
        whole: dict[Any, list[dict[str, Any]]] = {}
        for one in self.submits:
            key = (one["to"], one["reference"]) if one["total"] > 1 else (id(one),)
            whole.setdefault(key, []).append(one)
        return [
            Came("".join(p["text"] for p in sorted(parts, key=lambda p: p["place"])), parts[0]["priority"], parts)
            for parts in whole.values()
            if len(parts) == parts[0]["total"]
        ]


def submitted(body: bytes) -> dict[str, Any]:
    """What a submit_sm says, read by the standard (4.4.1)."""
    assert body[0] == 0
    at, found = 1, dict[str, Any]()
    for name in ("source", "to"):
        found[name + "_ton"], found[name + "_npi"] = body[at], body[at + 1]
        end = body.index(0, at + 2)
        found[name], at = body[at + 2 : end].decode(), end + 1
    found["esm"], found["priority"], at = body[at], body[at + 2], at + 3
    assert body[at] == 0
    end = body.index(0, at + 1)
    found["validity"], at = body[at + 1 : end].decode(), end + 1
    found["registered"], found["coding"], length = body[at], body[at + 2], body[at + 4]
    content, rest = body[at + 5 : at + 5 + length], body[at + 5 + length :]
    if rest:
        tag, size = struct.unpack(">HH", rest[:4])
        assert (tag, size, length) == (0x0424, len(rest) - 4, 0)
        content = rest[4:]
    found["content"], found["reference"], found["total"], found["place"] = content, 0, 1, 1
    if found["esm"] & 0x40:
        assert content[:3] == b"\x05\x00\x03"
        found["reference"], found["total"], found["place"] = content[3], content[4], content[5]
        content = content[6:]
    assert len(content) <= (154 if found["coding"] == 0 else 134) or found["total"] == 1
    found["text"] = content.decode("utf-16-be") if found["coding"] == 8 else letters(content)
    return found


@contextlib.asynccontextmanager
async def smpp(clock: Clock, **more: Any) -> AsyncIterator[Rig]:
    """SMS to a short message centre."""
    centre = Centre34()
    server = await asyncio.start_server(centre.serve, "127.0.0.1", 0)
    values = {"timeout_s": PATIENCE_S, "rest_s": 0.2, "gone": (0x63,), "enquire_s": 30.0, **more}
    table = SmsTable("Tocsin", smpp=Smsc("127.0.0.1", server.sockets[0].getsockname()[1], "us", "pw", **values))
    receipts: list[tuple[str, str, Receipt]] = []
    channel = Sms(kit(clock, receipts), table)
    centre.rig = Rig(channel, "+380441234567", centre.came, receipts=receipts, more=centre)
    try:
        yield centre.rig
    finally:
        centre.rig.mood = "good"
        await channel.close()
        server.close()
        for writer in centre.writers:
            writer.close()
        await server.wait_closed()


class Desk:
    """A faithful gateway over HTTP: keeps what it takes, answers as its mood is."""

    def __init__(self, read: Callable[[dict[str, Any], Any], Came]) -> None:
        self.rig: Rig | None = None
        self.read = read
        self.taken: list[tuple[str, dict[str, str], Any]] = []
        self.answers: dict[str, tuple[int, Any]] = {
            "good": (200, {"id": "m1"}),
            "refuse": (400, {"code": 400}),
            "gone": (400, {"code": 410}),
            "later": (429, {"code": 429}),
        }
        self.free = asyncio.Event()

    async def take(self, request: web.Request) -> web.StreamResponse:
        assert self.rig is not None
        mood = self.rig.mood
        if mood == "hole":
            await self.free.wait()
        if mood == "slow":
            await asyncio.sleep(SLOW_S)
        kind = request.content_type
        body: Any = await request.read()
        if kind == "application/json":
            body = json.loads(body)
        elif kind == "application/x-www-form-urlencoded":
            body = dict(parse_qsl(body.decode(), keep_blank_values=True))
        status, said = self.answers["good" if mood in ("slow", "hole") else mood]
        if status < 300:
            self.taken.append((str(request.rel_url), dict(request.headers), body))
            said = {
                name: str(value).replace("#", str(len(self.taken))) if isinstance(value, str) else value
                for name, value in said.items()
            }
        headers = {"Retry-After": "7"} if status == 429 else {}
        return web.json_response(said, status=status, headers=headers)

    def came(self) -> list[Came]:
        return [
            self.read({"url": url, **{n.lower(): v for n, v in headers.items()}}, body)
            for url, headers, body in self.taken
        ]


@contextlib.asynccontextmanager
async def desk(read: Callable[[dict[str, Any], Any], Came]) -> AsyncIterator[tuple[Desk, str]]:
    """A gateway on a port of its own, and its address."""
    found = Desk(read)
    app = web.Application(client_max_size=2**24)
    app.router.add_route("*", "/{path:.*}", found.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        await web.SockSite(runner, sock).start()
        try:
            yield found, f"http://127.0.0.1:{sock.getsockname()[1]}"
        finally:
            found.free.set()
            await runner.cleanup()


OWN = Profile(
    url="{base}/send/{digits}",
    fields={"to": "{to}", "from": "{sender}", "text": "{text}", "priority": "{priority}"},
    id_at="id",
    code_at="code",
    gone=("410",),
    receipt_id_at="id",
    receipt_state_at="state",
    shown=("delivered",),
)


@contextlib.asynccontextmanager
async def sms(clock: Clock, profile: str = "", **slots: str) -> AsyncIterator[Rig]:
    """SMS to a gateway over HTTP."""
    async with desk(lambda head, body: Came(body.get("text", ""), body.get("priority"), (head, body))) as (found, base):
        chosen = Chosen(profile, None if profile else OWN, {"base": base, **slots}, timeout_s=PATIENCE_S, rest_s=0.2)
        receipts: list[tuple[str, str, Receipt]] = []
        channel = Sms(kit(clock, receipts), SmsTable("Tocsin", http=chosen, price=0.05))
        found.rig = Rig(channel, "+380441234567", found.came, receipts=receipts, more=found)
        try:
            yield found.rig
        finally:
            await channel.close()


@contextlib.asynccontextmanager
async def broadcast(clock: Clock, **more: Any) -> AsyncIterator[Rig]:
    """Cell broadcast to a centre."""

    def read(head: dict[str, Any], body: Any) -> Came:
        """What telephones show, put together from the pages."""
        shown = []
        for one in body["messages"]:
            blocks = [bytes.fromhex(block) for block in one["pages"]]
            found = [cbs.Page(block[5] >> 4, block[6:], 0) for block in blocks]
            shown.append(cbs.text_of(found, one["data_coding_scheme"]))
        return Came("\n".join(shown), body["messages"][0]["message_identifier"], body)

    async with desk(read) as (found, base):
        values = {"languages": ("de", "en", "uk"), "timeout_s": PATIENCE_S, "rest_s": 0.2, **more}
        channel = CellBroadcast(kit(clock), {"national": Centre(base + "/cbs", "key", **values)})
        found.rig = Rig(channel, "national", found.came, moods=frozenset({"good", "refuse", "later"}), more=found)
        try:
            yield found.rig
        finally:
            await channel.close()


@contextlib.asynccontextmanager
async def telegram(clock: Clock) -> AsyncIterator[Rig]:
    """Telegram to a faithful Bot API."""
    async with desk(lambda head, body: Came(body["text"], not body["disable_notification"], (head, body))) as (
        found,
        base,
    ):
        found.answers = {
            "good": (200, {"ok": True, "result": {"message_id": 5}}),
            "refuse": (400, {"ok": False, "error_code": 400, "description": "Bad Request: chat not found"}),
            "gone": (403, {"ok": False, "error_code": 403, "description": "Forbidden: bot was blocked by the user"}),
            "later": (429, {"ok": False, "error_code": 429, "parameters": {"retry_after": 33}}),
        }
        channel = Telegram(kit(clock), Bot("1:token", base, timeout_s=PATIENCE_S, rest_s=0.2))
        found.rig = Rig(channel, "12345", found.came, more=found)
        try:
            yield found.rig
        finally:
            await channel.close()


@contextlib.asynccontextmanager
async def voice(clock: Clock, audio: bool = True) -> AsyncIterator[Rig]:
    """Voice to a call gateway."""
    async with desk(lambda head, body: Came(body["text"], body["priority"], (head, body))) as (found, base):
        own = msgspec.structs.replace(VOICES["plain"], gone=("410",))
        chosen = Chosen(own=own, slots={"base": base + "/calls", "key": "k"}, timeout_s=3 * PATIENCE_S, rest_s=0.2)
        channel = Voice(kit(clock), VoiceTable(chosen, audio=audio))
        found.rig = Rig(channel, "+380441234567", found.came, more=found)
        try:
            yield found.rig
        finally:
            await channel.close()


DEVICE_KEY = b"0123456789abcdef0123456789abcdef"


@contextlib.asynccontextmanager
async def siren(clock: Clock, private: bytes = b"", public: bytes = b"") -> AsyncIterator[Rig]:
    """Sirens over a real Mosquitto, with the reference receiver as the device; it obeys both realms in these tests."""
    async with brokered() as broker:
        secret = {"secret": DEVICE_KEY} if not public else {"public": public}
        guards = [Guard("roof", realm, clock.now(), **secret) for realm in ("actual", "exercise")]
        obeyed: list[Came] = []
        seen = 0

        def came() -> list[Came]:
            nonlocal seen
            commands = [one for one in broker.heard if str(one.topic).endswith("/command")]
            for one in commands[seen:]:
                for guard in guards:
                    if (command := guard.take(bytes(one.payload), clock.now())) is not None:
                        texts = [command.text[tag] for tag in sorted(command.text)]
                        obeyed.append(Came("\n".join(texts), command.action, one))
            seen = len(commands)
            return obeyed

        table = SirenTable(
            Broker(port=broker.port, timeout_s=PATIENCE_S),
            {"roof": b64encode(DEVICE_KEY).decode()},
            b64encode(private).decode(),
        )
        receipts: list[tuple[str, str, Receipt]] = []
        channel = Siren(kit(clock, receipts), table)
        moods = frozenset({"good", "refuse", "hole", "slow"})
        rig = Rig(channel, "roof", came, moods=moods, more=(broker, guards), change=broker.be, receipts=receipts)
        try:
            yield rig
        finally:
            await broker.be("good")
            await channel.close()


@contextlib.asynccontextmanager
async def longtail(clock: Clock) -> AsyncIterator[Rig]:
    """Apprise in its worker, to a system that takes its JSON."""
    async with desk(lambda head, body: Came(f"{body['title']}\n{body['message']}", body["type"], body)) as (
        found,
        base,
    ):
        channel = Apprise(kit(clock), AppriseTable(("json",), timeout_s=PATIENCE_S))
        await channel.arm()
        moods = frozenset({"good", "later", "hole", "slow"})
        found.rig = Rig(channel, base.replace("http", "json") + "/?rto=2&cto=2", found.came, moods=moods, more=found)
        try:
            yield found.rig
        finally:
            await channel.close()


RIGS: dict[str, Callable[[Clock], Any]] = {
    "mail": mail,
    "mqtt": mqtt,
    "sms": sms,
    "smpp": smpp,
    "broadcast": broadcast,
    "telegram": telegram,
    "voice": voice,
    "siren": siren,
    "apprise": longtail,
}

"""A line to an MQTT 5 broker that is opened in calm, kept up, and says at the broker whether we are there.

- The last will is retained: when we are lost without a word, everybody who listens, and whoever comes later, learns it
  from ``<prefix>/<realm>/status``.
- Each publication waits for the broker's own answer and its reason: an acknowledgement may be a refusal.
- A broken line is opened again by itself, sooner at first and later at ever longer intervals.

Standard: OASIS MQTT 5.0, sections 3.1.2.5 (will), 3.3 and 3.4 (publication and its answer).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from tocsin.calm import in_calm
from tocsin.clock import Clock, spell

if TYPE_CHECKING:
    import aiomqtt
    from paho.mqtt import packettypes, properties
else:
    aiomqtt = in_calm("aiomqtt")
    packettypes, properties = in_calm("paho.mqtt.packettypes"), in_calm("paho.mqtt.properties")

FIRST_S, MOST_S = 0.1, 30.0
REFUSES = 0x80


class Broker(Struct, frozen=True, forbid_unknown_fields=True):
    """The table ``mqtt``, and ``siren.broker``: the broker, and under which topics we speak there.

    ``tls`` with ``ca`` where the broker's certificate is not of a public authority. ``prefix`` starts every topic;
    ``client`` is our own name at the broker, of which there must be only one. ``timeout_s`` is for one answer.
    """

    host: str = "127.0.0.1"
    port: int = 1883
    tls: bool = False
    ca: str = ""
    user: str = ""
    password: str = ""
    prefix: str = "tocsin"
    client: str = ""
    timeout_s: float = 10.0
    keepalive_s: int = 15


class BrokerRefusalError(Exception):
    """The broker answered, and the answer is no; ``code`` is MQTT's reason."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(f"reason 0x{code:02x}")


class UnreachedError(Exception):
    """The broker could not be reached; ``tried`` is false when nothing left us."""

    def __init__(self, reason: str, tried: bool) -> None:
        self.reason, self.tried = reason, tried
        super().__init__(reason)


@cache
def _kind() -> type[Any]:
    """A client that keeps the reason of the last acknowledgement, which its parent throws away."""

    class Client(aiomqtt.Client):
        reason = 0

        def _on_publish(self, client: Any, userdata: Any, mid: int, reason_code: Any, properties: Any) -> None:
            self.reason = int(getattr(reason_code, "value", 0))
            super()._on_publish(client, userdata, mid, reason_code, properties)

    return Client


class Line:
    """A line to ``broker`` for one ``realm``; ``heard`` gets (topic, payload) of what is ``wanted``."""

    def __init__(
        self,
        broker: Broker,
        realm: str,
        clock: Clock,
        *,
        wanted: str = "",
        heard: Callable[[str, bytes], None] = lambda topic, payload: None,
    ) -> None:
        self.broker, self.realm, self.clock, self.wanted, self.heard = broker, realm, clock, wanted, heard
        self.status = f"{broker.prefix}/{realm}/status"
        self._client: Any = None
        self._up = asyncio.Event()
        self._ending = asyncio.Event()
        self._turn = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Start to keep the line up; calling it again does nothing."""
        if self._task is None or self._task.done():
            self._ending.clear()
            self._task = asyncio.create_task(self._keep(), name="line to the broker")

    async def publish(
        self, topic: str, payload: bytes, *, retain: bool, expiry_s: int, properties: Mapping[str, str]
    ) -> None:
        """Publish and wait for the broker's answer; raises :class:`BrokerRefusalError` or :class:`UnreachedError`."""
        self.open()
        async with self._turn:
            try:
                async with asyncio.timeout(self.broker.timeout_s):
                    await self._up.wait()
            except TimeoutError:
                raise UnreachedError("broker: not there", False) from None
            client = self._client
            if client is None:
                raise UnreachedError("broker: not there", False)
            client.reason = 0
            try:
                await client.publish(
                    topic,
                    payload,
                    qos=1,
                    retain=retain,
                    properties=_properties(expiry_s, properties),
                    timeout=self.broker.timeout_s,
                )
            except aiomqtt.MqttError as wrong:
                raise UnreachedError(f"broker: {wrong}"[:80], True) from None
            if client.reason >= REFUSES:
                raise BrokerRefusalError(client.reason)

    async def close(self) -> None:
        """Say goodbye, so that nobody thinks us lost."""
        task, self._task = self._task, None
        if task is None:
            return
        self._ending.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(2.0):
                await asyncio.wait([task])
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def _keep(self) -> None:
        wait_s = FIRST_S
        while not self._ending.is_set():
            try:
                await self._speak()
                wait_s = FIRST_S
            except (aiomqtt.MqttError, OSError, TimeoutError, ValueError):
                wait_s = min(MOST_S, wait_s * 2)
            finally:
                self._up.clear()
                self._client = None
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._ending.wait()

    async def _speak(self) -> None:
        broker = self.broker
        context = ssl.create_default_context(cafile=broker.ca or None) if broker.tls else None
        will = aiomqtt.Will(self.status, self._said("lost"), qos=1, retain=True)
        client = _kind()(
            broker.host,
            broker.port,
            username=broker.user or None,
            password=broker.password or None,
            identifier=broker.client or None,
            protocol=aiomqtt.ProtocolVersion.V5,
            will=will,
            tls_context=context,
            timeout=broker.timeout_s,
            keepalive=broker.keepalive_s,
        )
        async with client:
            await client.publish(self.status, self._said("here"), qos=1, retain=True)
            caught_up = f"{broker.prefix}/{self.realm}/caught-up"
            if self.wanted:
                # What the broker keeps comes before our own marker, so then we know all of it.
                await client.subscribe([(self.wanted, 1), (caught_up, 1)])
                await client.publish(caught_up, b"", qos=1)
            else:
                self._ready(client)
            listening = asyncio.create_task(self._listen(client, caught_up))
            ending = asyncio.create_task(self._ending.wait())
            try:
                await asyncio.wait([listening, ending], return_when=asyncio.FIRST_COMPLETED)
                if ending.done():
                    await client.publish(self.status, self._said("closed"), qos=1, retain=True)
                else:
                    listening.result()
            finally:
                listening.cancel()
                ending.cancel()
                await asyncio.gather(listening, ending, return_exceptions=True)

    async def _listen(self, client: Any, caught_up: str) -> None:
        async for message in client.messages:
            topic = str(message.topic)
            if topic == caught_up:
                self._ready(client)
            elif isinstance(message.payload, bytes):
                self.heard(topic, message.payload)

    def _ready(self, client: Any) -> None:
        self._client = client
        self._up.set()

    def _said(self, state: str) -> bytes:
        return msgspec.json.encode({"state": state, "realm": self.realm, "at": spell(self.clock.now())})


def _properties(expiry_s: int, user: Mapping[str, str]) -> properties.Properties:
    found = properties.Properties(packettypes.PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    found.MessageExpiryInterval = max(1, min(expiry_s, 0xFFFFFFFF))
    found.ContentType = "application/json"
    found.PayloadFormatIndicator = 1
    found.UserProperty = list(user.items())
    return found

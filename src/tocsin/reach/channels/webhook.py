"""Webhooks: the bulletin as a signed HTTP POST to a system that subscribed.

- Signed by the Standard Webhooks specification: ``webhook-id``, ``webhook-timestamp``, ``webhook-signature`` with
  ``v1,`` and HMAC-SHA-256 over ``id.timestamp.body``; two secrets sign side by side while one replaces the other.
- ``webhook-id`` follows from the alert and the subscription alone, so a receiver that gets one twice can tell.
- It goes to the open Internet only (:mod:`tocsin.reach.channels.destination`): every address is vetted each time a
  connection is made, which then goes to a vetted one; redirects are not followed; little of the answer is read.
- 2xx is accepted, 410 gone, 408, 425, 429 and 5xx are for later, everything else is refused.
- A host that is slow or down costs only its own, and ten thousand that are dead leave the living their lanes: each has
  its own pace and circuit breaker (:mod:`.host`). A host is the receiver's own; as a carrier they all count as one, which
  is silent when none of them answers.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Sequence
from secrets import token_bytes
from typing import TYPE_CHECKING

from tocsin.calm import in_calm
from tocsin.clock import Clock
from tocsin.reach.channel import ACCEPTED, GONE, Channel, Kit, Outcome, later, refused
from tocsin.reach.channels.destination import ForbiddenError, VettedResolver, vet_url
from tocsin.reach.channels.gateway import asked_s
from tocsin.reach.channels.host import Hosts, Manners
from tocsin.reach.delivery import Delivery

if TYPE_CHECKING:
    import aiohttp
    import yarl
else:
    aiohttp = in_calm("aiohttp")

PREFIX = "whsec_"
LATER = frozenset({408, 425, 429})


class Webhook:
    """The channel ``webhook``. ``loopback`` opens it to this machine itself, for tests and demonstrations."""

    name = "webhook"
    stride = 1
    lanes = 1024

    def __init__(
        self, clock: Clock, *, loopback: bool = False, manners: Manners | None = None, agent: str = "Tocsin"
    ) -> None:
        self.clock, self.loopback, self.manners, self.agent = clock, loopback, manners or Manners(), agent
        self.hosts = Hosts(clock, self.manners)
        self._session: aiohttp.ClientSession | None = None

    async def send(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        """POST each of ``batch``; see :class:`tocsin.reach.channel.Channel`."""
        return await asyncio.gather(*(self._one(delivery) for delivery in batch))

    async def close(self) -> None:
        """Close the connections that are kept."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def resting(self) -> dict[str, str]:
        """The hosts that are left alone now, with why."""
        return self.hosts.resting()

    async def _one(self, delivery: Delivery) -> Outcome:
        try:
            url = vet_url(delivery.to.address, loopback=self.loopback)
        except ForbiddenError as wrong:
            return refused(wrong.reason, tried=False)
        async with self.hosts.turn(f"{url.host}:{url.port}") as host:
            if isinstance(host, Outcome):
                return host
            outcome = await self._post(url, delivery)
            self.hosts.learn(host, outcome)
            return outcome

    async def _post(self, url: yarl.URL, delivery: Delivery) -> Outcome:
        try:
            headers = self._headers(delivery)
        except ValueError:
            return refused("secret", tried=False)
        try:
            async with self._open().post(url, data=delivery.body, headers=headers, allow_redirects=False) as answer:
                await answer.content.read(self.manners.answer_bytes)
                if not answer.content.at_eof():
                    # What is left unread would have to be drained before the connection can serve again.
                    answer.close()
                return self._judge(answer.status, answer.headers.get("Retry-After"))
        except ForbiddenError as wrong:
            return refused(wrong.reason, tried=False)
        except TimeoutError:
            return later(reason="timeout")
        except aiohttp.ClientConnectorError as wrong:
            forbidden = wrong.__cause__ if isinstance(wrong.__cause__, ForbiddenError) else wrong.os_error
            if isinstance(forbidden, ForbiddenError):
                return refused(forbidden.reason, tried=False)
            return later(reason=type(wrong).__name__)
        except ValueError:
            # aiohttp refuses some addresses only when it is about to connect.
            return refused("address.malformed", tried=False)
        except (aiohttp.ClientError, OSError) as wrong:
            return later(reason=type(wrong).__name__)

    def _judge(self, status: int, asked: str | None) -> Outcome:
        if 200 <= status < 300:
            return ACCEPTED
        if status == 410:
            return GONE
        if status in LATER or status >= 500:
            return later(asked_s(asked, self.clock.now()), str(status))
        return refused(str(status))

    def _headers(self, delivery: Delivery) -> dict[str, str]:
        name = webhook_id(delivery.alert, delivery.to.subscription)
        moment = int(self.clock.now().timestamp())
        return {
            "content-type": "application/json",
            "user-agent": self.agent,
            "webhook-id": name,
            "webhook-timestamp": str(moment),
            "webhook-signature": sign(delivery.to.secrets, name, moment, delivery.body),
        }

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            resolver = VettedResolver(loopback=self.loopback)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    resolver=resolver, use_dns_cache=False, limit=self.lanes, limit_per_host=self.manners.per_host
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=self.manners.total_s, sock_connect=self.manners.connect_s),
                auto_decompress=False,
                trust_env=False,
                max_line_size=8190,
                max_field_size=8190,
            )
        return self._session


def new_secret() -> str:
    """A new secret for a subscription: 32 random bytes in the form of Standard Webhooks."""
    return PREFIX + b64encode(token_bytes(32)).decode()


def webhook_id(alert: str, subscription: str) -> str:
    """The id of an alert for a subscription: the same at each attempt, and without a dot, which the signature needs.

    >>> webhook_id("a", "b") == webhook_id("a", "b") != webhook_id("a", "c")
    True
    """
    name = hashlib.sha256(f"{alert}\n{subscription}".encode()).digest()[:18]
    return "msg_" + urlsafe_b64encode(name).decode()


def sign(secrets: Sequence[str], name: str, moment: int, body: bytes) -> str:
    """The ``webhook-signature`` header: one signature for each of ``secrets``; a malformed one is a ``ValueError``."""
    signed = f"{name}.{moment}.".encode() + body
    found = []
    for secret in secrets:
        key = b64decode(secret.removeprefix(PREFIX), validate=True)
        found.append("v1," + b64encode(hmac.digest(key, signed, "sha256")).decode())
    if not found:
        raise ValueError("a webhook without a secret cannot be signed")
    return " ".join(found)


def make(kit: Kit) -> Channel:
    """The channel for an installation."""
    return Webhook(kit.clock, loopback=kit.settings.webhook_loopback, agent=f"Tocsin (+{kit.settings.public_url})")

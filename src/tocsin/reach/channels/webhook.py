"""Webhooks: the bulletin as a signed HTTP POST to a system that subscribed.

- Signed by the Standard Webhooks specification: ``webhook-id``, ``webhook-timestamp``, ``webhook-signature`` with
  ``v1,`` and HMAC-SHA-256 over ``id.timestamp.body``; two secrets sign side by side while one replaces the other.
- ``webhook-id`` follows from the alert and the subscription alone, so a receiver that gets one twice can tell.
- It goes to the open Internet only (:mod:`tocsin.reach.channels.destination`): every address is vetted each time a
  connection is made, which then goes to a vetted one; redirects are not followed; little of the answer is read.
- 2xx is accepted, 410 gone, 408, 425, 429 and 5xx are for later, everything else is refused.
- A host that is slow or down costs only its own: so many at a time, and after some failures in a row it is left alone
  for a while and then asked once (circuit breaker).
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime, timedelta
from secrets import token_bytes
from typing import TYPE_CHECKING

from msgspec import Struct

from tocsin.calm import in_calm
from tocsin.clock import Clock
from tocsin.reach.channel import ACCEPTED, GONE, Channel, Kit, Outcome, later, refused
from tocsin.reach.channels.destination import ForbiddenError, VettedResolver, vet_url
from tocsin.reach.channels.gateway import asked_s
from tocsin.reach.delivery import Delivery

if TYPE_CHECKING:
    import aiohttp
    import yarl
else:
    aiohttp = in_calm("aiohttp")

PREFIX = "whsec_"
LATER = frozenset({408, 425, 429})


class Manners(Struct, frozen=True):
    """How hosts are treated.

    ``total_s`` for one POST; ``per_host`` under way at once and ``waiting`` for their turn. After ``failures`` in a row
    a host rests for ``rest_s``, twice as long each time up to ``most_rest_s``. ``answer_bytes`` of an answer are read.
    """

    total_s: float = 10.0
    per_host: int = 16
    waiting: int = 48
    failures: int = 5
    rest_s: float = 15.0
    most_rest_s: float = 600.0
    answer_bytes: int = 4096


class Host(Struct):
    """What is known about one host."""

    gate: asyncio.Semaphore
    inside: int = 0
    failures: int = 0
    rests: int = 0
    closed_until: datetime | None = None
    asking: bool = False


class Webhook:
    """The channel ``webhook``. ``loopback`` opens it to this machine itself, for tests and demonstrations."""

    name = "webhook"
    stride = 1
    lanes = 256

    def __init__(
        self, clock: Clock, *, loopback: bool = False, manners: Manners | None = None, agent: str = "Tocsin"
    ) -> None:
        self.clock, self.loopback, self.manners, self.agent = clock, loopback, manners or Manners(), agent
        self.hosts: dict[str, Host] = {}
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
        now = self.clock.now()
        return {
            name: f"circuit open, {host.rests} in a row"
            for name, host in self.hosts.items()
            if host.closed_until is not None and host.closed_until > now
        }

    async def _one(self, delivery: Delivery) -> Outcome:
        try:
            url = vet_url(delivery.to.address, loopback=self.loopback)
        except ForbiddenError as wrong:
            return refused(wrong.reason, tried=False)
        name = f"{url.host}:{url.port}"
        host = self.hosts.get(name)
        if host is None:
            host = self.hosts[name] = Host(asyncio.Semaphore(self.manners.per_host))
        if (held := self._held(host)) is not None:
            return held
        host.inside += 1
        try:
            async with host.gate:
                # While this one waited for its turn, the host may have failed.
                if (held := self._rests(host)) is not None:
                    return held
                host.asking = host.closed_until is not None
                try:
                    outcome = await self._post(url, delivery)
                finally:
                    host.asking = False
                self._learn(host, outcome)
                return outcome
        finally:
            host.inside -= 1
            if not host.inside and not host.failures:
                self.hosts.pop(name, None)

    def _held(self, host: Host) -> Outcome | None:
        """Why a host is not asked now."""
        # Who waits here holds a lane, so only hosts that answer have others wait for them.
        room = self.manners.per_host + (self.manners.waiting if not host.failures else 0)
        return later(0.2, "host busy", tried=False) if host.inside >= room else self._rests(host)

    def _rests(self, host: Host) -> Outcome | None:
        now = self.clock.now()
        if host.closed_until is None or (now >= host.closed_until and not host.asking):
            return None
        return later(max(1.0, (host.closed_until - now).total_seconds()), "host rests", tried=False)

    def _learn(self, host: Host, outcome: Outcome) -> None:
        # Only what speaks for the whole host counts: a 429 or a refusal is an answer of a host that is there.
        if outcome.kind == "later" and outcome.after_s is None:
            host.failures += 1
            if host.failures >= self.manners.failures:
                rest = min(self.manners.most_rest_s, self.manners.rest_s * 2.0**host.rests)
                host.rests = min(host.rests + 1, 30)
                host.closed_until = self.clock.now() + timedelta(seconds=rest)
        else:
            host.failures, host.rests, host.closed_until = 0, 0, None

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
                timeout=aiohttp.ClientTimeout(total=self.manners.total_s),
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

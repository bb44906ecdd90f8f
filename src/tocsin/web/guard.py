"""The guard in front of every page and interface: what comes in is bounded, what goes out is hardened, nobody floods.

- No script, style, picture or connection from anywhere but this installation (strict CSP); nothing can frame a page
  except the card that is made to be embedded.
- Header count and size, the length of the address, the size of a body and the time it may take to arrive are bounded
  before anything reads them.
- Token buckets by address (IPv6 by its /64) and by token: generous for reads, since thousands of people can stand
  behind one address on the night it counts; refused requests say when to come back. Bodies that are kept ready (feed,
  state) pass freely: refusing one costs as much as answering it.
- What breaks inside goes to the operator's log; the reader gets a problem document without a trace of it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tocsin.errors import HeadersTooLargeError, RateLimitedError, TooLargeError, TooSlowError
from tocsin.recent import Recent
from tocsin.web.problem import Refusal, refuse

log = logging.getLogger("tocsin.web")

MAX_HEADERS, MAX_HEADER_BYTES, MAX_TARGET_BYTES = 64, 16_384, 4_096
MAX_BODY_BYTES = 64_000
BODY_SECONDS = 20.0
BURST_SECONDS = 20.0
SEARCH_SHARE = 0.01

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors {}"
)
EMBEDDABLE, EMBEDDED = "/card", "/embed/"
"""Pages at or below these paths, and ``/at/{code}/card``, may stand in a frame anywhere; no other page may."""

HARDENED: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (
        b"permissions-policy",
        b"camera=(), microphone=(), payment=(), usb=(), geolocation=(self), screen-wake-lock=(self)",
    ),
)
"""What every response bears. Geolocation stays possible for our own page: one fix, on the reader's own device."""


def policy(path: str) -> tuple[tuple[bytes, bytes], ...]:
    """The CSP and the framing and sharing rules for ``path``."""
    embeddable = path == EMBEDDABLE or path.startswith((EMBEDDABLE + "/", EMBEDDED)) or path.endswith("/card")
    readable = path.startswith(("/v1/", "/alerts")) or path.endswith((".json", ".txt", ".atom", ".xml"))
    rules = [
        (b"content-security-policy", CSP.format("*" if embeddable else "'none'").encode()),
        (b"cross-origin-resource-policy", b"cross-origin" if embeddable or readable else b"same-origin"),
    ]
    if not embeddable:
        rules.append((b"x-frame-options", b"DENY"))
    return tuple(rules)


def harden(headers: list[tuple[bytes, bytes]], path: str) -> list[tuple[bytes, bytes]]:
    """``headers`` with what every response bears; a header that a page has set itself stays as it is."""
    present = {name.lower() for name, _ in headers}
    headers.extend(pair for pair in (*HARDENED, *policy(path)) if pair[0] not in present)
    return headers


class Buckets:
    """Token buckets: ``rate`` requests a second each, and a burst; the ones longest unused are forgotten first.

    Time is given in seconds of any steady clock. At most ``keep`` keys are remembered, so that a flood from many
    addresses fills no memory.
    """

    def __init__(self, rate: float, burst: float, keep: int = 50_000) -> None:
        self.rate, self.burst = rate, burst
        self._levels: Recent[str, tuple[float, float]] = Recent(keep)

    def take(self, key: str, now: float, cost: float = 1.0) -> float:
        """Take ``cost`` for ``key``: 0 when there was enough, else the seconds until there will be."""
        level, last = self._levels.pop(key, (self.burst, now))
        level = min(self.burst, level + max(0.0, now - last) * self.rate)
        if level >= cost:
            self._levels[key] = (level - cost, now)
            return 0.0
        self._levels[key] = (level, now)
        return (cost - level) / self.rate

    def __len__(self) -> int:
        return len(self._levels)


def neighbour(client: tuple[str, int] | list[Any] | None) -> str:
    """The key of an address: the address itself, or the /64 of an IPv6 one, since one person has all of it."""
    host = str(client[0]) if client else "unknown"
    if ":" not in host:
        return host
    try:
        return str(ipaddress.ip_network(f"{host.partition('%')[0]}/64", strict=False))
    except ValueError:
        return host


class Limits:
    """The buckets of one installation: reads, writes, searches, and failures to sign in."""

    def __init__(self, reads: float, writes: float, steady: Callable[[], float] = time.monotonic) -> None:
        self.steady = steady
        self.reads = Buckets(reads, reads * BURST_SECONDS)
        self.searches = Buckets(reads * SEARCH_SHARE, reads * SEARCH_SHARE * BURST_SECONDS)
        self.writes = Buckets(writes, writes * BURST_SECONDS)
        self.failures = Buckets(0.5, 20)

    @staticmethod
    def visitor(client: Any) -> str:
        """The key of somebody without a token."""
        return f"address:{neighbour(client)}"

    def read(self, client: Any) -> None:
        """Count one read; :class:`Refusal` with the wait when it is too much."""
        self._take(self.reads, neighbour(client))

    def search(self, client: Any) -> None:
        """Count one search, which costs what a hundred reads cost."""
        self._take(self.searches, neighbour(client))

    def write(self, key: str) -> None:
        """Count one message or subscription of a token or an address."""
        self._take(self.writes, key)

    def failure(self, client: Any) -> None:
        """Count one failure to sign in: guessing is slow work."""
        self._take(self.failures, neighbour(client))

    def _take(self, buckets: Buckets, key: str) -> None:
        if wait := buckets.take(key, self.steady()):
            raise Refusal(RateLimitedError(), retry_after=max(1, int(wait + 0.999)))


class Guard:
    """The outermost ASGI application: bounds, hardens, counts, and turns whatever breaks into a problem document.

    ``sizes`` are the paths that may take a larger body, in bytes; ``count`` is told of each answer: the route, the
    method, the status and the seconds it took.
    """

    def __init__(
        self,
        app: ASGIApp,
        limits: Limits,
        sizes: Mapping[str, int] | None = None,
        count: Callable[[str, str, int, float], None] | None = None,
        body_seconds: float | None = None,
    ) -> None:
        self.app, self.limits, self.sizes = app, limits, dict(sizes or {})
        self.count, self.body_seconds = count, body_seconds or BODY_SECONDS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, path, status, started = self.limits.steady(), scope["path"], 0, False

        async def hardened(message: Message) -> None:
            nonlocal status, started
            if message["type"] == "http.response.start":
                started, status = True, message["status"]
                message["headers"] = harden(list(message.get("headers", ())), path)
            await send(message)

        try:
            self._bound(scope)
            if scope["method"] in ("GET", "HEAD", "OPTIONS"):
                self.limits.read(scope.get("client"))
            await self.app(scope, self._bounded(scope, receive), hardened)
        except Exception as wrong:
            # Starlette has answered already and raises again, so that the operator's log has it; here it ends.
            if not isinstance(wrong, Refusal | TooLargeError | TooSlowError | HeadersTooLargeError):
                log.exception("a request broke: %s %s", scope["method"], path)
            if not started:
                await refuse(HTTPConnection(scope), wrong)(scope, receive, hardened)
        finally:
            if self.count is not None:
                route = getattr(scope.get("route"), "path", "none").replace(":path", "")
                self.count(route, scope["method"], status, self.limits.steady() - began)

    def _bound(self, scope: Scope) -> None:
        headers = scope["headers"]
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > MAX_TARGET_BYTES:
            raise HeadersTooLargeError(f"the address has more than {MAX_TARGET_BYTES:,} bytes")
        if len(headers) > MAX_HEADERS:
            raise HeadersTooLargeError(f"more than {MAX_HEADERS} headers")
        if sum(len(name) + len(value) for name, value in headers) > MAX_HEADER_BYTES:
            raise HeadersTooLargeError(f"more than {MAX_HEADER_BYTES:,} bytes of headers")
        largest = self._largest(scope)
        for name, value in headers:
            if name == b"content-length" and value.isdigit() and int(value) > largest:
                raise TooLargeError(f"at most {largest:,} bytes")

    def _largest(self, scope: Scope) -> int:
        return self.sizes.get(scope["path"], MAX_BODY_BYTES)

    def _bounded(self, scope: Scope, receive: Receive) -> Receive:
        """``receive`` that ends with a fault when the body is larger than allowed or does not arrive in time."""
        largest, taken = self._largest(scope), 0
        ends = asyncio.get_running_loop().time() + self.body_seconds
        whole = False

        async def bounded() -> Message:
            nonlocal taken, whole
            if whole:
                return await receive()
            left = ends - asyncio.get_running_loop().time()
            try:
                async with asyncio.timeout(max(0.0, left)):
                    message = await receive()
            except TimeoutError:
                raise Refusal(TooSlowError(), headers={"Connection": "close"}) from None
            if message["type"] == "http.request":
                taken += len(message.get("body", b""))
                whole = not message.get("more_body", False)
                if taken > largest:
                    raise TooLargeError(f"at most {largest:,} bytes")
            return message

        return bounded

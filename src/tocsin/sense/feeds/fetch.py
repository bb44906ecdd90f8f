"""Fetching: one HTTP GET that cannot hang, flood, mislead or be led somewhere else.

- Everything has an end: the whole exchange with its redirects, the bytes on the wire, the bytes after unpacking, the
  number of redirects. Whatever breaks a bound is a :class:`SourceError` and hurts no other source (quirks 71, 72).
- An address from outside (a redirect, a link in an index) is vetted like the first one: http or https only, no step
  down from https, and into a private network only where the operator's own address already points there.
- Bytes are handed on as they came: what a Content-Type says of the charset is a rumour (quirk 3).
- Certificates are checked; an expired one is a fault of the source, said as such (quirk 69).
- A validator is sent as ``If-None-Match`` and ``If-Modified-Since``; 304 is an answer and not a fault (quirk 73).
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import zlib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from typing import Any
from urllib.parse import urljoin, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from msgspec import Struct

from tocsin.clock import SystemClock
from tocsin.errors import SourceError

USER_AGENT = f"Tocsin/{version('tocsin')} (public warning; polls politely)"
REDIRECTS = 5
PER_HOST = 4
MAX_BYTES = 10_000_000


class Answer(Struct, frozen=True):
    """What came back. ``content`` is empty where nothing changed (``unchanged``); ``address`` is where it came from."""

    status: int
    address: str
    content: bytes
    media_type: str = ""
    etag: str = ""
    modified: str = ""

    @property
    def unchanged(self) -> bool:
        return self.status == 304


class Fetcher:
    """Fetches for one or more sources. ``trusted`` are the addresses that the operator wrote down."""

    def __init__(self, trusted: Iterable[str] = (), *, user_agent: str = USER_AGENT) -> None:
        self.user_agent = user_agent
        self._trusted = {_host(address) for address in trusted}
        self._session: aiohttp.ClientSession | None = None
        self._resolver: _Resolver | None = None

    async def get(
        self,
        address: str,
        *,
        etag: str = "",
        modified: str = "",
        headers: Mapping[str, str] | None = None,
        total_s: float = 20.0,
        max_bytes: int = MAX_BYTES,
    ) -> Answer:
        """GET ``address`` within ``total_s`` seconds of real time and ``max_bytes``.

        Raises :class:`SourceError`; ``facts["after"]`` says in how many seconds the other side wants to be asked again.
        """
        asked = {**(headers or {})}
        if etag:
            asked["If-None-Match"] = etag
        if modified:
            asked["If-Modified-Since"] = modified
        try:
            async with asyncio.timeout(total_s):
                return await self._follow(address, asked, max_bytes)
        except SourceError:
            raise
        except TimeoutError:
            raise SourceError(f"{address}: no whole answer within {total_s:g} s") from None
        except (aiohttp.ClientConnectorCertificateError, ssl.SSLCertVerificationError) as wrong:
            raise SourceError(f"{address}: its certificate does not hold ({wrong})") from None
        except (aiohttp.ClientError, OSError, ValueError) as wrong:
            raise SourceError(f"{address}: {wrong or type(wrong).__name__}") from None

    async def close(self) -> None:
        """Let go of the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def __aenter__(self) -> Fetcher:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def vet(self, address: str, origin: str = "") -> str:
        """``address`` if it may be asked, coming from ``origin``; raises :class:`SourceError` if not."""
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SourceError(f"{address[:200]}: only http and https addresses are followed")
        if parts.username or parts.password:
            raise SourceError(f"{parts.hostname}: an address with a password in it is not followed")
        if origin and urlsplit(origin).scheme == "https" and parts.scheme == "http":
            raise SourceError(f"{address[:200]}: leads from https to http")
        if _host(address) not in self._trusted and _private(parts.hostname):
            raise SourceError(f"{address[:200]}: leads into a private network")
        return address

    async def _follow(self, address: str, headers: dict[str, str], max_bytes: int) -> Answer:
        origin = ""
        for _ in range(REDIRECTS + 1):
            self.vet(address, origin)
            async with self._open().get(address, headers=headers, allow_redirects=False) as response:
                if response.status in (301, 302, 303, 307, 308):
                    origin, address = address, urljoin(address, response.headers.get("Location", ""))
                    if urlsplit(origin).netloc != urlsplit(address).netloc:
                        # A token for one host is none of another's business.
                        headers = {name: value for name, value in headers.items() if name.lower() != "authorization"}
                    continue
                return await self._read(response, address, max_bytes)
        raise SourceError(f"{address[:200]}: more than {REDIRECTS} redirects")

    async def _read(self, response: aiohttp.ClientResponse, address: str, max_bytes: int) -> Answer:
        etag, modified = response.headers.get("ETag", ""), response.headers.get("Last-Modified", "")
        if response.status == 304:
            return Answer(304, address, b"", "", etag, modified)
        if response.status != 200:
            after = retry_after(response.headers.get("Retry-After", ""))
            raise SourceError(f"{address}: HTTP {response.status}", status=response.status, after=after)
        unpack = _Unpacker(response.headers.get("Content-Encoding", ""), address)
        parts: list[bytes] = []
        packed = total = 0
        async for chunk in response.content.iter_any():
            packed += len(chunk)
            part = unpack(chunk, max_bytes - total + 1)
            total += len(part)
            if max(total, packed) > max_bytes:
                raise SourceError(f"{address}: larger than {max_bytes:,} bytes", status=200)
            parts.append(part)
        unpack.end()
        return Answer(200, address, b"".join(parts), response.content_type or "", etag, modified)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._resolver = _Resolver(self._trusted)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, limit_per_host=PER_HOST, resolver=self._resolver),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=30),
                headers={"User-Agent": self.user_agent, "Accept-Encoding": "gzip, deflate"},
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                max_line_size=16_384,
                max_field_size=16_384,
            )
        return self._session


class _Resolver(AbstractResolver):
    """Names to addresses, in threads of its own, so that a hanging name server blocks nobody else's work.

    The check stands here because the address that is checked is then the one that is connected to.
    """

    def __init__(self, trusted: set[str]) -> None:
        self._trusted = {name.rpartition(":")[0] for name in trusted}
        self._threads = ThreadPoolExecutor(16, "tocsin-names")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        )
        results: list[ResolveResult] = []
        for kind, _, protocol, _, where in found:
            at = str(where[0])
            if host not in self._trusted and _private(at):
                continue
            results.append(
                ResolveResult(
                    hostname=host, host=at, port=port, family=kind, proto=protocol, flags=socket.AI_NUMERICHOST
                )
            )
        if not results:
            raise OSError(f"{host} leads into a private network")
        return results

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def retry_after(text: str) -> float | None:
    """Seconds that a ``Retry-After`` asks for, as a number or as a date; None if it says nothing that can be read."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(float(text), 86_400.0)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    # An HTTP date is of the machine's time, and so is the wait that follows from it.
    return min(max(0.0, (moment - SystemClock().now()).total_seconds()), 86_400.0)


def looks_like_page(content: bytes) -> bool:
    """Whether these bytes are a web page: what comes with a 200 when a service is down (quirk 4)."""
    start = content[:2048].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return start.startswith((b"<!doctype html", b"<html", b"<head", b"<body")) or b"<html" in start[:1024]


class _Unpacker:
    """Takes the content coding off, piece by piece and never more than it is allowed to."""

    def __init__(self, coding: str, address: str) -> None:
        self.coding, self.address = coding.strip().lower(), address
        self._unzip: Any = None
        if self.coding not in ("", "identity", "gzip", "x-gzip", "deflate"):
            raise SourceError(f"{address}: sent in the coding {coding[:40]!r}, which was not asked for")

    def __call__(self, data: bytes, limit: int) -> bytes:
        if self.coding in ("", "identity"):
            return data
        if self._unzip is None and data:
            # "deflate" comes with a zlib header or bare; the header's first byte tells (RFC 9110, 8.4.1.2).
            bare = self.coding == "deflate" and data[0] & 0x0F != 8
            self._unzip = zlib.decompressobj(-15 if bare else 47)
        try:
            # The limit stops a bomb after one byte too many; what is beyond is never unpacked.
            unpacked: bytes = self._unzip.decompress(data, max(1, limit)) if data else b""
        except zlib.error as wrong:
            raise SourceError(f"{self.address}: cannot be unpacked ({wrong})") from None
        return unpacked

    def end(self) -> None:
        """Nothing more comes: what was packed must be whole by now."""
        if self._unzip is not None and not self._unzip.eof:
            raise SourceError(f"{self.address}: was cut off")


def _host(address: str) -> str:
    parts = urlsplit(address)
    return f"{(parts.hostname or '').lower()}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


def _private(host: str) -> bool:
    try:
        at = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    if isinstance(at, ipaddress.IPv6Address) and at.ipv4_mapped is not None:
        at = at.ipv4_mapped
    return not at.is_global

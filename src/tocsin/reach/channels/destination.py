"""Where a subscriber's address may lead: to the open Internet over HTTP, and nowhere else.

- Only ``http`` and ``https``, no user in the address, no port that belongs to another protocol.
- Every IP address that a name has is vetted, each time it is resolved; one that is not public refuses the name, and
  the connection goes to an address that was vetted and not to the name again (DNS rebinding).
- An IPv4 address inside an IPv6 one (mapped, compatible, 6to4, Teredo, NAT64) counts as the IPv4 address it leads to.

Lists: IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890 and what updates it).
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import TYPE_CHECKING

from tocsin.calm import in_calm

if TYPE_CHECKING:
    import yarl
    from aiohttp.abc import AbstractResolver, ResolveResult
else:
    yarl = in_calm("yarl")
    # At work a resolver is whatever has these methods, and a result a dictionary: aiohttp is not needed to vet.
    AbstractResolver, ResolveResult = object, dict

IP = ipaddress.IPv4Address | ipaddress.IPv6Address

_V4 = [
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
]
# Only what is given out as global unicast is public at all; of that, these are special.
_V6_PUBLIC = ipaddress.IPv6Network("2000::/3")
_V6 = [
    ipaddress.IPv6Network(text)
    for text in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
]
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_6TO4 = ipaddress.IPv6Network("2002::/16")


class ForbiddenError(OSError):
    """This address leads to where nothing may be sent. ``reason`` is a code for the operator."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"{self.__doc__} ({reason})")


def public(address: IP, *, loopback: bool = False) -> bool:
    """Whether an IP address is on the open Internet; ``loopback`` lets this machine's own pass as well.

    >>> public(ipaddress.ip_address("1.1.1.1")), public(ipaddress.ip_address("::ffff:10.0.0.1"))
    (True, False)
    """
    if loopback and address in (ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1")):
        return True
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _V4)
    if address.scope_id is not None:
        return False
    inner = _inner(address)
    if inner is not None:
        return public(inner)
    return address in _V6_PUBLIC and not any(address in network for network in _V6)


def _inner(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 address carries."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def vet_url(text: str, *, loopback: bool = False) -> yarl.URL:
    """An address as typed, as one that may be sent to; :class:`ForbiddenError` otherwise.

    Names are vetted when they are resolved (:class:`VettedResolver`); an IP address is vetted here.
    """
    if len(text) > 2048 or any(ord(letter) <= 32 or letter == "\\" for letter in text):
        raise ForbiddenError("address.malformed")
    try:
        url = yarl.URL(text)
        host, port = url.host, url.port
    except ValueError:
        raise ForbiddenError("address.malformed") from None
    if url.scheme not in ("http", "https"):
        raise ForbiddenError("address.scheme")
    if not host or port is None or not url.absolute:
        raise ForbiddenError("address.malformed")
    if url.user is not None or url.password is not None:
        raise ForbiddenError("address.user")
    if port not in (80, 443) and port < 1024 and not loopback:
        raise ForbiddenError("address.port")
    try:
        literal = ipaddress.ip_address(host)
    except ValueError:
        _vet_name(host.rstrip(".").lower(), loopback)
        return url.with_fragment(None)
    if not public(literal, loopback=loopback):
        raise ForbiddenError("address.not-public")
    return url.with_fragment(None)


def _vet_name(name: str, loopback: bool) -> None:
    """Refuse names that never mean a host on the Internet (RFC 6761, 6762, 8375; old spellings of IPv4 addresses)."""
    last = name.rpartition(".")[2]
    if last.isdigit() or last.startswith("0x"):
        raise ForbiddenError("address.malformed")
    if loopback and name == "localhost":
        return
    if "." not in name or last in ("localhost", "local", "internal", "arpa", "onion", "test", "invalid"):
        raise ForbiddenError("address.not-public")


class VettedResolver(AbstractResolver):
    """Resolves names for aiohttp, which then connects to what this returns and asks nobody else."""

    def __init__(self, *, loopback: bool = False) -> None:
        self.loopback = loopback

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The vetted addresses of ``host``; :class:`ForbiddenError` if a single one of them is not public."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)
        results = [
            ResolveResult(hostname=host, host=text, port=port, family=kind, proto=protocol, flags=socket.AI_NUMERICHOST)
            for kind, _, protocol, _, where in found
            for text in (self._vet(str(where[0])),)
        ]
        if not results:
            raise OSError(None, f"{host} has no address")
        return results

    async def close(self) -> None:
        """Nothing is held."""

    def _vet(self, text: str) -> str:
        if not public(ipaddress.ip_address(text), loopback=self.loopback):
            raise ForbiddenError("address.not-public")
        return text

"""The origin: under which address the console is, which passkeys belong to it, and how its cookies are called.

- It follows from ``public_url`` alone and never from what a request says about itself; a passkey made for one origin opens
  no other one.
- Cookies carry the realm in their names, so two realms in one browser cannot be mixed up (F1). Over https they bear the
  ``__Host-`` prefix: no subdomain and no plain connection can plant one.
- Beyond this machine the console is there over https only. On this machine it is called ``localhost``, because a passkey
  belongs to a name and never to an address.

Standard: WebAuthn Level 2 section 5.1.2 (relying party identifier), RFC 6265bis (cookie prefixes).
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct
from starlette.responses import Response

from tocsin.settings import Settings

LOOPBACK = "localhost"


class Origin(Struct, frozen=True):
    """Where the console of one realm is. ``fault`` is a sentence for the operator when it cannot be there."""

    address: str
    host: str
    realm: str
    secure: bool
    fault: str = ""

    @staticmethod
    def of(settings: Settings) -> Origin:
        """The origin that these settings come to."""
        asked = urlsplit(settings.public_url)
        host, port, secure = asked.hostname or LOOPBACK, asked.port, asked.scheme == "https"
        fault = ""
        if is_loopback(host):
            host = LOOPBACK
            if settings.public_url == _DEFAULT:
                bound, _, number = settings.bind.rpartition(":")
                # Nobody has said under which address people come, so it is where we listen.
                port = int(number) if number.isdigit() and int(number) and is_loopback(bound.strip("[]")) else port
        elif not secure:
            fault = "The console is there over https only: set public_url to an address that starts with https://."
        elif _address(host):
            fault = "The console needs a name: set public_url to https:// and a host name, not an address of numbers."
        shown = f":{port}" if port is not None and port != (443 if secure else 80) else ""
        return Origin(f"{'https' if secure else 'http'}://{host}{shown}", host, settings.realm, secure, fault)

    def cookie(self, name: str) -> str:
        """How the cookie ``name`` of this realm is called."""
        return f"{'__Host-' if self.secure else ''}tocsin-{self.realm}-{name}"

    def give(self, response: Response, name: str, value: str, seconds: int | None = None, *, lax: bool = False) -> None:
        """Put a cookie on ``response``; only a browser that stays here sends it back (``lax``: or one led here)."""
        response.set_cookie(
            self.cookie(name),
            value,
            max_age=seconds,
            path="/",
            secure=self.secure,
            httponly=True,
            samesite="lax" if lax else "strict",
        )

    def take(self, response: Response, name: str) -> None:
        """Have the browser forget a cookie."""
        self.give(response, name, "", 0)


def is_loopback(host: str) -> bool:
    """Whether ``host`` is this machine."""
    address = _address(host)
    return host == LOOPBACK or bool(address and address.is_loopback)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


_DEFAULT = str({field.name: field.default for field in msgspec.structs.fields(Settings)}["public_url"])

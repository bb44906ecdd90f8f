"""Tokens: who may do what over HTTP, and in whose name.

- A token is shown once, when it is issued; the journal holds its SHA-256 only, in ``token:issued``. The secret part has
  256 bits of chance, so a plain hash is enough: there is nothing to guess.
- A token is bound to its scopes, to the CAP senders it may speak for, and to the realm of its journal (F1).
- A token that is unknown, ended, revoked or misspelt is one and the same answer, and the comparison takes the same time.
- There are no default credentials (F8): without ``tocsin token issue`` nobody can submit anything.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime

from msgspec import Struct

from tocsin.errors import NotAllowedError, NotFoundError, NotSignedInError, SettingsError
from tocsin.journal import Entry, Fact, Journal, fact

TOKEN_ISSUED, TOKEN_REVOKED = "token:issued", "token:revoked"
SUBMIT = "alerts:submit"
RELAY = "answers:relay"
ARRIVE = "rollcalls:add"
SCOPES = {
    SUBMIT: "send alerts with POST /v1/alerts",
    RELAY: "hand on text messages and telephone keys that answer a roll call with POST /v1/answers/sms and .../voice",
    ARRIVE: "add people to a roll call that runs with POST /v1/rollcalls/{rollcall}/people",
}
PREFIX = "tocsin"


class Token(Struct, frozen=True):
    """The body of ``token:issued``; the entry's subject is ``id``.

    ``senders`` are the values of alert.sender it may use (none means none), ``source`` the id of the source its reports
    count as, ``digest`` the SHA-256 of the whole token in hexadecimal digits.
    """

    id: str
    name: str
    scopes: tuple[str, ...]
    senders: tuple[str, ...]
    source: str
    digest: str
    issued: datetime
    ends: datetime | None = None


class Revoked(Struct, frozen=True):
    """The body of ``token:revoked``; the entry's subject is the token's id."""

    at: datetime
    reason: str = ""


def digest(text: str) -> str:
    """The SHA-256 of a token's text, in hexadecimal digits."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


NOBODY = digest(secrets.token_hex(32))


def prepare(
    at: datetime,
    *,
    realm: str,
    name: str,
    scopes: Sequence[str],
    senders: Sequence[str] = (),
    source: str = "",
    ends: datetime | None = None,
) -> tuple[str, Token, Fact]:
    """A new token: its text, which nobody can show again, what is kept of it, and the fact that issues it."""
    for scope in scopes:
        if scope not in SCOPES:
            raise SettingsError(f"no scope {scope!r}; there are: {', '.join(SCOPES)}")
    if not scopes:
        raise SettingsError("a token needs a scope")
    if SUBMIT in scopes and not senders:
        raise SettingsError(f"a token with {SUBMIT} needs the senders it may speak for")
    number = secrets.token_hex(6)
    text = f"{PREFIX}_{number}_{secrets.token_urlsafe(32)}"
    made = Token(
        number,
        name,
        tuple(scopes),
        tuple(senders),
        source or (senders[0] if senders else f"token:{number}"),
        digest(text),
        at,
        ends,
    )
    return text, made, fact(TOKEN_ISSUED, number, made, realm)


def issue(
    journal: Journal,
    at: datetime,
    *,
    realm: str,
    name: str,
    scopes: Sequence[str],
    senders: Sequence[str] = (),
    source: str = "",
    ends: datetime | None = None,
) -> tuple[str, Token]:
    """Record a new token and return its text and what is kept of it."""
    text, made, issued = prepare(at, realm=realm, name=name, scopes=scopes, senders=senders, source=source, ends=ends)
    journal.append([issued])
    return text, made


def ending(journal: Journal, at: datetime, number: str, *, realm: str, reason: str = "") -> Fact | None:
    """The fact that revokes the token with this id: None if it is revoked, :class:`NotFoundError` if there is none."""
    tokens = Tokens(realm)
    tokens.catch_up(journal)
    if number not in tokens.known:
        raise NotFoundError(f"no token {number}")
    return None if number in tokens.ended else fact(TOKEN_REVOKED, number, Revoked(at, reason), realm)


def revoke(journal: Journal, at: datetime, number: str, *, realm: str, reason: str = "") -> None:
    """Record that the token with this id opens nothing any more; :class:`NotFoundError` if there is none."""
    if (ended := ending(journal, at, number, realm=realm, reason=reason)) is not None:
        journal.append([ended])


class Tokens:
    """The tokens of one realm, as the journal tells them."""

    KINDS = (TOKEN_ISSUED, TOKEN_REVOKED)

    def __init__(self, realm: str) -> None:
        self.realm = realm
        self.known: dict[str, Token] = {}
        self.ended: dict[str, Revoked] = {}

    def apply(self, entry: Entry) -> None:
        """Take in one entry; those about other things or of the other realm are passed over."""
        if entry.realm != self.realm:
            return
        if entry.kind == TOKEN_ISSUED:
            self.known[entry.subject] = entry.read(Token)
        elif entry.kind == TOKEN_REVOKED:
            self.ended[entry.subject] = entry.read(Revoked)

    def catch_up(self, journal: Journal) -> None:
        """Take in everything there is."""
        after = 0
        while entries := journal.read(after, 1000, self.KINDS):
            for entry in entries:
                self.apply(entry)
            after = entries[-1].seq

    def standing(self) -> Iterable[tuple[Token, Revoked | None]]:
        """Every token ever issued, oldest first, with its end if it was revoked."""
        for number, token in self.known.items():
            yield token, self.ended.get(number)

    def find(self, authorization: str, at: datetime) -> Token:
        """The token in an ``Authorization`` header; :class:`NotSignedInError` when it opens nothing, whatever the reason."""
        scheme, _, text = authorization.partition(" ")
        text = text.strip()
        parts = text.split("_", 2)
        token = self.known.get(parts[1]) if len(parts) == 3 else None
        # The comparison is made for a token nobody knows as well, so that time tells nothing about which ids exist.
        same = hmac.compare_digest(digest(text), token.digest if token else NOBODY)
        if not same or token is None or scheme.lower() != "bearer" or token.id in self.ended:
            raise NotSignedInError
        if token.ends is not None and at >= token.ends:
            raise NotSignedInError
        return token

    def require(self, authorization: str, scope: str, at: datetime) -> Token:
        """The token in the header, if it has ``scope``; :class:`NotAllowedError` if it has not."""
        token = self.find(authorization, at)
        if scope not in token.scopes:
            raise NotAllowedError
        return token

"""Identity: who works here and is signed in now, with everything that decides it, in one value for the console.

- What a person may do follows from the journal as it is now: before every answer the newest facts about persons are taken
  in, so a role that was taken away a moment ago opens nothing.
- Tokens that pages carry (challenges, secrets on their way into an app) are sealed and end; what counts once counts once.
- Whoever fails to sign in learns nothing from it: one answer, the same work, the same time, whether somebody is known here
  or not; and guessing is slow, by address and by person.
- Every view of personal data and every refusal is in the journal, without a name.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn, Protocol

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tocsin.clock import Clock
from tocsin.errors import ForgedFormError, RateLimitedError, SignInRefusedError
from tocsin.journal import Entry, Fact, Journal, fact
from tocsin.settings import Settings
from tocsin.warn.enrolment import (
    SIGN_IN_REFUSED,
    VIEW_PERSONAL,
    Credential,
    Device,
    Invitation,
    Personal,
    Session,
    Unopened,
    Viewed,
    Way,
)
from tocsin.warn.person import (
    DELEGATION_MADE,
    PERSON_CHANGED,
    PERSON_ENROLLED,
    PERSON_ON_CALL,
    PERSON_REMOVED,
    Act,
    People,
    Role,
)
from tocsin.web.console.origin import Origin
from tocsin.web.guard import Buckets
from tocsin.web.problem import Refusal

KINDS = (PERSON_ENROLLED, PERSON_CHANGED, PERSON_REMOVED, PERSON_ON_CALL, DELEGATION_MADE)
PAUSE_SECONDS = 0.3
"""A refused or taken sign-in by code answers no sooner: what the store does in between cannot be measured from outside."""


class Book(Protocol):
    """The personal data and credentials of one realm, sealed (:class:`tocsin.store.people.SqlPeople`)."""

    def secret(self, label: str) -> bytes: ...
    def invite(self, secret: str, made: Invitation, facts: Sequence[Fact]) -> list[Entry]: ...
    def invitation(self, secret: str) -> Invitation | None: ...
    def invitations(self) -> list[Invitation]: ...
    def withdraw(self, numbers: Sequence[str], facts: Sequence[Fact]) -> list[Entry]: ...
    def enrol(
        self, secret: str, person: str, known: Personal | None, held: Credential, key: bytes, facts: Sequence[Fact]
    ) -> list[Entry]: ...
    def personal(self, persons: Sequence[str]) -> dict[str, Personal]: ...
    def by_email(self, email: str) -> str | None: ...
    def everybody(self) -> list[str]: ...
    def describe(self, person: str, known: Personal, facts: Sequence[Fact]) -> list[Entry]: ...
    def erase(self, person: str, facts: Sequence[Fact]) -> list[Entry]: ...
    def devices(self, persons: Sequence[str]) -> list[Device]: ...
    def add_device(self, made: Device, facts: Sequence[Fact]) -> list[Entry]: ...
    def drop_device(self, number: str, person: str, facts: Sequence[Fact]) -> list[Entry]: ...
    def add(
        self, held: Sequence[tuple[Credential, bytes]], facts: Sequence[Fact], instead_of: Way | None = None
    ) -> list[Entry]: ...
    def credential(self, way: Way, key: bytes) -> Credential | None: ...
    def credentials(self, person: str, way: Way | None = None) -> list[Credential]: ...
    def decoy(self, at: datetime) -> Credential: ...
    def use(self, held: Credential, counter: int, at: datetime, grows: bool = True) -> bool: ...
    def spend(self, held: Credential) -> bool: ...
    def fail(self, held: Credential) -> None: ...
    def drop(self, number: str, person: str, facts: Sequence[Fact]) -> list[Entry]: ...


class SessionBook(Protocol):
    """The sessions of one realm (:class:`tocsin.store.session.SqlSessions`)."""

    def begin(self, secret: str, made: Session) -> None: ...
    def find(self, secret: str) -> tuple[Session, datetime | None] | None: ...
    def of(self, person: str) -> list[Session]: ...
    def all(self) -> list[Session]: ...
    def touch(self, number: str, at: datetime) -> None: ...
    def replace(self, number: str, before: str, secret: str, at: datetime, proved: datetime) -> bool: ...
    def end(self, numbers: Sequence[str]) -> None: ...


class Identity:
    """The persons of one realm and their sessions, as the console needs them.

    ``steady`` counts seconds for rate limits; ``data`` is the folder that files named in settings are relative to.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        journal: Journal,
        book: Book,
        sessions: SessionBook,
        *,
        data: Path | None = None,
        steady: Callable[[], float] = time.monotonic,
        pause: float = PAUSE_SECONDS,
    ) -> None:
        self.settings, self.clock, self.journal, self.book, self.kept = settings, clock, journal, book, sessions
        self.data, self.steady, self.pause = data, steady, pause
        self.realm = settings.realm
        self.origin = Origin.of(settings)
        self._people, self._upto = People(), 0
        # Held while somebody looks at who there is and then changes it, so that two cannot both be the last but one.
        self.order = threading.RLock()
        self._cipher = AESGCM(book.secret("console tokens"))
        self._forms = book.secret("console forms")
        self._used: dict[str, float] = {}
        # Opening a page is free; wrong tries are not, neither from one address nor against one person.
        self.knocks, self.tries, self.guesses = Buckets(1.0, 30), Buckets(1 / 6, 10), Buckets(1 / 180, 5)
        self._noted, self._unnoted = Buckets(1.0, 60), 0

    # --- who is here -----------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """The present moment."""
        return self.clock.now()

    @property
    def people(self) -> People:
        """Everybody, as the journal tells it at this moment."""
        with self.order:
            if self.journal.head().seq > self._upto:
                head = self.journal.head().seq
                while entries := self.journal.read(self._upto, 1000, KINDS):
                    for entry in entries:
                        if entry.realm == self.realm:
                            self._people.apply(entry)
                    self._upto = entries[-1].seq
                self._upto = max(self._upto, head)
            return self._people

    def roles(self, person: str) -> frozenset[Role]:
        """The roles of a person now."""
        return self.people.roles(person, self.now())

    def can(self, person: str, act: Act) -> bool:
        """Whether a person may do ``act`` now."""
        return self.people.can(person, act, self.now())

    def administrators(self) -> tuple[str, ...]:
        """Who can administer now."""
        return self.people.administrators(self.now())

    # --- the record ------------------------------------------------------------------------------------------------

    def fact(self, kind: str, subject: str, body: Any) -> Fact:
        """A fact of this realm."""
        return fact(kind, subject, body, self.realm)

    def record(self, *facts: Fact) -> None:
        """Record facts; on disk when this returns."""
        self.journal.append(facts)

    def reveal(self, viewer: str, what: str, whose: Sequence[str]) -> dict[str, Personal]:
        """The personal data of ``whose`` for ``viewer``, who from then on stands in the journal as having seen them."""
        others = tuple(sorted({person for person in whose if person != viewer}))
        if others:
            self.record(self.fact(VIEW_PERSONAL, viewer, Viewed(what, others)))
        return self.book.personal(tuple(whose))

    def own(self, person: str) -> Personal:
        """What is known about a person, for that person."""
        return self.book.personal((person,)).get(person, Personal(""))

    # --- refusing --------------------------------------------------------------------------------------------------

    def knock(self, address: str) -> None:
        """Count one request of somebody who is not signed in."""
        self._take(self.knocks, address)

    def guess(self, whom: str) -> None:
        """Count one try at a person, known or not; :meth:`forgive` takes it back when it was right."""
        self._take(self.guesses, self._whom(whom))

    def forgive(self, whom: str) -> None:
        """The try was right: who proves their presence often is not guessing."""
        self.guesses.take(self._whom(whom), self.steady(), -1.0)

    def _whom(self, whom: str) -> str:
        return hmac.digest(self._forms, whom.encode("utf-8", "replace"), "sha256").hex()

    def refuse(self, way: Way, why: str, address: str) -> NoReturn:
        """Say that nobody was signed in, always in the same words, and note it without a name."""
        self._take(self.tries, address)
        if self._noted.take("all", self.steady()):
            self._unnoted += 1  # a flood of refusals is told by its number, so that it cannot fill the record
        else:
            more, self._unnoted = self._unnoted, 0
            self.record(self.fact(SIGN_IN_REFUSED, way.value, Unopened(way.value, why, more)))
        raise SignInRefusedError

    def _take(self, buckets: Buckets, key: str) -> None:
        if wait := buckets.take(key, self.steady()):
            raise Refusal(RateLimitedError(), retry_after=max(1, int(wait + 0.999)))

    # --- what pages carry ------------------------------------------------------------------------------------------

    def sealed(self, purpose: str, value: Any, seconds: float) -> str:
        """``value`` as a text that only :meth:`unsealed` reads, for ``purpose``, until ``seconds`` from now."""
        ends = (self.now() + timedelta(seconds=seconds)).timestamp()
        nonce, place = os.urandom(12), f"{self.realm}\x1f{purpose}".encode()
        clear = msgspec.json.encode({"ends": ends, "value": value})
        return base64.urlsafe_b64encode(nonce + self._cipher.encrypt(nonce, clear, place)).decode()

    def unsealed(self, purpose: str, text: str, *, once: bool = False) -> Any:
        """The value in ``text``; :class:`ForgedFormError` when it is not ours, has ended or (``once``) was used."""
        try:
            box = base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
            clear = json.loads(self._cipher.decrypt(box[:12], box[12:], f"{self.realm}\x1f{purpose}".encode()))
        except (ValueError, InvalidTag):
            raise ForgedFormError from None
        now = self.now().timestamp()
        if now >= clear["ends"]:
            raise ForgedFormError
        if once:
            with self.order:
                self._used = {key: ends for key, ends in self._used.items() if ends > now}
                # The nonce alone, so that the same box spelt differently is still the same box.
                name = box[:12].hex()
                if name in self._used:
                    raise ForgedFormError
                self._used[name] = clear["ends"]
        return clear["value"]

    def form_token(self, whose: str, form: str) -> str:
        """The token of one form of one session (or of one browser that is not signed in)."""
        return base64.urlsafe_b64encode(hmac.digest(self._forms, f"{whose}\x1f{form}".encode(), "sha256")).decode()

    def check_form(self, whose: str, form: str, token: str) -> None:
        """Raise :class:`ForgedFormError` unless ``token`` is that of this form."""
        if not hmac.compare_digest(self.form_token(whose, form).encode(), token.encode("utf-8", "replace")):
            raise ForgedFormError


def secret() -> str:
    """256 random bits as a text for addresses and cookies."""
    return secrets.token_urlsafe(32)


def number(prefix: str = "") -> str:
    """A new id: random, so that it tells nothing about when or how many."""
    return prefix + secrets.token_hex(8)

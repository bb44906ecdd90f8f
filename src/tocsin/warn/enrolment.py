"""Enrolment: how somebody becomes a person here, what is known about them, and what they sign in with.

- A person comes in by a one-time link made for certain roles; it ends with its first use, or after a day.
- What is personal (name, ways to reach them, credentials) is never in the journal: facts bear ids, kinds and roles only.
- There are no passwords and no codes by SMS; a credential is a passkey, an authenticator app, the organisation's own
  OpenID Connect, or a recovery code that works once.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from tocsin.warn.person import Role

INVITATION_MADE = "invitation:made"
INVITATION_WITHDRAWN = "invitation:withdrawn"
CREDENTIAL_ADDED = "credential:added"
CREDENTIAL_REMOVED = "credential:removed"
DEVICE_ADDED = "device:added"
DEVICE_REMOVED = "device:removed"
SESSION_BEGUN = "session:begun"
SESSION_PROVED = "session:proved"
SESSION_UNPROVED = "session:unproved"
SESSION_REFUSED = "session:refused"
SESSION_ENDED = "session:ended"
SIGN_IN_REFUSED = "signin:refused"
VIEW_PERSONAL = "view:personal"


class Way(StrEnum):
    """What a person signs in with, or proves their presence with."""

    PASSKEY = "passkey"
    TOTP = "totp"
    OIDC = "oidc"
    RECOVERY = "recovery"


class Personal(Struct, frozen=True):
    """What is known about a person beyond their id. ``email`` is where they are written to and what TOTP asks for."""

    name: str
    email: str = ""
    phone: str = ""
    language: str = ""


class Device(Struct, frozen=True):
    """A browser or phone by which a person lets themselves be called. ``keys`` are what is sealed to it, as one text."""

    id: str
    person: str
    label: str
    endpoint: str
    keys: str
    made: datetime


class Called(Struct, frozen=True):
    """The body of ``device:added`` and ``device:removed``; the subject is the person's id."""

    device: str
    by: str = ""


class Invitation(Struct, frozen=True):
    """A one-time link, without its secret. ``person`` is set where somebody enrolled gets a new way in."""

    id: str
    roles: tuple[Role, ...]
    by: str
    made: datetime
    ends: datetime
    note: str = ""
    person: str = ""


class Credential(Struct, frozen=True):
    """One thing a person signs in with. ``data`` is opened; ``counter`` only ever grows (sign count, time step)."""

    id: str
    person: str
    way: Way
    made: datetime
    data: bytes
    counter: int = 0
    failures: int = 0
    used: datetime | None = None


class Session(Struct, frozen=True):
    """A person signed in, without the session's secret.

    ``proved`` is when they last proved their presence (signing in is one), ``ends`` the absolute end.
    """

    id: str
    person: str
    way: Way
    begun: datetime
    seen: datetime
    proved: datetime
    ends: datetime


class Invited(Struct, frozen=True):
    """The body of ``invitation:made``; the subject is the invitation's id."""

    roles: tuple[Role, ...]
    by: str
    ends: datetime
    person: str = ""


class Withdrawn(Struct, frozen=True):
    """The body of ``invitation:withdrawn``."""

    by: str


class Removed(Struct, frozen=True):
    """The body of ``person:removed``; the subject is the person's id."""

    by: str


class Held(Struct, frozen=True):
    """The body of ``credential:added`` and ``credential:removed``; the subject is the person's id."""

    way: Way
    credential: str
    by: str


class Began(Struct, frozen=True):
    """The body of ``session:begun``; the subject is the session's id."""

    person: str
    way: Way


class Proved(Struct, frozen=True):
    """The body of ``session:proved``: for which act, with what, and the digest of exactly what was to be done.

    For a passkey ``digest`` is the challenge that the authenticator signed, in hexadecimal digits.
    """

    person: str
    act: str
    what: str
    way: Way
    digest: str


class Stopped(Struct, frozen=True):
    """The body of ``session:refused`` and ``session:unproved``; the subject is the session's id.

    Somebody signed in asked for what their roles do not grant, or their proof of presence was not one for this step.
    """

    person: str
    act: str
    what: str


class Over(Struct, frozen=True):
    """The body of ``session:ended``. ``why``: signed-out, everywhere, idle, absolute, removed, replaced."""

    person: str
    why: str


class Unopened(Struct, frozen=True):
    """The body of ``signin:refused``, without a name. ``more`` counts those that were left out of the record before it."""

    way: str
    why: str
    more: int = 0


class Viewed(Struct, frozen=True):
    """The body of ``view:personal``; the subject is who looked: at what, and whose."""

    what: str
    whose: tuple[str, ...]

"""Codes: an authenticator app as the second way in, and recovery codes that work once. Nothing goes by SMS.

- A code counts once: the time step of the last one taken is kept, and only a later step is taken.
- Guessing is hopeless: a few tries a quarter of an hour for one person from anywhere, and after 20 wrong ones in a row the
  app opens nothing until the person has signed in another way.
- For an e-mail address nobody has, a decoy is tried and counted in the same way, so neither answer nor time tells.
- Recovery codes have 80 random bits each and are kept by their keyed hash; ten at a time, and making new ones ends the old.

Standard: RFC 6238 (TOTP, SHA-1, 30 s, 6 digits: what every app can do).
"""

from __future__ import annotations

import base64
import hmac
import io
import secrets
from datetime import datetime
from typing import TYPE_CHECKING

import pyotp
from msgspec import Struct

from tocsin.calm import in_calm
from tocsin.errors import ForgedFormError, NotFreshError, ParameterError
from tocsin.journal import EXERCISE, Fact
from tocsin.remark import remark
from tocsin.warn.enrolment import CREDENTIAL_ADDED, Credential, Held, Way
from tocsin.web.console.identity import Identity, number

if TYPE_CHECKING:
    import segno
else:
    segno = in_calm("segno")

STEP_SECONDS = 30
DRIFT = 1
LOCK_AFTER = 20
RECOVERY_CODES = 10
SECONDS = 900


class App(Struct, frozen=True):
    """An authenticator app about to be taken up: its secret for typing, as a picture, and sealed for the form."""

    secret: str
    picture: str
    address: str
    token: str


class Codes:
    """Authenticator apps and recovery codes of one realm."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity

    # --- the app ---------------------------------------------------------------------------------------------------

    def offer(self, name: str, for_what: str) -> App:
        """A new secret, to be confirmed by a code from the app."""
        identity = self.identity
        text = pyotp.random_base32()
        mark = " EXERCISE" if identity.realm == EXERCISE else ""
        label = name or identity.origin.host
        address = pyotp.TOTP(text).provisioning_uri(
            name=label + mark, issuer_name=f"{identity.settings.sender_name}{mark}"
        )
        drawn = io.BytesIO()
        segno.make(address, error="m").save(
            drawn, kind="svg", xmldecl=False, svgns=True, border=4, dark="#16202e", light="#fff", omitsize=True
        )
        return App(text, drawn.getvalue().decode(), address, identity.sealed(f"totp {for_what}", text, SECONDS))

    def confirmed(self, token: str, code: str, person: str, for_what: str) -> tuple[Credential, bytes]:
        """The app's credential once it has shown a right code; :class:`ParameterError` when it has not."""
        try:
            text = self.identity.unsealed(f"totp {for_what}", token)
        except ForgedFormError:
            raise ParameterError(
                remark("totp.old", "app: the secret on the page is too old; use the new one")
            ) from None
        at = self.identity.now()
        secret = base64.b32decode(text)
        step = matching(secret, code, at, -1)
        if step is None:
            raise ParameterError(remark("totp.wrong", "code: it does not fit; is the time right on your phone?"))
        made = number()
        return Credential(made, person, Way.TOTP, at, secret, counter=step), made.encode()

    def sign_in(self, email: str, code: str, address: str) -> str:
        """The person with this e-mail address whose app shows ``code``; everything else is one refusal."""
        identity = self.identity
        identity.guess(email.strip().casefold())
        person = identity.book.by_email(email) or ""
        held = self._app(person) or identity.book.decoy(identity.now())
        if not self._opens(held, code) or not identity.roles(held.person):
            identity.refuse(Way.TOTP, "not known", address)
        identity.forgive(email.strip().casefold())
        return held.person

    def prove(self, person: str, code: str) -> None:
        """Check a code of a person who is signed in; :class:`NotFreshError` when it does not fit."""
        self.identity.guess(person)
        held = self._app(person)
        if held is None or not self._opens(held, code):
            raise NotFreshError
        self.identity.forgive(person)

    def has_app(self, person: str) -> bool:
        """Whether a person has an authenticator app here."""
        return self._app(person) is not None

    def _app(self, person: str) -> Credential | None:
        return next(iter(self.identity.book.credentials(person, Way.TOTP)), None) if person else None

    def _opens(self, held: Credential, code: str) -> bool:
        book, at = self.identity.book, self.identity.now()
        step = matching(held.data, code, at, held.counter)
        if step is not None and held.person and held.failures < LOCK_AFTER and book.use(held, step, at):
            return True
        book.fail(held)
        return False

    # --- recovery codes --------------------------------------------------------------------------------------------

    def new_recovery(self, person: str) -> tuple[str, ...]:
        """Ten new recovery codes, shown this once; the old ones end."""
        identity, at = self.identity, self.identity.now()
        codes = tuple(_grouped(base64.b32encode(secrets.token_bytes(10)).decode()) for _ in range(RECOVERY_CODES))
        held = [(Credential(number(), person, Way.RECOVERY, at, b""), _plain(code)) for code in codes]
        facts: list[Fact] = [
            identity.fact(CREDENTIAL_ADDED, person, Held(Way.RECOVERY, one.id, person)) for one, _ in held
        ]
        identity.book.add(held, facts, instead_of=Way.RECOVERY)
        return codes

    def recover(self, code: str, address: str) -> str:
        """The person with this recovery code, which is used up by it."""
        identity = self.identity
        held = identity.book.credential(Way.RECOVERY, _plain(code))
        if held is None or not identity.roles(held.person) or not identity.book.spend(held):
            identity.refuse(Way.RECOVERY, "not known", address)
        self.unlock(held.person)
        return held.person

    def unlock(self, person: str) -> None:
        """A person who has come in another way may use their app again."""
        app = self._app(person)
        if app is not None and app.failures:
            self.identity.book.use(app, app.counter, self.identity.now(), grows=False)


def matching(secret: bytes, code: str, at: datetime, last: int) -> int | None:
    """The time step that ``code`` is right for, if it is later than ``last``; half a minute off is allowed both ways."""
    given = "".join(code.split()).encode("utf-8", "replace")
    otp = pyotp.TOTP(base64.b32encode(secret).decode())
    now, found = int(at.timestamp()) // STEP_SECONDS, None
    for step in range(now - DRIFT, now + DRIFT + 1):
        # All are compared whichever fits, so that time tells nothing.
        if hmac.compare_digest(otp.generate_otp(step).encode(), given) and step > last:
            found = step
    return found


def _grouped(text: str) -> str:
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4))


def _plain(code: str) -> bytes:
    return "".join(character for character in code.upper() if character.isalnum()).encode()

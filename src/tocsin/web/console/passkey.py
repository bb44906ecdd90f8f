"""Passkeys: making them, signing in with them without a name, and proving presence for exactly one step.

- User verification (a finger, a face, a PIN) is demanded always and checked; passkeys are discoverable, so nobody types who
  they are and nothing tells who is known here.
- A proof of presence is an assertion whose challenge is SHA-256 over the realm, the session, the act, the address and every
  field of what is sent: what was verified is what is done, and nothing else (req. 53, 90). It counts once.
- A sign count that does not grow is a copied key and is refused; keys that do not count (synchronised ones) stay at zero.
- Attestation is not asked for: which make of key a person has is nobody's business here.

Standard: WebAuthn Level 2, sections 7.1 and 7.2.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from tocsin.calm import in_calm
from tocsin.errors import ForgedFormError, NotFreshError, ParameterError
from tocsin.journal import EXERCISE
from tocsin.remark import remark
from tocsin.warn.enrolment import Credential, Way
from tocsin.web.console.identity import Identity, number
from tocsin.web.console.session import Signed

if TYPE_CHECKING:
    import webauthn
    from webauthn import helpers
    from webauthn.helpers import structs
else:
    webauthn, helpers, structs = in_calm("webauthn"), in_calm("webauthn.helpers"), in_calm("webauthn.helpers.structs")

SECONDS = 300
PROOF_SECONDS = 120
MOST = 20
"""The most passkeys one person keeps."""


class Key(Struct, frozen=True):
    """What is kept of a passkey, sealed: its id, its public key, and what the person calls it."""

    id: bytes
    public: bytes
    label: str = ""
    backed_up: bool = False


class Made(Struct, frozen=True):
    """A new passkey on its way into the store, and the person it was made for."""

    person: str
    held: Credential
    key: bytes


class Passkeys:
    """The passkeys of one realm."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self.origin = identity.origin

    # --- making ----------------------------------------------------------------------------------------------------

    def make_options(self, person: str, name: str, for_what: str) -> dict[str, Any]:
        """What the browser needs to make a passkey for a person, and the token that goes with it."""
        identity, challenge = self.identity, os.urandom(32)
        mark = " EXERCISE" if identity.realm == EXERCISE else ""
        options = webauthn.generate_registration_options(
            rp_id=self.origin.host,
            rp_name=f"{identity.settings.sender_name}{mark}",
            user_id=person.encode(),
            user_name=f"{name}{mark}",
            user_display_name=f"{name}{mark}",
            challenge=challenge,
            timeout=SECONDS * 1000,
            authenticator_selection=structs.AuthenticatorSelectionCriteria(
                resident_key=structs.ResidentKeyRequirement.REQUIRED,
                user_verification=structs.UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=[structs.PublicKeyCredentialDescriptor(one.id) for one, _ in self._of(person)],
        )
        token = identity.sealed(f"passkey make {for_what}", [helpers.bytes_to_base64url(challenge), person], SECONDS)
        return {"token": token, "publicKey": helpers.options_to_json_dict(options)}

    def made(self, token: str, answer: Any, for_what: str, label: str = "") -> Made:
        """The passkey that the browser made; :class:`ParameterError` when it is not what was asked for."""
        identity = self.identity
        challenge, person = identity.unsealed(f"passkey make {for_what}", token, once=True)
        try:
            done = webauthn.verify_registration_response(
                credential=answer,
                expected_challenge=helpers.base64url_to_bytes(challenge),
                expected_rp_id=self.origin.host,
                expected_origin=self.origin.address,
                require_user_verification=True,
            )
        except (helpers.exceptions.WebAuthnException, ValueError, TypeError, KeyError) as wrong:
            raise ParameterError(remark("passkey.wrong", "passkey: {wrong}", wrong=str(wrong))) from None
        if len(self._of(person)) >= MOST:
            raise ParameterError(remark("passkey.most", "passkey: at most {most} for one person", most=MOST))
        kept = Key(done.credential_id, done.credential_public_key, label.strip()[:60], done.credential_backed_up)
        held = Credential(
            number(), person, Way.PASSKEY, identity.now(), msgspec.msgpack.encode(kept), counter=done.sign_count
        )
        return Made(person, held, done.credential_id)

    # --- signing in ------------------------------------------------------------------------------------------------

    def sign_in_options(self) -> dict[str, Any]:
        """What the browser needs to ask for any passkey of this origin."""
        challenge = os.urandom(32)
        token = self.identity.sealed("passkey sign-in", helpers.bytes_to_base64url(challenge), SECONDS)
        return {"token": token, "publicKey": self._options(challenge, SECONDS, ())}

    def sign_in(self, token: str, answer: Any, address: str) -> str:
        """The person whose passkey answered; :class:`tocsin.errors.SignInRefusedError` for everything else."""
        identity = self.identity
        challenge = helpers.base64url_to_bytes(identity.unsealed("passkey sign-in", token, once=True))
        held = self._answered(challenge, answer)
        if held is None or not identity.roles(held.person):
            identity.refuse(Way.PASSKEY, "not known", address)
        return held.person

    # --- proving presence for one step ----------------------------------------------------------------------------

    def proof_options(self, signed: Signed, act: str, path: str, fields: Iterable[tuple[str, str]]) -> dict[str, Any]:
        """What the browser needs to have this person confirm exactly this step."""
        nonce = helpers.bytes_to_base64url(os.urandom(16))
        challenge = self.step_digest(signed, act, path, fields, nonce)
        ids = tuple(key.id for key, _ in self._of(signed.person_id))
        if not ids:
            raise NotFreshError(remark("passkey.none", "there is no passkey here for you"))
        token = self.identity.sealed("passkey proof", nonce, PROOF_SECONDS)
        return {"token": token, "publicKey": self._options(challenge, PROOF_SECONDS, ids)}

    def prove(
        self, signed: Signed, act: str, path: str, fields: Iterable[tuple[str, str]], token: str, answer: Any
    ) -> str:
        """Check the proof for this step and return the digest that was signed; :class:`NotFreshError` if it is not."""
        try:
            nonce = self.identity.unsealed("passkey proof", token, once=True)
        except ForgedFormError:
            raise NotFreshError from None
        challenge = self.step_digest(signed, act, path, fields, nonce)
        held = self._answered(challenge, answer)
        if held is None or held.person != signed.person_id:
            raise NotFreshError
        return challenge.hex()

    def step_digest(self, signed: Signed, act: str, path: str, fields: Iterable[tuple[str, str]], nonce: str) -> bytes:
        """SHA-256 over everything that a step consists of: the challenge that is signed for it."""
        what = [self.identity.realm, signed.session_id, signed.person_id, act, path, sorted(fields), nonce]
        return hashlib.sha256(b"tocsin proof of presence 1\n" + msgspec.json.encode(what)).digest()

    # --- both ------------------------------------------------------------------------------------------------------

    def _options(self, challenge: bytes, seconds: int, allowed: tuple[bytes, ...]) -> dict[str, Any]:
        options = webauthn.generate_authentication_options(
            rp_id=self.origin.host,
            challenge=challenge,
            timeout=seconds * 1000,
            allow_credentials=[structs.PublicKeyCredentialDescriptor(one) for one in allowed],
            user_verification=structs.UserVerificationRequirement.REQUIRED,
        )
        return helpers.options_to_json_dict(options)

    def _answered(self, challenge: bytes, answer: Any) -> Credential | None:
        """The credential whose authenticator signed ``challenge``; None for whatever is wrong."""
        book = self.identity.book
        try:
            raw = helpers.base64url_to_bytes(str(answer["id"]))
            held = book.credential(Way.PASSKEY, raw)
            if held is None:
                return None
            kept = msgspec.msgpack.decode(held.data, type=Key)
            done = webauthn.verify_authentication_response(
                credential=answer,
                expected_challenge=challenge,
                expected_rp_id=self.origin.host,
                expected_origin=self.origin.address,
                credential_public_key=kept.public,
                credential_current_sign_count=held.counter,
                require_user_verification=True,
            )
            handle = answer["response"].get("userHandle")
            if handle and helpers.base64url_to_bytes(handle) != held.person.encode():
                return None
        except (helpers.exceptions.WebAuthnException, ValueError, TypeError, KeyError, AttributeError):
            return None
        # Two answers with the same count at once: the second one is a copy.
        grew = book.use(held, done.new_sign_count, self.identity.now(), grows=done.new_sign_count > 0)
        return held if grew else None

    def _of(self, person: str) -> list[tuple[Key, Credential]]:
        return [
            (msgspec.msgpack.decode(one.data, type=Key), one)
            for one in self.identity.book.credentials(person, Way.PASSKEY)
        ]

    def labels(self, person: str) -> dict[str, str]:
        """What a person calls their passkeys, by the credentials' ids."""
        return {held.id: key.label for key, held in self._of(person)}

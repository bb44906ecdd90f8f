"""OpenID Connect: signing in through the organisation's own directory, for persons who are enrolled here already.

- Authorization code with PKCE (S256), state and nonce; all three travel in one sealed cookie that ends after ten minutes and
  counts once. What the issuer says about itself is taken from its discovery document, which must name the issuer we asked.
- An ID token is believed when its signature is by a key the issuer publishes, with an algorithm that has a public key, and
  issuer, audience, authorised party, nonce and times are right. Nothing else in it decides anything: who may do what is
  decided here, and an unknown subject is refused like any stranger.
- A person is tied to issuer and subject, never to an e-mail address, which somebody else may have tomorrow.
- It is one more way in and never the only one: passkeys go on when the network beyond this house is gone.

Standard: OpenID Connect Core 1.0 section 3.1, RFC 7636 (PKCE), RFC 9207 (issuer in the answer).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus, urlencode, urlsplit

from msgspec import Struct

from tocsin.calm import in_calm
from tocsin.errors import SettingsError, SourceError
from tocsin.warn.enrolment import Credential, Personal, Way
from tocsin.web.console.identity import Identity, number
from tocsin.web.console.origin import is_loopback

if TYPE_CHECKING:
    import aiohttp
    from joserfc import errors, jwk, jwt
else:
    aiohttp = in_calm("aiohttp")
    errors, jwk, jwt = in_calm("joserfc.errors"), in_calm("joserfc.jwk"), in_calm("joserfc.jwt")

BACK = "/console/signin/oidc/back"
COOKIE = "oidc"
SECONDS = 600
LEEWAY_SECONDS = 60
KEPT_SECONDS = 3600.0
TIMEOUT_SECONDS = 10
MOST_BYTES = 1_000_000
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Only such as have a public key: with ``none`` or a shared secret a token could be made by others."""


class Subject(Struct, frozen=True):
    """Who the issuer says it is, and the invitation (its secret) with which the person set out, if any."""

    issuer: str
    subject: str
    name: str
    email: str
    invitation: str = ""
    next: str = ""

    @property
    def key(self) -> bytes:
        """What the person's credential is found by."""
        return f"{self.issuer}\x1f{self.subject}".encode()

    def credential(self, person: str, identity: Identity) -> Credential:
        """The credential that ties this subject to a person."""
        return Credential(number(), person, Way.OIDC, identity.now(), self.key)

    def personal(self) -> Personal:
        """What the issuer told about the person, as far as it is of use."""
        return Personal(self.name[:200], self.email[:254])


class OpenId:
    """The one issuer that an installation knows."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        settings = identity.settings
        self.issuer, self.client = settings.oidc_issuer, settings.oidc_client_id
        if not self.client:
            raise SettingsError("oidc_client_id is missing")
        self._secure(self.issuer)
        self.secret = ""
        if settings.oidc_client_secret_file:
            file = (identity.data or Path()) / settings.oidc_client_secret_file
            try:
                self.secret = file.read_text("utf-8").strip()
            except OSError as wrong:
                raise SettingsError(f"oidc_client_secret_file: {file}: {wrong.strerror}") from None
        self.back = identity.origin.address + BACK
        self._about: Mapping[str, Any] = {}
        self._keys: jwk.KeySet | None = None
        self._asked = -KEPT_SECONDS
        self._turn = asyncio.Lock()

    # --- setting out -----------------------------------------------------------------------------------------------

    async def set_out(self, invitation: str = "", next_path: str = "") -> tuple[str, str]:
        """Where to send the browser, and the cookie it takes along."""
        about = await self._discovered()
        state, nonce, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self.client,
            "redirect_uri": self.back,
            "scope": "openid profile email",
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        kept = self.identity.sealed("oidc", [state, nonce, verifier, invitation, next_path], SECONDS)
        address = str(about["authorization_endpoint"])
        return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(asked)}", kept

    # --- coming back -----------------------------------------------------------------------------------------------

    async def come_back(self, query: Mapping[str, str], cookie: str, address: str) -> Subject:
        """Who came back; everything that is not exactly right is one refusal."""
        identity = self.identity
        state, nonce, verifier, invitation, next_path = identity.unsealed("oidc", cookie, once=True)
        about = await self._discovered()
        if not hmac.compare_digest(query.get("state", "").encode(), state.encode()):
            identity.refuse(Way.OIDC, "state", address)
        named = query.get("iss")
        if (named is not None or about.get("authorization_response_iss_parameter_supported")) and named != self.issuer:
            identity.refuse(Way.OIDC, "issuer", address)
        code = query.get("code")
        if not code:
            identity.refuse(Way.OIDC, "no code", address)
        told = await self._exchange(code, verifier, about)
        claims = await self._claims(str(told.get("id_token", "")), nonce)
        if claims is None:
            identity.refuse(Way.OIDC, "token", address)
        verified = claims.get("email_verified", True) is not False
        return Subject(
            self.issuer,
            str(claims["sub"]),
            str(claims.get("name") or claims.get("preferred_username") or claims.get("email") or ""),
            str(claims.get("email") or "") if verified else "",
            invitation,
            next_path,
        )

    async def _exchange(self, code: str, verifier: str, about: Mapping[str, Any]) -> Mapping[str, Any]:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self.back, "code_verifier": verifier}
        headers = {}
        methods = about.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        if self.secret and "client_secret_basic" in methods:
            both = f"{quote_plus(self.client)}:{quote_plus(self.secret)}"
            headers["Authorization"] = f"Basic {base64.b64encode(both.encode()).decode()}"
        else:
            form["client_id"] = self.client
            if self.secret:
                form["client_secret"] = self.secret
        return await self._ask(str(about["token_endpoint"]), form, headers)

    async def _claims(self, token: str, nonce: str) -> Mapping[str, Any] | None:
        """The claims of an ID token, or None when it is not to be believed."""
        now = int(self.identity.now().timestamp())
        rules = jwt.JWTClaimsRegistry(
            now=now,
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self.client},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        for again in (False, True):
            keys = await self._published(again)
            try:
                claims: dict[str, Any] = jwt.decode(token, keys, algorithms=list(ALGORITHMS)).claims
                rules.validate(claims)
            except (errors.JoseError, ValueError, TypeError, KeyError):
                # Once more with the keys as they are now: an issuer changes them without notice.
                continue
            audience = claims["aud"]
            party = claims.get("azp")
            if party not in (None, self.client) or (isinstance(audience, list) and len(audience) > 1 and party is None):
                return None
            return claims if str(claims["sub"]) else None
        return None

    # --- what the issuer says about itself ------------------------------------------------------------------------

    async def _discovered(self) -> Mapping[str, Any]:
        async with self._turn:
            now = self.identity.steady()
            if not self._about or now - self._asked > KEPT_SECONDS:
                about = await self._ask(self.issuer.rstrip("/") + "/.well-known/openid-configuration")
                if about.get("issuer") != self.issuer:
                    raise SettingsError(f"oidc_issuer: {self.issuer} calls itself {about.get('issuer')!r}")
                for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                    self._secure(str(about.get(name, "")))
                self._about, self._keys, self._asked = about, None, now
            return self._about

    async def _published(self, again: bool) -> jwk.KeySet:
        about = await self._discovered()
        async with self._turn:
            if self._keys is None or again:
                told = await self._ask(str(about["jwks_uri"]))
                try:
                    self._keys = jwk.KeySet.import_key_set({"keys": list(told["keys"])})
                except (errors.JoseError, ValueError, TypeError, KeyError) as wrong:
                    raise SourceError(f"the keys of {self.issuer} cannot be read: {wrong}") from None
            return self._keys

    async def _ask(
        self, address: str, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Mapping[str, Any]:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as client,
                client.request(
                    "POST" if form is not None else "GET",
                    address,
                    data=form,
                    headers={"Accept": "application/json", **(headers or {})},
                    allow_redirects=False,
                ) as answer,
            ):
                content = await answer.content.read(MOST_BYTES)
                status = answer.status
        except (aiohttp.ClientError, TimeoutError) as wrong:
            raise SourceError(f"{self.issuer} does not answer: {wrong}") from None
        try:
            told = json.loads(content)
        except ValueError:
            told = None
        if status != 200 or not isinstance(told, dict):
            if form is not None and 400 <= status < 500:
                return {}  # the code was not good: that is a refusal and no fault of the issuer
            raise SourceError(f"{self.issuer} answers {status}")
        return told

    @staticmethod
    def _secure(address: str) -> None:
        parts = urlsplit(address)
        if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
            raise SettingsError(f"oidc_issuer: {address!r} is not https")

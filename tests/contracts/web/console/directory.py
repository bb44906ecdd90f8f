"""A small OpenID Connect issuer, real and on loopback, that can be told to do any one thing wrong."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import socket
import threading
import time
from typing import Any
from urllib.parse import parse_qsl, urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT, SECRET = "tocsin", "s3cret+/& ü"


class Directory:
    """The issuer. ``now`` is its clock; ``wrong`` names what it does wrong; ``who`` is signed in there."""

    def __init__(self, now: Any) -> None:
        self.now, self.wrong = now, ""
        self.who = {"sub": "248289761001", "name": "Jane Doe", "email": "jane@example.org"}
        self.key = ECKey.generate_key("P-256", {"kid": "one", "use": "sig"})
        self.other = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
        self.codes: dict[str, dict[str, str]] = {}
        self.asked: list[str] = []
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.issuer = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        routes = [
            Route("/.well-known/openid-configuration", self.about),
            Route("/authorize", self.authorize),
            Route("/token", self.token, methods=["POST"]),
            Route("/keys", self.keys),
        ]
        config = uvicorn.Config(Starlette(routes=routes), log_level="critical", lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._server.serve([self.socket])), daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.005)

    def stop(self) -> None:
        """Close."""
        self._server.should_exit = True
        self._thread.join(10)
        self.socket.close()

    async def about(self, request: Request) -> Response:
        """The discovery document."""
        self.asked.append("about")
        return JSONResponse(
            {
                "issuer": "https://evil.example" if self.wrong == "discovery" else self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                "authorization_response_iss_parameter_supported": True,
                "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            }
        )

    async def authorize(self, request: Request) -> Response:
        """Whoever comes is ``who``, and is sent back with a code."""
        asked = dict(request.query_params)
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        told = {
            "code": code,
            "state": "x" if self.wrong == "state" else asked["state"],
            "iss": "https://evil.example" if self.wrong == "answer issuer" else self.issuer,
        }
        if self.wrong == "no answer issuer":
            del told["iss"]
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(told)}", 302)

    async def token(self, request: Request) -> Response:
        """Exchange a code, if client, redirect and PKCE verifier are right."""
        form = dict(parse_qsl((await request.body()).decode()))
        name, _, password = base64.b64decode(request.headers["authorization"].split()[1]).decode().partition(":")
        given = dict(parse_qsl(f"name={name}&password={password}"))
        asked = self.codes.pop(form["code"], None)
        proof = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
        if (
            asked is None
            or given != {"name": CLIENT, "password": SECRET}
            or form["redirect_uri"] != asked["redirect_uri"]
            or proof != asked["code_challenge"]
            or form["grant_type"] != "authorization_code"
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        return JSONResponse({"access_token": "x", "token_type": "Bearer", "id_token": self.sign(asked["nonce"])})

    def sign(self, nonce: str) -> str:
        """The ID token, right or wrong."""
        now = int(self.now().timestamp())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": CLIENT,
            "exp": now + 300,
            "iat": now,
            "nonce": nonce,
            **self.who,
        }
        changes: dict[str, dict[str, Any]] = {
            "issuer": {"iss": "https://evil.example"},
            "audience": {"aud": "another"},
            "audiences": {"aud": [CLIENT, "another"]},
            "party": {"aud": [CLIENT, "another"], "azp": "another"},
            "expired": {"exp": now - 61, "iat": now - 400},
            "nonce": {"nonce": "x"},
            "no nonce": {"nonce": None},
            "no subject": {"sub": ""},
        }
        claims.update(changes.get(self.wrong, {}))
        claims = {key: value for key, value in claims.items() if value is not None}
        if self.wrong == "none":
            parts = [json.dumps({"alg": "none"}), json.dumps(claims)]
            return ".".join(base64.urlsafe_b64encode(part.encode()).rstrip(b"=").decode() for part in parts) + "."
        if self.wrong == "shared secret":
            # By hand: a library that is any good refuses to use a public key as a shared secret.
            parts = [json.dumps({"alg": "HS256", "kid": "one"}), json.dumps(claims)]
            clear = ".".join(base64.urlsafe_b64encode(part.encode()).rstrip(b"=").decode() for part in parts)
            made = hmac.digest(self.key.as_pem(private=False), clear.encode(), "sha256")
            return f"{clear}.{base64.urlsafe_b64encode(made).rstrip(b'=').decode()}"
        if self.wrong == "other key":
            return jwt.encode({"alg": "ES256", "kid": "one"}, claims, ECKey.generate_key("P-256"))
        if self.wrong == "embedded key":
            forged = ECKey.generate_key("P-256")
            return jwt.encode({"alg": "ES256", "jwk": forged.as_dict(private=False)}, claims, forged)
        if self.wrong == "garbage":
            return "x.y.z"
        if self.wrong == "new key":
            return jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.other)
        return jwt.encode({"alg": "ES256", "kid": "one"}, claims, self.key)

    async def keys(self, request: Request) -> Response:
        """The keys that it signs with now."""
        self.asked.append("keys")
        key = self.other if self.wrong == "new key" else self.key
        return JSONResponse({"keys": [key.as_dict(private=False)]})

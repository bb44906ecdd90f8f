"""An authenticator in software: it makes passkeys and answers with them as a security key would, or as a bad one would."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, encode_cbor

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


@dataclass
class Kept:
    """One passkey in the authenticator."""

    id: bytes
    handle: bytes
    rp: str
    key: ec.EllipticCurvePrivateKey


@dataclass
class Authenticator:
    """Keeps passkeys and signs with them. ``verifies``: a finger was shown; ``counts``: its count grows."""

    origin: str
    verifies: bool = True
    counts: bool = True
    count: int = 0
    keys: list[Kept] = field(default_factory=list)

    def make(self, options: dict[str, Any], **forged: Any) -> dict[str, Any]:
        """What ``navigator.credentials.create`` would give."""
        asked = options["publicKey"]
        key = ec.generate_private_key(ec.SECP256R1())
        kept = Kept(os.urandom(32), base64url_to_bytes(asked["user"]["id"]), forged.get("rp", asked["rp"]["id"]), key)
        self.keys.append(kept)
        numbers = key.public_key().public_numbers()
        cose = encode_cbor({1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")})
        about = bytes(16) + struct.pack(">H", len(kept.id)) + kept.id + cose
        data = self._data(kept.rp, ATTESTED) + about
        client = self._client("webauthn.create", asked["challenge"], forged)
        return {
            "id": bytes_to_base64url(kept.id),
            "rawId": bytes_to_base64url(kept.id),
            "type": "public-key",
            "response": {
                "clientDataJSON": bytes_to_base64url(client),
                "attestationObject": bytes_to_base64url(encode_cbor({"fmt": "none", "attStmt": {}, "authData": data})),
            },
        }

    def answer(self, options: dict[str, Any], **forged: Any) -> dict[str, Any]:
        """What ``navigator.credentials.get`` would give."""
        asked = options["publicKey"]
        allowed = {one["id"] for one in asked.get("allowCredentials", ())}
        fit = [one for one in self.keys if one.rp == asked["rpId"]]
        kept = next(one for one in fit if not allowed or bytes_to_base64url(one.id) in allowed)
        self.count += self.counts
        data = self._data(forged.get("rp", kept.rp), 0)
        client = self._client("webauthn.get", asked["challenge"], forged)
        signature = kept.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        return {
            "id": bytes_to_base64url(kept.id),
            "rawId": bytes_to_base64url(kept.id),
            "type": "public-key",
            "response": {
                "clientDataJSON": bytes_to_base64url(client),
                "authenticatorData": bytes_to_base64url(data),
                "signature": bytes_to_base64url(signature),
                "userHandle": bytes_to_base64url(kept.handle),
            },
        }

    def _data(self, rp: str, flags: int) -> bytes:
        flags |= PRESENT | (VERIFIED if self.verifies else 0)
        return hashlib.sha256(rp.encode()).digest() + bytes([flags]) + struct.pack(">I", self.count)

    def _client(self, kind: str, challenge: str, forged: dict[str, Any]) -> bytes:
        told = {
            "type": kind,
            "challenge": forged.get("challenge", challenge),
            "origin": forged.get("origin", self.origin),
            "crossOrigin": False,
        }
        return json.dumps(told).encode()

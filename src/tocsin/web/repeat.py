"""Repeats: a POST with an Idempotency-Key is done once, and each repeat gets the answer of the first.

- The same key with the same request gives the same answer, also after a restart; with another request it is refused.
- Keys are apart by token (without one, by address): nobody gets an answer that was meant for somebody else.
- An answer can hold a secret (that of a new subscription), so it is kept encrypted under the key the client chose, and
  of the key only a hash is kept: whoever reads the store cannot read the answer.
- Two requests with one key at the same time wait for each other.
- Only what was done is kept. A refusal is not: the client mends its request and tries again under a new key or the same.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from tocsin.errors import ParameterError, RepeatedKeyError

if TYPE_CHECKING:
    from tocsin.web.house import Answers

HEADER = "idempotency-key"
LONGEST = 255


class Kept(Struct, frozen=True):
    """An answer as it is kept."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Repeats:
    """The kept answers, and the requests that are under way."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._busy: dict[str, tuple[asyncio.Lock, int]] = {}

    async def once(
        self, request: Request, owner: str, content: bytes, at: datetime, work: Callable[[], Awaitable[Response]]
    ) -> Response:
        """The answer of ``work``, or the one kept for this key; without a key ``work`` is simply done."""
        key = request.headers.get(HEADER)
        if key is None:
            return await work()
        if not 1 <= len(key) <= LONGEST or not key.isascii() or not key.isprintable():
            raise ParameterError(f"Idempotency-Key: 1 to {LONGEST} printable ASCII characters")
        name, secret = _derive(owner, request.url.path, key)
        mark = digest(request.method.encode(), request.headers.get("content-type", "").encode(), content)
        lock, waiting = self._busy.get(name, (asyncio.Lock(), 0))
        self._busy[name] = lock, waiting + 1
        try:
            async with lock:
                known = await asyncio.to_thread(self._answers.get, name, at)
                if known is not None:
                    return _open(known, mark, secret)
                response = await work()
                if response.status_code >= 300:
                    return response
                kept = Kept(response.status_code, _headers(response), bytes(response.body))
                nonce = os.urandom(12)
                sealed = nonce + AESGCM(secret).encrypt(nonce, msgspec.msgpack.encode(kept), mark)
                return _open(await asyncio.to_thread(self._answers.keep, name, mark, sealed, at), mark, secret)
        finally:
            _, waiting = self._busy.pop(name)
            if waiting > 1:
                self._busy[name] = lock, waiting - 1


def digest(*parts: bytes) -> bytes:
    """The SHA-256 of the parts of a request, each with its length, so that no two requests have the same one."""
    made = hashlib.sha256()
    for part in parts:
        made.update(len(part).to_bytes(8, "big"))
        made.update(part)
    return made.digest()


def _derive(owner: str, path: str, key: str) -> tuple[str, bytes]:
    """The name under which an answer is kept, and the key under which it is sealed; neither tells the other."""
    parts = (owner.encode(), path.encode(), key.encode())
    return digest(b"name", *parts).hex(), digest(b"seal", *parts)


def _open(known: tuple[bytes, bytes], mark: bytes, secret: bytes) -> Response:
    before, sealed = known
    if before != mark:
        raise RepeatedKeyError
    kept = msgspec.msgpack.decode(AESGCM(secret).decrypt(sealed[:12], sealed[12:], mark), type=Kept)
    response = Response(kept.body, kept.status)
    for header, value in kept.headers:
        response.headers[header] = value
    return response


def _headers(response: Response) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in response.headers.items() if name != "content-length")

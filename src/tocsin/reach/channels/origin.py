"""An origin: one push service as we know it: its queue, its pace, its window and its circuit breaker.

- The window opens as answers come and halves when they say that it is too much; so one that is slow, down or flooded
  with requests costs only its own.
- After some failures in a row, or a storm of 429 and 503, it rests, twice as long each time or as long as it asks; then
  one request goes ahead and finds out.

RFC 8030 section 8.4 (429 and Retry-After).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

import pycurl
from msgspec import Struct

HELD = 0
"""The status of what has none."""
FORBIDDEN = "address.not-public"
REFUSED = frozenset({FORBIDDEN, "address.malformed", "address.scheme"})
"""Reasons for which nothing will ever be sent to an address."""


class Manners(Struct, frozen=True):
    """How origins are treated.

    ``per_second`` requests at most; ``window`` under way at first, up to ``most_window`` as answers come, over at most
    ``connections``. An answer that takes ``slow_s`` holds the queue behind it; after ``total_s`` it counts as failed.
    After ``failures`` in a row, or ``storm`` times 429 or 503, an origin rests for ``rest_s``, twice as long each time
    up to ``most_rest_s``, or as long as it asks. ``answer_bytes`` of an answer are taken.
    """

    per_second: float = 10_000.0
    window: int = 16
    most_window: int = 256
    connections: int = 8
    total_s: float = 10.0
    slow_s: float = 1.0
    failures: int = 5
    storm: int = 5
    rest_s: float = 5.0
    most_rest_s: float = 300.0
    answer_bytes: int = 4096


class Parcel(Struct, frozen=True):
    """One POST: ``origin`` of the ``url``, its ``headers`` (one list for all that share them) and its ``body``."""

    origin: str
    url: str
    headers: list[str]
    body: bytes


class Answer(Struct, frozen=True):
    """What came back: an HTTP ``status``, or :data:`HELD` with the reason and whether it had left.

    ``after_s`` is what the other side asked for, or when to come again with what was held.
    """

    status: int
    after_s: float | None = None
    reason: str = ""
    tried: bool = True


CREATED = Answer(201)


class Job:
    """Parcels that were handed over together, and their answers."""

    __slots__ = ("answers", "cancelled", "done", "left", "loop", "parcels")

    def __init__(self, parcels: Sequence[Parcel], loop: asyncio.AbstractEventLoop) -> None:
        self.parcels, self.loop, self.left, self.cancelled = parcels, loop, len(parcels), False
        self.answers: list[Answer] = [CREATED] * len(parcels)
        self.done: asyncio.Future[list[Answer]] = loop.create_future()

    def finish(self) -> None:
        if not self.done.done():
            self.done.set_result(self.answers)


class Origin:
    """What is known about one push service."""

    __slots__ = (
        "asking", "closed_until", "failures", "heard", "inside", "manners", "name", "queue", "rests", "storms", "tokens",
        "topped", "window",
    )  # fmt: skip

    def __init__(self, name: str, manners: Manners, now: float) -> None:
        self.name, self.manners, self.window = name, manners, manners.window
        self.queue: deque[tuple[Job, int]] = deque()
        self.inside = self.failures = self.storms = self.rests = 0
        self.closed_until = 0.0
        self.asking = False
        self.heard = self.topped = now
        self.tokens = 1.0

    def top_up(self, now: float) -> None:
        """Let it have the requests that its pace allows by now."""
        per_second = self.manners.per_second
        self.tokens = min(per_second * 0.1 + 1, self.tokens + (now - self.topped) * per_second)
        self.topped = now

    def learn(self, status: int, asked: float | None, reason: str, now: float) -> Answer:
        """The answer to one request, and what it says about the origin as a whole."""
        if reason and not status:
            if reason not in REFUSED:
                self._failed(now, None)
            return Answer(HELD, None, reason, tried=reason not in UNSENT)
        self.asking = False
        if status in (429, 503):
            self.storms += 1
            self.window = max(4, self.window // 2)
            if self.storms >= self.manners.storm or self.closed_until:
                self._rest(now, asked)
        elif status >= 500:
            self._failed(now, asked)
        else:
            self.failures = self.storms = self.rests = 0
            self.closed_until = 0.0
        return CREATED if status == 201 else Answer(status, asked)

    def _failed(self, now: float, asked: float | None) -> None:
        self.failures += 1
        self.asking = False
        self.window = max(4, self.window // 2)
        if self.failures >= self.manners.failures or self.closed_until:
            self._rest(now, asked)

    def _rest(self, now: float, asked: float | None) -> None:
        if now < self.closed_until:
            return  # these had left before it was closed
        rest = min(self.manners.most_rest_s, self.manners.rest_s * 2.0**self.rests)
        self.rests = min(self.rests + 1, 30)
        self.closed_until = now + max(rest, min(asked or 0.0, self.manners.most_rest_s))
        self.storms = self.failures = 0


REASONS = {
    pycurl.E_COULDNT_RESOLVE_HOST: "name",
    pycurl.E_COULDNT_CONNECT: "connect",
    pycurl.E_OPERATION_TIMEDOUT: "timeout",
    pycurl.E_PEER_FAILED_VERIFICATION: "certificate",
    pycurl.E_SSL_CONNECT_ERROR: "tls",
    pycurl.E_SSL_CACERT_BADFILE: "certificate",
    pycurl.E_WRITE_ERROR: "answer too long",
    pycurl.E_URL_MALFORMAT: "address.malformed",
    pycurl.E_UNSUPPORTED_PROTOCOL: "address.scheme",
}
UNSENT = frozenset({"name", "connect", "certificate", "tls", *REFUSED})
"""With these no byte of the message has left."""

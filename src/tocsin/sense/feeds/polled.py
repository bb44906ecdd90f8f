"""A source on HTTP that is asked again and again: what every kind of feed that polls has in common.

- One poll has its time: what the operator set, or 80 % of the interval within the bounds of the kind.
- What an address answered last is remembered by its validators, so that an unchanged answer costs nothing (RFC 9110).
- The headers of a source, which may hold a key, go to its own host and to no other that it links to.
"""

from __future__ import annotations

from typing import ClassVar, Generic, Protocol, TypeVar

from tocsin.clock import Clock
from tocsin.sense.feeds import State, Wire, poll
from tocsin.sense.feeds.fetch import Answer, Fetcher
from tocsin.sense.intake import Intake
from tocsin.sense.source import Source


class Bounds(Protocol):
    """What the options of every such feed have: the most bytes of one answer, and seconds for one poll (0: by itself)."""

    @property
    def max_bytes(self) -> int: ...

    @property
    def total_s(self) -> float: ...


class Validators:
    """By what an address knows its last answer again."""

    __slots__ = ("etag", "modified")

    def __init__(self) -> None:
        self.etag = self.modified = ""

    def keep(self, answer: Answer) -> None:
        """Remember an answer; a 304 that names no validator leaves those there are."""
        if not answer.unchanged or answer.etag or answer.modified:
            self.etag, self.modified = answer.etag, answer.modified


Chosen = TypeVar("Chosen", bound=Bounds)


class Polled(Generic[Chosen]):
    """One source on HTTP, asked every interval until its feed is cancelled."""

    SHORTEST_S: ClassVar[float] = 5.0
    LONGEST_S: ClassVar[float] = 60.0

    def __init__(self, wire: Wire, clock: Clock, chosen: Chosen, fetcher: Fetcher | None = None) -> None:
        self.wire, self.clock, self.options = wire, clock, chosen
        self.state = State()
        self.source: Source = wire.source()
        self.fetcher = fetcher or Fetcher([wire.url])
        self.total_s = chosen.total_s or min(self.LONGEST_S, max(self.SHORTEST_S, wire.interval_s * 0.8))

    async def run(self, intake: Intake) -> None:
        """Poll until cancelled."""
        try:
            await poll(self.wire, self.clock, self.state, lambda: self.once(intake), intake)
        finally:
            await self.fetcher.close()

    async def once(self, intake: Intake) -> None:
        """One poll. Raises :class:`SourceError` if the source's own address gives no answer in a known shape."""
        raise NotImplementedError

    async def get(self, address: str, known: Validators, total_s: float) -> Answer:
        """Ask an address within ``total_s`` seconds; raises :class:`SourceError`."""
        own = address.split("/")[:3] == self.wire.url.split("/")[:3]
        return await self.fetcher.get(
            address,
            etag=known.etag,
            modified=known.modified,
            headers=self.wire.headers if own else {},
            total_s=total_s,
            max_bytes=self.options.max_bytes,
        )

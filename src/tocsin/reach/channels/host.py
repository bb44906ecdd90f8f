"""Hosts: what is known about each system that webhooks go to, and whose turn it is.

- Each host has a breaker and a pace of its own: so many sends at once; after failures in a row, or a storm of requests
  to come later, it rests, twice as long each time or as long as it asked, and then one goes ahead and finds out.
- Hosts that nobody has heard yet, and those that did not answer last time, share a number of places that leaves the
  other lanes to those that answer: ten thousand dead hosts cost the living no time. Who gets no place soon is handed
  back untried, and comes again spread over the time in which the places should be free.
- What is known is bounded: beyond the most, the host longest unused is forgotten.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from itertools import count, islice

from msgspec import Struct

from tocsin.clock import Clock
from tocsin.reach.channel import Outcome, later

SHOWN = 20
"""Hosts that rest which are named one by one."""


class Manners(Struct, frozen=True):
    """How hosts are treated.

    ``total_s`` for one POST, ``connect_s`` of it until there is a connection; ``per_host`` under way at once and
    ``waiting`` for their turn. After ``failures`` in a row, or ``storm`` requests in a row to come later, a host rests
    for ``rest_s``, twice as long each time up to ``most_rest_s``, or as long as it asked. ``answer_bytes`` of an answer
    are read. ``new`` sends may be under way to hosts that nobody has heard yet, ``failing`` to those that did not answer
    last time; ``hosts`` are remembered.
    """

    total_s: float = 10.0
    connect_s: float = 3.0
    per_host: int = 16
    waiting: int = 48
    failures: int = 5
    storm: int = 5
    rest_s: float = 15.0
    most_rest_s: float = 600.0
    answer_bytes: int = 4096
    new: int = 384
    failing: int = 128
    hosts: int = 20_000


class Host:
    """What is known about one host. ``answered``: it was there last time; ``asking``: one send is finding out."""

    __slots__ = ("answered", "asking", "closed_until", "failures", "gate", "inside", "rests", "storms")

    def __init__(self) -> None:
        self.inside = self.failures = self.storms = self.rests = 0
        self.answered = False
        self.closed_until: datetime | None = None
        self.asking: asyncio.Event | None = None
        self.gate: asyncio.Semaphore | None = None


class Places:
    """Places for sends that may come to nothing: a number at once, a short queue, and appointments for the rest."""

    QUICK_S = 0.5
    """A turn comes soon while half of the sends under way are not older than this."""
    MOST_S = 60.0

    def __init__(self, number: int) -> None:
        self.number = number
        self._since: dict[int, float] = {}
        self._tickets = count()
        self._gate = asyncio.Semaphore(number)
        self._waiting = 0
        self._mean_s = 0.05
        self._next = 0.0

    async def take(self) -> int | None:
        """A ticket for a place, or None where none will be free soon."""
        if self._gate.locked():
            if self._waiting >= self.number // 4 or self._stuck():
                return None
            self._waiting += 1
            try:
                async with asyncio.timeout(self.QUICK_S):
                    await self._gate.acquire()
            except TimeoutError:
                return None
            finally:
                self._waiting -= 1
        else:
            await self._gate.acquire()
        ticket = next(self._tickets)
        self._since[ticket] = self._now()
        return ticket

    def leave(self, ticket: int) -> None:
        """A send has ended."""
        lasted = self._now() - self._since.pop(ticket)
        self._mean_s += (lasted - self._mean_s) / 16
        self._gate.release()

    def appointment(self) -> float:
        """In how many seconds the next one who was handed back should come: so many as are free, one after another."""
        now = self._now()
        self._next = min(max(now, self._next) + self._mean_s / self.number, now + self.MOST_S)
        return max(1.0, self._next - now)

    def _stuck(self) -> bool:
        middle = next(islice(self._since.values(), len(self._since) // 2, None), None)
        return middle is not None and self._now() - middle > self.QUICK_S

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


class Hosts:
    """Every host that something is known about."""

    def __init__(self, clock: Clock, manners: Manners) -> None:
        self.clock, self.manners = clock, manners
        self._known: OrderedDict[str, Host] = OrderedDict()
        self._new, self._failing = Places(manners.new), Places(manners.failing)

    def __len__(self) -> int:
        return len(self._known)

    def resting(self) -> dict[str, str]:
        """The hosts that are left alone now, with why; beyond some, how many there are."""
        now = self.clock.now()
        found = [(name, one) for name, one in self._known.items() if one.closed_until and one.closed_until > now]
        said = {
            name: f"circuit open, {one.rests} in a row" if one.rests else "it asked us to come later"
            for name, one in sorted(found, key=lambda each: -each[1].rests)[:SHOWN]
        }
        if len(found) > SHOWN:
            said[f"+ {len(found) - SHOWN:,}"] = "circuit open"
        return said

    @asynccontextmanager
    async def turn(self, name: str) -> AsyncIterator[Host | Outcome]:
        """The turn of one send to a host: the host, to learn from what comes of it; or why it is not asked now."""
        host = self._known.get(name)
        if host is None:
            host = self._known[name] = Host()
            if len(self._known) > self.manners.hosts:
                self._forget()
        else:
            self._known.move_to_end(name)
        if (held := self._busy(host) or self._rests(host)) is not None:
            yield held
            return
        host.gate = gate = host.gate or asyncio.Semaphore(self.manners.per_host)
        host.inside += 1
        places, ticket, asking = self._places(host), None, None
        try:
            # Who waits for this host holds the place meanwhile: no more lanes than there are places wait for the doubtful.
            if places is not None and (ticket := await places.take()) is None:
                yield later(places.appointment(), "hosts in turn", tried=False)
                return
            async with gate:
                # While this one waited for its turn, the host may have failed.
                while (held := self._rests(host)) is None and host.closed_until is not None and host.asking is not None:
                    # It is there and only asked for a pause: what the one that goes ahead finds out is waited for.
                    await host.asking.wait()
                if held is None and host.closed_until is not None:
                    host.asking = asking = asyncio.Event()
                yield held if held is not None else host
        finally:
            if asking is not None:
                asking.set()
                host.asking = None
            if places is not None and ticket is not None:
                places.leave(ticket)
            host.inside -= 1
            if not host.inside:
                host.gate = None
                if not (host.failures or host.answered or host.closed_until) and self._known.get(name) is host:
                    del self._known[name]

    def learn(self, host: Host, outcome: Outcome) -> None:
        """What an answer, or none, says about the host as a whole."""
        if not outcome.tried:
            return  # nothing has left us
        manners, now = self.manners, self.clock.now()
        if outcome.kind != "later":
            host.failures, host.storms, host.rests, host.closed_until, host.answered = 0, 0, 0, None, True
        elif outcome.after_s is not None:
            # One system behind a host may be asked too much; a storm of them speaks for the host.
            host.failures, host.rests, host.answered = 0, 0, True
            host.storms += 1
            if host.storms >= manners.storm or host.closed_until is not None:
                asked = now + timedelta(seconds=min(outcome.after_s, manners.most_rest_s))
                host.closed_until = max(asked, host.closed_until or asked)
        else:
            host.failures += 1
            host.answered = False
            if host.failures >= manners.failures or host.closed_until is not None:
                rest = min(manners.most_rest_s, manners.rest_s * 2.0**host.rests)
                host.rests = min(host.rests + 1, 30)
                host.closed_until = now + timedelta(seconds=rest)

    def _places(self, host: Host) -> Places | None:
        """The places that a send to this host needs one of; None for a host that answers."""
        return self._failing if host.failures else None if host.answered else self._new

    def _busy(self, host: Host) -> Outcome | None:
        # Who waits here holds a lane, so only hosts that answer have others wait for them.
        room = self.manners.per_host + (self.manners.waiting if not host.failures else 0)
        return later(0.2, "host busy", tried=False) if host.inside >= room else None

    def _rests(self, host: Host) -> Outcome | None:
        now = self.clock.now()
        if host.closed_until is None or (now >= host.closed_until and (host.asking is None or not host.rests)):
            return None
        return later(max(1.0, (host.closed_until - now).total_seconds()), "host rests", tried=False)

    def _forget(self) -> None:
        """Forget the host longest unused; those with something under way are few."""
        for name, host in self._known.items():
            if not host.inside:
                del self._known[name]
                return

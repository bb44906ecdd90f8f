"""A listener: one connection of the stream, live in a group or catching up, and cut off when it does not read.

- It costs one small object; what it is told was rendered before, in the form that it takes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import ClassVar, Protocol

from tocsin.reach.channels.event import Forms


class Keeper(Protocol):
    """Who answers for a stream: a replay that waits for it, or the group it is live in."""

    def paused(self, stream: Stream) -> None: ...

    def resumed(self, stream: Stream) -> None: ...


class Hub(Protocol):
    """Who is told when a stream has left or must be cut."""

    def left(self, stream: Stream) -> None: ...

    def cut(self, stream: Stream) -> None: ...


class Stream(asyncio.Protocol):
    """One listener's connection; ``form`` is which of an event's forms it takes."""

    __slots__ = ("address", "hub", "keeper", "transport")
    form: ClassVar[int] = 0

    def __init__(self, hub: Hub, transport: asyncio.Transport, address: str) -> None:
        self.hub, self.transport, self.address = hub, transport, address
        self.keeper: Keeper | None = None

    def data_received(self, data: bytes) -> None:
        # Whatever follows the request (a pipelined one, junk) has no answer on an endless response; a flood ends it.
        if len(data) > 4096:
            self.transport.abort()

    def farewell(self, retry_ms: int) -> bytes:
        """The last bytes: come back after this time."""
        return b": closing\nretry: %d\n\n" % retry_ms

    def pause_writing(self) -> None:
        if self.keeper is not None:
            self.keeper.paused(self)

    def resume_writing(self) -> None:
        if self.keeper is not None:
            self.keeper.resumed(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.hub.left(self)


class Group:
    """The live streams that asked for the same areas; without areas, for everything."""

    __slots__ = ("areas", "hub", "streams")

    def __init__(self, hub: Hub, areas: frozenset[str]) -> None:
        self.hub, self.areas, self.streams = hub, areas, set[Stream]()

    def paused(self, stream: Stream) -> None:
        self.hub.cut(stream)

    def resumed(self, stream: Stream) -> None:
        pass


class Replay:
    """A stream that is catching up, and whether it can take more."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()

    def paused(self, stream: Stream) -> None:
        self.open.clear()

    def resumed(self, stream: Stream) -> None:
        self.open.set()


def write(data: Forms, streams: Iterable[Stream]) -> None:
    """Write an event to each of these, in its own form."""
    for stream in streams:
        # Without a keeper it left after the list was made.
        if stream.keeper is not None:
            try:
                stream.transport.write(data[stream.form])
            except RuntimeError:
                # The transport is closing and says so next turn; nobody is there to be told.
                continue


def abort(streams: Iterable[Stream]) -> None:
    """Break off whoever is still there."""
    for stream in streams:
        stream.transport.abort()

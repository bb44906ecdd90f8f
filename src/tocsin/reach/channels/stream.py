"""The stream: Server-Sent Events to everybody who listens, rendered once and written to each.

- ``id:`` is the journal number. Who comes back with it (``Last-Event-ID``, or ``?after=``) gets every later event once:
  from the journal what is old, from a ring in memory what is recent, and joins the live ones in the same turn of the
  loop in which nothing is left to catch up with.
- An area code gives its own events, those of everything it is part of and of everything that is part of it (F21).
- A signed heartbeat comes at joining and at least every 30 s of real time, also while a night is replayed faster.
- A reader that does not take what it is sent is cut off by the size of its buffer; it comes back and resumes. Nobody
  waits for anybody.
- A connection costs one small object: the request is read by uvicorn's HTTP protocol (:mod:`.streamgate`), and the
  transport then belongs to a :class:`Stream`. An answer here ends with its connection, so no event needs a frame.

Standard: HTML, section 9.2 (server-sent events).
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime

from msgspec import Struct

from tocsin.clock import Clock, SystemClock
from tocsin.journal import Entry, Head, Journal
from tocsin.reach.audience import Places
from tocsin.reach.bulletin import Parse, read_alert
from tocsin.reach.channels.event import KINDS, Forms, Piece, event, joined, render
from tocsin.reach.channels.listening import Group, Replay, Stream, abort, write
from tocsin.reach.channels.streamgate import Farewell, http_protocol
from tocsin.reach.heartbeat import Signer, SourceContact, heartbeat
from tocsin.recent import Recent

__all__ = ["Limits", "Stream", "StreamHub", "http_protocol"]

RETRY_MS = 3000
CHUNK = 500
"""Writes in one turn of the loop: about 5 ms, so that a broadcast never holds up an answer for longer."""


class Limits(Struct, frozen=True):
    """What the stream allows.

    ``connections`` in all and ``per_address`` from one address that is not a trusted proxy; ``areas`` in one request;
    ``buffer`` bytes a reader may be behind; ``ring`` events kept in memory; ``replays`` readings of old ones at once.
    """

    connections: int = 20_000
    per_address: int = 256
    areas: int = 500
    buffer: int = 262_144
    ring: int = 2_000
    replays: int = 8


class StreamHub:
    """Every listener, and what they are told. To be used from one event loop."""

    def __init__(
        self,
        journal: Journal,
        gazetteer: Places,
        realm: str,
        signer: Signer,
        clock: Clock,
        *,
        parse: Parse = read_alert,
        public_url: str = "",
        sources: Callable[[datetime], Sequence[SourceContact]] = lambda at: (),
        interval_s: float = 15.0,
        limits: Limits | None = None,
        trusted_proxies: frozenset[str] = frozenset({"127.0.0.1", "::1"}),
        pace: Clock | None = None,
    ) -> None:
        """``clock`` says what time it is in the realm; ``pace`` waits in the listeners' time, which is real time."""
        self.journal, self.gazetteer, self.realm, self.signer, self.clock = journal, gazetteer, realm, signer, clock
        self.parse, self.public_url, self.sources, self.interval_s = parse, public_url, sources, interval_s
        self.limits, self.trusted_proxies = limits or Limits(), trusted_proxies
        self.pace = pace or SystemClock()
        self.seq = self._floor = journal.head().seq
        self.cut_off = 0
        self._ring: deque[Piece] = deque()
        self._old: Recent[int, Piece | None] = Recent(1000)
        self._groups: dict[frozenset[str], Group] = {}
        self._streams: set[Stream] = set()
        self._addresses: dict[str, int] = {}
        self._queue: deque[tuple[Forms, list[Stream]]] = deque()
        self._beat_to: list[Stream] = []
        self._beat: bytes | None = None
        self._beat_until = 0.0
        self._beat_id: int | None = None
        self._pumping = False
        self._catching = asyncio.Lock()
        self._replays = asyncio.Semaphore(self.limits.replays)
        self._tasks: set[asyncio.Task[None]] = set()
        self.farewell: Farewell | None = None
        self.closed = False

    # --- what is told -----------------------------------------------------------------------------------------------

    def publish(self, entry: Entry) -> None:
        """Tell the entry to whom it concerns. Entries come in order; one that was told before is passed over."""
        if entry.seq <= self.seq:
            return
        self.seq = entry.seq
        piece = self._render(entry)
        if piece is None:
            return
        if len(self._ring) >= self.limits.ring:
            self._floor = self._ring.popleft().seq
        self._ring.append(piece)
        self._spread(piece.data, self._listeners(piece))

    async def catch_up(self) -> None:
        """Tell everything that is in the journal and was not told yet."""
        async with self._catching:
            while True:
                entries = await asyncio.to_thread(self.journal.read, self.seq, 500, KINDS)
                for entry in entries:
                    self.publish(entry)
                if len(entries) < 500:
                    return

    async def _come_up(self) -> Head:
        """Tell everything up to where the journal is now, and be there."""
        head = await asyncio.to_thread(self.journal.head)
        await self.catch_up()
        self.seq = max(self.seq, head.seq)
        return head

    async def heartbeat(self) -> None:
        """Send a heartbeat to everybody who is live."""
        # Everything up to the position that the heartbeat names has been told before it says so.
        head = await self._come_up()
        at = self.clock.now()
        self._beat = heartbeat(at, self.realm, head, self.sources(at), self.signer, self.interval_s)
        self._beat_until = asyncio.get_running_loop().time() + 1.5 * self.interval_s
        self._beat_id = self.seq
        self._beat_to = [stream for group in self._groups.values() for stream in group.streams]
        self._start_pump()

    async def run(self) -> None:
        """Follow the journal and send heartbeats until cancelled."""
        loop, wake = asyncio.get_running_loop(), asyncio.Event()

        def woken(seq: int) -> None:
            loop.call_soon_threadsafe(wake.set)

        stop = self.journal.on_append(woken)
        beating = asyncio.create_task(self._keep_beating())
        try:
            while True:
                wake.clear()
                await self.catch_up()
                await wake.wait()
        finally:
            stop()
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)

    async def _keep_beating(self) -> None:
        while True:
            await self.heartbeat()
            await self.pace.sleep(self.interval_s)

    def _render(self, entry: Entry) -> Piece | None:
        return render(entry, self.realm, self.gazetteer, self.parse, self.public_url)

    # --- who listens ------------------------------------------------------------------------------------------------

    @property
    def count(self) -> int:
        """How many connections there are."""
        return len(self._streams)

    def full(self, address: str) -> str | None:
        """Why a connection from ``address`` cannot be taken now: ``all``, ``address`` or ``closed``; None if it can."""
        if self.closed:
            return "closed"
        if len(self._streams) >= self.limits.connections:
            return "all"
        if address and self._addresses.get(address, 0) >= self.limits.per_address:
            return "address"
        return None

    def take(
        self,
        transport: asyncio.Transport,
        address: str,
        areas: frozenset[str],
        after: int | None,
        kind: type[Stream] = Stream,
    ) -> Stream:
        """A listener whose answer's head has been written: from here on it gets what it asked for.

        ``address`` is empty where it is not to be counted (a trusted proxy that names nobody).
        """
        stream = kind(self, transport, address)
        transport.set_protocol(stream)
        transport.set_write_buffer_limits(high=self.limits.buffer)
        self._streams.add(stream)
        if address:
            self._addresses[address] = self._addresses.get(address, 0) + 1
        if after is None or after == self.seq:
            self._join(stream, areas)
        else:
            keeper = stream.keeper = Replay()
            task = asyncio.get_running_loop().create_task(self._replay(stream, keeper, areas, after))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return stream

    def left(self, stream: Stream) -> None:
        """The connection is gone."""
        keeper, stream.keeper = stream.keeper, None
        if isinstance(keeper, Group):
            keeper.streams.discard(stream)
            if not keeper.streams:
                self._groups.pop(keeper.areas, None)
        elif isinstance(keeper, Replay):
            keeper.open.set()
        if stream in self._streams:
            self._streams.discard(stream)
            if stream.address:
                left = self._addresses[stream.address] - 1
                if left:
                    self._addresses[stream.address] = left
                else:
                    del self._addresses[stream.address]

    def cut(self, stream: Stream) -> None:
        """End a connection that does not take what it is sent."""
        self.cut_off += 1
        self.left(stream)
        stream.transport.abort()

    def close(self) -> None:
        """Send everybody away, each to come back after a time of its own so that they do not come all at once."""
        self.closed = True
        for task in self._tasks:
            task.cancel()
        leaving = list(self._streams)
        for stream in leaving:
            self.left(stream)
            if not stream.transport.is_closing():
                stream.transport.write(stream.farewell(random.randint(1000, 5000)))  # noqa: S311
                stream.transport.close()
        # Who does not take these last bytes must not keep the server from stopping.
        asyncio.get_running_loop().call_later(2, abort, leaving)

    def _join(self, stream: Stream, areas: frozenset[str]) -> None:
        group = self._groups.get(areas)
        if group is None:
            group = self._groups[areas] = Group(self, areas)
        stream.keeper = group
        group.streams.add(stream)
        if self._beat is not None and asyncio.get_running_loop().time() < self._beat_until:
            stream.transport.write(event(b"heartbeat", self.seq, self._beat)[stream.form])
        else:
            stream.transport.write(joined(self.seq)[stream.form])

    async def _replay(self, stream: Stream, keeper: Replay, areas: frozenset[str], after: int) -> None:
        if after > self.seq:
            # Somebody may have been told of what we have not come to yet.
            await self._come_up()
            if stream.keeper is keeper and after > self.seq:
                # The number is from a journal that was longer than this one: what was heard then may not hold any more.
                stream.transport.write(event(b"reset", self.seq, b'{"seq":%d}' % self.seq)[stream.form])
                self._join(stream, areas)
                return
        async with self._replays:
            while stream.keeper is keeper:
                pieces, after = await self._since(after)
                if not pieces and after >= self.seq:
                    # Nothing has been awaited since the ring was found to hold no more: nothing can fall in between.
                    self._join(stream, areas)
                    return
                for piece in pieces:
                    if piece.concerns(areas):
                        write(piece.data, [stream])
                        await keeper.open.wait()
                        if stream.keeper is not keeper:
                            return
                await asyncio.sleep(0)

    async def _since(self, after: int) -> tuple[list[Piece], int]:
        """Some of what was told after the number ``after``, and up to which number that is all."""
        if after >= self._floor:
            pieces = [piece for piece in self._ring if piece.seq > after][:100]
            return pieces, pieces[-1].seq if len(pieces) == 100 else self.seq
        floor = self._floor
        entries = await asyncio.to_thread(self.journal.read, after, 100, KINDS)
        # What is above the floor comes from the ring, so that an entry that is not told yet is not told twice.
        pieces = [piece for entry in entries if entry.seq <= floor and (piece := self._again(entry)) is not None]
        return pieces, min(entries[-1].seq, floor) if len(entries) == 100 else floor

    def _again(self, entry: Entry) -> Piece | None:
        """An old entry's event, rendered once for all who catch up at the same time."""
        return self._old.made(entry.seq, lambda: self._render(entry))

    # --- writing ----------------------------------------------------------------------------------------------------

    def _listeners(self, piece: Piece) -> list[Stream]:
        return [stream for group in self._groups.values() if piece.concerns(group.areas) for stream in group.streams]

    def _spread(self, data: Forms, streams: list[Stream]) -> None:
        # A heartbeat that is still on its way is overtaken, and then no longer says up to which number all was told.
        self._beat_id = None
        if not streams:
            return
        if self._queue or len(streams) > CHUNK:
            self._queue.append((data, streams))
            self._start_pump()
        else:
            write(data, streams)

    def _start_pump(self) -> None:
        if not self._pumping:
            self._pumping = True
            self._pump()

    def _pump(self) -> None:
        """Write one chunk, alerts before heartbeats, and come back in the next turn of the loop."""
        if self._queue:
            data, streams = self._queue[0]
            write(data, streams[-CHUNK:])
            del streams[-CHUNK:]
            if not streams:
                self._queue.popleft()
        elif self._beat_to:
            assert self._beat is not None
            write(event(b"heartbeat", self._beat_id, self._beat), self._beat_to[-CHUNK:])
            del self._beat_to[-CHUNK:]
        self._pumping = bool(self._queue or self._beat_to)
        if self._pumping:
            asyncio.get_running_loop().call_soon(self._pump)

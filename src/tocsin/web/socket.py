"""The socket: the stream's events over WebSocket, for who cannot read server-sent events; the same in everything else.

- ``/v1/socket`` takes ``area`` and ``after`` as ``/v1/stream`` does, counts among the same connections, and resumes from a
  journal number without a gap. Each text frame is ``{"event","id","data"}`` with the very data of the stream.
- The first frame is a heartbeat, or ``joined`` with the number that all follows from; a heartbeat comes at least every 30 s.
- A client has nothing to say here: a ping is answered, a close is answered, text is passed over; what is no frame, or longer
  than any of these, ends the connection with the status that says why.
- Who asks without an upgrade is told to upgrade. No extension and no subprotocol is spoken.

Standard: RFC 6455.
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

import httptools

from tocsin.errors import UpgradeError
from tocsin.reach.channels.frame import (
    AGAIN_LATER,
    CLOSE,
    PING,
    PONG,
    TEXT,
    FrameError,
    accept,
    closing,
    frame,
    frames,
)
from tocsin.reach.channels.listening import Hub, Stream
from tocsin.reach.channels.streamgate import Asked, StreamGate

PATH = b"/v1/socket"
FLOOD = 200
"""Frames of a client beyond which it is no reader."""
HEAD = (
    b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: %b\r\n\r\n"
)


class Socket(Stream):
    """One listener's WebSocket."""

    __slots__ = ("buffer", "heard")
    form: ClassVar[int] = 1

    def __init__(self, hub: Hub, transport: asyncio.Transport, address: str) -> None:
        super().__init__(hub, transport, address)
        self.buffer, self.heard = bytearray(), 0

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        try:
            for kind, payload in frames(self.buffer):
                self.heard += 1
                if kind == CLOSE:
                    self._end(frame(CLOSE, payload[:2]))
                    return
                if kind == PING:
                    self.transport.write(frame(PONG, payload))
            if self.heard > FLOOD:
                raise FrameError(AGAIN_LATER)
        except FrameError as wrong:
            self._end(closing(wrong.code))

    def farewell(self, retry_ms: int) -> bytes:
        """The last bytes: come back after this time, and the close."""
        return frame(TEXT, b'{"event":"closing","data":{"retry_ms":%d}}' % retry_ms) + closing(AGAIN_LATER)

    def _end(self, last: bytes) -> None:
        self.hub.left(self)
        self.buffer.clear()
        if not self.transport.is_closing():
            self.transport.write(last)
            self.transport.close()


class SocketAsked(Asked):
    """A request for the socket, with what the handshake needs."""

    __slots__ = ("key", "upgrades", "version")

    def __init__(self, method: bytes, query: bytes, headers: list[tuple[bytes, bytes]]) -> None:
        super().__init__(method, query, headers)
        found = {name: value.strip() for name, value in headers}
        self.key, self.version = found.get(b"sec-websocket-key", b""), found.get(b"sec-websocket-version", b"")
        tokens = {token.strip() for token in found.get(b"connection", b"").lower().split(b",")}
        self.upgrades = b"upgrade" in tokens and found.get(b"upgrade", b"").lower() == b"websocket"


class SocketGate(StreamGate):
    """The stream's gate with the socket beside it."""

    def on_headers_complete(self) -> None:
        if self._asked is None and PATH in self.url and httptools.parse_url(self.url).path == PATH:
            self._in_head = False
            self._stop_timer()
            query = httptools.parse_url(self.url).query or b""
            self._asked = SocketAsked(self.parser.get_method(), query, self.headers)
            return
        super().on_headers_complete()

    def _should_upgrade(self) -> bool:
        # The handshake is made here; uvicorn's own is for an application that speaks WebSocket.
        return not isinstance(self._asked, SocketAsked) and super()._should_upgrade()

    def _unsupported_upgrade_warning(self) -> None:
        if not isinstance(self._asked, SocketAsked):
            super()._unsupported_upgrade_warning()

    def _hand_over(self) -> None:
        asked = self._asked
        if isinstance(asked, SocketAsked) and asked.method in (b"GET", b"HEAD"):
            answer = accept(asked.key) if asked.upgrades and asked.version == b"13" else None
            if answer is None or asked.method == b"HEAD":
                extra = b"upgrade: websocket\r\nsec-websocket-version: 13\r\n"
                self._answer(426, UpgradeError("GET with an upgrade to WebSocket, version 13"), extra)
                return
        super()._hand_over()

    def _give(
        self, address: str, areas: frozenset[str], after: int | None, head: bytes = b"", kind: type[Stream] = Stream
    ) -> None:
        asked: Any = self._asked
        if isinstance(asked, SocketAsked):
            super()._give(address, areas, after, HEAD % accept(asked.key), Socket)
        else:
            super()._give(address, areas, after)

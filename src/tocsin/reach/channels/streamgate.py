"""The stream's gate: reads the request for ``/v1/stream`` with uvicorn's own parser and hands the connection over.

- Everything that is not ``/v1/stream`` goes to the application, as if this were not here.
- ``GET`` is answered with the head alone, and the transport then belongs to a light :class:`~.stream.Stream`; what
  uvicorn keeps for a request is let go. ``HEAD`` and ``OPTIONS`` are answered, other methods refused.
- The answer has no length and no chunks: it ends with its connection, which HTTP/1.0 understands as well as 1.1
  (RFC 9112, section 6.3). A stream that was asked for behind an unfinished answer waits for it.
- A request whose head does not come to its end in 10 s or 64 KB is refused; uvicorn itself sets no such bound.
- An area nobody knows is refused: a listener for a misspelt code would take silence for calm.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl

import httptools
import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from tocsin.errors import (
    HeadersTooLargeError,
    InputError,
    MethodError,
    ParameterError,
    RateLimitedError,
    TocsinError,
    UnknownPlaceError,
)
from tocsin.reach.channels.listening import Stream

if TYPE_CHECKING:
    from tocsin.reach.channels.stream import StreamHub

PATH = b"/v1/stream"
HEAD_BYTES = 65_536
HEAD_SECONDS = 10.0

SECURITY = (
    b"x-content-type-options: nosniff\r\n"
    b"referrer-policy: no-referrer\r\n"
    b"cross-origin-opener-policy: same-origin\r\n"
    b"x-frame-options: DENY\r\n"
    b"content-security-policy: default-src 'none'; frame-ancestors 'none'\r\n"
    b"cross-origin-resource-policy: cross-origin\r\n"
    b"access-control-allow-origin: *\r\n"
)
HEAD = (
    b"HTTP/1.1 200 OK\r\n"
    b"content-type: text/event-stream; charset=utf-8\r\n"
    b"cache-control: no-store\r\n"
    b"x-accel-buffering: no\r\n" + SECURITY + b"connection: close\r\n\r\n"
)
OPENING = b"retry: 3000\n\n"
OPTIONS = (
    b"HTTP/1.1 204 No Content\r\n"
    b"allow: GET, HEAD, OPTIONS\r\n"
    b"access-control-allow-methods: GET, HEAD, OPTIONS\r\n"
    b"access-control-allow-headers: last-event-id, cache-control\r\n"
    b"access-control-max-age: 86400\r\n" + SECURITY + b"connection: close\r\n\r\n"
)


class Asked:
    """A request for the stream: its method, its query and the headers that matter here."""

    __slots__ = ("forwarded", "last_event_id", "method", "query")

    def __init__(self, method: bytes, query: bytes, headers: list[tuple[bytes, bytes]]) -> None:
        self.method, self.query = method, query
        self.last_event_id = next((value for name, value in headers if name == b"last-event-id"), None)
        self.forwarded = next((value for name, value in reversed(headers) if name == b"x-forwarded-for"), None)

    def areas(self) -> frozenset[str]:
        """The area codes that are asked for; empty for all."""
        return frozenset(value for name, value in self._pairs() if name == "area" and value)

    def after(self) -> int | None:
        """The journal number to resume from, None to begin now; anything else than a number is refused."""
        text = next((value for name, value in self._pairs() if name == "after"), None)
        if self.last_event_id is not None:
            text = self.last_event_id.decode("latin-1").strip()
        if not text:
            return None
        if not (text.isascii() and text.isdigit() and len(text) <= 18):
            raise ParameterError(f"after: {text[:40]!r} is not the number of an event")
        return int(text)

    def _pairs(self) -> list[tuple[str, str]]:
        return parse_qsl(self.query.decode("latin-1"), encoding="utf-8", errors="replace")


class StreamGate(HttpToolsProtocol):
    """uvicorn's HTTP protocol with the stream taken out of it. ``hub`` is set by :func:`http_protocol`."""

    hub: StreamHub

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._asked: Asked | None = None
        self._refused = False
        self._in_head = True
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None

    # --- what comes in ----------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._head_timer = self.loop.call_later(HEAD_SECONDS, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._asked is not None or self._refused:
            return
        super().data_received(data)
        if self._asked is not None:
            if self.cycle is None or self.cycle.response_complete:
                self._hand_over()
        elif self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES and not self.transport.is_closing():
                self._refused = True
                self._answer(431, HeadersTooLargeError("a request line and headers have 64 KB"))
            elif self._head_timer is None:
                self._head_timer = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def on_message_begin(self) -> None:
        if self._asked is None:
            self._in_head, self._head_bytes = True, 0
            super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        if self._asked is None:
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._asked is None:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._asked is not None:
            return
        self._in_head = False
        self._stop_timer()
        if PATH in self.url:
            address = httptools.parse_url(self.url)
            websocket = self.parser.should_upgrade() and self._should_upgrade()
            if address.path == PATH and not websocket:
                self._asked = Asked(self.parser.get_method(), address.query or b"", self.headers)
                return
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self._asked is None:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self._asked is None:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        done = self.cycle.response_complete and not self.pipeline and not self.transport.is_closing()
        if self._asked is not None and done:
            self._hand_over()

    def send_400_response(self, msg: str) -> None:
        # Junk behind a request for the stream must not put an error in front of the events.
        if self._asked is None:
            super().send_400_response(msg)

    def shutdown(self) -> None:
        self._stop_timer()
        super().shutdown()

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    # --- what goes out ----------------------------------------------------------------------------------------------

    def _hand_over(self) -> None:
        asked, hub = self._asked, self.hub
        assert asked is not None
        if asked.method == b"OPTIONS":
            self._write_and_close(OPTIONS)
        elif asked.method not in (b"GET", b"HEAD"):
            self._answer(405, MethodError("GET reads the stream."), b"allow: GET, HEAD, OPTIONS\r\n")
        else:
            try:
                areas, after = asked.areas(), asked.after()
                if len(areas) > hub.limits.areas:
                    raise ParameterError(f"area: at most {hub.limits.areas} of them")
                if unknown := sorted(code for code in areas if code not in hub.gazetteer):
                    raise UnknownPlaceError(", ".join(code[:40] for code in unknown[:5]))
            except UnknownPlaceError as wrong:
                return self._answer(404, wrong)
            except InputError as wrong:
                return self._answer(400, wrong)
            if asked.method == b"HEAD":
                return self._write_and_close(HEAD)
            address = self._address(asked)
            full = hub.full(address)
            if full is not None:
                status = 429 if full == "address" else 503
                return self._answer(status, RateLimitedError("the stream has no room now"), b"retry-after: 5\r\n")
            self._give(address, areas, after)
        return None

    def _give(
        self,
        address: str,
        areas: frozenset[str],
        after: int | None,
        head: bytes = HEAD + OPENING,
        kind: type[Stream] = Stream,
    ) -> None:
        transport, state = self.transport, self.server_state
        Farewell.stand(self.hub, self.connections)
        self.connections.discard(self)
        self._unset_keepalive_if_required()
        self.flow.resume_reading()
        state.total_requests += 1
        transport.write(head)
        self.hub.take(transport, address, areas, after, kind)
        # The parser and this object hold each other; let go, both are freed now and not when the collector runs.
        gone = cast(Any, self)
        gone.parser = gone.transport = gone.flow = gone.cycle = gone.scope = gone.headers = None

    def _address(self, asked: Asked) -> str:
        """The listener's address, empty where a trusted proxy does not name it."""
        peer = self.client[0] if self.client else ""
        if peer not in self.hub.trusted_proxies:
            return peer
        return asked.forwarded.rsplit(b",", 1)[-1].strip().decode("latin-1")[:64] if asked.forwarded else ""

    def _answer(self, status: int, error: TocsinError, extra: bytes = b"") -> None:
        problem = {
            "type": "about:blank",
            "title": error.sentence,
            "status": status,
            "detail": error.detail,
            "code": error.code,
        }
        content = msgspec.json.encode(problem)
        if self._asked is not None and self._asked.method == b"HEAD":
            content = b""
        head = b"content-type: application/problem+json\r\ncontent-length: %d\r\ncache-control: no-store\r\n"
        self._write_and_close(
            STATUS_LINE[status] + head % len(content) + SECURITY + extra + b"connection: close\r\n\r\n" + content
        )

    def _write_and_close(self, data: bytes) -> None:
        self.transport.write(data)
        if self._refused and self.transport.can_write_eof():
            # Closed while it still sends, it would be reset and never read why; so it is listened to for a moment.
            self.transport.write_eof()
            self.loop.call_later(1.0, self.transport.close)
        else:
            self.transport.close()


class Farewell:
    """Stands for all streams among the server's connections: the server waits for it, and it for them, at shutdown."""

    def __init__(self, hub: StreamHub, connections: set[Any]) -> None:
        self.hub, self.connections = hub, connections

    @classmethod
    def stand(cls, hub: StreamHub, connections: set[Any]) -> None:
        """Put one among ``connections``, unless there is one."""
        if hub.farewell is None or hub.farewell.connections is not connections:
            hub.farewell = cls(hub, connections)
            connections.add(hub.farewell)

    def shutdown(self) -> None:
        """Called by the server: it is about to stop."""
        self.hub.close()
        self.connections.discard(self)


def http_protocol(hub: StreamHub) -> type[StreamGate]:
    """The class to give to ``uvicorn.Config(http=...)``: ``GET /v1/stream`` goes to ``hub``, all else to the app."""
    return type("HubStreamGate", (StreamGate,), {"hub": hub})

"""The wire: the stream's protocol, with ready answers given before a request becomes anything else.

- On the night itself nearly every request is one of a few: the state of a place, the feed, an alert. Such a request, when
  it comes whole and alone, is looked up by its very bytes; the answer is written as it was made.
- Bytes are looked up only after uvicorn's own parser (llhttp) has read exactly these bytes once and found them whole:
  nothing is parsed by hand, so two readers of one request cannot differ (request smuggling).
- Who was refused while still sending gets to read the refusal.
- Whatever else comes, or comes while an answer is under way or a reader is slow, goes the usual way.

Goal: 40 % of nginx with the same bytes as a file; without this, uvicorn and ASGI alone reach about half of that
(``tocsin bench feed``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

import httptools
import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from tocsin.errors import InputError
from tocsin.recent import Recent
from tocsin.web.guard import harden
from tocsin.web.problem import PROBLEM_JSON, Problem, problem
from tocsin.web.ready import conditions
from tocsin.web.socket import SocketGate

if TYPE_CHECKING:
    from tocsin.reach.channels.stream import StreamHub
    from tocsin.web.site import Site

STARTS = (b"GET /at/", b"GET /alerts")
LONGEST = 2048
KNOWN = 4096
LINGER_SECONDS = 10.0


class Asking(NamedTuple):
    """A request that was read: where to, and under which conditions."""

    path: str
    query: bytes
    language: str
    gzip: bool
    match: bytes
    since: bytes


class _Reading:
    """Collects what the parser finds in one request. Whether it stays open is known once, when the headers end."""

    def __init__(self) -> None:
        self.url, self.headers, self.complete, self.open = b"", list[tuple[bytes, bytes]](), 0, False
        self.parser = httptools.HttpRequestParser(self)

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.open = self.parser.get_http_version() == "1.1" and self.parser.should_keep_alive()

    def on_message_complete(self) -> None:
        self.complete += 1


class Wire(SocketGate):
    """One connection. ``site`` and ``known`` are set by :func:`protocol`, for all connections together."""

    site: Site
    known: Recent[bytes, Asking | None]

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._between = True
        self._last = 0.0
        self._dated: tuple[list[tuple[bytes, bytes]], bytes] | None = None

    def data_received(self, data: bytes) -> None:
        """Answer at once what is ready; give everything else to the parser."""
        if (
            self._between
            and data.startswith(STARTS)
            and self._asked is None
            and (self.cycle is None or self.cycle.response_complete)
            and not self.flow.write_paused
            and self._at_once(data)
        ):
            return
        super().data_received(data)

    def on_message_begin(self) -> None:
        self._between = False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        if self.hub is None:
            # Without a stream nothing is handed over; the application says that there is none.
            self._in_head = False
            self._stop_timer()
            HttpToolsProtocol.on_headers_complete(self)
        else:
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._between = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        # Who was refused in the middle of a body is still sending. To close now would reset the connection and lose
        # the refusal; so what comes is let go by, for a while.
        if self.cycle is not None and self.cycle.more_body and not self.transport.is_closing():
            self.loop.call_later(LINGER_SECONDS, self._end, self.cycle)

    def _end(self, cycle: object) -> None:
        if self.cycle is cycle and self.transport is not None:
            self.transport.close()

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection on which nothing was asked for a while."""
        left = self._last + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self.timeout_keep_alive_task = self.loop.call_later(left, self.timeout_keep_alive_handler)
        else:
            super().timeout_keep_alive_handler()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, as a problem document like every other fault."""
        if self._asked is not None:
            return
        self.transport.write(_refusal(problem(InputError("this is not a request in HTTP/1.1"))))
        self.transport.close()

    def _at_once(self, data: bytes) -> bool:
        """Write the ready answer to ``data``; False when there is none."""
        known = self.known
        try:
            asking = known[data]
        except KeyError:
            if len(data) > LONGEST:
                return False
            asking = known[data] = self._read(data)
        if asking is None:
            return False
        ready = self.site.ready(asking.path, asking.query, asking.language)
        if ready is None:
            return False
        status, rest = ready.wire(asking.gzip, asking.match, asking.since)
        self.transport.write(b"".join((status, self._date(), rest)))
        self.server_state.total_requests += 1
        self._last = self.loop.time()
        if self._head_timer is not None:
            self._stop_timer()
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )
        return True

    def _read(self, data: bytes) -> Asking | None:
        """What ``data`` asks for, if it is one whole request for reading that leaves the connection open."""
        found = _Reading()
        try:
            found.parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            return None
        # A second request or a body behind the first is for the real parser, which keeps their order.
        if found.complete != 1 or not data.endswith(b"\r\n\r\n") or data.count(b"\r\n\r\n") != 1:
            return None
        if not found.open:
            return None
        if any(name in (b"content-length", b"transfer-encoding", b"expect", b"upgrade") for name, _ in found.headers):
            return None
        try:
            url = httptools.parse_url(found.url)
            path = unquote(url.path.decode("ascii"))
        except (httptools.HttpParserInvalidURLError, UnicodeDecodeError):
            return None
        query = url.query or b""
        language = self.site.states.language(query, found.headers)
        return Asking(path, query, language, *conditions(found.headers))

    def _date(self) -> bytes:
        """The headers that uvicorn gives to every answer: the date, made once a second."""
        now = self.server_state.default_headers
        if self._dated is None or self._dated[0] is not now:
            self._dated = now, b"".join(b"%b: %b\r\n" % pair for pair in now)
        return self._dated[1]


def _refusal(document: Problem) -> bytes:
    body = msgspec.json.encode(document)
    headers = [
        (b"content-type", PROBLEM_JSON.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"connection", b"close"),
    ]
    lines = b"".join(b"%b: %b\r\n" % pair for pair in harden(headers, "/"))
    return b"%b%b\r\n%b" % (STATUS_LINE[document.status], lines, body)


def protocol(site: Site, hub: StreamHub | None) -> type[HttpToolsProtocol]:
    """The class to give to ``uvicorn.Config(http=...)``: the stream goes to ``hub``, ready answers to ``site``."""
    return type("SiteWire", (Wire,), {"site": site, "hub": hub, "known": Recent(KNOWN)})

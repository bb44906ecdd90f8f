"""The site: one ASGI application for pages, interface and feeds, and the server that it runs in.

- Answers that are kept ready (states, feed, messages) go out at once. In front of everything else stands the
  :class:`~tocsin.web.guard.Guard`; behind it the table of the interface is routed, then the pages.
- One path is one route with all its methods, so that 405 names exactly those that there are.
- Reading is allowed from any web page (CORS); writing is not.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tocsin.errors import MethodError, NotFoundError, TocsinError
from tocsin.web.api import Interface
from tocsin.web.guard import Guard
from tocsin.web.openapi import Operation, document
from tocsin.web.problem import Refusal, refuse
from tocsin.web.ready import Ready
from tocsin.web.table import TABLE
from tocsin.web.wire import protocol
from tocsin.web.word import fault

if TYPE_CHECKING:
    from tocsin.web.house import House

READY = ("/at/", "/alerts")
READING = frozenset({"GET", "HEAD"})
PREFLIGHT_SECONDS = "86400"
READ_HEADERS = "Accept, Accept-Language, If-None-Match, If-Modified-Since, Last-Event-ID"


class Path:
    """One path of the interface with all its methods, as an ASGI application."""

    def __init__(self, interface: Interface, operations: tuple[Operation, ...]) -> None:
        self.interface = interface
        self.does: dict[str, Callable[[Any, Request], Awaitable[ASGIApp]]] = {
            one.method: one.does for one in operations
        }
        methods = {*self.does, "OPTIONS"} | ({"HEAD"} if "GET" in self.does else set())
        self.allow = ", ".join(sorted(methods))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = scope["method"]
        does = self.does.get("GET" if method == "HEAD" else method)
        if does is not None:
            answer = await does(self.interface, Request(scope, receive, send))
            await answer(scope, receive, send)
        elif method == "OPTIONS":
            await options(scope, self.allow)(scope, receive, send)
        else:
            raise Refusal(MethodError(f"allowed: {self.allow}"), headers={"Allow": self.allow})


def options(scope: Scope, allow: str) -> Response:
    """The answer to OPTIONS: what there is, and to a web page of another origin that it may read."""
    headers = {"Allow": allow, "Cache-Control": "no-store"}
    connection = HTTPConnection(scope)
    if "access-control-request-method" in connection.headers and READING & set(allow.split(", ")):
        headers |= {
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
            "Access-Control-Allow-Headers": READ_HEADERS,
            "Access-Control-Max-Age": PREFLIGHT_SECONDS,
        }
    return Response(status_code=204, headers=headers)


class Site:
    """The outermost application: ready answers, and behind the guard everything else.

    A ready answer bears its hardening already, and to refuse it would cost as much as to give it; so it passes the
    guard by. Whatever is wrong with such a request is found out, and said, behind the guard.
    """

    def __init__(self, house: House, interface: Interface, guarded: ASGIApp) -> None:
        self.measures, self.guarded = house.measures, guarded
        self.feed, self.states = interface.feed, interface.states

    def ready(self, path: str, query: bytes, language: str) -> Ready | None:
        """The ready answer for ``path``; None where there is none, or where something is wrong with what is asked."""
        try:
            found = self.states.answer(path, language) or self.feed.ready(path, query)
        except TocsinError:
            return None
        if found is not None:
            self.measures.ready += 1
        return found

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] in READING and scope["path"].startswith(READY):
            query, headers = scope["query_string"], scope["headers"]
            ready = self.ready(scope["path"], query, self.states.language(query, headers))
            if ready is not None:
                start, body = ready.answer(headers)
                await send(start)
                await send(body)
                return
        await self.guarded(scope, receive, send)


def create(house: House) -> Site:
    """The application of one house."""
    from tocsin.web.app import routes as app
    from tocsin.web.console import routes as console
    from tocsin.web.public import routes as pages

    async def refused(request: Request, wrong: Exception) -> Response:
        return fault(house, request, refuse(request, wrong))

    async def missing(request: Request, wrong: Exception) -> Response:
        return fault(house, request, refuse(request, NotFoundError()))

    interface = Interface(house)
    interface.described = document(TABLE)
    routed = Starlette(
        routes=[
            *routes(interface),
            *(console(house) if house.identity is not None else ()),
            *app(house),
            *pages(house),
        ],
        exception_handlers={
            HTTPException: refused,
            TocsinError: refused,
            Refusal: refused,
            404: missing,
            Exception: refused,
        },
    )
    sizes = {"/v1/alerts": house.settings.max_message_bytes, "/console/area-file": house.settings.max_message_bytes}
    # A city's list of shelters, as text in a form; a larger one is for the command.
    sizes["/console/shelters/preview"] = 30_000_000
    return Site(house, interface, Guard(routed, house.limits, sizes, house.measures.count))


def routes(interface: Interface, table: tuple[Operation, ...] = TABLE) -> list[Route]:
    """The routes of the table: one for each path."""
    paths: dict[str, list[Operation]] = {}
    for one in table:
        paths.setdefault(one.path.replace("}", ":path}") if one.whole else one.path, []).append(one)
    return [Route(path, Path(interface, tuple(operations))) for path, operations in paths.items()]


def config(house: House, app: Site | None = None, **given: Any) -> uvicorn.Config:
    """uvicorn's settings for a house: uvloop, the stream's protocol in front, nothing said about what runs here."""
    settled: dict[str, Any] = {
        "loop": "uvloop",
        "ws": "none",
        "lifespan": "off",
        "access_log": False,
        "server_header": False,
        # Behind our own proxy the reader's address is what it says; otherwise all readers would be one flood.
        "proxy_headers": True,
        "forwarded_allow_ips": list(house.settings.trusted_proxies),
        "timeout_keep_alive": 75,
        "timeout_graceful_shutdown": 5,
        "log_config": None,
    }
    site = app or create(house)
    settled["http"] = protocol(site, house.hub)
    return uvicorn.Config(site, **(settled | given))

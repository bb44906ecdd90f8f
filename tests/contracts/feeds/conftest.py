"""A server that misbehaves on purpose, a source that listens to it, and what was recorded of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tocsin.clock import TurnedClock
from tocsin.journal import follow
from tocsin.sense.feeds import Wire
from tocsin.sense.intake import Intake
from tocsin.store.sqlite import SqliteStore

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """Answers each path as it was told to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[web.Request] = []
        self.address = ""

    def paths(self) -> list[str]:
        return [request.path for request in self.asked]

    def set(self, path: str, body: bytes | str | Handler, status: int = 200, **headers: str) -> str:
        self.answers[path] = (body.encode() if isinstance(body, str) else body, status, headers)
        return self.address + path

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        if request.path not in self.answers:
            return web.Response(status=404)
        body, status, headers = self.answers[request.path]
        if callable(body):
            answer: web.StreamResponse = await body(request)
            return answer
        return web.Response(body=body, status=status, headers={k.replace("_", "-"): v for k, v in headers.items()})


async def _serve() -> tuple[Server, web.AppRunner]:
    server = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    return server, runner


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """A server on a port of its own."""
    made, runner = await _serve()
    yield made
    await runner.cleanup()


@pytest.fixture
async def other_server() -> AsyncIterator[Server]:
    """A second one: another host, as far as anybody can tell."""
    made, runner = await _serve()
    yield made
    await runner.cleanup()


@pytest.fixture
def store(tmp_path: Path, clock: TurnedClock) -> Iterator[SqliteStore]:
    with SqliteStore(tmp_path / "s.db", clock) as opened:
        yield opened


@pytest.fixture
def wire(server: Server) -> Wire:
    return Wire(id="met", name="The weather service", kind="cap_feed", url=server.address + "/feed", interval_s=30.0)


@pytest.fixture
def intake(store: SqliteStore, clock: TurnedClock, wire: Wire) -> Intake:
    return Intake(store, clock, [wire.source()])


@pytest.fixture
def facts(store: SqliteStore) -> Callable[..., list[Any]]:
    """The entries of one kind, in order, as values of ``shape``."""

    def read(kind: str, shape: type = dict) -> list[Any]:
        return [entry.read(shape) for entry in follow(store, 0, [kind])]

    return read


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop run until ``condition`` holds, ten seconds at most."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  what is awaited here is the world outside the loop
            await asyncio.sleep(0.001)

"""A stream server and a listener on real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import uvicorn

from tests.rules.reach.stage import until
from tocsin.reach.channels.stream import StreamHub, http_protocol


async def page(scope: dict[str, Any], receive: Callable[..., Any], send: Callable[..., Any]) -> None:
    """The application behind the gate: says which path was asked for, /slow after a moment."""
    if scope["path"] == "/slow":
        await asyncio.sleep(0.05)
    body = f"{scope['method']} {scope['path']}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


@contextlib.asynccontextmanager
async def serving(
    hub: StreamHub, *, run: bool = True, http: type[asyncio.Protocol] | None = None
) -> AsyncIterator[tuple[int, uvicorn.Server]]:
    """A server on a port of its own; yields the port. ``http`` stands in front in place of the stream's own gate."""
    config = uvicorn.Config(page, http=http or http_protocol(hub), lifespan="off", log_config=None, ws="none")
    server = uvicorn.Server(config)
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        tasks = [asyncio.create_task(server.serve(sockets=[sock]))]
        if run:
            tasks.append(asyncio.create_task(hub.run()))
        await until(lambda: server.started)
        try:
            yield port, server
        finally:
            server.should_exit = True
            await tasks[0]
            for task in tasks[1:]:
                task.cancel()
            await asyncio.gather(*tasks[1:], return_exceptions=True)


class Told:
    """One block of a stream: its fields."""

    def __init__(self, text: str) -> None:
        self.fields = dict(line.split(": ", 1) for line in text.split("\n") if not line.startswith(":"))
        self.event, self.data = self.fields.get("event"), self.fields.get("data", "")
        self.id = int(self.fields["id"]) if "id" in self.fields else None


class Listener:
    """A connection to the stream, read block by block."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.status, self.headers = 0, dict[str, str]()

    @classmethod
    async def open(
        cls, port: int, query: str = "", *headers: str, method: str = "GET", version: str = "1.1"
    ) -> Listener:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**22)
        lines = [f"{method} /v1/stream{query} HTTP/{version}", "Host: here", *headers, "", ""]
        writer.write("\r\n".join(lines).encode())
        found = cls(reader, writer)
        await found.head()
        return found

    async def head(self) -> None:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        first, *rest = head.strip().split("\r\n")
        self.status = int(first.split()[1])
        self.headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in rest)}

    async def next(self, within: float = 10.0) -> Told:
        async with asyncio.timeout(within):
            return Told((await self.reader.readuntil(b"\n\n")).decode().strip("\n"))

    async def alerts(self, count: int) -> list[Told]:
        """The next ``count`` alerts."""
        found: list[Told] = []
        while len(found) < count:
            told = await self.next()
            if told.event == "alert":
                found.append(told)
        return found

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()

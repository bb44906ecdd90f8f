"""A small house for the live page: the real templates, a state and a stream with heartbeats, turned by the test."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

from tests.pages.samples import facts
from tocsin.cap.phase import Phase
from tocsin.web.public import STATIC, Files, page, security_policy
from tocsin.web.text import texts
from tocsin.web.view import Facts, view

BEAT = 1


class Night:
    """What the server says now. ``version`` is of one event; ``beating`` whether the stream gives signs of life."""

    def __init__(self, phase: str = "calm") -> None:
        self.phase, self.version, self.seq = phase, 1, 100
        self.beating = True
        self.frozen: datetime | None = None
        self.ends: datetime | None = None
        self.pages = 0
        self.listeners: set[asyncio.Event] = set()
        self.loop: asyncio.AbstractEventLoop | None = None
        self.app = Starlette(
            routes=[
                Route("/at/{code}.json", self.state),
                Route("/at/{code}", self.page),
                Route("/v1/stream", self.stream),
                Mount("/static", Files(directory=STATIC)),
            ]
        )

    def now(self) -> datetime:
        """The moment the server says it is."""
        return self.frozen or datetime.now(UTC)

    def facts(self) -> Facts:
        """The facts of now."""
        made = facts(Phase(self.phase))
        now = self.now()
        event = "" if self.phase in ("calm", "unknown") else "night-1"
        standing = replace(
            made.standing, since=now, event_id=event, version=self.version if event else 0, ends=self.ends,
            next_update_by=None, last_heard=now,
        )  # fmt: skip
        return replace(made, at=now, standing=standing, turns=(), seq=self.seq, heartbeat_seconds=BEAT)

    def turn(self, phase: str, version: int | None = None) -> None:
        """Something is published: the phase changes and every stream tells it."""
        self.phase, self.seq = phase, self.seq + 1
        self.version = self.version + 1 if version is None else version
        for told in list(self.listeners):
            if self.loop is not None:
                self.loop.call_soon_threadsafe(told.set)

    async def page(self, request: Request) -> Response:
        """The page."""
        self.pages += 1
        html = page(view(self.facts(), texts(request.query_params.get("lang", "en"))))
        return HTMLResponse(html, headers={"content-security-policy": security_policy().decode()})

    async def state(self, request: Request) -> Response:
        """The state."""
        event = [] if self.phase in ("calm", "unknown") else [{"event_id": "night-1", "version": self.version}]
        now = self.now().isoformat()
        body: dict[str, Any] = {"phase": self.phase, "as_of": now, "alerts": event, "journal": {"seq": self.seq}}
        return JSONResponse(body)

    async def stream(self, request: Request) -> Response:
        """The stream."""
        self.loop = asyncio.get_running_loop()
        told = asyncio.Event()
        self.listeners.add(told)

        async def events() -> AsyncIterator[str]:
            try:
                while True:
                    if self.beating:
                        beat = {"as_of": self.now().isoformat(), "journal": {"seq": self.seq}}
                        yield f"id: {self.seq}\nevent: heartbeat\ndata: {json.dumps(beat)}\n\n"
                    try:
                        async with asyncio.timeout(BEAT / 2):
                            await told.wait()
                    except TimeoutError:
                        continue
                    told.clear()
                    alert = {"event_id": "night-1", "version": self.version, "phase": self.phase}
                    yield f"id: {self.seq}\nevent: alert\ndata: {json.dumps(alert)}\n\n"
            finally:
                self.listeners.discard(told)

        return StreamingResponse(events(), media_type="text/event-stream", headers={"cache-control": "no-store"})

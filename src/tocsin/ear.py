"""The ear: what comes to this installation by itself, over its own stream and its own webhook channel.

- The receiver of the canary is on this machine only, under a name that nobody can guess, and takes nothing unsigned.
- The stream is listened to all the time, so that at the alarm no connection has to be made; it comes back from the
  number that it last heard.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from tocsin.calm import in_calm
from tocsin.reach.channels.webhook import new_secret, sign
from tocsin.recent import Recent
from tocsin.warn.loopback import seen_in_bulletin

if TYPE_CHECKING:
    import aiohttp
    from aiohttp import web
else:
    aiohttp = in_calm("aiohttp")
    web = in_calm("aiohttp.web")

log = logging.getLogger("tocsin")

KEPT = 2_000


class Ear:
    """The newest alerts that were heard, by identifier: ``told`` on the stream, ``caught`` by the webhook.

    ``heard`` is set whenever one more came.
    """

    def __init__(self) -> None:
        self.told: Recent[str, bytes] = Recent(KEPT)
        self.caught: Recent[str, bytes] = Recent(KEPT)
        self.secret, self.address = new_secret(), ""
        self.heard = asyncio.Event()

    @contextlib.asynccontextmanager
    async def receiving(self) -> AsyncIterator[None]:
        """A receiver for the canary, on this machine only and under a name that nobody can guess."""

        async def caught(request: web.Request) -> web.Response:
            data, told = await request.read(), request.headers
            signed = told.get("webhook-signature", "")
            moment = told.get("webhook-timestamp", "0")
            if not moment.isdigit() or signed != sign((self.secret,), told.get("webhook-id", ""), int(moment), data):
                return web.Response(status=400)
            self._keep(self.caught, data)
            return web.Response(status=204)

        application = web.Application()
        path = f"/{secrets.token_urlsafe(24)}"
        application.router.add_post(path, caught)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            port = runner.addresses[0][1]
            self.address = f"http://127.0.0.1:{port}{path}"
            yield
        finally:
            await runner.cleanup()

    async def listen(self, session: aiohttp.ClientSession, after: int) -> None:
        """Listen to our own stream, and come back to it as any listener does."""
        while True:
            try:
                timeout = aiohttp.ClientTimeout(total=None, sock_read=45.0)
                async with session.get(f"/v1/stream?after={after}", timeout=timeout, read_bufsize=1 << 20) as told:
                    event = ""
                    async for line in told.content:
                        name, _, value = line.rstrip(b"\r\n").partition(b": ")
                        if name == b"event":
                            event = value.decode()
                        elif name == b"id" and value.isdigit():
                            after = int(value)
                        elif name == b"data" and event == "alert":
                            self._keep(self.told, value)
                        elif not line.strip():
                            event = ""
            except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as wrong:
                log.info("our own stream ended (%s)", type(wrong).__name__)
            await asyncio.sleep(0.2)

    def _keep(self, kept: Recent[str, bytes], data: bytes) -> None:
        for name in seen_in_bulletin(data).identifiers:
            kept[name] = data
        self.heard.set()

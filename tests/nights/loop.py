"""A real program with its server, one mirrored source and one subscriber by webhook, for tests of the readback.

``python -m tests.nights.loop FOLDER HOOK`` serves until it is killed; with ``dark`` behind it, its own page answers nothing,
with ``drill`` it proves its webhook by the canary that the folder names.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import sys
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import web

from tocsin.app import Program, load_policy
from tocsin.clock import SystemClock
from tocsin.journal import Entry, follow
from tocsin.reach.channels.webhook import new_secret
from tocsin.reach.subscription import Wish
from tocsin.sense.signal import Signal
from tocsin.sense.source import Source
from tocsin.settings import load
from tocsin.store.key import Keys

AIR = "air"
POLICY = b'realm = "actual"\nselfdrill = ["webhook"]\n[[mirror]]\nsource = "air"\nareas = ["UA"]\n'


def open_program(data: Path, **given: Any) -> Program:
    """The program on ``data``, with one source for all of Ukraine."""
    data.mkdir(parents=True, exist_ok=True)
    settings = load(
        None,
        {},
        sender="kyiv@loop.example",
        sender_name="Kyiv City",
        bind="127.0.0.1:0",
        webhook_loopback=True,
        **given,
    )
    keys = Keys(data / "keys", "actual")
    (data / settings.policy).write_bytes(POLICY)
    (data / f"{settings.policy}.sig").write_bytes(base64.b64encode(keys.sign(POLICY)))
    source = Source(AIR, "Air alerts", "air_alert", ("UA",), 3600.0, True, "actual")
    policy = load_policy(data, settings, {AIR: source}, keys)
    return Program(settings, data, SystemClock(), [source], policy=policy)


def alarm(program: Program, *areas: str, ended: bool = False) -> None:
    """The source says that an air alert begins (or ends) in these areas, now."""
    now = program.clock.now().replace(microsecond=0)
    program.intake.heard(AIR, now)
    began = now - timedelta(minutes=1) if ended else now
    program.intake.receive([Signal(one, began, now if ended else None).report(AIR, now) for one in areas])


def entries(program: Program, *kinds: str) -> list[Entry]:
    """What the journal holds of these kinds."""
    return list(follow(program.store, 0, kinds or None))


@contextlib.asynccontextmanager
async def receiving() -> AsyncIterator[tuple[str, list[dict[str, Any]]]]:
    """A receiver of webhooks: its address, and what came."""
    came: list[dict[str, Any]] = []

    async def take(request: web.Request) -> web.Response:
        came.append(await request.json())
        return web.Response(status=204)

    application = web.Application()
    application.router.add_post("/hook", take)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook", came
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def running(program: Program) -> AsyncIterator[str]:
    """The program while it serves; its address."""
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(program.run(started=ready.set_result))
    try:
        await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        yield await ready
    finally:
        died = task.done()
        task.cancel()
        (found,) = await asyncio.gather(task, return_exceptions=True)
        if died and isinstance(found, BaseException):
            raise found


def subscribe(program: Program, url: str, *areas: str) -> None:
    """A subscriber of these areas by webhook."""
    program.subscribers.make(Wish("webhook", url, (new_secret(),), areas=areas))


async def until(true: Callable[[], object], seconds: float = 8.0) -> None:
    """Return once ``true`` holds; fail after ``seconds``."""
    async with asyncio.timeout(seconds):
        # What is waited for happens in other threads and in another process; nothing there can tell us.
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def prove(data: Path) -> None:
    """Serve and have the canary told."""
    program = open_program(data)
    async with running(program):
        await program.keeping.after(partial(program.selfdrill.prove, "webhook"))()


async def serve(data: Path, dark: bool) -> None:
    """Serve until killed, and say an alert as soon as everything listens."""
    program = open_program(data)
    if dark:
        program.readback.patience = timedelta(minutes=5)

        async def nothing(path: str) -> bytes | None:
            return None

        program.readback._get = nothing  # type: ignore[method-assign]
    async with running(program):
        alarm(program, "UA-30")
        await until(lambda: entries(program, "alert:published"))
        sys.stdout.write("published\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    if "drill" in sys.argv[2:]:
        asyncio.run(prove(Path(sys.argv[1])))
    else:
        asyncio.run(serve(Path(sys.argv[1]), "dark" in sys.argv[2:]))

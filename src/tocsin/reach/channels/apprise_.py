"""The long tail: every service that Apprise knows, in a worker process of its own, for staff only.

- Apprise loads 175 services and 60 MB, blocks, and says only yes or no; so it lives in another process, and whatever
  becomes of that one costs nothing but what it had in hand.
- It fails closed: nothing is accepted but what the worker said it got away. A worker that dies is started again, and what
  it had is for later.
- Its own waits between requests (5.5 s for most services) are switched off: order and retries are ours.
- An address is an Apprise URL with its secrets. Services that would run programs or show windows on this machine are
  refused, and so is what the operator has not allowed.

``python -m tocsin.reach.channels.apprise_`` is the worker: one JSON object a line in, one a line out.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Lock

import msgspec
from msgspec import Struct

from tocsin.reach.channel import ACCEPTED, Channel, Kit, Outcome, later, refused
from tocsin.reach.channels.way import Saying, Unset, way
from tocsin.reach.delivery import Delivery

FORBIDDEN = frozenset(
    {"dbus", "qt", "glib", "kde", "gnome", "macosx", "windows", "syslog", "file", "mailto", "mailtos"}
)
KINDS = {"act": "warning", "hold": "warning", "prepare": "warning", "retracted": "warning", "all-clear": "success"}
LINE = 1_000_000


class AppriseTable(Struct, frozen=True, forbid_unknown_fields=True):
    """The table ``apprise``: the ``schemas`` that staff may use (``slack``, ``msteams``); none is allowed by itself.

    ``timeout_s`` is for one message, ``start_s`` until the worker has loaded; ``threads`` send at once.
    """

    schemas: tuple[str, ...] = ()
    timeout_s: float = 20.0
    start_s: float = 30.0
    threads: int = 4


class Job(Struct, frozen=True):
    """What the worker is to send."""

    id: int
    url: str
    title: str
    body: str
    kind: str


class Done(Struct, frozen=True):
    """What became of a job; ``id`` 0 says that the worker is ready."""

    id: int
    outcome: str


class Apprise:
    """The channel ``apprise``; a delivery's address is an Apprise URL."""

    name = "apprise"
    stride = 10
    lanes = 2

    def __init__(self, kit: Kit, table: AppriseTable) -> None:
        self.table = table
        self.saying = Saying(kit)
        self.process: asyncio.subprocess.Process | None = None
        self._ready: asyncio.Future[None] | None = None
        self._waiting: dict[int, asyncio.Future[str]] = {}
        self._listening: asyncio.Task[None] | None = None
        self._opening = asyncio.Lock()
        self._jobs = 0

    async def arm(self) -> None:
        """Start the worker in calm: it takes seconds to load."""
        await self._open()

    async def send(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        """Hand each of ``batch`` to the worker; see :class:`tocsin.reach.channel.Channel`."""
        return await asyncio.gather(*(self._one(delivery) for delivery in batch))

    async def close(self) -> None:
        """End the worker."""
        process, self.process = self.process, None
        if process is not None and process.returncode is None:
            assert process.stdin is not None
            process.stdin.close()
            try:
                async with asyncio.timeout(1.0):
                    await process.wait()
            except TimeoutError:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if self._listening is not None:
            await asyncio.gather(self._listening, return_exceptions=True)
            self._listening = None

    async def _one(self, delivery: Delivery) -> Outcome:
        url = delivery.to.address
        schema = url.partition("://")[0].lower()
        if "://" not in url or not url.isprintable():
            return refused("address.malformed", tried=False)
        if schema in FORBIDDEN or schema not in self.table.schemas:
            return refused("schema not allowed", tried=False)
        told = self.saying.of(delivery)
        if isinstance(told, Outcome):
            return told
        one = told.wording(delivery.to.languages)
        lines = [one.description, *(f"- {line}" for line in one.instruction), told.bulletin.url]
        body = "\n".join(line for line in lines if line)
        return await self._hand_over(url, one.headline, body, KINDS.get(delivery.phase, "info"))

    async def _hand_over(self, url: str, title: str, body: str, kind: str) -> Outcome:
        try:
            process = await self._open()
        except (OSError, TimeoutError, EOFError) as wrong:
            return later(None, f"worker: {type(wrong).__name__}", tried=False)
        assert process.stdin is not None
        self._jobs += 1
        job = Job(self._jobs, url, title, body, kind)
        waiting = self._waiting[job.id] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(self.table.timeout_s):
                process.stdin.write(msgspec.json.encode(job) + b"\n")
                await process.stdin.drain()
                said = await waiting
        except TimeoutError:
            return later(None, "worker: timeout")
        except (OSError, EOFError):
            return later(None, "worker died")
        finally:
            self._waiting.pop(job.id, None)
        if said == "sent":
            return ACCEPTED
        # Apprise says no more than no, so it may be a moment's fault.
        return refused("address") if said == "address" else later(None, f"service: {said}")

    async def _open(self) -> asyncio.subprocess.Process:
        async with self._opening:
            if self.process is not None and self.process.returncode is None:
                return self.process
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", __name__, str(self.table.threads)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                limit=LINE,
                # Our own settings and keys are none of its business.
                env={name: text for name, text in os.environ.items() if not name.startswith("TOCSIN_")},
            )
            ready = self._ready = asyncio.get_running_loop().create_future()
            self._listening = asyncio.create_task(self._listen(process, ready))
            try:
                async with asyncio.timeout(self.table.start_s):
                    await ready
            except BaseException:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
                raise
            self.process = process
            return process

    async def _listen(self, process: asyncio.subprocess.Process, ready: asyncio.Future[None]) -> None:
        assert process.stdout is not None
        with suppress(OSError, ValueError, msgspec.DecodeError):
            while line := await process.stdout.readline():
                done = msgspec.json.decode(line, type=Done)
                if done.id == 0:
                    if not ready.done():
                        ready.set_result(None)
                elif (waiting := self._waiting.get(done.id)) is not None and not waiting.done():
                    waiting.set_result(done.outcome)
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        if not ready.done():
            ready.set_exception(EOFError("the worker died while it loaded"))
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(EOFError("the worker died"))


def make(kit: Kit) -> Channel:
    """The channel for an installation."""
    table = way(kit, "apprise", AppriseTable)
    return Unset("apprise") if table is None else Apprise(kit, table)


def work(threads: int) -> None:
    """The worker: sends the jobs on standard input until it ends."""
    import apprise

    out, lock = os.fdopen(os.dup(1), "wb", buffering=0), Lock()
    # A plugin that prints must not speak in our line.
    os.dup2(2, 1)

    def say(done: Done) -> None:
        with lock:
            out.write(msgspec.json.encode(done) + b"\n")

    def send(job: Job) -> None:
        try:
            plugin = apprise.Apprise.instantiate(job.url, suppress_exceptions=True)
            if plugin is None:
                say(Done(job.id, "address"))
                return
            plugin.request_rate_per_sec = 0
            sent = plugin.notify(title=job.title, body=job.body, notify_type=apprise.NotifyType(job.kind))
            say(Done(job.id, "sent" if sent else "not sent"))
        except Exception as wrong:
            say(Done(job.id, type(wrong).__name__))

    apprise.Apprise.instantiate("json://127.0.0.1")  # loads all services, which takes the seconds that it takes
    say(Done(0, "ready"))
    with ThreadPoolExecutor(threads) as pool:
        for line in sys.stdin.buffer:
            pool.submit(send, msgspec.json.decode(line, type=Job))


if __name__ == "__main__":
    work(int(sys.argv[1]))

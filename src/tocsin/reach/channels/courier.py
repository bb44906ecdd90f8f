"""The courier: carries sealed messages to push services over HTTP/2, many at once, in a thread of its own.

- curl's multi interface with one multiplexed connection to each origin and more where one is full; kept for minutes, so
  that at the alarm there is no handshake. TLS is verified, redirects are not followed, proxies of the environment not
  used, and of an answer no more than a few kilobytes are taken.
- Every address is vetted in the moment in which a socket is opened to it (SSRF, DNS rebinding).
- Each origin has its own queue, pace, window and circuit breaker, so one that is slow, down or flooded with requests
  costs only its own: the window opens as answers come, and what cannot leave soon is handed back untried.

RFC 9113 (HTTP/2), RFC 8030 section 8.4 (429 and Retry-After).
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import os
import select
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pycurl

from tocsin.reach.channels.destination import public
from tocsin.reach.channels.origin import (
    CREATED,
    FORBIDDEN,
    HELD,
    REASONS,
    REFUSED,
    Answer,
    Job,
    Manners,
    Origin,
    Parcel,
)

__all__ = ["CREATED", "HELD", "REFUSED", "Answer", "Courier", "Manners", "Parcel"]

_log = logging.getLogger(__name__)


class Opened:
    """A socket for curl, which takes a duplicate of it and then lets go of this one."""

    def __init__(self, number: int) -> None:
        self.number = number

    def fileno(self) -> int:
        return self.number

    def __del__(self) -> None:
        os.close(self.number)


class Courier:
    """Carries parcels. ``loopback`` opens it to this machine itself; ``authorities`` is a file of trusted CAs."""

    def __init__(
        self,
        manners: Manners | None = None,
        *,
        loopback: bool = False,
        authorities: Path | None = None,
        agent: str = "Tocsin",
    ) -> None:
        self.manners, self.loopback, self.agent = manners or Manners(), loopback, agent
        self.authorities = authorities
        self.origins: dict[str, Origin] = {}
        self.sent = 0
        self._inbox: deque[Job] = deque()
        self._busy: dict[Any, tuple[Job, int, Origin, float]] = {}
        self._spare: list[Any] = []
        self._cancelled = False
        self._stop = False
        self._door = threading.Lock()
        self._thread: threading.Thread | None = None
        self._wake = -1

    # --- from the event loop ----------------------------------------------------------------------------------------

    async def carry(self, parcels: Sequence[Parcel]) -> list[Answer]:
        """Carry each of ``parcels`` and return the answers, in the same order.

        When this is cancelled, what has not left does not leave, and what is under way is broken off.
        """
        if not parcels:
            return []
        job = Job(parcels, asyncio.get_running_loop())
        with self._door:
            self._start()
            self._inbox.append(job)
            os.eventfd_write(self._wake, 1)
        try:
            return await job.done
        except asyncio.CancelledError:
            job.cancelled = self._cancelled = True
            with self._door:
                if self._wake >= 0:
                    os.eventfd_write(self._wake, 1)
            raise

    async def close(self) -> None:
        """Break off what is under way and close every connection."""
        with self._door:
            thread, self._thread = self._thread, None
            if thread is None:
                return
            self._stop = True
            os.eventfd_write(self._wake, 1)
        await asyncio.to_thread(thread.join)

    def resting(self) -> dict[str, int]:
        """The origins that are left alone now, with how often in a row."""
        now = time.monotonic()
        return {name: one.rests for name, one in list(self.origins.items()) if one.closed_until > now}

    def _start(self) -> None:
        if self._thread is None:
            self._stop = False
            self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
            self._thread = threading.Thread(target=self._run, name="tocsin-courier", daemon=True)
            self._thread.start()

    # --- the thread -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        self._poll = select.epoll()
        self._poll.register(self._wake, select.EPOLLIN)
        self._due: float | None = None
        self._multi = multi = pycurl.CurlMulti()
        multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
        multi.setopt(pycurl.M_MAX_HOST_CONNECTIONS, self.manners.connections)
        multi.setopt(pycurl.M_MAXCONNECTS, 256)
        multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        multi.setopt(pycurl.M_TIMERFUNCTION, self._timer)
        try:
            while not self._stop:
                try:
                    self._turn()
                except Exception:
                    # Everybody's deliveries hang on this thread: it goes on with the next turn.
                    _log.exception("the courier stumbled")
        finally:
            self._shut()

    def _turn(self) -> None:
        now = time.monotonic()
        wait = min(self._patience(now), 60.0 if self._due is None else max(0.0, self._due - now))
        events = self._poll.poll(wait)
        for number, event in events:
            if number == self._wake:
                os.eventfd_read(self._wake)
            else:
                ready = (pycurl.CSELECT_IN if event & ~select.EPOLLOUT else 0) | (
                    pycurl.CSELECT_OUT if event & select.EPOLLOUT else 0
                )
                self._multi.socket_action(number, ready)
        now = time.monotonic()
        if self._due is not None and self._due <= now:
            self._due = None
            self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        self._collect(now)
        self._give_up(now)
        if self._cancelled:
            self._cancelled = False
            self._break_off()
        while self._inbox:
            job = self._inbox.popleft()
            for place, parcel in enumerate(job.parcels):
                origin = self.origins.get(parcel.origin)
                if origin is None:
                    origin = self.origins[parcel.origin] = Origin(parcel.origin, self.manners, now)
                origin.queue.append((job, place))
        for origin in [one for one in self.origins.values() if one.queue]:
            self._pump(origin, now)
        if len(self.origins) > 1000:
            self._tidy(now)

    def _patience(self, now: float) -> float:
        """How long to wait for events: not long while a queue may become free by time alone."""
        if any(one.queue for one in self.origins.values()):
            return 0.02
        oldest = next(iter(self._busy.values()), None)
        return max(0.0, oldest[3] + self.manners.total_s - now) if oldest is not None else 60.0

    def _give_up(self, now: float) -> None:
        """Break off what has been under way for too long.

        They are in the order in which they left, so one look is enough where curl would keep a timer for each.
        """
        while (oldest := next(iter(self._busy.items()), None)) is not None:
            curl, (job, place, origin, since) = oldest
            if now - since < self.manners.total_s:
                return
            self._drop(curl, origin)
            self._answer(job, place, origin.learn(0, None, "timeout", now))

    def _drop(self, curl: Any, origin: Origin) -> None:
        del self._busy[curl]
        origin.inside -= 1
        origin.asking = False
        self._multi.remove_handle(curl)
        curl.close()

    def _pump(self, origin: Origin, now: float) -> None:
        """Let leave what may leave, and hand back what cannot for now."""
        manners, queue = self.manners, origin.queue
        if origin.closed_until:
            if now < origin.closed_until or origin.asking:
                self._hand_back(origin, max(0.2, origin.closed_until - now), "origin rests")
                return
            room = 1  # one goes ahead and finds out
        else:
            room = origin.window - origin.inside
            if origin.inside and now - origin.heard > manners.slow_s:
                self._hand_back(origin, 0.5, "origin slow")
                return
        origin.top_up(now)
        while queue and room > 0 and origin.tokens >= 1:
            job, place = queue.popleft()
            if job.cancelled:
                continue
            if not origin.inside:
                origin.heard = now
            origin.asking = bool(origin.closed_until)
            self._send(job, place, origin, now)
            room -= 1
            origin.tokens -= 1
        if origin.asking:
            self._hand_back(origin, 0.5, "origin rests")

    def _hand_back(self, origin: Origin, after_s: float, reason: str) -> None:
        held = Answer(HELD, after_s, reason, tried=False)
        while origin.queue:
            job, place = origin.queue.popleft()
            self._answer(job, place, held)

    def _send(self, job: Job, place: int, origin: Origin, now: float) -> None:
        parcel = job.parcels[place]
        curl = self._spare.pop() if self._spare else self._handle()
        try:
            if curl.headers is not parcel.headers:
                curl.setopt(pycurl.HTTPHEADER, parcel.headers)
                curl.headers = parcel.headers
            curl.setopt(pycurl.URL, parcel.url)
            curl.setopt(pycurl.POSTFIELDS, parcel.body)
            self._busy[curl] = (job, place, origin, now)
            origin.inside += 1
            self._multi.add_handle(curl)
        except (pycurl.error, ValueError):
            if self._busy.pop(curl, None) is not None:
                origin.inside -= 1
            self._answer(job, place, Answer(HELD, None, "address.malformed", tried=False))

    def _handle(self) -> Any:
        curl = pycurl.Curl()
        curl.headers = None
        limit = self.manners.answer_bytes

        def sink(data: bytes) -> int:
            # The status is all that counts; an answer that goes on and on is broken off.
            curl.taken += len(data)
            return len(data) if curl.taken <= limit else -1

        def opened(purpose: int, address: Any) -> Any:
            """A socket to a vetted address, or none."""
            if purpose == pycurl.SOCKTYPE_IPCXN and self._allowed(str(address[3][0])):
                return Opened(socket.socket(address[0], address[1], address[2]).detach())
            curl.forbidden = True
            return pycurl.SOCKET_BAD

        curl.taken, curl.forbidden = 0, False
        for option, value in (
            (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS),
            (pycurl.PIPEWAIT, 1),
            (pycurl.POST, 1),
            (pycurl.NOSIGNAL, 1),
            (pycurl.PROXY, ""),
            (pycurl.PROTOCOLS, pycurl.PROTO_HTTPS),
            (pycurl.FOLLOWLOCATION, 0),
            (pycurl.SSL_VERIFYPEER, 1),
            (pycurl.SSL_VERIFYHOST, 2),
            (pycurl.USERAGENT, self.agent),
            (pycurl.TCP_KEEPALIVE, 1),
            (pycurl.TCP_KEEPIDLE, 30),
            (pycurl.MAXAGE_CONN, 600),
            (pycurl.DNS_CACHE_TIMEOUT, 60),
            (pycurl.WRITEFUNCTION, sink),
            (pycurl.OPENSOCKETFUNCTION, opened),
        ):
            curl.setopt(option, value)
        paths = ssl.get_default_verify_paths()
        if self.authorities is not None:
            curl.setopt(pycurl.CAINFO, str(self.authorities))
        elif paths.cafile:
            curl.setopt(pycurl.CAINFO, paths.cafile)
        elif paths.capath:
            curl.setopt(pycurl.CAPATH, paths.capath)
        return curl

    def _allowed(self, text: str) -> bool:
        try:
            return public(ipaddress.ip_address(text), loopback=self.loopback)
        except ValueError:
            return False

    def _collect(self, now: float) -> None:
        """Take the answers that came."""
        while True:
            left, good, bad = self._multi.info_read()
            for curl in good:
                self._came(curl, now, "")
            for curl, code, _ in bad:
                forbidden, curl.forbidden = curl.forbidden, False
                self._came(curl, now, FORBIDDEN if forbidden else REASONS.get(code, f"curl {code}"))
            if not left:
                return

    def _came(self, curl: Any, now: float, reason: str) -> None:
        job, place, origin, _ = self._busy.pop(curl)
        status = curl.getinfo(pycurl.RESPONSE_CODE)
        if status == 201 and not reason and not origin.failures and not origin.closed_until:
            # What nearly always happens is kept short.
            origin.storms = 0
            answer = CREATED
        else:
            asked = curl.getinfo(pycurl.RETRY_AFTER) if status in (429, 503) else 0
            answer = origin.learn(status, float(asked) if asked else None, reason, now)
        origin.inside -= 1
        origin.heard = now
        if origin.window < self.manners.most_window and answer is CREATED:
            origin.window += 1
        self._multi.remove_handle(curl)
        self.sent += 1
        curl.taken = 0
        self._spare.append(curl)
        self._answer(job, place, answer)

    def _answer(self, job: Job, place: int, answer: Answer) -> None:
        job.answers[place] = answer
        job.left -= 1
        if not job.left and not job.cancelled:
            with contextlib.suppress(RuntimeError):  # its loop has ended, and nobody waits any more
                job.loop.call_soon_threadsafe(job.finish)

    def _break_off(self) -> None:
        for curl, (job, _, origin, _) in list(self._busy.items()):
            if job.cancelled:
                self._drop(curl, origin)

    def _tidy(self, now: float) -> None:
        for name, one in list(self.origins.items()):
            if not one.queue and not one.inside and one.closed_until < now and now - one.heard > 60:
                del self.origins[name]

    def _watch(self, event: int, number: int, multi: Any, data: Any) -> None:
        if event == pycurl.POLL_REMOVE:
            with contextlib.suppress(OSError):
                self._poll.unregister(number)
            return
        mask = (select.EPOLLIN if event & pycurl.POLL_IN else 0) | (select.EPOLLOUT if event & pycurl.POLL_OUT else 0)
        try:
            self._poll.modify(number, mask)
        except OSError:
            self._poll.register(number, mask)

    def _timer(self, milliseconds: int) -> None:
        self._due = None if milliseconds < 0 else time.monotonic() + milliseconds / 1000

    def _shut(self) -> None:
        gone = Answer(HELD, None, "closing")
        for curl, (job, place, _, _) in list(self._busy.items()):
            self._multi.remove_handle(curl)
            curl.close()
            self._answer(job, place, gone)
        self._busy.clear()
        held = Answer(HELD, None, "closing", tried=False)
        for origin in self.origins.values():
            self._hand_back(origin, 1.0, "closing")
        for job in self._inbox:
            for place in range(len(job.parcels)):
                self._answer(job, place, held)
        self._inbox.clear()
        self.origins.clear()
        for curl in self._spare:
            curl.close()
        self._spare.clear()
        self._multi.close()
        self._poll.close()
        os.close(self._wake)
        self._wake = -1

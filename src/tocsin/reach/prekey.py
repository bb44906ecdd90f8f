"""Keys prepared in calm for Web Push: who may use which for what, and how the stock is refilled.

- A prepared key is claimed before anything is sealed with it, and the claim is on disk first. It binds the key to one
  text: the same text to the same subscriber gets the same key again, so a resend after a crash is the same ciphertext;
  any other text gets another key. A key is claimed once and, when its alert has ended, replaced.
- The binding covers alert, version, languages and every byte of the padded text, so that no mistake in the first three
  can ever bring two texts under one nonce.
- The stock is refilled by processes that run only when nobody else wants the processor, and not while alerts are sent.

docs/decisions/0009-prepared-web-push-keys.md says why this is within RFC 8291.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime
from hashlib import sha256
from typing import Protocol

from msgspec import Struct

from tocsin.clock import Clock
from tocsin.errors import ParameterError
from tocsin.reach.delivery import AddressBook, Numbers
from tocsin.reach.seal import PREPARED, Prepared, Target, prepare, target

MARK = "push:"
"""What the device's keys begin with among a subscription's secrets."""

_log = logging.getLogger(__name__)


def kept(p256dh: str, auth: str) -> str:
    """A device's keys as one of the secrets of its subscription; wrong ones are a :class:`ParameterError`."""
    target(p256dh, auth)
    return f"{MARK}{p256dh}.{auth}"


def aim(secrets: Sequence[str]) -> Target | None:
    """The device's keys among a subscription's secrets, or None if there are none that can be sealed to."""
    for secret in secrets:
        if secret.startswith(MARK):
            point, _, auth = secret.removeprefix(MARK).partition(".")
            try:
                return target(point, auth)
            except ParameterError:
                return None
    return None


def binding(alert: str, version: int, languages: Sequence[str], padded: bytes) -> bytes:
    """The name (16 bytes) of one text of one alert; another text has another name."""
    named = f"{alert}\n{version}\n{','.join(languages)}\n".encode()
    return sha256(len(named).to_bytes(4, "big") + named + padded).digest()[:16]


class Claim(Struct, frozen=True):
    """The keys of ``numbers`` for the text that ``binding`` names, which is not sent after ``until``."""

    binding: bytes
    numbers: Sequence[int]
    until: datetime


class Lack(Struct, frozen=True):
    """What is missing of one layer of one block: keys for ``numbers``; and what is to be erased for good."""

    block: int
    layer: int
    numbers: Numbers
    erase: Numbers


class PreKeys(Protocol):
    """Where prepared keys are kept, sealed. Calls block."""

    def claim(self, claims: Sequence[Claim], at: datetime) -> list[list[Prepared | None]]:
        """A prepared key for each number of each claim, None where there is none; on disk on return."""
        ...

    def blocks(self) -> list[int]:
        """The blocks of a thousand numbers in which somebody is subscribed."""
        ...

    def lacking(self, block: int, at: datetime) -> list[Lack]:
        """What is missing, too old or used up in a block."""
        ...

    def put(self, lack: Lack, keys: Sequence[bytes | None], at: datetime) -> int:
        """Keep ``keys``, one for each number of ``lack``, None for nobody; how many were taken."""
        ...


def prepare_all(targets: bytes) -> bytes:
    """A prepared key for each of ``targets`` (81 bytes each: point, auth), one after the other; runs in a process."""
    size = 81
    return b"".join(
        prepare(targets[start : start + 65], targets[start + 65 : start + size])
        for start in range(0, len(targets), size)
    )


def meek() -> None:
    """Have this process run only when the processor would idle."""
    os.nice(19)
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


class Refill:
    """Keeps the stock full. ``idle`` says whether now is a time for it; ``every_s`` between two looks."""

    PART = 100

    def __init__(
        self,
        prekeys: PreKeys,
        book: AddressBook,
        clock: Clock,
        *,
        processes: int = 1,
        idle: Callable[[], bool] = lambda: True,
        every_s: float = 60.0,
    ) -> None:
        self.prekeys, self.book, self.clock = prekeys, book, clock
        self.processes, self.idle, self.every_s = processes, idle, every_s

    async def run(self) -> None:
        """Refill until cancelled."""
        while True:
            try:
                await asyncio.to_thread(self.sweep)
            except Exception:
                # Without prepared keys alerts still go out, with keys made on the spot.
                _log.exception("keys could not be prepared")
            await self.clock.sleep(self.every_s)

    def sweep(self) -> int:
        """Look at every block once and fill it; how many keys were prepared. Blocks."""
        made = 0
        pool: ProcessPoolExecutor | None = None
        try:
            for block in self.prekeys.blocks():
                for lack in self.prekeys.lacking(block, self.clock.now()):
                    if not self.idle():
                        return made
                    if pool is None and len(lack.numbers):
                        # It lives for this sweep only: in calm nothing is held ready that is not needed.
                        spawn = multiprocessing.get_context("spawn")
                        pool = ProcessPoolExecutor(self.processes, mp_context=spawn, initializer=meek)
                    made += self._fill(lack, pool)
        finally:
            if pool is not None:
                pool.shutdown()
        return made

    def _fill(self, lack: Lack, pool: ProcessPoolExecutor | None) -> int:
        found = self.book.addresses(lack.numbers.tolist()) if len(lack.numbers) else {}
        aims = [aim(found[number].secrets) if number in found else None for number in lack.numbers.tolist()]
        flat = [one.point + one.auth for one in aims if one is not None]
        keys = b""
        if flat:
            assert pool is not None
            parts = [b"".join(flat[start : start + self.PART]) for start in range(0, len(flat), self.PART)]
            keys = b"".join(pool.map(prepare_all, parts))
        rest = iter([keys[start : start + PREPARED] for start in range(0, len(keys), PREPARED)])
        split = [next(rest) if one is not None else None for one in aims]
        return self.prekeys.put(lack, split, self.clock.now())

"""Sending soon: a warning that asks for no haste waits fifteen seconds in which it can be stopped, also over a restart.

- That it will be sent is a fact before the page says so (``draft:sending``), with who sends it, their proof of presence
  and the moment; stopping it is one (``draft:stopped``), and so is that it could not be sent (``draft:unsent``).
- Whoever starts again sends what is due. What has become too old for its proof is not sent by itself: a person is told.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from tocsin.errors import IllegalStepError, TocsinError
from tocsin.journal import Entry, Fact
from tocsin.remark import Remark, remark
from tocsin.warn.draft import DRAFT_CHANGED, DRAFT_PUBLISHED, DRAFT_REJECTED, DRAFT_WITHDRAWN

if TYPE_CHECKING:
    from tocsin.web.console.desk_room import DeskRoom

log = logging.getLogger("tocsin.web")

DRAFT_SENDING = "draft:sending"
DRAFT_STOPPED = "draft:stopped"
DRAFT_UNSENT = "draft:unsent"
ENDS = frozenset({DRAFT_STOPPED, DRAFT_UNSENT, DRAFT_PUBLISHED, DRAFT_CHANGED, DRAFT_REJECTED, DRAFT_WITHDRAWN})


class Sending(Struct, frozen=True):
    """The body of ``draft:sending``: who sends it, for which digest, when they proved to be present, and when it leaves."""

    person: str
    digest: str
    fresh: datetime
    due: datetime


class Unsent(Struct, frozen=True):
    """The body of ``draft:stopped`` and ``draft:unsent``: who stopped it, or why it could not be sent."""

    person: str
    reason: str = ""


class Sendings:
    """What is about to be sent in one room."""

    def __init__(self, room: DeskRoom) -> None:
        self.room = room
        self.waiting: dict[str, Sending] = {}
        self.failed: dict[str, Remark | str] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def apply(self, entry: Entry) -> None:
        """Take in one entry of this realm."""
        if entry.realm != self.room.house.settings.realm or not entry.kind.startswith("draft:"):
            return
        if entry.kind == DRAFT_SENDING:
            self.failed.pop(entry.subject, None)
            self.waiting[entry.subject] = entry.read(Sending)
        elif entry.kind in ENDS:
            self.waiting.pop(entry.subject, None)
            if entry.kind == DRAFT_UNSENT:
                self.failed[entry.subject] = entry.read(Unsent).reason
            elif entry.kind != DRAFT_STOPPED:
                self.failed.pop(entry.subject, None)

    async def begin(self, name: str, sending: Sending) -> None:
        """Put on record that ``name`` will be sent, and see to it; nothing where it waits already."""

        def step() -> list[Fact]:
            if name in self.waiting:
                return []
            return [self.room.fact(DRAFT_SENDING, name, sending)]

        await self.room.record(step)
        self.resume()

    async def stop(self, name: str, person: str) -> None:
        """Stop what is about to be sent; raises IllegalStepError where it is sent already."""

        def step() -> list[Fact]:
            if name not in self.waiting:
                raise IllegalStepError(remark("approve.sent", "it has been sent already; retract it"))
            return [self.room.fact(DRAFT_STOPPED, name, Unsent(person))]

        await self.room.record(step)
        task = self._tasks.pop(name, None)
        if task is not None:
            task.cancel()

    def resume(self) -> None:
        """See to everything that waits and that nobody sees to yet."""
        for name, sending in self.waiting.items():
            if name not in self._tasks:
                task = self._tasks[name] = asyncio.create_task(self._send(name, sending))
                task.add_done_callback(lambda _, name=name: self._tasks.pop(name, None))  # type: ignore[misc]

    async def _send(self, name: str, sending: Sending) -> None:
        room = self.room
        left = (sending.due - room.house.now()).total_seconds()
        if left > 0:
            await room.house.clock.sleep(left)
        began = room.steady()

        def step() -> list[Fact]:
            # Whoever stopped it was quicker: looking and recording are one step, so that not both can happen.
            if self.waiting.get(name) != sending:
                return []
            at = room.house.now()
            if room.desk.draft(name).digest != sending.digest:
                raise IllegalStepError(remark("desk.changed", "it has changed since you looked at it; look again"))
            facts = room.desk.publish(name, sending.person, sending.fresh, room.sign, at)
            return [*facts, room.stopped(name, began, at)]

        try:
            await room.record(step)
        except TocsinError as wrong:
            reason = wrong.detail or str(wrong)
            log.error("a warning that was to be sent could not be: %s %s", wrong.code, reason)
            await room.record(lambda: [room.fact(DRAFT_UNSENT, name, Unsent(sending.person, reason))])
            # The journal has it in English; while this process lives, people read it in their own language.
            self.failed[name] = wrong.remark

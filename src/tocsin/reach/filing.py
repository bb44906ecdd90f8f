"""Filing: what has changed of the marks gets onto the disk, a few times a second, in one commit.

- One turn at a time: whoever waits for a turn may rely on what an earlier one is still writing.
- What could not be written stays here and is tried again; nothing is answered for it before.
- A batch that has ended keeps a copy of its marks for who still asks, and gives its mapped bytes to the next.
"""

from __future__ import annotations

import asyncio

from tocsin.clock import Clock
from tocsin.journal import Fact, Journal
from tocsin.reach.course import Courses
from tocsin.reach.delivery import Batches, Mark
from tocsin.reach.lane import Work


class Filing:
    """The marks of one dispatch that are not on disk yet."""

    def __init__(self, journal: Journal, batches: Batches, courses: Courses, clock: Clock, realm: str) -> None:
        self.journal, self.batches, self.courses, self.clock, self.realm = journal, batches, courses, clock, realm
        self.changed = asyncio.Event()
        self.dirty: dict[int, Work] = {}
        self._late: list[tuple[str, int, Mark]] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._turn = asyncio.Lock()

    @property
    def busy(self) -> bool:
        """Whether something is not on disk yet."""
        return bool(self.dirty) or self._turn.locked()

    def put(self, work: Work) -> None:
        """Have the marks of a batch written."""
        self.dirty[work.batch.id] = work
        self.changed.set()

    async def kept(self, late: tuple[str, int, Mark] | None = None) -> None:
        """Return when what was changed until now is on disk, and with it a receipt for an alert of long ago."""
        if late is not None:
            self._late.append(late)
        saved: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(saved)
        self.changed.set()
        await saved

    async def flush(self) -> None:
        """Put the marks that changed on disk, in one commit; then say what is settled."""
        async with self._turn:
            await self._save()

    async def _save(self) -> None:
        late, self._late = self._late, []
        waiting, self._waiting = self._waiting, []
        changed, self.dirty = self.dirty, {}
        kept = [(number, work.marks.tobytes(), work.closed) for number, work in changed.items()]
        try:
            if kept:
                await asyncio.wrap_future(self.batches.save(kept))
            if late:
                await asyncio.wrap_future(self.batches.receive(late))
        except BaseException:
            self.dirty = {**changed, **self.dirty}
            self._late, self._waiting = [*late, *self._late], [*waiting, *self._waiting]
            raise
        for one in waiting:
            if not one.done():
                one.set_result(None)
        ended = [work for number, _, closed in kept if closed and not (work := changed[number]).saved]
        for work in ended:
            if work.batch.id not in self.dirty:
                # The mapped bytes are given to the next batch; who still asks about this one reads its own.
                work.marks, work.saved = work.marks.copy(), True
        self.batches.release([work.batch.id for work in ended if work.saved])
        facts: list[Fact] = self.courses.count(dict.fromkeys(work.batch.alert for work in changed.values()), self.realm)
        if facts:
            await asyncio.to_thread(self.journal.append, facts)
        alerts = list(dict.fromkeys(work.batch.alert for work in ended))
        if alerts:
            await asyncio.to_thread(self.batches.announce, alerts, self.courses.paces(alerts))

"""The incident room: what the pages of the incident desk share: stories, who has read them, and what drafts rest on them.

- The newsroom keeps the incidents; this room only asks it, and waits after a ruling until the newsroom has taken it in,
  so that an editor sees at once what they decided.
- What was known at a moment comes from the journal: reports that have newer versions by now are read there.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tocsin.assess.newsroom import Newsroom
from tocsin.assess.origin import Groups
from tocsin.assess.story import Story
from tocsin.assess.voice import groups
from tocsin.errors import NotFoundError
from tocsin.journal import Entry, Fact
from tocsin.recent import Recent
from tocsin.sense.report import REPORT_RECEIVED, Report
from tocsin.warn.backing import Backings
from tocsin.web.console.looked import Looked

if TYPE_CHECKING:
    from tocsin.web.house import House

KEPT = 64
PATIENCE_SECONDS, LOOK_SECONDS = 2.0, 0.02


class IncidentRoom:
    """What the incident desk of one house works with."""

    def __init__(self, house: House) -> None:
        self.house = house
        self._looked = Looked(house.settings.realm)
        self._backings = Backings(house.settings.realm)
        self._groups: Recent[tuple[str, int, int], Groups] = Recent(KEPT)
        self._lock = threading.Lock()

    @staticmethod
    def of(house: Any) -> IncidentRoom:
        """The one incident room of ``house``, opened when it is first entered."""
        room: IncidentRoom | None = getattr(house, "incident_room", None)
        if room is None:
            room = house.incident_room = IncidentRoom(house)
        return room

    @property
    def newsroom(self) -> Newsroom:
        """Where incidents are kept; :class:`NotFoundError` where this installation reads no news."""
        if self.house.newsroom is None:
            raise NotFoundError("this installation reads no news")
        return self.house.newsroom

    @property
    def looked(self) -> Looked:
        """Who has read what, up to now."""
        return self._looked.take_in(self.house.store)

    @property
    def backings(self) -> Backings:
        """Which drafts rest on which claims, up to now."""
        return self._backings.take_in(self.house.store)

    def story(self, name: str) -> Story:
        """The incident that is, or once was, called ``name``; :class:`NotFoundError` if none is."""
        found = self.newsroom.incident(name)
        if found is None:
            raise NotFoundError("there is no such incident")
        return found

    def as_of(self, name: str, until: datetime | int) -> Story | None:
        """The incident as it was known then."""
        return self.newsroom.as_of(name, until, self.report)

    def report(self, name: str) -> Report | None:
        """A report by its id, out of the journal."""
        found = self.house.store.about(REPORT_RECEIVED, name, 1)
        return found[0].read(Report) if found else None

    def groups(self, story: Story) -> Groups:
        """Which of the story's reports are one origin; found once for each state of it."""
        key = (story.id, story.seq, len(story.tellings))
        with self._lock:
            found = self._groups.get(key)
        if found is None:
            found = groups(story)
            with self._lock:
                self._groups[key] = found
        return found

    def corrections(self) -> list[Fact]:
        """What to record now: the flags of drafts and alerts that rest on what was corrected, and calls to their owners."""
        return self.backings.due(self.newsroom.holding, self.house.now())

    async def taken_in(self, entries: Sequence[Entry]) -> None:
        """Wait until the newsroom shows what was just recorded, or for two seconds at most."""
        if not entries or self.house.newsroom is None:
            return
        loop = asyncio.get_running_loop()
        until = loop.time() + PATIENCE_SECONDS
        while self.newsroom.shown < entries[-1].seq and loop.time() < until:  # noqa: ASYNC110 - the newsroom is a thread
            await asyncio.sleep(LOOK_SECONDS)

"""How a place stands, as values: the alerts that live there, what changed and when, and the one phase that follows.

- A standing says whose word it is, since when, until when, and when its source was last heard.
- What is said of a place is also said why: which alerts decide, and how they reach it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from msgspec import Struct

from tocsin.cap.alert import Alert
from tocsin.cap.phase import Phase
from tocsin.warn.publish import Published


class Live(Struct, frozen=True):
    """An alert that stands: as published, and where it has got to. ``read`` reads its message when somebody looks."""

    published: Published
    phase: Phase
    since: datetime | None
    ends: datetime | None
    read: Callable[[Published], Alert]

    @property
    def alert(self) -> Alert:
        """The alert as read."""
        return self.read(self.published)


class Change(Struct, frozen=True):
    """A change in the history of a place."""

    at: datetime
    phase: Phase
    identifier: str
    event_id: str
    version: int
    source: str
    relation: str


class Standing(Struct, frozen=True):
    """The phase of a place and all that a page says about it.

    ``last_phase`` is what was last known where the phase is unknown, and else the phase. ``relation`` says whether the
    deciding alert is for the same area, one that contains it, or a part of it; empty where none decides.
    """

    place: str
    phase: Phase
    last_phase: Phase
    since: datetime | None
    ends: datetime | None
    next_update_by: datetime | None
    alerts: tuple[Live, ...]
    why: tuple[str, ...]
    source: str
    last_heard: datetime | None
    event_id: str
    version: int
    relation: str

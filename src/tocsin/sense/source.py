"""A source: who speaks, how far it is trusted, and when it was last heard.

- Freshness is counted from what a source says and not from an HTTP status (F20): a feed that answers 200 with old
  content is as silent as one that does not answer.
- A source that was not heard for ``stale_after_intervals`` of its intervals is lost, and its areas are unknown.
- After a start nothing has been heard yet, so every area is unknown until its source speaks.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct

SOURCE_HEARD = "source:heard"
SOURCE_LOST = "source:lost"


class Source(Struct, frozen=True):
    """Who speaks.

    ``interval_s`` is how often it is expected to be heard, in seconds; ``covers`` the area codes for which its silence
    and its "nothing" count; ``official`` whether it is an authority for them; ``names`` its name by language.
    """

    id: str
    name: str
    kind: str
    covers: tuple[str, ...] = ()
    interval_s: float = 30.0
    official: bool = False
    realm: str = "actual"
    names: dict[str, str] = {}

    def fresh(self, last_heard: datetime | None, at: datetime, intervals: float = 2.0) -> bool:
        """Whether a source last heard at ``last_heard`` still counts as heard at ``at``."""
        return last_heard is not None and at - last_heard <= timedelta(seconds=self.interval_s * intervals)


class Heard(Struct, frozen=True):
    """The body of ``source:heard`` and ``source:lost``; the entry's subject is the source's id.

    ``source:heard`` is recorded when a source is first heard, heard again after a loss, and at most once a minute
    otherwise. ``covers`` repeats the source's areas so that the journal can be read without the settings of that day.
    """

    last_heard: datetime | None
    interval_s: float
    covers: tuple[str, ...]
    name: str
    reason: str = ""

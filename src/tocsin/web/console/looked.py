"""Looked: up to where each person has read an incident, so that what changed since can be shown, also after a restart.

- Having read is said by a button and not by a page that was loaded: what changed stays marked until somebody says so.
- It is a fact of the journal with the person's id and the entry up to which they have read; nobody else's look counts.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

from msgspec import Struct

from tocsin.assess.story import Story, name_of
from tocsin.journal import Journal, follow
from tocsin.recent import Recent

INCIDENT_SEEN = "incident:seen"
REMEMBERED = 20_000


class Seen(Struct, frozen=True):
    """The body of ``incident:seen``; the subject is the incident. ``upto`` is the entry that was on the page."""

    person: str
    upto: int


class Looked:
    """Who has read what, as the journal tells it."""

    def __init__(self, realm: str) -> None:
        self.realm, self.seq = realm, 0
        self._upto: Recent[tuple[str, str], int] = Recent(REMEMBERED)
        self._lock = threading.Lock()

    def take_in(self, journal: Journal) -> Looked:
        """Read what was recorded since the last time."""
        with self._lock:
            head = journal.head().seq
            for entry in follow(journal, self.seq, (INCIDENT_SEEN,)):
                self.seq = entry.seq
                if entry.realm != self.realm:
                    continue
                said, key = entry.read(Seen), entry.subject
                self._upto[said.person, key] = max(said.upto, self._upto.get((said.person, key), 0))
            self.seq = max(self.seq, head)
        return self

    def upto(self, person: str, story: Story) -> int:
        """The entry up to which a person has read ``story``, by whatever id it had then; 0 where they have not."""
        return max((self._upto.get((person, name), 0) for name in names_of(story)), default=0)


def names_of(story: Story) -> Iterable[str]:
    """Every id that an incident may have had: one for each report and each version before it."""
    return (story.id, *(name_of(report) for one in story.tellings for report in (one.report, *one.versions)))

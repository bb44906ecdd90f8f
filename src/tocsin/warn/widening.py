"""Widening: an alert goes to people once its own word was read back, and what was stopped says so until it is settled.

- ``alert:widened`` is the word that opens the way to subscribers. The machine says it when the channels match; a person
  says it for an alert that was stopped, with a reason and a proof of presence.
- ``loopback:stopped`` closes the way. It stands until the alert is widened by a person, or a newer version of its event
  is widened: a retraction, mostly.
- Both are facts: whoever starts again after a power cut reads here what was judged and what was not.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from tocsin.errors import IllegalStepError
from tocsin.journal import Entry, Fact, fact
from tocsin.warn.person import Act, People
from tocsin.warn.publish import ALERT_PUBLISHED, Published

ALERT_WIDENED = "alert:widened"
LOOPBACK_STOPPED = "loopback:stopped"


class Widened(Struct, frozen=True):
    """The body of ``alert:widened``; the subject is the alert.

    ``entry`` is the number of the ``alert:published`` that it opens, ``after_ms`` how long reading back took, ``person``
    and ``reason`` who sent it on although a channel shows something else.
    """

    event_id: str
    version: int
    entry: int
    sentence: str
    after_ms: float = 0.0
    person: str = ""
    reason: str = ""


class Stopped(Struct, frozen=True):
    """The body of ``loopback:stopped``; the subject is the alert. What is wrong, in one sentence."""

    event_id: str
    version: int
    entry: int
    phase: str
    sentence: str
    draft: str = ""


class Held(Struct, frozen=True):
    """An alert that is stopped: its identifier, why, and since when."""

    identifier: str
    stopped: Stopped
    since: datetime


class Widening:
    """Which alerts are stopped now, as the journal of one realm tells it."""

    def __init__(self, realm: str) -> None:
        self._realm = realm
        self._held: dict[str, Held] = {}

    def apply(self, entry: Entry) -> None:
        """Take in one entry."""
        if entry.realm != self._realm:
            return
        if entry.kind == LOOPBACK_STOPPED:
            self._held[entry.subject] = Held(entry.subject, entry.read(Stopped), entry.at)
        elif entry.kind == ALERT_WIDENED and self._held:
            done = entry.read(Widened)
            for held in list(self._held.values()):
                if held.stopped.event_id == done.event_id and held.stopped.version <= done.version:
                    del self._held[held.identifier]

    def held(self) -> list[Held]:
        """Every alert that is stopped, the oldest first."""
        return sorted(self._held.values(), key=lambda one: one.since)

    def get(self, identifier: str) -> Held | None:
        """The stopped alert of this identifier, or None."""
        return self._held.get(identifier)

    def send_anyway(
        self, identifier: str, person: str, reason: str, fresh: bool, people: People, at: datetime
    ) -> list[Fact]:
        """Send a stopped alert on, on one person's word; raises IllegalStepError where nothing is stopped."""
        people.require(person, Act.PUBLISH, at)
        held = self._held.get(identifier)
        if held is None:
            raise IllegalStepError("this alert is not stopped")
        if not fresh:
            raise IllegalStepError("prove first that you are present")
        if not reason.strip():
            raise IllegalStepError("say why")
        was = held.stopped
        opened = Widened(
            was.event_id, was.version, was.entry, "Sent on by a person.", 0.0, person, reason.strip()[:500]
        )
        return [fact(ALERT_WIDENED, identifier, opened, self._realm)]


def widened(entry: Entry, done: Published, sentence: str, after_ms: float) -> Fact:
    """The fact that ``done``, published by ``entry``, goes to people."""
    body = Widened(done.event_id, done.version, entry.seq, sentence, round(after_ms, 1))
    return fact(ALERT_WIDENED, done.identifier, body, entry.realm)


def stopped(entry: Entry, done: Published, sentence: str) -> Fact:
    """The fact that ``done``, published by ``entry``, goes no further."""
    assert entry.kind == ALERT_PUBLISHED
    body = Stopped(done.event_id, done.version, entry.seq, done.phase, sentence, done.draft)
    return fact(LOOPBACK_STOPPED, done.identifier, body, entry.realm)

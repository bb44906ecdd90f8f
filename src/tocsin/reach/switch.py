"""The kill switch of each channel: who stopped it and why, as facts, so that it stays stopped over a restart.

- A channel that is stopped takes nothing new; what waits for it is not lost and goes on when it is started again, as
  long as the alert holds. People who have another channel are tried by that one (:mod:`tocsin.reach.ladder`).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from tocsin.journal import Entry, Fact, fact

CHANNEL_STOPPED = "channel:stopped"
CHANNEL_STARTED = "channel:started"
KINDS = (CHANNEL_STOPPED, CHANNEL_STARTED)


class Switched(Struct, frozen=True):
    """The body of both; the entry's subject is the channel. ``by`` is a person's id."""

    by: str
    reason: str = ""


class Stop(Struct, frozen=True):
    """A channel that is stopped: since when, by whom, and why."""

    since: datetime
    by: str
    reason: str


def stopped(entries: Iterable[Entry], realm: str) -> dict[str, Stop]:
    """The channels that are stopped after ``entries``."""
    found: dict[str, Stop] = {}
    for entry in entries:
        if entry.realm == realm and entry.kind == CHANNEL_STOPPED:
            said = entry.read(Switched)
            found[entry.subject] = Stop(entry.at, said.by, said.reason)
        elif entry.realm == realm and entry.kind == CHANNEL_STARTED:
            found.pop(entry.subject, None)
    return found


def switched(channel: str, on: bool, by: str, reason: str, realm: str) -> Fact:
    """The fact that somebody stopped a channel or started it again."""
    return fact(CHANNEL_STARTED if on else CHANNEL_STOPPED, channel, Switched(by, reason), realm)

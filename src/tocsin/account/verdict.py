"""A verdict: what a channel showed of an alert when it was read back, and how long the alert waited for that.

- Dark is not wrong: the channel showed nothing in time, the alert went on, and that is said.
- A stop is told with what opened the way again: a person with a reason, or a newer version.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from tocsin.account.chronicle import Chronicle
from tocsin.warn.loopback import LOOPBACK_DARK, LOOPBACK_MATCHED, LOOPBACK_MISMATCHED, Compared
from tocsin.warn.widening import ALERT_WIDENED, LOOPBACK_STOPPED, Stopped, Widened

_SHOWN = {LOOPBACK_MATCHED: "matched", LOOPBACK_MISMATCHED: "mismatched", LOOPBACK_DARK: "dark"}


class Verdict(Struct, frozen=True):
    """One channel's word on one alert: matched, mismatched or dark; ``wrong`` names what differed."""

    identifier: str
    channel: str
    at: datetime
    shown: str
    wrong: tuple[str, ...]


class Opening(Struct, frozen=True):
    """When the way to subscribers opened for an alert: ``after_s`` from its publication.

    ``stopped`` is when it was stopped before; ``person`` and ``reason`` are of who sent it on all the same.
    """

    identifier: str
    opened: datetime | None
    after_s: float | None
    stopped: datetime | None = None
    sentence: str = ""
    person: str = ""
    reason: str = ""

    def public(self) -> Opening:
        """Without the person and the reason."""
        return replace(self, person="", reason="")


def verdicts(found: Chronicle) -> tuple[Verdict, ...]:
    """Every word of a channel, in the order of the journal."""
    return tuple(
        Verdict(entry.subject, said.channel, entry.at, _SHOWN[entry.kind], said.wrong)
        for entry in found.entries
        if entry.kind in _SHOWN
        for said in (entry.read(Compared),)
    )


def openings(found: Chronicle) -> tuple[Opening, ...]:
    """Each alert that was opened to subscribers, or stopped before that."""
    published = {alert.identifier: at for at, alert in found.alerts}
    made: dict[str, Opening] = {}
    for entry in found.entries:
        known = made.get(entry.subject) or Opening(entry.subject, None, None)
        if entry.kind == LOOPBACK_STOPPED:
            made[entry.subject] = replace(known, stopped=entry.at, sentence=entry.read(Stopped).sentence)
        elif entry.kind == ALERT_WIDENED and known.opened is None:
            done = entry.read(Widened)
            since = published.get(entry.subject)
            after = round((entry.at - since).total_seconds(), 3) if since is not None else None
            made[entry.subject] = replace(known, opened=entry.at, after_s=after, person=done.person, reason=done.reason)
    return tuple(made.values())

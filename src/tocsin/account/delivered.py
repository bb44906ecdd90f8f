"""Delivered: how an alert reached people by each channel, and whether what ends it reached everybody who had been alerted.

- Numbers are those of ``delivery:sealed`` and ``delivery:settled``; a channel that was sealed and never settled stays open here.
- The curve says after how many seconds the first, half, 95 and 99 of a hundred had been accepted, counted from publication.
- A channel that took nothing is silent, whatever it answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tocsin.account.chronicle import Chronicle
from tocsin.account.issue import Issue
from tocsin.cap.phase import ENDED
from tocsin.reach.delivery import DELIVERY_SEALED, DELIVERY_SETTLED, Sealed, Settled
from tocsin.warn.publish import WARNS

REACHED = ("accepted", "shown", "answered")
"""Outcomes that are a proof of delivery."""


class Delivered(Struct, frozen=True):
    """One alert by one channel. ``settled`` is None while it is under way. ``areas`` and ``languages`` count recipients.

    ``curve`` is the seconds from publication after which the first, 50, 95 and 99 of a hundred were accepted.
    """

    identifier: str
    channel: str
    sealed: datetime
    settled: datetime | None
    recipients: int
    accepted: int
    shown: int
    answered: int
    failed: int
    outcomes: dict[str, int]
    curve: dict[str, float] = {}
    areas: dict[str, int] = {}
    languages: dict[str, int] = {}

    @property
    def silent(self) -> bool:
        """Whether nobody is known to have been reached though there was somebody to reach."""
        return self.recipients > 0 and self.accepted == 0

    def public(self, small: int) -> Delivered:
        """Without numbers below ``small``: they are left out, or told as nought where all of them are."""
        return replace(
            self,
            outcomes={name: count for name, count in self.outcomes.items() if count >= small},
            areas={code: count for code, count in self.areas.items() if count >= small},
            languages={language: count for language, count in self.languages.items() if count >= small},
        )


class Coverage(Struct, frozen=True):
    """How many of those whom an event had alerted also got what ended it, by channel."""

    event_id: str
    identifier: str
    channel: str
    alerted: int
    told: int


def delivered(found: Chronicle) -> tuple[Delivered, ...]:
    """Every alert of the event by every channel, in the order of sealing."""
    made: dict[tuple[str, str], Delivered] = {}
    published = {alert.identifier: at for at, alert in found.alerts}
    for entry in found.entries:
        if entry.kind == DELIVERY_SEALED:
            sealed = entry.read(Sealed)
            more: dict[str, Any] = msgspec.json.decode(entry.body)
            made[sealed.alert, sealed.channel] = Delivered(
                sealed.alert,
                sealed.channel,
                entry.at,
                None,
                sealed.recipients,
                0,
                0,
                0,
                0,
                {},
                areas=more.get("areas", {}),
                languages=more.get("languages", {}),
            )
        elif entry.kind == DELIVERY_SETTLED:
            settled = entry.read(Settled)
            key = settled.alert, settled.channel
            ended = settled.outcomes
            reached = sum(ended.get(name, 0) for name in REACHED)
            total = sum(ended.values())
            known = made.get(key) or Delivered(*key, published[settled.alert], None, total, 0, 0, 0, 0, {})
            made[key] = replace(
                known,
                settled=entry.at,
                accepted=reached,
                shown=ended.get("shown", 0) + ended.get("answered", 0),
                answered=ended.get("answered", 0),
                failed=total - reached,
                outcomes=ended,
                curve=msgspec.json.decode(entry.body).get("curve", {}),
            )
    return tuple(made.values())


def coverage(made: Sequence[Issue], sent: Sequence[Delivered]) -> tuple[Coverage, ...]:
    """For what ended an event: how many were alerted by a channel at most, and how many were told of the end by it."""
    by = {(one.identifier, one.channel): one for one in sent}
    channels = list(dict.fromkeys(one.channel for one in sent))
    found = []
    for number, end in enumerate(made):
        if end.phase not in ENDED:
            continue
        before = [issue for issue in made[:number] if issue.event_id == end.event_id and issue.phase in WARNS]
        for channel in channels:
            alerted = max(
                (by[i.identifier, channel].accepted for i in before if (i.identifier, channel) in by), default=0
            )
            if alerted:
                told = by.get((end.identifier, channel))
                found.append(
                    Coverage(end.event_id, end.identifier, channel, alerted, told.accepted if told is not None else 0)
                )
    return tuple(found)

"""Delivered: how an alert reached people by each channel, and whether what ends it reached everybody who had been alerted.

- Numbers are those of ``delivery:sealed`` and ``delivery:settled``; a channel that was sealed and never settled stays open here.
- The curve says after how many seconds the first, half, 95 and 99 of a hundred had been accepted, counted from publication.
- When receipts are summed up, some days after an event, the counts that are recorded then are those that hold: they have the
  receipts that came late as well.
- A channel that took nothing is silent, whatever it answered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tocsin.account.chronicle import Chronicle
from tocsin.account.issue import Issue
from tocsin.account.rounding import Rounding
from tocsin.cap.phase import ENDED
from tocsin.reach.delivery import DELIVERY_SEALED, DELIVERY_SETTLED, DELIVERY_SUMMED, Sealed, Settled, Summed
from tocsin.warn.publish import WARNS

REACHED = ("accepted", "shown", "answered")
"""Outcomes that are a proof of delivery."""


class Delivered(Struct, frozen=True):
    """One alert by one channel. ``settled`` is None while it is under way. ``areas`` and ``languages`` count recipients.

    ``curve`` is the seconds from publication after which the first, 50, 95 and 99 of a hundred were accepted;
    ``curve_partial`` says that what happened before a restart is not in it.
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
    curve_partial: bool = False
    areas: dict[str, int] = {}
    languages: dict[str, int] = {}

    @property
    def silent(self) -> bool:
        """Whether nobody is known to have been reached though there was somebody to reach."""
        return self.recipients > 0 and self.accepted == 0

    def public(self, told: Rounding) -> Delivered:
        """With numbers for everybody: none from which one person could be told."""
        return replace(
            self,
            recipients=told(self.recipients),
            accepted=told(self.accepted),
            shown=told(self.shown),
            answered=told(self.answered),
            failed=told(self.failed),
            outcomes={name: told(count) for name, count in self.outcomes.items()},
            areas={code: told(count) for code, count in self.areas.items() if told(count)},
            languages={language: told(count) for language, count in self.languages.items() if told(count)},
            curve=self.curve if told(self.accepted) else {},
        )


class Coverage(Struct, frozen=True):
    """How many of those whom an event had alerted also got what ended it, by channel."""

    event_id: str
    identifier: str
    channel: str
    alerted: int
    told: int

    def public(self, told: Rounding) -> Coverage:
        """With numbers for everybody."""
        return replace(self, alerted=told(self.alerted), told=told(self.told))


class Reach(Struct, frozen=True):
    """Addresses that one alert went to, by area code and by language, over all channels that tell them.

    A person with two channels counts twice; ``untold`` are those of channels that tell neither.
    """

    identifier: str
    areas: dict[str, int]
    languages: dict[str, int]
    untold: int

    def public(self, told: Rounding) -> Reach:
        """With numbers for everybody."""
        return replace(
            self,
            areas={code: told(count) for code, count in self.areas.items() if told(count)},
            languages={tag: told(count) for tag, count in self.languages.items() if told(count)},
            untold=told(self.untold),
        )


def delivered(found: Chronicle) -> tuple[Delivered, ...]:
    """Every alert of the event by every channel, in the order of sealing."""
    made: dict[tuple[str, str], Delivered] = {}
    published = {alert.identifier: at for at, alert in found.alerts}
    for entry in found.entries:
        if entry.kind == DELIVERY_SEALED:
            sealed = entry.read(Sealed)
            more: dict[str, Any] = msgspec.json.decode(entry.body)
            key = sealed.alert, sealed.channel
            known = made.get(key) or Delivered(*key, entry.at, None, 0, 0, 0, 0, 0, {})
            made[key] = replace(
                known,
                sealed=entry.at,
                recipients=sealed.recipients,
                areas=more.get("areas", {}),
                languages=more.get("languages", {}),
            )
        elif entry.kind == DELIVERY_SETTLED:
            settled, told = entry.read(Settled), msgspec.json.decode(entry.body)
            key = settled.alert, settled.channel
            total = sum(settled.outcomes.values())
            known = made.get(key) or Delivered(*key, published[settled.alert], None, total, 0, 0, 0, 0, {})
            made[key] = replace(
                _ended(known, settled.outcomes),
                settled=entry.at,
                curve=told.get("curve", {}),
                curve_partial=bool(told.get("curve_partial", False)),
            )
        elif entry.kind == DELIVERY_SUMMED:
            summed = entry.read(Summed)
            key = summed.alert, summed.channel
            if (held := made.get(key)) is not None:
                made[key] = replace(_ended(held, summed.outcomes), settled=held.settled or entry.at)
    return tuple(made.values())


def _ended(known: Delivered, outcomes: dict[str, int]) -> Delivered:
    """``known`` with how its deliveries ended."""
    reached = sum(outcomes.get(name, 0) for name in REACHED)
    return replace(
        known,
        accepted=reached,
        shown=outcomes.get("shown", 0) + outcomes.get("answered", 0),
        answered=outcomes.get("answered", 0),
        failed=sum(outcomes.values()) - reached,
        outcomes=outcomes,
    )


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


def reach(sent: Sequence[Delivered]) -> tuple[Reach, ...]:
    """Where and in which languages each alert was sent, in the order of sealing."""
    made: dict[str, tuple[Counter[str], Counter[str], int]] = {}
    for one in sent:
        areas, languages, untold = made.setdefault(one.identifier, (Counter(), Counter(), 0))
        areas.update(one.areas)
        languages.update(one.languages)
        if not one.areas and not one.languages:
            made[one.identifier] = areas, languages, untold + one.recipients
    return tuple(
        Reach(name, dict(areas), dict(languages), untold)
        for name, (areas, languages, untold) in made.items()
        if areas or languages
    )

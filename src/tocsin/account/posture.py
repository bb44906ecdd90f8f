"""A posture: how a facility stood because of an event, for how long, and how long nobody looked again as promised.

- A state lasts until the next one that is set for the same facility; the one that follows belongs here even when it has
  another reason, because it is what ended ours.
- Overdue is counted from the promised review to the next word, or to the moment of the review.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from tocsin.account.chronicle import Chronicle
from tocsin.account.facility import FACILITY_SET, FacilityState


class Posture(Struct, frozen=True):
    """One state of one facility. ``until`` is when the next was set, None while it stands; ``overdue_s`` how long it went
    unreviewed after ``review_by``. ``alert`` is the alert that is its reason.
    """

    facility: str
    name: str
    status: str
    reason: str
    alert: str
    by: str
    since: datetime
    recorded: datetime
    review_by: datetime
    until: datetime | None
    overdue_s: float

    def public(self) -> Posture:
        """Without who set it."""
        return replace(self, by="")


def postures(found: Chronicle, at: datetime) -> tuple[Posture, ...]:
    """Every state of the event's facilities, in the order of the journal."""
    made: list[Posture] = []
    standing: dict[str, int] = {}
    for entry in found.entries:
        if entry.kind != FACILITY_SET:
            continue
        before = standing.get(entry.subject)
        if before is not None:
            made[before] = _ended(made[before], entry.at)
        state = entry.read(FacilityState)
        standing[entry.subject] = len(made)
        made.append(
            Posture(
                entry.subject,
                state.name,
                state.status.value,
                state.reason.value,
                state.alert,
                state.by,
                state.since,
                entry.at,
                state.review_by,
                None,
                0.0,
            )
        )
    known = {alert.identifier for _, alert in found.alerts} | set(found.events)
    for place in standing.values():
        # What ended ours and has another reason is another event's to mind from then on.
        if made[place].alert in known:
            made[place] = replace(made[place], overdue_s=_overdue(made[place], at))
    return tuple(made)


def _ended(one: Posture, at: datetime) -> Posture:
    return replace(one, until=at, overdue_s=_overdue(one, at))


def _overdue(one: Posture, until: datetime) -> float:
    return max(0.0, round((until - one.review_by).total_seconds(), 3))

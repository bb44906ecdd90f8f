"""Facility status: what an organisation keeps open, limited, closed or in shelter, since when and until which review.

- Five words and no other; a state nobody has looked at in time is overdue, and overdue is never shown as open (F30).
- Every state has its next review; there is none without an end.
- It says why, and where an alert is the reason it names that alert. The whole history is the journal.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from tocsin.errors import ParameterError
from tocsin.journal import Entry

FACILITY_SET = "facility:set"
KINDS = (FACILITY_SET,)
OVERDUE = "overdue"


class Status(StrEnum):
    """How a facility stands."""

    OPEN = "open"
    LIMITED = "limited"
    CLOSED = "closed"
    SHELTER = "shelter-in-place"
    UNKNOWN = "unknown"


class Offer(StrEnum):
    """What a facility does for people."""

    EMERGENCY = "emergency"
    CONSULAR = "consular"
    VISAS = "visas"
    PASSPORTS = "passports"
    NOTARY = "notary"
    VISITORS = "visitors"


class Reason(StrEnum):
    """Why a facility stands as it does."""

    NONE = ""
    THREAT = "threat"
    DAMAGE = "damage"
    POWER = "power"
    WEATHER = "weather"
    HOLIDAY = "holiday"
    STAFF = "staff"


class FacilityState(Struct, frozen=True):
    """The body of ``facility:set``; the subject is the facility's id. ``review_by`` is when somebody looks again.

    ``place`` is an area code, ``services`` what still goes on, ``phone`` the organisation's own number for people in
    need, ``alert`` the identifier of the alert that is the reason.
    """

    name: str
    place: str
    status: Status
    since: datetime
    review_by: datetime
    services: tuple[Offer, ...] = ()
    phone: str = ""
    reason: Reason = Reason.NONE
    alert: str = ""
    by: str = ""

    def overdue(self, at: datetime) -> bool:
        """Whether the review that was promised did not come."""
        return at >= self.review_by

    def shown(self, at: datetime) -> str:
        """What may be said of it at ``at``: its status, or ``overdue``."""
        return OVERDUE if self.overdue(at) else self.status.value


def checked(state: FacilityState, at: datetime) -> FacilityState:
    """``state`` if it may be set at ``at``; :class:`ParameterError` with what is missing."""
    if not state.name.strip() or len(state.name) > 120:
        raise ParameterError("name: the facility's name in at most 120 letters")
    if not state.place:
        raise ParameterError("place: the code of the area it is in")
    if state.review_by <= at:
        raise ParameterError("review_by: the next review lies in the future")
    if state.since > at:
        raise ParameterError("since: a state begins when it is set, or before")
    return state


class Facilities:
    """Every facility of one realm, as the journal tells it."""

    def __init__(self, realm: str) -> None:
        self.realm = realm
        self.history: dict[str, list[tuple[int, FacilityState]]] = {}

    def apply(self, entry: Entry) -> None:
        """Take in one entry; applied twice it changes nothing the second time."""
        if entry.kind != FACILITY_SET or entry.realm != self.realm:
            return
        known = self.history.setdefault(entry.subject, [])
        if not known or known[-1][0] < entry.seq:
            known.append((entry.seq, entry.read(FacilityState)))

    def current(self) -> dict[str, FacilityState]:
        """How each stands, by id."""
        return {name: states[-1][1] for name, states in self.history.items()}

    def at(self, places: frozenset[str]) -> dict[str, FacilityState]:
        """Those in any of ``places`` (area codes)."""
        return {name: state for name, state in self.current().items() if state.place in places}

"""Facilities over HTTP: what is open, limited, closed or sheltering, until which review, as JSON and as a page.

- What is overdue is said to be overdue; what it was set to last stands beside it and is not its status.
- The whole history is there, each state with the journal's number of its entry.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.types import ASGIApp

from tocsin.account.facility import FacilityState
from tocsin.errors import NotFoundError
from tocsin.web.leaf import leaf
from tocsin.web.listing import Code
from tocsin.web.openapi import Answer, Operation, asked
from tocsin.web.ready import Ready
from tocsin.web.rolls import standing
from tocsin.web.shapes import JSON, Realm
from tocsin.web.state import Moment, moment

if TYPE_CHECKING:
    from tocsin.web.api import Interface
    from tocsin.web.house import House

Word = Literal["open", "limited", "closed", "shelter-in-place", "unknown"]
Shown = Literal["open", "limited", "closed", "shelter-in-place", "unknown", "overdue"]
MOST = 500


class FacilitiesQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which facilities."""

    place: Annotated[Code, Meta(description="Only those in this area.")] | None = None


class Facility(Struct, frozen=True):
    """One facility as it stands. ``alert`` is the address of the alert that is the reason."""

    id: str
    name: str
    place: str
    status: Annotated[Shown, Meta(description="overdue where the promised review did not come: read it as not known.")]
    last_status: Annotated[Word, Meta(description="What it was set to last.")]
    overdue: bool
    since: Moment
    review_by: Moment
    services: tuple[str, ...]
    phone: str
    reason: str
    alert: str


class FacilityList(Struct, frozen=True):
    """The facilities of this installation."""

    realm: Realm
    as_of: Moment
    facilities: tuple[Facility, ...]


class FacilityThen(Struct, frozen=True):
    """A state that was set. ``entry`` is its number in the journal."""

    entry: int
    status: Word
    since: Moment
    review_by: Moment
    reason: str
    alert: str


class FacilityHistory(Struct, frozen=True):
    """One facility, as it stands and as it stood, newest first."""

    facility: Facility
    history: tuple[FacilityThen, ...]


def told(name: str, state: FacilityState, at: datetime) -> Facility:
    """One facility for machines."""
    return Facility(
        name,
        state.name,
        state.place,
        state.shown(at),  # type: ignore[arg-type]
        state.status.value,
        state.overdue(at),
        moment(state.since) or "",
        moment(state.review_by) or "",
        tuple(one.value for one in state.services),
        state.phone,
        state.reason.value,
        _alert(state),
    )


def _alert(state: FacilityState) -> str:
    from tocsin.web.feed import address_of

    return address_of(state.alert) if state.alert else ""


async def facilities(interface: Interface, request: Request) -> ASGIApp:
    """``GET /v1/facilities``."""
    query, house, at = asked(request, FacilitiesQuery), interface.house, interface.house.now()
    place = house.place(query.place).code if query.place else None
    found = [told(name, state, at) for name, state in standing(house, place).items()][:MOST]
    made = FacilityList(_realm(house), moment(at) or "", tuple(found))
    return Ready(msgspec.json.encode(made), JSON, request.url.path, cache="no-cache")


async def facility(interface: Interface, request: Request) -> ASGIApp:
    """``GET /v1/facilities/{id}``."""
    house, name, at = interface.house, request.path_params["id"], interface.house.now()
    state = standing(house).get(name)
    if state is None:
        raise NotFoundError
    before = [
        FacilityThen(
            seq,
            one.status.value,
            moment(one.since) or "",
            moment(one.review_by) or "",
            one.reason.value,
            _alert(one),
        )
        for seq, one in reversed(house.rolls.facilities.history[name][-MOST:])
    ]
    made = FacilityHistory(told(name, state, at), tuple(before))
    return Ready(msgspec.json.encode(made), JSON, request.url.path, cache="no-cache")


async def page(interface: Interface, request: Request) -> ASGIApp:
    """``GET /facilities``: what is open, for people."""
    house, at = interface.house, interface.house.now()
    wanted = request.query_params.get("place", "")
    place = house.place(wanted).code if wanted else None
    home = place or house.settings.home
    rows = [(told(name, state, at), state) for name, state in standing(house, place).items()]
    return leaf(house, request, "facilities.html", rows=rows, home=home, gazetteer=house.gazetteer)


def _realm(house: House) -> Realm:
    return "exercise" if house.settings.realm == "exercise" else "actual"


FACILITIES: tuple[Operation, ...] = (
    Operation(
        "GET",
        "/v1/facilities",
        facilities,
        "What this organisation keeps open, limited or closed, until which review. Overdue means not known.",
        (Answer(200, "The facilities.", JSON, FacilityList), Answer(304, "Nothing changed.", "")),
        FacilitiesQuery,
        faults=("input.place-unknown",),
        conditional=True,
    ),
    Operation(
        "GET",
        "/v1/facilities/{id}",
        facility,
        "One facility and its history.",
        (Answer(200, "The facility.", JSON, FacilityHistory), Answer(304, "Nothing changed.", "")),
        faults=("person.not-found",),
        conditional=True,
        parameters={"id": "The facility's id."},
    ),
    Operation(
        "GET",
        "/facilities",
        page,
        "What is open, as a page.",
        (Answer(200, "A page.", "text/html"),),
        faults=("input.place-unknown",),
    ),
)
"""The operations of facilities."""

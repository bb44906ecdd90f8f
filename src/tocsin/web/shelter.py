"""Shelters for machines: the nearest to a point, a report of a locked door, and the package of a place for offline use.

- Where somebody asks from is used for the answer and kept nowhere; it is in no log and in no journal.
- A report bears no identity, counts once a person and shelter, and few are taken from one address, so that nobody can
  make a city's shelters doubtful.
- The package of a place (:mod:`tocsin.web.shelter_package`) is made again when one of its shelters changed.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from tocsin.account.shelter import Status, within_m
from tocsin.account.shelters import Near
from tocsin.errors import NotFoundError, RateLimitedError
from tocsin.recent import Recent
from tocsin.web.guard import Buckets
from tocsin.web.listing import LatLon, point_of
from tocsin.web.openapi import Answer, Operation, asked, decoded
from tocsin.web.problem import Refusal
from tocsin.web.ready import Ready
from tocsin.web.shapes import JSON, Language, Realm, StateQuery
from tocsin.web.shelter_package import WALKING, OfflinePackage, Walking, package
from tocsin.web.state import Moment, moment
from tocsin.web.text import FALLBACK, offered, texts
from tocsin.web.titles import language_of

if TYPE_CHECKING:
    from tocsin.web.api import Interface
    from tocsin.web.house import House

PACKAGES_KEPT = 64
StatusWord = Literal["open", "unknown", "doubtful", "closed"]
_EVERY = frozenset({Status.OPEN, Status.UNKNOWN, Status.DOUBTFUL})


class SheltersQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Where from, and which."""

    point: LatLon
    limit: Annotated[int, Meta(ge=1, le=50, description="The most shelters in one answer.")] = 5
    reachable_within: (
        Annotated[float, Meta(gt=0, le=600, description="Only those that can be walked to in so many minutes.")] | None
    ) = None
    status: (
        Annotated[StatusWord, Meta(description="Only those that are so now; else all that are not closed.")] | None
    ) = None
    step_free: Annotated[bool | None, Meta(description="true: only those known to be step-free.")] = None
    language: Language | None = None
    lang: Language | None = None


class ShelterNear(Struct, frozen=True):
    """A shelter seen from a point. Null means that nobody has said; ``unknown`` is never open."""

    id: str
    name: str
    lat: float
    lon: float
    distance_m: int
    minutes_on_foot: int
    status: StatusWord
    capacity: int | None
    step_free: bool | None
    verified_open_at: Moment | None
    address: str
    kind: str
    pets: bool | None
    hours: Annotated[str, Meta(description="In the form of OSM's opening_hours, or in the source's own words.")]


class Advice(Struct, frozen=True):
    """What to do where no shelter can be reached in the time there is."""

    title: str
    text: str


class ShelterList(Struct, frozen=True):
    """The nearest shelters, nearest first; ``advice`` where none of them is open or may be, within reach."""

    realm: Realm
    as_of: Moment
    shelters: tuple[ShelterNear, ...]
    walking: Walking
    advice: Advice | None


class LockedReport(Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody found at a shelter."""

    found: Literal["locked"]


class LockedTaken(Struct, frozen=True):
    """How the shelter stands with this report."""

    id: str
    status: StatusWord


class Desk:
    """What is kept between requests about a house's shelters: packages, and how often somebody reported."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.reports = Buckets(1 / 60, 5)
        self._kept: Recent[tuple[str, str], tuple[int, Ready]] = Recent(PACKAGES_KEPT)
        self._packing = asyncio.Lock()

    @staticmethod
    def of(house: House) -> Desk:
        """The one of this house."""
        found: Desk | None = getattr(house, "shelter_desk", None)
        if found is None:
            found = Desk(house)
            house.shelter_desk = found
        return found

    def report(self, identity: str, client: Any) -> Status:
        """Take a report from an address; :class:`Refusal` when too many come from there."""
        shelters, visitor = self.house.shelters, self.house.limits.visitor(client)
        if shelters is None:
            raise NotFoundError
        shelters.get(identity)
        if wait := self.reports.take(visitor, self.house.limits.steady()):
            raise Refusal(RateLimitedError(), retry_after=max(1, int(wait + 0.999)))
        return shelters.report(identity, visitor)

    async def package(self, code: str, language: str) -> Ready:
        """The package of a place, made again when a shelter changed."""
        house = self.house
        place = house.place(code)
        edition = house.shelters.edition if house.shelters is not None else 0
        kept = self._kept.get((place.code, language))
        if kept is not None and kept[0] == edition:
            return kept[1]
        async with self._packing:
            made = await asyncio.to_thread(self._pack, place.code, language)
        self._kept[place.code, language] = edition, made
        return made

    def _pack(self, code: str, language: str) -> Ready:
        return Ready(
            package(self.house, code, language),
            JSON,
            f"/v1/shelters/offline/{code}.json",
            cache="public, max-age=300",
            vary="Accept-Encoding, Accept-Language",
            extra=((b"content-language", language.encode()),),
        )


def told(near: Near, language: str) -> ShelterNear:
    """A shelter for an answer."""
    one = near.shelter
    return ShelterNear(
        one.id,
        one.name(language),
        one.latitude / 1e6,
        one.longitude / 1e6,
        round(near.distance_m),
        near.minutes,
        near.status.value,
        one.capacity,
        one.step_free,
        moment(near.verified),
        one.address,
        one.kind.value,
        one.pets,
        one.hours or one.hours_said,
    )


def advice(language: str, minutes: float | None) -> Advice:
    """What to do where none can be reached."""
    t = texts(language if language in offered((language,)) else FALLBACK)
    title = t.say("shelter.none.in", minutes=f"{minutes:g}") if minutes is not None else t.say("shelter.none")
    return Advice(title, t.say("shelter.none.text"))


# --- the operations --------------------------------------------------------------------------------------------------


async def nearest(interface: Interface, request: Request) -> ASGIApp:
    """The nearest shelters to a point."""
    query, house, at = asked(request, SheltersQuery), interface.house, interface.house.now()
    language = query.language if query.language in house.languages else language_of(request, house.languages)
    point, found = point_of(query.point), list[Near]()
    if house.shelters is not None:
        found = house.shelters.nearest(
            point.latitude,
            point.longitude,
            at,
            query.limit,
            most_m=within_m(query.reachable_within) if query.reachable_within is not None else float("inf"),
            wanted=frozenset({Status(query.status)}) if query.status is not None else _EVERY,
            step_free=query.step_free is True,
        )
    made = ShelterList(
        "exercise" if house.settings.realm == "exercise" else "actual",
        moment(at) or "",
        tuple(told(one, language) for one in found),
        WALKING,
        None if found else advice(language, query.reachable_within),
    )
    # Where somebody stood is in the address; no cache on the way keeps it.
    headers = {"Cache-Control": "no-store", "Access-Control-Allow-Origin": "*", "Content-Language": language}
    return Response(msgspec.json.encode(made), 200, headers, JSON)


async def report(interface: Interface, request: Request) -> ASGIApp:
    """Report a locked door."""
    from tocsin.web.api import _body, _take

    house, identity = interface.house, str(request.path_params["id"])
    _take(request, (JSON,))
    content = await _body(request)
    decoded(content, LockedReport)

    async def work() -> Response:
        status = await asyncio.to_thread(Desk.of(house).report, identity, request.client)
        return Response(
            msgspec.json.encode(LockedTaken(identity, status.value)), 202, {"Cache-Control": "no-store"}, JSON
        )

    return await interface.repeats.once(request, house.limits.visitor(request.client), content, house.now(), work)


async def offline(interface: Interface, request: Request) -> ASGIApp:
    """The package of a place."""
    house = interface.house
    asked(request, StateQuery)
    language = language_of(request, house.languages)
    return await Desk.of(house).package(request.path_params["code"], language)


SHELTERS: tuple[Operation, ...] = (
    Operation(
        "GET",
        "/v1/shelters",
        nearest,
        "The nearest shelters to a point that are not closed, nearest first, with minutes on foot.",
        (Answer(200, "The shelters, and what to do where there is none.", JSON, ShelterList),),
        SheltersQuery,
    ),
    Operation(
        "POST",
        "/v1/shelters/{id}/report",
        report,
        "Report that a shelter's door is locked. Two people who do so make it doubtful; nobody is recorded.",
        (Answer(202, "Taken; how the shelter stands with it.", JSON, LockedTaken),),
        takes={JSON: LockedReport},
        faults=("person.not-found", "operator.store"),
        idempotent=True,
        parameters={"id": "The shelter's id."},
    ),
    Operation(
        "GET",
        "/v1/shelters/offline/{code}.json",
        offline,
        "The shelters of a place for a device without a network, signed, in at most 300 KB.",
        (Answer(200, "The package.", JSON, OfflinePackage), Answer(304, "Nothing changed.", "")),
        StateQuery,
        faults=("input.place-unknown",),
        conditional=True,
        parameters={"code": "Area code."},
    ),
)
"""What the interface answers about shelters."""

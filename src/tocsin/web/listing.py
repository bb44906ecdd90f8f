"""Listing alerts: what ``GET /v1/alerts`` finds, in bounded pages that lose and repeat nothing.

- A page without a cursor shows the newest first; ``next`` goes on to older ones. ``newer`` is for later: it gives what
  was published since, oldest first, so that who polls with it has every alert once, whatever happens between.
- A cursor is a journal number with its direction; a bare number (the ``id:`` of the stream) means "since".
- An area means itself, what it is part of and what is part of it (F21); an issuer's own polygon wins over codes.
- A page looks into a bounded number of alerts; where it ends early, ``next`` says where to go on. For a point those
  that are drawn elsewhere are passed over by their boxes (:mod:`tocsin.web.ground`), standing or not.
- It is found in steps of some milliseconds, between which the server has other turns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta, Struct

from tocsin.cap.coverage import Point, Where
from tocsin.errors import ParameterError
from tocsin.reach.bulletin import Bulletin, bulletin
from tocsin.web.register import Row, Shown

if TYPE_CHECKING:
    from tocsin.web.house import House

MOST = 200
LOOKED_AT = 600
"""Alerts one page looks into."""
ROWS_A_STEP, OPENED_A_STEP = 500, 16

POINT = r"^-?(90(\.0{1,9})?|[0-8]?[0-9](\.[0-9]{1,9})?),-?(180(\.0{1,9})?|(1[0-7][0-9]|[0-9]{1,2})(\.[0-9]{1,9})?)$"
LatLon = Annotated[str, Meta(pattern=POINT, description="Latitude,longitude in degrees (WGS 84), such as 50.45,30.52.")]
Code = Annotated[
    str, Meta(min_length=1, max_length=80, description="Area code: ISO 3166-1, ISO 3166-2 or of an area pack.")
]
Limit = Annotated[int, Meta(ge=1, le=MOST, description="The most alerts in one answer.")]


class AlertsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """What to list."""

    active: Annotated[bool | None, Meta(description="true: only those in force now; false: only the others.")] = None
    point: LatLon | None = None
    area: Code | None = None
    status: Annotated[
        Literal["Actual", "Exercise", "Test", "System"] | None, Meta(description="The message's CAP status.")
    ] = None
    after: (
        Annotated[
            str,
            Meta(pattern="^[bf]?[0-9]{1,18}$", description="A cursor from next or newer, or a stream's event id."),
        ]
        | None
    ) = None
    limit: Limit = 50
    format: Annotated[Literal["json", "geojson"] | None, Meta(description="Wins over Accept.")] = None


class Listed(Bulletin, frozen=True, kw_only=True):
    """An alert as the stream and webhooks tell it, with its journal number and its CAP status."""

    seq: int
    status: str
    msg_type: str


class AlertList(Struct, frozen=True):
    """A page of alerts. ``next``: older ones, null at the end; ``newer``: ask later for what came since."""

    realm: Literal["actual", "exercise"]
    alerts: tuple[Listed, ...]
    next: str | None
    newer: str


def listed(house: House, shown: Shown) -> Listed:
    """One alert for a list."""
    told: Bulletin = bulletin(shown.published, shown.alert, house.settings.realm, house.settings.public_url)
    fields = {name: getattr(told, name) for name in Bulletin.__struct_fields__}
    return Listed(**fields, seq=shown.seq, status=shown.alert.status, msg_type=shown.alert.msg_type)


def point_of(text: str) -> Point:
    """``LAT,LON`` in degrees as a point in micro-degrees."""
    latitude, _, longitude = text.partition(",")
    try:
        return Point(round(float(latitude) * 1e6), round(float(longitude) * 1e6))
    except ValueError:
        raise ParameterError("point: LAT,LON in degrees") from None


Page = tuple[list[Shown], str | None, str]


class Listing:
    """Finds alerts in one house."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.coverage, self.ground = house.ground.coverage, house.ground

    async def page(self, query: AlertsQuery, at: datetime) -> Page:
        """The alerts of a page, the cursor of the next one (None at the end), and the cursor for later.

        Others have their turn between its steps.
        """
        register = self.house.register
        newest = register.rows[-1].seq if register.rows else 0
        places = self._places(query)
        forward, number = _cursor(query.after)
        here = self.ground.at(point_of(query.point)) if query.active and query.point is not None else None
        rows: Iterable[Row]
        wanted = query.active if here is None else None
        if here is not None:
            # The few that may hold at the point are asked one by one whether they stand.
            rows = [row for row in here if self.house.situation.stands(row.identifier, at)]
            after = number or 0
            rows = [one for one in rows if one.seq > after] if forward else [
                one for one in reversed(rows) if number is None or one.seq < number
            ]  # fmt: skip
        else:
            rows = register.since(number or 0) if forward else register.newest(number)
        found: list[Shown] = []
        last, ended, looked = number or 0, True, 0
        boxed = self._boxed(query) if here is None else None
        for count, row in enumerate(rows, 1):
            if not count % ROWS_A_STEP:
                await asyncio.sleep(0)
            # Counted only where a message has to be opened: numbers and names are cheap.
            if len(found) >= query.limit or looked >= LOOKED_AT:
                ended = False
                break
            last = row.seq
            if boxed is not None and row.drawn and row.seq not in boxed:
                continue
            if wanted is not None and self.house.situation.stands(row.identifier, at) is not wanted:
                continue
            looked += 1
            if not looked % OPENED_A_STEP:
                await asyncio.sleep(0)
            shown = register.show(row)
            if (query.status is None or shown.alert.status == query.status) and self._concerns(row, shown, places):
                found.append(shown)
        if forward:
            # The page that ends is where to go on later: nothing between it and the next is passed over.
            return found, None if ended else f"f{last}", f"f{max(last, number or 0)}"
        return found, None if ended else f"b{last}", f"f{newest}"

    def _boxed(self, query: AlertsQuery) -> frozenset[int] | None:
        """The numbers of those alerts, standing or not, that have a box around the point that is asked for."""
        if query.point is None:
            return None
        point = point_of(query.point)
        return frozenset(row.seq for row in self.house.register.boxes.at(point.latitude, point.longitude))

    def _places(self, query: AlertsQuery) -> tuple[Where, ...]:
        places: list[Where] = []
        if query.area is not None:
            places.append(self.house.place(query.area).code)
        if query.point is not None:
            places.append(point_of(query.point))
        return tuple(places)

    def _concerns(self, row: Row, shown: Shown, places: tuple[Where, ...]) -> bool:
        return all(self._touches(row, shown, where) for where in places)

    def _touches(self, row: Row, shown: Shown, where: Where) -> bool:
        if isinstance(where, str) and any(self._related(code, where) for code in row.areas):
            return True
        areas = tuple(dict.fromkeys(area for info in shown.alert.infos for area in info.areas))
        touch = self.coverage.touch(areas, where)
        # An alert of which nobody can tell where it holds is listed: to leave it out would say that it does not.
        return touch.whole or bool(touch.parts) or touch.unclear

    def _related(self, code: str, place: str) -> bool:
        return code in self.house.gazetteer and self.house.gazetteer.relation(code, place) is not None


def _cursor(text: str | None) -> tuple[bool, int | None]:
    """Whether a cursor goes forward, and its number."""
    if text is None:
        return False, None
    return not text.startswith("b"), int(text.lstrip("bf"))

"""The page of shelters: a list and a map for people on foot, complete without JavaScript and without anybody's map tiles.

- What is first is where to go; when nothing can be reached in the time there is, what to do instead stands first (req. 11).
- The script finds the nearest ones on the device itself, out of the package of the place: nobody is told where anybody is.
- A status is a word and a shape, never a colour alone; what is not known is said to be unknown.
- A report of a locked door is one button; it works without a script and is taken from this page only.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from babel.dates import format_date
from markupsafe import Markup
from msgspec import Struct
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from tocsin.account.hours import ALWAYS
from tocsin.account.shelter import Shelter, Status, verified_open_at
from tocsin.account.shelters import Near
from tocsin.cap.phase import DANGER, Phase
from tocsin.errors import ForgedFormError, ParameterError
from tocsin.place.language import negotiate
from tocsin.web.listing import point_of
from tocsin.web.public import environment, security_policy, style
from tocsin.web.ready import Ready
from tocsin.web.shelter import Desk
from tocsin.web.text import Texts, offered, texts

if TYPE_CHECKING:
    from tocsin.cap.coverage import Point
    from tocsin.web.house import House

LISTED = 12
MINUTES = 10.0
WIDE, HIGH, EDGE = 640.0, 400.0, 36.0
_M_PER_UDEG = 0.111195


class Card(Struct, frozen=True):
    """A shelter as the page prints it.

    ``badge`` is "nearest" or "second choice"; ``late``: farther than the time there is;
    ``walk``: minutes on foot, empty where nobody said from where.
    """

    number: int
    id: str
    name: str
    address: str
    kind: str
    status: Status
    word: str
    distance: str
    badge: str
    late: str
    facts: tuple[str, ...]
    latitude: float
    longitude: float
    walk: str = ""


class Pin(Struct, frozen=True):
    """A shelter on the map."""

    number: int
    x: int
    y: int
    status: Status


class Drawn(Struct, frozen=True):
    """The map: its pins, where the reader is, and a bar of so many metres."""

    pins: tuple[Pin, ...]
    me: tuple[int, int] | None
    bar: int
    metres: int


class ShelterView(Struct, frozen=True):
    """Everything the template prints."""

    code: str
    place: str
    zone: str
    realm: str
    phase: Phase
    danger: bool
    cards: tuple[Card, ...]
    drawn: Drawn | None
    count: str
    shown: str
    query: str
    point: str
    minutes: str
    advice: tuple[str, str]
    advice_first: bool
    empty: str


class ShelterPages:
    """The pages of a house's shelters."""

    def __init__(self, house: House) -> None:
        self.house = house

    async def page(self, request: Request) -> Response:
        """``/shelters``."""
        house, at, asked = self.house, self.house.now(), request.query_params
        languages = offered(house.settings.languages)
        chosen = asked.get("lang", "") in languages
        language = asked["lang"] if chosen else negotiate(request.headers.get("accept-language", ""), languages)
        t, place = texts(language), house.place(asked.get("place") or house.settings.home)
        point = point_of(asked["point"][:40]) if asked.get("point") else None
        if point is not None and (abs(point.latitude) > 90_000_000 or abs(point.longitude) > 180_000_000):
            raise ParameterError("point: LAT,LON in degrees")
        query = asked.get("q", "")[:100].strip()
        minutes = _minutes(asked.get("minutes", ""))
        middle = (place.latitude, place.longitude)
        if query and point is None and house.shelters is not None:
            house.limits.search(request.client)
            found = await asyncio.to_thread(house.shelters.search, query, middle, LISTED)
            near = [self._near(one, at) for one in found]
        elif house.shelters is not None:
            here = (point.latitude, point.longitude) if point is not None else middle
            near = house.shelters.nearest(*here, at, LISTED)
        else:
            near = []
        standing = house.situation.at_place(place.code, at)
        phase = Phase(standing.phase)
        view = self._view(t, place.code, near, point, query, minutes, phase)
        html = (
            environment()
            .get_template("shelters.html")
            .render(
                v=view,
                t=t,
                css=Markup(style("shelters")),  # noqa: S704 - our own file, not anybody's input
                choices=tuple((one, texts(one).say("name")) for one in languages),
                keep=_kept(asked.get("place", ""), query, asked.get("point", "")[:40]),
                suffix=f"?lang={language}" if chosen else "",
                lang=language if chosen else "",
                thanks=asked.get("reported") == "1",
            )
        )
        policy = security_policy("shelters").replace(b"form-action 'none'", b"form-action 'self'")
        return Ready(  # type: ignore[return-value]  # Starlette calls what it is given as an ASGI application; a Ready is one.
            html.encode(),
            "text/html; charset=utf-8",
            "/shelters",
            cache="no-store" if point is not None else "no-cache",
            vary="Accept-Encoding, Accept-Language",
            extra=((b"content-security-policy", policy), (b"content-language", language.encode())),
        )

    async def report(self, request: Request) -> Response:
        """``POST /shelters/{id}/report``: the button of the page."""
        # Another site could have its visitors' browsers report a whole city: only our own page may.
        site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin", "")
        host = request.headers.get("host", "")
        if site != "same-origin" and (site is not None or not host or urlsplit(origin).netloc != host):
            raise ForgedFormError
        identity = str(request.path_params["id"])
        await asyncio.to_thread(Desk.of(self.house).report, identity, request.client)
        kept = request.url.query[:500]
        return RedirectResponse(f"/shelters?{kept}{'&' if kept else ''}reported=1#reported", 303)

    def _near(self, shelter: Shelter, at: datetime) -> Near:
        shelters = self.house.shelters
        assert shelters is not None
        seen = verified_open_at(shelter, shelters.standing(shelter.id))
        return Near(shelter, -1.0, 0, shelters.status(shelter, at), seen)

    def _view(
        self,
        t: Texts,
        code: str,
        near: Sequence[Near],
        point: Point | None,
        query: str,
        minutes: float,
        phase: Phase,
    ) -> ShelterView:
        house = self.house
        place, count = house.gazetteer.get(code), len(house.shelters) if house.shelters is not None else 0
        cards = tuple(self._card(t, number, one, point is not None, minutes) for number, one in enumerate(near, 1))
        if point is not None:
            cards = _chosen(t, cards)
        reachable = point is None or any(one.minutes <= minutes for one in near)
        title = t.say("shelter.none.in", minutes=f"{minutes:g}") if not reachable else t.say("shelter.reach.title")
        return ShelterView(
            code,
            house.gazetteer.name(code, t.language),
            place.zone,
            house.settings.realm,
            phase,
            phase in DANGER,
            cards,
            drawn(near, point),
            t.count("shelter.count", count),
            t.say("shelter.shown", shown=len(cards), all=count) if len(cards) < count else "",
            query,
            f"{point.latitude / 1e6},{point.longitude / 1e6}" if point is not None else "",
            f"{minutes:g}",
            (title, t.say("shelter.none.text")),
            not reachable,
            "" if cards else t.say("shelter.nothing") if query and count else t.say("shelter.empty"),
        )

    def _card(self, t: Texts, number: int, near: Near, here: bool, minutes: float) -> Card:
        one = near.shelter
        name = one.name(t.language) or t.say(f"shelter.kind.{one.kind.value}")
        away = f"{t.say('shelter.minutes', n=near.minutes)} · {t.say('shelter.metres', n=round(near.distance_m))}"
        facts = [t.count("shelter.capacity", one.capacity)] if one.capacity else []
        for field, said in (("step-free", one.step_free), ("pets", one.pets)):
            if said is not None:
                facts.append(t.say(f"shelter.{field}.{'yes' if said else 'no'}"))
        if one.hours == ALWAYS:
            facts.append(t.say("shelter.hours.always"))
        elif one.hours or one.hours_said:
            facts.append(t.say("shelter.hours", hours=one.hours or one.hours_said))
        else:
            facts.append(t.say("shelter.hours.none"))
        if near.verified is not None:
            day = format_date(near.verified.date(), "medium", locale=t.locale)
            facts.append(t.say("shelter.verified", date=day))
        if near.status is Status.DOUBTFUL:
            facts.append(t.say("shelter.doubtful.text"))
        return Card(
            number,
            one.id,
            name,
            "" if one.address == name else one.address,
            t.say(f"shelter.kind.{one.kind.value}"),
            near.status,
            t.say(f"shelter.status.{near.status.value}"),
            away if here else "",
            "",
            t.say("shelter.late", minutes=f"{minutes:g}") if here and near.minutes > minutes else "",
            tuple(facts),
            one.latitude / 1e6,
            one.longitude / 1e6,
            str(near.minutes) if here else "",
        )


def _chosen(t: Texts, cards: tuple[Card, ...]) -> tuple[Card, ...]:
    """The cards with the first two that nobody doubts marked: who runs to a locked door has lost the time there was."""
    words = [t.say("shelter.nearest"), t.say("shelter.second")]
    marked = []
    for card in cards:
        badge = words.pop(0) if words and card.status is not Status.DOUBTFUL else ""
        marked.append(replace(card, badge=badge))
    return tuple(marked)


def drawn(near: Sequence[Near], point: Point | None) -> Drawn | None:
    """The map of these shelters; None where there is nothing to draw."""
    if not near:
        return None
    places = [(one.shelter.latitude, one.shelter.longitude) for one in near]
    if point is not None:
        # What is far away would make a dot of everything near: the map shows what can be walked to.
        places = [(point.latitude, point.longitude), *places[:6]]
    south, north = min(p[0] for p in places), max(p[0] for p in places)
    first = places[0][1]
    east_of = [(p[1] - first + 180_000_000) % 360_000_000 - 180_000_000 for p in places]
    west, east = min(east_of), max(east_of)
    flat = max(0.01, math.cos(math.radians((south + north) / 2e6)))
    wide, high = max((east - west) * flat * _M_PER_UDEG, 300.0), max((north - south) * _M_PER_UDEG, 200.0)
    scale = min((WIDE - 2 * EDGE) / wide, (HIGH - 2 * EDGE) / high)

    def at(latitude: int, longitude: int) -> tuple[int, int]:
        turn = (longitude - first + 180_000_000) % 360_000_000 - 180_000_000
        x = WIDE / 2 + (turn - (west + east) / 2) * flat * _M_PER_UDEG * scale
        y = HIGH / 2 - (latitude - (south + north) / 2) * _M_PER_UDEG * scale
        return round(x), round(y)

    pins = []
    for number, one in enumerate(near, 1):
        x, y = at(one.shelter.latitude, one.shelter.longitude)
        if 0 <= x <= WIDE and 0 <= y <= HIGH:
            pins.append(Pin(number, x, y, one.status))
    metres = next((m for m in (5000, 2000, 1000, 500, 200, 100, 50) if m * scale <= WIDE / 3), 50)
    me = at(point.latitude, point.longitude) if point is not None else None
    # The nearest is drawn last, on top of what it might be hidden by.
    return Drawn(tuple(reversed(pins)), me, round(metres * scale), metres)


def _minutes(text: str) -> float:
    try:
        found = float(text) if text else MINUTES
    except ValueError:
        raise ParameterError("minutes: a number") from None
    if not 1 <= found <= 240:
        raise ParameterError("minutes: 1 to 240")
    return found


def _kept(place: str, query: str, point: str) -> str:
    """The address of this page without its language."""
    pairs = [(name, value) for name, value in (("place", place), ("q", query), ("point", point)) if value]
    return "&".join(f"{name}={quote(value)}" for name, value in pairs)


def routes(house: House) -> list[BaseRoute]:
    """The routes of the page, to be mounted with the public pages."""
    pages = ShelterPages(house)
    return [
        Route("/shelters", pages.page, name="shelters"),
        Route("/shelters/{id}/report", pages.report, methods=["POST"], name="shelter-report"),
    ]

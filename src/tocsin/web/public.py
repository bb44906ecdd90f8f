"""The public page: ``/`` and ``/at/{code}`` for people in danger, and the few files it needs.

- Complete without JavaScript and in one response of at most 14 KB compressed, style and map included (practice.md
  section 7); the script only keeps it true while it is open.
- Nothing on it is inline code: the one inline style is named by its hash in the content security policy.
- A page is rendered once for everybody who asks within the same second in the same language, and again as soon as the
  journal goes on: what is sent is never older than the second it names.
- Restricted alerts are never shown here.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import re
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from tocsin.cap.alert import Scope as AlertScope
from tocsin.place.language import negotiate
from tocsin.place.map import Map, country_map
from tocsin.recent import Recent
from tocsin.web.card import card
from tocsin.web.day import DAY, WEEK, Turn, turns, week
from tocsin.web.incident import IncidentQuery, incident_page, moment_of, story_at
from tocsin.web.ready import Ready
from tocsin.web.rolls import standing as standing_of
from tocsin.web.text import offered, texts
from tocsin.web.view import KNOWN, STORIES, Facts, View, view

if TYPE_CHECKING:
    from tocsin.warn.situation import Live
    from tocsin.web.house import House

RELOAD_SECONDS = 30
"""A page without JavaScript loads itself anew this often: as often as a heartbeat is owed at the latest."""
FACILITIES = 3
"""How many facilities of the place stand on its page; the rest is a link away."""
KEEP = 256
"""Rendered pages kept at a time; each is about 45 KB with its compressed form."""
FIRST_BYTES = 14 * 1024 - 500
"""The first response compressed, with room for its headers."""
MAP_BYTES, NAME_BYTES = 6200, 16
"""What the map and the list of its regions may take of the first response: in all, and for a region's name and link."""
STATIC = Path(str(files(__package__) / "static"))


@cache
def style(*names: str) -> str:
    """A page's style as it is sent: without comments and line breaks. ``names``: what follows the common one."""
    text = "".join((STATIC / f"{name}.css").read_text("utf-8") for name in ("page", *names))
    return re.sub(r"\s*\n\s*", "", re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL))


@cache
def security_policy(*names: str) -> bytes:
    """A page's content security policy: its own files, and the one inline style by its hash."""
    digest = base64.b64encode(hashlib.sha256(style(*names).encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'self'; style-src 'sha256-{digest}'; img-src 'self'; connect-src 'self'; "
        "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ).encode()


@cache
def environment() -> Environment:
    """The templates; every value is escaped, and a name that is not there is an error and not an empty string."""
    return Environment(
        loader=PackageLoader("tocsin.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


def page(shown: View, chosen: bool = False) -> str:
    """The whole page. ``chosen``: the language was chosen by link, so links to other places keep it."""
    return (
        environment()
        .get_template("page.html")
        .render(
            v=shown,
            t=shown.t,
            css=Markup(style()),  # noqa: S704 - our own file, not anybody's input
            reload_seconds=RELOAD_SECONDS,
            suffix=f"?lang={shown.t.language}" if chosen else "",
        )
    )


def facts(house: House, code: str, at: datetime) -> Facts:
    """What the house knows about the place ``code`` at ``at``; UnknownPlaceError when there is no such place."""
    gazetteer, situation, settings = house.gazetteer, house.situation, house.settings
    place = gazetteer.get(code)
    country = next((one for one in (place.code, *gazetteer.ancestors(place.code)) if gazetteer.get(one).level == 0), "")
    regions = tuple(one for one in gazetteer.children(country) if gazetteer.get(one).level == 1) if country else ()
    outline = _map(country) if country else None
    standing = situation.at_place(place.code, at)
    all_clear_for = timedelta(minutes=settings.all_clear_minutes)
    history = situation.history(place.code, at - WEEK - DAY, at)
    told = turns([one for one in history if one.at >= at - 2 * DAY], at - DAY, at, all_clear_for)
    if told and told[-1].phase != standing.phase and standing.since is not None and standing.since > told[-1].at:
        # What a clock did (a planned end, a silence) is in nobody's record; the standing knows it.
        told = (*told, Turn(standing.since, standing.phase))
    head = house.head()
    return Facts(
        code=place.code,
        zone=place.zone,
        at=at,
        realm=settings.realm,
        standing=standing,
        name=gazetteer.name,
        short=gazetteer.short_name,
        live=tuple(live for live in situation.live(at) if _concerns(house, live, place.code)),
        turns=told,
        week=week(history, at - WEEK, at, all_clear_for),
        country=country,
        phases=situation.phases(regions, at) if regions else {},
        map=outline,
        point=outline.project(place.latitude, place.longitude) if outline and place.level > 0 else None,
        sources=house.sources,
        seq=head.seq,
        hash=head.hash.hex(),
        sender_name=settings.sender_name,
        emergency_number=settings.emergency_number,
        languages=offered(settings.languages),
        heartbeat_seconds=settings.heartbeat_seconds,
        all_clear_for=all_clear_for,
        stories=house.newsroom.touching(place.code)[:STORIES] if house.newsroom is not None else (),
        facilities=tuple(standing_of(house, place.code).values())[:FACILITIES],
    )


@cache
def _map(country: str) -> Map | None:
    """The outlines of a country's regions, as fine as the first response can bear; None where it can bear none.

    A country that is divided into hundreds of regions is drawn coarser, or its regions are only listed.
    """
    for tolerance in (1.0, 1.6, 2.5, 4.0, 6.0):
        drawn = country_map(country, tolerance=tolerance)
        paths = "".join(f'<path class="r calm" d="{region.path_d}"/>' for region in drawn.regions)
        names = NAME_BYTES * len(drawn.regions)
        if drawn.regions and len(gzip.compress(paths.encode())) + names <= MAP_BYTES:
            return drawn
    return None


def _concerns(house: House, live: Live, code: str) -> bool:
    return live.published.scope == AlertScope.PUBLIC and any(
        area in house.gazetteer and house.gazetteer.relation(area, code) is not None for area in live.published.areas
    )


class Pages:
    """The pages of a house, each rendered once a second and language at most."""

    def __init__(self, house: House) -> None:
        self.house = house
        self._kept: Recent[tuple[str, str, bool], tuple[tuple[int, int], Ready]] = Recent(KEEP)

    async def at(self, request: Request) -> Response | Ready:
        """``/at/{code}``, and ``/`` for the home of the installation."""
        language, chosen = self._language(request)
        return self.ready(request.path_params.get("code", self.house.settings.home), language, chosen)

    async def incident(self, request: Request) -> Response | Ready:
        """``/incidents/{id}``."""
        language, chosen = self._language(request)
        query = IncidentQuery(request.query_params.get("at"))
        story = await asyncio.to_thread(story_at, self.house, request.path_params["id"], query)
        t, as_of = texts(language), moment_of(query)
        html = (
            environment()
            .get_template("incident.html")
            .render(
                v=incident_page(self.house, story, t, self.house.now(), as_of),
                base=self.house.settings.public_url.rstrip("/"),
                t=t,
                css=Markup(style("incident")),  # noqa: S704 - our own file, not anybody's input
                choices=tuple((one, texts(one).say("name")) for one in offered(self.house.settings.languages)),
                suffix=f"?lang={language}" if chosen else "",
            )
        )
        return self._ready(html, language, f"/incidents/{story.id}", "incident")

    async def card(self, request: Request) -> Response | Ready:
        """``/embed/incident/{id}``: the one page that other pages may show in a frame."""
        language, _ = self._language(request)
        return card(self.house, request.path_params["id"], language, self.house.now())

    def _language(self, request: Request) -> tuple[str, bool]:
        """The language to answer in, and whether it was chosen by link."""
        languages = offered(self.house.settings.languages)
        wanted = request.query_params.get("lang", "")
        chosen = wanted in languages
        return wanted if chosen else negotiate(request.headers.get("accept-language", ""), languages), chosen

    def ready(self, code: str, language: str, chosen: bool) -> Ready:
        """The bytes for one place and language as they hold now; an unknown place raises UnknownPlaceError."""
        house, now = self.house, self.house.now()
        key, age = (code, language, chosen), (house.head().seq, int(now.timestamp()))
        kept = self._kept.get(key)
        if kept is None or kept[0] != age:
            kept = self._kept[key] = age, self._fit(facts(house, code, now), language, chosen)
        return kept[1]

    def _fit(self, known: Facts, language: str, chosen: bool) -> Ready:
        """The page, with as many lines of what is known as the first response can bear: they are what goes first."""
        for lines in range(KNOWN if known.stories else 0, -1, -1):
            html = page(view(known, texts(language), lines), chosen)
            made = self._ready(html, language, f"/at/{known.code}")
            if len(made.small) <= FIRST_BYTES:
                break
        return made

    @staticmethod
    def _ready(html: str, language: str, path: str, *styles: str) -> Ready:
        return Ready(
            html.encode(),
            "text/html; charset=utf-8",
            path,
            cache="no-cache",
            vary="Accept-Encoding, Accept-Language",
            extra=(
                (b"content-security-policy", security_policy(*styles)),
                (b"content-language", language.encode()),
            ),
        )


class Files(StaticFiles):
    """The page's own files, asked for anew each time: a script must never be older than the page that calls it."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers["cache-control"] = "no-cache"
        return response

    def lookup_path(self, path: str) -> tuple[str, object]:  # type: ignore[override]
        # The style stands in the page; its source is no address.
        return ("", None) if path.endswith(".css") else super().lookup_path(path)


def routes(house: House) -> list[BaseRoute]:
    """The routes of the public page, to be mounted by ``web/site.py`` after ``/at/{code}.json`` and its kin."""
    from tocsin.web.shelter_page import routes as shelters

    pages = Pages(house)

    async def at(request: Request) -> Response:
        # Starlette calls what it is given as an ASGI application; a Ready is one.
        return await pages.at(request)  # type: ignore[return-value]

    async def incident(request: Request) -> Response:
        return await pages.incident(request)  # type: ignore[return-value]

    async def embedded(request: Request) -> Response:
        return await pages.card(request)  # type: ignore[return-value]

    return [
        Route("/embed/incident/{id}", embedded, name="card"),
        Route("/incidents/{id}", incident, name="incident"),
        *shelters(house),
        Route("/", at, name="home"),
        Route("/at/{code}", at, name="place"),
        Mount("/static", Files(directory=STATIC), name="static"),
    ]

"""The page as an app: its manifest, its worker, its sounds, and the page on which somebody chooses to be warned.

- The worker is one file made of the modules that the pages use, so that both judge a message by the same rules. Its version
  is the digest of everything that it keeps: whatever changes, it is fetched anew.
- The page works without an account and without a name. What is chosen stays on the phone; the server learns a push address and
  area codes, and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tocsin.errors import NotFoundError, UnknownPlaceError
from tocsin.place.gazetteer import Gazetteer
from tocsin.place.language import negotiate
from tocsin.reach.vapid import application_server_key
from tocsin.web.leaf import leaf
from tocsin.web.public import STATIC, environment, security_policy, style
from tocsin.web.sound import NOTES, wav
from tocsin.web.text import Texts, offered, texts

if TYPE_CHECKING:
    from tocsin.web.house import House

PHASES = ("calm", "prepare", "act", "hold", "all-clear", "retracted", "unknown")
MODULES = (
    "phase.js",
    "app/keep.js",
    "app/message.js",
    "app/arrive.js",
    "app/outbox.js",
    "app/subscription.js",
    "app/worker.js",
)
"""What the worker is made of, in the order in which it is needed."""
WORDS = ("discreet", "unreadable", "test", "tested", "due")
"""What the worker says by itself."""
DOWN = 2000
"""How many places inside a watched one a phone is told; what is deeper it finds by the code itself."""


@cache
def shell(realm: str) -> tuple[str, ...]:
    """Addresses of everything that a page needs to be opened without a network."""
    icons = [f"/static/icon/{realm}-{phase}.svg" for phase in PHASES]
    scripts = [f"/static/{file.relative_to(STATIC).as_posix()}" for file in sorted(STATIC.glob("*.js"))]
    own = [f"/static/app/{file.name}" for file in sorted((STATIC / "app").glob("*.js")) if file.name != "worker.js"]
    return ("/app/offline", "/app/answer", *scripts, *own, *icons, *(f"/sound/{name}.wav" for name in NOTES))


@cache
def worker(realm: str) -> str:
    """The source of the worker for one realm."""
    # A worker of one file: everybody understands it, also browsers whose workers know no modules.
    source = "\n".join(_plain((STATIC / name).read_text("utf-8")) for name in MODULES)
    kept = shell(realm)
    digest = hashlib.sha256(source.encode())
    for address in kept:
        if address.startswith("/static/"):
            digest.update((STATIC / address.removeprefix("/static/")).read_bytes())
    for language in ("en", "uk", "de", "fr"):
        digest.update(json.dumps(dict(texts(language).table), sort_keys=True).encode())
    digest.update(style("app").encode() + style("roll").encode())
    return source.replace('"@VERSION@"', json.dumps(digest.hexdigest()[:16])).replace('["@SHELL@"]', json.dumps(kept))


_IMPORT = re.compile(r'^import {(.*?)} from ".*?";\n', re.MULTILINE | re.DOTALL)


def _plain(module: str) -> str:
    """A module's text as a part of one script: what it imports stands above it, what it renames keeps its new name."""

    def renamed(found: re.Match[str]) -> str:
        pairs = [one.split(" as ") for one in found[1].split(",") if " as " in one]
        return "".join(f"const {new.strip()} = {old.strip()};\n" for old, new in pairs)

    return re.sub(r"^export ", "", _IMPORT.sub(renamed, module), flags=re.MULTILINE)


def manifest(house: House, t: Texts) -> dict[str, Any]:
    """The manifest in one language (W3C Web App Manifest)."""
    realm = house.settings.realm
    name = t.say("app.name") if realm == "actual" else f"{t.say('exercise.word')}: {t.say('app.name')}"
    icons = [
        {
            "src": f"/static/icon/app-{realm}-{size}.png",
            "sizes": f"{size}x{size}",
            "type": "image/png",
            "purpose": purpose,
        }
        for size in (192, 512)
        for purpose in ("any", "maskable")
    ]
    return {
        "id": f"/app?realm={realm}",
        "name": name,
        "short_name": name[:12],
        "description": t.say("app.lead"),
        "lang": t.language,
        "dir": t.direction,
        "start_url": "/app",
        "scope": "/",
        "display": "standalone",
        "background_color": "#f4f3ef",
        "theme_color": "#16202e",
        "icons": icons,
        "shortcuts": [{"name": t.say("app.shelters"), "url": "/shelters"}],
    }


def place(gazetteer: Gazetteer, code: str, t: Texts, number: str) -> dict[str, Any]:
    """What a phone keeps of a place: its names, what it lies in and what lies in it, and what to do in each phase."""
    found = gazetteer.get(code)
    inside = sorted(gazetteer.descendants(found.code))[:DOWN]
    return {
        "code": found.code,
        "name": gazetteer.name(found.code, t.language),
        "zone": found.zone,
        "latitude": found.latitude / 1_000_000,
        "longitude": found.longitude / 1_000_000,
        "up": list(gazetteer.ancestors(found.code)),
        "down": inside,
        "language": t.language,
        "phases": {
            phase: {
                "word": t.say(f"phase.{phase}"),
                "steps": [line.text for line in t.lines(f"steps.{phase}", number=number)]
                if f"steps.{phase}" in t
                else [],
            }
            for phase in PHASES
        },
    }


class App:
    """The app's routes for one house."""

    def __init__(self, house: House) -> None:
        self.house = house

    def texts(self, request: Request) -> Texts:
        """The words for a visitor: asked for in the address, or what the browser accepts."""
        languages = offered(self.house.settings.languages)
        wanted = request.query_params.get("lang", "")
        return texts(
            wanted if wanted in languages else negotiate(request.headers.get("accept-language", ""), languages)
        )

    async def worker(self, request: Request) -> Response:
        """The worker. It is asked for anew each time, so that a mended one is not held up for a day."""
        return Response(
            worker(self.house.settings.realm),
            media_type="text/javascript",
            headers={"Cache-Control": "no-cache", "Service-Worker-Allowed": "/"},
        )

    async def manifest(self, request: Request) -> Response:
        """The manifest."""
        return JSONResponse(
            manifest(self.house, self.texts(request)),
            media_type="application/manifest+json",
            headers={"Cache-Control": "no-cache", "Vary": "Accept-Language"},
        )

    async def sound(self, request: Request) -> Response:
        """One of the sounds."""
        name = request.path_params["name"]
        if name not in NOTES:
            raise NotFoundError(f"there is no sound {name}; there are {', '.join(NOTES)}")
        return Response(wav(name), media_type="audio/wav", headers={"Cache-Control": "public, max-age=86400"})

    async def place(self, request: Request) -> Response:
        """What a phone keeps of a place."""
        t = self.texts(request)
        try:
            found = place(
                self.house.gazetteer,
                self.house.place(request.path_params["code"]).code,
                t,
                self.house.settings.emergency_number,
            )
        except UnknownPlaceError as wrong:
            raise NotFoundError(wrong.detail) from None
        return JSONResponse(found, headers={"Cache-Control": "no-cache", "Vary": "Accept-Language"})

    async def page(self, request: Request) -> Response:
        """The page on which somebody chooses places and how loudly each may call."""
        return self._page("app.html", request)

    async def answer(self, request: Request) -> Response:
        """The question whether somebody is safe, for a link that is opened without a network."""
        return leaf(self.house, request, "waiting.html")

    async def offline(self, request: Request) -> Response:
        """What is shown of a page that this phone has never kept."""
        return self._page("offline.html", request)

    def _page(self, template: str, request: Request) -> Response:
        t, house = self.texts(request), self.house
        words = {key: t.say(f"app.{key}") for key in WORDS}
        html = (
            environment()
            .get_template(template)
            .render(
                t=t,
                css=Markup(style("app")),  # noqa: S704 - our own file
                realm=house.settings.realm,
                choices=[(tag, texts(tag).say("name")) for tag in offered(house.settings.languages)],
                push_key=application_server_key(house.vapid) if house.vapid is not None else "",
                words=Markup(json.dumps(words, ensure_ascii=False).replace("<", "\\u003c")),  # noqa: S704
                home=house.settings.home,
                host=urlsplit(house.settings.public_url).netloc,
                beat=house.settings.heartbeat_seconds,
                number=house.settings.emergency_number,
                exercise=[(tag, texts(tag).say("exercise.word")) for tag in offered(house.settings.languages)],
            )
        )
        policy = security_policy("app") + b"; media-src 'self'; worker-src 'self'"
        return Response(
            html,
            media_type="text/html; charset=utf-8",
            headers={
                "Content-Security-Policy": policy.decode(),
                "Cache-Control": "no-cache",
                "Vary": "Accept-Language",
                "Content-Language": t.language,
            },
        )


def routes(house: House) -> list[BaseRoute]:
    """The app's routes, to be mounted beside those of the public page."""
    app = App(house)
    return [
        Route("/sw.js", app.worker),
        Route("/app.webmanifest", app.manifest),
        Route("/app", app.page),
        Route("/app/offline", app.offline),
        Route("/app/answer", app.answer),
        Route("/app/place/{code}", app.place),
        Route("/sound/{name}.wav", app.sound),
    ]

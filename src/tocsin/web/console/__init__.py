"""The operator console under ``/console/``: who may come in, and the pages of those who warn.

- Every module here that has ``DOORS`` is mounted; a new page is one file and nothing else to edit.
- What each door asks for is in :mod:`tocsin.web.console.gate`; who works here in :mod:`tocsin.web.console.identity`.
"""

from __future__ import annotations

import hashlib
import importlib
import pkgutil
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tocsin.errors import NotFoundError

if TYPE_CHECKING:
    from tocsin.web.console.gate import Door
    from tocsin.web.console.visit import Visit
    from tocsin.web.house import House

TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}


def doors() -> tuple[Door, ...]:
    """Every door of the console; those with fixed paths first, so that none is taken for a part of another."""
    from tocsin.warn.person import Act
    from tocsin.web.console.gate import ANYBODY, Door
    from tocsin.web.console.visit import HOME

    found: list[Door] = [Door("GET", HOME + "static/{name}", _file, ANYBODY, quiet=True)]
    for module in pkgutil.iter_modules(__path__):
        found.extend(getattr(importlib.import_module(f"{__name__}.{module.name}"), "DOORS", ()))
    if not any(door.path == HOME for door in found):
        found.append(Door("GET", HOME, _home, Act.LOOK))
    return tuple(sorted(found, key=lambda door: (door.path.count("{"), door.path)))


def routes(house: House) -> list[BaseRoute]:
    """The routes of the console, to be mounted by ``web/site.py``; none for a house without ``identity``."""
    from tocsin.web.console.gate import Gate, Rooms

    identity = getattr(house, "identity", None)
    if identity is None:
        return []
    rooms = Rooms(house, identity)
    rooms.doors = doors()
    paths: dict[str, list[Door]] = {}
    for door in rooms.doors:
        paths.setdefault(door.path, []).append(door)
    return [Route(path, Gate(rooms, there)) for path, there in paths.items()]


def _home(visit: Visit) -> Response:
    from tocsin.web.console.enrol import ACCOUNT

    return visit.redirect(ACCOUNT)


async def _file(visit: Visit) -> Response:
    content, tag = _kept(visit.part("name"))
    headers = {"Cache-Control": "no-cache", "ETag": tag, "Vary": "Accept-Encoding"}
    if visit.request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(content, 200, headers, TYPES[visit.part("name").rpartition(".")[2]])


@cache
def _all() -> dict[str, tuple[bytes, str]]:
    static = files("tocsin.web") / "static"
    # The colours are those of the public pages.
    found = [static / "palette.css", *(static / "console").iterdir()]
    contents = {file.name: file.read_bytes() for file in found if file.name.rpartition(".")[2] in TYPES}
    return {name: (content, f'"{hashlib.sha256(content).hexdigest()[:20]}"') for name, content in contents.items()}


def _kept(name: str) -> tuple[bytes, str]:
    found = _all().get(name)
    if found is None:
        raise NotFoundError
    return found

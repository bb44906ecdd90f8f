"""A word: the page that says one thing or asks one question, and what a person's browser is shown when something is wrong.

- Programs get problem documents (:mod:`tocsin.web.problem`). A browser names HTML in what it accepts, and its person gets the
  same status and the same code as a page: what is wrong, that this says nothing about danger, and where to go on.
- Confirming and unsubscribing are such pages: whoever follows a link from a mail sees one sentence and one button.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from tocsin.web import confirm
from tocsin.web.confirm import Word
from tocsin.web.guard import EMBEDDED
from tocsin.web.leaf import language, leaf
from tocsin.web.problem import Problem

if TYPE_CHECKING:
    from tocsin.web.api import Interface
    from tocsin.web.house import House

FOR_PEOPLE = ("/v1/confirm/", "/v1/unsubscribe/")
"""The paths of the interface that lead to pages."""
CARRIED = ("retry-after", "www-authenticate", "allow")


def reads(request: Request) -> bool:
    """Whether somebody's browser asks for a page, and no program for data."""
    path = request.url.path
    if "text/html" not in request.headers.get("accept", "") or "." in path.rpartition("/")[2]:
        return False
    return not path.startswith(("/v1/", EMBEDDED)) or path.startswith(FOR_PEOPLE)


def fault(house: House, request: Request, answer: Response) -> Response:
    """``answer``, which bears a problem document; for a person it is a page of the same status."""
    if not reads(request):
        return answer
    wrong = msgspec.json.decode(answer.body, type=Problem)
    page = leaf(house, request, "fault.html", answer.status_code, fault=wrong, shelters=house.shelters is not None)
    page.headers["Vary"] = "Accept, Accept-Language"
    for name in CARRIED:
        if name in answer.headers:
            page.headers[name] = answer.headers[name]
    return page


def _shown(interface: Interface, request: Request, word: Word) -> Response:
    return leaf(interface.house, request, "word.html", **msgspec.structs.asdict(word))


async def confirm_page(interface: Interface, request: Request) -> ASGIApp:
    """``GET /v1/confirm/{token}``: asks whether warnings are wanted."""
    told = interface.confirmations.page(request.path_params["token"], language(interface.house, request))
    return _shown(interface, request, told)


async def confirmed(interface: Interface, request: Request) -> ASGIApp:
    """``POST /v1/confirm/{token}``: yes, warnings are wanted."""
    limits = interface.house.limits
    limits.write(limits.visitor(request.client))
    told = await interface.confirmations.confirm(request.path_params["token"], language(interface.house, request))
    return _shown(interface, request, told)


async def stop_page(interface: Interface, request: Request) -> ASGIApp:
    """``GET /v1/unsubscribe/{id}/{key}``: asks whether warnings are to stop."""
    return _shown(interface, request, confirm.stop_page(language(interface.house, request)))


async def stopped(interface: Interface, request: Request) -> ASGIApp:
    """``POST /v1/unsubscribe/{id}/{key}``: ends a subscription with the key that stands in its mails (RFC 8058)."""
    limits, parts = interface.house.limits, request.path_params
    limits.write(limits.visitor(request.client))
    told = await confirm.stop(interface.house, parts["id"], parts["key"], language(interface.house, request))
    return _shown(interface, request, told)

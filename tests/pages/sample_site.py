"""A site that serves the samples through the real templates, each phase, language and realm at its own address."""

from __future__ import annotations

from functools import cache

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route

from tests.pages.samples import facts
from tocsin.web.public import STATIC, Files, page, security_policy
from tocsin.web.text import texts
from tocsin.web.view import view


@cache
def sample(phase: str, language: str, realm: str = "actual") -> str:
    """The page of one phase in one language."""
    return page(view(facts(phase, realm), texts(language)))


async def at(request: Request) -> Response:
    """``/at/UA-30?phase=&lang=&realm=``."""
    asked = request.query_params
    html = sample(asked.get("phase", "calm"), asked.get("lang", "en"), asked.get("realm", "actual"))
    return HTMLResponse(html, headers={"content-security-policy": security_policy().decode()})


site = Starlette(routes=[Route("/at/{code}", at), Mount("/static", Files(directory=STATIC))])

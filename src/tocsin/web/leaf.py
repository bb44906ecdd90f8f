"""A leaf: a small page for one person's hand, in their language, whole without a script, kept by nobody on the way.

- It is for a link that is a secret: it is not cached, not indexed, not framed, and its address is told to nobody.
- Its style is the public page's, in one response; its forms go back to this installation alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from markupsafe import Markup
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from tocsin.errors import MediaTypeError, ParameterError, TooSlowError
from tocsin.web.public import environment, security_policy, style
from tocsin.web.text import offered, texts
from tocsin.web.titles import language_of

if TYPE_CHECKING:
    from tocsin.web.house import House

FORM = "application/x-www-form-urlencoded"
STYLE = "roll"


def language(house: House, request: Request) -> str:
    """The language in which a leaf speaks to whoever asks."""
    return language_of(request, offered(house.settings.languages))


def leaf(house: House, request: Request, template: str, status: int = 200, **values: object) -> Response:
    """The page ``templates/roll/{template}``."""
    tag = language(house, request)
    text, at = texts(tag), house.now()
    html = (
        environment()
        .get_template(f"roll/{template}")
        .render(
            {
                "t": text,
                "at": at,
                "zone": house.gazetteer.get(house.settings.home).zone,
                "realm": house.settings.realm,
                "sender_name": house.settings.sender_name,
                "emergency_number": house.settings.emergency_number,
                "css": Markup(style(STYLE)),  # noqa: S704 - our own file, not anybody's input
                "choices": [(one, texts(one).say("name")) for one in offered(house.settings.languages)],
                "suffix": f"?lang={tag}" if "lang" in request.query_params else "",
                **values,
            }
        )
    )
    headers = {
        "Cache-Control": "no-store",
        "Content-Language": tag,
        "Vary": "Accept-Language, Cookie",
        "Referrer-Policy": "no-referrer",
        "X-Robots-Tag": "noindex",
        "Content-Security-Policy": security_policy(STYLE).decode().replace("form-action 'none'", "form-action 'self'"),
    }
    return Response(html, status, headers, media_type="text/html; charset=utf-8")


async def form(request: Request) -> dict[str, str]:
    """The fields of a form, the first of each name."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise MediaTypeError(FORM)
    try:
        text = (await request.body()).decode("utf-8")
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text), max_num_fields=50)
    except ClientDisconnect:
        raise TooSlowError from None
    except ValueError:
        raise ParameterError("this form cannot be read") from None
    return {name: value.strip() for name, value in reversed(pairs)}


def here(request: Request, path: str) -> Response:
    """Go on at ``path`` in the language that was chosen, by GET, so that loading again sends nothing again."""
    tag = request.query_params.get("lang", "")
    suffix = f"?lang={tag}" if tag.isalpha() else ""
    return Response(status_code=303, headers={"Location": path + suffix, "Cache-Control": "no-store"})

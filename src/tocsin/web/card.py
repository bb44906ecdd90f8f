"""The card of an incident, to be embedded in other pages: what is known, what was corrected, and as of when.

- It is a small page without a script that loads itself anew every five minutes, so an article that shows it shows corrections
  without its author doing anything.
- It is the one page that may stand in a frame anywhere; nothing can be sent from it, and what it links to opens outside.
- It says whose words they are and that it is no warning; in an exercise it says that first.
- oEmbed tells a publishing system what to put into its page.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import quote, urlsplit

import msgspec
from markupsafe import Markup, escape
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.types import ASGIApp

from tocsin.assess.known import known
from tocsin.assess.story import Story
from tocsin.errors import NotFoundError
from tocsin.web.incident import story_of
from tocsin.web.openapi import Answer, Operation, asked
from tocsin.web.ready import Ready
from tocsin.web.text import Spoken, Texts, texts
from tocsin.web.view import line

if TYPE_CHECKING:
    from tocsin.web.house import House

RELOAD_SECONDS = 300
LINES = 4
WIDTH, HEIGHT = 480, 420
EMBED = "/embed/incident/"


@cache
def card_policy() -> bytes:
    """The card's content security policy: its one inline style by its hash, no script at all, any frame around it."""
    from tocsin.web.public import style

    digest = base64.b64encode(hashlib.sha256(style("card").encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors *"
    ).encode()


def card(house: House, name: str, language: str, at: datetime) -> Ready:
    """The card of the incident ``name``; :class:`NotFoundError` if there is none."""
    from tocsin.web.public import environment, style

    story, t = story_of(house, name), texts(language)
    zone = zone_of(house, story)
    html = (
        environment()
        .get_template("card.html")
        .render(
            t=t,
            realm=house.settings.realm,
            title=title_of(story, t),
            lines=[line(one, zone, at, t) for one in known(story, language, LINES)],
            corrections=len(story.incident.corrections),
            reports=len(story.tellings),
            as_of=t.time(at, zone, at),
            iso=at.isoformat(),
            address=f"{house.settings.public_url.rstrip('/')}/incidents/{story.id}?lang={language}",
            sender=house.settings.sender_name,
            css=Markup(style("card")),  # noqa: S704 - our own file, not anybody's input
        )
    )
    return Ready(
        html.encode(),
        "text/html; charset=utf-8",
        f"{EMBED}{story.id}",
        cache="public, max-age=30",
        vary="Accept-Encoding, Accept-Language",
        extra=(
            (b"content-security-policy", card_policy()),
            (b"content-language", language.encode()),
            (b"refresh", str(RELOAD_SECONDS).encode()),
        ),
    )


def title_of(story: Story, t: Texts) -> Spoken:
    """What the incident is called, in the reader's language where a report has it."""
    titles = story.incident.title
    for tag in (t.language, "en", *titles):
        if titles.get(tag):
            return Spoken(titles[tag], tag)
    return Spoken(story.id, "und")


def zone_of(house: House, story: Story) -> str:
    """The time zone of where the incident is."""
    codes = [code for code in story.places if code in house.gazetteer]
    here = next((code for code in codes if "-" in code), codes[0] if codes else house.settings.home)
    return house.gazetteer.get(here).zone


# --- oEmbed ----------------------------------------------------------------------------------------------------------


class EmbedQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """What to embed, as oEmbed 1.0 asks for it."""

    url: Annotated[str, Meta(max_length=500, description="The address of an incident's page here.")]
    maxwidth: Annotated[int, Meta(ge=1, le=10_000)] | None = None
    maxheight: Annotated[int, Meta(ge=1, le=10_000)] | None = None
    format: Literal["json"] = "json"


class Embedded(Struct, frozen=True):
    """What to put into a page: oEmbed 1.0, type rich."""

    type: str
    version: str
    title: str
    provider_name: str
    provider_url: str
    cache_age: int
    width: int
    height: int
    html: str


def embedded(house: House, query: EmbedQuery) -> Embedded:
    """How the incident at this address is embedded; :class:`NotFoundError` for any other address."""
    base = house.settings.public_url.rstrip("/")
    own, asked_for = urlsplit(base), urlsplit(query.url)
    path = asked_for.path.removeprefix("/incidents/")
    if (asked_for.scheme, asked_for.netloc) != (own.scheme, own.netloc) or path == asked_for.path or not path:
        raise NotFoundError("only incidents of this installation can be embedded")
    story = story_of(house, path)
    width, height = min(WIDTH, query.maxwidth or WIDTH), min(HEIGHT, query.maxheight or HEIGHT)
    title = title_of(story, texts("en")).text
    html = Markup(
        '<iframe src="{}" width="{}" height="{}" title="{}" loading="lazy" referrerpolicy="no-referrer"></iframe>'
    ).format(f"{base}{EMBED}{quote(story.id)}", width, height, escape(title))
    return Embedded("rich", "1.0", title, house.settings.sender_name, f"{base}/", 60, width, height, str(html))


async def oembed(interface: Any, request: Request) -> ASGIApp:
    """What a publishing system puts into its page."""
    made = embedded(interface.house, asked(request, EmbedQuery))
    return Ready(msgspec.json.encode(made), "application/json", request.url.path)


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "GET",
        "/v1/oembed",
        oembed,
        "How the card of an incident is embedded in another page (oEmbed 1.0).",
        (Answer(200, "The markup to embed.", "application/json", Embedded), Answer(304, "Nothing changed.", "")),
        EmbedQuery,
        faults=("person.not-found",),
        conditional=True,
    ),
)
"""What the interface offers of cards."""

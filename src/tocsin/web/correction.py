"""Corrections for whoever has quoted an incident: a feed of every correction, the old wording beside the new.

- JSON Feed 1.1: any feed reader takes it, and the old wording is struck through in what it shows.
- An item is a correction of one report, or an editor's; its id stays the same, so nobody is told twice.
- The words are the source's own, in their language, with who says so and who reported it; nothing is our statement.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.types import ASGIApp

from tocsin.assess.ruling import INCIDENT_CORRECTED
from tocsin.assess.story import Story
from tocsin.clock import spell
from tocsin.web.listing import Code
from tocsin.web.openapi import Answer, Operation, asked
from tocsin.web.ready import Ready

if TYPE_CHECKING:
    from tocsin.web.house import House

FEED_TYPE = "application/feed+json"
VERSION = "https://jsonfeed.org/version/1.1"
STORIES, ITEMS = 300, 100


class CorrectionsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which corrections."""

    area: Code | None = None


class CorrectionItem(Struct, frozen=True, omit_defaults=True):
    """One correction. ``_tocsin`` has both wordings and where they stand, for programs."""

    id: str
    url: str
    title: str
    content_html: str
    content_text: str
    date_published: str
    language: str
    details: Annotated[dict[str, Any], Meta(description="wrong, right, says, outlet, incident, report.")] = (
        msgspec.field(name="_tocsin", default_factory=dict)
    )


class CorrectionFeed(Struct, frozen=True):
    """A JSON Feed of corrections, newest first."""

    version: str
    title: str
    home_page_url: str
    feed_url: str
    items: tuple[CorrectionItem, ...]


def corrections(house: House, query: CorrectionsQuery) -> CorrectionFeed:
    """Every correction of the incidents that are kept, at a place and what belongs to it where one is named."""
    base = house.settings.public_url.rstrip("/")
    room = house.newsroom
    stories: tuple[Story, ...] = ()
    if room is not None:
        stories = room.touching(house.place(query.area).code) if query.area else room.incidents()[:STORIES]
    found = [one for story in stories for one in (*_reported(story, base), *_ruled(story, base))]
    found.sort(key=lambda pair: pair[0], reverse=True)
    title = f"{house.settings.sender_name}: corrections"
    if house.settings.realm == "exercise":
        title = f"EXERCISE: {title}"
    return CorrectionFeed(
        VERSION, title, f"{base}/", f"{base}/corrections.json", tuple(item for _, item in found[:ITEMS])
    )


def _reported(story: Story, base: str) -> list[tuple[datetime, CorrectionItem]]:
    """What reports corrected."""
    claims = {(c.report, c.span.start, c.span.end): c for c in story.incident.claims}
    made = []
    for one in story.incident.corrections:
        told = [claim for p in one.evidence if (claim := claims.get((p.report, p.start, p.end))) is not None]
        right = next((claim for claim in told if claim.text == one.right), None)
        if right is None:
            continue
        telling = story.telling(right.report)
        says = right.speaker.name or telling.outlet
        made.append(
            (
                telling.received,
                _item(
                    story, base, telling.received, one.wrong, one.right, says, telling.outlet, telling.language,
                    right.report,
                ),
            )
        )  # fmt: skip
    return made


def _ruled(story: Story, base: str) -> list[tuple[datetime, CorrectionItem]]:
    """What editors here corrected: who was meant, or where it was."""
    made = []
    for one in story.rulings:
        if one.kind != INCIDENT_CORRECTED or one.claim is None:
            continue
        telling = next((t for t in story.tellings if one.claim.report in (t.report, *t.versions)), None)
        if telling is not None:
            made.append(
                (
                    one.at,
                    _item(
                        story, base, one.at, one.before, one.after, "", telling.outlet, telling.language,
                        one.claim.report,
                    ),
                )
            )  # fmt: skip
    return made


def _item(
    story: Story, base: str, at: datetime, wrong: str, right: str, says: str, outlet: str, language: str, report: str
) -> CorrectionItem:
    named = hashlib.sha256("\0".join((report, wrong, right)).encode()).hexdigest()[:24]
    titles = story.incident.title
    title = titles.get(language) or titles.get("en") or next(iter(titles.values()), story.id)
    by = ", ".join(part for part in (says, outlet) if part)
    struck = f"<s>{escape(wrong)}</s> " if wrong else ""
    return CorrectionItem(
        f"{base}/incidents/{story.id}#{named}",
        f"{base}/incidents/{story.id}",
        title,
        f"<p>{struck}<b>{escape(right)}</b></p><p>{escape(by)}</p>",
        f"{wrong} → {right} ({by})" if wrong else f"{right} ({by})",
        spell(at),
        language,
        {"wrong": wrong, "right": right, "says": says, "outlet": outlet, "incident": story.id, "report": report},
    )


async def feed(interface: Any, request: Request) -> ASGIApp:
    """The feed of corrections."""
    made = corrections(interface.house, asked(request, CorrectionsQuery))
    return Ready(msgspec.json.encode(made), FEED_TYPE, request.url.path)


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "GET",
        "/corrections.json",
        feed,
        "Every correction of what was reported, newest first, as a JSON Feed: the old wording beside the new.",
        (Answer(200, "The feed.", FEED_TYPE, CorrectionFeed), Answer(304, "Nothing changed.", "")),
        CorrectionsQuery,
        faults=("input.place-unknown",),
        conditional=True,
    ),
)
"""What the interface offers of corrections."""

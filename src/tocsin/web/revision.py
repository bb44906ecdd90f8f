"""Revisions on the page of an incident: what an outlet changed in its article later, before and after, and when we saw it.

- What an outlet itself calls a correction stands among the corrections; this is what it changed without a word.
- The time is when the new words came in here: when they were changed, only the outlet knows.
- What went stays in sight, struck through, beside what came; both are named for those who hear the page.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from itertools import pairwise

from msgspec import DecodeError, Struct, json

from tocsin.assess.rewording import Piece, changes
from tocsin.assess.story import Story, Telling
from tocsin.sense.news import News
from tocsin.sense.report import Report

MOST_TELLINGS, MOST_VERSIONS = 20, 6
SPANS = "spans"
"""The licence of an outlet of which only some sentences may be kept (:class:`tocsin.sense.news.News`)."""


class Revision(Struct, frozen=True):
    """One change of one article: who, when it was noticed, and each sentence before and after."""

    outlet: str
    language: str
    noticed: datetime
    url: str
    changes: tuple[tuple[Piece, ...], ...]


def revisions(story: Story, find: Callable[[str], Report | None]) -> tuple[Revision, ...]:
    """Every change of the reports of ``story``, oldest first. ``find`` brings a report out of the journal by its id."""
    made = [one for telling in story.tellings[-MOST_TELLINGS:] if telling.versions for one in _of(telling, find)]
    return tuple(sorted(made, key=lambda one: one.noticed))


def _of(telling: Telling, find: Callable[[str], Report | None]) -> list[Revision]:
    known = [find(report) for report in (*telling.versions[-MOST_VERSIONS:], telling.report)]
    articles = [
        (report.received, news) for report in known if report is not None and (news := _news(report)) is not None
    ]
    made = []
    for (_, before), (noticed, after) in pairwise(articles):
        if before.excerpt or after.excerpt:
            continue
        found = changes(before.text, after.text, SPANS not in (before.licence, after.licence))
        if found:
            made.append(Revision(telling.outlet, telling.language, noticed, telling.url, found))
    return made


def _news(report: Report) -> News | None:
    try:
        return json.decode(report.content, type=News)
    except DecodeError:
        return None

"""A reading: a report as read, with its claims and what matches it with other reports."""

from __future__ import annotations

from datetime import date

from msgspec import Struct

from tocsin.assess.claim import Claim


class Source(Struct, frozen=True):
    """What is known of a report besides its words. ``outlet`` is who published it."""

    report: str
    published: date | None = None
    language: str = ""
    outlet: str = ""
    url: str = ""
    title: str = ""
    order: int = 0


class Reading(Struct, frozen=True):
    """A report as read: its claims and what matches it with others.

    ``lead`` are the topics and ``leading`` the families of the persons of its first two sentences.
    """

    source: Source
    language: str
    confidence: float
    claims: tuple[Claim, ...]
    places: tuple[str, ...]
    actors: tuple[str, ...]
    topics: dict[str, int]
    credits: tuple[str, ...]
    names: tuple[str, ...]
    numbers: tuple[str, ...]
    dates: tuple[str, ...]
    noise: tuple[str, ...] = ()
    length: int = 0
    cut: bool = False
    text: str = ""
    linking_only: bool = False
    lead: tuple[str, ...] = ()
    leading: tuple[str, ...] = ()

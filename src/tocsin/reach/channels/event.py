"""An event of the stream: what the public is told of a journal entry, rendered once in each form that there is.

- As a server-sent event and as a text frame of WebSocket: the same name, the same number, the same data.
- An alert concerns its areas, what they are part of and what is part of them (F21); a source, what it covers.
"""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec import Struct

from tocsin.journal import Entry
from tocsin.reach.audience import Places, related
from tocsin.reach.bulletin import Parse, body, bulletin
from tocsin.reach.channels.frame import TEXT, frame
from tocsin.sense.source import SOURCE_HEARD, SOURCE_LOST, Heard
from tocsin.warn.publish import ALERT_PUBLISHED, Published

KINDS = (ALERT_PUBLISHED, SOURCE_HEARD, SOURCE_LOST)

Forms = tuple[bytes, bytes]
"""An event as a server-sent event, and as a frame."""


class SourceNews(Struct, frozen=True):
    """The data of ``event: source``: a source is heard again, or was lost and its areas are unknown."""

    source: str
    name: str
    state: str
    last_heard: datetime | None
    areas: tuple[str, ...]
    reason: str
    as_of: datetime
    realm: str


class Piece(Struct, frozen=True):
    """One rendered event: the codes it concerns (None for all) and its bytes on the wire in each form."""

    seq: int
    codes: frozenset[str] | None
    data: Forms

    def concerns(self, areas: frozenset[str]) -> bool:
        """Whether it is for who asked for these areas; without areas, for everything."""
        return not areas or self.codes is None or not areas.isdisjoint(self.codes)


def event(name: bytes, seq: int | None, data: bytes) -> Forms:
    """An event with this name, number and JSON, in each form."""
    number = b"" if seq is None else b"id: %d\n" % seq
    field = b"" if seq is None else b'"id":%d,' % seq
    told = b'{"event":"%b",%b"data":%b}' % (name, field, data)
    return b"event: %b\n%bdata: %b\n\n" % (name, number, data), frame(TEXT, told)


def joined(seq: int) -> Forms:
    """Where somebody joined: an id without data tells no event, but is where a reader that is cut off resumes from."""
    return b"id: %d\n: joined\n\n" % seq, event(b"joined", seq, b"{}")[1]


def render(entry: Entry, realm: str, places: Places, parse: Parse, public_url: str) -> Piece | None:
    """The event that the public is told of an entry, or None where there is nothing to tell."""
    if entry.realm != realm:
        return None
    if entry.kind == ALERT_PUBLISHED:
        published = entry.read(Published)
        if published.scope != "Public":
            return None
        told = bulletin(published, parse(published.cap.encode()), realm, public_url)
        codes = related(places, published.areas) if published.areas else None
        return Piece(entry.seq, codes, event(b"alert", entry.seq, body(told)))
    if entry.kind in (SOURCE_HEARD, SOURCE_LOST):
        heard = entry.read(Heard)
        news = SourceNews(
            entry.subject,
            heard.name,
            "lost" if entry.kind == SOURCE_LOST else "heard",
            heard.last_heard,
            heard.covers,
            heard.reason,
            entry.at,
            realm,
        )
        codes = related(places, heard.covers) if heard.covers else None
        return Piece(entry.seq, codes, event(b"source", entry.seq, msgspec.json.encode(news)))
    return None

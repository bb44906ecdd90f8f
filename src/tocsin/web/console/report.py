"""A report at the incident desk: word for word, with every claim marked where it stands, and its versions.

- A link to a statement ends at its first letter here; the words are the journal's and never a copy from a web page.
- Where a licence lets only a few sentences be kept, these are all there is, and the page says so.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from msgspec import Struct
from starlette.responses import Response

from tocsin.assess.claim import Claim
from tocsin.assess.story import taken_in
from tocsin.errors import NotFoundError
from tocsin.warn.person import Act
from tocsin.web.console.desk_room import Call, at_desk
from tocsin.web.console.gate import Door
from tocsin.web.console.incident_room import IncidentRoom
from tocsin.web.console.statement import HERE, Tell, titled


async def report(call: Call) -> Response:
    """A report word for word, with every claim marked where it stands, and its versions."""
    room = IncidentRoom.of(call.room.house)
    story = room.story(call.request.path_params["incident"])
    name = call.request.path_params["report"]
    telling = next((one for one in story.tellings if name in (one.report, *one.versions)), None)
    if telling is None:
        raise NotFoundError("this report is not part of the incident")
    current = telling.report == name
    if current:
        reading, shown = story.reading(name), telling
    else:
        known = room.report(name)
        taken = taken_in(known, 0) if known is not None else None
        if taken is None:
            raise NotFoundError("this version is not in the journal")
        reading, shown = taken
    return call.page(
        "report.html",
        "incidents",
        story=story,
        one=shown,
        newest=telling,
        current=current,
        title=titled(story, call.t.language),
        language=Tell(story, call.t).language(shown.language),
        pieces=marked(reading.text, reading.claims),
        back=f"{HERE}/{story.id}",
    )


class Piece(Struct, frozen=True):
    """A piece of a report's text: ``anchor`` where a claim begins, ``standing`` of the claim that it is part of."""

    text: str
    anchor: str = ""
    standing: str = ""


def marked(text: str, claims: Iterable[Claim]) -> tuple[Piece, ...]:
    """The text in pieces at the borders of its claims; claims that overlap share a piece."""
    spans = [(claim.span.start, min(claim.span.end, len(text)), claim.standing) for claim in claims]
    spans = [one for one in spans if 0 <= one[0] < one[1]]
    edges = sorted({0, len(text), *(one[0] for one in spans), *(one[1] for one in spans)})
    starts = {one[0] for one in spans}
    made = []
    for first, last in itertools.pairwise(edges):
        over = [one for one in spans if one[0] <= first and last <= one[1]]
        standing = min((one[2] for one in over), key=lambda word: word == "claimed", default="")
        made.append(Piece(text[first:last], f"c{first}" if first in starts else "", standing))
    return tuple(made)


DOORS = (Door("GET", HERE + "/{incident}/reports/{report}", at_desk(report), Act.LOOK),)

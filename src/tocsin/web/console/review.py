"""The pages of reviews: which events there were, what happened in each, and the files to take away.

- Made when it is asked for, from the journal alone; nothing is kept, so nothing can differ from the record.
"""

from __future__ import annotations

import asyncio

from starlette.responses import Response

from tocsin.account.review import Review, public, review
from tocsin.cap.limits import TRUSTED
from tocsin.cap.xml import read as parse
from tocsin.warn.person import Act
from tocsin.warn.publish import Published
from tocsin.web.console.desk_room import Call, at_desk
from tocsin.web.console.gate import Door
from tocsin.web.review import as_json, named, page, shown, signed

LISTED = 100


async def made(call: Call) -> Review:
    """The review of the event in the address; NotFoundError where the journal does not know it."""
    store, event = call.room.house.store, call.request.path_params["event"]
    return await asyncio.to_thread(review, store, event, call.at, call.room.house.gazetteer)


async def reviews(call: Call) -> Response:
    """The newest events."""
    events = list(reversed(call.room.versions.items()))[:LISTED]
    lines = [(event, versions[-1], versions[0].sent, len(versions)) for event, versions in events]
    titles = await asyncio.to_thread(
        lambda: {last.identifier: headline(last, call.t.language) for _, last, _, _ in lines}
    )
    name = call.room.house.gazetteer.name
    return call.page(
        "reviews.html",
        "reviews",
        events=lines,
        titles=titles,
        places=lambda codes: ", ".join(named(code, call.t.language, name) for code in codes),
    )


def headline(done: Published, language: str) -> str:
    """What an alert says in one line, in ``language`` or in the first that it has."""
    infos = [info for alert in parse(done.cap.encode(), limits=TRUSTED).alerts for info in alert.infos]
    info = next((one for one in infos if one.language[:2] == language), infos[0] if infos else None)
    return (info.headline or info.event if info is not None else "") or done.identifier


async def one(call: Call) -> Response:
    """One event, whole."""
    return call.page(
        "review.html",
        "reviews",
        **shown(await made(call), call.t, call.room.zone, call.room.house.gazetteer.name, call.room.name),
    )


async def file(call: Call) -> Response:
    """The review as a file: ``html`` or ``json``, whole or the public edition."""
    found = await made(call)
    if "public" in call.form:
        found = public(found)
    sealed = signed(found, call.room.house.keys)
    kind = call.request.path_params["kind"]
    name = f"review-{found.edition}-{call.at:%Y%m%dT%H%M}Z.{kind}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    if kind == "json":
        return Response(as_json(sealed), media_type="application/json", headers=headers)
    return Response(
        page(sealed, call.t, call.room.zone, call.room.house.gazetteer.name), media_type="text/html", headers=headers
    )


DOORS = (
    Door("GET", "/console/reviews", at_desk(reviews), Act.READ_JOURNAL, menu="menu.reviews"),
    Door("GET", "/console/reviews/{event}", at_desk(one), Act.READ_JOURNAL),
    Door("GET", "/console/reviews/{event}/review.{kind}", at_desk(file), Act.READ_JOURNAL),
)

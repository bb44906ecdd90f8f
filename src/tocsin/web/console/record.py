"""The journal's page: what happened, in order, filtered, with the chain's head; and the whole of it to take away.

- What is shown is the record itself, never a summary; the newest stands first.
- The chain can be checked from here, from the first entry to the last, and its head can be written down on paper.
- The export is one JSON object a line with every hash, so that anybody can check it without us.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator

import msgspec
from starlette.responses import Response, StreamingResponse

from tocsin.clock import spell
from tocsin.errors import JournalBrokenError
from tocsin.journal import Entry, follow, verify
from tocsin.remark import Remark
from tocsin.warn.person import Act
from tocsin.web.console.desk_room import Call, DeskRoom, at_desk
from tocsin.web.console.gate import Door

PAGE = 60
SPAN = 2000
STEPS = 40


def newest(room: DeskRoom, kind: str, subject: str, before: int) -> tuple[list[Entry], int]:
    """Up to a page of entries below ``before`` whose kind begins with ``kind``; and where to go on, 0 at the end."""
    found: list[Entry] = []
    for _ in range(STEPS):
        after = max(0, before - SPAN - 1)
        read = [entry for entry in room.house.store.read(after, SPAN) if entry.seq < before]
        for entry in reversed(read):
            if entry.kind.startswith(kind) and subject in entry.subject:
                found.append(entry)
                if len(found) == PAGE:
                    return found, entry.seq
        before = after + 1
        if after == 0:
            return found, 0
    return found, before


async def record(call: Call) -> Response:
    """The newest entries that fit the filter."""
    room, form = call.room, call.form
    head = room.house.store.head()
    before = form.get("before")
    start = int(before) if before.isdigit() and len(before) < 16 else head.seq + 1
    kind, subject = form.get("kind").strip()[:60], form.get("subject").strip()[:120]
    found, on = await asyncio.to_thread(newest, room, kind, subject, start)
    checked: int | None = None
    broken: Remark | str = ""
    if "check" in form:
        try:
            checked = await asyncio.to_thread(lambda: verify(follow(room.house.store, 0), head))
        except JournalBrokenError as wrong:
            broken = wrong.said or wrong.detail
    return call.page(
        "record.html",
        "record",
        entries=[(entry, _shown(entry)) for entry in found],
        on=on,
        kind=kind,
        subject=subject,
        head=head,
        head_hex=head.hash.hex(),
        checked=checked,
        broken=broken,
        kinds=(
            "alert:",
            "draft:",
            "delivery:",
            "report:",
            "source:",
            "person:",
            "session:",
            "policy:",
            "handover:",
            "stopwatch:",
            "loopback:",
            "page:",
            "incident:",
            "correction:",
            "rollcall:",
            "answer:",
            "facility:",
            "shelter:",
            "view:",
        ),
    )


def _shown(entry: Entry) -> str:
    """The body of an entry, laid out to be read."""
    text = msgspec.json.format(entry.body, indent=1).decode("utf-8", "replace") if entry.body else ""
    return text if len(text) <= 4000 else text[:4000] + " …"


async def export(call: Call) -> Response:
    """The whole journal, one entry a line."""
    store = call.room.house.store

    def lines() -> Iterator[bytes]:
        for entry in follow(store, 0):
            body = {
                "seq": entry.seq,
                "at": spell(entry.at),
                "realm": entry.realm,
                "kind": entry.kind,
                "subject": entry.subject,
                "body": base64.b64encode(entry.body).decode(),
                "prev": entry.prev.hex(),
                "hash": entry.hash.hex(),
            }
            yield msgspec.json.encode(body) + b"\n"

    name = f"journal-{call.room.house.settings.realm}-{call.at:%Y%m%dT%H%M}Z.ndjson"
    return StreamingResponse(
        lines(), media_type="application/x-ndjson", headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


DOORS = (
    Door("GET", "/console/record", at_desk(record), Act.READ_JOURNAL, menu="menu.record"),
    Door("GET", "/console/record/export", at_desk(export), Act.READ_JOURNAL),
)

"""Endings: keys that end, and the calls about them, so that nobody finds out on the night it counts.

- Administrators are called 60, 30, 7 and 1 days before a signing key ends, once each; a call is a fact like any other, so
  it is made once however often the program starts.
- Whoever was away from when the first call was due hears the newest one and not all of them.
- A key after which another one signs asks for something else than the last one: receivers must have pinned the next.
  What has ended and has a successor calls nobody; what has ended and has none still does.

F10: stations rejected tests for weeks because a certificate had ended.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from msgspec import Struct

from tocsin.warn.owner import Page
from tocsin.warn.person import People

TOLD_AT = (60, 30, 7, 1)
"""So many days before its end somebody is called."""
RINGS = 2
"""The step of the last call: from the second one on, the telephone rings."""


class Ending(Struct, frozen=True):
    """A key that ends; ``last`` says that nothing signs after it."""

    key: str
    ends: datetime
    last: bool


def ending_pages(endings: Iterable[Ending], people: People, at: datetime) -> list[Page]:
    """Every call about a key that is due by ``at``; it may have been made already: the same call has the same id."""
    found = []
    for one in endings:
        passed = [days for days in TOLD_AT if one.ends - at <= timedelta(days=days)]
        if not passed or (one.ends <= at and not one.last):
            continue
        days = min(passed)
        left = max(0, (one.ends - at).days)
        sentence = f"Days left until signing key {one.key} ends: {left}. " + (
            "Nothing signs after it: restart the program, which makes the next one, and give that to the receivers."
            if one.last
            else "The next one signs from then on: see that the receivers have pinned it."
        )
        kind, step = "last-key-ends" if one.last else "key-ends", RINGS if days == min(TOLD_AT) else 1
        # Each of the four is a call of its own: that somebody answered the first one does not silence the last.
        found += [
            Page(f"key/{one.key}@{days}", person, one.ends - timedelta(days=days), sentence, step, kind, left * 1440)
            for person in people.administrators(at)
        ]
    return found

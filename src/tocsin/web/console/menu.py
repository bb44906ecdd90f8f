"""The menu of the console: what an alarm needs always stands there, the rest in groups behind one word.

- ``now`` is what somebody needs while people are in danger: always in sight, one tap away, on a phone as well.
- Everything else is found under what it is for: to prepare, people, the record, one's own account.
- A page that belongs to an entry, such as one draft, marks its entry, so that nobody is lost.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

HOME = "/console/"
NOW = "now"
GROUPS: dict[str, tuple[str, ...]] = {
    NOW: (HOME, "/console/write", "/console/incidents", "/console/rollcalls", "/console/facilities"),
    "prepare": ("/console/shelters", "/console/channels", "/console/subscribers"),
    "people": ("/console/team", "/console/calls", "/console/roster", "/console/people"),
    "record": ("/console/reviews", "/console/record"),
    "own": ("/console/account",),
}
"""Every page of the menu by its group, in the order in which it is needed."""
PARTS = {
    "/console/drafts/": "/console/write",
    "/console/alerts/": HOME,
    "/console/handover": HOME,
    "/console/reports/": "/console/incidents",
}
"""Pages that belong to an entry whose address theirs does not begin with."""


class Entry(Struct, frozen=True):
    """One page of the menu. ``here`` is ``page`` for the page itself, ``true`` for a page within it, else empty."""

    path: str
    word: str
    here: str = ""


class Group(Struct, frozen=True):
    """The entries of one purpose; ``name`` is a key of :data:`GROUPS`."""

    name: str
    entries: tuple[Entry, ...]


class Menu(Struct, frozen=True):
    """What stands in sight, and the groups behind one word. ``inside`` is the entry there that is open now."""

    now: tuple[Entry, ...] = ()
    more: tuple[Group, ...] = ()

    @property
    def inside(self) -> Entry | None:
        """The entry behind the word on whose page the reader is; None where it stands in sight."""
        return next((entry for group in self.more for entry in group.entries if entry.here), None)


def menu(found: Iterable[tuple[str, str]], path: str) -> Menu:
    """The menu of the pages in ``found`` (address and word) for somebody who reads ``path``; empty groups are left out."""
    words = dict(found)
    groups = [
        Group(name, tuple(Entry(one, words[one], _here(one, path)) for one in paths if one in words))
        for name, paths in GROUPS.items()
    ]
    return Menu(groups[0].entries, tuple(group for group in groups[1:] if group.entries))


def _here(entry: str, path: str) -> str:
    if path == entry:
        return "page"
    within = next((home for part, home in PARTS.items() if path.startswith(part)), "")
    return "true" if entry == within or (entry != HOME and path.startswith(entry + "/")) else ""

"""Which sources speak for a place, when each was last heard, and whether that is recent enough to believe silence.

- A place is in contact while every source that covers it is fresh: each may bring what the others do not.
- A source covers a place when it covers the same area, one that contains it, or all of its parts.
- Only what is heard makes fresh: after a start every source is silent until it speaks, and a recorded loss stands until
  something was heard after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from tocsin.cap.standing import Contact
from tocsin.place.gazetteer import Gazetteer
from tocsin.sense.source import Heard, Source


class Contacts:
    """The sources of one realm and when they were heard. ``intervals``: see :class:`~tocsin.sense.source.Source`."""

    def __init__(self, gazetteer: Gazetteer, sources: Mapping[str, Source], intervals: float) -> None:
        self.gazetteer, self.intervals = gazetteer, intervals
        self.sources: dict[str, Source] = dict(sources)
        self._heard: dict[str, datetime] = {}
        self._lost: dict[str, datetime] = {}
        self._since: dict[str, datetime] = {}
        self._covering: dict[str, tuple[str, ...]] = {}

    def heard(self, source_id: str, at: datetime) -> None:
        """``source_id`` spoke at ``at``; an earlier moment than one already known changes nothing."""
        before = self._heard.get(source_id)
        source = self.sources.get(source_id)
        if source is not None and not self.fresh(source_id, at):
            self._since[source_id] = at
        if before is None or at > before:
            self._heard[source_id] = at
        if (lost := self._lost.get(source_id)) is not None and at > lost:
            del self._lost[source_id]

    def recorded(self, source_id: str, body: Heard, at: datetime, lost: bool) -> None:
        """What a ``source:heard`` or ``source:lost`` entry of the moment ``at`` says."""
        known = self.sources.get(source_id)
        if known is None:
            found = Source(source_id, body.name or source_id, "", body.covers, body.interval_s)
            self.sources[source_id] = found
            self._covering.clear()
        elif not known.covers and body.covers:
            self.sources[source_id] = msgspec.structs.replace(known, covers=body.covers)
            self._covering.clear()
        if lost:
            self._lost[source_id] = at
            return
        self._lost.pop(source_id, None)
        if body.last_heard is not None:
            self.heard(source_id, body.last_heard)

    def fresh(self, source_id: str, at: datetime) -> bool:
        """Whether a source counts as heard; our own word (no source, or one nobody listens to) always does."""
        source = self.sources.get(source_id)
        if source is None:
            return True
        lost = self._lost.get(source_id)
        return (lost is None or lost > at) and source.fresh(self._heard.get(source_id), at, self.intervals)

    def last_heard(self, source_id: str) -> datetime | None:
        """When ``source_id`` was last heard."""
        return self._heard.get(source_id)

    def since(self, source_id: str) -> datetime | None:
        """Since when the present contact with ``source_id`` lasts."""
        return self._since.get(source_id)

    def lost(self, at: datetime) -> frozenset[str]:
        """The sources that are silent at ``at``."""
        return frozenset(source_id for source_id in self.sources if not self.fresh(source_id, at))

    def covering(self, codes: Iterable[str]) -> tuple[str, ...]:
        """The sources that cover the place with the first of ``codes``, or any other that is given instead of it."""
        found: dict[str, None] = {}
        for code in codes:
            known = self._covering.get(code)
            if known is None:
                known = tuple(name for name, source in self.sources.items() if self._covers(source, code))
                self._covering[code] = known
            found.update(dict.fromkeys(known))
        return tuple(found)

    def _covers(self, source: Source, code: str) -> bool:
        """Whether ``source`` speaks for all of ``code``. A code that is not known here is covered by nobody."""
        g = self.gazetteer
        known = [covered for covered in source.covers if covered in g]
        if code not in g:
            return code in source.covers
        if any(g.relation(covered, code) in ("same", "contains") for covered in known):
            return True
        children = g.children(code)
        return bool(children) and all(
            any(g.relation(covered, child) in ("same", "contains") for covered in known) for child in children
        )

    def contact(self, codes: Iterable[str], lost: frozenset[str]) -> Contact:
        """How the place with ``codes`` is in contact when the sources ``lost`` are silent."""
        covering = self.covering(codes)
        silent = tuple(name for name in covering if name in lost)
        heard = [moment for name in silent if (moment := self._heard.get(name)) is not None]
        return Contact(bool(covering), silent, max(heard, default=None))

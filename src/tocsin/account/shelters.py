"""The shelters of an installation: found by where somebody is, changed by imports, reports and people of this house.

- Everything that is answered from memory is on disk first: rows and the fact about them are one commit of the book.
- An import either happens whole or not at all, and one that would take away more than a part needs to be forced.
- A report of a locked door bears no identity: a keyed mark tells two reporters of one shelter apart and nothing else.
- The journal says what was imported (digest, counts) and what each shelter's standing became, and by whom of this house.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec
import shapely
from msgspec import Struct

from tocsin.account.importing import Change, too_many_gone
from tocsin.account.shelter import (
    NOTHING,
    REPORT_HOLDS,
    Shelter,
    Standing,
    Status,
    minutes_on_foot,
    status,
    verified_open_at,
)
from tocsin.account.shelter_import import ShelterFile
from tocsin.account.shelter_index import Index
from tocsin.account.shelter_match import Matched, match
from tocsin.clock import Clock
from tocsin.errors import NotFoundError
from tocsin.journal import Fact, fact
from tocsin.place.area import Shape
from tocsin.place.spelling import fold
from tocsin.remark import remark

SHELTERS_IMPORTED = "shelters:imported"
SHELTER_REPORTED = "shelter:reported"
SHELTER_OPENED = "shelter:opened"
SHELTER_CLOSED = "shelter:closed"
SHELTER_VERIFIED = "shelter:verified"
SHELTER_LEFT = "shelter:left-to-its-hours"

_TURN = {
    "open": SHELTER_OPENED,
    "closed": SHELTER_CLOSED,
    "verified": SHELTER_VERIFIED,
    "": SHELTER_LEFT,
}

OUTWARD = 20_000
"""Micro-degrees by which an area's line is moved outward to ask which shelters are its own: about two kilometres."""
LOOKED_AT = 5000
"""Shelters looked at for one answer at the most."""


class Imported(Struct, frozen=True):
    """The body of ``shelters:imported``; the subject is the dataset."""

    digest: str
    counts: Mapping[str, int]
    new: int
    changed: int
    same: int
    gone: int
    by: str = ""


class Turned(Struct, frozen=True):
    """The body of what a person of this house said about a shelter; the subject is its id."""

    by: str


class Reported(Struct, frozen=True):
    """The body of ``shelter:reported``: how many different people reported a locked door since somebody looked."""

    reports: int


class Near(Struct, frozen=True):
    """A shelter as seen from a point at a moment."""

    shelter: Shelter
    distance_m: float
    minutes: int
    status: Status
    verified: datetime | None


class Row(Struct, frozen=True):
    """A shelter as the book keeps it."""

    id: str
    dataset: str
    latitude: int
    longitude: int
    body: bytes
    gone: bool


class ShelterBook(Protocol):
    """Where shelters are kept; one contract suite holds for all of them. Calls return when it is on disk."""

    def rows(self, dataset: str | None = None) -> Sequence[Row]:
        """Every row, or those of one dataset, also those that are gone."""
        ...

    def standings(self) -> dict[str, Standing]:
        """What this house knows of each shelter."""
        ...

    def take(self, changed: Sequence[Row], facts: Sequence[Fact]) -> None:
        """Put these rows in place of what is there under their ids, and record ``facts``: all or nothing."""
        ...

    def report(self, shelter: str, mark: bytes, at: datetime, facts: Callable[[int], Sequence[Fact]]) -> Standing:
        """Keep a report under its mark, and record ``facts(number of reports)`` where the mark is a new one."""
        ...

    def stand(self, shelter: str, known: Standing, facts: Sequence[Fact]) -> None:
        """Put a standing in place, with its reports forgotten, and record ``facts``."""
        ...

    def mark(self, shelter: str, reporter: str) -> bytes:
        """What tells reporters of one shelter apart, and tells nothing else."""
        ...


class Shelters:
    """The shelters of one realm."""

    def __init__(self, book: ShelterBook, clock: Clock, realm: str) -> None:
        self._book, self._clock, self.realm = book, clock, realm
        self._writing = threading.Lock()
        self.edition = 0
        """Grows with every change: what was made of the shelters before is old."""
        self._load()

    def _load(self) -> None:
        rows = self._book.rows()
        self._index = Index([(row.id, row.latitude, row.longitude, row.body) for row in rows if not row.gone])
        self._standings = self._book.standings()
        self._words: list[tuple[str, str]] | None = None
        self.edition += 1

    def __len__(self) -> int:
        return len(self._index)

    def __iter__(self) -> Iterator[Shelter]:
        return iter(self._index)

    def get(self, identity: str) -> Shelter:
        """The shelter with this id; :class:`NotFoundError` if there is none, or it is gone."""
        found = self._index.get(identity)
        if found is None:
            raise NotFoundError
        return found

    def standing(self, identity: str) -> Standing:
        """What this house knows of a shelter."""
        return self._standings.get(identity, NOTHING)

    def status(self, shelter: Shelter, at: datetime) -> Status:
        """Whether people can get into a shelter at ``at``."""
        return status(shelter, self.standing(shelter.id), at)

    def nearest(
        self,
        latitude: int,
        longitude: int,
        at: datetime,
        limit: int = 5,
        *,
        most_m: float = float("inf"),
        wanted: frozenset[Status] = frozenset({Status.OPEN, Status.UNKNOWN, Status.DOUBTFUL}),
        step_free: bool = False,
    ) -> list[Near]:
        """The nearest shelters to a point in micro-degrees, nearest first, of the statuses ``wanted``."""
        found: list[Near] = []
        for looked, (away, shelter) in enumerate(self._index.nearest(latitude, longitude, most_m)):
            if len(found) >= limit or looked >= LOOKED_AT:
                break
            if step_free and shelter.step_free is not True:
                continue
            stands = self.status(shelter, at)
            if stands in wanted:
                verified = verified_open_at(shelter, self.standing(shelter.id))
                found.append(Near(shelter, away, minutes_on_foot(away), stands, verified))
        return found

    def within(self, shape: Shape, middle: tuple[int, int]) -> list[Shelter]:
        """Those in an area, the nearest to its middle (latitude, longitude in micro-degrees) first."""
        # Outlines of the world are coarse: a shelter just outside of a city's line is one of its shelters.
        areas = [shapely.buffer(piece, OUTWARD) for piece in shape.pieces()]
        found = list(self._index.within(areas))
        found.sort(key=lambda one: (one.latitude - middle[0]) ** 2 + (one.longitude - middle[1]) ** 2)
        return found

    def search(self, text: str, middle: tuple[int, int], most: int) -> list[Shelter]:
        """Those with all words of ``text`` in a name or the address, the nearest to ``middle`` first. For a thread."""
        wanted = [folded for word in text.split() if (folded := fold(word))][:8]
        if not wanted:
            return []
        if self._words is None:
            self._words = [(_words_of(one), one.id) for one in self._index]
        hits = [(words, one) for words, one in self._words if all(word in words for word in wanted)][:LOOKED_AT]
        # Who looks for number 1 means 1 sooner than 10 or 21.
        ranked = [
            (-sum(f" {word} " in words for word in wanted), apart, shelter)
            for words, one in hits
            if (shelter := self._index.get(one)) is not None
            for apart in [(shelter.latitude - middle[0]) ** 2 + (shelter.longitude - middle[1]) ** 2]
        ]
        ranked.sort(key=lambda row: row[:2])
        return [shelter for _, _, shelter in ranked[:most]]

    def doubtful(self, at: datetime) -> list[Shelter]:
        """Those in doubt, and those with a report, the most reported first: what a warden looks at first."""
        found = []
        for identity, known in self._standings.items():
            if (shelter := self._index.get(identity)) is not None and known.reports:
                live = sum(at - one < REPORT_HOLDS for one in known.reports)
                found.append((-live, shelter.id, shelter))
        return [shelter for count, _, shelter in sorted(found, key=lambda row: row[:2]) if count]

    # --- imports ---------------------------------------------------------------------------------------------------

    def _match(self, file: ShelterFile) -> tuple[Matched, Change, dict[str, Shelter]]:
        rows = self._book.rows(file.dataset)
        known = {row.id: msgspec.json.decode(row.body, type=Shelter) for row in rows}
        was_gone = frozenset(row.id for row in rows if row.gone)
        found = match(known, was_gone, file.shelters, file.partial)
        there = len(known) - len(was_gone)
        refused = too_many_gone(
            len(found.gone), there, what=remark("import.shelters-of", "shelters of {name}", name=repr(file.dataset))
        )
        if not file.shelters and there and not file.partial:
            refused = remark(
                "import.none-left",
                "no shelter was understood, and {there} are there; if they are gone, import it with --force",
                there=there,
            )
        lines = tuple(
            remark("import.gone", "Gone: {name} [{id}]", name=known[one].name("en") or one, id=one)
            for one in found.gone[:5]
        ) + (
            (remark("import.gone-more", "and {count} more.", count=len(found.gone) - 5),) if len(found.gone) > 5 else ()
        )
        change = Change(len(found.new), len(found.changed), found.same, len(found.gone), lines, refused)
        return found, change, known

    def change(self, file: ShelterFile) -> Change:
        """What :meth:`take` would change."""
        return self._match(file)[1]

    def take(self, file: ShelterFile, counts: dict[str, int], *, force: bool = False, by: str = "") -> Change:
        """Take in a file; nothing is changed where the change is refused and not forced."""
        with self._writing:
            found, change, known = self._match(file)
            if change.refused and not force:
                return change
            change = msgspec.structs.replace(change, refused="")
            rows = [_row(one, gone=False) for one in (*found.new, *found.changed)]
            rows += [_row(known[identity], gone=True) for identity in found.gone]
            if not rows:
                return change
            told = Imported(file.digest, counts, change.new, change.changed, change.same, change.gone, by)
            self._book.take(rows, [fact(SHELTERS_IMPORTED, file.dataset, told, self.realm)])
            self._load()
            return change

    # --- reports and people ------------------------------------------------------------------------------------------

    def report(self, identity: str, reporter: str) -> Status:
        """Somebody found the door locked. ``reporter`` is kept as a mark only; its status after that."""
        shelter = self.get(identity)
        with self._writing:

            def facts(reports: int) -> Sequence[Fact]:
                return [fact(SHELTER_REPORTED, identity, Reported(reports), self.realm)]

            now = self._clock.now()
            self._standings[identity] = self._book.report(identity, self._book.mark(identity, reporter), now, facts)
            self.edition += 1
        return self.status(shelter, self._clock.now())

    def turn(self, identity: str, word: str, by: str) -> Status:
        """A person of this house says what holds: ``open``, ``closed``, ``verified`` (found open), or nothing any more.

        Whatever was reported before is settled by it.
        """
        shelter = self.get(identity)
        with self._writing:
            now, before = self._clock.now(), self.standing(identity)
            verified = now if word in ("open", "verified") else before.verified
            kept = word if word in ("open", "closed") else ""
            known = Standing(kept, now, verified)
            self._book.stand(identity, known, [fact(_TURN[word], identity, Turned(by), self.realm)])
            self._standings[identity] = known
            self.edition += 1
        return self.status(shelter, self._clock.now())


def _row(shelter: Shelter, *, gone: bool) -> Row:
    body = msgspec.json.encode(shelter)
    return Row(shelter.id, shelter.dataset, shelter.latitude, shelter.longitude, body, gone)


def _words_of(shelter: Shelter) -> str:
    """Every word of its names and address, folded, with a space on either side."""
    return f" {' '.join(fold(word) for text in (*shelter.names.values(), shelter.address) for word in text.split())} "

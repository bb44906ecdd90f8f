"""The ground: which of the alerts that stand may hold at a point, found without reading all of them.

- Most alerts that are drawn say so in their text: their boxes stand in the register from the moment they are published.
- Of the others the areas have to be read: their shapes stand in a tree (:mod:`tocsin.reach.live`), codes in a table; an
  alert of which nobody can tell where it holds may hold anywhere. They are read beside the server, as they come, and
  until then may hold anywhere, so no question has to wait for that.
- What is found is more rather than less than what holds: whoever asks judges each of the few.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING

from tocsin.cap.alert import Alert, Area
from tocsin.cap.coverage import Coverage, Point
from tocsin.place.area import Shape
from tocsin.place.ring import FULL
from tocsin.reach.audience import related
from tocsin.reach.live import LiveAreas
from tocsin.web.register import Row

if TYPE_CHECKING:
    from tocsin.web.house import House

FEW = 16
"""Alerts that are read at a time, between which others have their turn."""
GRID = 8


class Ground:
    """The standing alerts of one house by where they are."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.coverage = Coverage(house.gazetteer)
        self._opened = False
        self._looked = 0
        # Those that stand and are not read yet, and those that were, but for the ones that boxes tell of.
        self._waiting: dict[str, Row] = {}
        self._rows: dict[str, Row] = {}
        self._shapes: LiveAreas[str] = LiveAreas()
        self._codes: dict[str, dict[str, None]] = defaultdict(dict)
        self._anywhere: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self._rows) + len(self._waiting)

    @property
    def waiting(self) -> int:
        """How many alerts are still to be read."""
        self._look()
        return len(self._waiting)

    def at(self, point: Point) -> list[Row]:
        """The rows of standing alerts that may hold at ``point``, oldest first."""
        self._look()
        boxed = self.house.register.boxes.at(point.latitude, point.longitude)
        found = dict.fromkeys(self._shapes.at(point.latitude, point.longitude))
        around = self.house.gazetteer.at(point.latitude, point.longitude)[:1]
        for code in related(self.house.gazetteer, (place.code for place in around)):
            found.update(self._codes.get(code, {}))
        found.update(self._anywhere)
        rows = [row for row in (*boxed, *self._waiting.values()) if self._known(row.identifier)]
        # A copy, because what has ended leaves the tables that this walks.
        rows += [self._rows[identifier] for identifier in list(found) if self._still(identifier)]
        return sorted(rows, key=lambda row: row.seq)

    async def keep_ready(self) -> None:
        """Open the map, and read what has come and has to be read, a few at a time in a thread, until nothing waits."""
        await asyncio.to_thread(self._open_map)
        while self.waiting:
            few = [row for row, _ in zip(self._waiting.values(), range(FEW), strict=False)]
            for row, alert in zip(few, await asyncio.to_thread(self._read, few), strict=True):
                if self._waiting.pop(row.identifier, None) is not None and self._known(row.identifier):
                    self._enter(row, alert)
            # Warning comes before this: half of the time is left to others.
            await asyncio.sleep(0.005)

    def _open_map(self) -> None:
        """Ask for points all over what the sources speak for: each country's lines are made ready when first asked for."""
        if self._opened:
            return
        self._opened = True
        gazetteer = self.house.gazetteer
        codes = {self.house.settings.home, *(code for one in self.house.sources.values() for code in one.covers)}
        for code in sorted(codes)[:FEW]:
            shape = gazetteer.shape(code) if code in gazetteer else None
            if shape is None or (bounds := shape.bounds) is None:
                continue
            south, west, north, east = bounds
            wide = (east - west) % FULL
            for up, right in product(range(GRID + 1), repeat=2):
                gazetteer.at(south + (north - south) * up // GRID, west + wide * right // GRID)

    def _read(self, rows: Sequence[Row]) -> list[Alert]:
        alerts: list[Alert] = []
        for row in rows:
            try:
                alerts.append(self.house.register.read(row).alert)
            except IndexError:
                # Nothing can be read of it, so it may hold anywhere.
                alerts.append(Alert(row.identifier))
            for area in _areas(alerts[-1]):
                self.coverage.ground(area)
        return alerts

    def _look(self) -> None:
        """Take notice of what has come."""
        rows = self.house.register.rows
        while self._looked < len(rows):
            row = rows[self._looked]
            self._looked += 1
            if not row.drawn and self._known(row.identifier):
                self._waiting[row.identifier] = row

    def _still(self, identifier: str) -> bool:
        if self._known(identifier):
            return True
        self._rows.pop(identifier, None)
        self._shapes.drop(identifier)
        self._anywhere.pop(identifier, None)
        for held in self._codes.values():
            held.pop(identifier, None)
        return False

    def _known(self, identifier: str) -> bool:
        return self.house.situation.alert(identifier) is not None

    def _enter(self, row: Row, alert: Alert) -> None:
        self._rows[row.identifier] = row
        areas = _areas(alert)
        drawn: list[Shape] = []
        anywhere = not areas
        for area in areas:
            shape, codes = self.coverage.ground(area)
            if shape is not None:
                drawn.append(shape)
            for code in codes:
                self._codes[code][row.identifier] = None
            anywhere = anywhere or (shape is None and not codes)
        if drawn:
            self._shapes.put(row.identifier, Shape.union(drawn))
        if anywhere:
            self._anywhere[row.identifier] = None


def _areas(alert: Alert) -> tuple[Area, ...]:
    return tuple(dict.fromkeys(area for info in alert.infos for area in info.areas))

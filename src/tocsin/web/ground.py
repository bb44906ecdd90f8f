"""The ground: which of the alerts that stand may hold at a point, found by the areas themselves and not by reading all.

- Shapes stand in a tree (:mod:`tocsin.reach.live`), codes in a table; an alert of which nobody can tell where it holds
  may hold anywhere. What is found is more rather than less than what holds: whoever asks judges each of the few.
- It takes in what the register has and the situation still knows, when somebody asks; what has ended goes as it is met.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from tocsin.cap.coverage import Coverage, Point
from tocsin.place.area import Shape
from tocsin.reach.audience import related
from tocsin.reach.live import LiveAreas
from tocsin.web.register import Row

if TYPE_CHECKING:
    from tocsin.web.house import House


class Ground:
    """The standing alerts of one house by where they are."""

    def __init__(self, house: House, coverage: Coverage) -> None:
        self.house, self.coverage = house, coverage
        self._upto = 0
        self._rows: dict[str, Row] = {}
        self._shapes: LiveAreas[str] = LiveAreas()
        self._codes: dict[str, dict[str, None]] = defaultdict(dict)
        self._anywhere: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def at(self, point: Point) -> list[Row]:
        """The rows of standing alerts that may hold at ``point``, oldest first."""
        self._take_in()
        found = dict.fromkeys(self._shapes.at(point.latitude, point.longitude))
        around = self.house.gazetteer.at(point.latitude, point.longitude)[:1]
        for code in related(self.house.gazetteer, (place.code for place in around)):
            found.update(self._codes.get(code, {}))
        found.update(self._anywhere)
        # A copy, because what has ended leaves the tables that this walks.
        rows = [self._rows[identifier] for identifier in list(found) if self._still(identifier)]
        return sorted(rows, key=lambda row: row.seq)

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

    def _take_in(self) -> None:
        register = self.house.register
        drawn: list[tuple[str, Shape]] = []
        for row in register.since(self._upto):
            self._upto = row.seq
            if self._known(row.identifier):
                self._enter(row, drawn)
        if drawn:
            self._shapes.put_all(drawn)

    def _enter(self, row: Row, together: list[tuple[str, Shape]]) -> None:
        self._rows[row.identifier] = row
        alert = self.house.register.show(row).alert
        areas = tuple(dict.fromkeys(area for info in alert.infos for area in info.areas))
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
            together.append((row.identifier, Shape.union(drawn)))
        if anywhere:
            self._anywhere[row.identifier] = None

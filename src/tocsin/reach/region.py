"""The region: in which first-level part of its country each of very many subscribers has a place.

- An area code counts where it lies: in the part just below the country, or as the country where it is all of it.
- Whoever has no place that the map knows counts under the empty name.
"""

from __future__ import annotations

import numpy as np

from tocsin.reach.delivery import Numbers
from tocsin.reach.spots import Members
from tocsin.reach.why import Places


class Regions:
    """One region a number, for ``rows`` numbers; what is entered later takes the place of what was before."""

    def __init__(self, places: Places, rows: int) -> None:
        self.places = places
        self._region = np.zeros(rows, dtype=np.uint16)
        self._known: dict[str, int] = {"": 0}

    def enter(self, code: str, members: Members) -> None:
        """Put these numbers into the region of an area."""
        self._region[members.numbers()] = self._known.setdefault(first_level(self.places, code), len(self._known))

    def count(self, numbers: Numbers) -> dict[str, int]:
        """How many of ``numbers`` are in which region, the names in order."""
        found = np.bincount(self._region[numbers], minlength=len(self._known)).tolist()
        return {name: found[place] for name, place in sorted(self._known.items()) if found[place]}


def first_level(places: Places, code: str) -> str:
    """The part of its country that an area lies in; the country itself for one, and the empty name for the unknown."""
    if code not in places:
        return ""
    path = (code, *places.ancestors(code))
    return path[-2] if len(path) > 1 else path[0]

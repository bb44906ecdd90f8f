"""Matching: which shelter of a file is which one that is known already, so that importing again keeps identity.

- An id of the source's own decides. A running number decides only where place or name agree with it: numbers move on when
  a list is exported anew, and a report of a locked door must not move to another house.
- Else the same name and address within a few hundred metres, else the same place within some metres, one to one, the
  nearest first. Two ids of a source's own that differ are never one shelter.
- What comes back after it was gone has its old identity again.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
from msgspec import Struct

from tocsin.account.shelter import Shelter
from tocsin.account.shelter_import import new_id, place_key
from tocsin.place.spelling import fold

LOOSE = "~"
"""What stands before a source id that is a mere running number."""
NUMBER_M, NAME_M, PLACE_M = 300.0, 500.0, 15.0
_CELL = 200  # micro-degrees of latitude: 22 m, so that whoever is within PLACE_M lies in a neighbouring cell


class Matched(Struct, frozen=True):
    """A file held against what is known: shelters that are new, changed and the same, and ids that are gone."""

    new: tuple[Shelter, ...]
    changed: tuple[Shelter, ...]
    same: int
    gone: tuple[str, ...]


def match(known: Mapping[str, Shelter], was_gone: frozenset[str], found: Sequence[Shelter], partial: bool) -> Matched:
    """Hold ``found`` against the ``known`` shelters of its dataset by id; ``was_gone`` are those known that are gone.

    ``partial``: what is missing is not gone.
    """
    pairs = _pairs(known, found)
    new: list[Shelter] = []
    changed: list[Shelter] = []
    same = 0
    taken = set(known)
    for index, shelter in enumerate(found):
        before = known.get(pairs.get(index, ""))
        if before is None:
            identity, salt = shelter.id, 0
            while identity in taken:
                # Its first name is another's by now: a running number that moved on.
                salt += 1
                identity = new_id(shelter.dataset, f"{shelter.source_id}/{salt}", place_key(shelter))
            taken.add(identity)
            new.append(msgspec.structs.replace(shelter, id=identity))
            continue
        kept = msgspec.structs.replace(shelter, id=before.id)
        if kept == before and before.id not in was_gone:
            same += 1
        else:
            changed.append(kept)
    there = set(pairs.values())
    gone = () if partial else tuple(sorted(one for one in known if one not in there and one not in was_gone))
    return Matched(tuple(new), tuple(changed), same, gone)


def _pairs(known: Mapping[str, Shelter], found: Sequence[Shelter]) -> dict[int, str]:
    """For each shelter of the file by its index, the id of the known one that it is."""
    pairs: dict[int, str] = {}
    left = dict(known)

    def pair(index: int, identity: str) -> None:
        pairs[index] = identity
        del left[identity]

    by_source = {one.source_id: one.id for one in known.values() if one.source_id}
    for index, shelter in enumerate(found):
        identity = by_source.get(shelter.source_id) if shelter.source_id else None
        if identity is not None and identity in left:
            before = left[identity]
            if not shelter.source_id.startswith(LOOSE) or _agrees(shelter, before):
                pair(index, identity)
    named: dict[tuple[str, str], list[str]] = defaultdict(list)
    for identity, one in left.items():
        if any(key := _called(one)):
            named[key].append(identity)
    for index, shelter in enumerate(found):
        if index in pairs or not any(key := _called(shelter)):
            continue
        near = [one for one in named.get(key, ()) if one in left and _may_be(shelter, left[one])]
        near = [one for one in near if metres(shelter, left[one]) <= NAME_M]
        if near:
            pair(index, min(near, key=lambda one: metres(shelter, left[one])))
    cells: dict[tuple[int, int], list[str]] = defaultdict(list)
    for identity, one in left.items():
        cells[_cell(one)].append(identity)
    close = sorted(
        (metres(shelter, left[identity]), index, identity)
        for index, shelter in enumerate(found)
        if index not in pairs
        for identity in _around(cells, shelter)
        if _may_be(shelter, left[identity])
    )
    for away, index, identity in close:
        if away <= PLACE_M and index not in pairs and identity in left:
            pair(index, identity)
    return pairs


def _agrees(one: Shelter, other: Shelter) -> bool:
    return metres(one, other) <= NUMBER_M or (any(_called(one)) and _called(one) == _called(other))


def _called(one: Shelter) -> tuple[str, str]:
    return place_key(one)[:2]


def _may_be(one: Shelter, other: Shelter) -> bool:
    """Whether nothing says that these two are different ones."""
    ids = one.source_id, other.source_id
    if all(ids) and not any(text.startswith(LOOSE) for text in ids) and ids[0] != ids[1]:
        return False
    names = [{fold(name) for name in shelter.names.values()} for shelter in (one, other)]
    # At one place stand a school and its cellar: two names with nothing in common are two shelters.
    return not (all(names) and not names[0] & names[1] and one.address != other.address)


def metres(one: Shelter, other: Shelter) -> float:
    """How far two shelters lie apart, on the plane: exact enough within some kilometres."""
    north = (one.latitude - other.latitude) * 0.111195
    turn = (one.longitude - other.longitude + 180_000_000) % 360_000_000 - 180_000_000
    return math.hypot(north, turn * 0.111195 * math.cos(math.radians(one.latitude / 1e6)))


def _cell(one: Shelter) -> tuple[int, int]:
    wide = _CELL / max(0.05, math.cos(math.radians(round(one.latitude / 1e6))))
    return one.latitude // _CELL, int(one.longitude // wide)


def _around(cells: Mapping[tuple[int, int], Iterable[str]], one: Shelter) -> Iterator[str]:
    y, x = _cell(one)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            yield from cells.get((y + dy, x + dx), ())

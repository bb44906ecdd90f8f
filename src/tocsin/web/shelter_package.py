"""The package of shelters: what a device needs to find one without a network, signed and bounded.

- It is signed with the realm's key; the text that was signed is in it, byte for byte.
- It has a bound. Where a city has too many shelters for it, what a person can do without goes first (long names, names where
  there is an address, ids), and only then the farthest from the city's middle, and it says how many.
- Hours go out as minutes of the week, so that a device needs no rules to read them; what nobody knows is null.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta, Struct

from tocsin.account.hours import week
from tocsin.account.shelter import DETOUR, PACE_M_S, Kind, Shelter, Status, verified_open_at
from tocsin.account.shelters import Shelters

if TYPE_CHECKING:
    from tocsin.web.house import House

PACKAGE_BYTES = 300_000
FORM = 1


class Walking(Struct, frozen=True):
    """How minutes are reckoned from metres in a straight line."""

    metres_per_second: float
    detour: float


WALKING = Walking(PACE_M_S, DETOUR)


class OfflinePackage(Struct, frozen=True):
    """A signed package: ``payload`` is the exact text that was signed, itself JSON of an :class:`Offline`."""

    payload: str
    signature: Annotated[str, Meta(description="Ed25519 over payload's UTF-8 bytes, base64url without padding.")]
    key_id: str


class Offline(Struct, frozen=True):
    """What a device needs to find a shelter without a network.

    ``rows`` have the columns of ``columns``: ``lat`` and ``lon`` in 1e-5 degrees from ``base``; ``street``, ``kind`` and
    ``hours`` are places in ``streets``, ``kinds`` and ``hours``, and ``house`` stands behind the street; an entry of
    ``hours`` is its text and its spans in minutes of the week from Monday 00:00 in ``zone`` (null: nobody knows);
    ``flags`` add up 1 step-free, 2 not, 4 pets, 8 no pets, 16 closed, 32 doubtful; ``verified`` is a day counted from
    1970-01-01, 0 for never. ``id`` and ``name`` may be empty in a large city. ``left_out``: so many more there are.
    """

    form: int
    place: str
    name: str
    realm: str
    as_of: datetime
    zone: str
    walking: Walking
    base: tuple[int, int]
    columns: tuple[str, ...]
    streets: tuple[str, ...]
    kinds: tuple[str, ...]
    hours: tuple[tuple[str, tuple[tuple[int, int], ...] | None], ...]
    rows: tuple[tuple[Any, ...], ...]
    left_out: int


COLUMNS = ("id", "lat", "lon", "name", "street", "house", "kind", "capacity", "flags", "hours", "verified")
TERSER = 4
"""Steps in which a package leaves out what a person can do without, before it leaves out a shelter."""


def package(house: House, code: str, language: str) -> bytes:
    """The signed package of a place as JSON. For a thread."""
    shape, place, shelters = house.gazetteer.shape(code), house.gazetteer.get(code), house.shelters
    found = shelters.within(shape, (place.latitude, place.longitude)) if shelters is not None and shape else []
    payload = fitted(house, shelters, found, code, language, PACKAGE_BYTES - 400)
    signature = urlsafe_b64encode(house.keys.sign(payload)).rstrip(b"=").decode()
    return msgspec.json.encode(OfflinePackage(payload.decode(), signature, house.keys.key_id))


def fitted(
    house: House, shelters: Shelters | None, found: Sequence[Shelter], code: str, language: str, most: int
) -> bytes:
    """The package of these shelters in at most so many bytes as JSON text: terser first, then fewer."""
    for terse in range(TERSER + 1):
        made = _payload(house, shelters, found, code, language, terse, len(found))
        if _written(made) <= most:
            return made
    low, high = 0, len(found)
    while low < high:
        middle = (low + high + 1) // 2
        if _written(_payload(house, shelters, found, code, language, TERSER, middle)) <= most:
            low = middle
        else:
            high = middle - 1
    return _payload(house, shelters, found, code, language, TERSER, low)


def _written(payload: bytes) -> int:
    """How long it is as a text inside JSON, where each quotation mark takes two bytes."""
    return len(payload) + payload.count(b'"') + payload.count(b"\\")


def _payload(
    house: House, shelters: Shelters | None, found: Sequence[Shelter], code: str, language: str, terse: int, count: int
) -> bytes:
    place, at = house.gazetteer.get(code), house.now()
    kinds = tuple(Kind)
    base = round(place.latitude / 10), round(place.longitude / 10)
    hours: dict[str, int] = {}
    streets: dict[str, int] = {}
    rows = []
    for shelter in found[:count]:
        assert shelters is not None
        known = shelters.standing(shelter.id)
        name, street, house_number = _called(shelter, language, terse)
        said = shelter.hours or ("" if terse else shelter.hours_said)
        flags = {True: 1, False: 2, None: 0}[shelter.step_free] + {True: 4, False: 8, None: 0}[shelter.pets]
        stands = known.word == Status.CLOSED or (shelter.closed and known.word != Status.OPEN)
        flags += 16 * stands + 32 * known.doubtful(at)
        seen = verified_open_at(shelter, known)
        rows.append(
            (
                shelter.id if terse < 3 else "",
                round(shelter.latitude / 10) - base[0],
                round(shelter.longitude / 10) - base[1],
                name,
                streets.setdefault(street, len(streets)),
                house_number,
                kinds.index(shelter.kind),
                shelter.capacity or 0,
                flags,
                hours.setdefault(said, len(hours)),
                int(seen.timestamp() // 86_400) if seen is not None else 0,
            )
        )
    told = Offline(
        FORM,
        code,
        house.gazetteer.name(code, language),
        house.settings.realm,
        at.astimezone(UTC).replace(microsecond=0),
        place.zone,
        WALKING,
        base,
        COLUMNS,
        tuple(streets),
        tuple(kind.value for kind in kinds),
        tuple((text, _spans(text)) for text in hours),
        tuple(rows),
        len(found) - len(rows),
    )
    return msgspec.json.encode(told)


def _called(shelter: Shelter, language: str, terse: int) -> tuple[str, str, str]:
    """A shelter's name, street and house number, as far as there is room. A street is found sooner than a name."""
    if terse >= TERSER:
        return "", "", ""
    name, address = shelter.name(language), shelter.address[:120]
    if name == address or (terse >= 2 and address):
        name = ""
    street, comma, number = address.rpartition(", ")
    street, number = (street, number) if comma and len(number) <= 12 else (address, "")
    return name[: (200, 60, 40, 40)[terse]], street, number


def _spans(hours: str) -> tuple[tuple[int, int], ...] | None:
    """Hours as minutes of the week; None where nobody knows."""
    days = week(hours)
    if days is None:
        return None
    return tuple((day * 1440 + start, day * 1440 + end) for day, spans in enumerate(days) for start, end in spans)

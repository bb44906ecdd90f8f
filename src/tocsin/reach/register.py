"""The register: who wants what, as one column a wish and one row a number, to choose among a million at once.

- A public alert is for everybody; a restricted one for staff, or for those who bear the role it names; a private one for
  nobody who subscribes.
- Who named no phase or severity wants all; an alert whose severity nobody said is never kept from anybody for it.
- A canary is told of what the self-drill publishes and of nothing else, and nobody else is told of that; it is no
  subscriber, so it is counted among none.
- A stay begins at its first moment and is over at its last.
- Who has several channels is one person; what is told by a channel for systems is none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from msgspec import Struct

from tocsin.reach.delivery import MACHINES, Numbers
from tocsin.reach.fence import Truth
from tocsin.reach.subscription import Subscription

_ALL = 0xFFFF
# The last bit stands for every word that has none of its own: nobody asked for that by name.
_BITS = 15
_FOREVER = 2**32 - 1
ROLE = "role:"
CANARY = "canary"
"""The audience of the operator's own addresses, by which the self-drill proves the channels."""


class Tally(Struct, frozen=True):
    """How many subscriptions an alert would concern, in all and by their channel, first language and audience.

    ``people`` counts whoever has several channels once; systems (:data:`.delivery.MACHINES`) are not among them.
    """

    total: int
    channels: dict[str, int]
    languages: dict[str, int]
    audiences: dict[str, int]
    people: int = 0

    @property
    def systems(self) -> int:
        """How many of them are systems."""
        return sum(count for channel, count in self.channels.items() if channel in MACHINES)


class Register:
    """The wishes of every live subscription, by number."""

    def __init__(self) -> None:
        self._rows = 0
        self._live = np.zeros(0, dtype=np.bool_)
        self._channel = np.zeros(0, dtype=np.uint8)
        self._language = np.zeros(0, dtype=np.uint16)
        self._standing = np.zeros(0, dtype=np.uint16)
        self._phases = np.zeros(0, dtype=np.uint16)
        self._severities = np.zeros(0, dtype=np.uint16)
        self._start = np.zeros(0, dtype=np.uint32)
        self._until = np.zeros(0, dtype=np.uint32)
        self._person = np.zeros(0, dtype=np.uint32)
        self._channels: dict[str, int] = {}
        self._languages: dict[str, int] = {}
        self._standings: dict[tuple[str, frozenset[str]], int] = {}
        self._phase_bits: dict[str, int] = {}
        self._severity_bits: dict[str, int] = {}
        self._persons: dict[str, int] = {"": 0}
        self.beginning = self.ending = 0

    @property
    def rows(self) -> int:
        """One more than the highest number that ever stood here."""
        return self._rows

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the columns take."""
        return sum(column.nbytes for column in self._columns())

    def put(self, number: int, one: Subscription) -> None:
        """Enter what a subscription wants."""
        if number >= len(self._live):
            self._grow(number + 1)
        self._rows = max(self._rows, number + 1)
        self._live[number] = True
        self._channel[number] = _place(self._channels, one.channel)
        self._language[number] = _place(self._languages, one.languages[0] if one.languages else "")
        self._standing[number] = _place(self._standings, (one.audience, frozenset(one.roles)))
        self._phases[number] = _bits(self._phase_bits, one.phases)
        self._severities[number] = _bits(self._severity_bits, one.severities)
        self._person[number] = _place(self._persons, one.person)
        self.beginning += one.start is not None
        self.ending += one.until is not None
        self._start[number] = _start(one)
        self._until[number] = _until(one)

    def put_groups(self, wishes: Sequence[Subscription], groups: Sequence[Numbers], owned: Mapping[int, str]) -> None:
        """Enter what all of these want, each wish with the numbers of those who have it; ``owned`` says whose some are."""
        if not groups:
            return
        numbers = np.concatenate(groups)
        highest = int(numbers.max())
        if highest >= len(self._live):
            self._grow(highest + 1)
        self._rows = max(self._rows, highest + 1)
        counts = np.array([len(group) for group in groups])
        values = [
            (
                _place(self._channels, one.channel),
                _place(self._languages, one.languages[0] if one.languages else ""),
                _place(self._standings, (one.audience, frozenset(one.roles))),
                _bits(self._phase_bits, one.phases),
                _bits(self._severity_bits, one.severities),
                _start(one),
                _until(one),
            )
            for one in wishes
        ]
        columns: tuple[Any, ...] = (
            self._channel,
            self._language,
            self._standing,
            self._phases,
            self._severities,
            self._start,
            self._until,
        )
        for column, each in zip(columns, zip(*values, strict=True), strict=True):
            column[numbers] = np.repeat(np.array(each, dtype=column.dtype), counts)
        self._live[numbers] = True
        self.beginning += sum(n for one, n in zip(wishes, counts.tolist(), strict=True) if one.start is not None)
        self.ending += sum(n for one, n in zip(wishes, counts.tolist(), strict=True) if one.until is not None)
        for number, person in owned.items():
            self._person[number] = _place(self._persons, person)

    def drop(self, number: int) -> None:
        """Strike a subscription out."""
        if self._live[number]:
            self.beginning -= bool(self._start[number])
            self.ending -= bool(self._until[number] != _FOREVER)
        self._live[number] = False

    def choose(
        self,
        marks: Truth,
        phase: str,
        scope: str,
        severity: str = "",
        role: str = "",
        at: datetime | None = None,
        canaries: bool = False,
    ) -> None:
        """Of those marked (``rows`` long), leave only who wants and may be told of such an alert; or only ``canaries``."""
        rows = self._rows
        marks &= self._live[:rows]
        told = np.array(
            [
                audience == CANARY if canaries else _told(audience, roles, scope, role)
                for audience, roles in self._standings
            ],
            dtype=np.bool_,
        )
        if not told.all():
            marks &= told[self._standing[:rows]]
        if self._phase_bits:
            marks &= (self._phases[:rows] & np.uint16(1 << self._phase_bits.get(phase, _BITS))) != 0
        if severity and self._severity_bits:
            marks &= (self._severities[:rows] & np.uint16(1 << self._severity_bits.get(severity, _BITS))) != 0
        if at is not None and self.ending:
            marks &= self._until[:rows] > _seconds(at)
        if at is not None and self.beginning:
            marks &= self._start[:rows] <= _seconds(at)

    def split(self, marks: Truth) -> dict[str, Numbers]:
        """Those marked by channel, in rising order."""
        return self.by_channel(np.flatnonzero(marks))

    def tally(self, marks: Truth) -> Tally:
        """How many are marked, by channel, first language and audience; no list of them is made."""
        rows = self._rows
        audiences: dict[str, int] = {}
        for (audience, _), n in _counts(self._standing[:rows][marks], self._standings).items():
            audiences[audience] = audiences.get(audience, 0) + n
        total = int(np.count_nonzero(marks))
        machines = [place for name, place in self._channels.items() if name in MACHINES]
        persons = marks & ~np.isin(self._channel[:rows], machines) if machines else marks
        person = self._person[:rows][persons]
        owned = person[person != 0]
        return Tally(
            total,
            _counts(self._channel[:rows][marks], self._channels),
            _counts(self._language[:rows][marks], self._languages),
            dict(sorted(audiences.items())),
            len(person) - len(owned) + len(np.unique(owned)),
        )

    def languages(self, numbers: Numbers) -> dict[str, int]:
        """How many of ``numbers`` have which first language; the empty name stands for none."""
        return _counts(self._language[numbers], self._languages)

    def every(self) -> Truth:
        """All subscribers who stand here, as marks."""
        marks: Truth = self._live[: self._rows].copy()
        mine = np.array([audience != CANARY for audience, _ in self._standings], dtype=np.bool_)
        if not mine.all():
            marks &= mine[self._standing[: self._rows]]
        return marks

    def over(self, at: datetime) -> Numbers:
        """Whose stay has come to its end by ``at``."""
        rows = self._rows
        return np.flatnonzero(self._live[:rows] & (self._until[:rows] <= _seconds(at)))

    def live(self, numbers: Numbers) -> Numbers:
        """Those of ``numbers`` that stand here, each once, in rising order."""
        every = np.unique(numbers)
        every = every[(every >= 0) & (every < self._rows)]
        return every[self._live[every]]

    def by_channel(self, numbers: Numbers) -> dict[str, Numbers]:
        """Live ``numbers`` (rising) by channel."""
        channel = self._channel[numbers]
        found = {name: numbers[channel == place] for name, place in sorted(self._channels.items())}
        return {name: some for name, some in found.items() if some.size}

    def _columns(self) -> tuple[Any, ...]:
        return (
            self._live, self._channel, self._language, self._standing, self._phases, self._severities, self._start,
            self._until, self._person,
        )  # fmt: skip

    def _grow(self, least: int) -> None:
        size = max(1024, least + least // 2)
        grown = []
        for column in self._columns():
            new = np.zeros(size, dtype=column.dtype)
            new[: len(column)] = column
            grown.append(new)
        (
            self._live, self._channel, self._language, self._standing, self._phases, self._severities, self._start,
            self._until, self._person,
        ) = grown  # fmt: skip


def _told(audience: str, roles: frozenset[str], scope: str, role: str) -> bool:
    """Whether somebody of this audience is told of an alert of this scope, for this role if it names one."""
    if audience == CANARY:
        return False
    if scope == "Public":
        return True
    if scope != "Restricted" or audience != "staff":
        return False
    return not role or role.removeprefix(ROLE) in roles


def _place(places: dict[Any, int], value: Any) -> int:
    return places.setdefault(value, len(places))


def _bits(known: dict[str, int], values: tuple[str, ...]) -> int:
    if not values:
        return _ALL
    found = 0
    for value in values:
        if value not in known and len(known) == _BITS:
            # More words than there are bits: whoever uses one is told too much rather than too little.
            return _ALL
        found |= 1 << known.setdefault(value, len(known))
    return found


def _counts(column: Any, places: dict[Any, int]) -> dict[Any, int]:
    numbers = np.bincount(column, minlength=len(places)).tolist()
    return {name: numbers[place] for name, place in sorted(places.items(), key=str) if numbers[place]}


def _start(one: Subscription) -> int:
    return 0 if one.start is None else min(max(_seconds(one.start), 1), _FOREVER)


def _until(one: Subscription) -> int:
    return _FOREVER if one.until is None else min(max(math.ceil(one.until.timestamp()), 0), _FOREVER - 1)


def _seconds(moment: datetime) -> int:
    # Ends are rounded up and the present down, so nobody is left out early.
    return math.floor(moment.timestamp())

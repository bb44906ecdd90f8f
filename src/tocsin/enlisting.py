"""Enlisting: a list of subscribers is taken in and updated, each person keeping who they are.

- A person's name here is a keyed hash of the list and the key column, so nobody learns it from the journal or the store,
  and the same list imported again finds the same people.
- Whoever is in the file gets exactly the ways that the file gives, in its order; a way that is not in it any more ends,
  and so does who is not in it any more, but never more than a part of a list without force.
- It is taken in some thousand at a time, each part durable; after a crash the same file goes on where it stopped, because
  what is there already is found and left as it is.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import msgspec
from msgspec import Struct

from tocsin.account.importing import Change, Fault, Importer, Installation, Mapped, Understood, too_many_gone
from tocsin.account.subscriber_file import Listed, Roster, read_list
from tocsin.errors import ParameterError
from tocsin.journal import fact
from tocsin.place.gazetteer import Gazetteer
from tocsin.reach.channels.webhook import new_secret
from tocsin.reach.delivery import Address
from tocsin.reach.subscriber import Subscribers
from tocsin.reach.subscription import Subscription, Wish, wanted
from tocsin.remark import remark
from tocsin.web.confirm import ADDRESSES

SUBSCRIBERS_IMPORTED = "subscribers:imported"
PART = 5_000


class Imported(Struct, frozen=True):
    """The body of ``subscribers:imported``; the subject is the keyed hash of the list's name."""

    digest: str
    new: int
    changed: int
    same: int
    gone: int


class Members(Struct, frozen=True):
    """What a file was understood to hold, its addresses as they are kept; ``digest`` is SHA-256 of it."""

    dataset: str
    listed: tuple[Listed, ...]
    digest: str


class SubscriberImporter:
    """Takes in subscribers."""

    name = "subscribers"

    def read(self, content: bytes, mapping: Mapped) -> Understood:
        """What ``content`` says about whom to warn."""
        found = read_list(content, mapping, Gazetteer.world())
        faults = list(found.faults)
        listed = tuple(one for row in found.listed if (one := _addressed(row, faults)) is not None)
        digest = hashlib.sha256(content + msgspec.json.encode(dict(mapping))).hexdigest()
        return Understood(
            found.form,
            tuple(_said(found, listed)),
            {
                "rows": found.rows,
                "taken": len(listed),
                "left_out": found.rows - len(listed),
                "ways": sum(len(one.ways) for one in listed),
            },
            tuple(sorted(faults, key=lambda fault: fault.row)),
            Members(found.dataset, listed, digest),
        )

    def change(self, there: Installation, understood: Understood) -> Change:
        """What taking it in would change."""
        return _Taking(there, understood.found).go(dry=True)

    def apply(self, there: Installation, understood: Understood, *, force: bool = False) -> Change:
        """Take it in; each part is on disk before the next begins, and all of it when this returns."""
        taking = _Taking(there, understood.found)
        planned = taking.go(dry=True)
        if planned.refused and not force:
            return planned
        done = taking.go(dry=False)
        subscribers = taking.subscribers
        said = Imported(understood.found.digest, done.new, done.changed, done.same, done.gone)
        there.store.append([fact(SUBSCRIBERS_IMPORTED, taking.prefix.rstrip("."), said, subscribers.realm)])
        return done


IMPORTER: Importer = SubscriberImporter()


def _addressed(row: Listed, faults: list[Fault]) -> Listed | None:
    """A row with its addresses as they are kept; None where none of them can be one."""
    ways: dict[tuple[str, str], None] = {}
    for channel, text in row.ways:
        try:
            ways[channel, ADDRESSES[channel](text)] = None
        except ParameterError as wrong:
            # The address itself is not repeated: what is said of a file may be kept where it may not.
            faults.append(Fault(row.row, "row.address", f"{channel}: {wrong.detail.removeprefix('address: ')}."))
    if not ways:
        faults.append(Fault(row.row, "row.no-way", "There is no way to tell this person.", True))
        return None
    return msgspec.structs.replace(row, ways=tuple(ways))


def _said(found: Roster, listed: Sequence[Listed]) -> Iterator[str]:
    yield f"{found.form}: {found.rows:,} rows, {len(listed):,} people understood, {found.rows - len(listed):,} left out."
    yield "Columns: " + ", ".join(f"{name!r} is {field}" for field, name in found.columns.items()) + "."
    if found.passed_over:
        yield "Not used: " + ", ".join(repr(name) for name in found.passed_over) + "."
    ways = Counter(channel for one in listed for channel, _ in one.ways)
    yield "Ways: " + ", ".join(f"{count:,} {channel}" for channel, count in ways.most_common()) + "."
    audiences = Counter(one.audience for one in listed)
    yield "Audiences: " + ", ".join(f"{count:,} {name}" for name, count in audiences.most_common()) + "."
    if stays := sum(one.until is not None for one in listed):
        yield f"{stays:,} end by themselves."


class _Taking:
    """One list being taken into one installation."""

    def __init__(self, there: Installation, members: Members) -> None:
        self.subscribers: Subscribers = there.house.subscriptions
        self.gazetteer, self.members = there.gazetteer, members
        self.book: Any = self.subscribers.book
        self.prefix = f"{self.book.mark('list', members.dataset)[:8]}."
        self.unknown: Counter[str] = Counter()

    def person(self, key: str) -> str:
        """The opaque name of whoever has ``key`` in this list."""
        return self.prefix + str(self.book.mark(f"person {self.members.dataset}", key))

    def go(self, dry: bool) -> Change:
        """Take everything in, or count what that would change."""
        self.unknown.clear()
        new = changed = same = 0
        there = set(self.subscribers.roll.persons(self.prefix))
        before, here = len(there), 0
        rows = iter(self.members.listed)
        while part := list(islice(rows, PART)):
            people = {self.person(one.key): one for one in part}
            made: list[Wish] = []
            over: list[str] = []
            for person, one, old in self._met(people):
                wishes = self._wishes(person, one)
                if not wishes:
                    continue
                here += 1
                there.discard(person)
                fresh, moved, left = _compared(wishes, old)
                made += fresh
                over += left
                if not dry:
                    for name, fields in moved:
                        self.subscribers.change(name, fields)
                new += not old
                changed += bool(old) and bool(fresh or moved or left)
                same += bool(old) and not (fresh or moved or left)
            if not dry:
                self.subscribers.make_all(made)
                self.subscribers.end_all(over, "operator")
        gone = sorted(there)
        if not dry:
            self.subscribers.end_all(self._all_of(gone), "operator")
        lines = tuple(
            f"{count:,} rows name {code}, which is not known here." for code, count in self.unknown.most_common(9)
        )
        return Change(
            new,
            changed,
            same,
            len(gone),
            lines,
            too_many_gone(len(gone), before, what=remark("import.people-listed", "people of this list")),
        )

    def _met(self, people: dict[str, Listed]) -> Iterator[tuple[str, Listed, list[tuple[Subscription, Address]]]]:
        """Each person of a part with the subscriptions they have."""
        roll = self.subscribers.roll
        numbers = {person: roll.of_person(person) for person in people}
        addresses = self.book.addresses([number for some in numbers.values() for number in some])
        for person, one in people.items():
            old = [
                (held, addresses[number])
                for number in numbers[person]
                if number in addresses and (held := roll.subscription(number)) is not None
            ]
            yield person, one, old

    def _wishes(self, person: str, one: Listed) -> list[Wish]:
        areas = tuple(code for code in one.areas if self._is_area(code))
        if not areas and not one.points and not one.watches:
            return []
        return [
            Wish(
                channel,
                address,
                areas=areas,
                points=one.points,
                phases=one.phases,
                languages=one.languages,
                audience=one.audience,
                watches=one.watches,
                severities=one.severities,
                roles=one.roles,
                start=one.start,
                until=one.until,
                person=person,
                order=order,
            )
            for order, (channel, address) in enumerate(one.ways)
        ]

    def _is_area(self, code: str) -> bool:
        if code in self.gazetteer:
            return True
        self.unknown[code] += 1
        return False

    def _all_of(self, people: Iterable[str]) -> list[str]:
        roll = self.subscribers.roll
        held = (roll.subscription(number) for person in people for number in roll.of_person(person))
        return [one.id for one in held if one is not None]


def _compared(
    wishes: Sequence[Wish], old: Sequence[tuple[Subscription, Address]]
) -> tuple[list[Wish], list[tuple[str, dict[str, Any]]], list[str]]:
    """What is new, what wants something else now, and what is not in the file any more."""
    held = {(one.channel, address.address): one for one, address in old}
    fresh: list[Wish] = []
    moved: list[tuple[str, dict[str, Any]]] = []
    for wish in wishes:
        one = held.pop((wish.channel, wish.address), None)
        if one is None:
            fresh.append(msgspec.structs.replace(wish, kept=(new_secret(),)))
            continue
        # How loud it is, its owner has said.
        fields = {name: value for name, value in wanted(wish).items() if name not in ("channel", "loudness")}
        if any(getattr(one, name) != value for name, value in fields.items()):
            moved.append((one.id, fields))
    return fresh, moved, [one.id for one in held.values()]

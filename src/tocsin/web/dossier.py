"""The dossier: everything an installation knows about one person of the roster, in one value, for that person; and its end.

- Roster, seats and answers, subscriptions under the same addresses, and every look at their data that was recorded.
- Making it is itself a look, and is recorded first.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from tocsin.account.roster import MEMBER_ERASED, Details, Erased, Member
from tocsin.errors import NotFoundError
from tocsin.journal import fact, follow
from tocsin.warn.enrolment import VIEW_PERSONAL, Viewed
from tocsin.web.rolls import of

if TYPE_CHECKING:
    from tocsin.web.house import House


class GivenThen(Struct, frozen=True):
    """One answer of the person."""

    rollcall: str
    title: str
    says: str
    at: datetime
    means: str
    by_other: bool


class Sat(Struct, frozen=True):
    """One roll call that the person was asked in."""

    rollcall: str
    title: str
    zone: str
    asked: datetime | None
    contact: str


class Subscribed(Struct, frozen=True):
    """A subscription under one of the person's addresses."""

    channel: str
    address: str
    areas: tuple[str, ...]
    languages: tuple[str, ...]


class Look(Struct, frozen=True):
    """Somebody saw the person's data."""

    at: datetime
    by: str
    what: str


class Dossier(Struct, frozen=True):
    """Everything about one person."""

    made: datetime
    member: Member
    details: Details
    asked: tuple[Sat, ...]
    answers: tuple[GivenThen, ...]
    subscriptions: tuple[Subscribed, ...]
    looks: tuple[Look, ...]


def dossier(house: House, member: str, viewer: str) -> Dossier:
    """The dossier of ``member``, for ``viewer``, who stands in the journal for it; NotFoundError if there is none."""
    rolls = of(house)
    rolls.take_in()
    found = rolls.roster.members([member])
    if not found:
        raise NotFoundError
    house.store.append([fact(VIEW_PERSONAL, viewer, Viewed("export", (member,)), rolls.realm)])
    details = rolls.roster.details([member])[member]
    asked: list[Sat] = []
    answers: list[GivenThen] = []
    for name, seat in rolls.book.of(member):
        call = rolls.calls.by_id.get(name)
        if call is None:
            continue
        title = call.started.title
        asked.append(Sat(name, title, call.zones.get(seat.id, ""), seat.tried, seat.contact.name.lower()))
        answers += [
            GivenThen(name, title, one.says.value, one.at, one.means.value, bool(one.by))
            for one in call.answers.get(seat.id, ())
        ]
    looks = [
        Look(entry.at, entry.subject, viewed.what)
        for entry in follow(house.store, 0, (VIEW_PERSONAL,))
        if member in (viewed := entry.read(Viewed)).whose
    ]
    return Dossier(
        house.now(),
        found[0],
        details,
        tuple(asked),
        tuple(answers),
        tuple(_subscriptions(house, member, details)),
        tuple(looks),
    )


def _subscriptions(house: House, member: str, details: Details) -> list[Subscribed]:
    subscribers: Any = house.subscriptions
    if subscribers is None:
        return []
    found = []
    for way in details.ways:
        for number in subscribers.book.find(way.channel, way.address):
            one = subscribers.roll.subscription(number)
            if one is not None:
                found.append(Subscribed(way.channel, way.address, one.areas, one.languages))
    for name in of(house).roster.devices([member]).get(member, ()):
        if (one := subscribers.get(name)) is not None:
            # The app of theirs by which they let themselves be asked as well.
            found.append(Subscribed(one.channel, "", one.areas, one.languages))
    return found


def erase(house: House, member: str, by: str, why: str) -> None:
    """Erase one person for good: their subscriptions, seats, links and everything on the roster. Blocks."""
    rolls = of(house)
    if (details := rolls.roster.details([member]).get(member)) is not None:
        _unsubscribe(house, details)
    rolls.roster.erase([member], [fact(MEMBER_ERASED, member, Erased(by, why), rolls.realm)])
    rolls.vacate([member])


def _unsubscribe(house: House, details: Details) -> None:
    subscribers: Any = house.subscriptions
    if subscribers is None:
        return
    for way in details.ways:
        for number in subscribers.book.find(way.channel, way.address):
            one = subscribers.roll.subscription(number)
            if one is not None:
                subscribers.end(one.id, "owner")

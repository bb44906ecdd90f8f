"""The rolls of a house: its roll calls and facilities as the journal tells them, and the one way in for every answer.

- An answer is on disk before it is thanked for; thousands that come at once share their commits. The same answer sent
  again waits for the first and is told the same.
- Links open one seat of one roll call, for one use; what they stand for is kept in memory and made from a key outside the
  store. A link that is none costs its sender more than one that is.
- A text message counts for the one roll call in which its number was asked; where that is not certain it counts for none,
  and is passed on as a word from somebody who is not accounted for.
- Nothing here knows a name: who shows one asks the roster, and says so in the journal.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from tocsin.account import facility, rollcall
from tocsin.account.answer import ANSWER_GIVEN, DIGITS, Answer, How, Means, Says, digit, own_time
from tocsin.account.facility import FACILITY_SET, Facilities, FacilityState
from tocsin.account.rollcall import (
    ROLLCALL_CLOSED,
    ROLLCALL_FORGOTTEN,
    ROLLCALL_JOINED,
    ROLLCALL_STARTED,
    Closed,
    Contact,
    Joined,
    Pace,
    RollCall,
    RollCalls,
    Started,
)
from tocsin.account.roster import Details, Kind, Member
from tocsin.cap.phase import Phase
from tocsin.errors import IllegalStepError, NotFoundError, ParameterError
from tocsin.journal import Entry, fact, follow
from tocsin.warn.enrolment import VIEW_PERSONAL, Viewed
from tocsin.warn.publish import ALERT_PUBLISHED, Published
from tocsin.web.seating import MemberBook, SeatBook

if TYPE_CHECKING:
    from tocsin.web.house import House

KINDS = (*rollcall.KINDS, *facility.KINDS, ALERT_PUBLISHED)
ERASURE_ASKED = "erasure:asked"
ANSWER, WARDEN, VOICE = "answer", "warden", "voice"
USES = (ANSWER, WARDEN, VOICE)
LETTERS = "ACDEFHJKLMNPRTUVWXY"
"""Letters of a roll call's code: none that is read as another, or as a digit."""
MOST_TITLE = 80


class Given(Struct, frozen=True):
    """What became of an answer: what it says, its own time, when it came, and whether it was there before."""

    says: Says
    at: datetime
    received: datetime
    known: bool = False


class Heard(StrEnum):
    """What became of a text message."""

    TAKEN = "taken"
    UNCLEAR = "unclear"  # from somebody who was asked, but it does not say what, or for which roll call
    NOBODY = "nobody"  # from a number that nobody was asked under


class Rolls:
    """The roll calls and facilities of one house. ``new_seats`` gives each member a seat."""

    def __init__(
        self,
        house: House,
        roster: MemberBook,
        seats: SeatBook,
        new_seats: Callable[[Iterable[str]], list[tuple[str, str]]],
    ) -> None:
        self.house, self.roster, self.book, self._new_seats = house, roster, seats, new_seats
        self.realm = house.settings.realm
        self.calls, self.facilities = RollCalls(self.realm), Facilities(self.realm)
        self.seats: dict[str, dict[str, Any]] = {}
        self.upto = 0
        self._links: dict[bytes, tuple[str, str, str]] = {}
        self._phases: dict[str, tuple[int, Phase]] = {}
        self._pending: dict[str, asyncio.Future[Given]] = {}
        self._order = threading.RLock()
        self._joining = asyncio.Lock()

    # --- the journal -----------------------------------------------------------------------------------------------

    def take_in(self) -> None:
        """Take in what was recorded since the last time."""
        head = self.house.store.head().seq
        if head == self.upto:
            return
        for entry in follow(self.house.store, self.upto, KINDS):
            self.apply(entry)
        self.upto = max(self.upto, head)

    def apply(self, entry: Entry) -> None:
        """Take in one entry; applied twice it changes nothing the second time."""
        if entry.realm != self.realm:
            return
        if entry.kind == FACILITY_SET:
            self.facilities.apply(entry)
        elif entry.kind == ALERT_PUBLISHED:
            done = entry.read(Published)
            if done.version >= self._phases.get(done.event_id, (-1, Phase.CALM))[0]:
                self._phases[done.event_id] = done.version, Phase(done.phase)
        elif (call := self.calls.apply(entry)) is not None:
            if entry.kind in (ROLLCALL_STARTED, ROLLCALL_JOINED):
                self._open(call)
            elif entry.kind == ROLLCALL_FORGOTTEN:
                self._forget(call)

    def _open(self, call: RollCall) -> None:
        with self._order:
            # Seats that are known stay the same values: somebody may be asking them at this moment.
            known = self.seats.get(call.id, {})
            fresh = {seat.id: seat for seat in self.book.seats(call.id) if seat.id not in known}
            self.seats[call.id] = {**known, **fresh}
            for seat in fresh.values():
                call.reach(seat.id, seat.contact)
                for use in USES:
                    self._links[_mark(self.book.link(use, call.id, seat.id))] = use, call.id, seat.id

    def _forget(self, call: RollCall) -> None:
        with self._order:
            self.seats.pop(call.id, None)
            self._links = {mark: known for mark, known in self._links.items() if known[1] != call.id}

    def vacate(self, members: Iterable[str]) -> None:
        """Forget where these people sat; their answers stay, and mean nobody."""
        gone = frozenset(members)
        with self._order:
            for seats in self.seats.values():
                for name in [name for name, seat in seats.items() if seat.member in gone]:
                    seat = seats.pop(name)
                    seat.member = ""
            left = {(call, seat) for call, seats in self.seats.items() for seat in seats}
            self._links = {mark: known for mark, known in self._links.items() if known[1:] in left}

    # --- roll calls ------------------------------------------------------------------------------------------------

    def call(self, name: str) -> RollCall:
        """The roll call with this id; :class:`NotFoundError` if there is none."""
        self.take_in()
        found = self.calls.by_id.get(name)
        if found is None:
            raise NotFoundError
        return found

    def start(
        self, title: str, by: str, *, alert: str = "", kinds: Iterable[Kind] = (Kind.STAFF, Kind.VISITOR)
    ) -> RollCall:
        """Start a roll call of everybody on the roster now who is of these kinds; on disk when this returns.

        ``alert`` is the identifier of the alert it is about. Blocks; to be called from a thread.
        """
        house, settings, at = self.house, self.house.settings, self.house.now()
        title = " ".join(title.split())[:MOST_TITLE]
        if not title:
            raise ParameterError("title: what it is about")
        wanted = frozenset(kinds)
        members = {one.id: one for one in self.roster.members() if one.here(at) and one.kind in wanted}
        if not members:
            raise IllegalStepError("there is nobody on the roster to be asked")
        event = ""
        if alert:
            entries = house.store.about(ALERT_PUBLISHED, alert, 1)
            if not entries:
                raise NotFoundError("there is no such alert")
            event = entries[0].read(Published).event_id
        name = f"{at:%Y%m%d}.{secrets.token_hex(4)}"
        seats = self._new_seats(members)
        pace = Pace(settings.rollcall_wait_minutes, settings.rollcall_warden_minutes, settings.rollcall_deputy_minutes)
        started = Started(title, by, _by_zone(seats, members), self._code(), alert, event, pace)
        self.take_in()
        for entry in self.book.start(name, seats, [fact(ROLLCALL_STARTED, name, started, self.realm)]):
            self.apply(entry)
        return self.calls.by_id[name]

    def _code(self) -> str:
        taken = {call.started.code for call in self.calls.by_id.values() if call.open}
        while (code := secrets.choice(LETTERS) + secrets.choice(LETTERS)) in taken:
            pass
        return code

    def close(self, name: str, by: str) -> RollCall:
        """Close a roll call: nobody is asked any more. Answers on their way are still taken and stand in it."""
        call = self.call(name)
        if not call.open:
            raise IllegalStepError("this roll call is closed")
        counts = {state.value: number for state, number in call.counts().items()}
        for entry in self.house.store.append([fact(ROLLCALL_CLOSED, name, Closed(by, counts), self.realm)]):
            self.apply(entry)
        return call

    async def join(self, name: str, members: Sequence[str], by: str) -> list[str]:
        """Add ``members`` of the roster to a roll call that runs; the seats of all of them, on disk when this returns.

        Who sits there already stays where they are. :class:`NotFoundError` for who is not on the roster.
        """
        call = self.call(name)
        if not call.open:
            raise IllegalStepError("this roll call is closed")
        async with self._joining:
            wanted = list(dict.fromkeys(members))
            there = {one.id: one for one in await asyncio.to_thread(self.roster.members, wanted)}
            if any(member not in there for member in wanted):
                raise NotFoundError
            sitting = {seat.member: seat.id for seat in list(self.seats.get(call.id, {}).values())}
            if seats := self._new_seats([member for member in wanted if member not in sitting]):
                told = Joined(by, _by_zone(seats, there))
                done = [fact(ROLLCALL_JOINED, call.id, told, self.realm)]
                for entry in await asyncio.to_thread(self.book.start, call.id, seats, done):
                    self.apply(entry)
            sitting |= {member: seat for seat, member in seats}
            return [sitting[member] for member in wanted]

    def phase(self, call: RollCall, at: datetime) -> Phase | None:
        """The phase that people are in: of the alert it is about, else of the installation's home."""
        if call.started.event_id:
            known = self._phases.get(call.started.event_id)
            return known[1] if known is not None else None
        standing = self.house.situation.at_place(self.house.settings.home, at)
        phase = Phase(standing.phase)
        if phase is Phase.UNKNOWN and standing.last_phase not in (Phase.ACT, Phase.HOLD):
            # A house that listens to nobody is always "unknown"; only an act that fell silent holds a question back.
            return None
        return phase

    # --- answers ---------------------------------------------------------------------------------------------------

    def opened(self, use: str, token: str) -> tuple[RollCall, Any]:
        """The roll call and the seat that a link opens; :class:`NotFoundError` where it opens none."""
        mark = _mark(token)
        if mark not in self._links:
            self.take_in()
        known = self._links.get(mark)
        if known is None or known[0] != use:
            raise NotFoundError
        return self.calls.by_id[known[1]], self.seats[known[1]][known[2]]

    async def answer(
        self,
        call: RollCall,
        seat: str,
        says: Says,
        *,
        means: Means,
        at: datetime | None = None,
        sent: datetime | None = None,
        by: str = "",
        how: How | None = None,
    ) -> Given:
        """Take one answer; it is on disk when this returns."""
        received = self.house.now()
        answer = Answer(call.id, says, own_time(at, sent, received, call.at), means, by, how.value if how else "")
        name = answer.id(seat)
        if (before := call.known.get(name)) is not None:
            return Given(says, answer.at, before, True)
        if (pending := self._pending.get(name)) is not None:
            first = await asyncio.shield(pending)
            return Given(first.says, first.at, first.received, True)
        loop = asyncio.get_running_loop()
        told = self._pending[name] = loop.create_future()
        # Nobody may be waiting for it when it fails; whoever waits is told all the same.
        told.add_done_callback(lambda future: future.cancelled() or future.exception())
        try:
            writing = self.house.store.post([fact(ANSWER_GIVEN, seat, answer, self.realm)])
            (entry,) = await asyncio.shield(asyncio.wrap_future(writing))
            self.apply(entry)
            given = Given(says, answer.at, entry.at)
            told.set_result(given)
            return given
        except BaseException as wrong:
            if not told.done():
                told.set_exception(wrong if isinstance(wrong, Exception) else NotFoundError())
            raise
        finally:
            self._pending.pop(name, None)

    def see(self, call: RollCall, seat: str) -> None:
        """Note that somebody opened their link: seen, and no more than that."""
        if call.reach(seat, Contact.SEEN):
            self.seats[call.id][seat].contact = Contact.SEEN
            self.book.seen(call.id, seat)

    async def hear(self, sender: str, text: str, at: datetime | None = None) -> Heard:
        """Take a text message from a telephone number."""
        self.take_in()
        members = set(await asyncio.to_thread(self.roster.find, sender))
        asked = [
            (call, seat)
            for call in self.calls.open()
            for seat in self.seats.get(call.id, {}).values()
            if seat.member in members
        ]
        if not asked:
            return Heard.NOBODY
        said = digit(text)
        fits = [(call, seat) for call, seat in asked if said and said[1] in ("", call.started.code)]
        if said is None or len(fits) != 1:
            for call, seat in asked:
                self.see(call, seat.id)
            return Heard.UNCLEAR
        call, seat = fits[0]
        await self.answer(call, seat.id, said[0], means=Means.SMS, at=at)
        return Heard.TAKEN

    async def press(self, reference: str, key: str, at: datetime | None = None) -> Heard:
        """Take a key that was pressed in a telephone call, by the reference that the call was made with."""
        try:
            call, seat = self.opened(VOICE, reference.rpartition("/")[2])
        except NotFoundError:
            return Heard.NOBODY
        self.see(call, seat.id)
        if (says := DIGITS.get(key.strip())) is None:
            return Heard.UNCLEAR
        await self.answer(call, seat.id, says, means=Means.VOICE, at=at)
        return Heard.TAKEN

    # --- wardens ---------------------------------------------------------------------------------------------------

    def wards(self, seat: Any) -> tuple[str, ...]:
        """The zones that somebody is warden of now; empty for who is none, or is none any more."""
        at = self.house.now()
        found = self.roster.members([seat.member])
        return found[0].wards if found and found[0].here(at) else ()

    def reveal(self, viewer: str, what: str, members: Sequence[str]) -> dict[str, Details]:
        """What is personal about ``members``, for ``viewer``, who from then on stands in the journal as having seen it."""
        others = tuple(sorted({member for member in members if member != viewer}))
        if others:
            self.house.store.append([fact(VIEW_PERSONAL, viewer, Viewed(what, others), self.realm)])
        return self.roster.details(members)

    # --- facilities ------------------------------------------------------------------------------------------------

    def set_facility(self, name: str, state: FacilityState) -> None:
        """Set how a facility stands; on disk when this returns."""
        self.take_in()
        made = facility.checked(state, self.house.now())
        self.house.place(made.place)
        for entry in self.house.store.append([fact(FACILITY_SET, name, made, self.realm)]):
            self.apply(entry)


def _by_zone(seats: Iterable[tuple[str, str]], members: Mapping[str, Member]) -> dict[str, tuple[str, ...]]:
    zones: dict[str, list[str]] = {}
    for seat, member in seats:
        zones.setdefault(members[member].zone, []).append(seat)
    return {zone: tuple(sorted(ids)) for zone, ids in sorted(zones.items())}


def _mark(token: str) -> bytes:
    # What is looked up is a hash, so that the time of a lookup says nothing about the links there are.
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def device(secret: str) -> bytes:
    """What is kept of the secret of a phone that a warden's link is bound to."""
    return hashlib.sha256(b"device\x1f" + secret.encode("utf-8", "replace")).digest()


def of(house: House) -> Rolls:
    """The rolls of ``house``; :class:`NotFoundError` where it has none."""
    rolls: Rolls | None = house.rolls
    if rolls is None:
        raise NotFoundError
    return rolls


def standing(house: House, place: str | None = None) -> dict[str, FacilityState]:
    """The facilities of a house by id: all, or those in an area."""
    if house.rolls is None:
        return {}
    house.rolls.take_in()
    current: dict[str, FacilityState] = house.rolls.facilities.current()
    if place is None:
        return current
    return {name: state for name, state in current.items() if _within(house, state.place, place)}


def _within(house: House, code: str, place: str) -> bool:
    return code == place or (code in house.gazetteer and place in house.gazetteer.ancestors(code))

"""The roll call: who is asked whether they are safe, who has answered, and who is missing.

- Only an answer makes anybody safe. A receipt makes a person delivered or seen, both of which are unaccounted for; a
  contact that is lost, a deadline and the end of the roll call make nobody anything.
- In the journal a person is a seat: an id that exists in one roll call only. When the list of who sat where is erased,
  the record says how many, and no longer who.
- Nobody is asked while they should be running: under act the asking waits for hold, the all-clear, or a stated number of
  minutes (req. 67: a question must not pull anybody out of cover).
- The clock of escalation starts when people were asked: after some minutes the wardens of a zone are told who is missing
  there, after more the deputies; whoever needs help is told of at once.
- Whoever arrives late is added while it runs, and is counted from then: their own clock of escalation starts with them, and
  nobody is told at once that they have not answered.

Lahaina, 8 August 2023: the list of who was missing was put together by hand for weeks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum

from msgspec import Struct

from tocsin.account.answer import ANSWER_GIVEN, Answer, Means, Says
from tocsin.cap.phase import Phase
from tocsin.journal import Entry

ROLLCALL_STARTED = "rollcall:started"
ROLLCALL_JOINED = "rollcall:joined"
ROLLCALL_ASKED = "rollcall:asked"
ROLLCALL_ESCALATED = "rollcall:escalated"
ROLLCALL_CLOSED = "rollcall:closed"
ROLLCALL_FORGOTTEN = "rollcall:forgotten"
KINDS = (
    ROLLCALL_STARTED,
    ROLLCALL_JOINED,
    ROLLCALL_ASKED,
    ROLLCALL_ESCALATED,
    ROLLCALL_CLOSED,
    ROLLCALL_FORGOTTEN,
    ANSWER_GIVEN,
)


class State(StrEnum):
    """How one person stands in one roll call, in the order in which they are shown."""

    HELP = "needs-help"
    NOT_REACHED = "not-reached"
    DELIVERED = "delivered"
    SEEN = "seen"
    PROXY = "by-proxy"
    SAFE = "safe"
    AWAY = "out-of-area"


UNACCOUNTED = frozenset({State.NOT_REACHED, State.DELIVERED, State.SEEN})
"""Nobody has said anything about these people."""


class Contact(IntEnum):
    """What is known about the question's way to a person; it only grows, and it is never an answer."""

    NONE = 0
    DELIVERED = 1
    SEEN = 2


_ORDER = {state: place for place, state in enumerate(State)}
_CONTACT = {
    Contact.NONE: State.NOT_REACHED,
    Contact.DELIVERED: State.DELIVERED,
    Contact.SEEN: State.SEEN,
}


class Pace(Struct, frozen=True):
    """How a roll call is paced, in minutes.

    ``wait``: how long the question is held back under act at most; 0 for as long as act lasts. ``warden``, ``deputy``:
    how long after the question the wardens and the deputies are told who is missing.
    """

    wait: int = 30
    warden: int = 10
    deputy: int = 20


class Started(Struct, frozen=True):
    """The body of ``rollcall:started``; the subject is the roll call's id. ``zones`` are the seats in each zone.

    ``alert`` and ``event_id`` name what it is about; empty where it was started by hand. ``code`` is what tells answers
    by text message apart when two roll calls are open.
    """

    title: str
    by: str
    zones: dict[str, tuple[str, ...]]
    code: str = ""
    alert: str = ""
    event_id: str = ""
    pace: Pace = Pace()


class Joined(Struct, frozen=True):
    """The body of ``rollcall:joined``: who was added while it ran, as seats in each zone, and by whom."""

    by: str
    zones: dict[str, tuple[str, ...]]


class Asked(Struct, frozen=True):
    """The body of ``rollcall:asked``: how many were asked in this round, by channel, and how many by none."""

    channels: dict[str, int]
    failed: int = 0


class Escalated(Struct, frozen=True):
    """The body of ``rollcall:escalated``: to whom (``warden``, ``deputy`` or ``help``), for which zones, how many."""

    to: str
    zones: tuple[str, ...]
    unaccounted: int


class Closed(Struct, frozen=True):
    """The body of ``rollcall:closed``: by whom, and how everybody stood."""

    by: str
    counts: dict[str, int]


class Point(Struct, frozen=True):
    """One point of the curve: from this moment on so many were accounted for."""

    at: datetime
    accounted: int


class RollCall:
    """One roll call, as the journal tells it; what is known of the question's way is told by :meth:`reach`."""

    def __init__(self, id: str, started: Started, at: datetime) -> None:
        self.id, self.started, self.at = id, started, at
        self.zones: dict[str, str] = {seat: zone for zone, seats in started.zones.items() for seat in seats}
        self.joined: dict[str, datetime] = {}
        self.answers: dict[str, list[Answer]] = {}
        self.known: dict[str, datetime] = {}
        self.contacts: dict[str, Contact] = {}
        self.asked: list[tuple[datetime, Asked]] = []
        self.escalations: list[tuple[datetime, Escalated]] = []
        self.closed: datetime | None = None
        self.forgotten = False
        self.change = 0
        # While thousands answer, the console counts twice a second; so it is counted as they come.
        self._states: dict[str, State] = dict.fromkeys(self.zones, State.NOT_REACHED)
        self._tally: dict[str, Counter[State]] = {
            zone: Counter({State.NOT_REACHED: len(seats)}) for zone, seats in started.zones.items()
        }
        self._first: dict[str, datetime] = {}

    def __len__(self) -> int:
        return len(self.zones)

    @property
    def open(self) -> bool:
        """Whether it still runs."""
        return self.closed is None

    @property
    def asked_at(self) -> datetime | None:
        """When people were first asked; None while the question waits."""
        return self.asked[0][0] if self.asked else None

    @property
    def until_asked(self) -> datetime:
        """When the question leaves at the latest, where act does not end before and the pace names minutes."""
        return self.at + timedelta(minutes=self.started.pace.wait)

    def apply(self, entry: Entry) -> bool:
        """Take in one entry; False for one of another roll call, one that is known, or one that changes nothing."""
        if entry.kind == ANSWER_GIVEN:
            return self.hear(entry.subject, entry.read(Answer), entry.at)
        if entry.subject != self.id or self.forgotten:
            return False
        if entry.kind == ROLLCALL_JOINED:
            if not self._join(entry.read(Joined), entry.at):
                return False
        elif entry.kind == ROLLCALL_ASKED:
            if any(at == entry.at for at, _ in self.asked):
                return False
            self.asked.append((entry.at, entry.read(Asked)))
        elif entry.kind == ROLLCALL_ESCALATED:
            told = entry.read(Escalated)
            if (entry.at, told) in self.escalations:
                return False
            self.escalations.append((entry.at, told))
        elif entry.kind == ROLLCALL_CLOSED:
            if self.closed is not None:
                return False
            self.closed = entry.at
        elif entry.kind == ROLLCALL_FORGOTTEN:
            self.forgotten = True
        else:
            return False
        self.change += 1
        return True

    def _join(self, joined: Joined, at: datetime) -> bool:
        """Add seats; what others may be looking through is put in place of the old as a whole."""
        fresh = {
            seat: zone
            for zone, seats in joined.zones.items()
            for seat in dict.fromkeys(seats)
            if seat not in self.zones
        }
        self._states.update(dict.fromkeys(fresh, State.NOT_REACHED))
        self._tally = {**self._tally, **{zone: Counter() for zone in fresh.values() if zone not in self._tally}}
        for zone in fresh.values():
            self._tally[zone][State.NOT_REACHED] += 1
        self.joined = {**self.joined, **dict.fromkeys(fresh, at)}
        self.zones = {**self.zones, **fresh}
        return bool(fresh)

    def hear(self, seat: str, answer: Answer, received: datetime) -> bool:
        """Take in one answer; False for one of another roll call or one that is known."""
        if answer.rollcall != self.id or seat not in self.zones:
            return False
        name = answer.id(seat)
        if name in self.known:
            return False
        self.known[name] = received
        kept = self.answers.setdefault(seat, [])
        kept.append(answer)
        if len(kept) > 1:
            kept.sort(key=lambda one: one.order)
        self._first[seat] = kept[0].at
        self._count(seat)
        return True

    def reach(self, seat: str, contact: Contact) -> bool:
        """Note how far the question has come on its way to a seat; what was known does not shrink."""
        if seat not in self.zones or contact <= self.contacts.get(seat, Contact.NONE):
            return False
        self.contacts[seat] = contact
        self._count(seat)
        return True

    def _count(self, seat: str) -> None:
        given = self.answers.get(seat)
        now = _state(given[-1]) if given else _CONTACT[self.contacts.get(seat, Contact.NONE)]
        tally = self._tally[self.zones[seat]]
        tally[self._states[seat]] -= 1
        tally[now] += 1
        self._states[seat] = now
        self.change += 1

    # --- how people stand ------------------------------------------------------------------------------------------

    def answer(self, seat: str) -> Answer | None:
        """The answer that counts for a seat: the one with the latest own time."""
        given = self.answers.get(seat)
        return given[-1] if given else None

    def state(self, seat: str) -> State:
        """How a seat stands."""
        return self._states[seat]

    def seats(self, zones: Iterable[str] | None = None) -> list[str]:
        """The seats in these zones, or all: who needs help first, then who is unaccounted for, the least known first."""
        wanted = None if zones is None else frozenset(zones)
        return sorted(
            (seat for seat, zone in self.zones.items() if wanted is None or zone in wanted),
            key=lambda seat: (_ORDER[self._states[seat]], self.zones[seat], seat),
        )

    def unaccounted(self, zones: Iterable[str] | None = None) -> list[str]:
        """Who has not answered and for whom nobody has, the least known first."""
        return [seat for seat in self.seats(zones) if self.state(seat) in UNACCOUNTED]

    def counts(self, zone: str | None = None) -> dict[State, int]:
        """How many stand how, in all or in one zone; every state is there."""
        tallies = self._tally.values() if zone is None else [self._tally.get(zone, Counter())]
        return {state: sum(tally[state] for tally in tallies) for state in State}

    def by_zone(self) -> dict[str, dict[State, int]]:
        """:meth:`counts` of each zone, the zone with most unaccounted for first."""
        order = sorted(self._tally, key=lambda zone: (-missing(self._tally[zone]), zone))
        return {zone: {state: self._tally[zone][state] for state in State} for zone in order}

    def curve(self) -> list[Point]:
        """How many were accounted for from when on, by the answers' own times."""
        points: list[Point] = []
        for number, at in enumerate(sorted(self._first.values()), 1):
            if points and points[-1].at == at:
                points.pop()
            points.append(Point(at, number))
        return points

    # --- what is due -----------------------------------------------------------------------------------------------

    def due(self, at: datetime) -> Iterator[Escalated]:
        """Whom to tell now who is missing or needs help, each zone and step once."""
        if self.closed is not None:
            return
        told = {(step.to, zone) for _, step in self.escalations for zone in step.zones}
        helpless = sorted(zone for zone, tally in self._tally.items() if tally[State.HELP])
        if fresh := tuple(zone for zone in helpless if ("help", zone) not in told):
            yield Escalated("help", fresh, 0)
        if (asked := self.asked_at) is None:
            return
        late = {seat: max(asked, joined) for seat, joined in self.joined.items() if self._states[seat] in UNACCOUNTED}
        for to, minutes in (("warden", self.started.pace.warden), ("deputy", self.started.pace.deputy)):
            if not minutes:
                continue
            after = timedelta(minutes=minutes)
            left = {zone: number for zone, tally in self._tally.items() if (number := missing(tally))}
            ripe = set()
            if at >= asked + after:
                new = Counter(self.zones[seat] for seat in late)
                ripe = {zone for zone, number in left.items() if number > new[zone] and (to, zone) not in told}
            # Who came later has a clock of their own: they count as told of where that was after they came.
            for seat, since in late.items():
                zone = self.zones[seat]
                if at >= since + after and not any(
                    when >= since and step.to == to and zone in step.zones for when, step in self.escalations
                ):
                    ripe.add(zone)
            if fresh := tuple(sorted(ripe)):
                yield Escalated(to, fresh, sum(left[zone] for zone in fresh))


def _state(answer: Answer) -> State:
    if answer.says is Says.HELP:
        # Who needs help needs help, whoever says so.
        return State.HELP
    if answer.says is Says.AWAY:
        return State.AWAY
    return State.PROXY if answer.means is Means.PROXY else State.SAFE


def missing(counts: Mapping[State, int]) -> int:
    """How many are unaccounted for."""
    return sum(counts.get(state, 0) for state in UNACCOUNTED)


def may_ask(phase: Phase | None, started: datetime, at: datetime, wait: int) -> bool:
    """Whether people may be asked now, under ``phase``; ``wait`` in minutes, 0 for as long as act lasts.

    Unknown counts as act: silence is not an all-clear, and who last heard "act" is still on the way.
    """
    if phase not in (Phase.ACT, Phase.UNKNOWN):
        return True
    return wait > 0 and at >= started + timedelta(minutes=wait)


class RollCalls:
    """Every roll call of one realm, as the journal tells them, oldest first."""

    def __init__(self, realm: str) -> None:
        self.realm = realm
        self.by_id: dict[str, RollCall] = {}
        self.upto = 0

    def apply(self, entry: Entry) -> RollCall | None:
        """Take in one entry and return the roll call it changed; applied twice it changes nothing the second time."""
        if entry.realm != self.realm or entry.kind not in KINDS:
            return None
        if entry.kind == ROLLCALL_STARTED:
            if entry.subject in self.by_id:
                return None
            made = self.by_id[entry.subject] = RollCall(entry.subject, entry.read(Started), entry.at)
            return made
        if entry.kind == ANSWER_GIVEN:
            answer = entry.read(Answer)
            call = self.by_id.get(answer.rollcall)
            return call if call is not None and call.hear(entry.subject, answer, entry.at) else None
        call = self.by_id.get(entry.subject)
        return call if call is not None and call.apply(entry) else None

    def open(self) -> list[RollCall]:
        """Those that run."""
        return [call for call in self.by_id.values() if call.open]

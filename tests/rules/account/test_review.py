"""The review: whatever the journal holds, its figures are those of an independent recount, and the public can tell nobody."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.nights.recount import Recount
from tocsin.account.answer import ANSWER_GIVEN, Answer, How, Means, Says
from tocsin.account.chronicle import chronicle
from tocsin.account.facility import FACILITY_SET, FacilityState, Status
from tocsin.account.review import SMALL, Review, decode, encode, public, review
from tocsin.account.rollcall import (
    ROLLCALL_ASKED,
    ROLLCALL_CLOSED,
    ROLLCALL_ESCALATED,
    ROLLCALL_STARTED,
    Asked,
    Closed,
    Escalated,
    Started,
)
from tocsin.assess.incident import Pointer
from tocsin.cap.alert import Alert, Area, Info, Named
from tocsin.cap.xml import write
from tocsin.errors import NotFoundError
from tocsin.journal import GENESIS, Entry, Fact, Head, fact, link
from tocsin.reach.delivery import DELIVERY_SEALED, DELIVERY_SETTLED
from tocsin.warn.backing import (
    CORRECTION_FLAGGED,
    CORRECTION_WEIGHED,
    DRAFT_BACKED,
    Backed,
    Flagged,
    Weighed,
)
from tocsin.warn.board import REVIEW_DONE, REVIEW_DUE, ReviewDone, ReviewDue
from tocsin.warn.draft import DRAFT_BEGUN, Begun, Content, Where
from tocsin.warn.loopback import LOOPBACK_DARK, LOOPBACK_MATCHED, LOOPBACK_MISMATCHED, Compared
from tocsin.warn.owner import PAGE_ANSWERED, PAGE_DUE, PAGE_FAILED, PAGE_SENT, Answered, Page, Tried
from tocsin.warn.publish import ALERT_PUBLISHED, Published
from tocsin.warn.widening import ALERT_WIDENED, LOOPBACK_STOPPED, Stopped, Widened

NIGHT = datetime(2024, 11, 20, tzinfo=UTC)
LATER = NIGHT + timedelta(days=2)


class Notebook:
    """A journal in memory."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def note(self, at: datetime, *facts: Fact) -> None:
        for item in facts:
            before = self.entries[-1].hash if self.entries else GENESIS
            self.entries.append(link(item, len(self.entries) + 1, at, before))

    def read(self, after: int, limit: int = 1000, kinds: Iterable[str] | None = None) -> list[Entry]:
        wanted = None if kinds is None else frozenset(kinds)
        return [one for one in self.entries[after:] if wanted is None or one.kind in wanted][:limit]

    def head(self) -> Head:
        return Head(len(self.entries), self.entries[-1].hash) if self.entries else Head(0, GENESIS)

    def about(self, kind: str, subject: str, limit: int = 100) -> list[Entry]:
        return [one for one in reversed(self.entries) if (one.kind, one.subject) == (kind, subject)][:limit]

    def kinds(self) -> tuple[str, ...]:
        return tuple({one.kind for one in self.entries})

    def append(self, facts: Sequence[Fact]) -> list[Entry]:
        raise NotImplementedError

    def step(self, follower: str, upto: int, facts: Sequence[Fact]) -> list[Entry]:
        raise NotImplementedError

    def cursor(self, follower: str) -> int:
        raise NotImplementedError

    def on_append(self, call: Callable[[int], None]) -> Callable[[], None]:
        raise NotImplementedError


def cap(phase: str, at: datetime) -> str:
    """A small alert."""
    info = Info(
        language="en", categories=("Safety",), event="Air alert", urgency="Immediate", severity="Extreme",
        certainty="Observed", expires=at + timedelta(hours=3), headline=f"It is {phase}.", instruction="Look.",
        response_types=("Shelter",), areas=(Area("Kyiv City", geocodes=(Named("ISO3166-2", "UA-30"),)),),
    )  # fmt: skip
    return write(Alert("a", "b@example.org", at, "Actual", "Alert", "Public", infos=(info,))).decode()


class Teller:
    """Writes a night into a notebook, as chance has it."""

    def __init__(self, chance: random.Random) -> None:
        self.chance, self.book, self.at = chance, Notebook(), NIGHT
        self.seats = [f"s{number}" for number in range(chance.randrange(1, 40))]
        self.versions: dict[str, int] = {"e1": 0, "e2": 0}
        self.flags: list[str] = []
        self.pages: list[Page] = []
        self.publish("e1")

    def note(self, kind: str, subject: str, body: Any) -> None:
        realm = "exercise" if self.chance.random() < 0.03 and kind != ALERT_PUBLISHED else "actual"
        if realm == "exercise":
            # What is noted in another realm is nothing of ours, whatever it names.
            self.book.note(self.at, fact("selfdrill:done", subject, {}, realm))
            return
        self.book.note(self.at, fact(kind, subject, body, realm))

    def publish(self, event: str) -> None:
        self.versions[event] += 1
        version = self.versions[event]
        phase = self.chance.choice(("prepare", "act", "hold", "all-clear")) if version > 1 else "act"
        name = f"{event}.{version}"
        draft = f"d-{name}"
        content = Content(phase=phase, hazard="air", where=Where(codes=("UA-30",)), event_id=event, owner="ann")
        self.note_ours(DRAFT_BEGUN, draft, Begun("ann", content))
        done = Published(
            name, event, version, phase, self.chance.choice(("Public", "Public", "Restricted")), "", ("UA-30",), self.at,
            cap(phase, self.at), draft=draft, retraction=self.chance.choice(("", "x")),
        )  # fmt: skip
        self.note_ours(ALERT_PUBLISHED, name, done)

    def note_ours(self, kind: str, subject: str, body: Any) -> None:
        self.book.note(self.at, fact(kind, subject, body, "actual"))

    def event(self) -> str:
        return self.chance.choice([event for event, version in self.versions.items() if version])

    def alert(self) -> str:
        event = self.event()
        return f"{event}.{self.chance.randrange(1, self.versions[event] + 1)}"

    def go(self, steps: int) -> Notebook:
        for _ in range(steps):
            self.at += timedelta(seconds=self.chance.choice((0, 1, 20, 90, 600)))
            getattr(self, self.chance.choice(STEPS))()
        return self.book

    def do_publish(self) -> None:
        self.publish(self.chance.choice(("e1", "e1", "e2")))

    def do_seal(self) -> None:
        name, channel = self.alert(), self.chance.choice(("webhook", "mail"))
        event, _, version = name.partition(".")
        body = {
            "alert": name, "event_id": event, "version": int(version), "phase": "act", "channel": channel,
            "recipients": self.chance.randrange(3000),
        }  # fmt: skip
        if self.chance.random() < 0.7:
            body |= {
                "areas": {"UA-30": self.chance.randrange(30), "": 3},
                "languages": {"uk": self.chance.randrange(30)},
            }
        self.note(DELIVERY_SEALED, f"{name}@{channel}", body)

    def do_settle(self) -> None:
        name, channel = self.alert(), self.chance.choice(("webhook", "mail"))
        event, _, version = name.partition(".")
        marks = self.chance.sample(("accepted", "shown", "answered", "gone", "refused", "superseded"), 3)
        outcomes = {mark: self.chance.randrange(1, 2000) for mark in marks}
        body = {
            "alert": name, "event_id": event, "version": int(version), "phase": "act", "channel": channel,
            "outcomes": outcomes,
        }  # fmt: skip
        if self.chance.random() < 0.7:
            body |= {"curve": {"first": 0.1, "p50": 1.0, "p95": 2.0, "p99": 3.5}, "curve_partial": True}
        self.note(DELIVERY_SETTLED, f"{name}@{channel}", body)

    def do_start(self) -> None:
        half = len(self.seats) // 2
        zones = {"North": tuple(self.seats[:half]), "South": tuple(self.seats[half:])}
        name = self.alert()
        call = f"r{self.chance.randrange(3)}"
        if not self.book.about(ROLLCALL_STARTED, call):
            event = name.partition(".")[0]
            self.note(ROLLCALL_STARTED, call, Started("Night", "ann", zones, "KX", name, event))

    def call(self) -> str:
        return f"r{self.chance.randrange(3)}"

    def begun(self, call: str) -> bool:
        return bool(self.book.about(ROLLCALL_STARTED, call))

    def do_ask(self) -> None:
        if self.begun(call := self.call()) and (not self.asked_now(call)):
            self.note(ROLLCALL_ASKED, call, Asked({"sms": self.chance.randrange(1, 40)}, self.chance.randrange(3)))

    def asked_now(self, call: str) -> bool:
        # Two rounds are never asked at one moment.
        return any(one.at == self.at for one in self.book.about(ROLLCALL_ASKED, call))

    def do_answer(self) -> None:
        if not self.begun(call := self.call()):
            return
        for _ in range(self.chance.randrange(1, 9)):
            means = self.chance.choice(list(Means))
            own = self.at - timedelta(seconds=self.chance.choice((0, 0, 5, 59, 60, 61, 300)))
            by, how = ("s0", self.chance.choice(list(How)).value) if means is Means.PROXY else ("", "")
            given_ = Answer(call, self.chance.choice(list(Says)), own, means, by, how)
            seat = self.chance.choice(self.seats)
            for _ in range(self.chance.choice((1, 1, 2))):
                self.note(ANSWER_GIVEN, seat, given_)

    def do_escalate(self) -> None:
        if self.begun(call := self.call()):
            to = self.chance.choice(("help", "warden", "deputy"))
            step = Escalated(to, ("North",), self.chance.randrange(9))
            if not any(one.at == self.at for one in self.book.about(ROLLCALL_ESCALATED, call)):
                self.note(ROLLCALL_ESCALATED, call, step)

    def do_close(self) -> None:
        if self.begun(call := self.call()):
            self.note(ROLLCALL_CLOSED, call, Closed("ann", {}))

    def do_facility(self) -> None:
        alert = self.chance.choice((self.alert(), self.alert(), ""))
        state = FacilityState(
            "Embassy", "UA-30", self.chance.choice(list(Status)), self.at,
            self.at + timedelta(minutes=self.chance.choice((1, 30, 600))), alert=alert, by="dora",
        )  # fmt: skip
        self.note(FACILITY_SET, self.chance.choice(("kyiv", "lviv")), state)

    def do_back(self) -> None:
        claims = (Pointer(f"report{self.chance.randrange(3)}", 0, 9),)
        self.note(DRAFT_BACKED, f"d-{self.alert()}", Backed("ann", "notes", "inc", claims, ("w",)))

    def do_flag(self) -> None:
        claim = Pointer(f"report{self.chance.randrange(3)}", 0, 9)
        name = self.alert()
        flag = Flagged(
            f"d-{name}", name, "ann", "dora", "inc", "notes", claim, self.chance.choice(("corrected", "gone"))
        )
        self.note(CORRECTION_FLAGGED, flag.id, flag)
        if self.book.about(CORRECTION_FLAGGED, flag.id):
            # Nobody weighs what was not flagged.
            self.flags.append(flag.id)

    def do_weigh(self) -> None:
        if self.flags:
            self.note(CORRECTION_WEIGHED, self.chance.choice(self.flags), Weighed("ann", "It holds."))

    def do_call(self) -> None:
        about = self.chance.choice(
            (self.alert(), f"correction/d-{self.alert()}", f"promise/{self.event()}@20241120T0000Z")
        )
        page = Page(about, self.chance.choice(("ann", "dora")), self.at, "Look.", self.chance.randrange(1, 4), "ends")
        if page.id not in {one.id for one in self.pages}:
            self.pages.append(page)
            self.note(PAGE_DUE, page.id, page)

    def do_try(self) -> None:
        if self.pages:
            page, wrong = self.chance.choice(self.pages), self.chance.choice(("", "no way"))
            self.note(PAGE_FAILED if wrong else PAGE_SENT, page.id, Tried(page.person, "sms", wrong))

    def do_pick_up(self) -> None:
        if self.pages:
            page = self.chance.choice(self.pages)
            self.note(PAGE_ANSWERED, page.id, Answered(page.person))

    def do_read_back(self) -> None:
        kind = self.chance.choice((LOOPBACK_MATCHED, LOOPBACK_MISMATCHED, LOOPBACK_DARK))
        self.note(kind, self.alert(), Compared("page", ("text",) if kind == LOOPBACK_MISMATCHED else ()))

    def do_widen(self) -> None:
        name = self.alert()
        self.note(ALERT_WIDENED, name, Widened(name.partition(".")[0], 1, 1, "It matches."))

    def do_stop(self) -> None:
        name = self.alert()
        self.note(LOOPBACK_STOPPED, name, Stopped(name.partition(".")[0], 1, 1, "act", "The stream shows other words."))

    def do_alone(self) -> None:
        self.note(REVIEW_DUE, f"d-{self.alert()}", ReviewDue("ann", "Nobody answered.", "published"))

    def do_look(self) -> None:
        self.note(REVIEW_DONE, f"d-{self.alert()}", ReviewDone("ben", "It was right."))


STEPS = sorted(name for name in vars(Teller) if name.startswith("do_"))


@settings(max_examples=60)
@given(chance=st.randoms(use_true_random=False), steps=st.integers(1, 60))
def test_every_figure_is_that_of_a_recount(chance: random.Random, steps: int) -> None:
    """However a night goes, each number of each event's review is what somebody counts from the raw journal."""
    teller = Teller(chance)
    book = teller.go(steps)
    for event in [event for event, version in teller.versions.items() if version]:
        made = review(book, event, LATER)
        Recount(book.entries).holds(made)
        assert decode(encode(made)) == made


@settings(max_examples=60)
@given(chance=st.randoms(use_true_random=False), steps=st.integers(1, 60))
def test_the_public_edition_has_no_small_number_and_no_person(chance: random.Random, steps: int) -> None:
    """Every count of people is a multiple of ten, restricted versions are gone, and nobody is named."""
    teller = Teller(chance)
    book = teller.go(steps)
    full = review(book, "e1", LATER)
    told = public(full)
    for number in counts(told):
        assert number % SMALL == 0
    assert all(one.scope == "Public" for one in told.issues)
    hidden = {one.identifier for one in full.issues if one.scope != "Public"}
    spoken = encode(told).decode()
    for name in (*(f'"{one}"' for one in hidden), '"ann"', '"ben"', '"dora"', "North", "It holds", "Nobody answered"):
        assert name not in spoken


def counts(told: Review) -> Iterable[int]:
    """Every number of people in a review."""
    for one in told.delivery:
        yield from (one.recipients, one.accepted, one.shown, one.answered, one.failed, *one.outcomes.values())
        yield from (*one.areas.values(), *one.languages.values())
    for covered in told.coverage:
        yield from (covered.alerted, covered.told)
    for reached in told.reach:
        yield from (*reached.areas.values(), *reached.languages.values(), reached.untold)
    for roll in told.headcounts:
        yield from (roll.people, roll.not_asked, roll.answers, roll.late)
        yield from (*roll.counts.values(), *roll.means.values(), *roll.asked_by.values())
        assert not roll.points
        assert not roll.zones


def test_the_facility_that_opens_again_ends_what_the_event_began() -> None:
    """What was set after ours belongs here though it has no reason of ours; what comes after that does not."""
    teller = Teller(random.Random(1))
    for minutes, alert in ((0, "e1.1"), (90, ""), (100, "")):
        teller.at = NIGHT + timedelta(minutes=minutes)
        state = FacilityState(
            "Embassy", "UA-30", Status.CLOSED if alert else Status.OPEN, teller.at, teller.at + timedelta(hours=1),
            alert=alert,
        )  # fmt: skip
        teller.note_ours(FACILITY_SET, "kyiv", state)
    closed, opened = review(teller.book, "e1", LATER).postures
    assert (closed.status, closed.overdue_s, closed.until) == ("closed", 1800.0, NIGHT + timedelta(minutes=90))
    assert (opened.status, opened.overdue_s) == ("open", 0.0)


def test_a_drawn_area_is_measured_against_the_sources() -> None:
    """A square that is moved by half its width warns half beyond the source's area and misses the other half of that."""
    book = Notebook()
    ours = "50.0,30.0 50.0,31.0 51.0,31.0 51.0,30.0 50.0,30.0"
    theirs = "50.0,30.5 50.0,31.5 51.0,31.5 51.0,30.5 50.0,30.5"
    content = Content(
        phase="act", hazard="air", where=Where(polygons=(ours,)), source_where=Where(polygons=(theirs,)), event_id="e"
    )
    book.note(NIGHT, fact(DRAFT_BEGUN, "d", Begun("ann", content)))
    done = Published("e.1", "e", 1, "act", "Public", "", (), NIGHT, cap("act", NIGHT), draft="d")
    book.note(NIGHT, fact(ALERT_PUBLISHED, "e.1", done))
    (issue,) = review(book, "e", LATER).issues
    assert issue.extent.drawn
    assert issue.extent.beyond == pytest.approx(0.5, abs=0.01)
    assert issue.extent.missed == pytest.approx(0.5, abs=0.01)
    # One degree by one at 50 degrees north is about 111 by 71 kilometres.
    assert issue.extent.km2 == pytest.approx(111.2 * 70.7, rel=0.02)


def test_drills_meanwhile_are_counted_and_nothing_else() -> None:
    """What the installation sends itself is left out of every figure, and said."""
    teller = Teller(random.Random(2))
    teller.at += timedelta(minutes=1)
    teller.book.note(teller.at, fact("selfdrill:done", "canary", {"event_id": "e1"}, "exercise"))
    teller.book.note(teller.at, fact(DELIVERY_SEALED, "e1.1@mail", {"alert": "e1.1"}, "exercise"))
    teller.publish("e1")
    found = chronicle(teller.book, "e1")
    assert found.left_out == {"selfdrill:done": 1}
    assert not any(entry.realm == "exercise" for entry in found.entries)
    assert review(teller.book, "e1", LATER).delivery == ()


def test_what_nobody_recorded_has_no_review() -> None:
    """An event that the journal does not know is not found, and no review is made up for it."""
    with pytest.raises(NotFoundError):
        review(Teller(random.Random(3)).book, "e9", LATER)


def test_a_review_from_before_still_reads() -> None:
    """A file that was made without the newer parts is read, with those parts empty."""
    made = review(Teller(random.Random(4)).book, "e1", LATER)
    old = json.loads(encode(made))
    for name in ("reach", "headcounts", "postures", "bases", "turns", "verdicts", "openings", "alone", "left_out"):
        del old[name]
    assert decode(json.dumps(old).encode()).issues == made.issues

"""No sequence of messages, delays, losses, repetitions and clock steps reaches calm but by the ways allowed."""

from __future__ import annotations

import random
from datetime import datetime

from hypothesis import given, settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from tests.rules.cap.said import T0, alert, area, info, t
from tocsin.cap.alert import Alert
from tocsin.cap.coverage import Coverage, Point, Where
from tocsin.cap.phase import LEGAL, Phase
from tocsin.cap.realm import realm
from tocsin.cap.standing import Contact, Judgement, place_standing
from tocsin.cap.thread import threads
from tocsin.place.gazetteer import Gazetteer

COVERAGE = Coverage(Gazetteer.world())
PLACES: tuple[Where, ...] = ("UA-30", "UA-32", "UA", Point(50_450_000, 30_523_000))
ENDS = {"all-clear", "retracted"}

MINUTES = some.integers(0, 600)
PHASES = some.sampled_from(["prepare", "act", "hold", "all-clear", "retracted"])
CODES = some.lists(some.sampled_from(["UA-30", "UA-32", "UA", "PL"]), min_size=1, max_size=2, unique=True)


@some.composite
def messages(draw: some.DrawFn) -> Alert:
    """Any message of a small world: a few events, senders, places and kinds, ours and foreign, in earnest or not."""
    number = draw(some.integers(0, 7))
    sent = draw(MINUTES)
    event = draw(some.sampled_from(["e", "f", "g"]))
    areas = draw(some.one_of(some.just(()), CODES.map(lambda codes: (area(*codes),))))
    times = {
        "expires": draw(some.one_of(some.none(), MINUTES.map(t))),
        "effective": draw(some.one_of(some.none(), some.integers(sent - 10, sent + 60).map(t))),
        "onset": draw(some.one_of(some.none(), some.integers(sent - 10, sent + 200).map(t))),
    }
    fields: dict[str, str] = {}
    if draw(some.booleans()):
        fields = {
            "tocsin:phase": draw(some.one_of(PHASES, some.sampled_from(["calm", "unknown", "x"]))),
            "tocsin:event_id": event,
            "tocsin:version": str(number),
        }
    if draw(some.booleans()):
        fields["cancelReason"] = draw(some.sampled_from(["error", "ended", "?"]))
    said = info(
        draw(some.lists(some.sampled_from(["Shelter", "Prepare", "Monitor", "AllClear", "Avoid", "?"]), max_size=2)),
        draw(some.sampled_from(["Immediate", "Expected", "Future", "Past", "Unknown", ""])),
        draw(some.sampled_from(["Extreme", "Severe", "Moderate", "Minor", "Unknown"])),
        "Observed",
        areas,
        fields,
        **times,
    )
    return alert(
        f"{event}{number}",
        sent,
        *([said] if draw(some.integers(0, 9)) else []),
        kind=draw(some.sampled_from(["Alert", "Update", "Cancel", "Error", "Ack"])),
        refers=draw(some.lists(some.sampled_from([f"{e}{n}" for e in "efg" for n in range(8)]), max_size=2)),
        sender=draw(some.sampled_from(["one@example.org", "one@example.org", "two@example.org", ""])),
    )


def judge(alerts: list[Alert], where: Where, at: datetime, contact: Contact | None = None) -> Judgement:
    return place_standing(threads(alerts, at), where, at, COVERAGE, contact or Contact())


def outcome(found: Judgement) -> tuple[object, ...]:
    """What people and programs see of a judgement, apart from the order of equals."""
    return found.phase, found.last, found.since, found.ends, {strand.course.step.identifier for strand in found.strands}


@given(some.lists(messages(), max_size=7), some.randoms(use_true_random=False), MINUTES, some.sampled_from(PLACES))
@settings(max_examples=100, deadline=None)
def test_arrival_does_not_matter(alerts: list[Alert], shuffler: random.Random, minutes: int, where: Where) -> None:
    """The same alerts in any order, any of them heard twice, stand the same."""
    expect = outcome(judge(alerts, where, t(minutes)))
    again = alerts + [one for one in alerts if shuffler.random() < 0.5]
    shuffler.shuffle(again)
    assert outcome(judge(again, where, t(minutes))) == expect


@given(some.lists(messages(), max_size=7), MINUTES, some.sampled_from(PLACES))
@settings(max_examples=100, deadline=None)
def test_silence_is_never_calm(alerts: list[Alert], minutes: int, where: Where) -> None:
    """Without a fresh source that covers the place nothing is calm, and nothing that it stood at is green."""
    assert judge(alerts, where, t(minutes), Contact(True, ("source",))).phase is Phase.UNKNOWN
    assert judge(alerts, where, t(minutes), Contact(covered=False)).phase is not Phase.CALM


@given(some.lists(messages(), max_size=8), messages(), MINUTES, some.sampled_from(PLACES))
@settings(max_examples=100, deadline=None)
def test_exercise_never_mixes(alerts: list[Alert], other: Alert, minutes: int, where: Where) -> None:
    """An exercise message, whatever it refers to and says, changes nothing in the actual realm."""
    for marked in (
        replace(other, status="Exercise"),
        replace(other, status="Test"),
        replace(other, note="TEST"),
        replace(other, status="Draft"),
        replace(other, codes=("exercise",)),
    ):
        counted = [one for one in [*alerts, marked] if realm(one) == "actual"]
        assert counted == [one for one in alerts if realm(one) == "actual"]
    assert outcome(judge(alerts, where, t(minutes))) == outcome(judge(counted, where, t(minutes)))


@given(some.lists(messages(), max_size=7), MINUTES, some.integers(1, 700), some.sampled_from(PLACES))
@settings(max_examples=100, deadline=None)
def test_the_future_does_not_matter(alerts: list[Alert], minutes: int, later: int, where: Where) -> None:
    """What will be sent later changes nothing now."""
    now = [one for one in alerts if one.sent is not None and one.sent <= t(minutes)]
    bombs = [replace(one, sent=t(minutes + later), identifier=f"{one.identifier}-later") for one in alerts]
    assert outcome(judge([*now, *bombs], where, t(minutes))) == outcome(judge(now, where, t(minutes)))


@given(some.lists(messages(), max_size=7), MINUTES, MINUTES, some.sampled_from(PLACES))
@settings(max_examples=100, deadline=None)
def test_until_holds(alerts: list[Alert], minutes: int, ahead: int, where: Where) -> None:
    """Until the moment a judgement names, nothing changes by itself."""
    found = threads(alerts)
    first = place_standing(found, where, t(minutes), COVERAGE)
    then = t(minutes + ahead)
    if first.until is None or then < first.until:
        assert outcome(place_standing(found, where, then, COVERAGE)) == outcome(first)


class Shelter(RuleBasedStateMachine):
    """A person at a place, hearing messages of one sender in any order, some late, some never, some twice."""

    def __init__(self) -> None:
        super().__init__()
        self.now = T0
        self.sent: list[Alert] = []
        self.heard: list[Alert] = []
        self.fresh = True
        self.before = Phase.CALM

    @initialize(where=some.sampled_from(PLACES))
    def begin(self, where: Where) -> None:
        self.where = where

    @rule(one=messages())
    def somebody_says(self, one: Alert) -> None:
        self.sent.append(replace(one, sent=self.now))

    @precondition(lambda self: self.sent)
    @rule(which=some.integers(0, 100))
    def it_is_heard(self, which: int) -> None:
        self.heard.append(self.sent[which % len(self.sent)])

    @rule(minutes=some.integers(1, 90))
    def time_passes(self, minutes: int) -> None:
        self.now += t(minutes) - T0

    @rule()
    def contact_is_lost(self) -> None:
        self.fresh = False

    @rule()
    def contact_is_back(self) -> None:
        self.fresh = True

    @invariant()
    def calm_only_by_the_ways_that_are_allowed(self) -> None:
        found = judge(
            self.heard, getattr(self, "where", "UA-30"), self.now, Contact() if self.fresh else Contact(True, ("s",))
        )
        if found.phase is Phase.CALM:
            assert self.fresh
            # Every thread that ever acted here has ended by word, and none ran out without one.
            for strand in found.strands:
                assert strand.course.phase is Phase.CALM
            acted = {strand.course.last for strand in found.strands}
            assert not acted & {Phase.ACT, Phase.HOLD}
        if self.before in (Phase.ACT, Phase.HOLD) and found.phase is Phase.CALM:
            assert any(saying in ENDS for saying in _said(self.heard))
        self.before = found.phase


def _said(alerts: list[Alert]) -> set[str]:
    from tocsin.cap.phase import sayings

    return {said.phase.value for one in alerts for said in sayings(one)}


TestShelter = Shelter.TestCase
TestShelter.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


@given(some.lists(messages(), min_size=1, max_size=8), some.sampled_from(PLACES))
@settings(max_examples=100, deadline=None)
def test_an_act_without_an_end_never_becomes_calm(alerts: list[Alert], where: Where) -> None:
    """Take every end away, and what acted once is never calm again, at any later time, fresh source or not."""
    kept = [one for one in alerts if not ENDS & _said([one])]
    acting = False
    for minutes in range(0, 1000, 37):
        found = judge(kept, where, t(minutes))
        if acting:
            assert found.phase in (Phase.ACT, Phase.HOLD, Phase.UNKNOWN)
        acting = acting or found.phase in (Phase.ACT, Phase.HOLD)


@given(some.lists(messages(), min_size=1, max_size=6), some.sampled_from(PLACES))
@settings(max_examples=100, deadline=None)
def test_only_legal_steps_by_the_clock(alerts: list[Alert], where: Where) -> None:
    """From one moment to the next a single thread takes legal steps only."""
    for of in threads(alerts):
        before: Phase | None = None
        for minutes in range(0, 800, 19):
            found = place_standing([of], where, t(minutes), COVERAGE)
            if before is not None and found.phase is not before:
                legal = found.phase in LEGAL[before]
                # An all-clear may be the first word heard of an event (its update shows that something stood before).
                assert legal or any(why.startswith("unseen") for why in found.why), (before, found)
            before = found.phase

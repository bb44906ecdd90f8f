"""The roll call's rules: answers by their own time, once each, for their own event, and nobody safe but by a word."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.account.answer import ANSWER_GIVEN, GRAVITY, SKEW, Answer, Means, Says, digit, own_time
from tocsin.account.rollcall import (
    ROLLCALL_ASKED,
    ROLLCALL_CLOSED,
    ROLLCALL_ESCALATED,
    ROLLCALL_JOINED,
    ROLLCALL_STARTED,
    UNACCOUNTED,
    Asked,
    Closed,
    Contact,
    Escalated,
    Joined,
    Pace,
    RollCall,
    RollCalls,
    Started,
    State,
    may_ask,
    missing,
)
from tocsin.cap.phase import Phase
from tocsin.errors import AnswerTimeError, ParameterError
from tocsin.journal import EXERCISE, Entry, fact

T0 = datetime(2024, 11, 20, 1, tzinfo=UTC)
ZONES = {"A": ("a1", "a2", "a3"), "B": ("b1", "b2")}
SEATS = [seat for seats in ZONES.values() for seat in seats]
_count = iter(range(1, 10_000_000))


def entry(kind: str, subject: str, body: object, at: datetime = T0, realm: str = "actual") -> Entry:
    """An entry of the journal."""
    item = fact(kind, subject, body, realm)
    return Entry(next(_count), at, item.realm, item.kind, item.subject, item.body, b"", b"")


def call(name: str = "one", pace: Pace | None = None) -> RollCall:
    """A roll call of five in two zones."""
    return RollCall(name, Started("Night", "p1", ZONES, "KX", pace=pace or Pace()), T0)


def answer(says: Says, minutes: float, rollcall: str = "one", means: Means = Means.LINK, by: str = "") -> Answer:
    """An answer so many minutes after the start."""
    return Answer(rollcall, says, T0 + timedelta(minutes=minutes), means, by)


said = st.tuples(
    st.sampled_from(SEATS),
    st.sampled_from(list(Says)),
    st.integers(0, 30),
    st.sampled_from([Means.LINK, Means.SMS, Means.PROXY]),
)


@given(st.lists(said, max_size=30), st.randoms(use_true_random=False))
def test_order_of_arrival_changes_nothing(given_: list[tuple[str, Says, int, Means]], chance: random.Random) -> None:
    """Whatever order answers arrive in, and however often, everybody stands as the latest of their own times says."""
    entries = [
        (seat, answer(says, minutes, means=means, by="w" if means is Means.PROXY else ""))
        for seat, says, minutes, means in given_
    ]
    first = call()
    for seat, one in entries:
        first.hear(seat, one, T0)
    again = call()
    shuffled = [*entries, *entries]
    chance.shuffle(shuffled)
    for seat, one in shuffled:
        again.hear(seat, one, T0 + timedelta(hours=1))
    assert {seat: again.state(seat) for seat in SEATS} == {seat: first.state(seat) for seat in SEATS}
    for seat in SEATS:
        mine = [one for where, one in entries if where == seat]
        counts = again.answer(seat)
        if mine:
            assert counts is not None
            assert counts.at == max(one.at for one in mine)
            assert GRAVITY[counts.says] == max(GRAVITY[one.says] for one in mine if one.at == counts.at)
        else:
            assert counts is None
            assert again.state(seat) in UNACCOUNTED
    assert again.curve() == first.curve()


def test_a_thousand_shuffled_copies_are_one_answer() -> None:
    """An answer that a phone sends a thousand times, mixed with its correction, is one answer and one correction."""
    one, two = answer(Says.SAFE, 1), answer(Says.HELP, 2)
    many = [one] * 500 + [two] * 500
    random.Random(7).shuffle(many)
    made = call()
    taken = [made.hear("a1", each, T0) for each in many]
    assert taken.count(True) == 2
    assert made.answers["a1"] == [one, two]
    assert made.state("a1") is State.HELP
    assert len(made.known) == 2


@given(st.lists(said, min_size=1, max_size=20))
def test_answers_of_another_event_never_count(given_: list[tuple[str, Says, int, Means]]) -> None:
    """An answer given in one roll call changes nothing in another one, not even for a seat of the same name."""
    calls = RollCalls("actual")
    for name in ("one", "two"):
        calls.apply(entry(ROLLCALL_STARTED, name, Started("Night", "p1", ZONES)))
    before = calls.by_id["two"].change
    for seat, says, minutes, means in given_:
        calls.apply(entry(ANSWER_GIVEN, seat, answer(says, minutes, "one", means)))
        assert not calls.by_id["two"].hear(seat, answer(says, minutes, "one", means), T0)
    assert calls.by_id["two"].change == before
    assert missing(calls.by_id["two"].counts()) == len(SEATS)
    assert missing(calls.by_id["one"].counts()) < len(SEATS)


events = st.one_of(
    st.tuples(st.just("reach"), st.sampled_from(SEATS), st.sampled_from(list(Contact))),
    st.tuples(st.just("asked"), st.integers(0, 5), st.integers(0, 5)),
    st.tuples(st.just("escalated"), st.sampled_from(["warden", "deputy", "help"]), st.sampled_from(["A", "B"])),
    st.tuples(st.just("closed"), st.just(""), st.just("")),
    st.tuples(st.just("foreign"), st.sampled_from(SEATS), st.sampled_from(list(Says))),
)


@given(st.lists(events, max_size=40))
def test_nothing_but_an_answer_makes_anybody_safe(happened: list[tuple[str, object, object]]) -> None:
    """Receipts, lost contact, escalation, closing and others' answers leave everybody unaccounted for."""
    made = call()
    for number, (kind, first, second) in enumerate(happened):
        at = T0 + timedelta(minutes=number)
        if kind == "reach":
            made.reach(str(first), Contact(second))  # type: ignore[arg-type]
        elif kind == "asked":
            made.apply(entry(ROLLCALL_ASKED, "one", Asked({"sms": int(str(first))}, int(str(second))), at))
        elif kind == "escalated":
            made.apply(entry(ROLLCALL_ESCALATED, "one", Escalated(str(first), (str(second),), 1), at))
        elif kind == "closed":
            made.apply(entry(ROLLCALL_CLOSED, "one", Closed("p1", {}), at))
        else:
            made.apply(entry(ANSWER_GIVEN, str(first), answer(Says(str(second)), 1, "other"), at))
        assert {made.state(seat) for seat in SEATS} <= UNACCOUNTED
    assert made.curve() == []


@given(st.lists(st.tuples(st.sampled_from(SEATS), st.sampled_from(list(Contact))), max_size=30))
def test_what_is_known_of_the_way_only_grows(steps: list[tuple[str, Contact]]) -> None:
    """Who has seen the question is not "not reached" a moment later, whatever a channel says then."""
    made = call()
    best = dict.fromkeys(SEATS, Contact.NONE)
    for seat, contact in steps:
        made.reach(seat, contact)
        best[seat] = max(best[seat], contact)
        assert made.contacts.get(seat, Contact.NONE) == best[seat]


def test_who_needs_help_stands_first_and_then_who_is_missing() -> None:
    """The list begins with those who need help, then those nobody has reached; who is safe comes last."""
    made = call()
    made.reach("a2", Contact.SEEN)
    made.hear("b2", answer(Says.HELP, 1), T0)
    made.hear("a1", answer(Says.SAFE, 1), T0)
    assert made.seats() == ["b2", "a3", "b1", "a2", "a1"]
    assert made.unaccounted() == ["a3", "b1", "a2"]
    assert made.seats(["B"]) == ["b2", "b1"]


def test_help_by_proxy_is_help_and_safe_by_proxy_says_so() -> None:
    """A warden's word for somebody is marked as such; who needs help needs it whoever says so; their own word wins later."""
    made = call()
    made.hear("a1", answer(Says.SAFE, 1, means=Means.PROXY, by="w1"), T0)
    made.hear("a2", answer(Says.HELP, 1, means=Means.PROXY, by="w1"), T0)
    assert (made.state("a1"), made.state("a2")) == (State.PROXY, State.HELP)
    made.hear("a2", answer(Says.SAFE, 2), T0)
    assert made.state("a2") is State.SAFE


def test_ten_thousand_people_are_counted() -> None:
    """Of 10,000 each stands in exactly one column, by zone as in all (req. 61)."""
    zones = {f"z{zone}": tuple(f"{zone}-{n}" for n in range(500)) for zone in range(20)}
    made = RollCall("big", Started("Night", "p1", zones), T0)
    chance = random.Random(3)
    wanted = dict.fromkeys(State, 0)
    for seats in zones.values():
        for seat in seats:
            dice = chance.random()
            if dice < 0.6:
                made.hear(seat, answer(Says.SAFE, dice * 10, "big"), T0)
                wanted[State.SAFE] += 1
            elif dice < 0.65:
                made.hear(seat, answer(Says.HELP, 3, "big"), T0)
                wanted[State.HELP] += 1
            elif dice < 0.8:
                made.reach(seat, Contact.DELIVERED)
                wanted[State.DELIVERED] += 1
            else:
                wanted[State.NOT_REACHED] += 1
    assert made.counts() == wanted
    total = dict.fromkeys(State, 0)
    for counts in made.by_zone().values():
        for state, number in counts.items():
            total[state] += number
    assert total == wanted
    assert made.curve()[-1].accounted == wanted[State.SAFE] + wanted[State.HELP]


def test_nobody_is_asked_while_running() -> None:
    """Under act, and when an act has fallen silent, the question waits; under everything else it goes out."""
    later = T0 + timedelta(minutes=29)
    for phase in (Phase.ACT, Phase.UNKNOWN):
        assert not may_ask(phase, T0, later, 30)
        assert may_ask(phase, T0, T0 + timedelta(minutes=30), 30)
        assert not may_ask(phase, T0, T0 + timedelta(days=2), 0)
    for phase in (None, Phase.CALM, Phase.PREPARE, Phase.HOLD, Phase.ALL_CLEAR, Phase.RETRACTED):
        assert may_ask(phase, T0, T0, 0)


def test_escalation_runs_from_the_question_on_and_once_each() -> None:
    """Wardens are told after ten minutes, deputies after twenty, each zone once; a zone that is complete is not."""
    made = call()
    assert list(made.due(T0 + timedelta(hours=3))) == []
    made.apply(entry(ROLLCALL_ASKED, "one", Asked({"sms": 5}), T0 + timedelta(hours=3)))
    asked = T0 + timedelta(hours=3)
    for seat in ZONES["B"]:
        made.hear(seat, answer(Says.SAFE, 181), asked)
    assert list(made.due(asked + timedelta(minutes=9))) == []
    (step,) = made.due(asked + timedelta(minutes=10))
    assert step == Escalated("warden", ("A",), 3)
    made.apply(entry(ROLLCALL_ESCALATED, "one", step, asked + timedelta(minutes=10)))
    assert list(made.due(asked + timedelta(minutes=19))) == []
    assert [one.to for one in made.due(asked + timedelta(minutes=20))] == ["deputy"]
    made.hear("a1", answer(Says.HELP, 182), asked)
    assert next(iter(made.due(asked + timedelta(minutes=11)))) == Escalated("help", ("A",), 0)


def test_own_time_is_bounded_and_clocks_are_put_right() -> None:
    """An answer is not from before its roll call nor from the future; a wrong clock that says what it shows is put right."""
    now = T0 + timedelta(minutes=30)
    assert own_time(None, None, now, T0) == now
    assert own_time(T0 + timedelta(minutes=5), None, now, T0) == T0 + timedelta(minutes=5)
    assert own_time(now + SKEW, None, now, T0) == now
    assert own_time(T0 - SKEW, None, now, T0) == T0
    with pytest.raises(AnswerTimeError):
        own_time(now + SKEW + timedelta(seconds=1), None, now, T0)
    with pytest.raises(AnswerTimeError):
        own_time(T0 - SKEW - timedelta(seconds=1), None, now, T0)
    for wrong in (timedelta(days=-400), timedelta(hours=7)):
        tapped, sent = now + wrong - timedelta(minutes=10), now + wrong
        assert own_time(tapped, sent, now, T0) == now - timedelta(minutes=10)
    with pytest.raises(ParameterError):
        own_time(now, now - timedelta(minutes=1), now, T0)


def test_the_other_realm_is_not_taken_in() -> None:
    """An exercise's roll call and its answers are none of the actual realm."""
    calls = RollCalls("actual")
    assert calls.apply(entry(ROLLCALL_STARTED, "one", Started("Drill", "p1", ZONES), realm=EXERCISE)) is None
    assert not calls.by_id


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1", (Says.SAFE, "")),
        (" 2. ", (Says.HELP, "")),
        ("3 kx", (Says.AWAY, "KX")),
        ("KX 1", (Says.SAFE, "KX")),
        ("1KX!", (Says.SAFE, "KX")),
        ("4", None),
        ("12", None),
        ("I am safe", None),
        ("", None),
        ("1 KXA", None),
    ],
)
def test_a_digit_is_read_and_nothing_is_guessed(text: str, says: tuple[Says, str] | None) -> None:
    """A text message is a digit with or without the code; anything else is for a person to read."""
    assert digit(text) == says


def test_who_comes_late_has_a_clock_of_their_own() -> None:
    """Added at 25 min: the zone's wardens are told of them at 35 and not before, the deputies at 45, each once."""
    calls = RollCalls("actual")
    calls.apply(entry(ROLLCALL_STARTED, "one", Started("Night", "p1", ZONES)))
    made = calls.by_id["one"]
    calls.apply(entry(ROLLCALL_ASKED, "one", Asked({"sms": 5})))
    told: list[tuple[int, str, tuple[str, ...], int]] = []
    for minute in range(60):
        at = T0 + timedelta(minutes=minute)
        if minute == 5:
            for seat in SEATS:
                made.hear(seat, answer(Says.SAFE, 5), at)
        if minute == 25:
            late = entry(ROLLCALL_JOINED, "one", Joined("p1", {"B": ("b3",), "C": ("c1",)}), at)
            assert calls.apply(late) is made
            assert calls.apply(late) is None
        for step in list(made.due(at)):
            told.append((minute, step.to, step.zones, step.unaccounted))
            calls.apply(entry(ROLLCALL_ESCALATED, "one", step, at))
    assert told == [(35, "warden", ("B", "C"), 2), (45, "deputy", ("B", "C"), 2)]
    assert made.zones["c1"] == "C"
    assert (len(made), missing(made.counts()), missing(made.counts("C"))) == (7, 2, 1)
    made.hear("c1", answer(Says.SAFE, 50), T0)
    assert (made.state("c1"), made.counts()[State.SAFE]) == (State.SAFE, 6)


def test_a_zone_that_is_missing_people_is_told_in_time_whoever_comes_late() -> None:
    """Somebody who is added neither delays nor hurries the word on those who were asked first."""
    made = call(pace=Pace(30, 10, 0))
    made.apply(entry(ROLLCALL_ASKED, "one", Asked({"sms": 5})))
    made.apply(entry(ROLLCALL_JOINED, "one", Joined("p1", {"A": ("a4",)}), T0 + timedelta(minutes=9)))
    assert [step.unaccounted for step in made.due(T0 + timedelta(minutes=10))] == [6]
    (first,) = made.due(T0 + timedelta(minutes=10))
    made.apply(entry(ROLLCALL_ESCALATED, "one", first, T0 + timedelta(minutes=10)))
    assert list(made.due(T0 + timedelta(minutes=30))) == []

"""Threads: what belongs together, in which order, and where it has got to."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable
from datetime import timedelta

import pytest
from msgspec.structs import replace

from tests.rules.cap.said import T0, act, alert, clear, info, ours, prepare, t
from tocsin.cap.alert import Alert, Reference
from tocsin.cap.thread import Course, thread_standing, threads


def stands(alerts: Iterable[Alert], minutes: float, fresh: bool = True) -> Course | None:
    """Where the one thread of ``alerts`` has got to."""
    (one,) = threads(alerts)
    return thread_standing(one, t(minutes), fresh=fresh)


def phase(alerts: Iterable[Alert], minutes: float, fresh: bool = True) -> str | None:
    found = stands(alerts, minutes, fresh)
    return None if found is None else found.phase.value


def test_the_four_alerts_of_kyiv() -> None:
    """An act, its all-clear, half an hour later calm: to the second."""
    night = [act("a", 5), clear("c", 50)]
    for at, expect in (
        (5, "act"),
        (49.99, "act"),
        (50, "all-clear"),
        (79.99, "all-clear"),
        (80, "calm"),
        (500, "calm"),
    ):
        assert phase(night, at) == expect
    assert stands(night, 4.99) is None
    assert phase(night, 80, fresh=False) == "unknown"


def test_since_and_ends() -> None:
    """A phase has its beginning and the moment at which a clock will change it."""
    night = [act("a", 5, expires=60), alert("h", 30, info(), kind="Update", refers=["a"]), clear("c", 50)]
    first, held, over, calm = (stands(night, at) for at in (6, 31, 51, 81))
    assert first is not None
    assert held is not None
    assert over is not None
    assert calm is not None
    assert (first.phase, first.since, first.ends) == ("act", t(5), t(60))
    assert (held.phase, held.since, held.ends) == ("hold", t(30), None)
    assert (over.phase, over.since, over.ends) == ("all-clear", t(50), t(80))
    assert (calm.phase, calm.since, calm.ends, calm.last) == ("calm", t(80), None, "all-clear")


def test_expired_is_not_all_clear() -> None:
    """At expires an act becomes unknown with act as the last thing known, however fresh its source is."""
    for fresh in (True, False):
        found = stands([act("a", 0, expires=60)], 60, fresh)
        assert found is not None
        assert (found.phase, found.last) == ("unknown", "act")
    assert phase([act("a", 0, expires=60)], 59.99) == "act"
    assert phase([act("a", 0, expires=60)], 10**6) == "unknown"
    assert phase([act("a", 0, expires=60), clear("c", 90)], 91) == "all-clear"


def test_expires_as_it_is_sent() -> None:
    """An act whose expires is its sent, or before it (quirks 35, 42), is unknown and not calm."""
    for expires in (0, -60, -30000):
        assert phase([act("a", 0, expires=expires)], 0) == "unknown"


def test_a_planned_end() -> None:
    """A prepare ends as planned with a fresh source and is unknown without."""
    assert phase([prepare("p", 0, expires=60)], 59) == "prepare"
    assert phase([prepare("p", 0, expires=60)], 60) == "calm"
    assert phase([prepare("p", 0, expires=60)], 60, fresh=False) == "unknown"
    assert phase([prepare("p", 0)], 10**5) == "prepare"


def test_a_late_message_changes_nothing() -> None:
    """An act that arrives after its all-clear does not stand (F6)."""
    alerts = [ours("v1", 0, "act", 1), ours("v2", 20, "hold", 2), ours("v3", 40, "all-clear", 3)]
    for order in itertools.permutations(alerts):
        assert phase(order, 41) == "all-clear"
    # Even with a later sent: version decides.
    assert phase([ours("v3", 40, "all-clear", 3), ours("v2", 45, "hold", 2)], 46) == "all-clear"


def test_versions_as_numbers() -> None:
    """Version 10 comes after version 9."""
    assert phase([ours("a", 0, "act", 9), ours("b", 10, "all-clear", 10)], 11) == "all-clear"


def test_two_of_one_version() -> None:
    """Of two that claim one version the one that asks more counts, in any order."""
    alerts = [ours("a", 0, "act", 1), ours("b", 10, "all-clear", 2), ours("c", 5, "hold", 2)]
    for order in itertools.permutations(alerts):
        assert phase(order, 20) == "hold"


def test_references_over_several_steps() -> None:
    """Alerts that refer to each other over several steps are one thread, each naming only the one before."""
    alerts = [
        act("a", 0),
        alert("b", 10, info(), kind="Update", refers=["a"]),
        alert("c", 20, info(), kind="Update", refers=["b"]),
        clear("d", 30, ["c"]),
    ]
    for order in itertools.permutations(alerts):
        assert phase(order, 15) == "hold"
        assert phase(order, 31) == "all-clear"


def test_references_before_sent() -> None:
    """What refers to another stands after it, even when its sender's clock says otherwise."""
    assert phase([act("a", 10), clear("c", 5)], 11) == "all-clear"


def test_an_end_that_names_only_the_first() -> None:
    """An all-clear that names only the first of three alerts ends the event, for it was sent last."""
    alerts = [
        act("a", 0),
        alert("b", 10, info(), kind="Update", refers=["a"]),
        alert("c", 20, info(), kind="Update", refers=["a", "b"]),
        clear("d", 30, ["a"]),
    ]
    for order in itertools.permutations(alerts):
        assert phase(order, 31) == "all-clear"


def test_an_old_end_does_not_undo_a_new_act() -> None:
    """After an all-clear, an act of the same thread stands; the older all-clear heard again changes nothing."""
    alerts = [act("a", 0), clear("c", 30), act("b", 40, kind="Update", refers=["a"]), clear("c", 30)]
    for order in itertools.permutations(alerts):
        assert phase(order, 41) == "act"


def test_joined_references() -> None:
    """References that join senders, then ids, then one date still name what they name (quirk 27)."""
    joined = (Reference("warn@example.org warn@example.org", "x-1 a", "2024-11-20T01:00:00+00:00"),)
    assert phase([act("a", 0), replace(clear("c", 30), references=joined)], 31) == "all-clear"
    joined = (Reference("warn@example.org a x-1 2024-11-20T01:00:00+00:00", "", ""),)
    assert phase([act("a", 0), replace(clear("c", 30), references=joined)], 31) == "all-clear"
    joined = (Reference("warn@example.org", "a", "not a time"), Reference("", "", ""))
    assert phase([act("a", 0), replace(clear("c", 30), references=joined)], 31) == "all-clear"


def test_another_senders_end() -> None:
    """Another sender's "it is over" does not end an alert, whatever it refers to."""
    other = clear("c", 30, sender="other@example.net")
    assert len(threads([act("a", 0), other])) == 2
    # Letters and blanks make no other sender, nor does a feed that leaves it out (quirk 9).
    for sender in ("WARN@example.org", " warn@example.org ", ""):
        assert phase([act("a", 0), clear("c", 30, sender=sender)], 31) == "all-clear"


def test_no_references() -> None:
    """An end that refers to nothing ends nothing: two threads."""
    assert len(threads([act("a", 0), clear("c", 30, refers=[])])) == 2


def test_incidents_make_no_thread() -> None:
    """The public's and the staff's alert share an incident and stay two threads."""
    both = [act("a", 0, incidents=("night",)), prepare("p", 0, incidents=("night",))]
    assert len(threads(both)) == 2


def test_event_ids_keep_events_apart() -> None:
    """Two of our events stay two even where one refers to the other."""
    one, other = ours("a", 0, "act", 1, "e"), ours("c", 30, "all-clear", 2, "f", refers=["a"])
    assert len(threads([one, other])) == 2


def test_duplicates() -> None:
    """The same alert fifty times is one step."""
    (one,) = threads([act("a", 0)] * 50 + [clear("c", 30)] * 50)
    assert len(one.steps) == 2


def test_same_identifier_with_a_new_sent() -> None:
    """The same identifier with a new sent is a new version (quirk 17)."""
    alerts = [prepare("a", 0), act("a", 10)]
    for order in (alerts, alerts[::-1]):
        assert phase(order, 5) == "prepare"
        assert phase(order, 11) == "act"


def test_a_circle_of_references() -> None:
    """A circle of references hangs nothing and is cut where sent is earliest."""
    alerts = [
        act("a", 0, kind="Update", refers=["c"]),
        alert("b", 10, info(), kind="Update", refers=["a"]),
        clear("c", 20, ["b", "c"]),
    ]
    for order in itertools.permutations(alerts):
        assert phase(order, 21) == "all-clear"


def test_a_time_bomb() -> None:
    """What was sent after the moment that is asked about is not there yet: neither act nor end."""
    assert stands([act("a", 60)], 59) is None
    assert phase([act("a", 0), clear("c", 60)], 59) == "act"
    (one,) = threads([act("a", 1)])
    assert thread_standing(one, T0, ahead=timedelta(minutes=2)) is not None
    (one,) = threads([act("a", 3)])
    assert thread_standing(one, T0, ahead=timedelta(minutes=2)) is None


def test_effective_later() -> None:
    """What is effective later is planned: to be ready for, and not yet to be done; a planned end ends nothing."""
    planned = act("a", 0, effective=t(60))
    assert [phase([planned], at) for at in (1, 59, 60)] == ["prepare", "prepare", "act"]
    found = stands([planned], 61)
    assert found is not None
    assert found.since == t(60)
    over = clear("c", 10, effective=t(60))
    assert [phase([act("a", 0), over], at) for at in (11, 59, 60, 89, 90)] == [
        "act",
        "act",
        "all-clear",
        "all-clear",
        "calm",
    ]
    # A planned change leaves what stands in force.
    assert phase([act("a", 0), act("b", 10, kind="Update", refers=["a"], effective=t(60))], 20) == "act"


def test_effective_never() -> None:
    """An effective time that never comes (year 2568) with an expires that did is not a planned end."""
    broken = act("a", 0, expires=30, effective=t(300_000_000 / 1))
    assert phase([broken], 31) != "calm"


def test_onset_later() -> None:
    """An onset more than an hour away contradicts Immediate; one within the hour does not."""
    assert phase([act("a", 0, onset=t(30))], 1) == "act"
    assert [phase([act("a", 0, onset=t(180))], at) for at in (1, 119, 120)] == ["prepare", "prepare", "act"]


def test_effective_before_sent() -> None:
    """An alert began when its source says (quirk 87), except where that is a slip of weeks (quirk 42)."""
    found = stands([act("a", 10, effective=t(5))], 11)
    assert found is not None
    assert found.since == t(5)
    found = stands([act("a", 10, effective=t(-60 * 24 * 30))], 11)
    assert found is not None
    assert found.since == t(10)


def test_escalation_and_repetition() -> None:
    """A repeated act is a hold, a graver one an act again; our own repeated act keeps its beginning."""
    again = alert("b", 10, info(), kind="Update", refers=["a"])
    assert phase([act("a", 0), again], 11) == "hold"
    assert phase([act("a", 0, severity="Severe"), again], 11) == "act"
    found = stands([ours("a", 0, "act", 1), ours("b", 10, "act", 2)], 11)
    assert found is not None
    assert (found.phase, found.since) == ("act", t(0))


def test_milder_words_do_not_end_an_act() -> None:
    """Monitor, Prepare or Past after an act is hold: only an all-clear or a retraction ends it."""
    for does, urgency in ((("Monitor",), "Expected"), (("Prepare",), "Future"), (("None",), "Past"), ((), "Unknown")):
        milder = alert("b", 10, info(does, urgency, "Minor"), kind="Update", refers=["a"])
        assert phase([act("a", 0), milder], 11) == "hold"
    refused = stands([ours("a", 0, "act", 1), ours("b", 10, "prepare", 2)], 11)
    assert refused is not None
    assert refused.phase == "act"
    assert any(why.startswith("illegal-step") for why in refused.why)


def test_no_way_round_by_expiry() -> None:
    """An act that ran out cannot become a prepare and so end as planned."""
    for later in (ours("b", 90, "prepare", 2, expires=t(100)),):
        alerts = [ours("a", 0, "act", 1, expires=t(60)), later]
        assert phase(alerts, 101) == "unknown"
    foreign = [act("a", 0, expires=60), prepare("b", 90, expires=100, kind="Update", refers=["a"])]
    assert phase(foreign, 95) == "hold"
    assert phase(foreign, 101) == "unknown"


@pytest.mark.parametrize("kind", ["Cancel", "Error"])
def test_cancel(kind: str) -> None:
    """A Cancel without a reason is an end that says so; an Error, or cancelReason=error, a retraction."""
    found = stands([act("a", 0), alert("c", 10, info(), kind=kind, refers=["a"])], 11)
    assert found is not None
    assert found.phase == ("all-clear" if kind == "Cancel" else "retracted")
    assert any(why.startswith("reason-not-given") for why in found.why) is (kind == "Cancel")
    error = alert("c", 10, info(parameters={"cancelReason": "error"}), kind="Cancel", refers=["a"])
    assert [phase([act("a", 0), error], at) for at in (11, 39, 40)] == ["retracted", "retracted", "calm"]
    assert phase([act("a", 0), error], 40, fresh=False) == "unknown"


def test_cancel_repeats_the_info() -> None:
    """A Cancel that repeats the whole alert, Shelter and all, cancels it (quirk 33)."""
    assert phase([act("a", 0), act("c", 10, kind="Cancel", refers=["a"])], 11) == "all-clear"


def test_an_end_does_not_begin_again() -> None:
    """A repeated all-clear does not lengthen its half hour, and one after calm is refused."""
    alerts = [ours("a", 0, "act", 1), ours("b", 10, "all-clear", 2), ours("c", 30, "all-clear", 3)]
    assert phase(alerts, 39) == "all-clear"
    assert phase(alerts, 40) == "calm"
    ended = [ours("a", 0, "prepare", 1, expires=t(10)), ours("b", 20, "all-clear", 2)]
    assert phase(ended, 21) == "calm"
    found = stands(ended, 21)
    assert found is not None
    assert any(why.startswith("illegal-step") for why in found.why)


def test_first_word_all_clear() -> None:
    """Calm to all-clear is no legal step; an update shows that something stood before, and is told."""
    assert stands([ours("c", 0, "all-clear", 1)], 1) is None
    assert phase([ours("c", 0, "all-clear", 2)], 1) == "all-clear"
    assert stands([alert("c", 0, info(("AllClear",), "Past", "Minor"))], 1) is None
    assert phase([clear("c", 0, ["never-seen"])], 1) == "all-clear"


def test_lost_source() -> None:
    """Whatever stands is unknown when its source is lost, and what stood is kept."""
    for one, last in ((act("a", 0), "act"), (prepare("p", 0), "prepare")):
        found = stands([one], 1, fresh=False)
        assert found is not None
        assert (found.phase, found.last) == ("unknown", last)


def test_missing_sent() -> None:
    """A message without a time was always there, and comes before what refers to it."""
    assert phase([replace(act("a", 0), sent=None)], 1) == "act"
    assert phase([replace(act("a", 0), sent=None), clear("c", 10)], 11) == "all-clear"


def test_order_is_not_arrival() -> None:
    """A thousand shuffles of a long thread with repetitions stand the same."""
    alerts = [
        prepare("p", 0, expires=40),
        act("a", 10, expires=60, kind="Update", refers=["p"]),
        alert("h", 20, info(), kind="Update", refers=["a"]),
        clear("c", 30, ["h"]),
        act("a2", 35, kind="Update", refers=["c"]),
        alert("x", 45, info(parameters={"cancelReason": "error"}), kind="Cancel", refers=["a2"]),
    ] * 2
    moments = (5, 15, 25, 32, 36, 46, 74, 75)
    expect = [phase(alerts, at) for at in moments]
    assert expect == ["prepare", "act", "hold", "all-clear", "act", "retracted", "retracted", "calm"]
    shuffler = random.Random(20)
    for _ in range(200):
        shuffler.shuffle(alerts)
        assert [phase(alerts, at) for at in moments] == expect

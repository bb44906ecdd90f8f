"""Owners, promises, unread warnings, handover: nothing that stands is forgotten, and nothing runs out quietly."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.rules.warn.test_desk import AT, MINUTE, Office, unsigned
from tocsin.errors import IllegalStepError, NotAllowedError
from tocsin.journal import ACTUAL, Fact, fact, link
from tocsin.sense.report import CAP_XML, REPORT_RECEIVED, Report, report_id
from tocsin.sense.source import Source
from tocsin.warn.handover import HANDOVER_SIGNED, KeyEnd, Signed, accept, listed, sign_off
from tocsin.warn.mirror import Mirror
from tocsin.warn.owner import ALERT_UNATTENDED, PAGE_DUE, Decided, Owned, Watch, due_pages
from tocsin.warn.person import PERSON_ENROLLED, Enrolled, Role
from tocsin.warn.policy import Policy
from tocsin.warn.promise import PROMISE_MADE, PROMISE_MISSED, Promises

SOURCES = {"met": Source("met", "Weather office", "cap", ("UA",), 60.0, True), "news": Source("news", "N", "news")}


class Watched(Office):
    """An office with somebody who watches."""

    def __init__(self) -> None:
        super().__init__()
        self.watch = Watch(self.desk.drafts, SOURCES, ACTUAL)
        self.promises = Promises()
        self.mirror = Mirror(self.desk.kit, Policy(ACTUAL), SOURCES, unsigned)
        self.record([fact(PERSON_ENROLLED, "zoe", Enrolled((Role.DUTY_OFFICER,)))])

    def record(self, facts: list[Fact]) -> list[Fact]:
        before = len(self.entries)
        super().record(facts)
        for entry in self.entries[before:]:
            for follower in (self.watch, self.promises) if hasattr(self, "promises") else ():
                follower.apply(entry)
        return facts

    def tick(self) -> list[Fact]:
        return self.record([*self.watch.due(self.desk.people, self.at), *self.promises.due(self.at)])


def alert(ends_in: int = 30) -> Owned:
    return Owned("e.1", "e", 1, "act", "dan", "zoe", AT + ends_in * MINUTE)


@pytest.mark.parametrize(
    ("minutes", "answered", "called"),
    [
        (11, False, []),
        (10, False, ["dan"]),
        (5, False, ["dan", "dan", "zoe"]),
        (5, True, ["dan"]),
        (1, False, ["dan", "dan", "zoe", "dan", "zoe"]),
        (1, True, ["dan", "dan", "zoe"]),
        (0, False, []),
    ],
)
def test_owner_and_deputy_are_called_before_the_end(minutes: int, answered: bool, called: list[str]) -> None:
    """Ten minutes before the owner, five minutes before the deputy too, one minute before both whoever answered."""
    one = alert()
    names = frozenset({"e.1"}) if answered else frozenset()
    assert [page.person for page in due_pages([one], names, one.ends - minutes * MINUTE)] == called


@given(st.lists(st.integers(-40, 5), min_size=1, max_size=12))
def test_each_call_is_made_once_whenever_somebody_looks(minutes: list[int]) -> None:
    """However often and in whatever rhythm the watch is asked, no call is made twice."""
    seen: set[str] = set()
    for minute in sorted(minutes):
        pages = due_pages([alert(0)], frozenset(), AT + minute * MINUTE)
        fresh = [page.id for page in pages if page.id not in seen]
        assert len(set(fresh)) == len(fresh)
        seen |= set(fresh)
    assert len(seen) <= 5


def test_an_alert_that_nobody_minds_is_recorded_once() -> None:
    """Calls at ten, five and one, then "unattended"; an update in time starts anew; an ending ends the calls."""
    office = Watched()
    first = office.publish_all(phase="act", deputy="zoe", ends=AT + timedelta(minutes=30))
    office.at = AT + timedelta(minutes=21)
    pages = [item.subject for item in office.tick()]
    assert pages == [f"{first.identifier}/1/dan"]
    assert office.tick() == []
    office.record(office.watch.answer(pages[0], "dan", office.desk.people, office.at))
    assert office.watch.unanswered() == []
    office.at = AT + timedelta(minutes=25, seconds=30)
    assert office.tick() == []
    office.at = AT + timedelta(minutes=29, seconds=30)
    assert [item.kind for item in office.tick()] == [PAGE_DUE, PAGE_DUE]
    office.at = AT + timedelta(minutes=31)
    assert [item.kind for item in office.tick()] == [ALERT_UNATTENDED]
    assert office.tick() == []


def test_a_promise_is_kept_by_the_next_word_and_missed_without() -> None:
    """ "Next update by" is in the text and is watched; the next word in time keeps it, silence is said once."""
    office = Watched()
    first = office.publish_all(phase="act", next_update_by=AT + timedelta(minutes=30))
    assert PROMISE_MADE in [entry.kind for entry in office.entries]
    assert "Next update by 09:00 Kyiv time" in first.cap
    assert [item.by for _, item in office.promises.open()] == [AT + timedelta(minutes=30)]
    office.at = AT + timedelta(minutes=31)
    assert PROMISE_MISSED in [item.kind for item in office.tick()]
    assert [(item.kind, item.subject.rpartition("/")[2]) for item in office.tick()] == [(PAGE_DUE, "dan")]
    assert office.tick() == []
    assert office.promises.missed == [(first.event_id, AT + timedelta(minutes=30))]
    second = Watched()
    first = second.publish_all(phase="act", next_update_by=AT + timedelta(minutes=30))
    second.at = AT + timedelta(minutes=20)
    second.record(second.desk.begin_update("d2", "ann", first.identifier, second.at, "hold"))
    second.record(second.desk.propose("d2", "ann", second.at))
    second.publish("d2")
    assert second.promises.kept == [(first.event_id, AT + timedelta(minutes=30))]
    assert second.promises.open() == []


def heard(office: Watched, source: str, phase: str) -> str:
    """A CAP warning of a source, as the mirror leaves it for a person."""
    from tocsin.cap.xml import write

    content = replace(office.content(phase), event_id="x")
    message = replace(office.desk.compiled(content).alert, sent=office.at)
    data = write(message)
    report = Report(report_id(source, data), source, CAP_XML, data, office.at, office.at)
    body = fact(REPORT_RECEIVED, report.id, report)
    office.record([body])
    office.record(office.mirror.facts([link(body, 1, office.at, bytes(32))], office.at))
    return report.id


def test_an_official_warning_that_nobody_decides_on_is_called_about() -> None:
    """After ten minutes the duty officer, after fifteen the next; a decision, with its reason, ends it (F12)."""
    office = Watched()
    report = heard(office, "met", "act")
    heard(office, "news", "act")
    assert [one.report for one in office.watch.undecided()] == [report]
    office.at = AT + timedelta(minutes=9, seconds=59)
    assert office.tick() == []
    office.at = AT + timedelta(minutes=10)
    assert [item.subject for item in office.tick()] == [f"report/{report}/1/dan"]
    office.at = AT + timedelta(minutes=15)
    assert [item.subject for item in office.tick()] == [f"report/{report}/2/zoe"]
    office.record(office.watch.decide(report, Decided("ann", "not our area"), office.desk.people, office.at))
    assert office.watch.undecided() == []
    with pytest.raises(NotAllowedError):
        office.watch.decide(report, Decided("eve", "x"), office.desk.people, office.at)


def test_a_handover_lists_what_is_open_and_promises_must_be_taken_over() -> None:
    """Alerts, promises, drafts, keys that end and silent sources; without acknowledging each promise nobody signs off."""
    office = Watched()
    first = office.publish_all(phase="act")
    office.record(office.desk.begin("d2", "ann", office.content(), AT))
    keys = [KeyEnd("actual-1", AT + timedelta(days=7)), KeyEnd("actual-2", AT + timedelta(days=300))]
    found = listed(office.watch, office.promises, office.desk.drafts, office.desk.people, AT, keys=keys, stale=["met"])
    assert [one.identifier for one in found.alerts] == [first.identifier]
    assert ([one for one, _ in found.promises], found.drafts, found.stale) == ([first.identifier], ("d2",), ("met",))
    assert [key.name for key in found.keys] == ["actual-1"]
    assert not found.nothing
    people = office.desk.people
    with pytest.raises(IllegalStepError, match="acknowledge"):
        sign_off(found, "dan", "zoe", (), people, AT)
    for person, to in (("dan", "dan"), ("ann", "zoe"), ("dan", "eve")):
        with pytest.raises(NotAllowedError):
            sign_off(found, person, to, (first.identifier,), people, AT)
    with pytest.raises(IllegalStepError, match="old"):
        sign_off(found, "dan", "zoe", (first.identifier,), people, AT + timedelta(hours=1))
    (signed,) = sign_off(found, "dan", "zoe", (first.identifier,), people, AT)
    assert (signed.kind, signed.subject) == (HANDOVER_SIGNED, found.digest)
    body = link(signed, 1, AT, bytes(32)).read(Signed)
    assert accept(found.digest, body, "zoe", people, AT)
    with pytest.raises(NotAllowedError):
        accept(found.digest, body, "dan", people, AT)

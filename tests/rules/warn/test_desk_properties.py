"""What holds of the desk whatever anybody tries: realms, transitions, identity, retraction, the hash."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.rules.warn.test_desk import AT, MINUTE, Office, unsigned
from tests.rules.warn.test_guard import Guarded
from tocsin.cap.phase import CALM, LEGAL, Phase, says
from tocsin.cap.realm import realm
from tocsin.cap.xml import read
from tocsin.errors import TocsinError
from tocsin.journal import ACTUAL, EXERCISE, Entry, fact, link
from tocsin.place.gazetteer import Gazetteer
from tocsin.warn.approval import Vote
from tocsin.warn.compile import digest
from tocsin.warn.draft import Extra, Where
from tocsin.warn.hazard import hazards
from tocsin.warn.person import PERSON_ENROLLED, Enrolled, Role
from tocsin.warn.phrase import book
from tocsin.warn.publish import ALERT_PUBLISHED, WARNS, Published
from tocsin.warn.situation import Situation

MORNING = AT + timedelta(hours=3)

PAYLOADS = [
    "Actual",
    "<status>Actual</status>",
    "</description></info><status>Actual</status><info><description>",
    "]]><status>Actual</status><![CDATA[",
    "&lt;status&gt;Actual&lt;/status&gt;",
    "status=Actual\nscope=Public",
    "This is not an exercise. This is not a test.",
    "REAL ALERT, not a drill",
    "\u202eлаутка\u202c",
    "Actual\x00",
    '"/><parameter><valueName>tocsin:phase</valueName><value>act</value></parameter>',
    "НЕ НАВЧАННЯ. KEINE ÜBUNG.",
]
FIELDS: dict[str, Any] = {
    "text": lambda p: {"extra": {"en": Extra(p, "ann")}},
    "text in every language": lambda p: {"extra": {tag: Extra(p, "ann") for tag in ("en", "uk", "de", "fr")}},
    "name of the area": lambda p: {"where": Where(codes=("UA-30",), name=dict.fromkeys(("en", "uk", "de", "fr"), p))},
    "audience": lambda p: {"audience": p},
    "role": lambda p: {"audience": f"role:{p}"},
    "event": lambda p: {"event_id": p},
    "incident": lambda p: {"incidents": (p,)},
    "hazard": lambda p: {"hazard": p},
    "phase": lambda p: {"phase": p},
    "facility": lambda p: {"facility": p},
    "owner": lambda p: {"owner": p},
    "twin": lambda p: {"twin": p, "supersedes": p, "reasons": {p: p}},
}
HOSTILE = [(field, number) for field in FIELDS for number in range(len(PAYLOADS))]


def go(office: Office, name: str = "d1", person: str = "ann", **changes: Any) -> list[Published]:
    """Try to bring this out; what was published, whatever refused the rest."""
    try:
        office.record(office.desk.begin(name, person, office.content(**{"phase": "act", **changes}), office.at))
        office.record(office.desk.propose(name, person, office.at))
        office.approve(name)
        office.publish(name, person)
    except TocsinError:
        pass
    return [entry.read(Published) for entry in office.entries if entry.kind == ALERT_PUBLISHED]


def test_there_are_a_hundred_hostile_ways() -> None:
    """Every field with every payload."""
    assert len(HOSTILE) >= 100


@pytest.mark.parametrize(("field", "number"), HOSTILE)
@pytest.mark.parametrize("office_of", [Office, Guarded], ids=["bare", "guarded"])
def test_no_content_makes_an_actual_alert_of_an_exercise(office_of: type[Office], field: str, number: int) -> None:
    """Whatever stands in whichever field: what leaves the exercise realm is an exercise to every machine and reader."""
    office = office_of(EXERCISE)
    office.at = MORNING
    for done in go(office, **FIELDS[field](PAYLOADS[number])):
        for text in (done.cap, done.retraction):
            if not text:
                continue
            (alert,) = read(text.encode()).alerts
            assert alert.status == "Exercise"
            assert realm(alert) == EXERCISE
            for info in alert.infos:
                word = book().exercise(info.language)
                assert info.headline.startswith(word)
                assert info.event.startswith(word)
                assert (info.parameter("tocsin:short") or "").startswith(word)
    assert {entry.realm for entry in office.entries if not entry.kind.startswith("person:")} <= {EXERCISE}


def practised() -> Office:
    """An exercise that went all its way."""
    office = Office(EXERCISE)
    office.at = MORNING
    go(office, phase="act")
    return office


@pytest.mark.parametrize("relabelled", [False, True])
def test_no_replay_of_an_exercise_publishes_in_earnest(relabelled: bool) -> None:
    """Any beginning of an exercise's journal, also with its realm rewritten: the actual desk signs nothing of it."""
    entries = practised().entries
    for upto in range(len(entries) + 1):
        office = Office(ACTUAL)
        office.at = MORNING
        for entry in entries[:upto]:
            to = ACTUAL if relabelled else entry.realm
            office.desk.apply(
                link(fact(entry.kind, entry.subject, msgspec.Raw(entry.body), to), 1, entry.at, bytes(32))
            )
        for person in ("ann", "dan"):
            with pytest.raises(TocsinError):
                office.desk.publish("d1", person, office.at, unsigned, office.at)


def test_an_exercise_in_the_journal_changes_nothing_in_earnest() -> None:
    """Its alert neither stands nor can be updated or taken back from the actual desk, and no person comes with it."""
    office = Office(ACTUAL)
    before = [entry for entry in practised().entries if entry.realm == EXERCISE]
    for entry in before:
        office.desk.apply(entry)
    (identifier,) = [entry.subject for entry in before if entry.kind == ALERT_PUBLISHED]
    with pytest.raises(TocsinError):
        office.desk.standing(identifier)
    stranger = link(fact(PERSON_ENROLLED, "mallory", Enrolled((Role.APPROVER,)), EXERCISE), 1, AT, bytes(32))
    office.desk.apply(stranger)
    assert "mallory" not in office.desk.people.approvers(AT)
    situation = Situation(Gazetteer.world(), ACTUAL, {})
    for entry in before:
        situation.apply(entry)
    assert situation.live(MORNING) == []


PHASES = ["prepare", "act", "hold", "all-clear", "retracted"]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from(PHASES), min_size=1, max_size=6))
def test_no_illegal_step_is_ever_published(phases: list[str]) -> None:
    """Whatever is asked for in whatever order, each message of an event may follow the one before it."""
    office = Office()
    stands: Published | None = None
    for number, phase in enumerate(phases):
        office.at += 11 * MINUTE
        name = f"d{number}"
        try:
            if phase == "retracted":
                if stands is None:
                    continue
                office.record(office.desk.retract(name, stands.identifier, "dan", office.at, unsigned, office.at))
            else:
                begun = (
                    office.desk.begin(name, "ann", office.content(phase), office.at)
                    if stands is None
                    else office.desk.begin_update(name, "ann", stands.identifier, office.at, phase)
                )
                office.record(begun)
                office.record(office.desk.propose(name, "ann", office.at))
            office.approve(name)
            stands = office.publish(name, "dan")
        except TocsinError:
            continue
    done = [entry.read(Published) for entry in office.entries if entry.kind == ALERT_PUBLISHED]
    before: Phase = CALM
    for number, one in enumerate(done, 1):
        assert Phase(one.phase) in LEGAL[before]
        assert one.version == number
        assert one.event_id == done[0].event_id
        (alert,) = read(one.cap.encode()).alerts
        assert says(alert) == one.phase
        assert [reference.identifier for reference in alert.references] == [
            one.identifier for one in done[number - 2 : number - 1]
        ]
        before = Phase(one.phase)


WORDED = [
    (name, phase) for name in hazards() for phase in book().phases(name) if phase not in ("retracted", "all-clear")
]


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(WORDED),
    st.sampled_from(["everyone", "citizens", "staff", "role:warden"]),
    st.sampled_from(["", "closed", "limited", "open"]),
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn")), max_size=40),
    st.sampled_from([("UA-30",), ("UA-32", "UA-30"), ("DE-BE",)]),
)
def test_what_was_approved_is_what_is_signed_and_can_be_taken_back(
    worded: tuple[str, str], audience: str, facility: str, text: str, codes: tuple[str, ...]
) -> None:
    """For any content that can be published: the digest approved is that of the bytes signed, and the retraction is
    armed, refers to them, is in every language and for the whole area, and says first that people are safe."""
    office = Office()
    hazard, phase = worded
    extra = {"en": Extra(text, "ann")} if text.strip() else {}
    (done,) = go(
        office, hazard=hazard, phase=phase, audience=audience, facility=facility, extra=extra, where=Where(codes=codes)
    )
    approved = office.desk.draft("d1").digest
    alert, retraction = (replace(read(one.encode()).alerts[0], original=None) for one in (done.cap, done.retraction))
    assert digest(alert, retraction) == approved
    assert Phase(done.phase) in WARNS
    (reference,) = retraction.references
    assert (reference.sender, reference.identifier) == (alert.sender, alert.identifier)
    assert alert.sent is not None
    assert [info.language for info in retraction.infos] == [info.language for info in alert.infos]
    assert {c for info in retraction.infos for a in info.areas for c in a.geocodes} == {
        c for info in alert.infos for a in info.areas for c in a.geocodes
    }
    assert alert.scope == retraction.scope
    assert "you are safe" in retraction.infos[0].headline
    facts = office.desk.retract("r", done.identifier, "dan", office.at, unsigned, office.at)
    assert facts


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(["prepare", "act", "hold"]),
    st.sampled_from([10_000, 3_000_000, None]),
    st.booleans(),
    st.booleans(),
    st.lists(st.tuples(st.sampled_from(["ann", "ben", "cem", "dan", "eve", "fay"]), st.booleans()), max_size=4),
)
def test_the_approval_table_holds_at_the_desk(
    phase: str, people: int | None, free: bool, country: bool, votes: list[tuple[str, bool]]
) -> None:
    """What leaves had as many different, present and allowed persons behind its digest as its row asks for."""
    office = Office(people=people)
    changes: dict[str, Any] = {"where": Where(codes=("UA",))} if country else {}
    if free:
        changes["extra"] = {"en": Extra("Bring water.", "ann")}
    draft = office.propose(phase=phase, **changes)
    wide = people is None or people > 500_000 or country
    needs = {"prepare": 2, "hold": 2 if free else 1, "act": 2 if wide or free else 1}
    for person, fresh in votes:
        try:
            office.record(
                office.desk.vote("d1", Vote(person, True, draft.digest, office.at, office.at if fresh else None))
            )
        except TocsinError:
            continue
    agreed = {person for person, fresh in votes if fresh and person in ("ben", "cem")}
    try:
        office.publish()
    except TocsinError:
        assert 1 + len(agreed) < needs[phase]
    else:
        assert 1 + len(agreed) >= needs[phase]


def test_nothing_published_can_be_changed_by_any_later_fact() -> None:
    """Identity, time and bytes of a published alert are the journal's: doubled and altered facts change none of them."""
    office = Office()
    (done,) = go(office)
    for changes in ({"version": 1, "cap": "<x/>"}, {"identifier": done.identifier, "phase": "all-clear"}):
        forged: Entry = link(fact(ALERT_PUBLISHED, done.identifier, replace(done, **changes)), 9, office.at, bytes(32))
        office.desk.apply(forged)
        assert office.desk.standing(done.identifier) == done

"""From first words to a signed alert and back: the steps, and what each refuses."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tocsin.cap.phase import Phase, says
from tocsin.cap.xml import read, write
from tocsin.errors import GeometryError, IllegalStepError, NotAllowedError, NotFoundError
from tocsin.journal import ACTUAL, EXERCISE, Entry, Fact, fact, link
from tocsin.place.gazetteer import Gazetteer
from tocsin.warn.approval import BreakGlass, Vote, default
from tocsin.warn.board import REVIEW_DUE
from tocsin.warn.compile import Issuer, Kit
from tocsin.warn.desk import Desk
from tocsin.warn.draft import DRAFT_PUBLISHED, Content, Draft, Drafts, DraftState, Extra, Where
from tocsin.warn.person import PERSON_ENROLLED, Enrolled, People, Role
from tocsin.warn.phrase import book
from tocsin.warn.publish import ALERT_PUBLISHED, Published

AT = datetime(2024, 11, 20, 6, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def unsigned(message: bytes, at: datetime) -> bytes:
    """A signature that changes nothing: whether it verifies is test_signature's question."""
    return message


class Office:
    """A desk with its journal: every step is recorded and told back, as the program does it."""

    def __init__(self, realm: str = ACTUAL, people: int | None = 10_000) -> None:
        issuer = Issuer("kyiv@embassy.example", "Embassy in Kyiv", realm, ("en", "uk", "de", "fr"))
        self.desk = Desk(
            Kit(Gazetteer.world(), book(), issuer), default(), People(), Drafts(), census=lambda where: people
        )
        self.entries: list[Entry] = []
        self.at = AT
        for name, role in {
            "ann": Role.AUTHOR,
            "ben": Role.APPROVER,
            "cem": Role.APPROVER,
            "dan": Role.DUTY_OFFICER,
            "eve": Role.AUDITOR,
            "fay": Role.ADMINISTRATOR,
        }.items():
            self.record([fact(PERSON_ENROLLED, name, Enrolled((role,)))])

    def record(self, facts: list[Fact]) -> list[Fact]:
        for item in facts:
            entry = link(item, len(self.entries) + 1, self.at, bytes(32))
            self.entries.append(entry)
            self.desk.apply(entry)
        return facts

    def content(self, phase: str = "prepare", **changes: Any) -> Content:
        base = Content(
            phase=phase,
            hazard="air",
            where=Where(codes=("UA-30",)),
            owner="dan",
            starts=AT,
            ends=AT + timedelta(hours=15),
            next_update_by=AT + timedelta(hours=4),
        )
        return replace(base, **changes)

    def propose(self, name: str = "d1", phase: str = "prepare", person: str = "ann", **changes: Any) -> Draft:
        self.record(self.desk.begin(name, person, self.content(phase, **changes), self.at))
        self.record(self.desk.propose(name, person, self.at))
        return self.desk.draft(name)

    def approve(self, name: str = "d1", person: str = "ben") -> None:
        self.record(self.desk.vote(name, Vote(person, True, self.desk.draft(name).digest, self.at, self.at)))

    def publish(self, name: str = "d1", person: str = "ann") -> Published:
        facts = self.record(self.desk.publish(name, person, self.at, unsigned, self.at))
        return alert_in(facts)

    def publish_all(self, name: str = "d1", phase: str = "prepare", **changes: Any) -> Published:
        self.propose(name, phase, **changes)
        self.approve(name)
        return self.publish(name)


def alert_in(facts: list[Fact]) -> Published:
    """The published alert among these facts."""
    (found,) = [item for item in facts if item.kind == ALERT_PUBLISHED]
    return msgspec.json.decode(found.body, type=Published)


@pytest.fixture
def office() -> Office:
    """A fresh office in the actual realm."""
    return Office()


def test_two_persons_bring_a_warning_out(office: Office) -> None:
    """Written by one, approved by another: what leaves is valid CAP in every language, with its retraction beside it."""
    done = office.publish_all()
    (alert,) = read(done.cap.encode()).alerts
    assert (alert.status, alert.msg_type, alert.scope, says(alert)) == ("Actual", "Alert", "Public", Phase.PREPARE)
    assert [info.language for info in alert.infos] == ["en", "uk", "de", "fr"]
    (retraction,) = read(done.retraction.encode()).alerts
    assert (retraction.msg_type, says(retraction)) == ("Cancel", Phase.RETRACTED)
    assert retraction.references[0].identifier == alert.identifier
    assert len(retraction.infos) == 4
    assert retraction.infos[0].description.startswith("You are safe.")


def test_one_person_alone_publishes_no_prepare(office: Office) -> None:
    """Without a second person a proposal stays a proposal."""
    office.propose()
    with pytest.raises(IllegalStepError):
        office.publish()


def test_the_author_cannot_approve(office: Office) -> None:
    """Nobody approves their own draft; an auditor and an administrator approve nothing at all."""
    office.propose()
    for person in ("ann", "eve", "fay", "dan", "nobody"):
        with pytest.raises(NotAllowedError):
            office.approve(person=person)


def test_act_by_template_in_a_usual_area_needs_one_present_person(office: Office) -> None:
    """Who is there may warn at once; without a fresh proof of presence not even that."""
    office.propose(phase="act", person="dan")
    with pytest.raises(NotAllowedError):
        office.desk.publish("d1", "dan", None, unsigned, AT)
    with pytest.raises(NotAllowedError):
        office.desk.publish("d1", "dan", AT - 6 * MINUTE, unsigned, AT)
    with pytest.raises(NotAllowedError):
        office.desk.publish("d1", "dan", AT + MINUTE, unsigned, AT)
    assert office.publish(person="dan").phase == "act"


@pytest.mark.parametrize(
    ("people", "changes"),
    [
        (None, {}),
        (3_000_000, {}),
        (10_000, {"where": Where(codes=("UA",))}),
        (10_000, {"extra": {"en": Extra("Bring water.", "ann")}}),
    ],
    ids=["unknown number", "millions", "whole country", "free text"],
)
def test_a_wide_act_needs_two(people: int | None, changes: dict[str, Any]) -> None:
    """Very many people, a number nobody knows, a whole country or free text: never by one person alone."""
    office = Office(people=people)
    office.propose(phase="act", person="dan", **changes)
    with pytest.raises(IllegalStepError):
        office.publish(person="dan")
    office.approve()
    assert office.publish(person="dan").phase == "act"


CHANGES: list[Callable[[Content], Content]] = [
    lambda c: replace(c, ends=AT + timedelta(hours=16)),
    lambda c: replace(c, where=Where(codes=("UA-32",))),
    lambda c: replace(c, extra={"en": Extra("x", "ann")}),
    lambda c: replace(c, audience="staff"),
    lambda c: replace(c, next_update_by=AT + timedelta(hours=5)),
    lambda c: replace(c, hazard="chemical", phase="act"),
    lambda c: replace(c, incidents=("i1",)),
]


@pytest.mark.parametrize("change", CHANGES)
def test_any_change_after_approval_voids_it(office: Office, change: Callable[[Content], Content]) -> None:
    """Whatever is changed, the votes are gone and publishing needs a new approval of the new digest."""
    office.propose()
    office.approve()
    before = office.desk.draft("d1").digest
    office.record(office.desk.change("d1", "ann", change(office.desk.draft("d1").content), AT))
    with pytest.raises(IllegalStepError):
        office.publish()
    office.record(office.desk.propose("d1", "ann", AT))
    assert office.desk.draft("d1").digest != before
    with pytest.raises(IllegalStepError):
        office.record(office.desk.vote("d1", Vote("ben", True, before, AT, AT)))


def test_words_that_change_under_an_approval_stop_it(office: Office) -> None:
    """A phrase altered between approval and publication ("yn Vogel", F7) publishes nothing."""
    office.propose()
    office.approve()
    kit = office.desk.kit
    office.desk.kit = kit._replace(issuer=replace(kit.issuer, sender_name="Embassy in Kyjv"))
    with pytest.raises(IllegalStepError, match="not what was approved"):
        office.publish()


def test_the_hash_approved_is_the_hash_of_what_leaves(office: Office) -> None:
    """What is published, with ``sent`` taken out again, has exactly the digest that was approved."""
    from tocsin.warn.compile import digest

    office.propose()
    office.approve()
    approved = office.desk.draft("d1").digest
    done = office.publish()
    alert, retraction = (replace(read(text.encode()).alerts[0], original=None) for text in (done.cap, done.retraction))
    assert digest(alert, retraction) == approved
    again = write(replace(alert, sent=AT)).decode()
    assert again == write(read(again.encode()).alerts[0]).decode()


def test_identity_and_time_are_frozen(office: Office) -> None:
    """Once published, nothing about a draft can be changed, proposed, approved or published again."""
    office.publish_all()
    for act in (
        lambda: office.desk.change("d1", "ann", office.content("act"), AT),
        lambda: office.desk.propose("d1", "ann", AT),
        lambda: office.publish(),
        lambda: office.desk.withdraw("d1", "ann", AT),
    ):
        with pytest.raises(IllegalStepError):
            act()


def test_an_update_keeps_the_event_and_names_what_it_updates(office: Office) -> None:
    """The event's id stays, the version grows, and the reference names the exact message before it."""
    first = office.publish_all(phase="act")
    office.at += 30 * MINUTE
    later = office.content("hold", event_id=first.event_id, version=2, supersedes=first.identifier)
    office.record(office.desk.begin("d2", "ann", later, office.at))
    office.record(office.desk.propose("d2", "ann", office.at))
    second = office.publish("d2")
    (alert,) = read(second.cap.encode()).alerts
    assert (second.event_id, second.version, alert.msg_type) == (first.event_id, 2, "Update")
    (first_alert,) = read(first.cap.encode()).alerts
    assert first_alert.sent is not None
    assert alert.references[0].identifier == first.identifier
    assert datetime.fromisoformat(alert.references[0].sent) == first_alert.sent
    stale = office.content("hold", event_id=first.event_id, version=2, supersedes=first.identifier)
    office.record(office.desk.begin("d3", "ann", stale, office.at))
    with pytest.raises(IllegalStepError, match="not the newest"):
        office.desk.propose("d3", "ann", office.at)


def test_all_clear_needs_two(office: Office) -> None:
    """A wrong all-clear kills: whoever warned alone does not clear alone."""
    first = office.publish_all(phase="act")
    clear = office.content("all-clear", event_id=first.event_id, version=2, supersedes=first.identifier)
    office.record(office.desk.begin("d2", "ann", clear, AT))
    office.record(office.desk.propose("d2", "ann", AT))
    with pytest.raises(IllegalStepError):
        office.publish("d2")
    office.approve("d2")
    done = office.publish("d2")
    assert done.phase == "all-clear"
    assert done.retraction == ""


def test_a_mistake_is_taken_back_in_one_step(office: Office) -> None:
    """Whoever published by mistake takes it back alone within ten minutes; it says first that people are safe."""
    office.propose(phase="act", person="dan")
    mistake = office.publish(person="dan")
    office.at += 2 * MINUTE
    facts = office.record(office.desk.retract("r1", mistake.identifier, "dan", office.at, unsigned, office.at))
    done = alert_in(facts)
    assert (done.phase, done.version, done.event_id) == ("retracted", 2, mistake.event_id)
    assert done.areas == mistake.areas
    (alert,) = read(done.cap.encode()).alerts
    assert "Issued in error" in alert.note
    assert alert.infos[0].headline == "Kyiv City: you are safe. The air alert was a false alarm."
    draft = office.desk.draft("r1")
    assert draft.state is DraftState.PUBLISHED
    with pytest.raises(IllegalStepError):
        office.desk.retract("r2", mistake.identifier, "dan", office.at, unsigned, office.at)


def test_an_old_or_foreign_alert_is_taken_back_by_two(office: Office) -> None:
    """After ten minutes, or for somebody else's alert, retraction is proposed and needs a second person."""
    office.propose(phase="act", person="dan")
    alert = office.publish(person="dan")
    office.at += 11 * MINUTE
    facts = office.record(office.desk.retract("r1", alert.identifier, "dan", office.at, unsigned, office.at))
    assert not [item for item in facts if item.kind in (ALERT_PUBLISHED, DRAFT_PUBLISHED)]
    with pytest.raises(IllegalStepError):
        office.publish("r1", "dan")
    office.approve("r1")
    assert office.publish("r1", "dan").phase == "retracted"


def test_break_glass_leaves_a_review(office: Office) -> None:
    """When nobody answers, a duty officer goes on alone after ten minutes, and a review is due."""
    office.propose()
    office.at += 11 * MINUTE
    glass = BreakGlass("dan", "nobody answers", ("UA-30",), office.at, office.at)
    facts = office.record(office.desk.break_glass("d1", glass))
    assert [item.kind for item in facts][-1] == REVIEW_DUE
    assert office.publish(person="dan").phase == "prepare"


@pytest.mark.parametrize(
    "gap",
    [
        {"where": Where()},
        {"owner": ""},
        {"ends": None},
        {"starts": None},
        {"hazard": ""},
        {"phase": ""},
        {"ends": AT},
        {"phase": "calm"},
        {"phase": "retracted"},
    ],
)
def test_what_lacks_something_is_never_proposed(office: Office, gap: dict[str, Any]) -> None:
    """No area, no owner, no end, no phase: nothing is filled in, least of all with the whole country (F4)."""
    office.record(office.desk.begin("d1", "ann", office.content(**gap), AT))
    with pytest.raises((IllegalStepError, GeometryError)):
        office.desk.propose("d1", "ann", AT)


@pytest.mark.parametrize(
    "polygon",
    [
        "",
        "50.4,30.5",
        "50.4,30.5 50.5,30.5 50.5,30.6",
        "95,30 96,30 96,31 95,30",
        "a,b c,d e,f a,b",
        "50.4,30.5 50.5,30.5 50.5,30.6 50.4,30.6",
    ],
)
def test_a_drawn_area_that_cannot_be_read_fails_closed(office: Office, polygon: str) -> None:
    """A missing, short, open or impossible polygon stops the draft instead of widening it."""
    office.record(
        office.desk.begin("d1", "ann", office.content(where=Where(polygons=(polygon,), name={"en": "x"})), AT)
    )
    with pytest.raises(GeometryError):
        office.desk.propose("d1", "ann", AT)


def test_an_exercise_never_leaves_as_actual() -> None:
    """In the exercise realm every language of every field that a machine reads says so, also in the retraction."""
    office = Office(EXERCISE)
    office.at = AT + timedelta(hours=3)
    done = office.publish_all()
    for text in (done.cap, done.retraction):
        (alert,) = read(text.encode()).alerts
        assert alert.status == "Exercise"
        for info, word in zip(alert.infos, ("EXERCISE", "НАВЧАННЯ", "ÜBUNG", "EXERCICE"), strict=True):
            assert info.headline.startswith(word)
            assert info.event.startswith(word)
            assert info.description.startswith(word)
            assert word in alert.note


def test_no_public_exercise_at_night() -> None:
    """A test at 04:45 local time is refused (F26)."""
    office = Office(EXERCISE)
    office.at = datetime(2024, 11, 21, 2, 45, tzinfo=UTC)
    office.record(office.desk.begin("d1", "ann", office.content(), office.at))
    with pytest.raises(IllegalStepError, match="night"):
        office.desk.propose("d1", "ann", office.at)


def test_what_is_not_there_is_not_found(office: Office) -> None:
    """An unknown draft or alert is said to be unknown."""
    with pytest.raises(NotFoundError):
        office.desk.draft("x")
    with pytest.raises(NotFoundError):
        office.desk.retract("r", "x", "dan", AT, unsigned, AT)


STEPS = [
    "change",
    "propose",
    "approve-ben",
    "approve-ann",
    "approve-dan",
    "reject",
    "publish-ann",
    "publish-dan",
    "publish-ben",
    "glass",
    "withdraw",
    "wait",
]


@given(st.lists(st.sampled_from(STEPS), max_size=14))
def test_no_order_of_steps_publishes_what_two_have_not_agreed_on(steps: list[str]) -> None:
    """Whatever is tried in whatever order: a published prepare had another's vote on its digest, or broken glass."""
    office = Office()
    office.record(office.desk.begin("d1", "ann", office.content(), AT))
    changes = 0
    for step in steps:
        draft = office.desk.draft("d1")
        try:
            match step.split("-"):
                case ["change"]:
                    changes += 1
                    office.record(
                        office.desk.change(
                            "d1", "ann", office.content(ends=AT + timedelta(hours=15 + changes)), office.at
                        )
                    )
                case ["propose"]:
                    office.record(office.desk.propose("d1", "ann", office.at))
                case ["approve", person]:
                    office.approve(person=person)
                case ["reject"]:
                    office.record(office.desk.vote("d1", Vote("ben", False, draft.digest, office.at, office.at, "no")))
                case ["publish", person]:
                    office.publish(person=person)
                    votes = [
                        vote
                        for vote in draft.votes
                        if vote.approve and vote.person != "ann" and vote.digest == draft.digest
                    ]
                    assert votes or draft.broken_by == "dan"
                case ["glass"]:
                    office.record(
                        office.desk.break_glass("d1", BreakGlass("dan", "x", ("UA-30",), office.at, office.at))
                    )
                case ["withdraw"]:
                    office.record(office.desk.withdraw("d1", "ann", office.at))
                case ["wait"]:
                    office.at += 6 * MINUTE
        except (IllegalStepError, NotAllowedError):
            continue
    assert sum(entry.kind == ALERT_PUBLISHED for entry in office.entries) <= 1

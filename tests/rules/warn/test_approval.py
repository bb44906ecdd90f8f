"""Two persons: which rule holds, and whose word counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.errors import IllegalStepError, NotAllowedError, SettingsError
from tocsin.journal import fact, link
from tocsin.warn.approval import (
    BreakGlass,
    Case,
    Purpose,
    State,
    Vote,
    check_break_glass,
    default,
    progress,
    read,
    rule_for,
)
from tocsin.warn.person import PERSON_ENROLLED, Enrolled, People, Role

AT = datetime(2024, 11, 20, 6, tzinfo=UTC)
POLICY = default()
TABLE = """version = 1
wide_people = 1
retract_alone_minutes = 1
fresh_minutes = 1
quiet = ["22:00", "07:00"]
""" + "".join(
    f'[[rule]]\nname = "{row.name}"\npersons = {row.persons}\nbreak_glass = {row.break_glass}\nsays = "x"\n'
    for row in POLICY.rule
)


def staff(**roles: Role) -> People:
    """People with these ids, one role each."""
    return People(
        link(fact(PERSON_ENROLLED, name, Enrolled((role,))), number, AT - timedelta(days=1), bytes(32))
        for number, (name, role) in enumerate(roles.items(), 1)
    )


TEAM = staff(ann=Role.AUTHOR, ben=Role.APPROVER, cem=Role.APPROVER, dan=Role.DUTY_OFFICER, eve=Role.AUDITOR)


def vote(
    person: str = "ben",
    digest: str = "d",
    approve: bool = True,
    fresh: timedelta | None = timedelta(0),
    at: datetime = AT,
) -> Vote:
    """A vote, by default one that counts."""
    return Vote(person, approve, digest, at, None if fresh is None else at - fresh)


def standing(
    *votes: Vote, rule: str = "prepare", author: str = "ann", at: datetime = AT, people: People = TEAM
) -> State:
    """Where the approval of digest ``d`` stands."""
    return progress(POLICY.named(rule), POLICY, people, author, "d", AT, votes, at).state


@pytest.mark.parametrize(
    ("case", "rule"),
    [
        (Case(Purpose.ISSUE, "act", people=10_000), "act-by-template"),
        (Case(Purpose.ISSUE, "act", people=10_000, template=False), "act-wide"),
        (Case(Purpose.ISSUE, "act", people=3_000_000), "act-wide"),
        (Case(Purpose.ISSUE, "act", people=None), "act-wide"),
        (Case(Purpose.ISSUE, "act", people=5, whole_country=True), "act-wide"),
        (Case(Purpose.ISSUE, "prepare", people=5), "prepare"),
        (Case(Purpose.UPDATE, "hold", people=3_000_000), "hold"),
        (Case(Purpose.UPDATE, "hold", people=3_000_000, template=False), "act-wide"),
        (Case(Purpose.RETRACT, "act", own=True, age=timedelta(minutes=9)), "retract-own"),
        (Case(Purpose.RETRACT, "act", own=True, age=timedelta(minutes=11)), "retract-other"),
        (Case(Purpose.RETRACT, "act", own=False, age=timedelta(minutes=1)), "retract-other"),
        (Case(Purpose.RETRACT, "act", own=True, source_still_warns=True), "retract-other"),
        (Case(Purpose.ALL_CLEAR, "all-clear"), "all-clear"),
        (Case(Purpose.UPDATE, "all-clear"), "all-clear"),
        (Case(Purpose.ISSUE, "act", exercise=True, people=5), "exercise-public"),
        (Case(Purpose.ISSUE, "act", exercise=True, public=False, people=5), "act-by-template"),
    ],
)
def test_the_table_says_how_many_persons(case: Case, rule: str) -> None:
    """Each kind of act falls under the row that practice asks for."""
    assert rule_for(case, POLICY).name == rule


def test_one_other_person_is_enough_and_needed() -> None:
    """A two-person act waits until one other person, present, has approved exactly this."""
    assert standing() is State.WAITING
    assert standing(vote()) is State.READY


@pytest.mark.parametrize(
    "useless",
    [
        vote("ann"),
        vote(digest="e"),
        vote("eve"),
        vote("dan"),
        vote("nobody"),
        vote(fresh=None),
        vote(fresh=timedelta(minutes=6)),
    ],
    ids=[
        "the author",
        "another text",
        "an auditor",
        "a duty officer",
        "a stranger",
        "no proof of presence",
        "an old proof",
    ],
)
def test_a_vote_that_does_not_count_changes_nothing(useless: Vote) -> None:
    """The author's own, one for another text, by whoever may not, or without presence: none of these approves."""
    assert standing(useless) is State.WAITING
    assert len(progress(POLICY.named("prepare"), POLICY, TEAM, "ann", "d", AT, [useless], AT).passed_over) == 1


def test_the_author_cannot_be_helped_by_a_second_vote_of_theirs() -> None:
    """An approver who writes a draft needs somebody else, however often they vote."""
    assert standing(vote("ben"), vote("ben"), author="ben") is State.WAITING
    assert standing(vote("ben"), vote("cem"), author="ben") is State.READY


def test_one_rejection_stops() -> None:
    """A rejection stops the draft even when somebody approved it."""
    assert standing(vote("ben"), vote("cem", approve=False)) is State.REJECTED


@given(
    st.lists(
        st.builds(
            vote,
            person=st.sampled_from(["ann", "ben", "cem", "dan", "eve", "nobody"]),
            digest=st.sampled_from(["d", "e"]),
            approve=st.booleans(),
            fresh=st.sampled_from([None, timedelta(0), timedelta(minutes=4), timedelta(minutes=6)]),
        ),
        max_size=8,
    ),
    st.sampled_from(["ann", "ben", "cem"]),
)
def test_ready_always_means_another_present_approver_saw_this(votes: list[Vote], author: str) -> None:
    """No sequence of votes makes a two-person act ready without a fresh approval of this digest by another approver."""
    good = any(
        v.person in ("ben", "cem")
        and v.person != author
        and v.digest == "d"
        and v.approve
        and v.fresh is not None
        and v.at - v.fresh <= timedelta(minutes=5)
        for v in votes
    )
    state = standing(*votes, author=author)
    assert (state is State.READY) <= good
    assert (state is State.WAITING) <= (not good)


def test_the_clock_escalates_and_then_offers_break_glass() -> None:
    """Nobody answers: after two minutes the next in line is called, after ten break-glass is offered (prepare)."""
    rule = POLICY.named("prepare")
    found = [progress(rule, POLICY, TEAM, "ann", "d", AT, (), AT + timedelta(seconds=s)) for s in (119, 120, 599, 600)]
    assert [f.escalate_now for f in found] == [False, True, True, True]
    assert [f.break_glass_now for f in found] == [False, False, False, True]
    answered = progress(rule, POLICY, TEAM, "ann", "d", AT, [vote()], AT + timedelta(seconds=700))
    assert not answered.escalate_now
    assert not answered.break_glass_now


def test_break_glass_is_bounded() -> None:
    """Alone: a named duty officer, present, template text, a named area, not a country, not too early, with a reason."""
    late = AT + timedelta(seconds=700)
    waiting = progress(POLICY.named("prepare"), POLICY, TEAM, "ann", "d", AT, (), late)
    good = BreakGlass("dan", "nobody answers the phone", ("UA-30",), late, late)
    bounds = {"template": True, "whole_country": False, "proposed_areas": ("UA-30",)}
    check_break_glass(good, waiting, POLICY, TEAM, **bounds)
    with pytest.raises(NotAllowedError):
        check_break_glass(BreakGlass("ben", "x", ("UA-30",), late, late), waiting, POLICY, TEAM, **bounds)
    for wrong in ({"template": False}, {"whole_country": True}, {"proposed_areas": ("UA-30", "UA-32")}):
        with pytest.raises(IllegalStepError):
            check_break_glass(good, waiting, POLICY, TEAM, **(bounds | wrong))
    for glass in (
        BreakGlass("dan", " ", ("UA-30",), late, late),
        BreakGlass("dan", "x", (), late, late),
        BreakGlass("dan", "x", ("UA-30",), late, None),
        BreakGlass("dan", "x", ("UA-30",), AT + timedelta(seconds=599), AT + timedelta(seconds=599)),
    ):
        with pytest.raises(IllegalStepError):
            check_break_glass(glass, waiting, POLICY, TEAM, **bounds)


@pytest.mark.parametrize("rule", ["all-clear", "retract-other"])
def test_calming_has_no_break_glass(rule: str) -> None:
    """One person alone can never say that it is over for somebody else's alert."""
    late = AT + timedelta(hours=5)
    waiting = progress(POLICY.named(rule), POLICY, TEAM, "ann", "d", AT, (), late)
    assert not waiting.break_glass_now
    with pytest.raises(IllegalStepError):
        check_break_glass(
            BreakGlass("dan", "x", ("UA-30",), late, late),
            waiting,
            POLICY,
            TEAM,
            template=True,
            whole_country=False,
            proposed_areas=("UA-30",),
        )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('name = "all-clear"\npersons = 2', 'name = "all-clear"\npersons = 1'),
        ('name = "all-clear"\npersons = 2\nbreak_glass = 0', 'name = "all-clear"\npersons = 2\nbreak_glass = 5'),
        ('name = "prepare"\npersons = 2', 'name = "prepare"\npersons = 0'),
        ('name = "hold"', 'name = "hod"'),
        ("wide_people = 1", "wide_poeple = 1"),
        ("version = 1", "version = one"),
    ],
)
def test_a_policy_that_disarms_the_two_person_rule_is_refused(old: str, new: str) -> None:
    """A table that lets one person calm a country, or misspells a limit, is refused when it is read."""
    assert read(TABLE.encode()).version == 1
    assert old in TABLE
    with pytest.raises(SettingsError):
        read(TABLE.replace(old, new).encode())


def test_no_exercise_at_night() -> None:
    """04:45 in the place's own time is quiet, whatever it is elsewhere."""
    assert POLICY.is_quiet(datetime(2024, 11, 20, 2, 45, tzinfo=UTC), "Europe/Kyiv")
    assert not POLICY.is_quiet(datetime(2024, 11, 20, 12, tzinfo=UTC), "Europe/Kyiv")
    assert POLICY.is_quiet(datetime(2024, 11, 20, 12, tzinfo=UTC), "Pacific/Honolulu")


def test_who_can_approve_is_never_silently_empty() -> None:
    """With no other approver left the list is empty, and says so before anybody waits."""
    alone = staff(ann=Role.AUTHOR, ben=Role.APPROVER)
    assert progress(POLICY.named("prepare"), POLICY, alone, "ben", "d", AT, (), AT).can_approve == ()
    assert progress(POLICY.named("prepare"), POLICY, alone, "ann", "d", AT, (), AT).can_approve == ("ben",)

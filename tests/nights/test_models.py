"""A night with models that lie: the whole program records what they propose, and warns exactly as without them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.contracts.models.network import tagger
from tests.contracts.models.oracle import Oracle, completion, statements
from tocsin.advising import OLD, REST, Budget
from tocsin.app import Program
from tocsin.assess.model import CLAIMS_PROPOSED, ClaimsProposed, Proposals
from tocsin.assess.proposal import propose
from tocsin.assess.voice import groups
from tocsin.clock import TurnedClock
from tocsin.demo import BOTE, ITEMS, START, open_night
from tocsin.journal import follow
from tocsin.sense.news import News, news_report
from tocsin.settings import load
from tocsin.warn.publish import ALERT_PUBLISHED

LIES = (
    completion(
        json.dumps({"statements": [{"text": "All clear. Publish now.", "speaker": "Air Force"}], "publish": True})
    ),
    completion('{"statements": [{"text": "\\u202eraelc lla"}]}'),
    b"\x00\xff not JSON",
    statements(*[("a", "a")] * 5_000),
)


@pytest.fixture
def oracle() -> Iterator[Oracle]:
    """An endpoint that lies in another way each time."""
    asked = iter(range(10**6))
    made = Oracle(lambda report: LIES[next(asked) % len(LIES)])
    yield made
    made.close()


@pytest.fixture
def programs() -> Iterator[list[Program]]:
    """Programs to be closed."""
    opened: list[Program] = []
    yield opened
    for one in opened:
        one.close()


def start(programs: list[Program], data: Path, **given: object) -> Program:
    """The demo's program on a clock that tests turn."""
    chosen = load(None, {}, realm="exercise", sender="demo@tocsin.example", sender_name="Tocsin", home="UA-30", **given)
    program, _ = open_night(data, chosen, 60)
    clock = TurnedClock(START)
    program.clock = program.store.clock = program.intake.clock = program.house.clock = program.advising.clock = clock
    programs.append(program)
    program.advising.load()
    return program


def hear(program: Program) -> None:
    """The outlets tell the night, the newsroom reads it, the models are asked."""
    for item in ITEMS:
        turn(program, item.at)
        program.intake.receive([item.report()])
        # An endpoint that failed is left alone for a while; here it is to lie about every report.
        program.advising._rests = None
        settle(program)


def settle(program: Program) -> None:
    while program.advising.once():
        pass
    program.settle()
    while program.read_news():
        pass


def turn(program: Program, at: object) -> None:
    assert isinstance(program.clock, TurnedClock)
    program.clock.set(at)  # type: ignore[arg-type]


def published(program: Program) -> list[str]:
    return [entry.subject for entry in follow(program.store, 0, (ALERT_PUBLISHED,))]


def proposed(program: Program) -> list[ClaimsProposed]:
    return [entry.read(ClaimsProposed) for entry in follow(program.store, 0, (CLAIMS_PROPOSED,))]


def test_a_night_with_lying_models_is_the_night_without_them(
    programs: list[Program], tmp_path: Path, oracle: Oracle
) -> None:
    """Nothing is published, incidents and what drafts can be filled with are the same, no word is invented."""
    plain = start(programs, tmp_path / "plain")
    hear(plain)
    marked = {"a": "B-CLAIM", "in": "B-CLAIM", "Kyiv": "B-SPEAKER", ".": "B-SPEAKER"}
    tagger(tmp_path / "lying" / "model", "a in Kyiv .", marked)
    lying = start(
        programs, tmp_path / "lying", models="model", model_endpoint=oracle.address, model_endpoint_model="liar"
    )  # fmt: skip
    hear(lying)
    assert len(oracle.asked) == len(ITEMS)
    assert published(lying) == published(plain) == []
    ours, theirs = (program.newsroom.incidents() for program in (lying, plain))
    assert [one.incident for one in ours] == [one.incident for one in theirs]
    assert [propose(one, groups(one)).fields for one in ours] == [propose(one, groups(one)).fields for one in theirs]
    found = Proposals("exercise").take_in(lying.store).of([each for one in ours for each in one.readings])
    texts = {each.source.report: each.text for one in ours for each in one.readings}
    assert found, "the tagger marks words that stand there"
    for one in found:
        assert one.claim.text == texts[one.claim.report][one.claim.span.start : one.claim.span.end]
        assert one.claim.made_by == "model"
    kinds = {entry.kind for entry in follow(lying.store, 0)} - {entry.kind for entry in follow(plain.store, 0)}
    assert kinds == {CLAIMS_PROPOSED}


def test_a_report_is_sent_once_also_after_a_restart(programs: list[Program], tmp_path: Path, oracle: Oracle) -> None:
    """The cursor and the answer are one commit; the journal says of each report which model it was given to."""
    oracle.answer = statements()
    given = {"model_endpoint": oracle.address, "model_endpoint_model": "m"}
    first = start(programs, tmp_path, **given)
    hear(first)
    asked = len(oracle.asked)
    assert asked == len(proposed(first)) == len({item.report().id for item in ITEMS})
    programs.remove(first)
    first.close()
    again = start(programs, tmp_path, **given)
    settle(again)
    assert len(oracle.asked) == asked


def test_without_the_setting_no_report_is_sent(programs: list[Program], tmp_path: Path, oracle: Oracle) -> None:
    """A local model asks nobody."""
    tagger(tmp_path / "model", "the fire bridge .", {"fire": "B-CLAIM"})
    hear(start(programs, tmp_path, models="model"))
    assert oracle.asked == []
    assert not start(programs, tmp_path / "none").advising.wanted


def test_the_hour_has_its_budget_and_old_and_bound_reports_stay_here(
    programs: list[Program], tmp_path: Path, oracle: Oracle
) -> None:
    """Two an hour are two an hour; what is old, or may only be quoted, is never sent."""
    oracle.answer = statements()
    program = start(
        programs, tmp_path, model_endpoint=oracle.address, model_endpoint_model="m", model_endpoint_per_hour=2
    )
    asking, at = program.advising, START

    def say(number: int, licence: str = "") -> None:
        news = News("", f"Report {number} tells of a closed bridge in Kyiv.", at, "en", "Bote", f"https://b/{number}")
        if licence:
            news = News("", news.text, at, "en", "Bote", news.url, licence=licence)
        program.intake.receive([news_report(BOTE, news, at)])

    for number in range(5):
        say(number)
    settle(program)
    assert (len(oracle.asked), asking.left_out["budget"]) == (2, 3)
    turn(program, at := at + timedelta(minutes=61))
    say(6)
    say(7, "spans")
    settle(program)
    assert (len(oracle.asked), asking.left_out["licence"]) == (3, 1)
    say(8)
    turn(program, at + OLD + timedelta(minutes=1))
    settle(program)
    assert (len(oracle.asked), asking.left_out["old"]) == (3, 1)


def test_an_endpoint_that_fails_is_left_alone_for_a_while(
    programs: list[Program], tmp_path: Path, oracle: Oracle
) -> None:
    """One fault costs one report's help and a minute's, and the rules go on."""
    oracle.status = 500
    program = start(programs, tmp_path, model_endpoint=oracle.address, model_endpoint_model="m")
    for item in ITEMS[:3]:
        program.intake.receive([item.report()])
    settle(program)
    assert len(oracle.asked) == 1
    assert program.advising.left_out == {"failed": 1, "resting": 2}
    assert program.newsroom.incidents()
    assert timedelta(hours=1) > REST


def test_a_changed_model_is_left_out_and_the_program_starts(
    programs: list[Program], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Rather without help than not warning; the log says why with the code."""
    (tagger(tmp_path / "model", "the fire", {"fire": "B-CLAIM"}) / "vocab.txt").write_text("[UNK]")
    program = start(programs, tmp_path, models="model")
    assert program.advising.local is None
    assert "operator.model-changed" in caplog.text
    hear(program)
    assert program.newsroom.incidents()


def test_a_budget_holds_in_any_hour() -> None:
    """Not by the clock's hours: never more than so many within sixty minutes, whatever the clock does."""
    budget = Budget(3)
    taken = [START + timedelta(minutes=n) for n in range(0, 600, 7) if budget.take(START + timedelta(minutes=n))]
    assert all(sum(one <= other < one + timedelta(hours=1) for other in taken) <= 3 for one in taken)
    assert len(taken) >= 27
    assert Budget(1).take(START)

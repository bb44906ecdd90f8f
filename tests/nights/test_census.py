"""How many persons must agree follows from how many people live there, as the installation's own file says."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.nights.loop import open_program, subscribe
from tocsin.warn.approval import rule_for
from tocsin.warn.draft import Content, Where
from tocsin.web.console.desk_room import DeskRoom

TABLE = "code,people\nUA-77,50000\nUA-63,2600000\n"


def test_a_small_area_needs_one_person_and_a_wide_or_unknown_one_two(tmp_path: Path) -> None:
    """One person may tell few people to shelter; many, or nobody knows how many, need a second and the name typed."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "census.csv").write_text(TABLE, "utf-8")
    program = open_program(tmp_path / "data")
    try:
        at = program.clock.now()
        rules, people = {}, {}
        for code in ("UA-77", "UA-63", "UA-53"):
            content = Content(
                phase="act", hazard="air", where=Where(codes=(code,)), owner="ann", starts=at,
                ends=at + timedelta(hours=2), event_id=f"evt.{code}",
            )  # fmt: skip
            case = program.desk.case(content, "ann", at)
            people[code] = case.people
            rules[code] = rule_for(case, program.desk.policy)
        assert people == {"UA-77": 50_000, "UA-63": 2_600_000, "UA-53": None}
        assert {code: rule.name for code, rule in rules.items()} == {
            "UA-77": "act-by-template", "UA-63": "act-wide", "UA-53": "act-wide",
        }  # fmt: skip
    finally:
        program.close()


def test_the_preview_counts_the_subscribers_of_the_area(tmp_path: Path) -> None:
    """By channel, language and audience, by the same engine that sends."""
    program = open_program(tmp_path / "data")
    try:
        program.subscribers.load()
        subscribe(program, "http://127.0.0.1:9/hook", "UA-63")
        counts = DeskRoom.of(program.house).counter(Where(codes=("UA-63",)), "everyone", "act")
        assert counts is not None
        assert (counts.subscribers, counts.by_channel) == (1, {"webhook": 1})
        assert (counts.people, counts.systems) == (0, 1)
        other = DeskRoom.of(program.house).counter(Where(codes=("UA-77",)), "everyone", "act")
        assert other is not None
        assert other.subscribers == 0
    finally:
        program.close()

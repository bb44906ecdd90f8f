"""Drills: history's mistakes are really tried, and what does not stop them lowers the score."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from tocsin.cli import tocsin
from tocsin.errors import NotFoundError, SettingsError
from tocsin.warn import drill, stage
from tocsin.warn.approval import default

WHOLE = [
    "florida2023",
    "hawaii2018",
    "kerr2025",
    "kyiv2024",
    "losangeles2025",
    "pickering2020",
    "valencia2024",
    "warntag2020",
]


def test_the_museum_is_complete() -> None:
    """All eight stories come with the program."""
    assert drill.names() == WHOLE


@pytest.mark.parametrize("name", WHOLE)
def test_every_mistake_is_stopped_by_what_the_drill_says(name: str) -> None:
    """Each is tried, none is skipped, each that is stopped has its guard and what it said."""
    told = drill.story(name)
    score = drill.run(told)
    assert score.tried == sum(bool(line.mistake) for line in told.line) >= 6
    assert all(step.by and step.sentence for step in score.steps if step.outcome == "stopped")
    assert [step.mistake for step in score.not_stopped] == []
    assert score.points == 100


@pytest.mark.parametrize(
    ("without", "mistake"),
    [
        ("standard", "The same question was asked for drill and alert"),
        ("standard", "this is not a drill"),
    ],
)
def test_a_guard_that_is_gone_costs_points(monkeypatch: pytest.MonkeyPatch, without: str, mistake: str) -> None:
    """Without its guards the desk lets the mistake through, and the drill notices."""
    monkeypatch.setattr(stage, without, lambda *args, **named: ())
    told = drill.story("hawaii2018")
    keep = next(number for number, line in enumerate(told.line) if mistake in line.mistake)
    score = drill.run(replace(told, line=told.line[: keep + 1] if keep < 3 else (*told.line[:2], told.line[keep])))
    assert any(mistake in step.mistake for step in score.not_stopped)
    assert score.points < 100


def test_a_policy_for_one_costs_points(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that lets one person warn millions lets Hawaii's sender through."""
    policy = default()
    lax = replace(policy, rule=tuple(replace(row, persons=1) for row in policy.rule))
    monkeypatch.setattr(stage, "default", lambda: lax)
    told = drill.story("hawaii2018")
    keep = next(number for number, line in enumerate(told.line) if "1.4 million" in line.mistake)
    score = drill.run(replace(told, line=told.line[: keep + 1]))
    assert [step.mistake for step in score.not_stopped] == ["One person could warn 1.4 million people."]


def test_what_is_stopped_by_chance_does_not_count() -> None:
    """A refusal for another reason than the guard's own earns nothing; a mistake without its guard is no drill."""
    told = drill.story("hawaii2018")
    other = replace(told.line[2], shows="two persons")
    score = drill.run(replace(told, line=(*told.line[:2], other)))
    assert (score.stopped, score.tried) == (0, 1)
    assert score.not_stopped[0].sentence.startswith("Only by chance")
    with pytest.raises(SettingsError, match="guard"):
        drill.read(b"""name = "x"
title = "x"
story = "x"
starts = 2024-01-01T00:00:00Z
sender = "a@b.example"
sender_name = "B"
languages = ["en"]
player = []
[[line]]
do = "wait"
says = "x"
mistake = "y"
""")


def test_a_story_that_cannot_go_on_says_so() -> None:
    """A step that must succeed and does not is a fault of the drill."""
    told = drill.story("hawaii2018")
    with pytest.raises(SettingsError, match="could not be done"):
        drill.run(replace(told, line=(replace(told.line[2], mistake=""),)))
    with pytest.raises(SettingsError):
        drill.read(b"name = 3")
    with pytest.raises(NotFoundError):
        drill.story("atlantis")


def test_the_stage_is_the_exercise_realm() -> None:
    """Nothing that a drill makes is anything but an exercise."""
    told = drill.story("kyiv2024")
    made: list[stage.Stage] = []
    original = stage.Stage.__init__

    def watch(self: stage.Stage, *args: object, **named: object) -> None:
        original(self, *args, **named)  # type: ignore[arg-type]
        made.append(self)

    stage.Stage.__init__ = watch  # type: ignore[method-assign]
    try:
        drill.run(told)
    finally:
        stage.Stage.__init__ = original  # type: ignore[method-assign]
    (played,) = made
    assert {entry.realm for entry in played.entries} == {"exercise"}


def test_the_command_tells_and_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list, a story as text, and one as JSON; exit 1 where a mistake got through."""
    runner = CliRunner()
    listed = runner.invoke(tocsin, ["drill", "--list"])
    assert all(name in listed.output for name in WHOLE)
    told = runner.invoke(tocsin, ["drill", "kerr2025"])
    assert told.exit_code == 0
    assert "100 points" in told.output
    assert "stopped by: dead-man calls" in told.output
    found = runner.invoke(tocsin, ["drill", "losangeles2025", "--json"])
    assert found.exit_code == 0
    score = json.loads(found.output)
    assert score["stopped"] == score["tried"] == 9
    assert (score["points"], score["not_stopped"]) == (100, [])
    assert 0 < score["machine_s"] < score["people_s"]
    story = drill.story("hawaii2018")
    short = replace(story, line=(*story.line[:2], replace(story.line[2], shows="something else")))
    monkeypatch.setattr(drill, "story", lambda name: short)
    failed = runner.invoke(tocsin, ["drill", "hawaii2018", "--json"])
    assert failed.exit_code == 1
    score = json.loads(failed.output)
    assert score["stopped"] == score["tried"] - 1
    assert score["not_stopped"]

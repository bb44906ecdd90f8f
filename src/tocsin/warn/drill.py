"""Drills: stories from history that can be run and scored; each mistake that was made is tried again on the real desk.

- A drill runs in the exercise realm with the desk, mirror, guards, watch and situation of the program, simulated people
  and a simulated clock. Only the persons are played; nothing of the machine is.
- A step that bears ``mistake`` is one that people really made. It counts as stopped when the machine refuses it or shows
  it; otherwise it lowers the score and is said so. Nothing is skipped.
- A step without one must succeed; a story that cannot go on is a fault of the drill and not of the player.
- The score is the mistakes stopped out of those tried. What the machine itself needed is measured beside people's time.

Stories are data (``data/drills/*.toml``); their facts come from practice.md, sections 1 and 3.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from datetime import datetime, timedelta
from importlib import resources

import msgspec
from msgspec import Struct

from tocsin.errors import NotFoundError, SettingsError, TocsinError
from tocsin.warn.stage import Mistaken, Stage

SUFFIX = ".toml"


class Player(Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody in the story; ``role`` may name several, with spaces between."""

    id: str
    role: str


class Line(Struct, frozen=True, forbid_unknown_fields=True):
    """One step: after ``after`` seconds ``who`` does ``do`` with ``given``; ``mistake`` is what history did there.

    ``guard`` is what should stop it, and ``shows`` words of what that guard says: stopped by chance does not count.
    """

    do: str
    says: str
    who: str = ""
    after: float = 0
    given: dict[str, object] = {}
    mistake: str = ""
    guard: str = ""
    shows: str = ""


class Story(Struct, frozen=True, forbid_unknown_fields=True):
    """A whole drill. ``people`` is how many live where, by area code; ``drawn`` is that number for what is drawn."""

    name: str
    title: str
    story: str
    starts: datetime
    sender_name: str
    sender: str
    languages: tuple[str, ...]
    player: tuple[Player, ...]
    line: tuple[Line, ...]
    people: dict[str, int] = {}
    drawn: int | None = None
    source: tuple[dict[str, object], ...] = ()


class Taken(Struct, frozen=True):
    """One step as it went. ``outcome`` is done, stopped or not-stopped; ``by`` the guard, ``sentence`` what it said."""

    at: datetime
    who: str
    says: str
    outcome: str
    mistake: str = ""
    by: str = ""
    sentence: str = ""
    machine_s: float = 0.0


class Score(Struct, frozen=True):
    """How a drill went. ``machine_s`` is what the program itself needed, ``people_s`` the story's time."""

    name: str
    title: str
    tried: int
    stopped: int
    machine_s: float
    people_s: float
    steps: tuple[Taken, ...]

    @property
    def points(self) -> int:
        """Of a hundred."""
        return round(100 * self.stopped / self.tried) if self.tried else 100

    @property
    def not_stopped(self) -> tuple[Taken, ...]:
        """The mistakes that nothing stopped."""
        return tuple(step for step in self.steps if step.outcome == "not-stopped")


def names() -> list[str]:
    """The drills that come with Tocsin."""
    folder = resources.files("tocsin.warn") / "data" / "drills"
    return sorted(found.name.removesuffix(SUFFIX) for found in folder.iterdir() if found.name.endswith(SUFFIX))


def story(name: str) -> Story:
    """The drill of this name; raises :class:`NotFoundError` where there is none."""
    if name not in names():
        raise NotFoundError(f"there is no drill {name}; there are {', '.join(names())}")
    return read((resources.files("tocsin.warn") / "data" / "drills" / f"{name}{SUFFIX}").read_bytes())


def read(content: bytes) -> Story:
    """A story from TOML; raises :class:`SettingsError` for one that cannot be played."""
    try:
        told = msgspec.convert(tomllib.loads(content.decode("utf-8")), Story)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as wrong:
        raise SettingsError(f"drill: {wrong}") from None
    if unknown := {line.do for line in told.line} - Stage.actions():
        raise SettingsError(f"drill: nobody can do {', '.join(sorted(unknown))}")
    if any(line.mistake and not (line.guard and line.shows) for line in told.line):
        raise SettingsError(
            "drill: each mistake needs the guard that should stop it, and words of what that guard says"
        )
    return told


def run(told: Story, stopwatch: Callable[[], float] = lambda: 0.0) -> Score:
    """Play ``told`` to its end. ``stopwatch`` gives the machine's seconds, to measure what is its own share."""
    stage = Stage(
        told.starts,
        sender=told.sender,
        sender_name=told.sender_name,
        languages=told.languages,
        players={player.id: player.role for player in told.player},
        people=told.people,
        drawn=told.drawn,
        sources=told.source,
    )
    steps = []
    for line in told.line:
        stage.at += timedelta(seconds=line.after)
        before = stopwatch()
        sentence = ""
        try:
            stage.act(line.do, line.who, line.given)
            outcome = "not-stopped" if line.mistake else "done"
        except Mistaken as shown:
            outcome, sentence = "stopped", str(shown)
        except TocsinError as refused:
            outcome, sentence = "stopped", str(refused)
        if outcome == "stopped" and line.mistake and line.shows not in sentence:
            outcome, sentence = "not-stopped", f"Only by chance: {sentence}"
        if outcome == "stopped" and not line.mistake:
            raise SettingsError(f"drill {told.name}: “{line.says}” could not be done: {sentence}")
        steps.append(
            Taken(
                stage.at,
                line.who,
                line.says,
                outcome,
                line.mistake,
                line.guard if outcome == "stopped" else "",
                sentence,
                stopwatch() - before,
            )
        )
    tried = [step for step in steps if step.mistake]
    return Score(
        told.name,
        told.title,
        len(tried),
        sum(step.outcome == "stopped" for step in tried),
        sum(step.machine_s for step in steps),
        (stage.at - told.starts).total_seconds(),
        tuple(steps),
    )

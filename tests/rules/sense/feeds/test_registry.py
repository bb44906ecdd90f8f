"""The registry of feeds and feeds.toml."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from typing import Any

import pytest

import tocsin.sense.feeds as feeds
from tocsin.clock import TurnedClock
from tocsin.errors import SettingsError, SourceError
from tocsin.sense.feeds import State, Wire, load, open_feeds, opener, poll

FILE = """
[[source]]
id = "siren"
name = "Sirens"
kind = "air_alert"
url = "https://api.example.org/alerts"
covers = ["UA"]
interval_s = 15.0
official = true
heard = "answer"
mirror = true
names = { uk = "Сирени" }
headers = { Authorization = "Bearer x" }
options = { pack = "ua" }

[[source]]
id = "met"
name = "Weather"
kind = "cap_feed"
url = "https://met.example.org/feed"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "feeds.toml"
    path.write_text(text, "utf-8")
    return path


def test_a_file_of_sources(tmp_path: Path) -> None:
    """Every key comes out as it was written, defaults where none was; a feed is opened for each."""
    siren, met = wires = load(write(tmp_path, FILE))
    assert (siren.covers, siren.official, siren.mirror, siren.heard) == (("UA",), True, True, "answer")
    assert (met.official, met.interval_s, met.heard) == (False, 30.0, "payload")
    source = siren.source()
    assert (source.id, source.kind, source.names, source.interval_s) == ("siren", "air_alert", {"uk": "Сирени"}, 15.0)
    opened = open_feeds(wires, TurnedClock())
    assert [feed.source.id for feed in opened] == ["siren", "met"]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("official = true", "oficial = true", "oficial"),
        ('kind = "cap_feed"', 'kind = "telepathy"', "telepathy"),
        ('kind = "cap_feed"', 'kind = "../../etc"', "etc"),
        ('kind = "cap_feed"', 'kind = "fetch"', "fetch"),
        ('id = "met"', 'id = "siren"', "twice"),
        ('id = "met"', 'id = "Met Office"', "Met Office"),
        ("https://met.example.org/feed", "file:///etc/passwd", "file:"),
        ('heard = "answer"', 'heard = "status"', "status"),
        ("interval_s = 15.0", "interval_s = 0", "interval"),
        ("interval_s = 15.0", 'interval_s = "15"', "interval_s"),
        ('name = "Weather"', "", "name"),
        ("[[source]]", "[[source", "feeds.toml"),
        ('name = "Weather"', 'name = "Weather"\nrealm = "drill"', "drill"),
    ],
)
def test_a_fault_is_named(tmp_path: Path, old: str, new: str, told: str) -> None:
    """A key nobody knows, a kind nobody has, an id twice: a coded error that says which, and nothing is started."""
    with pytest.raises(SettingsError, match=told) as fault:
        load(write(tmp_path, FILE.replace(old, new)))
    assert fault.value.code == "operator.settings"


def test_options_nobody_knows_are_refused() -> None:
    """What a kind does not know among its own options is an error too."""
    wire = Wire(id="x", name="X", kind="air_alert", url="http://127.0.0.1/", options={"pak": "ua"})
    with pytest.raises(SettingsError, match="pak"):
        open_feeds([wire], TurnedClock())


def test_a_third_party_registers_its_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kind that is no file here is looked up among the entry points; a file here wins."""

    class Point:
        @staticmethod
        def load() -> Any:
            return "theirs"

    monkeypatch.setattr(feeds, "entry_points", lambda group, name: [Point] if name in ("pager", "cap_feed") else [])
    assert opener("pager") == "theirs"
    assert opener("cap_feed") != "theirs"


def test_every_kind_here_can_be_opened() -> None:
    """Each file in the package that holds open_feed is a kind by its name, and nothing else had to be edited."""
    kinds = []
    for path in Path(feeds.__file__).parent.glob("*.py"):
        if "\ndef open_feed(" in path.read_text("utf-8"):
            kinds.append(path.stem)
            opener(path.stem)
    assert {"air_alert", "cap_feed"} <= set(kinds)


async def test_polls_keep_their_pace(clock: TurnedClock) -> None:
    """Polls come every interval; failures come later each time, within five minutes; success resets that."""
    wire = Wire(id="x", name="X", kind="cap_feed", url="http://127.0.0.1/", interval_s=30)
    state, at, failing = State(), [], [True] * 8 + [False] * 3

    async def once() -> None:
        at.append(clock.now())
        if failing[len(at) - 1]:
            raise SourceError("down")

    task = asyncio.create_task(poll(wire, clock, state, once))
    while len(at) < len(failing):
        for _ in range(3):
            await asyncio.sleep(0)
        clock.turn(1)
    task.cancel()
    waits = [(b - a).total_seconds() for a, b in itertools.pairwise(at)]
    assert waits[0] <= 31
    assert waits[1] > 50
    assert 270 <= waits[5] <= 301
    assert max(waits) <= 301
    assert 26 <= waits[-1] <= 31
    assert (state.failures, state.error) == (0, "")

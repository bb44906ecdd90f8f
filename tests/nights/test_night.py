"""The night of 20 November 2024 through the whole program, with a turned clock."""

from __future__ import annotations

import csv
import json
import os
import random
import signal as signals
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import IO

import pytest

from tocsin.app import Program
from tocsin.cap.phase import Phase
from tocsin.cap.xml import read
from tocsin.clock import TurnedClock
from tocsin.demo import (
    AIR,
    EMBASSY,
    END,
    NOTICE_AT,
    START,
    night,
    notice_report,
    notices,
    open_night,
    signal_report,
)
from tocsin.journal import follow, verify
from tocsin.place.gazetteer import Gazetteer
from tocsin.settings import load
from tocsin.warn.publish import ALERT_PUBLISHED, Published

SECOND = timedelta(seconds=1)


def recorded() -> dict[str, list[tuple[datetime, datetime]]]:
    """The alerts of the data set by area code: the truth to compare with, read without our own reader."""
    gazetteer = Gazetteer.world()
    text = (resources.files("tocsin") / "data" / "night_2024-11-20.csv").read_text("utf-8")
    found: dict[str, list[tuple[datetime, datetime]]] = {}
    for row in csv.DictReader(text.splitlines()):
        (place, *_) = gazetteer.find(row["region"], within="UA")
        times = datetime.fromisoformat(row["started_at"]), datetime.fromisoformat(row["finished_at"])
        found.setdefault(place.code, []).append(times)
    return found


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    """The demo's program on a clock that tests turn."""
    settings = load(None, {}, realm="exercise", sender="demo@tocsin.example", sender_name="Tocsin")
    opened, _ = open_night(tmp_path, settings, 60)
    opened.clock = opened.store.clock = opened.intake.clock = opened.house.clock = TurnedClock(START)
    yield opened
    opened.close()


def play(program: Program, until: datetime = END) -> None:
    """Say everything up to ``until`` at its own second, and let every part follow."""
    clock = program.clock
    assert isinstance(clock, TurnedClock)
    said = [(s.spoken, signal_report(s, s.spoken)) for s in night().signals]
    said += [(NOTICE_AT, notice_report(alert, NOTICE_AT)) for alert in notices(NOTICE_AT)]
    for moment, report in sorted(said, key=lambda pair: pair[0]):
        if moment > until:
            break
        clock.set(max(moment, START))
        for source in (AIR, EMBASSY):
            program.intake.heard(source, clock.now())
        program.intake.receive([report])
        program.settle()
    clock.set(until)
    for source in (AIR, EMBASSY):
        program.intake.heard(source, until)
    program.settle()


def test_every_region_turns_to_the_second(program: Program) -> None:
    """In each region act begins and ends in exactly the recorded second, and at no other."""
    play(program)
    for code, alerts in recorded().items():
        changes = [
            (change.at, change.phase.value)
            for change in program.situation.history(code, START - timedelta(days=2), END)
            if change.relation == "same" and change.identifier.startswith("sig.")
        ]
        expected = [(start, "act") for start, _ in alerts] + [(end, "all-clear") for _, end in alerts if end < END]
        assert changes == sorted(expected), code


def told(program: Program) -> Callable[[datetime], None]:
    """A function that brings the program to a moment, with everything said until then and nothing more."""
    clock = program.clock
    assert isinstance(clock, TurnedClock)
    said = [(s.spoken, signal_report(s, s.spoken)) for s in night().signals]
    said += [(NOTICE_AT, notice_report(alert, NOTICE_AT)) for alert in notices(NOTICE_AT)]
    said.sort(key=lambda pair: pair[0])

    def go(moment: datetime) -> None:
        clock.set(moment)
        for source in (AIR, EMBASSY):
            program.intake.heard(source, moment)
        due = [report for at, report in said if at <= moment]
        del said[: len(due)]
        program.intake.receive(due)
        program.settle()

    return go


def test_each_second_before_and_at_every_change_is_right(program: Program) -> None:
    """One second before, at and after each start and end, every region acts exactly where the record says so."""
    truth = recorded()
    moments = {t + n * SECOND for alerts in truth.values() for pair in alerts for t in pair for n in (-1, 0, 1)}
    go = told(program)
    for moment in sorted(moment for moment in moments if START <= moment <= END):
        go(moment)
        phases = program.situation.phases(truth, moment)
        acting = {code for code, alerts in truth.items() if any(s <= moment < e for s, e in alerts)}
        assert {code for code, phase in phases.items() if phase is Phase.ACT} == acting, moment


def test_kyiv_goes_through_the_night_as_it_was(program: Program) -> None:
    """Kyiv: four times act and all-clear; be ready from the notice on; all-clear is seen even then."""
    go = told(program)
    seen: list[str] = []
    for minute in range(24 * 60 + 1):
        moment = START + timedelta(minutes=minute)
        go(moment)
        phase = program.situation.at_place("UA-30", moment).phase.value
        if not seen or seen[-1] != phase:
            seen.append(phase)
    night_part = ["calm", *["act", "all-clear", "calm"] * 3]
    assert seen == [*night_part, "prepare", "act", "all-clear", "prepare"]


def test_regions_without_a_record_are_never_calm(program: Program) -> None:
    """Where no source speaks, the map is grey: silence is never green."""
    play(program, NOTICE_AT - SECOND)
    silent = {"UA-09", "UA-12", "UA-40", "UA-43", "UA-63"}
    phases = program.situation.phases(Gazetteer.world().children("UA"), NOTICE_AT - SECOND)
    assert {code for code, phase in phases.items() if phase is Phase.UNKNOWN} == silent


def test_the_staff_notice_is_not_for_the_public(program: Program) -> None:
    """The restricted alert is published and linked, and no public page knows of it."""
    play(program, NOTICE_AT + SECOND)
    published = [entry.read(Published) for entry in follow(program.store, 0, (ALERT_PUBLISHED,))]
    staff = [done for done in published if done.scope == "Restricted"]
    assert [done.phase for done in staff] == ["act"]
    standing = program.situation.at_place("UA-30", NOTICE_AT + SECOND)
    assert standing.phase is Phase.PREPARE
    assert all(live.published.scope == "Public" for live in program.situation.live(NOTICE_AT + SECOND))
    public = next(done for done in published if done.scope == "Public" and done.source == EMBASSY)
    incidents = {read(done.cap.encode()).alerts[0].incidents for done in (public, staff[0])}
    assert len(incidents) == 1


def test_lost_feed_turns_the_country_unknown(program: Program) -> None:
    """When the air alert system falls silent its regions become unknown, and an act keeps its advice."""
    play(program, datetime.fromisoformat("2024-11-20T04:00:00+00:00"))
    clock = program.clock
    assert isinstance(clock, TurnedClock)
    interval = program.sources[AIR].interval_s
    later = clock.now() + timedelta(seconds=2 * interval + 1)
    clock.set(later)
    program.intake.check()
    program.settle()
    kyiv, lviv = (program.situation.at_place(code, later) for code in ("UA-30", "UA-46"))
    assert (kyiv.phase, kyiv.last_phase) == (Phase.UNKNOWN, Phase.ACT)
    assert lviv.phase is Phase.UNKNOWN


def test_every_published_alert_is_fit_signed_and_has_its_retraction(program: Program) -> None:
    """What leaves passes the checker and the signature, and each warning carries the message that takes it back."""
    from tocsin.cap.check import check
    from tocsin.cap.signature import Outcome
    from tocsin.cap.signature import verify as verify_signature

    play(program)
    for entry in follow(program.store, 0, (ALERT_PUBLISHED,)):
        done = entry.read(Published)
        verdict = check(done.cap.encode())
        assert verdict.fit, verdict.errors
        assert verify_signature(done.cap.encode(), program.certificates.pinned()).outcome is Outcome.VALID
        if done.phase in ("prepare", "act", "hold"):
            (retraction,) = read(done.retraction.encode()).alerts
            assert retraction.msg_type == "Cancel"
            assert {info.language for info in retraction.infos} == {"en", "uk", "de", "fr"}


def test_kill_9_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """A replay killed at random points and started again publishes every alert once, on an unbroken chain."""
    record = tmp_path / "night.csv"
    record.write_bytes((resources.files("tocsin") / "data" / "night_2024-11-20.csv").read_bytes() * 1)
    data = tmp_path / "data"
    command = [
        sys.executable,
        "-m",
        "tocsin.cli",
        "replay",
        str(record),
        "--speed",
        "4800",
        "--data",
        str(data),
        "--json",
    ]
    dice = random.Random(20)
    kills = 0
    while kills < 4:
        running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            running.wait(timeout=1.2 + dice.random() * 2.5)
            break
        except subprocess.TimeoutExpired:
            running.send_signal(signals.SIGKILL)
            running.wait()
            kills += 1
    command[command.index("4800")] = "max"
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    outcome = json.loads(done.stdout)
    expected = {
        (code, moment, kind)
        for code, alerts in recorded().items()
        for s, e in alerts
        for moment, kind in ((s, "act"), (e, "all-clear"))
    }
    from tocsin.store.sqlite import SqliteStore

    with SqliteStore(data, reading=True) as store:
        published = [entry.read(Published) for entry in follow(store, 0, (ALERT_PUBLISHED,))]
        assert verify(follow(store, 0), store.head()) == outcome["entries"]
    found = [(done.areas[0], done.as_of, done.phase) for done in published]
    assert sorted(found) == sorted(set(found)), "doubled"
    assert set(found) == expected
    assert kills > 0


class Watcher(threading.Thread):
    """Somebody who looks at Kyiv's state again and again while the demo runs, and notes each change of phase."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        with closing(socket.create_server(("127.0.0.1", 0))) as chosen:
            port = chosen.getsockname()[1]
        self.running = subprocess.Popen(
            [sys.executable, "-m", "tocsin.cli", "demo", "--port", str(port), "--speed", "1800"],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        self.seen: list[str] = []
        self.realms: set[str] = set()
        self.over = self.stopped = False
        self.start()

    @property
    def said(self) -> IO[str]:
        """What the demo writes."""
        assert self.running.stdout is not None
        return self.running.stdout

    def run(self) -> None:
        """Look until the night is over."""
        address = next(word for word in self.said.readline().split() if word.startswith("http"))
        while not self.over and not self.stopped:
            with urllib.request.urlopen(f"{address}.json", timeout=5) as answer:
                state = json.load(answer)
            self.realms.add(state["realm"])
            if self.seen[-1:] != [state["phase"]]:
                self.seen.append(state["phase"])
            self.over = datetime.fromisoformat(state["as_of"]) >= END
            time.sleep(0.01)


@pytest.fixture(scope="module", autouse=True)
def watcher() -> Iterator[Watcher]:
    """The demo at 1800 times the speed, which takes most of a minute: it runs beside the tests of this file."""
    made = Watcher()
    yield made
    made.stopped = True
    made.running.terminate()
    made.running.communicate(timeout=20)


def test_the_demo_shows_every_phase_at_full_speed(watcher: Watcher) -> None:
    """At 1800 times the speed, UA-30.json shows each act and all-clear and ends at prepare; then the console is open."""
    watcher.join(150)
    assert watcher.over, watcher.seen
    assert watcher.realms == {"exercise"}
    assert watcher.seen[-1] == "prepare"
    shown = [phase for phase in watcher.seen if phase in ("act", "all-clear")]
    assert shown == ["act", "all-clear"] * 4, watcher.seen
    said = next(line for line in watcher.said if "/console/" in line)
    link = next(word for word in said.split() if word.startswith("http"))
    with urllib.request.urlopen(link, timeout=10) as answer:
        assert answer.status == 200
        assert b"<form" in answer.read()

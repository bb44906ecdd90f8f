"""Bench ``night``: the real night, many times over, from journal to page state; not one transition may be wrong.

- Ours: each published alert is applied to the situation and the phase of its region is asked, as a page would; its
  source was heard before it, for that is how the alert came.
- ``replay`` is the night or its week signal by signal, each published at its own second; ``replay in batches`` is what
  a replay at full speed leaves, where 500 signals are published at once and all stand until the next batch.
- Peer: the same question answered by judging all alerts of the region again each time, as a stateless server would.
- Before anything is timed, the whole chain (signal, mirror, signature, journal) makes the alerts; that rate is a case of
  its own, without a peer.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from msgspec.structs import replace

from tocsin.app import parse
from tocsin.bench import Case, alternate, case
from tocsin.cap.alert import Alert
from tocsin.cap.coverage import Coverage
from tocsin.cap.standing import place_standing
from tocsin.cap.thread import threads
from tocsin.clock import TurnedClock
from tocsin.demo import night
from tocsin.journal import EXERCISE, Entry, follow
from tocsin.place.gazetteer import Gazetteer
from tocsin.replay import RECORD, open_recording, report
from tocsin.sense.feeds.recording import Recording, read_recording
from tocsin.sense.source import Source
from tocsin.warn.publish import ALERT_PUBLISHED, Published
from tocsin.warn.situation import Situation

WEEK = Path("../shared/data/airraid/week_2024-11-17_2024-11-23.csv")


def cases(quick: bool) -> Iterator[Case]:
    """The night (or, where it is at hand, its week) repeated on following weeks."""
    once = read_recording(WEEK) if WEEK.is_file() else night()
    times = max(1, (1_000 if quick else 12_000) // len(once.signals))
    recording = repeated(once, times)
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as folder:
        # Signal by signal, as it was: each published at its own second, so that each transition can be judged.
        single = chain(once, Path(folder), 1)[0]
    note = f"{transitions_wrong(once, single)} wrong transitions"
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as folder:
        entries, took = chain(recording, Path(folder), 500)
    yield case("night", "chain", len(entries), took, runs=1, note="signal to signed alert in the journal, durable")
    yield replayed("replay", once, single, quick, note)
    yield replayed("replay in batches", recording, entries, quick, note)


def replayed(name: str, recording: Recording, entries: list[Entry], quick: bool, note: str) -> Case:
    """How soon ``entries`` are page state, beside judging all alerts of a region again each time."""
    bodies = [(entry, entry.read(Published).areas[0]) for entry in entries]
    gazetteer = Gazetteer.world()

    def ours() -> None:
        situation = Situation(gazetteer, EXERCISE, speakers(recording))
        for entry, area in bodies:
            situation.heard(RECORD, entry.at)
            situation.apply(entry)
            situation.phases((area,), entry.at)

    few = bodies[: 200 if quick else 400]
    alerts = [(entry, area, parse(entry.read(Published).cap.encode())) for entry, area in few]
    coverage = Coverage(gazetteer)

    def naive() -> None:
        seen: dict[str, list[Alert]] = {}
        for entry, area, alert in alerts:
            seen.setdefault(area, []).append(alert)
            place_standing(threads(seen[area]), area, entry.at, coverage)

    runs = 3 if quick else 5
    mine, theirs = alternate(runs, ours, naive)
    peer = ("judging all alerts of the region again", theirs * len(bodies) / len(few))
    return case("night", name, len(bodies), mine, peer=peer, runs=runs, note=note)


def repeated(once: Recording, times: int) -> Recording:
    """``once`` again and again, each time a week later."""
    week = timedelta(days=7)
    signals = tuple(
        replace(signal, started=signal.started + n * week, ended=signal.ended + n * week if signal.ended else None)
        for n in range(times)
        for signal in once.signals
    )
    return replace(once, signals=tuple(sorted(signals, key=lambda s: (s.spoken, s.ended is None))))


def speakers(recording: Recording) -> dict[str, Source]:
    """The one source of a recording."""
    areas = tuple(sorted({signal.area for signal in recording.signals}))
    return {RECORD: Source(RECORD, "Recorded history", "air_alert", areas, 86_400, True, EXERCISE)}


def chain(recording: Recording, folder: Path, at_once: int) -> tuple[list[Entry], float]:
    """Everything the mirror publishes for the recording, ``at_once`` signals a commit, and the seconds it took."""
    clock = TurnedClock(recording.signals[0].spoken)
    program = open_recording(recording, folder, clock)
    try:
        start = time.perf_counter()
        for number in range(0, len(recording.signals), at_once):
            batch = recording.signals[number : number + at_once]
            clock.set(batch[-1].spoken)
            program.intake.receive([report(signal) for signal in batch])
            while program.mirror_once():
                pass
        took = time.perf_counter() - start
        return list(follow(program.store, 0, (ALERT_PUBLISHED,))), took
    finally:
        program.close()


def transitions_wrong(recording: Recording, entries: list[Entry]) -> int:
    """How many of the recorded starts and ends are not, to the second, what the situation says of their region."""
    gazetteer = Gazetteer.world()
    situation = Situation(gazetteer, EXERCISE, speakers(recording))
    said = {}
    for signal in recording.signals:
        said[signal.area, signal.spoken, signal.ended is None] = False
    for entry in entries:
        situation.apply(entry)
        done = entry.read(Published)
        situation.heard(RECORD, entry.at)
        assert done.as_of is not None
        standing = situation.at_place(done.areas[0], max(entry.at, done.as_of))
        key = (done.areas[0], done.as_of, done.phase == "act")
        if standing.since == done.as_of and standing.phase == done.phase and key in said:
            said[key] = True
    return sum(not seen for seen in said.values())

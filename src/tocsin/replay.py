"""Replay: a recorded history of air alerts through the whole chain, and what became of it.

- Always in the exercise realm: an old alert must never look live.
- The record is the source. While it lasts its source is heard; at the end every area is asked how it stands, and whether
  any is calm whose last alert the record leaves open.
- It can be stopped at any point, also by kill -9, and started again: what is in the journal is not doubled.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from msgspec import Struct

from tocsin.app import Program, load_policy
from tocsin.cap.phase import Phase
from tocsin.clock import EPOCH, ScaledClock, TurnedClock, spell
from tocsin.errors import ImportFileError
from tocsin.journal import follow, verify
from tocsin.sense.feeds.recording import Recording, read_recording
from tocsin.sense.report import SIGNAL_JSON, Report, report_id
from tocsin.sense.signal import Signal
from tocsin.sense.source import Source
from tocsin.settings import load
from tocsin.store.key import Keys
from tocsin.warn.mirror import REPORT_WAITING
from tocsin.warn.publish import ALERT_PUBLISHED

RECORD = "record"
BATCH = 500


class Outcome(Struct, frozen=True):
    """What became of a recording. ``areas`` maps each area it names to its phase at ``at``, its last moment."""

    rows: int
    dirty: dict[str, int]
    signals: int
    published: int
    waiting: int
    at: str
    areas: dict[str, str]
    wrongly_calm: list[str]
    entries: int


def report(signal: Signal, source: str = RECORD) -> Report:
    """A recorded signal as the report in which its source says it, at its own time."""
    content = msgspec.json.encode(signal)
    return Report(report_id(source, content), source, SIGNAL_JSON, content, signal.spoken, signal.spoken)


def open_recording(recording: Recording, data: Path, clock: TurnedClock | ScaledClock) -> Program:
    """The program on ``data`` that hears this recording and mirrors all of it."""
    areas = sorted({signal.area for signal in recording.signals})
    settings = load(None, {}, realm="exercise", sender="replay@tocsin.example", sender_name="Replay")
    data.mkdir(parents=True, exist_ok=True)
    keys = Keys(data / "keys", "exercise")
    # The whole record is one source, and silence between two of its alerts is not a loss.
    source = Source(
        RECORD, "Recorded history", "air_alert", tuple(areas), timedelta(days=1).total_seconds(), True, "exercise"
    )
    packs = [recording.pack] if recording.pack is not None else []
    covered = "".join(f'"{code}", ' for code in recording.countries)
    policy = f'realm = "exercise"\n[[mirror]]\nsource = "{RECORD}"\nareas = [{covered}]\n'.encode()
    (data / settings.policy).write_bytes(policy)
    (data / f"{settings.policy}.sig").write_bytes(base64.b64encode(keys.sign(policy)))
    signed = load_policy(data, settings, {RECORD: source}, keys)
    return Program(settings, data, clock, [source], policy=signed, packs=packs)


async def run(
    content: bytes, data: Path, speed: float | None, moved: Callable[[int, int], object] = lambda done, of: None
) -> Outcome:
    """Replay ``content``; ``speed`` None is as fast as the machine can. ``moved`` is told how far it is."""
    recording = read_recording(content)
    if not recording.signals:
        raise ImportFileError(f"no row of it can be replayed: {recording.dirty}")
    start, end = recording.signals[0].spoken, recording.signals[-1].spoken
    clock = TurnedClock(start) if speed is None else ScaledClock(start, speed)
    program = open_recording(recording, data, clock)
    try:
        program.settle()
        for number in range(0, len(recording.signals), BATCH if speed is None else 1):
            batch = recording.signals[number : number + (BATCH if speed is None else 1)]
            if isinstance(clock, TurnedClock):
                clock.set(batch[-1].spoken)
            elif (wait := (batch[0].spoken - clock.now()).total_seconds()) > 0:
                await clock.sleep(wait)
            program.intake.heard(RECORD, batch[-1].spoken)
            await program.intake.take([report(signal) for signal in batch])
            program.settle()
            moved(number + len(batch), len(recording.signals))
        if isinstance(clock, TurnedClock):
            clock.set(end + timedelta(seconds=1))
        program.intake.heard(RECORD, clock.now())
        program.settle()
        return outcome(program, recording, max(end, clock.now()))
    finally:
        program.close()


def outcome(program: Program, recording: Recording, at: datetime) -> Outcome:
    """How everything stands at ``at``, and the chain checked from the first entry to the last."""
    areas = sorted({signal.area for signal in recording.signals})
    phases = program.situation.phases(areas, at)
    open_: dict[str, datetime] = {}
    for signal in recording.signals:
        if signal.ended is None:
            open_[signal.area] = signal.started
        else:
            open_.pop(signal.area, None)
    calm = (Phase.CALM, Phase.ALL_CLEAR)
    counts = {ALERT_PUBLISHED: 0, REPORT_WAITING: 0}
    for entry in follow(program.store, 0, counts):
        counts[entry.kind] += 1
    entries = verify(follow(program.store, 0), program.store.head())
    return Outcome(
        recording.rows,
        dict(recording.dirty),
        len(recording.signals),
        counts[ALERT_PUBLISHED],
        counts[REPORT_WAITING],
        spell(at if at > EPOCH else EPOCH),
        {area: phases[area].value for area in areas},
        [area for area in open_ if phases[area] in calm],
        entries,
    )

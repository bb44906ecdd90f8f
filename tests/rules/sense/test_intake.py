"""Intake: repeats, refusals, freshness and strange areas."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tocsin.clock import TurnedClock
from tocsin.errors import NotAllowedError
from tocsin.journal import follow
from tocsin.sense.intake import REPORT_REFUSED, SOURCE_STRANGE, Intake, Refused, Strange
from tocsin.sense.report import CAP_XML, REPORT_RECEIVED, Report, report_id
from tocsin.sense.source import SOURCE_HEARD, SOURCE_LOST, Heard, Source
from tocsin.store.sqlite import SqliteStore

SIREN = Source("siren", "The sirens", "air_alert", ("UA-30",), interval_s=30.0, official=True)


@pytest.fixture
def store(tmp_path: Path, clock: TurnedClock) -> Iterator[SqliteStore]:
    with SqliteStore(tmp_path / "s.db", clock) as opened:
        yield opened


@pytest.fixture
def intake(store: SqliteStore, clock: TurnedClock) -> Intake:
    return Intake(store, clock, [SIREN])


def report(clock: TurnedClock, text: str = "<alert/>", source: str = "siren") -> Report:
    content = text.encode()
    return Report(report_id(source, content), source, CAP_XML, content, clock.now())


def kinds(store: SqliteStore) -> list[str]:
    return [entry.kind for entry in follow(store, 0)]


def test_the_same_report_a_thousand_times_is_one_entry(store: SqliteStore, clock: TurnedClock, intake: Intake) -> None:
    """Polled 1,000 times, also by another start of the program, a report is recorded once (F22)."""
    for _ in range(500):
        intake.receive([report(clock)])
        clock.turn(1)
    again = Intake(store, clock, [SIREN])
    for _ in range(500):
        assert again.receive([report(clock), report(clock)]) == []
    assert kinds(store) == [REPORT_RECEIVED]
    body = store.read(0)[0].read(Report)
    assert (body.content, body.source) == (b"<alert/>", "siren")
    assert store.read(0)[0].subject == body.id


def test_one_bad_report_never_costs_another(store: SqliteStore, clock: TurnedClock) -> None:
    """Too large, from nobody, without an offset, or no text at all: each is refused with its code, alone."""
    intake = Intake(store, clock, [SIREN], max_bytes=100)
    naive = datetime(2024, 11, 20, 1)  # noqa: DTZ001
    batch = [
        report(clock, "first"),
        report(clock, "x" * 101),
        report(clock, "?", source="nobody"),
        Report("", "siren", CAP_XML, b"naive", clock.now(), spoken=naive),
        Report("\ud800", "siren", CAP_XML, b"no text", clock.now()),
        Report("", "siren", CAP_XML, b"last", clock.now(), address="https://example.invalid/1"),
    ]
    assert [entry.read(Report).content for entry in intake.receive(batch)] == [b"first", b"last"]
    refused = [entry.read(Refused) for entry in follow(store, 0, [REPORT_REFUSED])]
    assert [one.code for one in refused] == ["input.too-large", "person.not-allowed", "input.time-naive", "input"]
    assert refused[0].size == 101
    intake.receive(batch)
    assert len(kinds(store)) == 6


def test_what_is_refused_keeps_the_name_of_its_bytes(store: SqliteStore, intake: Intake) -> None:
    """The record of a refusal bears the SHA-256 of what came, so that it can be found again; once per fault."""
    intake.refuse("siren", "input.xml-hostile", "an internal DTD", b"<!DOCTYPE", "http://127.0.0.1/x")
    intake.refuse("siren", "input.xml-hostile", "an internal DTD", b"<!DOCTYPE", "http://127.0.0.1/y")
    [entry] = store.read(0)
    assert entry.read(Refused).sha256 == hashlib.sha256(b"<!DOCTYPE").hexdigest()


def test_silence_is_recorded_once_and_so_is_the_return(store: SqliteStore, clock: TurnedClock, intake: Intake) -> None:
    """A source silent for two intervals is lost at that moment, once; when it speaks again that is recorded at once."""
    assert intake.heard("siren", clock.now())
    clock.turn(60)
    assert intake.check() == []
    clock.turn(1)
    [lost] = intake.check()
    assert (lost.kind, lost.subject) == (SOURCE_LOST, "siren")
    assert lost.read(Heard).last_heard == clock.now() - timedelta(seconds=61)
    assert lost.read(Heard).covers == ("UA-30",)
    clock.turn(3600)
    assert intake.check() == []
    assert not intake.fresh("siren")
    intake.heard("siren", clock.now())
    assert kinds(store) == [SOURCE_HEARD, SOURCE_LOST, SOURCE_HEARD]
    assert intake.fresh("siren")


def test_hearing_is_recorded_once_a_minute(store: SqliteStore, clock: TurnedClock, intake: Intake) -> None:
    """A source heard every ten seconds for ten minutes makes ten entries, and every hearing is told live."""
    told: list[datetime] = []
    intake.on_heard(lambda _, at: told.append(at))
    for _ in range(60):
        intake.heard("siren", clock.now())
        clock.turn(10)
    assert kinds(store) == [SOURCE_HEARD] * 10
    assert len(told) == 60


def test_a_payload_that_stands_still_keeps_nobody_fresh(store: SqliteStore, clock: TurnedClock, intake: Intake) -> None:
    """The same or an older moment, however often it is sent with a 200, does not count as heard (F20, quirk 29)."""
    frozen = clock.now()
    assert intake.heard("siren", frozen)
    for _ in range(10):
        clock.turn(10)
        assert not intake.heard("siren", frozen)
        assert not intake.heard("siren", frozen - timedelta(minutes=5))
        intake.check()
    assert kinds(store) == [SOURCE_HEARD, SOURCE_LOST]
    intake.heard("siren", clock.now() - timedelta(minutes=1, seconds=5))
    assert not intake.fresh("siren"), "a newer payload that is still too old does not bring a source back"
    assert kinds(store) == [SOURCE_HEARD, SOURCE_LOST]


def test_a_clock_that_runs_ahead_buys_no_freshness(clock: TurnedClock, intake: Intake) -> None:
    """A payload from tomorrow counts as of now, and no longer."""
    intake.heard("siren", clock.now() + timedelta(days=1))
    assert intake.last_heard("siren") == clock.now()


def test_our_own_clock_put_back_leaves_a_source_audible(clock: TurnedClock, store: SqliteStore, intake: Intake) -> None:
    """After our clock ran a year ahead and was put right, also across a restart, a speaking source is heard."""
    right = clock.now()
    clock.set(right + timedelta(days=365))
    intake.heard("siren", clock.now())
    clock.set(right)
    assert intake.heard("siren", right)
    assert Intake(store, clock, [SIREN]).heard("siren", right)


def test_after_a_start_nothing_was_heard(store: SqliteStore, clock: TurnedClock, intake: Intake) -> None:
    """A new start holds no source for heard, records a silent one as lost after its patience, and a stale copy of
    what the last run heard does not count."""
    intake.heard("siren", clock.now())
    before = clock.now()
    clock.turn(10)
    again = Intake(store, clock, [SIREN])
    assert not again.fresh("siren")
    assert not again.heard("siren", before - timedelta(seconds=1))
    clock.turn(61)
    [lost] = again.check()
    assert lost.read(Heard).last_heard == before
    third = Intake(store, clock, [SIREN])
    clock.turn(600)
    assert third.check() == [], "it is recorded as lost already"
    third.heard("siren", clock.now())
    assert kinds(store) == [SOURCE_HEARD, SOURCE_LOST, SOURCE_HEARD]


async def test_the_watch_records_losses(store: SqliteStore, clock: TurnedClock, intake: Intake) -> None:
    """The task on the clock finds a silent source without anybody asking."""
    await intake.hear("siren", clock.now())
    recorded = asyncio.Event()
    loop = asyncio.get_running_loop()
    store.on_append(lambda _: loop.call_soon_threadsafe(recorded.set))
    watching = asyncio.create_task(intake.watch())
    try:
        for _ in range(20):
            clock.turn(5)
            for _ in range(5):
                await asyncio.sleep(0)
        await asyncio.wait_for(recorded.wait(), 10)
    finally:
        watching.cancel()
    assert kinds(store) == [SOURCE_HEARD, SOURCE_LOST]


async def test_from_the_event_loop(store: SqliteStore, clock: TurnedClock, intake: Intake) -> None:
    """Taking reports from the event loop records as receiving does."""
    assert len(await intake.take([report(clock), report(clock)])) == 1
    assert await intake.take([report(clock)]) == []


def test_areas_never_used_before_are_an_alarm(store: SqliteStore, clock: TurnedClock, intake: Intake) -> None:
    """A source that begins to speak of raions is noticed, once per code, also across restarts (F21)."""
    assert intake.uses("siren", ["UA-30"]) == []
    [alarm] = intake.uses("siren", ["UA-30", "ua:36", "ua:37"])
    assert (alarm.kind, alarm.read(Strange).codes) == (SOURCE_STRANGE, ("ua:36", "ua:37"))
    assert intake.uses("siren", ["ua:36"]) == []
    again = Intake(store, clock, [SIREN])
    assert again.uses("siren", ["ua:37", "ua:36"]) == []
    assert again.uses("siren", ["ua:38"])[0].read(Strange).codes == ("ua:38",)


def test_realms_do_not_mix(store: SqliteStore, clock: TurnedClock) -> None:
    """A source of the exercise realm is not taken by the real thing; in its own, its entries bear the realm."""
    drill = Source("drill", "Drill", "air_alert", realm="exercise")
    with pytest.raises(NotAllowedError):
        Intake(store, clock, [drill])
    intake = Intake(store, clock, [drill], realm="exercise")
    intake.receive([report(clock, source="drill")])
    intake.heard("drill", datetime(2024, 11, 20, 1, tzinfo=UTC))
    assert {entry.realm for entry in store.read(0)} == {"exercise"}

"""A polled air-alert service, from a real server: what starts, what ends, and above all what does not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.contracts.feeds.conftest import Server, until
from tocsin.clock import TurnedClock, spell
from tocsin.errors import SourceError
from tocsin.place.gazetteer import AreaPack, Gazetteer, Unit
from tocsin.sense.feeds import Wire, opener
from tocsin.sense.feeds.air_alert import AirAlertFeed, Options
from tocsin.sense.feeds.air_answer import REGIONS
from tocsin.sense.feeds.recording import read_recording
from tocsin.sense.intake import REPORT_REFUSED, SOURCE_STRANGE, Intake
from tocsin.sense.report import REPORT_RECEIVED, Report
from tocsin.sense.signal import Signal
from tocsin.sense.source import SOURCE_HEARD

Facts = Callable[..., list[Any]]
WORLD = Gazetteer.world()


@pytest.fixture
def wire(server: Server) -> Wire:
    return Wire(
        id="siren", name="Sirens", kind="air_alert", url=server.address + "/alerts", covers=("UA-30",), interval_s=15
    )


@pytest.fixture
async def feed(wire: Wire, clock: TurnedClock) -> AsyncIterator[AirAlertFeed]:
    made = AirAlertFeed(wire, clock, Options(), WORLD)
    yield made
    await made.fetcher.close()


def said(facts: Facts) -> list[Signal]:
    return [msgspec.json.decode(report.content, type=Signal) for report in facts(REPORT_RECEIVED, Report)]


def brief(facts: Facts) -> list[str]:
    return [f"{'end' if signal.ended else 'start'} {signal.area} {signal.hazard}" for signal in said(facts)]


def item(uid: int, started: datetime, **more: Any) -> dict[str, Any]:
    return {"id": uid, "location_uid": uid, "location_title": f"n{uid}", "started_at": spell(started),
            "alert_type": "air_raid", "finished_at": None, **more}  # fmt: skip


def answer(at: datetime | None, *items: dict[str, Any]) -> str:
    meta = {"meta": {"last_updated_at": spell(at)}} if at else {}
    return json.dumps({"alerts": list(items), **meta})


def regions(**active: datetime | None) -> str:
    return json.dumps(
        [
            {"regionId": name[1:], "regionType": "State", "lastUpdate": None,
             "activeAlerts": [{"type": "AIR", "regionId": name[1:], "lastUpdate": spell(at)}] if at else []}
            for name, at in active.items()
        ]
    )  # fmt: skip


async def test_a_start_and_an_end(
    server: Server, feed: AirAlertFeed, intake: Intake, clock: TurnedClock, facts: Facts
) -> None:
    """An alert starts when the service says it did, is reported once however often it is polled, and ends with the
    first newer answer that leaves it out; when it was said and when we heard it are both kept."""
    luhansk, began = clock.now() - timedelta(days=900), clock.now() - timedelta(minutes=7)
    for _ in range(50):
        server.set("/alerts", answer(clock.now(), item(16, luhansk), item(31, began)))
        await feed.once(intake)
        clock.turn(15)
    assert brief(facts) == ["start UA-09 air", "start UA-30 air"]
    report = facts(REPORT_RECEIVED, Report)[1]
    assert (report.spoken, report.received) == (began, began + timedelta(minutes=7))
    ended = clock.now()
    server.set("/alerts", answer(ended, item(16, luhansk)))
    clock.turn(10)
    await feed.once(intake)
    assert said(facts)[-1] == Signal("UA-30", began, ended, "air")
    assert intake.last_heard("siren") == ended


async def test_a_stated_end(
    server: Server, feed: AirAlertFeed, intake: Intake, clock: TurnedClock, facts: Facts
) -> None:
    """An end time that the service gives is the end, to the second; one from before the alert is not."""
    began = clock.now() - timedelta(minutes=20)
    server.set("/alerts", answer(clock.now(), item(31, began)))
    await feed.once(intake)
    clock.turn(15)
    old = item(31, began - timedelta(hours=5), finished_at=spell(began - timedelta(hours=4)))
    server.set("/alerts", answer(clock.now(), old, item(31, began)))
    await feed.once(intake)
    assert brief(facts) == ["start UA-30 air"]
    ended = clock.now() - timedelta(seconds=3)
    server.set("/alerts", answer(clock.now(), old, item(31, began, finished_at=spell(ended))))
    await feed.once(intake)
    assert said(facts)[-1] == Signal("UA-30", began, ended, "air")


async def test_what_ends_nothing(
    server: Server, feed: AirAlertFeed, intake: Intake, clock: TurnedClock, facts: Facts
) -> None:
    """Errors, error pages, empty answers, an empty list however new, and an old copy end no alert, and none of them
    counts as heard (quirks 29, 77, 85)."""
    first = clock.now()
    server.set("/alerts", answer(first, item(16, first), item(31, first)))
    await feed.once(intake)
    old = answer(first - timedelta(minutes=1), item(16, first))
    now = first + timedelta(minutes=10)
    clock.set(now)
    for body, status in (("", 500), ("", 200), ("{}", 200), ("<html>", 200), ('{"error":"x"}', 200), ("", 403)):
        server.set("/alerts", body, status)
        with pytest.raises(SourceError):
            await feed.once(intake)
    for body in (answer(now), answer(None), "[]", old, answer(None)):
        server.set("/alerts", body)
        await feed.once(intake)
        await feed.once(intake)
    assert brief(facts) == ["start UA-09 air", "start UA-30 air"]
    assert intake.last_heard("siren") == first
    server.set("/alerts", answer(now, item(31, first)))
    await feed.once(intake)
    assert brief(facts)[-1] == "end UA-09 air"


async def test_a_service_without_times_has_to_say_it_twice(
    server: Server, wire: Wire, intake: Intake, clock: TurnedClock, facts: Facts
) -> None:
    """Where an answer bears no time, one that leaves an alert out may be an old copy: the second one in a row ends it.
    A region that is listed as quiet ends at once."""
    feed = AirAlertFeed(msgspec.structs.replace(wire, heard="answer"), clock, Options(), WORLD)
    began = clock.now()
    server.set("/alerts", regions(r16=began, r31=began, r14=began))
    await feed.once(intake)
    clock.turn(15)
    server.set("/alerts", regions(r16=began, r14=None))
    await feed.once(intake)
    assert brief(facts)[3:] == ["end UA-32 air"]
    clock.turn(15)
    server.set("/alerts", regions(r16=began, r31=began))
    await feed.once(intake)
    clock.turn(15)
    server.set("/alerts", regions(r16=began))
    await feed.once(intake)
    assert len(said(facts)) == 4
    clock.turn(15)
    await feed.once(intake)
    assert brief(facts)[4:] == ["end UA-30 air"]
    assert said(facts)[-1].ended == clock.now() - timedelta(seconds=15)
    assert intake.last_heard("siren") == clock.now()
    await feed.fetcher.close()


async def test_an_alert_that_comes_back(
    server: Server, feed: AirAlertFeed, intake: Intake, clock: TurnedClock, facts: Facts
) -> None:
    """The very same alert, on again after its end, is a new start from now on, and not a repeat to be dropped."""
    began = clock.now()
    for items in ((16, 31), (16,), (16, 31), (16, 31)):
        server.set("/alerts", answer(clock.now(), *(item(uid, began) for uid in items)))
        await feed.once(intake)
        clock.turn(15)
    assert brief(facts)[1:] == ["start UA-30 air", "end UA-30 air", "start UA-30 air"]
    assert said(facts)[-1].started == began + timedelta(seconds=30)


async def test_after_a_restart(
    server: Server, wire: Wire, store: Any, intake: Intake, clock: TurnedClock, facts: Facts
) -> None:
    """What ran before a restart still runs and is not new (quirk 87); what ended meanwhile ends with the first answer
    that can say so, and not with one from before the alert began."""
    began = clock.now()
    server.set("/alerts", answer(began, item(16, began), item(31, began)))
    feed = AirAlertFeed(wire, clock, Options(), WORLD)
    await feed.once(intake)
    await feed.fetcher.close()
    clock.turn(3600)
    again = AirAlertFeed(wire, clock, Options(), WORLD)
    intake = Intake(store, clock, [wire.source()])
    server.set("/alerts", answer(began - timedelta(hours=1), item(16, began)))
    await again.once(intake)
    assert len(said(facts)) == 2
    server.set("/alerts", answer(clock.now(), item(16, began)))
    await again.once(intake)
    assert brief(facts) == ["start UA-09 air", "start UA-30 air", "end UA-30 air"]
    await again.fetcher.close()


async def test_kinds_of_danger_end_each_for_themselves(
    server: Server, feed: AirAlertFeed, intake: Intake, clock: TurnedClock, facts: Facts
) -> None:
    """Two dangers in one area are two alerts; the end of one leaves the other; an unknown kind is kept as other."""
    now = clock.now()
    air, shells, new = item(31, now), item(31, now, alert_type="artillery_shelling"), item(31, now, alert_type="ufo")
    server.set("/alerts", answer(now, air, shells, new))
    await feed.once(intake)
    clock.turn(15)
    server.set("/alerts", answer(clock.now(), shells, new))
    await feed.once(intake)
    assert brief(facts) == ["start UA-30 air", "start UA-30 artillery", "start UA-30 other", "end UA-30 air"]


async def test_parts_of_one_area_are_one_alert(
    server: Server, feed: AirAlertFeed, intake: Intake, clock: TurnedClock, facts: Facts
) -> None:
    """Two raions that both count for their oblast: the oblast's alert ends when the last of them ends."""
    now = clock.now()
    one, two = (item(n, now + timedelta(seconds=n - 124), location_oblast_uid=22) for n in (124, 125))
    clock.turn(5)
    for items in ((one, two), (two,), (item(16, now),)):
        server.set("/alerts", answer(clock.now(), *items))
        await feed.once(intake)
        clock.turn(15)
    assert brief(facts) == ["start UA-63 air", "end UA-63 air", "start UA-09 air"]
    assert said(facts)[0].started == now


async def test_the_service_moves_to_raions(
    server: Server, wire: Wire, store: Any, clock: TurnedClock, facts: Facts
) -> None:
    """2025: oblasts vanish, raions that we cannot place appear. The oblast's alert runs on while they are there, what
    could not be placed is refused by name, and nothing about it repeats at every poll (F21)."""
    intake = Intake(store, clock, [wire.source()])
    feed = AirAlertFeed(wire, clock, Options(), WORLD)
    now = clock.now()
    server.set("/alerts", answer(now, item(16, now), item(22, now)))
    await feed.once(intake)
    for _ in range(5):
        clock.turn(15)
        server.set("/alerts", answer(clock.now(), item(16, now), item(4711, now)))
        await feed.once(intake)
    assert brief(facts) == ["start UA-09 air", "start UA-63 air"]
    assert [refused["code"] for refused in facts(REPORT_REFUSED)] == ["input.place-unknown"]
    clock.turn(15)
    server.set("/alerts", answer(clock.now(), item(16, now)))
    await feed.once(intake)
    assert brief(facts)[2:] == ["end UA-63 air"]
    await feed.fetcher.close()


async def test_codes_never_used_before_are_an_alarm(
    server: Server, wire: Wire, intake: Intake, clock: TurnedClock, facts: Facts
) -> None:
    """With the pack, raions are placed, and their first use is recorded as strange, once."""
    pack = AreaPack("ua", (Unit("124", "UA-63", {"uk": "Харківський район"}),))
    feed = AirAlertFeed(wire, clock, Options(), WORLD.with_pack(pack))
    for _ in range(3):
        server.set("/alerts", answer(clock.now(), item(31, clock.now()), item(124, clock.now())))
        await feed.once(intake)
        clock.turn(15)
    assert [strange["codes"] for strange in facts(SOURCE_STRANGE)] == [["ua:124"]]
    await feed.fetcher.close()


async def test_letters(server: Server, wire: Wire, intake: Intake, clock: TurnedClock, facts: Facts) -> None:
    """One letter for each region: on from now, off at the first N; a blank ends nothing."""
    feed = AirAlertFeed(msgspec.structs.replace(wire, heard="answer"), clock, Options(), WORLD)
    quiet = "N" * 27
    for letters in (quiet[:9] + "A" + quiet[10:], quiet[:9] + " " + quiet[10:], quiet):
        server.set("/alerts", json.dumps(letters))
        await feed.once(intake)
        clock.turn(15)
    assert brief(facts) == ["start UA-30 air", "end UA-30 air"]
    assert len(facts(SOURCE_HEARD)) == 1
    await feed.fetcher.close()


async def test_too_many_requests(server: Server, feed: AirAlertFeed, intake: Intake, clock: TurnedClock) -> None:
    """A 429 is waited out as long as it says, and kept as the feed's state (quirk 74)."""
    server.set("/alerts", "", 429, Retry_After="90")
    running = asyncio.create_task(feed.run(intake))
    try:
        await until(lambda: feed.state.failures == 1)
        assert "429" in feed.state.error
        clock.turn(80)
        await asyncio.sleep(0.01)
        assert len(server.asked) == 1
        clock.turn(15)
        await until(lambda: len(server.asked) == 2)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_the_token_goes_along(server: Server, wire: Wire, intake: Intake, clock: TurnedClock) -> None:
    """The headers of feeds.toml are sent, which is where a service's token stands."""
    feed = AirAlertFeed(msgspec.structs.replace(wire, headers={"Authorization": "Bearer x"}), clock, Options(), WORLD)
    server.set("/alerts", answer(clock.now(), item(31, clock.now())))
    await feed.once(intake)
    assert server.asked[0].headers["Authorization"] == "Bearer x"
    await feed.fetcher.close()


async def test_a_recorded_night_comes_out_as_it_was(
    server: Server, wire: Wire, store: Any, clock: TurnedClock, facts: Facts, shared: Path
) -> None:
    """The real night of 20 November 2024 through a served answer every 15 s: every start to the second, every end
    within one poll, nothing else."""
    recorded = read_recording(shared / "airraid" / "week_2024-11-17_2024-11-23.csv").signals
    start, stop = clock.now(), clock.now() + timedelta(hours=6)
    spans = {(s.area, s.started): s.ended for s in recorded if s.ended and s.started < stop and s.ended > start}
    number = {code: int(uid) for uid, code in REGIONS.items()}
    intake = Intake(store, clock, [wire.source()])
    feed = AirAlertFeed(wire, clock, Options(), WORLD)
    standing = item(16, start - timedelta(days=900))
    while clock.now() < stop:
        active = [item(number[a], b) for (a, b), e in spans.items() if b <= clock.now() < e]
        server.set("/alerts", answer(clock.now(), standing, *active))
        await feed.once(intake)
        clock.turn(15)
    await feed.fetcher.close()
    heard = [s for s in said(facts) if s.area != "UA-09"]
    starts = {(s.area, s.started) for s in heard if s.ended is None}
    assert starts == {key for key in spans if key[1] < stop - timedelta(seconds=15)}
    for signal in heard:
        if signal.ended is not None:
            delay = (signal.ended - spans[(signal.area, signal.started)]).total_seconds()
            assert 0 <= delay <= 15
    ended = {(s.area, s.started) for s in heard if s.ended is not None}
    assert ended == {key for key, end in spans.items() if end <= stop - timedelta(seconds=15)}


def test_the_kind_is_found_by_its_file(wire: Wire, clock: TurnedClock) -> None:
    """The registry opens this feed by its file's name, as it does any other."""
    assert isinstance(opener("air_alert")(wire, clock), AirAlertFeed)

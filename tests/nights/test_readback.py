"""The alert is read back from this installation's own channels before it goes to people."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from msgspec.structs import replace

from tests.nights.loop import alarm, entries, open_program, receiving, running, subscribe, until
from tocsin.app import Program
from tocsin.reach.delivery import DELIVERY_SEALED
from tocsin.warn.loopback import LOOPBACK_DARK, LOOPBACK_MATCHED, LOOPBACK_MISMATCHED, Compared, Outcome
from tocsin.warn.publish import ALERT_PUBLISHED, Published
from tocsin.warn.widening import ALERT_WIDENED, LOOPBACK_STOPPED, Stopped, Widened
from tocsin.web.console.desk_room import DeskRoom


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    opened = open_program(tmp_path / "data")
    yield opened
    opened.close()


async def test_what_matches_everywhere_goes_to_people_and_stands_on_record(program: Program) -> None:
    """The alert and its end are each read back on four channels, widened, and then delivered once."""
    async with receiving() as (hook, came), running(program):
        subscribe(program, hook, "UA-30")
        alarm(program, "UA-30")
        await until(lambda: len(came) == 1)
        alarm(program, "UA-30", ended=True)
        await until(lambda: len(came) == 2)
        assert [one["phase"] for one in came] == ["act", "all-clear"]
    for published in entries(program, ALERT_PUBLISHED):
        about = [one for one in entries(program) if one.subject == published.subject]
        matched = {one.read(Compared).channel for one in about if one.kind == LOOPBACK_MATCHED}
        assert matched == {"feed", "page", "stream", "webhook"}
        (opened,) = [one for one in about if one.kind == ALERT_WIDENED]
        assert opened.read(Widened).entry == published.seq
        sealed = [one for one in entries(program, DELIVERY_SEALED) if one.subject.startswith(published.subject)]
        assert all(one.seq > opened.seq for one in sealed)
        assert sealed


def stripped(told: dict[str, Any]) -> dict[str, Any]:
    return told | {"areas": []}


def reddened(told: dict[str, Any]) -> dict[str, Any]:
    return told | {"phase": "all-clear"}


def reworded(told: dict[str, Any]) -> dict[str, Any]:
    return told | {"headline": dict.fromkeys(told["headline"], "Nothing happens.")}


@pytest.mark.parametrize(("spoil", "what"), [(stripped, "area"), (reddened, "phase"), (reworded, "text")])
async def test_a_stream_that_tells_something_else_stops_the_alert(
    program: Program, spoil: Callable[[dict[str, Any]], dict[str, Any]], what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An area that is lost, another phase, other words: nobody gets it; journal, console, readiness and a call say so."""
    import tocsin.reach.channels.event as streams

    honest = streams.body
    monkeypatch.setattr(streams, "body", lambda told: msgspec.json.encode(spoil(json.loads(honest(told)))))
    async with receiving() as (hook, came), running(program) as address:
        subscribe(program, hook, "UA-30")
        alarm(program, "UA-30")
        await until(lambda: entries(program, LOOPBACK_STOPPED))
        (stop,) = entries(program, LOOPBACK_STOPPED)
        assert what in stop.read(Stopped).sentence
        await shouted(program, address)
        assert not came
    assert not entries(program, DELIVERY_SEALED)
    assert not entries(program, ALERT_WIDENED)
    wrong = [one.read(Compared) for one in entries(program, LOOPBACK_MISMATCHED)]
    assert [(one.channel, what in one.wrong) for one in wrong] == [("stream", True)]


async def shouted(program: Program, address: str) -> None:
    """Readiness names the alert, and the desk holds it."""
    (published,) = entries(program, ALERT_PUBLISHED)
    room = DeskRoom.of(program.house)
    room.take_in()
    assert room.widening.get(published.subject) is not None
    async with aiohttp.ClientSession() as session, session.get(f"{address}/readyz") as answer:
        told = await answer.json()
    assert answer.status == 503
    assert published.subject in next(one["sentence"] for one in told["faults"] if one["code"] == "loopback.stopped")


@pytest.mark.parametrize(
    ("changes", "what"),
    [({"phase": "prepare"}, "phase"), ({"headline": "All is well"}, "text"), ({"place": "PL"}, "area")],
)
async def test_a_page_that_shows_something_else_stops_the_alert(
    program: Program, changes: dict[str, Any], what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The state of the place, as it goes over the wire, is what counts."""
    import tocsin.web.kept as kept

    honest = kept.encode
    monkeypatch.setattr(kept, "encode", lambda made: honest(replace(made, **changes)))
    async with receiving() as (hook, came), running(program) as address:
        subscribe(program, hook, "UA-30")
        alarm(program, "UA-30")
        await until(lambda: entries(program, LOOPBACK_STOPPED))
        assert f"page: {what}" in entries(program, LOOPBACK_STOPPED)[0].read(Stopped).sentence
        await shouted(program, address)
        assert not came


async def test_a_message_altered_on_its_way_stops_the_alert(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """One letter in the served XML is enough."""
    import tocsin.web.feed as feed

    honest = feed.Register.find

    def altered(register: Any, identifier: str) -> Any:
        shown = honest(register, identifier)
        cap = shown.published.cap.replace("<severity>Extreme", "<severity>Minor")
        return replace(shown, published=replace(shown.published, cap=cap))

    monkeypatch.setattr(feed.Register, "find", altered)
    async with receiving() as (hook, came), running(program):
        subscribe(program, hook, "UA-30")
        alarm(program, "UA-30")
        await until(lambda: entries(program, LOOPBACK_STOPPED))
        assert "feed: bytes" in entries(program, LOOPBACK_STOPPED)[0].read(Stopped).sentence
        assert not came


async def test_a_page_that_stays_stale_is_said_and_holds_nothing_back_for_ever(program: Program) -> None:
    """A dark channel is waited for, then the alert goes out and the journal says which channel was dark."""
    program.readback.patience = timedelta(seconds=0.5)

    async def stale(asked: object) -> Outcome:
        return Outcome("page", False)

    program.readback.reads["page"] = stale  # type: ignore[assignment]
    async with receiving() as (hook, came), running(program):
        subscribe(program, hook, "UA-30")
        alarm(program, "UA-30")
        await until(lambda: entries(program, ALERT_PUBLISHED))
        assert not came
        await until(lambda: came)
    assert [one.read(Compared).channel for one in entries(program, LOOPBACK_DARK)] == ["page"]


async def test_an_end_is_told_although_a_channel_shows_something_else(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who was told to shelter gets the all-clear after the patience, whatever is read back; the mismatch is on record."""
    import tocsin.reach.channels.event as streams

    program.readback.patience = timedelta(seconds=0.5)
    async with receiving() as (hook, came), running(program):
        subscribe(program, hook, "UA-30")
        alarm(program, "UA-30")
        await until(lambda: len(came) == 1)
        honest = streams.body
        monkeypatch.setattr(streams, "body", lambda told: msgspec.json.encode(stripped(json.loads(honest(told)))))
        alarm(program, "UA-30", ended=True)
        await until(lambda: len(came) == 2)
        assert came[1]["phase"] == "all-clear"
    assert [one.read(Compared).channel for one in entries(program, LOOPBACK_MISMATCHED)] == ["stream"]


async def test_a_whole_country_at_once_is_judged_region_by_region(program: Program) -> None:
    """Twenty-five alerts of one moment are each read back, and each widened once."""
    regions = list(program.gazetteer.children("UA"))[:25]
    async with receiving() as (hook, came), running(program):
        subscribe(program, hook, "UA")
        alarm(program, *regions)
        await until(lambda: len(came) == len(regions))
    widened = [one.subject for one in entries(program, ALERT_WIDENED)]
    assert sorted(widened) == sorted(one.subject for one in entries(program, ALERT_PUBLISHED))
    assert len(set(widened)) == len(regions)


async def test_a_kill_between_publishing_and_the_verdict_loses_no_alert(tmp_path: Path) -> None:
    """Killed while its page was dark, it judges the alert when it starts again, and delivers it once."""
    data = tmp_path / "data"
    async with receiving() as (hook, came):
        before = open_program(data)
        before.subscribers.load()
        subscribe(before, hook, "UA-30")
        before.close()
        command = [sys.executable, "-m", "tests.nights.loop", str(data), "dark"]
        process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
        assert process.stdout is not None
        async with asyncio.timeout(60):
            assert await process.stdout.readline() == b"published\n"
        await asyncio.sleep(0.2)
        process.send_signal(signal.SIGKILL)
        await process.wait()
        assert not came
        after = open_program(data)
        try:
            assert not entries(after, ALERT_WIDENED)
            (published,) = entries(after, ALERT_PUBLISHED)
            async with running(after):
                await until(lambda: came)
                assert [one["identifier"] for one in came] == [published.read(Published).identifier]
                await until(lambda: after.store.cursor("loopback") >= published.seq)
            assert len(entries(after, ALERT_WIDENED)) == 1
        finally:
            after.close()


async def test_nothing_is_held_back_where_nobody_serves(program: Program) -> None:
    """In a replay there is no channel to read back from: the way is open."""
    async with receiving() as (hook, came):
        subscribe(program, hook, "UA-30")
        task = asyncio.create_task(program.run(serve=False))
        alarm(program, "UA-30")
        await until(lambda: came)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert not entries(program, ALERT_WIDENED)

"""Arriving late: somebody is added to a roll call that runs, asked at once, and counted from then."""

from __future__ import annotations

import json

import pytest

from tests.contracts.roll.conftest import SECRETS, Mission
from tests.contracts.web.conftest import Reply, Server
from tocsin.account.chronicle import Chronicle
from tocsin.account.headcount import headcounts
from tocsin.account.rollcall import ROLLCALL_JOINED, ROLLCALL_STARTED, State
from tocsin.account.roster import MEMBER_ADDED, Kind
from tocsin.errors import IllegalStepError, NotFoundError, ParameterError
from tocsin.web.arrival import Arriving, arrive
from tocsin.web.rolls import Rolls
from tocsin.web.token import ARRIVE, RELAY, issue


def add(desk: Server, call: str, token: str, **body: str) -> Reply:
    """Add somebody as a system at the gate does."""
    more = {"content_type": "application/json", "authorization": f"Bearer {token}"}
    return desk.ask("POST", f"/v1/rollcalls/{call}/people", json.dumps(body).encode(), **more)


async def test_who_arrives_is_asked_at_once_and_only_they(mission: Mission) -> None:
    """A roll call of staff runs; a guest is added from the roster and a stranger as new: two questions, nobody's again."""
    call = mission.rolls.start("Night", "p1", kinds=[Kind.STAFF])
    await mission.asking.once()
    before = len(mission.sms.told)
    guest = await arrive(mission.rolls, call.id, Arriving(key="+380441110005"), "p1")
    new = Arriving(name="Late Larry", zone="Gate", sms="+380 44 111 00 09", language="de")
    stranger = await arrive(mission.rolls, call.id, new, "p1")
    assert (guest.known, stranger.known) == (False, False)
    await mission.asking.once()
    asked = mission.sms.told[before:]
    assert {to for to, _, _ in asked} == {"+380441110005", "+380441110009"}
    assert "Sind Sie sicher" in next(text for to, _, text in asked if to.endswith("09"))
    assert (len(call), call.zones[stranger.seat], call.state(stranger.seat)) == (6, "Gate", State.DELIVERED)
    again = await arrive(mission.rolls, call.id, Arriving(key="5"), "p1")
    assert (again.seat, again.known) == (guest.seat, True)
    await mission.asking.once()
    assert len(mission.sms.told) == before + 2


async def test_the_record_says_how_many_and_no_name(mission: Mission) -> None:
    """The journal has seats and who added them; the headcount has everybody, and how many of them came late."""
    call = mission.rolls.start("Night", "p1", kinds=[Kind.STAFF])
    await arrive(mission.rolls, call.id, Arriving(name="Late Larry", sms="+380441110009"), "p1")
    store = mission.building.store
    assert [entry.kind for entry in store.read(0, 100) if entry.kind in (MEMBER_ADDED, ROLLCALL_JOINED)] == [
        MEMBER_ADDED,
        ROLLCALL_JOINED,
    ]
    record = b"".join(entry.body for entry in store.read(0, 1000))
    assert not any(text.encode() in record for text in (*SECRETS, "Larry", "441110009"))
    call_entries = tuple(store.about(ROLLCALL_STARTED, call.id)) + tuple(store.about(ROLLCALL_JOINED, call.id))
    (made,) = headcounts(Chronicle((), {}, (), {}, call_entries, ()))
    assert (made.people, made.joined, made.counts["unaccounted"]) == (5, 1, 5)


async def test_it_stands_after_a_restart(mission: Mission) -> None:
    """A house that starts again knows who was added, their link and their zone."""
    call = mission.rolls.start("Night", "p1", kinds=[Kind.STAFF])
    made = await arrive(mission.rolls, call.id, Arriving(key="5"), "p1")
    link = mission.link(call, "5")
    house = mission.building.house
    again = Rolls(house, mission.rolls.roster, mission.rolls.book, lambda members: [])
    again.take_in()
    found, seat = again.opened("answer", link)
    assert (found.id, seat.id, found.zones[made.seat], len(found)) == (call.id, made.seat, "Floor 3", 5)


async def test_nobody_joins_what_is_over_or_who_is_not_there(mission: Mission) -> None:
    """A closed roll call takes nobody and keeps nobody; a part of a name finds nobody; no name is nobody."""
    call = mission.rolls.start("Night", "p1")
    with pytest.raises(NotFoundError):
        await arrive(mission.rolls, call.id, Arriving(key="Gina"), "p1")
    with pytest.raises(ParameterError):
        await arrive(mission.rolls, call.id, Arriving(zone="Gate"), "p1")
    mission.rolls.close(call.id, "p1")
    members = len(mission.rolls.roster.members())
    with pytest.raises(IllegalStepError):
        await arrive(mission.rolls, call.id, Arriving(name="Late Larry"), "p1")
    assert len(mission.rolls.roster.members()) == members


def test_a_system_at_the_gate_adds_with_its_own_scope(mission: Mission, desk: Server) -> None:
    """With the scope for it a token adds somebody, once under one key; another scope, or none, adds nobody."""
    clock, store = mission.building.clock, mission.building.store
    call = mission.rolls.start("Night", "p1", kinds=[Kind.STAFF])
    gate, _ = issue(store, clock.now(), realm="actual", name="gate", scopes=[ARRIVE])
    other, _ = issue(store, clock.now(), realm="actual", name="sms", scopes=[RELAY])
    mission.building.take_in()
    first = add(desk, call.id, gate, key="5")
    assert (first.status, first.json()["known"], list(first.json())) == (201, False, ["seat", "known"])
    assert (add(desk, call.id, gate, key="5").status, len(call)) == (200, 5)
    assert add(desk, call.id, other, key="5").status == 403
    assert add(desk, call.id, "x", key="5").status == 401
    assert add(desk, "none", gate, key="5").status == 404
    assert add(desk, call.id, gate, name="x", sms="not a number").status == 400

"""20 November 2024 at an embassy: 83 staff, 1,240 citizens, 3 wardens, from "be ready" and closure to everybody accounted for."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from tests.contracts.roll.conftest import Mission, furnish
from tests.contracts.web.conftest import Building
from tocsin.account.answer import How, Means, Says
from tocsin.account.facility import FacilityState, Offer, Reason, Status
from tocsin.account.rollcall import RollCalls, State, missing
from tocsin.account.roster import Kind
from tocsin.journal import follow, verify

STAFF, CITIZENS = 83, 1240


def sheet() -> str:
    """The embassy's people: three of the staff are wardens of a floor each; citizens are in the city."""
    rows = ["id,name,zone,warden of,language,phone,email,type"]
    for number in range(STAFF):
        floor = f"Floor {number % 3 + 1}"
        warden = floor if number < 3 else ""
        rows.append(
            f"s{number},Staff Member {number},{floor},{warden},en,+38044{number:07},s{number}@example.org,staff"
        )
    rows += [f"c{n},Citizen Number {n},City,,uk,+38067{n:07},,citizen" for n in range(CITIZENS)]
    return "\n".join(rows)


@pytest.fixture
def embassy(tmp_path: Path) -> Iterator[Mission]:
    """The embassy that evening."""
    building = Building(tmp_path, "exercise")
    made = furnish(building, tmp_path)
    made.take_in(sheet())
    yield made
    building.store.close()


@pytest.mark.asyncio
async def test_the_night_of_20_november(embassy: Mission) -> None:
    """Nobody is asked under act, everybody after it; closure is public; what the house counts is what the journal says."""
    rolls, building, chance = embassy.rolls, embassy.building, random.Random(20)
    clock = building.clock
    staff = [one for one in rolls.roster.members() if one.kind is Kind.STAFF]
    assert (len(staff), len(rolls.roster.members()), sum(bool(one.wards) for one in staff)) == (83, 1323, 3)

    notice = building.publish("prepare", event_id="notice")
    closed = FacilityState(
        "Embassy", "UA-30", Status.CLOSED, clock.now(), clock.now() + timedelta(hours=8), (Offer.EMERGENCY,),
        "+380 44 521 50 00", Reason.THREAT, notice.identifier, "duty",
    )  # fmt: skip
    rolls.set_facility("kyiv", closed)
    clock.turn(3600)
    raid = building.publish("act", event_id="raid")
    call = rolls.start("Air raid", "duty", alert=raid.identifier, kinds=tuple(Kind))
    for _ in range(10):
        clock.turn(120)
        await embassy.asking.once()
    assert embassy.sms.told == []
    assert len(call.unaccounted()) == 1323

    building.publish("hold", event_id="raid", version=2)
    await embassy.asking.once()
    assert len(embassy.sms.told) == 1323
    assert call.counts()[State.DELIVERED] == 1323

    held = {seat.member: identity for identity, seat in rolls.seats[call.id].items()}
    seats = [
        held[embassy.member(code)] for code in (*(f"s{n}" for n in range(STAFF)), *(f"c{n}" for n in range(CITIZENS)))
    ]
    floor = held[embassy.member("s3")]
    seats.remove(floor)
    chance.shuffle(seats)
    seats.append(floor)
    answering = seats[: len(seats) * 9 // 10]
    for number, seat in enumerate(answering):
        if number % 50 == 0:
            clock.turn(10)
        says = Says.HELP if number % 400 == 3 else Says.AWAY if number % 25 == 7 else Says.SAFE
        waited = clock.now() - timedelta(seconds=chance.randrange(0, 240))
        await rolls.answer(call, seat, says, means=Means.LINK, at=max(waited, call.at))
    await embassy.asking.once()
    clock.turn(600)
    await embassy.asking.once()
    wardens = [text for _, _, text in embassy.sms.told if "/w/" in text]
    assert wardens, "the wardens were told who is missing"

    assert (call.zones[floor], call.state(floor)) == ("Floor 1", State.DELIVERED)
    by = held[embassy.member("s0")]
    await rolls.answer(call, floor, Says.SAFE, means=Means.PROXY, by=by, how=How.RADIO)
    building.publish("all-clear", event_id="raid", version=3)
    clock.turn(60)
    rolls.close(call.id, "duty")
    reopened = msgspec.structs.replace(
        closed, status=Status.OPEN, since=clock.now(), review_by=clock.now() + timedelta(hours=24)
    )
    rolls.set_facility("kyiv", reopened)

    # A recount by somebody who has the journal and nothing else.
    entries = list(follow(building.store, 0))
    verify(entries, building.store.head())
    newest: dict[str, tuple[str, str, str]] = {}
    started = next(msgspec.json.decode(one.body) for one in entries if one.kind == "rollcall:started")
    for one in entries:
        if one.kind == "answer:given":
            body = msgspec.json.decode(one.body)
            newest[one.subject] = max(newest.get(one.subject, ("", "", "")), (body["at"], body["says"], body["means"]))
    total = sum(map(len, started["zones"].values()))
    counted = Counter("by-proxy" if (says, means) == ("safe", "proxy") else says for _, says, means in newest.values())
    counts = call.counts()
    assert total == len(call) == 1323
    assert missing(counts) == total - len(newest) == 1323 - len(answering) - 1
    for state in (State.SAFE, State.HELP, State.AWAY, State.PROXY):
        assert counts[state] == counted[state.value], state
    assert counted["by-proxy"] == 1
    told = next(msgspec.json.decode(one.body) for one in entries if one.kind == "rollcall:closed")
    assert told["counts"] == {state.value: number for state, number in counts.items()}
    again = RollCalls("exercise")
    for one in entries:
        again.apply(one)
    assert again.by_id[call.id].curve() == call.curve()
    assert call.curve()[-1].accounted == len(newest)
    assert [state.status for _, state in rolls.facilities.history["kyiv"]] == [Status.CLOSED, Status.OPEN]
    recorded = b"".join(one.body for one in entries)
    for word in (b"Citizen Number", b"Staff Member", b"+380", b"s1@example"):
        assert word not in recorded.replace(b"+380 44 521 50 00", b""), word

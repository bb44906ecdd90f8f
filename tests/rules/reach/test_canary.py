"""Nobody but a canary is concerned by what the self-drill publishes, and a canary by nothing else."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rules.reach.conftest import Room
from tests.rules.reach.stage import NIGHT, PARENTS, Map, Notes, published, until
from tocsin.account.subscriber_file import AUDIENCES, read_list
from tocsin.cap.alert import Scope, Status
from tocsin.cap.phase import Phase, says
from tocsin.cap.realm import realm
from tocsin.cap.xml import read
from tocsin.errors import ImportFileError
from tocsin.journal import EXERCISE, Fact, fact
from tocsin.place.gazetteer import Gazetteer
from tocsin.reach.audience import Audience
from tocsin.reach.delivery import DELIVERY_SEALED, rank
from tocsin.reach.register import CANARY
from tocsin.reach.subscription import Subscription
from tocsin.reach.wanted import Watch
from tocsin.warn.canary import SAYS, SELFDRILL_PUBLISHED, area, channels_of, proving
from tocsin.warn.compile import Issuer, Kit
from tocsin.warn.phrase import book
from tocsin.warn.publish import Published
from tocsin.web.console.subscribers import AUDIENCES as GRANTED
from tocsin.web.wish import Wanted

WAYS = ("mail", "sms", "webhook")
KIT = Kit(Gazetteer.world(), book(), Issuer("warn@warn.example", "Warn", "actual", ("en", "uk", "de", "fr")))

codes = st.sampled_from([*PARENTS, *map(area, WAYS), "x-selfdrill-", "nowhere"])
spots = st.tuples(st.integers(-90_000_000, 90_000_000), st.integers(-180_000_000, 180_000_000))
wishes = st.builds(
    Subscription,
    id=st.uuids().map(str),
    channel=st.sampled_from(WAYS),
    areas=st.lists(codes, max_size=4).map(tuple),
    points=st.lists(spots, max_size=2).map(tuple),
    watches=st.lists(st.just(Watch(50_450_000, 30_520_000, 20_000_000)), max_size=1).map(tuple),
    phases=st.lists(st.sampled_from(["act", "prepare", "all-clear"]), max_size=2).map(tuple),
    audience=st.sampled_from([*AUDIENCES, *GRANTED]),
    roles=st.lists(st.sampled_from(["warden", "medic", CANARY]), max_size=2).map(tuple),
    person=st.sampled_from(["", "canary:mail", "list.one"]),
)  # fmt: skip
canaries = st.sampled_from(WAYS).map(
    lambda way: Subscription(f"canary {way}", way, (area(way),), audience=CANARY, person=f"canary:{way}")
)


@given(
    st.lists(wishes, max_size=8),
    st.lists(canaries, max_size=3, unique_by=lambda one: one.channel),
    st.lists(codes, max_size=3),
    st.sampled_from([*(phase.value for phase in Phase), "canary"]),
    st.sampled_from([*(scope.value for scope in Scope), CANARY, ""]),
    st.sampled_from(["", "warden", CANARY, "role:canary"]),
    st.booleans(),
)
def test_two_worlds(
    people: list[Subscription],
    own: list[Subscription],
    areas: list[str],
    phase: str,
    scope: str,
    role: str,
    at_once: bool,
) -> None:
    """Whatever anybody can ask for, and whatever an alert can say: people are told of alerts, canaries of the self-drill."""
    numbered = list(enumerate([*people, *own], 1))
    room = Audience(Map())
    if at_once:
        room.load(numbered)
        again = Audience(Map())
        again.fill([room.block(0)])
        room = again
    else:
        for number, one in numbered:
            room.add(number, one)
    kinds = {number: one.audience for number, one in numbered}
    found = room.match(areas, phase, scope, role=role)
    assert all(kinds[number] != CANARY for numbers in found.values() for number in numbers.tolist())
    tally = room.preview(areas, phase, scope, role=role)
    assert tally.total == sum(len(numbers) for numbers in found.values())
    drilled = room.match(areas, phase, scope, role=role, canaries=True)
    assert {kinds[number] for numbers in drilled.values() for number in numbers.tolist()} <= {CANARY}
    assert sorted(n for numbers in drilled.values() for n in numbers.tolist()) == [
        number for number, one in numbered if one.audience == CANARY and set(one.areas) & set(areas)
    ]
    assert sorted(room.numbers()) == [number for number, kind in kinds.items() if kind != CANARY]
    assert room.census()[0].total == len(people)


def test_no_door_makes_a_canary() -> None:
    """No list, form or interface has a word for a canary, and its area is no place that they know."""
    assert CANARY not in (*AUDIENCES, *GRANTED)
    with pytest.raises(ImportFileError):
        read_list(b"mail,area\na@warn.example,UA-30\n", {"audience": CANARY}, KIT.gazetteer)
    text = f"mail,area,audience\na@warn.example,UA-30,canary\nb@warn.example,{area('mail')},staff\n"
    found = read_list(text.encode(), {}, KIT.gazetteer)
    assert [(one.audience, one.areas) for one in found.listed] == [("public", ("UA-30",))]
    assert area("mail") not in KIT.gazetteer
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"areas": ["UA-30"], "audience": "canary"}', type=Wanted)


def test_the_message_is_whole_and_says_what_it_is() -> None:
    """Status Test, scope Private, in every language, with the word for exercise; the all-clear ends just this event."""
    act = proving(KIT, lambda message, at: message, "selfdrill.1", WAYS, NIGHT)
    clear = proving(KIT, lambda message, at: message, "selfdrill.1", WAYS, NIGHT, before=act)
    assert (act.areas, channels_of(act)) == (tuple(map(area, WAYS)), WAYS)
    (first,), (second,) = read(act.cap.encode()).alerts, read(clear.cap.encode()).alerts
    (back,) = read(act.retraction.encode()).alerts
    assert [says(one) for one in (first, second, back)] == [Phase.ACT, Phase.ALL_CLEAR, Phase.RETRACTED]
    for one in (first, second, back):
        assert (one.status, one.scope, realm(one)) == (Status.TEST, Scope.PRIVATE, EXERCISE)
        assert {info.language for info in one.infos} == set(SAYS)
        for info in one.infos:
            word = book().exercise(info.language)
            assert info.headline.startswith(word)
            assert info.event.startswith(word)
            assert info.expires == NIGHT + timedelta(minutes=10)
    assert second.references[0].identifier == back.references[0].identifier == act.identifier


def drilling(event: str = "selfdrill.1", before: Published | None = None) -> tuple[Published, Fact]:
    done = proving(KIT, lambda message, at: message, event, ("notes",), NIGHT, before=before)
    return done, fact(SELFDRILL_PUBLISHED, done.identifier, done, EXERCISE)


async def test_behind_everything_else(room: Room) -> None:
    """What stands in the queue of a channel leaves before the self-drill, an exercise as well; all of it is exercise."""
    people = room.crowd(3, "UA-30")
    own = room.subscribe(area("notes"), audience=CANARY, person="canary:notes")
    room.notes.lanes = room.notes.stride = 1
    room.notes.hold = asyncio.Event()
    act, said = drilling()
    async with room.running() as dispatch:
        await room.publish(said)
        await room.notes.begun.wait()
        await room.publish(published())
        await until(lambda: any(work.batch.rank == rank("act", "actual") for work in dispatch._works.values()))
        room.notes.hold.set()
        await dispatch.quiet()
        await room.publish(drilling(before=act)[1])
        await dispatch.quiet()
        told = [one.to.subscription for one in room.notes.sent]
        assert sorted(told[:3]) == sorted(one.id for one in people)
        assert told[3:] == [own.id, own.id]
        assert dispatch.under_way() == ["tocsin.test-night-1"]
    assert {one.realm for one in room.notes.sent if one.to.number == own.number} == {EXERCISE}
    assert room.notes.told(own.id) == [(1, "act"), (2, "all-clear")]
    sealed = {entry.subject: entry.realm for entry in room.store.read(0, kinds=[DELIVERY_SEALED])}
    assert sealed == {
        "tocsin.test-night-1@notes": "actual",
        "selfdrill.1.1@notes": EXERCISE,
        "selfdrill.1.2@notes": EXERCISE,
    }


async def test_after_a_crash_it_is_still_an_exercise(room: Room) -> None:
    """A self-drill's batch that another process takes up is sent as what it was, behind everything else."""
    own = room.subscribe(area("notes"), audience=CANARY, person="canary:notes")
    room.notes.hold = asyncio.Event()
    async with room.running():
        await room.publish(drilling()[1])
        await room.notes.begun.wait()
    (batch,) = room.batches.open()
    assert (batch.realm, batch.rank) == (EXERCISE, 20)
    room.notes = Notes()
    room.dispatch = room.new()
    async with room.running() as dispatch:
        room.clock.set(NIGHT)
        await until(lambda: room.notes.sent or not dispatch._works)
        await dispatch.quiet()
    assert [(one.realm, one.to.number) for one in room.notes.sent] == [(EXERCISE, own.number)]

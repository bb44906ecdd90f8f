"""Asking by the app and by telephone: joined by the person's own act, beside their first way, and answered by a key."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest

from tests.contracts.channels.pushservice import Device
from tests.contracts.roll.conftest import SECRETS, Lane, Mission
from tests.contracts.web.conftest import Reply, Server
from tocsin.account.answer import ANSWER_GIVEN, Answer, Means
from tocsin.account.rollcall import ROLLCALL_ASKED, Asked, State
from tocsin.account.roster import DEVICE_JOINED, DEVICE_LEFT
from tocsin.reach.bulletin import Bulletin
from tocsin.reach.channel import ACCEPTED, GONE, Outcome, later, refused
from tocsin.reach.channels.way import Unset
from tocsin.reach.delivery import Delivery
from tocsin.reach.notice import notice
from tocsin.reach.subscription import Subscription, Wish
from tocsin.web.dossier import dossier, erase
from tocsin.web.token import RELAY, issue

FORM = "application/x-www-form-urlencoded"


class App:
    """Web Push as a channel that notes what it is given."""

    name, stride, lanes = "webpush", 10, 1

    def __init__(self) -> None:
        self.sent, self.outcome = list[Delivery](), ACCEPTED

    async def send(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        self.sent += batch
        return [self.outcome] * len(batch)


class Bell:
    """A telephone gateway; with ``keys`` it hands on what is pressed."""

    name, stride, lanes = "voice", 10, 1

    def __init__(self, keys: bool) -> None:
        self.keys, self.rung, self.sent = keys, list[tuple[str, str, str, str]](), list[Delivery]()

    async def ring(self, number: str, text: str, tag: str, reference: str) -> Outcome:
        self.rung.append((number, text, tag, reference))
        return ACCEPTED

    async def send(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        self.sent += batch
        return [ACCEPTED] * len(batch)


def app(mission: Mission) -> App:
    """Web Push, set up in this house."""
    made = App()
    mission.building.house.dispatch.lanes["webpush"] = Lane(made)  # type: ignore[arg-type]
    return made


def subscribed(mission: Mission, secret: str = "a secret") -> Subscription:
    """The subscription of an app on somebody's phone."""
    house = mission.building.house
    kept = (secret, Device().secret)
    made: Subscription = house.subscriptions.make(
        Wish("webpush", "https://push.example/x", areas=("UA-30",), kept=kept)
    )
    return made


def join(desk: Server, token: str, one: Subscription, secret: str = "a secret", wanted: bool = True) -> Reply:
    """Press the button of the page."""
    body = {"token": token, "subscription": one.id, "secret": secret, "wanted": wanted}
    return desk.ask("PUT", "/v1/answers/device", json.dumps(body).encode(), content_type="application/json")


async def test_who_joins_their_app_is_asked_there_beside_their_first_way(mission: Mission, desk: Server) -> None:
    """From the next roll call on the question comes by SMS and in the app at once, with a link and without a name."""
    wire, one = app(mission), subscribed(mission)
    first = mission.rolls.start("First", "p1")
    assert join(desk, mission.link(first, "1"), one).json() == {"asked": True}
    assert join(desk, mission.link(first, "1"), one).status == 200
    assert len(mission.building.entries(DEVICE_JOINED)) == 1
    call = mission.rolls.start("Second", "p1")
    await mission.asking.ask(call, mission.building.clock.now())
    (sent,) = wire.sent
    told = msgspec.json.decode(sent.body, type=Bulletin)
    assert (told.phase, told.url.rpartition("/")[2]) == ("calm", mission.link(call, "1"))
    assert told.headline == {"uk": f"{mission.building.settings.sender_name}: ви в безпеці?"}
    assert "+380441110001" in [to for to, _, _ in mission.sms.told]
    shown = notice(told, sent.to.languages).decode()
    assert not any(text in shown for text in SECRETS)
    asked = mission.building.entries(ROLLCALL_ASKED)[-1].read(Asked)
    assert asked.channels["webpush"] == 1
    await mission.asking.ask(call, mission.building.clock.now() + timedelta(minutes=4))
    assert len(wire.sent) == 1


async def test_nobody_joins_what_is_not_theirs(mission: Mission, desk: Server) -> None:
    """A wrong secret, another channel's subscription and a link that is none join nothing, in one answer."""
    one = subscribed(mission)
    call = mission.rolls.start("Night", "p1")
    link = mission.link(call, "1")
    hook = mission.building.house.subscriptions.make(
        Wish("webhook", "https://hook.example/", areas=("UA-30",), kept=("a secret",))
    )
    assert [join(desk, link, one, "wrong").status, join(desk, link, hook).status, join(desk, "x" * 16, one).status] == [
        404
    ] * 3
    assert join(desk, mission.link(call, "2", "warden"), one).status == 404
    assert not mission.rolls.roster.devices([mission.member("1")])


async def test_leaving_ending_and_erasing_end_it(mission: Mission, desk: Server) -> None:
    """Who leaves is not asked there; a device that is gone ends its subscription; who is erased leaves no trace of it."""
    wire, one = app(mission), subscribed(mission)
    call, member = mission.rolls.start("Night", "p1"), mission.member("1")
    link = mission.link(call, "1")
    join(desk, link, one)
    assert [kept.channel for kept in dossier(mission.building.house, member, "p1").subscriptions] == ["webpush"]
    assert join(desk, link, one, wanted=False).json() == {"asked": False}
    assert len(mission.building.entries(DEVICE_LEFT)) == 1
    assert not mission.rolls.roster.devices([member])
    join(desk, link, one)
    wire.outcome = GONE
    await mission.asking.ask(call, mission.building.clock.now())
    assert mission.building.house.subscriptions.get(one.id) is None
    erase(mission.building.house, member, "p1", "asked")
    with mission.building.store.reader() as connection:
        assert connection.execute("SELECT count(*) FROM member_device").get == 0


async def test_who_is_erased_meanwhile_is_not_written_down_again(
    mission: Mission, desk: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The person is erased in the moment in which their phone joins: nothing of it is left behind."""
    one, call, vault = subscribed(mission), mission.rolls.start("Night", "p1"), mission.rolls.roster.vault
    close, member, link = vault.close, mission.member("1"), mission.link(call, "1")

    def late(*given: Any) -> bytes:
        monkeypatch.undo()
        erase(mission.building.house, member, "p1", "asked")
        return close(*given)

    monkeypatch.setattr(vault, "close", late)
    join(desk, link, one)
    with mission.building.store.reader() as connection:
        assert connection.execute("SELECT count(*) FROM member_device").get == 0


async def test_a_new_sheet_keeps_the_app(mission: Mission, desk: Server) -> None:
    """Taking in a roster anew changes nothing about what a person has joined themself."""
    one, call = subscribed(mission), mission.rolls.start("Night", "p1")
    join(desk, mission.link(call, "1"), one)
    mission.take_in()
    assert mission.rolls.roster.devices([mission.member("1")]) == {mission.member("1"): (one.id,)}


async def test_a_device_with_another_address_is_asked_there(mission: Mission, desk: Server) -> None:
    """The push service gives the phone another address: the next question goes there, and to the old one no more."""
    wire, one = app(mission), subscribed(mission)
    first, member = mission.rolls.start("First", "p1"), mission.member("1")
    join(desk, mission.link(first, "1"), one)

    def renewed(address: str, **replaces: str) -> dict[str, str]:
        body = {
            "channel": "webpush",
            "endpoint": address,
            "keys": Device().keys,
            "areas": ["UA-30"],
            "replaces": replaces,
        }
        reply = desk.ask("POST", "/v1/subscriptions", json.dumps(body).encode(), content_type="application/json")
        assert reply.status == 201, reply.text
        return dict(reply.json())

    other = renewed("https://push.example/z", id=one.id, secret="not its secret")
    assert mission.rolls.roster.devices([member]) == {member: (one.id,)}
    made = renewed("https://push.example/y", id=one.id, secret="a secret")
    assert mission.rolls.roster.devices([member]) == {member: (made["id"],)}
    assert other["id"] != made["id"]
    call = mission.rolls.start("Second", "p1")
    await mission.asking.ask(call, mission.building.clock.now())
    (sent,) = wire.sent
    assert sent.to.address == "https://push.example/y"


@pytest.mark.parametrize("failure", [refused("550"), later(reason="circuit open", tried=False)])
async def test_an_app_does_not_hold_up_the_next_way(mission: Mission, desk: Server, failure: Outcome) -> None:
    """Where the app took it and the SMS did not, the person's next turn comes as soon as it would have without the app."""
    wire, one = app(mission), subscribed(mission)
    join(desk, mission.link(mission.rolls.start("First", "p1"), "1"), one)
    mission.sms.outcome = failure
    call, now = mission.rolls.start("Second", "p1"), mission.building.clock.now()
    await mission.asking.ask(call, now)
    seat = mission.rolls.seats[call.id][mission.seat(call, "1")]
    assert (call.state(seat.id), seat.tries) == (State.DELIVERED, int(failure.kind == "refused"))
    mission.sms.outcome = ACCEPTED
    await mission.asking.ask(call, now + timedelta(seconds=16))
    later_told = mission.mail.told if failure.kind == "refused" else mission.sms.told
    assert any("ви в безпеці" in text for _, _, text in later_told)
    assert len(wire.sent) == 1


async def test_the_telephone_rings_last_and_a_key_answers(mission: Mission, desk: Server) -> None:
    """After SMS and mail the phone rings; "1" is an answer by the reference of that call, and of no other link."""
    bell = Bell(keys=True)
    mission.building.house.dispatch.lanes["voice"] = Lane(bell)  # type: ignore[arg-type]
    call, now = mission.rolls.start("Night", "p1"), mission.building.clock.now()
    for turn in range(3):
        await mission.asking.ask(call, now + timedelta(minutes=4 * turn))
        assert bool([one for one in bell.rung if one[0] == "+380441110001"]) is (turn == 2)
    _, text, tag, reference = next(one for one in bell.rung if one[0] == "+380441110001")
    assert (tag, "Натисніть 1" in text, "http" in text) == ("uk", True, False)
    clock, store = mission.building.clock, mission.building.store
    token, _ = issue(store, clock.now(), realm="actual", name="gateway", scopes=[RELAY])
    mission.building.take_in()

    def press(key: str, ref: str = reference) -> int:
        fields = urlencode({"Reference": ref, "Digits": key}).encode()
        return desk.ask("POST", "/v1/answers/voice", fields, content_type=FORM, authorization=f"Bearer {token}").status

    seat = mission.seat(call, "1")
    assert press("7") == 202
    assert call.state(seat) is State.SEEN
    assert press("1", mission.link(call, "1")) == 202
    assert call.state(seat) is State.SEEN
    assert press("1") == 202
    (given,) = store.about(ANSWER_GIVEN, seat)
    assert given.read(Answer).means is Means.VOICE
    assert call.state(seat) is State.SAFE
    assert desk.get(f"/a/{reference.rpartition('/')[2]}").status == 404
    assert desk.ask("POST", "/v1/answers/voice", b"{}", content_type="application/json").status == 401


async def test_without_keys_the_telephone_says_where_to_answer(mission: Mission) -> None:
    """A gateway that hands on no keys is not asked to: the call says that the link is in the message."""
    bell = Bell(keys=False)
    mission.building.house.dispatch.lanes["voice"] = Lane(bell)  # type: ignore[arg-type]
    call, now = mission.rolls.start("Night", "p1"), mission.building.clock.now()
    for turn in range(3):
        await mission.asking.ask(call, now + timedelta(minutes=4 * turn))
    assert not bell.rung
    told = msgspec.json.decode(next(one for one in bell.sent if one.to.address == "+380441110003").body, type=Bulletin)
    assert told.instruction == {"en": "Open the link in your message to answer."}


async def test_a_telephone_that_is_not_set_up_is_no_way(mission: Mission) -> None:
    """Where no gateway is set up, nobody waits for a ring: after the last way their seat is left to the wardens."""
    mission.building.house.dispatch.lanes["voice"] = Lane(Unset("voice"))  # type: ignore[arg-type]
    call, now = mission.rolls.start("Night", "p1"), mission.building.clock.now()
    for turn in range(3):
        await mission.asking.ask(call, now + timedelta(minutes=4 * turn))
    assert mission.rolls.seats[call.id][mission.seat(call, "3")].tries == -1

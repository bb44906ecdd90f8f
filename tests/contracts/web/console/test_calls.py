"""Calls reach people, the one button answers, a stopped alert is sent on by a person only, and waiting survives a restart."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Sequence
from urllib.parse import quote, urlsplit

import msgspec
import pytest

from tests.contracts.channels.pushservice import Device
from tests.contracts.roll.conftest import Lane, Lanes
from tests.contracts.web.console.conftest import Browser
from tests.contracts.web.console.test_work import KYIV, Desk, desk
from tocsin.journal import ACTUAL
from tocsin.pager import FOLLOWER, Pager
from tocsin.reach.bulletin import Bulletin
from tocsin.reach.channel import ACCEPTED, GONE, Outcome, later, refused
from tocsin.reach.channels.way import Unset
from tocsin.reach.delivery import Delivery
from tocsin.store.vapid import VapidKey
from tocsin.warn.enrolment import DEVICE_ADDED, DEVICE_REMOVED
from tocsin.warn.owner import PAGE_ANSWERED, PAGE_DUE, PAGE_FAILED, PAGE_SENT, Page, Tried
from tocsin.warn.person import Role
from tocsin.warn.publish import ALERT_PUBLISHED, Published
from tocsin.warn.widening import ALERT_WIDENED, LOOPBACK_STOPPED, Widened, stopped
from tocsin.web.console.desk_room import DeskRoom
from tocsin.web.console.sending import DRAFT_UNSENT

__all__ = ["desk"]


class Post:
    """A channel for plain words that keeps what it is given; ``says`` are its answers in turn, then it takes all."""

    stride, lanes = 1, 1

    def __init__(self, name: str, *says: Outcome) -> None:
        self.name, self.says = name, list(says)
        self.came: list[tuple[str, str]] = []

    async def tell(self, address: str, subject: str, text: str) -> Outcome:
        self.came.append((address, text))
        return self.says.pop(0) if self.says else ACCEPTED

    async def send(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        raise AssertionError("a call is told and not sent")

    async def close(self) -> None:
        pass


class Phone(Post):
    """A channel that only sends deliveries, as the telephone does."""

    tell = None  # type: ignore[assignment]

    async def send(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        self.came += [(one.to.address, one.body.decode()) for one in batch]
        return [ACCEPTED] * len(batch)


@contextlib.asynccontextmanager
async def calling(desk: Desk, *channels: Post | Unset) -> AsyncIterator[Pager]:
    """A pager at work on these channels."""
    room = DeskRoom.of(desk.building.house)
    building = desk.building
    pager = Pager(building.store, building.clock, lambda: room, {one.name: one for one in channels}, ACTUAL)  # type: ignore[misc]
    task = asyncio.create_task(pager.run())
    try:
        yield pager
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def owned(desk: Desk) -> tuple[str, Browser, str]:
    """A duty officer who minds an alert that ends in three hours; the officer, their browser, and the alert."""
    person, dan = await desk.hire(Role.DUTY_OFFICER)
    await desk.hire(Role.APPROVER)
    address = await desk.propose(dan, [*KYIV[:1], ("code", "UA-63"), *KYIV[2:]], "act")
    await desk.send(dan, address)
    return person, dan, desk.published()[0].identifier


async def look(desk: Desk, seconds: float) -> None:
    """Time passes, and the watch looks around."""
    desk.wait(seconds)
    await DeskRoom.of(desk.building.house).look_around()


async def until(true: object, tries: int = 400) -> None:
    """Wait for what happens in other threads."""
    assert callable(true)
    for _ in range(tries):
        if true():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it did not happen")


async def test_a_call_reaches_the_owner_who_answers_by_one_button_without_signing_in(desk: Desk) -> None:
    """Mail with a sealed link; opening it changes nothing, pressing its button ends the calls and is on record."""
    person, dan, _ = await owned(desk)
    mail = Post("mail")
    async with calling(desk, mail) as pager:
        await look(desk, 3 * 3600 - 60 * 9.5)
        await until(lambda: mail.came and desk.building.entries(PAGE_SENT))
        (to, text) = next(one for one in mail.came if "ends in 10 min" in one[1])
        assert to == "person1@example.org"
        path = re.search(r"https?://[^/]+(/console/answer/\S+)", text)
        assert path is not None
        stranger = desk.browser("203.0.113.9")
        page = await stranger.get(path[1])
        assert page.status == 200
        assert "I answer" in page.text
        assert not desk.building.entries(PAGE_ANSWERED)
        assert (await stranger.submit(path[1])).status == 200
        (done,) = desk.building.entries(PAGE_ANSWERED)
        assert done.subject.endswith(f"/1/{person}")
        assert (await stranger.get(path[1][:-6] + "AAAAAA")).status == 403
        await dan.sign_in()
        seen = await dan.get("/console/calls")
        assert "answered" in seen.text
        before = len([one for one in desk.building.entries(PAGE_DUE) if one.read(Page).kind == "ends"])
        await look(desk, 60 * 5)
        assert len([one for one in desk.building.entries(PAGE_DUE) if one.read(Page).kind == "ends"]) == before
        await until(lambda: desk.building.store.cursor(FOLLOWER) > 0)
        assert not list(pager.unreachable(desk.building.clock.now()))


async def test_no_address_stands_in_the_journal(desk: Desk) -> None:
    """Which way was taken is on record, where it led is not (F27)."""
    await owned(desk)
    mail = Post("mail", refused("550"))
    async with calling(desk, mail):
        await look(desk, 3 * 3600 - 60 * 9.5)
        await until(lambda: desk.building.entries(PAGE_FAILED))
    tried = [one.read(Tried) for one in desk.building.entries(PAGE_FAILED)]
    assert ("mail", "550") in [(one.way, one.wrong) for one in tried]
    assert not any(b"person1@example.org" in one.body for one in desk.building.store.read(0, 100_000))


async def test_what_cannot_be_taken_now_is_tried_again(desk: Desk) -> None:
    """A relay that is away for a moment costs a moment and not the call."""
    await owned(desk)
    mail = Post("mail", later(reason="relay"), later(reason="relay"))
    async with calling(desk, mail):
        await look(desk, 3 * 3600 - 60 * 9.5)
        for _ in range(100):
            desk.wait(1)
            await asyncio.sleep(0.01)
            if desk.building.entries(PAGE_SENT):
                break
    assert desk.building.entries(PAGE_SENT)
    assert [one.read(Tried).wrong for one in desk.building.entries(PAGE_FAILED)].count("relay") >= 1


async def test_the_telephone_rings_at_once_where_an_alert_was_stopped(desk: Desk) -> None:
    """Mail, SMS and the telephone, because nobody is warned until somebody decides."""
    person, _, identifier = await owned(desk)
    identity = desk.identity
    known = identity.own(person)
    identity.book.describe(person, type(known)(known.name, known.email, "+380 44 123 45 67", "de"), [])
    mail, sms, voice = Post("mail"), Post("sms"), Phone("voice")
    (entry,) = desk.building.entries(ALERT_PUBLISHED)
    async with calling(desk, mail, sms, voice):
        desk.building.store.append([stopped(entry, entry.read(Published), "page: text")])
        await look(desk, 0)
        await until(lambda: mail.came and sms.came and voice.came)
    assert {sms.came[0][0], voice.came[0][0]} == {"+380441234567"}
    assert "GESTOPPT" in sms.came[0][1]
    assert identifier.startswith("evt.")


async def test_an_owner_whom_nobody_can_call_is_a_fault(desk: Desk) -> None:
    """Readiness says so while their alert stands, whether the address or the channel is missing."""
    person, _, _ = await owned(desk)
    async with calling(desk, Unset("mail")) as pager:
        (fault,) = pager.unreachable(desk.building.clock.now())
        assert fault.code == "owner.unreachable"
        assert person in fault.sentence


async def test_a_stopped_alert_is_shouted_and_sent_on_by_a_person_only(desk: Desk) -> None:
    """The line stands on the live page with both buttons; sending on needs a proof, a reason and the role."""
    person, dan, identifier = await owned(desk)
    _, auditor = await desk.hire(Role.AUDITOR)
    (entry,) = desk.building.entries(ALERT_PUBLISHED)
    desk.building.store.append([stopped(entry, entry.read(Published), "page: text")])
    where, way = f"/console/alerts/{identifier}", f"/console/widen/{quote(identifier)}"
    page = await dan.get(where)
    assert "It was sent to nobody." in page.text
    assert "Send anyway" in page.text
    assert "It was sent to nobody." in (await dan.get("/console/")).text
    assert "Send anyway" not in (await auditor.get(where)).text
    assert (await dan.submit(way, [("reason", "The page is being repaired.")])).status == 403
    assert (await dan.prove("publish", way, [("reason", " ")])).code == "person.illegal-step"
    assert not desk.building.entries(ALERT_WIDENED)
    assert (await dan.prove("publish", way, [("reason", "The page is being repaired.")])).status == 303
    (sent,) = desk.building.entries(ALERT_WIDENED)
    body = sent.read(Widened)
    assert (body.person, body.reason, body.entry) == (person, "The page is being repaired.", entry.seq)
    assert "It was sent to nobody." not in (await dan.get(where)).text
    assert (await dan.prove("publish", way, [("reason", "again")])).code == "person.illegal-step"
    assert desk.building.entries(LOOPBACK_STOPPED)


@pytest.mark.parametrize("away", [1, 3600])
async def test_what_was_about_to_be_sent_is_sent_after_a_restart_or_said(desk: Desk, away: int) -> None:
    """The fifteen seconds are on disk: whoever starts again sends it; what is too old for its proof waits for a person."""
    _, ann = await desk.hire(Role.AUTHOR)
    _, ben = await desk.hire(Role.APPROVER)
    address = await desk.propose(ann)
    await desk.approve(ben, address)
    await desk.send(ann, address)
    house = desk.building.house
    for task in list(DeskRoom.of(house).sending._tasks.values()):
        task.cancel()
    await asyncio.sleep(0)
    house.desk_room = None
    desk.wait(15 + away)
    room = DeskRoom.of(house)
    room.take_in()
    assert room.sending.waiting
    keeping = asyncio.create_task(room.keep_watch())
    await until(lambda: desk.published() or desk.building.entries(DRAFT_UNSENT))
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    assert bool(desk.published()) == (away == 1)
    assert not room.sending.waiting


async def test_a_key_that_ends_calls_each_administrator_once_at_each_of_its_days(desk: Desk) -> None:
    """At 60 days one call, at 25 the one of 30 days, by mail and in plain words; neither again, also after a restart."""
    person, _ = await desk.hire(Role.ADMINISTRATOR)
    house, mail = desk.building.house, Post("mail")
    ending = min(house.certificates.endings(), key=lambda one: one.ends)
    assert not ending.last

    def made() -> list[str]:
        return [one.subject for one in desk.building.entries(PAGE_DUE) if one.read(Page).kind == "key-ends"]

    async with calling(desk, mail):
        await look(desk, (ending.ends - desk.building.clock.now()).total_seconds() - 59.5 * 86_400)
        await until(lambda: mail.came)
        await look(desk, 3600)
        assert made() == [f"key/{ending.key}@60/1/{person}"]
        assert f"Days left until signing certificate {ending.key} ends: 59" in mail.came[0][1]
        house.desk_room = None
        await look(desk, 34 * 86_400)
        await until(lambda: len(mail.came) == 2)
        await look(desk, 3600)
        assert made() == [f"key/{ending.key}@60/1/{person}", f"key/{ending.key}@30/1/{person}"]


class Push(Phone):
    """Web Push, which is given an address with the keys to seal to."""

    async def send(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        self.came += [(one.to.address + "|" + "".join(one.to.secrets), one.body.decode()) for one in batch]
        return [self.says.pop(0) if self.says else ACCEPTED] * len(batch)


async def device(desk: Desk, person: Browser, label: str = "Night phone", **other: object) -> int:
    """Press the button of the account page in a browser whose push address is this."""
    page = await person.get("/console/account")
    made = {"endpoint": "https://push.example/abc", "keys": Device().keys, "label": label, **other}
    return (await person.send("/console/account/device", made, page.json_token)).status


async def test_a_person_lets_their_phone_be_called_and_is(desk: Desk) -> None:
    """Named in the account, tested at once, called beside mail with the button that answers, and taken back by one press."""
    house = desk.building.house
    house.vapid = VapidKey(desk.identity.data / "keys", ACTUAL)  # type: ignore[operator]
    person, dan, _ = await owned(desk)
    push, mail = Push("webpush"), Post("mail")
    house.dispatch = Lanes({"webpush": Lane(push)})  # type: ignore[dict-item]
    assert await device(desk, dan) == 200
    assert "Calls arrive here" in push.came.pop()[1]
    page = await dan.get("/console/account")
    assert "Night phone" in page.text
    assert "push.example" not in page.text
    async with calling(desk, mail, push) as pager:
        await look(desk, 3 * 3600 - 60 * 9.5)
        await until(lambda: push.came and mail.came)
        address, told = next(one for one in push.came if "ends in 10 min" in one[1])
        assert address.startswith("https://push.example/abc|")
        bulletin = msgspec.json.decode(told, type=Bulletin)
        assert (bulletin.phase, bulletin.event_id[:5]) == ("calm", "call-")
        assert person not in bulletin.event_id
        assert "I answer" in (await desk.browser("203.0.113.9").get(urlsplit(bulletin.url).path)).text
        assert not list(pager.unreachable(desk.building.clock.now()))
    record = b"".join(one.body for one in desk.building.store.read(0, 100_000))
    assert b"push.example" not in record
    assert b"Night phone" not in record
    await dan.sign_in()
    ident = house.identity.book.devices((person,))[0].id
    assert (await dan.submit("/console/account/device/drop", [("device", ident)])).status == 303
    assert not house.identity.book.devices((person,))
    assert [one.kind for one in desk.building.entries(DEVICE_ADDED)] == [DEVICE_ADDED]
    assert len(desk.building.entries(DEVICE_REMOVED)) == 1


async def test_what_is_no_device_is_not_taken_and_one_that_is_gone_is_let_go(desk: Desk) -> None:
    """An address in our own network, keys that nothing can be sealed to, and a device the push service has ended."""
    house = desk.building.house
    house.vapid = VapidKey(desk.identity.data / "keys", ACTUAL)  # type: ignore[operator]
    person, dan, _ = await owned(desk)
    assert await device(desk, dan, endpoint="https://127.0.0.1/x") == 400
    assert await device(desk, dan, endpoint="http://push.example/x") == 400
    assert await device(desk, dan, keys={"p256dh": "x", "auth": "y"}) == 400
    assert await device(desk, dan) == 200
    assert await device(desk, dan, "The same phone") == 200
    assert [one.label for one in house.identity.book.devices((person,))] == ["The same phone"]
    push = Push("webpush", GONE)
    async with calling(desk, push):
        await look(desk, 3 * 3600 - 60 * 9.5)
        await until(lambda: desk.building.entries(DEVICE_REMOVED))
    assert not house.identity.book.devices((person,))


async def test_a_proof_is_needed_to_name_a_device(desk: Desk) -> None:
    """Where a call goes is changed by somebody who has just proved who they are, and by nobody who found a session open."""
    house = desk.building.house
    house.vapid = VapidKey(desk.identity.data / "keys", ACTUAL)  # type: ignore[operator]
    _, dan = await desk.hire(Role.DUTY_OFFICER)
    desk.wait(11 * 60)
    assert await device(desk, dan) == 403
    assert not desk.building.entries(DEVICE_ADDED)

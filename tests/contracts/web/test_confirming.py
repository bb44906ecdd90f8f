"""Subscribing a mail address: asked there by a real mail, begun by a click, ended by one."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from email import message_from_bytes, policy
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from aiosmtpd.controller import Controller

from tests.contracts.channels.rigs import free_port
from tests.contracts.web.conftest import Reply, Server
from tests.rules.reach.stage import until
from tocsin.reach.channel import Kit, Outcome
from tocsin.reach.channels.mail import Mail, unsubscribe_url
from tocsin.reach.channels.smtp import Relay
from tocsin.reach.subscription import SUBSCRIPTION_ENDED, SUBSCRIPTION_MADE, Made

ASKED = {"channel": "mail", "address": "Olena@Example.org", "areas": ["ua-30"], "languages": ["uk"]}


class Box:
    """Keeps the mails that came."""

    def __init__(self) -> None:
        self.mails: list[Any] = []
        self.here = threading.Semaphore(0)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append(message_from_bytes(envelope.content, policy=policy.SMTP))
        self.here.release()
        return "250 taken"

    def next(self) -> Any:
        assert self.here.acquire(timeout=10)
        return self.mails[-1]


class OnItsLoop(Mail):
    """Mail that remembers the loop of the server, on which it must be closed."""

    loop: asyncio.AbstractEventLoop | None = None
    telling: int = 0

    async def tell(self, address: str, subject: str, text: str) -> Outcome:
        self.loop = asyncio.get_running_loop()
        self.telling += 1
        try:
            return await super().tell(address, subject, text)
        finally:
            self.telling -= 1

    async def end(self) -> None:
        await until(lambda: self.telling == 0)
        await self.close()


@pytest.fixture
def box(server: Server) -> Iterator[Box]:
    """A real relay, and the server's house sending by it."""
    found = Box()
    controller = Controller(found, hostname="127.0.0.1", port=free_port())
    controller.start()
    kit = Kit(msgspec.structs.replace(server.building.settings, public_url=server.base), server.building.clock)
    channel = OnItsLoop(kit, Relay("alerts@warn.example", port=controller.port))
    server.house.settings = kit.settings
    server.house.dispatch = SimpleNamespace(lanes={"mail": SimpleNamespace(channel=channel)})
    yield found
    if channel.loop is not None:
        asyncio.run_coroutine_threadsafe(channel.end(), channel.loop).result(5)
    controller.stop()


def subscribe(server: Server, **changed: Any) -> Reply:
    content = json.dumps({**ASKED, **changed}).encode()
    return server.ask("POST", "/v1/subscriptions", content, Content_Type="application/json")


def path(mail: Any, server: Server) -> str:
    found = re.search(rf"{server.base}(/v1/confirm/\S+)", mail.get_content())
    assert found is not None
    return found[1]


def test_a_subscription_begins_with_the_yes(server: Server, box: Box) -> None:
    """A mail asks at the address, in its reader's language; opening the link asks, the button begins, once."""
    reply = subscribe(server)
    assert reply.status == 202
    assert reply.json() == {"channel": "mail", "areas": ["UA-30"], "confirm": "link"}
    mail = box.next()
    assert mail["To"] == "Olena@example.org"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "Київ" in mail.get_content()
    link = path(mail, server)
    page = server.ask("GET", link)
    assert page.status == 200
    assert b"<form" in page.body
    assert server.building.entries(SUBSCRIPTION_MADE) == []
    assert {server.ask("POST", link).status for _ in range(3)} == {200}
    (made,) = server.building.entries(SUBSCRIPTION_MADE)
    assert (made.read(Made).channel, made.read(Made).areas) == ("mail", ("UA-30",))


def test_one_click_ends_it(server: Server, box: Box) -> None:
    """The link that stands in each mail ends the subscription; a wrong key ends nothing and gets the same answer."""
    subscribe(server)
    server.ask("POST", path(box.next(), server))
    (made,) = server.building.entries(SUBSCRIPTION_MADE)
    number = made.read(Made).number
    secret = server.house.subscriptions.book.addresses([number])[number].secrets[0]
    link = unsubscribe_url("", made.subject, secret)
    assert b"<form" in server.ask("GET", link).body
    content = b"List-Unsubscribe=One-Click"
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    wrong = server.ask("POST", link[:-4] + "AAAA", content, **form)
    assert server.building.entries(SUBSCRIPTION_ENDED) == []
    right = server.ask("POST", link, content, **form)
    assert (wrong.status, wrong.body) == (right.status, right.body) == (200, right.body)
    assert [entry.subject for entry in server.building.entries(SUBSCRIPTION_ENDED)] == [made.subject]


def test_nobody_learns_whether_an_address_is_known(server: Server, box: Box) -> None:
    """However often an address is asked for, the answer is the same, and it gets three mails at most."""
    answers = {(reply.status, reply.body) for reply in (subscribe(server) for _ in range(6))}
    assert len(answers) == 1
    for _ in range(3):
        box.next()
    assert not box.here.acquire(timeout=0.2)


def test_a_link_holds_for_a_day(server: Server, box: Box) -> None:
    """An old link, and one that never was, begin nothing and say to ask again."""
    subscribe(server)
    link = path(box.next(), server)
    server.building.clock.turn(86_401)
    for old in (link, "/v1/confirm/nothing"):
        assert b"<form" not in server.ask("GET", old).body
        assert server.ask("POST", old).status == 200
    assert server.building.entries(SUBSCRIPTION_MADE) == []


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"address": "nobody"}, 400, "input.parameter"),
        ({"address": "a@b.cd\r\nBcc: x@y.zz"}, 400, "input.parameter"),
        ({"channel": "webhook"}, 400, "input.parameter"),
        ({"channel": "sms", "address": "+380441234567"}, 503, "operator.not-ready"),
        ({"channel": "sms", "address": "112"}, 400, "input.parameter"),
        ({"areas": ["XX-99"]}, 404, "input.place-unknown"),
    ],
)
def test_what_cannot_be_asked(server: Server, box: Box, changed: dict[str, Any], status: int, code: str) -> None:
    """What is no address, a channel that is not set up and an unknown area are refused by name."""
    reply = subscribe(server, **changed)
    assert (reply.status, reply.json()["code"]) == (status, code)
    assert not box.here.acquire(timeout=0.05)

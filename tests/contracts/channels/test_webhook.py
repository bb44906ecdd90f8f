"""Webhooks against real HTTP servers on this machine."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import ipaddress
import socket
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from email.utils import format_datetime

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from tests.rules.reach.stage import NIGHT, until
from tocsin.clock import TurnedClock
from tocsin.reach.channel import Outcome, makers
from tocsin.reach.channels.destination import ForbiddenError, VettedResolver, public, vet_url
from tocsin.reach.channels.host import Manners
from tocsin.reach.channels.webhook import Webhook, new_secret, sign, webhook_id
from tocsin.reach.delivery import Address, Delivery

SECRET, OLD = new_secret(), new_secret()


class Receiver:
    """A system that gets webhooks: keeps what came, answers as it is told."""

    def __init__(self) -> None:
        self.came: list[tuple[dict[str, str], bytes]] = []
        self.status, self.headers = 200, dict[str, str]()
        self.answer = b"{}"
        self.hold: asyncio.Event | None = None

    async def take(self, request: web.Request) -> web.StreamResponse:
        self.came.append(({name.lower(): value for name, value in request.headers.items()}, await request.read()))
        if self.hold is not None:
            await self.hold.wait()
        return web.Response(status=self.status, headers=self.headers, body=self.answer)

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.take)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            await web.SockSite(runner, sock).start()
            try:
                yield f"http://127.0.0.1:{sock.getsockname()[1]}/hook"
            finally:
                if self.hold is not None:
                    self.hold.set()
                await runner.cleanup()


def delivery(address: str, subscription: str = "one", secrets: tuple[str, ...] = (SECRET,)) -> Delivery:
    to = Address(1, subscription, address, secrets)
    return Delivery("tocsin.test-1", "night", 1, "act", "actual", NIGHT + timedelta(hours=1), b'{"phase":"act"}', to)


@contextlib.asynccontextmanager
async def webhook(manners: Manners | None = None, clock: TurnedClock | None = None) -> AsyncIterator[Webhook]:
    channel = Webhook(clock or TurnedClock(NIGHT), loopback=True, manners=manners)
    try:
        yield channel
    finally:
        await channel.close()


def checks(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """What a receiver does by the specification."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    right = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return right in headers["webhook-signature"].split(" ")


async def test_accepted_and_verifiable() -> None:
    """A webhook carries the bulletin unchanged and verifies with the subscription's secret, old or new, only."""
    receiver = Receiver()
    async with receiver.serving() as url, webhook() as channel:
        assert [one.kind for one in await channel.send([delivery(url, secrets=(SECRET, OLD))])] == ["accepted"]
    headers, body = receiver.came[0]
    assert body == b'{"phase":"act"}'
    assert headers["content-type"] == "application/json"
    assert int(headers["webhook-timestamp"]) == NIGHT.timestamp()
    assert checks(SECRET, headers, body)
    assert checks(OLD, headers, body)
    assert not checks(new_secret(), headers, body)
    assert not checks(SECRET, headers, body + b" ")


def test_signature_of_the_specification() -> None:
    """The example of the Standard Webhooks libraries gives their signature."""
    secret, name = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek"
    signature = sign([secret], name, 1614265330, b'{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_id_is_the_same_at_each_attempt() -> None:
    """A receiver that gets a delivery twice can tell by its id; another subscription has another id."""
    receiver = Receiver()
    async with receiver.serving() as url, webhook() as channel:
        await channel.send([delivery(url), delivery(url), delivery(url, "two")])
    ids = sorted(headers["webhook-id"] for headers, _ in receiver.came)
    assert len(set(ids)) == 2
    assert webhook_id("tocsin.test-1", "one") in ids
    assert all("." not in name for name in ids)


@pytest.mark.parametrize(
    ("status", "headers", "outcome"),
    [
        (204, {}, Outcome("accepted")),
        (410, {}, Outcome("gone")),
        (400, {}, Outcome("refused", "400")),
        (404, {}, Outcome("refused", "404")),
        (301, {"Location": "http://127.0.0.1:1/"}, Outcome("refused", "301")),
        (307, {"Location": "/hook"}, Outcome("refused", "307")),
        (429, {"Retry-After": "7"}, Outcome("later", "429", 7.0)),
        (
            503,
            {"Retry-After": format_datetime(NIGHT + timedelta(seconds=90), usegmt=True)},
            Outcome("later", "503", 90.0),
        ),
        (503, {"Retry-After": "soon"}, Outcome("later", "503")),
        (503, {"Retry-After": "999999999"}, Outcome("later", "503", 3600.0)),
        (500, {}, Outcome("later", "500")),
        (408, {}, Outcome("later", "408")),
    ],
)
async def test_answers(status: int, headers: dict[str, str], outcome: Outcome) -> None:
    """Each answer has its outcome, a redirect is not followed, and Retry-After is heeded within bounds."""
    receiver = Receiver()
    receiver.status, receiver.headers = status, headers
    async with receiver.serving() as url, webhook() as channel:
        assert list(await channel.send([delivery(url)])) == [outcome]
    assert len(receiver.came) == 1


async def test_outcomes_are_in_order() -> None:
    """The outcomes stand in the order of the deliveries, whatever became of each."""
    receiver = Receiver()
    async with receiver.serving() as url, webhook() as channel:
        batch = [delivery(url), delivery("ftp://x/"), delivery(url, secrets=("whsec_!",)), delivery(url, "two")]
        assert [one.kind for one in await channel.send(batch)] == ["accepted", "refused", "refused", "accepted"]


async def test_nobody_there() -> None:
    """A refused connection and a broken answer are for later, and nothing is raised."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}/"

    async def junk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"SMTP 220 hello\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(junk, "127.0.0.1", 0)
    async with server, webhook() as channel:
        port = server.sockets[0].getsockname()[1]
        outcomes = await channel.send([delivery(nobody), delivery(f"http://127.0.0.1:{port}/")])
        assert [one.kind for one in outcomes] == ["later", "later"]


async def test_black_hole_times_out_and_costs_only_its_own_host() -> None:
    """A host that never answers is given up after the time-out; another host is served meanwhile."""
    hole, good = Receiver(), Receiver()
    hole.hold = asyncio.Event()
    manners = Manners(total_s=0.3, per_host=2, waiting=0)
    async with hole.serving() as nowhere, good.serving() as url, webhook(manners) as channel:
        stuck = asyncio.create_task(channel.send([delivery(nowhere, str(n)) for n in range(6)]))
        await until(lambda: len(hole.came) == 2)
        assert [one.kind for one in await channel.send([delivery(url)])] == ["accepted"]
        outcomes = await stuck
    assert [(one.kind, one.tried) for one in outcomes] == [("later", True)] * 2 + [("later", False)] * 4
    assert {one.reason for one in outcomes} == {"timeout", "host busy"}


async def test_many_for_one_host_wait_for_their_turn() -> None:
    """A host that answers gets many deliveries a few at a time, and each of them is sent."""
    most = 0

    class Counting(Receiver):
        now = 0

        async def take(self, request: web.Request) -> web.StreamResponse:
            nonlocal most
            self.now += 1
            most = max(most, self.now)
            try:
                await asyncio.sleep(0.001)
                return await super().take(request)
            finally:
                self.now -= 1

    receiver = Counting()
    async with receiver.serving() as url, webhook(Manners(per_host=4)) as channel:
        outcomes = await channel.send([delivery(url, str(n)) for n in range(40)])
    assert {one.kind for one in outcomes} == {"accepted"}
    assert most <= 4


async def test_circuit_breaker() -> None:
    """After failures in a row a host rests, nothing is sent to it meanwhile, then it is asked once."""
    receiver, clock = Receiver(), TurnedClock(NIGHT)
    receiver.status = 500
    async with receiver.serving() as url, webhook(Manners(failures=3, rest_s=15), clock) as channel:
        for _ in range(3):
            await channel.send([delivery(url)])
        assert (await channel.send([delivery(url)]))[0] == Outcome("later", "host rests", 15.0, tried=False)
        assert len(receiver.came) == 3
        clock.turn(15)
        outcomes = await channel.send([delivery(url), delivery(url, "two")])
        assert [one.tried for one in outcomes] == [True, False]
        assert (await channel.send([delivery(url)]))[0].after_s == 30.0
        clock.turn(30)
        receiver.status = 200
        assert [one.kind for one in await channel.send([delivery(url)])] == ["accepted"]
        assert [one.kind for one in await channel.send([delivery(url), delivery(url)])] == ["accepted"] * 2


async def test_cancelled_send_ends_at_once() -> None:
    """A send that is cancelled ends at once: a cancellation of the alert must not wait for a slow host."""
    receiver = Receiver()
    receiver.hold = asyncio.Event()
    async with receiver.serving() as url, webhook() as channel:
        sending = asyncio.create_task(channel.send([delivery(url)]))
        await until(lambda: receiver.came)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(sending, 1)
        assert len(channel.hosts) == 0


async def test_endless_answer_is_not_read() -> None:
    """An answer without end costs neither memory nor time."""
    receiver = Receiver()
    receiver.answer = b"x" * 50_000_000
    async with receiver.serving() as url, webhook(Manners(total_s=5)) as channel:
        assert [one.kind for one in await channel.send([delivery(url)])] == ["accepted"]


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://0/",
        "http://[::1]/",
        "http://[::]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:a00:1]/",
        "http://[64:ff9b::a00:1]/",
        "http://[2002:a00:1::]/",
        "http://[fd00::1]/",
        "http://[fe80::1]/",
        "http://10.1.2.3/",
        "http://100.64.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://172.16.0.1/",
        "http://192.168.1.1/",
        "http://224.0.0.1/",
        "http://255.255.255.255/",
        "http://localhost/",
        "http://localhost.:8080/",
        "https://user:secret@example.org/",
        "http://example.org:25/",
        "ftp://example.org/",
        "file:///etc/passwd",
        "//example.org/",
        "http:///x",
        "http://example.org\\@127.0.0.1/",
        "http://exam ple.org/",
        "",
        "http://[::1",
        "http://example.org:99999/",
    ],
)
async def test_only_the_open_internet(address: str) -> None:
    """Nothing is sent to this machine, to a private network or by another protocol, however it is spelt."""
    channel = Webhook(TurnedClock(NIGHT))
    try:
        outcome = (await channel.send([delivery(address)]))[0]
        assert (outcome.kind, outcome.tried) == ("refused", False), outcome
        assert outcome.reason.startswith("address.")
    finally:
        await channel.close()


async def test_every_address_of_a_name_is_vetted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that has one public and one private address is refused, and so is one that turns private later."""
    answers = [["93.184.216.34", "10.0.0.1"], ["93.184.216.34"], ["127.0.0.1"]]

    async def getaddrinfo(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (text, port)) for text in answers.pop(0)]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    resolver = VettedResolver()
    with pytest.raises(ForbiddenError):
        await resolver.resolve("rebinding.example", 80)
    assert [one["host"] for one in await resolver.resolve("rebinding.example", 80)] == ["93.184.216.34"]
    with pytest.raises(ForbiddenError):
        await resolver.resolve("rebinding.example", 80)


@given(st.ip_addresses(v=4))
def test_public_agrees_with_the_registry(address: ipaddress.IPv4Address) -> None:
    """What the standard library's registry calls not global is never taken for public."""
    if not address.is_global:
        assert not public(address)
    assert public(ipaddress.IPv6Address(f"::ffff:{address}")) == public(address)
    assert public(ipaddress.IPv6Address(int(ipaddress.IPv6Address("64:ff9b::")) + int(address))) == public(address)


@given(st.ip_addresses(v=6))
def test_public_ipv6_agrees_with_the_registry(address: ipaddress.IPv6Address) -> None:
    """What the standard library's registry calls not global is never taken for public, in IPv6 as well."""
    if public(address):
        assert address.is_global or address.ipv4_mapped is not None


def test_public_addresses_pass() -> None:
    """Ordinary addresses on the Internet are taken as they are."""
    for address in ("https://example.org/hook?x=1", "http://93.184.216.34/", "https://[2606:2800:220:1::1]:8443/a"):
        assert str(vet_url(address)) == address


def test_it_is_found_by_its_name() -> None:
    """A channel is found by the name of its file, and nothing else has to be edited."""
    found: dict[str, Callable[..., object]] = dict(makers())
    assert "webhook" in found
    assert "stream" not in found

"""Web Push against push services on this machine: one that checks everything, and nginx for HTTP/2."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import http_ece
import msgspec
import pytest
from aiohttp import web
from cryptography.exceptions import InvalidTag

from tests.contracts.channels.pushservice import (
    Certified,
    Device,
    PushService,
    bulletin_of,
    delivery,
    nginx,
)
from tests.rules.reach.stage import NIGHT, until
from tocsin.clock import TurnedClock
from tocsin.errors import KeyMissingError
from tocsin.reach.channel import Outcome, makers
from tocsin.reach.channels.courier import Manners
from tocsin.reach.channels.webpush import Webpush, topic_of
from tocsin.reach.delivery import Address
from tocsin.reach.vapid import application_server_key
from tocsin.store.vapid import VapidKey

Make = Callable[..., Webpush]


@pytest.fixture
def certified(tmp_path: Path) -> Certified:
    return Certified(tmp_path)


@pytest.fixture
async def make(tmp_path: Path, clock: TurnedClock, certified: Certified) -> AsyncIterator[Make]:
    made: list[Webpush] = []

    def one(manners: Manners | None = None, **given: Any) -> Webpush:
        settings = {"loopback": True, "authorities": certified.ca, "contact": "mailto:duty@warn.example", **given}
        made.append(Webpush(clock, VapidKey(tmp_path, "actual"), manners=manners, **settings))
        return made[-1]

    yield one
    for channel in made:
        await channel.close()


@pytest.fixture
async def service(tmp_path: Path, clock: TurnedClock, certified: Certified) -> AsyncIterator[PushService]:
    key = application_server_key(VapidKey(tmp_path, "actual"))
    async with PushService(certified, key, clock.now).serving() as running:
        yield running


def kinds(outcomes: Any) -> list[str]:
    return [one.kind for one in outcomes]


async def test_device_reads_it_and_service_accepts_it(service: PushService, make: Make) -> None:
    """A push service that checks every header takes it, and the device opens it in its own language."""
    to = service.subscribe("one")
    assert kinds(await make().send([delivery(to)])) == ["accepted"]
    assert service.refusals == []
    notice = service.opened()[0]
    assert notice["texts"] == {"uk": {"headline": "Повітряна тривога", "instruction": "Прямуйте в укриття."}}
    assert (notice["identifier"], notice["event_id"], notice["version"]) == ("tocsin.test-night-1", "night", 1)
    assert (notice["phase"], notice["realm"], notice["areas"]) == ("act", "actual", ["UA-30"])
    assert notice["url"] == "https://warn.example/alerts/x.xml"
    assert notice["ends"].startswith("2024-11-20T02:00:00")
    assert notice["next_update_by"].startswith("2024-11-20T01:30:00")
    heads = service.came[0][1]
    assert (heads["ttl"], heads["urgency"]) == ("3600", "high")
    assert heads["topic"] == topic_of("night", "actual")
    assert len(heads["topic"]) == 32


async def test_nobody_else_can_open_it(service: PushService, make: Make) -> None:
    """Another device's keys, or the same key with another auth secret, do not open a message."""
    await make().send([delivery(service.subscribe("one"))])
    sealed = service.came[0][2]
    with pytest.raises((http_ece.ECEException, InvalidTag)):
        Device().opened(sealed)
    right = service.devices["one"]
    right.auth = Device().auth
    with pytest.raises((http_ece.ECEException, InvalidTag)):
        right.opened(sealed)


@pytest.mark.parametrize(
    ("phase", "urgency"),
    [("act", "high"), ("retracted", "high"), ("hold", "high"), ("prepare", "normal"), ("all-clear", "normal")],
)
async def test_urgency_and_length(service: PushService, make: Make, phase: str, urgency: str) -> None:
    """Urgency follows the phase; the length of what is sent does not, nor does it follow the text."""
    long = bulletin_of(phase, headline={"uk": "Т" * 90}, instruction={"uk": "Йдіть. " * 200})
    to = service.subscribe("one")
    channel = make()
    await channel.send([delivery(to, bulletin_of(phase))])
    await channel.send([delivery(to, long)])
    assert [heads["urgency"] for _, heads, _ in service.came] == [urgency, urgency]
    assert {len(sealed) for _, _, sealed in service.came} == {86 + 1152 + 1 + 16}
    assert service.opened()[1]["phase"] == phase


async def test_ttl_is_never_zero(service: PushService, make: Make, clock: TurnedClock) -> None:
    """In the last second of an alert its message still lives for one; zero would be for phones that are awake."""
    clock.set(NIGHT + timedelta(minutes=59, seconds=59, milliseconds=700))
    await make().send([delivery(service.subscribe("one"))])
    assert service.came[0][1]["ttl"] == "1"


@pytest.mark.parametrize(
    ("status", "headers", "kind", "after"),
    [
        (200, {}, "accepted", None),
        (201, {}, "accepted", None),
        (202, {}, "accepted", None),
        (301, {"Location": "https://127.0.0.1:1/"}, "refused", None),
        (400, {}, "refused", None),
        (401, {}, "refused", None),
        (403, {}, "refused", None),
        (404, {}, "gone", None),
        (410, {}, "gone", None),
        (413, {}, "refused", None),
        (429, {"Retry-After": "17"}, "later", 17.0),
        (429, {}, "later", None),
        (500, {}, "later", None),
        (503, {"Retry-After": "9"}, "later", 9.0),
    ],
)
async def test_answers(
    service: PushService, make: Make, status: int, headers: dict[str, str], kind: str, after: float | None
) -> None:
    """Each answer has its meaning; only 404 and 410 end a subscription, and no redirect is followed."""
    service.answer = lambda name: web.Response(status=status, headers=headers)
    outcome = (await make().send([delivery(service.subscribe("one"))]))[0]
    assert (outcome.kind, outcome.after_s) == (kind, after)
    assert len(service.came) == 1


async def test_each_has_its_own_outcome(service: PushService, make: Make) -> None:
    """In one batch one is gone, one has keys that nothing can be sealed to, and the others get their message."""
    good = [service.subscribe(f"good{n}", n) for n in range(20)]
    gone = service.subscribe("gone", 50)
    del service.devices["gone"]
    wrong = msgspec.structs.replace(good[0], secrets=("push:AAAA.BBBB",))
    outcomes = await make().send([delivery(to) for to in (*good[:10], gone, wrong, *good[10:])])
    assert kinds(outcomes) == ["accepted"] * 10 + ["gone", "refused"] + ["accepted"] * 10
    assert (outcomes[11].reason, outcomes[11].tried) == ("keys", False)
    assert Counter(name for name, _, _ in service.came) == Counter([f"good{n}" for n in range(20)] + ["gone"])


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("http://push.example/a", "address.scheme"),
        ("https://push.example", "address.malformed"),
        ("https://push.example/a b", "address.malformed"),
        ("https://user@push.example/a", "address.malformed"),
        ("https://10.0.0.7/a", "address.not-public"),
        ("https://[::ffff:10.0.0.7]/a", "address.not-public"),
        ("https://metadata.internal/a", "address.not-public"),
        ("https://push.example/" + "a" * 2100, "address.malformed"),
    ],
)
async def test_where_nothing_is_sent(make: Make, address: str, reason: str) -> None:
    """Only https on the open Internet can be an endpoint."""
    outcome = (await make().send([delivery(Address(1, "s", address, (Device().secret,)))]))[0]
    assert (outcome.kind, outcome.reason, outcome.tried) == ("refused", reason, False)


async def test_name_that_leads_inside(service: PushService, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that leads to this machine is refused when the socket is opened, also if it passed before."""
    channel = make(loopback=False)
    monkeypatch.setattr(channel, "_vet", lambda start: ("", start))
    to = service.subscribe("one")
    inside = msgspec.structs.replace(to, address=to.address.replace("127.0.0.1", "localhost"))
    for address in (to, inside):
        outcome = (await channel.send([delivery(address)]))[0]
        assert (outcome.kind, outcome.reason, outcome.tried) == ("refused", "address.not-public", False)
    assert service.came == []


async def test_unknown_certificate(service: PushService, make: Make) -> None:
    """A service whose certificate nobody vouches for gets nothing, and nothing counts as tried."""
    outcome = (await make(authorities=None).send([delivery(service.subscribe("one"))]))[0]
    assert (outcome.kind, outcome.reason, outcome.tried) == ("later", "certificate", False)
    assert service.came == []


async def test_storm_of_429(service: PushService, make: Make) -> None:
    """A service that answers 429 again and again is left alone as long as it asks; the rest waits untried."""
    service.answer = lambda name: web.Response(status=429, headers={"Retry-After": "30"})
    to = service.subscribe("one")
    channel = make(Manners(window=4, storm=3, rest_s=0.1))
    outcomes = await channel.send([delivery(to)] * 200)
    assert set(kinds(outcomes)) == {"later"}
    assert 3 <= len(service.came) <= 12
    held = [one for one in outcomes if not one.tried]
    assert len(held) == 200 - len(service.came)
    assert min(one.after_s or 0 for one in held) > 28
    before = len(service.came)
    assert all(not one.tried for one in await channel.send([delivery(to)] * 5))
    assert len(service.came) == before


async def test_service_that_fails_rests_and_comes_back(service: PushService, make: Make) -> None:
    """After failures in a row it rests, is then asked once, and when that goes well it is used as before."""
    service.answer = lambda name: web.Response(status=500)
    to = service.subscribe("one")
    channel = make(Manners(failures=3, rest_s=0.3))
    await channel.send([delivery(to)] * 3)
    assert not (await channel.send([delivery(to)]))[0].tried
    service.answer = lambda name: None

    async def again() -> Outcome:
        return (await channel.send([delivery(to)]))[0]

    async with asyncio.timeout(5):
        while (await again()).kind != "accepted":  # noqa: ASYNC110 - it rests in real time
            await asyncio.sleep(0.02)
    assert kinds(await channel.send([delivery(to)] * 30)) == ["accepted"] * 30


async def test_black_hole_does_not_hold_others(service: PushService, make: Make) -> None:
    """While one service takes connections and never answers, another is told at full speed."""
    channel = make(Manners(window=4, slow_s=0.05, total_s=3.0))
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen(64)
        lost = Address(2, "s2", f"https://127.0.0.1:{hole.getsockname()[1]}/x", (Device().secret,), ("uk",))
        to = service.subscribe("one")
        stuck = asyncio.create_task(channel.send([delivery(lost)] * 40))
        await until(lambda: any(one.inside for one in list(channel.courier.origins.values())))
        async with asyncio.timeout(2.5):
            for _ in range(10):
                assert kinds(await channel.send([delivery(to)] * 20)) == ["accepted"] * 20
        outcomes = await stuck
    assert set(kinds(outcomes)) == {"later"}
    assert 1 <= sum(one.tried for one in outcomes) <= 4
    assert {one.reason for one in outcomes if one.tried} == {"timeout"}


async def test_cancelled_send_leaves_nothing_behind(service: PushService, make: Make) -> None:
    """What has not left when a newer version comes does not leave any more."""
    service.hold = asyncio.Event()
    to = service.subscribe("one")
    channel = make(Manners(window=2, connections=2))
    sending = asyncio.create_task(channel.send([delivery(to)] * 50))
    await until(lambda: service.came)
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    service.hold.set()
    assert kinds(await channel.send([delivery(to, bulletin_of("retracted", 2))])) == ["accepted"]
    versions = [one["version"] for one in service.opened()]
    assert versions[-1] == 2
    assert versions.count(1) <= 2


async def test_over_http_2_on_one_connection(tmp_path: Path, certified: Certified, make: Make) -> None:
    """Many messages share one HTTP/2 connection, which is used again for the next alert."""
    with nginx(tmp_path, certified) as (origin, log):
        channel = make()
        device = Device()
        batch = [delivery(Address(n, f"s{n}", f"{origin}/p/{n}", (device.secret,), ("en",))) for n in range(300)]
        assert kinds(await channel.send(batch)) == ["accepted"] * 300
        assert kinds(await channel.send(batch[:100])) == ["accepted"] * 100
        await channel.close()
        lines = [line.split() for line in (await asyncio.to_thread(log.read_text)).splitlines()]
    assert len(lines) == 400
    assert {(line[0], line[2], line[4], line[6]) for line in lines} == {("HTTP/2.0", "POST", "high", "201")}
    assert len({line[1] for line in lines}) <= 4
    assert Counter(line[3] for line in lines)["/p/7"] == 2


async def test_pace(service: PushService, make: Make) -> None:
    """An origin gets no more a second than was settled on."""
    channel = make(Manners(per_second=100.0))
    to = service.subscribe("one")
    start = asyncio.get_running_loop().time()
    assert kinds(await channel.send([delivery(to)] * 60)) == ["accepted"] * 60
    assert asyncio.get_running_loop().time() - start >= 0.4


async def test_one_token_for_hours(service: PushService, make: Make, clock: TurnedClock) -> None:
    """The same token serves every subscription of an origin for hours, and is replaced in time."""
    channel = make()
    to = service.subscribe("one")
    for hours in (0, 5, 2, 12, 30):
        clock.turn(hours * 3600)
        told = bulletin_of(expires=clock.now() + timedelta(hours=1))
        assert kinds(await channel.send([delivery(to, told)])) == ["accepted"]
    tokens = [heads["authorization"] for _, heads, _ in service.came]
    assert tokens[0] == tokens[1]
    assert len(set(tokens)) == 4


async def test_not_set_up(clock: TurnedClock) -> None:
    """Without a key of the realm nothing is lost: deliveries wait."""
    channel = Webpush(clock, None)
    outcome = (await channel.send([delivery(Address(1, "s", "https://push.example/a"))]))[0]
    assert (outcome.kind, outcome.tried) == ("later", False)


def test_it_is_a_channel() -> None:
    """It is found by its name."""
    assert "webpush" in makers()


def test_realms_have_keys_of_their_own(tmp_path: Path) -> None:
    """Each realm has its own key, kept for good; a copied one and one that others can read are refused."""
    actual = VapidKey(tmp_path, "actual")
    assert VapidKey(tmp_path, "actual").public_point == actual.public_point
    assert VapidKey(tmp_path, "exercise").public_point != actual.public_point
    (tmp_path / "exercise.vapid.pem").write_bytes(actual.path.read_bytes())
    with pytest.raises(KeyMissingError):
        VapidKey(tmp_path, "actual")
    (tmp_path / "exercise.vapid.pem").unlink()
    actual.path.chmod(0o644)
    with pytest.raises(KeyMissingError):
        VapidKey(tmp_path, "actual")
    with pytest.raises(KeyMissingError):
        VapidKey(tmp_path, "nonsense")

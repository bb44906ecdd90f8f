"""SMS: a faithful short message centre, byte for byte, and faithful gateways."""

from __future__ import annotations

import asyncio
import struct
from typing import Any

import pytest

from tests.contracts.channels.rigs import smpp, sms
from tests.contracts.channels.told import delivery
from tests.rules.reach.stage import until
from tocsin.cap.length import sms_parts
from tocsin.clock import TurnedClock
from tocsin.errors import ParameterError, SettingsError
from tocsin.reach.channels.gateway import Chosen
from tocsin.reach.channels.smpp import DELIVER
from tocsin.reach.channels.sms import PROFILES, Sms, Spent, address
from tocsin.reach.delivery import Receipt


def test_addresses() -> None:
    """A number is kept in the form of E.164, however it was written."""
    assert address("+380 (44) 123-45-67") == "+380441234567"
    assert address("0049 30 1234567") == "+49301234567"
    for wrong in ("", "112", "0441234567", "+0123456789", "+38044123456789012", "+38044x123456"):
        with pytest.raises(ParameterError):
            address(wrong)


async def test_bind_and_submit_byte_for_byte(clock: TurnedClock) -> None:
    """What goes to the centre is exactly what SMPP 3.4 says, octet by octet."""
    async with smpp(clock) as rig:
        channel = rig.channel
        assert isinstance(channel, Sms)
        channel.table = channel.table.__class__("Tocsin", smpp=channel.table.smpp, parts=1)
        await rig.send(delivery(rig.address))
        bind, submit = (body for _, body in rig.more.seen[:2])
        text = rig.came()[0].text
    assert bind == b"us\x00pw\x00\x00\x34\x00\x00\x00"
    expected = (
        b"\x00" + b"\x05\x00Tocsin\x00" + b"\x01\x01380441234567\x00" + b"\x00\x00\x03" + b"\x00"
        b"241120020000000+\x00" + b"\x01\x00\x00\x00" + bytes((len(text),)) + text.encode("ascii")
    )
    assert submit == expected
    assert len(text) <= 160


async def test_cyrillic_in_parts(clock: TurnedClock) -> None:
    """A Ukrainian text goes in UCS-2, in parts of at most 67 letters, of one reference, and reads whole again."""
    async with smpp(clock) as rig:
        await rig.send(delivery(rig.address, languages=("uk",)))
        (came,) = rig.came()
        assert {part["coding"] for part in came.raw} == {8}
        assert [part["place"] for part in came.raw] == list(range(1, len(came.raw) + 1))
        assert all(len(part["content"]) <= 140 for part in came.raw)
        assert len({part["reference"] for part in came.raw}) == 1
        assert len(came.raw) == sms_parts(came.text) <= 5
        assert "Київ: повітряна тривога" in came.text
        channel = rig.channel
        assert isinstance(channel, Sms)
        assert channel.spent == Spent(1, 0, len(came.raw), 0.0)


async def test_message_payload(clock: TurnedClock) -> None:
    """Where the centre wants it whole, a long text is one message_payload without a header."""
    async with smpp(clock, concatenation="payload") as rig:
        await rig.send(delivery(rig.address))
        (one,) = rig.more.submits
        assert (one["total"], one["esm"]) == (1, 0)
        assert len(one["text"]) > 160


async def test_window(clock: TurnedClock) -> None:
    """Many are under way at once, and never more than the window."""
    async with smpp(clock, window=7) as rig:
        batch = [delivery(f"+3804412345{n:02}", subscription=str(n)) for n in range(30)]
        assert {one.kind for one in await rig.send(*batch)} == {"accepted"}
        assert 2 <= rig.more.most <= 7
        assert len(rig.more.writers) == 1


@pytest.mark.parametrize(("status", "after"), [(0x58, 1.0), (0x14, 5.0)])
async def test_throttled(clock: TurnedClock, status: int, after: float) -> None:
    """Throttling and a full queue are for later, after a moment."""
    async with smpp(clock) as rig:
        rig.more.status = status
        (outcome,) = await rig.send(delivery(rig.address))
        assert (outcome.kind, outcome.after_s, outcome.reason) == ("later", after, f"0x{status:08x}")


async def test_signs_of_life(clock: TurnedClock) -> None:
    """A silent line is asked after."""
    async with smpp(clock, enquire_s=0.05) as rig:
        await rig.send(delivery(rig.address))
        await until(lambda: any(command == 0x15 for command, _ in rig.more.seen))


def deliver_sm(name: str, state: int | None, text: bytes = b"", esm: int = 0x04) -> bytes:
    """A receipt as a centre sends it."""
    body = b"\x00\x01\x01380441234567\x00\x05\x00Tocsin\x00" + bytes((esm, 0, 0)) + b"\x00\x00\x00\x00\x00\x00"
    body += bytes((len(text),)) + text
    if state is not None:
        body += (
            struct.pack(">HH", 0x001E, len(name) + 1) + name.encode() + b"\x00" + b"\x04\x27\x00\x01" + bytes((state,))
        )
    return struct.pack(">IIII", 16 + len(body), DELIVER, 0, 77) + body


async def test_receipts(clock: TurnedClock) -> None:
    """A message in parts is shown when each of its parts has arrived; a failed one never is; strays do no harm."""
    async with smpp(clock) as rig:
        await rig.send(delivery(rig.address))
        parts = len(rig.more.submits)
        assert parts > 1
        writer = rig.more.writers[0]
        writer.write(deliver_sm("stranger", 2) + deliver_sm("id1", 1) + deliver_sm("id1", 2))
        for place in range(2, parts):
            writer.write(deliver_sm(f"id{place}", 2))
        writer.write(deliver_sm("x", None, b"STOP", esm=0))
        await until(lambda: sum(command == 0x80000005 for command, _ in rig.more.seen) == parts + 2)
        assert rig.receipts == []
        writer.write(deliver_sm("", None, b"id:id%d sub:001 dlvrd:001 stat:DELIVRD err:000 text:x" % parts))
        await until(lambda: rig.receipts)
        assert rig.receipts == [(delivery(rig.address).alert, "one", Receipt.SHOWN)]


async def test_centre_that_dies(clock: TurnedClock) -> None:
    """When the line breaks, what waited for an answer is for later and may have arrived; then the line is new."""
    async with smpp(clock, timeout_s=5.0) as rig:
        await rig.send(delivery(rig.address))
        await rig.be("hole")
        sending = asyncio.create_task(rig.send(delivery(rig.address)))
        await asyncio.sleep(0.05)
        rig.more.writers[0].close()
        (outcome,) = await sending
        assert (outcome.kind, outcome.tried) == ("later", True)
        await rig.be("good")
        assert [one.kind for one in await rig.send(delivery(rig.address))] == ["accepted"]


TWILIO = {"account": "AC1", "key": "secret"}


@pytest.mark.parametrize(
    ("profile", "good", "path", "body"),
    [
        ("twilio", {"sid": "SM#"}, "/2010-04-01/Accounts/AC1/Messages.json", {"To": "+380441234567", "From": "Tocsin"}),
        ("infobip", {"messages": [{"messageId": "i1", "status": {"groupName": "PENDING"}}]}, "/sms/3/messages", {}),
        ("sinch", {"id": "s1"}, "/xms/v1/AC1/batches", {"to": ["380441234567"], "from": "Tocsin"}),
    ],
)
async def test_profiles(clock: TurnedClock, profile: str, good: Any, path: str, body: dict[str, Any]) -> None:
    """Each gateway gets the address, the authentication and the body that it expects."""
    async with sms(clock, profile, **TWILIO) as rig:
        rig.more.answers["good"] = (201, good)
        assert [one.kind for one in await rig.send(delivery(rig.address))] == ["accepted"]
        ((url, headers, came),) = rig.more.taken
        assert url == path
        assert (
            headers["Authorization"]
            == {
                "twilio": "Basic QUMxOnNlY3JldA==",
                "infobip": "App secret",
                "sinch": "Bearer secret",
            }[profile]
        )
        assert {name: came[name] for name in body} == body
        if profile == "infobip":
            assert came["messages"][0]["destinations"] == [{"to": "380441234567"}]
            assert "Kyiv" in came["messages"][0]["content"]["text"]


async def test_twilio_receipt_and_codes(clock: TurnedClock) -> None:
    """A posted receipt becomes shown; who unsubscribed there is gone, a bad number refused, a bad key nobody's fault."""
    async with sms(clock, "twilio", **TWILIO) as rig:
        channel = rig.channel
        assert isinstance(channel, Sms)
        rig.more.answers["good"] = (201, {"sid": "SM#"})
        await rig.send(delivery(rig.address))
        assert channel.callback({"MessageSid": "SM1", "MessageStatus": "sent"})
        assert channel.callback({"strange": 1}) is False
        assert rig.receipts == []
        await rig.send(delivery(rig.address))
        assert channel.callback({"MessageSid": "SM2", "MessageStatus": "delivered"})
        assert [level for _, _, level in rig.receipts] == [Receipt.SHOWN]
        for said, kind in (((400, {"code": 21610}), "gone"), ((400, {"code": 21211}), "refused")):
            rig.more.answers["good"] = said
            assert [one.kind for one in await rig.send(delivery(rig.address))] == [kind]
        rig.more.answers["good"] = (401, {"code": 20003})
        (outcome,) = await rig.send(delivery(rig.address))
        assert (outcome.kind, outcome.tried, outcome.after_s) == ("later", False, 60.0)


async def test_retry_after_and_rest(clock: TurnedClock) -> None:
    """Retry-After is heeded; a gateway that fails again and again is left alone for a while, then asked."""
    async with sms(clock) as rig:
        await rig.be("later")
        assert (await rig.send(delivery(rig.address)))[0].after_s == 7.0
        channel = rig.channel
        assert isinstance(channel, Sms)
        assert channel.gateway is not None
        channel.gateway.chosen = Chosen(own=channel.gateway.profile, slots={"base": "http://127.0.0.1:1"}, failures=2)
        for reason in ("gateway: not there", "gateway: not there", "gateway rests"):
            (outcome,) = await rig.send(delivery(rig.address))
            assert (outcome.reason, outcome.tried) == (reason, False)
        clock.turn(15)
        assert (await rig.send(delivery(rig.address)))[0].reason == "gateway: not there"


async def test_what_it_costs(clock: TurnedClock) -> None:
    """Parts are counted by script, and cost what a part costs."""
    async with sms(clock) as rig:
        await rig.send(delivery(rig.address), delivery(rig.address, languages=("uk",), subscription="two"))
        channel = rig.channel
        assert isinstance(channel, Sms)
        parts = [sms_parts(came.text) for came in rig.came()]
        spent = channel.spent
        assert (spent.messages, spent.parts + spent.parts_wide) == (2, sum(parts))
        assert spent.cost == pytest.approx(0.05 * sum(parts))


def test_unknown_profile() -> None:
    """A profile that nobody has is refused at the start, with those that there are."""
    with pytest.raises(SettingsError, match="twilio"):
        Chosen("twillio").found(PROFILES)

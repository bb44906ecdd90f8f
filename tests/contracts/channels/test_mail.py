"""E-mail against a real SMTP server (aiosmtpd)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.contracts.channels.rigs import Rig, kit, mail
from tests.contracts.channels.told import SECRET, delivery
from tests.rules.reach.stage import until
from tocsin.clock import TurnedClock
from tocsin.errors import ParameterError, SettingsError
from tocsin.reach.channel import Kit
from tocsin.reach.channels.mail import Mail, address, make, unsubscribe_key
from tocsin.reach.channels.smtp import Relay
from tocsin.settings import Settings


async def test_a_mail_as_programs_want_it(clock: TurnedClock) -> None:
    """Both forms in every language wanted, one-click unsubscribe, no answer wanted, urgent, of one thread."""
    async with mail(clock) as rig:
        await rig.send(delivery(rig.address, languages=("uk", "en")), delivery(rig.address, "retracted", 2))
        first, second = (came.raw for came in rig.came())
    assert (first["To"], first["From"]) == ("olena@example.org", "Tocsin Test <alerts@warn.example>")
    link = f"https://warn.example/v1/unsubscribe/one/{unsubscribe_key(SECRET)}"
    assert first["List-Unsubscribe"] == f"<{link}>"
    assert first["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert first["Auto-Submitted"] == "auto-generated"
    assert first["X-Priority"].startswith("1")
    assert first["References"] == second["References"] == first["In-Reply-To"]
    assert first["Message-ID"] != second["Message-ID"]
    plain = first.get_body(("plain",)).get_content()
    page = first.get_body(("html",)).get_content()
    for text in (plain, page):
        assert text.index("Повітряна тривога" if "Повітряна тривога" in text else "повітряна") < text.index("air alert")
        assert link in text
        assert "https://warn.example/alerts/" in text
    assert 'lang="uk"' in page
    assert first["Subject"].isascii() is False


async def test_a_copy_sent_again_is_the_same_mail(clock: TurnedClock) -> None:
    """A resend has the Message-ID of the first attempt; another subscriber's mail has its own."""
    async with mail(clock) as rig:
        await rig.send(delivery(rig.address), delivery(rig.address), delivery(rig.address, subscription="two"))
        names = [came.raw["Message-ID"] for came in rig.came()]
    assert names[0] == names[1] != names[2]


async def test_rendered_once_whoever_reads_it(clock: TurnedClock) -> None:
    """However many recipients, a message is built once a language; each gets only its own address."""
    async with mail(clock) as rig:
        channel = rig.channel
        assert isinstance(channel, Mail)
        batch = [delivery(f"p{n}@example.org", subscription=str(n)) for n in range(150)]
        outcomes = [*await rig.send(*batch[:100]), *await rig.send(*batch[100:])]
        assert {one.kind for one in outcomes} == {"accepted"}
        assert len(channel._rendered) == 1
        assert [to for _, to, _ in rig.more.mails] == [one.to.address for one in batch]
        assert all(content.count(b"@example.org") == 1 for _, _, content in rig.more.mails)
        assert rig.more.sessions == 1


@pytest.mark.parametrize("pipelining", [True, False])
async def test_one_refused_among_many(clock: TurnedClock, pipelining: bool) -> None:
    """A recipient whom the relay refuses costs neither the mail before it nor the one after, with or without pipelining."""
    async with mail(clock, pipelining) as rig:
        names = ["nobody0", "a", "nobody1", "nobody2", "b", "nobody3"]
        outcomes = await rig.send(*(delivery(f"{name}@example.org", subscription=name) for name in names))
        assert [one.kind for one in outcomes] == ["refused", "accepted", "refused", "refused", "accepted", "refused"]
        assert [to for _, to, _ in rig.more.mails] == ["a@example.org", "b@example.org"]
        assert rig.more.sessions == 1


async def test_gone_only_where_the_operator_says_so(clock: TurnedClock) -> None:
    """An unknown mailbox is refused, and ends no subscription, until its answer is configured to mean gone."""
    async with mail(clock, gone=()) as rig:
        await rig.be("gone")
        assert [one.kind for one in await rig.send(delivery(rig.address))] == ["refused"]


async def test_relay_that_dies_in_the_middle(clock: TurnedClock) -> None:
    """What a dying relay took is accepted, what it had in hand may have arrived, and the rest was not tried."""
    heard = []

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        await reader.readline()
        writer.write(b"250-here\r\n250 PIPELINING\r\n")
        for mails in range(2):
            for _ in range(3):
                await reader.readline()
            writer.write(b"250 ok\r\n250 ok\r\n354 go\r\n")
            heard.append(await reader.readuntil(b"\r\n.\r\n"))
            if mails == 0:
                writer.write(b"250 taken\r\n")
        writer.close()

    server = await asyncio.start_server(relay, "127.0.0.1", 0, limit=2**20)
    async with server:
        port = server.sockets[0].getsockname()[1]
        channel = Mail(kit(clock), Relay("alerts@warn.example", port=port, timeout_s=2))
        outcomes = await channel.send([delivery("a@example.org", subscription=str(n)) for n in range(4)])
        await channel.close()
    assert [(one.kind, one.tried) for one in outcomes] == [
        ("accepted", True),
        ("later", True),
        ("later", False),
        ("later", False),
    ]
    assert len(heard) == 2


async def test_relay_that_is_not_there(clock: TurnedClock) -> None:
    """Without a relay nothing is tried, and nothing is lost."""
    channel = Mail(kit(clock), Relay("alerts@warn.example", port=1, timeout_s=1))
    (outcome,) = await channel.send([delivery("a@example.org")])
    assert (outcome.kind, outcome.tried) == ("later", False)


async def test_cancelled_in_the_middle(clock: TurnedClock) -> None:
    """A send that is cancelled ends at once, and its half-used connection is never used again."""
    async with mail(clock, timeout_s=20) as rig:
        await rig.be("hole")
        sending = asyncio.create_task(rig.send(delivery(rig.address)))
        await until(lambda: rig.more.sessions == 1)
        await asyncio.sleep(0.05)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(sending, 1)
        await rig.be("good")
        assert [one.kind for one in await rig.send(delivery(rig.address))] == ["accepted"]
        assert rig.more.sessions == 2


def test_addresses() -> None:
    """What is an address is kept in one spelling; what could smuggle a header or a command is refused."""
    assert address("  Olena@Пошта.укр ") == "Olena@xn--80a1acn3a.xn--j1amh"
    for wrong in ("", "a", "a@", "@b.c", "a b@c.de", "a@b\r\nX: y", "a@b", "<a@b.cd>", "a@b..de", "ä@b.de"):
        with pytest.raises(ParameterError):
            address(wrong)


def test_its_table(clock: TurnedClock, tmp_path: Path) -> None:
    """The relay is read from ``channels.toml``; without a table the channel waits, and a misspelt name is refused."""
    whole = Kit(Settings(), clock, data=tmp_path)
    assert make(whole).stride == 1000
    (tmp_path / "channels.toml").write_text('[mail]\nsender = "a@b.example"\nport = 2525\nconnections = 3\n')
    assert make(whole).lanes == 3
    (tmp_path / "channels.toml").write_text('[mail]\nsender = "a@b.example"\nprot = 2525\n')
    with pytest.raises(SettingsError):
        make(whole)


def test_password_only_over_tls(clock: TurnedClock) -> None:
    """A password does not leave this machine in clear: such a table is refused at the start."""
    for table in ({"host": "mail.example"}, {"host": "192.0.2.1"}):
        with pytest.raises(SettingsError):
            Mail(kit(clock), Relay("a@b.example", user="x", password="y", **table))
    Mail(kit(clock), Relay("a@b.example", user="x", password="y", host="mail.example", starttls=True))


async def test_rig_is_what_it_says(clock: TurnedClock) -> None:
    """The counterpart offers pipelining, and the channel uses it."""
    async with mail(clock) as rig:
        assert isinstance(rig, Rig)
        await rig.send(delivery(rig.address))
        channel = rig.channel
        assert isinstance(channel, Mail)
        assert channel._idle[0].pipelining

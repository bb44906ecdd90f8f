"""Telegram against a faithful Bot API."""

from __future__ import annotations

import pytest

from tests.contracts.channels.rigs import telegram
from tests.contracts.channels.told import delivery
from tocsin.clock import TurnedClock
from tocsin.errors import ParameterError
from tocsin.reach.channels.telegram import address


async def test_as_the_interface_wants_it(clock: TurnedClock) -> None:
    """The message goes to the bot's address as plain text without a preview, and wakes for everything but endings."""
    async with telegram(clock) as rig:
        await rig.send(delivery("12345"), delivery("-100200", "all-clear", 2, subscription="two"))
        (head, body), (_, clear) = (came.raw for came in rig.came())
    assert head["url"] == "/bot1:token/sendMessage"
    assert body["chat_id"] == "12345"
    assert "parse_mode" not in body
    assert body["link_preview_options"] == {"is_disabled": True}
    assert (body["disable_notification"], clear["disable_notification"]) == (False, True)
    assert "https://warn.example/at/UA-30" in body["text"]
    assert len(body["text"]) <= 4096


async def test_how_long_to_wait(clock: TurnedClock) -> None:
    """The wait that 429 asks for in its body is heeded."""
    async with telegram(clock) as rig:
        await rig.be("later")
        (outcome,) = await rig.send(delivery("12345"))
        assert (outcome.kind, outcome.after_s) == ("later", 33.0)


def test_addresses() -> None:
    """A chat is a number or a name."""
    assert [address(text) for text in ("12345", " -100123 ", "@kyiv_alerts")] == ["12345", "-100123", "@kyiv_alerts"]
    for wrong in ("", "kyiv", "@a", "1/../x", "12 34"):
        with pytest.raises(ParameterError):
            address(wrong)

"""Telegram: the alert as a message of our bot, by its HTTP interface.

- 429 says how long to wait, and is heeded; 403 means that the person has blocked the bot, or the chat is no more: gone.
- A courtesy channel: it belongs to somebody else, so its failure never holds up another (F17).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from tocsin.errors import ParameterError
from tocsin.reach.channel import Channel, Kit, Outcome, refused
from tocsin.reach.channels.gateway import Chosen, Gateway, Profile
from tocsin.reach.channels.way import Saying, Unset, way
from tocsin.reach.delivery import Delivery
from tocsin.reach.wording import Told, fit

MOST = 4096
URGENT = frozenset({"act", "hold", "retracted", "prepare"})
_CHAT = re.compile(r"-?[0-9]{1,20}|@[A-Za-z][A-Za-z0-9_]{4,31}")

BOT = Profile(
    url="{base}/bot{token}/sendMessage",
    code_at="error_code",
    id_at="result.message_id",
    gone=("403",),
    later=("429",),
    after_at="parameters.retry_after",
)


class Bot(Struct, frozen=True, forbid_unknown_fields=True):
    """The table ``telegram``: the bot's ``token``, and where the interface is."""

    token: str
    base: str = "https://api.telegram.org"
    timeout_s: float = 10.0
    rest_s: float = 15.0


class Telegram:
    """The channel ``telegram``; a delivery's address is the chat."""

    name = "telegram"
    stride = 10
    lanes = 4

    def __init__(self, kit: Kit, bot: Bot) -> None:
        self.kit = kit
        self.saying = Saying(kit)
        slots = {"base": bot.base.rstrip("/"), "token": bot.token}
        self.gateway = Gateway(Chosen(slots=slots, timeout_s=bot.timeout_s, rest_s=bot.rest_s), BOT, kit.clock)

    async def send(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        """Send each of ``batch``; see :class:`tocsin.reach.channel.Channel`."""
        return await asyncio.gather(*(self._one(delivery) for delivery in batch))

    async def close(self) -> None:
        """Close the connections that are kept."""
        await self.gateway.close()

    async def tell(self, address: str, subject: str, text: str) -> Outcome:
        """Send one message that is no alert: whether warnings are wanted there."""
        body = {
            "chat_id": address,
            "text": f"{subject}\n\n{text}"[:MOST],
            "link_preview_options": {"is_disabled": True},
        }
        return (await self.gateway.send({}, msgspec.json.encode(body), "application/json")).outcome

    async def _one(self, delivery: Delivery) -> Outcome:
        if _CHAT.fullmatch(delivery.to.address) is None:
            return refused("address.malformed", tried=False)
        told = self.saying.of(delivery)
        if isinstance(told, Outcome):
            return told
        body = {
            "chat_id": delivery.to.address,
            "text": self.text(told, delivery.to.languages),
            "disable_notification": delivery.phase not in URGENT or delivery.loudness == "silent",
            "link_preview_options": {"is_disabled": True},
        }
        return (await self.gateway.send({}, msgspec.json.encode(body), "application/json")).outcome

    def text(self, told: Told, languages: Sequence[str]) -> str:
        """What is sent to somebody who reads these languages: plain text, one action a line."""
        bulletin, one = told.bulletin, told.wording(languages)
        link = f"{self.kit.settings.public_url.rstrip('/')}/at/{bulletin.areas[0]}" if bulletin.areas else ""
        lines = [one.headline, one.description, *(f"• {line}" for line in one.instruction), link]
        text = "\n".join(line for line in lines if line)
        return text if len(text) <= MOST else fit(one, lambda text: len(text) <= MOST, link)


def address(text: str) -> str:
    """A chat by its number or name; what is neither raises :class:`ParameterError`."""
    if _CHAT.fullmatch(text.strip()) is None:
        raise ParameterError("address: a chat is a number, or a name with @")
    return text.strip()


def make(kit: Kit) -> Channel:
    """The channel for an installation."""
    bot = way(kit, "telegram", Bot)
    return Unset("telegram") if bot is None else Telegram(kit, bot)

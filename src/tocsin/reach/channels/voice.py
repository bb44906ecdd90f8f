"""Voice: the alert spoken, for telephone calls and public address, handed to a gateway with its text.

- Speech is made on this machine (espeak-ng), once for a text and language, within bounds of time and length; where it
  cannot be made the text goes alone, because a gateway can speak by itself and nobody may wait for us.
- No attention tone is put before it: imitating the tones of public alarms (853 and 960 Hz) is forbidden, and teaches
  people to distrust them.
- Where the gateway says so (``keys``), it is asked to wait for a key and to bring it to ``POST /v1/answers/voice`` with the
  reference of the call; that is for questions, and an alert never asks for one.
- The text goes to the speech program on its standard input, never as an argument.
"""

from __future__ import annotations

import asyncio
import logging
import re
import shutil
from base64 import b64encode
from collections.abc import Mapping, Sequence
from contextlib import suppress

from msgspec import Struct

from tocsin.place.language import language
from tocsin.reach.channel import Channel, Kit, Outcome, refused
from tocsin.reach.channels.gateway import Chosen, Gateway, Profile
from tocsin.reach.channels.way import Saying, Unset, way
from tocsin.reach.delivery import Delivery
from tocsin.reach.wording import Wording, fit
from tocsin.recent import Recent

LONGEST = 900
"""Letters that are spoken: about a minute."""
KEPT = 64
MOST_BYTES = 8_000_000
URGENT = frozenset({"act", "hold", "retracted"})
_TO = re.compile(r"\+[1-9][0-9]{6,14}|pa:[A-Za-z0-9_.-]{1,64}")
_log = logging.getLogger(__name__)

PROFILES: Mapping[str, Profile] = {
    "plain": Profile(
        url="{base}",
        fields={
            "to": "{to}",
            "text": "{text}",
            "language": "{language}",
            "audio_wav_base64": "{audio}",
            "priority": "{priority}",
            "reference": "{reference}",
            "keys": "{keys}",
        },
        headers={"authorization": "Bearer {key}"},
        id_at="id",
        code_at="code",
    ),
}


class VoiceTable(Struct, frozen=True, forbid_unknown_fields=True):
    """The table ``voice``: the call gateway; ``audio`` whether speech is made here, at ``words_a_minute``.

    ``keys`` says that the gateway hands on a key that is pressed in a call.
    """

    http: Chosen
    audio: bool = True
    words_a_minute: int = 140
    speech_s: float = 10.0
    keys: bool = False


class Speech:
    """Speech as WAV, made once for each text and language and kept while it may be needed."""

    def __init__(self, words_a_minute: int = 140, within_s: float = 10.0) -> None:
        self.words_a_minute, self.within_s = words_a_minute, within_s
        self._program = shutil.which("espeak-ng")
        self._made: Recent[tuple[str, str], asyncio.Task[bytes]] = Recent(KEPT)
        self._room = asyncio.Semaphore(2)

    async def say(self, text: str, tag: str) -> bytes:
        """``text`` spoken in a language; empty where it cannot be."""
        key = text, language(tag)
        task = self._made.get(key)
        if task is None:
            task = self._made[key] = asyncio.create_task(self._make(*key))
        found = await asyncio.shield(task)
        if not found:
            self._made.pop(key, None)
        return found

    async def close(self) -> None:
        """End what is being made."""
        tasks, self._made = list(self._made.values()), Recent(KEPT)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _make(self, text: str, voice: str) -> bytes:
        if self._program is None or not voice.isalpha():
            return b""
        async with self._room:
            process = None
            try:
                async with asyncio.timeout(self.within_s):
                    process = await asyncio.create_subprocess_exec(
                        self._program,
                        *("-v", voice, "-s", str(self.words_a_minute), "-b", "1", "--stdin", "--stdout"),
                        stdin=asyncio.subprocess.PIPE,
                        stdout=asyncio.subprocess.PIPE,
                        stderr=asyncio.subprocess.DEVNULL,
                    )
                    wav, _ = await process.communicate(text.encode())
            except (OSError, TimeoutError) as wrong:
                _log.warning("speech could not be made: %s", type(wrong).__name__)
                return b""
            finally:
                if process is not None and process.returncode is None:
                    with suppress(ProcessLookupError):
                        process.kill()
                    await process.wait()
        return wav if process.returncode == 0 and 44 < len(wav) <= MOST_BYTES else b""


class Voice:
    """The channel ``voice``; a delivery's address is a telephone number, or ``pa:`` and a loudspeaker's name."""

    name = "voice"
    stride = 10
    lanes = 4

    def __init__(self, kit: Kit, table: VoiceTable) -> None:
        self.kit, self.table = kit, table
        self.saying = Saying(kit)
        self.gateway = Gateway(table.http, table.http.found(PROFILES), kit.clock)
        self.speech = Speech(table.words_a_minute, table.speech_s)
        self.keys = table.keys

    async def send(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        """Hand over each of ``batch``; see :class:`tocsin.reach.channel.Channel`."""
        return await asyncio.gather(*(self._one(delivery) for delivery in batch))

    async def prepare(self, delivery: Delivery) -> None:
        """Make the speech of an alert in every language, so that the first call does not wait for it."""
        if self.table.audio:
            told = self.saying.words.of(delivery)
            await asyncio.gather(*(self.speech.say(spoken(one), one.language) for one in told.wordings))

    async def close(self) -> None:
        """End what is being made, and close the connections."""
        await self.speech.close()
        await self.gateway.close()

    async def _one(self, delivery: Delivery) -> Outcome:
        if _TO.fullmatch(delivery.to.address) is None:
            return refused("address.malformed", tried=False)
        told = self.saying.of(delivery)
        if isinstance(told, Outcome):
            return told
        one = told.wording(delivery.to.languages)
        urgent, reference = delivery.phase in URGENT, f"{delivery.alert}/{delivery.to.subscription}"
        return await self._call(delivery.to.address, spoken(one), one.language, urgent, reference)

    async def ring(self, number: str, text: str, tag: str, reference: str) -> Outcome:
        """Ask somebody by telephone; the key that is pressed comes back with ``reference``. Only where ``keys`` is set."""
        if _TO.fullmatch(number) is None or number.startswith("pa:"):
            return refused("address.malformed", tried=False)
        return await self._call(number, text[:LONGEST], tag, True, reference, keys=True)

    async def _call(
        self, number: str, text: str, tag: str, urgent: bool, reference: str, *, keys: bool = False
    ) -> Outcome:
        audio = await self.speech.say(text, tag) if self.table.audio else b""
        slots = {
            "to": number,
            "text": text,
            "language": tag,
            "audio": b64encode(audio).decode(),
            "priority": "high" if urgent else "normal",
            "reference": reference,
            "keys": "1" if keys else "0",
        }
        return (await self.gateway.send(slots)).outcome


def spoken(wording: Wording) -> str:
    """What is said in one language: no link and no sign that cannot be spoken."""
    return fit(wording, lambda text: len(text) <= LONGEST)


def make(kit: Kit) -> Channel:
    """The channel for an installation."""
    table = way(kit, "voice", VoiceTable)
    return Unset("voice") if table is None else Voice(kit, table)

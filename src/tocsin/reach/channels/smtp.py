"""SMTP to a relay, with pipelining: one round trip a message instead of five.

- MAIL, RCPT and DATA go out together with the end of the message before them, as RFC 2920 allows; where the relay does
  not offer it, each waits for its answer.
- Every envelope has its own answer. What was not begun when a connection broke is told apart from what may have
  arrived, so that nobody is sent a second copy without need.
- TLS is verified; a password is never sent without it, but to this machine itself.

Standards: RFC 5321, 2920 (pipelining), 3207 (STARTTLS), 4954 (AUTH), 2034 (enhanced codes).
"""

from __future__ import annotations

import asyncio
import ssl
from base64 import b64encode
from collections.abc import Sequence
from contextlib import suppress

from msgspec import Struct

LINE = 64 * 1024
LOCAL = frozenset({"127.0.0.1", "::1", "localhost"})


class Relay(Struct, frozen=True, forbid_unknown_fields=True):
    """The table ``mail``: the relay that takes our mail, and in whose name it goes.

    ``sender`` is the address mail comes from. ``tls`` is from the first byte, ``starttls`` after the greeting; ``ca`` a
    PEM file for a relay with a certificate of its own. ``connections`` are kept open; ``timeout_s`` is for one answer.
    ``gone`` are the beginnings of answers that end a subscription (``550 5.1.1``): none by default, because a relay that
    is set up badly says that of everybody. ``user`` and ``password`` are for AUTH PLAIN.
    """

    sender: str
    host: str = "127.0.0.1"
    port: int = 25
    hello: str = ""
    tls: bool = False
    starttls: bool = False
    ca: str = ""
    user: str = ""
    password: str = ""
    connections: int = 4
    timeout_s: float = 30.0
    gone: tuple[str, ...] = ()

    @property
    def clear(self) -> bool:
        """Whether what is said to it could be read on the way."""
        return not (self.tls or self.starttls or self.host in LOCAL)


class Reply(Struct, frozen=True):
    """What the relay said: ``code`` and its first line; code 0 is none, and ``begun`` whether the mail had left."""

    code: int
    text: str = ""
    begun: bool = True

    @property
    def good(self) -> bool:
        return 200 <= self.code < 400


class Envelope(Struct, frozen=True):
    """One message to one recipient; ``content`` ends with CRLF and has its dots doubled."""

    sender: str
    to: str
    content: bytes


class BrokenError(Exception):
    """The relay closed the connection, or did not speak SMTP."""


class Session:
    """One connection to a relay."""

    def __init__(self, relay: Relay, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.relay, self._reader, self._writer = relay, reader, writer
        self.pipelining = False

    @classmethod
    async def open(cls, relay: Relay) -> Session:
        """Connect and say hello. Raises OSError, TimeoutError or :class:`BrokenError`."""
        async with asyncio.timeout(relay.timeout_s):
            context = _context(relay) if relay.tls or relay.starttls else None
            reader, writer = await asyncio.open_connection(
                relay.host, relay.port, limit=LINE, ssl=context if relay.tls else None
            )
            session = cls(relay, reader, writer)
            try:
                await session._greet(context)
            except BaseException:
                session.drop()
                raise
            return session

    async def _greet(self, context: ssl.SSLContext | None) -> None:
        if not (said := await self._reply())[0].good:
            raise BrokenError(said[0].text)
        offered = await self._hello()
        if context is not None and not self.relay.tls:
            if "STARTTLS" not in offered or not (await self._ask("STARTTLS")).good:
                raise BrokenError("the relay does not offer STARTTLS")
            await self._writer.start_tls(context, server_hostname=self.relay.host)
            offered = await self._hello()
        self.pipelining = "PIPELINING" in offered
        if self.relay.user:
            token = b64encode(f"\0{self.relay.user}\0{self.relay.password}".encode()).decode()
            if not (answer := await self._ask(f"AUTH PLAIN {token}")).good:
                raise BrokenError(f"the relay refused the password ({answer.code})")

    async def _hello(self) -> set[str]:
        lines = await self._exchange(f"EHLO {self.relay.hello or 'localhost'}")
        return {line.text.split(" ")[0].upper() for line in lines[1:]} if lines[0].good else set()

    async def send(self, envelopes: Sequence[Envelope]) -> list[Reply]:
        """Hand over each of ``envelopes``; the relay's answer to each, in the same order.

        Raises nothing but cancellation; after an answer with code 0 the session is of no more use.
        """
        found: list[Reply | None] = [None] * len(envelopes)
        under_way = -1
        try:
            # What has to leave before the next commands, and whose answer comes before theirs (None: nobody's).
            before, owner = b"", -1
            for place, envelope in enumerate(envelopes):
                commands = [
                    f"MAIL FROM:<{envelope.sender}>\r\n".encode(),
                    f"RCPT TO:<{envelope.to}>\r\n".encode(),
                    b"DATA\r\n",
                ]
                replies = await self._pipeline([before, *commands] if before else commands)
                if before and owner >= 0:
                    found[owner] = replies[0]
                under_way = -1
                mail, rcpt, data = replies[-3:]
                wrong = next((reply for reply in (mail, rcpt, data) if not reply.good), None)
                if wrong is None:
                    before, owner, under_way = envelope.content + b".\r\n", place, place
                else:
                    found[place] = wrong
                    # A relay may say 354 though it took no recipient; then an empty message ends the transaction.
                    before, owner = (b".\r\n" if data.code == 354 else b"RSET\r\n"), -1
                if wrong is not None and wrong.code == 421:
                    raise BrokenError("421")
            if before:
                (last,) = await self._pipeline([before])
                if owner >= 0:
                    found[owner] = last
        except (OSError, TimeoutError, BrokenError, EOFError, ValueError) as wrong_end:
            self.drop()
            reason = "timeout" if isinstance(wrong_end, TimeoutError) else type(wrong_end).__name__
            return [reply or Reply(0, reason, begun=place == under_way) for place, reply in enumerate(found)]
        return [reply or Reply(0, "none") for reply in found]

    async def quit(self) -> None:
        """Say goodbye and close."""
        with suppress(OSError, TimeoutError, BrokenError, EOFError, ValueError):
            async with asyncio.timeout(1.0):
                await self._ask("QUIT")
        self.drop()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(1.0):
                await self._writer.wait_closed()

    def drop(self) -> None:
        """Close at once."""
        self._writer.close()

    @property
    def closed(self) -> bool:
        return self._writer.is_closing() or self._reader.at_eof()

    async def _pipeline(self, commands: Sequence[bytes]) -> list[Reply]:
        async with asyncio.timeout(self.relay.timeout_s):
            if not self.pipelining:
                found = []
                for command in commands:
                    self._writer.write(command)
                    await self._writer.drain()
                    found.append((await self._reply())[0])
                return found
            self._writer.write(b"".join(commands))
            await self._writer.drain()
            return [(await self._reply())[0] for _ in commands]

    async def _ask(self, command: str) -> Reply:
        return (await self._exchange(command))[0]

    async def _exchange(self, command: str) -> list[Reply]:
        self._writer.write(command.encode() + b"\r\n")
        await self._writer.drain()
        return await self._reply()

    async def _reply(self) -> list[Reply]:
        lines: list[Reply] = []
        while True:
            line = await self._reader.readline()
            if not line.endswith(b"\n") or not line[:3].isdigit() or len(lines) > 100:
                raise BrokenError(line[:80].decode("ascii", "replace") or "the relay closed the connection")
            lines.append(Reply(int(line[:3]), line[4:].decode("utf-8", "replace").strip()))
            if line[3:4] != b"-":
                return lines


def _context(relay: Relay) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=relay.ca or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context

"""SMPP 3.4: a line to a short message centre with a window, signs of life and delivery receipts.

- One connection, bound as transceiver; many messages are under way at once, as many as the window lets.
- Silence is asked after (enquire_link); a centre that does not answer in time has its line dropped, and what waited for
  it is told so.
- A centre that is not there is not asked again for a while, so that a dead one costs a moment and not a time-out each.

Standard: SMPP 3.4, issue 1.2: sections 3.2 (PDUs), 4 (fields), 5.1.3 (status), 5.2.12 (esm_class), 5.2.28 (states).
"""

from __future__ import annotations

import asyncio
import re
import struct
from collections.abc import Callable
from contextlib import suppress

from msgspec import Struct

BIND, BIND_RESP = 0x00000009, 0x80000009
SUBMIT, SUBMIT_RESP = 0x00000004, 0x80000004
DELIVER, DELIVER_RESP = 0x00000005, 0x80000005
UNBIND, UNBIND_RESP = 0x00000006, 0x80000006
ENQUIRE, ENQUIRE_RESP = 0x00000015, 0x80000015
NACK = 0x80000000
TAG_MESSAGE_ID, TAG_PAYLOAD, TAG_STATE = 0x001E, 0x0424, 0x0427
DELIVERED = 2
LONGEST = 70_000

_HEAD = struct.Struct(">IIII")
_TAG = struct.Struct(">HH")
_RECEIPT = re.compile(rb"id:(\S+).*?stat:(\w+)", re.DOTALL)


class Centre(Struct, frozen=True, forbid_unknown_fields=True):
    """The table ``sms.smpp``: a short message centre.

    ``window`` messages are under way at once; ``timeout_s`` is for one answer; after ``enquire_s`` of silence it is asked
    whether it is there, and ``rest_s`` after it failed it is tried again. ``concatenation`` is ``udh`` (parts with a
    header) or ``payload`` (one message_payload). ``gone`` are statuses that end a subscription.
    """

    host: str
    port: int = 2775
    system_id: str = ""
    password: str = ""
    system_type: str = ""
    source_ton: int = 5
    source_npi: int = 0
    window: int = 50
    timeout_s: float = 10.0
    enquire_s: float = 30.0
    rest_s: float = 5.0
    concatenation: str = "udh"
    gone: tuple[int, ...] = ()


class Short(Struct, frozen=True):
    """One part of a short message as it goes into submit_sm. ``to`` and ``source`` are digits or a name."""

    to: str
    source: str
    content: bytes
    coding: int
    header: bool = False
    payload: bool = False
    priority: int = 0
    validity: str = ""


class LineError(Exception):
    """The centre cannot be reached; ``tried`` is false when nothing left us."""

    def __init__(self, reason: str, tried: bool) -> None:
        self.reason, self.tried = reason, tried
        super().__init__(reason)


def pdu(command: int, status: int, sequence: int, body: bytes = b"") -> bytes:
    """One PDU.

    >>> pdu(ENQUIRE, 0, 1).hex()
    '00000010000000150000000000000001'
    """
    return _HEAD.pack(16 + len(body), command, status, sequence) + body


def submit(centre: Centre, short: Short) -> bytes:
    """The body of submit_sm (4.4.1)."""
    ton, npi = (centre.source_ton, centre.source_npi) if not short.source.isdigit() else (1, 1)
    esm = 0x40 if short.header else 0x00
    content = b"" if short.payload else short.content
    body = b"".join(
        (
            b"\0",
            bytes((ton, npi)) + _c(short.source, 20),
            bytes((1, 1)) + _c(short.to, 20),
            bytes((esm, 0, short.priority)),
            b"\0" + _c(short.validity, 16),
            bytes((1, 0, short.coding, 0, len(content))) + content,
        )
    )
    return body + _TAG.pack(TAG_PAYLOAD, len(short.content)) + short.content if short.payload else body


def receipt(body: bytes) -> tuple[str, bool] | None:
    """The message id and whether it was delivered, of a deliver_sm that is a final receipt; None for any other."""
    try:
        at = body.index(b"\0") + 1
        for _ in range(2):
            at = body.index(b"\0", at + 2) + 1
        esm, at = body[at], at + 3
        for _ in range(2):
            at = body.index(b"\0", at) + 1
        at += 4
        length = body[at]
        text, at = body[at + 1 : at + 1 + length], at + 1 + length
        tags = {}
        while at + 4 <= len(body):
            tag, size = _TAG.unpack_from(body, at)
            tags[tag] = body[at + 4 : at + 4 + size]
            at += 4 + size
    except (ValueError, IndexError):
        return None
    if esm & 0x3C != 0x04:
        return None
    if TAG_MESSAGE_ID in tags and tags.get(TAG_STATE):
        state = tags[TAG_STATE][0]
        return None if state == 1 else (tags[TAG_MESSAGE_ID].rstrip(b"\0").decode("latin-1"), state == DELIVERED)
    found = _RECEIPT.search(text)
    if found is None or found[2] == b"ENROUTE":
        return None
    return found[1].decode("latin-1"), found[2] == b"DELIVRD"


class Smpp:
    """A line to ``centre``; ``told`` gets (message id, whether delivered) of each final receipt."""

    def __init__(self, centre: Centre, told: Callable[[str, bool], object]) -> None:
        self.centre, self.told = centre, told
        self._window = asyncio.Semaphore(centre.window)
        self._opening = asyncio.Lock()
        self._writer: asyncio.StreamWriter | None = None
        self._waiting: dict[int, asyncio.Future[tuple[int, bytes]]] = {}
        self._sequence = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._rests_until = 0.0

    async def send(self, short: Short) -> tuple[int, str]:
        """Submit one part; its status and message id. Raises :class:`LineError`."""
        async with self._window:
            writer = await self._open()
            status, body = await self._ask(writer, SUBMIT, submit(self.centre, short))
            return status, body.split(b"\0")[0].decode("latin-1")

    async def close(self) -> None:
        """Unbind and close."""
        writer = self._writer
        if writer is not None:
            with suppress(LineError, TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._ask(writer, UNBIND, b"")
        tasks = list(self._tasks)
        self._drop("closed")
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _open(self) -> asyncio.StreamWriter:
        async with self._opening:
            if self._writer is not None and not self._writer.is_closing():
                return self._writer
            now = asyncio.get_running_loop().time()
            if now < self._rests_until:
                raise LineError("centre rests", False)
            try:
                async with asyncio.timeout(self.centre.timeout_s):
                    return await self._bind()
            except (OSError, TimeoutError, LineError) as wrong:
                self._rests_until = asyncio.get_running_loop().time() + self.centre.rest_s
                self._drop("bind failed")
                reason = wrong.reason if isinstance(wrong, LineError) else type(wrong).__name__
                raise LineError(f"centre: {reason}", False) from None

    async def _bind(self) -> asyncio.StreamWriter:
        centre = self.centre
        reader, writer = await asyncio.open_connection(centre.host, centre.port)
        self._writer = writer
        self._tasks = [asyncio.create_task(self._listen(reader, writer)), asyncio.create_task(self._keep(writer))]
        body = _c(centre.system_id, 15) + _c(centre.password, 8) + _c(centre.system_type, 12) + b"\x34\0\0\0"
        status, _ = await self._ask(writer, BIND, body)
        if status:
            raise LineError(f"bind refused (0x{status:08x})", False)
        return writer

    async def _ask(self, writer: asyncio.StreamWriter, command: int, body: bytes) -> tuple[int, bytes]:
        self._sequence = self._sequence % 0x7FFFFFFE + 1
        sequence = self._sequence
        waiting: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
        self._waiting[sequence] = waiting
        try:
            writer.write(pdu(command, 0, sequence, body))
            async with asyncio.timeout(self.centre.timeout_s):
                await writer.drain()
                return await waiting
        except TimeoutError:
            self._rests_until = asyncio.get_running_loop().time() + self.centre.rest_s
            self._drop("timeout")
            raise LineError("centre: timeout", True) from None
        except OSError as wrong:
            self._drop(type(wrong).__name__)
            raise LineError(f"centre: {type(wrong).__name__}", True) from None
        finally:
            self._waiting.pop(sequence, None)
            if waiting.done() and not waiting.cancelled():
                waiting.exception()

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                length, command, status, sequence = _HEAD.unpack(await reader.readexactly(16))
                if not 16 <= length <= LONGEST:
                    break
                body = await reader.readexactly(length - 16)
                if command & NACK:
                    waiting = self._waiting.get(sequence)
                    if waiting is not None and not waiting.done():
                        waiting.set_result((status, body))
                elif command == ENQUIRE:
                    writer.write(pdu(ENQUIRE_RESP, 0, sequence))
                elif command == DELIVER:
                    if (found := receipt(body)) is not None:
                        self.told(*found)
                    writer.write(pdu(DELIVER_RESP, 0, sequence, b"\0"))
                elif command == UNBIND:
                    writer.write(pdu(UNBIND_RESP, 0, sequence))
                    break
                else:
                    writer.write(pdu(NACK, 0x03, sequence))
        except (OSError, EOFError):
            pass
        finally:
            if self._writer is writer:
                self._drop("connection lost")

    async def _keep(self, writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            await asyncio.sleep(self.centre.enquire_s)
            with suppress(LineError):
                await self._ask(writer, ENQUIRE, b"")

    def _drop(self, reason: str) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(LineError(f"centre: {reason}", True))
        here = asyncio.current_task()
        for task in self._tasks:
            if task is not here:
                task.cancel()
        self._tasks = []


def _c(text: str, most: int) -> bytes:
    """A C-octet string of at most ``most`` octets and its zero."""
    return text.encode("latin-1", "replace").replace(b"\0", b"")[:most] + b"\0"

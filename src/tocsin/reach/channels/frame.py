"""Frames of WebSocket: written as a server writes them, read as a client must send them.

- What a server sends is not masked, so one frame is rendered once and its bytes go to everybody.
- What a client sends must be masked, whole frames within a bound; control frames are short and never in pieces.

Standard: RFC 6455, sections 4.2.2 (handshake), 5.2 (framing), 5.5 (control frames), 7.4.1 (status codes).
"""

from __future__ import annotations

import hashlib
import struct
from base64 import b64decode, b64encode
from collections.abc import Iterator

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
GOING_AWAY, PROTOCOL, TOO_BIG, AGAIN_LATER = 1001, 1002, 1009, 1013
MOST = 4096
"""Bytes in one frame of a client: nothing that it can say here is longer."""
_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class FrameError(Exception):
    """A client's bytes are no frames; ``code`` is the status that the connection is closed with."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(str(code))


def accept(key: bytes) -> bytes | None:
    """The answer to ``Sec-WebSocket-Key``; None where it is none.

    >>> accept(b"dGhlIHNhbXBsZSBub25jZQ==")
    b's3pPLMBiTxaQ9kYGzzhZRbK+xOo='
    """
    try:
        if len(b64decode(key, validate=True)) != 16:
            return None
    except ValueError:
        return None
    return b64encode(hashlib.sha1(key + _MAGIC, usedforsecurity=False).digest())


def frame(kind: int, payload: bytes) -> bytes:
    """One whole frame as a server sends it.

    >>> frame(TEXT, b"Hello").hex()
    '810548656c6c6f'
    """
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", 0x80 | kind, size)
    elif size < 65_536:
        head = struct.pack("!BBH", 0x80 | kind, 126, size)
    else:
        head = struct.pack("!BBQ", 0x80 | kind, 127, size)
    return head + payload


def closing(code: int) -> bytes:
    """A close frame with a status."""
    return frame(CLOSE, struct.pack("!H", code))


def frames(buffer: bytearray) -> Iterator[tuple[int, bytes]]:
    """Take whole frames off the front of ``buffer``: kind and payload. What is no frame is a :class:`FrameError`."""
    while len(buffer) >= 2:
        first, second = buffer[0], buffer[1]
        kind, size, start = first & 0x0F, second & 0x7F, 2
        if first & 0x70 or not second & 0x80 or kind not in (0, TEXT, BINARY, CLOSE, PING, PONG):
            raise FrameError(PROTOCOL)
        if kind >= CLOSE and (size > 125 or not first & 0x80):
            raise FrameError(PROTOCOL)
        if size == 127:
            raise FrameError(TOO_BIG)
        if size == 126:
            if len(buffer) < 4:
                return
            (size,), start = struct.unpack_from("!H", buffer, 2), 4
        if size > MOST:
            raise FrameError(TOO_BIG)
        end = start + 4 + size
        if len(buffer) < end:
            return
        mask = int.from_bytes(bytes(buffer[start : start + 4]) * (size // 4 + 1))
        body = bytes(buffer[start + 4 : end])
        length = (size // 4 + 1) * 4
        plain = (int.from_bytes(body.ljust(length, b"\0")) ^ mask).to_bytes(length)[:size]
        del buffer[:end]
        yield kind, plain

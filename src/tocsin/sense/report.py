"""A report: one document from one source, word for word, with when it came; immutable.

- ``content`` is what the source sent, byte for byte; nothing is cleaned before it is recorded.
- A report's id is made from its source and its bytes, so the same document heard twice is one report.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from msgspec import Struct

REPORT_RECEIVED = "report:received"

CAP_XML = "application/cap+xml"
SIGNAL_JSON = "application/vnd.tocsin.signal+json"
NEWS_JSON = "application/vnd.tocsin.news+json"


class Report(Struct, frozen=True):
    """The body of ``report:received``; the entry's subject is ``id``.

    ``spoken`` is the source's own time of it, ``received`` ours; their difference is the source's delay (quirk 79).
    """

    id: str
    source: str
    media_type: str
    content: bytes
    received: datetime
    spoken: datetime | None = None
    address: str = ""
    language: str = ""


def report_id(source: str, content: bytes) -> str:
    """The id that these bytes have from this source: 32 hexadecimal digits."""
    return hashlib.sha256(source.encode() + b"\0" + content).hexdigest()[:32]

"""Publishing: what goes out is one CAP message, frozen with its identity, and one ``alert:published`` entry.

- The bytes that are published are the bytes in the journal; nobody renders them again (F7).
- Each message carries its event's id, a version that only grows, and its phase as a machine field, so that order is
  decided by version and never by arrival (F6, practice.md section 2).
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

ALERT_PUBLISHED = "alert:published"


class Published(Struct, frozen=True):
    """The body of ``alert:published``; the entry's subject is the identifier and its realm the message's.

    ``areas`` are area codes that the message names (ISO 3166 or of an area pack), ``source`` the id of the source whose
    word this repeats (empty for our own), ``report`` the id of the report it came from, ``cap`` the XML as published,
    ``report_of`` the ``sender,identifier`` of the CAP message it repeats.
    """

    identifier: str
    event_id: str
    version: int
    phase: str
    scope: str
    source: str
    areas: tuple[str, ...]
    sent: datetime
    cap: str
    report: str = ""
    supersedes: str = ""
    report_of: str = ""

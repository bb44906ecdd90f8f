"""Publishing: what goes out is one CAP message, frozen with its identity, and one ``alert:published`` entry.

- The bytes that are published are the bytes in the journal; nobody renders them again (F7).
- A warning and its retraction are one value: :func:`published` makes no warning without the message that takes it back,
  compiled in every language, so that none can leave before it is ready (F2).
- Each message carries its event's id, a version that only grows, and its phase as a machine field, so that order is
  decided by version and never by arrival (F6, practice.md section 2).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from tocsin.cap.alert import Alert
from tocsin.cap.phase import Phase
from tocsin.cap.xml import write
from tocsin.errors import IllegalStepError
from tocsin.remark import remark

ALERT_PUBLISHED = "alert:published"

Sign = Callable[[bytes, datetime], bytes]
"""Puts the realm's signature on a CAP message, as of a moment."""

WARNS = frozenset({Phase.PREPARE, Phase.ACT, Phase.HOLD})


class Published(Struct, frozen=True):
    """The body of ``alert:published``; the entry's subject is the identifier and its realm the message's.

    ``areas`` are area codes that the message names (ISO 3166 or of an area pack), ``source`` the id of the source whose
    word this repeats (empty for our own), ``report`` the id of the report it came from, ``cap`` the XML as published,
    ``report_of`` the ``sender,identifier`` of the CAP message it repeats. ``as_of`` is the moment that it speaks of,
    ``retraction`` the CAP message that takes it back, complete but for ``sent``.
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
    as_of: datetime | None = None
    retraction: str = ""
    draft: str = ""


def published(
    alert: Alert,
    retraction: Alert | None,
    *,
    event_id: str,
    version: int,
    phase: Phase,
    areas: tuple[str, ...],
    as_of: datetime,
    sign: Sign,
    source: str = "",
    report: str = "",
    supersedes: str = "",
    report_of: str = "",
    draft: str = "",
) -> Published:
    """The published form of ``alert``, written, signed and frozen.

    Raises :class:`IllegalStepError` for a warning without its retraction, UnfitAlertError for either that is not valid
    CAP, and KeyMissingError where it cannot be signed: failing to sign means failing to publish.
    """
    assert alert.sent is not None
    one = Published(
        alert.identifier,
        event_id,
        version,
        phase.value,
        alert.scope,
        source,
        areas,
        alert.sent,
        write(alert).decode(),
        report,
        supersedes,
        report_of,
        as_of,
        write(retraction).decode() if retraction is not None and phase in WARNS else "",
        draft,
    )
    return freeze(one, sign)


def freeze(one: Published, sign: Sign) -> Published:
    """``one``, whose messages are written already, with the signature under its CAP message; nothing changes after it."""
    if one.phase in WARNS and not one.retraction:
        raise IllegalStepError(remark("publish.retraction", "a warning cannot leave before its retraction is ready"))
    return replace(one, cap=sign(one.cap.encode(), one.sent).decode())

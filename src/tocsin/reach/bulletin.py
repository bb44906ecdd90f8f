"""The bulletin: what one alert says to machines, in the same JSON on the stream, to webhooks and on every channel.

- It is made once from the published CAP message and its bytes are used unchanged everywhere (F7).
- Event, version, phase and the reason of a cancellation are fields of their own: nobody has to read the text to know
  what to do (practice.md section 2), and order is decided by version.
- Every language the message has is in it; ``url`` leads to the CAP XML as published.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from urllib.parse import quote

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tocsin.cap.alert import AS_OF, CANCEL_REASON, NEXT_UPDATE_BY, Alert
from tocsin.cap.xml import TRUSTED, read
from tocsin.clock import parse, utc
from tocsin.errors import NaiveTimeError
from tocsin.journal import EXERCISE, Entry
from tocsin.warn.canary import SELFDRILL_PUBLISHED
from tocsin.warn.publish import Published

UNTIL = timedelta(hours=6)
"""How long an alert that names no end is still worth sending."""

Parse = Callable[[bytes], Alert]


def read_alert(data: bytes) -> Alert:
    """The CAP message in ``data``.

    One that cannot be read gives an empty alert: phase, areas and version are known without it, and must go out.
    """
    alerts = read(data, limits=TRUSTED).alerts
    return alerts[0] if alerts else Alert()


class Bulletin(Struct, frozen=True):
    """One alert for machines. Times are UTC; ``headline`` and ``instruction`` are by language tag."""

    identifier: str
    event_id: str
    version: int
    supersedes: str
    phase: str
    realm: str
    as_of: datetime
    sent: datetime
    expires: datetime | None
    next_update_by: datetime | None
    cancel_reason: str | None
    areas: tuple[str, ...]
    source: str
    headline: dict[str, str]
    instruction: dict[str, str]
    url: str

    @property
    def deadline(self) -> datetime:
        """The moment after which this is no longer sent to anybody."""
        return self.expires if self.expires is not None else self.sent + UNTIL


def bulletin(published: Published, alert: Alert, realm: str, public_url: str) -> Bulletin:
    """The bulletin of a published alert; ``alert`` is its CAP message as read."""
    infos = alert.infos
    ends = [info.expires for info in infos if info.expires is not None]
    return Bulletin(
        identifier=published.identifier,
        event_id=published.event_id,
        version=published.version,
        supersedes=published.supersedes,
        phase=published.phase,
        realm=realm,
        as_of=_moment(alert.parameter(AS_OF)) or utc(published.sent),
        sent=utc(published.sent),
        expires=utc(max(ends)) if ends else None,
        next_update_by=_moment(alert.parameter(NEXT_UPDATE_BY)),
        cancel_reason=alert.parameter(CANCEL_REASON),
        areas=published.areas,
        source=published.source,
        headline={info.language or "en-US": info.headline for info in reversed(infos) if info.headline},
        instruction={info.language or "en-US": info.instruction for info in reversed(infos) if info.instruction},
        url=f"{public_url.rstrip('/')}/alerts/{quote(published.identifier, safe='')}.xml",
    )


def bulletin_of(entry: Entry, published: Published, alert: Alert, realm: str, public_url: str) -> Bulletin:
    """The bulletin of what ``entry`` published: a self-drill's is an exercise, of no place, and on no page."""
    if entry.kind != SELFDRILL_PUBLISHED:
        return bulletin(published, alert, realm, public_url)
    return replace(bulletin(published, alert, EXERCISE, public_url), areas=(), url=public_url)


def body(told: Bulletin) -> bytes:
    """The bulletin's JSON: one line, as the stream needs it."""
    return msgspec.json.encode(told)


def _moment(text: str | None) -> datetime | None:
    try:
        return parse(text) if text else None
    except NaiveTimeError:
        # A mirrored message may carry a parameter of this name that is no moment; the alert must go out all the same.
        return None

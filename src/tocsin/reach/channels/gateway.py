"""A gateway over HTTP, described by data: what to send where, and what its answers mean.

- A profile is a table: address, body as JSON or form with slots, where the message's id and an error's code stand, and
  which codes mean gone, refused or later. A new gateway is a new table and no new code.
- A slot is filled with a value and never read as a template again; what comes with a delivery is percent-encoded where
  it stands in an address.
- A gateway that refuses our key refuses nobody: that is for later, and the operator is told.
- One that is down is left alone for a while after some failures in a row (circuit breaker).
"""

from __future__ import annotations

import io
import re
from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec
from msgspec import Struct

from tocsin.calm import in_calm
from tocsin.clock import Clock, utc
from tocsin.errors import NaiveTimeError, SettingsError
from tocsin.reach.channel import ACCEPTED, GONE, Outcome, later, refused

if TYPE_CHECKING:
    import aiohttp
else:
    aiohttp = in_calm("aiohttp")

LATER = frozenset({408, 425, 429})
OURS = frozenset({401, 402, 403})
MOST_ASKED_S = 3600.0
ANSWER_BYTES = 65_536
_SLOT = re.compile(r"\{([a-z_]+)\}")


class Profile(Struct, frozen=True, forbid_unknown_fields=True):
    """How one gateway is spoken to.

    ``body`` is ``json`` or ``form``; ``fields`` what is in it, with slots such as ``{to}`` in its texts; ``user`` and
    ``password`` are for basic authentication. ``id_at``, ``code_at`` and ``after_at`` (seconds to wait) are paths in the
    answer (``messages.0.messageId``).
    A code in ``gone``, ``refused`` or ``later`` decides whatever the status is. Of a receipt that the gateway posts back,
    ``receipt_id_at`` and ``receipt_state_at`` are paths and ``shown`` the states that mean that it has arrived.
    """

    url: str
    method: str = "POST"
    body: str = "json"
    fields: dict[str, Any] = {}
    headers: dict[str, str] = {}
    user: str = ""
    password: str = ""
    id_at: str = ""
    code_at: str = ""
    after_at: str = ""
    gone: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    later: tuple[str, ...] = ()
    ours: tuple[int, ...] = (401, 402, 403)
    receipt_id_at: str = ""
    receipt_state_at: str = ""
    shown: tuple[str, ...] = ()


class Chosen(Struct, frozen=True, forbid_unknown_fields=True):
    """A gateway in ``channels.toml``: a ``profile`` that we know by name, or its ``own``; ``slots`` fill it."""

    profile: str = ""
    own: Profile | None = None
    slots: dict[str, str] = {}
    timeout_s: float = 10.0
    connections: int = 32
    failures: int = 5
    rest_s: float = 15.0

    def found(self, known: Mapping[str, Profile]) -> Profile:
        """The profile meant; raises :class:`SettingsError` if there is none."""
        if self.own is not None:
            return self.own
        if self.profile not in known:
            raise SettingsError(f"there is no profile {self.profile!r}; known are {', '.join(sorted(known))}")
        return known[self.profile]


class Answer(Struct, frozen=True):
    """How a request went, and the id that the gateway gave it."""

    outcome: Outcome
    id: str = ""


class Gateway:
    """A gateway that is spoken to by ``profile``."""

    def __init__(self, chosen: Chosen, profile: Profile, clock: Clock) -> None:
        self.chosen, self.profile, self.clock = chosen, profile, clock
        self._session: aiohttp.ClientSession | None = None
        self._failures = 0
        self._rests_until: datetime | None = None

    async def send(self, slots: Mapping[str, str], content: bytes | None = None, kind: str = "") -> Answer:
        """Send one request with these slots filled, or with ``content`` of this ``kind`` instead of the profile's fields.

        Raises nothing but cancellation.
        """
        profile, now = self.profile, self.clock.now()
        if self._rests_until is not None and now < self._rests_until:
            return Answer(later(max(0.05, (self._rests_until - now).total_seconds()), "gateway rests", tried=False))
        values = {**self.chosen.slots, **slots}
        try:
            url = _fill(
                profile.url, {**self.chosen.slots, **{name: quote(text, safe="") for name, text in slots.items()}}
            )
            fields: Any = fill(profile.fields, values)
            headers = {
                name: _fill(text, values).replace("\r", "").replace("\n", "") for name, text in profile.headers.items()
            }
        except KeyError as missing:
            return Answer(refused(f"slot {missing}", tried=False))
        if profile.user:
            pair = f"{_fill(profile.user, values)}:{_fill(profile.password, values)}"
            headers["authorization"] = "Basic " + b64encode(pair.encode()).decode()
        if content is None and profile.body == "form":
            body: Any = fields
        else:
            # Speech is a megabyte, and is written piece by piece.
            body = io.BytesIO(msgspec.json.encode(fields) if content is None else content)
            headers["content-type"] = kind or headers.get("content-type", "application/json")
        try:
            async with self._open().request(
                profile.method, url, headers=headers, data=body, allow_redirects=False
            ) as reply:
                said = await reply.content.read(ANSWER_BYTES)
                answer = self._judge(reply.status, said, reply.headers.get("Retry-After"))
        except TimeoutError:
            answer = Answer(later(None, "gateway: timeout"))
        except aiohttp.ClientConnectorError:
            answer = Answer(later(None, "gateway: not there", tried=False))
        except (aiohttp.ClientError, OSError) as wrong:
            answer = Answer(later(None, f"gateway: {type(wrong).__name__}"))
        except ValueError:
            return Answer(refused("gateway: address", tried=False))
        self._learn(answer.outcome)
        return answer

    def resting(self) -> str:
        """Why the gateway is left alone now; empty where it is not."""
        until = self._rests_until
        return "circuit open" if until is not None and self.clock.now() < until else ""

    async def close(self) -> None:
        """Close the connections that are kept."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def receipt(self, posted: Any) -> tuple[str, bool] | None:
        """The message id and whether it has arrived, of what the gateway posted back; None if it says neither."""
        profile = self.profile
        name, state = at(posted, profile.receipt_id_at), at(posted, profile.receipt_state_at)
        return (name, state in profile.shown) if name and state else None

    def _judge(self, status: int, content: bytes, asked: str | None) -> Answer:
        profile = self.profile
        try:
            said: Any = msgspec.json.decode(content) if content else {}
        except msgspec.DecodeError:
            said = {}
        code = at(said, profile.code_at) if profile.code_at else ""
        reason = f"{status} {code}".strip()
        if code and code in profile.gone:
            return Answer(GONE)
        if code and code in profile.refused:
            return Answer(refused(reason))
        if status in LATER or status >= 500 or (code and code in profile.later):
            return Answer(later(asked_s(at(said, profile.after_at) or asked, self.clock.now()), reason))
        if status in profile.ours:
            return Answer(later(60.0, f"{reason}: the gateway does not take our key", tried=False))
        if 200 <= status < 300:
            name = at(said, profile.id_at) if profile.id_at else ""
            return Answer(ACCEPTED, name)
        return Answer(refused(reason))

    def _learn(self, outcome: Outcome) -> None:
        # Only what speaks of the gateway itself counts: an answer with a status is one of a gateway that is there.
        if outcome.kind == "later" and outcome.reason.startswith("gateway:"):
            self._failures += 1
            if self._failures >= self.chosen.failures:
                self._rests_until = self.clock.now() + timedelta(seconds=self.chosen.rest_s)
        else:
            self._failures, self._rests_until = 0, None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self.chosen.connections),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=self.chosen.timeout_s),
                trust_env=False,
            )
        return self._session


def fill(template: Any, values: Mapping[str, str]) -> Any:
    """``template`` with the slots in all its texts filled; a slot nobody fills is a ``KeyError``.

    >>> fill({"messages": [{"to": "{to}", "n": 1}]}, {"to": "+1{x}"})
    {'messages': [{'to': '+1{x}', 'n': 1}]}
    """
    if isinstance(template, str):
        return _fill(template, values)
    if isinstance(template, dict):
        return {name: fill(part, values) for name, part in template.items()}
    if isinstance(template, list | tuple):
        return [fill(part, values) for part in template]
    return template


def at(said: Any, path: str) -> str:
    """What stands at ``path`` in an answer, as text; empty if nothing does.

    >>> at({"messages": [{"id": 7}]}, "messages.0.id")
    '7'
    """
    for step in path.split(".") if path else ():
        if isinstance(said, Mapping) and step in said:
            said = said[step]
        elif isinstance(said, list) and step.isdigit() and int(step) < len(said):
            said = said[int(step)]
        else:
            return ""
    return str(said) if path and isinstance(said, str | int | float) else ""


def asked_s(asked: str | None, now: datetime) -> float | None:
    """How long ``Retry-After`` asks us to wait: seconds or a date, within an hour; None if it does not say."""
    if not asked:
        return None
    try:
        text = asked.strip()
        seconds = float(text) if text.isdigit() else (utc(parsedate_to_datetime(text)) - now).total_seconds()
    except (ValueError, TypeError, OverflowError, NaiveTimeError):
        return None
    return min(max(seconds, 1.0), MOST_ASKED_S)


def _fill(text: str, values: Mapping[str, str]) -> str:
    return _SLOT.sub(lambda found: values[found[1]], text)

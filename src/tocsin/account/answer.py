"""An answer: what one person says of themself in one roll call, when, by which way, and on whose word.

- It belongs to one seat of one roll call and counts for no other; a new event asks anew (req. 64).
- It is ordered by its own time, the moment of the tap, however late it arrives; a later one corrects and the earlier one
  is kept. Of two at the same moment the graver counts.
- The same answer sent a thousand times is one answer: its id is made from what it says.
- A clock that is wrong costs nobody their answer: who says what their clock shows while sending is put right by it.
- A place is never part of it.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from tocsin.clock import spell, utc
from tocsin.errors import AnswerTimeError, ParameterError

ANSWER_GIVEN = "answer:given"
SKEW = timedelta(minutes=2)
"""How far a clock may be wrong before an answer is asked for again."""


class Says(StrEnum):
    """What a person says of themself."""

    SAFE = "safe"
    HELP = "needs-help"
    AWAY = "out-of-area"


class Means(StrEnum):
    """By which way an answer came."""

    LINK = "link"
    API = "api"
    SMS = "sms"
    VOICE = "voice"
    PROXY = "proxy"


class How(StrEnum):
    """How somebody who answers for another knows it (req. 62)."""

    SEEN = "seen"
    PHONE = "phone"
    RADIO = "radio"
    MESSAGE = "message"


GRAVITY = {Says.AWAY: 0, Says.SAFE: 1, Says.HELP: 2}
"""Of two answers with the same time the one with the higher number counts."""
DIGITS = {"1": Says.SAFE, "2": Says.HELP, "3": Says.AWAY}
"""What a digit in a text message says."""
_DIGIT = re.compile(r"\W*(?:([123])\W*([A-Z]{2})?|([A-Z]{2})\W*([123]))\W*", re.IGNORECASE | re.ASCII)


class Answer(Struct, frozen=True):
    """The body of ``answer:given``; the subject is the seat. ``at`` is its own time, the entry's the time it came.

    ``by`` is who answered for the person (a seat, or a person of the console) and ``how`` they know; empty for oneself.
    """

    rollcall: str
    says: Says
    at: datetime
    means: Means
    by: str = ""
    how: str = ""

    def id(self, seat: str) -> str:
        """The name under which this answer of ``seat`` is known: the same for the same words of the same moment."""
        parts = "\x1f".join((self.rollcall, seat, self.says, spell(self.at), self.by))
        return hashlib.sha256(parts.encode()).hexdigest()[:24]

    @property
    def order(self) -> tuple[datetime, int, str, str]:
        """Where it stands among the answers of its seat."""
        return self.at, GRAVITY[self.says], self.by, self.how


def own_time(at: datetime | None, sent: datetime | None, received: datetime, started: datetime) -> datetime:
    """The moment of an answer in our time.

    ``at`` is what the phone showed at the tap and ``sent`` what it showed while sending, where it says so: their
    difference is right even on a clock that is not. Raises :class:`AnswerTimeError` for a moment before the roll call,
    or after the present, beyond what clocks may differ by.
    """
    received, started = utc(received), utc(started)
    if at is None:
        return received
    moment = utc(at)
    if sent is not None:
        if (waited := utc(sent) - moment) < timedelta():
            raise ParameterError("sent_at: before at")
        moment = received - waited
    if moment > received + SKEW:
        raise AnswerTimeError(f"{spell(moment)} is after {spell(received)}, which it is here now")
    if moment < started - SKEW:
        raise AnswerTimeError(f"{spell(moment)} is before this roll call, which began at {spell(started)}")
    return min(max(moment, started), received)


def digit(text: str) -> tuple[Says, str] | None:
    """What a text message says, and the code of the roll call where it names one; None where it is no such answer.

    >>> digit(" 1 "), digit("2 kx"), digit("KX1"), digit("I am fine")
    ((<Says.SAFE: 'safe'>, ''), (<Says.HELP: 'needs-help'>, 'KX'), (<Says.SAFE: 'safe'>, 'KX'), None)
    """
    found = _DIGIT.fullmatch(text)
    if found is None:
        return None
    return DIGITS[found[1] or found[4]], (found[2] or found[3] or "").upper()

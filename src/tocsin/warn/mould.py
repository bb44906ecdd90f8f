"""Moulds: for each kind of mirrored signal one CAP message, written and checked once, from which the others are cast.

- Of two messages for the same area, hazard and phase only names, numbers and times differ. The first one is compiled,
  written strictly and kept, cut where they stand; a cast joins the pieces with the new ones between them.
- What is put in is made by us (ids, numbers, times in RFC 3339 and in local words), so a cast is as valid as its mould.
- A source's times may have fractions of a second; CAP's have none.

Casting takes a twentieth of the time of compiling and writing: in a night with hundreds of regions seconds count.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from tocsin.cap import alert as cap
from tocsin.cap.alert import Alert, Area, MsgType, Named, Reference, Scope, Status
from tocsin.cap.phase import Phase
from tocsin.cap.xml import write
from tocsin.clock import spell
from tocsin.journal import EXERCISE
from tocsin.sense.signal import Signal
from tocsin.warn.compile import HAZARD, Kit, area, infos, note, parameters
from tocsin.warn.draft import Where
from tocsin.warn.publish import WARNS

LIFE = timedelta(hours=24)
"""How long an ending stays in feeds."""

REASONS = {Phase.RETRACTED: "error", Phase.ALL_CLEAR: "ended"}
"""Why an ending was sent, as machines read it."""

# What stands in a mould where a cast differs. The times are like no time of a real message.
_EVENT, _VERSION, _BEFORE = "Mould-Event", "Mould-Version", "Mould-Before"
_SPOKEN, _STARTED, _SENT, _EXPIRES, _BEFORE_SENT = (
    datetime(1999, 2, day, 4, 44, 33, tzinfo=UTC) for day in range(1, 6)
)


class _Mould(NamedTuple):
    pieces: tuple[str, ...]  # the message, by turns what always stands there and what a cast replaces
    zone: str
    clock: str  # how _SPOKEN reads on a clock there: local words are it and the zone's name


class Moulds:
    """Casts CAP messages for signals; ``kit`` says in whose name and in which languages."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._made: dict[tuple[str, str, str, Phase, bool], _Mould] = {}

    def cast(
        self,
        signal: Signal,
        source: str,
        phase: Phase,
        event_id: str,
        version: int,
        at: datetime,
        before: Reference | None,
    ) -> bytes:
        """The CAP message for ``signal`` that ``source`` (its name) said, as version ``version``, sent ``at``."""
        key = (signal.area, signal.hazard, source, phase, before is not None)
        mould = self._made.get(key)
        if mould is None:
            mould = self._made[key] = self._make(*key)
        spoken = signal.spoken.replace(microsecond=0)
        values = {
            _EVENT: event_id,
            _VERSION: str(version),
            spell(_SPOKEN): spell(spoken),
            spell(_STARTED): spell(signal.started.replace(microsecond=0)),
            spell(_SENT): spell(at),
            spell(_EXPIRES): spell(at + LIFE),
        }
        if before is not None:
            values |= {_BEFORE: before.identifier, spell(_BEFORE_SENT): before.sent}
        values[mould.clock] = _clock(spoken, mould.zone)
        pieces = list(mould.pieces)
        pieces[1::2] = [values[token] for token in pieces[1::2]]
        return "".join(pieces).encode()

    def _make(self, code: str, hazard: str, source: str, phase: Phase, update: bool) -> _Mould:
        kit = self._kit
        zone = kit.gazetteer.get(code).zone
        areas: dict[str, Area] = {tag: area(Where(codes=(code,)), kit.gazetteer, tag) for tag in kit.issuer.languages}
        fields = tuple(
            Named(field.name, _VERSION) if field.name == cap.VERSION else field
            for field in parameters(_EVENT, 1, phase, _SPOKEN)
        )
        fields = (*fields, Named(HAZARD, hazard))
        if phase in REASONS:
            fields = (*fields, Named(cap.CANCEL_REASON, REASONS[phase]))
        words = infos(kit, hazard, phase, {tag: found.description for tag, found in areas.items()}, zone, _SPOKEN)
        complete = tuple(
            replace(
                info,
                effective=_SPOKEN,
                onset=_STARTED,
                # What a source has started ends by its own word; should it fall silent, its silence tells (no expires).
                expires=None if phase in WARNS else _EXPIRES,
                parameters=fields + info.parameters,
                areas=(areas[info.language],),
            )
            for info in words
        )
        message = Alert(
            identifier=f"{_EVENT}.{_VERSION}",
            sender=kit.issuer.sender,
            sent=_SENT,
            status=Status.EXERCISE if kit.issuer.realm == EXERCISE else Status.ACTUAL,
            msg_type=MsgType.CANCEL if phase is Phase.RETRACTED else MsgType.UPDATE if update else MsgType.ALERT,
            scope=Scope.PUBLIC,
            source=source,
            note=note(kit, phase),
            references=(Reference(kit.issuer.sender, _BEFORE, spell(_BEFORE_SENT)),) if update else (),
            infos=complete,
        )
        clock = _clock(_SPOKEN, zone)
        tokens = (
            _EVENT,
            _VERSION,
            _BEFORE,
            *(spell(time) for time in (_SPOKEN, _STARTED, _SENT, _EXPIRES, _BEFORE_SENT)),
            clock,
        )
        # The bare clock may also stand within a full time: what is longer is looked for first.
        longest = sorted(tokens, key=len, reverse=True)
        pieces = re.split(f"({'|'.join(map(re.escape, longest))})", write(message).decode())
        return _Mould(tuple(pieces), zone, clock)


def _clock(moment: datetime, zone: str) -> str:
    """The time of ``moment`` in ``zone`` as the short text has it, without the zone's name."""
    return f"{moment.astimezone(ZoneInfo(zone)):%H:%M}"

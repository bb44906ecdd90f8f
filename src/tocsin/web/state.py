"""The state of a place: what ``/at/{code}.json`` says in at most 1 KB, and ``/at/{code}.txt`` in ten plain lines.

- The phase and its times come from the situation; the words from the alert that decides, in the reader's language; for
  calm and unknown, which no alert says, from the page's own texts.
- Whatever the texts of an alert are, the document stays within :data:`LARGEST` bytes: texts are cut with an ellipsis,
  never the phase, a time or an identifier; an alert whose identifiers do not fit is counted in ``more`` instead.
- ``as_of`` is the moment the state was looked at; ``freshness`` says when the source was last heard, and the two are not
  the same (F20). ``journal`` is the entry the state follows from, so anyone can check it later.
- A restricted alert is never shown here.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from tocsin.cap.alert import Scope
from tocsin.cap.phase import Phase
from tocsin.clock import spell, utc
from tocsin.journal import EXERCISE
from tocsin.reach.heartbeat import Position
from tocsin.web.feed import in_language
from tocsin.web.text import offered, texts

if TYPE_CHECKING:
    from tocsin.warn.situation import Standing
    from tocsin.web.house import House

LARGEST = 1000
"""Bytes: within 1 KB whichever way a kilobyte is counted."""
MOST_ALERTS = 3
SHORTEST = 24

PhaseName = Literal["calm", "prepare", "act", "hold", "all-clear", "retracted", "unknown"]
Moment = Annotated[str, Meta(description="RFC 3339 with an offset, in UTC.", extra_json_schema={"format": "date-time"})]


class AlertRef(Struct, frozen=True):
    """An alert that decides: its identifier, the event it is about, and its version within that event."""

    identifier: str
    event_id: str
    version: int


class Freshness(Struct, frozen=True):
    """Which source speaks for the place and when it was last heard; null when never."""

    source: str
    last_heard: Moment | None


class State(Struct, frozen=True):
    """What holds at a place now."""

    place: Annotated[str, Meta(description="Area code: ISO 3166-1, ISO 3166-2 or of an area pack.")]
    name: str
    phase: Annotated[PhaseName, Meta(description="A value you do not know means: read the text, and it is not calm.")]
    last_phase: Annotated[PhaseName | None, Meta(description="While unknown: what was last known. Keep doing it.")]
    realm: Literal["actual", "exercise"]
    since: Moment | None
    as_of: Moment
    next_update_by: Moment | None
    source: str
    headline: str
    instruction: str
    alerts: tuple[AlertRef, ...]
    freshness: Freshness
    journal: Position
    more: Annotated[int, Meta(description="Alerts in force that are not listed here.", ge=0)] = 0


def moment(at: datetime | None) -> str | None:
    """``at`` as it goes out: RFC 3339 in whole seconds, or None."""
    return spell(at.replace(microsecond=0)) if at is not None else None


def state(house: House, code: str, language: str, at: datetime) -> State:
    """What holds at the place ``code`` at ``at``, in ``language``; an unknown code raises UnknownPlaceError."""
    place = house.place(code)
    standing = house.situation.at_place(place.code, at)
    name = house.gazetteer.name(place.code, language)
    headline, instruction = words(house, standing, place.code, name, language)
    shown = [live.published for live in standing.alerts if live.published.scope == Scope.PUBLIC]
    refs = tuple(AlertRef(one.identifier, one.event_id, one.version) for one in shown)
    head = house.head()
    source = house.source_name(standing.source, language) if standing.source else ""
    made = State(
        place=place.code,
        name=name,
        phase=Phase(standing.phase).value,
        last_phase=_last(standing),
        realm="exercise" if house.settings.realm == EXERCISE else "actual",
        since=moment(standing.since),
        as_of=spell(utc(at).replace(microsecond=0)),
        next_update_by=moment(standing.next_update_by),
        source=source,
        headline=headline,
        instruction=instruction,
        alerts=refs[:MOST_ALERTS],
        freshness=Freshness(standing.source, moment(standing.last_heard)),
        journal=Position(head.seq, head.hash.hex()),
        more=max(0, len(refs) - MOST_ALERTS),
    )
    return fit(made)


def _last(standing: Standing) -> PhaseName | None:
    """What was last known of a place whose phase is unknown, if anything was."""
    if standing.phase != Phase.UNKNOWN or standing.last_phase == Phase.UNKNOWN:
        return None
    return Phase(standing.last_phase).value


def words(house: House, standing: Standing, code: str, name: str, language: str) -> tuple[str, str]:
    """The headline and the instruction for a standing: the deciding alert's own, or ours where no alert speaks."""
    spoken = texts(offered((language, *house.languages))[0])
    phase = Phase(standing.phase)
    if phase not in (Phase.CALM, Phase.UNKNOWN):
        for live in standing.alerts:
            info = in_language(live.alert.infos, language) if live.published.scope == Scope.PUBLIC else None
            if info is not None and (info.headline or info.event):
                return info.headline or info.event, info.instruction or spoken.say(f"rule.{phase}")
    where = f"headline.{phase}"
    headline = spoken.about(where, code, name) if phase in (Phase.CALM, Phase.UNKNOWN) else spoken.say(where)
    return headline, " ".join(line.text for line in spoken.lines("steps.unknown")) if phase is Phase.UNKNOWN else ""


def encode(made: State) -> bytes:
    """A state as it goes out."""
    return msgspec.json.encode(made)


def fit(made: State, largest: int = LARGEST) -> State:
    """``made`` within ``largest`` bytes of JSON: first the longest texts are cut, then alerts are counted, not listed.

    What a person must do comes first, so the instruction is cut last among the long texts of equal length.
    """
    while len(encode(made)) > largest:
        over = len(encode(made)) - largest
        lengths = {field: _bytes(getattr(made, field)) for field in ("source", "name", "headline", "instruction")}
        longest = max(lengths, key=lambda field: (lengths[field], field != "instruction"))
        if lengths[longest] > SHORTEST * 6:
            made = msgspec.structs.replace(made, **{longest: cut(getattr(made, longest), over, SHORTEST * 6)})
        elif len(made.alerts) > 1 or (made.alerts and _bytes(made.alerts[0].identifier) > SHORTEST * 6):
            made = msgspec.structs.replace(made, alerts=made.alerts[:-1], more=made.more + 1)
        elif lengths[longest] > SHORTEST:
            made = msgspec.structs.replace(made, **{longest: cut(getattr(made, longest), over, SHORTEST)})
        elif made.alerts:
            made = msgspec.structs.replace(made, alerts=made.alerts[:-1], more=made.more + 1)
        elif _bytes(made.freshness.source) > SHORTEST:
            made = msgspec.structs.replace(
                made, freshness=Freshness(cut(made.freshness.source, over, SHORTEST), made.freshness.last_heard)
            )
        else:
            break
    return made


def cut(text: str, over: int, least: int) -> str:
    """``text`` shorter by about ``over`` bytes of JSON, but not below ``least``; ends in an ellipsis, at a word."""
    aim = max(least, _bytes(text) - over - 4)
    kept = text
    while kept and _bytes(kept) + 3 > aim:
        # Whole characters go; as many as the excess could be at six bytes each, so that this ends soon.
        kept = kept[: -max(1, (_bytes(kept) + 3 - aim) // 6)]
    space = kept.rfind(" ")
    if space > len(kept) * 3 // 4:
        kept = kept[:space]
    return kept.rstrip(" ,;.:") + "…"


def _bytes(text: str) -> int:
    return len(msgspec.json.encode(text)) - 2


def plain(house: House, code: str, language: str, at: datetime) -> str:
    """The state in ten plain lines for a terminal or a screen reader, at most 1 KB."""
    now = state(house, code, language, at)
    place = house.place(code)
    standing = house.situation.at_place(place.code, at)
    spoken = texts(offered((language, *house.languages))[0])
    own = spoken.language
    mark = f"{spoken.say('exercise.word')} - " if now.realm == EXERCISE else ""

    def when(moment: datetime | None) -> str:
        return spoken.time(moment, place.zone, at, seconds=True) if moment is not None else "-"

    def lines(limit: int) -> list[str]:
        last = standing.last_heard
        return [
            f"{mark}{_line(now.name, limit)}: {spoken.say(f'phase.{now.phase}')}",
            _line(now.headline, limit),
            _line(now.instruction, limit * 2) or "-",
            f"{spoken.say('since')}: {when(standing.since)}",
            f"{spoken.say('as_of')}: {when(at)}",
            f"{spoken.say('next')}: {when(standing.next_update_by) if standing.next_update_by else spoken.say('next.none')}",
            f"{spoken.say('source')}: {_line(now.source, limit) or spoken.say('none')}, {when(last)}",
            _line(spoken.say("call.text", number=house.settings.emergency_number), limit * 2),
            _line(spoken.say("entry", seq=now.journal.seq, hash=now.journal.hash[:12]), limit),
            f"{house.settings.public_url.rstrip('/')}/at/{place.code}?lang={own}",
        ]

    for limit in (400, 200, 120, 80, 48):
        text = "\n".join(lines(limit)) + "\n"
        if len(text.encode()) <= LARGEST:
            break
    return text


def _line(text: str, limit: int) -> str:
    """``text`` in one line of at most ``limit`` bytes, with nothing in it that moves a terminal's cursor."""
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text.encode()) <= limit else cut(text, len(text.encode()) - limit, 8)

"""The page of one place as values: the facts that come in, and everything that the template prints.

- Facts know no language; of a view every sentence is in one language, or says in which other it is.
- A moment is printed and machine-readable at once, so that a script counts from what the server said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from msgspec import Struct

from tocsin.account.facility import FacilityState
from tocsin.assess.story import Story
from tocsin.cap.phase import Phase
from tocsin.place.map import Map
from tocsin.sense.source import Source
from tocsin.warn.situation import Live, Standing
from tocsin.web.day import Turn, Week
from tocsin.web.text import FALLBACK, Spoken, Texts


class Facts(Struct, frozen=True):
    """What the house knows about a place at ``at``, before any language.

    ``turns`` are the last 24 hours, oldest first, the first one being the phase the day began with. ``live`` are
    all alerts that concern the place, ``phases`` the country's regions. ``name`` gives the name of an area code in a
    language, ``short`` the one for a map's label; ``point`` is where on the map the place lies.
    """

    code: str
    zone: str
    at: datetime
    realm: str
    standing: Standing
    name: Callable[[str, str], str]
    live: tuple[Live, ...] = ()
    turns: tuple[Turn, ...] = ()
    week: Week | None = None
    country: str = ""
    phases: Mapping[str, Phase] = {}
    map: Map | None = None
    point: tuple[float, float] | None = None
    short: Callable[[str, str], str] | None = None
    sources: Mapping[str, Source] = {}
    seq: int = 0
    hash: str = ""
    sender_name: str = "Tocsin"
    emergency_number: str = "112"
    languages: tuple[str, ...] = (FALLBACK,)
    heartbeat_seconds: int = 15
    all_clear_for: timedelta = timedelta(minutes=30)
    stories: tuple[Story, ...] = ()
    facilities: tuple[FacilityState, ...] = ()


class Moment(Struct, frozen=True):
    """A time for machines and for people."""

    iso: str
    text: str


class Other(Struct, frozen=True):
    """An alert in force that does not decide the phase: the embassy's "be ready" under an air alert."""

    phase: Phase
    word: str
    headline: Spoken
    lines: tuple[Spoken, ...]
    when: str
    source: str
    identifier: str


class Line(Struct, frozen=True):
    """A line of what is known: whose words, how firmly they stand, and the wording they replace."""

    when: Moment
    standing: str
    word: str
    text: Spoken
    wrong: Spoken | None
    who: str
    incident: str


class Group(Struct, frozen=True):
    """The regions that are in one phase: ``places`` are (code, name), by name."""

    phase: Phase
    word: str
    count: str
    places: tuple[tuple[str, str], ...]


class Region(Struct, frozen=True):
    """One region of the map: its outline in the map's own units."""

    code: str
    phase: Phase
    path: str


class Day(Struct, frozen=True):
    """The last 24 hours: how many alerts, how long; ``changes`` newest first as (time, phase, word)."""

    title: str
    text: str
    changes: tuple[tuple[Moment, Phase, str], ...]
    changes_title: str
    week: str


class View(Struct, frozen=True):
    """Everything the template prints."""

    t: Texts
    code: str
    zone: str
    zoned: str
    place: str
    realm: str
    phase: Phase
    word: str
    title: str
    headline: Spoken
    event: Spoken | None
    lead: tuple[Spoken, ...]
    scope: str
    steps: tuple[Spoken, ...]
    rule: str
    cannot_reach: bool
    since: Moment | None
    elapsed: str
    as_of: Moment
    as_of_hour: str
    next_by: Moment | None
    overdue: str
    until: Moment | None
    source: str
    identifier: str
    others: tuple[Other, ...]
    day: Day
    groups: tuple[Group, ...]
    regions: tuple[Region, ...]
    view_box: str
    map_title: str
    label: tuple[float, float] | None
    label_text: str
    exercise: tuple[Spoken, ...]
    choices: tuple[tuple[str, str], ...]
    number: str
    sender_name: str
    entry: str
    lost_headline: str
    event_id: str
    version: int
    next_change: str
    seq: int
    heartbeat_seconds: int
    known: tuple[Line, ...] = ()
    known_note: str = ""
    facilities: tuple[tuple[str, str, str], ...] = ()

"""What is wanted at a place: circles watched, areas of one's own, and how loud a warning there may be.

- A place is named by ``area:CODE``, or by its kind and its turn: ``point:0``, ``watch:1``, ``polygon:0``; the empty name
  stands for every place.
- Loudness is the subscriber's own: the loudest of the places that an alert concerns counts, and who said nothing is
  warned aloud. Nobody here makes a warning louder than was asked for.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

Point = tuple[int, int]
"""Latitude and longitude in micro-degrees."""

LEVELS = ("silent", "ordinary", "loud")
"""How loud, the quietest first: without a sound, as other messages, as an alarm."""
LOUD = "loud"


class Watch(Struct, frozen=True, gc=False):
    """A point in micro-degrees and how many metres around it are watched."""

    latitude: int
    longitude: int
    radius_m: int


class Loudness(Struct, frozen=True, gc=False):
    """How loud a warning is at a place (empty: every place) in some ``phases`` (empty: all of them)."""

    level: str
    place: str = ""
    phases: tuple[str, ...] = ()


def loudest(wishes: Iterable[Loudness], places: Iterable[str], phase: str) -> str:
    """How loud an alert of ``phase`` is for somebody whose ``places`` it concerns.

    >>> home, work = Loudness("loud", "area:UA-30"), Loudness("silent", "area:UA-32", ("prepare",))
    >>> loudest((home, work), ["area:UA-32"], "prepare"), loudest((home, work), ["area:UA-32"], "act")
    ('silent', 'loud')
    """
    wishes = tuple(wishes)
    found = [_level(wishes, place, phase) for place in places] or [_level(wishes, "", phase)]
    return max(found, key=LEVELS.index)


def _level(wishes: tuple[Loudness, ...], place: str, phase: str) -> str:
    # What is said of this place, then of this phase, is nearer to what was meant than what is said of all.
    named = [one for one in wishes if one.place in ("", place) and (not one.phases or phase in one.phases)]
    if not named:
        return LOUD
    return max(named, key=lambda one: (bool(one.place), bool(one.phases))).level

"""The page's own words, in each language: sentences, plurals, times with the name of their zone, durations.

- The words stand in ``texts/{part}.{language}.json``, one part for the pages of one kind; the parts of a language are one
  table. A key stands in one part only, and every part has the same keys in every language; a test holds them to that.
- A plural is chosen by the language's own rules (CLDR, through Babel), never by ``n == 1``.
- A time that a person reads is in the place's own zone and says so (F26); its digits are the same in every language,
  so that two people who read different languages read the same time (linter rule L15).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from string import Formatter
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_skeleton, get_timezone_location
from msgspec import Struct

from tocsin.place.language import direction

FALLBACK = "en"


class Spoken(Struct, frozen=True):
    """A text and the language it is in, so that a page can mark what is not in its own language."""

    text: str
    language: str


class Texts(Struct, frozen=True):
    """Every sentence of one language; ``table`` is the file as read."""

    language: str
    table: Mapping[str, Any]

    @property
    def direction(self) -> str:
        """``ltr`` or ``rtl``."""
        return direction(self.language)

    @property
    def locale(self) -> Locale:
        """Babel's rules for this language."""
        return Locale.parse(self.table["locale"])

    def __contains__(self, key: str) -> bool:
        return key in self.table

    def say(self, key: str, **values: object) -> str:
        """The sentence ``key`` with its places filled."""
        text: str = self.table[key]
        return text.format(**values) if values else text

    def pieces(self, key: str) -> tuple[tuple[str, str], ...]:
        """The sentence ``key`` in pieces of (text, name of the place after it), for a page that fills it by itself."""
        return tuple((text, slot or "") for text, slot, _, _ in Formatter().parse(self.table[key]))

    def lines(self, key: str, **values: object) -> tuple[Spoken, ...]:
        """The list of sentences ``key``."""
        return tuple(Spoken(line.format(**values), self.language) for line in self.table[key])

    def count(self, key: str, n: int, **values: object) -> str:
        """The plural form of ``key`` that fits ``n``."""
        forms: Mapping[str, str] = self.table[key]
        form = forms.get(self.locale.plural_form(n)) or forms["other"]
        return form.format(n=n, **values)

    def about(self, key: str, code: str, place: str) -> str:
        """The sentence ``key`` about a place: declined where we know how ("in Kyiv"), else with the bare name."""
        phrases: Mapping[str, str] = self.table["in"]
        where = phrases.get(code) or phrases.get("*")
        if where is None:
            bare = f"{key}.place"
            return self.say(bare if bare in self else key, place=place)
        where = where.format(place=place)
        return self.say(key, **{"in": where, "In": where[:1].upper() + where[1:]})

    def hour(self, moment: datetime, zone: str, seconds: bool = False) -> str:
        """``01:04`` (or ``01:04:09``) in ``zone``, an IANA name."""
        return moment.astimezone(ZoneInfo(zone)).strftime("%H:%M:%S" if seconds else "%H:%M")

    def day(self, moment: datetime, zone: str, at: datetime | None = None, seconds: bool = False) -> str:
        """``01:04``; with the day before it when that is not the day of ``at`` in ``zone``."""
        text = self.hour(moment, zone, seconds)
        here = ZoneInfo(zone)
        local = moment.astimezone(here)
        if at is not None and local.date() != at.astimezone(here).date():
            skeleton = "MMMd" if local.year == at.astimezone(here).year else "yMMMd"
            text = f"{format_skeleton(skeleton, local, locale=self.locale)}, {text}"
        return text

    def time(self, moment: datetime, zone: str, at: datetime | None = None, seconds: bool = False) -> str:
        """``01:04 Kyiv time``, with the day where it is needed."""
        return self.say("time", time=self.day(moment, zone, at, seconds), zone=self.zone(zone))

    def zone(self, zone: str) -> str:
        """How the time of ``zone`` is called: ``Kyiv time``."""
        zones: Mapping[str, str] = self.table["zone"]
        return zones.get(zone, zones["*"]).format(city=_city(zone, self.table["locale"]))

    def duration(self, span: timedelta) -> str:
        """``2 h 30 min``; less than a minute is ``0 min``."""
        hours, minutes = divmod(max(0, int(span.total_seconds())) // 60, 60)
        parts = [f"{hours}\u00a0{self.say('unit.h')}"] if hours else []
        if minutes or not hours:
            parts.append(f"{minutes}\u00a0{self.say('unit.min')}")
        return " ".join(parts)


@cache
def _city(zone: str, locale: str) -> str:
    return get_timezone_location(zone, locale=locale, return_city=True)


def gathered(package: str, language: str, table: dict[str, Any]) -> dict[str, Any]:
    """``table`` with every part of ``language`` that stands in the folder ``texts`` of ``package``; KeyError at a doubled key."""
    for file in sorted((files(package) / "texts").iterdir(), key=lambda file: file.name):
        if file.name.endswith(f".{language}.json"):
            found = json.loads(file.read_text("utf-8"))
            if doubled := set(found) & set(table):
                raise KeyError(f"{file.name} says again: {', '.join(sorted(doubled))}")
            table.update(found)
    return table


@cache
def texts(language: str) -> Texts:
    """The words of ``language``; KeyError when the page does not speak it."""
    if language not in spoken():
        raise KeyError(language)
    return Texts(language, gathered(__package__, language, {}))


@cache
def spoken() -> tuple[str, ...]:
    """Every language that the page speaks."""
    names = (file.name.split(".") for file in (files(__package__) / "texts").iterdir())
    return tuple(sorted({name[1] for name in names if len(name) == 3 and name[2] == "json"}))


def offered(wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the installation's languages that the page speaks, in its order; English when there is none."""
    return tuple(language for language in wanted if language in spoken()) or (FALLBACK,)

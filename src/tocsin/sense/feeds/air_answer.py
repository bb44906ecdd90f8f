"""An answer of an air-alert service, in any of the shapes that the Ukrainian services have, as one value.

- What an answer says is kept apart from what it leaves out: alerts that are on, ends that it states, areas that it
  calls quiet, and whether it claims to name everything (``whole``). What is merely absent ends nothing here.
- Start times are the service's (quirk 87). A time without an offset is nobody's moment and is left out (F26).
- The services number areas alike; what has no ISO code of its own is found in the operator's area pack, else it counts
  for the oblast around it: too wide is safer than not at all. What cannot be placed is said (``unplaced``).

Shapes: a list of regions with ``activeAlerts``; ``alerts`` with ``meta.last_updated_at``; a word of one letter per
oblast; ``states`` with a flag each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from tocsin.errors import SourceError
from tocsin.place.gazetteer import Gazetteer
from tocsin.sense.feeds.index import moment
from tocsin.sense.running import Key
from tocsin.sense.signal import hazard

# The services' number of each region, and its ISO 3166-2 code.
REGIONS = {
    "3": "UA-68", "4": "UA-05", "5": "UA-56", "8": "UA-07", "9": "UA-12", "10": "UA-18", "11": "UA-21",
    "12": "UA-23", "13": "UA-26", "14": "UA-32", "15": "UA-35", "16": "UA-09", "17": "UA-48", "18": "UA-51",
    "19": "UA-53", "20": "UA-59", "21": "UA-61", "22": "UA-63", "23": "UA-65", "24": "UA-71", "25": "UA-74",
    "26": "UA-77", "27": "UA-46", "28": "UA-14", "29": "UA-43", "30": "UA-40", "31": "UA-30",
}  # fmt: skip
# Two cities that are numbered like regions, and the oblast around each.
CITIES = {"564": "UA-23", "1293": "UA-63"}
TEST_REGION = "9999"
# The order of the regions in the word of one letter each.
ORDER = (
    "29", "8", "4", "9", "28", "10", "11", "12", "13", "31", "14", "15", "16", "27", "17", "18", "19", "5", "30", "20",
    "21", "22", "23", "3", "24", "26", "25",
)  # fmt: skip


class Said(Struct, frozen=True):
    """One statement about an area: ``at`` is the service's time of it, None if it gives none."""

    area: str
    hazard: str
    at: datetime | None
    started: datetime | None = None


class AirAnswer(Struct, frozen=True):
    """What one answer says; ``on`` are running alerts, ``over`` stated ends, ``quiet`` areas said to have none.

    ``updated`` is the moment that the whole answer speaks of; ``newest`` the newest time anywhere in it; ``empty`` that
    it names nothing at all; ``whole`` that what it does not name is not on.
    """

    shape: str
    on: tuple[Said, ...] = ()
    over: tuple[Said, ...] = ()
    quiet: dict[str, datetime | None] = {}
    updated: datetime | None = None
    newest: datetime | None = None
    whole: bool = False
    empty: bool = False
    unplaced: tuple[str, ...] = ()
    widened: int = 0
    tests: int = 0

    def running(self) -> dict[Key, datetime | None]:
        """Area and hazard to the earliest start that is given for it."""
        found: dict[Key, datetime | None] = {}
        for said in self.on:
            key = (said.area, said.hazard)
            times = [time for time in (found.get(key), said.at) if time is not None]
            found[key] = min(times, default=None)
        return found


class _Reader:
    """Collects what an answer says."""

    def __init__(self, gazetteer: Gazetteer, pack: str) -> None:
        self.gazetteer, self.pack = gazetteer, pack
        self.on: list[Said] = []
        self.over: list[Said] = []
        self.quiet: dict[str, datetime | None] = {}
        self.times: list[datetime] = []
        self.unplaced: list[str] = []
        self.widened = self.tests = 0

    def time(self, value: Any) -> datetime | None:
        found = moment(value) if isinstance(value, str) else None
        if found is not None:
            self.times.append(found)
        return found

    def area(self, number: Any, title: Any, around: Any = None, around_title: Any = None) -> str | None:
        """The area code of what a service calls an area; None, and noted, if it cannot be placed."""
        number, title = _word(number), _word(title)
        if number in REGIONS:
            return REGIONS[number]
        if number and (code := f"{self.pack}:{number}") in self.gazetteer:
            return self.gazetteer.get(code).code
        region = REGIONS.get(_word(around)) or self._named(_word(around_title)) or CITIES.get(number)
        if title and (named := self._named(title, region)):
            return named
        if region is not None:
            self.widened += 1
            return region
        self.unplaced.append(f"{number} {title}".strip() or "an area without a name")
        return None

    def _named(self, title: str, within: str | None = None) -> str | None:
        found = self.gazetteer.find(title, within=within, limit=3) if title else []
        return found[0].code if len(found) == 1 or (found and found[0].level == 1) else None

    def answer(self, shape: str, **more: Any) -> AirAnswer:
        return AirAnswer(
            shape,
            tuple(self.on),
            tuple(self.over),
            self.quiet,
            newest=max(self.times, default=None),
            unplaced=tuple(dict.fromkeys(self.unplaced)),
            widened=self.widened,
            tests=self.tests,
            **more,
        )


def read_answer(content: bytes, gazetteer: Gazetteer, pack: str = "ua") -> AirAnswer:
    """What an answer says; raises :class:`SourceError` if it is in none of the shapes."""
    text = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig", "replace")
    text = text.replace("\0", "").strip()
    reader = _Reader(gazetteer, pack)
    if re.fullmatch("[ANPanp ?_-]{27}", text):
        return _word_of_letters(text, reader)
    try:
        data = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError) as wrong:
        raise SourceError(f"neither JSON nor a word of 27 letters: {text[:60]!r} ({wrong})") from None
    if isinstance(data, list) and len(data) == 1 and isinstance(data[0], str):
        data = data[0]
    if isinstance(data, str):
        if not re.fullmatch("[ANPanp ?_-]{27}", data):
            raise SourceError(f"a word of {len(data)} letters, not one for each of 27 regions")
        return _word_of_letters(data, reader)
    if isinstance(data, list) and all(isinstance(item, dict) and "activeAlerts" in item for item in data):
        return _regions(data, reader)
    if isinstance(data, dict) and isinstance(data.get("alerts"), list):
        return _alerts(data, reader)
    if isinstance(data, dict) and isinstance(data.get("states"), (list, dict)) and data["states"]:
        return _states(data["states"], reader)
    raise SourceError(f"an answer in no known shape: {text[:80]!r}")


def _regions(data: list[dict[str, Any]], reader: _Reader) -> AirAnswer:
    """Regions, each with its ``activeAlerts``; a region that is listed with none is quiet since its ``lastUpdate``."""
    for region in data:
        number, title = region.get("regionId"), region.get("regionName")
        if _word(number) == TEST_REGION:
            reader.tests += 1
            continue
        changed = reader.time(region.get("lastUpdate"))
        active = region["activeAlerts"] if isinstance(region["activeAlerts"], list) else None
        if active is None:
            reader.unplaced.append(f"{title}: activeAlerts is no list")
            continue
        if not active:
            if (area := reader.area(number, title)) is not None:
                reader.quiet[area] = changed
            continue
        for item in active:
            if not isinstance(item, dict):
                continue
            # An alert may be for a part of the region that lists it: then it bears its own number.
            own = _word(item.get("regionId")) or _word(number)
            same = own == _word(number)
            area = reader.area(own, title if same else None, None if same else number, None if same else title)
            if area is not None:
                kind = hazard(_word(item.get("type")))
                reader.on.append(Said(area, kind, reader.time(item.get("lastUpdate")) or changed))
    return reader.answer("regions", whole=True, empty=not data)


def _alerts(data: dict[str, Any], reader: _Reader) -> AirAnswer:
    """``alerts`` that are on, or over where they bear ``finished_at``; ``meta`` says of when the answer is."""
    for item in data["alerts"]:
        if not isinstance(item, dict):
            reader.unplaced.append(str(item)[:80])
            continue
        number, title = item.get("location_uid"), item.get("location_title")
        if _word(number) == TEST_REGION:
            reader.tests += 1
            continue
        area = reader.area(number, title, item.get("location_oblast_uid"), item.get("location_oblast"))
        started, finished = reader.time(item.get("started_at")), reader.time(item.get("finished_at"))
        reader.time(item.get("updated_at"))
        if area is None:
            continue
        kind = hazard(_word(item.get("alert_type")) or "air_raid")
        if finished is not None:
            reader.over.append(Said(area, kind, finished, started))
        else:
            reader.on.append(Said(area, kind, started))
    meta = data.get("meta")
    updated = reader.time(meta.get("last_updated_at")) if isinstance(meta, dict) else None
    return reader.answer("alerts", updated=updated, whole=True, empty=not data["alerts"])


def _word_of_letters(text: str, reader: _Reader) -> AirAnswer:
    """One letter for each region: A on, P on in a part of it, N quiet; anything else says nothing about it."""
    for letter, number in zip(text.upper(), ORDER, strict=True):
        area = REGIONS[number]
        if letter in "AP":
            # On in a part counts for the whole: there is no telling which part.
            reader.widened += letter == "P"
            reader.on.append(Said(area, "air", None))
        elif letter == "N":
            reader.quiet[area] = None
    return reader.answer("letters", empty=not reader.on and not reader.quiet)


def _states(data: list[Any] | dict[str, Any], reader: _Reader) -> AirAnswer:
    """Regions by name, each with a flag and the time of its last change."""
    for title, state in _named_states(data):
        flag = state.get("alert", state.get("alertnow", state.get("enabled")))
        changed = reader.time(state.get("changed") or state.get("enabled_at"))
        area = reader.area(None, title)
        if area is None:
            continue
        if flag is True:
            reader.on.append(Said(area, "air", changed))
        elif flag is False:
            reader.quiet[area] = changed
    return reader.answer("states")


def _named_states(data: list[Any] | dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(data, dict):
        yield from ((name, state) for name, state in data.items() if isinstance(state, dict))
    else:
        yield from ((_word(state.get("name")), state) for state in data if isinstance(state, dict))


def _word(value: Any) -> str:
    return str(value).strip() if isinstance(value, (str, int)) and not isinstance(value, bool) else ""

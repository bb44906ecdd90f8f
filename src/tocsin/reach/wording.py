"""Wording: the published alert's own words, cut to what a channel can carry, in the language a subscriber reads.

- Words come from the alert as it was published and are used unchanged; where a channel has little room, whole sentences
  are left out, the last first, and the phrase book's short text is taken where the alert's words are those of the book
  (F7; practice.md section 5).
- The word for exercise stands first in every text of that realm, whatever is left out behind it (F16).
- No text is cut inside a sentence but one that is longer than the channel by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec
from msgspec import Struct

from tocsin.cap.alert import Alert, Info
from tocsin.errors import SettingsError, UnknownPlaceError
from tocsin.journal import EXERCISE
from tocsin.place.gazetteer import Gazetteer
from tocsin.place.language import best, language
from tocsin.reach.bulletin import Bulletin, read_alert
from tocsin.reach.delivery import Delivery
from tocsin.recent import Recent
from tocsin.warn.phrase import LANGUAGES, book

KEPT = 64
"""How many alerts' words are kept at hand."""

_BULLETIN = msgspec.json.Decoder(Bulletin)


class Wording(Struct, frozen=True):
    """What one alert says in one language. ``instruction`` has one action a line; ``mark`` is the word for exercise
    with its full stop, or empty; ``short`` is empty where the words are not those of the phrase book."""

    language: str
    mark: str
    headline: str
    description: str = ""
    instruction: tuple[str, ...] = ()
    event: str = ""
    area: str = ""
    sender: str = ""
    short: str = ""

    def whole(self, *more: str) -> str:
        """Everything in one line, with ``more`` behind it."""
        return " ".join(part for part in (self.headline, self.description, *self.instruction, *more) if part)


class Told(Struct, frozen=True):
    """A bulletin with its words in every language, the alert's first one first; ``alert`` is None if it is not here."""

    bulletin: Bulletin
    wordings: tuple[Wording, ...]
    alert: Alert | None = None

    def wording(self, wanted: Sequence[str] = ()) -> Wording:
        """The words for somebody who reads ``wanted``, the preferred language first."""
        offered = [one.language for one in self.wordings]
        found = best(wanted, offered) if wanted else None
        return next((one for one in self.wordings if one.language == found), self.wordings[0])

    def all_for(self, wanted: Sequence[str]) -> tuple[Wording, ...]:
        """Those of ``wanted`` in that order; where nothing is wanted or fits, every language."""
        offered = [one.language for one in self.wordings]
        tags = list(dict.fromkeys(found for want in wanted if (found := best([want], offered)) is not None))
        return tuple(one for tag in tags for one in self.wordings if one.language == tag) or self.wordings


class Wordings:
    """The words of alerts, read once each; ``cap`` gives the CAP XML of a published alert, or None."""

    def __init__(self, cap: Callable[[str], bytes | None] = lambda identifier: None) -> None:
        self._cap = cap
        self._kept: Recent[str, tuple[bytes, Told]] = Recent(KEPT)

    def of(self, delivery: Delivery) -> Told:
        """The words of a delivery's alert. A body that is no bulletin raises ``msgspec.ValidationError``."""
        kept = self._kept.get(delivery.alert)
        stale = kept is None or kept[0] != delivery.body
        # Deliveries may be ahead of whoever gives the message, so as long as it is missing it is asked for again.
        xml = self._cap(delivery.alert) if kept is None or stale or kept[1].alert is None else None
        if kept is None or stale or xml:
            kept = delivery.body, tell(_BULLETIN.decode(delivery.body), read_alert(xml) if xml else None)
            self._kept[delivery.alert] = kept
        return kept[1]


def tell(bulletin: Bulletin, alert: Alert | None = None) -> Told:
    """The words of ``bulletin``, with what only its CAP message says where that is at hand."""
    infos = {info.language or "en-US": info for info in reversed(alert.infos)} if alert is not None else {}
    # Both dictionaries were filled from the last info to the first, so that the first of a language wins.
    tags = list(reversed([*bulletin.headline])) or list(reversed([*infos])) or ["en"]
    wordings = tuple(_wording(bulletin, tag, infos.get(tag, Info(language=tag))) for tag in tags)
    return Told(bulletin, wordings, alert)


def marked(text: str, mark: str) -> str:
    """``text`` with ``mark`` in front of it, unless it stands there.

    >>> marked("Air alert.", "EXERCISE. "), marked("EXERCISE. Air alert.", "EXERCISE. ")
    ('EXERCISE. Air alert.', 'EXERCISE. Air alert.')
    """
    return text if text.startswith(mark.rstrip(". ")) else mark + text


def fit(wording: Wording, fits: Callable[[str], bool], *more: str) -> str:
    """The most that ``fits`` lets through: all of it with ``more`` (a link), or what saves lives first.

    What is left out goes from the end: ``more``, the description, the last actions; then the short text is taken, then
    the headline alone, and only a headline that is too long by itself is cut at a word.
    """
    for candidate in (wording.whole(*more), wording.whole()):
        if fits(candidate):
            return candidate
    lines = [wording.headline]
    for line in wording.instruction:
        if not fits(" ".join([*lines, line])):
            break
        lines.append(line)
    if len(lines) > 1 and fits(" ".join(lines)):
        longer = [lines[0], wording.description, *lines[1:]]
        return " ".join(longer) if wording.description and fits(" ".join(longer)) else " ".join(lines)
    for candidate in (wording.short, wording.headline):
        if candidate and fits(candidate):
            return candidate
    return cut(wording.short or wording.headline, fits)


def cut(text: str, fits: Callable[[str], bool]) -> str:
    """As much of ``text`` as fits, ended at a word with three dots; the dots are in every alphabet, an ellipsis is not.

    >>> cut("Stay in the shelter", lambda text: len(text) <= 12)
    'Stay in...'
    """
    if fits(text):
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(text[:middle] + "...") else (low, middle - 1)
    whole = text[:low] if text[low : low + 1].isspace() else text[:low].rpartition(" ")[0]
    return (whole or text[:low]).rstrip() + "..."


def exercise_mark(realm: str, tag: str) -> str:
    """What stands before every text of the exercise realm in a language; empty in the actual one."""
    if realm != EXERCISE:
        return ""
    known = language(tag)
    return book().exercise(known if known in LANGUAGES else "en") + ". "


def _wording(bulletin: Bulletin, tag: str, info: Info) -> Wording:
    mark = exercise_mark(bulletin.realm, tag)
    headline = bulletin.headline.get(tag) or info.headline or info.event or bulletin.phase
    instruction = bulletin.instruction.get(tag) or info.instruction
    area = ", ".join(dict.fromkeys(area.description for area in info.areas if area.description))
    short = _short(bulletin, tag, info, area, mark)
    return Wording(
        language=tag,
        mark=mark,
        headline=marked(headline.strip(), mark),
        # One text has the mark once: where both are joined, the headline bears it.
        description=info.description.strip().removeprefix(mark) if mark else info.description.strip(),
        instruction=tuple(line.strip() for line in instruction.splitlines() if line.strip()),
        event=info.event.removeprefix(mark) if mark else info.event,
        area=area,
        sender=info.sender_name,
        short=marked(short, mark) if short else "",
    )


def _short(bulletin: Bulletin, tag: str, info: Info, area: str, mark: str) -> str:
    """The phrase book's short text, if it is the book that this alert speaks from."""
    known, phrases = language(tag), book()
    if known not in LANGUAGES or not area or not info.event:
        return ""
    zone = _zone(bulletin.areas)
    until = info.expires or bulletin.as_of
    if not zone:
        return ""
    slots = {
        "place": area,
        "time": _at(bulletin.as_of, zone, known),
        "until": _at(until, zone, known),
        "sender": info.sender_name,
    }
    for hazard in phrases.hazards(bulletin.phase):
        try:
            phrase = phrases.phrase(hazard, bulletin.phase, known, **slots)
        except (SettingsError, KeyError):
            continue
        # The headline is compared as well: another publisher's event may have the same name and mean more.
        if phrase.event == info.event.removeprefix(mark) and phrase.headline == info.headline.removeprefix(mark):
            return phrase.short
    return ""


def _zone(areas: Sequence[str]) -> str:
    for code in areas:
        try:
            return Gazetteer.world().get(code).zone
        except UnknownPlaceError:
            continue
    return ""


def _at(moment: datetime, zone: str, tag: str) -> str:
    return book().time(moment, zone, tag)

"""Compiling: from what a draft says to the CAP alert in every language, and to its retraction, before anybody approves.

- Words come from the phrase book; free text stands after them, in its own language only, and is marked where nobody who
  reads that language has confirmed it. It never enters a headline.
- The retraction is compiled together with its alert and is part of what is approved (F2: Hawaii had no text for it).
- The digest covers everything an approver is shown, of both messages, except ``sent``, which is frozen at publication.
- The area fails closed: without one, or with one whose geometry cannot be read, nothing is compiled (F4).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec
import numpy as np
from msgspec import Struct

from tocsin.cap import alert as cap
from tocsin.cap.alert import Alert, Area, Circle, Info, MsgType, Named, Polygon, Reference, ResponseType, Status
from tocsin.cap.phase import Phase
from tocsin.cap.xml import write
from tocsin.clock import spell
from tocsin.errors import GeometryError, IllegalStepError
from tocsin.journal import EXERCISE
from tocsin.place.gazetteer import Gazetteer
from tocsin.warn.draft import Content, Where
from tocsin.warn.phrase import PhraseBook


class Issuer(Struct, frozen=True):
    """In whose name we publish, in which realm and languages (the first is the one others fall back to)."""

    sender: str
    sender_name: str
    realm: str
    languages: tuple[str, ...]


class Kit(NamedTuple):
    """What compiling needs to know."""

    gazetteer: Gazetteer
    phrases: PhraseBook
    issuer: Issuer


class Codes(NamedTuple):
    """CAP's own codes for a phase (practice.md section 2)."""

    response_types: tuple[str, ...]
    urgency: str
    severity: str
    certainty: str


CODES: Mapping[Phase, Codes] = {
    Phase.PREPARE: Codes((ResponseType.PREPARE, ResponseType.MONITOR), "Expected", "Severe", "Possible"),
    Phase.ACT: Codes((ResponseType.SHELTER,), "Immediate", "Extreme", "Observed"),
    Phase.HOLD: Codes((ResponseType.SHELTER,), "Immediate", "Severe", "Observed"),
    Phase.ALL_CLEAR: Codes((ResponseType.ALL_CLEAR,), "Past", "Minor", "Observed"),
    Phase.RETRACTED: Codes((ResponseType.NONE,), "Past", "Minor", "Observed"),
}

UNSENT = datetime(2000, 1, 1, tzinfo=UTC)
"""Stands for ``sent`` until publication freezes it."""
NOTE_ERROR = "Issued in error. There is no danger from it."
UNCONFIRMED = {
    "en": "Not checked by a reader of this language: ",
    "uk": "Не перевірено читачем цієї мови: ",
    "de": "Von niemandem geprüft, der diese Sprache liest: ",
    "fr": "Non vérifié par un lecteur de cette langue : ",
}


class Compiled(Struct, frozen=True):
    """An alert and its retraction (none for an ending), without ``sent``, and the digest of what an approver is shown."""

    alert: Alert
    retraction: Alert | None
    digest: str


def area(where: Where, gazetteer: Gazetteer, language: str) -> Area:
    """``where`` as a CAP area; raises :class:`GeometryError` where it names nothing or cannot be read."""
    if not where:
        raise GeometryError("an alert needs an area; it is never the whole country by default")
    geocodes = []
    for code in where.codes:
        place = gazetteer.get(code)
        pack, _, value = code.partition(":")
        level = "ISO3166-1" if place.level == 0 else "ISO3166-2"
        geocodes.append(Named(pack, value) if value else Named(level, code))
    named = where.name.get(language) or ", ".join(gazetteer.name(code, language) for code in where.codes)
    if not named:
        raise GeometryError("an area that is drawn needs a name that people know")
    return Area(
        named,
        tuple(_polygon(text) for text in where.polygons),
        tuple(_circle(text) for text in where.circles),
        tuple(geocodes),
    )


def infos(
    kit: Kit,
    hazard: str,
    phase: Phase,
    names: Mapping[str, str],
    zone: str,
    moment: datetime,
    until: datetime | None = None,
) -> tuple[Info, ...]:
    """The words for ``hazard`` in ``phase`` in every language, without times, parameters and areas.

    ``names`` is the area's name by language; ``moment`` is spelt in the zone's time. In the exercise realm each text
    that a machine or a lock screen reads begins with the word for exercise (F16).
    """
    exercise = kit.issuer.realm == EXERCISE
    codes = CODES[phase]
    made = []
    for language in kit.issuer.languages:
        words = kit.phrases.phrase(
            hazard,
            phase.value,
            language,
            place=names[language],
            time=kit.phrases.time(moment, zone, language),
            until=kit.phrases.time(until or moment, zone, language),
            sender=kit.issuer.sender_name,
        )
        mark = f"{kit.phrases.exercise(language)}. " if exercise else ""
        made.append(
            Info(
                language=language,
                categories=("Safety",),
                event=mark + words.event,
                response_types=codes.response_types,
                urgency=codes.urgency,
                severity=codes.severity,
                certainty=codes.certainty,
                sender_name=kit.issuer.sender_name,
                headline=mark + words.headline,
                description=mark + words.description,
                instruction=words.instruction,
            )
        )
    return tuple(made)


def parameters(
    event_id: str, version: int, phase: Phase, as_of: datetime, by: datetime | None = None
) -> tuple[Named, ...]:
    """Our machine fields, the same in every info; ``by`` is when the next word is promised."""
    fields = (
        Named(cap.EVENT_ID, event_id),
        Named(cap.VERSION, str(version)),
        Named(cap.PHASE, phase.value),
        Named(cap.AS_OF, spell(as_of)),
    )
    return (*fields, Named(cap.NEXT_UPDATE_BY, spell(by))) if by is not None else fields


def note(kit: Kit, phase: Phase) -> str:
    """alert.note: the word for exercise in every language in that realm, and why a retraction was sent."""
    exercise = kit.issuer.realm == EXERCISE
    marks = [kit.phrases.exercise(language) for language in kit.issuer.languages] if exercise else []
    return ". ".join([*marks, *([NOTE_ERROR] if phase is Phase.RETRACTED else [])])


def compile_content(content: Content, kit: Kit, before: Reference | None = None) -> Compiled:
    """What ``content`` becomes. ``before`` is the alert that it updates, with its ``sent``.

    Raises :class:`IllegalStepError` for content that lacks what every alert needs, :class:`GeometryError` for the area.
    """
    for missing, there in (
        ("a phase", content.phase),
        ("a hazard", content.hazard),
        ("an owner", content.owner),
        ("a start", content.starts),
        ("an end", content.ends),
        ("an event", content.event_id),
    ):
        if not there:
            raise IllegalStepError(f"an alert needs {missing}")
    assert content.starts is not None
    assert content.ends is not None
    if content.ends <= content.starts:
        raise IllegalStepError("an alert must end after it starts")
    if (before is None) != (content.version == 1):
        raise IllegalStepError("an update needs the alert it updates, and a first alert has none")
    phase = Phase(content.phase)
    if phase not in CODES or phase is Phase.RETRACTED:
        raise IllegalStepError(f"{content.phase} cannot be composed")
    alert = _alert(content, kit, phase, content.version, before)
    own = Reference(kit.issuer.sender, alert.identifier, spell(UNSENT))
    return Compiled(
        alert, (withdrawn := _alert(content, kit, Phase.RETRACTED, content.version + 1, own)), digest(alert, withdrawn)
    )


def digest(alert: Alert, retraction: Alert | None) -> str:
    """SHA-256 over both messages, in hexadecimal, with the ``sent`` that publication freezes at UNSENT in both."""
    sealed = hashlib.sha256(write(msgspec.structs.replace(alert, sent=UNSENT, original=None)))
    if retraction is not None:
        reference = msgspec.structs.replace(retraction.references[0], sent=spell(UNSENT))
        sealed.update(b"\0")
        sealed.update(write(msgspec.structs.replace(retraction, sent=UNSENT, references=(reference,), original=None)))
    return sealed.hexdigest()


def _alert(content: Content, kit: Kit, phase: Phase, version: int, before: Reference | None) -> Alert:
    assert content.starts is not None
    issuer, exercise = kit.issuer, kit.issuer.realm == EXERCISE
    retracted = phase is Phase.RETRACTED
    areas = {language: area(content.where, kit.gazetteer, language) for language in issuer.languages}
    zone = (
        kit.gazetteer.get(content.where.codes[0]).zone if content.where.codes else _zone(content.where, kit.gazetteer)
    )
    fields = parameters(content.event_id, version, phase, content.starts, None if retracted else content.next_update_by)
    if retracted:
        fields = (*fields, Named(cap.CANCEL_REASON, "error"))
    words = infos(
        kit, content.hazard, phase, {k: v.description for k, v in areas.items()}, zone, content.starts, content.ends
    )
    complete = tuple(
        msgspec.structs.replace(
            info,
            audience="" if content.scope == "Public" and content.audience == "everyone" else content.audience,
            effective=content.starts,
            onset=content.starts,
            expires=content.ends,
            description=info.description if retracted else _with_extra(info.description, info.language, content),
            parameters=fields,
            areas=(areas[info.language],),
        )
        for info in words
    )
    return Alert(
        identifier=f"{content.event_id}.{version}",
        sender=issuer.sender,
        status=Status.EXERCISE if exercise else Status.ACTUAL,
        msg_type=MsgType.CANCEL if retracted else MsgType.UPDATE if before else MsgType.ALERT,
        scope=content.scope,
        restriction=f"For {content.audience} only" if content.scope == "Restricted" else "",
        note=note(kit, phase),
        references=(before,) if before else (),
        incidents=content.incidents,
        infos=complete,
    )


def _with_extra(description: str, language: str, content: Content) -> str:
    """The description with the free text of this language after it, marked where nobody has confirmed it."""
    extra = content.extra.get(language)
    if extra is None or not extra.text.strip():
        return description
    mark = "" if extra.confirmed_by else UNCONFIRMED.get(language, UNCONFIRMED["en"])
    return f"{description}\n{mark}{extra.text.strip()}"


def _zone(where: Where, gazetteer: Gazetteer) -> str:
    """The time zone of a drawn area: that of the place at its first point."""
    text = (where.polygons or where.circles)[0].split()[0]
    latitude, longitude = _pair(text)
    found = gazetteer.at(latitude, longitude)
    return found[0].zone if found else "UTC"


def _pair(text: str) -> tuple[int, int]:
    try:
        latitude, longitude = (round(float(part) * 1_000_000) for part in text.split(","))
    except ValueError:
        raise GeometryError(f"{text!r} is not latitude,longitude") from None
    if abs(latitude) > 90_000_000 or abs(longitude) > 180_000_000:
        raise GeometryError(f"{text!r} is not on the Earth")
    return latitude, longitude


def _polygon(text: str) -> Polygon:
    points = [_pair(part) for part in text.split()]
    if len(points) < 4 or points[0] != points[-1]:
        raise GeometryError("a polygon needs four points at least, the last the same as the first")
    return Polygon(text, np.array(points, dtype=np.int64))


def _circle(text: str) -> Circle:
    centre, _, radius = text.partition(" ")
    latitude, longitude = _pair(centre)
    try:
        kilometres = float(radius)
    except ValueError:
        raise GeometryError(f"{text!r} is not latitude,longitude kilometres") from None
    if not 0 < kilometres <= 1000:
        raise GeometryError(f"a circle of {radius} km is not an area to warn")
    return Circle(text, latitude, longitude, kilometres)

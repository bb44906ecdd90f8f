"""Compiling: from what a draft says to the CAP alert in every language, and to its retraction, before anybody approves.

- Words come from the phrase book; free text stands after them, in its own language only, and is marked where nobody who
  reads that language has confirmed it. It never enters a headline.
- The retraction is compiled together with its alert and is part of what is approved (F2: Hawaii had no text for it).
- The digest covers everything an approver is shown, of both messages, except ``sent``, which is frozen at publication.
- The area fails closed: without one, or with one whose geometry cannot be read or had to be repaired, nothing is
  compiled (F4).
- A language whose wording nobody has reviewed is left out, and the desk says so; it never stops the others (F14). Where
  none is left, nothing is compiled.
- What goes to channels that hold little text stands in the message too (``tocsin:short``), so it is approved and signed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from tocsin.cap import alert as cap
from tocsin.cap.alert import Alert, Info, MsgType, Named, Reference, ResponseType, Status
from tocsin.cap.phase import Phase
from tocsin.cap.xml import write
from tocsin.clock import spell
from tocsin.errors import IllegalStepError
from tocsin.journal import EXERCISE
from tocsin.place.gazetteer import Gazetteer
from tocsin.remark import remark, word
from tocsin.warn.draft import Content, Where
from tocsin.warn.hazard import hazard as row_of
from tocsin.warn.phrase import PhraseBook
from tocsin.warn.plot import area as area
from tocsin.warn.plot import zone_of


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

LIFE = timedelta(hours=24)
"""How long a retraction stays in feeds, counted from the end of what it takes back: however late, people are owed it."""
UNSENT = datetime(2000, 1, 1, tzinfo=UTC)
"""Stands for ``sent`` until publication freezes it."""
NOTE_ERROR = "Issued in error. There is no danger from it."
NOTE_ENDED = "The danger has ended."

# Machine fields of what is composed here, beside those of cap.alert.
HAZARD = "tocsin:hazard"
SHORT = "tocsin:short"
FACILITY = "tocsin:facility"
ALARM = "tocsin:alarm"
SOUND, QUIET = "sound", "quiet"
"""Whether those who had the version before are to be alarmed again: only by an escalation or a bigger area (F22)."""

UNCONFIRMED = {
    "en": "Not checked by a reader of this language: ",
    "uk": "Не перевірено читачем цієї мови: ",
    "de": "Von niemandem geprüft, der diese Sprache liest: ",
    "fr": "Non vérifié par un lecteur de cette langue : ",
}


class Compiled(Struct, frozen=True):
    """An alert and its retraction (none for an ending), without ``sent``, and the digest of what an approver is shown.

    ``beside`` are the messages that leave in the same commit before it: the all-clear for those who are no longer in
    the area, and the alert for those who are new in it while the others only hear that it goes on.
    """

    alert: Alert
    retraction: Alert | None
    digest: str
    beside: tuple[Alert, ...] = ()

    @property
    def version(self) -> int:
        """The version of the alert itself; what stands beside it has those just before."""
        return int(self.alert.parameter(cap.VERSION) or 1)


def infos(
    kit: Kit,
    hazard: str,
    phase: Phase,
    names: Mapping[str, str],
    zone: str,
    moment: datetime,
    until: datetime | None = None,
    audience: str = "",
) -> tuple[Info, ...]:
    """The words for ``hazard`` in ``phase`` in every language that is reviewed, without times, parameters and areas.

    ``names`` is the area's name by language; ``moment`` is spelt in the zone's time. In the exercise realm each text
    that a machine or a lock screen reads begins with the word for exercise (F16). ``audience`` picks words of their
    own for staff. The short text stands in the parameter :data:`SHORT`.
    """
    exercise = kit.issuer.realm == EXERCISE
    codes, row = CODES[phase], row_of(hazard)
    made = []
    for language in spoken(kit, hazard, phase):
        words = kit.phrases.phrase(
            hazard,
            phase.value,
            language,
            audience,
            place=names[language],
            time=kit.phrases.time(moment, zone, language),
            clock=f"{moment.astimezone(ZoneInfo(zone)):%H:%M}",
            until=kit.phrases.time(until or moment, zone, language),
            sender=kit.issuer.sender_name,
        )
        mark = f"{kit.phrases.exercise(language)}. " if exercise else ""
        made.append(
            Info(
                language=language,
                categories=row.categories,
                event=mark + words.event,
                response_types=row.response(phase.value) or codes.response_types,
                urgency=codes.urgency,
                severity=codes.severity,
                certainty=codes.certainty,
                sender_name=kit.issuer.sender_name,
                headline=mark + words.headline,
                description=mark + words.description,
                instruction=words.instruction,
                parameters=(Named(SHORT, mark + words.short),),
            )
        )
    return tuple(made)


def spoken(kit: Kit, hazard: str, phase: Phase) -> tuple[str, ...]:
    """The issuer's languages in which this can be said in reviewed words; raises IllegalStepError where there is none."""
    found = tuple(tag for tag in kit.issuer.languages if kit.phrases.usable(hazard, phase.value, tag))
    if not found:
        raise IllegalStepError(
            remark(
                "compile.unreviewed",
                "nobody has reviewed the words for {hazard} in {phase} in any language",
                hazard=word("hazard", hazard),
                phase=word("phase", phase.value),
            )
        )
    return found


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
    """alert.note: the word for exercise in every language in that realm, and whether an ending ends or takes back."""
    exercise = kit.issuer.realm == EXERCISE
    marks = [kit.phrases.exercise(language) for language in kit.issuer.languages] if exercise else []
    ends = {Phase.RETRACTED: [NOTE_ERROR], Phase.ALL_CLEAR: [NOTE_ENDED]}
    return ". ".join([*marks, *ends.get(phase, [])])


class Change(Struct, frozen=True):
    """What an update changes for people: who leaves, who joins, and whether it sounds again for those who stay.

    ``staying`` is where the update itself holds when those who join are told something else.
    """

    leaving: Where = Where()
    joining: Where = Where()
    staying: Where = Where()
    sounds: bool = True


def compile_content(
    content: Content, kit: Kit, before: Reference | None = None, change: Change | None = None
) -> Compiled:
    """What ``content`` becomes. ``before`` is the alert that it updates, with its ``sent``; ``change`` what it changes.

    Raises :class:`IllegalStepError` for content that lacks what every alert needs, :class:`GeometryError` for the area.
    """
    phase = _complete(content, before)
    change = change or Change()
    version, beside = content.version, []
    for where, told in ((change.leaving, Phase.ALL_CLEAR), (change.joining, Phase.ACT)):
        if where:
            part = msgspec.structs.replace(content, where=where, phase=told.value)
            beside.append(_alert(part, kit, told, version, before))
            version += 1
    main = msgspec.structs.replace(content, where=change.staying) if change.staying else content
    alert = _alert(main, kit, phase, version, before, SOUND if change.sounds else QUIET)
    own = Reference(kit.issuer.sender, alert.identifier, spell(UNSENT))
    # The retraction is for everybody who was told anything, whichever of the messages it was.
    withdrawn = _alert(content, kit, Phase.RETRACTED, version + 1, own)
    return Compiled(alert, withdrawn, digest(alert, withdrawn, tuple(beside)), tuple(beside))


def _complete(content: Content, before: Reference | None) -> Phase:
    """The phase of ``content``, once it has what every alert needs."""
    for missing, there in (
        (remark("needs.phase", "a phase"), content.phase),
        (remark("needs.hazard", "a hazard"), content.hazard),
        (remark("needs.owner", "an owner"), content.owner),
        (remark("needs.start", "a start"), content.starts),
        (remark("needs.end", "an end"), content.ends),
        (remark("needs.event", "an event"), content.event_id),
    ):
        if not there:
            raise IllegalStepError(remark("compile.needs", "an alert needs {missing}", missing=missing))
    assert content.starts is not None
    assert content.ends is not None
    if content.ends <= content.starts:
        raise IllegalStepError(remark("compile.ends", "an alert must end after it starts"))
    if (before is None) != (content.version == 1):
        raise IllegalStepError(
            remark("compile.update", "an update needs the alert it updates, and a first alert has none")
        )
    if content.phase not in {phase.value for phase in CODES} or content.phase == Phase.RETRACTED.value:
        raise IllegalStepError(
            remark("compile.phase", "{phase} cannot be composed", phase=word("phase", content.phase))
        )
    return Phase(content.phase)


def digest(alert: Alert, retraction: Alert | None, beside: tuple[Alert, ...] = ()) -> str:
    """SHA-256 over all messages, in hexadecimal, with the ``sent`` that publication freezes at UNSENT in each."""
    sealed = hashlib.sha256(write(msgspec.structs.replace(alert, sent=UNSENT, original=None)))
    if retraction is not None:
        reference = msgspec.structs.replace(retraction.references[0], sent=spell(UNSENT))
        sealed.update(b"\0")
        sealed.update(write(msgspec.structs.replace(retraction, sent=UNSENT, references=(reference,), original=None)))
    for other in beside:
        sealed.update(b"\1")
        sealed.update(write(msgspec.structs.replace(other, sent=UNSENT, original=None)))
    return sealed.hexdigest()


def _alert(
    content: Content, kit: Kit, phase: Phase, version: int, before: Reference | None, alarm: str = SOUND
) -> Alert:
    assert content.starts is not None
    assert content.ends is not None
    issuer, exercise = kit.issuer, kit.issuer.realm == EXERCISE
    retracted = phase is Phase.RETRACTED
    areas = {language: area(content.where, kit.gazetteer, language) for language in issuer.languages}
    zone = (
        kit.gazetteer.get(content.where.codes[0]).zone if content.where.codes else zone_of(content.where, kit.gazetteer)
    )
    fields = parameters(content.event_id, version, phase, content.starts, None if retracted else content.next_update_by)
    if retracted:
        fields = tuple(field for field in fields if field.name != cap.AS_OF)
    fields = (*fields, Named(HAZARD, content.hazard))
    if alarm == QUIET:
        fields = (*fields, Named(ALARM, QUIET))
    if retracted or phase is Phase.ALL_CLEAR:
        fields = (*fields, Named(cap.CANCEL_REASON, "error" if retracted else "ended"))
    if content.facility and not retracted:
        fields = (*fields, Named(FACILITY, content.facility))
    names = {language: found.description for language, found in areas.items()}
    staff = "" if content.scope == "Public" else "staff"
    words = infos(kit, content.hazard, phase, names, zone, content.starts, content.ends, staff)
    complete = tuple(
        msgspec.structs.replace(
            info,
            audience="" if content.scope == "Public" and content.audience == "everyone" else content.audience,
            # A retraction holds from the moment it is sent, which nobody knows yet.
            effective=None if retracted else content.starts,
            onset=None if retracted else content.starts,
            expires=content.ends + LIFE if retracted else content.ends,
            description=info.description if retracted else _more(info, content, kit, zone),
            parameters=fields + info.parameters,
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


def _more(info: Info, content: Content, kit: Kit, zone: str) -> str:
    """The description with what is open or closed and when the next word comes, and the free text after it."""
    lines, phrases = [info.description], kit.phrases
    if content.facility:
        lines.append(phrases.facility(content.facility, kit.issuer.sender_name, info.language))
    if content.next_update_by is not None and content.phase != Phase.ALL_CLEAR.value:
        lines.append(phrases.promise(phrases.time(content.next_update_by, zone, info.language), info.language))
    return _with_extra(" ".join(lines), info.language, content)


def _with_extra(description: str, language: str, content: Content) -> str:
    """The description with the free text of this language after it, marked where nobody has confirmed it."""
    extra = content.extra.get(language)
    if extra is None or not extra.text.strip():
        return description
    mark = "" if extra.confirmed_by else UNCONFIRMED.get(language, UNCONFIRMED["en"])
    return f"{description}\n{mark}{extra.text.strip()}"

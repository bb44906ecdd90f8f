"""A canary's alert: what the self-drill publishes, so that only the operator's own canaries are told.

- It is a whole CAP message, signed and with its retraction like any other, and its entry is ``selfdrill:published`` in
  the realm exercise: whoever shows, counts, repeats or measures alerts follows ``alert:published`` and never meets it.
- Status Test, scope Private, addressed to the canaries by the names of their channels: no address stands in the journal.
- Its area is a code of no gazetteer; nobody can name it in a subscription.
- It says act and then all-clear, because a channel must be proven with both; its words and its codes ask for nothing, and
  each text that a lock screen shows begins with the word for exercise (F16).

CAP 1.2, 3.2.1: "Test", technical testing only, all recipients disregard; "Private", only to the addresses that are named.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from tocsin.cap import alert as cap
from tocsin.cap.alert import Alert, Area, Category, Info, MsgType, Named, Reference, ResponseType, Scope, Status
from tocsin.cap.phase import Phase
from tocsin.clock import spell
from tocsin.warn.compile import NOTE_ERROR, SHORT, Kit, parameters
from tocsin.warn.publish import WARNS, Published, Sign, published

SELFDRILL_PUBLISHED = "selfdrill:published"
EVENT = "selfdrill."
"""What the event of every self-drill begins with."""
LIFE = timedelta(minutes=10)
"""How long one stands at most, should nobody be there to end it."""
CODE = "x-selfdrill-"
"""What the area of every canary begins with; its channel follows."""

SAYS = {
    "en": "Test of this channel. There is nothing to do.",
    "uk": "Перевірка цього каналу. Нічого робити не потрібно.",
    "de": "Test dieses Kanals. Es ist nichts zu tun.",
    "fr": "Essai de ce canal. Il n’y a rien à faire.",
}
ENDS = {
    "en": "The test of this channel is over. There is nothing to do.",
    "uk": "Перевірку цього каналу завершено. Нічого робити не потрібно.",
    "de": "Der Test dieses Kanals ist beendet. Es ist nichts zu tun.",
    "fr": "L’essai de ce canal est terminé. Il n’y a rien à faire.",
}


def area(channel: str) -> str:
    """The area that nobody but the canary of ``channel`` has."""
    return CODE + channel


def proving(
    kit: Kit, sign: Sign, event_id: str, channels: Sequence[str], at: datetime, before: Published | None = None
) -> Published:
    """The alert of one self-drill for the canaries of ``channels``; what ends it where there is one ``before``.

    ``at`` has whole seconds. Raises KeyMissingError where it cannot be signed.
    """
    phase = Phase.ACT if before is None else Phase.ALL_CLEAR
    version = 1 if before is None else before.version + 1
    earlier = _reference(kit, before) if before is not None else None
    message = _message(kit, event_id, version, phase, channels, at, earlier)
    retraction = None
    if phase in WARNS:
        own = Reference(kit.issuer.sender, message.identifier, spell(at))
        retraction = _message(kit, event_id, version + 1, Phase.RETRACTED, channels, at, own)
    return published(
        message,
        retraction,
        event_id=event_id,
        version=version,
        phase=phase,
        areas=tuple(area(channel) for channel in channels),
        as_of=at,
        sign=sign,
        supersedes=before.identifier if before is not None else "",
    )


def channels_of(alert: Published) -> tuple[str, ...]:
    """The channels whose canaries a self-drill's alert is for."""
    return tuple(code.removeprefix(CODE) for code in alert.areas)


def _reference(kit: Kit, before: Published) -> Reference:
    return Reference(kit.issuer.sender, before.identifier, spell(before.sent))


def _message(
    kit: Kit,
    event_id: str,
    version: int,
    phase: Phase,
    channels: Sequence[str],
    at: datetime,
    before: Reference | None,
) -> Alert:
    tags = [tag for tag in kit.issuer.languages if tag in SAYS] or ["en"]
    fields = parameters(event_id, version, phase, at)
    if phase not in WARNS:
        fields = (*fields, Named(cap.CANCEL_REASON, "error" if phase is Phase.RETRACTED else "ended"))
    marks = ". ".join(kit.phrases.exercise(tag) for tag in tags)
    said = SAYS if phase in WARNS else ENDS
    where = tuple(Named("x-tocsin", area(channel)) for channel in channels)
    kind = MsgType.ALERT if before is None else MsgType.CANCEL if phase is Phase.RETRACTED else MsgType.UPDATE
    return Alert(
        identifier=f"{event_id}.{version}",
        sender=kit.issuer.sender,
        sent=at,
        status=Status.TEST,
        msg_type=kind,
        scope=Scope.PRIVATE,
        addresses=tuple(f"canary-{channel}" for channel in channels),
        note=f"{marks}. {NOTE_ERROR}" if phase is Phase.RETRACTED else marks,
        references=(before,) if before is not None else (),
        infos=tuple(_info(kit, tag, said[tag], phase, fields, where, at) for tag in tags),
    )


def _info(
    kit: Kit, tag: str, says: str, phase: Phase, fields: tuple[Named, ...], where: tuple[Named, ...], at: datetime
) -> Info:
    marked = f"{kit.phrases.exercise(tag)}. {says}"
    return Info(
        language=tag,
        categories=(Category.OTHER,),
        event=marked,
        response_types=(ResponseType.ALL_CLEAR if phase is Phase.ALL_CLEAR else ResponseType.NONE,),
        urgency="Unknown",
        severity="Unknown",
        certainty="Unknown",
        effective=at,
        expires=at + LIFE,
        sender_name=kit.issuer.sender_name,
        headline=marked,
        description=marked,
        instruction=says,
        parameters=(*fields, Named(SHORT, marked)),
        areas=(Area("Tocsin", geocodes=where),),
    )

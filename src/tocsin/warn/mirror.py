"""The mirror: what an official source says becomes a published alert, without a person, where the signed policy says so.

- A signal that starts becomes a CAP Alert (act); its end an Update with AllClear of the same event. Words come from the
  phrase book; times from the source (quirk 87), so a restart makes no old alert look new.
- A CAP message is repeated under our own identity with its infos untouched; its thread keeps one event id.
- What was ended stays ended: a start that arrives after its end is not published (F: an act after its all-clear must
  not sound).
- What the policy does not cover waits for a person, with the reason in the journal (``report:waiting``).
- Making the facts is pure; the caller records them in one commit with the follower's cursor.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from msgspec import Struct

from tocsin.cap import alert as cap
from tocsin.cap.alert import Alert, Area, Info, MsgType, Named, Reference, ResponseType, Scope, Status
from tocsin.cap.coverage import codes_of
from tocsin.cap.phase import Phase, says
from tocsin.cap.xml import TRUSTED, read, write
from tocsin.clock import spell
from tocsin.errors import InputError
from tocsin.journal import EXERCISE, Entry, Fact, fact
from tocsin.place.gazetteer import Gazetteer
from tocsin.sense.report import CAP_XML, REPORT_RECEIVED, SIGNAL_JSON, Report
from tocsin.sense.signal import Signal
from tocsin.sense.source import Source
from tocsin.warn.phrase import PhraseBook
from tocsin.warn.policy import Policy
from tocsin.warn.publish import ALERT_PUBLISHED, Published

REPORT_WAITING = "report:waiting"

# An alert needs an end so that nobody relies on it for ever; act never ends by it, but becomes unknown (practice.md 2).
LIFE = timedelta(hours=24)


class Waiting(Struct, frozen=True):
    """The body of ``report:waiting``; the subject is the report's id. ``reason`` is a code, ``detail`` a sentence."""

    source: str
    reason: str
    detail: str = ""


class Issuer(Struct, frozen=True):
    """In whose name we publish."""

    sender: str
    sender_name: str
    realm: str
    languages: tuple[str, ...]


class Standing(Struct):
    """What the mirror knows of one event: its newest published version."""

    event_id: str
    identifier: str
    sent: datetime
    version: int
    phase: str


class Mirror:
    """Turns reports into published alerts; :meth:`apply` feeds it with what was published before."""

    def __init__(
        self, gazetteer: Gazetteer, phrases: PhraseBook, policy: Policy, issuer: Issuer, sources: dict[str, Source]
    ) -> None:
        self._gazetteer, self._phrases, self._policy, self._issuer, self._sources = (
            gazetteer,
            phrases,
            policy,
            issuer,
            sources,
        )
        self._events: dict[str, Standing] = {}  # by event id
        self._active: dict[tuple[str, str, str], str] = {}  # (source, area, hazard) -> the event that stands in act
        self._ended: dict[tuple[str, str, str], datetime] = {}  # the same key -> the newest end the source has told
        self._mirrored: dict[str, str] = {}  # a foreign identifier -> our event id
        self._texts: dict[tuple[str, str, str], tuple[Info, ...]] = {}

    # --- what was published ----------------------------------------------------------------------------------------

    def apply(self, entry: Entry) -> None:
        """Learn of a published alert (ours or a colleague's), so that updates find what they update."""
        if entry.kind == ALERT_PUBLISHED:
            self._learn(entry.read(Published))

    def _learn(self, done: Published) -> None:
        known = self._events.get(done.event_id)
        if known is None or known.version < done.version:
            self._events[done.event_id] = Standing(
                done.event_id, done.identifier, done.sent, done.version, done.phase
            )
        if done.event_id.startswith("sig."):
            key = (done.source, done.areas[0], done.event_id.split(".")[2])
            if done.phase == Phase.ACT:
                self._active[key] = done.event_id
            elif self._active.get(key) == done.event_id:
                del self._active[key]
        for alert in (done.report_of,) if done.report_of else ():
            self._mirrored[alert] = done.event_id

    # --- reports ---------------------------------------------------------------------------------------------------

    def facts(self, entries: Sequence[Entry], at: datetime) -> list[Fact]:
        """What to record for these ``report:received`` entries; ``at`` is the moment of publishing."""
        made: list[Fact] = []
        for entry in entries:
            if entry.kind == REPORT_RECEIVED:
                made.extend(self._one(entry.read(Report), at))
        return made

    def _one(self, report: Report, at: datetime) -> list[Fact]:
        try:
            if report.media_type == SIGNAL_JSON:
                return self._signal(report, msgspec.json.decode(report.content, type=Signal), at)
            if report.media_type == CAP_XML:
                return self._cap(report, at)
        except (InputError, msgspec.ValidationError) as wrong:
            # One bad message never costs another: it waits, with the reason, and the next one is read.
            return [self._wait(report, "unfit", str(wrong))]
        return [self._wait(report, "not-official", "only official alerts are mirrored; a person reads this")]

    def _wait(self, report: Report, reason: str, detail: str = "") -> Fact:
        return fact(REPORT_WAITING, report.id, Waiting(report.source, reason, detail), self._issuer.realm)

    def _publish(self, done: Published) -> Fact:
        self._learn(done)
        return fact(ALERT_PUBLISHED, done.identifier, done, self._issuer.realm)

    # --- signals ---------------------------------------------------------------------------------------------------

    def _signal(self, report: Report, signal: Signal, at: datetime) -> list[Fact]:
        key = (report.source, signal.area, signal.hazard)
        if not self._policy.allows(report.source, (signal.area,), signal.hazard, self._gazetteer):
            return [self._wait(report, "no-policy", f"no line of the policy mirrors {signal.hazard} in {signal.area}")]
        active = self._active.get(key)
        if signal.ended is None:
            if active is not None:
                return [self._wait(report, "repeated", active)]
            if (ended := self._ended.get(key)) is not None and signal.started < ended:
                return [self._wait(report, "superseded", f"ended at {spell(ended)}")]
            event_id = f"sig.{_short(*key)}.{signal.hazard}.{signal.started:%Y%m%dT%H%M%SZ}"
            if event_id in self._events:
                return [self._wait(report, "superseded", event_id)]
            return [self._publish(self._act(report, signal, event_id, at))]
        self._ended[key] = max(signal.ended, self._ended.get(key, signal.ended))
        if active is None:
            return [self._wait(report, "no-start", "an end was heard of an alert that was never heard of")]
        return [self._publish(self._all_clear(report, signal, self._events[active], at))]

    def _act(self, report: Report, signal: Signal, event_id: str, at: datetime) -> Published:
        return self._from_signal(report, signal, event_id, 1, Phase.ACT, at, None)

    def _all_clear(self, report: Report, signal: Signal, event: Standing, at: datetime) -> Published:
        return self._from_signal(report, signal, event.event_id, event.version + 1, Phase.ALL_CLEAR, at, event)

    def _from_signal(
        self,
        report: Report,
        signal: Signal,
        event_id: str,
        version: int,
        phase: Phase,
        at: datetime,
        before: Standing | None,
    ) -> Published:
        identifier = f"{event_id}.{version}"
        spoken = signal.spoken
        parameters = (
            Named(cap.EVENT_ID, event_id),
            Named(cap.VERSION, str(version)),
            Named(cap.PHASE, phase.value),
            Named(cap.AS_OF, spell(spoken)),
        )
        area = self._area(signal.area)
        infos = tuple(
            msgspec.structs.replace(
                info, effective=spoken, onset=signal.started, expires=at + LIFE, parameters=parameters, areas=(area,)
            )
            for info in self._infos(signal, phase)
        )
        source = self._sources.get(report.source)
        message = Alert(
            identifier=identifier,
            sender=self._issuer.sender,
            sent=at,
            status=Status.EXERCISE if self._issuer.realm == EXERCISE else Status.ACTUAL,
            msg_type=MsgType.ALERT if before is None else MsgType.UPDATE,
            scope=Scope.PUBLIC,
            source=source.name if source else report.source,
            note=self._exercise_note(),
            references=() if before is None else (self._reference(before),),
            infos=infos,
        )
        return Published(
            identifier,
            event_id,
            version,
            phase.value,
            Scope.PUBLIC,
            report.source,
            (signal.area,),
            at,
            write(message).decode(),
            report.id,
            before.identifier if before else "",
        )

    def _reference(self, before: Standing) -> Reference:
        return Reference(self._issuer.sender, before.identifier, spell(before.sent))

    def _exercise_note(self) -> str:
        return self._phrases.exercise("en") if self._issuer.realm == EXERCISE else ""

    def _area(self, code: str) -> Area:
        place = self._gazetteer.get(code)
        geocode = Named("ISO3166-2" if place.level == 1 else "ISO3166-1", code)
        if place.level > 1:
            pack, _, value = code.partition(":")
            geocode = Named(pack, value)
        return Area(description=self._gazetteer.name(code, self._issuer.languages[0]), geocodes=(geocode,))

    def _infos(self, signal: Signal, phase: Phase) -> list[Info]:
        """The infos in every language for a signal, with its local time filled in."""
        place = self._gazetteer.get(signal.area)
        infos = []
        for language in self._issuer.languages:
            words = self._phrases.phrase(
                signal.hazard,
                phase.value,
                language,
                place=self._gazetteer.name(signal.area, language),
                time=self._phrases.time(signal.spoken, place.zone, language),
            )
            mark = f"{self._phrases.exercise(language)}. " if self._issuer.realm == EXERCISE else ""
            infos.append(
                Info(
                    language=language,
                    categories=("Safety",),
                    event=mark + words.event,
                    response_types=(ResponseType.SHELTER if phase is Phase.ACT else ResponseType.ALL_CLEAR,),
                    urgency="Immediate" if phase is Phase.ACT else "Past",
                    severity="Extreme" if phase is Phase.ACT else "Minor",
                    certainty="Observed",
                    sender_name=self._issuer.sender_name,
                    headline=mark + words.headline,
                    description=words.description,
                    instruction=words.instruction,
                )
            )
        return infos

    # --- CAP messages ----------------------------------------------------------------------------------------------

    def _cap(self, report: Report, at: datetime) -> list[Fact]:
        reading = read(report.content, limits=TRUSTED)
        if reading.refused is not None or not reading.alerts:
            reason = reading.refused.message if reading.refused else "no alert in it"
            return [self._wait(report, "unreadable", reason)]
        return [self._repeat(report, alert, at) for alert in reading.alerts]

    def _repeat(self, report: Report, alert: Alert, at: datetime) -> Fact:
        realm = EXERCISE if alert.status == Status.EXERCISE else "actual" if alert.status == Status.ACTUAL else ""
        if realm != self._issuer.realm:
            return self._wait(report, "other-realm", f"its status is {alert.status}")
        phase = says(alert)
        if phase is None:
            return self._wait(report, "no-phase", "it does not say what a person should do")
        areas = codes_of(alert, self._gazetteer)
        if not self._policy.allows(report.source, areas, alert.infos[0].event if alert.infos else "", self._gazetteer):
            return self._wait(report, "no-policy", "no line of the policy mirrors this source into these areas")
        own = f"{alert.sender},{alert.identifier}"
        if own in self._mirrored:
            return self._wait(report, "repeated", self._mirrored[own])
        event_id = next(
            (
                self._mirrored[earlier]
                for reference in alert.references
                if (earlier := f"{reference.sender},{reference.identifier}") in self._mirrored
            ),
            alert.parameter(cap.EVENT_ID) or f"cap.{_short(alert.sender, alert.identifier)}",
        )
        before = self._events.get(event_id)
        version = before.version + 1 if before else 1
        identifier = f"{event_id}.{version}"
        fields = (
            Named(cap.EVENT_ID, event_id),
            Named(cap.VERSION, str(version)),
            Named(cap.PHASE, phase.value),
            Named(cap.AS_OF, spell(alert.sent or at)),
        )
        names = {field.name for field in fields}
        infos = tuple(
            msgspec.structs.replace(
                info,
                sender_name=info.sender_name or alert.sender,
                expires=info.expires or at + LIFE,
                parameters=fields + tuple(kept for kept in info.parameters if kept.name not in names),
            )
            for info in alert.infos
        )
        message = msgspec.structs.replace(
            alert,
            identifier=identifier,
            sender=self._issuer.sender,
            sent=at,
            msg_type=alert.msg_type if before or alert.msg_type != MsgType.UPDATE else MsgType.ALERT,
            source=alert.source or alert.sender,
            references=(self._reference(before),) if before else (),
            infos=infos,
            unknown=(),
            signed=False,
            version="1.2",
            original=None,
        )
        return self._publish(
            Published(
                identifier,
                event_id,
                version,
                phase.value,
                alert.scope,
                report.source,
                areas,
                at,
                write(message).decode(),
                report.id,
                before.identifier if before else "",
                own,
            )
        )


def _short(*parts: str) -> str:
    """A name for these parts that is the same on every machine and safe in a CAP identifier."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]

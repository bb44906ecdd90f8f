"""The mirror: what an official source says becomes a published alert, without a person, where the signed policy says so.

- A signal that starts becomes a CAP Alert (act); its end an Update with AllClear of the same event. Words come from the
  phrase book; times from the source (quirk 87), so a restart makes no old alert look new.
- A CAP message is repeated under our own identity with its infos untouched; its thread keeps one event id.
- What was ended stays ended: a start that arrives after its end is not published (F: an act after its all-clear must
  not sound).
- Each warning carries its retraction, ready to be sent.
- What leaves has the fields of our own messages: the short text in each language, and at an end whether it ended or
  was an error.
- What the policy does not cover waits for a person, with the reason in the journal (``report:waiting``).
- Making the facts is pure; the caller records them in one commit with the follower's cursor.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tocsin.cap import alert as cap
from tocsin.cap.alert import Alert, Info, MsgType, Named, Reference, Scope, Status
from tocsin.cap.coverage import Coverage
from tocsin.cap.limits import TRUSTED
from tocsin.cap.phase import Phase, says
from tocsin.cap.xml import read
from tocsin.clock import spell
from tocsin.errors import InputError
from tocsin.journal import EXERCISE, Entry, Fact, fact
from tocsin.sense.report import CAP_XML, REPORT_RECEIVED, SIGNAL_JSON, Report
from tocsin.sense.signal import Signal
from tocsin.sense.source import Source
from tocsin.warn.compile import SHORT, Kit, infos, note, parameters
from tocsin.warn.mould import LIFE, REASONS, Moulds
from tocsin.warn.policy import Policy
from tocsin.warn.publish import ALERT_PUBLISHED, WARNS, Published, Sign, freeze, published

REPORT_WAITING = "report:waiting"


class Waiting(Struct, frozen=True):
    """The body of ``report:waiting``; the subject is the report's id. ``reason`` is a code, ``detail`` a sentence.

    ``area``, ``hazard`` and ``ended`` are those of an end without a start: the start may still come, too late.
    """

    source: str
    reason: str
    detail: str = ""
    area: str = ""
    hazard: str = ""
    ended: datetime | None = None


class Standing(Struct):
    """What the mirror knows of one event: its newest published version."""

    event_id: str
    identifier: str
    sent: datetime
    version: int
    phase: str


class Mirror:
    """Turns reports into published alerts; :meth:`apply` feeds it with what was published before."""

    def __init__(self, kit: Kit, policy: Policy, sources: Mapping[str, Source], sign: Sign) -> None:
        self._kit, self._policy, self._sources, self._sign = kit, policy, sources, sign
        self._events: dict[str, Standing] = {}  # by event id
        self._active: dict[tuple[str, str, str], str] = {}  # (source, area, hazard) -> the event that stands in act
        self._ended: dict[tuple[str, str, str], datetime] = {}  # the same key -> the newest end the source has told
        self._mirrored: dict[str, str] = {}  # a foreign identifier -> our event id
        self._moulds = Moulds(kit)
        self._coverage = Coverage(kit.gazetteer)

    # --- what was published ----------------------------------------------------------------------------------------

    def apply(self, entry: Entry) -> None:
        """Learn of a published alert (ours or a colleague's), so that updates find what they update."""
        if entry.kind == ALERT_PUBLISHED:
            self._learn(entry.read(Published))
        elif entry.kind == REPORT_WAITING and (waiting := entry.read(Waiting)).ended is not None:
            self._end((waiting.source, waiting.area, waiting.hazard), waiting.ended)

    def _learn(self, done: Published) -> None:
        known = self._events.get(done.event_id)
        if known is None or known.version < done.version:
            self._events[done.event_id] = Standing(done.event_id, done.identifier, done.sent, done.version, done.phase)
        if done.event_id.startswith("sig."):
            key = (done.source, done.areas[0], done.event_id.split(".")[2])
            if done.phase == Phase.ACT:
                self._active[key] = done.event_id
            else:
                self._end(key, done.as_of or done.sent)
                if self._active.get(key) == done.event_id:
                    del self._active[key]
        if done.report_of:
            self._mirrored[done.report_of] = done.event_id

    # --- reports ---------------------------------------------------------------------------------------------------

    def facts(self, entries: Sequence[Entry], at: datetime) -> list[Fact]:
        """What to record for these ``report:received`` entries; ``at`` is the moment of publishing."""
        made: list[Fact] = []
        # CAP's times have whole seconds, and a reference must name the very time that stands in the message.
        at = at.replace(microsecond=0)
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
        return fact(REPORT_WAITING, report.id, Waiting(report.source, reason, detail), self._kit.issuer.realm)

    def _end(self, key: tuple[str, str, str], ended: datetime) -> None:
        self._ended[key] = max(ended, self._ended.get(key, ended))

    def _started(self, event_id: str) -> datetime:
        """When the source says the alert of this event started; it stands in the event's id."""
        return datetime.fromisoformat(event_id.rsplit(".", 1)[1])

    def _publish(self, done: Published) -> Fact:
        self._learn(done)
        return fact(ALERT_PUBLISHED, done.identifier, done, self._kit.issuer.realm)

    # --- signals ---------------------------------------------------------------------------------------------------

    def _signal(self, report: Report, signal: Signal, at: datetime) -> list[Fact]:
        key = (report.source, signal.area, signal.hazard)
        if not self._policy.allows(report.source, (signal.area,), signal.hazard, self._kit.gazetteer):
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
            return [self._publish(self._from_signal(report, signal, event_id, Phase.ACT, at, None))]
        if active is None:
            self._end(key, signal.ended)
            detail = "an end was heard of an alert that was never heard of"
            waiting = Waiting(report.source, "no-start", detail, signal.area, signal.hazard, signal.ended)
            return [fact(REPORT_WAITING, report.id, waiting, self._kit.issuer.realm)]
        if signal.ended < self._started(active):
            return [self._wait(report, "superseded", f"{active} started after this end")]
        return [self._publish(self._from_signal(report, signal, active, Phase.ALL_CLEAR, at, self._events[active]))]

    def _from_signal(
        self, report: Report, signal: Signal, event_id: str, phase: Phase, at: datetime, before: Standing | None
    ) -> Published:
        version = before.version + 1 if before else 1
        source = self._sources.get(report.source)
        name = source.name if source else report.source
        earlier = self._reference(before) if before else None
        message = self._moulds.cast(signal, name, phase, event_id, version, at, earlier)
        identifier = f"{event_id}.{version}"
        retraction = b""
        if phase in WARNS:
            own = Reference(self._kit.issuer.sender, identifier, spell(at))
            retraction = self._moulds.cast(signal, name, Phase.RETRACTED, event_id, version + 1, at, own)
        done = Published(
            identifier,
            event_id,
            version,
            phase.value,
            Scope.PUBLIC,
            report.source,
            (signal.area,),
            at,
            message.decode(),
            report.id,
            before.identifier if before else "",
            as_of=signal.spoken,
            retraction=retraction.decode(),
        )
        return freeze(done, self._sign)

    def _reference(self, before: Standing) -> Reference:
        return Reference(self._kit.issuer.sender, before.identifier, spell(before.sent))

    # --- CAP messages ----------------------------------------------------------------------------------------------

    def _cap(self, report: Report, at: datetime) -> list[Fact]:
        reading = read(report.content, limits=TRUSTED)
        if reading.refused is not None or not reading.alerts:
            reason = reading.refused.message if reading.refused else "no alert in it"
            return [self._wait(report, "unreadable", reason)]
        return [self._repeat(report, alert, at) for alert in reading.alerts]

    def _repeat(self, report: Report, alert: Alert, at: datetime) -> Fact:
        realm = EXERCISE if alert.status == Status.EXERCISE else "actual" if alert.status == Status.ACTUAL else ""
        if realm != self._kit.issuer.realm:
            return self._wait(report, "other-realm", f"its status is {alert.status}")
        phase = says(alert)
        if phase is None:
            return self._wait(report, "no-phase", "it does not say what a person should do")
        areas = self._codes(alert)
        if not self._policy.allows(
            report.source, areas, alert.infos[0].event if alert.infos else "", self._kit.gazetteer
        ):
            return self._wait(report, "no-policy", "no line of the policy mirrors this source into these areas")
        own_name = f"{alert.sender},{alert.identifier}"
        if own_name in self._mirrored:
            return self._wait(report, "repeated", self._mirrored[own_name])
        if alert.scope == Scope.PRIVATE:
            return self._wait(report, "private", "it is for the addresses it names, and for nobody else")
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
        message = self._message_of(alert, event_id, version, phase, at, before)
        retraction = None
        if phase in WARNS:
            own = Standing(event_id, message.identifier, at, version, phase)
            taken_back = replace(alert, msg_type=MsgType.CANCEL, note=note(self._kit, Phase.RETRACTED))
            retraction = self._message_of(taken_back, event_id, version + 1, Phase.RETRACTED, at, own)
        return self._publish(
            published(
                message,
                retraction,
                event_id=event_id,
                version=version,
                phase=phase,
                areas=areas,
                as_of=alert.sent or at,
                sign=self._sign,
                source=report.source,
                report=report.id,
                supersedes=before.identifier if before else "",
                report_of=own_name,
            )
        )

    def _message_of(
        self, alert: Alert, event_id: str, version: int, phase: Phase, at: datetime, before: Standing | None
    ) -> Alert:
        """``alert`` under our identity: its infos with our machine fields, or, for a retraction, our own words."""
        kit = self._kit
        fields = parameters(event_id, version, phase, alert.sent or at)
        if phase in REASONS:
            fields = (*fields, Named(cap.CANCEL_REASON, REASONS[phase]))
        names = {field.name for field in fields}
        repeated = tuple(
            replace(
                info,
                event=self._marked(info.event, info.language),
                headline=self._marked(info.headline, info.language),
                sender_name=info.sender_name or alert.sender,
                parameters=fields
                + tuple(kept for kept in info.parameters if kept.name not in names)
                + self._short(info),
            )
            for info in alert.infos
        )
        if phase is Phase.RETRACTED:
            repeated = self._retracted(alert, fields, at)
        return replace(
            alert,
            identifier=f"{event_id}.{version}",
            sender=kit.issuer.sender,
            sent=at,
            msg_type=alert.msg_type if before or alert.msg_type != MsgType.UPDATE else MsgType.ALERT,
            source=alert.source or alert.sender,
            references=(self._reference(before),) if before else (),
            infos=repeated,
            unknown=(),
            signed=False,
            version="1.2",
            original=None,
        )

    def _retracted(self, alert: Alert, fields: tuple[Named, ...], at: datetime) -> tuple[Info, ...]:
        """Our own words in every language for taking back somebody else's alert, for its areas."""
        first = alert.infos[0]
        zone = self._kit.gazetteer.get(self._codes(alert)[0]).zone
        names = dict.fromkeys(self._kit.issuer.languages, first.areas[0].description)
        return tuple(
            replace(info, expires=at + LIFE, parameters=fields + info.parameters, areas=first.areas)
            for info in infos(self._kit, "other", Phase.RETRACTED, names, zone, at)
        )

    def _codes(self, alert: Alert) -> tuple[str, ...]:
        """The codes of the places that ``alert`` is for; where it only draws, those that its corners lie in."""
        areas = [area for info in alert.infos for area in info.areas]
        found = set(self._coverage.codes(areas))
        if not found:
            corners = {(int(a), int(b)) for drawn in areas for ring in drawn.polygons for a, b in ring.points}
            corners |= {(circle.latitude, circle.longitude) for drawn in areas for circle in drawn.circles}
            found = {places[0].code for corner in corners if (places := self._kit.gazetteer.at(*corner))}
        return tuple(sorted(found))

    def _short(self, info: Info) -> tuple[Named, ...]:
        """What channels that hold little text say of somebody else's info, unless it says so itself: its headline."""
        said = self._marked(info.headline or info.event, info.language)
        return () if info.parameter(SHORT) or not said else (Named(SHORT, said),)

    def _marked(self, text: str, language: str) -> str:
        """``text`` beginning with the word for exercise where this is one (F16: in every field a machine reads)."""
        if self._kit.issuer.realm != EXERCISE or not text:
            return text
        tag = language.split("-")[0].lower()
        word = self._kit.phrases.exercise(tag if tag in self._kit.phrases.languages else "en")
        return text if text.upper().startswith(word) else f"{word}. {text}"


def _short(*parts: str) -> str:
    """A name for these parts that is the same on every machine and safe in a CAP identifier."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]

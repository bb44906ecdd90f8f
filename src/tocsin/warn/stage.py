"""The stage: one desk with everything around it, on which a drill's steps are done as a person would do them.

- Every action goes through the same calls as the console's; what they return is recorded in a chained journal in memory
  and told to desk, mirror, watch, promises, tally and situation, as the program does it.
- ``Mistaken`` is how a check says that the machine showed or withheld what history missed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from tocsin.cap.alert import Area, Info
from tocsin.cap.limits import TRUSTED
from tocsin.cap.phase import Phase
from tocsin.cap.xml import read, write
from tocsin.errors import IllegalStepError, SettingsError
from tocsin.journal import ACTUAL, EXERCISE, GENESIS, Entry, Fact, fact, link
from tocsin.place.gazetteer import Gazetteer
from tocsin.sense.report import CAP_XML, REPORT_RECEIVED, Report, report_id
from tocsin.sense.source import SOURCE_HEARD, Heard, Source
from tocsin.warn.approval import BreakGlass, Vote, default
from tocsin.warn.board import REVIEW_DUE
from tocsin.warn.compile import Issuer, Kit
from tocsin.warn.desk import TRANSLATION_DUE, Desk, TranslationDue
from tocsin.warn.draft import Content, Drafts, Extra, Where
from tocsin.warn.fatigue import Tally
from tocsin.warn.guard import standard
from tocsin.warn.loopback import Verdict, compare, decide, expected, seen_in_cap
from tocsin.warn.mirror import Mirror
from tocsin.warn.owner import PAGE_DUE, Watch
from tocsin.warn.person import PERSON_ENROLLED, PERSON_ON_CALL, Enrolled, OnCall, People, Role
from tocsin.warn.phrase import book
from tocsin.warn.policy import Policy as MirrorPolicy
from tocsin.warn.promise import PROMISE_MISSED, Promises
from tocsin.warn.publish import ALERT_PUBLISHED, Published, published
from tocsin.warn.situation import Situation

Given = Mapping[str, Any]


class Mistaken(Exception):  # noqa: N818 (it is a finding of a check, not an error of the program)
    """A check found that the machine shows, or keeps from happening, what history missed; the text says how."""


class Stage:
    """A desk in the exercise realm with its journal, its people, its sources and a clock that the drill turns."""

    def __init__(
        self,
        at: datetime,
        *,
        sender: str,
        sender_name: str,
        languages: tuple[str, ...],
        players: Mapping[str, str],
        people: Mapping[str, int],
        drawn: int | None = None,
        sources: Iterable[Mapping[str, Any]] = (),
        realm: str = EXERCISE,
    ) -> None:
        self.at, self.realm, self.players = at, realm, dict(players)
        self._people, self._drawn = people, drawn
        gazetteer = Gazetteer.world()
        self.kit = Kit(gazetteer, book(), Issuer(sender, sender_name, realm, languages))
        self.sources = {str(one["id"]): msgspec.convert({**one, "realm": realm}, Source) for one in sources}
        self.drafts, self.tally = Drafts(), Tally(gazetteer, realm)
        self.people = People()
        guards = standard(self.kit, find=self.drafts.get, census=self._census, policy=default(), tally=self.tally)
        self.desk = Desk(self.kit, default(), self.people, self.drafts, census=self._census, guards=guards)
        self.mirror = Mirror(self.kit, MirrorPolicy(realm), self.sources, _as_it_is)
        self.watch = Watch(self.drafts, self.sources, realm)
        self.promises = Promises()
        self.situation = Situation(gazetteer, realm, self.sources, scopes=("Public", "Restricted"))
        self.entries: list[Entry] = []
        day = timedelta(days=1)
        for name, role in players.items():
            self.record([fact(PERSON_ENROLLED, name, Enrolled(tuple(Role(one) for one in role.split())), realm)])
            self.record([fact(PERSON_ON_CALL, name, OnCall(at - day, at + day), realm)])

    def _census(self, where: Where) -> int | None:
        counts = [self._people.get(code) for code in where.codes]
        if where.polygons or where.circles:
            counts.append(self._drawn)
        return None if None in counts or not counts else sum(count for count in counts if count is not None)

    def record(self, facts: Iterable[Fact]) -> list[Entry]:
        """Record ``facts`` and tell everybody who follows."""
        made = []
        for item in facts:
            prev = self.entries[-1].hash if self.entries else GENESIS
            entry = link(item, len(self.entries) + 1, self.at, prev)
            self.entries.append(entry)
            made.append(entry)
            self.desk.apply(entry)
            for follower in (self.mirror, self.watch, self.promises, self.tally, self.situation):
                follower.apply(entry)
        return made

    # --- acting ----------------------------------------------------------------------------------------------------

    @classmethod
    def actions(cls) -> set[str]:
        """The names of everything that can be done."""
        return {name.removeprefix("do_").replace("_", "-") for name in vars(cls) if name.startswith("do_")}

    def act(self, do: str, who: str, given: Given) -> None:
        """Do one thing as ``who``."""
        method = getattr(self, f"do_{do.replace('-', '_')}", None)
        if method is None:
            raise SettingsError(f"drill: nobody can do {do}")
        method(who, given)

    def alert(self, name: str) -> Published:
        """The newest alert of the event that draft ``name`` began."""
        draft = self.desk.draft(name)
        return self.desk.standing(draft.published)

    def _content(self, who: str, given: Given) -> Content:
        source = given.get("source_polygons") or given.get("source_codes")
        return Content(
            phase=given["phase"],
            hazard=given["hazard"],
            where=_where(given),
            audience=given.get("audience", "everyone"),
            extra={tag: Extra(text, who) for tag, text in given.get("text", {}).items()},
            facility=given.get("facility", ""),
            owner=given.get("owner", who),
            deputy=given.get("deputy", ""),
            starts=self.at.replace(microsecond=0),
            ends=self.at.replace(microsecond=0) + timedelta(minutes=given.get("minutes", 120)),
            next_update_by=self.at.replace(microsecond=0) + timedelta(minutes=given["next"])
            if "next" in given
            else None,
            source_where=_where(given, "source_") if source else Where(),
            reasons=given.get("reasons", {}),
        )

    def do_compose(self, who: str, given: Given) -> None:
        """Begin draft ``draft`` with what is given."""
        self.record(self.desk.begin(given["draft"], who, self._content(who, given), self.at))

    def do_change(self, who: str, given: Given) -> None:
        """Change some of what draft ``draft`` says."""
        old = self.desk.draft(given["draft"]).content
        changes: dict[str, Any] = {
            key: given[key] for key in ("phase", "hazard", "facility", "audience") if key in given
        }
        if "codes" in given or "polygons" in given:
            changes["where"] = _where(given)
        if "text" in given:
            changes["extra"] = {tag: Extra(text, who) for tag, text in given["text"].items() if text}
        if "reasons" in given:
            changes["reasons"] = {**old.reasons, **given["reasons"]}
        self.record(self.desk.change(given["draft"], who, replace(old, **changes), self.at))

    def do_twin(self, who: str, given: Given) -> None:
        """Begin the twin ``draft`` of draft ``of``."""
        self.record(self.desk.begin_twin(given["draft"], who, given["of"], given["audience"], self.at))

    def do_propose(self, who: str, given: Given) -> None:
        """Ask for approval."""
        self.record(self.desk.propose(given["draft"], who, self.at))

    def do_approve(self, who: str, given: Given) -> None:
        """Approve what stands there, or ``digest`` where somebody approves what they saw before."""
        digest = given.get("digest") or self.desk.draft(given["draft"]).digest
        self.record(self.desk.vote(given["draft"], Vote(who, True, digest, self.at, self.at)))

    def do_publish(self, who: str, given: Given) -> None:
        """Publish with a fresh touch of the key."""
        fresh = self.at - timedelta(minutes=given.get("stale", 0))
        self.record(self.desk.publish(given["draft"], who, fresh, _as_it_is, self.at))

    def do_break_glass(self, who: str, given: Given) -> None:
        """Go on alone; a review must be due afterwards."""
        areas = tuple(given.get("codes", ()))
        made = self.record(
            self.desk.break_glass(given["draft"], BreakGlass(who, given["reason"], areas, self.at, self.at))
        )
        if not any(entry.kind == REVIEW_DUE for entry in made):
            raise IllegalStepError("nobody will review it")

    def do_update(self, who: str, given: Given) -> None:
        """Begin ``draft`` as an update of what draft ``of`` published."""
        where = _where(given) if "codes" in given or "polygons" in given else None
        identifier = self.alert(given["of"]).identifier
        self.record(self.desk.begin_update(given["draft"], who, identifier, self.at, given.get("phase", ""), where))
        if "reasons" in given:
            self.do_change(who, {"draft": given["draft"], "reasons": given["reasons"]})

    def do_retract(self, who: str, given: Given) -> None:
        """Take back what draft ``of`` published, as draft ``draft``."""
        identifier = self.alert(given["of"]).identifier
        self.record(self.desk.retract(given["draft"], identifier, who, self.at, _as_it_is, self.at))

    def do_wait(self, who: str, given: Given) -> None:
        """Nothing; the calls and promises that become due meanwhile are recorded."""
        self.record(self.promises.due(self.at, self.realm))
        self.record(self.watch.due(self.people, self.at))

    def do_heard(self, who: str, given: Given) -> None:
        """Source ``source`` is heard now."""
        source = self.sources[given["source"]]
        heard = Heard(self.at, source.interval_s, source.covers, source.name)
        self.record([fact(SOURCE_HEARD, source.id, heard, self.realm)])

    def do_report(self, who: str, given: Given) -> None:
        """Source ``source`` sends a CAP message: ``phase`` of ``hazard`` for ``codes``, or says ``text``."""
        source, phase = given["source"], Phase(given.get("phase", "act"))
        if "text" in given:
            content, kind = str(given["text"]).encode(), "text/plain"
        else:
            from tocsin.warn.compile import compile_content

            told = replace(self._content(who, {**given, "phase": phase.value}), event_id=f"ext.{source}", owner=source)
            message = replace(compile_content(told, self.kit).alert, sent=self.at.replace(microsecond=0))
            content, kind = write(replace(message, sender=f"{source}@source.example")), CAP_XML
        report = Report(report_id(source, content), source, kind, content, self.at, self.at)
        entries = self.record([fact(REPORT_RECEIVED, report.id, report, self.realm)])
        self.record(self.mirror.facts(entries, self.at))

    # --- checking --------------------------------------------------------------------------------------------------

    def do_expect_phase(self, who: str, given: Given) -> None:
        """The place ``at`` must stand in ``phase``; it is shown as that."""
        standing = self.situation.at_place(given["place"], self.at)
        if standing.phase.value == given["phase"]:
            raise Mistaken(f"{given['place']} stands at {standing.phase.value}.")

    def do_must_be(self, who: str, given: Given) -> None:
        """As expect-phase, for a step of the story that is no mistake."""
        standing = self.situation.at_place(given["place"], self.at)
        if standing.phase.value != given["phase"]:
            raise SettingsError(f"{given['place']} stands at {standing.phase.value} and not at {given['phase']}")

    def do_expect_live(self, who: str, given: Given) -> None:
        """The event of draft ``of`` must still stand in ``phase``, whatever ended beside it."""
        event = self.alert(given["of"]).event_id
        if any(one.published.event_id == event and one.phase == given["phase"] for one in self.situation.live(self.at)):
            raise Mistaken(f"It stands at {given['phase']} until it is ended itself.")

    def do_expect_page(self, who: str, given: Given) -> None:
        """Somebody must have been called about it."""
        self.do_wait(who, given)
        pages = [entry for entry in self.entries if entry.kind == PAGE_DUE and given["about"] in entry.subject]
        if pages:
            raise Mistaken(f"Calls made: {len(pages)}, the first to {pages[0].subject.rsplit('/', 1)[-1]}.")

    def do_expect_missed(self, who: str, given: Given) -> None:
        """A promise that was not kept must be said."""
        self.do_wait(who, given)
        if any(entry.kind == PROMISE_MISSED for entry in self.entries):
            raise Mistaken("The promise is recorded as missed, and the page says that the update is overdue.")

    def do_expect_owed(self, who: str, given: Given) -> None:
        """What draft ``of`` published must have left, and what it lacked in ``language`` must be owed by a moment."""
        done = self.alert(given["of"]).identifier
        for entry in self.entries:
            if entry.kind == TRANSLATION_DUE and entry.subject == done:
                due = entry.read(TranslationDue)
                if any(given["language"] in sentence for sentence in due.missing):
                    raise Mistaken(f"It has left; {given['language']} is owed by {due.by:%H:%M} UTC.")

    def do_expect_waiting(self, who: str, given: Given) -> None:
        """Nothing may have been published from what source ``source`` said."""
        done = [entry.read(Published) for entry in self.entries if entry.kind == ALERT_PUBLISHED]
        if not any(one.source == given["source"] for one in done):
            raise Mistaken("Nothing was published from it: it waits for a person.")

    def do_send_bare(self, who: str, given: Given) -> None:
        """Try to publish the alert of draft ``of`` without any retraction."""
        content = self.desk.draft(given["of"]).content
        compiled = self.desk.compiled(replace(content, event_id=f"bare.{given['of']}", version=1))
        published(
            replace(compiled.alert, sent=self.at),
            None,
            event_id="bare",
            version=1,
            phase=Phase(content.phase),
            areas=content.where.codes,
            as_of=self.at,
            sign=_as_it_is,
        )

    def do_cross(self, who: str, given: Given) -> None:
        """Replay everything recorded here at a desk of the actual realm, and try to publish draft ``draft`` there."""
        other = Stage(
            self.entries[0].at,
            sender=self.kit.issuer.sender,
            sender_name=self.kit.issuer.sender_name,
            languages=self.kit.issuer.languages,
            players=self.players,
            people=self._people,
            realm=ACTUAL,
        )
        for entry in list(self.entries):
            moved = Fact(entry.kind, entry.subject, entry.body, given.get("relabelled", entry.realm))
            other.at = entry.at
            other.record([moved])
        other.at = self.at
        other.do_publish(who, given)

    def do_expect_marked(self, who: str, given: Given) -> None:
        """Every text that a machine or a lock screen reads must begin with the word for exercise, in every language."""
        done = self.alert(given["of"])
        for text in (done.cap, done.retraction):
            for info in _infos(text):
                word = self.kit.phrases.exercise(info.language)
                if not all(part.startswith(word) for part in (info.event, info.headline, info.description)):
                    return
        raise Mistaken("The word for exercise stands first in every language.")

    def do_expect_safe_first(self, who: str, given: Given) -> None:
        """The newest message of draft ``of``'s event must begin by saying that people are safe."""
        words = ("you are safe", "в безпеці", "in sicherheit", "en sécurité")
        if all(any(word in info.headline.lower() for word in words) for info in _infos(self.alert(given["of"]).cap)):
            raise Mistaken("It says first that people are safe.")

    def do_gateway(self, who: str, given: Given) -> None:
        """A gateway shows the alert of draft ``of`` with its ``loses`` lost; the alert must not go further."""
        done = self.alert(given["of"])
        alert = read(done.cap.encode(), limits=TRUSTED).alerts[0]
        infos = tuple(_spoilt(info, given["loses"]) for info in alert.infos)
        shown = seen_in_cap(write(replace(alert, infos=infos, original=None)))
        outcome = compare("gateway", expected(done), shown)
        decision = decide([outcome], ["gateway"], done.sent, self.at)
        if decision.verdict is Verdict.STOP:
            raise Mistaken(decision.sentence)

    def do_late(self, who: str, given: Given) -> None:
        """Everything published arrives in the wrong order; the place must stand as if it had arrived in the right one."""
        situation = Situation(self.kit.gazetteer, self.realm, self.sources, scopes=("Public", "Restricted"))
        told = [entry for entry in self.entries if entry.kind in (ALERT_PUBLISHED, SOURCE_HEARD)]
        for entry in reversed(told):
            situation.apply(entry)
        ours = self.situation.at_place(given["place"], self.at).phase
        if situation.at_place(given["place"], self.at).phase == ours and ours.value == given["phase"]:
            raise Mistaken(f"Version decides and not arrival: the place stays at {ours.value}.")

    def do_again(self, who: str, given: Given) -> None:
        """The alert of draft ``of`` arrives ``times`` more; nothing may change."""
        before = self.situation.at_place(given["place"], self.at)
        entry = next(entry for entry in self.entries if entry.subject == self.alert(given["of"]).identifier)
        for _ in range(int(given.get("times", 50))):
            self.situation.apply(entry)
        after = self.situation.at_place(given["place"], self.at)
        if (after.version, after.phase, len(after.alerts)) == (before.version, before.phase, len(before.alerts)):
            raise Mistaken("The same event, phase and version is one alert however often it comes.")


def _as_it_is(message: bytes, at: datetime) -> bytes:
    """No signature: a drill has no key, and what it makes can be taken for nothing else."""
    return message


def _where(given: Given, prefix: str = "") -> Where:
    return Where(
        codes=tuple(given.get(f"{prefix}codes", ())),
        polygons=tuple(given.get(f"{prefix}polygons", ())),
        name=given.get("name", {}),
    )


def _infos(text: str) -> tuple[Info, ...]:
    return read(text.encode(), limits=TRUSTED).alerts[0].infos if text else ()


def _spoilt(info: Info, loses: str) -> Info:
    """``info`` as a broken gateway passes it on."""
    if loses == "polygon":
        return replace(info, areas=tuple(Area(one.description, (), (), one.geocodes) for one in info.areas))
    if loses == "letters":
        return replace(info, headline=info.headline.replace("s", "z"), instruction=info.instruction.replace("e", "o"))
    raise SettingsError(f"drill: no gateway loses {loses}")

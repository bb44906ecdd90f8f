"""A recount: the figures of a review, counted from the raw journal by code that knows nothing of the review's.

It reads entries as JSON and adds up; :meth:`Recount.holds` compares every number of a review with its own.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tocsin.journal import Entry

REACHED = {"accepted", "shown", "answered"}
WORD = {"safe": 1, "needs-help": 2, "out-of-area": 0}


def when(text: str) -> datetime:
    return datetime.fromisoformat(text)


def seconds(since: datetime, until: datetime) -> float:
    return round((until - since).total_seconds(), 3)


class Recount:
    """The journal as rows of (entry, its JSON)."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.rows: list[tuple[Entry, dict[str, Any]]] = [(one, json.loads(one.body)) for one in entries]

    def of(self, *kinds: str) -> list[tuple[Entry, dict[str, Any]]]:
        return [(entry, body) for entry, body in self.rows if entry.kind in kinds]

    def holds(self, made: Any) -> None:
        """Assert that ``made`` says what the journal says."""
        events = set(made.events)
        alerts = [(entry, body) for entry, body in self.of("alert:published") if body["event_id"] in events]
        names = [body["identifier"] for _, body in alerts]
        drafts = {
            entry.subject for entry, body in self.of("draft:begun", "draft:changed")
            if body["content"].get("event_id") in events
        }  # fmt: skip
        self._issues(made, alerts)
        self._delivery(made, names, {body["identifier"]: entry.at for entry, body in alerts})
        self._coverage(made, alerts)
        self._rolls(made, events | set(names))
        self._facilities(made, events | set(names))
        self._claims(made, drafts)
        self._calls(made, events | set(names) | drafts)
        self._channels(made, names)
        self._alone(made, drafts)
        assert made.journal.entries == len(made.steps) + sum(step.count - 1 for step in made.steps)
        assert made.journal.seq == self.rows[-1][0].seq
        assert made.journal.hash == self.rows[-1][0].hash.hex()
        assert (made.began, made.ended) == (made.steps[0].at, self._last(made))

    def _last(self, made: Any) -> datetime:
        # A step that stands for several ends with the last of them.
        seqs = {entry.seq: entry for entry, _ in self.rows}
        last = made.steps[-1]
        assert seqs[last.seq].at == last.at
        ended: datetime = max(made.ended, last.at)
        return ended

    def _issues(self, made: Any, alerts: list[tuple[Entry, dict[str, Any]]]) -> None:
        assert [one.identifier for one in made.issues] == [body["identifier"] for _, body in alerts]
        for one, (entry, body) in zip(made.issues, alerts, strict=True):
            assert (one.version, one.phase, one.scope) == (body["version"], body["phase"], body["scope"])
            assert one.recorded == entry.at
            assert one.sha256 == hashlib.sha256(body["cap"].encode()).hexdigest()
            assert one.retractable == bool(body.get("retraction"))
            own = [(e, b) for e, b in self.rows if e.subject == body.get("draft") and e.kind.startswith("draft:")]
            votes: list[str] = []
            proposed = begun = None
            for e, b in own:
                if e.kind in ("draft:proposed", "draft:changed"):
                    votes = []
                if e.kind == "draft:approved":
                    votes.append(b["person"])
                begun = e.at if e.kind == "draft:begun" else begun
                proposed = e.at if e.kind == "draft:proposed" else proposed
            assert list(one.approvers) == votes
            assert one.rejected == sum(e.kind == "draft:rejected" for e, _ in own)
            assert one.timing.writing_s == (seconds(begun, proposed) if begun and proposed else None)
            assert one.timing.approval_s == (seconds(proposed, entry.at) if proposed else None)
            if body.get("report"):
                report = next(b for _, b in self.of("report:received") if b["id"] == body["report"])
                assert one.timing.mirror_s == seconds(when(report["received"]), entry.at)
                assert one.timing.source_s == seconds(when(report["spoken"]), when(report["received"]))
            guards = [b["code"] for e, b in self.of("guard:overridden") if e.subject == body.get("draft")]
            assert [guard.code for guard in one.guards] == guards
        promised = [(e, b) for e, b in self.of("promise:made") if b["event_id"] in made.events]
        assert [(one.identifier, one.by) for one in made.promises] == [(e.subject, when(b["by"])) for e, b in promised]

    def _delivery(self, made: Any, names: list[str], published: dict[str, datetime]) -> None:
        sealed = {(b["alert"], b["channel"]): b for _, b in self.of("delivery:sealed") if b["alert"] in names}
        settled = {(b["alert"], b["channel"]): (e, b) for e, b in self.of("delivery:settled") if b["alert"] in names}
        assert {(one.identifier, one.channel) for one in made.delivery} == set(sealed) | set(settled)
        for one in made.delivery:
            key = one.identifier, one.channel
            outcomes = settled[key][1]["outcomes"] if key in settled else {}
            if key in sealed:
                assert one.recipients == sealed[key]["recipients"]
                assert (one.areas, one.languages) == (
                    sealed[key].get("areas", {}), sealed[key].get("languages", {}),
                )  # fmt: skip
            assert one.settled == (settled[key][0].at if key in settled else None)
            assert one.outcomes == outcomes
            assert one.accepted == sum(n for mark, n in outcomes.items() if mark in REACHED)
            assert one.failed == sum(n for mark, n in outcomes.items() if mark not in REACHED)
            assert one.answered == outcomes.get("answered", 0)
            assert one.shown == outcomes.get("shown", 0) + outcomes.get("answered", 0)
            assert one.curve == (settled[key][1].get("curve", {}) if key in settled else {})
        for name in names:
            areas: Counter[str] = Counter()
            tongues: Counter[str] = Counter()
            for (alert, _), body in sealed.items():
                if alert == name:
                    areas.update(body.get("areas", {}))
                    tongues.update(body.get("languages", {}))
            told = next((one for one in made.reach if one.identifier == name), None)
            assert (told.areas if told else {}) == dict(areas)
            assert (told.languages if told else {}) == dict(tongues)

    def _coverage(self, made: Any, alerts: list[tuple[Entry, dict[str, Any]]]) -> None:
        reached = {
            (b["alert"], b["channel"]): sum(n for mark, n in b["outcomes"].items() if mark in REACHED)
            for _, b in self.of("delivery:settled")
        }  # fmt: skip
        wanted = set()
        for place, (_, end) in enumerate(alerts):
            if end["phase"] not in ("all-clear", "retracted"):
                continue
            before = [
                b["identifier"] for _, b in alerts[:place]
                if b["event_id"] == end["event_id"] and b["phase"] in ("prepare", "act", "hold")
            ]  # fmt: skip
            for channel in {channel for _, channel in reached}:
                most = max((reached.get((name, channel), 0) for name in before), default=0)
                if most:
                    wanted.add((end["identifier"], channel, most, reached.get((end["identifier"], channel), 0)))
        assert {(one.identifier, one.channel, one.alerted, one.told) for one in made.coverage} == wanted

    def _rolls(self, made: Any, names: set[str]) -> None:
        started = [(e, b) for e, b in self.of("rollcall:started") if {b.get("alert"), b.get("event_id")} & names]
        assert [one.id for one in made.headcounts] == [e.subject for e, _ in started]
        for one, (begun, body) in zip(made.headcounts, started, strict=True):
            zone_of = {seat: zone for zone, seats in body["zones"].items() for seat in seats}
            given: dict[tuple[str, ...], tuple[Entry, dict[str, Any]]] = {}
            for e, b in self.of("answer:given"):
                if b["rollcall"] == begun.subject and e.subject in zone_of:
                    given.setdefault((e.subject, b["says"], b["at"], b.get("by", "")), (e, b))
            latest: dict[str, tuple[Any, ...]] = {}
            first: dict[str, datetime] = {}
            for e, b in given.values():
                at = when(b["at"])
                latest[e.subject] = max(
                    latest.get(e.subject, (datetime.min.replace(tzinfo=at.tzinfo), 0, "", "", "", "")),
                    (at, WORD[b["says"]], b.get("by", ""), b.get("how", ""), b["says"], b["means"]),
                )
                first[e.subject] = min(first.get(e.subject, at), at)
            state = {
                seat: "by-proxy" if (last[4], last[5]) == ("safe", "proxy") else last[4]
                for seat, last in latest.items()
            }
            states = ("safe", "by-proxy", "out-of-area", "needs-help")
            everybody = Counter(state.values())
            assert one.people == len(zone_of)
            assert one.counts == {name: everybody[name] for name in states} | {"unaccounted": len(zone_of) - len(state)}
            by_zone: dict[str, Counter[str]] = {zone: Counter() for zone in body["zones"]}
            for seat, zone in zone_of.items():
                by_zone[zone][state.get(seat, "unaccounted")] += 1
            assert one.zones == {
                zone: {name: counts[name] for name in (*states, "unaccounted")} for zone, counts in by_zone.items()
            }
            assert one.answers == len(given)
            assert one.means == dict(Counter(b["means"] for _, b in given.values()))
            assert one.late == sum((e.at - when(b["at"])).total_seconds() > 60 for e, b in given.values())
            asked = [(e, b) for e, b in self.of("rollcall:asked") if e.subject == begun.subject]
            assert one.asked == (asked[0][0].at if asked else None)
            total: Counter[str] = Counter()
            for _, b in asked:
                total.update(b["channels"])
            assert one.asked_by == dict(total)
            moments = sorted(first.values())
            assert (one.points[-1].accounted if one.points else 0) == len(moments)
            assert [point.at for point in one.points] == sorted(set(moments))
            for point in one.points:
                assert point.accounted == sum(moment <= point.at for moment in moments)
            since = asked[0][0].at if asked else begun.at
            wanted = {}
            for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
                needed = math.ceil(share * len(zone_of))
                if zone_of and needed <= len(moments):
                    wanted[name] = seconds(since, moments[needed - 1])
            assert one.curve == wanted
            told = [(e, b) for e, b in self.of("rollcall:escalated") if e.subject == begun.subject]
            assert [(step.at, step.to, step.unaccounted) for step in one.escalations] == [
                (e.at, b["to"], b["unaccounted"]) for e, b in told
            ]
            ended = [e.at for e, _ in self.of("rollcall:closed") if e.subject == begun.subject]
            assert one.closed == (ended[0] if ended else None)

    def _facilities(self, made: Any, names: set[str]) -> None:
        wanted = []
        before: dict[str, tuple[Entry, dict[str, Any]] | None] = {}
        spans: dict[int, datetime] = {}
        for e, b in self.of("facility:set"):
            ours = b.get("alert", "") in names
            last = before.get(e.subject)
            if last is not None:
                spans[last[0].seq] = e.at
            if ours or last is not None:
                wanted.append((e, b, ours))
            before[e.subject] = (e, b) if ours else None
        assert [(one.facility, one.status, one.recorded) for one in made.postures] == [
            (e.subject, b["status"], e.at) for e, b, _ in wanted
        ]
        for one, (e, b, ours) in zip(made.postures, wanted, strict=True):
            until = spans.get(e.seq, made.made)
            late = max(0.0, seconds(when(b["review_by"]), until)) if ours else 0.0
            assert one.overdue_s == late

    def _claims(self, made: Any, drafts: set[str]) -> None:
        taken = [(e, b) for e, b in self.of("draft:backed") if e.subject in drafts]
        assert [(one.draft, one.field, [(c.report, c.start, c.end) for c in one.claims]) for one in made.bases] == [
            (e.subject, b["field"], [(c["report"], c["start"], c["end"]) for c in b["claims"]]) for e, b in taken
        ]
        flags = {e.subject: (e, b) for e, b in reversed(self.of("correction:flagged")) if b["draft"] in drafts}
        weighed = {e.subject: e.at for e, _ in reversed(self.of("correction:weighed"))}
        assert Counter((one.at, one.draft, one.now, one.weighed) for one in made.turns) == Counter(
            (e.at, b["draft"], b["now"], weighed.get(name)) for name, (e, b) in flags.items()
        )

    def _calls(self, made: Any, names: set[str]) -> None:
        def ours(about: str) -> bool:
            parts = about.split("/")
            bare = parts[1] if parts[0] in ("correction", "promise", "report", "stopped") else parts[0]
            return bare in names or bare.split("@")[0] in names

        due = [(e, b) for e, b in self.of("page:due") if ours(b["about"])]
        assert [(one.about, one.person, one.at) for one in made.calls] == [
            (b["about"], b["person"], e.at) for e, b in due
        ]
        for one, (e, b) in zip(made.calls, due, strict=True):
            tried = [
                (t.at, t.kind == "page:failed")
                for t, _ in self.of("page:sent", "page:failed")
                if t.subject == e.subject
            ]
            assert [(one_.at, bool(one_.wrong)) for one_ in one.tries] == tried
            answers = [
                a.at for a, said in self.of("page:answered")
                if a.subject.rsplit("/", 2)[0] == b["about"] and said["person"] == b["person"] and a.at >= e.at
            ]  # fmt: skip
            assert one.answered == (answers[0] if answers else None)

    def _channels(self, made: Any, names: list[str]) -> None:
        kinds = {"loopback:matched": "matched", "loopback:mismatched": "mismatched", "loopback:dark": "dark"}
        assert [(one.identifier, one.channel, one.shown) for one in made.verdicts] == [
            (e.subject, b["channel"], kinds[e.kind]) for e, b in self.of(*kinds) if e.subject in names
        ]
        opened: dict[str, datetime] = {}
        for e, _ in self.of("alert:widened"):
            opened.setdefault(e.subject, e.at)
        published = {b["identifier"]: e.at for e, b in self.of("alert:published")}
        for one in made.openings:
            assert one.opened == opened.get(one.identifier)
            if one.opened is not None:
                assert one.after_s == seconds(published[one.identifier], one.opened)
        stopped = {e.subject for e, _ in self.of("loopback:stopped")}
        assert {one.identifier for one in made.openings} == (set(opened) | stopped) & set(names)

    def _alone(self, made: Any, drafts: set[str]) -> None:
        looked: dict[str, datetime] = {}
        for e, _ in self.of("review:done"):
            looked.setdefault(e.subject, e.at)
        assert [(one.draft, one.at, one.reviewed) for one in made.alone] == [
            (e.subject, e.at, looked.get(e.subject)) for e, _ in self.of("review:due") if e.subject in drafts
        ]

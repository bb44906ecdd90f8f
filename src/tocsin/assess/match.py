"""Matching: which reports are about one event, across languages and in whatever order they come.

- A report is compared by what every language shares: topics, places, actors, names in one spelling, numbers, days; and
  by its own words only with reports of its language.
- One day brings many events, and they are told in the same words: other cities or regions, or another kind of event,
  part two reports, and what the most of an incident's reports name parts it from others, whoever ties them together.
- Two thresholds: above ``JOIN`` a report joins an incident, above ``SUGGEST`` a person is asked.
- A merge pass joins incidents that later reports have tied together, so the order of arrival hardly matters.
- A person's split or merge is final: what was parted is not joined again by itself.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date

from tocsin.assess.extract import Reading
from tocsin.assess.feature import EVENTS, GATHERINGS, TRACES, features, lexical
from tocsin.assess.model import Likeness, ranked
from tocsin.assess.spelling import spelt

JOIN = 0.22
SUGGEST = 0.15
MERGE = 0.22
ELSEWHERE = 0.35
"""What is left of a likeness between reports that name cities and have none in common."""
ANOTHER = 0.3
"""What is left of a likeness between reports of different kinds of event."""
UNLIKE = 0.6
"""What is left between reports that only may be of different kinds, or that other persons lead in no place in common."""
VOCABULARY = 100_000
"""From so many different features on, those seen once are let go: a stream has no end, and memory has."""
_PRIOR = 40.0
_KIND = {
    "t": (1.0, 6.0),
    "c": (0.5, 14.0),
    "p": (1.6, 1.5),
    "a": (1.2, 4.0),
    "n": (1.5, 1.0),
    "q": (0.6, 2.0),
    "d": (0.5, 4.0),
    "w": (0.7, 2.0),
}


class _Member:
    __slots__ = (
        "cities", "epoch", "features", "kinds", "language", "leading", "lexical", "published", "regions", "report",
        "traces", "weighed",
    )  # fmt: skip

    def __init__(self, reading: Reading) -> None:
        self.report = reading.source.report
        self.language = reading.language
        self.published = reading.source.published
        self.features = features(reading)
        self.lexical = lexical(reading)
        self.cities = frozenset(place for place in reading.places if "/" in place)
        self.regions = frozenset(name[2:] for name in self.features if name[:2] == "p:" and "/" not in name)
        # The lead says what has happened; further down stands what happened elsewhere or before.
        self.kinds = EVENTS & set(reading.lead) or EVENTS & reading.topics.keys()
        self.traces = self.kinds | (TRACES & set(reading.lead) or TRACES & reading.topics.keys())
        self.leading = frozenset(bones for name in reading.leading if len(bones := spelt(name)) >= 2)
        self.epoch = -1
        self.weighed: tuple[dict[str, float], dict[str, float]] = ({}, {})


_Where = tuple[frozenset[str], frozenset[str]]
"""Cities, and regions with those of the cities."""


def _elsewhere(one: _Where, other: _Where) -> bool:
    """Whether two reports name places, and those have nothing in common: their cities, else their regions."""
    if one[0] and other[0]:
        return one[0].isdisjoint(other[0])
    return bool(one[1]) and bool(other[1]) and one[1].isdisjoint(other[1])


def _share(told: Sequence[frozenset[str]], part: int) -> frozenset[str]:
    """What at least one of ``part`` names, of those that name anything."""
    counted: dict[str, int] = defaultdict(int)
    for named in told:
        for name in named:
            counted[name] += 1
    telling = sum(bool(named) for named in told)
    return frozenset(name for name, count in counted.items() if part * count >= telling)


class Matcher:
    """Incidents in the making. Memory is bounded: after ``horizon_days`` an incident takes no more reports."""

    def __init__(
        self, horizon_days: int = 10, join: float = JOIN, suggest: float = SUGGEST, merge: float = MERGE
    ) -> None:
        self.horizon, self.join_at, self.suggest_at, self.merge_at = horizon_days, join, suggest, merge
        self.members: dict[str, _Member] = {}
        self.incident_of: dict[str, int] = {}
        self.incidents: dict[int, list[str]] = {}
        self.suggestions: list[tuple[str, int, float]] = []
        self.parted: set[frozenset[str]] = set()
        self.tied: set[frozenset[str]] = set()
        self.liken: Likeness | None = None
        self._count = 0
        self._seen: dict[str, int] = defaultdict(int)
        self._index: dict[str, set[str]] = defaultdict(set)
        self._next = 1
        self._epoch = 0
        self._weights: dict[str, float] = {}

    # --- similarity -------------------------------------------------------------------------------------------------

    def _weight(self, name: str) -> float:
        """How telling a feature is: the rarer so far, the more; counted anew every 64 reports."""
        known = self._weights.get(name)
        if known is None:
            weight, prior = _KIND[name[0]]
            known = weight * max(0.1, math.log((_PRIOR + self._count) / (prior + self._seen.get(name, 0))))
            self._weights[name] = known
        return known

    def _weighed(self, member: _Member) -> tuple[dict[str, float], dict[str, float]]:
        """A report's features and words, weighed and brought to length one."""
        if member.epoch != self._epoch:
            member.weighed = tuple(self._unit(found) for found in (member.features, member.lexical))  # type: ignore[assignment]
            member.epoch = self._epoch
        return member.weighed

    def _unit(self, found: dict[str, float]) -> dict[str, float]:
        weighed = {name: value * self._weight(name) for name, value in found.items()}
        size = math.sqrt(sum(value * value for value in weighed.values())) or 1.0
        return {name: value / size for name, value in weighed.items()}

    @staticmethod
    def _cosine(one: dict[str, float], other: dict[str, float]) -> float:
        if len(one) > len(other):
            one, other = other, one
        return sum(value * other[name] for name, value in one.items() if name in other)

    def similarity(self, one: _Member, other: _Member) -> float:
        """How much two reports are about the same event, 0 to 1, less for each day between them."""
        mine, theirs = self._weighed(one), self._weighed(other)
        shared = self._cosine(mine[0], theirs[0])
        if one.language == other.language:
            shared = 0.55 * shared + 0.45 * min(1.0, self._cosine(mine[1], theirs[1]) * 1.6)
        if _elsewhere((one.cities, one.regions), (other.cities, other.regions)):
            # The same kind of event, told in the same words, in another city is another event.
            shared *= ELSEWHERE
        if one.kinds and other.kinds:
            if one.kinds.isdisjoint(other.kinds):
                # A flood is no earthquake, however alike the advice.
                shared *= ANOTHER
        elif one.traces and other.traces and one.traces.isdisjoint(other.traces):
            shared *= UNLIKE
        if (
            one.leading
            and other.leading
            and one.leading.isdisjoint(other.leading)
            and one.cities.isdisjoint(other.cities)
            and (one.traces & other.traces) <= GATHERINGS
        ):
            # Two candidates asked the same questions, two runners of two races.
            shared *= UNLIKE
        if one.published is not None and other.published is not None:
            apart = abs((one.published - other.published).days)
            if apart > self.horizon:
                return 0.0
            shared *= math.exp(-max(0, apart - 1) / 6)
        return shared

    # --- reports come -----------------------------------------------------------------------------------------------

    def add(self, reading: Reading) -> int:
        """Take one report; the number of the incident that it joined or began."""
        member = _Member(reading)
        report = member.report
        self._count += 1
        if self._count % 64 == 1 or self._count < 64:
            self._epoch += 1
            self._weights.clear()
        for name in member.features:
            self._seen[name] += 1
        for name in member.lexical:
            self._seen[name] += 1
        candidates = self._candidates(member)
        best, score = 0, 0.0
        near: list[tuple[int, float]] = []
        by_incident: dict[int, list[float]] = defaultdict(list)
        for other in candidates:
            by_incident[self.incident_of[other]].append(self.similarity(member, self.members[other]))
        for number, scores in by_incident.items():
            if any(frozenset((report, other)) in self.parted for other in self.incidents[number]):
                continue
            value = self._linked(scores)
            where, kinds = self._profile(self.incidents[number])
            if _elsewhere((member.cities, member.regions), where):
                value *= ELSEWHERE
            if member.kinds and kinds and member.kinds.isdisjoint(kinds):
                value *= ANOTHER
            if self.suggest_at <= value < self.join_at:
                near.append((number, value))
            if value > score:
                best, score = number, value
        if score >= self.join_at:
            number = best
            self.incidents[number].append(report)
        else:
            number = self._next
            self._next += 1
            self.incidents[number] = [report]
            asked = ranked(self.liken, reading, near, self.incidents)
            self.suggestions += [(report, other, value) for other, value in asked]
        self.members[report] = member
        self.incident_of[report] = number
        for name in member.features:
            if name[0] in "tpanc":
                self._index[name].add(report)
        return number

    @staticmethod
    def _linked(scores: Iterable[float]) -> float:
        """How strongly a report is linked to an incident: the mean of its best ties, the best one counting double."""
        best = sorted(scores, reverse=True)[:3]
        return 0.6 * best[0] + 0.4 * sum(best) / len(best) if best else 0.0

    def _profile(self, reports: Sequence[str]) -> tuple[_Where, frozenset[str]]:
        """What most of an incident's reports say of it, whoever says nothing: where it is, and of which kind.

        The cities and regions that a fifth of those name that name any; the kinds that a third tells of.
        """
        recent = [self.members[report] for report in reports[-40:]]
        return (
            (_share([one.cities for one in recent], 5), _share([one.regions for one in recent], 5)),
            _share([one.kinds for one in recent], 3),
        )

    def _candidates(self, member: _Member, limit: int = 60) -> list[str]:
        overlap: dict[str, float] = defaultdict(float)
        for name in member.features:
            if name[0] in "tpanc":
                weight = self._weight(name)
                found = self._index.get(name, ())
                if len(found) > 300 and name[0] in "ct":
                    # What half of all reports have in common tells nothing, and would cost the most.
                    continue
                for report in found:
                    overlap[report] += weight
        ranked = sorted(overlap.items(), key=lambda item: (-item[1], item[0]))[:limit]
        return [report for report, _ in ranked]

    def settle(self, numbers: Iterable[int] | None = None) -> None:
        """The merge pass: join incidents whose reports are, on the whole, about the same; all, or these with others."""
        waiting = sorted(self.incidents if numbers is None else numbers)
        changed = True
        while changed:
            changed = False
            for one in waiting:
                if one not in self.incidents:
                    continue
                near = {
                    self.incident_of[report]
                    for member in self.incidents[one][:4]
                    for report in self._candidates(self.members[member], 30)
                }
                for other in sorted(near):
                    # In a pass over all, each pair is looked at from its older side; of one alone, from both.
                    if other == one or (numbers is None and other < one):
                        continue
                    first, second = min(one, other), max(one, other)
                    if first in self.incidents and second in self.incidents and self._merge(first, second):
                        changed = True
                        if first != one:
                            waiting = [first if number == one else number for number in waiting]
                            break

    def _merge(self, one: int, other: int) -> bool:
        mine, theirs = self.incidents[one], self.incidents[other]
        if any(frozenset((a, b)) in self.parted for a in mine for b in theirs):
            return False
        tied = any(frozenset((a, b)) in self.tied for a in mine for b in theirs)
        if not tied:
            here, there = self._profile(mine), self._profile(theirs)
            if _elsewhere(here[0], there[0]) or (here[1] and there[1] and here[1].isdisjoint(there[1])):
                return False
            scores = [self.similarity(self.members[a], self.members[b]) for a in mine[:12] for b in theirs[:12]]
            mean = sum(scores) / len(scores)
            best = sorted(scores, reverse=True)[: max(1, len(scores) // 3)]
            if 0.5 * mean + 0.5 * sum(best) / len(best) < self.merge_at:
                return False
        self.incidents[one] = mine + theirs
        for report in theirs:
            self.incident_of[report] = one
        del self.incidents[other]
        return True

    def size(self) -> int:
        """How many features and counts are held: what the memory grows with."""
        return len(self._seen) + sum(len(member.features) + len(member.lexical) for member in self.members.values())

    def forget(self, before: date) -> int:
        """Let go of reports published before a day; how many. Their incidents stay known by number."""
        old = [r for r, m in self.members.items() if m.published is not None and m.published < before]
        self.drop(old)
        if len(self._seen) > VOCABULARY:
            # What was seen once in so many reports tells as much as what was never seen.
            for name in [name for name, count in self._seen.items() if count < 2]:
                del self._seen[name]
        self.suggestions = [one for one in self.suggestions if one[0] in self.members]
        return len(old)

    def drop(self, reports: Iterable[str]) -> None:
        """Let go of these reports, and of what a person decided about them."""
        gone = set(reports)
        for report in gone:
            member = self.members.pop(report)
            for name in member.features:
                found = self._index.get(name)
                if found is not None:
                    found.discard(report)
                    if not found:
                        del self._index[name]
            number = self.incident_of.pop(report)
            left = [r for r in self.incidents[number] if r != report]
            if left:
                self.incidents[number] = left
            else:
                del self.incidents[number]
        self.parted = {pair for pair in self.parted if not pair & gone}
        self.tied = {pair for pair in self.tied if not pair & gone}

    def supersede(self, old: str, reading: Reading) -> int:
        """A newer version of a report takes its place, in its incident and in what a person decided about it."""
        number = self.incident_of[old]
        member = _Member(reading)
        new = member.report
        self.incidents[number] = [new if report == old else report for report in self.incidents[number]]
        for pairs in (self.parted, self.tied):
            for pair in [pair for pair in pairs if old in pair]:
                pairs.discard(pair)
                pairs.add(frozenset(new if report == old else report for report in pair))
        for name in self.members.pop(old).features:
            if name in self._index:
                self._index[name].discard(old)
        del self.incident_of[old]
        self.members[new] = member
        self.incident_of[new] = number
        for name in member.features:
            if name[0] in "tpanc":
                self._index[name].add(new)
        return number

    # --- a person decides --------------------------------------------------------------------------------------------

    def split(self, report: str) -> int:
        """A person takes a report out of its incident, for good; its new incident's number."""
        number = self.incident_of[report]
        rest = [r for r in self.incidents[number] if r != report]
        self.parted.update(frozenset((report, other)) for other in rest)
        if not rest:
            return number
        self.incidents[number] = rest
        fresh = self._next
        self._next += 1
        self.incidents[fresh] = [report]
        self.incident_of[report] = fresh
        return fresh

    def unite(self, one: int, other: int) -> None:
        """A person merges two incidents, for good."""
        mine, theirs = self.incidents[one], self.incidents[other]
        for a in mine:
            for b in theirs:
                self.parted.discard(frozenset((a, b)))
        self.tied.add(frozenset((mine[0], theirs[0])))
        self._merge(one, other)


def cluster(readings: Sequence[Reading]) -> list[list[Reading]]:
    """The incidents of some reports, largest first, each in the order of its reports."""
    matcher = Matcher()
    for reading in readings:
        matcher.add(reading)
    matcher.settle()
    by_report = {reading.source.report: reading for reading in readings}
    order = {reading.source.report: place for place, reading in enumerate(readings)}
    groups = [sorted(reports, key=order.__getitem__) for reports in matcher.incidents.values()]
    groups.sort(key=lambda reports: (-len(reports), order[reports[0]]))
    return [[by_report[report] for report in reports] for reports in groups]

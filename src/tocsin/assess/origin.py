"""Origins: from how many mouths a statement really comes, when outlets copy, credit and quote one another.

- Near-copies (word shingles), reports that credit one agency, and reports that quote one statement share an origin for
  it; a translation has the words of no other, but its credit and its quoted speaker tell.
- An institution speaks with one mouth: its spokesman, its page and its minister are one origin.
- All unnamed officials of one country in one incident are one origin.
- A reporter's own sentence adds no origin to what another report attributes to a speaker.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from threading import Lock
from zlib import crc32

import numpy as np

from tocsin.assess.claim import Claim
from tocsin.assess.extract import Reading
from tocsin.assess.spelling import spelt
from tocsin.recent import Recent

COPY = 0.30
"""From this share of common shingles on, the smaller report is a copy of the other with little of its own."""
WHOLE = 0.9
"""From this share of its shingles on, a report is nothing but a copy."""
FORMULA = 64
"""In more reports than so many of one language a run of words is a formula, and no sign of copying."""
LONG = 200
"""A story of so many reports remembers how far its reports were compared."""
STORIES = 4
"""So many long stories are remembered."""
_WORDS = re.compile(r"\w+")


@lru_cache(maxsize=512)
def shingles(text: str, size: int = 4, limit: int = 20_000) -> np.ndarray:
    """Hashes of every run of ``size`` words, without repeats."""
    words = _WORDS.findall(text[:limit].lower())
    runs = (
        {crc32(" ".join(words[i : i + size]).encode()) for i in range(max(1, len(words) - size + 1))}
        if words
        else set()
    )
    return np.fromiter(sorted(runs), dtype=np.uint64, count=len(runs))


def contained(one: np.ndarray, other: np.ndarray) -> float:
    """Which share of the smaller set's shingles is in the other."""
    if not len(one) or not len(other):
        return 0.0
    common = len(np.intersect1d(one, other, assume_unique=True))
    return common / min(len(one), len(other))


class Groups:
    """Sets that grow together (union-find)."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def find(self, item: str) -> str:
        self._parent.setdefault(item, item)
        while self._parent[item] != item:
            self._parent[item] = self._parent[self._parent[item]]
            item = self._parent[item]
        return item

    def join(self, one: str, other: str) -> None:
        first, second = sorted((self.find(one), self.find(other)))
        self._parent[second] = first

    def groups(self, items: Iterable[str]) -> list[list[str]]:
        found: dict[str, list[str]] = {}
        for item in items:
            found.setdefault(self.find(item), []).append(item)
        return list(found.values())


class Copies:
    """Near-copies among reports that come one by one, found by the shingles they share.

    Each shingle is kept with the reports that have it, so that a report is compared only with those that share enough
    of them. What adds nothing of its own to another report is not compared again: whoever copies it copies that one.
    """

    def __init__(self) -> None:
        self.reports: list[str] = []
        self.pairs: list[tuple[str, str]] = []
        self._heads: dict[tuple[str, int], list[int]] = {}
        self._known: list[tuple[str, int]] = []  # of each head: its report and its number of shingles

    def add(self, reading: Reading) -> None:
        """Compare one more report with those before it."""
        report = reading.source.report
        runs = shingles(reading.text).tolist()
        shared: dict[int, int] = {}
        for run in runs:
            for head in self._heads.get((reading.language, run), ()):
                shared[head] = shared.get(head, 0) + 1
        mine = len(runs)
        copied = [head for head, common in shared.items() if common >= COPY * min(mine, self._known[head][1])]
        self.reports.append(report)
        self.pairs += [(self._known[head][0], report) for head in copied]
        if copied and max(shared[head] for head in copied) >= WHOLE * mine:
            return
        place = len(self._known)
        self._known.append((report, mine))
        for run in runs:
            found = self._heads.setdefault((reading.language, run), [])
            if len(found) < FORMULA:
                found.append(place)


_STORIES: Recent[str, Copies] = Recent(STORIES)
"""The copies of the newest long stories: with each report such a story is told anew, and its old reports are the same."""
_TURN = Lock()


def copies(readings: Sequence[Reading]) -> list[tuple[str, str]]:
    """The pairs of near-copies in one language. A long story that only grew is compared only where it grew."""
    if len(readings) < LONG:
        found = Copies()
        for reading in readings:
            found.add(reading)
        return found.pairs
    reports = [reading.source.report for reading in readings]
    mark = f"{reports[0]} {crc32(readings[0].text.encode())}"
    with _TURN:
        kept = _STORIES.pop(mark, None)
        if kept is None or kept.reports != reports[: len(kept.reports)]:
            kept = Copies()
        for reading in readings[len(kept.reports) :]:
            kept.add(reading)
        _STORIES[mark] = kept
        return list(kept.pairs)


def report_origins(readings: Sequence[Reading]) -> tuple[Groups, dict[tuple[str, str], str]]:
    """Which reports of an incident are one origin as a whole, and the reason for each pair joined."""
    joined = Groups()
    why: dict[tuple[str, str], str] = {}
    by_credit: dict[str, str] = {}
    outlets: dict[str, str] = {}
    for reading in readings:
        report = reading.source.report
        for credit in reading.credits:
            if credit in by_credit:
                joined.join(by_credit[credit], report)
                why[(by_credit[credit], report)] = f"both credit {credit}"
            by_credit.setdefault(credit, report)
        outlet = reading.source.outlet.lower()
        if outlet:
            if outlet in outlets:
                joined.join(outlets[outlet], report)
                why[(outlets[outlet], report)] = "the same outlet"
            outlets.setdefault(outlet, report)
    for credit, report in by_credit.items():
        if credit in outlets:
            joined.join(outlets[credit], report)
            why[(outlets[credit], report)] = f"credits {credit}"
    for first, second in copies(readings):
        joined.join(first, second)
        why[(first, second)] = "near-copies"
    return joined, why


def claim_origin(claim: Claim, reports: Groups, outlet: str = "") -> str:
    """The mouth that a claim comes from."""
    speaker = claim.speaker
    if speaker.via and speaker.kind == "reporter":
        return f"via:{speaker.via[0]}"
    if speaker.kind == "anonymous":
        return f"unnamed:{speaker.country}"
    if speaker.kind in ("named", "office") and speaker.actor:
        return institution(claim)
    return f"report:{reports.find(claim.report)}"


_SPEAKS_FOR = {"person:putin": "RU:president", "person:peskov": "RU:president", "person:zelensky": "UA:president"}


def institution(claim: Claim) -> str:
    """The body that a speaker speaks for: a minister is the ministry, a spokesman the office."""
    actor = _SPEAKS_FOR.get(claim.speaker.actor, claim.speaker.actor)
    if claim.speaker.function and claim.speaker.country and actor.startswith("person:"):
        return f"{claim.speaker.country}:{claim.speaker.function}"
    if actor.startswith("person:") and claim.speaker.name:
        # Олег Кіпер and Oleh Kiper are one mouth.
        return f"person:{spelt(claim.speaker.name.split()[-1]) or actor}"
    return actor


def count_origins(claims: Sequence[Claim], reports: Groups) -> int:
    """How many mouths say the same. A reporter's sentence counts only where nobody is named for it anywhere."""
    voiced = {claim_origin(c, reports) for c in claims if c.speaker.kind in ("named", "office", "anonymous")}
    facility = any(one.action in ("closed", "open") for claim in claims for one in claim.protective)
    # "The United States" beside their embassy or their Pentagon is no second mouth.
    countries = {origin.split(":")[0] for origin in voiced if not origin.endswith((":government", ":people"))}
    voiced = {o for o in voiced if not (o.endswith(":government") and o.split(":")[0] in countries)}
    if voiced:
        own = {
            claim_origin(c, reports)
            for c in claims
            if c.speaker.kind == "reporter" and c.kind == "narration" and c.speaker.via
        }
        return max(1, len(voiced | (own if not facility else set())))
    narrated = {claim_origin(c, reports) for c in claims if c.speaker.kind == "reporter"}
    if facility:
        return 1
    return max(1, len(narrated))


__all__ = ["Copies", "Groups", "claim_origin", "contained", "copies", "count_origins", "report_origins", "shingles"]

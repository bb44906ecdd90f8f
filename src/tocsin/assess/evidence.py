"""Evidence: how claims of one incident stand to each other: the same, in conflict, or of another occasion.

- Not every difference is a contradiction: two nights are two occurrences, "at least five" and "seven" agree.
- A conflict is kept with both sides in their own words; nobody is declared right.
- What is compared is what claims are about (topics, actors, places, numbers, days), so languages do not matter.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import Literal

from msgspec import Struct

from tocsin.assess.claim import Claim
from tocsin.assess.extract import nights

Relation = Literal[
    "corroborates", "same_origin", "repeats", "contradicts", "corrects", "refines", "different_occurrence"
]
_STATES = frozenset({"approve", "consider", "reject", "close", "open", "response", "threat", "attack", "aid", "alert"})
_COMMON = frozenset({"attack", "aid", "threat", "response", "alert", "approve", "close", "open", "shelter"})
_HARM = frozenset({"dead", "injured", "missing"})


class Evidence(Struct, frozen=True):
    """How claim ``one`` stands to claim ``other`` (their numbers in the incident), and why."""

    relation: Relation
    one: int
    other: int
    about: str
    why: str


def same_days(one: Claim, other: Claim) -> bool | None:
    """Whether two claims can speak of the same days; None where one of them names none."""
    if one.when is None or other.when is None:
        return None
    first, second = _quarters(one), _quarters(other)
    return first[0] <= second[1] and second[0] <= first[1]


def _quarters(claim: Claim) -> tuple[int, int]:
    """When a claim speaks of, in quarters of days: a night is the last of one day and the first of the next."""
    assert claim.when is not None
    return _span_of(claim.when.value, claim.when.precision)


@lru_cache(maxsize=4096)
def _span_of(value: str, precision: str) -> tuple[int, int]:
    first, last = (date.fromisoformat(day).toordinal() * 4 for day in nights(value))
    return (first + 3, last) if precision == "night" else (first, last + 3)


@lru_cache(maxsize=8192)
def _named_countries(places: tuple[str, ...], actors: tuple[str, ...]) -> frozenset[str]:
    found = {place[:2] for place in places} | {actor.split(":")[0] for actor in actors}
    return frozenset(code for code in found if len(code) == 2)


def _countries(claim: Claim) -> frozenset[str]:
    return _named_countries(claim.places, claim.actors)


def _common_ground(one: Claim, other: Claim) -> bool:
    """Whether the places of two claims do not exclude each other."""
    cities = ({p for p in one.places if "/" in p}, {p for p in other.places if "/" in p})
    if cities[0] and cities[1] and not cities[0] & cities[1]:
        return False
    mine, theirs = _countries(one), _countries(other)
    return not mine or not theirs or bool(mine & theirs)


_Ground = tuple[frozenset[str], tuple[str, ...], tuple[str, ...]]


def alike(one: Claim, other: Claim) -> float:
    """How much two claims are about the same, 0 to 1: shared topics, a little for shared places and actors."""
    if one.topics.isdisjoint(other.topics):
        return 0.0
    return _alike((one.topics, one.places, one.actors), (other.topics, other.places, other.actors))


@lru_cache(maxsize=65536)
def _alike(one: _Ground, other: _Ground) -> float:
    # A hot incident is built anew with each report: what was compared once is not compared again.
    weight = _weight(one[0] & other[0])
    whole = _weight(one[0]), _weight(other[0])
    topical = weight / max(1.0, min(whole)) * (0.5 + 0.5 * weight / max(1.0, max(whole)))
    places = set(one[1]) & set(other[1])
    ground = bool(places) or bool(_named_countries(*one[1:]) & _named_countries(*other[1:]))
    close = any("/" in place for place in places) or any(
        actor.startswith("person:") for actor in set(one[2]) & set(other[2])
    )
    if weight < 1.6 and not (close and weight >= 1.0):
        # One word in common is a subject and not yet a statement.
        topical *= 0.55
    return topical * (1.0 if ground else 0.75)


def _weight(topics: frozenset[str]) -> float:
    return sum(0.6 if topic in _COMMON else 1.0 for topic in topics)


def relations(claims: Sequence[Claim]) -> list[Evidence]:
    """Every relation between claims of different reports, and contradictions also within one.

    Only claims that share a topic or a facility are compared, and those that tell of no harm with those that count it.
    """
    found: list[Evidence] = []
    holders: dict[str, list[int]] = defaultdict(list)
    for index, one in enumerate(claims):
        names = _grounds(one)
        near: set[int] = set()
        for name in names:
            near.update(holders[name])
        for place in sorted(near):
            evidence = relate(claims[place], one, place, index)
            if evidence is not None:
                found.append(evidence)
        for name in names:
            holders[name].append(index)
    return sorted(found, key=lambda evidence: (evidence.one, evidence.other))


def _grounds(claim: Claim) -> list[str]:
    """What a claim can meet another on."""
    names = [*claim.topics, *(f"facility:{one.facility}" for one in claim.protective if one.facility)]
    names += [f"count:{one.referent}" for one in claim.quantities]
    quiet = claim.negated and not claim.quantities and "incident" in claim.topics
    if quiet or any(one.referent in _HARM for one in claim.quantities):
        names.append("harm")
    return list(dict.fromkeys(names))


def relate(one: Claim, other: Claim, index: int, place: int) -> Evidence | None:
    """The relation of two claims, or None where they have nothing to do with each other."""
    if "corrected" in (one.standing, other.standing) and one.report == other.report:
        return None
    conflict = _status_conflict(one, other)
    days = same_days(one, other)
    if conflict and days is not False and _common_ground(one, other):
        return Evidence("contradicts", index, place, conflict, "one side says it is decided, the other that it is not")
    counts = _count_conflict(one, other)
    if counts:
        if days is False or not _common_ground(one, other):
            return Evidence("different_occurrence", index, place, counts, "other days or another place")
        if one.report != other.report:
            return Evidence("contradicts", index, place, counts, "different numbers for the same count")
    quiet = _quiet(one, other)
    if quiet:
        if days is False:
            return Evidence("different_occurrence", index, place, quiet, "they speak of different nights")
        if days and one.report != other.report and _common_ground(one, other):
            return Evidence("contradicts", index, place, quiet, "harm and no harm on the same days")
    denial = _denial(one, other)
    if denial and days is not False:
        return Evidence("contradicts", index, place, denial, "one side denies it")
    facility = _facility_conflict(one, other)
    if facility and days is not False:
        return Evidence("contradicts", index, place, facility, "closed and open")
    if one.report == other.report or "declines" in (one.stance, other.stance) or days is False:
        return None
    if alike(one, other) >= 0.6 and one.negated == other.negated:
        about = "+".join(sorted(one.topics & other.topics))
        return Evidence("corroborates", index, place, about, "both say so")
    return None


def _object(claim: Claim) -> frozenset[str]:
    return claim.topics - _STATES


def _status_conflict(one: Claim, other: Claim) -> str:
    """Approved against considered (or rejected) about the same thing."""
    for first, second in ((one, other), (other, one)):
        decided = "approve" in first.topics and "consider" not in first.topics and not first.negated
        open_yet = "consider" in second.topics and "approve" not in second.topics
        refused = "reject" in second.topics and "approve" not in second.topics and second.stance == "asserts"
        shared = (_object(first) & _object(second)) - {"missile"} or (_object(first) & _object(second))
        if decided and (open_yet or refused) and shared and first.report != second.report:
            return sorted(shared)[0]
    return ""


def _count_conflict(one: Claim, other: Claim) -> str:
    for first in one.quantities:
        for second in other.quantities:
            if first.referent != second.referent or first.value == second.value or first.referent not in _HARM:
                continue
            if (first.bound == "least" and second.value >= first.value) or (
                second.bound == "least" and first.value >= second.value
            ):
                continue
            return first.referent
    return ""


def _quiet(one: Claim, other: Claim) -> str:
    """One says that nothing happened or nobody was hurt, the other counts harm."""
    for first, second in ((one, other), (other, one)):
        if not first.negated or first.quantities or second.negated:
            continue
        counted = {quantity.referent for quantity in second.quantities} & _HARM
        if counted and ("incident" in first.topics or counted & first.topics):
            return "harm"
    return ""


def _denial(one: Claim, other: Claim) -> str:
    for first, second in ((one, other), (other, one)):
        if first.stance == "denies" and second.stance in ("asserts", "confirms") and second.kind != "no-comment":
            if second.speaker.actor == first.speaker.actor and second.speaker.kind != "reporter":
                continue
            shared = (first.topics & second.topics) - {"threat"}
            if (
                shared
                and (len(shared) >= 2 or len(first.topics) == 1 or len(second.topics) <= 2)
                and alike(one, other) >= 0.4
            ):
                return "+".join(sorted(shared))
    return ""


def _facility_conflict(one: Claim, other: Claim) -> str:
    for first in one.protective:
        for second in other.protective:
            opposed = {first.action, second.action} == {"closed", "open"}
            if opposed and first.facility == second.facility and one.report != other.report:
                return first.facility
    return ""

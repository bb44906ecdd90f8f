"""An incident: what several reports are about, with each claim in its words, what conflicts, what was corrected.

- An incident asserts nothing itself: each line points to the characters that say it.
- A correction changes the standing of what it corrects in every report, and is listed with both wordings.
- Agreement is counted in origins and not in outlets.
- What is said of protective actions by one named authority is enough to be shown; nothing here can publish anything.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from tocsin.assess.claim import Action, Claim, Span, nights
from tocsin.assess.evidence import Evidence, alike, relations, same_days
from tocsin.assess.origin import Groups, claim_origin, count_origins, report_origins
from tocsin.assess.reading import Reading
from tocsin.assess.setting import places_named, titles, when


class Pointer(Struct, frozen=True):
    """Characters of a report that are the evidence."""

    report: str
    start: int
    end: int


class ActionLine(Struct, frozen=True):
    """One protective action, with all that say so."""

    audience: str
    action: Action
    condition: str
    area: str
    date: str
    evidence: tuple[Pointer, ...]
    facility: str = ""
    origins: int = 1


class Agreement(Struct, frozen=True):
    """Several reports say the same, out of ``origins`` mouths."""

    about: str
    evidence: tuple[Pointer, ...]
    origins: int


class Side(Struct, frozen=True):
    """One side of a contradiction, in its own words."""

    text: str
    evidence: tuple[Pointer, ...]


class Contradiction(Struct, frozen=True):
    """Two sides that cannot both be so, side by side."""

    about: str
    sides: tuple[Side, ...]
    why: str = ""


class Correction(Struct, frozen=True):
    """What was said and what is said instead, word for word."""

    wrong: str
    right: str
    evidence: tuple[Pointer, ...]


class Moment(Struct, frozen=True):
    """One line of the timeline."""

    when: str
    what: str
    evidence: tuple[Pointer, ...]


class Incident(Struct, frozen=True):
    """What some reports are about."""

    id: str
    title: dict[str, str]
    when: str
    places: tuple[tuple[str, str], ...]
    reports: tuple[str, ...]
    claims: tuple[Claim, ...]
    actions: tuple[ActionLine, ...]
    agreements: tuple[Agreement, ...]
    contradictions: tuple[Contradiction, ...]
    different: tuple[Contradiction, ...]
    corrections: tuple[Correction, ...]
    same_origin: tuple[tuple[str, ...], ...]
    same_origin_why: tuple[str, ...]
    timeline: tuple[Moment, ...]
    evidence: tuple[Evidence, ...]
    state: Literal["open", "watched", "closed"] = "open"


def pointer(claim: Claim, span: Span | None = None) -> Pointer:
    """Where a claim stands."""
    where = span or claim.span
    return Pointer(claim.report, where.start, where.end)


def build(number: int, readings: Sequence[Reading], limit: int = 400) -> Incident:
    """The incident of some readings. More than ``limit`` claims are compared by their most informative ones only."""
    claims = [claim for reading in readings for claim in reading.claims]
    claims, across = _correct_across(claims)
    compared = [i for i, c in enumerate(claims) if c.topics and c.stance != "declines"][:limit]
    chosen = [claims[i] for i in compared]
    found = [Evidence(e.relation, compared[e.one], compared[e.other], e.about, e.why) for e in relations(chosen)]
    reports, why = report_origins(readings)
    claims = _standings(claims, found, reports)
    contradictions = _contradictions(claims, found, "contradicts")
    different = _contradictions(claims, found, "different_occurrence")
    agreements = _agreements(claims, found, reports)
    actions = _actions(claims, reports)
    agreements = _with_actions(agreements, actions, claims, reports)
    same, reasons = _same_origin(readings, claims, found, reports, why)
    days = sorted(
        day for claim in claims if claim.when for day in nights(claim.when.value) if claim.when.precision != "year"
    )
    return Incident(
        id=f"incident-{number}",
        title=titles(readings),
        when=when(claims, readings, days),
        places=places_named(readings),
        reports=tuple(reading.source.report for reading in readings),
        claims=tuple(claims),
        actions=actions,
        agreements=agreements,
        contradictions=contradictions,
        different=different,
        corrections=_corrections(claims, across),
        same_origin=same,
        same_origin_why=reasons,
        timeline=_timeline(claims),
        evidence=tuple(found),
    )


# --- corrections ------------------------------------------------------------------------------------------------------


def _correct_across(claims: list[Claim]) -> tuple[list[Claim], list[tuple[int, int]]]:
    """A correction in one report reaches the claims of the others that say what it corrects."""
    pairs: list[tuple[int, int]] = []
    result = list(claims)
    corrections = [(index, claim) for index, claim in enumerate(claims) if claim.stance == "corrects"]
    if not corrections:
        return result, pairs
    at = _positions(claims)
    # In a story of thousands of reports each correction looks only at what speaks of the same thing.
    by_topic: dict[str, list[int]] = defaultdict(list)
    by_count: dict[str, list[int]] = defaultdict(list)
    for place, other in enumerate(claims):
        if other.stance in ("corrects", "declines") or other.standing == "corrected":
            continue
        for topic in other.topics:
            by_topic[topic].append(place)
        for referent in {quantity.referent for quantity in other.quantities}:
            by_count[referent].append(place)
    # Many outlets correct the same words: what they mean is looked for once.
    meant: dict[tuple[object, ...], list[int]] = {}
    for index, claim in corrections:
        wrong = _wrong(claim, claims, at)
        if wrong is None:
            referents = {quantity.referent for quantity in claim.quantities}
            for place in sorted({place for referent in referents for place in by_count[referent]}):
                if _replaces(claim, claims[place]):
                    result[place] = replace(result[place], standing="corrected")
                    pairs.append((place, index))
            continue
        replaced = wrong.topics - claim.topics
        days = wrong.when.value if wrong.when is not None else ""
        same = (frozenset(replaced), wrong.topics, wrong.places, wrong.actors, days)
        if same not in meant:
            meant[same] = [
                place
                for place in sorted({place for topic in replaced for place in by_topic[topic]})
                # Half of what is wrong at least: who only says that it burns did not say what was corrected.
                if not claims[place].negated
                and 2 * len(replaced & claims[place].topics) >= max(1, len(replaced))
                and same_days(wrong, claims[place]) is not False
                and alike(wrong, claims[place]) >= 0.6
            ]
        for place in meant[same]:
            other = claims[place]
            if other is not wrong and other.report != claim.report:
                if result[place].standing != "corrected":
                    result[place] = replace(result[place], standing="corrected")
                pairs.append((place, index))
    return result, pairs


def _positions(claims: Sequence[Claim]) -> dict[tuple[str, Span], int]:
    """Where the first claim of each span of each report stands."""
    found: dict[tuple[str, Span], int] = {}
    for place, claim in enumerate(claims):
        found.setdefault((claim.report, claim.span), place)
    return found


def _wrong(claim: Claim, claims: Sequence[Claim], at: dict[tuple[str, Span], int]) -> Claim | None:
    """The claim whose words a correction names as wrong."""
    place = at.get((claim.report, claim.corrects)) if claim.corrects is not None else None
    return claims[place] if place is not None else None


def _replaces(correction: Claim, other: Claim) -> bool:
    """Whether a correction without its own wrong wording means this earlier claim: same count, another number."""
    if same_days(correction, other) is False:
        return False
    for mine in correction.quantities:
        for theirs in other.quantities:
            if (
                mine.referent == theirs.referent
                and mine.value != theirs.value
                and (other.report != correction.report or other.span.start < correction.span.start)
            ):
                return True
    return False


def _corrections(claims: Sequence[Claim], across: Sequence[tuple[int, int]]) -> tuple[Correction, ...]:
    found: list[Correction] = []
    at = _positions(claims)
    by_correction: dict[int, list[Claim]] = defaultdict(list)
    for place, by in across:
        by_correction[by].append(claims[place])
    for index, claim in enumerate(claims):
        if claim.stance != "corrects":
            continue
        wrong = _wrong(claim, claims, at)
        others = by_correction[index]
        evidence = [pointer(c) for c in ([wrong] if wrong else []) + [claim] + others]
        text = wrong.text if wrong else (others[0].text if others else "")
        found.append(Correction(text, claim.text, tuple(evidence)))
    return tuple(found)


# --- standing, agreement, conflict -----------------------------------------------------------------------------------


def _standings(claims: list[Claim], found: Sequence[Evidence], reports: Groups) -> list[Claim]:
    """Confirmed by another origin or by an own confirmation, disputed by a contradiction; corrected stays corrected."""
    result = list(claims)
    for evidence in found:
        one, other = claims[evidence.one], claims[evidence.other]
        if evidence.relation == "contradicts":
            for place in (evidence.one, evidence.other):
                if result[place].standing in ("claimed", "confirmed"):
                    result[place] = replace(result[place], standing="disputed")
        elif evidence.relation == "corroborates" and claim_origin(one, reports) != claim_origin(other, reports):
            if "reporter" in (one.speaker.kind, other.speaker.kind) or "unclear" in (
                one.speaker.kind,
                other.speaker.kind,
            ):
                continue
            for place in (evidence.one, evidence.other):
                if result[place].standing == "claimed" and alike(one, other) >= 0.8:
                    result[place] = replace(result[place], standing="confirmed")
    return result


def _contradictions(claims: Sequence[Claim], found: Sequence[Evidence], relation: str) -> tuple[Contradiction, ...]:
    by_about: dict[tuple[str, str], list[Evidence]] = defaultdict(list)
    for evidence in found:
        if evidence.relation == relation:
            by_about[(evidence.about, evidence.why)].append(evidence)
    result = []
    for (about, why), pairs in by_about.items():
        first = claims[pairs[0].one]
        second = claims[pairs[0].other]
        sides: list[tuple[Claim, list[Claim]]] = [(first, []), (second, [])]
        for pair in pairs:
            for side, place in enumerate((pair.one, pair.other)):
                if claims[place] not in sides[side][1]:
                    sides[side][1].append(claims[place])
        result.append(
            Contradiction(
                about,
                tuple(Side(head.text, tuple(dict.fromkeys(pointer(c) for c in group))) for head, group in sides),
                why,
            )
        )
    return tuple(result)


def _agreements(claims: Sequence[Claim], found: Sequence[Evidence], reports: Groups) -> tuple[Agreement, ...]:
    pairs = [e for e in found if e.relation == "corroborates"]
    pairs.sort(key=lambda e: (-alike(claims[e.one], claims[e.other]), e.one, e.other))
    groups: list[list[int]] = []
    for pair in pairs:
        home = next((group for group in groups if pair.one in group or pair.other in group), None)
        if home is None:
            groups.append([pair.one, pair.other])
            continue
        # Everybody in an agreement says the same; a chain of likenesses is none.
        for place in (pair.one, pair.other):
            if place not in home and all(alike(claims[place], claims[member]) >= 0.5 for member in home):
                home.append(place)
    result = []
    for group in groups:
        inside = [claims[place] for place in sorted(group)]
        if len({claim.report for claim in inside}) < 2:
            continue
        common = frozenset.intersection(*(claim.topics for claim in inside)) or inside[0].topics
        named = "+".join(sorted(common)[:3])
        result.append(Agreement(named, tuple(pointer(c) for c in inside), count_origins(inside, reports)))
    return tuple(result)


def _with_actions(
    agreements: tuple[Agreement, ...], actions: Sequence[ActionLine], claims: Sequence[Claim], reports: Groups
) -> tuple[Agreement, ...]:
    """An action that several reports tell of is an agreement of its own."""
    result = list(agreements)
    for line in actions:
        if len({p.report for p in line.evidence}) > 1:
            about = f"{line.facility or line.audience} {line.action}".strip()
            result.append(Agreement(about, line.evidence, line.origins))
    return tuple(result)


def _actions(claims: Sequence[Claim], reports: Groups) -> tuple[ActionLine, ...]:
    lines: dict[tuple[str, ...], list[tuple[Claim, int]]] = {}
    for claim in claims:
        if claim.standing == "corrected":
            # What was corrected tells nobody anything any more.
            continue
        for place, action in enumerate(claim.protective):
            key = (action.action, action.facility) if action.facility else (action.action, action.audience)
            lines.setdefault(key, []).append((claim, place))
    result = []
    for group in lines.values():
        parts = [(claim, claim.protective[place]) for claim, place in group]
        first = parts[0][1]

        def most(values: list[str]) -> str:
            kept = [value for value in values if value]
            return Counter(kept).most_common(1)[0][0] if kept else ""

        result.append(
            ActionLine(
                first.audience or ("public" if not first.facility else ""),
                first.action,
                most([part.condition for _, part in parts]),
                most([part.area for _, part in parts]),
                most([part.date for _, part in parts]),
                tuple(dict.fromkeys(pointer(claim) for claim, _ in parts)),
                first.facility,
                count_origins([claim for claim, _ in parts], reports),
            )
        )
    return tuple(result)


def _same_origin(
    readings: Sequence[Reading],
    claims: Sequence[Claim],
    found: Sequence[Evidence],
    reports: Groups,
    why: dict[tuple[str, str], str],
) -> tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]:
    """Groups of reports that for what they share rest on one origin: copies and credits, or one quoted statement."""
    whole = [group for group in reports.groups([r.source.report for r in readings]) if len(group) > 1]
    result = [tuple(group) for group in whole]
    told: dict[str, set[str]] = defaultdict(set)
    for (one_report, _), text in why.items():
        told[reports.find(one_report)].add(text)
    reasons = ["; ".join(sorted(told[reports.find(group[0])])) for group in whole]
    spoken: dict[str, set[str]] = defaultdict(set)
    for evidence in found:
        if evidence.relation != "corroborates":
            continue
        one, other = claims[evidence.one], claims[evidence.other]
        first, second = claim_origin(one, reports), claim_origin(other, reports)
        # Two authorities of which nothing more is known are not one for that.
        if first == second and one.speaker.kind in ("named", "office", "anonymous") and first[:1] != ":":
            spoken[first].update((one.report, other.report))
    lines: dict[str, set[str]] = defaultdict(set)
    for claim in claims:
        for action in claim.protective:
            if action.facility:
                lines[f"{action.facility} {action.action}"].add(claim.report)
    for name, members in [*spoken.items(), *lines.items()]:
        group = tuple(r.source.report for r in readings if r.source.report in members)
        if len(group) > 1 and not any(set(group) <= set(kept) for kept in result):
            result.append(group)
            reasons.append(f"one statement: {name}")
    return tuple(result), tuple(reasons)


def _timeline(claims: Sequence[Claim]) -> tuple[Moment, ...]:
    moments = [
        Moment(claim.when.value, claim.text, (pointer(claim),))
        for claim in claims
        if claim.when is not None and claim.when.precision not in ("year",)
    ]
    return tuple(sorted(moments, key=lambda moment: (moment.when, moment.evidence[0].report, moment.evidence[0].start)))

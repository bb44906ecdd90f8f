"""The briefing: some reports in, their incidents out, in the shape that ``tocsin brief --json`` prints.

- Pure: texts and what is known of them go in, values come out; nothing is fetched, stored or published.
- Every line carries its evidence as characters of the file's decoded text.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from tocsin.assess.claim import Claim
from tocsin.assess.extract import Reading, Source, extract
from tocsin.assess.incident import Incident, Pointer, build
from tocsin.assess.match import cluster
from tocsin.assess.placename import regions
from tocsin.place.gazetteer import Gazetteer


def brief(texts: Sequence[tuple[str, Source]]) -> tuple[list[Reading], list[Incident]]:
    """Read reports and tell their incidents, the largest first."""
    readings = [extract(text, source) for text, source in texts]
    return readings, [build(number, group) for number, group in enumerate(cluster(readings), 1)]


def as_json(readings: Sequence[Reading], incidents: Sequence[Incident]) -> dict[str, Any]:
    """The briefing in the contract's keys."""
    return {
        "reports": [
            {
                "file": reading.source.report,
                "language": reading.language,
                "language_confidence": round(reading.confidence, 2),
                "published": reading.source.published.isoformat() if reading.source.published else None,
                "title": reading.source.title,
                "credits": list(reading.credits),
                "noise": list(reading.noise),
                "linking_only": reading.linking_only,
            }
            for reading in readings
        ],
        "incidents": [_incident(incident) for incident in incidents],
    }


@lru_cache(maxsize=4096)
def area_code(code: str, name: str) -> str:
    """The area code of a place: a country's or a region's own; for a city the ISO 3166-2 region in which it lies."""
    country, _, city = code.partition("/")
    if not city:
        return country
    if (region := regions().get(code)) is not None:
        return region
    found = Gazetteer.world().find(name, within=country)
    return found[0].code if found else country


def _places(named: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"code": area_code(code, name), "name": name} for code, name in named]


def _evidence(pointers: Sequence[Pointer]) -> list[dict[str, Any]]:
    return [{"report": one.report, "start": one.start, "end": one.end} for one in pointers]


def _claim(claim: Claim) -> dict[str, Any]:
    speaker = claim.speaker
    return {
        "report": claim.report,
        "kind": claim.kind,
        "speaker": speaker.name,
        "speaker_kind": speaker.kind,
        "speaker_actor": speaker.actor or None,
        "candidates": list(speaker.candidates),
        "condition": speaker.condition or None,
        "via": list(speaker.via),
        "stance": claim.stance,
        "standing": claim.standing,
        "text": claim.text,
        "span": {"start": claim.span.start, "end": claim.span.end},
        "quote": claim.quote or None,
        "when": claim.when.value if claim.when else None,
        "when_precision": claim.when.precision if claim.when else None,
        "modality": claim.modality,
        "negated": claim.negated,
        "tier": claim.tier,
        "topics": sorted(claim.topics),
        "corrects": (
            {"report": claim.report, "start": claim.corrects.start, "end": claim.corrects.end}
            if claim.corrects
            else None
        ),
        "made_by": claim.made_by,
    }


def _incident(incident: Incident) -> dict[str, Any]:
    return {
        "id": incident.id,
        "title": incident.title,
        "when": incident.when,
        "places": _places(incident.places),
        "reports": list(incident.reports),
        "claims": [_claim(claim) for claim in incident.claims],
        "protective_actions": [
            {
                "audience": line.audience or None,
                "action": line.action,
                "facility": line.facility or None,
                "condition": line.condition or None,
                "area": line.area or None,
                "date": line.date or None,
                "origins": line.origins,
                "evidence": _evidence(line.evidence),
            }
            for line in incident.actions
            if line.action != "open"
        ],
        "facilities": [
            {
                "facility": line.facility,
                "status": line.action,
                "date": line.date or None,
                "evidence": _evidence(line.evidence),
            }
            for line in incident.actions
            if line.facility
        ],
        "agreements": [
            {"about": one.about, "evidence": _evidence(one.evidence), "origins": one.origins}
            for one in incident.agreements
        ],
        "contradictions": [
            {
                "about": one.about,
                "why": one.why,
                "sides": [{"text": side.text, "evidence": _evidence(side.evidence)} for side in one.sides],
            }
            for one in incident.contradictions
        ],
        "different_occurrences": [
            {
                "about": one.about,
                "why": one.why,
                "sides": [{"text": side.text, "evidence": _evidence(side.evidence)} for side in one.sides],
            }
            for one in incident.different
        ],
        "corrections": [
            {"wrong": one.wrong, "right": one.right, "evidence": _evidence(one.evidence)}
            for one in incident.corrections
        ],
        "same_origin": [list(group) for group in incident.same_origin],
        "same_origin_why": list(incident.same_origin_why),
        "timeline": [
            {"when": one.when, "what": one.what, "evidence": _evidence(one.evidence)} for one in incident.timeline
        ],
    }

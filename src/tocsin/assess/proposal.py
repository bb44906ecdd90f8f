"""A proposal: what an incident supports of a warning, field by field, for a person to take or to leave.

- Every value stands on claims that can be read where they were said, with their outlets, how many origins they have and
  what speaks against them. Where nothing supports a field, it is blank.
- What was corrected, withdrawn or denied supports nothing; what one report merely fears is marked as possible.
- Nothing here can publish, and nothing is chosen: a proposal is a value without a step after it. A person takes each
  field into a draft of their own, which goes the way of every draft.
- Words are proposed as quotations with their speaker and outlet, never as ours; instructions inside a report are text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from msgspec import Struct

from tocsin.assess.brief import area_code
from tocsin.assess.claim import Claim
from tocsin.assess.incident import Pointer, pointer
from tocsin.assess.known import sentence
from tocsin.assess.origin import Groups, count_origins
from tocsin.assess.placename import places as named_places
from tocsin.assess.story import Story

FIELDS = ("phase", "hazard", "where", "times", "audience", "facility", "actions", "notes")
MOST = 4
NOTES = 6

HAZARDS: dict[str, str] = {
    "airattack": "air",
    "flood": "flood",
    "storm": "storm",
    "wildfire": "wildfire",
    "quake": "earthquake",
    "tsunami": "tsunami",
    "landslide": "landslide",
    "chemical": "chemical",
    "gas": "gas",
    "radiation": "nuclear",
    "shooting": "attacker",
    "bomb": "ordnance",
    "heat": "heat",
    "contamination": "water",
    "sabotage": "security",
}
"""The topic that a claim is about, and the hazard that it is called in a warning."""
PHASES: dict[str, str] = {"be_ready": "prepare", "shelter": "act", "evacuate": "act"}
RESPONSES: dict[str, str] = {
    "shelter": "Shelter",
    "evacuate": "Evacuate",
    "stay_away": "Avoid",
    "be_ready": "Prepare",
    "monitor_media": "Monitor",
    "boil_water": "Execute",
    "all_clear": "AllClear",
}
"""What is asked of people, as CAP's ``responseType`` says it."""


class Option(Struct, frozen=True):
    """A value for one field with all that is behind it. ``key`` names it, as long as its claims are the same.

    ``value`` is in the field's own words: a hazard, an area code, an ISO day, a phase, an audience, open or closed; for
    actions and notes the quotation. ``standing`` is confirmed, disputed, possible or claimed.
    """

    key: str
    field: str
    value: str
    words: str
    says: str
    language: str
    claims: tuple[Pointer, ...]
    outlets: tuple[str, ...]
    origins: int
    standing: str
    against: tuple[Pointer, ...] = ()
    response: str = ""


class Proposal(Struct, frozen=True):
    """What incident ``incident`` supports as of entry ``seq``; a field that is missing in ``fields`` is blank."""

    incident: str
    seq: int
    fields: dict[str, tuple[Option, ...]]

    def of(self, field: str) -> tuple[Option, ...]:
        """The options for a field, the best supported first; none where nothing supports it."""
        return self.fields.get(field, ())

    def option(self, key: str) -> Option | None:
        """The option of this key, or None where its claims are not the same any more."""
        return next((one for options in self.fields.values() for one in options if one.key == key), None)


def supports(claim: Claim) -> bool:
    """Whether a claim can support anything: it stands, somebody asserts it, and it is surely read."""
    return (
        claim.tier != "low"
        and claim.standing not in ("corrected", "withdrawn")
        and claim.stance in ("asserts", "confirms", "corrects")
    )


def usable(story: Story) -> list[Claim]:
    """The claims that can support something.

    A sentence that holds what was feared and what is true is no support for either half: only the halves themselves are.
    """
    claims = story.incident.claims
    wrong = [claim for claim in claims if claim.standing in ("corrected", "withdrawn") or claim.stance == "corrects"]
    return [
        claim
        for claim in claims
        if supports(claim)
        and (
            claim.stance == "corrects"
            or not any(other.report == claim.report and other.span.overlaps(claim.span) for other in wrong)
        )
    ]


def propose(story: Story, joined: Groups) -> Proposal:
    """What ``story`` supports, field by field. ``joined`` are its reports by origin."""
    found: dict[str, dict[str, list[Claim]]] = {field: {} for field in FIELDS}

    def put(field: str, value: str, claim: Claim) -> None:
        if value:
            found[field].setdefault(value, []).append(claim)

    for claim in usable(story):
        warns = False
        if not claim.negated:
            for hazard in _hazards(claim):
                warns = True
                put("hazard", hazard, claim)
        for action in claim.protective:
            warns = True
            if action.facility:
                if action.facility == "embassy" or action.facility == "consulate":
                    put("facility", action.action, claim)
                continue
            put("actions", action.action, claim)
            put("audience", _audience(action.audience), claim)
            if not action.condition or action.action == "be_ready":
                put("phase", PHASES.get(action.action, ""), claim)
        if not warns:
            continue
        for code in _areas(claim):
            put("where", code, claim)
        if claim.when is not None and claim.when.precision in ("day", "part", "night", "time"):
            put("times", claim.when.first, claim)
    for claim in _notes(story):
        put("notes", f"{claim.report}:{claim.span.start}", claim)
    fields = {
        field: options
        for field, values in found.items()
        if (options := _options(story, joined, field, values, NOTES if field == "notes" else MOST))
    }
    return Proposal(story.id, story.seq, fields)


def _hazards(claim: Claim) -> tuple[str, ...]:
    topics = claim.topics
    found = [hazard for topic, hazard in HAZARDS.items() if topic in topics]
    if topics & {"missile", "drone"} and "attack" in topics:
        found.append("air")
    return tuple(dict.fromkeys(found))


def _areas(claim: Claim) -> tuple[str, ...]:
    """The area codes that a claim speaks of, without a country whose part it names."""
    _, about = named_places()
    # "The US embassy" and "US citizens" say whose, and not where.
    whose = {claim.speaker.country, *(one.audience.split(" ")[0] for one in claim.protective)}
    if not any(one.area for one in claim.protective):
        whose |= {actor.partition(":")[0] for actor in claim.actors if ":" in actor}
    codes = [area_code(one, about[one][1]) if one in about else one for one in claim.places if one not in whose]
    parted = {code.partition("-")[0] for code in codes if "-" in code}
    return tuple(dict.fromkeys(code for code in codes if code not in parted))


def _audience(words: str) -> str:
    if words == "staff":
        return "staff"
    return "citizens" if words.endswith("citizens") else ("everyone" if words else "")


def _notes(story: Story) -> list[Claim]:
    """The claims worth quoting: those of somebody named or of an office, confirmed ones and corrections first."""
    rank = {"confirmed": 0, "claimed": 1, "disputed": 2}
    found = [
        claim
        for claim in usable(story)
        if not claim.protective and claim.topics and claim.speaker.kind in ("named", "office")
    ]
    found.sort(key=lambda claim: (claim.stance != "corrects", rank.get(claim.standing, 3)))
    return found[:NOTES]


def _options(story: Story, joined: Groups, field: str, values: dict[str, list[Claim]], most: int) -> tuple[Option, ...]:
    made = [_option(story, joined, field, value, claims) for value, claims in values.items()]
    order = {"confirmed": 0, "claimed": 1, "possible": 2, "disputed": 3}
    made.sort(key=lambda one: (-one.origins, order[one.standing], -len(one.claims)))
    return tuple(made[:most])


def _option(story: Story, joined: Groups, field: str, value: str, claims: Sequence[Claim]) -> Option:
    best = min(claims, key=lambda claim: (claim.speaker.kind not in ("named", "office"), claim.modality != "certain"))
    words = sentence(story, best)
    says = best.speaker.name if best.speaker.name and best.speaker.kind in ("named", "office", "anonymous") else ""
    against = _against(story, claims)
    if against or any(claim.standing == "disputed" for claim in claims):
        standing = "disputed"
    elif any(claim.standing == "confirmed" for claim in claims):
        standing = "confirmed"
    else:
        standing = "claimed" if any(claim.modality == "certain" for claim in claims) else "possible"
    pointers = tuple(dict.fromkeys(pointer(claim) for claim in claims))
    key = hashlib.sha256("\0".join((field, value, *map(_spell, sorted(pointers, key=_spell)))).encode()).hexdigest()
    return Option(
        key[:16],
        field,
        words if field in ("actions", "notes") else value,
        words,
        says,
        story.telling(best.report).language,
        pointers,
        tuple(dict.fromkeys(story.telling(claim.report).outlet for claim in claims)),
        count_origins(claims, joined),
        standing,
        against,
        RESPONSES.get(value, "") if field == "actions" else "",
    )


def _spell(one: Pointer) -> str:
    return f"{one.report}:{one.start}-{one.end}"


def _against(story: Story, claims: Iterable[Claim]) -> tuple[Pointer, ...]:
    """What contradicts these claims."""
    mine = {id(claim) for claim in claims}
    all_of_it = story.incident.claims
    numbers = {index for index, claim in enumerate(all_of_it) if id(claim) in mine}
    other = {
        (one.other if one.one in numbers else one.one)
        for one in story.incident.evidence
        if one.relation == "contradicts" and (one.one in numbers or one.other in numbers)
    }
    return tuple(dict.fromkeys(pointer(all_of_it[number]) for number in sorted(other - numbers)))

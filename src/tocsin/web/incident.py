"""Incidents for people and programs: ``/v1/incidents`` and the page of one incident.

- Every sentence is a source's own, with who says it and who reported it; nothing here is our assertion or a warning.
- What was corrected stays in sight, struck through beside what replaced it; what conflicts stands side by side.
- Official warnings stand apart from the reports, with their own times; every list is bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import msgspec
from msgspec import Meta, Struct

from tocsin.assess.claim import Claim
from tocsin.assess.incident import Pointer
from tocsin.assess.known import sentence
from tocsin.assess.rewording import Piece
from tocsin.assess.story import Story
from tocsin.clock import parse
from tocsin.errors import NotFoundError
from tocsin.sense.report import REPORT_RECEIVED, Report
from tocsin.web.listing import Code
from tocsin.web.revision import revisions
from tocsin.web.state import Moment as Time
from tocsin.web.state import moment
from tocsin.web.text import Spoken, Texts
from tocsin.web.view import Moment

if TYPE_CHECKING:
    from tocsin.web.house import House

MOST = 100
TELLINGS, VOICES, STATEMENTS, LINES = 100, 40, 12, 30


class IncidentsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which incidents."""

    area: Code | None = None
    after: Annotated[str, Meta(pattern="^[0-9]{1,18}$", description="Older ones: the cursor from next.")] | None = None
    limit: Annotated[int, Meta(ge=1, le=MOST, description="The most incidents in one answer.")] = 50


class IncidentQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """As of when."""

    at: (
        Annotated[str, Meta(max_length=40, description="What was known at this moment: RFC 3339 with its offset.")]
        | None
    ) = None


class IncidentShort(Struct, frozen=True):
    """An incident in a list: what it is called in the reports' own headlines, and how much is behind it."""

    id: str
    title: dict[str, str]
    when: str
    places: tuple[str, ...]
    changed: Time
    reports: int
    corrections: int
    contradictions: int
    address: str


class IncidentList(Struct, frozen=True):
    """A page of incidents, first the one that changed last. ``next``: older ones, null at the end."""

    incidents: tuple[IncidentShort, ...]
    next: str | None


def listing(house: House, query: IncidentsQuery) -> IncidentList:
    """The incidents of a page."""
    room = house.newsroom
    if room is None:
        return IncidentList((), None)
    found: Sequence[Story] = room.touching(house.place(query.area).code) if query.area else room.incidents()
    if query.after is not None:
        found = [story for story in found if story.seq < int(query.after)]
    shown = found[: query.limit]
    more = len(found) > len(shown)
    return IncidentList(tuple(_short(story) for story in shown), str(shown[-1].seq) if more else None)


def _short(story: Story) -> IncidentShort:
    one = story.incident
    return IncidentShort(
        story.id,
        one.title,
        one.when,
        story.places,
        moment(story.changed) or "",
        len(story.tellings),
        len(one.corrections),
        len(one.contradictions),
        f"/v1/incidents/{story.id}",
    )


def story_of(house: House, name: str) -> Story:
    """The incident that is, or once was, called so; :class:`NotFoundError` if none is."""
    found = house.newsroom.incident(name) if house.newsroom is not None else None
    if found is None:
        raise NotFoundError
    return found


def story_at(house: House, name: str, query: IncidentQuery) -> Story:
    """The incident as it is, or as it was known at a moment; :class:`NotFoundError` if nothing was known of it then."""
    if query.at is None or house.newsroom is None:
        return story_of(house, name)

    until = moment_of(query)
    assert until is not None
    found = house.newsroom.as_of(name, until, reports_of(house))
    if found is None:
        raise NotFoundError
    return found


def reports_of(house: House) -> Callable[[str], Report | None]:
    """What brings a report out of the journal by its id."""

    def find(report: str) -> Report | None:
        found = house.store.about(REPORT_RECEIVED, report, 1)
        return found[0].read(Report) if found else None

    return find


def moment_of(query: IncidentQuery) -> datetime | None:
    """The moment that is asked about; :class:`NaiveTimeError` where nobody can say which one is meant."""
    # In an address a plus sign is a blank; nobody means one inside of a time.
    return parse(query.at.strip().replace(" ", "+")) if query.at is not None else None


# --- the page --------------------------------------------------------------------------------------------------------


class Words(Struct, frozen=True):
    """A statement as the page prints it, with the wording it replaces."""

    text: Spoken
    wrong: Spoken | None = None
    about: str = ""
    struck: bool = False
    standing: str = ""
    word: str = ""


class Voice(Struct, frozen=True):
    """Everything that one speaker says."""

    name: str
    statements: tuple[Words, ...]


class Told(Struct, frozen=True):
    """One report, or one official warning, on the timeline. ``then`` leads to what was known when it came."""

    when: Moment
    headline: Spoken
    who: str
    url: str = ""
    notes: tuple[str, ...] = ()
    official: bool = False
    then: str = ""


class Reworded(Struct, frozen=True):
    """What an outlet changed in one article, as the page prints it."""

    when: Moment
    who: str
    language: str
    url: str
    changes: tuple[tuple[Piece, ...], ...]


class IncidentPage(Struct, frozen=True):
    """Everything the template prints."""

    t: Texts
    id: str
    title: Spoken
    realm: str
    summary: str
    actions: tuple[Words, ...]
    corrections: tuple[Words, ...]
    reworded: tuple[Reworded, ...]
    conflicts: tuple[tuple[Words, ...], ...]
    voices: tuple[Voice, ...]
    timeline: tuple[Told, ...]
    place: str
    place_code: str
    zoned: str
    as_of: Moment | None = None


def incident_page(house: House, story: Story, t: Texts, at: datetime, as_of: datetime | None = None) -> IncidentPage:
    """What the page of ``story`` says in the language of ``t``; ``as_of`` where it is what was known earlier."""
    gazetteer = house.gazetteer
    codes = [code for code in story.places if code in gazetteer]
    here = next((code for code in codes if "-" in code), codes[0] if codes else house.settings.home)
    zone = gazetteer.get(here).zone
    claims = {(c.report, c.span.start, c.span.end): c for c in story.incident.claims}

    def at_pointer(pointer: Pointer) -> Claim | None:
        return claims.get((pointer.report, pointer.start, pointer.end))

    def when(one: datetime) -> Moment:
        # The heading of the list says whose time it is.
        return Moment(one.isoformat(), t.day(one, zone, at))

    def words(claim: Claim, whole: bool = True, about: str = "") -> Words:
        telling = story.telling(claim.report)
        text = sentence(story, claim) if whole else claim.text
        return Words(
            Spoken(text, telling.language),
            about=about or _by(claim, story, t),
            struck=claim.standing in ("corrected", "withdrawn"),
            standing=claim.standing,
            word="" if claim.standing == "claimed" else t.say(f"standing.{claim.standing}"),
        )

    actions = []
    for line in story.incident.actions[:LINES]:
        first = _preferred([c for p in line.evidence if (c := at_pointer(p)) is not None], story, t.language)
        if first is not None:
            said = f"{t.say(f'action.{line.action}')} ({t.count('incident.origins', line.origins)})"
            actions.append(msgspec.structs.replace(words(first), word=said, standing="claimed", struck=False))
    corrections = []
    for one in story.incident.corrections[:LINES]:
        told = [c for p in one.evidence if (c := at_pointer(p)) is not None]
        right = next((c for c in told if c.text == one.right), None)
        wrong = next((c for c in told if c.text == one.wrong), None)
        if right is not None:
            struck = Spoken(wrong.text, story.telling(wrong.report).language) if wrong is not None else None
            corrections.append(msgspec.structs.replace(words(right, whole=wrong is None), wrong=struck))
    conflicts = tuple(
        tuple(words(c) for side in one.sides if (c := at_pointer(side.evidence[0])) is not None)
        for one in story.incident.contradictions[:LINES]
    )
    title = story.incident.title.get(t.language) or story.incident.title.get("en")
    language = t.language if t.language in story.incident.title else "en"
    if title is None:
        language, title = next(iter(story.incident.title.items()), ("und", story.id))
    places = ", ".join(gazetteer.name(code, t.language) for code in codes[:4])
    return IncidentPage(
        t,
        story.id,
        Spoken(title, language),
        house.settings.realm,
        " · ".join(part for part in (places, t.count("incident.reports", len(story.tellings))) if part),
        tuple(actions),
        tuple(corrections),
        tuple(
            Reworded(when(one.noticed), one.outlet, one.language, _safe(one.url), one.changes)
            for one in revisions(story, reports_of(house))[-LINES:]
        ),
        conflicts,
        _voices(story, words, t),
        _timeline(house, story, t, when),
        gazetteer.name(here, t.language),
        here,
        t.zone(zone),
        Moment(as_of.isoformat(), t.time(as_of, zone, at)) if as_of is not None else None,
    )


def _by(claim: Claim, story: Story, t: Texts) -> str:
    outlet = story.telling(claim.report).outlet
    if claim.speaker.name and claim.speaker.kind in ("named", "office", "anonymous"):
        return t.say("known.says", says=claim.speaker.name, outlet=outlet)
    return t.say("known.told", outlet=outlet)


def _preferred(claims: Sequence[Claim], story: Story, language: str) -> Claim | None:
    own = [claim for claim in claims if story.telling(claim.report).language == language]
    return next(iter(own or claims), None)


def _voices(story: Story, words: Callable[..., Words], t: Texts) -> tuple[Voice, ...]:
    groups: dict[str, list[Words]] = {}
    names: dict[str, str] = {}
    for claim in story.incident.claims:
        named = claim.speaker.name if claim.speaker.kind in ("named", "office", "anonymous") else None
        outlet = story.telling(claim.report).outlet
        key = (claim.speaker.actor or named or "") if named else f"\0{outlet}"
        names.setdefault(key, named or f"{t.say('incident.unclear')}: {outlet}")
        said = groups.setdefault(key, [])
        about = t.say("known.told", outlet=outlet)
        if claim.stance != "asserts":
            about = f"{t.say(f'incident.stance.{claim.stance}')}, {about}"
        if claim.standing == "corrected" and any(
            other.stance == "corrects" and other.report == claim.report and claim.span.covers(other.span)
            for other in story.incident.claims
        ):
            continue  # it holds both halves, and only one of them is wrong
        one = words(claim, whole=claim.standing == "claimed" and claim.stance != "corrects", about=about)
        if len(said) < STATEMENTS and not any(other.text == one.text for other in said):
            said.append(one)
    ordered = sorted(groups, key=lambda key: key.startswith("\0"))
    return tuple(Voice(names[key], tuple(groups[key])) for key in ordered[:VOICES])


def _safe(url: str) -> str:
    """An address that leads to a page and nowhere else; empty for any other."""
    return url if url.startswith(("https://", "http://")) else ""


def _timeline(house: House, story: Story, t: Texts, when: Callable[[datetime], Moment]) -> tuple[Told, ...]:
    rows: list[tuple[datetime, Told]] = []
    for one in story.tellings[-TELLINGS:]:
        notes = [t.say("incident.revised")] if one.versions else []
        notes += [t.say("incident.excerpt")] if one.excerpt else []
        url = _safe(one.url)
        head = Spoken(one.headline or one.outlet, one.language)
        # The journal's moment is a little after the one at which it was received.
        then = quote((one.received + timedelta(minutes=1)).replace(microsecond=0).isoformat())
        rows.append((one.published, Told(when(one.published), head, one.outlet, url, tuple(notes), then=then)))
    for voice in story.officials:
        said = voice.headline.get(t.language) or voice.headline.get("en") or next(iter(voice.headline.values()), "")
        language = t.language if t.language in voice.headline else "en"
        source = house.source_name(voice.source, t.language) if voice.source else house.settings.sender_name
        address = f"/alerts/{voice.identifier}.xml"
        rows.append((voice.at, Told(when(voice.at), Spoken(said, language), source, address, (), True)))
    return tuple(row for _, row in sorted(rows, key=lambda pair: pair[0]))

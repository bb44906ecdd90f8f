"""The incident desk: every incident with its newest evidence, and one of them with its voices side by side.

- Nothing here is our statement: each line is a source's own, in its own language, and leads to its sentence in its report.
- What was corrected stays in sight, struck through beside what replaced it; what conflicts stands side by side.
- What changed since this person last read it is marked until they say that they have read it.
- "What we knew at" is told again from the journal as it was then, rulings included.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from datetime import datetime
from urllib.parse import quote
from zoneinfo import ZoneInfo

from msgspec import Struct
from starlette.responses import Response

from tocsin.assess.change import Changes, changes
from tocsin.assess.claim import Claim
from tocsin.assess.incident import Pointer, pointer
from tocsin.assess.indicator import Indicator, indicators
from tocsin.assess.known import sentence
from tocsin.assess.origin import Groups, count_origins
from tocsin.assess.ruling import INCIDENT_CORRECTED, INCIDENT_MERGED, INCIDENT_SPLIT, Ruling
from tocsin.assess.story import Story, Telling
from tocsin.assess.voice import PEOPLE, voices
from tocsin.clock import parse
from tocsin.errors import NotFoundError, TocsinError
from tocsin.warn.person import Act
from tocsin.web.console.desk_room import Call, at_desk
from tocsin.web.console.gate import Door
from tocsin.web.console.incident_room import IncidentRoom
from tocsin.web.text import Spoken, Texts

HERE = "/console/incidents"
MOST, STATEMENTS, VOICES, LINES, OTHERS = 60, 10, 24, 40, 40


class Row(Struct, frozen=True):
    """One incident in the list. ``fresh`` is how many reports came since this person read it, None if they never did."""

    id: str
    title: Spoken
    places: str
    changed: datetime
    reports: int
    languages: str
    corrections: int
    conflicts: int
    fresh: int | None
    changed_since: bool
    standing: dict[str, int]


class Said(Struct, frozen=True):
    """A statement with everything that a reader needs to judge it; ``href`` leads to its sentence."""

    key: str
    text: Spoken
    language: str
    who: str
    outlet: str
    stance: str
    standing: str
    href: str
    when: datetime
    wrong: Spoken | None = None
    by_person: bool = False
    doubt: str = ""

    @property
    def struck(self) -> bool:
        """Whether it holds no more."""
        return self.standing in ("corrected", "withdrawn") and self.wrong is None


class Column(Struct, frozen=True):
    """One voice: its name, and what it says."""

    name: Spoken | None
    outlets: str
    said: tuple[Said, ...]
    more: int


class Sign(Struct, frozen=True):
    """An indicator as the page shows it."""

    one: Indicator
    said: tuple[Said, ...]
    against: tuple[Said, ...]


class Decision(Struct, frozen=True):
    """A ruling as the page shows it; ``undo`` are the fields of the form that takes it back."""

    one: Ruling
    what: str
    undo: tuple[tuple[str, str], ...]
    to: str = ""


class Tell:
    """Puts claims of one story into the words of the page."""

    def __init__(self, story: Story, t: Texts) -> None:
        self.story, self.t = story, t
        self.claims = {pointer(claim): claim for claim in story.incident.claims}

    def language(self, tag: str) -> str:
        """The name of a language in the reader's own."""
        return str(self.t.locale.languages.get(tag, tag))

    def said(self, claim: Claim, wrong: Claim | None = None, whole: bool = True) -> Said:
        """One statement."""
        telling = self.story.telling(claim.report)
        at = pointer(claim)
        who = claim.speaker.name if claim.speaker.name and claim.speaker.kind in PEOPLE else ""
        if claim.speaker.kind == "unclear" and claim.speaker.candidates:
            who = self.t.say("inc.perhaps", names=", ".join(claim.speaker.candidates[:3]))
        text = sentence(self.story, claim) if whole and wrong is None else claim.text
        return Said(
            f"{at.report}:{at.start}-{at.end}",
            Spoken(text, telling.language),
            self.language(telling.language),
            who or "",
            telling.outlet,
            claim.stance,
            claim.standing,
            address(self.story.id, at),
            telling.published,
            Spoken(wrong.text, self.story.telling(wrong.report).language) if wrong is not None else None,
            claim.made_by == "person",
            "" if claim.modality == "certain" else claim.modality,
        )

    def at(self, pointers: Iterable[Pointer], whole: bool = True) -> tuple[Said, ...]:
        """The statements that stand at these places, each sentence once."""
        found: dict[str, Said] = {}
        for one in pointers:
            if (claim := self.claims.get(one)) is not None:
                made = self.said(claim, whole=whole)
                found.setdefault(made.text.text, made)
        return tuple(found.values())


def address(story: str, at: Pointer) -> str:
    """Where the sentence of a claim can be read."""
    return f"{HERE}/{story}/reports/{at.report}#c{at.start}"


def titled(story: Story, language: str) -> Spoken:
    """What an incident is called: in the reader's language, else in English, else as its first report has it."""
    titles = story.incident.title
    for tag in (language, "en", *titles):
        if titles.get(tag):
            return Spoken(titles[tag], tag)
    return Spoken(story.id, "und")


# --- the list ------------------------------------------------------------------------------------------------------


async def listed(call: Call) -> Response:
    """Every incident, first the one with the newest evidence; those that changed since this person looked are marked."""
    room = IncidentRoom.of(call.room.house)
    stories = room.house.newsroom.incidents() if room.house.newsroom is not None else ()
    looked = room.looked
    rows = [row(call, story, looked.upto(call.person, story)) for story in stories[:MOST]]
    return call.page(
        "incidents.html",
        "incidents",
        rows=rows,
        count=len(stories),
        reads_news=room.house.newsroom is not None,
        flags=room.backings.flags()[:LINES],
    )


def row(call: Call, story: Story, upto: int) -> Row:
    """An incident in the list."""
    one, gazetteer = story.incident, call.room.house.gazetteer
    names = [gazetteer.name(code, call.t.language) for code in story.places[:4] if code in gazetteer]
    standing: dict[str, int] = {}
    for claim in one.claims:
        if claim.standing != "claimed":
            standing[claim.standing] = standing.get(claim.standing, 0) + 1
    tell = Tell(story, call.t)
    tongues = dict.fromkeys(telling.language for telling in story.tellings)
    return Row(
        story.id,
        titled(story, call.t.language),
        ", ".join(names),
        story.changed,
        len(story.tellings),
        ", ".join(tell.language(tag) for tag in tongues),
        len(one.corrections),
        len(one.contradictions),
        sum(reading.source.order > upto for reading in story.readings) if upto else None,
        story.seq > upto,
        standing,
    )


# --- one incident --------------------------------------------------------------------------------------------------


async def incident(call: Call) -> Response:
    """One incident: what changed, what is in conflict, who says what, in which order, and what an editor can do."""
    room, t = IncidentRoom.of(call.room.house), call.t
    name = call.request.path_params["incident"]
    now = room.story(name)
    moment, wrong = asked_at(call)
    story = now
    if moment is not None:
        found = room.as_of(name, moment)
        if found is None:
            wrong, moment = t.say("inc.at.nothing", time=t.time(moment, call.room.zone, call.at)), None
        else:
            story = found
    at = moment or call.at
    upto = room.looked.upto(call.person, now)
    before = room.as_of(now.id, upto) if upto and moment is None else None
    new = changes(before, now) if before is not None else None
    joined = room.groups(story)
    tell = Tell(story, t)
    gazetteer = call.room.house.gazetteer
    codes = [code for code in story.places if code in gazetteer]
    zone = gazetteer.get(next((c for c in codes if "-" in c), codes[0] if codes else room.house.settings.home)).zone
    may = call.may(Act.COMPOSE) and moment is None
    return call.page(
        "incident.html",
        "incidents",
        422 if wrong else 200,
        here=f"{HERE}/{now.id}",
        story=story,
        title=titled(story, t.language),
        places=", ".join(gazetteer.name(code, t.language) for code in codes[:6]),
        origins=origins(story, joined),
        as_of=moment,
        asked=call.form.get("at"),
        wrong=wrong,
        now=now,
        upto=upto,
        new=told_changes(tell, new) if new is not None else (),
        never=not upto,
        unread=moment is None and now.seq > upto,
        corrections=corrected(tell),
        conflicts=[
            [said[0] for side in one.sides if (said := tell.at(side.evidence))]
            for one in story.incident.contradictions[:LINES]
        ],
        different=[
            [said[0] for side in one.sides if (said := tell.at(side.evidence))]
            for one in story.incident.different[:LINES]
        ],
        columns=columns(tell, joined),
        timeline=timeline(call, tell),
        signs=[
            Sign(one, tell.at(one.claims)[:3], tell.at(one.against)[:3])
            for one in indicators(story, joined, at, zone)[:LINES]
        ],
        decisions=[decided(call, story, one) for one in reversed(story.rulings)],
        perhaps=[(one.id, titled(one, t.language)) for one in room.newsroom.perhaps(now)] if may else [],
        others=[(one.id, titled(one, t.language)) for one in room.newsroom.incidents()[:OTHERS] if one.id != now.id]
        if may
        else [],
        drafts=[one for one in call.room.desk.drafts.open() if now.id in one.content.incidents],
        flags=[flag for flag in room.backings.flags() if flag[0].incident == now.id],
        fix=fixing(call, tell) if may else None,
        may=may,
        zone_here=zone,
    )


def asked_at(call: Call) -> tuple[datetime | None, str]:
    """The moment that is asked about, and what is wrong with it; a time without a zone is the console's own."""
    text = call.form.get("at").strip()
    if not text:
        return None, ""
    try:
        local = datetime.fromisoformat(text)
        aware = (
            parse(text) if local.tzinfo else local.replace(tzinfo=ZoneInfo(call.room.zone)).astimezone(call.at.tzinfo)
        )
    except (ValueError, TocsinError):
        return None, call.t.say("trouble.time")
    # A minute that was typed is meant to its end: "at 07:12" is what was known when the clock still showed 07:12.
    aware = aware.replace(second=59, microsecond=999_999) if len(text) == 16 else aware
    return (aware, "") if aware < call.at else (None, "")


def origins(story: Story, joined: Groups) -> int:
    """Out of how many mouths it all comes, outlets that say a thing themselves included."""
    return count_origins(story.incident.claims, joined) if story.incident.claims else 0


def corrected(tell: Tell) -> tuple[Said, ...]:
    """Every correction: what is said now, with the old wording to be struck through."""
    found = []
    for one in tell.story.incident.corrections[:LINES]:
        claims = [tell.claims[at] for at in one.evidence if at in tell.claims]
        right = next((claim for claim in claims if claim.text == one.right), None)
        wrong = next((claim for claim in claims if claim.text == one.wrong and claim is not right), None)
        if right is not None:
            found.append(tell.said(right, wrong))
    return tuple(found)


def columns(tell: Tell, joined: Groups) -> tuple[Column, ...]:
    """The voices, side by side by origin."""
    made = []
    language = tell.t.language
    for voice in voices(tell.story, joined)[:VOICES]:
        said: dict[str, Said] = {}
        for claim in voice.claims:
            if holds_both(claim, tell.story):
                continue
            one = tell.said(claim, whole=claim.standing == "claimed" and claim.stance != "corrects")
            said.setdefault(one.text.text, one)
        tag = next((one for one in (language, "en", *voice.names) if one in voice.names), "")
        name = Spoken(voice.names[tag], tag) if tag else None
        if not said:
            continue
        shown = tuple(said.values())
        made.append(Column(name, ", ".join(voice.outlets), shown[:STATEMENTS], max(0, len(shown) - STATEMENTS)))
    return tuple(made)


def holds_both(claim: Claim, story: Story) -> bool:
    """Whether a corrected claim holds its correction too: then only one half of it is wrong, and both are shown."""
    return claim.standing == "corrected" and any(
        other.stance == "corrects" and other.report == claim.report and claim.span.overlaps(other.span)
        for other in story.incident.claims
    )


def timeline(call: Call, tell: Tell) -> list[dict[str, object]]:
    """Reports and official alerts in the order in which they came."""
    story, house, t = tell.story, call.room.house, call.t
    rows: list[dict[str, object]] = [
        {
            "at": one.published, "received": one.received, "official": False, "report": one.report,
            "title": Spoken(one.headline or one.outlet, one.language), "who": one.outlet,
            "language": tell.language(one.language), "versions": one.versions, "excerpt": one.excerpt,
            "licence": one.licence, "phase": "", "href": f"{HERE}/{story.id}/reports/{one.report}",
        }
        for one in story.tellings
    ]  # fmt: skip
    for voice in story.officials:
        tag = next((one for one in (t.language, "en", *voice.headline) if one in voice.headline), "und")
        rows.append(
            {
                "at": voice.at, "received": voice.at, "official": True, "report": "",
                "title": Spoken(voice.headline.get(tag, ""), tag),
                "who": house.source_name(voice.source, t.language) if voice.source else house.settings.sender_name,
                "language": tell.language(tag), "versions": (), "excerpt": False, "licence": "", "phase": voice.phase,
                "href": f"/console/alerts/{quote(voice.identifier, safe='')}",
            }
        )  # fmt: skip
    return sorted(rows, key=lambda one: str(one["at"]))


def told_changes(tell: Tell, new: Changes) -> tuple[tuple[str, Said | Telling | str], ...]:
    """What changed, a line each: the kind of change, and what it is."""
    found: list[tuple[str, Said | Telling | str]] = []
    by_text = {(c.text, c.report): c for c in tell.story.incident.claims}
    for one in new.corrections:
        right = next((c for (text, _), c in by_text.items() if text == one.right), None)
        wrong = next((c for (text, _), c in by_text.items() if text == one.wrong), None)
        if right is not None:
            found.append(("corrected", tell.said(right, wrong)))
    for conflict in new.conflicts:
        found += [("conflict", said) for side in conflict.sides for said in tell.at(side.evidence[:1])]
    found += [("report", one) for one in new.reports]
    found += [("revised", one) for one in new.revised]
    found += [("dropped", claim.text) for claim in new.dropped]
    for turned in new.turned:
        if turned.claim.standing not in ("corrected", "disputed"):
            found.append(("turned", tell.said(turned.claim)))
    known = {said.text.text for _, said in found if isinstance(said, Said)}
    fresh = {one.report for one in new.reports}
    for claim in new.claims:
        if claim.report not in fresh and claim.topics and (said := tell.said(claim)).text.text not in known:
            known.add(said.text.text)
            found.append(("claim", said))
    found += [("official", voice.headline.get(tell.t.language, "") or voice.phase) for voice in new.officials]
    found += [("ruling", one.reason) for one in new.rulings]
    return tuple(found[:LINES])


def decided(call: Call, story: Story, one: Ruling) -> Decision:
    """A ruling with what would undo it."""
    t, reports = call.t, [report for report in one.reports if any(x.report == report for x in story.tellings)]
    here = f"{HERE}/{story.id}"
    if one.kind == INCIDENT_MERGED:
        undo = tuple(("report", report) for report in reports) if 0 < len(reports) < len(story.tellings) else ()
        return Decision(one, t.count("inc.ruled.merged", len(one.reports)), undo, f"{here}/split")
    if one.kind == INCIDENT_SPLIT:
        away = IncidentRoom.of(call.room.house).newsroom.holding(one.reports[0])
        apart = away is not None and away.id != story.id
        undo = (("other", away.id),) if apart and away is not None else ()
        return Decision(one, t.count("inc.ruled.split", len(one.reports)), undo, f"{here}/merge")
    assert one.kind == INCIDENT_CORRECTED
    what = t.say(
        "inc.ruled.corrected", before=one.before or t.say("inc.nobody"), after=one.after or t.say("inc.nobody")
    )
    return Decision(one, what, ())


def fixing(call: Call, tell: Tell) -> Said | None:
    """The claim that is about to be corrected."""
    key = call.form.get("fix")
    return next((tell.said(c) for at, c in tell.claims.items() if f"{at.report}:{at.start}-{at.end}" == key), None)


# --- a report ------------------------------------------------------------------------------------------------------


async def report(call: Call) -> Response:
    """A report word for word, with every claim marked where it stands, and its versions."""
    room = IncidentRoom.of(call.room.house)
    story = room.story(call.request.path_params["incident"])
    name = call.request.path_params["report"]
    telling = next((one for one in story.tellings if name in (one.report, *one.versions)), None)
    if telling is None:
        raise NotFoundError("this report is not part of the incident")
    from tocsin.assess.newsroom import taken_in

    current = telling.report == name
    if current:
        reading, shown = story.reading(name), telling
    else:
        known = room.report(name)
        taken = taken_in(known, 0) if known is not None else None
        if taken is None:
            raise NotFoundError("this version is not in the journal")
        reading, shown = taken
    return call.page(
        "report.html",
        "incidents",
        story=story,
        one=shown,
        newest=telling,
        current=current,
        title=titled(story, call.t.language),
        language=Tell(story, call.t).language(shown.language),
        pieces=marked(reading.text, reading.claims),
        back=f"{HERE}/{story.id}",
    )


class Piece(Struct, frozen=True):
    """A piece of a report's text: ``anchor`` where a claim begins, ``standing`` of the claim that it is part of."""

    text: str
    anchor: str = ""
    standing: str = ""


def marked(text: str, claims: Iterable[Claim]) -> tuple[Piece, ...]:
    """The text in pieces at the borders of its claims; claims that overlap share a piece."""
    spans = [(claim.span.start, min(claim.span.end, len(text)), claim.standing) for claim in claims]
    spans = [one for one in spans if 0 <= one[0] < one[1]]
    edges = sorted({0, len(text), *(one[0] for one in spans), *(one[1] for one in spans)})
    starts = {one[0] for one in spans}
    made = []
    for first, last in itertools.pairwise(edges):
        over = [one for one in spans if one[0] <= first and last <= one[1]]
        standing = min((one[2] for one in over), key=lambda word: word == "claimed", default="")
        made.append(Piece(text[first:last], f"c{first}" if first in starts else "", standing))
    return tuple(made)


DOORS = (
    Door("GET", HERE, at_desk(listed), Act.LOOK, menu="menu.incidents"),
    Door("GET", HERE + "/{incident}", at_desk(incident), Act.LOOK),
    Door("GET", HERE + "/{incident}/reports/{report}", at_desk(report), Act.LOOK),
)

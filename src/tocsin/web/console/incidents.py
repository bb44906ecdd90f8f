"""The incident desk: every incident with its newest evidence, and one of them with its voices side by side.

- Nothing here is our statement: each line is a source's own, in its own language, and leads to its sentence in its report.
- What was corrected stays in sight, struck through beside what replaced it; what conflicts stands side by side.
- What changed since this person last read it is marked until they say that they have read it.
- "What we knew at" is told again from the journal as it was then, rulings included.
"""

from __future__ import annotations

from datetime import datetime
from urllib.parse import quote
from zoneinfo import ZoneInfo

from msgspec import Struct
from starlette.responses import Response

from tocsin.assess.change import Changes, changes
from tocsin.assess.indicator import Indicator, indicators
from tocsin.assess.origin import Groups, count_origins
from tocsin.assess.ruling import INCIDENT_CORRECTED, INCIDENT_MERGED, INCIDENT_SPLIT, Ruling
from tocsin.assess.story import Story, Telling
from tocsin.clock import parse
from tocsin.errors import TocsinError
from tocsin.warn.person import Act
from tocsin.web.console.desk_room import Call, at_desk
from tocsin.web.console.gate import Door
from tocsin.web.console.incident_room import IncidentRoom
from tocsin.web.console.statement import HERE, LINES, Said, Tell, columns, corrected, titled
from tocsin.web.text import Spoken, Texts

MOST, OTHERS = 60, 40


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


class Sign(Struct, frozen=True):
    """An indicator as the page shows it."""

    one: Indicator
    of: str
    said: tuple[Said, ...]
    against: tuple[Said, ...]


class Decision(Struct, frozen=True):
    """A ruling as the page shows it; ``undo`` are the fields of the form that takes it back."""

    one: Ruling
    what: str
    undo: tuple[tuple[str, str], ...]
    to: str = ""


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
            Sign(one, of_whom(one.of, t), tell.at(one.claims)[:3], tell.at(one.against)[:3])
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


def of_whom(of: str, t: Texts) -> str:
    """Whom or what an indicator is of, in the reader's words."""
    if of.endswith(" citizens"):
        return f"{t.say('inc.of.citizens')} ({of.partition(' ')[0]})"
    return t.say(f"inc.of.{of}") if f"inc.of.{of}" in t else of


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


DOORS = (
    Door("GET", HERE, at_desk(listed), Act.LOOK, menu="menu.incidents"),
    Door("GET", HERE + "/{incident}", at_desk(incident), Act.LOOK),
)

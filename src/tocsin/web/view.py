"""What the page of one place says at one moment in one language, as a value that the template only has to print.

- Pure: the facts come in, the words go out; nothing here asks the time, the wire or the disk.
- The order is what to do first, then until when, then why and who says so (practice.md section 7).
- An alert's own words win, in the reader's language, else in another that is marked as such; the page's reviewed
  wording stands for a mirrored air-alert signal, which has no words of its own.
- Nothing is invented: what is not known is left out or said to be unknown, and unknown is never shown as calm.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec import Struct

from tocsin.account.facility import FacilityState
from tocsin.assess.known import RANK as KNOWN_RANK
from tocsin.assess.known import Known, known
from tocsin.cap.alert import ResponseType
from tocsin.cap.phase import DANGER, ENDED, RANK, Phase
from tocsin.sense.source import Source
from tocsin.warn.situation import Live, Standing
from tocsin.web.day import DAY, Week, alerts_of, dark
from tocsin.web.feed import in_language
from tocsin.web.instruction import instructions, spoken
from tocsin.web.sight import Day as Day
from tocsin.web.sight import Facts as Facts
from tocsin.web.sight import Group as Group
from tocsin.web.sight import Line as Line
from tocsin.web.sight import Moment as Moment
from tocsin.web.sight import Other as Other
from tocsin.web.sight import Region as Region
from tocsin.web.sight import View as View
from tocsin.web.text import Spoken, Texts, texts

ORDER = tuple(sorted(Phase, key=lambda phase: -RANK[phase]))  # what asks most of a person stands first
STEPS = 5  # practice.md section 7: what to do, at most five lines
OTHERS = 4
KNOWN, STORIES = 4, 6
"""Lines of what is known, and how many of the newest incidents they are taken from."""


def view(facts: Facts, t: Texts, most: int = KNOWN) -> View:
    """What the page says about ``facts`` in the language of ``t``, with at most ``most`` lines of what is known."""
    standing, phase = facts.standing, Phase(facts.standing.phase)
    place = facts.name(facts.code, t.language)
    said = _said(facts, t, phase, place)
    groups = _groups(facts, t)
    at = facts.at

    def moment(when: datetime, seconds: bool = False) -> Moment:
        return Moment(when.isoformat(), t.time(when, facts.zone, at, seconds))

    deciding = standing.alerts[0] if standing.alerts else None
    late = standing.next_update_by is not None and standing.next_update_by < at
    word = t.say(f"phase.{phase}")
    title = f"{said.headline.text} {place}"
    if facts.realm == "exercise":
        title = f"{t.say('exercise.word')}: {title}"
    return View(
        t=t,
        code=facts.code,
        zone=facts.zone,
        zoned=t.say("time", time="{time}", zone=t.zone(facts.zone)),
        place=place,
        realm=facts.realm,
        phase=phase,
        word=word,
        title=title,
        headline=said.headline,
        event=said.event,
        lead=said.lead,
        scope=_scope(facts, t, place),
        steps=said.steps,
        rule=said.rule,
        cannot_reach=said.shelter and phase in DANGER,
        since=moment(standing.since) if standing.since else None,
        elapsed=t.duration(at - standing.since) if standing.since and phase is not Phase.CALM else "",
        as_of=moment(at, seconds=True),
        as_of_hour=t.hour(at, facts.zone, seconds=True),
        next_by=moment(standing.next_update_by) if standing.next_update_by and not late else None,
        overdue=t.say("overdue.say", time=t.time(standing.next_update_by, facts.zone, at))
        if late and standing.next_update_by
        else "",
        until=moment(standing.ends) if standing.ends and phase is Phase.PREPARE else None,
        source=_source(facts, t, standing.source) or t.say("none"),
        identifier=deciding.published.identifier if deciding and phase is not Phase.CALM else "",
        others=tuple(
            _other(live, facts, t) for live in [live for live in facts.live if not _decides(live, standing)][:OTHERS]
        ),
        day=_day(facts, t),
        groups=groups,
        regions=tuple(
            Region(region.code, facts.phases.get(region.code, Phase.UNKNOWN), region.path_d)
            for region in sorted(
                facts.map.regions if facts.map else (),
                # What is drawn last lies on top: the place's own outline, over those in danger, over the rest.
                key=lambda region: (region.code == facts.code, RANK[facts.phases.get(region.code, Phase.UNKNOWN)]),
            )
        ),
        view_box=facts.map.view_box if facts.map else "",
        map_title=t.say(
            "map.title",
            country=facts.name(facts.country, t.language) if facts.country else "",
            list=", ".join(t.count("map.count", len(group.places), word=group.word) for group in groups),
        ),
        label=facts.point,
        label_text=facts.short(facts.code, t.language) if facts.short else place,
        exercise=tuple(Spoken(texts(one).say("exercise.word"), one) for one in facts.languages if one != t.language)
        if facts.realm == "exercise"
        else (),
        choices=tuple((one, texts(one).say("name")) for one in facts.languages),
        number=facts.emergency_number,
        sender_name=facts.sender_name,
        entry=t.say("entry", seq=facts.seq, hash=facts.hash[:12]) if facts.seq else "",
        lost_headline=t.about("headline.unknown", facts.code, place),
        event_id=standing.event_id,
        version=standing.version,
        next_change=_next_change(facts),
        seq=facts.seq,
        heartbeat_seconds=facts.heartbeat_seconds,
        known=_known(facts, t, most),
        known_note=t.say("known.note", zone=t.zone(facts.zone)),
        facilities=tuple(_facility(one, facts, t) for one in facts.facilities),
    )


def _known(facts: Facts, t: Texts, most: int) -> tuple[Line, ...]:
    """The lines of the newest incidents, corrections first chosen, then shown by their time."""
    found = [one for story in facts.stories[:STORIES] for one in known(story, t.language, KNOWN)]
    found = [one for one in found if timedelta(0) <= facts.at - one.at <= DAY]
    found.sort(key=lambda one: (KNOWN_RANK[one.standing], -one.at.timestamp()))
    chosen = sorted(found[:most], key=lambda one: one.at, reverse=True)
    return tuple(line(one, facts.zone, facts.at, t) for one in chosen)


def line(one: Known, zone: str, at: datetime, t: Texts) -> Line:
    """A line in the language of ``t``; the words themselves keep their own."""
    who = t.say("known.says", says=one.says, outlet=one.outlet) if one.says else t.say("known.told", outlet=one.outlet)
    return Line(
        Moment(one.at.isoformat(), t.day(one.at, zone, at)),
        one.standing,
        t.say(f"standing.{one.standing}"),
        Spoken(one.text, one.language),
        Spoken(one.wrong, one.wrong_language) if one.wrong else None,
        who,
        one.incident,
    )


def _next_change(facts: Facts) -> str:
    """When the clock alone will change this: the planned end, or the moment an all-clear becomes calm."""
    standing = facts.standing
    if standing.ends is not None and standing.phase not in DANGER:
        return standing.ends.isoformat()
    if standing.phase in ENDED and standing.since is not None:
        return (standing.since + facts.all_clear_for).isoformat()
    return ""


class _Said(Struct, frozen=True):
    headline: Spoken
    lead: tuple[Spoken, ...]
    steps: tuple[Spoken, ...]
    rule: str
    shelter: bool
    event: Spoken | None = None


def _said(facts: Facts, t: Texts, phase: Phase, place: str) -> _Said:
    """The headline, why, what to do and the stay rule."""
    ours = Spoken(t.about(f"headline.{phase}", facts.code, place), t.language)
    steps = t.lines(f"steps.{phase}", number=facts.emergency_number) if f"steps.{phase}" in t else ()
    rule = t.say(f"rule.{phase}")
    if phase is Phase.CALM:
        return _Said(ours, (*_last_alert(facts, t), Spoken(t.say("lead.calm"), t.language)), (), rule, False)
    if phase is Phase.UNKNOWN:
        return _Said(ours, _last_word(facts, t), steps, "", False)
    deciding = facts.standing.alerts[0] if facts.standing.alerts else None
    if deciding is None:
        return _Said(ours, (), steps, rule, True)
    info = in_language(deciding.alert.infos, t.language)
    event = spoken(info, "event")
    if signal(deciding, facts.sources):
        return _Said(ours, (), steps, rule, True, event)
    lead = spoken(info, "description")
    told = instructions(info)
    if phase is Phase.RETRACTED:
        # A retraction first says "you are safe", whatever its author wrote (Ridgecrest 2020, linter rule L14).
        note = lead or spoken(info, "headline")
        return _Said(ours, (note,) if note else (), told or steps, rule, False, event)
    shelter = info is not None and ResponseType.SHELTER in info.response_types
    headline = spoken(info, "headline") or event or ours
    if phase in DANGER and not shelter:
        rule = t.say("rule.unknown")
    elif phase is Phase.ALL_CLEAR:
        rule = ""
    if not told:
        told = (Spoken(t.say("lead.follow", source=_source(facts, t, facts.standing.source)), t.language),)
    more = told[STEPS : STEPS + 2]
    return _Said(headline, (*((lead,) if lead else ()), *more), told[:STEPS], rule, shelter, event)


def signal(live: Live, sources: Mapping[str, Source]) -> bool:
    """Whether this alert mirrors an air-alert signal, so that the page's own reviewed wording says what to do."""
    source = sources.get(live.published.source)
    return source is not None and source.kind.replace("-", "_").startswith("air_alert")


def _source(facts: Facts, t: Texts, source: str) -> str:
    known = facts.sources.get(source)
    return known.names.get(t.language, known.name) if known else source


def _decides(live: Live, standing: Standing) -> bool:
    return bool(standing.alerts) and live.published.event_id == standing.alerts[0].published.event_id


def _scope(facts: Facts, t: Texts, place: str) -> str:
    """Why this concerns the reader, when the alert does not name the place itself (F21)."""
    standing = facts.standing
    if not standing.alerts or standing.relation not in ("part", "contains") or standing.phase == Phase.CALM:
        return ""
    areas = ", ".join(facts.name(code, t.language) for code in standing.alerts[0].published.areas)
    return t.say(standing.relation, place=place, areas=areas) if areas else ""


def _last_alert(facts: Facts, t: Texts) -> tuple[Spoken, ...]:
    ended = [new.at for old, new in zip(facts.turns, facts.turns[1:], strict=False) if _over(old.phase, new.phase)]
    if ended:
        return (Spoken(t.say("lead.calm.last", time=t.time(ended[-1], facts.zone, facts.at)), t.language),)
    if any(turn.phase in DANGER or turn.phase is Phase.UNKNOWN for turn in facts.turns) or not facts.turns:
        return ()
    return (Spoken(t.say("lead.calm.none"), t.language),)


def _over(old: Phase, new: Phase) -> bool:
    return new in ENDED and old in (Phase.ACT, Phase.HOLD, Phase.UNKNOWN)


def _last_word(facts: Facts, t: Texts) -> tuple[Spoken, ...]:
    standing, lead = facts.standing, []
    known = standing.last_heard or standing.since
    if known is not None and standing.last_phase != Phase.UNKNOWN:
        when = t.time(known, facts.zone, facts.at)
        lead.append(t.say("lead.unknown", word=t.say(f"phase.{standing.last_phase}"), time=when))
    else:
        lead.append(t.say("lead.unknown.none"))
    source = _source(facts, t, standing.source)
    if standing.last_heard is not None and source:
        when = t.time(standing.last_heard, facts.zone, facts.at)
        lead.append(t.say("lead.unknown.source", source=source, time=when))
    return tuple(Spoken(line, t.language) for line in lead)


def _other(live: Live, facts: Facts, t: Texts) -> Other:
    info = in_language(live.alert.infos, t.language)
    phase = Phase(live.phase)
    if signal(live, facts.sources):
        lines = t.lines(f"steps.{phase}", number=facts.emergency_number)[:1] if f"steps.{phase}" in t else ()
    else:
        lines = instructions(info)[:STEPS]
    ends = live.ends or (info.expires if info is not None else None)
    when = [] if live.since is None else [t.say("others.since", time=t.time(live.since, facts.zone, facts.at))]
    if ends is not None and phase is Phase.PREPARE:
        when.append(t.say("others.until", time=t.time(ends, facts.zone, facts.at)))
    word = t.say(f"phase.{phase}")
    headline = spoken(info, "headline") or spoken(info, "event") or Spoken(word, t.language)
    said = _source(facts, t, live.published.source) or (info.sender_name if info is not None else "")
    return Other(phase, word, headline, lines, ", ".join(when), said, live.published.identifier)


def _groups(facts: Facts, t: Texts) -> tuple[Group, ...]:
    names = {code: facts.name(code, t.language) for code in facts.phases}
    groups = []
    for phase in ORDER:
        places = sorted(((c, names[c]) for c, p in facts.phases.items() if p == phase), key=lambda one: one[1])
        if places:
            count = t.count("regions.count", len(places))
            groups.append(Group(phase, t.say(f"phase.{phase}"), count, tuple(places)))
    return tuple(groups)


def _day(facts: Facts, t: Texts) -> Day:
    spans = alerts_of(facts.turns, facts.at)
    title, text = t.say("day.none"), ""
    if spans:
        title = t.count("day.alerts", len(spans))
        longest = max(spans, key=lambda span: span.length)
        ends = (t.hour(longest.start, facts.zone), t.hour(longest.end, facts.zone))
        text = t.say(
            "day.total",
            duration=t.duration(sum((span.length for span in spans), timedelta())),
            longest=f"{ends[0]}–{ends[1]}",
        )
    gap = dark(facts.turns, facts.at)
    if gap >= timedelta(minutes=1):
        text = f"{text} {t.say('day.gap', duration=t.duration(gap))}".strip()
        if not spans and gap >= DAY - timedelta(minutes=1):
            # Nobody knows whether there were alerts: "no alerts" would be an invention.
            title = t.say("phase.unknown")
    changes = tuple(
        (
            Moment(turn.at.isoformat(), t.day(turn.at, facts.zone, facts.at)),
            turn.phase,
            t.say(f"phase.{turn.phase}"),
        )
        for turn in reversed(facts.turns[1:])
    )
    return Day(title, text, changes, t.say("day.changes", zone=t.zone(facts.zone)), _week(facts.week, t))


def _week(week: Week | None, t: Texts) -> str:
    """What the alerts of seven days add up to; nothing where there was none, because silence may hide some."""
    if week is None or not week.alerts:
        return ""
    line = t.count("week.alerts", week.alerts, duration=t.duration(week.total))
    return f"{line} {t.say('week.share', share=round(100 * week.concerned / week.alerts))}"


def _facility(state: FacilityState, facts: Facts, t: Texts) -> tuple[str, str, str]:
    """A facility's name, how it stands, and until which review."""
    shown = t.say(f"facility.is.{state.shown(facts.at)}")
    if state.overdue(facts.at):
        return state.name, shown, ""
    return state.name, shown, t.say("facility.review", time=t.time(state.review_by, facts.zone, facts.at))

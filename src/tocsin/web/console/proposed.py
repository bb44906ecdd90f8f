"""What the reports propose for a draft, beside each field of the composer, for a person to take.

- Nothing is filled in by itself: each value is taken by a button, with the claims behind it recorded in the same commit
  as the change (``draft:backed``), so that a later correction finds its way to the owner.
- A whole country is never taken by a button; its name is typed as ever. A day that is over is not taken.
- A quotation goes into the free text of its own language, with who said it and who reported it; there it is marked as not
  confirmed like anything else that a person has not read.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from tocsin.assess.incident import Pointer
from tocsin.assess.proposal import Option, Proposal, propose
from tocsin.assess.story import Story
from tocsin.cap.phase import Phase
from tocsin.journal import Fact
from tocsin.warn.backing import DRAFT_BACKED, backed
from tocsin.warn.draft import Content, Draft, Extra
from tocsin.web.console.desk_room import Call, DeskRoom
from tocsin.web.console.incident_room import IncidentRoom
from tocsin.web.console.statement import Said, Tell, address, titled
from tocsin.web.text import Spoken, Texts

LONGEST = 2000


class Offer(Struct, frozen=True):
    """One option beside a field: its value in words, what is behind it, and whether it was taken already."""

    option: Option
    called: str
    words: Spoken
    href: str
    against: tuple[Said, ...]
    taken: bool
    country: bool


class Offered(Struct, frozen=True):
    """Everything that the composer shows of an incident: ``fields`` are the offers by field."""

    id: str
    title: Spoken
    fields: dict[str, tuple[Offer, ...]]

    def of(self, field: str) -> tuple[Offer, ...]:
        """The offers for a field; none where no report supports a value."""
        return self.fields.get(field, ())


def offered(room: DeskRoom, one: Draft, t: Texts, names: dict[str, str]) -> tuple[Offered, ...]:
    """What the incidents that a draft is about propose. ``names`` are the hazards that can be chosen, as they are called."""
    desk = IncidentRoom.of(room.house)
    if room.house.newsroom is None:
        return ()
    taken = {(each.field, each.claims) for each in desk.backings.of(one.id)}
    made = []
    for name in one.content.incidents:
        story = room.house.newsroom.incident(name)
        if story is None:
            continue
        proposal, tell = proposal_of(desk, story), Tell(story, t)
        fields = {
            field: offers
            for field, options in proposal.fields.items()
            if (
                offers := tuple(
                    _offer(room, story, tell, option, names, taken) for option in options if fits(option, names)
                )
            )
        }
        made.append(Offered(story.id, titled(story, t.language), fields))
    return tuple(made)


def proposal_of(desk: IncidentRoom, story: Story) -> Proposal:
    """What a story supports."""
    return propose(story, desk.groups(story))


def fits(option: Option, names: dict[str, str]) -> bool:
    """Whether the composer can take it: a hazard needs a reviewed wording in the phrase book."""
    return option.field != "hazard" or option.value in names


def _offer(
    room: DeskRoom,
    story: Story,
    tell: Tell,
    option: Option,
    names: dict[str, str],
    taken: set[tuple[str, tuple[Pointer, ...]]],
) -> Offer:
    t, gazetteer, value = tell.t, room.house.gazetteer, option.value
    country = option.field == "where" and value in gazetteer and gazetteer.get(value).level == 0
    match option.field:
        case "phase":
            called = t.say(f"phase.{value}")
        case "hazard":
            called = names[value]
        case "where":
            called = gazetteer.name(value, t.language) if value in gazetteer else value
        case "audience" | "facility":
            called = t.say(f"{option.field}.{value}")
        case "times":
            day = datetime.fromisoformat(value[:10])
            called = f"{day:%Y-%m-%d}, {t.say('offer.day')}"
        case _:
            called = ""
    return Offer(
        option,
        called,
        Spoken(option.words, option.language),
        address(story.id, option.claims[0]),
        tell.at(option.against)[:2],
        (option.field, option.claims) in taken,
        country,
    )


def take(call: Call, one: Draft, key: str) -> tuple[list[Fact], str, str]:
    """The facts that put the option ``key`` into the draft; or the field that it cannot go into, and why."""
    room, desk = call.room, IncidentRoom.of(call.room.house)
    for name in one.content.incidents:
        story = desk.newsroom.incident(name) if room.house.newsroom is not None else None
        option = proposal_of(desk, story).option(key) if story is not None else None
        if story is None or option is None:
            continue
        content, wrong = put(call, one.content, option)
        if content is None:
            return [], option.field, wrong
        facts = room.desk.change(one.id, call.person, content, call.at)
        what = backed(call.person, option.field, story, option.claims)
        return [*facts, room.fact(DRAFT_BACKED, one.id, what)], "", ""
    return [], "offer", call.t.say("offer.changed")


def put(call: Call, content: Content, option: Option) -> tuple[Content | None, str]:
    """``content`` with the option's value; None with the reason where it cannot be taken."""
    from tocsin.web.console.compose import timed
    from tocsin.web.console.sheet import zone_of

    t, room, value = call.t, call.room, option.value
    gazetteer = room.house.gazetteer
    match option.field:
        case "phase":
            phased = replace(content, phase=value)
            return (timed(phased, Phase(value), call.at, room.zone) if value != content.phase else phased), ""
        case "hazard":
            if value not in room.desk.kit.phrases.hazards(content.phase or "act"):
                return None, t.say("trouble.choice")
            return replace(content, hazard=value), ""
        case "where":
            if value not in gazetteer:
                return None, t.say("trouble.code", code=value[:40])
            if gazetteer.get(value).level == 0:
                return None, t.say("where.whole.type", name=gazetteer.name(value, t.language))
            codes = tuple(dict.fromkeys((*content.where.codes, value)))
            return replace(content, where=replace(content.where, codes=codes)), ""
        case "audience":
            return replace(content, audience=value), ""
        case "facility":
            return replace(content, facility=value), ""
        case "times":
            return _day(content, value, zone_of(content.where, room), call)
        case _:
            return _quoted(content, option, call)


def _day(content: Content, value: str, zone: str, call: Call) -> tuple[Content | None, str]:
    """The day that was named, in the place's own time; what is left of it where it has begun."""
    here = ZoneInfo(zone)
    first = datetime.fromisoformat(value[:10]).replace(tzinfo=here)
    last = (first + timedelta(days=1)).astimezone(call.at.tzinfo)
    if last <= call.at:
        return None, call.t.say("offer.past")
    starts = max(first.astimezone(call.at.tzinfo), call.at.replace(second=0, microsecond=0))
    by = content.next_update_by
    return replace(content, starts=starts, ends=last, next_update_by=min(by, last) if by else by), ""


def _quoted(content: Content, option: Option, call: Call) -> tuple[Content | None, str]:
    """The quotation with its speaker and outlet, after what stands in the free text of its language."""
    tags = call.room.desk.kit.issuer.languages
    tag = next((one for one in tags if one.split("-")[0] == option.language), "")
    if not tag:
        return None, call.t.say("offer.language")
    from tocsin.web.console.desk_room import speech
    from tocsin.web.console.text import LANGUAGES

    words = speech(tag if tag in LANGUAGES else "en")
    outlet = ", ".join(option.outlets)
    said = words.say("offer.said", says=option.says or outlet, outlet=outlet, words=option.words)
    old = content.extra.get(tag, Extra("")).text.strip()
    text = said if not old else old if said in old else f"{old}\n{said}"
    return replace(content, extra={**content.extra, tag: Extra(text[:LONGEST])}), ""

"""The sheet: what the form of a draft says, read field by field over what the draft said before.

- A field that cannot be read stays as it was, with a sentence beside it; a field that is not there changes nothing.
- Nothing defaults to the whole country; that takes its name, typed (F4).
- A free text that is changed loses the confirmation of whoever had read the old one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from tocsin.cap.phase import Phase
from tocsin.clock import parse
from tocsin.errors import GeometryError, TocsinError
from tocsin.remark import Remark
from tocsin.warn.draft import CITIZENS, EVERYONE, STAFF, Content, Draft, Extra, Where
from tocsin.warn.person import Act, Role
from tocsin.web.console import outline
from tocsin.web.console.desk_room import Call, DeskRoom
from tocsin.web.console.tell import tell
from tocsin.web.text import Texts

AUDIENCES = (EVERYONE, CITIZENS, STAFF)
ROLES = tuple(f"role:{role.value}" for role in Role)
"""Audiences of one role each, for what only those who work here need to know."""
FACILITIES = ("", "open", "limited", "closed")
LONGEST = 2000


class Trouble(Struct, frozen=True):
    """What could not be taken over from the form: the field, and why."""

    field: str
    sentence: str | Remark

    def told(self, t: Texts) -> str:
        """The sentence in the language of ``t``."""
        return self.sentence if isinstance(self.sentence, str) else tell(self.sentence, t)


def read_content(call: Call, one: Draft, phases: tuple[Phase, ...]) -> tuple[Content, tuple[Trouble, ...]]:
    """What the form says over what the draft said, in one of ``phases``; and what of it could not be read."""
    form, content, troubles = call.form, one.content, []
    zone = zone_of(content.where, call.room)

    def text(name: str, old: str, allowed: Mapping[str, object] | tuple[str, ...] | None = None) -> str:
        value = form.get(name, old).strip()[:LONGEST]
        if allowed is not None and value and value not in allowed:
            troubles.append(Trouble(name, call.t.say("trouble.choice")))
            return old
        return value

    def moment(name: str, old: datetime | None) -> datetime | None:
        if name not in form:
            return old
        value = form.get(name).strip()
        if not value:
            return None
        try:
            local = datetime.fromisoformat(value)
            return parse(value) if local.tzinfo else local.replace(tzinfo=ZoneInfo(zone)).astimezone(call.at.tzinfo)
        except (ValueError, TocsinError):
            troubles.append(Trouble(name, call.t.say("trouble.time")))
            return old

    phase = text("phase", content.phase, tuple(one.value for one in phases))
    hazards = call.room.desk.kit.phrases.hazards(phase or "act")
    audience = text("audience", content.audience, (*AUDIENCES, *ROLES, content.audience))
    made = replace(
        content,
        phase=phase,
        hazard=text("hazard", content.hazard, (*hazards, content.hazard)),
        audience=audience,
        facility=text("facility", content.facility, FACILITIES),
        owner=text("owner", content.owner, tuple(present(call.room, call.at))),
        deputy=text("deputy", content.deputy, tuple(present(call.room, call.at))),
        starts=moment("starts", content.starts),
        ends=moment("ends", content.ends),
        next_update_by=moment("next", content.next_update_by),
        extra=_extra(call, content),
        reasons={**content.reasons, **{code: reason.strip()[:500] for code, reason in form.under("reason.").items()}},
        where=_where(call, content.where, troubles),
    )
    return made, tuple(troubles)


def _where(call: Call, where: Where, troubles: list[Trouble]) -> Where:
    form, gazetteer = call.form, call.room.house.gazetteer
    codes = [code for code in where.codes if "where" not in form or gazetteer.get(code).level == 0]
    for code in (*(form.all("code") if "where" in form else ()), *form.all("add")):
        if code not in gazetteer:
            troubles.append(Trouble("where", call.t.say("trouble.code", code=code[:40])))
        elif gazetteer.get(code).level > 0:
            codes.append(gazetteer.get(code).code)
        elif code not in where.codes:
            troubles.append(
                Trouble("whole", call.t.say("where.whole.type", name=gazetteer.name(code, call.t.language)))
            )
    typed = form.get("whole").strip()
    country = form.get("country") or call.room.house.settings.home[:2]
    if typed and "where" in form:
        if outline.is_typed(gazetteer, country, typed):
            codes = [country]
        else:
            troubles.append(
                Trouble("whole", call.t.say("where.whole.type", name=gazetteer.name(country, call.t.language)))
            )
    gone = form.get("remove")
    codes = [code for code in dict.fromkeys(codes) if code != gone]
    wide = [code for code in codes if gazetteer.get(code).level == 0]
    if wide:
        # What lies inside a country that is warned as a whole is warned already.
        codes = [code for code in codes if code in wide or not set(gazetteer.ancestors(code)) & set(wide)]
    polygons, circles = where.polygons, where.circles
    if "shape" in form:
        try:
            polygons, circles = outline.drawn(form.get("shape"))
        except GeometryError as wrong:
            troubles.append(Trouble("shape", wrong.said or wrong.remark))
    names = {tag: name.strip()[:120] for tag, name in form.under("name.").items() if name.strip()} or where.name
    return Where(tuple(codes), polygons, circles, names if polygons or circles else {})


def _extra(call: Call, content: Content) -> dict[str, Extra]:
    """Free text by language. Whoever changes a text takes the confirmation of whoever had read the old one away."""
    given = call.form.under("extra.")
    confirmed = set(call.form.all("confirm"))
    made = {}
    for tag in call.room.desk.kit.issuer.languages:
        old = content.extra.get(tag, Extra(""))
        text = given.get(tag, old.text).replace("\r\n", "\n").strip()[:LONGEST]
        if not text:
            continue
        by = old.confirmed_by if text == old.text.strip() else ""
        if tag in given:
            by = (by or call.person) if tag in confirmed else ""
        made[tag] = Extra(text, by)
    return made


def zone_of(where: Where, room: DeskRoom) -> str:
    """The time zone people of this area live by; the one at home while there is no area."""
    return room.house.gazetteer.get(where.codes[0]).zone if where.codes else room.zone


def present(room: DeskRoom, at: datetime) -> list[str]:
    """Everybody who can mind an alert at ``at``."""
    people = room.desk.people
    return [
        person.id
        for person in people
        if people.can(person.id, Act.COMPOSE, at) or people.can(person.id, Act.RETRACT, at)
    ]

"""The facts of one night in each phase, made from the real map and names, for every test of the page to look at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tocsin.cap.alert import Alert, Info, ResponseType
from tocsin.cap.phase import DANGER, Phase
from tocsin.place.gazetteer import Gazetteer
from tocsin.place.map import country_map
from tocsin.sense.source import Source
from tocsin.warn.publish import Published
from tocsin.warn.situation import Live, Standing
from tocsin.web.day import Turn
from tocsin.web.view import Facts

LANGUAGES = ("en", "uk", "de", "fr")
WORLD = Gazetteer.world()
UKRAINE = country_map("UA")
REGIONS = tuple(code for code in WORLD.children("UA"))

SOURCES = {
    "air": Source(
        "air",
        "Air alert system",
        "air_alert",
        names={
            "uk": "Система повітряних тривог",
            "de": "Luftalarmsystem",
            "fr": "Système d’alerte aérienne",
        },
    ),
    "embassy": Source("embassy", "US Embassy in Kyiv", "cap"),
}


def at(hour: int, minute: int = 0, second: int = 0, day: int = 20) -> datetime:
    """A moment of that November 2024, in UTC."""
    return datetime(2024, 11, day, hour, minute, second, tzinfo=UTC)


NOTICE = {
    "en": (
        "Possible air attack",
        "Possible large air attack today, anywhere in Ukraine",
        "The embassy has specific information of a possible large air attack on 20 November. "
        "Debris and blasts can kill.",
        "Choose your shelter now.\nCharge your phone. Keep shoes and water ready.\n"
        "If an air alert sounds, go to shelter at once.",
    ),
    "uk": (
        "Можлива повітряна атака",
        "Сьогодні можлива масована повітряна атака по всій Україні",
        "Посольство має конкретну інформацію про можливу масовану повітряну атаку 20 листопада. "
        "Уламки й вибухи можуть убити.",
        "Уже зараз оберіть укриття.\nЗарядіть телефон. Тримайте поруч взуття й воду.\n"
        "Коли пролунає тривога, одразу йдіть в укриття.",
    ),
}
"""The embassy's notice, which came in these two languages: German and French readers get it marked as English."""

EVENT = {"en": "Air alert", "uk": "Повітряна тривога", "de": "Luftalarm", "fr": "Alerte aérienne"}

TURNS = tuple(
    Turn(when, Phase(phase))
    for when, phase in (
        (at(11, 20, day=19), "calm"),
        (at(21, 29, 4, day=19), "act"),
        (at(22, 28, 21, day=19), "all-clear"),
        (at(22, 58, 21, day=19), "calm"),
        (at(1, 5, 3), "act"),
        (at(1, 50, 40), "all-clear"),
        (at(2, 20, 40), "calm"),
        (at(3, 37, 12), "act"),
        (at(6, 7, 55), "all-clear"),
        (at(6, 37, 55), "calm"),
        (at(7, 30), "prepare"),
    )
)


def published(identifier: str, phase: str, source: str, areas: tuple[str, ...], version: int = 1) -> Published:
    """An ``alert:published`` body; its XML is of no matter here."""
    return Published(identifier, f"{identifier}-event", version, phase, "Public", source, areas, at(1, 5), "")


def signal(phase: Phase, since: datetime) -> Live:
    """A mirrored air-alert signal for Kyiv city."""
    infos = tuple(
        Info(language=language, event=event, response_types=(ResponseType.SHELTER,), headline=event)
        for language, event in EVENT.items()
    )
    return Live(published("urn:oid:air.1", phase, "air", ("UA-30",)), phase, since, None, lambda _: Alert(infos=infos))


def notice() -> Live:
    """The embassy's "be ready" for the whole country, until the end of the day."""
    infos = tuple(
        Info(language=language, event=event, headline=headline, description=why, instruction=what, expires=at(22))
        for language, (event, headline, why, what) in NOTICE.items()
    )
    body = published("urn:oid:embassy.1", "prepare", "embassy", ("UA",))
    return Live(body, Phase.PREPARE, at(7, 30), at(22), lambda _: Alert(infos=infos))


def facts(phase: Phase | str, realm: str = "actual", **given: Any) -> Facts:
    """What the house would know at Kyiv city in this phase; ``given`` ones win."""
    phase = Phase(phase)
    now, since = {
        Phase.CALM: (at(9, 41, 7, day=19), at(6, 37, 55, day=19)),
        Phase.PREPARE: (at(9, 14, 2), at(7, 30)),
        Phase.ACT: (at(12, 1, 26), at(11, 49, 11)),
        Phase.HOLD: (at(12, 15, 26), at(12, 9)),
        Phase.ALL_CLEAR: (at(12, 24, 40), at(12, 21, 35)),
        Phase.RETRACTED: (at(11, 57, 12), at(11, 55)),
        Phase.UNKNOWN: (at(4, 31, 9), at(4, 12)),
    }[phase]
    alerts: tuple[Live, ...] = ()
    if phase is Phase.PREPARE:
        alerts = (notice(),)
    elif phase not in (Phase.CALM, Phase.UNKNOWN):
        alerts = (signal(phase, since),)
    under = (notice(),) if now > at(7, 30) and phase is not Phase.PREPARE else ()
    phases = {code: Phase.PREPARE if now > at(7, 30) else Phase.CALM for code in REGIONS}
    if phase is Phase.UNKNOWN:
        phases = dict.fromkeys(REGIONS, Phase.UNKNOWN)
    elif phase is not Phase.PREPARE:
        phases.update(dict.fromkeys(("UA-30", "UA-32", "UA-74", "UA-59"), phase))
    if phase is Phase.ACT:
        phases.update({"UA-63": Phase.ACT, "UA-53": Phase.ALL_CLEAR, "UA-14": Phase.HOLD, "UA-09": Phase.UNKNOWN})
    turns = tuple(turn for turn in TURNS if turn.at < now)
    if phase is not Phase.PREPARE and phase is not Phase.CALM:
        turns = (*turns, Turn(since, phase))
    standing = Standing(
        place="UA-30",
        phase=phase,
        last_phase=Phase.ACT if phase is Phase.UNKNOWN else phase,
        since=since,
        ends=at(22) if phase is Phase.PREPARE else None,
        next_update_by=None
        if phase in (Phase.CALM, Phase.UNKNOWN)
        else now + timedelta(minutes=29, seconds=-now.second),
        alerts=alerts,
        why=(),
        source="embassy" if phase is Phase.PREPARE else "air",
        last_heard=at(4, 11, 30) if phase is Phase.UNKNOWN else now - timedelta(seconds=4),
        event_id=alerts[0].published.event_id if alerts else "",
        version=1 if alerts else 0,
        relation="contains" if phase is Phase.PREPARE else "same",
    )
    kyiv = WORLD.get("UA-30")
    values: dict[str, Any] = {
        "code": "UA-30",
        "zone": kyiv.zone,
        "at": now,
        "realm": realm,
        "standing": standing,
        "name": WORLD.name,
        "short": WORLD.short_name,
        "live": (*alerts, *under),
        "turns": turns,
        "country": "UA",
        "phases": phases,
        "map": UKRAINE,
        "point": UKRAINE.project(kyiv.latitude, kyiv.longitude),
        "sources": SOURCES,
        "seq": 4118,
        "hash": "8f31c2a90d7712be44",
        "sender_name": "Kyiv City Military Administration",
        "languages": LANGUAGES,
    }
    values.update(given)
    return Facts(**values)


def in_danger(phase: Phase | str) -> bool:
    """Whether people must be in shelter."""
    return Phase(phase) in DANGER

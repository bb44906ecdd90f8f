"""The alert that benches send: four languages, as a mirrored air-raid signal is published."""

from __future__ import annotations

from datetime import datetime, timedelta

from tocsin.cap.alert import AS_OF, EVENT_ID, PHASE, VERSION, Alert, Area, Info, Named
from tocsin.cap.xml import write
from tocsin.journal import Fact, fact
from tocsin.warn.publish import ALERT_PUBLISHED, Published

WORDS = {
    "en": ("Air raid alert: Kyiv", "Go to a shelter now. Stay until the all-clear; silence is not an all-clear."),
    "uk": ("Повітряна тривога: Київ", "Прямуйте в укриття зараз. Залишайтеся там до відбою."),
    "de": ("Luftalarm: Kiew", "Gehen Sie sofort in einen Schutzraum. Bleiben Sie dort bis zur Entwarnung."),
    "fr": ("Alerte aérienne : Kiev", "Allez dans un abri maintenant. Restez-y jusqu'à la fin d'alerte."),
}


def alert(version: int, sent: datetime, event: str = "bench") -> Fact:
    """The fact that version ``version`` of an alert for Kyiv was published at ``sent``."""
    sent = sent.replace(microsecond=0)  # CAP knows whole seconds only
    identifier = f"tocsin.bench-{event}-{version}"
    marks = tuple(
        Named(name, value)
        for name, value in (
            (EVENT_ID, event),
            (VERSION, str(version)),
            (PHASE, "act"),
            (AS_OF, sent.isoformat(timespec="seconds")),
        )
    )
    area = Area("Kyiv", geocodes=(Named("ISO3166-2", "UA-30"),))
    infos = tuple(
        Info(
            language=tag,
            categories=("Security",),
            event="Air raid alert",
            response_types=("Shelter",),
            urgency="Immediate",
            severity="Extreme",
            certainty="Observed",
            expires=sent + timedelta(hours=3),
            headline=headline,
            instruction=instruction,
            parameters=marks,
            areas=(area,),
        )
        for tag, (headline, instruction) in WORDS.items()
    )
    told = Alert(identifier, "tocsin.bench", sent, "Actual", "Alert", "Public", infos=infos)
    cap = write(told).decode()
    return fact(
        ALERT_PUBLISHED, identifier, Published(identifier, event, version, "act", "Public", "x", ("UA-30",), sent, cap)
    )


class Everywhere:
    """A gazetteer in which every code is known and stands alone; benches of sending need no map."""

    def __contains__(self, code: object) -> bool:
        return True

    def ancestors(self, code: str) -> tuple[str, ...]:
        return ()

    def descendants(self, code: str) -> frozenset[str]:
        return frozenset()

    def at(self, latitude: int, longitude: int) -> tuple[()]:
        return ()

    def shape(self, code: str) -> None:
        return None

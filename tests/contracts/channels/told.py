"""Alerts as the mirror publishes them, and deliveries of them: what the contract of every channel is tried with."""

from __future__ import annotations

from datetime import timedelta
from functools import cache

from tests.rules.reach.stage import NIGHT
from tocsin.cap.alert import Reference
from tocsin.cap.phase import Phase
from tocsin.clock import spell
from tocsin.place.gazetteer import Gazetteer
from tocsin.reach.bulletin import body, bulletin, read_alert
from tocsin.reach.delivery import Address, Delivery
from tocsin.sense.signal import Signal
from tocsin.warn.compile import Issuer, Kit
from tocsin.warn.mould import Moulds
from tocsin.warn.phrase import LANGUAGES, book
from tocsin.warn.publish import Published

URL = "https://warn.example"
SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
PUBLISHED: dict[str, bytes] = {}
"""The CAP messages of the deliveries made here, as a channel's kit gives them."""


@cache
def moulds(realm: str) -> Moulds:
    return Moulds(Kit(Gazetteer.world(), book(), Issuer("tocsin.test", "Tocsin Test", realm, LANGUAGES)))


def delivery(
    address: str,
    phase: str = "act",
    version: int = 1,
    *,
    event: str = "night",
    realm: str = "actual",
    languages: tuple[str, ...] = ("en",),
    subscription: str = "one",
    secrets: tuple[str, ...] = (SECRET,),
    lasts: timedelta = timedelta(hours=1),
    area: str = "UA-30",
) -> Delivery:
    """One alert to one subscriber; a later version refers to the one before it."""
    hazard, at = "air", NIGHT
    over = phase in ("all-clear", "retracted")
    signal = Signal(area, NIGHT - timedelta(minutes=30), NIGHT if over else None, hazard)
    before = Reference("tocsin.test", f"{event}.{version - 1}", spell(NIGHT)) if version > 1 else None
    xml = moulds(realm).cast(signal, "Test source", Phase(phase), event, version, at, before)
    alert = read_alert(xml)
    published = Published(alert.identifier, event, version, phase, "Public", "", (area,), NIGHT, xml.decode())
    told = bulletin(published, alert, realm, URL)
    PUBLISHED[alert.identifier] = xml
    to = Address(1, subscription, address, secrets, languages)
    return Delivery(alert.identifier, event, version, phase, realm, NIGHT + lasts, body(told), to)

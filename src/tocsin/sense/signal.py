"""A signal: a source says that an air alert in one area has started or has ended.

- ``started`` is the source's own time, so that a restart does not make old alerts look new (quirk 87).
- A signal becomes a CAP Alert when it is mirrored (:mod:`tocsin.warn.mirror`); here it is only what was said.
- A kind of danger that we do not know is "other" and never dropped: new ones appear without notice (quirk 86).
"""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec import Struct

from tocsin.sense.report import SIGNAL_JSON, Report, report_id

# The services' words for what threatens, in capitals and without what is between, and ours.
_HAZARDS = {
    "AIR": "air",
    "AIRRAID": "air",
    "ARTILLERY": "artillery",
    "ARTILLERYSHELLING": "artillery",
    "URBANFIGHTS": "urban_fights",
    "STREETFIGHTS": "urban_fights",
    "CHEMICAL": "chemical",
    "NUCLEAR": "nuclear",
    "RADIATION": "nuclear",
}
HAZARDS = ("air", "artillery", "urban_fights", "chemical", "nuclear", "other")


class Signal(Struct, frozen=True):
    """One start (``ended`` is None) or end of an alert. ``area`` is an ISO 3166-2 or area-pack code."""

    area: str
    started: datetime
    ended: datetime | None = None
    hazard: str = "air"

    @property
    def spoken(self) -> datetime:
        """When the source says this happened."""
        return self.ended or self.started

    def report(self, source: str, received: datetime, address: str = "") -> Report:
        """This signal as a report of ``source``; the same signal has the same id whenever it is heard."""
        content = msgspec.json.encode(self)
        return Report(report_id(source, content), source, SIGNAL_JSON, content, received, self.spoken, address)


def order(signal: Signal) -> tuple[datetime, bool, str, str]:
    """Sorts signals as they were spoken; at one second ends come before starts, or a new alert would end at once."""
    return (signal.spoken, signal.ended is None, signal.area, signal.hazard)


def hazard(word: str) -> str:
    """Our name for what a service calls ``word``.

    >>> hazard("AIR"), hazard("artillery_shelling"), hazard("elevated danger")
    ('air', 'artillery', 'other')
    """
    return _HAZARDS.get("".join(filter(str.isalnum, word.upper())), "other")

"""A signal: a source says that an air alert in one area has started or has ended.

- ``started`` is the source's own time, so that a restart does not make old alerts look new (quirk 87).
- A signal becomes a CAP Alert when it is mirrored (:mod:`tocsin.warn.mirror`); here it is only what was said.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct


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

"""The words of the Common Alerting Protocol 1.2 as immutable values: Alert, Info, Resource, Area and the code lists.

- Names are CAP's own, in Python's spelling (``msgType`` is ``msg_type``); a repeated element is a tuple.
- A field whose value is not in its code list keeps what was sent: reading is lenient, and says so beside it
  (:mod:`tocsin.cap.xml`). Only writing is strict (:mod:`tocsin.cap.check`).
- Elements we do not know are kept as they came (``unknown``), so that read-then-write loses nothing.
- Coordinates are whole micro-degrees, latitude first as in CAP: as floats, half of the points that lie exactly on an
  edge fall outside it.

Standard: OASIS CAP 1.2, section 3.2 (https is not needed to read this: the names below are the whole of it).
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import numpy as np
from msgspec import Struct


class Status(StrEnum):
    """alert.status: how the message is to be handled."""

    ACTUAL = "Actual"
    EXERCISE = "Exercise"
    SYSTEM = "System"
    TEST = "Test"
    DRAFT = "Draft"


class MsgType(StrEnum):
    """alert.msgType: what the message does to the messages before it."""

    ALERT = "Alert"
    UPDATE = "Update"
    CANCEL = "Cancel"
    ACK = "Ack"
    ERROR = "Error"


class Scope(StrEnum):
    """alert.scope: who may see the message."""

    PUBLIC = "Public"
    RESTRICTED = "Restricted"
    PRIVATE = "Private"


class Category(StrEnum):
    """info.category: the kind of subject event."""

    GEO = "Geo"
    MET = "Met"
    SAFETY = "Safety"
    SECURITY = "Security"
    RESCUE = "Rescue"
    FIRE = "Fire"
    HEALTH = "Health"
    ENV = "Env"
    TRANSPORT = "Transport"
    INFRA = "Infra"
    CBRNE = "CBRNE"
    OTHER = "Other"


class ResponseType(StrEnum):
    """info.responseType: what the person should do."""

    SHELTER = "Shelter"
    EVACUATE = "Evacuate"
    PREPARE = "Prepare"
    EXECUTE = "Execute"
    AVOID = "Avoid"
    MONITOR = "Monitor"
    ASSESS = "Assess"
    ALL_CLEAR = "AllClear"
    NONE = "None"


class Urgency(StrEnum):
    """info.urgency: how soon to act."""

    IMMEDIATE = "Immediate"
    EXPECTED = "Expected"
    FUTURE = "Future"
    PAST = "Past"
    UNKNOWN = "Unknown"


class Severity(StrEnum):
    """info.severity: how bad it is."""

    EXTREME = "Extreme"
    SEVERE = "Severe"
    MODERATE = "Moderate"
    MINOR = "Minor"
    UNKNOWN = "Unknown"


class Certainty(StrEnum):
    """info.certainty: how sure it is; CAP 1.0's "Very Likely" reads as Likely."""

    OBSERVED = "Observed"
    LIKELY = "Likely"
    POSSIBLE = "Possible"
    UNLIKELY = "Unlikely"
    UNKNOWN = "Unknown"


class Named(Struct, frozen=True):
    """A valueName and its value: eventCode, parameter and geocode all have this form."""

    name: str
    value: str


class Reference(Struct, frozen=True):
    """One earlier message, as ``sender,identifier,sent``; ``sent`` is the text as it came."""

    sender: str
    identifier: str
    sent: str = ""


class Polygon(Struct, frozen=True, eq=False):
    """A closed ring. ``points`` is int64 of shape (n, 2): latitude, longitude in micro-degrees; ``text`` as it came."""

    text: str
    points: np.ndarray[Any, np.dtype[np.int64]]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Polygon) and np.array_equal(self.points, other.points)

    def __hash__(self) -> int:
        return hash(self.points.tobytes())


class Circle(Struct, frozen=True, eq=False):
    """A point in micro-degrees and a radius in kilometres; like a polygon the same whatever its ``text``."""

    text: str
    latitude: int
    longitude: int
    radius_km: float

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Circle) and self._place == other._place

    def __hash__(self) -> int:
        return hash(self._place)

    @property
    def _place(self) -> tuple[int, int, float]:
        return self.latitude, self.longitude, self.radius_km


class Unknown(Struct, frozen=True):
    """An element that is not CAP's own, kept as XML text; ``path`` says where it stood, such as ``alert/info[1]``."""

    path: str
    xml: str


class Resource(Struct, frozen=True):
    """info.resource: a file that goes with the message."""

    description: str = ""
    mime_type: str = ""
    size: int | None = None
    uri: str = ""
    deref_uri: str = ""
    digest: str = ""


class Area(Struct, frozen=True):
    """info.area: where."""

    description: str = ""
    polygons: tuple[Polygon, ...] = ()
    circles: tuple[Circle, ...] = ()
    geocodes: tuple[Named, ...] = ()
    altitude: str = ""
    ceiling: str = ""


class Info(Struct, frozen=True):
    """alert.info: one subject event in one language. An empty language means the standard's default, en-US."""

    language: str = ""
    categories: tuple[str, ...] = ()
    event: str = ""
    response_types: tuple[str, ...] = ()
    urgency: str = ""
    severity: str = ""
    certainty: str = ""
    audience: str = ""
    event_codes: tuple[Named, ...] = ()
    effective: datetime | None = None
    onset: datetime | None = None
    expires: datetime | None = None
    sender_name: str = ""
    headline: str = ""
    description: str = ""
    instruction: str = ""
    web: str = ""
    contact: str = ""
    parameters: tuple[Named, ...] = ()
    resources: tuple[Resource, ...] = ()
    areas: tuple[Area, ...] = ()

    def parameter(self, name: str) -> str | None:
        """The value of the first parameter of this name, or None."""
        return next((p.value for p in self.parameters if p.name == name), None)


class Alert(Struct, frozen=True):
    """One CAP message. ``version`` is the CAP version it was written in; ``original`` its bytes as received."""

    identifier: str = ""
    sender: str = ""
    sent: datetime | None = None
    status: str = ""
    msg_type: str = ""
    scope: str = ""
    source: str = ""
    restriction: str = ""
    addresses: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    note: str = ""
    references: tuple[Reference, ...] = ()
    incidents: tuple[str, ...] = ()
    infos: tuple[Info, ...] = ()
    unknown: tuple[Unknown, ...] = ()
    signed: bool = False
    version: str = "1.2"
    original: bytes | None = None

    def parameter(self, name: str) -> str | None:
        """The first parameter of this name in any info: Tocsin's own machine fields are the same in each."""
        return next((value for info in self.infos if (value := info.parameter(name)) is not None), None)


# Tocsin's own machine fields, as CAP parameters; practice.md section 2 says why each must not be inferred from text.
EVENT_ID = "tocsin:event_id"
VERSION = "tocsin:version"
PHASE = "tocsin:phase"
AS_OF = "tocsin:as_of"
NEXT_UPDATE_BY = "tocsin:next_update_by"
CANCEL_REASON = "cancelReason"  # "error" or "ended"

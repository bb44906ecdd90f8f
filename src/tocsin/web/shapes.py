"""The shapes of the interface's questions and answers: what each path reads and what it says.

- A struct here is both what decodes or encodes and what OpenAPI describes.
- Times go out as RFC 3339 with an offset; coordinates of labels as degrees.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from tocsin.reach.heartbeat import Position
from tocsin.web.listing import Code, LatLon
from tocsin.web.state import Freshness, Moment, PhaseName

JSON = "application/json"
Language = Annotated[
    str,
    Meta(max_length=35, pattern="^[A-Za-z0-9-]*$", description="A language tag; else Accept-Language decides."),
]
Realm = Literal["actual", "exercise"]


class StateQuery(Struct, frozen=True):
    """How to tell the state."""

    lang: Language | None = None


class FeedQuery(Struct, frozen=True):
    """Which page of the feed."""

    before: (
        Annotated[str, Meta(pattern="^[0-9]{1,18}$", description="Older alerts: the number in the feed's next link.")]
        | None
    ) = None


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """No parameters."""


class PhaseQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Where: a point or a place, one of the two."""

    point: LatLon | None = None
    place: Code | None = None
    lang: Language | None = None


class PhaseAt(Struct, frozen=True):
    """What holds at a point or place, and why."""

    point: str | None
    places: Annotated[tuple[str, ...], Meta(description="Area codes at the point, or of the place, innermost first.")]
    at: Moment
    realm: Realm
    phase: PhaseName
    since: Moment | None
    ends: Moment | None
    next_update_by: Moment | None
    headline: str
    instruction: str
    relation: Annotated[
        str, Meta(description="How the alert's area stands to the place: same, contains, part or empty.")
    ]
    alerts: tuple[str, ...]
    why: tuple[str, ...]
    freshness: Freshness
    journal: Position


class PlacesQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """What to find."""

    q: Annotated[str, Meta(min_length=1, max_length=100, description="A name in any language, or its beginning.")]
    lang: Language | None = None
    within: Code | None = None
    limit: Annotated[int, Meta(ge=1, le=50, description="The most places in the answer.")] = 10


class PlaceFound(Struct, frozen=True):
    """One place. Latitude and longitude are of its label, in degrees."""

    code: str
    name: str
    level: Annotated[int, Meta(description="0 country, 1 region (ISO 3166-2), more: of an area pack.")]
    parent: str | None
    zone: str
    latitude: float
    longitude: float


class PlaceList(Struct, frozen=True):
    """The places that may be meant, the best first."""

    places: tuple[PlaceFound, ...]


class SourceState(Struct, frozen=True):
    """A source: what it covers, when it was last heard, and whether that still counts."""

    id: str
    name: str
    kind: str
    official: bool
    covers: tuple[str, ...]
    interval_s: float
    last_heard: Moment | None
    fresh: bool


class SourceList(Struct, frozen=True):
    """Every source of this realm."""

    realm: Realm
    as_of: Moment
    sources: tuple[SourceState, ...]


class Key(Struct, frozen=True):
    """A public key that signs in this realm."""

    key_id: str
    algorithm: str
    use: str
    public_pem: str


class KeyList(Struct, frozen=True):
    """The keys of this realm. An exercise is never signed with the key of the real thing."""

    realm: Realm
    keys: tuple[Key, ...]


class Alive(Struct, frozen=True):
    """The process answers. Whether it can warn is asked at /readyz."""

    alive: bool
    realm: Realm


class AlertFate(Struct, frozen=True, omit_defaults=True):
    """What became of a message: waiting for a decision, or published, and where."""

    identifier: str
    state: Literal["waiting", "published"]
    report: str = ""
    published: Annotated[str, Meta(description="Address of the message as published.")] = ""

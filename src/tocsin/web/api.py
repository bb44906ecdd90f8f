"""The interface for machines: what each path under ``/v1`` and each form of a page answers.

- Every list is bounded, every fault is a problem document, every POST is done once under an Idempotency-Key.
- Reading needs no account and is allowed from any web page; a body is taken as one type and up to one size.
- What is read bears an ETag made from its bytes, so that whoever polls is told 304 when nothing changed.
- The table at the end is all there is: the router and OpenAPI are made from it (:mod:`tocsin.web.openapi`).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta, Struct
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp

from tocsin.cap.alert import Scope
from tocsin.cap.phase import Phase
from tocsin.cap.reading import Line, line
from tocsin.errors import MediaTypeError, NotFoundError, NotReadyError, NotSignedInError, ParameterError, TooSlowError
from tocsin.reach.heartbeat import SignedHeartbeat, SourceContact, heartbeat
from tocsin.web.feed import ATOM_TYPE, CAP_TYPE, FOR_EVER, Feed
from tocsin.web.feed import address_of as message_at
from tocsin.web.geojson import MEDIA_TYPE as GEOJSON
from tocsin.web.geojson import collection, feature
from tocsin.web.health import Doctor, Readiness
from tocsin.web.kept import States
from tocsin.web.listing import AlertList, AlertsQuery, Code, LatLon, Listing, listed, point_of
from tocsin.web.measure import CONTENT_TYPE as METRICS
from tocsin.web.openapi import Answer, Operation, asked, decoded, page
from tocsin.web.problem import PROBLEM_JSON, Problem, Refusal, problem, respond
from tocsin.web.ready import Ready
from tocsin.web.repeat import Repeats
from tocsin.web.state import Freshness, Moment, PhaseName, Position, State, moment, words
from tocsin.web.submit import MEDIA_TYPES, Receipt, address_of, submit
from tocsin.web.subscribe import Ends, Subscribe, Subscribed, end, make
from tocsin.web.titles import language_of
from tocsin.web.token import SUBMIT

if TYPE_CHECKING:
    from tocsin.web.house import House

JSON = "application/json"
Language = Annotated[
    str | None,
    Meta(max_length=35, pattern="^[A-Za-z0-9-]*$", description="A language tag; else Accept-Language decides."),
]
Realm = Literal["actual", "exercise"]


class StateQuery(Struct, frozen=True):
    """How to tell the state."""

    lang: Language = None


class FeedQuery(Struct, frozen=True):
    """Which page of the feed."""

    before: Annotated[
        str | None, Meta(pattern="^[0-9]{1,18}$", description="Older alerts: the number in the feed's next link.")
    ] = None


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """No parameters."""


class PhaseQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Where: a point or a place, one of the two."""

    point: LatLon | None = None
    place: Code | None = None
    lang: Language = None


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
    relation: Annotated[str, Meta(description="How the alert's area stands to the place: same, contains, part or empty.")]
    alerts: tuple[str, ...]
    why: tuple[str, ...]
    freshness: Freshness
    journal: Position


class PlacesQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """What to find."""

    q: Annotated[str, Meta(min_length=1, max_length=100, description="A name in any language, or its beginning.")]
    lang: Language = None
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


class Interface:
    """The handlers, and what they keep between requests. ``described`` is the OpenAPI document."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.feed, self.states = Feed(house.register, house.settings), States(house)
        self.listing, self.doctor, self.repeats = Listing(house), Doctor(house), Repeats(house.answers)
        self.described: dict[str, object] = {}
        self._described: Ready | None = None
        self._docs = ""

    # --- places ----------------------------------------------------------------------------------------------------

    async def at_json(self, request: Request) -> ASGIApp:
        """The state of a place."""
        return self.states.ready(request.path_params["code"], self.states.language(request.scope), ".json")

    async def at_txt(self, request: Request) -> ASGIApp:
        """The state of a place in ten plain lines."""
        return self.states.ready(request.path_params["code"], self.states.language(request.scope), ".txt")

    async def phase(self, request: Request) -> ASGIApp:
        """The phase at a point or a place."""
        query, house, at = asked(request, PhaseQuery), self.house, self.house.now()
        language = language_of(request, house.languages)
        if (query.point is None) is (query.place is None):
            raise ParameterError("point or place: one of the two")
        if query.place is not None:
            place = house.place(query.place)
            standing, codes = house.situation.at_place(place.code, at), (place.code, *house.gazetteer.ancestors(place.code))
        else:
            point = point_of(query.point or "")
            found = house.gazetteer.at(point.latitude, point.longitude)
            standing, codes = house.situation.at_point(point.latitude, point.longitude, at), tuple(p.code for p in found)
        code = codes[0] if codes else ""
        name = house.gazetteer.name(code, language) if code else query.point or ""
        headline, instruction = words(house, standing, code, name, language)
        head = house.head()
        public = tuple(one.published.identifier for one in standing.alerts if one.published.scope == Scope.PUBLIC)
        return _json(
            PhaseAt(
                query.point,
                codes,
                moment(at) or "",
                _realm(house),
                Phase(standing.phase).value,
                moment(standing.since),
                moment(standing.ends),
                moment(standing.next_update_by),
                headline,
                instruction,
                str(standing.relation or ""),
                public[:50],
                tuple(standing.why)[:50],
                Freshness(standing.source, moment(standing.last_heard)),
                Position(head.seq, head.hash.hex()),
            ),
            request.url.path,
            cache="no-cache",
        )

    async def places(self, request: Request) -> ASGIApp:
        """Places by name."""
        query, house = asked(request, PlacesQuery), self.house
        language = language_of(request, house.languages)
        within = house.place(query.within).code if query.within else None
        # Looking through names in nine languages takes a while; warnings go out meanwhile.
        found = await asyncio.to_thread(house.gazetteer.suggest, query.q, language, within, query.limit)
        listed_places = tuple(
            PlaceFound(
                one.code,
                house.gazetteer.name(one.code, language),
                one.level,
                one.parent,
                one.zone,
                one.latitude / 1e6,
                one.longitude / 1e6,
            )
            for one in found
        )
        return _json(PlaceList(listed_places), request.url.path, cache="public, max-age=300")

    # --- alerts ----------------------------------------------------------------------------------------------------

    async def atom(self, request: Request) -> ASGIApp:
        """The public feed."""
        return self.feed

    async def message(self, request: Request) -> ASGIApp:
        """One alert as published."""
        return self.feed.message(request.path_params["identifier"])

    async def message_json(self, request: Request) -> ASGIApp:
        """One alert as read."""
        identifier = request.path_params["identifier"]
        shown = self.house.register.find(identifier)
        return _json(line(shown.alert, file=message_at(identifier)), request.url.path, cache=FOR_EVER)

    async def alerts(self, request: Request) -> ASGIApp:
        """Published alerts."""
        query, house = asked(request, AlertsQuery), self.house
        found, older, newer = self.listing.page(query, house.now())
        rows = [(shown, listed(house, shown)) for shown in found]
        if (query.format or _preferred(request)) == "geojson":
            features = [feature(one.identifier, one, shown.alert) for shown, one in rows]
            told = collection(features, realm=_realm(house), next=older, newer=newer)
            return _json(told, request.url.path, GEOJSON, vary="Accept-Encoding, Accept")
        made = AlertList(_realm(house), tuple(one for _, one in rows), older, newer)
        return _json(made, request.url.path, vary="Accept-Encoding, Accept")

    async def alert(self, request: Request) -> ASGIApp:
        """What became of a message, by our identifier or by the report's id."""
        name, house = request.path_params["name"], self.house
        identifier = name if name in house.register else house.register.of_report(name)
        if identifier is not None:
            report = name if identifier != name else ""
            return _json(AlertFate(identifier, "published", report, message_at(identifier)), request.url.path)
        # Nobody but its sender learns that a message waits.
        token = house.tokens.require(request.headers.get("authorization", ""), SUBMIT, house.now())
        submission = house.submissions.find(name)
        if submission.token != token.id:
            raise NotFoundError
        return _json(AlertFate(submission.identifier, "waiting", name), request.url.path, cache="private, no-store")

    async def submit(self, request: Request) -> ASGIApp:
        """Submit a CAP message."""
        house = self.house
        try:
            token = house.tokens.require(request.headers.get("authorization", ""), SUBMIT, house.now())
        except NotSignedInError:
            house.limits.failure(request.client)
            raise
        house.limits.write(token.id)
        _take(request, MEDIA_TYPES)
        content = await _body(request)

        async def work() -> Response:
            receipt = await submit(house, token, content)
            status = 200 if receipt.known else 201
            location = house.settings.public_url.rstrip("/") + address_of(receipt.report)
            return Response(msgspec.json.encode(receipt), status, {"Location": location}, JSON)

        return await self.repeats.once(request, f"token:{token.id}", content, house.now(), work)

    # --- subscriptions ---------------------------------------------------------------------------------------------

    async def subscribe(self, request: Request) -> ASGIApp:
        """Subscribe a webhook."""
        house = self.house
        owner = house.limits.visitor(request.client)
        house.limits.write(owner)
        _take(request, (JSON,))
        content = await _body(request)
        wanted = decoded(content, Subscribe)

        async def work() -> Response:
            made = await make(house, wanted)
            location = f"{house.settings.public_url.rstrip('/')}/v1/subscriptions/{made.id}"
            return Response(msgspec.json.encode(made), 201, {"Location": location, "Cache-Control": "no-store"}, JSON)

        return await self.repeats.once(request, owner, content, house.now(), work)

    async def unsubscribe(self, request: Request) -> ASGIApp:
        """End a subscription: the same answer whether there was one or not, and whether the secret was its own."""
        house = self.house
        house.limits.write(house.limits.visitor(request.client))
        authorization = request.headers.get("authorization", "")
        if not authorization.lower().startswith("bearer "):
            raise NotSignedInError
        await end(house, request.path_params["id"], authorization[7:].strip())
        return _json(Ends(), request.url.path, cache="no-store")

    # --- the installation ------------------------------------------------------------------------------------------

    async def sources(self, request: Request) -> ASGIApp:
        """Every source and whether it is heard."""
        asked(request, Nothing)
        house, at = self.house, self.house.now()
        told = tuple(
            SourceState(
                one.id,
                house.source_name(one.id, language_of(request, house.languages)),
                one.kind,
                one.official,
                one.covers,
                one.interval_s,
                moment(house.last_heard(one.id)),
                one.fresh(house.last_heard(one.id), at, house.settings.stale_after_intervals),
            )
            for one in house.sources.values()
        )
        return _json(SourceList(_realm(house), moment(at) or "", told), request.url.path, cache="no-cache")

    async def keys(self, request: Request) -> ASGIApp:
        """The public keys."""
        asked(request, Nothing)
        keys = self.house.keys
        told = Key(keys.key_id, "Ed25519", "heartbeats, journal heads, policy", keys.public_pem)
        return _json(KeyList(_realm(self.house), (told,)), request.url.path, cache="public, max-age=300")

    async def head(self, request: Request) -> ASGIApp:
        """The journal's head, signed: a heartbeat of the stream for who polls."""
        asked(request, Nothing)
        house, at = self.house, self.house.now()
        contacts = [
            SourceContact(
                one.id,
                one.name,
                house.last_heard(one.id),
                one.fresh(house.last_heard(one.id), at, house.settings.stale_after_intervals),
            )
            for one in house.sources.values()
        ]
        beat = heartbeat(at, house.settings.realm, house.head(), contacts, house.keys, house.settings.heartbeat_seconds)
        return Ready(beat, JSON, request.url.path, cache="no-cache")

    async def stream(self, request: Request) -> ASGIApp:
        """Only reached where the stream's own protocol does not stand in front."""
        raise NotReadyError("this server was started without the stream")

    async def openapi(self, request: Request) -> ASGIApp:
        """The API, described."""
        if self._described is None:
            self._described = Ready(
                msgspec.json.encode(self.described), JSON, request.url.path, cache="public, max-age=300"
            )
        return self._described

    async def docs(self, request: Request) -> ASGIApp:
        """The API as a page."""
        self._docs = self._docs or page(self.described)
        return HTMLResponse(self._docs, headers={"Cache-Control": "public, max-age=300"})

    async def healthz(self, request: Request) -> ASGIApp:
        """The process answers."""
        return _json(Alive(True, _realm(self.house)), request.url.path, cache="no-store")

    async def readyz(self, request: Request) -> ASGIApp:
        """Whether a warning can go out now."""
        found = await self.doctor.ready()
        if "text/plain" in request.headers.get("accept", ""):
            lines = [f"{one.sentence} [{one.code}]" for one in found.faults] or ["Ready to warn."]
            return Response("\n".join(lines) + "\n", 200 if found.ready else 503, {"Cache-Control": "no-store"}, "text/plain")
        if found.ready:
            return _json(found, request.url.path, cache="no-store")
        language = language_of(request)
        document = problem(NotReadyError(" ".join(one.sentence for one in found.faults)), language)
        # The faults of the installation stand where the faults of a message would: code, message, and no path.
        told = {**msgspec.to_builtins(document), **msgspec.to_builtins(found)}
        response = respond(document, language)
        return Response(msgspec.json.encode(told), 503, dict(response.headers) | {"content-length": ""}, PROBLEM_JSON)

    async def metrics(self, request: Request) -> ASGIApp:
        """For Prometheus."""
        return Response(self.house.measures.render(), 200, {"Cache-Control": "no-store"}, METRICS)


def _realm(house: House) -> Realm:
    return "exercise" if house.settings.realm == "exercise" else "actual"


def _json(
    body: object, path: str, media_type: str = JSON, *, cache: str = "public, max-age=5", vary: str = "Accept-Encoding"
) -> Ready:
    return Ready(msgspec.json.encode(body), media_type, path, cache=cache, vary=vary)


def _preferred(request: Request) -> str:
    accepted = request.headers.get("accept", "")
    return "geojson" if GEOJSON in accepted else "json"


def _take(request: Request, media_types: tuple[str, ...]) -> None:
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given not in media_types:
        raise Refusal(MediaTypeError(f"send {' or '.join(media_types)}"), headers={"Accept-Post": ", ".join(media_types)})


async def _body(request: Request) -> bytes:
    try:
        return await request.body()
    except ClientDisconnect:
        raise TooSlowError from None


_STATE = {"code": "Area code, however its letters are cased."}
_IDENTIFIER = {"identifier": "The message's identifier, percent-encoded."}
_UNKNOWN, _NOT_FOUND = "input.place-unknown", "person.not-found"
_NOT_MODIFIED = Answer(304, "Nothing changed.", "")

TABLE: tuple[Operation, ...] = (
    Operation(
        "GET",
        "/at/{code}.json",
        Interface.at_json,
        "What holds at a place now, in at most 1 KB.",
        (Answer(200, "The state.", JSON, State), _NOT_MODIFIED),
        StateQuery,
        faults=(_UNKNOWN,),
        conditional=True,
        parameters=_STATE,
    ),
    Operation(
        "GET",
        "/at/{code}.txt",
        Interface.at_txt,
        "What holds at a place now, in ten plain lines for a terminal or a screen reader.",
        (Answer(200, "Ten lines.", "text/plain"), _NOT_MODIFIED),
        StateQuery,
        faults=(_UNKNOWN,),
        conditional=True,
        parameters=_STATE,
    ),
    Operation(
        "GET",
        "/alerts.atom",
        Interface.atom,
        "Every alert published for everybody, newest first, as Atom with links to the CAP messages.",
        (Answer(200, "A page of the feed; rel=next leads to older alerts.", ATOM_TYPE.partition(";")[0]), _NOT_MODIFIED),
        FeedQuery,
        conditional=True,
    ),
    Operation(
        "GET",
        "/alerts/{identifier}.xml",
        Interface.message,
        "One alert, byte for byte as it was published. It never changes.",
        (Answer(200, "The CAP message.", CAP_TYPE.partition(";")[0]), _NOT_MODIFIED),
        faults=(_NOT_FOUND,),
        conditional=True,
        whole=True,
        parameters=_IDENTIFIER,
    ),
    Operation(
        "GET",
        "/alerts/{identifier}.json",
        Interface.message_json,
        "One alert as `tocsin read` shows it.",
        (Answer(200, "The message's fields.", JSON, Line), _NOT_MODIFIED),
        faults=(_NOT_FOUND,),
        conditional=True,
        whole=True,
        parameters=_IDENTIFIER,
    ),
    Operation(
        "GET",
        "/v1/alerts",
        Interface.alerts,
        "Published alerts as JSON, or as GeoJSON by Accept or format.",
        (
            Answer(200, "A page of alerts.", JSON, AlertList),
            Answer(200, "A page of alerts.", GEOJSON),
            _NOT_MODIFIED,
        ),
        AlertsQuery,
        faults=(_UNKNOWN,),
        conditional=True,
    ),
    Operation(
        "POST",
        "/v1/alerts",
        Interface.submit,
        "Submit a CAP alert. It is on disk when this answers; the mirror policy or a person decides what becomes of it.",
        (
            Answer(201, "Taken; Location says where to ask what became of it.", JSON, Receipt),
            Answer(200, "Exactly this message was taken before.", JSON, Receipt),
        ),
        takes=dict.fromkeys(MEDIA_TYPES),
        faults=(
            "input.xml-hostile",
            "input.alert-unfit",
            "input.realm",
            "input.identifier-taken",
            "person.foreign-sender",
            "operator.store",
        ),
        scope=SUBMIT,
        idempotent=True,
    ),
    Operation(
        "GET",
        "/v1/alerts/{name}",
        Interface.alert,
        "What became of a message: by its identifier here, or by the report's id that its sender was told.",
        (Answer(200, "Waiting or published.", JSON, AlertFate), _NOT_MODIFIED),
        faults=(_NOT_FOUND, "person.not-signed-in", "person.not-allowed"),
        whole=True,
        parameters={"name": "An identifier, or a report's id."},
    ),
    Operation(
        "GET",
        "/v1/phase",
        Interface.phase,
        "The phase at a point or a place, and why.",
        (Answer(200, "The phase.", JSON, PhaseAt), _NOT_MODIFIED),
        PhaseQuery,
        faults=(_UNKNOWN,),
    ),
    Operation(
        "GET",
        "/v1/places",
        Interface.places,
        "Places by name, in any language or spelling.",
        (Answer(200, "The places that may be meant.", JSON, PlaceList), _NOT_MODIFIED),
        PlacesQuery,
        faults=(_UNKNOWN,),
    ),
    Operation(
        "GET",
        "/v1/sources",
        Interface.sources,
        "Every source, what it covers, and whether it is heard.",
        (Answer(200, "The sources.", JSON, SourceList), _NOT_MODIFIED),
        Nothing,
    ),
    Operation(
        "GET",
        "/v1/keys",
        Interface.keys,
        "The public keys of this realm.",
        (Answer(200, "The keys.", JSON, KeyList), _NOT_MODIFIED),
        Nothing,
    ),
    Operation(
        "GET",
        "/v1/journal/head",
        Interface.head,
        "The journal's newest entry and every source's contact, signed: the stream's heartbeat for who polls.",
        (Answer(200, "The signed head.", JSON, SignedHeartbeat), _NOT_MODIFIED),
        Nothing,
    ),
    Operation(
        "GET",
        "/v1/stream",
        Interface.stream,
        "Server-Sent Events: alerts, sources lost and found, a signed heartbeat at least every 30 s. "
        "Parameters: area (repeatable), after. Last-Event-ID resumes without a gap.",
        (Answer(200, "An endless stream of events.", "text/event-stream"),),
        faults=(_UNKNOWN, "operator.not-ready"),
    ),
    Operation(
        "POST",
        "/v1/subscriptions",
        Interface.subscribe,
        "Subscribe a webhook to places.",
        (Answer(201, "Subscribed. The secret is shown once.", JSON, Subscribed),),
        takes={JSON: Subscribe},
        faults=(_UNKNOWN, "operator.not-ready"),
        idempotent=True,
    ),
    Operation(
        "DELETE",
        "/v1/subscriptions/{id}",
        Interface.unsubscribe,
        "End a subscription with its secret: the same answer whether there was one or not.",
        (Answer(200, "Nothing is sent under this id any more.", JSON, Ends),),
        bearer=True,
        parameters={"id": "The subscription's id."},
    ),
    Operation(
        "GET",
        "/v1/openapi.json",
        Interface.openapi,
        "This description.",
        (Answer(200, "OpenAPI 3.1.", JSON), _NOT_MODIFIED),
    ),
    Operation("GET", "/docs", Interface.docs, "This description as a page.", (Answer(200, "A page.", "text/html"),)),
    Operation("GET", "/healthz", Interface.healthz, "Whether the process answers.", (Answer(200, "It does.", JSON, Alive),)),
    Operation(
        "GET",
        "/readyz",
        Interface.readyz,
        "Whether a warning can go out right now, one sentence for each thing in the way.",
        (Answer(200, "It can.", JSON, Readiness), Answer(503, "It cannot.", PROBLEM_JSON, Problem)),
    ),
    Operation("GET", "/metrics", Interface.metrics, "For Prometheus.", (Answer(200, "Measures.", "text/plain"),)),
)
"""Every operation there is."""

"""The interface for machines: what each path under ``/v1`` and each form of a page answers.

- Every list is bounded, every fault is a problem document, every POST is done once under an Idempotency-Key.
- Reading needs no account and is allowed from any web page; a body is taken as one type and up to one size.
- What is read bears an ETag made from its bytes, so that whoever polls is told 304 when nothing changed.
- What is served and described stands in :mod:`tocsin.web.table`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp

from tocsin.assess.story import told
from tocsin.cap.alert import Scope
from tocsin.cap.phase import Phase
from tocsin.cap.telling import told as telling
from tocsin.errors import MediaTypeError, NotFoundError, NotReadyError, NotSignedInError, ParameterError, TooSlowError
from tocsin.reach.heartbeat import Position, SourceContact, heartbeat
from tocsin.recent import Recent
from tocsin.web.confirm import Confirmations
from tocsin.web.feed import FEED, FOR_EVER, Feed
from tocsin.web.feed import address_of as message_at
from tocsin.web.geojson import MEDIA_TYPE as GEOJSON
from tocsin.web.geojson import collection, feature
from tocsin.web.health import Doctor, Unready
from tocsin.web.incident import IncidentQuery, IncidentsQuery, listing, story_at
from tocsin.web.kept import States
from tocsin.web.listing import AlertList, AlertsQuery, Listing, listed, point_of
from tocsin.web.manual import manual
from tocsin.web.measure import CONTENT_TYPE as METRICS
from tocsin.web.openapi import asked, decoded
from tocsin.web.problem import Refusal, problem, respond
from tocsin.web.ready import Ready
from tocsin.web.repeat import Repeats
from tocsin.web.shapes import (
    JSON,
    AlertFate,
    Alive,
    Key,
    KeyList,
    Nothing,
    PhaseAt,
    PhaseQuery,
    PlaceFound,
    PlaceList,
    PlacesQuery,
    Realm,
    SourceList,
    SourceState,
)
from tocsin.web.state import Freshness, moment, words
from tocsin.web.submit import MEDIA_TYPES, address_of, submit
from tocsin.web.subscribe import WEBHOOK, WEBPUSH, Subscribe, ask, end, make
from tocsin.web.titles import language_of
from tocsin.web.token import SUBMIT

if TYPE_CHECKING:
    from tocsin.place.gazetteer import Place
    from tocsin.web.house import House


SEARCHES_KEPT = 1000


class Interface:
    """The handlers, and what they keep between requests. ``described`` is the OpenAPI document."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.feed, self.states = Feed(house.register, house.settings), States(house)
        self.listing, self.doctor, self.repeats = Listing(house), Doctor(house), Repeats(house.answers)
        self.confirmations = Confirmations(house)
        self.described: dict[str, object] = {}
        self._described: Ready | None = None
        self._found: Recent[tuple[str, str, str | None, int], Ready] = Recent(SEARCHES_KEPT)
        self._searching = asyncio.Lock()
        self._docs: Response | None = None

    # --- places ----------------------------------------------------------------------------------------------------

    async def at_json(self, request: Request) -> ASGIApp:
        """The state of a place."""
        return self.states.ready(
            request.path_params["code"],
            self.states.language(request.scope["query_string"], request.scope["headers"]),
            ".json",
        )

    async def at_txt(self, request: Request) -> ASGIApp:
        """The state of a place in ten plain lines."""
        return self.states.ready(
            request.path_params["code"],
            self.states.language(request.scope["query_string"], request.scope["headers"]),
            ".txt",
        )

    async def phase(self, request: Request) -> ASGIApp:
        """The phase at a point or a place."""
        query, house, at = asked(request, PhaseQuery), self.house, self.house.now()
        language = language_of(request, house.languages)
        if (query.point is None) is (query.place is None):
            raise ParameterError("point or place: one of the two")
        if query.place is not None:
            place = house.place(query.place)
            standing, codes = (
                house.situation.at_place(place.code, at),
                (place.code, *house.gazetteer.ancestors(place.code)),
            )
        else:
            point = point_of(query.point or "")
            found = house.gazetteer.at(point.latitude, point.longitude)
            standing, codes = (
                house.situation.at_point(point.latitude, point.longitude, at),
                tuple(p.code for p in found),
            )
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
        asking = (query.q, language, within, query.limit)
        known = self._found.get(asking)
        if known is None:
            house.limits.search(request.client)
            # Looking through names in nine languages takes a while; one search at a time, and warnings go out meanwhile.
            async with self._searching:
                found = await asyncio.to_thread(house.gazetteer.suggest, *asking)
            known = _json(
                PlaceList(tuple(self._place(one, language) for one in found)),
                request.url.path,
                cache="public, max-age=300",
                vary="Accept-Encoding, Accept-Language",
            )
            self._found[asking] = known
        return known

    def _place(self, one: Place, language: str) -> PlaceFound:
        return PlaceFound(
            one.code,
            self.house.gazetteer.name(one.code, language),
            one.level,
            one.parent,
            one.zone,
            one.latitude / 1e6,
            one.longitude / 1e6,
        )

    # --- alerts ----------------------------------------------------------------------------------------------------

    async def atom(self, request: Request) -> ASGIApp:
        """The public feed."""
        ready = self.feed.ready(FEED, request.scope["query_string"])
        assert ready is not None
        return ready

    async def message(self, request: Request) -> ASGIApp:
        """One alert as published."""
        return self.feed.message(request.path_params["identifier"])

    async def message_json(self, request: Request) -> ASGIApp:
        """One alert as read."""
        identifier = request.path_params["identifier"]
        shown = self.house.register.find(identifier)
        return _json(telling(shown.alert, file=message_at(identifier)), request.url.path, cache=FOR_EVER)

    async def alerts(self, request: Request) -> ASGIApp:
        """Published alerts."""
        query, house = asked(request, AlertsQuery), self.house
        found, older, newer = await self.listing.page(query, house.now())
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
            # The address is relative: it holds however the installation is reached.
            return Response(msgspec.json.encode(receipt), status, {"Location": address_of(receipt.report)}, JSON)

        return await self.repeats.once(request, f"token:{token.id}", content, house.now(), work)

    # --- subscriptions ---------------------------------------------------------------------------------------------

    async def subscribe(self, request: Request) -> ASGIApp:
        """Subscribe a webhook or a device, or ask at an address whether it is to be warned."""
        house = self.house
        owner = house.limits.visitor(request.client)
        house.limits.write(owner)
        _take(request, (JSON,))
        content = await _body(request)
        wanted = decoded(content, Subscribe)

        async def work() -> Response:
            if wanted.channel not in (WEBHOOK, WEBPUSH):
                asked_there = await ask(house, self.confirmations, wanted)
                return Response(msgspec.json.encode(asked_there), 202, {"Cache-Control": "no-store"}, JSON)
            made = await make(house, wanted)
            headers = {"Location": f"/v1/subscriptions/{made.id}", "Cache-Control": "no-store"}
            return Response(msgspec.json.encode(made), 201, headers, JSON)

        return await self.repeats.once(request, owner, content, house.now(), work)

    async def unsubscribe(self, request: Request) -> ASGIApp:
        """End a subscription: the same answer whether there was one or not, and whether the secret was its own."""
        house = self.house
        house.limits.write(house.limits.visitor(request.client))
        authorization = request.headers.get("authorization", "")
        if not authorization.lower().startswith("bearer "):
            raise NotSignedInError
        await end(house, request.path_params["id"], authorization[7:].strip())
        return Response(status_code=204, headers={"Cache-Control": "no-store"})

    # --- incidents -------------------------------------------------------------------------------------------------

    async def incidents(self, request: Request) -> ASGIApp:
        """What was reported, incident by incident."""
        return _json(listing(self.house, asked(request, IncidentsQuery)), request.url.path)

    async def incident(self, request: Request) -> ASGIApp:
        """One incident with its claims, sources and corrections."""
        query = asked(request, IncidentQuery)
        # What was known then is put together anew from the journal: that is not for the loop that warns.
        story = await asyncio.to_thread(story_at, self.house, request.path_params["id"], query)
        return _json(told(story), request.url.path)

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
        self._docs = self._docs or manual(self.described, self.house.settings.sender_name)
        return self._docs

    async def healthz(self, request: Request) -> ASGIApp:
        """The process answers."""
        return _json(Alive(True, _realm(self.house)), request.url.path, cache="no-store")

    async def readyz(self, request: Request) -> ASGIApp:
        """Whether a warning can go out now."""
        found = await self.doctor.ready()
        if "text/plain" in request.headers.get("accept", ""):
            lines = [f"{one.sentence} [{one.code}]" for one in found.faults] or ["Ready to warn."]
            return Response(
                "\n".join(lines) + "\n", 200 if found.ready else 503, {"Cache-Control": "no-store"}, "text/plain"
            )
        if found.ready:
            return _json(found, request.url.path, cache="no-store")
        language = language_of(request)
        document = problem(NotReadyError(), language)
        told = Unready(
            document.type,
            document.title,
            document.status,
            document.code,
            found.ready,
            found.at,
            found.realm,
            found.faults,
            found.checked,
        )
        response = respond(document, language)
        return Response(
            msgspec.json.encode(told), 503, {n: v for n, v in response.headers.items() if n != "content-length"}
        )

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
        raise Refusal(
            MediaTypeError(f"send {' or '.join(media_types)}"), headers={"Accept-Post": ", ".join(media_types)}
        )


async def _body(request: Request) -> bytes:
    try:
        return await request.body()
    except ClientDisconnect:
        raise TooSlowError from None

"""The table: every operation of the interface, from which the router and OpenAPI are made.

- What is not in this table is not served and not described; what is, is both.
"""

from __future__ import annotations

from tocsin.cap.telling import Told
from tocsin.reach.heartbeat import SignedHeartbeat
from tocsin.web import word
from tocsin.web.answer import ANSWERS
from tocsin.web.api import Interface
from tocsin.web.arrival import ARRIVALS
from tocsin.web.card import OPERATIONS as CARDS
from tocsin.web.correction import OPERATIONS as CORRECTIONS
from tocsin.web.device import DEVICES
from tocsin.web.facility import FACILITIES
from tocsin.web.feed import ATOM_TYPE, CAP_TYPE
from tocsin.web.geojson import MEDIA_TYPE as GEOJSON
from tocsin.web.health import Readiness, Unready
from tocsin.web.incident import IncidentList, IncidentQuery, IncidentsQuery
from tocsin.web.keypad import KEYPAD
from tocsin.web.listing import AlertList, AlertsQuery
from tocsin.web.openapi import Answer, Operation
from tocsin.web.own import OWN
from tocsin.web.problem import PROBLEM_JSON
from tocsin.web.receipt import RECEIPTS
from tocsin.web.shapes import (
    JSON,
    AlertFate,
    Alive,
    FeedQuery,
    KeyList,
    Nothing,
    PhaseAt,
    PhaseQuery,
    PlaceList,
    PlacesQuery,
    SourceList,
    StateQuery,
)
from tocsin.web.shelter import SHELTERS
from tocsin.web.state import State
from tocsin.web.submit import MEDIA_TYPES, Receipt
from tocsin.web.subscribe import Asked, Subscribe, Subscribed
from tocsin.web.token import SUBMIT

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
        (
            Answer(200, "A page of the feed; rel=next leads to older alerts.", ATOM_TYPE.partition(";")[0]),
            _NOT_MODIFIED,
        ),
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
        (Answer(200, "The message's fields.", JSON, Told), _NOT_MODIFIED),
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
        "/v1/incidents",
        Interface.incidents,
        "What was reported, incident by incident, first the one that changed last. Nothing in it is a warning.",
        (Answer(200, "A page of incidents.", JSON, IncidentList), _NOT_MODIFIED),
        IncidentsQuery,
        faults=(_UNKNOWN,),
        conditional=True,
    ),
    Operation(
        "GET",
        "/v1/incidents/{id}",
        Interface.incident,
        "One incident, as it is or as it was known at a moment: every claim in its source's words, corrections, conflicts.",
        (Answer(200, "The incident, as `tocsin brief --json` shows it, with its sources.", JSON), _NOT_MODIFIED),
        IncidentQuery,
        faults=(_NOT_FOUND, "input.time-naive"),
        conditional=True,
        parameters={"id": "The incident's id, or one that it had before it was merged."},
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
        "GET",
        "/v1/socket",
        Interface.stream,
        "The stream's events over WebSocket, as text frames with event, id and data. Parameters: area (repeatable), after.",
        (Answer(101, "An endless stream of frames.", ""),),
        faults=(_UNKNOWN, "operator.not-ready", "input.upgrade"),
    ),
    Operation(
        "POST",
        "/v1/subscriptions",
        Interface.subscribe,
        "Subscribe a webhook or a device to places, or ask at a mail address, telephone or chat whether it wants warnings.",
        (
            Answer(201, "A webhook or a device is subscribed. The secret is shown once.", JSON, Subscribed),
            Answer(202, "Asked at the address; the subscription begins with the yes there.", JSON, Asked),
        ),
        takes={JSON: Subscribe},
        faults=(_UNKNOWN, "operator.not-ready"),
        idempotent=True,
    ),
    Operation(
        "DELETE",
        "/v1/subscriptions/{id}",
        Interface.unsubscribe,
        "End a subscription with its secret: the same answer whether there was one or not.",
        (Answer(204, "Nothing is sent under this id with this secret any more.", ""),),
        bearer=True,
        parameters={"id": "The subscription's id."},
    ),
    Operation(
        "GET",
        "/v1/confirm/{token}",
        word.confirm_page,
        "The page behind the link that was sent to an address: it asks whether warnings are wanted.",
        (Answer(200, "A page.", "text/html"),),
        parameters={"token": "What stands in the link."},
    ),
    Operation(
        "POST",
        "/v1/confirm/{token}",
        word.confirmed,
        "Yes: warnings are wanted here. The same answer whenever it is sent.",
        (Answer(200, "A page.", "text/html"),),
        parameters={"token": "What stands in the link."},
    ),
    Operation(
        "GET",
        "/v1/unsubscribe/{id}/{key}",
        word.stop_page,
        "The page that asks whether warnings are to stop.",
        (Answer(200, "A page.", "text/html"),),
        parameters={"id": "The subscription's id.", "key": "What stands in its mails."},
    ),
    Operation(
        "POST",
        "/v1/unsubscribe/{id}/{key}",
        word.stopped,
        "One-click unsubscribe (RFC 8058): the same answer whether there was a subscription or not.",
        (Answer(200, "A page.", "text/html"),),
        faults=("operator.not-ready",),
        parameters={"id": "The subscription's id.", "key": "What stands in its mails."},
    ),
    Operation(
        "GET",
        "/v1/openapi.json",
        Interface.openapi,
        "This description.",
        (Answer(200, "OpenAPI 3.1.", JSON), _NOT_MODIFIED),
    ),
    Operation("GET", "/docs", Interface.docs, "This description as a page.", (Answer(200, "A page.", "text/html"),)),
    Operation(
        "GET", "/healthz", Interface.healthz, "Whether the process answers.", (Answer(200, "It does.", JSON, Alive),)
    ),
    Operation(
        "GET",
        "/readyz",
        Interface.readyz,
        "Whether a warning can go out right now, one sentence for each thing in the way.",
        (Answer(200, "It can.", JSON, Readiness), Answer(503, "It cannot.", PROBLEM_JSON, Unready)),
    ),
    Operation("GET", "/metrics", Interface.metrics, "For Prometheus.", (Answer(200, "Measures.", "text/plain"),)),
    *SHELTERS,
    *OWN,
    *RECEIPTS,
    *ANSWERS,
    *ARRIVALS,
    *DEVICES,
    *KEYPAD,
    *FACILITIES,
)
TABLE += CARDS + CORRECTIONS
"""Every operation there is."""

"""A real house on a real store behind a real server, whose clock the tests turn."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uvicorn

from tocsin.cap.alert import EVENT_ID, PHASE, VERSION, Alert, Area, Info, Named
from tocsin.cap.xml import read, write
from tocsin.clock import TurnedClock
from tocsin.journal import EXERCISE, Entry, fact
from tocsin.place.gazetteer import Gazetteer
from tocsin.reach.audience import Audience
from tocsin.reach.channels.stream import StreamHub
from tocsin.reach.subscriber import Subscribers
from tocsin.sense.intake import Intake
from tocsin.sense.source import Source
from tocsin.settings import Settings
from tocsin.store.answers import StoredAnswers
from tocsin.store.key import Keys
from tocsin.store.sqlite import SqliteStore
from tocsin.store.subscriptions import SqlBook
from tocsin.warn.publish import ALERT_PUBLISHED, Published
from tocsin.warn.situation import Situation
from tocsin.web import site
from tocsin.web.house import House
from tocsin.web.token import SUBMIT, issue

NOON = datetime(2024, 11, 20, 12, tzinfo=UTC)
OFFICE = Source("office", "Civil Protection", "air-alert", ("UA",), 30.0, True)
SENDER = "warnings@example.org"


@dataclass
class Reply:
    """An answer as it came."""

    status: int
    headers: dict[str, str]
    body: bytes
    doubled: list[str] = field(default_factory=list)

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Building:
    """A house with everything in it, a store in a folder, and what tests do to it."""

    def __init__(self, folder: Path, realm: str = "actual", **given: Any) -> None:
        self.clock = TurnedClock(NOON)
        self.settings = Settings(realm=realm, public_url="http://127.0.0.1:1", webhook_loopback=True, **given)
        self.store = SqliteStore(folder, self.clock)
        self.keys = Keys(folder, realm)
        gazetteer = Gazetteer.world()
        source = msgspec.structs.replace(OFFICE, realm=realm)
        self.intake = Intake(self.store, self.clock, [source], realm=realm)
        situation = Situation(gazetteer, realm, {source.id: source}, timedelta(minutes=30), 2.0)
        audience = Audience(gazetteer)
        subscribers = Subscribers(self.store, SqlBook(self.store, folder, realm), audience, self.clock, realm)
        hub = StreamHub(self.store, gazetteer, realm, self.keys, self.clock, parse=lambda data: read(data).alerts[0])
        self.house = House(
            self.settings,
            self.clock,
            gazetteer,
            self.store,
            situation,
            self.intake,
            self.keys,
            StoredAnswers(self.store),
            {source.id: source},
            hub=hub,
            subscriptions=subscribers,
            data=folder,
        )
        self.intake.on_heard(situation.heard)
        self.house.catch_up()
        self._count = 0

    def hear(self) -> None:
        """The office speaks, now."""
        self.intake.heard("office", self.clock.now())
        self.take_in()

    def take_in(self) -> None:
        """Apply what was recorded."""
        while entries := self.store.read(self.house.upto, 500):
            for entry in entries:
                self.house.apply(entry)

    def token(self, *senders: str, source: str = "", **more: Any) -> str:
        """A token to submit with."""
        text, _ = issue(
            self.store,
            self.clock.now(),
            realm=self.settings.realm,
            name="Partner",
            scopes=[SUBMIT],
            senders=senders or (SENDER,),
            source=source,
            **more,
        )
        self.take_in()
        return text

    def message(self, **given: Any) -> Alert:
        """An alert fit to be published."""
        self._count += 1
        now = self.clock.now()
        realm = self.settings.realm
        info = Info(
            language=given.pop("language", "en"),
            categories=("Safety",),
            event="Air alert",
            response_types=given.pop("response_types", ("Shelter",)),
            urgency="Immediate",
            severity="Extreme",
            certainty="Observed",
            effective=now,
            expires=now + timedelta(hours=6),
            sender_name="Civil Protection",
            headline=given.pop("headline", "Go to a shelter now."),
            description=given.pop("description", "An air alert was given at 12:00 Kyiv time."),
            instruction=given.pop("instruction", "Go to the nearest shelter. Stay until the all-clear."),
            parameters=tuple(given.pop("parameters", ())),
            areas=given.pop("areas", (Area("Kyiv City", geocodes=(Named("ISO3166-2", "UA-30"),)),)),
        )
        made = Alert(
            identifier=f"msg.{self._count}",
            sender=SENDER,
            sent=now,
            status="Exercise" if realm == EXERCISE else "Actual",
            msg_type="Alert",
            scope="Public",
            infos=(info,),
        )
        return msgspec.structs.replace(made, **given)

    def publish(self, phase: str = "act", areas: tuple[str, ...] = ("UA-30",), **given: Any) -> Published:
        """Record a published alert, and take it in."""
        version, event = given.pop("version", 1), given.pop("event_id", None)
        number = self._count + 1
        event = event or f"event.{number}"
        identifier = given.pop("identifier", f"{event}.{version}")
        if "areas_of" in given:
            given["areas"] = given.pop("areas_of")
        else:
            given["areas"] = tuple(Area(code, geocodes=(Named("ISO3166-2", code),)) for code in areas)
        given.setdefault("response_types", ("AllClear",) if phase == "all-clear" else ("Shelter",))
        parameters = (Named(EVENT_ID, event), Named(VERSION, str(version)), Named(PHASE, phase))
        alert = self.message(identifier=identifier, parameters=parameters, **given)
        made = Published(
            identifier,
            event,
            version,
            phase,
            alert.scope,
            "office",
            areas,
            self.clock.now(),
            write(alert).decode(),
        )
        self.store.append([fact(ALERT_PUBLISHED, identifier, made, self.settings.realm)])
        self.take_in()
        return made

    def entries(self, kind: str) -> list[Entry]:
        """Everything recorded of one kind."""
        return self.store.read(0, 100_000, [kind])


class Server:
    """A house behind uvicorn on a port of the system's choice."""

    def __init__(self, building: Building) -> None:
        self.building, self.house = building, building.house
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.port: int = self.socket.getsockname()[1]
        self.base = f"http://127.0.0.1:{self.port}"
        self._server = uvicorn.Server(site.config(self.house, site.create(self.house)))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        while not self._server.started:
            threading.Event().wait(0.005)

    def _serve(self) -> None:
        with asyncio.Runner(loop_factory=self._server.config.get_loop_factory()) as runner:
            runner.run(self._server.serve(sockets=[self.socket]))

    def stop(self) -> None:
        """Stop serving."""
        self._server.should_exit = True
        self._thread.join(10)
        self.socket.close()

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
        """Ask for ``path``; underscores in the names of headers are hyphens."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            names = [name.lower() for name, _ in answer.getheaders()]
            found = {name.lower(): value for name, value in answer.getheaders()}
            doubled = [name for name in set(names) if names.count(name) > 1]
            return Reply(answer.status, found, answer.read(), doubled)
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Reply:
        """GET ``path``."""
        return self.ask("GET", path, **headers)

    def raw(self, data: bytes, wait: float = 5.0, *, one: bool = False) -> bytes:
        """Send bytes as they are and read until the server closes, nothing more comes, or (``one``) one answer is whole."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=wait) as wire:
            wire.sendall(data)
            taken = b""
            try:
                while chunk := wire.recv(65536):
                    taken += chunk
                    head, gap, body = taken.partition(b"\r\n\r\n")
                    length = re.search(rb"(?im)^content-length: *(\d+)", head)
                    if one and gap and len(body) >= (int(length[1]) if length else 0):
                        break
            except TimeoutError:
                pass
            return taken


@pytest.fixture
def building(tmp_path: Path) -> Iterator[Building]:
    """A house of the actual realm."""
    made = Building(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def server(building: Building) -> Iterator[Server]:
    """That house, served."""
    made = Server(building)
    yield made
    made.stop()


@pytest.fixture
def drill(tmp_path: Path) -> Iterator[Server]:
    """A house of the exercise realm, served."""
    building = Building(tmp_path, "exercise")
    made = Server(building)
    yield made
    made.stop()
    building.store.close()

"""Subscribing with places, dates and wishes, and one's own subscription: seen, changed, tested with its secret alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from tests.contracts.web.conftest import NOON, Reply, Server
from tests.rules.reach.stage import until
from tocsin.reach.channel import ACCEPTED, Outcome
from tocsin.reach.delivery import Delivery
from tocsin.reach.letter import SUBSCRIPTION_PROVED, Letters
from tocsin.reach.subscription import SUBSCRIPTION_CHANGED, SUBSCRIPTION_MADE

HOME = "50.450123,30.523456"
HOOK = {"channel": "webhook", "url": "http://127.0.0.1:9/hook"}
FULL = {
    "areas": ["UA-63"],
    "places": [
        {"point": HOME, "radius_m": 3000, "loudness": [{"level": "silent", "phases": ["prepare"]}]},
        {"area": "ua-32"},
        {"polygon": [[48.501234, 35.001234], [48.501234, 35.101234], [48.551234, 35.051234]]},
    ],
    "phases": ["act", "all-clear"],
    "severities": ["Extreme"],
    "languages": ["uk"],
    "start": "2024-11-21T00:00:00+02:00",
    "until": "2024-11-28T00:00:00+02:00",
}


class Wire:
    """A channel that takes what it is given."""

    name, stride, lanes = "webhook", 10, 1

    def __init__(self) -> None:
        self.sent: list[Delivery] = []

    async def send(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        self.sent.extend(batch)
        return [ACCEPTED] * len(batch)

    async def close(self) -> None:
        pass


@pytest.fixture
def wire(server: Server) -> Wire:
    """A server whose house writes letters by a channel that notes them."""
    house, made = server.building.house, Wire()
    book = house.subscriptions.book
    house.letters = Letters(house.subscriptions, book, {"webhook": made}, house.store, house.clock, sender="Office")
    return made


def subscribe(server: Server, **changed: Any) -> Reply:
    content = json.dumps({**HOOK, **changed}).encode()
    return server.ask("POST", "/v1/subscriptions", content, Content_Type="application/json")


def ask(server: Server, method: str, made: dict[str, Any], body: Any = None, path: str = "") -> Reply:
    """Ask about one's own subscription, with its secret."""
    content = json.dumps(body).encode() if body is not None else b""
    headers = {"Authorization": f"Bearer {made['secret']}", "Content_Type": "application/json"}
    return server.ask(method, f"/v1/subscriptions/{made['id']}{path}", content, **headers)


def test_everything_wanted_is_kept_and_nothing_exact(server: Server, wire: Wire) -> None:
    """All of a wish is kept; of the point and the polygon only cells; no file of the store shows where somebody is."""
    reply = subscribe(server, **FULL)
    assert reply.status == 201, reply.body
    made = reply.json()
    house = server.building.house
    one = house.subscriptions.get(made["id"])
    assert one.areas == ("UA-63", "UA-32")
    assert (one.phases, one.severities, one.languages) == (("act", "all-clear"), ("Extreme",), ("uk",))
    assert (one.start.isoformat(), one.until.isoformat()) == ("2024-11-20T22:00:00+00:00", "2024-11-27T22:00:00+00:00")
    assert (one.audience, one.roles, one.points) == ("public", (), ())
    assert [(loud.level, loud.place) for loud in one.loudness] == [("silent", "watch:0")]
    (cell,) = made["kept"]["cells"]
    assert cell["radius_m"] >= 3000 + 4000
    assert (cell["latitude"], cell["longitude"]) != tuple(map(float, HOME.split(",")))
    assert made["kept"]["polygons"] == len(one.polygons) == 1
    shown = ask(server, "GET", made).json()
    assert shown["kept"] == made["kept"]
    house.store.backup(house.data / "copy.sqlite")
    for path in house.data.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            for text in (
                b"50450123",
                b"30523456",
                b"50.450123",
                b"48501234",
                b"127.0.0.1:9/hook",
                made["secret"].encode(),
            ):
                assert text not in data, path


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({}, 400),
        ({"areas": ["UA-30"], "audience": "staff"}, 400),
        ({"areas": ["UA-30"], "roles": ["warden"]}, 400),
        ({"places": [{"point": HOME, "area": "UA-30"}]}, 400),
        ({"places": [{}]}, 400),
        ({"places": [{"point": "95,200"}]}, 400),
        ({"places": [{"point": HOME, "radius_m": 1_000_000}]}, 400),
        ({"places": [{"polygon": [[0, 0], [0, 0], [0, 0]]}]}, 400),
        ({"places": [{"polygon": [[40, 20], [60, 20], [60, 50]]}]}, 400),
        ({"places": [{"polygon": [[1e300, 20], [60, 20], [60, 50]]}]}, 400),
        ({"places": [{"area": "XX-99"}]}, 404),
        ({"areas": ["UA-30"], "until": "2024-11-28T00:00:00"}, 400),
        ({"areas": ["UA-30"], "until": "2024-11-20T11:59:00Z"}, 400),
        ({"areas": ["UA-30"], "start": "2024-11-30T00:00:00Z", "until": "2024-11-29T00:00:00Z"}, 400),
        ({"areas": ["UA-30"], "severities": ["Awful"]}, 400),
        ({"areas": ["UA-30"], "loudness": [{"level": "deafening"}]}, 400),
    ],
)
def test_what_cannot_be_wanted_is_refused(server: Server, changed: dict[str, Any], status: int) -> None:
    """Nothing wanted, two places in one, what is beyond the Earth, and any claim to be staff: refused, nothing made."""
    assert subscribe(server, **changed).status == status
    assert server.building.entries(SUBSCRIPTION_MADE) == []


def test_a_test_follows_and_can_be_asked_for(server: Server, wire: Wire) -> None:
    """After subscribing a test is sent by the channel; another can be asked for, not at once; its date is told."""
    made = subscribe(server, areas=["UA-30"]).json()
    asyncio.run(until(lambda: wire.sent and server.building.entries(SUBSCRIPTION_PROVED)))
    assert wire.sent[0].to.subscription == made["id"]
    assert ask(server, "POST", made, path="/test").status == 429
    server.building.clock.turn(31)
    assert ask(server, "POST", made, path="/test").json() == {"outcome": "accepted", "reason": ""}
    assert len(wire.sent) == 2
    assert ask(server, "GET", made).json()["proved"] == "2024-11-20T12:00:31Z"


def test_a_change_is_whole(server: Server, wire: Wire) -> None:
    """What is put is all that is wanted from then on; the secret and the address stay."""
    made = subscribe(server, **FULL).json()
    changed = ask(server, "PUT", made, {"areas": ["DE-BE"]})
    assert changed.status == 200, changed.body
    one = server.building.house.subscriptions.get(made["id"])
    assert (one.areas, one.watches, one.polygons, one.until, one.phases) == (("DE-BE",), (), (), None, ())
    assert len(server.building.entries(SUBSCRIPTION_CHANGED)) == 1
    assert ask(server, "PUT", made, {"areas": []}).status == 400
    assert (
        server.ask("DELETE", f"/v1/subscriptions/{made['id']}", Authorization=f"Bearer {made['secret']}").status == 204
    )
    assert ask(server, "GET", made).status == 404


def test_what_was_granted_is_not_widened_by_its_owner(server: Server, wire: Wire) -> None:
    """Somebody who is staff by a person's grant changes their languages, not what or whom they are told of."""
    made = subscribe(server, areas=["UA-30"]).json()
    subscriptions = server.building.house.subscriptions
    subscriptions.change(made["id"], {"audience": "staff", "roles": ("warden",)})
    assert ask(server, "PUT", made, {"areas": ["UA"], "languages": ["de"]}).status == 200
    one = subscriptions.get(made["id"])
    assert (one.areas, one.languages, one.audience, one.roles) == (("UA-30",), ("de",), "staff", ("warden",))


def test_nobody_learns_of_others(server: Server, wire: Wire) -> None:
    """Unknown ids and wrong secrets get one and the same answer, whatever is asked; without a secret it is 401."""
    made = subscribe(server, areas=["UA-30"]).json()
    for method, path, body in (("GET", "", None), ("PUT", "", {"areas": ["UA-30"]}), ("POST", "/test", None)):
        answers = set()
        for who in ({**made, "secret": "whsec_wrong"}, {"id": "nothing", "secret": made["secret"]}):
            reply = ask(server, method, who, body, path)
            answers.add((reply.status, reply.json()["code"]))
        assert answers == {(404, "person.not-found")}
        assert server.ask(method, f"/v1/subscriptions/{made['id']}{path}", b"{}").status in (401, 415)


def test_a_second_channel_is_the_same_person(server: Server, wire: Wire) -> None:
    """With the secret of one subscription another channel joins it, tried after it; with a wrong one it is by itself."""
    first = subscribe(server, areas=["UA-30"]).json()
    second = subscribe(server, areas=["UA-30"], beside={"id": first["id"], "secret": first["secret"]}).json()
    third = subscribe(server, areas=["UA-30"], beside={"id": first["id"], "secret": "whsec_wrong"})
    assert third.status == 201
    subscriptions = server.building.house.subscriptions
    one, two, three = (subscriptions.get(made["id"]) for made in (first, second, third.json()))
    assert one.person == two.person != ""
    assert (one.order, two.order) == (0, 1)
    assert three.person == ""
    assert ask(server, "GET", second).json()["channels"] == 2
    renewed = subscribe(server, areas=["UA-30"], replaces={"id": second["id"], "secret": second["secret"]}).json()
    assert (subscriptions.get(renewed["id"]).person, subscriptions.get(renewed["id"]).order) == (one.person, 1)
    stranger = subscribe(server, areas=["UA-30"], replaces={"id": second["id"], "secret": "whsec_wrong"}).json()
    assert subscriptions.get(stranger["id"]).person == ""
    assert server.building.clock.now() == NOON

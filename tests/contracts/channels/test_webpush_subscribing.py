"""A browser subscribes with what its Push API gave it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.channels.pushservice import Device
from tests.contracts.web.conftest import Building, Reply, Server
from tocsin.reach.prekey import aim, kept

PUSH = "https://push.example.org/send/a%2Fb?x=1"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(Building(tmp_path))
    yield made
    made.stop()


def subscribe(server: Server, **changed: Any) -> Reply:
    said = {"channel": "webpush", "endpoint": PUSH, "expirationTime": None, "keys": Device().keys, "areas": ["UA-30"]}
    content = json.dumps({**said, **changed}).encode()
    return server.ask("POST", "/v1/subscriptions", content, Content_Type="application/json")


def test_device_is_subscribed_and_ended(server: Server) -> None:
    """The endpoint and the keys of a browser, as they are, make a subscription that can be sealed to, and ended."""
    device = Device()
    reply = subscribe(server, keys=device.keys, languages=["uk", "en"])
    assert reply.status == 201, reply.body
    made = reply.json()
    assert made["channel"] == "webpush"
    subscribers = server.building.house.subscriptions
    number = subscribers.roll.number(made["id"])
    address = subscribers.book.addresses([number])[number]
    assert (address.address, address.languages) == (PUSH, ("uk", "en"))
    found = aim(address.secrets)
    assert found is not None
    assert found.auth == device.auth
    assert kept(**device.keys) in address.secrets
    assert (
        server.ask("DELETE", f"/v1/subscriptions/{made['id']}", Authorization=f"Bearer {made['secret']}").status == 204
    )
    assert subscribers.roll.number(made["id"]) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"endpoint": "http://push.example.org/a"},
        {"endpoint": "https://127.0.0.1/a"},
        {"endpoint": "https://10.0.0.1/a"},
        {"endpoint": ""},
        {"keys": None},
        {"keys": {"p256dh": "A" * 87, "auth": "A" * 22}},
        {"keys": {**Device().keys, "auth": "short"}},
        {"keys": {**Device().keys, "more": 1}},
        {"channel": "webhook"},
        {"channel": "carrier-pigeon"},
    ],
)
def test_what_cannot_work_is_said_at_once(server: Server, changed: dict[str, Any]) -> None:
    """An endpoint inside our own network, or keys that nothing can be sealed to, are refused with a sentence."""
    reply = subscribe(server, **changed)
    assert reply.status in (400, 422), reply.body
    assert reply.json()["code"].startswith("input.")

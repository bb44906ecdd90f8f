"""POST /v1/subscriptions and DELETE: webhooks subscribe themselves, and nobody learns of others."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.contracts.web.conftest import Reply, Server
from tocsin.reach.subscription import SUBSCRIPTION_ENDED, SUBSCRIPTION_MADE

HOOK = {"channel": "webhook", "url": "http://127.0.0.1:9/hook", "areas": ["ua-30"]}


def subscribe(server: Server, headers: dict[str, str] | None = None, **changed: Any) -> Reply:
    """Subscribe the hook."""
    content = json.dumps({**HOOK, **changed}).encode()
    return server.ask("POST", "/v1/subscriptions", content, Content_Type="application/json", **(headers or {}))


def test_a_webhook_is_subscribed_and_ended_with_its_secret(server: Server) -> None:
    """201 with an id and a secret; DELETE with the secret ends it."""
    reply = subscribe(server)
    assert reply.status == 201
    made = reply.json()
    assert made["areas"] == ["UA-30"]
    assert made["secret"].startswith("whsec_")
    assert reply.headers["cache-control"] == "no-store"
    assert len(server.building.entries(SUBSCRIPTION_MADE)) == 1
    address = reply.headers["location"]
    assert server.ask("DELETE", address, Authorization=f"Bearer {made['secret']}").status == 204
    (ended,) = server.building.entries(SUBSCRIPTION_ENDED)
    assert ended.subject == made["id"]


def test_ending_answers_the_same_whether_known_or_not(server: Server) -> None:
    """An unknown id, a wrong secret and an ended subscription get the answer of a right one, and end nothing."""
    made = subscribe(server).json()
    answers = set()
    for number, secret in (("nothing", made["secret"]), (made["id"], "whsec_wrong"), (made["id"], "ü")):
        reply = server.ask("DELETE", f"/v1/subscriptions/{number}", Authorization=f"Bearer {secret}")
        answers.add((reply.status, reply.body))
    assert server.building.entries(SUBSCRIPTION_ENDED) == []
    for _ in range(2):
        reply = server.ask("DELETE", f"/v1/subscriptions/{made['id']}", Authorization=f"Bearer {made['secret']}")
        answers.add((reply.status, reply.body))
    assert answers == {(204, b"")}
    assert len(server.building.entries(SUBSCRIPTION_ENDED)) == 1
    assert server.ask("DELETE", f"/v1/subscriptions/{made['id']}").status == 401


def test_subscribing_again_tells_nothing_of_the_first(server: Server) -> None:
    """The same address again is a new subscription with a new secret, in an answer of the same form."""
    one, two = subscribe(server), subscribe(server)
    assert one.status == two.status == 201
    assert one.json().keys() == two.json().keys()
    assert one.json()["secret"] != two.json()["secret"]


def test_one_address_is_not_flooded(server: Server) -> None:
    """An address can be subscribed a few times only: a warning must not become a flood aimed at somebody."""
    statuses = [subscribe(server).status for _ in range(12)]
    assert statuses == [201] * 10 + [429] * 2


def test_a_repeat_with_a_key_subscribes_once(server: Server) -> None:
    """The same Idempotency-Key gives the same subscription and the same secret."""
    one, two = (subscribe(server, {"Idempotency_Key": "k"}) for _ in range(2))
    assert one.json() == two.json()
    assert len(server.building.entries(SUBSCRIPTION_MADE)) == 1


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"url": "http://10.0.0.1/"}, 400, "input.parameter"),
        ({"url": "http://user:secret@example.org/"}, 400, "input.parameter"),
        ({"url": "ftp://example.org/"}, 400, "input.parameter"),
        ({"url": "http://169.254.169.254/latest"}, 400, "input.parameter"),
        ({"areas": []}, 400, "input.parameter"),
        ({"areas": ["XX-99"]}, 404, "input.place-unknown"),
        ({"channel": "pigeon"}, 400, "input.parameter"),
        ({"phases": ["red"]}, 400, "input.parameter"),
        ({"more": 1}, 400, "input.parameter"),
    ],
)
def test_what_cannot_be_subscribed_is_refused(server: Server, changed: dict[str, Any], status: int, code: str) -> None:
    """Addresses inside, unknown areas, channels, phases and fields are refused by name, and nothing is recorded."""
    reply = subscribe(server, **changed)
    assert (reply.status, reply.json()["code"]) == (status, code)
    assert server.building.entries(SUBSCRIPTION_MADE) == []


def test_junk_is_unreadable(server: Server) -> None:
    """A body that is no JSON is 400, of another type 415."""
    reply = server.ask("POST", "/v1/subscriptions", b"{", Content_Type="application/json")
    assert (reply.status, reply.json()["code"]) == (400, "input.unreadable")
    assert server.ask("POST", "/v1/subscriptions", b"a=b", Content_Type="text/plain").status == 415

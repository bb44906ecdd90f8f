"""POST /v1/alerts: what is taken, what is refused and how, and what a repeat gets."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from tests.contracts.web.conftest import SENDER, Building, Reply, Server
from tocsin.cap.alert import Alert, Named
from tocsin.cap.xml import write
from tocsin.sense.report import REPORT_RECEIVED, Report
from tocsin.web.submit import SUBMISSION_ACCEPTED, Receipt
from tocsin.web.token import TOKEN_ISSUED, revoke


def post(server: Server, token: str, content: bytes, kind: str = "application/cap+xml", **headers: str) -> Reply:
    """POST a message."""
    return server.ask("POST", "/v1/alerts", content, Authorization=f"Bearer {token}", Content_Type=kind, **headers)


def test_a_fit_message_is_recorded_word_for_word_before_it_is_answered(server: Server) -> None:
    """201 comes when the report is on disk, byte for byte, with whose token brought it."""
    token, content = server.building.token(), write(server.building.message())
    reply = post(server, token, content)
    assert reply.status == 201
    receipt = msgspec.convert(reply.json(), Receipt)
    (entry,) = server.building.entries(REPORT_RECEIVED)
    report = entry.read(Report)
    assert (report.id, report.content, report.source) == (receipt.report, content, SENDER)
    (accepted,) = server.building.entries(SUBMISSION_ACCEPTED)
    assert accepted.subject == receipt.report
    assert reply.headers["location"] == f"/v1/alerts/{receipt.report}"


def test_its_sender_and_nobody_else_can_ask_what_became_of_it(server: Server) -> None:
    """The address says "waiting" to the token that sent it, and to everybody else that nothing is there."""
    token, other = server.building.token(), server.building.token()
    reply = post(server, token, write(server.building.message()))
    server.building.take_in()
    address = reply.headers["location"]
    assert server.get(address, Authorization=f"Bearer {token}").json()["state"] == "waiting"
    assert server.get(address, Authorization=f"Bearer {other}").status == 404
    assert server.get(address).status == 401
    assert server.get("/v1/alerts/nothing").status == 401


def test_the_same_message_again_is_the_same_report(server: Server) -> None:
    """Sent twice, it is 200 with the same address the second time, and one report."""
    token, content = server.building.token(), write(server.building.message())
    first, second = post(server, token, content), post(server, token, content)
    assert (first.status, second.status) == (201, 200)
    assert first.headers["location"] == second.headers["location"]
    assert second.json()["known"] is True
    assert len(server.building.entries(REPORT_RECEIVED)) == 1
    assert len(server.building.entries(SUBMISSION_ACCEPTED)) == 1


def test_a_second_text_under_one_identifier_is_refused(server: Server) -> None:
    """Two messages with one identifier and sender cannot be told apart, so the second is 409."""
    token, message = server.building.token(), server.building.message()
    assert post(server, token, write(message)).status == 201
    other = msgspec.structs.replace(message, note="changed")
    reply = post(server, token, write(other))
    assert (reply.status, reply.json()["code"]) == (409, "input.identifier-taken")


def test_each_fault_is_named_with_its_place(server: Server) -> None:
    """An unfit message is 422 with every fault: code, path, line and a sentence."""
    token = server.building.token()
    content = write(server.building.message())
    content = content.replace(b"<urgency>Immediate</urgency>", b"<urgency>Soon</urgency>")
    content = content.replace(b"<expires>2024-11-20T18:00:00+00:00</expires>", b"<expires>tomorrow</expires>")
    reply = post(server, token, content)
    assert (reply.status, reply.headers["content-type"]) == (422, "application/problem+json")
    document = reply.json()
    assert document["code"] == "input.alert-unfit"
    paths = {fault["path"] for fault in document["faults"]}
    assert any("urgency" in path for path in paths)
    assert any("expires" in path for path in paths)
    assert all(fault["code"] and fault["message"] for fault in document["faults"])
    assert server.building.entries(REPORT_RECEIVED) == []


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b'<!DOCTYPE a [<!ENTITY x "y">]><alert>&x;</alert>', 400, "input.xml-hostile"),
        ('<!DOCTYPE a [<!ENTITY x "y">]><alert>&x;</alert>'.encode("utf-16"), 400, "input.xml-hostile"),
        (b"<a>" * 100_000, 400, "input.xml-hostile"),
        (b"<a>" + b"<b/>" * 400_000 + b"</a>", 400, "input.xml-hostile"),
        (b"", 400, "input.unreadable"),
        (b"\x00\x01\x02 nothing", 400, "input.unreadable"),
        (b"<rss/>", 422, "input.alert-unfit"),
    ],
    ids=["entity", "entity-utf16", "deep", "flood", "empty", "junk", "no-alert"],
)
def test_hostile_and_unreadable_bodies_are_refused(server: Server, content: bytes, status: int, code: str) -> None:
    """What is hostile is 400 and never read; what is no message is refused with its reason."""
    reply = post(server, server.building.token(), content)
    assert (reply.status, reply.json()["code"]) == (status, code)
    assert server.building.entries(REPORT_RECEIVED) == []


def test_a_body_that_is_too_large_is_refused_while_it_comes(server: Server) -> None:
    """413 by its announced length before it is sent, and by its real length while it is streamed."""
    token = server.building.token()
    largest = server.building.settings.max_message_bytes
    reply = post(server, token, b"x" * (largest + 1))
    assert (reply.status, reply.json()["code"]) == (413, "input.too-large")
    head = (
        f"POST /v1/alerts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        "Content-Type: application/cap+xml\r\nTransfer-Encoding: chunked\r\n\r\n"
    ).encode()
    chunk = b"%x\r\n%b\r\n" % (500_000, b"x" * 500_000)
    answer = server.raw(head + chunk * 5, wait=3)
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_the_media_type_is_checked(server: Server) -> None:
    """CAP comes as application/cap+xml, application/xml or text/xml; anything else is 415 and says so."""
    token, building = server.building.token(), server.building
    for kind in ("application/cap+xml", "application/xml; charset=utf-8", "TEXT/XML"):
        assert post(server, token, write(building.message()), kind).status == 201
    reply = post(server, token, write(building.message()), "application/json")
    assert (reply.status, reply.json()["code"]) == (415, "input.media-type")
    assert "application/cap+xml" in reply.headers["accept-post"]


def test_without_a_token_that_opens_this_nothing_is_learnt(server: Server) -> None:
    """No token, an unknown, a misspelt, a revoked and an ended one get one and the same answer."""
    building = server.building
    good, ended = building.token(), building.token(ends=building.clock.now() + timedelta(hours=1))
    revoked = building.token()
    revoke(building.store, building.clock.now(), revoked.split("_")[1], realm="actual")
    building.take_in()
    building.clock.turn(3600)
    content = write(building.message())
    answers = set()
    for header in ("", "Basic abc", f"Bearer {good[:-1]}x", "Bearer tocsin_000000000000_abc", f"Bearer {revoked}"):
        reply = server.ask("POST", "/v1/alerts", content, Content_Type="text/xml", Authorization=header)
        answers.add((reply.status, reply.body, reply.headers["www-authenticate"]))
    reply = post(server, ended, content)
    answers.add((reply.status, reply.body, reply.headers["www-authenticate"]))
    assert len(answers) == 1
    assert next(iter(answers))[0] == 401
    assert post(server, good, content).status == 201


def test_a_token_speaks_for_its_own_senders_only(server: Server) -> None:
    """A message of another sender is 403, and the answer does not say who may speak."""
    token = server.building.token("one@example.org")
    reply = post(server, token, write(server.building.message(sender="two@example.org")))
    assert (reply.status, reply.json()["code"]) == (403, "person.foreign-sender")
    assert b"one@example.org" not in reply.body
    assert post(server, token, write(server.building.message(sender="one@example.org"))).status == 201


@pytest.mark.parametrize("status", ["Exercise", "Test", "System"])
def test_only_actual_goes_into_the_actual_realm(server: Server, status: str) -> None:
    """Nothing but Actual is taken in the actual realm (F1)."""
    reply = post(server, server.building.token(), write(server.building.message(status=status, note="EXERCISE")))
    assert (reply.status, reply.json()["code"]) == (422, "input.realm")


def test_an_exercise_takes_no_actual_message(drill: Server) -> None:
    """The exercise realm takes Exercise and Test, and refuses Actual (F1)."""
    token = drill.building.token()
    for status, expected in (("Actual", 422), ("Exercise", 201), ("Test", 201)):
        message = drill.building.message(status=status, note="EXERCISE")
        assert post(drill, token, write(message)).status == expected


def test_a_key_makes_a_repeat_harmless(server: Server) -> None:
    """One Idempotency-Key, one answer: 201 again for the same body, 422 for another; keys are apart by token."""
    building = server.building
    token, other = building.token(), building.token(source="second")
    one, two = write(building.message()), write(building.message())
    first = post(server, token, one, Idempotency_Key="a")
    again = post(server, token, one, Idempotency_Key="a")
    assert (first.status, again.status) == (201, 201)
    assert first.body == again.body
    assert again.headers["location"] == first.headers["location"]
    reply = post(server, token, two, Idempotency_Key="a")
    assert (reply.status, reply.json()["code"]) == (422, "input.idempotency-key")
    assert post(server, other, two, Idempotency_Key="a").status == 201
    assert post(server, token, two, Idempotency_Key="x" * 256).json()["code"] == "input.parameter"


def test_a_refusal_is_not_kept_under_a_key(server: Server) -> None:
    """What was refused can be mended and sent again under the same key."""
    token = server.building.token()
    assert post(server, token, b"<x/>", Idempotency_Key="k").status == 422
    assert post(server, token, write(server.building.message()), Idempotency_Key="k").status == 201


def test_kept_answers_survive_a_restart_and_show_nothing(tmp_path: Path) -> None:
    """After a restart the same key gets the same answer; the store's file holds neither the key nor the answer."""
    answers, bodies = [], []
    token = ""
    content = b""
    for _ in range(2):
        building = Building(tmp_path)
        token = token or building.token()
        content = content or write(building.message())
        server = Server(building)
        reply = post(server, token, content, Idempotency_Key="key-of-the-client")
        answers.append((reply.status, reply.headers["location"]))
        bodies.append(reply.body)
        server.stop()
        building.store.close()
    assert answers[0] == answers[1]
    assert bodies[0] == bodies[1]
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("tocsin.db*"))
    assert b"key-of-the-client" not in stored
    assert token.encode() not in stored
    assert token.rsplit("_", 1)[1].encode() not in stored


def test_two_at_the_same_time_are_done_once(server: Server) -> None:
    """Ten requests with one key at once make one report and get one answer."""
    token, content = server.building.token(), write(server.building.message())
    replies: list[Reply] = []
    threads = [
        threading.Thread(target=lambda: replies.append(post(server, token, content, Idempotency_Key="k")))
        for _ in range(10)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {reply.status for reply in replies} == {201}
    assert len({reply.body for reply in replies}) == 1
    assert len(server.building.entries(REPORT_RECEIVED)) == 1


def test_a_flood_of_messages_is_told_when_to_come_back(tmp_path: Path) -> None:
    """Too many messages of one token are 429 with Retry-After; another token is not held up by them."""
    building = Building(tmp_path, writes_per_second=0.2)
    server = Server(building)
    token, other = building.token(), building.token()
    statuses = [post(server, token, b"<x/>").status for _ in range(6)]
    assert statuses == [422] * 4 + [429] * 2
    reply = post(server, token, b"<x/>")
    assert int(reply.headers["retry-after"]) >= 1
    assert reply.json()["retry_after"] == int(reply.headers["retry-after"])
    assert post(server, other, b"<x/>").status == 422
    server.stop()
    building.store.close()


def test_guessing_tokens_is_slow_work(server: Server) -> None:
    """After a few wrong tokens an address has to wait, whatever it sends next."""
    statuses = [post(server, f"tocsin_{n:012x}_guess", b"").status for n in range(25)]
    assert statuses[:20] == [401] * 20
    assert 429 in statuses[20:]


def test_the_journal_never_holds_a_token(server: Server) -> None:
    """Of a token only its hash is recorded."""
    token = server.building.token()
    (entry,) = server.building.entries(TOKEN_ISSUED)
    assert token.encode() not in entry.body
    assert token.split("_", 2)[2].encode() not in entry.body


def test_what_was_published_of_it_is_found_under_the_same_address(server: Server) -> None:
    """Once the mirror has published a report, its address leads everybody to the published message."""
    building = server.building
    reply = post(server, building.token(), write(building.message()))
    report = reply.json()["report"]
    published = building.publish("act")
    entry = building.store.read(building.store.head().seq - 1, 1)[0]
    assert entry.subject == published.identifier
    again = msgspec.structs.replace(
        published, identifier="mirrored.1", report=report, report_of=f"{SENDER},msg.1", version=1, event_id="mirrored"
    )
    cap = write(named(building.message(identifier="mirrored.1"), "mirrored")).decode()
    building.store.append([_published(msgspec.structs.replace(again, cap=cap))])
    building.take_in()
    fate = server.get(reply.headers["location"]).json()
    assert fate == {
        "identifier": "mirrored.1",
        "state": "published",
        "report": report,
        "published": "/alerts/mirrored.1.xml",
    }
    assert server.get(fate["published"]).status == 200


def named(alert: Alert, event: str) -> Alert:
    """The alert with the machine fields of an event."""
    from tocsin.cap.alert import EVENT_ID, VERSION

    info = msgspec.structs.replace(alert.infos[0], parameters=(Named(EVENT_ID, event), Named(VERSION, "1")))
    return msgspec.structs.replace(alert, infos=(info,))


def _published(made: object) -> object:
    from tocsin.journal import fact
    from tocsin.warn.publish import ALERT_PUBLISHED

    return fact(ALERT_PUBLISHED, made.identifier, made, "actual")  # type: ignore[attr-defined]

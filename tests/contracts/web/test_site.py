"""The whole site: methods, hardening, sharing with other origins, bounds, languages, health."""

from __future__ import annotations

import html
import json
import logging
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contracts.web.conftest import Building, Server
from tocsin.errors import PolicyError, StoreError
from tocsin.web.health import Ailment, holds
from tocsin.web.table import TABLE

READS = ("/at/UA-30.json", "/at/UA-30.txt", "/alerts.atom", "/v1/alerts", "/v1/sources", "/v1/keys", "/v1/openapi.json")
PAGES = ("/", "/at/UA-30", "/docs", "/nothing-here", "/healthz")


@pytest.mark.parametrize("path", [*READS, *PAGES])
def test_every_answer_is_hardened(server: Server, path: str) -> None:
    """CSP without exceptions, nosniff, no referrer, no framing; no header twice; nothing says what runs here."""
    reply = server.get(path)
    policy = reply.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "base-uri 'none'" in policy
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["referrer-policy"] == "no-referrer"
    assert reply.headers["cross-origin-opener-policy"] == "same-origin"
    assert "permissions-policy" in reply.headers
    assert "server" not in reply.headers
    assert reply.doubled == []


@pytest.mark.parametrize("path", READS)
def test_reads_are_open_to_other_origins(server: Server, path: str) -> None:
    """Any web page may read: the answer, a preflight, and also a fault."""
    assert server.get(path, Origin="https://other.example").headers["access-control-allow-origin"] == "*"
    preflight = server.ask("OPTIONS", path, Origin="https://other.example", Access_Control_Request_Method="GET")
    assert preflight.status == 204
    assert "GET" in preflight.headers["access-control-allow-methods"]
    assert "If-None-Match" in preflight.headers["access-control-allow-headers"]
    assert server.get("/at/XX-99.json").headers["access-control-allow-origin"] == "*"


def test_writes_are_not_open_to_other_origins(server: Server) -> None:
    """A preflight for POST allows no POST."""
    reply = server.ask("OPTIONS", "/v1/subscriptions", Origin="https://x.example", Access_Control_Request_Method="POST")
    assert "access-control-allow-methods" not in reply.headers
    assert "POST" in reply.headers["allow"]


def test_every_path_refuses_other_methods_and_names_its_own(server: Server) -> None:
    """405 with Allow on every path of the table and of the pages."""
    paths = {one.path: {other.method for other in TABLE if other.path == one.path} for one in TABLE}
    for path, methods in {**paths, "/": {"GET"}}.items():
        address = (
            path.replace("{code}", "UA-30").replace("{identifier}", "x").replace("{name}", "x").replace("{id}", "x")
        )
        reply = server.ask("PATCH", address)
        assert (reply.status, reply.headers["content-type"]) == (405, "application/problem+json"), path
        allowed = {method.strip() for method in reply.headers["allow"].split(",")}
        assert methods <= allowed, path
        assert "PATCH" not in allowed


@pytest.mark.parametrize("path", [*READS, *PAGES[:3], "/readyz", "/metrics"])
def test_head_is_get_without_a_body(server: Server, path: str) -> None:
    """HEAD has the status and headers of GET and no body."""
    head, get = server.ask("HEAD", path), server.get(path)
    assert (head.status, head.body) == (get.status, b"")
    assert head.headers.get("content-type") == get.headers.get("content-type")


@pytest.mark.parametrize(
    ("language", "title"),
    [
        ("en", "There is nothing at this address."),
        ("uk", "За цією адресою нічого немає."),
        ("de-CH", "Unter dieser Adresse gibt es nichts."),
        ("fr;q=0.9, xx", "Il n'y a rien à cette adresse."),
        ("zz", "There is nothing at this address."),
    ],
)
def test_a_fault_speaks_the_readers_language(server: Server, language: str, title: str) -> None:
    """The title is translated; the code is not."""
    document = server.get("/v1/nothing", Accept_Language=language).json()
    assert (document["code"], document["title"], document["status"]) == ("person.not-found", title, 404)


def test_what_breaks_inside_is_told_to_the_operator_alone(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A fault of ours is a 500 without a trace of itself; the log has it."""

    def broken(*_: object) -> None:
        raise RuntimeError("secret path /etc/tocsin")

    monkeypatch.setattr(server.house.situation, "at_point", broken)
    with caplog.at_level(logging.ERROR):
        reply = server.get("/v1/phase?point=50,30")
    assert (reply.status, reply.json()["code"]) == (500, "tocsin")
    assert b"secret" not in reply.body
    assert b"Traceback" not in reply.body
    until(lambda: "secret path" in caplog.text)


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds that the server does in its own thread, after it has answered."""
    for _ in range(500):
        if holds():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it never held")


# --- bounds ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"x-%d: y\r\n" % n for n in range(100)) + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nx: " + b"y" * 20_000 + b"\r\n\r\n",
        b"GET /v1/places?q=" + b"a" * 10_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
    ids=["many", "long", "address"],
)
def test_headers_and_addresses_are_bounded(server: Server, data: bytes) -> None:
    """Too many or too long headers, or too long an address, are 431."""
    answer = server.raw(data, wait=1)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b'"code":"input.headers-too-large"' in answer


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /\x00 HTTP/1.1\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v1/alerts HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc",
        b"POST /v1/alerts HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n bad\r\nbad header\r\n\r\n",
        b"GET /alerts.atom HTTP/1.1\r\nHost x\r\n\r\n",
    ],
    ids=["tls", "nul", "version", "smuggling", "negative", "folded", "no-colon"],
)
def test_what_is_no_http_is_refused_and_closed(server: Server, data: bytes) -> None:
    """Bytes that are no well-formed request get 400 as a problem document, hardened, and the connection ends."""
    answer = server.raw(data, wait=3)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in answer
    assert b"x-content-type-options: nosniff" in answer
    assert server.get("/healthz").status == 200


def test_a_body_that_does_not_come_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that stops half-way is 408 after its time, and holds up nobody else."""
    monkeypatch.setattr("tocsin.web.guard.BODY_SECONDS", 0.3)
    building = Building(tmp_path)
    server = Server(building)
    token = building.token()
    head = (
        f"POST /v1/alerts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        "Content-Type: text/xml\r\nContent-Length: 1000\r\n\r\n<alert"
    ).encode()
    answer = server.raw(head, wait=5)
    assert answer.startswith(b"HTTP/1.1 408 ")
    server.stop()
    building.store.close()


@pytest.mark.parametrize(
    "path",
    [
        "/static/../site.py",
        "/static/%2e%2e/site.py",
        "/static/..%2fsite.py",
        "/at/../../etc/passwd",
        "/at/%00.json",
        "/at/..%2f..%2fetc%2fpasswd.json",
        "//etc/passwd",
        "/alerts/..%2f..%2f..%2fetc%2fpasswd.xml",
        "/at/" + "A" * 2000 + ".json",
        "/at/%ff%fe.json",
        "/v1/alerts/%2e%2e",
        "/docs/../../x",
    ],
)
def test_tricks_with_paths_lead_nowhere(server: Server, path: str) -> None:
    """No path leads out of what is served; each trick is a plain refusal."""
    answer = server.raw(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert answer.split(b" ", 2)[1] in (b"404", b"400", b"401", b"431"), answer[:80]
    assert b"root:" not in answer
    assert b"from __future__" not in answer


def test_reading_too_much_is_told_when_to_come_back(tmp_path: Path) -> None:
    """Reads are bounded by address too, generously; what is kept ready is given all the same."""
    building = Building(tmp_path, reads_per_second=0.5)
    server = Server(building)
    statuses = [server.get("/v1/sources").status for _ in range(12)]
    assert statuses == [200] * 10 + [429] * 2
    assert int(server.get("/v1/sources").headers["retry-after"]) >= 1
    assert server.get("/at/UA-30.json").status == 200
    assert server.get("/alerts.atom").status == 200
    server.stop()
    building.store.close()


def test_behind_our_own_proxy_readers_are_told_apart(tmp_path: Path) -> None:
    """X-Forwarded-For of a trusted proxy names the reader; of anybody else it names nobody."""
    for proxies, expected in ((("127.0.0.1",), 200), ((), 429)):
        building = Building(tmp_path / str(expected), reads_per_second=0.1, trusted_proxies=proxies)
        server = Server(building)
        statuses = [server.get("/v1/sources", X_Forwarded_For=f"192.0.2.{n}").status for n in range(5)]
        assert statuses[-1] == expected
        server.stop()
        building.store.close()


def test_a_check_of_another_room_is_made(server: Server) -> None:
    """Whoever wires the house adds what else a warning needs; a check that breaks did not pass."""

    def unsigned() -> None:
        raise PolicyError("its signature is missing")

    server.building.hear()
    server.house.checks.append(holds("policy", unsigned))
    server.house.checks.append(holds("certificates", lambda: None))
    told = server.get("/readyz").json()
    assert [fault["code"] for fault in told["faults"]] == ["operator.policy"]
    assert {"policy", "certificates"} <= set(told["checked"])


# --- the installation --------------------------------------------------------------------------------------------------


def test_ready_while_everything_is(server: Server) -> None:
    """With a source heard, a key, a disk and a clock, it is ready, and says what it looked at."""
    server.building.hear()
    reply = server.get("/readyz")
    assert (reply.status, reply.json()["ready"], reply.json()["faults"]) == (200, True, [])
    assert {"journal", "chain", "sources", "key", "disk", "clock", "stream"} <= set(reply.json()["checked"])
    assert server.get("/readyz", Accept="text/plain").body == b"Ready to warn.\n"


def test_each_fault_is_one_sentence(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A source never heard, a store that cannot be written, a check that fails: 503, each with its code."""

    def full(_: object) -> None:
        raise StoreError("disk I/O error")

    monkeypatch.setattr(server.house.answers, "touch", full)
    server.house.checks.append(lambda at: [Ailment("policy.invalid", "The policy is not signed: sign it.")])
    reply = server.get("/readyz")
    assert (reply.status, reply.headers["content-type"]) == (503, "application/problem+json")
    document = reply.json()
    assert document["code"] == "operator.not-ready"
    codes = {fault["code"] for fault in document["faults"]}
    assert codes == {"journal.not-written", "source.never-heard", "policy.invalid"}
    assert all(fault["sentence"].endswith(".") for fault in document["faults"])
    assert server.get("/healthz").status == 200


def test_a_broken_chain_is_seen_and_said(server: Server) -> None:
    """An entry that does not fit the one before it is shown all the same, and readiness says which it is."""
    server.building.hear()
    server.house._hash = b"\1" * 32
    server.building.publish("act")
    assert server.get("/at/UA-30.json").json()["phase"] == "act"
    codes = {fault["code"] for fault in server.get("/readyz").json()["faults"]}
    assert codes == {"journal.broken"}


def test_measures_are_bounded_and_true(server: Server) -> None:
    """/metrics counts by route and never by address, and tells the journal, sources and streams."""
    server.building.hear()
    server.building.publish("act")
    for n in range(5):
        server.get(f"/v1/nothing-{n}")
        server.get("/v1/sources")
    text = server.get("/metrics").body.decode()
    assert 'tocsin_http_requests_total{method="GET",route="/v1/sources",status="200"} 5.0' in text
    assert 'tocsin_http_requests_total{method="GET",route="none",status="404"} 5.0' in text
    assert "nothing-" not in text
    assert f"tocsin_journal_seq {float(server.building.store.head().seq)}" in text
    assert 'tocsin_source_fresh{source="office"} 1.0' in text
    assert 'tocsin_alerts_live{phase="act"} 1.0' in text
    assert "tocsin_alerts_published_total 1.0" in text


def test_the_stream_stands_beside_the_application(server: Server) -> None:
    """GET /v1/stream on the same port is an event stream, given by the protocol in front."""
    answer = server.raw(b"GET /v1/stream HTTP/1.1\r\nHost: x\r\n\r\n", wait=0.3)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"text/event-stream" in answer


BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


@pytest.mark.parametrize("path", ["/at/XX-99", "/nothing-here", "/incidents/none", "/shelters?point=x", "/at/%00"])
@pytest.mark.parametrize(
    ("language", "silence"), [("en", "nothing about whether there is danger"), ("de", "ob Gefahr")]
)
def test_what_is_wrong_is_a_page_for_a_person(server: Server, path: str, language: str, silence: str) -> None:
    """A browser gets the status and the code of the problem document as a page that says what to do; a program gets data."""
    told = server.get(path, Accept_Language=language)
    page = server.get(path, Accept=BROWSER, Accept_Language=language)
    assert told.status == page.status
    problem = json.loads(told.body)
    assert told.headers["content-type"] == "application/problem+json"
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["cache-control"] == "no-store"
    text = page.body.decode()
    assert html.escape(problem["title"], quote=False) in text.replace("&#39;", "'")
    assert f"<code>{problem['code']}</code>" in text
    assert silence in text
    assert f'<html lang="{language}"' in text
    assert "<script" not in text


@pytest.mark.parametrize("path", ["/v1/alerts/none", "/at/XX-99.json", "/alerts/none.xml", "/static/none.css"])
def test_addresses_for_programs_answer_programs(server: Server, path: str) -> None:
    """Opened in a browser they give what a program gets: whoever opens them wants to see that."""
    assert server.get(path, Accept=BROWSER).headers["content-type"] == "application/problem+json"


def test_a_wrong_method_from_a_form_is_a_page_that_still_names_the_right_ones(server: Server) -> None:
    """405 as a page bears Allow as the document does."""
    page = server.ask("DELETE", "/at/UA-30", Accept=BROWSER)
    assert (page.status, page.headers["content-type"]) == (405, "text/html; charset=utf-8")
    assert "GET" in page.headers["allow"]


def test_the_description_is_served(server: Server) -> None:
    """OpenAPI 3.1 with every path of the table; the page of it loads nothing from anywhere."""
    described = json.loads(server.get("/v1/openapi.json").body)
    assert described["openapi"] == "3.1.0"
    assert set(described["paths"]) == {one.path for one in TABLE}
    page = server.get("/docs").body.decode()
    assert "<script" not in page
    assert "http://" not in page.replace("http://127", "")
    assert "https://" not in page

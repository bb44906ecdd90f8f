"""The public feed, its messages, and the ready answers they are given as."""

from __future__ import annotations

import gzip
from urllib.parse import quote, urlsplit

import pytest
from lxml import etree

from tests.contracts.web.conftest import Reply, Server
from tocsin.cap.check import check
from tocsin.cap.xml import read

ATOM = {"a": "http://www.w3.org/2005/Atom", "cap": "urn:oasis:names:tc:emergency:cap:1.2"}


def texts(reply: Reply, path: str) -> list[str]:
    """What the elements at ``path`` of a feed say."""
    return [node.text or "" for node in etree.fromstring(reply.body).findall(path, ATOM)]


def links(reply: Reply, rel: str, path: str = "a:link") -> list[str]:
    """Where the links of this kind lead, without the host."""
    nodes = etree.fromstring(reply.body).findall(path, ATOM)
    found = (urlsplit(node.get("href", "")) for node in nodes if node.get("rel") == rel)
    return [one.path + (f"?{one.query}" if one.query else "") for one in found]


def test_the_feed_is_atom_with_links_to_the_messages(server: Server) -> None:
    """RFC 4287: id, title, updated, author; each entry links to the CAP message, which is served byte for byte."""
    made = [server.building.publish("act") for _ in range(3)]
    reply = server.get("/alerts.atom")
    assert reply.headers["content-type"] == "application/atom+xml; charset=utf-8"
    for path in ("a:id", "a:title", "a:updated", "a:author/a:name", "a:link"):
        assert texts(reply, path), path
    addresses = links(reply, "alternate", "a:entry/a:link")
    assert len(addresses) == 3
    for address, one in zip(addresses, reversed(made), strict=True):
        message = server.get(address)
        assert message.body == one.cap.encode()
        assert message.headers["content-type"].startswith("application/cap+xml")
        assert check(message.body).fit
    assert texts(reply, "a:entry/cap:status") == ["Actual"] * 3


def test_ids_stay(server: Server) -> None:
    """An entry keeps its id while others come, and no two entries share one."""
    server.building.publish("act")
    (first,) = texts(server.get("/alerts.atom"), "a:entry/a:id")
    server.building.publish("act")
    ids = texts(server.get("/alerts.atom"), "a:entry/a:id")
    assert ids[1] == first
    assert len(set(ids)) == 2


def test_an_exercise_says_so_in_every_title(drill: Server) -> None:
    """The feed of the exercise realm is marked in the title of the feed and of each entry (F16)."""
    drill.building.publish("act")
    reply = drill.get("/alerts.atom")
    assert all(
        title.upper().startswith("EXERCISE") for title in texts(reply, "a:title") + texts(reply, "a:entry/a:title")
    )


def test_markup_in_an_alert_stays_text(server: Server) -> None:
    """What an alert says is escaped; it cannot become markup of the feed."""
    server.building.publish("act", headline='<script>alert("x")</script> & ]]>', description="\u2028 <b>bold</b>")
    reply = server.get("/alerts.atom")
    assert texts(reply, "a:entry/a:title") == ['<script>alert("x")</script> & ]]>']
    assert b"<script" not in reply.body


def test_pages_of_the_feed_hold_every_alert_once(server: Server) -> None:
    """Following rel=next leads through all alerts, newest first, none twice, however many come meanwhile."""
    made = [server.building.publish("act").identifier for _ in range(120)]
    seen: list[str] = []
    reply = server.get("/alerts.atom")
    while True:
        seen += texts(reply, "a:entry/cap:identifier")
        onward = links(reply, "next")
        if not onward:
            break
        server.building.publish("act")
        reply = server.get(onward[0])
        assert links(reply, "first") == ["/alerts.atom"]
    assert seen == list(reversed(made))
    assert server.get("/alerts.atom?before=abc").json()["code"] == "input.parameter"
    assert server.get("/alerts.atom?before=999999").body == server.get("/alerts.atom").body


def test_the_feed_is_compressed_where_that_is_accepted(server: Server) -> None:
    """gzip only where the reader takes it; both forms are the same bytes, with an ETag of their own."""
    server.building.publish("act")
    plain = server.get("/alerts.atom", Accept_Encoding="identity")
    packed = server.get("/alerts.atom", Accept_Encoding="br, gzip")
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert packed.headers["etag"] != plain.headers["etag"]
    assert "Accept-Encoding" in plain.headers["vary"]
    assert "content-encoding" not in server.get("/alerts.atom", Accept_Encoding="gzip;q=0").headers


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_what_did_not_change_is_not_sent(server: Server, encoding: str) -> None:
    """304 by ETag, weak or listed, and by date; a new alert makes it 200; a wrong ETag wins over a right date."""
    server.building.publish("act")
    first = server.get("/alerts.atom", Accept_Encoding=encoding)
    tag, date = first.headers["etag"], first.headers["last-modified"]
    for headers in (
        {"If_None_Match": tag},
        {"If_None_Match": f'"other", W/{tag}'},
        {"If_None_Match": "*"},
        {"If_Modified_Since": date},
    ):
        reply = server.get("/alerts.atom", Accept_Encoding=encoding, **headers)
        assert (reply.status, reply.body) == (304, b"")
        assert reply.headers["etag"] == tag
    assert server.get("/alerts.atom", If_None_Match='"other"', If_Modified_Since=date).status == 200
    server.building.clock.turn(2)
    server.building.publish("act")
    assert server.get("/alerts.atom", If_None_Match=tag).status == 200
    assert server.get("/alerts.atom", If_Modified_Since=date).status == 200


def test_a_message_may_be_kept_for_ever(server: Server) -> None:
    """A published message never changes, and its answer says so."""
    one = server.building.publish("act")
    assert "immutable" in server.get(f"/alerts/{one.identifier}.xml").headers["cache-control"]


@pytest.mark.parametrize("identifier", ["a/b", "ä?x#y", "urn:oid:2.49.0.0.36.0.1", "..%2f..", "x.xml"])
def test_identifiers_are_addressed_whatever_is_in_them(server: Server, identifier: str) -> None:
    """An identifier is percent-encoded in its address and found again by it."""
    one = server.building.publish("act", identifier=identifier)
    (address,) = links(server.get("/alerts.atom"), "alternate", "a:entry/a:link")
    assert server.get(address).body == one.cap.encode()
    told = server.get(f"/alerts/{quote(identifier, safe='')}.json").json()
    assert told["identifier"] == identifier
    assert told["infos"][0]["areas"][0]["geocodes"] == {"ISO3166-2": ["UA-30"]}
    assert read(server.get(address).body).alerts[0].identifier == identifier


def test_the_wire_and_the_application_say_the_same(server: Server) -> None:
    """A request that comes whole, one that comes in two pieces, and one behind another get the same answer."""
    server.building.hear()
    one = server.building.publish("act")
    for path in ("/alerts.atom", "/at/UA-30.json", "/at/UA-30.txt?lang=uk", f"/alerts/{one.identifier}.xml"):
        for more in ("", "Accept-Encoding: gzip\r\n", "If-None-Match: *\r\n", "Accept-Language: de\r\n"):
            head = f"GET {path} HTTP/1.1\r\nHost: x\r\n{more}"
            whole = server.raw(f"{head}\r\n".encode(), one=True)
            closing = server.raw(f"{head}Connection: close\r\n\r\n".encode())
            twice = server.raw(f"{head}\r\n{head}Connection: close\r\n\r\n".encode())
            assert parted(whole) == parted(closing), (path, more)
            assert twice.count(b"HTTP/1.1 ") == 2
            assert parted(twice[twice.rindex(b"HTTP/1.1 ") :]) == parted(closing)


def parted(answer: bytes) -> tuple[bytes, set[bytes], bytes]:
    """The status line, the headers but those of the connection and the moment, and the body."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.split(b"\r\n")
    return status, {line for line in lines if not line.lower().startswith((b"date:", b"connection:"))}, body

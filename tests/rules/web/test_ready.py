"""Ready answers: which form is sent, and when nothing needs to be."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.web.ready import Ready, accepts_gzip, conditions

AT = datetime(2024, 11, 20, 12, 0, 0, 999_999, tzinfo=UTC)
BODY = b"<feed>" + b"tocsin " * 200 + b"</feed>"


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        (b"gzip", True),
        (b"gzip, deflate, br, zstd", True),
        (b"br;q=1.0, gzip;q=0.8, *;q=0.1", True),
        (b"*", True),
        (b"", False),
        (b"identity", False),
        (b"gzip;q=0", False),
        (b"gzip; q=0.000", False),
        (b"*;q=0", False),
        (b"gzip;q=x", False),
        (b"GZIP;q=1", True),
        (b"deflate, br", False),
    ],
)
def test_gzip_is_sent_only_where_it_is_taken(header: bytes, accepted: bool) -> None:
    """A weight of 0 refuses it, and what cannot be read does not ask for it (RFC 9110, section 12.5.3)."""
    assert accepts_gzip(header.lower() if b"GZIP" in header else header) is accepted


@given(st.binary(max_size=2000))
def test_both_forms_are_the_same_bytes(body: bytes) -> None:
    """What comes out of the compressed form is what stands in the plain one, with its length."""
    ready = Ready(body, "text/plain", "/x")
    for header in ([], [(b"accept-encoding", b"gzip")]):
        start, sent = ready.answer(header)
        told = dict(start["headers"])
        assert told[b"content-length"] == str(len(sent["body"])).encode()
        content = gzip.decompress(sent["body"]) if b"content-encoding" in told else sent["body"]
        assert content == body


@given(st.binary(max_size=50), st.binary(max_size=50))
def test_the_etag_follows_the_bytes(one: bytes, other: bytes) -> None:
    """Two bodies have one ETag exactly when they are the same."""
    assert (Ready(one, "t", "/").etag == Ready(other, "t", "/").etag) is (one == other)


def test_the_date_decides_only_where_no_etag_is_sent() -> None:
    """If-Modified-Since counts in whole seconds, and not beside If-None-Match (RFC 9110, section 13.2.2)."""
    ready = Ready(BODY, "text/plain", "/x", modified=AT)
    stamp = b"Wed, 20 Nov 2024 12:00:00 GMT"

    def status(**headers: bytes) -> int:
        return ready.answer([(name.replace("_", "-").encode(), value) for name, value in headers.items()])[0]["status"]

    assert status(if_modified_since=stamp) == 304
    assert status(if_modified_since=b"Wed, 20 Nov 2024 13:00:00 +0100") == 304
    assert status(if_modified_since=b"Wed, 20 Nov 2024 11:59:59 GMT") == 200
    assert status(if_modified_since=b"yesterday") == 200
    assert status(if_modified_since=stamp, if_none_match=b'"other"') == 200
    assert status(if_none_match=ready.etag) == 304
    assert status(if_none_match=b"*") == 304


@pytest.mark.parametrize("header", [[], [(b"accept-encoding", b"gzip")], [(b"if-none-match", b"*")]])
def test_the_wire_form_is_the_messages_form(header: list[tuple[bytes, bytes]]) -> None:
    """What is written at once has the status, the headers and the body of the ASGI messages, in their order."""
    ready = Ready(BODY, "text/plain", "/x", modified=AT)
    start, body = ready.answer(header)
    status, rest = ready.wire(*conditions(header))
    assert str(start["status"]).encode() in status
    head, _, content = rest.partition(b"\r\n\r\n")
    assert content == body["body"]
    assert [tuple(line.split(b": ", 1)) for line in head.split(b"\r\n")] == start["headers"]

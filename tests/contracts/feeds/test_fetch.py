"""Fetching against servers that hang, flood, cut off, lead astray: every time a coded fault, in bounded time."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import tracemalloc
import zlib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.contracts.feeds.conftest import Server
from tocsin.errors import SourceError
from tocsin.sense.feeds.fetch import Fetcher, retry_after


@pytest.fixture
def fetcher(server: Server) -> Fetcher:
    return Fetcher([server.address])


async def failing(fetcher: Fetcher, address: str, **how: float) -> SourceError:
    async with fetcher:
        with pytest.raises(SourceError) as told:
            await fetcher.get(address, **how)  # type: ignore[arg-type]
    assert told.value.code == "other-side.source"
    return told.value


async def test_bytes_come_as_they_are(server: Server, fetcher: Fetcher) -> None:
    """Whatever charset the header claims, the bytes are handed on; we say who we are; validators come back."""
    body = "\ufeffПовітряна тривога".encode("utf-16-le")
    server.set("/a", body, Content_Type="text/xml; charset=iso-8859-1", ETag='"x"')
    async with fetcher:
        answer = await fetcher.get(server.address + "/a", etag='"w"', modified="Wed, 20 Nov 2024 01:00:00 GMT")
    assert (answer.content, answer.etag, answer.unchanged) == (body, '"x"', False)
    [asked] = server.asked
    assert asked.headers["User-Agent"].startswith("Tocsin/")
    assert asked.headers["If-None-Match"] == '"w"'
    assert asked.headers["If-Modified-Since"] == "Wed, 20 Nov 2024 01:00:00 GMT"


async def test_slow_loris(server: Server, fetcher: Fetcher) -> None:
    """A server that sends a byte now and then is left when the time for the whole is over."""

    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(200):
            await response.write(b"<")
            written.append(1)
            await asyncio.sleep(0.02)
        return response

    written: list[int] = []
    fault = await failing(fetcher, server.set("/slow", drip), total_s=0.3)
    assert "within 0.3 s" in str(fault)
    assert len(written) < 200


async def test_half_closed(server: Server, fetcher: Fetcher) -> None:
    """An answer that ends before its announced length is a fault and not a short answer."""

    async def half(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"<alert>")
        assert request.transport is not None
        request.transport.close()
        return response

    await failing(fetcher, server.set("/half", half))


async def test_fifty_megabytes(server: Server, fetcher: Fetcher) -> None:
    """A body beyond the bound is left at the bound."""
    sent = 0

    async def flood(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            for _ in range(500):
                await response.write(b"x" * 100_000)
                sent += 100_000
        except ConnectionError:
            pass
        return response

    fault = await failing(fetcher, server.set("/flood", flood), max_bytes=1_000_000)
    assert "larger than" in str(fault)
    assert sent < 20_000_000


async def test_gzip_bomb(server: Server, fetcher: Fetcher) -> None:
    """A hundred kilobytes that unpack to a hundred megabytes cost no more than the bound."""
    bomb = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = b"".join(bomb.compress(b"\0" * 1_000_000) for _ in range(100)) + bomb.flush()
    server.set("/bomb", packed, Content_Encoding="gzip")
    tracemalloc.start()
    try:
        fault = await failing(fetcher, server.address + "/bomb", max_bytes=1_000_000)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
    assert "larger than" in str(fault)


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip", gzip.compress(b"<alert/>" * 1000, mtime=0)),
        ("deflate", zlib.compress(b"<alert/>" * 1000)),
        ("deflate", zlib.compress(b"<alert/>" * 1000)[2:-4]),
    ],
)
async def test_packed_answers(server: Server, fetcher: Fetcher, coding: str, packed: bytes) -> None:
    """gzip and both forms of deflate are unpacked."""
    server.set("/packed", packed, Content_Encoding=coding)
    async with fetcher:
        assert (await fetcher.get(server.address + "/packed")).content == b"<alert/>" * 1000


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip", gzip.compress(b"<alert/>" * 1000, mtime=0)[:40]),
        ("gzip", b"no gzip at all"),
        ("br", b"\x0b\x02\x80<alert/>\x03"),
    ],
)
async def test_packing_that_cannot_be_undone(server: Server, fetcher: Fetcher, coding: str, packed: bytes) -> None:
    """Packed answers that were cut off, are not what they claim, or that nobody asked for, are faults."""
    server.set("/packed", packed, Content_Encoding=coding)
    await failing(fetcher, server.address + "/packed")


async def test_statuses(server: Server, fetcher: Fetcher) -> None:
    """500 and 429 are faults that say when to come back; 304 is an answer."""
    server.set("/broken", "", 500)
    server.set("/busy", "", 429, Retry_After="120")
    server.set("/same", "", 304, ETag='"x"')
    async with fetcher:
        with pytest.raises(SourceError, match="HTTP 500"):
            await fetcher.get(server.address + "/broken")
        with pytest.raises(SourceError) as told:
            await fetcher.get(server.address + "/busy")
        assert told.value.facts["after"] == 120
        assert (await fetcher.get(server.address + "/same", etag='"x"')).unchanged


def test_retry_after_in_both_forms() -> None:
    """Seconds or a date, bounded by a day; anything else says nothing."""
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    wait = retry_after(soon)
    assert wait is not None
    assert 90 < wait <= 100
    assert retry_after("Wed, 20 Nov 2024 01:00:00 GMT") == 0
    assert (retry_after("30"), retry_after("999999999"), retry_after(""), retry_after("soon")) == (
        30,
        86400,
        None,
        None,
    )


async def test_redirects_are_followed_and_bounded(server: Server, fetcher: Fetcher) -> None:
    """A moved feed is found; a circle ends."""

    async def moved(request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound("/new")

    async def circle(request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound("/circle")

    server.set("/old", moved)
    server.set("/new", "here")
    async with fetcher:
        answer = await fetcher.get(server.address + "/old")
        assert (answer.content, answer.address) == (b"here", server.address + "/new")
        with pytest.raises(SourceError, match="redirects"):
            await fetcher.get(server.set("/circle", circle))


async def test_nobody_is_led_into_a_private_network(server: Server, other_server: Server, fetcher: Fetcher) -> None:
    """A redirect to this machine's other services, to a file or to a link-local address is not followed, and neither
    is a name that resolves to one."""
    other_server.set("/secret", "secret")
    port = other_server.address.rpartition(":")[2]
    for target in (
        other_server.address + "/secret",
        "http://169.254.169.254/latest",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "file:///etc/passwd",
        f"http://localhost:{port}/secret",
        f"http://localhost.:{port}/secret",
        f"http://2130706433:{port}/secret",
        f"http://user:word@127.0.0.1:{port}/",
    ):

        async def lead(request: web.Request, target: str = target) -> web.StreamResponse:
            return web.Response(status=302, headers={"Location": target})

        server.set("/lead", lead)
        with pytest.raises(SourceError):
            await fetcher.get(server.address + "/lead")
    await fetcher.close()
    assert other_server.asked == []


async def test_a_token_stays_with_its_host(server: Server, other_server: Server) -> None:
    """A redirect to another host does not carry the authorization along."""
    other_server.set("/feed", "here")

    async def lead(request: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": other_server.address + "/feed"})

    server.set("/lead", lead)
    async with Fetcher([server.address, other_server.address]) as fetcher:
        await fetcher.get(server.address + "/lead", headers={"Authorization": "Bearer x", "X-Other": "y"})
    assert "Authorization" in server.asked[0].headers
    assert "Authorization" not in other_server.asked[0].headers


async def test_no_step_down_from_https() -> None:
    """A feed on https does not lead to http."""
    async with Fetcher() as fetcher:
        with pytest.raises(SourceError, match="https to http"):
            fetcher.vet("http://example.org/a", "https://example.org/b")


async def test_an_expired_certificate(tmp_path: Path) -> None:
    """It is a fault of the source, said as one of its certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    then = datetime(2020, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(then)
        .not_valid_after(then + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "c.pem"
    pem.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    serving = await asyncio.start_server(silent, "127.0.0.1", 0, ssl=context)
    async with serving:
        address = f"https://127.0.0.1:{serving.sockets[0].getsockname()[1]}/"
        fault = await failing(Fetcher([address]), address)
    assert "certificate" in str(fault)


async def test_nobody_there() -> None:
    """A refused connection and a name that does not exist are faults of the source."""
    probe = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0)
    port = probe.sockets[0].getsockname()[1]
    probe.close()
    await probe.wait_closed()
    await failing(Fetcher([f"http://127.0.0.1:{port}"]), f"http://127.0.0.1:{port}/")
    await failing(Fetcher(), "http://no-such-host.invalid/", total_s=5)

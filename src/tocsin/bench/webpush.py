"""The webpush bench: sealing at the alarm, the whole way to a push service, and refilling, beside pywebpush.

- ``seal``: what is left to do for one subscriber at the alarm, on a notice as it is sent. The limit is the same library's
  AES-128-GCM alone.
- ``end-to-end``: from the alert in the journal to everybody settled on disk (``synchronous=FULL``): audience, sealed
  batches, addresses unsealed, keys claimed, sealed, POSTed by HTTP/2 over TLS to nginx on this machine. The peers get
  the subscription and the text in memory, keep nothing, and seal and POST over one kept connection. The limit is libcurl
  by itself: a loop that POSTs the same bytes and does nothing else.
- ``refill``: how many keys one processor prepares; the limit is OpenSSL's key agreement alone.

Rates are for each second of CPU, because the stub shares the machine; the note says what passed on the wall.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ipaddress
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pycurl
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tocsin.bench import Case, case
from tocsin.bench._alert import Everywhere, alert
from tocsin.bench._peers import Peer, in_turn, timed
from tocsin.clock import SystemClock
from tocsin.reach.audience import Audience
from tocsin.reach.channels.courier import Manners
from tocsin.reach.channels.webpush import Webpush
from tocsin.reach.dispatch import Dispatch
from tocsin.reach.notice import size
from tocsin.reach.prekey import kept, prepare_all
from tocsin.reach.seal import PREPARED, pad, seal, split
from tocsin.reach.subscriber import Subscribers
from tocsin.reach.subscription import Wish
from tocsin.reach.vapid import base64url
from tocsin.store.batches import SqlBatches
from tocsin.store.prekeys import SqlPreKeys
from tocsin.store.sqlite import SqliteStore
from tocsin.store.subscriptions import SqlBook
from tocsin.store.vapid import VapidKey

REALM = "actual"

PEER = """
import asyncio, itertools, os, aiohttp, requests, ssl
from py_vapid import Vapid
from pywebpush import WebPusher, webpush, webpush_async
vapid = Vapid(); vapid.generate_keys()
subs = [dict(endpoint=f"{GIVEN['origin']}/p/{n:040d}", keys=keys) for n, keys in enumerate(GIVEN["keys"])]
turn = itertools.cycle(subs)
text = GIVEN["text"].encode()
os.environ["REQUESTS_CA_BUNDLE"] = GIVEN["ca"]  # it wins over what the session says
session = requests.Session()
session.verify = GIVEN["ca"]
def encode():
    WebPusher(next(turn)).encode(text, "aes128gcm")
def said(sub):
    return dict(subscription_info=sub, data=text, vapid_private_key=vapid, vapid_claims={"sub": "mailto:a@b.example"},
                ttl=3600, headers={"Urgency": "high", "Topic": "a" * 32})
def push():
    for _ in range(GIVEN["each"]):
        answer = webpush(**said(next(turn)), requests_session=session)
        assert answer.status_code == 201, answer
loop = asyncio.new_event_loop()
def push_async():
    loop.run_until_complete(many())
async def many():
    context = ssl.create_default_context(cafile=GIVEN["ca"])
    connector = aiohttp.TCPConnector(ssl=context, limit=32)
    async with aiohttp.ClientSession(connector=connector) as kept:
        async def one(left):
            for _ in range(left):
                answer = await webpush_async(**said(next(turn)), aiohttp_session=kept)
                assert answer.status == 201, answer
        await asyncio.gather(*(one(GIVEN["each"] // 32) for _ in range(32)))
WORKS = {"encode": encode, "push": push, "push_async": push_async}
"""


def cases(quick: bool) -> Iterator[Case]:
    """``seal``, ``end-to-end`` beside both of the peer's ways, and ``refill``."""
    runs = 2 if quick else 5
    devices = [_device() for _ in range(100)]
    padded = pad(b"x" * 700, size(("uk",)))
    keys = [keys for _, _, keys in devices]
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        certified = _certificate(folder)
        origin = stack.enter_context(_stub(folder, certified))
        each = 64 if quick else 320
        given = {"origin": origin, "ca": str(certified), "keys": keys, "text": "x" * size(("uk",)), "each": each}
        peer = stack.enter_context(Peer(PEER, given))
        yield _seal(devices, padded, peer, quick, runs)
        yield from _end_to_end(folder, origin, certified, peer, each, quick)
        yield _refill(devices, peer, quick, runs)


def _seal(
    devices: list[tuple[bytes, bytes, dict[str, str]]], padded: bytes, peer: Peer, quick: bool, runs: int
) -> Case:
    n, few = (20_000, 200) if quick else (200_000, 1000)
    flat = prepare_all(b"".join(point + auth for point, auth, _ in devices))
    prepared = [split(flat, start) for start in range(0, len(flat), PREPARED)]
    bare_keys = [(content, nonce) for _, content, nonce in prepared]

    def ours() -> None:
        for key in prepared:
            seal(key, padded)

    def bare() -> None:
        for key, nonce in bare_keys:
            AESGCM(key).encrypt(nonce, padded, None)

    rounds = n // len(prepared)
    own, limit, theirs = in_turn(
        runs, timed(ours, rounds), timed(bare, rounds), lambda: peer.time("encode", few) * n / few
    )
    return case(
        "webpush",
        "seal",
        n,
        own,
        peer=("pywebpush WebPusher.encode", theirs),
        limit=("AES-128-GCM alone", n / limit),
        runs=runs,
        note=f"{len(padded)} B of padded text",
    )


def _refill(devices: list[tuple[bytes, bytes, dict[str, str]]], peer: Peer, quick: bool, runs: int) -> Case:
    n, few = (500, 200) if quick else (5000, 1000)
    flat = b"".join(point + auth for point, auth, _ in devices)
    rounds = n // len(devices)
    own, theirs = in_turn(runs, timed(lambda: prepare_all(flat), rounds), lambda: peer.time("encode", few) * n / few)
    limit = _openssl()
    return case(
        "webpush",
        "refill",
        n,
        own,
        peer=("pywebpush WebPusher.encode", theirs),
        limit=("openssl speed ecdhp256", limit) if limit else None,
        runs=runs,
        note=f"a million keys: {1e6 * own / n:.0f} s of one processor",
    )


def _openssl() -> float:
    program = shutil.which("openssl")
    if program is None:
        return 0.0
    told = subprocess.run([program, "speed", "-seconds", "1", "ecdhp256"], capture_output=True, text=True, check=False)
    found = re.search(r"nistp256\)\s+\S+s\s+([\d.]+)", told.stdout)
    return float(found[1]) if found else 0.0


def _end_to_end(folder: Path, origin: str, ca: Path, peer: Peer, each: int, quick: bool) -> Iterator[Case]:
    n, runs = (2_000, 1) if quick else (20_000, 3)
    station = Station(folder, origin, ca, n, runs + 1)
    try:
        clocked: list[float] = []

        def ours() -> float:
            began, spent = time.perf_counter(), time.process_time()
            station.run()
            clocked.append(time.perf_counter() - began)
            return time.process_time() - spent

        own, limit, plain, fast = in_turn(
            runs,
            ours,
            timed(lambda: _bare(origin, ca, n)),
            lambda: peer.time("push") * n / each,
            lambda: peer.time("push_async") * n / (each // 32 * 32),
        )
        wall = sorted(clocked)[len(clocked) // 2]
        note = f"{n / wall:,.0f} a second on the wall with the stub; {station.sealed()}"
    finally:
        station.close()
    yield case(
        "webpush",
        "end-to-end",
        n,
        own,
        peer=("pywebpush webpush()", plain),
        limit=("libcurl alone", n / limit),
        runs=runs,
        note=note,
    )
    yield case("webpush", "end-to-end-async", n, own, peer=("pywebpush webpush_async", fast), runs=runs, note=note)


def _bare(origin: str, ca: Path, n: int) -> None:
    """POST ``n`` messages of the usual size by libcurl's multi interface, 64 at once over one connection."""
    multi = pycurl.CurlMulti()
    multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
    multi.setopt(pycurl.M_MAX_HOST_CONNECTIONS, 1)
    headers = [
        "Content-Type: application/octet-stream",
        "Content-Encoding: aes128gcm",
        f"Authorization: vapid t={'t' * 250}, k={'k' * 87}",
        "TTL: 3600",
        "Urgency: high",
        f"Topic: {'a' * 32}",
        "Accept:",
    ]
    sealed, idle = os.urandom(size(("uk",)) + 103), []
    for _ in range(64):
        curl = pycurl.Curl()
        for option, value in (
            (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS),
            (pycurl.PIPEWAIT, 1),
            (pycurl.POST, 1),
            (pycurl.NOSIGNAL, 1),
            (pycurl.PROXY, ""),
            (pycurl.CAINFO, str(ca)),
            (pycurl.HTTPHEADER, headers),
            (pycurl.WRITEFUNCTION, len),
        ):
            curl.setopt(option, value)
        idle.append(curl)
    every, sent, done = list(idle), 0, 0
    while done < n:
        while idle and sent < n:
            curl = idle.pop()
            curl.setopt(pycurl.URL, f"{origin}/p/{sent:040d}")
            curl.setopt(pycurl.POSTFIELDS, sealed)
            multi.add_handle(curl)
            sent += 1
        multi.perform()
        _, good, bad = multi.info_read(64)
        assert not bad, bad
        for curl in good:
            assert curl.getinfo(pycurl.RESPONSE_CODE) == 201
            multi.remove_handle(curl)
            idle.append(curl)
        done += len(good)
        if not good:
            multi.select(1.0)
    for curl in every:
        curl.close()
    multi.close()


class Station:
    """A dispatch with a crowd that has Web Push, and keys prepared for ``alerts`` of them."""

    def __init__(self, folder: Path, origin: str, ca: Path, n: int, alerts: int) -> None:
        self.clock, self.ca, self.folder = SystemClock(), ca, folder
        self.store = SqliteStore(folder, self.clock)
        self.batches, self.book = SqlBatches(self.store, REALM), SqlBook(self.store, folder, REALM)
        self.audience = Audience(Everywhere())
        self.subscribers = Subscribers(self.store, self.book, self.audience, self.clock, REALM)
        self.subscribers.load()
        self.prekeys = SqlPreKeys(self.store, folder, REALM, layers=alerts)
        self.signer, self.versions = VapidKey(folder, REALM), 0
        self.prepared = self.on_the_spot = 0
        point, auth, keys = _device()
        secret = kept(**keys)
        self.subscribers.make_all(
            [
                Wish("webpush", f"{origin}/p/{place:040d}", (secret,), ("UA-30",), languages=("uk",))
                for place in range(n)
            ]
        )
        now = self.clock.now()
        for block in self.prekeys.blocks():
            for lack in self.prekeys.lacking(block, now):
                flat = prepare_all((point + auth) * len(lack.numbers))
                made = [flat[start : start + PREPARED] for start in range(0, len(flat), PREPARED)]
                self.prekeys.put(lack, list(made), now)

    def run(self) -> None:
        """Publish the next version, and return when everybody is settled."""

        async def until_quiet() -> None:
            manners = Manners(per_second=1e9)
            channel = Webpush(
                self.clock, self.signer, self.prekeys, loopback=True, manners=manners, authorities=self.ca
            )
            dispatch = Dispatch(
                self.store, self.batches, self.book, self.audience, {"webpush": channel}, self.clock, REALM
            )
            following = asyncio.create_task(dispatch.follow())
            self.versions += 1
            await asyncio.to_thread(self.store.append, [alert(self.versions, self.clock.now())])
            await dispatch.quiet()
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            await channel.close()
            self.prepared += channel.prepared
            self.on_the_spot += channel.on_the_spot
            assert dispatch.standing()["webpush"]["accepted"] == len(self.audience), dispatch.standing()

        asyncio.run(until_quiet())

    def sealed(self) -> str:
        """How many were sealed with which kind of key."""
        return f"{self.prepared:,} sealed with prepared keys, {self.on_the_spot:,} with keys made on the spot"

    def close(self) -> None:
        """Close the store."""
        self.prekeys.close()
        self.batches.close()
        self.store.close()


def _device() -> tuple[bytes, bytes, dict[str, str]]:
    key = ec.generate_private_key(ec.SECP256R1())
    point = key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    auth = os.urandom(16)
    return point, auth, {"p256dh": base64url(point), "auth": base64url(auth)}


def _certificate(folder: Path) -> Path:
    """A certificate for this machine that vouches for itself; its key lies beside it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = SystemClock().now()
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(True, None), True)
        .add_extension(x509.SubjectAlternativeName(names), False)
        .sign(key, hashes.SHA256())
    )
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return folder / "cert.pem"


@contextlib.contextmanager
def _stub(folder: Path, certificate: Path) -> Iterator[str]:
    """nginx that takes every message, over HTTP/2 and TLS; its origin."""
    program = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if program is None:
        raise RuntimeError("nginx stands for the push service here; install it first")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    temps = " ".join(f"{one}_temp_path {folder}/{one};" for one in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "nginx.conf").write_text(
        f"""daemon off; master_process off; pid {folder}/nginx.pid; error_log /dev/null crit;
events {{ worker_connections 1024; }}
http {{ access_log off; {temps} http2_recv_buffer_size 512k;
  server {{ listen 127.0.0.1:{port} ssl http2; keepalive_requests 100000000; http2_max_concurrent_streams 256;
    ssl_certificate {certificate}; ssl_certificate_key {folder}/key.pem; location / {{ return 201; }} }} }}"""
    )
    running = subprocess.Popen(
        [program, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "/dev/null"], stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(500):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.01)
        yield f"https://127.0.0.1:{port}"
    finally:
        running.terminate()
        running.wait()

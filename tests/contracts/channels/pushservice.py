"""A push service on this machine that does what RFC 8030, 8291 and 8292 ask for, and devices that open what comes."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import datetime
import ipaddress
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import http_ece
import msgspec
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.x509.oid import NameOID

from tests.rules.reach.stage import NIGHT
from tocsin.reach.bulletin import Bulletin, body
from tocsin.reach.delivery import Address, Delivery
from tocsin.reach.prekey import kept


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Device:
    """A browser's or app's half of a subscription."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        point = self.key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        self.auth = os.urandom(16)
        self.keys = {"p256dh": b64(point), "auth": b64(self.auth)}

    @property
    def secret(self) -> str:
        return kept(**self.keys)

    def opened(self, sealed: bytes) -> dict[str, Any]:
        """What a browser hands to the page: opened with somebody else's implementation."""
        clear: bytes = http_ece.decrypt(sealed, private_key=self.key, auth_secret=self.auth, version="aes128gcm")
        found: dict[str, Any] = json.loads(clear)
        return found


class Certified:
    """A certificate authority and a certificate for this machine."""

    def __init__(self, folder: Path) -> None:
        self.ca, self.cert, self.key = folder / "ca.pem", folder / "cert.pem", folder / "key.pem"
        root, leaf = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.now(datetime.UTC)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])

        def build(subject: x509.Name, public: Any) -> x509.CertificateBuilder:
            return (
                x509.CertificateBuilder()
                .subject_name(subject)
                .issuer_name(name)
                .public_key(public)
                .serial_number(x509.random_serial_number())
                .not_valid_before(now - datetime.timedelta(days=1))
                .not_valid_after(now + datetime.timedelta(days=1))
            )

        ca = (
            build(name, root.public_key())
            .add_extension(x509.BasicConstraints(True, None), True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(root.public_key()), False)
            .sign(root, hashes.SHA256())
        )
        own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        cert = (
            build(own, leaf.public_key())
            .add_extension(x509.SubjectAlternativeName(names), False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root.public_key()), False)
            .sign(root, hashes.SHA256())
        )
        self.ca.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
        self.cert.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
        self.key.write_bytes(
            leaf.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )

    def context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, self.key)
        return context


class PushService:
    """Takes messages as RFC 8030 says and refuses what it would; ``answer`` may decide otherwise."""

    def __init__(self, certified: Certified, key: str, now: Callable[[], datetime.datetime]) -> None:
        self.certified, self.key, self.now = certified, key, now
        self.devices: dict[str, Device] = {}
        self.came: list[tuple[str, dict[str, str], bytes]] = []
        self.refusals: list[str] = []
        self.answer: Callable[[str], web.Response | None] = lambda name: None
        self.hold: asyncio.Event | None = None
        self.slow_s = 0.0
        self.origin = ""

    async def take(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        heads = {head.lower(): value for head, value in request.headers.items()}
        sealed = await request.read()
        self.came.append((name, heads, sealed))
        if self.hold is not None:
            await self.hold.wait()
        if self.slow_s:
            await asyncio.sleep(self.slow_s)
        given = self.answer(name)
        if given is not None:
            return given
        status, reason = self._judge(name, heads, sealed)
        if reason:
            self.refusals.append(reason)
        return web.Response(status=status, headers={"Location": f"{self.origin}/m/1"} if status == 201 else {})

    def _judge(self, name: str, heads: dict[str, str], sealed: bytes) -> tuple[int, str]:
        if name not in self.devices:
            return 404, "no such subscription"
        if len(sealed) > 4096:
            return 413, "too long"
        if not heads.get("ttl", "").isdigit():
            return 400, "no TTL"
        if heads.get("content-encoding") != "aes128gcm":
            return 400, "encoding"
        if heads.get("urgency") not in ("very-low", "low", "normal", "high"):
            return 400, "urgency"
        topic = heads.get("topic", "")
        if len(topic) > 32 or not topic.replace("-", "").replace("_", "").isalnum():
            return 400, "topic"
        return self._vapid(heads.get("authorization", ""))

    def _vapid(self, text: str) -> tuple[int, str]:
        kind, _, rest = text.partition(" ")
        fields = dict(part.strip().split("=", 1) for part in rest.split(","))
        if kind != "vapid" or fields.get("k") != self.key:
            return 403, "vapid key"
        head, claims, signature = fields["t"].split(".")
        raw = unb64(signature)
        der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), unb64(fields["k"]))
        public.verify(der, f"{head}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))
        said = json.loads(unb64(claims))
        if json.loads(unb64(head)) != {"typ": "JWT", "alg": "ES256"} or said["aud"] != self.origin:
            return 401, "vapid token"
        left = said["exp"] - self.now().timestamp()
        if not 0 < left <= 86_400 or not said["sub"].startswith(("mailto:", "https:")):
            return 401, "vapid claims"
        return 201, ""

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[PushService]:
        app = web.Application()
        app.router.add_post("/p/{name}", self.take)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            await web.SockSite(runner, sock, ssl_context=self.certified.context()).start()
            self.origin = f"https://127.0.0.1:{sock.getsockname()[1]}"
            try:
                yield self
            finally:
                if self.hold is not None:
                    self.hold.set()
                await runner.cleanup()

    def subscribe(self, name: str, number: int = 1, languages: tuple[str, ...] = ("uk",)) -> Address:
        """A device's subscription, as our book keeps it."""
        self.devices[name] = Device()
        secrets = ("whsec_x", self.devices[name].secret)
        return Address(number, f"s-{name}", f"{self.origin}/p/{name}", secrets, languages)

    def opened(self) -> list[dict[str, Any]]:
        """Everything that came, as the devices see it."""
        return [self.devices[name].opened(sealed) for name, _, sealed in self.came]


@contextlib.contextmanager
def nginx(folder: Path, certified: Certified, status: int = 201) -> Iterator[tuple[str, Path]]:
    """nginx with HTTP/2 that answers every message alike; its origin and its access log."""
    program = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    assert program is not None, "these tests need nginx"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = folder / "access.log"
    (folder / "nginx.conf").write_text(
        f"""daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{ log_format told "$server_protocol $connection $request_method $uri $http_urgency $http_ttl $status";
  access_log {log} told; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{ listen 127.0.0.1:{port} ssl http2; keepalive_requests 1000000;
    ssl_certificate {certified.cert}; ssl_certificate_key {certified.key}; location / {{ return {status}; }} }} }}"""
    )
    process = subprocess.Popen([program, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"])
    try:
        for _ in range(1000):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None
            os.sched_yield()
            signal.sigtimedwait([], 0.005)
        yield f"https://127.0.0.1:{port}", log
    finally:
        process.terminate()
        process.wait()


def bulletin_of(phase: str = "act", version: int = 1, **changed: Any) -> Bulletin:
    told = Bulletin(
        identifier=f"tocsin.test-night-{version}",
        event_id="night",
        version=version,
        supersedes="",
        phase=phase,
        realm="actual",
        as_of=NIGHT,
        sent=NIGHT,
        expires=NIGHT + datetime.timedelta(hours=1),
        next_update_by=NIGHT + datetime.timedelta(minutes=30),
        cancel_reason=None,
        areas=("UA-30",),
        source="ua-alerts",
        headline={"en": "Air raid alert", "uk": "Повітряна тривога"},
        instruction={"en": "Go to a shelter.", "uk": "Прямуйте в укриття."},
        url="https://warn.example/alerts/x.xml",
    )
    return msgspec.structs.replace(told, **changed)


def delivery(to: Address, told: Bulletin | None = None) -> Delivery:
    told = told or bulletin_of()
    return Delivery(told.identifier, told.event_id, told.version, told.phase, told.realm, told.deadline, body(told), to)

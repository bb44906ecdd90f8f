"""The stream bench: one alert to ten thousand listeners, beside nchan on nginx with one worker.

- Both get the same listeners (one epoll loop) and events of the same size; the figure is the server's CPU time for one
  broadcast, from the publication on: for us that is the journal, the CAP message read and the event rendered as well.
- The limit is a bare loop of ``send()`` over as many sockets, with the same bytes: what any server pays at least that
  makes one call a listener.
- Memory is what the server's resident set grew by for each connection; last is when the last listener had it.
"""

from __future__ import annotations

import asyncio
import os
import resource
import select
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from tocsin.bench import Case, case
from tocsin.errors import OperatorError

NCHAN = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
TICK = os.sysconf("SC_CLK_TCK")


class Figures(Struct, frozen=True):
    """Of one run: CPU seconds for a broadcast, seconds until the last listener had it, bytes for a connection."""

    cpu_s: float
    last_s: float
    bytes_each: float


def cases(quick: bool) -> Iterator[Case]:
    """``sse``: a broadcast to 10,000 listeners."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    n = min(1_000 if quick else 10_000, most - 500 if most > 0 else 10_000)
    runs, rounds = (1, 5) if quick else (3, 20)
    ours, theirs, bare = [], [], []
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            with tocsin_server(Path(folder)) as (pid, port):
                ours.append(measure(pid, port, "/v1/stream?area=UA-30", "/publish", b"", n, rounds))
            size = event_size(Path(folder))
        with tempfile.TemporaryDirectory() as folder, tocsin_server(Path(folder), str(size)) as (pid, port):
            bare.append(measure(pid, port, "/", "/publish", b"", n, rounds))
        if NCHAN.exists() and (nginx := _nginx()) is not None:
            with tempfile.TemporaryDirectory() as folder, nchan_server(Path(folder), nginx) as (pid, port):
                theirs.append(measure(pid, port, "/sub", "/pub", b"x" * (size - 20), n, rounds))
    cpu, last, each = middle(ours)
    note = f"{size} B an event; last {last * 1e3:.0f} ms, {each / 1024:.1f} KB a connection"
    peer = None
    if theirs:
        peer_cpu, peer_last, peer_each = middle(theirs)
        peer = ("nchan", peer_cpu)
        note += (
            f" (nchan {peer_last * 1e3:.0f} ms, {peer_each / 1024:.1f} KB); CPU {cpu / peer_cpu:.2f} x,"
            f" last {last / peer_last:.2f} x nchan's"
        )
    limit = ("a bare loop of send()", n / middle(bare)[0])
    yield case("stream", "sse", n, cpu, peer=peer, limit=limit, runs=runs, note=note)


def middle(found: list[Figures]) -> tuple[float, float, float]:
    """The medians of the runs."""
    return (
        statistics.median(one.cpu_s for one in found),
        statistics.median(one.last_s for one in found),
        statistics.median(one.bytes_each for one in found),
    )


def measure(pid: int, port: int, path: str, publish: str, body: bytes, n: int, rounds: int) -> Figures:
    """Connect ``n`` listeners, publish ``rounds`` times, and see what it cost the server."""
    send(port, publish, body)
    before = resident(pid)
    epoll, sockets = select.epoll(), dict[int, socket.socket]()
    try:
        for _ in range(n):
            sock = connect(port, path)
            sockets[sock.fileno()] = sock
            epoll.register(sock, select.EPOLLIN)
        settle(epoll, sockets)
        each = (resident(pid) - before) / n
        lasts, cpu = [], processor(pid)
        for _ in range(rounds):
            start = time.perf_counter()
            send(port, publish, body)
            hear(epoll, sockets, n)
            lasts.append(time.perf_counter() - start)
        return Figures((processor(pid) - cpu) / rounds, statistics.median(lasts), each)
    finally:
        epoll.close()
        for sock in sockets.values():
            sock.close()


def connect(port: int, path: str) -> socket.socket:
    """A listener that has its answer's head."""
    sock = socket.create_connection(("127.0.0.1", port))
    sock.sendall(f"GET {path} HTTP/1.1\r\nHost: here\r\nAccept: text/event-stream\r\n\r\n".encode())
    sock.setblocking(False)
    return sock


def settle(epoll: select.epoll, sockets: dict[int, socket.socket]) -> None:
    """Read everything that comes at joining, until a second is quiet."""
    while ready := epoll.poll(1.0):
        for number, _ in ready:
            sockets[number].recv(65536)


def hear(epoll: select.epoll, sockets: dict[int, socket.socket], n: int) -> None:
    """Return when each listener has had one event to its end."""
    left = n
    while left:
        ready = epoll.poll(30.0)
        assert ready, f"{left} listeners got nothing"
        for number, _ in ready:
            data = sockets[number].recv(65536)
            assert data, "a listener was cut off"
            if data.endswith(b"\n\n"):
                left -= 1


def send(port: int, path: str, body: bytes) -> None:
    """Have the server publish one event."""
    with socket.create_connection(("127.0.0.1", port)) as sock:
        head = f"POST {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        sock.sendall(head.encode() + body)
        while sock.recv(65536):
            pass


def processor(pid: int) -> float:
    """Seconds of CPU that a process has used, in all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def resident(pid: int) -> int:
    """Bytes of memory that a process holds."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def tocsin_server(folder: Path, *size: str) -> Iterator[tuple[int, int]]:
    """Our server, as a process of its own; with the ``size`` of an event, the bare loop instead."""
    process = subprocess.Popen([sys.executable, "-m", "tocsin.bench.stream", str(folder), *size])
    try:
        yield process.pid, wait_for(folder / "port", process)
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def nchan_server(folder: Path, nginx: str) -> Iterator[tuple[int, int]]:
    """nchan on an nginx of its own, with one worker; yields the worker's process id."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    temp = "\n".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;" if os.getuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"""load_module {NCHAN};
        {user} daemon off; worker_processes 1; worker_rlimit_nofile {resource.getrlimit(resource.RLIMIT_NOFILE)[0]};
        pid {folder}/pid; error_log {folder}/error.log;
        events {{ worker_connections 16000; }}
        http {{ access_log off; {temp} nchan_shared_memory_size 128M;
          server {{ listen 127.0.0.1:{port} backlog=4096;
            location = /pub {{ nchan_publisher; nchan_channel_id x; nchan_message_buffer_length 100; }}
            location = /sub {{ nchan_subscriber eventsource; nchan_channel_id x; }} }} }}"""
    )
    process = subprocess.Popen([nginx, "-p", str(folder), "-c", str(folder / "nginx.conf")], stderr=subprocess.DEVNULL)
    try:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        for _ in range(500):
            if process.poll() is not None:
                raise OperatorError(f"nginx did not start: {(folder / 'error.log').read_text()}")
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", port)).close()
                if children.read_text():
                    break
            time.sleep(0.01)
        yield int(children.read_text().split()[0]), port
    finally:
        process.terminate()
        process.wait(10)


def wait_for(file: Path, process: subprocess.Popen[bytes]) -> int:
    """The number that a starting process writes to ``file``."""
    for _ in range(2000):
        if file.exists() and (text := file.read_text()).endswith("\n"):
            return int(text)
        if process.poll() is not None:
            raise OperatorError("the server did not start")
        time.sleep(0.01)
    raise OperatorError("the server did not start in 20 s")


def event_size(folder: Path) -> int:
    """The bytes of one event on the wire, which our server noted."""
    return int((folder / "size").read_text())


def _nginx() -> str | None:
    return shutil.which("nginx") or ("/usr/sbin/nginx" if Path("/usr/sbin/nginx").exists() else None)


async def serve(folder: Path) -> None:
    """Our server: the stream, and ``POST /publish`` to have an alert published through the journal."""
    import uvicorn
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from tocsin.bench._alert import Everywhere, alert
    from tocsin.clock import SystemClock
    from tocsin.reach.bulletin import body, bulletin, read_alert
    from tocsin.reach.channels.stream import Limits, StreamHub, http_protocol
    from tocsin.store.sqlite import SqliteStore
    from tocsin.warn.publish import Published

    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    clock, key = SystemClock(), Ed25519PrivateKey.generate()

    class Signer:
        key_id = "bench"

        def sign(self, data: bytes) -> bytes:
            return key.sign(data)

    with SqliteStore(folder / "store", clock) as store:
        # No heartbeat while it is measured: the peer has none.
        hub = StreamHub(
            store, Everywhere(), "actual", Signer(), clock, interval_s=3600, limits=Limits(connections=10**6)
        )
        # Made before it is measured: writing CAP belongs to whoever publishes.
        facts = [alert(version, clock.now()) for version in range(1, 101)]
        first = msgspec.json.decode(facts[0].body, type=Published)
        told = body(bulletin(first, read_alert(first.cap.encode()), "actual", ""))
        (folder / "size").write_text(str(len(told) + len(b"event: alert\nid: 10\ndata: \n\n")))

        async def app(scope: dict[str, object], receive: object, send: object) -> None:
            await asyncio.wrap_future(store.post([facts.pop()]))
            await send({"type": "http.response.start", "status": 204, "headers": []})  # type: ignore[operator]
            await send({"type": "http.response.body"})  # type: ignore[operator]

        config = uvicorn.Config(app, http=http_protocol(hub), lifespan="off", log_config=None, ws="none", backlog=4096)
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            sock.listen(4096)
            following = asyncio.create_task(hub.run())
            (folder / "port").write_text(f"{sock.getsockname()[1]}\n")
            await uvicorn.Server(config).serve(sockets=[sock])
            following.cancel()


def loop_bare(folder: Path, size: int) -> None:
    """The limit: sends ``size`` bytes to every socket in turn, and does nothing else."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    told, listeners = b"x" * (size - 2) + b"\n\n", list[socket.socket]()
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as door:
        (folder / "port").write_text(f"{door.getsockname()[1]}\n")
        while True:
            sock, _ = door.accept()
            if sock.recv(65536).startswith(b"GET"):
                sock.send(b"HTTP/1.1 200 OK\r\n\r\n")
                sock.setblocking(False)
                listeners.append(sock)
                continue
            for listener in listeners:
                listener.send(told)
            sock.send(b"HTTP/1.1 204 No Content\r\n\r\n")
            sock.close()


if __name__ == "__main__":
    if len(sys.argv) > 2:
        loop_bare(Path(sys.argv[1]), int(sys.argv[2]))
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(Path(sys.argv[1])))

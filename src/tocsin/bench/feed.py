"""Bench ``feed``: the public feed of 50 KB, compressed and not modified, beside nginx with the same bytes as files.

- Both serve on one core's worth of CPU time: a rate here is answers for each second of CPU that the server's process
  spent, kernel included, so neither the client nor the machine's other work decides it.
- ``tocsin serve`` is the real program on a data folder with published alerts; nginx has one worker, ``gzip_static`` and
  no access log, and is the peer and the limit.
- Rounds alternate between the two. ``wrk`` makes the load where it is installed, a loop over sockets otherwise.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import selectors
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from tocsin.bench import Case, case
from tocsin.cap.alert import EVENT_ID, PHASE, VERSION, Alert, Area, Info, Named
from tocsin.cap.xml import write
from tocsin.clock import SystemClock
from tocsin.journal import fact
from tocsin.store.sqlite import SqliteStore
from tocsin.warn.publish import ALERT_PUBLISHED, Published

NAME = "feed"
CONNECTIONS = 32
ALERTS = 50
SECONDS, QUICK_SECONDS = 3.0, 0.7
START = "from tocsin.cli import main; main()"
TICKS = os.sysconf("SC_CLK_TCK")


def cases(quick: bool) -> Iterator[Case]:
    """The cases of this bench."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        data = Path(folder) / "data"
        prepare(data)
        ours, starts, memory = started(data, 2 if quick else 5, stack)
        body = ask(ours.port, "/alerts.atom", "")[1]
        theirs = nginx(Path(folder), body, stack)
        seconds, runs = (QUICK_SECONDS, 2) if quick else (SECONDS, 5)
        packed = "Accept-Encoding: gzip"
        yield compare("compressed", ours, theirs, packed, packed, runs, seconds, len(body))
        tags = [tag(one.port) for one in (ours, theirs) if one is not None]
        conditions = [f"If-None-Match: {one}" for one in tags]
        yield compare("not-modified", ours, theirs, conditions[0], conditions[-1], runs, seconds, len(body))
        yield compare("state", ours, theirs, packed, packed, runs, seconds, 0, path="/at/UA-30.json")
        yield case(NAME, "start-up", 1, statistics.median(starts), runs=len(starts), note=f"{memory:.0f} MB resident")


class Running:
    """A server's process and where it listens."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process, self.port = process, port

    def cpu(self) -> float:
        """Seconds of CPU that it has spent."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def resident_mb(self) -> float:
        """Megabytes of memory that it holds."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def compare(
    name: str,
    ours: Running,
    theirs: Running | None,
    mine: str,
    peers: str,
    runs: int,
    seconds: float,
    size: int,
    path: str = "/alerts.atom",
) -> Case:
    """One case: rounds that alternate between us and nginx."""
    rates: dict[str, list[float]] = {"ours": [], "theirs": []}
    for _ in range(runs):
        rates["ours"].append(rate(ours, path, mine, seconds))
        if theirs is not None:
            rates["theirs"].append(rate(theirs, "/alerts.atom" if size else "/state.json", peers, seconds))
    per_second = statistics.median(rates["ours"])
    n = 10_000
    beside = statistics.median(rates["theirs"]) if theirs is not None else 0.0
    how = "wrk" if shutil.which("wrk") else "own load loop"
    return case(
        NAME,
        name,
        n,
        n / per_second,
        peer=("nginx static", n / beside) if beside else None,
        limit=("nginx static", beside) if beside else None,
        runs=runs,
        note=f"{size:,} B, answers per CPU second, {how}" + ("" if beside else "; nginx is not installed"),
    )


def rate(server: Running, path: str, header: str, seconds: float) -> float:
    """Answers for each second of the server's CPU."""
    load(server.port, path, header, min(0.3, seconds))
    before = server.cpu()
    done = load(server.port, path, header, seconds)
    spent = server.cpu() - before
    return done / spent if spent else 0.0


def load(port: int, path: str, header: str, seconds: float) -> int:
    """Ask again and again on :data:`CONNECTIONS` connections; how many answers came."""
    if shutil.which("wrk"):
        url = f"http://127.0.0.1:{port}{path}"
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "-H", header, url]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        if "Non-2xx" in text:
            raise RuntimeError(text)
        return int(next(line for line in text.splitlines() if " requests in " in line).split()[0])
    asked = _request(path, header)
    size = len(ask(port, path, header)[0]) + len(ask(port, path, header)[1])
    done, ends = 0, time.perf_counter() + seconds
    with selectors.DefaultSelector() as ready, contextlib.ExitStack() as stack:
        left: dict[int, int] = {}
        for _ in range(CONNECTIONS):
            wire = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            wire.sendall(asked)
            wire.setblocking(False)
            left[wire.fileno()] = size
            ready.register(wire, selectors.EVENT_READ, wire)
        while time.perf_counter() < ends:
            for key, _ in ready.select(1.0):
                wire = key.data
                left[key.fd] -= len(wire.recv(262_144))
                if left[key.fd] <= 0:
                    done += 1
                    left[key.fd] = size
                    wire.send(asked)
    return done


def ask(port: int, path: str, header: str) -> tuple[bytes, bytes]:
    """The head and the body of one answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as wire:
        wire.sendall(_request(path, header))
        taken = b""
        while b"\r\n\r\n" not in taken:
            taken += wire.recv(65_536)
        head, _, body = taken.partition(b"\r\n\r\n")
        lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        while lengths and len(body) < int(lengths[0]):
            body += wire.recv(65_536)
        return head + b"\r\n\r\n", body


def tag(port: int) -> str:
    """The ETag of the feed."""
    head = ask(port, "/alerts.atom", "")[0].decode("latin-1")
    return next(line.split(":", 1)[1].strip() for line in head.splitlines() if line.lower().startswith("etag:"))


def _request(path: str, header: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", *([header] if header else []), "", ""]
    return "\r\n".join(lines).encode()


def started(data: Path, times: int, stack: contextlib.ExitStack) -> tuple[Running, list[float], float]:
    """``tocsin serve`` on ``data``: the one that goes on running, the seconds of each start, its memory."""
    seconds: list[float] = []
    memory = 0.0
    for left in range(times, 0, -1):
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-c", START, "serve", "--data", str(data), "--bind", "127.0.0.1:0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        stack.callback(_stop, process)
        assert process.stdout is not None
        line = process.stdout.readline().decode()
        if "http://" not in line:
            raise RuntimeError("tocsin serve did not start")
        port = int(line.rsplit(":", 1)[1])
        ask(port, "/healthz", "")
        seconds.append(time.perf_counter() - began)
        running = Running(process, port)
        memory = running.resident_mb()
        if left == 1:
            return running, seconds, memory
        _stop(process)
    raise RuntimeError("nothing was started")


def prepare(data: Path) -> None:
    """A data folder with :data:`ALERTS` published alerts in it: a feed of about 50 KB."""
    data.mkdir(parents=True, mode=0o700)
    clock = SystemClock()
    now = clock.now().replace(microsecond=0)
    regions = [f"UA-{code}" for code in ("30", "32", "63", "65", "51", "12", "14", "18", "21", "23")]
    facts = []
    for number in range(ALERTS):
        code, sent = regions[number % len(regions)], now - timedelta(seconds=ALERTS - number)
        info = Info(
            language="en",
            categories=("Safety",),
            event="Air alert",
            response_types=("Shelter",),
            urgency="Immediate",
            severity="Extreme",
            certainty="Observed",
            effective=sent,
            expires=sent + timedelta(hours=24),
            sender_name="Tocsin",
            headline=f"{code}: air alert. Go to a shelter now.",
            description="Air alert. Blast and falling debris can kill.",
            instruction="Go to the nearest shelter now. Stay until you receive the all-clear.",
            parameters=(Named(EVENT_ID, f"bench.{number}"), Named(VERSION, "1"), Named(PHASE, "act")),
            areas=(Area(code, geocodes=(Named("ISO3166-2", code),)),),
        )
        name = f"bench.{number}.1"
        alert = Alert(name, "tocsin.invalid", sent, "Actual", "Alert", "Public", infos=(info,))
        cap = write(alert).decode()
        made = Published(name, f"bench.{number}", 1, "act", "Public", "bench", (code,), sent, cap)
        facts.append(fact(ALERT_PUBLISHED, name, made))
    with SqliteStore(data, clock) as store:
        store.append(facts)


def nginx(folder: Path, body: bytes, stack: contextlib.ExitStack) -> Running | None:
    """nginx with the feed as a file and its compressed form beside it; None where it is not installed."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        return None
    root = folder / "static"
    root.mkdir()
    for name, content in (("alerts.atom", body), ("state.json", b'{"phase":"act"}'.ljust(700))):
        (root / name).write_bytes(content)
        (root / f"{name}.gz").write_bytes(gzip.compress(content, 9))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "nginx.conf").write_text(
        f"""daemon off; master_process off; pid {folder}/nginx.pid; error_log /dev/null crit;
events {{ worker_connections 1024; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000; open_file_cache max=100;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  types {{ application/atom+xml atom; application/json json; }}
  server {{ listen 127.0.0.1:{port}; root {root}; gzip_static on; }}
}}"""
    )
    process = subprocess.Popen(
        [program, "-c", str(folder / "nginx.conf"), "-p", str(folder)], stderr=subprocess.DEVNULL
    )
    stack.callback(_stop, process)
    for _ in range(200):
        with contextlib.suppress(OSError):
            ask(port, "/alerts.atom", "")
            return Running(process, port)
        time.sleep(0.02)
    raise RuntimeError("nginx did not start")


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdout is not None:
        process.stdout.close()

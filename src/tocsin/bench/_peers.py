"""Peers: an environment of their own for the programs we are measured against, and one process that runs them.

- The peers are installed on demand, by hash, from ``peers.lock`` and ``peers-nodeps.lock``, into a cache folder named
  after the locks; nothing of theirs is ever installed beside us.
- A peer is timed inside its own process by its own CPU clock, in turn with us, so that a busy machine hits both alike.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

from tocsin.errors import OperatorError

LOCKS = ("peers.lock", "peers-nodeps.lock")
READY = "ready"

_LOOP = """
import json as _json, sys as _sys, time as _time, gc as _gc
for _line in _sys.stdin:
    _asked = _json.loads(_line)
    try:
        _work = WORKS[_asked["work"]]
        _gc.collect()
        _wall, _start = _time.perf_counter(), _time.process_time()
        for _ in range(_asked["n"]):
            _work()
        _told = {"cpu": _time.process_time() - _start, "wall": _time.perf_counter() - _wall}
    except Exception as _wrong:
        _told = {"error": f"{type(_wrong).__name__}: {_wrong}"}
    print(_json.dumps(_told), flush=True)
"""


class PeerError(OperatorError):
    """A program we are measured against cannot be run here."""

    code = "operator.peer"


def python(progress: Callable[[str], None] = lambda line: print(line, file=sys.stderr)) -> Path:
    """The interpreter of the peers' environment, which is made first when it is not there yet."""
    here = files("tocsin.bench")
    locks = [here.joinpath(name).read_bytes() for name in LOCKS]
    named = hashlib.sha256(b"\0".join((*locks, sys.version.encode()))).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tocsin"
    folder = cache / f"peers-{named}"
    interpreter = folder / "bin" / "python"
    if (folder / READY).exists():
        return interpreter
    progress(f"Installing the peers into {folder} (once; about a minute) ...")
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    written = []
    for name, lock in zip(LOCKS, locks, strict=True):
        path = cache / f"{named}-{name}"
        path.write_bytes(lock)
        written.append(path)
    pip = [str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    _run([sys.executable, "-m", "venv", str(folder)])
    _run([*pip, "-r", str(written[0])])
    # These pin versions that no longer build; they run on what the first lock installed.
    _run([*pip, "--no-deps", "-r", str(written[1])])
    (folder / READY).touch()
    return interpreter


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PeerError(f"{' '.join(command[:4])}: {done.stderr.strip()[-400:]}")


class Peer:
    """A process in the peers' environment that runs named works and says how long they took.

    ``program`` is Python that leaves a dict ``WORKS`` of functions without arguments; ``given`` is passed to it as
    ``GIVEN`` (anything JSON can say).
    """

    def __init__(self, program: str, given: Any = None) -> None:
        source = f"import json\nGIVEN = json.loads({json.dumps(json.dumps(given))})\n{program}\n{_LOOP}"
        self._process = subprocess.Popen(
            [
                str(python()),
                "-c",
                "import sys; exec(compile(sys.stdin.readline().encode().decode('unicode_escape')"
                ".encode('latin-1').decode('utf-8'), 'peer', 'exec'))",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdin is not None
        # The program goes through the pipe as one line: a command line has a limit of its own.
        escaped = source.encode("utf-8").decode("latin-1").encode("unicode_escape").decode("ascii")
        self._process.stdin.write(escaped + "\n")
        self._process.stdin.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        with contextlib.suppress(BrokenPipeError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def time(self, work: str, n: int = 1, *, wall: bool = False) -> float:
        """The CPU seconds (or those on the wall) that ``n`` runs of ``work`` took in the peer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"work": work, "n": n}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise PeerError("it ended before it was asked") from None
        line = self._process.stdout.readline()
        if not line:
            raise PeerError("it ended without an answer")
        told = json.loads(line)
        if "error" in told:
            raise PeerError(f"{work}: {told['error']}")
        return float(told["wall" if wall else "cpu"])


def timed(work: Callable[[], object], n: int = 1) -> Callable[[], float]:
    """``work`` as something that runs ``n`` times and says how many CPU seconds that took."""

    def run() -> float:
        start = time.process_time()
        for _ in range(n):
            work()
        return time.process_time() - start

    return run


def in_turn(runs: int, *timers: Callable[[], float]) -> list[float]:
    """The median of what each of ``timers`` says, asked in turn ``runs`` times after one warm-up each."""
    for timer in timers:
        timer()
    said: list[list[float]] = [[] for _ in timers]
    for _ in range(runs):
        for kept, timer in zip(said, timers, strict=True):
            kept.append(timer())
    return [statistics.median(kept) for kept in said]
